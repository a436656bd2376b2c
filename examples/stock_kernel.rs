//! The stock kernel, evcxr_jupyter, as it is: what candlewick stays compatible with and is measured against.
//!
//! `stock_kernel --control_file FILE`, as its own kernelspec says.

fn main() -> anyhow::Result<()> {
    evcxr_jupyter::main()
}

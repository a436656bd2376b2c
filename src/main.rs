//! candlewick's binary: evcxr's runtime hook first, then the command line.

fn main() -> std::process::ExitCode {
    candlewick::session::hook();
    candlewick::cli::main()
}

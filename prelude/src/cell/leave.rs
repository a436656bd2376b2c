//! The end of a cell whose loop the user interrupted.

use crate::show::send;
use crate::{Error, Result};
use candlewick_wire::Message;

/// Tells the session which variables the cell has put into the store.
///
/// # Errors
/// Always: the interrupt, which ends the cell.
pub fn leave(names: &[&str]) -> Result<()> {
    send(&Message::Left { names: names.iter().map(|name| (*name).to_owned()).collect() });
    Err(Error::interrupted())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_is_left_ends_with_the_interrupt() {
        assert!(leave(&["a"]).unwrap_err().is_interrupted());
    }
}

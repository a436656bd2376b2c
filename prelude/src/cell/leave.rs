//! The end of a cell that does not come to its end: by an interrupt, an error, a panic.

use crate::show::send;
use crate::{Error, Result};
use candlewick_wire::Message;

/// What a cell that returns early ends with, in the place of an error; evcxr wants one, or else takes the cell's variables for
/// bound.
pub struct Returned;

impl std::fmt::Display for Returned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the cell returned")
    }
}

/// Tells the session which variables the cell has put into the store.
#[cold]
pub fn left(names: &[&str]) {
    send(&Message::Left { names: names.iter().map(|name| (*name).to_owned()).collect() });
}

/// The same where an interrupt ends the cell.
///
/// # Errors
/// Always: the interrupt.
#[cold]
pub fn leave(names: &[&str]) -> Result<()> {
    left(names);
    Err(Error::interrupted())
}

/// Calls what may panic, or be interrupted.
///
/// # Errors
/// What the panic carries, so that it can go on once the cell's variables are safe.
pub fn guarded<T>(call: impl FnOnce() -> T) -> std::thread::Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(call))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_is_left_ends_with_the_interrupt() {
        assert!(leave(&["a"]).unwrap_err().is_interrupted());
        assert_eq!(guarded(|| 1).unwrap(), 1);
        assert_eq!(
            guarded(|| std::panic::resume_unwind(Box::new(2))).map(|()| 0).unwrap_err().downcast_ref(),
            Some(&2)
        );
    }
}

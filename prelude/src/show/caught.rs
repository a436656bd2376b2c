//! Panics that are caught and told as errors: the session is not told of them.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// How many calls of this thread catch what panics in them.
    static CATCHING: Cell<usize> = const { Cell::new(0) };
}

/// Whether this thread's panic is caught, and told by whoever catches it.
pub(super) fn is_caught() -> bool {
    CATCHING.get() > 0
}

/// Calls what may panic.
///
/// # Errors
/// The panic's message.
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    CATCHING.set(CATCHING.get() + 1);
    let called = catch_unwind(AssertUnwindSafe(call));
    CATCHING.set(CATCHING.get() - 1);
    called.map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        text.unwrap_or_else(|| "a panic without a message".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_its_message() {
        assert_eq!(caught(|| 7), Ok(7));
        assert!(!is_caught());
        let number = 8;
        assert_eq!(caught(|| panic!("number {number}")), Err::<(), _>("number 8".to_owned()));
        assert_eq!(caught(|| panic!("plain")), Err::<(), _>("plain".to_owned()));
        assert_eq!(caught(|| std::panic::panic_any(3)), Err::<(), _>("a panic without a message".to_owned()));
        assert!(caught(is_caught).unwrap() && !is_caught());
    }
}

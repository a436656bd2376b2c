//! How wide text may be: as wide as the terminal in which it is read, where there is one.

use std::sync::atomic::{AtomicUsize, Ordering};

static COLUMNS: AtomicUsize = AtomicUsize::new(0);

/// The characters in a line of the terminal that shows what this process says; `None` where it is no terminal, or one
/// that nobody has measured. It changes when the window does.
pub fn columns() -> Option<usize> {
    Some(COLUMNS.load(Ordering::Relaxed)).filter(|columns| *columns > 0)
}

/// The terminal has so many now; 0 where there is none.
pub(super) fn set(columns: usize) {
    COLUMNS.store(columns, Ordering::Relaxed);
}

//! What the code around a cell tells evcxr of the cell's end. A session hears it as frames, which no text of a cell's
//! looks like; stock evcxr as the lines that it knows.

use crate::show;
use std::fmt;

/// Tells evcxr that a variable is gone, since its type is another one now; the variable's name follows.
pub(super) const VARIABLE_CHANGED_TYPE: &str = "EVCXR_VARIABLE_CHANGED_TYPE:";

/// Tells evcxr that a `?` met an error.
pub const USER_ERROR_OCCURRED: EvcxrMark = EvcxrMark("EVCXR_ERROR_OCCURRED");

/// A line for evcxr, which evcxr's own code prints with a newline after it.
#[derive(Clone, Copy, Debug)]
pub struct EvcxrMark(&'static str);

impl fmt::Display for EvcxrMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show::line_for_evcxr(self.0))
    }
}

/// Tells evcxr that the cell panicked.
pub fn panicked() {
    show::tell_evcxr("EVCXR_PANIC_NOTIFICATION");
}

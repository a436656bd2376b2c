//! What the code around a cell calls: compiled here once, instead of in every cell.
//!
//! evcxr puts the source of its variable store into each cell, so that each cell compiles a hash map anew. A
//! candlewick session leads the cell's calls here instead; the names are evcxr's.

/// `extern crate alloc;` of a cell leads here.
pub extern crate alloc;

mod failed;
mod kept;
mod leave;
mod marks;
mod never;
mod store;

pub use crate::interrupt::{check as go_on, hear, nap, requested as stopped, sleep};
pub use failed::failed;
pub use kept::{Kept, KeptLocal};
pub use leave::{Returned, guarded, leave, left};
pub use marks::{EvcxrMark, USER_ERROR_OCCURRED, panicked};
pub use never::{Gives, Never};
pub use store::{VariableStore, create_variable_store};

//! Parameters with names, groups, frozen or not.
//!
//! One parameter, one truth: a [`Param`] has a dotted name as in its source checkpoint, a value, a group
//! (by depth, 0 at the input) and a frozen flag. Layers hold handles; the [`ParamSet`] of a model holds
//! them all, in the order in which they were made, together with the [`Buffer`]s, which are stored but
//! never trained (running means).
//!
//! ```
//! use candlewick_prelude::params::{Init, ParamSet};
//! let set = ParamSet::new(7);
//! let weight = set.scope("blocks.0", 0).param("weight", (2, 3), Init::Kaiming { fan: 3 })?;
//! assert_eq!(weight.name(), "blocks.0.weight");
//! weight.freeze();
//! assert!(!weight.in_graph().track_op()); // a frozen parameter is a constant: no gradient is computed for it
//! # Ok::<(), candlewick_prelude::Error>(())
//! ```

mod file;
mod init;
mod named;
mod param;
mod pattern;
mod pth;
mod report;
mod set;
mod slot;

pub use file::{read_tensors, read_whole, write_tensors, write_whole};
pub use init::{Init, name_seed};
pub use named::NamedTensors;
pub use param::{Buffer, Param};
pub(crate) use pattern::fits;
pub use report::{LoadReport, WrongShape};
pub(crate) use set::is_under;
pub use set::{ParamSet, Scope};
pub use slot::{LowRank, Slot};

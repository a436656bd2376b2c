//! Backbones and heads.
//!
//! A [`Model`] is a body, which turns pictures into features, and a [`Head`], which turns features into an
//! answer. The body is a row of named blocks (`blocks.0`, `blocks.1`, …); each is a group of parameters by depth,
//! and the head is the last group. [`Arch`] names the bodies there are.
//!
//! - `arch`: the list of bodies, and what a model starts from: trained weights, or none.
//! - `residual`: the residual block, and the small default body made of it.
//! - `head`: a class a picture, or a class and a box a picture.
//! - `model`: body and head together.
//! - `weights`: where trained weights come from; `hub`: the download; `lookalike`: what a file's names look like.

mod arch;
mod head;
mod hub;
mod lookalike;
mod model;
mod residual;
mod weights;

pub use arch::{Arch, Start, Weights};
pub use head::{ClassHead, Head, LocalizeHead, Output, Task};
pub use hub::{Hub, PUBLISHED, Published};
pub use model::Model;
pub use residual::Residual;
pub use weights::Trained;

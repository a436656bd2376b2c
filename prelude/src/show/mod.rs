//! The cell's side of the screen: the one place that prints displays.
//!
//! What is shown is a [`Bundle`]: the same thing in several forms (text, HTML, PNG …), of which the frontend takes
//! the best that it can draw. Where it goes depends on who listens:
//!
//! - **candlewick** (its session names a private channel): every message goes out in order with the cell's text, so
//!   several displays a cell, updates in place and progress all work.
//! - **stock evcxr_jupyter**: its own convention for rich output; it keeps the last block of a kind and shows it when
//!   the cell ends, so a live figure is printed once, at its end.
//! - **a plain program**: the text form, and a line of progress where standard error is a terminal.
//!
//! ```
//! use candlewick_prelude::show::{self, Bundle, Live};
//! show::display(&Bundle::new().text("bold").html("<b>bold</b>"));
//! let mut live = Live::new();
//! for step in 0..1000 {
//!     live.update(|| Bundle::new().text(format!("step {step}")));
//! }
//! live.finish(&Bundle::new().text("done"));
//! ```
//!
//! - `bundle` holds the forms, `channel` knows who listens and writes to them, `live` limits the rate of updates.
//! - `columns` is the terminal's width; `timeit` says how long code takes.
//! - `comm` is for what both ends of the screen say: widgets, and frontend code of one's own.
//! - `describe` says of a variable what a table of variables tells.
//! - `caught` turns panics into errors of which the session is not told.
//! - `session` is what a session calls once at its start.
//! - `table` is a small table as text and HTML; `values` says how tensors, pictures and numbers look, `cut` cuts what
//!   is too long, `picture` keeps pictures in few bytes, `weighed` colours the words of a text.

mod ask;
mod bundle;
mod caught;
mod channel;
mod columns;
mod comm;
mod cut;
mod describe;
mod live;
pub(crate) mod picture;
mod session;
mod steps;
mod table;
mod timeit;
mod values;
mod weighed;

pub use ask::{ask, ask_password};
pub use bundle::Bundle;
pub(crate) use caught::caught;
pub use channel::{clear, note, print, progress};
pub(crate) use channel::{failed, written};
pub(crate) use channel::{line_for_evcxr, send, tell_evcxr};
pub use columns::columns;
pub use comm::{Comm, CommMessage};
pub use describe::{Describe, Description, vars};
pub use live::Live;
pub use session::init;
pub(crate) use steps::Steps;
pub use table::{Table, escape, escape_markdown};
pub use timeit::timeit;
pub use values::{CellValue, Show, display, result};
pub(crate) use weighed::weighed_text;

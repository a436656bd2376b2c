//! The annotation tool: boxes drawn by hand, in a notebook or on a page of this machine's own.
//!
//! ```no_run
//! use candlewick_prelude::prelude::*;
//! Boxes::open("paintings")?.annotate()?.display();
//! Annotator::open("photographs")?.serve()?; // without a notebook
//! # Ok::<(), candlewick_prelude::Error>(())
//! ```
//!
//! - `annotator` is the tool as cells have it; `desk` keeps pictures and boxes, and writes them before it says so.
//! - `marks` checks boxes and fields, `talk` answers the tool's messages, whatever carries them; `picture` makes pictures fit.
//! - `widget` carries the talk over a comm; `page` over HTTP, of which `http` knows the bytes and `guard` who is let in; `token` is the secret of a page.
//! - `front/` is the tool itself, in JavaScript; its `PROTOCOL.md` says what both sides say and what a page's server refuses.

mod annotator;
mod desk;
mod guard;
mod http;
mod marks;
mod page;
mod picture;
mod talk;
mod token;
mod widget;

#[cfg(test)]
mod tests;

pub use annotator::{Annotator, serve};

/// The tool's module: two files, one after the other.
const MODULE: &str = concat!(include_str!("front/sync.js"), "\n", include_str!("front/annotate.js"));
const CSS: &str = include_str!("front/annotate.css");

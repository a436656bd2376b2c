//! candlewick: a Jupyter kernel, a terminal REPL and a notebook runner for Rust with a prelude for fine-tuning.
//!
//! `ARCHITECTURE.md` is the map of the rooms below and of how a cell travels through them.

pub mod analysis;
pub mod cli;
pub mod document;
pub mod engine;
pub mod home;
pub mod kernel;
pub mod notebook;
pub mod repl;
pub mod screen;
pub mod session;
pub mod setup;
pub mod signals;
pub mod weights;

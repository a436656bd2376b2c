//! How the run of a notebook ended.

use crate::session::CellError;

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// All cells ran.
    Done,
    /// A cell failed; the ones after it did not run.
    Failed {
        /// The cell's place among the code cells that run, from 1.
        number: usize,
        /// What it met.
        error: CellError,
    },
    /// The user ended it.
    Stopped {
        /// The cell that was running or about to run, from 1.
        number: usize,
    },
}

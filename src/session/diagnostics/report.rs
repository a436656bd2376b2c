//! An error in the user's terms, and what it is told from.

use super::excerpt::Mark;
use super::program::Program;
use crate::session::memory::{Memory, Told};

/// What is known of a cell that did not compile.
pub struct Story<'a> {
    /// The program that was compiled.
    pub program: &'a Program<'a>,
    /// The cell.
    pub told: &'a Told,
    /// The cells before it.
    pub memory: &'a Memory,
}

/// One error, in the user's terms.
#[derive(Debug, Default)]
pub struct Report<'a> {
    pub code: Option<String>,
    pub message: String,
    pub marks: Vec<(&'a Told, Mark)>,
    /// `help` or `note`, and what it says.
    pub advice: Vec<(String, String)>,
}

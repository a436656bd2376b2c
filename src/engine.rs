//! Whatever executes cells, as the frontends see it: a session, or a test's stand-in.

use crate::screen::Screen;
use crate::session::{CellError, Completions, Done, Inspection, Session, Variable};

/// Executes cells; its methods are called from several threads.
pub trait Engine: Send + Sync {
    /// Runs one cell; its outputs go to the screen.
    ///
    /// # Errors
    /// Whatever ended the cell early.
    fn execute(&self, code: &str, screen: &mut dyn Screen) -> Result<Done, CellError>;
    /// Interrupts the running cell, if there is one. Returns at once.
    fn interrupt(&self);
    /// Interrupts the running cell, and ends it for sure, with all variables where it must be. Returns at once.
    fn end(&self) {
        self.interrupt();
    }
    /// Completions at byte offset `cursor`.
    fn complete(&self, code: &str, cursor: usize) -> Completions {
        let _ = (code, cursor);
        Completions::default()
    }
    /// What is known of the item at byte offset `cursor`.
    fn inspect(&self, code: &str, cursor: usize) -> Option<Inspection> {
        let _ = (code, cursor);
        None
    }
    /// The variables that cells have bound.
    fn variables(&self) -> Vec<Variable> {
        Vec::new()
    }
    /// The terminal in which the cells' text is read has lines of so many characters.
    fn columns(&self, columns: usize) {
        let _ = columns;
    }
}

impl Engine for Session {
    fn execute(&self, code: &str, screen: &mut dyn Screen) -> Result<Done, CellError> {
        Session::execute(self, code, screen)
    }
    fn interrupt(&self) {
        Session::interrupt(self);
    }
    fn end(&self) {
        Session::end_cell(self);
    }
    fn complete(&self, code: &str, cursor: usize) -> Completions {
        Session::complete(self, code, cursor)
    }
    fn inspect(&self, code: &str, cursor: usize) -> Option<Inspection> {
        Session::inspect(self, code, cursor)
    }
    fn variables(&self) -> Vec<Variable> {
        Session::variables(self)
    }
    fn columns(&self, columns: usize) {
        Session::columns(self, columns);
    }
}

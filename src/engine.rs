//! Whatever executes cells, as the frontends see it: a session, one that still starts, or a test's stand-in.

use crate::screen::{Comm, Screen};
use crate::session::{self, CellError, Completeness, Completions, Done, Inspection, Session, Variable};

/// Executes cells; its methods are called from several threads. [`execute`](Engine::execute) blocks, the others answer
/// soon. Those with a body are for engines that know of such things.
pub trait Engine: Send + Sync {
    /// Runs one cell; its outputs go to the screen while it runs.
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
    /// Whether `code` could be run as it stands.
    fn completeness(&self, code: &str) -> Completeness {
        session::completeness(code)
    }
    /// The variables that cells have bound.
    fn variables(&self) -> Vec<Variable> {
        Vec::new()
    }
    /// The terminal in which the cells' text is read has lines of so many characters.
    fn columns(&self, columns: usize) {
        let _ = columns;
    }
    /// Hands what a frontend said over a comm to the cells' side, also while a cell runs;
    /// [`Said::Handled`](crate::screen::Said::Handled) tells when it has been dealt with. False where nobody is there.
    fn comm(&self, number: u64, comm: Comm) -> bool {
        let _ = (number, comm);
        false
    }
    /// Lets `screen` hear what is said while no cell runs; called once, first.
    fn listen(&self, screen: Box<dyn Screen + Send>) {
        let _ = screen;
    }
    /// Ends it; called once, last.
    fn shutdown(&self) {}
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
    fn comm(&self, number: u64, comm: Comm) -> bool {
        Session::comm(self, number, comm)
    }
    fn listen(&self, screen: Box<dyn Screen + Send>) {
        Session::listen(self, screen);
    }
}

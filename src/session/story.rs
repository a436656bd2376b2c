//! What is done around a cell so that its errors can be told in the user's terms.

use super::cell::Cell;
use super::diagnostics::program::Program;
use super::diagnostics::{self, Story};
use super::engine::{Ended, Job};
use super::memory::{Names, Told};
use super::prepare::leading::Leading;
use super::prepare::{self, Prepared};
use super::{CellError, Session, lock};

impl Session {
    /// The cell as evcxr is to see it.
    ///
    /// # Errors
    /// It does not parse.
    pub(super) fn prepare(&self, code: &str, number: u64) -> Result<(Told, Prepared), CellError> {
        let held = lock(&self.memory).held.clone();
        let bound = self.analysis.as_ref().map(|analysis| analysis.bound(&Leading::of(code).rust_only(code)));
        let prepared = match prepare::prepare(code, &held, &bound.unwrap_or_default()) {
            Some(prepared) => prepared,
            None => match diagnostics::broken(code) {
                Some(error) => return Err(error),
                None => prepare::barely(code, &held),
            },
        };
        let (edited, parts) = (prepared.edited.clone(), prepared.parts.clone());
        Ok((Told { number, code: code.to_owned(), edited, parts }, prepared))
    }

    /// The variables that there are.
    pub(super) fn names(&self) -> Names {
        let variables = self.ask(|done| Job::Variables { done }).unwrap_or_default();
        variables.into_iter().map(|variable| variable.name).collect()
    }

    /// Remembers how a cell ended; the variables that it bound and that are not there.
    pub(super) fn remember(
        &self,
        told: &Told,
        prepared: &Prepared,
        before: &Names,
        ended: &Ended,
        cell: &Cell<'_>,
    ) -> Vec<String> {
        match ended {
            Ended::Ran(_) => {
                let after = self.names();
                let failed = cell.panicked.is_some() || cell.failed.is_some();
                lock(&self.memory).ran(told, prepared, before, &after, failed);
                let mut lost: Vec<String> =
                    prepared.binds.iter().filter(|name| !after.contains(*name)).cloned().collect();
                lost.sort();
                lost.dedup();
                lost
            }
            Ended::Died { lost, .. } => {
                lock(&self.memory).died(told.number, lost);
                Vec::new()
            }
            Ended::Compilation(_) | Ended::Other(_) | Ended::Refused(_) => Vec::new(),
        }
    }

    /// The error of a cell that did not compile.
    pub(super) fn explain(&self, errors: &[evcxr::CompilationError], told: &Told) -> CellError {
        let made = self.ask(|done| Job::Program { done }).unwrap_or_default();
        let memory = lock(&self.memory);
        let program = Program::new(&made.text, told, &memory.cells);
        let story = Story { program: &program, told, memory: &memory };
        let explained = diagnostics::compilation(&made.errors, &story);
        explained.unwrap_or_else(|| diagnostics::refused(errors, told))
    }

    /// The error of a cell that evcxr would not even have compiled.
    pub(super) fn explain_refusal(&self, text: &str, told: &Told) -> CellError {
        let made = self.ask(|done| Job::Program { done }).unwrap_or_default();
        diagnostics::unkept(text, &told.code, &made.types).unwrap_or_else(|| diagnostics::other(text))
    }

    /// An error that has a place in the program that ran.
    pub(super) fn at_a_place(&self, told: &Told, error: impl FnOnce(&Program<'_>) -> CellError) -> CellError {
        let made = self.ask(|done| Job::Program { done }).unwrap_or_default();
        let memory = lock(&self.memory);
        error(&Program::new(&made.text, told, &memory.cells))
    }
}

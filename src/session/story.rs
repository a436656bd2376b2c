//! What is done around a cell so that its errors can be told in the user's terms.

use super::cell::Cell;
use super::diagnostics::program::Program;
use super::diagnostics::{self, Story};
use super::evaluator::{Ended, Job};
use super::memory::{Names, Told};
use super::prepare::leading::Leading;
use super::prepare::{self, Prepared};
use super::typed::NEVER;
use super::variables::Nowhere;
use super::{CellError, Session, lock};
use crate::screen::{Said, Screen};

impl Session {
    /// The cell as evcxr is to see it.
    ///
    /// # Errors
    /// It does not parse.
    pub(super) fn prepare(&self, code: &str, number: u64) -> Result<(Told, Prepared), CellError> {
        let held = lock(&self.memory).held.clone();
        let rust = Leading::of_rust(code).rust_only(code);
        // A cell that binds nothing need not wait for the analysis, which takes its time at the start.
        let analysis = self.analysis.as_ref().filter(|_| rust.contains("let"));
        let bound = analysis.map(|analysis| analysis.bound(&rust));
        // A fault in the preparation of one cell must not end them all.
        let prepared = std::panic::catch_unwind(|| prepare::prepare(code, &held, &bound.unwrap_or_default()));
        let prepared = match prepared.unwrap_or_else(|_| Some(prepare::barely(code, &held))) {
            Some(prepared) => prepared,
            None => match diagnostics::broken(code) {
                Some(error) => return Err(error),
                None => prepare::barely(code, &held),
            },
        };
        let (edited, parts) = (prepared.edited.clone(), prepared.parts.clone());
        Ok((Told { number, code: code.to_owned(), edited, parts }, prepared))
    }

    /// Puts variables aside whose type the cell defines anew: their values are not what the new type says they are.
    /// Their names and types.
    pub(super) fn put_aside(&self, number: u64, prepared: &Prepared) -> Vec<(String, String)> {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let variables = match prepared.redefines.is_empty() {
            true => return Vec::new(),
            false => self.ask(|done| Job::Variables { done }).unwrap_or_default(),
        };
        let mut outdated: Vec<(String, String)> = Vec::new();
        for kind in &prepared.redefines {
            let holds = |text: &str| text.split(|c| !is_word(c)).any(|word| word == kind);
            for one in variables.iter().filter(|one| holds(&one.kind)) {
                lock(&self.memory).outdated(number, &one.name, kind);
                outdated.push((one.name.clone(), one.kind.replace('!', NEVER)));
            }
        }
        outdated.sort();
        outdated.dedup();
        let put = |(name, kind): &(String, String)| {
            format!("evcxr_variable_store.put_variable::<{kind}>(\"outdated {name}\", {name});\n")
        };
        self.run_hidden(&outdated.iter().map(put).collect::<String>());
        outdated
    }

    /// What becomes of the variables that were put aside: they are given back where the cell did not compile, or else let
    /// go, which is told.
    pub(super) fn settle(
        &self,
        aside: &[(String, String)],
        prepared: &Prepared,
        compiled: bool,
        screen: &mut dyn Screen,
    ) {
        let back = |(name, kind): &(String, String)| match compiled {
            true => format!("evcxr_variable_store.forget(\"outdated {name}\");\n"),
            false => format!(
                "let mut {name}: {kind} = {{ let kept = evcxr_variable_store.take_variable::<{kind}>(\"outdated {name}\"); kept }};\n"
            ),
        };
        self.run_hidden(&aside.iter().map(back).collect::<String>());
        for (name, _) in aside {
            let mut memory = lock(&self.memory);
            match memory.fate(name).cloned() {
                Some(fate) if compiled && !prepared.binds.contains(name) => {
                    screen.say(Said::err(format!("{}\n  → {}\n", fate.what, fate.remedy)));
                }
                _ if !compiled => memory.forgive(name),
                _ => {}
            }
        }
    }

    /// Lets evcxr run code of ours, of which nothing is shown.
    fn run_hidden(&self, code: &str) {
        if !code.is_empty() {
            self.clear_channels();
            let _ = self.run(code, &mut Cell::new(&mut Nowhere));
        }
    }

    /// The variables that there are.
    pub(super) fn names(&self) -> Names {
        let variables = self.ask(|done| Job::Variables { done }).unwrap_or_default();
        let mut memory = lock(&self.memory);
        variables.iter().for_each(|variable| memory.is_of(&variable.name, &variable.kind));
        variables.into_iter().map(|variable| variable.name).collect()
    }

    /// Gives back the variables that a failed cell would have bound anew, where it has not used them up, and those that
    /// an interrupted one has `left`; the names of the former.
    pub(super) fn restore(&self, before: &Names, prepared: &Prepared, left: &[String]) -> Vec<String> {
        let after = self.names();
        let own = |name: &&String| before.contains(*name) && !after.contains(*name);
        let lost: Names = prepared.binds.iter().filter(own).cloned().collect();
        let lost: Vec<String> = lost.into_iter().collect();
        if lost.is_empty() && left.is_empty() {
            return lost;
        }
        let left = left.to_vec();
        let back = self.ask(|done| Job::Restore { lost, left: left.clone(), done }).unwrap_or_default();
        back.into_iter().filter(|name| !left.contains(name)).collect()
    }

    /// Remembers how a cell ended; the variables that it bound and that are not there, and those of earlier cells that it
    /// has moved.
    pub(super) fn remember(
        &self,
        told: &Told,
        prepared: &Prepared,
        before: &Names,
        ended: &Ended,
        failed: bool,
    ) -> (Vec<String>, Vec<String>) {
        match ended {
            Ended::Ran(_) => {
                let after = self.names();
                lock(&self.memory).ran(told, prepared, before, &after, failed);
                let mut lost: Vec<String> =
                    prepared.binds.iter().filter(|name| !after.contains(*name)).cloned().collect();
                lost.sort();
                lost.dedup();
                let moved = before.difference(&after).filter(|name| !prepared.binds.contains(*name));
                (lost, moved.cloned().collect())
            }
            Ended::Died { lost, .. } => {
                let mut lost: Vec<String> = lost.iter().chain(&prepared.binds).cloned().collect();
                lost.sort();
                lost.dedup();
                lock(&self.memory).died(told.number, &lost);
                (lost, Vec::new())
            }
            Ended::Compilation(_) | Ended::Other(_) | Ended::Refused(_) => Default::default(),
        }
    }

    /// Remembers a cell that did not come to run, once its error is told: what it was to bind is not there.
    pub(super) fn remember_unrun(&self, number: u64, prepared: &Prepared) {
        if prepared.binds.is_empty() {
            return;
        }
        let there = self.names();
        let interrupted = self.state.interrupted.load(std::sync::atomic::Ordering::SeqCst);
        let why = if interrupted { "was interrupted before it ran" } else { "did not compile" };
        lock(&self.memory).not_run(number, why, prepared.binds.iter().filter(|name| !there.contains(*name)));
    }

    /// What a cell that ran should have looked at: results that it drops, and the one that is its value.
    pub(super) fn unheeded(&self, told: &Told, shown: Option<&str>) -> Vec<String> {
        let made = self.ask(|done| Job::Program { done }).unwrap_or_default();
        let mut notes = Vec::new();
        // To find the cells in the program takes its time, and most cells drop nothing.
        if !made.unheeded.is_empty() {
            let memory = lock(&self.memory);
            let program = Program::new(&made.text, told, &memory.cells);
            notes = diagnostics::unheeded(&made.unheeded, &Story { program: &program, told, memory: &memory });
        }
        notes.extend(shown.and_then(diagnostics::wrapped).map(str::to_owned));
        notes
    }

    /// The error of a cell that did not compile.
    pub(super) fn explain(&self, errors: &[evcxr::CompilationError], told: &Told, prepared: &Prepared) -> CellError {
        let made = self.ask(|done| Job::Program { done }).unwrap_or_default();
        let memory = lock(&self.memory);
        let program = Program::new(&made.text, told, &memory.cells);
        let story = Story { program: &program, told, memory: &memory };
        let borrows = made.errors.iter().all(|error| diagnostics::is_of_keeping(error, &story));
        // That it borrows is the smaller reason why a value cannot be kept whose type has no name.
        if let Some((name, kind)) = prepared.unnameable.first()
            && borrows
        {
            let text = format!("Couldn't automatically determine type of variable `{name}`");
            let types = [(name.clone(), kind.clone())].into();
            if let Some(error) = diagnostics::unkept(&text, &told.code, &types) {
                return error;
            }
        }
        if borrows && let Some(error) = diagnostics::borrowed(&made.errors, &story) {
            return error;
        }
        let explain = std::panic::AssertUnwindSafe(|| diagnostics::compilation(&made.errors, &story));
        let explained = std::panic::catch_unwind(explain).unwrap_or_default();
        explained.unwrap_or_else(|| diagnostics::refused(errors, told))
    }

    /// The error of a cell that evcxr would not even have compiled.
    pub(super) fn explain_refusal(&self, text: &str, told: &Told, prepared: &Prepared) -> CellError {
        let mut made = self.ask(|done| Job::Program { done }).unwrap_or_default();
        // The compiler leaves out what a hidden type is to be.
        for (name, kind) in prepared.unnameable.iter().filter(|(_, kind)| kind.contains("impl ")) {
            if made.types.get(name).is_none_or(|said| said.contains("impl ")) {
                made.types.insert(name.clone(), kind.clone());
            }
        }
        diagnostics::unkept(text, &told.code, &made.types).unwrap_or_else(|| diagnostics::other(text))
    }

    /// An error that has a place in the program that ran.
    pub(super) fn at_a_place(&self, told: &Told, error: impl FnOnce(&Program<'_>) -> CellError) -> CellError {
        let made = self.ask(|done| Job::Program { done }).unwrap_or_default();
        let memory = lock(&self.memory);
        error(&Program::new(&made.text, told, &memory.cells))
    }
}

//! Cells that add crates: looked at first, announced where they take long, and asked about where they cost variables.

use super::dependencies::{self, Wanted};
use super::evaluator::{Ended, Evaluator};
use super::refusal::refused;
use super::shim::{self, BUILT_FILE, EXPECTED_FILE, FAILED_FILE, ONLY_BUILD_FILE};
use candlewick_wire::Said;
use std::fs;

impl Evaluator {
    /// Runs a cell, and before that sees to the crates that it adds.
    pub fn run_cell(&mut self, code: &str) -> Ended {
        let wanted = match dependencies::wanted(code) {
            Ok(wanted) if wanted.is_empty() => return self.run(code),
            Ok(wanted) => wanted,
            Err(error) => return Ended::Refused(error),
        };
        shim::say(Said::progress("looking at the crates", 0, 0));
        let outlook = match dependencies::look(&self.path, &wanted, &mut self.compiled) {
            Ok(Some(outlook)) => outlook,
            Ok(None) => return self.run(code),
            Err(error) => return Ended::Refused(error),
        };
        let variables = self.names();
        let question = (wanted.clone(), variables.clone());
        let confirmed = self.questioned.take().is_some_and(|before| before == question);
        if outlook.is_anew() && !variables.is_empty() && !confirmed {
            self.questioned = Some(question);
            return Ended::Refused(outlook.question(&wanted, &variables));
        }
        if let Some(text) = outlook.announcement(&wanted, &variables) {
            shim::say(Said::out(text));
        }
        let _ = fs::write(self.path.join(EXPECTED_FILE), outlook.count().to_string());
        let _ = fs::remove_file(self.path.join(FAILED_FILE));
        let kept = outlook.adopt(&self.path);
        let ended = match outlook.is_anew() {
            true => self.run_with_another_prelude(code, &wanted),
            false => self.run(code),
        };
        let added = dependencies::were_added(&self.path, &wanted);
        let _ = fs::remove_file(self.path.join(EXPECTED_FILE));
        match added {
            true => self.compiled = outlook.into_compiled(&self.path),
            false => kept.restore(),
        }
        match fs::read_to_string(self.path.join(FAILED_FILE)) {
            Ok(said) if !added && !matches!(ended, Ended::Ran(_) | Ended::Died { .. }) => Ended::Refused(broken(&said)),
            _ => ended,
        }
    }

    /// Builds the prelude anew, and only when that has succeeded lets a new process take the place of the one that
    /// runs with the old one.
    fn run_with_another_prelude(&mut self, code: &str, wanted: &[Wanted]) -> Ended {
        let lines: String = wanted.iter().map(|one| format!(":dep {} = {}\n", one.name, one.config)).collect();
        let _ = fs::write(self.path.join(ONLY_BUILD_FILE), "");
        let built = self.run(&lines);
        let _ = fs::remove_file(self.path.join(ONLY_BUILD_FILE));
        if fs::remove_file(self.path.join(BUILT_FILE)).is_err() {
            return built;
        }
        self.restart();
        match self.run(&lines) {
            Ended::Ran(_) => {
                self.init_where_new();
                self.run(code)
            }
            ended => ended,
        }
    }
}

/// The error of a crate that does not compile: its name, then what the compiler or its build script wrote.
fn broken(said: &str) -> super::CellError {
    let (name, text) = said.split_once('\n').unwrap_or((said, ""));
    let first =
        text.lines().map(str::trim).find(|line| line.starts_with("error") && !line.contains("could not compile"));
    let why = first.map(|line| format!(": {}", line.trim_start_matches("error: "))).unwrap_or_default();
    let mut error = refused("Dependency", format!("`{name}` does not compile{why}"), &[]);
    error.traceback.extend(text.lines().rev().take(40).collect::<Vec<_>>().into_iter().rev().map(str::to_owned));
    error
        .traceback
        .push("  → another version, other features or a library of the system may be what it needs".to_owned());
    error.traceback.push("Nothing was added; the session is as it was.".to_owned());
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_does_not_compile_is_told_with_what_was_said() {
        let error = broken(
            "openssl-sys v0.9\nerror: failed to run custom build command for `openssl-sys v0.9`\n  no pkg-config\n",
        );
        assert!(error.value.starts_with("`openssl-sys v0.9` does not compile: failed to run"), "{error}");
        assert!(error.traceback.iter().any(|line| line.contains("no pkg-config")));
        assert_eq!(broken("x").value, "`x` does not compile");
    }
}

//! Where cells and lines for the shell run: the folder, the environment and the terminal's width, and `%cd`, `%pwd` and
//! `%env` that ask for them or change them.

use super::{refused, text};
use crate::screen::{Said, Screen};
use crate::session::cell::Cell;
use crate::session::shell::Surroundings;
use crate::session::variables::Nowhere;
use crate::session::{CellError, Session, lock, restore_environment};
use candlewick_wire::Request;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// What has changed of the place since the session started.
#[derive(Debug, Default)]
pub struct Moved {
    /// The folder, if another one.
    pub directory: Option<PathBuf>,
    /// Variables that were set or removed, in order.
    pub environment: Vec<(String, Option<String>)>,
    /// The folder before the last change of it, for `cd -`.
    before: Option<PathBuf>,
}

impl Moved {
    /// What tells a runtime child of it; nothing where nothing has changed. `here` is the folder if it is the old one.
    pub fn request(&self, here: impl FnOnce() -> PathBuf) -> Option<Request> {
        if self.directory.is_none() && self.environment.is_empty() {
            return None;
        }
        let directory = self.directory.clone().unwrap_or_else(here).to_string_lossy().into_owned();
        Some(Request::Move { directory, environment: self.environment.clone() })
    }

    fn set(&mut self, name: &str, value: Option<&str>) {
        self.environment.retain(|(old, _)| old != name);
        self.environment.push((name.to_owned(), value.map(str::to_owned)));
    }
}

impl Session {
    /// Goes on with another working directory and a changed environment for the cells; for a session that was
    /// started before it was known what for. The host's own working directory and environment are the caller's.
    pub fn move_to(&self, directory: &Path, environment: Vec<(String, Option<String>)>) {
        {
            let mut moved = lock(&self.moved);
            moved.directory = Some(directory.to_owned());
            moved.environment = environment;
        }
        self.tell_move();
    }

    /// Tells the runtime child, a new one too, where it is to be.
    pub(in crate::session) fn tell_move(&self) {
        let here = self.directory();
        if let Some(request) = lock(&self.moved).request(|| here) {
            self.channel.say(&request);
        }
    }

    /// The terminal in which the cells' text is read has lines of so many characters; charts fit them, also while a
    /// cell runs.
    pub fn columns(&self, columns: usize) {
        self.state.columns.store(columns, Ordering::SeqCst);
        self.tell_columns();
    }

    pub(in crate::session) fn tell_columns(&self) {
        let columns = self.state.columns.load(Ordering::SeqCst);
        if columns > 0 {
            self.channel.say(&Request::Columns { columns });
        }
    }

    /// The folder in which cells run now; a cell may have changed it.
    pub(in crate::session) fn directory(&self) -> PathBuf {
        let of_process = || std::fs::read_link(format!("/proc/{}/cwd", self.runtime_id()?)).ok();
        let told = || lock(&self.moved).directory.clone().or_else(|| self.options.directory.clone());
        let found = of_process().filter(|folder| folder.is_dir()).or_else(told);
        found.or_else(|| std::env::current_dir().ok()).unwrap_or_default()
    }

    /// The folder and the environment for a line of the shell.
    pub(super) fn place(&self) -> Surroundings {
        let own = self.options.environment.iter().map(|(name, value)| (name.clone(), Some(value.clone())));
        let environment = own.chain(lock(&self.moved).environment.iter().cloned()).collect();
        Surroundings { directory: Some(self.directory()), environment }
    }

    /// Moves the cells and the shell's lines into another folder.
    pub(super) fn enter(&self, target: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        let here = self.directory();
        let target = unquoted(target.trim());
        let folder = match target {
            "" | "~" => home()?,
            "-" => match &lock(&self.moved).before {
                Some(before) => before.clone(),
                None => return Err(refused("Folder", "there is no folder before this one; `%cd NAME` enters one")),
            },
            _ => match target.strip_prefix("~/") {
                Some(below) => home()?.join(below),
                None => here.join(target),
            },
        };
        let entered = std::fs::canonicalize(&folder)
            .and_then(|folder| std::fs::read_dir(&folder).map(|_| folder))
            .map_err(|error| refused("Folder", format!("cannot enter `{}`: {error}", folder.display())))?;
        {
            let mut moved = lock(&self.moved);
            moved.directory = Some(entered.clone());
            moved.before = Some(here);
        }
        self.tell_move_and_wait();
        screen.say(Said::out(format!("{}\n", entered.display())));
        Ok(())
    }

    /// Tells the runtime child where it is to be, and waits until it is there.
    fn tell_move_and_wait(&self) {
        self.clear_channels();
        self.tell_move();
        let mut nowhere = Nowhere;
        self.barrier(&mut Cell::new(&mut nowhere));
    }

    /// `%env`: all variables, one of them, or a new value.
    pub(super) fn environment(&self, argument: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        if argument.is_empty() {
            let line = |(name, value): (String, String)| {
                let value = if is_secret(&name) { "…".to_owned() } else { value };
                format!("{name}={value}\n")
            };
            screen.say(Said::Result(text(self.variables_of_environment().into_iter().map(line).collect::<String>())));
            return Ok(());
        }
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => match argument.split_once(char::is_whitespace) {
                Some((name, value)) => (name, Some(value.trim())),
                None => (argument, None),
            },
        };
        if name.is_empty() || name.contains(char::is_whitespace) || argument.contains('\0') {
            return Err(refused("Environment", "`%env NAME=VALUE` sets a variable, `%env NAME` shows it"));
        }
        match value.map(unquoted) {
            Some(value) => {
                let here = self.directory();
                {
                    let mut moved = lock(&self.moved);
                    moved.set(name, Some(value));
                    // A cell may have entered another folder since, in which it stays.
                    moved.directory = moved.directory.is_some().then_some(here);
                }
                self.tell_move_and_wait();
                screen.say(Said::out(format!("{name}={value}\n")));
                Ok(())
            }
            None => match self.variables_of_environment().remove(name) {
                Some(value) => {
                    screen.say(Said::Result(text(value)));
                    Ok(())
                }
                None => Err(refused("Environment", format!("`{name}` is not set; `%env {name}=VALUE` sets it"))),
            },
        }
    }

    /// The variables that cells and the shell's lines start with.
    fn variables_of_environment(&self) -> BTreeMap<String, String> {
        let mut command = std::process::Command::new("sh");
        restore_environment(&mut command);
        let mut all: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let mut set = |name: OsString, value: Option<OsString>| match value {
            Some(value) => drop(all.insert(name, value)),
            None => drop(all.remove(&name)),
        };
        for (name, value) in command.get_envs() {
            set(name.to_owned(), value.map(ToOwned::to_owned));
        }
        for (name, value) in self.place().environment {
            set(name.into(), value.map(Into::into));
        }
        let text = |word: OsString| word.to_string_lossy().into_owned();
        all.into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }
}

fn home() -> Result<PathBuf, CellError> {
    let home = std::env::var_os("HOME").filter(|home| Path::new(home).is_dir());
    home.map(PathBuf::from).ok_or_else(|| refused("Folder", "there is no home folder: HOME is not set"))
}

/// A word without the quotes around it.
fn unquoted(word: &str) -> &str {
    let within = |quote| word.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(word)
}

/// Whether a list of variables should not tell the value, as it may be saved with the notebook.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["key", "token", "secret", "password", "passwd", "credential"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_tells_no_secrets() {
        for name in ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "api_key", "PGPASSWORD"] {
            assert!(is_secret(name), "{name}");
        }
        assert!(!is_secret("PATH") && !is_secret("HOME"));
    }

    #[test]
    fn the_last_value_of_a_variable_counts() {
        let mut moved = Moved::default();
        assert!(moved.request(PathBuf::new).is_none());
        moved.set("A", Some("1"));
        moved.set("B", None);
        moved.set("A", Some("2"));
        let expected = vec![("B".to_owned(), None), ("A".to_owned(), Some("2".to_owned()))];
        let Some(Request::Move { directory, environment }) = moved.request(|| "/here".into()) else {
            panic!("no move")
        };
        assert_eq!((directory.as_str(), environment), ("/here", expected));
    }

    #[test]
    fn quotes_are_not_part_of_a_folders_name() {
        for (word, plain) in [("\"a b\"", "a b"), ("'a'", "a"), ("a'b", "a'b"), ("\"", "\"")] {
            assert_eq!(unquoted(word), plain);
        }
    }
}

//! Magics that IPython has: what is done here, and how the rest is said.

use super::{refused, text};
use crate::screen::{Display, Said, Screen};
use crate::session::{CellError, Session, help, lock, variables};
use serde_json::Map;
use std::io::Write;

/// Magics that are carried out.
const DONE: [&str; 19] = [
    "time", "timeit", "cd", "pwd", "env", "set_env", "who", "whos", "who_ls", "reset", "history", "hist", "run",
    "load", "magic", "lsmagic", "quickref", "sx", "system",
];

/// Those that are a program's name, with the line for the shell.
const PROGRAMS: [(&str, &str); 14] = [
    ("ls", "ls"),
    ("ll", "ls -l"),
    ("la", "ls -a"),
    ("cat", "cat"),
    ("cp", "cp"),
    ("mv", "mv"),
    ("mkdir", "mkdir"),
    ("rm", "rm"),
    ("rmdir", "rmdir"),
    ("head", "head"),
    ("tail", "tail"),
    ("wc", "wc"),
    ("find", "find"),
    ("grep", "grep"),
];

/// Those for which there is nothing to do, and why.
const NEEDLESS: [(&str, &str); 6] = [
    ("matplotlib", "figures are drawn into the notebook, there is nothing to set"),
    ("pylab", "figures are drawn into the notebook, there is nothing to set"),
    ("config", "there is nothing to set; `:opt 0` to `:opt 2` choose how much cells are optimised"),
    ("load_ext", "there are no extensions to load; `:dep NAME = \"VERSION\"` adds a crate"),
    ("reload_ext", "there are no extensions to load; `:dep NAME = \"VERSION\"` adds a crate"),
    ("autoreload", "a crate given by `:dep NAME = { path = \"…\" }` is compiled again whenever it has changed"),
];

/// Those that mean something that is done otherwise.
const OTHERWISE: [(&str, &str); 16] = [
    ("pip", "crates come from crates.io: `:dep NAME = \"VERSION\"` adds one, `:show_deps` lists them"),
    ("conda", "crates come from crates.io: `:dep NAME = \"VERSION\"` adds one, `:show_deps` lists them"),
    ("mamba", "crates come from crates.io: `:dep NAME = \"VERSION\"` adds one, `:show_deps` lists them"),
    ("uv", "crates come from crates.io: `:dep NAME = \"VERSION\"` adds one, `:show_deps` lists them"),
    ("cargo", "`:dep NAME = \"VERSION\"` adds a crate; `!cargo …` runs cargo where the cells run"),
    ("pdb", "there is no debugger; an error shows its place, and `dbg!(x)` shows values on the way"),
    ("debug", "there is no debugger; an error shows its place, and `dbg!(x)` shows values on the way"),
    ("prun", "there is no profiler; `%time` and `%timeit` say how long code takes"),
    ("lprun", "there is no profiler; `%time` and `%timeit` say how long code takes"),
    ("memit", "`:vars` says how large each variable is"),
    ("mprun", "`:vars` says how large each variable is"),
    ("edit", "cells are edited where they stand; in the terminal `:edit` opens an editor"),
    ("save", "the notebook is saved by its frontend; in the terminal `:save FILE.ipynb` writes one"),
    ("pinfo", "`?NAME` shows what is known of an item"),
    ("pinfo2", "`?NAME` shows what is known of an item"),
    ("xdel", "`drop(NAME);` lets go of a variable"),
];

/// Whether there is a magic of this name, done or answered.
pub fn is_known(name: &str) -> bool {
    let among = |list: &[(&str, &str)]| list.iter().any(|(known, _)| *known == name);
    DONE.contains(&name) || among(&PROGRAMS) || among(&NEEDLESS) || among(&OTHERWISE)
}

/// The names of the magics that are carried out, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&str> = DONE.to_vec();
    names.sort_unstable();
    names.into_iter().chain(PROGRAMS.iter().map(|(name, _)| *name))
}

/// Whether what follows the magic may be a file.
pub fn takes_files(name: &str) -> bool {
    ["cd", "run", "load", "sx", "system", "save", "edit"].contains(&name) || what(&PROGRAMS, name).is_some()
}

fn what(list: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    list.iter().find(|(known, _)| *known == name).map(|(_, what)| *what)
}

/// The answer to a magic that is not carried out.
fn not_done(name: &str, percent: &str) -> CellError {
    let said = |what: &str| refused("Magic", format!("`{percent}{name}` is IPython's: {what}"));
    match what(&OTHERWISE, name) {
        Some(what) => said(what),
        None => refused(
            "Magic",
            format!(
                "there is no `{percent}{name}`; there are %time, %timeit, %cd, %pwd, %env, %ls, %who, %history, %run, \
                 %reset, and at a cell's head %%time, %%timeit, %%bash, %%writefile, %%html, %%markdown"
            ),
        ),
    }
}

impl Session {
    /// Carries out a line that began with `%`. `code` is the argument, where it stands in the cell.
    pub(super) fn magic(
        &self,
        name: &str,
        argument: &str,
        code: &str,
        screen: &mut dyn Screen,
    ) -> Result<(), CellError> {
        if let Some(why) = what(&NEEDLESS, name) {
            screen.say(Said::out(format!("%{name}: {why}\n")));
            return Ok(());
        }
        if let Some(program) = what(&PROGRAMS, name) {
            return self.run_shell("sh", &format!("{program} {argument}"), screen);
        }
        match name {
            "time" => return self.time(code, screen),
            "timeit" => return self.timeit(argument, code, screen),
            "cd" => return self.enter(argument, screen),
            "pwd" => screen.say(Said::Result(text(self.directory().display().to_string()))),
            "env" => return self.environment(argument, screen),
            "set_env" if !argument.is_empty() => return self.environment(argument, screen),
            "who" | "whos" | "who_ls" => screen.say(Said::Result(variables::table(&self.describe()))),
            "reset" => {
                self.evaluate(":clear", screen)?;
                screen.say(Said::out("all variables and items are forgotten\n"));
            }
            "history" | "hist" => screen.say(Said::out(self.history_text(argument.contains("-n")))),
            "run" => return self.run_file(argument, screen),
            "load" => {
                return Err(refused("Magic", format!("`%run {argument}` runs the file; `!cat {argument}` shows it")));
            }
            "magic" | "lsmagic" | "quickref" => screen.say(Said::Result(help::display())),
            "sx" | "system" => return self.run_shell("sh", argument, screen),
            _ => return Err(not_done(name, "%")),
        }
        Ok(())
    }

    /// Carries out a cell whose first line began with `%%`. `code` is the rest, where it stands in the cell.
    pub(super) fn whole_cell(
        &self,
        name: &str,
        argument: &str,
        code: &str,
        screen: &mut dyn Screen,
    ) -> Result<(), CellError> {
        let body = code.trim_start_matches('\n');
        let mut show = |mime: &str| {
            let data = Map::from_iter([(mime.to_owned(), body.into())]);
            screen.say(Said::Display(Display { data, ..Display::default() }));
            Ok(())
        };
        match name {
            "time" if body.trim().is_empty() => {
                Err(refused("Magic", "`%%time` stands above the code whose time it tells; `%time CODE` is one line"))
            }
            "time" => self.time(code, screen),
            "timeit" => self.timeit_cell(argument, code, screen),
            "bash" | "sh" | "zsh" => self.run_shell(name, body, screen),
            "script" if !argument.is_empty() => self.run_shell(argument, body, screen),
            "html" | "HTML" => show("text/html"),
            "markdown" => show("text/markdown"),
            "latex" => show("text/latex"),
            "svg" | "SVG" => show("image/svg+xml"),
            "writefile" | "file" => self.write_file(argument, body, screen),
            "rust" => self.perform(code, screen),
            "capture" => Err(refused("Magic", "`%%capture` is IPython's: a `let` before a value keeps it unshown")),
            "python" | "python3" | "pypy" => {
                Err(refused("Magic", "cells are Rust; `!python3 FILE.py` runs Python where the cells run"))
            }
            "javascript" | "js" => {
                Err(refused("Magic", "cells are Rust; `AnyWidget::new(\"export default { render }\")` runs JavaScript"))
            }
            _ => Err(not_done(name, "%%")),
        }
    }

    /// The cells so far, the one that asks left out.
    fn history_text(&self, numbered: bool) -> String {
        let history = lock(&self.history);
        let cells = history.len().saturating_sub(1);
        let number = |index: usize| if numbered { format!("// [{}]\n", index + 1) } else { String::new() };
        history
            .iter()
            .take(cells)
            .enumerate()
            .map(|(at, code)| format!("{}{}\n", number(at), code.trim_end()))
            .collect()
    }

    /// Runs a file of Rust as if it were the cell; its `main` is called.
    fn run_file(&self, argument: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        let name = argument.trim_matches(['"', '\'']);
        if name.is_empty() {
            return Err(refused("Magic", "`%run FILE.rs` runs a file of Rust as if it were the cell"));
        }
        let path = self.directory().join(name);
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match ending {
            "ipynb" => {
                return Err(refused("Magic", format!("a notebook is run from a shell: `!candlewick run {name}`")));
            }
            "py" => return Err(refused("Magic", format!("cells are Rust; `!python3 {name}` runs it with Python"))),
            _ => {}
        }
        let read = std::fs::read_to_string(&path);
        let mut code = read.map_err(|error| refused("Magic", format!("cannot run `{}`: {error}", path.display())))?;
        if code.starts_with("#!") && !code.starts_with("#![") {
            code.insert_str(0, "//");
        }
        if code.lines().any(|line| line.starts_with("fn main(") || line.starts_with("pub fn main(")) {
            code += "\nmain()";
        }
        self.perform(&code, screen)
    }

    fn write_file(&self, argument: &str, body: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        let (append, name) = match argument.strip_prefix("-a ").or_else(|| argument.strip_prefix("--append ")) {
            Some(name) => (true, name.trim()),
            None => (false, argument),
        };
        let name = name.trim_matches(['"', '\'']);
        if name.is_empty() {
            return Err(refused("Magic", "`%%writefile FILE` writes what stands below it into a file"));
        }
        let path = self.directory().join(name);
        let mut options = std::fs::OpenOptions::new();
        let opened = options.create(true).write(true).append(append).truncate(!append).open(&path);
        let written = opened.and_then(|mut file| file.write_all(body.as_bytes()));
        written.map_err(|error| refused("Magic", format!("cannot write `{}`: {error}", path.display())))?;
        screen.say(Said::out(format!("wrote {}\n", path.display())));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_magic_is_done_or_answered() {
        for name in ["pip", "conda", "pdb", "prun", "save", "edit"] {
            let error = not_done(name, "%");
            assert!(is_known(name) && error.value.starts_with(&format!("`%{name}` is IPython's: ")), "{error}");
        }
        let error = not_done("nonsense", "%%");
        assert!(error.value.contains("there is no `%%nonsense`") && error.value.contains("%timeit"), "{error}");
        assert!(is_known("matplotlib") && is_known("ls") && is_known("timeit") && !is_known("nonsense"));
    }

    #[test]
    fn no_name_is_in_two_lists() {
        let lists = [&PROGRAMS[..], &NEEDLESS, &OTHERWISE];
        let mut names: Vec<&str> = lists.iter().flat_map(|list| list.iter().map(|(name, _)| *name)).collect();
        names.extend(DONE);
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}

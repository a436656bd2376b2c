//! What a cell may ask of the session itself: `:vars`, `:help`, and lines for the shell. All else is evcxr's.

use super::{Candidate, CellError, Completions, Session, Why, help, leading, shell, variables};
use crate::screen::Screen;
use std::sync::atomic::Ordering;

/// A cell that is no Rust and not for evcxr.
#[derive(Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// `:vars`
    Variables,
    /// `:help`
    Help,
    /// `:quit`, which would end the whole program.
    Quit,
    /// Lines that begin with `!`, without it.
    Shell(Vec<&'a str>),
}

/// The command that the cell is, if it is one.
pub fn of(code: &str) -> Option<Command<'_>> {
    let lines: Vec<&str> = code.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines[..] {
        [":vars"] => return Some(Command::Variables),
        [":help" | ":h"] => return Some(Command::Help),
        _ => {}
    }
    let before_code = lines.iter().take_while(|line| line.starts_with([':', '!']) || line.starts_with("//"));
    if before_code.into_iter().any(|line| *line == ":quit") {
        return Some(Command::Quit);
    }
    let shell: Option<Vec<&str>> = lines.iter().map(|line| line.strip_prefix('!').map(str::trim)).collect();
    // `!done` is an expression, but no cell consists of one alone: a shell line wins, as in IPython and evcxr.
    shell.filter(|lines| !lines.is_empty()).map(Command::Shell)
}

/// The commands that a cell may begin with.
const NAMES: [&str; 24] = [
    ":build_env",
    ":cache",
    ":clear",
    ":dep",
    ":doc",
    ":efmt",
    ":explain",
    ":fmt",
    ":help",
    ":last_compile_dir",
    ":last_error_json",
    ":linker",
    ":load_config",
    ":offline",
    ":opt",
    ":quit",
    ":restart",
    ":show_deps",
    ":t",
    ":toolchain",
    ":type",
    ":types",
    ":vars",
    ":version",
];

/// The commands that go on from what stands before the cursor; `None` where that is no command's line.
pub fn complete(code: &str, cursor: usize) -> Option<Completions> {
    let start = code[..cursor].rfind('\n').map_or(0, |at| at + 1);
    let line = &code[start..cursor];
    let typed = line.trim_start();
    if start > leading::rust_begins(code) || typed.starts_with("::") || !typed.starts_with([':', '!']) {
        return None;
    }
    let names = NAMES.into_iter().filter(|name| name.starts_with(typed));
    let candidate = |name: &str| Candidate { text: name.to_owned(), label: name.to_owned(), kind: "magic".to_owned() };
    Some(Completions { start: cursor - typed.len(), end: cursor, candidates: names.map(candidate).collect() })
}

impl Session {
    /// Does what the cell asks, with `running` held.
    pub(super) fn carry_out(&self, command: Command<'_>, screen: &mut dyn Screen) -> Result<(), CellError> {
        match command {
            Command::Variables => screen.result(variables::table(&self.describe())),
            Command::Help => screen.result(help::display()),
            Command::Quit => {
                let value = "`:quit` ends programs, not notebooks: shut the kernel down from the menu".to_owned();
                let traceback = vec![value.clone()];
                return Err(CellError { why: Why::Error, name: "Quit".to_owned(), value, traceback });
            }
            Command::Shell(lines) => {
                self.state.interrupted.store(false, Ordering::SeqCst);
                self.state.cell.fetch_add(1, Ordering::SeqCst);
                self.state.busy.store(true, Ordering::SeqCst);
                let stopped = || self.state.interrupted.load(Ordering::SeqCst);
                let result = lines.iter().try_for_each(|line| shell::run(line, &self.options, screen, &stopped));
                self.state.busy.store(false, Ordering::SeqCst);
                if stopped() {
                    // The runtime was asked to stop too, and had nothing to stop.
                    self.lower_flag();
                }
                return result;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_cells_are_commands_and_code_is_not() {
        for (code, command) in [
            (":vars\n", Some(Command::Variables)),
            ("  :help", Some(Command::Help)),
            ("!ls -l\n\n! pwd", Some(Command::Shell(vec!["ls -l", "pwd"]))),
            ("// leave\n:dep rand\n:quit", Some(Command::Quit)),
            ("let s = \"\n:quit\n\";", None),
            ("!ls\nlet x = 1;", None),
            (":dep rand = \"0.9\"", None),
            ("", None),
        ] {
            assert_eq!(of(code), command, "{code}");
        }
    }
}

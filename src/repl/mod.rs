//! The terminal REPL: the only room that names rustyline.
//!
//! `edit`, `highlight` and `complete` are for typing a cell; `run` runs it; `draw` (on `canvas` and
//! `picture`) or `plain` show what it says; `command` is for lines that begin with a colon.

pub mod canvas;
pub mod command;
pub mod complete;
pub mod draw;
pub mod edit;
pub mod highlight;
pub mod picture;
pub mod plain;
pub mod run;
pub mod script;
pub mod tty;

use crate::engine::Engine;
use crate::home::{Home, private_file, private_folder};
use crate::session::{self, CellError, Session, Why};
use anyhow::Context;
use command::Next;
use draw::Terminal;
use plain::Plain;
use run::{Face, Runner};
use rustyline::error::ReadlineError;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;
use tty::{Abilities, Mode};

/// How the REPL is started.
#[derive(Clone, Debug, Default)]
pub struct ReplOptions {
    /// Run this script and end; read standard input where it is no terminal.
    pub script: Option<PathBuf>,
    /// No ANSI colours.
    pub no_color: bool,
}

/// Runs the REPL; returns the process's exit code.
///
/// # Errors
/// A session that cannot start, or an unreadable script.
pub fn run(options: &ReplOptions) -> anyhow::Result<i32> {
    let script = match &options.script {
        Some(path) => {
            let text = std::fs::read_to_string(path);
            Some(text.with_context(|| format!("cannot read the script {}", path.display()))?)
        }
        None => None,
    };
    let abilities = Abilities::find(options.no_color);
    with_session(|session| {
        let typed = script.is_none() && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let mut runner = Runner::new(&**session, face(abilities));
        match script {
            Some(script) => cells(&mut runner, script::cells(&script).into_iter().map(Ok)),
            None if typed => interactive(&mut runner, session.clone(), abilities),
            None => piped(&mut runner),
        }
    })
}

/// Runs one cell that goes on until Ctrl-C, which is its ordinary end; returns the process's exit code.
///
/// # Errors
/// A session that cannot start.
pub fn run_until_interrupt(cell: &str) -> anyhow::Result<i32> {
    with_session(|session| {
        let mut runner = Runner::new(&**session, face(Abilities::find(false))).ends_by_interrupt();
        Ok(match runner.run(cell) {
            Err(error) if error.why != Why::Interrupted => exit_code(&error),
            _ => 0,
        })
    })
}

/// Where a cell's outputs are drawn.
fn face(abilities: Abilities) -> Face {
    if abilities.live {
        Face::Live(Terminal::new(Box::new(std::io::stdout()), abilities, tty::size))
    } else {
        Face::Plain(Plain::new(std::io::stdout(), std::io::stderr()))
    }
}

/// Does something with a session that is ended then.
fn with_session(work: impl FnOnce(&Arc<Session>) -> anyhow::Result<i32>) -> anyhow::Result<i32> {
    let session = Arc::new(Session::start(session::Options::default())?);
    let code = work(&session)?;
    if let Ok(session) = Arc::try_unwrap(session) {
        session.shutdown();
    }
    Ok(code)
}

/// Runs cells one after the other; the first error ends it.
fn cells(runner: &mut Runner<'_>, cells: impl Iterator<Item = anyhow::Result<String>>) -> anyhow::Result<i32> {
    for cell in cells {
        let cell = cell?;
        let next = if is_for_repl(&cell) { command::carry_out(&cell, runner)? } else { Next::Run };
        match next {
            Next::Quit => break,
            Next::Read | Next::Edit(_) => {}
            Next::Run => {
                if let Err(error) = runner.run(&cell) {
                    runner.face().complain("the first error ends the input: what follows it is not run");
                    return Ok(exit_code(&error));
                }
            }
        }
    }
    Ok(0)
}

/// Whether a cell may be for the REPL itself: a colon, or the words that leave.
fn is_for_repl(cell: &str) -> bool {
    let cell = cell.trim();
    cell.starts_with(':') || cell.starts_with("quit") || cell.starts_with("exit")
}

fn exit_code(error: &CellError) -> i32 {
    if error.why == Why::Interrupted { 130 } else { 1 }
}

/// Reads cells from standard input, each run as soon as it is complete.
fn piped(runner: &mut Runner<'_>) -> anyhow::Result<i32> {
    let mut collected = script::Cells::default();
    let mut lines = std::io::stdin().lock().lines();
    let mut ended = false;
    let next = std::iter::from_fn(|| {
        while !ended {
            match lines.next() {
                Some(Ok(line)) => match collected.push(&line) {
                    Some(cell) => return Some(Ok(cell)),
                    None => continue,
                },
                Some(Err(error)) => {
                    ended = true;
                    return Some(Err(anyhow::Error::new(error).context("standard input cannot be read as text")));
                }
                None => ended = true,
            }
            return collected.take().map(Ok);
        }
        None
    });
    cells(runner, next)
}

/// Reads cells from a person.
fn interactive(runner: &mut Runner<'_>, engine: Arc<dyn Engine>, abilities: Abilities) -> anyhow::Result<i32> {
    highlight::warm();
    // Between the lines that are edited too: what is typed ahead waits for the next prompt.
    let _quiet = Mode::quiet();
    let mut editor = edit::editor(engine, abilities.colours)?;
    let history = Home::find().ok().map(|home| home.history().join("repl.txt"));
    if let Some(file) = &history {
        // Without a place for it, history lasts as long as the session. rustyline makes the file itself, with a head.
        let _ = file.parent().map(private_folder);
        if file.exists() {
            let _ = private_file(file);
        }
        let _ = editor.load_history(file);
    }
    let version = env!("CARGO_PKG_VERSION");
    runner.face().line(&format!(
        "candlewick {version}: Rust, cell by cell. \u{1b}[2m:help lists the commands, Ctrl-D leaves.\u{1b}[0m"
    ));
    let mut typed = String::new();
    loop {
        let number = runner.next();
        let prompt = (format!("[{number}] "), format!("\u{1b}[1;34m[{number}]\u{1b}[0m "));
        let initial = std::mem::take(&mut typed);
        let line = match editor.readline_with_initial(&prompt, (&initial, "")) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(0),
            Err(error) => return Err(error).context("the terminal cannot be read"),
        };
        if line.trim().is_empty() {
            continue;
        }
        editor.add_history_entry(line.as_str())?;
        if let Some(file) = &history {
            let _ = editor.append_history(file);
        }
        let next = if is_for_repl(&line) { command::carry_out(&line, runner) } else { Ok(Next::Run) };
        match next {
            Ok(Next::Quit) => return Ok(0),
            Ok(Next::Read) => {}
            Ok(Next::Edit(text)) => typed = text,
            // The error has been shown; the session lives on.
            Ok(Next::Run) => drop(runner.run(&line)),
            Err(error) => runner.face().line(&format!("\u{1b}[31m{error:#}\u{1b}[0m")),
        }
    }
}

//! The REPL's own commands: what stands after a colon and is no Rust.

use super::run::{Ran, Runner};
use super::tty::Mode;
use crate::document::Notebook;
use crate::document::terminal::without_escapes;
use crate::session::{help_text, variables_text};
use anyhow::{Context, bail};
use std::path::Path;

/// A command that the REPL itself carries out.
pub struct OwnCommand {
    /// With its colon.
    pub name: &'static str,
    /// What it does, in a few words.
    pub what: &'static str,
}

/// All of them; what is not here goes to the session (`:dep`, `:version` …).
pub const COMMANDS: &[OwnCommand] = &[
    OwnCommand { name: ":help", what: "this list" },
    OwnCommand { name: ":vars", what: "the variables: type, shape, size" },
    OwnCommand { name: ":doc", what: ":doc ITEM shows what is known of it" },
    OwnCommand { name: ":edit", what: "edit the last cell, or cell N with :edit N, in $VISUAL or $EDITOR" },
    OwnCommand { name: ":save", what: ":save FILE.ipynb writes the session's cells as a notebook" },
    OwnCommand { name: ":quit", what: "leave (also `quit`, `exit`, Ctrl-D)" },
];

/// What the REPL is to do after a command.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Read the next line.
    Read,
    /// Read it with this text already typed.
    Edit(String),
    /// Leave.
    Quit,
    /// It was no command of the REPL's: run it.
    Run,
}

/// Carries out `line` if it is a command of the REPL's.
///
/// # Errors
/// A command without what it needs, a file that cannot be written, an editor that fails.
pub fn carry_out(line: &str, runner: &Runner<'_>) -> anyhow::Result<Next> {
    if leaves(line, runner) {
        return Ok(Next::Quit);
    }
    let (name, argument) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    let argument = argument.trim();
    let say = |text: &str| runner.face().line(text);
    match name {
        ":help" | ":h" => say(&help()),
        ":vars" => say(&variables_text(&runner.engine().variables())),
        ":edit" => return edit(argument, runner.ran()).map(Next::Edit),
        ":save" => say(&save(argument, runner)?),
        ":quit" | ":q" | ":exit" => return Ok(Next::Quit),
        _ => return Ok(Next::Run),
    }
    Ok(Next::Read)
}

/// Whether a line is to leave: `quit`, `exit()` and the like, where no cell made something of that name.
fn leaves(line: &str, runner: &Runner<'_>) -> bool {
    let line = line.trim().trim_end_matches(';').trim_end();
    let name = line.strip_suffix("()").unwrap_or(line);
    if !matches!(name, "quit" | "exit") {
        return false;
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let named = |code: &str| code.split(|c| !is_word(c)).any(|word| word == name);
    let mut codes = runner.ran().iter().map(|ran| ran.code.as_str()).filter(|code| named(code)).peekable();
    codes.peek().is_none()
        || !(codes.any(|code| code.contains(&format!("fn {name}(")))
            || runner.engine().variables().iter().any(|variable| variable.name == name))
}

fn help() -> String {
    let mut text = String::from(
        "Type Rust; the value of a cell's last expression is shown. The prelude is imported.\n\
         Enter runs what is complete, and begins a new line otherwise; Alt-Enter always begins one.\n\
         Tab completes, Ctrl-R searches the history, → takes the grey suggestion.\n\
         Ctrl-C interrupts a running cell: variables live on, and `fit` keeps what it learned. Ctrl-D leaves.\n\n",
    );
    for OwnCommand { name, what } in COMMANDS {
        text += &format!("  \u{1b}[36m{name:<8}\u{1b}[0m {what}\n");
    }
    text + "\n" + &help_text()
}

fn save(file: &str, runner: &Runner<'_>) -> anyhow::Result<String> {
    if file.is_empty() {
        bail!(":save wants a file: type `:save session.ipynb`");
    }
    let path = Path::new(file);
    if path.extension().is_none_or(|extension| extension != "ipynb") {
        bail!(":save writes notebooks: give the file the ending .ipynb, as in `:save {file}.ipynb`");
    }
    let mut notebook = Notebook::new();
    for ran in runner.ran() {
        notebook.push_code(&ran.code, ran.count, runner.outputs(ran));
    }
    notebook.write(path)?;
    let count = runner.ran().len();
    Ok(format!("{count} cell{} in {file}", if count == 1 { "" } else { "s" }))
}

/// Lets the user's editor change a cell; the text comes back to the prompt.
fn edit(which: &str, ran: &[Ran]) -> anyhow::Result<String> {
    let code = match which {
        "" => ran.last().map_or("", |ran| ran.code.as_str()),
        number => {
            let found = number.parse().ok().and_then(|n: u64| ran.iter().find(|ran| ran.count == n));
            found.with_context(|| format!("there is no cell {number}; the cells are 1 to {}", ran.len()))?.code.as_str()
        }
    };
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let editor = variable("VISUAL").or_else(|| variable("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    let file = tempfile::Builder::new().prefix("candlewick-").suffix(".rs").tempfile()?;
    std::fs::write(file.path(), code)?;
    // The variable may carry arguments (`code --wait`), so the shell takes it apart.
    let _mode = Mode::lines(true);
    let status = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg("editor")
        .arg(file.path())
        .status()
        .with_context(|| format!("the editor `{editor}` cannot be started; set EDITOR to one that can"))?;
    if !status.success() {
        bail!("the editor `{editor}` ended with {status}; the cell is as it was");
    }
    let text = std::fs::read_to_string(file.path())?;
    Ok(without_escapes(&text).trim_end().to_owned())
}

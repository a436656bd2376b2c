//! The line editor: several lines as one cell, colours, completion, suggestions, history.

use super::complete;
use super::highlight;
use crate::engine::Engine;
use crate::session::{Completeness, completeness};
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{
    Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, Context, Editor, Event, EventContext,
    EventHandler, Helper, KeyCode, KeyEvent, Modifiers, Movement, RepeatCount,
};
use std::borrow::Cow;
use std::sync::Arc;

/// An editor with all of this.
pub type Edit = Editor<Assistant, FileHistory>;

/// Colours, completion, suggestions, and whether a cell is whole.
pub struct Assistant {
    engine: Arc<dyn Engine>,
    colours: bool,
    hints: HistoryHinter,
}

/// An editor for cells that run in `engine`.
///
/// # Errors
/// A terminal that cannot be set up.
pub fn editor(engine: Arc<dyn Engine>, colours: bool) -> anyhow::Result<Edit> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .color_mode(if colours { ColorMode::Enabled } else { ColorMode::Disabled })
        .max_history_size(10_000)?
        .history_ignore_dups(true)?
        .history_ignore_space(true)
        .auto_add_history(false)
        .bracketed_paste(true)
        .tab_stop(4)
        .indent_size(4)
        .build();
    let mut editor = Edit::with_config(config)?;
    editor.set_helper(Some(Assistant { engine, colours, hints: HistoryHinter::new() }));
    let handler = |key: Key| EventHandler::Conditional(Box::new(key));
    editor.bind_sequence(KeyEvent(KeyCode::Enter, Modifiers::NONE), handler(Key::Enter));
    editor.bind_sequence(KeyEvent(KeyCode::Char('}'), Modifiers::NONE), handler(Key::Brace));
    editor.bind_sequence(KeyEvent(KeyCode::Enter, Modifiers::ALT), EventHandler::Simple(Cmd::Newline));
    Ok(editor)
}

/// Keys that know Rust's indentation.
enum Key {
    Enter,
    Brace,
}

impl ConditionalEventHandler for Key {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        let (line, cursor) = (context.line(), context.pos());
        match self {
            Key::Enter => match state(line) {
                Completeness::Incomplete { indent } if line[cursor..].trim().is_empty() => {
                    Some(Cmd::Insert(1, format!("\n{indent}")))
                }
                _ => None,
            },
            // A closing brace on a line of its own stands one step further left.
            Key::Brace => {
                let start = line[..cursor].rfind('\n').map_or(0, |at| at + 1);
                let indent = &line[start..cursor];
                let blank = indent.len() >= 4 && indent.bytes().all(|b| b == b' ');
                let less = || format!("{}}}", &indent[4..]);
                blank.then(|| Cmd::Replace(Movement::BeginningOfLine, Some(less())))
            }
        }
    }
}

/// Whether this could be run; commands always can.
fn state(line: &str) -> Completeness {
    if line.trim().is_empty() || (line.starts_with(':') && !line.contains('\n')) {
        return Completeness::Complete;
    }
    completeness(line)
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match state(context.input()) {
            Completeness::Incomplete { .. } => ValidationResult::Incomplete,
            // What cannot become valid is run as well: the compiler says best what is wrong.
            Completeness::Complete | Completeness::Invalid => ValidationResult::Valid(None),
        })
    }
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok(complete::candidates(&*self.engine, line, pos))
    }
}

impl Hinter for Assistant {
    type Hint = String;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<String> {
        // A suggestion of several lines would hide what stands below.
        self.hints.hint(line, pos, context).and_then(|hint| hint.lines().next().map(str::to_owned))
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.colours { Cow::Owned(highlight::rust(line)) } else { Cow::Borrowed(line) }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.colours { Cow::Owned(format!("\u{1b}[90m{hint}\u{1b}[0m")) } else { Cow::Borrowed(hint) }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.colours && kind != CmdKind::MoveCursor
    }
}

impl Helper for Assistant {}

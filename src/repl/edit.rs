//! The line editor: several lines as one cell, colours, completion, suggestions, history.

use super::complete;
use super::highlight;
use crate::engine::Engine;
use crate::session::{Completeness, completeness, is_half};
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{
    Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, Context, Editor, Event, EventContext,
    EventHandler, Helper, KeyCode, KeyEvent, Modifiers, RepeatCount,
};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

/// An editor with all of this.
pub type Edit = Editor<Assistant, FileHistory>;

/// Colours, completion, suggestions, and whether a cell is whole.
pub struct Assistant {
    engine: Arc<dyn Engine>,
    colours: bool,
    hints: HistoryHinter,
    dedent: Arc<Mutex<Option<Dedent>>>,
}

/// A closing bracket was typed where only the indentation stands before it: what is to stand there instead, and for
/// which text. rustyline lets a key change the text by completing it, which leaves the cursor behind what was put in.
struct Dedent {
    line: String,
    cursor: usize,
    start: usize,
    text: String,
}

/// An editor for cells that run in `engine`.
///
/// # Errors
/// A terminal that cannot be set up.
pub fn editor(engine: Arc<dyn Engine>, colours: bool) -> anyhow::Result<Edit> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
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
    let dedent = Arc::default();
    let handler = |key: Key| EventHandler::Conditional(Box::new(key));
    // What was typed ahead in a terminal's line mode has line feeds for Enter.
    for enter in [KeyEvent(KeyCode::Enter, Modifiers::NONE), KeyEvent(KeyCode::Char('J'), Modifiers::CTRL)] {
        editor.bind_sequence(enter, handler(Key::Enter));
    }
    for bracket in ['}', ']', ')'] {
        let key = Key::Closing(bracket, Arc::clone(&dedent));
        editor.bind_sequence(KeyEvent(KeyCode::Char(bracket), Modifiers::NONE), handler(key));
    }
    editor.set_helper(Some(Assistant { engine, colours, hints: HistoryHinter::new(), dedent }));
    editor.bind_sequence(KeyEvent(KeyCode::Enter, Modifiers::ALT), EventHandler::Simple(Cmd::Newline));
    Ok(editor)
}

/// Keys that know Rust's indentation.
enum Key {
    Enter,
    /// A closing bracket.
    Closing(char, Arc<Mutex<Option<Dedent>>>),
}

impl ConditionalEventHandler for Key {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        let (line, cursor) = (context.line(), context.pos());
        match self {
            Key::Enter => match state(line) {
                Completeness::Incomplete { indent } if line[cursor..].trim().is_empty() && !given_up(line) => {
                    Some(Cmd::Insert(1, format!("\n{indent}")))
                }
                _ => None,
            },
            Key::Closing(bracket, dedent) => {
                let (start, text) = closing(line, cursor, *bracket)?;
                let wanted = Dedent { line: line.to_owned(), cursor, start, text };
                *dedent.lock().unwrap_or_else(PoisonError::into_inner) = Some(wanted);
                Some(Cmd::Complete)
            }
        }
    }
}

/// Where the line begins in which a closing bracket is typed, and what is to stand there: where only an indentation
/// does, that of the line with the opening bracket. Nothing where the bracket is to be typed as it is.
fn closing(line: &str, cursor: usize, bracket: char) -> Option<(usize, String)> {
    let start = line[..cursor].rfind('\n').map_or(0, |at| at + 1);
    let indent = &line[start..cursor];
    if start == 0 || indent.is_empty() || !indent.bytes().all(|byte| byte == b' ') {
        return None;
    }
    let Completeness::Incomplete { indent: inner } = state(&line[..start]) else { return None };
    let outer = inner.len().checked_sub(4)?;
    (outer < indent.len()).then(|| (start, format!("{}{bracket}", " ".repeat(outer))))
}

/// Whether nothing was typed where a line such as `x.` or `let a =` was to go on: an empty line behind it asks what is wrong.
fn given_up(line: &str) -> bool {
    line.trim_end_matches(' ').ends_with('\n') && is_half(line)
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
            Completeness::Incomplete { .. } if !given_up(context.input()) => ValidationResult::Incomplete,
            // What cannot become valid is run as well: the compiler says best what is wrong.
            _ => ValidationResult::Valid(None),
        })
    }
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let dedent = self.dedent.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Dedent { start, text, .. }) = dedent.filter(|wanted| wanted.line == line && wanted.cursor == pos) {
            return Ok((start, vec![Pair { display: text.clone(), replacement: text }]));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_line_behind_half_a_line_runs_it() {
        for (line, expected) in [
            ("x.", false),
            ("x.\n    ", true),
            ("let a =\n", true),
            ("1 +\n    2", false),
            ("fn f() {\n    x.\n    ", false),
            ("let s = \"a\n", false),
            ("let a = 1;\n", false),
        ] {
            assert_eq!(given_up(line), expected, "{line:?}");
        }
    }

    #[test]
    fn a_closing_bracket_steps_back_to_its_opening_line() {
        for (line, bracket, expected) in [
            ("fn f() {\n    ", '}', Some((9, "}"))),
            ("for i in 0..2 {\n    for j in 0..2 {\n        ", '}', Some((36, "    }"))),
            ("for i in 0..2 {\n    for j in 0..2 {\n    }\n    ", '}', Some((42, "}"))),
            ("let v = vec![\n    1,\n    ", ']', Some((21, "]"))),
            ("f(\n    1,\n    ", ')', Some((10, ")"))),
            // Typed by hand, or pasted, where it belongs.
            ("fn f() {\n", '}', None),
            ("for i in 0..2 {\n    for j in 0..2 {\n    ", '}', None),
            ("let s = \"a\n    ", '}', None),
            ("fn f() { ", '}', None),
            ("fn f() {\n    g()", '}', None),
        ] {
            let expected = expected.map(|(start, text): (usize, &str)| (start, text.to_owned()));
            assert_eq!(closing(line, line.len(), bracket), expected, "{line:?}");
        }
    }
}

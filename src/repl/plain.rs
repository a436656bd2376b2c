//! What a cell says, written to a file or a pipe: text alone, no escapes, the last state of what changed.

use super::picture::{text_of, unseen};
use crate::document::terminal::without_escapes;
use crate::screen::{Display, Said, Screen, StreamName};
use std::io::Write;

/// Two places for text: standard output's and standard error's.
pub struct Plain<O: Write, E: Write> {
    out: O,
    err: E,
    /// Displays with a name, and what they are now.
    named: Vec<(String, String)>,
    /// Whether the last text lacks its newline.
    open: bool,
}

impl<O: Write, E: Write> Plain<O, E> {
    /// Writes to these two.
    pub fn new(out: O, err: E) -> Plain<O, E> {
        Plain { out, err, named: Vec::new(), open: false }
    }

    /// The cell ended: displays with a name are written, in their last state.
    pub fn finish(&mut self) {
        for (_, now) in std::mem::take(&mut self.named) {
            self.block(&now);
        }
        if std::mem::take(&mut self.open) {
            self.write(StreamName::Stdout, "\n");
        }
    }

    /// A line on standard error.
    pub fn complain(&mut self, line: &str) {
        self.write(StreamName::Stderr, &format!("{}\n", without_escapes(line)));
    }

    /// Text on lines of its own on standard output.
    pub fn block(&mut self, text: &str) {
        let before = if std::mem::take(&mut self.open) { "\n" } else { "" };
        let after = if text.ends_with('\n') { "" } else { "\n" };
        self.write(StreamName::Stdout, &format!("{before}{}{after}", without_escapes(text)));
    }

    /// A closed pipe is noticed by whoever reads from it.
    fn write(&mut self, name: StreamName, text: &str) {
        let _ = match name {
            StreamName::Stdout => self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()),
            StreamName::Stderr => self.err.write_all(text.as_bytes()).and_then(|()| self.err.flush()),
        };
    }
}

impl<O: Write, E: Write> Screen for Plain<O, E> {
    fn say(&mut self, said: Said) {
        let shown = |display: &Display| text_of(display).unwrap_or_else(|| unseen(display));
        match said {
            Said::Stream { name, text } => {
                let text = without_escapes(&text);
                if name == StreamName::Stdout && !text.is_empty() {
                    self.open = !text.ends_with('\n');
                }
                self.write(name, &text);
            }
            // It may change many times; a file gets its last state alone.
            Said::Display(display @ Display { display_id: Some(_), .. }) | Said::Update(display) => {
                let text = shown(&display);
                let Some(id) = display.display_id else { return };
                match self.named.iter_mut().find(|(name, _)| *name == id) {
                    Some((_, now)) => *now = text,
                    None => self.named.push((id, text)),
                }
            }
            Said::Display(display) | Said::Result(display) => self.block(&shown(&display)),
            Said::Clear { .. } => self.named.clear(),
            Said::Progress(_) | Said::Comm(_) | Said::Handled { .. } | Said::Gone => {}
        }
    }
}

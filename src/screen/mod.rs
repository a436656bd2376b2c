//! Where a cell's outputs go: the trait that every frontend implements.
//!
//! A frontend (kernel, REPL, notebook runner) hands a [`Screen`] to the session with each cell. The
//! session calls it, in order, from one thread, while the cell runs.

pub use candlewick_wire::{Comm, CommAct, Display, Progress, Said, StreamName};

/// A question that a running cell asks the user.
#[derive(Clone, Debug)]
pub struct Question {
    /// What to print before the answer.
    pub prompt: String,
    /// Whether the answer must not be shown.
    pub password: bool,
}

/// How far work is, in one line with a bar of `width` characters, of which those to do are `rest`:
/// `reading pictures ━━━━━━────────────── 6000/20000`. The label alone where its length is not known.
pub fn in_words(progress: &Progress, width: usize, rest: &str) -> String {
    let Progress { label, done, total } = progress;
    if *total == 0 {
        return label.clone();
    }
    let full = ((*done).min(*total) * width as u64 / total) as usize;
    format!("{label} {}{} {done}/{total}", "━".repeat(full), rest.repeat(width - full))
}

/// Where a cell's outputs go.
pub trait Screen {
    /// Shows, does or leaves alone what the cell says.
    fn say(&mut self, said: Said);
    /// Asks the user; `None` where nobody can be asked.
    fn input(&mut self, question: Question) -> Option<String> {
        let _ = question;
        None
    }
    /// The number by which the user knows the cell; where there is none, cells are counted.
    fn number(&self) -> Option<u64> {
        None
    }
}

/// A screen that keeps what it is told, for tests and for frontends that draw at the end.
#[derive(Debug, Default)]
pub struct Recorder {
    /// All that was said, in order; pieces of one stream that follow each other as one.
    pub said: Vec<Said>,
}

impl Screen for Recorder {
    fn say(&mut self, said: Said) {
        match (self.said.last_mut(), said) {
            (Some(Said::Stream { name: last, text: so_far }), Said::Stream { name, text }) if *last == name => {
                so_far.push_str(&text);
            }
            (_, said) => self.said.push(said),
        }
    }
}

impl Recorder {
    /// All text of one stream, joined.
    pub fn text(&self, name: StreamName) -> String {
        let of_stream = self.said.iter().filter_map(|said| match said {
            Said::Stream { name: of, text } if *of == name => Some(text.as_str()),
            _ => None,
        });
        of_stream.collect()
    }

    /// The plain text of the cell's value, if it had one.
    pub fn result_text(&self) -> Option<&str> {
        self.said.iter().rev().find_map(|said| match said {
            Said::Result(display) => display.data.get("text/plain")?.as_str(),
            _ => None,
        })
    }
}

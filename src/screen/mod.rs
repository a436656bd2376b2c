//! What a cell may say to a screen: the trait that every frontend implements.
//!
//! A frontend (kernel, REPL, notebook runner) hands a [`Screen`] to the session with each cell. The
//! session calls it, in order, from one thread, while the cell runs.

use candlewick_wire::MimeBundle;
pub use candlewick_wire::{Comm, CommAct, Progress, StreamName};
use serde_json::{Map, Value};

/// One rich output: content by MIME type, notes on it, and perhaps a name for later updates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Display {
    /// Content by MIME type, as Jupyter writes it: text and SVG as strings, PNG as base64.
    pub data: MimeBundle,
    /// Jupyter's `metadata`, by MIME type.
    pub metadata: Map<String, Value>,
    /// The name by which an update finds it.
    pub display_id: Option<String>,
}

/// A question that a running cell asks the user.
#[derive(Clone, Debug)]
pub struct Question {
    /// What to print before the answer.
    pub prompt: String,
    /// Whether the answer must not be shown.
    pub password: bool,
}

/// Where a cell's outputs go. The methods with a body are for screens that know of such things.
pub trait Screen {
    /// Text of standard output or standard error; it may lack a newline or hold several lines.
    fn stream(&mut self, name: StreamName, text: &str);
    /// A new output.
    fn display(&mut self, display: Display);
    /// New content for the output of the same `display_id`, which may stand in an earlier cell.
    fn update(&mut self, display: Display);
    /// The value of the cell's last expression.
    fn result(&mut self, display: Display);
    /// Remove the cell's outputs so far; with `wait`, as soon as another one comes.
    fn clear(&mut self, wait: bool);
    /// How far a long operation is (also `compiling serde (3)` while a dependency compiles).
    fn progress(&mut self, progress: Progress) {
        let _ = progress;
    }
    /// Asks the user; `None` where nobody can be asked.
    fn input(&mut self, question: Question) -> Option<String> {
        let _ = question;
        None
    }
    /// Something said over a comm: what widgets are made of.
    fn comm(&mut self, comm: Comm) {
        let _ = comm;
    }
    /// What a frontend said over a comm, with this number, has been dealt with.
    fn handled(&mut self, number: u64) {
        let _ = number;
    }
    /// The number by which the user knows the cell; where there is none, cells are counted.
    fn number(&self) -> Option<u64> {
        None
    }
    /// The process that ran the cells is gone, and its comms with it.
    fn gone(&mut self) {}
}

/// A screen that keeps what it is told, for tests and for frontends that draw at the end.
#[derive(Debug, Default)]
pub struct Recorder {
    /// All that was said, in order.
    pub said: Vec<Said>,
}

/// One call of a [`Screen`]'s method.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// [`Screen::stream`].
    Stream(StreamName, String),
    /// [`Screen::display`].
    Display(Display),
    /// [`Screen::update`].
    Update(Display),
    /// [`Screen::result`].
    Result(Display),
    /// [`Screen::clear`].
    Clear(bool),
    /// [`Screen::progress`].
    Progress(Progress),
    /// [`Screen::comm`].
    Comm(Comm),
    /// [`Screen::handled`].
    Handled(u64),
}

impl Screen for Recorder {
    fn stream(&mut self, name: StreamName, text: &str) {
        if let Some(Said::Stream(last, so_far)) = self.said.last_mut()
            && *last == name
        {
            so_far.push_str(text);
            return;
        }
        self.said.push(Said::Stream(name, text.to_owned()));
    }
    fn display(&mut self, display: Display) {
        self.said.push(Said::Display(display));
    }
    fn update(&mut self, display: Display) {
        self.said.push(Said::Update(display));
    }
    fn result(&mut self, display: Display) {
        self.said.push(Said::Result(display));
    }
    fn clear(&mut self, wait: bool) {
        self.said.push(Said::Clear(wait));
    }
    fn progress(&mut self, progress: Progress) {
        self.said.push(Said::Progress(progress));
    }
    fn comm(&mut self, comm: Comm) {
        self.said.push(Said::Comm(comm));
    }
    fn handled(&mut self, number: u64) {
        self.said.push(Said::Handled(number));
    }
}

impl Recorder {
    /// All text of one stream, joined.
    pub fn text(&self, name: StreamName) -> String {
        let of_stream = |said: &Said| match said {
            Said::Stream(n, text) if *n == name => Some(text.clone()),
            _ => None,
        };
        self.said.iter().filter_map(of_stream).collect()
    }

    /// The plain text of the cell's value, if it had one.
    pub fn result_text(&self) -> Option<&str> {
        self.said.iter().rev().find_map(|said| match said {
            Said::Result(display) => display.data.get("text/plain")?.as_str(),
            _ => None,
        })
    }
}

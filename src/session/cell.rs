//! What a running cell says, on its way to the screen.

use crate::screen::{Display, Progress, Question, Screen, StreamName};
use candlewick_wire::{Crash, Described, Message, Request};
use crossbeam_channel::Receiver;
use std::time::Duration;

/// File, line and column of a panic.
pub type At = (String, u32, u32);

/// A cell that runs: its screen, and what was said of its end.
pub struct Cell<'a> {
    pub screen: &'a mut dyn Screen,
    /// The error of a `?`, and where it is.
    pub failed: Option<(String, Option<At>)>,
    pub panicked: Option<(String, Option<At>)>,
    /// The last of standard error, for errors whose text came before their mark.
    pub stderr: String,
    /// What its code did that ended the process.
    pub crashed: Option<Crash>,
    pub pong: Option<u64>,
    /// What the cell told of variables.
    pub described: Vec<Described>,
    /// The value that it showed, as text.
    pub shown: Option<String>,
    /// The variables that it left in the store, if a loop of its own was interrupted.
    pub left: Option<Vec<String>>,
    /// A `return Ok(())` ended it.
    pub returned: bool,
}

impl Cell<'_> {
    /// A cell that has said nothing yet.
    pub fn new(screen: &mut dyn Screen) -> Cell<'_> {
        Cell {
            screen,
            failed: None,
            panicked: None,
            stderr: String::new(),
            crashed: None,
            pong: None,
            described: Vec::new(),
            shown: None,
            left: None,
            returned: false,
        }
    }

    /// Hands a message to the screen, or keeps what it says of the cell's end. Gives the user's answer to a question.
    pub fn take(&mut self, message: Message) -> Option<Request> {
        match message {
            Message::Ask { number, prompt, password } => {
                let text = self.screen.input(Question { prompt, password }).unwrap_or_default();
                return Some(Request::Answer { number, text });
            }
            Message::Crashed { crash } => self.crashed = Some(crash),
            Message::Stream { name, text } => {
                if name == StreamName::Stderr {
                    self.stderr.push_str(&text);
                    if self.stderr.len() > 8 << 10 {
                        let from = (self.stderr.len() - (4 << 10)..).find(|&at| self.stderr.is_char_boundary(at));
                        self.stderr.drain(..from.unwrap_or(0));
                    }
                }
                self.screen.stream(name, &text);
            }
            Message::Display { data, metadata, display_id } => {
                self.screen.display(Display { data, metadata, display_id })
            }
            Message::Update { data, metadata, display_id } => {
                self.screen.update(Display { data, metadata, display_id: Some(display_id) });
            }
            // A loop at a cell's end has the value `()`, which says nothing.
            Message::Result { data, .. }
                if data.len() == 1 && data.get("text/plain").is_some_and(|text| text == "()") => {}
            Message::Result { data, metadata } => {
                self.shown = data.get("text/plain").and_then(|text| text.as_str()).map(str::to_owned);
                self.screen.result(Display { data, metadata, display_id: None });
            }
            Message::Clear { wait } => self.screen.clear(wait),
            Message::Progress(Progress { label, done, total }) => self.screen.progress(Progress { label, done, total }),
            Message::Panic { message, location } => self.panicked = Some((message, location)),
            // evcxr's mark, which a cell that returns says too.
            Message::Failed { location: None, .. } if self.returned => {}
            // What the prelude told of the error is better than what was written before evcxr's mark.
            Message::Failed { text, location: None } if matches!(&self.failed, Some((_, Some(_)))) => {
                if !text.is_empty() {
                    self.screen.stream(StreamName::Stderr, &text);
                }
            }
            Message::Failed { text, location } => {
                let text = if text.trim().is_empty() { std::mem::take(&mut self.stderr) } else { text };
                self.failed = Some((text, location));
            }
            Message::Pong { number } => self.pong = Some(number),
            Message::Comm(comm) => self.screen.comm(comm),
            Message::Handled { number } => self.screen.handled(number),
            Message::Gone => self.screen.gone(),
            Message::Returned => self.returned = true,
            Message::Left { names } => self.left = Some(names),
            Message::Described { variables } => self.described = variables,
            Message::Hello { .. } | Message::Started { .. } | Message::Evcxr { .. } => {}
        }
        None
    }

    /// Takes what has been said, and what comes soon.
    pub fn drain(&mut self, messages: &Receiver<Message>) {
        while let Ok(message) = messages.recv_timeout(Duration::from_millis(20)) {
            self.take(message);
        }
    }
}

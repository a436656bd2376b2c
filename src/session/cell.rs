//! What a running cell says, on its way to the screen.

use crate::screen::{Display, Question, Said, Screen, StreamName};
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
            Message::Said(said) => self.say(said),
            Message::Panic { message, location } => self.panicked = Some((message, location)),
            // evcxr's mark, which a cell that returns says too.
            Message::Failed { location: None, .. } if self.returned => {}
            // What the prelude told of the error is better than what was written before evcxr's mark.
            Message::Failed { text, location: None } if matches!(&self.failed, Some((_, Some(_)))) => {
                if !text.is_empty() {
                    self.screen.say(Said::err(text));
                }
            }
            Message::Failed { text, location } => {
                let text = if text.trim().is_empty() { std::mem::take(&mut self.stderr) } else { text };
                self.failed = Some((text, location));
            }
            Message::Pong { number } => self.pong = Some(number),
            Message::Returned => self.returned = true,
            Message::Left { names } => self.left = Some(names),
            Message::Described { variables } => self.described = variables,
            Message::Hello { .. } | Message::Started { .. } | Message::Evcxr { .. } => {}
        }
        None
    }

    /// Hands it on to the screen.
    fn say(&mut self, said: Said) {
        match &said {
            Said::Stream { name: StreamName::Stderr, text } => {
                self.stderr.push_str(text);
                if self.stderr.len() > 8 << 10 {
                    let from = (self.stderr.len() - (4 << 10)..).find(|&at| self.stderr.is_char_boundary(at));
                    self.stderr.drain(..from.unwrap_or(0));
                }
            }
            Said::Result(Display { data, .. }) => {
                let text = data.get("text/plain").and_then(|text| text.as_str());
                // A loop at a cell's end has the value `()`, which says nothing.
                if data.len() == 1 && text == Some("()") {
                    return;
                }
                self.shown = text.map(str::to_owned);
            }
            _ => {}
        }
        self.screen.say(said);
    }

    /// Takes what has been said, and what comes soon.
    pub fn drain(&mut self, messages: &Receiver<Message>) {
        while let Ok(message) = messages.recv_timeout(Duration::from_millis(20)) {
            self.take(message);
        }
    }
}

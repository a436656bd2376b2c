//! Inside the runtime child: takes frames out of what cells print, and sends all on.
//!
//! One thread reads the cells' standard output and standard error. What the code around a cell says to evcxr goes on to
//! evcxr; everything else goes to the session's socket, a JSON [`Message`] a line, in the order in which it was written.

use super::calls::{self, Flusher, Hello, Prelude};
use super::crash::{self, Event};
use super::splitter::{Piece, Splitter};
use candlewick_wire::{Crash, Message, Said};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long text on standard error waits for a mark on standard output that belongs to it.
const COALESCE: Duration = Duration::from_millis(3);
/// How long the beginning of what may be a mark is held back.
const HOLD: Duration = Duration::from_millis(25);

/// evcxr's lines.
const COMPLETE: &str = "EVCXR_EXECUTION_COMPLETE";
const PANICKED: &str = "EVCXR_PANIC_NOTIFICATION";
const FAILED: &str = "EVCXR_ERROR_OCCURRED";

/// How a cell ended.
pub enum End {
    /// Its function returned.
    Ran,
    /// Its library was not loaded, for this reason.
    NotLoaded(String),
}

/// What reads a runtime child's output.
pub struct Relay {
    out: File,
    err: File,
    events: File,
    evcxr: File,
    session: Arc<Mutex<UnixStream>>,
    splitter: Splitter,
    hello: Hello,
    flusher: Flusher,
    ends: Receiver<End>,
    last_panic: Option<Message>,
}

impl Relay {
    /// Reads standard output, standard error and events; writes to evcxr and to the session.
    pub fn new(
        [out, err, events]: [File; 3],
        evcxr: File,
        session: Arc<Mutex<UnixStream>>,
        cookie: &str,
        hello: Hello,
        flusher: Flusher,
        ends: Receiver<End>,
    ) -> Relay {
        let splitter = Splitter::new(cookie);
        Relay { out, err, events, evcxr, session, splitter, hello, flusher, ends, last_panic: None }
    }

    /// Relays until the process ends.
    pub fn run(mut self) {
        loop {
            let timeout = if self.splitter.holds() { HOLD } else { Duration::from_secs(60) };
            let [out, event, err] = self.poll(timeout, true);
            if event {
                self.handle_event();
                continue;
            }
            if err && !out {
                // A `?` prints its error here and its mark there: give the mark the time to come.
                let [out, event, _] = self.poll(COALESCE, false);
                if !out && !event {
                    self.forward_err();
                    continue;
                }
            }
            if out {
                self.forward_out();
                // The mark takes what belongs to it; the rest is text.
                self.forward_err();
            } else if !err && self.splitter.holds() {
                let pieces = self.splitter.give_up();
                self.handle(pieces);
            }
        }
    }

    /// Whether there is something on standard output, an event, something on standard error.
    fn poll(&self, timeout: Duration, with_err: bool) -> [bool; 3] {
        let mut fds = [&self.out, &self.events, &self.err].map(|file| libc::pollfd {
            fd: file.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        });
        let count = if with_err { 3 } else { 2 };
        // SAFETY: `fds` holds at least `count` entries.
        unsafe { libc::poll(fds.as_mut_ptr(), count, timeout.as_millis() as libc::c_int) };
        fds.map(|fd| fd.revents != 0)
    }

    fn forward_out(&mut self) {
        let mut buffer = vec![0; 1 << 16];
        if let Ok(count) = self.out.read(&mut buffer) {
            let pieces = self.splitter.push(&buffer[..count]);
            self.handle(pieces);
        }
    }

    fn read_err(&mut self) -> String {
        let mut text = Vec::new();
        let mut buffer = [0; 1 << 14];
        while let Ok(count) = self.err.read(&mut buffer) {
            if count == 0 {
                break;
            }
            text.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    fn forward_err(&mut self) {
        let text = self.read_err();
        if !text.is_empty() {
            self.say(Said::err(text));
        }
    }

    fn handle(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => self.say(Said::out(text)),
                Piece::Message(message) => self.handle_message(message),
            }
        }
    }

    fn handle_message(&mut self, message: Message) {
        match message {
            Message::Hello { flush, ended, comm, answer } => {
                let prelude = Prelude { flush, ended, comm, answer };
                *self.hello.lock().unwrap_or_else(PoisonError::into_inner) = Some(prelude);
            }
            Message::Evcxr { line } => self.handle_mark(&line),
            Message::Said(Said::Handled { .. }) => {
                // What a callback wrote to standard error, and its panic, belong to it.
                self.forward_err();
                self.say_last_panic();
                self.send(&message);
            }
            Message::Ask { .. } => {
                self.forward_err();
                self.send(&message);
            }
            Message::Panic { .. } => {
                self.say_last_panic();
                self.last_panic = Some(message);
            }
            message => self.send(&message),
        }
    }

    /// What the code around a cell says to evcxr.
    fn handle_mark(&mut self, line: &str) {
        match line {
            FAILED => {
                let text = self.read_err();
                self.send(&Message::Failed { text, location: None });
            }
            PANICKED => {
                let unknown = Message::Panic { message: String::new(), location: None };
                let panic = self.last_panic.take().unwrap_or(unknown);
                self.send(&panic);
            }
            _ => {}
        }
        self.pass_on(line);
    }

    fn handle_event(&mut self) {
        let mut byte = [0];
        if !self.events.read(&mut byte).is_ok_and(|count| count == 1) {
            return;
        }
        match Event::of(byte[0]) {
            Some(Event::CellEnded) => {
                let end = self.ends.recv().unwrap_or(End::Ran);
                self.read_all();
                if let End::NotLoaded(message) = end {
                    self.last_panic = Some(Message::Panic { message, location: None });
                    self.handle_mark(PANICKED);
                }
                self.say_last_panic();
                let value = self.splitter.end_cell();
                self.handle(value);
                self.pass_on(COMPLETE);
            }
            Some(Event::Exit) => {
                self.read_all();
                self.end_process(None);
            }
            Some(Event::Crash(crash)) => {
                self.read_all();
                self.end_process(Some(crash));
            }
            None => {}
        }
    }

    /// Sends what is left before the process ends.
    fn end_process(&mut self, crash: Option<Crash>) {
        if crash == Some(Crash::Abort)
            && let Some(panic) = self.last_panic.take()
        {
            // The panic that could not unwind.
            self.send(&panic);
        }
        self.say_last_panic();
        let rest = self.splitter.end_cell();
        self.handle(rest);
        if let Some(crash) = crash {
            self.send(&Message::Crashed { crash });
        }
        crash::heard();
    }

    /// Reads what a cell left behind when it ended: unflushed text, text on standard error.
    fn read_all(&mut self) {
        let (done, is_done) = channel();
        let known = self.hello.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if known && self.flusher.send(done).is_ok() {
            // The flusher may have to wait for a thread that prints; keep reading meanwhile.
            for _ in 0..100 {
                let flushed = is_done.recv_timeout(Duration::from_millis(2)).is_ok();
                self.read_rest();
                if flushed {
                    break;
                }
            }
        }
        self.read_rest();
        self.forward_err();
    }

    fn read_rest(&mut self) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count) = self.out.read(&mut buffer) {
            if count == 0 {
                break;
            }
            let pieces = self.splitter.push(&buffer[..count]);
            self.handle(pieces);
        }
    }

    /// A panic that did not end the cell (another thread's) is told as text.
    fn say_last_panic(&mut self) {
        if let Some(Message::Panic { message, location }) = self.last_panic.take() {
            let place = location.map(|(file, line, _)| format!(" at {file}:{line}")).unwrap_or_default();
            let text = format!("a thread panicked{place}: {message}\n");
            self.say(Said::err(text));
        }
    }

    fn pass_on(&mut self, line: &str) {
        let _ = self.evcxr.write_all(format!("{line}\n").as_bytes());
    }

    fn say(&self, said: Said) {
        self.send(&Message::Said(said));
    }

    fn send(&self, message: &Message) {
        calls::send(&self.session, message);
    }
}

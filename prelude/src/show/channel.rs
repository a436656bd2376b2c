//! Who listens, and how a message is written for them. Everything that the prelude prints goes through here.

use super::Bundle;
use candlewick_wire::{CHANNEL_VARIABLE, Display, Message, Said, frame, parse_channel};
use serde_json::Value;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Who reads what this process prints.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Listener {
    /// A candlewick session; its cookie.
    Session(String),
    /// A stock evcxr_jupyter.
    Evcxr,
    /// A person or a file.
    Plain,
}

impl Listener {
    /// Who listens to this process; read from the environment once.
    pub fn current() -> &'static Listener {
        static LISTENER: OnceLock<Listener> = OnceLock::new();
        LISTENER.get_or_init(|| {
            let channel = std::env::var(CHANNEL_VARIABLE).ok();
            Listener::of(channel.as_deref(), std::env::var_os("EVCXR_IS_RUNTIME").is_some())
        })
    }

    /// Who listens, by what the environment says.
    fn of(channel: Option<&str>, evcxr: bool) -> Listener {
        match channel.and_then(parse_channel) {
            Some((_, cookie)) => Listener::Session(cookie.to_owned()),
            None if evcxr => Listener::Evcxr,
            None => Listener::Plain,
        }
    }

    /// Whether an update can replace what was shown before.
    pub fn updates(&self) -> bool {
        matches!(self, Listener::Session(_))
    }

    /// The text that says `message` to this listener; empty where it would not understand.
    pub fn render(&self, message: &Message) -> String {
        match (self, message) {
            (Listener::Session(cookie), message) => frame(cookie, message),
            (
                Listener::Evcxr,
                Message::Said(Said::Display(Display { data, .. }) | Said::Result(Display { data, .. })),
            ) => {
                let block = |(mime, content): (&String, &Value)| {
                    let text = content.as_str().map_or_else(|| content.to_string(), str::to_owned);
                    format!("EVCXR_BEGIN_CONTENT {mime}\n{}\nEVCXR_END_CONTENT\n", text.trim_end_matches('\n'))
                };
                data.iter().map(block).collect()
            }
            (
                Listener::Plain,
                Message::Said(Said::Display(Display { data, .. }) | Said::Result(Display { data, .. })),
            ) => {
                let text = data.get("text/plain").and_then(Value::as_str).unwrap_or_default();
                if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
            }
            (Listener::Evcxr, Message::Evcxr { line }) => format!("{line}\n"),
            _ => String::new(),
        }
    }
}

/// Says a message to whoever listens. A closed output is no error: nobody is there to hear.
pub(crate) fn send(message: &Message) {
    write_out(&Listener::current().render(message));
}

/// Says something to a screen.
pub(super) fn say(said: Said) {
    send(&Message::Said(said));
}

/// Says a line to evcxr, in a way that no text of a cell's looks like.
pub(crate) fn tell_evcxr(line: &str) {
    send(&Message::Evcxr { line: line.to_owned() });
}

/// What has to be printed, with a newline after it, to say a line to evcxr.
pub(crate) fn line_for_evcxr(line: &str) -> String {
    let mut text = Listener::current().render(&Message::Evcxr { line: line.to_owned() });
    text.truncate(text.trim_end_matches('\n').len());
    text
}

/// Writes to standard output at once, in order with what was printed before.
fn write_out(text: &str) {
    if text.is_empty() {
        return;
    }
    let mut out = std::io::stdout().lock();
    let _ = out.flush();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Shows these forms of something below what the cell has shown so far.
#[inline(never)]
pub(super) fn display_bundle(bundle: &Bundle) {
    say(Said::Display(bundle.as_display(None)));
}

/// Shows these forms of the cell's value, where there are some.
#[inline(never)]
pub(super) fn result_bundle(bundle: &Bundle) {
    if !bundle.data().is_empty() {
        say(Said::Result(bundle.as_display(None)));
    }
}

/// Removes what the cell has shown so far; with `wait`, as soon as the next output comes.
pub fn clear(wait: bool) {
    say(Said::Clear { wait });
}

/// Prints text as `print!` does, but at once, and without a panic where the output is closed.
pub fn print(text: &str) {
    write_out(text);
}

/// Tells that a file was written: its name, its size and what it holds.
pub(crate) fn written(path: &std::path::Path, holds: &str) {
    let size = std::fs::metadata(path).map_or(String::new(), |data| format!(" ({})", crate::words::bytes(data.len())));
    print(&format!("wrote {}{size}: {holds}\n", path.display()));
}

/// Tells the user something in passing: a line on standard error, in order with the other outputs.
pub fn note(text: &str) {
    let text = format!("{text}\n");
    match Listener::current() {
        Listener::Session(_) => say(Said::err(text)),
        _ => {
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
        }
    }
}

/// Tells of the error that ends a cell, and of the place that met it.
pub(crate) fn failed(text: &str, place: &std::panic::Location<'_>) {
    match Listener::current() {
        Listener::Session(_) => {
            let location = Some((place.file().to_owned(), place.line(), place.column()));
            send(&Message::Failed { text: text.to_owned(), location });
        }
        _ => note(text),
    }
}

/// Says how far a long operation is; at most ten times a second, first and last always.
///
/// `total` is 0 where it is not known. Outside candlewick it is a line that is overwritten, where standard error is a
/// terminal, and nothing elsewhere.
pub fn progress(label: &str, done: u64, total: u64) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let ends = done == 0 || done == total;
    {
        let mut last = LAST.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !ends && last.is_some_and(|last| last.elapsed() < Duration::from_millis(100)) {
            return;
        }
        *last = Some(Instant::now());
    }
    match Listener::current() {
        Listener::Session(_) => say(Said::progress(label, done, total)),
        Listener::Evcxr => {}
        Listener::Plain => {
            let mut err = std::io::stderr().lock();
            if err.is_terminal() {
                let _ = err.write_all(bar(label, done, total).as_bytes());
                let _ = err.flush();
            }
        }
    }
}

/// A line of progress that overwrites the one before, and itself when all is done.
fn bar(label: &str, done: u64, total: u64) -> String {
    if done == total {
        return "\r\u{1b}[K".to_owned();
    }
    if total == 0 {
        return format!("\r\u{1b}[K{label} {done}");
    }
    let full = (done.min(total) * 20 / total) as usize;
    format!("\r\u{1b}[K{label} {}{} {done}/{total}", "█".repeat(full), "░".repeat(20 - full))
}

#[cfg(test)]
mod tests {
    use super::super::Bundle;
    use super::*;
    use candlewick_wire::parse_frame;

    fn message(bundle: Bundle) -> Message {
        Message::Said(Said::Display(bundle.as_display(None)))
    }

    #[test]
    fn the_environment_says_who_listens() {
        assert_eq!(Listener::of(Some("/tmp/socket;cafe"), true), Listener::Session("cafe".to_owned()));
        assert_eq!(Listener::of(None, true), Listener::Evcxr);
        assert_eq!(Listener::of(None, false), Listener::Plain);
    }

    #[test]
    fn a_session_gets_one_frame() {
        let message = message(Bundle::new().text("a\nb").png(b"x"));
        let line = Listener::Session("k".to_owned()).render(&message);
        assert_eq!(parse_frame("k", line.strip_suffix('\n').unwrap().as_bytes()), Some(message));
    }

    // the form that evcxr's own documentation gives
    #[test]
    fn evcxr_gets_its_blocks() {
        let text = Listener::Evcxr.render(&message(Bundle::new().html("<b>x</b>\n").text("x")));
        assert_eq!(
            text,
            "EVCXR_BEGIN_CONTENT text/html\n<b>x</b>\nEVCXR_END_CONTENT\n\
             EVCXR_BEGIN_CONTENT text/plain\nx\nEVCXR_END_CONTENT\n"
        );
        assert_eq!(Listener::Evcxr.render(&Message::Said(Said::Clear { wait: true })), "");
    }

    #[test]
    fn a_program_prints_text_only() {
        assert_eq!(Listener::Plain.render(&message(Bundle::new().html("<b>x</b>").text("x"))), "x\n");
        assert_eq!(Listener::Plain.render(&message(Bundle::new().html("<b>x</b>"))), "");
    }

    #[test]
    fn a_bar_fills_and_goes() {
        assert!(bar("epoch 1", 5, 10).ends_with("epoch 1 ██████████░░░░░░░░░░ 5/10"));
        assert!(bar("epoch 1", 11, 10).ends_with("████████████████████ 11/10"));
        assert_eq!(bar("epoch 1", 10, 10), "\r\u{1b}[K");
        assert!(bar("files", 3, 0).ends_with("files 3"));
    }
}

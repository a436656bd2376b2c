//! Questions to the user of a running cell.

use super::channel::{Listener, send};
use candlewick_wire::{Message, Request};
use std::collections::HashMap;
use std::io::Write;
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// Asks the user and waits for the answer: a field in a notebook, a line in a terminal.
///
/// Use this in cells, not `std::io::stdin()`, which is empty there. The answer comes without its newline; it is empty
/// where nobody can be asked.
///
/// ```no_run
/// let name = candlewick_prelude::show::ask("Your name? ");
/// ```
pub fn ask(prompt: &str) -> String {
    question(prompt, false)
}

/// As [`ask`], for answers that must not be shown while they are typed.
pub fn ask_password(prompt: &str) -> String {
    question(prompt, true)
}

fn question(prompt: &str, password: bool) -> String {
    match Listener::current() {
        Listener::Session(_) => ask_session(prompt, password),
        Listener::Evcxr => {
            let mark = if password { "EVCXR_INPUT_REQUEST_PASSWORD" } else { "EVCXR_INPUT_REQUEST" };
            // evcxr takes what stands between the first two colons, and gives the answer to standard input.
            ask_reader(&format!("{mark}:{}\n", prompt.replace(':', "\u{a789}").replace('\n', " ")))
        }
        Listener::Plain => ask_reader(prompt),
    }
}

/// Prints the prompt and reads a line.
fn ask_reader(prompt: &str) -> String {
    super::print(prompt);
    let mut answer = String::new();
    let _ = std::io::stdin().read_line(&mut answer);
    answer.trim_end_matches(['\r', '\n']).to_owned()
}

/// The questions that have no answer yet, by number, and the number of the last one.
#[derive(Default)]
struct Open {
    last: u64,
    questions: HashMap<u64, Sender<String>>,
}

fn open() -> MutexGuard<'static, Open> {
    static OPEN: LazyLock<Mutex<Open>> = LazyLock::new(Mutex::default);
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ask_session(prompt: &str, password: bool) -> String {
    let (answer, answered) = channel();
    let number = {
        let mut open = open();
        open.last += 1;
        let number = open.last;
        open.questions.insert(number, answer);
        number
    };
    // What was printed before the question is to be read before it.
    let _ = std::io::stdout().lock().flush();
    send(&Message::Ask { number, prompt: prompt.to_owned(), password });
    answered.recv().unwrap_or_default()
}

/// Takes an answer; called from the session's side, which must not wait.
pub(super) extern "C" fn take(bytes: *const u8, length: usize) {
    // SAFETY: the session's side hands over so many bytes that live until this returns.
    let request = unsafe { std::slice::from_raw_parts(bytes, length) };
    hear(request);
}

fn hear(request: &[u8]) {
    let Ok(Request::Answer { number, text }) = serde_json::from_slice(request) else { return };
    if let Some(question) = open().questions.remove(&number) {
        let _ = question.send(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_finds_its_question() {
        let asker = std::thread::spawn(|| ask_session("Name: ", false));
        let number = loop {
            if let Some(number) = open().questions.keys().next() {
                break *number;
            }
            std::thread::yield_now();
        };
        hear(b"no request");
        for request in [
            Request::Answer { number: number + 7, text: "another's".to_owned() },
            Request::Answer { number, text: "gr\u{f6}\u{df}e: 3".to_owned() },
            Request::Answer { number, text: "twice".to_owned() },
        ] {
            hear(&serde_json::to_vec(&request).unwrap());
        }
        assert_eq!(asker.join().unwrap(), "gr\u{f6}\u{df}e: 3");
    }
}

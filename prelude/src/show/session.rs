//! What a session calls once, when its runtime starts.

use super::channel::{Listener, send};
use super::{ask, caught, comm, cut};
use crate::interrupt;
use candlewick_wire::Message;
use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::Once;

/// Prepares a cell's process: interrupts raise a flag, panics are told to the session, and the session learns how
/// to empty the process's output and what to call at a cell's end, with what frontends say, and with answers.
/// Calling it again changes nothing; without a session it only takes care of interrupts where evcxr runs.
pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| match Listener::current() {
        Listener::Session(_) => {
            interrupt::install();
            std::panic::set_hook(Box::new(|panic| {
                if !cut::was_stopped() && !caught::is_caught() {
                    send(&message(panic));
                }
            }));
            let (flush, ended): (extern "C" fn(), extern "C" fn()) = (flush, ended);
            let comm: extern "C" fn(*const u8, usize) = comm::take;
            let answer: extern "C" fn(*const u8, usize) = ask::take;
            let addresses = [flush as usize, ended as usize, comm as usize, answer as usize];
            let [flush, ended, comm, answer] = addresses.map(|address| address as u64);
            send(&Message::Hello { flush, ended, comm, answer });
        }
        Listener::Evcxr => interrupt::install(),
        Listener::Plain => {}
    });
}

/// Empties the process's output; called now and then while a cell runs, and at its end.
extern "C" fn flush() {
    let _ = std::io::stdout().lock().flush();
}

/// Lowers the interrupt's flag; called when a cell has ended.
extern "C" fn ended() {
    interrupt::clear();
}

/// What is told of a panic.
fn message(panic: &PanicHookInfo<'_>) -> Message {
    let message = panic.payload_as_str().unwrap_or("a panic without a message").to_owned();
    let location = panic.location().map(|at| (at.file().to_owned(), at.line(), at.column()));
    Message::Panic { message, location }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_panic_has_a_message_and_a_place() {
        static TOLD: Mutex<Option<Message>> = Mutex::new(None);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload_as_str() == Some("seven 7") {
                *TOLD.lock().unwrap() = Some(message(panic));
            } else {
                before(panic);
            }
        }));
        let seven = 7;
        assert!(std::panic::catch_unwind(|| panic!("seven {seven}")).is_err());
        let told = TOLD.lock().unwrap().take();
        let Some(Message::Panic { message, location: Some((file, line, column)) }) = told else { panic!("{told:?}") };
        assert_eq!(message, "seven 7");
        assert!(file.ends_with("session.rs") && line > 1 && column > 1);
    }
}

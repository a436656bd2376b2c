//! Inside the runtime child: calls of the prelude's functions, by the addresses that it said at its hello, and what the
//! session asks of the child.

use candlewick_wire::{Message, Request, Said};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long text without a newline waits in the cell's buffer.
const FLUSH: Duration = Duration::from_millis(80);

/// The addresses of the prelude's functions, as soon as they are known.
pub type Hello = Arc<Mutex<Option<Prelude>>>;

/// Functions of the prelude in this process; see [`Message::Hello`].
#[derive(Clone, Copy)]
pub struct Prelude {
    pub flush: u64,
    pub ended: u64,
    pub comm: u64,
    pub answer: u64,
}

fn known(hello: &Hello) -> Option<Prelude> {
    *hello.lock().unwrap_or_else(PoisonError::into_inner)
}

fn call(address: u64) {
    // SAFETY: the prelude sent this address from this very process, with the cookie that only this channel knows,
    // and never unloads.
    let function: extern "C" fn() = unsafe { std::mem::transmute(address as usize) };
    function();
}

fn hand_over(address: u64, line: &str) {
    // SAFETY: as above; the prelude copies what it is handed before it returns.
    let function: extern "C" fn(*const u8, usize) = unsafe { std::mem::transmute(address as usize) };
    function(line.as_ptr(), line.len());
}

/// Lowers the interrupt's flag.
pub fn lower_flag(hello: &Hello) {
    if let Some(prelude) = known(hello) {
        call(prelude.ended);
    }
}

/// Says a message to the session.
pub fn send(session: &Mutex<UnixStream>, message: &Message) {
    let mut line = serde_json::to_vec(message).expect("a message always serialises");
    line.push(b'\n');
    let _ = session.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line);
}

/// Asks the thread of [`start_flusher`] to flush and to lower the flag, and to say when it has.
pub type Flusher = Sender<Sender<()>>;

/// Calls the prelude's functions, in a thread of its own since flushing may have to wait for a lock: now and then
/// the one that flushes, and both when a cell has ended.
pub fn start_flusher(hello: Hello) -> Flusher {
    let (ask, asked) = channel::<Sender<()>>();
    std::thread::spawn(move || {
        loop {
            let ended = match asked.recv_timeout(FLUSH) {
                Ok(done) => Some(done),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if let Some(prelude) = known(&hello) {
                call(prelude.flush);
                if ended.is_some() {
                    call(prelude.ended);
                }
            }
            if let Some(done) = ended {
                let _ = done.send(());
            }
        }
    });
    ask
}

/// Answers the session's requests; ends the process when the session is gone.
pub fn answer(requests: UnixStream, session: &Mutex<UnixStream>, flusher: &Flusher, hello: &Hello) {
    for line in BufReader::new(requests).lines() {
        let Ok(line) = line else { break };
        match serde_json::from_str(&line) {
            Ok(Request::Ping { number }) => {
                let (done, is_done) = channel();
                if flusher.send(done).is_ok() {
                    let _ = is_done.recv_timeout(Duration::from_millis(500));
                }
                send(session, &Message::Pong { number });
            }
            Ok(Request::Move { directory, environment }) => move_to(&directory, &environment),
            Ok(Request::Comm { number, .. }) => match known(hello) {
                Some(prelude) => hand_over(prelude.comm, &line),
                None => send(session, &Said::Handled { number }.into()),
            },
            Ok(Request::Columns { .. }) => {
                if let Some(prelude) = known(hello) {
                    hand_over(prelude.comm, &line);
                }
            }
            Ok(Request::Answer { .. }) => {
                if let Some(prelude) = known(hello) {
                    hand_over(prelude.answer, &line);
                }
            }
            Err(_) => {}
        }
    }
    // SAFETY: ends this process without running destructors of code that may still be running.
    unsafe { libc::_exit(0) };
}

/// Takes another working directory and environment; asked of a runtime in which no cell has run yet.
fn move_to(directory: &str, environment: &[(String, Option<String>)]) {
    let _ = std::env::set_current_dir(directory);
    for (name, value) in environment {
        // SAFETY: no cell runs, and this process's own threads read the environment through std, which locks it.
        unsafe {
            match value {
                Some(value) => std::env::set_var(name, value),
                None => std::env::remove_var(name),
            }
        }
    }
}

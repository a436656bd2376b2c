//! Inside the runtime child: takes frames and evcxr's marks out of the cell's output and sends all on.
//!
//! The child's standard output and error become pipes that one thread reads. evcxr's own marks go on
//! to evcxr over the original standard output; everything else goes to the session's socket, a JSON
//! [`Message`] a line, in the order in which it was written.

use super::splitter::{Piece, Splitter};
use candlewick_wire::{CHANNEL_VARIABLE, Message, Request, StreamName, parse_channel};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long text on standard error waits for a mark on standard output that belongs to it.
const COALESCE: Duration = Duration::from_millis(3);
/// How long the beginning of what may be a mark is held back.
const HOLD: Duration = Duration::from_millis(25);

/// How long text without a newline waits in the cell's buffer.
const FLUSH: Duration = Duration::from_millis(80);

/// The addresses of the prelude's functions, as soon as they are known.
type Hello = Arc<Mutex<Option<Prelude>>>;

/// Functions of the prelude in this process; see [`Message::Hello`].
#[derive(Clone, Copy)]
struct Prelude {
    flush: u64,
    ended: u64,
    comm: u64,
}

static OUT_PIPE: AtomicI32 = AtomicI32::new(-1);
static ERR_PIPE: AtomicI32 = AtomicI32::new(-1);

/// Starts the relay if this process is a runtime child with a channel. Called before any thread exists.
pub fn start() {
    let Ok(channel) = std::env::var(CHANNEL_VARIABLE) else { return };
    let Some((path, cookie)) = parse_channel(&channel) else { return };
    let Ok(socket) = UnixStream::connect(path) else { return };
    // SAFETY: no other thread exists yet. Errors that cells print must not drag backtraces along.
    unsafe { std::env::remove_var("RUST_BACKTRACE") };
    let Some(relay) = Relay::take_over(socket, cookie.to_owned()) else { return };
    std::thread::spawn(move || relay.run());
}

fn pipe() -> Option<(File, RawFd)> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for the two descriptors, which are owned from here on.
    unsafe {
        if libc::pipe(ends.as_mut_ptr()) != 0 {
            return None;
        }
        for end in ends {
            libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC);
        }
        libc::fcntl(ends[0], libc::F_SETFL, libc::O_NONBLOCK);
        Some((File::from_raw_fd(ends[0]), ends[1]))
    }
}

/// Waits until the relay has read what was written, for at most a tenth of a second.
extern "C" fn wait_until_read() {
    for _ in 0..50 {
        let mut waiting = 0;
        for pipe in [&OUT_PIPE, &ERR_PIPE] {
            let mut bytes: libc::c_int = 0;
            // SAFETY: FIONREAD writes one int; a bad descriptor only fails.
            if unsafe { libc::ioctl(pipe.load(Ordering::Relaxed), libc::FIONREAD, &mut bytes) } == 0 {
                waiting += bytes;
            }
        }
        let pause = libc::timespec { tv_sec: 0, tv_nsec: 2_000_000 };
        // SAFETY: nanosleep is async-signal-safe and only reads `pause`.
        unsafe { libc::nanosleep(&pause, std::ptr::null_mut()) };
        if waiting == 0 {
            return;
        }
    }
}

extern "C" fn on_abort(_signal: libc::c_int) {
    wait_until_read();
    // SAFETY: restoring the default action and raising again is the usual way to end with the signal.
    unsafe {
        libc::signal(libc::SIGABRT, libc::SIG_DFL);
        libc::raise(libc::SIGABRT);
    }
}

extern "C" fn on_interrupt(_signal: libc::c_int) {}

struct Relay {
    out: File,
    err: File,
    evcxr: File,
    session: Arc<Mutex<UnixStream>>,
    splitter: Splitter,
    hello: Hello,
    flusher: Sender<Sender<()>>,
    last_panic: Option<Message>,
}

impl Relay {
    fn take_over(socket: UnixStream, cookie: String) -> Option<Relay> {
        let (out, out_write) = pipe()?;
        let (err, err_write) = pipe()?;
        // SAFETY: plain descriptor calls on descriptors this process owns; signal handlers that only
        // call async-signal-safe functions.
        let evcxr = unsafe {
            let evcxr = libc::fcntl(1, libc::F_DUPFD_CLOEXEC, 3);
            if evcxr < 0 {
                return None;
            }
            libc::dup2(out_write, 1);
            libc::dup2(err_write, 2);
            libc::close(out_write);
            libc::close(err_write);
            libc::setpgid(0, 0);
            libc::signal(libc::SIGINT, on_interrupt as extern "C" fn(libc::c_int) as libc::sighandler_t);
            libc::signal(libc::SIGABRT, on_abort as extern "C" fn(libc::c_int) as libc::sighandler_t);
            libc::atexit(wait_until_read);
            File::from_raw_fd(evcxr)
        };
        OUT_PIPE.store(out.as_raw_fd(), Ordering::Relaxed);
        ERR_PIPE.store(err.as_raw_fd(), Ordering::Relaxed);
        let requests = socket.try_clone().ok()?;
        let session = Arc::new(Mutex::new(socket));
        let hello = Hello::default();
        let flusher = start_flusher(Arc::clone(&hello));
        let answers = Arc::clone(&session);
        let ask_flush = flusher.clone();
        let prelude = Arc::clone(&hello);
        std::thread::spawn(move || answer(requests, &answers, &ask_flush, &prelude));
        Some(Relay { out, err, evcxr, session, splitter: Splitter::new(&cookie), hello, flusher, last_panic: None })
    }

    fn run(mut self) {
        loop {
            let timeout = if self.splitter.holds() { HOLD } else { Duration::from_secs(60) };
            let (out, err) = self.poll(timeout, true);
            if err && !out {
                // A `?` prints its error here and its mark there: give the mark the time to come.
                let (out, _) = self.poll(COALESCE, false);
                if !out {
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

    fn poll(&self, timeout: Duration, with_err: bool) -> (bool, bool) {
        let mut fds = [
            libc::pollfd { fd: self.out.as_raw_fd(), events: libc::POLLIN, revents: 0 },
            libc::pollfd { fd: self.err.as_raw_fd(), events: libc::POLLIN, revents: 0 },
        ];
        let count = if with_err { 2 } else { 1 };
        // SAFETY: `fds` holds at least `count` entries.
        unsafe { libc::poll(fds.as_mut_ptr(), count, timeout.as_millis() as libc::c_int) };
        (fds[0].revents != 0, fds[1].revents != 0)
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
            self.send(&Message::Stream { name: StreamName::Stderr, text });
        }
    }

    fn handle(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => self.send(&Message::Stream { name: StreamName::Stdout, text }),
                Piece::Message(Message::Hello { flush, ended, comm }) => {
                    *self.hello.lock().unwrap() = Some(Prelude { flush, ended, comm });
                }
                Piece::Message(handled @ Message::Handled { .. }) => {
                    // What a callback wrote to standard error, and its panic, belong to it.
                    self.forward_err();
                    self.say_last_panic();
                    self.send(&handled);
                }
                Piece::Message(panic @ Message::Panic { .. }) => {
                    self.say_last_panic();
                    self.last_panic = Some(panic);
                }
                Piece::Message(message) => self.send(&message),
                Piece::Failed(line) => {
                    let text = self.read_err();
                    self.send(&Message::Failed { text, location: None });
                    self.pass_on(&line);
                }
                Piece::Panicked(line) => {
                    let unknown = Message::Panic { message: String::new(), location: None };
                    let panic = self.last_panic.take().unwrap_or(unknown);
                    self.send(&panic);
                    self.pass_on(&line);
                }
                Piece::Evcxr(line) => self.pass_on(&line),
                Piece::Complete(line) => {
                    self.finish_cell();
                    self.pass_on(&line);
                }
            }
        }
    }

    /// What a cell left behind when it ended: unflushed text, text on standard error, its value.
    fn finish_cell(&mut self) {
        let (done, is_done) = channel();
        if self.hello.lock().unwrap().is_some() && self.flusher.send(done).is_ok() {
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
        self.say_last_panic();
        let value = self.splitter.take_value();
        self.handle(value);
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
            self.send(&Message::Stream { name: StreamName::Stderr, text });
        }
    }

    fn pass_on(&mut self, line: &[u8]) {
        let _ = self.evcxr.write_all(line).and_then(|()| self.evcxr.write_all(b"\n"));
    }

    fn send(&self, message: &Message) {
        send(&self.session, message);
    }
}

fn send(session: &Mutex<UnixStream>, message: &Message) {
    let mut line = serde_json::to_vec(message).expect("a message always serialises");
    line.push(b'\n');
    let _ = session.lock().unwrap().write_all(&line);
}

/// Calls the prelude's functions, in a thread of its own since flushing may have to wait for a lock: now and then
/// the one that flushes, and both when a cell has ended.
fn start_flusher(hello: Hello) -> Sender<Sender<()>> {
    let (ask, asked) = channel::<Sender<()>>();
    std::thread::spawn(move || {
        loop {
            let ended = match asked.recv_timeout(FLUSH) {
                Ok(done) => Some(done),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let prelude = *hello.lock().unwrap();
            if let Some(prelude) = prelude {
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

fn call(address: u64) {
    // SAFETY: the prelude sent this address from this very process, with the cookie that only this channel knows,
    // and never unloads.
    let function: extern "C" fn() = unsafe { std::mem::transmute(address as usize) };
    function();
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

fn hand_over(address: u64, line: &str) {
    // SAFETY: as above; the prelude copies what it is handed before it returns.
    let function: extern "C" fn(*const u8, usize) = unsafe { std::mem::transmute(address as usize) };
    function(line.as_ptr(), line.len());
}

/// Answers the session's requests; ends the process when the session is gone.
fn answer(requests: UnixStream, session: &Mutex<UnixStream>, flusher: &Sender<Sender<()>>, hello: &Hello) {
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
            Ok(Request::Comm { number, .. }) => {
                let prelude = *hello.lock().unwrap();
                match prelude {
                    Some(prelude) => hand_over(prelude.comm, &line),
                    None => send(session, &Message::Handled { number }),
                }
            }
            Err(_) => {}
        }
    }
    // SAFETY: ends this process without running destructors of code that may still be running.
    unsafe { libc::_exit(0) };
}

//! The session's end of the display channel: a socket that the runtime child and the shims connect to.

use candlewick_wire::{Message, Request, Said};
use crossbeam_channel::{Receiver, Sender};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Messages longer than this are dropped: no figure is that large, and a runaway cell must not
/// take the host with it.
const LONGEST: usize = 256 << 20;

/// A listening channel. Each connection is read by a thread of its own.
pub struct Channel {
    path: PathBuf,
    messages: Receiver<Message>,
    /// The newest connection: its number and its writing end.
    runtime: Arc<Mutex<Option<(usize, UnixStream)>>>,
    outlet: Arc<Outlet>,
}

/// Takes what is said while no cell runs.
pub type Between = Box<dyn FnMut(Message) + Send>;

/// Where messages go: to whoever reads [`Channel::messages`], or between cells to another.
struct Outlet {
    say: Sender<Message>,
    /// Whether no cell runs, and who listens then.
    between: Mutex<(bool, Option<Between>)>,
}

impl Outlet {
    fn deliver(&self, message: Message) {
        // Answers to the session itself, which asks between cells too.
        let is_answer = matches!(message, Message::Pong { .. } | Message::Described { .. });
        match &mut *lock(&self.between) {
            (true, Some(between)) if !is_answer => between(message),
            _ => drop(self.say.send(message)),
        }
    }
}

/// The value, also after a thread panicked while it held it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Channel {
    /// Listens at `path`, which must be short (a socket's address holds about a hundred bytes).
    ///
    /// # Errors
    /// The socket cannot be bound.
    pub fn listen(path: &Path) -> std::io::Result<Channel> {
        let listener = UnixListener::bind(path)?;
        let (say, messages) = crossbeam_channel::unbounded();
        let runtime = Arc::new(Mutex::new(None));
        let outlet = Arc::new(Outlet { say, between: Mutex::new((false, None)) });
        let (newest, reads) = (Arc::clone(&runtime), Arc::clone(&outlet));
        std::thread::Builder::new().name("channel".into()).spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                if let Ok(writer) = stream.try_clone() {
                    *lock(&newest) = Some((number, writer));
                }
                let (newest, outlet) = (Arc::clone(&newest), Arc::clone(&reads));
                let _ = std::thread::Builder::new().name("channel reader".into()).spawn(move || {
                    read(stream, &outlet);
                    lock(&newest).take_if(|(newest, _)| *newest == number);
                    outlet.deliver(Said::Gone.into());
                });
            }
        })?;
        Ok(Channel { path: path.to_owned(), messages, runtime, outlet })
    }

    /// Hands what is said while no cell runs to `between`.
    pub fn listen_between(&self, between: Between) {
        lock(&self.outlet.between).1 = Some(between);
    }

    /// Says whether a cell runs: then its messages are read from [`messages`](Channel::messages).
    pub fn cell_runs(&self, runs: bool) {
        lock(&self.outlet.between).0 = !runs;
    }

    /// The messages, in the order in which each connection sent them.
    pub fn messages(&self) -> &Receiver<Message> {
        &self.messages
    }

    /// Says a message as if the runtime child had.
    pub fn deliver(&self, message: Message) {
        self.outlet.deliver(message);
    }

    /// Says something to the runtime child; false where none is connected.
    pub fn say(&self, request: &Request) -> bool {
        let mut runtime = lock(&self.runtime);
        let Some((_, socket)) = runtime.as_mut() else { return false };
        let request = serde_json::to_string(request).expect("a request always serialises");
        let _ = socket.set_write_timeout(Some(Duration::from_secs(1)));
        let sent = writeln!(socket, "{request}").is_ok();
        if !sent {
            *runtime = None;
        }
        sent
    }

    #[cfg(test)]
    fn connected(&self) -> bool {
        lock(&self.runtime).is_some()
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Reads messages until the connection ends; what is no message is skipped.
fn read(stream: UnixStream, outlet: &Outlet) {
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let mut line = Vec::new();
    let mut skipping = false;
    loop {
        let (used, ended) = match reader.fill_buf() {
            Ok([]) | Err(_) => return,
            Ok(bytes) => {
                let end = bytes.iter().position(|&byte| byte == b'\n');
                let used = end.map_or(bytes.len(), |end| end + 1);
                if !skipping {
                    line.extend_from_slice(&bytes[..used]);
                }
                (used, end.is_some())
            }
        };
        reader.consume(used);
        if line.len() > LONGEST {
            line.clear();
            skipping = true;
        }
        if ended {
            if !skipping && let Ok(message) = serde_json::from_slice(&line) {
                outlet.deliver(message);
            }
            line.clear();
            skipping = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let channel = Channel::listen(&folder.path().join("s")).unwrap();
        let mut socket = UnixStream::connect(folder.path().join("s")).unwrap();
        let clear = serde_json::to_string(&Message::from(Said::Clear { wait: true })).unwrap();
        socket.write_all(format!("\u{0}\n{{}}\nnull\n{clear}\n[").as_bytes()).unwrap();
        let message = channel.messages().recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(message, Message::from(Said::Clear { wait: true }));
        drop(socket);
        assert_eq!(channel.messages().recv_timeout(Duration::from_secs(5)), Ok(Said::Gone.into()));
        assert!(channel.messages().recv_timeout(Duration::from_millis(50)).is_err());
    }

    #[test]
    fn a_ping_reaches_the_newest_connection() {
        let folder = tempfile::tempdir().unwrap();
        let channel = Channel::listen(&folder.path().join("s")).unwrap();
        assert!(!channel.say(&Request::Ping { number: 1 }));
        let socket = UnixStream::connect(folder.path().join("s")).unwrap();
        while !channel.connected() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(channel.say(&Request::Ping { number: 7 }));
        let mut line = String::new();
        BufReader::new(socket).read_line(&mut line).unwrap();
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), Request::Ping { number: 7 });
    }

    #[test]
    fn what_is_said_between_cells_goes_to_who_listens_then() {
        let folder = tempfile::tempdir().unwrap();
        let channel = Channel::listen(&folder.path().join("s")).unwrap();
        let (tell, told) = crossbeam_channel::unbounded();
        channel.listen_between(Box::new(move |message| drop(tell.send(message))));
        let mut socket = UnixStream::connect(folder.path().join("s")).unwrap();
        let mut say = |message| {
            let line = serde_json::to_string(&message).unwrap();
            writeln!(socket, "{line}").unwrap();
        };
        for (number, runs) in [(1, true), (2, false), (3, true)] {
            channel.cell_runs(runs);
            say(Said::Handled { number }.into());
            let inbox = if runs { channel.messages() } else { &told };
            assert_eq!(inbox.recv_timeout(Duration::from_secs(5)), Ok(Said::Handled { number }.into()));
        }
        channel.cell_runs(false);
        say(Message::Pong { number: 4 });
        assert_eq!(channel.messages().recv_timeout(Duration::from_secs(5)), Ok(Message::Pong { number: 4 }));
    }

    /// Random bytes, damaged messages and deep JSON on many connections at once: what is whole arrives, in order.
    #[test]
    fn damaged_messages_lose_only_themselves() {
        use proptest::prelude::*;
        use proptest::strategy::ValueTree;
        use proptest::test_runner::TestRunner;
        let folder = tempfile::tempdir().unwrap();
        let channel = Channel::listen(&folder.path().join("s")).unwrap();
        let whole = [
            Said::Clear { wait: true }.into(),
            Said::Gone.into(),
            Message::Described { variables: Vec::new() },
            Message::Said(Said::Comm(candlewick_wire::Comm {
                id: "c".to_owned(),
                act: candlewick_wire::CommAct::Open("t".to_owned()),
                data: serde_json::Map::new(),
                metadata: serde_json::Map::new(),
                buffers: vec![vec![0, 1, 2]],
            })),
        ];
        let whole: Vec<Vec<u8>> = whole.iter().map(|message| serde_json::to_vec(message).unwrap()).collect();
        let odd = vec![b"[".repeat(100_000), b"{\"type\":".repeat(1_000), vec![0; 5_000], vec![0xff; 5_000]];
        let line = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            prop::sample::select(odd),
            (prop::sample::select(whole), any::<prop::sample::Index>(), any::<u8>()).prop_map(
                |(mut line, at, byte)| {
                    let at = at.index(line.len());
                    line[at] = byte;
                    line
                }
            ),
        ];
        let mut runner = TestRunner::default();
        let mut sockets: Vec<UnixStream> =
            (0..8).map(|_| UnixStream::connect(folder.path().join("s")).unwrap()).collect();
        let rounds = std::env::var("PROPTEST_CASES").ok().and_then(|told| told.parse().ok()).unwrap_or(2_000);
        for round in 0..rounds {
            let mut line = line.new_tree(&mut runner).unwrap().current();
            line.push(b'\n');
            let socket = &mut sockets[round % 8];
            socket.write_all(&line).unwrap();
            let mark =
                serde_json::to_string(&Message::from(Said::Handled { number: u64::MAX - round as u64 })).unwrap();
            writeln!(socket, "{mark}").unwrap();
            let limit = std::time::Instant::now() + Duration::from_secs(10);
            // A damaged message may still be one; the marks are told by their numbers.
            while channel.messages().recv_deadline(limit).expect("the mark arrives")
                != Message::from(Said::Handled { number: u64::MAX - round as u64 })
            {}
        }
    }
}

//! The session's end of the display channel: a socket that the runtime child and the shims connect to.

use candlewick_wire::{Message, Request};
use crossbeam_channel::{Receiver, Sender};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Messages longer than this are dropped: no figure is that large, and a runaway cell must not
/// take the host with it.
const LONGEST: usize = 256 << 20;

/// A listening channel. Each connection is read by a thread of its own.
pub struct Channel {
    path: PathBuf,
    messages: Receiver<Message>,
    runtime: Arc<Mutex<Option<UnixStream>>>,
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
        let newest = Arc::clone(&runtime);
        std::thread::Builder::new().name("channel".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let say = say.clone();
                if let Ok(writer) = stream.try_clone() {
                    *newest.lock().unwrap() = Some(writer);
                }
                let _ = std::thread::Builder::new().name("channel reader".into()).spawn(move || read(stream, &say));
            }
        })?;
        Ok(Channel { path: path.to_owned(), messages, runtime })
    }

    /// The messages, in the order in which each connection sent them.
    pub fn messages(&self) -> &Receiver<Message> {
        &self.messages
    }

    /// Asks something of the runtime child; false where no child is connected.
    pub fn ask(&self, request: &Request) -> bool {
        let mut runtime = self.runtime.lock().unwrap();
        let Some(socket) = runtime.as_mut() else { return false };
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
        self.runtime.lock().unwrap().is_some()
    }

    /// Forgets the connected child; the next one that connects takes its place.
    pub fn forget_runtime(&self) {
        *self.runtime.lock().unwrap() = None;
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Reads messages until the connection ends; what is no message is skipped.
fn read(stream: UnixStream, say: &Sender<Message>) {
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
            if !skipping
                && let Ok(message) = serde_json::from_slice(&line)
                && say.send(message).is_err()
            {
                return;
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
        let clear = serde_json::to_string(&Message::Clear { wait: true }).unwrap();
        socket.write_all(format!("\u{0}\n{{}}\nnull\n{clear}\n[").as_bytes()).unwrap();
        let message = channel.messages().recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(message, Message::Clear { wait: true });
        drop(socket);
        assert!(channel.messages().recv_timeout(Duration::from_millis(50)).is_err());
    }

    #[test]
    fn a_ping_reaches_the_newest_connection() {
        let folder = tempfile::tempdir().unwrap();
        let channel = Channel::listen(&folder.path().join("s")).unwrap();
        assert!(!channel.ask(&Request::Ping { number: 1 }));
        let socket = UnixStream::connect(folder.path().join("s")).unwrap();
        while !channel.connected() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(channel.ask(&Request::Ping { number: 7 }));
        let mut line = String::new();
        BufReader::new(socket).read_line(&mut line).unwrap();
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), Request::Ping { number: 7 });
    }
}

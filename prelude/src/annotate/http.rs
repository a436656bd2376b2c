//! As much of HTTP/1.1 as a page on the same machine needs: requests with bounds on all that they may ask for.

use super::guard::{Refusal, RequestHead};
use crate::{Error, Result};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most bytes before a request's body.
const LONGEST_HEAD: usize = 32 << 10;
const MOST_HEADERS: usize = 64;
/// The most connections at a time; a page has two to six.
const MOST_CONNECTIONS: usize = 64;
/// How long a connection may say nothing, and how long an answer may take to be taken.
const PATIENCE: Duration = Duration::from_secs(60);
/// What every answer says: it is for our own page, and for nobody to keep.
const GUARDS: &str = "Cache-Control: no-store\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Referrer-Policy: no-referrer\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\n\
    Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n";

/// What answers the requests of a connection; `false` ends it.
pub(super) trait Answers: Send + Sync + 'static {
    fn answer(&self, head: &RequestHead, link: &mut Link) -> io::Result<bool>;
}

/// A connection to a browser.
pub(super) struct Link {
    stream: TcpStream,
    /// What was read and not yet used.
    ahead: Vec<u8>,
}

impl Link {
    /// Reads up to the end of the next request's head; nothing where the other side has ended.
    fn head(&mut self) -> io::Result<Option<Result<RequestHead, Refusal>>> {
        let begun = Instant::now();
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
            let mut request = httparse::Request::new(&mut headers);
            match request.parse(&self.ahead) {
                Ok(httparse::Status::Complete(length)) => {
                    let found = taken(&request);
                    self.ahead.drain(..length);
                    return Ok(Some(found.ok_or(Refusal(400, "the request is no text"))));
                }
                Ok(httparse::Status::Partial) if self.ahead.len() < LONGEST_HEAD && begun.elapsed() < PATIENCE => {}
                _ => return Ok(Some(Err(Refusal(400, "the request is not as it should be")))),
            }
            let mut bytes = [0; 4096];
            let count = self.stream.read(&mut bytes)?;
            if count == 0 {
                return Ok(None);
            }
            self.ahead.extend(&bytes[..count]);
        }
    }

    /// Reads a body of this length.
    pub fn body(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let begun = Instant::now();
        let length = length as usize;
        let mut body: Vec<u8> = self.ahead.drain(..length.min(self.ahead.len())).collect();
        let mut bytes = [0; 16 << 10];
        while body.len() < length {
            let most = bytes.len().min(length - body.len());
            let count = self.stream.read(&mut bytes[..most])?;
            if count == 0 || begun.elapsed() > PATIENCE {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            body.extend(&bytes[..count]);
        }
        Ok(body)
    }

    /// Answers with these bytes.
    pub fn reply(&mut self, status: &str, kind: &str, body: &[u8], goes_on: bool) -> io::Result<()> {
        let connection = if goes_on { "keep-alive" } else { "close" };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: {connection}\r\n{GUARDS}\r\n"
        );
        self.stream.write_all(head.as_bytes())?;
        self.stream.write_all(body)?;
        self.stream.flush()
    }

    /// Says no, and that this was the last answer.
    pub fn refuse(&mut self, Refusal(status, why): Refusal) -> io::Result<()> {
        let reason = match status {
            400 => "Bad Request",
            403 => "Forbidden",
            413 => "Content Too Large",
            500 => "Internal Server Error",
            _ => "Not Found",
        };
        self.reply(&format!("{status} {reason}"), "text/plain; charset=utf-8", why.as_bytes(), false)?;
        // What is still on its way would have the answer thrown away at the other end.
        self.stream.shutdown(Shutdown::Write)?;
        self.stream.set_read_timeout(Some(Duration::from_millis(200)))?;
        let (mut bytes, begun) = ([0; 4096], Instant::now());
        while begun.elapsed() < Duration::from_secs(1) && self.stream.read(&mut bytes).is_ok_and(|count| count > 0) {}
        Ok(())
    }

    /// Begins a stream of events.
    pub fn begin_events(&mut self) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n{GUARDS}\r\nretry: 1000\n\n"
        );
        self.say(&head)
    }

    /// Says something on a stream of events.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())?;
        self.stream.flush()
    }
}

/// The parsed head with its own texts.
fn taken(request: &httparse::Request<'_, '_>) -> Option<RequestHead> {
    let header = |header: &httparse::Header<'_>| {
        Some((header.name.to_ascii_lowercase(), std::str::from_utf8(header.value).ok()?.to_owned()))
    };
    let headers = request.headers.iter().map(header).collect::<Option<Vec<_>>>()?;
    Some(RequestHead { method: request.method?.to_owned(), target: request.path?.to_owned(), headers })
}

/// A server on this machine's own address; dropping it ends all its connections.
pub(super) struct HttpServer {
    address: SocketAddr,
    shared: Arc<OpenLinks>,
}

#[derive(Default)]
struct OpenLinks {
    ended: AtomicBool,
    /// The connections by number.
    open: Mutex<HashMap<u64, TcpStream>>,
}

impl OpenLinks {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpServer {
    /// Listens on 127.0.0.1; port 0 is any that is free.
    ///
    /// # Errors
    /// Where the port is in use.
    pub fn start(port: u16, answers: Arc<dyn Answers>) -> Result<HttpServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
            Error::new(format!("port {port} of this machine cannot be had"))
                .caused_by(error)
                .remedy("take another one, or none: any that is free is taken then")
        })?;
        let address = listener.local_addr()?;
        let shared = Arc::new(OpenLinks::default());
        let own = shared.clone();
        std::thread::spawn(move || accept(&listener, &own, &answers));
        Ok(HttpServer { address, shared })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // The listener waits for one more.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        for stream in self.shared.open().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<OpenLinks>, answers: &Arc<dyn Answers>) {
    for (number, stream) in (0..).zip(listener.incoming()) {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else {
            // Too many files are open: that passes.
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        let Ok(again) = stream.try_clone() else { continue };
        if shared.open().len() >= MOST_CONNECTIONS {
            continue;
        }
        shared.open().insert(number, again);
        let (shared, answers) = (shared.clone(), answers.clone());
        std::thread::spawn(move || {
            let _gone = Gone { number, shared: &shared };
            let _ = serve(stream, &*answers);
        });
    }
}

/// Forgets a connection when its thread ends.
struct Gone<'a> {
    number: u64,
    shared: &'a OpenLinks,
}

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.shared.open().remove(&self.number);
    }
}

fn serve(stream: TcpStream, answers: &dyn Answers) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut link = Link { stream, ahead: Vec::new() };
    while let Some(head) = link.head()? {
        let goes_on = match head {
            Ok(head) => answers.answer(&head, &mut link)?,
            Err(refusal) => link.refuse(refusal).map(|()| false)?,
        };
        if !goes_on {
            break;
        }
    }
    Ok(())
}

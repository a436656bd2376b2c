//! The tool as a page of a server on this machine.

use super::desk::Desk;
use super::guard::{self, Refusal, RequestHead};
use super::http::{Answers, HttpServer, Link};
use super::{CSS, MODULE, picture, talk, token};
use crate::{Result, interrupt, show};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

const PAGE: &str = include_str!("front/page.html");
const BRIDGE: &str = include_str!("front/bridge.js");
/// How often a stream says that it is there, and learns that nobody reads it.
const STILL: Duration = Duration::from_secs(15);
/// A page that has so many messages waiting reads no more; its stream ends, and it asks anew.
const MOST_WAITING: usize = 10_000;

/// What the pages of one server are answered by.
struct PageHost {
    desk: Arc<Desk>,
    secret: String,
    streams: Streams,
}

/// Who listens.
#[derive(Default)]
struct Streams(Mutex<Readers>);

/// The readers of the streams so far, and those who are there: by the view's name their number and where they hear.
#[derive(Default)]
struct Readers {
    count: u64,
    by_view: HashMap<String, (u64, SyncSender<String>)>,
}

impl Streams {
    fn lock(&self) -> MutexGuard<'_, Readers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream for a view, in place of an older one.
    fn open(&self, view: &str) -> (u64, Receiver<String>) {
        let (says, hears) = sync_channel(MOST_WAITING);
        let mut readers = self.lock();
        readers.count += 1;
        let number = readers.count;
        readers.by_view.insert(view.to_owned(), (number, says));
        let count = readers.by_view.len();
        drop(readers);
        if count > 1 {
            self.tell(&[views(count)], None);
        }
        (number, hears)
    }

    fn close(&self, view: &str, number: u64) {
        let mut readers = self.lock();
        if readers.by_view.get(view).is_some_and(|(own, _)| *own == number) {
            readers.by_view.remove(view);
            let count = readers.by_view.len();
            drop(readers);
            self.tell(&[views(count)], None);
        }
    }

    fn tell(&self, told: &[Value], but: Option<&str>) {
        let mut readers = self.lock();
        readers.by_view.retain(|view, (_, says)| {
            let mut texts = told.iter().map(|message| format!("data: {message}\n\n"));
            Some(view.as_str()) == but || texts.all(|text| says.try_send(text).is_ok())
        });
    }
}

/// Says how many pages there are.
fn views(count: usize) -> Value {
    json!({ "type": "views", "count": count })
}

impl Answers for PageHost {
    fn answer(&self, head: &RequestHead, link: &mut Link) -> io::Result<bool> {
        match self.try_answer(head, link)? {
            Ok(goes_on) => Ok(goes_on),
            Err(refusal) => link.refuse(refusal).map(|()| false),
        }
    }
}

impl PageHost {
    fn try_answer(&self, head: &RequestHead, link: &mut Link) -> io::Result<Result<bool, Refusal>> {
        if let Err(refusal) = guard::check(head, &self.secret) {
            return Ok(Err(refusal));
        }
        let nothing = Refusal(404, "there is nothing of this name");
        let goes_on = head.one("connection").is_none_or(|word| !word.eq_ignore_ascii_case("close"));
        let file = |kind: &str| Some(format!("{kind}; charset=utf-8"));
        let (kind, body) = match (head.method.as_str(), head.path()) {
            ("POST", _) => {
                let length = match guard::length(head) {
                    Ok(length) => length,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                match self.hear(&link.body(length)?) {
                    Ok(answers) => (Some("application/json".to_owned()), answers.into_bytes()),
                    Err(refusal) => return Ok(Err(refusal)),
                }
            }
            ("GET", "/") => (file("text/html"), PAGE.replace("{{TOKEN}}", &self.secret).into_bytes()),
            ("GET", "/annotate.js") => (file("text/javascript"), MODULE.into()),
            ("GET", "/bridge.js") => (file("text/javascript"), BRIDGE.into()),
            ("GET", "/annotate.css") => (file("text/css"), CSS.into()),
            ("GET", "/events") => return self.stream(head.asked("view"), link).map(|()| Ok(false)),
            ("GET", path) => {
                let Some(file) = path.strip_prefix("/picture/").and_then(|id| self.desk.file(id)) else {
                    return Ok(Err(nothing));
                };
                match picture::whole(&file) {
                    Ok((kind, bytes)) => (Some(kind.to_owned()), bytes),
                    Err(_) => return Ok(Err(Refusal(404, "the picture cannot be read"))),
                }
            }
            _ => return Ok(Err(nothing)),
        };
        link.reply("200 OK", &kind.unwrap_or_default(), &body, goes_on)?;
        Ok(Ok(goes_on))
    }

    /// The answers to a message, as JSON.
    fn hear(&self, body: &[u8]) -> Result<String, Refusal> {
        let message = serde_json::from_slice::<Map<String, Value>>(body).ok();
        let message = message.filter(|message| message.get("view").is_some_and(Value::is_string));
        let message = message.ok_or(Refusal(400, "the message is no JSON object with a view"))?;
        let answers = talk::hear(&self.desk, &message).into_iter().map(|said| {
            let mut answer = said.message;
            if said.picture.is_some() {
                answer["url"] = format!("picture/{}", answer["picture"].as_str().unwrap_or_default()).into();
            }
            answer
        });
        Ok(answers.collect::<Value>().to_string())
    }

    /// Says what other views change, until the reader is gone.
    fn stream(&self, view: &str, link: &mut Link) -> io::Result<()> {
        let (number, hears) = self.streams.open(view);
        let said = link.begin_events().and_then(|()| {
            loop {
                match hears.recv_timeout(STILL) {
                    Ok(text) => link.say(&text)?,
                    Err(RecvTimeoutError::Timeout) => link.say(": still here\n\n")?,
                    // Another stream of this view has taken its place.
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
            }
        });
        self.streams.close(view, number);
        said
    }
}

/// A page that is served.
pub(super) struct PageServer {
    server: HttpServer,
    host: Arc<PageHost>,
}

/// The port that a folder has every time, so that a browser finds again what it kept for the page: it keeps it by the port.
fn own_port(folder: &Path) -> u16 {
    const PRIVATE: (u16, u64) = (49_152, 16_000);
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    PRIVATE.0 + (hasher.finish() % PRIVATE.1) as u16
}

impl PageServer {
    /// Begins to serve a desk.
    ///
    /// # Errors
    /// Where the port is in use.
    pub fn start(desk: &Arc<Desk>, port: u16) -> Result<PageServer> {
        let host = Arc::new(PageHost { desk: desk.clone(), secret: token::random()?, streams: Streams::default() });
        let own = own_port(&desk.folder);
        let server = match port {
            // Where another serves there, any other does.
            0 => HttpServer::start(own, host.clone()).or_else(|_| {
                show::note(
                    "this folder's own port is in use: another page may show the folder already; both show what either changes, and a \
                     browser does not find here what it kept for the other",
                );
                HttpServer::start(0, host.clone())
            })?,
            port => HttpServer::start(port, host.clone())?,
        };
        let hears: Weak<PageHost> = Arc::downgrade(&host);
        desk.listen(Box::new(move |told, whose| hears.upgrade().map(|host| host.streams.tell(told, whose)).is_some()));
        Ok(PageServer { server, host })
    }

    /// The address to open.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/?token={}", self.server.port(), self.host.secret)
    }

    /// Tells the address, and goes on until the user interrupts.
    pub fn run(self) {
        show::print(&format!("{}\n", self.address()));
        while !interrupt::requested() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

//! Comms: a cell and a frontend speak with each other, while a cell runs and between cells.

use super::channel::{Listener, say};
use super::columns;
use super::live::new_id;
use candlewick_wire::{self as wire, CommAct, Request, Said};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// What one end of a comm tells the other: JSON, and bytes beside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommMessage {
    /// A JSON object.
    pub data: Map<String, Value>,
    /// Jupyter's `metadata` of the message.
    pub metadata: Map<String, Value>,
    /// Bytes of any kind; they travel as they are.
    pub buffers: Vec<Vec<u8>>,
}

impl CommMessage {
    /// A message of this JSON object; anything else than an object is an empty one.
    pub fn new(data: Value) -> CommMessage {
        let data = if let Value::Object(data) = data { data } else { Map::new() };
        CommMessage { data, ..CommMessage::default() }
    }

    /// Adds bytes.
    pub fn buffer(mut self, bytes: impl Into<Vec<u8>>) -> CommMessage {
        self.buffers.push(bytes.into());
        self
    }

    /// Adds a note to Jupyter's `metadata`.
    pub fn note(mut self, name: &str, value: impl Into<Value>) -> CommMessage {
        self.metadata.insert(name.to_owned(), value.into());
        self
    }
}

/// One comm: what ipywidgets, anywidget and own frontend code speak over. A clone is the same comm.
///
/// What is heard is dealt with on one thread of its own, one message after the other, also while a cell runs: hence
/// `Send + 'static`, and an [`Arc`] and a [`Mutex`] for what a callback shares with cells. What a callback prints
/// while no cell runs goes to the frontend as the answer to its message. Where no frontend listens (a terminal, a
/// plain program) nothing is said and nothing heard.
///
/// ```no_run
/// use candlewick_prelude::show::{Comm, CommMessage};
/// use serde_json::json;
/// let comm = Comm::open("my.target", CommMessage::new(json!({ "hello": "frontend" })));
/// let answers = comm.clone();
/// comm.on_message(move |heard| answers.send(heard.clone()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comm {
    id: Arc<str>,
}

type MessageHandler = Arc<Mutex<dyn FnMut(&CommMessage) + Send>>;
type Welcome = Arc<dyn Fn(Comm, &CommMessage) + Send + Sync>;

/// What is called for the comms that are open.
#[derive(Default)]
struct Ends {
    comms: HashMap<Arc<str>, Vec<MessageHandler>>,
    targets: HashMap<String, Welcome>,
}

fn ends() -> MutexGuard<'static, Ends> {
    static ENDS: OnceLock<Mutex<Ends>> = OnceLock::new();
    ENDS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

impl Comm {
    /// Opens a comm to what a frontend knows as `target`.
    pub fn open(target: &str, message: CommMessage) -> Comm {
        let comm = Comm { id: new_id().into() };
        ends().comms.insert(comm.id.clone(), Vec::new());
        comm.say(CommAct::Open(target.to_owned()), message);
        comm
    }

    /// Lets frontends open comms to `target`: `welcome` is called with each.
    pub fn serve(target: &str, welcome: impl Fn(Comm, &CommMessage) + Send + Sync + 'static) {
        ends().targets.insert(target.to_owned(), Arc::new(welcome));
    }

    /// Whether somebody may listen: a candlewick session.
    pub fn is_heard() -> bool {
        Listener::current().updates()
    }

    /// The comm's name, unique in the world.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it is open on this side.
    pub fn is_open(&self) -> bool {
        ends().comms.contains_key(&self.id)
    }

    /// Says something to the frontend; nothing on a comm that is closed.
    pub fn send(&self, message: CommMessage) {
        if self.is_open() {
            self.say(CommAct::Message, message);
        }
    }

    /// Calls `callback` with each message of the frontend, after the callbacks that there are.
    pub fn on_message(&self, callback: impl FnMut(&CommMessage) + Send + 'static) {
        if let Some(callbacks) = ends().comms.get_mut(&self.id) {
            callbacks.push(Arc::new(Mutex::new(callback)));
        }
    }

    /// Closes it; what it stood for vanishes from the frontend.
    pub fn close(&self) {
        let callbacks = ends().comms.remove(&self.id);
        if callbacks.is_some() {
            self.say(CommAct::Close, CommMessage::default());
        }
    }

    fn say(&self, act: CommAct, message: CommMessage) {
        let CommMessage { data, metadata, buffers } = message;
        say(Said::Comm(wire::Comm { id: self.id.to_string(), act, data, metadata, buffers }));
    }
}

/// Takes a [`Request::Comm`] or a [`Request::Columns`] as JSON, and returns at once: callbacks run on a thread of their own.
pub(super) extern "C" fn take(bytes: *const u8, length: usize) {
    static QUEUE: OnceLock<Mutex<Sender<Vec<u8>>>> = OnceLock::new();
    let queue = QUEUE.get_or_init(|| {
        let (queue, requests) = channel::<Vec<u8>>();
        std::thread::spawn(move || requests.iter().for_each(|request| hear(&request)));
        Mutex::new(queue)
    });
    // SAFETY: the session's side hands over so many bytes that live until this returns.
    let request = unsafe { std::slice::from_raw_parts(bytes, length) }.to_vec();
    // Short, and not to wait for a callback that runs.
    if request.len() < 100
        && let Ok(Request::Columns { columns }) = serde_json::from_slice(&request)
    {
        return columns::set(columns);
    }
    let _ = queue.lock().unwrap_or_else(PoisonError::into_inner).send(request);
}

/// Deals with one request and says so.
fn hear(request: &[u8]) {
    let Ok(Request::Comm { number, comm }) = serde_json::from_slice(request) else { return };
    // The panic hook has told the user of a callback's panic; the next message is heard all the same.
    let _ = catch_unwind(AssertUnwindSafe(|| dispatch(comm)));
    say(Said::Handled { number });
}

fn dispatch(heard: wire::Comm) {
    let comm = Comm { id: heard.id.into() };
    let message = CommMessage { data: heard.data, metadata: heard.metadata, buffers: heard.buffers };
    match heard.act {
        CommAct::Open(target) => {
            let welcome = ends().targets.get(&target).cloned();
            ends().comms.insert(comm.id.clone(), Vec::new());
            match welcome {
                Some(welcome) => welcome(comm, &message),
                None => comm.close(),
            }
        }
        CommAct::Message => {
            let callbacks = ends().comms.get(&comm.id).cloned().unwrap_or_default();
            for callback in callbacks {
                callback.lock().unwrap_or_else(PoisonError::into_inner)(&message);
            }
        }
        CommAct::Close => {
            let callbacks = ends().comms.remove(&comm.id);
            // Dropped when nothing is locked: what a callback owns may use a comm as it goes.
            drop(callbacks);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn heard(id: &str, act: CommAct, message: CommMessage) {
        let CommMessage { data, metadata, buffers } = message;
        let comm = wire::Comm { id: id.to_owned(), act, data, metadata, buffers };
        hear(&serde_json::to_vec(&Request::Comm { number: 1, comm }).unwrap());
    }

    #[test]
    fn callbacks_hear_bytes_as_they_are_and_survive_a_panic() {
        let comm = Comm::open("test", CommMessage::default());
        let log = Arc::new(Mutex::new(Vec::new()));
        let (first, again) = (log.clone(), comm.clone());
        comm.on_message(move |message| {
            first.lock().unwrap().push(message.clone());
            // A callback may use its own comm, and add to it.
            again.on_message(|_| {});
            assert!(message.data.is_empty(), "as asked");
        });
        let message = CommMessage::new(json!({ "a": 1 })).buffer([0, 255, 0, 10]).note("n", 2);
        heard(comm.id(), CommAct::Message, message.clone());
        heard(comm.id(), CommAct::Message, CommMessage::default());
        assert_eq!(*log.lock().unwrap(), [message, CommMessage::default()]);
        heard(comm.id(), CommAct::Close, CommMessage::default());
        assert!(!comm.is_open());
        heard(comm.id(), CommAct::Message, CommMessage::default());
        assert_eq!(log.lock().unwrap().len(), 2);
    }

    #[test]
    fn a_frontend_opens_a_comm_to_a_target_that_is_served() {
        Comm::serve("served", |comm, message| {
            assert_eq!(message.data["x"], 1);
            comm.on_message(move |_| panic!("not called"));
        });
        heard("from-outside", CommAct::Open("served".to_owned()), CommMessage::new(json!({ "x": 1 })));
        assert!(Comm { id: "from-outside".into() }.is_open());
        heard("unwanted", CommAct::Open("unknown".to_owned()), CommMessage::default());
        assert!(!Comm { id: "unwanted".into() }.is_open());
    }
}

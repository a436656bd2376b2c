//! A mock frontend that drives the kernel in its own process, with a stand-in for the engine.
//!
//! Every message that the kernel sends must be asserted by the test: [`Frontend::end`] fails on any
//! that is left.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod fake;

use candlewick::kernel::{History, serve};
use crossbeam_channel::{Receiver, Sender, unbounded};
use fake::Fake;
use jupyter_protocol::connection_info::{ConnectionInfo, Transport};
use jupyter_protocol::{JupyterMessage, UnknownMessage};
use jupyter_zmq_client::{self as client, Connection, RawMessage};
use serde_json::{Value, json};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use zeromq::{SocketRecv, SocketSend, ZmqMessage};

/// Longer than any answer takes on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(10);
const KEY: &str = "a key for tests";

/// A message from the kernel, its signature checked.
#[derive(Debug)]
pub struct Message {
    pub kind: String,
    pub id: String,
    /// The id of the message that it answers; empty where there is none.
    pub parent: String,
    pub content: Value,
    pub header: Value,
    pub metadata: Value,
    pub buffers: Vec<Vec<u8>>,
    /// The frames before the delimiter.
    pub topic: Vec<String>,
}

/// A channel of the frontend: messages go out through a queue and come in through another.
pub struct Channel {
    outbox: tokio::sync::mpsc::UnboundedSender<ZmqOrMessage>,
    pub inbox: Receiver<Message>,
}

enum ZmqOrMessage {
    Raw(ZmqMessage),
    Signed(Box<JupyterMessage>),
}

/// The frontend and its kernel.
pub struct Frontend {
    pub shell: Channel,
    pub control: Channel,
    pub stdin: Channel,
    pub iopub: Receiver<Message>,
    pub engine: Arc<Fake>,
    pub connection: ConnectionInfo,
    pub runtime: Runtime,
    kernel: Option<JoinHandle<anyhow::Result<()>>>,
    _folder: TempDir,
}

impl Frontend {
    /// Starts a kernel on sockets in a temporary folder and connects to it.
    pub fn start() -> Frontend {
        let folder = tempfile::tempdir().unwrap();
        let ip = folder.path().join("k").to_str().unwrap().to_owned();
        let connection = connection(Transport::IPC, ip, [1, 2, 3, 4, 5]);
        Frontend::start_on(connection, folder)
    }

    /// Starts a kernel that takes messages without a signature.
    pub fn start_without_key() -> Frontend {
        let folder = tempfile::tempdir().unwrap();
        let ip = folder.path().join("k").to_str().unwrap().to_owned();
        let connection = ConnectionInfo { key: String::new(), ..connection(Transport::IPC, ip, [1, 2, 3, 4, 5]) };
        Frontend::start_on(connection, folder)
    }

    /// Starts a kernel on these addresses.
    pub fn start_on(connection: ConnectionInfo, folder: TempDir) -> Frontend {
        let engine = Arc::new(Fake::default());
        let history = History::open(&folder.path().join("history.sqlite"));
        let (info, runs) = (connection.clone(), engine.clone());
        let kernel = std::thread::spawn(move || serve(&info, runs, history));
        wait_for_kernel(&connection, &kernel);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let session = uuid::Uuid::new_v4().to_string();
        let identity = || client::peer_identity_for_session(&session).unwrap();
        let (shell, control, stdin, iopub) = runtime.block_on(async {
            let shell = client::create_client_shell_connection_with_identity(&connection, &session, identity()).await;
            let control = client::create_client_control_connection(&connection, &session).await;
            let stdin = client::create_client_stdin_connection_with_identity(&connection, &session, identity()).await;
            let iopub = client::create_client_iopub_connection(&connection, "", &session).await;
            let (reader, iopub_inbox) = unbounded();
            tokio::spawn(read(iopub.unwrap(), reader));
            (channel(shell.unwrap()), channel(control.unwrap()), channel(stdin.unwrap()), iopub_inbox)
        });
        let frontend = Frontend {
            shell,
            control,
            stdin,
            iopub,
            engine,
            connection,
            runtime,
            kernel: Some(kernel),
            _folder: folder,
        };
        let welcome = frontend.published("iopub_welcome", "");
        assert_eq!(welcome.content, json!({"subscription": ""}));
        assert_eq!(welcome.topic, [""]);
        frontend
    }

    /// The next message on IOPub, which must be of this kind and answer this request.
    #[track_caller]
    pub fn published(&self, kind: &str, parent: &str) -> Message {
        expect(&self.iopub, kind, parent)
    }

    /// The kernel says that it is busy with this request.
    #[track_caller]
    pub fn busy(&self, parent: &str) {
        assert_eq!(self.published("status", parent).content, json!({"execution_state": "busy"}));
    }

    /// The kernel says that it is done with this request.
    #[track_caller]
    pub fn idle(&self, parent: &str) {
        assert_eq!(self.published("status", parent).content, json!({"execution_state": "idle"}));
    }

    /// The kernel repeats the cell's code and its number.
    #[track_caller]
    pub fn input(&self, parent: &str, code: &str, count: u32) {
        let content = self.published("execute_input", parent).content;
        assert_eq!(content, json!({"code": code, "execution_count": count}));
    }

    /// The next stream text; pieces of one stream may come in one message or several.
    #[track_caller]
    pub fn stream(&self, parent: &str, name: &str, text: &str) {
        let mut so_far = String::new();
        while so_far != text {
            let content = self.published("stream", parent).content;
            assert_eq!(content["name"], name);
            so_far.push_str(content["text"].as_str().unwrap());
            assert!(text.starts_with(&so_far), "expected {text:?}, got {so_far:?}");
        }
    }

    /// Runs a cell whose output the test does not care for; returns the reply.
    #[track_caller]
    pub fn run_quietly(&self, code: &str) -> Value {
        let id = self.shell.send("execute_request", json!({"code": code}));
        let reply = self.shell.reply("execute_reply", &id);
        loop {
            let message = self.iopub.recv_timeout(PATIENCE).expect("no idle");
            if message.parent == id && message.content["execution_state"] == "idle" {
                return reply;
            }
        }
    }

    /// A request on shell that is answered with busy, this reply, idle; returns the reply's content.
    #[track_caller]
    pub fn ask(&self, request: &str, content: Value) -> Value {
        let id = self.shell.send(request, content);
        self.busy(&id);
        let reply = self.shell.reply(&request.replace("_request", "_reply"), &id);
        self.idle(&id);
        reply
    }

    /// Fails on messages that nobody asserted, shuts the kernel down and waits for its end.
    #[track_caller]
    pub fn end(mut self) {
        self.nothing_left();
        let id = self.control.send("shutdown_request", json!({"restart": false}));
        self.busy(&id);
        let content = json!({"restart": false, "status": "ok"});
        assert_eq!(self.published("shutdown_reply", &id).content, content);
        assert_eq!(self.control.reply("shutdown_reply", &id), content);
        self.idle(&id);
        self.wait_for_end();
    }

    /// Fails on messages that nobody asserted.
    #[track_caller]
    pub fn nothing_left(&self) {
        std::thread::sleep(Duration::from_millis(60));
        let inboxes = [&self.iopub, &self.shell.inbox, &self.control.inbox, &self.stdin.inbox];
        let left: Vec<Message> = inboxes.iter().flat_map(|inbox| inbox.try_iter()).collect();
        assert!(left.is_empty(), "messages that nobody asserted: {left:#?}");
    }

    /// Drops what comes until nothing comes for a while.
    pub fn wait_for_silence(&self) {
        let inboxes = [&self.iopub, &self.shell.inbox, &self.control.inbox, &self.stdin.inbox];
        let mut quiet = 0;
        while quiet < 3 {
            std::thread::sleep(Duration::from_millis(50));
            let came: usize = inboxes.iter().map(|inbox| inbox.try_iter().count()).sum();
            quiet = if came == 0 { quiet + 1 } else { 0 };
        }
    }

    /// Waits for the kernel's end, which must be orderly.
    #[track_caller]
    pub fn wait_for_end(&mut self) {
        let kernel = self.kernel.take().unwrap();
        let limit = Instant::now() + PATIENCE;
        while !kernel.is_finished() {
            assert!(Instant::now() < limit, "the kernel does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        kernel.join().unwrap().unwrap();
        assert!(self.engine.is_shut_down());
    }
}

impl Channel {
    /// Sends a signed message; returns its id.
    pub fn send(&self, kind: &str, content: Value) -> String {
        self.send_buffers(kind, content, Vec::new())
    }

    /// Sends a signed message with bytes beside its content; returns its id.
    pub fn send_buffers(&self, kind: &str, content: Value, buffers: Vec<Vec<u8>>) -> String {
        let mut message = message(kind, content);
        message.buffers = buffers.into_iter().map(Into::into).collect();
        let id = message.header.msg_id.clone();
        assert!(self.outbox.send(ZmqOrMessage::Signed(Box::new(message))).is_ok());
        id
    }

    /// Sends frames as they are.
    pub fn send_raw(&self, frames: Vec<Vec<u8>>) {
        let mut message = ZmqMessage::from(frames[0].clone());
        for frame in frames.into_iter().skip(1) {
            message.push_back(frame.into());
        }
        assert!(self.outbox.send(ZmqOrMessage::Raw(message)).is_ok());
    }

    /// The content of the next message, which must be of this kind and answer this request.
    #[track_caller]
    pub fn reply(&self, kind: &str, parent: &str) -> Value {
        expect(&self.inbox, kind, parent).content
    }
}

#[track_caller]
fn expect(inbox: &Receiver<Message>, kind: &str, parent: &str) -> Message {
    let message = inbox.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {kind} came"));
    assert_eq!((message.kind.as_str(), message.parent.as_str()), (kind, parent), "{message:#?}");
    message
}

/// A message as a frontend writes it.
pub fn message(kind: &str, content: Value) -> JupyterMessage {
    JupyterMessage::new(UnknownMessage { msg_type: kind.to_owned(), content }, None)
}

/// A connection file's content.
pub fn connection(transport: Transport, ip: String, ports: [u16; 5]) -> ConnectionInfo {
    let [shell_port, iopub_port, stdin_port, control_port, hb_port] = ports;
    let (key, signature_scheme) = (KEY.to_owned(), "hmac-sha256".to_owned());
    ConnectionInfo {
        ip,
        transport,
        shell_port,
        iopub_port,
        stdin_port,
        control_port,
        hb_port,
        key,
        signature_scheme,
        kernel_name: None,
    }
}

/// Waits until the last of the kernel's sockets is bound.
fn wait_for_kernel(connection: &ConnectionInfo, kernel: &JoinHandle<anyhow::Result<()>>) {
    let limit = Instant::now() + PATIENCE;
    let bound = || match connection.transport {
        Transport::IPC => std::path::Path::new(&format!("{}-{}", connection.ip, connection.hb_port)).exists(),
        Transport::TCP => std::net::TcpStream::connect((connection.ip.as_str(), connection.hb_port)).is_ok(),
    };
    while !bound() {
        assert!(Instant::now() < limit && !kernel.is_finished(), "the kernel does not start");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn channel(connection: client::ClientShellConnection) -> Channel {
    let (mut writer, reader) = connection.split();
    let (outbox, mut queue) = tokio::sync::mpsc::unbounded_channel();
    let (sender, inbox) = unbounded();
    tokio::spawn(read(reader, sender));
    tokio::spawn(async move {
        while let Some(next) = queue.recv().await {
            match next {
                ZmqOrMessage::Raw(frames) => writer.socket.send(frames).await.unwrap(),
                ZmqOrMessage::Signed(message) => writer.send(*message).await.unwrap(),
            }
        }
    });
    Channel { outbox, inbox }
}

async fn read<S: SocketRecv>(mut connection: Connection<S>, inbox: Sender<Message>) {
    // The end of the kernel ends the reading.
    while let Ok(frames) = connection.socket.recv().await {
        let raw = RawMessage::from_multipart(frames, &connection.mac).expect("a message of the kernel");
        let part = |index: usize| -> Value { serde_json::from_slice(&raw.jparts[index]).expect("JSON") };
        let (header, parent) = (part(0), part(1));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let message = Message {
            kind: text(&header["msg_type"]),
            id: text(&header["msg_id"]),
            parent: text(&parent["msg_id"]),
            content: part(3),
            header,
            metadata: part(2),
            buffers: raw.jparts[4..].iter().map(|bytes| bytes.to_vec()).collect(),
            topic: raw.zmq_identities.iter().map(|frame| String::from_utf8_lossy(frame).into_owned()).collect(),
        };
        if inbox.send(message).is_err() {
            return;
        }
    }
}

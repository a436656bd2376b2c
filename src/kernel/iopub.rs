//! The IOPub channel: what all frontends see, in order, with stream text gathered into few messages.

use super::message::{child, note, raw};
use crate::screen::StreamName;
use jupyter_protocol::{IoPubWelcome, JupyterMessage, JupyterMessageContent, Status, StreamContent};
use jupyter_zmq_client::{KernelIoPubXPubConnection, RuntimeError, SubscriptionEvent};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

/// Stream text waits this long for more of its kind.
const GATHER: Duration = Duration::from_millis(20);
/// Gathered text of this size is sent at once.
const ENOUGH: usize = 64 * 1024;
/// Messages that may wait; a cell that prints faster than frontends read is slowed down by this.
const WAITING: usize = 4096;
/// A frontend that does not read for so long loses the message.
const PATIENCE: Duration = Duration::from_secs(5);

enum Outgoing {
    Message(Box<JupyterMessage>),
    Stream(Text),
    Flush(oneshot::Sender<()>),
}

struct Text {
    parent: Arc<JupyterMessage>,
    name: StreamName,
    text: String,
}

/// The sending end; cheap to clone.
#[derive(Clone)]
pub(super) struct Iopub(mpsc::Sender<Outgoing>);

impl Iopub {
    /// The sending end and the inbox that [`serve`] reads.
    pub(super) fn new() -> (Iopub, Inbox) {
        let (sender, inbox) = mpsc::channel(WAITING);
        (Iopub(sender), Inbox(inbox))
    }

    /// Publishes a message.
    pub(super) async fn send(&self, content: impl Into<JupyterMessageContent>, parent: Option<&JupyterMessage>) {
        let _ = self.0.send(Outgoing::Message(Box::new(child(content.into(), parent)))).await;
    }

    /// Publishes a message from a thread that may block.
    pub(super) fn publish(&self, content: impl Into<JupyterMessageContent>, parent: &JupyterMessage) {
        self.publish_message(child(content.into(), Some(parent)));
    }

    /// Publishes content that is JSON already, from a thread that may block.
    pub(super) fn publish_raw(&self, msg_type: &str, content: Value, parent: &JupyterMessage) {
        self.publish(raw(msg_type, content), parent);
    }

    /// Publishes a message that is complete, from a thread that may block.
    pub(super) fn publish_message(&self, message: JupyterMessage) {
        let _ = self.0.blocking_send(Outgoing::Message(Box::new(message)));
    }

    /// Publishes stream text from a thread that may block.
    pub(super) fn publish_stream(&self, name: StreamName, text: &str, parent: &Arc<JupyterMessage>) {
        let text = Text { parent: parent.clone(), name, text: text.to_owned() };
        let _ = self.0.blocking_send(Outgoing::Stream(text));
    }

    /// Returns when all that was published before has been handed to the sockets.
    pub(super) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.0.send(Outgoing::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
    }
}

/// The receiving end.
pub(super) struct Inbox(mpsc::Receiver<Outgoing>);

/// Sends what arrives in the inbox, and welcomes subscribers, until the runtime ends.
pub(super) async fn serve(connection: KernelIoPubXPubConnection, inbox: Inbox) {
    let Inbox(mut inbox) = inbox;
    let mut publisher = Publisher { connection, gathered: None, due: Instant::now() };
    publisher.send(child(Status::starting().into(), None)).await;
    loop {
        tokio::select! {
            event = publisher.connection.recv_subscription() => publisher.welcome(event).await,
            outgoing = inbox.recv() => match outgoing {
                Some(Outgoing::Stream(text)) => publisher.gather(text).await,
                Some(Outgoing::Message(message)) => {
                    publisher.flush().await;
                    publisher.send(*message).await;
                }
                Some(Outgoing::Flush(done)) => {
                    publisher.flush().await;
                    let _ = done.send(());
                }
                None => return publisher.flush().await,
            },
            () = sleep_until(publisher.due), if publisher.gathered.is_some() => publisher.flush().await,
        }
    }
}

struct Publisher {
    connection: KernelIoPubXPubConnection,
    gathered: Option<Text>,
    due: Instant,
}

impl Publisher {
    async fn gather(&mut self, more: Text) {
        match &mut self.gathered {
            Some(so_far) if so_far.name == more.name && Arc::ptr_eq(&so_far.parent, &more.parent) => {
                so_far.text.push_str(&more.text);
            }
            _ => {
                self.flush().await;
                self.due = Instant::now() + GATHER;
                self.gathered = Some(more);
            }
        }
        if self.gathered.as_ref().is_some_and(|gathered| gathered.text.len() >= ENOUGH) {
            self.flush().await;
        }
    }

    async fn flush(&mut self) {
        let Some(Text { parent, name, text }) = self.gathered.take() else { return };
        let content = match name {
            StreamName::Stdout => StreamContent::stdout(&text),
            StreamName::Stderr => StreamContent::stderr(&text),
        };
        self.send(child(content.into(), Some(&parent))).await;
    }

    async fn send(&mut self, mut message: JupyterMessage) {
        let topic = format!("kernel.{}.{}", self.connection.session_id, message.header.msg_type);
        message.zmq_identities = vec![topic.into_bytes().into()];
        self.deliver(message).await;
    }

    async fn welcome(&mut self, event: Result<SubscriptionEvent, RuntimeError>) {
        match event {
            Ok(SubscriptionEvent::Subscribe(topic)) => {
                // JEP 65: the message's topic is the subscription itself.
                let mut message = child(IoPubWelcome::new(topic.clone()).into(), None);
                message.zmq_identities = vec![topic.into_bytes().into()];
                self.deliver(message).await;
            }
            Ok(SubscriptionEvent::Unsubscribe(_)) => {}
            Err(error) => note(format_args!("iopub: {error}")),
        }
    }

    async fn deliver(&mut self, message: JupyterMessage) {
        match timeout(PATIENCE, self.connection.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => note(format_args!("iopub: {error}")),
            Err(_) => note("iopub: a frontend does not read; a message was dropped"),
        }
    }
}

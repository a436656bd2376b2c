//! What shell, control and stdin share: a socket in two halves, of which the sending one is a queue.

use super::message::{child, note};
use jupyter_protocol::{JupyterMessage, JupyterMessageContent};
use jupyter_zmq_client::{Connection, KernelShellConnection, RouterRecvConnection};
use tokio::sync::mpsc;

/// The sending half of a ROUTER socket; cheap to clone, never blocks.
#[derive(Clone)]
pub(super) struct Replies(mpsc::UnboundedSender<JupyterMessage>);

impl Replies {
    /// Answers `request`.
    pub(super) fn reply(&self, content: JupyterMessageContent, request: &JupyterMessage) {
        self.send(child(content, Some(request)));
    }

    /// Sends a message to the peer whose identity it carries.
    pub(super) fn send(&self, message: JupyterMessage) {
        // The writer ends only with the runtime; nobody waits for an answer then.
        let _ = self.0.send(message);
    }
}

/// Splits a socket; messages that cannot be delivered go to `undelivered`.
pub(super) fn split(
    connection: KernelShellConnection,
    undelivered: impl Fn(JupyterMessage) + Send + 'static,
) -> (RouterRecvConnection, Replies) {
    let (mut writer, reader): (Connection<_>, _) = connection.split();
    let (sender, mut inbox) = mpsc::unbounded_channel::<JupyterMessage>();
    tokio::spawn(async move {
        while let Some(message) = inbox.recv().await {
            if let Err(error) = writer.send(message.clone()).await {
                note(format_args!("a {} could not be sent: {error}", message.header.msg_type));
                undelivered(message);
            }
        }
    });
    (reader, Replies(sender))
}

//! The stdin channel: questions of a running cell to the frontend that started it.

use super::message::{child, note, receive};
use super::router::{Replies, split};
use crate::screen::Question;
use crossbeam_channel::{Receiver, Sender};
use jupyter_protocol::{InputRequest, JupyterMessage, JupyterMessageContent};
use jupyter_zmq_client::{KernelStdinConnection, RouterRecvConnection};

/// Asks, from the thread that runs cells; one question at a time.
pub(super) struct Stdin {
    replies: Replies,
    answers: Receiver<Option<String>>,
    cancel: Sender<Option<String>>,
}

impl Stdin {
    /// Takes the socket over; the future reads the answers and never ends.
    pub(super) fn new(connection: KernelStdinConnection) -> (Stdin, impl Future<Output = ()>) {
        let (sender, answers) = crossbeam_channel::unbounded();
        let nobody = sender.clone();
        let (reader, replies) = split(connection, move |_| drop(nobody.send(None)));
        let stdin = Stdin { replies, answers, cancel: sender.clone() };
        (stdin, read(reader, sender))
    }

    /// Asks the frontend that sent `request` and waits; `None` when it has no stdin channel or on interrupt.
    pub(super) fn ask(&self, question: Question, request: &JupyterMessage) -> Option<String> {
        while self.answers.try_recv().is_ok() {}
        let content = InputRequest { prompt: question.prompt, password: question.password };
        self.replies.send(child(content.into(), Some(request)));
        self.answers.recv().ok().flatten()
    }

    /// Ends the waiting of a question, if one waits.
    pub(super) fn cancel(&self) {
        let _ = self.cancel.send(None);
    }
}

async fn read(mut reader: RouterRecvConnection, answers: Sender<Option<String>>) {
    loop {
        match receive(&mut reader).await {
            Ok(JupyterMessage { content: JupyterMessageContent::InputReply(reply), .. }) => {
                let _ = answers.send(Some(reply.value));
            }
            Ok(message) => note(format_args!("stdin: unexpected {}", message.header.msg_type)),
            Err(error) => note(format_args!("stdin: dropped a message: {error}")),
        }
    }
}

//! The control channel: interrupt and shutdown, answered at once while a cell runs.

use super::message::{note, receive, refusal};
use super::router::Replies;
use super::{Kernel, answers};
use jupyter_protocol::{InterruptReply, JupyterMessage, JupyterMessageContent, ReplyStatus, ShutdownReply, Status};
use jupyter_zmq_client::RouterRecvConnection;
use std::sync::Arc;

/// Answers what arrives, for ever.
pub(super) async fn read(mut reader: RouterRecvConnection, kernel: Arc<Kernel>) {
    loop {
        match receive(&mut reader).await {
            Ok(request) => answer(&kernel, &request, &kernel.control).await,
            Err(error) => note(format_args!("control: dropped a message: {error}")),
        }
    }
}

/// Answers one request on the socket that it came from.
pub(super) async fn answer(kernel: &Kernel, request: &JupyterMessage, replies: &Replies) {
    use JupyterMessageContent as Content;
    if matches!(request.content, Content::InterruptRequest(_)) {
        kernel.interrupt();
    }
    kernel.iopub.send(Status::busy(), Some(request)).await;
    let content = match &request.content {
        Content::InterruptRequest(_) => Some(InterruptReply::new().into()),
        Content::KernelInfoRequest(_) => Some(answers::kernel_info()),
        Content::DebugRequest(debug) => Some(answers::debug(debug)),
        Content::ShutdownRequest(shutdown) => {
            kernel.end_cells().await;
            let reply = ShutdownReply { restart: shutdown.restart, status: ReplyStatus::Ok, error: None };
            // Other frontends of this kernel learn of it on IOPub.
            kernel.iopub.send(reply.clone(), Some(request)).await;
            Some(reply.into())
        }
        Content::UnknownMessage(unknown) => refusal(unknown),
        other => {
            note(format_args!("control: unexpected {}", other.message_type()));
            None
        }
    };
    if let Some(content) = content {
        replies.reply(content, request);
    }
    kernel.iopub.send(Status::idle(), Some(request)).await;
    if matches!(request.content, Content::ShutdownRequest(_)) {
        kernel.stop();
    }
}

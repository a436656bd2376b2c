//! The heartbeat: says back what it is told.

use super::message::note;
use jupyter_zmq_client::KernelHeartbeatConnection;
use std::time::Duration;
use zeromq::{SocketRecv, SocketSend};

/// Echoes for ever.
pub(super) async fn serve(mut connection: KernelHeartbeatConnection) {
    loop {
        let echoed = match connection.socket.recv().await {
            Ok(message) => connection.socket.send(message).await,
            Err(error) => Err(error),
        };
        if let Err(error) = echoed {
            note(format_args!("heartbeat: {error}"));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

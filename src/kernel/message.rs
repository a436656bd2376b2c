//! Messages as they come and go: signatures, fields that clients leave out, parents.
//!
//! The protocol crate's types are used for what comes in. What goes out is built from them too, save
//! where they write JSON that clients refuse (an absent `transient` as null) or lack a field
//! (`supported_features`): there the content is JSON as the specification shows it.

use jupyter_protocol::{Header, JupyterMessage, JupyterMessageContent, UnknownMessage};
use jupyter_zmq_client::{Connection, RawMessage, RuntimeError};
use serde_json::{Map, Value, json};
use zeromq::SocketRecv;

/// The protocol that this kernel speaks.
pub(super) const PROTOCOL: &str = "5.5";

/// The next message of a socket, its signature checked.
///
/// A message whose content does not fit its type comes as [`UnknownMessage`], so that it can be answered.
///
/// # Errors
/// A wrong signature, missing frames, a header that cannot be read; the socket stays usable.
pub(super) async fn receive<S: SocketRecv>(connection: &mut Connection<S>) -> Result<JupyterMessage, RuntimeError> {
    let frames = connection.socket.recv().await?;
    let raw = RawMessage::from_multipart(frames, &connection.mac)?;
    let header: Header = serde_json::from_slice(&raw.jparts[0])?;
    let mut content: Value = serde_json::from_slice(&raw.jparts[3])?;
    fill_in(&header.msg_type, &mut content);
    let content = JupyterMessageContent::from_type_and_content(&header.msg_type, content.clone()).unwrap_or(
        JupyterMessageContent::UnknownMessage(UnknownMessage { msg_type: header.msg_type.clone(), content }),
    );
    Ok(JupyterMessage {
        zmq_identities: raw.zmq_identities,
        header,
        parent_header: serde_json::from_slice(&raw.jparts[1]).ok(),
        metadata: serde_json::from_slice(&raw.jparts[2]).unwrap_or_else(|_| json!({})),
        content,
        buffers: raw.jparts[4..].to_vec(),
        channel: None,
    })
}

/// Puts the specification's defaults where a client left a field out or wrote null.
fn fill_in(msg_type: &str, content: &mut Value) {
    let Some(content) = content.as_object_mut() else { return };
    let silent = content.get("silent").and_then(Value::as_bool).unwrap_or(false);
    let end = content.get("code").and_then(Value::as_str).map_or(0, |code| code.chars().count());
    let defaults = match msg_type {
        "execute_request" => {
            json!({"silent": false, "store_history": !silent, "user_expressions": {}, "allow_stdin": true, "stop_on_error": true})
        }
        "history_request" => json!({
            "hist_access_type": "range", "output": false, "raw": true, "session": 0, "start": 0,
            "stop": i32::MAX, "n": 1000, "pattern": "*", "unique": false,
        }),
        "complete_request" | "inspect_request" => json!({"cursor_pos": end, "detail_level": 0}),
        "comm_open" | "comm_msg" | "comm_close" => json!({"data": {}}),
        "shutdown_request" => json!({"restart": false}),
        _ => return,
    };
    for (name, default) in defaults.as_object().into_iter().flatten() {
        let value = content.entry(name.clone()).or_insert(Value::Null);
        if value.is_null() {
            *value = default.clone();
        }
    }
}

/// A message that answers `parent` (or nothing), addressed to whoever sent that.
pub(super) fn child(content: JupyterMessageContent, parent: Option<&JupyterMessage>) -> JupyterMessage {
    let mut message = JupyterMessage::new(content, parent);
    message.header.username = "candlewick".to_owned();
    message.header.version = PROTOCOL.to_owned();
    message
}

/// Content of a type that the protocol crate lacks or writes otherwise than the specification.
pub(super) fn raw(msg_type: &str, content: Value) -> JupyterMessageContent {
    JupyterMessageContent::UnknownMessage(UnknownMessage { msg_type: msg_type.to_owned(), content })
}

/// The reply to a request of unknown type, or whose content does not fit its type; `None` for what wants no reply.
pub(super) fn refusal(request: &UnknownMessage) -> Option<JupyterMessageContent> {
    let reply = format!("{}_reply", request.msg_type.strip_suffix("_request")?);
    let evalue = format!("`{}` is not supported, or its content is malformed", request.msg_type);
    let mut content = Map::new();
    content.insert("status".to_owned(), "error".into());
    content.insert("ename".to_owned(), "BadRequest".into());
    content.insert("evalue".to_owned(), evalue.into());
    content.insert("traceback".to_owned(), json!([]));
    if request.msg_type == "execute_request" {
        content.insert("execution_count".to_owned(), 0.into());
        content.insert("user_expressions".to_owned(), json!({}));
        content.insert("payload".to_owned(), json!([]));
    }
    Some(raw(&reply, Value::Object(content)))
}

/// The byte offset of the `position`-th code point, or the end.
pub(super) fn byte_offset(code: &str, position: usize) -> usize {
    code.char_indices().nth(position).map_or(code.len(), |(offset, _)| offset)
}

/// How many code points stand before a byte offset.
pub(super) fn code_points(code: &str, offset: usize) -> usize {
    code.char_indices().take_while(|(start, _)| *start < offset).count()
}

/// Writes a line to the kernel's own log, which is its standard error.
pub(super) fn note(text: impl std::fmt::Display) {
    use std::io::Write;
    // The terminal that Jupyter ran in may be gone, which is no reason to panic.
    let _ = writeln!(std::io::stderr(), "[candlewick] {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_code_points_and_stop_at_the_end() {
        let code = "é🦀x";
        assert_eq!([0, 1, 2, 3, 9].map(|position| byte_offset(code, position)), [0, 2, 6, 7, 7]);
        assert_eq!([0, 2, 6, 7, 99].map(|offset| code_points(code, offset)), [0, 1, 2, 3, 3]);
    }

    #[test]
    fn what_a_client_leaves_out_is_filled_in() {
        let mut content = json!({"code": "é1", "silent": true, "user_expressions": null});
        fill_in("execute_request", &mut content);
        assert_eq!(content["store_history"], json!(false));
        assert_eq!(content["user_expressions"], json!({}));
        let mut content = json!({"code": "é1"});
        fill_in("inspect_request", &mut content);
        assert_eq!(content["cursor_pos"], json!(2));
        let mut content = json!([]);
        fill_in("inspect_request", &mut content);
        assert_eq!(content, json!([]));
    }

    #[test]
    fn a_refusal_names_the_request_and_only_requests_get_one() {
        let unknown = |msg_type: &str| UnknownMessage { msg_type: msg_type.to_owned(), content: Value::Null };
        let reply = refusal(&unknown("dance_request")).unwrap();
        assert_eq!(reply.message_type(), "dance_reply");
        assert!(refusal(&unknown("comm_msg")).is_none());
    }
}

//! Replies that need no running cell: kernel_info, complete, inspect, is_complete, debug.

use super::message::{PROTOCOL, byte_offset, code_points, raw};
use crate::engine::Engine;
use crate::session::{CellError, Completeness, Inspection, Why};
use jupyter_protocol::{
    CompleteReply, CompleteRequest, DebugRequest, InspectRequest, IsCompleteReply, IsCompleteRequest,
    JupyterMessageContent, ReplyStatus,
};
use serde_json::{Map, Value, json};

/// Who we are. Written as JSON because the protocol crate lacks `supported_features`.
pub(super) fn kernel_info() -> JupyterMessageContent {
    let rust = env!("CARGO_PKG_RUST_VERSION");
    let version = env!("CARGO_PKG_VERSION");
    let content = json!({
        "status": "ok",
        "protocol_version": PROTOCOL,
        "implementation": "candlewick",
        "implementation_version": version,
        "language_info": {
            "name": "rust",
            "version": rust,
            "mimetype": "text/rust",
            "file_extension": ".rs",
            "pygments_lexer": "rust",
            "codemirror_mode": "rust",
            "nbconvert_exporter": "script",
        },
        "banner": format!("candlewick {version}: Rust cells with candle and fine-tuning at hand. Type :help for help."),
        "help_links": [
            {"text": "Rust by Example", "url": "https://doc.rust-lang.org/rust-by-example/"},
            {"text": "Rust standard library", "url": "https://doc.rust-lang.org/std/"},
            {"text": "candle", "url": "https://docs.rs/candle-core/"},
        ],
        "debugger": false,
        "supported_features": [],
    });
    raw("kernel_info_reply", content)
}

/// Completions; positions are code points outside and bytes inside.
pub(super) fn complete(request: &CompleteRequest, engine: &dyn Engine) -> JupyterMessageContent {
    let code = &request.code;
    let cursor = byte_offset(code, request.cursor_pos);
    let found = engine.complete(code, cursor);
    let (start, end) = match found.candidates.is_empty() {
        true => (code_points(code, cursor), code_points(code, cursor)),
        false => (code_points(code, found.start), code_points(code, found.end)),
    };
    let mut types = Vec::new();
    for candidate in &found.candidates {
        let mut row = json!({"text": candidate.text, "type": candidate.kind, "start": start, "end": end});
        if candidate.label != candidate.text {
            row["signature"] = Value::String(candidate.label.clone());
        }
        types.push(row);
    }
    let reply = CompleteReply {
        matches: found.candidates.into_iter().map(|candidate| candidate.text).collect(),
        cursor_start: start,
        cursor_end: end,
        metadata: Map::from_iter([("_jupyter_types_experimental".to_owned(), Value::Array(types))]),
        status: ReplyStatus::Ok,
        error: None,
    };
    reply.into()
}

/// What is known of an item, as plain text, Markdown and HTML.
pub(super) fn inspect(request: &InspectRequest, engine: &dyn Engine) -> JupyterMessageContent {
    let cursor = byte_offset(&request.code, request.cursor_pos);
    let data = engine.inspect(&request.code, cursor).map(bundle);
    let found = data.is_some();
    let data = data.unwrap_or_else(|| json!({}));
    raw("inspect_reply", json!({"status": "ok", "found": found, "data": data, "metadata": {}}))
}

/// The payload that opens a pager on what is known of `item`.
///
/// # Errors
/// Nothing is known of it.
pub(super) fn page(item: &str, engine: &dyn Engine) -> Result<Value, CellError> {
    match engine.inspect(item, item.len()) {
        Some(inspection) => Ok(json!({"source": "page", "data": bundle(inspection), "start": 0})),
        None => {
            let value = format!("nothing is known of `{item}`");
            Err(CellError { why: Why::Compile, name: "NotFound".to_owned(), traceback: vec![value.clone()], value })
        }
    }
}

fn bundle(inspection: Inspection) -> Value {
    use pulldown_cmark::{Event, Parser, html};
    let Inspection { plain, markdown } = inspection;
    let mut page = String::new();
    if markdown == plain {
        page.push_str("<pre>");
        html::push_html(&mut page, std::iter::once(Event::Text(plain.as_str().into())));
        page.push_str("</pre>");
        return json!({"text/plain": plain, "text/html": page});
    }
    // `Vec<T>` outside of code is text, no tag.
    let as_text = |event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        other => other,
    };
    html::push_html(&mut page, Parser::new(&markdown).map(as_text));
    json!({"text/plain": plain, "text/markdown": markdown, "text/html": page})
}

/// Whether the code could be run as it stands.
pub(super) fn is_complete(request: &IsCompleteRequest, engine: &dyn Engine) -> JupyterMessageContent {
    let reply = match engine.completeness(&request.code) {
        Completeness::Complete => IsCompleteReply::complete(),
        Completeness::Incomplete { indent } => IsCompleteReply::incomplete(indent),
        Completeness::Invalid => IsCompleteReply::invalid(),
    };
    reply.into()
}

/// There is no debugger: the answer is a failed response of the Debug Adapter Protocol.
pub(super) fn debug(request: &DebugRequest) -> JupyterMessageContent {
    let content = json!({
        "type": "response",
        "success": false,
        "request_seq": request.content.get("seq").cloned().unwrap_or(0.into()),
        "command": request.content.get("command").cloned().unwrap_or("".into()),
        "message": "candlewick has no debugger",
        "body": {},
    });
    raw("debug_reply", content)
}

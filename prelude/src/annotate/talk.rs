//! The talk between tool and host, whatever carries it: one message in, the answers out, and all others told.

use super::desk::{Desk, OnDesk, changed};
use super::marks;
use crate::data;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// The version of the talk.
const PROTOCOL: u64 = 1;

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reply {
    pub message: Value,
    /// The picture that is to go with it.
    pub picture: Option<PathBuf>,
}

impl Reply {
    fn plain(message: Value) -> Reply {
        Reply { message, picture: None }
    }

    /// That a message is not done, and why: a sentence without a full stop.
    pub fn refused(to: &Map<String, Value>, why: &str) -> Reply {
        Reply::plain(answer(to, json!({ "type": "refused", "why": why })))
    }
}

/// An answer bears the view and the number of its message.
fn answer(to: &Map<String, Value>, mut message: Value) -> Value {
    for name in ["view", "id"] {
        message[name] = to.get(name).cloned().unwrap_or_default();
    }
    message
}

/// What a message is answered, in order; what others are to hear is told before this returns.
pub(super) fn hear(desk: &Desk, message: &Map<String, Value>) -> Vec<Reply> {
    let kind = message.get("type").and_then(Value::as_str).unwrap_or_default();
    let said = match kind {
        "hello" if message.get("protocol").and_then(Value::as_u64) != Some(PROTOCOL) => {
            Err("page and host are of different versions of candlewick: load the page anew".to_owned())
        }
        "ping" => Ok(vec![Reply::plain(json!({ "type": "pong", "session": desk.session }))]),
        "hello" => desk.sit(|held| Ok(vec![Reply::plain(welcome(desk, held))])),
        "open" => desk.sit(|held| open(desk, held, message)),
        "add_class" => desk.sit(|held| add_class(desk, held, message)),
        "save" => desk.sit(|held| save(desk, held, message)),
        _ => Err("the host does not know this message".to_owned()),
    };
    match said {
        Ok(said) => said.into_iter().map(|said| Reply { message: answer(message, said.message), ..said }).collect(),
        Err(why) => vec![Reply::refused(message, &why)],
    }
}

fn welcome(desk: &Desk, held: &OnDesk) -> Value {
    json!({
        "type": "welcome", "protocol": PROTOCOL, "session": desk.session, "dataset": desk.place.file.to_string_lossy(),
        "classes": held.classes(), "colors": held.colors(), "pictures": held.rows(),
    })
}

fn open(desk: &Desk, held: &mut OnDesk, message: &Map<String, Value>) -> Result<Vec<Reply>, String> {
    let at = held.find(message.get("picture"))?;
    let (path, (width, height)) = held.show(at);
    let mut opened = held.state(at);
    (opened["type"], opened["width"], opened["height"]) = ("picture".into(), width.into(), height.into());
    let wants_image = message.get("image") == Some(&Value::Bool(true));
    let picture = match desk.within(&path) {
        None if wants_image => return Err("the picture is not there any more".to_owned()),
        picture => picture.filter(|_| wants_image),
    };
    if let Some(why) = picture.as_deref().and_then(data::fault_of) {
        opened["fault"] = why.into();
    }
    Ok(vec![Reply { message: opened, picture }])
}

fn whose(message: &Map<String, Value>) -> Option<&str> {
    message.get("view").and_then(Value::as_str)
}

fn add_class(desk: &Desk, held: &mut OnDesk, message: &Map<String, Value>) -> Result<Vec<Reply>, String> {
    let told = desk.add_class(held, marks::checked_class(message.get("name"))?)?;
    held.tell(&told, whose(message));
    Ok(told.into_iter().map(Reply::plain).collect())
}

fn save(desk: &Desk, held: &mut OnDesk, message: &Map<String, Value>) -> Result<Vec<Reply>, String> {
    let at = held.find(message.get("picture"))?;
    if message.get("base").and_then(Value::as_str) != Some(&held.revision(at)) {
        let mut state = held.state(at);
        state["type"] = "conflict".into();
        return Ok(vec![Reply::plain(state)]);
    }
    let boxes = marks::checked_boxes(message.get("boxes"), held.size(at))?;
    let fields = marks::checked_fields(message.get("fields"))?;
    let (state, classes) = desk.save(held, at, &boxes, &fields)?;
    let saved = json!({
        "type": "saved", "picture": state["picture"], "revision": state["revision"], "seq": state["seq"],
    });
    let told: Vec<Value> = [changed(state, whose(message))].into_iter().chain(classes.iter().cloned()).collect();
    held.tell(&told, whose(message));
    Ok([saved].into_iter().chain(classes).map(Reply::plain).collect())
}

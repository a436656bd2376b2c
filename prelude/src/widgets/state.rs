//! A widget's state: JSON with bytes in it, taken apart and put together as the widget protocol wants it.

use crate::show::CommMessage;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// One named part of a widget's state: JSON, bytes, or JSON with bytes at places within it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatePart {
    json: Value,
    /// Where in the JSON the bytes stand: keys and indices, none where they are the whole part.
    bytes: Vec<(Vec<Value>, Vec<u8>)>,
}

impl StatePart {
    /// The JSON; null where the part is bytes.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// The bytes, where the part is bytes.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.bytes.iter().find(|(path, _)| path.is_empty()).map(|(_, bytes)| bytes.as_slice())
    }

    /// All bytes within the part, each with the keys and indices that lead to it.
    pub fn all_bytes(&self) -> &[(Vec<Value>, Vec<u8>)] {
        &self.bytes
    }
}

impl<T: Into<Value>> From<T> for StatePart {
    fn from(json: T) -> StatePart {
        StatePart { json: json.into(), bytes: Vec::new() }
    }
}

/// Bytes; a function and no `From`, since JSON may be made of bytes too.
pub(super) fn bytes(bytes: impl Into<Vec<u8>>) -> StatePart {
    StatePart { json: Value::Null, bytes: vec![(Vec::new(), bytes.into())] }
}

/// The parts by name.
pub(super) type State = BTreeMap<String, StatePart>;

/// JSON, the paths of what was taken out of it, and what was taken out.
#[derive(Default)]
pub(super) struct Packed {
    pub state: Map<String, Value>,
    pub paths: Vec<Value>,
    pub buffers: Vec<Vec<u8>>,
}

/// Takes the bytes out; `before` leads to the state in a larger whole.
pub(super) fn pack<'a>(state: impl IntoIterator<Item = (&'a String, &'a StatePart)>, before: &[Value]) -> Packed {
    let mut packed = Packed::default();
    for (name, part) in state {
        if part.bytes().is_none() {
            packed.state.insert(name.clone(), part.json.clone());
        }
        for (path, bytes) in &part.bytes {
            let whole = before.iter().cloned().chain([Value::from(name.as_str())]).chain(path.iter().cloned());
            packed.paths.push(whole.collect());
            packed.buffers.push(bytes.clone());
        }
    }
    packed
}

/// The message with this method and these parts of the state.
pub(super) fn message<'a>(
    method: Option<&str>,
    state: impl IntoIterator<Item = (&'a String, &'a StatePart)>,
) -> CommMessage {
    let Packed { state, paths, buffers } = pack(state, &[]);
    let mut data = json!({ "state": state, "buffer_paths": paths });
    if let Some(method) = method {
        data["method"] = method.into();
    }
    CommMessage { buffers, ..CommMessage::new(data) }
}

/// The parts that a message of a frontend carries.
pub(super) fn unpack(message: &CommMessage) -> State {
    let state = message.data.get("state").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut parts: State = state.into_iter().map(|(name, json)| (name, StatePart::from(json))).collect();
    let paths = message.data.get("buffer_paths").and_then(Value::as_array);
    for (path, bytes) in paths.into_iter().flatten().zip(&message.buffers) {
        if let Some([Value::String(name), rest @ ..]) = path.as_array().map(Vec::as_slice) {
            parts.entry(name.clone()).or_default().bytes.push((rest.to_vec(), bytes.clone()));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    // ipywidgets 8.1.9: _remove_buffers({'plain': [1], 'whole': b'\0\1', 'deep': {'a': [0, memoryview(b'\xff')]}})
    // → ({'plain': [1], 'deep': {'a': [0, None]}}, [['whole'], ['deep', 'a', 1]], [b'\0\1', b'\xff'])
    #[test]
    fn bytes_go_beside_the_json_and_come_back() {
        let deep = StatePart { json: json!({ "a": [0, null] }), bytes: vec![(vec!["a".into(), 1.into()], vec![255])] };
        let state = State::from([
            ("plain".to_owned(), StatePart::from(json!([1]))),
            ("whole".to_owned(), bytes([0, 1])),
            ("deep".to_owned(), deep),
        ]);
        let packed = message(Some("update"), &state);
        assert_eq!(
            Value::from(packed.data.clone()),
            json!({
                "method": "update", "state": { "plain": [1], "deep": { "a": [0, null] } },
                "buffer_paths": [["deep", "a", 1], ["whole"]],
            })
        );
        assert_eq!(packed.buffers, [vec![255], vec![0, 1]]);
        assert_eq!(unpack(&packed), state);
        assert_eq!(state["whole"].bytes(), Some(&[0, 1][..]));
        assert_eq!(state["deep"].bytes(), None);
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let odd = json!({ "state": 7, "buffer_paths": [[1], "x", [], ["lost"]] });
        assert!(unpack(&CommMessage::new(odd).buffer([1])).is_empty());
    }
}

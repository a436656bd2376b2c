//! Boxes and fields as the tool says them, checked, and as annotations keep them.

use crate::data::{Extra, Listed, Object, class_name};
use serde::Serialize;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

/// The key of an annotation by which the tool knows its box.
const KEY: &str = "key";
/// What a person may write about a picture.
pub(super) const FIELDS: [&str; 3] = ["title", "author", "note"];
/// The most boxes of one picture.
const MOST_BOXES: usize = 20_000;
/// The most characters of a field, of a class's name and of a box's id.
const LONG_FIELD: usize = 4000;
const LONG_NAME: usize = 100;
const LONG_ID: usize = 64;
/// So far beyond the picture's edge a side may lie.
const SLACK: f64 = 0.01;

/// A number with two decimals, as the tool has them.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// A box that a page has sent, sound.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sent {
    pub key: String,
    pub class: String,
    /// Left, top, right, bottom.
    pub corners: [f64; 4],
    pub automatic: bool,
    pub score: Option<f64>,
}

/// The name by which the tool knows an object's box.
pub(super) fn key_of(object: &Object) -> Option<String> {
    let key: String = serde_json::from_str(object.extra.get(KEY)?.get()).ok()?;
    (1..=LONG_ID).contains(&key.chars().count()).then_some(key)
}

/// Gives each object without a key of its own one; the same where the same file is read again.
pub(super) fn give_keys(picture: &mut Listed) {
    let mut taken = HashSet::new();
    for at in 0..picture.objects.len() {
        let object = &mut picture.objects[at];
        let number = object.extra.get("id").and_then(|raw| raw.get().parse::<i64>().ok());
        let tries = [key_of(object), number.map(|number| format!("coco{number}"))].into_iter().flatten();
        let key = tries.chain((at..).map(|at| format!("box{at}"))).find(|key| !taken.contains(key)).unwrap_or_default();
        set_key(&mut object.extra, &key);
        taken.insert(key);
    }
}

/// Names an object's box.
pub(super) fn set_key(extra: &mut Extra, key: &str) {
    set(extra, KEY, key);
}

/// Gives a picture or an object its number in the file.
pub(super) fn set_number(extra: &mut Extra, number: i64) {
    set(extra, "id", &number);
}

fn set(extra: &mut Extra, name: &str, value: &(impl Serialize + ?Sized)) {
    if let Ok(raw) = to_raw_value(value) {
        extra.insert(name.to_owned(), raw);
    }
}

/// A picture's boxes and fields as the tool has them.
pub(super) fn content(picture: &Listed, classes: &[String]) -> (Value, Value) {
    let one = |object: &Object| {
        let [left, top, right, bottom] = object.corners.map(rounded);
        json!({
            "id": key_of(object), "class": classes.get(object.class), "left": left, "top": top, "right": right,
            "bottom": bottom, "proposed": object.automatic, "score": object.score,
        })
    };
    let fields = FIELDS.map(|name| (name.to_owned(), Value::from(picture.field::<String>(name).unwrap_or_default())));
    (picture.objects.iter().map(one).collect(), Value::Object(fields.into_iter().collect()))
}

/// What names this content, also after a restart.
pub(super) fn revision(boxes: &Value, fields: &Value) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(boxes.to_string().as_bytes());
    hasher.write(fields.to_string().as_bytes());
    format!("{:016x}", hasher.finish())
}

/// The name of a class as it is kept, or why it is none.
pub(super) fn checked_class(name: Option<&Value>) -> Result<String, String> {
    let name = name.and_then(Value::as_str).map(class_name).unwrap_or_default();
    if !(1..=LONG_NAME).contains(&name.chars().count()) {
        return Err(format!("a class needs a name of 1 to {LONG_NAME} characters"));
    }
    Ok(name)
}

/// The boxes of a message on a picture of this size, or what is wrong with them.
pub(super) fn checked_boxes(boxes: Option<&Value>, size: (u32, u32)) -> Result<Vec<Sent>, String> {
    let boxes = boxes.and_then(Value::as_array).ok_or("the message has no list of boxes")?;
    if boxes.len() > MOST_BOXES {
        return Err(format!("a picture has at most {MOST_BOXES} boxes"));
    }
    let sent = boxes.iter().map(|one| checked_box(one, size)).collect::<Result<Vec<Sent>, String>>()?;
    let mut keys = HashSet::new();
    if sent.iter().all(|one| keys.insert(one.key.as_str())) {
        Ok(sent)
    } else {
        Err("two boxes have one id".to_owned())
    }
}

fn checked_box(sent: &Value, (width, height): (u32, u32)) -> Result<Sent, String> {
    let key = sent.get("id").and_then(Value::as_str).filter(|id| (1..=LONG_ID).contains(&id.chars().count()));
    let key = key.ok_or(format!("a box has no id of 1 to {LONG_ID} characters"))?.to_owned();
    let class = checked_class(sent.get("class"))?;
    let mut corners = [0.0; 4];
    for (side, name) in corners.iter_mut().zip(["left", "top", "right", "bottom"]) {
        // A `Value` holds no number that is not finite.
        *side = rounded(sent.get(name).and_then(Value::as_f64).ok_or("a coordinate is no number")?);
    }
    let [left, top, right, bottom] = corners;
    let (width, height) = (f64::from(width), f64::from(height));
    let is_within = |from: f64, to: f64, end: f64| 0.0 <= from && from < to && to <= end + SLACK;
    if !(is_within(left, right, width) && is_within(top, bottom, height)) {
        return Err("a box is not within the picture".to_owned());
    }
    let corners = [left, top, right.min(width), bottom.min(height)];
    // Readers of annotations leave such boxes out; sides were rounded on their way to the tool.
    if corners[2] - corners[0] < 1.0 - 2.0 * SLACK || corners[3] - corners[1] < 1.0 - 2.0 * SLACK {
        return Err("a box is less than a pixel wide or high".to_owned());
    }
    let score = match sent.get("score") {
        None | Some(Value::Null) => None,
        Some(score) => {
            Some(score.as_f64().filter(|score| (0.0..=1.0).contains(score)).ok_or("a score is no number from 0 to 1")?)
        }
    };
    Ok(Sent { key, class, corners, automatic: sent.get("proposed") == Some(&Value::Bool(true)), score })
}

/// The fields of a message, or what is wrong with them.
pub(super) fn checked_fields(fields: Option<&Value>) -> Result<[String; 3], String> {
    let fields: &Map<String, Value> = fields.and_then(Value::as_object).ok_or("the message has no fields")?;
    let mut texts = <[String; 3]>::default();
    for (text, name) in texts.iter_mut().zip(FIELDS) {
        *text = match fields.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(said)) if said.chars().count() <= LONG_FIELD => said.clone(),
            Some(_) => return Err(format!("the {name} is no text of at most {LONG_FIELD} characters")),
        };
    }
    Ok(texts)
}

/// Puts fields into a picture; one that says what was there stays as it was written.
pub(super) fn put_fields(picture: &mut Listed, texts: &[String; 3]) {
    for (name, text) in FIELDS.into_iter().zip(texts) {
        if picture.field::<String>(name).unwrap_or_default() != *text {
            picture.set_field(name, (!text.is_empty()).then_some(text));
        }
    }
}

/// The object of a box that was sent; `origin` is what the file first said of it, which holds where the box is where it was.
pub(super) fn object(sent: &Sent, class: usize, origin: Option<&Object>) -> Object {
    let Some(origin) = origin else {
        let mut object = Object { class, corners: sent.corners, ..Object::default() };
        set_key(&mut object.extra, &sent.key);
        return Object { automatic: sent.automatic, score: sent.score, ..object };
    };
    let is_unmoved = origin.corners.iter().zip(sent.corners).all(|(was, is)| (rounded(*was) - is).abs() < 1e-6);
    let mut object = Object { class, automatic: sent.automatic, score: sent.score, ..origin.clone() };
    if !is_unmoved {
        object.corners = sent.corners;
        object.forget_outlines();
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Value {
        json!({ "id": "x", "class": "cat", "left": 1, "top": 2, "right": 30, "bottom": 40, "proposed": false, "score": null })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut one = sound();
        one[name] = value;
        json!([one])
    }

    #[test]
    fn only_sound_boxes_are_taken() {
        let check = |boxes: &Value| checked_boxes(Some(boxes), (640, 480));
        let one = check(&json!([sound()])).unwrap().remove(0);
        assert_eq!((one.key.as_str(), one.class.as_str(), one.corners), ("x", "cat", [1.0, 2.0, 30.0, 40.0]));
        for (name, value) in [
            ("left", json!(-1)),
            ("left", json!(31)),
            ("left", json!(true)),
            ("left", json!(29.5)),
            ("top", json!("2")),
            ("top", Value::Null),
            ("right", json!(640.02)),
            ("right", json!(1e300)),
            ("bottom", json!(481)),
            ("class", json!("")),
            ("class", json!(" \n")),
            ("class", json!(7)),
            ("class", json!("c".repeat(101))),
            ("id", json!("")),
            ("id", json!(3)),
            ("id", json!("i".repeat(65))),
            ("score", json!(1.5)),
            ("score", json!("0.5")),
        ] {
            assert!(check(&with(name, value.clone())).is_err(), "{name} {value}");
        }
        assert_eq!(check(&with("right", json!(640.009))).unwrap()[0].corners[2], 640.0);
        assert_eq!(check(&with("class", json!(" big  cat\n"))).unwrap()[0].class, "big cat");
        assert!(check(&json!([sound(), sound()])).unwrap_err().contains("one id"));
        let many = |count: usize| (0..count).map(|at| with("id", json!(at.to_string()))[0].take()).collect::<Value>();
        assert!(check(&many(20_000)).is_ok());
        assert!(check(&many(20_001)).unwrap_err().contains("at most 20000"));
        for wrong in [json!({}), json!([7]), json!("x")] {
            assert!(check(&wrong).is_err(), "{wrong}");
        }
        assert!(checked_boxes(None, (640, 480)).is_err());
    }

    #[test]
    fn fields_are_texts_of_a_certain_length() {
        let check = |fields: Value| checked_fields(Some(&fields));
        assert_eq!(check(json!({ "title": "ä\n", "more": 7 })).unwrap(), ["ä\n", "", ""]);
        assert!(check(json!({ "note": "ä".repeat(4000) })).is_ok());
        assert!(check(json!({ "note": "ä".repeat(4001) })).unwrap_err().contains("4000"));
        assert!(check(json!({ "note": 7 })).is_err() && check(json!([])).is_err());
        let mut picture = Listed::default();
        picture.set_field("note", Some(&7));
        put_fields(&mut picture, &["t".to_owned(), String::new(), String::new()]);
        assert_eq!((picture.field::<String>("title"), picture.field::<i32>("note")), (Some("t".to_owned()), Some(7)));
        put_fields(&mut picture, &Default::default());
        assert!(!picture.extra.contains_key("title"));
    }

    #[test]
    fn a_box_that_is_where_it_was_keeps_what_the_file_said_of_it() {
        let mut origin = Object { corners: [1.2345, 2.0, 30.0, 40.0], crowd: true, ..Object::default() };
        set(&mut origin.extra, "segmentation", "outline");
        set(&mut origin.extra, "who", "me");
        let sent = Sent {
            key: "x".into(),
            class: "cat".into(),
            corners: [1.23, 2.0, 30.0, 40.0],
            automatic: false,
            score: None,
        };
        let same = object(&sent, 1, Some(&origin));
        assert_eq!((same.corners, same.class, same.crowd), (origin.corners, 1, true));
        assert!(same.extra.contains_key("segmentation"));
        let moved = object(&Sent { corners: [2.0, 2.0, 30.0, 40.0], ..sent.clone() }, 1, Some(&origin));
        assert_eq!(moved.corners, [2.0, 2.0, 30.0, 40.0]);
        assert!(!moved.extra.contains_key("segmentation") && moved.extra.contains_key("who"));
        assert_eq!(key_of(&object(&sent, 0, None)).as_deref(), Some("x"));
    }

    #[test]
    fn keys_are_unique_and_the_same_again() {
        let made = || {
            let mut picture = Listed { objects: vec![Object::default(); 5], ..Listed::default() };
            set_key(&mut picture.objects[1].extra, "mine");
            set_key(&mut picture.objects[2].extra, "mine");
            set_key(&mut picture.objects[4].extra, &"long".repeat(20));
            picture.objects[3].extra.insert("id".to_owned(), to_raw_value(&7).unwrap());
            give_keys(&mut picture);
            picture.objects.iter().map(|object| key_of(object).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(made(), ["box0", "mine", "box2", "coco7", "box4"]);
        assert_eq!(made(), made());
    }
}

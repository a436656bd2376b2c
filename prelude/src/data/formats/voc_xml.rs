//! One file of Pascal VOC's XML.

use super::fault::{Fault, FaultKind, Spot, shortened};
use super::listing::{Extra, Object};
use super::text::{self, Number};
use roxmltree::{Document, Node, ParsingOptions};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use std::path::Path;

/// What the writer's files begin with.
pub(super) const MARK: &str =
    "<!-- written by candlewick; boxes count from 1, the last pixel within, with fractions -->";
/// What says in an element of the writer's that its text is JSON.
pub(super) const JSON: (&str, &str) = ("type", "json");
/// The most nodes of a file about one picture.
const MOST_NODES: u32 = 1_000_000;
/// Elements within elements that are kept.
const MOST_DEEP: usize = 32;

/// An object with the numbers of its box as written.
pub(super) struct Written {
    /// The class.
    pub name: String,
    /// Its corners are as written.
    pub object: Object,
    pub line: usize,
}

/// What one file says.
pub(super) struct VocFile {
    pub filename: Option<String>,
    /// Where the picture was on the machine that wrote the file.
    pub path: Option<String>,
    pub said: Option<(u32, u32)>,
    pub objects: Vec<Written>,
    pub extra: Extra,
    pub faults: Vec<Fault>,
    pub roboflow: bool,
    /// The writer wrote it, so that there is no doubt how it counts.
    pub ours: bool,
}

/// Reads one file's text.
pub(super) fn parse(file: &Path, text: &str) -> Result<VocFile, Fault> {
    let faulty = |line, what: String| Fault::new(FaultKind::NotParseable, file, Spot::Line(line), what);
    // Elements within elements lie on the stack while they are parsed.
    if let Some(line) = too_deep(text) {
        return Err(faulty(line, "more than 200 elements stand within each other".to_owned()));
    }
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| faulty(error.pos().row.max(1) as usize, format!("it is no XML: {error}")))?;
    let root = document.root_element();
    if root.tag_name().name() != "annotation" {
        let what =
            format!("its outermost element is `{}`, expected `annotation`", shortened(root.tag_name().name(), 40));
        return Err(faulty(1, what));
    }
    let child = |name: &str| child(root, name).and_then(content);
    let side = |name: &str| {
        let size = self::child(root, "size")?;
        let Number::Plain(side) = text::number(self::child(size, name)?.text()?) else { return None };
        // Some tools write 0 for what they do not know.
        (side >= 1.0 && side <= f64::from(u32::MAX)).then_some(side as u32)
    };
    let mut found = VocFile {
        filename: child("filename"),
        path: child("path"),
        said: side("width").zip(side("height")),
        objects: Vec::new(),
        extra: Extra::new(),
        faults: Vec::new(),
        roboflow: child("source").is_some() && text.to_lowercase().contains("roboflow"),
        ours: text.get(..400.min(text.len())).unwrap_or(text).contains(MARK),
    };
    for node in root.children().filter(|node| node.has_tag_name("object")) {
        let line = document.text_pos_at(node.range().start).row as usize;
        match object(file, node, line) {
            Ok((written, comma)) => {
                found.objects.push(written);
                found.faults.extend(comma);
            }
            Err(fault) => found.faults.push(fault),
        }
    }
    found.extra = extra(root, &["filename", "size", "object"]);
    if found.ours {
        found.extra.remove("path");
    }
    let depth = self::child(root, "size").and_then(|size| self::child(size, "depth")).and_then(content);
    if let Some(depth) = depth.and_then(|depth| to_raw_value(&depth).ok()) {
        found.extra.insert("depth".to_owned(), depth);
    }
    Ok(found)
}

/// The line where more than 200 elements stand within each other, if so.
fn too_deep(text: &str) -> Option<usize> {
    let (mut depth, bytes) = (0usize, text.as_bytes());
    for (at, _) in text.match_indices('<') {
        match bytes.get(at + 1) {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(b'!' | b'?') | None => {}
            Some(_) => {
                let end = text[at..].find('>').map_or(text.len(), |end| at + end);
                if bytes.get(end.wrapping_sub(1)) != Some(&b'/') {
                    depth += 1;
                }
            }
        }
        if depth > 200 {
            return Some(1 + text[..at].matches('\n').count());
        }
    }
    None
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// The text of an element, where there is some.
fn content(node: Node<'_, '_>) -> Option<String> {
    node.text().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// One object, and the fault of a decimal comma.
fn object(file: &Path, node: Node<'_, '_>, line: usize) -> Result<(Written, Option<Fault>), Fault> {
    let fault = |kind, what: String| Fault::new(kind, file, Spot::Line(line), what);
    let name = child(node, "name").and_then(content).map(|name| super::class_name(&name)).unwrap_or_default();
    if name.is_empty() {
        return Err(
            fault(FaultKind::UnknownClass, "the object has no name".to_owned()).remedy("write the class's name")
        );
    }
    let Some(bndbox) = child(node, "bndbox") else {
        let what = format!("the object `{}` has no `bndbox`", shortened(&name, 40));
        return Err(fault(FaultKind::NotANumber, what));
    };
    let (mut corners, mut comma) = ([0.0; 4], None);
    for (corner, key) in corners.iter_mut().zip(["xmin", "ymin", "xmax", "ymax"]) {
        let written = child(bndbox, key).and_then(content).unwrap_or_default();
        *corner = match text::number(&written) {
            Number::Plain(number) => number,
            Number::Comma(number) => {
                comma = Some(fault(FaultKind::DecimalComma, format!("`{key}` is `{}`", shortened(&written, 40))));
                number
            }
            Number::Not => {
                let what = format!("`{key}` is `{}`, expected a number", shortened(&written, 40));
                return Err(fault(FaultKind::NotANumber, what));
            }
        };
    }
    let mut extra = extra(node, &["name", "bndbox"]);
    let mut take = |key: &str| {
        let text = extra.get(key).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        // How much of it is hidden, as some write it.
        let share = text.as_ref().and_then(|text| text.trim().parse::<f64>().ok()).map(|share| share > 0.0);
        let said = text.and_then(|text| text::flag(&text)).or(share);
        if said.is_some() {
            extra.remove(key);
        }
        said.unwrap_or(false)
    };
    let mut object = Object {
        corners,
        crowd: take("crowd"),
        difficult: take("difficult"),
        truncated: take("truncated"),
        occluded: take("occluded"),
        automatic: take("automatic"),
        ..Object::default()
    };
    let score =
        extra.get("score").and_then(|raw| serde_json::from_str::<String>(raw.get()).ok()?.trim().parse::<f64>().ok());
    if score.is_some_and(f64::is_finite) {
        (object.score, _) = (score, extra.remove("score"));
    }
    Ok((Written { name, object: Object { extra, ..object }, line }, comma))
}

/// The children of an element as JSON, and its attributes with `@`, but those that are understood.
fn extra(node: Node<'_, '_>, known: &[&str]) -> Extra {
    let mut extra = Extra::new();
    for child in node.children().filter(Node::is_element) {
        let name = child.tag_name().name();
        if known.contains(&name) || extra.contains_key(name) {
            continue;
        }
        let same: Vec<Node> =
            node.children().filter(|other| other.is_element() && other.tag_name().name() == name).take(1000).collect();
        let value = match &same[..] {
            [one] => raw(*one),
            many => to_raw_value(&many.iter().map(|one| value(*one, 1)).collect::<Vec<_>>()).ok(),
        };
        if let Some(value) = value {
            extra.insert(name.to_owned(), value);
        }
    }
    for attribute in node.attributes() {
        if let Ok(value) = to_raw_value(attribute.value()) {
            extra.insert(format!("@{}", attribute.name()), value);
        }
    }
    extra
}

/// An element as JSON; the writer's own as it was.
fn raw(node: Node<'_, '_>) -> Option<Box<RawValue>> {
    if node.attribute(JSON.0) == Some(JSON.1)
        && let Ok(raw) = RawValue::from_string(node.text().unwrap_or_default().to_owned())
    {
        return Some(raw);
    }
    to_raw_value(&value(node, 1)).ok()
}

/// An element as JSON: its text, or an object of its children.
fn value(node: Node<'_, '_>, depth: usize) -> Value {
    let children: Vec<Node> = node.children().filter(Node::is_element).collect();
    if (children.is_empty() && node.attributes().len() == 0) || depth > MOST_DEEP {
        return Value::String(node.text().unwrap_or_default().to_owned());
    }
    let mut fields = Map::new();
    for attribute in node.attributes() {
        fields.insert(format!("@{}", attribute.name()), Value::String(attribute.value().to_owned()));
    }
    if children.is_empty() {
        fields.insert("#text".to_owned(), Value::String(node.text().unwrap_or_default().to_owned()));
    }
    for child in children {
        let found = value(child, depth + 1);
        match fields.get_mut(child.tag_name().name()) {
            Some(Value::Array(many)) => many.push(found),
            Some(one) => *one = Value::Array(vec![one.take(), found]),
            None => drop(fields.insert(child.tag_name().name().to_owned(), found)),
        }
    }
    Value::Object(fields)
}

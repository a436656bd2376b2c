//! Writes Pascal VOC's XML.

use super::super::Part;
use super::listing::{Extra, Listed, Listing, Object};
use super::voc_xml::{JSON, MARK};
use super::writing::{put, put_one_of_many, refuse_foreign, way_out};
use crate::{Error, Result};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

impl Listing {
    /// Writes `Annotations` with an XML a picture, and where pictures have parts `ImageSets/Main` with a list each. Boxes count
    /// as VOC defines it, with fractions where they have some.
    ///
    /// # Errors
    /// Where a file cannot be written, another program wrote it and it is not to be replaced, or two pictures would have one.
    pub fn write_voc(&self, folder: &Path, replace: bool) -> Result<()> {
        let mut files: HashMap<PathBuf, &str> = HashMap::new();
        for picture in &self.pictures {
            let file = xml_of(folder, picture);
            if let Some(other) = files.insert(file, &picture.name) {
                return Err(Error::new(format!("`{other}` and `{}` would have one XML file", picture.name))
                    .remedy("rename one: their names differ in the ending alone"));
            }
        }
        refuse_foreign(files.keys().map(PathBuf::as_path), MARK, replace)?;
        let lists = [(Part::Train, "train"), (Part::Valid, "val"), (Part::Test, "test")]
            .map(|(part, name)| (part, folder.join(format!("ImageSets/Main/{name}.txt"))));
        let used: Vec<_> = lists.iter().filter(|(part, _)| self.count(*part) > 0).collect();
        // Lists hold names alone; whose they are the annotations beside them say.
        let ours = files.keys().any(|file| file.exists());
        if let Some((_, file)) = used.iter().find(|(_, file)| file.exists() && !replace && !ours) {
            return Err(Error::new(format!("`{}` exists and was written by something else", file.display()))
                .remedy("write to another place, or say that it may be replaced"));
        }
        for picture in &self.pictures {
            crate::interrupt::check()?;
            let file = xml_of(folder, picture);
            put_one_of_many(&file, &self.voc(folder, &file, picture))?;
        }
        for (part, file) in used {
            let names = self.pictures.iter().filter(|picture| picture.part == Some(*part));
            let text: String = names.map(|picture| format!("{}\n", without_ending(&picture.name))).collect();
            put(file, |out| Ok(out.write_all(text.as_bytes())?))?;
        }
        Ok(())
    }

    fn voc(&self, folder: &Path, file: &Path, picture: &Listed) -> String {
        let mut out = Xml { text: format!("{MARK}\n") };
        let (attributes, rest) = parted(&picture.extra);
        out.open(0, "annotation", &attributes);
        out.line(1, "filename", &picture.name);
        // Who reads the folder looks for pictures in all of it.
        let is_apart = way_out(folder, picture).is_some();
        if is_apart {
            let own = file.parent().unwrap_or(folder);
            out.line(1, "path", &way_out(own, picture).unwrap_or_else(|| picture.path.display().to_string()));
        }
        if let Some((width, height)) = picture.size {
            out.open(1, "size", "");
            out.line(2, "width", &width.to_string());
            out.line(2, "height", &height.to_string());
            let depth = picture.extra.get("depth").and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
            out.line(2, "depth", depth.as_deref().unwrap_or("3"));
            out.close(1, "size");
        }
        let is_own = |key: &str| ["filename", "size", "object", "depth"].contains(&key) || (is_apart && key == "path");
        let rest = rest.into_iter().filter(|(key, _)| !is_own(key));
        rest.for_each(|(key, raw)| out.raw(1, key, raw));
        for object in &picture.objects {
            self.object(&mut out, object);
        }
        out.close(0, "annotation");
        out.text
    }

    fn object(&self, out: &mut Xml, object: &Object) {
        const OWN: [&str; 8] = ["name", "bndbox", "crowd", "difficult", "truncated", "occluded", "automatic", "score"];
        let (attributes, rest) = parted(&object.extra);
        out.open(1, "object", &attributes);
        out.line(2, "name", self.classes.get(object.class).map_or("", String::as_str));
        rest.into_iter().filter(|(key, _)| !OWN.contains(&key.as_str())).for_each(|(key, raw)| out.raw(2, key, raw));
        let bit = |yes: bool| if yes { "1" } else { "0" };
        out.line(2, "truncated", bit(object.truncated));
        out.line(2, "difficult", bit(object.difficult));
        out.line(2, "occluded", bit(object.occluded));
        for (key, _) in [("crowd", object.crowd), ("automatic", object.automatic)].iter().filter(|(_, yes)| *yes) {
            out.line(2, key, "1");
        }
        if let Some(score) = object.score {
            out.line(2, "score", &score.to_string());
        }
        out.open(2, "bndbox", "");
        let [left, top, right, bottom] = object.corners;
        for (key, number) in [("xmin", left + 1.0), ("ymin", top + 1.0), ("xmax", right), ("ymax", bottom)] {
            out.line(3, key, &number.to_string());
        }
        out.close(2, "bndbox");
        out.close(1, "object");
    }
}

/// A picture's name without its ending.
fn without_ending(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// Where a picture's file is written.
fn xml_of(folder: &Path, picture: &Listed) -> PathBuf {
    folder.join("Annotations").join(format!("{}.xml", without_ending(&picture.name)))
}

/// The attributes as they are written, and all other fields.
fn parted(extra: &Extra) -> (String, Vec<(&String, &RawValue)>) {
    let (mut attributes, mut rest) = (String::new(), Vec::new());
    for (key, raw) in extra {
        match (key.strip_prefix('@'), serde_json::from_str::<String>(raw.get())) {
            (Some(name), Ok(value)) if is_name(name) => {
                let _ = write!(attributes, " {name}=\"{}\"", escaped(&value));
            }
            _ => rest.push((key, &**raw)),
        }
    }
    (attributes, rest)
}

/// Whether a text may be an element's name.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        && !text.to_lowercase().starts_with("xml")
}

/// Text as it stands in XML; what XML cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\r' | '\t' => {
                let _ = write!(out, "&#{};", c as u32);
            }
            c if c < ' ' || c == '\u{fffe}' || c == '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}

/// XML that grows a line at a time.
struct Xml {
    text: String,
}

impl Xml {
    fn open(&mut self, depth: usize, name: &str, attributes: &str) {
        let _ = writeln!(self.text, "{}<{name}{attributes}>", "\t".repeat(depth));
    }

    fn close(&mut self, depth: usize, name: &str) {
        let _ = writeln!(self.text, "{}</{name}>", "\t".repeat(depth));
    }

    fn line(&mut self, depth: usize, name: &str, text: &str) {
        let _ = writeln!(self.text, "{}<{name}>{}</{name}>", "\t".repeat(depth), escaped(text));
    }

    /// A field: as VOC's programs write it where it is text or an element, else as JSON.
    fn raw(&mut self, depth: usize, name: &str, raw: &RawValue) {
        if !is_name(name) {
            return;
        }
        match serde_json::from_str::<Value>(raw.get()) {
            Ok(value) if is_plain(&value, 0) => self.value(depth, name, &value),
            _ => {
                let (key, kind) = JSON;
                let text = escaped(raw.get());
                let _ = writeln!(self.text, "{}<{name} {key}=\"{kind}\">{text}</{name}>", "\t".repeat(depth));
            }
        }
    }

    fn value(&mut self, depth: usize, name: &str, value: &Value) {
        match value {
            Value::String(text) => self.line(depth, name, text),
            Value::Array(many) => many.iter().for_each(|one| self.value(depth, name, one)),
            Value::Object(fields) => {
                let attribute = |(key, value): (&String, &Value)| {
                    Some(format!(" {}=\"{}\"", key.strip_prefix('@')?, escaped(value.as_str()?)))
                };
                let attributes: String = fields.iter().filter_map(attribute).collect();
                if let Some(Value::String(text)) = fields.get("#text") {
                    let _ = writeln!(self.text, "{}<{name}{attributes}>{}</{name}>", "\t".repeat(depth), escaped(text));
                    return;
                }
                self.open(depth, name, &attributes);
                let children = fields.iter().filter(|(key, _)| !key.starts_with('@'));
                children.for_each(|(key, child)| self.value(depth + 1, key, child));
                self.close(depth, name);
            }
            _ => {}
        }
    }
}

/// Whether a value is what reading elements makes: text, elements with names, and rows of two or more of these.
fn is_plain(value: &Value, depth: usize) -> bool {
    match value {
        Value::String(text) => depth == 0 || !text.chars().any(|c| c < ' ' && !"\n\r\t".contains(c)),
        Value::Array(many) => {
            depth < 30 && many.len() > 1 && many.iter().all(|one| !one.is_array() && is_plain(one, depth + 1))
        }
        Value::Object(fields) => {
            let name = |key: &String| is_name(key.strip_prefix('@').unwrap_or(key)) || key == "#text";
            depth < 30
                && !fields.is_empty()
                && fields.iter().all(|(key, value)| name(key) && is_plain(value, depth + 1))
        }
        _ => false,
    }
}

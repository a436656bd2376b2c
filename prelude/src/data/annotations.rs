//! The boxes of an image folder: `boxes.json` or `boxes.csv` beside the class folders.
//!
//! `boxes.json` maps a file's path to its objects, `{"car/0001.png": [{"class": "car", "bbox": [4, 9, 60, 41]}]}`;
//! `boxes.csv` has a line an object, `file,class,x0,y0,x1,y1`. Boxes are left, top, right and bottom in pixels of
//! the upright picture.

use crate::boxes::{Annotation, BBox};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// One object as the file writes it.
#[derive(Serialize, Deserialize)]
struct Entry {
    class: String,
    bbox: [f32; 4],
}

/// The boxes of a folder, by file.
pub(super) struct Boxes {
    file: PathBuf,
    entries: BTreeMap<String, Vec<Entry>>,
    /// The pictures that have been asked for.
    asked: BTreeSet<String>,
}

impl Boxes {
    /// The objects of one picture; a class that the folder does not have is an error.
    pub fn of(&mut self, name: &Path, classes: &[String]) -> Result<Vec<Annotation>> {
        let name = name.to_string_lossy().replace('\\', "/");
        self.asked.insert(name.clone());
        let Some(entries) = self.entries.get(&name) else { return Ok(Vec::new()) };
        let annotation = |entry: &Entry| {
            let class = classes.iter().position(|class| *class == entry.class).ok_or_else(|| {
                let file = self.file.display();
                Error::new(format!("`{file}` gives `{name}` the class `{}`, which has no folder", entry.class))
                    .remedy(format!("the classes are {}", classes.join(", ")))
            })?;
            let [x0, y0, x1, y1] = entry.bbox;
            let is_box = entry.bbox.iter().all(|value| value.is_finite()) && x1 > x0 && y1 > y0 && x1 > 0.0 && y1 > 0.0;
            if !is_box {
                let what =
                    format!("`{}` gives `{name}` the box {:?}, which holds nothing", self.file.display(), entry.bbox);
                return Err(Error::new(what)
                    .remedy("expected left, top, right and bottom in pixels, with left < right and top < bottom"));
            }
            Ok(Annotation::new(class, BBox::new(x0, y0, x1, y1)))
        };
        entries.iter().map(annotation).collect()
    }

    /// What of it is about no picture, in a sentence.
    pub fn unmatched(&self) -> Option<String> {
        let names: Vec<&String> = self.entries.keys().filter(|name| !self.asked.contains(*name)).collect();
        let some = names.iter().take(3).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let more = if names.len() > 3 { ", …" } else { "" };
        let file = self.file.file_name().unwrap_or_default().to_string_lossy();
        (!names.is_empty())
            .then(|| format!("`{file}` has boxes for {} files that are no pictures here: {some}{more}", names.len()))
    }
}

/// The text of a file, without a byte-order mark; `None` where there is no such file.
fn text(file: &Path) -> Result<Option<String>> {
    let failed = |error: &dyn std::fmt::Display, remedy: &str| {
        Error::new(format!("`{}` cannot be read: {error}", file.display())).remedy(remedy)
    };
    match std::fs::read(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&error, "check that you may read it, or move it away to do without boxes")),
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text.trim_start_matches('\u{feff}').to_owned())),
            Err(_) => Err(failed(&"it is no UTF-8 text", "save it again as UTF-8")),
        },
    }
}

/// Reads `boxes.json` or `boxes.csv` of a folder, where there is one.
pub(super) fn read(folder: &Path) -> Result<Option<Boxes>> {
    let json = folder.join("boxes.json");
    if let Some(text) = text(&json)? {
        let entries = serde_json::from_str(&text).map_err(|error| {
            Error::new(format!("`{}` is not as expected", json.display()))
                .caused_by(error)
                .remedy(r#"expected {"car/0001.png": [{"class": "car", "bbox": [left, top, right, bottom]}]}"#)
        })?;
        return Ok(Some(Boxes { file: json, entries, asked: BTreeSet::new() }));
    }
    let csv = folder.join("boxes.csv");
    let Some(text) = text(&csv)? else { return Ok(None) };
    let mut entries: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || (number == 0 && names_columns(line)) {
            continue;
        }
        let (file, entry) = csv_line(line).ok_or_else(|| {
            Error::new(format!("line {} of `{}` is `{line}`", number + 1, csv.display()))
                .remedy("expected file,class,x0,y0,x1,y1 with numbers in pixels")
        })?;
        entries.entry(file).or_default().push(entry);
    }
    Ok(Some(Boxes { file: csv, entries, asked: BTreeSet::new() }))
}

/// Whether a line has six words or more, and none of the last four is a number.
fn names_columns(line: &str) -> bool {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    fields.len() >= 6 && fields[fields.len() - 4..].iter().all(|field| field.parse::<f32>().is_err())
}

/// `file,class,x0,y0,x1,y1`; the file's name may hold commas.
fn csv_line(line: &str) -> Option<(String, Entry)> {
    let mut fields = line.rsplitn(6, ',').map(str::trim);
    let mut bbox = [0.0; 4];
    for value in bbox.iter_mut().rev() {
        *value = fields.next()?.parse().ok()?;
    }
    let class = fields.next()?.to_owned();
    Some((fields.next()?.to_owned(), Entry { class, bbox }))
}

/// Writes `boxes.json` into a folder: file (relative to it, with `/`), class, box.
pub(crate) fn write_boxes(folder: &Path, boxes: impl IntoIterator<Item = (String, String, BBox)>) -> Result<()> {
    let mut entries: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for (file, class, bbox) in boxes {
        entries.entry(file).or_default().push(Entry { class, bbox: bbox.to_xyxy() });
    }
    let text =
        serde_json::to_string(&entries).map_err(|error| Error::new("boxes could not be written").caused_by(error))?;
    Ok(std::fs::write(folder.join("boxes.json"), text)?)
}

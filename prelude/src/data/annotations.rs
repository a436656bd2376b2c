//! The boxes of an image folder: `boxes.json` or `boxes.csv` beside the class folders.
//!
//! `boxes.json` maps a file's path to its objects, `{"car/0001.png": [{"class": "car", "bbox": [4, 9, 60, 41]}]}`;
//! `boxes.csv` has a line an object, `file,class,x0,y0,x1,y1`, or columns in any order where the first line names them, then also
//! `x,y,width,height` or `cx,cy,width,height` in place of corners. Boxes are left, top, right and bottom in pixels of the upright picture, or, where no number of the file is above 1,
//! in parts of it.

use super::decode::upright_size;
use super::delimited::{self, TextRow};
use super::formats::{BY_FILE, BoxForm, ByFile, FileBox, table_columns};
use super::names::composed;
use crate::boxes::{Annotation, BBox};
use crate::words::does;
use crate::{Error, Result, show};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where a table has what of an object.
struct Columns {
    file: usize,
    class: usize,
    numbers: [usize; 4],
    kind: BoxForm,
}

/// The boxes of a folder, by file.
pub(super) struct FolderBoxes {
    file: PathBuf,
    entries: BTreeMap<String, Vec<FileBox>>,
    /// No number is above 1: they are parts of a picture's sides.
    in_parts: bool,
    /// The pictures that have been asked for.
    asked: BTreeSet<String>,
    /// Pictures whose first box is of another class than their folder, and that class.
    others: Vec<(String, String)>,
}

impl FolderBoxes {
    fn new(file: PathBuf, written: impl IntoIterator<Item = (String, Vec<FileBox>)>) -> FolderBoxes {
        let mut entries: BTreeMap<String, Vec<FileBox>> = BTreeMap::new();
        for (name, objects) in written {
            let objects = objects.into_iter().map(|entry| FileBox { class: composed(&entry.class), ..entry });
            entries.entry(composed(&name)).or_default().extend(objects);
        }
        let numbers = || entries.values().flatten().flat_map(|entry| entry.bbox);
        let in_parts = numbers().all(|number| (0.0..=1.0).contains(&number)) && numbers().any(|n| n > 0.0 && n < 1.0);
        FolderBoxes { file, entries, in_parts, asked: BTreeSet::new(), others: Vec::new() }
    }

    /// The objects of one picture of a class, whose file is at `path`; a class that the folder does not have is an error.
    pub fn of(&mut self, name: &Path, path: &Path, class: usize, classes: &[String]) -> Result<Vec<Annotation>> {
        let name = composed(&name.to_string_lossy().replace('\\', "/"));
        self.asked.insert(name.clone());
        let Some(entries) = self.entries.get(&name) else { return Ok(Vec::new()) };
        if let Some(first) = entries.first().filter(|first| classes.get(class).is_none_or(|own| *own != first.class)) {
            self.others.push((name.clone(), first.class.clone()));
        }
        // What cannot be read is told later, with all that cannot.
        let size = upright_size(path);
        let annotation = |entry: &FileBox| {
            let class = classes.iter().position(|class| *class == entry.class).ok_or_else(|| {
                let file = self.file.display();
                Error::new(format!("`{file}` gives `{name}` the class `{}`, which has no folder", entry.class))
                    .remedy(format!(
                        "a folder a class: they are {}; to find things in pictures, `Boxes::open(folder)?` takes the file as it is; to do without boxes, give the file another name",
                        classes.join(", ")
                    ))
            })?;
            let mut bbox = entry.bbox;
            if let Some((width, height)) = size.filter(|_| self.in_parts) {
                bbox = std::array::from_fn(|at| bbox[at] * if at % 2 == 0 { width as f32 } else { height as f32 });
            }
            let [x0, y0, x1, y1] = bbox;
            let faulty = |what: String, remedy: &str| {
                let file = self.file.display();
                Err(Error::new(format!("`{file}` gives `{name}` the box {:?}, which {what}", entry.bbox))
                    .remedy(remedy))
            };
            let expected = "expected left, top, right and bottom in pixels, with left < right and top < bottom";
            let is_box = bbox.iter().all(|value| value.is_finite()) && x1 > x0 && y1 > y0;
            if !is_box {
                return faulty("holds nothing".to_owned(), expected);
            }
            if x1 <= 0.0 || y1 <= 0.0 {
                return faulty("lies outside of the picture and holds nothing of it".to_owned(), expected);
            }
            match size {
                Some((width, height)) if x0 >= width as f32 || y0 >= height as f32 => faulty(
                    format!("lies outside of the picture of {width} × {height} pixels and holds nothing of it"),
                    "boxes count the pixels of the picture's own file, upright, not of a copy of another size",
                ),
                _ => Ok(Annotation::new(class, BBox::new(x0, y0, x1, y1))),
            }
        };
        entries.iter().map(annotation).collect()
    }

    /// What is odd about it, a sentence each.
    pub fn remarks(&self) -> Vec<String> {
        [self.contradicts(), self.unmatched()].into_iter().flatten().collect()
    }

    /// Of which pictures it says another class than their folder does.
    fn contradicts(&self) -> Option<String> {
        let (name, class) = self.others.first()?;
        let file = self.file.file_name().unwrap_or_default().to_string_lossy();
        let count = self.others.len();
        Some(format!(
            "`{file}` says another class than the folder of {count} pictures, such as `{class}` of `{name}`: the folder's counts"
        ))
    }

    /// What of it is about no picture, in a sentence.
    fn unmatched(&self) -> Option<String> {
        let names: Vec<&String> = self.entries.keys().filter(|name| !self.asked.contains(*name)).collect();
        let some = names.iter().take(3).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let more = if names.len() > 3 { ", …" } else { "" };
        let file = self.file.file_name().unwrap_or_default().to_string_lossy();
        (!names.is_empty()).then(|| {
            format!(
                "`{file}` has boxes for {} no pictures here: {some}{more}",
                does(names.len(), "file", "that is", "that are")
            )
        })
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
pub(super) fn read(folder: &Path) -> Result<Option<FolderBoxes>> {
    let (json, csv) = (folder.join(BY_FILE), folder.join("boxes.csv"));
    if json.exists() && csv.exists() {
        show::note(&format!("`{}` holds boxes.json and boxes.csv: the first is read", folder.display()));
    }
    if let Some(text) = text(&json)? {
        let ByFile(entries) = ByFile::parse(&json, &text)?;
        return Ok(Some(FolderBoxes::new(json, entries)));
    }
    let Some(text) = text(&csv)? else { return Ok(None) };
    let faulty = |what: String| {
        Error::new(what)
            .remedy("expected file,class,x0,y0,x1,y1 with numbers in pixels; or a first line that names the columns: `x0,y0,x1,y1`, `x,y,width,height` or `cx,cy,width,height` beside `file` and `class`")
    };
    let mut rows =
        delimited::rows(&text).map_err(|why| faulty(format!("`{}` cannot be read: {why}", csv.display())))?;
    let columns = match rows.first() {
        Some((_, first)) if !first.iter().any(|cell| cell.parse::<f32>().is_ok()) => {
            let columns = named_columns(first).ok_or_else(|| {
                faulty(format!("the first line of `{}` names the columns {}", csv.display(), first.join(", ")))
            })?;
            rows.remove(0);
            Some(columns)
        }
        _ => None,
    };
    let mut entries: BTreeMap<String, Vec<FileBox>> = BTreeMap::new();
    for row in &rows {
        let (file, entry) = entry(row, columns.as_ref())
            .ok_or_else(|| faulty(format!("line {} of `{}` is `{}`", row.0, csv.display(), row.1.join(","))))?;
        entries.entry(file).or_default().push(entry);
    }
    Ok(Some(FolderBoxes::new(csv, entries)))
}

/// Where the columns stand, by the names in the first line; `None` where they do not say.
fn named_columns(first: &[String]) -> Option<Columns> {
    let named = table_columns(first)?;
    Some(Columns { file: named.file, class: named.class, numbers: named.four, kind: named.form? })
}

/// A file and one of its objects. Without names of columns a file's name may hold what parts them.
fn entry((_, row): &TextRow, columns: Option<&Columns>) -> Option<(String, FileBox)> {
    let surplus = if columns.is_none() { row.len().checked_sub(6)? } else { 0 };
    let usual = Columns {
        file: 0,
        class: 1 + surplus,
        numbers: [2, 3, 4, 5].map(|column| column + surplus),
        kind: BoxForm::Corners,
    };
    let columns = columns.unwrap_or(&usual);
    let mut four = [0.0f32; 4];
    for (value, column) in four.iter_mut().zip(columns.numbers) {
        *value = row.get(column)?.parse().ok()?;
    }
    let bbox = columns.kind.corners(four.map(f64::from)).map(|edge| edge as f32);
    let file = if surplus > 0 { row[..=surplus].join(",") } else { row.get(columns.file)?.clone() };
    Some((file, FileBox { class: row.get(columns.class)?.clone(), bbox }))
}

/// Writes `boxes.json` into a folder: file (relative to it, with `/`), class, box.
pub(crate) fn write_boxes(folder: &Path, boxes: impl IntoIterator<Item = (String, String, BBox)>) -> Result<()> {
    let mut entries: BTreeMap<String, Vec<FileBox>> = BTreeMap::new();
    for (file, class, bbox) in boxes {
        entries.entry(file).or_default().push(FileBox { class, bbox: bbox.to_xyxy() });
    }
    let text =
        serde_json::to_string(&entries).map_err(|error| Error::new("boxes could not be written").caused_by(error))?;
    Ok(std::fs::write(folder.join(BY_FILE), text)?)
}

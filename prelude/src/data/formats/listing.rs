//! What annotations say: classes, pictures and their objects, with all that was not understood kept beside.

use super::super::Part;
use super::fault::{FaultLog, shortened};
use crate::words::{count as plural, does};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Fields that are kept as they were written, as JSON.
pub(crate) type Extra = BTreeMap<String, Box<RawValue>>;

/// One object of a picture.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    /// Index of the class.
    pub class: usize,
    /// Left, top, right and bottom edge in pixels of the upright picture; right and bottom lie outside the last pixel.
    pub corners: [f64; 4],
    /// The box holds many objects that nobody counted (COCO's `iscrowd`, Open Images' `IsGroupOf`).
    pub crowd: bool,
    /// Hard to recognise; not counted when a network is measured (VOC).
    pub difficult: bool,
    /// The object goes on beyond the box (VOC).
    pub truncated: bool,
    /// Something stands before the object (VOC).
    pub occluded: bool,
    /// A network proposed it and no person has accepted it yet.
    pub automatic: bool,
    /// How sure the network was, from 0 to 1.
    pub score: Option<f64>,
    /// Fields not understood.
    pub extra: Extra,
}

/// Fields that give more of an object's place than its box.
const OUTLINES: [&str; 4] = ["segmentation", "keypoints", "polygon", "area"];

impl Object {
    /// Drops what does not move with the box.
    pub fn forget_outlines(&mut self) {
        self.extra.retain(|key, _| !OUTLINES.contains(&key.as_str()));
    }
}

/// One picture and its objects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listed {
    /// Where its file is.
    pub path: PathBuf,
    /// Its path from the data set's folder, with `/`.
    pub name: String,
    /// Width and height of the upright picture.
    pub size: Option<(u32, u32)>,
    /// What it is used for, where the layout says so.
    pub part: Option<Part>,
    /// Its objects; a picture without any is background.
    pub objects: Vec<Object>,
    /// Fields not understood.
    pub extra: Extra,
}

/// Pictures with boxes, as files of annotations give them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// The names of the classes, in order.
    pub classes: Vec<String>,
    /// The pictures, in order.
    pub pictures: Vec<Listed>,
    /// Fields of classes that were not understood, by the class's name.
    pub class_extra: BTreeMap<String, Extra>,
    /// Fields of the whole that were not understood.
    pub extra: Extra,
    /// What is wrong, and what was left out for it.
    pub faults: FaultLog,
    /// How the files were read where more than one reading is possible, a sentence each.
    pub notes: Vec<String>,
    /// Pictures in the same folders that the annotations do not list.
    pub unlisted: usize,
}

/// The most lines of a summary.
const MOST_LINES: usize = 12;

/// Pictures without a person's word on them that hold what a network proposes have this field.
const WAITING: &str = "waiting";

impl Listed {
    /// A field that is not understood, where it is of this type.
    pub fn field<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_str(self.extra.get(key)?.get()).ok()
    }

    /// Puts a field in, or takes it out.
    pub fn set_field(&mut self, key: &str, value: Option<&impl Serialize>) {
        match value.and_then(|value| to_raw_value(value).ok()) {
            Some(raw) => drop(self.extra.insert(key.to_owned(), raw)),
            None => drop(self.extra.remove(key)),
        }
    }

    /// Whether no person has looked at it yet: it is no background, though it has no boxes but automatic ones.
    pub fn is_waiting(&self) -> bool {
        self.field(WAITING) == Some(true)
    }

    /// Says whether no person has looked at it yet.
    pub fn set_waiting(&mut self, waits: bool) {
        self.set_field(WAITING, waits.then_some(&true));
    }
}

impl Listing {
    /// How many objects all pictures have.
    pub fn objects(&self) -> usize {
        self.pictures.iter().map(|picture| picture.objects.len()).sum()
    }

    /// How many pictures have no objects.
    pub fn background(&self) -> usize {
        self.pictures.iter().filter(|picture| picture.objects.is_empty()).count()
    }

    /// How many pictures a part has.
    pub fn count(&self, part: Part) -> usize {
        self.pictures.iter().filter(|picture| picture.part == Some(part)).count()
    }

    /// What is there, how it was read and what is wrong with it, in at most 12 lines.
    pub fn summary(&self) -> String {
        let parts = [Part::Train, Part::Valid, Part::Test].map(|part| (part.as_str(), self.count(part)));
        let parts: Vec<String> =
            parts.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{count} {name}")).collect();
        let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
        let (pictures, objects, classes) = (self.pictures.len(), self.objects(), self.classes.len());
        let mut lines = vec![format!(
            "{}{parts}, {} of {}, {} without objects",
            plural(pictures, "picture"),
            plural(objects, "object"),
            plural(classes, "class"),
            plural(self.background(), "picture")
        )];
        lines.extend(self.notes.iter().take(3).map(|note| shortened(note, 300)));
        if self.unlisted > 0 {
            let one = (
                "in the same folders is not listed and is left out",
                "in the same folders are not listed and are left out",
            );
            lines.push(does(self.unlisted, "picture", one.0, one.1));
        }
        let alike = self.alike_names();
        let alike_line = (!alike.is_empty()).then(|| {
            let some: Vec<String> = alike.iter().take(3).map(|(one, other)| format!("`{one}` and `{other}`")).collect();
            let more = if alike.len() > 3 { ", …" } else { "" };
            shortened(
                &format!(
                    "{} alike: {}{more} → `rename` makes them one",
                    does(alike.len(), "pair", "of classes looks", "of classes look"),
                    some.join(", ")
                ),
                400,
            )
        });
        let left = MOST_LINES - lines.len() - usize::from(alike_line.is_some());
        lines.extend(self.faults.lines(left));
        lines.extend(alike_line);
        lines.join("\n")
    }
}

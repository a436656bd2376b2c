//! Writes a table of boxes.

use super::listing::{Extra, Listed, Listing, Object};
use super::settle::folder_of;
use super::writing::{named_from, need_ending, put, refuse_foreign};
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

/// The first columns; the whole line of them says who wrote it.
const HEAD: [&str; 15] = [
    "file",
    "class",
    "x0",
    "y0",
    "x1",
    "y1",
    "image_width",
    "image_height",
    "part",
    "crowd",
    "difficult",
    "truncated",
    "occluded",
    "automatic",
    "score",
];

/// A field that is text, which is all that a table holds.
fn text(extra: &Extra, key: &str) -> Option<String> {
    extra.get(key).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok())
}

impl Listing {
    /// Writes a table: a line an object, and one without class and box for each picture that has none. Automatic boxes are left out,
    /// since other programs know no such column.
    ///
    /// # Errors
    /// Where the file cannot be written, or another program wrote it and it is not to be replaced.
    pub fn write_csv(&self, file: &Path, replace: bool) -> Result<()> {
        need_ending(file, &["csv"], "data.write_csv")?;
        refuse_foreign([file], &HEAD.join(","), replace)?;
        put(file, |out| self.csv(&folder_of(file), out))
    }

    fn csv(&self, folder: &Path, out: &mut dyn Write) -> Result<()> {
        let failed = |error: csv::Error| Error::new("the table could not be written").caused_by(error);
        let mut writer = csv::Writer::from_writer(out);
        let objects = self.pictures.iter().flat_map(|picture| drawn(picture).map(|object| &object.extra));
        let bare = self.pictures.iter().filter(|picture| is_bare(picture)).map(|picture| &picture.extra);
        let keys = objects.chain(bare).flat_map(|extra| extra.keys().filter(|key| text(extra, key).is_some()));
        let keys: BTreeSet<&String> = keys.filter(|key| !HEAD.contains(&key.as_str())).collect();
        writer.write_record(HEAD.into_iter().chain(keys.iter().map(|key| key.as_str()))).map_err(failed)?;
        for picture in &self.pictures {
            crate::interrupt::check()?;
            let name = named_from(folder, picture);
            let side = |of: fn((u32, u32)) -> u32| picture.size.map(|size| of(size).to_string()).unwrap_or_default();
            let part = picture.part.map_or("", |part| part.as_str()).to_owned();
            let about = [side(|size| size.0), side(|size| size.1), part];
            let mut row = |cells: Vec<String>, extra: &Extra| {
                let rest = keys.iter().map(|key| text(extra, key).unwrap_or_default());
                writer.write_record(cells.into_iter().chain(rest)).map_err(failed)
            };
            if is_bare(picture) {
                let mut cells = vec![name.clone()];
                cells.resize(6, String::new());
                cells.extend(about.clone());
                cells.resize(HEAD.len(), String::new());
                row(cells, &picture.extra)?;
            }
            for object in drawn(picture) {
                let mut cells = vec![name.clone(), self.classes.get(object.class).cloned().unwrap_or_default()];
                cells.extend(object.corners.map(|number| number.to_string()));
                cells.extend(about.clone());
                cells.extend(flags(object));
                row(cells, &object.extra)?;
            }
        }
        Ok(writer.flush()?)
    }
}

/// The objects that no network has only proposed.
fn drawn(picture: &Listed) -> impl Iterator<Item = &Object> {
    picture.objects.iter().filter(|object| !object.automatic)
}

fn is_bare(picture: &Listed) -> bool {
    drawn(picture).next().is_none()
}

/// The cells of an object's flags and score.
fn flags(object: &Object) -> Vec<String> {
    let flags = [object.crowd, object.difficult, object.truncated, object.occluded, object.automatic];
    let mut cells: Vec<String> = flags.iter().map(|yes| u8::from(*yes).to_string()).collect();
    cells.push(object.score.map(|score| score.to_string()).unwrap_or_default());
    cells
}

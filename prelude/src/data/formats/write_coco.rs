//! Writes COCO's JSON.

use super::coco::{MARK, PROPOSALS, WRITTEN_BY};
use super::listing::{Extra, Listing, Object};
use super::settle::folder_of;
use super::writing::{named_from, need_ending, put, refuse_foreign};
use crate::{Error, Result, interrupt};
use serde::Serialize;
use serde_json::value::to_raw_value;
use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

/// Numbers for all things of a kind: those that they have, where each has one of its own, else from 1 on.
fn ids<'a>(extras: impl Iterator<Item = Option<&'a Extra>>) -> Vec<i64> {
    let given: Vec<Option<i64>> = extras.map(|extra| extra?.get("id").and_then(|raw| raw.get().parse().ok())).collect();
    let mut seen = HashSet::new();
    if given.iter().all(|id| id.is_some_and(|id| seen.insert(id))) {
        return given.into_iter().flatten().collect();
    }
    (1..=given.len() as i64).collect()
}

/// Puts a field into an element, over what has its name.
fn set(fields: &mut Extra, key: &str, value: &impl Serialize) -> Result<()> {
    let raw = to_raw_value(value).map_err(|error| Error::new("a field could not be written").caused_by(error))?;
    fields.insert(key.to_owned(), raw);
    Ok(())
}

/// Whether a field is a number, a list or an object, as COCO's programs expect of some.
fn begins(fields: &Extra, key: &str, with: &str) -> bool {
    fields.get(key).is_some_and(|raw| raw.get().starts_with(|c: char| with.contains(c)))
}

impl Listing {
    /// Writes COCO's JSON into one file, put in place whole. Automatic boxes stand in a list of their own, `proposals`, so that no
    /// program takes them for what a person drew.
    ///
    /// # Errors
    /// Where the file cannot be written, or another program wrote it and it is not to be replaced.
    pub fn write_coco(&self, file: &Path, replace: bool) -> Result<()> {
        need_ending(file, &["json"], "data.write_coco")?;
        refuse_foreign([file], MARK, replace)?;
        put(file, |out| self.coco(&folder_of(file), out, &interrupt::check))
    }

    /// Writes it over what is there, to the end also while a cell is interrupted: what a person has drawn is kept.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn save_coco(&self, file: &Path) -> Result<()> {
        put(file, |out| self.coco(&folder_of(file), out, &|| Ok(())))
    }

    fn coco(&self, folder: &Path, out: &mut dyn Write, goes_on: &dyn Fn() -> Result<()>) -> Result<()> {
        write!(out, "{{{MARK}")?;
        write!(out, ",\n\"categories\":[")?;
        let class_ids = ids(self.classes.iter().map(|name| self.class_extra.get(name)));
        for (at, (name, id)) in self.classes.iter().zip(&class_ids).enumerate() {
            let mut fields = self.class_extra.get(name).cloned().unwrap_or_default();
            set(&mut fields, "id", id)?;
            set(&mut fields, "name", name)?;
            element(out, at, &fields)?;
        }
        write!(out, "\n],\n\"images\":[")?;
        let image_ids = ids(self.pictures.iter().map(|picture| Some(&picture.extra)));
        for (at, (picture, id)) in self.pictures.iter().zip(&image_ids).enumerate() {
            goes_on()?;
            let mut fields = picture.extra.clone();
            set(&mut fields, "id", id)?;
            set(&mut fields, "file_name", &named_from(folder, picture))?;
            if let Some((width, height)) = picture.size {
                set(&mut fields, "width", &width)?;
                set(&mut fields, "height", &height)?;
            }
            if let Some(part) = picture.part {
                set(&mut fields, "split", &part.as_str())?;
            }
            element(out, at, &fields)?;
        }
        let objects =
            || self.pictures.iter().zip(&image_ids).flat_map(|(p, id)| p.objects.iter().map(move |o| (o, *id)));
        let object_ids = ids(objects().map(|(object, _)| Some(&object.extra)));
        for (list, automatic) in [("annotations", false), (PROPOSALS, true)] {
            let mut own =
                objects().zip(&object_ids).filter(|((object, _), _)| object.automatic == automatic).peekable();
            if automatic && own.peek().is_none() {
                continue;
            }
            write!(out, "\n],\n\"{list}\":[")?;
            for (at, ((object, image), id)) in own.enumerate() {
                goes_on()?;
                element(out, at, &annotation(object, image, *id, &class_ids)?)?;
            }
        }
        write!(out, "\n]")?;
        // At the end: by the lists at the beginning a file is known, however long these are.
        for (key, value) in self.extra.iter().filter(|(key, _)| key.as_str() != WRITTEN_BY) {
            write!(out, ",\n{}:{}", serde_json::Value::from(key.as_str()), value.get())?;
        }
        Ok(writeln!(out, "}}")?)
    }
}

/// The fields of one object.
fn annotation(object: &Object, image: i64, id: i64, classes: &[i64]) -> Result<Extra> {
    let mut fields = object.extra.clone();
    let [left, top, right, bottom] = object.corners;
    set(&mut fields, "id", &id)?;
    set(&mut fields, "image_id", &image)?;
    set(&mut fields, "category_id", &classes.get(object.class).copied().unwrap_or_default())?;
    set(&mut fields, "bbox", &[left, top, right - left, bottom - top])?;
    set(&mut fields, "iscrowd", &u8::from(object.crowd))?;
    if !begins(&fields, "area", "0123456789") {
        set(&mut fields, "area", &((right - left) * (bottom - top)))?;
    }
    if !begins(&fields, "segmentation", "[{") {
        set(&mut fields, "segmentation", &[0u8; 0])?;
    }
    let flags = [("difficult", object.difficult), ("truncated", object.truncated), ("occluded", object.occluded)];
    for (key, _) in flags.iter().filter(|(_, yes)| *yes) {
        set(&mut fields, key, &true)?;
    }
    if let Some(score) = object.score {
        set(&mut fields, "score", &score)?;
    }
    Ok(fields)
}

fn element(out: &mut dyn Write, at: usize, fields: &Extra) -> Result<()> {
    out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
    serde_json::to_writer(out, fields).map_err(|error| Error::new("annotations could not be written").caused_by(error))
}

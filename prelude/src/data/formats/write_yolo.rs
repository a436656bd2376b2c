//! Writes YOLO's texts and their `data.yaml`.

use super::super::Part;
use super::super::decode::ENDINGS;
use super::data_yaml::MARK;
use super::listing::{Listed, Listing, Object};
use super::writing::{begins, put, put_one_of_many, refuse_foreign};
use super::yolo_lines::around;
use crate::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What becomes of the pictures when labels are written for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Placing {
    /// They stay where they are; whoever reads the labels is told where.
    #[default]
    Leave,
    /// A link to each is put beside the labels.
    Link,
    /// A copy of each is put beside the labels.
    Copy,
}

/// What the folders of parts are called; pictures without one are for training.
fn part_folder(part: Option<Part>) -> &'static str {
    match part {
        None | Some(Part::Train) => "train",
        Some(Part::Valid) => "val",
        Some(Part::Test) => "test",
    }
}

/// A picture's name below the folder of its part, without folders that say the part or the kind already.
fn inner(picture: &Listed) -> String {
    let said = |step: &str| {
        let part = super::gallery::part_named(step);
        (part.is_some() && part == picture.part) || ["images", "jpegimages"].contains(&step.to_lowercase().as_str())
    };
    let steps: Vec<&str> = picture.name.split('/').collect();
    let (file, folders) = steps.split_last().map_or(("", &[][..]), |(file, folders)| (*file, folders));
    let kept = folders.iter().filter(|step| !said(step)).copied().chain([file]);
    kept.collect::<Vec<_>>().join("/")
}

/// What lies where labels and their pictures are to be, and is neither.
fn others(folder: &Path, places: &[(PathBuf, PathBuf)], pictures: &[Listed]) -> Vec<PathBuf> {
    let mine: HashSet<&Path> = places.iter().flat_map(|(text, image)| [text.as_path(), image.as_path()]).collect();
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = ["labels", "images"]
        .iter()
        .flat_map(|kind| ["train", "val", "test"].map(|part| folder.join(kind).join(part)))
        .collect();
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            if path.is_dir() {
                waiting.extend((!path.is_symlink()).then_some(path));
            } else if (ending == "txt" || ENDINGS.contains(&ending.as_str())) && !mine.contains(path.as_path()) {
                found.push(path);
            }
        }
    }
    if !found.is_empty() {
        // the data set may lie there itself
        let own: HashSet<PathBuf> = pictures.iter().filter_map(|picture| picture.path.canonicalize().ok()).collect();
        found.retain(|path| path.canonicalize().map_or(true, |path| !own.contains(&path)));
    }
    found.sort();
    found
}

impl Listing {
    /// Writes `labels/train/a.txt` and the like and `data.yaml`, with the pictures under `images` where that is asked. Automatic boxes
    /// are left out: nothing in a text says to others that no person has accepted them.
    ///
    /// # Errors
    /// Where a picture's size is not known, a file cannot be written, another program wrote it and it is not to be replaced,
    /// two pictures would have one text, or other labels or pictures lie where these are to be.
    pub fn write_yolo(&self, folder: &Path, placing: Placing, replace: bool) -> Result<()> {
        let yaml = folder.join("data.yaml");
        let mut texts: HashMap<PathBuf, &str> = HashMap::new();
        let mut places: Vec<(PathBuf, PathBuf)> = Vec::new();
        for picture in &self.pictures {
            let (part, inner) = (part_folder(picture.part), inner(picture));
            let stem = inner.rsplit_once('.').map_or(&inner[..], |(stem, _)| stem);
            let text = folder.join("labels").join(part).join(format!("{stem}.txt"));
            if let Some(other) = texts.insert(text.clone(), &picture.name) {
                return Err(Error::new(format!("`{other}` and `{}` would have one text with labels", picture.name))
                    .remedy("rename one of the pictures"));
            }
            places.push((text, folder.join("images").join(part).join(&inner)));
        }
        // Labels have no room for a word on who wrote them; `data.yaml` speaks for all.
        let ours = begins(&yaml, MARK);
        refuse_foreign([yaml.as_path()], MARK, replace)?;
        if let Some(text) = places.iter().map(|(text, _)| text).find(|text| !replace && !ours && text.exists()) {
            return Err(Error::new(format!("`{}` exists and was written by something else", text.display()))
                .remedy("write to another place, or say that it may be replaced"));
        }
        let others = others(folder, &places, &self.pictures);
        if let Some(first) = others.first() {
            let number = others.len() - 1;
            let more = if number > 0 { format!(" and {number} more") } else { String::new() };
            let what =
                format!("`{}` holds other pictures or labels, such as `{}`{more}", folder.display(), first.display());
            if !replace && !ours {
                return Err(Error::new(format!("{what}: who reads it would take them for a part of this data set"))
                    .remedy("write to a folder of its own, or say that it may be replaced"));
            }
            crate::show::note(&format!(
                "{what}: they stay, and are read with what is written now; delete them, or write to a folder of its own"
            ));
        }
        for (picture, (file, image)) in self.pictures.iter().zip(&places) {
            crate::interrupt::check()?;
            let text = self.labels(picture)?;
            put_one_of_many(file, &text)?;
            place(&picture.path, image, placing, replace)?;
        }
        let text = self.yaml();
        put(&yaml, |out| Ok(out.write_all(text.as_bytes())?))
    }

    fn labels(&self, picture: &Listed) -> Result<String> {
        let mut text = String::new();
        if picture.objects.is_empty() {
            return Ok(text);
        }
        let Some((width, height)) = picture.size.filter(|(width, height)| *width > 0 && *height > 0) else {
            return Err(Error::new(format!("the size of `{}` is not known", picture.name)).remedy(
                "YOLO counts in shares of the picture's sides; read the annotations beside their pictures first",
            ));
        };
        let (width, height) = (f64::from(width), f64::from(height));
        for object in picture.objects.iter().filter(|object| !object.automatic) {
            let _ = write!(text, "{}", object.class);
            let [left, top, right, bottom] = object.corners;
            let outline = outline(object, width, height);
            let four = [
                (left + right) / 2.0 / width,
                (top + bottom) / 2.0 / height,
                (right - left) / width,
                (bottom - top) / height,
            ];
            for number in outline.as_deref().unwrap_or(&four) {
                let _ = write!(text, " {number}");
            }
            text.push('\n');
        }
        Ok(text)
    }

    fn yaml(&self) -> String {
        let mut text = format!("{MARK}\npath: .\n");
        for (key, part) in [("train", Part::Train), ("val", Part::Valid), ("test", Part::Test)] {
            let any = self.pictures.iter().any(|picture| part_folder(picture.part) == part_folder(Some(part)));
            // YOLO's own programs want both; what is not there is measured on what is.
            match (any, key) {
                (true, _) => drop(writeln!(text, "{key}: images/{}", part_folder(Some(part)))),
                (false, "val") => text.push_str("val: images/train\n"),
                _ => {}
            }
        }
        let _ = writeln!(text, "nc: {}\nnames:", self.classes.len());
        for (number, name) in self.classes.iter().enumerate() {
            // JSON's text in quotes is YAML's.
            let _ = writeln!(text, "  {number}: {}", serde_json::Value::from(name.as_str()));
        }
        text
    }
}

/// The outline that a line was read from, where the box around it is still the object's.
fn outline(object: &Object, width: f64, height: f64) -> Option<Vec<f64>> {
    let raw = object.extra.get("polygon")?;
    let polygon = serde_json::from_str::<Vec<f64>>(raw.get()).ok().filter(|polygon| polygon.len() >= 6)?;
    let [left, top, right, bottom] = around(&polygon);
    let own = [left * width, top * height, right * width, bottom * height];
    own.iter().zip(object.corners).all(|(a, b)| (a - b).abs() < 1e-6).then_some(polygon)
}

/// Puts a picture beside its labels, where that is asked.
fn place(from: &Path, to: &Path, placing: Placing, replace: bool) -> Result<()> {
    let is_same =
        |from: &Path, to: &Path| from.canonicalize().ok().zip(to.canonicalize().ok()).is_some_and(|(a, b)| a == b);
    if placing == Placing::Leave || is_same(from, to) {
        return Ok(());
    }
    let failed = |error: std::io::Error| {
        Error::new(format!("`{}` cannot be put to `{}`", from.display(), to.display()))
            .caused_by(error)
            .remedy("check that the folder may be written to and that the disk has room")
    };
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    if to.symlink_metadata().is_ok() {
        let length = |path: &Path| path.metadata().map(|data| data.len()).ok();
        let is_like = placing == Placing::Copy && length(from) == length(to);
        if !replace && !is_like {
            return Err(Error::new(format!("`{}` exists and is another picture", to.display()))
                .remedy("write to another place, or say that it may be replaced"));
        }
        std::fs::remove_file(to).map_err(failed)?;
    }
    let from = from.canonicalize().map_err(failed)?;
    if placing == Placing::Copy {
        return std::fs::copy(&from, to).map(drop).map_err(failed);
    }
    #[cfg(unix)]
    return std::os::unix::fs::symlink(&from, to).map_err(failed);
    #[cfg(not(unix))]
    return std::fs::hard_link(&from, to).or_else(|_| std::fs::copy(&from, to).map(drop)).map_err(failed);
}

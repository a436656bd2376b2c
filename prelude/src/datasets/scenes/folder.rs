//! Scenes as a folder of pictures with `annotations.json` beside them, in COCO's form.

use super::{CLASSES, Extent, Medium, drawn};
use crate::boxes::BBox;
use crate::paths;
use crate::{Error, Result, interrupt, limits, show};
use image::codecs::jpeg::JpegEncoder;
use rayon::prelude::*;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Part of what a folder says of itself; raised when the same settings would draw other pictures.
const EDITION: u32 = 1;
/// The quality of the JPEG files.
const QUALITY: u8 = 90;
/// The name of the file with the boxes.
const BOXES: &str = "annotations.json";

/// COCO's file.
#[derive(Serialize)]
struct CocoFile {
    written_by: &'static str,
    info: CocoInfo,
    categories: Vec<CocoCategory>,
    images: Vec<CocoImage>,
    annotations: Vec<CocoBox>,
}

#[derive(Serialize)]
struct CocoInfo {
    description: String,
}

#[derive(Serialize)]
struct CocoCategory {
    id: usize,
    name: &'static str,
}

#[derive(Serialize)]
struct CocoImage {
    id: usize,
    file_name: String,
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct CocoBox {
    id: usize,
    image_id: usize,
    category_id: usize,
    bbox: [f32; 4],
    area: f32,
    iscrowd: u8,
    segmentation: [u8; 0],
}

/// Writes so many photographs of scenes into a folder, as JPEG files with `annotations.json` beside them, and returns
/// the folder. A folder that holds just these is left as it is.
///
/// # Errors
/// Where the count or the side is out of its range, the folder holds something else or cannot be written, or the user
/// interrupts.
pub fn photographs(folder: impl AsRef<Path>, count: usize, side: impl Into<Extent>, seed: u64) -> Result<PathBuf> {
    write(&paths::expanded(folder.as_ref()), Medium::Photograph, count, side.into(), seed)
}

/// As [`photographs`], but paintings of the same things.
///
/// # Errors
/// As [`photographs`].
pub fn paintings(folder: impl AsRef<Path>, count: usize, side: impl Into<Extent>, seed: u64) -> Result<PathBuf> {
    write(&paths::expanded(folder.as_ref()), Medium::Painting, count, side.into(), seed)
}

fn write(folder: &Path, medium: Medium, count: usize, extent: Extent, seed: u64) -> Result<PathBuf> {
    extent.check()?;
    let (fine, remedy) = ((1..=100_000).contains(&count), "some hundreds are usual");
    limits::allow(fine, "the scenes' `count`", &count, "1 to 100000 scenes", remedy)?;
    let Extent { width, height } = extent;
    let description = format!("candlewick scenes {EDITION}: {count} of {medium:?}, {width}x{height}, seed {seed}");
    if holds(folder, &description, count) {
        return Ok(folder.to_owned());
    }
    let unwritable = |error: std::io::Error| {
        Error::new(format!("the folder `{}` cannot be written", folder.display()))
            .caused_by(error)
            .remedy("name a folder that you may write to")
    };
    if folder.symlink_metadata().is_ok() && std::fs::read_dir(folder).map_err(unwritable)?.next().is_some() {
        return Err(Error::new(format!("the folder `{}` holds something else", folder.display()))
            .remedy("name a new folder, or delete this one if you no longer need it"));
    }
    // the folder gets its name when it is complete
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(unwritable)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let work = parent.join(format!(".scenes-{}-{now}", std::process::id()));
    std::fs::create_dir(&work).map_err(unwritable)?;
    let written = draw_all(&work, medium, count, extent, seed, description, unwritable);
    let moved = written.and_then(|()| {
        if folder.is_dir() {
            std::fs::remove_dir(folder).map_err(unwritable)?;
        }
        std::fs::rename(&work, folder).map_err(unwritable)
    });
    if moved.is_err() {
        let _ = std::fs::remove_dir_all(&work);
    }
    moved.map(|()| folder.to_owned())
}

/// Whether a folder holds what would be written.
fn holds(folder: &Path, description: &str, count: usize) -> bool {
    let Ok(text) = std::fs::read_to_string(folder.join(BOXES)) else { return false };
    let told = serde_json::Value::from(description).to_string();
    // Who saves other boxes there keeps it, at another place.
    text.contains(&told) && (0..count).all(|number| folder.join(file_name(number)).is_file())
}

fn file_name(number: usize) -> String {
    format!("{number:05}.jpg")
}

fn draw_all(
    work: &Path,
    medium: Medium,
    count: usize,
    extent: Extent,
    seed: u64,
    description: String,
    unwritable: impl Fn(std::io::Error) -> Error + Sync,
) -> Result<()> {
    let (done, started) = (AtomicUsize::new(0), Instant::now());
    let one = |number: usize| {
        if interrupt::requested() {
            return Err(Error::interrupted());
        }
        let (picture, things) = drawn(medium, extent, seed, number);
        let mut bytes = Vec::new();
        picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))?;
        std::fs::write(work.join(file_name(number)), bytes).map_err(&unwritable)?;
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if started.elapsed() > Duration::from_millis(500) {
            show::progress("drawing scenes", done as u64, count as u64);
        }
        Ok(things)
    };
    let scenes = (0..count).into_par_iter().map(one).collect::<Result<Vec<_>>>()?;
    let file = coco(&scenes, extent, description);
    let text = serde_json::to_string(&file)
        .map_err(|error| Error::new("the boxes could not be written").caused_by(error))?
        .replace("},{", "},\n{");
    std::fs::write(work.join(BOXES), text + "\n").map_err(unwritable)
}

/// The boxes of all scenes in COCO's form.
fn coco(scenes: &[Vec<(usize, BBox)>], extent: Extent, description: String) -> CocoFile {
    let category = |(class, name): (usize, &&'static str)| CocoCategory { id: class + 1, name };
    let image = |number: usize| {
        let Extent { width, height } = extent;
        CocoImage { id: number + 1, file_name: file_name(number), width, height }
    };
    let all = scenes.iter().enumerate().flat_map(|(number, things)| things.iter().map(move |thing| (number, thing)));
    let object = |(at, (number, (class, bbox))): (usize, (usize, &(usize, BBox)))| CocoBox {
        id: at + 1,
        image_id: number + 1,
        category_id: class + 1,
        bbox: bbox.to_xywh(),
        area: bbox.area(),
        iscrowd: 0,
        segmentation: [],
    };
    CocoFile {
        written_by: "candlewick",
        info: CocoInfo { description },
        categories: CLASSES.iter().enumerate().map(category).collect(),
        images: (0..scenes.len()).map(image).collect(),
        annotations: all.enumerate().map(object).collect(),
    }
}

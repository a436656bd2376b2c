//! The scenes: the same by seed, boxes where things are, classes in balance, two looks, folders that can be read.

use super::sketch::{Place, Sketch};
use super::things::Thing;
use super::*;
use crate::Result;
use rayon::prelude::*;
use std::collections::HashSet;
use std::path::Path;

const BOTH: [Medium; 2] = [Medium::Photograph, Medium::Painting];

/// A number that differs where any byte does (FNV-1a).
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn all(medium: Medium, count: usize) -> Vec<(RgbImage, Vec<(usize, BBox)>)> {
    (0..count).into_par_iter().map(|number| scene(medium, 128, 11, number).unwrap()).collect()
}

/// The same bytes on every machine: where these change, pictures that people keep are drawn differently.
#[test]
fn the_same_seed_draws_the_same_picture() -> Result<()> {
    let mut sums = Vec::new();
    for medium in BOTH {
        let mut seen = HashSet::new();
        let mut whole = 0u64;
        for number in 0..8 {
            let (picture, things) = scene(medium, 160, 5, number)?;
            assert_eq!((picture.clone(), things), scene(medium, 160, 5, number)?);
            let sum = checksum(picture.as_raw());
            assert!(seen.insert(sum), "number {number} is as another");
            whole = whole.rotate_left(7) ^ sum;
        }
        assert!(!seen.contains(&checksum(scene(medium, 160, 6, 0)?.0.as_raw())));
        sums.push(whole);
    }
    assert_eq!(sums, CHECKSUMS, "{sums:#x?}");
    Ok(())
}

/// What [`the_same_seed_draws_the_same_picture`] found when the pictures were looked at.
const CHECKSUMS: [u64; 2] = [0xc539_e0bd_6378_3829, 0x9e7d_0110_c021_e41a];

/// A box is as wide as what changes when its thing is left out, but for edges that are half covered.
#[test]
fn boxes_are_tight() {
    for medium in BOTH {
        let off: f32 = (0..8)
            .into_par_iter()
            .map(|number| {
                let sketch = Sketch::new(medium, (160, 160), 2, number);
                let whole = |sketch: &Sketch, without| camera::to_picture(&render(sketch, without, true));
                let mut worst = 0.0f32;
                for at in 0..sketch.placed.len() {
                    // what stands before it is taken away, since a box is of the whole thing
                    let mut alone = Sketch::new(medium, (160, 160), 2, number);
                    alone.placed = vec![sketch.placed[at].clone()];
                    let (with, without) = (whole(&alone, None), whole(&alone, Some(0)));
                    let changed = with.enumerate_pixels().filter(|(x, y, pixel)| **pixel != *without.get_pixel(*x, *y));
                    let corners = changed.flat_map(|(x, y, _)| {
                        let (x, y) = (x as f32, y as f32);
                        [(x, y), (x + 1.0, y + 1.0)]
                    });
                    let found = BBox::around(corners).to_xyxy();
                    for (edge, told) in found.into_iter().zip(sketch.placed[at].bbox.to_xyxy()) {
                        worst = worst.max((edge - told).abs());
                    }
                }
                worst
            })
            .reduce(|| 0.0, f32::max);
        assert!(off <= 2.0, "{medium:?}: a box is off by {off} pixels");
    }
}

#[test]
fn things_lie_inside_can_be_seen_and_are_of_the_sizes_that_were_promised() {
    for medium in BOTH {
        for (extent, from) in [(Extent::square(128), 0), (Extent::wide(200), 40), (Extent::tall(240), 80)] {
            let (width, height) = (extent.width as f32, extent.height as f32);
            let sizes: Vec<f32> = (from..from + 24)
                .into_par_iter()
                .flat_map_iter(|number| {
                    let sketch = Sketch::new(medium, extent.pixels(), 3, number);
                    assert!((1..=6).contains(&sketch.placed.len()), "number {number}");
                    assert!(
                        sketch.seen().into_iter().all(|share| share >= 0.4),
                        "number {number}: {:?}",
                        sketch.seen()
                    );
                    assert!(sketch.placed.is_sorted_by(|far, near| far.base <= near.base));
                    let size = |placed: &sketch::Placed| {
                        let b = placed.bbox;
                        assert!(b.x0 > 0.0 && b.y0 > 0.0 && b.x1 < width && b.y1 < height, "number {number}: {b:?}");
                        b.width().max(b.height()) / width.min(height)
                    };
                    sketch.placed.iter().map(size).collect::<Vec<_>>()
                })
                .collect();
            let (low, high) = (sizes.iter().copied().fold(1.0, f32::min), sizes.iter().copied().fold(0.0, f32::max));
            assert!(low >= 0.12 && high <= 0.6 && high > 0.4, "{medium:?} {extent:?}: {low} to {high}");
        }
    }
}

#[test]
fn classes_are_in_balance_and_every_place_occurs() {
    for medium in BOTH {
        let sketches: Vec<Sketch> =
            (0..300).into_par_iter().map(|number| Sketch::new(medium, (128, 128), 4, number)).collect();
        let count = |thing: Thing| sketches.iter().flat_map(|s| &s.placed).filter(|p| p.thing == thing).count();
        let counts = Thing::ALL.map(count);
        let mean = counts.iter().sum::<usize>() as f64 / 6.0;
        assert!(counts.iter().all(|count| (*count as f64 / mean - 1.0).abs() < 0.3), "{medium:?}: {counts:?}");
        for place in [Place::Meadow, Place::Water, Place::Sky, Place::Gold, Place::Wall] {
            assert!(sketches.iter().filter(|sketch| sketch.ground.place == place).count() > 12, "{place:?}");
        }
        let overlaps = |sketch: &&Sketch| {
            let boxes: Vec<BBox> = sketch.placed.iter().map(|placed| placed.bbox).collect();
            boxes.iter().enumerate().any(|(at, one)| boxes[..at].iter().any(|other| one.iou(other) > 0.02))
        };
        assert!(sketches.iter().filter(overlaps).count() > 50);
    }
}

/// Edges that are abrupt, and colours that are far from grey, as means over many scenes.
fn manner(medium: Medium) -> [f64; 2] {
    let pictures = all(medium, 24);
    let one = |picture: &RgbImage| {
        let grey = |x: u32, y: u32| picture.get_pixel(x, y).0.iter().map(|v| f64::from(*v)).sum::<f64>() / 3.0;
        let (mut sharp, mut vivid) = (0.0, 0.0);
        for y in 1..127 {
            for x in 1..127 {
                let bend = 2.0 * grey(x, y) - grey(x - 1, y) - grey(x + 1, y);
                sharp += bend.abs();
                let pixel = picture.get_pixel(x, y).0;
                vivid += f64::from(pixel.iter().max().unwrap() - pixel.iter().min().unwrap());
            }
        }
        [sharp / 15_876.0, vivid / 15_876.0]
    };
    let sums = pictures.iter().map(|(picture, _)| one(picture)).fold([0.0; 2], |a, b| [a[0] + b[0], a[1] + b[1]]);
    sums.map(|sum| sum / 24.0)
}

#[test]
fn the_two_looks_differ() {
    let [photographs, paintings] = BOTH.map(manner);
    crate::show::note(&format!("sharpness and colour of photographs {photographs:.1?}, of paintings {paintings:.1?}"));
    assert!(paintings[0] > photographs[0] * 1.3, "{photographs:?} {paintings:?}");
    assert!(paintings[1] > photographs[1] * 1.15, "{photographs:?} {paintings:?}");
}

#[test]
fn a_folder_is_written_once_with_sound_boxes() -> Result<()> {
    let place = tempfile::tempdir()?;
    let folder = photographs(place.path().join("new/photographs"), 5, Extent::wide(160), 9)?;
    let text = std::fs::read_to_string(folder.join("annotations.json"))?;
    let told: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(text.starts_with("{\"written_by\":\"candlewick\""));
    let names: Vec<&str> =
        told["categories"].as_array().unwrap().iter().map(|class| class["name"].as_str().unwrap()).collect();
    assert_eq!(names, CLASSES);
    for number in 0..5 {
        let image = &told["images"][number];
        let file = folder.join(image["file_name"].as_str().unwrap());
        assert_eq!(image::image_dimensions(&file)?, (160, 120));
        assert_eq!((image["width"].as_u64(), image["height"].as_u64()), (Some(160), Some(120)));
        assert!(std::fs::metadata(&file)?.len() < 25_000);
        let (_, things) = scene(Medium::Photograph, Extent::wide(160), 9, number)?;
        let own = |object: &&serde_json::Value| object["image_id"] == image["id"];
        let objects: Vec<_> = told["annotations"].as_array().unwrap().iter().filter(own).collect();
        assert_eq!(objects.len(), things.len());
        for (object, (class, bbox)) in objects.into_iter().zip(things) {
            assert_eq!(object["category_id"].as_u64(), Some(class as u64 + 1));
            let sides: Vec<f32> =
                object["bbox"].as_array().unwrap().iter().map(|n| n.as_f64().unwrap() as f32).collect();
            assert_eq!(sides, bbox.to_xywh());
        }
    }
    // found again, not drawn again; not over anything else; nothing half-written is left
    let marker = folder.join("00000.jpg");
    let before = std::fs::metadata(&marker)?.modified()?;
    photographs(&folder, 5, Extent::wide(160), 9)?;
    assert_eq!(std::fs::metadata(&marker)?.modified()?, before);
    let says = paintings(&folder, 5, Extent::wide(160), 9).unwrap_err().to_string();
    assert!(says.contains("holds something else") && says.contains("→ name a new folder"), "{says}");
    let empty = place.path().join("empty");
    std::fs::create_dir(&empty)?;
    let again = [paintings(&empty, 3, 128, 9)?, paintings(place.path().join("other"), 3, 128, 9)?];
    let bytes = |folder: &Path| std::fs::read(folder.join("00002.jpg"));
    assert_eq!(bytes(&again[0])?, bytes(&again[1])?);
    let hidden = std::fs::read_dir(place.path())?
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with('.')));
    assert_eq!(hidden.count(), 0);
    Ok(())
}

#[test]
fn wishes_that_cannot_be_met() -> Result<()> {
    for side in [0, 127, 321, u32::MAX] {
        for extent in [Extent::square(side), Extent::wide(side), Extent::tall(side)] {
            let says = scene(Medium::Painting, extent, 1, 0).unwrap_err().to_string();
            assert!(says.contains(&format!("the scenes' `side` is {side}; expected 128 to 320 pixels")), "{says}");
        }
    }
    let place = tempfile::tempdir()?;
    for count in [0, 100_001, usize::MAX] {
        let says = paintings(place.path().join("new"), count, 160, 1).unwrap_err().to_string();
        assert!(says.contains(&format!("the scenes' `count` is {count}; expected 1 to 100000 scenes")), "{says}");
    }
    assert!(photographs(place.path().join("new"), 2, 64, 1).unwrap_err().to_string().contains("`side` is 64"));
    let file = place.path().join("file");
    std::fs::write(&file, "x")?;
    for blocked in [file.clone(), file.join("below")] {
        let says = photographs(&blocked, 2, 160, 1).unwrap_err().to_string();
        assert!(says.contains("cannot be written") && says.contains("→ name a folder"), "{says}");
    }
    Ok(())
}

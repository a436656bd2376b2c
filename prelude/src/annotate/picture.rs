//! Pictures as pages get them: upright, and no larger than a message may be.

use crate::data::{is_turned, read_picture};
use crate::{Error, Result};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use std::path::Path;

/// The longer side of a picture in a message, in pixels.
const LONGEST: u32 = 2400;
/// Of 100; a person looks at it closely.
const QUALITY: u8 = 88;

/// A picture upright as a JPEG of at most 2400 pixels on its longer side.
///
/// # Errors
/// Where it cannot be read.
pub(super) fn small(path: &Path) -> Result<Vec<u8>> {
    let picture = read_picture(path)?;
    let (width, height) = picture.dimensions();
    let share = f64::from(LONGEST) / f64::from(width.max(height));
    if share >= 1.0 {
        return jpeg(&picture);
    }
    let side = |side: u32| ((f64::from(side) * share).round() as u32).max(1);
    jpeg(&resize(&picture, side(width), side(height), FilterType::Triangle))
}

/// A picture's file as a browser shows it upright, and what it is.
///
/// # Errors
/// Where it cannot be read.
pub(super) fn whole(path: &Path) -> Result<(&'static str, Vec<u8>)> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let kind = match ending.as_str() {
        "png" => "image/png",
        "webp" => "image/webp",
        "bmp" => "image/bmp",
        "gif" => "image/gif",
        // No browser shows it.
        "tif" | "tiff" => return Ok(("image/jpeg", jpeg(&read_picture(path)?)?)),
        _ => "image/jpeg",
    };
    // That a JPEG is turned every browser heeds; of others not all do.
    if kind != "image/jpeg" && is_turned(path) {
        return Ok(("image/jpeg", jpeg(&read_picture(path)?)?));
    }
    Ok((kind, std::fs::read(path)?))
}

fn jpeg(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .encode_image(picture)
        .map_err(|error| Error::new("the picture cannot be made a JPEG").caused_by(error))?;
    Ok(bytes)
}

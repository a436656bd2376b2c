//! A picture file and its truth: its class, and the objects on it.

use super::decode::decode_as;
use super::{Greys, Part};
use crate::boxes::Annotation;
use image::RgbImage;
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

/// One picture of a data set: a file, or one in memory.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Where it lies.
    pub path: PathBuf,
    /// Its path inside the data set's folder.
    pub name: String,
    /// Index of its class.
    pub class: usize,
    /// What it is used for.
    pub part: Part,
    /// The objects on it, in pixels of the upright picture; empty where nobody said.
    pub boxes: Vec<Annotation>,
    /// The picture itself, where it is no file.
    pub pixels: Option<Arc<RgbImage>>,
}

impl Sample {
    /// Its pixels, and whether it looks black because it uses little of its range.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn read(&self, greys: Greys) -> Result<(RgbImage, bool), String> {
        if let Some(pixels) = &self.pixels {
            return Ok(((**pixels).clone(), false));
        }
        let bytes = std::fs::read(&self.path).map_err(|error| error.to_string())?;
        decode_as(&bytes, greys)
    }

    /// How many bytes it has.
    pub(super) fn bytes(&self) -> Option<u64> {
        match &self.pixels {
            Some(pixels) => Some(pixels.as_raw().len() as u64),
            None => Some(std::fs::metadata(&self.path).ok()?.len()),
        }
    }

    /// Its bytes as they lie in the file, or in memory.
    pub(super) fn content(&self) -> Option<Cow<'_, [u8]>> {
        match &self.pixels {
            Some(pixels) => Some(Cow::Borrowed(pixels.as_raw())),
            None => std::fs::read(&self.path).ok().map(Cow::Owned),
        }
    }
}

//! Pictures that are in memory already, as a data set.

use super::folder::ImageFolder;
use super::{Part, Sample};
use crate::words::count;
use crate::{Error, Result};
use image::RgbImage;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

impl ImageFolder {
    /// Pictures that a program has made or read itself, of any size, each with the name of its class; all verbs work as on files.
    ///
    /// ```
    /// use candlewick_prelude::prelude::*;
    /// let shade = |at: u8| image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([at * 12, (x * 6) as u8, (y * 8) as u8]));
    /// let labels: Vec<&str> = (0..20).map(|at| if at < 10 { "dark" } else { "light" }).collect();
    /// let data = ImageFolder::in_memory((0..20).map(shade).collect(), &labels)?.split(0.2, 42)?.size(32).batch(8);
    /// assert_eq!(data.classes(), ["dark", "light"]);
    /// # Ok::<(), candlewick::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is not one label a picture, a picture has no pixels, a label no letters, or there are fewer than two classes.
    pub fn in_memory(pictures: Vec<RgbImage>, labels: &[impl AsRef<str>]) -> Result<ImageFolder> {
        let labels: Vec<String> = labels.iter().map(|label| label.as_ref().trim().to_owned()).collect();
        ImageFolder::of_memory(pictures, labels)
    }

    // Not generic, so that the cell does not compile it.
    fn of_memory(pictures: Vec<RgbImage>, labels: Vec<String>) -> Result<ImageFolder> {
        if pictures.len() != labels.len() {
            return Err(Error::new(format!(
                "there are {} and {}",
                count(pictures.len(), "picture"),
                count(labels.len(), "label")
            ))
            .remedy("give each picture the name of its class, in the same order"));
        }
        if let Some(at) = pictures.iter().position(|picture| picture.width() == 0 || picture.height() == 0) {
            let (width, height) = pictures[at].dimensions();
            return Err(Error::new(format!("picture {at} is {width} × {height} pixels large"))
                .remedy("leave it out, with its label"));
        }
        if let Some(at) = labels.iter().position(String::is_empty) {
            return Err(
                Error::new(format!("the label of picture {at} is empty")).remedy("name its class, or leave it out")
            );
        }
        let classes: Vec<String> = labels.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
        if classes.len() < 2 {
            return Err(Error::new(format!("the pictures are of {} class: {classes:?}", classes.len()))
                .remedy("a classifier needs two classes at least"));
        }
        let digits = pictures.len().to_string().len();
        let sample = |(at, (picture, label)): (usize, (RgbImage, String))| Sample {
            path: PathBuf::new(),
            name: format!("{label} {at:0digits$}"),
            class: classes.binary_search(&label).unwrap_or(0),
            part: Part::Train,
            boxes: Vec::new(),
            pixels: Some(Arc::new(picture)),
        };
        let samples = pictures.into_iter().zip(labels).enumerate().map(sample).collect();
        ImageFolder::classed(PathBuf::from("pictures in memory"), classes.clone(), samples)
    }
}

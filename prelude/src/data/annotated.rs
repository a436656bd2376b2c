//! Pictures with any number of boxes, each of a class: what a detector learns from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;

use super::formats::{Listing, Reading};
use super::{Augment, ImageFolder, Normalize, Part, ResizeMethod, Sample, Transform};
use crate::boxes::Annotation;
use crate::{Error, Result, limits};

/// Pictures with any number of boxes, each of a class, and how they are shown to a detector.
///
/// Cloning is cheap: the list and the decoded pictures are shared.
///
/// ```no_run
/// use candlewick_prelude::prelude::*;
/// let art = Boxes::voc("icons")?.rename(&[("christ_kid", "figure"), ("saint", "figure")])?.split(0.2, 42)?.size(320);
/// let art = art.augment(Augment::boxes()).batch(8);
/// println!("{} pictures of {}", art.len(), art.classes().join(", "));
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "gives data, which are dropped here; bind it: `let data = …;`"]
pub struct Boxes {
    pub(super) pictures: ImageFolder,
    /// What the files said.
    pub(super) listing: Arc<Listing>,
    /// Which files they were, and how they were read.
    pub(super) source: Arc<(PathBuf, Reading)>,
    /// The sides that training pictures may have, where they are not all of one.
    pub(super) sides: Arc<Vec<usize>>,
}

impl Boxes {
    /// Keeps about `fraction` of the pictures for validation, chosen by `seed`; equal files and pictures that look the same stay on one side. What comes with its own
    /// parts keeps them, and a note says so. A later split takes the place of an earlier one.
    ///
    /// # Errors
    /// When `fraction` is not between 0 and 1, or there are fewer than two different pictures.
    pub fn split(self, fraction: f64, seed: u64) -> Result<Boxes> {
        let different = self.pictures.different();
        if different < 2 {
            let files = if self.len() > different { format!(" in {} files", self.len()) } else { String::new() };
            let pictures = if different == 1 { "picture" } else { "different pictures" };
            return Err(Error::new(format!(
                "a split needs two different pictures, here is {different} {pictures}{files}"
            ))
            .remedy("add pictures: each side learns or measures on its own"));
        }
        Ok(Boxes { pictures: self.pictures.split(fraction, seed)?, ..self })
    }

    /// Holds about `fraction` of the pictures out for the last test, chosen by `seed`: no later split or fold moves them; as
    /// [`ImageFolder::hold_out`].
    ///
    /// # Errors
    /// As [`split`](Boxes::split).
    pub fn hold_out(self, fraction: f64, seed: u64) -> Result<Boxes> {
        Ok(Boxes { pictures: self.pictures.hold_out(fraction, seed)?, ..self })
    }

    /// So many data sets, in each of which another part is kept for validation; as [`ImageFolder::folds`].
    ///
    /// # Errors
    /// As there.
    pub fn folds(&self, count: usize, seed: u64) -> Result<Vec<Boxes>> {
        let folds = self.pictures.folds(count, seed)?;
        Ok(folds.into_iter().map(|pictures| Boxes { pictures, ..self.clone() }).collect())
    }

    /// Keeps on one side of every later split what has the same group, told from a picture's name; as [`ImageFolder::grouped`].
    pub fn grouped(self, group: impl Fn(&str) -> String) -> Boxes {
        Boxes { pictures: self.pictures.grouped(group), ..self }
    }

    fn with(self, change: impl FnOnce(ImageFolder) -> ImageFolder) -> Boxes {
        Boxes { pictures: change(self.pictures), ..self }
    }

    /// The side of the square pictures that the network sees, in pixels, a multiple of 32 (default: the detector's own).
    pub fn size(self, side: usize) -> Boxes {
        self.with(|pictures| pictures.size(side))
    }

    /// Trains on pictures of several sides, in pixels and multiples of 32, another one each batch: `.multi_scale(&[256, 320, 384])`. What is
    /// validated and predicted stays of [`size`](Boxes::size). An empty list ends it. Redmon and Farhadi 2017 (YOLOv2).
    pub fn multi_scale(self, sides: &[usize]) -> Boxes {
        Boxes { sides: Arc::new(sides.to_vec()), ..self }
    }

    /// How a picture that is not square becomes one (default: whole, with grey at its end).
    pub fn resize(self, method: ResizeMethod) -> Boxes {
        self.with(|pictures| pictures.resize(method))
    }

    /// How training pictures are varied, their boxes with them (default: not at all): `Augment::boxes()`, `Augment::mosaic()`.
    pub fn augment(self, augment: Augment) -> Boxes {
        self.with(|pictures| pictures.augment(augment))
    }

    /// How many pictures go through the network at once, 1 or more (default 32; 8 are usual for detectors).
    pub fn batch(self, count: usize) -> Boxes {
        self.with(|pictures| pictures.batch(count))
    }

    /// Keeps decoded pictures in files too; as [`ImageFolder::cache_on_disk`].
    pub fn cache_on_disk(self) -> Boxes {
        self.with(ImageFolder::cache_on_disk)
    }

    /// The same in a folder of one's own choice, of at most so many bytes; as [`ImageFolder::cache_in`].
    pub fn cache_in(self, folder: impl AsRef<Path>, bytes: u64) -> Boxes {
        self.with(|pictures| pictures.cache_in(folder, bytes))
    }

    /// The shift and scale of the values (default: those that the detector was trained with).
    pub fn normalize(self, normalize: Normalize) -> Boxes {
        self.with(|pictures| pictures.normalize(normalize))
    }

    /// The seed of order and augmentation (default: the split's).
    pub fn seeded(self, seed: u64) -> Boxes {
        self.with(|pictures| pictures.seeded(seed))
    }

    /// Stops with an error at a picture that cannot be read, instead of leaving it out with a word.
    pub fn strict(self) -> Boxes {
        self.with(ImageFolder::strict)
    }

    /// The names of the classes, in the order of their indices.
    pub fn classes(&self) -> &[String] {
        &self.listing.classes
    }

    /// How many pictures there are, all parts together.
    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        self.pictures.root()
    }

    /// One picture's file and boxes, in pixels of the upright picture.
    ///
    /// # Panics
    /// When `id` is no picture's number.
    pub fn sample(&self, id: usize) -> &Sample {
        self.pictures.sample(id)
    }

    /// The numbers of a part's pictures, in order.
    pub fn ids(&self, part: Part) -> Vec<usize> {
        self.pictures.ids(part)
    }

    /// How many boxes of each class a part has.
    pub fn counts(&self, part: Part) -> Vec<usize> {
        let mut counts = vec![0; self.classes().len()];
        for id in self.ids(part) {
            self.sample(id).boxes.iter().for_each(|annotation| counts[annotation.class] += 1);
        }
        counts
    }

    /// A picture at its full size.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn original(&self, id: usize) -> Result<RgbImage> {
        self.pictures.original(id)
    }

    /// The objects on a picture.
    ///
    /// # Panics
    /// When `id` is no picture's number.
    pub fn objects(&self, id: usize) -> &[Annotation] {
        &self.sample(id).boxes
    }

    /// How pictures are prepared.
    pub fn transform(&self) -> Transform {
        self.pictures.transform()
    }

    /// What the files said, with what was changed since.
    pub(crate) fn listing(&self) -> &Listing {
        &self.listing
    }

    /// Which files they are, and how they were read.
    pub(crate) fn source(&self) -> (&Path, &Reading) {
        (&self.source.0, &self.source.1)
    }

    pub(super) fn check_size(&self) -> Result<()> {
        let remedy = "take one of these: 160, 256, 320, 416, 512, 640";
        let allow = |name: &str, side: usize| {
            limits::allow(side > 0 && side.is_multiple_of(32), name, &side, "a multiple of 32 pixels", remedy)
        };
        allow("`size`", self.transform().size)?;
        for side in self.sides.iter() {
            allow("a side of `multi_scale`", *side)?;
            limits::room(self.pictures.batch.min(self.len()), *side)?;
        }
        Ok(())
    }
}

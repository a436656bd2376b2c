//! Simple scenes in two looks: photographs and paintings of the same six kinds of things, each with its box.
//!
//! A detector that has only seen [`photographs`] misses most of what [`paintings`] show; a little fine-tuning on some
//! annotated paintings brings it back. Both functions write a folder of pictures with `annotations.json` beside them,
//! in COCO's form:
//!
//! ```no_run
//! use candlewick_prelude::datasets::scenes::{paintings, photographs};
//! photographs("photographs", 400, 160, 1)?;
//! paintings("paintings", 80, 160, 1)?;
//! # Ok::<(), candlewick_prelude::Error>(())
//! ```
//!
//! People, horses, cats, boats, houses and trees stand on meadows, at the water, under the sky, before gold and before
//! walls. A scene shows one to six of them, from 12 to 60 % of its shorter side, nearer ones before farther ones, and
//! at least half of each can be seen.

mod camera;
mod chance;
mod cover;
mod curve;
mod easel;
mod easel_ground;
mod folder;
mod photo;
mod photo_ground;
mod pigment;
mod sketch;
mod stroke;
mod things;
mod varnish;

#[cfg(test)]
mod tests;

use crate::boxes::BBox;
use crate::{Result, limits};
pub use folder::{paintings, photographs};
use image::RgbImage;

/// The names of the classes; a scene's numbers of classes count in this list.
pub const CLASSES: [&str; 6] = ["person", "horse", "cat", "boat", "house", "tree"];

/// What a scene looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Medium {
    /// As a camera sees it: light, soft shadows, haze, noise.
    Photograph,
    /// As a painter sees it: an icon, blue ceramics, an etching, gouache, or a Greek vase.
    Painting,
}

/// How large a scene is: square, or four by three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    width: u32,
    height: u32,
}

impl Extent {
    /// A square.
    pub fn square(side: u32) -> Extent {
        Extent { width: side, height: side }
    }

    /// Four by three, lying; `side` is its width.
    pub fn wide(side: u32) -> Extent {
        Extent { width: side, height: (u64::from(side) * 3 / 4) as u32 }
    }

    /// Three by four, standing; `side` is its height.
    pub fn tall(side: u32) -> Extent {
        Extent { width: (u64::from(side) * 3 / 4) as u32, height: side }
    }

    fn check(self) -> Result<()> {
        let side = self.width.max(self.height);
        let (fine, remedy) = ((128..=320).contains(&side), "160 is usual");
        limits::allow(fine, "the scenes' `side`", &side, "128 to 320 pixels", remedy)
    }

    fn pixels(self) -> (usize, usize) {
        (self.width as usize, self.height as usize)
    }
}

impl From<u32> for Extent {
    fn from(side: u32) -> Extent {
        Extent::square(side)
    }
}

/// Draws scene number `number` of a medium and a seed, and says what it shows and where: numbers of [`CLASSES`] with
/// tight boxes, the farthest thing first. `side` is a square's side in pixels, or an [`Extent`]. The same arguments
/// draw the same picture on every machine.
///
/// ```
/// use candlewick_prelude::datasets::scenes::{CLASSES, Extent, Medium, scene};
/// let (picture, things) = scene(Medium::Painting, 160, 7, 0)?;
/// assert_eq!(picture.dimensions(), (160, 160));
/// let (class, bbox) = things[0];
/// assert!(class < CLASSES.len() && bbox.area() > 50.0);
/// let (picture, _) = scene(Medium::Photograph, Extent::wide(200), 7, 0)?;
/// assert_eq!(picture.dimensions(), (200, 150));
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
///
/// # Errors
/// Where the longer side is not of 128 to 320 pixels.
pub fn scene(
    medium: Medium,
    side: impl Into<Extent>,
    seed: u64,
    number: usize,
) -> Result<(RgbImage, Vec<(usize, BBox)>)> {
    let extent = side.into();
    extent.check()?;
    Ok(drawn(medium, extent, seed, number))
}

/// As [`scene`], of an extent that was checked.
fn drawn(medium: Medium, extent: Extent, seed: u64, number: usize) -> (RgbImage, Vec<(usize, BBox)>) {
    let sketch = sketch::Sketch::new(medium, extent.pixels(), seed, number);
    let raster = render(&sketch, None, false);
    let things = sketch.placed.iter().map(|placed| (placed.thing as usize, placed.bbox)).collect();
    (camera::to_picture(&raster), things)
}

/// A sketch as a picture. Without one of its things, or bare of shadows, haloes, frames and what a camera or time adds,
/// it serves the tests of boxes.
fn render(sketch: &sketch::Sketch, without: Option<usize>, bare: bool) -> cover::Raster {
    match sketch.medium {
        Medium::Photograph => photo::render(sketch, without, bare),
        Medium::Painting => easel::render(sketch, without, bare),
    }
}

//! What each change does to a picture.

use image::RgbImage;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Augment, mixed};
use crate::data::{Greys, Normalize, ResizeMethod, Transform};
use crate::plot::{self, Figure};
use crate::{Error, Result};

/// Draws of each change that are shown.
const ROWS: u64 = 3;
/// What is erased gets this colour, as in training the mean of the data.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// The side of the pictures that are changed.
const SIDE: usize = 208;

impl Augment {
    /// Every change at a strength that is easy to see: for looking at, not for training.
    pub fn every_kind() -> Augment {
        Augment {
            flip: true,
            flip_vertical: true,
            rotate: 25.0,
            zoom: 1.6,
            shift: 0.2,
            crop: 0.25,
            perspective: 0.5,
            brightness: 0.5,
            contrast: 0.6,
            saturation: 0.9,
            hue: 0.3,
            blur: 4.0,
            noise: 0.2,
            erase: 1.0,
            mixup: 1.0,
            cutmix: 1.0,
            rand_augment: Some((2, 15.0)),
            shrink: 2.0,
            ..Augment::none()
        }
    }

    /// What each change of this augmentation does alone to the first picture: a column a kind, three draws of it below each other.
    /// Those that put two pictures together take the second one, and are left out where there is none.
    ///
    /// ```
    /// use candlewick_prelude::prelude::*;
    /// let pictures = [image::RgbImage::new(64, 48), image::RgbImage::new(48, 64)];
    /// let figure = Augment::every_kind().gallery(&pictures)?;
    /// assert!(figure.text().starts_with("as it is | flip"));
    /// # Ok::<(), candlewick::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a value makes no sense, nothing changes, or there is no picture.
    pub fn gallery(&self, pictures: &[RgbImage]) -> Result<Figure> {
        // which of both it is does not matter where each is looked at alone
        Augment { mixup: 0.0, ..*self }.check()?;
        Augment { cutmix: 0.0, ..*self }.check()?;
        if self.is_none() {
            return Err(Error::new("this augmentation changes nothing").remedy(
                "look at one that does: `Augment::standard()`, or at all that there is: `Augment::every_kind()`",
            ));
        }
        let Some(first) = pictures.first() else {
            return Err(
                Error::new("there is no picture to change").remedy("give one, or two so that they can be mixed")
            );
        };
        let transform = Transform {
            size: SIDE,
            resize: ResizeMethod::Crop,
            normalize: Normalize { mean: MEAN, std: [1.0; 3] },
            greys: Greys::Whole,
        };
        let square = transform.square(first);
        let second = pictures.get(1).map(|other| transform.square(other));
        let mut columns = vec![("as it is".to_owned(), vec![square.clone()])];
        for (name, alone) in self.kinds() {
            let together = alone.mixup + alone.cutmix > 0.0;
            let draws = match (&second, together) {
                (_, false) => (1..=ROWS).map(|draw| one(&alone, &square, &transform, draw)).collect(),
                (Some(other), true) => (1..=ROWS).map(|draw| two(&alone, [&square, other], draw)).collect(),
                (None, true) => continue,
            };
            columns.push((name, draws));
        }
        Ok(plot::columns(&columns))
    }

    /// Each change of this augmentation alone, with its name.
    fn kinds(&self) -> Vec<(String, Augment)> {
        let (own, none) = (self, Augment::none());
        let all = [
            ("flip", Augment { flip: own.flip, ..none }),
            ("flip vertical", Augment { flip_vertical: own.flip_vertical, ..none }),
            ("rotate", Augment { rotate: own.rotate, ..none }),
            ("zoom", Augment { zoom: own.zoom, ..none }),
            ("shift", Augment { shift: own.shift, ..none }),
            ("crop", Augment { crop: own.crop, ..none }),
            ("perspective", Augment { perspective: own.perspective, ..none }),
            ("brightness", Augment { brightness: own.brightness, ..none }),
            ("contrast", Augment { contrast: own.contrast, ..none }),
            ("saturation", Augment { saturation: own.saturation, ..none }),
            ("hue", Augment { hue: own.hue, ..none }),
            ("blur", Augment { blur: own.blur, ..none }),
            ("noise", Augment { noise: own.noise, ..none }),
            ("erase", Augment { erase: own.erase.ceil(), ..none }),
            ("mixup", Augment { mixup: own.mixup.ceil(), ..none }),
            ("cutmix", Augment { cutmix: own.cutmix.ceil(), ..none }),
            ("rand_augment", Augment { rand_augment: own.rand_augment, ..none }),
            ("shrink", Augment { shrink: own.shrink, ..none }),
        ];
        let on = all.into_iter().filter(|(_, alone)| !alone.is_none());
        on.map(|(name, alone)| (name.to_owned(), alone)).collect()
    }
}

/// A draw of a change; what is as likely as not to change nothing is drawn until it does.
fn one(augment: &Augment, square: &RgbImage, transform: &Transform, draw: u64) -> RgbImage {
    let mut values = vec![0.0; 3 * SIDE * SIDE];
    for attempt in 0..20 {
        let mut rng = ChaCha8Rng::seed_from_u64(draw + 100 * attempt);
        let change =
            if augment.shrink > 1.0 { augment.draw_on_grey(SIDE, &mut rng) } else { augment.draw(SIDE, &mut rng) };
        change.write(square.as_raw(), transform, &mut values);
        let plain = square.pixels().map(|pixel| f32::from(pixel[0]) / 255.0 - MEAN[0]);
        let far: f32 = plain.zip(&values).map(|(own, value)| (own - value).abs()).sum();
        if far / (SIDE * SIDE) as f32 > 0.01 {
            break;
        }
    }
    picture(&values)
}

/// Two pictures put together.
fn two(augment: &Augment, squares: [&RgbImage; 2], draw: u64) -> RgbImage {
    let bytes = squares.iter().flat_map(|square| {
        let raw = square.as_raw();
        (0..3).flat_map(move |c| raw.iter().skip(c).step_by(3).map(move |value| f32::from(*value) / 255.0 - MEAN[c]))
    });
    let mut values: Vec<f32> = bytes.collect();
    let shares = (0..20).map(|attempt| draw + 100 * attempt);
    for seed in shares {
        let mut tried = values.clone();
        let mix = mixed(augment, &mut tried, SIDE, &[seed, seed]);
        if mix.is_some_and(|mix| mix.share[0] < 0.9) {
            values = tried;
            break;
        }
    }
    picture(&values[..3 * SIDE * SIDE])
}

fn picture(values: &[f32]) -> RgbImage {
    RgbImage::from_fn(SIDE as u32, SIDE as u32, |x, y| {
        let at = y as usize * SIDE + x as usize;
        image::Rgb(std::array::from_fn(|c| {
            ((values[c * SIDE * SIDE + at] + MEAN[c]) * 255.0).round().clamp(0.0, 255.0) as u8
        }))
    })
}

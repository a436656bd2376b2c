//! Varies a training picture: where its pixels come from, what light they get, what is drawn over them; the boxes follow.
//!
//! - `draw` draws one picture's changes by chance, `change` makes them: `warp` says where pixels come from, `sampling` what lies
//!   between them, `colour` turns hues and changes tones as PIL does, `spoil` blurs, adds noise and erases.
//! - `random` is RandAugment; `mix` puts two pictures of a batch together, with the share that each has in the truth.
//! - `gallery` shows what each change does.

mod change;
mod colour;
mod draw;
mod gallery;
mod mix;
mod random;
mod sampling;
mod spoil;
#[cfg(test)]
mod tests;
mod warp;

pub(super) use change::Change;
pub(super) use mix::{Mix, mixed};

use crate::{Result, limits};

/// What lies around pictures that do not fill their square, as the field has it.
pub(super) const GREY: u8 = 114;

/// How much a training picture is varied each time that it is shown.
///
/// Every value is a largest change, unless it says how often; what a picture gets is drawn anew in each epoch, by the data's seed.
/// Boxes follow what moves.
///
/// ```
/// use candlewick_prelude::data::Augment;
/// let gentle = Augment { rotate: 3.0, ..Augment::standard() };
/// assert!(gentle.flip && !Augment::none().flip);
/// let strong = Augment { crop: 0.4, hue: 0.05, erase: 0.25, cutmix: 0.5, ..Augment::standard() };
/// let by_chance = Augment { rand_augment: Some((2, 9.0)), ..Augment::none() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augment {
    /// Mirror left and right, every other time.
    pub flip: bool,
    /// Turn upside down, every other time: for what has no above, such as cells or pictures from the air.
    pub flip_vertical: bool,
    /// Turn by up to so many degrees, either way; 0 to 180.
    pub rotate: f32,
    /// Enlarge by up to this factor; 1 to 10.
    pub zoom: f32,
    /// Move by up to this share of the side, either way; 0 to 1.
    pub shift: f32,
    /// Cut out a part of at least this share of the area, of 3:4 to 4:3, and stretch it to the whole; 0.01 to 1, which is all of it.
    /// torchvision's `RandomResizedCrop`, on the picture as the network sees it.
    pub crop: f32,
    /// Look at it from aside: each corner moves inwards by up to this share of half the side; 0 to 1. torchvision's `RandomPerspective`.
    pub perspective: f32,
    /// Lighten or darken by up to this share; 0 to 1.
    pub brightness: f32,
    /// Raise or lower contrast by up to this share; 0 to 1.
    pub contrast: f32,
    /// Raise or lower saturation by up to this share; 0 to 1.
    pub saturation: f32,
    /// Turn colours by up to this share of their circle, either way; 0 to 0.5.
    pub hue: f32,
    /// Blur by a Gaussian of up to so many pixels' deviation; 0 to 20.
    pub blur: f32,
    /// Add noise of up to this deviation, as a share of the whole range; 0 to 1.
    pub noise: f32,
    /// How often a rectangle of 2 to 33 % of the area is filled with the mean colour; 0 to 1. Zhong et al. 2017.
    pub erase: f32,
    /// How often another picture shines through; 0 to 1. The truth is shared: of classes the loss takes both in their shares, drawn as
    /// Zhang et al. 2017 with α = 0.2; of [`Boxes`](super::Boxes) the halves are even, and a fit leaves it out in its last epochs.
    pub mixup: f32,
    /// How often a rectangle of another picture is pasted in, up to half the area, and the truth is shared by area; 0 to 1. Yun et al. 2019.
    /// Not for pictures with boxes.
    pub cutmix: f32,
    /// RandAugment: so many changes by chance a picture, of this magnitude, 0 to 30; `Some((2, 9.0))` is usual. Cubuk et al. 2019.
    pub rand_augment: Option<(usize, f32)>,
    /// Of [`Boxes`](super::Boxes) alone: shrink by up to this factor, with grey around; 1 to 10.
    pub shrink: f32,
    /// Of [`Boxes`](super::Boxes) alone: how often four pictures are put together in one; 0 to 1. A fit leaves it out in its last epochs.
    pub mosaic: f32,
    /// Of [`Boxes`](super::Boxes) alone: the share of a box that has to stay in sight for it to count; 0 to 1.
    pub visible: f32,
}

impl Augment {
    /// No change.
    pub fn none() -> Augment {
        Augment {
            flip: false,
            flip_vertical: false,
            rotate: 0.0,
            zoom: 1.0,
            shift: 0.0,
            crop: 1.0,
            perspective: 0.0,
            brightness: 0.0,
            contrast: 0.0,
            saturation: 0.0,
            hue: 0.0,
            blur: 0.0,
            noise: 0.0,
            erase: 0.0,
            mixup: 0.0,
            cutmix: 0.0,
            rand_augment: None,
            shrink: 1.0,
            mosaic: 0.0,
            visible: 0.2,
        }
    }

    /// What suits most photographs: flip, turn by 10°, zoom to 1.15, shift by 6 %, light by 20 %.
    pub fn standard() -> Augment {
        Augment {
            flip: true,
            rotate: 10.0,
            zoom: 1.15,
            shift: 0.06,
            brightness: 0.2,
            contrast: 0.2,
            saturation: 0.2,
            ..Augment::none()
        }
    }

    /// What suits pictures whose boxes are to be found: as [`standard`](Augment::standard) without turning,
    /// since the box around a turned box is too large; data of boxes is shrunk by up to 1.5 too.
    pub fn boxes() -> Augment {
        Augment { rotate: 0.0, shrink: 1.5, ..Augment::standard() }
    }

    /// As [`boxes`](Augment::boxes), with half of the pictures put together of four, which helps where there are few: more objects a
    /// picture, and smaller ones.
    pub fn mosaic() -> Augment {
        Augment { mosaic: 0.5, ..Augment::boxes() }
    }

    /// RandAugment with a flip: two changes by chance a picture, of magnitude 9, as Cubuk et al. 2019 take for ImageNet.
    pub fn random() -> Augment {
        Augment { flip: true, rand_augment: Some((2, 9.0)), ..Augment::none() }
    }

    /// The same without what puts pictures together: how a fit ends.
    pub(super) fn settled(self) -> Augment {
        Augment { mosaic: 0.0, mixup: 0.0, ..self }
    }

    /// The same without what puts two pictures together: how one picture is looked at in several ways.
    pub(super) fn alone(self) -> Augment {
        Augment { cutmix: 0.0, ..self.settled() }
    }

    /// Whether nothing changes.
    pub fn is_none(&self) -> bool {
        *self == Augment { visible: self.visible, ..Augment::none() }
    }

    /// What is varied, a few words a change, by the fields' names: `flip`, `rotate 10`.
    pub fn words(&self) -> Vec<String> {
        let none = Augment::none();
        let flags = [("flip", self.flip), ("flip_vertical", self.flip_vertical)];
        let mut words: Vec<String> = flags.iter().filter(|(_, on)| *on).map(|(name, _)| (*name).to_owned()).collect();
        let values = [
            ("rotate", self.rotate, none.rotate),
            ("zoom", self.zoom, none.zoom),
            ("shift", self.shift, none.shift),
            ("crop", self.crop, none.crop),
            ("perspective", self.perspective, none.perspective),
            ("brightness", self.brightness, none.brightness),
            ("contrast", self.contrast, none.contrast),
            ("saturation", self.saturation, none.saturation),
            ("hue", self.hue, none.hue),
            ("blur", self.blur, none.blur),
            ("noise", self.noise, none.noise),
            ("erase", self.erase, none.erase),
            ("mixup", self.mixup, none.mixup),
            ("cutmix", self.cutmix, none.cutmix),
            ("shrink", self.shrink, none.shrink),
            ("mosaic", self.mosaic, none.mosaic),
        ];
        words.extend(values.iter().filter(|(_, own, none)| own != none).map(|(name, own, _)| format!("{name} {own}")));
        words.extend(
            self.rand_augment.map(|(count, magnitude)| format!("rand_augment {count} of magnitude {magnitude}")),
        );
        words
    }

    /// Refuses changes that make no sense.
    pub(super) fn check(&self) -> Result<()> {
        let within = |name: &str, given: f32, (least, most): (f32, f32), unit: &str| {
            let (option, expected) =
                (format!("`{name}` of the augmentation"), format!("{unit} from {least} to {most}"));
            let remedy = "start from what suits most pictures: `Augment { rotate: 5.0, ..Augment::standard() }`";
            limits::allow((least..=most).contains(&given), &option, &given, &expected, remedy)
        };
        within("rotate", self.rotate, (0.0, 180.0), "degrees")?;
        within("zoom", self.zoom, (1.0, 10.0), "a factor")?;
        within("shift", self.shift, (0.0, 1.0), "a share")?;
        within("crop", self.crop, (0.01, 1.0), "a share")?;
        within("perspective", self.perspective, (0.0, 1.0), "a share")?;
        within("brightness", self.brightness, (0.0, 1.0), "a share")?;
        within("contrast", self.contrast, (0.0, 1.0), "a share")?;
        within("saturation", self.saturation, (0.0, 1.0), "a share")?;
        within("hue", self.hue, (0.0, 0.5), "a share")?;
        within("blur", self.blur, (0.0, 20.0), "pixels")?;
        within("noise", self.noise, (0.0, 1.0), "a share")?;
        within("erase", self.erase, (0.0, 1.0), "a share")?;
        within("shrink", self.shrink, (1.0, 10.0), "a factor")?;
        within("mosaic", self.mosaic, (0.0, 1.0), "a share")?;
        within("mixup", self.mixup, (0.0, 1.0), "a share")?;
        within("cutmix", self.cutmix, (0.0, 1.0), "a share")?;
        if let Some((count, magnitude)) = self.rand_augment {
            let remedy = "two changes of magnitude 9 are usual: `rand_augment: Some((2, 9.0))`";
            limits::allow(
                (1..=10).contains(&count),
                "the count of `rand_augment`",
                &count,
                "1 to 10 changes a picture",
                remedy,
            )?;
            let fine = (0.0..=30.0).contains(&magnitude);
            limits::allow(fine, "the magnitude of `rand_augment`", &magnitude, "a number from 0 to 30", remedy)?;
        }
        let both = self.mixup + self.cutmix;
        limits::allow(
            both <= 1.0,
            "`mixup` and `cutmix` together",
            &both,
            "at most 1, since a picture gets one of them",
            "take half of each: `mixup: 0.5, cutmix: 0.5`",
        )?;
        within("visible", self.visible, (0.0, 1.0), "a share")
    }
}

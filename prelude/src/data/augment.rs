//! Varies a training picture: flip, turn, zoom, shift, light; the boxes follow.

use super::Transform;
use crate::boxes::BBox;
use crate::{Result, limits};
use rand::Rng;

/// What lies around pictures that do not fill their square, as the field has it.
pub(super) const GREY: u8 = 114;

/// How much a training picture is varied each time that it is shown.
///
/// Every value is a largest change; what a picture gets is drawn anew in each epoch.
///
/// ```
/// use candlewick_prelude::data::Augment;
/// let gentle = Augment { rotate: 3.0, ..Augment::standard() };
/// assert!(gentle.flip && !Augment::none().flip);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augment {
    /// Mirror left and right, every other time.
    pub flip: bool,
    /// Turn by up to so many degrees, either way; 0 to 180.
    pub rotate: f32,
    /// Enlarge by up to this factor; 1 to 10.
    pub zoom: f32,
    /// Move by up to this share of the side, either way; 0 to 1.
    pub shift: f32,
    /// Lighten or darken by up to this share; 0 to 1.
    pub brightness: f32,
    /// Raise or lower contrast by up to this share; 0 to 1.
    pub contrast: f32,
    /// Raise or lower saturation by up to this share; 0 to 1.
    pub saturation: f32,
    /// Of [`Boxes`](super::Boxes) alone: shrink by up to this factor, with grey around; 1 to 10.
    pub shrink: f32,
    /// Of [`Boxes`](super::Boxes) alone: how often four pictures are put together in one; 0 to 1. A fit leaves it out in its last epochs.
    pub mosaic: f32,
    /// Of [`Boxes`](super::Boxes) alone: how often another picture shines through; 0 to 1. A fit leaves it out in its last epochs.
    pub mixup: f32,
    /// Of [`Boxes`](super::Boxes) alone: the share of a box that has to stay in sight for it to count; 0 to 1.
    pub visible: f32,
}

impl Augment {
    /// No change.
    pub fn none() -> Augment {
        Augment {
            flip: false,
            rotate: 0.0,
            zoom: 1.0,
            shift: 0.0,
            brightness: 0.0,
            contrast: 0.0,
            saturation: 0.0,
            shrink: 1.0,
            mosaic: 0.0,
            mixup: 0.0,
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

    /// The same without what puts pictures together: how a fit ends.
    pub(super) fn settled(self) -> Augment {
        Augment { mosaic: 0.0, mixup: 0.0, ..self }
    }

    /// Whether nothing changes.
    pub fn is_none(&self) -> bool {
        *self == Augment { visible: self.visible, ..Augment::none() }
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
        within("brightness", self.brightness, (0.0, 1.0), "a share")?;
        within("contrast", self.contrast, (0.0, 1.0), "a share")?;
        within("saturation", self.saturation, (0.0, 1.0), "a share")?;
        within("shrink", self.shrink, (1.0, 10.0), "a factor")?;
        within("mosaic", self.mosaic, (0.0, 1.0), "a share")?;
        within("mixup", self.mixup, (0.0, 1.0), "a share")?;
        within("visible", self.visible, (0.0, 1.0), "a share")
    }

    /// Draws the changes for one picture of `side` pixels that may be shrunk, and has grey around it.
    pub(super) fn draw_on_grey(&self, side: usize, rng: &mut impl Rng) -> Change {
        let mut change = self.draw(side, rng);
        if self.shrink > 1.0 {
            // as often shrunk as enlarged, where both are wanted
            let shrinks = self.zoom <= 1.0 || rng.random_bool(0.5);
            let factor = if shrinks { rng.random_range(1.0..=self.shrink) } else { 1.0 };
            let zoom = (change.matrix[0].powi(2) + change.matrix[2].powi(2)).sqrt();
            let scale = if shrinks { factor / zoom } else { 1.0 };
            change.matrix = change.matrix.map(|value| value * scale);
        }
        Change { grey: true, ..change }
    }

    /// Draws the changes for one picture of `side` pixels.
    pub(super) fn draw(&self, side: usize, rng: &mut impl Rng) -> Change {
        let mut within = |most: f32| if most > 0.0 { rng.random_range(-most..=most) } else { 0.0 };
        let angle = within(self.rotate).to_radians();
        let side = side as f32;
        let (dx, dy) = (within(self.shift) * side, within(self.shift) * side);
        let brightness = 1.0 + within(self.brightness);
        let contrast = 1.0 + within(self.contrast);
        let saturation = 1.0 + within(self.saturation);
        let zoom = if self.zoom > 1.0 { rng.random_range(1.0..=self.zoom) } else { 1.0 };
        let flip = if self.flip && rng.random_bool(0.5) { -1.0 } else { 1.0 };
        let (sin, cos) = angle.sin_cos();
        Change {
            matrix: [cos * flip / zoom, -sin * flip / zoom, sin / zoom, cos / zoom],
            dx,
            dy,
            brightness,
            contrast,
            saturation,
            grey: false,
        }
    }
}

/// The changes of one picture: where each new pixel comes from, and what light it gets.
pub(super) struct Change {
    /// From the new picture to the old one, around the centre.
    matrix: [f32; 4],
    dx: f32,
    dy: f32,
    brightness: f32,
    contrast: f32,
    saturation: f32,
    /// Whether what lies beyond the borders is grey, and not the picture mirrored.
    grey: bool,
}

impl Change {
    /// The same change where the new picture is of another side than the one for which it was drawn.
    pub fn on_side(self, drawn: usize, side: usize) -> Change {
        let ratio = drawn as f32 / side as f32;
        Change { matrix: self.matrix.map(|value| value * ratio), dx: self.dx / ratio, dy: self.dy / ratio, ..self }
    }

    /// Writes the changed picture's normalised values, channel by channel.
    pub fn write(&self, square: &[u8], transform: &Transform, values: &mut [f32]) {
        self.write_from(square, transform.size, transform, values);
    }

    /// The same from a larger square, whose middle becomes the middle.
    pub fn write_from(&self, square: &[u8], from: usize, transform: &Transform, values: &mut [f32]) {
        let side = transform.size;
        let area = side * side;
        let middle = side as f32 / 2.0;
        let start = from as f32 / 2.0 - 0.5;
        let sample = if self.grey { sample_on_grey } else { sample };
        let (scale, offset) = transform.normalize.factors();
        let mean = self.mean(square);
        let [a, b, c, d] = self.matrix;
        for y in 0..side {
            let v = y as f32 + 0.5 - middle - self.dy;
            for x in 0..side {
                let u = x as f32 + 0.5 - middle - self.dx;
                let pixel = sample(square, from, a * u + b * v + start, c * u + d * v + start);
                let grey = luma(pixel);
                for channel in 0..3 {
                    let value = grey + (pixel[channel] - grey) * self.saturation;
                    let value = ((value - mean) * self.contrast + mean) * self.brightness;
                    values[channel * area + y * side + x] = value.clamp(0.0, 255.0) * scale[channel] + offset[channel];
                }
            }
        }
    }

    /// Where a box of the old picture lies on the new one, cut at its borders.
    pub fn bbox(&self, bbox: &BBox, side: usize) -> BBox {
        self.bbox_from(bbox, side, side).clip(side as u32, side as u32)
    }

    /// Where a box of a square of another side, whose middle becomes the middle, lies on the new picture, over its borders too.
    pub fn bbox_from(&self, bbox: &BBox, from: usize, side: usize) -> BBox {
        let (start, middle) = (from as f32 / 2.0, side as f32 / 2.0);
        let [a, b, c, d] = self.matrix;
        let det = a * d - b * c;
        let moved = |(x, y): (f32, f32)| {
            let (u, v) = (x - start, y - start);
            ((d * u - b * v) / det + middle + self.dx, (a * v - c * u) / det + middle + self.dy)
        };
        BBox::around(bbox.corners().map(moved))
    }

    /// The picture's mean grey, around which contrast changes.
    fn mean(&self, square: &[u8]) -> f32 {
        if self.contrast == 1.0 {
            return 0.0;
        }
        let step = 7; // every seventh pixel is enough for a mean
        let sum: f32 =
            square.chunks_exact(3).step_by(step).map(|p| luma([p[0].into(), p[1].into(), p[2].into()])).sum();
        sum / (square.len() / 3).div_ceil(step) as f32
    }
}

/// Grey as ITU-R BT.601 weighs it.
fn luma(pixel: [f32; 3]) -> f32 {
    0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]
}

/// The value between pixels, mirrored beyond the borders.
#[inline]
fn sample(square: &[u8], side: usize, x: f32, y: f32) -> [f32; 3] {
    let (left, top) = (floor(x), floor(y));
    let (fx, fy) = (x - left as f32, y - top as f32);
    let last = side as i32 - 1;
    let (left, right, top, bottom) = if left >= 0 && top >= 0 && left < last && top < last {
        let (left, top) = (left as usize, top as usize);
        (left, left + 1, top * side, (top + 1) * side)
    } else {
        let (top, bottom) = (mirror(top, last) * side, mirror(top + 1, last) * side);
        (mirror(left, last), mirror(left + 1, last), top, bottom)
    };
    let at = |pixel: usize| {
        let pixel = &square[3 * pixel..3 * pixel + 3];
        [f32::from(pixel[0]), f32::from(pixel[1]), f32::from(pixel[2])]
    };
    let (a, b, c, d) = (at(top + left), at(top + right), at(bottom + left), at(bottom + right));
    std::array::from_fn(|i| {
        let (upper, lower) = (a[i] + (b[i] - a[i]) * fx, c[i] + (d[i] - c[i]) * fx);
        upper + (lower - upper) * fy
    })
}

/// The value between pixels, grey beyond the borders.
#[inline]
fn sample_on_grey(square: &[u8], side: usize, x: f32, y: f32) -> [f32; 3] {
    let (left, top) = (floor(x), floor(y));
    let last = side as i32 - 1;
    if left >= 0 && top >= 0 && left < last && top < last {
        return sample(square, side, x, y);
    }
    let (fx, fy) = (x - left as f32, y - top as f32);
    let at = |x: i32, y: i32| match x >= 0 && y >= 0 && x <= last && y <= last {
        true => {
            let pixel = &square[3 * (y as usize * side + x as usize)..][..3];
            [f32::from(pixel[0]), f32::from(pixel[1]), f32::from(pixel[2])]
        }
        false => [f32::from(GREY); 3],
    };
    let (a, b, c, d) = (at(left, top), at(left + 1, top), at(left, top + 1), at(left + 1, top + 1));
    std::array::from_fn(|i| {
        let (upper, lower) = (a[i] + (b[i] - a[i]) * fx, c[i] + (d[i] - c[i]) * fx);
        upper + (lower - upper) * fy
    })
}

/// The largest whole number that is not larger; much faster than `f32::floor` on processors without SSE 4.1.
#[inline]
fn floor(value: f32) -> i32 {
    let cut = value as i32;
    cut - i32::from((cut as f32) > value)
}

/// The index that a position beyond the border mirrors to.
fn mirror(i: i32, last: i32) -> usize {
    let i = if i < 0 { -i - 1 } else { i };
    let i = if i > last { 2 * last + 1 - i } else { i };
    i.clamp(0, last) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Normalize, ResizeMethod};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    const SIDE: usize = 32;

    fn transform() -> Transform {
        Transform { size: SIDE, resize: ResizeMethod::Stretch, normalize: Normalize::none() }
    }

    /// A black picture with a white rectangle.
    fn picture(bbox: &BBox) -> Vec<u8> {
        let mut bytes = vec![0; 3 * SIDE * SIDE];
        for y in bbox.y0 as usize..bbox.y1 as usize {
            for x in bbox.x0 as usize..bbox.x1 as usize {
                bytes[3 * (y * SIDE + x)..][..3].fill(255);
            }
        }
        bytes
    }

    #[test]
    fn no_change_gives_the_picture_itself() {
        let bytes = picture(&BBox::new(4.0, 5.0, 20.0, 12.0));
        let change = Augment::none().draw(SIDE, &mut ChaCha8Rng::seed_from_u64(1));
        let (mut plain, mut changed) = (vec![0.0; bytes.len()], vec![0.0; bytes.len()]);
        transform().write(&bytes, &mut plain);
        change.write(&bytes, &transform(), &mut changed);
        assert!(plain.iter().zip(&changed).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn a_flip_mirrors_picture_and_box() {
        let bbox = BBox::new(4.0, 5.0, 20.0, 12.0);
        let flip = Change {
            matrix: [-1.0, 0.0, 0.0, 1.0],
            dx: 0.0,
            dy: 0.0,
            brightness: 1.0,
            contrast: 1.0,
            saturation: 1.0,
            grey: false,
        };
        let mut values = vec![0.0; 3 * SIDE * SIDE];
        flip.write(&picture(&bbox), &transform(), &mut values);
        assert_eq!(flip.bbox(&bbox, SIDE).to_xyxy(), [12.0, 5.0, 28.0, 12.0]);
        assert_eq!((values[6 * SIDE + 11], values[6 * SIDE + 12]), (0.0, 1.0));
        assert_eq!((values[6 * SIDE + 27], values[6 * SIDE + 28]), (1.0, 0.0));
    }

    /// The box that is computed must be the box that is seen, whatever was drawn.
    #[test]
    fn boxes_follow_the_pixels() {
        let bbox = BBox::new(9.0, 10.0, 24.0, 20.0);
        let bytes = picture(&bbox);
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let augment = Augment { rotate: 0.0, ..Augment::standard() };
        for _ in 0..40 {
            let change = augment.draw(SIDE, &mut rng);
            let mut values = vec![0.0; 3 * SIDE * SIDE];
            change.write(&bytes, &transform(), &mut values);
            let bright = (0..SIDE * SIDE).filter(|i| values[*i] > 0.4);
            let seen = BBox::around(bright.flat_map(|i| {
                let (x, y) = ((i % SIDE) as f32, (i / SIDE) as f32);
                [(x, y), (x + 1.0, y + 1.0)]
            }));
            let computed = change.bbox(&bbox, SIDE);
            let apart = seen.to_xyxy().into_iter().zip(computed.to_xyxy()).map(|(a, b)| (a - b).abs());
            assert!(apart.fold(0.0, f32::max) < 0.9, "{seen:?} {computed:?}");
        }
    }

    #[test]
    fn positions_beyond_the_borders_mirror() {
        let mirrored: Vec<usize> = (-3..=6).map(|i| mirror(i, 3)).collect();
        assert_eq!(mirrored, [2, 1, 0, 0, 1, 2, 3, 3, 2, 1]);
        for value in [-2.5, -2.0, -0.1, 0.0, 0.9, 3.0, 3.1] {
            assert_eq!(floor(value), f32::floor(value) as i32);
        }
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let draw = |seed| Augment::standard().draw(64, &mut ChaCha8Rng::seed_from_u64(seed)).matrix;
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}

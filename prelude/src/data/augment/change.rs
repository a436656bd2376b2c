//! Makes one picture's changes: its pixels, normalised, and its boxes.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::colour::{Tone, turned};
use super::sampling::{luma, sample, sample_on_grey};
use super::spoil::{Rectangle, add_noise, blur, fill};
use super::warp::Warp;
use crate::boxes::BBox;
use crate::data::Transform;

/// What is done to a picture once its pixels are there, in this order.
#[derive(Clone, Debug, Default)]
pub(super) struct Spoil {
    pub tones: Vec<Tone>,
    /// Deviation in pixels.
    pub blur: f32,
    /// Deviation as a share of the range, and what it is drawn by.
    pub noise: f32,
    pub seed: u64,
    pub erased: Option<Rectangle>,
}

impl Spoil {
    fn is_none(&self) -> bool {
        self.tones.is_empty() && self.blur == 0.0 && self.noise == 0.0 && self.erased.is_none()
    }

    /// Does it to planes of values from 0 to 255.
    fn change(&self, planes: &mut [f32], side: usize, mean: [f32; 3]) {
        if !self.tones.is_empty() {
            planes.iter_mut().for_each(|value| *value = value.round());
            self.tones.iter().for_each(|tone| tone.change(planes, side));
        }
        if self.blur > 0.0 {
            blur(planes, side, self.blur);
        }
        if self.noise > 0.0 {
            add_noise(planes, 255.0 * self.noise, &mut ChaCha8Rng::seed_from_u64(self.seed));
        }
        if let Some(rectangle) = self.erased {
            fill(planes, side, rectangle, mean);
        }
    }
}

/// The changes of one picture: where each new pixel comes from, and what light it gets.
pub(in super::super) struct Change {
    /// From the new picture to the old one, around the centre.
    pub(super) matrix: [f32; 4],
    pub(super) dx: f32,
    pub(super) dy: f32,
    /// Where those places come from in turn.
    pub(super) warp: Option<Warp>,
    pub(super) brightness: f32,
    pub(super) contrast: f32,
    pub(super) saturation: f32,
    pub(super) hue: f32,
    pub(super) spoil: Spoil,
    /// Whether what lies beyond the borders is grey, and not the picture mirrored.
    pub(super) grey: bool,
}

impl Change {
    /// The same change where the new picture is of another side than the one for which it was drawn.
    pub fn on_side(mut self, drawn: usize, side: usize) -> Change {
        let ratio = drawn as f32 / side as f32;
        self.matrix = self.matrix.map(|value| value * ratio);
        (self.dx, self.dy, self.spoil.blur) = (self.dx / ratio, self.dy / ratio, self.spoil.blur / ratio);
        self.spoil.erased = self.spoil.erased.map(|edges| edges.map(|edge| edge * side / drawn));
        self
    }

    /// Writes the changed picture's normalised values, channel by channel.
    pub fn write(&self, square: &[u8], transform: &Transform, values: &mut [f32]) {
        self.write_from(square, transform.size, transform, values);
    }

    /// The same from a larger square, whose middle becomes the middle.
    pub fn write_from(&self, square: &[u8], from: usize, transform: &Transform, values: &mut [f32]) {
        let plain = self.spoil.is_none();
        let factors = if plain { transform.normalize.factors() } else { ([1.0; 3], [0.0; 3]) };
        let (side, old) = (transform.size, (square, from));
        // one loop for each case, so that nothing is asked at every pixel
        match (self.warp, self.grey) {
            (None, false) => self.paint(old, side, factors, |u, v| (u, v), sample, values),
            (None, true) => self.paint(old, side, factors, |u, v| (u, v), sample_on_grey, values),
            (Some(warp), false) => self.paint(old, side, factors, |u, v| warp.of(u, v), sample, values),
            (Some(warp), true) => self.paint(old, side, factors, |u, v| warp.of(u, v), sample_on_grey, values),
        }
        if !plain {
            self.spoil.change(values, side, transform.normalize.mean.map(|mean| 255.0 * mean));
            let (scale, offset) = transform.normalize.factors();
            for (channel, plane) in values.chunks_exact_mut(side * side).enumerate() {
                plane.iter_mut().for_each(|value| *value = value.clamp(0.0, 255.0) * scale[channel] + offset[channel]);
            }
        }
    }

    /// Writes each new pixel: what lies at its old place, in its new light.
    #[inline]
    fn paint(
        &self,
        (square, from): (&[u8], usize),
        side: usize,
        (scale, offset): ([f32; 3], [f32; 3]),
        place: impl Fn(f32, f32) -> (f32, f32),
        sample: impl Fn(&[u8], usize, f32, f32) -> [f32; 3],
        values: &mut [f32],
    ) {
        let (middle, start) = (side as f32 / 2.0, from as f32 / 2.0 - 0.5);
        let mean = self.mean(square);
        let [a, b, c, d] = self.matrix;
        let (red, rest) = values.split_at_mut(side * side);
        let (green, blue) = rest.split_at_mut(side * side);
        let rows = red.chunks_exact_mut(side).zip(green.chunks_exact_mut(side)).zip(blue.chunks_exact_mut(side));
        for (y, ((red, green), blue)) in rows.enumerate() {
            let v = y as f32 + 0.5 - middle - self.dy;
            for x in 0..side {
                let u = x as f32 + 0.5 - middle - self.dx;
                let (u, v) = place(a * u + b * v, c * u + d * v);
                let mut pixel = sample(square, from, u + start, v + start);
                if self.hue != 0.0 {
                    pixel = turned(pixel, self.hue);
                }
                let grey = luma(pixel);
                let lit = |channel: usize| {
                    let value = grey + (pixel[channel] - grey) * self.saturation;
                    let value = ((value - mean) * self.contrast + mean) * self.brightness;
                    value.clamp(0.0, 255.0) * scale[channel] + offset[channel]
                };
                (red[x], green[x], blue[x]) = (lit(0), lit(1), lit(2));
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
        let back = self.warp.map(|warp| warp.back());
        let moved = |(x, y): (f32, f32)| {
            let (mut u, mut v) = (x - start, y - start);
            if let Some(back) = &back {
                (u, v) = back.of(u, v);
            }
            ((d * u - b * v) / det + middle + self.dx, (a * v - c * u) / det + middle + self.dy)
        };
        BBox::around(bbox.corners().map(moved))
    }

    /// Whether more happens to the pixels' places than turning, zoom and shift.
    pub fn is_warped(&self) -> bool {
        self.warp.is_some()
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

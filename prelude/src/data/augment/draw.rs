//! Draws by chance what becomes of one picture.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::change::{Change, Spoil};
use super::warp::Warp;
use super::{Augment, random, spoil};

impl Augment {
    /// Draws the changes for one picture of `side` pixels that may be shrunk, and has grey around it.
    pub(in super::super) fn draw_on_grey(&self, side: usize, rng: &mut ChaCha8Rng) -> Change {
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
    pub(in super::super) fn draw(&self, side: usize, rng: &mut ChaCha8Rng) -> Change {
        let mut within = |most: f32| if most > 0.0 { rng.random_range(-most..=most) } else { 0.0 };
        let angle = within(self.rotate).to_radians();
        let length = side as f32;
        let (dx, dy) = (within(self.shift) * length, within(self.shift) * length);
        let brightness = 1.0 + within(self.brightness);
        let contrast = 1.0 + within(self.contrast);
        let saturation = 1.0 + within(self.saturation);
        let zoom = if self.zoom > 1.0 { rng.random_range(1.0..=self.zoom) } else { 1.0 };
        let flip = if self.flip && rng.random_bool(0.5) { -1.0 } else { 1.0 };
        let over = if self.flip_vertical && rng.random_bool(0.5) { -1.0 } else { 1.0 };
        let hue = if self.hue > 0.0 { rng.random_range(-self.hue..=self.hue) } else { 0.0 };
        let (warp, tones) = self.draw_warp(side, rng);
        let (sin, cos) = angle.sin_cos();
        Change {
            matrix: [cos * flip / zoom, -sin * flip / zoom, sin * over / zoom, cos * over / zoom],
            dx,
            dy,
            warp,
            brightness,
            contrast,
            saturation,
            hue,
            spoil: Spoil {
                tones,
                blur: if self.blur > 0.0 { rng.random_range(0.0..=self.blur) } else { 0.0 },
                noise: if self.noise > 0.0 { rng.random_range(0.0..=self.noise) } else { 0.0 },
                erased: if often(self.erase, rng) { spoil::erased(side, rng) } else { None },
                seed: if self.noise > 0.0 { rng.random() } else { 0 },
            },
            grey: false,
        }
    }

    /// What moves pixels beside turning, zoom and shift, where something does; and the tones that RandAugment changes.
    fn draw_warp(&self, side: usize, rng: &mut ChaCha8Rng) -> (Option<Warp>, Vec<super::colour::Tone>) {
        let mut warp = if self.crop < 1.0 { cut(self.crop, side, rng) } else { Warp::NONE };
        if self.perspective > 0.0 {
            warp = warp.after(&aside(self.perspective, side, rng));
        }
        let mut tones = Vec::new();
        if let Some((count, magnitude)) = self.rand_augment {
            let (moved, changed) = random::drawn(count, magnitude, side, rng);
            warp = warp.after(&moved);
            tones = changed;
        }
        ((warp != Warp::NONE).then_some(warp), tones)
    }
}

/// Whether something that happens so often happens now; nothing is drawn for what never does.
pub(super) fn often(share: f32, rng: &mut impl Rng) -> bool {
    share > 0.0 && rng.random_bool(f64::from(share.min(1.0)))
}

/// A part of at least this share of the area, stretched to the whole.
fn cut(least: f32, side: usize, rng: &mut impl Rng) -> Warp {
    let ratios = 0.75f32.ln()..=(4.0f32 / 3.0).ln();
    for _ in 0..10 {
        let area = rng.random_range(least..=1.0);
        let ratio = rng.random_range(ratios.clone()).exp();
        let (width, height) = ((area * ratio).sqrt(), (area / ratio).sqrt());
        if width <= 1.0 && height <= 1.0 {
            let mut place = |part: f32| (rng.random_range(0.0..=1.0) * (1.0 - part) + part / 2.0 - 0.5) * side as f32;
            let (dx, dy) = (place(width), place(height));
            return Warp::affine([width, 0.0, 0.0, height], dx, dy);
        }
    }
    Warp::NONE
}

/// Each corner moved inwards by up to this share of half the side.
fn aside(most: f32, side: usize, rng: &mut impl Rng) -> Warp {
    let half = side as f32 / 2.0;
    let corners = [(-half, -half), (half, -half), (half, half), (-half, half)];
    // at the whole share corners may meet, which has no way back
    let mut inwards = |at: f32| at * (1.0 - most.min(0.95) * rng.random_range(0.0..=1.0f32));
    let moved = corners.map(|(x, y)| (inwards(x), inwards(y)));
    Warp::between(moved, corners)
}

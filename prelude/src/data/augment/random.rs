//! RandAugment (Cubuk et al. 2019): a few changes by chance, all of one magnitude; its kinds and ranges are torchvision's.

use rand::Rng;

use super::colour::Tone;
use super::warp::Warp;

/// The largest magnitude, of which each kind takes a share of its range.
const LARGEST: f32 = 30.0;

/// So many changes of this magnitude: what moves pixels, and what changes tones in its order.
pub(super) fn drawn(count: usize, magnitude: f32, side: usize, rng: &mut impl Rng) -> (Warp, Vec<Tone>) {
    let (share, side) = (magnitude / LARGEST, side as f32);
    let (mut warp, mut tones) = (Warp::NONE, Vec::new());
    for _ in 0..count {
        let kind = rng.random_range(0..14);
        let sign = if (1..=9).contains(&kind) && rng.random_bool(0.5) { -1.0 } else { 1.0 };
        let signed = sign * share;
        let moved = match kind {
            1 => Warp::affine([1.0, 0.3 * signed, 0.0, 1.0], 0.0, 0.0),
            2 => Warp::affine([1.0, 0.0, 0.3 * signed, 1.0], 0.0, 0.0),
            3 => Warp::affine([1.0, 0.0, 0.0, 1.0], 150.0 / 331.0 * side * signed, 0.0),
            4 => Warp::affine([1.0, 0.0, 0.0, 1.0], 0.0, 150.0 / 331.0 * side * signed),
            5 => {
                let (sin, cos) = (30.0 * signed).to_radians().sin_cos();
                Warp::affine([cos, -sin, sin, cos], 0.0, 0.0)
            }
            _ => Warp::NONE,
        };
        // the first change is the innermost: it is the old picture that it looks at
        warp = warp.after(&moved);
        tones.extend(match kind {
            6 => Some(Tone::Brightness(1.0 + 0.9 * signed)),
            7 => Some(Tone::Colour(1.0 + 0.9 * signed)),
            8 => Some(Tone::Contrast(1.0 + 0.9 * signed)),
            9 => Some(Tone::Sharpness(1.0 + 0.9 * signed)),
            10 => Some(Tone::Posterize(8 - (magnitude / (LARGEST / 4.0)).round() as u32)),
            11 => Some(Tone::Solarize(255.0 * (1.0 - share))),
            12 => Some(Tone::AutoContrast),
            13 => Some(Tone::Equalize),
            _ => None,
        });
    }
    (warp, tones)
}

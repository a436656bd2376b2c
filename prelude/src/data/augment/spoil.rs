//! What is done to the pixels that a picture has got: blur, noise, a rectangle that is erased.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A rectangle: left, top, width, height.
pub(super) type Rectangle = [usize; 4];

/// Blurs planes of `side × side` values by a Gaussian of this deviation in pixels, mirrored at the borders without the border itself, as
/// torchvision's `gaussian_blur` with a kernel of three deviations to each side.
pub(super) fn blur(planes: &mut [f32], side: usize, sigma: f32) {
    let reach = ((3.0 * sigma).ceil() as usize).min(side.saturating_sub(1));
    if reach == 0 || sigma < 0.1 {
        return;
    }
    let weight = |at: usize| (-0.5 * (at as f32 / sigma).powi(2)).exp();
    let total = 1.0 + 2.0 * (1..=reach).map(weight).sum::<f32>();
    let weights: Vec<f32> = (0..=reach).map(|at| weight(at) / total).collect();
    let mut padded = vec![0.0f32; side + 2 * reach];
    let mut along = |plane: &mut [f32], start: usize, step: usize| {
        for at in 0..side {
            padded[reach + at] = plane[start + at * step];
        }
        for at in 1..=reach {
            padded[reach - at] = padded[reach + at];
            padded[reach + side - 1 + at] = padded[reach + side - 1 - at];
        }
        for at in 0..side {
            let middle = reach + at;
            let around = (1..=reach).map(|far| weights[far] * (padded[middle - far] + padded[middle + far]));
            plane[start + at * step] = weights[0] * padded[middle] + around.sum::<f32>();
        }
    };
    for plane in planes.chunks_exact_mut(side * side) {
        (0..side).for_each(|row| along(plane, row * side, 1));
        (0..side).for_each(|column| along(plane, column, side));
    }
}

/// Adds noise of this deviation.
pub(super) fn add_noise(planes: &mut [f32], deviation: f32, rng: &mut ChaCha8Rng) {
    for pair in planes.chunks_mut(2) {
        // Box and Muller 1958
        let (radius, angle): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
        let radius = deviation * (-2.0 * radius.ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * angle).sin_cos();
        pair.iter_mut().zip([radius * cos, radius * sin]).for_each(|(value, noise)| *value += noise);
    }
}

/// The rectangle that is erased: 2 to 33 % of the area, of 3:10 to 10:3, as torchvision's `RandomErasing` draws it.
pub(super) fn erased(side: usize, rng: &mut impl Rng) -> Option<Rectangle> {
    let ratios = 0.3f32.ln()..3.3f32.ln();
    for _ in 0..10 {
        let area = rng.random_range(0.02..0.33f32) * (side * side) as f32;
        let ratio = rng.random_range(ratios.clone()).exp();
        let [height, width] = [area * ratio, area / ratio].map(|square| square.sqrt().round() as usize);
        if (1..side).contains(&height) && (1..side).contains(&width) {
            let (top, left) = (rng.random_range(0..=side - height), rng.random_range(0..=side - width));
            return Some([left, top, width, height]);
        }
    }
    None
}

/// Fills a rectangle with one colour.
pub(super) fn fill(planes: &mut [f32], side: usize, [left, top, width, height]: Rectangle, colour: [f32; 3]) {
    for (plane, value) in planes.chunks_exact_mut(side * side).zip(colour) {
        (top..top + height).for_each(|row| plane[row * side + left..][..width].fill(value));
    }
}

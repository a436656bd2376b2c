//! What a camera adds: falling light towards the corners, softness, noise; and the step to bytes.

use super::chance::{bell, mix, stir};
use super::cover::Raster;
use super::sketch::Sketch;
use image::{Rgb, RgbImage};

/// A picture as a camera gives it.
pub(super) fn expose(mut raster: Raster, sketch: &Sketch) -> Raster {
    let (width, height) = (raster.width as f32, raster.height as f32);
    let lot = |number: u32| super::chance::speck(sketch.seed, number as i32, 77);
    let (warm, light) = (0.14 * (lot(1) - 0.5), 1.08 + 0.2 * lot(2));
    let cast = [light * (1.0 + warm), light, light * (1.0 - warm)];
    // brightness a little soft, colour softer, as a camera's file keeps them
    let mut soft = raster.clone();
    soft.soften(1);
    let mut tint = raster.clone();
    tint.soften((sketch.size.0 / 80).max(1));
    let blur = 0.12 + 0.25 * lot(3);
    let strength = 0.006 + 0.014 * lot(4);
    let (grain, stain) = (stir(sketch.seed, 11), stir(sketch.seed, 12));
    let dark = 0.15 + 0.25 * lot(5);
    for at in 0..raster.pixels.len() {
        let (x, y) = (at % raster.width, at / raster.width);
        let sharp = mix(raster.pixels[at], soft.pixels[at], blur);
        let lift = luma(sharp) - luma(tint.pixels[at]);
        let (dx, dy) = (x as f32 / width - 0.5, y as f32 / height - 0.5);
        let fall = 1.0 - dark * (dx * dx + dy * dy) * 2.0;
        let (x, y) = (x as i32, y as i32);
        let noise = strength * bell(grain, x, y);
        raster.pixels[at] = std::array::from_fn(|c| {
            let value = (0.75 * (tint.pixels[at][c] + lift) + 0.25 * sharp[c]) * cast[c] * fall;
            let value = value.clamp(0.0, 1.0);
            // a gentle curve: darker shadows, softer lights
            let curved = value + 0.25 * (value * value * (3.0 - 2.0 * value) - value);
            curved + noise + 0.5 * strength * bell(stain ^ c as u32, x, y)
        });
    }
    raster
}

fn luma([red, green, blue]: [f32; 3]) -> f32 {
    0.3 * red + 0.59 * green + 0.11 * blue
}

/// Fractions as bytes.
pub(super) fn to_picture(raster: &Raster) -> RgbImage {
    let byte = |value: f32| (value * 255.0 + 0.5).clamp(0.0, 255.0) as u8;
    RgbImage::from_fn(raster.width as u32, raster.height as u32, |x, y| {
        Rgb(raster.pixels[y as usize * raster.width + x as usize].map(byte))
    })
}

//! The last step of a picture: light, haze, rain, blur and the camera's noise.

use super::scene::{Scene, Weather};
use image::RgbImage;
use image::imageops;
use rand::Rng;
use tiny_skia::Pixmap;

/// Turns the drawing into the picture that a camera might take of it.
pub(super) fn finish(pixmap: Pixmap, scene: &Scene, rng: &mut impl Rng) -> RgbImage {
    let side = pixmap.width();
    let haze = scene.haze;
    let contrast = rng.random_range(0.75..1.15);
    let middle = 0.45 * scene.light;
    let curves: [[u8; 256]; 3] = std::array::from_fn(|c| {
        std::array::from_fn(|value| {
            let value = value as f32 / 255.0 * scene.light * scene.cast[c];
            let value = (value - middle) * contrast + middle;
            to_byte(value * (1.0 - haze) + 0.75 * haze)
        })
    });
    let mut picture = RgbImage::new(side, side);
    for (to, from) in picture.pixels_mut().zip(pixmap.pixels()) {
        let bytes = [from.red(), from.green(), from.blue()];
        to.0 = std::array::from_fn(|c| curves[c][usize::from(bytes[c])]);
    }
    fall(&mut picture, scene.weather, rng);
    if rng.random_bool(0.35) {
        let sigma = rng.random_range(0.4..1.1) * side as f32 / 64.0;
        picture = imageops::blur(&picture, sigma);
    }
    noise(&mut picture, rng);
    picture
}

/// Streaks of rain or flakes of snow.
fn fall(picture: &mut RgbImage, weather: Weather, rng: &mut impl Rng) {
    let side = picture.width();
    let (drops, length, lean) = match weather {
        Weather::Dry => return,
        Weather::Rain => (60, side / 10 + 1, 0.35),
        Weather::Snow => (70, side / 64 + 1, 0.0),
    };
    for _ in 0..drops {
        let (x, y) = (rng.random_range(0..side), rng.random_range(0..side));
        for step in 0..length {
            let (x, y) = (x + (step as f32 * lean) as u32, y + step);
            if x < side && y < side {
                let pixel = picture.get_pixel_mut(x, y);
                pixel.0 = pixel.0.map(|value| value / 2 + 110);
            }
        }
    }
}

/// Noise of the camera: about normal, as the sum of four even ones, partly alike in all channels.
fn noise(picture: &mut RgbImage, rng: &mut impl Rng) {
    let strength = rng.random_range(1.0_f32..14.0);
    let mut normal = || {
        let bits: u32 = rng.random();
        let sum: i32 = bits.to_le_bytes().iter().map(|byte| i32::from(*byte)).sum::<i32>() - 510;
        sum as f32 / 148.0 * strength // 148 is the sum's standard deviation
    };
    for pixel in picture.pixels_mut() {
        let common = 0.7 * normal();
        pixel.0 = pixel.0.map(|value| (f32::from(value) + common + 0.7 * normal()).round().clamp(0.0, 255.0) as u8);
    }
}

fn to_byte(value: f32) -> u8 {
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

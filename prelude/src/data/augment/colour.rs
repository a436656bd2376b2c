//! Hues as torchvision turns them; tones as PIL changes them, which RandAugment is defined by.

/// A pixel of 0 to 255 with its hue turned by a share of the circle, as torchvision's `adjust_hue`.
pub(super) fn turned([r, g, b]: [f32; 3], by: f32) -> [f32; 3] {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let range = most - least;
    if range <= 0.0 {
        return [r, g, b];
    }
    let hue = if most == r {
        (g - b) / range
    } else if most == g {
        2.0 + (b - r) / range
    } else {
        4.0 + (r - g) / range
    };
    let hue = (hue / 6.0 + by).rem_euclid(1.0) * 6.0;
    let sector = (hue as usize).min(5);
    let part = hue - sector as f32;
    let (falling, rising) = (most - range * part, least + range * part);
    match sector {
        0 => [most, rising, least],
        1 => [falling, most, least],
        2 => [least, most, rising],
        3 => [least, falling, most],
        4 => [rising, least, most],
        _ => [most, least, falling],
    }
}

/// A change of tones, on planes of red, green and blue with whole numbers from 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Tone {
    /// Times this factor.
    Brightness(f32),
    /// Away from black and white by this factor.
    Colour(f32),
    /// Away from the mean grey by this factor.
    Contrast(f32),
    /// Away from the smoothed picture by this factor.
    Sharpness(f32),
    /// So many of the eight bits are kept.
    Posterize(u32),
    /// Values from this one on are inverted.
    Solarize(f32),
    /// Each colour is stretched to the whole range.
    AutoContrast,
    /// Each colour's histogram is made even.
    Equalize,
}

impl Tone {
    /// Changes planes of `side × side` values.
    pub fn change(self, planes: &mut [f32], side: usize) {
        let area = side * side;
        match self {
            Tone::Brightness(factor) => planes.iter_mut().for_each(|value| *value = blend(0.0, *value, factor)),
            Tone::Colour(factor) => {
                for at in 0..area {
                    let grey = grey_of(planes, area, at);
                    (0..3).for_each(|c| planes[c * area + at] = blend(grey, planes[c * area + at], factor));
                }
            }
            Tone::Contrast(factor) => {
                let sum: f64 = (0..area).map(|at| f64::from(grey_of(planes, area, at))).sum();
                let mean = (sum / area as f64 + 0.5).floor() as f32;
                planes.iter_mut().for_each(|value| *value = blend(mean, *value, factor));
            }
            Tone::Sharpness(factor) => planes.chunks_exact_mut(area).for_each(|plane| sharpen(plane, side, factor)),
            Tone::Posterize(bits) => {
                let mask = !0u8 << (8 - bits.min(8));
                planes.iter_mut().for_each(|value| *value = f32::from(*value as u8 & mask));
            }
            Tone::Solarize(from) => {
                planes.iter_mut().filter(|value| **value >= from).for_each(|value| *value = 255.0 - *value);
            }
            Tone::AutoContrast => planes.chunks_exact_mut(area).for_each(stretch),
            Tone::Equalize => planes.chunks_exact_mut(area).for_each(equalize),
        }
    }
}

/// PIL's `blend`: from the one towards, and beyond, the other; cut to a byte.
fn blend(from: f32, to: f32, factor: f32) -> f32 {
    (from + factor * (to - from)).clamp(0.0, 255.0).floor()
}

/// PIL's grey of one pixel.
fn grey_of(planes: &[f32], area: usize, at: usize) -> f32 {
    let value = |c: usize| planes[c * area + at] as u32;
    ((19595 * value(0) + 38470 * value(1) + 7471 * value(2) + 0x8000) >> 16) as f32
}

/// Away from PIL's `SMOOTH`, whose border is the picture's own.
fn sharpen(plane: &mut [f32], side: usize, factor: f32) {
    let old = plane.to_vec();
    for y in 1..side.saturating_sub(1) {
        for x in 1..side - 1 {
            let at = y * side + x;
            let around: f32 = [at - side - 1, at - 1, at + side - 1].iter().flat_map(|row| &old[*row..*row + 3]).sum();
            let smooth = ((around + 4.0 * old[at]) / 13.0 + 0.5).floor();
            plane[at] = blend(smooth, old[at], factor);
        }
    }
}

fn stretch(plane: &mut [f32]) {
    let (least, most) =
        plane.iter().fold((255.0f32, 0.0f32), |(least, most), value| (least.min(*value), most.max(*value)));
    if most > least {
        let scale = 255.0 / f64::from(most - least);
        let offset = -f64::from(least) * scale;
        plane.iter_mut().for_each(|value| {
            *value = (f64::from(*value) * scale + offset).trunc().clamp(0.0, 255.0) as f32;
        });
    }
}

fn equalize(plane: &mut [f32]) {
    let mut counts = [0usize; 256];
    plane.iter().for_each(|value| counts[*value as usize] += 1);
    let Some(last) = counts.iter().rev().find(|count| **count > 0) else { return };
    let step = (plane.len() - last) / 255;
    if step == 0 {
        return;
    }
    let mut sum = step / 2;
    let table = counts.map(|count| {
        let value = (sum / step).min(255);
        sum += count;
        value as f32
    });
    plane.iter_mut().for_each(|value| *value = table[*value as usize]);
}

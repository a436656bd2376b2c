//! Noise that is the same on every machine: whole numbers stirred, and only sums and products of their fractions.

/// A number stirred from two others; every bit depends on all of theirs.
pub(super) fn stir(seed: u32, value: u32) -> u32 {
    let mut mixed = seed ^ value.wrapping_mul(0x9e37_79b1);
    mixed = (mixed ^ (mixed >> 16)).wrapping_mul(0x7feb_352d);
    mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x846c_a68b);
    mixed ^ (mixed >> 16)
}

/// An even number from 0 to 1 for a cell of the plane.
pub(super) fn speck(seed: u32, x: i32, y: i32) -> f32 {
    let mixed = stir(seed ^ (y as u32).wrapping_mul(0x85eb_ca6b), x as u32);
    (mixed >> 8) as f32 / 16_777_216.0
}

/// About normal with deviation 1, for a cell of the plane: the sum of four even numbers.
pub(super) fn bell(seed: u32, x: i32, y: i32) -> f32 {
    let bits = stir(seed ^ (y as u32).wrapping_mul(0x85eb_ca6b), x as u32);
    let sum: i32 = bits.to_le_bytes().iter().map(|byte| i32::from(*byte)).sum::<i32>() - 510;
    sum as f32 / 148.0 // the sum's standard deviation
}

/// Smooth noise from 0 to 1 whose hills are about one wide.
pub(super) fn swell(seed: u32, x: f32, y: f32) -> f32 {
    let (cx, cy) = (floor(x), floor(y));
    let (fx, fy) = (ease(x - cx as f32), ease(y - cy as f32));
    let upper = blend(speck(seed, cx, cy), speck(seed, cx + 1, cy), fx);
    let lower = blend(speck(seed, cx, cy + 1), speck(seed, cx + 1, cy + 1), fx);
    blend(upper, lower, fy)
}

/// Smooth noise from 0 to 1 with details: `octaves` swells, each twice as fine and half as high.
pub(super) fn cloudy(seed: u32, x: f32, y: f32, octaves: u32) -> f32 {
    let (mut sum, mut height, mut whole, mut scale) = (0.0, 1.0, 0.0, 1.0);
    for octave in 0..octaves {
        sum += height * swell(stir(seed, octave), x * scale, y * scale);
        whole += height;
        height *= 0.5;
        scale *= 2.0;
    }
    sum / whole
}

/// The distance to the nearest border between cells of a plane in which every unit square holds one seed point.
pub(super) fn crack(seed: u32, x: f32, y: f32) -> f32 {
    let (cx, cy) = (floor(x), floor(y));
    let (mut first, mut second) = (99.0f32, 99.0f32);
    for dy in -1..=1 {
        for dx in -1..=1 {
            let (gx, gy) = (cx + dx, cy + dy);
            let px = gx as f32 + speck(seed, gx, gy) - x;
            let py = gy as f32 + speck(seed ^ 0x5bd1, gx, gy) - y;
            let distance = px * px + py * py;
            if distance < first {
                (first, second) = (distance, first);
            } else if distance < second {
                second = distance;
            }
        }
    }
    second.sqrt() - first.sqrt()
}

/// The whole number at or below; many times faster than the standard library's where the processor is not asked for.
pub(super) fn floor(value: f32) -> i32 {
    let whole = value as i32;
    whole - i32::from(whole as f32 > value)
}

/// From 0 to 1 and flat at both ends.
pub(super) fn ease(share: f32) -> f32 {
    share * share * (3.0 - 2.0 * share)
}

/// 0 below `low`, 1 above `high`, smooth between.
pub(super) fn step(low: f32, high: f32, value: f32) -> f32 {
    ease(((value - low) / (high - low)).clamp(0.0, 1.0))
}

/// The number `share` of the way from one to another.
pub(super) fn blend(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}

/// The colour `share` of the way from one to another.
pub(super) fn mix(from: [f32; 3], to: [f32; 3], share: f32) -> [f32; 3] {
    std::array::from_fn(|c| blend(from[c], to[c], share))
}

/// The colour made lighter (above 1) or darker (below 1).
pub(super) fn times(colour: [f32; 3], factor: f32) -> [f32; 3] {
    colour.map(|value| value * factor)
}

/// A wave of height 0 to 1 with straight flanks and period 1.
pub(super) fn zigzag(place: f32) -> f32 {
    let share = place - floor(place) as f32;
    1.0 - (share * 2.0 - 1.0).abs()
}

/// The trace of a brush's bristles from 0 to 1: long along its direction (of length 1), short across, `unit` pixels
/// fine.
pub(super) fn bristle(seed: u32, x: f32, y: f32, (dx, dy): (f32, f32), unit: f32) -> f32 {
    let (along, across) = ((x * dx + y * dy) / unit + 500.0, (y * dx - x * dy) / unit + 500.0);
    0.55 * swell(seed, along / 13.0, across / 1.3) + 0.45 * swell(seed ^ 0x51, along / 26.0, across / 4.0)
}

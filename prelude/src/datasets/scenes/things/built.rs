//! Boats and houses.

use super::super::curve::{block, limb, oval, smooth, straight};
use super::{Piece, Proportions, Stuff};
use rand::Rng;

/// A boat under sail, from the side: a sloop, a square sail, or a lateen.
pub(super) fn boat(rng: &mut impl Rng) -> Vec<Piece> {
    let mut out = Vec::new();
    let rig = rng.random_range(0..3u32);
    let keel = rng.random_range(0.0..0.04_f32);
    let mast = if rig == 2 { -0.06 } else { rng.random_range(-0.06..0.06_f32) };
    let top = rng.random_range(0.9..1.0_f32);
    out.push(Piece::new(limb(&[[mast, 0.12, 0.035], [mast, top, 0.024]]), Stuff::Wood, 0.7));
    let flag = [[mast, top], [mast + 0.14, top - 0.03], [mast + 0.02, top - 0.075]];
    out.push(Piece::new(straight(&flag), Stuff::Trim, 0.2));
    match rig {
        0 => {
            let main = [[mast + 0.03, 0.25], [mast + 0.03, top - 0.08], [mast + 0.26, 0.52], [mast + 0.38, 0.27]];
            out.push(Piece::new(straight(&main), Stuff::Sail, 0.5));
            let jib = [[mast - 0.025, top - 0.13], [mast - 0.36, 0.25], [mast - 0.14, 0.29], [mast - 0.025, 0.26]];
            out.push(Piece::new(straight(&jib), Stuff::Sail, 0.5).lit(0.93));
            let boom = limb(&[[mast, 0.235, 0.024], [mast + 0.39, 0.245, 0.018]]);
            out.push(Piece::new(boom, Stuff::Wood, 0.5));
        }
        1 => {
            let (low, high) = (0.32, top - 0.12);
            let sail = [
                [mast - 0.33, low],
                [mast, low + 0.06],
                [mast + 0.33, low],
                [mast + 0.36, (low + high) / 2.0],
                [mast + 0.27, high],
                [mast - 0.27, high],
                [mast - 0.3, (low + high) / 2.0],
            ];
            out.push(Piece::new(straight(&sail), Stuff::Sail, 0.7));
            if rng.random_bool(0.7) {
                for stripe in [-0.17, 0.0, 0.17_f32] {
                    let band = [
                        [mast + stripe - 0.04, low + 0.045],
                        [mast + stripe + 0.04, low + 0.045],
                        [mast + stripe * 0.85 + 0.03, high - 0.01],
                        [mast + stripe * 0.85 - 0.03, high - 0.01],
                    ];
                    out.push(Piece::mark(straight(&band), Stuff::Trim));
                }
            }
            let yard = limb(&[[mast - 0.3, high, 0.03], [mast + 0.3, high, 0.03]]);
            out.push(Piece::new(yard, Stuff::Wood, 0.5));
        }
        _ => {
            let sail = [[-0.36, 0.3], [0.3, top - 0.02], [0.26, 0.56], [0.16, 0.27]];
            out.push(Piece::new(straight(&sail), Stuff::Sail, 0.6));
            let yard = limb(&[[-0.39, 0.27, 0.02], [0.32, top, 0.022]]);
            out.push(Piece::new(yard, Stuff::Wood, 0.5));
        }
    }
    let (bow, stern) = (rng.random_range(0.22..0.32_f32), rng.random_range(0.2..0.28_f32));
    let hull = [
        [-0.45, stern],
        [-0.41, 0.09],
        [-0.31, keel],
        [0.0, 0.0],
        [0.28, keel],
        [0.42, 0.12],
        [0.5, bow],
        [0.25, 0.185],
        [0.0, 0.165],
        [-0.25, 0.175],
    ];
    out.push(Piece::new(smooth(&hull), Stuff::Hull, 0.8));
    let wale = [[-0.43, stern - 0.045, 0.03], [0.0, 0.125, 0.03], [0.46, bow - 0.055, 0.03]];
    out.push(Piece::mark(limb(&wale), Stuff::Trim));
    out
}

/// A house: its gable to the front, its long side to the front, or seen from a corner; some have a tower.
pub(super) fn house(build: &Proportions, rng: &mut impl Rng) -> Vec<Piece> {
    let mut out = Vec::new();
    let tall = rng.random_range(0.9..1.1_f32) * build.long;
    match rng.random_range(0..4u32) {
        0 => gabled(tall, &mut out, rng),
        1 => along(tall, &mut out, rng),
        2 => cornered(tall, &mut out, rng),
        _ => towered(tall, build.long > 1.0, &mut out, rng),
    }
    out
}

fn gabled(tall: f32, out: &mut Vec<Piece>, rng: &mut impl Rng) {
    let (eave, ridge) = (0.5 * tall, 0.9 * tall);
    chimney(rng.random_range(0.14..0.22), ridge - 0.05, out);
    let wall = [[-0.34, 0.0], [0.34, 0.0], [0.34, eave], [0.0, ridge - 0.04], [-0.34, eave]];
    out.push(Piece::new(straight(&wall), Stuff::Wall, 0.0));
    let slope = |side: f32| {
        let points = [[0.0, ridge + 0.05], [0.0, ridge - 0.06], [side * 0.4, eave - 0.075], [side * 0.46, eave - 0.03]];
        straight(&points)
    };
    out.push(Piece::new(slope(-1.0), Stuff::Roof, 0.2));
    out.push(Piece::new(slope(1.0), Stuff::Roof, 0.2).lit(0.85));
    out.push(Piece::new(oval(0.0, eave + 0.12, 0.055, 0.055), Stuff::Glass, 0.0));
    let shift = if rng.random_bool(0.5) { 0.0 } else { 0.16 };
    door(shift, 0.15, 0.28 * tall, out);
    window(-0.2, 0.2 * tall, 0.13, out);
    if shift == 0.0 {
        window(0.2, 0.2 * tall, 0.13, out);
    }
}

fn along(tall: f32, out: &mut Vec<Piece>, rng: &mut impl Rng) {
    let (eave, ridge) = (0.38 * tall, 0.72 * tall);
    chimney(rng.random_range(-0.25..0.25), ridge - 0.04, out);
    out.push(Piece::new(block(-0.46, 0.0, 0.46, eave), Stuff::Wall, 0.0));
    let roof = [[-0.53, eave - 0.03], [0.53, eave - 0.03], [0.4, ridge], [-0.4, ridge]];
    out.push(Piece::new(straight(&roof), Stuff::Roof, 0.15));
    let at = rng.random_range(-0.08..0.08_f32);
    door(at, 0.14, 0.26 * tall, out);
    for x in [at - 0.28, at + 0.28] {
        window(x, 0.14 * tall, 0.14, out);
    }
}

fn cornered(tall: f32, out: &mut Vec<Piece>, rng: &mut impl Rng) {
    let (eave, ridge) = (0.4 * tall, 0.76 * tall);
    chimney(rng.random_range(0.1..0.25), ridge - 0.03, out);
    out.push(Piece::new(block(-0.04, 0.0, 0.5, eave), Stuff::Wall, 0.0).lit(0.72));
    let front = [[-0.48, 0.0], [-0.04, 0.0], [-0.04, eave], [-0.26, ridge - 0.03], [-0.48, eave]];
    out.push(Piece::new(straight(&front), Stuff::Wall, 0.0));
    let roof = [[-0.27, ridge + 0.02], [0.36, ridge], [0.56, eave - 0.04], [-0.02, eave - 0.05]];
    out.push(Piece::new(straight(&roof), Stuff::Roof, 0.15));
    let verge = [[-0.26, ridge + 0.03], [-0.26, ridge - 0.06], [-0.5, eave - 0.07], [-0.545, eave - 0.03]];
    out.push(Piece::new(straight(&verge), Stuff::Roof, 0.1).lit(0.8));
    door(-0.26, 0.14, 0.26 * tall, out);
    for x in [0.12, 0.34] {
        window(x, 0.15 * tall, 0.12, out);
    }
}

fn towered(tall: f32, onion: bool, out: &mut Vec<Piece>, rng: &mut impl Rng) {
    let (eave, ridge) = (0.32 * tall, 0.52 * tall);
    out.push(Piece::new(block(-0.1, 0.0, 0.42, eave), Stuff::Wall, 0.0).lit(0.85));
    let roof = [[-0.14, eave - 0.03], [0.48, eave - 0.03], [0.38, ridge], [-0.1, ridge]];
    out.push(Piece::new(straight(&roof), Stuff::Roof, 0.15));
    let high = 0.66 * tall;
    out.push(Piece::new(block(-0.36, 0.0, -0.08, high), Stuff::Wall, 0.15));
    if onion {
        let dome = [
            [-0.36, high],
            [-0.4, high + 0.1],
            [-0.3, high + 0.21],
            [-0.225, high + 0.34],
            [-0.215, high + 0.34],
            [-0.14, high + 0.21],
            [-0.04, high + 0.1],
            [-0.08, high],
        ];
        out.push(Piece::new(smooth(&dome), Stuff::Roof, 0.8));
    } else {
        let spire = [[-0.42, high - 0.02], [-0.02, high - 0.02], [-0.22, high + rng.random_range(0.26..0.38)]];
        out.push(Piece::new(straight(&spire), Stuff::Roof, 0.4));
    }
    door(-0.22, 0.12, 0.22 * tall, out);
    window(-0.22, high - 0.22, 0.1, out);
    for x in [0.08, 0.29] {
        window(x, 0.12 * tall, 0.11, out);
    }
}

fn chimney(x: f32, y: f32, out: &mut Vec<Piece>) {
    out.push(Piece::new(block(x - 0.05, y - 0.3, x + 0.05, y + 0.06), Stuff::Roof, 0.1).lit(0.75));
    out.push(Piece::mark(block(x - 0.065, y + 0.05, x + 0.065, y + 0.085), Stuff::Wall).lit(0.8));
}

fn door(x: f32, width: f32, height: f32, out: &mut Vec<Piece>) {
    out.push(Piece::new(block(x - width / 2.0, 0.0, x + width / 2.0, height), Stuff::Wood, 0.0));
}

fn window(x: f32, y: f32, side: f32, out: &mut Vec<Piece>) {
    let half = side / 2.0;
    out.push(Piece::mark(block(x - half - 0.018, y - 0.018, x + half + 0.018, y + side + 0.018), Stuff::Pale));
    out.push(Piece::new(block(x - half, y, x + half, y + side), Stuff::Glass, 0.0));
    out.push(Piece::mark(block(x - 0.009, y, x + 0.009, y + side), Stuff::Pale));
    out.push(Piece::mark(block(x - half, y + half - 0.009, x + half, y + half + 0.009), Stuff::Pale));
}

//! Trees: broad crowns, conifers, cypresses.

use super::super::curve::{Outline, bumpy, limb, straight, turn};
use super::{Piece, Proportions, Stuff};
use rand::Rng;

/// A tree, its trunk on the ground.
pub(super) fn tree(build: &Proportions, rng: &mut impl Rng) -> Vec<Piece> {
    match rng.random_range(0..5u32) {
        0 | 1 => conifer(build, rng),
        2 => cypress(build, rng),
        _ => broad(build, rng),
    }
}

fn broad(build: &Proportions, rng: &mut impl Rng) -> Vec<Piece> {
    let lean = rng.random_range(-0.05..0.05_f32);
    let trunk = [[0.0, 0.0, 0.16], [lean * 0.3, 0.1, 0.09], [lean, 0.45, 0.07]];
    let mut out = vec![Piece::new(limb(&trunk), Stuff::Bark, 0.9)];
    for side in [-1.0, 1.0] {
        let branch = [[lean * 0.6, 0.32, 0.05], [side * 0.16, 0.52, 0.03]];
        out.push(Piece::new(limb(&branch), Stuff::Bark, 0.8));
    }
    let count = rng.random_range(5..8u32);
    let start: f32 = rng.random_range(0.0..1.0);
    for blob in 0..count {
        let (sin, cos) = turn(start + blob as f32 / count as f32);
        let radius = rng.random_range(0.15..0.2_f32);
        let (x, y) = (lean + cos * 0.22, 0.66 + sin * 0.16);
        let crown = bumpy(x, y, radius, radius * 0.9, build.leafy, rng.random());
        out.push(Piece::new(crown, Stuff::Leaf, 0.9).lit(0.85 + 0.15 * sin));
    }
    let crown = bumpy(lean, 0.69, 0.23, 0.19, build.leafy, rng.random());
    out.push(Piece::new(crown, Stuff::Leaf, 0.9).lit(1.05));
    out
}

fn conifer(build: &Proportions, rng: &mut impl Rng) -> Vec<Piece> {
    let mut out = vec![Piece::new(limb(&[[0.0, 0.0, 0.1], [0.0, 0.25, 0.07]]), Stuff::Bark, 0.9)];
    let tiers = rng.random_range(3..5u32);
    let wide = rng.random_range(0.27..0.36_f32);
    for tier in 0..tiers {
        let share = tier as f32 / tiers as f32;
        let low = 0.14 + share * 0.62;
        let high = if tier + 1 == tiers { 1.0 } else { low + 0.38 };
        let half = wide * (1.0 - share * 0.68);
        out.push(Piece::new(skirt(half, low, high, build.leafy, rng), Stuff::Leaf, 0.7).lit(0.88 + 0.14 * share));
    }
    out
}

/// One tier of a conifer: a triangle with a ragged hem.
fn skirt(half: f32, low: f32, high: f32, leafy: f32, rng: &mut impl Rng) -> Outline {
    let mut points = vec![[0.0, high]];
    for tooth in 0..=8u32 {
        let x = half * (1.0 - tooth as f32 / 4.0);
        let rag = rng.random_range(0.0..0.35_f32) * leafy;
        points.push([x, low + rag + if tooth % 2 == 0 { 0.0 } else { 0.04 }]);
    }
    straight(&points)
}

fn cypress(build: &Proportions, rng: &mut impl Rng) -> Vec<Piece> {
    let wide = rng.random_range(0.15..0.22_f32);
    let mut out = vec![Piece::new(limb(&[[0.0, 0.0, 0.09], [0.0, 0.2, 0.06]]), Stuff::Bark, 0.9)];
    let mut crown = bumpy(0.0, 0.56, wide, 0.44, build.leafy, rng.random());
    for point in &mut crown {
        // slimmer towards the tip
        point[0] *= 1.25 - 0.6 * point[1];
    }
    out.push(Piece::new(crown, Stuff::Leaf, 0.9));
    out
}

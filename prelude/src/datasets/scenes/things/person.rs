//! People: standing, walking, waving; in robes or trousers, with and without hats and beards.

use super::super::curve::{limb, oval, smooth, straight};
use super::{Piece, Proportions, Stuff};
use rand::Rng;

/// A person, seen from the front.
pub(super) fn person(build: &Proportions, rng: &mut impl Rng) -> Vec<Piece> {
    let r = build.head * rng.random_range(0.93..1.08_f32);
    let chin = 1.0 - 2.3 * r;
    let sh = chin - 0.035;
    let sw = rng.random_range(0.095..0.125_f32);
    let robed = rng.random_bool(f64::from(build.robes));
    let hip = if robed { 0.5 } else { (0.47 * build.long).min(0.54) };
    let mut out = Vec::new();
    let long_hair = rng.random_bool(0.4);
    if long_hair {
        let back = [
            [-r * 0.95, chin + r * 1.6],
            [0.0, 1.0 + r * 0.1],
            [r * 0.95, chin + r * 1.6],
            [r * 1.1, chin - r * 0.3],
            [0.0, chin - r],
            [-r * 1.1, chin - r * 0.3],
        ];
        out.push(Piece::new(smooth(&back), Stuff::Hair, 0.6));
    }
    let stride = rng.random_range(0.0..0.09_f32);
    for side in [-1.0, 1.0] {
        let (foot, lift) = (side * (0.05 + stride), if side > 0.0 { 0.0 } else { stride * 0.25 });
        let shoe = oval(foot + side * 0.02, 0.018 + lift, 0.045, 0.022);
        if robed {
            out.push(Piece::new(oval(side * 0.055, 0.022, 0.042, 0.022), Stuff::Dark, 0.5).lit(2.0));
        } else {
            let leg = [[side * 0.045, hip + 0.02, 0.1], [side * (0.05 + stride * 0.6), hip * 0.52, 0.075]];
            out.push(Piece::new(limb(&[leg[0], leg[1], [foot, 0.045 + lift, 0.055]]), Stuff::Trim, 0.9));
            out.push(Piece::new(shoe, Stuff::Dark, 0.5).lit(2.0));
        }
    }
    if robed {
        let hem = rng.random_range(0.125..0.185_f32);
        let waist = sw * rng.random_range(0.72..0.9);
        let robe = [
            [-sw * 0.45, sh + 0.025],
            [-sw, sh - 0.015],
            [-waist, hip + 0.08],
            [-hem * 0.85, 0.26],
            [-hem, 0.035],
            [0.0, 0.022],
            [hem, 0.035],
            [hem * 0.85, 0.26],
            [waist, hip + 0.08],
            [sw, sh - 0.015],
            [sw * 0.45, sh + 0.025],
        ];
        out.push(Piece::new(smooth(&robe), Stuff::Cloth, 0.9));
        if rng.random_bool(0.6) {
            let sash = [[-sw * 0.6, sh + 0.01], [-sw * 0.1, sh + 0.02], [hem * 0.85, 0.1], [hem * 0.4, 0.06]];
            out.push(Piece::new(straight(&sash), Stuff::Trim, 0.3));
        }
        for fold in [-0.45, 0.05, 0.5_f32] {
            let line = limb(&[[fold * waist, hip, 0.006], [fold * hem * 0.95, 0.06, 0.012]]);
            out.push(Piece::mark(line, Stuff::Cloth).lit(0.55));
        }
    } else {
        let torso = [
            [-sw * 0.45, sh + 0.025],
            [-sw, sh - 0.01],
            [-sw * 0.84, sh - 0.14],
            [-0.082, hip + 0.03],
            [-0.088, hip - 0.045],
            [0.0, hip - 0.055],
            [0.088, hip - 0.045],
            [0.082, hip + 0.03],
            [sw * 0.84, sh - 0.14],
            [sw, sh - 0.01],
            [sw * 0.45, sh + 0.025],
        ];
        out.push(Piece::new(smooth(&torso), Stuff::Cloth, 0.9));
    }
    for side in [-1.0, 1.0f32] {
        let (elbow, hand) = match rng.random_range(0..5u32) {
            0 => ([side * 0.21, sh - 0.07], [side * 0.235, sh + 0.13]),
            1 => ([side * 0.2, sh - 0.14], [side * 0.1, sh - 0.24]),
            2 => ([side * 0.19, sh - 0.13], [side * 0.27, sh - 0.08]),
            _ => ([side * 0.155, sh - 0.19], [side * 0.155, sh - 0.36]),
        };
        let sleeve = if robed { 0.075 } else { 0.058 };
        let arm = [[side * sw * 0.86, sh - 0.03, 0.07], [elbow[0], elbow[1], 0.062], [hand[0], hand[1], sleeve]];
        out.push(Piece::new(oval(hand[0], hand[1] - 0.012, 0.028, 0.032), Stuff::Skin, 0.8));
        out.push(Piece::new(limb(&arm), Stuff::Cloth, 0.9).lit(0.94));
    }
    out.push(Piece::mark(limb(&[[0.0, sh, r * 0.85], [0.0, chin + r * 0.4, r * 0.8]]), Stuff::Skin).lit(0.8));
    out.extend(head(build, r, chin, rng));
    out
}

/// A head on its chin: face, hair, perhaps a beard and a hat.
fn head(build: &Proportions, r: f32, chin: f32, rng: &mut impl Rng) -> Vec<Piece> {
    let middle = chin + r * 1.1;
    let mut out = vec![Piece::new(oval(0.0, middle, r * 0.84, r * 1.12), Stuff::Skin, 0.9)];
    let fringe = rng.random_range(0.5..0.85_f32);
    let hair = [
        [-r * 0.9, middle + r * 0.1],
        [-r * 0.78, middle + r * 0.85],
        [0.0, middle + r * 1.2],
        [r * 0.78, middle + r * 0.85],
        [r * 0.9, middle + r * 0.1],
        [r * 0.62, middle + r * fringe],
        [0.0, middle + r * (fringe + 0.12)],
        [-r * 0.62, middle + r * fringe],
    ];
    out.push(Piece { lined: false, ..Piece::new(smooth(&hair), Stuff::Hair, 0.6) });
    let eye = if build.stare { 0.13 } else { 0.11 };
    for side in [-1.0, 1.0] {
        if build.stare {
            out.push(Piece::mark(oval(side * r * 0.34, middle + r * 0.08, r * 0.24, r * 0.17), Stuff::Pale));
        }
        out.push(Piece::mark(oval(side * r * 0.34, middle + r * 0.08, r * eye, r * eye * 1.1), Stuff::Dark));
    }
    if !build.stare {
        let nose = limb(&[[r * 0.04, middle + r * 0.05, r * 0.08], [r * 0.1, middle - r * 0.3, r * 0.14]]);
        out.push(Piece::mark(nose, Stuff::Skin).lit(0.72));
    }
    if rng.random_bool(0.25) {
        let beard = [
            [-r * 0.74, middle - r * 0.25],
            [0.0, middle - r * 0.5],
            [r * 0.74, middle - r * 0.25],
            [r * 0.45, middle - r * 1.15],
            [0.0, middle - r * 1.6],
            [-r * 0.45, middle - r * 1.15],
        ];
        out.push(Piece::new(smooth(&beard), Stuff::Hair, 0.6));
    } else {
        let mouth = [[-r * 0.22, middle - r * 0.56, r * 0.1], [0.0, middle - r * 0.63, r * 0.14]];
        let mouth = limb(&[mouth[0], mouth[1], [r * 0.22, middle - r * 0.56, r * 0.1]]);
        out.push(Piece::mark(mouth, Stuff::Roof).lit(0.8));
    }
    if rng.random_bool(0.25) {
        let brim = middle + r * 0.62;
        let crown = [[-r * 0.75, brim], [-r * 0.6, brim + r * 0.75], [r * 0.6, brim + r * 0.75], [r * 0.75, brim]];
        out.push(Piece::new(straight(&crown), Stuff::Trim, 0.7));
        out.push(Piece::new(oval(0.0, brim, r * 1.5, r * 0.24), Stuff::Trim, 0.4).lit(0.85));
    }
    out
}

//! Horses and cats.

use super::super::curve::{limb, oval, smooth, straight};
use super::{Piece, Proportions, Stuff};
use rand::Rng;

/// A horse from the side, its head to the right: standing, walking or with a hoof lifted.
pub(super) fn horse(build: &Proportions, rng: &mut impl Rng) -> Vec<Piece> {
    let long = build.long;
    // legs grow downwards from the body, which is lifted by as much
    let up = 0.4 * (long - 1.0);
    let nod = rng.random_range(-0.05..0.03_f32);
    let neck = |x: f32, y: f32| {
        let far = ((x - 0.6) / 0.3).clamp(0.0, 1.0);
        [x + far * 0.02, y + up + far * (nod + 0.12 * (long - 1.0))]
    };
    let mut out = Vec::new();
    let gait = rng.random_range(0.0..0.12_f32);
    let lifted = rng.random_bool(0.35);
    let mut leg = |hip: [f32; 2], bend: f32, swing: f32, near: bool, lift: bool| {
        let y = hip[1] + up;
        let (knee, hoof) = if lift {
            ([hip[0] + 0.1, y * 0.62], [hip[0] + 0.05, y * 0.3])
        } else {
            ([hip[0] + bend + swing * 0.5, y * 0.5], [hip[0] + bend * 0.4 + swing, 0.045])
        };
        let shape = [
            [hip[0], y, 0.13],
            [knee[0], knee[1], 0.062],
            [blend(knee[0], hoof[0], 0.6), blend(knee[1], hoof[1], 0.6), 0.042],
            [hoof[0], hoof[1], 0.05],
        ];
        let light = if near { 1.0 } else { 0.72 };
        let piece = Piece::new(limb(&shape), Stuff::Fur, 0.9).lit(light);
        let toe = hoof[1] - 0.045;
        let sole = [[hoof[0] - 0.03, toe], [hoof[0] + 0.045, toe], [hoof[0] + 0.028, toe + 0.06]];
        let hoof = straight(&[sole[0], sole[1], sole[2], [hoof[0] - 0.026, toe + 0.06]]);
        out.push(piece);
        out.push(Piece::new(hoof, Stuff::Mane, 0.4).lit(light));
    };
    leg([0.24, 0.5], -0.03, gait, false, false);
    leg([0.6, 0.47], 0.015, -gait, false, false);
    let tail = [[0.11, 0.58 + up, 0.05], [0.03, 0.5 + up, 0.085], [0.01, 0.32 + up, 0.075], [0.035, 0.2 + up, 0.02]];
    leg([0.17, 0.5], -0.045, -gait * 0.8, true, false);
    leg([0.655, 0.49], 0.015, gait * 0.8, true, lifted);
    out.push(Piece::new(limb(&tail), Stuff::Mane, 0.6));
    let ear = |x: f32| straight(&[neck(x, 0.9), neck(x + 0.015, 1.0), neck(x + 0.05, 0.9)]);
    out.push(Piece::new(ear(0.765), Stuff::Fur, 0.4).lit(0.8));
    let body = [
        [0.09, 0.55 + up],
        [0.14, 0.63 + up],
        [0.29, 0.645 + up],
        [0.42, 0.615 + up],
        [0.54, 0.645 + up],
        neck(0.64, 0.76),
        neck(0.725, 0.9),
        neck(0.79, 0.925),
        neck(0.855, 0.835),
        neck(0.935, 0.725),
        neck(0.925, 0.675),
        neck(0.88, 0.672),
        neck(0.815, 0.735),
        neck(0.765, 0.725),
        [0.735, 0.6 + up],
        [0.715, 0.48 + up],
        [0.6, 0.4 + up],
        [0.42, 0.385 + up],
        [0.27, 0.415 + up],
        [0.13, 0.43 + up],
    ];
    out.push(Piece::new(smooth(&body), Stuff::Fur, 1.0));
    out.push(Piece::new(ear(0.735), Stuff::Fur, 0.4));
    let crest = [neck(0.79, 0.94), neck(0.71, 0.915), neck(0.62, 0.8), [0.535, 0.665 + up]];
    let fall = [[0.57, 0.6 + up], neck(0.665, 0.7), neck(0.72, 0.8), neck(0.76, 0.87)];
    let mane: Vec<[f32; 2]> = crest.into_iter().chain(fall).collect();
    out.push(Piece::new(smooth(&mane), Stuff::Mane, 0.5));
    let [x, y] = neck(0.81, 0.845);
    if build.stare {
        out.push(Piece::mark(oval(x, y, 0.026, 0.018), Stuff::Pale));
    }
    out.push(Piece::mark(oval(x, y, 0.014, 0.015), Stuff::Dark));
    let [x, y] = neck(0.918, 0.71);
    out.push(Piece::mark(oval(x, y, 0.008, 0.01), Stuff::Dark));
    if rng.random_bool(0.35) {
        let cloth = [[0.36, 0.625 + up], [0.52, 0.635 + up], [0.53, 0.47 + up], [0.35, 0.46 + up]];
        out.push(Piece::new(straight(&cloth), Stuff::Cloth, 0.4));
    }
    out
}

/// A cat that sits and looks at whoever looks at it.
pub(super) fn cat(build: &Proportions, rng: &mut impl Rng) -> Vec<Piece> {
    let wide = rng.random_range(0.92..1.1_f32);
    let thin = 1.0 / build.long;
    let lean = rng.random_range(-0.05..0.05_f32);
    let mut out = Vec::new();
    let tip = rng.random_range(0.3..0.62_f32);
    let tail = [[0.18, 0.06, 0.1], [0.4, 0.07, 0.095], [0.49, tip * 0.55, 0.085], [0.43, tip, 0.06]];
    out.push(Piece::new(limb(&tail), Stuff::Fur, 0.8).lit(0.85));
    let half = |x: f32, y: f32| [x * wide * thin + lean * y, y];
    let body = [
        half(-0.26, 0.0),
        half(-0.31, 0.13),
        half(-0.25, 0.34),
        half(-0.16, 0.52),
        half(0.0, 0.62),
        half(0.16, 0.52),
        half(0.25, 0.34),
        half(0.31, 0.13),
        half(0.26, 0.0),
    ];
    out.push(Piece::new(smooth(&body), Stuff::Fur, 1.0));
    let chest = [half(-0.08, 0.56), half(0.08, 0.56), half(0.1, 0.38), half(0.0, 0.28), half(-0.1, 0.38)];
    out.push(Piece::mark(smooth(&chest), Stuff::Pale));
    for side in [-1.0, 1.0] {
        let [x, y] = half(side * 0.085, 0.36);
        out.push(Piece::new(limb(&[[x, y, 0.1], [side * 0.09, 0.06, 0.1]]), Stuff::Fur, 0.8).lit(1.04));
        out.push(Piece::new(oval(side * 0.095, 0.035, 0.075, 0.04), Stuff::Pale, 0.6));
    }
    let (hx, hy) = (lean * 0.8, 0.71 + 0.06 * (build.long - 1.0));
    for side in [-1.0, 1.0] {
        let ear = |grow: f32| {
            let (tx, ty) = (hx + side * 0.12, hy + 0.15);
            let point = |x: f32, y: f32| [tx + (hx + side * x - tx) * grow, ty + (hy + y - ty) * grow];
            straight(&[point(0.2, 0.06), point(0.17, 0.29), point(0.04, 0.15)])
        };
        out.push(Piece::new(ear(1.0), Stuff::Fur, 0.5));
        out.push(Piece::mark(ear(0.5), Stuff::Skin).lit(0.8));
    }
    let face = [
        [hx - 0.2, hy],
        [hx - 0.17, hy + 0.12],
        [hx, hy + 0.17],
        [hx + 0.17, hy + 0.12],
        [hx + 0.2, hy],
        [hx + 0.13, hy - 0.13],
        [hx, hy - 0.165],
        [hx - 0.13, hy - 0.13],
    ];
    out.push(Piece::new(smooth(&face), Stuff::Fur, 0.9).lit(1.05));
    if rng.random_bool(0.5) {
        for stripe in [-1.0, 0.0, 1.0_f32] {
            let x = hx + stripe * 0.045;
            out.push(Piece::mark(limb(&[[x, hy + 0.15, 0.022], [x, hy + 0.08, 0.008]]), Stuff::Mane));
            for side in [-1.0, 1.0] {
                let y = 0.28 + stripe * 0.1;
                let [a, b] = [half(side * 0.285, y), half(side * 0.17, y + 0.02)];
                out.push(Piece::mark(limb(&[[a[0], a[1], 0.035], [b[0], b[1], 0.01]]), Stuff::Mane));
            }
        }
    }
    out.push(Piece::mark(oval(hx, hy - 0.085, 0.085, 0.06), Stuff::Pale));
    let eye = if build.stare { 0.055 } else { 0.04 };
    for side in [-1.0, 1.0] {
        let (x, y) = (hx + side * 0.085, hy + 0.025);
        out.push(Piece::mark(oval(x, y, eye, eye * 0.8), Stuff::Trim).lit(1.2));
        out.push(Piece::mark(oval(x, y, eye * 0.4, eye * 0.72), Stuff::Dark));
        for whisker in [-0.015, 0.03_f32] {
            let (from, to) = ([hx + side * 0.06, hy - 0.08], [hx + side * 0.19, hy - 0.085 + whisker]);
            out.push(Piece::mark(limb(&[[from[0], from[1], 0.007], [to[0], to[1], 0.004]]), Stuff::Dark));
        }
    }
    let nose = [[hx - 0.03, hy - 0.045], [hx + 0.03, hy - 0.045], [hx, hy - 0.085]];
    out.push(Piece::mark(straight(&nose), Stuff::Roof));
    out.push(Piece::mark(limb(&[[hx, hy - 0.08, 0.012], [hx, hy - 0.12, 0.01]]), Stuff::Dark));
    out
}

fn blend(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}

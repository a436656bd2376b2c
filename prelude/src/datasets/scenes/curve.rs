//! Closed outlines: smooth curves, limbs, ovals, straight edges, and lines along an outline.

use super::chance::swell;

/// A closed row of points; what lies within is filled.
pub(super) type Outline = Vec<[f32; 2]>;

/// Sine and cosine of an angle in turns, from sums and products alone, so that they are the same everywhere.
pub(super) fn turn(angle: f32) -> (f32, f32) {
    let wave = |angle: f32| {
        // to a quarter turn around 0, where five terms of the series are exact to six digits
        let t = angle - angle.round();
        let t = if t > 0.25 {
            0.5 - t
        } else if t < -0.25 {
            -0.5 - t
        } else {
            t
        };
        let x = t * std::f32::consts::TAU;
        let s = x * x;
        x * (1.0 - s / 6.0 * (1.0 - s / 20.0 * (1.0 - s / 42.0 * (1.0 - s / 72.0))))
    };
    (wave(angle), wave(angle + 0.25))
}

/// The smooth closed curve through points.
pub(super) fn smooth(points: &[[f32; 2]]) -> Outline {
    let count = points.len();
    let mut outline = Vec::with_capacity(count * 5);
    for at in 0..count {
        let four = [0, 1, 2, 3].map(|ahead| points[(at + count + ahead - 1) % count]);
        outline.extend((0..5).map(|part| between(four, part as f32 / 5.0)));
    }
    outline
}

/// A place on the curve from the second to the third of four points.
fn between(four: [[f32; 2]; 4], t: f32) -> [f32; 2] {
    std::array::from_fn(|axis| {
        let [a, b, c, d] = four.map(|point| point[axis]);
        b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
    })
}

/// A limb along points, each with the limb's width there, with round ends.
pub(super) fn limb(points: &[[f32; 3]]) -> Outline {
    let last = points.len() - 1;
    let mut spine: Vec<[f32; 3]> = Vec::new();
    for at in 0..last {
        let four = [at.saturating_sub(1), at, at + 1, (at + 2).min(last)].map(|at| points[at]);
        spine.extend((0..5).map(|part| {
            let t = part as f32 / 5.0;
            let [x, y] = between(four.map(|[x, y, _]| [x, y]), t);
            [x, y, four[1][2] + (four[2][2] - four[1][2]) * t]
        }));
    }
    spine.push(points[last]);
    let count = spine.len();
    let ahead = |at: usize| {
        let (from, to) = (spine[at.saturating_sub(1)], spine[(at + 1).min(count - 1)]);
        unit(to[0] - from[0], to[1] - from[1])
    };
    let side = |at: usize, sign: f32| {
        let ([x, y, width], [dx, dy]) = (spine[at], ahead(at));
        [x - dy * sign * width / 2.0, y + dx * sign * width / 2.0]
    };
    let cap = |at: usize, way: f32| {
        let ([x, y, width], [dx, dy]) = (spine[at], ahead(at));
        let (r, dx, dy) = (width / 2.0, dx * way, dy * way);
        [(0.5, 0.866), (0.866, 0.5), (1.0, 0.0), (0.866, -0.5), (0.5, -0.866)]
            .map(|(along, across)| [x + r * (dx * along - dy * across), y + r * (dy * along + dx * across)])
    };
    let mut outline: Outline = (0..count).map(|at| side(at, 1.0)).collect();
    outline.extend(cap(count - 1, 1.0));
    outline.extend((0..count).rev().map(|at| side(at, -1.0)));
    outline.extend(cap(0, -1.0));
    outline
}

/// An oval around a centre.
pub(super) fn oval(x: f32, y: f32, rx: f32, ry: f32) -> Outline {
    bumpy(x, y, rx, ry, 0.0, 0)
}

/// An oval with a rough border: `rough` is the share of the radius by which it varies.
pub(super) fn bumpy(x: f32, y: f32, rx: f32, ry: f32, rough: f32, seed: u32) -> Outline {
    let count = if rough > 0.0 { 40 } else { 24 };
    let point = |at: i32| {
        let (sin, cos) = turn(at as f32 / count as f32);
        let radius = 1.0 + rough * (swell(seed, cos * 3.0 + 9.0, sin * 3.0 + 9.0) - 0.5) * 2.0;
        [x + rx * radius * cos, y + ry * radius * sin]
    };
    (0..count).map(point).collect()
}

/// A shape with straight edges, each with points between its ends so that a hand may make it wobble.
pub(super) fn straight(corners: &[[f32; 2]]) -> Outline {
    let mut outline = Vec::with_capacity(corners.len() * 5);
    for (at, from) in corners.iter().enumerate() {
        let to = corners[(at + 1) % corners.len()];
        let part = |part: i32| std::array::from_fn(|axis| from[axis] + (to[axis] - from[axis]) * part as f32 / 5.0);
        outline.extend((0..5).map(part));
    }
    outline
}

/// A rectangle between two corners.
pub(super) fn block(x0: f32, y0: f32, x1: f32, y1: f32) -> Outline {
    straight(&[[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
}

/// The line along an outline as two rings, the inner one backwards; its width swells and shrinks as under a hand.
pub(super) fn contour(outline: &[[f32; 2]], width: f32, seed: u32) -> [Outline; 2] {
    let count = outline.len();
    let mut rings = [Vec::with_capacity(count), Vec::with_capacity(count)];
    for at in 0..count {
        let (from, here, to) = (outline[(at + count - 1) % count], outline[at], outline[(at + 1) % count]);
        let [dx, dy] = unit(to[0] - from[0], to[1] - from[1]);
        let pressure = 0.35 + 1.1 * swell(seed, here[0] / (width * 9.0), here[1] / (width * 9.0));
        let half = (width * pressure / 2.0).max(0.3);
        rings[0].push([here[0] - dy * half, here[1] + dx * half]);
        rings[1].push([here[0] + dy * half, here[1] - dx * half]);
    }
    rings[1].reverse();
    rings
}

/// The direction of a step, of length 1.
fn unit(dx: f32, dy: f32) -> [f32; 2] {
    let length = (dx * dx + dy * dy).sqrt().max(1e-6);
    [dx / length, dy / length]
}

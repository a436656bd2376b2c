//! What stands behind and before a vehicle, and the light that falls on it.

use super::brush::{Brush, Ink};
use crate::boxes::BBox;
use rand::Rng;

/// The place, the time of day, and the weather of a picture; coordinates are those of the unit square.
pub(super) struct Scene {
    /// Where the vehicle stands.
    ground: f32,
    /// Where the ground meets what is behind.
    horizon: f32,
    place: Backdrop,
    sky: (Ink, Ink),
    earth: Ink,
    road: Ink,
    /// Factor on all light; below 0.7 it is night.
    pub light: f32,
    /// The light's colour.
    pub cast: [f32; 3],
    /// How much darker shadows are, from 0 to 1.
    pub contrast: f32,
    /// Where the sun stands, from left (-1) to right (1).
    pub sun: f32,
    /// How much haze lies over the picture, from 0 to 1.
    pub haze: f32,
    /// Whether it rains or snows.
    pub weather: Weather,
}

#[derive(Clone, Copy, PartialEq)]
enum Backdrop {
    Open,
    Hills,
    Trees,
    City,
    Wall,
    Plain,
}

/// What falls from the sky.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Weather {
    Dry,
    Rain,
    Snow,
}

impl Scene {
    /// A scene for a vehicle that stands at height `ground`.
    pub fn new(ground: f32, rng: &mut impl Rng) -> Scene {
        let place = match rng.random_range(0..10) {
            0 => Backdrop::Open,
            1 | 2 => Backdrop::Hills,
            3 | 4 => Backdrop::Trees,
            5..=7 => Backdrop::City,
            8 => Backdrop::Wall,
            _ => Backdrop::Plain,
        };
        let night = rng.random_bool(0.12);
        let light = if night { rng.random_range(0.5..0.7) } else { rng.random_range(0.75..1.15) };
        let warm = rng.random_range(-0.12..0.12_f32);
        let weather = match rng.random_range(0..20) {
            0 | 1 => Weather::Rain,
            2 => Weather::Snow,
            _ => Weather::Dry,
        };
        Scene {
            ground,
            horizon: ground - rng.random_range(0.05..0.32),
            place,
            sky: sky(night, rng),
            earth: earth(rng, weather),
            road: Ink::hsv(rng.random_range(0.05..0.65), rng.random_range(0.0..0.1), rng.random_range(0.22..0.6)),
            light,
            cast: [1.0 + warm, 1.0 + warm * 0.3, 1.0 - warm],
            contrast: rng.random_range(0.4..1.0),
            sun: rng.random_range(-1.0..1.0),
            haze: if rng.random_bool(0.25) { rng.random_range(0.1..0.3) } else { 0.0 },
            weather,
        }
    }

    /// Draws all that is behind the vehicle.
    pub fn draw(&self, brush: &mut Brush, rng: &mut impl Rng) {
        let whole = [(-0.1, -0.1), (1.1, -0.1), (1.1, 1.1), (-0.1, 1.1)];
        brush.shaded(&whole, (0.0, self.sky.0), (self.horizon, self.sky.1));
        for _ in 0..rng.random_range(0..4) {
            let (x, y) = (rng.random_range(0.0..1.0), rng.random_range(0.0..0.3));
            let cloud = Ink::grey(rng.random_range(0.7..1.0)).fade(0.45);
            for _ in 0..3 {
                let (dx, dy) = (rng.random_range(-0.1..0.1), rng.random_range(-0.02..0.02));
                brush.ellipse(x + dx, y + dy, rng.random_range(0.05..0.16), rng.random_range(0.015..0.05), cloud);
            }
        }
        match self.place {
            Backdrop::Open => {}
            Backdrop::Hills => self.hills(brush, rng),
            Backdrop::Trees => self.trees(brush, rng),
            Backdrop::City => self.city(brush, rng),
            Backdrop::Wall => self.wall(brush, rng),
            Backdrop::Plain => self.plain(brush, rng),
        }
        let floor = [(-0.1, self.horizon), (1.1, self.horizon), (1.1, 1.1), (-0.1, 1.1)];
        brush.shaded(&floor, (self.horizon, self.earth.times(1.1)), (1.0, self.earth.times(0.85)));
        self.blotches(brush, rng);
        self.lane(brush, rng);
        for _ in 0..rng.random_range(0..3) {
            self.post(brush, rng, self.horizon + 0.02, 0.7);
        }
    }

    fn hills(&self, brush: &mut Brush, rng: &mut impl Rng) {
        for layer in 0..rng.random_range(1..4) {
            let base = rng.random_range(0.05..0.28);
            let ink = self.earth.mix(self.sky.1, 0.55 - 0.2 * layer as f32).times(rng.random_range(0.7..1.1));
            let mut points = vec![(-0.1, self.horizon + 0.01)];
            for step in 0..8 {
                let x = -0.1 + 1.2 * step as f32 / 7.0;
                points.push((x, self.horizon - base * rng.random_range(0.3..1.0)));
            }
            points.push((1.1, self.horizon + 0.01));
            brush.polygon(&points, ink);
        }
    }

    fn trees(&self, brush: &mut Brush, rng: &mut impl Rng) {
        for _ in 0..rng.random_range(3..10) {
            let x = rng.random_range(-0.05..1.05);
            let tall = rng.random_range(0.12..0.5);
            let green =
                Ink::hsv(rng.random_range(0.16..0.42), rng.random_range(0.2..0.7), rng.random_range(0.15..0.55));
            let trunk = Ink::hsv(0.07, 0.4, rng.random_range(0.15..0.4));
            brush.rect(x - 0.012, self.horizon - tall * 0.5, x + 0.012, self.horizon + 0.01, trunk);
            if rng.random_bool(0.35) {
                brush.polygon(
                    &[
                        (x - tall * 0.2, self.horizon - tall * 0.15),
                        (x, self.horizon - tall),
                        (x + tall * 0.2, self.horizon - tall * 0.15),
                    ],
                    green,
                );
            } else {
                for _ in 0..4 {
                    let (dx, dy) = (rng.random_range(-0.09..0.09) * tall * 2.0, rng.random_range(-0.1..0.15) * tall);
                    let r = tall * rng.random_range(0.15..0.28);
                    brush.ellipse(
                        x + dx,
                        self.horizon - tall * 0.68 + dy,
                        r,
                        r,
                        green.times(rng.random_range(0.8..1.2)),
                    );
                }
            }
        }
    }

    fn city(&self, brush: &mut Brush, rng: &mut impl Rng) {
        let mut x = -0.1 - rng.random_range(0.0..0.2_f32);
        while x < 1.05 {
            let wide = rng.random_range(0.14..0.45);
            let top = self.horizon - rng.random_range(0.15..0.7);
            let face = Ink::hsv(rng.random_range(0.0..1.0), rng.random_range(0.03..0.4), rng.random_range(0.25..0.85));
            brush.rect(x, top, x + wide, self.horizon + 0.01, face);
            let pane =
                if rng.random_bool(0.3) { Ink::rgb(0.95, 0.85, 0.5) } else { face.times(rng.random_range(0.4..0.75)) };
            let (sx, sy) = (rng.random_range(0.05..0.1), rng.random_range(0.06..0.12));
            let (fill_x, fill_y) = (rng.random_range(0.4..0.75), rng.random_range(0.35..0.75));
            let mut y = top + sy * 0.4;
            while y < self.horizon - sy * 0.5 {
                let mut px = x + sx * 0.35;
                while px + sx * fill_x < x + wide {
                    if rng.random_bool(0.85) {
                        brush.rect(px, y, px + sx * fill_x, y + sy * fill_y, pane.times(rng.random_range(0.8..1.15)));
                    }
                    px += sx;
                }
                y += sy;
            }
            x += wide + if rng.random_bool(0.3) { rng.random_range(0.0..0.15) } else { 0.0 };
        }
    }

    fn wall(&self, brush: &mut Brush, rng: &mut impl Rng) {
        let ink = Ink::hsv(rng.random_range(0.0..1.0), rng.random_range(0.05..0.5), rng.random_range(0.3..0.8));
        let top = self.horizon - rng.random_range(0.3..1.0);
        brush.rect(-0.1, top, 1.1, self.horizon + 0.01, ink);
        let joint = ink.times(0.75).fade(0.8);
        let (wide, tall) = (rng.random_range(0.08..0.3), rng.random_range(0.05..0.2));
        let (mut y, mut row) = (self.horizon, 0);
        while y > top {
            brush.line((-0.1, y), (1.1, y), 0.008, joint);
            let mut x = if row % 2 == 0 { -0.1 } else { -0.1 + wide / 2.0 };
            while x < 1.1 {
                brush.line((x, y), (x, y - tall), 0.008, joint);
                x += wide;
            }
            y -= tall;
            row += 1;
        }
    }

    /// Big soft shapes of any colour.
    fn plain(&self, brush: &mut Brush, rng: &mut impl Rng) {
        for _ in 0..rng.random_range(4..12) {
            let ink =
                Ink::hsv(rng.random_range(0.0..1.0), rng.random_range(0.0..0.6), rng.random_range(0.1..0.95)).fade(0.6);
            let (x, y) = (rng.random_range(0.0..1.0), rng.random_range(0.0..1.0));
            if rng.random_bool(0.5) {
                brush.ellipse(x, y, rng.random_range(0.05..0.35), rng.random_range(0.05..0.25), ink);
            } else {
                brush.rect(x, y, x + rng.random_range(0.1..0.5), y + rng.random_range(0.05..0.3), ink);
            }
        }
    }

    fn blotches(&self, brush: &mut Brush, rng: &mut impl Rng) {
        for _ in 0..rng.random_range(4..14) {
            let y = rng.random_range(self.horizon..1.05);
            let ink = self.earth.times(rng.random_range(0.7..1.3)).fade(0.5);
            brush.ellipse(
                rng.random_range(0.0..1.0),
                y,
                rng.random_range(0.02..0.2),
                rng.random_range(0.005..0.03),
                ink,
            );
        }
    }

    fn lane(&self, brush: &mut Brush, rng: &mut impl Rng) {
        let far = self.ground - rng.random_range(0.02..0.1_f32).min(self.ground - self.horizon);
        let near = self.ground + rng.random_range(0.05..0.4);
        let tilt = rng.random_range(-0.05..0.05);
        brush.polygon(&[(-0.1, far - tilt), (1.1, far + tilt), (1.1, near + tilt), (-0.1, near - tilt)], self.road);
        if rng.random_bool(0.6) {
            let y = self.ground + rng.random_range(0.04..0.12);
            let mut x = rng.random_range(-0.2..0.0_f32);
            let (dash, gap) = (rng.random_range(0.06..0.25), rng.random_range(0.0..0.15));
            while x < 1.1 {
                brush.rect(x, y, x + dash, y + 0.016, Ink::grey(0.85).fade(0.8));
                x += dash + gap + 0.001;
            }
        }
        if rng.random_bool(0.4) {
            brush.rect(-0.1, far - 0.02, 1.1, far, Ink::grey(rng.random_range(0.4..0.8)));
        }
    }

    /// A lamp post, a sign or a tree's trunk.
    fn post(&self, brush: &mut Brush, rng: &mut impl Rng, foot: f32, most: f32) {
        let x = rng.random_range(0.0..1.0);
        let top = foot - rng.random_range(0.25..most);
        let ink = Ink::grey(rng.random_range(0.1..0.6));
        let half = rng.random_range(0.006..0.016);
        brush.rect(x - half, top, x + half, foot, ink);
        if rng.random_bool(0.5) {
            let sign = Ink::hsv(rng.random_range(0.0..1.0), 0.7, 0.75);
            brush.ellipse(x, top, 0.045, 0.045, sign);
        }
    }

    /// Draws what stands between the camera and the vehicle; `bbox` is the vehicle's, on the unit square.
    pub fn occlude(&self, brush: &mut Brush, bbox: BBox, rng: &mut impl Rng) {
        if rng.random_bool(0.65) {
            return;
        }
        let x = rng.random_range(bbox.x0..bbox.x1.max(bbox.x0 + 0.01));
        match rng.random_range(0..4) {
            0 => {
                let half = rng.random_range(0.01..0.03);
                brush.rect(x - half, -0.1, x + half, 1.1, Ink::hsv(0.08, 0.3, rng.random_range(0.1..0.5)));
            }
            1 => {
                let leaf =
                    Ink::hsv(rng.random_range(0.18..0.4), rng.random_range(0.3..0.7), rng.random_range(0.15..0.5));
                for _ in 0..6 {
                    let (dx, r) = (rng.random_range(-0.13..0.13), rng.random_range(0.04..0.08));
                    brush.ellipse(x + dx, bbox.y1 + 0.02 - r * 0.4, r, r, leaf.times(rng.random_range(0.75..1.25)));
                }
            }
            2 => {
                // a fence or a guard rail low before the wheels
                let y = bbox.y1 - bbox.height() * rng.random_range(0.05..0.22);
                let ink = Ink::grey(rng.random_range(0.3..0.85));
                brush.rect(-0.1, y, 1.1, y + 0.022, ink);
                let mut post = rng.random_range(-0.1..0.1_f32);
                while post < 1.1 {
                    brush.rect(post, y, post + 0.015, y + 0.14, ink.times(0.8));
                    post += 0.22;
                }
            }
            _ => {
                let (wide, tall) = (rng.random_range(0.08..0.2), bbox.height() * rng.random_range(0.3..0.75));
                let ink = Ink::hsv(rng.random_range(0.0..1.0), rng.random_range(0.0..0.6), rng.random_range(0.15..0.7));
                brush.round(x - wide / 2.0, bbox.y1 - tall + 0.04, x + wide / 2.0, bbox.y1 + 0.04, 0.02, ink);
            }
        }
    }
}

/// The sky's colours, above and at the horizon.
fn sky(night: bool, rng: &mut impl Rng) -> (Ink, Ink) {
    if night {
        let value = rng.random_range(0.05..0.25);
        return (Ink::hsv(0.64, 0.5, value), Ink::hsv(rng.random_range(0.55..0.75), 0.3, value * 1.6));
    }
    match rng.random_range(0..4) {
        0 => (Ink::grey(rng.random_range(0.55..0.8)), Ink::grey(rng.random_range(0.75..0.95))),
        1 => (Ink::hsv(0.6, 0.4, 0.6), Ink::hsv(rng.random_range(0.03..0.12), 0.5, 0.95)),
        _ => (Ink::hsv(rng.random_range(0.54..0.62), rng.random_range(0.3..0.7), 0.85), Ink::hsv(0.56, 0.15, 0.95)),
    }
}

/// The ground's colour: grass, earth, sand, stone, snow.
fn earth(rng: &mut impl Rng, weather: Weather) -> Ink {
    if weather == Weather::Snow {
        return Ink::grey(rng.random_range(0.8..0.97));
    }
    match rng.random_range(0..5) {
        0 | 1 => Ink::hsv(rng.random_range(0.17..0.36), rng.random_range(0.25..0.65), rng.random_range(0.3..0.65)),
        2 => Ink::hsv(rng.random_range(0.05..0.13), rng.random_range(0.2..0.5), rng.random_range(0.35..0.75)),
        _ => Ink::grey(rng.random_range(0.3..0.7)),
    }
}

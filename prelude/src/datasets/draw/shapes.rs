//! The vehicles from the side, in metres: `x` from the rear bumper to the front, `y` upwards from the ground.

use super::Vehicle;
use super::brush::{Brush, Ink};
use rand::Rng;

type Points = Vec<(f32, f32)>;

/// One vehicle: its class, its size in metres, its style and its colours.
pub(super) struct Drawing {
    vehicle: Vehicle,
    /// Length in metres.
    pub length: f32,
    /// Height in metres.
    pub height: f32,
    style: u32,
    body: Ink,
    second: Ink,
    glass: Ink,
    rim: Ink,
}

impl Drawing {
    /// A vehicle with its size, style and colours drawn by chance.
    pub fn new(vehicle: Vehicle, rng: &mut impl Rng) -> Drawing {
        let (lengths, heights, styles) = match vehicle {
            Vehicle::Car => (3.7..4.9, 1.35..1.65, 5),
            Vehicle::Truck => (6.0..9.5, 2.9..3.7, 5),
            Vehicle::Bus => (8.0..11.5, 2.8..3.3, 4),
            Vehicle::Van => (4.6..5.9, 1.95..2.5, 3),
        };
        let style = rng.random_range(0..styles);
        let mut length = rng.random_range(lengths);
        let mut height = rng.random_range(heights);
        match (vehicle, style) {
            (Vehicle::Car, 3) => height *= 1.16,
            (Vehicle::Car, 4) => height *= 0.88,
            (Vehicle::Bus, 3) => {
                height = rng.random_range(4.0..4.4);
                length = rng.random_range(8.5..10.0);
            }
            _ => {}
        }
        let dark: f32 = rng.random_range(0.10..0.32);
        let tint = rng.random_range(0.0..0.12);
        Drawing {
            vehicle,
            length,
            height,
            style,
            body: paint(rng),
            second: paint(rng),
            glass: Ink::rgb(dark, dark + tint * 0.7, dark + tint),
            rim: Ink::grey(rng.random_range(0.25..0.75)),
        }
    }

    /// Draws it, with details by chance.
    pub fn draw(&self, brush: &mut Brush, rng: &mut impl Rng) {
        match self.vehicle {
            Vehicle::Car => self.car(brush, rng),
            Vehicle::Truck => self.truck(brush, rng),
            Vehicle::Bus => self.bus(brush, rng),
            Vehicle::Van => self.van(brush, rng),
        }
    }

    fn car(&self, brush: &mut Brush, rng: &mut impl Rng) {
        let (len, h) = (self.length, self.height);
        let clear = if self.style == 3 { 0.34 } else { rng.random_range(0.17..0.25) };
        let belt = h * rng.random_range(0.56..0.63);
        let nose = belt * rng.random_range(0.72..0.86);
        // windscreen's foot, roof's front, roof's rear, rear window's foot
        let foot = len * rng.random_range(0.66..0.72);
        let front = foot - rng.random_range(0.55..0.85);
        let (rear, tail) = match self.style {
            0 => (rng.random_range(1.15..1.45), rng.random_range(0.55..0.8)), // saloon
            1 => (rng.random_range(0.35..0.6), rng.random_range(0.06..0.15)), // hatchback
            2 => (rng.random_range(0.14..0.3), 0.05),                         // estate
            3 => (rng.random_range(0.2..0.4), 0.06),                          // off-roader
            _ => (rng.random_range(1.4..1.7), rng.random_range(0.3..0.5)),    // coupé
        };
        let deck = if self.style == 0 || self.style == 4 { belt * rng.random_range(0.9..0.98) } else { belt };
        let low: Points = vec![
            (0.06, clear),
            (0.0, clear + 0.15),
            (0.03, deck * 0.9),
            (0.12, deck),
            (tail + 0.2, belt),
            (foot, belt),
            (len - 0.35, nose),
            (len - 0.05, nose * 0.82),
            (len, clear + 0.2),
            (len - 0.06, clear),
        ];
        let cabin: Points = vec![
            (tail, belt - 0.02),
            (rear - 0.08, h - 0.07),
            (rear + 0.08, h - 0.015),
            ((rear + front) / 2.0, h),
            (front - 0.08, h - 0.03),
            (front + 0.05, h - 0.09),
            (foot + 0.03, belt - 0.02),
        ];
        let (w_rear, w_front) = (wheel_x(rng, len * 0.19), wheel_x(rng, len * 0.8));
        let radius = rng.random_range(0.29..0.35) * if self.style == 3 { 1.15 } else { 1.0 };
        self.underside(brush, w_rear, w_front, clear, radius);
        brush.polygon(&cabin, self.body.times(0.96));
        self.gloss(brush, &low, clear, belt);
        // glass: inside the cabin, split by a pillar or two
        let (g0, g1) = (belt + 0.02, h - 0.13);
        let pillar = (rear + front) / 2.0 + rng.random_range(-0.15..0.2);
        let back_low = tail.max(0.08) + 0.18;
        brush.polygon(&[(back_low, g0), (rear + 0.08, g1), (pillar - 0.05, g1), (pillar - 0.05, g0)], self.glass);
        brush.polygon(&[(pillar + 0.05, g0), (pillar + 0.05, g1), (front - 0.04, g1), (foot - 0.14, g0)], self.glass);
        brush.polygon(
            &[(pillar + 0.1, g0 + 0.05), (pillar + 0.2, g1), (pillar + 0.36, g1), (pillar + 0.26, g0 + 0.05)],
            Ink::grey(1.0).fade(0.16),
        );
        let seam = self.body.times(0.6).fade(0.8);
        brush.line((pillar, belt), (pillar + 0.02, clear + 0.12), 0.03, seam);
        if self.style != 4 {
            brush.line((foot - 0.15, belt), (foot - 0.2, clear + 0.15), 0.03, seam);
        }
        brush.rect(pillar + 0.08, belt - 0.13, pillar + 0.26, belt - 0.09, self.body.times(0.5));
        brush.rect(0.05, clear, len - 0.05, clear + 0.08, Ink::grey(0.15));
        brush.round(len - 0.3, nose * 0.7, len - 0.04, nose * 0.86, 0.05, lamp(rng));
        brush.round(0.01, deck * 0.72, 0.2, deck * 0.88, 0.04, Ink::rgb(0.75, 0.08, 0.08));
        self.wheels(brush, &[w_rear, w_front], radius);
    }

    fn van(&self, brush: &mut Brush, rng: &mut impl Rng) {
        let (len, h) = (self.length, self.height);
        let clear = rng.random_range(0.22..0.32);
        let belt = rng.random_range(1.05..1.2);
        let foot = len - rng.random_range(0.5..0.85);
        let front = foot - rng.random_range(0.5..0.9);
        let nose = belt * rng.random_range(0.72..0.86);
        let whole: Points = vec![
            (0.04, clear),
            (0.0, clear + 0.2),
            (0.0, h - 0.2),
            (0.06, h - 0.06),
            (0.2, h),
            (front - 0.1, h),
            (front + 0.08, h - 0.08),
            (foot, belt),
            (len - 0.12, nose),
            (len, nose * 0.75),
            (len, clear + 0.12),
            (len - 0.05, clear),
        ];
        let (w_rear, w_front) = (wheel_x(rng, len * 0.2), wheel_x(rng, len * 0.82));
        let radius = rng.random_range(0.31..0.37);
        self.underside(brush, w_rear, w_front, clear, radius);
        self.gloss(brush, &whole, clear, h);
        let (g0, g1) = (belt + 0.02, (belt + 0.68).min(h - 0.18));
        let slope = (foot - front) * (g1 - belt) / (h - belt);
        let door = front - rng.random_range(0.25..0.45);
        brush.polygon(&[(door, g0), (door, g1), (foot - slope - 0.16, g1), (foot - 0.14, g0)], self.glass);
        brush.line((foot + 0.02, belt), (foot - slope, g1 + 0.04), 0.07, self.glass.times(0.8));
        let seam = self.body.times(0.6).fade(0.8);
        brush.line((door - 0.08, h - 0.25), (door - 0.08, clear + 0.1), 0.03, seam);
        brush.rect(door + 0.03, belt - 0.16, door + 0.2, belt - 0.11, self.body.times(0.45));
        match self.style {
            0 => {
                // delivery van: blank sides, perhaps with a sign
                brush.line((0.35, belt), (door - 0.2, belt), 0.04, seam);
                if rng.random_bool(0.5) {
                    let (x, y) = (rng.random_range(0.5..1.0), rng.random_range(1.15..1.35));
                    let wide = rng.random_range(0.8..1.5_f32).min(door - x - 0.25);
                    brush.round(x, y, x + wide, y + 0.4, 0.1, self.second);
                }
            }
            1 => {
                // minibus: windows to the rear
                let count = rng.random_range(2..4);
                let step = (door - 0.45) / count as f32;
                for i in 0..count {
                    let x = 0.25 + i as f32 * step;
                    brush.round(x, g0, x + step - 0.1, g1, 0.06, self.glass);
                }
            }
            _ => {
                // half and half: one window, a stripe below
                brush.round(door - 1.2, g0, door - 0.2, g1, 0.06, self.glass);
                brush.rect(0.02, belt - 0.35, foot, belt - 0.2, self.second);
            }
        }
        brush.line((door - 1.35, g1 + 0.1), (door - 1.35, clear + 0.1), 0.03, seam);
        brush.rect(0.0, clear, len, clear + 0.13, Ink::grey(0.17));
        brush.round(len - 0.26, nose * 0.66, len - 0.02, nose * 0.9, 0.05, lamp(rng));
        brush.rect(0.0, belt - 0.3, 0.1, belt + 0.05, Ink::rgb(0.75, 0.08, 0.08));
        self.wheels(brush, &[w_rear, w_front], radius);
    }

    fn bus(&self, brush: &mut Brush, rng: &mut impl Rng) {
        let (len, h) = (self.length, self.height);
        let clear = rng.random_range(0.25..0.38);
        let rake = rng.random_range(0.0..0.3);
        let whole: Points = vec![
            (0.03, clear),
            (0.0, h - 0.25),
            (0.12, h - 0.04),
            (0.35, h),
            (len - 0.4 - rake, h),
            (len - 0.12 - rake * 0.7, h - 0.08),
            (len - 0.02, h * 0.45),
            (len, clear + 0.1),
            (len - 0.06, clear),
        ];
        let (w_rear, w_front) = (wheel_x(rng, len * 0.24), wheel_x(rng, len * 0.8));
        let radius = rng.random_range(0.44..0.52);
        self.underside(brush, w_rear, w_front, clear, radius);
        if rng.random_bool(0.4) {
            let x = rng.random_range(1.0..len * 0.5);
            brush.round(x, h - 0.05, x + 1.8, h + 0.2, 0.1, self.body.times(0.85));
        }
        self.gloss(brush, &whole, clear, h);
        if self.style != 0 {
            let y = rng.random_range(0.55..1.05);
            brush.rect(0.02, y, len - 0.04, y + rng.random_range(0.15..0.45), self.second);
        }
        let decks: &[(f32, f32)] = match self.style {
            3 => &[(1.25, 2.05), (2.75, 3.55)],
            2 => &[(1.55, 2.45)], // coach: high windows
            _ => &[(1.2, 2.3)],
        };
        let bays = rng.random_range(5..9);
        let band = rng.random_bool(0.4);
        for (deck, (y0, y1)) in decks.iter().enumerate() {
            let y1 = y1.min(h - 0.25);
            let end = len - 1.15 - rake;
            if band {
                brush.rect(0.25, *y0, end, y1, self.glass.times(0.8));
            }
            let step = (end - 0.25) / bays as f32;
            for bay in 0..bays {
                let x = 0.25 + bay as f32 * step;
                let shine = rng.random_range(0.85..1.3);
                brush.rect(x + 0.05, *y0, x + step - 0.07, y1, self.glass.times(shine));
            }
            // the driver's window reaches the front
            let reach = len - 0.06 - rake * if deck == 0 { 0.3 } else { 0.8 };
            brush.polygon(&[(end + 0.12, *y0), (end + 0.12, y1), (reach - 0.12, y1), (reach, *y0)], self.glass);
        }
        let (door_top, door) = (decks[0].1.min(h - 0.25), self.glass.mix(self.body, 0.25));
        brush.rect(len - 1.05, clear + 0.08, len - 0.3, door_top, door);
        brush.line((len - 0.68, clear + 0.08), (len - 0.68, door_top), 0.05, self.body.times(0.5));
        if self.style == 1 || self.style == 3 {
            let x = len * rng.random_range(0.42..0.55);
            brush.rect(x, clear + 0.08, x + 1.1, door_top, door);
            brush.line((x + 0.55, clear + 0.08), (x + 0.55, door_top), 0.05, self.body.times(0.5));
        }
        if rng.random_bool(0.6) {
            brush.rect(len - 1.1 - rake, h - 0.24, len - 0.3 - rake, h - 0.08, Ink::rgb(0.95, 0.65, 0.15));
        }
        brush.rect(0.0, clear, len, clear + 0.1, Ink::grey(0.16));
        brush.round(len - 0.2, 0.6, len, 0.85, 0.05, lamp(rng));
        brush.rect(0.0, 0.7, 0.12, 1.1, Ink::rgb(0.75, 0.08, 0.08));
        let mut wheels = vec![w_rear, w_front];
        if self.style == 2 && rng.random_bool(0.5) {
            wheels.push(w_rear - radius * 2.2);
        }
        self.wheels(brush, &wheels, radius);
    }

    fn truck(&self, brush: &mut Brush, rng: &mut impl Rng) {
        let (len, h) = (self.length, self.height);
        let radius = rng.random_range(0.46..0.54);
        let bonnet = if rng.random_bool(0.25) { rng.random_range(0.9..1.3) } else { 0.0 };
        let cab = rng.random_range(1.5..2.0) + bonnet;
        let cab_h = (h * rng.random_range(0.74..0.92)).max(2.4);
        let gap = rng.random_range(0.12..0.4);
        let end = len - cab - gap;
        let deck = rng.random_range(0.95..1.15);
        let w_front = len - cab * 0.45 - bonnet * 0.25;
        let rear = rng.random_range(0.7..1.2);
        let mut wheels = vec![rear, w_front];
        if len > 7.0 || rng.random_bool(0.4) {
            wheels.push(rear + radius * 2.15);
        }
        // frame, tank, mudguards
        brush.rect(0.05, deck - 0.32, len - 0.4, deck, Ink::grey(0.13));
        brush.round(end * 0.6, deck - 0.6, end * 0.6 + 0.9, deck - 0.15, 0.1, Ink::grey(0.3));
        brush.rect(0.0, deck - 0.4, 0.12, deck - 0.2, Ink::rgb(0.75, 0.08, 0.08));
        self.load(brush, rng, end, deck);
        // cab
        let base = deck - rng.random_range(0.35..0.5);
        let x0 = len - cab;
        let screen = len - bonnet;
        let lean = rng.random_range(0.05..0.25);
        let mut points: Points =
            vec![(x0, base), (x0, cab_h - 0.12), (x0 + 0.12, cab_h), (screen - lean - 0.15, cab_h)];
        points.push((screen - lean, cab_h - 0.1));
        if bonnet > 0.0 {
            points.extend([(screen, deck + 0.75), (len - 0.15, deck + 0.6), (len, deck + 0.4)]);
        } else {
            points.push((screen, deck + 0.55));
        }
        points.extend([(len, base - 0.1), (len - 0.06, base - 0.25), (len - cab * 0.2, base - 0.25)]);
        points.push((len - cab * 0.2, base));
        self.gloss(brush, &points, base - 0.25, cab_h);
        if bonnet == 0.0 && h - cab_h > 0.3 && rng.random_bool(0.6) {
            // wind deflector up to the load
            brush.polygon(
                &[(x0, cab_h - 0.03), (x0, h - 0.1), (screen - lean - 0.3, cab_h - 0.03)],
                self.body.times(0.9),
            );
        }
        let (g0, g1) = (deck + 0.75, cab_h - 0.25);
        let side = x0 + (cab - bonnet) * 0.28;
        brush.polygon(&[(side, g0), (side, g1), (screen - lean - 0.22, g1), (screen - 0.14, g0)], self.glass);
        brush.line((screen - 0.02, g0), (screen - lean, g1 + 0.05), 0.08, self.glass.times(0.7));
        brush.line((side - 0.1, g1), (side - 0.1, base + 0.1), 0.04, self.body.times(0.6).fade(0.8));
        brush.rect(len - 0.35, base - 0.22, len, base - 0.02, Ink::grey(0.2));
        brush.round(len - 0.24, base + 0.02, len - 0.01, base + 0.22, 0.04, lamp(rng));
        if rng.random_bool(0.3) {
            brush.rect(x0 - 0.1, deck, x0 - 0.02, cab_h + 0.3, Ink::grey(0.55));
        }
        self.wheels(brush, &wheels, radius);
    }

    /// What a truck carries, from its rear end to `end`, on a deck at height `deck`.
    fn load(&self, brush: &mut Brush, rng: &mut impl Rng, end: f32, deck: f32) {
        let h = self.height;
        let cargo = self.second;
        let seam = cargo.times(0.7).fade(0.7);
        match self.style {
            0 => {
                // box, perhaps with a sign
                shade(brush, &[(0.0, deck), (0.0, h), (end, h), (end, deck)], deck, h, cargo);
                brush.line((0.0, deck + 0.05), (end, deck + 0.05), 0.08, cargo.times(0.55));
                if rng.random_bool(0.5) {
                    let (x, y) = (end * rng.random_range(0.15..0.35), deck + (h - deck) * rng.random_range(0.3..0.5));
                    let wide = end * rng.random_range(0.3..0.5);
                    brush.round(x, y, x + wide, y + 0.6, 0.15, paint(rng));
                }
            }
            1 => {
                // container: ribs
                shade(brush, &[(0.0, deck), (0.0, h - 0.1), (end, h - 0.1), (end, deck)], deck, h, cargo);
                let ribs = rng.random_range(7..13);
                for rib in 1..ribs {
                    let x = end * rib as f32 / ribs as f32;
                    brush.line((x, deck + 0.1), (x, h - 0.2), 0.08, seam);
                }
            }
            2 => {
                // tank
                let (low, high) = (deck + 0.1, deck + (h - deck) * rng.random_range(0.75..0.95));
                let points = super::brush::rounded(0.0, low, end, high, rng.random_range(0.5..0.95));
                shade(brush, &points, low, high, cargo);
                for share in [0.28, 0.52, 0.76] {
                    brush.line((end * share, low + 0.05), (end * share, high - 0.05), 0.07, seam);
                }
                brush.round(end * 0.45, high - 0.05, end * 0.55, high + 0.15, 0.05, cargo.times(0.7));
            }
            3 => {
                // tipper with a heap
                let side = deck + (h - deck) * rng.random_range(0.5..0.7);
                let earth =
                    Ink::hsv(rng.random_range(0.05..0.14), rng.random_range(0.1..0.6), rng.random_range(0.3..0.6));
                let peak = side + rng.random_range(0.25..0.6);
                brush.polygon(
                    &[(0.3, side - 0.1), (end * 0.3, peak - 0.1), (end * 0.55, peak), (end - 0.3, side - 0.1)],
                    earth,
                );
                shade(brush, &[(0.25, deck), (0.0, side), (end, side), (end - 0.05, deck)], deck, side, cargo);
                for rib in 1..5 {
                    let x = end * rib as f32 / 5.0;
                    brush.line((x, deck + 0.05), (x, side), 0.1, seam);
                }
            }
            _ => {
                // flatbed with logs or crates
                brush.rect(0.0, deck - 0.1, end, deck + 0.08, cargo.times(0.8));
                if rng.random_bool(0.5) {
                    let wood = Ink::hsv(rng.random_range(0.06..0.1), 0.55, rng.random_range(0.35..0.6));
                    for row in 0..rng.random_range(2..5) {
                        let y = deck + 0.1 + row as f32 * 0.38;
                        let shift = rng.random_range(0.0..0.4);
                        brush.round(0.1 + shift, y, end - 0.3, y + 0.36, 0.15, wood.times(rng.random_range(0.75..1.2)));
                    }
                    for share in [0.15, 0.5, 0.85] {
                        brush.line((end * share, deck), (end * share, h - 0.5), 0.09, Ink::grey(0.25));
                    }
                } else {
                    let mut x = 0.1;
                    while x < end - 0.9 {
                        let (wide, tall) = (rng.random_range(0.8..1.6_f32).min(end - x), rng.random_range(0.6..1.6));
                        let crate_ink = paint(rng);
                        shade(
                            brush,
                            &[(x, deck), (x, deck + tall), (x + wide - 0.08, deck + tall), (x + wide - 0.08, deck)],
                            deck,
                            deck + tall,
                            crate_ink,
                        );
                        x += wide;
                    }
                }
                brush.rect(end - 0.12, deck, end, deck + 1.0, cargo.times(0.6));
            }
        }
    }

    /// The body's paint, lighter above.
    fn gloss(&self, brush: &mut Brush, points: &[(f32, f32)], low: f32, high: f32) {
        shade(brush, points, low, high, self.body);
    }

    /// The dark space between and behind the wheels.
    fn underside(&self, brush: &mut Brush, rear: f32, front: f32, clear: f32, radius: f32) {
        brush.rect(rear - radius, clear * 0.75, front + radius, clear + 0.2, Ink::grey(0.06));
    }

    fn wheels(&self, brush: &mut Brush, at: &[f32], radius: f32) {
        for x in at {
            brush.ellipse(*x, radius * 1.05, radius * 1.18, radius * 1.18, Ink::grey(0.05));
            brush.ellipse(*x, radius, radius, radius, Ink::grey(0.11));
            brush.ellipse(*x, radius, radius * 0.62, radius * 0.62, self.rim);
            brush.ellipse(*x, radius, radius * 0.2, radius * 0.2, self.rim.times(0.5));
        }
    }
}

/// A shape in one paint, darker below and lighter above.
fn shade(brush: &mut Brush, points: &[(f32, f32)], low: f32, high: f32, ink: Ink) {
    brush.shaded(points, (low, ink.times(0.72)), (high, ink.times(1.08).mix(Ink::grey(1.0), 0.06)));
}

/// A wheel's place, a little off the usual one.
fn wheel_x(rng: &mut impl Rng, usual: f32) -> f32 {
    usual + rng.random_range(-0.08..0.08)
}

/// A head lamp.
fn lamp(rng: &mut impl Rng) -> Ink {
    Ink::rgb(1.0, rng.random_range(0.9..1.0), rng.random_range(0.65..0.95))
}

/// A paint as vehicles have it: half of them without much colour. It is drawn alike for every class.
fn paint(rng: &mut impl Rng) -> Ink {
    if rng.random_bool(0.45) {
        let value = rng.random_range(0.12..0.97);
        return Ink::hsv(rng.random_range(0.5..0.7), rng.random_range(0.0..0.1), value);
    }
    Ink::hsv(rng.random_range(0.0..1.0), rng.random_range(0.45..0.9), rng.random_range(0.3..0.9))
}

//! How each style lays colour down: the brush's trace, washes, hatching, and the colours that styles are made of.

use super::chance::{bristle, floor, mix, speck, step, swell, times, zigzag};
use super::pigment::{CLAY, Style};

/// The blue of ceramics, and the white below it.
pub(super) const COBALT: [f32; 3] = [0.1, 0.18, 0.5];
pub(super) const GLAZE: [f32; 3] = [0.92, 0.94, 0.95];
/// The ink of etchings, and their paper.
pub(super) const SEPIA: [f32; 3] = [0.25, 0.15, 0.09];
pub(super) const PAPER: [f32; 3] = [0.91, 0.85, 0.73];

/// What a brush's pixel is beside its pixels: a tone becomes ink, glaze or paint.
pub(super) struct Stroke {
    pub seed: u32,
    /// The brush's direction.
    pub way: (f32, f32),
    /// A fine line's width in pixels.
    pub unit: f32,
}

impl Stroke {
    /// The stroke of a number.
    pub fn new(seed: u32, size: (usize, usize)) -> Stroke {
        let (sin, cos) = super::curve::turn(speck(seed, 1, 2) * 0.5);
        Stroke { seed, way: (cos, sin), unit: size.0.min(size.1) as f32 / 160.0 }
    }

    /// A colour or a tone as the style lays it down at a pixel; `light` is how much light falls there, around 0.64.
    pub fn lay(&self, style: Style, colour: [f32; 3], light: f32, x: f32, y: f32) -> [f32; 3] {
        match style {
            Style::Icon => {
                let trace = bristle(self.seed, x, y, self.way, self.unit);
                let dark = step(0.3, 0.44, light + 0.2 * (trace - 0.5));
                let hatch = zigzag((x * self.way.0 + y * self.way.1) / (3.2 * self.unit));
                let white = step(0.78, 0.9, light) * step(0.35, 0.6, hatch);
                let colour = mix(times(colour, 0.5), colour, dark);
                times(mix(colour, [0.96, 0.9, 0.75], 0.7 * white), 0.86 + 0.28 * trace)
            }
            Style::Gouache => {
                let trace = bristle(self.seed, x, y, self.way, self.unit * 1.25);
                let lit = step(0.4, 0.46, light + 0.5 * (trace - 0.5));
                let colour = mix(mix(times(colour, 0.72), [0.15, 0.1, 0.35], 0.12), colour, lit);
                times(colour, 0.84 + 0.32 * trace)
            }
            Style::Vase => {
                let trace = bristle(self.seed, x, y, self.way, self.unit * 1.6);
                times(colour, 0.88 + 0.24 * trace)
            }
            Style::Delft => {
                let pool = swell(self.seed, x / (7.0 * self.unit), y / (7.0 * self.unit)) - 0.5;
                let trace = bristle(self.seed, x, y, self.way, self.unit * 1.5) - 0.5;
                let wash = colour[0] * (0.62 + 0.62 * light) + 0.16 * pool + 0.16 * trace;
                mix(COBALT, GLAZE, steps(wash.clamp(0.0, 1.0), 4.0))
            }
            Style::Etching => {
                let tone = colour[0] * (0.55 + 0.85 * light);
                let lines = |dx: f32, dy: f32, width: f32| {
                    let bend = 1.2 * swell(self.seed, x / (9.0 * self.unit), y / (9.0 * self.unit));
                    let place = (x * dx + y * dy) / (2.6 * self.unit) + bend;
                    1.0 - step(width - 0.25, width + 0.25, zigzag(place))
                };
                let one = lines(0.77, 0.64, (0.92 - tone).clamp(-0.3, 0.8));
                let two = lines(0.7, -0.71, (0.62 - tone).clamp(-0.3, 0.7));
                let three = lines(0.1, 0.99, (0.3 - tone).clamp(-0.3, 0.9) * 1.6);
                mix(PAPER, SEPIA, one.max(two).max(three) * 0.95)
            }
        }
    }
}

/// A value in steps with soft edges.
fn steps(value: f32, count: f32) -> f32 {
    let place = value * count;
    let whole = floor(place) as f32;
    ((whole + step(0.3, 0.7, place - whole)) / count).clamp(0.0, 1.0)
}

/// The colour of a style's lines.
pub(super) fn ink(style: Style, own: [f32; 3]) -> [f32; 3] {
    match style {
        Style::Delft => times(COBALT, 0.75),
        Style::Etching => times(SEPIA, 0.8),
        _ => own,
    }
}

/// The clay or the light of a style where nothing is painted.
pub(super) fn blank(style: Style) -> [f32; 3] {
    match style {
        Style::Icon => [0.83, 0.62, 0.22],
        Style::Delft => GLAZE,
        Style::Etching => PAPER,
        Style::Gouache => [0.96, 0.93, 0.86],
        Style::Vase => CLAY,
    }
}

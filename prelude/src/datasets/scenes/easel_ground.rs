//! The grounds of paintings: skies, hills, waters, meadows, gold and walls, with the marks that painters make on them.

use super::chance::{bell, blend, speck, step, stir, swell, times};
use super::cover::Raster;
use super::curve::limb;
use super::pigment::Style;
use super::sketch::{Ground, Place, Sketch};
use super::stroke::{self, Stroke};

/// A part of a ground.
#[derive(Clone, Copy, PartialEq)]
enum Zone {
    Sky,
    Hill,
    Water,
    Land,
    Wall,
    Gold,
}

/// The ground of a painting.
pub(super) fn render(sketch: &Sketch) -> Raster {
    let style = sketch.style;
    let seed = sketch.ground.seed;
    let palette = Zones::new(style, seed);
    let strokes: Vec<Stroke> = (0..6).map(|zone| across(Stroke::new(stir(seed, zone), sketch.size))).collect();
    let parts = Parts::new(sketch);
    let mut raster = Raster::new(sketch.size, |x, y| {
        let zone = parts.at(x, y);
        let (x, y) = (x as f32, y as f32);
        let colour = palette.colours[zone as usize];
        let light = 0.64 + 0.25 * (swell(seed ^ 3, x / 30.0, y / 22.0) - 0.5);
        strokes[zone as usize].lay(style, colour, light, x, y)
    });
    borders(&mut raster, sketch, &parts, &palette);
    marks(&mut raster, sketch, &parts, &palette);
    raster
}

/// Strokes of grounds lie rather than stand.
fn across(stroke: Stroke) -> Stroke {
    let (dx, dy) = stroke.way;
    let (dx, dy) = (dx.abs() + 0.8, dy * 0.5);
    let length = (dx * dx + dy * dy).sqrt();
    Stroke { way: (dx / length, dy / length), ..stroke }
}

/// The colours of the parts and of the lines between them.
struct Zones {
    colours: [[f32; 3]; 6],
    line: [f32; 3],
    style: Style,
}

impl Zones {
    fn new(style: Style, seed: u32) -> Zones {
        let lot = speck(seed, 3, 9);
        let colours = match style {
            Style::Icon => [
                [0.86, 0.66, 0.25],
                [0.62, 0.42, 0.2],
                [0.18, 0.32, 0.36],
                [0.36, 0.38, 0.18],
                [0.66, 0.26, 0.14],
                [0.84, 0.62, 0.2],
            ],
            Style::Gouache => {
                let sets = [
                    [[0.98, 0.75, 0.62], [0.55, 0.4, 0.65], [0.2, 0.6, 0.7], [0.95, 0.8, 0.3], [0.85, 0.4, 0.4]],
                    [[0.55, 0.8, 0.85], [0.95, 0.65, 0.35], [0.15, 0.35, 0.65], [0.6, 0.75, 0.4], [0.95, 0.8, 0.75]],
                    [[0.98, 0.85, 0.45], [0.85, 0.35, 0.35], [0.3, 0.45, 0.6], [0.9, 0.55, 0.35], [0.35, 0.55, 0.5]],
                    [[0.3, 0.25, 0.5], [0.2, 0.4, 0.5], [0.85, 0.5, 0.6], [0.3, 0.55, 0.45], [0.95, 0.9, 0.8]],
                ];
                let [sky, hill, water, land, wall] = sets[(lot * 3.99) as usize];
                [sky, hill, water, land, wall, [0.95, 0.75, 0.25]]
            }
            Style::Vase => [stroke::blank(style); 6],
            Style::Delft => [1.0, 0.84, 0.74, 0.95, 1.0, 1.0].map(|tone| [tone; 3]),
            Style::Etching => [1.0, 0.8, 0.7, 0.95, 0.9, 0.97].map(|tone| [tone; 3]),
        };
        let line = match style {
            Style::Icon => [0.22, 0.1, 0.05],
            Style::Gouache => times(colours[Zone::Hill as usize], 0.45),
            Style::Vase => [0.16, 0.1, 0.08],
            Style::Delft | Style::Etching => stroke::ink(style, [0.0; 3]),
        };
        Zones { colours, line, style }
    }
}

/// Which part is where, by what is the same in a whole column.
struct Parts {
    ground: Ground,
    /// How far the lines of a column lie below where they would be if they were straight.
    tremble: Vec<f32>,
    /// Where hills begin in a column.
    ridge: Vec<f32>,
}

impl Parts {
    fn new(sketch: &Sketch) -> Parts {
        let (ground, tall) = (sketch.ground, sketch.size.1 as f32);
        let columns = || (0..sketch.size.0).map(|x| x as f32);
        let tremble = |x: f32| (swell(ground.seed ^ 13, x / 14.0, 0.0) - 0.5) * 0.025 * tall;
        let hill = |x: f32| 0.17 * tall * step(0.25, 0.85, swell(ground.seed ^ 17, x / tall * 3.2, 0.0));
        let ridge = columns().map(|x| ground.horizon - hill(x)).collect();
        Parts { ground, tremble: columns().map(tremble).collect(), ridge }
    }

    fn at(&self, x: usize, y: usize) -> Zone {
        let (ground, tremble, y) = (&self.ground, self.tremble[x], y as f32);
        if y < ground.horizon + tremble {
            return match ground.place {
                Place::Gold => Zone::Gold,
                Place::Wall => Zone::Wall,
                Place::Meadow | Place::Water if y > self.ridge[x] => Zone::Hill,
                _ => Zone::Sky,
            };
        }
        match ground.water {
            Some((from, to)) if y >= from + tremble && y < to + tremble * 1.5 => Zone::Water,
            _ => Zone::Land,
        }
    }
}

/// Lines along the borders of parts.
fn borders(raster: &mut Raster, sketch: &Sketch, parts: &Parts, palette: &Zones) {
    let width = sketch.size.0 as f32;
    let broad = sketch.style.line() * 1.3 * sketch.size.0.min(sketch.size.1) as f32 / 160.0;
    let ground = &sketch.ground;
    let column = |x: f32| x.clamp(0.0, width - 1.0) as usize;
    let mut lines = vec![ground.horizon];
    lines.extend(ground.water.into_iter().flat_map(|(from, to)| [from, to]));
    for (at, line) in lines.into_iter().enumerate() {
        let bend = if at == 2 { 1.5 } else { 1.0 };
        draw_row(raster, width, broad, palette.line, |x| line + parts.tremble[column(x)] * bend);
    }
    if matches!(ground.place, Place::Meadow | Place::Water) {
        draw_row(raster, width, broad, palette.line, |x| parts.ridge[column(x)]);
    }
}

/// One line from left to right.
fn draw_row(raster: &mut Raster, width: f32, broad: f32, ink: [f32; 3], height: impl Fn(f32) -> f32) {
    let points: Vec<[f32; 3]> = (0..=24)
        .map(|at| {
            let x = -4.0 + (width + 8.0) * at as f32 / 24.0;
            [x, height(x), broad]
        })
        .collect();
    raster.fill(&[limb(&points)], ink, 0.8);
}

/// Waves, tufts, clouds, tiles: the marks of a painter on the parts.
fn marks(raster: &mut Raster, sketch: &Sketch, parts: &Parts, palette: &Zones) {
    let seed = sketch.ground.seed;
    let (width, height) = (sketch.size.0 as f32, sketch.size.1 as f32);
    let unit = width.min(height) / 160.0;
    let ink = match palette.style {
        Style::Gouache => times(palette.line, 1.2),
        _ => palette.line,
    };
    let count = 46;
    for number in 0..count {
        let lot = |at: i32| speck(seed ^ 91, number, at);
        let (x, y) = (lot(1) * width, lot(2) * height);
        let zone = parts.at(x as usize, y as usize);
        let length = unit * (3.0 + 4.0 * lot(3));
        let thin = unit * (0.7 + 0.6 * lot(4)) * palette.style.line().max(0.7);
        let mut line = |points: &[[f32; 2]]| {
            let spine: Vec<[f32; 3]> = points.iter().map(|[dx, dy]| [x + dx * length, y + dy * length, thin]).collect();
            raster.fill(&[limb(&spine)], ink, 0.75);
        };
        match zone {
            Zone::Water => {
                line(&[[-1.6, 0.1], [-1.1, -0.35], [-0.5, 0.1], [0.0, -0.35], [0.6, 0.1], [1.1, -0.35], [1.6, 0.1]]);
            }
            Zone::Land => {
                line(&[[-0.5, 0.0], [-0.6, -0.8]]);
                line(&[[0.0, 0.0], [0.0, -1.1]]);
                line(&[[0.5, 0.0], [0.65, -0.8]]);
            }
            Zone::Sky if number % 4 == 0 => {
                let curl = [[-2.4, 0.3], [-1.6, -0.5], [-0.8, 0.0], [-0.1, -0.8], [0.8, -0.5], [0.6, 0.1], [1.9, 0.3]];
                line(&curl);
            }
            Zone::Hill if number % 2 == 0 => line(&[[-0.6, 0.7], [0.0, -0.1], [0.5, 0.6]]),
            Zone::Gold if number % 3 == 0 => {
                line(&[[-0.25, 0.0], [0.25, 0.0]]);
                line(&[[0.0, -0.25], [0.0, 0.25]]);
            }
            _ => {}
        }
    }
    if sketch.ground.place == Place::Wall {
        tiles(raster, sketch, ink);
    }
    if palette.style == Style::Icon {
        gild(raster, sketch, parts);
    }
}

/// Courses of stones or tiles on a wall.
fn tiles(raster: &mut Raster, sketch: &Sketch, ink: [f32; 3]) {
    let (width, height) = (sketch.size.0 as f32, sketch.size.1 as f32);
    let seed = sketch.ground.seed;
    let course = width.min(height) * blend(0.1, 0.16, speck(seed, 4, 4));
    let thin = width.min(height) / 210.0;
    let mut row = 0;
    let mut y = sketch.ground.horizon - course;
    while y > -course {
        draw_row(raster, width, thin, ink, |x| y + 1.5 * (swell(seed, x / 20.0, row as f32) - 0.5));
        let mut x = course * (0.3 + 0.9 * (row % 2) as f32);
        while x < width {
            let foot = (y + course).min(sketch.ground.horizon);
            raster.fill(&[limb(&[[x, y, thin], [x + 0.8, foot, thin]])], ink, 0.6);
            x += course * 1.8;
        }
        y -= course;
        row += 1;
    }
}

/// Gold leaf: its sheets differ a little, and it glitters.
fn gild(raster: &mut Raster, sketch: &Sketch, parts: &Parts) {
    let side = sketch.size.0.min(sketch.size.1) as f32 / 4.5;
    let seed = sketch.ground.seed;
    for at in 0..raster.pixels.len() {
        let (x, y) = (at % raster.width, at / raster.width);
        if matches!(parts.at(x, y), Zone::Gold | Zone::Sky) {
            let sheet = speck(seed ^ 51, (x as f32 / side) as i32, (y as f32 / side + 0.4) as i32);
            let glow = swell(seed ^ 52, x as f32 / 45.0, y as f32 / 45.0);
            let spark = 0.035 * bell(seed ^ 53, x as i32, y as i32);
            raster.pixels[at] = times(raster.pixels[at], 0.86 + 0.1 * sheet + 0.2 * glow + spark);
        }
    }
}

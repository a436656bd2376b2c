//! Paintings: flat or hatched areas with the brush's trace, lines around them, haloes.

use super::chance::{blend, mix, speck, step, stir, times};
use super::cover::{Cover, Raster};
use super::curve::{contour, oval};
use super::pigment::Style;
use super::sketch::{Placed, Sketch};
use super::stroke::{COBALT, GLAZE, PAPER, SEPIA, Stroke, blank, ink};
use super::things::{Piece, Stuff};
use super::{easel_ground, varnish};

/// A painting of a sketch.
pub(super) fn render(sketch: &Sketch, without: Option<usize>, bare: bool) -> Raster {
    let mut raster = easel_ground::render(sketch);
    for (_, placed) in sketch.placed.iter().enumerate().filter(|(at, _)| Some(*at) != without) {
        if !bare {
            reserve(&mut raster, placed, sketch);
            halo(&mut raster, placed, sketch);
        }
        placed.pieces.iter().enumerate().for_each(|(at, piece)| paint(&mut raster, piece, at as u32, placed, sketch));
    }
    if bare { raster } else { varnish::finish(raster, sketch) }
}

/// Paints one piece.
fn paint(raster: &mut Raster, piece: &Piece, number: u32, placed: &Placed, sketch: &Sketch) {
    let Some(cover) = Cover::of(&piece.rings, sketch.size, 1) else { return };
    let style = sketch.style;
    let colour = placed.colours[piece.stuff as usize];
    if piece.stuff == Stuff::Line {
        let ink = ink(style, colour);
        cover.pixels().for_each(|(_, x, y, share)| raster.lay(x, y, ink, share));
        return;
    }
    let small = piece.round == 0.0;
    let reach = (cover.width.min(cover.height) as f32 * 0.22).clamp(1.0, 14.0) as usize;
    let height = if small { Vec::new() } else { cover.cushion(reach) };
    let stroke = Stroke::new(stir(placed.seed, number), sketch.size);
    let steep = reach as f32 * 1.5 * piece.round;
    let colour = times(colour, blend(1.0, piece.light, 0.7)).map(|value| value.min(1.0));
    for (at, x, y, share) in cover.pixels() {
        let light = if height.is_empty() {
            0.64
        } else {
            let (gx, gy) = cover.slope(&height, at);
            let (nx, ny) = (-gx * steep, -gy * steep);
            let length = (nx * nx + ny * ny + 1.0).sqrt();
            ((nx * sketch.light[0] + ny * sketch.light[1] + sketch.light[2]) / length).max(0.0)
        };
        // marks are too small for hatching
        let flat = small && style == Style::Etching && !piece.lined;
        let own = if flat {
            mix(SEPIA, PAPER, step(0.3, 0.7, colour[0]))
        } else {
            stroke.lay(style, colour, light, x as f32, y as f32)
        };
        raster.lay(x, y, own, share);
    }
}

/// Where one colour must do, what is behind a thing stops short of it.
fn reserve(raster: &mut Raster, placed: &Placed, sketch: &Sketch) {
    if !matches!(sketch.style, Style::Delft | Style::Etching) {
        return;
    }
    let broad = 3.4 * sketch.size.0.min(sketch.size.1) as f32 / 160.0;
    for piece in placed.pieces.iter().filter(|piece| piece.lined) {
        raster.fill(&contour(&piece.rings[0], broad, placed.seed), blank(sketch.style), 0.8);
    }
}

/// A disc behind the heads of people and beasts, as icons have them; other styles are sparing with it.
fn halo(raster: &mut Raster, placed: &Placed, sketch: &Sketch) {
    let Some([x, y, r]) = placed.head else { return };
    let lot = speck(placed.seed, 5, 5);
    let often = match sketch.style {
        Style::Icon => 0.9,
        Style::Delft | Style::Etching => 0.15,
        Style::Gouache => 0.25,
        Style::Vase => 0.0,
    };
    if lot >= often || r < 2.0 {
        return;
    }
    let disc = oval(x, y, r * 1.75, r * 1.75);
    let (fill, line) = match sketch.style {
        Style::Icon => ([0.93, 0.74, 0.3], [0.6, 0.2, 0.1]),
        Style::Delft => (GLAZE, COBALT),
        Style::Etching => (PAPER, SEPIA),
        _ => ([0.98, 0.85, 0.4], placed.colours[Stuff::Trim as usize]),
    };
    raster.fill(std::slice::from_ref(&disc), fill, 0.9);
    raster.fill(&contour(&disc, (r * 0.2).clamp(0.8, 2.5), placed.seed), line, 0.85);
}

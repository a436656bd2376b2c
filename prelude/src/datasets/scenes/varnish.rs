//! What time and material add to a painting: frames, cracks, grain of paper, pits of clay.

use super::chance::{bell, crack, mix, speck, step, stir, swell, times};
use super::cover::Raster;
use super::curve::{block, limb};
use super::pigment::{CLAY, Style};
use super::sketch::Sketch;
use super::stroke::{COBALT, GLAZE, PAPER, SEPIA, blank};

/// A painting as it hangs in a museum.
pub(super) fn finish(mut raster: Raster, sketch: &Sketch) -> Raster {
    if sketch.frame > 0.0 {
        frame(&mut raster, sketch);
    }
    let seed = stir(sketch.seed, 61);
    let unit = sketch.size.0.min(sketch.size.1) as f32 / 160.0;
    let old = speck(sketch.seed, 6, 6);
    let style = sketch.style;
    let width = raster.width;
    for (at, pixel) in raster.pixels.iter_mut().enumerate() {
        let (column, row) = ((at % width) as i32, (at / width) as i32);
        let (x, y) = (column as f32 / unit, row as f32 / unit);
        let grain = bell(seed, column, row);
        *pixel = match style {
            Style::Icon => {
                let dry = step(0.5, 0.8, 0.6 * old + swell(seed ^ 2, x / 40.0, y / 40.0) - 0.15);
                let net = || crack(seed, x / 17.0 + 0.3 * swell(seed, x / 6.0, y / 6.0), y / 15.0);
                let broken = if dry > 0.0 { dry * (1.0 - step(0.015, 0.05, net())) } else { 0.0 };
                let dusk = 0.92 + 0.1 * swell(seed ^ 1, x / 50.0, y / 50.0);
                let warm = [1.02 * dusk, 0.98 * dusk, 0.88 * dusk];
                let aged: [f32; 3] = std::array::from_fn(|c| pixel[c] * warm[c] + 0.012 * grain);
                mix(aged, [0.18, 0.1, 0.06], 0.6 * broken)
            }
            Style::Delft => {
                let net = crack(seed, x / 11.0, y / 11.0);
                let crazed = (1.0 - step(0.01, 0.05, net)) * old * 0.3;
                let shine = 0.05 * step(0.62, 0.8, swell(seed ^ 1, x / 60.0 + y / 60.0, y / 90.0));
                let glazed = mix(*pixel, [0.55, 0.5, 0.42], crazed);
                std::array::from_fn(|c| {
                    glazed[c] * (0.97 + 0.06 * swell(seed, x / 9.0, y / 9.0)) + shine + 0.006 * grain
                })
            }
            Style::Etching => {
                let stain = step(0.62, 0.95, swell(seed ^ 1, x / 26.0, y / 26.0)) * old * 0.5;
                let fibre = 0.94 + 0.08 * swell(seed ^ 2, x / 1.6, y / 1.1) + 0.02 * grain;
                times(mix(*pixel, [0.68, 0.5, 0.3], stain), fibre)
            }
            Style::Gouache => {
                let tooth = swell(seed ^ 2, x / 1.5, y / 1.5);
                let bare = step(0.92, 1.0, tooth + 0.06 * old) * 0.16;
                times(mix(*pixel, blank(style), bare), 0.92 + 0.12 * tooth)
            }
            Style::Vase => {
                let pit = step(0.88, 0.95, swell(seed ^ 3, x / 2.6, y / 2.6)) * (0.2 + 0.5 * old);
                let fired = 0.88 + 0.22 * swell(seed ^ 1, x / 45.0, y / 45.0) + 0.012 * grain;
                times(mix(*pixel, times(CLAY, 0.85), pit), fired)
            }
        };
    }
    raster
}

/// Frames as the styles have them.
fn frame(raster: &mut Raster, sketch: &Sketch) {
    let (width, height) = (raster.width as f32, raster.height as f32);
    let f = sketch.frame;
    let mut border = |inset: f32, broad: f32, colour: [f32; 3]| {
        let (x0, y0, x1, y1) = (inset, inset, width - inset, height - inset);
        let sides = [
            block(x0, y0, x1, y0 + broad),
            block(x0, y1 - broad, x1, y1),
            block(x0, y0, x0 + broad, y1),
            block(x1 - broad, y0, x1, y1),
        ];
        sides.into_iter().for_each(|side| raster.fill(&[side], colour, 1.0));
    };
    match sketch.style {
        Style::Icon => {
            border(0.0, f, [0.6, 0.15, 0.09]);
            border(f * 0.72, f * 0.28, [0.88, 0.7, 0.3]);
            border(0.0, f * 0.16, [0.3, 0.1, 0.06]);
        }
        Style::Delft => {
            border(0.0, f, GLAZE);
            border(f * 0.78, f * 0.16, COBALT);
            border(f * 0.5, f * 0.1, COBALT);
            corners(raster, f);
        }
        Style::Etching => {
            border(0.0, f, PAPER);
            border(f * 0.86, f * 0.12, SEPIA);
        }
        Style::Gouache => border(0.0, f, blank(Style::Gouache)),
        Style::Vase => {
            border(0.0, f, CLAY);
            border(f * 0.88, f * 0.14, [0.12, 0.08, 0.07]);
            border(0.0, f * 0.14, [0.12, 0.08, 0.07]);
            meander(raster, f);
        }
    }
}

/// The leaves in a tile's corners.
fn corners(raster: &mut Raster, f: f32) {
    let (width, height) = (raster.width as f32, raster.height as f32);
    for (x, sx) in [(0.0, 1.0), (width, -1.0)] {
        for (y, sy) in [(0.0, 1.0), (height, -1.0)] {
            for (dx, dy) in [(1.6, 0.7), (0.7, 1.6), (1.3, 1.3)] {
                let leaf =
                    [[x + sx * f * 0.2, y + sy * f * 0.2, f * 0.16], [x + sx * f * dx, y + sy * f * dy, f * 0.3]];
                raster.fill(&[limb(&leaf)], COBALT, 0.85);
            }
        }
    }
}

/// The running key of Greek vases, above and below.
fn meander(raster: &mut Raster, f: f32) {
    let (width, height) = (raster.width as f32, raster.height as f32);
    let (step, thin) = (f * 0.95, f * 0.13);
    let count = (width / step) as i32;
    for at in 0..count {
        let x = (width - count as f32 * step) / 2.0 + at as f32 * step;
        for y in [f * 0.25, height - f * 0.75] {
            let place = |px: f32, py: f32| [x + px * step, y + py * f * 0.5];
            let key = [(0.0, 1.0), (0.0, 0.0), (0.75, 0.0), (0.75, 0.66), (0.35, 0.66), (0.35, 0.36)];
            for pair in key.windows(2) {
                let (a, b) = (place(pair[0].0, pair[0].1), place(pair[1].0, pair[1].1));
                raster.fill(&[limb(&[[a[0], a[1], thin], [b[0], b[1], thin]])], [0.12, 0.08, 0.07], 1.0);
            }
        }
    }
}

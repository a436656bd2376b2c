//! Photographs: things with light on their round sides, shadows on the ground, haze far away.

use super::camera;
use super::chance::{blend, cloudy, floor, mix, speck, stir, swell, zigzag};
use super::cover::{Cover, Raster, soften};
use super::curve::Outline;
use super::photo_ground;
use super::sketch::{Place, Placed, Sketch};
use super::things::{Piece, Stuff, Thing};

/// A photograph of a sketch.
pub(super) fn render(sketch: &Sketch, without: Option<usize>, bare: bool) -> Raster {
    let air = photo_ground::Air::new(sketch);
    let mut raster = photo_ground::render(sketch, &air);
    for (_, placed) in sketch.placed.iter().enumerate().filter(|(at, _)| Some(*at) != without) {
        if !bare {
            shadow(&mut raster, placed, sketch);
        }
        let mut film = Film::around(placed, sketch.size);
        placed.pieces.iter().enumerate().for_each(|(at, piece)| film.expose(piece, at as u32, placed, sketch, &air));
        if !bare {
            film.blur(0.1 + 0.4 * placed.far);
        }
        let haze = air.haze * placed.far;
        film.lay_over(&mut raster, air.far, haze);
    }
    if bare { raster } else { camera::expose(raster, sketch) }
}

/// The shadow that a thing throws on the ground, or its image in the water.
fn shadow(raster: &mut Raster, placed: &Placed, sketch: &Sketch) {
    let size = sketch.size;
    let on_water = placed.thing == Thing::Boat && sketch.ground.water.is_some();
    let hard = sketch.ground.place != Place::Sky;
    let (lean, flat) = match (on_water, sketch.ground.place) {
        (true, _) => (0.0, -0.55),
        (_, Place::Wall) => (0.35, 0.5),
        _ => (0.8, 0.16),
    };
    let mut plane = vec![0.0f32; size.0 * size.1];
    let thrown = |ring: &Outline| -> Outline {
        let point = |[x, y]: &[f32; 2]| {
            let up = placed.base - y;
            [x - up * lean * sketch.light[0], placed.base - up * flat]
        };
        ring.iter().map(point).collect()
    };
    for piece in placed.pieces.iter().filter(|piece| piece.lined) {
        let rings: Vec<Outline> = piece.rings.iter().map(thrown).collect();
        let Some(cover) = Cover::of(&rings, size, 0) else { continue };
        cover.pixels().for_each(|(_, x, y, share)| plane[y * size.0 + x] = plane[y * size.0 + x].max(share));
    }
    // where it touches the ground it is darkest
    let middle = (placed.bbox.x0 + placed.bbox.x1) / 2.0;
    let foot = super::curve::oval(middle, placed.base, placed.bbox.width() * 0.48, placed.length * 0.035);
    if let Some(cover) = Cover::of(&[foot], size, 0) {
        cover.pixels().for_each(|(_, x, y, share)| plane[y * size.0 + x] = plane[y * size.0 + x].max(share));
    }
    soften(&mut plane, size.0, (placed.length * 0.025) as usize + 1);
    let dark = if on_water {
        0.4
    } else if hard {
        0.55
    } else {
        0.4
    };
    // an image in the water ends where the water does
    let end = sketch.ground.water.filter(|_| on_water).map_or(size.1, |(_, to)| to as usize);
    let wet = raster.pixels.iter_mut().take(end * size.0);
    for (pixel, share) in wet.zip(plane).filter(|(_, share)| *share > 0.0) {
        let keep = 1.0 - dark * share;
        *pixel = [pixel[0] * keep, pixel[1] * keep, pixel[2] * (keep + 0.04 * share)];
    }
}

/// One thing on its own, before it is laid over the scene: colours times opacity, and opacity.
struct Film {
    left: usize,
    top: usize,
    width: usize,
    planes: [Vec<f32>; 4],
}

impl Film {
    fn around(placed: &Placed, (width, height): (usize, usize)) -> Film {
        let b = placed.bbox;
        let (left, top) = ((b.x0 as usize).saturating_sub(4), (b.y0 as usize).saturating_sub(4));
        let (right, bottom) = ((b.x1 as usize + 4).min(width), (b.y1 as usize + 4).min(height));
        let plane = vec![0.0; (right - left) * (bottom - top)];
        Film { left, top, width: right - left, planes: std::array::from_fn(|_| plane.clone()) }
    }

    /// Puts one piece over what is there, lit.
    fn expose(&mut self, piece: &Piece, number: u32, placed: &Placed, sketch: &Sketch, air: &photo_ground::Air) {
        let Some(cover) = Cover::of(&piece.rings, sketch.size, 1) else { return };
        let reach = (cover.width.min(cover.height) as f32 * 0.2).clamp(1.0, 12.0) as usize;
        let height = if piece.round > 0.0 { cover.cushion(reach) } else { Vec::new() };
        let seed = stir(placed.seed, number);
        let rows = self.planes[0].len() / self.width;
        let colour = placed.colours[piece.stuff as usize];
        for (at, x, y, share) in cover.pixels() {
            let (column, row) = (x.wrapping_sub(self.left), y.wrapping_sub(self.top));
            if column >= self.width || row >= rows {
                continue;
            }
            let (u, v) = ((x as f32 - placed.left) / placed.length, (placed.base - y as f32) / placed.length);
            let grain = texture(piece.stuff, u, v, seed, placed.seed);
            let (gx, gy) = if height.is_empty() { (0.0, 0.0) } else { cover.slope(&height, at) };
            let steep = reach as f32 * 1.7 * piece.round;
            let normal = [-gx * steep, -gy * steep, 1.0];
            let length = (normal[0] * normal[0] + normal[1] * normal[1] + 1.0).sqrt();
            let facing: f32 = (0..3).map(|axis| normal[axis] * sketch.light[axis]).sum::<f32>() / length;
            // less light reaches what is near the ground
            let open = 0.78 + 0.22 * (v * 2.5).clamp(0.0, 1.0);
            let sun = facing.max(0.0) * air.sun * open;
            let place = row * self.width + column;
            let light: [f32; 3] = std::array::from_fn(|c| air.ambient[c] * open + sun * air.warm[c]);
            let shade = piece.light * grain;
            for (plane, (colour, light)) in self.planes.iter_mut().zip(colour.iter().zip(light)) {
                plane[place] = blend(plane[place], colour * shade * light, share);
            }
            let plane = &mut self.planes[3][place];
            *plane = blend(*plane, 1.0, share);
        }
    }

    /// Makes it softer by a share.
    fn blur(&mut self, share: f32) {
        for plane in &mut self.planes {
            let mut soft = plane.clone();
            soften(&mut soft, self.width, 1);
            plane.iter_mut().zip(soft).for_each(|(sharp, soft)| *sharp = blend(*sharp, soft, share));
        }
    }

    /// Lays it over a picture, some of it lost in haze.
    fn lay_over(&self, raster: &mut Raster, far: [f32; 3], haze: f32) {
        for (at, opacity) in self.planes[3].iter().enumerate().filter(|(_, opacity)| **opacity > 0.0) {
            let (x, y) = (self.left + at % self.width, self.top + at / self.width);
            let own = [0, 1, 2].map(|c| self.planes[c][at] / opacity);
            raster.lay(x, y, mix(own, far, haze), *opacity);
        }
    }
}

/// How light a stuff is at a place of the thing, around 1.
fn texture(stuff: Stuff, u: f32, v: f32, seed: u32, whole: u32) -> f32 {
    match stuff {
        Stuff::Leaf => {
            let leaves = cloudy(whole, u * 18.0, v * 18.0, 2);
            0.35 + 1.3 * leaves * leaves + 0.35 * swell(seed, u * 40.0, v * 40.0)
        }
        Stuff::Fur | Stuff::Mane => {
            0.82 + 0.25 * swell(seed, u * 14.0, v * 14.0) + 0.12 * swell(seed, u * 50.0, v * 25.0)
        }
        Stuff::Hair => 0.75 + 0.5 * swell(seed, u * 60.0, v * 12.0),
        Stuff::Cloth => 0.72 + 0.36 * swell(seed, u * 20.0, v * 5.0) + 0.2 * swell(seed, u * 8.0, v * 9.0),
        Stuff::Trim => 0.85 + 0.3 * swell(seed, u * 16.0, v * 8.0),
        Stuff::Wall if whole.is_multiple_of(3) => {
            let row = floor(v * 24.0) as f32;
            let brick = u * 12.0 + row * 0.5;
            let joint = zigzag(v * 24.0).min(zigzag(brick) * 2.0);
            let mortar = if joint < 0.22 { 1.18 } else { 1.0 };
            mortar * (0.82 + 0.3 * speck(whole, floor(brick), row as i32))
        }
        Stuff::Wall => 0.86 + 0.26 * cloudy(whole, u * 7.0, v * 7.0, 3),
        Stuff::Roof => {
            let row = floor(v * 26.0) as f32;
            let tile = u * 22.0 + row * 0.5;
            (0.7 + 0.3 * zigzag(v * 26.0)) * (0.8 + 0.4 * speck(whole, floor(tile), row as i32))
        }
        Stuff::Wood | Stuff::Bark => 0.75 + 0.5 * swell(seed, u * 40.0, v * 7.0),
        Stuff::Hull => 0.85 + 0.25 * swell(seed, u * 5.0, v * 40.0),
        Stuff::Sail => 0.88 + 0.2 * swell(seed, u * 6.0, v * 4.0),
        Stuff::Glass => 0.7 + 1.2 * swell(seed, u * 9.0 + v * 9.0, v * 3.0),
        Stuff::Skin => 0.92 + 0.14 * swell(seed, u * 12.0, v * 12.0),
        Stuff::Dark | Stuff::Pale | Stuff::Line => 1.0,
    }
}

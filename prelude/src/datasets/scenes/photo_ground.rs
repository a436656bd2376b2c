//! The grounds of photographs: sky, hills, meadows, water, sand, walls.

use super::chance::{blend, cloudy, floor, mix, speck, step, stir, swell, times, zigzag};
use super::cover::Raster;
use super::sketch::{Place, Sketch};

/// The light and the air of a photograph.
pub(super) struct Air {
    /// The sky above and at the horizon.
    high: [f32; 3],
    pub far: [f32; 3],
    /// How much of far things is lost in haze.
    pub haze: f32,
    /// The light from everywhere, the sun's strength and colour.
    pub ambient: [f32; 3],
    pub sun: f32,
    pub warm: [f32; 3],
    clouds: f32,
}

impl Air {
    /// The air of a scene.
    pub fn new(sketch: &Sketch) -> Air {
        let lot = |number: i32| speck(sketch.ground.seed, number, 3);
        let place = sketch.ground.place;
        let weather = if place == Place::Gold { 0.95 } else { lot(0) };
        let (high, far, sun, warm) = if weather < 0.55 {
            ([0.27, 0.47, 0.75], [0.72, 0.81, 0.88], 0.95, [1.05, 1.0, 0.9])
        } else if weather < 0.8 {
            ([0.55, 0.6, 0.66], [0.76, 0.79, 0.81], 0.5, [1.0, 1.0, 1.0])
        } else {
            ([0.42, 0.45, 0.62], [0.95, 0.74, 0.5], 0.9, [1.18, 0.95, 0.68])
        };
        let ambient = if !(0.55..0.8).contains(&weather) { [0.36, 0.4, 0.48] } else { [0.58, 0.6, 0.63] };
        let haze = if place == Place::Wall { 0.0 } else { 0.1 + 0.4 * lot(1) };
        let high = times(high, 0.9 + 0.2 * lot(2));
        Air { high, far, haze, ambient, sun, warm, clouds: lot(3) }
    }
}

/// The ground of a scene, softer far away.
pub(super) fn render(sketch: &Sketch, air: &Air) -> Raster {
    let (width, height) = (sketch.size.0 as f32, sketch.size.1 as f32);
    let raster = Raster::new(sketch.size, |x, y| {
        let (u, v) = (x as f32 / width, y as f32 / height);
        match sketch.ground.place {
            Place::Wall => indoors(sketch, u, v, y as f32, width / height),
            _ => outdoors(sketch, air, u * width / height, v, y as f32),
        }
    });
    let mut soft = raster.clone();
    soft.soften(1);
    let horizon = sketch.ground.horizon;
    let mut out = raster;
    for (at, pixel) in out.pixels.iter_mut().enumerate() {
        let y = (at / sketch.size.0) as f32;
        let share = if y < horizon { 0.85 } else { 0.85 * (1.0 - (y - horizon) / (height - horizon)) };
        *pixel = mix(*pixel, soft.pixels[at], share);
    }
    out
}

fn outdoors(sketch: &Sketch, air: &Air, u: f32, v: f32, y: f32) -> [f32; 3] {
    let ground = &sketch.ground;
    let height = sketch.size.1 as f32;
    let line = ground.horizon / height;
    let seed = ground.seed;
    if v < line {
        let ridge = |layer: u32, tall: f32| line - tall * cloudy(stir(seed, layer), u * 3.0 + 7.0, layer as f32, 3);
        let gold = ground.place == Place::Gold;
        if ground.place != Place::Sky && v > ridge(2, if gold { 0.06 } else { 0.13 }) {
            let near = if gold { [0.7, 0.5, 0.3] } else { [0.25, 0.35, 0.24] };
            let woods = 0.75 + 0.5 * cloudy(seed ^ 5, u * 40.0, v * 40.0, 2);
            return mix(times(near, woods), air.far, 0.25 + air.haze * 0.6);
        }
        if v > ridge(1, 0.22) && !seed.is_multiple_of(3) {
            return mix([0.35, 0.43, 0.5], air.far, 0.45 + air.haze * 0.6);
        }
        let sky = mix(air.high, air.far, v / line);
        let cloud = cloudy(seed ^ 9, u * 3.0, v * 6.5, 4);
        let white = mix([0.93; 3], air.far, 0.35);
        return mix(sky, white, step(0.68 - 0.28 * air.clouds, 0.85 - 0.2 * air.clouds, cloud));
    }
    let deep = (v - line) / (1.0 - line);
    let scale = 1.0 / (0.12 + deep);
    let edge = 0.012 * (swell(seed ^ 21, u * 6.0, 0.0) - 0.5) * height;
    if let Some((from, to)) = ground.water {
        if y >= from + edge * 0.3 && y < to + edge * 2.0 {
            return water(seed, air, u, v, scale);
        }
        if ground.place == Place::Meadow && y < from {
            return grass(seed ^ 3, air, u, scale, deep, 0.5);
        }
    }
    match ground.place {
        Place::Meadow => grass(seed, air, u, scale, deep, 0.2),
        Place::Sky if seed.is_multiple_of(2) => grass(seed, air, u, scale, deep, 0.2),
        Place::Gold => {
            let dune = cloudy(seed ^ 31, (u - 0.5) * scale * 0.8 + 9.0, scale * 2.5, 2);
            let ripple = swell(seed ^ 32, (u - 0.5) * scale * 5.0, scale * 26.0 + dune * 5.0);
            let sand = mix([0.72, 0.47, 0.22], [0.95, 0.77, 0.45], dune * 0.8 + ripple * 0.25);
            mix(sand, air.far, air.haze * (1.0 - deep) * 0.5)
        }
        _ => {
            let sand = 0.8 + 0.2 * cloudy(seed ^ 33, (u - 0.5) * scale * 6.0, scale * 9.0, 2);
            let fine = 0.92 + 0.16 * swell(seed ^ 34, u * 110.0, v * 110.0);
            let wet = ground.water.map_or(1.0, |(_, to)| blend(0.7, 1.0, step(0.0, 0.09 * height, y - to)));
            mix(times([0.8, 0.71, 0.55], sand * fine * wet), air.far, air.haze * (1.0 - deep) * 0.4)
        }
    }
}

fn grass(seed: u32, air: &Air, u: f32, scale: f32, deep: f32, far: f32) -> [f32; 3] {
    let dry = speck(seed, 1, 1);
    let patch = cloudy(seed, (u - 0.5) * scale * 2.0 + 3.0, scale * 3.0, 3);
    let blade = swell(seed ^ 2, (u - 0.5) * scale * 45.0, scale * 22.0) + 0.6 * swell(seed ^ 4, u * 90.0, deep * 45.0);
    let green = mix([0.2, 0.33, 0.1], [0.47, 0.5, 0.2], (patch + dry * 0.5 - 0.25).clamp(0.0, 1.0));
    let shade = 0.7 + 0.35 * blade;
    mix(times(green, shade), air.far, (air.haze + far) * (1.0 - deep) * (1.0 - deep) * 0.6)
}

fn water(seed: u32, air: &Air, u: f32, v: f32, scale: f32) -> [f32; 3] {
    let wave = 0.6 * swell(seed ^ 41, (u - 0.5) * scale * 5.0 + 20.0, scale * 30.0)
        + 0.4 * swell(seed ^ 42, u * 25.0, v * 110.0);
    let mirror = mix(air.far, air.high, 0.45);
    let colour = mix(times([0.12, 0.28, 0.36], 0.9), mirror, 0.25 + 0.6 * wave);
    let glint = step(0.78, 0.92, wave);
    mix(colour, [0.97, 0.97, 0.94], glint * 0.5)
}

fn indoors(sketch: &Sketch, u: f32, v: f32, y: f32, aspect: f32) -> [f32; 3] {
    let seed = sketch.ground.seed;
    let lot = |number: i32| speck(seed, number, 8);
    let bright = 0.78 + 0.3 * (u - 0.5) * sketch.light[0].signum() - 0.18 * v;
    let x = u * aspect;
    if y < sketch.ground.horizon {
        let paints = [[0.82, 0.78, 0.7], [0.55, 0.63, 0.62], [0.68, 0.47, 0.4], [0.5, 0.52, 0.6], [0.75, 0.72, 0.74]];
        let paint = paints[(lot(1) * 4.99) as usize];
        let plaster = 0.93 + 0.14 * cloudy(seed, x * 5.0, v * 5.0, 4);
        if lot(2) < 0.35 {
            let row = floor(v * 17.0) as f32;
            let brick = x * 8.0 + row * 0.5;
            let joint = zigzag(v * 17.0).min(zigzag(brick) * 2.2);
            let tint = 0.8 + 0.35 * speck(seed, floor(brick), row as i32);
            let clay = times(mix([0.62, 0.34, 0.25], paint, 0.35), tint * plaster);
            return times(mix([0.72, 0.68, 0.62], clay, step(0.1, 0.25, joint)), bright + 0.15);
        }
        return times(paint, plaster * (bright + 0.22));
    }
    let deep = (y / sketch.size.1 as f32 - sketch.ground.horizon / sketch.size.1 as f32) * 3.0;
    let woods = [[0.55, 0.36, 0.2], [0.36, 0.22, 0.13], [0.74, 0.58, 0.4], [0.62, 0.6, 0.57]];
    let wood = woods[(lot(4) * 3.99) as usize];
    let grain = 0.8 + 0.25 * swell(seed ^ 6, x * 3.0, v * 70.0) + 0.15 * swell(seed ^ 7, x * 9.0, v * 150.0);
    let corner = 0.65 + 0.35 * step(0.0, 0.12, deep);
    times(wood, grain * corner * (bright + 0.4))
}

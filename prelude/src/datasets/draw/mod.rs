//! Draws one picture of a vehicle: a scene, the vehicle, what stands before it, light and noise.

mod brush;
mod light;
mod scene;
mod shapes;

use crate::boxes::BBox;
use brush::Brush;
use image::RgbImage;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tiny_skia::Transform;

/// A kind of vehicle that can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vehicle {
    /// Low, with a bonnet and a cabin: saloons, hatchbacks, estates, coupés, off-roaders.
    Car,
    /// A cab, a gap, and a load: boxes, tankers, tippers, flatbeds.
    Truck,
    /// Long and high with a row of windows: city buses, coaches, double-deckers.
    Bus,
    /// One box with a short sloping nose: delivery vans and minibuses.
    Van,
}

impl Vehicle {
    /// All kinds, in the order of their names in [`Vehicles`](super::Vehicles).
    pub const ALL: [Vehicle; 4] = [Vehicle::Car, Vehicle::Truck, Vehicle::Bus, Vehicle::Van];

    /// The class's name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Vehicle::Car => "car",
            Vehicle::Truck => "truck",
            Vehicle::Bus => "bus",
            Vehicle::Van => "van",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Vehicle> {
        Vehicle::ALL.into_iter().find(|vehicle| vehicle.name().eq_ignore_ascii_case(name.trim()))
    }
}

/// Draws one picture of `size × size` pixels and says where the vehicle stands on it; the same seed draws the same
/// picture.
///
/// ```
/// use candlewick_prelude::datasets::{Vehicle, draw};
/// let (picture, bbox) = draw(Vehicle::Truck, 64, 7);
/// assert_eq!(picture.dimensions(), (64, 64));
/// assert!(bbox.width() > bbox.height() && bbox.area() > 100.0);
/// ```
pub fn draw(vehicle: Vehicle, size: u32, seed: u64) -> (RgbImage, BBox) {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let mut brush = Brush::new(size);
    let side = size.max(1) as f32;
    // everything is laid out on a square of side 1
    let unit = Transform::from_scale(side, side);
    brush.transform = unit;
    let shape = shapes::Drawing::new(vehicle, rng);
    let stand = Stand::new(&shape, rng);
    let scene = scene::Scene::new(stand.ground, rng);
    scene.draw(&mut brush, rng);
    stand.shadow(&mut brush, &shape, &scene);
    brush.transform = unit.pre_concat(stand.transform());
    brush.tracks = true;
    shape.draw(&mut brush, rng);
    brush.tracks = false;
    brush.transform = unit;
    let whole = BBox::new(side * 0.1, side * 0.4, side * 0.9, side * 0.8);
    let bbox = brush.bounds().unwrap_or(whole);
    scene.occlude(&mut brush, bbox.scale(1.0 / side, 1.0 / side), rng);
    (light::finish(brush.pixmap, &scene, rng), bbox)
}

/// Where and how a vehicle stands: its left end, its ground, its scale, its slope.
struct Stand {
    left: f32,
    ground: f32,
    scale: (f32, f32),
    slope: f32,
    lean: f32,
    flip: bool,
    length: f32,
}

impl Stand {
    fn new(shape: &shapes::Drawing, rng: &mut impl Rng) -> Stand {
        // a vehicle's true length must not tell its class: all fill the same share of the picture
        let mut width: f32 = rng.random_range(0.50..0.92);
        let stretch: f32 = rng.random_range(0.90..1.14);
        let height = width / shape.length * shape.height * stretch;
        if height > 0.62 {
            width *= 0.62 / height;
        }
        let scale = width / shape.length;
        let tall = scale * stretch * shape.height;
        let spare = 1.0 - width;
        let left = rng.random_range(-0.06 * width..=spare + 0.06 * width);
        let ground = rng.random_range((tall + 0.06).max(0.5)..0.95);
        Stand {
            left,
            ground,
            scale: (scale, scale * stretch),
            slope: rng.random_range(-0.07..0.07),
            lean: rng.random_range(-0.05..0.05),
            flip: rng.random_bool(0.5),
            length: shape.length,
        }
    }

    /// From metres (to the right from the rear bumper, upwards from the ground) to the unit square.
    fn transform(&self) -> Transform {
        let (sx, sy) = self.scale;
        let (sx, start) = if self.flip { (-sx, self.left + sx * self.length) } else { (sx, self.left) };
        Transform::from_row(sx, self.slope * sx.abs(), self.lean * sy, -sy, start, self.ground - self.drop())
    }

    /// Half of what the slope adds over the length, so that the middle stands on the ground.
    fn drop(&self) -> f32 {
        self.slope * self.scale.0 * self.length / 2.0
    }

    fn shadow(&self, brush: &mut Brush, shape: &shapes::Drawing, scene: &scene::Scene) {
        let width = self.scale.0 * shape.length;
        let (x, y) = (self.left + width * (0.5 + scene.sun * 0.06), self.ground);
        for (grow, dark) in [(1.08, 0.22), (1.0, 0.3), (0.9, 0.3)] {
            let ink = brush::Ink([0.02, 0.02, 0.04, dark * scene.contrast]);
            brush.ellipse(x, y, width * 0.5 * grow, 0.028 * grow, ink);
        }
    }
}

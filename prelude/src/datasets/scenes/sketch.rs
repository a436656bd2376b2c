//! What a scene will show, before a pixel is drawn: the ground, the things, where they stand and what covers what.

use super::Medium;
use super::chance::{stir, swell};
use super::cover::Stencil;
use super::curve::contour;
use super::pigment::{self, Style};
use super::things::{Piece, Proportions, Stuff, Thing};
use crate::boxes::BBox;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What things stand on and before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Meadow,
    Water,
    Sky,
    Gold,
    Wall,
}

/// A place with its lines, in pixels from the top.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground {
    pub place: Place,
    /// Where the ground begins.
    pub horizon: f32,
    /// Where water begins and ends.
    pub water: Option<(f32, f32)>,
    pub seed: u32,
}

/// A thing in its place, in pixels.
#[derive(Clone)]
pub(super) struct Placed {
    pub thing: Thing,
    pub pieces: Vec<Piece>,
    /// Where it touches the ground.
    pub base: f32,
    /// Its left edge, and its longer side.
    pub left: f32,
    pub length: f32,
    /// How far away it is, from 0 (near) to 1.
    pub far: f32,
    /// The middle of its head and the head's radius, where it has one.
    pub head: Option<[f32; 3]>,
    pub colours: [[f32; 3]; Stuff::COUNT],
    pub seed: u32,
    pub bbox: BBox,
    stencil: Stencil,
}

/// A scene before it is drawn.
pub(super) struct Sketch {
    pub medium: Medium,
    pub style: Style,
    pub size: (usize, usize),
    pub ground: Ground,
    /// The width of the frame, or 0.
    pub frame: f32,
    /// Where light comes from: right, down, towards the viewer; of length 1.
    pub light: [f32; 3],
    /// From the farthest to the nearest.
    pub placed: Vec<Placed>,
    pub seed: u32,
}

/// A thing before it has a place.
struct Model {
    thing: Thing,
    /// Its pieces in its own measure.
    pieces: Vec<Piece>,
    head: Option<[f32; 3]>,
    /// Whether it looks to the left.
    flip: bool,
    seed: u32,
}

/// How often a place is sought for one thing.
const TRIES: usize = 28;
/// The least share of a thing that must be seen.
const SEEN: f32 = 0.5;
/// The most of the smaller of two boxes that may lie in the larger one.
const WITHIN: f32 = 0.6;

impl Sketch {
    /// The sketch of one scene.
    pub fn new(medium: Medium, size: (usize, usize), seed: u64, number: usize) -> Sketch {
        let own = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ ((medium as u64) << 56) ^ number as u64;
        let rng = &mut ChaCha8Rng::seed_from_u64(own);
        let count = [1, 2, 2, 3, 3, 3, 4, 4, 5, 6][rng.random_range(0..10u32) as usize];
        let things: Vec<Thing> = (0..count).map(|_| Thing::ALL[rng.random_range(0..6u32) as usize]).collect();
        let style = Style::any(rng);
        let short = size.0.min(size.1) as f32;
        let framed = medium == Medium::Painting && rng.random_bool(0.5);
        let side = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        let mut sketch = Sketch {
            medium,
            style,
            size,
            ground: Ground::new(medium, style, size, things.contains(&Thing::Boat), rng),
            frame: if framed { (short * 0.055).round() } else { 0.0 },
            light: [side * 0.5, -0.583, 0.64],
            placed: Vec::new(),
            seed: rng.random(),
        };
        for (at, thing) in things.into_iter().enumerate() {
            let mut fate = ChaCha8Rng::seed_from_u64(rng.random());
            sketch.place(thing, at as u32, count, &mut fate);
        }
        sketch
    }

    /// Seeks a place for one more thing, smaller at every try.
    fn place(&mut self, thing: Thing, number: u32, count: usize, rng: &mut impl Rng) {
        let build = pigment::build(self.medium, rng);
        let pieces = thing.pieces(&build, rng);
        let colours = pigment::colours(self.medium, self.style, rng);
        let crowd = if count > 3 { 0.82 } else { 1.0 };
        let lot: f32 = rng.random_range(0.0..1.0);
        let mut share =
            0.14 * (1.0 + (0.5 * lot + 2.6 * lot * lot) * crowd + if count < 3 { 0.6 * (1.0 - lot) } else { 0.0 });
        if thing == Thing::Person {
            // slim as they are, people would otherwise be the smallest
            share = (share * 1.3).min(0.57);
        }
        let flip = rng.random_bool(0.5);
        let model = Model { thing, pieces, head: thing.head(&build), flip, seed: stir(rng.random(), number) };
        for _ in 0..TRIES {
            if let Some(placed) = self.fit(&model, share, rng)
                && self.allows(&placed)
            {
                let at = self.placed.partition_point(|other| other.base <= placed.base);
                self.placed.insert(at, Placed { colours, ..placed });
                return;
            }
            share = (share * 0.95).max(0.13);
        }
    }

    /// A thing of a size at a place by chance; none where it does not fit in.
    fn fit(&self, model: &Model, share: f32, rng: &mut impl Rng) -> Option<Placed> {
        let Model { thing, pieces: unit, head, flip, seed } = model;
        let (thing, seed) = (*thing, *seed);
        let (width, height) = (self.size.0 as f32, self.size.1 as f32);
        let (mut x0, mut x1, mut y0, mut y1) = (f32::MAX, f32::MIN, f32::MAX, f32::MIN);
        for [x, y] in unit.iter().flat_map(|piece| piece.rings.iter().flatten()) {
            (x0, x1, y0, y1) = (x0.min(*x), x1.max(*x), y0.min(*y), y1.max(*y));
        }
        let scale = share * width.min(height) / (x1 - x0).max(y1 - y0);
        let edge = self.frame + 2.5;
        let (low, high) = self.ground.bases(thing, self.medium, height);
        let (low, high) = (low.max(edge + y1 * scale), high.min(height - edge + y0.min(0.0) * scale));
        let room = (x1 - x0) * scale;
        if low >= high || room >= width - 2.0 * edge {
            return None;
        }
        // in life what is nearer is larger and lower; painters do as they please
        let near = match self.medium {
            Medium::Photograph => 0.9 * (share - 0.13) / 0.4 + rng.random_range(-0.3..0.3),
            Medium::Painting => rng.random_range(0.0..1.0),
        };
        let base = low + (high - low) * near.clamp(0.0, 1.0);
        let left = rng.random_range(edge..width - edge - room);
        let move_to = |[x, y]: [f32; 2]| {
            let across = if *flip { x1 - x } else { x - x0 };
            [left + across * scale, base - y * scale]
        };
        let length = share * width.min(height);
        let mut pieces = Vec::with_capacity(unit.len() * 2);
        for (at, piece) in unit.iter().enumerate() {
            let rings = piece.rings.iter().map(|ring| ring.iter().map(|point| move_to(*point)).collect()).collect();
            let moved = Piece { rings, ..piece.clone() };
            match self.medium {
                Medium::Photograph => pieces.push(moved),
                Medium::Painting => self.by_hand(moved, length, stir(seed, at as u32), seed, &mut pieces),
            }
        }
        let stencil = Stencil::of(self.size, pieces.iter().map(|piece| piece.rings.as_slice()));
        let bbox = stencil.bounds()?;
        let inside = bbox.x0 > self.frame
            && bbox.y0 > self.frame
            && bbox.x1 < width - self.frame
            && bbox.y1 < height - self.frame;
        let far = 1.0 - ((base - self.ground.horizon) / (height - self.ground.horizon)).clamp(0.0, 1.0);
        let head = head.map(|[x, y, r]| {
            let [x, y] = move_to([x, y]);
            [x, y, r * scale]
        });
        let colours = [[0.0; 3]; Stuff::COUNT];
        let placed = Placed { thing, pieces, base, left, length, far, head, colours, seed, bbox, stencil };
        inside.then_some(placed)
    }

    /// A piece as a hand draws it: its border wobbles, and a line runs along it.
    fn by_hand(&self, mut piece: Piece, length: f32, seed: u32, shared: u32, pieces: &mut Vec<Piece>) {
        let (reach, tremble) = (length * 0.035, length / 5.0);
        for [x, y] in piece.rings.iter_mut().flatten() {
            let wave = |seed: u32| swell(seed, *x / tremble + 50.0, *y / tremble + 50.0) - 0.5;
            let (dx, dy) = (wave(shared) + 0.5 * wave(seed), wave(shared ^ 7) + 0.5 * wave(seed ^ 7));
            *x += dx * reach;
            *y += dy * reach;
        }
        let narrow = narrowest(&piece.rings[0]);
        // a line does not drown what it surrounds
        let width = (self.style.line() * (0.55 + length * 0.011)).min(0.3 + 0.05 * narrow);
        let line = piece.lined && width > 0.0;
        let rings = if line { contour(&piece.rings[0], width, seed).to_vec() } else { Vec::new() };
        pieces.push(piece);
        if line {
            pieces.push(Piece { rings, stuff: Stuff::Line, round: 0.0, lined: false, light: 1.0 });
        }
    }

    /// Whether enough is seen of a thing and of all others once it stands there.
    fn allows(&self, new: &Placed) -> bool {
        let within = |other: &Placed| {
            let smaller = other.bbox.area().min(new.bbox.area()).max(1.0);
            other.bbox.intersection(&new.bbox).area() / smaller
        };
        if self.placed.iter().any(|other| within(other) > WITHIN) {
            return false;
        }
        let at = self.placed.partition_point(|other| other.base <= new.base);
        let meets = |a: &Placed, b: &Placed| a.bbox.intersection(&b.bbox).area() > 0.0;
        let before_new = self.placed[at..].iter().filter(|other| meets(other, new));
        if new.stencil.visible(before_new.map(|other| &other.stencil)) < SEEN {
            return false;
        }
        self.placed[..at].iter().enumerate().filter(|(_, other)| meets(other, new)).all(|(place, other)| {
            let nearer = self.placed[place + 1..].iter().chain([new]);
            other.stencil.visible(nearer.map(|nearer| &nearer.stencil)) >= SEEN
        })
    }

    /// The share of each thing that can be seen, in order.
    #[cfg(test)]
    pub fn seen(&self) -> Vec<f32> {
        let others = |at: usize| self.placed[at + 1..].iter().map(|other| &other.stencil);
        (0..self.placed.len()).map(|at| self.placed[at].stencil.visible(others(at))).collect()
    }
}

/// The shorter side of the box around an outline.
fn narrowest(outline: &[[f32; 2]]) -> f32 {
    let bounds = BBox::around(outline.iter().map(|[x, y]| (*x, *y)));
    bounds.width().min(bounds.height())
}

impl Ground {
    fn new(medium: Medium, style: Style, (_, height): (usize, usize), boats: bool, rng: &mut impl Rng) -> Ground {
        let painted = medium == Medium::Painting;
        let place = match rng.random_range(0..10u32) {
            _ if painted && style == Style::Icon && rng.random_bool(0.6) => Place::Gold,
            0..=2 => Place::Meadow,
            3 | 4 => Place::Water,
            5 | 6 => Place::Sky,
            7 => Place::Gold,
            _ => Place::Wall,
        };
        let line = match place {
            Place::Meadow | Place::Water => rng.random_range(0.3..0.44),
            Place::Sky => rng.random_range(0.6..0.7),
            Place::Gold if painted => rng.random_range(0.68..0.8),
            Place::Gold => rng.random_range(0.42..0.6),
            Place::Wall => rng.random_range(0.56..0.7),
        };
        let wet = boats || rng.random_bool(0.3);
        let shore = match place {
            Place::Meadow if wet => Some((line + 0.05, line + rng.random_range(0.16..0.24))),
            Place::Water => Some((line, rng.random_range(0.62..0.74))),
            Place::Sky if wet => Some((line, line + rng.random_range(0.1..0.16))),
            _ => None,
        };
        let height = height as f32;
        let water = shore.map(|(from, to)| (from * height, to * height));
        Ground { place, horizon: line * height, water, seed: rng.random() }
    }

    /// The highest and the lowest line on which a thing may stand.
    fn bases(&self, thing: Thing, medium: Medium, height: f32) -> (f32, f32) {
        let below = |line: f32| (line + 0.035 * height, 0.985 * height);
        match (self.water, thing) {
            (Some((from, to)), Thing::Boat) => (from + 0.025 * height, to - 0.01 * height),
            (Some((_, to)), _) => below(to),
            (None, _) if medium == Medium::Painting && self.place == Place::Gold => (0.3 * height, 0.985 * height),
            (None, _) => below(self.horizon),
        }
    }
}

impl Thing {
    /// The middle and the radius of a thing's head, where it has one, in its own measure.
    fn head(self, build: &Proportions) -> Option<[f32; 3]> {
        match self {
            Thing::Person => Some([0.0, 1.0 - 1.2 * build.head, 1.25 * build.head]),
            Thing::Horse => Some([0.81, 0.83 + 0.5 * (build.long - 1.0), 0.13]),
            Thing::Cat => Some([0.0, 0.74, 0.2]),
            _ => None,
        }
    }
}

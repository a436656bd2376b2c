//! The things that scenes show, as outlines of their pieces: `x` to the right, `y` upwards, the ground at 0, about one
//! high or wide. Photographs and paintings are made of the same pieces.

mod beasts;
mod built;
mod person;
mod tree;

use super::curve::Outline;
use rand::Rng;

/// A kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    Person,
    Horse,
    Cat,
    Boat,
    House,
    Tree,
}

impl Thing {
    /// All kinds, in the order of [`CLASSES`](super::CLASSES).
    pub const ALL: [Thing; 6] = [Thing::Person, Thing::Horse, Thing::Cat, Thing::Boat, Thing::House, Thing::Tree];

    /// A thing of this kind, from its farthest piece to its nearest.
    pub fn pieces(self, build: &Proportions, rng: &mut impl Rng) -> Vec<Piece> {
        match self {
            Thing::Person => person::person(build, rng),
            Thing::Horse => beasts::horse(build, rng),
            Thing::Cat => beasts::cat(build, rng),
            Thing::Boat => built::boat(rng),
            Thing::House => built::house(build, rng),
            Thing::Tree => tree::tree(build, rng),
        }
    }
}

/// What a piece is made of; each medium has a colour for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stuff {
    Skin,
    Hair,
    Cloth,
    Trim,
    Fur,
    Mane,
    Hull,
    Sail,
    Wood,
    Wall,
    Roof,
    Glass,
    Leaf,
    Bark,
    Dark,
    Pale,
    /// The painter's line.
    Line,
}

impl Stuff {
    /// How many there are.
    pub const COUNT: usize = 17;

    /// How light it is in a picture without colours, from 0 to 1.
    pub fn tone(self) -> f32 {
        match self {
            Stuff::Pale | Stuff::Sail => 0.95,
            Stuff::Skin => 0.93,
            Stuff::Wall => 0.86,
            Stuff::Trim => 0.72,
            Stuff::Fur => 0.66,
            Stuff::Cloth | Stuff::Wood => 0.52,
            Stuff::Leaf => 0.48,
            Stuff::Roof | Stuff::Hull => 0.4,
            Stuff::Bark => 0.36,
            Stuff::Glass | Stuff::Hair | Stuff::Mane => 0.25,
            Stuff::Dark | Stuff::Line => 0.08,
        }
    }
}

/// One piece of a thing.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// What it covers: one ring, or two where the second is a hole.
    pub rings: Vec<Outline>,
    /// What it is made of.
    pub stuff: Stuff,
    /// How round it is, from 0 (flat) to 1.
    pub round: f32,
    /// Whether a painter draws a line around it.
    pub lined: bool,
    /// How light it is beside others of the same stuff; far legs are darker.
    pub light: f32,
}

impl Piece {
    fn new(outline: Outline, stuff: Stuff, round: f32) -> Piece {
        Piece { rings: vec![outline], stuff, round, lined: true, light: 1.0 }
    }

    /// A mark on another piece, without a line around it.
    fn mark(outline: Outline, stuff: Stuff) -> Piece {
        Piece { lined: false, ..Piece::new(outline, stuff, 0.0) }
    }

    /// The piece lighter (above 1) or darker (below 1).
    fn lit(self, light: f32) -> Piece {
        Piece { light, ..self }
    }
}

/// How a medium builds its figures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proportions {
    /// Half a person's head as a share of the person's height.
    pub head: f32,
    /// The share of people in long robes.
    pub robes: f32,
    /// How much longer legs and necks are than in life.
    pub long: f32,
    /// Whether eyes are drawn large.
    pub stare: bool,
    /// How rough leaves are, as a share of a crown's radius.
    pub leafy: f32,
}

//! Colours and proportions: as things have them in life, and as painters of five styles give them.

use super::Medium;
use super::chance::{mix, times};
use super::things::{Proportions, Stuff};
use rand::Rng;

/// A painter's style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Gold and vermilion, dark lines, lights in white.
    Icon,
    /// Blue on white tiles.
    Delft,
    /// Sepia lines on paper.
    Etching,
    /// Few flat colours, and none as in life.
    Gouache,
    /// Black figures on red clay.
    Vase,
}

impl Style {
    /// Any style.
    pub fn any(rng: &mut impl Rng) -> Style {
        [Style::Icon, Style::Delft, Style::Etching, Style::Gouache, Style::Vase][rng.random_range(0..5u32) as usize]
    }

    /// How broad its lines are beside the usual.
    pub fn line(self) -> f32 {
        match self {
            Style::Icon => 0.8,
            Style::Delft => 0.95,
            Style::Etching => 0.75,
            Style::Gouache => 0.85,
            Style::Vase => 0.6,
        }
    }
}

/// The proportions of a medium's figures.
pub(super) fn build(medium: Medium, rng: &mut impl Rng) -> Proportions {
    match medium {
        Medium::Photograph => Proportions { head: 0.07, robes: 0.35, long: 1.0, stare: false, leafy: 0.16 },
        Medium::Painting => Proportions {
            head: rng.random_range(0.055..0.066),
            robes: 0.8,
            long: rng.random_range(1.04..1.22),
            stare: true,
            leafy: 0.08,
        },
    }
}

/// A colour for every stuff of one thing.
pub(super) fn colours(medium: Medium, style: Style, rng: &mut impl Rng) -> [[f32; 3]; Stuff::COUNT] {
    match (medium, style) {
        (Medium::Photograph, _) => natural(rng),
        (_, Style::Icon) => icon(rng),
        (_, Style::Gouache) => gouache(rng),
        (_, Style::Vase) => vase(rng),
        (_, Style::Delft | Style::Etching) => grey(rng),
    }
}

/// All stuffs in an order, each with its number.
fn every(colour: impl Fn(Stuff) -> [f32; 3]) -> [[f32; 3]; Stuff::COUNT] {
    use Stuff::{
        Bark, Cloth, Dark, Fur, Glass, Hair, Hull, Leaf, Line, Mane, Pale, Roof, Sail, Skin, Trim, Wall, Wood,
    };
    let all = [Skin, Hair, Cloth, Trim, Fur, Mane, Hull, Sail, Wood, Wall, Roof, Glass, Leaf, Bark, Dark, Pale, Line];
    let mut colours = [[0.0; 3]; Stuff::COUNT];
    all.into_iter().for_each(|stuff| colours[stuff as usize] = colour(stuff));
    colours
}

/// One of several colours.
fn of(list: &[[f32; 3]], rng: &mut impl Rng) -> [f32; 3] {
    list[rng.random_range(0..list.len() as u32) as usize]
}

/// A colour a little off another.
fn near(colour: [f32; 3], by: f32, rng: &mut impl Rng) -> [f32; 3] {
    let light = 1.0 + rng.random_range(-by..by);
    colour.map(|value| (value * light * (1.0 + rng.random_range(-by..by) * 0.5)).clamp(0.02, 1.0))
}

fn natural(rng: &mut impl Rng) -> [[f32; 3]; Stuff::COUNT] {
    let skin = of(&[[0.87, 0.67, 0.55], [0.78, 0.57, 0.44], [0.55, 0.37, 0.27], [0.38, 0.25, 0.18]], rng);
    let hair = of(&[[0.1, 0.08, 0.07], [0.28, 0.17, 0.1], [0.62, 0.47, 0.27], [0.5, 0.48, 0.46]], rng);
    let clothes = [
        [0.62, 0.16, 0.15],
        [0.16, 0.25, 0.45],
        [0.8, 0.79, 0.76],
        [0.2, 0.2, 0.22],
        [0.27, 0.4, 0.28],
        [0.75, 0.58, 0.25],
        [0.5, 0.42, 0.36],
        [0.45, 0.6, 0.72],
    ];
    let (cloth, trim) = (of(&clothes, rng), of(&[[0.15, 0.2, 0.33], [0.25, 0.23, 0.22], [0.45, 0.38, 0.3]], rng));
    let fur =
        of(&[[0.36, 0.2, 0.11], [0.24, 0.14, 0.09], [0.62, 0.58, 0.53], [0.72, 0.48, 0.24], [0.2, 0.19, 0.19]], rng);
    let hull = of(&[[0.82, 0.82, 0.8], [0.45, 0.28, 0.16], [0.14, 0.25, 0.4], [0.55, 0.15, 0.13]], rng);
    let wall = of(&[[0.82, 0.78, 0.7], [0.62, 0.35, 0.26], [0.86, 0.72, 0.5], [0.66, 0.67, 0.68]], rng);
    let roof = of(&[[0.5, 0.23, 0.16], [0.3, 0.3, 0.33], [0.38, 0.26, 0.2]], rng);
    let leaf = of(&[[0.2, 0.36, 0.13], [0.12, 0.27, 0.14], [0.34, 0.41, 0.14], [0.52, 0.35, 0.12]], rng);
    let base = every(|stuff| match stuff {
        Stuff::Skin => skin,
        Stuff::Hair => hair,
        Stuff::Cloth => cloth,
        Stuff::Trim => trim,
        Stuff::Fur => fur,
        Stuff::Mane => times(fur, 0.45),
        Stuff::Hull => hull,
        Stuff::Sail => [0.9, 0.88, 0.83],
        Stuff::Wood => [0.4, 0.27, 0.16],
        Stuff::Wall => wall,
        Stuff::Roof => roof,
        Stuff::Glass => [0.17, 0.22, 0.28],
        Stuff::Leaf => leaf,
        Stuff::Bark => [0.3, 0.23, 0.17],
        Stuff::Dark | Stuff::Line => [0.06, 0.055, 0.05],
        Stuff::Pale => [0.86, 0.84, 0.8],
    });
    base.map(|colour| near(colour, 0.12, rng))
}

fn icon(rng: &mut impl Rng) -> [[f32; 3]; Stuff::COUNT] {
    let robes = [
        [0.78, 0.2, 0.1],
        [0.15, 0.3, 0.28],
        [0.13, 0.2, 0.42],
        [0.45, 0.12, 0.12],
        [0.8, 0.52, 0.15],
        [0.85, 0.8, 0.7],
    ];
    let (cloth, trim, roof) = (of(&robes, rng), of(&robes, rng), of(&robes[..3], rng));
    let fur = of(&[[0.88, 0.83, 0.72], [0.62, 0.26, 0.12], [0.25, 0.17, 0.13], [0.42, 0.5, 0.5]], rng);
    every(|stuff| match stuff {
        Stuff::Skin => [0.72, 0.5, 0.28],
        Stuff::Hair | Stuff::Bark => [0.3, 0.15, 0.08],
        Stuff::Cloth | Stuff::Hull => cloth,
        Stuff::Trim => trim,
        Stuff::Fur => fur,
        Stuff::Mane => mix(fur, [0.2, 0.08, 0.05], 0.75),
        Stuff::Sail | Stuff::Pale => [0.92, 0.87, 0.74],
        Stuff::Wood => [0.5, 0.28, 0.12],
        Stuff::Wall => [0.84, 0.7, 0.52],
        Stuff::Roof => roof,
        Stuff::Glass | Stuff::Dark => [0.12, 0.07, 0.06],
        Stuff::Leaf => [0.2, 0.33, 0.2],
        Stuff::Line => [0.17, 0.07, 0.04],
    })
}

/// The flat colours of gouaches, a set a painting.
const SETS: [[[f32; 3]; 6]; 4] = [
    [[0.1, 0.25, 0.65], [0.93, 0.4, 0.25], [0.98, 0.78, 0.2], [0.95, 0.6, 0.65], [0.1, 0.5, 0.45], [0.97, 0.93, 0.85]],
    [[0.2, 0.15, 0.4], [0.85, 0.2, 0.35], [0.3, 0.65, 0.7], [0.98, 0.7, 0.4], [0.55, 0.75, 0.35], [0.98, 0.95, 0.9]],
    [[0.1, 0.35, 0.35], [0.8, 0.35, 0.15], [0.9, 0.75, 0.5], [0.45, 0.2, 0.35], [0.55, 0.65, 0.6], [0.95, 0.9, 0.8]],
    [[0.75, 0.1, 0.1], [0.1, 0.1, 0.2], [0.25, 0.45, 0.75], [0.95, 0.75, 0.1], [0.95, 0.85, 0.75], [0.5, 0.7, 0.5]],
];

fn gouache(rng: &mut impl Rng) -> [[f32; 3]; Stuff::COUNT] {
    let set = &SETS[rng.random_range(0..4u32) as usize];
    let start = rng.random_range(0..6u32) as usize;
    let ink = |at: usize| set[(start + at) % 6];
    let line = of(&[[0.08, 0.08, 0.2], [0.98, 0.95, 0.88], [0.35, 0.08, 0.1], [0.05, 0.2, 0.2]], rng);
    every(|stuff| match stuff {
        Stuff::Skin => mix(ink(3), [1.0, 0.85, 0.75], 0.35),
        Stuff::Hair | Stuff::Mane | Stuff::Trim => ink(1),
        Stuff::Cloth | Stuff::Fur | Stuff::Leaf | Stuff::Hull | Stuff::Roof => ink(0),
        Stuff::Sail | Stuff::Wall => ink(2),
        Stuff::Wood | Stuff::Bark => ink(4),
        Stuff::Glass => ink(5),
        Stuff::Dark => [0.07, 0.06, 0.12],
        Stuff::Pale => [0.98, 0.96, 0.9],
        Stuff::Line => line,
    })
}

fn vase(rng: &mut impl Rng) -> [[f32; 3]; Stuff::COUNT] {
    let (black, white, red) = ([0.11, 0.08, 0.07], [0.9, 0.82, 0.7], [0.42, 0.13, 0.12]);
    let skin = if rng.random_bool(0.35) { white } else { black };
    every(|stuff| match stuff {
        Stuff::Skin => skin,
        Stuff::Trim | Stuff::Mane | Stuff::Wood => red,
        Stuff::Sail | Stuff::Pale => white,
        Stuff::Glass | Stuff::Line => CLAY,
        Stuff::Dark if skin == black => CLAY,
        _ => black,
    })
}

/// The ground of vases.
pub(super) const CLAY: [f32; 3] = [0.8, 0.43, 0.22];

/// Tones without colour; ink or glaze comes later.
fn grey(rng: &mut impl Rng) -> [[f32; 3]; Stuff::COUNT] {
    let (cloth, fur) = (rng.random_range(-0.3..0.3), rng.random_range(-0.3..0.25));
    every(|stuff| {
        let change = match stuff {
            Stuff::Cloth | Stuff::Wall => cloth,
            Stuff::Fur | Stuff::Roof | Stuff::Hull => fur,
            _ => 0.0,
        };
        [(stuff.tone() + change).clamp(0.05, 1.0); 3]
    })
}

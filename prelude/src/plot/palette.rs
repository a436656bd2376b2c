//! Which class has which colour, all over a session.

use super::canvas::{COLORS, Rgb};
use super::sight;
use crate::{Error, Result, show};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// How something that stands in a legend is told from the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hue {
    pub ink: Rgb,
    /// Which of the shapes, dashes and characters goes with it.
    pub shape: usize,
}

impl Hue {
    /// The hues in their order: the sixteen of the figures, then steps around the circle of OKLCH by the golden angle, in three
    /// lightnesses, so that no two that follow each other are near.
    pub fn nth(at: usize) -> Hue {
        let ink = COLORS.get(at).copied().unwrap_or_else(|| beyond(at - COLORS.len()));
        Hue { ink, shape: at }
    }
}

fn beyond(at: usize) -> Rgb {
    let turn = (at as f64 * 137.507_764).rem_euclid(360.0).to_radians();
    let (light, chroma) = ([0.55, 0.70, 0.42][at % 3], [0.14, 0.12, 0.11][at % 3]);
    srgb(light, chroma * turn.cos(), chroma * turn.sin())
}

/// A colour of OKLab (Ottosson 2020) as bytes; what a screen cannot show is cut.
fn srgb(light: f64, a: f64, b: f64) -> Rgb {
    let [l, m, s] = [
        light + 0.396_337_777_4 * a + 0.215_803_757_3 * b,
        light - 0.105_561_345_8 * a - 0.063_854_172_8 * b,
        light - 0.089_484_177_5 * a - 1.291_485_548 * b,
    ]
    .map(|root| root.powi(3));
    [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701 * s,
    ]
    .map(|linear| {
        let linear = linear.clamp(0.0, 1.0);
        let value = if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
        (value * 255.0).round() as u8
    })
}

/// Who has which colour.
#[derive(Default)]
struct ClassColors {
    hues: HashMap<String, Hue>,
    next: usize,
}

impl ClassColors {
    fn of(&mut self, name: &str) -> Hue {
        if let Some(known) = self.hues.get(name) {
            return *known;
        }
        let mut hue = Hue::nth(self.next);
        self.next += 1;
        // one that a person gave to another class is no longer free
        while self.hues.values().any(|other| other.ink == hue.ink) {
            hue = Hue::nth(self.next);
            self.next += 1;
        }
        self.hues.insert(name.to_owned(), hue);
        hue
    }

    /// Of a list that the palette has room for, every class, in order: the same list gives the same colours whichever class is drawn first.
    fn list(&mut self, names: &[String]) {
        if names.len() <= COLORS.len() {
            names.iter().for_each(|name| {
                self.of(name);
            });
        }
    }

    /// Who cannot tell this colour from those of other classes, in words.
    fn confused(&self, name: &str, ink: Rgb) -> Option<String> {
        let others = self.hues.iter().filter(|(other, _)| *other != name);
        let mut near: Vec<String> = others
            .filter_map(|(other, hue)| Some(format!("{} can tell it from {other}", sight::confused(ink, hue.ink)?)))
            .collect();
        near.sort();
        let more = if near.len() > 3 { format!("; and {} more", near.len() - 3) } else { String::new() };
        (!near.is_empty()).then(|| near[..near.len().min(3)].join("; ") + &more)
    }

    fn set(&mut self, name: &str, ink: Rgb) {
        let shape = self.hues.get(name).map_or(self.hues.len(), |known| known.shape);
        self.hues.insert(name.to_owned(), Hue { ink, shape });
    }
}

fn palette() -> MutexGuard<'static, ClassColors> {
    static PALETTE: LazyLock<Mutex<ClassColors>> = LazyLock::new(Mutex::default);
    PALETTE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn hue(class: &str) -> Hue {
    palette().of(class)
}

/// Whether each of these is a class that has a colour already.
pub(super) fn all_known(names: &[String]) -> bool {
    let palette = palette();
    !names.is_empty() && names.iter().all(|name| palette.hues.contains_key(name))
}

/// The classes that a figure is about, in their order: of at most 16 each gets its colour now, of more each when it is first drawn.
pub(crate) fn list_classes(names: &[String]) {
    palette().list(names);
}

/// The colour in which figures draw a class, as red, green and blue. A class that has none yet gets the next of the palette; it keeps it
/// for the session, whatever data set or network speaks of it. Classes are the same where their names are.
///
/// ```
/// use candlewick_prelude::plot;
/// let car = plot::class_color("car");
/// assert_ne!(plot::class_color("lorry"), car);
/// assert_eq!(plot::class_color("car"), car);
/// ```
pub fn class_color(class: &str) -> [u8; 3] {
    hue(class).ink
}

/// Gives a class a colour in all figures drawn from now on: a name of CSS (`"red"`, `"rebeccapurple"`), `#rgb` or `#rrggbb`. Where it can hardly be told
/// from another class's, by everybody or by the colour-blind, a note says so.
///
/// ```
/// use candlewick_prelude::plot;
/// plot::set_class_color("person", "#aa3377")?;
/// assert_eq!(plot::class_color("person"), [0xaa, 0x33, 0x77]);
/// plot::set_class_color("car", "teal")?;
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
///
/// # Errors
/// Where that is no colour, or one that can be seen through.
pub fn set_class_color(class: &str, color: &str) -> Result<()> {
    let ink = parsed(color).ok_or_else(|| {
        Error::new(format!("`{color}` is no colour that a figure has"))
            .remedy("write a name of CSS, `\"red\"`, or red, green and blue: `\"#f00\"`, `\"#aa3377\"`")
    })?;
    let mut palette = palette();
    palette.set(class, ink);
    if let Some(words) = palette.confused(class, ink) {
        show::note(&format!("`{color}` for {class}: {words}"));
    }
    Ok(())
}

fn parsed(color: &str) -> Option<Rgb> {
    let [red, green, blue, alpha] = csscolorparser::parse(color).ok()?.to_rgba8();
    (alpha == 255).then_some([red, green, blue])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> Vec<String> {
        all.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_class_keeps_its_colour_whoever_lists_it() {
        let mut palette = ClassColors::default();
        palette.list(&names(&["car", "bus", "truck"]));
        let before = palette.of("truck");
        assert_eq!((palette.of("car"), before), (Hue::nth(0), Hue::nth(2)));
        // another order, a part of them, new ones between
        palette.list(&names(&["truck", "van", "bus"]));
        assert_eq!((palette.of("truck"), palette.of("bus"), palette.of("van")), (before, Hue::nth(1), Hue::nth(3)));
        // names are the same where they are equal
        assert_eq!(palette.of("Truck"), Hue::nth(4));
    }

    #[test]
    fn a_long_list_takes_only_what_is_drawn() {
        let mut palette = ClassColors::default();
        let coco: Vec<String> = (0..80).map(|class| format!("coco {class}")).collect();
        palette.list(&coco);
        assert!(palette.hues.is_empty());
        palette.of("coco 7");
        palette.list(&names(&["coco 2", "coco 7"]));
        assert_eq!((palette.of("coco 7"), palette.of("coco 2")), (Hue::nth(0), Hue::nth(1)));
    }

    #[test]
    fn a_chosen_colour_stays_and_is_not_given_twice() {
        let mut palette = ClassColors::default();
        palette.of("car");
        palette.set("bus", COLORS[1]);
        palette.set("car", [1, 2, 3]);
        assert_eq!((palette.of("car"), palette.of("bus").ink), (Hue { ink: [1, 2, 3], shape: 0 }, COLORS[1]));
        assert_eq!(palette.of("van"), Hue::nth(2));
    }

    // the values are those of CSS Color Module Level 4
    #[test]
    fn colours_are_read_and_what_is_none_is_said() {
        for (written, meant) in [
            ("#aA3377", [0xaa, 0x33, 0x77]),
            ("#f00", [255, 0, 0]),
            ("red", [255, 0, 0]),
            ("RebeccaPurple", [0x66, 0x33, 0x99]),
            ("green", [0, 128, 0]),
            (" teal ", [0, 128, 128]),
            ("rgb(1, 2, 3)", [1, 2, 3]),
        ] {
            assert_eq!(parsed(written), Some(meant), "{written}");
        }
        for odd in ["#aa337", "#aa33777", "#aa33zz", "", "#ääx", "reddish", "transparent", "#ff000080"] {
            let error = set_class_color("never drawn", odd).unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{odd}`")) && error.contains("\"red\"") && error.contains("#aa3377"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_colour_that_some_take_for_another_classs_is_told() {
        let mut palette = ClassColors::default();
        palette.set("apple", [0xd6, 0x27, 0x28]);
        palette.set("sky", [0, 0, 255]);
        assert_eq!(palette.confused("apple", [0x2c, 0xa0, 0x2c]), None);
        let words = palette.confused("leaf", [0x2c, 0xa0, 0x2c]);
        assert_eq!(words.as_deref(), Some("nobody with deuteranopia can tell it from apple"));
        assert_eq!(palette.confused("sea", [0, 0, 250]).as_deref(), Some("nobody can tell it from sky"));
        (0..6).for_each(|at| palette.set(&format!("blue {at}"), [0, 0, 255 - at]));
        assert!(palette.confused("sea", [0, 0, 250]).is_some_and(|words| words.ends_with("; and 4 more")));
    }

    /// OKLCH by its author's page: oklch(0.55 0.14 0°) and the white and black ends.
    #[test]
    fn beyond_the_palette_colours_differ_and_show_on_white() {
        assert_eq!((srgb(1.0, 0.0, 0.0), srgb(0.0, 0.0, 0.0)), ([255; 3], [0; 3]));
        // red, green and blue of a screen as OKLab, by Ottosson's own table
        assert_eq!(srgb(0.627_955, 0.224_863, 0.125_846), [255, 0, 0]);
        assert_eq!(srgb(0.452_014, -0.032_457, -0.311_528), [0, 0, 255]);
        let inks: Vec<Rgb> = (0..200).map(|at| Hue::nth(at).ink).collect();
        for (at, ink) in inks.iter().enumerate() {
            assert!(inks.iter().skip(at + 1).all(|other| other != ink), "{at}");
            assert!(ink.iter().any(|value| *value < 190), "{ink:?} is pale");
        }
    }
}

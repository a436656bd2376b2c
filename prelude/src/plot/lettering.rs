//! Text: the font that the crate carries, and for letters that it lacks those of the machine, in colour where they are.

use super::joining;
use ab_glyph::{Font, FontArc, FontVec, GlyphImageFormat, PxScale, ScaleFont};
use image::RgbaImage;
use image::imageops::{self, FilterType};
use plotters::style::register_font;
use plotters_backend::FontStyle;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use unicode_bidi::BidiInfo;

/// Roboto Regular; its licence (Apache 2.0) lies beside it.
const FONT: &[u8] = include_bytes!("../../fonts/Roboto-Regular.ttf");

/// Lets plotters find the font under its usual names, so that figures drawn in cells have text on every machine.
pub fn register_fonts() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        for name in ["sans-serif", "serif", "monospace"] {
            // the file is part of the crate, so it is a font
            let _ = register_font(name, FontStyle::Normal, FONT);
        }
    });
}

fn font() -> &'static FontArc {
    static PARSED: OnceLock<FontArc> = OnceLock::new();
    PARSED.get_or_init(|| FontArc::try_from_slice(FONT).expect("the crate's font file is a font"))
}

fn has(font: &impl Font, letter: char) -> bool {
    font.glyph_id(letter).0 != 0
}

/// The text with its letters in the order in which they stand from left to right, and in their shapes: Hebrew and Arabic run the other way,
/// and Arabic joins.
fn in_sight(text: &str) -> Cow<'_, str> {
    let text =
        if text.contains(['\n', '\r']) { Cow::Owned(text.replace(['\n', '\r'], " ")) } else { Cow::Borrowed(text) };
    if !BidiInfo::new(&text, None).has_rtl() {
        return text;
    }
    let text = joining::joined(&text);
    let info = BidiInfo::new(&text, None);
    match info.paragraphs.first() {
        Some(line) => Cow::Owned(info.reorder_line(line, line.range.clone()).into_owned()),
        None => Cow::Owned(text),
    }
}

/// A letter, and the font to draw it with.
#[derive(Clone)]
struct Letter {
    letter: char,
    font: FontArc,
}

/// The letters to draw. Those that the crate's font lacks come from a font of the machine's that has them; where none
/// does, they are replaced, arrows by what looks like them.
fn letters(text: &str) -> Vec<Letter> {
    let own = |letter: char| Letter { letter, font: font().clone() };
    let (mut drawn, mut lacking) = (Vec::new(), Vec::new());
    for letter in text.chars() {
        let found = match letter {
            // what only says how others are written: joiners, direction, the choice of a variant
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' => continue,
            letter if has(font(), letter) => vec![own(letter)],
            '→' | '⇒' => vec![own('–'), own('›')],
            '←' | '⇐' => vec![own('‹'), own('–')],
            '\n' | '\t' | '\r' => vec![own(' ')],
            letter => from_machine(letter),
        };
        if found.is_empty() {
            lacking.push(letter);
            continue;
        }
        drawn.extend(stand_in(&std::mem::take(&mut lacking)).chars().map(own));
        drawn.extend(found);
    }
    drawn.extend(stand_in(&lacking).chars().map(own));
    drawn
}

/// A letter as a font of the machine's draws it; nothing where none does. A shape of an Arabic letter may be drawn as the letter itself.
fn from_machine(letter: char) -> Vec<Letter> {
    if let Some(font) = of_machine(letter) {
        return vec![Letter { letter, font }];
    }
    let parts = joining::unjoined(letter).into_iter();
    parts
        .map(|letter| of_machine(letter).map(|font| Letter { letter, font }))
        .collect::<Option<_>>()
        .unwrap_or_default()
}

/// What stands for letters that no font has: their numbers, so that two names differ where their letters do.
fn stand_in(letters: &[char]) -> String {
    let numbers: Vec<String> = letters.iter().map(|letter| format!("{:x}", u32::from(*letter))).collect();
    if numbers.is_empty() { String::new() } else { format!("‹{}›", numbers.join(" ")) }
}

/// Whether all of a text is drawn in the crate's own font, so that whoever shows it in another one can be told its width.
pub(super) fn is_own(text: &str) -> bool {
    text.chars().all(|letter| has(font(), letter))
}

/// A font of the machine's that has a letter, each letter looked for once.
fn of_machine(letter: char) -> Option<FontArc> {
    static FOUND: Mutex<Option<HashMap<char, Option<FontArc>>>> = Mutex::new(None);
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let found = found.get_or_insert_default();
    if let Some(known) = found.get(&letter) {
        return known.clone();
    }
    // Text is mostly of one script: a font that was of use before comes first.
    let before = found.values().flatten().find(|font| has(*font, letter)).cloned();
    let font = before.or_else(|| search(letter));
    found.insert(letter, font.clone());
    font
}

fn search(letter: char) -> Option<FontArc> {
    static FONTS: OnceLock<fontdb::Database> = OnceLock::new();
    let fonts = FONTS.get_or_init(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_system_fonts();
        fonts
    });
    // Upright letters of usual weight before others, those for screens before those with feet.
    let mut faces: Vec<&fontdb::FaceInfo> = fonts.faces().collect();
    faces.sort_by_key(|face| {
        let plain = face.style == fontdb::Style::Normal && face.weight == fontdb::Weight::NORMAL;
        let name = face.families.first().map_or("", |(name, _)| name.as_str());
        (!plain, face.monospaced, !name.contains("Sans"), name.to_owned())
    });
    faces.into_iter().find_map(|face| {
        let font = fonts.with_face_data(face.id, |data, index| {
            let parsed = ab_glyph::FontRef::try_from_slice_and_index(data, index).ok()?;
            let id = parsed.glyph_id(letter);
            let draws = id.0 != 0 && (parsed.outline(id).is_some() || parsed.glyph_raster_image2(id, 64).is_some());
            draws.then(|| FontVec::try_from_vec_and_index(data.to_vec(), index).ok()).flatten()
        });
        font.flatten().map(FontArc::new)
    })
}

/// ab_glyph counts a font's whole height where everyone else counts its em.
fn scale(font: &impl Font, size: f32) -> PxScale {
    let em = font.units_per_em().unwrap_or(2048.0);
    PxScale::from(size * font.height_unscaled() / em)
}

/// Calls `each` with every letter and how far from the text's start it stands; the width of all.
fn set(text: &str, size: f32, mut each: impl FnMut(&Letter, f32)) -> f32 {
    let mut x = 0.0;
    let mut last: Option<Letter> = None;
    for one in letters(&in_sight(text)) {
        let scaled = one.font.as_scaled(scale(&one.font, size));
        let id = scaled.glyph_id(one.letter);
        // Only letters of one font know how near they may come to each other.
        let near = last.filter(|last| has(font(), last.letter) == has(font(), one.letter));
        x += near.map_or(0.0, |last| scaled.kern(scaled.glyph_id(last.letter), id));
        each(&one, x);
        x += scaled.h_advance(id);
        last = Some(one);
    }
    x
}

/// The width of a line of text, in pixels, for letters of `size` pixels an em.
pub(super) fn text_width(text: &str, size: f32) -> f32 {
    set(text, size, |_, _| {})
}

/// The text cut with `…` so that it is at most `width` wide.
pub(super) fn fit_text(text: &str, size: f32, width: f32) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut letters: Vec<char> = text.chars().collect();
    while letters.pop().is_some() {
        let cut: String = letters.iter().chain(&['…']).collect();
        if text_width(&cut, size) <= width {
            return cut;
        }
    }
    String::new()
}

/// The text in two lines at most, parted behind commas where that is possible, else between words; what does not fit is left out from such a place on,
/// and `…` stands for it.
pub(super) fn wrap_text(text: &str, size: f32, width: f32) -> Vec<String> {
    if text_width(text, size) <= width {
        return vec![text.to_owned()];
    }
    let Some(end) = fitting_end(text, size, width, "") else { return vec![fit_text(text, size, width)] };
    let (first, rest) = (text[..end].to_owned(), &text[end + 1..]);
    if text_width(rest, size) <= width {
        return vec![first, rest.to_owned()];
    }
    let rest = match fitting_end(rest, size, width, " …") {
        Some(end) => format!("{} …", &rest[..end]),
        None => fit_text(rest, size, width),
    };
    vec![first, rest]
}

/// The last space behind which a text may be parted so that what is before it, with `more`, is no wider than `width`.
fn fitting_end(text: &str, size: f32, width: f32, more: &str) -> Option<usize> {
    let fits = |end: &usize| text_width(&format!("{}{more}", &text[..*end]), size) <= width;
    let mut commas = text.rmatch_indices(", ").map(|(at, _)| at + 1);
    let mut words = text.rmatch_indices(' ').map(|(at, _)| at);
    commas.find(&fits).or_else(|| words.find(&fits))
}

/// Calls `dot` for each pixel of a text that starts at the origin and stands on the line `y = 0`: where it lies, how much of it the letter
/// covers, and its colour where the letter has colours of its own.
pub(super) fn glyphs(text: &str, size: f32, mut dot: impl FnMut(i32, i32, f32, Option<[u8; 3]>)) {
    set(text, size, |one, x| {
        let scale = scale(&one.font, size);
        let glyph = one.font.glyph_id(one.letter).with_scale_and_position(scale, ab_glyph::point(x, 0.0));
        if let Some(outline) = one.font.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            outline.draw(|gx, gy, coverage| {
                dot(corner.x as i32 + gx as i32, corner.y as i32 + gy as i32, coverage, None);
            });
        } else if let Some((picture, [left, top])) = in_colour(one, size) {
            for (gx, gy, pixel) in picture.enumerate_pixels() {
                let [r, g, b, alpha] = pixel.0;
                let place = ((x + left).round() as i32 + gx as i32, top.round() as i32 + gy as i32);
                dot(place.0, place.1, f32::from(alpha) / 255.0, Some([r, g, b]));
            }
        }
    });
}

/// A letter of a font of pictures, such as an emoji, and where its left upper corner lies.
fn in_colour(one: &Letter, size: f32) -> Option<(RgbaImage, [f32; 2])> {
    let found = one.font.glyph_raster_image2(one.font.glyph_id(one.letter), size.ceil() as u16)?;
    let GlyphImageFormat::Png = found.format else { return None };
    let picture = image::load_from_memory_with_format(found.data, image::ImageFormat::Png).ok()?.to_rgba8();
    // The strike is larger than the text; a little smaller than an em it stands as letters do.
    let shrink = size / f32::from(found.pixels_per_em.max(1));
    let side = |length: u32| ((length as f32 * shrink).round() as u32).clamp(1, 4 * size.ceil() as u32);
    let small = imageops::resize(&picture, side(picture.width()), side(picture.height()), FilterType::Triangle);
    // half of it above the middle of small letters
    let top = -0.36 * size - small.height() as f32 / 2.0;
    Some((small, [found.origin.x * shrink, top]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        letters(text).into_iter().map(|one| one.letter).collect()
    }

    #[test]
    fn text_is_as_wide_as_the_font_says() {
        assert!((text_width("H", 2048.0) - 1461.0).abs() < 1.0, "{}", text_width("H", 2048.0));
        assert!((text_width("Hi", 20.0) - (1461.0 + 498.0) / 102.4).abs() < 0.1);
        assert_eq!(text_width("", 20.0), 0.0);
    }

    #[test]
    fn letters_that_the_font_lacks_are_drawn_by_another_or_replaced() {
        assert_eq!(shown("cars → trucks ×2 é\u{200d}"), "cars –› trucks ×2 é");
        // Private use, for which no font of a machine should have anything.
        assert_eq!(shown("a\u{10fffd}b"), "a‹10fffd›b");
        assert_ne!(shown("\u{10fffd}"), shown("\u{10fffc}"));
        assert_eq!(shown("\u{10fffd}\u{10fffc} x"), "‹10fffd 10fffc› x");
        // Hebrew, Armenian, Chinese: as the machine has fonts for them.
        for letter in ['ש', 'Բ', '車'] {
            let one = &letters(&letter.to_string())[0];
            assert!(has(&one.font, one.letter) && (one.letter == letter || one.letter == '‹'), "{letter}");
            let mut dots = 0;
            glyphs(&letter.to_string(), 40.0, |_, _, _, _| dots += 1);
            assert!(dots > 20 && text_width(&letter.to_string(), 40.0) > 5.0, "{letter}: {dots}");
        }
    }

    #[test]
    fn what_runs_from_right_to_left_is_drawn_so() {
        for (text, seen) in [("כלב", "בלכ"), ("כלב 93 %", "% 93 בלכ"), ("is כלב", "is בלכ"), ("кот\n3", "кот 3")]
        {
            assert_eq!(in_sight(text), seen);
        }
        // joined, from right to left: heh marbuta, noon, hah, alef, sheen
        assert_eq!(in_sight("شاحنة 7"), "7 \u{fe94}\u{fee8}\u{fea3}\u{fe8e}\u{feb7}");
    }

    #[test]
    fn long_text_goes_on_below_between_words() {
        let wrapped = |text: &str, width: f32| wrap_text(text, 20.0, width);
        assert_eq!(wrapped("1 × car, 2 × bus", 300.0), ["1 × car, 2 × bus"]);
        assert_eq!(wrapped("1 × car, 2 × bus", 100.0), ["1 × car,", "2 × bus"]);
        assert_eq!(wrapped("1 × car, 2 × bus, 3 × van, 4 × lorry", 100.0), ["1 × car,", "2 × bus, …"]);
        assert_eq!(wrapped("one two three four five six", 90.0), ["one two", "three …"]);
        let long = wrapped("Donaudampfschifffahrt", 100.0);
        assert!(long.len() == 1 && long[0].ends_with('…'), "{long:?}");
        for text in ["1 × car, 2 × bus, 3 × van, 4 × lorry", "one two three four", "a verylongwordthatfitsnowhere b"]
        {
            assert!(
                (40..300)
                    .all(|width| wrapped(text, width as f32).iter().all(|line| text_width(line, 20.0) <= width as f32))
            );
        }
    }

    #[test]
    fn long_text_is_cut() {
        let cut = fit_text("a rather long caption", 20.0, 100.0);
        assert!(cut.ends_with('…') && text_width(&cut, 20.0) <= 100.0, "{cut}");
        assert_eq!(fit_text("short", 20.0, 100.0), "short");
        assert_eq!(fit_text("short", 20.0, 1.0), "");
    }
}

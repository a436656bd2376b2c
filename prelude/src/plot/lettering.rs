//! Text: how wide it is, how it is cut, and its pixels.

use super::faces::{FONT, has, own};
use super::shaping::{ShapedGlyph, TextPiece, pieces, shaped};
use ab_glyph::{Font, FontArc, GlyphId, GlyphImageFormat, PxScale, ScaleFont};
use image::RgbaImage;
use image::imageops::{self, FilterType};
use plotters::style::register_font;
use plotters_backend::FontStyle;
use std::sync::OnceLock;

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

/// Whether all of a text is drawn in the crate's own font, so that whoever shows it in another one can be told its width.
pub(super) fn is_own(text: &str) -> bool {
    text.chars().all(|letter| has(own(), letter))
}

/// ab_glyph counts a font's whole height where everyone else counts its em.
fn scale(font: &impl Font, size: f32) -> PxScale {
    let em = font.units_per_em().unwrap_or(2048.0);
    PxScale::from(size * font.height_unscaled() / em)
}

/// Calls `each` with every glyph, its font, and how far from the text's start and above its line it stands; the width of all.
fn set(text: &str, size: f32, mut each: impl FnMut(&FontArc, GlyphId, (f32, f32))) -> f32 {
    let mut x = 0.0;
    for piece in pieces(text) {
        match piece {
            TextPiece::Own(letters) => {
                let font = own();
                let scaled = font.as_scaled(scale(font, size));
                let mut last = None;
                for letter in letters.chars() {
                    let id = scaled.glyph_id(letter);
                    x += last.map_or(0.0, |last| scaled.kern(last, id));
                    each(font, id, (x, 0.0));
                    x += scaled.h_advance(id);
                    last = Some(id);
                }
            }
            TextPiece::Shaped(run, face, is_rtl) => {
                let unit = size / face.font.units_per_em().unwrap_or(2048.0);
                for ShapedGlyph { id, advance, offset } in shaped(&run, &face, is_rtl) {
                    each(&face.font, GlyphId(id), (x + offset.0 * unit, offset.1 * unit));
                    x += advance * unit;
                }
            }
        }
    }
    x
}

/// The width of a line of text, in pixels, for letters of `size` pixels an em.
pub(super) fn text_width(text: &str, size: f32) -> f32 {
    set(text, size, |_, _, _| {})
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
    set(text, size, |font, id, (x, above)| {
        let glyph = id.with_scale_and_position(scale(font, size), ab_glyph::point(x, -above));
        if let Some(outline) = font.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            outline.draw(|gx, gy, coverage| {
                dot(corner.x as i32 + gx as i32, corner.y as i32 + gy as i32, coverage, None);
            });
        } else if let Some((picture, [left, top])) = in_colour(font, id, size) {
            for (gx, gy, pixel) in picture.enumerate_pixels() {
                let [r, g, b, alpha] = pixel.0;
                let place = ((x + left).round() as i32 + gx as i32, (top - above).round() as i32 + gy as i32);
                dot(place.0, place.1, f32::from(alpha) / 255.0, Some([r, g, b]));
            }
        }
    });
}

/// A letter of a font of pictures, such as an emoji, and where its left upper corner lies.
fn in_colour(font: &FontArc, id: GlyphId, size: f32) -> Option<(RgbaImage, [f32; 2])> {
    let found = font.glyph_raster_image2(id, size.ceil() as u16)?;
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

    #[test]
    fn text_is_as_wide_as_the_font_says() {
        assert!((text_width("H", 2048.0) - 1461.0).abs() < 1.0, "{}", text_width("H", 2048.0));
        assert!((text_width("Hi", 20.0) - (1461.0 + 498.0) / 102.4).abs() < 0.1);
        assert_eq!(text_width("", 20.0), 0.0);
    }

    // Hebrew, Armenian, Chinese, Devanagari, Thai: as the machine has fonts for them, or by numbers.
    #[test]
    fn other_scripts_are_drawn() {
        for text in ["ש", "Բ", "車", "क्षि", "น้ำ", "شاحنة"] {
            let mut dots = 0;
            glyphs(text, 40.0, |_, _, _, _| dots += 1);
            assert!(dots > 20 && text_width(text, 40.0) > 5.0, "{text}: {dots}");
        }
        // what other scripts stand beside keeps its width
        let width = |text: &str| text_width(text, 20.0);
        assert!((width("a車b") - width("a") - width("車") - width("b")).abs() < 0.01);
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

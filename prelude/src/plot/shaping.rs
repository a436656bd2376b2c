//! A text in pieces from left to right: letters of the crate's own font, and runs of another script as a font of the machine's shapes them.

use super::faces::{Face, has, of_machine, own};
use harfrust::{Buffer, Direction, ShapeOptions, ShaperFont};
use std::sync::Arc;
use unicode_bidi::BidiInfo;

/// A part of a text that is drawn in one way.
pub(super) enum TextPiece {
    /// Letters of the crate's font, from left to right.
    Own(String),
    /// Letters of another font in the order in which they are read, and whether they run from right to left.
    Shaped(String, Arc<Face>, bool),
}

/// A glyph that a font's shaping gave, in the font's own units.
pub(super) struct ShapedGlyph {
    pub id: u16,
    /// How far to the next one.
    pub advance: f32,
    /// Where it is drawn, from the place where it would stand.
    pub offset: (f32, f32),
}

/// The pieces of a text from left to right: Hebrew and Arabic run the other way. Letters that no font has are replaced, arrows by what looks like them.
pub(super) fn pieces(text: &str) -> Vec<TextPiece> {
    let text = text.replace(['\n', '\r'], " ");
    let info = BidiInfo::new(&text, None);
    let Some(line) = info.paragraphs.first() else { return Vec::new() };
    if !info.has_rtl() {
        return in_order(&text, false);
    }
    let (levels, runs) = info.visual_runs(line, line.range.clone());
    let mut all = Vec::new();
    for run in runs {
        let is_rtl = levels[run.start].is_rtl();
        let mut found = in_order(&text[run], is_rtl);
        if is_rtl {
            found.reverse();
        }
        for piece in found {
            match piece {
                TextPiece::Own(letters) if is_rtl => push(&mut all, &letters.chars().rev().collect::<String>()),
                TextPiece::Own(letters) => push(&mut all, &letters),
                shaped @ TextPiece::Shaped(..) => all.push(shaped),
            }
        }
    }
    all
}

/// Adds letters of the crate's font to the last piece, or as a new one.
fn push(pieces: &mut Vec<TextPiece>, letters: &str) {
    match pieces.last_mut() {
        _ if letters.is_empty() => {}
        Some(TextPiece::Own(before)) => before.push_str(letters),
        _ => pieces.push(TextPiece::Own(letters.to_owned())),
    }
}

/// The pieces of a text in the order in which it is read.
fn in_order(text: &str, is_rtl: bool) -> Vec<TextPiece> {
    let (mut found, mut lacking) = (Vec::new(), Vec::new());
    for letter in text.chars() {
        let own = match letter {
            // what only says how others are written: joiners, direction, the choice of a variant
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' => {
                if let Some(TextPiece::Shaped(run, ..)) = found.last_mut() {
                    run.push(letter);
                }
                continue;
            }
            letter if has(own(), letter) => Some(letter.to_string()),
            '→' | '⇒' => Some("–›".to_owned()),
            '←' | '⇐' => Some("‹–".to_owned()),
            '\t' => Some(" ".to_owned()),
            _ => None,
        };
        let other = if own.is_none() { of_machine(letter) } else { None };
        if own.is_none() && other.is_none() {
            lacking.push(letter);
            continue;
        }
        push(&mut found, &stand_in(&std::mem::take(&mut lacking)));
        if let Some(own) = own {
            push(&mut found, &own);
        } else if let Some(face) = other {
            match found.last_mut() {
                Some(TextPiece::Shaped(run, before, _)) if has(&before.font, letter) => run.push(letter),
                _ => found.push(TextPiece::Shaped(letter.to_string(), face, is_rtl)),
            }
        }
    }
    push(&mut found, &stand_in(&lacking));
    found
}

/// What stands for letters that no font has: their numbers, so that two names differ where their letters do.
fn stand_in(letters: &[char]) -> String {
    let numbers: Vec<String> = letters.iter().map(|letter| format!("{:x}", u32::from(*letter))).collect();
    if numbers.is_empty() { String::new() } else { format!("‹{}›", numbers.join(" ")) }
}

/// The glyphs of a run from left to right: joined where Arabic joins, in one where Devanagari makes one of several, marks above and below their letters
/// as in Thai.
pub(super) fn shaped(run: &str, face: &Face, is_rtl: bool) -> Vec<ShapedGlyph> {
    let mut buffer = Buffer::new();
    buffer.push_str(run);
    buffer.set_direction(if is_rtl { Direction::RightToLeft } else { Direction::LeftToRight });
    buffer.guess_segment_properties();
    // the direction is set, which is all that it wants
    if harfrust::shape(&ShaperFont::new(&face.shaping), &mut buffer, ShapeOptions::new()).is_err() {
        return Vec::new();
    }
    let glyphs = buffer.glyph_infos().iter().zip(buffer.glyph_positions());
    glyphs
        .filter_map(|(info, place)| {
            Some(ShapedGlyph {
                id: u16::try_from(info.glyph_id).ok()?,
                advance: place.x_advance as f32,
                offset: (place.x_offset as f32, place.y_offset as f32),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ab_glyph::Font;

    /// The letters of all pieces, as they stand.
    fn shown(text: &str) -> String {
        let letters = |piece: TextPiece| match piece {
            TextPiece::Own(letters) => letters,
            TextPiece::Shaped(run, _, false) => run,
            TextPiece::Shaped(run, _, true) => run.chars().rev().collect(),
        };
        pieces(text).into_iter().map(letters).collect()
    }

    /// The glyphs of a text that one font of the machine's draws; nothing where none has all its letters.
    fn glyphs(text: &str) -> Option<(Vec<ShapedGlyph>, Arc<Face>)> {
        match &pieces(text)[..] {
            [TextPiece::Shaped(run, face, is_rtl)] => Some((shaped(run, face, *is_rtl), Arc::clone(face))),
            _ => None,
        }
    }

    #[test]
    fn letters_that_the_font_lacks_are_drawn_by_another_or_replaced() {
        assert_eq!(shown("cars → trucks ×2 é\u{200d}"), "cars –› trucks ×2 é");
        // Private use, for which no font of a machine should have anything.
        assert_eq!(shown("a\u{10fffd}b"), "a‹10fffd›b");
        assert_ne!(shown("\u{10fffd}"), shown("\u{10fffc}"));
        assert_eq!(shown("\u{10fffd}\u{10fffc} x"), "‹10fffd 10fffc› x");
        assert!(shown("").is_empty());
    }

    #[test]
    fn what_runs_from_right_to_left_is_drawn_so() {
        if glyphs("כלב").is_none() {
            return;
        }
        for (text, seen) in [("כלב", "בלכ"), ("כלב 93 %", "% 93 בלכ"), ("is כלב", "is בלכ"), ("кот\n3", "кот 3")]
        {
            assert_eq!(shown(text), seen);
        }
    }

    // with a font of the machine's, where it has one of the script; HarfBuzz gives these numbers of glyphs for DejaVu Sans and Lohit Devanagari
    #[test]
    fn letters_are_shaped_where_a_script_wants_it() {
        if let Some((joined, face)) = glyphs("شاحنة") {
            let alone: Vec<u16> = "شاحنة".chars().rev().map(|letter| face.font.glyph_id(letter).0).collect();
            let ids: Vec<u16> = joined.iter().map(|glyph| glyph.id).collect();
            assert!(
                ids.len() == 5 && ids.iter().zip(&alone).all(|(shaped, alone)| shaped != alone),
                "{ids:?} {alone:?}"
            );
        }
        // lam and alef are one
        if let Some((glyphs, _)) = glyphs("لا") {
            assert_eq!(glyphs.len(), 1);
        }
        // क्ष is one, and the sign of i stands before it
        if let Some((glyphs, face)) = glyphs("क्षि") {
            assert!(glyphs.len() < 4 && glyphs.iter().all(|glyph| glyph.id != face.font.glyph_id('्').0));
        }
        // a mark above takes no room
        if let Some((glyphs, _)) = glyphs("น้ำ") {
            assert!(glyphs.iter().any(|glyph| glyph.advance == 0.0));
        }
    }
}

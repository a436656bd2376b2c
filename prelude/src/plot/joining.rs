//! Arabic letters as they stand in words: each has another shape at the beginning, in the middle and at the end.

use unicode_normalization::UnicodeNormalization;

/// Letters with the first of their shapes (alone, at the end, at the beginning, in the middle) in Unicode's presentation forms, and whether
/// they join what follows: those that do not have the first two shapes only.
const SHAPES: [(char, u32, bool); 51] = [
    ('آ', 0xfe81, false),
    ('أ', 0xfe83, false),
    ('ؤ', 0xfe85, false),
    ('إ', 0xfe87, false),
    ('ئ', 0xfe89, true),
    ('ا', 0xfe8d, false),
    ('ب', 0xfe8f, true),
    ('ة', 0xfe93, false),
    ('ت', 0xfe95, true),
    ('ث', 0xfe99, true),
    ('ج', 0xfe9d, true),
    ('ح', 0xfea1, true),
    ('خ', 0xfea5, true),
    ('د', 0xfea9, false),
    ('ذ', 0xfeab, false),
    ('ر', 0xfead, false),
    ('ز', 0xfeaf, false),
    ('س', 0xfeb1, true),
    ('ش', 0xfeb5, true),
    ('ص', 0xfeb9, true),
    ('ض', 0xfebd, true),
    ('ط', 0xfec1, true),
    ('ظ', 0xfec5, true),
    ('ع', 0xfec9, true),
    ('غ', 0xfecd, true),
    ('ف', 0xfed1, true),
    ('ق', 0xfed5, true),
    ('ك', 0xfed9, true),
    ('ل', 0xfedd, true),
    ('م', 0xfee1, true),
    ('ن', 0xfee5, true),
    ('ه', 0xfee9, true),
    ('و', 0xfeed, false),
    ('ى', 0xfeef, false),
    ('ي', 0xfef1, true),
    // Persian, Urdu and their neighbours
    ('ٱ', 0xfb50, false),
    ('پ', 0xfb56, true),
    ('ٹ', 0xfb66, true),
    ('ڤ', 0xfb6a, true),
    ('چ', 0xfb7a, true),
    ('ڈ', 0xfb88, false),
    ('ژ', 0xfb8a, false),
    ('ڑ', 0xfb8c, false),
    ('ک', 0xfb8e, true),
    ('گ', 0xfb92, true),
    ('ں', 0xfb9e, false),
    ('ہ', 0xfba6, true),
    ('ھ', 0xfbaa, true),
    ('ے', 0xfbae, false),
    ('ۓ', 0xfbb0, false),
    ('ی', 0xfbfc, true),
];

/// What joins both sides without a shape of its own: a stretched line, and a joiner that is not seen.
const JOINERS: [char; 2] = ['\u{640}', '\u{200d}'];

fn shapes(letter: char) -> Option<(u32, bool)> {
    SHAPES.iter().find(|(known, ..)| *known == letter).map(|(_, first, on)| (*first, *on))
}

/// Signs for vowels, which stand above and below letters.
fn is_vowel(letter: char) -> bool {
    matches!(letter, '\u{64b}'..='\u{65f}' | '\u{670}')
}

/// The text with its Arabic letters in the shapes in which they join, still in the order in which it is read. Vowel signs, which hardly any
/// name has, are left out.
pub(super) fn joined(text: &str) -> String {
    let letters: Vec<char> = text.chars().filter(|letter| !is_vowel(*letter)).collect();
    let joins_on = |at: Option<usize>| {
        let letter = at.and_then(|at| letters.get(at)).copied().unwrap_or(' ');
        JOINERS.contains(&letter) || shapes(letter).is_some_and(|(_, on)| on)
    };
    let takes = |at: usize| letters.get(at).is_some_and(|next| JOINERS.contains(next) || shapes(*next).is_some());
    let (mut out, mut at) = (String::new(), 0);
    while let Some(&letter) = letters.get(at) {
        let before = joins_on(at.checked_sub(1));
        let pair = (letter == 'ل').then(|| letters.get(at + 1).copied().and_then(lam_alef)).flatten();
        let shape = match (pair, shapes(letter)) {
            (Some(first), _) => char::from_u32(first + u32::from(before)),
            (None, Some((first, on))) => char::from_u32(first + u32::from(before) + 2 * u32::from(on && takes(at + 1))),
            (None, None) => None,
        };
        out.push(shape.unwrap_or(letter));
        at += if pair.is_some() { 2 } else { 1 };
    }
    out
}

/// The one shape of a lam and the alef behind it.
fn lam_alef(alef: char) -> Option<u32> {
    match alef {
        'آ' => Some(0xfef5),
        'أ' => Some(0xfef7),
        'إ' => Some(0xfef9),
        'ا' => Some(0xfefb),
        _ => None,
    }
}

/// The letters of which this is a shape, from left to right, for fonts that have only those; nothing where it is none.
pub(super) fn unjoined(shape: char) -> Vec<char> {
    match shape {
        '\u{fb50}'..='\u{fbff}' | '\u{fe80}'..='\u{fefc}' => {
            let mut letters: Vec<char> = shape.nfkc().collect();
            letters.reverse();
            letters
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<u32> {
        joined(text).chars().map(u32::from).collect()
    }

    // Python's arabic_reshaper 3.1 gives these
    #[test]
    fn letters_take_the_shape_of_their_place() {
        assert_eq!(codes("شاحنة"), [0xfeb7, 0xfe8e, 0xfea3, 0xfee8, 0xfe94]);
        assert_eq!(codes("كلب"), [0xfedb, 0xfee0, 0xfe90]);
        assert_eq!(codes("سلام"), [0xfeb3, 0xfefc, 0xfee1]);
        assert_eq!(codes("لا"), [0xfefb]);
        assert_eq!(codes("پژوگ"), [0xfb58, 0xfb8b, 0xfeed, 0xfb92]);
        assert_eq!(codes("كَلْب"), codes("كلب"));
        assert_eq!(joined("car 7 ×"), "car 7 ×");
        // letters that stand alone, beside a line that stretches them, beside what keeps them apart
        assert_eq!(codes("ب"), [0xfe8f]);
        assert_eq!(codes("بـ"), [0xfe91, 0x640]);
        assert_eq!(codes("ب\u{200c}ب"), [0xfe8f, 0x200c, 0xfe8f]);
    }

    #[test]
    fn every_shape_is_one_of_its_letter() {
        for (letter, first, on) in SHAPES {
            for shape in 0..if on { 4 } else { 2 } {
                let shape = char::from_u32(first + shape).unwrap();
                assert_eq!(unjoined(shape), [letter], "{letter}");
            }
        }
        assert_eq!(unjoined('\u{fefb}'), ['ا', 'ل']);
        assert!(unjoined('a').is_empty());
    }
}

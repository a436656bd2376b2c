//! A text as a picture, where pictures stand beside each other.

use image::RgbImage;

use super::canvas::{Align, CARD, Canvas, INK};
use super::lettering::{fit_text, text_width};

/// Its side, in pixels.
const SIDE: u32 = 288;
const SIZE: f32 = 28.0;
const LINE: f32 = 34.0;
const MARGIN: f32 = 8.0;

/// A text as a square picture of its words; of a long one the beginning, and `…`.
pub fn page(text: &str) -> RgbImage {
    let width = SIDE as f32 - 2.0 * MARGIN;
    let room = ((SIDE as f32 - 2.0 * MARGIN) / LINE) as usize;
    let mut canvas = Canvas::new(SIDE, SIDE);
    canvas.rect([0.0, 0.0, SIDE as f32, SIDE as f32], CARD, 1.0);
    for (row, line) in lines(text, width, room).iter().enumerate() {
        canvas.text(line, MARGIN, MARGIN + LINE * (row as f32 + 0.8), SIZE, INK, Align::Left);
    }
    canvas.into_rgb()
}

/// The words in so many lines of a width; `…` stands for what has no room.
fn lines(text: &str, width: f32, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match (lines.last_mut(), longer) {
            (Some(line), Some(longer)) if text_width(&longer, SIZE) <= width => *line = longer,
            _ => lines.push(fit_text(word, SIZE, width)),
        }
        if lines.len() > room {
            lines.pop();
            if let Some(last) = lines.last_mut() {
                *last = fit_text(&format!("{last} …"), SIZE, width);
            }
            break;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_in_lines_and_long_texts_end_in_dots() {
        assert_eq!(lines("a  fine\nfilm", 300.0, 9), ["a fine film"]);
        let long = lines(&"word ".repeat(200), 292.0, 9);
        assert!(long.len() == 9 && long[8].ends_with('…'), "{long:?}");
        assert!(long.iter().all(|line| text_width(line, SIZE) <= 292.0), "{long:?}");
        assert_eq!(lines(&"w".repeat(400), 292.0, 9).len(), 1);
        assert!(lines("", 292.0, 9).is_empty());
        let dark = |text: &str| page(text).pixels().filter(|pixel| pixel.0[0] < 128).count();
        assert!(dark("") == 0 && dark("a fine film") > 50, "{}", dark("a fine film"));
    }
}

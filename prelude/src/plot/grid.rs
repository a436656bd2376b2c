//! Many small pictures in rows.

use super::Figure;
use super::canvas::{Align, Canvas, INK, PALE};
use super::lettering;
use super::lines::DENSITY;
use image::RgbImage;
use image::imageops::{self, FilterType};

/// The size of a caption's letters.
const SIZE: f32 = 23.0;

/// The side of a picture of a grid at most, in device pixels.
const LARGEST: u32 = 288;

/// Small pictures in rows, each with a caption below; a line break parts a caption into two. A line that is too long goes on below once, between words.
///
/// Pictures of any size are scaled to one; small ones stay sharp. There may be fewer captions than pictures.
pub fn grid(pictures: &[RgbImage], captions: &[String]) -> Figure {
    let laid = Laid::of(pictures, captions, LARGEST, 0);
    laid.figure()
}

/// As [`grid`], larger: for two or three pictures that are compared.
pub fn beside(pictures: &[RgbImage], captions: &[String]) -> Figure {
    let laid = Laid::of(pictures, captions, 560, 0);
    laid.figure()
}

/// As [`grid`], smaller, the more there are: what stands beside something else, in few bytes.
pub fn strip(pictures: &[RgbImage], captions: &[String]) -> Figure {
    // so many pixels for all of them
    let side = (190_000.0 / pictures.len().max(1) as f32).sqrt() as u32;
    let laid = Laid::of(pictures, captions, side.clamp(120, 240), 0);
    laid.figure()
}

/// Pictures in rows on a card, and how they read in a terminal.
pub(super) struct Laid {
    pub canvas: Canvas,
    pub text: String,
}

impl Laid {
    /// The finished figure.
    pub fn figure(self) -> Figure {
        let (width, height) = (self.canvas.width() / DENSITY, self.canvas.height() / DENSITY);
        self.canvas.into_figure(width, height, self.text)
    }

    /// Lays pictures out in rows; `foot` pixels stay free below them.
    pub fn of(pictures: &[RgbImage], captions: &[String], largest: u32, foot: u32) -> Laid {
        let (canvas, text) = laid_out(pictures, captions, largest, foot);
        Laid { canvas, text }
    }
}

/// How many of so many pictures stand beside each other.
fn abreast(count: usize) -> usize {
    match count {
        0..=3 => count.max(1),
        4 => 2,
        5..=9 => 3.max(count.div_ceil(3)),
        10..=16 => 4.max(count.div_ceil(4)),
        _ => 6,
    }
}

fn side(columns: usize, largest: u32) -> u32 {
    match columns {
        0..=3 => largest,
        4 => largest.min(248),
        _ => largest.min(200),
    }
}

/// The side of one of so many pictures of a [`grid`], in device pixels.
pub(super) fn side_of(count: usize) -> u32 {
    side(abreast(count), LARGEST)
}

fn laid_out(pictures: &[RgbImage], captions: &[String], largest: u32, foot: u32) -> (Canvas, String) {
    let count = pictures.len().max(1);
    let columns = abreast(count);
    let side = side(columns, largest);
    let captions_of = |caption: &String| caption_lines(caption, side as f32);
    let wrapped: Vec<Vec<(String, bool)>> = captions.iter().map(captions_of).collect();
    let lines = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    let (gap, below) = (20, if lines == 0 { 0 } else { 12 + 28 * lines as u32 });
    let rows = count.div_ceil(columns) as u32;
    let width = gap + columns as u32 * (side + gap);
    let height = gap + rows * (side + below + gap) + foot;
    let mut canvas = Canvas::card(width, height);
    for (i, picture) in pictures.iter().enumerate() {
        let x = gap + (i % columns) as u32 * (side + gap);
        let y = gap + (i / columns) as u32 * (side + below + gap);
        let scaled = scaled(picture, side);
        let (dx, dy) = ((side - scaled.width()) / 2, (side - scaled.height()) / 2);
        canvas.picture(&scaled, i64::from(x + dx), i64::from(y + dy));
        for (row, (line, is_first)) in wrapped.get(i).into_iter().flatten().enumerate() {
            let foot = (y + side + 28 * (row as u32 + 1)) as f32;
            let ink = if *is_first { INK } else { PALE };
            canvas.text(line, (x + side / 2) as f32, foot, SIZE, ink, Align::Center);
        }
    }
    let text: Vec<String> = (0..pictures.len())
        .map(|i| captions.get(i).map_or_else(|| format!("picture {}", i + 1), |caption| caption.replace('\n', ", ")))
        .collect();
    let text = text.chunks(columns).map(|row| row.join(" | ") + "\n").collect::<String>();
    (canvas, text)
}

/// The lines of a caption, and whether each is of its first one.
fn caption_lines(caption: &str, width: f32) -> Vec<(String, bool)> {
    let lines = caption.lines().enumerate();
    lines
        .flat_map(|(at, line)| lettering::wrap_text(line, SIZE, width).into_iter().map(move |line| (line, at == 0)))
        .collect()
}

/// A picture that fills a square of `side` pixels in one direction; much smaller ones keep their pixels' edges.
pub(super) fn scaled(picture: &RgbImage, side: u32) -> RgbImage {
    let long = picture.width().max(picture.height()).max(1);
    let scale = side as f32 / long as f32;
    let to = |length: u32| ((length as f32 * scale).round() as u32).clamp(1, side);
    let filter = if scale >= 3.0 { FilterType::Nearest } else { FilterType::Triangle };
    imageops::resize(picture, to(picture.width()), to(picture.height()), filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_any_size_and_fewer_captions() {
        let red = RgbImage::from_pixel(64, 32, image::Rgb([255, 0, 0]));
        let figure = grid(&[red.clone(), RgbImage::new(7, 500), red.clone()], &["one\n12 %".to_owned()]);
        assert_eq!(figure.text(), "one, 12 % | picture 2 | picture 3\n");
        let pixel = figure.pixels().get_pixel(20 + 144, 20 + 144);
        assert_eq!(pixel.0, [255, 0, 0, 255]);
        // above the wide picture the card shows
        assert_eq!(figure.pixels().get_pixel(20 + 144, 30).0, [255; 4]);
    }

    #[test]
    fn long_captions_go_on_below() {
        let caption = "2 × person, 1 × bicycle, 3 × traffic light\nis 1 × car\nloss 2.31";
        let lines = caption_lines(caption, 288.0);
        let all: Vec<(&str, bool)> = lines.iter().map(|(line, first)| (line.as_str(), *first)).collect();
        let expected = [
            ("2 × person, 1 × bicycle,", true),
            ("3 × traffic light", true),
            ("is 1 × car", false),
            ("loss 2.31", false),
        ];
        assert_eq!(all, expected);
        let pictures = vec![RgbImage::new(8, 8); 2];
        let height = |caption: &str| grid(&pictures, &["short".to_owned(), caption.to_owned()]).size().1;
        assert_eq!(height(caption), height("a\nb\nc\nd"));
    }

    #[test]
    fn nine_pictures_stand_three_by_three() {
        let pictures = vec![RgbImage::new(8, 8); 9];
        let (width, height) = grid(&pictures, &[]).size();
        assert_eq!(width, height);
        grid(&[], &[]);
    }
}

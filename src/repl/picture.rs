//! Pictures in a terminal: half blocks as text, or pixels where the terminal takes them.

use super::tty::{self, Abilities, WindowSize};
use crate::screen::Display;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::{DynamicImage, GenericImageView, Rgb, RgbImage};
use serde_json::Value;

/// In half blocks a picture may be so much larger than in pixels, where the window has the room.
const LARGER: f64 = 2.5;

/// A decoded picture and the size at which it wants to be seen, in characters.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    image: DynamicImage,
    /// Characters in a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
}

impl Picture {
    /// The display's picture, if it has one that can be decoded, fitted into the terminal. Without `pixels`
    /// a small one is given as many characters as it has pixels, so that something is to be seen.
    pub fn of(display: &Display, size: WindowSize, pixels: bool) -> Option<Picture> {
        ["image/png", "image/jpeg"].into_iter().find_map(|mime| {
            let base64: String = display.data.get(mime)?.as_str()?.split_whitespace().collect();
            let image = image::load_from_memory(&BASE64_STANDARD.decode(base64).ok()?).ok()?;
            let wished = |key: &str| display.metadata.get(mime)?.get(key).and_then(Value::as_u64);
            let (width, height) = image.dimensions();
            let width = wished("width").unwrap_or(width.into()) as f64;
            let height = wished("height").unwrap_or(height.into()) as f64;
            let (columns, rows) = (width / size.cell.0 as f64, height / size.cell.1 as f64);
            // Half blocks are coarse: as many as the picture has pixels, within reason.
            let many = f64::from(image.width()).min((LARGER * columns).max(40.0));
            let enough = if pixels { 1.0 } else { (many / columns).max(1.0) };
            Some(Picture::fitted(image, (columns * enough, rows * enough), size))
        })
    }

    fn fitted(image: DynamicImage, (columns, rows): (f64, f64), size: WindowSize) -> Picture {
        // One line stays free for what comes below.
        let room = (size.columns as f64 / columns).min(size.rows.saturating_sub(2).max(1) as f64 / rows).min(1.0);
        let whole = |length: f64| ((length * room).round() as usize).max(1);
        Picture { image, columns: whole(columns), rows: whole(rows) }
    }

    /// The picture as lines of coloured half blocks.
    pub fn half_blocks(&self, truecolor: bool) -> Vec<String> {
        let whole = DynamicImage::ImageRgb8(on_white(&self.image));
        let pixels = whole.thumbnail_exact(self.columns as u32, 2 * self.rows as u32).to_rgb8();
        let line = |row: u32| {
            let mut line = String::new();
            let mut last = None;
            for column in 0..pixels.width() {
                let colours = (*pixels.get_pixel(column, 2 * row), *pixels.get_pixel(column, 2 * row + 1));
                if last != Some(colours) {
                    let (upper, lower) = (colour(colours.0, truecolor), colour(colours.1, truecolor));
                    line += &format!("\u{1b}[38;{upper};48;{lower}m");
                    last = Some(colours);
                }
                line.push('▀');
            }
            line + "\u{1b}[0m"
        };
        (0..self.rows as u32).map(line).collect()
    }

    /// Draws the pixels at the cursor, by the protocol that the terminal understands.
    pub fn draw_pixels(&self) {
        let config = viuer::Config {
            absolute_offset: false,
            width: Some(self.columns as u32),
            height: Some(self.rows as u32),
            use_kitty: !tty::in_tmux(),
            use_iterm: !tty::in_tmux(),
            ..viuer::Config::default()
        };
        let image = DynamicImage::ImageRgb8(on_white(&self.image));
        // A picture that cannot be drawn is a blank place, no reason to end anything.
        let _ = viuer::print(&image, &config);
    }
}

/// What of a display is shown: the picture where it can be seen well, otherwise its text.
pub enum Form {
    /// Text, perhaps with colours.
    Text(String),
    /// Pixels.
    Pixels(Picture),
    /// Lines of half blocks.
    Blocks(Vec<String>),
}

/// Text of this many lines is a drawing or a table, and reads better than half blocks.
const DRAWING: usize = 5;

impl Form {
    /// The face of a display; one that `moves` is drawn as text where it can be, because that is cheap.
    pub fn of(display: &Display, abilities: Abilities, size: WindowSize, moves: bool) -> Form {
        let text = text_of(display);
        let drawing = text.as_ref().is_some_and(|text| text.lines().count() >= DRAWING);
        let wants_picture = abilities.colours && !(drawing && (moves || !abilities.pixels));
        match wants_picture.then(|| Picture::of(display, size, abilities.pixels)).flatten() {
            Some(picture) if abilities.pixels => Form::Pixels(picture),
            Some(picture) => Form::Blocks(picture.half_blocks(abilities.truecolor)),
            None => Form::Text(text.unwrap_or_else(|| unseen(display))),
        }
    }
}

/// The display's text, if it has one.
pub fn text_of(display: &Display) -> Option<String> {
    let text = |mime: &str| display.data.get(mime).and_then(Value::as_str).map(str::to_owned);
    text("text/plain").or_else(|| text("text/markdown")).or_else(|| text("text/latex"))
}

/// What stands for a display that a terminal cannot show.
pub fn unseen(display: &Display) -> String {
    let kinds: Vec<&str> = display.data.keys().map(String::as_str).collect();
    format!("[{}: open it in Jupyter, or save the session with :save and run it]", kinds.join(", "))
}

fn on_white(image: &DynamicImage) -> RgbImage {
    let rgba = image.to_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, a] = rgba.get_pixel(x, y).0.map(u32::from);
        Rgb([r, g, b].map(|c| ((c * a + 255 * (255 - a) + 127) / 255) as u8))
    })
}

/// The parameters that follow 38 or 48: `2;r;g;b`, or `5;n` of xterm's 6×6×6 cube and its greys.
fn colour(Rgb([r, g, b]): Rgb<u8>, truecolor: bool) -> String {
    if truecolor {
        return format!("2;{r};{g};{b}");
    }
    if r.abs_diff(g) < 8 && g.abs_diff(b) < 8 && (8..=243).contains(&g) {
        return format!("5;{}", 232 + (u32::from(g) - 8) / 10);
    }
    // The cube's levels are 0, 95, 135, 175, 215, 255.
    let level = |c: u8| {
        if c < 48 {
            0
        } else if c < 115 {
            1
        } else {
            (u32::from(c) - 35) / 40
        }
    };
    format!("5;{}", 16 + 36 * level(r) + 6 * level(g) + level(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, Rgba, RgbaImage};
    use std::io::Cursor;

    fn png(image: RgbaImage, text: &str) -> Display {
        let mut bytes = Vec::new();
        image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        let mut display = Display::default();
        display.data.insert("image/png".to_owned(), BASE64_STANDARD.encode(bytes).into());
        display.data.insert("text/plain".to_owned(), text.into());
        display
    }

    // xterm's 256colres.h: 196 is #ff0000, 21 is #0000ff, 244 is #808080, 231 is #ffffff.
    #[test]
    fn colours_are_the_nearest_of_the_256() {
        for (rgb, code) in [([255, 0, 0], 196), ([0, 0, 255], 21), ([128, 128, 128], 244), ([255, 255, 255], 231)] {
            assert_eq!(colour(Rgb(rgb), false), format!("5;{code}"));
        }
        assert_eq!(colour(Rgb([1, 2, 3]), true), "2;1;2;3");
    }

    #[test]
    fn two_pixels_make_one_character() {
        let image = RgbaImage::from_fn(8, 16, |_, y| if y < 8 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 0, 0, 0]) });
        let picture = Picture::of(&png(image, "x"), WindowSize::default(), true).unwrap();
        assert_eq!((picture.columns, picture.rows), (1, 1));
        assert_eq!(picture.half_blocks(true), ["\u{1b}[38;2;255;0;0;48;2;255;255;255m▀\u{1b}[0m"]);
    }

    #[test]
    fn a_picture_fits_the_terminal_and_keeps_its_shape() {
        let picture = Picture::of(&png(RgbaImage::new(1600, 400), "x"), WindowSize::default(), true).unwrap();
        assert_eq!((picture.columns, picture.rows), (80, 10));
        let picture = Picture::of(&png(RgbaImage::new(10, 4000), "x"), WindowSize::default(), true).unwrap();
        assert_eq!((picture.columns, picture.rows), (1, 22));
        let small = png(RgbaImage::new(32, 32), "x");
        let picture = Picture::of(&small, WindowSize::default(), true).unwrap();
        assert_eq!((picture.columns, picture.rows), (4, 2));
        let picture = Picture::of(&small, WindowSize::default(), false).unwrap();
        assert_eq!((picture.columns, picture.rows), (32, 16));
        let wide = WindowSize { columns: 200, rows: 60, ..WindowSize::default() };
        let large = png(RgbaImage::new(640, 320), "x");
        let shape = |size, pixels| Picture::of(&large, size, pixels).map(|picture| (picture.columns, picture.rows));
        assert_eq!((shape(wide, true), shape(wide, false)), (Some((80, 20)), Some((200, 50))));
        let narrow = WindowSize { columns: 60, rows: 60, ..WindowSize::default() };
        assert_eq!((shape(narrow, true), shape(narrow, false)), (Some((60, 15)), Some((60, 15))));
    }

    #[test]
    fn the_face_depends_on_what_the_terminal_can() {
        let size = WindowSize::default();
        let photo = png(RgbaImage::new(16, 16), "a picture");
        let chart = png(RgbaImage::new(16, 16), "1\n2\n3\n4\n5");
        let all = Abilities { live: true, colours: true, truecolor: true, pixels: true };
        let blocks = Abilities { pixels: false, ..all };
        let none = Abilities::default();
        assert!(matches!(Form::of(&photo, all, size, false), Form::Pixels(_)));
        assert!(matches!(Form::of(&chart, all, size, false), Form::Pixels(_)));
        assert!(matches!(Form::of(&chart, all, size, true), Form::Text(_)));
        assert!(matches!(Form::of(&photo, blocks, size, false), Form::Blocks(_)));
        assert!(matches!(Form::of(&chart, blocks, size, false), Form::Text(_)));
        assert!(matches!(Form::of(&photo, none, size, false), Form::Text(text) if text == "a picture"));
    }
}

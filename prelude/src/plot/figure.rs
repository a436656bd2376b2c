//! A finished figure: pixels, the size at which to show them, and a text form.

use super::vector::{self, Element};
use crate::paths;
use crate::show::picture::{self, Encoded};
use crate::show::{Bundle, Show, Table};
use crate::{Error, Result};
use base64::Engine;
use image::imageops::{self, FilterType};
use image::{ImageFormat, RgbaImage};
use std::path::Path;
use std::sync::Arc;

/// A finished figure. It has more pixels than it is shown large, so that it is crisp on dense screens.
#[derive(Clone)]
pub struct Figure {
    pixels: RgbaImage,
    width: u32,
    height: u32,
    text: String,
    /// Its numbers.
    table: Option<Arc<Table>>,
    /// What was drawn, where it was drawn here.
    inks: Option<Arc<Vec<Element>>>,
}

impl Figure {
    /// A figure shown `width × height` CSS pixels large, whatever its pixels, with a text form for terminals.
    pub fn new(pixels: RgbaImage, width: u32, height: u32, text: impl Into<String>) -> Figure {
        Figure { pixels, width, height, text: text.into(), table: None, inks: None }
    }

    /// The same with what was drawn, in pixels of its own.
    pub(super) fn with_inks(mut self, inks: Vec<Element>) -> Figure {
        self.inks = Some(Arc::new(inks));
        self
    }

    /// The same with another form for terminals.
    pub fn with_text(mut self, text: impl Into<String>) -> Figure {
        self.text = text.into();
        self
    }

    /// The same with its numbers as a table.
    pub fn with_table(mut self, table: Table) -> Figure {
        self.table = Some(Arc::new(table));
        self
    }

    /// The numbers that it shows; a figure that shows none has a table without rows.
    pub fn table(&self) -> Table {
        self.table.as_deref().cloned().unwrap_or_default()
    }

    /// The pixels.
    pub fn pixels(&self) -> &RgbaImage {
        &self.pixels
    }

    /// Width and height at which it is shown, in CSS pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The form for terminals.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of a PNG file.
    pub fn png(&self) -> Vec<u8> {
        picture::exact_png(&self.pixels)
    }

    /// A URL that holds all of the figure, in few bytes.
    pub fn url(&self) -> String {
        url(&picture::encode(&self.pixels))
    }

    /// The same made in haste, and longer: for what the next frame replaces.
    pub(crate) fn passing_url(&self) -> String {
        url(&picture::encode_fast(&self.pixels))
    }

    /// As [`url`](Figure::url), at most about so long: with fewer pixels where need be.
    pub fn url_within(&self, length: usize) -> String {
        let mut url = self.url();
        let (mut width, mut height) = self.pixels.dimensions();
        while url.len() > length && width.min(height) > 64 {
            (width, height) = (width * 7 / 10, height * 7 / 10);
            let fewer = imageops::resize(&self.pixels, width, height, FilterType::Triangle);
            url = Figure::new(fewer, self.width, self.height, "").url();
        }
        url
    }

    /// The figure as an HTML element that holds all of it, to stand beside other HTML.
    pub fn html(&self) -> String {
        let (width, height) = (self.width, self.height);
        format!("<img width=\"{width}\" height=\"{height}\" alt=\"figure\" src=\"{}\">", self.url())
    }

    /// The figure as SVG: lines are lines and words are text, and pictures stand in it as they are.
    pub fn svg(&self) -> String {
        let whole = [Element::Picture(image::DynamicImage::from(self.pixels.clone()).to_rgb8(), 0, 0)];
        let inks = self.inks.as_ref().map_or(&whole[..], |inks| &inks[..]);
        vector::svg(self.pixels.dimensions(), self.size(), inks)
    }

    /// Writes the figure to a file; the ending says which format (svg, png, jpg, webp, bmp), csv its numbers.
    ///
    /// # Errors
    /// Where the ending is of no known format, or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.write(&paths::expanded(path.as_ref()))
    }

    fn write(&self, path: &Path) -> Result<()> {
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) {
            return self.table().save(path);
        }
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("svg")) {
            return std::fs::write(path, self.svg()).map_err(|error| {
                Error::new(format!("the figure cannot be written to `{}`", path.display())).caused_by(error)
            });
        }
        let format = ImageFormat::from_path(path).map_err(|error| {
            Error::new(format!("`{}` has no ending that names a picture format", path.display()))
                .caused_by(error)
                .remedy("end the name with .png or .svg")
        })?;
        let failed =
            |error| Error::new(format!("the figure cannot be written to `{}`", path.display())).caused_by(error);
        if format == ImageFormat::Jpeg {
            return image::DynamicImage::from(self.pixels.clone()).to_rgb8().save(path).map_err(failed);
        }
        self.pixels.save(path).map_err(failed)
    }
}

fn url(Encoded { mime, bytes }: &Encoded) -> String {
    format!("data:{mime};base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

impl Show for Figure {
    fn bundle(&self) -> Bundle {
        Bundle::new().text(self.text.clone()).picture_sized(&picture::encode(&self.pixels), self.width, self.height)
    }
}

impl std::fmt::Debug for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Figure {} × {}\n{}", self.width, self.height, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure() -> Figure {
        Figure::new(RgbaImage::from_pixel(8, 4, image::Rgba([1, 2, 3, 255])), 4, 2, "text")
    }

    #[test]
    fn a_bundle_says_how_large_to_show_it() {
        let bundle = figure().bundle();
        assert_eq!(bundle.as_text(), Some("text"));
        assert_eq!(bundle.metadata()["image/png"], serde_json::json!({ "width": 4, "height": 2 }));
        let html = figure().html();
        assert!(html.starts_with("<img width=\"4\" height=\"2\"") && html.contains("base64,iVBORw0KGgo"));
    }

    #[test]
    fn a_url_is_as_short_as_it_has_to_be() {
        let noise = RgbaImage::from_fn(400, 300, |x, y| {
            let value = (x * 7919 + y * 104_729) ^ (x * y);
            image::Rgba([value as u8, (value >> 3) as u8, (value >> 5) as u8, 255])
        });
        let figure = Figure::new(noise, 200, 150, "");
        assert!(figure.url().len() > 30_000);
        for length in [30_000, 15_000] {
            assert!(figure.url_within(length).len() <= length);
        }
        assert_eq!(figure.url_within(1 << 20), figure.url());
        assert!(!Figure::new(RgbaImage::new(4, 4), 2, 2, "").url_within(1).is_empty());
    }

    #[test]
    fn figures_are_saved_by_ending() -> Result<()> {
        let folder = tempfile::tempdir()?;
        for name in ["a.png", "a.jpg", "a.bmp", "a.webp"] {
            figure().save(folder.path().join(name))?;
            assert_eq!(image::open(folder.path().join(name))?.to_rgb8().dimensions(), (8, 4));
        }
        let error = figure().save(folder.path().join("a.txt")).unwrap_err().to_string();
        assert!(error.contains("a.txt") && error.contains(".png"), "{error}");
        Ok(())
    }

    #[test]
    fn what_was_drawn_is_vectors_and_a_picture_stays_one() {
        let found =
            [crate::boxes::Detection::new(0, "<cat> & dog", 0.93, crate::boxes::BBox::new(8.0, 20.0, 50.0, 44.0))];
        let drawn = crate::plot::overlay(&image::RgbImage::new(64, 64), &found).svg();
        assert!(drawn.starts_with("<svg xmlns") && drawn.contains("viewBox=\"0 0 512 512\""), "{}", &drawn[..200]);
        assert!(
            drawn.contains(">&lt;cat&gt; &amp; dog 93 %</text>")
                && drawn.contains("<polyline")
                && drawn.contains("<image")
        );
        assert!(roxmltree::Document::parse(&drawn).is_ok());
        let lines =
            crate::plot::Lines::new("score", "share").line("F1", &[(0.0, 0.1), (1.0, 0.5)], crate::plot::Look::Line);
        let curve = lines.figure().svg();
        assert!(curve.contains(">score</text>") && curve.contains("rotate(-90") && !curve.contains("<image"));
        let folder = tempfile::tempdir().unwrap();
        figure().save(folder.path().join("a.svg")).unwrap();
        let text = std::fs::read_to_string(folder.path().join("a.svg")).unwrap();
        assert!(text.contains("data:image/png;base64,") && text.contains("width=\"4\" height=\"2\""), "{text}");
    }
}

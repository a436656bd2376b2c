//! A finished figure: pixels, the size at which to show them, and a text form.

use crate::show::picture::{self, Encoded};
use crate::show::{Bundle, Show};
use crate::{Error, Result};
use base64::Engine;
use image::{ImageFormat, RgbaImage};
use std::path::Path;

/// A finished figure. It has more pixels than it is shown large, so that it is crisp on dense screens.
#[derive(Clone)]
pub struct Figure {
    pixels: RgbaImage,
    width: u32,
    height: u32,
    text: String,
}

impl Figure {
    /// A figure shown `width × height` CSS pixels large, whatever its pixels, with a text form for terminals.
    pub fn new(pixels: RgbaImage, width: u32, height: u32, text: impl Into<String>) -> Figure {
        Figure { pixels, width, height, text: text.into() }
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
        let Encoded { mime, bytes } = picture::encode(&self.pixels);
        format!("data:{mime};base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes))
    }

    /// The figure as an HTML element that holds all of it, to stand beside other HTML.
    pub fn html(&self) -> String {
        let (width, height) = (self.width, self.height);
        format!("<img width=\"{width}\" height=\"{height}\" alt=\"figure\" src=\"{}\">", self.url())
    }

    /// Writes the figure to a file; the ending says which format (png, jpg, webp, bmp).
    ///
    /// # Errors
    /// Where the ending is of no known format, or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.write(path.as_ref())
    }

    fn write(&self, path: &Path) -> Result<()> {
        let format = ImageFormat::from_path(path).map_err(|error| {
            Error::new(format!("`{}` has no ending that names a picture format", path.display()))
                .caused_by(error)
                .remedy("end the name with .png")
        })?;
        let failed =
            |error| Error::new(format!("the figure cannot be written to `{}`", path.display())).caused_by(error);
        if format == ImageFormat::Jpeg {
            return image::DynamicImage::from(self.pixels.clone()).to_rgb8().save(path).map_err(failed);
        }
        self.pixels.save(path).map_err(failed)
    }
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
}

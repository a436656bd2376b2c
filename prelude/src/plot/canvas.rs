//! A smooth canvas: shapes by tiny-skia, text, and a backend for plotters.

use super::Figure;
use super::lettering::{glyphs, text_width};
use super::vector::Element;
pub(super) use super::vector::{Align, Rgb};
use image::{RgbImage, RgbaImage};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontTransform,
};
use std::convert::Infallible;
use tiny_skia::{Color, FillRule, LineCap, LineJoin, Paint, PathBuilder, Pixmap, Stroke, StrokeDash, Transform};

/// Text and axes.
pub(super) const INK: Rgb = [38, 43, 51];
/// Less important text.
pub(super) const PALE: Rgb = [96, 104, 116];
/// Lines that others are held against.
pub(super) const QUIET: Rgb = [150, 157, 167];
/// Lines of a grid.
pub(super) const FAINT: Rgb = [226, 229, 234];
/// The ground of every figure, the same in light and dark themes.
pub(super) const CARD: Rgb = [255, 255, 255];

/// Okabe and Ito's colours that everyone can tell apart ("Color universal design", 2008), the palest left out; then nine more, each as
/// far from all before it as those seven are from each other (15 in CIELAB), to full sight and to the three kinds of colour
/// blindness (Machado et al. 2009).
pub(super) const COLORS: [Rgb; 16] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [230, 159, 0],
    [86, 180, 233],
    [86, 86, 86],
    [119, 0, 0],
    [85, 0, 85],
    [85, 0, 221],
    [85, 0, 153],
    [187, 187, 119],
    [153, 85, 51],
    [153, 51, 221],
    [0, 51, 51],
    [187, 0, 153],
];

/// A picture that is drawn on, in its own pixels.
pub(super) struct Canvas {
    pixmap: Pixmap,
    /// The same as things, in order, for files of vectors.
    inks: Vec<Element>,
}

impl Canvas {
    /// A transparent canvas.
    pub fn new(width: u32, height: u32) -> Canvas {
        Canvas { pixmap: Pixmap::new(width.max(1), height.max(1)).expect("at least one pixel"), inks: Vec::new() }
    }

    /// A card with round corners and a faint border, on which a figure is drawn.
    pub fn card(width: u32, height: u32) -> Canvas {
        let mut canvas = Canvas::new(width, height);
        let (w, h) = (width as f32, height as f32);
        canvas.round_rect([0.0, 0.0, w, h], 14.0, [203, 208, 216], 1.0);
        canvas.round_rect([2.0, 2.0, w - 2.0, h - 2.0], 12.0, CARD, 1.0);
        canvas
    }

    /// A canvas with a picture on it.
    pub fn of(picture: &RgbImage) -> Canvas {
        let mut canvas = Canvas::new(picture.width(), picture.height());
        canvas.picture(picture, 0, 0);
        canvas
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.pixmap.width()
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.pixmap.height()
    }

    /// Puts a picture with its top left corner at `(x, y)`.
    pub fn picture(&mut self, picture: &RgbImage, x: i64, y: i64) {
        self.inks.push(Element::Picture(picture.clone(), x, y));
        let (width, height) = (i64::from(self.width()), i64::from(self.height()));
        let data = self.pixmap.data_mut();
        for (px, py, pixel) in picture.enumerate_pixels() {
            let (x, y) = (x + i64::from(px), y + i64::from(py));
            if (0..width).contains(&x) && (0..height).contains(&y) {
                let at = 4 * (y * width + x) as usize;
                data[at..at + 4].copy_from_slice(&[pixel[0], pixel[1], pixel[2], 255]);
            }
        }
    }

    /// A filled rectangle: left, top, right, bottom.
    pub fn rect(&mut self, [x0, y0, x1, y1]: [f32; 4], color: Rgb, alpha: f32) {
        self.inks.push(Element::Rect([x0, y0, x1, y1], 0.0, color, alpha));
        if let Some(rect) = tiny_skia::Rect::from_ltrb(x0, y0, x1, y1) {
            self.pixmap.fill_rect(rect, &paint(color, alpha), Transform::identity(), None);
        }
    }

    /// A filled rectangle with round corners.
    pub fn round_rect(&mut self, [x0, y0, x1, y1]: [f32; 4], radius: f32, color: Rgb, alpha: f32) {
        let r = radius.min((x1 - x0) / 2.0).min((y1 - y0) / 2.0).max(0.0);
        self.inks.push(Element::Rect([x0, y0, x1, y1], r, color, alpha));
        let mut path = PathBuilder::new();
        path.move_to(x0 + r, y0);
        path.line_to(x1 - r, y0);
        path.quad_to(x1, y0, x1, y0 + r);
        path.line_to(x1, y1 - r);
        path.quad_to(x1, y1, x1 - r, y1);
        path.line_to(x0 + r, y1);
        path.quad_to(x0, y1, x0, y1 - r);
        path.line_to(x0, y0 + r);
        path.quad_to(x0, y0, x0 + r, y0);
        path.close();
        if let Some(path) = path.finish() {
            self.pixmap.fill_path(&path, &paint(color, alpha), FillRule::Winding, Transform::identity(), None);
        }
    }

    /// A filled disc.
    pub fn disc(&mut self, x: f32, y: f32, radius: f32, color: Rgb, alpha: f32) {
        self.inks.push(Element::Disc([x, y, radius], color, alpha));
        if let Some(path) = PathBuilder::from_circle(x, y, radius) {
            self.pixmap.fill_path(&path, &paint(color, alpha), FillRule::Winding, Transform::identity(), None);
        }
    }

    /// A filled shape with straight sides.
    pub fn polygon(&mut self, points: &[(f32, f32)], color: Rgb, alpha: f32) {
        self.inks.push(Element::Polygon(points.to_vec(), color, alpha));
        if let Some(path) = path(points, true) {
            self.pixmap.fill_path(&path, &paint(color, alpha), FillRule::Winding, Transform::identity(), None);
        }
    }

    /// A line through points; `dash` alternates drawn and free lengths, and is empty for a solid line.
    pub fn polyline(&mut self, points: &[(f32, f32)], width: f32, color: Rgb, alpha: f32, dash: &[f32]) {
        let Some(path) = path(points, false) else { return };
        self.inks.push(Element::Line(points.to_vec(), width, color, alpha, dash.to_vec()));
        let stroke = Stroke {
            width,
            line_cap: if dash.is_empty() { LineCap::Round } else { LineCap::Butt },
            // the joins of a thin line are not seen, and take long where it has a thousand
            line_join: if width < 2.5 { LineJoin::Bevel } else { LineJoin::Round },
            dash: StrokeDash::new(dash.to_vec(), 0.0),
            ..Stroke::default()
        };
        self.pixmap.stroke_path(&path, &paint(color, alpha), &stroke, Transform::identity(), None);
    }

    /// A line of text whose letters stand on `y`, `size` pixels an em.
    pub fn text(&mut self, text: &str, x: f32, y: f32, size: f32, color: Rgb, align: Align) {
        self.inks.push(Element::Text(text.to_owned(), [x, y], size, color, align, false));
        let start = x - shift(text, size, align);
        glyphs(text, size, |gx, gy, coverage, own| {
            let (x, y) = ((start + gx as f32).round() as i32, (y + gy as f32).round() as i32);
            self.blend(x, y, own.unwrap_or(color), coverage);
        });
    }

    /// A line of text that runs upwards along `x`.
    pub fn text_upwards(&mut self, text: &str, x: f32, y: f32, size: f32, color: Rgb, align: Align) {
        self.inks.push(Element::Text(text.to_owned(), [x, y], size, color, align, true));
        let start = y + shift(text, size, align);
        glyphs(text, size, |gx, gy, coverage, own| {
            let (x, y) = ((x + gy as f32).round() as i32, (start - gx as f32).round() as i32);
            self.blend(x, y, own.unwrap_or(color), coverage);
        });
    }

    /// Mixes a colour into one pixel; outside the canvas nothing happens.
    fn blend(&mut self, x: i32, y: i32, color: Rgb, alpha: f32) {
        let (width, height) = (self.width() as i32, self.height() as i32);
        if !(0..width).contains(&x) || !(0..height).contains(&y) {
            return;
        }
        let at = 4 * (y * width + x) as usize;
        let alpha = alpha.clamp(0.0, 1.0);
        let pixel = &mut self.pixmap.data_mut()[at..at + 4];
        // the canvas keeps colours multiplied by their opacity
        let over = [color[0], color[1], color[2], 255];
        for (below, above) in pixel.iter_mut().zip(over) {
            *below = (f32::from(*below) * (1.0 - alpha) + f32::from(above) * alpha).round() as u8;
        }
    }

    /// A figure shown at `width` × `height` CSS pixels, with a text form.
    pub fn into_figure(mut self, width: u32, height: u32, text: impl Into<String>) -> Figure {
        let inks = std::mem::take(&mut self.inks);
        Figure::new(self.into_rgba(), width, height, text).with_inks(inks)
    }

    /// The picture with its transparency.
    pub fn into_rgba(self) -> RgbaImage {
        let (width, height) = (self.width(), self.height());
        let mut bytes = Vec::with_capacity(4 * width as usize * height as usize);
        for pixel in self.pixmap.pixels() {
            let pixel = pixel.demultiply();
            bytes.extend_from_slice(&[pixel.red(), pixel.green(), pixel.blue(), pixel.alpha()]);
        }
        RgbaImage::from_raw(width, height, bytes).expect("as many bytes as pixels ask for")
    }

    /// The picture without transparency.
    pub fn into_rgb(self) -> RgbImage {
        image::DynamicImage::from(self.into_rgba()).to_rgb8()
    }
}

/// How far before its point a text starts.
fn shift(text: &str, size: f32, align: Align) -> f32 {
    match align {
        Align::Left => 0.0,
        Align::Center => text_width(text, size) / 2.0,
        Align::Right => text_width(text, size),
    }
}

fn paint(color: Rgb, alpha: f32) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    let mut color = Color::from_rgba8(color[0], color[1], color[2], 255);
    color.set_alpha(alpha.clamp(0.0, 1.0));
    paint.set_color(color);
    paint
}

fn path(points: &[(f32, f32)], closed: bool) -> Option<tiny_skia::Path> {
    let [(x, y), rest @ ..] = points else { return None };
    let mut builder = PathBuilder::new();
    builder.move_to(*x, *y);
    rest.iter().for_each(|(x, y)| builder.line_to(*x, *y));
    if closed {
        builder.close();
    }
    builder.finish()
}

/// The canvas as plotters draws on it.
pub(super) struct Backend<'a>(pub &'a mut Canvas);

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// A plotters coordinate as the middle of its pixel.
fn middle(point: BackendCoord) -> (f32, f32) {
    (point.0 as f32 + 0.5, point.1 as f32 + 0.5)
}

fn color_of(color: BackendColor) -> (Rgb, f32) {
    ([color.rgb.0, color.rgb.1, color.rgb.2], color.alpha as f32)
}

impl DrawingBackend for Backend<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.0.width(), self.0.height())
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn {
        let (color, alpha) = color_of(color);
        self.0.blend(point.0, point.1, color, alpha);
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        let (color, alpha) = color_of(style.color());
        let points: Vec<_> = path.into_iter().map(middle).collect();
        self.0.polyline(&points, style.stroke_width() as f32, color, alpha, &[]);
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Drawn {
        let (color, alpha) = color_of(style.color());
        let ((x0, y0), (x1, y1)) = (middle(from), middle(to));
        if fill {
            self.0.rect([x0 - 0.5, y0 - 0.5, x1 + 0.5, y1 + 0.5], color, alpha);
        } else {
            let corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)];
            self.0.polyline(&corners, style.stroke_width() as f32, color, alpha, &[]);
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(&mut self, center: BackendCoord, radius: u32, style: &S, fill: bool) -> Drawn {
        let (color, alpha) = color_of(style.color());
        let (x, y) = middle(center);
        let radius = radius as f32;
        if fill {
            self.0.disc(x, y, radius, color, alpha);
        } else {
            let points: Vec<_> = (0..=32)
                .map(|step| (step as f32 / 32.0 * std::f32::consts::TAU).sin_cos())
                .map(|(sin, cos)| (x + radius * cos, y + radius * sin))
                .collect();
            self.0.polyline(&points, style.stroke_width() as f32, color, alpha, &[]);
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        let (color, alpha) = color_of(style.color());
        let points: Vec<_> = path.into_iter().map(middle).collect();
        self.0.polygon(&points, color, alpha);
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Drawn {
        let (color, _) = color_of(style.color());
        let size = style.size() as f32;
        let align = match style.anchor().h_pos {
            HPos::Left => Align::Left,
            HPos::Center => Align::Center,
            HPos::Right => Align::Right,
        };
        // capitals are 0.71 em high
        let down = match style.anchor().v_pos {
            VPos::Top => 0.82 * size,
            VPos::Center => 0.355 * size,
            VPos::Bottom => -0.12 * size,
        };
        let (x, y) = (at.0 as f32, at.1 as f32);
        match style.transform() {
            FontTransform::Rotate90 | FontTransform::Rotate270 => {
                self.0.text_upwards(text, x + down, y, size, color, align);
            }
            _ => self.0.text(text, x, y + down, size, color, align),
        }
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let size = style.size() as f32;
        Ok((text_width(text, size).ceil() as u32, (0.94 * size).ceil() as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // the advances of Roboto's "H" and "i", 1461 and 498 of 2048 units an em, by its hmtx table
    #[test]
    fn text_marks_pixels_where_it_should_and_nowhere_else() {
        let mut canvas = Canvas::card(200, 60);
        canvas.text("loss", 100.0, 40.0, 24.0, INK, Align::Center);
        let picture = canvas.into_rgba();
        let dark = |x: u32, y: u32| picture.get_pixel(x, y)[0] < 128;
        let inside = (70..130).any(|x| (18..42).any(|y| dark(x, y)));
        let outside = (10..60).chain(140..190).any(|x| (10..50).any(|y| dark(x, y)));
        assert!(inside && !outside);
        assert_eq!(picture.get_pixel(0, 0)[3], 0, "corners are transparent");
        assert_eq!(picture.get_pixel(100, 10).0, [255; 4]);
    }

    #[test]
    fn drawing_outside_is_no_trouble() {
        let mut canvas = Canvas::new(10, 10);
        canvas.text("far away", -500.0, 900.0, 24.0, INK, Align::Left);
        canvas.picture(&RgbImage::new(30, 30), -10, 5);
        canvas.rect([-5.0, -5.0, 50.0, 50.0], INK, 1.0);
        assert_eq!(canvas.into_rgb().get_pixel(9, 9).0, INK);
    }
}

//! A brush over tiny-skia: smooth shapes in the coordinates of the thing that is drawn, and the box around them.

use crate::boxes::BBox;
use tiny_skia::{
    Color, FillRule, GradientStop, LinearGradient, Paint, PathBuilder, Pixmap, Point, Rect, SpreadMode, Stroke,
    Transform,
};

/// Red, green, blue, opacity, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ink(pub [f32; 4]);

impl Ink {
    /// An opaque colour.
    pub fn rgb(red: f32, green: f32, blue: f32) -> Ink {
        Ink([red.clamp(0.0, 1.0), green.clamp(0.0, 1.0), blue.clamp(0.0, 1.0), 1.0])
    }

    /// An opaque grey.
    pub fn grey(value: f32) -> Ink {
        Ink::rgb(value, value, value)
    }

    /// An opaque colour of hue (in turns), saturation and value.
    pub fn hsv(hue: f32, saturation: f32, value: f32) -> Ink {
        let channel = |n: f32| {
            let k = (n + hue * 6.0).rem_euclid(6.0);
            value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0)
        };
        Ink::rgb(channel(5.0), channel(3.0), channel(1.0))
    }

    /// The colour made lighter (above 1) or darker (below 1).
    pub fn times(self, factor: f32) -> Ink {
        let [red, green, blue, alpha] = self.0;
        let Ink([red, green, blue, _]) = Ink::rgb(red * factor, green * factor, blue * factor);
        Ink([red, green, blue, alpha])
    }

    /// The colour with another opacity.
    pub fn fade(self, alpha: f32) -> Ink {
        let [red, green, blue, _] = self.0;
        Ink([red, green, blue, alpha.clamp(0.0, 1.0)])
    }

    /// The colour `share` of the way to another.
    pub fn mix(self, other: Ink, share: f32) -> Ink {
        Ink(std::array::from_fn(|c| self.0[c] + (other.0[c] - self.0[c]) * share))
    }

    fn color(self) -> Color {
        let [red, green, blue, alpha] = self.0;
        Color::from_rgba(red, green, blue, alpha).unwrap_or(Color::BLACK)
    }
}

/// A brush on a square picture. Coordinates go through `transform`; `bounds` grows with what is drawn while `tracks`.
pub(super) struct Brush {
    pub pixmap: Pixmap,
    pub transform: Transform,
    pub tracks: bool,
    bounds: Option<BBox>,
}

impl Brush {
    /// A brush on a black square of `size` pixels.
    pub fn new(size: u32) -> Brush {
        let pixmap = Pixmap::new(size.max(1), size.max(1)).expect("a square of at least one pixel");
        Brush { pixmap, transform: Transform::identity(), tracks: false, bounds: None }
    }

    /// The box around all that was drawn while tracking, cut at the picture's borders.
    pub fn bounds(&self) -> Option<BBox> {
        self.bounds.map(|bounds| bounds.clip(self.pixmap.width(), self.pixmap.height()))
    }

    /// A filled shape with straight sides.
    pub fn polygon(&mut self, points: &[(f32, f32)], ink: Ink) {
        if let Some(path) = outline(points) {
            self.fill(path, &solid(ink));
        }
    }

    /// A filled shape with straight sides whose colour changes from `y0` to `y1`.
    pub fn shaded(&mut self, points: &[(f32, f32)], (y0, from): (f32, Ink), (y1, to): (f32, Ink)) {
        let Some(path) = outline(points) else { return };
        let stops = vec![GradientStop::new(0.0, from.color()), GradientStop::new(1.0, to.color())];
        let (start, end) = (Point::from_xy(0.0, y0), Point::from_xy(0.0, y1));
        let mut paint = solid(from);
        if let Some(shader) = LinearGradient::new(start, end, stops, SpreadMode::Pad, Transform::identity()) {
            paint.shader = shader;
        }
        self.fill(path, &paint);
    }

    /// A filled rectangle between two corners.
    pub fn rect(&mut self, x0: f32, y0: f32, x1: f32, y1: f32, ink: Ink) {
        self.polygon(&[(x0, y0), (x1, y0), (x1, y1), (x0, y1)], ink);
    }

    /// A filled rectangle with round corners.
    pub fn round(&mut self, x0: f32, y0: f32, x1: f32, y1: f32, radius: f32, ink: Ink) {
        let points = rounded(x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1), radius);
        self.polygon(&points, ink);
    }

    /// A filled ellipse around a centre.
    pub fn ellipse(&mut self, x: f32, y: f32, rx: f32, ry: f32, ink: Ink) {
        if let Some(path) = Rect::from_ltrb(x - rx, y - ry, x + rx, y + ry).and_then(PathBuilder::from_oval) {
            self.fill(path, &solid(ink));
        }
    }

    /// A line of a given width, in the coordinates that are drawn in.
    pub fn line(&mut self, from: (f32, f32), to: (f32, f32), width: f32, ink: Ink) {
        let mut builder = PathBuilder::new();
        builder.move_to(from.0, from.1);
        builder.line_to(to.0, to.1);
        if let Some(path) = builder.finish() {
            let stroke = Stroke { width, ..Stroke::default() };
            self.pixmap.stroke_path(&path, &solid(ink), &stroke, self.transform, None);
        }
    }

    fn fill(&mut self, path: tiny_skia::Path, paint: &Paint<'_>) {
        if self.tracks
            && let Some(bounds) = path.clone().transform(self.transform).and_then(|path| path.compute_tight_bounds())
        {
            let new = BBox::new(bounds.left(), bounds.top(), bounds.right(), bounds.bottom());
            let both = |old: BBox| BBox::around(old.corners().into_iter().chain(new.corners()));
            self.bounds = Some(self.bounds.map_or(new, both));
        }
        self.pixmap.fill_path(&path, paint, FillRule::Winding, self.transform, None);
    }
}

/// Paint of one colour.
fn solid(ink: Ink) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(ink.color());
    paint
}

/// The closed path through points; none for fewer than three.
fn outline(points: &[(f32, f32)]) -> Option<tiny_skia::Path> {
    let [(x, y), rest @ ..] = points else { return None };
    let mut builder = PathBuilder::new();
    builder.move_to(*x, *y);
    rest.iter().for_each(|(x, y)| builder.line_to(*x, *y));
    builder.close();
    builder.finish()
}

/// The corners of a rectangle, each replaced by a few points of a quarter circle.
pub(super) fn rounded(x0: f32, y0: f32, x1: f32, y1: f32, radius: f32) -> Vec<(f32, f32)> {
    let r = radius.min((x1 - x0) / 2.0).min((y1 - y0) / 2.0).max(0.0);
    let corners = [(x1 - r, y1 - r), (x0 + r, y1 - r), (x0 + r, y0 + r), (x1 - r, y0 + r)];
    let steps = 4;
    let quarter = |(corner, (x, y)): (usize, (f32, f32))| {
        (0..=steps).map(move |step| {
            let angle = std::f32::consts::FRAC_PI_2 * (corner as f32 + step as f32 / steps as f32);
            (x + r * angle.cos(), y + r * angle.sin())
        })
    };
    corners.into_iter().enumerate().flat_map(quarter).collect()
}

//! Boxes, labels and scores on a picture.

use super::Figure;
use super::canvas::{Align, Canvas, Rgb};
use super::grid::{scaled, side_of};
use super::lettering::{fit_text, text_width};
use super::palette::{self, Hue};
use crate::boxes::{Annotation, Detection};
use crate::show::Table;
use image::RgbImage;
use image::imageops::{self, FilterType};

/// One box to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Index of the class; it chooses the colour where there is no name.
    pub class: usize,
    /// Name of the class, which chooses the colour.
    pub name: Option<String>,
    /// Left, top, right, bottom in pixels.
    pub bbox: [f32; 4],
    /// What to write at it; nothing where empty.
    pub label: String,
    /// How sure the network is, from 0 to 1.
    pub score: Option<f32>,
    /// Whether it is the truth and no prediction: dashed, with the word `truth`.
    pub truth: bool,
    /// Whether its line is dashed, as where nothing was found.
    pub dashed: bool,
}

impl Mark {
    /// A box without text or name.
    pub fn plain(class: usize, bbox: [f32; 4]) -> Mark {
        Mark { class, name: None, bbox, label: String::new(), score: None, truth: false, dashed: false }
    }

    /// A box of a class that has a name, which is written at it.
    pub fn named(class: usize, name: impl Into<String>, bbox: [f32; 4]) -> Mark {
        let name = name.into();
        Mark { label: name.clone(), name: Some(name), ..Mark::plain(class, bbox) }
    }

    /// A box that is the truth, with the name of its class.
    pub fn truth(annotation: &Annotation, classes: &[String]) -> Mark {
        let (class, bbox) = (annotation.class, annotation.bbox.to_xyxy());
        let plain = classes.get(class).map_or(Mark::plain(class, bbox), |name| Mark::named(class, name, bbox));
        Mark { truth: true, ..plain }
    }

    fn ink(&self) -> Rgb {
        self.name.as_ref().map_or(Hue::nth(self.class).ink, |name| palette::hue(name).ink)
    }

    /// The words at the box.
    fn words(&self) -> String {
        let score = self.score.map(|score| format!("{:.0} %", score * 100.0));
        let truth = self.truth.then(|| "truth".to_owned());
        let label = (!self.label.is_empty()).then(|| self.label.clone());
        [truth, label, score].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl From<&Detection> for Mark {
    fn from(found: &Detection) -> Mark {
        Mark { score: Some(found.score), ..Mark::named(found.class, found.label.clone(), found.bbox.to_xyxy()) }
    }
}

impl From<&Annotation> for Mark {
    fn from(annotation: &Annotation) -> Mark {
        Mark::truth(annotation, &[])
    }
}

impl From<&Mark> for Mark {
    fn from(mark: &Mark) -> Mark {
        mark.clone()
    }
}

/// A picture with boxes, labels and scores; predictions are solid, the truth is dashed and says so.
///
/// Small pictures are scaled up first, so that labels can be read. Boxes may be [`Detection`]s, [`Annotation`]s or
/// [`Mark`]s.
///
/// ```
/// use candlewick_prelude::{boxes::{BBox, Detection}, image::RgbImage, plot};
/// let found = [Detection::new(0, "car", 0.93, BBox::new(8.0, 20.0, 50.0, 44.0))];
/// let figure = plot::overlay(&RgbImage::new(64, 64), &found);
/// assert_eq!(figure.text().lines().nth(1), Some("car   93 %  8, 20 – 50, 44"));
/// ```
pub fn overlay<'a, T>(picture: &RgbImage, boxes: &'a [T]) -> Figure
where
    Mark: From<&'a T>,
{
    overlay_marks(picture, &boxes.iter().map(Mark::from).collect::<Vec<_>>())
}

fn overlay_marks(picture: &RgbImage, marks: &[Mark]) -> Figure {
    let drawn = drawn_on(picture, marks);
    // a small picture is shown at 320 pixels or so, a large one at most at 640
    let shown = (drawn.width().max(drawn.height()) as f32 / 2.0).clamp(320.0, 640.0);
    let shrink = shown / drawn.width().max(drawn.height()).max(1) as f32;
    let size = |length: u32| ((length as f32 * shrink).round() as u32).max(1);
    let (width, height) = (size(drawn.width()), size(drawn.height()));
    let mut table = Table::new(["", "score", "box"]).left(0).left(2);
    for mark in marks {
        let name = if mark.truth { format!("{} (truth)", mark.label) } else { mark.label.clone() };
        let score = mark.score.map(|score| format!("{:.0} %", score * 100.0)).unwrap_or_default();
        let [x0, y0, x1, y1] = mark.bbox.map(f32::round);
        table.push([name, score, format!("{x0}, {y0} – {x1}, {y1}")]);
    }
    let text = table.text();
    drawn.into_figure(width, height, text).with_table(table)
}

/// The picture with the boxes drawn on it, scaled up by a whole number where it is small.
pub fn draw_marks(picture: &RgbImage, marks: &[Mark]) -> RgbImage {
    drawn_on(picture, marks).into_rgb()
}

/// The same at the size that one of `count` pictures of a [`grid`](super::grid()) has: words are as large there as a caption's, and are left
/// out where they would cover each other.
pub fn draw_thumb(picture: &RgbImage, marks: &[Mark], count: usize) -> RgbImage {
    let side = side_of(count);
    let factor = side as f32 / picture.width().max(picture.height()).max(1) as f32;
    let mut canvas = Canvas::of(&scaled(picture, side));
    draw(&mut canvas, marks, &Strokes { factor, line: 3.0, size: 20.0, sparing: true });
    canvas.into_rgb()
}

/// How marks are drawn on a picture that was scaled by a factor.
struct Strokes {
    factor: f32,
    line: f32,
    size: f32,
    /// Whether words that have no room are left out.
    sparing: bool,
}

fn drawn_on(picture: &RgbImage, marks: &[Mark]) -> Canvas {
    let factor = up(picture);
    let (width, height) = (picture.width() * factor, picture.height() * factor);
    let mut canvas = match factor {
        1 => Canvas::of(picture),
        _ => Canvas::of(&imageops::resize(picture, width, height, FilterType::CatmullRom)),
    };
    let long = width.max(height) as f32;
    let (line, size) = ((long / 160.0).clamp(2.0, 8.0), (long / 22.0).clamp(18.0, 40.0));
    draw(&mut canvas, marks, &Strokes { factor: factor as f32, line, size, sparing: false });
    canvas
}

fn draw(canvas: &mut Canvas, marks: &[Mark], strokes: &Strokes) {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    let Strokes { factor, line, .. } = *strokes;
    let mut taken: Vec<[f32; 4]> = Vec::new();
    // the truth below, so that a prediction on top of it stays whole
    let ordered = marks.iter().filter(|mark| mark.truth).chain(marks.iter().filter(|mark| !mark.truth));
    for mark in ordered.clone() {
        let Some(place) = inside(mark.bbox, factor, width, height, line) else { continue };
        frame(canvas, place, line, mark.ink(), mark.truth || mark.dashed);
    }
    for mark in ordered {
        let words = mark.words();
        let Some(place) = inside(mark.bbox, factor, width, height, line) else { continue };
        if !words.is_empty() {
            plate(canvas, place, strokes, &words, mark, &mut taken);
        }
    }
}

/// By which whole number a picture is enlarged before it is drawn on.
fn up(picture: &RgbImage) -> u32 {
    (512 / picture.width().max(picture.height()).max(1)).clamp(1, 16)
}

/// The part of a box that lies on the picture, so that its whole line does too; nothing where it lies outside.
fn inside([x0, y0, x1, y1]: [f32; 4], factor: f32, width: f32, height: f32, line: f32) -> Option<[f32; 4]> {
    if ![x0, y0, x1, y1].iter().all(|value| value.is_finite()) {
        return None;
    }
    let half = line / 2.0 + 1.0;
    let [x0, y0, x1, y1] = [x0 * factor, y0 * factor, x1 * factor, y1 * factor];
    if x1 <= 0.0 || y1 <= 0.0 || x0 >= width || y0 >= height {
        return None;
    }
    let (right, bottom) = ((width - half).max(half), (height - half).max(half));
    Some([x0.clamp(half, right), y0.clamp(half, bottom), x1.clamp(half, right), y1.clamp(half, bottom)])
}

/// The box's line on a dark edge, so that it shows on any ground.
fn frame(canvas: &mut Canvas, [x0, y0, x1, y1]: [f32; 4], line: f32, ink: Rgb, truth: bool) {
    let corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)];
    let dash = [line * 4.0, line * 3.0];
    let dash: &[f32] = if truth { &dash } else { &[] };
    canvas.polyline(&corners, line + 2.0, [255; 3], if truth { 0.75 } else { 0.9 }, &[]);
    canvas.polyline(&corners, line, ink, 1.0, dash);
}

/// The words on a plate of the box's colour: above the box, or inside where there is no room above, and not on
/// another plate where that can be helped.
fn plate(
    canvas: &mut Canvas,
    [x0, y0, x1, y1]: [f32; 4],
    &Strokes { line, size, sparing, .. }: &Strokes,
    words: &str,
    mark: &Mark,
    taken: &mut Vec<[f32; 4]>,
) {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    let words = fit_text(words, size, width - size * 0.7);
    let (wide, tall) = (text_width(&words, size) + size * 0.6, size * 1.32);
    let left = (x0 - line / 2.0).min(width - wide).max(0.0);
    let right = (x1 + line / 2.0 - wide).max(0.0).min(width - wide);
    let (above, below) = (y0 - line / 2.0 - tall, y1 + line / 2.0);
    let (top, bottom) = (y0 + line / 2.0, y1 - line / 2.0 - tall);
    // the truth prefers the lower edge, so that both are seen where the boxes agree
    let places = match mark.truth {
        false => [(left, above), (right, above), (left, top), (left, below), (left, bottom)],
        true => [(left, below), (right, below), (left, bottom), (left, above), (left, top)],
    };
    let free = |(x, y): &(f32, f32)| {
        let clear = |other: &[f32; 4]| x + wide <= other[0] || *x >= other[2] || y + tall <= other[1] || *y >= other[3];
        *y >= 0.0 && y + tall <= height && taken.iter().all(clear)
    };
    let fallback = (left, places[0].1.clamp(0.0, (height - tall).max(0.0)));
    let place = places.into_iter().find(free);
    if place.is_none() && sparing && !taken.is_empty() {
        return;
    }
    let (x, y) = place.unwrap_or(fallback);
    let ground = mark.ink();
    let (ground, ink) = if mark.truth { ([255; 3], dark(ground)) } else { (ground, on(ground)) };
    canvas.round_rect([x, y, x + wide, y + tall], size * 0.18, [255; 3], 1.0);
    canvas.round_rect([x + 1.5, y + 1.5, x + wide - 1.5, y + tall - 1.5], size * 0.16, ground, 1.0);
    canvas.text(&words, x + size * 0.3, y + size * 1.0, size, ink, Align::Left);
    taken.push([x, y, x + wide, y + tall]);
}

/// Black or white, whichever stands out more on a ground (relative luminance as WCAG 2.1 defines it).
fn on(ground: Rgb) -> Rgb {
    if luminance(ground) > 0.179 { [0; 3] } else { [255; 3] }
}

/// A colour dark enough to be read on white.
fn dark(color: Rgb) -> Rgb {
    let mut color = color;
    while luminance(color) > 0.16 {
        color = color.map(|value| (f32::from(value) * 0.9) as u8);
    }
    color
}

fn luminance(color: Rgb) -> f32 {
    let linear = |value: u8| {
        let value = f32::from(value) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(color[0]) + 0.7152 * linear(color[1]) + 0.0722 * linear(color[2])
}

#[cfg(test)]
mod tests {
    use super::super::canvas::COLORS;
    use super::*;
    use crate::boxes::BBox;

    fn mark(class: usize, bbox: [f32; 4], truth: bool) -> Mark {
        Mark { label: "truck".to_owned(), score: (!truth).then_some(0.5), truth, ..Mark::plain(class, bbox) }
    }

    #[test]
    fn small_pictures_grow_and_large_ones_do_not() {
        assert_eq!(draw_marks(&RgbImage::new(64, 48), &[]).dimensions(), (512, 384));
        assert_eq!(draw_marks(&RgbImage::new(800, 600), &[]).dimensions(), (800, 600));
        assert_eq!(overlay(&RgbImage::new(64, 48), &[] as &[Mark]).size(), (320, 240));
        assert_eq!(overlay(&RgbImage::new(4000, 1000), &[] as &[Mark]).size(), (640, 160));
    }

    #[test]
    fn a_box_is_drawn_where_it_is() {
        let drawn = draw_marks(&RgbImage::new(512, 512), &[Mark::plain(1, [100.0, 200.0, 300.0, 400.0])]);
        for (x, y) in [(100, 300), (300, 300), (200, 200), (200, 400)] {
            assert_eq!(drawn.get_pixel(x, y).0, COLORS[1], "{x} {y}");
        }
        assert_eq!(drawn.get_pixel(200, 300).0, [0; 3]);
        assert_eq!(drawn.get_pixel(90, 300).0, [0; 3]);
    }

    /// The truth's line is broken by white, a prediction's is not.
    #[test]
    fn the_truth_is_dashed() {
        let colors = |truth: bool| {
            let mut mark = Mark::plain(0, [100.0, 100.0, 400.0, 400.0]);
            mark.truth = truth;
            mark.bbox[1] = 100.0;
            let drawn = draw_marks(&RgbImage::new(512, 512), &[mark]);
            (120..380).filter(|y| drawn.get_pixel(400, *y).0 == COLORS[0]).count()
        };
        assert_eq!(colors(false), 260);
        assert!((100..200).contains(&colors(true)), "{}", colors(true));
    }

    #[test]
    fn boxes_beyond_the_borders_are_cut_and_their_labels_stay_inside() {
        let picture = RgbImage::new(600, 400);
        let boxes = [
            mark(0, [-50.0, -50.0, 100.0, 90.0], false),
            mark(1, [560.0, 380.0, 900.0, 900.0], false),
            mark(2, [700.0, 0.0, 800.0, 100.0], false),
            mark(3, [f32::NAN, 0.0, 10.0, 10.0], false),
            mark(4, [590.0, 2.0, 598.0, 6.0], true),
        ];
        let drawn = draw_marks(&picture, &boxes);
        let has = |color: Rgb| drawn.pixels().any(|pixel| pixel.0 == color);
        assert!(has(COLORS[0]) && has(COLORS[1]) && !has(COLORS[2]) && !has(COLORS[3]));
        // tiny pictures and boxes must not fail either
        draw_marks(&RgbImage::new(1, 1), &boxes);
        draw_marks(&RgbImage::new(0, 0), &boxes);
    }

    #[test]
    fn text_stands_out_on_every_colour() {
        for color in COLORS {
            let (light, dark) =
                (luminance(color).max(luminance(on(color))), luminance(color).min(luminance(on(color))));
            let contrast = (light + 0.05) / (dark + 0.05);
            assert!(contrast >= 4.5, "{color:?}: {contrast}"); // WCAG 2.1, level AA
            assert!(1.05 / (luminance(super::dark(color)) + 0.05) >= 4.5);
        }
    }

    #[test]
    fn a_class_has_one_colour_whatever_its_number() {
        let ink = |mark: &Mark| {
            let drawn = draw_marks(&RgbImage::new(512, 512), std::slice::from_ref(mark));
            drawn.get_pixel(400, 300).0
        };
        let bbox = [100.0, 100.0, 400.0, 400.0];
        let own = palette::class_color("overlay: lorry");
        let found = Detection::new(61, "overlay: lorry", 0.9, BBox::new(100.0, 100.0, 400.0, 400.0));
        let classes = ["overlay: bus".to_owned(), "overlay: lorry".to_owned()];
        let truth = Mark::truth(&Annotation::new(1, BBox::new(100.0, 100.0, 400.0, 400.0)), &classes);
        for mark in [Mark::from(&found), Mark::named(3, "overlay: lorry", bbox), Mark { truth: false, ..truth }] {
            assert_eq!(ink(&mark), own, "{mark:?}");
        }
        assert_ne!(ink(&Mark::named(61, "overlay: bus", bbox)), own);
        palette::set_class_color("overlay: lorry", "#123456").unwrap();
        assert_eq!(ink(&Mark::from(&found)), [0x12, 0x34, 0x56]);
    }

    /// On a thumbnail words are as large as the captions below it, or not there.
    #[test]
    fn thumbnails_are_drawn_at_their_size() {
        let large = RgbImage::new(1600, 1200);
        let alone = draw_thumb(&large, &[mark(1, [100.0, 300.0, 900.0, 900.0], false)], 9);
        assert_eq!(alone.dimensions(), (288, 216));
        let ink = |picture: &RgbImage, color: Rgb| picture.pixels().filter(|pixel| pixel.0 == color).count();
        assert!(ink(&alone, COLORS[1]) > 1200, "the plate is there: {}", ink(&alone, COLORS[1]));
        assert_eq!(draw_thumb(&RgbImage::new(64, 64), &[], 24).dimensions(), (200, 200));
        // ten boxes in one place: their words would hide each other
        let many: Vec<Mark> = (0..10).map(|_| mark(1, [100.0, 300.0, 900.0, 900.0], false)).collect();
        let crowd = draw_thumb(&large, &many, 9);
        assert!(ink(&crowd, COLORS[1]) < 6 * ink(&alone, COLORS[1]));
        draw_thumb(&RgbImage::new(0, 0), &many, 1);
    }

    #[test]
    fn all_kinds_of_boxes() {
        let found = Detection::new(2, "bus", 0.875, BBox::new(1.0, 2.0, 3.0, 4.0));
        assert_eq!(Mark::from(&found).words(), "bus 88 %");
        let classes = ["car".to_owned()];
        let truth = Mark::truth(&Annotation::new(0, BBox::new(1.0, 2.0, 3.0, 4.0)), &classes);
        assert_eq!(truth.words(), "truth car");
        assert_eq!(overlay(&RgbImage::new(8, 8), &[found]).size(), (320, 320));
    }
}

//! Points on a plane, coloured by class, some of them as small pictures.

use super::Figure;
use super::canvas::{Align, CARD, COLORS, Canvas, FAINT, INK, PALE, Rgb};
use super::lettering::{fit_text, text_width};
use super::lines::{DENSITY, mark};
use super::palette::{self, Hue};
use super::terminal;
use image::RgbImage;
use image::imageops::{self, FilterType};
use std::collections::HashSet;

/// One point of a scatter.
#[derive(Clone, Debug, Default)]
pub struct Dot {
    /// Where it lies.
    pub x: f64,
    /// Where it lies.
    pub y: f64,
    /// The index of its class, which chooses colour and shape; `None` where it has none.
    pub class: Option<usize>,
    /// Whether a ring marks it.
    pub wrong: bool,
    /// A small picture in its place.
    pub picture: Option<RgbImage>,
}

/// The size at which it is shown, in CSS pixels.
const SIZE: (u32, u32) = (720, 560);
/// The side of a small picture, in device pixels.
const THUMB: u32 = 92;
/// Dark to bright, as viridis (Smith and van der Walt 2015), the brightest darkened to be seen on white.
const RAMP: [Rgb; 5] = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 185, 80], [205, 185, 20]];
/// Classes named in the legend.
const NAMED: usize = 14;

/// Points on a plane, coloured by the class; rings mark those that are wrong. Points whose place is not finite are left out.
pub fn scatter(dots: &[Dot], classes: &[String], title: &str, axes: [&str; 2]) -> Figure {
    drawn(dots, classes, &hues(dots, classes), title, axes)
}

/// The same of steps of a number instead of classes, the lowest first, dark to bright.
pub(crate) fn scatter_of_steps(dots: &[Dot], steps: &[String], title: &str, axes: [&str; 2]) -> Figure {
    let hue = |at: usize| Hue { ink: RAMP[at * (RAMP.len() - 1) / (steps.len() - 1).max(1)], shape: at };
    let hues: Vec<Hue> = (0..steps.len()).map(hue).collect();
    drawn(dots, steps, &hues, title, axes)
}

fn drawn(dots: &[Dot], classes: &[String], hues: &[Hue], title: &str, axes: [&str; 2]) -> Figure {
    let mut canvas = Canvas::card(SIZE.0 * DENSITY, SIZE.1 * DENSITY);
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    let hue = |class: usize| hues.get(class).copied().unwrap_or_else(|| Hue::nth(class));
    let wrong = dots.iter().any(|dot| dot.wrong);
    let named = named(dots, classes);
    let title = fit_text(title, 30.0, width - 60.0);
    canvas.text(&title, 28.0, 48.0, 30.0, INK, Align::Left);
    let top = legend(&mut canvas, classes, &named, &hue, wrong) + 12.0;
    let (left, right, bottom) = (52.0, width - 28.0, height - 56.0);
    let corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
    canvas.polyline(&corners, 2.0, FAINT, 1.0, &[]);
    canvas.text(axes[0], (left + right) / 2.0, height - 20.0, 24.0, PALE, Align::Center);
    canvas.text_upwards(axes[1], 36.0, (top + bottom) / 2.0, 24.0, PALE, Align::Center);
    let room = THUMB as f32 / 2.0 + 10.0;
    let place = placing(dots, [left + room, top + room, right - room, bottom - room]);
    let finite = |dot: &&Dot| dot.x.is_finite() && dot.y.is_finite();
    // pictures above the many points that are right, below those that are wrong
    for later in [false, true] {
        for dot in dots.iter().filter(finite).filter(|_| later) {
            if let Some(picture) = &dot.picture {
                thumb(&mut canvas, picture, place(dot), dot.wrong, dot.class.map_or(PALE, |class| hue(class).ink));
            }
        }
        for dot in dots.iter().filter(finite).filter(|dot| dot.wrong == later && dot.picture.is_none()) {
            let (x, y) = place(dot);
            if dot.wrong {
                canvas.disc(x, y, 17.0, INK, 1.0);
                canvas.disc(x, y, 13.5, CARD, 1.0);
            }
            match dot.class {
                Some(class) => mark(&mut canvas, (x, y), hue(class)),
                None => canvas.disc(x, y, 7.0, PALE, 0.8),
            }
        }
    }
    canvas.into_figure(SIZE.0, SIZE.1, in_characters(dots, classes, &named, &hue, axes))
}

/// A small picture with a frame in its class's colour, dark and thick where it is wrong.
fn thumb(canvas: &mut Canvas, picture: &RgbImage, (x, y): (f32, f32), wrong: bool, ink: Rgb) {
    let long = picture.width().max(picture.height()).max(1) as f32;
    let side = |length: u32| ((length as f32 / long * THUMB as f32).round() as u32).max(1);
    let small = imageops::resize(picture, side(picture.width()), side(picture.height()), FilterType::Triangle);
    let (w, h) = (small.width() as f32, small.height() as f32);
    let (x0, y0) = ((x - w / 2.0).round(), (y - h / 2.0).round());
    let frame = |edge: f32| [x0 - edge, y0 - edge, x0 + w + edge, y0 + h + edge];
    if wrong {
        canvas.rect(frame(9.0), INK, 1.0);
    }
    canvas.rect(frame(5.0), ink, 1.0);
    canvas.picture(&small, x0 as i64, y0 as i64);
}

/// Where a point comes to lie between these edges: both axes have one scale, as distances count.
fn placing(dots: &[Dot], [left, top, right, bottom]: [f32; 4]) -> impl Fn(&Dot) -> (f32, f32) {
    let range = |of: fn(&Dot) -> f64| {
        let (low, high) = dots
            .iter()
            .map(of)
            .filter(|at| at.is_finite())
            .fold((f64::MAX, f64::MIN), |(low, high), at| (low.min(at), high.max(at)));
        if low > high { (0.0, 0.0) } else { (low, high) }
    };
    let ((x0, x1), (y0, y1)) = (range(|dot| dot.x), range(|dot| dot.y));
    let fits = |room: f32, span: f64| if span > 0.0 { f64::from(room) / span } else { f64::MAX };
    let scale = fits(right - left, x1 - x0).min(fits(bottom - top, y1 - y0));
    let scale = if scale == f64::MAX { 1.0 } else { scale };
    let middle = (f64::from(left + right) / 2.0, f64::from(top + bottom) / 2.0);
    move |dot| {
        let (x, y) = ((dot.x - (x0 + x1) / 2.0) * scale, (dot.y - (y0 + y1) / 2.0) * scale);
        ((middle.0 + x) as f32, (middle.1 - y) as f32)
    }
}

/// The colours of the classes; one that no point has gets none where the palette has no room for all.
fn hues(dots: &[Dot], classes: &[String]) -> Vec<Hue> {
    palette::list_classes(classes);
    let drawn: HashSet<usize> = dots.iter().filter_map(|dot| dot.class).collect();
    let small = classes.len() <= COLORS.len();
    let hue = |(at, name): (usize, &String)| {
        if small || drawn.contains(&at) { palette::hue(name) } else { Hue::nth(at) }
    };
    classes.iter().enumerate().map(hue).collect()
}

/// The classes that the legend has room for, in order: those with most points.
fn named(dots: &[Dot], classes: &[String]) -> Vec<usize> {
    let mut count = vec![0usize; classes.len()];
    dots.iter()
        .filter_map(|dot| dot.class)
        .for_each(|class| count.iter_mut().skip(class).take(1).for_each(|n| *n += 1));
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.sort_by_key(|class| (std::cmp::Reverse(count[*class]), *class));
    order.truncate(NAMED);
    order.sort_unstable();
    order
}

/// Draws the classes' names, and what a ring means; gives the height below them.
fn legend(canvas: &mut Canvas, classes: &[String], named: &[usize], hue: &dyn Fn(usize) -> Hue, wrong: bool) -> f32 {
    let width = canvas.width() as f32;
    let (mut x, mut y) = (28.0, 78.0);
    let mut next = |canvas: &mut Canvas, name: &str, draw: &dyn Fn(&mut Canvas, (f32, f32))| {
        let name = fit_text(name, 24.0, 300.0);
        let wide = 34.0 + text_width(&name, 24.0);
        if x + wide > width - 28.0 && x > 28.0 {
            (x, y) = (28.0, y + 36.0);
        }
        draw(canvas, (x + 12.0, y));
        canvas.text(&name, x + 30.0, y + 9.0, 24.0, INK, Align::Left);
        x += wide + 26.0;
        y
    };
    let mut last = 78.0;
    for &class in named {
        last = next(canvas, &classes[class], &|canvas, at| mark(canvas, at, hue(class)));
    }
    if classes.len() > named.len() {
        last = next(canvas, &format!("and {} more", classes.len() - named.len()), &|_, _| ());
    }
    if wrong {
        last = next(canvas, "wrong", &|canvas, (x, y)| {
            canvas.disc(x, y, 13.0, INK, 1.0);
            canvas.disc(x, y, 10.0, CARD, 1.0);
        });
    }
    last + 22.0
}

fn in_characters(
    dots: &[Dot],
    classes: &[String],
    named: &[usize],
    hue: &dyn Fn(usize) -> Hue,
    axes: [&str; 2],
) -> String {
    let letter = |class: usize| terminal::MARKS[hue(class).shape % terminal::MARKS.len()];
    let (columns, rows) = (64usize, 20usize);
    let mut cells = vec![vec![' '; columns]; rows];
    let place = placing(dots, [0.0, 0.0, (columns - 1) as f32, (rows - 1) as f32 * 2.0]);
    for dot in dots.iter().filter(|dot| dot.x.is_finite() && dot.y.is_finite()) {
        let (x, y) = place(dot);
        let (x, y) = (x.round().max(0.0) as usize, (y / 2.0).round().max(0.0) as usize);
        let sign = dot.class.map_or('·', letter);
        if let Some(cell) = cells.get_mut(y).and_then(|row| row.get_mut(x)) {
            *cell = sign;
        }
    }
    let names = named.iter().map(|&class| format!("{} {}", letter(class), classes[class]));
    let mut text = names.collect::<Vec<_>>().join("  ") + "\n";
    for row in cells {
        text += row.into_iter().collect::<String>().trim_end();
        text.push('\n');
    }
    text + &format!("{} →, {} ↑\n", axes[0], axes[1])
}

/// So many of the points, each as far from those before it as can be, and never nearer than small pictures are wide: where pictures are
/// to stand on a scatter of all of them.
pub fn spread_out(dots: &[Dot], count: usize) -> Vec<usize> {
    let place = placing(dots, [0.0, 0.0, (SIZE.0 * DENSITY - 260) as f32, (SIZE.1 * DENSITY - 340) as f32]);
    let places: Vec<(f32, f32)> = dots.iter().map(place).collect();
    let finite = |at: &usize| places[*at].0.is_finite() && places[*at].1.is_finite();
    let mut far = vec![f32::MAX; dots.len()];
    let mut chosen = Vec::new();
    // the first is the one farthest to the left
    let mut next = (0..dots.len()).filter(finite).min_by(|a, b| places[*a].0.total_cmp(&places[*b].0));
    while let Some(at) = next.filter(|_| chosen.len() < count) {
        chosen.push(at);
        for (other, far) in far.iter_mut().enumerate() {
            let (dx, dy) = (places[other].0 - places[at].0, places[other].1 - places[at].1);
            *far = far.min(dx.abs().max(dy.abs()));
        }
        next = (0..dots.len()).filter(finite).max_by(|a, b| far[*a].total_cmp(&far[*b]));
        next = next.filter(|at| far[*at] > THUMB as f32 + 14.0);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(x: f64, y: f64) -> Dot {
        Dot { x, y, class: Some(1), ..Dot::default() }
    }

    #[test]
    fn both_axes_have_one_scale() {
        let dots = [dot(0.0, 0.0), dot(2.0, 1.0), dot(f64::NAN, 0.0)];
        let place = placing(&dots, [0.0, 0.0, 100.0, 100.0]);
        assert_eq!((place(&dots[0]), place(&dots[1])), ((0.0, 75.0), (100.0, 25.0)));
        let lone = [dot(3.0, 3.0)];
        assert_eq!(placing(&lone, [0.0, 0.0, 100.0, 60.0])(&lone[0]), (50.0, 30.0));
        let figure = scatter(&dots, &["a".to_owned(), "b".to_owned()], "title", ["x", "y"]);
        assert_eq!(figure.size(), SIZE);
        assert!(figure.text().contains("x →, y ↑"), "{}", figure.text());
        scatter(&[], &[], "", ["", ""]);
    }

    /// Two data sets that share a class, which has another number in each; overlays, lines and bars agree.
    #[test]
    fn a_class_has_one_colour_in_every_figure() {
        let names = |all: &[&str]| all.iter().map(|name| format!("scatter: {name}")).collect::<Vec<_>>();
        let first = scatter(&[dot(0.0, 0.0)], &names(&["car", "bus"]), "", ["", ""]);
        let own = palette::class_color("scatter: bus");
        let has = |figure: &Figure| figure.pixels().pixels().filter(|pixel| pixel.0[..3] == own).count();
        let one = Dot { class: Some(0), ..dot(0.0, 0.0) };
        let second = scatter(&[one], &names(&["bus", "van", "car"]), "", ["", ""]);
        assert!(has(&first) > 100 && has(&second) > 100, "{} {}", has(&first), has(&second));
        let line = crate::plot::Lines::new("x", "y");
        let line = line.of_class("scatter: bus", "bus 0.9", &[(0.0, 0.0), (1.0, 1.0)], crate::plot::Look::Line);
        assert!(has(&line.figure()) > 100);
        let both = crate::plot::bars(&names(&["bus", "car"]), &[2.0, 1.0]);
        assert!(has(&both) > 1000 && has(&crate::plot::bars(&["scatter: new".to_owned()], &[2.0])) == 0);
    }

    #[test]
    fn a_legend_names_the_classes_with_most_points() {
        let classes: Vec<String> = (0..40).map(|class| format!("legend {class}")).collect();
        let dots: Vec<Dot> =
            (0..99).map(|at| Dot { class: Some(20 + at % 3), ..dot(0.0, f64::from(at as u32)) }).collect();
        assert_eq!(&named(&dots, &classes)[11..], [20, 21, 22]);
        assert_eq!(named(&dots, &classes[..3]), [0, 1, 2]);
        let text = scatter(&dots, &classes, "", ["", ""]).text().to_owned();
        assert!(text.contains("legend 22") && !text.contains("legend 30"), "{text}");
        scatter(&[Dot { class: Some(77), ..dot(0.0, 0.0) }], &classes, "", ["", ""]);
    }

    #[test]
    fn pictures_stand_apart() {
        let dots: Vec<Dot> = (0..400).map(|i| dot(f64::from(i % 20), f64::from(i / 20))).collect();
        let chosen = spread_out(&dots, 12);
        assert_eq!(chosen.len(), 12);
        let near = vec![dot(1.0, 1.0); 50];
        assert_eq!(spread_out(&near, 12).len(), 1);
        assert!(spread_out(&[], 12).is_empty() && spread_out(&[dot(f64::NAN, 1.0)], 3).is_empty());
    }
}

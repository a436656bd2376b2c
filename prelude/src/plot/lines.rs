//! Lines over two axes: the figure under every curve.

use super::canvas::{self, Align, Backend, Canvas, FAINT, INK, PALE, Rgb};
use super::lettering;
use super::number::number;
use super::palette::{self, Hue};
use super::{Figure, terminal};
use crate::show::{self, Table};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use std::ops::Range;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Look {
    /// Thin and pale: values that scatter.
    Thin,
    /// A solid line.
    Line,
    /// A dashed line with a mark at each point, whose shape differs from line to line.
    Marked,
}

#[derive(Clone, Debug)]
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
    look: Look,
    hue: Hue,
    /// Whether a solid line is dashed by its hue, since colours alone may be alike.
    dashed: bool,
}

/// Lines over two axes with a legend, drawn so that everyone can tell them apart.
///
/// ```
/// use candlewick_prelude::plot::{Lines, Look};
/// let figure = Lines::new("epoch", "accuracy")
///     .percent()
///     .line("fine-tuned", &[(1.0, 0.7), (2.0, 0.9)], Look::Marked)
///     .line("from scratch", &[(1.0, 0.5), (2.0, 0.6)], Look::Marked)
///     .figure();
/// assert_eq!(figure.size(), (640, 340));
/// assert!(figure.text().contains("fine-tuned"));
/// ```
#[derive(Clone, Debug)]
pub struct Lines {
    title: String,
    x_label: String,
    y_label: String,
    lines: Vec<Line>,
    colors: usize,
    marks: Vec<(f64, String)>,
    best: Option<(f64, f64, String)>,
    percent: bool,
    percent_x: bool,
    log_x: bool,
    log_y: bool,
    from_zero: bool,
    size: (u32, u32),
    table: Option<Table>,
}

/// Device pixels for each CSS pixel.
pub(super) const DENSITY: u32 = 2;

impl Lines {
    /// A figure without lines, its axes named; say the unit in the name: `time (s)`.
    pub fn new(x_label: impl Into<String>, y_label: impl Into<String>) -> Lines {
        Lines {
            title: String::new(),
            x_label: x_label.into(),
            y_label: y_label.into(),
            lines: Vec::new(),
            colors: 0,
            marks: Vec::new(),
            best: None,
            percent: false,
            percent_x: false,
            log_x: false,
            log_y: false,
            from_zero: true,
            size: (640, 340),
            table: None,
        }
    }

    /// Adds a line above the figure.
    pub fn title(mut self, title: impl Into<String>) -> Lines {
        self.title = title.into();
        self
    }

    /// Adds a line in a colour of its own; points that are not finite are left out.
    pub fn line(mut self, name: impl Into<String>, points: &[(f64, f64)], look: Look) -> Lines {
        self.colors += 1;
        let hue = Hue::nth(self.colors - 1);
        self.push(name.into(), points, look, hue);
        self
    }

    /// Adds a line in the colour that this class has in all figures.
    pub fn of_class(mut self, class: &str, name: impl Into<String>, points: &[(f64, f64)], look: Look) -> Lines {
        self.push(name.into(), points, look, palette::hue(class));
        self.lines.iter_mut().last().into_iter().for_each(|line| line.dashed = true);
        self
    }

    /// Adds a pale line that others are held against, such as chance.
    pub fn reference(mut self, name: impl Into<String>, points: &[(f64, f64)]) -> Lines {
        self.push(name.into(), points, Look::Line, Hue { ink: canvas::QUIET, shape: 0 });
        self
    }

    /// Adds a line in the colour of the line before it.
    pub fn same(mut self, name: impl Into<String>, points: &[(f64, f64)], look: Look) -> Lines {
        let hue = self.lines.last().map_or(Hue::nth(0), |line| line.hue);
        self.push(name.into(), points, look, hue);
        self
    }

    /// Marks a place on the x axis with an upright line and a word: where something changed. A place that is not finite is
    /// left out.
    pub fn mark(mut self, x: f64, word: impl Into<String>) -> Lines {
        self.marks.extend(x.is_finite().then(|| (x, word.into())));
        self
    }

    /// Marks one point with a ring and a word. A point that is not finite is left out.
    pub fn point(mut self, x: f64, y: f64, word: impl Into<String>) -> Lines {
        self.best = (x.is_finite() && y.is_finite()).then(|| (x, y, word.into()));
        self
    }

    /// Writes the y axis in per cent, from 0 to 100.
    pub fn percent(mut self) -> Lines {
        self.percent = true;
        self
    }

    /// Writes both axes in per cent: shares over shares.
    pub fn shares(mut self) -> Lines {
        self.percent_x = true;
        self.percent()
    }

    /// Makes every step of the x axis a factor.
    pub fn log_x(mut self) -> Lines {
        self.log_x = true;
        self
    }

    /// Makes every step of the y axis a factor; points that are not above 0 are left out.
    pub fn log_y(mut self) -> Lines {
        self.log_y = true;
        self.from_zero = false;
        self
    }

    /// How high a value stands.
    fn height(&self, y: f64) -> f64 {
        if self.log_y { y.log10() } else { y }
    }

    /// Lets the y axis begin near the lowest value instead of at 0.
    pub fn zoom(mut self) -> Lines {
        self.from_zero = false;
        self
    }

    /// The size at which the figure is shown, in CSS pixels (default 640 × 340): 200 × 140 to 4000 × 4000. Where it is
    /// another one, the nearest is taken, and a note says so.
    pub fn size(mut self, width: u32, height: u32) -> Lines {
        self.size = (width.clamp(200, 4000), height.clamp(140, 4000));
        if self.size != (width, height) {
            let (wide, high) = self.size;
            show::note(&format!(
                "the `size` of the figure is {width} × {height}; expected 200 × 140 to 4000 × 4000 CSS pixels: it is \
                 {wide} × {high} large"
            ));
        }
        self
    }

    fn push(&mut self, name: String, points: &[(f64, f64)], look: Look, hue: Hue) {
        let above = |log: bool, value: f64| value.is_finite() && (!log || value > 0.0);
        let keep = |(x, y): &&(f64, f64)| above(self.log_x, *x) && above(self.log_y, *y);
        let points = points.iter().filter(keep).copied().collect();
        self.lines.push(Line { name, points, look, hue, dashed: false });
    }

    /// The figure.
    pub fn figure(&self) -> Figure {
        let (width, height) = self.size;
        let mut canvas = Canvas::card(width * DENSITY, height * DENSITY);
        self.draw(&mut canvas, 0, width * DENSITY);
        canvas.into_figure(width, height, self.text()).with_table(self.numbers())
    }

    /// Gives the figure another table than that of its points.
    pub fn table(mut self, table: Table) -> Lines {
        self.table = Some(table);
        self
    }

    /// A row a point, or the table that it was given.
    pub(super) fn numbers(&self) -> Table {
        if let Some(table) = &self.table {
            return table.clone();
        }
        let mut table = Table::new(["line", &self.x_label, &self.y_label]).left(0);
        for line in &self.lines {
            for (x, y) in &line.points {
                table.push([line.name.clone(), x.to_string(), y.to_string()]);
            }
        }
        table
    }

    /// Draws the lines between two x positions of a canvas.
    pub(super) fn draw(&self, canvas: &mut Canvas, left: u32, right: u32) {
        let mut top = 14.0;
        if !self.title.is_empty() {
            let title = lettering::fit_text(&self.title, 30.0, (right - left) as f32 - 50.0);
            canvas.text(&title, left as f32 + 28.0, top + 34.0, 30.0, INK, Align::Left);
            top += 46.0;
        }
        let top = self.legend(canvas, left as f32 + 28.0, right as f32 - 20.0, top);
        let height = canvas.height();
        let root = Backend(canvas).into_drawing_area();
        let area = root.shrink((left, top as u32), (right - left, height - top as u32));
        let range = self.x_range();
        let frame = if self.log_x { self.axes(&area, range.log_scale()) } else { self.axes(&area, range) };
        drop(area);
        // the canvas never fails, and plotters fails only with its backend or its font
        if let Ok(frame) = frame {
            self.draw_lines(canvas, &frame);
        }
    }

    /// Lets plotters draw the axes; gives the place between them.
    fn axes<X>(&self, area: &DrawingArea<Backend<'_>, Shift>, range: X) -> Result<Frame, String>
    where
        X: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
    {
        let color = |[r, g, b]: Rgb| RGBColor(r, g, b);
        let style = |ink: Rgb| ShapeStyle { color: color(ink).to_rgba(), filled: false, stroke_width: 2 };
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .margin_right(34)
            .margin_bottom(14)
            .x_label_area_size(76)
            .y_label_area_size(106)
            .build_cartesian_2d(range, self.y_range())
            .map_err(|error| error.to_string())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(style(FAINT))
            .axis_style(style(PALE))
            .label_style(("sans-serif", 24).into_font().color(&color(PALE)))
            .axis_desc_style(("sans-serif", 26).into_font().color(&color(INK)))
            .x_desc(&self.x_label)
            .y_desc(&self.y_label)
            .x_labels(if self.log_x { 8 } else { self.x_ticks() })
            .y_labels(6)
            .x_label_formatter(&|x| match (self.log_x, self.percent_x) {
                (true, _) => format!("{x:.0e}"),
                (_, true) => format!("{:.0} %", x * 100.0),
                _ => number(*x),
            })
            .y_label_formatter(&|y| match (self.percent, self.log_y) {
                (true, _) => format!("{:.0} %", y * 100.0),
                (_, true) => two_digits(10f64.powf(*y)),
                _ => number(*y),
            })
            .draw()
            .map_err(|error| error.to_string())?;
        let (x, y) = chart.plotting_area().get_pixel_range();
        Ok(Frame { x: x.start as f32..x.end as f32, y: y.start as f32..y.end as f32 })
    }

    /// Draws the lines and what is marked into the place between the axes.
    fn draw_lines(&self, canvas: &mut Canvas, frame: &Frame) {
        let (x_range, y_range) = (self.x_range(), self.y_range());
        let along = |x: f64| if self.log_x { x.ln() } else { x };
        let place = |x: f64, y: f64| {
            let (start, end) = (along(x_range.start), along(x_range.end));
            let right = ((along(x) - start) / (end - start)) as f32;
            let up = ((self.height(y) - y_range.start) / (y_range.end - y_range.start)).clamp(0.0, 1.0) as f32;
            (frame.x.start + right * (frame.x.end - frame.x.start), frame.y.end - up * (frame.y.end - frame.y.start))
        };
        let mut free = f32::MIN;
        for (x, word) in &self.marks {
            let x = place(*x, 1.0).0;
            canvas.polyline(&[(x, frame.y.start), (x, frame.y.end)], 2.0, PALE, 0.6, &[6.0, 6.0]);
            let room = frame.x.end - x - 10.0;
            let word = lettering::fit_text(word, 21.0, room);
            if x >= free && !word.is_empty() {
                free = x + 20.0 + lettering::text_width(&word, 21.0);
                canvas.text(&word, x + 8.0, frame.y.start + 20.0, 21.0, PALE, Align::Left);
            }
        }
        for line in &self.lines {
            let points: Vec<(f32, f32)> = line.points.iter().map(|(x, y)| place(*x, *y)).collect();
            draw_line(canvas, &points, line.look, line.hue, line.dashed);
        }
        if let Some((x, y, word)) = &self.best {
            let (x, y) = place(*x, *y);
            canvas.disc(x, y, 11.0, INK, 1.0);
            canvas.disc(x, y, 7.0, canvas::CARD, 1.0);
            let left = x + 20.0 + lettering::text_width(word, 24.0) > frame.x.end;
            let (x, align) = if left { (x - 18.0, Align::Right) } else { (x + 18.0, Align::Left) };
            canvas.text(word, x, (y - 14.0).max(frame.y.start + 44.0), 24.0, INK, align);
        }
    }

    /// Draws the names of the lines; gives the height below them.
    fn legend(&self, canvas: &mut Canvas, left: f32, right: f32, top: f32) -> f32 {
        let (mut x, mut y) = (left, top);
        for line in self.lines.iter().filter(|line| !line.name.is_empty()) {
            let name = lettering::fit_text(&line.name, 24.0, right - left - 70.0);
            let wide = 62.0 + lettering::text_width(&name, 24.0);
            if x + wide > right && x > left {
                (x, y) = (left, y + 34.0);
            }
            let middle = y + 18.0;
            draw_sample(canvas, (x, middle), line);
            canvas.text(&name, x + 62.0, middle + 9.0, 24.0, INK, Align::Left);
            x += wide + 34.0;
        }
        if self.lines.iter().any(|line| !line.name.is_empty()) { y + 38.0 } else { y }
    }

    fn x_range(&self) -> Range<f64> {
        let all = || self.lines.iter().flat_map(|line| line.points.iter().map(|(x, _)| *x));
        let (low, high) = all().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)));
        match (low <= high, self.log_x) {
            (false, true) => 1e-6..1.0,
            (false, false) => 0.0..1.0,
            (true, true) if high / low < 1.01 => low / 2.0..low * 2.0,
            (true, true) => low..high,
            (true, false) => {
                let low = if low > 0.0 && low <= 0.5 * high { 0.0 } else { low };
                match high - low < 1e-9 {
                    true if low > 0.0 => 0.0..2.0 * low,
                    true => low..low + 1.0,
                    false => low..high,
                }
            }
        }
    }

    /// So many numbers below the x axis at most: of a few batches or epochs whole ones alone.
    fn x_ticks(&self) -> usize {
        let whole = self.lines.iter().flat_map(|line| &line.points).all(|(x, _)| x.fract() == 0.0);
        let Range { start, end } = self.x_range();
        if whole && end - start < 8.0 { (end - start) as usize + 1 } else { 9 }
    }

    /// From 0, or near the lowest value, to a little above the highest; the few highest of scattering values are cut.
    fn y_range(&self) -> Range<f64> {
        if self.percent {
            return 0.0..1.0;
        }
        let (mut low, mut high) = (f64::MAX, f64::MIN);
        for line in &self.lines {
            let mut values: Vec<f64> = line.points.iter().map(|(_, y)| self.height(*y)).collect();
            values.sort_by(f64::total_cmp);
            let Some(first) = values.first() else { continue };
            low = low.min(*first);
            let cut = if line.look == Look::Thin { (values.len() - 1) * 98 / 100 } else { values.len() - 1 };
            high = high.max(values[cut]);
        }
        if low > high {
            return 0.0..1.0;
        }
        if self.from_zero && low >= 0.0 {
            low = 0.0;
        }
        let room = if high - low < 1e-12 { high.abs().max(1.0) * 0.1 } else { (high - low) * 0.06 };
        if low == 0.0 && self.from_zero { 0.0..high + room } else { low - room..high + room }
    }

    /// The figure in characters, for terminals.
    pub fn text(&self) -> String {
        let heights: Vec<Vec<(f64, f64)>> =
            self.lines.iter().map(|line| line.points.iter().map(|(x, y)| (*x, self.height(*y))).collect()).collect();
        let y_label = if self.log_y { format!("log10 of {}", self.y_label) } else { self.y_label.clone() };
        let lines: Vec<terminal::Curve<'_>> = self
            .lines
            .iter()
            .zip(&heights)
            .map(|(line, points)| terminal::Curve {
                name: &line.name,
                points,
                mark: (line.look == Look::Marked).then(|| terminal::MARKS[line.hue.shape % terminal::MARKS.len()]),
            })
            .collect();
        let chart = terminal::Chart {
            title: &self.title,
            x_label: &self.x_label,
            y_label: &y_label,
            x: self.x_range(),
            y: self.y_range(),
            log_x: self.log_x,
            percent: self.percent,
        };
        chart.draw(&lines)
    }
}

/// A number with two digits that count: `32`, `0.63`, `4.0e-5`.
fn two_digits(value: f64) -> String {
    match value {
        0.01..1e4 => format!("{value:.*}", (1 - value.log10().floor() as i32).max(0) as usize),
        _ => format!("{value:.1e}"),
    }
}

/// Several of them beside each other in one figure, each 460 CSS pixels wide.
pub fn panels(lines: &[Lines]) -> Figure {
    let (each, height) = (460, 340);
    let width = each * lines.len().max(1) as u32;
    let mut canvas = Canvas::card(width * DENSITY, height * DENSITY);
    for (place, lines) in (0..).zip(lines) {
        lines.draw(&mut canvas, place * each * DENSITY, (place + 1) * each * DENSITY);
    }
    let texts: Vec<String> = lines.iter().map(Lines::text).collect();
    canvas.into_figure(width, height, texts.join("\n"))
}

/// The place between the axes, in pixels.
struct Frame {
    x: Range<f32>,
    y: Range<f32>,
}

/// Draws one line with its marks.
fn draw_line(canvas: &mut Canvas, points: &[(f32, f32)], look: Look, hue: Hue, dashed: bool) {
    let ink = hue.ink;
    match look {
        Look::Thin => canvas.polyline(points, 1.6, ink, 0.35, &[]),
        Look::Line => {
            const DASHES: [&[f32]; 4] = [&[], &[22.0, 7.0], &[6.0, 6.0], &[22.0, 6.0, 6.0, 6.0]];
            canvas.polyline(points, 4.5, ink, 1.0, if dashed { DASHES[hue.shape % DASHES.len()] } else { &[] });
        }
        Look::Marked => {
            const DASHES: [&[f32]; 4] = [&[16.0, 8.0], &[4.0, 6.0], &[16.0, 6.0, 4.0, 6.0], &[28.0, 8.0]];
            canvas.polyline(points, 3.5, ink, 1.0, DASHES[hue.shape % DASHES.len()]);
            points.iter().for_each(|point| mark(canvas, *point, hue));
        }
    }
    if let (true, [(x, y)]) = (look != Look::Marked, points) {
        canvas.disc(*x, *y, 8.0, ink, 1.0);
    }
}

/// Draws a line's sample in the legend, 50 pixels wide, with one mark in its middle.
fn draw_sample(canvas: &mut Canvas, (x, y): (f32, f32), line: &Line) {
    draw_line(canvas, &[(x, y), (x + 50.0, y)], Look::Line, line.hue, line.dashed);
    if line.look == Look::Marked {
        for gap in [x + 8.0, x + 36.0] {
            canvas.rect([gap, y - 4.0, gap + 6.0, y + 4.0], canvas::CARD, 1.0);
        }
        mark(canvas, (x + 25.0, y), line.hue);
    }
}

/// A disc, square, triangle or diamond with a white edge.
pub(super) fn mark(canvas: &mut Canvas, (x, y): (f32, f32), hue: Hue) {
    for (r, ink) in [(11.0, canvas::CARD), (8.0, hue.ink)] {
        match hue.shape % 4 {
            0 => canvas.disc(x, y, r, ink, 1.0),
            1 => canvas.rect([x - r * 0.9, y - r * 0.9, x + r * 0.9, y + r * 0.9], ink, 1.0),
            2 => canvas.polygon(&[(x, y - r * 1.2), (x + r * 1.1, y + r * 0.8), (x - r * 1.1, y + r * 0.8)], ink, 1.0),
            _ => canvas.polygon(&[(x, y - r * 1.3), (x + r * 1.3, y), (x, y + r * 1.3), (x - r * 1.3, y)], ink, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::COLORS;
    use super::*;

    /// How many pixels of a figure are about of this colour.
    fn count(figure: &Figure, color: Rgb) -> usize {
        let near = |p: &&image::Rgba<u8>| (0..3).all(|c| p[c].abs_diff(color[c]) < 12) && p[3] == 255;
        figure.pixels().pixels().filter(near).count()
    }

    #[test]
    fn lines_are_drawn_in_colours_of_their_own() {
        let points: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i), 1.0 / f64::from(i + 1))).collect();
        let figure =
            Lines::new("step", "loss").line("a", &points, Look::Line).line("b", &points[5..], Look::Marked).figure();
        assert_eq!(figure.pixels().dimensions(), (1280, 680));
        assert!(count(&figure, COLORS[0]) > 500, "{}", count(&figure, COLORS[0]));
        assert!(count(&figure, COLORS[1]) > 500, "{}", count(&figure, COLORS[1]));
        assert_eq!(count(&figure, COLORS[2]), 0);
    }

    #[test]
    fn nothing_and_what_is_not_finite_are_no_trouble() {
        for log in [false, true] {
            let lines = Lines::new("x", "y").line("n", &[(1.0, f64::NAN), (f64::INFINITY, 2.0)], Look::Line);
            let lines = if log { lines.log_x() } else { lines };
            assert_eq!(lines.figure().size(), (640, 340));
            let lines = lines.mark(f64::NAN, "never").mark(-1.0, "before").point(1.0, f64::INFINITY, "nowhere");
            assert_eq!((lines.marks.len(), lines.best.is_none()), (1, true));
            let lines = lines.point(-1.0, 0.5, "left");
            assert_eq!(lines.line("p", &[(3.0, 3.0)], Look::Marked).figure().size(), (640, 340));
        }
    }

    #[test]
    fn sizes_that_make_no_sense_become_the_nearest() {
        let size = |width, height| Lines::new("x", "y").size(width, height).size;
        assert_eq!([size(0, 0), size(u32::MAX, 10), size(900, 300)], [(200, 140), (4000, 140), (900, 300)]);
    }

    #[test]
    fn a_height_is_a_factor_where_asked_for() {
        let lines = Lines::new("epoch", "norm").log_y().line("a", &[(1.0, 100.0), (2.0, 0.01), (3.0, 0.0)], Look::Line);
        let Range { start, end } = lines.y_range();
        assert!((start + 2.24).abs() < 1e-9 && (end - 2.24).abs() < 1e-9, "{start} {end}");
        assert_eq!(lines.lines[0].points.len(), 2);
        assert!(lines.text().contains("log10 of norm") && lines.figure().size() == (640, 340));
        assert_eq!(lines.numbers().csv().lines().nth(1), Some("a,1,100"));
        let digits = [0.631, 31.62, 1.0, 4e-5, 2512.0, 0.0316].map(two_digits);
        assert_eq!(digits, ["0.63", "32", "1.0", "4.0e-5", "2512", "0.032"]);
    }

    #[test]
    fn ranges() {
        let lines = |points: &[(f64, f64)]| Lines::new("x", "y").line("", points, Look::Line);
        assert_eq!(lines(&[(1.0, 2.0), (5.0, 4.0)]).x_range(), 0.0..5.0);
        assert_eq!(lines(&[(3.0, 2.0)]).x_range(), 0.0..6.0);
        assert_eq!(lines(&[(80.0, 2.0), (100.0, 4.0)]).x_range(), 80.0..100.0);
        assert_eq!(lines(&[(1.0, 2.0), (5.0, 4.0)]).y_range(), 0.0..4.24);
        assert_eq!(lines(&[(1.0, 2.0), (5.0, 4.0)]).zoom().y_range(), 1.88..4.12);
        assert_eq!(lines(&[(1.0, 0.5)]).percent().y_range(), 0.0..1.0);
        let ticks = |points: &[(f64, f64)]| lines(points).x_ticks();
        assert_eq!(
            [ticks(&[(1.0, 2.0), (4.0, 1.0)]), ticks(&[(0.5, 2.0), (4.0, 1.0)]), ticks(&[(400.0, 1.0)])],
            [5, 9, 9]
        );
    }
}

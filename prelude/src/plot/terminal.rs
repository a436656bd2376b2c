//! Charts in characters: lines in Braille dots, bars in blocks.

use super::number::number;
use crate::show;
use std::ops::Range;

/// Columns and rows of a chart in characters, eight dots a character; the columns where no terminal says how many.
const COLUMNS: usize = 64;
const ROWS: usize = 12;

/// No chart is narrower or wider than this, whatever the terminal.
const NARROWEST: usize = 20;
const WIDEST: usize = 144;

/// The marks of lines with marks, in the order of their colours.
pub(super) const MARKS: [char; 4] = ['●', '■', '▲', '◆'];

/// One line of a chart.
pub(super) struct Curve<'a> {
    pub name: &'a str,
    pub points: &'a [(f64, f64)],
    /// Drawn at each point instead of a line of dots.
    pub mark: Option<char>,
}

/// A chart in characters.
pub(super) struct Chart<'a> {
    pub title: &'a str,
    pub x_label: &'a str,
    pub y_label: &'a str,
    pub x: Range<f64>,
    pub y: Range<f64>,
    pub log_x: bool,
    pub percent: bool,
}

/// The dots of a chart, a row of characters after the other.
struct Dots {
    columns: usize,
    rows: Vec<Vec<u8>>,
}

impl Chart<'_> {
    /// The chart with its axes and legend, as wide as the terminal.
    pub fn draw(&self, lines: &[Curve<'_>]) -> String {
        self.draw_within(lines, show::columns())
    }

    fn draw_within(&self, lines: &[Curve<'_>], window: Option<usize>) -> String {
        let label = |y: f64| if self.percent { format!("{:.0} %", y * 100.0) } else { number(round(y)) };
        let (top, bottom) = (label(self.y.end), label(self.y.start));
        let middle = label((self.y.start + self.y.end) / 2.0);
        let wide = [&top, &middle, &bottom].iter().map(|text| text.chars().count()).max().unwrap_or(0);
        let columns = window.map_or(COLUMNS, |window| window.saturating_sub(wide + 2).clamp(NARROWEST, WIDEST));
        let mut dots = Dots { columns, rows: vec![vec![0u8; columns]; ROWS] };
        let mut marks = vec![vec![None; columns]; ROWS];
        for line in lines {
            let places: Vec<(f64, f64)> = line.points.iter().map(|(x, y)| self.place(*x, *y, columns)).collect();
            match line.mark {
                Some(mark) => {
                    for (x, y) in places {
                        marks[(y as usize / 4).min(ROWS - 1)][(x as usize / 2).min(columns - 1)] = Some(mark);
                    }
                }
                None => {
                    places.windows(2).for_each(|pair| dots.segment(pair[0], pair[1]));
                    places.iter().for_each(|(x, y)| dots.dot(*x as usize, *y as usize));
                }
            }
        }
        let mut text = String::new();
        if !self.title.is_empty() {
            text += &format!("{}\n", self.title);
        }
        text += &format!("{}\n", self.legend(lines));
        for (row, (dots, marks)) in dots.rows.iter().zip(&marks).enumerate() {
            let label = match row {
                0 => top.as_str(),
                r if r == ROWS / 2 => middle.as_str(),
                r if r == ROWS - 1 => bottom.as_str(),
                _ => "",
            };
            let tick = if label.is_empty() { '│' } else { '┤' };
            let body: String = dots.iter().zip(marks).map(|(dots, mark)| mark.unwrap_or(braille(*dots))).collect();
            text += &format!("{}{label}{tick}{}\n", " ".repeat(wide - label.chars().count()), body.trim_end());
        }
        let start = if self.log_x { format!("{:.0e}", self.x.start) } else { number(self.x.start) };
        let end = if self.log_x { format!("{:.0e}", self.x.end) } else { number(self.x.end) };
        text += &format!("{}└{}\n", " ".repeat(wide), "─".repeat(columns));
        let gap = columns.saturating_sub(start.chars().count() + end.chars().count());
        text += &format!("{} {start}{:^gap$}{end}\n", " ".repeat(wide), self.x_label);
        text
    }

    fn legend(&self, lines: &[Curve<'_>]) -> String {
        let named = lines.iter().filter(|line| !line.name.is_empty());
        let mut words = vec![self.y_label.to_owned()];
        words.extend(named.map(|line| format!("{} {}", line.mark.unwrap_or('⠒'), line.name)));
        words.join("   ")
    }

    /// A point in dots, from the top left.
    fn place(&self, x: f64, y: f64, columns: usize) -> (f64, f64) {
        let along = |x: f64| if self.log_x { x.ln() } else { x };
        let (start, end) = (along(self.x.start), along(self.x.end));
        let right = ((along(x) - start) / (end - start)).clamp(0.0, 1.0);
        let up = ((y - self.y.start) / (self.y.end - self.y.start)).clamp(0.0, 1.0);
        (right * (2 * columns - 1) as f64, (1.0 - up) * (4 * ROWS - 1) as f64)
    }
}

/// A value rounded to three significant figures, for an axis.
fn round(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let step = 10f64.powf(value.abs().log10().floor() - 2.0);
    (value / step).round() * step
}

impl Dots {
    fn segment(&mut self, (x0, y0): (f64, f64), (x1, y1): (f64, f64)) {
        let steps = (x1 - x0).abs().max((y1 - y0).abs()).ceil().max(1.0) as usize;
        for step in 0..=steps {
            let share = step as f64 / steps as f64;
            self.dot((x0 + (x1 - x0) * share).round() as usize, (y0 + (y1 - y0) * share).round() as usize);
        }
    }

    fn dot(&mut self, x: usize, y: usize) {
        // the bits of Unicode's Braille patterns, column by column
        const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        let (x, y) = (x.min(2 * self.columns - 1), y.min(4 * ROWS - 1));
        self.rows[y / 4][x / 2] |= BITS[x % 2][y % 4];
    }
}

fn braille(dots: u8) -> char {
    if dots == 0 { ' ' } else { char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' ') }
}

/// Bars in blocks, an eighth of a character fine: name, bar, value. The longest one has so many characters, or what the
/// terminal has room for.
pub(super) fn bars(rows: &[(String, f64, String)], columns: usize) -> String {
    bars_within(rows, columns, show::columns())
}

fn bars_within(rows: &[(String, f64, String)], columns: usize, window: Option<usize>) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let most = rows.iter().map(|(_, value, _)| *value).fold(0.0, f64::max);
    let longest = |length: fn(&(String, f64, String)) -> usize| rows.iter().map(length).max().unwrap_or(0);
    let wide = longest(|(name, ..)| name.chars().count());
    let labels = longest(|(_, _, label)| label.chars().count());
    let columns = window.map_or(columns, |window| window.saturating_sub(wide + labels + 3).clamp(8, WIDEST / 2));
    let mut text = String::new();
    for (name, value, label) in rows {
        let eighths = if most > 0.0 { (value.max(0.0) / most * (8 * columns) as f64).round() as usize } else { 0 };
        let mut bar = "█".repeat(eighths / 8);
        if eighths % 8 > 0 {
            bar.push(EIGHTHS[eighths % 8]);
        }
        let pad = " ".repeat(wide - name.chars().count());
        text += &format!("{name}{pad} {bar} {label}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rising_line_goes_from_corner_to_corner() {
        let chart =
            Chart { title: "", x_label: "x", y_label: "y", x: 0.0..1.0, y: 0.0..1.0, log_x: false, percent: false };
        let line = Curve { name: "up", points: &[(0.0, 0.0), (1.0, 1.0)], mark: None };
        let text = chart.draw(&[line]);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[0], "y   ⠒ up");
        assert_eq!(rows.len(), 1 + ROWS + 2);
        assert!(
            rows[1].starts_with("  1┤   ") && rows[1].ends_with('⠉')
                || rows[1].ends_with('⠁')
                || rows[1].ends_with('⠊')
        );
        assert!(rows[ROWS].starts_with("  0┤") && !rows[ROWS].starts_with("  0┤ "), "{text}");
    }

    #[test]
    fn marks_stand_at_their_points() {
        let chart = Chart {
            title: "t",
            x_label: "epoch",
            y_label: "acc",
            x: 0.0..2.0,
            y: 0.0..1.0,
            log_x: false,
            percent: true,
        };
        let line = Curve { name: "a", points: &[(2.0, 1.0)], mark: Some('■') };
        let text = chart.draw(&[line]);
        let row = text.lines().nth(2).unwrap_or_default();
        assert!(row.starts_with("100 %┤") && row.ends_with('■'), "{text}");
        assert_eq!(row.chars().count(), 6 + COLUMNS);
        assert!(text.ends_with("2\n") && text.contains("epoch"));
    }

    #[test]
    fn bars_are_as_long_as_their_values() {
        let row = |name: &str, value: f64| (name.to_owned(), value, value.to_string());
        let text = bars(&[row("car", 16.0), row("lorry", 4.0), row("-", 1.0)], 8);
        assert_eq!(text, "car   ████████ 16\nlorry ██ 4\n-     ▌ 1\n");
    }

    #[test]
    fn charts_are_as_wide_as_the_terminal() {
        let line = || [Curve { name: "up", points: &[(0.0, 0.0), (1.0, 1.0)], mark: None }];
        let chart = Chart {
            title: "",
            x_label: "step",
            y_label: "loss",
            x: 0.0..1.0,
            y: 0.0..0.125,
            log_x: false,
            percent: false,
        };
        let widest = |text: String| text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        for (window, expected) in [(Some(40), 39), (Some(100), 99), (Some(8), 26), (Some(1000), 150), (None, 70)] {
            assert_eq!(widest(chart.draw_within(&line(), window)), expected, "{window:?}");
        }
        let rows = [("car".to_owned(), 4.0, "4".to_owned()), ("lorry".to_owned(), 2.0, "2".to_owned())];
        for (window, expected) in [(Some(40), 39), (Some(20), 19), (Some(200), 80), (None, 48)] {
            assert_eq!(widest(bars_within(&rows, 40, window)), expected, "{window:?}");
        }
    }
}

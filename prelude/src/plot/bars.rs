//! Bars, one a name.

use super::canvas::{Align, COLORS, Canvas, FAINT, INK};
use super::lettering::{fit_text, text_width};
use super::lines::DENSITY;
use super::number::number;
use super::{Figure, palette, terminal};
use crate::show::Table;

/// Lying bars, one a label, each with its value: counts of classes, for one.
///
/// Labels without a value, and values that are not finite, count as 0. Where all labels are classes that figures have shown before, each
/// bar has its class's colour.
pub fn bars(labels: &[String], values: &[f64]) -> Figure {
    let value = |row: usize| values.get(row).copied().filter(|value| value.is_finite()).unwrap_or(0.0).max(0.0);
    let classes = palette::all_known(labels);
    let most = (0..labels.len()).map(value).fold(0.0, f64::max);
    let (size, step) = (26.0, 54.0);
    let widest = labels.iter().map(|label| text_width(label, size)).fold(0.0, f32::max).min(420.0);
    let (width, height) = (1040.0, 36.0 + step * labels.len().max(1) as f32);
    let mut canvas = Canvas::card(width as u32, height as u32);
    let (left, right) = (28.0 + widest + 20.0, width - 140.0);
    for (row, label) in labels.iter().enumerate() {
        let y = 18.0 + step * row as f32;
        canvas.text(&fit_text(label, size, widest + 1.0), left - 20.0, y + 36.0, size, INK, Align::Right);
        canvas.rect([left, y + 10.0, right, y + 44.0], FAINT, 0.5);
        let share = if most > 0.0 { (value(row) / most) as f32 } else { 0.0 };
        let ink = if classes { palette::hue(label).ink } else { COLORS[0] };
        canvas.rect([left, y + 10.0, left + (right - left) * share, y + 44.0], ink, 1.0);
        canvas.text(&number(value(row)), left + (right - left) * share + 14.0, y + 36.0, size, INK, Align::Left);
    }
    let rows: Vec<(String, f64, String)> =
        labels.iter().enumerate().map(|(row, label)| (label.clone(), value(row), number(value(row)))).collect();
    let mut table = Table::new(["name", "value"]).left(0);
    rows.iter().for_each(|(label, value, _)| table.push([label.clone(), value.to_string()]));
    let text = terminal::bars(&rows, 40);
    canvas.into_figure(width as u32 / DENSITY, height as u32 / DENSITY, text).with_table(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_value() {
        let figure = bars(&["car".to_owned(), "truck".to_owned(), "none".to_owned()], &[100.0, 25.0, f64::NAN]);
        let blue = |y: u32| (0..figure.pixels().width()).filter(|x| figure.pixels().get_pixel(*x, y)[2] == 178).count();
        let (long, short, none) = (blue(18 + 26), blue(72 + 26), blue(126 + 26));
        assert!(long.abs_diff(4 * short) <= 8 && long > 300 && none == 0, "{long} {short} {none}");
        assert!(figure.text().starts_with("car   ████"), "{}", figure.text());
    }
}

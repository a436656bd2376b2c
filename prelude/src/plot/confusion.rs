//! What is taken for what.

use super::Figure;
use super::canvas::{Align, CARD, COLORS, Canvas, FAINT, INK, PALE, Rgb, fit_text, text_width};
use super::lines::DENSITY;
use crate::show::Table;

/// A table of true classes (rows) against predicted ones (columns), darker where a row's share is larger.
///
/// `matrix[truth][prediction]` counts pictures. Rows that are too short count as zeros.
pub fn confusion(matrix: &[Vec<usize>], classes: &[String]) -> Figure {
    let n = classes.len().max(1);
    let count = |truth: usize, guess: usize| matrix.get(truth).and_then(|row| row.get(guess)).copied().unwrap_or(0);
    let sum = |truth: usize| (0..n).map(|guess| count(truth, guess)).sum::<usize>();
    let cell = (1100.0 / n as f32).clamp(56.0, 150.0);
    let size = (cell * 0.2).clamp(16.0, 26.0);
    let names = classes.iter().map(|class| text_width(class, size)).fold(0.0, f32::max).min(260.0);
    let upright = names > cell - 8.0;
    let (left, top) = (86.0 + names, 30.0);
    let below = if upright { names + 26.0 } else { 50.0 };
    let (width, height) = (left + cell * n as f32 + 30.0, top + cell * n as f32 + below + 52.0);
    let mut canvas = Canvas::card(width as u32, height as u32);
    for truth in 0..n {
        for guess in 0..n {
            let share = count(truth, guess) as f32 / sum(truth).max(1) as f32;
            let (x, y) = (left + cell * guess as f32, top + cell * truth as f32);
            let place = [x + 1.5, y + 1.5, x + cell - 1.5, y + cell - 1.5];
            // right answers blue, wrong ones orange
            let ink: Rgb = if truth == guess { COLORS[0] } else { COLORS[1] };
            canvas.rect(place, FAINT, 0.6);
            canvas.rect(place, ink, share.powf(0.8));
            let color = if share > 0.5 { CARD } else { INK };
            let middle = x + cell / 2.0;
            if cell >= 90.0 {
                canvas.text(
                    &count(truth, guess).to_string(),
                    middle,
                    y + cell / 2.0,
                    size * 1.15,
                    color,
                    Align::Center,
                );
                let percent = format!("{:.0} %", share * 100.0);
                canvas.text(&percent, middle, y + cell / 2.0 + size * 1.1, size * 0.8, color, Align::Center);
            } else {
                let down = size * 0.35;
                canvas.text(
                    &count(truth, guess).to_string(),
                    middle,
                    y + cell / 2.0 + down,
                    size,
                    color,
                    Align::Center,
                );
            }
        }
    }
    for (class, name) in classes.iter().enumerate() {
        let middle = cell * (class as f32 + 0.5);
        let name = fit_text(name, size, names + 1.0);
        canvas.text(&name, left - 14.0, top + middle + size * 0.35, size, INK, Align::Right);
        let foot = top + cell * n as f32;
        if upright {
            canvas.text_upwards(&name, left + middle + size * 0.35, foot + 12.0, size, INK, Align::Right);
        } else {
            canvas.text(&name, left + middle, foot + 14.0 + size, size, INK, Align::Center);
        }
    }
    canvas.text("predicted", left + cell * n as f32 / 2.0, height - 24.0, 26.0, PALE, Align::Center);
    canvas.text_upwards("truth", 46.0, top + cell * n as f32 / 2.0, 26.0, PALE, Align::Center);
    let head = ["truth ↓ predicted →"].into_iter().chain(classes.iter().map(String::as_str));
    let mut table = Table::new(head).left(0);
    for (truth, name) in classes.iter().enumerate() {
        table.push([name.clone()].into_iter().chain((0..n).map(|guess| count(truth, guess).to_string())));
    }
    Figure::new(canvas.into_rgba(), width as u32 / DENSITY, height as u32 / DENSITY, table.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_a_table() {
        let figure = confusion(&[vec![9, 1], vec![3, 7]], &["car".to_owned(), "bus".to_owned()]);
        assert_eq!(
            figure.text(),
            "truth ↓ predicted →  car  bus\ncar                    9    1\nbus                    3    7\n"
        );
    }

    #[test]
    fn right_is_blue_and_wrong_is_orange() {
        let figure = confusion(&[vec![10, 0], vec![10, 0]], &["a".to_owned(), "b".to_owned()]);
        let has = |color: Rgb| figure.pixels().pixels().filter(|p| p.0[..3] == color).count() > 5000;
        assert!(has(COLORS[0]) && has(COLORS[1]));
    }

    #[test]
    fn short_rows_and_no_classes_are_no_trouble() {
        confusion(&[vec![]], &["a".to_owned(), "b".to_owned()]);
        confusion(&[], &[]);
    }
}

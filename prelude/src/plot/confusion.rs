//! What is taken for what.

use super::Figure;
use super::canvas::{Align, CARD, COLORS, Canvas, FAINT, INK, PALE, Rgb};
use super::lettering::{fit_text, text_width};
use super::lines::DENSITY;
use crate::show::Table;

/// So many classes are drawn at most; more would be unreadable, and fill the memory.
const MOST: usize = 40;

/// A table of true classes (rows) against predicted ones (columns), darker where a row's share is larger.
///
/// `matrix[truth][prediction]` counts pictures. Rows that are too short count as zeros. Of more than 40 classes those with the
/// most mistakes are drawn.
pub fn confusion(matrix: &[Vec<usize>], classes: &[String]) -> Figure {
    let all = classes.len().max(1);
    let count = |truth: usize, guess: usize| matrix.get(truth).and_then(|row| row.get(guess)).copied().unwrap_or(0);
    let sum = |truth: usize| (0..all).map(|guess| count(truth, guess)).sum::<usize>();
    let shown = shown(all, count);
    let n = shown.len();
    let cell = (1100.0 / n as f32).clamp(56.0, 150.0);
    let size = (cell * 0.2).clamp(16.0, 26.0);
    let names = classes.iter().map(|class| text_width(class, size)).fold(0.0, f32::max).min(260.0);
    let upright = names > cell - 8.0;
    let (left, top) = (86.0 + names, if n < all { 70.0 } else { 30.0 });
    let below = if upright { names + 26.0 } else { 50.0 };
    let (width, height) = (left + cell * n as f32 + 30.0, top + cell * n as f32 + below + 52.0);
    let mut canvas = Canvas::card(width as u32, height as u32);
    if n < all {
        let title = format!("the {n} of {all} classes with most mistakes");
        canvas.text(&title, left, 44.0, 26.0, PALE, Align::Left);
    }
    for (row, truth) in shown.iter().copied().enumerate() {
        let whole = sum(truth).max(1) as f32;
        for (column, guess) in shown.iter().copied().enumerate() {
            let share = count(truth, guess) as f32 / whole;
            let (x, y) = (left + cell * column as f32, top + cell * row as f32);
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
    for (place, name) in shown.iter().filter_map(|class| classes.get(*class)).enumerate() {
        let middle = cell * (place as f32 + 0.5);
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
    let numbers = if n < all { most(all, count, classes) } else { table(n, count, classes) };
    canvas.into_figure(width as u32 / DENSITY, height as u32 / DENSITY, numbers.text()).with_table(numbers)
}

/// The classes that are drawn, in order.
fn shown(all: usize, count: impl Fn(usize, usize) -> usize) -> Vec<usize> {
    if all <= MOST {
        return (0..all).collect();
    }
    let wrong = |class: usize| -> usize {
        let others = (0..all).filter(|other| *other != class);
        others.map(|other| count(class, other) + count(other, class)).sum()
    };
    let mut order: Vec<(usize, usize)> = (0..all).map(|class| (wrong(class), class)).collect();
    order.sort_by_key(|(wrong, class)| (std::cmp::Reverse(*wrong), *class));
    let mut shown: Vec<usize> = order.into_iter().take(MOST).map(|(_, class)| class).collect();
    shown.sort_unstable();
    shown
}

/// The whole matrix.
fn table(n: usize, count: impl Fn(usize, usize) -> usize, classes: &[String]) -> Table {
    let head = ["truth ↓ predicted →"].into_iter().chain(classes.iter().map(String::as_str));
    let mut table = Table::new(head).left(0);
    for (truth, name) in classes.iter().enumerate() {
        table.push([name.clone()].into_iter().chain((0..n).map(|guess| count(truth, guess).to_string())));
    }
    table
}

/// The mistakes that are made most.
fn most(all: usize, count: impl Fn(usize, usize) -> usize, classes: &[String]) -> Table {
    let pairs = (0..all).flat_map(|truth| (0..all).map(move |guess| (truth, guess)));
    let mut pairs: Vec<(usize, usize, usize)> = pairs
        .filter(|(truth, guess)| truth != guess && count(*truth, *guess) > 0)
        .map(|(truth, guess)| (count(truth, guess), truth, guess))
        .collect();
    pairs.sort_by_key(|(pictures, truth, guess)| (std::cmp::Reverse(*pictures), *truth, *guess));
    let mut table = Table::new(["truth", "predicted", "pictures"]).left(0).left(1);
    for (pictures, truth, guess) in pairs.into_iter().take(MOST) {
        table.push([classes[truth].clone(), classes[guess].clone(), pictures.to_string()]);
    }
    table
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
    fn of_many_classes_the_most_mistaken_are_drawn() {
        let names: Vec<String> = (0..400).map(|class| format!("class {class}")).collect();
        let mut matrix: Vec<Vec<usize>> =
            (0..400).map(|truth| (0..400).map(|guess| 9 * usize::from(truth == guess)).collect()).collect();
        for class in 0..41 {
            matrix[399 - class][class] = 1 + class;
        }
        let figure = confusion(&matrix, &names);
        assert!(figure.size().0 < 3000 && figure.size().1 < 3000, "{:?}", figure.size());
        let text = figure.text();
        assert!(
            text.lines()
                .nth(1)
                .is_some_and(|line| line.split_whitespace().eq("class 359 class 40 41".split_whitespace())),
            "{text}"
        );
        assert_eq!(text.lines().count(), 41);
        assert_eq!(shown(400, |a, b| matrix[a][b]).len(), MOST);
        assert!(!shown(400, |a, b| matrix[a][b]).contains(&0));
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

//! What is taken for what.

use super::Figure;
use super::canvas::{Align, CARD, COLORS, Canvas, FAINT, INK, PALE, QUIET, Rgb};
use super::lettering::{fit_text, text_width};
use super::lines::DENSITY;
use crate::show::Table;

/// So many classes are drawn as a square at most; more would be unreadable, and fill the memory.
const MOST: usize = 40;
/// So many mistakes are drawn of more classes.
const BARS: usize = 25;

/// A table of true classes (rows) against predicted ones (columns), darker where a row's share is larger.
///
/// `matrix[truth][prediction]` counts pictures. Rows that are too short count as zeros. Of more than 40 classes the most frequent mistakes
/// are drawn instead, with their share of the class's pictures.
pub fn confusion(matrix: &[Vec<usize>], classes: &[String]) -> Figure {
    let count = |truth: usize, guess: usize| matrix.get(truth).and_then(|row| row.get(guess)).copied().unwrap_or(0);
    match classes.len() {
        n if n > MOST => pairs(&count, classes),
        n => square(&count, n.max(1), classes),
    }
}

fn square(count: &dyn Fn(usize, usize) -> usize, n: usize, classes: &[String]) -> Figure {
    let cell = (1100.0 / n as f32).clamp(64.0, 150.0);
    let size = (cell * 0.2).clamp(22.0, 26.0);
    let names = classes.iter().map(|class| text_width(class, size)).fold(0.0, f32::max).min(300.0);
    let upright = names > cell - 8.0;
    let (left, top) = (86.0 + names, 30.0);
    let below = if upright { names + 26.0 } else { 50.0 };
    let (width, height) = (left + cell * n as f32 + 30.0, top + cell * n as f32 + below + 52.0);
    let mut canvas = Canvas::card(width as u32, height as u32);
    for row in 0..n {
        let whole = (0..n).map(|guess| count(row, guess)).sum::<usize>().max(1) as f32;
        for column in 0..n {
            let share = count(row, column) as f32 / whole;
            let (x, y) = (left + cell * column as f32, top + cell * row as f32);
            let place = [x + 1.5, y + 1.5, x + cell - 1.5, y + cell - 1.5];
            // right answers blue, wrong ones orange
            let ink: Rgb = if row == column { COLORS[0] } else { COLORS[1] };
            canvas.rect(place, FAINT, 0.6);
            canvas.rect(place, ink, share.powf(0.8));
            let middle = (x + cell / 2.0, y + cell / 2.0);
            if count(row, column) == 0 {
                // so that what is there stands out
                canvas.text("0", middle.0, middle.1 + size * 0.35, size, QUIET, Align::Center);
                continue;
            }
            let color = if share > 0.5 { CARD } else { INK };
            let words = count(row, column).to_string();
            if cell >= 90.0 {
                canvas.text(&words, middle.0, middle.1, size * 1.15, color, Align::Center);
                let percent = format!("{:.0} %", share * 100.0);
                canvas.text(&percent, middle.0, middle.1 + size * 1.1, size * 0.85, color, Align::Center);
            } else {
                let size = size * ((cell - 8.0) / text_width(&words, size)).min(1.0);
                canvas.text(&words, middle.0, middle.1 + size * 0.35, size, color, Align::Center);
            }
        }
    }
    for (place, name) in classes.iter().enumerate() {
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
    let numbers = table(n, count, classes);
    canvas.into_figure(width as u32 / DENSITY, height as u32 / DENSITY, numbers.text()).with_table(numbers)
}

/// The mistakes that are made most, as bars.
fn pairs(count: &dyn Fn(usize, usize) -> usize, classes: &[String]) -> Figure {
    let (mut all, mut right) = (0, 0);
    let mut wholes = vec![0; classes.len()];
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    for (truth, whole) in wholes.iter_mut().enumerate() {
        for guess in 0..classes.len() {
            let pictures = count(truth, guess);
            *whole += pictures;
            match truth == guess {
                true => right += pictures,
                false if pictures > 0 => found.push((pictures, truth, guess)),
                false => {}
            }
        }
        all += *whole;
    }
    found.sort_by_key(|(pictures, truth, guess)| (std::cmp::Reverse(*pictures), *truth, *guess));
    let kinds = found.len();
    found.truncate(MOST);
    let mut numbers = Table::new(["truth", "predicted", "pictures"]).left(0).left(1);
    for (pictures, truth, guess) in &found {
        numbers.push([classes[*truth].clone(), classes[*guess].clone(), pictures.to_string()]);
    }
    let (size, step, rows) = (26.0, 46.0, found.len().min(BARS));
    let (width, top) = (1280.0, 172.0);
    let height = top + step * rows as f32 + 26.0;
    let mut canvas = Canvas::card(width as u32, height as u32);
    let title = format!("{right} of {all} right, {} wrong, of {} classes", all - right, classes.len());
    canvas.text(&title, 28.0, 54.0, 30.0, INK, Align::Left);
    let words = match kinds {
        0 => "no class is taken for another".to_owned(),
        _ if kinds > rows => format!("the {rows} most frequent of {kinds} kinds of mistakes"),
        _ => "all kinds of mistakes".to_owned(),
    };
    canvas.text(&words, 28.0, 92.0, 24.0, PALE, Align::Left);
    let most = found.first().map_or(1, |(pictures, ..)| *pictures) as f32;
    let widest = |of: &dyn Fn(&(usize, usize, usize)) -> usize| {
        found.iter().take(rows).map(|pair| text_width(&classes[of(pair)], size)).fold(90.0, f32::max).min(330.0)
    };
    let (truths, guesses) = (widest(&|pair| pair.1), widest(&|pair| pair.2));
    let said = 28.0 + truths + 70.0;
    let (left, right) = (said + guesses + 30.0, width - 260.0);
    if rows > 0 {
        canvas.text("is", 28.0 + truths, top - 18.0, 24.0, PALE, Align::Right);
        canvas.text("is taken for", said, top - 18.0, 24.0, PALE, Align::Left);
        canvas.text("pictures (share of the class)", left, top - 18.0, 24.0, PALE, Align::Left);
    }
    for (row, (pictures, truth, guess)) in found.iter().take(rows).enumerate() {
        let (y, base) = (top + step * row as f32, top + step * row as f32 + 32.0);
        let name = |class: usize, room: f32| fit_text(&classes[class], size, room + 1.0);
        canvas.text(&name(*truth, truths), 28.0 + truths, base, size, INK, Align::Right);
        canvas.text("→", 28.0 + truths + 22.0, base, size, PALE, Align::Left);
        canvas.text(&name(*guess, guesses), said, base, size, INK, Align::Left);
        let end = left + (right - left) * *pictures as f32 / most;
        canvas.rect([left, y + 7.0, end, y + 39.0], COLORS[1], 1.0);
        let share = 100.0 * *pictures as f32 / wholes[*truth].max(1) as f32;
        canvas.text(&format!("{pictures} ({share:.0} %)"), end + 14.0, base, size, INK, Align::Left);
    }
    let text = format!("{title}\n{}", numbers.text());
    canvas.into_figure(width as u32 / DENSITY, height as u32 / DENSITY, text).with_table(numbers)
}

/// The whole matrix.
fn table(n: usize, count: &dyn Fn(usize, usize) -> usize, classes: &[String]) -> Table {
    let head = ["truth ↓ predicted →"].into_iter().chain(classes.iter().map(String::as_str));
    let mut table = Table::new(head).left(0);
    for (truth, name) in classes.iter().enumerate() {
        table.push([name.clone()].into_iter().chain((0..n).map(|guess| count(truth, guess).to_string())));
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
    fn of_many_classes_the_most_frequent_mistakes_are_drawn() {
        let names: Vec<String> = (0..400).map(|class| format!("class {class}")).collect();
        let mut matrix: Vec<Vec<usize>> =
            (0..400).map(|truth| (0..400).map(|guess| 9 * usize::from(truth == guess)).collect()).collect();
        for class in 0..41 {
            matrix[399 - class][class] = 1 + class;
        }
        let figure = confusion(&matrix, &names);
        assert_eq!(figure.size().0, 640);
        let text = figure.text();
        assert_eq!(text.lines().next(), Some("3600 of 4461 right, 861 wrong, of 400 classes"));
        assert!(
            text.lines()
                .nth(2)
                .is_some_and(|line| line.split_whitespace().eq("class 359 class 40 41".split_whitespace())),
            "{text}"
        );
        assert_eq!(text.lines().count(), 42);
        assert_eq!(figure.table().text().lines().count(), 41);
        // the bars are as long as their counts: the 25th has 17 of the first one's 41
        let long = |row: u32| {
            let y = 172 + 46 * row + 20;
            (0..figure.pixels().width()).filter(|x| figure.pixels().get_pixel(*x, y).0[..3] == COLORS[1]).count()
        };
        assert!((long(0) * 17).abs_diff(long(24) * 41) < 41 * 3, "{} {}", long(0), long(24));
        assert!(figure.svg().contains("25 most frequent of 41 kinds of mistakes"));
        assert!(confusion(&[], &names).svg().contains("no class is taken for another"));
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

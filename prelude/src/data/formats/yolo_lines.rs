//! One line of YOLO's text: a class's number and a box, or an outline.

use super::fault::{FaultKind, shortened};
use super::text::{self, Number};

/// What a line says; all numbers as written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LabelLine {
    /// The class's number.
    pub class: ClassWord,
    /// Centre, width and height.
    pub four: [f64; 4],
    /// How sure a network was.
    pub score: Option<f64>,
    /// The points of an outline, x and y in turn.
    pub polygon: Vec<f64>,
    /// What follows the box: key points.
    pub points: Vec<f64>,
    /// A number has a comma before its decimals.
    pub comma: bool,
}

/// How a line names its class.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ClassWord {
    /// By its number.
    Number(u64),
    /// By a number that no class has: negative or not whole.
    Odd(String),
    /// By its name.
    Name(String),
}

/// The most numbers of one line.
const MOST_NUMBERS: usize = 100_000;

/// Reads a line that is not empty; `points` says how many numbers of key points follow each box.
pub(super) fn parse(line: &str, points: Option<usize>) -> Result<LabelLine, (FaultKind, String)> {
    let shown = || format!("the line is `{}`", shortened(line.trim(), 60));
    let mut words: Vec<&str> = line.split_whitespace().take(MOST_NUMBERS + 2).collect();
    if words.len() == 1 {
        words = line.trim().split([',', ';']).map(str::trim).collect();
    }
    let Some((class, rest)) = words.split_first() else {
        return Err((FaultKind::NotParseable, shown()));
    };
    let class = match text::number(class) {
        Number::Plain(number) if number.fract() == 0.0 && (0.0..1e15).contains(&number) => {
            ClassWord::Number(number as u64)
        }
        Number::Plain(_) | Number::Comma(_) => ClassWord::Odd((*class).to_owned()),
        Number::Not => ClassWord::Name((*class).to_owned()),
    };
    let count = rest.len();
    let is_outline = count >= 6 && count.is_multiple_of(2) && points.is_none();
    let is_box = count == 4 || (count == 5 && points.is_none()) || points.is_some_and(|points| count == 4 + points);
    if count > MOST_NUMBERS || !(is_outline || is_box) {
        let expected = "expected a class's number, centre x, centre y, width and height";
        return Err((FaultKind::NotParseable, format!("{}; {expected}", shown())));
    }
    let (mut numbers, mut comma) = (Vec::with_capacity(count), false);
    for word in rest {
        match text::number(word) {
            Number::Plain(number) => numbers.push(number),
            Number::Comma(number) => {
                numbers.push(number);
                comma = true;
            }
            Number::Not => {
                return Err((FaultKind::NotANumber, format!("{}, `{}` is no number", shown(), shortened(word, 40))));
            }
        }
    }
    let mut found = LabelLine { class, four: [0.0; 4], score: None, polygon: Vec::new(), points: Vec::new(), comma };
    if is_outline {
        let [left, top, right, bottom] = around(&numbers);
        found.four = [(left + right) / 2.0, (top + bottom) / 2.0, right - left, bottom - top];
        found.polygon = numbers;
    } else {
        found.four.copy_from_slice(&numbers[..4]);
        match points {
            Some(_) => found.points = numbers.split_off(4),
            None => found.score = numbers.get(4).copied(),
        }
    }
    Ok(found)
}

/// Left, top, right and bottom of an outline.
pub(super) fn around(polygon: &[f64]) -> [f64; 4] {
    let start = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
    polygon.chunks_exact(2).fold(start, |[left, top, right, bottom], point| {
        [left.min(point[0]), top.min(point[1]), right.max(point[0]), bottom.max(point[1])]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_outlines_and_scores() {
        let line = parse("3 0.5 0.5 0.2 0.1", None).unwrap();
        assert_eq!((line.class, line.four, line.score), (ClassWord::Number(3), [0.5, 0.5, 0.2, 0.1], None));
        assert_eq!(parse("0 .5 .5 .2 .1 0.9", None).unwrap().score, Some(0.9));
        let outline = parse("1 0.1 0.2 0.3 0.2 0.3 0.6", None).unwrap();
        let four = [0.2, 0.4, 0.2, 0.4];
        assert!(outline.four.iter().zip(four).all(|(a, b)| (a - b).abs() < 1e-12) && outline.polygon.len() == 6);
        let points = parse("0 0.5 0.5 0.2 0.1 0.5 0.5 2", Some(3)).unwrap();
        assert_eq!((points.four, points.points), ([0.5, 0.5, 0.2, 0.1], vec![0.5, 0.5, 2.0]));
        assert!(parse("0 0,5 0,5 0,2 0,1", None).unwrap().comma);
        assert_eq!(parse("0,0.5,0.5,0.2,0.1", None).unwrap().four, [0.5, 0.5, 0.2, 0.1]);
        assert_eq!(parse("car 0.5 0.5 0.2 0.1", None).unwrap().class, ClassWord::Name("car".to_owned()));
        assert_eq!(parse("-1 0.5 0.5 0.2 0.1", None).unwrap().class, ClassWord::Odd("-1".to_owned()));
    }

    #[test]
    fn what_is_no_line() {
        for (text, kind) in [
            ("0 0.5 0.5", FaultKind::NotParseable),
            ("0", FaultKind::NotParseable),
            ("0 1 2 3 4 5 6 7", FaultKind::NotParseable),
            ("0 x 0.5 0.5 0.5", FaultKind::NotANumber),
            ("0 nan 0.5 0.5 0.5", FaultKind::NotANumber),
            ("0 0.5 0.5 0.2 0.1 0.5", FaultKind::NotParseable),
        ] {
            let points = if text.ends_with("0.1 0.5") { Some(3) } else { None };
            assert_eq!(parse(text, points).unwrap_err().0, kind, "{text}");
        }
    }
}

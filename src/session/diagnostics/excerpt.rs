//! The user's lines with marks under them.

use super::{BLUE, PLAIN, RED};
use std::collections::BTreeMap;

/// One mark under the user's code: 1-based line and columns (characters, the end exclusive).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub line: usize,
    pub from: usize,
    pub to: usize,
    pub label: String,
    pub primary: bool,
}

/// A mark under a part of a cell.
pub fn mark(code: &str, range: std::ops::Range<usize>) -> Mark {
    let (line, from) = super::program::line_and_column(code, range.start);
    let to = from + code[range].chars().count();
    Mark { line, from, to, label: String::new(), primary: true }
}

/// The lines that have marks, with carets and labels under them.
pub fn excerpt(code: &str, marks: &[Mark]) -> Vec<String> {
    let lines: Vec<&str> = code.lines().collect();
    let mut by_line: BTreeMap<usize, Vec<&Mark>> = BTreeMap::new();
    for mark in marks {
        if (1..=lines.len()).contains(&mark.line) {
            by_line.entry(mark.line).or_default().push(mark);
        }
    }
    let Some(last) = by_line.keys().next_back() else { return Vec::new() };
    let width = last.to_string().len();
    let gutter = |number: &str| format!("{BLUE}{number:>width$} |{PLAIN}");
    let mut text = vec![gutter("")];
    for (number, mut marks) in by_line {
        let line = lines[number - 1];
        text.push(format!("{} {line}", gutter(&number.to_string())));
        // Rightmost first, so that each label has its own line below its carets.
        marks.sort_by_key(|mark| (std::cmp::Reverse(mark.from), !mark.primary));
        marks.dedup_by(|a, b| a.from == b.from && a.to == b.to && a.label == b.label);
        for mark in marks {
            let length = line.chars().count();
            let from = mark.from.clamp(1, length + 1);
            let to = mark.to.clamp(from + 1, (length + 1).max(from + 1));
            let (sign, colour) = if mark.primary { ("^", RED) } else { ("-", BLUE) };
            let pad: String = line.chars().take(from - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            let carets = sign.repeat(to - from);
            let underline = format!("{carets} {}", mark.label.replace('\n', " "));
            text.push(format!("{} {pad}{colour}{}{PLAIN}", gutter(""), underline.trim_end()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::bare;
    use super::*;

    #[test]
    fn carets_stand_under_the_users_own_characters() {
        let mark = |line, from, to, label: &str, primary| Mark { line, from, to, label: label.into(), primary };
        let code = "let a = 1;\nlet é: i32 = \"a\";\n";
        let marks = [mark(2, 14, 17, "expected `i32`", true), mark(2, 8, 11, "due to this", false)];
        let expected = "  |\n2 | let é: i32 = \"a\";\n  |              ^^^ expected `i32`\n  |        --- due to this";
        assert_eq!(bare(&excerpt(code, &marks)), expected);
    }

    #[test]
    fn a_span_over_several_lines_or_past_the_end_stays_in_its_line() {
        let mark = Mark { line: 1, from: 3, to: usize::MAX, label: String::new(), primary: true };
        assert_eq!(bare(&excerpt("abcd\nef", &[mark])), "  |\n1 | abcd\n  |   ^^");
        let beyond = Mark { line: 1, from: 9, to: 9, label: String::new(), primary: true };
        assert_eq!(bare(&excerpt("ab", &[beyond])), "  |\n1 | ab\n  |   ^");
    }
}

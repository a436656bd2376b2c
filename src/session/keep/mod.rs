//! What a cell that ends early has bound by then.
//!
//! Where a cell is left, its variables would be dropped. So the program that is compiled puts those that it has bound by then
//! into the store first, and tells the session which these are:
//!
//! - `stops`: where an interrupted loop leaves the cell;
//! - `tries`: where a `?` meets an error, or something panics or is interrupted;
//! - `bound`: what is bound at a place, and may be put into the store there.

mod bound;
mod stops;
mod tries;

pub use bound::restoring;
pub use stops::{GOES_ON, STOPPED};

use serde_json::Value;
use std::borrow::Cow;
use std::ops::Range;
use tries::Care;

/// The programs that keep what a cell has bound where it ends early, the most careful one first, each made when it is asked
/// for; none where the cell has nothing to keep. They may have errors of their own: where something is lent until after the
/// place where it would be put into the store.
pub fn careful(program: &str) -> impl Iterator<Item = String> {
    let at_stops = stops::at_stops(program);
    let mut last = program.to_owned();
    [Care::Closures, Care::Matches, Care::Returns].into_iter().filter_map(move |care| {
        let kept = tries::at_errors(&at_stops, care);
        let is_another = kept != last;
        last.clone_from(&kept);
        is_another.then_some(kept)
    })
}

/// Around what stands in the program instead of something else; that something stands behind it.
const PIECE: (&str, &str, &str) = ("/*[*/", "/*|", "]*/");

/// New text in the place of `old`. It has no line breaks, so that lines stay where they are.
fn piece(new: &str, old: &str) -> String {
    let (start, middle, end) = PIECE;
    format!("{start}{new}{middle}{old}{end}")
}

/// A part of a line, in characters from 1, that is another one as the cell's own code has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    line: usize,
    columns: Range<usize>,
    length: usize,
}

/// The program as it was before, and what of its lines was otherwise.
pub fn without(program: &str) -> (Cow<'_, str>, Vec<Shift>) {
    let (before, middle, after) = PIECE;
    if !program.contains(before) {
        return (Cow::Borrowed(program), Vec::new());
    }
    let (mut lines, mut shifts) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(program.split('\n')) {
        let mut text = String::new();
        let mut rest = line;
        while let Some((start, old, end)) = rest.find(before).and_then(|start| {
            let old = start + rest[start..].find(middle)? + middle.len();
            Some((start, old, old + rest[old..].find(after)?))
        }) {
            let old = &rest[old..end];
            let from = line[..line.len() - rest.len() + start].chars().count() + 1;
            let to = from + rest[start..end + after.len()].chars().count();
            shifts.push(Shift { line: number, columns: from..to, length: old.chars().count() });
            text.push_str(&rest[..start]);
            text.push_str(old);
            rest = &rest[end + after.len()..];
        }
        text.push_str(rest);
        lines.push(text);
    }
    (Cow::Owned(lines.join("\n")), shifts)
}

/// The column that this one was in the program before.
pub fn unshifted(shifts: &[Shift], line: usize, column: usize) -> usize {
    let mut back = 0;
    for shift in shifts.iter().filter(|shift| shift.line == line) {
        if column >= shift.columns.end {
            back += shift.columns.len() - shift.length;
        } else if column > shift.columns.start {
            return shift.columns.start - back;
        }
    }
    column - back
}

/// Errors in the user's code that it would have without pieces too.
const OF_USERS: [&str; 16] = [
    "E0061", "E0277", "E0308", "E0369", "E0405", "E0412", "E0422", "E0423", "E0424", "E0425", "E0432", "E0433",
    "E0560", "E0599", "E0609", "E0614",
];

/// Whether the compiler's errors may be there because of what was put into the program.
pub fn blames_pieces(program: &str, errors: &[Value]) -> bool {
    let is_users = |error: &Value| {
        let code = &error["code"]["code"];
        code.is_null() || code.as_str().is_some_and(|code| OF_USERS.contains(&code))
    };
    !errors.iter().all(is_users) || touches_pieces(program, errors)
}

fn touches_pieces(program: &str, errors: &[Value]) -> bool {
    let (_, shifts) = without(program);
    let number = |span: &Value, key: &str| span[key].as_u64().unwrap_or_default() as usize;
    let is_in_piece = |span: &Value| {
        if span["file_name"] != "src/lib.rs" {
            return false;
        }
        let (from, to) = (number(span, "line_start"), number(span, "line_end"));
        let (start, end) = (number(span, "column_start"), number(span, "column_end"));
        shifts.iter().any(|shift| {
            (shift.line == from && shift.columns.contains(&start))
                || (shift.line == to && shift.columns.contains(&end.saturating_sub(1)))
        })
    };
    fn spans(message: &Value) -> Vec<&Value> {
        let list = |key: &str| message[key].as_array().into_iter().flatten();
        list("spans").chain(list("children").flat_map(spans)).collect()
    }
    errors.iter().flat_map(spans).any(is_in_piece)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pieces_can_be_taken_out_and_columns_are_found_again() {
        let program = format!("a\nf(é); {} g(é) {} h(); end\nb", piece("what follows, é", "one();"), piece("(", ""));
        let (back, shifts) = without(&program);
        assert_eq!(back, "a\nf(é); one(); g(é)  h(); end\nb");
        let column = |text: &str, what: &str| {
            let line = text.lines().nth(1).unwrap();
            line[..line.find(what).unwrap()].chars().count() + 1
        };
        for what in ["f(", "g(", "h()", "end"] {
            assert_eq!(unshifted(&shifts, 2, column(&program, what)), column(&back, what), "{what}");
        }
        assert_eq!(unshifted(&shifts, 2, column(&program, "follows")), column(&back, "one"));
        assert_eq!(unshifted(&shifts, 9, 70), 70);
        assert_eq!(without("fn run() {}"), (Cow::Borrowed("fn run() {}"), Vec::new()));
    }

    #[test]
    fn errors_about_pieces_are_told_from_others() {
        let program = format!("x\nlet a = {}f();", piece("match (", ""));
        let at = |line: u64, start: u64, end: u64| {
            let span = json!({"file_name": "src/lib.rs", "line_start": line, "line_end": line, "column_start": start, "column_end": end});
            json!({"spans": [], "children": [{"spans": [span], "children": []}]})
        };
        let code = program.lines().nth(1).unwrap().find("f()").unwrap() as u64 + 1;
        assert!(!blames_pieces(&program, &[at(2, code, code + 3), at(1, 10, 12)]));
        let mut borrowed = at(2, code, code + 3);
        borrowed["code"]["code"] = "E0505".into();
        assert!(blames_pieces(&program, &[borrowed]));
        assert!(blames_pieces(&program, &[at(2, 10, code + 3)]), "from a piece on");
        assert!(blames_pieces(&program, &[at(2, 5, 12)]), "up to a piece");
        assert!(!blames_pieces("x", &[at(1, 1, 2)]));
    }
}

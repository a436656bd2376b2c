//! Where the parts of the user's cells stand in the program that evcxr made of them.

use crate::session::keep::{self, Shift};
use crate::session::memory::Told;
use std::borrow::Cow;
use std::ops::Range;

/// A place in one of the user's cells.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The cell.
    pub told: &'a Told,
    /// Its line, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
}

/// A program of evcxr's and the cells whose code is in it.
pub struct Program<'a> {
    /// As it was when the cells' parts were put into it.
    text: Cow<'a, str>,
    /// Where the compiled one is otherwise.
    shifts: Vec<Shift>,
    cells: Vec<&'a Told>,
    /// Which part of the text is which part of a cell's.
    pieces: Vec<(Range<usize>, &'a Told, usize)>,
}

impl<'a> Program<'a> {
    /// Finds the cells' parts in `text`. The cell that was run comes first; of older ones only items are there.
    pub fn new(text: &'a str, cell: &'a Told, older: &'a [Told]) -> Program<'a> {
        let older = older.iter().rev().filter(|older| older.number != cell.number);
        let cells: Vec<&Told> = [cell].into_iter().chain(older).collect();
        let (text, shifts) = keep::without(text);
        let mut program = Program { text, shifts, cells: cells.clone(), pieces: Vec::new() };
        for told in cells {
            // Statements come in the order in which they were written, items in any.
            let mut from = 0;
            for part in &told.parts {
                if !part.is_item && !std::ptr::eq(told, cell) {
                    continue;
                }
                let own = &told.edited.text[part.range.clone()];
                if let Some(range) = program.find(own, if part.is_item { 0 } else { from }) {
                    if !part.is_item {
                        from = range.end;
                    }
                    program.pieces.push((range, told, part.range.start));
                }
            }
        }
        program
    }

    /// Where this text stands at the beginning of a line, and is not another part already.
    fn find(&self, own: &str, from: usize) -> Option<Range<usize>> {
        if own.trim().is_empty() {
            return None;
        }
        self.text[from..].match_indices(own).map(|(at, _)| from + at..from + at + own.len()).find(|range| {
            let begins = range.start == 0 || self.text[..range.start].ends_with('\n');
            let ends = own.ends_with('\n') || self.text[range.end..].starts_with('\n');
            begins && ends && self.pieces.iter().all(|(other, ..)| other.end <= range.start || range.end <= other.start)
        })
    }

    /// The place in a cell that became this line and column, both from 1, of the program.
    pub fn place(&self, line: usize, column: usize) -> Option<Place<'a>> {
        let offset = offset(&self.text, line, keep::unshifted(&self.shifts, line, column))?;
        let holds = |range: &Range<usize>| range.start <= offset && offset <= range.end;
        // At a border the part that begins wins.
        let piece = self.pieces.iter().filter(|(range, ..)| holds(range)).max_by_key(|(range, ..)| range.start)?;
        let (range, told, from) = piece;
        let original = told.edited.original(from + offset - range.start);
        let (line, column) = line_and_column(&told.code, original);
        Some(Place { told, line, column })
    }

    /// The place of what evcxr took apart: the words of a `use`, which stand in lines of their own.
    pub fn place_of_import(&self, line: usize, columns: Range<usize>) -> Option<Place<'a>> {
        let text = self.text.lines().nth(line.checked_sub(1)?)?;
        text.trim_start().starts_with("use ").then_some(())?;
        let span: String = text.chars().skip(columns.start.saturating_sub(1)).take(columns.len()).collect();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let word = span.rsplit(|c| !is_word(c)).find(|word| !word.is_empty())?;
        for told in &self.cells {
            for part in told.parts.iter().filter(|part| part.is_item) {
                let own = &told.edited.text[part.range.clone()];
                if !own.trim_start().trim_start_matches("pub ").starts_with("use ") {
                    continue;
                }
                let whole = |at: usize| !own[..at].ends_with(is_word) && !own[at + word.len()..].starts_with(is_word);
                if let Some((at, _)) = own.match_indices(word).find(|(at, _)| whole(*at)) {
                    let original = told.edited.original(part.range.start + at);
                    let (line, column) = line_and_column(&told.code, original);
                    return Some(Place { told, line, column });
                }
            }
        }
        None
    }

    /// A line of the program.
    pub fn line(&self, line: usize) -> &str {
        line.checked_sub(1).and_then(|line| self.text.lines().nth(line)).unwrap_or_default()
    }
}

/// The byte at a line and column, both from 1.
pub fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let rest = text.get(start..)?;
    let within = rest.char_indices().nth(column.checked_sub(1)?).map_or(rest.len(), |(at, _)| at);
    Some(start + within)
}

/// The line and column, both from 1, of a byte.
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::prepare::{Held, prepare};

    pub fn told(number: u64, code: &str) -> Told {
        let prepared = prepare(code, &Held::default(), &[]).unwrap();
        Told { number, code: code.to_owned(), edited: prepared.edited, parts: prepared.parts }
    }

    #[test]
    fn lines_of_the_program_are_lines_of_cells() {
        let older =
            [told(3, "// how\nfn old() {\n    1 / 0;\n}"), told(4, "let x = 1; struct A;\nimpl A { fn f() { é(); } }")];
        let cell = told(7, "let v = 1; fn own() {}\nv;\n  v;\nv.len()");
        let item = |cell: &Told, index: usize| cell.edited.text[cell.parts[index].range.clone()].to_owned();
        let mut text = String::from("#![allow(x)]\n");
        for line in [
            item(&older[1], 1),
            item(&older[1], 2),
            item(&older[1], 3),
            item(&cell, 1),
            item(&older[0], 0),
            "fn run() {".to_owned(),
            item(&cell, 0),
            item(&cell, 2),
            item(&cell, 3),
            item(&cell, 4),
            "}".to_owned(),
        ] {
            text += line.trim_end_matches('\n');
            text += "\n";
        }
        let program = Program::new(&text, &cell, &older);
        let place = |what: &str, nth: usize| {
            let at = text.match_indices(what).nth(nth).unwrap().0;
            let (line, column) = line_and_column(&text, at);
            program.place(line, column).map(|place| (place.told.number, place.line, place.column))
        };
        assert_eq!(place("1 / 0", 0), Some((3, 3, 5)));
        assert_eq!(place("é()", 0), Some((4, 2, 19)));
        assert_eq!(place("fn own", 0), Some((7, 1, 12)));
        assert_eq!(place("v;", 0), Some((7, 2, 1)));
        assert_eq!(place("v;", 1), Some((7, 3, 3)));
        assert_eq!(place("v.len", 0), Some((7, 4, 1)));
        assert_eq!(place(").cell_value", 0), Some((7, 4, 8)));
        assert_eq!(place("fn run", 0), None);
    }

    #[test]
    fn imports_are_found_by_their_words() {
        let cell = told(1, "let x = 1;\nuse std::{fmt, io::{self, Reed}};");
        let program = Program::new("use std::fmt as fmt;\nuse std::io::Reed as Reed;\n", &cell, &[]);
        let place = program.place_of_import(2, 14..18).unwrap();
        assert_eq!((place.line, place.column), (2, 27));
        assert!(program.place_of_import(9, 1..2).is_none());
    }

    #[test]
    fn offsets_are_characters_in_lines() {
        let text = "aé\nbc\n";
        for (at, expected) in [(0, (1, 1)), (1, (1, 2)), (3, (1, 3)), (4, (2, 1)), (7, (3, 1))] {
            assert_eq!(line_and_column(text, at), expected);
            assert_eq!(offset(text, expected.0, expected.1), Some(at));
        }
    }
}

//! Takes a script or piped input apart into cells.

use crate::session::{Completeness, completeness};

/// Collects lines until they make a cell.
#[derive(Debug, Default)]
pub struct Cells {
    lines: String,
}

impl Cells {
    /// Takes the next line; returns the cell that was complete before it, if there was one.
    ///
    /// A cell is complete when it parses and the line does not go on with it, as `else`, a method of a
    /// chain or an operator do.
    pub fn push(&mut self, line: &str) -> Option<String> {
        let lines = self.lines.strip_suffix('\n').unwrap_or(&self.lines);
        let complete = !lines.trim().is_empty()
            && !goes_on(line)
            && (is_command(lines) || completeness(lines) == Completeness::Complete);
        let cell = if complete { self.take() } else { None };
        self.lines.push_str(line);
        self.lines.push('\n');
        cell
    }

    /// The last cell, at the end of the input; it may be incomplete.
    pub fn take(&mut self) -> Option<String> {
        let cell = std::mem::take(&mut self.lines);
        let cell = cell.trim_end();
        (!cell.trim().is_empty()).then(|| cell.to_owned())
    }
}

/// The cells of a script: the parts between `// %%` lines where there are any, otherwise paragraphs.
pub fn cells(script: &str) -> Vec<String> {
    let script = match script.strip_prefix("#!") {
        // The first line of an executable script; an inner attribute (`#![…]`) is Rust.
        Some(rest) if !rest.starts_with('[') => rest.split_once('\n').map_or("", |(_, rest)| rest),
        _ => script,
    };
    let is_mark = |line: &str| line.trim_start().starts_with("// %%");
    let marked = script.lines().any(is_mark);
    let mut cells = Vec::new();
    let mut cell = String::new();
    for line in script.lines() {
        let ends = if marked {
            is_mark(line)
        } else {
            line.trim().is_empty() && !matches!(completeness(&cell), Completeness::Incomplete { .. })
        };
        if ends {
            cells.push(std::mem::take(&mut cell));
        } else {
            cell.push_str(line);
            cell.push('\n');
        }
    }
    cells.push(cell);
    let cells = cells.iter().map(|cell| cell.trim_end().to_owned());
    cells.filter(|cell| !cell.trim().is_empty()).collect()
}

fn is_command(lines: &str) -> bool {
    (lines.starts_with(':') || asks(lines)) && lines.trim_end().lines().count() == 1
}

/// Whether a line asks what a name is: `?Learner`.
fn asks(line: &str) -> bool {
    let item = line.trim_start().trim_start_matches('?');
    line.trim_start().starts_with('?') && item.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Whether a line can only be the rest of what stands before it.
fn goes_on(line: &str) -> bool {
    let line = line.trim_start();
    let begins =
        [".", "?", "else", "&&", "||", "+ ", "- ", "* ", "/ ", "==", "!=", "<", ">", "=", ")", "]", "}", ",", ";"];
    begins.iter().any(|start| line.starts_with(start)) && !line.starts_with("..") && !asks(line)
}

//! Turns what ended a cell into one [`CellError`]: the message, the user's code with carets, the remedy.

mod broken;
mod colours;
mod excerpt;
mod habits;
pub mod program;
mod report;
mod rustc;
mod spans;
mod special;
mod unheeded;
mod unkept;
mod verbs;
pub mod words;

use super::memory::Told;
use super::{CellError, Why};
pub use broken::broken;
pub use colours::for_notebooks;
use excerpt::{Mark, excerpt};
use program::Program;
pub use report::Story;
pub use rustc::compilation;
pub use unheeded::{unheeded, wrapped};
pub use unkept::{borrowed, is_of_keeping, refused as unkept};

pub(super) const RED: &str = "\u{1b}[1;31m";
const BLUE: &str = "\u{1b}[1;34m";
pub(super) const BOLD: &str = "\u{1b}[1m";
pub(super) const PLAIN: &str = "\u{1b}[0m";

/// The error of a cell that evcxr refused, by its own commands for the most part.
pub fn refused(errors: &[evcxr::CompilationError], told: &Told) -> CellError {
    let mut traceback = Vec::new();
    let mut name = "CompileError".to_owned();
    let mut value = String::new();
    for (index, error) in errors.iter().enumerate() {
        let message = words::plain(&error.message());
        let title = match error.code() {
            Some(number) => format!("error[{number}]"),
            None => "error".to_owned(),
        };
        if index == 0 {
            name = error.code().unwrap_or("CompileError").to_owned();
            value.clone_from(&message);
        } else {
            traceback.push(String::new());
        }
        traceback.push(format!("{RED}{title}{PLAIN}{BOLD}: {message}{PLAIN}"));
        let marks: Vec<Mark> = error
            .spanned_messages()
            .iter()
            .filter_map(|message| {
                let span = message.span?;
                let text = &told.edited.text;
                let place = |line, column| {
                    let offset = told.edited.original(program::offset(text, line, column)?);
                    Some(program::line_and_column(&told.code, offset))
                };
                let (line, from) = place(span.start_line, span.start_column)?;
                let (last, to) = place(span.end_line, span.end_column)?;
                let to = if last == line { to } else { usize::MAX };
                let label = words::label(&message.label, &error.message());
                Some(Mark { line, from, to, label, primary: message.is_primary })
            })
            .collect();
        traceback.extend(excerpt(&told.code, &marks));
    }
    CellError { why: Why::Compile, name, value, traceback }
}

/// What became of the variables that a failed cell binds.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// They are not there.
    pub lost: Vec<String>,
    /// They are what they were before the cell.
    pub restored: Vec<String>,
    /// They were bound before the cell ended, and are there.
    pub bound: Vec<String>,
    /// They are earlier cells' and are gone: the cell had moved them.
    pub moved: Vec<String>,
    /// Those of `lost` of which an earlier cell made an older one, which this cell has used up; with that cell's number.
    pub used: Vec<(String, u64)>,
}

/// The error of a cell that panicked. `program` is the one that evcxr made of the cell.
pub fn panic(
    message: &str,
    location: Option<&(String, u32, u32)>,
    program: &Program<'_>,
    told: &Told,
    kept: &Kept,
) -> CellError {
    let value = if message.is_empty() { "the cell panicked".to_owned() } else { message.to_owned() };
    let mut traceback = vec![format!("{RED}panic{PLAIN}{BOLD}: {value}{PLAIN}")];
    traceback.extend(location.into_iter().flat_map(|location| place(location, program, told)));
    traceback.push(kept_text(kept));
    CellError { why: Why::Panic, name: "Panic".to_owned(), value, traceback }
}

/// The error of a `?` at a cell's top level.
pub fn question_mark(
    text: &str,
    location: Option<&(String, u32, u32)>,
    program: &Program<'_>,
    told: &Told,
    kept: &Kept,
) -> CellError {
    let value = match text.trim() {
        "" => "a `?` met an error".to_owned(),
        text => text.to_owned(),
    };
    let mut traceback = vec![format!("{RED}error{PLAIN}{BOLD}: {value}{PLAIN}")];
    traceback.extend(location.into_iter().flat_map(|location| place(location, program, told)));
    traceback.push(kept_text(kept));
    CellError { why: Why::Error, name: "Error".to_owned(), value, traceback }
}

/// The lines that show a place in the running program: in this cell, in an older one, or elsewhere.
fn place((file, line, column): &(String, u32, u32), program: &Program<'_>, told: &Told) -> Vec<String> {
    let is_program = file.ends_with("src/lib.rs") && !file.starts_with('/');
    match program.place(*line as usize, *column as usize).filter(|_| is_program) {
        Some(place) => {
            let (line, from) = (place.line, place.column);
            let mark = Mark { line, from, to: from + 1, label: String::new(), primary: true };
            let mut lines = Vec::new();
            if place.told.number != told.number {
                lines.push(format!("{BLUE}-->{PLAIN} cell {}, line {line}", place.told.number));
            }
            lines.extend(excerpt(&place.told.code, &[mark]));
            lines
        }
        None if is_program => Vec::new(),
        None => {
            let file = file
                .split_once("/registry/src/")
                .map_or(file.as_str(), |(_, file)| file.split_once('/').map_or(file, |(_, file)| file));
            vec![format!("  {BLUE}-->{PLAIN} {file}:{line}:{column}")]
        }
    }
}

/// What became of the variables of a cell that ended early.
fn kept_text(kept: &Kept) -> String {
    let verb = |names: &[String], one: &'static str, more: &'static str| if names.len() == 1 { one } else { more };
    let own: Vec<String> =
        kept.lost.iter().filter(|name| !kept.used.iter().any(|(used, _)| used == *name)).cloned().collect();
    let not_kept =
        words::list(&own).map(|names| format!("{names} of this cell {} not kept", verb(&own, "was", "were")));
    let moved = words::list(&kept.moved)
        .map(|names| format!("{names} of an earlier cell {} moved before that", verb(&kept.moved, "was", "were")));
    let gone: Vec<String> = not_kept.into_iter().chain(moved).collect();
    let gone = gone.join(", and ");
    let lost = match (gone.is_empty(), words::list(&kept.bound)) {
        (true, None) => String::new(),
        (true, Some(bound)) => format!("{bound} of this cell {} kept.", verb(&kept.bound, "is", "are")),
        (false, Some(bound)) if kept.moved.is_empty() => {
            format!("{gone}; {bound} {}, and so are variables of other cells.", verb(&kept.bound, "is", "are"))
        }
        (false, None) if kept.moved.is_empty() => format!("{gone}; variables of other cells are."),
        (false, _) => format!("{gone}; all others are kept."),
    };
    let restored = match words::list(&kept.restored) {
        None => String::new(),
        Some(names) if kept.restored.len() == 1 => format!("{names} is still what it was before this cell."),
        Some(names) => format!("{names} are still what they were before this cell."),
    };
    let lost = kept.used.iter().fold(lost, |lost, (name, cell)| {
        let between = if lost.is_empty() { "" } else { "\n" };
        format!("{lost}{between}`{name}` of cell {cell} is gone, since this cell took it to bind it anew: run cell {cell} again, then this one.")
    });
    match (lost.as_str(), restored.as_str()) {
        ("", "") => "Variables that the cell did not take are kept.".to_owned(),
        (only, "") | ("", only) => only.to_owned(),
        (lost, restored) => format!("{lost}\n{restored}"),
    }
}

/// Any other error, as evcxr words it.
pub fn other(text: &str) -> CellError {
    let value = text.trim().to_owned();
    let traceback = vec![format!("{RED}error{PLAIN}{BOLD}: {value}{PLAIN}")];
    CellError { why: Why::Compile, name: "Error".to_owned(), value, traceback }
}

/// The session itself cannot work.
pub fn session(text: impl Into<String>) -> CellError {
    let value = text.into();
    let traceback = vec![format!("{RED}session{PLAIN}{BOLD}: {value}{PLAIN}")];
    CellError { why: Why::Session, name: "SessionError".to_owned(), value, traceback }
}

/// The lines without colours.
#[cfg(test)]
fn bare(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    for colour in [RED, BLUE, BOLD, PLAIN] {
        text = text.replace(colour, "");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_in_this_cell_or_in_an_older_one_or_elsewhere() {
        let told = |number, code: &str| {
            let prepared = crate::session::prepare::prepare(code, &Default::default(), &[]).unwrap();
            Told { number, code: code.to_owned(), edited: prepared.edited, parts: prepared.parts }
        };
        let (older, cell) = ([told(4, "// why\nfn old() { v[3] }")], told(6, "let v = vec![1];\n  v[3];"));
        let text = "fn old() { v[3] }\nfn run() {\nlet v = vec![1];\n  \nv[3];\n}";
        let program = Program::new(text, &cell, &older);
        let at = |line, column| ("src/lib.rs".to_owned(), line, column);
        let shown = |location| bare(&panic("no", Some(&location), &program, &cell, &Kept::default()).traceback);
        assert!(shown(at(5, 1)).contains("2 |   v[3];\n  |   ^\n"), "{}", shown(at(5, 1)));
        assert!(shown(at(1, 12)).contains("--> cell 4, line 2\n  |\n2 | fn old() { v[3] }"), "{}", shown(at(1, 12)));
        assert_eq!(shown(at(2, 1)), "panic: no\nVariables that the cell did not take are kept.");
        let crates = ("/home/x/.cargo/registry/src/index-1/candle-core-0.9/src/a.rs".to_owned(), 7, 1);
        assert!(shown(crates).contains("--> candle-core-0.9/src/a.rs:7:1"));
        let kept = Kept {
            lost: vec!["data".to_owned(), "net".to_owned()],
            restored: vec!["old".to_owned()],
            ..Kept::default()
        };
        let error = question_mark("gone", None, &program, &cell, &kept);
        assert!(bare(&error.traceback).ends_with("are.\n`old` is still what it was before this cell."));
        assert!(bare(&error.traceback).contains("`data` and `net` of this cell were not kept; variables of other"));
        let kept = Kept { lost: vec!["after".to_owned()], bound: vec!["data".to_owned()], ..Kept::default() };
        let says = bare(&question_mark("gone", None, &program, &cell, &kept).traceback);
        assert!(says.ends_with("`after` of this cell was not kept; `data` is, and so are variables of other cells."));
        let kept = Kept { moved: vec!["gone".to_owned()], ..kept };
        let says = bare(&question_mark("gone", None, &program, &cell, &kept).traceback);
        assert!(
            says.ends_with("not kept, and `gone` of an earlier cell was moved before that; all others are kept."),
            "{says}"
        );
    }
}

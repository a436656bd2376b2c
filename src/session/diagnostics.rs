//! Turns what ended a cell into one [`CellError`]: the message, the user's code with carets, the remedy.

use super::{CellError, Why};
use std::collections::BTreeMap;

pub(super) const RED: &str = "\u{1b}[1;31m";
const BLUE: &str = "\u{1b}[1;34m";
pub(super) const BOLD: &str = "\u{1b}[1m";
pub(super) const PLAIN: &str = "\u{1b}[0m";

/// One mark under the user's code: 1-based line and columns (characters, the end exclusive).
#[derive(Clone, Debug)]
struct Mark {
    line: usize,
    from: usize,
    to: usize,
    label: String,
    primary: bool,
}

/// The error of a cell that did not compile.
pub fn compilation(errors: &[evcxr::CompilationError], code: &str) -> CellError {
    let mut traceback = Vec::new();
    let mut name = "CompileError".to_owned();
    let mut value = String::new();
    for (index, error) in errors.iter().enumerate() {
        let message = error.message();
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
                Some(Mark {
                    line: span.start_line,
                    from: span.start_column,
                    to: if span.end_line == span.start_line { span.end_column } else { usize::MAX },
                    label: label(&message.label, &error.message()),
                    primary: message.is_primary,
                })
            })
            .collect();
        traceback.extend(excerpt(code, &marks));
        for help in error.help().iter().filter(|help| !help.trim().is_empty()) {
            traceback.push(format!("{BOLD}help{PLAIN}: {}", advice(help)));
        }
        if let Some(hint) = error.evcxr_extra_hint() {
            traceback.push(format!("{BOLD}note{PLAIN}: {hint}"));
        }
    }
    CellError { why: Why::Compile, name, value, traceback }
}

/// A label without what the title says already, and without evcxr's own names.
fn label(text: &str, title: &str) -> String {
    let text = text.replace("`evcxr_variable_store`", "<end of input>");
    if text.strip_prefix("error: ") == Some(title) { String::new() } else { text }
}

/// The compiler's advice; evcxr puts the code to be written two lines below it.
fn advice(help: &str) -> String {
    match help.split_once("\n\n") {
        Some((text, code)) if text.contains(&format!("`{}`", code.trim())) || code.trim().is_empty() => text.to_owned(),
        Some((text, code)) if !code.trim().contains('\n') => format!("{text}: `{}`", code.trim()),
        _ => help.to_owned(),
    }
}

/// The user's lines with carets under them.
fn excerpt(code: &str, marks: &[Mark]) -> Vec<String> {
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
            let underline = format!("{carets} {}", mark.label);
            text.push(format!("{} {pad}{colour}{}{PLAIN}", gutter(""), underline.trim_end()));
        }
    }
    text
}

/// The error of a cell that panicked. `source` is the program that evcxr made of the cell.
pub fn panic(message: &str, location: Option<&(String, u32, u32)>, source: &str, code: &str) -> CellError {
    let value = if message.is_empty() { "the cell panicked".to_owned() } else { message.to_owned() };
    let mut traceback = vec![format!("{RED}panic{PLAIN}{BOLD}: {value}{PLAIN}")];
    if let Some((file, line, column)) = location {
        match place_in_cell(file, *line, source, code) {
            Some(number) => {
                let mark = Mark {
                    line: number,
                    from: *column as usize,
                    to: *column as usize + 1,
                    label: String::new(),
                    primary: true,
                };
                traceback.extend(excerpt(code, &[mark]));
            }
            None => traceback.push(format!("  {BLUE}-->{PLAIN} {file}:{line}:{column}")),
        }
    }
    traceback.push("Variables that the cell did not take are kept.".to_owned());
    CellError { why: Why::Panic, name: "Panic".to_owned(), value, traceback }
}

/// The cell's line (1-based) that stands at `line` of the generated program.
fn place_in_cell(file: &str, line: u32, source: &str, code: &str) -> Option<usize> {
    if !file.ends_with("src/lib.rs") {
        return None;
    }
    let generated: Vec<&str> = source.lines().collect();
    let wanted = *generated.get(line as usize - 1)?;
    let lines: Vec<&str> = code.lines().collect();
    let matches: Vec<usize> = (0..lines.len()).filter(|&index| lines[index].trim() == wanted.trim()).collect();
    match matches.as_slice() {
        [] => lines.iter().position(|own| !own.trim().is_empty() && wanted.contains(own.trim())).map(|index| index + 1),
        [one] => Some(one + 1),
        many => {
            // The same line several times: count how many stood before it in the program.
            let first = generated.iter().position(|own| own.trim() == wanted.trim())?;
            let before = generated[first..line as usize - 1].iter().filter(|own| own.trim() == wanted.trim()).count();
            Some(many[before.min(many.len() - 1)] + 1)
        }
    }
}

/// The error of a `?` at a cell's top level.
pub fn question_mark(text: &str) -> CellError {
    let value = match text.trim() {
        "" => "a `?` met an error".to_owned(),
        text => text.to_owned(),
    };
    let traceback = vec![format!("{RED}error{PLAIN}{BOLD}: {value}{PLAIN}")];
    CellError { why: Why::Error, name: "Error".to_owned(), value, traceback }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(lines: &[String]) -> String {
        let mut text = lines.join("\n");
        for colour in [RED, BLUE, BOLD, PLAIN] {
            text = text.replace(colour, "");
        }
        text
    }

    #[test]
    fn carets_stand_under_the_users_own_characters() {
        let mark = |line, from, to, label: &str, primary| Mark { line, from, to, label: label.into(), primary };
        let code = "let a = 1;\nlet é: i32 = \"a\";\n";
        let marks = [mark(2, 14, 17, "expected `i32`", true), mark(2, 8, 11, "due to this", false)];
        let expected = "  |\n2 | let é: i32 = \"a\";\n  |              ^^^ expected `i32`\n  |        --- due to this";
        assert_eq!(bare(&excerpt(code, &marks)), expected);
    }

    #[test]
    fn labels_and_advice_say_nothing_twice() {
        assert_eq!(label("error: expected `;`, found <end of input>", "expected `;`, found <end of input>"), "");
        let title = "expected `;`, found <end of input>";
        assert_eq!(label("error: expected `;`, found `evcxr_variable_store`", title), "");
        assert_eq!(label("not found in this scope", "cannot find value `x`"), "not found in this scope");
        assert_eq!(advice("add `;` here\n\n;"), "add `;` here");
        assert_eq!(advice("consider borrowing here\n\n&"), "consider borrowing here: `&`");
        assert_eq!(advice("a plain one"), "a plain one");
    }

    #[test]
    fn a_span_over_several_lines_or_past_the_end_stays_in_its_line() {
        let mark = Mark { line: 1, from: 3, to: usize::MAX, label: String::new(), primary: true };
        assert_eq!(bare(&excerpt("abcd\nef", &[mark])), "  |\n1 | abcd\n  |   ^^");
        let beyond = Mark { line: 1, from: 9, to: 9, label: String::new(), primary: true };
        assert_eq!(bare(&excerpt("ab", &[beyond])), "  |\n1 | ab\n  |   ^");
    }

    #[test]
    fn a_panic_is_placed_in_the_cell() {
        let source = "mod x {}\nfn run() {\nlet v = vec![1];\nv[3];\nv[3];\n}";
        let at = |line| place_in_cell("src/lib.rs", line, source, "let v = vec![1];\nv[3];\nv[3];");
        assert_eq!((at(3), at(4), at(5), at(1)), (Some(1), Some(2), Some(3), None));
        assert_eq!(place_in_cell("/rustc/core/src/option.rs", 3, source, "x"), None);
    }
}

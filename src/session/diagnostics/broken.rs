//! Cells that do not parse: what the compiler says of them, or where a bracket has no partner.

use super::excerpt::{Mark, mark};
use super::program::{Program, line_and_column};
use super::report::{Report, Story};
use super::rustc::{cell_error, compilation};
use crate::session::completeness::is_half;
use crate::session::edits::Edits;
use crate::session::half::half;
use crate::session::memory::{Memory, Told};
use crate::session::prepare::Part;
use crate::session::prepare::leading::Leading;
use crate::session::{CellError, environment, messages};
use ra_ap_syntax::{Edition, SourceFile, SyntaxKind, T};
use serde_json::Value;
use std::process::{Command, Stdio};

const BEFORE: &str = "#[cfg(any())]\nfn cell() {\n";

/// The error of a cell that does not parse; `None` where the compiler has nothing against it.
pub fn broken(code: &str) -> Option<CellError> {
    let leading = Leading::of_rust(code);
    let mut edits = Edits::default();
    let rust = leading.rust_only(code);
    edits.replace(0..leading.rust, &rust[..leading.rust]);
    let edited = edits.apply(code);
    let part = Part { range: leading.rust..code.len(), is_item: true };
    let told = Told { number: 0, code: code.to_owned(), edited, parts: vec![part] };
    if let Some(report) = brackets(&rust, &told) {
        return cell_error(&[report], &told);
    }
    // Where only the end is wrong, the compiler speaks of the bracket around the cell.
    if is_half(&rust)
        && let Some(half) = half(&rust)
    {
        let mark = Mark { label: half.missing.to_owned(), ..mark(&rust, half.range) };
        return cell_error(&[Report { message: half.message, marks: vec![(&told, mark)], ..Report::default() }], &told);
    }
    let text = format!("{BEFORE}{}\n}}\n", &rust[leading.rust..]);
    let mut errors = messages::errors(&said_of(&text)?);
    for error in &mut errors {
        end_with_the_cell(error, &text);
    }
    let program = Program::new(&text, &told, &[]);
    let memory = Memory::default();
    let mut error = compilation(&errors, &Story { program: &program, told: &told, memory: &memory })?;
    let late =
        |line: &str| line.trim_start().strip_prefix(':').is_some_and(|rest| rest.starts_with(char::is_alphabetic));
    if code[leading.rust..].lines().any(late) {
        error
            .traceback
            .push("help: commands such as `:vars` stand at the beginning of a cell, before its Rust".to_owned());
    }
    Some(error)
}

/// The compiler's messages on a program.
fn said_of(text: &str) -> Option<String> {
    let mut command = Command::new("rustc");
    environment::restore_environment(&mut command);
    command.args(["--edition", "2024", "--crate-type", "lib", "--crate-name", "lib", "--emit", "metadata"]);
    let folder = tempfile::tempdir().ok()?;
    std::fs::create_dir(folder.path().join("src")).ok()?;
    std::fs::write(folder.path().join("src/lib.rs"), text).ok()?;
    command.args(["--error-format", "json", "src/lib.rs"]).current_dir(folder.path());
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).output().ok()?;
    Some(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What stands after the cell is its end.
fn end_with_the_cell(error: &mut Value, text: &str) {
    let Some(code) = text.strip_suffix("\n}\n") else { return };
    let (last, column) = line_and_column(text, code.trim_end().len());
    let Some(spans) = error["spans"].as_array_mut() else { return };
    let mut beyond = false;
    for span in spans {
        if span["line_start"].as_u64().is_some_and(|line| line as usize > code.matches('\n').count() + 1) {
            beyond |= span["is_primary"] == true;
            for (key, value) in
                [("line_start", last), ("line_end", last), ("column_start", column), ("column_end", column)]
            {
                span[key] = value.into();
            }
            if let Some(label) = span["label"].as_str() {
                span["label"] = label.replace("found `}`", "found the end of the cell").into();
            }
        }
    }
    if beyond && let Some(message) = error["message"].as_str() {
        error["message"] = message.replace("found `}`", "found the end of the cell").into();
    }
}

/// A bracket without a partner; the compiler would count the brackets around the cell too.
fn brackets<'a>(rust: &str, told: &'a Told) -> Option<Report<'a>> {
    // A file's tokens are the same whatever the parser makes of them.
    let parse = SourceFile::parse(rust, Edition::Edition2024);
    if parse.errors().iter().any(|error| error.to_string().contains("erminate")) {
        return None;
    }
    let mut open: Vec<(SyntaxKind, std::ops::Range<usize>)> = Vec::new();
    let report = |message: String, marks: Vec<Mark>| {
        let marks = marks.into_iter().map(|mark| (told, mark)).collect();
        Some(Report { message, marks, ..Report::default() })
    };
    for token in parse.syntax_node().descendants_with_tokens().filter_map(|element| element.into_token()) {
        let range = usize::from(token.text_range().start())..usize::from(token.text_range().end());
        match token.kind() {
            T!['('] => open.push((T![')'], range)),
            T!['['] => open.push((T![']'], range)),
            T!['{'] => open.push((T!['}'], range)),
            kind @ (T![')'] | T![']'] | T!['}']) => match open.pop() {
                Some((closing, _)) if closing == kind => {}
                None => {
                    let mark = Mark { label: "it closes nothing".to_owned(), ..mark(rust, range) };
                    return report(format!("unexpected closing delimiter: `{}`", token.text()), vec![mark]);
                }
                Some((_, opening)) => {
                    let closing = Mark { label: "mismatched closing delimiter".to_owned(), ..mark(rust, range) };
                    let opening =
                        Mark { label: "unclosed delimiter".to_owned(), primary: false, ..mark(rust, opening) };
                    return report(format!("mismatched closing delimiter: `{}`", token.text()), vec![closing, opening]);
                }
            },
            _ => {}
        }
    }
    let (_, opening) = open.pop()?;
    let text = rust[opening.clone()].to_owned();
    let opening = Mark { label: "unclosed delimiter".to_owned(), ..mark(rust, opening) };
    report(format!("the cell ends before its `{text}` is closed"), vec![opening])
}

#[cfg(test)]
mod tests {
    use super::super::bare;
    use super::*;

    fn told(code: &str) -> String {
        bare(&broken(code).unwrap_or_else(|| panic!("{code} is broken")).traceback)
    }

    #[test]
    fn a_cell_that_does_not_parse_gets_the_compilers_words() {
        for (code, parts) in [
            (
                "let a = 1;\nlet type = 3;",
                ["found keyword `type`", "2 | let type = 3;\n  |     ^^^^", "`let r#type = 3;`"],
            ),
            ("let = 3;", ["expected pattern, found `=`", "1 | let = 3;\n  |     ^", ""]),
            (
                "let a = std::\n",
                ["the cell ends in `::`", "1 | let a = std::\n  |            ^^ a name is missing", ""],
            ),
            (
                "learner.card()?.",
                ["the cell ends in a dot", "1 | learner.card()?.\n  |                ^ a method or a field is", ""],
            ),
            (":dep a\nlet x =\n// why", ["the cell ends in `=`", "2 | let x =\n  |       ^ a value is missing", ""]),
            ("1 +", ["the cell ends in `+`", "1 | 1 +\n  |   ^ what it is applied to is missing", ""]),
            ("if true", ["found the end of the cell", "1 | if true", ""]),
            ("let x = 1\nlet y = 2;", ["expected `;`, found keyword `let`", "1 | let x = 1\n", ""]),
            (":dep a\nlet s = \"abc;", ["unterminated double quote string", "2 | let s = \"abc;\n  |         ^", ""]),
            (
                "let x = 1;\n:vars",
                ["expected expression, found `:`", "2 | :vars", "commands such as `:vars` stand at the beginning"],
            ),
            ("fn f( -> i32 { 1 }", ["the cell ends before its `(` is closed", "1 | fn f( -> i32 { 1 }\n  |     ^", ""]),
            ("f(1]", ["mismatched closing delimiter: `]`", "1 | f(1]\n  |    ^", "- unclosed delimiter"]),
            ("let é = 1; }", ["unexpected closing delimiter: `}`", "1 | let é = 1; }\n  |            ^", ""]),
        ] {
            let told = told(code);
            assert!(parts.iter().all(|part| told.contains(part)), "{code}: {told}");
            assert!(!told.contains("cell()"), "{told}");
        }
    }

    #[test]
    fn what_the_compiler_accepts_is_not_broken() {
        for code in ["let a = 1;", "undefined_name", ":vars\n1 + 1", ""] {
            assert!(broken(code).is_none(), "{code}");
        }
    }
}

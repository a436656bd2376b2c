//! What the compiler says of a cell, at the user's own lines.

use super::excerpt::{Mark, excerpt};
use super::program::{Place, offset};
use super::report::{Report, Story};
use super::spans::{array, end, mark, start};
use super::{BLUE, BOLD, PLAIN, RED, special, words};
use crate::session::edits::Edits;
use crate::session::memory::Told;
use crate::session::{CellError, Why};
use serde_json::Value;
use std::collections::BTreeSet;

/// So many errors are told; mending them often mends the rest.
const MOST: usize = 5;
/// So many notes and helps are told of one error.
const MOST_ADVICE: usize = 5;

/// The error of a cell that did not compile; `None` where nothing can be said of these messages.
pub fn compilation(errors: &[Value], story: &Story<'_>) -> Option<CellError> {
    let mut reports: Vec<Report<'_>> = errors.iter().filter_map(|error| report(error, story)).collect();
    // What the user did not write has errors because of what the user wrote.
    if reports.iter().any(|report| !report.marks.is_empty()) {
        reports.retain(|report| !report.marks.is_empty());
    }
    // A type of ours that is not there either, since the value that the cell ends with has none.
    let is_about_ours = |report: &Report<'_>| report.message.contains("`CandlewickError`");
    if reports.iter().any(|report| !is_about_ours(report)) {
        reports.retain(|report| !is_about_ours(report));
    }
    let mut seen = BTreeSet::new();
    reports.retain(|report| {
        let place = report.marks.iter().find(|(_, mark)| mark.primary).map(|(told, mark)| (told.number, mark.line));
        seen.insert((report.message.clone(), place))
    });
    // What is written with names lacks arguments as well.
    if reports.iter().any(|report| report.message.starts_with(special::NO_NAMES)) {
        reports.retain(|report| report.code.as_deref() != Some("E0061"));
    }
    // Two errors of one line with one remedy are one mistake.
    let mut remedies = BTreeSet::new();
    reports.retain(|report| {
        let line = report.marks.iter().find(|(_, mark)| mark.primary).map(|(told, mark)| (told.number, mark.line));
        let remedy = report.advice.first().filter(|(word, _)| word == "help").map(|(_, text)| text.clone());
        remedy.is_none() || remedies.insert((remedy, line))
    });
    reports.sort_by_key(|report| report.code.is_none() && report.marks.is_empty());
    cell_error(&reports, story.told)
}

/// Puts reports together.
pub fn cell_error(reports: &[Report<'_>], told: &Told) -> Option<CellError> {
    let first = reports.first()?;
    let mut traceback = Vec::new();
    for report in reports.iter().take(MOST) {
        if !traceback.is_empty() {
            traceback.push(String::new());
        }
        traceback.extend(lines(report, told));
    }
    if reports.len() > MOST {
        traceback.extend([String::new(), format!("{BOLD}… and {} more{PLAIN}", reports.len() - MOST)]);
    }
    let name = first.code.clone().unwrap_or_else(|| "CompileError".to_owned());
    Some(CellError { why: Why::Compile, name, value: first.message.clone(), traceback })
}

fn lines(report: &Report<'_>, told: &Told) -> Vec<String> {
    let title = report.code.as_ref().map_or_else(|| "error".to_owned(), |code| format!("error[{code}]"));
    let mut lines = vec![format!("{RED}{title}{PLAIN}{BOLD}: {}{PLAIN}", report.message)];
    let mut cells: Vec<&Told> = Vec::new();
    for (cell, _) in &report.marks {
        if !cells.iter().any(|known| known.number == cell.number) {
            cells.push(cell);
        }
    }
    cells.sort_by_key(|cell| cell.number != told.number);
    for cell in cells {
        let own = report.marks.iter().filter(|(other, _)| other.number == cell.number);
        let marks: Vec<Mark> = own.map(|(_, mark)| mark.clone()).collect();
        if cell.number != told.number {
            let line = marks.iter().find(|mark| mark.primary).or(marks.first()).map_or(1, |mark| mark.line);
            lines.push(format!("{BLUE}-->{PLAIN} cell {}, line {line}", cell.number));
        }
        lines.extend(excerpt(&cell.code, &marks));
    }
    for (word, text) in &report.advice {
        lines.push(format!("{BOLD}{word}{PLAIN}: {text}"));
    }
    lines
}

fn report<'a>(error: &Value, story: &Story<'a>) -> Option<Report<'a>> {
    let message = words::plain(error["message"].as_str()?);
    let code = error["code"]["code"].as_str().map(str::to_owned);
    let mut report = Report { code, message, ..Report::default() };
    let title = report.message.clone();
    for span in array(&error["spans"]) {
        report.marks.extend(mark(span, &title, story));
    }
    for child in array(&error["children"]) {
        advise(child, &mut report, story);
    }
    report.advice.dedup();
    report.advice.truncate(MOST_ADVICE);
    if !report.marks.iter().any(|(_, mark)| mark.primary)
        && let Some((_, first)) = report.marks.first_mut()
    {
        first.primary = true;
    }
    special::adapt(error, &mut report, story);
    let hidden = words::is_ours(&report.message) && report.marks.is_empty();
    (!hidden).then_some(report)
}

/// Takes over a note or a help: as marks where it is about the user's code, as a line elsewhere.
fn advise<'a>(child: &Value, report: &mut Report<'a>, story: &Story<'a>) {
    let text = words::plain(child["message"].as_str().unwrap_or_default());
    let level = child["level"].as_str().unwrap_or("note");
    if text.is_empty() || words::is_ours(&text) || is_noise(&text) {
        return;
    }
    let suggestions: Vec<&Value> =
        array(&child["spans"]).filter(|span| span["suggested_replacement"].is_string()).collect();
    if !suggestions.is_empty() {
        if let Some(code) = suggested(&suggestions, story) {
            report.advice.push((level.to_owned(), format!("{text}: {code}")));
        }
        return;
    }
    let mut marks: Vec<(&Told, Mark)> =
        array(&child["spans"]).filter_map(|span| mark(span, &report.message, story)).collect();
    // Where that is, is not in any cell.
    if marks.is_empty() && text.ends_with(" here") {
        return;
    }
    if marks.is_empty() {
        let text = text.trim().replace('\n', "\n      ");
        return report.advice.push((level.to_owned(), text));
    }
    for (_, mark) in &mut marks {
        if mark.primary && mark.label.is_empty() {
            mark.label.clone_from(&text);
        }
        mark.primary = false;
    }
    report.marks.extend(marks);
}

/// What helps nobody in a cell.
fn is_noise(text: &str) -> bool {
    [
        "this error originates in the",
        "full type name has been written",
        "full name for the type has been written",
        "consider using `--verbose`",
        "for more information",
        "you may have meant the maximum value of",
    ]
    .iter()
    .any(|noise| text.contains(noise))
}

/// The user's line as the compiler suggests to write it; or what it suggests to put before the cell.
fn suggested(spans: &[&Value], story: &Story<'_>) -> Option<String> {
    let places: BTreeSet<(u64, u64)> =
        spans.iter().filter_map(|span| Some((span["byte_start"].as_u64()?, span["byte_end"].as_u64()?))).collect();
    let alternatives = places.len() == 1 && spans.len() > 1;
    let groups: Vec<Vec<&Value>> =
        if alternatives { spans.iter().take(3).map(|span| vec![*span]).collect() } else { vec![spans.to_vec()] };
    let codes: Vec<String> = groups.iter().filter_map(|group| applied(group, story)).collect();
    (!codes.is_empty()).then(|| codes.join(" or "))
}

fn applied(group: &[&Value], story: &Story<'_>) -> Option<String> {
    let mut edits = Edits::default();
    let mut cell: Option<Place<'_>> = None;
    let mut taken: Vec<std::ops::Range<usize>> = Vec::new();
    for span in group {
        let replacement = span["suggested_replacement"].as_str()?;
        // An import goes before the first item that there is, which may be another cell's.
        if group.len() == 1 && replacement.starts_with("use ") {
            return Some(format!("`{}`", replacement.trim()));
        }
        let placed = start(span, story).and_then(|from| Some((from, end(span, story)?)));
        let Some((from, to)) = placed else {
            let import = replacement.trim();
            return import.starts_with("use ").then(|| format!("`{import}`"));
        };
        if words::is_ours(replacement) || cell.is_some_and(|cell| cell.told.number != from.told.number) {
            return None;
        }
        let code = &from.told.code;
        let range = offset(code, from.line, from.column)?..offset(code, to.line, to.column)?;
        if range.start > range.end || taken.iter().any(|other| range.start < other.end && other.start < range.end) {
            return None;
        }
        taken.push(range.clone());
        edits.replace(range, replacement);
        cell = cell.filter(|cell| cell.line <= from.line).or(Some(from));
    }
    let cell = cell?;
    let text = edits.apply(&cell.told.code).text;
    // What stands around the cell may have been counted in.
    if is_balanced(&cell.told.code) && !is_balanced(&text) {
        return None;
    }
    let lines: Vec<&str> = text.lines().collect();
    let more = lines.len().saturating_sub(cell.told.code.lines().count());
    let shown = lines.get(cell.line - 1..(cell.line + more).min(lines.len()))?;
    let shown: Vec<&str> = shown.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    (!shown.is_empty() && shown.len() < 6).then(|| format!("`{}`", shown.join(" ")))
}

/// Whether there are as many closing brackets as opening ones, of each kind.
fn is_balanced(text: &str) -> bool {
    let count = |bracket: char| text.matches(bracket).count();
    [('(', ')'), ('[', ']'), ('{', '}')].into_iter().all(|(open, close)| count(open) == count(close))
}

#[cfg(test)]
mod tests {
    use super::super::bare;
    use super::super::program::Program;
    use super::*;
    use crate::session::memory::Memory;
    use crate::session::prepare::{Held, prepare};
    use serde_json::json;

    fn told(number: u64, code: &str) -> Told {
        let prepared = prepare(code, &Held::default(), &[]).unwrap();
        Told { number, code: code.to_owned(), edited: prepared.edited, parts: prepared.parts }
    }

    /// The program of a cell: its items, then the rest in a function.
    fn program(cell: &Told, older: &[Told]) -> String {
        let mut text = String::from("#![allow(x)]\n");
        for is_item in [true, false] {
            for told in older.iter().chain([cell]) {
                for part in told.parts.iter().filter(|part| part.is_item == is_item) {
                    text += told.edited.text[part.range.clone()].trim_end_matches('\n');
                    text += "\n";
                }
            }
            text += if is_item { "fn run_user_code_3() {\n" } else { "}\n" };
        }
        text
    }

    fn span(text: &str, what: &str, nth: usize, label: &str, primary: bool) -> Value {
        let at = text.match_indices(what).nth(nth).unwrap().0;
        let (line, column) = super::super::program::line_and_column(text, at);
        json!({"file_name": "src/lib.rs", "line_start": line, "line_end": line, "column_start": column,
               "column_end": column + what.chars().count(), "label": label, "is_primary": primary,
               "byte_start": at, "byte_end": at + what.len()})
    }

    fn shown(errors: &[Value], cell: &Told, older: &[Told], text: &str) -> String {
        let memory = Memory::default();
        let program = Program::new(text, cell, older);
        let story = Story { program: &program, told: cell, memory: &memory };
        bare(&compilation(errors, &story).unwrap().traceback)
    }

    #[test]
    fn the_error_stands_at_the_users_line_with_what_helps() {
        let (older, cell) = ([told(4, "// say\nfn takes(x: i32) {}")], told(6, "let a = 1;\ntakes(\"x\")"));
        let text = program(&cell, &older);
        let mut suggestion = span(&text, "\"x\"", 0, "", true);
        suggestion["suggested_replacement"] = json!("1");
        let error = json!({"message": "mismatched types", "code": {"code": "E0308"}, "level": "error",
            "spans": [span(&text, "\"x\"", 0, "expected `i32`, found `&str`", true), span(&text, "takes", 1, "arguments are wrong", false)],
            "children": [
                {"level": "note", "message": "function defined here", "spans": [span(&text, "takes", 0, "", true)]},
                {"level": "help", "message": "try this", "spans": [suggestion]},
                {"level": "note", "message": "required by `cell_value`", "spans": []}]});
        let expected = "error[E0308]: mismatched types\n  |\n2 | takes(\"x\")\n  |       ^^^ expected `i32`, found `&str`\n  | ----- arguments are wrong\n\
                        --> cell 4, line 2\n  |\n2 | fn takes(x: i32) {}\n  |    ----- function defined here\nhelp: try this: `takes(1)`";
        assert_eq!(shown(&[error.clone(), error], &cell, &older, &text), expected);
    }

    #[test]
    fn errors_of_macros_stand_where_the_macro_is_called() {
        let cell = told(1, "println!(\"{}\", x);");
        let text = program(&cell, &[]);
        let mut inner = span(&text, "x)", 0, "no such thing", true);
        inner["file_name"] = json!("/rustc/std/macros.rs");
        inner["expansion"] = json!({"span": span(&text, "println!(\"{}\", x)", 0, "", false)});
        let error = json!({"message": "m", "level": "error", "spans": [inner], "children": []});
        assert!(
            shown(&[error], &cell, &[], &text)
                .contains("1 | println!(\"{}\", x);\n  | ^^^^^^^^^^^^^^^^^ no such thing")
        );
    }

    #[test]
    fn many_errors_are_counted_and_those_of_others_left_out() {
        let cell = told(1, "a; b; c; d; e; f; g;");
        let text = program(&cell, &[]);
        let one = |what: &str| json!({"message": what, "level": "error", "spans": [span(&text, what, 0, "", true)], "children": []});
        let mut errors: Vec<Value> = ["a; ", "b; ", "c; ", "d; ", "e; ", "f; "].into_iter().map(one).collect();
        errors.insert(0, json!({"message": "elsewhere", "level": "error", "spans": [], "children": []}));
        let text = shown(&errors, &cell, &[], &text);
        assert!(text.ends_with("… and 1 more") && !text.contains("elsewhere"), "{text}");
    }

    #[test]
    fn an_import_is_suggested_whole() {
        let cell = told(1, "let m = HashMap::new();");
        let text = program(&cell, &[]);
        let mut import = span(&text, "#![", 0, "", true);
        import["suggested_replacement"] = json!("use std::collections::HashMap;\n");
        let error = json!({"message": "undeclared", "level": "error", "spans": [span(&text, "HashMap", 0, "", true)],
            "children": [{"level": "help", "message": "consider importing this struct", "spans": [import]}]});
        let text = shown(&[error], &cell, &[], &text);
        assert!(text.ends_with("help: consider importing this struct: `use std::collections::HashMap;`"), "{text}");
    }

    /// What the compiler says (rustc 1.9x) where somebody takes the prelude for something else, and what a person is told.
    #[test]
    fn mistakes_with_the_prelude_have_remedies() {
        for (code, kind, message, label, help) in [
            (
                "fit_with(1, 1e-3, \"cosine\")?",
                "E0308",
                "mismatched types",
                "expected `Schedule`, found `&str`",
                "`Schedule::cosine()`",
            ),
            (
                "fit_with(1, 1e-3, |d, s| d)?",
                "E0308",
                "mismatched types",
                "expected `train::Schedule`, found closure",
                "`Schedule::own(|done, step| 1.0 - done)`",
            ),
            (
                "l.fit(epochs=3, lr = 1e-3)?;",
                "E0425",
                "cannot find value `epochs` in this scope",
                "not found in this scope",
                "they stand in their order: `l.fit(3, 1e-3)?;`",
            ),
            (
                "let d = ImageFolder::open(\"a\")?.split(20, 42)?;",
                "E0308",
                "mismatched types",
                "expected `f64`, found integer",
                "`.split(0.2, 42)?` keeps a fifth",
            ),
            (
                "l.add(|when: When, fit: &mut Fit| { println!(\"hi\"); });",
                "E0271",
                "expected closure to return `Result<Next, Error>`, but returns `()`",
                "expected `Result<Next, Error>`, found `()`",
                "let it end with `Ok(Next::Go)`",
            ),
            (
                "l.optimizer(\"adam\");",
                "E0308",
                "mismatched types",
                "expected `Optimizer`, found `&str`",
                "`Optimizer::adamw()`",
            ),
            (
                "Schedule::own(|d| d)",
                "E0593",
                "closure is expected to take 2 arguments, but it takes 1 argument",
                "expected closure that takes 2 arguments",
                "`Schedule::own(|done, step| 1.0 - done)`",
            ),
            (
                "l.add(|when| Ok(Next::Go))",
                "E0593",
                "closure is expected to take 2 arguments, but it takes 1 argument",
                "expected closure that takes 2 arguments",
                "`learner.add(|when: When, fit: &mut Fit|",
            ),
            (
                "Checkpoints::new(\"runs\")",
                "E0599",
                "no function or associated item named `new` found for struct `train::Checkpoints` in the current scope",
                "not found",
                "`Checkpoints::to(\"runs\")`",
            ),
            (
                "learner.compare(&[(\"a\", &a)])?",
                "E0061",
                "this method takes 2 arguments but 1 argument was supplied",
                "argument #2 is missing",
                "`compare(&[(\"frozen\", &a), (\"whole\", &b)])?`",
            ),
            (
                "Augment { rotate: 10.0 }",
                "E0063",
                "missing fields `flip` and `crop` in initializer of `Augment`",
                "missing",
                "`Augment { rotate: 10.0, ..Augment::default() }`",
            ),
            (
                "ImageFolder::in_memory(p, &[1, 2])?",
                "E0277",
                "the trait bound `{integer}: AsRef<str>` is not satisfied",
                "the trait `AsRef<str>` is not implemented for `{integer}`",
                "number.to_string()",
            ),
            (
                "ImageFolder::in_memory(p, &[\"a\"])?",
                "E0308",
                "mismatched types",
                "expected `Vec<ImageBuffer<Rgb<u8>, Vec<u8>>>`, found `Vec<DynamicImage>`",
                "`picture.to_rgb8()`",
            ),
        ] {
            let cell = told(1, code);
            let text = program(&cell, &[]);
            let error = json!({"message": message, "code": {"code": kind}, "level": "error",
                "spans": [span(&text, code, 0, label, true)], "children": []});
            let shown = shown(&[error], &cell, &[], &text);
            assert!(shown.contains("help: ") && shown.contains(help), "{code}: {shown}");
        }
    }

    #[test]
    fn a_question_mark_behind_what_cannot_fail_is_left_out() {
        let cell = told(1, "l.focal_loss(2.0)?;");
        let text = program(&cell, &[]);
        let label = "the `?` operator cannot be applied to type `&mut candlewick_prelude::train::Learner`";
        let error = json!({"message": "the `?` operator can only be applied to values that implement `Try`", "code": {"code": "E0277"},
            "level": "error", "spans": [span(&text, "l.focal_loss(2.0)?", 0, label, true)],
            "children": [{"level": "help", "message": "the nightly-only, unstable trait `Try` is not implemented for `&mut Learner`", "spans": []}]});
        let shown = shown(&[error], &cell, &[], &text);
        assert!(shown.contains("a `Learner` is no `Result`") && shown.ends_with("help: leave the `?` out"), "{shown}");
        assert!(!shown.contains("Try"), "{shown}");
    }
}

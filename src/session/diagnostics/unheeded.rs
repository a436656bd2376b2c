//! Notes on results that nobody looks at: an error in them would go unseen.

use super::program::offset;
use super::report::Story;
use super::spans::{array, mark};
use crate::session::statement::statement_at;
use serde_json::Value;

/// How the prelude's own `must_use` ends: what to write.
const BIND: &str = "; bind it: ";

/// A note for each statement of the cell that drops a result, or an iterator that then does nothing.
pub fn unheeded(warnings: &[Value], story: &Story<'_>) -> Vec<String> {
    let mut notes: Vec<(usize, String)> = Vec::new();
    for warning in warnings {
        let message = warning["message"].as_str().unwrap_or_default();
        let what = if message.contains("Result`") || message.contains("Result<") {
            "gives a `Result` that nothing looks at, so that an error in it goes unseen\n  → put `?` behind it"
        } else if array(&warning["children"])
            .any(|child| child["message"].as_str().is_some_and(|text| text.contains("lazy")))
        {
            "makes an iterator that nothing asks, so that it does nothing\n  → use `for`, `.for_each(…)` or `.collect()`"
        } else if let Some(advice) =
            array(&warning["children"]).filter_map(|child| child["message"].as_str()).find(|text| text.contains(BIND))
        {
            let mut marks = array(&warning["spans"]).filter_map(|span| mark(span, message, story));
            if let Some((_, mark)) = marks.find(|(cell, _)| cell.number == story.told.number) {
                let (what, usual) = advice.split_once(BIND).unwrap_or((advice, ""));
                let at = offset(&story.told.code, mark.line, mark.from).unwrap_or_default();
                let statement = statement_at(&story.told.code, at);
                // what is written to disk has been of use
                if statement.text.contains(".write") {
                    continue;
                }
                let name: String = statement.text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let bound = statement.bound_again(&name).unwrap_or_else(|| usual.to_owned());
                let bound = if what.starts_with("gives a learner") { usual.to_owned() } else { bound };
                notes.push((mark.line, format!("note: line {} {what}\n  → bind it: {bound}", mark.line)));
            }
            continue;
        } else {
            continue;
        };
        let mut marks = array(&warning["spans"]).filter_map(|span| mark(span, message, story));
        if let Some((_, mark)) = marks.find(|(cell, _)| cell.number == story.told.number) {
            notes.push((mark.line, format!("note: line {} {what}", mark.line)));
        }
    }
    notes.sort();
    notes.dedup();
    notes.into_iter().map(|(_, note)| note).collect()
}

/// What to say of a value that is still in its `Result`.
pub fn wrapped(shown: &str) -> Option<&'static str> {
    if shown.starts_with("Err(") {
        return Some(
            "note: the value is an error, but the cell went well\n  → put `?` behind it, and the cell ends with the error",
        );
    }
    let is_large = shown.starts_with("Ok(") && shown.contains('{');
    is_large.then_some("note: the value is inside of an `Ok`\n  → put `?` behind it to take it out, and see it as it is meant to be seen")
}

#[cfg(test)]
mod tests {
    use super::super::program::Program;
    use super::*;
    use crate::session::memory::{Memory, Told};
    use crate::session::prepare::{Held, prepare};
    use serde_json::json;

    #[test]
    fn a_dropped_result_is_told_with_its_line() {
        let code = "let a = 1;\nf(a);\ng();";
        let prepared = prepare(code, &Held::default(), &[]).unwrap();
        let told = Told { number: 1, code: code.to_owned(), edited: prepared.edited, parts: prepared.parts };
        let text = format!("fn run() {{\n{code}\n}}\n");
        let (program, memory) = (Program::new(&text, &told, &[]), Memory::default());
        let story = Story { program: &program, told: &told, memory: &memory };
        let warning = |line: usize, message: &str, child: &str| {
            json!({"message": message, "children": [{"message": child}], "spans": [{"file_name": "src/lib.rs",
                "line_start": line, "line_end": line, "column_start": 1, "column_end": 3, "is_primary": true}]})
        };
        let warnings = [
            warning(4, "unused `Map` that must be used", "iterators are lazy and do nothing unless consumed"),
            warning(3, "unused `std::result::Result` that must be used", "this `Result` may be an `Err` variant"),
            warning(3, "unused return value of `max` that must be used", ""),
            warning(
                2,
                "unused `Learner` that must be used",
                "gives a learner, which is dropped here; bind it: `let mut learner = …;`",
            ),
        ];
        let notes = unheeded(&warnings, &story);
        assert_eq!(notes.len(), 3, "{notes:?}");
        let learner = "note: line 1 gives a learner, which is dropped here\n  → bind it: `let mut learner = …;`";
        assert_eq!(notes[0], learner);
        assert!(
            notes[1].starts_with("note: line 2 gives a `Result`")
                && notes[2].starts_with("note: line 3 makes an iterator")
        );
    }

    #[test]
    fn dropped_data_are_told_with_what_keeps_them() {
        let code = "data.split(0.2, 42)?;\nImageFolder::open(\"x\")?;\nmade.write_to(\"x\")?;";
        let prepared = prepare(code, &Held::default(), &[]).unwrap();
        let told = Told { number: 1, code: code.to_owned(), edited: prepared.edited, parts: prepared.parts };
        let text = format!("fn run() {{\n{code}\n}}\n");
        let (program, memory) = (Program::new(&text, &told, &[]), Memory::default());
        let story = Story { program: &program, told: &told, memory: &memory };
        let warning = |line: usize| {
            json!({"message": "unused `ImageFolder` that must be used", "children": [{"message": "gives data, which are dropped here; bind it: `let data = …;`"}],
                "spans": [{"file_name": "src/lib.rs", "line_start": line, "line_end": line, "column_start": 1, "column_end": 3, "is_primary": true}]})
        };
        let notes = unheeded(&[warning(2), warning(3), warning(4)], &story);
        let kept = |line: usize, bound: &str| {
            format!("note: line {line} gives data, which are dropped here\n  → bind it: {bound}")
        };
        assert_eq!(notes, [kept(1, "`let data = data.split(0.2, 42)?;`"), kept(2, "`let data = …;`")]);
    }

    #[test]
    fn a_value_in_its_result_is_told() {
        assert!(wrapped("Err(Os { code: 2 })").unwrap().contains("error"));
        assert!(wrapped("Ok(FitReport { epochs: 1 })").unwrap().contains("`Ok`"));
        assert!(wrapped("Ok(5)").is_none() && wrapped("\"Err(\"").is_none() && wrapped("Some(1)").is_none());
    }
}

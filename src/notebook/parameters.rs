//! Parameters for a notebook, put in as papermill does: a cell of their own after the one tagged `parameters`.

use super::literal;
use crate::document::{self, Notebook};
use crate::session::{Binding, bindings};
use anyhow::bail;
use serde_json::{Value, json};

/// The tag of the cell with the defaults, and of the one that is put in after it.
const DEFAULTS: &str = "parameters";
const INJECTED: &str = "injected-parameters";

/// Words that can name no variable, strict and reserved.
const KEYWORDS: [&str; 53] = [
    "_", "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do",
    "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super",
    "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Puts a cell with these parameters after the cell tagged `parameters`, or first where there is none; one that an
/// earlier run put in is replaced. Values have the type of the default that they take the place of. Returns what the
/// user should know: names for which there is no default.
///
/// # Errors
/// A name that can name no variable or comes twice, a value that does not fit its default's type.
pub fn inject(notebook: &mut Notebook, parameters: &[(String, String)]) -> anyhow::Result<Vec<String>> {
    if parameters.is_empty() {
        return Ok(Vec::new());
    }
    for (index, (name, _)) in parameters.iter().enumerate() {
        check_name(name)?;
        if parameters[..index].iter().any(|(before, _)| before == name) {
            bail!("--parameter {name} is given twice: leave one of them out");
        }
    }
    let cells = notebook.cells();
    let tagged = cells.iter().position(|cell| document::has_tag(cell, DEFAULTS));
    let defaults = tagged.map(|at| bindings(&document::source(&cells[at]))).unwrap_or_default();
    let mut lines = Vec::new();
    let mut notes = Vec::new();
    for (name, value) in parameters {
        match defaults.iter().rev().find(|default| default.name == *name) {
            Some(default) => {
                let literal = literal::in_place_of(default, value)
                    .map_err(|why| anyhow::anyhow!("--parameter {name}={value}: {why}"))?;
                lines.push(line(default, &literal));
            }
            None => {
                if tagged.is_some() {
                    notes.push(unknown(name, &defaults));
                }
                lines.push(format!("let {name} = {};", literal::without_default(value)));
            }
        }
    }
    let cells = notebook.cells_mut();
    let before = cells.iter().position(|cell| document::has_tag(cell, INJECTED));
    if let Some(at) = before {
        cells.remove(at);
    }
    let after = cells.iter().position(|cell| document::has_tag(cell, DEFAULTS)).map(|at| at + 1);
    let at = after.or(before).unwrap_or(0);
    cells.insert(at, cell(&lines.join("\n")));
    notebook.upgrade();
    Ok(notes)
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let word = |c: char| c == '_' || c.is_alphanumeric();
    if KEYWORDS.contains(&name) {
        bail!(
            "--parameter {name}=…: `{name}` is a word of Rust's own and names no variable; the notebook must call it otherwise"
        );
    }
    if name.is_empty() || !name.chars().all(word) || name.starts_with(|c: char| c.is_numeric()) {
        bail!(
            "--parameter wants NAME=VALUE where NAME can name a variable (letters, digits and _, no digit first), \
             found {name:?}"
        );
    }
    Ok(())
}

/// The line that takes the place of a default. What the literal does not say of its type, the line does.
fn line(default: &Binding, literal: &str) -> String {
    let Binding { keyword, name, kind, .. } = default;
    match kind {
        Some(kind) => format!("{keyword} {name}: {kind} = {literal};"),
        None => format!("{keyword} {name} = {literal};"),
    }
}

fn unknown(name: &str, defaults: &[Binding]) -> String {
    let names: Vec<&str> = defaults.iter().map(|default| default.name.as_str()).collect();
    let there = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    format!("the cell tagged `parameters` has no `{name}`, only {there}; it is put in nevertheless")
}

fn cell(source: &str) -> Value {
    json!({"cell_type": "code", "metadata": {"tags": [INJECTED]}, "source": source})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(notebook: &Notebook) -> Vec<String> {
        notebook.cells().iter().map(document::source).collect()
    }

    #[test]
    fn parameters_follow_their_defaults_and_replace_those_of_before() {
        let text = json!({
            "nbformat": 4, "nbformat_minor": 5, "metadata": {},
            "cells": [
                {"cell_type": "markdown", "metadata": {}, "source": "# Title"},
                {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "let epochs = 3;"},
                {"cell_type": "code", "metadata": {}, "source": "epochs"},
            ],
        });
        let mut notebook = Notebook::parse(text.to_string().as_bytes()).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(inject(&mut notebook, &[pair("epochs", "5")]).unwrap(), [""; 0]);
        let notes = inject(&mut notebook, &[pair("epochs", "7"), pair("folder", "my \"pictures\"")]).unwrap();
        assert!(notes.len() == 1 && notes[0].contains("no `folder`, only epochs"), "{notes:?}");
        let injected = "let epochs = 7;\nlet folder = String::from(\"my \\\"pictures\\\"\");";
        assert_eq!(sources(&notebook), ["# Title", "let epochs = 3;", injected, "epochs"]);
        inject(&mut notebook, &[]).unwrap();
        assert_eq!(notebook.cells().len(), 4);
    }

    #[test]
    fn a_notebook_without_defaults_gets_them_first() {
        let mut notebook = Notebook::new();
        assert!(inject(&mut notebook, &[("x".to_owned(), "1e-3".to_owned())]).unwrap().is_empty());
        assert_eq!(sources(&notebook), ["let x = 1e-3;"]);
    }

    #[test]
    fn the_line_is_written_as_the_default_is() {
        for (default, value, line) in [
            ("let rate = 1e-3;", "1", "let rate = 1.0;"),
            ("let mut rate: f32 = 0.1;", "1", "let mut rate: f32 = 1.0;"),
            ("const rate: usize = 3;", "4", "const rate: usize = 4;"),
            ("let rate = 1;\nlet rate = 0.5;", "2", "let rate = 2.0;"),
            ("let (n, rate) = (3, 0.5);", "1", "let rate = 1.0;"),
            ("let rate: Option<f64> = None;", "3", "let rate: Option<f64> = Some(3.0);"),
        ] {
            let text = json!({
                "nbformat": 4, "nbformat_minor": 5, "metadata": {},
                "cells": [{"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": default}],
            });
            let mut notebook = Notebook::parse(text.to_string().as_bytes()).unwrap();
            inject(&mut notebook, &[("rate".to_owned(), value.to_owned())]).unwrap();
            assert_eq!(sources(&notebook)[1], line, "{default}");
        }
    }

    #[test]
    fn names_that_are_none_are_refused() {
        let refused = |names: &[&str]| {
            let pairs: Vec<(String, String)> = names.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect();
            inject(&mut Notebook::new(), &pairs).unwrap_err().to_string()
        };
        for name in ["type", "fn", "self", "async", "_", "true", "try"] {
            assert!(refused(&[name]).contains("a word of Rust's own"), "{name}");
        }
        for name in ["1x", "a b", "a-b", "a.b", "", "x\""] {
            assert!(refused(&[name]).contains("can name a variable"), "{name}");
        }
        assert!(refused(&["x", "y", "x"]).contains("--parameter x is given twice"));
    }
}

//! Parameters for a notebook, put in as papermill does: a cell of their own after the one tagged `parameters`.

use crate::document::{self, Notebook};
use serde_json::{Value, json};

/// The tag of the cell with the defaults, and of the one that is put in after it.
const DEFAULTS: &str = "parameters";
const INJECTED: &str = "injected-parameters";

/// Puts a cell with these parameters after the cell tagged `parameters`, or first where there is none; one that an
/// earlier run put in is replaced.
pub fn inject(notebook: &mut Notebook, parameters: &[(String, String)]) {
    if parameters.is_empty() {
        return;
    }
    let cells = notebook.cells_mut();
    let before = cells.iter().position(|cell| document::has_tag(cell, INJECTED));
    if let Some(at) = before {
        cells.remove(at);
    }
    let defaults = cells.iter().position(|cell| document::has_tag(cell, DEFAULTS)).map(|at| at + 1);
    let at = defaults.or(before).unwrap_or(0);
    cells.insert(at, cell(parameters));
    notebook.upgrade();
}

fn cell(parameters: &[(String, String)]) -> Value {
    let lines = parameters.iter().map(|(name, value)| format!("let {name} = {};", literal(value)));
    let source = lines.collect::<Vec<_>>().join("\n");
    json!({"cell_type": "code", "metadata": {"tags": [INJECTED]}, "source": source})
}

/// A value as Rust writes it: a number or a truth value as it stands, anything else a `String`, as text is in cells.
fn literal(value: &str) -> String {
    let is_number = value.parse::<i64>().is_ok() || value.parse::<f64>().is_ok_and(f64::is_finite);
    match value {
        "true" | "false" => value.to_owned(),
        // `1e3` is a float in Rust too; `.5` and `+1` are none.
        _ if is_number && !value.starts_with(['+', '.']) && !value.starts_with("-.") => value.to_owned(),
        _ => format!("String::from({value:?})"),
    }
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
        inject(&mut notebook, &[pair("epochs", "5")]);
        inject(&mut notebook, &[pair("epochs", "7"), pair("folder", "my \"pictures\"")]);
        let injected = "let epochs = 7;\nlet folder = String::from(\"my \\\"pictures\\\"\");";
        assert_eq!(sources(&notebook), ["# Title", "let epochs = 3;", injected, "epochs"]);
        inject(&mut notebook, &[]);
        assert_eq!(notebook.cells().len(), 4);
    }

    #[test]
    fn a_notebook_without_defaults_gets_them_first() {
        let mut notebook = Notebook::new();
        inject(&mut notebook, &[("x".to_owned(), "1e-3".to_owned())]);
        assert_eq!(sources(&notebook), ["let x = 1e-3;"]);
    }

    #[test]
    fn values_as_rust_writes_them() {
        for (value, expected) in [
            ("3", "3"),
            ("-2", "-2"),
            ("0.5", "0.5"),
            ("1e-3", "1e-3"),
            ("true", "true"),
            (".5", "String::from(\".5\")"),
            ("nan", "String::from(\"nan\")"),
            ("", "String::from(\"\")"),
        ] {
            assert_eq!(literal(value), expected);
        }
    }
}

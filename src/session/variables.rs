//! The variables that cells have bound: their names and types from evcxr, their shapes and sizes from themselves.

use super::cell::Cell;
use super::evaluator::{Ended, Job};
use super::{Session, Variable, lock};
use crate::screen::{Display, Said, Screen};
use candlewick_wire::Described;
use serde_json::Map;
use std::fmt::Write;

impl Session {
    /// The variables that cells have bound. Shapes and sizes come from a hidden cell that borrows each variable; where
    /// it does not compile, names and types are all there is.
    pub fn variables(&self) -> Vec<Variable> {
        let _one_at_a_time = lock(&self.running);
        self.describe()
    }

    /// The variables that cells have bound, with their names and types alone.
    pub fn bound(&self) -> Vec<Variable> {
        let _one_at_a_time = lock(&self.running);
        self.ask(|done| Job::Variables { done }).unwrap_or_default()
    }

    /// As [`variables`](Session::variables), with `running` held.
    pub(super) fn describe(&self) -> Vec<Variable> {
        let mut variables = self.ask(|done| Job::Variables { done }).unwrap_or_default();
        if variables.is_empty() {
            return variables;
        }
        self.clear_channels();
        let mut nowhere = Nowhere;
        let mut cell = Cell::new(&mut nowhere);
        if let Ok(Ended::Ran(_)) = self.run(&hidden_cell(&variables), &mut cell) {
            merge(&mut variables, cell.described);
        }
        variables
    }
}

/// Code that borrows each variable and tells what it is like. A block, so that evcxr keeps nothing of it.
fn hidden_cell(variables: &[Variable]) -> String {
    let vars = "::candlewick_prelude::show::vars";
    let mut code = format!("{{ use {vars}::{{ByKind as _, BySize as _}}; {vars}::tell([");
    for Variable { name, .. } in variables {
        let _ = write!(code, "({name:?}, (&{vars}::Probe(&{name})).describe()), ");
    }
    code + "]); };"
}

fn merge(variables: &mut [Variable], described: Vec<Described>) {
    for Described { name, shape, bytes } in described {
        if let Some(variable) = variables.iter_mut().find(|variable| variable.name == name) {
            variable.shape = shape;
            variable.bytes = Some(bytes);
        }
    }
}

/// The table of variables, as text and as HTML.
pub(super) fn table(variables: &[Variable]) -> Display {
    let (text, html) = (variables_text(variables), html(variables));
    let data = Map::from_iter([("text/plain".to_owned(), text.into()), ("text/html".to_owned(), html.into())]);
    Display { data, ..Display::default() }
}

/// The head of the table, and a row a variable.
fn rows(variables: &[Variable]) -> Vec<[String; 4]> {
    let head = ["name", "type", "shape", "size"].map(str::to_owned);
    let row = |variable: &Variable| {
        let size = variable.bytes.map(in_words).unwrap_or_default();
        [variable.name.clone(), variable.kind.clone(), variable.shape.clone(), size]
    };
    [head].into_iter().chain(variables.iter().map(row)).collect()
}

/// The table of variables as aligned text.
pub fn variables_text(variables: &[Variable]) -> String {
    if variables.is_empty() {
        return "no variables yet\n".to_owned();
    }
    let rows = rows(variables);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [a, b, c, d] = std::array::from_fn(width);
    let mut text = String::new();
    for [name, kind, shape, size] in &rows {
        let line = format!("{name:<a$}  {kind:<b$}  {shape:<c$}  {size:>d$}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn html(variables: &[Variable]) -> String {
    let cells = |row: &[String; 4], tag: &str| -> String {
        let cell = |(column, text): (usize, &String)| {
            let side = if column == 3 { "right" } else { "left" };
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            format!("<{tag} style=\"text-align:{side};padding:2px 10px\">{text}</{tag}>")
        };
        row.iter().enumerate().map(cell).collect()
    };
    let rows = rows(variables);
    let body: String = rows[1..].iter().map(|row| format!("<tr>{}</tr>", cells(row, "td"))).collect();
    format!("<table><thead><tr>{}</tr></thead><tbody>{body}</tbody></table>", cells(&rows[0], "th"))
}

/// Bytes in the largest unit that leaves a number of at least one.
fn in_words(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} B"),
    }
}

/// A screen that nobody looks at.
pub(super) struct Nowhere;

impl Screen for Nowhere {
    fn say(&mut self, _: Said) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str, kind: &str) -> Variable {
        Variable { name: name.to_owned(), kind: kind.to_owned(), ..Variable::default() }
    }

    #[test]
    fn the_hidden_cell_borrows_each_variable() {
        let code = hidden_cell(&[variable("t", "Tensor"), variable("n", "i32")]);
        let vars = "::candlewick_prelude::show::vars";
        assert_eq!(
            code,
            format!(
                "{{ use {vars}::{{ByKind as _, BySize as _}}; {vars}::tell([\
                 (\"t\", (&{vars}::Probe(&t)).describe()), (\"n\", (&{vars}::Probe(&n)).describe()), ]); }};"
            )
        );
    }

    #[test]
    fn the_table_is_aligned_and_escaped() {
        let mut variables = vec![variable("größe", "Vec<u8>"), variable("t", "Tensor"), variable("odd", "Odd")];
        let described = |name: &str, shape: &str, bytes| Described { name: name.into(), shape: shape.into(), bytes };
        merge(
            &mut variables,
            vec![described("t", "2×2 F32", 16), described("größe", "3", 1536), described("z", "", 1)],
        );
        let display = table(&variables);
        let text = "name   type     shape       size\n\
                    größe  Vec<u8>  3        1.5 KiB\n\
                    t      Tensor   2×2 F32     16 B\n\
                    odd    Odd\n";
        assert_eq!(display.data["text/plain"], text);
        assert!(display.data["text/html"].as_str().unwrap().contains(">Vec&lt;u8&gt;</td>"));
        assert_eq!(table(&[]).data["text/plain"], "no variables yet\n");
    }

    #[test]
    fn sizes_are_in_words() {
        for (bytes, words) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 20, "5.0 MiB"), (3 << 30, "3.0 GiB")]
        {
            assert_eq!(in_words(bytes), words);
        }
    }
}

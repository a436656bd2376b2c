//! A small table as text and as HTML.

use super::Bundle;
use crate::paths;
use crate::{Error, Result};
use std::path::Path;

/// A table with a head, shown as HTML where that can be drawn and as aligned text elsewhere.
///
/// ```
/// use candlewick_prelude::show::Table;
/// let table = Table::new(["epoch", "loss"]).row(["1", "0.693"]).row(["2", "0.41"]);
/// assert_eq!(table.text(), "epoch   loss\n    1  0.693\n    2   0.41\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    title: Option<String>,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    left: Vec<usize>,
    notes: Vec<String>,
}

impl Table {
    /// A table with these columns and no rows; its cells are set to the right, as numbers are.
    pub fn new<T: Into<String>>(head: impl IntoIterator<Item = T>) -> Table {
        Table { head: head.into_iter().map(Into::into).collect(), ..Table::default() }
    }

    /// Adds a line above the table.
    pub fn title(mut self, title: impl Into<String>) -> Table {
        self.title = Some(title.into());
        self
    }

    /// Sets a column's cells (counted from 0) to the left, as words are.
    pub fn left(mut self, column: usize) -> Table {
        self.left.push(column);
        self
    }

    /// Adds a row.
    pub fn row<T: Into<String>>(mut self, cells: impl IntoIterator<Item = T>) -> Table {
        self.push(cells);
        self
    }

    /// Adds a row in place.
    pub fn push<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Adds a line below the table.
    pub fn note(mut self, note: impl Into<String>) -> Table {
        self.notes.push(note.into());
        self
    }

    /// The table as aligned text, a line a row.
    pub fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).chain([self.head.len()]).max().unwrap_or(0);
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let lines: Vec<&[String]> =
            [self.head.as_slice()].into_iter().chain(self.rows.iter().map(Vec::as_slice)).collect();
        let widths: Vec<usize> = (0..columns)
            .map(|column| lines.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0))
            .collect();
        let mut text = self.title.iter().map(|title| format!("{title}\n")).collect::<String>();
        for row in lines {
            let mut line = String::new();
            for (column, width) in widths.iter().enumerate() {
                let gap = if column == 0 { "" } else { "  " };
                let cell = cell(row, column);
                let pad = " ".repeat(width - cell.chars().count());
                line += &if self.left.contains(&column) {
                    format!("{gap}{cell}{pad}")
                } else {
                    format!("{gap}{pad}{cell}")
                };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text.extend(self.notes.iter().map(|note| format!("{note}\n")));
        text
    }

    /// The table as HTML, in the frontend's own colours.
    pub fn html(&self) -> String {
        let mut html = String::from("<div>");
        if let Some(title) = &self.title {
            html += &format!("<div style=\"font-weight:600;margin-bottom:4px\">{}</div>", escape(title));
        }
        html += "<table style=\"border-collapse:collapse;font-variant-numeric:tabular-nums\"><thead><tr>";
        let align = |column: usize| if self.left.contains(&column) { "left" } else { "right" };
        for (column, cell) in self.head.iter().enumerate() {
            html += &format!("<th style=\"text-align:{};padding:2px 10px\">{}</th>", align(column), escape(cell));
        }
        html += "</tr></thead><tbody>";
        for row in &self.rows {
            html += "<tr>";
            for (column, cell) in row.iter().enumerate() {
                html += &format!("<td style=\"text-align:{};padding:2px 10px\">{}</td>", align(column), escape(cell));
            }
            html += "</tr>";
        }
        html += "</tbody></table>";
        for note in &self.notes {
            html += &format!("<div style=\"margin-top:4px\">{}</div>", escape(note));
        }
        html + "</div>"
    }

    /// The table as CSV: the head, then the rows; cells with commas, quotes or line breaks stand in quotes.
    pub fn csv(&self) -> String {
        let cell = |cell: &String| match cell.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.clone(),
        };
        let line = |row: &Vec<String>| row.iter().map(cell).collect::<Vec<_>>().join(",") + "\n";
        [&self.head].into_iter().chain(&self.rows).map(line).collect()
    }

    /// The table as Markdown: title, head, rows, and a paragraph a note; what Markdown or HTML gives a meaning is escaped.
    pub fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let columns = self.rows.iter().map(Vec::len).chain([self.head.len()]).max().unwrap_or(0);
        let cells = |row: &[String]| {
            (0..columns).map(|at| row.get(at).map_or(String::new(), |cell| escape_markdown(cell))).collect::<Vec<_>>()
        };
        let rule = |at: usize| if self.left.contains(&at) { ":--" } else { "--:" };
        let mut text = self.title.as_ref().map_or(String::new(), |title| format!("{}\n\n", escape_markdown(title)));
        text += &line(cells(&self.head));
        text += &line((0..columns).map(|at| rule(at).to_owned()).collect());
        self.rows.iter().for_each(|row| text += &line(cells(row)));
        self.notes.iter().for_each(|note| text += &format!("\n{}\n", escape_markdown(note)));
        text
    }

    /// Writes the table to a file as CSV.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write(&paths::expanded(path.as_ref()), &self.csv())
    }

    /// Both forms.
    pub fn bundle(&self) -> Bundle {
        Bundle::new().text(self.text()).html(self.html())
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| {
        Error::new(format!("the table cannot be written to `{}`", path.display()))
            .caused_by(error)
            .remedy("check that the folder exists and may be written to")
    })
}

/// Text with the characters that HTML gives a meaning replaced.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text with the characters that Markdown or HTML gives a meaning made plain, on one line.
pub fn escape_markdown(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for (at, c) in chars.iter().enumerate() {
        let is_word = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|c| c.is_alphanumeric());
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '_' if is_word(at.checked_sub(1)) && is_word(Some(at + 1)) => out.push('_'),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '$' => out.extend(['\\', *c]),
            '#' | '+' | '-' if at == 0 => out.extend(['\\', *c]),
            '\n' | '\r' => out.push(' '),
            c => out.push(*c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_aligned_by_characters() {
        let table = Table::new(["class", "n"]).left(0).row(["café", "10"]).row(["ö", "7"]).title("t").note("n");
        assert_eq!(table.text(), "t\nclass   n\ncafé   10\nö       7\nn\n");
    }

    #[test]
    fn csv_has_quotes_where_it_must() {
        let table = Table::new(["class", "n"]).row(["a, \"b\"", "1"]).row(["plain", "2"]);
        assert_eq!(table.csv(), "class,n\n\"a, \"\"b\"\"\",1\nplain,2\n");
    }

    #[test]
    fn markdown_is_escaped() {
        let table = Table::new(["class", "n"])
            .left(0)
            .row(["a|b <i>*x*</i> [l](u) fit_with _y_\nz", "-1"])
            .title("# t")
            .note("n");
        assert_eq!(
            table.markdown(),
            "\\# t\n\n| class | n |\n| :-- | --: |\n| a\\|b &lt;i&gt;\\*x\\*&lt;/i&gt; \\[l\\](u) fit_with \\_y\\_ z | \\-1 |\n\nn\n"
        );
    }

    #[test]
    fn short_rows_are_no_trouble() {
        let empty: [&str; 0] = [];
        assert_eq!(Table::new(["a", "b"]).row(["1"]).row(empty).text(), "a  b\n1\n\n");
    }

    #[test]
    fn html_is_escaped() {
        let html = Table::new(["<a>"]).row(["x & \"y\""]).html();
        assert!(html.contains("&lt;a&gt;") && html.contains("x &amp; &quot;y&quot;") && !html.contains("<a>"));
    }
}

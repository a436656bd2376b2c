//! Tables of text as people write them: parted by commas, semicolons or tabs, with cells in quotes or without.

use csv::{ReaderBuilder, StringRecord, Trim};

/// A row and the number of its line, from 1.
pub(super) type TextRow = (usize, Vec<String>);

/// The rows of a table that are not empty.
///
/// # Errors
/// The text of what the reader could not take.
pub(super) fn rows(text: &str) -> Result<Vec<TextRow>, String> {
    let mut reader = ReaderBuilder::new();
    reader.has_headers(false).flexible(true).trim(Trim::All).delimiter(separator(text));
    let text = text.trim_start_matches('\u{feff}');
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    for record in reader.from_reader(text.as_bytes()).records() {
        let record: StringRecord = record.map_err(|error| error.to_string())?;
        // A record begins behind the one before, ahead of the empty lines between them.
        let from = record.position().map_or(at, |position| usize::try_from(position.byte()).unwrap_or(at));
        let rest = &text[from..];
        let begins = from + rest.len() - rest.trim_start_matches(['\r', '\n']).len();
        line += text[at..begins].matches('\n').count();
        at = begins;
        if record.iter().any(|cell| !cell.is_empty()) {
            found.push((line, record.iter().map(str::to_owned).collect()));
        }
    }
    Ok(found)
}

/// What parts the cells: tabs where the first line has one, else commas where it has one, else semicolons.
fn separator(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let has = |c: char| {
        let mut quoted = false;
        first.chars().any(|found| {
            quoted ^= found == '"';
            found == c && !quoted
        })
    };
    match () {
        () if has('\t') => b'\t',
        () if !has(',') && has(';') => b';',
        () => b',',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_parted_as_the_first_line_says() {
        let cells = |text: &str| rows(text).unwrap().into_iter().map(|(_, row)| row.join("|")).collect::<Vec<_>>();
        assert_eq!(cells("a,b;c\n\"d,e\", f\n"), ["a|b;c", "d,e|f"]);
        assert_eq!(cells("\u{feff}a;b\r\n\r\nc;d,e\r\n"), ["a|b", "c|d,e"]);
        assert_eq!(cells("a\tb,c;d\n"), ["a|b,c;d"]);
        assert_eq!(cells("\"a,b\";c\nd;e"), ["a,b|c", "d|e"]);
        assert_eq!(cells("a,\"say \"\"no\"\"\"\n"), ["a|say \"no\""]);
        assert_eq!(rows("\na,b\n\nc,d").unwrap().iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(rows("").unwrap(), []);
    }
}

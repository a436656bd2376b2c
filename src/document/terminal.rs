//! Text as a terminal would show it: carriage returns, backspaces and erased lines applied, escapes told from text.

/// Text that grows piece by piece, with `\r`, `\b` and "erase line" applied to its last line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folded {
    done: String,
    /// A character with the colours in front of it, or nothing where it was erased.
    line: Vec<Option<String>>,
    column: usize,
    /// Escapes (colours) that belong in front of the next character.
    pending: String,
    /// The beginning of an escape that the next piece will end.
    cut: String,
}

impl Folded {
    /// Adds a piece of text; it may end anywhere, within an escape too.
    pub fn push(&mut self, text: &str) {
        let text = std::mem::take(&mut self.cut) + text;
        let mut rest = text.as_str();
        while let Some(c) = rest.chars().next() {
            match c {
                '\n' => {
                    self.end_line();
                    self.done.push('\n');
                }
                // A `\r\n` is a line's end like any other.
                '\r' => self.column = 0,
                '\u{8}' => self.column = self.column.saturating_sub(1),
                '\u{1b}' => match escape_length(rest) {
                    Some(length) => {
                        self.escape(&rest[..length]);
                        rest = &rest[length..];
                        continue;
                    }
                    None => {
                        self.cut = rest.to_owned();
                        return;
                    }
                },
                c => self.put(c),
            }
            rest = &rest[c.len_utf8()..];
        }
    }

    /// The text so far.
    pub fn text(&self) -> String {
        let mut text = self.done.clone();
        text.extend(self.shown());
        text.push_str(&self.pending);
        text
    }

    /// Takes the lines that are done; the last one, not yet ended, stays.
    pub fn take_done(&mut self) -> String {
        std::mem::take(&mut self.done)
    }

    /// The last line's characters; what was erased is blank, at the end nothing.
    fn shown(&self) -> impl Iterator<Item = &str> {
        let length = self.line.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        self.line[..length].iter().map(|cell| cell.as_deref().unwrap_or(" "))
    }

    fn put(&mut self, c: char) {
        let mut cell = std::mem::take(&mut self.pending);
        cell.push(c);
        match self.line.get_mut(self.column) {
            Some(old) => *old = Some(cell),
            None => self.line.push(Some(cell)),
        }
        self.column += 1;
    }

    fn escape(&mut self, escape: &str) {
        match escape {
            "\u{1b}[K" | "\u{1b}[0K" => self.line.truncate(self.column),
            "\u{1b}[2K" => self.line.fill(None),
            colour if colour.ends_with('m') => self.pending.push_str(colour),
            // Other movements make no sense in a text that is kept.
            _ => {}
        }
    }

    fn end_line(&mut self) {
        let line: String = self.shown().collect();
        self.done.push_str(&line);
        self.done.push_str(&std::mem::take(&mut self.pending));
        self.line.clear();
        self.column = 0;
    }
}

/// The length of the escape at the start of `text`, or `None` where its end is still to come.
pub fn escape_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    match bytes.get(1)? {
        b'[' => bytes[2..].iter().position(|b| (0x40..=0x7e).contains(b)).map(|at| at + 3),
        // An operating system command or another string ends with BEL or ESC \.
        b']' | b'P' | b'_' | b'^' | b'X' => {
            let bel = text.find('\u{7}').map(|at| at + 1);
            let st = text.find("\u{1b}\\").map(|at| at + 2);
            bel.into_iter().chain(st).min()
        }
        _ => Some(1 + text[1..].chars().next().map_or(0, char::len_utf8)),
    }
}

/// `text` without its escapes.
pub fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        match escape_length(rest) {
            Some(length) => rest = &rest[length..],
            None => return plain,
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(pieces: &[&str]) -> String {
        let mut folded = Folded::default();
        pieces.iter().for_each(|piece| folded.push(piece));
        folded.text()
    }

    // What `printf '…'` leaves on an xterm's screen.
    #[test]
    fn a_line_is_overwritten_as_a_terminal_would() {
        for (pieces, shown) in [
            (&["ab\rX"][..], "Xb"),
            (&["10 %\r", "20 %\r", "100 %\n", "done"], "100 %\ndone"),
            (&["a\r\nb\r\n"], "a\nb\n"),
            (&["abc\u{8}\u{8}X"], "aXc"),
            (&["long line\r\u{1b}[Kshort"], "short"),
            (&["long line\r\u{1b}[", "Kshort"], "short"),
            (&["long line\u{1b}[2K\rshort"], "short"),
            (&["ab\u{1b}[2Kc"], "  c"),
            (&["a\u{1b}[31mb\u{1b}[0m\n"], "a\u{1b}[31mb\u{1b}[0m\n"),
            (&["ä€\rö"], "ö€"),
            (&["kept\nagain\r"], "kept\nagain"),
        ] {
            assert_eq!(folded(pieces), shown, "{pieces:?}");
        }
    }

    #[test]
    fn escapes_are_told_from_text() {
        assert_eq!(without_escapes("\u{1b}[1;31mred\u{1b}[0m plain"), "red plain");
        assert_eq!(without_escapes("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{7}"), "link");
        assert_eq!(without_escapes("cut \u{1b}[1"), "cut ");
        assert_eq!(without_escapes("no escapes"), "no escapes");
    }
}

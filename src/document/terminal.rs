//! Text as a terminal would show it: carriage returns, backspaces and erased lines applied, escapes told from text.

use std::collections::BTreeMap;

/// Text that grows piece by piece, with `\r`, `\b` and "erase line" applied to its last line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folded {
    done: String,
    line: LastLine,
    /// The beginning of an escape that the next piece will end.
    cut: String,
}

/// The last line. Most lines are only ever added to, and are kept as they came.
#[derive(Clone, Debug, PartialEq)]
enum LastLine {
    Added(String),
    Overwritten(Overwritten),
}

/// A line in which something was overwritten or erased.
#[derive(Clone, Debug, Default, PartialEq)]
struct Overwritten {
    /// Nothing where a character was erased.
    cells: Vec<Option<char>>,
    column: usize,
    /// Escapes (colours) in front of the characters at these places.
    colours: BTreeMap<usize, String>,
    /// Those that belong in front of the next character.
    pending: String,
}

impl Default for LastLine {
    fn default() -> Self {
        LastLine::Added(String::new())
    }
}

impl Folded {
    /// Adds a piece of text; it may end anywhere, within an escape too.
    pub fn push(&mut self, text: &str) {
        if self.cut.is_empty() {
            return self.push_whole(text);
        }
        let text = std::mem::take(&mut self.cut) + text;
        self.push_whole(&text);
    }

    fn push_whole(&mut self, text: &str) {
        let mut rest = text;
        loop {
            let plain = rest.find(['\n', '\r', '\u{8}', '\u{1b}']).unwrap_or(rest.len());
            self.line.put(&rest[..plain]);
            rest = &rest[plain..];
            let Some(c) = rest.chars().next() else { return };
            let length = match c {
                '\n' => {
                    self.done.push_str(&std::mem::take(&mut self.line).into_text());
                    self.done.push('\n');
                    1
                }
                // A `\r\n` is a line's end like any other.
                '\r' if rest[1..].starts_with('\n') => 1,
                '\r' => {
                    self.line.cells().column = 0;
                    1
                }
                '\u{8}' => {
                    let cells = self.line.cells();
                    cells.column = cells.column.saturating_sub(1);
                    1
                }
                _ => match escape_length(rest) {
                    Some(length) => {
                        self.line.escape(&rest[..length]);
                        length
                    }
                    None => {
                        self.cut = rest.to_owned();
                        return;
                    }
                },
            };
            rest = &rest[length..];
        }
    }

    /// The text so far. What stands behind an escape that has no end is part of it.
    pub fn text(&self) -> String {
        let mut text = self.done.clone();
        self.line.write(&mut text);
        text.push_str(self.cut.get(unfinished_length(&self.cut)..).unwrap_or_default());
        text
    }

    /// As [`text`](Folded::text), of a text that is whole.
    pub fn into_text(self) -> String {
        let Folded { mut done, line, cut } = self;
        if done.is_empty() {
            done = line.into_text();
        } else {
            line.write(&mut done);
        }
        done.push_str(cut.get(unfinished_length(&cut)..).unwrap_or_default());
        done
    }

    /// Takes the lines that are done; the last one, not yet ended, stays.
    pub fn take_done(&mut self) -> String {
        std::mem::take(&mut self.done)
    }

    /// Takes the last line too, if it is longer than so many bytes and nothing in it was overwritten.
    pub fn take_long(&mut self, than: usize) -> Option<String> {
        match &mut self.line {
            LastLine::Added(text) if text.len() > than => Some(std::mem::take(text)),
            _ => None,
        }
    }
}

impl LastLine {
    /// The line as one in which something can be overwritten.
    fn cells(&mut self) -> &mut Overwritten {
        if let LastLine::Added(text) = self {
            let mut cells = Overwritten::default();
            let mut rest = text.as_str();
            while let Some(c) = rest.chars().next() {
                let length = if c == '\u{1b}' { escape_length(rest).unwrap_or(1) } else { c.len_utf8() };
                match c {
                    '\u{1b}' => cells.pending.push_str(&rest[..length]),
                    c => cells.put(c),
                }
                rest = &rest[length..];
            }
            *self = LastLine::Overwritten(cells);
        }
        let LastLine::Overwritten(cells) = self else { unreachable!("made one above") };
        cells
    }

    fn put(&mut self, plain: &str) {
        match self {
            LastLine::Added(text) => text.push_str(plain),
            LastLine::Overwritten(cells) => plain.chars().for_each(|c| cells.put(c)),
        }
    }

    fn escape(&mut self, escape: &str) {
        match (escape, &mut *self) {
            // At a line's end there is nothing to erase.
            ("\u{1b}[K" | "\u{1b}[0K", LastLine::Added(_)) => {}
            ("\u{1b}[K" | "\u{1b}[0K", LastLine::Overwritten(cells)) => {
                cells.cells.truncate(cells.column);
                cells.colours.split_off(&cells.column);
            }
            ("\u{1b}[2K", _) => {
                let cells = self.cells();
                cells.cells.fill(None);
                cells.colours.clear();
            }
            (colour, LastLine::Added(text)) if is_colour(colour) => text.push_str(colour),
            (colour, LastLine::Overwritten(cells)) if is_colour(colour) => cells.pending.push_str(colour),
            // Other movements make no sense in a text that is kept.
            _ => {}
        }
    }

    fn write(&self, to: &mut String) {
        match self {
            LastLine::Added(text) => to.push_str(text),
            LastLine::Overwritten(cells) => cells.write(to),
        }
    }

    fn into_text(self) -> String {
        match self {
            LastLine::Added(text) => text,
            LastLine::Overwritten(cells) => {
                let mut text = String::new();
                cells.write(&mut text);
                text
            }
        }
    }
}

impl Overwritten {
    fn put(&mut self, c: char) {
        if self.pending.is_empty() {
            self.colours.remove(&self.column);
        } else {
            self.colours.insert(self.column, std::mem::take(&mut self.pending));
        }
        match self.cells.get_mut(self.column) {
            Some(old) => *old = Some(c),
            None => self.cells.push(Some(c)),
        }
        self.column += 1;
    }

    /// What was erased is blank, at the end nothing.
    fn write(&self, to: &mut String) {
        let length = self.cells.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        for (column, cell) in self.cells[..length].iter().enumerate() {
            if let Some(colour) = self.colours.get(&column) {
                to.push_str(colour);
            }
            to.push(cell.unwrap_or(' '));
        }
        to.push_str(&self.pending);
    }
}

/// "Select graphic rendition", as ECMA-48 names it.
fn is_colour(escape: &str) -> bool {
    escape.starts_with("\u{1b}[") && escape.ends_with('m')
}

/// An escape that holds a string has its end within so many bytes, or none.
const LONGEST_STRING: usize = 1 << 20;

/// The length of the escape at the start of `text`, or `None` where its end is still to come. One that is broken off
/// ends there, so that the text behind it is text.
pub fn escape_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    match bytes.get(1)? {
        // Parameters, then one final byte; anything else breaks it off.
        b'[' => {
            let end = 2 + bytes[2..].iter().position(|byte| !(0x20..=0x3f).contains(byte))?;
            Some(if (0x40..=0x7e).contains(&bytes[end]) { end + 1 } else { end })
        }
        // An operating system command or another string ends with BEL or ESC \; without one, its text is text.
        kind @ (b']' | b'P' | b'_' | b'^' | b'X') => {
            let ends = |&(_, byte): &(usize, &u8)| matches!(byte, 0x07 | 0x1b) || (*byte == b'\n' && *kind != b'P');
            match bytes.iter().enumerate().skip(2).take(LONGEST_STRING).find(ends) {
                Some((at, 0x07)) => Some(at + 1),
                Some((at, 0x1b)) => match bytes.get(at + 1) {
                    Some(b'\\') => Some(at + 2),
                    Some(_) => Some(2),
                    None => None,
                },
                Some(_) => Some(2),
                None if bytes.len() > LONGEST_STRING => Some(2),
                None => None,
            }
        }
        // Intermediate bytes, then a final one, as in "choose this character set".
        0x20..=0x2f => {
            let end = 1 + bytes[1..].iter().position(|byte| !(0x20..=0x2f).contains(byte))?;
            Some(if (0x30..=0x7e).contains(&bytes[end]) { end + 1 } else { end })
        }
        // A control character or another escape is one of its own.
        0x00..=0x1f => Some(1),
        _ => Some(1 + text[1..].chars().next().map_or(0, char::len_utf8)),
    }
}

/// The length of the escape at the start of a text after which nothing comes: of one that holds a string and has no
/// end, only what introduces it.
pub fn last_escape_length(text: &str) -> usize {
    escape_length(text).unwrap_or_else(|| unfinished_length(text))
}

fn unfinished_length(text: &str) -> usize {
    if matches!(text.as_bytes().get(1), Some(b']' | b'P' | b'_' | b'^' | b'X')) { 2 } else { text.len() }
}

/// `text` without its escapes.
pub fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = &rest[last_escape_length(rest)..];
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
            (&["a\r", "\nb"], "a\nb"),
            (&["\u{1b}[31mab\u{1b}[0m\rX"], "\u{1b}[0mXb"),
            (&["\u{1b}[31mab\r\u{1b}[32mX\u{1b}[0m"], "\u{1b}[32mXb\u{1b}[0m"),
        ] {
            assert_eq!(folded(pieces), shown, "{pieces:?}");
        }
    }

    #[test]
    fn text_behind_an_unfinished_escape_is_not_lost() {
        for (pieces, shown) in [
            (&["\u{1b}]0;title\nnext\n"][..], "0;title\nnext\n"),
            (&["\u{1b}]0;no end"], "0;no end"),
            (&["\u{1b}]0;", "in parts", "\nnext"], "0;in parts\nnext"),
            (&["\u{1b}]0;title\u{7}shown"], "shown"),
            (&["\u{1b}]0;title\u{1b}", "\\shown"], "shown"),
            (&["\u{1b}]8;;x\u{1b}[31mred"], "8;;x\u{1b}[31mred"),
            (&["\u{1b}[\nkept"], "\nkept"),
            (&["\u{1b}[31öl"], "öl"),
            (&["\u{1b}[1;2\u{1b}[31mred"], "\u{1b}[31mred"),
            (&["\u{1b}(Bplain \u{1b}=keys"], "plain keys"),
            (&["\u{1b}_Gf=32", ";AAAA\u{1b}\\after"], "after"),
            (&["\u{1b}Pq#0\n#1\u{1b}\\after"], "after"),
            (&["\u{1b}\nkept"], "\nkept"),
            (&["ends with one \u{1b}"], "ends with one "),
        ] {
            assert_eq!(folded(pieces), shown, "{pieces:?}");
            let mut text = Folded::default();
            pieces.iter().for_each(|piece| text.push(piece));
            assert_eq!(text.into_text(), shown, "{pieces:?}");
        }
        let long = format!("\u{1b}]0;{}", "x".repeat(2 << 20));
        assert_eq!(folded(&[&long[..1 << 20], &long[1 << 20..]]).len(), long.len() - 2);
    }

    #[test]
    fn a_long_line_takes_no_more_room_than_its_text() {
        let mut text = Folded::default();
        (0..1000).for_each(|_| text.push(&"x".repeat(1000)));
        assert!(matches!(&text.line, LastLine::Added(line) if line.len() == 1_000_000));
        assert_eq!(text.take_long(2_000_000), None);
        assert_eq!(text.take_long(1000).map(|line| line.len()), Some(1_000_000));
        assert_eq!(text.text(), "");
    }

    #[test]
    fn escapes_are_told_from_text() {
        assert_eq!(without_escapes("\u{1b}[1;31mred\u{1b}[0m plain"), "red plain");
        assert_eq!(without_escapes("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{7}"), "link");
        assert_eq!(without_escapes("cut \u{1b}[1"), "cut ");
        assert_eq!(without_escapes("no escapes"), "no escapes");
        assert_eq!(without_escapes("\u{1b}]0;no end"), "0;no end");
        assert_eq!(without_escapes("\u{1b}[31\nkept"), "\nkept");
    }
}

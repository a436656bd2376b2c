//! The lines that a running cell has on the terminal: only those that changed are written again.

use super::picture::Picture;
use super::tty::WindowSize;
use crate::document::terminal::{last_escape_length, without_escapes};
use std::io::Write;
use std::sync::Arc;
use unicode_width::UnicodeWidthChar;

/// One line of the terminal.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// Text that fits, its colours ended.
    Text(String),
    /// The first line of a picture in pixels.
    Picture(Arc<Picture>),
    /// Another line of the picture above.
    Under,
}

/// What stands on the terminal since the cell began; the cursor is at the start of the line below.
pub struct Canvas {
    to: Box<dyn Write + Send>,
    shown: Vec<Row>,
    size: WindowSize,
}

impl Canvas {
    /// An empty canvas.
    pub fn new(to: Box<dyn Write + Send>, size: WindowSize) -> Canvas {
        Canvas { to, shown: Vec::new(), size }
    }

    /// How large the terminal is.
    pub fn size(&self) -> WindowSize {
        self.size
    }

    /// The terminal has another size now. Where a line no longer fits, what stands there has moved, nobody knows where
    /// to: it stays as it is.
    pub fn resize(&mut self, size: WindowSize) {
        let fits = |row: &Row| match row {
            Row::Text(text) => width(text) <= size.columns,
            Row::Picture(picture) => picture.columns <= size.columns,
            Row::Under => true,
        };
        if !self.shown.iter().all(fits) {
            self.shown.clear();
        }
        self.size = size;
    }

    /// How many of the lines can no longer be changed, for they may have left the window.
    pub fn out_of_reach(&self) -> usize {
        self.shown.len().saturating_sub(self.size.rows.saturating_sub(1))
    }

    /// Whether these lines, from the line `at` on, differ from those shown that can no longer be changed.
    pub fn differs(&self, at: usize, rows: &[Row]) -> bool {
        let fixed = self.shown.get(at..self.out_of_reach()).unwrap_or_default();
        fixed.iter().zip(rows).any(|(old, new)| old != new)
    }

    /// Forgets the first lines.
    pub fn forget(&mut self, count: usize) {
        self.shown.drain(..count.min(self.shown.len()));
    }

    /// Makes the terminal show these lines in place of those it shows, as far as they can be reached.
    pub fn paint(&mut self, rows: &[Row]) {
        let same = self.shown.iter().zip(rows).take_while(|(old, new)| old == new).count();
        let mut first = same.max(self.out_of_reach()).min(rows.len()).min(self.shown.len());
        // A picture is drawn as a whole or not at all.
        while first > self.out_of_reach() && matches!(rows.get(first), Some(Row::Under)) {
            first -= 1;
        }
        if first == rows.len() && first == self.shown.len() {
            return;
        }
        // Terminals that know "synchronized output" show all of it at once; the others ignore the mode.
        let mut text = String::from("\u{1b}[?2026h");
        match self.shown.len() - first {
            0 => {}
            up => text += &format!("\u{1b}[{up}A\r\u{1b}[J"),
        }
        for row in &rows[first..] {
            match row {
                Row::Text(line) => text += line,
                Row::Under => {}
                Row::Picture(picture) => {
                    // Room first, so that nothing scrolls between saving the cursor and restoring it.
                    let room = picture.rows + 1;
                    text += &"\r\n".repeat(room);
                    text += &format!("\u{1b}[{room}A\u{1b}7");
                    self.write(&text);
                    picture.draw_pixels();
                    text = "\u{1b}8".to_owned();
                }
            }
            text += "\r\n";
        }
        text += "\u{1b}[?2026l";
        self.write(&text);
        self.shown = rows.to_vec();
    }

    /// What is shown stays; the next lines go below.
    pub fn finish(&mut self) {
        self.shown.clear();
    }

    /// Writes something as it is; a terminal that is gone is noticed when the next line is read.
    pub fn write(&mut self, text: &str) {
        let _ = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush());
    }
}

/// Cuts text into lines that fit, with the colours of each begun and ended within it. Escapes that
/// are no colours are left out, all of them where `colours` are not wanted.
pub fn wrap(text: &str, columns: usize, colours: bool) -> Vec<String> {
    let mut wrapped = Vec::new();
    let mut style = String::new();
    for line in text.split_terminator('\n') {
        let last = wrap_line(line, columns, colours, &mut style, &mut wrapped);
        wrapped.push(ended(last, &style));
    }
    wrapped
}

/// As [`wrap`], for one line that goes on: its last part comes back apart, its colours not yet ended.
pub fn wrap_open(line: &str, columns: usize, colours: bool) -> (Vec<String>, String) {
    let mut wrapped = Vec::new();
    let last = wrap_line(line, columns, colours, &mut String::new(), &mut wrapped);
    (wrapped, last)
}

fn wrap_line(line: &str, columns: usize, colours: bool, style: &mut String, wrapped: &mut Vec<String>) -> String {
    let mut out = style.clone();
    let mut width = 0;
    let mut rest = line.trim_end_matches('\r');
    while let Some(c) = rest.chars().next() {
        if c == '\u{1b}' {
            let escape = &rest[..last_escape_length(rest)];
            rest = &rest[escape.len()..];
            if colours && escape.starts_with("\u{1b}[") && escape.ends_with('m') {
                restyle(style, escape);
                out += escape;
            }
            continue;
        }
        rest = &rest[c.len_utf8()..];
        let (piece, cells) = match c {
            '\t' => (' ', 8 - width % 8),
            c => (c, c.width().unwrap_or(0)),
        };
        if c.is_control() && c != '\t' {
            continue;
        }
        if width + cells > columns && width > 0 {
            wrapped.push(ended(std::mem::replace(&mut out, style.clone()), style));
            width = 0;
        }
        width += cells;
        out.extend(std::iter::repeat_n(piece, if c == '\t' { cells } else { 1 }));
    }
    out
}

/// What a "select graphic rendition" makes of those before it: a colour takes the place of the last one of its kind, so
/// that a line of many colours stays short.
fn restyle(style: &mut String, escape: &str) {
    if matches!(escape, "\u{1b}[0m" | "\u{1b}[m") {
        return style.clear();
    }
    fn kind(escape: &str) -> &str {
        let codes = escape.trim_start_matches("\u{1b}[").trim_end_matches('m');
        match codes.split(';').next().and_then(|code| code.parse::<u8>().ok()) {
            Some(30..=39 | 90..=97) => "fore",
            Some(40..=49 | 100..=107) => "back",
            _ => codes,
        }
    }
    let kept: String = style.split_inclusive('m').filter(|old| kind(old) != kind(escape)).collect();
    *style = kept + escape;
}

/// The characters' places that a line takes.
fn width(text: &str) -> usize {
    without_escapes(text).chars().map(|c| c.width().unwrap_or(0)).sum()
}

fn ended(line: String, style: &str) -> String {
    if style.is_empty() { line } else { line + "\u{1b}[0m" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn take(&self) -> String {
            let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
            text.replace("\u{1b}[?2026h", "").replace("\u{1b}[?2026l", "")
        }
    }

    fn rows(text: &str) -> Vec<Row> {
        text.lines().map(|line| Row::Text(line.to_owned())).collect()
    }

    #[test]
    fn only_what_changed_is_written() {
        let written = Written::default();
        let mut canvas = Canvas::new(Box::new(written.clone()), WindowSize { rows: 10, ..WindowSize::default() });
        canvas.paint(&rows("a\nb\nc"));
        assert_eq!(written.take(), "a\r\nb\r\nc\r\n");
        canvas.paint(&rows("a\nB\nc"));
        assert_eq!(written.take(), "\u{1b}[2A\r\u{1b}[JB\r\nc\r\n");
        canvas.paint(&rows("a\nB\nc"));
        assert_eq!(written.take(), "");
        canvas.paint(&rows("a\nB\nc\nd"));
        assert_eq!(written.take(), "d\r\n");
        canvas.paint(&rows("a"));
        assert_eq!(written.take(), "\u{1b}[3A\r\u{1b}[J");
        canvas.finish();
        canvas.paint(&rows("next"));
        assert_eq!(written.take(), "next\r\n");
    }

    #[test]
    fn what_left_the_window_is_left_alone() {
        let written = Written::default();
        let mut canvas = Canvas::new(Box::new(written.clone()), WindowSize { rows: 4, ..WindowSize::default() });
        canvas.paint(&rows("1\n2\n3\n4\n5"));
        written.take();
        canvas.paint(&rows("x\n2\n3\n4\ny"));
        assert_eq!(written.take(), "\u{1b}[3A\r\u{1b}[J3\r\n4\r\ny\r\n");
    }

    #[test]
    fn lines_fit_whatever_their_characters() {
        for (text, columns, lines) in [
            ("abcdef", 3, &["abc", "def"][..]),
            ("ab\n\ncd\n", 3, &["ab", "", "cd"]),
            ("漢字漢", 5, &["漢字", "漢"]),
            ("\u{1b}[31mabcd\u{1b}[0me", 3, &["\u{1b}[31mabc\u{1b}[0m", "\u{1b}[31md\u{1b}[0me"]),
            ("\u{1b}[1mx\ny\u{1b}[0m", 3, &["\u{1b}[1mx\u{1b}[0m", "\u{1b}[1my\u{1b}[0m"]),
            ("a\u{1b}]0;title\u{7}\u{1b}[2Jb\u{7}", 9, &["ab"]),
            ("a\tb", 20, &["a       b"]),
            ("\u{1b}]0;no end", 9, &["0;no end"]),
            ("\u{1b}[31", 9, &[""]),
        ] {
            assert_eq!(wrap(text, columns, true), lines, "{text:?}");
        }
        assert_eq!(wrap("\u{1b}[31mred\u{1b}[0m", 9, false), ["red"]);
        let colourful: String = (0..100).map(|i| format!("\u{1b}[3{}mabc", i % 8)).collect();
        let longest = wrap(&colourful, 3, true).iter().map(String::len).max();
        assert!(longest < Some(20), "{longest:?}");
        let (lines, rest) = wrap_open("\u{1b}[31mabcd", 3, true);
        assert_eq!((lines, rest.as_str()), (vec!["\u{1b}[31mabc\u{1b}[0m".to_owned()], "\u{1b}[31md"));
    }
}

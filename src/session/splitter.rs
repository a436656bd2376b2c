//! Splits a cell's standard output into text, frames, displays of the evcxr convention, and evcxr's marks.

use candlewick_wire::{MARK, Message, MimeBundle, parse_frame};
use serde_json::{Map, Value};

/// What the splitter found.
#[derive(Debug, PartialEq)]
pub enum Piece {
    /// Text, whole characters only.
    Text(String),
    /// A frame, or a display of the evcxr convention.
    Message(Message),
    /// evcxr's mark of a `?` that met an error.
    Failed(Vec<u8>),
    /// evcxr's mark of a panic.
    Panicked(Vec<u8>),
    /// evcxr's mark of the cell's end.
    Complete(Vec<u8>),
    /// Another line for evcxr.
    Evcxr(Vec<u8>),
}

const EVCXR: &[u8] = b"EVCXR_";
const BEGIN: &[u8] = b"EVCXR_BEGIN_CONTENT ";
const END: &[u8] = b"EVCXR_END_CONTENT";

/// A streaming splitter; one a runtime.
pub struct Splitter {
    cookie: String,
    /// Bytes not yet decided on: the start of a mark, of a frame or of a character.
    held: Vec<u8>,
    /// Inside a content block: its MIME type and what came so far.
    block: Option<(String, Vec<u8>)>,
    /// Blocks that followed each other directly: one output, perhaps the cell's value.
    value: MimeBundle,
}

impl Splitter {
    /// A splitter for frames that carry `cookie`.
    pub fn new(cookie: &str) -> Splitter {
        Splitter { cookie: cookie.to_owned(), held: Vec::new(), block: None, value: Map::new() }
    }

    /// Whether bytes are held back that may turn out to be text.
    pub fn holds(&self) -> bool {
        self.block.is_none() && !self.held.is_empty() && !self.held.starts_with(MARK.as_bytes())
    }

    /// Takes bytes; gives what they completed.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.held.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_slice();
        loop {
            if self.block.is_some() {
                match line_end(rest) {
                    Some(end) => {
                        self.block_line(&rest[..end]);
                        rest = &rest[end + 1..];
                        continue;
                    }
                    None => break,
                }
            }
            let Some(mark) = find_mark(rest) else {
                let keep = trailing_part(rest);
                self.text(&rest[..rest.len() - keep], &mut pieces);
                rest = &rest[rest.len() - keep..];
                break;
            };
            self.text(&rest[..mark], &mut pieces);
            rest = &rest[mark..];
            if rest.starts_with(MARK.as_bytes()) && !self.may_be_ours(rest) {
                self.text(&rest[..1], &mut pieces);
                rest = &rest[1..];
                continue;
            }
            match line_end(rest) {
                Some(end) => {
                    self.line(&rest[..end], &mut pieces);
                    rest = &rest[end + 1..];
                }
                None => break,
            }
        }
        self.held = rest.to_vec();
        pieces
    }

    /// Gives up on what is held: it is text after all.
    pub fn give_up(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let held = std::mem::take(&mut self.held);
        self.text(&held, &mut pieces);
        pieces
    }

    /// The blocks that ended the cell, as its value.
    pub fn take_value(&mut self) -> Vec<Piece> {
        let mut pieces = self.give_up();
        self.block = None;
        if !self.value.is_empty() {
            let data = std::mem::take(&mut self.value);
            pieces.push(Piece::Message(Message::Result { data, metadata: Map::new() }));
        }
        pieces
    }

    fn may_be_ours(&self, rest: &[u8]) -> bool {
        let after = &rest[MARK.len()..];
        let cookie = self.cookie.as_bytes();
        let common = after.len().min(cookie.len());
        after[..common] == cookie[..common]
    }

    fn text(&mut self, bytes: &[u8], pieces: &mut Vec<Piece>) {
        if bytes.is_empty() {
            return;
        }
        self.show_value(pieces);
        let text = String::from_utf8_lossy(bytes);
        match pieces.last_mut() {
            Some(Piece::Text(last)) => last.push_str(&text),
            _ => pieces.push(Piece::Text(text.into_owned())),
        }
    }

    /// Blocks that something followed are an output of their own, not the cell's value.
    fn show_value(&mut self, pieces: &mut Vec<Piece>) {
        if !self.value.is_empty() {
            let data = std::mem::take(&mut self.value);
            pieces.push(Piece::Message(Message::Display { data, metadata: Map::new(), display_id: None }));
        }
    }

    /// A whole line that starts with a mark.
    fn line(&mut self, line: &[u8], pieces: &mut Vec<Piece>) {
        if let Some(message) = parse_frame(&self.cookie, line) {
            self.show_value(pieces);
            pieces.push(Piece::Message(message));
        } else if let Some(mime) = line.strip_prefix(BEGIN) {
            let mime = String::from_utf8_lossy(mime).trim().to_owned();
            if self.value.contains_key(&mime) {
                self.show_value(pieces);
            }
            self.block = Some((mime, Vec::new()));
        } else {
            let owned = line.to_vec();
            if line.starts_with(b"EVCXR_INPUT_REQUEST") {
                self.show_value(pieces);
            }
            let piece = match line {
                b"EVCXR_EXECUTION_COMPLETE" => Piece::Complete(owned),
                b"EVCXR_PANIC_NOTIFICATION" => Piece::Panicked(owned),
                b"EVCXR_ERROR_OCCURRED" => Piece::Failed(owned),
                _ if line.starts_with(b"EVCXR_VARIABLE_CHANGED_TYPE:") => Piece::Evcxr(owned),
                _ if line.starts_with(b"EVCXR_INPUT_REQUEST") => Piece::Evcxr(owned),
                _ => {
                    let mut text = owned;
                    text.push(b'\n');
                    return self.text(&text, pieces);
                }
            };
            pieces.push(piece);
        }
    }

    fn block_line(&mut self, line: &[u8]) {
        let Some((mime, content)) = &mut self.block else { return };
        if line != END {
            if !content.is_empty() {
                content.push(b'\n');
            }
            content.extend_from_slice(line);
            return;
        }
        let text = String::from_utf8_lossy(content).into_owned();
        let is_json = mime == "application/json" || mime.ends_with("+json");
        let value = match serde_json::from_str(&text) {
            Ok(value) if is_json => value,
            _ => Value::String(text),
        };
        self.value.insert(std::mem::take(mime), value);
        self.block = None;
    }
}

fn line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b'\n')
}

fn find_mark(bytes: &[u8]) -> Option<usize> {
    let starts = |mark: &[u8]| bytes.windows(mark.len()).position(|window| window == mark);
    match (starts(MARK.as_bytes()), starts(EVCXR)) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// How many bytes at the end may be the beginning of a mark or of a character.
fn trailing_part(bytes: &[u8]) -> usize {
    let mut keep = 0;
    for mark in [MARK.as_bytes(), EVCXR] {
        for length in (1..mark.len()).rev() {
            if length <= bytes.len() && bytes.ends_with(&mark[..length]) {
                keep = keep.max(length);
                break;
            }
        }
    }
    // A character is at most four bytes: find the last lead byte and see whether all of it is here.
    for back in 1..=bytes.len().min(4) {
        let byte = bytes[bytes.len() - back];
        let needs = match byte {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            0x80..=0xbf => continue,
            _ => 1,
        };
        if needs > back {
            keep = keep.max(back);
        }
        break;
    }
    keep
}

#[cfg(test)]
mod tests {
    use super::*;
    use candlewick_wire::frame;

    /// Feeds `input` in pieces of every size and expects the same pieces, texts joined.
    fn check(input: &[u8], expected: &[Piece]) {
        for size in 1..=input.len() {
            let mut splitter = Splitter::new("k");
            let mut found: Vec<Piece> = Vec::new();
            let mut add = |piece: Piece| match (found.last_mut(), piece) {
                (Some(Piece::Text(last)), Piece::Text(text)) => last.push_str(&text),
                (_, piece) => found.push(piece),
            };
            for part in input.chunks(size) {
                splitter.push(part).into_iter().for_each(&mut add);
            }
            splitter.take_value().into_iter().for_each(&mut add);
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    fn bundle(pairs: &[(&str, &str)]) -> MimeBundle {
        pairs.iter().map(|(mime, text)| ((*mime).to_owned(), Value::from(*text))).collect()
    }

    #[test]
    fn text_without_a_newline_stands_before_the_mark() {
        let complete = Piece::Complete(b"EVCXR_EXECUTION_COMPLETE".to_vec());
        check(b"loss 0.5EVCXR_EXECUTION_COMPLETE\n", &[text("loss 0.5"), complete]);
    }

    #[test]
    fn frames_keep_their_place_between_texts() {
        let clear = Message::Clear { wait: false };
        let input = format!("a{}b\u{e9}\u{1f56f}\n", frame("k", &clear));
        check(input.as_bytes(), &[text("a"), Piece::Message(clear), text("b\u{e9}\u{1f56f}\n")]);
    }

    #[test]
    fn a_frame_of_another_channel_and_half_marks_are_text() {
        let input = format!("{}EVCXR_nothing\nEVC \u{1e}candle", frame("other", &Message::Clear { wait: true }));
        check(input.as_bytes(), &[text(&input)]);
    }

    #[test]
    fn blocks_in_a_row_are_one_value_and_blocks_before_text_a_display() {
        let input = b"EVCXR_BEGIN_CONTENT text/html\n<b>\nx\nEVCXR_END_CONTENT\nthen\n\
            EVCXR_BEGIN_CONTENT text/plain\n42\nEVCXR_END_CONTENT\nEVCXR_BEGIN_CONTENT text/html\n4\nEVCXR_END_CONTENT\n";
        let shown =
            Message::Display { data: bundle(&[("text/html", "<b>\nx")]), metadata: Map::new(), display_id: None };
        let data = bundle(&[("text/html", "4"), ("text/plain", "42")]);
        let value = Message::Result { data, metadata: Map::new() };
        check(input, &[Piece::Message(shown), text("then\n"), Piece::Message(value)]);
    }

    #[test]
    fn marks_of_errors_panics_and_questions_are_told_apart() {
        check(
            b"EVCXR_ERROR_OCCURRED\nEVCXR_PANIC_NOTIFICATION\nEVCXR_INPUT_REQUEST:name? \nEVCXR_VARIABLE_CHANGED_TYPE:x\n",
            &[
                Piece::Failed(b"EVCXR_ERROR_OCCURRED".to_vec()),
                Piece::Panicked(b"EVCXR_PANIC_NOTIFICATION".to_vec()),
                Piece::Evcxr(b"EVCXR_INPUT_REQUEST:name? ".to_vec()),
                Piece::Evcxr(b"EVCXR_VARIABLE_CHANGED_TYPE:x".to_vec()),
            ],
        );
    }
}

//! Splits a cell's standard output into text, frames, and displays of the evcxr convention.
//!
//! What the code around a cell tells evcxr comes in frames too. Only before the prelude has said hello, while nothing of
//! the user's runs, do evcxr's own lines count: later they are text like any other.

use candlewick_wire::{Display, MARK, Message, MimeBundle, Said, parse_frame};
use serde_json::{Map, Value};

/// What the splitter found.
#[derive(Debug, PartialEq)]
pub enum Piece {
    /// Text, whole characters only.
    Text(String),
    /// A frame, or a display of the evcxr convention.
    Message(Message),
}

const BEGIN: &[u8] = b"EVCXR_BEGIN_CONTENT ";
const END: &[u8] = b"EVCXR_END_CONTENT\n";
/// The lines with which programs that do not know the prelude speak to evcxr.
const PLAIN: [&[u8]; 2] = [b"EVCXR_PANIC_NOTIFICATION\n", b"EVCXR_ERROR_OCCURRED\n"];
/// A MIME type is no longer than this.
const LONGEST_MIME: usize = 200;
/// No display is longer than this: it is text that looks like one.
const LONGEST_BLOCK: usize = 64 << 20;

/// A streaming splitter; one a runtime.
pub struct Splitter {
    cookie: String,
    /// Whether the prelude has said hello.
    greeted: bool,
    /// Bytes not yet decided on: the start of a mark, of a frame or of a character.
    held: Vec<u8>,
    /// How many of these are known to hold no newline.
    searched: usize,
    block: Option<Content>,
    /// Blocks that followed each other directly: one output, perhaps the cell's value.
    value: MimeBundle,
}

/// A content block that has begun: its first line, and what came so far.
struct Content {
    first: Vec<u8>,
    content: Vec<u8>,
}

/// What stands where a mark begins.
enum Found {
    /// No mark after all.
    Text,
    /// More is needed.
    Part,
    /// A frame, or a line for evcxr; so many bytes of it.
    Message(Message, usize),
    /// The first line of a block; so many bytes of it.
    Block(usize),
}

impl Splitter {
    /// A splitter for frames that carry `cookie`.
    pub fn new(cookie: &str) -> Splitter {
        Splitter {
            cookie: cookie.to_owned(),
            greeted: false,
            held: Vec::new(),
            searched: 0,
            block: None,
            value: Map::new(),
        }
    }

    /// Whether bytes are held back that may turn out to be text.
    pub fn holds(&self) -> bool {
        self.block.is_none() && !self.held.is_empty() && !self.held.starts_with(MARK.as_bytes())
    }

    /// Takes bytes; gives what they completed.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < held.len() {
            let rest = &held[at..];
            let used =
                if self.block.is_some() { self.within(rest, &mut pieces) } else { self.outside(rest, &mut pieces) };
            if used == 0 {
                break;
            }
            at += used;
            self.searched = 0;
        }
        held.drain(..at);
        self.held = held;
        pieces
    }

    /// Gives up on what is held: it is text after all.
    pub fn give_up(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let held = std::mem::take(&mut self.held);
        self.searched = 0;
        self.text(&held, &mut pieces);
        pieces
    }

    /// The cell has ended: what had only begun was text, and the blocks that came last are its value.
    pub fn end_cell(&mut self) -> Vec<Piece> {
        if let Some(block) = self.block.take() {
            let held = std::mem::take(&mut self.held);
            self.held = [block.first, block.content, held].concat();
        }
        let mut pieces = self.give_up();
        if !self.value.is_empty() {
            let data = std::mem::take(&mut self.value);
            pieces.push(Piece::Message(Said::Result(Display { data, ..Display::default() }).into()));
        }
        pieces
    }

    /// Looks at bytes outside of a block; how many are dealt with, 0 where more are needed.
    fn outside(&mut self, rest: &[u8], pieces: &mut Vec<Piece>) -> usize {
        let text = match self.find_mark(rest) {
            Some(mark) => mark,
            None => match rest.len() - self.trailing_part(rest) {
                0 => return 0,
                text => text,
            },
        };
        if text > 0 {
            self.text(&rest[..text], pieces);
            return text;
        }
        match self.found(rest) {
            Found::Part => 0,
            Found::Text => {
                // Only its first character was a mark's: what comes after may hold a whole one.
                self.text(&rest[..1], pieces);
                1
            }
            Found::Message(message, length) => {
                self.message(message, pieces);
                length
            }
            Found::Block(length) => {
                let first = rest[..length].to_vec();
                if self.value.contains_key(&mime(&first)) {
                    self.show_value(pieces);
                }
                self.block = Some(Content { first, content: Vec::new() });
                length
            }
        }
    }

    /// Looks at bytes inside a block; how many are dealt with, 0 where more are needed.
    fn within(&mut self, rest: &[u8], pieces: &mut Vec<Piece>) -> usize {
        let Some(end) = self.line_end(rest) else { return 0 };
        let line = &rest[..end];
        // Another thread may say something meanwhile, in the middle of a line too.
        let frame = find(line, &[MARK.as_bytes()])
            .and_then(|mark| (mark..end - 1).find_map(|at| Some((at, parse_frame(&self.cookie, &line[at..end - 1])?))));
        let Some(block) = &mut self.block else { return 0 };
        if let Some((at, message)) = frame {
            block.content.extend_from_slice(&line[..at]);
            self.message(message, pieces);
            return end;
        }
        if line == END && (block.content.is_empty() || block.content.ends_with(b"\n")) {
            self.close();
            return end;
        }
        block.content.extend_from_slice(line);
        if block.content.len() > LONGEST_BLOCK {
            let text = [std::mem::take(&mut block.first), std::mem::take(&mut block.content)].concat();
            self.block = None;
            self.text(&text, pieces);
        }
        end
    }

    /// The block has come to its end: one form of what is shown.
    fn close(&mut self) {
        let Some(block) = self.block.take() else { return };
        let mime = mime(&block.first);
        let content = block.content.strip_suffix(b"\n").unwrap_or(&block.content);
        let text = String::from_utf8_lossy(content).into_owned();
        let is_json = mime == "application/json" || mime.ends_with("+json");
        let value = match serde_json::from_str(&text) {
            Ok(value) if is_json => value,
            _ => Value::String(text),
        };
        self.value.insert(mime, value);
    }

    /// What begins here, where a mark does.
    fn found(&mut self, rest: &[u8]) -> Found {
        if let Some(after) = rest.strip_prefix(MARK.as_bytes()) {
            let cookie = self.cookie.as_bytes();
            let common = after.len().min(cookie.len());
            if after[..common] != cookie[..common] {
                return Found::Text;
            }
            let Some(end) = self.line_end(rest) else { return Found::Part };
            let message = parse_frame(&self.cookie, &rest[..end - 1]);
            return message.map_or(Found::Text, |message| Found::Message(message, end));
        }
        if let Some(after) = rest.strip_prefix(BEGIN) {
            return match after.iter().position(|&byte| !is_of_mime(byte)) {
                Some(end) if after[end] == b'\n' && after[..end].contains(&b'/') => Found::Block(BEGIN.len() + end + 1),
                None if after.len() <= LONGEST_MIME => Found::Part,
                _ => Found::Text,
            };
        }
        for mark in PLAIN {
            if rest.starts_with(mark) {
                let line = String::from_utf8_lossy(&mark[..mark.len() - 1]).into_owned();
                return Found::Message(Message::Evcxr { line }, mark.len());
            }
        }
        Found::Text
    }

    fn message(&mut self, message: Message, pieces: &mut Vec<Piece>) {
        self.greeted |= matches!(message, Message::Hello { .. });
        self.show_value(pieces);
        pieces.push(Piece::Message(message));
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
            pieces.push(Piece::Message(Said::Display(Display { data, ..Display::default() }).into()));
        }
    }

    /// Where the first line ends, its newline included. A long line comes in many parts: what was looked through is
    /// not looked through again.
    fn line_end(&mut self, rest: &[u8]) -> Option<usize> {
        let found = rest[self.searched..].iter().position(|&byte| byte == b'\n');
        let end = found.map(|at| self.searched + at + 1);
        self.searched = if end.is_some() { 0 } else { rest.len() };
        end
    }

    fn marks(&self) -> &'static [&'static [u8]] {
        static MARKS: [&[u8]; 4] = [MARK.as_bytes(), BEGIN, PLAIN[0], PLAIN[1]];
        if self.greeted { &MARKS[..2] } else { &MARKS }
    }

    fn find_mark(&self, bytes: &[u8]) -> Option<usize> {
        find(bytes, self.marks())
    }

    /// How many bytes at the end may be the beginning of a mark or of a character.
    fn trailing_part(&self, bytes: &[u8]) -> usize {
        let mut keep = part_of_character(bytes);
        for mark in self.marks() {
            let most = mark.len().min(bytes.len() + 1);
            let part = (1..most).rev().find(|&length| bytes.ends_with(&mark[..length]));
            keep = keep.max(part.unwrap_or(0));
        }
        keep
    }
}

/// The MIME type in a block's first line.
fn mime(first: &[u8]) -> String {
    String::from_utf8_lossy(&first[BEGIN.len()..]).trim().to_owned()
}

/// Whether a MIME type may hold this byte; a space only stands before a parameter, where no kernel writes one.
fn is_of_mime(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte == b'\r'
}

/// Where the first of the marks is.
fn find(bytes: &[u8], marks: &[&[u8]]) -> Option<usize> {
    let first = |byte: &u8| marks.iter().any(|mark| mark[0] == *byte);
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(first).map(|at| from + at) {
        if marks.iter().any(|mark| bytes[at..].starts_with(mark)) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// How many bytes at the end are the beginning of a character.
fn part_of_character(bytes: &[u8]) -> usize {
    // A character is at most four bytes: find the last lead byte and see whether all of it is here.
    for back in 1..=bytes.len().min(4) {
        let needs = match bytes[bytes.len() - back] {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            0x80..=0xbf => continue,
            _ => 1,
        };
        return if needs > back { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests;

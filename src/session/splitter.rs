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
const COMPLETE: &[u8] = b"EVCXR_EXECUTION_COMPLETE";
const PANIC: &[u8] = b"EVCXR_PANIC_NOTIFICATION";
const FAILED: &[u8] = b"EVCXR_ERROR_OCCURRED";

/// A streaming splitter; one a runtime.
pub struct Splitter {
    cookie: String,
    /// Bytes not yet decided on: the start of a mark, of a frame or of a character.
    held: Vec<u8>,
    /// How many of these are known to hold no newline.
    searched: usize,
    /// Inside a content block: its MIME type and what came so far.
    block: Option<(String, Vec<u8>)>,
    /// Blocks that followed each other directly: one output, perhaps the cell's value.
    value: MimeBundle,
}

impl Splitter {
    /// A splitter for frames that carry `cookie`.
    pub fn new(cookie: &str) -> Splitter {
        Splitter { cookie: cookie.to_owned(), held: Vec::new(), searched: 0, block: None, value: Map::new() }
    }

    /// Whether bytes are held back that may turn out to be text.
    pub fn holds(&self) -> bool {
        self.block.is_none() && !self.held.is_empty() && !self.held.starts_with(MARK.as_bytes())
    }

    /// Takes bytes; gives what they completed.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(bytes);
        // A long line comes in many parts: what was looked through is not looked through again.
        let mut searched = std::mem::take(&mut self.searched);
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < held.len() {
            let rest = &held[at..];
            if self.block.is_none() {
                let text = match find_mark(rest) {
                    Some(0) if rest.starts_with(MARK.as_bytes()) && !self.may_be_ours(rest) => 1,
                    Some(mark) => mark,
                    None => rest.len() - trailing_part(rest),
                };
                if text > 0 {
                    self.text(&rest[..text], &mut pieces);
                    at += text;
                    searched = 0;
                    continue;
                }
                if find_mark(rest).is_none() {
                    break;
                }
            }
            let Some(end) = line_end(&rest[searched..]).map(|end| searched + end) else {
                self.searched = rest.len();
                break;
            };
            searched = 0;
            let line = &rest[..end];
            at += if self.block.is_some() {
                self.block_line(line, &mut pieces)
            } else if self.line(line, &mut pieces) {
                end + 1
            } else {
                // Only its first character was a mark's: what comes after may hold a whole one.
                self.text(&rest[..1], &mut pieces);
                1
            };
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

    /// A whole line that starts with a mark; false where it is no line of ours or of evcxr's.
    fn line(&mut self, line: &[u8], pieces: &mut Vec<Piece>) -> bool {
        if let Some(message) = parse_frame(&self.cookie, line) {
            self.show_value(pieces);
            pieces.push(Piece::Message(message));
            return true;
        }
        let ends_cell = cell_end(line);
        if ends_cell.is_some_and(|length| length < line.len()) {
            return false;
        }
        let owned = line.to_vec();
        if let Some(mime) = line.strip_prefix(BEGIN) {
            let mime = String::from_utf8_lossy(mime).trim().to_owned();
            if self.value.contains_key(&mime) {
                self.show_value(pieces);
            }
            self.block = Some((mime, Vec::new()));
        } else if line == COMPLETE {
            pieces.push(Piece::Complete(owned));
        } else if line == PANIC {
            pieces.push(Piece::Panicked(owned));
        } else if line == FAILED {
            pieces.push(Piece::Failed(owned));
        } else if line.starts_with(b"EVCXR_VARIABLE_CHANGED_TYPE:") {
            pieces.push(Piece::Evcxr(owned));
        } else if line.starts_with(b"EVCXR_INPUT_REQUEST") {
            self.show_value(pieces);
            pieces.push(Piece::Evcxr(owned));
        } else {
            return false;
        }
        true
    }

    /// A line inside a block; how many of its bytes are dealt with, its newline included.
    fn block_line(&mut self, line: &[u8], pieces: &mut Vec<Piece>) -> usize {
        let Some((mime, content)) = &mut self.block else { return 0 };
        if let Some(mark) = cell_end(line) {
            // The cell has ended inside the block: it was text.
            let mut text = [BEGIN, mime.as_bytes(), b"\n", content].concat();
            if !content.is_empty() {
                text.push(b'\n');
            }
            let before = line.len() - mark;
            text.extend_from_slice(&line[..before]);
            self.block = None;
            self.text(&text, pieces);
            return before;
        }
        if line != END {
            if !content.is_empty() {
                content.push(b'\n');
            }
            content.extend_from_slice(line);
            return line.len() + 1;
        }
        let text = String::from_utf8_lossy(content).into_owned();
        let is_json = mime == "application/json" || mime.ends_with("+json");
        let value = match serde_json::from_str(&text) {
            Ok(value) if is_json => value,
            _ => Value::String(text),
        };
        self.value.insert(std::mem::take(mime), value);
        self.block = None;
        line.len() + 1
    }
}

/// How long the mark is with which this line ends a cell, if it does: text may stand before it.
fn cell_end(line: &[u8]) -> Option<usize> {
    [COMPLETE, PANIC].iter().find(|mark| line.ends_with(mark)).map(|mark| mark.len())
}

fn line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b'\n')
}

fn find_mark(bytes: &[u8]) -> Option<usize> {
    let is_mark = |at: usize| [MARK.as_bytes(), EVCXR].iter().any(|mark| bytes[at..].starts_with(mark));
    let first = |byte: &u8| *byte == MARK.as_bytes()[0] || *byte == EVCXR[0];
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(first).map(|at| from + at) {
        if is_mark(at) {
            return Some(at);
        }
        from = at + 1;
    }
    None
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

    #[test]
    fn a_cell_that_ends_inside_a_block_or_a_half_mark_has_ended() {
        let end = "EVCXR_EXECUTION_COMPLETE";
        let starts = [
            "EVCXR_BEGIN_CONTENT text/html\n<b>\nx",
            "EVCXR_",
            "EVCXR_BEGIN_CONTENT a",
            "EVCXR_INPUT_REQUEST:",
            "\u{1e}candlewick:k {",
        ];
        for start in starts {
            check(format!("{start}{end}\n").as_bytes(), &[text(start), Piece::Complete(end.into())]);
        }
    }

    #[test]
    fn a_long_frame_in_many_parts_is_read_once() {
        let text = "x".repeat(32 << 20);
        let message = Message::Stream { name: candlewick_wire::StreamName::Stdout, text };
        let mut splitter = Splitter::new("k");
        let start = std::time::Instant::now();
        let line = frame("k", &message);
        let found: Vec<Piece> = line.as_bytes().chunks(1 << 14).flat_map(|part| splitter.push(part)).collect();
        assert!(found == [Piece::Message(message)]);
        // 2,000 parts, of which each would else be searched from the frame's beginning: half a minute.
        assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
    }

    /// Random output of a child. `PROPTEST_CASES` makes it longer or shorter than the tests' minute.
    mod fuzz {
        use super::*;
        use proptest::prelude::*;
        use proptest::sample::Index;

        /// How often, unless told otherwise.
        const CASES: u32 = 20_000;

        fn config() -> ProptestConfig {
            let told = std::env::var_os("PROPTEST_CASES").is_some();
            let default = ProptestConfig::default();
            ProptestConfig { cases: if told { default.cases } else { CASES }, failure_persistence: None, ..default }
        }

        fn message() -> impl Strategy<Value = Message> {
            let text = prop_oneof!["[ -~\n]{0,30}", any::<String>()];
            let bundle = prop::collection::btree_map("[a-z]{1,4}/[a-z+]{1,6}", text.clone(), 0..3)
                .prop_map(|map| map.into_iter().map(|(mime, text)| (mime, Value::from(text))).collect::<MimeBundle>());
            prop_oneof![
                text.prop_map(|text| Message::Stream { name: candlewick_wire::StreamName::Stderr, text }),
                (bundle.clone(), any::<Option<String>>()).prop_map(|(data, display_id)| Message::Display {
                    data,
                    metadata: Map::new(),
                    display_id
                }),
                (bundle, any::<String>()).prop_map(|(data, display_id)| Message::Update {
                    data,
                    metadata: Map::new(),
                    display_id
                }),
                any::<bool>().prop_map(|wait| Message::Clear { wait }),
                any::<u64>().prop_map(|number| Message::Handled { number }),
            ]
        }

        /// What a child may write: text, bytes, marks of every kind, frames whole and damaged.
        fn part() -> impl Strategy<Value = Vec<u8>> {
            let marks = [
                MARK,
                "\u{1e}candlewick:k",
                "\u{1e}candlewick:k ",
                "\u{1e}",
                "EVCXR_",
                "EVC",
                "EVCXR_BEGIN_CONTENT text/plain\n",
                "EVCXR_BEGIN_CONTENT application/json\n",
                "EVCXR_BEGIN_CONTENT ",
                "EVCXR_END_CONTENT\n",
                "EVCXR_END_CONTENT",
                "EVCXR_ERROR_OCCURRED\n",
                "EVCXR_PANIC_NOTIFICATION\n",
                "EVCXR_EXECUTION_COMPLETE\n",
                "EVCXR_EXECUTION_COMPLETE",
                "EVCXR_INPUT_REQUEST:a? \n",
                "EVCXR_VARIABLE_CHANGED_TYPE:x\n",
                "\n",
                "\r\n",
            ];
            let damaged = (message(), any::<Index>(), any::<u8>(), 0..4u8).prop_map(|(message, at, byte, how)| {
                let mut line = frame("k", &message).into_bytes();
                let at = at.index(line.len());
                match how {
                    0 => line[at] ^= byte | 1,
                    1 => line.truncate(at),
                    2 => line.insert(at, byte),
                    _ => drop(line.remove(at)),
                }
                line
            });
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..20),
                any::<String>().prop_map(String::into_bytes),
                prop::sample::select(marks.to_vec()).prop_map(|mark| mark.as_bytes().to_vec()),
                message().prop_map(|message| frame("k", &message).into_bytes()),
                damaged,
            ]
        }

        fn joined(pieces: impl IntoIterator<Item = Piece>) -> Vec<Piece> {
            let mut found: Vec<Piece> = Vec::new();
            for piece in pieces {
                match (found.last_mut(), piece) {
                    (Some(Piece::Text(last)), Piece::Text(text)) => last.push_str(&text),
                    (_, piece) => found.push(piece),
                }
            }
            found
        }

        proptest! {
            #![proptest_config(config())]

            /// However the bytes are cut, the same comes out; and the cell's end always does.
            #[test]
            fn any_bytes_in_any_parts(
                parts in prop::collection::vec(part(), 0..12),
                cuts in prop::collection::vec(any::<Index>(), 0..12),
            ) {
                let mut input = parts.concat();
                input.extend_from_slice(b"EVCXR_EXECUTION_COMPLETE\n");
                let mut whole = Splitter::new("k");
                let mut expected = whole.push(&input);
                let last = expected.iter().rev().find(|piece| !matches!(piece, Piece::Text(_)));
                prop_assert_eq!(last, Some(&Piece::Complete(COMPLETE.to_vec())));
                expected.extend(whole.take_value());
                let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
                cuts.extend([0, input.len()]);
                cuts.sort_unstable();
                let mut cut = Splitter::new("k");
                let mut found: Vec<Piece> = cuts.windows(2).flat_map(|ends| cut.push(&input[ends[0]..ends[1]])).collect();
                found.extend(cut.take_value());
                prop_assert_eq!(joined(found), joined(expected));
            }

            /// Text and whole frames come out as they went in.
            #[test]
            fn nothing_is_lost(parts in prop::collection::vec((any::<String>(), message()), 0..8)) {
                let (mut input, mut expected) = (String::new(), Vec::new());
                for (words, message) in parts {
                    let words = words.replace(['\u{1e}', 'E'], "");
                    input.push_str(&words);
                    input.push_str(&frame("k", &message));
                    if !words.is_empty() {
                        expected.push(Piece::Text(words));
                    }
                    expected.push(Piece::Message(message));
                }
                prop_assert_eq!(Splitter::new("k").push(input.as_bytes()), expected);
            }
        }
    }
}

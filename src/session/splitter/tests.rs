//! What the splitter makes of output, cut in every way, and of random output.

use super::*;
use candlewick_wire::frame;

/// As when the prelude has said hello.
fn greeted() -> Splitter {
    Splitter { greeted: true, ..Splitter::new("k") }
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

/// Feeds `input` in pieces of every size, ends the cell, and expects the same pieces, texts joined.
fn check_with(splitter: fn() -> Splitter, input: &[u8], expected: &[Piece]) {
    for size in 1..=input.len() {
        let mut splitter = splitter();
        let mut found: Vec<Piece> = input.chunks(size).flat_map(|part| splitter.push(part)).collect();
        found.extend(splitter.end_cell());
        assert_eq!(joined(found), expected, "in pieces of {size}");
    }
}

fn check(input: &[u8], expected: &[Piece]) {
    check_with(greeted, input, expected);
}

fn text(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}

fn bundle(pairs: &[(&str, &str)]) -> MimeBundle {
    pairs.iter().map(|(mime, text)| ((*mime).to_owned(), Value::from(*text))).collect()
}

fn shown(data: MimeBundle) -> Display {
    Display { data, ..Display::default() }
}

#[test]
fn frames_keep_their_place_between_texts() {
    let clear = Message::from(Said::Clear { wait: false });
    let input = format!("a{}b\u{e9}\u{1f56f}\n", frame("k", &clear));
    check(input.as_bytes(), &[text("a"), Piece::Message(clear), text("b\u{e9}\u{1f56f}\n")]);
}

#[test]
fn a_frame_of_another_channel_and_half_marks_are_text() {
    let input =
        format!("{}EVCXR_nothing\nEVC \u{1e}candle", frame("other", &Message::from(Said::Clear { wait: true })));
    check(input.as_bytes(), &[text(&input)]);
}

#[test]
fn blocks_in_a_row_are_one_value_and_blocks_before_text_a_display() {
    let input = b"EVCXR_BEGIN_CONTENT text/html\n<b>\nx\nEVCXR_END_CONTENT\nthen\n\
        EVCXR_BEGIN_CONTENT text/plain\n42\nEVCXR_END_CONTENT\nEVCXR_BEGIN_CONTENT text/html\n4\nEVCXR_END_CONTENT\n";
    let first = Said::Display(shown(bundle(&[("text/html", "<b>\nx")]))).into();
    let data = bundle(&[("text/html", "4"), ("text/plain", "42")]);
    let value = Said::Result(shown(data)).into();
    check(input, &[Piece::Message(first), text("then\n"), Piece::Message(value)]);
}

/// The lines that evcxr knows, as a cell may print them by chance or on purpose.
const LINES: [&str; 8] = [
    "EVCXR_EXECUTION_COMPLETE",
    "EVCXR_PANIC_NOTIFICATION",
    "EVCXR_ERROR_OCCURRED",
    "EVCXR_VARIABLE_CHANGED_TYPE:x",
    "EVCXR_INPUT_REQUEST:name? ",
    "EVCXR_INPUT_REQUEST_PASSWORD:secret",
    "EVCXR_BEGIN_CONTENT x",
    "EVCXR_END_CONTENT",
];

#[test]
fn what_looks_like_evcxrs_lines_is_text() {
    for line in LINES {
        for around in [("", ""), ("", "\n"), ("loss 0.5", "\n"), ("a\n", " b\n"), ("\n\n", "\r\n"), (line, "\n")] {
            let input = format!("{}{line}{}", around.0, around.1);
            check(input.as_bytes(), &[text(&input)]);
        }
    }
}

#[test]
fn a_block_without_an_end_is_text_when_the_cell_ends() {
    for input in [
        "EVCXR_BEGIN_CONTENT text/html\n<b>\nx",
        "EVCXR_BEGIN_CONTENT text/html\n",
        "EVCXR_BEGIN_CONTENT text/html",
        "EVCXR_BEGIN_CONTENT ",
        "before EVCXR_BEGIN_CONTENT text/html\nx\n not EVCXR_END_CONTENT\nEVCXR_END_CONTENT \n",
        "EVCXR_BEGIN_CONTENT text/html \nx\nEVCXR_END_CONTENT\n",
        "EVCXR_BEGIN_CONTENT gr\u{f6}\u{df}e/x\nEVCXR_END_CONTENT\n",
        "\u{1e}candlewick:k {",
    ] {
        check(input.as_bytes(), &[text(input)]);
    }
}

#[test]
fn nothing_of_a_cell_reaches_into_the_next() {
    let mut splitter = greeted();
    assert_eq!(splitter.push(b"EVCXR_BEGIN_CONTENT text/html\n<b>"), []);
    assert_eq!(splitter.end_cell(), [text("EVCXR_BEGIN_CONTENT text/html\n<b>")]);
    assert_eq!(splitter.push(b"EVCXR_END_CONTENT\n"), [text("EVCXR_END_CONTENT\n")]);
    assert_eq!(splitter.end_cell(), []);
}

#[test]
fn a_frame_within_a_block_is_taken_out_of_it() {
    let clear = Message::from(Said::Clear { wait: false });
    let between = frame("k", &clear);
    for (begin, end) in [("<b>", "x</b>"), ("<b>\n", "x</b>"), ("", "<b>x</b>"), ("\u{1e}candlewick:", "x")] {
        let input = format!("EVCXR_BEGIN_CONTENT text/html\n{begin}{between}{end}\nEVCXR_END_CONTENT\n");
        let data = bundle(&[("text/html", &format!("{begin}{end}"))]);
        let value = Said::Result(shown(data)).into();
        check(input.as_bytes(), &[Piece::Message(clear.clone()), Piece::Message(value)]);
    }
}

#[test]
fn a_program_without_the_prelude_speaks_to_evcxr_in_lines() {
    let line = |line: &str| Piece::Message(Message::Evcxr { line: line.to_owned() });
    let expected = [line("EVCXR_ERROR_OCCURRED"), text("a"), line("EVCXR_PANIC_NOTIFICATION")];
    let input = b"EVCXR_ERROR_OCCURRED\naEVCXR_PANIC_NOTIFICATION\n";
    check_with(|| Splitter::new("k"), input, &expected);
    let hello = Message::Hello { flush: 1, ended: 2, comm: 3, answer: 4 };
    let input = format!("EVCXR_ERROR_OCCURRED\n{}EVCXR_ERROR_OCCURRED\n", frame("k", &hello));
    let expected = [line("EVCXR_ERROR_OCCURRED"), Piece::Message(hello), text("EVCXR_ERROR_OCCURRED\n")];
    check_with(|| Splitter::new("k"), input.as_bytes(), &expected);
}

#[test]
fn a_block_that_never_ends_is_text_before_memory_is_full() {
    let mut splitter = greeted();
    let line = [b'x'; 1 << 20];
    let mut text = splitter.push(b"EVCXR_BEGIN_CONTENT text/html\n");
    for _ in 0..70 {
        text.extend(splitter.push(&line));
        text.extend(splitter.push(b"\n"));
    }
    assert!(matches!(joined(text).as_slice(), [Piece::Text(text)] if text.len() > 70 << 20));
}

#[test]
fn many_beginnings_on_one_line_take_no_time() {
    let input = "EVCXR_BEGIN_CONTENT ".repeat(200_000);
    let start = std::time::Instant::now();
    let mut splitter = greeted();
    let mut found: Vec<Piece> = input.as_bytes().chunks(1 << 12).flat_map(|part| splitter.push(part)).collect();
    found.extend(splitter.end_cell());
    assert!(joined(found) == [text(&input)]);
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_long_frame_in_many_parts_is_read_once() {
    let text = "x".repeat(32 << 20);
    let message = Message::from(Said::out(text));
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
            text.prop_map(|text| Said::err(text).into()),
            (bundle.clone(), any::<Option<String>>()).prop_map(|(data, display_id)| Said::Display(Display {
                display_id,
                ..shown(data)
            })
            .into()),
            (bundle, any::<String>()).prop_map(|(data, id)| Said::Update(Display {
                display_id: Some(id),
                ..shown(data)
            })
            .into()),
            any::<bool>().prop_map(|wait| Said::Clear { wait }.into()),
            any::<u64>().prop_map(|number| Said::Handled { number }.into()),
            "[A-Z_:]{0,20}".prop_map(|line| Message::Evcxr { line }),
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

    proptest! {
        #![proptest_config(config())]

        /// However the bytes are cut, the same comes out.
        #[test]
        fn any_bytes_in_any_parts(
            parts in prop::collection::vec(part(), 0..12),
            cuts in prop::collection::vec(any::<Index>(), 0..12),
            greeted in any::<bool>(),
        ) {
            let input = parts.concat();
            let splitter = || Splitter { greeted, ..Splitter::new("k") };
            let mut whole = splitter();
            let mut expected = whole.push(&input);
            expected.extend(whole.end_cell());
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
            cuts.extend([0, input.len()]);
            cuts.sort_unstable();
            let mut cut = splitter();
            let mut found: Vec<Piece> = cuts.windows(2).flat_map(|ends| cut.push(&input[ends[0]..ends[1]])).collect();
            found.extend(cut.end_cell());
            prop_assert_eq!(joined(found), joined(expected));
            prop_assert!(cut.held.is_empty() && cut.block.is_none() && cut.value.is_empty());
        }

        /// What is neither a frame nor a whole block is text, to the last character.
        #[test]
        fn text_stays_text(
            parts in prop::collection::vec(
                prop_oneof![
                    any::<String>(),
                    prop::sample::select(LINES.to_vec()).prop_map(str::to_owned),
                    prop::sample::select(vec!["\n", "\r\n", "EVCXR_BEGIN_CONTENT text/html\n", "EVCXR_", MARK, "\u{1e}candlewick:k"])
                        .prop_map(str::to_owned),
                ],
                0..12,
            ),
            cuts in prop::collection::vec(any::<Index>(), 0..12),
        ) {
            let mut input = parts.concat();
            while let Some(at) = input.find("\nEVCXR_END_CONTENT\n") {
                input.remove(at);
            }
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
            cuts.extend([0, input.len()]);
            cuts.sort_unstable();
            let mut splitter = super::greeted();
            let bytes = input.as_bytes();
            let mut found: Vec<Piece> =
                cuts.windows(2).flat_map(|ends| splitter.push(&bytes[ends[0]..ends[1]])).collect();
            found.extend(splitter.end_cell());
            let expected = if input.is_empty() { vec![] } else { vec![Piece::Text(input)] };
            prop_assert_eq!(joined(found), expected);
        }

        /// Text and whole frames come out as they went in.
        #[test]
        fn nothing_is_lost(parts in prop::collection::vec((any::<String>(), message()), 0..8)) {
            let (mut input, mut expected) = (String::new(), Vec::new());
            for (words, message) in parts {
                let words = words.replace('\u{1e}', "");
                input.push_str(&words);
                input.push_str(&frame("k", &message));
                if !words.is_empty() {
                    expected.push(Piece::Text(words));
                }
                expected.push(Piece::Message(message));
            }
            prop_assert_eq!(super::greeted().push(input.as_bytes()), expected);
        }
    }
}

//! What the REPL draws, looked at through a terminal emulator: in place, in order, and never a line lost.

use candlewick::repl::draw::Terminal;
use candlewick::repl::plain::Plain;
use candlewick::repl::tty::{Abilities, WindowSize};
use candlewick::screen::{Display, Progress, Said, Screen};
use std::io::Write;
use std::num::NonZero;
use std::sync::{Arc, Mutex};

const ROWS: usize = 12;
const COLUMNS: usize = 40;

#[derive(Clone)]
struct Emulator(Arc<Mutex<vt100::Parser>>);

impl Write for Emulator {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().process(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Emulator {
    fn new() -> Emulator {
        let count = |count: usize| NonZero::new(count as u16).unwrap();
        Emulator(Arc::new(Mutex::new(vt100::Parser::new(count(ROWS), count(COLUMNS), 1000))))
    }

    /// What the window shows, without the blank end.
    fn shows(&self) -> String {
        self.0.lock().unwrap().screen().contents().trim_end().to_owned()
    }
}

impl Emulator {
    /// All that was shown, what has scrolled out of the window too.
    fn all(&self) -> String {
        let mut parser = self.0.lock().unwrap();
        parser.screen_mut().set_scrollback(usize::MAX);
        let mut above = parser.screen().scrollback();
        let mut lines = Vec::new();
        while above > 0 {
            parser.screen_mut().set_scrollback(above);
            lines.extend(parser.screen().contents().lines().take(1).map(str::to_owned));
            above -= 1;
        }
        parser.screen_mut().set_scrollback(0);
        let below = parser.screen().contents();
        let lines: Vec<String> = lines.into_iter().chain(below.lines().map(str::to_owned)).collect();
        lines.join("\n").trim_end().to_owned()
    }
}

fn size() -> WindowSize {
    WindowSize { rows: ROWS, columns: COLUMNS, ..WindowSize::default() }
}

fn terminal(emulator: &Emulator) -> Terminal {
    let abilities = Abilities { live: true, colours: true, truecolor: true, pixels: false };
    let mut terminal = Terminal::new(Box::new(emulator.clone()), abilities, size);
    terminal.begin();
    terminal
}

fn text(text: &str, id: Option<&str>) -> Display {
    let mut display = Display { display_id: id.map(str::to_owned), ..Display::default() };
    display.data.insert("text/plain".to_owned(), text.into());
    display
}

fn out(terminal: &mut Terminal, text: &str) {
    terminal.say(Said::out(text));
}

#[test]
fn a_display_changes_in_place_and_progress_goes() {
    let emulator = Emulator::new();
    let mut terminal = terminal(&emulator);
    out(&mut terminal, "before\n");
    terminal.say(Said::Display(text("curve\n1", Some("c"))));
    terminal.say(Said::Progress(Progress { label: "epoch 1 of 2".to_owned(), done: 5, total: 10 }));
    terminal.tick();
    let shown = emulator.shows();
    assert!(shown.starts_with("before\ncurve\n1\nepoch 1 of 2 ━━━━"), "{shown}");
    assert!(shown.ends_with("5/10  0 s"), "{shown}");
    terminal.say(Said::Update(text("curve\n2\nand a line more", Some("c"))));
    out(&mut terminal, "after");
    terminal.tick();
    assert!(emulator.shows().starts_with("before\ncurve\n2\nand a line more\nafter\nepoch 1 of 2"));
    terminal.say(Said::Update(text("short", Some("c"))));
    terminal.finish();
    assert_eq!(emulator.shows(), "before\nshort\nafter");
    terminal.line("next");
    assert_eq!(emulator.shows(), "before\nshort\nafter\nnext");
}

#[test]
fn carriage_returns_overwrite_and_streams_continue() {
    let emulator = Emulator::new();
    let mut terminal = terminal(&emulator);
    for percent in [10, 50, 100] {
        out(&mut terminal, &format!("{percent} %\r"));
    }
    out(&mut terminal, "\nno newline, ");
    out(&mut terminal, "then the rest\n");
    terminal.finish();
    assert_eq!(emulator.shows(), "100 %\nno newline, then the rest");
}

#[test]
fn clear_is_now_or_with_what_comes() {
    let emulator = Emulator::new();
    let mut terminal = terminal(&emulator);
    out(&mut terminal, "one\n");
    terminal.say(Said::Clear { wait: true });
    terminal.tick();
    assert_eq!(emulator.shows(), "one");
    terminal.say(Said::Display(text("two", None)));
    terminal.tick();
    assert_eq!(emulator.shows(), "two");
    terminal.say(Said::Clear { wait: false });
    terminal.tick();
    assert_eq!(emulator.shows(), "");
    terminal.say(Said::Result(text("three", None)));
    terminal.finish();
    assert_eq!(emulator.shows(), "three");
}

#[test]
fn a_display_that_left_the_window_appears_below() {
    let emulator = Emulator::new();
    let mut terminal = terminal(&emulator);
    terminal.say(Said::Display(text("old", Some("c"))));
    (0..30).for_each(|i| out(&mut terminal, &format!("line {i}\n")));
    terminal.tick();
    terminal.say(Said::Update(text("new", Some("c"))));
    terminal.finish();
    let shown = emulator.shows();
    assert!(shown.ends_with("line 28\nline 29\nnew"), "{shown}");
    terminal.begin();
    terminal.say(Said::Update(text("of another cell", Some("c"))));
    terminal.finish();
    assert!(emulator.shows().ends_with("line 29\nnew\nof another cell"));
}

#[test]
fn a_display_taller_than_the_window_is_whole_at_the_end() {
    let emulator = Emulator::new();
    let mut terminal = terminal(&emulator);
    let tall = |epoch: usize| {
        let rows: String = (1..=epoch).map(|i| format!("\nepoch {i}")).collect();
        text(&format!("{epoch} of 20{rows}\ncurve"), Some("fit"))
    };
    terminal.say(Said::Display(tall(1)));
    (2..=20).for_each(|epoch| {
        terminal.say(Said::Update(tall(epoch)));
        terminal.tick();
    });
    // What says how far it is stays in sight, and the table scrolls.
    let shown = emulator.shows();
    assert!(shown.starts_with("epoch 12\n") && shown.ends_with("epoch 20\ncurve\n20 of 20"), "{shown}");
    terminal.finish();
    let all = emulator.all();
    let rows: String = (1..=20).map(|i| format!("epoch {i}\n")).collect();
    assert_eq!(all, format!("{rows}curve\n20 of 20"));
}

#[test]
fn a_tall_display_whose_beginning_changes_is_shown_once_more() {
    let emulator = Emulator::new();
    let mut terminal = terminal(&emulator);
    let tall = |word: &str| text(&(1..=20).map(|i| format!("{word} {i}\n")).collect::<String>(), Some("d"));
    terminal.say(Said::Display(tall("old")));
    terminal.tick();
    terminal.say(Said::Update(tall("new")));
    terminal.finish();
    let all = emulator.all();
    let whole: String = (2..=20).map(|i| format!("new {i}\n")).collect::<String>() + "new 1";
    assert!(all.ends_with(&whole), "{all}");
}

#[test]
fn a_table_of_forty_epochs_scrolls_and_is_whole() {
    let emulator = Emulator::new();
    let mut terminal = terminal(&emulator);
    let table = |epochs: usize| {
        let rows: String = (1..=epochs).map(|i| format!("{i:>5}  0.{i:02}\n")).collect();
        text(&format!("{epochs}/40\nepoch  loss\n{rows}chart 1\nchart 2\nchart 3\n"), Some("fit"))
    };
    terminal.say(Said::Display(table(1)));
    for epochs in [2, 5, 9, 10, 17, 18, 30, 31, 40] {
        terminal.say(Said::Update(table(epochs)));
        terminal.say(Said::Progress(Progress { label: "epoch".to_owned(), done: epochs as u64, total: 41 }));
        terminal.tick();
    }
    terminal.finish();
    let rows: String = (1..=40).map(|i| format!("{i:>5}  0.{i:02}\n")).collect();
    assert_eq!(emulator.all(), format!("epoch  loss\n{rows}chart 1\nchart 2\nchart 3\n40/40"));
}

static WIDTH: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(COLUMNS);

#[test]
fn what_is_drawn_fits_a_window_that_has_become_another() {
    let emulator = Emulator::new();
    let abilities = Abilities { live: true, colours: true, truecolor: true, pixels: false };
    let measure = || WindowSize { columns: WIDTH.load(std::sync::atomic::Ordering::SeqCst), ..size() };
    let mut terminal = Terminal::new(Box::new(emulator.clone()), abilities, measure);
    terminal.begin();
    out(&mut terminal, "a stream\n");
    terminal.say(Said::Display(text("short", Some("d"))));
    terminal.tick();
    let resize = |columns: usize| {
        WIDTH.store(columns, std::sync::atomic::Ordering::SeqCst);
        let count = |count: usize| NonZero::new(count as u16).unwrap();
        emulator.0.lock().unwrap().screen_mut().set_size(count(ROWS), count(columns));
    };
    // Wider: lines that had to be cut no longer are, in their place.
    resize(60);
    terminal.tick();
    assert_eq!(terminal.columns(), 60);
    terminal.say(Said::Update(text(&"x".repeat(50), Some("d"))));
    terminal.tick();
    assert_eq!(emulator.shows(), format!("a stream\n{}", "x".repeat(50)));
    // Narrower: no line is longer than the window.
    resize(20);
    terminal.tick();
    terminal.say(Said::Update(text(&"y".repeat(50), Some("d"))));
    terminal.finish();
    let shown = emulator.shows();
    assert!(shown.ends_with(&format!("a stream\n{0}\n{0}\n{1}", "y".repeat(20), "y".repeat(10))), "{shown}");
}

#[test]
fn a_line_without_an_end_stays_cheap() {
    let emulator = Emulator::new();
    let mut terminal = terminal(&emulator);
    let start = std::time::Instant::now();
    (0..4_000).for_each(|i| out(&mut terminal, &format!("\u{1b}[3{}m{}", i % 8, "z".repeat(1000))));
    out(&mut terminal, "\u{1b}[0mzz the end");
    terminal.finish();
    assert!(emulator.shows().ends_with("z the end"), "{}", emulator.shows());
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}

#[test]
fn many_lines_are_cheap_and_all_there() {
    let emulator = Emulator::new();
    let mut terminal = terminal(&emulator);
    let start = std::time::Instant::now();
    (0..200_000).for_each(|i| out(&mut terminal, &format!("line {i}\n")));
    terminal.finish();
    assert!(emulator.shows().starts_with("line 199989\n") && emulator.shows().ends_with("line 199999"));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

/// Whatever is said in whatever order, the window ends with the last lines of what a patient reader expects.
#[test]
fn random_cells_leave_the_expected_window() {
    let mut state = 7u64;
    let mut random = move |below: u64| {
        // Knuth's MMIX generator.
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % below
    };
    for _ in 0..100 {
        let emulator = Emulator::new();
        let mut terminal = terminal(&emulator);
        let mut expected: Vec<String> = Vec::new();
        let mut last_height = 0;
        for step in 0..random(40) {
            let content: Vec<String> = (0..=random(4)).map(|line| format!("{step}.{line}")).collect();
            match random(4) {
                0 => {
                    out(&mut terminal, &(content.join("\n") + "\n"));
                    expected.extend(content);
                    last_height = 0;
                }
                1 => {
                    terminal.say(Said::Progress(Progress { label: "p".to_owned(), done: random(9), total: 10 }));
                }
                2 if last_height > 0 => {
                    terminal.say(Said::Update(text(&content.join("\n"), Some("last"))));
                    expected.truncate(expected.len() - last_height);
                    last_height = content.len();
                    expected.extend(content);
                }
                _ => {
                    // A new name each time, so that only the last display is updated.
                    terminal.say(Said::Clear { wait: false });
                    terminal.say(Said::Display(text(&content.join("\n"), Some("last"))));
                    expected.clear();
                    last_height = content.len();
                    expected.extend(content);
                }
            }
            if random(3) == 0 {
                terminal.tick();
            }
        }
        terminal.finish();
        let shown = emulator.shows();
        let tail = expected.len().saturating_sub(ROWS - 2);
        assert!(shown.ends_with(&expected[tail..].join("\n")), "{shown}\n---\n{}", expected.join("\n"));
    }
}

#[test]
fn a_file_gets_text_alone_and_the_last_state() {
    let (mut to_out, mut to_err) = (Vec::new(), Vec::new());
    let mut plain = Plain::new(&mut to_out, &mut to_err);
    plain.say(Said::out("\u{1b}[31mred\u{1b}[0m, no newline"));
    plain.say(Said::Result(text("\u{1b}[1m42\u{1b}[0m", None)));
    plain.say(Said::Display(text("curve 1", Some("c"))));
    plain.say(Said::Update(text("curve 2", Some("c"))));
    plain.say(Said::Progress(Progress { label: "p".to_owned(), done: 1, total: 2 }));
    plain.finish();
    plain.complain("\u{1b}[31mwrong\u{1b}[0m");
    drop(plain);
    assert_eq!(String::from_utf8(to_out).unwrap(), "red, no newline\n42\ncurve 2\n");
    assert_eq!(String::from_utf8(to_err).unwrap(), "wrong\n");
}

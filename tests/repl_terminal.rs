//! The REPL as a person meets it: the program on a pseudo-terminal, looked at through a terminal emulator.
//!
//! Needs an installed template; without one it says so and passes.

use candlewick::home::Home;
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const ROWS: u16 = 40;
const COLUMNS: u16 = 100;

fn installed() -> bool {
    let installed = Home::find().is_ok_and(|home| home.template().join("candlewick-template.json").is_file());
    if !installed {
        println!("skipped: no warm template; run ./install.sh or set CANDLEWICK_HOME");
    }
    installed
}

/// A terminal with the REPL in it.
struct Pane {
    keys: File,
    screen: Arc<Mutex<(vt100::Parser, Vec<u8>)>>,
    child: Child,
}

impl Pane {
    /// Starts the REPL in a terminal that shows kitty's pictures or does not.
    fn open(arguments: &[&str], kitty: bool, folder: &std::path::Path) -> Pane {
        let (mut master, mut slave) = (0, 0);
        let size = libc::winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: both descriptors are written by the call and owned below.
        let (master, slave) = unsafe {
            let opened = libc::openpty(&mut master, &mut slave, std::ptr::null_mut(), std::ptr::null(), &size);
            assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
            (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave))
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_candlewick"));
        let stdio = || Stdio::from(slave.try_clone().unwrap());
        command.arg("repl").args(arguments).current_dir(folder).stdin(stdio()).stdout(stdio()).stderr(stdio());
        command.env("TERM", "xterm-256color").env("COLORTERM", "truecolor");
        for name in ["TMUX", "NO_COLOR", "TERM_PROGRAM", "LC_TERMINAL", "LD_LIBRARY_PATH"] {
            command.env_remove(name);
        }
        // SAFETY: only calls that are allowed between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                libc::ioctl(0, libc::TIOCSCTTY, 0);
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        drop(command);
        drop(slave);
        let count = |count: u16| NonZero::new(count).unwrap();
        let screen = Arc::new(Mutex::new((vt100::Parser::new(count(ROWS), count(COLUMNS), 1000), Vec::new())));
        let mut output = master.try_clone().unwrap();
        let (mut answers, seen) = (master.try_clone().unwrap(), screen.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
                // What a terminal is asked, it answers.
                if kitty && text.contains("\u{1b}_Gi=31") {
                    let answer = if text.contains("t=t") { "ENOENT" } else { "OK" };
                    write!(answers, "\u{1b}_Gi=31;{answer}\u{1b}\\").unwrap();
                }
                if text.contains("\u{1b}[c") {
                    answers.write_all(b"\x1b[?62c").unwrap();
                }
                let mut seen = seen.lock().unwrap();
                seen.0.process(&buffer[..read]);
                seen.1.extend_from_slice(&buffer[..read]);
            }
        });
        Pane { keys: master, screen, child }
    }

    fn key(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }

    fn cell(&mut self, code: &str) {
        self.key(code);
        self.key("\r");
    }

    fn shows(&self) -> String {
        let shown = self.screen.lock().unwrap().0.screen().contents();
        shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap().1).into_owned()
    }

    /// Waits until the window shows what it should.
    fn until(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let shown = self.shows();
            if holds(&shown) {
                return shown;
            }
            assert!(start.elapsed() < Duration::from_secs(90), "{what} did not appear:\n{shown}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the prompt of this cell.
    fn prompt(&self, number: usize) -> String {
        self.until("the prompt", |shown| shown.ends_with(&format!("[{number}]")))
    }

    /// The window has so many columns now.
    fn resize(&self, columns: u16) {
        let size = libc::winsize { ws_row: ROWS, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let count = |count: u16| NonZero::new(count).unwrap();
        self.screen.lock().unwrap().0.screen_mut().set_size(count(ROWS), count(columns));
        // SAFETY: the descriptor is the terminal's, and the size lives through the call.
        unsafe { libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(&self.keys), libc::TIOCSWINSZ, &size) };
    }

    fn leaves(mut self) -> i32 {
        self.key("\u{4}");
        self.ended()
    }

    /// Waits for its end.
    fn ended(mut self) -> i32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            if start.elapsed() > Duration::from_secs(20) {
                self.child.kill().unwrap();
                panic!("it did not end:\n{}", self.shows());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_session_at_the_terminal() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut pane = Pane::open(&[], false, folder.path());
    pane.prompt(1);
    pane.cell("let a = 40 + 2; a");
    let shown = pane.prompt(2);
    assert!(shown.contains("[1] let a = 40 + 2; a\n42\n"), "{shown}");

    // Several lines are one cell, indented as they go; a closing brace steps back.
    pane.cell("fn twice(n: i32) -> i32 {");
    pane.cell("n * 2");
    pane.cell("}");
    pane.prompt(3);
    pane.cell("twice(a)");
    let shown = pane.prompt(4);
    assert!(shown.contains("[2] fn twice(n: i32) -> i32 {\n    n * 2\n}\n"), "{shown}");
    assert!(shown.contains("twice(a)\n84"), "{shown}");

    // An error has carets, and the next cell runs.
    pane.cell("let b: i32 = \"x\";");
    let shown = pane.prompt(5);
    assert!(shown.contains("error[E0308]") && shown.contains("^^^"), "{shown}");

    // Ctrl-C ends a cell that listens, and its variables live on.
    pane.cell("let mut k = 0; println!(\"now {}\", \"going\"); while !candlewick::interrupt::requested() { k += 1; std::thread::sleep(std::time::Duration::from_millis(5)); }");
    pane.until("the running cell", |shown| shown.contains("now going"));
    pane.key("\u{3}");
    let shown = pane.prompt(6);
    assert!(shown.contains("interrupted") && !shown.contains("running"), "{shown}");
    pane.cell("k > 1 && a == 42");
    let shown = pane.prompt(7);
    assert!(shown.contains("a == 42\ntrue\n"), "{shown}");

    // A display changes in place, with progress below it while the cell runs.
    pane.cell("let mut live = show::Live::new(); for i in 1..=8u64 { live.update(|| show::Bundle::new().text(format!(\"state {i}\"))); show::progress(\"steps\", i, 9); std::thread::sleep(std::time::Duration::from_millis(300)); } live.finish(&show::Bundle::new().text(\"state at last\"));");
    pane.until("progress", |shown| shown.contains("steps ━"));
    let shown = pane.prompt(8);
    assert!(shown.contains("\nstate at last\n") && !shown.contains("steps ━"), "{shown}");
    assert!(pane.said().contains("state 2"), "an update was seen");
    assert!(!shown.contains("state 2"), "{shown}");

    // A picture is drawn in half blocks.
    pane.cell(
        "plot::Figure::new(image::RgbaImage::from_pixel(80, 32, image::Rgba([255, 0, 0, 255])), 80, 32, \"red\")",
    );
    let shown = pane.prompt(9);
    assert!(shown.contains(&format!("\n{0}\n{0}\n", "▀".repeat(40))) || shown.contains(&"▀".repeat(10)), "{shown}");

    pane.cell(":save session.ipynb");
    let shown = pane.prompt(9);
    assert!(shown.contains("8 cells in session.ipynb"), "{shown}");
    let saved = std::fs::read_to_string(folder.path().join("session.ipynb")).unwrap();
    assert!(saved.contains("\"image/png\"") && saved.contains("state at last") && !saved.contains("state 2\\n"));
    assert_eq!(pane.leaves(), 0);
}

#[test]
fn what_is_typed_is_what_runs() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut pane = Pane::open(&[], false, folder.path());
    pane.prompt(1);
    // A nested block, line by line, its closing brackets typed.
    for line in ["for i in 0..2 {", "for j in 0..2 {", "println!(\"{i}{j}\");", "}", "}"] {
        pane.cell(line);
    }
    let shown = pane.prompt(2);
    let typed = "[1] for i in 0..2 {\n    for j in 0..2 {\n        println!(\"{i}{j}\");\n    }\n}\n00\n01\n10\n11\n";
    assert!(shown.contains(typed), "{shown}");
    for line in ["let v = vec![", "1,", "(", "2", "),", "];"] {
        pane.cell(line);
    }
    let shown = pane.prompt(3);
    assert!(shown.contains("[2] let v = vec![\n    1,\n    (\n        2\n    ),\n];\n"), "{shown}");
    for line in ["match v.len() {", "2 => {", "\"two\"", "}", "_ => \"more\",", "}"] {
        pane.cell(line);
    }
    let shown = pane.prompt(4);
    assert!(shown.contains("    _ => \"more\",\n}\n\"two\"\n"), "{shown}");

    // A line that begins with an operator goes on with the one before, and ends the cell.
    pane.key("let ok = 3");
    pane.cell("\u{1b}\r    != 4;");
    pane.prompt(5);
    pane.cell("ok");
    assert!(pane.prompt(6).contains("ok\ntrue\n"));

    // Pasted, in brackets and as keys, with blank lines within.
    let function = "fn area(w: i32, h: i32) -> i32 {\n    let a = w;\n\n    if a > 0 {\n        a * h\n    } else {\n        0\n    }\n}";
    pane.key(&format!("\u{1b}[200~{}\u{1b}[201~", function.replace('\n', "\r")));
    pane.key("\r");
    pane.prompt(7);
    pane.cell("area(6, 7)");
    assert!(pane.prompt(8).contains("area(6, 7)\n42\n"));
    pane.key(&(function.replace("area", "again").replace('\n', "\r") + "\r"));
    pane.prompt(9);
    pane.cell("again(6, 8)");
    assert!(pane.prompt(10).contains("again(6, 8)\n48\n"));
    pane.cell("quit");
    assert_eq!(pane.ended(), 0);
}

#[test]
fn lines_typed_ahead_run_in_their_order() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut pane = Pane::open(&[], false, folder.path());
    pane.prompt(1);
    pane.cell("println!(\"{}\", \"begun\".len()); std::thread::sleep(std::time::Duration::from_secs(4)); let a = 40;");
    pane.until("the running cell", |shown| shown.contains("\n5\n"));
    // Several lines, one of several lines, one with a mistake mended, one begun.
    pane.key("let b = a + 2;\r");
    pane.key("fn f(n: i32) -> i32 {\rn * 2\r}\r");
    pane.key("f(b)x\u{7f}\r");
    pane.key("let begun = 1");
    let shown = pane.until("the last line", |shown| shown.contains("[5] let begun = 1"));
    let order = ["[2] let b = a + 2;\n", "[3] fn f(n: i32) -> i32 {\n    n * 2\n}\n", "[4] f(b)\n84\n"];
    assert!(order.iter().all(|part| shown.contains(part)), "{shown}");
    pane.cell(";");
    pane.prompt(6);
    // A question takes the line that is typed at it, and nothing of the next.
    pane.cell("let name = show::ask(\"name? \"); name");
    pane.until("the question", |shown| shown.ends_with("name?"));
    pane.key("Ada\r1 + 1\r");
    let shown = pane.prompt(8);
    assert!(shown.contains("\n\"Ada\"\n") && shown.contains("[7] 1 + 1\n2\n"), "{shown}");
    // Ctrl-C ends one that nobody answers.
    pane.cell("let vain = show::ask(\"vain? \");");
    pane.until("the question", |shown| shown.ends_with("vain?"));
    pane.key("\u{3}");
    let shown = pane.prompt(9);
    assert!(shown.contains("interrupted: all variables are kept"), "{shown}");
    pane.cell("name.len()");
    assert!(pane.prompt(10).contains("name.len()\n3\n"));
    pane.cell("exit()");
    assert_eq!(pane.ended(), 0);
}

#[test]
fn charts_have_the_width_of_the_window() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut pane = Pane::open(&[], false, folder.path());
    pane.prompt(1);
    let chart = "plot::Lines::new(\"x\", \"y\").line(\"l\", &[(0.0, 0.0), (1.0, 1.0)], plot::Look::Line).figure()";
    let axis = |shown: &str| {
        shown.lines().filter_map(|line| line.split_once('└')).next_back().map(|(_, axis)| axis.chars().count())
    };
    pane.cell(chart);
    let wide = axis(&pane.prompt(2)).unwrap();
    assert!((85..100).contains(&wide), "{wide}");
    pane.resize(60);
    pane.cell(chart);
    let narrow = axis(&pane.prompt(3)).unwrap();
    assert!((45..60).contains(&narrow), "{narrow}");
    // While a cell runs too.
    pane.cell("for i in 0..100 { println!(\"{:?}\", show::columns()); std::thread::sleep(std::time::Duration::from_millis(100)); if show::columns() == Some(72) { break; } }");
    pane.until("the running cell", |shown| shown.contains("Some(60)"));
    pane.resize(72);
    let shown = pane.prompt(4);
    assert!(shown.contains("Some(72)"), "{shown}");
    assert_eq!(pane.leaves(), 0);
}

#[test]
fn pixels_and_no_colours() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let figure =
        "plot::Figure::new(image::RgbaImage::from_pixel(80, 32, image::Rgba([255, 0, 0, 255])), 80, 32, \"red\")";
    let mut pane = Pane::open(&[], true, folder.path());
    pane.prompt(1);
    pane.cell(figure);
    let shown = pane.prompt(2);
    assert!(!shown.contains('▀'), "{shown}");
    // Kitty's protocol, transmit and display: 80 × 32 pixels in 10 columns and 2 rows.
    assert!(pane.said().contains("\u{1b}_Gf=32,a=T,t=d,s=80,v=32,c=10,r=2"), "{shown}");
    assert_eq!(pane.leaves(), 0);

    let mut pane = Pane::open(&["--no-color"], true, folder.path());
    pane.prompt(1);
    pane.cell(figure);
    let shown = pane.prompt(2);
    assert!(shown.contains("\nred\n"), "{shown}");
    let said = pane.said();
    let colours = said.split("\u{1b}[").skip(1).filter(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(rest.len());
        rest[end..].starts_with('m')
    });
    assert_eq!(colours.count(), 0, "{said:?}");
    assert_eq!(pane.leaves(), 0);
}

#[test]
fn piped_input_runs_without_a_terminal() {
    if !installed() {
        return;
    }
    let run = |input: &str, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_candlewick"));
        command.arg("repl").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // `cargo test` names its own build folder, whose prelude is not the installed one.
        command.env_remove("LD_LIBRARY_PATH");
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (code, out, err) = run(
        "let x = 3;\nx * 2\nfn f(n: i32) -> i32 {\n    n + 1\n}\nf(x)\nprintln!(\"\\x1b[31mred\");\nNope\nx\n",
        &[],
    );
    assert_eq!((code, out.as_str()), (1, "6\n4\nred\n"), "{err}");
    assert!(err.contains("E0425") && !err.contains('\u{1b}'), "{err}");
    assert!(err.ends_with("the first error ends the input: what follows it is not run\n"), "{err}");

    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.rs");
    std::fs::write(&script, "#!/usr/bin/env -S candlewick repl\nlet a = 1;\nlet b = 2;\n\na + b\n").unwrap();
    let (code, out, err) = run("", &[script.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (0, "3\n"), "{err}");
    let (code, _, err) = run("", &["absent.rs"]);
    assert!(code != 0 && err.contains("absent.rs"), "{err}");
}

//! Cells in the REPL with a stand-in for the session: how a script is taken apart, Ctrl-C, commands, `:save`.

use candlewick::document::Notebook;
use candlewick::engine::Engine;
use candlewick::repl::command::{self, Next};
use candlewick::repl::complete;
use candlewick::repl::plain::Plain;
use candlewick::repl::run::{Face, Runner};
use candlewick::repl::script::{self, Cells};
use candlewick::screen::{Display, Said, Screen};
use candlewick::session::{Candidate, CellError, Completions, Done, Variable, Why};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Fake {
    interrupts: AtomicUsize,
}

impl Engine for Fake {
    fn execute(&self, code: &str, screen: &mut dyn Screen) -> Result<Done, CellError> {
        screen.say(Said::out("10 %\r"));
        screen.say(Said::out(format!("ran {code}\n")));
        match code {
            "wait" => {
                let start = Instant::now();
                // SAFETY: the runner has a handler for it while a cell runs.
                unsafe { libc::raise(libc::SIGINT) };
                while self.interrupts.load(Ordering::SeqCst) == 0 {
                    assert!(start.elapsed() < Duration::from_secs(20), "Ctrl-C did not arrive");
                    std::thread::sleep(Duration::from_millis(5));
                }
                let (name, value) = ("Interrupted".to_owned(), "all variables are kept".to_owned());
                Err(CellError { why: Why::Interrupted, name, value, traceback: Vec::new() })
            }
            _ => {
                let mut display = Display::default();
                display.data.insert("text/plain".to_owned(), "42".into());
                screen.say(Said::Result(display));
                Ok(Done::default())
            }
        }
    }
    fn interrupt(&self) {
        self.interrupts.fetch_add(1, Ordering::SeqCst);
    }
    fn complete(&self, _: &str, cursor: usize) -> Completions {
        let candidates = vec![Candidate { text: "clone".into(), label: "clone()".into(), kind: "function".into() }];
        Completions { start: cursor - 2, end: cursor, candidates }
    }
    fn variables(&self) -> Vec<Variable> {
        vec![Variable { name: "model".to_owned(), kind: "Learner".to_owned(), ..Variable::default() }]
    }
}

/// Cells run one at a time, since signals are the whole process's.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn runner(fake: &Fake) -> Runner<'_> {
    Runner::new(fake, Face::Plain(Plain::new(std::io::stdout(), std::io::stderr())))
}

#[test]
fn piped_lines_become_cells_as_soon_as_they_are_whole() {
    for (input, cells) in [
        ("let x = 1;\nx + 1\n", &["let x = 1;", "x + 1"][..]),
        ("fn f() -> i32 {\n    1\n}\nf()", &["fn f() -> i32 {\n    1\n}", "f()"]),
        ("if a {\n    1\n}\nelse {\n    2\n}\nx", &["if a {\n    1\n}\nelse {\n    2\n}", "x"]),
        ("v\n    .iter()\n    .count()\n:vars\n1", &["v\n    .iter()\n    .count()", ":vars", "1"]),
        (":dep serde\nlet s = \"two\nlines\";\n", &[":dep serde", "let s = \"two\nlines\";"]),
        ("\n\n1\n\n\n2\n\n", &["1", "2"]),
        ("fn open() {", &["fn open() {"]),
        ("let ok = 3\n    != 4;\nok\n", &["let ok = 3\n    != 4;", "ok"]),
        ("%pwd\n!ls\n1\n", &["%pwd", "!ls", "1"]),
        ("x\n?x\n??Learner\nf()\n?.g()\n1", &["x", "?x", "??Learner", "f()\n?.g()", "1"]),
        ("%%bash\nls\npwd\n\n1\n", &["%%bash\nls\npwd", "1"]),
        ("", &[]),
    ] {
        let mut collected = Cells::default();
        let mut found: Vec<String> = input.lines().filter_map(|line| collected.push(line)).collect();
        found.extend(collected.take());
        let found: Vec<&str> = found.iter().map(|cell| cell.trim_start()).collect();
        assert_eq!(found, cells, "{input:?}");
    }
}

#[test]
fn a_script_is_cut_at_its_marks_or_between_paragraphs() {
    for (text, cells) in [
        (
            "#!/usr/bin/env -S candlewick repl\nlet a = 1;\nlet b = 2;\n\na + b\n",
            &["let a = 1;\nlet b = 2;", "a + b"][..],
        ),
        ("// %% one\n1\n\n2\n// %% two\n3\n", &["1\n\n2", "3"]),
        ("fn f() {\n    let a = 1;\n\n    a\n}\n\nf()", &["fn f() {\n    let a = 1;\n\n    a\n}", "f()"]),
        ("#![allow(unused)]\n1", &["#![allow(unused)]\n1"]),
        ("", &[]),
    ] {
        assert_eq!(script::cells(text), cells, "{text:?}");
    }
}

#[test]
fn ctrl_c_interrupts_the_cell_and_the_next_one_runs() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let fake = Fake::default();
    let mut runner = runner(&fake);
    assert!(runner.run("first").is_ok());
    let error = runner.run("wait").unwrap_err();
    assert_eq!(error.why, Why::Interrupted);
    assert_eq!(fake.interrupts.load(Ordering::SeqCst), 1);
    assert!(runner.run("third").is_ok());
    assert_eq!(runner.ran().iter().map(|ran| ran.count).collect::<Vec<_>>(), [1, 2, 3]);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.ipynb");
    let next = command::carry_out(&format!(":save {}", file.display()), &runner).unwrap();
    assert_eq!(next, Next::Read);
    let saved = Notebook::read(&file).unwrap();
    let cells = saved.cells();
    assert_eq!(cells.len(), 3);
    assert_eq!((&cells[0]["source"], &cells[0]["execution_count"]), (&json!(["first"]), &json!(1)));
    assert_eq!(cells[0]["outputs"][0]["text"], json!(["ran first\n"]));
    assert_eq!(cells[0]["outputs"][1]["data"]["text/plain"], json!(["42"]));
    assert_eq!(cells[1]["outputs"][1]["ename"], "Interrupted");
}

#[test]
fn commands_say_what_they_lack() {
    let fake = Fake::default();
    let runner = runner(&fake);
    let refused = |line: &str| format!("{:#}", command::carry_out(line, &runner).unwrap_err());
    assert!(refused(":save").contains(":save session.ipynb"));
    assert!(refused(":save notes").contains(":save notes.ipynb"));
    assert!(refused(":save /absent/x.ipynb").contains("/absent/x.ipynb"));
    assert!(refused(":edit 7").contains("no cell 7"));
    // the session says what it lacks
    assert_eq!(command::carry_out(":doc", &runner).unwrap(), Next::Run);
    for (line, next) in [
        (":quit", Next::Quit),
        (" :q ", Next::Quit),
        (":help", Next::Read),
        (":vars", Next::Read),
        (":exit", Next::Quit),
        ("quit", Next::Quit),
        ("exit", Next::Quit),
        ("quit()", Next::Quit),
        ("exit();", Next::Quit),
        ("quit(3)", Next::Run),
        ("exit_code", Next::Run),
        (":dep serde", Next::Run),
    ] {
        assert_eq!(command::carry_out(line, &runner).unwrap(), next, "{line}");
    }
}

#[test]
fn words_that_leave_are_names_too() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let fake = Fake::default();
    let mut runner = runner(&fake);
    for (code, line, next) in [
        ("fn quit() {}", "quit()", Next::Run),
        ("// the exit", "exit", Next::Quit),
        ("let model = 1; // exit", "exit", Next::Quit),
    ] {
        assert!(runner.run(code).is_ok());
        assert_eq!(command::carry_out(line, &runner).unwrap(), next, "{code}");
    }
}

#[test]
fn tab_offers_commands_and_what_the_session_knows() {
    let fake = Fake::default();
    let texts = |line: &str| {
        let (start, pairs) = complete::candidates(&fake, line, line.len());
        (start, pairs.into_iter().map(|pair| pair.replacement).collect::<Vec<_>>())
    };
    assert_eq!(texts(":sa"), (0, vec![":save".to_owned()]));
    assert_eq!(texts("model.cl"), (6, vec!["clone".to_owned()]));
    assert_eq!(texts("  "), (2, vec!["    ".to_owned()]));
}

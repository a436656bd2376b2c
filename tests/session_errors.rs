//! What cells that go wrong are told, and cells that look as if they must: each case is a row of cells in one session.
//!
//! Needs an installed template, as `tests/session.rs` does, and has a `main` of its own for the same reason.

#[path = "common/skip.rs"]
mod skip;

use candlewick::screen::{Recorder, StreamName};
use candlewick::session::{CellError, Options, Session, Why, hook};
use std::time::{Duration, Instant};

#[path = "session_errors/bounds.rs"]
mod bounds;
#[path = "session_errors/candle.rs"]
mod candle;
#[path = "session_errors/early.rs"]
mod early;
#[path = "session_errors/works.rs"]
mod works;
#[path = "session_errors/wrong.rs"]
mod wrong;

/// One cell and what must come of it.
enum Step {
    /// It runs.
    Runs(&'static str),
    /// It runs and its value is this.
    Gives(&'static str, &'static str),
    /// It runs and prints this, on either stream.
    Says(&'static str, &'static str),
    /// It fails, and its traceback holds each of these; `{-2}` stands for the number of the cell before the last one.
    Fails(&'static str, &'static [&'static str]),
    /// It fails, and its traceback holds each of these, but not the last.
    Lacks(&'static str, &'static [&'static str], &'static str),
}

type Case = (&'static str, &'static [Step]);

/// Names that no user may see.
const OURS: &[&str] = &[
    "evcxr",
    "Evcxr",
    "EVCXR",
    "run_user_code",
    "cell_value",
    "CANDLEWICK_BLOCK",
    "src/lib.rs",
    "ctx::",
    "::cell::",
    "Kept<",
];

/// Long enough for any cell here on a busy machine, and far less than a build of what lies behind the prelude.
const LONGEST: Duration = Duration::from_secs(30);

fn main() {
    hook();
    let tables = [wrong::CASES, early::CASES, works::CASES, bounds::CASES, candle::CASES];
    let count: usize = tables.iter().map(|table| table.len()).sum();
    if skip::skips(count) {
        return;
    }
    // A part of a name runs the cases that hold it.
    let wanted =
        std::env::args().skip(1).find(|argument| !argument.starts_with('-') && argument.parse::<u64>().is_err());
    let session = Session::start(Options::default()).expect("the session starts");
    session.wait_ready().expect("the session becomes ready");
    let (mut passed, mut failed, mut number) = (0, 0, 0);
    for (name, steps) in tables.into_iter().flatten() {
        if wanted.as_ref().is_some_and(|wanted| !name.contains(wanted.as_str())) {
            continue;
        }
        let start = Instant::now();
        let complaint = steps.iter().find_map(|step| {
            number += 1;
            check(&session, step, number)
        });
        let word = if complaint.is_none() { "ok" } else { "FAILED" };
        println!("test {name} … {word} ({:.1} s)", start.elapsed().as_secs_f64());
        match complaint {
            Some(complaint) => {
                failed += 1;
                println!("{complaint}\n");
            }
            None => passed += 1,
        }
    }
    println!("{passed} passed, {failed} failed");
    session.shutdown();
    candlewick::session::clean_up();
    std::process::exit(i32::from(failed > 0));
}

/// Runs a cell; what is wrong with what came of it.
fn check(session: &Session, step: &Step, number: u64) -> Option<String> {
    let (Step::Runs(code) | Step::Gives(code, _) | Step::Says(code, _) | Step::Fails(code, _) | Step::Lacks(code, ..)) =
        step;
    let mut screen = Recorder::default();
    let start = Instant::now();
    let result = session.execute(code, &mut screen).map(|_| ());
    let text = screen.text(StreamName::Stdout) + &screen.text(StreamName::Stderr);
    if start.elapsed() > LONGEST {
        return Some(format!("{code}\ntook {:?}", start.elapsed()));
    }
    let complaint = match (step, result) {
        (Step::Fails(_, parts), Err(error)) => told(&error, parts, number),
        (Step::Lacks(_, parts, unwanted), Err(error)) => told(&error, parts, number)
            .or_else(|| bare(&error).contains(unwanted).then(|| format!("holds {unwanted:?}:\n{}", bare(&error)))),
        (Step::Fails(..) | Step::Lacks(..), Ok(())) => Some(format!("it ran: {:?}, {text:?}", screen.result_text())),
        (_, Err(error)) => Some(bare(&error)),
        (Step::Gives(_, value), Ok(())) if screen.result_text() != Some(value) => {
            Some(format!("{:?} is not {value:?}", screen.result_text()))
        }
        (Step::Says(_, part), Ok(())) if !text.contains(part) => Some(format!("{text:?} lacks {part:?}")),
        (_, Ok(())) => None,
    };
    complaint.map(|complaint| format!("--- cell {number}\n{code}\n--- {complaint}"))
}

fn told(error: &CellError, parts: &[&str], number: u64) -> Option<String> {
    let text = bare(error);
    let mut wanted = parts.iter().map(|part| {
        (1..9).fold((*part).to_owned(), |part, back| {
            part.replace(&format!("{{-{back}}}"), &(number - back.min(number)).to_string())
        })
    });
    if let Some(part) = wanted.find(|part| !text.contains(part.as_str())) {
        return Some(format!("lacks {part:?}:\n{text}"));
    }
    if let Some(name) = OURS.iter().find(|name| text.contains(*name)) {
        return Some(format!("names {name}:\n{text}"));
    }
    let shown = matches!(error.why, Why::Compile | Why::Panic | Why::Error | Why::RuntimeDied);
    (!shown).then(|| format!("ended by {:?}", error.why))
}

/// The traceback without colours.
fn bare(error: &CellError) -> String {
    let text = error.traceback.join("\n");
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or(part, |(_, rest)| rest))
}

//! What tests of real sessions share: one session runs a table of cases in turn.
//!
//! Needs an installed template; without one (`CANDLEWICK_HOME` unset or empty) it says so and skips.
//! Their `main` is their own: the runtime child is the test's very program, which must call the session's hook.

#[path = "skip.rs"]
mod skip;

use candlewick::screen::{Recorder, Said, Screen, StreamName};
use candlewick::session::{CellError, Options, Session, Why, hook};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A name, and what is done with the session.
pub type Case = (&'static str, fn(&Arc<Session>));

/// Runs all cases, or those whose names hold the words given, and ends the process. `CANDLEWICK_ROUNDS` runs them
/// several times.
pub fn run_all(cases: &[Case]) {
    hook();
    let words: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if skip::skips(cases.len()) {
        return;
    }
    let session = Arc::new(Session::start(Options::default()).expect("the session starts"));
    session.wait_ready().expect("the session becomes ready");
    let rounds = std::env::var("CANDLEWICK_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    let (mut passed, mut failed) = (0, 0);
    for (name, case) in (0..rounds).flat_map(|_| cases) {
        if !words.is_empty() && !words.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        let start = Instant::now();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&session)));
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        passed += usize::from(outcome.is_ok());
        failed += usize::from(outcome.is_err());
        println!("test {name} … {word} ({:.1} s)", start.elapsed().as_secs_f64());
    }
    println!("{passed} passed, {failed} failed");
    drop(session);
    candlewick::session::clean_up();
    std::process::exit(i32::from(failed > 0));
}

/// Runs a cell; how it ended, and all that it said.
pub fn run(session: &Session, code: &str) -> (Result<(), CellError>, Recorder) {
    let mut screen = Recorder::default();
    let result = session.execute(code, &mut screen).map(|_| ());
    (result, screen)
}

/// Runs a cell that must come to its end.
pub fn ok(session: &Session, code: &str) -> Recorder {
    let (result, screen) = run(session, code);
    if let Err(error) = result {
        panic!("{code}: {error}\n{}", error.traceback.join("\n"));
    }
    screen
}

/// Runs a cell that must fail in this way.
pub fn fails(session: &Session, code: &str, why: Why) -> (CellError, Recorder) {
    let (result, screen) = run(session, code);
    let error = result.expect_err(code);
    assert_eq!(error.why, why, "{code}: {error}");
    (error, screen)
}

/// The plain text of a cell's value.
pub fn value(session: &Session, code: &str) -> String {
    ok(session, code).result_text().unwrap_or_default().to_owned()
}

/// How an interrupted cell went.
pub struct Interrupted {
    pub error: CellError,
    /// From its first text, at which it was interrupted, to its end.
    pub took: Duration,
    pub err: String,
    pub out: String,
}

/// Interrupts the session when a cell prints one of the words, once each.
struct Interrupter<'a> {
    session: &'a Session,
    at: Vec<&'static str>,
    act: fn(&Session),
    first: Option<Instant>,
    record: Recorder,
}

impl Screen for Interrupter<'_> {
    fn say(&mut self, said: Said) {
        let Said::Stream { name, .. } = said else { return };
        self.record.say(said);
        let so_far = self.record.text(name);
        if let Some(index) = self.at.iter().position(|word| so_far.contains(word)) {
            self.at.remove(index);
            self.first.get_or_insert_with(Instant::now);
            (self.act)(self.session);
        }
    }
}

/// Runs a cell that prints `going` and goes on; acts on it then, and again at each other word that it prints.
pub fn interrupt(session: &Session, code: &str, again_at: &[&'static str], act: fn(&Session)) -> Interrupted {
    let at = std::iter::once("going").chain(again_at.iter().copied()).collect();
    let mut screen = Interrupter { session, at, act, first: None, record: Recorder::default() };
    let result = session.execute(&format!("println!(\"going\");\n{code}"), &mut screen);
    let error = result.map(|_| ()).expect_err(code);
    assert_eq!(error.why, Why::Interrupted, "{code}: {error}\n{}", error.traceback.join("\n"));
    Interrupted {
        error,
        took: screen.first.expect("the cell printed").elapsed(),
        err: screen.record.text(StreamName::Stderr),
        out: screen.record.text(StreamName::Stdout),
    }
}

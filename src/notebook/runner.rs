//! Drives the code cells of a document, one after the other, with a time limit, through an [`Engine`].

use super::Outcome;
use super::report::{self, RunReport};
use crate::document::{self, Notebook, Outputs};
use crate::engine::Engine;
use crate::screen::{Said, Screen};
use crate::session::{CellError, Done, Why};
use crossbeam_channel::{RecvTimeoutError, bounded};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What may end a run early.
pub struct Limits<'a> {
    /// The longest that one cell may take.
    pub timeout: Option<Duration>,
    /// Whether the user wants it to end (asked ten times a second).
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// How often the watch looks at the clock and at [`Limits::stop`].
const TICK: Duration = Duration::from_millis(100);

/// Runs the notebook's code cells and puts their outputs into it. Outputs of an earlier run are
/// removed first. Cells tagged `raises-exception` may fail, those tagged `skip-execution` are left
/// out, as in Jupyter's own runner.
pub fn run<W: Write + Send>(
    notebook: &mut Notebook,
    engine: &dyn Engine,
    limits: &Limits<'_>,
    report: &Mutex<RunReport<W>>,
) -> Outcome {
    for cell in notebook.cells_mut().iter_mut().filter(|cell| document::kind(cell) == "code") {
        cell["outputs"] = json!([]);
        cell["execution_count"] = Value::Null;
    }
    let to_run: Vec<usize> = (0..notebook.cells().len()).filter(|&at| runs(&notebook.cells()[at])).collect();
    report::lock(report).total(to_run.len());
    let mut outputs = Outputs::default();
    let mut ended = Outcome::Done;
    for (number, &at) in (1..).zip(&to_run) {
        if (limits.stop)() {
            ended = Outcome::Stopped { number };
            break;
        }
        let code = document::source(&notebook.cells()[at]);
        outputs.begin(number as u64);
        report::lock(report).begin(number, &code);
        let result = watched(engine, &code, &mut outputs, limits, report);
        if let Err(error) = &result {
            outputs.error(error);
        }
        report::lock(report).end(result.as_ref().err().map(|error| error.name.as_str()));
        notebook.cells_mut()[at]["execution_count"] = number.into();
        if let Err(error) = result {
            if (limits.stop)() {
                ended = Outcome::Stopped { number };
                break;
            }
            let lost = matches!(error.why, Why::Session);
            if lost || !document::has_tag(&notebook.cells()[at], "raises-exception") {
                ended = Outcome::Failed { number, error };
                break;
            }
        } else if (limits.stop)() {
            // An interrupted `fit` returns what it has: the cell is fine, the run is over.
            ended = Outcome::Stopped { number: (number + 1).min(to_run.len()) };
            break;
        }
    }
    // At the end, because a cell may update what an earlier one displayed.
    for (number, &at) in to_run.iter().enumerate() {
        notebook.cells_mut()[at]["outputs"] = outputs.take(number).into();
    }
    ended
}

fn runs(cell: &Value) -> bool {
    document::kind(cell) == "code"
        && !document::source(cell).trim().is_empty()
        && !document::has_tag(cell, "skip-execution")
}

/// Runs one cell beside a thread that watches the clock and the user.
fn watched<W: Write + Send>(
    engine: &dyn Engine,
    code: &str,
    outputs: &mut Outputs,
    limits: &Limits<'_>,
    report: &Mutex<RunReport<W>>,
) -> Result<Done, CellError> {
    let (finished, watch) = bounded::<()>(1);
    let (result, timed_out) = std::thread::scope(|scope| {
        let watcher = scope.spawn(move || {
            let start = Instant::now();
            let mut interrupted = false;
            let mut timed_out = false;
            while watch.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                let late = limits.timeout.is_some_and(|limit| start.elapsed() >= limit);
                if (late || (limits.stop)()) && !interrupted {
                    interrupted = true;
                    timed_out = late && !(limits.stop)();
                    engine.end();
                }
                report::lock(report).tick();
            }
            timed_out
        });
        let mut screen = Narrated { outputs, report };
        let result = engine.execute(code, &mut screen);
        drop(finished);
        (result, watcher.join().unwrap_or(false))
    });
    if timed_out { Err(too_late(limits.timeout.unwrap_or_default(), result.err())) } else { result }
}

/// The error of a cell past its time; the cell's `own` error says what became of the variables.
fn too_late(limit: Duration, own: Option<CellError>) -> CellError {
    let mut value =
        format!("the cell took longer than {} s and was interrupted; give it more with --timeout", limit.as_secs_f64());
    if let Some(own) = own {
        value = format!("{value}. {}", own.value);
    }
    let traceback = vec![format!("\u{1b}[31mTimeout\u{1b}[0m: {value}")];
    CellError { why: Why::Interrupted, name: "Timeout".to_owned(), value, traceback }
}

/// Keeps the outputs and hands progress to the report.
struct Narrated<'a, W: Write> {
    outputs: &'a mut Outputs,
    report: &'a Mutex<RunReport<W>>,
}

impl<W: Write> Screen for Narrated<'_, W> {
    fn number(&self) -> Option<u64> {
        self.outputs.number()
    }
    fn say(&mut self, said: Said) {
        match said {
            Said::Progress(progress) => report::lock(self.report).progress(progress),
            said => self.outputs.say(said),
        }
    }
}

//! Runs one cell: its outputs are drawn and kept, Ctrl-C interrupts it, its error is shown.

use super::draw::Terminal;
use super::plain::Plain;
use super::tty::Mode;
use crate::document::Outputs;
use crate::engine::Engine;
use crate::screen::{Question, Said, Screen};
use crate::session::{CellError, Done, Why};
use crate::signals::{self, Watch};
use crossbeam_channel::{RecvTimeoutError, bounded};
use std::io::{Stderr, Stdout};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where the REPL draws.
pub enum Face {
    /// On a terminal, in place.
    Live(Terminal),
    /// Into a file or a pipe.
    Plain(Plain<Stdout, Stderr>),
}

impl Face {
    fn screen(&mut self) -> &mut dyn Screen {
        match self {
            Face::Live(terminal) => terminal,
            Face::Plain(plain) => plain,
        }
    }

    /// A line of the REPL's own.
    pub fn line(&mut self, text: &str) {
        match self {
            Face::Live(terminal) => terminal.line(text),
            Face::Plain(plain) => plain.block(text),
        }
    }

    /// The same about an error, where there is a place for those.
    pub fn complain(&mut self, text: &str) {
        match self {
            Face::Live(terminal) => terminal.line(text),
            Face::Plain(plain) => plain.complain(text),
        }
    }
}

/// A cell that ran, for `:save` and `:edit`.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its code.
    pub code: String,
    /// Its number.
    pub count: u64,
    /// Where [`Outputs`] keeps what it said.
    pub outputs: usize,
}

/// Runs cells and remembers them.
pub struct Runner<'a> {
    engine: &'a dyn Engine,
    face: Mutex<Face>,
    outputs: Mutex<Outputs>,
    ran: Vec<Ran>,
    /// An interrupt is how cells end, and no error.
    ends_by_interrupt: bool,
}

/// How often the clock is looked at while a cell runs.
const TICK: Duration = Duration::from_millis(50);

/// A cell that took longer says how long.
const LONG: Duration = Duration::from_secs(2);

impl<'a> Runner<'a> {
    /// Cells run in `engine` and are drawn by `face`.
    pub fn new(engine: &'a dyn Engine, face: Face) -> Runner<'a> {
        Runner { engine, face: Mutex::new(face), outputs: Mutex::default(), ran: Vec::new(), ends_by_interrupt: false }
    }

    /// The same where an interrupt is how cells end: nothing is said of it.
    pub fn ends_by_interrupt(self) -> Runner<'a> {
        Runner { ends_by_interrupt: true, ..self }
    }

    /// What executes the cells.
    pub fn engine(&self) -> &'a dyn Engine {
        self.engine
    }

    /// Where it is drawn.
    pub fn face(&self) -> MutexGuard<'_, Face> {
        lock(&self.face)
    }

    /// The cells so far.
    pub fn ran(&self) -> &[Ran] {
        &self.ran
    }

    /// What a cell said, as nbformat writes it.
    pub fn outputs(&self, ran: &Ran) -> Vec<serde_json::Value> {
        lock(&self.outputs).of(ran.outputs)
    }

    /// The number of the next cell.
    pub fn next(&self) -> u64 {
        self.ran.len() as u64 + 1
    }

    /// Runs one cell. Every Ctrl-C is handed to the engine; the REPL lives on.
    ///
    /// # Errors
    /// What ended the cell early, already shown.
    pub fn run(&mut self, code: &str) -> Result<Done, CellError> {
        let count = self.next();
        let outputs = lock(&self.outputs).begin(count);
        let _quiet = Mode::quiet();
        let columns = match &mut *lock(&self.face) {
            Face::Live(terminal) => {
                terminal.begin();
                Some(terminal.columns())
            }
            Face::Plain(_) => None,
        };
        if let Some(columns) = columns {
            self.engine.columns(columns);
        }
        let result = self.watched(code);
        if let Err(error) = &result {
            lock(&self.outputs).error(error);
        }
        self.ended(&result);
        self.ran.push(Ran { code: code.to_owned(), count, outputs });
        result
    }

    fn watched(&self, code: &str) -> Result<Done, CellError> {
        let signals = Watch::start();
        let (finished, watch) = bounded::<()>(1);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let watch = watch;
                let mut seen = 0;
                let mut columns = None;
                while watch.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    let mut face = lock(&self.face);
                    let terminal = match &mut *face {
                        Face::Live(terminal) => Some(terminal),
                        Face::Plain(_) => None,
                    };
                    let interrupted = signals.count() > seen;
                    seen = signals.count();
                    let before = columns;
                    if let Some(terminal) = terminal {
                        if interrupted {
                            terminal.note("interrupting")
                        } else {
                            terminal.tick()
                        }
                        columns = Some(terminal.columns());
                    }
                    drop(face);
                    if let (Some(now), Some(before)) = (columns, before)
                        && now != before
                    {
                        self.engine.columns(now);
                    }
                    if interrupted {
                        self.engine.interrupt();
                    }
                }
            });
            let result =
                self.engine.execute(code, &mut Both { engine: self.engine, face: &self.face, outputs: &self.outputs });
            drop(finished);
            result
        })
    }

    fn ended(&self, result: &Result<Done, CellError>) {
        let is_usual = |error: &CellError| self.ends_by_interrupt && error.why == Why::Interrupted;
        // A cell that a command wrote is nothing to whoever gave the command.
        let told = |error: &CellError| match self.ends_by_interrupt && error.why == Why::Error {
            true => format!("candlewick: {}", error.value),
            false => traceback(error),
        };
        let mut face = lock(&self.face);
        match &mut *face {
            Face::Live(terminal) => {
                terminal.finish();
                match result {
                    Ok(done) if done.took >= LONG => {
                        terminal.line(&format!("\u{1b}[2m{:.1} s\u{1b}[0m", done.took.as_secs_f64()));
                    }
                    Ok(_) => {}
                    Err(error) if is_usual(error) => {}
                    Err(error) => terminal.line(&told(error)),
                }
            }
            Face::Plain(plain) => {
                plain.finish();
                if let Err(error) = result
                    && !is_usual(error)
                {
                    plain.complain(&told(error));
                }
            }
        }
    }
}

fn traceback(error: &CellError) -> String {
    if error.traceback.is_empty() { error.to_string() } else { error.traceback.join("\n") }
}

/// The value, also after a thread panicked while it held it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Draws what a cell says, and keeps it.
struct Both<'a> {
    engine: &'a dyn Engine,
    face: &'a Mutex<Face>,
    outputs: &'a Mutex<Outputs>,
}

impl Screen for Both<'_> {
    fn number(&self) -> Option<u64> {
        lock(self.outputs).number()
    }
    fn say(&mut self, said: Said) {
        lock(self.outputs).say(said.clone());
        lock(self.face).screen().say(said);
    }
    fn input(&mut self, question: Question) -> Option<String> {
        let before = signals::seen();
        let answer = lock(self.face).screen().input(question);
        // The cell must hear of a Ctrl-C before it gets an empty answer and goes on.
        if answer.is_none() && signals::seen() > before {
            self.engine.interrupt();
        }
        answer
    }
}

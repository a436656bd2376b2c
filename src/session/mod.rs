//! The only room that names evcxr: starts from the warm template, evaluates cells, interrupts them.
//!
//! A [`Session`] is one runtime child and one compiler front. Its calls block; frontends that must
//! not block call it from a thread. Outputs arrive at the [`Screen`] that came with the cell, on the
//! calling thread, while the cell runs.

mod adding;
mod answers;
mod bindings;
mod build;
mod calls;
mod cell;
mod channel;
mod check;
mod child;
mod children;
mod commands;
mod compiler;
mod completeness;
mod crash;
mod dependencies;
mod diagnostics;
mod edits;
mod endings;
mod environment;
mod evaluate;
mod evaluator;
mod forecast;
mod half;
mod help;
pub mod install;
mod interrupt;
mod keep;
mod lifetimes;
mod memory;
mod messages;
mod place;
mod prepare;
mod process;
mod recipe;
mod refusal;
mod relay;
mod renewal;
mod shell;
mod shim;
mod source;
mod splitter;
mod statement;
mod story;
mod template;
mod typed;
mod units;
mod unused;
mod variable;
mod variables;

use crate::analysis::Analysis;
use crate::home::Home;
use crate::screen::{Comm, Said, Screen, StreamName};
pub use bindings::{Binding, bindings, is_expression};
use candlewick_wire::{Crash, Message, Request};
use cell::Cell;
use channel::Channel;
use commands::Moved;
pub use commands::completeness;
pub use completeness::is_half;
use crossbeam_channel::{Receiver, Sender};
pub use environment::{hash_session, is_deciding, restore_environment};
use evaluator::{Ended, Job, RuntimeProcess};
pub use help::help_text;
use memory::Memory;
use place::BuildPlace;
use prepare::leading::Leading;
pub use process::clean_up;
pub use renewal::at_start;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
pub use variable::Variable;
pub use variables::variables_text;

/// How a session is to be started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The working directory of the cells; the process's own where `None`.
    pub directory: Option<PathBuf>,
    /// Environment variables for the cells.
    pub environment: Vec<(String, String)>,
}

/// A cell that ran to its end.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// From the call to the return, compilation included.
    pub took: Duration,
}

/// What ended a cell early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It did not compile; nothing ran.
    Compile,
    /// It panicked.
    Panic,
    /// A `?` at its top level met an error.
    Error,
    /// The user interrupted it.
    Interrupted,
    /// The process that runs cells is gone, with all variables.
    RuntimeDied,
    /// The session itself cannot work (no template, no toolchain, full disk).
    Session,
}

/// A cell that did not run to its end; the session lives on.
#[derive(Clone, Debug)]
pub struct CellError {
    /// What happened, for programs.
    pub why: Why,
    /// A short name of the error: `E0425`, `Panic`, `Error`, `Interrupted`, `RuntimeDied`.
    pub name: String,
    /// One sentence or more, without colours.
    pub value: String,
    /// Lines with ANSI colours: the message, the user's code with carets, hints, what was lost.
    pub traceback: Vec<String>,
}

impl CellError {
    /// The traceback in a form that can be read on every ground on which notebooks show errors: without colours.
    pub fn notebook_traceback(&self) -> Vec<String> {
        diagnostics::for_notebooks(&self.traceback)
    }
}

impl fmt::Display for CellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.value)
    }
}

impl std::error::Error for CellError {}

/// One completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What to put in place of the range.
    pub text: String,
    /// What to show in a list, with the signature where there is one.
    pub label: String,
    /// Jupyter's kind: `function`, `instance`, `module`, `keyword`, `magic` …
    pub kind: String,
}

/// The completions at a place.
#[derive(Clone, Debug, Default)]
pub struct Completions {
    /// Byte offset at which the replaced text starts.
    pub start: usize,
    /// Byte offset at which it ends.
    pub end: usize,
    /// The candidates.
    pub candidates: Vec<Candidate>,
}

/// What is known of the item at a place.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// For terminals.
    pub plain: String,
    /// Markdown.
    pub markdown: String,
}

/// Whether a piece of code could be run as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// It parses.
    Complete,
    /// More is needed; the next line would start with this indent.
    Incomplete {
        /// Spaces.
        indent: String,
    },
    /// No continuation can make it parse.
    Invalid,
}

/// Read once at the start, so that the analysis knows what most cells name.
const WARM: &str = "use candlewick_prelude::prelude::*;\n\
    let warm = Tensor::randn(0f32, 1f32, (4, 4), &Device::Cpu)?.matmul(&Tensor::zeros((4, 4), DType::F32, &Device::Cpu)?)?;\n\
    let numbers: Vec<f64> = (0..3).map(|n| n as f64).collect(); let text = format!(\"{}\", warm.dims().len());";

/// What the installed template was built from, as it is written there; two equal ones make equal sessions.
pub fn template_stamp(home: &Home) -> Option<Vec<u8>> {
    std::fs::read(home.template().join(template::STAMP)).ok()
}

/// The number of a ping whose answer nobody waits for.
const NOBODY: u64 = u64::MAX;

/// The value, also after a thread panicked while it held it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// To be called first in `main`: becomes the runtime child, a shim of cargo or evcxr's rustc wrapper
/// where this process was started as one, and then does not return.
pub fn hook() {
    shim::run_if_named();
    child::run_if_started();
    evcxr::runtime_hook();
}

/// A running session. Cheap to share behind an `Arc`; all methods take `&self`.
pub struct Session {
    jobs: Sender<Job>,
    channel: Arc<Channel>,
    shims: &'static Channel,
    process: RuntimeProcess,
    analysis: Option<Arc<Analysis>>,
    ready: Ready,
    /// Held while a cell runs.
    running: Mutex<()>,
    state: Arc<State>,
    worker: Mutex<Option<std::thread::JoinHandle<()>>>,
    /// Where the cells run, if not where the session started.
    moved: Mutex<Moved>,
    /// The cells so far.
    history: Mutex<Vec<String>>,
    /// What is remembered of the cells that ran.
    memory: Mutex<Memory>,
    options: Options,
}

#[derive(Default)]
struct State {
    busy: AtomicBool,
    /// When the cell's code began to run, in the machine's ticks; 0 while it has not.
    started: AtomicU64,
    interrupted: AtomicBool,
    /// The user has been told that the code does not hear it, and interrupted again.
    told: AtomicBool,
    again: AtomicBool,
    /// The cell is to be ended for sure.
    must_end: AtomicBool,
    killed: AtomicBool,
    /// A callback between cells was asked to stop.
    flagged: AtomicBool,
    /// Counts cells, so that a late interrupt does not hit the next one.
    cell: AtomicU64,
    pings: AtomicU64,
    /// What ended the process between cells.
    crashed: Mutex<Option<Crash>>,
    /// The characters in a line of the terminal that shows the cells' text; 0 where there is none.
    columns: AtomicUsize,
    /// How long the code of a cell, or of its parts, ran, in microseconds.
    ran: AtomicU64,
}

struct Ready {
    heard: Receiver<Result<(), CellError>>,
    result: OnceLock<Result<(), CellError>>,
}

impl Session {
    /// Starts a session. Returns at once; the analysis warms up in the background and the first
    /// cell waits for it.
    ///
    /// # Errors
    /// [`Why::Session`] where no folder can be written. A missing template is told by
    /// [`wait_ready`](Session::wait_ready) and by the first cell.
    pub fn start(options: Options) -> Result<Session, CellError> {
        Session::start_in(options, BuildPlace::CopyOfTemplate)
    }

    fn start_in(options: Options, place: BuildPlace) -> Result<Session, CellError> {
        static SHIMS: OnceLock<Channel> = OnceLock::new();
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let broken = |error: &dyn fmt::Display| diagnostics::session(format!("the session cannot start: {error}"));
        let home = Home::find().map_err(|error| broken(&error))?;
        let folder = process::folder().map_err(|error| broken(&error))?;
        let shims = match SHIMS.get() {
            Some(shims) => shims,
            None => {
                let shims = Channel::listen(&folder.join(environment::SOCKET_FILE)).map_err(|error| broken(&error))?;
                SHIMS.get_or_init(|| shims)
            }
        };
        let socket = folder.join(format!("{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        let channel = Arc::new(Channel::listen(&socket).map_err(|error| broken(&error))?);
        let address = format!("{};{}", socket.display(), uuid::Uuid::new_v4().simple());
        let process = RuntimeProcess::default();
        let analysis = match &place {
            BuildPlace::Template(..) => None,
            BuildPlace::CopyOfTemplate => {
                if let Some(stamp) = template::stamp(&home) {
                    environment::keep_to_cargo_home(&stamp.cargo_home);
                }
                let pack = home.template().join(template::PACK);
                Some(Arc::new(Analysis::start(pack, WARM).map_err(|error| broken(&error))?))
            }
        };
        let (jobs, work) = crossbeam_channel::unbounded();
        let (tell, heard) = crossbeam_channel::bounded(1);
        let worker = {
            let (process, options, analysis) = (Arc::clone(&process), options.clone(), analysis.clone());
            std::thread::Builder::new()
                .name("session".into())
                // rust-analyzer recurses deeply.
                .stack_size(64 << 20)
                .spawn(move || evaluator::run(&home, &place, &options, &address, &process, analysis, &work, &tell))
                .map_err(|error| broken(&error))?
        };
        Ok(Session {
            jobs,
            channel,
            shims,
            process,
            analysis,
            ready: Ready { heard, result: OnceLock::new() },
            running: Mutex::new(()),
            state: Arc::default(),
            worker: Mutex::new(Some(worker)),
            moved: Mutex::default(),
            history: Mutex::default(),
            memory: Mutex::default(),
            options,
        })
    }

    /// Runs one cell. One cell runs at a time; a second call waits.
    ///
    /// # Errors
    /// Whatever ended the cell early. The session lives on.
    pub fn execute(&self, code: &str, screen: &mut dyn Screen) -> Result<Done, CellError> {
        let _one_at_a_time = lock(&self.running);
        let start = Instant::now();
        self.wait_ready_telling(&mut |label| {
            screen.say(Said::progress(label, 0, 0));
        })?;
        lock(&self.memory).number(screen.number());
        lock(&self.history).push(code.to_owned());
        let result = self.perform(code, screen);
        result.map(|()| Done { took: start.elapsed() }).map_err(|error| commands::with_hints(code, error))
    }

    /// Forgets what was said while nobody listened.
    fn clear_channels(&self) {
        while self.channel.messages().try_recv().is_ok() {}
        while self.shims.messages().try_recv().is_ok() {}
    }

    /// Lets evcxr run code, until all that it said has reached the cell. The session must be ready and `running` held.
    fn run(&self, code: &str, cell: &mut Cell) -> Result<Ended, CellError> {
        if self.state.flagged.swap(false, Ordering::SeqCst) {
            self.lower_flag();
        }
        self.state.begin();
        let child = self.runtime_id();
        self.tell_columns();
        let (done, ended) = crossbeam_channel::bounded(1);
        let gone = || diagnostics::session("the session has ended; restart it");
        let job = Job::Run { code: code.to_owned(), done };
        let sent = self.jobs.send(job).map_err(|_| gone());
        let ended = sent.and_then(|()| self.follow(cell, &ended).ok_or_else(gone));
        self.state.busy.store(false, Ordering::SeqCst);
        let ended = ended?;
        if !matches!(ended, Ended::Died { .. }) {
            self.barrier(cell);
        } else {
            cell.drain(self.channel.messages());
        }
        // A new child, after the old one died or by `:restart` and `:clear`.
        if self.runtime_id() != child {
            self.tell_move();
        }
        Ok(ended)
    }

    /// Hands the cell's messages to the screen until evcxr is done with it.
    fn follow(&self, cell: &mut Cell, ended: &Receiver<Ended>) -> Option<Ended> {
        loop {
            crossbeam_channel::select! {
                recv(self.channel.messages()) -> message => match message.ok()? {
                    Message::Started { tick } => self.state.code_runs(tick),
                    message => self.hear(cell, message),
                },
                // What goes wrong when rust-analyzer asks for something is standard error, and no word to the cell.
                recv(self.shims.messages()) -> message => match message.ok()? {
                    Message::Said(Said::Stream { name: StreamName::Stderr, .. }) => {}
                    message => drop(cell.take(message)),
                },
                recv(ended) -> ended => return ended.ok(),
            }
        }
    }

    /// Hands a message to the cell, and the user's answer back where it was a question.
    fn hear(&self, cell: &mut Cell, message: Message) {
        if let Some(answer) = cell.take(message) {
            self.channel.say(&answer);
        }
    }

    /// Waits until all that the runtime said before now has reached the screen.
    fn barrier(&self, cell: &mut Cell) {
        let number = self.state.pings.fetch_add(1, Ordering::Relaxed);
        if !self.channel.say(&Request::Ping { number }) {
            return;
        }
        let deadline = Instant::now() + Duration::from_secs(3);
        while cell.pong != Some(number) {
            match self.channel.messages().recv_deadline(deadline) {
                Ok(message) => self.hear(cell, message),
                Err(_) => return,
            }
        }
    }

    /// Hands what a frontend said over a comm to the process that runs cells; a cell may run meanwhile.
    /// [`Said::Handled`] tells when it has been dealt with. False where there is no such process.
    pub fn comm(&self, number: u64, comm: Comm) -> bool {
        self.channel.say(&Request::Comm { number, comm })
    }

    /// Lets `screen` hear what is said while no cell runs: by callbacks of comms and by threads. To be called when the
    /// session is ready, before the first cell.
    pub fn listen(&self, mut screen: Box<dyn Screen + Send>) {
        let (channel, state) = (Arc::downgrade(&self.channel), Arc::clone(&self.state));
        self.channel.listen_between(Box::new(move |message| {
            let handled = matches!(message, Message::Said(Said::Handled { .. }));
            let mut cell = Cell::new(&mut *screen);
            let answer = cell.take(message);
            if let Some(crash) = cell.crashed {
                *lock(&state.crashed) = Some(crash);
            }
            if let (Some(answer), Some(channel)) = (answer, channel.upgrade()) {
                channel.say(&answer);
            }
            if handled
                && state.flagged.swap(false, Ordering::SeqCst)
                && let Some(channel) = channel.upgrade()
            {
                channel.say(&Request::Ping { number: NOBODY });
            }
        }));
        // what warmed the session up was read as a cell's, and has ended
        self.channel.cell_runs(false);
    }

    /// Lowers the interrupt's flag in the process that runs cells, as the end of a cell does.
    fn lower_flag(&self) {
        self.channel.say(&Request::Ping { number: NOBODY });
    }

    /// Completions at byte offset `cursor`; a cell may run meanwhile.
    pub fn complete(&self, code: &str, cursor: usize) -> Completions {
        let cursor = code.floor_char_boundary(cursor.min(code.len()));
        if let Some(completions) = commands::complete(code, cursor, &self.directory()) {
            return completions;
        }
        let found = self.analysis.as_ref().and_then(|it| it.complete(&Leading::of(code).rust_only(code), cursor));
        let Some((range, suggestions)) = found else {
            return Completions { start: cursor, end: cursor, candidates: Vec::new() };
        };
        let candidates = suggestions.into_iter().map(|suggestion| Candidate {
            text: suggestion.text,
            label: suggestion.label,
            kind: suggestion.kind.to_owned(),
        });
        Completions { start: range.start, end: range.end, candidates: candidates.collect() }
    }

    /// What is known of the item at byte offset `cursor`, and of the call that it lies in; a cell may run meanwhile.
    pub fn inspect(&self, code: &str, cursor: usize) -> Option<Inspection> {
        let cursor = code.floor_char_boundary(cursor.min(code.len()));
        let described = self.analysis.as_ref()?.inspect(&Leading::of(code).rust_only(code), cursor)?;
        Some(Inspection { plain: described.plain, markdown: described.markdown })
    }

    fn ask<T>(&self, job: impl FnOnce(Sender<T>) -> Job) -> Option<T> {
        self.wait_ready().ok()?;
        let (done, answer) = crossbeam_channel::bounded(1);
        self.jobs.send(job(done)).ok()?;
        answer.recv().ok()
    }

    /// Waits until the prelude is loaded.
    ///
    /// # Errors
    /// What kept the session from starting.
    pub fn wait_ready(&self) -> Result<(), CellError> {
        let gone = || diagnostics::session("the session ended while it started");
        let hear = || self.started(self.ready.heard.recv().unwrap_or_else(|_| Err(gone())));
        self.ready.result.get_or_init(hear).clone()
    }

    fn started(&self, mut result: Result<(), CellError>) -> Result<(), CellError> {
        if let Err(error) = &mut result {
            error.traceback.extend(self.last_words());
        }
        result
    }

    /// What a runtime child that is gone, or a cargo that failed, wrote to its standard error.
    fn last_words(&self) -> Vec<String> {
        let said = |channel: &Channel| channel.messages().recv_timeout(Duration::from_millis(50)).ok();
        let messages = [self.shims, &self.channel].map(|channel| std::iter::from_fn(move || said(channel)));
        messages
            .into_iter()
            .flatten()
            .filter_map(|message| match message {
                Message::Said(Said::Stream { name: StreamName::Stderr, text }) => Some(text.trim_end().to_owned()),
                _ => None,
            })
            .collect()
    }

    /// As [`wait_ready`](Session::wait_ready), telling the name of each crate that compiles meanwhile.
    fn await_build(&self, say: &mut dyn FnMut(&str)) -> Result<(), CellError> {
        loop {
            crossbeam_channel::select! {
                recv(self.shims.messages()) -> message => if let Ok(Message::Said(Said::Progress(progress))) = message {
                    let name = progress.label.trim_start_matches("compiling ");
                    say(name.split(' ').next().unwrap_or(name));
                },
                recv(self.ready.heard) -> result => {
                    let gone = diagnostics::session("the session ended while it was built");
                    return self.ready.result.get_or_init(|| self.started(result.unwrap_or(Err(gone)))).clone();
                },
            }
        }
    }

    /// The process number of the runtime child, for tests that must see it live on.
    pub fn runtime_id(&self) -> Option<u32> {
        let process = self.process.lock().unwrap().clone()?;
        let id = process.lock().unwrap().id();
        Some(id)
    }

    /// Ends the runtime child and removes the session's folder. Dropping does the same.
    pub fn shutdown(self) {}

    /// As [`shutdown`](Session::shutdown), but sooner, for a process that ends: its memory is not given back.
    pub fn leave(self) {
        let _ = self.jobs.send(Job::Leave);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let id = self.runtime_id();
        let _ = self.jobs.send(Job::Stop);
        evaluator::stop_compiler();
        let ended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ended);
        // The child ends when its input closes, unless it is busy.
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            if !seen.load(Ordering::SeqCst)
                && let Some(id) = id
            {
                // SAFETY: as in `interrupt`.
                unsafe { libc::kill(id as libc::pid_t, libc::SIGKILL) };
            }
        });
        if let Some(worker) = self.worker.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take() {
            let _ = worker.join();
        }
        ended.store(true, Ordering::SeqCst);
    }
}

//! The only room that names evcxr: starts from the warm template, evaluates cells, interrupts them.
//!
//! A [`Session`] is one runtime child and one compiler front. Its calls block; frontends that must
//! not block call it from a thread. Outputs arrive at the [`Screen`] that came with the cell, on the
//! calling thread, while the cell runs.

mod answers;
mod cell;
mod channel;
mod check;
mod commands;
mod completeness;
mod diagnostics;
mod edits;
mod engine;
mod help;
pub mod install;
mod memory;
mod messages;
mod prepare;
mod process;
mod recipe;
mod relay;
mod shell;
mod shim;
mod source;
mod splitter;
mod story;
mod template;
mod variables;

use crate::home::Home;
use crate::screen::{Comm, Display, Question, Screen, StreamName};
use candlewick_wire::{Message, Request};
use cell::Cell;
use channel::Channel;
pub use completeness::completeness;
use crossbeam_channel::{Receiver, Sender};
use diagnostics::Interrupted;
use engine::{Asked, Ended, Job, Place, Process};
pub use help::help_text;
use memory::Memory;
pub use process::clean_up;
pub use shim::restore_environment;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
pub use variables::{Variable, variables_text};

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

/// How long running code may ignore an interrupt before its process is ended.
const GRACE: Duration = Duration::from_secs(5);

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

/// Sends a signal to the process that runs cells.
fn signal(process: &Process, signal: libc::c_int) {
    let handle = lock(process).clone();
    if let Some(handle) = handle
        && let Ok(child) = handle.try_lock()
    {
        // SAFETY: a signal to our own child, which is reaped only under this lock.
        unsafe { libc::kill(child.id() as libc::pid_t, signal) };
    }
}

/// To be called first in `main`: becomes the runtime child, a shim of cargo or evcxr's rustc wrapper
/// where this process was started as one, and then does not return.
pub fn hook() {
    shim::run_if_named();
    if std::env::var_os("EVCXR_IS_RUNTIME").is_some() {
        relay::start();
    }
    evcxr::runtime_hook();
}

/// A running session. Cheap to share behind an `Arc`; all methods take `&self`.
pub struct Session {
    jobs: Sender<Job>,
    channel: Arc<Channel>,
    shims: &'static Channel,
    process: Process,
    ready: Ready,
    /// Held while a cell runs.
    running: Mutex<()>,
    state: Arc<State>,
    worker: Mutex<Option<std::thread::JoinHandle<()>>>,
    /// Where the cells run, if not where the session started.
    moved: Mutex<Option<Request>>,
    /// What is remembered of the cells that ran.
    memory: Mutex<Memory>,
    options: Options,
}

#[derive(Default)]
struct State {
    busy: AtomicBool,
    interrupted: AtomicBool,
    killed: AtomicBool,
    /// A callback between cells was asked to stop.
    flagged: AtomicBool,
    /// Counts cells, so that a late interrupt does not hit the next one.
    cell: AtomicU64,
    pings: AtomicU64,
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
        Session::start_in(options, Place::CopyOfTemplate)
    }

    fn start_in(options: Options, place: Place) -> Result<Session, CellError> {
        static SHIMS: OnceLock<Channel> = OnceLock::new();
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let broken = |error: &dyn fmt::Display| diagnostics::session(format!("the session cannot start: {error}"));
        let home = Home::find().map_err(|error| broken(&error))?;
        let folder = process::folder().map_err(|error| broken(&error))?;
        let shims = match SHIMS.get() {
            Some(shims) => shims,
            None => {
                let shims = Channel::listen(&folder.join(shim::SOCKET_FILE)).map_err(|error| broken(&error))?;
                SHIMS.get_or_init(|| shims)
            }
        };
        let socket = folder.join(format!("{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        let channel = Arc::new(Channel::listen(&socket).map_err(|error| broken(&error))?);
        let address = format!("{};{}", socket.display(), uuid::Uuid::new_v4().simple());
        let process = Process::default();
        let (jobs, work) = crossbeam_channel::unbounded();
        let (tell, heard) = crossbeam_channel::bounded(1);
        let worker = {
            let (process, options) = (Arc::clone(&process), options.clone());
            std::thread::Builder::new()
                .name("session".into())
                // rust-analyzer recurses deeply.
                .stack_size(64 << 20)
                .spawn(move || engine::run(&home, &place, &options, &address, &process, &work, &tell))
                .map_err(|error| broken(&error))?
        };
        Ok(Session {
            jobs,
            channel,
            shims,
            process,
            ready: Ready { heard, result: OnceLock::new() },
            running: Mutex::new(()),
            state: Arc::default(),
            worker: Mutex::new(Some(worker)),
            moved: Mutex::new(None),
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
        self.wait_ready()?;
        let done = || Done { took: start.elapsed() };
        let number = lock(&self.memory).number(screen.number());
        if let Some(command) = commands::of(code) {
            return self.carry_out(command, screen).map(|()| done());
        }
        let (told, prepared) = self.prepare(code, number)?;
        for note in &prepared.notes {
            screen.stream(StreamName::Stderr, &format!("{note}\n"));
        }
        self.drop_outdated(number, &prepared, screen);
        let before = self.names();
        self.clear_channels();
        self.channel.cell_runs(true);
        let mut cell = Cell::new(screen);
        let ended = self.run(&told.edited.text, &mut cell);
        self.channel.cell_runs(false);
        while let Ok(message) = self.channel.messages().try_recv() {
            cell.take(message);
        }
        let interrupted = self.state.interrupted.load(Ordering::SeqCst);
        let ended = ended?;
        let lost = self.remember(&told, &prepared, &before, &ended, &cell);
        let error = match ended {
            Ended::Died { lost, .. } if self.state.killed.load(Ordering::SeqCst) => {
                diagnostics::interrupted(&Interrupted::Killed(lost))
            }
            Ended::Died { status, lost } => diagnostics::runtime_died(&status, &cell.stderr, &lost),
            Ended::Ran(_) if interrupted => diagnostics::interrupted(&Interrupted::Running),
            _ if interrupted => diagnostics::interrupted(&Interrupted::Compiling),
            Ended::Compilation(errors) => self.explain(&errors, &told),
            Ended::Other(text) => self.explain_refusal(&text, &told),
            Ended::Ran(outputs) => match (cell.panicked, cell.failed) {
                (Some((message, location)), _) => self.at_a_place(&told, |program| {
                    diagnostics::panic(&message, location.as_ref(), program, &told, &lost)
                }),
                (None, Some((text, location))) => self.at_a_place(&told, |program| {
                    diagnostics::question_mark(&text, location.as_ref(), program, &told, &lost)
                }),
                (None, None) => {
                    let data: candlewick_wire::MimeBundle =
                        outputs.content_by_mime_type.into_iter().map(|(mime, text)| (mime, text.into())).collect();
                    if !data.is_empty() {
                        cell.screen.result(Display { data, ..Display::default() });
                    }
                    return Ok(done());
                }
            },
        };
        Err(error)
    }

    /// Goes on with another working directory and a changed environment for the cells; for a session that was
    /// started before it was known what for. The host's own working directory and environment are the caller's.
    pub fn move_to(&self, directory: &Path, environment: Vec<(String, Option<String>)>) {
        let directory = directory.to_string_lossy().into_owned();
        *lock(&self.moved) = Some(Request::Move { directory, environment });
        self.tell_move();
    }

    /// Tells the runtime child, a new one too, where it is to be.
    fn tell_move(&self) {
        if let Some(request) = lock(&self.moved).as_ref() {
            self.channel.say(request);
        }
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
        self.state.interrupted.store(false, Ordering::SeqCst);
        self.state.killed.store(false, Ordering::SeqCst);
        self.state.cell.fetch_add(1, Ordering::SeqCst);
        self.state.busy.store(true, Ordering::SeqCst);
        let (asked, questions) = crossbeam_channel::unbounded();
        let (done, ended) = crossbeam_channel::bounded(1);
        let gone = || diagnostics::session("the session has ended; restart it");
        let job = Job::Run { code: code.to_owned(), asked, done };
        let sent = self.jobs.send(job).map_err(|_| gone());
        let ended = sent.and_then(|()| self.follow(cell, &questions, &ended).ok_or_else(gone));
        self.state.busy.store(false, Ordering::SeqCst);
        let ended = ended?;
        if !matches!(ended, Ended::Died { .. }) {
            self.barrier(cell);
        } else {
            cell.drain(self.channel.messages());
            self.tell_move();
        }
        Ok(ended)
    }

    /// Hands the cell's messages to the screen until evcxr is done with it.
    fn follow(&self, cell: &mut Cell, questions: &Receiver<Asked>, ended: &Receiver<Ended>) -> Option<Ended> {
        let mut questions = Some(questions);
        let never = crossbeam_channel::never();
        loop {
            crossbeam_channel::select! {
                recv(self.channel.messages()) -> message => cell.take(message.ok()?),
                recv(self.shims.messages()) -> message => if let progress @ Message::Progress(_) = message.ok()? {
                    cell.take(progress);
                },
                recv(questions.unwrap_or(&never)) -> question => match question {
                    Ok(question) => {
                        cell.drain(self.channel.messages());
                        let answer = cell.screen.input(Question { prompt: question.prompt, password: question.password });
                        let _ = question.answer.send(answer.unwrap_or_default());
                    }
                    Err(_) => questions = None,
                },
                recv(ended) -> ended => return ended.ok(),
            }
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
                Ok(message) => cell.take(message),
                Err(_) => return,
            }
        }
    }

    /// Hands what a frontend said over a comm to the process that runs cells; a cell may run meanwhile.
    /// [`Screen::handled`] tells when it has been dealt with. False where there is no such process.
    pub fn comm(&self, number: u64, comm: Comm) -> bool {
        self.channel.say(&Request::Comm { number, comm })
    }

    /// Lets `screen` hear what is said while no cell runs: by callbacks of comms and by threads. To be called when the
    /// session is ready, before the first cell.
    pub fn listen(&self, mut screen: Box<dyn Screen + Send>) {
        let (channel, state) = (Arc::downgrade(&self.channel), Arc::clone(&self.state));
        self.channel.listen_between(Box::new(move |message| {
            let handled = matches!(message, Message::Handled { .. });
            Cell::new(&mut *screen).take(message);
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

    /// Interrupts the running cell, if there is one, from any thread. Returns at once.
    ///
    /// A compiler that runs is stopped. Running code is asked to stop, which the prelude's loops do
    /// within a step; code that goes on for five seconds is ended with its process. Where no cell runs,
    /// a comm's callback that does is asked to stop.
    pub fn interrupt(&self) {
        if !self.state.busy.load(Ordering::SeqCst) {
            self.state.flagged.store(true, Ordering::SeqCst);
            return signal(&self.process, libc::SIGINT);
        }
        if self.state.interrupted.swap(true, Ordering::SeqCst) {
            return;
        }
        let cell = self.state.cell.load(Ordering::SeqCst);
        let state = Arc::clone(&self.state);
        let process = Arc::clone(&self.process);
        std::thread::spawn(move || {
            let runs = || state.busy.load(Ordering::SeqCst) && state.cell.load(Ordering::SeqCst) == cell;
            let start = Instant::now();
            let mut compiling = Duration::ZERO;
            while runs() && start.elapsed() < GRACE + compiling {
                if engine::stop_compiler() {
                    compiling = start.elapsed();
                } else {
                    signal(&process, libc::SIGINT);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            if runs() {
                state.killed.store(true, Ordering::SeqCst);
                signal(&process, libc::SIGKILL);
            }
        });
    }

    /// Completions at byte offset `cursor`.
    pub fn complete(&self, code: &str, cursor: usize) -> Completions {
        let code = code.to_owned();
        self.ask(|done| Job::Complete { code, cursor, done }).unwrap_or_default()
    }

    /// What is known of the item at byte offset `cursor`.
    pub fn inspect(&self, code: &str, cursor: usize) -> Option<Inspection> {
        let code = code.to_owned();
        self.ask(|done| Job::Inspect { code, cursor, done }).flatten()
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
                Message::Stream { name: StreamName::Stderr, text } => Some(text.trim_end().to_owned()),
                _ => None,
            })
            .collect()
    }

    /// As [`wait_ready`](Session::wait_ready), telling each crate that compiles meanwhile.
    fn await_build(&self, say: &mut dyn FnMut(&str)) -> Result<(), CellError> {
        loop {
            crossbeam_channel::select! {
                recv(self.shims.messages()) -> message => if let Ok(Message::Progress(progress)) = message {
                    say(&format!("{} ({})", progress.label, progress.done));
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
        engine::stop_compiler();
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

//! What the kernel asks of whatever runs the cells: a session, or a stand-in in tests.

use crate::screen::{Comm, Progress, Screen};
use crate::session::{
    self, CellError, Completeness, Completions, Done, Inspection, Options, Session, Variable, Why, at_start,
};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A session gets so long to end.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// What runs the cells. [`execute`](Engine::execute) blocks, the others answer soon.
pub trait Engine: Send + Sync {
    /// Runs one cell; its outputs go to `screen` while it runs.
    ///
    /// # Errors
    /// Whatever ended the cell early.
    fn execute(&self, code: &str, screen: &mut dyn Screen) -> Result<Done, CellError>;
    /// Interrupts the running cell, from any thread, at once.
    fn interrupt(&self);
    /// Completions at byte offset `cursor`.
    fn complete(&self, code: &str, cursor: usize) -> Completions;
    /// What is known of the item at byte offset `cursor`.
    fn inspect(&self, code: &str, cursor: usize) -> Option<Inspection>;
    /// The variables that cells have bound.
    fn variables(&self) -> Vec<Variable>;
    /// Hands what a frontend said over a comm to the cells' side, also while a cell runs; [`Screen::handled`] tells
    /// when it has been dealt with. False where nobody is there.
    fn comm(&self, number: u64, comm: Comm) -> bool;
    /// Lets `screen` hear what is said while no cell runs; called once, first.
    fn listen(&self, screen: Box<dyn Screen + Send>);
    /// Whether `code` could be run as it stands.
    fn completeness(&self, code: &str) -> Completeness {
        session::completeness(code)
    }
    /// Ends it; called once, last.
    fn shutdown(&self);
}

enum State {
    Starting,
    Ready(Arc<Session>),
    Failed(CellError),
    Ended,
}

struct Inner {
    state: State,
    /// A cell waits for the session, and an interrupt came.
    interrupted: bool,
    /// What is to hear the session between cells, as soon as it is there.
    between: Option<Box<dyn Screen + Send>>,
}

/// A session that starts in the background, so that the kernel can answer meanwhile.
pub(super) struct Background {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Background {
    /// Begins to start a session and to warm it up.
    pub(super) fn start(options: Options) -> Arc<Background> {
        let inner = Mutex::new(Inner { state: State::Starting, interrupted: false, between: None });
        let background = Arc::new(Background { inner, changed: Condvar::new() });
        let starting = background.clone();
        std::thread::spawn(move || {
            let started = Session::start(options).and_then(|session| session.wait_ready().map(|()| session));
            let mut inner = starting.lock();
            if matches!(inner.state, State::Starting) {
                inner.state = match started {
                    Ok(session) => {
                        if let Some(screen) = inner.between.take() {
                            session.listen(screen);
                        }
                        State::Ready(Arc::new(session))
                    }
                    Err(error) => State::Failed(error),
                };
            }
            starting.changed.notify_all();
        });
        background
    }

    /// Goes on with a session that is warm already.
    pub(super) fn warm(session: Session) -> Arc<Background> {
        let inner = Mutex::new(Inner { state: State::Ready(Arc::new(session)), interrupted: false, between: None });
        Arc::new(Background { inner, changed: Condvar::new() })
    }

    /// Whether the session has started.
    pub(super) fn is_ready(&self) -> bool {
        self.ready().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session, if it has started.
    fn ready(&self) -> Option<Arc<Session>> {
        match &self.lock().state {
            State::Ready(session) => Some(session.clone()),
            _ => None,
        }
    }

    /// The session, as soon as it has started; the screen is told what the cell waits for.
    fn wait(&self, screen: &mut dyn Screen) -> Result<Arc<Session>, CellError> {
        let begin = Instant::now();
        let mut inner = self.lock();
        inner.interrupted = false;
        loop {
            match &inner.state {
                State::Ready(session) => return Ok(session.clone()),
                State::Failed(error) => return Err(error.clone()),
                State::Ended => return Err(interrupted("the kernel is shutting down")),
                State::Starting if inner.interrupted => return Err(interrupted("interrupted before the cell began")),
                State::Starting => {}
            }
            drop(inner);
            let seconds = begin.elapsed().as_secs();
            screen.progress(Progress {
                label: at_start().unwrap_or_else(|| format!("the session is starting ({seconds} s)")),
                done: seconds,
                total: 0,
            });
            inner = self.lock();
            if matches!(inner.state, State::Starting) && !inner.interrupted {
                let waited = self.changed.wait_timeout(inner, Duration::from_millis(200));
                inner = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

/// The error of a cell that was interrupted before it began.
pub(super) fn interrupted(value: &str) -> CellError {
    CellError {
        why: Why::Interrupted,
        name: "Interrupted".to_owned(),
        value: value.to_owned(),
        traceback: vec![format!("\u{1b}[31mInterrupted\u{1b}[0m: {value}")],
    }
}

impl Engine for Background {
    fn execute(&self, code: &str, screen: &mut dyn Screen) -> Result<Done, CellError> {
        self.wait(screen)?.execute(code, screen)
    }

    fn interrupt(&self) {
        let session = {
            let mut inner = self.lock();
            inner.interrupted = true;
            match &inner.state {
                State::Ready(session) => Some(session.clone()),
                _ => None,
            }
        };
        self.changed.notify_all();
        if let Some(session) = session {
            session.interrupt();
        }
    }

    fn complete(&self, code: &str, cursor: usize) -> Completions {
        self.ready().map(|session| session.complete(code, cursor)).unwrap_or_default()
    }

    fn inspect(&self, code: &str, cursor: usize) -> Option<Inspection> {
        self.ready()?.inspect(code, cursor)
    }

    fn variables(&self) -> Vec<Variable> {
        self.ready().map(|session| session.variables()).unwrap_or_default()
    }

    fn comm(&self, number: u64, comm: Comm) -> bool {
        self.ready().is_some_and(|session| session.comm(number, comm))
    }

    fn listen(&self, screen: Box<dyn Screen + Send>) {
        let mut inner = self.lock();
        match &inner.state {
            State::Ready(session) => session.listen(screen),
            _ => inner.between = Some(screen),
        }
    }

    fn shutdown(&self) {
        let state = std::mem::replace(&mut self.lock().state, State::Ended);
        self.changed.notify_all();
        // Where a cell still holds it, the session ends with the process.
        if let State::Ready(session) = state
            && let Some(session) = Arc::into_inner(session)
        {
            let (ended, end) = crossbeam_channel::bounded(1);
            std::thread::spawn(move || {
                session.leave();
                let _ = ended.send(());
            });
            // Jupyter kills a kernel that takes 5 s; a session that still warms up may take longer.
            let _ = end.recv_timeout(LAST_WAIT);
        }
    }
}

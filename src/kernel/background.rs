//! A session that starts in the background, so that the kernel can answer meanwhile.

use crate::engine::Engine;
use crate::screen::{Comm, Said, Screen};
use crate::session::{CellError, Completions, Done, Inspection, Options, Session, Variable, Why, at_start};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A session gets so long to end.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// How far the session is.
enum Start {
    Starting,
    Ready(Arc<Session>),
    Failed(CellError),
    Ended,
}

struct Waiting {
    state: Start,
    /// A cell waits for the session, and an interrupt came.
    interrupted: bool,
    /// What is to hear the session between cells, as soon as it is there.
    between: Option<Box<dyn Screen + Send>>,
}

/// A session, from its start on.
pub(super) struct Background {
    inner: Mutex<Waiting>,
    changed: Condvar,
}

impl Background {
    /// Begins to start a session and to warm it up.
    pub(super) fn start(options: Options) -> Arc<Background> {
        let inner = Mutex::new(Waiting { state: Start::Starting, interrupted: false, between: None });
        let background = Arc::new(Background { inner, changed: Condvar::new() });
        let starting = background.clone();
        std::thread::spawn(move || {
            let started = Session::start(options).and_then(|session| session.wait_ready().map(|()| session));
            let mut inner = starting.lock();
            if matches!(inner.state, Start::Starting) {
                inner.state = match started {
                    Ok(session) => {
                        if let Some(screen) = inner.between.take() {
                            session.listen(screen);
                        }
                        Start::Ready(Arc::new(session))
                    }
                    Err(error) => Start::Failed(error),
                };
            }
            starting.changed.notify_all();
        });
        background
    }

    /// Goes on with a session that is warm already.
    pub(super) fn warm(session: Session) -> Arc<Background> {
        let inner = Mutex::new(Waiting { state: Start::Ready(Arc::new(session)), interrupted: false, between: None });
        Arc::new(Background { inner, changed: Condvar::new() })
    }

    /// Whether the session has started.
    pub(super) fn is_ready(&self) -> bool {
        self.ready().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session, if it has started.
    fn ready(&self) -> Option<Arc<Session>> {
        match &self.lock().state {
            Start::Ready(session) => Some(session.clone()),
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
                Start::Ready(session) => return Ok(session.clone()),
                Start::Failed(error) => return Err(error.clone()),
                Start::Ended => return Err(interrupted("the kernel is shutting down")),
                Start::Starting if inner.interrupted => return Err(interrupted("interrupted before the cell began")),
                Start::Starting => {}
            }
            drop(inner);
            let seconds = begin.elapsed().as_secs();
            let label = at_start().unwrap_or_else(|| format!("the session is starting ({seconds} s)"));
            screen.say(Said::progress(label, seconds, 0));
            inner = self.lock();
            if matches!(inner.state, Start::Starting) && !inner.interrupted {
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
                Start::Ready(session) => Some(session.clone()),
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
            Start::Ready(session) => session.listen(screen),
            _ => inner.between = Some(screen),
        }
    }

    fn shutdown(&self) {
        let state = std::mem::replace(&mut self.lock().state, Start::Ended);
        self.changed.notify_all();
        // Where a cell still holds it, the session ends with the process.
        if let Start::Ready(session) = state
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

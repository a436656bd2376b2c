//! The user's interrupt, on its way to whatever the running cell is doing: compiling, waiting for a program, or its own
//! code.

use super::children::Children;
use super::evaluator::{self, RuntimeProcess};
use super::{Session, State, lock};
use candlewick_wire::Said;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often an interrupt is repeated: what is compiling now may run soon.
const TICK: Duration = Duration::from_millis(50);
/// Code that has not heard it for so long is spoken of.
const NOTICE: Duration = Duration::from_secs(1);
/// What an ended program's cell has to come to its end before the process is ended.
const LAST_GRACE: Duration = Duration::from_secs(1);
/// How long code may go on that has to end.
const GRACE: Duration = Duration::from_secs(5);

/// What the user is told of code that does not hear the interrupt.
const UNHEARD: &str = "the code has not heard the interrupt yet, and goes on. Loops of a cell hear it at each turn; other code \
                       stops where it calls `interrupt::check()?`, or asks `interrupt::requested()`.\n\
                       Interrupt again to end its process; all variables would be lost.\n";

/// Sends a signal to the process that runs cells, if it is still this one.
fn signal(process: &RuntimeProcess, id: u32, signal: libc::c_int) {
    let handle = lock(process).clone();
    if let Some(handle) = handle
        && let child = lock(&handle)
        && child.id() == id
    {
        // SAFETY: a signal to our own child, which is reaped only under this lock.
        unsafe { libc::kill(id as libc::pid_t, signal) };
    }
}

impl Session {
    /// Interrupts the running cell, if there is one, from any thread. Returns at once.
    ///
    /// A compiler that runs is stopped. Programs that the cell started are interrupted, and ended where they go on. Code
    /// is asked to stop, which the prelude's loops do within a step; of code that has not heard it after a second the
    /// user is told, and a further interrupt ends its process. Where no cell runs, a comm's callback that does is asked
    /// to stop.
    pub fn interrupt(&self) {
        if !self.state.busy.load(Ordering::SeqCst) {
            self.state.flagged.store(true, Ordering::SeqCst);
            if let Some(id) = self.runtime_id() {
                signal(&self.process, id, libc::SIGINT);
            }
            return;
        }
        if self.state.interrupted.swap(true, Ordering::SeqCst) {
            if self.state.told.load(Ordering::SeqCst) {
                self.state.again.store(true, Ordering::SeqCst);
            }
            return;
        }
        let (state, process) = (Arc::clone(&self.state), Arc::clone(&self.process));
        let cell = self.state.cell.load(Ordering::SeqCst);
        let Some(id) = self.runtime_id() else { return };
        let channel = Arc::clone(&self.channel);
        std::thread::spawn(move || {
            let tell = |text: &str| {
                channel.deliver(Said::err(text).into());
            };
            watch(cell, &state, &process, id, &tell);
        });
    }

    /// As [`interrupt`](Session::interrupt), for a cell that has to end: code that goes on for five seconds is ended with
    /// its process.
    pub fn end_cell(&self) {
        self.state.must_end.store(true, Ordering::SeqCst);
        self.interrupt();
    }
}

/// Interrupts the cell of this number until it has ended.
fn watch(cell: u64, state: &State, process: &RuntimeProcess, id: u32, tell: &dyn Fn(&str)) {
    let runs = || state.busy.load(Ordering::SeqCst) && state.cell.load(Ordering::SeqCst) == cell;
    let mut children: Option<Children> = None;
    // Since when its code runs and the interrupt is not heard, by it and by its programs together.
    let mut began: Option<Instant> = None;
    let mut unheard: Option<Instant> = None;
    let mut last = None;
    while runs() {
        let compiles = evaluator::stop_compiler();
        let since = state.started.load(Ordering::SeqCst);
        if compiles || since == 0 {
            (began, unheard) = (None, None);
            std::thread::sleep(TICK);
            continue;
        }
        signal(process, id, libc::SIGINT);
        let children = children.get_or_insert_with(|| Children::of(id, since));
        let again = state.again.load(Ordering::SeqCst);
        let waits = children.interrupt(again);
        let began = began.get_or_insert_with(Instant::now).elapsed();
        if waits {
            unheard = None;
        }
        let unheard_for = unheard.get_or_insert_with(Instant::now).elapsed();
        let must_end = state.must_end.load(Ordering::SeqCst);
        if unheard_for >= NOTICE && !must_end && runs() && !state.told.swap(true, Ordering::SeqCst) {
            tell(UNHEARD);
        }
        let over = match last {
            Some(last) => Instant::now() >= last,
            None => must_end && began >= GRACE,
        };
        if again && last.is_none() {
            last = Some(Instant::now() + LAST_GRACE);
        }
        if over && runs() {
            state.killed.store(true, Ordering::SeqCst);
            children.end();
            signal(process, id, libc::SIGKILL);
            return;
        }
        std::thread::sleep(TICK);
    }
}

impl State {
    /// A new cell: nothing has been asked of it.
    pub(super) fn begin(&self) {
        for flag in [&self.interrupted, &self.killed, &self.told, &self.again, &self.must_end] {
            flag.store(false, Ordering::SeqCst);
        }
        self.started.store(0, Ordering::SeqCst);
        self.cell.fetch_add(1, Ordering::SeqCst);
        self.busy.store(true, Ordering::SeqCst);
    }

    /// The cell's code began to run at this tick.
    pub(super) fn code_runs(&self, tick: u64) {
        self.started.store(tick.max(1), Ordering::SeqCst);
    }
}

//! Requests of the shell channel, in order, between the socket and the thread that answers them.

use jupyter_protocol::{JupyterMessage, JupyterMessageContent};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A request and whether an error before it has aborted it.
pub(super) struct Queued {
    pub(super) request: Arc<JupyterMessage>,
    pub(super) aborted: bool,
}

#[derive(Default)]
struct Pending {
    waiting: VecDeque<Queued>,
    closed: bool,
}

/// The queue.
#[derive(Default)]
pub(super) struct Queue {
    inner: Mutex<Pending>,
    changed: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request.
    pub(super) fn push(&self, request: JupyterMessage) {
        self.lock().waiting.push_back(Queued { request: Arc::new(request), aborted: false });
        self.changed.notify_one();
    }

    /// Waits for the next request; `None` when the queue is closed, whatever still waits.
    pub(super) fn next(&self) -> Option<Queued> {
        let mut inner = self.lock();
        loop {
            if inner.closed {
                return None;
            }
            match inner.waiting.pop_front() {
                Some(next) => return Some(next),
                None => inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Aborts the cells that wait.
    pub(super) fn abort_cells(&self) {
        for queued in &mut self.lock().waiting {
            if matches!(queued.request.content, JupyterMessageContent::ExecuteRequest(_)) {
                queued.aborted = true;
            }
        }
    }

    /// No more requests are handed out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

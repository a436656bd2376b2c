//! Work in many steps: it shows a bar when it takes a while, and hears the interrupt at each step.

use super::progress;
use crate::{Result, interrupt};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Work shorter than this shows nothing.
const SHORT: Duration = Duration::from_millis(500);

/// How far such work is; shared by the threads that do it.
pub(crate) struct Steps {
    label: &'static str,
    total: usize,
    done: AtomicUsize,
    began: Instant,
}

impl Steps {
    /// Work that begins now, of `total` steps; of 0 where nobody knows yet.
    pub fn new(label: &'static str, total: usize) -> Steps {
        Steps { label, total, done: AtomicUsize::new(0), began: Instant::now() }
    }

    /// One more step begins.
    ///
    /// # Errors
    /// Where the user interrupts.
    pub fn step(&self) -> Result<()> {
        self.advance(1)
    }

    /// So many more steps begin.
    ///
    /// # Errors
    /// Where the user interrupts.
    pub fn advance(&self, steps: usize) -> Result<()> {
        interrupt::check()?;
        let done = self.done.fetch_add(steps, Ordering::Relaxed);
        if self.began.elapsed() > SHORT {
            progress(self.label, done.max(1) as u64, self.total as u64);
        }
        Ok(())
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if self.began.elapsed() > SHORT {
            let all = self.done.load(Ordering::Relaxed).max(1) as u64;
            progress(self.label, all, all);
        }
    }
}

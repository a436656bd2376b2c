//! The user's interrupt: a flag that every long loop of the prelude checks.
//!
//! Inside candlewick's kernel the session raises SIGINT in the runtime child; [`install`] turns that
//! into the flag. The flag stays up until the cell ends, so that every later loop of the same cell
//! returns at once too.
//!
//! A loop that a cell writes hears it at each turn, since the session puts a question there; a cell that names
//! `interrupt` sees to it itself, and so does code in other crates:
//!
//! ```
//! use candlewick_prelude::interrupt;
//! # fn main() -> candlewick_prelude::Result<()> {
//! for step in 0..3 {
//!     interrupt::check()?; // ends the cell
//! }
//! while !interrupt::requested() {
//!     break; // or one that keeps what it has
//! }
//! # Ok(())
//! # }
//! ```

use crate::{Error, Result};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

static REQUESTED: AtomicBool = AtomicBool::new(false);
/// The thread that runs cells.
static CELLS: OnceLock<ThreadId> = OnceLock::new();

/// Ends the cell whose loop calls it when the user asked the cell to stop: it unwinds, as at a panic. Threads that a
/// cell started go on.
#[inline]
#[track_caller]
pub fn hear() {
    if REQUESTED.load(Ordering::Relaxed) {
        leave();
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn leave() {
    if runs_cells() && !std::thread::panicking() {
        std::panic::panic_any("interrupted");
    }
}

/// Sleeps as the standard library does, but hears the interrupt as a loop of the cell's does.
#[track_caller]
pub fn sleep(time: Duration) {
    nap(time);
    hear();
}

/// Sleeps as the standard library does, or until the user interrupts. The threads that a cell started sleep on.
pub fn nap(time: Duration) {
    const SLICE: Duration = Duration::from_millis(50);
    let begun = Instant::now();
    while !(requested() && runs_cells()) {
        match time.saturating_sub(begun.elapsed()) {
            Duration::ZERO => return,
            left => std::thread::sleep(left.min(SLICE)),
        }
    }
}

/// Whether this thread is the one that runs cells.
fn runs_cells() -> bool {
    CELLS.get() == Some(&std::thread::current().id())
}

/// Whether the user asked the running cell to stop. Long loops check it each step and return what they have.
#[inline]
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Ends the function, or the cell, that calls it with a `?` when the user asked the running cell to stop.
///
/// # Errors
/// The user interrupted.
pub fn check() -> Result<()> {
    if requested() { Err(Error::interrupted()) } else { Ok(()) }
}

/// Raises the flag, as an interrupt does.
pub fn request() {
    REQUESTED.store(true, Ordering::Relaxed);
}

/// Lowers the flag; called when a cell ends.
pub fn clear() {
    REQUESTED.store(false, Ordering::Relaxed);
}

/// Makes SIGINT raise the flag instead of ending the process; to be called by the thread that runs cells. Does nothing
/// about signals where there are none.
pub fn install() {
    let _ = CELLS.set(std::thread::current().id());
    #[cfg(unix)]
    {
        extern "C" fn on_interrupt(_signal: libc::c_int) {
            REQUESTED.store(true, Ordering::Relaxed);
        }
        let handler = on_interrupt as extern "C" fn(libc::c_int);
        // SAFETY: the handler only stores to an atomic, which is async-signal-safe.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as libc::sighandler_t;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(libc::SIGINT, &action, std::ptr::null_mut());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The flag is the process's own, and other tests need it low: `prelude/tests/interrupt_more.rs` raises it.
    #[test]
    fn without_an_interrupt_a_loop_goes_on() {
        hear();
        let begun = Instant::now();
        sleep(Duration::from_millis(120));
        assert!(begun.elapsed() >= Duration::from_millis(120));
    }
}

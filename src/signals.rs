//! Ctrl-C and requests to end, counted instead of ending the process: for frontends that interrupt a cell first.

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

static COUNT: AtomicUsize = AtomicUsize::new(0);
static LAST: AtomicI32 = AtomicI32::new(0);

extern "C" fn count(signal: libc::c_int) {
    // Only what a signal handler may do: two stores.
    LAST.store(signal, Ordering::SeqCst);
    COUNT.fetch_add(1, Ordering::SeqCst);
}

/// How many signals came since the last [`Watch`] began.
pub fn seen() -> usize {
    COUNT.load(Ordering::SeqCst)
}

/// While it lives, SIGINT and SIGTERM are counted; dropping it gives the signals their former meaning.
pub struct Watch {
    before: Vec<(libc::c_int, libc::sigaction)>,
}

impl Watch {
    /// Starts counting from zero. One watch at a time.
    pub fn start() -> Watch {
        COUNT.store(0, Ordering::SeqCst);
        let install = |signal| {
            // SAFETY: both structures are plain data that live through the calls, and the handler does
            // only what is allowed in one.
            unsafe {
                let mut new: libc::sigaction = std::mem::zeroed();
                new.sa_sigaction = count as extern "C" fn(libc::c_int) as libc::sighandler_t;
                new.sa_flags = libc::SA_RESTART;
                libc::sigemptyset(&mut new.sa_mask);
                let mut old: libc::sigaction = std::mem::zeroed();
                (libc::sigaction(signal, &new, &mut old) == 0).then_some((signal, old))
            }
        };
        Watch { before: [libc::SIGINT, libc::SIGTERM].into_iter().filter_map(install).collect() }
    }

    /// How many signals came so far.
    pub fn count(&self) -> usize {
        COUNT.load(Ordering::SeqCst)
    }

    /// What a shell expects as exit code after the last signal: 130 for Ctrl-C, 143 for SIGTERM.
    pub fn exit_code(&self) -> i32 {
        128 + LAST.load(Ordering::SeqCst)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for (signal, old) in &self.before {
            // SAFETY: `old` is what the system gave for this signal.
            unsafe { libc::sigaction(*signal, old, std::ptr::null_mut()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_counted_and_does_not_end_the_process() {
        let watch = Watch::start();
        assert_eq!(watch.count(), 0);
        // SAFETY: raising a signal for which a handler was just installed.
        unsafe { libc::raise(libc::SIGINT) };
        assert_eq!((watch.count(), watch.exit_code()), (1, 130));
    }
}

//! Inside the runtime child: what its code did that ends the process is told to the relay, which reads what was printed
//! before that.
//!
//! All that runs within a signal's handler only stores, writes and sleeps, since the code that it interrupted may hold
//! any lock.

use candlewick_wire::Crash;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// What the relay hears of, a byte each in a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The cell has returned.
    CellEnded,
    /// The process ends in order.
    Exit,
    /// The process ends by a signal that its code caused.
    Crash(Crash),
}

const CELL_ENDED: u8 = b'.';
const EXIT: u8 = b'x';

/// The signals that code causes, what it did, and the byte that says so.
const CAUSES: [(libc::c_int, Crash, u8); 6] = [
    (libc::SIGSEGV, Crash::Pointer, b'p'),
    (libc::SIGBUS, Crash::Bus, b'b'),
    (libc::SIGILL, Crash::Instruction, b'i'),
    (libc::SIGFPE, Crash::Arithmetic, b'f'),
    (libc::SIGTRAP, Crash::Breakpoint, b't'),
    (libc::SIGABRT, Crash::Abort, b'a'),
];
const OVERFLOW: u8 = b'o';

/// What a fault may be away from the stack's end and still be an overflow: a page is touched at a time, but foreign code
/// with a large frame may touch its far end first.
const BELOW: usize = 64 << 10;
const ABOVE: usize = 1 << 20;

/// The stack on which a handler runs where the thread's own is used up.
const HANDLERS_STACK: usize = 64 << 10;

/// The pipe's writing end, and the process that may write to it: not one that the cell forked.
static PIPE: AtomicI32 = AtomicI32::new(-1);
static PROCESS: AtomicI32 = AtomicI32::new(0);
/// The process is about to end, and the relay has read all.
static ENDING: AtomicBool = AtomicBool::new(false);
static HEARD: AtomicBool = AtomicBool::new(false);

impl Event {
    /// The event that a byte stands for.
    pub fn of(byte: u8) -> Option<Event> {
        match byte {
            CELL_ENDED => Some(Event::CellEnded),
            EXIT => Some(Event::Exit),
            OVERFLOW => Some(Event::Crash(Crash::Overflow)),
            byte => CAUSES.iter().find(|cause| cause.2 == byte).map(|cause| Event::Crash(cause.1)),
        }
    }
}

/// Takes the signals that code causes, for this thread also where its stack is used up, and the process's end. Events
/// go to `pipe`.
pub fn install(pipe: RawFd) {
    PIPE.store(pipe, Ordering::SeqCst);
    // SAFETY: plain calls with structures that live through them; the handlers' stack is never freed, and the handlers
    // only do what is allowed in one.
    unsafe {
        PROCESS.store(libc::getpid(), Ordering::SeqCst);
        let stack = libc::stack_t {
            ss_sp: Box::leak(vec![0u8; HANDLERS_STACK].into_boxed_slice()).as_mut_ptr().cast(),
            ss_flags: 0,
            ss_size: HANDLERS_STACK,
        };
        libc::sigaltstack(&stack, std::ptr::null_mut());
        for (signal, ..) in CAUSES {
            let mut action: libc::sigaction = std::mem::zeroed();
            let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_signal;
            action.sa_sigaction = handler as libc::sighandler_t;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
        libc::atexit(on_exit);
    }
}

/// Tells the relay that the cell has returned.
pub fn cell_ended() {
    say(CELL_ENDED);
}

/// Says that all has been read, so that the process may end.
pub fn heard() {
    HEARD.store(true, Ordering::SeqCst);
}

fn say(byte: u8) {
    let pipe = PIPE.load(Ordering::SeqCst);
    // SAFETY: writes one byte that lives through the call; async-signal-safe.
    while unsafe { libc::write(pipe, std::ptr::from_ref(&byte).cast(), 1) } < 0
        && std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted
    {}
}

fn pause() {
    let pause = libc::timespec { tv_sec: 0, tv_nsec: 4_000_000 };
    // SAFETY: async-signal-safe, and only reads `pause`.
    unsafe { libc::nanosleep(&pause, std::ptr::null_mut()) };
}

/// Tells the relay why the process ends, and waits until it has read what came before; for a second, since the relay may
/// be waiting for a lock that this thread holds.
fn last_words(byte: u8) {
    // SAFETY: only asks for a number.
    if unsafe { libc::getpid() } != PROCESS.load(Ordering::SeqCst) {
        return;
    }
    if !ENDING.swap(true, Ordering::SeqCst) {
        say(byte);
    }
    for _ in 0..250 {
        if HEARD.load(Ordering::SeqCst) {
            return;
        }
        pause();
    }
}

extern "C" fn on_exit() {
    last_words(EXIT);
}

extern "C" fn on_signal(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let at_stack = matches!(signal, libc::SIGSEGV | libc::SIGBUS) && {
        // SAFETY: the system hands over both.
        let (address, stack) = unsafe { ((*info).si_addr() as usize, stack_pointer(context)) };
        stack.is_some_and(|stack| is_overflow(address, stack))
    };
    let cause = CAUSES.iter().find(|cause| cause.0 == signal).map(|cause| cause.2);
    last_words(if at_stack { OVERFLOW } else { cause.unwrap_or(EXIT) });
    // SAFETY: restoring the default action and raising again is the usual way to end with the signal.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// Whether a fault at this address is one of the stack.
fn is_overflow(address: usize, stack: usize) -> bool {
    (stack.saturating_sub(BELOW)..stack.saturating_add(ABOVE)).contains(&address)
}

/// Where the stack ended when the signal came, where that is known.
#[allow(unused_variables)]
unsafe fn stack_pointer(context: *mut libc::c_void) -> Option<usize> {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    {
        // SAFETY: the system hands over a context of this type.
        let context = unsafe { &*context.cast::<libc::ucontext_t>() };
        Some(context.uc_mcontext.gregs[libc::REG_RSP as usize] as usize)
    }
    #[cfg(all(target_os = "linux", target_arch = "aarch64"))]
    {
        // SAFETY: as above.
        let context = unsafe { &*context.cast::<libc::ucontext_t>() };
        Some(context.uc_mcontext.sp as usize)
    }
    #[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_a_byte_of_its_own() {
        let mut bytes: Vec<u8> = CAUSES.iter().map(|cause| cause.2).chain([CELL_ENDED, EXIT, OVERFLOW]).collect();
        for (_, crash, byte) in CAUSES {
            assert_eq!(Event::of(byte), Some(Event::Crash(crash)));
        }
        assert_eq!(Event::of(OVERFLOW), Some(Event::Crash(Crash::Overflow)));
        assert_eq!(
            (Event::of(CELL_ENDED), Event::of(EXIT), Event::of(0)),
            (Some(Event::CellEnded), Some(Event::Exit), None)
        );
        bytes.sort_unstable();
        bytes.dedup();
        assert_eq!(bytes.len(), CAUSES.len() + 3);
    }

    #[test]
    fn a_fault_near_the_stacks_end_is_an_overflow() {
        let stack = 0x7ffc_0000_0000;
        assert!(is_overflow(stack, stack) && is_overflow(stack - 8, stack) && is_overflow(stack + 4096, stack));
        assert!(!is_overflow(0, stack) && !is_overflow(8, stack) && !is_overflow(stack - (1 << 30), stack));
        assert!(!is_overflow(usize::MAX, stack));
    }
}

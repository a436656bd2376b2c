//! The runtime child: takes over its descriptors, then loads the cells' libraries and runs them, one after the other.
//!
//! evcxr's commands come over what was standard input; cells and their children have an empty one instead. Standard
//! output and standard error become pipes that the [`relay`](super::relay) reads.

use super::calls::{self, Hello};
use super::children;
use super::crash;
use super::relay::{End, Relay};
use candlewick_wire::{CHANNEL_VARIABLE, Message, parse_channel};
use std::ffi::{CStr, CString, c_void};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

/// Set in a runtime child, and so in all that its cells start.
const CELLS_VARIABLE: &str = "CANDLEWICK_CELLS";
/// evcxr's own mark of a runtime child.
const RUNTIME_VARIABLE: &str = "EVCXR_IS_RUNTIME";

/// Becomes the runtime child if this process was started as one of a session, and then does not return.
pub fn run_if_started() {
    if std::env::var_os(RUNTIME_VARIABLE).is_none() {
        return;
    }
    if std::env::var_os(CELLS_VARIABLE).is_some() {
        // A cell started this program: it is none of the session's.
        for name in [RUNTIME_VARIABLE, CELLS_VARIABLE, CHANNEL_VARIABLE] {
            // SAFETY: no other thread exists yet.
            unsafe { std::env::remove_var(name) };
        }
        return;
    }
    let Ok(address) = std::env::var(CHANNEL_VARIABLE) else { return };
    let Some((path, cookie)) = parse_channel(&address) else { return };
    let Ok(socket) = UnixStream::connect(path) else { return };
    // SAFETY: no other thread exists yet. Errors that cells print must not drag backtraces along.
    unsafe {
        std::env::remove_var("RUST_BACKTRACE");
        std::env::set_var(CELLS_VARIABLE, "1");
    }
    #[cfg(target_os = "linux")]
    // SAFETY: the name is a C string. The program may have been started by a path that says nothing.
    unsafe {
        libc::prctl(libc::PR_SET_NAME, c"candlewick".as_ptr());
    }
    let Some(pipes) = Pipes::take_over() else { return };
    let Ok(requests) = socket.try_clone() else { return };
    let commands = BufReader::new(pipes.commands);
    let session = Arc::new(Mutex::new(socket));
    let hello = Hello::default();
    let flusher = calls::start_flusher(Arc::clone(&hello));
    {
        let (session, flusher, hello) = (Arc::clone(&session), flusher.clone(), Arc::clone(&hello));
        std::thread::spawn(move || calls::answer(requests, &session, &flusher, &hello));
    }
    let (end, ends) = channel();
    let relay = Relay::new(
        [pipes.out, pipes.err, pipes.events],
        pipes.evcxr,
        Arc::clone(&session),
        cookie,
        Arc::clone(&hello),
        flusher,
        ends,
    );
    std::thread::spawn(move || relay.run());
    run(commands, &session, &hello, &end)
}

/// The descriptors of a runtime child.
struct Pipes {
    /// Where evcxr's commands come from, and its marks go to.
    commands: File,
    evcxr: File,
    /// The reading ends of what the cells print, and of what happens.
    out: File,
    err: File,
    events: File,
}

impl Pipes {
    /// Puts pipes in the place of standard output and standard error, and nothing in that of standard input.
    fn take_over() -> Option<Pipes> {
        let (out, out_write) = pipe()?;
        let (err, err_write) = pipe()?;
        let (events, events_write) = pipe()?;
        let nothing = File::open("/dev/null").ok()?;
        // SAFETY: plain descriptor calls on descriptors that this process owns; the handler does nothing.
        let (commands, evcxr) = unsafe {
            let [commands, evcxr] = [0, 1].map(|standard| libc::fcntl(standard, libc::F_DUPFD_CLOEXEC, 3));
            if commands < 0 || evcxr < 0 {
                return None;
            }
            libc::dup2(nothing.as_raw_fd(), 0);
            libc::dup2(out_write, 1);
            libc::dup2(err_write, 2);
            libc::close(out_write);
            libc::close(err_write);
            libc::setpgid(0, 0);
            libc::signal(libc::SIGINT, on_interrupt as extern "C" fn(libc::c_int) as libc::sighandler_t);
            (File::from_raw_fd(commands), File::from_raw_fd(evcxr))
        };
        crash::install(events_write);
        Some(Pipes { commands, evcxr, out, err, events })
    }
}

fn pipe() -> Option<(File, RawFd)> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for the two descriptors, which are owned from here on.
    unsafe {
        if libc::pipe(ends.as_mut_ptr()) != 0 {
            return None;
        }
        for end in ends {
            libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC);
        }
        libc::fcntl(ends[0], libc::F_SETFL, libc::O_NONBLOCK);
        Some((File::from_raw_fd(ends[0]), ends[1]))
    }
}

/// Until the prelude's own handler is there.
extern "C" fn on_interrupt(_signal: libc::c_int) {}

/// Runs what evcxr says, until it says no more.
fn run(commands: impl BufRead, session: &Mutex<UnixStream>, hello: &Hello, end: &Sender<End>) -> ! {
    let mut variables = std::ptr::null_mut();
    for command in commands.lines() {
        let Ok(command) = command else { break };
        let Some((library, function)) = parse(&command) else {
            eprintln!("an unknown command of evcxr's: {command}");
            std::process::exit(99);
        };
        // What was interrupted was an earlier cell.
        calls::lower_flag(hello);
        calls::send(session, &Message::Started { tick: children::now() });
        let ended = match load(library, function) {
            Ok(cell) => {
                variables = cell(variables);
                End::Ran
            }
            Err(error) => End::NotLoaded(error),
        };
        if end.send(ended).is_ok() {
            crash::cell_ended();
        }
    }
    std::process::exit(0);
}

/// The library and the function of evcxr's only command.
fn parse(command: &str) -> Option<(&str, &str)> {
    command.strip_prefix("LOAD_AND_RUN ")?.rsplit_once(' ')
}

/// A cell: takes the store of variables and gives it back.
type CellFunction = extern "C" fn(*mut c_void) -> *mut c_void;

/// Loads a cell's library, for ever: values of its types, and code that they need, live on in variables.
fn load(library: &str, function: &str) -> Result<CellFunction, String> {
    let path = CString::new(library).map_err(|error| error.to_string())?;
    let name = CString::new(function).map_err(|error| error.to_string())?;
    // SAFETY: a library that evcxr made of a cell, and its function of this type; both names end with a zero.
    unsafe {
        let handle = libc::dlopen(path.as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL);
        if handle.is_null() {
            return Err(last_error());
        }
        let address = libc::dlsym(handle, name.as_ptr());
        if address.is_null() {
            return Err(last_error());
        }
        Ok(std::mem::transmute::<*mut c_void, CellFunction>(address))
    }
}

/// What the loader says of its last failure.
fn last_error() -> String {
    // SAFETY: the text is the loader's, and copied before the next call.
    let text = unsafe {
        let text = libc::dlerror();
        if text.is_null() { "no reason was given".into() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
    };
    format!("the cell's library cannot be loaded: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_a_library_and_a_function() {
        assert_eq!(parse("LOAD_AND_RUN /a b/libcode.so run_user_code_1"), Some(("/a b/libcode.so", "run_user_code_1")));
        for command in ["", "LOAD_AND_RUN", "LOAD_AND_RUN x", "an answer", "load_and_run a b"] {
            assert_eq!(parse(command), None, "{command}");
        }
    }

    #[test]
    fn what_is_no_library_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not a library.so");
        std::fs::write(&path, "text").unwrap();
        for (library, function) in [(path.to_str().unwrap(), "f"), ("/none.so", "f"), ("a\0b", "f")] {
            let error = load(library, function).unwrap_err();
            assert!(!error.is_empty(), "{library}");
        }
        assert!(load("/none.so", "f").unwrap_err().contains("none.so"));
    }
}

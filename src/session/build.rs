//! Runs the compiler, or cargo, for a cell: its progress goes to the session, its errors to evcxr and to a file for the session.

use super::environment::{GROUP_FILE, SOCKET_FILE};
use super::{keep, messages};
use candlewick_wire::{Message, Said};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Builds the program that keeps what a cell has bound where it ends early, or else, where that one has errors of its own,
/// a plainer one.
pub fn build_carefully(folder: &Path, command: Command, expected: u64, hear: &mut Hear) -> i32 {
    let file = std::env::current_dir().unwrap_or_default().join("src/lib.rs");
    let plain = std::fs::read_to_string(&file).unwrap_or_default();
    for careful in keep::careful(&plain) {
        if std::fs::write(&file, &careful).is_err() {
            break;
        }
        let in_vain = |errors: &[u8]| {
            let errors = messages::errors(&String::from_utf8_lossy(errors));
            keep::blames_pieces(&careful, &errors)
        };
        if let Some(code) = build_unless(folder, again(&command), expected, hear, Some(&in_vain)) {
            return code;
        }
        let _ = std::fs::write(&file, &plain);
    }
    build(folder, command, expected, hear)
}

/// The same call once more.
fn again(command: &Command) -> Command {
    let mut again = Command::new(command.get_program());
    again.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => again.env(name, value),
            None => again.env_remove(name),
        };
    }
    again
}

/// Runs a build of so many crates (0 where that is not known); `hear` is told each line that it writes to standard error.
/// Its errors are kept for the session.
pub fn build(folder: &Path, command: Command, expected: u64, hear: &mut Hear) -> i32 {
    build_unless(folder, command, expected, hear, None).unwrap_or(101)
}

/// Says of a build's errors whether they are for nobody.
type InVain<'a> = dyn Fn(&[u8]) -> bool + 'a;
/// Hears each line that a build writes to standard error.
pub type Hear<'a> = dyn FnMut(&[u8]) + 'a;

/// The same; where it fails, and `in_vain` says of its errors that they are for nobody, nothing is passed on and there is
/// no answer.
fn build_unless(
    folder: &Path,
    mut command: Command,
    expected: u64,
    hear: &mut Hear,
    in_vain: Option<&InVain>,
) -> Option<i32> {
    // SAFETY: makes this process the leader of a group of its own, which its children inherit.
    let group = unsafe {
        libc::setpgid(0, 0);
        libc::getpid()
    };
    end_with_parent(group);
    let note = folder.join(GROUP_FILE);
    let _ = std::fs::write(&note, group.to_string());
    let mut errors = Vec::new();
    let mut unheeded = Vec::new();
    let (mut held, mut held_out) = (Vec::new(), Vec::new());
    let result = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().and_then(|mut child| {
        let holds = in_vain.is_some();
        let out = child.stdout.take().map(|out| std::thread::spawn(move || read_messages(out, holds)));
        let mut session = None;
        let mut count = 0u64;
        let mut buffer = Vec::new();
        let mut reader = BufReader::new(child.stderr.take().expect("standard error is piped"));
        while reader.read_until(b'\n', &mut buffer)? > 0 {
            hear(&buffer);
            match compiling(&buffer) {
                Some(name) => {
                    count += 1;
                    let of = if count <= expected { format!(" ({count} of {expected})") } else { String::new() };
                    let progress = Said::progress(format!("compiling {name}{of}"), count, 0);
                    session = session.or_else(|| UnixStream::connect(folder.join(SOCKET_FILE)).ok());
                    tell(&mut session, progress);
                }
                None => {
                    if messages::is_error(&buffer) {
                        errors.extend_from_slice(&buffer);
                    }
                    if messages::is_unheeded(&buffer) {
                        unheeded.extend_from_slice(&buffer);
                    }
                    if !messages::is_warning(&buffer) {
                        match in_vain {
                            Some(_) => held.extend_from_slice(&buffer),
                            None => std::io::stderr().write_all(&buffer)?,
                        }
                    }
                }
            }
            buffer.clear();
        }
        let said = out.and_then(|out| out.join().ok()).unwrap_or_default();
        errors.extend(said.errors);
        unheeded.extend(said.unheeded);
        held_out = said.held;
        child.wait()
    });
    let _ = std::fs::remove_file(&note);
    if matches!(&result, Ok(status) if status.code().is_some_and(|code| code != 0))
        && in_vain.is_some_and(|so| so(&errors))
    {
        return None;
    }
    let _ = std::io::stdout().write_all(&held_out);
    let _ = std::io::stderr().write_all(&held);
    let here = std::env::current_dir().unwrap_or_default();
    messages::keep_unheeded(&here, &unheeded);
    match &result {
        Ok(status) if !status.success() => messages::keep(&here, &errors),
        _ => messages::forget(&here),
    }
    Some(match result {
        Ok(status) => exit_code(status),
        Err(error) => {
            eprintln!("cannot run cargo: {error}");
            101
        }
    })
}

/// Ends the whole group when the session's process is gone, which may have been killed: nobody waits for the crates any more.
fn end_with_parent(group: libc::pid_t) {
    // SAFETY: asks for a number.
    let parent = unsafe { libc::getppid() };
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            // SAFETY: asks for a number; the group is this process's own.
            unsafe {
                if libc::getppid() != parent {
                    libc::killpg(group, libc::SIGKILL);
                }
            }
        }
    });
}

/// What a build says on its standard output.
#[derive(Default)]
struct Heard {
    /// The lines that tell of errors.
    errors: Vec<u8>,
    /// Those of results that are dropped.
    unheeded: Vec<u8>,
    /// What was held back.
    held: Vec<u8>,
}

/// Passes standard output on, warnings aside, or holds it back.
fn read_messages(out: impl Read, holds: bool) -> Heard {
    let mut said = Heard::default();
    let mut line = Vec::new();
    let mut reader = BufReader::new(out);
    while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        if messages::is_error(&line) {
            said.errors.extend_from_slice(&line);
        }
        if messages::is_unheeded(&line) {
            said.unheeded.extend_from_slice(&line);
        }
        if holds && !messages::is_warning(&line) {
            said.held.extend_from_slice(&line);
        } else if !messages::is_warning(&line) {
            let _ = std::io::stdout().write_all(&line);
        }
        line.clear();
    }
    said
}

/// Tells the session, on a way that is closed at the first failure.
pub fn tell(session: &mut Option<UnixStream>, said: Said) {
    if let Some(socket) = session
        && let Ok(line) = serde_json::to_string(&Message::Said(said))
        && writeln!(socket, "{line}").is_err()
    {
        *session = None;
    }
}

/// The crate in a line `   Compiling serde v1.0.0`, except the cell's own.
fn compiling(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?;
    let name = line.trim_start().strip_prefix("Compiling ")?.split_whitespace().next()?;
    (name != "ctx").then(|| name.to_owned())
}

/// The status as a shell tells it.
pub fn exit_code(status: std::process::ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_crate_that_compiles_but_not_the_cell() {
        assert_eq!(compiling(b"   Compiling serde v1.0.228\n").as_deref(), Some("serde"));
        assert_eq!(compiling(b"   Compiling ctx v1.0.0 (/x)\n"), None);
        assert_eq!(compiling(b"error: no\n"), None);
    }
}

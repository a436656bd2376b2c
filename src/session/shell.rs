//! Lines for the shell: `!ls` in a cell, its output as it comes.

use super::endings::{self, Interrupted};
use super::{CellError, Options, Why, shim};
use crate::screen::{Screen, StreamName};
use crossbeam_channel::{RecvTimeoutError, Sender};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often it is looked whether the line has ended or is to be stopped.
const TICK: Duration = Duration::from_millis(20);

/// Runs one line where the cells run, until it ends or `stopped` says so.
///
/// # Errors
/// The line failed, or was stopped.
pub fn run(
    line: &str,
    options: &Options,
    screen: &mut dyn Screen,
    stopped: &dyn Fn() -> bool,
) -> Result<(), CellError> {
    let mut command = Command::new("sh");
    shim::restore_environment(&mut command);
    command.arg("-c").arg(line).process_group(0);
    command.envs(options.environment.iter().map(|(name, value)| (name, value)));
    if let Some(directory) = &options.directory {
        command.current_dir(directory);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |value: String| {
        let traceback = vec![format!("\u{1b}[31mShell\u{1b}[0m: {value}")];
        CellError { why: Why::Error, name: "Shell".to_owned(), value, traceback }
    };
    let mut child = command.spawn().map_err(|error| failed(format!("`sh` cannot be started: {error}")))?;
    let (say, said) = crossbeam_channel::unbounded();
    if let Some(out) = child.stdout.take() {
        let say = say.clone();
        std::thread::spawn(move || read(out, StreamName::Stdout, &say));
    }
    if let Some(err) = child.stderr.take() {
        std::thread::spawn(move || read(err, StreamName::Stderr, &say));
    }
    let group = child.id() as libc::pid_t;
    let mut status = None;
    loop {
        match said.recv_timeout(TICK) {
            Ok((name, text)) => screen.stream(name, &text),
            // What goes on in the background may keep the pipes open.
            Err(RecvTimeoutError::Timeout) if status.is_some() => break,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => status = child.try_wait().ok().flatten(),
        }
        if stopped() {
            // SAFETY: a signal to a group that was made for this line, whose leader has not been reaped.
            unsafe { libc::killpg(group, libc::SIGKILL) };
            let _ = child.wait();
            return Err(endings::interrupted(&Interrupted::Running));
        }
    }
    match status.map_or_else(|| child.wait(), Ok) {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(format!("`{line}` ended with {status}"))),
        Err(error) => Err(failed(format!("`{line}` was lost: {error}"))),
    }
}

/// Reads to the end, in whole characters.
fn read(mut from: impl Read, name: StreamName, say: &Sender<(StreamName, String)>) {
    let mut held = Vec::new();
    let mut buffer = [0; 1 << 14];
    while let Ok(count) = from.read(&mut buffer)
        && count > 0
    {
        held.extend_from_slice(&buffer[..count]);
        let whole = match std::str::from_utf8(&held) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => held.len(),
        };
        let text = String::from_utf8_lossy(&held[..whole]).into_owned();
        held.drain(..whole);
        if say.send((name, text)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Recorder;
    use std::time::Instant;

    #[test]
    fn output_comes_and_a_failure_is_an_error() {
        let mut screen = Recorder::default();
        let run = |line: &str, screen: &mut Recorder| run(line, &Options::default(), screen, &|| false);
        run("printf 'größe'; echo no >&2", &mut screen).unwrap();
        assert_eq!((screen.text(StreamName::Stdout), screen.text(StreamName::Stderr)), ("größe".into(), "no\n".into()));
        let error = run("exit 3", &mut screen).unwrap_err();
        assert_eq!((error.name.as_str(), error.value.as_str()), ("Shell", "`exit 3` ended with exit status: 3"));
        let begin = Instant::now();
        run("sleep 30 & echo gone", &mut screen).unwrap();
        assert!(begin.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_line_is_stopped_with_all_that_it_started() {
        let begin = Instant::now();
        let stopped = || begin.elapsed() > Duration::from_millis(100);
        let error = run("sleep 30; sleep 30", &Options::default(), &mut Recorder::default(), &stopped).unwrap_err();
        assert_eq!(error.why, Why::Interrupted);
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}

//! Lines for the shell: `!ls` in a cell, `%%bash` above one, their output as it comes.

use super::endings::{self, Interrupted};
use super::{CellError, Why, environment};
use crate::screen::{Said, Screen, StreamName};
use crossbeam_channel::{RecvTimeoutError, Sender};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often it is looked whether the line has ended or is to be stopped.
const TICK: Duration = Duration::from_millis(20);

/// Where a line runs.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The folder; the process's own where `None`.
    pub directory: Option<PathBuf>,
    /// Variables that are set or removed, in order.
    pub environment: Vec<(String, Option<String>)>,
}

/// Lets the shell `program` run a line, or many, until they end or `stopped` says so.
///
/// # Errors
/// The line failed, or was stopped.
pub fn run(
    program: &str,
    line: &str,
    place: &Surroundings,
    screen: &mut dyn Screen,
    stopped: &dyn Fn() -> bool,
) -> Result<(), CellError> {
    let mut words = program.split_whitespace();
    let program = words.next().unwrap_or("sh");
    let mut command = Command::new(program);
    environment::restore_environment(&mut command);
    command.args(words).arg("-c").arg(line).process_group(0);
    for (name, value) in &place.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(directory) = &place.directory {
        command.current_dir(directory);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |value: String| {
        let traceback = vec![format!("\u{1b}[31mShell\u{1b}[0m: {value}")];
        CellError { why: Why::Error, name: "Shell".to_owned(), value, traceback }
    };
    let mut child = command.spawn().map_err(|error| failed(format!("`{program}` cannot be started: {error}")))?;
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
            Ok((name, text)) => screen.say(Said::Stream { name, text }),
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
    let name = match line.trim_end().split_once('\n') {
        Some((first, _)) => format!("{first} …"),
        None => line.trim_end().to_owned(),
    };
    match status.map_or_else(|| child.wait(), Ok) {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(format!("`{name}` ended with {status}"))),
        Err(error) => Err(failed(format!("`{name}` was lost: {error}"))),
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
        let run = |line: &str, screen: &mut Recorder| run("sh", line, &Surroundings::default(), screen, &|| false);
        run("printf 'größe'; echo no >&2", &mut screen).unwrap();
        assert_eq!((screen.text(StreamName::Stdout), screen.text(StreamName::Stderr)), ("größe".into(), "no\n".into()));
        let error = run("exit 3", &mut screen).unwrap_err();
        assert_eq!((error.name.as_str(), error.value.as_str()), ("Shell", "`exit 3` ended with exit status: 3"));
        let begin = Instant::now();
        run("sleep 30 & echo gone", &mut screen).unwrap();
        assert!(begin.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_line_runs_in_its_place_with_its_shell() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().canonicalize().unwrap();
        let environment = vec![("CANDLE".to_owned(), Some("wick".to_owned())), ("HOME".to_owned(), None)];
        let place = Surroundings { directory: Some(directory.clone()), environment };
        let mut screen = Recorder::default();
        run("sh", "pwd; echo $CANDLE ${HOME-gone}", &place, &mut screen, &|| false).unwrap();
        assert_eq!(screen.text(StreamName::Stdout), format!("{}\nwick gone\n", directory.display()));
        let error = run("sh -e", "false\necho never\n", &place, &mut screen, &|| false).unwrap_err();
        assert_eq!(error.value, "`false …` ended with exit status: 1");
        let error = run("no-such-shell", "ls", &place, &mut screen, &|| false).unwrap_err();
        assert!(error.value.contains("`no-such-shell` cannot be started"), "{error}");
    }

    #[test]
    fn a_line_is_stopped_with_all_that_it_started() {
        let begin = Instant::now();
        let stopped = || begin.elapsed() > Duration::from_millis(100);
        let error =
            run("sh", "sleep 30; sleep 30", &Surroundings::default(), &mut Recorder::default(), &stopped).unwrap_err();
        assert_eq!(error.why, Why::Interrupted);
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}

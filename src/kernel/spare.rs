//! A warm session that waits for the next kernel, so that a restart does not pay the cold start again.
//!
//! While kernels live, one process (`candlewick spare`) holds a session that has read and analysed everything. A new
//! kernel that finds it hands its connection file over and stays only as the process that Jupyter knows: it passes
//! signals on, prints what the spare prints, and ends with it. The spare then is a kernel, and another one is made.
//!
//! - One spare for each environment in which cells would compile the same way.
//! - It ends by itself when the last kernel has been gone for 20 s, when it has waited for four hours, and when the
//!   machine runs out of memory; none is made where memory is short.
//! - `CANDLEWICK_SPARE=0` turns all of this off.

use super::background::Background;
use super::message::note;
use crate::home::{Home, private_folder};
use crate::session::{self, Options, Session};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Set to 0, no spare is made and none is used.
const VARIABLE: &str = "CANDLEWICK_SPARE";
/// A spare ends when no kernel has lived for so long: longer than a restart takes.
const ALONE: Duration = Duration::from_secs(20);
/// A spare ends when nobody has wanted it for so long.
const AGE: Duration = Duration::from_secs(4 * 3600);
/// A spare is made where so much memory is free, in bytes; one takes about half of it.
const ROOM: u64 = 3 << 30;
/// A spare ends where less memory than this is free.
const SHORT: u64 = 512 << 20;
/// A kernel's own session gets so long for its first cells before the spare begins to warm up beside it.
const FIRST: Duration = Duration::from_secs(5);
/// How often a kernel looks whether a spare is there, and a spare whether it is still wanted.
const LOOK: Duration = Duration::from_secs(3);
/// A spare that does not answer at once is left alone.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a new kernel tells the spare.
#[derive(Serialize, Deserialize)]
struct Handover {
    connection_file: PathBuf,
    directory: PathBuf,
    environment: BTreeMap<String, String>,
}

fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn wanted() -> bool {
    std::env::var_os(VARIABLE).is_none_or(|value| value != "0")
}

/// A digest of what makes two kernels alike: the program, the template, and the deciding variables.
fn key(home: &Home) -> String {
    let mut digest = DefaultHasher::new();
    if let Ok(program) = std::env::current_exe() {
        fs::metadata(&program).and_then(|metadata| metadata.modified()).ok().hash(&mut digest);
        program.hash(&mut digest);
    }
    session::template_stamp(home).hash(&mut digest);
    session::hash_session(&mut digest);
    format!("{:016x}", digest.finish())
}

/// The file that names the socket of a spare that is warm.
fn address_file(home: &Home, key: &str) -> PathBuf {
    home.kernels().join(format!("{key}.socket"))
}

/// The file that a spare has locked from its start until it is a kernel.
fn spare_lock(home: &Home, key: &str) -> std::io::Result<File> {
    open_lock(&home.kernels().join(format!("{key}.lock")))
}

/// The file that every kernel has locked together with the others.
fn kernels_lock(home: &Home) -> std::io::Result<File> {
    open_lock(&home.kernels().join("kernels.lock"))
}

fn open_lock(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        private_folder(folder)?;
    }
    File::options().create(true).truncate(false).write(true).open(path)
}

/// Memory that could be had now, in bytes; `None` where the system does not say.
fn free_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

/// Hands the connection file to a warm spare, where there is one, and stays until that kernel has ended; false where
/// this process must be the kernel itself.
pub(super) fn hand_over(connection_file: &Path) -> bool {
    let Some(spare) = wanted().then(Home::find).and_then(Result::ok).and_then(|home| offer(&home, connection_file))
    else {
        return false;
    };
    let (mut spare, process) = spare;
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return false };
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // What the spare prints is this process's own; the socket ends with the spare.
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = spare.read(&mut buffer) {
            let _ = std::io::stderr().write_all(&buffer[..count]);
        }
        let _ = ended.send(());
    });
    runtime.block_on(pass_signals_on(process, end));
    true
}

/// Offers the connection file to the spare; its socket and process number where it takes it.
fn offer(home: &Home, connection_file: &Path) -> Option<(UnixStream, i32)> {
    let address = address_file(home, key_at_start(home));
    let socket = fs::read_to_string(&address).ok()?;
    let mut spare = UnixStream::connect(socket.trim()).ok()?;
    spare.set_read_timeout(Some(PATIENCE)).ok()?;
    let handover = Handover {
        connection_file: std::path::absolute(connection_file).ok()?,
        directory: std::env::current_dir().ok()?,
        environment: environment(),
    };
    writeln!(spare, "{}", serde_json::to_string(&handover).ok()?).ok()?;
    let mut answer = String::new();
    // Byte by byte: what follows the line is the spare's output.
    while !answer.ends_with('\n') {
        let mut byte = [0];
        spare.read_exact(&mut byte).ok()?;
        answer.push(byte[0] as char);
    }
    spare.set_read_timeout(None).ok()?;
    Some((spare, answer.trim().parse().ok()?))
}

async fn pass_signals_on(process: i32, mut end: tokio::sync::oneshot::Receiver<()>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    let parent = std::env::var_os("JPY_PARENT_PID").map(|_| std::os::unix::process::parent_id());
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    // SAFETY: a signal to the spare, whose socket is still open.
    let pass = |signal| unsafe { libc::kill(process, signal) };
    loop {
        tokio::select! {
            _ = &mut end => return,
            _ = interrupt.recv() => { pass(libc::SIGINT); }
            _ = terminate.recv() => { pass(libc::SIGTERM); }
            _ = tick.tick() => if parent.is_some_and(|parent| parent != std::os::unix::process::parent_id()) {
                pass(libc::SIGTERM);
            },
        }
    }
}

/// Says that a kernel lives, for as long as the file is held, and sees to it that a spare waits beside it.
pub(super) fn keep_one(engine: &Arc<Background>) -> Option<File> {
    let home = Home::find().ok()?;
    let counted = kernels_lock(&home).ok()?;
    counted.lock_shared().ok()?;
    if wanted() {
        let engine = Arc::downgrade(engine);
        std::thread::spawn(move || {
            while !engine.upgrade().is_none_or(|engine| engine.is_ready()) {
                std::thread::sleep(LOOK);
            }
            std::thread::sleep(FIRST);
            while engine.upgrade().is_some() {
                make_one(&home);
                std::thread::sleep(LOOK);
            }
        });
    }
    Some(counted)
}

/// Starts a spare where none is there and there is room for one.
fn make_one(home: &Home) {
    let key = key_at_start(home);
    let is_free = spare_lock(home, key).is_ok_and(|lock| lock.try_lock().is_ok());
    if !is_free || free_memory().is_some_and(|free| free < ROOM) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut command = Command::new(program);
    command.arg("spare").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    session::restore_environment(&mut command);
    // In a group of its own: what a terminal sends to the kernel's is not meant for it.
    command.env_remove("JPY_PARENT_PID").process_group(0);
    if let Ok(mut spare) = command.spawn() {
        std::thread::spawn(move || spare.wait());
        // It takes its lock at once.
        std::thread::sleep(LOOK);
    }
}

/// The key as it was before the session put its own folders into the environment.
fn key_at_start(home: &Home) -> &'static str {
    static KEY: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    KEY.get_or_init(|| key(home))
}

/// `candlewick spare`: warms a session up, waits for a kernel that wants it, and is that kernel.
///
/// # Errors
/// The session does not start, or candlewick's folder cannot be written.
pub fn wait() -> anyhow::Result<()> {
    let home = Home::find()?;
    let before = environment();
    let key = key_at_start(&home);
    let lock = spare_lock(&home, key).context("candlewick's folder cannot be written")?;
    if lock.try_lock().is_err() {
        return Ok(());
    }
    let session = Session::start(Options::default())?;
    session.wait_ready()?;
    // Asked last, answered when the analysis is warm.
    session.variables();
    let taken = serve_offers(&home, key);
    let _ = fs::remove_file(address_file(&home, key));
    let Some((kernel, handover)) = taken? else { return Ok(()) };
    drop(lock);
    be_kernel(session, kernel, handover, &before)
}

/// Waits for an offer; `None` where the spare is not wanted any more.
fn serve_offers(home: &Home, key: &str) -> anyhow::Result<Option<(UnixStream, Handover)>> {
    let prefix = format!("candlewick-{}-", std::process::id());
    let private = fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().prefix(&prefix).permissions(private).tempdir()?;
    let socket = folder.path().join("spare");
    let listener = UnixListener::bind(&socket)?;
    listener.set_nonblocking(true)?;
    // Written whole: a kernel may read it at any time.
    let address = address_file(home, key);
    let part = address.with_extension("part");
    fs::write(&part, socket.as_os_str().as_encoded_bytes())?;
    fs::rename(&part, &address)?;
    let (start, mut alone, mut looked) = (Instant::now(), Instant::now(), Instant::now());
    loop {
        match listener.accept() {
            Ok((kernel, _)) => match take_offer(kernel) {
                Some(taken) => return Ok(Some(taken)),
                None => continue,
            },
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error.into()),
        }
        if looked.elapsed() < LOOK {
            continue;
        }
        looked = Instant::now();
        if kernels_lock(home)?.try_lock().is_err() {
            alone = Instant::now();
        }
        let short = free_memory().is_some_and(|free| free < SHORT);
        if alone.elapsed() > ALONE || start.elapsed() > AGE || short {
            return Ok(None);
        }
    }
}

/// Reads an offer and answers with this process's number.
fn take_offer(mut kernel: UnixStream) -> Option<(UnixStream, Handover)> {
    kernel.set_nonblocking(false).ok()?;
    kernel.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut line = String::new();
    BufReader::new(kernel.try_clone().ok()?).read_line(&mut line).ok()?;
    let handover: Handover = serde_json::from_str(&line).ok()?;
    writeln!(kernel, "{}", std::process::id()).ok()?;
    kernel.set_read_timeout(None).ok()?;
    Some((kernel, handover))
}

fn be_kernel(
    session: Session,
    kernel: UnixStream,
    handover: Handover,
    before: &BTreeMap<String, String>,
) -> anyhow::Result<()> {
    // SAFETY: the socket takes the place of standard output and error, so that the kernel's process prints for us.
    unsafe {
        libc::dup2(kernel.as_raw_fd(), 1);
        libc::dup2(kernel.as_raw_fd(), 2);
    }
    let changes = changes(before, &handover.environment);
    for (name, value) in &changes {
        // SAFETY: as in `session::process::folder`; the deciding variables are the same and stay.
        unsafe {
            match value {
                Some(value) => std::env::set_var(name, value),
                None => std::env::remove_var(name),
            }
        }
    }
    // The process that Jupyter knows watches the parent.
    // SAFETY: as above.
    unsafe { std::env::remove_var("JPY_PARENT_PID") };
    if let Err(error) = std::env::set_current_dir(&handover.directory) {
        note(format_args!("{}: {error}", handover.directory.display()));
    }
    session.move_to(&handover.directory, changes);
    let engine = Background::warm(session);
    std::thread::spawn(move || {
        // The other end says nothing more; that it closes means that the kernel's process is gone.
        let _ = (&kernel).read(&mut [0]);
        // SAFETY: the same as a SIGTERM from outside.
        unsafe { libc::raise(libc::SIGTERM) };
    });
    super::run_here(&handover.connection_file, engine)
}

/// What turns one environment into another, the deciding variables left out.
fn changes(from: &BTreeMap<String, String>, to: &BTreeMap<String, String>) -> Vec<(String, Option<String>)> {
    let gone = from.keys().filter(|name| !to.contains_key(*name)).map(|name| (name.clone(), None));
    let new = to.iter().filter(|(name, value)| from.get(*name) != Some(value));
    let changes = gone.chain(new.map(|(name, value)| (name.clone(), Some(value.clone()))));
    changes.filter(|(name, _)| !session::is_deciding(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_changed_where_it_differs() {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let from = map(&[("A", "1"), ("B", "2"), ("PATH", "/x")]);
        let to = map(&[("A", "1"), ("C", "3"), ("PATH", "/y")]);
        assert_eq!(changes(&from, &to), [("B".to_owned(), None), ("C".to_owned(), Some("3".to_owned()))]);
    }

    #[test]
    fn an_offer_is_taken_once_it_is_whole() {
        let (mut kernel, spare) = UnixStream::pair().unwrap();
        let line = r#"{"connection_file":"/c.json","directory":"/d","environment":{"A":"1"}}"#;
        writeln!(kernel, "{line}").unwrap();
        let (_spare, handover) = take_offer(spare).unwrap();
        assert_eq!((handover.connection_file, handover.directory), ("/c.json".into(), "/d".into()));
        let mut answer = String::new();
        BufReader::new(kernel).read_line(&mut answer).unwrap();
        assert_eq!(answer.trim().parse(), Ok(std::process::id()));
        let (mut kernel, spare) = UnixStream::pair().unwrap();
        writeln!(kernel, "no offer").unwrap();
        assert!(take_offer(spare).is_none());
    }

    #[test]
    fn kernels_together_keep_a_spare_from_being_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home { root: folder.path().to_owned() };
        let kernels = [kernels_lock(&home).unwrap(), kernels_lock(&home).unwrap()];
        kernels.iter().for_each(|kernel| kernel.try_lock_shared().unwrap());
        let look = || kernels_lock(&home).unwrap().try_lock().is_ok();
        assert!(!look());
        let [first, second] = kernels;
        drop(first);
        assert!(!look());
        drop(second);
        assert!(look());
    }
}

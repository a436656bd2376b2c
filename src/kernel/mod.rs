//! The Jupyter kernel: the only room that names ZeroMQ and the Jupyter protocol crates.
//!
//! One file a channel. `shell` queues its requests for one thread, which answers them in order and
//! runs the cells on an [`Engine`]; `control` answers at once; what cells say goes through `iopub`.
//! The kernel answers before the engine is ready: only cells wait for it.

mod answers;
mod background;
mod comm;
mod control;
mod heartbeat;
mod history;
mod iopub;
mod message;
mod queue;
mod router;
mod screen;
mod shell;
pub mod spare;
mod stdin;

pub use history::History;

use crate::engine::Engine;
use crate::home::Home;
use crate::session::Options;
use anyhow::Context;
use comm::Comms;
use iopub::Iopub;
use jupyter_protocol::{ConnectionInfo, JupyterMessage, Status};
use queue::Queue;
use router::Replies;
use screen::BetweenCells;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use stdin::Stdin;
use tokio::sync::{Notify, watch};

/// At shutdown a running cell gets so long to end after its interrupt.
const LAST_CELL: Duration = Duration::from_secs(1);
/// ZeroMQ for Rust has no linger: what was sent last gets so long to leave.
const LINGER: Duration = Duration::from_millis(100);

/// Serves the connection file until a frontend asks for shutdown.
///
/// # Errors
/// An unreadable connection file, or a port that cannot be bound.
pub fn run(connection_file: &Path) -> anyhow::Result<()> {
    if spare::hand_over(connection_file) {
        return Ok(());
    }
    run_here(connection_file, background::Background::start(Options::default()))
}

/// Serves the connection file in this process.
fn run_here(connection_file: &Path, engine: Arc<background::Background>) -> anyhow::Result<()> {
    let name = connection_file.display();
    let text = std::fs::read_to_string(connection_file).with_context(|| format!("cannot read {name}"))?;
    let connection = serde_json::from_str(&text).with_context(|| format!("{name} is no connection file"))?;
    let history = match Home::find() {
        Ok(home) => History::open(&home.history().join("kernel.sqlite")),
        Err(_) => History::in_memory(),
    };
    let _counted = spare::keep_one(&engine);
    serve(&connection, engine, history)
}

/// Serves a connection with this engine, adding its cells to this history, until a frontend asks for shutdown.
///
/// # Errors
/// A signature scheme other than hmac-sha256, or a port that cannot be bound.
pub fn serve(connection: &ConnectionInfo, engine: Arc<dyn Engine>, history: History) -> anyhow::Result<()> {
    let scheme = &connection.signature_scheme;
    anyhow::ensure!(connection.key.is_empty() || scheme == "hmac-sha256", "unknown signature scheme {scheme}");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let served = runtime.block_on(serve_channels(connection, engine.clone(), history));
    engine.shutdown();
    runtime.shutdown_timeout(LINGER);
    served
}

async fn serve_channels(connection: &ConnectionInfo, engine: Arc<dyn Engine>, history: History) -> anyhow::Result<()> {
    use jupyter_zmq_client as client;
    let session = uuid::Uuid::new_v4().to_string();
    let shell = client::create_kernel_shell_connection(connection, &session).await.context("shell channel")?;
    let control = client::create_kernel_control_connection(connection, &session).await.context("control channel")?;
    let stdin = client::create_kernel_stdin_connection(connection, &session).await.context("stdin channel")?;
    let iopub = client::create_kernel_iopub_xpub_connection(connection, &session).await.context("iopub channel")?;
    let heartbeat = client::create_kernel_heartbeat_connection(connection).await.context("heartbeat channel")?;

    let (shell_reader, shell) = router::split(shell, |_| {});
    let (control_reader, control) = router::split(control, |_| {});
    let (stdin, answers) = Stdin::new(stdin);
    let (publisher, inbox) = Iopub::new();
    let kernel = Arc::new(Kernel {
        engine,
        iopub: publisher,
        shell,
        control,
        stdin,
        queue: Queue::default(),
        comms: Comms::default(),
        comm_queue: Queue::default(),
        asking: Mutex::default(),
        cell: watch::Sender::new(CellState::None),
        stopped: Notify::new(),
    });
    kernel.engine.listen(Box::new(BetweenCells::new(&kernel)));
    tokio::spawn(iopub::serve(iopub, inbox));
    tokio::spawn(heartbeat::serve(heartbeat));
    tokio::spawn(answers);
    tokio::spawn(control::read(control_reader, kernel.clone()));
    tokio::spawn(shell::read(shell_reader, kernel.clone()));
    tokio::spawn(signals(kernel.clone()));
    let worker = kernel.clone();
    std::thread::Builder::new().name("cells".to_owned()).spawn(move || shell::work(&worker, history))?;
    let worker = kernel.clone();
    std::thread::Builder::new().name("comms".to_owned()).spawn(move || {
        while let Some(queued) = worker.comm_queue.next() {
            worker.comms.hand_over(&queued.request, &worker);
        }
    })?;

    kernel.stopped.notified().await;
    kernel.iopub.flush().await;
    tokio::time::sleep(LINGER).await;
    Ok(())
}

/// Whether a cell runs.
#[derive(Clone, Copy, PartialEq)]
enum CellState {
    /// None does, and one may begin.
    None,
    /// One runs.
    Running,
    /// The kernel is shutting down: no cell may begin.
    Barred { running: bool },
}

/// What the channels share.
struct Kernel {
    engine: Arc<dyn Engine>,
    iopub: Iopub,
    shell: Replies,
    control: Replies,
    stdin: Stdin,
    queue: Queue,
    comms: Comms,
    /// What frontends say over the cells' comms, which does not wait for cells.
    comm_queue: Queue,
    asking: Mutex<Asking>,
    cell: watch::Sender<CellState>,
    stopped: Notify,
}

/// Whose requests are being worked on.
#[derive(Default)]
struct Asking {
    /// The last cell, or the last message over a comm: what threads say between cells is said in answer to it.
    last: Option<Arc<JupyterMessage>>,
    /// The cell that runs.
    cell: Option<Arc<JupyterMessage>>,
}

impl Kernel {
    fn asking(&self) -> MutexGuard<'_, Asking> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frontends show one state for the whole kernel: after the idle of a comm's message they hear again of a cell
    /// that runs.
    fn still_busy(&self) {
        // Published under the lock, so that the cell's own idle comes later.
        let asking = self.asking();
        if let Some(cell) = &asking.cell {
            self.iopub.publish(Status::busy(), cell);
        }
    }

    /// Says that a cell begins; false where none may.
    fn begin_cell(&self) -> bool {
        self.cell.send_if_modified(|cell| {
            let may = *cell == CellState::None;
            if may {
                *cell = CellState::Running;
            }
            may
        })
    }

    /// Says that the cell has ended.
    fn end_cell(&self) {
        self.cell.send_modify(|cell| match cell {
            CellState::Barred { running } => *running = false,
            CellState::None | CellState::Running => *cell = CellState::None,
        });
    }

    /// Interrupts the running cell, or the callback of a comm that runs between cells.
    fn interrupt(&self) {
        if *self.cell.borrow() != CellState::None {
            self.engine.interrupt();
            self.stdin.cancel();
        } else if self.comms.answered().is_some() {
            self.engine.interrupt();
        }
    }

    /// Interrupts the running cell, lets no other begin, and waits a little for the end.
    async fn end_cells(&self) {
        self.queue.close();
        self.comm_queue.close();
        self.cell.send_modify(|cell| *cell = CellState::Barred { running: *cell == CellState::Running });
        self.interrupt();
        let mut cell = self.cell.subscribe();
        let ended = cell.wait_for(|cell| *cell != CellState::Barred { running: true });
        let _ = tokio::time::timeout(LAST_CELL, ended).await;
    }

    /// Ends [`serve_channels`].
    fn stop(&self) {
        self.stopped.notify_one();
    }
}

/// SIGINT interrupts, as a frontend's interrupt does; SIGTERM and the end of the parent shut down.
#[cfg(unix)]
async fn signals(kernel: Arc<Kernel>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return message::note("signals cannot be received");
    };
    // Jupyter names the process that started the kernel; without it the kernel would live on for ever.
    let parent = std::env::var("JPY_PARENT_PID").is_ok().then(std::os::unix::process::parent_id);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = interrupt.recv() => kernel.interrupt(),
            _ = terminate.recv() => break,
            _ = tick.tick() => if parent.is_some_and(|parent| parent != std::os::unix::process::parent_id()) {
                message::note("the process that started the kernel is gone");
                break;
            },
        }
    }
    kernel.end_cells().await;
    kernel.stop();
}

/// Elsewhere there are no such signals.
#[cfg(not(unix))]
async fn signals(_kernel: Arc<Kernel>) {}

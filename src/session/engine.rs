//! The thread that owns evcxr: starts it from a copy of the template, then does one job after another.

use super::answers::RECORD_VARIABLE;
use super::dependencies::Wanted;
use super::template::{self, Folder};
use super::units::Graph;
use super::{Candidate, CellError, Completions, Inspection, Options, Variable, diagnostics, process, renewal, shim};
use crate::home::Home;
use candlewick_wire::CHANNEL_VARIABLE;
use crossbeam_channel::{Receiver, Sender};
use evcxr::{CommandContext, Error, EvalCallbacks, EvalContext, EvalOutputs};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

/// Put into evcxr at the start, and when it has forgotten all.
const IMPORTS: &str = "use candlewick_prelude::prelude::*;";
/// Makes the prelude known to the runtime child. The `?` lets evcxr learn at once that cells use it; it would otherwise
/// try a cell without, and take the failure for one of the displayed value.
const INIT: &str =
    "candlewick_prelude::show::init(); candlewick_prelude::plot::register_fonts(); Ok::<(), std::fmt::Error>(())?;";
/// Completed once at the start, so that the analysis has read what cells name.
const WARM: &str = "let warm = Tensor::randn(0f32, 1f32, (4, 4), &Device::Cpu)?.matmul(&Tensor::zeros((4, 4), DType::F32, &Device::Cpu)?)?; warm.";

static ENVIRONMENT: Mutex<()> = Mutex::new(());

/// A question of the running cell, and where its answer goes.
pub struct Asked {
    pub prompt: String,
    pub password: bool,
    pub answer: Sender<String>,
}

/// How evcxr ended a cell.
pub enum Ended {
    /// It ran; what evcxr itself has to show (the answers of its commands).
    Ran(EvalOutputs),
    /// It did not compile.
    Compilation(Vec<evcxr::CompilationError>),
    /// The runtime child is gone; these variables with it.
    Died { status: String, lost: Vec<String> },
    /// Its crates were not added, and nothing ran.
    Refused(CellError),
    /// Anything else.
    Other(String),
}

/// What the engine is asked to do. Each job carries the way back.
pub enum Job {
    Run {
        code: String,
        asked: Sender<Asked>,
        done: Sender<Ended>,
    },
    Complete {
        code: String,
        cursor: usize,
        done: Sender<Completions>,
    },
    Inspect {
        code: String,
        cursor: usize,
        done: Sender<Option<Inspection>>,
    },
    Variables {
        done: Sender<Vec<Variable>>,
    },
    Source {
        done: Sender<String>,
    },
    /// Ends the engine.
    Stop,
    /// Ends the runtime child and removes the folder, and leaves the memory to the end of the process.
    Leave,
}

/// The runtime child's process, as soon as there is one.
pub type Process = Arc<Mutex<Option<Arc<Mutex<std::process::Child>>>>>;

/// Where evcxr builds.
pub enum Place {
    /// In a fresh copy of the template.
    CopyOfTemplate,
    /// In this folder, with these features of the prelude: the template in the making.
    Template(PathBuf, Vec<String>),
}

/// Starts evcxr and serves jobs until told to stop. `ready` hears once how the start went.
#[allow(clippy::too_many_arguments)]
pub fn run(
    home: &Home,
    place: &Place,
    options: &Options,
    address: &str,
    process: &Process,
    jobs: &Receiver<Job>,
    ready: &Sender<Result<(), CellError>>,
) {
    let renewed = match place {
        Place::CopyOfTemplate if std::env::var_os(RECORD_VARIABLE).is_none() => renewal::renew(home),
        _ => Ok(()),
    };
    let started = renewed.and_then(|()| Engine::start(home, place, options, address, process));
    let mut engine = match started {
        Ok(engine) => engine,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(()));
    if matches!(place, Place::CopyOfTemplate) {
        engine.warm();
    }
    for job in jobs {
        match job {
            Job::Run { code, asked, done } => {
                let ended = engine.run_cell(&code, &asked);
                engine.init_where_new();
                let _ = done.send(ended);
            }
            Job::Complete { code, cursor, done } => drop(done.send(engine.complete(&code, cursor))),
            Job::Inspect { code, cursor, done } => drop(done.send(engine.inspect(&code, cursor))),
            Job::Variables { done } => drop(done.send(engine.variables())),
            Job::Source { done } => drop(done.send(engine.context.last_source().unwrap_or_default())),
            Job::Stop => break,
            Job::Leave => return engine.leave(),
        }
    }
}

/// The folders in `folder` that hold the libraries that cells link against, one a target.
fn built_libraries(folder: &Path) -> Vec<PathBuf> {
    let targets = std::fs::read_dir(folder.join("target")).into_iter().flatten().flatten();
    targets.map(|target| target.path().join("debug/deps")).filter(|folder| folder.is_dir()).collect()
}

fn copy_failed(home: &Home, error: &std::io::Error) -> CellError {
    let place = home.template();
    diagnostics::session(match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("no warm template in {}\n  → run ./install.sh, or `candlewick install`", place.display())
        }
        std::io::ErrorKind::StorageFull => format!("the disk that holds {} is full", home.root.display()),
        _ => format!(
            "candlewick's folder {} cannot be written: {error}\n  → set CANDLEWICK_HOME to a folder that can, and run \
             ./install.sh or `candlewick install` with it",
            home.root.display()
        ),
    })
}

/// evcxr, and what is known of it.
pub struct Engine {
    context: CommandContext,
    /// Where it builds.
    pub path: PathBuf,
    /// What it has compiled, once that was asked.
    pub compiled: Option<Graph>,
    /// The crates of the last cell that was not run, since they would cost variables.
    pub questioned: Option<Vec<Wanted>>,
    /// The runtime child that knows the prelude.
    known: u32,
    /// What makes a new runtime child, or all of evcxr's state after `:clear`, one of ours.
    beginning: String,
    // After `context`: the child must be gone before its folder.
    folder: Option<Folder>,
}

impl Engine {
    fn start(
        home: &Home,
        place: &Place,
        options: &Options,
        address: &str,
        process: &Process,
    ) -> Result<Engine, CellError> {
        let broken = |error: &dyn std::fmt::Display| {
            diagnostics::session(format!(
                "the session cannot start: {error}\n  → `candlewick doctor` says what is wrong"
            ))
        };
        let (folder, path, features) = match place {
            Place::Template(path, features) => (None, path.clone(), features.clone()),
            Place::CopyOfTemplate => {
                template::remove_orphans(home);
                let folder = Folder::copy_of_template(home).map_err(|error| copy_failed(home, &error))?;
                let path = folder.path().to_owned();
                (Some(folder), path, template::features(home))
            }
        };
        let mut command = Command::new(std::env::current_exe().map_err(|error| broken(&error))?);
        shim::restore_environment(&mut command);
        command.envs(options.environment.iter().map(|(name, value)| (name, value)));
        command.env(CHANNEL_VARIABLE, address);
        // memory for all threads together (glibc): see the prelude's ops::keep_memory, which may come after the threads
        command.env("MALLOC_ARENA_MAX", "1");
        // networks run in threads of a pool, whose stacks are to be no smaller than the main thread's
        if std::env::var_os("RUST_MIN_STACK").is_none() {
            command.env("RUST_MIN_STACK", (8 << 20).to_string());
        }
        // A search path of the user's may hold another build of the prelude; this folder's comes first.
        if let Some(search) = std::env::var_os("LD_LIBRARY_PATH") {
            let own = built_libraries(&path).into_iter().chain(std::env::split_paths(&search));
            if let Ok(search) = std::env::join_paths(own) {
                command.env("LD_LIBRARY_PATH", search);
            }
        }
        if let Some(directory) = &options.directory {
            command.current_dir(directory);
        }
        let context = {
            let _one_at_a_time = ENVIRONMENT.lock().unwrap();
            // SAFETY: see `process::folder`; evcxr takes its folder from the environment only.
            unsafe { std::env::set_var("EVCXR_TMPDIR", &path) };
            let made = EvalContext::with_subprocess_command(command);
            // SAFETY: as above.
            unsafe { std::env::remove_var("EVCXR_TMPDIR") };
            let (context, outputs) = made.map_err(|error| broken(&error))?;
            // The relay takes all text, so that nothing is expected here; evcxr waits until it is read.
            std::thread::spawn(move || for _ in outputs.stdout {});
            std::thread::spawn(move || for _ in outputs.stderr {});
            CommandContext::with_eval_context(context)
        };
        *process.lock().unwrap() = Some(context.process_handle());
        let beginning = format!("{}\n:efmt {{}}\n{IMPORTS}\n{INIT}", dependency(&home.sources(), &features));
        let mut engine = Engine { context, path, compiled: None, questioned: None, known: 0, beginning, folder };
        let begun = engine.context.execute(&engine.beginning);
        begun.map_err(|error| broken(&describe(&error)))?;
        let _ = engine.context.execute(":load_config --quiet");
        engine.known = engine.runtime_id();
        Ok(engine)
    }

    /// The analysis holds hundreds of megabytes in small pieces; to give them back one by one would keep a restart
    /// waiting.
    fn leave(self) {
        let Engine { context, folder, .. } = self;
        if let Ok(mut child) = context.process_handle().lock() {
            let _ = child.kill();
            let _ = child.wait();
        }
        drop(folder);
        std::mem::forget(context);
    }

    /// Makes the analysis read what cells name, before a cell waits for it.
    fn warm(&mut self) {
        let _ = self.context.completions(WARM, WARM.len());
    }

    fn runtime_id(&self) -> u32 {
        self.context.process_handle().lock().unwrap_or_else(PoisonError::into_inner).id()
    }

    /// Makes the prelude known to a new process, after the old one died or by `:restart` and `:clear`.
    pub fn init_where_new(&mut self) {
        if self.runtime_id() != self.known {
            let _ = self.context.execute(&self.beginning);
            self.known = self.runtime_id();
        }
    }

    /// Begins with a new process.
    pub fn restart(&mut self) {
        let _ = self.context.execute(":restart");
    }

    /// The variables' names.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.context.variables_and_types().map(|(name, _)| name.to_owned()).collect();
        names.sort();
        names
    }

    /// Lets evcxr run a cell.
    pub fn run(&mut self, code: &str, asked: &Sender<Asked>) -> Ended {
        let before = self.names();
        let context = &mut self.context;
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut callbacks = EvalCallbacks {
                input_reader: &|request| {
                    let (answer, answered) = crossbeam_channel::bounded(1);
                    // The prelude writes colons so, since evcxr cuts the prompt at one.
                    let prompt = request.prompt.replace('\u{a789}', ":");
                    let _ = asked.send(Asked { prompt, password: request.is_password, answer });
                    answered.recv().unwrap_or_default()
                },
            };
            context.execute_with_callbacks(code, &mut callbacks)
        }));
        match result {
            Ok(Ok(outputs)) => Ended::Ran(outputs),
            Ok(Err(Error::CompilationErrors(errors))) => Ended::Compilation(errors),
            Ok(Err(Error::SubprocessTerminated(status))) => Ended::Died { status, lost: before },
            Ok(Err(error)) => Ended::Other(error.to_string()),
            Err(_) => {
                Ended::Other("the analysis of this cell failed inside rust-analyzer; try to write it otherwise".into())
            }
        }
    }

    fn complete(&mut self, code: &str, cursor: usize) -> Completions {
        let Ok(found) = self.context.completions(code, cursor) else { return Completions::default() };
        let candidates = found.completions.into_iter().map(|completion| Candidate {
            text: completion.code,
            label: completion.label,
            kind: completion.kind.to_owned(),
        });
        Completions { start: found.start_offset, end: found.end_offset, candidates: candidates.collect() }
    }

    fn inspect(&mut self, code: &str, cursor: usize) -> Option<Inspection> {
        let path = path_at(code, cursor)?;
        let shown = self.context.execute(&format!(":doc {path}")).ok()?;
        let plain = shown.get("text/plain")?.to_owned();
        if plain.trim().is_empty() || plain.contains("No documentation found") {
            return None;
        }
        let markdown = shown.get("text/markdown").unwrap_or(&plain).to_owned();
        Some(Inspection { plain, markdown })
    }

    fn variables(&self) -> Vec<Variable> {
        let mut variables: Vec<Variable> = self
            .context
            .variables_and_types()
            .map(|(name, kind)| Variable { name: name.to_owned(), kind: kind.to_owned(), ..Variable::default() })
            .collect();
        variables.sort_by(|a, b| a.name.cmp(&b.name));
        variables
    }
}

/// evcxr's command that makes the prelude a dependency of cells.
pub fn dependency(sources: &Path, features: &[String]) -> String {
    let path = serde_json::to_string(&sources.join("prelude")).expect("a path is a string");
    let features = match features {
        [] => String::new(),
        features => format!(", features = {}", serde_json::to_string(features).expect("strings")),
    };
    format!(":dep candlewick-prelude = {{ path = {path}{features} }}")
}

/// All that evcxr has to say of an error.
pub fn describe(error: &Error) -> String {
    match error {
        Error::CompilationErrors(errors) => {
            let rendered: Vec<String> = errors
                .iter()
                .map(|error| match error.rendered() {
                    text if text.is_empty() => error.message(),
                    text => text,
                })
                .collect();
            rendered.join("\n")
        }
        error => error.to_string(),
    }
}

/// The path expression (`Tensor::randn`, `learner.fit`) that ends with the word at `cursor`.
fn path_at(code: &str, cursor: usize) -> Option<String> {
    let cursor = (0..=cursor.min(code.len())).rev().find(|&at| code.is_char_boundary(at))?;
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let after: String = code[cursor..].chars().take_while(|&c| word(c)).collect();
    let before: String = code[..cursor].chars().rev().take_while(|&c| word(c) || c == ':' || c == '.').collect();
    let before: String = before.chars().rev().collect();
    let path = format!("{before}{after}");
    let path = path.trim_matches(|c: char| c == '.' || c == ':');
    (!path.is_empty()).then(|| path.to_owned())
}

/// Stops a running cargo of this process, if there is one; true where there was.
pub fn stop_compiler() -> bool {
    let Some(group) = process::compiling_group() else { return false };
    // SAFETY: a signal to a group that our own shim made.
    unsafe { libc::killpg(group, libc::SIGKILL) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_at_the_cursor() {
        let check = |code: &str, cursor: usize, expected: Option<&str>| {
            assert_eq!(path_at(code, cursor).as_deref(), expected, "{code} at {cursor}");
        };
        check("let t = Tensor::randn(1)", 17, Some("Tensor::randn"));
        check("learner.fit", 11, Some("learner.fit"));
        check("f(größe)", 4, Some("größe"));
        check("", 0, None);
        check("1 + ", 9, None);
    }
}

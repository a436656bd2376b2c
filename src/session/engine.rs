//! The thread that owns evcxr: starts it from a copy of the template, then does one job after another.

use super::template::{self, Folder};
use super::{Candidate, CellError, Completions, Inspection, Options, Variable, diagnostics, process, shim};
use super::{check, messages};
use crate::home::Home;
use candlewick_wire::CHANNEL_VARIABLE;
use crossbeam_channel::{Receiver, Sender};
use evcxr::{CommandContext, Error, EvalCallbacks, EvalContext, EvalOutputs};
use std::collections::HashMap;
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
    /// Anything else.
    Other(String),
}

/// The program that evcxr made of the last cell.
#[derive(Debug, Default)]
pub struct Program {
    /// Its text.
    pub text: String,
    /// The compiler's errors, if it has some.
    pub errors: Vec<serde_json::Value>,
    /// The compiler's words for the types of its variables, where evcxr does not know one.
    pub types: HashMap<String, String>,
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
    Program {
        done: Sender<Program>,
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
    let started = Engine::start(home, place, options, address, process);
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
                let before = engine.runtime_id();
                let ended = engine.run(&code, &asked);
                // A new process, after the old one died or by `:restart` and `:clear`.
                if engine.runtime_id() != before {
                    engine.init();
                }
                let _ = done.send(ended);
            }
            Job::Complete { code, cursor, done } => drop(done.send(engine.complete(&code, cursor))),
            Job::Inspect { code, cursor, done } => drop(done.send(engine.inspect(&code, cursor))),
            Job::Variables { done } => drop(done.send(engine.variables())),
            Job::Program { done } => drop(done.send(engine.program())),
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
        _ => format!("the warm template cannot be copied from {}: {error}", place.display()),
    })
}

struct Engine {
    context: CommandContext,
    /// What makes a new runtime child, or all of evcxr's state after `:clear`, one of ours.
    beginning: String,
    /// Where evcxr builds.
    path: PathBuf,
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
        let mut engine = Engine { context, beginning, path, folder };
        let begun = engine.context.execute(&engine.beginning);
        begun.map_err(|error| broken(&describe(&error)))?;
        let _ = engine.context.execute(":load_config --quiet");
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

    fn init(&mut self) {
        let _ = self.context.execute(&self.beginning);
    }

    fn program(&self) -> Program {
        let text = self.context.last_source().unwrap_or_default();
        Program { text, errors: messages::of_last_build(&self.path), types: check::types(&self.path) }
    }

    fn run(&mut self, code: &str, asked: &Sender<Asked>) -> Ended {
        messages::forget(&self.path);
        check::forget(&self.path);
        let names = |context: &CommandContext| -> Vec<String> {
            let mut names: Vec<String> = context.variables_and_types().map(|(name, _)| name.to_owned()).collect();
            names.sort();
            names
        };
        let before = names(&self.context);
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

//! The thread that owns evcxr: starts it from a copy of the template, then does one job after another.

use super::dependencies::{Compiled, Wanted};
use super::environment::{self, RECORD_VARIABLE};
use super::place::BuildPlace;
use super::template::{self, Folder};
use super::typed::NEVER;
use super::{CellError, Options, Variable, check, diagnostics, keep, messages, process, renewal, unused};
use crate::analysis::{self, Analysis, Context, Pack};
use crate::home::Home;
use candlewick_wire::CHANNEL_VARIABLE;
use crossbeam_channel::{Receiver, Sender};
use evcxr::{CommandContext, Error, EvalContext, EvalOutputs};
use std::collections::HashMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

/// Put into evcxr at the start, and when it has forgotten all.
const IMPORTS: &str = "use candlewick_prelude::prelude::*;";
/// Makes the prelude known to the runtime child. The `?` lets evcxr learn at once that cells use it; it would otherwise
/// try a cell without, and take the failure for one of the displayed value.
const INIT: &str =
    "candlewick_prelude::show::init(); candlewick_prelude::plot::register_fonts(); Ok::<(), std::fmt::Error>(())?;";
static ENVIRONMENT: Mutex<()> = Mutex::new(());

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

/// The program that evcxr made of the last cell.
#[derive(Clone, Debug, Default)]
pub struct LastProgram {
    /// Its text.
    pub text: String,
    /// The compiler's errors, if it has some.
    pub errors: Vec<serde_json::Value>,
    /// Its warnings of results that statements drop.
    pub unheeded: Vec<serde_json::Value>,
    /// The compiler's words for the types of its variables, where evcxr does not know one.
    pub types: HashMap<String, String>,
}

/// What the evaluator is asked to do. Each job carries the way back.
pub enum Job {
    Run {
        code: String,
        done: Sender<Ended>,
    },
    Variables {
        done: Sender<Vec<Variable>>,
    },
    Program {
        done: Sender<LastProgram>,
    },
    /// Gives variables back that a failed cell has left in the store: of older ones those that it was to bind anew, and
    /// its own. The names of those given back.
    Restore {
        lost: Vec<String>,
        left: Vec<String>,
        done: Sender<Vec<String>>,
    },
    /// Ends the evaluator.
    Stop,
    /// Ends the runtime child and removes the folder, and leaves the memory to the end of the process.
    Leave,
}

/// The runtime child's process, as soon as there is one.
pub type RuntimeProcess = Arc<Mutex<Option<Arc<Mutex<std::process::Child>>>>>;

/// Starts evcxr and serves jobs until told to stop. `ready` hears once how the start went.
#[allow(clippy::too_many_arguments)]
pub fn run(
    home: &Home,
    place: &BuildPlace,
    options: &Options,
    address: &str,
    process: &RuntimeProcess,
    analysis: Option<Arc<Analysis>>,
    jobs: &Receiver<Job>,
    ready: &Sender<Result<(), CellError>>,
) {
    let renewed = match place {
        BuildPlace::CopyOfTemplate if std::env::var_os(RECORD_VARIABLE).is_none() => renewal::renew(home),
        _ => Ok(false),
    };
    // The analysis has read what there was before.
    if matches!(renewed, Ok(true))
        && let Some(analysis) = &analysis
        && let Ok(pack) = Pack::read(&home.template().join(template::PACK))
    {
        analysis.load(pack);
    }
    let started = renewed.and_then(|_| Evaluator::start(home, place, options, address, process, analysis));
    let mut evaluator = match started {
        Ok(evaluator) => evaluator,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(()));
    for job in jobs {
        match job {
            Job::Run { code, done } => {
                let ended = evaluator.run_cell(&code);
                evaluator.init_where_new();
                let _ = done.send(ended);
            }
            Job::Variables { done } => drop(done.send(evaluator.variables())),
            Job::Program { done } => drop(done.send(evaluator.program())),
            Job::Restore { lost, left, done } => drop(done.send(evaluator.restore(&lost, &left))),
            Job::Stop => break,
            Job::Leave => return evaluator.leave(),
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
pub struct Evaluator {
    context: CommandContext,
    /// Where it builds.
    pub path: PathBuf,
    /// What its cells are compiled with, once that was asked.
    pub compiled: Option<Compiled>,
    /// The crates of the last cell that was not run, and the variables that they would cost.
    pub questioned: Option<(Vec<Wanted>, Vec<String>)>,
    /// The runtime child that knows the prelude.
    known: u32,
    /// What makes a new runtime child, or all of evcxr's state after `:clear`, one of ours.
    beginning: String,
    /// The program of the last cell, where another one was made since.
    program: Option<LastProgram>,
    analysis: Option<Arc<Analysis>>,
    /// The manifest whose crates the analysis knows, and where the first of its packs lies.
    manifest: String,
    pack: PathBuf,
    // After `context`: the child must be gone before its folder.
    folder: Option<Folder>,
}

impl Evaluator {
    fn start(
        home: &Home,
        place: &BuildPlace,
        options: &Options,
        address: &str,
        process: &RuntimeProcess,
        analysis: Option<Arc<Analysis>>,
    ) -> Result<Evaluator, CellError> {
        let broken = |error: &dyn std::fmt::Display| {
            diagnostics::session(format!(
                "the session cannot start: {error}\n  → `candlewick doctor` says what is wrong"
            ))
        };
        let (folder, path, features) = match place {
            BuildPlace::Template(path, features) => (None, path.clone(), features.clone()),
            BuildPlace::CopyOfTemplate => {
                template::remove_orphans(home);
                let folder = Folder::copy_of_template(home).map_err(|error| copy_failed(home, &error))?;
                let path = folder.path().to_owned();
                (Some(folder), path, template::features(home))
            }
        };
        let mut command = Command::new(process::program().map_err(|error| broken(&error))?);
        command.arg0("candlewick");
        environment::restore_environment(&mut command);
        command.envs(options.environment.iter().map(|(name, value)| (name, value)));
        command.env(CHANNEL_VARIABLE, address);
        // memory for all threads together (glibc): see the prelude's ops::keep_memory, which may come after the threads
        command.env("MALLOC_ARENA_MAX", "1");
        // networks run in threads of a pool, whose stacks are to be no smaller than the main thread's
        if std::env::var_os("RUST_MIN_STACK").is_none() {
            command.env("RUST_MIN_STACK", (8 << 20).to_string());
        }
        // A cell may link against a prelude that was built with other features later, and a search path of the user's
        // may hold another one: this folder's come first.
        let search = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let others = std::env::split_paths(&search).filter(|folder| !folder.as_os_str().is_empty());
        if let Ok(search) = std::env::join_paths(built_libraries(&path).into_iter().chain(others)) {
            command.env("LD_LIBRARY_PATH", search);
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
        let pack = home.template().join(template::PACK);
        let mut evaluator = Evaluator {
            context,
            path,
            compiled: None,
            questioned: None,
            known: 0,
            beginning,
            program: None,
            analysis,
            manifest: String::new(),
            pack,
            folder,
        };
        let begun = evaluator.context.execute(&evaluator.beginning);
        begun.map_err(|error| broken(&describe(&error)))?;
        evaluator.manifest = evaluator.read_manifest();
        let _ = evaluator.context.execute(":load_config --quiet");
        evaluator.known = evaluator.runtime_id();
        evaluator.after(true);
        Ok(evaluator)
    }

    /// The analysis holds hundreds of megabytes in small pieces; to give them back one by one would keep a restart
    /// waiting.
    fn leave(self) {
        let Evaluator { context, folder, analysis, .. } = self;
        if let Ok(mut child) = context.process_handle().lock() {
            let _ = child.kill();
            let _ = child.wait();
        }
        drop(folder);
        std::mem::forget((context, analysis));
    }

    fn runtime_id(&self) -> u32 {
        self.context.process_handle().lock().unwrap_or_else(PoisonError::into_inner).id()
    }

    /// Makes the prelude known to a new process, after the old one died or by `:restart` and `:clear`.
    pub fn init_where_new(&mut self) {
        if self.runtime_id() != self.known {
            let _ = self.context.execute(&self.beginning);
            self.known = self.runtime_id();
            self.after(true);
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

    fn restore(&mut self, lost: &[String], left: &[String]) -> Vec<String> {
        let program = self.program();
        let older = |name: &str| lost.iter().any(|lost| lost == name) && !left.iter().any(|left| left == name);
        let code = unused::restoring(&program.text, older) + &keep::restoring(&program.text, left);
        if code.is_empty() {
            return Vec::new();
        }
        self.evaluate(&code);
        self.program = Some(program);
        self.after(false);
        let names = self.names();
        lost.iter().chain(left).filter(|name| names.contains(name)).cloned().collect()
    }

    fn program(&self) -> LastProgram {
        if let Some(program) = &self.program {
            return program.clone();
        }
        let text = self.context.last_source().unwrap_or_default();
        LastProgram {
            text,
            errors: messages::of_last_build(&self.path),
            unheeded: messages::unheeded(&self.path),
            types: check::types(&self.path),
        }
    }

    /// Runs a cell.
    pub fn run(&mut self, code: &str) -> Ended {
        messages::forget(&self.path);
        check::forget(&self.path);
        self.program = None;
        let ended = self.evaluate(code);
        self.after(matches!(ended, Ended::Ran(_)));
        ended
    }

    fn evaluate(&mut self, code: &str) -> Ended {
        let before = self.names();
        let context = &mut self.context;
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| context.execute(code)));
        match result {
            Ok(Ok(outputs)) => Ended::Ran(outputs),
            Ok(Err(Error::CompilationErrors(errors))) => Ended::Compilation(errors),
            Ok(Err(Error::SubprocessTerminated(status))) => Ended::Died { status, lost: before },
            Ok(Err(error)) => Ended::Other(error.to_string()),
            Err(_) => Ended::Other("the analysis of this cell failed; try to write it otherwise".into()),
        }
    }

    /// Tells the analysis what there is after a cell; `compiled` where the last program became a part of the session.
    fn after(&mut self, compiled: bool) {
        let Some(analysis) = self.analysis.clone() else { return };
        let variables = self.variables().into_iter().map(|variable| (variable.name, variable.kind)).collect();
        let source = compiled.then(|| self.context.last_source().ok()).flatten();
        analysis.change_context(|context: &mut Context| {
            context.variables = variables;
            if let Some(source) = source.filter(|source| source.contains("fn run_user_code_")) {
                context.take_items(&source);
            }
        });
        let manifest = self.read_manifest();
        if manifest != self.manifest {
            self.manifest = manifest;
            let described =
                Pack::read(&self.pack).ok().and_then(|known| analysis::describe(&self.path, Some(&known)).ok());
            if let Some(pack) = described {
                analysis.load(pack);
            }
        }
    }

    /// The part of the manifest that says what cells can name.
    fn read_manifest(&self) -> String {
        let text = std::fs::read_to_string(self.path.join("Cargo.toml")).unwrap_or_default();
        text.split_once("[dependencies]").map_or(String::new(), |(_, named)| named.to_owned())
    }

    fn variables(&self) -> Vec<Variable> {
        let mut variables: Vec<Variable> = self
            .context
            .variables_and_types()
            .map(|(name, kind)| Variable {
                name: name.to_owned(),
                kind: kind.replace(NEVER, "!"),
                ..Variable::default()
            })
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

/// Stops a running cargo of this process, if there is one; true where there was.
pub fn stop_compiler() -> bool {
    let Some(group) = process::compiling_group() else { return false };
    // SAFETY: a signal to a group that our own shim made.
    unsafe { libc::killpg(group, libc::SIGKILL) == 0 }
}

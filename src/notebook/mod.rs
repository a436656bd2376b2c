//! Runs an .ipynb without Python or Jupyter; writes the outputs back; exports HTML.
//!
//! `runner` drives the cells through anything that executes code (a session, or a test's stand-in),
//! `parameters` puts in what a user gives by name (`literal` writes it), `report` says on standard error how far it is, `html` turns a document into a page.

mod ended;
pub mod html;
mod literal;
pub mod parameters;
pub mod report;
pub mod runner;

use crate::document::{self, Notebook};
use crate::session::{self, Session};
use crate::signals::Watch;
use anyhow::{Context, bail};
pub use ended::Outcome;
use report::RunReport;
use runner::Limits;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// What to run and where its outputs go.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The notebook. Its cells run in the process's own working directory.
    pub input: PathBuf,
    /// Where the executed notebook is written; in place where `None` and no HTML is asked for.
    pub output: Option<PathBuf>,
    /// Where a self-contained page is written.
    pub html: Option<PathBuf>,
    /// Environment variables for the cells.
    pub set: Vec<(String, String)>,
    /// Variables for the cells, by name, in place of those of the cell tagged `parameters`.
    pub parameters: Vec<(String, String)>,
    /// The longest that one cell may take.
    pub timeout: Option<Duration>,
}

impl RunOptions {
    /// The file into which the executed notebook goes, if it goes into one.
    pub fn notebook_target(&self) -> Option<&Path> {
        match (&self.output, &self.html) {
            (Some(output), _) => Some(output),
            (None, Some(_)) => None,
            (None, None) => Some(&self.input),
        }
    }
}

/// Runs the notebook; returns the process's exit code: 0, 1 where a cell failed or took too long,
/// 130 after Ctrl-C. What ran until then is written in every case.
///
/// # Errors
/// A file that is no notebook, outputs that cannot be written, a session that cannot start. All but
/// a disk that fills up is found before the first cell runs.
pub fn run(options: &RunOptions) -> anyhow::Result<i32> {
    let ReadyNotebook { mut notebook, notes } = prepare(options)?;
    let watch = Watch::start();
    let stderr = std::io::stderr();
    let live = stderr.is_terminal();
    let report = Mutex::new(RunReport::new(stderr, live, live && std::env::var_os("NO_COLOR").is_none()));
    notes.iter().for_each(|note| report::lock(&report).note(note));
    report::lock(&report).say("starting the session");
    let environment = options.set.clone();
    let session = Session::start(session::Options { directory: None, environment })?;
    let mut told = live;
    session.wait_ready_telling(&mut |what| {
        report::lock(&report).say(what);
        if !std::mem::replace(&mut told, true) {
            eprintln!("{what} …");
        }
    })?;
    let stop = || watch.count() > 0;
    let limits = Limits { timeout: options.timeout, stop: &stop };
    let ended = runner::run(&mut notebook, &session, &limits, &report);
    let written = write(options, &notebook, &mut |note| report::lock(&report).note(note));
    session.shutdown();
    let code = match &ended {
        Outcome::Done => 0,
        Outcome::Failed { .. } => 1,
        Outcome::Stopped { .. } => watch.exit_code(),
    };
    report::lock(&report).ended(&ended, written.as_deref().unwrap_or_default());
    written.map(|_| code)
}

/// A notebook that is ready to run, and what the user should know of it.
#[derive(Debug)]
pub struct ReadyNotebook {
    /// The notebook, its parameters put in.
    pub notebook: Notebook,
    /// A line each.
    pub notes: Vec<String>,
}

/// Reads the notebook and checks, before anything runs, that its outputs will find a place.
///
/// # Errors
/// See [`run`].
pub fn prepare(options: &RunOptions) -> anyhow::Result<ReadyNotebook> {
    let mut notebook = Notebook::read(&options.input)?;
    if let Some(language) = notebook.language()
        && !language.eq_ignore_ascii_case("rust")
    {
        bail!("{} is a notebook for {language}; candlewick runs Rust", options.input.display());
    }
    for target in options.notebook_target().into_iter().chain(options.html.as_deref()) {
        document::check_writable(target)?;
    }
    for (name, value) in &options.set {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            bail!("--set wants NAME=VALUE with a name that is not empty, found {name:?}={value:?}");
        }
    }
    notebook.upgrade();
    let notes = parameters::inject(&mut notebook, &options.parameters)?;
    Ok(ReadyNotebook { notebook, notes })
}

/// Writes what was asked for; returns the files.
fn write(options: &RunOptions, notebook: &Notebook, note: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    if let Some(target) = options.notebook_target() {
        notebook.write(target)?;
        written.push(target.to_owned());
    }
    if let Some(target) = &options.html {
        let stem = options.input.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let folder = options.input.parent().unwrap_or(Path::new(""));
        let page = html::page(notebook, &notebook.title().unwrap_or(stem), folder);
        page.missing.iter().for_each(|missing| note(missing));
        document::write_whole(target, page.html.as_bytes()).context("the page was not written")?;
        written.push(target.clone());
    }
    Ok(written)
}

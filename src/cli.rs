//! The command line: kernel, repl, run, annotate, weights, install, uninstall, doctor.

use crate::{kernel, notebook, repl, session, setup, weights};
use anyhow::Context;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Rust in Jupyter and in the terminal, with a prelude for fine-tuning neural networks.
#[derive(Parser)]
#[command(name = "candlewick", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve one Jupyter kernel (Jupyter starts this).
    Kernel {
        /// The connection file that Jupyter wrote.
        #[arg(long, visible_alias = "control-file")]
        connection_file: PathBuf,
    },
    /// Keep a session warm for the next kernel (a kernel starts this).
    #[command(hide = true)]
    Spare,
    /// Start the terminal REPL, or run a script in it.
    Repl {
        /// A script to run; standard input is read where it is no terminal.
        script: Option<PathBuf>,
        /// Write no colours.
        #[arg(long)]
        no_color: bool,
    },
    /// Run a notebook from top to bottom, without Python or Jupyter.
    Run {
        /// The notebook.
        notebook: PathBuf,
        /// Where the executed notebook goes (default: in place, unless --html is given).
        #[arg(short, long)]
        output: Option<PathBuf>,
        /// Write a self-contained HTML page.
        #[arg(long)]
        html: Option<PathBuf>,
        /// Set an environment variable for the cells.
        #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
        set: Vec<(String, String)>,
        /// Set a variable in place of the one in the cell tagged `parameters`, as papermill does.
        #[arg(short, long, value_name = "NAME=VALUE", value_parser = name_and_value)]
        parameter: Vec<(String, String)>,
        /// The longest that one cell may take, in seconds.
        #[arg(long, value_name = "S")]
        timeout: Option<f64>,
    },
    /// Draw boxes on a folder's pictures, on a page of this machine's own; Ctrl-C ends it.
    Annotate {
        /// The folder of pictures, or a file of annotations.
        folder: PathBuf,
        /// The port of the page (default: any that is free).
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
    /// Weights with names, for `Arch::…` and `.weights("NAME")`: list them, add a file, print a path.
    #[command(subcommand)]
    Weights(weights::WeightsCommand),
    /// Put the prelude, its warm template and the kernelspec in place (install.sh calls this).
    Install(setup::InstallOptions),
    /// Remove what install put in place.
    Uninstall(setup::UninstallOptions),
    /// Check the toolchain, the template, the kernelspec and the device; say what to do.
    Doctor(setup::DoctorOptions),
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("expected NAME=VALUE, found `{text}`")),
    }
}

/// Serves the annotation page, until Ctrl-C; returns the process's exit code.
fn annotate(folder: &Path, port: u16) -> anyhow::Result<i32> {
    repl::run_until_interrupt(&annotate_cell(&absolute(folder)?, port)?)
}

/// The path in full, where something is there.
fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    let full = std::path::absolute(path).with_context(|| format!("{} is no path", path.display()))?;
    anyhow::ensure!(full.exists(), "{} does not exist; name a folder of pictures", full.display());
    Ok(full)
}

/// The cell that serves the page: the prelude has the tool, and the host does not link it.
fn annotate_cell(path: &Path, port: u16) -> anyhow::Result<String> {
    let name = path.to_str().with_context(|| format!("{} is no UTF-8; rename it", path.display()))?;
    // What `Debug` writes of a text is a literal of it.
    Ok(format!("candlewick_prelude::annotate::serve({name:?}, {port})?;"))
}

/// Runs the command line; returns the process's exit code.
pub fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Verb::Kernel { connection_file } => kernel::run(&connection_file).map(|()| 0),
        Verb::Spare => kernel::spare::wait().map(|()| 0),
        Verb::Repl { script, no_color } => repl::run(&repl::ReplOptions { script, no_color }),
        Verb::Run { notebook, output, html, set, parameter, timeout } => notebook::run(&notebook::RunOptions {
            input: notebook,
            output,
            html,
            set,
            parameters: parameter,
            timeout: timeout.filter(|seconds| *seconds > 0.0).map(Duration::from_secs_f64),
        }),
        Verb::Annotate { folder, port } => annotate(&folder, port),
        Verb::Weights(command) => weights::run(&command),
        Verb::Install(options) => setup::install(&options),
        Verb::Uninstall(options) => setup::uninstall(&options),
        Verb::Doctor(options) => setup::doctor(&options),
    };
    session::clean_up();
    match result {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            eprintln!("candlewick: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_folder_of_any_name_is_a_literal() {
        let cell = annotate_cell(Path::new("/a \"b\"\\n\n{}/\u{e9}\u{301}"), 80).unwrap();
        assert_eq!(cell, r#"candlewick_prelude::annotate::serve("/a \"b\"\\n\n{}/é\u{301}", 80)?;"#);
        let error = absolute(Path::new("nowhere")).unwrap_err().to_string();
        assert!(error.ends_with("nowhere does not exist; name a folder of pictures"), "{error}");
    }

    #[test]
    fn settings_are_name_and_value() {
        assert_eq!(name_and_value("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert!(name_and_value("=b").is_err() && name_and_value("A").is_err());
    }
}

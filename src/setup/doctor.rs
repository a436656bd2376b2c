//! `candlewick doctor`: each thing that candlewick needs, ok or with the remedy.

use super::kernelspec::{self, Where};
use crate::home::Home;
use crate::session::install as template;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `candlewick doctor` is told.
#[derive(Args, Clone, Debug, Default)]
pub struct DoctorOptions {
    /// Leave out the checks for Jupyter.
    #[arg(long)]
    pub no_jupyter: bool,
    /// The prefix that install was given.
    #[arg(long)]
    pub prefix: Option<PathBuf>,
}

/// What one check found.
enum Finding {
    Ok(String),
    /// Works, but could be better.
    Note(String, &'static str),
    Missing(String, &'static str),
}

/// Checks everything and prints a line each; the exit code is 1 where something is missing.
///
/// # Errors
/// No home directory.
pub fn doctor(options: &DoctorOptions) -> anyhow::Result<i32> {
    let home = Home::find()?;
    let mut checks: Vec<(&str, Finding)> = vec![
        ("rustc", tool("rustc")),
        ("cargo", tool("cargo")),
        ("rust-src", rust_src()),
        ("linker", linker()),
        ("folder", writable(&home.root)),
        ("template", warm_template(&home)),
        ("device", device(&home)),
    ];
    if !options.no_jupyter {
        checks.push(("kernelspec", kernel_specification(options.prefix.as_deref())));
        checks.push(("jupyter", jupyter()));
    }
    let mut missing = 0;
    for (name, found) in checks {
        match found {
            Finding::Ok(text) => println!("ok       {name:<11} {text}"),
            Finding::Note(text, remedy) => println!("note     {name:<11} {text}\n         {:<11} → {remedy}", ""),
            Finding::Missing(text, remedy) => {
                missing += 1;
                println!("MISSING  {name:<11} {text}\n         {:<11} → {remedy}", "");
            }
        }
    }
    Ok(i32::from(missing > 0))
}

fn first_line(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
}

fn tool(name: &'static str) -> Finding {
    match first_line(name, "--version") {
        Some(version) => Finding::Ok(version),
        None => {
            Finding::Missing(format!("`{name}` does not run"), "install Rust (stable) with rustup and open a new shell")
        }
    }
}

fn rust_src() -> Finding {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let library = Path::new(&sysroot).join("lib/rustlib/src/rust/library");
    match library.join("std/src/lib.rs").is_file() {
        true => Finding::Ok(library.display().to_string()),
        false => Finding::Missing(
            "the standard library's sources, which type inference reads".into(),
            "rustup component add rust-src",
        ),
    }
}

fn linker() -> Finding {
    for name in ["mold", "lld"] {
        if let Some(version) = first_line(name, "--version") {
            return Finding::Ok(version);
        }
    }
    match first_line("cc", "--version") {
        Some(version) => Finding::Ok(format!("{version} (rustc links with its own lld where it carries one)")),
        None => Finding::Missing(
            "no `cc` to link with".into(),
            "install a C toolchain: gcc or clang (Xcode's tools on a Mac)",
        ),
    }
}

fn writable(folder: &Path) -> Finding {
    let probe = folder.join(".write-test");
    match std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&probe, "")) {
        Ok(()) => {
            let _ = std::fs::remove_file(probe);
            Finding::Ok(folder.display().to_string())
        }
        Err(error) => Finding::Missing(
            format!("{} cannot be written: {error}", folder.display()),
            "set CANDLEWICK_HOME to another folder",
        ),
    }
}

fn warm_template(home: &Home) -> Finding {
    let features = template::installed_features(home);
    match (home.template().is_dir(), template::is_current(home, &features)) {
        (true, true) => Finding::Ok(home.template().display().to_string()),
        (true, false) => Finding::Note(
            "built by another rustc or from another prelude; sessions compile more than the cell".into(),
            "run ./install.sh again",
        ),
        (false, _) => Finding::Missing(
            format!("nothing in {}", home.template().display()),
            "run ./install.sh in a checkout of candlewick",
        ),
    }
}

fn device(home: &Home) -> Finding {
    let cores = std::thread::available_parallelism().map(|count| count.get()).unwrap_or(1);
    let features = template::installed_features(home);
    let gpu = first_line("nvidia-smi", "-L");
    match (features.iter().any(|feature| feature == "cuda"), gpu) {
        (true, Some(gpu)) => Finding::Ok(format!("cuda: {gpu}; {cores} CPU cores")),
        (true, None) => {
            Finding::Note("built for cuda, but nvidia-smi finds no GPU".into(), "training runs on Device::Cpu")
        }
        (false, Some(gpu)) => {
            Finding::Note(format!("{cores} CPU cores; unused: {gpu}"), "./install.sh --features cuda")
        }
        (false, None) => Finding::Ok(format!("{cores} CPU cores")),
    }
}

fn kernel_specification(prefix: Option<&Path>) -> Finding {
    let remedy = "run ./install.sh again (with --prefix or --sys-prefix if you used it before)";
    // what is listed comes first, as Jupyter has it
    let mut places = kernelspec::listed();
    places.extend([Where::User, Where::Python]);
    places.extend(prefix.map(|prefix| Where::Prefix(prefix.to_owned())));
    let folders: Vec<_> = places.iter().filter_map(|place| kernelspec::folder(place).ok()).collect();
    match folders.iter().find_map(|folder| Some((folder, kernelspec::program(folder)?))) {
        Some((folder, program)) if !program.is_file() => {
            Finding::Missing(format!("{} starts {}, which is not there", folder.display(), program.display()), remedy)
        }
        Some((folder, _)) if prefix.is_some_and(|prefix| folder.starts_with(prefix)) && !is_listed(folder) => {
            Finding::Note(
                format!("{}: Jupyter looks there only if told", folder.display()),
                "add PREFIX/share/jupyter to JUPYTER_PATH, unless the prefix is that of a Python environment",
            )
        }
        Some((folder, _)) => Finding::Ok(folder.display().to_string()),
        None => Finding::Missing("no kernelspec `candlewick` where Jupyter looks".into(), remedy),
    }
}

/// Whether `JUPYTER_PATH` leads to this folder of a kernelspec.
fn is_listed(folder: &Path) -> bool {
    kernelspec::listed().iter().any(|place| kernelspec::folder(place).is_ok_and(|listed| listed == folder))
}

fn jupyter() -> Finding {
    match first_line("jupyter", "--version") {
        Some(_) => Finding::Ok("jupyter is on the path".into()),
        None => Finding::Note(
            "no `jupyter` on the path; `candlewick run` and `candlewick repl` need none".into(),
            "pip install jupyterlab",
        ),
    }
}

//! Puts candlewick in place and takes it away again: sources, warm template, kernelspec.

mod doctor;
mod kernelspec;

use crate::home::Home;
use crate::session::install as template;
use anyhow::Context;
use clap::Args;
pub use doctor::{DoctorOptions, doctor};
use kernelspec::Where;
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What `candlewick install` is told.
#[derive(Args, Clone, Debug, Default)]
pub struct InstallOptions {
    /// The checkout of candlewick that holds the prelude.
    #[arg(long, default_value = ".")]
    pub source: PathBuf,
    /// Install the kernelspec under this prefix (PREFIX/share/jupyter) instead of the user's folder.
    #[arg(long)]
    pub prefix: Option<PathBuf>,
    /// Install the kernelspec into the Python environment that is active.
    #[arg(long, conflicts_with = "prefix")]
    pub sys_prefix: bool,
    /// Install no kernelspec.
    #[arg(long)]
    pub no_jupyter: bool,
    /// Features of the prelude, handed on to candle: cuda, metal, mkl, accelerate.
    #[arg(long, value_delimiter = ',')]
    pub features: Vec<String>,
}

/// What `candlewick uninstall` is told.
#[derive(Args, Clone, Debug, Default)]
pub struct UninstallOptions {
    /// The prefix that install was given.
    #[arg(long)]
    pub prefix: Option<PathBuf>,
    /// Remove the kernelspec of the Python environment that is active.
    #[arg(long, conflicts_with = "prefix")]
    pub sys_prefix: bool,
}

fn place(prefix: Option<&PathBuf>, sys_prefix: bool) -> Where {
    match (prefix, sys_prefix) {
        (Some(prefix), _) => Where::Prefix(prefix.clone()),
        (None, true) => Where::Python,
        (None, false) => Where::User,
    }
}

/// Copies the prelude's sources, builds the warm template where it is not current, writes the kernelspec.
///
/// # Errors
/// A folder that cannot be written, no toolchain, a template that does not build.
pub fn install(options: &InstallOptions) -> anyhow::Result<i32> {
    let home = Home::find()?;
    // A folder that cannot be written is told before the minutes that the build takes.
    let folder = match options.no_jupyter {
        true => None,
        false => Some(kernelspec::prepare(&place(options.prefix.as_ref(), options.sys_prefix))?),
    };
    template::copy_sources(&options.source, &home)
        .with_context(|| format!("the prelude's sources cannot be copied to {}", home.sources().display()))?;
    let start = Instant::now();
    if template::is_current(&home, &options.features) {
        println!("template   current: {}", home.template().display());
    } else {
        println!("template   building the prelude and candle (some minutes, once) …");
        let mut line = Line::new();
        let built = template::build_template(&home, &options.features, &mut |what| line.show(what));
        line.end();
        built.map_err(|error| anyhow::anyhow!("{}\n{}", error.value, error.traceback[1..].join("\n")))?;
        println!("template   {} in {:.0} s", home.template().display(), start.elapsed().as_secs_f64());
    }
    if let Some(folder) = folder {
        kernelspec::write(&folder, &std::env::current_exe()?)?;
        println!("kernel     {}", folder.display());
    }
    Ok(0)
}

/// Removes the kernelspec and candlewick's folder, but not the weights that the user put there.
///
/// # Errors
/// A folder that cannot be removed.
pub fn uninstall(options: &UninstallOptions) -> anyhow::Result<i32> {
    let home = Home::find()?;
    let folder = kernelspec::folder(&place(options.prefix.as_ref(), options.sys_prefix))?;
    remove(&folder)?;
    let weights = home.root.join("weights");
    if !weights.is_dir() {
        return remove(&home.root).map(|()| 0);
    }
    for entry in fs::read_dir(&home.root)? {
        let path = entry?.path();
        if path != weights {
            remove(&path)?;
        }
    }
    println!("kept       {} (weights that you added)", weights.display());
    Ok(0)
}

/// Removes a file or a folder, where there is one.
fn remove(path: &Path) -> anyhow::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Ok(()) => println!("removed    {}", path.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("{} cannot be removed", path.display())),
    }
    Ok(())
}

/// One line that is written over on a terminal; elsewhere every twentieth step is a line.
struct Line {
    live: bool,
    count: usize,
}

impl Line {
    fn new() -> Line {
        Line { live: std::io::stdout().is_terminal(), count: 0 }
    }

    fn show(&mut self, text: &str) {
        self.count += 1;
        if self.live {
            print!("\r\u{1b}[K           {text}");
            let _ = std::io::stdout().flush();
        } else if self.count % 20 == 1 {
            println!("           {text}");
        }
    }

    fn end(&self) {
        if self.live && self.count > 0 {
            print!("\r\u{1b}[K");
        }
    }
}

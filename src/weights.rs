//! The shelf of named weights, from the command line: list, add, path.

use anyhow::Context;
use candlewick_wire::weights::{Item, Shelf, sha256};
use clap::Subcommand;
use std::io::Write;
use std::path::PathBuf;

/// What `candlewick weights` is told.
#[derive(Clone, Debug, Subcommand)]
pub enum WeightsCommand {
    /// List the weights that have names: size, the first digits of the SHA-256, where the file lies.
    List {
        /// Read every file and compare it with its checksum.
        #[arg(long)]
        verify: bool,
    },
    /// Copy a weights file (safetensors, or PyTorch's) to candlewick's folder under a name.
    Add {
        /// The file.
        file: PathBuf,
        /// The name: an architecture's, such as resnet18, makes it that architecture's weights.
        #[arg(long = "as", value_name = "NAME")]
        name: String,
    },
    /// Print the folder of named weights, or the path of one file.
    Path {
        /// The name.
        name: Option<String>,
    },
}

/// Does it; the exit code.
///
/// # Errors
/// A name that is none or unknown, a file that is no weights file or cannot be copied.
pub fn run(command: &WeightsCommand) -> anyhow::Result<i32> {
    act(command, &Shelf::find()?, &mut std::io::stdout().lock())
}

fn act(command: &WeightsCommand, shelf: &Shelf, out: &mut dyn Write) -> anyhow::Result<i32> {
    let folder = shelf.folder().display();
    match command {
        WeightsCommand::List { verify } => return list(shelf, *verify, out),
        WeightsCommand::Add { file, name } => {
            let item = shelf.add(file, name).with_context(|| format!("{} cannot be added", file.display()))?;
            writeln!(out, "{}", item.path.display())?;
        }
        WeightsCommand::Path { name: None } => writeln!(out, "{folder}")?,
        WeightsCommand::Path { name: Some(name) } => match shelf.get(name) {
            Some(item) => writeln!(out, "{}", item.path.display())?,
            None => {
                anyhow::bail!("no weights are named `{name}` in {folder}; `candlewick weights list` shows the names")
            }
        },
    }
    Ok(0)
}

/// A line a name; with `verify` the exit code says whether every file is what was recorded.
fn list(shelf: &Shelf, verify: bool, out: &mut dyn Write) -> anyhow::Result<i32> {
    let items = shelf.list().with_context(|| format!("{} cannot be read", shelf.folder().display()))?;
    if items.is_empty() {
        writeln!(out, "no weights in {}", shelf.folder().display())?;
        writeln!(out, "add some: candlewick weights add FILE --as NAME")?;
    }
    let wide = items.iter().map(|item| item.name.chars().count()).max().unwrap_or(0);
    let mut wrong = 0;
    for item in &items {
        let (state, fine) = state(item, verify);
        wrong += i32::from(!fine);
        writeln!(out, "{:wide$}  {state}  {}", item.name, item.path.display())?;
    }
    Ok(wrong.min(1))
}

/// Size and checksum of a file, or what is wrong with it; and whether all is well.
fn state(item: &Item, verify: bool) -> (String, bool) {
    let Ok(about) = std::fs::metadata(&item.path) else { return ("missing".into(), !verify) };
    let size = format!("{:>8.1} MB", about.len() as f64 / 1e6);
    match &item.sha256 {
        None => (format!("{size}  not loaded yet"), true),
        Some(sum) if verify && sha256(&item.path).is_ok_and(|found| found != *sum) => {
            (format!("{size}  CHANGED"), false)
        }
        Some(sum) => (format!("{size}  {}", &sum[..12]), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(command: &WeightsCommand, shelf: &Shelf) -> anyhow::Result<(i32, String)> {
        let mut out = Vec::new();
        let code = act(command, shelf, &mut out)?;
        Ok((code, String::from_utf8(out)?))
    }

    #[test]
    fn added_listed_found_and_verified() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let shelf = Shelf::at(folder.path().join("weights"));
        let (_, says) = say(&WeightsCommand::List { verify: false }, &shelf)?;
        assert!(says.contains("no weights in") && says.contains("candlewick weights add FILE --as NAME"), "{says}");
        let file = folder.path().join("model.bin");
        std::fs::write(&file, b"\x02\0\0\0\0\0\0\0{}")?;
        let add = WeightsCommand::Add { file: file.clone(), name: "resnet18".into() };
        let path = shelf.folder().join("resnet18.safetensors").display().to_string();
        assert_eq!(say(&add, &shelf)?, (0, format!("{path}\n")));
        assert_eq!(say(&WeightsCommand::Path { name: Some("resnet18".into()) }, &shelf)?.1, format!("{path}\n"));
        // the first digits of: printf '\2\0\0\0\0\0\0\0{}' | sha256sum
        let line = format!("resnet18       0.0 MB  411a485216e4  {path}\n");
        assert_eq!(say(&WeightsCommand::List { verify: true }, &shelf)?, (0, line));
        std::fs::write(&path, b"another")?;
        let (code, says) = say(&WeightsCommand::List { verify: true }, &shelf)?;
        assert!(code == 1 && says.contains("CHANGED"), "{says}");
        std::fs::remove_file(&path)?;
        assert!(say(&WeightsCommand::List { verify: false }, &shelf)?.1.contains("missing"));
        let unknown = say(&WeightsCommand::Path { name: Some("vgg11".into()) }, &shelf).unwrap_err().to_string();
        assert!(unknown.contains("no weights are named `vgg11`"), "{unknown}");
        std::fs::write(&file, b"<!DOCTYPE html>")?;
        let page = format!("{:#}", say(&add, &shelf).unwrap_err());
        assert!(page.contains("model.bin cannot be added") && page.contains("a web page"), "{page}");
        Ok(())
    }
}

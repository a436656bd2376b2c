//! The kernelspec: where Jupyter looks for it and what it says.

use anyhow::{Context, bail};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kernelspec's name.
pub const NAME: &str = "candlewick";
const LOGO: &[u8] = include_bytes!("../../assets/logo.svg");

/// For whom the kernelspec is.
#[derive(Clone, Debug)]
pub enum Where {
    /// The user: `$JUPYTER_DATA_DIR` or the platform's folder.
    User,
    /// `PREFIX/share/jupyter`.
    Prefix(PathBuf),
    /// The Python environment that is active.
    Python,
    /// A folder of those that `JUPYTER_PATH` lists.
    Listed(PathBuf),
}

/// The folders that `JUPYTER_PATH` lists.
pub fn listed() -> Vec<Where> {
    let path = std::env::var_os("JUPYTER_PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|folder| !folder.as_os_str().is_empty()).map(Where::Listed).collect()
}

/// The kernelspec's folder.
///
/// # Errors
/// No home directory, or no Python where one is asked for.
pub fn folder(place: &Where) -> anyhow::Result<PathBuf> {
    let data = match place {
        Where::Prefix(prefix) => std::path::absolute(prefix)?.join("share/jupyter"),
        Where::Python => python_prefix()?.join("share/jupyter"),
        Where::User => user_data()?,
        Where::Listed(folder) => folder.clone(),
    };
    Ok(data.join("kernels").join(NAME))
}

fn user_data() -> anyhow::Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("JUPYTER_DATA_DIR") {
        return Ok(folder);
    }
    let home = std::env::home_dir().context("no home directory: set JUPYTER_DATA_DIR")?;
    if cfg!(target_os = "macos") {
        return Ok(home.join("Library/Jupyter"));
    }
    Ok(set("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share")).join("jupyter"))
}

fn python_prefix() -> anyhow::Result<PathBuf> {
    for python in ["python", "python3"] {
        let answer = Command::new(python).args(["-c", "import sys; print(sys.prefix)"]).output();
        if let Ok(output) = answer
            && output.status.success()
        {
            return Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
        }
    }
    bail!("--sys-prefix needs a Python on the path; activate the environment, or use --prefix")
}

/// Makes the kernelspec's folder and sees whether it can be written.
///
/// # Errors
/// It cannot; the message names the folder and the remedies.
pub fn prepare(place: &Where) -> anyhow::Result<PathBuf> {
    let folder = folder(place)?;
    let probe = folder.join(".write-test");
    fs::create_dir_all(&folder).and_then(|()| fs::write(&probe, "")).with_context(|| {
        format!(
            "the kernelspec folder {} cannot be written\n  → choose another with --prefix DIR or JUPYTER_DATA_DIR, \
             or leave Jupyter out with --no-jupyter",
            folder.display()
        )
    })?;
    let _ = fs::remove_file(probe);
    Ok(folder)
}

/// Writes the kernelspec, which starts `program`.
///
/// # Errors
/// The folder cannot be written.
pub fn write(folder: &Path, program: &Path) -> anyhow::Result<()> {
    let mut environment = serde_json::Map::new();
    if let Some(home) = std::env::var_os("CANDLEWICK_HOME") {
        environment.insert("CANDLEWICK_HOME".into(), json!(std::path::absolute(home)?));
    }
    let spec = json!({
        "argv": [program, "kernel", "--connection-file", "{connection_file}"],
        "display_name": "Rust (candlewick)",
        "language": "rust",
        "interrupt_mode": "message",
        "env": environment,
        "metadata": {"debugger": false},
    });
    let text = serde_json::to_string_pretty(&spec)?;
    let written =
        fs::write(folder.join("kernel.json"), text).and_then(|()| fs::write(folder.join("logo-svg.svg"), LOGO));
    written.with_context(|| format!("the kernelspec cannot be written to {}", folder.display()))
}

/// The program that the user's kernelspec starts, if there is a kernelspec.
pub fn program(folder: &Path) -> Option<PathBuf> {
    let text = fs::read(folder.join("kernel.json")).ok()?;
    let spec: serde_json::Value = serde_json::from_slice(&text).ok()?;
    Some(PathBuf::from(spec["argv"][0].as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernelspec_names_its_program() {
        let folder = tempfile::tempdir().unwrap();
        let place = prepare(&Where::Prefix(folder.path().to_owned())).unwrap();
        assert!(place.ends_with("share/jupyter/kernels/candlewick"));
        write(&place, Path::new("/opt/bin/candlewick")).unwrap();
        assert_eq!(program(&place), Some(PathBuf::from("/opt/bin/candlewick")));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_told_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("share");
        fs::write(&file, "").unwrap();
        let error = format!("{:#}", prepare(&Where::Prefix(folder.path().to_owned())).unwrap_err());
        assert!(error.contains("kernels/candlewick") && error.contains("--prefix") && error.contains("--no-jupyter"));
    }
}

//! Which compiler there is.

use super::environment::CARGO_VARIABLE;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

/// The compiler's file, told from another without running it: its path, its length, and when it was written.
pub fn mark() -> Option<String> {
    let path = compiler()?.canonicalize().ok()?;
    let file = path.metadata().ok()?;
    let written = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    // Of a stand-in such as rustup's, the file says nothing of the compiler.
    (path.file_name()? == "rustc").then(|| format!("{} {} {written}", path.display(), file.len()))
}

/// The compiler beside the real cargo, or the first one in the path.
fn compiler() -> Option<PathBuf> {
    let cargo = std::env::var_os(CARGO_VARIABLE).map(PathBuf::from).filter(|cargo| cargo.is_absolute());
    let beside = cargo.map(|cargo| cargo.with_file_name("rustc")).filter(|rustc| rustc.is_file());
    beside.or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join("rustc")).find(|rustc| rustc.is_file())
    })
}

/// What the compiler says of itself.
pub fn version() -> Option<String> {
    let output = Command::new(compiler().unwrap_or_else(|| Path::new("rustc").to_owned())).arg("-vV").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

//! What a host process needs once, before it starts a session: shims in the path, and their folder.

use super::environment;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// How the folders begin; the process's number follows.
pub const PREFIX: &str = "candlewick-";

struct Host {
    folder: TempDir,
}

static HOST: OnceLock<Host> = OnceLock::new();

/// The folder of this process's shims and socket, made at the first call.
///
/// # Errors
/// The temporary folder cannot be written.
pub fn folder() -> std::io::Result<&'static Path> {
    if let Some(host) = HOST.get() {
        return Ok(host.folder.path());
    }
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let mut builder = tempfile::Builder::new();
    // What the sockets in it carry is the user's alone.
    builder.prefix(&prefix).permissions(Permissions::from_mode(0o700));
    let folder = builder.tempdir()?;
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin)?;
    let program = program()?;
    for name in ["cargo", "rustup", "rustc"] {
        symlink(&program, bin.join(name))?;
    }
    let cargo = real_cargo();
    let host = HOST.get_or_init(|| Host { folder });
    let folder = host.folder.path();
    let mut path = vec![folder.join("bin")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    // A Jupyter that a desktop started may not have it.
    if let Some(cargo) = std::env::home_dir().map(|home| home.join(".cargo/bin"))
        && cargo.is_dir()
        && !path.contains(&cargo)
    {
        path.push(cargo);
    }
    // SAFETY: other threads of the host read the environment through std, which locks it; the C
    // library's own readers (time zones, host names) are not used by them.
    unsafe {
        std::env::set_var(environment::FOLDER_VARIABLE, folder);
        std::env::set_var(environment::CARGO_VARIABLE, cargo);
        std::env::set_var(environment::CARGO_HOME_VARIABLE, std::env::var_os("CARGO_HOME").unwrap_or_default());
        std::env::set_var(environment::PATH_VARIABLE, std::env::var_os("PATH").unwrap_or_default());
        for (name, kept) in environment::HIDDEN {
            if let Some(value) = std::env::var_os(name) {
                std::env::set_var(kept, value);
                std::env::remove_var(name);
            }
        }
        // rust-analyzer looks for cargo here first.
        std::env::set_var("CARGO_HOME", folder);
        if let Ok(path) = std::env::join_paths(path) {
            std::env::set_var("PATH", path);
        }
    }
    Ok(folder)
}

/// This process's program, where it can be run: as long as the process lives, even if its file has been replaced.
///
/// # Errors
/// The system does not say which program this is.
pub fn program() -> std::io::Result<PathBuf> {
    let kept = PathBuf::from(format!("/proc/{}/exe", std::process::id()));
    if kept.exists() { Ok(kept) } else { std::env::current_exe() }
}

/// Removes the folder; called when the process ends in order.
pub fn clean_up() {
    if let Some(host) = HOST.get() {
        let _ = std::fs::remove_dir_all(host.folder.path());
    }
}

/// The process group of a cargo that is compiling for this process, if one is.
pub fn compiling_group() -> Option<i32> {
    let note = HOST.get()?.folder.path().join(environment::GROUP_FILE);
    std::fs::read_to_string(note).ok()?.trim().parse().ok()
}

/// cargo as rustup chooses it for this folder, so that no proxy is asked at each build.
fn real_cargo() -> PathBuf {
    let chosen = Command::new("rustup").args(["which", "cargo"]).output();
    match chosen {
        Ok(output) if output.status.success() => PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()),
        _ => PathBuf::from("cargo"),
    }
}

//! The variables of the environment that a session sets, hides, and depends on.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the shims, with the socket and the process group's number; set for all of the host's children.
pub const FOLDER_VARIABLE: &str = "CANDLEWICK_SHIMS";
/// The real cargo.
pub const CARGO_VARIABLE: &str = "CANDLEWICK_REAL_CARGO";
/// The value of `CARGO_HOME` before the session set it; empty where it was unset.
pub const CARGO_HOME_VARIABLE: &str = "CANDLEWICK_REAL_CARGO_HOME";
/// The value of `PATH` before the session set it.
pub const PATH_VARIABLE: &str = "CANDLEWICK_REAL_PATH";
/// Variables that would lead evcxr and rust-analyzer past the shims, which keep them under names of their own.
pub const HIDDEN: [(&str, &str); 2] = [("CARGO", "CANDLEWICK_OWN_CARGO"), ("RUSTC", "CANDLEWICK_OWN_RUSTC")];
/// The name of the file in [`FOLDER_VARIABLE`] that holds the process group of a running cargo.
pub const GROUP_FILE: &str = "cargo.group";
/// The name of the socket in [`FOLDER_VARIABLE`].
pub const SOCKET_FILE: &str = "s";
/// Set while the template is built: answers are kept.
pub const RECORD_VARIABLE: &str = "CANDLEWICK_RECORD_ANSWERS";

/// The variables that decide how cargo calls the compiler.
const DECIDING: [&str; 5] = ["RUSTC", "RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_TARGET_DIR", "EVCXR_CACHE_ENABLED"];

/// Adds the variables that decide how cargo calls the compiler.
pub fn hash_deciding_variables(digest: &mut DefaultHasher) {
    for name in DECIDING {
        std::env::var_os(name).hash(digest);
    }
}

/// Where cargo keeps its sources, as the user's environment has it.
pub fn cargo_home() -> Option<PathBuf> {
    let own = std::env::var_os(CARGO_HOME_VARIABLE).or_else(|| std::env::var_os("CARGO_HOME"));
    let own = own.filter(|home| !home.is_empty()).map(PathBuf::from);
    own.or_else(|| Some(std::env::home_dir()?.join(".cargo")))
}

/// Has cargo keep its sources where it kept them when the template was built: under another folder it would compile all anew.
pub fn keep_to_cargo_home(of_template: &Path) {
    if of_template.is_dir() && cargo_home().is_none_or(|own| own != of_template) {
        // SAFETY: other threads of the host read the environment through std, which locks it.
        unsafe { std::env::set_var(CARGO_HOME_VARIABLE, of_template) };
    }
}

/// Gives `command` back the environment that the session's own process started with.
pub fn restore_environment(command: &mut Command) {
    match std::env::var_os(CARGO_HOME_VARIABLE) {
        Some(home) if !home.is_empty() => command.env("CARGO_HOME", home),
        _ => command.env_remove("CARGO_HOME"),
    };
    if let Some(path) = std::env::var_os(PATH_VARIABLE) {
        command.env("PATH", path);
    }
    for (name, kept) in HIDDEN {
        if let Some(value) = std::env::var_os(kept).filter(|_| std::env::var_os(name).is_none()) {
            command.env(name, value);
        }
        command.env_remove(kept);
    }
    for name in [FOLDER_VARIABLE, CARGO_VARIABLE, CARGO_HOME_VARIABLE, PATH_VARIABLE] {
        command.env_remove(name);
    }
}

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

/// What a variable of [`DECIDING`] decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decides {
    /// How cargo calls the compiler.
    Compilation,
    /// What a session finds, or how it runs.
    Session,
}

/// The variables that decide how cells compile, and what they find.
const DECIDING: [(&str, Decides); 16] = [
    ("RUSTC", Decides::Compilation),
    ("RUSTFLAGS", Decides::Compilation),
    ("RUSTC_WRAPPER", Decides::Compilation),
    ("CARGO_TARGET_DIR", Decides::Compilation),
    ("EVCXR_CACHE_ENABLED", Decides::Compilation),
    ("PATH", Decides::Session),
    ("HOME", Decides::Session),
    ("CARGO_HOME", Decides::Session),
    ("RUSTUP_HOME", Decides::Session),
    ("RUSTUP_TOOLCHAIN", Decides::Session),
    ("LD_LIBRARY_PATH", Decides::Session),
    ("TMPDIR", Decides::Session),
    ("CANDLEWICK_HOME", Decides::Session),
    ("XDG_DATA_HOME", Decides::Session),
    ("EVCXR_CONFIG_DIR", Decides::Session),
    ("RAYON_NUM_THREADS", Decides::Session),
];

/// Adds the variables that decide how cargo calls the compiler.
pub fn hash_compilation(digest: &mut DefaultHasher) {
    for (name, _) in DECIDING.into_iter().filter(|(_, decides)| *decides == Decides::Compilation) {
        std::env::var_os(name).hash(digest);
    }
}

/// Adds all variables in which two sessions that are alike must not differ.
pub fn hash_session(digest: &mut DefaultHasher) {
    for (name, _) in DECIDING {
        std::env::var_os(name).hash(digest);
    }
}

/// Whether sessions that are alike have the same value of this variable.
pub fn is_deciding(name: &str) -> bool {
    DECIDING.iter().any(|(deciding, _)| *deciding == name)
}

/// Whether a variable tells of the user's own builds, or of the one that started this program: all of candle would be
/// compiled anew for it, so cargo does not see it.
pub fn is_of_another_build(name: &str) -> bool {
    let names = ["CARGO_INCREMENTAL", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"];
    let beginnings = ["CARGO_PROFILE_", "CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_"];
    names.contains(&name) || beginnings.iter().any(|beginning| name.starts_with(beginning))
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

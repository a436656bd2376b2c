//! A stand-in for cargo between evcxr, rust-analyzer and the real one.
//!
//! The session puts a folder in front of the path in which `cargo`, `rustup` and `rustc` are this very binary.
//! Run under those names it passes everything on, and on the way
//! * shows evcxr's rust-analyzer the cells' crate alone: our own analysis tells it types;
//! * tells the session what is being compiled, a message a crate;
//! * notes the process group, so that an interrupt can stop the compiler and nothing else.

use super::answers::{CargoQuestion, manifest};
use super::build::{build, build_carefully, exit_code, tell};
use super::environment::{CARGO_VARIABLE, FOLDER_VARIABLE, SOCKET_FILE, is_of_another_build, restore_environment};
use super::recipe::{Recipe, depends_on};
use super::{check, source};
use crate::analysis::WHOLE_VARIABLE;
use candlewick_wire::Said;
use serde_json::Value;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// In a session's folder: how many crates the next build will compile, where that is known.
pub const EXPECTED_FILE: &str = ".candlewick.expected";
/// In a session's folder: the next build is to be made and not run. The build itself puts [`BUILT_FILE`] in its place.
pub const ONLY_BUILD_FILE: &str = ".candlewick.only-build";
/// In a session's folder: what was to be built was built.
pub const BUILT_FILE: &str = ".candlewick.built";
/// In a session's folder: the crate that did not compile, if it was not the cell's own, and what was said of it.
pub const FAILED_FILE: &str = ".candlewick.failed";

/// Acts as cargo or rustup if this process was started under that name; returns otherwise.
pub fn run_if_named() {
    let mut arguments = std::env::args_os();
    let Some(name) = arguments.next() else { return };
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from) else { return };
    let arguments: Vec<OsString> = arguments.collect();
    match Path::new(&name).file_name().and_then(|name| name.to_str()) {
        Some("cargo") => std::process::exit(cargo(&folder, &arguments)),
        Some("rustup") => std::process::exit(rustup(&folder, &arguments)),
        Some("rustc") => std::process::exit(rustc(&arguments)),
        _ => {}
    }
}

/// Whether our own analysis asks, which wants all that there is.
fn wants_all() -> bool {
    std::env::var_os(WHOLE_VARIABLE).is_some()
}

/// evcxr's analysis, which knows a cell's types from our own, is shown no standard library.
fn rustc(arguments: &[OsString]) -> i32 {
    if arguments == ["--print", "sysroot"] && !wants_all() {
        return 1;
    }
    let mut command = Command::new("rustc");
    command.args(arguments);
    restore_environment(&mut command);
    let error = command.exec();
    eprintln!("cannot run rustc: {error}");
    1
}

fn rustup(folder: &Path, arguments: &[OsString]) -> i32 {
    if arguments.len() == 2 && arguments[0] == "which" && arguments[1] == "cargo" {
        println!("{}", folder.join("bin/cargo").display());
        return 0;
    }
    let mut command = Command::new("rustup");
    command.args(arguments);
    restore_environment(&mut command);
    let words: Vec<String> = arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    if let Some(question) = CargoQuestion::new("rustup", &words) {
        return ask(folder, command, &question, false);
    }
    // Only returns where there is no rustup; the asker then looks in the path.
    let _ = command.exec();
    1
}

fn cargo(folder: &Path, arguments: &[OsString]) -> i32 {
    let real = std::env::var_os(CARGO_VARIABLE).unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(real);
    command.args(arguments);
    restore_environment(&mut command);
    // A library of a package in a folder would have the same file name with any features: a cell that is built with
    // another prelude would then take the one that the runtime has loaded, and the way back would be closed.
    command.env("__CARGO_DEFAULT_LIB_METADATA", "candlewick");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_another_build) {
            command.env_remove(name);
        }
    }
    if wants_all() {
        let error = command.exec();
        eprintln!("cannot run cargo: {error}");
        return 101;
    }
    let words: Vec<String> = arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let verb = arguments.iter().find_map(|argument| {
        let argument = argument.to_str()?;
        ["build", "check", "metadata"].into_iter().find(|verb| *verb == argument)
    });
    if verb.is_some() {
        restore_lock(manifest(&words).parent().unwrap_or(Path::new(".")));
    }
    if let Some(question) = CargoQuestion::new("cargo", &words) {
        return ask(folder, command, &question, verb == Some("metadata") && filters(arguments));
    }
    match verb {
        Some("build") if words.iter().any(|word| word == "--unit-graph") => {
            // The graph is not stable; this is how rust-analyzer asks for such things too.
            command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_CACHE_RUSTC_INFO", "0");
            build(folder, command, 0, &mut |_| {})
        }
        Some("build") => build_cell(folder, command, &words),
        Some("check") => check_cell(folder, &words),
        _ => {
            let error = command.exec();
            eprintln!("cannot run cargo: {error}");
            101
        }
    }
}

/// Builds the cell's crate: by the recipe of an earlier build where that still holds, otherwise by cargo.
fn build_cell(folder: &Path, mut cargo: Command, arguments: &[String]) -> i32 {
    let here = std::env::current_dir().unwrap_or_default();
    let only_build = std::fs::remove_file(here.join(ONLY_BUILD_FILE)).is_ok();
    source::lead_to_prelude(&here.join("src/lib.rs"));
    let digest = depends_on(&here, arguments);
    let recipe = digest.filter(|_| !only_build && Recipe::is_asked_for());
    if let Some(recipe) = recipe.and_then(|digest| Recipe::find(&here, digest)) {
        let mut compiler = recipe.command(&here);
        restore_environment(&mut compiler);
        let code = build_carefully(folder, compiler, 0, &mut |_| {});
        keep_file(&here, "Cargo.toml", KEPT_MANIFEST, knows_prelude_by_path);
        return code;
    }
    let mut recipe = None;
    cargo.arg("-v").args(level_of_cells(&here));
    let expected = std::fs::read_to_string(here.join(EXPECTED_FILE)).ok().and_then(|text| text.parse().ok());
    let mut said = String::new();
    let mut hear = |line: &[u8]| {
        recipe = Recipe::read(line).or(recipe.take());
        let line = String::from_utf8_lossy(line);
        if !["Running `", "Fresh ", "Dirty "].iter().any(|word| line.trim_start().starts_with(word)) {
            said.push_str(&line);
        }
    };
    let expected = expected.unwrap_or(0);
    let code = if only_build {
        build(folder, cargo, expected, &mut hear)
    } else {
        build_carefully(folder, cargo, expected, &mut hear)
    };
    if let Some(name) = broken_crate(&said) {
        let _ = std::fs::write(here.join(FAILED_FILE), format!("{name}\n{said}"));
    }
    if code == 0 {
        keep_file(&here, "Cargo.lock", KEPT_LOCK, knows_prelude);
        if !only_build {
            keep_file(&here, "Cargo.toml", KEPT_MANIFEST, knows_prelude_by_path);
        }
        if let Some(recipe) = recipe {
            if let Some(digest) = digest {
                recipe.keep(&here, digest);
            }
            // Once more under the name that the cells' crate has always: cargo gives it one by the crates around it.
            if !only_build && Recipe::is_asked_for() {
                let mut compiler = recipe.command(&here);
                restore_environment(&mut compiler);
                return build(folder, compiler, 0, &mut |_| {});
            }
        }
        if only_build {
            let _ = std::fs::write(here.join(BUILT_FILE), "");
            eprintln!("error: this was built only");
            return 101;
        }
    }
    code
}

/// Checks the cell's program as it would be built; where that is not known yet it is built, which is needed anyway.
fn check_cell(folder: &Path, arguments: &[String]) -> i32 {
    let here = std::env::current_dir().unwrap_or_default();
    let as_build: Vec<String> =
        arguments.iter().map(|word| if word == "check" { "build".to_owned() } else { word.clone() }).collect();
    let Some(recipe) = depends_on(&here, &as_build).and_then(|digest| Recipe::find(&here, digest)) else {
        let mut cargo = Command::new(std::env::var_os(CARGO_VARIABLE).unwrap_or_else(|| "cargo".into()));
        cargo.args(&as_build);
        restore_environment(&mut cargo);
        return build_cell(folder, cargo, &as_build);
    };
    let program = here.join("src/lib.rs");
    source::lead_to_prelude(&program);
    if let Ok(text) = std::fs::read_to_string(&program) {
        let _ = std::fs::write(&program, check::lasting(&text));
    }
    let mut compiler = recipe.check(&here, "src/lib.rs");
    restore_environment(&mut compiler);
    let code = build(folder, compiler, 0, &mut |_| {});
    if code == 0 {
        check::note_types(&recipe, &here);
    }
    code
}

/// The crate that did not compile, if it was not the cell's own.
fn broken_crate(said: &str) -> Option<&str> {
    let name = |from: &str| said.split_once(from)?.1.split('`').next();
    let found = name("failed to run custom build command for `").or_else(|| name("could not compile `"))?;
    (found != "ctx").then_some(found)
}

/// cargo's option for the level at which the cell's own crate is optimised: `:opt` writes it into the manifest, and the
/// settings of candlewick's folder, which are for all else, would win.
fn level_of_cells(folder: &Path) -> Option<String> {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let level = manifest.lines().find_map(|line| line.trim().strip_prefix("opt-level = "))?.trim().to_owned();
    Some(format!("--config=profile.dev.package.ctx.opt-level={level}"))
}

/// The lock of the last build that knew the prelude and succeeded, beside the one that cargo keeps.
pub const KEPT_LOCK: &str = ".candlewick.lock";
/// The manifest of that build.
pub const KEPT_MANIFEST: &str = ".candlewick.toml";

/// evcxr checks a dependency, and evaluates its first expression, in a package without the prelude, for which cargo
/// forgets all that it had locked; to find it again it would need the network, and might find other versions.
fn restore_lock(folder: &Path) {
    let kept = folder.join(KEPT_LOCK);
    let lock = folder.join("Cargo.lock");
    if kept.is_file() && !std::fs::read_to_string(&lock).is_ok_and(|text| knows_prelude(&text)) {
        let _ = std::fs::copy(kept, lock);
    }
}

/// Keeps a file of a session's folder beside itself, where it is about the cells' crate.
fn keep_file(folder: &Path, name: &str, kept: &str, of_cells: fn(&str) -> bool) {
    let Ok(text) = std::fs::read_to_string(folder.join(name)) else { return };
    let kept = folder.join(kept);
    if of_cells(&text) && !std::fs::read_to_string(&kept).is_ok_and(|there| there == text) {
        let _ = std::fs::write(kept, text);
    }
}

/// Whether it is the lock of the cells' crate with the prelude, not of the one in which evcxr checks a dependency.
fn knows_prelude(lock: &str) -> bool {
    lock.contains("name = \"candlewick-prelude\"") && lock.contains("name = \"ctx\"")
}

/// Whether it is the manifest of the cells' crate with the prelude.
fn knows_prelude_by_path(manifest: &str) -> bool {
    manifest.contains("\ncandlewick-prelude = ") && manifest.contains("name = \"ctx\"")
}

/// Tells the session of this process, as a build does.
pub fn say(said: Said) {
    if let Ok(folder) = super::process::folder() {
        tell(&mut UnixStream::connect(folder.join(SOCKET_FILE)).ok(), said);
    }
}

/// rust-analyzer names the manifest; evcxr, which must see everything, does not.
fn filters(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| argument == "--manifest-path")
}

/// Answers a question from what is kept, or asks cargo; a graph that rust-analyzer asks for is made smaller.
fn ask(folder: &Path, mut command: Command, question: &CargoQuestion, is_graph: bool) -> i32 {
    if question.answer() {
        return 0;
    }
    let mut output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("cannot run cargo: {error}");
            return 101;
        }
    };
    if is_graph {
        if output.status.success() {
            if let Some(graph) = serde_json::from_slice(&output.stdout).ok().and_then(filter) {
                output.stdout = graph.to_string().into_bytes();
            }
        } else {
            // rust-analyzer keeps the reason to itself.
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let mut session = UnixStream::connect(folder.join(SOCKET_FILE)).ok();
            tell(&mut session, Said::err(text));
        }
    }
    let _ = std::io::stderr().write_all(&output.stderr);
    let _ = std::io::stdout().write_all(&output.stdout);
    question.keep(&output);
    exit_code(output.status)
}

/// Keeps the cells' crate alone: evcxr's analysis is told the types of variables, and needs no crates. `None` where this
/// is not a cell's graph.
fn filter(mut metadata: Value) -> Option<Value> {
    let root = metadata["workspace_members"][0].as_str()?.to_owned();
    let packages = metadata["packages"].as_array_mut()?;
    packages.retain(|package| package["id"] == *root);
    if packages.first()?["name"] != "ctx" {
        return None;
    }
    packages[0]["dependencies"] = Value::Array(Vec::new());
    let nodes = metadata["resolve"]["nodes"].as_array_mut()?;
    nodes.retain(|node| node["id"] == *root);
    for node in nodes {
        for list in ["deps", "dependencies"] {
            node[list] = Value::Array(Vec::new());
        }
    }
    Some(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn graph(edges: &[(&str, &[&str])]) -> Value {
        let packages: Vec<Value> = edges.iter().map(|(name, _)| json!({"id": name, "name": name})).collect();
        let nodes: Vec<Value> = edges
            .iter()
            .map(|(name, to)| {
                let deps: Vec<Value> = to.iter().map(|to| json!({"pkg": to})).collect();
                json!({"id": name, "deps": deps, "dependencies": to})
            })
            .collect();
        json!({"packages": packages, "workspace_members": [edges[0].0], "resolve": {"nodes": nodes}})
    }

    #[test]
    fn keeps_the_cells_crate_alone() {
        let filtered = filter(graph(&[("ctx", &["regex"]), ("regex", &["memchr"]), ("memchr", &[])])).unwrap();
        assert_eq!(filtered["packages"].as_array().unwrap().len(), 1);
        assert_eq!(filtered["packages"][0]["name"], "ctx");
        let nodes = filtered["resolve"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 1);
        assert_eq!((&nodes[0]["deps"], &nodes[0]["dependencies"]), (&json!([]), &json!([])));
    }

    #[test]
    fn leaves_other_graphs_alone() {
        assert_eq!(filter(graph(&[("someone", &["else"]), ("else", &[])])), None);
    }

    #[test]
    fn a_lock_that_forgot_the_prelude_is_restored() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("Cargo.lock");
        let full = "[[package]]\nname = \"candlewick-prelude\"\n[[package]]\nname = \"ctx\"\n";
        std::fs::write(&lock, full).unwrap();
        keep_file(folder.path(), "Cargo.lock", KEPT_LOCK, knows_prelude);
        std::fs::write(&lock, "[[package]]\nname = \"ctx\"\n").unwrap();
        keep_file(folder.path(), "Cargo.lock", KEPT_LOCK, knows_prelude);
        restore_lock(folder.path());
        assert_eq!(std::fs::read_to_string(&lock).unwrap(), full);
    }

    #[test]
    fn the_crate_that_does_not_compile_is_found() {
        let said = "error: could not compile `foo` (lib) due to 1 previous error\n";
        assert_eq!(broken_crate(said), Some("foo"));
        assert_eq!(broken_crate(&said.replace("foo", "ctx")), None);
        let script = "error: failed to run custom build command for `openssl-sys v0.9.1`\n";
        assert_eq!((broken_crate(script), broken_crate("")), (Some("openssl-sys v0.9.1"), None));
    }

    #[test]
    fn the_level_of_cells_is_the_manifests() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(level_of_cells(folder.path()), None);
        std::fs::write(folder.path().join("Cargo.toml"), "[profile.dev]\nopt-level = 1\ndebug = false\n").unwrap();
        assert_eq!(level_of_cells(folder.path()).as_deref(), Some("--config=profile.dev.package.ctx.opt-level=1"));
    }
}

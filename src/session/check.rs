//! Checks of a cell's program without cargo: evcxr asks for one where it does not know a variable's type.
//!
//! cargo would check all that the prelude is made of first, since nothing is built for checks. The recipe of the cells'
//! builds does for them too.

use super::lifetimes::for_ever;
use super::recipe::Recipe;
use super::{environment, messages};
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The call with which evcxr has a variable kept, in a program that is only checked.
const KEEP: &str = "evcxr_variable_store(";

/// The program that asks for the types of variables, beside the one that was checked.
const PROBE: &str = "src/types.rs";

fn file(folder: &Path) -> PathBuf {
    folder.join(".candlewick.types")
}

/// Says of the variables that earlier cells left, which are the program's arguments, that they live for ever: where a
/// cell writes `&str`, evcxr takes it for a lifetime of the call.
pub fn lasting(program: &str) -> String {
    let mut arguments = false;
    let line = |line: &str| {
        if line.starts_with("async fn evcxr_analysis_wrapper(") {
            arguments = true;
        } else if line.starts_with(") -> ") {
            arguments = false;
        } else if arguments && let Some((name, kind)) = line.split_once(": ") {
            return format!("{name}: {}\n", for_ever(kind));
        }
        format!("{line}\n")
    };
    program.lines().map(line).collect()
}

/// After a check without errors: asks the compiler what the variables' types are.
pub fn note_types(recipe: &Recipe, folder: &Path) {
    let Ok(program) = fs::read_to_string(folder.join("src/lib.rs")) else { return };
    if fs::write(folder.join(PROBE), probe(&program)).is_err() {
        return;
    }
    let mut command: Command = recipe.check(folder, PROBE);
    environment::restore_environment(&mut command);
    if let Ok(output) = command.stdin(Stdio::null()).output() {
        let _ = fs::write(file(folder), &output.stderr);
    }
}

/// The program in which each variable that is kept is taken for a `()`, which is an error that tells its type.
fn probe(program: &str) -> String {
    let line = |line: &str| match line.strip_prefix(KEEP).and_then(|rest| rest.strip_suffix(");")) {
        Some(name) => format!("let () = {name};\n"),
        None => format!("{line}\n"),
    };
    program.lines().map(line).collect()
}

/// The compiler's words for the types of the last cell's variables, where they were asked for.
pub fn types(folder: &Path) -> HashMap<String, String> {
    let said = fs::read_to_string(file(folder)).unwrap_or_default();
    let program = fs::read_to_string(folder.join(PROBE)).unwrap_or_default();
    let lines: Vec<&str> = program.lines().collect();
    messages::errors(&said).iter().filter_map(|error| of_variable(error, &lines)).collect()
}

/// Forgets the types of an earlier cell's.
pub fn forget(folder: &Path) {
    let _ = fs::remove_file(file(folder));
}

fn of_variable(error: &Value, lines: &[&str]) -> Option<(String, String)> {
    (error["code"]["code"] == "E0308").then_some(())?;
    error["spans"].as_array()?.iter().find_map(|span| {
        let line = lines.get(usize::try_from(span["line_start"].as_u64()?).ok()?.checked_sub(1)?)?;
        let name = line.strip_prefix("let () = ")?.strip_suffix(';')?;
        let label = span["label"].as_str()?;
        let kind = label.strip_prefix("this expression has type `")?.strip_suffix('`')?;
        Some((name.to_owned(), kind.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_compiler_is_asked_for_each_variable() {
        let program = "fn evcxr_variable_store(_: T) {}\nlet it = 1;\nevcxr_variable_store(it);\n";
        assert_eq!(probe(program), "fn evcxr_variable_store(_: T) {}\nlet it = 1;\nlet () = it;\n");
    }

    #[test]
    fn arguments_live_for_ever() {
        let program =
            "async fn evcxr_analysis_wrapper(\nmut s: &str,\nn: i32,\n) -> Result<(), E> {\nlet t: &str = s;\n}\n";
        assert_eq!(lasting(program), program.replacen("&str", "&'static str", 1));
    }

    #[test]
    fn types_are_read_from_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(folder.path().join(PROBE), "let it = f();\nlet () = it;\n").unwrap();
        let span = |label: &str| json!({"line_start": 2, "label": label});
        let error = json!({"level": "error", "message": "mismatched types", "code": {"code": "E0308"},
            "spans": [span("expected `Option<i32>`, found `()`"), span("this expression has type `Option<i32>`")]});
        fs::write(file(folder.path()), error.to_string()).unwrap();
        assert_eq!(types(folder.path()), HashMap::from([("it".to_owned(), "Option<i32>".to_owned())]));
        forget(folder.path());
        assert!(types(folder.path()).is_empty());
    }
}

//! The compiler's messages of the last build of a cell, from the shim to the session.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn file(folder: &Path) -> PathBuf {
    folder.join(".candlewick.messages")
}

/// Whether a line of the compiler's or of cargo's is a message of an error.
pub fn is_error(line: &[u8]) -> bool {
    let level = b"\"level\":\"error";
    line.starts_with(b"{") && line.windows(level.len()).any(|part| part == level)
}

/// Whether a line is a message of less than an error; evcxr takes it for one.
pub fn is_warning(line: &[u8]) -> bool {
    let level = b"\"level\":\"warning";
    line.starts_with(b"{") && !is_error(line) && line.windows(level.len()).any(|part| part == level)
}

/// Whether a line is the warning of a result that a statement drops.
pub fn is_unheeded(line: &[u8]) -> bool {
    let code = b"\"code\":\"unused_must_use\"";
    is_warning(line) && line.windows(code.len()).any(|part| part == code)
}

/// Keeps the lines of a build that failed.
pub fn keep(folder: &Path, lines: &[u8]) {
    let _ = fs::write(file(folder), lines);
}

/// Forgets those of an earlier build.
pub fn forget(folder: &Path) {
    let _ = fs::remove_file(file(folder));
}

/// The errors of the last build, if it failed.
pub fn of_last_build(folder: &Path) -> Vec<Value> {
    errors(&fs::read_to_string(file(folder)).unwrap_or_default())
}

/// Keeps the warnings of a build, or forgets those of an earlier one.
pub fn keep_unheeded(folder: &Path, lines: &[u8]) {
    let file = folder.join(".candlewick.unheeded");
    let _ = if lines.is_empty() { fs::remove_file(file) } else { fs::write(file, lines) };
}

/// The warnings of the last build about results that statements drop.
pub fn unheeded(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(".candlewick.unheeded")).unwrap_or_default();
    messages(&text).collect()
}

/// The compiler's messages among lines of JSON; cargo wraps them.
fn messages(lines: &str) -> impl Iterator<Item = Value> {
    let parsed = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    parsed.map(|json| if json["message"].is_object() { json["message"].clone() } else { json })
}

/// The errors among lines of JSON.
pub fn errors(lines: &str) -> Vec<Value> {
    let is_own = |json: &Value| {
        let text = json["message"].as_str().unwrap_or_default();
        json["level"].as_str().is_some_and(|level| level.starts_with("error")) && !text.starts_with("aborting due to")
    };
    messages(lines).filter(is_own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_kept_and_warnings_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let lines = [
            r#"{"reason":"compiler-message","message":{"level":"error","message":"a"}}"#,
            r#"{"level":"error","message":"aborting due to 1 previous error"}"#,
            r#"{"level":"error","message":"b"}"#,
            r#"{"level":"warning","message":"unused","children":[{"level":"error"}]}"#,
        ];
        assert!(lines.iter().all(|line| is_error(line.as_bytes())) && !is_error(b"error: no"));
        let warning = br#"{"reason":"compiler-message","message":{"level":"warning","message":"a"}}"#;
        let dropped = br#"{"level":"warning","message":"unused `Result`","code":{"code":"unused_must_use"}}"#;
        assert!(is_unheeded(dropped) && !is_unheeded(warning));
        keep_unheeded(folder.path(), dropped);
        assert_eq!(unheeded(folder.path())[0]["message"], "unused `Result`");
        keep_unheeded(folder.path(), b"");
        assert!(unheeded(folder.path()).is_empty());
        assert!(is_warning(warning) && !is_warning(lines[3].as_bytes()) && !is_warning(b"warning: no"));
        keep(folder.path(), lines.join("\n").as_bytes());
        let texts: Vec<Value> = of_last_build(folder.path()).iter().map(|error| error["message"].clone()).collect();
        assert_eq!(texts, ["a", "b"]);
        forget(folder.path());
        assert!(of_last_build(folder.path()).is_empty());
    }
}

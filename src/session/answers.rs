//! cargo's answers to rust-analyzer's questions, kept from when the template was built.
//!
//! Each start of the analysis asks cargo a dozen times for what does not change: its version, its settings, the
//! target, the graph of the standard library and that of the template. The shim keeps the answers while the template
//! is built, and gives them again for the same question about the same files.

use super::environment::{CARGO_HOME_VARIABLE, RECORD_VARIABLE, hash_compilation};
use crate::home::Home;
use serde::{Deserialize, Serialize};
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Output;

/// Stands for the folder of the session, or of the template in the making.
const FOLDER: &str = "{candlewick-folder}";

/// A question to cargo or rustup, as far as its answer can be kept.
pub struct CargoQuestion {
    file: PathBuf,
    folder: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    stdout: String,
    stderr: String,
}

impl CargoQuestion {
    /// The question that this call puts; `None` where the answer may change, or more than an answer is wanted.
    pub fn new(program: &str, arguments: &[String]) -> Option<CargoQuestion> {
        let is_question = match program {
            "rustup" => arguments.first().is_some_and(|verb| verb == "which"),
            _ => {
                let has = |word: &str| arguments.iter().any(|argument| argument == word);
                ["metadata", "locate-project", "--version"].into_iter().any(has)
                    || (has("config") && has("get"))
                    || (has("rustc") && has("--print"))
            }
        };
        let home = is_question.then(Home::find)?.ok()?;
        let here = std::env::current_dir().ok()?;
        let manifest = manifest(arguments);
        let folder = below(&home, &here).or_else(|| below(&home, &manifest));
        let mut digest = DefaultHasher::new();
        program.hash(&mut digest);
        arguments.iter().for_each(|argument| without(argument, folder.as_deref()).hash(&mut digest));
        without(&here.to_string_lossy(), folder.as_deref()).hash(&mut digest);
        hash_compilation(&mut digest);
        let settings = std::env::var_os(CARGO_HOME_VARIABLE).filter(|home| !home.is_empty()).map(PathBuf::from);
        let settings = settings.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
        let has = |word: &str| arguments.iter().any(|argument| argument == word);
        let knows_lock = has("metadata") && !has("--no-deps");
        for file in [
            Some(manifest.clone()),
            knows_lock.then(|| manifest.with_file_name("Cargo.lock")),
            Some(manifest.with_file_name(".cargo/config.toml")),
            settings.map(|folder| folder.join("config.toml")),
        ] {
            file.and_then(|file| fs::read(file).ok()).hash(&mut digest);
        }
        let file = home.answers().join(format!("{:016x}.json", digest.finish()));
        Some(CargoQuestion { file, folder })
    }

    /// Gives the kept answer; false where there is none.
    pub fn answer(&self) -> bool {
        let Ok(text) = fs::read_to_string(&self.file) else { return false };
        let text = match &self.folder {
            Some(folder) => text.replace(FOLDER, folder),
            None => text,
        };
        let Ok(Answer { stdout, stderr }) = serde_json::from_str(&text) else { return false };
        let _ = std::io::stderr().write_all(stderr.as_bytes());
        let _ = std::io::stdout().write_all(stdout.as_bytes());
        true
    }

    /// Keeps the answer where it is a good one and the template is being built.
    pub fn keep(&self, output: &Output) {
        if std::env::var_os(RECORD_VARIABLE).is_none() || !output.status.success() {
            return;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let answer = Answer { stdout: text(&output.stdout), stderr: text(&output.stderr) };
        let json = serde_json::to_string(&answer).expect("an answer always serialises");
        if let Some(folder) = self.file.parent() {
            let _ = fs::create_dir_all(folder);
        }
        let _ = fs::write(&self.file, without(&json, self.folder.as_deref()));
    }
}

/// The folder of a session, or of the template in the making, that holds this path.
fn below(home: &Home, path: &Path) -> Option<String> {
    let folder = match path.strip_prefix(home.sessions()) {
        Ok(rest) => home.sessions().join(rest.components().next()?),
        Err(_) => path.starts_with(home.new_template()).then(|| home.new_template())?,
    };
    folder.to_str().map(str::to_owned)
}

fn without(text: &str, folder: Option<&str>) -> String {
    match folder {
        Some(folder) => text.replace(folder, FOLDER),
        None => text.to_owned(),
    }
}

/// The manifest that a call of cargo is about.
pub fn manifest(arguments: &[String]) -> PathBuf {
    let at = arguments.iter().position(|argument| argument == "--manifest-path");
    let named = at.and_then(|at| arguments.get(at + 1)).map(PathBuf::from);
    named.unwrap_or_else(|| std::env::current_dir().unwrap_or_default().join("Cargo.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_that_holds_a_path() {
        let home = Home { root: "/h".into() };
        let found = |path: &str| below(&home, Path::new(path));
        assert_eq!(found("/h/sessions/1-a/Cargo.toml").as_deref(), Some("/h/sessions/1-a"));
        assert_eq!(found("/h/template.new/src").as_deref(), Some("/h/template.new"));
        assert_eq!(found("/toolchain/library"), None);
        assert_eq!(without("/h/sessions/1-a/x", Some("/h/sessions/1-a")), "{candlewick-folder}/x");
    }

    #[test]
    fn only_questions_are_kept() {
        let call = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for question in ["metadata --format-version 1", "--version", "rustc -Z x --print cfg", "-Z u config get"] {
            assert!(CargoQuestion::new("cargo", &call(question)).is_some(), "{question}");
        }
        for other in ["build --target x", "check", "rustc --release", "update"] {
            assert!(CargoQuestion::new("cargo", &call(other)).is_none(), "{other}");
        }
        assert!(CargoQuestion::new("rustup", &call("which rustc")).is_some());
        assert!(CargoQuestion::new("rustup", &call("update stable")).is_none());
    }
}

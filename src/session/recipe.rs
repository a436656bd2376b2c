//! A cell's build without cargo: the compiler's command as cargo last gave it, run again.
//!
//! Between two cells nothing changes but the cell's own source, and cargo needs as long to see that as the compiler
//! needs for the cell. So the shim notes what cargo ran for the cell's crate, and what that depended on; while that
//! is unchanged it runs the compiler itself. Dependencies whose sources the user may edit meanwhile (a `path` other
//! than the prelude's) stay cargo's business.

use super::environment::{RECORD_VARIABLE, hash_compilation};
use crate::home::Home;
use serde::{Deserialize, Serialize};
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The file of the recipe with this digest in a session's folder, or among the answers that hold for the template.
/// The beginning of the names of what is kept.
const KEPT: &str = ".candlewick.recipe-";

/// Forgets what cargo said in a folder: with other settings the prelude's library has another name, and the one of the old
/// name may still be there.
pub fn forget(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(KEPT) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn file(folder: &Path, depends_on: u64) -> PathBuf {
    folder.join(format!("{KEPT}{depends_on:016x}.json"))
}

/// Stands for the session's folder, which is another one in each session.
const FOLDER: &str = "{candlewick-folder}";

/// The name for the compiler of the crate that cells are.
const METADATA: &str = "metadata=candlewick";

/// The environment variable in which evcxr names the file that is to hold the library's path.
const LIBRARY_VARIABLE: &str = "EVCXR_EXECUTION_SO_PATH";

/// How the cell's crate is compiled.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    program: String,
    arguments: Vec<String>,
}

impl Recipe {
    /// The recipe in `folder` with this digest, if there is one.
    pub fn find(folder: &Path, depends_on: u64) -> Option<Recipe> {
        let kept = || fs::read_to_string(file(&Home::find().ok()?.answers(), depends_on)).ok();
        let text = fs::read_to_string(file(folder, depends_on)).ok().or_else(kept)?;
        let mut recipe: Recipe = serde_json::from_str(&text.replace(FOLDER, folder.to_str()?)).ok()?;
        // An earlier candlewick kept it otherwise.
        name_alike(&mut recipe.arguments);
        recipe.dependencies_are_there().then_some(recipe)
    }

    /// Takes the recipe from a line of `cargo build -v`, if that is the call of the compiler for the cell's crate.
    pub fn read(line: &[u8]) -> Option<Recipe> {
        let line = std::str::from_utf8(line).ok()?;
        let call = line.trim().strip_prefix("Running `")?.strip_suffix('`')?;
        if !call.contains("--crate-name ctx ") {
            return None;
        }
        let mut words = shlex::split(call)?.into_iter();
        let recipe = Recipe { program: words.next()?, arguments: words.collect() };
        Some(recipe.for_small_crates())
    }

    /// A cell is small and never the same again: kept results of the last one cost more than they save, and so does
    /// its division into units that are optimised apart.
    fn for_small_crates(mut self) -> Recipe {
        name_alike(&mut self.arguments);
        let codegen = |pair: &[String], option: &str| pair[0] == "-C" && pair[1].starts_with(option);
        if let Some(at) = self.arguments.windows(2).position(|pair| codegen(pair, "incremental=")) {
            self.arguments.drain(at..at + 2);
        }
        if let Some(at) = self.arguments.windows(2).position(|pair| codegen(pair, "codegen-units=")) {
            self.arguments[at + 1] = "codegen-units=1".to_owned();
        }
        self
    }

    /// Keeps the recipe for later builds in `folder` with the same digest.
    pub fn keep(&self, folder: &Path, depends_on: u64) {
        let Some(path) = folder.to_str() else { return };
        let text = serde_json::to_string(self).expect("a recipe always serialises").replace(path, FOLDER);
        let _ = fs::write(file(folder, depends_on), &text);
        if std::env::var_os(RECORD_VARIABLE).is_some()
            && let Ok(home) = Home::find()
        {
            let _ =
                fs::create_dir_all(home.answers()).and_then(|()| fs::write(file(&home.answers(), depends_on), text));
        }
    }

    /// The call that only checks the program in `source`, below the folder.
    pub fn check(&self, folder: &Path, source: &str) -> Command {
        let argument = |argument: &String| match argument.as_str() {
            emit if emit.starts_with("--emit=") => "--emit=metadata".to_owned(),
            "src/lib.rs" => source.to_owned(),
            other => other.to_owned(),
        };
        let arguments: Vec<String> = self.arguments.iter().map(argument).collect();
        let mut command = Command::new(&self.program);
        command.args(arguments);
        named(&mut command, folder);
        command
    }

    /// Whether evcxr will look for the library where a recipe can say that it is.
    pub fn is_asked_for() -> bool {
        std::env::var_os(LIBRARY_VARIABLE).is_some()
    }

    /// The call of the compiler. evcxr finds the library through the file that it named.
    pub fn command(&self, folder: &Path) -> Command {
        let out = self.value("--out-dir").unwrap_or_default();
        if let Some(file) = std::env::var_os(LIBRARY_VARIABLE) {
            let hash = self.codegen("extra-filename=").unwrap_or_default();
            let library = format!("{}ctx{hash}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
            let _ = fs::write(file, Path::new(out).join(library).as_os_str().as_encoded_bytes());
        }
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        named(&mut command, folder);
        command
    }

    /// The value of a `-C` option, which is given with its `=`.
    fn codegen(&self, option: &str) -> Option<&str> {
        self.arguments.windows(2).find_map(|pair| (pair[0] == "-C").then(|| pair[1].strip_prefix(option)).flatten())
    }

    fn value(&self, option: &str) -> Option<&str> {
        let at = self.arguments.iter().position(|argument| argument == option)?;
        self.arguments.get(at + 1).map(String::as_str)
    }

    fn dependencies_are_there(&self) -> bool {
        let named = self.arguments.windows(2).filter(|pair| pair[0] == "--extern");
        let mut paths = named.filter_map(|pair| pair[1].split_once('=')).map(|(_, path)| PathBuf::from(path));
        paths.all(|path| path.is_file())
    }
}

/// Sets what a cell may ask for with `env!`.
fn named(command: &mut Command, folder: &Path) {
    command.env("CARGO_MANIFEST_DIR", folder).env("CARGO_CRATE_NAME", "ctx");
    command.env("CARGO_PKG_NAME", "ctx").env("CARGO_PKG_VERSION", "1.0.0");
}

/// Gives the cells' crate one name for the compiler whatever crates it is built with: types that cells define would be
/// others after a `:dep`, and their values lost. Whether something was changed.
fn name_alike(arguments: &mut [String]) -> bool {
    let is_cells = arguments.windows(2).any(|pair| pair[0] == "--crate-name" && pair[1] == "ctx");
    let at = arguments.windows(2).position(|pair| pair[0] == "-C" && pair[1].starts_with("metadata="));
    match at.filter(|at| is_cells && arguments[at + 1] != METADATA) {
        Some(at) => arguments[at + 1] = METADATA.to_owned(),
        None => return false,
    }
    true
}

/// A digest of all that decides how cargo calls the compiler; `None` where cargo must be asked each time.
pub fn depends_on(folder: &Path, arguments: &[String]) -> Option<u64> {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    if has_sources_of_the_users(&manifest) {
        return None;
    }
    let mut digest = DefaultHasher::new();
    manifest.hash(&mut digest);
    for file in [".cargo/config.toml", "Cargo.lock"] {
        fs::read(folder.join(file)).ok().hash(&mut digest);
    }
    hash_compilation(&mut digest);
    arguments.hash(&mut digest);
    Some(digest.finish())
}

/// Whether a dependency besides the prelude lies in a folder.
fn has_sources_of_the_users(manifest: &str) -> bool {
    let dependencies = manifest.split_once("[dependencies]").map_or("", |(_, dependencies)| dependencies);
    dependencies.lines().any(|line| !line.starts_with("candlewick-prelude ") && line.contains("path"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "     Running `/r/rustc --crate-name ctx --edition=2024 src/lib.rs \
                        --check-cfg 'cfg(feature, values())' -C extra-filename=-1a -C codegen-units=16 -C incremental=/s/i --out-dir '/s 1/target/debug/deps' \
                        --extern candlewick_prelude=/s/1/target/libcandlewick_prelude.so -Cprefer-dynamic`\n";

    #[test]
    fn cargos_own_words_are_read() {
        let recipe = Recipe::read(LINE.as_bytes()).unwrap();
        assert_eq!(recipe.program, "/r/rustc");
        assert_eq!(recipe.value("--check-cfg"), Some("cfg(feature, values())"));
        assert_eq!(recipe.value("--out-dir"), Some("/s 1/target/debug/deps"));
        assert_eq!(recipe.codegen("codegen-units="), Some("1"));
        assert_eq!((recipe.codegen("extra-filename="), recipe.codegen("metadata=")), (Some("-1a"), None));
        assert!(!recipe.arguments.concat().contains("incremental"));
        assert!(!recipe.dependencies_are_there());
        assert_eq!(Recipe::read(b"   Compiling serde v1.0.228\n"), None);
        assert_eq!(Recipe::read(LINE.replace("ctx", "serde").as_bytes()), None);
    }

    #[test]
    fn what_cargo_said_before_a_template_is_built_anew_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("Cargo.toml");
        for path in [file(folder.path(), 1), file(folder.path(), 2), other.clone()] {
            fs::write(path, "x").unwrap();
        }
        forget(folder.path());
        assert!(!file(folder.path(), 1).exists() && !file(folder.path(), 2).exists() && other.exists());
    }

    #[test]
    fn types_of_cells_are_the_same_with_other_crates() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut cells = words("rustc --crate-name ctx -C metadata=0a1b -C extra-filename=-1");
        assert!(name_alike(&mut cells) && !name_alike(&mut cells));
        assert_eq!(cells, words("rustc --crate-name ctx -C metadata=candlewick -C extra-filename=-1"));
        assert!(!name_alike(&mut words("rustc --crate-name serde -C metadata=0a1b")));
        let line = LINE.replace("-C extra-filename", "-C metadata=0a1b -C extra-filename");
        assert_eq!(Recipe::read(line.as_bytes()).unwrap().codegen("metadata="), Some("candlewick"));
    }

    #[test]
    fn a_recipe_is_of_use_in_another_folder_until_something_changes() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let call = ["build".to_owned()];
        for folder in [&first, &second] {
            fs::write(folder.path().join("Cargo.toml"), "[dependencies]\ncandlewick-prelude = { path = \"p\" }\n")
                .unwrap();
        }
        let line = format!("Running `rustc --crate-name ctx --out-dir {}/deps`", first.path().display());
        let digest = depends_on(first.path(), &call).unwrap();
        Recipe::read(line.as_bytes()).unwrap().keep(first.path(), digest);
        fs::copy(file(first.path(), digest), file(second.path(), digest)).unwrap();
        // SAFETY: no other test reads this variable.
        unsafe { std::env::set_var(LIBRARY_VARIABLE, second.path().join("library")) };
        let find = |call: &[String]| Recipe::find(second.path(), depends_on(second.path(), call).unwrap());
        let found = find(&call).unwrap();
        assert_eq!(found.value("--out-dir").map(Path::new), Some(second.path().join("deps").as_path()));
        found.command(second.path());
        let library = fs::read_to_string(second.path().join("library")).unwrap();
        assert!(library.starts_with(second.path().to_str().unwrap()) && library.contains("ctx"), "{library}");
        assert_eq!(find(&["build".to_owned(), "--offline".to_owned()]), None);
        fs::write(second.path().join("Cargo.toml"), "[dependencies]\nserde = \"1\"\n").unwrap();
        assert_eq!(find(&call), None);
    }

    #[test]
    fn a_check_makes_no_library() {
        let line = "Running `rustc --crate-name ctx src/lib.rs --emit=dep-info,link --out-dir deps`";
        let command = Recipe::read(line.as_bytes()).unwrap().check(Path::new("/s"), "src/types.rs");
        let arguments: Vec<&str> = command.get_args().filter_map(|argument| argument.to_str()).collect();
        assert_eq!(arguments, ["--crate-name", "ctx", "src/types.rs", "--emit=metadata", "--out-dir", "deps"]);
    }

    #[test]
    fn folders_of_the_users_are_cargos_business() {
        assert!(!has_sources_of_the_users(
            "[lib]\npath = \"src/lib.rs\"\n[dependencies]\ncandlewick-prelude = { path = \"p\" }\n"
        ));
        assert!(has_sources_of_the_users(
            "[dependencies]\ncandlewick-prelude = { path = \"p\" }\nmine = { path = \"../m\" }\n"
        ));
    }
}

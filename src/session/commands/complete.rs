//! What goes on from what stands before the cursor, where that is no Rust: commands, magics, files.

use super::{files, magics};
use crate::session::prepare::leading::Leading;
use crate::session::{Candidate, Completions};
use std::path::Path;

/// The commands that a cell may begin with.
const NAMES: [&str; 24] = [
    ":build_env",
    ":cache",
    ":clear",
    ":dep",
    ":doc",
    ":efmt",
    ":explain",
    ":fmt",
    ":help",
    ":last_compile_dir",
    ":last_error_json",
    ":linker",
    ":load_config",
    ":offline",
    ":opt",
    ":quit",
    ":restart",
    ":show_deps",
    ":t",
    ":toolchain",
    ":type",
    ":types",
    ":vars",
    ":version",
];

/// What goes on from what stands before the cursor, where that is a command's line or a string; `None` where it is code.
/// Files are those below `directory`.
pub fn complete(code: &str, cursor: usize, directory: &Path) -> Option<Completions> {
    let start = code[..cursor].rfind('\n').map_or(0, |at| at + 1);
    let line = &code[start..cursor];
    let typed = line.trim_start();
    let named = |names: Vec<String>| {
        let candidate = |name: String| Candidate { label: name.clone(), text: name, kind: "magic".to_owned() };
        let candidates = names.into_iter().map(candidate).collect();
        Some(Completions { start: cursor - typed.len(), end: cursor, candidates })
    };
    if let Some(magic) = typed.strip_prefix('%') {
        let rest = magic.trim_start_matches('%');
        let percent = &typed[..typed.len() - rest.len()];
        if rest.chars().all(|c| c.is_alphanumeric() || c == '_') {
            let fitting = magics::names().filter(|name| name.starts_with(rest));
            let names: Vec<String> = fitting.map(|name| format!("{percent}{name}")).collect();
            return if names.is_empty() { None } else { named(names) };
        }
        let name = rest.split_whitespace().next().unwrap_or_default();
        return magics::takes_files(name).then(|| files::of_line(line, cursor, directory));
    }
    if start <= Leading::of(code).rust && !typed.starts_with("::") && typed.starts_with([':', '!']) {
        if typed.starts_with('!') {
            return Some(files::of_line(line, cursor, directory));
        }
        return named(NAMES.iter().filter(|name| name.starts_with(typed)).map(|name| (*name).to_owned()).collect());
    }
    files::of_string(code, cursor, directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(code: &str) -> Vec<String> {
        let found = complete(code, code.len(), Path::new("/")).unwrap_or_default();
        found.candidates.into_iter().map(|one| one.text).collect()
    }

    #[test]
    fn commands_and_magics_are_offered() {
        assert_eq!(texts(":va"), [":vars"]);
        assert_eq!(texts("%ti"), ["%time", "%timeit"]);
        assert_eq!(texts("let a = 1;\n  %%tim"), ["%%time", "%%timeit"]);
        assert!(texts("%").contains(&"%cd".to_owned()));
        assert!(complete("a\n% b", 5, Path::new("/")).is_none() && complete("%nothing", 8, Path::new("/")).is_none());
        assert!(complete("let a = 1;", 5, Path::new("/")).is_none());
    }
}

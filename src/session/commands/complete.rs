//! The commands that go on from what stands before the cursor.

use crate::session::prepare::leading::Leading;
use crate::session::{Candidate, Completions};

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

/// The commands that go on from what stands before the cursor; `None` where that is no command's line.
pub fn complete(code: &str, cursor: usize) -> Option<Completions> {
    let start = code[..cursor].rfind('\n').map_or(0, |at| at + 1);
    let line = &code[start..cursor];
    let typed = line.trim_start();
    if start > Leading::of(code).rust || typed.starts_with("::") || !typed.starts_with([':', '!']) {
        return None;
    }
    let names = NAMES.into_iter().filter(|name| name.starts_with(typed));
    let candidate = |name: &str| Candidate { text: name.to_owned(), label: name.to_owned(), kind: "magic".to_owned() };
    Some(Completions { start: cursor - typed.len(), end: cursor, candidates: names.map(candidate).collect() })
}

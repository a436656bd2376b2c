//! The rules of ARCHITECTURE.md that the compiler does not check: who imports whom, who prints, what no file holds.

#[path = "structure/circles.rs"]
mod circles;
#[path = "structure/names.rs"]
mod names;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A source file: its path from the repository's root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    /// The room within `src/` or `prelude/src/`: a folder's or a file's name.
    fn room(&self, root: &str) -> Option<&str> {
        let below = self.path.strip_prefix(root)?;
        Some(below.split('/').next().unwrap_or(below).trim_end_matches(".rs"))
    }

    /// The rooms of its own crate that it names, by `crate::room` or through `super`.
    fn names_rooms(&self, root: &str) -> BTreeSet<String> {
        let code = code_only(&self.text);
        let mut heads = heads_after(&code, "crate::");
        let below = self.path.strip_prefix(root).unwrap_or(&self.path);
        let depth = below.split('/').count() - usize::from(below.ends_with("mod.rs") || !below.contains(".rs"));
        heads.extend(heads_after(&code, &"super::".repeat(depth.max(1))));
        heads
    }
}

/// Every Rust source of the repository but the build's.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["src", "prelude", "wire", "tests", "benches"].into_iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                if path.file_name().is_none_or(|name| name != "target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push(Source { path: below, text: std::fs::read_to_string(&path).unwrap() });
            }
        }
    }
    assert!(found.len() > 20, "the sources were not found");
    found
}

/// The text with comments, strings and character literals made blank; lines stay where they are.
fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match literal_or_comment(text, at) {
            Some(end) => end,
            None => {
                out.push(bytes[at]);
                at += 1;
                continue;
            }
        };
        out.extend(bytes[at..end].iter().map(|&b| if b == b'\n' { b'\n' } else { b' ' }));
        at = end;
    }
    String::from_utf8(out).expect("whole characters were replaced")
}

/// Where the comment or literal that starts at `at` ends, if one does.
fn literal_or_comment(text: &str, at: usize) -> Option<usize> {
    let rest = &text.as_bytes()[at..];
    let until = |from: usize, what: &str| text.get(at + from..)?.find(what).map(|end| at + from + end);
    let whole = text.len();
    if rest.starts_with(b"//") {
        return Some(until(0, "\n").unwrap_or(whole));
    }
    if rest.starts_with(b"/*") {
        let (mut depth, mut i) = (1, 2);
        while depth > 0 && i < rest.len() {
            match &rest[i..] {
                [b'/', b'*', ..] => (depth, i) = (depth + 1, i + 2),
                [b'*', b'/', ..] => (depth, i) = (depth - 1, i + 2),
                _ => i += 1,
            }
        }
        return Some(at + i);
    }
    let begins_word = at == 0 || !is_word(text.as_bytes()[at - 1]);
    if begins_word && (rest[0] == b'r' || rest.starts_with(b"br")) {
        let prefix = if rest[0] == b'b' { 2 } else { 1 };
        let hashes = rest[prefix..].iter().take_while(|&&b| b == b'#').count();
        if rest.get(prefix + hashes) == Some(&b'"') {
            let close = format!("\"{}", "#".repeat(hashes));
            return Some(until(prefix + hashes + 1, &close).map_or(whole, |end| end + close.len()));
        }
    }
    if rest[0] == b'"' {
        let mut i = 1;
        while i < rest.len() && rest[i] != b'"' {
            i += if rest[i] == b'\\' { 2 } else { 1 };
        }
        return Some((at + i + 1).min(whole));
    }
    if rest[0] == b'\'' {
        // A character literal closes at once or after an escape; a lifetime does not close.
        if rest.get(1) == Some(&b'\\') {
            return until(3, "'").map(|end| end + 1);
        }
        let c = text[at + 1..].chars().next()?;
        return (rest.get(1 + c.len_utf8()) == Some(&b'\'')).then_some(at + 2 + c.len_utf8());
    }
    None
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The first names of the paths that follow `prefix`, groups in braces included.
fn heads_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let word = |text: &str| text.bytes().take_while(|&b| is_word(b)).count();
    let mut heads = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].bytes().last();
        if before.is_some_and(|b| is_word(b) || b == b':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut begins = true;
            for (i, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => begins = true,
                    c if c.is_whitespace() => {}
                    _ if depth == 0 && begins => {
                        heads.insert(group[i..i + word(&group[i..])].to_owned());
                        begins = false;
                    }
                    _ => {}
                }
            }
        } else {
            heads.insert(rest[..word(rest)].to_owned());
        }
    }
    heads
}

/// Whether the code names a crate, as `name::…`, `use name;`, or in an attribute's path.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].trim_end();
        let after = &code[at + name.len()..];
        let alone = !code[..at].bytes().last().is_some_and(is_word) && !after.bytes().next().is_some_and(is_word);
        let head = !before.ends_with(['.', ':']) || before.ends_with("use ::");
        alone && head && (after.starts_with("::") || before.ends_with("use") || before.ends_with("extern crate"))
    })
}

/// What each room of the host may name. A room without a row here has no rule yet, and fails.
const HOST: &[(&str, &[&str])] = &[
    ("lib", &[]),
    ("main", &["cli", "session"]),
    ("cli", &["kernel", "repl", "notebook", "setup", "weights", "session", "home"]),
    ("weights", &[]),
    ("setup", &["session", "home"]),
    ("kernel", &["session", "screen", "engine", "document", "signals", "home"]),
    ("repl", &["session", "screen", "engine", "document", "signals", "home"]),
    ("notebook", &["session", "screen", "engine", "document", "signals", "home"]),
    ("document", &["session", "screen"]),
    ("engine", &["session", "screen"]),
    ("session", &["screen", "home", "analysis"]),
    ("analysis", &[]),
    ("screen", &[]),
    ("home", &[]),
    ("signals", &[]),
];

fn host_imports(sources: &[Source]) -> Vec<String> {
    let rooms: Vec<&str> = HOST.iter().map(|(room, _)| *room).collect();
    let mut broken = Vec::new();
    for source in sources {
        let Some(room) = source.room("src/") else { continue };
        let Some((_, allowed)) = HOST.iter().find(|(name, _)| *name == room) else {
            broken.push(format!("{}: the room `{room}` has no row in HOST", source.path));
            continue;
        };
        let mut named = source.names_rooms("src/");
        if room == "main" {
            named.extend(heads_after(&code_only(&source.text), "candlewick::"));
        }
        for name in named.iter().filter(|name| rooms.contains(&name.as_str()) && *name != room) {
            if !allowed.contains(&name.as_str()) {
                broken.push(format!("{}: `{room}` must not name `{name}`", source.path));
            }
        }
    }
    broken
}

/// Crates that a room of the host, or two, have for themselves.
const OWNED: &[(&str, &[&str])] = &[
    ("evcxr", &["session"]),
    ("ra_ap_base_db", &["analysis"]),
    ("ra_ap_hir", &["analysis"]),
    ("ra_ap_ide", &["analysis"]),
    ("ra_ap_ide_db", &["analysis"]),
    ("ra_ap_project_model", &["analysis"]),
    ("ra_ap_vfs", &["analysis"]),
    ("ra_ap_syntax", &["analysis", "session"]),
    ("zeromq", &["kernel"]),
    ("jupyter_protocol", &["kernel"]),
    ("jupyter_zmq_client", &["kernel"]),
    ("rustyline", &["repl"]),
    ("viuer", &["repl"]),
];

fn owned_crates(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        let Some(room) = source.room("src/") else { continue };
        let code = code_only(&source.text);
        for (name, owners) in OWNED.iter().filter(|(name, owners)| !owners.contains(&room) && names_crate(&code, name))
        {
            broken.push(format!("{}: only `{}` names {name}", source.path, owners.join("` and `")));
        }
    }
    broken
}

/// What each room of the prelude may name: `train, detect, text → models, data → layers → ops, params`, `boxes` below all
/// that speak of boxes, and `plot` takes plain data. A room without a row here has no rule yet, and fails.
const PRELUDE: &[(&str, &[&str])] = &[
    (
        "lib",
        &[
            "annotate",
            "boxes",
            "cell",
            "data",
            "datasets",
            "detect",
            "error",
            "interrupt",
            "layers",
            "models",
            "onnx",
            "ops",
            "params",
            "plot",
            "show",
            "train",
            "widgets",
        ],
    ),
    ("annotate", &["boxes", "data", "interrupt", "paths", "plot", "show", "widgets", "words"]),
    ("error", &["sealed"]),
    ("sealed", &[]),
    ("interrupt", &[]),
    ("limits", &["words"]),
    ("words", &[]),
    ("paths", &[]),
    ("boxes", &[]),
    ("params", &["show"]),
    ("ops", &[]),
    ("onnx", &[]),
    ("layers", &["limits", "onnx", "ops", "params"]),
    ("models", &["data", "interrupt", "layers", "onnx", "ops", "params", "paths", "sealed", "show"]),
    ("data", &["boxes", "interrupt", "limits", "params", "paths", "plot", "sealed", "show", "words"]),
    ("datasets", &["boxes", "data", "interrupt", "limits", "paths", "show"]),
    ("detect", &["data", "ops"]),
    (
        "train",
        &[
            "boxes",
            "data",
            "detect",
            "interrupt",
            "layers",
            "limits",
            "models",
            "onnx",
            "ops",
            "params",
            "paths",
            "plot",
            "sealed",
            "show",
            "widgets",
            "words",
        ],
    ),
    ("plot", &["boxes", "paths", "show"]),
    ("show", &["interrupt", "paths", "words"]),
    ("widgets", &["show"]),
    ("cell", &["interrupt", "show"]),
];

fn prelude_imports(sources: &[Source]) -> Vec<String> {
    let rooms: Vec<&str> = PRELUDE.iter().map(|(room, _)| *room).collect();
    let mut broken = Vec::new();
    for source in sources {
        let Some(room) = source.room("prelude/src/") else { continue };
        let Some((_, allowed)) = PRELUDE.iter().find(|(name, _)| *name == room) else {
            broken.push(format!("{}: the room `{room}` has no row in PRELUDE", source.path));
            continue;
        };
        // Tests may look into any room.
        let is_of_tests = source.path.contains("/tests/") || source.path.ends_with("/tests.rs");
        let code = source.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let named = Source::new(&source.path, code).names_rooms("prelude/src/");
        for name in named.iter().filter(|name| rooms.contains(&name.as_str()) && *name != room && !is_of_tests) {
            // The crate's errors and their results are everybody's.
            if !allowed.contains(&name.as_str()) && name != "error" {
                broken.push(format!("{}: `{room}` must not name `{name}`", source.path));
            }
        }
    }
    broken
}

fn prints(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        if source.room("prelude/src/").is_none_or(|room| room == "show") {
            continue;
        }
        let code = code_only(&source.text);
        // Tests stand at a file's end.
        let code = code.split("#[cfg(test)]").next().unwrap_or(&code);
        for (number, line) in (1..).zip(code.lines()) {
            let printing = ["println!", "print!", "eprintln!", "eprint!", "dbg!"];
            if printing.iter().any(|name| heads_word(line, name)) {
                broken.push(format!("{}:{number}: only `show` prints", source.path));
            }
        }
    }
    broken
}

/// Whether `word` stands in the line, and not as the end of a longer one.
fn heads_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].bytes().last().is_some_and(is_word))
}

fn manners(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for Source { path, text } in sources {
        if !text.starts_with("//! ") {
            broken.push(format!("{path}: its first line says, after `//! `, what lives there"));
        }
        let lines = text.lines().count();
        if lines > 600 {
            broken.push(format!("{path}: {lines} lines; a file past 600 wants a second room"));
        }
        for (number, line) in (1..).zip(code_only(text).lines()) {
            for word in ["todo!", "unimplemented!", "#[ignore", "allow(dead_code)"] {
                if line.contains(word) {
                    broken.push(format!("{path}:{number}: {word}"));
                }
            }
        }
    }
    broken
}

/// The names in a manifest's tables of dependencies, `dev-dependencies` left out.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            inside = table.ends_with("dependencies") && !table.ends_with("dev-dependencies");
            if let Some((before, name)) = table.rsplit_once('.')
                && before.ends_with("dependencies")
                && !before.ends_with("dev-dependencies")
            {
                names.insert(name.to_owned());
            }
        } else if inside && let Some((name, _)) = line.split_once(['=', '.']) {
            names.insert(name.trim().to_owned());
        }
    }
    names
}

/// Crates that a package must not depend on, by a name's beginning.
fn manifests(package: &str, manifest: &str) -> Vec<String> {
    let forbidden: &[&str] = match package {
        "candlewick" => &["candle-", "candlewick-prelude", "plotters", "gemm"],
        "candlewick-prelude" => &["evcxr", "ra_ap_", "zeromq", "jupyter", "rustyline"],
        _ => &["candle-", "evcxr", "zeromq", "jupyter", "rustyline", "candlewick"],
    };
    let names = dependencies(manifest);
    let hits =
        names.iter().filter(|name| forbidden.iter().any(|start| name.starts_with(start)) || *name == "candlewick");
    hits.map(|name| format!("{package} must not depend on {name}")).collect()
}

fn none(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn rooms_of_the_host_name_only_those_below_them() {
    none(host_imports(&sources()));
    for (path, text) in [
        ("src/kernel/shell.rs", "use crate::repl::draw;"),
        ("src/repl/mod.rs", "use crate::{session::Session, notebook::html};"),
        ("src/notebook/runner.rs", "fn f() { super::super::kernel::run() }"),
        ("src/session/mod.rs", "use super::cli;"),
        ("src/main.rs", "use candlewick::kernel;"),
        ("src/screen/mod.rs", "use crate::session::CellError;"),
        ("src/attic.rs", ""),
    ] {
        assert_eq!(host_imports(&[Source::new(path, text)]).len(), 1, "{path}: {text}");
    }
    let fine = "//! crate::repl\nuse crate::{screen::{Screen, kernel}, session};\nconst S: &str = \"crate::repl\";";
    none(host_imports(&[Source::new("src/kernel/shell.rs", fine)]));
}

#[test]
fn crates_of_one_room_stay_in_it() {
    none(owned_crates(&sources()));
    for (path, text) in [
        ("src/cli.rs", "fn f() { evcxr::runtime_hook(); }"),
        ("src/repl/mod.rs", "use zeromq::Socket;"),
        ("src/session/mod.rs", "use jupyter_protocol;"),
        ("src/notebook/mod.rs", "use ::rustyline::Editor;"),
        ("src/kernel/mod.rs", "#[derive(rustyline::Helper)] struct S;"),
        ("src/document/mod.rs", "use\n    viuer::print;"),
    ] {
        assert_eq!(owned_crates(&[Source::new(path, text)]).len(), 1, "{path}: {text}");
    }
    let fine = "//! evcxr::x\nlet evcxr = \"evcxr::y\"; self.zeromq::<u8>(); my_evcxr::z(); crate::viuer::w();";
    none(owned_crates(&[Source::new("src/cli.rs", fine)]));
}

#[test]
fn rooms_of_the_prelude_name_only_those_below_them() {
    none(prelude_imports(&sources()));
    for (path, text) in [
        ("prelude/src/ops/conv.rs", "use crate::layers::Conv;"),
        ("prelude/src/params/mod.rs", "use crate::{Error, models};"),
        ("prelude/src/layers/norm.rs", "use super::super::train::Learner;"),
        ("prelude/src/models/mod.rs", "use crate::train::Learner;"),
        ("prelude/src/plot/curve.rs", "fn f(learner: &crate::train::Learner) {}"),
        ("prelude/src/show/mod.rs", "use crate::plot;"),
        ("prelude/src/widgets/any.rs", "use crate::train::Learner;"),
        ("prelude/src/data/mod.rs", "use crate::models::Arch;"),
        ("prelude/src/attic/mod.rs", ""),
    ] {
        assert_eq!(prelude_imports(&[Source::new(path, text)]).len(), 1, "{path}: {text}");
    }
    none(prelude_imports(&[Source::new(
        "prelude/src/train/mod.rs",
        "use crate::{models, layers, ops, params, plot};",
    )]));
}

#[test]
fn no_files_import_each_other() {
    let sources = sources();
    none(["src/", "prelude/src/", "wire/src/"].iter().flat_map(|root| circles::circles(&sources, root)).collect());
    let circle = |files: &[(&str, &str)]| {
        let sources: Vec<Source> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        circles::circles(&sources, "src/")
    };
    let found = circle(&[
        ("src/lib.rs", "mod room;"),
        ("src/room/mod.rs", "mod a; mod b; mod c; pub use a::A; pub use c::f;"),
        ("src/room/a.rs", "use super::b::B; pub struct A;"),
        ("src/room/b.rs", "pub struct B; fn g() { crate::room::f() }"),
        ("src/room/c.rs", "use super::A; pub fn f() {}"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("a circle of 3 files") && found[0].contains("src/room/b.rs -> src/room/c.rs: f"));
    none(circle(&[
        ("src/lib.rs", "mod a; mod b; pub use b::B;"),
        ("src/a.rs", "use crate::B;\n#[cfg(test)] mod tests { use crate::b; }"),
        ("src/b.rs", "pub struct B;\n#[cfg(test)] mod tests { use crate::a::A; }"),
    ]));
    none(circle(&[
        ("src/lib.rs", "mod a; fn f() { a::g() } pub fn h() {}"),
        ("src/a.rs", "pub fn g() { super::h() }"),
    ]));
}

#[test]
fn no_type_name_stands_twice_in_a_crate() {
    let sources = sources();
    none(["src/", "prelude/src/", "wire/src/"].iter().flat_map(|root| names::twice(&sources, root)).collect());
    let twice = |first: &str, second: &str| {
        names::twice(&[Source::new("src/a.rs", first), Source::new("src/room/b.rs", second)], "src/")
    };
    let pairs = [
        ("pub struct Engine;", "pub trait Engine {}"),
        ("enum Kind { A }", "mod inner { pub(super) type Kind = u8; }"),
        ("union Both { a: u8 }", "struct Both;"),
    ];
    for (first, second) in pairs {
        assert_eq!(twice(first, second).len(), 1, "{first} {second}");
    }
    none(twice("struct A; fn f() { struct B; }", "struct B; impl Iterator for B { type Item = A; }"));
    none(twice("struct A;", "#[cfg(test)] mod tests { struct A; }"));
}

#[test]
fn only_show_prints() {
    none(prints(&sources()));
    for line in ["println!(\"x\");", "std::print!(\"x\");", "eprintln!();", "eprint!(\"x\")", "dbg!(x);"] {
        assert_eq!(prints(&[Source::new("prelude/src/train/mod.rs", line)]).len(), 1, "{line}");
    }
    let fine = "// println!\nlet s = \"println!\"; my_println!();\n#[cfg(test)]\nmod tests { fn f() { println!() } }";
    none(prints(&[Source::new("prelude/src/train/mod.rs", fine)]));
    none(prints(&[Source::new("prelude/src/show/mod.rs", "println!();"), Source::new("src/cli.rs", "println!();")]));
}

#[test]
fn every_file_has_its_manners() {
    none(manners(&sources()));
    let long = "//! Long.\n".to_owned() + &"\n".repeat(600);
    for text in [
        "use std::fmt;\n",
        "//!\n",
        &long,
        "//! X.\nfn f() { todo!() }",
        "//! X.\nfn f() { std::unimplemented!() }",
        "//! X.\n#[ignore = \"slow\"]\nfn f() {}",
        "//! X.\n#[allow(dead_code)]\nfn f() {}",
    ] {
        assert_eq!(manners(&[Source::new("src/x.rs", text)]).len(), 1, "{text}");
    }
    none(manners(&[Source::new("src/x.rs", "//! todo!() and #[ignore]\nconst S: &str = r#\"unimplemented!\"#;")]));
}

#[test]
fn packages_depend_only_on_what_they_may() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (package, folder) in [("candlewick", ""), ("candlewick-prelude", "prelude"), ("candlewick-wire", "wire")] {
        let manifest = std::fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap();
        assert!(!dependencies(&manifest).is_empty(), "{package}");
        none(manifests(package, &manifest));
    }
    for (package, manifest) in [
        ("candlewick", "[dependencies]\ncandle-core = \"0.11\""),
        ("candlewick", "[target.'cfg(unix)'.dependencies]\ncandlewick-prelude = { path = \"prelude\" }"),
        ("candlewick", "[dependencies.candle-nn]\nversion = \"1\""),
        ("candlewick-prelude", "[build-dependencies]\nevcxr.workspace = true"),
        ("candlewick-prelude", "[dependencies]\ncandlewick = { path = \"..\" }"),
        ("candlewick-wire", "[dependencies]\ncandlewick-prelude = { path = \"../prelude\" }"),
    ] {
        assert_eq!(manifests(package, manifest).len(), 1, "{package}: {manifest}");
    }
    none(manifests("candlewick", "[dev-dependencies]\ncandle-core = \"0.11\"\n[features]\ncandle-core = []"));
}

#[test]
fn comments_and_literals_are_told_from_code() {
    for (text, code) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        ("x(\"a\\\"b\", y)", "x(      , y)"),
        ("r#\"a\"b\"# + c", "         + c"),
        ("'a' 'b '\\'' ' '", "    'b         "),
        ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
        ("bar\"s\"", "bar   "),
    ] {
        assert_eq!(code_only(text), code, "{text}");
    }
}

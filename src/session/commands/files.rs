//! The files and folders that go on from what is typed.

use crate::session::prepare::leading::Leading;
use crate::session::{Candidate, Completions};
use ra_ap_syntax::{Edition, SourceFile, SyntaxKind};
use std::path::Path;

/// So many are offered.
const MOST: usize = 200;

/// Those that a line for the shell, or for a magic, may go on with.
pub fn of_line(line: &str, cursor: usize, directory: &Path) -> Completions {
    let typed = line.rsplit([' ', '\t', '\'', '"', '=', '>', '<', '|', ';', '!']).next().unwrap_or_default();
    let found = match typed.strip_prefix("~/") {
        Some(below) => std::env::home_dir().map(|home| below_folder(below, cursor, &home)),
        None => Some(below_folder(typed, cursor, directory)),
    };
    found.unwrap_or(Completions { start: cursor, end: cursor, candidates: Vec::new() })
}

/// Those that the string in which the cursor stands may go on with; `None` where it stands in none, where a format's
/// variable is typed, or where there is no such file.
pub fn of_string(code: &str, cursor: usize, directory: &Path) -> Option<Completions> {
    let typed = open_string(&Leading::of(code).rust_only(code)[..cursor])?.to_owned();
    let is_format = typed.rfind('{').is_some_and(|at| !typed[at..].contains('}'));
    if is_format || typed.contains('\n') {
        return None;
    }
    Some(below_folder(&typed, cursor, directory)).filter(|found| !found.candidates.is_empty())
}

/// What the code's last string holds, if it is still open.
fn open_string(code: &str) -> Option<&str> {
    // A file's tokens are the same whatever the parser makes of them.
    let parse = SourceFile::parse(code, Edition::Edition2024);
    let last = parse.syntax_node().last_token().filter(|token| token.kind() == SyntaxKind::STRING)?;
    let text = &code[usize::from(last.text_range().start())..];
    let quote = text.find('"')?;
    let hashes = text[..quote].matches('#').count();
    let inside = &text[quote + 1..];
    let end = format!("\"{}", "#".repeat(hashes));
    let raw = text.starts_with('r');
    let closed = inside.match_indices(&end).any(|(at, _)| {
        let slashes = inside[..at].len() - inside[..at].trim_end_matches('\\').len();
        at + end.len() == inside.len() && (raw || slashes.is_multiple_of(2))
    });
    (!closed).then_some(inside)
}

/// The entries of a folder whose paths begin with what is typed.
fn below_folder(typed: &str, cursor: usize, directory: &Path) -> Completions {
    let (folder, begun) = typed
        .rsplit_once('/')
        .map_or(("", typed), |(folder, begun)| (if folder.is_empty() { "/" } else { folder }, begun));
    let entries = std::fs::read_dir(directory.join(folder)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let fits = name.starts_with(begun) && (begun.starts_with('.') || !name.starts_with('.'));
            let slash = if entry.path().is_dir() { "/" } else { "" };
            fits.then(|| format!("{name}{slash}"))
        })
        .collect();
    names.sort();
    names.truncate(MOST);
    let candidate = |name: String| Candidate { label: name.clone(), text: name, kind: "path".to_owned() };
    let candidates = names.into_iter().map(candidate).collect();
    Completions { start: cursor - begun.len(), end: cursor, candidates }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_open_or_not() {
        for (code, inside) in [
            ("open(\"pho", Some("pho")),
            ("open(\"photos/a", Some("photos/a")),
            ("let s = \"a \\\" b", Some("a \\\" b")),
            ("f(r#\"a\"b", Some("a\"b")),
            ("f(\"", Some("")),
            ("f(\"a\"", None),
            ("f(\"a\\\\\"", None),
            ("f(\"a\").b", None),
            ("// \"a", None),
            ("let c = '\"'; a", None),
            ("", None),
        ] {
            assert_eq!(open_string(code), inside, "{code}");
        }
    }

    #[test]
    fn files_go_on_from_what_is_typed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["photos/cars", "photos/trucks", "größen"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        for name in ["photos/note.txt", ".hidden", "plan.csv"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let texts = |found: &Completions| found.candidates.iter().map(|one| one.text.clone()).collect::<Vec<_>>();
        let string = |code: &str| of_string(code, code.len(), folder.path());
        let found = string("ImageFolder::open(\"ph").unwrap();
        assert_eq!((texts(&found), found.start), (vec!["photos/".to_owned()], 19));
        let found = string("let a = 1;\nopen(\"photos/").unwrap();
        assert_eq!(texts(&found), ["cars/", "note.txt", "trucks/"]);
        assert_eq!(texts(&string("f(\"").unwrap()), ["größen/", "photos/", "plan.csv"]);
        assert_eq!(texts(&string("f(\".h").unwrap()), [".hidden"]);
        assert!(string("println!(\"{ph").is_none() && string("f(\"nothing").is_none() && string("ph").is_none());
        let line = |line: &str| of_line(line, line.len(), folder.path());
        assert_eq!(texts(&line("!ls pl")), ["plan.csv"]);
        assert_eq!(texts(&line("!cat photos/n")), ["note.txt"]);
        assert_eq!(texts(&line("%cd photos/c")), ["cars/"]);
        assert!(texts(&line("!nothing")).is_empty());
    }
}

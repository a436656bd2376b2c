//! What cargo has to say against a dependency, in one sentence with the remedy.

use super::{CellError, Why};

const RED: &str = "\u{1b}[1;31m";
const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";

/// The error of a cell whose dependencies cannot be added.
pub fn refused(name: &str, value: String, remedies: &[String]) -> CellError {
    let mut traceback = vec![format!("{RED}error{PLAIN}{BOLD}: {value}{PLAIN}")];
    traceback.extend(remedies.iter().map(|remedy| format!("  → {remedy}")));
    CellError { why: Why::Compile, name: name.to_owned(), value, traceback }
}

/// The error for what cargo wrote when it looked for `lines` (`regex = "1"`), the dependencies that were asked for.
pub fn by_cargo(said: &str, lines: &[String]) -> CellError {
    let (value, remedies) = known(said, lines).unwrap_or_else(|| (first_and_last(said, lines), Vec::new()));
    let mut error = refused("Dependency", value, &remedies);
    error.traceback.push("Nothing was added; the session is as it was.".to_owned());
    error
}

/// What is wrong though cargo goes on: a crate without a library, a key that says nothing.
pub fn by_warning(said: &str) -> Option<CellError> {
    let (value, remedy) = if let Some(name) = between(said, "ignoring invalid dependency `", "`") {
        (format!("`{name}` is a program without a library"), format!("`!cargo install {name}` installs the program"))
    } else {
        let key = between(said, "unused manifest key: dependencies.", "\n")?.trim();
        let (name, key) = key.split_once('.')?;
        let near = ["features", "version", "default-features", "path", "git", "branch", "package"];
        let meant = near.iter().find(|known| alike(known, key));
        let remedy =
            meant.map_or_else(|| format!("it may have {}", near.join(", ")), |known| format!("write `{known}`"));
        (format!("`{key}` says nothing about `{name}`"), remedy)
    };
    let mut error = refused("Dependency", value, &[remedy]);
    error.traceback.push("Nothing was added; the session is as it was.".to_owned());
    Some(error)
}

/// The sentences for what cargo says most often.
fn known(said: &str, lines: &[String]) -> Option<(String, Vec<String>)> {
    let example = |name: &str| format!("write a version, such as `:dep {name} = \"1\"`, or `\"*\"` for the latest");
    if said.contains("no matching package") {
        let name = between(said, "no matching package named `", "`")
            .or_else(|| between(said, "searched package name: `", "`"))?;
        let remedy = match between(said, "perhaps you meant:", "\n") {
            Some(near) => format!("did you mean `{}`?", near.trim()),
            None if ["std", "core", "alloc", "proc_macro"].contains(&name) => format!("`{name}` needs no `:dep`"),
            None => format!("is the name right? https://crates.io/search?q={name}"),
        };
        return Some((format!("there is no crate `{name}` on crates.io"), vec![remedy]));
    }
    if let Some(wanted) = between(said, "failed to select a version for the requirement `", "`") {
        let there = between(said, "candidate versions found which didn't match: ", "\n").unwrap_or("others");
        return Some((format!("no version of the crate is `{wanted}`"), vec![format!("there are {there}")]));
    }
    if let Some((name, feature)) = feature_of(said) {
        let remedy = match between(said, "available features: ", "\n") {
            Some(features) => format!("its features: {features}"),
            None => format!("https://docs.rs/crate/{name}/latest/features lists what it has"),
        };
        return Some((format!("`{name}` has no feature `{feature}`"), vec![remedy]));
    }
    if let Some(version) = between(said, "failed to parse the version requirement `", "`") {
        let name = between(said, "for dependency `", "`").unwrap_or("regex");
        return Some((format!("`{version}` is no version"), vec![example(name)]));
    }
    if said.contains("--> Cargo.toml:") || said.contains("Cargo.toml:") && said.contains(" | ") {
        let what = between(said, "error: ", "\n").unwrap_or("it cannot be read");
        let line = lines.join("`, `");
        let name = lines.first().and_then(|line| line.split(['=', ' ']).next()).unwrap_or("regex");
        let detail = format!("or `:dep {name} = {{ version = \"1\", features = [\"…\"] }}`");
        return Some((format!("`{line}` is not as cargo wants it: {what}"), vec![example(name), detail]));
    }
    if let Some(path) = between(said, "failed to read `", "/Cargo.toml`") {
        return Some((
            format!("there is no crate in {path}"),
            vec!["`path` names the folder that holds its Cargo.toml".to_owned()],
        ));
    }
    if is_network(said) {
        let why = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        let offline = "`:offline 1` before it takes what was downloaded earlier".to_owned();
        return Some((format!("the crate cannot be fetched: {why}"), vec!["is there a network?".to_owned(), offline]));
    }
    if let Some(library) = between(said, "links to the native library `", "`") {
        let value = format!("two versions of a crate would both link `{library}`, and only one can");
        return Some((value, vec!["ask for the version that the others use".to_owned()]));
    }
    None
}

/// Whether cargo failed for want of a network.
pub fn is_network(said: &str) -> bool {
    let signs = [
        "failed to download",
        "network",
        "Could not resolve",
        "Could not connect",
        "failed to connect",
        "download of",
        "timed out",
        "SSL",
    ];
    !said.contains("without --offline") && signs.iter().any(|sign| said.contains(sign))
}

fn feature_of(said: &str) -> Option<(&str, &str)> {
    let feature = between(said, "with feature `", "` but")?;
    Some((between(said, "depends on `", "`")?, feature))
}

/// cargo's own first and last words, without those about the manifest that nobody wrote.
fn first_and_last(said: &str, lines: &[String]) -> String {
    let words: Vec<&str> = said
        .lines()
        .map(|line| line.trim().trim_start_matches("error: "))
        .filter(|line| {
            !line.is_empty() && *line != "Caused by:" && !line.contains("package `ctx") && !line.starts_with("warning:")
        })
        .filter(|line| {
            !["Updating", "Locking", "Adding", "Downloading", "Downloaded", "Blocking"]
                .iter()
                .any(|word| line.starts_with(word))
        })
        .collect();
    match words.as_slice() {
        [] => format!("`{}` cannot be added", lines.join("`, `")),
        [one] => (*one).to_owned(),
        [first, .., last] => format!("{first}: {last}"),
    }
}

/// The text between two marks.
fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let rest = &text[text.find(from)? + from.len()..];
    Some(rest.find(to).map_or(rest, |end| &rest[..end]))
}

/// Whether two words differ by a letter or two at the most.
fn alike(one: &str, other: &str) -> bool {
    let common = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b || (*a == b'-' && *b == b'_')).count();
    common + 2 >= one.len().max(other.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(said: &str, line: &str) -> (String, String) {
        let error = by_cargo(said, &[line.to_owned()]);
        assert!(error.traceback.last().unwrap().contains("as it was"));
        (error.value, error.traceback[1..].join("\n"))
    }

    #[test]
    fn a_wrong_name_is_told_with_the_near_one() {
        let said = "    Updating crates.io index\nerror: no matching package named `regexx` found\nlocation searched: crates.io index\nrequired by package `ctx v1.0.0 (/s)`\n";
        let (value, rest) = told(said, "regexx = \"1\"");
        assert_eq!(value, "there is no crate `regexx` on crates.io");
        assert!(rest.contains("crates.io/search?q=regexx"), "{rest}");
        let said = "error: no matching package found\nsearched package name: `candle_core`\nperhaps you meant:      candle-core\nlocation searched: crates.io index\n";
        assert!(told(said, "candle_core = \"1\"").1.contains("did you mean `candle-core`?"));
        assert!(told("error: no matching package named `std` found\n", "std").1.contains("needs no `:dep`"));
    }

    #[test]
    fn a_wrong_version_is_told_with_those_that_there_are() {
        let said = "error: failed to select a version for the requirement `regex = \"^99\"`\ncandidate versions found which didn't match: 1.13.2, 1.13.1, ...\nlocation searched: crates.io index\n";
        let (value, rest) = told(said, "regex = \"99\"");
        assert!(value.contains("regex = \"^99\"") && rest.contains("there are 1.13.2, 1.13.1"), "{value} {rest}");
        for version in ["abc", ""] {
            let said = format!(
                "error: failed to parse manifest at `/s/Cargo.toml`\n\nCaused by:\n  failed to parse the version requirement `{version}` for dependency `regex`\n\nCaused by:\n  unexpected end\n"
            );
            let (value, rest) = told(&said, "regex = \"\"");
            assert_eq!(value, format!("`{version}` is no version"));
            assert!(rest.contains(":dep regex = \"1\""), "{rest}");
        }
    }

    #[test]
    fn a_wrong_feature_is_told_with_those_that_it_has() {
        let said = "error: failed to select a version for `regex`.\n    ... required by package `ctx v1.0.0 (/s)`\n\npackage `ctx` depends on `regex` with feature `nope` but `regex` does not have that feature.\n available features: default, std, unicode\n\n\nfailed to select a version for `regex` which could resolve this conflict\n";
        let (value, rest) = told(said, "regex = {}");
        assert_eq!(value, "`regex` has no feature `nope`");
        assert!(rest.contains("its features: default, std, unicode"), "{rest}");
    }

    #[test]
    fn what_is_no_toml_is_told_with_examples() {
        for (said, line) in [
            (
                "error: invalid type: integer `1`, expected a version string\n  --> Cargo.toml:24:9\n   |\n24 | regex = 1\n",
                "regex = 1",
            ),
            ("error: unclosed inline table, expected `}`\n  --> Cargo.toml:24:25\n", "regex = { version = \"1\""),
            ("error: unexpected key or value, expected newline, `#`\n  --> Cargo.toml:24:19\n", "regex = \"1\", \"x\""),
        ] {
            let (value, rest) = told(said, line);
            assert!(value.starts_with(&format!("`{line}` is not as cargo wants it: ")), "{value}");
            assert!(rest.contains(":dep regex = \"1\"") && rest.contains("features"), "{rest}");
        }
    }

    #[test]
    fn no_network_no_folder_and_two_libraries_are_told() {
        let said = "warning: spurious network error\nerror: failed to get `sled`\n\nCaused by:\n  download of config.json failed\n\nCaused by:\n  [7] Could not connect to server (port 9)\n";
        let (value, rest) = told(said, "sled = \"1\"");
        assert!(
            value.ends_with("[7] Could not connect to server (port 9)") && rest.contains(":offline 1"),
            "{value} {rest}"
        );
        assert!(
            is_network("error: failed to connect to localhost: Connection refused")
                && !is_network("error: no matching package")
        );
        let said = "error: failed to get `foo`\n\nCaused by:\n  failed to read `/nowhere/Cargo.toml`\n\nCaused by:\n  No such file or directory (os error 2)\n";
        assert_eq!(told(said, "foo = { path = \"/nowhere\" }").0, "there is no crate in /nowhere");
        let said = "error: failed to select a version for `libsqlite3-sys`.\npackage `libsqlite3-sys` links to the native library `sqlite3`, but it conflicts\n";
        assert!(told(said, "x").0.contains("both link `sqlite3`"));
    }

    #[test]
    fn anything_else_is_cargos_own_first_and_last_word() {
        let said = "    Updating crates.io index\nerror: it went wrong\n\nCaused by:\n  in the middle\n\nCaused by:\n  the moon\n";
        assert_eq!(told(said, "x").0, "it went wrong: the moon");
        assert_eq!(told("", "x = 1").0, "`x = 1` cannot be added");
    }

    #[test]
    fn warnings_that_mean_a_mistake_are_errors() {
        let program = by_warning(
            "warning: ctx v1.0.0 (/s) ignoring invalid dependency `ripgrep` which is missing a lib target\n",
        );
        assert!(program.unwrap().value.contains("`ripgrep` is a program"));
        let key = by_warning("warning: unused manifest key: dependencies.tokio.feature\n").unwrap();
        assert!(key.value.contains("`feature` says nothing about `tokio`") && key.traceback[1].contains("`features`"));
        let key = by_warning("warning: unused manifest key: dependencies.tokio.default_features\n").unwrap();
        assert!(key.traceback[1].contains("`default-features`"), "{:?}", key.traceback);
        assert!(by_warning("   Compiling serde\n").is_none());
    }
}

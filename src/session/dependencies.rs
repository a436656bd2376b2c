//! Crates that a cell adds, looked at before evcxr sees the cell.
//!
//! cargo compiles a crate once for all who use it, with the features that any of them asks for. A crate that turns on
//! another feature of what candle is built on has candle and the prelude compiled anew: minutes, after which the
//! variables are lost, since the process that holds them runs with the prelude as it was. So cargo is asked, in a folder
//! aside, for the graph of what it would compile, and the user is told.

use super::forecast::about;
use super::prepare::leading::Leading;
use super::refusal::{by_cargo, by_warning, is_network, refused};
use super::shim::{KEPT_LOCK, KEPT_MANIFEST};
use super::units::{Graph, Plan};
use super::{CellError, diagnostics};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A crate that a cell asks for, as a manifest has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// What stands behind the `=`.
    pub config: String,
}

impl Wanted {
    fn line(&self) -> String {
        format!("{} = {}", self.name, self.config)
    }
}

/// What the cells of a session are compiled with: the manifest, and the graph that cargo makes of it.
pub struct Compiled {
    manifest: String,
    graph: Graph,
}

/// What a cell's dependencies come to.
pub struct Outlook {
    /// What a build would compile.
    pub plan: Plan,
    /// How long that takes, in seconds.
    pub seconds: f64,
    graph: Graph,
    lock: Option<Vec<u8>>,
}

/// Crates that cells have through the prelude, and how.
const THROUGH_PRELUDE: &[(&str, &str)] =
    &[("candle-core", "candle_core"), ("candle-nn", "candle_nn"), ("image", "image"), ("plotters", "plotters")];

/// The crates that a cell asks for: by `:dep` above its code, or by `extern crate` in it.
///
/// # Errors
/// A `:dep` that is none.
pub fn wanted(code: &str) -> Result<Vec<Wanted>, CellError> {
    let mut wanted = Vec::new();
    let (commands, rust) = code.split_at(Leading::of_rust(code).rust);
    for line in commands.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix(":dep").filter(|rest| rest.starts_with([' ', '\t'])) {
            wanted.push(read(rest.trim())?);
        }
    }
    let named = rust.lines().filter_map(extern_crate);
    wanted.extend(named.map(|name| Wanted { name: name.to_owned(), config: "\"*\"".to_owned() }));
    Ok(wanted)
}

fn read(text: &str) -> Result<Wanted, CellError> {
    let (name, config) = match text.split_once('=') {
        Some((name, config)) => (name.trim(), config.trim()),
        None => (text, "\"*\""),
    };
    let is_path = name.starts_with(['.', '/']);
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if config.is_empty() || !(is_name || is_path) {
        let remedy =
            "write `:dep NAME = \"VERSION\"`, or `:dep NAME = { version = \"1\", features = [\"…\"] }`".to_owned();
        return Err(refused("Dependency", format!("`:dep {text}` names no crate"), &[remedy]));
    }
    match is_path {
        // evcxr reads the name in the folder itself.
        true => Ok(Wanted { name: package_name(name)?, config: format!("{{ path = {name:?} }}") }),
        false => Ok(Wanted { name: name.to_owned(), config: config.to_owned() }),
    }
}

/// The name of the package in a folder.
fn package_name(folder: &str) -> Result<String, CellError> {
    let file = Path::new(folder).join("Cargo.toml");
    let missing = |what: &dyn std::fmt::Display| {
        let here = std::env::current_dir().unwrap_or_default();
        let remedy = format!("folders are looked for from {}", here.display());
        refused("Dependency", format!("there is no crate in {folder}: {what}"), &[remedy])
    };
    let text = std::fs::read_to_string(&file).map_err(|error| missing(&error))?;
    let name = text.lines().find_map(|line| line.trim().strip_prefix("name")?.trim().strip_prefix('='));
    let name = name.map(|name| name.trim().trim_matches(['"', '\'']).to_owned());
    name.ok_or_else(|| missing(&"its Cargo.toml has no name"))
}

/// The crate that a line `extern crate name;` names, the standard library's left out.
fn extern_crate(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("extern crate ").or_else(|| line.strip_prefix("pub extern crate "))?;
    let name = rest.split([';', ' ']).next()?;
    let own = ["std", "core", "alloc", "proc_macro", "test", "self"].contains(&name);
    (!own && line.contains(';')).then_some(name)
}

/// Looks at what the session in `folder` would have to compile for these crates; `None` where that is nothing new.
/// `before` is what it is compiled with, if that is known from an earlier time.
///
/// # Errors
/// What cargo has against it. An interrupt stops cargo, which then says so too.
pub fn look(folder: &Path, wanted: &[Wanted], before: &mut Option<Compiled>) -> Result<Option<Outlook>, CellError> {
    let Ok(manifest) = std::fs::read_to_string(folder.join(KEPT_MANIFEST)) else { return Ok(None) };
    let mut known = manifest.clone();
    let mut lines = Vec::new();
    for one in wanted {
        if !knows(&known, &one.name) || one.config != "\"*\"" {
            let line = Wanted { name: one.name.clone(), config: absolute(&one.config)? }.line();
            if !known.lines().any(|there| there == line) {
                lines.push(line.clone());
                known = without(&known, &one.name) + &line + "\n";
            }
        }
    }
    if lines.is_empty() {
        return Ok(None);
    }
    let Some(target) = target(folder) else { return Ok(None) };
    let aside = folder.join("aside");
    if before.as_ref().is_none_or(|before| before.manifest != manifest) {
        let asked =
            ask(folder, &aside, &manifest, &target, &["--offline"]).ok().filter(|output| output.status.success());
        let graph = asked.and_then(|output| Graph::read(&output.stdout));
        *before = graph.map(|graph| Compiled { manifest, graph });
    }
    let broken = |error: std::io::Error| diagnostics::session(format!("cargo cannot be asked: {error}"));
    let mut output = ask(folder, &aside, &known, &target, &[]).map_err(broken)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() && is_network(&said) {
        // What was downloaded earlier may do.
        let again = ask(folder, &aside, &known, &target, &["--offline"]).map_err(broken)?;
        if again.status.success() {
            output = again;
        }
    }
    if !output.status.success() {
        return Err(by_cargo(&said, &lines));
    }
    if let Some(error) = by_warning(&said) {
        return Err(error);
    }
    let (Some(graph), Some(before)) = (Graph::read(&output.stdout), before.as_ref()) else { return Ok(None) };
    let plan = graph.beside(&before.graph);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let seconds = plan.takes(&folder.join("target")) / cores;
    let lock = std::fs::read(aside.join("Cargo.lock")).ok();
    Ok(Some(Outlook { plan, seconds, graph, lock }))
}

/// Whether a manifest has this crate as a dependency, under the name that code gives it.
fn knows(manifest: &str, name: &str) -> bool {
    let code = |name: &str| name.replace('-', "_");
    let dependencies = manifest.split_once("[dependencies]").map_or("", |(_, rest)| rest);
    dependencies.lines().any(|line| line.split([' ', '=']).next().is_some_and(|there| code(there) == code(name)))
}

fn without(manifest: &str, name: &str) -> String {
    let Some((head, dependencies)) = manifest.split_once("[dependencies]\n") else { return manifest.to_owned() };
    let other = |line: &&str| line.split([' ', '=']).next() != Some(name);
    let rest: String = dependencies.lines().filter(other).map(|line| format!("{line}\n")).collect();
    format!("{head}[dependencies]\n{rest}")
}

/// Whether the last build of the session in `folder` had all these crates.
pub fn were_added(folder: &Path, wanted: &[Wanted]) -> bool {
    let manifest = std::fs::read_to_string(folder.join(KEPT_MANIFEST)).unwrap_or_default();
    let has = |one: &Wanted| match absolute(&one.config) {
        Ok(config) if one.config != "\"*\"" => {
            let line = Wanted { name: one.name.clone(), config }.line();
            manifest.lines().any(|there| there == line)
        }
        _ => knows(&manifest, &one.name),
    };
    wanted.iter().all(has)
}

/// The same with a path from the root, as evcxr makes it.
fn absolute(config: &str) -> Result<String, CellError> {
    let Some(at) = config.match_indices("path").map(|(at, _)| at).find(|&at| {
        let before = config[..at].trim_end();
        config[at + 4..].trim_start().starts_with('=') && before.ends_with(['{', ','])
    }) else {
        return Ok(config.to_owned());
    };
    let Some(from) = config[at..].find('"').map(|quote| at + quote + 1) else { return Ok(config.to_owned()) };
    let Some(to) = config[from..].find('"').map(|length| from + length) else { return Ok(config.to_owned()) };
    let path = Path::new(&config[from..to]);
    if path.is_absolute() {
        return Ok(config.to_owned());
    }
    let whole = path.canonicalize().map_err(|error| {
        let here = std::env::current_dir().unwrap_or_default();
        let remedy = format!("folders are looked for from {}", here.display());
        refused("Dependency", format!("there is no crate in {}: {error}", path.display()), &[remedy])
    })?;
    Ok(format!("{}{}{}", &config[..from], whole.display(), &config[to..]))
}

/// The target for which a session's folder compiles: the one folder of its build that is named after it.
fn target(folder: &Path) -> Option<String> {
    let entries = std::fs::read_dir(folder.join("target")).ok()?.flatten();
    let mut names = entries.filter(|entry| entry.path().join("debug/deps").is_dir()).map(|entry| entry.file_name());
    names.next()?.into_string().ok()
}

/// Asks cargo for the graph of this manifest.
fn ask(folder: &Path, aside: &Path, manifest: &str, target: &str, more: &[&str]) -> std::io::Result<Output> {
    std::fs::create_dir_all(aside)?;
    // A workspace of its own: what stands in the folder above is none of its business.
    std::fs::write(aside.join("Cargo.toml"), format!("{manifest}\n[workspace]\n"))?;
    std::fs::create_dir_all(aside.join("src"))?;
    std::fs::write(aside.join("src/lib.rs"), "")?;
    std::fs::copy(folder.join(KEPT_LOCK), aside.join("Cargo.lock"))?;
    let mut cargo = Command::new("cargo");
    cargo.current_dir(aside).args(["build", "--unit-graph", "-Zunstable-options", "--target", target]).args(more);
    // A user who waits knows better than cargo when to try again.
    cargo.env("CARGO_NET_RETRY", "1").env("CARGO_HTTP_TIMEOUT", "15").stdin(std::process::Stdio::null());
    cargo.output()
}

impl Outlook {
    /// Whether candle and the prelude would be compiled anew.
    pub fn is_anew(&self) -> bool {
        !self.plan.anew.is_empty()
    }

    /// What is turned on, and what that comes to.
    fn reason(&self, wanted: &[Wanted]) -> String {
        let mut causes: Vec<String> = self.plan.causes.iter().map(|(name, what)| format!("{name} {what}")).collect();
        let more = causes.len().saturating_sub(3);
        causes.truncate(3);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!(
            "{} changes what candle is built on ({}{more}): candle and the prelude are compiled anew, {} crates and {} of \
             its own, {}",
            names(wanted),
            causes.join("; "),
            self.plan.anew.len(),
            self.plan.added.len(),
            about(self.seconds),
        )
    }

    /// What is said before a long build begins; nothing before a short one.
    pub fn announcement(&self, wanted: &[Wanted], variables: &[String]) -> Option<String> {
        let stop = "an interrupt stops it and leaves everything as it was";
        if self.is_anew() {
            let lost = match variables {
                [] => String::new(),
                variables => format!(", and then these variables are gone: {}", variables.join(", ")),
            };
            return Some(format!("{}{lost}; {stop}\n", self.reason(wanted)));
        }
        let long = self.seconds >= 60.0;
        long.then(|| format!("{}: {} crates, {}; {stop}\n", names(wanted), self.plan.added.len(), about(self.seconds)))
    }

    /// The error that asks the user once more.
    pub fn question(&self, wanted: &[Wanted], variables: &[String]) -> CellError {
        let value = format!("{}, and these variables would be lost: {}", self.reason(wanted), variables.join(", "));
        let mut remedies = vec![
            "run the cell once more to do it all the same".to_owned(),
            "in a first cell, before there are variables, nothing is lost".to_owned(),
        ];
        let through = THROUGH_PRELUDE.iter().filter(|(name, _)| wanted.iter().any(|one| one.name == *name));
        remedies.extend(through.map(|(_, path)| format!("cells have `{path}` without `:dep`")));
        let mut error = refused("Rebuild", value, &remedies);
        error.traceback.push("Nothing was added; the session is as it was.".to_owned());
        error
    }

    /// How many crates will be compiled.
    pub fn count(&self) -> usize {
        self.plan.anew.len() + self.plan.added.len()
    }

    /// Takes over the versions that cargo chose; returns what stood there.
    pub fn adopt(&self, folder: &Path) -> Versions {
        let kept = Versions::of(folder);
        if let Some(lock) = &self.lock {
            for name in [KEPT_LOCK, "Cargo.lock"] {
                let _ = std::fs::write(folder.join(name), lock);
            }
        }
        kept
    }

    /// What the cells of the session in `folder` are compiled with now that the crates were added.
    pub fn into_compiled(self, folder: &Path) -> Option<Compiled> {
        let manifest = std::fs::read_to_string(folder.join(KEPT_MANIFEST)).ok()?;
        Some(Compiled { manifest, graph: self.graph })
    }
}

/// The versions of a session, to go back to.
pub struct Versions {
    folder: PathBuf,
    lock: Option<Vec<u8>>,
}

impl Versions {
    fn of(folder: &Path) -> Versions {
        Versions { folder: folder.to_owned(), lock: std::fs::read(folder.join(KEPT_LOCK)).ok() }
    }

    /// Goes back.
    pub fn restore(self) {
        if let Some(lock) = self.lock {
            for name in [KEPT_LOCK, "Cargo.lock"] {
                let _ = std::fs::write(self.folder.join(name), &lock);
            }
        }
    }
}

fn names(wanted: &[Wanted]) -> String {
    let names: Vec<String> = wanted.iter().map(|one| format!("`{}`", one.name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn found(code: &str) -> Vec<(String, String)> {
        wanted(code).unwrap().into_iter().map(|one| (one.name, one.config)).collect()
    }

    fn pair(name: &str, config: &str) -> (String, String) {
        (name.to_owned(), config.to_owned())
    }

    #[test]
    fn the_crates_that_a_cell_asks_for() {
        assert_eq!(found(":dep regex = \"1\"\nlet x = 1;"), [pair("regex", "\"1\"")]);
        assert_eq!(
            found("// more\n\n  :dep a\n:opt 1\n:dep b={version=\"1\"}"),
            [pair("a", "\"*\""), pair("b", "{version=\"1\"}")]
        );
        assert_eq!(found("use x::y;\nextern crate serde_json;\nextern crate std;"), [pair("serde_json", "\"*\"")]);
        assert_eq!(found("let text = \"\n:dep none\n\";"), []);
        assert_eq!(found(":dependencies\n:vars\nlet extern_crate = 1;"), []);
        assert_eq!(found(":dep c\n!done"), [pair("c", "\"*\"")]);
    }

    #[test]
    fn what_is_no_dependency_is_told_with_the_form() {
        for line in [":dep regex 1", ":dep regex@1", ":dep = \"1\"", ":dep regex =", ":dep a b = \"1\""] {
            let error = wanted(line).unwrap_err();
            assert!(
                error.value.contains("names no crate") && error.traceback[1].contains(":dep NAME"),
                "{line}: {error}"
            );
        }
        assert!(wanted(":dep ./nowhere").unwrap_err().value.contains("no crate in ./nowhere"));
    }

    #[test]
    fn a_folder_is_named_from_the_root() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"mine\"\n").unwrap();
        let code = format!(":dep {}", folder.path().display());
        assert_eq!(found(&code), [pair("mine", &format!("{{ path = {:?} }}", folder.path()))]);
        assert_eq!(
            absolute("{ path = \"/a\", features = [\"path\"] }").unwrap(),
            "{ path = \"/a\", features = [\"path\"] }"
        );
        assert_eq!(absolute("\"1\"").unwrap(), "\"1\"");
        assert!(absolute("{ path = \"src\" }").unwrap().contains(&*std::env::current_dir().unwrap().to_string_lossy()));
        assert!(absolute("{ version = \"1\", path = \"nowhere\" }").is_err());
    }

    #[test]
    fn a_manifest_has_each_crate_once() {
        let manifest = "[package]\nname = \"ctx\"\n[dependencies]\nserde-x = \"1\"\nserde = \"1\"\n";
        assert!(knows(manifest, "serde_x") && knows(manifest, "serde") && !knows(manifest, "name"));
        assert_eq!(without(manifest, "serde"), "[package]\nname = \"ctx\"\n[dependencies]\nserde-x = \"1\"\n");
    }

    fn outlook(anew: &[&str], added: usize, seconds: f64) -> Outlook {
        let plan = Plan {
            anew: anew.iter().map(|name| (*name).to_owned()).collect(),
            causes: anew.iter().map(|name| ((*name).to_owned(), "with full".to_owned())).collect::<BTreeMap<_, _>>(),
            added: (0..added).map(|number| number.to_string()).collect::<BTreeSet<_>>(),
        };
        Outlook { plan, seconds, graph: Graph::default(), lock: None }
    }

    #[test]
    fn a_rebuild_is_told_with_its_cause_its_minutes_and_what_is_lost() {
        let wanted = [Wanted { name: "image".to_owned(), config: "\"1\"".to_owned() }];
        let rebuild = outlook(&["candle-core", "syn", "x", "y", "z"], 3, 350.0);
        let error = rebuild.question(&wanted, &["net".to_owned(), "data".to_owned()]);
        for part in ["`image`", "candle-core with full", "and 2 more", "about 6 minutes", "lost: net, data"] {
            assert!(error.value.contains(part), "{part}: {}", error.value);
        }
        let rest = error.traceback[1..].join("\n");
        assert!(rest.contains("once more") && rest.contains("without `:dep`") && rest.contains("as it was"), "{rest}");
        let said = rebuild.announcement(&wanted, &[]).unwrap();
        assert!(said.contains("about 6 minutes") && said.contains("interrupt") && !said.contains("gone"), "{said}");
        assert!(rebuild.announcement(&wanted, &["net".to_owned()]).unwrap().contains("gone: net"));
    }

    #[test]
    fn only_long_builds_are_announced() {
        let wanted = [Wanted { name: "regex".to_owned(), config: "\"1\"".to_owned() }];
        assert_eq!(outlook(&[], 3, 12.0).announcement(&wanted, &[]), None);
        let said = outlook(&[], 160, 400.0).announcement(&wanted, &[]).unwrap();
        assert!(said.contains("160 crates, about 7 minutes"), "{said}");
    }

    #[test]
    fn versions_are_gone_back_to() {
        let folder = tempfile::tempdir().unwrap();
        let lock = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        for name in [KEPT_LOCK, "Cargo.lock"] {
            std::fs::write(folder.path().join(name), "old").unwrap();
        }
        let mut new = outlook(&[], 1, 1.0);
        new.lock = Some(b"new".to_vec());
        let kept = new.adopt(folder.path());
        assert_eq!((lock(KEPT_LOCK), lock("Cargo.lock")), ("new".to_owned(), "new".to_owned()));
        kept.restore();
        assert_eq!((lock(KEPT_LOCK), lock("Cargo.lock")), ("old".to_owned(), "old".to_owned()));
    }
}

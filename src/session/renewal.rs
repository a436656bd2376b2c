//! A template that no longer fits: found when a session starts, and built anew.
//!
//! What a compiler made is of no use to another one, nor at another path, nor where files are missing. A session would
//! then compile candle for minutes, or fail with errors about metadata.

use super::compiler::{mark, version};
use super::template::{self, Size, Stamp};
use super::{CellError, Session, diagnostics, install, lock};
use crate::home::Home;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

/// What is done before the first cell, where that takes long.
static AT_START: Mutex<Option<String>> = Mutex::new(None);

/// What the session that starts in this process is doing, where that takes long.
pub fn at_start() -> Option<String> {
    lock(&AT_START).clone()
}

impl Session {
    /// As [`wait_ready`](Session::wait_ready); `say` hears now and then what takes long, where something does.
    ///
    /// # Errors
    /// What kept the session from starting.
    pub fn wait_ready_telling(&self, say: &mut dyn FnMut(&str)) -> Result<(), CellError> {
        let ended = || lock(&self.worker).as_ref().is_none_or(|worker| worker.is_finished());
        let mut told = None;
        while self.ready.result.get().is_none() && self.ready.heard.is_empty() && !ended() {
            std::thread::sleep(Duration::from_millis(10));
            let now = at_start();
            if now != told
                && let Some(text) = &now
            {
                say(text);
            }
            told = now;
        }
        self.wait_ready()
    }
}

/// Why a template is of no use.
#[derive(Debug, PartialEq, Eq)]
pub enum Stale {
    /// There is none.
    Missing,
    /// Another compiler made it: the versions, then and now.
    Compiler(String, String),
    /// It was made in another folder.
    Moved(PathBuf),
    /// The sources of what was compiled are gone from here.
    Sources(PathBuf),
    /// Files are missing or cut short.
    Damaged,
}

impl Stale {
    /// The reason, as a sentence's first half.
    fn because(&self) -> String {
        match self {
            Stale::Missing => "there is no template yet".to_owned(),
            Stale::Compiler(was, is) => format!("the template was built by {was}, and the compiler is {is} now"),
            Stale::Moved(from) => format!("the template was built in {}, from where it was moved", from.display()),
            Stale::Sources(from) => format!("what the template was built from is gone ({})", from.display()),
            Stale::Damaged => "the template is damaged".to_owned(),
        }
    }
}

/// Whether the installed template is of no use, and why.
pub fn stale(home: &Home) -> Option<Stale> {
    let Some(stamp) = template::stamp(home) else { return Some(Stale::Missing) };
    if stamp.home != home.root {
        return Some(Stale::Moved(stamp.home));
    }
    if !Size::of(&home.template()).is_ok_and(|size| size == stamp.size) {
        return Some(Stale::Damaged);
    }
    if !stamp.cargo_home.as_os_str().is_empty() && !stamp.cargo_home.is_dir() {
        return Some(Stale::Sources(stamp.cargo_home));
    }
    let known = !stamp.compiler.is_empty() && mark().is_some_and(|mark| mark == stamp.compiler);
    if known { None } else { by_version(&stamp, &version()?) }
}

/// Whether another compiler made the template, by what it says of itself.
fn by_version(stamp: &Stamp, now: &str) -> Option<Stale> {
    let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    (stamp.rustc != now).then(|| Stale::Compiler(first(&stamp.rustc), first(now)))
}

/// Builds the template anew where it is of no use and its sources are there; true where it was.
///
/// # Errors
/// The build failed. Where there are no sources to build from, it is the session that fails.
pub fn renew(home: &Home) -> Result<bool, CellError> {
    let Some(stale) = stale(home) else { return Ok(false) };
    if !home.sources().join("prelude/Cargo.toml").is_file() {
        return Ok(false);
    }
    let because = stale.because();
    let say = |what: &str| *lock(&AT_START) = Some(format!("{because}: it is built anew (some minutes, once); {what}"));
    say("beginning");
    let built = install::build_template(home, &template::features(home), &mut |what| say(what));
    *lock(&AT_START) = None;
    built.map_err(|error| {
        let mut whole = diagnostics::session(format!(
            "{because}, and it cannot be built anew: {}\n  → run ./install.sh in a checkout of candlewick",
            error.value
        ));
        whole.traceback.extend(error.traceback.into_iter().skip(1));
        whole
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::template::STAMP;
    use std::fs;
    use std::path::Path;

    fn home_with(folder: &Path, change: impl FnOnce(&mut Stamp)) -> Home {
        let home = Home { root: folder.to_owned() };
        fs::create_dir_all(home.template().join("target")).unwrap();
        fs::write(home.template().join("target/library"), "compiled").unwrap();
        let mut stamp = Stamp {
            version: "1".to_owned(),
            rustc: version().unwrap(),
            sources: String::new(),
            features: Vec::new(),
            home: home.root.clone(),
            cargo_home: PathBuf::new(),
            compiler: String::new(),
            size: Size::of(&home.template()).unwrap(),
        };
        change(&mut stamp);
        fs::write(home.template().join(STAMP), serde_json::to_string(&stamp).unwrap()).unwrap();
        home
    }

    #[test]
    fn a_template_of_this_compiler_at_its_place_is_used() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(stale(&home_with(folder.path(), |_| {})), None);
        assert_eq!(stale(&home_with(folder.path(), |stamp| stamp.compiler = mark().unwrap_or_default())), None);
        assert_eq!(stale(&home_with(folder.path(), |stamp| stamp.compiler = "a compiler elsewhere".to_owned())), None);
    }

    #[test]
    fn a_template_of_another_compiler_is_told_by_the_versions() {
        let folder = tempfile::tempdir().unwrap();
        let home = home_with(folder.path(), |stamp| stamp.rustc = "rustc 1.0.0 (old)\nhost: x".to_owned());
        let found = stale(&home).unwrap();
        let Stale::Compiler(was, is) = &found else { panic!("{found:?}") };
        assert!(was == "rustc 1.0.0 (old)" && is.starts_with("rustc 1."), "{was}, {is}");
        assert!(found.because().contains("rustc 1.0.0") && found.because().contains(is.as_str()));
    }

    #[test]
    fn a_template_that_was_moved_is_told_with_its_old_place() {
        let folder = tempfile::tempdir().unwrap();
        let home = home_with(folder.path(), |stamp| stamp.home = "/elsewhere".into());
        assert_eq!(stale(&home), Some(Stale::Moved("/elsewhere".into())));
        let before_folders_were_noted = home_with(folder.path(), |stamp| stamp.home = PathBuf::new());
        assert!(matches!(stale(&before_folders_were_noted), Some(Stale::Moved(_))));
    }

    #[test]
    fn a_template_that_lost_files_or_ends_early_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let home = home_with(folder.path(), |_| {});
        let library = home.template().join("target/library");
        fs::write(&library, "comp").unwrap();
        assert_eq!(stale(&home), Some(Stale::Damaged));
        fs::write(&library, "").unwrap();
        assert_eq!(stale(&home), Some(Stale::Damaged));
        fs::remove_file(&library).unwrap();
        assert_eq!(stale(&home), Some(Stale::Damaged));
        fs::write(home.template().join(STAMP), "{\"version\": \"1").unwrap();
        assert_eq!(stale(&home), Some(Stale::Missing));
        fs::remove_dir_all(home.template()).unwrap();
        assert_eq!(stale(&home), Some(Stale::Missing));
    }

    #[test]
    fn a_template_whose_sources_are_gone_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let home = home_with(folder.path(), |stamp| stamp.cargo_home.clone_from(&gone));
        assert_eq!(stale(&home), Some(Stale::Sources(gone.clone())));
        assert!(Stale::Sources(gone).because().contains("is gone"));
        let home = home_with(folder.path(), |stamp| stamp.cargo_home = folder.path().to_owned());
        assert_eq!(stale(&home), None);
    }

    #[test]
    fn without_sources_nothing_is_built() {
        let folder = tempfile::tempdir().unwrap();
        assert!(renew(&Home { root: folder.path().to_owned() }).is_ok());
        assert_eq!(at_start(), None);
    }
}

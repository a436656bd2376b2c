//! The warm template: evcxr's build folder with the prelude compiled, and sessions' copies of it.

use super::process;
use crate::home::{Home, private_folder};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Files from this size on are shared between template and session by hard links, where they are of a kind that no build
/// writes into (see `is_replaced`); all others are copied.
const LINKED_FROM: u64 = 64 << 10;

/// The file in the template that says what it was built from.
pub const STAMP: &str = "candlewick-template.json";

/// The file in the template that holds what the analysis reads.
pub const PACK: &str = "analysis.pack";

/// What a template was built from, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamp {
    /// candlewick's version.
    pub version: String,
    /// `rustc -vV`.
    pub rustc: String,
    /// A digest of the prelude's sources, their lock and the build settings.
    pub sources: String,
    /// The prelude's features.
    pub features: Vec<String>,
    /// candlewick's folder, whose path is in what was compiled.
    #[serde(default)]
    pub home: PathBuf,
    /// Where cargo kept the sources of what was compiled: under another one all of it is stale for cargo.
    #[serde(default)]
    pub cargo_home: PathBuf,
    /// The compiler's file, as [`mark`](super::compiler::mark) tells it from another.
    #[serde(default)]
    pub compiler: String,
    /// What the template holds.
    #[serde(default)]
    pub size: Size,
}

impl Stamp {
    /// Whether a template with this stamp is what a build for the other one would give.
    pub fn fits(&self, wanted: &Stamp) -> bool {
        let Stamp { version, rustc, sources, features, home, cargo_home: _, compiler: _, size: _ } = self;
        let same = (version, rustc, sources) == (&wanted.version, &wanted.rustc, &wanted.sources);
        same && (features, home) == (&wanted.features, &wanted.home)
    }
}

/// How much a folder holds: files that were lost or cut short make it another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// How many files, the stamp left out.
    pub files: u64,
    /// Their bytes together.
    pub bytes: u64,
}

impl Size {
    /// What the folder holds.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn of(folder: &Path) -> io::Result<Size> {
        let mut size = Size::default();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                let below = Size::of(&entry.path())?;
                (size.files, size.bytes) = (size.files + below.files, size.bytes + below.bytes);
            } else if entry.file_name() != STAMP {
                (size.files, size.bytes) = (size.files + 1, size.bytes + entry.metadata()?.len());
            }
        }
        Ok(size)
    }
}

/// The stamp of the installed template.
pub fn stamp(home: &Home) -> Option<Stamp> {
    serde_json::from_slice(&fs::read(home.template().join(STAMP)).ok()?).ok()
}

/// The features that the installed template was built with.
pub fn features(home: &Home) -> Vec<String> {
    stamp(home).map(|stamp| stamp.features).unwrap_or_default()
}

/// A session's folder, removed when dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A fresh copy of the template.
    ///
    /// # Errors
    /// No template, or a full disk.
    pub fn copy_of_template(home: &Home) -> io::Result<Folder> {
        let template = home.template();
        fs::metadata(template.join(STAMP))?;
        let path = home.sessions().join(format!("{}-{}", std::process::id(), uuid::Uuid::new_v4().simple()));
        let folder = Folder { path };
        // The cells' sources lie there.
        private_folder(&folder.path)?;
        copy(&template, &folder.path, true)?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Copies a build folder, times included; with `link`, large files are shared instead.
///
/// # Errors
/// An unreadable source or a full disk.
pub fn copy(from: &Path, to: &Path, link: bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if entry.file_name() != "incremental" {
                copy(&source, &target, link)?;
            }
            continue;
        }
        let metadata = entry.metadata()?;
        if link && is_replaced(&source) && metadata.len() >= LINKED_FROM && fs::hard_link(&source, &target).is_ok() {
            continue;
        }
        fs::copy(&source, &target)?;
        // cargo compares times to see what is fresh.
        let modified: SystemTime = metadata.modified()?;
        fs::File::options().write(true).open(&target)?.set_modified(modified)?;
    }
    Ok(())
}

/// Whether builds put another file in the place of this one, and never write into it: libraries, programs, and what the analysis
/// reads. What a build script makes, the lists of sources and cargo's lock are written in place.
fn is_replaced(path: &Path) -> bool {
    path.extension()
        .is_none_or(|extension| ["rlib", "rmeta", "so", "dylib", "pack"].iter().any(|kind| extension == *kind))
}

/// Removes the folders of sessions and of their hosts whose process is gone (a machine that lost power, a kill).
pub fn remove_orphans(home: &Home) {
    remove_orphans_in(&home.sessions(), "");
    remove_orphans_in(&std::env::temp_dir(), process::PREFIX);
}

/// Removes the folders whose name goes on after `prefix` with the number of a process that is gone.
fn remove_orphans_in(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(prefix));
        let pid = rest.and_then(|rest| rest.split('-').next()?.parse::<i32>().ok());
        // SAFETY: signal 0 only asks whether the process is there.
        if pid.is_some_and(|pid| unsafe { libc::kill(pid, 0) } != 0) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn large_files_are_shared_small_ones_are_not_and_times_stay() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home { root: folder.path().to_owned() };
        fs::create_dir_all(home.template().join("target/deps")).unwrap();
        let large = home.template().join("target/deps/large");
        fs::write(&large, vec![1; LINKED_FROM as usize]).unwrap();
        let lock = home.template().join("Cargo.lock");
        fs::write(&lock, vec![1; LINKED_FROM as usize]).unwrap();
        // what builds write into, however large
        let written = ["target/deps/a.d", "target/deps/tables.rs"].map(|name| home.template().join(name));
        written.iter().for_each(|file| fs::write(file, vec![1; LINKED_FROM as usize]).unwrap());
        let small = home.template().join(STAMP);
        fs::write(&small, "{}").unwrap();
        let old = SystemTime::now() - std::time::Duration::from_secs(5000);
        fs::File::options().write(true).open(&small).unwrap().set_modified(old).unwrap();

        let session = Folder::copy_of_template(&home).unwrap();
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        assert_eq!(inode(&large), inode(&session.path().join("target/deps/large")));
        assert_ne!(inode(&small), inode(&session.path().join(STAMP)));
        assert_ne!(inode(&lock), inode(&session.path().join("Cargo.lock")));
        for file in &written {
            let own = session.path().join(file.strip_prefix(home.template()).unwrap());
            assert_ne!(inode(file), inode(&own), "{}", own.display());
        }
        assert_eq!(fs::metadata(session.path().join(STAMP)).unwrap().modified().unwrap(), old);
        for private in [session.path(), &home.sessions()] {
            assert_eq!(fs::metadata(private).unwrap().mode() & 0o777, 0o700, "{}", private.display());
        }

        let path = session.path().to_owned();
        drop(session);
        assert!(!path.exists() && large.exists());
    }

    #[test]
    fn folders_of_processes_that_are_gone_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut gone = std::process::Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        let names = [format!("x-{}-a", gone.id()), format!("x-{}-b", std::process::id()), "x-other".to_owned()];
        names.iter().for_each(|name| fs::create_dir(folder.path().join(name)).unwrap());
        remove_orphans_in(folder.path(), "x-");
        let left = names.iter().map(|name| folder.path().join(name).is_dir()).collect::<Vec<_>>();
        assert_eq!(left, [false, true, true]);
    }

    #[test]
    fn no_template_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home { root: folder.path().to_owned() };
        assert_eq!(Folder::copy_of_template(&home).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

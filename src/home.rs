//! Where candlewick keeps its things: the one place that reads the variables that say so.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// candlewick's folders on this machine.
#[derive(Clone, Debug)]
pub struct Home {
    /// `$CANDLEWICK_HOME`, or `$XDG_DATA_HOME/candlewick`, or `~/.local/share/candlewick`.
    pub root: PathBuf,
}

impl Home {
    /// The folders as the environment says.
    ///
    /// # Errors
    /// No `CANDLEWICK_HOME`, no `XDG_DATA_HOME` and no home directory.
    pub fn find() -> anyhow::Result<Home> {
        Ok(Home { root: one_name(&candlewick_wire::weights::home()?)? })
    }

    /// The folder of a workspace with the prelude's and the wire's sources, as cells link against them.
    pub fn sources(&self) -> PathBuf {
        self.root.join("src")
    }

    /// The warm template: evcxr's build folder with the prelude compiled.
    pub fn template(&self) -> PathBuf {
        self.root.join("template")
    }

    /// The template in the making.
    pub fn new_template(&self) -> PathBuf {
        self.root.join("template.new")
    }

    /// cargo's answers that hold for the template.
    pub fn answers(&self) -> PathBuf {
        self.root.join("answers")
    }

    /// Sessions' folders, on the template's file system so that hard links work.
    pub fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }

    /// What kernels know of each other, and of the warm session that waits for the next one.
    pub fn kernels(&self) -> PathBuf {
        self.root.join("kernels")
    }

    /// The folder of input histories: the REPL's and the kernel's.
    pub fn history(&self) -> PathBuf {
        self.root.join("history")
    }
}

/// Makes a folder, with those above it, that is the user's alone to look into. One that is there already is closed to
/// others, unless it was opened to them for writing, on purpose.
///
/// # Errors
/// It cannot be made.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & 0o077 != 0 && mode & 0o022 == 0 {
        // Another user's folder stays as it is.
        let _ = fs::set_permissions(folder, Permissions::from_mode(0o700));
    }
    Ok(())
}

/// Makes a file, where there is none yet, that is the user's alone to read and write.
///
/// # Errors
/// It cannot be made.
pub fn private_file(file: &Path) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
    let _ = fs::set_permissions(file, Permissions::from_mode(0o600));
    Ok(())
}

/// The one name of a folder that may be reached by several (links, `..`, a slash at its end) and need not exist yet.
/// What is compiled holds paths, and would be compiled anew for each name.
fn one_name(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut known = path.as_path();
    let mut rest = Vec::new();
    let mut name = loop {
        match known.canonicalize() {
            Ok(name) => break name,
            Err(error) if known.parent().is_none() => return Err(error),
            Err(_) => {
                rest.extend(known.components().next_back());
                known = known.parent().unwrap_or(Path::new("/"));
            }
        }
    };
    for part in rest.into_iter().rev() {
        match part {
            Component::ParentDir => drop(name.pop()),
            part => name.push(part),
        }
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn what_is_private_is_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        private_folder(&deep).unwrap();
        assert_eq!((mode(&deep), mode(&folder.path().join("a"))), (0o700, 0o700));
        for (before, after) in [(0o755, 0o700), (0o750, 0o700), (0o1777, 0o1777), (0o700, 0o700)] {
            fs::set_permissions(&deep, Permissions::from_mode(before)).unwrap();
            private_folder(&deep).unwrap();
            assert_eq!(mode(&deep), after, "{before:o}");
        }
        let file = deep.join("history");
        private_file(&file).unwrap();
        fs::write(&file, "kept").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        private_file(&file).unwrap();
        assert_eq!((mode(&file), fs::read_to_string(&file).unwrap().as_str()), (0o600, "kept"));
        assert!(private_file(&folder.path().join("none/x")).is_err());
    }

    #[test]
    fn a_folder_has_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("real/home")).unwrap();
        symlink(root.join("real"), root.join("link")).unwrap();
        symlink("link", root.join("link of a link")).unwrap();
        let there = root.join("real/home");
        for name in [
            "real/home",
            "link/home",
            "link of a link/home",
            "real/home/",
            "real/./home",
            "real/home/../home",
            "link/home/../../real/home",
            "real//home",
        ] {
            assert_eq!(one_name(&root.join(name)).unwrap(), there, "{name}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_yet_has_the_name_that_it_will_have() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("real")).unwrap();
        symlink(root.join("real"), root.join("link")).unwrap();
        for name in ["link/a/b", "link/a/b/", "link/a/./b", "link/a/c/../b", "link/../link/x/../a/b"] {
            let found = one_name(&root.join(name)).unwrap();
            assert_eq!(found, root.join("real/a/b"), "{name}");
        }
        std::fs::create_dir_all(root.join("link/a/b")).unwrap();
        assert_eq!(one_name(&root.join("link/a/b")).unwrap(), root.join("real/a/b"));
        symlink(root.join("nowhere"), root.join("dangling")).unwrap();
        assert_eq!(one_name(&root.join("dangling/home")).unwrap(), root.join("dangling/home"));
    }
}

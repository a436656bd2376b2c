//! Crates as the analysis reads them: how they hang together, and their trimmed sources, in one file.

use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;

/// One crate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Crate {
    /// Its name in code.
    pub name: String,
    /// The file that it begins with.
    pub root: String,
    /// Its edition, as cargo writes it.
    pub edition: String,
    /// Its version.
    pub version: Option<String>,
    /// Conditions that hold: names, and names with a value.
    pub cfg: Vec<(String, Option<String>)>,
    /// What `env!` finds.
    pub env: Vec<(String, String)>,
    /// Whether it is of the standard library.
    pub standard: bool,
    /// Whether it is a procedural macro.
    pub macros: bool,
    /// The crates that it names: the name, and which one of the pack.
    pub deps: Vec<(String, usize)>,
    /// Its sources: their paths and texts.
    #[serde(skip)]
    pub files: Vec<(String, String)>,
    /// The lengths of its sources' paths and texts, one after another in the file.
    pub(super) lengths: Vec<(u32, u32)>,
}

/// Crates that hang together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pack {
    /// The crates; what one names may come later.
    pub crates: Vec<Crate>,
    /// The compiler's version.
    pub toolchain: Option<String>,
    /// The target's data layout, as LLVM writes it.
    pub layout: Option<String>,
}

impl Pack {
    /// Reads a pack.
    ///
    /// # Errors
    /// The file cannot be read, or is none of ours.
    pub fn read(path: &Path) -> io::Result<Pack> {
        let bytes = fs::read_to_string(path)?;
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged", path.display()));
        let (head, mut rest) = bytes.split_once('\n').ok_or_else(damaged)?;
        let mut pack: Pack = serde_json::from_str(head)?;
        let mut take = |length: u32| -> io::Result<String> {
            let (text, after) = rest.split_at_checked(length as usize).ok_or_else(damaged)?;
            rest = after;
            Ok(text.to_owned())
        };
        for krate in &mut pack.crates {
            for (path, text) in &krate.lengths {
                krate.files.push((take(*path)?, take(*text)?));
            }
        }
        Ok(pack)
    }

    /// Writes the pack, whole or not at all.
    ///
    /// # Errors
    /// The folder cannot be written, or the disk is full.
    pub fn write(&mut self, path: &Path) -> io::Result<()> {
        let mut texts = String::new();
        for krate in &mut self.crates {
            let length = |text: &str| u32::try_from(text.len()).unwrap_or(0);
            krate.files.retain(|(path, text)| u32::try_from(path.len().max(text.len())).is_ok());
            krate.lengths = krate.files.iter().map(|(path, text)| (length(path), length(text))).collect();
            for (path, text) in &krate.files {
                texts.push_str(path);
                texts.push_str(text);
            }
        }
        let head = serde_json::to_string(self)?;
        let new = path.with_extension("new");
        fs::write(&new, format!("{head}\n{texts}"))?;
        fs::rename(new, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pack");
        let files =
            vec![("/a/lib.rs".to_owned(), "mod größe;\n".to_owned()), ("/a/größe.rs".to_owned(), String::new())];
        let krate = Crate { name: "a".into(), files, deps: vec![("b".into(), 1)], ..Crate::default() };
        let mut pack = Pack { crates: vec![krate, Crate::default()], ..Pack::default() };
        pack.write(&file).unwrap();
        assert_eq!(Pack::read(&file).unwrap(), pack);
    }

    #[test]
    fn what_is_damaged_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pack");
        let krate = Crate { files: vec![("a".into(), "text".into())], ..Crate::default() };
        Pack { crates: vec![krate], ..Pack::default() }.write(&file).unwrap();
        let whole = fs::read_to_string(&file).unwrap();
        for text in [&whole[..whole.len() - 1], "", "{}", "[]\n"] {
            fs::write(&file, text).unwrap();
            assert!(Pack::read(&file).is_err(), "{text}");
        }
    }
}

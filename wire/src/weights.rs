//! The shelf of named weights: the folder, the checksum kept of each file, and what a file is by its first bytes.
//!
//! A name is one line in `NAME.sha256`, in the format of `sha256sum`: the checksum, two spaces, the file. The file lies
//! beside it (put there by `candlewick weights add`) or in the hub's own cache folder. A weights file that was put on
//! the shelf by hand has its name from its stem, and no checksum until it is loaded for the first time.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The extensions that weights have.
pub const EXTENSIONS: [&str; 4] = ["safetensors", "pth", "pt", "bin"];

/// candlewick's folder: `$CANDLEWICK_HOME`, or `$XDG_DATA_HOME/candlewick`, or `~/.local/share/candlewick`.
///
/// # Errors
/// When the environment names none of them.
pub fn home() -> io::Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let root = set("CANDLEWICK_HOME")
        .or_else(|| set("XDG_DATA_HOME").map(|data| data.join("candlewick")))
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/share/candlewick")));
    match root {
        Some(root) => std::path::absolute(root),
        None => Err(io::Error::other("no home directory: set CANDLEWICK_HOME to a folder that can be written")),
    }
}

/// The folder of named weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf(PathBuf);

/// One name on the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Its SHA-256 in hexadecimal, where it was recorded.
    pub sha256: Option<String>,
}

impl Shelf {
    /// The shelf of this machine: `weights` in candlewick's folder.
    ///
    /// # Errors
    /// When the environment names no folder.
    pub fn find() -> io::Result<Shelf> {
        Ok(Shelf(home()?.join("weights")))
    }

    /// The shelf in this folder.
    pub fn at(folder: impl Into<PathBuf>) -> Shelf {
        Shelf(folder.into())
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// What a name stands for: its record, or a file of this stem.
    pub fn get(&self, name: &str) -> Option<Item> {
        check_name(name).ok()?;
        if let Some((sha256, path)) = fs::read_to_string(self.record(name)).ok().as_deref().and_then(parse) {
            // a path that is absolute stands as it is
            return Some(Item { name: name.to_owned(), path: self.0.join(path), sha256: Some(sha256) });
        }
        let path = self.own_files(name).find(|path| path.is_file())?;
        Some(Item { name: name.to_owned(), path, sha256: None })
    }

    /// Every name, in alphabetical order; none where the folder is missing.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> io::Result<Vec<Item>> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = std::collections::BTreeSet::new();
        for entry in entries {
            let path = entry?.path();
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if extension == "sha256" || EXTENSIONS.contains(&extension) {
                names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
            }
        }
        Ok(names.iter().filter_map(|name| self.get(name)).collect())
    }

    /// Copies a file onto the shelf under a name, and records its checksum; the name's earlier file is replaced.
    ///
    /// # Errors
    /// When the name is none, the file is no weights file, or the copy cannot be written; the shelf is then as it was.
    pub fn add(&self, file: &Path, name: &str) -> io::Result<Item> {
        check_name(name)?;
        let format = Format::of(&head(file)?);
        let Some(extension) = format.extension() else {
            return Err(io::Error::other(format!("{} is {}", file.display(), format.describe())));
        };
        fs::create_dir_all(&self.0)?;
        let path = self.0.join(format!("{name}.{extension}"));
        let part = self.0.join(format!(".{name}.{}.part", std::process::id()));
        let copied = fs::copy(file, &part).and_then(|_| sha256(&part)).and_then(|sum| {
            fs::rename(&part, &path)?;
            Ok(sum)
        });
        let sum = copied.inspect_err(|_| drop(fs::remove_file(&part)))?;
        for stale in self.own_files(name).filter(|other| *other != path && other.is_file()) {
            fs::remove_file(stale)?;
        }
        self.keep(name, &path, &sum)
    }

    /// Records the checksum of a name's file, wherever it lies.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn keep(&self, name: &str, path: &Path, sha256: &str) -> io::Result<Item> {
        check_name(name)?;
        fs::create_dir_all(&self.0)?;
        let shown = path.strip_prefix(&self.0).unwrap_or(path);
        fs::write(self.record(name), format!("{sha256}  {}\n", shown.display()))?;
        Ok(Item { name: name.to_owned(), path: path.to_owned(), sha256: Some(sha256.to_owned()) })
    }

    fn record(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.sha256"))
    }

    fn own_files(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        EXTENSIONS.map(|extension| self.0.join(format!("{name}.{extension}"))).into_iter()
    }
}

/// The checksum and the file of a record.
fn parse(line: &str) -> Option<(String, PathBuf)> {
    let (sum, path) = line.trim_end_matches(['\r', '\n']).split_once("  ")?;
    let whole = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit()) && !path.is_empty();
    whole.then(|| (sum.to_ascii_lowercase(), PathBuf::from(path)))
}

fn check_name(name: &str) -> io::Result<()> {
    let fine = |c: char| c.is_alphanumeric() || "._-+".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(fine) {
        let what = format!("`{name}` is no name for weights: letters, digits, `.`, `_`, `-` and `+` make one");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    Ok(())
}

/// A file's SHA-256 in hexadecimal.
///
/// # Errors
/// When the file cannot be read.
pub fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// The SHA-256 of bytes in hexadecimal.
pub fn sha256_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a file is by its first bytes, whatever its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Safetensors.
    Safetensors,
    /// What `torch.save` writes since PyTorch 1.6: a zip archive.
    Torch,
    /// What `torch.save` wrote before.
    OldTorch,
    /// A web page, as where a download needed a login.
    Page,
    /// The pointer that Git LFS leaves where the file itself was not fetched.
    Pointer,
    /// A pickle that is not what `torch.save` wrote, such as the `data.pkl` out of its archive.
    Pickle,
    /// An array of numpy's.
    Numpy,
    /// HDF5, as Keras writes it.
    Hdf5,
    /// GGUF, as llama.cpp reads it.
    Gguf,
    /// Something that gzip has packed.
    Gzip,
    /// Nothing at all.
    Empty,
    /// Something else.
    Unknown,
}

impl Format {
    /// The format of a file that begins with these bytes (16 are enough).
    pub fn of(head: &[u8]) -> Format {
        let text = String::from_utf8_lossy(&head[..head.len().min(16)]).trim_start().to_ascii_lowercase();
        match head {
            [] => Format::Empty,
            [b'P', b'K', 3, 4, ..] => Format::Torch,
            [0x80, 2, 0x8a, 0x0a, ..] => Format::OldTorch,
            [0x80, 2..=5, _, _, ..] => Format::Pickle,
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Format::Numpy,
            [0x89, b'H', b'D', b'F', ..] => Format::Hdf5,
            [b'G', b'G', b'U', b'F', ..] => Format::Gguf,
            [0x1f, 0x8b, ..] => Format::Gzip,
            _ if text.starts_with("<!doctype") || text.starts_with("<html") => Format::Page,
            _ if text.starts_with("version https") => Format::Pointer,
            [_, _, _, _, _, _, 0, 0, b'{', ..] => Format::Safetensors,
            _ => Format::Unknown,
        }
    }

    /// The extension that such files have; `None` where it holds no weights.
    pub fn extension(self) -> Option<&'static str> {
        match self {
            Format::Safetensors => Some("safetensors"),
            Format::Torch | Format::OldTorch => Some("pth"),
            _ => None,
        }
    }

    /// What it is, in words, and what to do about it.
    pub fn describe(self) -> &'static str {
        match self {
            Format::Safetensors => "a safetensors file",
            Format::Torch => "a PyTorch file",
            Format::OldTorch => "a PyTorch file of before version 1.6",
            Format::Page => "a web page and no weights file: fetch the file itself, with a login where one is needed",
            Format::Pointer => {
                "the pointer that Git LFS leaves in a file's place: fetch the file itself, `git lfs pull`"
            }
            Format::Pickle => {
                "a pickle alone, without the numbers: `data.pkl` is a part of what `torch.save` writes; give the whole file, \
                 or in Python `torch.save(model.state_dict(), path)`"
            }
            Format::Numpy => {
                "a numpy array, without the names of a network's parameters: in Python, \
                 `safetensors.numpy.save_file({name: array}, path)` writes arrays under their names"
            }
            Format::Hdf5 => {
                "an HDF5 file, as Keras writes weights: their names and layouts are others than PyTorch's; use the weights that \
                 torchvision or timm publish for the network"
            }
            Format::Gguf => "a GGUF file of a language model: choose the safetensors file of the same model",
            Format::Gzip => "packed by gzip: unpack it first, `gunzip FILE`",
            Format::Empty => "empty: copy or download it again",
            Format::Unknown => "neither a safetensors nor a PyTorch file: copy or download it again",
        }
    }
}

/// The first bytes of a file, enough for [`Format::of`].
fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(16).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAFE: &[u8] = b"\x02\0\0\0\0\0\0\0{}";

    #[test]
    fn what_is_added_is_found_with_its_checksum() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let shelf = Shelf::at(folder.path().join("weights"));
        assert_eq!((shelf.list()?, shelf.get("a")), (Vec::new(), None));
        let file = folder.path().join("some.bin");
        fs::write(&file, SAFE)?;
        let added = shelf.add(&file, "a")?;
        assert_eq!(added.path, shelf.folder().join("a.safetensors"));
        // printf '\2\0\0\0\0\0\0\0{}' | sha256sum
        let sum = "411a485216e432ece6b9af94fa32154cf79a2a56d4f81266baa50063f45092bd";
        assert_eq!(added.sha256.as_deref(), Some(sum));
        assert_eq!(fs::read_to_string(shelf.folder().join("a.sha256"))?, format!("{sum}  a.safetensors\n"));
        assert_eq!(shelf.get("a"), Some(added.clone()));
        fs::write(&file, b"PK\x03\x04rest")?;
        assert_eq!(shelf.add(&file, "a")?.path, shelf.folder().join("a.pth"));
        assert!(!added.path.exists(), "one name, one file");
        Ok(())
    }

    #[test]
    fn files_put_there_by_hand_and_files_elsewhere_are_listed() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let shelf = Shelf::at(folder.path());
        fs::write(folder.path().join("hand.pth"), b"PK\x03\x04")?;
        fs::write(folder.path().join("notes.txt"), b"no weights")?;
        fs::write(folder.path().join("broken.sha256"), b"no checksum")?;
        let elsewhere = folder.path().join("cache/model.safetensors");
        shelf.keep("far", &elsewhere, &"0".repeat(64))?;
        let listed = shelf.list()?;
        let names: Vec<_> = listed.iter().map(|item| (item.name.as_str(), item.sha256.is_some())).collect();
        assert_eq!(names, [("far", true), ("hand", false)]);
        assert_eq!(listed[0].path, elsewhere);
        Ok(())
    }

    #[test]
    fn no_name_leads_out_of_the_folder_and_no_page_gets_in() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let shelf = Shelf::at(folder.path().join("weights"));
        let file = folder.path().join("file");
        fs::write(&file, SAFE)?;
        for name in ["", ".a", "../a", "a/b", "a b", "a\n"] {
            assert_eq!(shelf.add(&file, name).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name:?}");
            assert_eq!(shelf.get(name), None);
        }
        for (bytes, says) in [
            (&b"<!DOCTYPE html><html>"[..], "a web page"),
            (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
            (b"", "empty"),
            (b"GIF89a", "neither a safetensors nor a PyTorch file"),
        ] {
            fs::write(&file, bytes)?;
            let error = shelf.add(&file, "a").unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        assert!(!shelf.folder().exists());
        Ok(())
    }
}

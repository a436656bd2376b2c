//! The pictures that lie in folders, found again by what annotations call them.

use super::super::Part;
use super::super::decode::ENDINGS;
use super::super::names::composed;
use crate::show::Steps;
use crate::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Folders that hold one kind of file each, so that `labels/train/a.txt` speaks of `images/train/a.jpg`.
const KINDS: [&str; 8] = ["images", "labels", "jpegimages", "annotations", "imgs", "image", "label", "annotation"];

/// A picture file.
pub(super) struct Shelved {
    pub path: PathBuf,
    /// Its path from the gallery's folder, with `/`, in Unicode's composed form.
    pub name: String,
    /// What its folders say that it is used for.
    pub part: Option<Part>,
    /// Whether it belongs to the data set, as far as its layout says.
    pub listed: bool,
    /// The folders on the way to it that say more than of which kind its files are.
    folders: Vec<String>,
}

/// Where a name is written, which decides where a file of several with one name is sought first.
#[derive(Clone, Default)]
pub(super) struct Near {
    folders: Vec<String>,
    part: Option<Part>,
}

/// What a name leads to.
#[derive(Debug, PartialEq)]
pub(super) enum Match {
    /// This picture.
    One(usize),
    /// This picture, whose file is called otherwise: in other letters or with another ending.
    Otherwise(usize),
    /// Several, and nothing says which.
    Several(Vec<usize>),
    /// No picture.
    Nothing,
}

/// The files of some folders.
#[derive(Default)]
pub(super) struct Gallery {
    pub pictures: Vec<Shelved>,
    /// All other files, sorted.
    pub others: Vec<PathBuf>,
    /// Links to nothing.
    pub broken: Vec<PathBuf>,
    /// Pictures by the small letters of their names without endings.
    by_stem: HashMap<String, Vec<usize>>,
}

/// What a folder or a word of a file's name says of the part: `train`, `val2017`, `Test`.
pub(super) fn part_named(word: &str) -> Option<Part> {
    let word = word.to_lowercase();
    match word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_' || c == '-') {
        "train" | "training" => Some(Part::Train),
        "val" | "valid" | "validation" | "validate" => Some(Part::Valid),
        "test" | "testing" => Some(Part::Test),
        _ => None,
    }
}

/// What the words of a file's name say of the part: `instances_val2017.json`.
pub(super) fn part_of_file(path: &Path) -> Option<Part> {
    let stem = path.file_stem()?.to_string_lossy().into_owned();
    stem.split(|c: char| !c.is_alphanumeric()).find_map(part_named)
}

/// A path as text with `/`, composed, without `.` and what leads out of the folder.
fn cleaned(path: &str) -> Vec<String> {
    let path = composed(path.trim()).replace('\\', "/");
    let path = path.strip_prefix("file://").unwrap_or(&path);
    let steps = path.split('/').filter(|step| !matches!(*step, "" | "." | ".."));
    steps.map(str::to_owned).collect()
}

/// The folders that say more than of which kind their files are.
fn telling(mut folders: Vec<String>) -> Vec<String> {
    folders.retain(|folder| !KINDS.contains(&folder.to_lowercase().as_str()));
    folders
}

/// Bytes written as `%20`; `None` where there are none, or they are no text.
fn percent_decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let (mut out, mut at, mut any) = (Vec::with_capacity(bytes.len()), 0, false);
    while at < bytes.len() {
        let code =
            text.get(at + 1..at + 3).filter(|code| bytes[at] == b'%' && code.bytes().all(|b| b.is_ascii_hexdigit()));
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                (at, any) = (at + 3, true);
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    if any { String::from_utf8(out).ok() } else { None }
}

/// A file's name without the ending of a picture.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, ending)) if ENDINGS.contains(&ending.to_lowercase().as_str()) => stem,
        _ => name,
    }
}

/// Whether the ending of a file's name is one of a picture.
pub(super) fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ENDINGS.contains(&ending.to_string_lossy().to_lowercase().as_str()))
}

impl Shelved {
    /// A picture outside of the gallery's folder, by its path; it bears the name that the annotations give it.
    pub fn abroad(path: PathBuf, written: &str) -> Shelved {
        let steps = cleaned(written);
        let part = steps.iter().rev().skip(1).find_map(|folder| part_named(folder));
        Shelved { path, name: steps.join("/"), part, listed: true, folders: Vec::new() }
    }
}

impl Near {
    /// The place of a file below a gallery's folder.
    pub fn file(root: &Path, file: &Path) -> Near {
        let folder = file.parent().unwrap_or(Path::new(""));
        let folders = cleaned(&folder.strip_prefix(root).unwrap_or(Path::new("")).to_string_lossy());
        let part = folders.iter().find_map(|folder| part_named(folder)).or_else(|| part_of_file(file));
        Near { folders, part }
    }

    /// What the place says of the part.
    pub fn part(&self) -> Option<Part> {
        self.part
    }
}

impl Gallery {
    /// Lists folders, deeper ones included, without hidden files; names count from the first folder that holds a file.
    pub fn open(roots: &[&Path], steps: &Steps) -> Result<Gallery> {
        let mut gallery = Gallery::default();
        let mut seen = HashSet::new();
        for root in roots {
            let mut waiting = vec![root.to_path_buf()];
            while let Some(folder) = waiting.pop() {
                // A folder that a link leads back to is listed once.
                if !seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone())) {
                    continue;
                }
                let below = folder != **root;
                let found = match entries(&folder) {
                    // It went away meanwhile.
                    Err(_) if below && !folder.exists() => continue,
                    found => found?,
                };
                for (path, kind) in found {
                    steps.step()?;
                    let is_folder = if kind.is_symlink() { path.is_dir() } else { kind.is_dir() };
                    if is_folder {
                        waiting.push(path);
                    } else if kind.is_symlink() && !path.exists() {
                        gallery.broken.push(path);
                    } else if is_picture(&path) {
                        gallery.add(root, path);
                    } else {
                        gallery.others.push(path);
                    }
                }
            }
        }
        gallery.pictures.sort_by(|a, b| a.name.cmp(&b.name));
        gallery.others.sort();
        gallery.broken.sort();
        for (at, picture) in gallery.pictures.iter().enumerate() {
            let file = picture.name.rsplit('/').next().unwrap_or_default();
            gallery.by_stem.entry(stem(file).to_lowercase()).or_default().push(at);
        }
        Ok(gallery)
    }

    /// The same where the pictures lie in a folder that is told, and all other files elsewhere.
    pub fn apart(roots: &[&Path], pictures: Option<&Path>, steps: &Steps) -> Result<Gallery> {
        let files = Gallery::open(roots, steps)?;
        let Some(pictures) = pictures else { return Ok(files) };
        Ok(Gallery { others: files.others, ..Gallery::open(&[pictures], steps)? })
    }

    fn add(&mut self, root: &Path, path: PathBuf) {
        let below = path.strip_prefix(root).unwrap_or(&path);
        let steps: Vec<String> = below.iter().map(|step| composed(&step.to_string_lossy())).collect();
        let name = steps.join("/");
        let folders = steps[..steps.len().saturating_sub(1)].to_vec();
        let part = folders.iter().find_map(|folder| part_named(folder));
        self.pictures.push(Shelved { path, name, part, listed: true, folders: telling(folders) });
    }

    /// The picture that a name means: `a.jpg`, `train/a.jpg`, `C:\photos\a.jpg`, or `a` without an ending.
    pub fn find(&self, written: &str, near: &Near) -> Match {
        // A name with a blank at an end or a backslash in it is one too, where a file has it.
        if cleaned(written).join("/") != written
            && let Ok(at) = self.pictures.binary_search_by(|picture| picture.name.as_str().cmp(written))
        {
            return Match::One(at);
        }
        match self.find_cleaned(written, near) {
            Match::Nothing => match percent_decoded(written).map(|name| self.find_cleaned(&name, near)) {
                Some(Match::One(at)) => Match::Otherwise(at),
                Some(found) => found,
                None => Match::Nothing,
            },
            Match::One(at) if written.contains('\\') => Match::Otherwise(at),
            found => found,
        }
    }

    fn find_cleaned(&self, written: &str, near: &Near) -> Match {
        let mut steps = cleaned(written);
        let Some(file) = steps.pop() else { return Match::Nothing };
        let among = self.by_stem.get(&stem(&file).to_lowercase());
        let found = self.best(among, &file, near.folders.iter().cloned().chain(steps).collect(), near);
        match found {
            // Where no ending is written, none differs.
            Match::Otherwise(at) if stem(&file) == file && self.has_stem(at, &file) => Match::One(at),
            found => found,
        }
    }

    fn has_stem(&self, at: usize, wanted: &str) -> bool {
        stem(self.pictures[at].name.rsplit('/').next().unwrap_or_default()) == wanted
    }

    /// The picture beside which a file of this path stands, or whose folder is its folder's counterpart.
    pub fn beside(&self, root: &Path, file: &Path) -> Match {
        let stem = composed(&file.file_stem().unwrap_or_default().to_string_lossy());
        let near = Near::file(root, file);
        let found = self.best(self.by_stem.get(&stem.to_lowercase()), &stem, near.folders.clone(), &near);
        // It has another ending as a matter of course.
        match found {
            Match::Otherwise(at) => Match::One(at),
            found => found,
        }
    }

    /// Of some pictures the one whose name and folders agree best.
    fn best(&self, among: Option<&Vec<usize>>, file: &str, folders: Vec<String>, near: &Near) -> Match {
        let folders = telling(folders);
        let score = |at: usize| {
            let picture = &self.pictures[at];
            let own = picture.name.rsplit('/').next().unwrap_or_default();
            let spelling = match () {
                () if own == file => 3,
                () if stem(own) == stem(file) => 2,
                () if own.to_lowercase() == file.to_lowercase() => 1,
                () => 0,
            };
            let shared = picture.folders.iter().rev().zip(folders.iter().rev()).take_while(|(a, b)| a == b).count();
            (spelling, shared, picture.folders == folders, near.part.is_some() && picture.part == near.part)
        };
        let mut scored: Vec<_> = among.into_iter().flatten().map(|at| (score(*at), *at)).collect();
        let Some(best) = scored.iter().map(|(score, _)| *score).max() else { return Match::Nothing };
        scored.retain(|(score, _)| *score == best);
        match scored[..] {
            [((3, ..), at)] => Match::One(at),
            [(_, at)] => Match::Otherwise(at),
            _ => Match::Several(scored.into_iter().map(|(_, at)| at).collect()),
        }
    }

    /// The first picture's name, to show how names look here.
    pub fn sample(&self) -> String {
        self.pictures.first().map_or("a picture".to_owned(), |picture| format!("`{}`", picture.name))
    }
}

/// What lies in a folder, sorted, without hidden files and what archives of other systems leave behind.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, std::fs::FileType)>> {
    let failed = |error: std::io::Error| {
        Error::new(format!("the folder `{}` cannot be listed", folder.display()))
            .caused_by(error)
            .remedy("check the path and that you may read it")
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && name != "__MACOSX" {
            found.push((entry.path(), entry.file_type().map_err(failed)?));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_their_pictures() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in
            ["train/images/a.jpg", "val/images/a.jpg", "train/images/b c.PNG", "deep/e\u{301}.jpg", "x.rf.1.jpg"]
        {
            std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            std::fs::write(root.join(name), b"").unwrap();
        }
        let gallery = Gallery::open(&[root], &Steps::new("", 0)).unwrap();
        let name = |found: Match| match found {
            Match::One(at) => gallery.pictures[at].name.clone(),
            Match::Otherwise(at) => format!("~{}", gallery.pictures[at].name),
            Match::Several(many) => format!("{}", many.len()),
            Match::Nothing => "0".to_owned(),
        };
        let find = |written: &str| name(gallery.find(written, &Near::default()));
        assert_eq!(find("a.jpg"), "2");
        assert_eq!(find("train/a.jpg"), "train/images/a.jpg");
        assert_eq!(find("../val/images/a.jpg"), "val/images/a.jpg");
        assert_eq!(find("/home/me/set/val/a.jpg"), "val/images/a.jpg");
        assert_eq!(find("C:\\set\\val\\a.jpg"), "~val/images/a.jpg");
        assert_eq!(find("b%20c.PNG"), "~train/images/b c.PNG");
        assert_eq!(find("b c.png"), "~train/images/b c.PNG");
        assert_eq!(find("b c.jpg"), "~train/images/b c.PNG");
        assert_eq!(find("\u{e9}.jpg"), "deep/\u{e9}.jpg");
        assert_eq!(find("x.rf.1"), "x.rf.1.jpg");
        assert_eq!((find("c.jpg"), find(""), find("%zz%")), ("0".to_owned(), "0".to_owned(), "0".to_owned()));
        std::fs::write(root.join(" d\\e\n.jpg"), b"").unwrap();
        let odd = Gallery::open(&[root], &Steps::new("", 0)).unwrap();
        assert!(matches!(odd.find(" d\\e\n.jpg", &Near::default()), Match::One(0)));
        let near = Near::file(root, &root.join("annotations/instances_val2017.json"));
        assert_eq!(name(gallery.find("a.jpg", &near)), "val/images/a.jpg");
        let near = Near::file(root, &root.join("train/_annotations.coco.json"));
        assert_eq!(name(gallery.find("a.jpg", &near)), "train/images/a.jpg");
        assert_eq!(name(gallery.beside(root, &root.join("val/labels/a.txt"))), "val/images/a.jpg");
        assert_eq!(name(gallery.beside(root, &root.join("x.rf.1.xml"))), "x.rf.1.jpg");
        assert_eq!(part_of_file(Path::new("x/instances_train2017.json")), Some(Part::Train));
        assert_eq!(part_of_file(Path::new("x/contest.json")), None);
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_circle_and_to_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.jpg"), b"").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
        std::os::unix::fs::symlink("nowhere.jpg", folder.path().join("b.jpg")).unwrap();
        let gallery = Gallery::open(&[folder.path()], &Steps::new("", 0)).unwrap();
        assert_eq!((gallery.pictures.len(), gallery.broken.len()), (1, 1));
    }
}

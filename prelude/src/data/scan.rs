//! Lists a folder of pictures and names what is wrong with it.

use super::annotations::{self, Boxes};
use super::decode::ENDINGS;
use super::folder::{Part, Sample};
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a folder holds: the classes, the pictures, and whether its own folders say which are for validation.
pub(super) struct Scan {
    pub classes: Vec<String>,
    pub samples: Vec<Sample>,
    pub parted: bool,
}

/// The names that folders of a data set's parts go by.
const PARTS: [(&str, Part); 6] = [
    ("train", Part::Train),
    ("training", Part::Train),
    ("val", Part::Valid),
    ("valid", Part::Valid),
    ("validation", Part::Valid),
    ("test", Part::Test),
];

/// Lists `root`: class folders, or train/ and val/ (or test/) folders that hold class folders.
pub(super) fn scan(root: &Path) -> Result<Scan> {
    if !root.is_dir() {
        let what = if root.exists() { "is a file, not a folder" } else { "does not exist" };
        let here = std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default();
        return Err(Error::new(format!("the folder `{}` {what}", root.display()))
            .remedy(format!("check the path; cells run in `{here}`, or give the path in full")));
    }
    let folders = folders(root)?;
    let mut parts: Vec<(PathBuf, Part)> = Vec::new();
    for (path, name) in &folders {
        if let Some((_, part)) = PARTS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)) {
            parts.push((path.clone(), *part));
        }
    }
    let has = |part| parts.iter().any(|(_, p)| *p == part);
    let parted = has(Part::Train) && (has(Part::Valid) || has(Part::Test));
    if !parted {
        return flat(root, &folders);
    }
    if !has(Part::Valid) {
        parts.iter_mut().filter(|(_, part)| *part == Part::Test).for_each(|(_, part)| *part = Part::Valid);
    }
    let mut scans = Vec::new();
    let mut names = BTreeSet::new();
    for (path, part) in &parts {
        let found = self::folders(path)?;
        if found.is_empty() {
            return Err(no_classes(path)?);
        }
        names.extend(found.iter().map(|(_, name)| name.clone()));
        scans.push((path, *part, found));
    }
    let classes: Vec<String> = names.into_iter().collect();
    let boxes = annotations::read(root)?;
    let mut samples = Vec::new();
    for (path, part, found) in &scans {
        let part_name = path.file_name().unwrap_or_default().to_string_lossy();
        for (class, name) in classes.iter().enumerate() {
            let Some((folder, _)) = found.iter().find(|(_, have)| have == name) else {
                return Err(Error::new(format!(
                    "class `{name}` has no folder in `{part_name}/` of `{}`",
                    root.display()
                ))
                .remedy(format!("add `{part_name}/{name}/` with pictures, or remove the class from the other parts")));
            };
            let own = annotations::read(path)?;
            list(folder, root, class, *part, &mut samples, &[(root, &boxes), (path, &own)], &classes)?;
        }
    }
    check_count(root, &classes)?;
    Ok(Scan { classes, samples, parted: true })
}

/// A folder of class folders.
fn flat(root: &Path, folders: &[(PathBuf, String)]) -> Result<Scan> {
    if folders.is_empty() {
        return Err(no_classes(root)?);
    }
    let classes: Vec<String> = folders.iter().map(|(_, name)| name.clone()).collect();
    check_count(root, &classes)?;
    let boxes = annotations::read(root)?;
    let mut samples = Vec::new();
    for (class, (folder, _)) in folders.iter().enumerate() {
        list(folder, root, class, Part::Train, &mut samples, &[(root, &boxes)], &classes)?;
    }
    Ok(Scan { classes, samples, parted: false })
}

/// A folder with one class teaches nothing.
fn check_count(root: &Path, classes: &[String]) -> Result<()> {
    match classes {
        [one] => Err(Error::new(format!("`{}` holds one class only, `{one}`", root.display()))
            .remedy("a classifier needs two classes at least: add a folder with pictures of something else")),
        _ => Ok(()),
    }
}

/// Adds the pictures of one class folder, deeper folders included.
fn list(
    folder: &Path,
    root: &Path,
    class: usize,
    part: Part,
    samples: &mut Vec<Sample>,
    boxes: &[(&Path, &Option<Boxes>)],
    classes: &[String],
) -> Result<()> {
    let before = samples.len();
    let mut others = 0;
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for path in entries(&next)? {
            if path.is_dir() {
                waiting.push(path);
            } else if is_picture(&path) {
                let mut found = Vec::new();
                for (base, boxes) in boxes {
                    if let (Some(boxes), Ok(name)) = (boxes, path.strip_prefix(base)) {
                        found.extend(boxes.of(name, classes)?);
                    }
                }
                let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
                samples.push(Sample { path, name, class, part, boxes: found });
            } else {
                others += 1;
            }
        }
    }
    samples[before..].sort_by(|a, b| a.path.cmp(&b.path));
    if samples.len() == before {
        let name = &classes[class];
        let found = match others {
            0 => "nothing".to_owned(),
            n => format!("{n} files of other kinds"),
        };
        return Err(Error::new(format!("class `{name}` has no pictures: `{}` holds {found}", folder.display()))
            .remedy(format!("put pictures in it ({}), or remove the folder", ENDINGS.join(", "))));
    }
    Ok(())
}

/// What to say where class folders were expected.
fn no_classes(folder: &Path) -> Result<Error> {
    let pictures = entries(folder)?.iter().filter(|path| is_picture(path)).count();
    let found = match pictures {
        0 => "no folders".to_owned(),
        n => format!("{n} pictures but no folders"),
    };
    Ok(Error::new(format!("`{}` holds {found}; expected one folder a class", folder.display()))
        .remedy("put the pictures of each class in a folder with the class's name: photos/cat/…, photos/dog/…"))
}

/// Whether the ending of a file name is one of a picture.
fn is_picture(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    ENDINGS.contains(&ending.as_str())
}

/// The folders in a folder with their names, sorted.
fn folders(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let named = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (path, name)
    };
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).map(named).collect())
}

/// What lies in a folder, sorted by name, without hidden files and what archives of other systems leave behind.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| {
        Error::new(format!("the folder `{}` cannot be listed", folder.display()))
            .caused_by(error)
            .remedy("check that you may read it")
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && name != "__MACOSX" {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

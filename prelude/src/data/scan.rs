//! Lists a folder of pictures and names what is wrong with it.

use super::annotations::{self, Boxes};
use super::decode::ENDINGS;
use super::{Part, Sample};
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a folder holds: the classes, the pictures, and whether its own folders say which are for validation.
pub(super) struct Scan {
    pub classes: Vec<String>,
    pub samples: Vec<Sample>,
    pub parted: bool,
    /// What was left out for want of pictures, a sentence each.
    pub left_out: Vec<String>,
    /// The name of the folder of training pictures, where it holds all there is.
    pub lone: Option<String>,
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

/// A folder of a part, and the class folders in it.
struct PartFolder {
    path: PathBuf,
    name: String,
    part: Part,
    classes: Vec<ClassFolder>,
}

/// A class folder: the pictures in it, and how many files of other kinds.
struct ClassFolder {
    name: String,
    path: PathBuf,
    pictures: Vec<PathBuf>,
    others: usize,
}

/// Lists `root`: class folders, or train/ and val/ (or test/) folders that hold class folders, or train/ alone.
pub(super) fn scan(root: &Path) -> Result<Scan> {
    if !root.is_dir() {
        let what = if root.exists() { "is a file, not a folder" } else { "does not exist" };
        let here = std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default();
        return Err(Error::new(format!("the folder `{}` {what}", root.display()))
            .remedy(format!("check the path; cells run in `{here}`, or give the path in full")));
    }
    let folders = folders(root)?;
    let (mut parts, mut left_out) = (Vec::new(), Vec::new());
    for (path, name) in &folders {
        let Some((_, part)) = PARTS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)) else { continue };
        if *part != Part::Train && entries(path)?.is_empty() {
            left_out.push(format!("`{name}/` is left out: it holds nothing"));
            continue;
        }
        parts.push((path.clone(), name.clone(), *part));
    }
    let has = |parts: &[(PathBuf, String, Part)], wanted| parts.iter().any(|(_, _, part)| *part == wanted);
    let (trains, validates) = (has(&parts, Part::Train), has(&parts, Part::Valid));
    let parted = trains && (validates || has(&parts, Part::Test));
    let mut lone = None;
    match &parts[..] {
        _ if parted && validates => {}
        _ if parted => {
            parts.iter_mut().filter(|(_, _, part)| *part == Part::Test).for_each(|(_, _, part)| *part = Part::Valid);
        }
        [(path, name, Part::Train)] if holds_all(path, &folders)? => lone = Some(name.clone()),
        _ => (parts, left_out) = (vec![(root.to_path_buf(), String::new(), Part::Train)], Vec::new()),
    }
    let parts =
        parts.into_iter().map(|(path, name, part)| Ok(PartFolder { classes: classes(&path)?, path, name, part }));
    let parts = parts.collect::<Result<Vec<_>>>()?;
    let classes = kept(root, &parts, &mut left_out)?;
    let samples = samples(root, &parts, &classes)?;
    Ok(Scan { classes, samples, parted, left_out, lone })
}

/// Whether the folder of training pictures holds class folders, and the folders beside it no pictures.
fn holds_all(train: &Path, folders: &[(PathBuf, String)]) -> Result<bool> {
    for (path, _) in folders.iter().filter(|(path, _)| path != train) {
        if !pictures(path)?.0.is_empty() {
            return Ok(false);
        }
    }
    Ok(!self::folders(train)?.is_empty())
}

/// The class folders in a folder.
fn classes(folder: &Path) -> Result<Vec<ClassFolder>> {
    let found = folders(folder)?;
    if found.is_empty() {
        return Err(no_classes(folder)?);
    }
    let one = |(path, name): (PathBuf, String)| {
        let (pictures, others) = pictures(&path)?;
        Ok(ClassFolder { name, path, pictures, others })
    };
    found.into_iter().map(one).collect()
}

/// The names of the classes that can be learned; those without pictures to train on are left out with a word.
fn kept(root: &Path, parts: &[PartFolder], left_out: &mut Vec<String>) -> Result<Vec<String>> {
    let names: BTreeSet<&String> = parts.iter().flat_map(|part| part.classes.iter().map(|class| &class.name)).collect();
    let (mut kept, mut empty) = (Vec::new(), Vec::new());
    for name in names {
        let folders: Vec<(&PartFolder, Option<&ClassFolder>)> =
            parts.iter().map(|part| (part, part.classes.iter().find(|class| class.name == *name))).collect();
        let count = |train: bool| -> usize {
            let own = folders.iter().filter(|(part, _)| (part.part == Part::Train) == train);
            own.filter_map(|(_, class)| Some(class.as_ref()?.pictures.len())).sum()
        };
        let (trained, measured) = (count(true), count(false));
        if trained + measured > 0
            && let Some((part, _)) = folders.iter().find(|(_, class)| class.is_none())
        {
            let part = &part.name;
            return Err(Error::new(format!("class `{name}` has no folder in `{part}/` of `{}`", root.display()))
                .remedy(format!("add `{part}/{name}/` with pictures, or remove the class from the other parts")));
        }
        let bare = folders.iter().filter_map(|(part, class)| Some((part, class.as_ref()?)));
        let bare: Vec<_> = bare.filter(|(_, class)| class.pictures.is_empty()).collect();
        if trained == 0 {
            let others = bare.iter().map(|(_, class)| class.others).sum::<usize>();
            let why = match (measured, others) {
                (0, 0) => "its folder holds nothing".to_owned(),
                (0, n) => format!("its folder holds {n} files of other kinds and no pictures"),
                (n, _) => format!("it has {n} pictures to be measured on, but none to train on"),
            };
            left_out.push(format!("class `{name}` is left out: {why}"));
            empty.push(format!("`{name}`"));
            continue;
        }
        for (part, class) in bare {
            let folder = class.path.strip_prefix(root).unwrap_or(&class.path).display();
            left_out.push(format!("`{folder}/` holds no pictures: class `{name}` has none in `{}/`", part.name));
        }
        kept.push(name.clone());
    }
    let without =
        |what: String| if empty.is_empty() { what } else { format!("{what}; no pictures in {}", empty.join(", ")) };
    let pictures = format!("with pictures in it ({})", ENDINGS.join(", "));
    match &kept[..] {
        [] => Err(Error::new(without(format!("no class folder of `{}` holds pictures to train on", root.display())))
            .remedy(format!("a classifier needs two classes at least, each a folder {pictures}"))),
        [one] => Err(Error::new(without(format!("`{}` holds one class only, `{one}`", root.display())))
            .remedy(format!("a classifier needs two classes at least: add a folder of something else {pictures}"))),
        _ => Ok(kept),
    }
}

/// The pictures of the classes that are kept, with their boxes.
fn samples(root: &Path, parts: &[PartFolder], classes: &[String]) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let all = annotations::read(root)?;
    for PartFolder { path, part, classes: folders, .. } in parts {
        let own = if path == root { None } else { annotations::read(path)? };
        let boxes: [(&Path, &Option<Boxes>); 2] = [(root, &all), (path, &own)];
        for (class, name) in classes.iter().enumerate() {
            for picture in folders.iter().filter(|folder| folder.name == *name).flat_map(|folder| &folder.pictures) {
                let mut found = Vec::new();
                for (base, boxes) in boxes {
                    if let (Some(boxes), Ok(name)) = (boxes, picture.strip_prefix(base)) {
                        found.extend(boxes.of(name, classes)?);
                    }
                }
                let name = picture.strip_prefix(root).unwrap_or(picture).display().to_string();
                samples.push(Sample { path: picture.clone(), name, class, part: *part, boxes: found });
            }
        }
    }
    Ok(samples)
}

/// The pictures in a folder, deeper ones included, sorted; and how many files of other kinds.
fn pictures(folder: &Path) -> Result<(Vec<PathBuf>, usize)> {
    let (mut pictures, mut others) = (Vec::new(), 0);
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for path in entries(&next)? {
            if path.is_dir() {
                waiting.push(path);
            } else if is_picture(&path) {
                pictures.push(path);
            } else {
                others += 1;
            }
        }
    }
    pictures.sort();
    Ok((pictures, others))
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

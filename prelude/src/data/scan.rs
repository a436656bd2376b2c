//! Lists a folder of pictures and names what is wrong with it.

use super::annotations::{self, FolderBoxes};
use super::decode::ENDINGS;
use super::names::composed;
use super::{Part, Sample};
use crate::show::Steps;
use crate::words::count;
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
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

/// A class folder and what is in it.
struct ClassFolder {
    name: String,
    path: PathBuf,
    found: Found,
}

/// What a folder holds, deeper folders included.
#[derive(Default)]
struct Found {
    /// Sorted.
    pictures: Vec<PathBuf>,
    /// How many files of other kinds, by their endings.
    others: BTreeMap<String, usize>,
    /// Links to folders that are counted elsewhere.
    links: Vec<PathBuf>,
}

impl Found {
    /// Takes what another folder of the same class holds.
    fn add(&mut self, other: Found) {
        self.pictures.extend(other.pictures);
        self.pictures.sort();
        self.links.extend(other.links);
        for (kind, count) in other.others {
            *self.others.entry(kind).or_default() += count;
        }
    }

    /// The files of other kinds: `2 .heic, 1 .tif`.
    fn kinds(&self) -> String {
        self.others.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
    }
}

/// Lists `root`: class folders, or train/ and val/ (or test/) folders that hold class folders, or train/ alone.
pub(super) fn scan(root: &Path) -> Result<Scan> {
    if !root.is_dir() {
        let what = if root.exists() { "is a file, not a folder" } else { "does not exist" };
        let ending = root.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let remedy = match ending.as_str() {
            "csv" | "tsv" if root.exists() => {
                "a list of pictures is read by `ImageFolder::csv(\"list.csv\")?`, one of texts by `TextTable::csv`"
                    .to_owned()
            }
            "zip" | "gz" | "tar" | "7z" | "rar" if root.exists() => "unpack it, and name the folder".to_owned(),
            _ => crate::paths::remedy(root),
        };
        return Err(Error::new(format!("the folder `{}` {what}", root.display())).remedy(remedy));
    }
    let steps = Steps::new("listing files", 0);
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
        [(path, name, Part::Train)] if holds_all(path, &folders, &steps)? => lone = Some(name.clone()),
        _ => (parts, left_out) = (vec![(root.to_path_buf(), String::new(), Part::Train)], Vec::new()),
    }
    let mut opened = Vec::new();
    for (path, name, part) in parts {
        opened.push(PartFolder { classes: classes(&path, &steps, &mut left_out)?, path, name, part });
    }
    let classes = kept(root, &opened, &mut left_out)?;
    let samples = samples(root, &opened, &classes, &mut left_out, &steps)?;
    Ok(Scan { classes, samples, parted, left_out, lone })
}

/// Whether the folder of training pictures holds class folders, and the folders beside it no pictures.
fn holds_all(train: &Path, folders: &[(PathBuf, String)], steps: &Steps) -> Result<bool> {
    for (path, _) in folders.iter().filter(|(path, _)| path != train) {
        if !pictures(path, steps)?.pictures.is_empty() {
            return Ok(false);
        }
    }
    Ok(!self::folders(train)?.is_empty())
}

/// The class folders in a folder. Two whose names look alike are one class, with a word.
fn classes(folder: &Path, steps: &Steps, left_out: &mut Vec<String>) -> Result<Vec<ClassFolder>> {
    let found = folders(folder)?;
    if found.is_empty() {
        return Err(no_classes(folder)?);
    }
    let mut classes: Vec<ClassFolder> = Vec::new();
    for (path, name) in found {
        let name = composed(&name);
        let found = pictures(&path, steps)?;
        match classes.iter_mut().find(|class| class.name == name) {
            Some(class) => {
                class.found.add(found);
                left_out.push(format!("two folders `{name}/` are one class: Unicode writes their accents in two ways"));
            }
            None => classes.push(ClassFolder { name, path, found }),
        }
    }
    Ok(classes)
}

/// The names of the classes that can be learned; those without pictures to train on are left out with a word.
fn kept(root: &Path, parts: &[PartFolder], left_out: &mut Vec<String>) -> Result<Vec<String>> {
    let names: BTreeSet<&String> = parts.iter().flat_map(|part| part.classes.iter().map(|class| &class.name)).collect();
    let (mut kept, mut empty) = (Vec::new(), Vec::new());
    for name in names {
        let folders: Vec<(&PartFolder, Option<&ClassFolder>)> =
            parts.iter().map(|part| (part, part.classes.iter().find(|class| class.name == *name))).collect();
        let holds = |train: bool| -> usize {
            let own = folders.iter().filter(|(part, _)| (part.part == Part::Train) == train);
            own.filter_map(|(_, class)| Some(class.as_ref()?.found.pictures.len())).sum()
        };
        let (trained, measured) = (holds(true), holds(false));
        if trained + measured > 0
            && let Some((part, _)) = folders.iter().find(|(_, class)| class.is_none())
        {
            let alike = |class: &&ClassFolder| class.name.to_lowercase() == name.to_lowercase();
            let alike = part.classes.iter().find(alike).map(|class| class.name.clone());
            let part = &part.name;
            return Err(Error::new(format!("class `{name}` has no folder in `{part}/` of `{}`", root.display()))
                .remedy(match alike {
                    Some(other) => format!("its `{part}/{other}/` differs in capitals alone: give both one name"),
                    None => format!("add `{part}/{name}/` with pictures, or remove the class from the other parts"),
                }));
        }
        let bare = folders.iter().filter_map(|(part, class)| Some((part, class.as_ref()?)));
        let bare: Vec<_> = bare.filter(|(_, class)| class.found.pictures.is_empty()).collect();
        if trained == 0 {
            let others = bare.iter().flat_map(|(_, class)| class.found.others.values()).sum::<usize>();
            let why = match (measured, others) {
                (0, 0) => "its folder holds nothing".to_owned(),
                (0, n) => format!("its folder holds {} of other kinds and no pictures", count(n, "file")),
                (n, _) => format!("it has {} to be measured on, but none to train on", count(n, "picture")),
            };
            left_out.push(format!("class `{name}` is left out: {why}"));
            empty.push(format!("`{name}`"));
            continue;
        }
        for (part, class) in bare {
            let folder = class.path.strip_prefix(root).unwrap_or(&class.path).display();
            left_out.push(format!("`{folder}/` holds no pictures: class `{name}` has none in `{}/`", part.name));
        }
        for class in folders.iter().filter_map(|(_, class)| *class).filter(|class| !class.found.pictures.is_empty()) {
            let folder = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
            for link in &class.found.links {
                left_out.push(format!("`{}` is left out: it links to a folder of this data set", folder(link)));
            }
            if !class.found.others.is_empty() {
                let kinds = class.found.kinds();
                left_out.push(format!("files of other kinds in `{}/` are left out: {kinds}", folder(&class.path)));
            }
        }
        kept.push(name.clone());
    }
    let without =
        |what: String| if empty.is_empty() { what } else { format!("{what}; no pictures in {}", empty.join(", ")) };
    let pictures = format!("with pictures in it ({})", ENDINGS.join(", "));
    match &kept[..] {
        [] => Err(Error::new(without(format!("no class folder of `{}` holds pictures to train on", root.display())))
            .remedy(format!("a classifier needs two classes at least, each a folder {pictures}"))),
        _ => Ok(kept),
    }
}

/// The pictures of the classes that are kept, with their boxes.
fn samples(
    root: &Path,
    parts: &[PartFolder],
    classes: &[String],
    left_out: &mut Vec<String>,
    steps: &Steps,
) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let mut all = annotations::read(root)?;
    for PartFolder { path, part, classes: folders, .. } in parts {
        let mut own = if path == root { None } else { annotations::read(path)? };
        let mut boxes: [(&Path, &mut Option<FolderBoxes>); 2] = [(root, &mut all), (path, &mut own)];
        for (class, name) in classes.iter().enumerate() {
            for picture in
                folders.iter().filter(|folder| folder.name == *name).flat_map(|folder| &folder.found.pictures)
            {
                steps.step()?;
                let mut found = Vec::new();
                for (base, boxes) in &mut boxes {
                    if let (Some(boxes), Ok(name)) = (boxes.as_mut(), picture.strip_prefix(&**base)) {
                        found.extend(boxes.of(name, picture, class, classes)?);
                    }
                }
                let name = picture.strip_prefix(root).unwrap_or(picture).display().to_string();
                samples.push(Sample { path: picture.clone(), name, class, part: *part, boxes: found, pixels: None });
            }
        }
        left_out.extend(own.iter().flat_map(FolderBoxes::remarks));
    }
    left_out.extend(all.iter().flat_map(FolderBoxes::remarks));
    Ok(samples)
}

/// All pictures in a folder, deeper folders included, sorted.
///
/// # Errors
/// When a folder cannot be listed, or the user interrupts.
pub(crate) fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(pictures(folder, &Steps::new("listing", 0))?.pictures)
}

/// What a folder holds. A link to a folder around it, or beside it, would have pictures of other classes count as its own.
fn pictures(folder: &Path, steps: &Steps) -> Result<Found> {
    let mut found = Found::default();
    let mut waiting = vec![folder.to_path_buf()];
    let own = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let is_elsewhere = |link: &Path| {
        let Ok(target) = link.canonicalize() else { return true };
        own.starts_with(&target) || own.parent().is_some_and(|around| target.starts_with(around))
    };
    while let Some(next) = waiting.pop() {
        for path in entries(&next)? {
            steps.step()?;
            if path.is_dir() && path.is_symlink() && is_elsewhere(&path) {
                found.links.push(path);
            } else if path.is_dir() {
                waiting.push(path);
            } else if is_picture(&path) {
                found.pictures.push(path);
            } else if !is_of_system(&path) {
                let kind = path
                    .extension()
                    .map_or("without an ending".to_owned(), |kind| format!(".{}", kind.to_string_lossy()));
                *found.others.entry(kind).or_default() += 1;
            }
        }
    }
    found.pictures.sort();
    found.links.sort();
    Ok(found)
}

/// Whether an operating system puts such a file into folders of its own accord.
fn is_of_system(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    ["thumbs.db", "desktop.ini"].contains(&name.as_str())
}

/// What to say where class folders were expected.
fn no_classes(folder: &Path) -> Result<Error> {
    let pictures = entries(folder)?.iter().filter(|path| is_picture(path)).count();
    let found = match pictures {
        0 => "no folders".to_owned(),
        n => format!("{} but no folders", count(n, "picture")),
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
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => match std::env::current_dir() {
                Ok(here) => format!("check the path; cells run in `{}`, or give it in full", here.display()),
                Err(_) => "check the path, or give it in full".to_owned(),
            },
            std::io::ErrorKind::NotADirectory => "give the folder in which the pictures lie, not a file".to_owned(),
            _ => "check that you may read it".to_owned(),
        };
        Error::new(format!("the folder `{}` cannot be listed", folder.display())).caused_by(error).remedy(remedy)
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

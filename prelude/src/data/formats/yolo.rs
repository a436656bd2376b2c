//! YOLO's text: a file a picture with a line an object, and a `data.yaml` that names parts and classes.

use super::Reading;
use super::data_yaml::{self, DataYaml, MOST_CLASSES};
use super::fault::{Fault, FaultKind, FaultLog, Spot};
use super::form::BoxForm;
use super::gallery::{Gallery, Match, Near};
use super::listing::{Extra, Listing, Object};
use super::settle::{Claim, Draft, Terms, below, folder_of, settle};
use super::text;
use super::yolo_lines::{self, ClassWord, LabelLine};
use crate::data::Part;
use crate::show::Steps;
use crate::{Error, Result};
use rayon::prelude::*;
use serde_json::value::to_raw_value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files that give the names of the classes, a line each, where there is no `data.yaml`.
pub(super) const NAME_LISTS: [&str; 6] =
    ["classes.txt", "obj.names", "classes.names", "labels.txt", "_darknet.labels", "predefined_classes.txt"];
/// Other texts that are no labels.
const OTHER_TEXTS: [&str; 8] =
    ["train.txt", "val.txt", "valid.txt", "test.txt", "readme.txt", "requirements.txt", "license.txt", "notes.txt"];

/// The folder, its files and what `data.yaml` says.
struct Setting {
    gallery: Gallery,
    root: PathBuf,
    yaml: Option<(PathBuf, DataYaml)>,
    /// `data.yaml` says which pictures are of which part.
    parted: bool,
}

/// Reads a folder, or what its `data.yaml` names.
pub(super) fn read(path: &Path, reading: &Reading) -> Result<Listing> {
    let mut faults = FaultLog::default();
    let mut setting = setting(path, reading, &mut faults)?;
    assign(&mut setting, reading.pictures.is_some(), &mut faults)?;
    let files: Vec<&PathBuf> = setting.gallery.others.iter().filter(|file| is_labels(file)).collect();
    let steps = Steps::new("reading boxes", files.len());
    let points = setting.yaml.as_ref().and_then(|(_, yaml)| yaml.points).map(|(count, each)| count * each);
    let texts: Vec<Result<LabelLines, Fault>> = files
        .par_iter()
        .map(|file| {
            steps.step()?;
            Ok(text::read(file, text::SMALL).map(|text| lines(&text, points)))
        })
        .collect::<Result<_>>()?;
    let (written, list, notes) = names(&setting, &texts)?;
    let names = ClassNumbers::new(written, &list, &mut faults);
    let (mut drafts, mut outlines) = (Vec::new(), 0);
    for (path, text) in files.into_iter().zip(texts) {
        let found = setting.gallery.beside(&setting.root, path);
        if let Match::One(at) | Match::Otherwise(at) = found
            && !setting.gallery.pictures[at].listed
        {
            continue;
        }
        let lines = match text {
            Ok(lines) => lines,
            Err(fault) if found == Match::Nothing && !in_labels(path) => {
                // A text about something else.
                drop(fault);
                continue;
            }
            Err(fault) => {
                faults.add(fault);
                continue;
            }
        };
        if found == Match::Nothing && !in_labels(path) && !lines.iter().any(|(_, line)| line.is_ok()) {
            continue;
        }
        outlines += lines.iter().flat_map(|(_, line)| line).filter(|line| !line.polygon.is_empty()).count();
        drafts.push(draft(&setting, path, found, lines, &names, reading, &mut faults));
    }
    if drafts.is_empty() && setting.gallery.pictures.is_empty() {
        return Err(Error::new(format!("`{}` holds neither pictures nor labels", setting.root.display()))
            .remedy("YOLO has `images/train/a.jpg` beside `labels/train/a.txt`, or both in one folder"));
    }
    if drafts.is_empty() {
        return Err(Error::new(format!("0 of {} pictures have a text with labels", setting.gallery.pictures.len()))
            .remedy(format!(
                "beside {} a file of the same name with `.txt` was expected, in the same folder or under `labels`",
                setting.gallery.sample()
            )));
    }
    let terms = Terms { things: "texts with labels", missing: FaultKind::NoPictureFor, all: true, total: None };
    let mut listing = settle(&setting.gallery, drafts, names.classes, faults, &terms)?;
    listing.notes.extend(notes);
    if outlines > 0 {
        listing.notes.push(format!("{outlines} lines are outlines: the boxes around them are read"));
    }
    Ok(listing)
}

/// The lines of a text that are not empty, with their numbers.
type LabelLines = Vec<(usize, Result<LabelLine, (FaultKind, String)>)>;

fn lines(text: &str, points: Option<usize>) -> LabelLines {
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    numbered.map(|(at, line)| (at + 1, yolo_lines::parse(line, points))).collect()
}

/// Whether a file may hold the labels of a picture.
fn is_labels(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.ends_with(".txt") && !NAME_LISTS.contains(&name.as_str()) && !OTHER_TEXTS.contains(&name.as_str())
}

/// Whether a file lies in a folder of labels.
fn in_labels(file: &Path) -> bool {
    file.iter().rev().skip(1).any(|folder| folder.eq_ignore_ascii_case("labels"))
}

/// Finds `data.yaml` and lists the folders.
fn setting(path: &Path, reading: &Reading, faults: &mut FaultLog) -> Result<Setting> {
    let own = folder_of(path);
    let yaml = if path.is_dir() { yaml_of(path, faults)? } else { Some(yaml(path)?) };
    let mut roots = vec![own.clone()];
    if let Some((file, yaml)) = &yaml {
        let own = folder_of(file);
        let base = base(yaml, &own);
        roots = vec![base.clone()];
        // Folders elsewhere that it names in full.
        let written = yaml.parts.iter().flat_map(|(_, paths)| paths);
        for found in written.filter_map(|written| data_yaml::resolved(written, &base, &own)) {
            let folder = if found.is_dir() { found } else { folder_of(&found) };
            if !roots.iter().any(|root| is_within(&folder, root)) {
                let labels = folder.parent().map(|around| around.join("labels"));
                roots.push(folder);
                roots.extend(labels.filter(|labels| labels.is_dir()));
            }
        }
    }
    let paths: Vec<&Path> = roots.iter().map(PathBuf::as_path).collect();
    let gallery = Gallery::apart(&paths, reading.pictures.as_deref(), &Steps::new("listing files", 0))?;
    Ok(Setting { gallery, root: roots.swap_remove(0), yaml, parted: false })
}

/// The folder from which the paths of a `data.yaml` count.
fn base(yaml: &DataYaml, own: &Path) -> PathBuf {
    let found = yaml.path.as_ref().and_then(|path| data_yaml::resolved(path, own, own));
    found.filter(|folder| folder.is_dir()).unwrap_or_else(|| own.to_path_buf())
}

fn is_within(path: &Path, folder: &Path) -> bool {
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => false,
    }
}

fn yaml(path: &Path) -> Result<(PathBuf, DataYaml)> {
    match data_yaml::read(path) {
        Ok(yaml) => Ok((path.to_path_buf(), yaml)),
        Err(fault) => Err(Error::new(format!("`{}` cannot be read: {fault}", path.display()))
            .remedy("expected `train:`, `val:` and `names:` with the classes")),
    }
}

/// The file of a folder that names parts and classes, where there is one.
fn yaml_of(folder: &Path, faults: &mut FaultLog) -> Result<Option<(PathBuf, DataYaml)>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|error| Error::new(format!("the folder `{}` cannot be listed", folder.display())).caused_by(error))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml"))
        .collect();
    files.sort_by_key(|file| (file.file_name().is_none_or(|name| name != "data.yaml"), file.clone()));
    for file in files {
        match data_yaml::read(&file) {
            Ok(yaml) if !yaml.names.is_empty() => return Ok(Some((file, yaml))),
            Ok(_) => {}
            Err(fault) if file.file_name().is_some_and(|name| name == "data.yaml") => faults.add(fault),
            Err(_) => {}
        }
    }
    Ok(None)
}

/// Gives the pictures the parts that `data.yaml` says; those that it names nowhere do not belong to the data set.
fn assign(setting: &mut Setting, apart: bool, faults: &mut FaultLog) -> Result<()> {
    let Some((file, yaml)) = &setting.yaml else { return Ok(()) };
    let own = folder_of(file);
    let base = base(yaml, &own);
    let mut folders: HashMap<&Path, PathBuf> = HashMap::new();
    for folder in setting.gallery.pictures.iter().filter_map(|picture| picture.path.parent()) {
        folders.entry(folder).or_insert_with(|| folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf()));
    }
    let mut parts: HashMap<usize, Part> = HashMap::new();
    for (part, written) in yaml.parts.iter().flat_map(|(part, paths)| paths.iter().map(|path| (*part, path))) {
        let Some(found) = data_yaml::resolved(written, &base, &own) else {
            // Where the pictures are told to be elsewhere, they are not expected here.
            if apart {
                continue;
            }
            let what = format!("`{written}`, which holds the part `{}`, is not there", part.as_str());
            faults.add(Fault::new(FaultKind::MissingFolder, file, Spot::Whole, what));
            continue;
        };
        if found.is_dir() {
            let folder = found.canonicalize().unwrap_or(found);
            for (at, picture) in setting.gallery.pictures.iter().enumerate() {
                let path = picture.path.parent().and_then(|own| folders.get(own));
                if path.is_some_and(|path| path.starts_with(&folder)) {
                    parts.entry(at).or_insert(part);
                }
            }
            continue;
        }
        let text = match text::read(&found, text::SMALL) {
            Ok(text) => text,
            Err(fault) => {
                faults.add(fault);
                continue;
            }
        };
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            crate::interrupt::check()?;
            match setting.gallery.find(line, &Near::default()) {
                Match::One(at) | Match::Otherwise(at) => drop(parts.entry(at).or_insert(part)),
                Match::Several(_) => {
                    let what = format!("`{}` may be several pictures", line.trim());
                    faults.add(Fault::new(FaultKind::Ambiguous, &found, Spot::Line(at + 1), what).of(line.trim()));
                }
                Match::Nothing => {
                    let what = format!("there is no picture `{}`", line.trim());
                    faults.add(Fault::new(FaultKind::MissingPicture, &found, Spot::Line(at + 1), what).of(line.trim()));
                }
            }
        }
    }
    if !parts.is_empty() {
        setting.parted = true;
        for (at, picture) in setting.gallery.pictures.iter_mut().enumerate() {
            picture.part = parts.get(&at).copied();
            picture.listed = picture.part.is_some();
        }
    }
    Ok(())
}

/// The names of the classes by number, the file that gives them, and what is to be said of it.
fn names(setting: &Setting, texts: &[Result<LabelLines, Fault>]) -> Result<(Vec<String>, PathBuf, Option<String>)> {
    if let Some((file, yaml)) = setting.yaml.as_ref().filter(|(_, yaml)| !yaml.names.is_empty()) {
        return Ok((yaml.names.clone(), file.clone(), None));
    }
    let is_list = |file: &&PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        NAME_LISTS.contains(&name.as_str())
    };
    if let Some(file) = setting.gallery.others.iter().find(is_list) {
        let text = text::read(file, text::SMALL).map_err(|fault| {
            Error::new(format!("the names of the classes cannot be read: {fault}")).remedy(fault.remedy.into_owned())
        })?;
        let names: Vec<String> = text.trim_end().lines().map(super::class_name).take(MOST_CLASSES).collect();
        return Ok((
            names,
            file.clone(),
            Some(format!("the classes' names are those of `{}`", below(&setting.root, file))),
        ));
    }
    let lines = texts.iter().flatten().flatten().filter_map(|(_, line)| line.as_ref().ok());
    let numbers = lines.filter_map(|line| if let ClassWord::Number(number) = line.class { Some(number) } else { None });
    let most = numbers.filter(|number| *number < 10_000).max();
    let names = most.map_or(Vec::new(), |most| (0..=most).map(|number| number.to_string()).collect());
    Ok((
        names,
        setting.root.clone(),
        Some("no file names the classes: they go by their numbers; a `classes.txt` has a name a line".to_owned()),
    ))
}

/// Classes by the numbers that lines write.
struct ClassNumbers {
    classes: Vec<String>,
    by_number: Vec<usize>,
}

impl ClassNumbers {
    fn new(written: Vec<String>, file: &Path, faults: &mut FaultLog) -> ClassNumbers {
        let (mut classes, mut by_number, mut places): (Vec<String>, Vec<usize>, HashMap<String, usize>) =
            Default::default();
        for (number, name) in written.into_iter().enumerate() {
            let name = if name.is_empty() { number.to_string() } else { name };
            if let Some(place) = places.get(&name) {
                let what = format!("class {number} has the name `{name}` of class {place}: they are read as one");
                faults.add(Fault::new(FaultKind::DuplicateId, file, Spot::Whole, what));
                by_number.push(*place);
                continue;
            }
            places.insert(name.clone(), classes.len());
            by_number.push(classes.len());
            classes.push(name);
        }
        ClassNumbers { classes, by_number }
    }

    fn class(&self, word: &ClassWord) -> Result<usize, (FaultKind, String)> {
        let beyond = |number: &dyn std::fmt::Display| {
            let what =
                format!("there is no class {number}, the names have 0 to {}", self.by_number.len().saturating_sub(1));
            (FaultKind::ClassOutOfRange, what)
        };
        match word {
            ClassWord::Number(number) => {
                let at = usize::try_from(*number).ok().and_then(|number| self.by_number.get(number));
                at.copied().ok_or_else(|| beyond(number))
            }
            ClassWord::Odd(word) => Err(beyond(word)),
            ClassWord::Name(name) => {
                let place = self.classes.iter().position(|class| class == name);
                place.ok_or_else(|| {
                    (FaultKind::UnknownClass, format!("there is no class `{}`", super::fault::shortened(name, 40)))
                })
            }
        }
    }
}

/// What one text says.
fn draft(
    setting: &Setting,
    path: &Path,
    found: Match,
    lines: LabelLines,
    names: &ClassNumbers,
    reading: &Reading,
    faults: &mut FaultLog,
) -> Draft {
    let written = below(&setting.root, path);
    let picture = match found {
        Match::One(at) | Match::Otherwise(at) => setting.gallery.pictures[at].name.clone(),
        _ => written.clone(),
    };
    let mut claims = Vec::with_capacity(lines.len());
    for (number, line) in lines {
        let mut fault = |(kind, what): (FaultKind, String)| {
            faults.add(Fault::new(kind, path, Spot::Line(number), what).of(&picture))
        };
        let line = match line {
            Ok(line) => line,
            Err(why) => {
                fault(why);
                continue;
            }
        };
        let class = match names.class(&line.class) {
            Ok(class) => class,
            Err(why) => {
                fault(why);
                continue;
            }
        };
        if line.comma {
            fault((FaultKind::DecimalComma, "the line has commas before decimals".to_owned()));
        }
        let form = if line.polygon.is_empty() { reading.form.unwrap_or(BoxForm::Centre) } else { BoxForm::Centre };
        let mut extra = Extra::new();
        for (key, numbers) in [("polygon", &line.polygon), ("points", &line.points)] {
            if let (false, Ok(raw)) = (numbers.is_empty(), to_raw_value(numbers)) {
                extra.insert(key.to_owned(), raw);
            }
        }
        // Labels with a sixth number are what a network wrote.
        let (score, automatic) = (line.score, line.score.is_some());
        let object = Object { class, corners: form.corners(line.four), score, automatic, extra, ..Object::default() };
        claims.push(Claim { object, spot: Spot::Line(number) });
    }
    Draft {
        written,
        found,
        path: Vec::new(),
        file: Arc::from(path),
        spot: Spot::Whole,
        said: None,
        part: Near::file(&setting.root, path).part().filter(|_| !setting.parted),
        shares: reading.shares != Some(false),
        claims,
        extra: Extra::new(),
    }
}

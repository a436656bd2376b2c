//! Of which format a file or folder of annotations is.

use super::gallery::Gallery;
use super::settle::below;
use super::{by_file, coco, data_yaml, table, text, yolo, yolo_lines};
use crate::show::Steps;
use crate::words::count;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// A format of annotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BoxFormat {
    /// COCO's JSON.
    Coco,
    /// Pascal VOC's XML.
    Voc,
    /// YOLO's text.
    Yolo,
    /// A table.
    Csv,
}

impl fmt::Display for BoxFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BoxFormat::Coco => "COCO",
            BoxFormat::Voc => "Pascal VOC",
            BoxFormat::Yolo => "YOLO",
            BoxFormat::Csv => "CSV",
        })
    }
}

/// What each format looks like.
const LOOKS: &str = "COCO is a .json with `images`, `annotations` and `categories`; Pascal VOC an .xml a picture that begins with `<annotation>`; YOLO a .txt a picture with lines such as `0 0.5 0.5 0.2 0.1`, and a data.yaml; CSV a table with `file,class,x0,y0,x1,y1`; an image folder has a boxes.json with `{\"car/1.png\": [{\"class\": \"car\", \"bbox\": [left, top, right, bottom]}]}`";

/// An error where nothing is at a path.
pub(super) fn present(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    Err(Error::new(format!("`{}` does not exist", path.display())).remedy(crate::paths::remedy(path)))
}

/// Says of which format a file or a folder is.
///
/// # Errors
/// Where nothing is there, where it is of none of the formats, and where a folder holds several of them.
pub(crate) fn guess(path: &Path) -> Result<BoxFormat> {
    present(path)?;
    if path.is_dir() { of_folder(path) } else { of_file(path) }
}

fn of_file(path: &Path) -> Result<BoxFormat> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let unlike = |what: &str| Err(Error::new(format!("`{}` {what}", path.display())).remedy(LOOKS));
    match ending.as_str() {
        "json" if coco::is_coco(path) => Ok(BoxFormat::Coco),
        "json" if by_file::is_by_file(path) => Ok(BoxFormat::Csv),
        "json" if text::read(path, text::LARGE).is_err() => unlike("is no UTF-8 text"),
        "json" if broken(path).is_some() => {
            let what = format!("`{}` is no whole JSON: {}", path.display(), broken(path).unwrap_or_default());
            Err(Error::new(what).remedy("export it again, or mend that line"))
        }
        "json" => unlike("is JSON, but not COCO's: it has not the lists `images`, `annotations` and `categories`"),
        "xml" if is_voc(path) => Ok(BoxFormat::Voc),
        "xml" => unlike("is XML, but not Pascal VOC's: it does not begin with `<annotation>`"),
        "yaml" | "yml" => Ok(BoxFormat::Yolo),
        "csv" | "tsv" => Ok(BoxFormat::Csv),
        "txt" => unlike("is one text: for YOLO name the folder, or its data.yaml"),
        "zip" | "gz" | "tar" | "7z" | "rar" => unlike("is an archive: unpack it and name the folder"),
        _ => unlike("is no file of annotations"),
    }
}

/// Whether a folder holds no annotations of any format.
pub(super) fn is_bare(folder: &Path) -> Result<bool> {
    Ok(found(&Gallery::open(&[folder], &Steps::new("listing files", 0))?).is_empty())
}

/// The formats of which some of the files are, with the first that is.
fn found(gallery: &Gallery) -> Vec<(BoxFormat, PathBuf)> {
    let ends = |file: &Path, ending: &str| file.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending));
    let first = |is: &dyn Fn(&Path) -> bool| gallery.others.iter().find(|file| is(file)).cloned();
    // Of many files some tell; a folder may hold other XML and text.
    let some = |ending: &'static str, is: fn(&Path) -> bool| -> Option<PathBuf> {
        gallery.others.iter().filter(|file| ends(file, ending)).take(50).find(|file| is(file)).cloned()
    };
    let is_yaml = |file: &Path| {
        (ends(file, "yaml") || ends(file, "yml")) && data_yaml::read(file).is_ok_and(|yaml| !yaml.names.is_empty())
    };
    let found = [
        (BoxFormat::Coco, first(&|file| ends(file, "json") && coco::is_coco(file))),
        (BoxFormat::Voc, some("xml", is_voc)),
        (BoxFormat::Yolo, first(&is_yaml).or_else(|| some("txt", is_labels))),
        (BoxFormat::Csv, first(&|file| table::is_table(file) && table::is_boxes(file))),
    ];
    let found: Vec<_> = found.into_iter().filter_map(|(format, file)| Some((format, file?))).collect();
    // the boxes of an image folder, where nothing of another program's lies beside them
    let by_file = || first(&by_file::is_by_file).map(|file| (BoxFormat::Csv, file));
    if found.is_empty() { by_file().into_iter().collect() } else { found }
}

fn of_folder(path: &Path) -> Result<BoxFormat> {
    // What the annotation tool wrote has all that it found there.
    if coco::own(path).is_some() {
        return Ok(BoxFormat::Coco);
    }
    let gallery = Gallery::open(&[path], &Steps::new("listing files", 0))?;
    match &found(&gallery)[..] {
        [(format, _)] => Ok(*format),
        [] => {
            let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
            for file in &gallery.others {
                let kind = file
                    .extension()
                    .map_or("without an ending".to_owned(), |kind| format!(".{}", kind.to_string_lossy()));
                *kinds.entry(kind).or_default() += 1;
            }
            if gallery.pictures.is_empty() && gallery.others.is_empty() {
                return Err(Error::new(format!("the folder `{}` is empty", path.display()))
                    .remedy("name the folder in which the pictures and their annotations lie"));
            }
            let mut counts = vec![count(gallery.pictures.len(), "picture")];
            counts.extend(kinds.iter().take(8).map(|(kind, count)| format!("{count} {kind}")));
            let mut what =
                format!("no annotations were found in `{}`, which holds {}", path.display(), counts.join(", "));
            let faulty = gallery
                .others
                .iter()
                .filter(|file| file.extension().is_some_and(|own| own.eq_ignore_ascii_case("json")))
                .take(8);
            if let Some((file, why)) = faulty.filter_map(|file| Some((file, broken(file)?))).next() {
                what += &format!("; `{}` is no whole JSON: {why}", below(path, file));
            }
            Err(Error::new(what).remedy(match gallery.others.is_empty() {
                true => format!(
                    "draw boxes on them: `Annotator::open({:?})?`; or put annotations beside them: {LOOKS}",
                    path.display().to_string()
                ),
                false => LOOKS.to_owned(),
            }))
        }
        many => {
            let each: Vec<String> =
                many.iter().map(|(format, file)| format!("{format} (`{}`)", below(path, file))).collect();
            Err(Error::new(format!(
                "`{}` holds annotations in {} formats: {}",
                path.display(),
                many.len(),
                each.join(", ")
            ))
            .remedy("say which is meant, or name its file"))
        }
    }
}

/// Where a file of JSON breaks off or goes wrong; `None` where it is whole.
fn broken(file: &Path) -> Option<String> {
    let text = text::read(file, text::LARGE).ok()?;
    let error = serde_json::from_str::<serde::de::IgnoredAny>(&text).err()?;
    let place = format!("line {}, character {}", error.line().max(1), error.column());
    Some(match error.classify() {
        serde_json::error::Category::Eof => format!("it ends in the middle, at {place}"),
        _ => format!("wrong at {place}"),
    })
}

/// Whether an XML file's outermost element is VOC's.
fn is_voc(file: &Path) -> bool {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file).and_then(|file| file.take(4096).read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    let is_element = |at: usize| text[at + 1..].starts_with(|c: char| c.is_alphabetic());
    let first = text.match_indices('<').map(|(at, _)| at).find(|at| is_element(*at));
    let after = first.and_then(|at| text[at..].strip_prefix("<annotation"));
    read.is_ok() && after.is_some_and(|rest| rest.starts_with(|c: char| c == '>' || c == '/' || c.is_whitespace()))
}

/// Whether a text's first line is one of YOLO's.
fn is_labels(file: &Path) -> bool {
    if file.file_name().is_some_and(|name| yolo::NAME_LISTS.contains(&name.to_string_lossy().as_ref())) {
        return false;
    }
    let text = text::read(file, 1 << 20).unwrap_or_default();
    let first = text.lines().find(|line| !line.trim().is_empty());
    first.is_some_and(|line| {
        yolo_lines::parse(line, None).is_ok_and(|line| matches!(line.class, yolo_lines::ClassWord::Number(_)))
    })
}

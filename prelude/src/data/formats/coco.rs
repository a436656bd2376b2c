//! COCO's JSON: one file, or one a part, with the pictures beside it or in a folder beside it.

use super::Reading;
use super::fault::{Fault, FaultKind, FaultLog, Spot};
use super::form::BoxForm;
use super::gallery::{Gallery, Near, part_named};
use super::listing::{Extra, Listing, Object};
use super::settle::{Claim, Draft, Terms, folder_of, settle};
use super::text::{self, Number};
use super::writing::begins;
use crate::show::Steps;
use crate::{Error, Result};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The key under which the writer says that it wrote a file.
pub(super) const WRITTEN_BY: &str = "written_by";
/// The beginning of what is written.
pub(super) const MARK: &str = "\"written_by\":\"candlewick\"";
/// The list of automatic boxes that no person has accepted; other programs do not know it.
pub(super) const PROPOSALS: &str = "proposals";
/// What the annotation tool calls its file where a folder has no COCO file of its own.
pub(super) const OWN: &str = "annotations.json";

/// Reads one file, or all COCO files of a folder.
pub(super) fn read(path: &Path, reading: &Reading) -> Result<Listing> {
    let files = files(path)?;
    let root = root(path, reading)?;
    let steps = Steps::new("listing files", 0);
    let gallery = Gallery::open(&[&root], &steps)?;
    let mut reader = CocoReader::new(&gallery, &root, reading);
    for file in &files {
        reader.file(file, &steps)?;
    }
    let CocoReader { classes, class_extra, extra, drafts, faults, .. } = reader;
    if drafts.is_empty() {
        // The annotation tool may have been told classes alone so far.
        if faults.is_empty() && files.iter().all(|file| is_ours(file)) {
            return Ok(Listing { classes, class_extra, extra, unlisted: gallery.pictures.len(), ..Listing::default() });
        }
        return Err(nothing(path, &faults));
    }
    let terms = Terms { things: "images", missing: FaultKind::MissingPicture, all: false, total: None };
    let mut listing = settle(&gallery, drafts, classes, faults, &terms)?;
    if path.is_dir() && own(path).is_some() && gallery.others.iter().any(|file| may_annotate(file)) {
        listing.notes.push(format!("`{OWN}` is read, which candlewick wrote, and no other annotations"));
    }
    Ok(Listing { class_extra, extra, ..listing })
}

/// The folder from which the names of pictures count.
pub(super) fn root(path: &Path, reading: &Reading) -> Result<PathBuf> {
    match &reading.pictures {
        Some(folder) => Ok(folder.clone()),
        None if path.is_dir() => Ok(path.to_path_buf()),
        None => around(path),
    }
}

/// Whether candlewick wrote a file, be it whole or not.
pub(super) fn is_ours(file: &Path) -> bool {
    begins(file, MARK)
}

/// What the annotation tool wrote into a folder: it holds all that the folder's other annotations said.
pub(super) fn own(folder: &Path) -> Option<PathBuf> {
    let file = folder.join(OWN);
    is_ours(&file).then_some(file)
}

/// Whether a file beside the tool's own may hold annotations.
fn may_annotate(file: &Path) -> bool {
    let ending = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    ["json", "xml", "txt", "csv", "tsv", "yaml", "yml"].contains(&ending.as_str()) && !file.ends_with(OWN)
}

/// What to say where no file lists a picture.
fn nothing(path: &Path, faults: &FaultLog) -> Error {
    match faults.iter().next() {
        Some(fault) => Error::new(format!("`{}` holds no readable picture: {fault}", path.display()))
            .remedy(fault.remedy.clone().into_owned()),
        None => Error::new(format!("`{}` lists no pictures", path.display()))
            .remedy("COCO's JSON has lists `images`, `annotations` and `categories`"),
    }
}

/// The folder of pictures for a file alone: its own, or the one around where it stands among annotations only.
fn around(file: &Path) -> Result<PathBuf> {
    let own = folder_of(file);
    let is_apart = own.file_name().is_some_and(|name| name.eq_ignore_ascii_case("annotations"));
    let holds =
        |folder: &Path| Gallery::open(&[folder], &Steps::new("listing files", 0)).map(|g| !g.pictures.is_empty());
    if (is_apart || !holds(&own)?)
        && let Some(parent) = own.parent().filter(|parent| !parent.as_os_str().is_empty())
        // There lies everybody's.
        && parent != std::env::temp_dir()
        && (is_apart || holds(parent)?)
    {
        return Ok(parent.to_path_buf());
    }
    Ok(own)
}

/// The COCO files of a path.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    if let Some(own) = own(path) {
        return Ok(vec![own]);
    }
    let gallery = Gallery::open(&[path], &Steps::new("listing files", 0))?;
    let mut files: Vec<PathBuf> = gallery.others.into_iter().filter(|file| is_coco(file)).collect();
    let is_instances = |file: &PathBuf| file.file_name().is_some_and(|n| n.to_string_lossy().starts_with("instances"));
    // Beside COCO's boxes lie its key points, which list the same pictures again.
    if files.iter().any(is_instances) {
        files.retain(is_instances);
    }
    if files.is_empty() {
        return Err(Error::new(format!("`{}` holds no COCO file", path.display()))
            .remedy("COCO's JSON has lists `images`, `annotations` and `categories`; name the file to hear what is wrong with it"));
    }
    Ok(files)
}

/// Whether a file looks like COCO's JSON, by its beginning and its end.
pub(super) fn is_coco(file: &Path) -> bool {
    use std::io::{Read, Seek, SeekFrom};
    if file.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("json")) {
        return false;
    }
    let Ok(mut opened) = std::fs::File::open(file) else { return false };
    let (mut ends, length) = (Vec::new(), opened.metadata().map_or(0, |data| data.len()));
    const PART: u64 = 1 << 16;
    if (&mut opened).take(PART).read_to_end(&mut ends).is_err() {
        return false;
    }
    if length > PART && opened.seek(SeekFrom::End(-(PART as i64))).is_ok() {
        let _ = opened.take(PART).read_to_end(&mut ends);
    }
    let ends = String::from_utf8_lossy(&ends);
    let keys = ["\"images\"", "\"annotations\"", "\"categories\""];
    ends.trim_start_matches('\u{feff}').trim_start().starts_with('{')
        && keys.iter().filter(|key| ends.contains(**key)).count() >= 2
}

/// What the files have said so far.
struct CocoReader<'a> {
    gallery: &'a Gallery,
    root: &'a Path,
    reading: &'a Reading,
    classes: Vec<String>,
    class_extra: BTreeMap<String, Extra>,
    extra: Extra,
    drafts: Vec<Draft>,
    faults: FaultLog,
}

/// The key under which something with a number is found: `1`, `1.0` and `"1"` are one.
fn key(raw: &RawValue) -> String {
    let text = raw.get().trim_matches('"');
    match text.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        _ => text.to_owned(),
    }
}

/// A value as text, where it is one.
fn as_text(raw: &RawValue) -> Option<String> {
    match serde_json::from_str(raw.get()).ok()? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A value as a side of a picture.
fn as_side(raw: Option<Box<RawValue>>) -> Option<u32> {
    let Number::Plain(side) = text::number(raw?.get().trim_matches('"')) else { return None };
    (side >= 1.0 && side <= f64::from(u32::MAX)).then_some(side.round() as u32)
}

impl<'a> CocoReader<'a> {
    fn new(gallery: &'a Gallery, root: &'a Path, reading: &'a Reading) -> CocoReader<'a> {
        CocoReader {
            gallery,
            root,
            reading,
            classes: Vec::new(),
            class_extra: BTreeMap::new(),
            extra: Extra::new(),
            drafts: Vec::new(),
            faults: FaultLog::default(),
        }
    }

    /// Takes what one file says.
    fn file(&mut self, path: &Path, steps: &Steps) -> Result<()> {
        let text = match text::read(path, text::LARGE) {
            Ok(text) => text,
            Err(fault) => {
                self.faults.add(fault);
                return Ok(());
            }
        };
        let file: Arc<Path> = Arc::from(path);
        // Python writes `NaN`, which is no JSON.
        let parsed = |text: &str| serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text);
        let mut lists = match parsed(&text).or_else(|error| parsed(&without_nan(&text)).map_err(|_| error)) {
            Ok(lists) => lists,
            Err(error) => {
                let what = match error.classify() {
                    serde_json::error::Category::Eof => "it ends in the middle".to_owned(),
                    _ => format!("it is no JSON object at character {}: {error}", error.column()),
                };
                self.faults.add(Fault::new(FaultKind::NotParseable, path, Spot::Line(error.line().max(1)), what));
                return Ok(());
            }
        };
        drop(text);
        let mut list = |name: &'static str| lists.remove(name);
        let (categories, images, annotations) = (list("categories"), list("images"), list("annotations"));
        let proposals = list(PROPOSALS);
        lists.remove(WRITTEN_BY);
        for (key, value) in lists {
            self.extra.entry(key).or_insert(value);
        }
        let elements = self.elements(&file, "categories", &categories);
        let by_category = self.categories(&file, elements);
        let elements = self.elements(&file, "images", &images);
        let by_image = self.images(&file, elements, steps)?;
        for (name, list) in [("annotations", annotations), (PROPOSALS, proposals)] {
            if name == PROPOSALS && list.is_none() {
                continue;
            }
            let elements = self.elements(&file, name, &list);
            for (at, fields) in elements.into_iter().enumerate() {
                steps.step()?;
                if let Err(fault) = self.annotation(&file, (name, at), fields, &by_category, &by_image) {
                    self.faults.add(fault);
                }
            }
        }
        Ok(())
    }

    /// The elements of a list of the file.
    fn elements<'t>(&mut self, file: &Path, name: &str, list: &'t Option<Box<RawValue>>) -> Vec<&'t RawValue> {
        let found = list.as_ref().map(|list| serde_json::from_str::<Vec<&RawValue>>(list.get()));
        let what = match found {
            Some(Ok(elements)) => return elements,
            Some(Err(_)) => format!("`{name}` is no list"),
            None => format!("there is no list `{name}`"),
        };
        self.faults.add(Fault::new(FaultKind::NotParseable, file, Spot::Whole, what));
        Vec::new()
    }

    /// The classes by their numbers.
    fn categories(&mut self, file: &Path, elements: Vec<&RawValue>) -> HashMap<String, usize> {
        let mut by_id = HashMap::new();
        for (at, raw) in elements.into_iter().enumerate() {
            let spot = || Spot::Element("categories", at);
            let Ok(mut fields) = serde_json::from_str::<Extra>(raw.get()) else {
                self.faults.add(Fault::new(FaultKind::NotParseable, file, spot(), "the category is no object"));
                continue;
            };
            let name = fields.remove("name").and_then(|name| as_text(&name)).map(|name| super::class_name(&name));
            let (Some(name), Some(id)) = (name.filter(|name| !name.is_empty()), fields.get("id").map(|id| key(id)))
            else {
                self.faults.add(Fault::new(
                    FaultKind::NotParseable,
                    file,
                    spot(),
                    "the category has no `id` or no `name`",
                ));
                continue;
            };
            if by_id.contains_key(&id) {
                let what = format!("the number {id} of class `{name}` is another class's already");
                self.faults.add(Fault::new(FaultKind::DuplicateId, file, spot(), what));
                continue;
            }
            let class = self.classes.iter().position(|known| *known == name).unwrap_or_else(|| {
                self.classes.push(name.clone());
                self.classes.len() - 1
            });
            by_id.insert(id, class);
            self.class_extra.entry(name).or_insert(fields);
        }
        by_id
    }

    /// Drafts of the pictures, and where each stands by its number.
    fn images(&mut self, file: &Arc<Path>, elements: Vec<&RawValue>, steps: &Steps) -> Result<HashMap<String, usize>> {
        let near = Near::file(self.root, file);
        let mut by_id = HashMap::new();
        for (at, raw) in elements.into_iter().enumerate() {
            steps.step()?;
            let spot = Spot::Element("images", at);
            let fields = serde_json::from_str::<Extra>(raw.get()).ok();
            let named = fields
                .and_then(|mut fields| Some((fields.remove("file_name").and_then(|name| as_text(&name))?, fields)));
            let Some((written, mut extra)) = named else {
                let what = "the image is no object with a `file_name`";
                self.faults.add(Fault::new(FaultKind::NotParseable, file, spot, what));
                continue;
            };
            let said = as_side(extra.remove("width")).zip(as_side(extra.remove("height")));
            let split = extra.get("split").and_then(|split| part_named(&as_text(split)?));
            if split.is_some() {
                extra.remove("split");
            }
            match extra.get("id").map(|id| key(id)) {
                Some(id) if by_id.contains_key(&id) => {
                    let what = format!("the number {id} of `{written}` is another picture's already");
                    self.faults.add(Fault::new(FaultKind::DuplicateId, file, spot.clone(), what).of(&written));
                }
                Some(id) => drop(by_id.insert(id, self.drafts.len())),
                None => {}
            }
            self.drafts.push(Draft {
                found: self.gallery.find(&written, &near),
                path: vec![written.clone()],
                written,
                file: file.clone(),
                spot,
                said,
                part: split.or(near.part()),
                shares: self.reading.shares == Some(true),
                claims: Vec::new(),
                extra,
            });
        }
        Ok(by_id)
    }

    /// Adds one object to its picture.
    fn annotation(
        &mut self,
        file: &Path,
        (list, at): (&'static str, usize),
        raw: &RawValue,
        by_category: &HashMap<String, usize>,
        by_image: &HashMap<String, usize>,
    ) -> Result<(), Fault> {
        let fault = |kind, what: String| Fault::new(kind, file, Spot::Element(list, at), what);
        let Ok(mut extra) = serde_json::from_str::<Extra>(raw.get()) else {
            return Err(fault(FaultKind::NotParseable, "the annotation is no object".to_owned()));
        };
        let image = extra.remove("image_id").map(|id| key(&id));
        let Some(draft) = image.as_ref().and_then(|id| by_image.get(id)).and_then(|at| self.drafts.get_mut(*at)) else {
            let what = match image {
                Some(id) => format!("no image has the number {id}"),
                None => "the annotation has no `image_id`".to_owned(),
            };
            return Err(fault(FaultKind::MissingPicture, what).remedy("list the picture under `images`"));
        };
        let written = draft.written.clone();
        let fault = |kind, what: String| fault(kind, what).of(&written);
        let category = extra.remove("category_id").map(|id| key(&id));
        let Some(class) = category.as_ref().and_then(|id| by_category.get(id)) else {
            let what = match category {
                Some(id) => format!("no category has the number {id}"),
                None => "the annotation has no `category_id`".to_owned(),
            };
            return Err(fault(FaultKind::UnknownClass, what).remedy("list the class under `categories`"));
        };
        let bbox = extra.remove("bbox");
        let shown = bbox.as_ref().map_or("missing", |bbox| bbox.get());
        let bad = || {
            fault(
                FaultKind::NotANumber,
                format!("`bbox` is {}, expected four numbers", super::fault::shortened(shown, 60)),
            )
        };
        let values: Vec<Value> =
            bbox.as_ref().and_then(|bbox| serde_json::from_str(bbox.get()).ok()).ok_or_else(bad)?;
        if values.len() != 4 {
            return Err(bad());
        }
        let mut four = [0.0; 4];
        let mut comma = false;
        for (number, value) in four.iter_mut().zip(&values) {
            let found = match value {
                Value::Number(value) => value.as_f64().map_or(Number::Not, Number::Plain),
                Value::String(text) => text::number(text),
                _ => Number::Not,
            };
            (*number, comma) = match found {
                Number::Plain(found) => (found, comma),
                Number::Comma(found) => (found, true),
                Number::Not => return Err(bad()),
            };
        }
        let mut take = |key: &str| take_flag(&mut extra, key);
        let object = Object {
            class: *class,
            corners: self.reading.form.unwrap_or(BoxForm::Sides).corners(four),
            crowd: take("iscrowd"),
            difficult: take("difficult"),
            truncated: take("truncated"),
            occluded: take("occluded"),
            automatic: take("automatic") || list == PROPOSALS,
            score: None,
            extra: Extra::new(),
        };
        let score = extra.get("score").and_then(|raw| serde_json::from_str::<f64>(raw.get()).ok());
        if score.is_some() {
            extra.remove("score");
        }
        let spot = Spot::Element(list, at);
        if comma {
            let what = format!("`bbox` is {}", super::fault::shortened(shown, 60));
            self.faults.add(Fault::new(FaultKind::DecimalComma, file, spot.clone(), what).of(&written));
        }
        draft.claims.push(Claim { object: Object { score, extra, ..object }, spot });
        Ok(())
    }
}

/// Whether a field says yes; one that says neither yes nor no stays.
fn take_flag(extra: &mut Extra, key: &str) -> bool {
    let said = extra.get(key).and_then(|raw| text::flag(raw.get().trim_matches('"')));
    if said.is_some() {
        extra.remove(key);
    }
    said.unwrap_or(false)
}

/// The text with `null` where Python wrote `NaN`, `Infinity` or `-Infinity`.
fn without_nan(text: &str) -> Cow<'_, str> {
    const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
    if !WORDS[1..].iter().any(|word| text.contains(word)) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut at, mut copied, mut quoted) = (String::with_capacity(text.len()), 0, 0, false);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quoted => at += 2,
            b'"' => {
                quoted = !quoted;
                at += 1;
            }
            b'-' | b'I' | b'N' if !quoted => match WORDS.iter().find(|word| bytes[at..].starts_with(word.as_bytes())) {
                Some(word) => {
                    out.push_str(&text[copied..at]);
                    out.push_str("null");
                    at += word.len();
                    copied = at;
                }
                None => at += 1,
            },
            _ => at += 1,
        }
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

//! Tables of boxes, parted by commas, semicolons or tabs: a line an object.

use super::super::delimited::{self, TextRow};
use super::fault::{Fault, FaultKind, FaultLog, Spot, shortened};
use super::form::BoxForm;
use super::gallery::{Gallery, Near, part_named};
use super::listing::{Extra, Listing, Object};
use super::settle::{Claim, Draft, Terms, folder_of, settle};
use super::table_columns::{self, TableColumns};
use super::text::{self, Number};
use super::{Reading, by_file};
use crate::show::Steps;
use crate::{Error, Result};
use serde_json::value::to_raw_value;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXPECTED: &str = "expected file,class,x0,y0,x1,y1 with numbers in pixels; or a first line that names the columns: `x0,y0,x1,y1`, `x,y,width,height` or `cx,cy,width,height` beside `file` and `class`";

/// Reads one table, or the only table of boxes in a folder.
pub(super) fn read(path: &Path, reading: &Reading) -> Result<Listing> {
    let file = if path.is_dir() { only(path)? } else { path.to_path_buf() };
    let root = reading.pictures.clone().unwrap_or_else(|| folder_of(&file));
    let failed = |fault: Fault| {
        Error::new(format!("`{}` cannot be read: {fault}", file.display())).remedy(fault.remedy.into_owned())
    };
    let text = text::read(&file, text::LARGE).map_err(failed)?;
    let unlike = |why: String| Err(Error::new(format!("`{}` cannot be read: {why}", file.display())).remedy(EXPECTED));
    let rows = match by_file::is_by_file(&file) {
        true => by_file::rows(&file, &text),
        false => delimited::rows(&text).or_else(unlike),
    };
    let mut rows = rows?;
    drop(text);
    let columns = match rows.first() {
        Some((line, first)) if table_columns::is_head(first) => {
            let columns = table_columns::named(first).map_err(|missing| {
                let names = shortened(&first.join(", "), 200);
                Error::new(format!(
                    "line {line} of `{}` names the columns {names}: {missing} is missing",
                    file.display()
                ))
                .remedy(EXPECTED)
            })?;
            rows.remove(0);
            columns
        }
        _ => table_columns::unnamed(&rows),
    };
    let gallery = Gallery::open(&[&root], &Steps::new("listing files", 0))?;
    let mut table =
        TableReader { file: Arc::from(file.as_path()), columns, faults: FaultLog::default(), pictures: Vec::new() };
    table.rows(&rows)?;
    let total = rows.len();
    let says_background = table.pictures.iter().any(|picture| picture.objects.is_empty());
    let described = descriptions(&gallery.others);
    let (drafts, classes, notes) = table.drafts(&gallery, &root, reading, &described);
    if drafts.is_empty() {
        let why = table.faults.iter().next().map_or("it has no lines".to_owned(), |fault| fault.to_string());
        return Err(Error::new(format!("`{}` holds no objects: {why}", file.display())).remedy(EXPECTED));
    }
    // A table that lists pictures without objects lists all that belong to it.
    let terms =
        Terms { things: "lines", missing: FaultKind::MissingPicture, all: !says_background, total: Some(total) };
    let listing = settle(&gallery, drafts, classes, table.faults, &terms)?;
    Ok(Listing { notes: [notes, listing.notes].concat(), ..listing })
}

/// Whether a file's ending is a table's.
pub(super) fn is_table(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv") || ending.eq_ignore_ascii_case("tsv"))
}

/// Whether the first rows of a table look like boxes.
pub(super) fn is_boxes(file: &Path) -> bool {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file).and_then(|file| file.take(1 << 14).read_to_end(&mut bytes));
    let Ok(text) = read.map(|_| String::from_utf8_lossy(&bytes).into_owned()) else { return false };
    // The last line may be cut off.
    let whole =
        if bytes.len() == 1 << 14 { text.rsplit_once('\n').map_or(&text[..], |(whole, _)| whole) } else { &text };
    let Ok(rows) = delimited::rows(whole) else { return false };
    match rows.first() {
        Some((_, first)) if table_columns::is_head(first) => table_columns::named(first).is_ok(),
        Some(_) => {
            let columns = table_columns::unnamed(&rows);
            rows.iter().take(20).all(|(_, row)| {
                let surplus = if columns.surplus { row.len().saturating_sub(6) } else { 0 };
                let cell = |at: &usize| row.get(at + surplus).map_or("", String::as_str);
                let is_number = |at: &usize| text::number(cell(at)) != Number::Not;
                let is_background = row.len() > 4 && columns.four.iter().all(|at| cell(at).is_empty());
                columns.four.iter().all(is_number) || is_background
            })
        }
        None => false,
    }
}

/// The only table of boxes in a folder.
fn only(folder: &Path) -> Result<PathBuf> {
    let gallery = Gallery::open(&[folder], &Steps::new("listing files", 0))?;
    let of = |is: &dyn Fn(&Path) -> bool| -> Vec<PathBuf> {
        gallery.others.iter().filter(|file| is(file)).cloned().collect()
    };
    let mut tables = of(&|file| is_table(file) && is_boxes(file));
    if tables.is_empty() {
        tables = of(&by_file::is_by_file);
    }
    match tables.len() {
        1 => Ok(tables.swap_remove(0)),
        0 => Err(Error::new(format!("`{}` holds no table of boxes", folder.display())).remedy(EXPECTED)),
        many => {
            let names: Vec<String> =
                tables.iter().take(3).map(|file| format!("`{}`", super::settle::below(folder, file))).collect();
            let more = if many > 3 { ", …" } else { "" };
            Err(Error::new(format!("`{}` holds {many} tables of boxes: {}{more}", folder.display(), names.join(", ")))
                .remedy("name one of them"))
        }
    }
}

/// Open Images' names for its codes of classes, from `class-descriptions-boxable.csv` or the like.
fn descriptions(files: &[PathBuf]) -> HashMap<String, String> {
    let is_list = |file: &&PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        name.contains("class-descriptions") && name.ends_with(".csv")
    };
    let text = files.iter().find(is_list).and_then(|file| text::read(file, text::SMALL).ok());
    let rows = text.and_then(|text| delimited::rows(&text).ok()).unwrap_or_default();
    let pairs = rows.into_iter().filter_map(|(_, row)| {
        let [code, name, ..] = &row[..] else { return None };
        Some((code.clone(), super::class_name(name)))
    });
    pairs.filter(|(code, _)| code.starts_with('/')).collect()
}

/// An object of a row.
struct RowObject {
    class: String,
    four: [f64; 4],
    object: Object,
    line: usize,
}

/// The rows of one picture.
struct RowPicture {
    file: String,
    line: usize,
    said: Option<(u32, u32)>,
    part: Option<crate::data::Part>,
    objects: Vec<RowObject>,
    extra: Extra,
}

struct TableReader {
    file: Arc<Path>,
    columns: TableColumns,
    faults: FaultLog,
    pictures: Vec<RowPicture>,
}

impl TableReader {
    /// Takes all rows, by picture.
    fn rows(&mut self, rows: &[TextRow]) -> Result<()> {
        let mut places: HashMap<String, usize> = HashMap::new();
        let steps = Steps::new("reading boxes", rows.len());
        for (line, row) in rows {
            steps.step()?;
            match self.row(*line, row) {
                Ok((picture, object)) => {
                    let place = *places.entry(picture.file.clone()).or_insert(self.pictures.len());
                    if place == self.pictures.len() {
                        self.pictures.push(picture);
                    }
                    self.pictures[place].objects.extend(object);
                }
                Err(fault) => self.faults.add(fault),
            }
        }
        Ok(())
    }

    /// The picture of a row, and its object where it has one.
    fn row(&mut self, line: usize, row: &[String]) -> Result<(RowPicture, Option<RowObject>), Fault> {
        let columns = &self.columns;
        let shown = || shortened(&row.join(","), 80);
        let fault = |kind, what: String| Fault::new(kind, &self.file, Spot::Line(line), what);
        // Without a first line a file's name may hold what parts cells.
        let is_background = row.len() > 1 && row[1..].iter().all(String::is_empty);
        let surplus = if columns.surplus && !is_background { row.len().saturating_sub(6) } else { 0 };
        let cell = |at: usize| row.get(at + if at > columns.file { surplus } else { 0 }).map_or("", String::as_str);
        if row.len() < columns.least() && !is_background {
            return Err(fault(FaultKind::NotParseable, format!("the line is `{}`", shown())).remedy(EXPECTED));
        }
        let file = if surplus > 0 { row[..=surplus].join(",") } else { cell(columns.file).to_owned() };
        if file.is_empty() {
            return Err(fault(FaultKind::NotParseable, format!("the line `{}` names no file", shown())));
        }
        let optional = |at: Option<usize>| at.map_or("", cell);
        let side = |at: usize| match text::number(cell(at)) {
            Number::Plain(side) if side >= 1.0 && side < f64::from(u32::MAX) => Some(side as u32),
            _ => None,
        };
        let mut extra = Extra::new();
        for (name, at) in columns.rest.iter().filter(|(_, at)| !cell(*at).is_empty()) {
            if let Ok(raw) = to_raw_value(cell(*at)) {
                extra.insert(name.clone(), raw);
            }
        }
        let mut picture = RowPicture {
            line,
            said: columns.size.and_then(|[width, height]| side(width).zip(side(height))),
            part: part_named(optional(columns.part)),
            objects: Vec::new(),
            extra: Extra::new(),
            file,
        };
        let class = super::class_name(cell(columns.class));
        if columns.four.iter().all(|at| cell(*at).is_empty()) && class.is_empty() {
            picture.extra = extra;
            return Ok((picture, None));
        }
        if class.is_empty() {
            let what = format!("the line `{}` names no class", shown());
            return Err(fault(FaultKind::UnknownClass, what).of(&picture.file).remedy("write the class's name"));
        }
        let (mut four, mut comma) = ([0.0; 4], false);
        for (number, at) in four.iter_mut().zip(columns.four) {
            *number = match text::number(cell(at)) {
                Number::Plain(number) => number,
                Number::Comma(number) => {
                    comma = true;
                    number
                }
                Number::Not => {
                    let what = format!("`{}` in the line `{}` is no number", shortened(cell(at), 40), shown());
                    return Err(fault(FaultKind::NotANumber, what).of(&picture.file));
                }
            };
        }
        let flag = |at: usize| text::flag(optional(columns.flags[at])).unwrap_or(false);
        let score = optional(columns.score).parse::<f64>().ok().filter(|score| score.is_finite());
        let object = Object {
            crowd: flag(0),
            difficult: flag(1),
            truncated: flag(2),
            occluded: flag(3),
            automatic: flag(4),
            score,
            extra,
            ..Object::default()
        };
        if comma {
            let fault = fault(FaultKind::DecimalComma, format!("the line is `{}`", shown())).of(&picture.file);
            self.faults.add(fault);
        }
        Ok((picture, Some(RowObject { class, four, object, line })))
    }

    /// Drafts of the pictures, the classes, and how the numbers were read.
    fn drafts(
        &mut self,
        gallery: &Gallery,
        root: &Path,
        reading: &Reading,
        described: &HashMap<String, String>,
    ) -> (Vec<Draft>, Vec<String>, Vec<String>) {
        let pictures = std::mem::take(&mut self.pictures);
        let objects = || pictures.iter().flat_map(|picture| &picture.objects);
        let mut notes = Vec::new();
        let (form, told) = form(reading.form.or(self.columns.form), objects().map(|object| object.four));
        if told {
            notes.push(
                "the four numbers are read as left, top, width and height: as corners most boxes would hold nothing"
                    .to_owned(),
            );
        }
        let shares = reading.shares.unwrap_or_else(|| are_shares(objects().map(|object| object.four)));
        if shares && reading.shares.is_none() {
            notes.push("the numbers are read as shares of the picture's sides".to_owned());
        }
        let name = |object: &RowObject| described.get(&object.class).unwrap_or(&object.class).clone();
        let classes: BTreeSet<String> = objects().map(name).collect();
        let classes: Vec<String> = classes.into_iter().collect();
        let places: HashMap<&String, usize> = classes.iter().zip(0..).collect();
        let near = Near::file(root, &self.file);
        let draft = |picture: RowPicture| {
            let claims = picture.objects.into_iter().map(|row| {
                let class = places.get(described.get(&row.class).unwrap_or(&row.class)).copied().unwrap_or_default();
                let object = Object { class, corners: form.corners(row.four), ..row.object };
                Claim { object, spot: Spot::Line(row.line) }
            });
            Draft {
                claims: claims.collect(),
                found: gallery.find(&picture.file, &near),
                path: vec![picture.file.clone()],
                written: picture.file,
                file: self.file.clone(),
                spot: Spot::Line(picture.line),
                said: picture.said,
                part: picture.part.or(near.part()),
                shares,
                extra: picture.extra,
            }
        };
        let drafts = pictures.into_iter().map(draft).collect();
        (drafts, classes, notes)
    }
}

/// What the four numbers are, and whether they had to tell it themselves.
fn form(said: Option<BoxForm>, boxes: impl Iterator<Item = [f64; 4]>) -> (BoxForm, bool) {
    if let Some(form) = said {
        return (form, false);
    }
    let (mut odd, mut all) = (0, 0);
    for [x, y, a, b] in boxes {
        all += 1;
        // As corners it would hold nothing, as sides it would.
        odd += usize::from((a <= x || b <= y) && a > 0.0 && b > 0.0);
    }
    if all > 1 && odd * 2 > all { (BoxForm::Sides, true) } else { (BoxForm::Corners, false) }
}

/// Whether the numbers of nearly all boxes are from 0 to 1 and not all whole.
fn are_shares(boxes: impl Iterator<Item = [f64; 4]>) -> bool {
    let (mut within, mut all, mut broken) = (0, 0, false);
    for four in boxes {
        all += 1;
        within += usize::from(four.iter().all(|number| (-0.5..=1.5).contains(number)));
        broken |= four.iter().any(|number| number.fract() != 0.0 && (0.0..1.0).contains(number));
    }
    broken && within * 10 > all * 9
}

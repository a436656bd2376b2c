//! Pictures with any number of labels each, listed in a table.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::delimited::{self, TextRow};
use super::names::{composed, decomposed};
use super::{
    Augment, Batch, BatchIter, Data, Example, Fields, ImageFolder, Normalize, Order, Part, ResizeMethod, Sample,
};
use super::{Spec, Target, Transform, field};
use crate::plot::Figure;
use crate::show::{Bundle, Show};
use crate::{Error, Result};

/// Pictures with any number of labels each, as a table of text lists them: a line a picture, `boat.jpg,sea;sky`.
///
/// ```no_run
/// use candlewick_prelude::prelude::*;
/// let data = LabelTable::csv("photos/labels.csv")?.split(0.2, 42)?.size(64).augment(Augment::standard()).batch(32);
/// let mut learner = Learner::labels(Arch::default(), &data)?;
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone)]
pub struct LabelTable {
    pictures: ImageFolder,
    names: Arc<Vec<String>>,
}

impl LabelTable {
    /// Reads a table: a picture's file, relative to the table, and its labels, parted by `;` or `|`, or where there are none of these, by spaces.
    /// A first line such as `file,labels` names the columns. A picture without labels has an empty second column. A column a label, of 0 and
    /// 1, is read too, where the first line names them.
    ///
    /// # Errors
    /// When the table cannot be read, names files that are not there, or no label.
    pub fn csv(path: impl AsRef<Path>) -> Result<LabelTable> {
        LabelTable::open(path.as_ref())
    }

    fn open(path: &Path) -> Result<LabelTable> {
        let shown = path.display();
        let unreadable = |error: &dyn std::fmt::Display| {
            Error::new(format!("`{shown}` cannot be read: {error}"))
                .remedy("check the path, and that it is text in UTF-8")
        };
        let bytes = std::fs::read(path).map_err(|error| unreadable(&error))?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable(&"it is no UTF-8 text"))?;
        let rows = rows(text.trim_start_matches('\u{feff}'), &shown.to_string())?;
        let rows = merged(rows);
        let root = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        // The disk may hold the name in another form than the one in which it is compared.
        let place = |file: &str| {
            let forms = [file.to_owned(), decomposed(file)];
            forms.into_iter().map(|form| root.join(form)).find(|path| path.is_file())
        };
        let missing: Vec<&str> =
            rows.iter().map(|row| row.file.as_str()).filter(|file| place(file).is_none()).collect();
        if let [first, ..] = missing[..] {
            let what = format!("`{shown}` lists {} files that are not there, `{first}` the first", missing.len());
            return Err(Error::new(what).remedy("files are named from the folder of the table on"));
        }
        let names: BTreeSet<&String> = rows.iter().flat_map(|row| &row.labels).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        if names.is_empty() {
            return Err(
                Error::new(format!("`{shown}` names no label")).remedy("expected a line a picture: `boat.jpg,sea;sky`")
            );
        }
        let truth = rows.iter().map(|row| {
            let applies = |name: &String| f32::from(u8::from(row.labels.contains(name)));
            names.iter().map(applies).collect()
        });
        let truth = Arc::new(truth.collect());
        let samples = rows.iter().map(|row| Sample {
            path: place(&row.file).unwrap_or_else(|| root.join(&row.file)),
            name: row.file.clone(),
            class: 0,
            part: Part::Train,
            boxes: Vec::new(),
        });
        let samples = samples.collect();
        let pictures = ImageFolder::listed(root.clone(), samples)?;
        Ok(LabelTable { pictures, names: Arc::new(names), truth })
    }

    /// Keeps about `fraction` of the pictures for validation, chosen by `seed`; equal files stay on one side.
    ///
    /// # Errors
    /// When `fraction` is not between 0 and 1, or there are fewer than two different pictures.
    pub fn split(self, fraction: f64, seed: u64) -> Result<LabelTable> {
        Ok(LabelTable { pictures: self.pictures.split(fraction, seed)?, ..self })
    }

    fn with(self, change: impl FnOnce(ImageFolder) -> ImageFolder) -> LabelTable {
        LabelTable { pictures: change(self.pictures), ..self }
    }

    /// The side of the square pictures that the network sees, in pixels (default 64).
    pub fn size(self, side: usize) -> LabelTable {
        self.with(|pictures| pictures.size(side))
    }

    /// How a picture that is not square becomes one (default: the middle square).
    pub fn resize(self, method: ResizeMethod) -> LabelTable {
        self.with(|pictures| pictures.resize(method))
    }

    /// How training pictures are varied (default: not at all).
    pub fn augment(self, augment: Augment) -> LabelTable {
        self.with(|pictures| pictures.augment(augment))
    }

    /// How many pictures go through the network at once, 1 or more (default 32).
    pub fn batch(self, count: usize) -> LabelTable {
        self.with(|pictures| pictures.batch(count))
    }

    /// The shift and scale of the values (default: those that the learner's network was trained with).
    pub fn normalize(self, normalize: Normalize) -> LabelTable {
        self.with(|pictures| pictures.normalize(normalize))
    }

    /// The seed of order and augmentation (default: the split's).
    pub fn seeded(self, seed: u64) -> LabelTable {
        self.with(|pictures| pictures.seeded(seed))
    }

    /// Stops with an error at a picture that cannot be read, instead of leaving it out with a word.
    pub fn strict(self) -> LabelTable {
        self.with(ImageFolder::strict)
    }

    /// The names of the labels, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.truth.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.truth.is_empty()
    }

    /// How many pictures of a part each label applies to.
    pub fn counts(&self, part: Part) -> Vec<usize> {
        let ids = self.pictures.ids(part);
        let of = |label: usize| ids.iter().filter(|id| self.truth[**id][label] > 0.5).count();
        (0..self.names.len()).map(of).collect()
    }

    /// Shows `count` training pictures (1 to 1000), as the network will see them, with their labels.
    ///
    /// # Errors
    /// When the count or an option makes no sense, and when no picture can be read.
    pub fn show_batch(&self, count: usize) -> Result<Figure> {
        self.pictures.shown(count, &|id| self.words(id))
    }

    /// The labels of a picture in words.
    fn words(&self, id: usize) -> String {
        let names = self.names.iter().zip(&self.truth[id]).filter(|(_, applies)| **applies > 0.5);
        let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    fn told(&self, batch: Batch) -> Result<Batch> {
        let rows: Vec<f32> = batch.ids.iter().flat_map(|id| self.truth[*id].iter().copied()).collect();
        let truth = Tensor::from_vec(rows, (batch.ids.len(), self.names.len()), &Device::Cpu)?;
        Ok(Batch { targets: Fields::of(field::LABELS, truth), ..batch })
    }
}

impl Data for LabelTable {
    fn spec(&self) -> Spec {
        let target = Target::Classes(self.names.to_vec());
        let own = self.pictures.spec();
        Spec { truths: vec![target.field().to_owned()], target, ..own }
    }

    fn count(&self, part: Part) -> usize {
        Data::count(&self.pictures, part)
    }

    fn batches(&self, part: Part, order: Order) -> Result<BatchIter> {
        let table = self.clone();
        Ok(Box::new(Data::batches(&self.pictures, part, order)?.map(move |batch| table.told(batch?))))
    }

    fn example(&self, id: usize) -> Result<Example> {
        self.pictures.example(id)
    }

    fn check(&self) -> Result<()> {
        Data::check(&self.pictures)
    }

    fn reseeded(&self, seed: u64) -> Box<dyn Data> {
        Box::new(self.clone().seeded(seed))
    }

    fn suited(&self, network: Transform) -> Box<dyn Data> {
        Box::new(LabelTable { pictures: ImageFolder::suited(&self.pictures, network), ..self.clone() })
    }
}

impl Show for LabelTable {
    fn bundle(&self) -> Bundle {
        let each = self.names.iter().zip(self.counts(Part::Train));
        let each: Vec<String> = each.map(|(name, count)| format!("{name} {count}")).collect();
        let (train, valid) = (Data::count(self, Part::Train), Data::count(self, Part::Valid));
        Bundle::new().text(format!("{train} pictures for training, {valid} for validation; labels {}", each.join(", ")))
    }
}

/// A line of a table.
struct Row {
    file: String,
    labels: Vec<String>,
}

fn rows(text: &str, shown: &str) -> Result<Vec<Row>> {
    let mut lines = delimited::rows(text).map_err(|why| {
        Error::new(format!("`{shown}` cannot be read: {why}"))
            .remedy("expected a file and its labels: `boat.jpg,sea;sky`")
    })?;
    lines.iter_mut().flat_map(|(_, row)| row).for_each(|cell| *cell = composed(cell));
    let is_head = |row: &TextRow| Path::new(&row.1[0]).extension().is_none();
    let head = if lines.first().is_some_and(is_head) { Some(lines.remove(0).1) } else { None };
    let columns = lines.first().map_or(2, |(_, row)| row.len());
    if let Some((number, row)) = lines.iter().find(|(_, row)| row.len() != columns || row.len() < 2) {
        return Err(Error::new(format!("line {number} of `{shown}` is `{}`", row.join(",")))
            .remedy("expected a file and its labels: `boat.jpg,sea;sky`"));
    }
    // A column a label, as some cell says: the first that is neither 0 nor 1.
    let is_marked =
        lines.iter().flat_map(|(_, row)| row.get(1..)).flatten().any(|cell| ["0", "1"].contains(&cell.as_str()));
    let odd = lines.iter().find_map(|(number, row)| {
        let column = (1..row.len()).find(|column| ones(&row[*column..=*column]).is_none())?;
        Some((*number, column, row[column].clone()))
    });
    let all = lines.into_iter().map(|(_, row)| row);
    let names_labels = head.as_ref().is_none_or(|head| {
        head.len() != 2
            || ["label", "labels", "tag", "tags", "class", "classes"].contains(&head[1].to_lowercase().as_str())
    });
    let all: Vec<Vec<String>> = all.collect();
    if columns == 2 && (names_labels || all.iter().any(|row| ones(&row[1..]).is_none())) {
        let marked = all.iter().any(|row| row[1].contains([';', '|']));
        let separators: &[char] = if marked { &[';', '|'] } else { &[' ', ','] };
        let part = |text: &str| {
            text.split(separators).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        return Ok(all.into_iter().map(|row| Row { labels: part(&row[1]), file: row[0].clone() }).collect());
    }
    // a column a label, with 1 where it applies
    let applies = |row: Vec<String>| {
        let names = head.as_ref().filter(|head| head.len() == columns)?;
        let labels =
            ones(&row[1..])?.into_iter().zip(&names[1..]).filter(|(one, _)| *one).map(|(_, name)| name.clone());
        Some(Row { labels: labels.collect(), file: row[0].clone() })
    };
    let named = head.as_ref().filter(|head| head.len() == columns && is_marked);
    if let (Some(head), Some((number, column, value))) = (named, odd) {
        let what = format!("line {number} of `{shown}` has `{value}` for `{}`", head[column]);
        return Err(Error::new(what).remedy("write 1 where the label applies and 0 where it does not, or give one column with the labels: `boat.jpg,sea;sky`"));
    }
    all.into_iter().map(applies).collect::<Option<Vec<Row>>>().ok_or_else(|| {
        Error::new(format!("`{shown}` has {columns} columns"))
            .remedy("expected two, a file and its labels (`boat.jpg,sea;sky`), or a column a label, named in the first line, of 0 and 1")
    })
}

/// One row a file, with the labels of all its rows.
fn merged(rows: Vec<Row>) -> Vec<Row> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut merged: Vec<Row> = Vec::new();
    for row in rows {
        match places.get(&row.file) {
            Some(at) => merged[*at].labels.extend(row.labels),
            None => {
                places.insert(row.file.clone(), merged.len());
                merged.push(row);
            }
        }
    }
    merged
}

/// Which of these are 1; `None` where one is neither 0 nor 1.
fn ones(cells: &[String]) -> Option<Vec<bool>> {
    cells
        .iter()
        .map(|cell| match cell.as_str() {
            "1" | "1.0" => Some(true),
            "0" | "0.0" => Some(false),
            _ => None,
        })
        .collect()
}

//! Pictures with any number of labels each, listed in a table.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use super::folder::TruthRows;
use super::picture_table::PictureTable;
use super::table_verbs::picture_verbs;
use super::{Data, ImageFolder, Part, Sample, Target, field};
use crate::paths;
use crate::show::{Bundle, Show};
use crate::words::count;
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
#[must_use = "gives data, which are dropped here; bind it: `let data = …;`"]
pub struct LabelTable {
    pictures: ImageFolder,
}

impl LabelTable {
    /// Reads a table: a picture's file, relative to the table, and its labels, parted by `;` or `|`, or where there are none of these, by spaces.
    /// A first line such as `file,labels` names the columns. A picture without labels has an empty second column. A column a label, of 0 and
    /// 1, is read too, where the first line names them. `part` (train, valid, test) and `group` are read as by [`ImageFolder::csv`].
    ///
    /// # Errors
    /// When the table cannot be read, names files that are not there, or no label.
    pub fn csv(path: impl AsRef<Path>) -> Result<LabelTable> {
        LabelTable::open(&paths::expanded(path.as_ref()))
    }

    fn open(path: &Path) -> Result<LabelTable> {
        let table = PictureTable::open(path)?;
        let shown = &table.shown;
        let rows = merged(rows(&table)?);
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
        let samples: Vec<Sample> = rows.iter().map(|row| table.sample(&row.file, 0)).collect();
        let groups = table.groups_of(&samples);
        let mut pictures = ImageFolder::listed(table.root.clone(), samples)?;
        pictures = groups.into_iter().fold(pictures, ImageFolder::grouped_as);
        let rows = TruthRows { field: field::LABELS, names: Arc::new(names), values: truth };
        Ok(LabelTable { pictures: pictures.with_rows(rows) })
    }

    /// How many pictures of a part each label applies to.
    pub fn counts(&self, part: Part) -> Vec<usize> {
        let ids = self.pictures.ids(part);
        let truth =
            |id: usize, label: usize| self.pictures.rows.as_ref().is_some_and(|rows| rows.values[id][label] > 0.5);
        let of = |label: usize| ids.iter().filter(|id| truth(**id, label)).count();
        (0..self.names().len()).map(of).collect()
    }

    /// The labels of a picture in words.
    fn words(&self, id: usize) -> String {
        let Some(rows) = &self.pictures.rows else { return String::new() };
        let names = rows.names.iter().zip(&rows.values[id]).filter(|(_, applies)| **applies > 0.5);
        let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }
}

picture_verbs!(LabelTable, Target::Classes, "labels");

impl Show for LabelTable {
    fn bundle(&self) -> Bundle {
        let each = self.names().iter().zip(self.counts(Part::Train));
        let each: Vec<String> = each.map(|(name, count)| format!("{name} {count}")).collect();
        let (train, valid) = (Data::count(self, Part::Train), Data::count(self, Part::Valid));
        Bundle::new().text(format!(
            "{} for training, {valid} for validation; labels {}",
            count(train, "picture"),
            each.join(", ")
        ))
    }
}

/// A line of a table.
struct Row {
    file: String,
    labels: Vec<String>,
}

fn rows(table: &PictureTable) -> Result<Vec<Row>> {
    let (shown, head, lines) = (&table.shown, &table.head, &table.rows);
    let columns = lines[0].1.len();
    // A column a label, as some cell says: the first that is neither 0 nor 1.
    let is_marked =
        lines.iter().flat_map(|(_, row)| row.get(1..)).flatten().any(|cell| ["0", "1"].contains(&cell.as_str()));
    let odd = lines.iter().find_map(|(number, row)| {
        let column = (1..row.len()).find(|column| ones(&row[*column..=*column]).is_none())?;
        Some((*number, column, row[column].clone()))
    });
    let all = lines.iter().map(|(_, row)| row.clone());
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

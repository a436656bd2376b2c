//! Pictures with numbers, listed in a table.

use std::path::Path;
use std::sync::Arc;

use super::folder::{ImageFolder, TruthRows};
use super::picture_table::PictureTable;
use super::table_verbs::picture_verbs;
use super::{Part, Target, field};
use crate::paths;
use crate::show::{Bundle, Show};
use crate::{Error, Result};

/// Pictures with one or more numbers each, such as an age or an angle, as a table of text lists them: `face.jpg,31`.
///
/// ```no_run
/// use candlewick_prelude::prelude::*;
/// let data = NumberTable::csv("faces/ages.csv", &["age"])?.split(0.2, 42)?.size(64).batch(32);
/// let mut learner = Learner::regression(Arch::default(), &data)?;
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "gives data, which are dropped here; bind it: `let data = …;`"]
pub struct NumberTable {
    pictures: ImageFolder,
}

impl NumberTable {
    /// Reads a table, parted by commas, semicolons or tabs: a line a picture, its file as seen from the table, and the numbers of these
    /// columns; of all columns where no name is given. `part` (train, valid, test) and `group` are read as by
    /// [`ImageFolder::csv`].
    ///
    /// Numbers are taken as they stand; those of about -1 to 1 train best.
    ///
    /// # Errors
    /// When it cannot be read, names files that are not there, has no such column, or a cell is no number.
    pub fn csv(path: impl AsRef<Path>, columns: &[&str]) -> Result<NumberTable> {
        NumberTable::open(&paths::expanded(path.as_ref()), columns)
    }

    fn open(path: &Path, columns: &[&str]) -> Result<NumberTable> {
        let table = PictureTable::open(path)?;
        let shown = &table.shown;
        let width = table.rows[0].1.len();
        let places: Vec<usize> = match columns {
            [] => (1..width).collect(),
            names => {
                let place = |name: &&str| {
                    table.column(&[name]).filter(|at| *at > 0).ok_or_else(|| {
                        let there = table
                            .head
                            .as_ref()
                            .map_or("none: the first line has no names".to_owned(), |head| head[1..].join(", "));
                        Error::new(format!("`{shown}` has no column `{name}`"))
                            .remedy(format!("the columns behind the file's are {there}"))
                    })
                };
                names.iter().map(place).collect::<Result<_>>()?
            }
        };
        let name = |at: &usize| match &table.head {
            Some(head) => head[*at].clone(),
            None if width == 2 => "number".to_owned(),
            None => format!("number {at}"),
        };
        let names: Vec<String> = places.iter().map(name).collect();
        let (mut values, mut samples) = (Vec::new(), Vec::new());
        let mut seen = std::collections::HashMap::new();
        for (line, row) in &table.rows {
            if let Some(first) = seen.insert(row[0].as_str(), *line) {
                return Err(Error::new(format!("`{shown}` has `{}` in line {first} and in line {line}", row[0]))
                    .remedy("a picture has one line of numbers"));
            }
            let number = |at: &usize| {
                let cell = &row[*at];
                // as written where a comma parts the decimals
                cell.replace(',', ".").parse::<f32>().ok().filter(|number| number.is_finite()).ok_or_else(|| {
                    Error::new(format!("line {line} of `{shown}` has `{cell}` for `{}`, which is no number", name(at)))
                        .remedy("give it one, remove the line, or name the columns that are numbers: `NumberTable::csv(\"list.csv\", &[\"age\"])?`")
                })
            };
            values.push(places.iter().map(number).collect::<Result<Vec<f32>>>()?);
            samples.push(table.sample(&row[0], 0));
        }
        let groups = table.groups_of(&samples);
        let mut pictures = ImageFolder::listed(table.root.clone(), samples)?;
        pictures = groups.into_iter().fold(pictures, ImageFolder::grouped_as);
        let rows = TruthRows { field: field::NUMBERS, names: Arc::new(names), values: Arc::new(values) };
        Ok(NumberTable { pictures: pictures.with_rows(rows) })
    }

    /// The numbers of a picture in words.
    fn words(&self, id: usize) -> String {
        let Some(rows) = &self.pictures.rows else { return String::new() };
        let each = rows.names.iter().zip(&rows.values[id]);
        each.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
    }
}

picture_verbs!(NumberTable, Target::Numbers, "numbers");

impl Show for NumberTable {
    fn bundle(&self) -> Bundle {
        let range = |at: usize| {
            let values = self.pictures.rows.iter().flat_map(|rows| rows.values.iter()).map(|row| row[at]);
            values.fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)))
        };
        let each = self.names().iter().enumerate().map(|(at, name)| {
            let (least, most) = range(at);
            format!("{name} from {least} to {most}")
        });
        let each: Vec<String> = each.collect();
        let counts = [Part::Train, Part::Valid].map(|part| self.pictures.ids(part).len());
        Bundle::new().text(format!(
            "{} pictures for training, {} for validation; {}",
            counts[0],
            counts[1],
            each.join(", ")
        ))
    }
}

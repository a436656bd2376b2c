//! Pictures of one class each, listed in a table.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::folder::{ImageFolder, one_class};
use super::formats::differ_in_capitals;
use super::picture_table::PictureTable;
use crate::paths;
use crate::{Error, Result, show};

/// What the column of classes may be called, in lower case.
const CLASSES: [&str; 6] = ["label", "labels", "class", "category", "target", "species"];

impl ImageFolder {
    /// Reads a table, parted by commas, semicolons or tabs: a line a picture, its file as seen from the table and its class. Where the first
    /// line names the columns, they may stand in any order; `part` (train, valid, test) is its part then, and `group` what stays on one side
    /// of a split. Without names the part may be the last of three columns.
    ///
    /// ```no_run
    /// use candlewick_prelude::prelude::*;
    /// // file,label,part
    /// // scans/001.png,sick,train
    /// let data = ImageFolder::csv("scans.csv")?.size(64).batch(32);
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When it cannot be read, names files that are not there, a picture has no class or two, or there are no classes.
    pub fn csv(path: impl AsRef<Path>) -> Result<ImageFolder> {
        ImageFolder::csv_at(&paths::expanded(path.as_ref()), None)
    }

    /// The same with the class in a column of this name.
    ///
    /// # Errors
    /// As [`csv`](ImageFolder::csv), and when there is no such column.
    pub fn csv_column(path: impl AsRef<Path>, column: &str) -> Result<ImageFolder> {
        ImageFolder::csv_at(&paths::expanded(path.as_ref()), Some(column))
    }

    fn csv_at(path: &Path, column: Option<&str>) -> Result<ImageFolder> {
        let table = PictureTable::open(path)?;
        let shown = &table.shown;
        let columns = table.rows[0].1.len();
        let names = || table.head.as_ref().map_or(String::new(), |head| head[1..].join(", "));
        let at = match column {
            Some(name) => table.column(&[name]).filter(|at| *at > 0).ok_or_else(|| {
                Error::new(format!("`{shown}` has no column `{name}`"))
                    .remedy(format!("the columns behind the file's are: {}", names()))
            })?,
            None if columns == 2 => 1,
            None => table.column(&CLASSES).ok_or_else(|| {
                Error::new(format!("`{shown}` has {columns} columns, and none is called `label` or `class`"))
                    .remedy("say which one is the class: `ImageFolder::csv_column(\"list.csv\", \"species\")?`")
            })?,
        };
        let mut class_of: HashMap<&str, (usize, &str)> = HashMap::new();
        let mut files = Vec::new();
        for (line, row) in &table.rows {
            let (file, class) = (row[0].as_str(), row[at].as_str());
            if class.is_empty() {
                return Err(Error::new(format!("line {line} of `{shown}` gives `{file}` no class"))
                    .remedy("name its class, or remove the line"));
            }
            match class_of.insert(file, (*line, class)) {
                None => files.push(file),
                Some((_, other)) if other == class => {}
                Some((first, other)) => {
                    let what =
                        format!("`{shown}` has `{file}` as `{other}` in line {first} and as `{class}` in line {line}");
                    return Err(Error::new(what).remedy(
                        "give it one class; for several labels a picture use `LabelTable::csv` and `Learner::labels`",
                    ));
                }
            }
        }
        let classes: Vec<String> = class_of
            .values()
            .map(|(_, class)| *class)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(str::to_owned)
            .collect();
        if let Some(words) = one_class(&classes).or_else(|| differ_in_capitals(&classes)) {
            show::note(&format!("`{shown}`: {words}"));
        }
        if classes.len() * 2 > files.len() && classes.iter().all(|class| class.parse::<f64>().is_ok()) {
            return Err(Error::new(format!(
                "`{shown}` has {} different numbers for {} pictures",
                classes.len(),
                files.len()
            ))
            .remedy("numbers are told by `NumberTable::csv(\"list.csv\", &[])?` and `Learner::regression`"));
        }
        let class = |name: &str| classes.iter().position(|own| own == name).unwrap_or(0);
        let samples: Vec<_> = files.iter().map(|file| table.sample(file, class(class_of[file].1))).collect();
        let groups = table.groups_of(&samples);
        let data = ImageFolder::classed(table.root.clone(), classes.clone(), samples)?;
        Ok(match groups {
            Some(groups) => data.grouped_as(groups),
            None => data,
        })
    }
}

//! The examples of a table: which rows have a text and a truth, and what is true of each.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::cells::Cells;
use super::columns::{Said, TextColumns, Wanted, columns};
use crate::data::formats::class_name;
use crate::data::picture_table::part_of;
use crate::data::{Part, Target};
use crate::words::{count, does};
use crate::{Error, Result};

/// What is true of the examples.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Truth {
    /// The index of each one's class.
    Class(Vec<u32>),
    /// A row of numbers each: 1 for labels that apply, or numbers to be told.
    Rows(Vec<f32>),
}

/// Rows with a text and a truth.
#[derive(Clone, Debug)]
pub(super) struct Examples {
    pub cells: Arc<Cells>,
    pub columns: TextColumns,
    pub rows: Vec<u32>,
    pub target: Target,
    pub truth: Truth,
    /// The parts that the table gives, where it has such a column.
    pub parts: Option<Vec<Part>>,
    /// What is worth knowing of how they were read, a sentence each.
    pub words: Vec<String>,
}

impl Examples {
    /// Those of a table.
    ///
    /// # Errors
    /// When a column is not there, a cell is no number, a part has no such name, or there is only one class.
    pub fn of(cells: &Arc<Cells>, said: &Said, shown: &str) -> Result<Examples> {
        let columns = columns(cells, said, shown)?;
        let mut words = Vec::new();
        let has_text = |row: usize| {
            let blank = |at: usize| cells.is_missing(row, at) || cells.cell(row, at).trim() == "None";
            !blank(columns.text) && !columns.pair.is_some_and(blank)
        };
        let mut without_text = Vec::new();
        let mut rows: Vec<usize> = Vec::new();
        for row in 0..cells.len() {
            if has_text(row) { rows.push(row) } else { without_text.push(row) }
        }
        let texts: Vec<usize> = [Some(columns.text), columns.pair].into_iter().flatten().collect();
        left_out(cells, &without_text, ("text", &texts), &mut words);
        let is_told = |row: &usize| match said.truth {
            // a text without labels has none of them
            Wanted::Labels(_) => true,
            _ => columns.truth.iter().all(|at| !cells.is_missing(*row, *at)),
        };
        let (told, untold): (Vec<usize>, Vec<usize>) = rows.into_iter().partition(is_told);
        left_out(cells, &untold, ("label", &columns.truth), &mut words);
        if told.is_empty() {
            return Err(Error::new(format!("no row of `{shown}` has both a text and a label: {}", columns.words))
                .remedy(format!("name the columns: `.text(\"…\").label(\"…\")?`; there are {}", cells.names())));
        }
        let (target, truth) = match &said.truth {
            Wanted::Labels(_) => labels(cells, &told, columns.truth[0], said, shown, &mut words)?,
            Wanted::Numbers(_) => numbers(cells, &told, &columns.truth, shown)?,
            Wanted::Class(_) | Wanted::Guess => classes(cells, &told, columns.truth[0], said, shown, &mut words)?,
        };
        let parts = columns.part.map(|at| {
            let by_flag = cells.head[at].trim().eq_ignore_ascii_case("is_valid");
            let of = |row: &usize| {
                let cell = cells.cell(*row, at).trim();
                part_of(cell, by_flag).ok_or_else(|| {
                    let line = cells.line(*row);
                    let what = match cell {
                        "" => format!("line {line} of `{shown}` says no part in `{}`", cells.head[at]),
                        cell => format!("line {line} of `{shown}` has the part `{cell}`"),
                    };
                    Error::new(what).remedy("write `train`, `valid` or `test` in each row, or take the column out")
                })
            };
            told.iter().map(of).collect::<Result<Vec<Part>>>()
        });
        let rows = told.iter().map(|row| u32::try_from(*row).unwrap_or(u32::MAX)).collect();
        Ok(Examples { cells: cells.clone(), parts: parts.transpose()?, columns, rows, target, truth, words })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The text of one, and the second where it is a pair.
    pub fn text(&self, id: usize) -> (&str, Option<&str>) {
        let row = self.rows[id] as usize;
        (self.cells.cell(row, self.columns.text), self.columns.pair.map(|at| self.cells.cell(row, at)))
    }

    /// The cell of a column.
    pub fn cell(&self, id: usize, column: usize) -> &str {
        self.cells.cell(self.rows[id] as usize, column)
    }

    /// The line of one.
    pub fn line(&self, id: usize) -> usize {
        self.cells.line(self.rows[id] as usize)
    }

    /// A number for each one's group, and the groups' names: those of a column; an empty cell is a group of its own.
    pub fn groups(&self, column: usize) -> (Vec<usize>, Vec<String>) {
        let n = self.len();
        let names: Vec<String> = (0..n).map(|id| self.cell(id, column).trim().to_owned()).collect();
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let of = names.iter().enumerate().map(|(id, name)| {
            let next = n + numbers.len();
            if name.is_empty() { id } else { *numbers.entry(name).or_insert(next) }
        });
        (of.collect(), names.clone())
    }

    /// Goes on without these.
    pub fn leave_out(&mut self, ids: &BTreeSet<usize>) {
        let keeps = |id: &usize| !ids.contains(id);
        let kept: Vec<usize> = (0..self.len()).filter(keeps).collect();
        self.rows = kept.iter().map(|id| self.rows[*id]).collect();
        if let Some(parts) = &mut self.parts {
            *parts = kept.iter().map(|id| parts[*id]).collect();
        }
        let width = self.target.names().len();
        match &mut self.truth {
            Truth::Class(of) => *of = kept.iter().map(|id| of[*id]).collect(),
            Truth::Rows(rows) => {
                *rows = kept.iter().flat_map(|id| rows[id * width..(id + 1) * width].to_vec()).collect()
            }
        }
    }

    /// The class, or the labels that apply.
    pub fn labels(&self, id: usize) -> Vec<usize> {
        match (&self.truth, &self.target) {
            (Truth::Class(of), _) => vec![of[id] as usize],
            (Truth::Rows(values), Target::Classes(names)) => {
                let row = &values[id * names.len()..(id + 1) * names.len()];
                (0..names.len()).filter(|at| row[*at] > 0.5).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The smallest and the largest of each number.
    pub fn ranges(&self) -> Vec<(f32, f32)> {
        let width = self.target.names().len();
        let Truth::Rows(values) = &self.truth else { return Vec::new() };
        let of = |at: usize| values.iter().skip(at).step_by(width);
        let range = |at: usize| {
            of(at)
                .fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), value| (least.min(*value), most.max(*value)))
        };
        (0..width).map(range).collect()
    }

    /// What is true of one, in words.
    pub fn truth_words(&self, id: usize) -> String {
        let names = self.target.names();
        match (&self.truth, &self.target) {
            (Truth::Rows(values), Target::Numbers(_)) => {
                let row = &values[id * names.len()..(id + 1) * names.len()];
                names.iter().zip(row).map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
            }
            _ => match self.labels(id).iter().map(|at| names[*at].as_str()).collect::<Vec<_>>() {
                none if none.is_empty() => "none".to_owned(),
                names => names.join(", "),
            },
        }
    }
}

fn left_out(cells: &Cells, rows: &[usize], (what, columns): (&str, &[usize]), words: &mut Vec<String>) {
    let Some(first) = rows.first() else { return };
    let many = does(rows.len(), "row", "has", "have");
    let are = if rows.len() == 1 { "is" } else { "are" };
    let more = if rows.len() > 1 { " …" } else { "" };
    // what stands there and says that nothing does
    let written = rows.iter().flat_map(|row| columns.iter().map(|at| cells.cell(*row, *at).trim()));
    let written: BTreeSet<&str> = written.filter(|cell| !cell.is_empty() && cell.len() <= 4).collect();
    let none = match written.is_empty() {
        true => String::new(),
        false => format!(" (`{}` is none)", written.into_iter().collect::<Vec<_>>().join("`, `")),
    };
    words.push(format!("{many} no {what} and {are} left out: line {}{more}{none}", cells.line(*first)));
}

/// How names are written most often that differ in capitals alone, by the name in small letters; a sentence says which those are.
fn usual_spellings(
    counted: impl Iterator<Item = (String, usize)>,
    what: &str,
    words: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let mut spellings: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for (name, n) in counted {
        *spellings.entry(name.to_lowercase()).or_default().entry(name).or_default() += n;
    }
    let (mut usual, mut joined) = (BTreeMap::new(), Vec::new());
    for (key, ways) in spellings {
        usual.insert(key, ways.iter().max_by_key(|(_, n)| **n).map(|(name, _)| name.clone()).unwrap_or_default());
        if ways.len() > 1 {
            joined.push(format!("`{}`", ways.into_keys().collect::<Vec<_>>().join("` and `")));
        }
    }
    if !joined.is_empty() {
        words.push(format!("{what} that differ in capitals alone are one: {}", joined.join("; ")));
    }
    usual
}

/// The labels of a cell: `slow;funny`, or a list as Python writes it.
fn pieces(cell: &str) -> Vec<String> {
    let list = cell.trim().strip_prefix('[').and_then(|cell| cell.strip_suffix(']'));
    let quotes: &[char] = if list.is_some() { &['\'', '"'] } else { &[] };
    let parts = list.unwrap_or(cell).split([';', '|', ',']);
    parts.map(|part| class_name(part.trim().trim_matches(quotes))).filter(|name| !name.is_empty()).collect()
}

/// One class a row. What differs in capitals and space alone is one class.
fn classes(
    cells: &Cells,
    rows: &[usize],
    at: usize,
    said: &Said,
    shown: &str,
    words: &mut Vec<String>,
) -> Result<(Target, Truth)> {
    let mut spelled: HashMap<&str, usize> = HashMap::new();
    rows.iter().for_each(|row| *spelled.entry(cells.cell(*row, at)).or_default() += 1);
    let counted = spelled.iter().map(|(written, n)| (class_name(written), *n));
    let mut names: Vec<(String, String)> = usual_spellings(counted, "classes", words).into_iter().collect();
    let column = &cells.head[at];
    if cells.len() == 1 && !cells.named && (0..cells.head.len()).all(|at| cells.cell(0, at).chars().count() < 30) {
        let row = (0..cells.head.len()).map(|at| cells.cell(0, at)).collect::<Vec<_>>().join(", ");
        return Err(Error::new(format!("`{shown}` has one row alone, `{row}`"))
            .remedy("where that is the head, there are no texts below it: expected a line a text, `a fine film,pos`"));
    }
    if let [(_, one)] = &names[..] {
        let others = match &said.truth {
            Wanted::Guess | Wanted::Class(None) => ", and another column is told by `.label(\"…\")?`",
            _ => "",
        };
        words.push(format!(
            "all texts are of the class `{one}`, from column `{column}`: enough to measure on; a classifier learns from two at least{others}"
        ));
    }
    let as_number = |name: &str| name.parse::<f64>().ok().filter(|number| number.is_finite());
    let numeric = names.iter().all(|(key, _)| as_number(key).is_some());
    if names.len() * 2 > rows.len() && rows.len() > 8 {
        let own = count(names.len(), "different value");
        // several pieces a cell, of which there are few
        let pieces: BTreeSet<&str> =
            names.iter().flat_map(|(key, _)| key.split([';', '|', ','])).map(str::trim).collect();
        let remedy = if numeric {
            "numbers are told by `.number(\"score\")?`"
        } else if pieces.len() * 2 <= names.len()
            || (pieces.len() < names.len() && names.iter().any(|(key, _)| key.contains([';', '|'])))
        {
            "several labels in a cell are told by `.labels(\"tags\")?`"
        } else {
            "name the column of the classes: `.label(\"…\")?`"
        };
        let guessed = match &said.truth {
            Wanted::Guess | Wanted::Class(None) => ", taken for the classes,",
            _ => "",
        };
        return Err(Error::new(format!(
            "the column `{column}` of `{shown}`{guessed} has {own} in {}",
            count(rows.len(), "row")
        ))
        .remedy(format!("{remedy}; the columns are {}", cells.names())));
    }
    if cells.lists.contains(&at)
        || names.iter().filter(|(key, _)| key.starts_with('[') && key.ends_with(']')).count() * 2 > names.len()
    {
        words.push(format!("`{column}` looks like lists, each taken as one class; several labels a text are told by `.labels(\"{column}\")?`"));
    }
    if numeric
        && (names.len() > 10 || names.iter().any(|(key, _)| as_number(key).is_some_and(|number| number.fract() != 0.0)))
    {
        let own = count(names.len(), "different number");
        words.push(format!(
            "`{column}` has {own}, each taken as a class; numbers to be told are `.number(\"{column}\")?`"
        ));
    }
    if numeric {
        names.sort_by(|a, b| as_number(&a.0).unwrap_or(0.0).total_cmp(&as_number(&b.0).unwrap_or(0.0)));
    }
    let odd = names.iter().map(|(_, name)| name.as_str()).filter(|name| ["None", "NA", "-", "?"].contains(name));
    let odd: Vec<String> = odd.map(|name| format!("`{name}`")).collect();
    if !odd.is_empty() {
        words.push(format!(
            "{} counts as a class: where it means that there is none, leave the cell empty",
            odd.join(", ")
        ));
    }
    let mut places: HashMap<String, u32> =
        names.iter().enumerate().map(|(at, (key, _))| (key.clone(), at as u32)).collect();
    let mut shown_names: Vec<String> = names.iter().map(|(_, name)| name.clone()).collect();
    if let Some(given) = &said.names {
        // numbers from 0 name their place
        let numbers: Vec<Option<usize>> = names.iter().map(|(key, _)| key.parse().ok()).collect();
        let by_place = numbers.iter().all(|number| number.is_some_and(|number| number < given.len()));
        if !by_place && given.len() != names.len() {
            let own = shown_names.iter().map(|name| format!("`{name}`")).take(10).collect::<Vec<_>>().join(", ");
            return Err(Error::new(format!(
                "{} for the {} of column `{column}`: {own}",
                count(given.len(), "name"),
                count(names.len(), "class")
            ))
            .remedy("give each class a name, in this order: `.label_names(&[\"negative\", \"positive\"])?`"));
        }
        if by_place {
            for ((key, _), number) in names.iter().zip(&numbers) {
                places.insert(key.clone(), number.unwrap_or(0) as u32);
            }
        }
        shown_names.clone_from(given);
    }
    let of: HashMap<&str, u32> =
        spelled.keys().map(|written| (*written, places[&class_name(written).to_lowercase()])).collect();
    let truth = rows.iter().map(|row| of[cells.cell(*row, at)]).collect();
    Ok((Target::Class(shown_names), Truth::Class(truth)))
}

/// Several labels a row.
fn labels(
    cells: &Cells,
    rows: &[usize],
    at: usize,
    said: &Said,
    shown: &str,
    words: &mut Vec<String>,
) -> Result<(Target, Truth)> {
    let parted: Vec<Vec<String>> = rows.iter().map(|row| pieces(cells.cell(*row, at))).collect();
    let usual = usual_spellings(parted.iter().flatten().map(|name| (name.clone(), 1)), "labels", words);
    let mut found: Vec<&String> = usual.values().collect();
    found.sort();
    if found.is_empty() || found.len() > 2000 || (found.len() > 50 && found.len() * 2 > rows.len()) {
        let what = format!(
            "the column `{}` of `{shown}` holds {} in {}",
            cells.head[at],
            count(found.len(), "different label"),
            count(rows.len(), "row")
        );
        return Err(Error::new(what).remedy("labels stand in a cell, parted by `;`: `slow;funny`"));
    }
    let places: HashMap<&String, usize> = found.iter().enumerate().map(|(at, name)| (*name, at)).collect();
    let width = found.len();
    let mut values = vec![0f32; rows.len() * width];
    for (id, own) in parted.iter().enumerate() {
        own.iter().for_each(|name| values[id * width + places[&usual[&name.to_lowercase()]]] = 1.0);
    }
    let names = match &said.names {
        Some(given) if given.len() == width => given.clone(),
        Some(given) => {
            let own = found.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(Error::new(format!("{} for {}: {own}", count(given.len(), "name"), count(width, "label")))
                .remedy("give each label a name, in this order"));
        }
        None => found.into_iter().cloned().collect(),
    };
    Ok((Target::Classes(names), Truth::Rows(values)))
}

/// A number as programs and people write it: a point or a comma before the decimals, the other one, or spaces, between thousands.
fn written_number(cell: &str) -> Option<f32> {
    let plain: String = cell.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'')).collect();
    let plain = match (plain.rfind('.'), plain.rfind(',')) {
        (Some(point), Some(comma)) if point < comma => plain.replace('.', "").replace(',', "."),
        (Some(_), Some(_)) => plain.replace(',', ""),
        (None, Some(_)) => plain.replacen(',', ".", 1),
        _ => plain,
    };
    plain.parse().ok()
}

/// A number a column.
fn numbers(cells: &Cells, rows: &[usize], columns: &[usize], shown: &str) -> Result<(Target, Truth)> {
    let mut values = Vec::with_capacity(rows.len() * columns.len());
    for row in rows {
        for at in columns {
            let cell = cells.cell(*row, *at).trim();
            let number = written_number(cell).filter(|number| number.is_finite());
            values.push(number.ok_or_else(|| {
                let line = cells.line(*row);
                Error::new(format!(
                    "line {line} of `{shown}` has `{cell}` for `{}`, which is no number",
                    cells.head[*at]
                ))
                .remedy("give it one, leave the cell empty, or name classes instead: `.label(\"…\")?`")
            })?);
        }
    }
    let names = columns.iter().map(|at| cells.head[*at].clone()).collect();
    Ok((Target::Numbers(names), Truth::Rows(values)))
}

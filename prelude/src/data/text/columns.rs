//! Which column of a table is what: told, known by its name, or guessed by what stands in it.

use std::collections::HashSet;

use super::cells::{Cells, known};
use crate::data::likely_meant;
use crate::data::picture_table::{GROUPS, PARTS};
use crate::{Error, Result};

/// So many rows are looked at for a guess.
const LOOKED_AT: usize = 2000;
/// More classes than these are none that a guess finds.
const MOST_CLASSES: usize = 50;

/// What a person has said of the columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Said {
    pub text: Option<String>,
    pub pair: Option<(String, String)>,
    pub truth: Wanted,
    /// Names of the classes, in the order of what stands in the table.
    pub names: Option<Vec<String>>,
    /// The classes or labels that are kept, where some are left out.
    pub kept: Option<Vec<String>>,
}

/// What is to be told of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Wanted {
    /// One class; the column is guessed where none is named.
    Class(Option<String>),
    /// Several labels, parted by `;`, `|` or `,`.
    Labels(String),
    /// A number a column.
    Numbers(Vec<String>),
    /// Nobody has said anything.
    #[default]
    Guess,
}

/// The columns of a table by what they are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TextColumns {
    pub text: usize,
    pub pair: Option<usize>,
    pub truth: Vec<usize>,
    pub part: Option<usize>,
    pub group: Option<usize>,
    /// In words; and whether something was guessed by what stands in the columns.
    pub words: String,
    pub guessed: bool,
}

/// Finds the columns.
///
/// # Errors
/// When a column that was named is not there, and where none looks like a text or like a truth.
pub(super) fn columns(cells: &Cells, said: &Said, shown: &str) -> Result<TextColumns> {
    let column = |name: &String| {
        cells.column(name).ok_or_else(|| {
            let error = Error::new(format!("`{shown}` has no column `{name}`"));
            let meant = likely_meant(name, &cells.head).map(|name| format!("did you mean `{name}`? "));
            error.remedy(format!("{}the columns are {}", meant.unwrap_or_default(), cells.names()))
        })
    };
    let by_name = |names: &[&str]| names.iter().find_map(|name| cells.column(name)).filter(|_| cells.named);
    let part = by_name(&PARTS).filter(|at| looks_like_parts(cells, *at));
    let group = by_name(&GROUPS);
    let told: Vec<usize> = match &said.truth {
        Wanted::Class(Some(name)) | Wanted::Labels(name) => vec![column(name)?],
        Wanted::Numbers(names) => names.iter().map(column).collect::<Result<_>>()?,
        Wanted::Class(None) | Wanted::Guess => Vec::new(),
    };
    let mut guessed = false;
    let taken = |at: usize| told.contains(&at) || part == Some(at) || group == Some(at);
    let (text, pair) = match (&said.text, &said.pair) {
        (_, Some((one, other))) => (column(one)?, Some(column(other)?)),
        (Some(name), None) => (column(name)?, None),
        (None, None) => match known::PAIRS.iter().find_map(|(a, b)| by_name(&[*a]).zip(by_name(&[*b]))) {
            Some((one, other)) => (one, Some(other)),
            None => (text_column(cells, &taken, shown, &mut guessed)?, None),
        },
    };
    if pair == Some(text) {
        let what = format!("both texts of a pair are of the column `{}` of `{shown}`", cells.head[text]);
        return Err(Error::new(what)
            .remedy(format!("name two: `.pair(\"sentence1\", \"sentence2\")`; there are {}", cells.names())));
    }
    if let Some(at) = told.iter().copied().find(|at| *at == text || Some(*at) == pair) {
        return Err(Error::new(format!(
            "the column `{}` of `{shown}` is both text and what is to be told",
            cells.head[at]
        ))
        .remedy(format!("name two columns: `.text(\"…\").label(\"…\")?`; there are {}", cells.names())));
    }
    let truth = if told.is_empty() {
        let taken = |at: usize| taken(at) || at == text || Some(at) == pair;
        vec![label_column(cells, &taken, shown, &mut guessed)?]
    } else {
        told
    };
    let name = |at: usize| format!("`{}`", cells.head[at]);
    let text_words = match pair {
        Some(other) => format!("texts from columns {} and {}", name(text), name(other)),
        None => format!("text from column {}", name(text)),
    };
    let what = match &said.truth {
        Wanted::Labels(_) => "labels",
        Wanted::Numbers(_) => "numbers",
        Wanted::Class(_) | Wanted::Guess => "classes",
    };
    let from = truth.iter().map(|at| name(*at)).collect::<Vec<_>>().join(", ");
    let words = format!("{text_words}, {what} from {from}");
    Ok(TextColumns { text, pair, truth, part, group, words, guessed })
}

/// Whether the first cells of a column name parts.
fn looks_like_parts(cells: &Cells, at: usize) -> bool {
    let by_flag = cells.head[at].trim().eq_ignore_ascii_case("is_valid");
    let is_part = |row: usize| crate::data::picture_table::part_of(cells.cell(row, at).trim(), by_flag).is_some();
    (0..cells.len().min(20)).filter(|row| is_part(*row)).count() * 2 > cells.len().min(20)
}

/// The column with a text's name, or with the longest texts.
fn text_column(cells: &Cells, taken: &dyn Fn(usize) -> bool, shown: &str, guessed: &mut bool) -> Result<usize> {
    let known = known::TEXTS.iter().filter_map(|name| cells.column(name)).find(|at| !taken(*at));
    if let Some(at) = known.filter(|_| cells.named) {
        return Ok(at);
    }
    *guessed = true;
    let rows = cells.len().min(LOOKED_AT);
    let long = |at: &usize| (0..rows).map(|row| cells.cell(row, *at).len()).sum::<usize>();
    let letters = |at: &usize| (0..rows).any(|row| cells.cell(row, *at).chars().any(char::is_alphabetic));
    let free: Vec<usize> = (0..cells.head.len()).filter(|at| !taken(*at)).collect();
    free.iter().filter(|at| letters(at)).max_by_key(|at| (long(at), std::cmp::Reverse(**at))).copied().ok_or_else(
        || {
            Error::new(format!("`{shown}` has no column that looks like a text: its columns are {}", cells.names()))
                .remedy("name it: `.text(\"review\")`")
        },
    )
}

/// The column with a label's name, or with few different values.
fn label_column(cells: &Cells, taken: &dyn Fn(usize) -> bool, shown: &str, guessed: &mut bool) -> Result<usize> {
    let known = known::LABELS.iter().filter_map(|name| cells.column(name)).find(|at| !taken(*at));
    if let Some(at) = known.filter(|_| cells.named) {
        return Ok(at);
    }
    *guessed = true;
    let rows = cells.len().min(LOOKED_AT);
    let different = |at: usize| {
        let own: HashSet<&str> =
            (0..rows).map(|row| cells.cell(row, at).trim()).filter(|cell| !cell.is_empty()).collect();
        let short = own.iter().all(|cell| cell.chars().count() <= 40);
        Some(own.len()).filter(|own| (1..=MOST_CLASSES).contains(own) && short && (own * 2 <= rows || rows < 8))
    };
    let free = (0..cells.head.len())
        .filter(|at| !taken(*at) && !known::OTHERS.contains(&cells.head[*at].to_lowercase().as_str()));
    let found = free.filter_map(|at| Some((different(at)?, std::cmp::Reverse(at))));
    // one value is no class, but better than no column: the error says what it holds
    let best = found.min_by_key(|(own, at)| (*own < 2, *own, *at));
    best.map(|(_, at)| at.0).ok_or_else(|| {
        if let [only] = cells.head.as_slice() {
            // where nothing names it, its first cell
            let begins: String = if cells.named || cells.len() == 0 { only.clone() } else { cells.cell(0, 0).chars().take(40).collect() };
            return Error::new(format!("`{shown}` has one column alone, `{begins}`: nothing stands beside the texts")).remedy(
                "columns are parted by `,`, `;`, a tab or `|`: `TextTable::csv` finds out which, `TextTable::tsv` looks for tabs alone",
            );
        }
        Error::new(format!("`{shown}` has no column that looks like a label: its columns are {}", cells.names())).remedy(
            "name the one that holds the class: `.label(\"stars\")?`; numbers are told by `.number(\"score\")?`, several labels by `.labels(\"tags\")?`",
        )
    })
}

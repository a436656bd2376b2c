//! Annotations with boxes as other programs keep them: COCO's JSON, Pascal VOC's XML, YOLO's text, tables.
//!
//! [`read`] makes a [`Listing`] of a path in any of these formats, with the faults it found; `Listing::write_coco` and the like
//! write one. What a format says and nobody here understands is kept and written again.
//!
//! - `guess` says of which format a path is; `coco`, `voc`, `yolo`, `table` read one each, in parts of their own for a file or a line.
//! - `gallery` lists the pictures and finds the one that a name means, `header` reads their sizes, `settle` brings both together
//!   and checks every box; `fault` is what it finds, `text` reads files and numbers, `form` knows how boxes are counted. `by_file` makes rows
//!   of a table of `boxes.json`, which an image folder has.
//! - `place` says where a folder's annotations are read and where the annotation tool writes them; `rest` lists pictures that none speaks of.
//! - `classes` renames, merges and drops classes; `alike` finds names spelled twice.
//! - `writing` puts files where nothing of another program's is lost, `write_coco` and the like say what is in them.

mod alike;
mod by_file;
mod classes;
mod coco;
mod data_yaml;
mod fault;
mod form;
mod gallery;
mod guess;
mod header;
mod listing;
mod place;
mod rest;
mod settle;
mod table;
mod table_columns;
mod text;
mod voc;
mod voc_xml;
mod write_coco;
mod write_csv;
mod write_voc;
mod write_yolo;
mod writing;
mod yolo;
mod yolo_lines;

#[cfg(test)]
mod tests;

pub(crate) use alike::{differ_in_capitals, likely_meant, nearest};
pub(crate) use by_file::{BY_FILE, ByFile, FileBox};
pub(crate) use classes::{chosen, joined, renaming};
#[cfg(test)]
pub(crate) use fault::{Fault, FaultKind, Spot};
pub(crate) use form::{BoxForm, Counting};
pub(crate) use guess::{BoxFormat, guess};
pub(crate) use listing::{Extra, Listed, Listing, Object};
pub(crate) use place::BoxPlace;
pub(crate) use rest::{is_turned, rest, within};
pub(crate) use write_yolo::Placing;

use super::names::composed;
use crate::Result;
use std::path::{Path, PathBuf};

/// How annotations are read where their files leave it open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// The format (default: as [`guess`] finds).
    pub format: Option<BoxFormat>,
    /// The folder of the pictures (default: where the annotations are).
    pub pictures: Option<PathBuf>,
    /// What the four numbers of a box are (default: what the format has, a table's first line says or its numbers tell).
    pub form: Option<BoxForm>,
    /// Whether numbers are shares of the picture's sides (default: what the format has or a table's numbers tell).
    pub shares: Option<bool>,
    /// How VOC's files count pixels (default: as their boxes show).
    pub counting: Option<Counting>,
}

/// Reads annotations of any format.
///
/// # Errors
/// Where the path is not there or of no format, where none of its annotations is of a picture, and where the user interrupts.
/// All else is among the listing's faults.
pub(crate) fn read(path: &Path, reading: &Reading) -> Result<Listing> {
    let format = match reading.format {
        Some(format) => {
            guess::present(path)?;
            format
        }
        None => guess(path)?,
    };
    if let Some(folder) = &reading.pictures {
        guess::present(folder)?;
    }
    match format {
        BoxFormat::Coco => coco::read(path, reading),
        BoxFormat::Voc => voc::read(path, reading),
        BoxFormat::Yolo => yolo::read(path, reading),
        BoxFormat::Csv => table::read(path, reading),
    }
}

/// Where a table's columns stand, by the names in its first line; `None` where they do not say.
pub(in crate::data) fn table_columns(first: &[String]) -> Option<table_columns::TableColumns> {
    table_columns::named(first).ok()
}

/// A class's name as it is compared and shown: composed, on one line, without space around it.
pub(crate) fn class_name(written: &str) -> String {
    let words = written.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    composed(&words.collect::<Vec<_>>().join(" "))
}

//! The pictures of a folder that no annotations speak of.

use super::fault::FaultKind;
use super::gallery::{Gallery, is_picture};
use super::header::measure;
use super::{Listed, Listing};
use crate::Result;
use crate::show::Steps;
use image::metadata::Orientation;
use rayon::prelude::*;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Pictures beside those of a listing.
pub(crate) struct Rest {
    /// Those whose heads can be read, by name.
    pub pictures: Vec<Listed>,
    /// The names of the others.
    pub unreadable: Vec<String>,
}

/// The pictures below a folder that a listing does not have; of each only the head is read.
///
/// # Errors
/// Where the folder cannot be listed, or the user interrupts.
pub(crate) fn rest(root: &Path, listing: &Listing) -> Result<Rest> {
    let gallery = Gallery::open(&[root], &Steps::new("listing files", 0))?;
    // The listing tells of those that it could not read.
    let told = listing.faults.iter().filter(|fault| fault.kind == FaultKind::UnreadablePicture);
    let told = told.filter_map(|fault| fault.picture.as_deref());
    let known: HashSet<&str> = listing.pictures.iter().map(|picture| picture.name.as_str()).chain(told).collect();
    let others: Vec<_> = gallery.pictures.into_iter().filter(|shelved| !known.contains(&shelved.name[..])).collect();
    let steps = Steps::new("reading pictures' sizes", others.len());
    let read = others.into_par_iter().map(|shelved| {
        steps.step()?;
        let size = measure(&shelved.path).map(|measured| measured.upright());
        Ok(Listed { path: shelved.path, name: shelved.name, size, part: shelved.part, ..Listed::default() })
    });
    let (pictures, others): (Vec<Listed>, Vec<Listed>) =
        read.collect::<Result<Vec<Listed>>>()?.into_iter().partition(|picture| picture.size.is_some());
    Ok(Rest { pictures, unreadable: others.into_iter().map(|picture| picture.name).collect() })
}

/// Whether a picture's file says that it is shown otherwise than its pixels lie.
pub(crate) fn is_turned(path: &Path) -> bool {
    measure(path).is_some_and(|measured| measured.turn != Orientation::NoTransforms)
}

/// The file that a picture's path leads to, links followed, where that is a picture and lies in a folder, whose own path is canonical.
pub(crate) fn within(folder: &Path, path: &Path) -> Option<PathBuf> {
    let file = path.canonicalize().ok()?;
    (file.starts_with(folder) && file.is_file() && is_picture(&file)).then_some(file)
}

//! A picture file and its truth: its class, and the objects on it.

use super::Part;
use crate::boxes::Annotation;
use std::path::PathBuf;

/// One picture file of a data set.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Where it lies.
    pub path: PathBuf,
    /// Its path inside the data set's folder.
    pub name: String,
    /// Index of its class.
    pub class: usize,
    /// What it is used for.
    pub part: Part,
    /// The objects on it, in pixels of the upright picture; empty where nobody said.
    pub boxes: Vec<Annotation>,
}

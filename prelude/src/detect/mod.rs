//! Boxes, and what is done with them.
//!
//! - [`BBox`]: a box on a picture, in pixels, with its area, its overlap with another, and its normalised form.
//! - [`Annotation`]: what a picture truly shows, and where.
//! - [`Detection`]: what a network believes that a picture shows, and where.

mod bbox;

pub use bbox::BBox;

/// One object that a picture truly shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotation {
    /// Index of the class.
    pub class: usize,
    /// Where it stands, in pixels.
    pub bbox: BBox,
    /// Whether the box holds many objects that nobody counted (COCO's `iscrowd`).
    pub crowd: bool,
}

impl Annotation {
    /// One object of class `class` at `bbox`.
    pub fn new(class: usize, bbox: BBox) -> Annotation {
        Annotation { class, bbox, crowd: false }
    }
}

/// One object that a network believes to see.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Index of the class.
    pub class: usize,
    /// Name of the class.
    pub label: String,
    /// How sure the network is, from 0 to 1.
    pub score: f32,
    /// Where it stands, in pixels.
    pub bbox: BBox,
}

impl Detection {
    /// One object of class number `class`, named `label`, at `bbox`.
    pub fn new(class: usize, label: impl Into<String>, score: f32, bbox: BBox) -> Detection {
        Detection { class, label: label.into(), score, bbox }
    }
}

//! What a picture truly shows, and where.

use super::BBox;

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

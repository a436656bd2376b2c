//! What a network believes that a picture shows, and where.

use super::BBox;

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

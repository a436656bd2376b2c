//! Boxes on pictures: geometry, what pictures truly show, and what networks believe.
//!
//! - [`BBox`]: a box on a picture, in pixels, with its area, its overlap with another, and its normalised form.
//! - [`Annotation`]: what a picture truly shows, and where.
//! - [`Detection`]: what a network believes that a picture shows, and where.
//! - [`measure`]: how good detections are, and which of those that overlap are kept.

mod annotation;
mod bbox;
mod detection;
pub mod measure;

pub use annotation::Annotation;
pub use bbox::BBox;
pub use detection::Detection;

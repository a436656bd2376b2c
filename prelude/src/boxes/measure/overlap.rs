//! Boxes as evaluation reckons with them: in `f64`, checked.

use crate::boxes::{Annotation, BBox, Detection};
use crate::{Error, Result};

/// The edges and the area of a box, to the last bit as pycocotools has them of the same numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edges {
    x0: f64,
    y0: f64,
    x1: f64,
    y1: f64,
    /// Area in square pixels.
    pub area: f64,
}

impl Edges {
    /// The edges of a box; `None` where one is no finite number.
    pub fn of(bbox: &BBox) -> Option<Edges> {
        let [x0, y0, x1, y1] = bbox.to_xyxy().map(f64::from);
        if ![x0, y0, x1, y1].iter().all(|edge| edge.is_finite()) {
            return None;
        }
        // COCO's files have widths and heights
        let (width, height) = ((x1 - x0).max(0.0), (y1 - y0).max(0.0));
        Some(Edges { x0, y0, x1: width + x0, y1: height + y0, area: width * height })
    }

    /// The area that both cover.
    fn both(&self, other: &Edges) -> f64 {
        let width = self.x1.min(other.x1) - self.x0.max(other.x0);
        let height = self.y1.min(other.y1) - self.y0.max(other.y0);
        if width > 0.0 && height > 0.0 { width * height } else { 0.0 }
    }

    /// Intersection over union; 0 where the boxes do not meet.
    pub fn iou(&self, truth: &Edges) -> f64 {
        let both = self.both(truth);
        if both > 0.0 { both / (self.area + truth.area - both) } else { 0.0 }
    }

    /// The share of this box that lies on a crowd's: what COCO takes for the overlap with a crowd.
    pub fn within(&self, crowd: &Edges) -> f64 {
        let both = self.both(crowd);
        if both > 0.0 { both / self.area } else { 0.0 }
    }
}

/// A detection that is a number all over: its place among those given, its class, score and edges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sure {
    /// Its index among the detections given.
    pub index: usize,
    /// Index of the class.
    pub class: usize,
    /// How sure the network is.
    pub score: f32,
    /// Where it stands.
    pub edges: Edges,
}

/// An annotation with its edges and the area by which it is small or large.
#[derive(Clone, Copy, Debug)]
pub(super) struct Real {
    /// Index of the class.
    pub class: usize,
    /// Whether it is a crowd.
    pub crowd: bool,
    /// Where it stands.
    pub edges: Edges,
    /// Its area; in COCO's own files that of its outline and not of its box.
    pub area: f64,
}

/// The detections of a picture, without those whose score or box is no number.
///
/// # Errors
/// A class that is not below `classes`.
pub(super) fn sure(detections: &[Detection], classes: usize) -> Result<Vec<Sure>> {
    let mut found = Vec::with_capacity(detections.len());
    for (index, detection) in detections.iter().enumerate() {
        class_below(detection.class, classes, "detection", index)?;
        if let Some(edges) = Edges::of(&detection.bbox).filter(|_| !detection.score.is_nan()) {
            found.push(Sure { index, class: detection.class, score: detection.score, edges });
        }
    }
    Ok(found)
}

/// What a picture truly shows.
///
/// # Errors
/// A class that is not below `classes`; a box that is no number.
pub(super) fn real(truth: &[Annotation], classes: usize) -> Result<Vec<Real>> {
    let one = |(index, annotation): (usize, &Annotation)| {
        class_below(annotation.class, classes, "true box", index)?;
        let edges = Edges::of(&annotation.bbox).ok_or_else(|| {
            Error::new(format!(
                "the true box number {index} is {:?}; expected finite pixels",
                annotation.bbox.to_xyxy()
            ))
            .remedy("leave such boxes out of the data, or mend them")
        })?;
        Ok(Real { class: annotation.class, crowd: annotation.crowd, edges, area: edges.area })
    };
    truth.iter().enumerate().map(one).collect()
}

fn class_below(class: usize, classes: usize, what: &str, index: usize) -> Result<()> {
    if class < classes {
        return Ok(());
    }
    Err(Error::new(format!("{what} number {index} is of class {class}; expected a class below {classes}"))
        .remedy("make the evaluation for as many classes as network and data have"))
}

/// The surest first; those of one score stay in their order.
pub(super) fn surest_first(a: f32, b: f32) -> std::cmp::Ordering {
    b.partial_cmp(&a).unwrap_or(std::cmp::Ordering::Equal)
}

//! Boxes on pictures: geometry, what pictures truly show, and what networks believe.
//!
//! - [`BBox`]: a box on a picture, in pixels, with its area, its overlap with another, and its normalised form.
//! - [`Annotation`]: what a picture truly shows, and where.
//! - [`Detection`]: what a network believes that a picture shows, and where.

mod annotation;
mod bbox;
mod detection;

/// Stub.
pub fn suppress(boxes: &[[f32; 4]], scores: &[f32], classes: Option<&[u32]>, most: f32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).filter(|i| scores[*i].is_finite()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let mut kept: Vec<usize> = Vec::new();
    for i in order {
        let b = |i: usize| BBox::new(boxes[i][0], boxes[i][1], boxes[i][2], boxes[i][3]);
        if kept.iter().all(|j| classes.is_some_and(|c| c[*j] != c[i]) || b(i).iou(&b(*j)) <= most) {
            kept.push(i);
        }
    }
    kept
}

pub use annotation::Annotation;
pub use bbox::BBox;
pub use detection::Detection;

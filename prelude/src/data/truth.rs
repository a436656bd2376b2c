//! What a sample truly shows, as the network sees it: its box follows the picture.

use super::Sample;
use super::augment::{Augment, Change};
use super::transform::Transform;
use crate::boxes::BBox;
use rand_chacha::ChaCha8Rng;

/// The first object's box on the network's square, where somebody said where it is; the picture was of this size.
pub(super) fn on_square(sample: &Sample, (width, height): (u32, u32), transform: &Transform) -> Option<BBox> {
    sample.boxes.first().map(|annotation| transform.to_square(&annotation.bbox, width, height))
}

/// A change of the picture, and where the box is then.
pub(super) fn varied(
    bbox: Option<BBox>,
    augment: Augment,
    side: usize,
    rng: &mut ChaCha8Rng,
) -> (Change, Option<BBox>) {
    let mut change = augment.draw(side, rng);
    // An object that was moved out of sight teaches the wrong box.
    for _ in 0..8 {
        if bbox.is_none_or(|bbox| change.bbox(&bbox, side).area() >= 0.6 * bbox.area()) {
            break;
        }
        change = augment.draw(side, rng);
    }
    let bbox = bbox.map(|bbox| change.bbox(&bbox, side));
    (change, bbox)
}

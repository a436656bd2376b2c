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
        // Of one that is enlarged, as much has to be in sight.
        let is_seen = |bbox: &BBox| {
            let area = change.bbox(bbox, side).area();
            area >= 0.6 * bbox.area()
                && (!change.is_warped() || area >= 0.6 * change.bbox_from(bbox, side, side).area())
        };
        if bbox.as_ref().is_none_or(is_seen) {
            break;
        }
        change = augment.draw(side, rng);
    }
    let bbox = bbox.map(|bbox| change.bbox(&bbox, side));
    (change, bbox)
}

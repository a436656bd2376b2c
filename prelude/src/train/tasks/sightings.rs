//! What a detector's head says of each picture, each thing once.

use crate::Result;
use crate::boxes::measure::suppress_classes;
use crate::data::{Batch, Fields, field};
use crate::detect::{self, Sighting};

/// Of two boxes of one class that overlap by more, the less likely one is left out: where it is measured, as YOLOX's own evaluation has it.
pub(super) const MEASURED: f64 = 0.65;
/// The same where it is told, so that a person sees each thing once.
pub(super) const TOLD: f64 = 0.45;

/// What the head says of each picture, from this score on, without boxes that overlap with a likelier one of their class by more than
/// `overlap`; the most likely first.
pub(super) fn found(said: &Fields, side: (usize, usize), least: f32, overlap: f64) -> Result<Vec<Vec<Sighting>>> {
    let found = match said.find(field::YOLOV8) {
        Some(said) => detect::yolov8_found(said, side, least)?,
        None => detect::found(said.get(field::YOLOX)?, side, least)?,
    };
    found.into_iter().map(|found| once(found, overlap)).collect()
}

/// Each thing once.
fn once(found: Vec<Sighting>, overlap: f64) -> Result<Vec<Sighting>> {
    let corners: Vec<[f32; 4]> = found.iter().map(|one| corners(one.bbox)).collect();
    let scores: Vec<f32> = found.iter().map(|one| one.score).collect();
    let classes: Vec<u32> = found.iter().map(|one| one.class as u32).collect();
    let kept = suppress_classes(&corners, &scores, &classes, overlap)?;
    // a score that is no number is no reason to hide it
    let spoiled = found.iter().filter(|one| !one.score.is_finite()).copied();
    Ok(kept.into_iter().map(|at| found[at]).chain(spoiled).take(100).collect())
}

fn corners([x, y, w, h]: [f32; 4]) -> [f32; 4] {
    [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0]
}

/// Height and width of a batch's pictures.
pub(super) fn side_of(batch: &Batch) -> Result<(usize, usize)> {
    let (_, _, height, width) = batch.inputs.get(field::IMAGE)?.dims4()?;
    Ok((height, width))
}

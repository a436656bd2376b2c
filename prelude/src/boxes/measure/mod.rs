//! How good detections are, and which of those that overlap are kept.
//!
//! - [`CocoEvaluator`]: average precision and recall as pycocotools has them, for all classes and for each, picture by picture;
//!   its [`DetectionCurves`] are precision and recall over each other and over the score, its [`ScoreHistogram`] shows how sure
//!   the network is where it is right and where it is wrong.
//! - [`FindingRule`]: what each detection is by itself: right, a duplicate, of the wrong class, in the wrong place, …
//!   ([`Finding`]), and what became of each true object ([`TruthFate`]); [`FindingCounts`] counts them.
//! - [`BoxConfusion`]: which class is taken for which, with the background as one more.
//! - [`Suppression`]: of detections that overlap, the surest.
//!
//! All are numbers in memory: nothing here knows networks, files or screens.

mod coco;
mod confusion;
mod counts;
mod curves;
mod finding;
mod histogram;
mod numbers;
mod overlap;
mod suppress;
mod tally;
#[cfg(test)]
mod tests;

pub use coco::CocoEvaluator;
pub use confusion::BoxConfusion;
pub use counts::FindingCounts;
pub use curves::{BestThreshold, ClassCurves, CurveStep, DetectionCurves};
pub use finding::{Finding, FindingRule, FoundBox, PictureFindings, TruthFate};
pub use histogram::ScoreHistogram;
pub use numbers::{CocoNumbers, CocoScores, SizeRange};
pub use suppress::{Decay, Suppression, Survivor, suppress, suppress_classes};

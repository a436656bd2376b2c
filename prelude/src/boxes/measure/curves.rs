//! Precision and recall over each other, and over the score from which a detection counts.

use super::overlap::surest_first;
use super::tally::{RECALLS, at_recalls};
use serde::{Deserialize, Serialize};

/// How many scores the averaged curves have: 0.000, 0.001, … 1.000.
const SCORES: usize = 1001;

/// What detections are worth where those count whose score reaches a threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CurveStep {
    /// The score that a detection has to reach.
    pub threshold: f64,
    /// The share of detections that are right; 1 where there is none.
    pub precision: f64,
    /// The share of true objects that are found.
    pub recall: f64,
    /// The harmonic mean of both; 0 where nothing is found.
    pub f1: f64,
}

/// The threshold on the score with the highest F1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BestThreshold {
    /// The score that a detection should reach: in the middle between the last that counts and the next.
    pub threshold: f64,
    /// The F1 there.
    pub f1: f64,
}

/// The curves of one class of which something is true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassCurves {
    /// Index of the class.
    pub class: usize,
    /// How many objects of it are true.
    pub truths: usize,
    /// One step for each score that a detection has, from the highest on: recall over precision as it is, and both over the
    /// score.
    pub steps: Vec<CurveStep>,
    /// The highest precision at each recall or above (0.00, 0.01, … 1.00), as COCO; its mean is the average precision.
    pub precision: Vec<f64>,
    /// The threshold with the highest F1.
    pub best: BestThreshold,
}

/// The curves of each class of which something is true, at an IoU of 0.5 as COCO matches boxes, and the means over them.
///
/// ```
/// use candlewick_prelude::boxes::measure::CocoEvaluator;
/// use candlewick_prelude::boxes::{Annotation, BBox, Detection};
/// let (boat, sky) = (BBox::new(10.0, 10.0, 50.0, 50.0), BBox::new(0.0, 80.0, 50.0, 90.0));
/// let mut evaluator = CocoEvaluator::new(1);
/// let found = [Detection::new(0, "boat", 0.75, boat), Detection::new(0, "boat", 0.25, sky)];
/// evaluator.add(&found, &[Annotation::new(0, boat)])?;
/// let curves = evaluator.curves();
/// assert_eq!(curves.best.threshold, 0.5);
/// let last = curves.classes[0].steps.last().unwrap();
/// assert_eq!((last.threshold, last.precision, last.recall), (0.25, 0.5, 1.0));
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectionCurves {
    /// The classes of which something is true.
    pub classes: Vec<ClassCurves>,
    /// The mean precision at each recall (0.00, 0.01, … 1.00); empty where nothing is true.
    pub precision: Vec<f64>,
    /// The means at the thresholds 0.000, 0.001, … 1.000; empty where nothing is true.
    pub steps: Vec<CurveStep>,
    /// The one threshold for all classes with the highest mean F1.
    pub best: BestThreshold,
}

/// What the curves of one class are made of.
pub(super) struct ClassOutcomes {
    /// Index of the class.
    pub class: usize,
    /// How many objects of it are true.
    pub truths: usize,
    /// Score of each detection and whether it is right, the surest first.
    pub outcomes: Vec<(f32, bool)>,
}

impl DetectionCurves {
    /// The curves of classes.
    pub(super) fn of(each: &[ClassOutcomes]) -> DetectionCurves {
        let kept: Vec<&ClassOutcomes> = each.iter().filter(|one| one.truths > 0).collect();
        let classes: Vec<ClassCurves> = kept.iter().map(|one| ClassCurves::of(one)).collect();
        let count = classes.len() as f64;
        let (mut precision, mut steps) = (Vec::new(), Vec::new());
        if !classes.is_empty() {
            let mean = |at: usize| classes.iter().map(|class| class.precision[at]).sum::<f64>() / count;
            precision = (0..RECALLS).map(mean).collect();
            steps = mean_steps(&classes);
        }
        DetectionCurves { best: best_of(&kept), classes, precision, steps }
    }
}

impl ClassCurves {
    fn of(one: &ClassOutcomes) -> ClassCurves {
        let ClassOutcomes { class, truths, ref outcomes } = *one;
        let (mut taken, mut right) = (0, 0);
        // detections of one score cannot be told apart by a threshold
        let steps = outcomes.chunk_by(|a, b| a.0 == b.0).map(|group| {
            taken += group.len();
            right += group.iter().filter(|(_, right)| *right).count();
            step(f64::from(group[0].0), taken, right, truths)
        });
        let steps: Vec<CurveStep> = steps.collect();
        let precision = at_recalls(outcomes.iter().map(|(_, right)| *right), truths).to_vec();
        let best = best_of(&[one]);
        ClassCurves { class, truths, steps, precision, best }
    }
}

fn step(threshold: f64, taken: usize, right: usize, truths: usize) -> CurveStep {
    let precision = if taken == 0 { 1.0 } else { right as f64 / taken as f64 };
    CurveStep { threshold, precision, recall: right as f64 / truths as f64, f1: f1(taken, right, truths) }
}

/// F1 of so many detections of which some are right, where something is true.
fn f1(taken: usize, right: usize, truths: usize) -> f64 {
    2.0 * right as f64 / (taken + truths) as f64
}

/// The means over classes at thresholds from 0 to 1.
fn mean_steps(classes: &[ClassCurves]) -> Vec<CurveStep> {
    let count = classes.len() as f64;
    let mut means: Vec<CurveStep> = (0..SCORES)
        .map(|at| CurveStep { threshold: at as f64 / (SCORES - 1) as f64, ..CurveStep::default() })
        .collect();
    for class in classes {
        let mut reached = 0;
        for mean in means.iter_mut().rev() {
            while class.steps.get(reached).is_some_and(|step| step.threshold >= mean.threshold) {
                reached += 1;
            }
            let none = CurveStep { precision: 1.0, ..CurveStep::default() };
            let here = reached.checked_sub(1).map_or(none, |last| class.steps[last]);
            mean.precision += here.precision / count;
            mean.recall += here.recall / count;
            mean.f1 += here.f1 / count;
        }
    }
    means
}

/// The threshold with the highest mean F1 of classes.
fn best_of(classes: &[&ClassOutcomes]) -> BestThreshold {
    let mut all: Vec<(f32, usize, bool)> = Vec::new();
    for (class, one) in classes.iter().enumerate() {
        all.extend(one.outcomes.iter().map(|(score, right)| (*score, class, *right)));
    }
    all.sort_by(|a, b| surest_first(a.0, b.0));
    let mut counts = vec![(0, 0); classes.len()];
    let (mut sum, mut taken, mut best) = (0.0, 0, BestThreshold { threshold: 0.5, f1: 0.0 });
    for group in all.chunk_by(|a, b| a.0 == b.0) {
        for (_, class, right) in group {
            let truths = classes[*class].truths;
            let (taken, found) = &mut counts[*class];
            sum -= f1(*taken, *found, truths);
            *taken += 1;
            *found += usize::from(*right);
            sum += f1(*taken, *found, truths);
        }
        taken += group.len();
        // a hair more is rounding
        if sum / classes.len() as f64 > best.f1 + 1e-12 {
            let below = all.get(taken).map_or(0.0, |(score, ..)| f64::from(*score));
            best = BestThreshold { threshold: (f64::from(group[0].0) + below) / 2.0, f1: sum / classes.len() as f64 };
        }
    }
    best
}

//! What each detection is by itself, and what became of each true object.

use super::overlap::{Real, Sure, real, sure, surest_first};
use crate::boxes::{Annotation, Detection};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// What a detection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Finding {
    /// It finds a true object.
    Right,
    /// It is on a true object of its class that a surer detection has found.
    Duplicate,
    /// It is on a true object of another class.
    WrongClass,
    /// It is beside a true object of its class: near, but not near enough.
    WrongPlace,
    /// It is beside a true object of another class.
    WrongBoth,
    /// It is on nothing true.
    Background,
    /// It is on a crowd of its class, and counts for nothing.
    OnCrowd,
    /// Its score does not reach the threshold, or score or box are no number.
    Unsure,
}

impl Finding {
    /// All of them.
    pub const EVERY: [Finding; 8] = [
        Finding::Right,
        Finding::Duplicate,
        Finding::WrongClass,
        Finding::WrongPlace,
        Finding::WrongBoth,
        Finding::Background,
        Finding::OnCrowd,
        Finding::Unsure,
    ];
}

/// What became of a true object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TruthFate {
    /// A detection finds it.
    Found,
    /// No detection finds it, but one of the wrong class or in the wrong place is about it.
    Mistaken,
    /// No detection is about it.
    Missed,
    /// It is a crowd, which nobody has to find.
    Crowd,
}

impl TruthFate {
    /// All of them.
    pub const EVERY: [TruthFate; 4] = [TruthFate::Found, TruthFate::Mistaken, TruthFate::Missed, TruthFate::Crowd];
}

/// One detection's finding.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoundBox {
    /// What it is.
    pub finding: Finding,
    /// The true object that it is about, as an index; `None` where it is about none.
    pub truth: Option<usize>,
    /// The overlap with that, else the highest with any true object that is no crowd.
    pub iou: f64,
}

/// What each detection of a picture is, and what became of each true object, in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PictureFindings {
    /// One for each detection.
    pub found: Vec<FoundBox>,
    /// One for each true object.
    pub truths: Vec<TruthFate>,
}

/// From where a detection is right, and from where it is about nothing: the definitions of TIDE (Bolya et al. 2020, *TIDE: A
/// General Toolbox for Identifying Object Detection Errors*), and equal to its authors' code.
///
/// The surest detection chooses first, among the true objects of its class that are left, the one that it overlaps most. What
/// has none is, and the first that fits holds: in the wrong place (its highest overlap with its own class is from `background`
/// to `iou`), of the wrong class (with another class from `iou` on), a duplicate, background (with all up to `background`), or
/// both of the wrong class and in the wrong place.
///
/// ```
/// use candlewick_prelude::boxes::measure::{Finding, FindingRule, TruthFate};
/// use candlewick_prelude::boxes::{Annotation, BBox, Detection};
/// let (boat, buoy) = (BBox::new(10.0, 10.0, 50.0, 50.0), BBox::new(80.0, 80.0, 100.0, 100.0));
/// let truth = [Annotation::new(0, boat), Annotation::new(1, buoy)];
/// let found = [
///     Detection::new(0, "boat", 0.9, boat),
///     Detection::new(0, "boat", 0.8, boat.shift(2.0, 0.0)),
///     Detection::new(0, "boat", 0.7, buoy),
/// ];
/// let seen = FindingRule::default().judge(&found, &truth)?;
/// let findings: Vec<Finding> = seen.found.iter().map(|found| found.finding).collect();
/// assert_eq!(findings, [Finding::Right, Finding::Duplicate, Finding::WrongClass]);
/// assert_eq!(seen.truths, [TruthFate::Found, TruthFate::Mistaken]);
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindingRule {
    /// The overlap from which a detection is on an object: 0.5.
    pub iou: f64,
    /// The overlap up to which it is on nothing: 0.1.
    pub background: f64,
    /// The score that a detection has to reach: 0.25.
    pub score: f64,
}

impl Default for FindingRule {
    fn default() -> FindingRule {
        FindingRule { iou: 0.5, background: 0.1, score: 0.25 }
    }
}

impl FindingRule {
    /// Says of one picture what each detection is, and what became of each true object.
    ///
    /// # Errors
    /// Overlaps that are not `0 ≤ background < iou ≤ 1`; a true box that is no number.
    pub fn judge(&self, detections: &[Detection], truth: &[Annotation]) -> Result<PictureFindings> {
        if !(0.0 <= self.background && self.background < self.iou && self.iou <= 1.0) {
            let message = format!("`iou` is {} and `background` {}", self.iou, self.background);
            return Err(Error::new(format!("{message}; expected 0 ≤ background < iou ≤ 1"))
                .remedy("usual are `FindingRule { iou: 0.5, background: 0.1, score: 0.25 }`"));
        }
        let mut sure = sure(detections, usize::MAX)?;
        let truths = real(truth, usize::MAX)?;
        sure.retain(|one| f64::from(one.score) >= self.score);
        sure.sort_by(|a, b| surest_first(a.score, b.score));

        let rows: Vec<Vec<f64>> = sure.iter().map(|one| overlaps(one, &truths)).collect();
        let chosen = self.choose(&sure, &truths, &rows);
        let mut used = vec![false; truths.len()];
        chosen.iter().flatten().for_each(|truth| used[*truth] = true);
        let unsure = FoundBox { finding: Finding::Unsure, truth: None, iou: 0.0 };
        let mut seen = PictureFindings { found: vec![unsure; detections.len()], truths: Vec::new() };
        let mut mistaken = vec![false; truths.len()];
        for ((one, row), chosen) in sure.iter().zip(&rows).zip(chosen) {
            let found = match chosen {
                Some(truth) => FoundBox { finding: Finding::Right, truth: Some(truth), iou: row[truth] },
                None => self.why(one, row, &truths),
            };
            if let (Finding::WrongPlace | Finding::WrongClass, Some(truth)) = (found.finding, found.truth) {
                mistaken[truth] = true;
            }
            let crowds = truths.iter().filter(|truth| truth.crowd && truth.class == one.class);
            let ignored = chosen.is_none() && crowds.into_iter().any(|crowd| one.edges.within(&crowd.edges) > self.iou);
            seen.found[one.index] =
                if ignored { FoundBox { finding: Finding::OnCrowd, truth: None, ..found } } else { found };
        }
        seen.truths.extend(truths.iter().zip(used).zip(mistaken).map(|fate| match fate {
            ((truth, _), _) if truth.crowd => TruthFate::Crowd,
            ((_, true), _) => TruthFate::Found,
            (_, true) => TruthFate::Mistaken,
            _ => TruthFate::Missed,
        }));
        Ok(seen)
    }

    /// For each detection the true object that it finds.
    fn choose(&self, sure: &[Sure], truths: &[Real], rows: &[Vec<f64>]) -> Vec<Option<usize>> {
        let mut free = vec![true; truths.len()];
        let one = |(one, row): (&Sure, &Vec<f64>)| {
            let truth = highest(row, |at| free[at] && truths[at].class == one.class).filter(|at| row[*at] >= self.iou);
            truth.inspect(|at| free[*at] = false)
        };
        sure.iter().zip(rows).map(one).collect()
    }

    /// Why a detection finds nothing.
    fn why(&self, one: &Sure, row: &[f64], truths: &[Real]) -> FoundBox {
        let about = |finding, truth: usize| FoundBox { finding, truth: Some(truth), iou: row[truth] };
        let own = |at: usize| truths[at].class == one.class;
        if let Some(at) = highest(row, own).filter(|at| (self.background..=self.iou).contains(&row[*at])) {
            return about(Finding::WrongPlace, at);
        }
        if let Some(at) = highest(row, |at| !own(at)).filter(|at| row[*at] >= self.iou) {
            return about(Finding::WrongClass, at);
        }
        // one that were free it would have found
        if let Some(at) = highest(row, own).filter(|at| row[*at] >= self.iou) {
            return about(Finding::Duplicate, at);
        }
        match highest(row, |_| true) {
            Some(at) if row[at] > self.background => about(Finding::WrongBoth, at),
            nearest => FoundBox { finding: Finding::Background, truth: None, iou: nearest.map_or(0.0, |at| row[at]) },
        }
    }
}

/// The overlap with each true object; −1 with a crowd, which nothing finds.
fn overlaps(one: &Sure, truths: &[Real]) -> Vec<f64> {
    truths.iter().map(|truth| if truth.crowd { -1.0 } else { one.edges.iou(&truth.edges) }).collect()
}

/// The place of the highest overlap of those allowed, the first of several; crowds are not.
fn highest(row: &[f64], allowed: impl Fn(usize) -> bool) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (at, overlap) in row.iter().enumerate() {
        if *overlap >= 0.0 && allowed(at) && best.is_none_or(|best| *overlap > row[best]) {
            best = Some(at);
        }
    }
    best
}

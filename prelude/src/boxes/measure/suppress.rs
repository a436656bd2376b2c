//! Of detections that overlap, the surest.

use super::overlap::surest_first;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// What becomes of a detection that overlaps a surer one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Decay {
    /// It is left out where the overlap is above the IoU: greedy non-maximum suppression.
    #[default]
    LeaveOut,
    /// Its score is multiplied by 1 − overlap where that reaches the IoU: linear Soft-NMS.
    Linear,
    /// Its score is multiplied by exp(−overlap²/σ): Gaussian Soft-NMS, which knows no IoU. 0.5 is usual.
    Gaussian {
        /// σ, above 0: the smaller, the more of the score is lost.
        sigma: f64,
    },
}

/// A detection that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survivor {
    /// Its index among those given.
    pub index: usize,
    /// Its score; lower than the one given where Soft-NMS lowered it.
    pub score: f32,
}

/// Which of detections that overlap are kept: greedy non-maximum suppression, equal to torchvision's `nms` and `batched_nms`, or
/// Soft-NMS (Bodla et al. 2017, *Soft-NMS: Improving Object Detection With One Line of Code*).
///
/// From the highest score on, each detection that is left is kept and suppresses those that overlap it, of its own class unless
/// the classes are not looked at. Of detections with the same score the one given earlier counts as surer. What is no number is
/// left out, and a box whose right edge is left of its left one has no area.
///
/// ```
/// use candlewick_prelude::boxes::measure::Suppression;
/// let boxes = [[0.0, 0.0, 10.0, 10.0], [1.0, 0.0, 11.0, 10.0], [1.0, 0.0, 11.0, 10.0], [50.0, 50.0, 60.0, 60.0]];
/// let (scores, classes) = ([0.9, 0.8, 0.7, 0.2], [0, 0, 1, 0]);
/// let kept = Suppression::new(0.5).score(0.25).keep(&boxes, &scores, &classes)?;
/// assert_eq!(kept.iter().map(|kept| kept.index).collect::<Vec<_>>(), [0, 2]);
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suppression {
    iou: f64,
    score: f64,
    most: usize,
    blind: bool,
    decay: Decay,
}

impl Suppression {
    /// Leaves out what overlaps a surer detection of its class by more than `iou`; usual are 0.45 to 0.7.
    pub fn new(iou: f64) -> Suppression {
        Suppression { iou, score: f64::NEG_INFINITY, most: usize::MAX, blind: false, decay: Decay::LeaveOut }
    }

    /// The score that a detection has to reach to be looked at, and with Soft-NMS to be kept; else all are, with Soft-NMS those
    /// that reach 0.001.
    pub fn score(mut self, score: f64) -> Suppression {
        self.score = score;
        self
    }

    /// The most detections that are kept; else all.
    pub fn most(mut self, most: usize) -> Suppression {
        self.most = most;
        self
    }

    /// Has detections of all classes suppress each other.
    pub fn class_blind(mut self) -> Suppression {
        self.blind = true;
        self
    }

    /// What becomes of those that overlap a surer one.
    pub fn decay(mut self, decay: Decay) -> Suppression {
        self.decay = decay;
        self
    }

    /// The detections that are kept, from the highest score down.
    ///
    /// It takes n log n + n · kept steps for n detections whose score reaches the threshold.
    ///
    /// # Shapes
    /// `boxes` n × (left, top, right, bottom) in pixels, `scores` n, `classes` n (none are needed where classes are not looked
    /// at) → up to n
    ///
    /// # Errors
    /// Numbers of boxes, scores and classes that differ; an IoU that is not from 0 to 1; a score that is no number; a σ that is
    /// not above 0.
    pub fn keep(&self, boxes: &[[f32; 4]], scores: &[f32], classes: &[u32]) -> Result<Vec<Survivor>> {
        self.check(boxes.len(), scores.len(), classes.len())?;
        let least = if self.decay == Decay::LeaveOut { self.score } else { self.score.max(0.001) };
        let group = |index: usize| if self.blind { 0 } else { classes[index] };
        let reaching = scores.iter().enumerate().filter(|(_, score)| f64::from(**score) >= least);
        let mut candidates: Vec<Candidate> = reaching
            .filter(|(index, _)| boxes[*index].iter().all(|edge| edge.is_finite()))
            .map(|(index, score)| Candidate::new(index, *score, group(index), boxes[index]))
            .collect();
        candidates.sort_by(|a, b| surest_first(a.score, b.score));
        Ok(match self.decay {
            Decay::LeaveOut => self.greedy(&candidates),
            Decay::Linear => {
                let iou = self.iou;
                self.soft(candidates, least, |overlap| if overlap >= iou { 1.0 - overlap } else { 1.0 })
            }
            Decay::Gaussian { sigma } => self.soft(candidates, least, |overlap| (-overlap * overlap / sigma).exp()),
        })
    }

    fn check(&self, boxes: usize, scores: usize, classes: usize) -> Result<()> {
        if boxes != scores || (boxes != classes && !(self.blind && classes == 0)) {
            return Err(Error::new(format!("there are {boxes} boxes, {scores} scores and {classes} classes"))
                .remedy("give one score and one class a box; with `.class_blind()` no classes are needed"));
        }
        if !(0.0..=1.0).contains(&self.iou) {
            return Err(Error::new(format!("the IoU is {}; expected a number from 0 to 1", self.iou))
                .remedy("0.5 leaves out what shares more than half: `Suppression::new(0.5)`"));
        }
        if self.score.is_nan() {
            return Err(Error::new("`score` is NaN; expected a number").remedy("0.25 is usual: `.score(0.25)`"));
        }
        match self.decay {
            Decay::Gaussian { sigma } if sigma.is_nan() || sigma <= 0.0 => {
                Err(Error::new(format!("`sigma` is {sigma}; expected a number above 0"))
                    .remedy("0.5 is usual: `.decay(Decay::Gaussian { sigma: 0.5 })`"))
            }
            _ => Ok(()),
        }
    }

    /// Keeps each candidate that overlaps none kept of its class too much.
    fn greedy(&self, candidates: &[Candidate]) -> Vec<Survivor> {
        let mut groups: Vec<u32> = candidates.iter().map(|one| one.group).collect();
        groups.sort_unstable();
        groups.dedup();
        let mut kept_of: Vec<Vec<Candidate>> = vec![Vec::new(); groups.len()];
        let mut kept = Vec::new();
        for one in candidates {
            if kept.len() >= self.most {
                break;
            }
            let of = &mut kept_of[groups.partition_point(|group| *group < one.group)];
            if !of.iter().any(|surer| surer.covers(one, self.iou)) {
                of.push(*one);
                kept.push(Survivor { index: one.index, score: one.score });
            }
        }
        kept
    }

    /// Takes the candidate of the highest score, lowers those of its class, and so on.
    fn soft(&self, mut left: Vec<Candidate>, least: f64, factor: impl Fn(f64) -> f64) -> Vec<Survivor> {
        let mut scores: Vec<f64> = left.iter().map(|one| f64::from(one.score)).collect();
        let mut kept = Vec::new();
        while kept.len() < self.most && !left.is_empty() {
            let earlier = |a: usize, b: usize| scores[a].total_cmp(&scores[b]).then(left[b].index.cmp(&left[a].index));
            let Some(best) = (0..left.len()).max_by(|a, b| earlier(*a, *b)) else { break };
            let (one, score) = (left.swap_remove(best), scores.swap_remove(best));
            kept.push(Survivor { index: one.index, score: score as f32 });
            let mut at = 0;
            while at < left.len() {
                if left[at].group == one.group {
                    scores[at] *= factor(one.overlap(&left[at]));
                }
                if scores[at] < least {
                    left.swap_remove(at);
                    scores.swap_remove(at);
                } else {
                    at += 1;
                }
            }
        }
        kept
    }
}

/// A detection that may be kept.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    index: usize,
    score: f32,
    group: u32,
    edges: [f32; 4],
    area: f32,
}

impl Candidate {
    fn new(index: usize, score: f32, group: u32, edges: [f32; 4]) -> Candidate {
        let [x0, y0, x1, y1] = edges;
        Candidate { index, score, group, edges, area: (x1 - x0).max(0.0) * (y1 - y0).max(0.0) }
    }

    fn both(&self, other: &Candidate) -> f32 {
        let width = self.edges[2].min(other.edges[2]) - self.edges[0].max(other.edges[0]);
        let height = self.edges[3].min(other.edges[3]) - self.edges[1].max(other.edges[1]);
        width.max(0.0) * height.max(0.0)
    }

    /// Whether the overlap is above `iou`, reckoned in `f32` as torchvision does.
    fn covers(&self, other: &Candidate, iou: f64) -> bool {
        // Much the larger of two boxes shares little of both; the hundredth leaves room for rounding.
        let (smaller, larger) = (self.area.min(other.area), self.area.max(other.area));
        if f64::from(smaller) * 1.01 < f64::from(larger) * iou {
            return false;
        }
        let both = self.both(other);
        both > 0.0 && f64::from(both / (self.area + other.area - both)) > iou
    }

    /// The overlap in `f64`.
    fn overlap(&self, other: &Candidate) -> f64 {
        let (a, b) = (self.edges.map(f64::from), other.edges.map(f64::from));
        let area = |edges: [f64; 4]| (edges[2] - edges[0]).max(0.0) * (edges[3] - edges[1]).max(0.0);
        let both = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
        let either = area(a) + area(b) - both;
        if either > 0.0 { both / either } else { 0.0 }
    }
}

/// Greedy non-maximum suppression whatever the classes, as `torchvision.ops.nms`: the indices of those kept, from the highest
/// score down.
///
/// # Shapes
/// `boxes` n × (left, top, right, bottom), `scores` n → up to n
///
/// # Errors
/// As [`Suppression::keep`].
pub fn suppress(boxes: &[[f32; 4]], scores: &[f32], iou: f64) -> Result<Vec<usize>> {
    let kept = Suppression::new(iou).class_blind().keep(boxes, scores, &[])?;
    Ok(kept.into_iter().map(|kept| kept.index).collect())
}

/// Greedy non-maximum suppression within each class, as `torchvision.ops.batched_nms`: the indices of those kept, from the
/// highest score down.
///
/// # Shapes
/// `boxes` n × (left, top, right, bottom), `scores` n, `classes` n → up to n
///
/// # Errors
/// As [`Suppression::keep`].
pub fn suppress_classes(boxes: &[[f32; 4]], scores: &[f32], classes: &[u32], iou: f64) -> Result<Vec<usize>> {
    let kept = Suppression::new(iou).keep(boxes, scores, classes)?;
    Ok(kept.into_iter().map(|kept| kept.index).collect())
}

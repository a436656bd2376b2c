//! Which class is taken for which.

use super::overlap::{Real, Sure, real, sure, surest_first};
use crate::boxes::{Annotation, Detection};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// How many objects of which class were taken for which, with the background as one more: what is said of nothing, and what
/// nothing is said of.
///
/// By the definition of Ultralytics' `ConfusionMatrix` (<https://docs.ultralytics.com/reference/utils/metrics/>, version 8.4):
/// of detections with a score above 0.25 the surest chooses first, whatever its class, the true box that it overlaps most of
/// those that are left, if their IoU is above 0.45. Unlike there, crowds are no true boxes, and a detection without a true box
/// that lies on a crowd of its class counts for nothing.
///
/// ```
/// use candlewick_prelude::boxes::measure::BoxConfusion;
/// use candlewick_prelude::boxes::{Annotation, BBox, Detection};
/// let (boat, sky) = (BBox::new(10.0, 10.0, 50.0, 50.0), BBox::new(0.0, 80.0, 50.0, 90.0));
/// let mut confusion = BoxConfusion::new(2);
/// confusion.add(&[Detection::new(1, "buoy", 0.9, boat), Detection::new(1, "buoy", 0.5, sky)], &[Annotation::new(0, boat)])?;
/// let background = confusion.background();
/// assert_eq!(confusion.count(1, 0), Some(1), "a boat was taken for a buoy");
/// assert_eq!(confusion.count(1, background), Some(1), "the sky was taken for one");
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoxConfusion {
    classes: usize,
    iou: f64,
    score: f64,
    counts: Vec<usize>,
}

impl BoxConfusion {
    /// Of so many classes, at an IoU above 0.45 and a score above 0.25.
    pub fn new(classes: usize) -> BoxConfusion {
        BoxConfusion { classes, iou: 0.45, score: 0.25, counts: vec![0; (classes + 1) * (classes + 1)] }
    }

    /// The overlap above which a pair may be one.
    pub fn iou(mut self, iou: f64) -> BoxConfusion {
        self.iou = iou;
        self
    }

    /// The score above which a detection counts.
    pub fn score(mut self, score: f64) -> BoxConfusion {
        self.score = score;
        self
    }

    /// Adds one picture: what the network believes, and what is true.
    ///
    /// # Errors
    /// A class that is not below the matrix's; a true box that is no number; an overlap that is not from 0 to 1. The picture is
    /// left out then.
    pub fn add(&mut self, detections: &[Detection], truth: &[Annotation]) -> Result<()> {
        if !(0.0..=1.0).contains(&self.iou) {
            return Err(Error::new(format!("`iou` is {}; expected a number from 0 to 1", self.iou))
                .remedy("0.45 is usual: `BoxConfusion::new(classes).iou(0.45)`"));
        }
        let mut found = sure(detections, self.classes)?;
        found.retain(|one| f64::from(one.score) > self.score);
        found.sort_by(|a, b| surest_first(a.score, b.score));
        let (crowds, truths): (Vec<Real>, Vec<Real>) =
            real(truth, self.classes)?.into_iter().partition(|real| real.crowd);

        let pairs = self.pairs(&found, &truths);
        let mut paired = vec![false; found.len()];
        for (truth, pair) in truths.iter().zip(&pairs) {
            match pair {
                Some(one) => {
                    paired[*one] = true;
                    self.count_one(found[*one].class, truth.class);
                }
                None => self.count_one(self.classes, truth.class),
            }
        }
        for (one, _) in found.iter().zip(paired).filter(|(_, paired)| !paired) {
            let mut own = crowds.iter().filter(|crowd| crowd.class == one.class);
            if !own.any(|crowd| one.edges.within(&crowd.edges) > self.iou) {
                self.count_one(one.class, self.classes);
            }
        }
        Ok(())
    }

    /// For each true box the detection that chose it; the surest detection comes first.
    fn pairs(&self, found: &[Sure], truths: &[Real]) -> Vec<Option<usize>> {
        let mut pairs: Vec<Option<usize>> = vec![None; truths.len()];
        for (at, one) in found.iter().enumerate() {
            let mut best: Option<(usize, f64)> = None;
            for (truth, real) in truths.iter().enumerate().filter(|(truth, _)| pairs[*truth].is_none()) {
                let overlap = one.edges.iou(&real.edges);
                if overlap > best.map_or(self.iou, |(_, iou)| iou) {
                    best = Some((truth, overlap));
                }
            }
            if let Some((truth, _)) = best {
                pairs[truth] = Some(at);
            }
        }
        pairs
    }

    fn count_one(&mut self, said: usize, truth: usize) {
        self.counts[said * (self.classes + 1) + truth] += 1;
    }

    /// The index of the background: the number of classes.
    pub fn background(&self) -> usize {
        self.classes
    }

    /// How often class `said` was said where class `truth` is true; `None` where there is no such class.
    pub fn count(&self, said: usize, truth: usize) -> Option<usize> {
        let sides = said <= self.classes && truth <= self.classes;
        sides.then(|| self.counts[said * (self.classes + 1) + truth])
    }

    /// All counts, a row for each class said and a column for each true one; the background is the last of both.
    pub fn rows(&self) -> Vec<Vec<usize>> {
        self.counts.chunks_exact(self.classes + 1).map(<[usize]>::to_vec).collect()
    }

    /// Forgets all pictures.
    pub fn reset(&mut self) {
        self.counts.fill(0);
    }
}

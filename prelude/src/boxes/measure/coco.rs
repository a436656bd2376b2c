//! Average precision and recall as COCO has them, picture by picture.

use super::curves::{ClassOutcomes, DetectionCurves};
use super::histogram::ScoreHistogram;
use super::numbers::{CocoNumbers, CocoScores, SizeRange};
use super::overlap::{Real, real, sure, surest_first};
use super::tally::ClassTally;
use crate::boxes::{Annotation, Detection};
use crate::{Error, Result};
use rayon::prelude::*;

/// COCO's average precision and recall of detections, equal to pycocotools' `COCOeval` for boxes.
///
/// The area below the curve of precision over recall at 101 recalls, the mean over ten IoUs from 0.50 to 0.95 and over the
/// classes of which anything is true (Lin et al. 2014, *Microsoft COCO: Common Objects in Context*). In each picture the surest
/// detection of a class chooses first among the true boxes; a second on the same box is wrong. Crowds are neither expected nor
/// wrong, and at most a hundred detections of a class and picture count. Detections whose score or box is no number are left
/// out.
///
/// Pictures are judged when they are added, and little is kept of them, so that [`value`](CocoEvaluator::value) may be asked
/// at any time; [`reset`](CocoEvaluator::reset) begins anew, as before the next epoch. Of detections with the same score, those
/// of pictures added earlier count as surer.
///
/// ```
/// use candlewick_prelude::boxes::measure::CocoEvaluator;
/// use candlewick_prelude::boxes::{Annotation, BBox, Detection};
/// let mut evaluator = CocoEvaluator::new(2);
/// let boat = BBox::new(10.0, 10.0, 50.0, 50.0);
/// // moved by a tenth of its width: an IoU of 0.82
/// evaluator.add(&[Detection::new(0, "boat", 0.9, boat.shift(4.0, 0.0))], &[Annotation::new(0, boat)])?;
/// let scores = evaluator.value();
/// assert!((scores.all.ap.unwrap() - 0.7).abs() < 1e-9, "right at 7 of 10 IoUs");
/// assert_eq!(scores.all.ap_large, None, "no large object is true");
/// assert_eq!(scores.classes[1].ap, None, "nothing of class 1 is true");
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CocoEvaluator {
    classes: Vec<ClassTally>,
    pictures: usize,
}

impl CocoEvaluator {
    /// An evaluator of detections of so many classes.
    pub fn new(classes: usize) -> CocoEvaluator {
        CocoEvaluator { classes: vec![ClassTally::default(); classes], pictures: 0 }
    }

    /// Adds one picture: what the network believes, in any order, and what is true. An object's area is that of its box.
    ///
    /// # Errors
    /// A class that is not below the evaluator's; a true box that is no number. The picture is left out then.
    pub fn add(&mut self, detections: &[Detection], truth: &[Annotation]) -> Result<()> {
        let truth = real(truth, self.classes.len())?;
        self.put(detections, truth)
    }

    /// The same with each true object's area in square pixels, by which it is small, medium or large: COCO's own files have
    /// that of the outline, which is smaller than the box's.
    ///
    /// # Errors
    /// As [`add`](CocoEvaluator::add); a number of areas that is not that of the true boxes.
    pub fn add_sized(&mut self, detections: &[Detection], truth: &[Annotation], areas: &[f64]) -> Result<()> {
        if areas.len() != truth.len() {
            return Err(Error::new(format!("there are {} areas for {} true boxes", areas.len(), truth.len()))
                .remedy("give one area a true box, in the same order"));
        }
        let truth = real(truth, self.classes.len())?;
        self.put(detections, truth.into_iter().zip(areas).map(|(real, area)| Real { area: *area, ..real }).collect())
    }

    fn put(&mut self, detections: &[Detection], mut truth: Vec<Real>) -> Result<()> {
        let mut found = sure(detections, self.classes.len())?;
        found.sort_by(|a, b| a.class.cmp(&b.class).then(surest_first(a.score, b.score)));
        truth.sort_by_key(|real| real.class);
        let (mut found, mut truth) = (&found[..], &truth[..]);
        while let Some(class) =
            found.first().map(|one| one.class).into_iter().chain(truth.first().map(|real| real.class)).min()
        {
            let (own, others) = found.split_at(found.partition_point(|one| one.class == class));
            let (real, rest) = truth.split_at(truth.partition_point(|real| real.class == class));
            self.classes[class].add(own, real);
            (found, truth) = (others, rest);
        }
        self.pictures += 1;
        Ok(())
    }

    /// How many pictures were added.
    pub fn pictures(&self) -> usize {
        self.pictures
    }

    /// COCO's numbers of all that was added; the classes are reckoned in parallel.
    pub fn value(&self) -> CocoScores {
        let classes: Vec<_> = self.classes.par_iter().map(ClassTally::numbers).collect();
        CocoScores { all: CocoNumbers::mean(&classes), classes }
    }

    /// Precision of one class for each IoU (0.50, 0.55, … 0.95) and each recall (0.00, 0.01, … 1.00), of objects of one size;
    /// `None` where none is true. It is a row of pycocotools' array `precision` at a hundred detections.
    ///
    /// # Shapes
    /// 10 rows of 101 numbers
    ///
    /// # Errors
    /// A class that is not below the evaluator's.
    pub fn precision(&self, class: usize, size: SizeRange) -> Result<Option<Vec<Vec<f64>>>> {
        let tally = self.classes.get(class).ok_or_else(|| {
            let message = format!("there is no class {class}; expected a class below {}", self.classes.len());
            Error::new(message).remedy("classes are counted from 0")
        })?;
        Ok(tally.precision(size).map(|rows| rows.map(|row| row.to_vec()).to_vec()))
    }

    /// The curves of precision and recall at an IoU of 0.5.
    pub fn curves(&self) -> DetectionCurves {
        let each = self.classes.par_iter().enumerate();
        let each =
            each.map(|(class, tally)| ClassOutcomes { class, truths: tally.truths(), outcomes: tally.outcomes(0) });
        DetectionCurves::of(&each.collect::<Vec<_>>())
    }

    /// How sure the network is of detections that are right at an IoU of 0.5, and of those that are wrong, in so many equal
    /// steps of the score from 0 to 1 (at least one); of one class, or of all.
    ///
    /// ```
    /// use candlewick_prelude::boxes::measure::CocoEvaluator;
    /// use candlewick_prelude::boxes::{Annotation, BBox, Detection};
    /// let (boat, sky) = (BBox::new(10.0, 10.0, 50.0, 50.0), BBox::new(0.0, 80.0, 50.0, 90.0));
    /// let mut evaluator = CocoEvaluator::new(1);
    /// let found = [Detection::new(0, "boat", 0.9, boat), Detection::new(0, "boat", 0.3, sky)];
    /// evaluator.add(&found, &[Annotation::new(0, boat)])?;
    /// let histogram = evaluator.histogram(4, None);
    /// assert_eq!((histogram.right, histogram.wrong), (vec![0, 0, 0, 1], vec![0, 1, 0, 0]));
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    pub fn histogram(&self, steps: usize, class: Option<usize>) -> ScoreHistogram {
        let mut histogram = ScoreHistogram::new(steps);
        for (_, tally) in self.classes.iter().enumerate().filter(|(at, _)| class.is_none_or(|class| class == *at)) {
            tally.outcomes(0).into_iter().for_each(|(score, right)| histogram.add(score, right));
        }
        histogram
    }

    /// Forgets all pictures.
    pub fn reset(&mut self) {
        self.classes.iter_mut().for_each(ClassTally::clear);
        self.pictures = 0;
    }
}

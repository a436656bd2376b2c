//! How often each finding is made, and what became of the true objects, by class.

use super::finding::{Finding, PictureFindings, TruthFate};
use crate::boxes::{Annotation, Detection};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// How many detections are right, duplicates, of the wrong class, …, and how many true objects are found and missed, for all
/// classes and for each.
///
/// ```
/// use candlewick_prelude::boxes::measure::{Finding, FindingCounts, FindingRule, TruthFate};
/// use candlewick_prelude::boxes::{Annotation, BBox, Detection};
/// let boat = BBox::new(10.0, 10.0, 50.0, 50.0);
/// let (found, truth) = ([Detection::new(0, "boat", 0.9, boat)], [Annotation::new(0, boat), Annotation::new(1, boat)]);
/// let mut counts = FindingCounts::new(2);
/// counts.add(&found, &truth, &FindingRule::default().judge(&found, &truth)?)?;
/// assert_eq!((counts.all(Finding::Right), counts.fates(TruthFate::Missed)), (1, 1));
/// assert_eq!(counts.of(0, Finding::Right), Some(1));
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingCounts {
    classes: Vec<OfClass>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct OfClass {
    findings: [usize; Finding::EVERY.len()],
    fates: [usize; TruthFate::EVERY.len()],
}

impl FindingCounts {
    /// Counts of so many classes, all 0.
    pub fn new(classes: usize) -> FindingCounts {
        FindingCounts { classes: vec![OfClass::default(); classes] }
    }

    /// Adds one picture's findings, with the detections and the true objects that they are of.
    ///
    /// # Errors
    /// Findings of another picture: their numbers differ; a class that is not below the counts'.
    pub fn add(&mut self, detections: &[Detection], truth: &[Annotation], seen: &PictureFindings) -> Result<()> {
        if (detections.len(), truth.len()) != (seen.found.len(), seen.truths.len()) {
            let message = format!("{} findings of {} detections", seen.found.len(), detections.len());
            return Err(Error::new(format!("{message}, and {} of {} true boxes", seen.truths.len(), truth.len()))
                .remedy("add what `FindingRule::judge` said of the same detections and true boxes"));
        }
        let classes = detections.iter().map(|one| one.class).chain(truth.iter().map(|one| one.class));
        if let Some(class) = classes.into_iter().find(|class| *class >= self.classes.len()) {
            let message = format!("there is class {class}; expected a class below {}", self.classes.len());
            return Err(Error::new(message).remedy("make the counts for as many classes as network and data have"));
        }
        for (detection, found) in detections.iter().zip(&seen.found) {
            self.classes[detection.class].findings[found.finding as usize] += 1;
        }
        for (annotation, fate) in truth.iter().zip(&seen.truths) {
            self.classes[annotation.class].fates[*fate as usize] += 1;
        }
        Ok(())
    }

    /// How many detections are this.
    pub fn all(&self, finding: Finding) -> usize {
        self.classes.iter().map(|class| class.findings[finding as usize]).sum()
    }

    /// How many detections of one class are this; `None` where there is no such class.
    pub fn of(&self, class: usize, finding: Finding) -> Option<usize> {
        self.classes.get(class).map(|class| class.findings[finding as usize])
    }

    /// Of how many true objects this became.
    pub fn fates(&self, fate: TruthFate) -> usize {
        self.classes.iter().map(|class| class.fates[fate as usize]).sum()
    }

    /// Of how many true objects of one class this became; `None` where there is no such class.
    pub fn fates_of(&self, class: usize, fate: TruthFate) -> Option<usize> {
        self.classes.get(class).map(|class| class.fates[fate as usize])
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes.len()
    }

    /// Forgets all pictures.
    pub fn reset(&mut self) {
        self.classes.fill(OfClass::default());
    }
}

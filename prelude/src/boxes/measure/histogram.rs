//! How sure a network is where it is right and where it is wrong.

use serde::{Deserialize, Serialize};

/// How many detections there are in equal steps of the score from 0 to 1, right and wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreHistogram {
    /// Right detections in each step.
    pub right: Vec<usize>,
    /// Wrong detections in each step.
    pub wrong: Vec<usize>,
}

impl ScoreHistogram {
    /// So many empty steps, one at least.
    pub(super) fn new(steps: usize) -> ScoreHistogram {
        ScoreHistogram { right: vec![0; steps.max(1)], wrong: vec![0; steps.max(1)] }
    }

    /// Counts one detection; a score outside of 0 to 1 counts in the nearest step.
    pub(super) fn add(&mut self, score: f32, right: bool) {
        let side = if right { &mut self.right } else { &mut self.wrong };
        let step = (f64::from(score) * side.len() as f64).max(0.0) as usize;
        let last = side.len() - 1;
        side[step.min(last)] += 1;
    }

    /// Where the steps begin and end: one number more than there are steps.
    pub fn edges(&self) -> Vec<f64> {
        (0..=self.right.len()).map(|step| step as f64 / self.right.len() as f64).collect()
    }
}

//! A fit that no longer becomes better ends.

use serde::{Deserialize, Serialize};

use super::{is_better, need_measure};
use crate::train::callback::{Callback, Fit, Next, When};
use crate::words::count;
use crate::{Error, Result, limits};

/// Ends a fit whose measure has not become better for so many epochs. Which way is better, the measure says itself.
///
/// Every fit counts anew; a fit that goes on from a file that was written within another one goes on counting. A value that is no
/// number never counts as better, and the fit's report says so. Keras' `EarlyStopping`, with its meaning of `patience` and `min_delta`.
///
/// ```
/// use candlewick_prelude::prelude::*;
/// # fn cell(learner: &mut Learner) {
/// learner.add(EarlyStopping::new("accuracy").patience(2));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    measure: String,
    patience: usize,
    min_delta: f64,
    so_far: SoFar,
    /// The state is a file's, of a fit that is to go on.
    goes_on: bool,
}

/// What an epoch leaves for the next one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct SoFar {
    best: Option<f64>,
    /// The epoch of the best, of all epochs that the learner has seen.
    epoch: usize,
    waited: usize,
    /// What it looks at; states from before that was written lack it.
    #[serde(default)]
    measure: Option<String>,
    /// The fit is over.
    #[serde(default)]
    over: bool,
}

impl EarlyStopping {
    /// Looks at a measure by its name: `loss`, `train loss`, `accuracy` or another; patience is 5 epochs.
    pub fn new(measure: impl Into<String>) -> EarlyStopping {
        EarlyStopping::of(measure.into())
    }

    fn of(measure: String) -> EarlyStopping {
        EarlyStopping { measure, patience: 5, min_delta: 0.0, so_far: SoFar::default(), goes_on: false }
    }

    /// How many epochs in a row without a better value end the fit (1 or more).
    pub fn patience(mut self, epochs: usize) -> EarlyStopping {
        self.patience = epochs;
        self
    }

    /// A value has to be better by more than this (default 0).
    pub fn min_delta(mut self, delta: f64) -> EarlyStopping {
        self.min_delta = delta;
        self
    }

    fn begin(&mut self, fit: &Fit) -> Result<()> {
        limits::some(
            "the `patience` of `EarlyStopping`",
            self.patience,
            "epochs",
            "a few are usual: `EarlyStopping::new(\"loss\").patience(3)`",
        )?;
        let fine = self.min_delta.is_finite() && self.min_delta >= 0.0;
        let remedy = "0 lets every better value count: `.min_delta(0.0)`";
        limits::allow(fine, "the `min_delta` of `EarlyStopping`", &self.min_delta, "a number from 0 on", remedy)?;
        need_measure(fit, &self.measure)?;
        // one that was cut off and goes on in memory goes on counting too
        let resumed = fit.run.way.steps > 0 && !self.so_far.over;
        if !std::mem::take(&mut self.goes_on) && !resumed {
            self.so_far = SoFar::default();
        }
        Ok(())
    }

    fn epoch(&mut self, fit: &mut Fit) -> Result<Next> {
        let Some(found) = fit.measured(&self.measure)? else { return Ok(Next::Go) };
        let number = fit.history().epochs.len();
        if is_better(&found, self.so_far.best, self.min_delta) {
            self.so_far = SoFar { best: Some(found.value), epoch: number, ..SoFar::default() };
            return Ok(Next::Go);
        }
        if !found.value.is_finite() {
            fit.note(format!(
                "early stopping: `{}` is {} in epoch {number}: that is never better",
                self.measure, found.value
            ));
        }
        self.so_far.waited += 1;
        if self.so_far.waited < self.patience {
            return Ok(Next::Go);
        }
        let waited = count(self.so_far.waited, "epoch");
        fit.note(match self.so_far.best {
            Some(best) => format!(
                "early stopping: `{}` has not become better for {waited}; the best was {} in epoch {}",
                self.measure,
                found.unit.words(best),
                self.so_far.epoch
            ),
            None => format!("early stopping: `{}` was no finite number for {waited}", self.measure),
        });
        Ok(Next::EndFit)
    }
}

impl Callback for EarlyStopping {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        match when {
            When::FitBegins => self.begin(fit)?,
            When::EpochEnded => return self.epoch(fit),
            When::FitEnded => self.so_far.over = fit.run.ended || fit.run.way.done >= fit.run.way.epochs,
            _ => {}
        }
        Ok(Next::Go)
    }

    fn name(&self) -> &str {
        "early stopping"
    }

    fn state(&self) -> Option<String> {
        serde_json::to_string(&SoFar { measure: Some(self.measure.clone()), ..self.so_far.clone() }).ok()
    }

    fn restore(&mut self, state: &str) -> Result<()> {
        let so_far: SoFar = serde_json::from_str(state)
            .map_err(|error| Error::new("this is no state of early stopping").caused_by(error))?;
        let other = so_far.measure.as_ref().is_some_and(|theirs| *theirs != self.measure);
        if so_far.over && other {
            // of a fit that is over, and of another one's: nothing of it counts
            return Ok(());
        }
        if let Some(theirs) = so_far.measure.as_ref().filter(|theirs| **theirs != self.measure) {
            let what = format!("the state is of one that looks at `{theirs}`, this one looks at `{}`", self.measure);
            return Err(Error::new(what).remedy("add them in the order in which they were when the file was written"));
        }
        self.goes_on = !so_far.over;
        self.so_far = so_far;
        Ok(())
    }
}

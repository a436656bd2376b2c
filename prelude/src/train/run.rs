//! One call of `fit` while it runs: what its callbacks see and change.

use std::time::Instant;

use super::gradients::Gradients;
use super::history::{FitReport, History};
use super::loss::Loss;
use super::lost::Lost;
use super::options::Options;
use super::schedule::Schedule;
use crate::data::Batch;

/// One call of `fit` while it runs.
pub(super) struct FitRun {
    pub rates: Vec<f64>,
    /// What a callback has multiplied the rates by.
    pub scale: f64,
    pub schedule: Schedule,
    pub epochs: usize,
    /// The epoch that runs or has just ended, from 1.
    pub epoch: usize,
    pub done: usize,
    pub steps: usize,
    pub planned: Option<usize>,
    /// The batch that runs, from 1, and how many the epoch has.
    pub batch: (usize, usize),
    /// The batch itself, and whether a callback may have changed it.
    pub fed: Option<Batch>,
    pub changed: bool,
    pub loss: Option<Loss>,
    /// The last loss.
    pub last: f64,
    pub gradients: Option<Gradients>,
    pub started: Instant,
    pub notes: Vec<String>,
    pub interrupted: bool,
    /// Whether there are examples to validate on.
    pub validates: bool,
    /// What is no number any more.
    pub lost: Option<Lost>,
    /// The optimiser begins anew behind the fit: the weights are others than those that it knows.
    pub forget: bool,
    /// Nothing is shown while it runs.
    pub quiet: bool,
    /// Epochs of earlier fits.
    pub before: usize,
    /// Batches that make a step together, and the norm that gradients are shortened to.
    pub accumulate: usize,
    pub clip: Option<f64>,
}

impl FitRun {
    pub fn new(rates: Vec<f64>, schedule: Schedule, epochs: usize, options: &Options, before: usize) -> FitRun {
        FitRun {
            rates,
            scale: 1.0,
            schedule,
            epochs,
            epoch: 0,
            done: 0,
            steps: 0,
            planned: None,
            batch: (0, 0),
            fed: None,
            changed: false,
            loss: None,
            last: f64::NAN,
            gradients: None,
            started: Instant::now(),
            notes: Vec::new(),
            interrupted: false,
            validates: false,
            lost: None,
            forget: false,
            quiet: options.quiet,
            before,
            accumulate: options.accumulate,
            clip: options.clip,
        }
    }

    /// The factor on the rates, and the momentum, where the fit stands.
    pub fn factor(&self) -> (f64, Option<f64>) {
        let (factor, momentum) = self.schedule.at(self.steps as f64 / self.planned.unwrap_or(1).max(1) as f64);
        (factor * self.scale, momentum)
    }

    /// The highest rate of the groups, where the fit stands.
    pub fn rate(&self) -> f64 {
        self.top() * self.factor().0
    }

    /// The highest rate of the groups, before any schedule.
    pub fn top(&self) -> f64 {
        self.rates.iter().copied().fold(0.0, f64::max)
    }

    /// What the fit has done by now.
    pub fn report(&self, history: &History) -> FitReport {
        let last = history.epochs.last().filter(|_| self.done > 0);
        FitReport {
            epochs: (self.done, self.epochs),
            batches: self.steps,
            interrupted: self.interrupted,
            seconds: self.started.elapsed().as_secs_f64(),
            valid: last.and_then(|epoch| epoch.valid.clone()),
            notes: self.notes.clone(),
        }
    }
}

//! One call of `fit` while it runs.

use std::time::Instant;

use super::audit::Audit;
use super::gradients::Gathered;
use super::live::Screen;
use super::schedule::Schedule;

/// One call of `fit` while it runs.
pub(super) struct Run {
    pub rates: Vec<f64>,
    pub schedule: Schedule,
    pub epochs: usize,
    pub done: usize,
    pub steps: usize,
    pub planned: Option<usize>,
    pub started: Instant,
    pub audit: Audit,
    pub screen: Screen,
    pub notes: Vec<String>,
    pub gathered: Gathered,
}

impl Run {
    /// The factor on the rate, and the momentum, where the fit stands.
    pub fn factor(&self) -> (f64, Option<f64>) {
        self.schedule.at(self.steps as f64 / self.planned.unwrap_or(1).max(1) as f64)
    }

    pub fn top(&self) -> f64 {
        self.rates.iter().copied().fold(0.0, f64::max)
    }
}

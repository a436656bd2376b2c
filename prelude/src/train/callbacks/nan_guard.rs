//! Weights that are good are kept, and put back where numbers are lost.

use candle_core::Tensor;

use crate::Result;
use crate::train::callback::{Callback, Fit, Next, When};
use crate::train::first_lost::is_finite;

/// Gives the last good weights back where a loss or a gradient is no finite number any more.
///
/// Without it such a fit ends too, before the step that would spoil the weights, and its error names the epoch, the batch and the layer in
/// which the first such number stands; but the weights may have gone astray in the steps before. Good are those with which the fit
/// began and those of each epoch whose losses are finite. The optimiser then begins anew.
///
/// ```
/// use candlewick_prelude::prelude::*;
/// # fn cell(learner: &mut Learner) {
/// learner.add(NanGuard::new());
/// # }
/// ```
#[derive(Default)]
pub struct NanGuard {
    good: Option<Good>,
}

/// Weights, and when they were good.
struct Good {
    epoch: usize,
    weights: Vec<(String, Tensor)>,
    average: Vec<(String, Tensor)>,
}

impl NanGuard {
    /// One that has kept nothing yet.
    pub fn new() -> NanGuard {
        NanGuard::default()
    }

    fn keep(&mut self, fit: &Fit, epoch: usize) -> Result<()> {
        let weights = fit.network().params().snapshot()?;
        for (_, weight) in &weights {
            if !is_finite(weight)? {
                return Ok(());
            }
        }
        let averages = !std::ptr::eq(fit.judged(), fit.network());
        let average = if averages { fit.judged().params().snapshot()? } else { Vec::new() };
        self.good = Some(Good { epoch, weights, average });
        Ok(())
    }

    fn put_back(&mut self, fit: &mut Fit) -> Result<()> {
        // without weights that were good the network is as it was before the step, which the fit says itself
        let Some(Good { epoch, weights, average }) = self.good.take() else { return Ok(()) };
        fit.network().params().load(&weights, None)?;
        if !average.is_empty() {
            fit.judged().params().load(&average, None)?;
        }
        fit.run.forget = true;
        let kept = match epoch {
            0 => "the weights are those with which the fit began, the optimiser begins anew".to_owned(),
            epoch => format!("the weights are those of the end of epoch {epoch}, the optimiser begins anew"),
        };
        if let Some(lost) = &mut fit.run.lost {
            lost.put_back(kept);
        }
        Ok(())
    }
}

impl Callback for NanGuard {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        match when {
            When::FitBegins => {
                self.good = None;
                self.keep(fit, 0)?;
            }
            When::EpochEnded => {
                let last = fit.history().epochs.last();
                let fine = last.is_some_and(|epoch| {
                    epoch.train_loss.is_finite() && epoch.valid.as_ref().is_none_or(|valid| valid.loss.is_finite())
                });
                if fine {
                    self.keep(fit, fit.epoch())?;
                }
            }
            When::FitEnded if fit.lost().is_some() => self.put_back(fit)?,
            When::FitEnded => self.good = None,
            _ => {}
        }
        Ok(Next::Go)
    }

    fn name(&self) -> &str {
        "NaN guard"
    }
}

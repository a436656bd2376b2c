//! The weights of the best epoch are put back at the end of a fit.

use candle_core::Tensor;

use super::{is_better, need_measure};
use crate::Result;
use crate::train::callback::{Callback, Fit, Next, When};
use crate::train::metric::Unit;

/// Keeps the weights of the epoch that was best by a measure, and puts them back when the fit ends, in whatever way; the report says so.
///
/// It holds one copy of the weights in memory, two where a moving average is kept. The optimiser remembers what it did last, and the
/// history keeps all epochs. A value that is no number is never the best. Keras' `restore_best_weights`, fastai's `SaveModelCallback`.
///
/// ```
/// use candlewick_prelude::prelude::*;
/// # fn cell(learner: &mut Learner) {
/// learner.add(BestWeights::new("loss"));
/// # }
/// ```
pub struct BestWeights {
    measure: String,
    best: Option<KeptWeights>,
    /// Epochs whose value is no number.
    spoiled: Vec<usize>,
}

/// The weights of an epoch.
struct KeptWeights {
    value: f64,
    unit: Unit,
    epoch: usize,
    /// Which of the history's epochs it is, from 0.
    record: usize,
    /// How many batches the fit had trained on.
    steps: usize,
    weights: Vec<(String, Tensor)>,
    average: Vec<(String, Tensor)>,
}

impl BestWeights {
    /// Looks at a measure by its name: `loss`, `train loss`, `accuracy` or another.
    pub fn new(measure: impl Into<String>) -> BestWeights {
        BestWeights { measure: measure.into(), best: None, spoiled: Vec::new() }
    }

    fn epoch(&mut self, fit: &Fit) -> Result<()> {
        let Some(found) = fit.measured(&self.measure)? else { return Ok(()) };
        if !found.value.is_finite() {
            self.spoiled.push(fit.epoch());
        }
        if !is_better(&found, self.best.as_ref().map(|best| best.value), 0.0) {
            return Ok(());
        }
        let averages = !std::ptr::eq(fit.judged(), fit.network());
        self.best = Some(KeptWeights {
            value: found.value,
            unit: found.unit,
            epoch: fit.epoch(),
            record: fit.history().epochs.len().saturating_sub(1),
            steps: fit.steps(),
            weights: fit.network().params().snapshot()?,
            average: if averages { fit.judged().params().snapshot()? } else { Vec::new() },
        });
        Ok(())
    }

    fn end(&mut self, fit: &mut Fit) -> Result<()> {
        let measure = &self.measure;
        if !self.spoiled.is_empty() {
            let epochs: Vec<String> = self.spoiled.iter().map(ToString::to_string).collect();
            fit.note(format!("best weights: `{measure}` is no finite number in epoch {}", epochs.join(", ")));
        }
        let Some(best) = self.best.take() else {
            if fit.steps() > 0 {
                fit.note(format!(
                    "best weights: no epoch ended with a `{measure}`; the network keeps what it learned last"
                ));
            }
            return Ok(());
        };
        let told = format!("`{measure}` {} in epoch {}", best.unit.words(best.value), best.epoch);
        if best.steps == fit.steps() && fit.lost().is_none() {
            fit.note(format!("best weights: those of the last epoch ({told})"));
            return Ok(());
        }
        fit.network().params().load(&best.weights, None)?;
        if !best.average.is_empty() {
            fit.judged().params().load(&best.average, None)?;
        }
        fit.run.put_back = Some(best.record);
        fit.note(format!("best weights: {told}; put back"));
        Ok(())
    }
}

impl Callback for BestWeights {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        match when {
            When::FitBegins => {
                need_measure(fit, &self.measure)?;
                (self.best, self.spoiled) = (None, Vec::new());
            }
            When::EpochEnded => self.epoch(fit)?,
            When::FitEnded => self.end(fit)?,
            _ => {}
        }
        Ok(Next::Go)
    }

    fn name(&self) -> &str {
        "best weights"
    }
}

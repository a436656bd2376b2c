//! A rate that falls where epochs bring nothing better: `torch.optim.lr_scheduler.ReduceLROnPlateau`.

use crate::Result;
use crate::train::callback::{Callback, Fit, Next, When};
use crate::train::metric::Better;
use crate::train::run::Waited;

/// PyTorch's `threshold`, relative.
const THRESHOLD: f64 = 1e-4;

/// Looks at a measure after each epoch that has one; what it remembers is the fit's, so that files hold it.
pub(super) struct Plateau;

impl Callback for Plateau {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        let Some((patience, factor, measure)) = fit.run.way.schedule.as_plateau() else { return Ok(Next::Go) };
        if when != When::EpochEnded {
            return Ok(Next::Go);
        }
        let epoch = fit.history().epochs.last();
        let valid = epoch.and_then(|epoch| epoch.valid.as_ref());
        if measure != "train loss" && valid.is_none() {
            return Ok(Next::Go);
        }
        let (value, measure) = (fit.measure(measure)?, measure.to_owned());
        let of = valid.and_then(|valid| valid.list.iter().find(|one| one.name == measure));
        let higher = of.is_some_and(|one| one.better == Better::Higher);
        if fit.run.way.plateau.falls(value, higher, patience) {
            fit.run.way.scale *= factor;
            let (rate, epoch) = (fit.rate(), fit.epoch());
            let lasted = patience + 1;
            let epochs = if lasted == 1 { "an epoch".to_owned() } else { format!("{lasted} epochs") };
            fit.note(format!("the rate is {rate:.1e} after epoch {epoch}: {epochs} brought no better {measure}"));
        }
        Ok(Next::Go)
    }
}

impl Waited {
    /// Whether the rate falls after this value.
    fn falls(&mut self, value: f64, higher: bool, patience: usize) -> bool {
        let better = self.best.is_none_or(|best| match higher {
            true => value > best * (1.0 + THRESHOLD),
            false => value < best * (1.0 - THRESHOLD),
        });
        if better {
            (self.best, self.epochs) = (Some(value), 0);
        } else {
            self.epochs += 1;
        }
        let falls = self.epochs > patience;
        if falls {
            self.epochs = 0;
        }
        falls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // reference/schedules.py
    #[test]
    fn it_falls_where_pytorchs_does() {
        let text = include_str!("../../../tests/fixtures/schedules.json");
        let saved: serde_json::Value = serde_json::from_str(text).expect("JSON");
        for (name, higher, patience, factor) in
            [("plateau", false, 2, 0.5), ("impatient", false, 0, 0.5), ("plateau_up", true, 1, 0.5)]
        {
            let numbers = |at: usize| -> Vec<f64> {
                saved[name][at].as_array().expect("a list").iter().filter_map(serde_json::Value::as_f64).collect()
            };
            let (mut waited, mut rate) = (Waited::default(), 1.0);
            for (value, expected) in numbers(0).into_iter().zip(numbers(1)) {
                if waited.falls(value, higher, patience) {
                    rate *= factor;
                }
                assert!((rate / expected - 1.0_f64).abs() < 1e-12, "{name}: {rate} {expected}");
            }
        }
    }
}

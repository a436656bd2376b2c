//! The learner's own callbacks, and those that a person adds: all stand on one seam.

mod audit;
mod best_weights;
mod checkpoints;
mod clip;
mod csv_log;
mod distill;
mod distill_cells;
mod early_stopping;
mod event_file;
mod follow;
mod gather;
mod left_behind;
mod live;
mod nan_guard;
mod norm_log;
mod plateau;
mod rehearse;
mod tensor_board;

pub(super) use distill::{Distill, Softened};
pub(super) use rehearse::Rehearse;

pub use best_weights::BestWeights;
pub use checkpoints::Checkpoints;
pub use csv_log::CsvLog;
pub use early_stopping::EarlyStopping;
pub use nan_guard::NanGuard;
pub use norm_log::{NormLog, NormRow};
pub use tensor_board::TensorBoard;

use super::metric::{Better, Measure};
use crate::data::likely_meant;
use crate::{Error, Result};

use super::callback::{Callback, Fit};
use super::run::FitRun;

/// Those that come before a person's own.
pub(super) fn first(run: &FitRun) -> Vec<Box<dyn Callback>> {
    vec![
        Box::new(audit::Audit::default()),
        Box::new(gather::Gather::of(run.accumulate)),
        Box::new(clip::Clip(run.clip)),
        Box::new(plateau::Plateau),
    ]
}

/// Those that come after them.
pub(super) fn last(run: &FitRun) -> Vec<Box<dyn Callback>> {
    vec![Box::new(follow::Follow), Box::new(live::Screen::new(run.quiet, run.way.before))]
}

/// The measure that somebody probably means who writes `val_loss` or `acc`.
fn meant(name: &str, names: &[String]) -> String {
    let bare = name.trim_start_matches("valid").trim_start_matches("val").trim_start_matches(['_', ' ']);
    let known = names.iter().find(|own| *own == bare || own.as_str() == "accuracy" && bare == "acc");
    known
        .or_else(|| likely_meant(bare, names))
        .map_or(String::new(), |own| format!("did you mean `{own}`, which is validation's? "))
}

/// Refuses a measure that this fit does not have, before its first epoch.
fn need_measure(fit: &Fit, name: &str) -> Result<()> {
    let names = fit.measures();
    if names.iter().any(|own| own == name) {
        return Ok(());
    }
    let all: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let error = Error::new(format!("nothing that this fit measures is named `{name}`"));
    Err(error.remedy(match names.len() {
        1 => "there is no validation data: keep some apart (`.split(0.2, 42)?`), or look at `train loss`".to_owned(),
        _ => format!(
            "{}there are {}; `learner.remove_callbacks()` takes away what was added",
            meant(name, &names),
            all.join(", ")
        ),
    }))
}

/// Whether a measure is better than the best so far by more than `delta`. What is no finite number is never better.
fn is_better(one: &Measure, best: Option<f64>, delta: f64) -> bool {
    let Some(best) = best.filter(|_| one.value.is_finite()) else { return one.value.is_finite() };
    match one.better {
        Better::Higher => one.value - delta > best,
        Better::Lower => one.value + delta < best,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::metric::Unit;

    /// Keras 3's `EarlyStopping._is_improvement`: less than the best by more than `min_delta`, or greater.
    #[test]
    fn what_is_better() {
        let one = |value, better| Measure { name: "x".into(), value, unit: Unit::Number, better };
        for (value, better, best, delta, expected) in [
            (0.5, Better::Lower, None, 0.0, true),
            (0.4, Better::Lower, Some(0.5), 0.0, true),
            (0.5, Better::Lower, Some(0.5), 0.0, false),
            (0.45, Better::Lower, Some(0.5), 0.1, false),
            (0.6, Better::Higher, Some(0.5), 0.0, true),
            (0.6, Better::Higher, Some(0.5), 0.2, false),
            (f64::NAN, Better::Higher, None, 0.0, false),
            (f64::NAN, Better::Lower, Some(0.5), 0.0, false),
            (f64::NEG_INFINITY, Better::Lower, Some(0.5), 0.0, false),
        ] {
            assert_eq!(is_better(&one(value, better), best, delta), expected, "{value} {best:?} {delta}");
        }
    }
}

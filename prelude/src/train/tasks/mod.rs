//! The tasks there are, each in a file of its own.

mod class;
mod detect;
mod embed;
mod labels;
mod numbers;
mod place;
mod precision;
mod sightings;

pub use class::Classify;
pub use detect::Detect;
pub(super) use embed::EMBEDDING;
pub use embed::Embed;
pub(super) use labels::best_thresholds;
pub use labels::{AveragePrecision, F1, Labels};
pub use numbers::Regress;
pub use place::Localize;
pub use precision::BoxPrecision;
pub(super) use precision::{OnFile, detections, on_files};

use std::sync::Arc;

use super::task::Task;
use crate::data::{Spec, Target};
use crate::models::{LinearHead, Shapes};
use crate::params::Scope;
use crate::{Error, Result};

/// The tasks that files know by name.
const ALL: [fn() -> Arc<dyn Task>; 6] = [
    || Arc::new(Classify),
    || Arc::new(Localize),
    || Arc::new(Regress),
    || Arc::new(Labels),
    || Arc::new(Detect),
    || Arc::new(Embed),
];

/// The task of this name; `None` for one's own.
pub(super) fn named(name: &str) -> Option<Arc<dyn Task>> {
    ALL.iter().map(|make| make()).find(|task| task.name().eq_ignore_ascii_case(name))
}

/// A head that says so many numbers, as is usual for what goes in.
fn linear_head(at: &Scope, says: &str, features: &Shapes, spec: &Spec) -> Result<LinearHead> {
    let (channels, count) = (features.channels()?, spec.names().len());
    match spec.tokens() {
        Some(_) => LinearHead::of_texts(at, says, channels, count),
        None => LinearHead::new(at, says, channels, count),
    }
}

/// What learns from data with such a truth.
fn verb(spec: &Spec) -> &'static str {
    match spec.target {
        Target::Class(_) | Target::Classes(_) | Target::Numbers(_) if spec.tokens().is_some() => {
            "`Learner::text(Bert::minilm()?, &data)?`, which takes classes, labels and numbers as the table has them"
        }
        Target::Class(_) => {
            "`Learner::vision` for classes, or with a network of your own `Learner::new(network, Classify, &data)?`"
        }
        Target::Classes(_) => {
            "`Learner::labels` for labels, or with a network of your own `Learner::new(network, Labels, &data)?`"
        }
        Target::Numbers(_) => {
            "`Learner::regression` for numbers, or with a network of your own `Learner::new(network, Regress, &data)?`"
        }
        Target::Boxes(_) => "`Learner::detection(Detector::YoloxNano, &data)?` for boxes",
        Target::Own(_) => "a task of your own: `Learner::new(network, task, &data)?`",
    }
}

/// The first task that can learn from data: what is usual for it.
pub(super) fn usual(spec: &Spec) -> Result<Arc<dyn Task>> {
    if matches!(spec.target, Target::Class(_)) {
        Classify.check(spec)?;
    }
    ALL.iter().map(|make| make()).find(|task| task.check(spec).is_ok()).ok_or_else(|| {
        Error::new(format!("there is no usual task for data with {}", spec.target.words()))
            .remedy("say which: `Learner::new(network, task, &data)?`")
    })
}

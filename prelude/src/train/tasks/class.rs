//! One class an example.

use candle_core::{D, Tensor};

use crate::data::{Batch, Fields, Spec, Target, field};
use crate::models::{Head, Shapes};
use crate::params::Scope;
use crate::train::answer::Answer;
use crate::train::loss::Loss;
use crate::train::metric::Metric;
use crate::train::metrics::Accuracy;
use crate::train::task::Task;
use crate::words::count;
use crate::{Error, Result, ops};

/// One class an example: softmax and cross-entropy over the `logits`, measured by accuracy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Classify;

impl Task for Classify {
    fn name(&self) -> &str {
        "classify"
    }

    fn check(&self, spec: &Spec) -> Result<()> {
        match &spec.target {
            Target::Class(classes) if classes.len() > 1 => Ok(()),
            Target::Class(classes) => {
                let found = if classes.is_empty() { "none".to_owned() } else { format!("`{}`", classes.join("`, `")) };
                Err(Error::new(format!("the data has {}: {found}", count(classes.len(), "class")))
                    .remedy("a classifier needs two classes at least: add examples of something else"))
            }
            Target::Numbers(names) => {
                Err(Error::new(format!("the data has numbers ({}), but no classes", names.join(", ")))
                    .remedy(format!("use {}", super::verb(spec))))
            }
            other => Err(Error::new(format!("the data has {}, but not one class an example", other.words()))
                .remedy(format!("use {}", super::verb(spec)))),
        }
    }

    fn fits(&self, said: &Fields, spec: &Spec) -> Result<()> {
        row_of(said, field::LOGITS, spec, "classes")
    }

    fn head(&self, at: &Scope, features: &Shapes, spec: &Spec) -> Result<Box<dyn Head>> {
        Ok(Box::new(super::linear_head(at, field::LOGITS, features, spec)?))
    }

    fn loss(&self, said: &Fields, batch: &Batch) -> Result<Loss> {
        Loss::of(cross_entropy(said, batch)?)
    }

    fn losses(&self, said: &Fields, batch: &Batch) -> Result<Vec<f64>> {
        let logs = ops::log_softmax(said.get(field::LOGITS)?, D::Minus1)?.to_vec2::<f32>()?;
        let classes = batch.targets.get(field::CLASS)?.to_vec1::<u32>()?;
        Ok(logs.iter().zip(classes).map(|(logs, class)| -f64::from(logs[class as usize])).collect())
    }

    fn answers(&self, said: &Fields, _: &Spec) -> Result<Vec<Answer>> {
        let shares = ops::softmax(said.get(field::LOGITS)?, D::Minus1)?.to_vec2::<f32>()?;
        Ok(shares.into_iter().map(Answer::class).collect())
    }

    fn metrics(&self, _: &Spec) -> Vec<Box<dyn Metric>> {
        vec![Box::new(Accuracy::default())]
    }
}

/// The mean cross-entropy of a batch, with the smoothing, the weights and the focus that it asks for.
pub(super) fn cross_entropy(said: &Fields, batch: &Batch) -> Result<Tensor> {
    let smoothing = batch.targets.find(field::SMOOTHING).map(|share| share.to_scalar::<f64>()).transpose()?;
    let focus = batch.targets.find(field::FOCUS).map(|focus| focus.to_scalar::<f64>()).transpose()?;
    let options = ops::CrossEntropy {
        label_smoothing: smoothing.unwrap_or(0.0),
        class_weights: batch.targets.find(field::WEIGHTS).cloned(),
        focus: focus.unwrap_or(0.0),
    };
    let logits = said.get(field::LOGITS)?;
    Ok(match batch.targets.find(field::SHARES) {
        Some(shares) => ops::cross_entropy_of_shares(logits, shares, &options)?,
        None => ops::cross_entropy(logits, batch.targets.get(field::CLASS)?, &options)?,
    })
}

/// Refuses what a network says where it is not a row of as many numbers as the data has names.
pub(super) fn row_of(said: &Fields, name: &str, spec: &Spec, what: &str) -> Result<()> {
    let (dims, names) = (said.get(name)?.dims(), spec.names());
    if matches!(*dims, [_, width] if width == names.len()) {
        return Ok(());
    }
    let found = match *dims {
        [_, width] => format!("{width} numbers an example"),
        _ => format!("something of the shape {dims:?}"),
    };
    let list = if names.len() > 12 { String::new() } else { format!(" ({})", names.join(", ")) };
    Err(Error::new(format!("the network says {found}, the data has {} {what}{list}", names.len())).remedy(format!(
        "its last layer is to say {} numbers: (n, {})",
        names.len(),
        names.len()
    )))
}

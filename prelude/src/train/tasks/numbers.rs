//! Numbers of an example.

use super::class::row_of;
use crate::data::{Batch, Fields, Spec, Target, field};
use crate::models::{Head, Shapes};
use crate::params::Scope;
use crate::train::answer::Answer;
use crate::train::loss::Loss;
use crate::train::metric::Metric;
use crate::train::metrics::MeanError;
use crate::train::task::Task;
use crate::{Error, Result, ops};

/// Where smooth L1 turns from a square to a line for numbers: `torch.nn.SmoothL1Loss`'s default.
const BETA: f64 = 1.0;

/// Numbers of an example, such as an age or an angle: smooth L1 over the `numbers`, measured by the mean absolute error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Regress;

impl Task for Regress {
    fn name(&self) -> &str {
        "regress"
    }

    fn says(&self) -> &str {
        field::NUMBERS
    }

    fn check(&self, spec: &Spec) -> Result<()> {
        match &spec.target {
            Target::Numbers(_) => Ok(()),
            other => Err(Error::new(format!("the data has {}, but no numbers", other.words())).remedy(format!(
                "make it with `TensorData::numbers(images, values, &[\"age\"])?`, or use {}",
                super::verb(spec)
            ))),
        }
    }

    fn fits(&self, said: &Fields, spec: &Spec) -> Result<()> {
        row_of(said, field::NUMBERS, spec, "numbers")
    }

    fn head(&self, at: &Scope, features: &Shapes, spec: &Spec) -> Result<Box<dyn Head>> {
        Ok(Box::new(super::linear_head(at, field::NUMBERS, features, spec)?))
    }

    fn loss(&self, said: &Fields, batch: &Batch) -> Result<Loss> {
        Loss::of(ops::smooth_l1(said.get(field::NUMBERS)?, batch.targets.get(field::NUMBERS)?, BETA)?)
    }

    fn answers(&self, said: &Fields, _: &Spec) -> Result<Vec<Answer>> {
        Ok(said.get(field::NUMBERS)?.to_vec2::<f32>()?.into_iter().map(Answer::numbers).collect())
    }

    fn metrics(&self, _: &Spec) -> Vec<Box<dyn Metric>> {
        vec![Box::new(MeanError::default())]
    }
}

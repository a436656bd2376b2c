//! One class and one box a picture.

use super::class::{Classify, cross_entropy};
use crate::data::{Batch, Fields, Spec, field};
use crate::models::{Head, HeadMaker, Shapes};
use crate::params::Scope;
use crate::train::answer::Answer;
use crate::train::loss::Loss;
use crate::train::metric::Metric;
use crate::train::metrics::{Accuracy, MeanIou};
use crate::train::task::Task;
use crate::{Error, Result, ops};

/// The weight of the box's loss beside the class's.
const WEIGHT: f64 = 10.0;
/// Where smooth L1 turns from a square to a line, in shares of the side.
const BETA: f64 = 0.05;

/// One class and one box a picture: cross-entropy and smooth L1, measured by accuracy and the mean intersection over union.
#[derive(Clone, Copy, Debug, Default)]
pub struct Localize;

impl Task for Localize {
    fn name(&self) -> &str {
        "localize"
    }

    fn like(&self) -> Option<&dyn Task> {
        Some(&Classify)
    }

    fn check(&self, spec: &Spec) -> Result<()> {
        Classify.check(spec)?;
        if !spec.has(field::BOX) {
            return Err(Error::new("some pictures of the data have no box")
                .remedy("use `Learner::vision` for classes alone, or give every picture a box"));
        }
        Ok(())
    }

    fn head(&self, at: &Scope, features: &Shapes, spec: &Spec) -> Result<Box<dyn Head>> {
        HeadMaker::class_and_box(spec.names().len()).make(at, features)
    }

    fn loss(&self, said: &Fields, batch: &Batch) -> Result<Loss> {
        let class = cross_entropy(said, batch)?;
        let place = ops::smooth_l1(said.get(field::BOX)?, batch.targets.get(field::BOX)?, BETA)?;
        Loss::sum(&[("class", 1.0, class), ("box", WEIGHT, place)])
    }

    /// The class's: what a picture was taken for.
    fn losses(&self, said: &Fields, batch: &Batch) -> Result<Vec<f64>> {
        Classify.losses(said, batch)
    }

    fn answers(&self, said: &Fields, spec: &Spec) -> Result<Vec<Answer>> {
        let boxes = said.get(field::BOX)?.to_vec2::<f32>()?;
        Ok(Classify.answers(said, spec)?.into_iter().zip(boxes).map(|(answer, bbox)| answer.at(four(&bbox))).collect())
    }

    fn truths(&self, batch: &Batch, spec: &Spec) -> Result<Vec<Answer>> {
        let truths = Classify.truths(batch, spec)?;
        let Some(boxes) = batch.targets.find(field::BOX) else { return Ok(truths) };
        let boxes = boxes.to_vec2::<f32>()?;
        Ok(truths.into_iter().zip(boxes).map(|(truth, bbox)| truth.at(four(&bbox))).collect())
    }

    fn metrics(&self, _: &Spec) -> Vec<Box<dyn Metric>> {
        vec![Box::new(Accuracy::default()), Box::new(MeanIou::default())]
    }
}

fn four(row: &[f32]) -> [f32; 4] {
    std::array::from_fn(|at| row.get(at).copied().unwrap_or(f32::NAN))
}

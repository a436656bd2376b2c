//! Nothing but features: an encoder to compare with.

use crate::data::{Batch, Fields, Spec, field};
use crate::layers::Pass;
use crate::models::{Head, Shapes};
use crate::onnx::{OnnxFields, OnnxGraph};
use crate::params::Scope;
use crate::train::answer::Answer;
use crate::train::loss::Loss;
use crate::train::metric::Metric;
use crate::train::task::Task;
use crate::{Error, Result};

/// Nothing but features: what an encoder is used as, without a head. It learns nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Embed;

/// What its truth is called, and what it says.
pub(in crate::train) const EMBEDDING: &str = "embedding";

/// A head that hands the features on.
struct NoHead;

impl Head for NoHead {
    fn forward(&self, features: &Fields, _: &Pass) -> Result<Fields> {
        Ok(Fields::of(EMBEDDING, features.get(field::FEATURES)?.clone()))
    }

    fn export(&self, _: &mut OnnxGraph, features: &OnnxFields) -> Result<OnnxFields> {
        Ok(OnnxFields::of(EMBEDDING, features.get(field::FEATURES)?.clone()))
    }

    fn shapes(&self, features: &Shapes) -> Result<Shapes> {
        Ok(Shapes::of(EMBEDDING, features.get(field::FEATURES)?))
    }
}

impl Task for Embed {
    fn name(&self) -> &str {
        "embed"
    }

    fn says(&self) -> &str {
        EMBEDDING
    }

    fn check(&self, _: &Spec) -> Result<()> {
        Err(learns_nothing())
    }

    fn head(&self, _: &Scope, _: &Shapes, _: &Spec) -> Result<Box<dyn Head>> {
        Ok(Box::new(NoHead))
    }

    fn loss(&self, _: &Fields, _: &Batch) -> Result<Loss> {
        Err(learns_nothing())
    }

    fn answers(&self, said: &Fields, _: &Spec) -> Result<Vec<Answer>> {
        let rows = said.get(EMBEDDING)?.to_vec2::<f32>()?;
        let words = |row: Vec<f32>| match row.iter().all(|value| value.is_finite()) {
            true => Answer::text(format!("{} features: `learner.embed(…)?` gives them", row.len())),
            false => Answer { score: f32::NAN, ..Answer::default() },
        };
        Ok(rows.into_iter().map(words).collect())
    }

    fn metrics(&self, _: &Spec) -> Vec<Box<dyn Metric>> {
        Vec::new()
    }
}

fn learns_nothing() -> Error {
    Error::new("this is an encoder without a head: it compares texts and learns nothing")
        .remedy("give it a head for your data: `let mut learner = learner.replace_head(&data)?;`, or start with `Learner::text(encoder, &data)?`")
}

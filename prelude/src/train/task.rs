//! What a learner is to learn: the seam that every task stands on, one's own too.

use candle_core::{D, DType};

use super::answer::Answer;
use super::loss::{Loss, number};
use super::metric::Metric;
use crate::data::{Batch, Fields, Spec, Target, field};
use crate::models::{Head, Shapes};
use crate::params::Scope;
use crate::{Error, Result, ops};

/// What a learner is to learn: which data fit, what a head says, what makes a loss, an answer and a measure.
///
/// A task of one's own says what it is [`like`](Task::like), and then only what is different:
///
/// ```
/// use candlewick_prelude::prelude::*;
/// /// Lin et al. 2017: what is easy counts little.
/// struct Focal(f64);
/// impl Task for Focal {
///     fn name(&self) -> &str { "focal" }
///     fn like(&self) -> Option<&dyn Task> { Some(&Classify) }
///     fn loss(&self, said: &Fields, batch: &Batch) -> Result<Loss> {
///         let logs = ops::log_softmax(said.get("logits")?, 1)?;
///         let own = logs.gather(&batch.targets.get("class")?.unsqueeze(1)?, 1)?;
///         Loss::mean(&(own.exp()?.affine(-1.0, 1.0)?.powf(self.0)? * own.neg()?)?)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no task",
    label = "expected what is to be learned, such as `Classify`",
    note = "there are `Classify`, `Labels`, `Regress` and `Localize`; one's own: `impl Task for Mine`"
)]
pub trait Task: Send + Sync {
    /// Its name; a file that was saved with one name is not loaded under another.
    fn name(&self) -> &str;

    /// The task that it is like: what is not said falls back on it.
    fn like(&self) -> Option<&dyn Task> {
        None
    }

    /// What a network of one piece says, by name: the field that its answer becomes.
    fn says(&self) -> &str {
        says(self.like())
    }

    /// Refuses data that it cannot learn from.
    ///
    /// # Errors
    /// The refusal, with the remedy.
    fn check(&self, spec: &Spec) -> Result<()> {
        check(self.like(), spec)
    }

    /// Refuses what a network says where it does not fit the data, before anything is trained.
    ///
    /// # Errors
    /// The refusal, with the remedy.
    fn fits(&self, said: &Fields, spec: &Spec) -> Result<()> {
        fits(self.like(), said, spec)
    }

    /// Makes the head of a network, in a scope named `head`, for features of these shapes.
    ///
    /// # Errors
    /// When the features do not fit.
    fn head(&self, at: &Scope, features: &Shapes, spec: &Spec) -> Result<Box<dyn Head>> {
        head(self.like(), self.name(), (at, features, spec))
    }

    /// The loss of a batch: a mean over its examples. The batch lies on the network's device.
    ///
    /// # Errors
    /// When a field is missing, or its shape does not fit.
    fn loss(&self, said: &Fields, batch: &Batch) -> Result<Loss> {
        loss(self.like(), self.name(), said, batch)
    }

    /// The loss of each example, for the worst of them. Unless said otherwise, [`loss`](Task::loss) of one after another.
    ///
    /// # Errors
    /// As `loss`.
    fn losses(&self, said: &Fields, batch: &Batch) -> Result<Vec<f64>> {
        one_by_one(&|said, batch| self.loss(said, batch), said, batch)
    }

    /// What is said of each example.
    ///
    /// # Errors
    /// When a field is missing.
    fn answers(&self, said: &Fields, spec: &Spec) -> Result<Vec<Answer>> {
        answers(self.like(), said, spec)
    }

    /// What is true of each example of a batch.
    ///
    /// # Errors
    /// When a field is missing.
    fn truths(&self, batch: &Batch, spec: &Spec) -> Result<Vec<Answer>> {
        truths(self.like(), batch, spec)
    }

    /// What is measured beside the loss.
    fn metrics(&self, spec: &Spec) -> Vec<Box<dyn Metric>> {
        metrics(self.like(), spec)
    }
}

/// The losses of a batch's examples, each as a batch of its own.
fn one_by_one(loss: &dyn Fn(&Fields, &Batch) -> Result<Loss>, said: &Fields, batch: &Batch) -> Result<Vec<f64>> {
    let count = batch.len();
    let one = |example: usize| {
        let (inputs, targets) = (batch.inputs.row(example, count)?, batch.targets.row(example, count)?);
        let alone = Batch { inputs, targets, ids: vec![batch.ids[example]] };
        number(&loss(&said.row(example, count)?, &alone)?.total)
    };
    (0..count).map(one).collect()
}

/// The task that another one is like: what that one does not say falls back on it.
type Like<'a> = Option<&'a dyn Task>;

fn says(like: Like<'_>) -> &str {
    like.map_or(field::LOGITS, Task::says)
}

fn check(like: Like, spec: &Spec) -> Result<()> {
    like.map_or(Ok(()), |task| task.check(spec))
}

fn fits(like: Like, said: &Fields, spec: &Spec) -> Result<()> {
    like.map_or(Ok(()), |task| task.fits(said, spec))
}

fn head(like: Like, name: &str, (at, features, spec): (&Scope, &Shapes, &Spec)) -> Result<Box<dyn Head>> {
    match like {
        Some(task) => task.head(at, features, spec),
        None => Err(Error::new(format!("the task `{name}` does not say which head it wants"))
            .remedy("write its `fn head`, or `fn like(&self) -> Option<&dyn Task> { Some(&Classify) }`")),
    }
}

fn loss(like: Like, name: &str, said: &Fields, batch: &Batch) -> Result<Loss> {
    match like {
        Some(task) => task.loss(said, batch),
        None => Err(Error::new(format!("the task `{name}` has no loss"))
            .remedy("write its `fn loss`, or `fn like(&self) -> Option<&dyn Task> { Some(&Classify) }`")),
    }
}

fn answers(like: Like, said: &Fields, spec: &Spec) -> Result<Vec<Answer>> {
    if let Some(task) = like {
        return task.answers(said, spec);
    }
    // the numbers as they come
    let Some((_, value)) = said.iter().next() else { return Ok(Vec::new()) };
    let rows = if value.rank() < 2 { value.reshape(((), 1))? } else { value.flatten_from(1)? };
    // a number a class is what networks for classes say
    if let Target::Class(names) = &spec.target
        && names.len() == rows.dim(1)?
    {
        let shares = ops::softmax(&rows.to_dtype(DType::F32)?, D::Minus1)?.to_vec2()?;
        return Ok(shares.into_iter().map(Answer::class).collect());
    }
    Ok(rows.to_dtype(DType::F32)?.to_vec2()?.into_iter().map(Answer::numbers).collect())
}

fn truths(like: Like, batch: &Batch, spec: &Spec) -> Result<Vec<Answer>> {
    match (like, &spec.target) {
        (Some(task), _) => task.truths(batch, spec),
        (None, Target::Class(_)) => {
            let classes = batch.targets.get(field::CLASS)?.to_vec1::<u32>()?;
            Ok(classes.into_iter().map(|class| Answer::truly(class as usize)).collect())
        }
        (None, Target::Numbers(_)) => {
            let rows = batch.targets.get(field::NUMBERS)?.to_vec2::<f32>()?;
            Ok(rows.into_iter().map(Answer::numbers).collect())
        }
        _ => Ok(vec![Answer::default(); batch.len()]),
    }
}

fn metrics(like: Like, spec: &Spec) -> Vec<Box<dyn Metric>> {
    like.map_or_else(Vec::new, |task| task.metrics(spec))
}

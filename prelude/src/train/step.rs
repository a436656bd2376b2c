//! One training step: the loss and gradients of a batch, gathered over batches where wanted, and the optimiser's turn.

use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};

use super::data::VisionData;
use super::gradients::{norm, shorten};
use super::history::BatchRecord;
use super::learner::Learner;
use super::objective;
use super::run::Run;
use crate::data::{Batch, Part};
use crate::layers::Pass;
use crate::params::{Param, name_seed};
use crate::{Error, Result, ops};

/// What a batch gave: its loss, the gradients, their norm, and statistics that wait to be stored.
pub(super) struct Gradients {
    pub loss: f64,
    pub grads: GradStore,
    pub norm: f64,
    pub pass: Pass,
}

impl Learner {
    /// One batch, and where enough of them are gathered, a step; gives the batch's loss.
    pub(super) fn step(
        &mut self,
        run: &mut Run,
        data: &dyn VisionData,
        batch: &Batch,
        at: (u64, usize),
    ) -> Result<f64> {
        let trainable = self.model.params().trainable();
        let Gradients { loss, grads, norm, pass } = self.gradients(data, batch, at)?;
        let place = || format!("at epoch {}, batch {}", run.done + 1, at.1 + 1);
        if !loss.is_finite() {
            return Err(lost("the loss", loss, &place(), run));
        }
        if !norm.is_finite() {
            return Err(lost("a gradient", norm, &place(), run));
        }
        if run.steps == 0 {
            run.audit.first_step(&trainable, &grads, &mut run.notes);
        }
        pass.commit()?;
        run.gathered.add(&trainable, grads, norm, batch.len())?;
        let (factor, _) = run.factor();
        if run.gathered.batches >= self.options.accumulate {
            self.take_step(run)?;
        }
        run.steps += 1;
        self.history.batches.push(BatchRecord { loss, rate: run.top() * factor });
        Ok(loss)
    }

    /// The optimiser's turn, where gradients are waiting.
    pub(super) fn take_step(&mut self, run: &mut Run) -> Result<()> {
        let trainable = self.model.params().trainable();
        let Some((grads, norm)) = run.gathered.take(&trainable)? else { return Ok(()) };
        let (factor, momentum) = run.factor();
        let grads = shorten(&trainable, grads, norm, self.options.clip)?;
        let rate = |param: &Param| run.rates.get(param.group()).copied().unwrap_or_default() * factor;
        self.optimizer.step(&trainable, &grads, rate, momentum)?;
        self.average.as_ref().map_or(Ok(()), |average| average.follow(&self.model))
    }

    /// The loss of a batch and its gradients; nothing is changed yet.
    pub(super) fn gradients(&mut self, data: &dyn VisionData, batch: &Batch, at: (u64, usize)) -> Result<Gradients> {
        let keep = self.options.keep_features && !data.varies();
        let x = self.cache.stem(&self.model, Part::Train, &batch.images, &batch.ids, keep)?;
        let pass = Pass::train(name_seed(self.options.seed, &format!("epoch {} batch {}", at.0, at.1)))
            .with_products_in(self.options.half);
        let features = Joint::new(self.model.features_from(self.cache.blocks(), &x, &pass)?)?;
        let output = self.model.head().forward(features.value(), &pass)?;
        let loss = objective::loss(self.model.task(), &output, batch, self.options.smoothing)?;
        let grads = features.backward(&loss)?;
        let norm = norm(&self.model.params().trainable(), &grads)?;
        Ok(Gradients { loss: f64::from(loss.to_scalar::<f32>()?), grads, norm, pass })
    }
}

/// Where body and head meet. The two are differentiated one after the other, so that the body, made of this crate's
/// operations alone, gets their own fast backward pass whatever the head and the loss are made of.
enum Joint {
    /// A frozen body's features.
    Constant(Tensor),
    /// A training body's features, and a variable of the same value in their place.
    Cut(Tensor, Var),
}

impl Joint {
    fn new(features: Tensor) -> Result<Joint> {
        if !features.track_op() {
            return Ok(Joint::Constant(features));
        }
        let leaf = Var::from_tensor(&features.detach())?;
        Ok(Joint::Cut(features, leaf))
    }

    fn value(&self) -> &Tensor {
        match self {
            Joint::Constant(features) => features,
            Joint::Cut(_, leaf) => leaf.as_tensor(),
        }
    }

    fn backward(&self, loss: &Tensor) -> Result<GradStore> {
        let mut grads = ops::backward(loss)?;
        if let Joint::Cut(features, leaf) = self
            && let Some(grad) = grads.remove(leaf.as_tensor())
        {
            grads.extend(ops::backward_from(features, &grad)?)?;
        }
        Ok(grads)
    }
}

fn lost(what: &str, value: f64, place: &str, run: &Run) -> Error {
    let rate = run.top();
    let remedy = if run.steps == 0 {
        "no step came before it, so either the network has diverged in an earlier fit (make it anew, or load a checkpoint), \
         or the data hold values that are no numbers"
            .to_owned()
    } else {
        format!(
            "make the network anew or load a checkpoint, and try a lower rate, such as {:.0e}, or `learner.clip(1.0)`",
            (rate / 10.0).min(1e-2)
        )
    };
    let said = format!(
        "{what} is {value} {place} (rate {rate:.1e}): the step was not taken, the network is as it was before it"
    );
    Error::new(said).remedy(remedy)
}

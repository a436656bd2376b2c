//! One training step: the loss and gradients of a batch, gathered over batches where wanted, and the optimiser's turn.

use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};

use super::data::VisionData;
use super::fit::Run;
use super::history::BatchRecord;
use super::learner::Learner;
use super::objective;
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

/// Gradients that wait for their step: sums over pictures.
#[derive(Default)]
pub(super) struct Gathered {
    grads: Option<GradStore>,
    norm: f64,
    pictures: usize,
    batches: usize,
}

impl Gathered {
    /// Adds a batch's gradients; the first ones are kept as they are until a second batch comes.
    fn add(&mut self, params: &[Param], mut new: GradStore, norm: f64, pictures: usize) -> Result<()> {
        if let Some(mut sum) = self.grads.take() {
            let before = if self.batches == 1 { self.pictures as f64 } else { 1.0 };
            for param in params {
                let (old, add) = (sum.remove(param.var()), new.remove(param.var()));
                let scaled = |grad: Option<Tensor>, by: f64| grad.map(|grad| grad * by).transpose();
                let total = match (scaled(old, before)?, scaled(add, pictures as f64)?) {
                    (Some(old), Some(add)) => (old + add)?,
                    (Some(one), None) | (None, Some(one)) => one,
                    (None, None) => continue,
                };
                new.insert(param.var(), total);
            }
        }
        self.grads = Some(new);
        self.norm = norm;
        self.pictures += pictures;
        self.batches += 1;
        Ok(())
    }

    /// The mean gradient over all pictures, and its norm.
    fn take(&mut self, params: &[Param]) -> Result<Option<(GradStore, f64)>> {
        let Gathered { grads, norm, pictures, batches } = std::mem::take(self);
        let Some(mut grads) = grads else { return Ok(None) };
        if batches == 1 {
            return Ok(Some((grads, norm)));
        }
        scale(params, &mut grads, 1.0 / pictures as f64)?;
        let norm = self::norm(params, &grads)?;
        Ok(Some((grads, norm)))
    }
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

/// The norm of all gradients together.
fn norm(params: &[Param], grads: &GradStore) -> Result<f64> {
    let mut squares = 0.0;
    for grad in params.iter().filter_map(|param| grads.get(param.var())) {
        squares += f64::from(grad.detach().sqr()?.sum_all()?.to_scalar::<f32>()?);
    }
    Ok(squares.sqrt())
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

/// The gradients as they are, or where their norm is above `clip`, shortened to it.
pub(super) fn shorten(params: &[Param], mut grads: GradStore, norm: f64, clip: Option<f64>) -> Result<GradStore> {
    if let Some(clip) = clip.filter(|clip| norm > *clip) {
        scale(params, &mut grads, clip / norm)?;
    }
    Ok(grads)
}

/// Multiplies every gradient.
fn scale(params: &[Param], grads: &mut GradStore, by: f64) -> Result<()> {
    for param in params {
        if let Some(grad) = grads.remove(param.var()) {
            grads.insert(param.var(), (grad * by)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Init, ParamSet};
    use candle_core::Device;

    /// The mean loss of some rows, linear in two parameters, of which the second sees the first row alone.
    fn grads(set: &ParamSet, rows: &[f32]) -> Result<GradStore> {
        let params = set.params();
        let x = Tensor::from_vec(rows.to_vec(), rows.len(), &Device::Cpu)?;
        let mut loss = x.broadcast_mul(&params[0].in_graph())?.sqr()?.mean_all()?;
        if rows[0] == 1.0 {
            loss = (loss + (params[1].in_graph().sum_all()? / rows.len() as f64)?)?;
        }
        Ok(loss.backward()?)
    }

    #[test]
    fn gathered_batches_are_one_large_batch() -> Result<()> {
        let set = ParamSet::new(0);
        set.scope("a", 0).param("weight", 1, Init::Constant(0.7))?;
        set.scope("b", 0).param("weight", 1, Init::Constant(0.2))?;
        let (params, rows) = (set.params(), [1f32, 2.0, 3.0, -4.0, 0.5, 6.0, 7.0]);
        let mut gathered = Gathered::default();
        for part in [&rows[..3], &rows[3..4], &rows[4..]] {
            let grads = grads(&set, part)?;
            let norm = norm(&params, &grads)?;
            gathered.add(&params, grads, norm, part.len())?;
        }
        let (found, length) = gathered.take(&params)?.expect("three were added");
        let expected = grads(&set, &rows)?;
        for param in &params {
            let value = |grads: &GradStore| grads.get(param.var()).expect("both see rows").to_vec1::<f32>();
            let (found, expected) = (value(&found)?[0], value(&expected)?[0]);
            assert!((found / expected - 1.0).abs() < 1e-6, "{}: {found} {expected}", param.name());
        }
        assert!((length / norm(&params, &expected)? - 1.0).abs() < 1e-6);
        assert!(gathered.take(&params)?.is_none(), "it is empty again");
        Ok(())
    }

    #[test]
    fn long_gradients_are_shortened_and_short_ones_kept() -> Result<()> {
        let set = ParamSet::new(0);
        set.scope("a", 0).param("weight", 1, Init::Constant(3.0))?;
        let params = set.params();
        // d/dw (2 w)² at 3 = 24
        for (clip, expected) in [(None, 24.0), (Some(30.0), 24.0), (Some(6.0), 6.0)] {
            let grads = grads(&set, &[2.0])?;
            let norm = norm(&params, &grads)?;
            let short = shorten(&params, grads, norm, clip)?;
            let found = short.get(params[0].var()).expect("it has one").to_vec1::<f32>()?[0];
            assert!((found - expected).abs() < 1e-4, "{clip:?}: {found}");
        }
        Ok(())
    }
}

//! One training step: the loss and gradients of a batch, gathered over batches where wanted, and the optimiser's turn.

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};

use super::gradients::{norm, shorten};
use super::history::BatchRecord;
use super::learner::Learner;
use super::run::Run;
use crate::data::{Batch, Data, Fields, Part, field};
use crate::layers::Pass;
use crate::params::{Param, name_seed};
use crate::{Error, Result, ops};

/// What a batch gave: its loss, the gradients, their norm, and statistics that wait to be stored.
pub(super) struct Gradients {
    pub loss: f64,
    /// What the loss is made of, by name.
    pub parts: Vec<(String, f64)>,
    pub grads: GradStore,
    pub norm: f64,
    pub pass: Pass,
}

impl Learner {
    /// One batch, and where enough of them are gathered, a step; gives the batch's loss and its parts.
    pub(super) fn step(
        &mut self,
        run: &mut Run,
        data: &dyn Data,
        batch: &Batch,
        at: (u64, usize),
    ) -> Result<(f64, Vec<(String, f64)>)> {
        let trainable = self.network.params().trainable();
        let Gradients { loss, parts, grads, norm, pass } = self.gradients(data, batch, at)?;
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
        Ok((loss, parts))
    }

    /// The optimiser's turn, where gradients are waiting.
    pub(super) fn take_step(&mut self, run: &mut Run) -> Result<()> {
        let trainable = self.network.params().trainable();
        let Some((grads, norm)) = run.gathered.take(&trainable)? else { return Ok(()) };
        let (factor, momentum) = run.factor();
        let grads = shorten(&trainable, grads, norm, self.options.clip)?;
        let rate = |param: &Param| run.rates.get(param.group()).copied().unwrap_or_default() * factor;
        self.optimizer.step(&trainable, &grads, rate, momentum)?;
        self.average.as_ref().map_or(Ok(()), |average| average.follow(&self.network))
    }

    /// The loss of a batch and its gradients; nothing is changed yet.
    pub(super) fn gradients(&mut self, data: &dyn Data, batch: &Batch, at: (u64, usize)) -> Result<Gradients> {
        let keep = self.options.keep_features && !data.spec().varies;
        let state = self.cache.stem(&self.network, Part::Train, batch, keep)?;
        let pass = Pass::train(name_seed(self.options.seed, &format!("epoch {} batch {}", at.0, at.1)))
            .with_products_in(self.options.half);
        let features = Joint::new(self.network.features_from(self.cache.blocks(), &state, &pass)?)?;
        let said = self.network.said(features.values(), &pass)?;
        let mut batch = self.placed(batch)?;
        if self.options.smoothing > 0.0 {
            batch.targets.set(field::SMOOTHING, Tensor::new(self.options.smoothing, &Device::Cpu)?);
        }
        let loss = self.task.loss(&said, &batch)?;
        let grads = features.backward(&loss.total)?;
        let norm = norm(&self.network.params().trainable(), &grads)?;
        Ok(Gradients { loss: loss.value()?, parts: loss.numbers()?, grads, norm, pass })
    }

    /// A batch whose truth lies where the network does.
    pub(super) fn placed(&self, batch: &Batch) -> Result<Batch> {
        Ok(Batch { targets: batch.targets.to_device(self.network.params().device())?, ..batch.clone() })
    }
}

/// Where body and head meet. The two are differentiated one after the other, so that the body, made of this crate's
/// operations alone, gets their own fast backward pass whatever the head and the loss are made of.
struct Joint {
    /// What the body gave.
    features: Fields,
    /// The same, with variables in the place of what trains.
    leaves: Fields,
    cuts: Vec<(String, Var)>,
}

impl Joint {
    fn new(features: Fields) -> Result<Joint> {
        let (mut leaves, mut cuts) = (features.clone(), Vec::new());
        for (name, value) in features.iter().filter(|(_, value)| value.track_op()) {
            let leaf = Var::from_tensor(&value.detach())?;
            leaves.set(name, leaf.as_tensor().clone());
            cuts.push((name.to_owned(), leaf));
        }
        Ok(Joint { features, leaves, cuts })
    }

    fn values(&self) -> &Fields {
        &self.leaves
    }

    fn backward(&self, loss: &Tensor) -> Result<GradStore> {
        let mut grads = ops::backward(loss)?;
        let mut parts = Vec::new();
        for (name, leaf) in &self.cuts {
            if let Some(grad) = grads.remove(leaf.as_tensor()) {
                parts.push((self.features.get(name)?, grad));
            }
        }
        match &parts[..] {
            [] => {}
            [(value, grad)] => grads.extend(ops::backward_from(value, grad)?)?,
            // What is below several maps gets the gradients of all of them.
            several => {
                let scalars = several.iter().map(|(value, grad)| (*value * grad.detach())?.sum_all());
                let scalars = scalars.collect::<candle_core::Result<Vec<_>>>()?;
                grads.extend(ops::backward(&Tensor::stack(&scalars, 0)?.sum_all()?)?)?;
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Arch, HeadMaker, Network};
    use candle_core::Device;

    /// Where a head reads several maps, the body gets the gradient that it gets without the cut.
    #[test]
    fn a_joint_of_several_maps_gives_the_gradient_of_the_whole() -> Result<()> {
        let network = Network::new(Arch::ResNet18, HeadMaker::classes(2), &Device::Cpu, 3)?.tapped(&[8, 16])?;
        let picture = Fields::of("image", Tensor::randn(0f32, 1.0, (2, 3, 64, 64), &Device::Cpu)?);
        let loss = |said: &Fields| -> Result<Tensor> {
            let parts = said.iter().zip([0.3, 0.7, 1.1]).map(|((_, map), weight)| map.sqr()?.mean_all()? * weight);
            Ok(Tensor::stack(&parts.collect::<candle_core::Result<Vec<_>>>()?, 0)?.sum_all()?)
        };
        let features = network.features_from(0, &picture, &Pass::train_without_noise())?;
        assert_eq!(features.len(), 3);
        let whole = loss(&features)?.backward()?;
        let joint = Joint::new(features)?;
        let cut = joint.backward(&loss(joint.values())?)?;
        for param in network.params().params().iter().filter(|param| !param.name().starts_with("head")) {
            let of = |grads: &GradStore| grads.get(param.var()).expect("it trains").flatten_all()?.to_vec1::<f32>();
            let (found, expected) = (of(&cut)?, of(&whole)?);
            let scale = expected.iter().fold(1e-6f32, |most, value| most.max(value.abs()));
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-3 * scale, "{}: {found} {expected}", param.name());
            }
        }
        Ok(())
    }
}

//! One training step up to its gradients: the loss of a batch, and the way back through head and body.

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};

use super::gradients::Gradients;
use super::learner::Learner;
use super::loss::Loss;
use crate::data::{Batch, Fields, Part, field};
use crate::layers::Pass;
use crate::params::name_seed;
use crate::{Error, Result, ops};

/// A batch's way through the network: its loss, the way back, and statistics that wait to be stored.
pub(super) struct Passed {
    pub loss: Loss,
    pub joint: Joint,
    pub pass: Pass,
    /// What the network says of the batch, in the graph of the head.
    pub said: Fields,
}

impl Learner {
    /// The loss of a batch; nothing is changed yet. Where `keep`, features of frozen parts may be kept, or taken from those
    /// that are.
    pub(super) fn loss_of(&mut self, batch: &Batch, at: (u64, usize), keep: bool) -> Result<Passed> {
        let keep = keep && self.options.keep_features && !self.spec.varies;
        let state = self.cache.stem(&self.network, Part::Train, batch, keep)?;
        let pass = Pass::train(name_seed(self.options.seed, &format!("epoch {} batch {}", at.0, at.1)))
            .with_products_in(self.options.half);
        let joint = Joint::new(self.network.features_from(self.cache.blocks(), &state, &pass)?)?;
        let said = self.network.said(joint.values(), &pass)?;
        let targets = batch.targets.to_device(self.network.params().device())?;
        let mut batch = Batch { targets, ..batch.clone() };
        if self.options.smoothing > 0.0 {
            batch.targets.set(field::SMOOTHING, Tensor::new(self.options.smoothing, &Device::Cpu)?);
        }
        self.weigh(&mut batch.targets)?;
        let loss = self.task.loss(&said, &batch).map_err(|error| {
            Error::new(format!("the task `{}` makes no loss of this batch", self.task.name())).caused_by(error)
        })?;
        Ok(Passed { loss, joint, pass, said })
    }

    /// The loss of a batch and its gradients, without anybody else taking part.
    pub(super) fn gradients(&mut self, batch: &Batch, at: (u64, usize)) -> Result<(f64, Gradients, Pass)> {
        let Passed { loss, joint, pass, .. } = self.loss_of(batch, at, true)?;
        let gradients = Gradients::of(self.network.params().trainable(), joint.backward(&loss.total)?)?;
        Ok((loss.value()?, gradients, pass))
    }
}

/// Where body and head meet. The two are differentiated one after the other, so that the body, made of this crate's
/// operations alone, gets their own fast backward pass whatever the head and the loss are made of.
pub(super) struct Joint {
    /// What the body gave.
    features: Fields,
    /// The same, with variables in the place of what trains.
    leaves: Fields,
    cuts: Vec<(String, Var)>,
}

impl Joint {
    pub fn new(features: Fields) -> Result<Joint> {
        let (mut leaves, mut cuts) = (features.clone(), Vec::new());
        for (name, value) in features.iter().filter(|(_, value)| value.track_op()) {
            let leaf = Var::from_tensor(&value.detach())?;
            leaves.set(name, leaf.as_tensor().clone());
            cuts.push((name.to_owned(), leaf));
        }
        Ok(Joint { features, leaves, cuts })
    }

    pub fn values(&self) -> &Fields {
        &self.leaves
    }

    /// The way back; what the body kept for it is let go on the way.
    pub fn backward(mut self, loss: &Tensor) -> Result<GradStore> {
        let mut grads = ops::backward(loss)?;
        let mut parts = Vec::new();
        for (name, leaf) in &self.cuts {
            if let (Some(grad), Some(value)) = (grads.remove(leaf.as_tensor()), self.features.remove(name)) {
                parts.push((value, grad));
            }
        }
        drop(self);
        if !parts.is_empty() {
            grads.extend(ops::backward_letting_go(parts)?)?;
        }
        Ok(grads)
    }
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
        let told = loss(joint.values())?;
        let cut = joint.backward(&told)?;
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

//! One run through a network: training or predicting, its random numbers, its pending statistics.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{DType, Tensor};

use crate::params::{Buffer, Param, name_seed};
use crate::{Result, ops};

/// One run through a network.
///
/// In training, trainable parameters enter the graph, dropout drops and BatchNorm uses the batch's statistics.
/// New running statistics wait here until [`commit`](Pass::commit), so that a step whose loss is not a
/// number leaves the network as it was.
#[derive(Debug)]
pub struct Pass {
    training: bool,
    noisy: bool,
    seed: u64,
    half: Option<DType>,
    measuring: usize,
    draws: AtomicU64,
    pending: Mutex<Vec<(Buffer, Tensor)>>,
}

impl Pass {
    /// Predicting: stored statistics, nothing dropped, no graph.
    pub fn eval() -> Pass {
        Pass {
            training: false,
            noisy: false,
            seed: 0,
            half: None,
            measuring: 0,
            draws: AtomicU64::new(0),
            pending: Mutex::default(),
        }
    }

    /// Training, with a seed for dropout: the same seed drops the same values.
    pub fn train(seed: u64) -> Pass {
        Pass { training: true, noisy: true, seed, ..Pass::eval() }
    }

    /// Predicting, while BatchNorm takes over the statistics of what comes in, without changing what it gives: its scale and bias make up for
    /// them. Pass number `round` (from 1) counts as much as each one before it. For networks whose BatchNorm was folded into the convolutions.
    pub fn measuring(round: usize) -> Pass {
        Pass { measuring: round.max(1), ..Pass::eval() }
    }

    /// How many passes have measured, this one too; `None` where it does not.
    pub(super) fn measures(&self) -> Option<usize> {
        (self.measuring > 0).then_some(self.measuring)
    }

    /// Training without dropout and drop-path, to compare with another implementation.
    pub fn train_without_noise() -> Pass {
        Pass { noisy: false, ..Pass::train(0) }
    }

    /// The same with convolutions and matrix products in numbers of this type, all else in the parameters' own: what
    /// PyTorch's `autocast` does. Values and gradients come back in the type of what went in. `None` for no such type.
    pub fn with_products_in(self, half: Option<DType>) -> Pass {
        Pass { half, ..self }
    }

    /// Whether products are made in numbers of another type than the parameters'.
    pub(super) fn mixes(&self) -> bool {
        self.half.is_some()
    }

    /// A product of x, a weight and perhaps a bias, in the type that this pass makes products in.
    pub(super) fn product(
        &self,
        [x, weight]: [&Tensor; 2],
        bias: Option<&Tensor>,
        product: impl Fn(&Tensor, &Tensor, Option<&Tensor>) -> candle_core::Result<Tensor>,
    ) -> Result<Tensor> {
        let Some(half) = self.half else { return Ok(product(x, weight, bias)?) };
        let bias = bias.map(|bias| ops::cast(bias, half)).transpose()?;
        let y = product(&ops::cast(x, half)?, &ops::cast(weight, half)?, bias.as_ref())?;
        Ok(ops::cast(&y, x.dtype())?)
    }

    /// Whether the network is training.
    pub fn training(&self) -> bool {
        self.training
    }

    /// Whether dropout and drop-path drop.
    pub fn noisy(&self) -> bool {
        self.noisy
    }

    /// A parameter's value in this run: a graph variable when training and not frozen, else a constant.
    pub fn value(&self, param: &Param) -> Tensor {
        if self.training { param.in_graph() } else { param.value() }
    }

    /// The next seed for a random layer.
    pub fn draw(&self) -> u64 {
        let draw = self.draws.fetch_add(1, Ordering::Relaxed);
        name_seed(self.seed, &draw.to_string())
    }

    /// Notes a buffer's new value for [`commit`](Pass::commit).
    pub fn later(&self, buffer: &Buffer, value: Tensor) {
        self.pending().push((buffer.clone(), value));
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Vec<(Buffer, Tensor)>> {
        self.pending.lock().expect("no panic while noting")
    }

    /// Stores what was noted: called once the step is taken.
    ///
    /// # Errors
    /// When a value's shape is not its buffer's.
    pub fn commit(&self) -> Result<()> {
        for (buffer, value) in self.pending().drain(..) {
            buffer.set(&value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Activation, BatchNorm2d, Conv2d, ConvNorm, GlobalAvgPool, Layer, Linear};
    use crate::params::ParamSet;
    use candle_core::Device;

    /// Two convolutions and a matrix, and the gradients of their parameters in this pass.
    fn gradients(pass: &Pass) -> Result<(f64, Vec<Vec<f32>>)> {
        let params = ParamSet::new(4);
        let scope = |name: &str| params.scope(name, 0);
        let first = Conv2d::new(&scope("a"), 3, 16, 3).stride(2).padding(1).build()?;
        let first = ConvNorm::new(first, BatchNorm2d::new(&scope("b"), 16)?, Activation::Relu);
        let second = Conv2d::new(&scope("c"), 16, 16, 3).groups(16).padding(1).bias().build()?;
        let head = Linear::new(&scope("d"), 16, 5)?;
        let x = (Tensor::arange(0f32, 4.0 * 3.0 * 100.0, &Device::Cpu)?.reshape((4, 3, 10, 10))? * 0.37)?.sin()?;
        let y = GlobalAvgPool.forward(&second.forward(&first.forward(&x, pass)?, pass)?, pass)?;
        let loss = ops::cross_entropy(
            &head.forward(&y, pass)?,
            &Tensor::new(&[0u32, 1, 2, 3], &Device::Cpu)?,
            &ops::CrossEntropy::default(),
        )?;
        assert_eq!(loss.dtype(), DType::F32);
        let grads = ops::backward(&loss)?;
        let numbers = params.params().into_iter().map(|param| {
            let grad = grads.get(param.var()).expect("each has one");
            assert_eq!(grad.dtype(), DType::F32, "{}", param.name());
            Ok(grad.flatten_all()?.to_vec1::<f32>()?)
        });
        Ok((f64::from(loss.to_scalar::<f32>()?), numbers.collect::<Result<_>>()?))
    }

    #[test]
    fn products_in_half_precision_give_nearly_the_same_gradients() -> Result<()> {
        let (loss, exact) = gradients(&Pass::train(0))?;
        for (half, near) in [(DType::F16, 1e-3), (DType::BF16, 1e-2)] {
            let (found, rough) = gradients(&Pass::train(0).with_products_in(Some(half)))?;
            assert!((found - loss).abs() < near * loss && found != loss, "{half:?}: {found} {loss}");
            for (exact, rough) in exact.iter().zip(&rough) {
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
                // BatchNorm takes out what a bias before it would add: what is left of such a gradient is noise
                if dot(exact, exact) > 1e-8 {
                    let angle = dot(exact, rough) / (dot(exact, exact) * dot(rough, rough)).sqrt();
                    assert!(angle > 1.0 - near, "{half:?}: {angle}");
                }
            }
        }
        Ok(())
    }
}

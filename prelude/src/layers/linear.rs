//! A matrix product and a bias.

use candle_core::Tensor;

use super::adapted;
use super::{Layer, Pass};
use crate::onnx::{OnnxGraph, OnnxValue};
use crate::params::{Init, Param, Scope, Slot};
use crate::{Error, Result, ops};

/// `x · weightᵀ + bias` over the last dimension: `weight` (out, in), `bias` (out). `torch.nn.Linear`.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Param,
    bias: Param,
    slot: Slot,
}

impl Linear {
    /// From so many features to so many, with PyTorch's first values.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn new(scope: &Scope, features_in: usize, features_out: usize) -> Result<Linear> {
        let init = Init::Uniform { fan: features_in };
        let weight = scope.param("weight", (features_out, features_in), init)?;
        Linear::of(scope, weight, init)
    }

    /// From so many features to so many, with normal weights of this deviation and no bias at first.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn normal(scope: &Scope, features_in: usize, features_out: usize, deviation: f32) -> Result<Linear> {
        let weight = scope.param("weight", (features_out, features_in), Init::Normal(deviation))?;
        Linear::of(scope, weight, Init::Zeros)
    }

    fn of(scope: &Scope, weight: Param, init: Init) -> Result<Linear> {
        let bias = scope.param("bias", weight.var().dims()[0], init)?;
        Ok(Linear { slot: scope.slot(&weight, 1), weight, bias })
    }
}

impl Layer for Linear {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let (weight, bias) = (pass.value(&self.weight), pass.value(&self.bias));
        match self.slot.active() {
            Some(adapter) => adapted::linear(&adapter, x, (&weight, &bias), pass),
            None => pass.product([x, &weight], Some(&bias), ops::linear),
        }
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let weight = graph.weight(self.weight.name(), &self.slot.effective()?)?;
        let bias = graph.weight(self.bias.name(), &self.bias.value())?;
        graph.linear(x, &weight, &bias)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        let (out, features) = self.weight.var().dims2()?;
        match input.split_last() {
            Some((last, rest)) if *last == features => Ok([rest, &[out]].concat()),
            _ => Err(Error::new(format!("`{}` expects {features} features, found {input:?}", self.weight.name()))),
        }
    }
}

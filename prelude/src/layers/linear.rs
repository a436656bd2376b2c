//! A matrix product and a bias.

use candle_core::Tensor;

use super::{Layer, Pass};
use crate::onnx::{OnnxGraph, OnnxValue};
use crate::params::{Init, Param, Scope};
use crate::{Error, Result, ops};

/// `x · weightᵀ + bias` over the last dimension: `weight` (out, in), `bias` (out). `torch.nn.Linear`.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Param,
    bias: Param,
}

impl Linear {
    /// From so many features to so many, with PyTorch's first values.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn new(scope: &Scope, features_in: usize, features_out: usize) -> Result<Linear> {
        let init = Init::Uniform { fan: features_in };
        let weight = scope.param("weight", (features_out, features_in), init)?;
        Ok(Linear { weight, bias: scope.param("bias", features_out, init)? })
    }

    /// From so many features to so many, with normal weights of this deviation and no bias at first.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn normal(scope: &Scope, features_in: usize, features_out: usize, deviation: f32) -> Result<Linear> {
        let weight = scope.param("weight", (features_out, features_in), Init::Normal(deviation))?;
        Ok(Linear { weight, bias: scope.param("bias", features_out, Init::Zeros)? })
    }
}

impl Layer for Linear {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        pass.product([x, &pass.value(&self.weight)], Some(&pass.value(&self.bias)), ops::linear)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let weight = graph.weight(self.weight.name(), &self.weight.value())?;
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

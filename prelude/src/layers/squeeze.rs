//! Squeeze-and-excitation.

use candle_core::Tensor;

use super::{Activation, Conv2d, Layer, Pass};
use crate::onnx::{OnnxGraph, OnnxValue};
use crate::params::{Init, Scope};
use crate::{Result, ops};

/// Weighs each channel by what all channels' means say of it. Hu et al. 2017, timm's `SqueezeExcite`.
///
/// Names: `conv_reduce`, `conv_expand`.
#[derive(Clone, Debug)]
pub struct SqueezeExcite {
    reduce: Conv2d,
    expand: Conv2d,
    then: Activation,
}

impl SqueezeExcite {
    /// For so many channels by way of so few.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn new(scope: &Scope, channels: usize, few: usize, then: Activation) -> Result<SqueezeExcite> {
        let conv = |name, from, to| {
            Conv2d::new(&scope.child(name), from, to, 1).bias().init(Init::Kaiming { fan: from }).build()
        };
        let (reduce, expand) = (conv("conv_reduce", channels, few)?, conv("conv_expand", few, channels)?);
        Ok(SqueezeExcite { reduce, expand, then })
    }
}

impl Layer for SqueezeExcite {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let means = ops::adaptive_avg_pool2d(x, (1, 1))?;
        let few = self.then.forward(&self.reduce.forward(&means, pass)?, pass)?;
        Ok(ops::gate(x, &ops::sigmoid(&self.expand.forward(&few, pass)?)?)?)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let means = graph.adaptive_average(x, (1, 1))?;
        let few = self.reduce.export(graph, &means)?;
        let few = self.then.export(graph, &few)?;
        let gate = self.expand.export(graph, &few)?;
        let gate = graph.unary("Sigmoid", &gate);
        Ok(graph.mul(x, &gate))
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }
}

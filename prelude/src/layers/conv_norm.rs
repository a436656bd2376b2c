//! Convolution, BatchNorm and an activation: the unit that most networks for pictures are made of.

use candle_core::Tensor;

use super::{Activation, BatchNorm2d, Conv2d, Layer, Pass};
use crate::Result;
use crate::onnx::{OnnxGraph, OnnxValue};

/// A convolution, BatchNorm and an activation, one after another. The two keep the names they were made with.
#[derive(Clone, Debug)]
pub struct ConvNorm {
    conv: Conv2d,
    norm: BatchNorm2d,
    then: Activation,
}

impl ConvNorm {
    /// Puts the three together.
    pub fn new(conv: Conv2d, norm: BatchNorm2d, then: Activation) -> ConvNorm {
        ConvNorm { conv, norm, then }
    }
}

impl Layer for ConvNorm {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        if !pass.mixes()
            && let Some((four, eps)) = self.norm.stored(pass)
        {
            return self.conv.forward_norm(x, pass, (&four, eps), self.then);
        }
        self.norm.forward_then(&self.conv.forward(x, pass)?, pass, self.then)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let x = self.conv.export(graph, x)?;
        let x = self.norm.export(graph, &x)?;
        self.then.export(graph, &x)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.conv.output(input)
    }
}

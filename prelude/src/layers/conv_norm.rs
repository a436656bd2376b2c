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

    /// [`forward`](Layer::forward) for `next` alone: where BatchNorm trains, a value that `next` can work out as it reads is kept nowhere.
    pub(crate) fn forward_for(&self, next: &ConvNorm, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        self.train(x, pass, next.conv.reads_deferred(pass)).unwrap_or_else(|| self.forward(x, pass))
    }

    /// The unit where BatchNorm trains.
    fn train(&self, x: &Tensor, pass: &Pass, deferred: bool) -> Option<Result<Tensor>> {
        self.norm.trains(pass).then(|| {
            let (y, measured) = self.conv.forward_measured(x, pass)?;
            self.norm.forward_as(&y, pass, self.then, measured, deferred)
        })
    }
}

impl Layer for ConvNorm {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        if !pass.mixes()
            && let Some((four, eps)) = self.norm.stored(pass)
        {
            return self.conv.forward_norm(x, pass, (&four, eps), self.then);
        }
        match self.train(x, pass, false) {
            Some(y) => y,
            None => self.norm.forward_then(&self.conv.forward(x, pass)?, pass, self.then),
        }
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

//! The last part: one more matrix on the first token.

use candle_core::Tensor;

use super::{BertConfig, BertKind};
use crate::Result;
use crate::layers::{Activation, Layer, Linear, Pass};
use crate::onnx::{OnnxGraph, OnnxValue};
use crate::params::Scope;

/// A matrix and an activation on the first token of a text. Name: `dense`.
pub(super) struct Pooler {
    dense: Linear,
    activation: Activation,
}

impl Pooler {
    pub fn new(scope: &Scope, config: &BertConfig) -> Result<Pooler> {
        let (width, spread) = (config.hidden_size, config.initializer_range as f32);
        let activation = match config.kind {
            BertKind::Bert | BertKind::Roberta => Activation::Tanh,
            BertKind::DistilBert => Activation::Relu,
        };
        Ok(Pooler { dense: Linear::normal(&scope.child("dense"), width, width, spread)?, activation })
    }

    pub fn forward(&self, first: &Tensor, pass: &Pass) -> Result<Tensor> {
        self.activation.forward(&self.dense.forward(first, pass)?, pass)
    }

    pub fn export(&self, graph: &mut OnnxGraph, first: &OnnxValue) -> Result<OnnxValue> {
        let dense = self.dense.export(graph, first)?;
        self.activation.export(graph, &dense)
    }
}

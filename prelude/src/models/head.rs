//! What a network says of its features.

use candle_core::Tensor;

use super::Shapes;
use crate::data::{Fields, field};
use crate::layers::{Dropout, GlobalAvgPool, Layer, Linear, Pass};
use crate::onnx::{OnnxFields, OnnxGraph, OnnxValue, not_exported};
use crate::params::Scope;
use crate::{Result, ops};

/// The last part of a network: from features to what it says.
pub trait Head: Send + Sync {
    /// What it says of a batch: fields such as `logits`, `box` or `numbers`, a row an example.
    ///
    /// # Errors
    /// When a field is missing, or its shape does not fit.
    fn forward(&self, features: &Fields, pass: &Pass) -> Result<Fields>;

    /// Writes it, in evaluation mode, as nodes of an ONNX graph: from the features to what it says.
    ///
    /// # Errors
    /// When it cannot be written as ONNX.
    fn export(&self, _graph: &mut OnnxGraph, _features: &OnnxFields) -> Result<OnnxFields> {
        Err(not_exported(std::any::type_name::<Self>()))
    }

    /// The shapes of what it says of one example, from those of its features; none where that is not known beforehand.
    ///
    /// # Errors
    /// When the shape does not fit.
    fn shapes(&self, _features: &Shapes) -> Result<Shapes> {
        Ok(Shapes::default())
    }
}

/// Mean over the picture (where features are a map), dropout, one matrix. Names: `head.linear`.
#[derive(Debug)]
pub struct LinearHead {
    says: String,
    dropout: Dropout,
    linear: Linear,
}

impl LinearHead {
    /// A head of random weights that says a row of so many numbers, as the field of this name.
    ///
    /// # Errors
    /// When the name of a parameter is taken.
    pub fn new(scope: &Scope, says: &str, channels: usize, outputs: usize) -> Result<LinearHead> {
        let linear = Linear::new(&scope.child("linear"), channels, outputs)?;
        Ok(LinearHead { says: says.to_owned(), dropout: Dropout(0.2), linear })
    }

    /// A head for texts, as Hugging Face's classifiers have it: dropout of a tenth, normal first weights.
    ///
    /// # Errors
    /// When the name of a parameter is taken.
    pub fn of_texts(scope: &Scope, says: &str, channels: usize, outputs: usize) -> Result<LinearHead> {
        let linear = Linear::normal(&scope.child("linear"), channels, outputs, 0.02)?;
        Ok(LinearHead { says: says.to_owned(), dropout: Dropout(0.1), linear })
    }

    pub(super) fn row(&self, features: &Tensor, pass: &Pass) -> Result<Tensor> {
        let pooled = pooled(features, pass)?;
        self.linear.forward(&self.dropout.forward(&pooled, pass)?, pass)
    }
}

impl Head for LinearHead {
    fn forward(&self, features: &Fields, pass: &Pass) -> Result<Fields> {
        Ok(Fields::of(self.says.clone(), self.row(features.get(field::FEATURES)?, pass)?))
    }

    fn export(&self, graph: &mut OnnxGraph, features: &OnnxFields) -> Result<OnnxFields> {
        let row = export_pooled(graph, features.get(field::FEATURES)?)?;
        Ok(OnnxFields::of(self.says.clone(), self.linear.export(graph, &row)?))
    }

    fn shapes(&self, features: &Shapes) -> Result<Shapes> {
        Ok(Shapes::of(self.says.clone(), &self.linear.output(&[features.channels()?])?))
    }
}

/// A row of features a picture: the mean over a map; of tokens, the first one, which stands for the picture.
pub(super) fn pooled(features: &Tensor, pass: &Pass) -> Result<Tensor> {
    match features.rank() {
        4 => GlobalAvgPool.forward(features, pass),
        3 => Ok(ops::token(features, 0)?),
        _ => Ok(features.clone()),
    }
}

/// The same as ONNX.
pub(super) fn export_pooled(graph: &mut OnnxGraph, features: &OnnxValue) -> Result<OnnxValue> {
    match features.dims().len() {
        3 => GlobalAvgPool.export(graph, features),
        2 => graph.take(features, 1, 0),
        _ => Ok(features.clone()),
    }
}

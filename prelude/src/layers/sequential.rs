//! Named layers, one after another.

use candle_core::Tensor;

use super::{Layer, Pass};
use crate::Result;
use crate::onnx::{OnnxGraph, OnnxValue};

/// Named layers, one after another; the names are the dotted prefixes of their parameters.
#[derive(Default)]
pub struct Sequential(Vec<(String, Box<dyn Layer>)>);

impl Sequential {
    /// No layers yet.
    pub fn new() -> Sequential {
        Sequential::default()
    }

    /// Adds a layer at the end.
    pub fn push(&mut self, name: impl Into<String>, layer: impl Layer + 'static) {
        self.0.push((name.into(), Box::new(layer)));
    }

    /// Drops all layers after the first `count`.
    pub fn truncate(&mut self, count: usize) {
        self.0.truncate(count);
    }

    /// The number of layers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The layers' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Runs the layers of a range of positions.
    ///
    /// # Errors
    /// When a shape does not fit.
    pub fn forward_range(&self, range: std::ops::Range<usize>, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let mut x = x.clone();
        for (_, layer) in &self.0[range] {
            x = layer.forward(&x, pass)?;
        }
        Ok(x)
    }

    /// Writes some of the layers as ONNX.
    ///
    /// # Errors
    /// When one of them cannot be; the message names it.
    pub fn export_range(
        &self,
        range: std::ops::Range<usize>,
        graph: &mut OnnxGraph,
        x: &OnnxValue,
    ) -> Result<OnnxValue> {
        self.0[range].iter().try_fold(x.clone(), |x, (_, layer)| layer.export(graph, &x))
    }

    /// The shape of one example after each layer.
    ///
    /// # Errors
    /// When a shape does not fit.
    pub fn outputs(&self, input: &[usize]) -> Result<Vec<Vec<usize>>> {
        let mut shapes = Vec::with_capacity(self.len());
        let mut shape = input.to_vec();
        for (_, layer) in &self.0 {
            shape = layer.output(&shape)?;
            shapes.push(shape.clone());
        }
        Ok(shapes)
    }
}

impl Layer for Sequential {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        self.forward_range(0..self.len(), x, pass)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        self.export_range(0..self.len(), graph, x)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(self.outputs(input)?.pop().unwrap_or_else(|| input.to_vec()))
    }
}

impl std::fmt::Debug for Sequential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

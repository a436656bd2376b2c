//! The two halves of a transformer block: attention and the perceptron.

use candle_core::Tensor;

use super::{Activation, Layer, Linear, Pass};
use crate::onnx::{OnnxGraph, OnnxValue};
use crate::params::Scope;
use crate::{Error, Result, ops};

/// First weights of a transformer's matrices, as timm draws them.
const DEVIATION: f32 = 0.02;

/// Attention of several heads. Vaswani et al. 2017, timm's `Attention`. Names: `qkv`, `proj`.
///
/// # Shapes
/// (n, tokens, features) → the same
#[derive(Clone, Debug)]
pub struct Attention {
    qkv: Linear,
    proj: Linear,
    heads: usize,
}

impl Attention {
    /// Over so many features in so many heads.
    ///
    /// # Errors
    /// When the heads do not divide the features, or the name is taken.
    pub fn new(scope: &Scope, features: usize, heads: usize) -> Result<Attention> {
        if heads == 0 || !features.is_multiple_of(heads) {
            let what = format!("`{}`: {heads} heads do not divide {features} features", scope.prefix());
            return Err(Error::new(what).remedy("choose a number of heads that divides the features"));
        }
        let qkv = Linear::normal(&scope.child("qkv"), features, 3 * features, DEVIATION)?;
        let proj = Linear::normal(&scope.child("proj"), features, features, DEVIATION)?;
        Ok(Attention { qkv, proj, heads })
    }
}

impl Layer for Attention {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        self.proj.forward(&ops::attention(&self.qkv.forward(x, pass)?, self.heads)?, pass)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let [tokens, width] = x.dims()[..] else {
            return Err(Error::new(format!("attention expects (tokens, features), found {:?}", x.dims())));
        };
        let (heads, depth) = (self.heads, width / self.heads);
        let qkv = self.qkv.export(graph, x)?;
        let parts = graph.reshape(&qkv, &[tokens, 3, heads, depth]);
        // (n, 3, heads, tokens, depth)
        let parts = graph.transpose(&parts, &[0, 2, 3, 1, 4])?;
        let (q, k, v) = (graph.take(&parts, 1, 0)?, graph.take(&parts, 1, 1)?, graph.take(&parts, 1, 2)?);
        let k = graph.transpose(&k, &[0, 1, 3, 2])?;
        let scores = graph.node("MatMul", &[&q, &k], &[], &[heads, tokens, tokens]);
        let scale = graph.scalar((1.0 / (depth as f64).sqrt()) as f32);
        let scores = graph.mul(&scores, &scale);
        let shares = graph.softmax(&scores, 3);
        let mixed = graph.node("MatMul", &[&shares, &v], &[], &[heads, tokens, depth]);
        let mixed = graph.transpose(&mixed, &[0, 2, 1, 3])?;
        let mixed = graph.reshape(&mixed, &[tokens, width]);
        self.proj.export(graph, &mixed)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.proj.output(input)
    }
}

/// Two matrices with GELU between them. timm's `Mlp`. Names: `fc1`, `fc2`.
///
/// # Shapes
/// (…, features) → the same
#[derive(Clone, Debug)]
pub struct Perceptron {
    fc1: Linear,
    fc2: Linear,
}

impl Perceptron {
    /// Over so many features by way of so many.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn new(scope: &Scope, features: usize, hidden: usize) -> Result<Perceptron> {
        let fc1 = Linear::normal(&scope.child("fc1"), features, hidden, DEVIATION)?;
        Ok(Perceptron { fc1, fc2: Linear::normal(&scope.child("fc2"), hidden, features, DEVIATION)? })
    }
}

impl Layer for Perceptron {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        self.fc2.forward(&Activation::Gelu.forward(&self.fc1.forward(x, pass)?, pass)?, pass)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let hidden = self.fc1.export(graph, x)?;
        let hidden = Activation::Gelu.export(graph, &hidden)?;
        self.fc2.export(graph, &hidden)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.fc2.output(&self.fc1.output(input)?)
    }
}

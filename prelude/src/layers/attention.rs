//! The two halves of a transformer block: attention and the perceptron.

use candle_core::Tensor;

use super::{Activation, Layer, Linear, Pass};
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

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.fc2.output(&self.fc1.output(input)?)
    }
}

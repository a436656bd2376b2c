//! Softmax and its logarithm, stable for large numbers.

use super::graph::attach;
use candle_core::shape::Dim;
use candle_core::{Result, Tensor};

/// Numbers along a dimension as probabilities.
///
/// # Shapes
/// any → the same
///
/// # Errors
/// A dimension that the input does not have.
pub fn softmax<I: Dim>(x: &Tensor, dim: I) -> Result<Tensor> {
    let dim = dim.to_index(x.shape(), "softmax")?;
    attach("softmax", &[x], log_of(&x.detach(), dim)?.exp()?, move |context| {
        let (y, grad) = (context.value, context.grad);
        let total = (y * grad)?.sum_keepdim(dim)?;
        Ok(vec![Some((y * grad.broadcast_sub(&total)?)?)])
    })
}

/// The logarithm of [`softmax`].
///
/// # Shapes
/// any → the same
///
/// # Errors
/// A dimension that the input does not have.
pub fn log_softmax<I: Dim>(x: &Tensor, dim: I) -> Result<Tensor> {
    let dim = dim.to_index(x.shape(), "log_softmax")?;
    attach("log_softmax", &[x], log_of(&x.detach(), dim)?, move |context| {
        let total = context.grad.sum_keepdim(dim)?;
        Ok(vec![Some((context.grad - context.value.exp()?.broadcast_mul(&total)?)?)])
    })
}

/// The logarithm of the softmax, outside the graph.
pub(super) fn log_of(x: &Tensor, dim: usize) -> Result<Tensor> {
    let x = x.broadcast_sub(&x.max_keepdim(dim)?)?;
    let total = x.exp()?.sum_keepdim(dim)?.log()?;
    x.broadcast_sub(&total)
}

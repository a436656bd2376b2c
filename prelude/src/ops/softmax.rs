//! Softmax and its logarithm, stable for large numbers.

use super::cpu::{Float, on_cpu, parallel, read, shared};
use super::graph::{attach, attach_vec};
use super::soften::{soften, soften_back};
use candle_core::shape::Dim;
use candle_core::{D, Device, Result, Tensor};

/// Numbers along a dimension as probabilities.
///
/// # Shapes
/// any → the same
///
/// # Errors
/// A dimension that the input does not have.
pub fn softmax<I: Dim>(x: &Tensor, dim: I) -> Result<Tensor> {
    let dim = dim.to_index(x.shape(), "softmax")?;
    if dim + 1 == x.rank()
        && x.elem_count() > 0
        && let Some(result) = on_cpu!(x, rows(x))
    {
        return result;
    }
    let shifted = x.detach().broadcast_sub(&x.detach().max_keepdim(dim)?)?.exp()?;
    let value = shifted.broadcast_div(&shifted.sum_keepdim(dim)?)?;
    attach("softmax", &[x], value, move |context| {
        let (y, grad) = (context.value, context.grad);
        let total = (y * grad)?.sum_keepdim(dim)?;
        Ok(vec![Some((y * grad.broadcast_sub(&total)?)?)])
    })
}

/// [`softmax`] along the last dimension, on the CPU.
fn rows<T: Float>(x: &Tensor) -> Result<Tensor> {
    let wide = x.dim(D::Minus1)?;
    let by_rows = move |numbers: &mut [T], f: &(dyn Fn(usize, &mut [T]) + Sync)| {
        let (count, out) = (numbers.len() / wide, shared(numbers));
        parallel(count, (1 << 13) / wide + 1, |part| {
            // SAFETY: each row belongs to one thread.
            f(part.start * wide, unsafe { out.slice(part.start * wide, part.len() * wide) });
        });
    };
    let mut y = read::<T, _, 1>([x], |[x]| Ok(x.to_vec()))?;
    by_rows(&mut y, &|_, rows| soften(wide, T::ONE, rows));
    attach_vec("softmax", &[x], y, x.shape(), move |context| {
        let dx = read::<T, _, 2>([context.value, context.grad], |[y, dy]| {
            let mut dx = dy.to_vec();
            by_rows(&mut dx, &|at, rows| soften_back(wide, T::ONE, &y[at..at + rows.len()], rows));
            Ok(dx)
        })?;
        Ok(vec![Some(Tensor::from_vec(dx, context.value.shape(), &Device::Cpu)?)])
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

//! Sums and changes of shape as operations of ours, so that a whole network is one graph of them.

use super::activation::filled;
use super::cpu::{Float, fast, read};
use super::graph::{attach, attach_vec};
use candle_core::{Result, Tensor, bail};
use std::mem::MaybeUninit;

/// a + b, both of one shape: what joins the branches of a residual block.
///
/// # Shapes
/// `a`, `b` the same → the same
///
/// # Errors
/// Shapes that differ.
pub fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.dims() != b.dims() || a.dtype() != b.dtype() {
        bail!("add: expected two tensors alike, found {:?} and {:?}", a.dims(), b.dims());
    }
    let both = |context: &super::graph::Context| {
        Ok(context.needs.iter().map(|needed| needed.then(|| context.grad.clone())).collect())
    };
    fn kernel<T: Float>(a: &Tensor, b: &Tensor) -> Result<Vec<T>> {
        read::<T, _, 2>([a, b], |[a, b]| Ok(filled(a.len(), |part, out| plus(&a[part.clone()], &b[part], out))))
    }
    fn run<T: Float>(
        a: &Tensor,
        b: &Tensor,
        both: impl Fn(&super::graph::Context) -> Result<super::graph::Gradients> + Send + Sync + 'static,
    ) -> Result<Tensor> {
        attach_vec("add", &[a, b], kernel::<T>(a, b)?, a.shape(), both)
    }
    match (a.device().is_cpu(), a.dtype()) {
        (true, candle_core::DType::F32) => run::<f32>(a, b, both),
        (true, candle_core::DType::F64) => run::<f64>(a, b, both),
        _ => a + b,
    }
}

fast! {
    /// out = a + b
    pub(super) fn plus[_FUSED]<T>(a: &[T], b: &[T], out: &mut [MaybeUninit<T>]) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            out.write(*a + *b);
        }
    }
}

/// x · factor.
///
/// # Shapes
/// any → the same
///
/// # Errors
/// An integer input.
pub fn scale(x: &Tensor, factor: f64) -> Result<Tensor> {
    attach("scale", &[x], x.detach().affine(factor, 0.)?, move |context| {
        Ok(vec![Some(context.grad.affine(factor, 0.)?)])
    })
}

/// The dimensions from `start` on as one.
///
/// # Shapes
/// (a, b, …) → (a, b · …) with `start` 1
///
/// # Errors
/// A dimension that the input does not have.
pub fn flatten(x: &Tensor, start: usize) -> Result<Tensor> {
    attach("flatten", &[x], x.detach().flatten_from(start)?, |context| {
        Ok(vec![Some(context.grad.reshape(context.args[0].shape())?)])
    })
}

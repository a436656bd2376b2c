//! Sums and changes of shape as operations of ours, so that a whole network is one graph of them.

mod channel;

use super::activation::{filled, pointwise, relu};
use super::cpu::{Float, fast, on_cpu, read};
use super::graph::{attach, attach_lean, attach_vec, shell};
use candle_core::{DType, Device, Result, Shape, Tensor, bail};
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
        both: impl Fn(&super::graph::Context) -> Result<super::graph::ArgumentGradients> + Send + Sync + 'static,
    ) -> Result<Tensor> {
        attach_lean("add", &[&shell(a)?, &shell(b)?], kernel::<T>(a, b)?, a.shape(), both)
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

/// The same numbers in another type; the gradient comes back in the first one.
///
/// # Shapes
/// any → the same
///
/// # Errors
/// A type that the device does not know.
pub fn cast(x: &Tensor, dtype: DType) -> Result<Tensor> {
    let before = x.dtype();
    if before == dtype {
        return Ok(x.clone());
    }
    attach("cast", &[x], x.detach().to_dtype(dtype)?, move |context| Ok(vec![Some(context.grad.to_dtype(before)?)]))
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
    let dims = x.dims();
    if start >= dims.len() {
        bail!("flatten: an input {dims:?} has no dimension {start}");
    }
    reshape(x, [&dims[..start], &[dims[start..].iter().product()]].concat())
}

/// The same numbers in another shape.
///
/// # Shapes
/// any → `shape`, of as many numbers
///
/// # Errors
/// A shape of another number of numbers.
pub fn reshape(x: &Tensor, shape: impl Into<Shape>) -> Result<Tensor> {
    attach("reshape", &[x], x.detach().reshape(shape.into())?, |context| {
        Ok(vec![Some(context.grad.reshape(context.args[0].shape())?)])
    })
}

/// max(a + b, 0), the end of a residual block in one.
///
/// # Shapes
/// `a`, `b` the same → the same
///
/// # Errors
/// Shapes that differ.
pub fn add_relu(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    match on_cpu!(a, add_relu_kernel(a, b)) {
        Some(y) if a.dims() == b.dims() && a.dtype() == b.dtype() => y,
        _ => relu(&add(a, b)?),
    }
}

fn add_relu_kernel<T: Float>(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let y =
        read::<T, _, 2>([a, b], |[a, b]| Ok(filled(a.len(), |part, out| plus_relu(&a[part.clone()], &b[part], out))))?;
    attach_vec("add_relu", &[&shell(a)?, &shell(b)?], y, a.shape(), |context| {
        let grad = read::<T, _, 2>([context.value, context.grad], |[y, dy]| {
            Ok(filled(y.len(), |part, out| where_positive(&y[part.clone()], &dy[part], out)))
        })?;
        let grad = Tensor::from_vec(grad, context.value.shape(), &Device::Cpu)?;
        Ok(context.needs.iter().map(|needed| needed.then(|| grad.clone())).collect())
    })
}

fast! {
    fn plus_relu[_FUSED]<T>(a: &[T], b: &[T], out: &mut [MaybeUninit<T>]) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            out.write(pointwise::relu(*a + *b));
        }
    }
}

fast! {
    fn where_positive[_FUSED]<T>(y: &[T], dy: &[T], out: &mut [MaybeUninit<T>]) {
        for ((out, y), dy) in out.iter_mut().zip(y).zip(dy) {
            out.write(*dy * pointwise::relu_slope(*y));
        }
    }
}

/// Each channel times its own factor, picture by picture: what squeeze-and-excitation ends in.
///
/// # Shapes
/// `x` (n, c, h, w), `factor` (n, c, 1, 1) → (n, c, h, w)
///
/// # Errors
/// Factors of another shape.
pub fn gate(x: &Tensor, factor: &Tensor) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    if factor.dims() != [n, c, 1, 1] || factor.dtype() != x.dtype() {
        bail!("gate: expected factors of shape {:?}, found {:?}", [n, c, 1, 1], factor.dims());
    }
    if let Some(y) = on_cpu!(x, gate_kernel(h * w, x, factor)) {
        return y;
    }
    x.broadcast_mul(factor)
}

fn gate_kernel<T: Float>(plane: usize, x: &Tensor, factor: &Tensor) -> Result<Tensor> {
    let y = read::<T, _, 2>([x, factor], |[x, factor]| Ok(channel::scaled(plane, x, factor)))?;
    attach_vec("gate", &[x, factor], y, x.shape(), move |context| {
        let (x, factor) = (&context.args[0], &context.args[1]);
        read::<T, _, 3>([x, factor, context.grad], |[numbers, factors, dy]| {
            let tensor = |numbers, like: &Tensor| Tensor::from_vec(numbers, like.shape(), &Device::Cpu);
            let dx = if context.needs[0] { Some(tensor(channel::scaled(plane, dy, factors), x)?) } else { None };
            let along = channel::products(plane, numbers, dy);
            Ok(vec![dx, Some(tensor(along, factor)?)])
        })
    })
}

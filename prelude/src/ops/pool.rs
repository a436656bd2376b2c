//! Pooling: maximum, average and adaptive average over windows that may overlap and reach over the edge.

mod planes;

use super::cpu::{Float, on_cpu, read};
use super::graph::attach_vec;
use super::taps::{Window, pad};
use candle_core::{D, Device, Result, Tensor, bail};
use planes::{Planes, Spans};

/// The largest number of each window; padding never wins. Among equals the first one gets the gradient.
///
/// # Shapes
/// `x` (n, c, h, w) → (n, c, oh, ow)
///
/// # Errors
/// A window larger than the padded picture; padding of more than half the window.
pub fn max_pool2d(
    x: &Tensor,
    kernel: (usize, usize),
    stride: (usize, usize),
    padding: (usize, usize),
) -> Result<Tensor> {
    let (window, size) = geometry("max_pool2d", x, kernel, stride, padding)?;
    if let Some(result) = on_cpu!(x, largest(size, window, x)) {
        return result;
    }
    let taps = window.taps(&pad(x, padding, f64::NEG_INFINITY)?, (size.oh, size.ow))?;
    let best = taps.detach().argmax_keepdim(2)?;
    taps.gather(&best, 2)?.squeeze(2)
}

fn largest<T: Float>(size: Planes, window: Window, x: &Tensor) -> Result<Tensor> {
    let (y, places) = read::<T, _, 1>([x], |[x]| Ok(planes::max(size, &window, x)))?;
    attach_vec("max_pool2d", &[x], y, output(x, size), move |context| {
        let dx = read::<T, _, 1>([context.grad], |[dy]| Ok(planes::max_backward(size, &places, dy)))?;
        Ok(vec![Some(Tensor::from_vec(dx, context.args[0].shape(), &Device::Cpu)?)])
    })
}

/// The mean of each window.
///
/// With `count_include_pad` the zeros of the padding count in the mean, as PyTorch's default has it.
///
/// # Shapes
/// `x` (n, c, h, w) → (n, c, oh, ow)
///
/// # Errors
/// A window larger than the padded picture; padding of more than half the window.
pub fn avg_pool2d(
    x: &Tensor,
    kernel: (usize, usize),
    stride: (usize, usize),
    padding: (usize, usize),
    count_include_pad: bool,
) -> Result<Tensor> {
    let (window, size) = geometry("avg_pool2d", x, kernel, stride, padding)?;
    let rows = planes::spans(size.h, size.oh, kernel.0, stride.0, padding.0, count_include_pad);
    let columns = planes::spans(size.w, size.ow, kernel.1, stride.1, padding.1, count_include_pad);
    if let Some(result) = on_cpu!(x, average(size, rows, columns, x)) {
        return result;
    }
    let sums = window.taps(&pad(x, padding, 0.)?, (size.oh, size.ow))?.sum(2)?;
    if count_include_pad || padding == (0, 0) {
        return sums.affine(1. / (kernel.0 * kernel.1) as f64, 0.);
    }
    let ones = Tensor::ones((1, 1, size.h, size.w), x.dtype(), x.device())?;
    let counts = window.taps(&pad(&ones, padding, 0.)?, (size.oh, size.ow))?.sum(2)?;
    sums.broadcast_div(&counts)
}

fn average<T: Float>(size: Planes, rows: Spans, columns: Spans, x: &Tensor) -> Result<Tensor> {
    let y = read::<T, _, 1>([x], |[x]| Ok(planes::average(size, &rows, &columns, x)))?;
    attach_vec("average_pool2d", &[x], y, output(x, size), move |context| {
        let dx = read::<T, _, 1>([context.grad], |[dy]| Ok(planes::average_backward(size, &rows, &columns, dy)))?;
        Ok(vec![Some(Tensor::from_vec(dx, context.args[0].shape(), &Device::Cpu)?)])
    })
}

/// The mean over as many windows as wanted, of nearly equal size (PyTorch's `adaptive_avg_pool2d`).
///
/// # Shapes
/// `x` (n, c, h, w) → (n, c, oh, ow)
///
/// # Errors
/// An output side of zero.
pub fn adaptive_avg_pool2d(x: &Tensor, (oh, ow): (usize, usize)) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    if oh == 0 || ow == 0 {
        bail!("adaptive_avg_pool2d: expected an output of at least 1×1, found {oh}×{ow}");
    }
    let size = Planes { count: n * c, h, w, oh, ow };
    if let Some(result) = on_cpu!(x, average(size, planes::adaptive(h, oh), planes::adaptive(w, ow), x)) {
        return result;
    }
    if (oh, ow) == (1, 1) {
        return x.mean_keepdim(D::Minus1)?.mean_keepdim(D::Minus2);
    }
    let mut rows = Vec::with_capacity(oh);
    for (lines, _) in planes::adaptive(h, oh) {
        let strip = x.narrow(2, lines.start, lines.len())?.mean_keepdim(2)?;
        let mut cells = Vec::with_capacity(ow);
        for (span, _) in planes::adaptive(w, ow) {
            cells.push(strip.narrow(3, span.start, span.len())?.mean_keepdim(3)?);
        }
        rows.push(Tensor::cat(&cells, 3)?);
    }
    Tensor::cat(&rows, 2)
}

fn output(x: &Tensor, size: Planes) -> Vec<usize> {
    vec![x.dims()[0], x.dims()[1], size.oh, size.ow]
}

fn geometry(
    name: &str,
    x: &Tensor,
    kernel: (usize, usize),
    stride: (usize, usize),
    padding: (usize, usize),
) -> Result<(Window, Planes)> {
    let (n, c, h, w) = x.dims4()?;
    if padding.0 * 2 > kernel.0 || padding.1 * 2 > kernel.1 {
        bail!("{name}: padding {padding:?} is more than half of the window {kernel:?}");
    }
    let window = Window { kernel, stride, padding, extra: (0, 0), dilation: (1, 1) };
    let (oh, ow) = window.output(name, h, w)?;
    Ok((window, Planes { count: n * c, h, w, oh, ow }))
}

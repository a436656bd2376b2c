//! Tensors side by side and parts of them, pictures as fewer and deeper pixels, and values whose gradient somebody has worked out already.

use super::cpu::{Float, on_cpu, parallel, read, shared};
use super::graph::{ArgumentGradients, attach, attach_vec};
use candle_core::{Device, Result, Tensor, bail};

/// Tensors side by side along a dimension: what joins branches of a network. At the others they are alike.
///
/// # Shapes
/// (…, a, …), (…, b, …), … → (…, a + b + …, …)
///
/// # Errors
/// No tensor; shapes that differ elsewhere; types or devices that differ.
///
/// ```
/// use candlewick_prelude::candle_core::{DType, Device, Tensor};
/// use candlewick_prelude::ops;
/// let (a, b) = (Tensor::zeros((2, 3, 4, 4), DType::F32, &Device::Cpu)?, Tensor::zeros((2, 5, 4, 4), DType::F32, &Device::Cpu)?);
/// assert_eq!(ops::concat(&[&a, &b], 1)?.dims(), [2, 8, 4, 4]);
/// # Ok::<(), candlewick_prelude::candle_core::Error>(())
/// ```
pub fn concat(parts: &[&Tensor], dim: usize) -> Result<Tensor> {
    let Some(first) = parts.first() else { bail!("concat: expected one tensor or more") };
    if dim >= first.rank() {
        bail!("concat: tensors of shape {:?} have no dimension {dim}", first.dims());
    }
    for part in &parts[1..] {
        let alike = part.rank() == first.rank()
            && part.dims().iter().zip(first.dims()).enumerate().all(|(at, (a, b))| at == dim || a == b);
        if !alike || part.dtype() != first.dtype() || part.device().is_cpu() != first.device().is_cpu() {
            bail!(
                "concat: expected tensors that differ in dimension {dim} alone, found {:?} {:?} and {:?} {:?}",
                first.dims(),
                first.dtype(),
                part.dims(),
                part.dtype()
            );
        }
    }
    match parts {
        [one] => Ok((*one).clone()),
        // an operation has three arguments at most
        [head @ .., last] if parts.len() > 3 => concat(&[&concat(head, dim)?, last], dim),
        _ => match on_cpu!(first, side_by_side(parts, dim)) {
            Some(result) => result,
            None => {
                let value = Tensor::cat(&parts.iter().map(|part| part.detach()).collect::<Vec<_>>(), dim)?;
                attach("concat", parts, value, move |context| {
                    let mut from = 0;
                    let each = context.args.iter().zip(context.needs).map(|(arg, needed)| {
                        let size = arg.dims()[dim];
                        from += size;
                        needed.then(|| context.grad.narrow(dim, from - size, size)?.contiguous()).transpose()
                    });
                    each.collect()
                })
            }
        },
    }
}

fn side_by_side<T: Float>(parts: &[&Tensor], dim: usize) -> Result<Tensor> {
    let dims = parts[0].dims();
    let rows: usize = dims[..dim].iter().product();
    let inner: usize = dims[dim + 1..].iter().product();
    let widths: Vec<usize> = parts.iter().map(|part| part.dims()[dim] * inner).collect();
    let wide: usize = widths.iter().sum();
    let mut shape = dims.to_vec();
    shape[dim] = parts.iter().map(|part| part.dims()[dim]).sum();
    let mut y: Vec<T> = Vec::with_capacity(rows * wide);
    {
        let out = shared(&mut y.spare_capacity_mut()[..rows * wide]);
        let mut from = 0;
        for (part, width) in parts.iter().zip(&widths) {
            read::<T, _, 1>([part], |[x]| {
                parallel(rows, (1 << 14) / width.max(&1) + 1, |range| {
                    for row in range {
                        // SAFETY: each row's part belongs to one thread.
                        let to = unsafe { out.slice(row * wide + from, *width) };
                        for (to, x) in to.iter_mut().zip(&x[row * width..][..*width]) {
                            to.write(*x);
                        }
                    }
                });
                Ok(())
            })?;
            from += width;
        }
    }
    // SAFETY: the parts fill every row.
    unsafe { y.set_len(rows * wide) };
    attach_vec("concat", parts, y, shape, move |context| {
        let mut from = 0;
        let mut gradients: ArgumentGradients = Vec::new();
        for ((arg, needed), width) in context.args.iter().zip(context.needs).zip(&widths) {
            gradients.push(match needed {
                true => Some(taken::<T>(context.grad, arg, (rows, wide), (from, *width))?),
                false => None,
            });
            from += width;
        }
        Ok(gradients)
    })
}

/// Columns of rows, in the shape of another tensor.
fn taken<T: Float>(grad: &Tensor, like: &Tensor, rows: (usize, usize), part: (usize, usize)) -> Result<Tensor> {
    let taken = read::<T, _, 1>([grad], |[dy]| Ok(columns(dy, rows, part)))?;
    Tensor::from_vec(taken, like.shape(), &Device::Cpu)
}

/// A part of a tensor: of one dimension `count` places from `from` on, of the others all.
///
/// # Shapes
/// (…, a, …) → (…, `count`, …)
///
/// # Errors
/// A part that reaches beyond the end.
///
/// ```
/// use candlewick_prelude::candle_core::{Device, Tensor};
/// use candlewick_prelude::ops;
/// let x = Tensor::new(&[[1f32, 2., 3.], [4., 5., 6.]], &Device::Cpu)?;
/// assert_eq!(ops::narrow(&x, 1, 1, 2)?.to_vec2::<f32>()?, [[2., 3.], [5., 6.]]);
/// # Ok::<(), candlewick_prelude::candle_core::Error>(())
/// ```
pub fn narrow(x: &Tensor, dim: usize, from: usize, count: usize) -> Result<Tensor> {
    let value = x.detach().narrow(dim, from, count)?;
    if let Some(y) = on_cpu!(x, part(x, dim, (from, count), value.dims())) {
        return y;
    }
    let after = x.dims()[dim] - from - count;
    attach("narrow", &[x], value, move |context| Ok(vec![Some(context.grad.pad_with_zeros(dim, from, after)?)]))
}

fn part<T: Float>(x: &Tensor, dim: usize, (from, count): (usize, usize), dims: &[usize]) -> Result<Tensor> {
    let rows: usize = dims[..dim].iter().product();
    let inner: usize = dims[dim + 1..].iter().product();
    let (wide, from, width) = (x.dims()[dim] * inner, from * inner, count * inner);
    let y = read::<T, _, 1>([x], |[x]| Ok(columns(x, (rows, wide), (from, width))))?;
    attach_vec("narrow", &[x], y, dims, move |context| {
        let mut dx = vec![T::ZERO; rows * wide];
        read::<T, _, 1>([context.grad], |[dy]| {
            for row in 0..rows {
                dx[row * wide + from..][..width].copy_from_slice(&dy[row * width..][..width]);
            }
            Ok(())
        })?;
        Ok(vec![Some(Tensor::from_vec(dx, context.args[0].shape(), &Device::Cpu)?)])
    })
}

/// The columns `from..from + width` of rows.
fn columns<T: Float>(x: &[T], (rows, wide): (usize, usize), (from, width): (usize, usize)) -> Vec<T> {
    let mut taken = Vec::with_capacity(rows * width);
    (0..rows).for_each(|row| taken.extend_from_slice(&x[row * wide + from..][..width]));
    taken
}

/// A picture of half the sides and four times the channels: of each square of four pixels, all upper left ones, then the lower left,
/// the upper right and the lower right ones. YOLOX's `Focus`; with `reversed`, channels go in from the last to the first.
///
/// # Shapes
/// `x` (n, c, h, w) → (n, 4c, h / 2, w / 2)
///
/// # Errors
/// Sides that are odd.
pub fn focus(x: &Tensor, reversed: bool) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    if !h.is_multiple_of(2) || !w.is_multiple_of(2) || h * w == 0 {
        bail!("focus: expected sides that are even, found {h}×{w}");
    }
    if let Some(y) = on_cpu!(x, focus_kernel((n, c, h, w), reversed, x)) {
        return y;
    }
    let channels: Vec<u32> = if reversed { (0..c as u32).rev().collect() } else { (0..c as u32).collect() };
    let channels = Tensor::new(channels, x.device())?;
    // (n, c, h/2, down, w/2, right) → (n, right, down, c, h/2, w/2)
    let value = x.detach().contiguous()?.index_select(&channels, 1)?;
    let value = value.reshape(&[n, c, h / 2, 2, w / 2, 2][..])?.permute(&[0, 5, 3, 1, 2, 4][..])?;
    let value = value.contiguous()?.reshape((n, 4 * c, h / 2, w / 2))?;
    attach("focus", &[x], value, move |context| {
        let grad = context.grad.reshape(&[n, 2, 2, c, h / 2, w / 2][..])?.permute(&[0, 3, 4, 2, 5, 1][..])?;
        let grad = grad.contiguous()?.reshape((n, c, h, w))?;
        Ok(vec![Some(grad.index_select(&channels, 1)?)])
    })
}

fn focus_kernel<T: Float>(size: (usize, usize, usize, usize), reversed: bool, x: &Tensor) -> Result<Tensor> {
    let (n, c, h, w) = size;
    let y = read::<T, _, 1>([x], |[x]| {
        let mut y = vec![T::ZERO; x.len()];
        each_row(size, reversed, |whole, part| {
            for (at, pair) in x[whole..whole + w].chunks_exact(2).enumerate() {
                (y[part.0 + at], y[part.1 + at]) = (pair[0], pair[1]);
            }
        });
        Ok(y)
    })?;
    attach_vec("focus", &[x], y, (n, 4 * c, h / 2, w / 2), move |context| {
        let dx = read::<T, _, 1>([context.grad], |[dy]| {
            let mut dx = vec![T::ZERO; dy.len()];
            each_row(size, reversed, |whole, part| {
                for (at, pair) in dx[whole..whole + w].chunks_exact_mut(2).enumerate() {
                    (pair[0], pair[1]) = (dy[part.0 + at], dy[part.1 + at]);
                }
            });
            Ok(dx)
        })?;
        Ok(vec![Some(Tensor::from_vec(dx, context.args[0].shape(), &Device::Cpu)?)])
    })
}

/// Of each row of a picture, where it begins, and where its pixels at even and at odd places go.
fn each_row((n, c, h, w): (usize, usize, usize, usize), reversed: bool, mut see: impl FnMut(usize, (usize, usize))) {
    for picture in 0..n {
        for channel in 0..c {
            let to = if reversed { c - 1 - channel } else { channel };
            for row in 0..h {
                let part = |right: usize| {
                    let plane = picture * 4 * c + (2 * right + row % 2) * c + to;
                    (plane * (h / 2) + row / 2) * (w / 2)
                };
                see(((picture * c + channel) * h + row) * w, (part(0), part(1)));
            }
        }
    }
}

/// A number with the gradient that it has with respect to `x`, where both were worked out together, as of a loss whose parts choose
/// each other.
///
/// # Shapes
/// `gradient` as `x` → scalar
///
/// # Errors
/// A gradient of another shape.
///
/// ```
/// use candlewick_prelude::candle_core::{Device, Tensor, Var};
/// use candlewick_prelude::ops;
/// let x = Var::new(&[3f32, 4.], &Device::Cpu)?;
/// let square = ops::with_gradient(&x, 25., &Tensor::new(&[6f32, 8.], &Device::Cpu)?)?;
/// assert_eq!(ops::backward(&square)?.get(&x).unwrap().to_vec1::<f32>()?, [6., 8.]);
/// # Ok::<(), candlewick_prelude::candle_core::Error>(())
/// ```
pub fn with_gradient(x: &Tensor, value: f64, gradient: &Tensor) -> Result<Tensor> {
    if gradient.dims() != x.dims() {
        bail!("with_gradient: expected a gradient of shape {:?}, found {:?}", x.dims(), gradient.dims());
    }
    let gradient = gradient.detach().to_device(x.device())?.to_dtype(x.dtype())?;
    let value = Tensor::new(value, &Device::Cpu)?.to_dtype(x.dtype())?.to_device(x.device())?;
    attach("with_gradient", &[x], value, move |context| Ok(vec![Some(gradient.broadcast_mul(context.grad)?)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::backward;
    use candle_core::Var;

    fn numbers(dims: &[usize], from: f64) -> Result<Var> {
        let count: usize = dims.iter().product();
        Var::from_tensor(&Tensor::arange(from, from + count as f64, &Device::Cpu)?.reshape(dims)?)
    }

    #[test]
    fn concat_as_candle_and_each_part_gets_its_gradient() -> Result<()> {
        for dim in 0..3 {
            let mut parts = Vec::new();
            for (at, size) in [2, 1, 3, 2, 5].into_iter().enumerate() {
                let mut dims = [2, 3, 4];
                dims[dim] = size;
                parts.push(numbers(&dims, at as f64 * 100.0)?);
            }
            let tensors: Vec<&Tensor> = parts.iter().map(|part| part.as_tensor()).collect();
            let joined = concat(&tensors, dim)?;
            assert_eq!(
                joined.flatten_all()?.to_vec1::<f64>()?,
                Tensor::cat(&tensors, dim)?.flatten_all()?.to_vec1::<f64>()?
            );
            let weights = (joined.detach() * 0.5)?;
            let grads = backward(&(&joined * &weights)?.sum_all()?)?;
            for part in &parts {
                let grad = grads.get(part).expect("each has one");
                assert_eq!(grad.dims(), part.dims());
                let (grad, part) = (grad.flatten_all()?.to_vec1::<f64>()?, part.flatten_all()?.to_vec1::<f64>()?);
                assert!(grad.iter().zip(&part).all(|(grad, x)| *grad == x * 0.5), "{grad:?}");
            }
        }
        let (a, b) = (numbers(&[2, 3], 0.)?, numbers(&[3, 3], 0.)?);
        assert!(concat(&[&a, &b], 1).is_err() && concat(&[], 0).is_err() && concat(&[&a, &b], 2).is_err());
        Ok(())
    }

    #[test]
    fn a_part_as_candle_and_its_gradient_stands_at_its_place() -> Result<()> {
        let x = numbers(&[3, 4, 5], 1.)?;
        for (dim, from, count) in [(0, 1, 2), (1, 0, 2), (1, 2, 2), (2, 1, 3)] {
            let part = narrow(&x, dim, from, count)?;
            let expected = x.as_tensor().narrow(dim, from, count)?.flatten_all()?.to_vec1::<f64>()?;
            assert_eq!(part.flatten_all()?.to_vec1::<f64>()?, expected);
            let grads = backward(&(&part * part.detach())?.sum_all()?)?;
            let grad = grads.get(&x).expect("it has one");
            assert_eq!(grad.narrow(dim, from, count)?.flatten_all()?.to_vec1::<f64>()?, expected);
            let sum = grad.sum_all()?.to_scalar::<f64>()?;
            assert_eq!(sum, expected.iter().sum::<f64>());
        }
        assert!(narrow(&x, 1, 3, 2).is_err() && narrow(&x, 3, 0, 1).is_err());
        Ok(())
    }

    // torch.cat((x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]), 1)
    #[test]
    fn focus_takes_every_other_pixel() -> Result<()> {
        let x = numbers(&[1, 2, 2, 4], 0.)?;
        let y = focus(&x, false)?;
        assert_eq!(y.dims(), [1, 8, 1, 2]);
        let y = y.flatten_all()?.to_vec1::<f64>()?;
        assert_eq!(y, [0., 2., 8., 10., 4., 6., 12., 14., 1., 3., 9., 11., 5., 7., 13., 15.]);
        let turned = focus(&x, true)?;
        assert_eq!(turned.flatten_all()?.to_vec1::<f64>()?[..4], [8., 10., 0., 2.]);
        let weights = numbers(turned.dims(), 1.)?;
        let grads = backward(&(&turned * weights.as_tensor())?.sum_all()?)?;
        let grad = grads.get(&x).expect("it has one").flatten_all()?.to_vec1::<f64>()?;
        // the weight of where each number went
        let went = turned.flatten_all()?.to_vec1::<f64>()?;
        for (place, number) in went.iter().enumerate() {
            assert_eq!(grad[*number as usize], place as f64 + 1.);
        }
        assert!(focus(numbers(&[1, 1, 3, 2], 0.)?.as_tensor(), false).is_err());
        Ok(())
    }
}

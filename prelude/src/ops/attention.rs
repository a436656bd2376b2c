//! Attention of tokens to one another, and what turns a picture into tokens.

use super::cpu::{Float, on_cpu, parallel, read, scratch, shared, threads};
use super::graph::{attach, attach_lean};
use super::product::{Fixed, Matrix, by_rows, multiply};
use super::soften::{soften, soften_back};
use super::softmax::softmax;
use candle_core::{D, Device, Result, Tensor, bail};

/// Scaled dot-product attention of several heads: softmax(q kᵀ / √d) v, each head seeing its own d of the c numbers.
///
/// Queries, keys and values come as one tensor, as timm's `qkv` layer gives them. Vaswani et al. 2017.
///
/// # Shapes
/// `qkv` (n, t, 3 · c) → (n, t, c)
///
/// # Errors
/// A last dimension that does not fall into queries, keys and values of so many heads.
pub fn attention(qkv: &Tensor, heads: usize) -> Result<Tensor> {
    let (n, t, wide) = qkv.dims3()?;
    if heads == 0 || !wide.is_multiple_of(3 * heads) {
        bail!("attention: {wide} numbers do not fall into queries, keys and values of {heads} heads");
    }
    let size = AttentionSize { n, t, heads, depth: wide / (3 * heads) };
    if let Some(y) = on_cpu!(qkv, kernel(size, qkv)) {
        return y;
    }
    let parts = qkv.reshape((n, t, 3, heads, size.depth))?.permute((2, 0, 3, 1, 4))?.contiguous()?;
    let [q, k, v] = [parts.get(0)?, parts.get(1)?, parts.get(2)?];
    let scores = (q.matmul(&k.transpose(2, 3)?.contiguous()?)? * size.scale())?;
    let mixed = softmax(&scores, D::Minus1)?.matmul(&v)?;
    mixed.transpose(1, 2)?.reshape((n, t, size.width()))
}

#[derive(Clone, Copy)]
struct AttentionSize {
    n: usize,
    t: usize,
    heads: usize,
    /// Numbers a head.
    depth: usize,
}

impl AttentionSize {
    fn width(&self) -> usize {
        self.heads * self.depth
    }

    fn scale(&self) -> f64 {
        1. / (self.depth as f64).sqrt()
    }

    /// A head's queries (0), keys (1) or values (2) within `qkv`.
    fn part(&self, pair: usize, which: usize) -> usize {
        let (n, head) = (pair / self.heads, pair % self.heads);
        n * self.t * 3 * self.width() + which * self.width() + head * self.depth
    }

    /// A head's numbers within the value.
    fn out(&self, pair: usize) -> usize {
        let (n, head) = (pair / self.heads, pair % self.heads);
        n * self.t * self.width() + head * self.depth
    }
}

fn turned<P>(matrix: Matrix<P>) -> Matrix<P> {
    Matrix { start: matrix.start, rows: matrix.columns, columns: matrix.rows }
}

/// The shares that a pair's tokens have in one another, written to `shares`.
///
/// # Safety
/// The pair's parts lie in `qkv`.
unsafe fn shares_of<T: Float>(size: AttentionSize, qkv: &[T], pair: usize, shares: &mut [T]) {
    let AttentionSize { t, depth, .. } = size;
    let part = |which| by_rows(qkv[size.part(pair, which)..].as_ptr(), 3 * size.width());
    // SAFETY: the caller's.
    unsafe {
        multiply((t, depth, t), Fixed::Both, part(0), turned(part(1)), by_rows(shares.as_mut_ptr(), t), false, 1)
    };
    soften(t, T::of(size.scale()), shares);
}

fn kernel<T: Float>(size: AttentionSize, qkv: &Tensor) -> Result<Tensor> {
    let AttentionSize { n, t, depth, .. } = size;
    let (wide, width, pairs) = (3 * size.width(), size.width(), n * size.heads);
    let mut y = vec![T::ZERO; n * t * width];
    read::<T, _, 1>([qkv], |[qkv]| {
        let y_out = shared(&mut y);
        parallel(pairs, pairs.div_ceil(threads()), |pairs| {
            scratch::<T, _>(0, t * t, |shares| {
                for pair in pairs {
                    // SAFETY: each pair of picture and head has its own columns of y; the parts lie in qkv.
                    unsafe {
                        shares_of(size, qkv, pair, shares);
                        let values = by_rows(qkv[size.part(pair, 2)..].as_ptr(), wide);
                        let out = by_rows(y_out.at(size.out(pair)), width);
                        multiply((t, t, depth), Fixed::Both, by_rows(shares.as_ptr(), t), values, out, false, 1);
                    }
                }
            });
        });
        Ok(())
    })?;
    attach_lean("attention", &[qkv], y, (n, t, width), move |context| {
        let qkv = &context.args[0];
        let grad = read::<T, _, 2>([qkv, context.grad], |[qkv, dy]| Ok(backward(size, qkv, dy)))?;
        Ok(vec![Some(Tensor::from_vec(grad, qkv.shape(), &Device::Cpu)?)])
    })
}

/// The shares are worked out again: kept, they are a third of what a small transformer holds on to, and they cost a sixth of these products.
fn backward<T: Float>(size: AttentionSize, qkv: &[T], dy: &[T]) -> Vec<T> {
    let AttentionSize { n, t, depth, .. } = size;
    let (wide, width, pairs) = (3 * size.width(), size.width(), n * size.heads);
    let mut grad = vec![T::ZERO; qkv.len()];
    let out = shared(&mut grad);
    parallel(pairs, pairs.div_ceil(threads()), |pairs| {
        scratch::<T, _>(0, 2 * t * t, |both| {
            let (shares, scores) = both.split_at_mut(t * t);
            for pair in pairs {
                let part = |which| by_rows(qkv[size.part(pair, which)..].as_ptr(), wide);
                let dy = by_rows(dy[size.out(pair)..].as_ptr(), width);
                // SAFETY: each pair of picture and head has its own columns of the gradient; the parts lie in qkv.
                unsafe {
                    shares_of(size, qkv, pair, shares);
                    let to = |which| by_rows(out.at(size.part(pair, which)), wide);
                    // dv = sharesᵀ dy, dshares = dy vᵀ
                    multiply((t, t, depth), Fixed::Both, turned(by_rows(shares.as_ptr(), t)), dy, to(2), false, 1);
                    multiply(
                        (t, depth, t),
                        Fixed::Both,
                        dy,
                        turned(part(2)),
                        by_rows(scores.as_mut_ptr(), t),
                        false,
                        1,
                    );
                    soften_back(t, T::of(size.scale()), shares, scores);
                    // dq = dscores k, dk = dscoresᵀ q
                    let scores = by_rows(scores.as_ptr(), t);
                    multiply((t, t, depth), Fixed::Both, scores, part(1), to(0), false, 1);
                    multiply((t, t, depth), Fixed::Both, turned(scores), part(0), to(1), false, 1);
                }
            }
        });
    });
    grad
}

/// A map of features as tokens: a class token first, then a token a pixel, each with its place added.
///
/// # Shapes
/// `x` (n, c, h, w), `class` (1, 1, c), `places` (1, 1 + h · w, c) → (n, 1 + h · w, c)
///
/// # Errors
/// Tokens or places that do not fit the map.
pub fn tokens(x: &Tensor, class: &Tensor, places: &Tensor) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    let t = h * w;
    if class.dims() != [1, 1, c] || places.dims() != [1, t + 1, c] {
        let found = (class.dims(), places.dims());
        bail!("tokens: a map {:?} wants a class token of {c} and {} places, found {found:?}", x.dims(), t + 1);
    }
    let pixels = x.detach().flatten_from(2)?.transpose(1, 2)?;
    let value = Tensor::cat(&[class.detach().broadcast_as((n, 1, c))?, pixels], 1)?.broadcast_add(&places.detach())?;
    attach("tokens", &[x, class, places], value, move |context| {
        let grad = context.grad;
        let dx = grad.narrow(1, 1, t)?.transpose(1, 2)?.reshape((n, c, h, w))?;
        let class = grad.narrow(1, 0, 1)?.sum_keepdim(0)?;
        Ok(vec![Some(dx), Some(class), Some(grad.sum_keepdim(0)?)])
    })
}

/// One token of each picture.
///
/// # Shapes
/// `x` (n, t, c) → (n, c)
///
/// # Errors
/// A token that there is not.
pub fn token(x: &Tensor, index: usize) -> Result<Tensor> {
    attach("token", &[x], x.detach().narrow(1, index, 1)?.squeeze(1)?, move |context| {
        let grad = context.grad.unsqueeze(1)?;
        let after = context.args[0].dim(1)? - index - 1;
        Ok(vec![Some(grad.pad_with_zeros(1, index, after)?)])
    })
}

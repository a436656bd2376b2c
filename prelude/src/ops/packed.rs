//! Texts of different lengths without padding: the tokens of a batch one after another, a row each.

use super::activation::filled;
use super::cpu::{Float, Shared, by_rows, multiply, on_cpu, parallel, read, scratch, transposed};
use super::graph::{attach_lean, attach_lean_tensor};
use super::noise::dropout;
use super::soften::{soften, soften_back};
use super::softmax::softmax;
use super::thin::{Thinning, thin};
use candle_core::{D, DType, Device, Result, Tensor, bail};

/// Scaled dot-product attention of several heads, each example's tokens seeing that example's alone: softmax(q kᵀ / √d) v.
///
/// `dropout` is the share of the softmax's numbers that are left out, from 0 to below 1, the others being scaled up, and the
/// seed of which; the same seed leaves out the same ones. Vaswani et al. 2017; as `torch.nn.functional.scaled_dot_product_attention`.
///
/// # Shapes
/// `q`, `k`, `v` (tokens, c), `lengths` (n) of u32, whose sum is the tokens → (tokens, c)
///
/// # Errors
/// Lengths that are not the rows', heads that do not divide c, a share of dropout outside 0 ≤ p < 1.
///
/// ```
/// use candlewick_prelude::candle_core::{Device, Tensor};
/// use candlewick_prelude::ops;
/// // two examples, of one token and of two
/// let x = Tensor::new(&[[1f32, 2.], [3., 4.], [3., 4.]], &Device::Cpu)?;
/// let lengths = Tensor::new(&[1u32, 2], &Device::Cpu)?;
/// let y = ops::attention_packed(&x, &x, &x, &lengths, 1, (0., 0))?;
/// assert_eq!(y.to_vec2::<f32>()?, [[1., 2.], [3., 4.], [3., 4.]]);
/// # Ok::<(), candlewick_prelude::candle_core::Error>(())
/// ```
pub fn attention_packed(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    lengths: &Tensor,
    heads: usize,
    dropout: (f64, u64),
) -> Result<Tensor> {
    let (rows, width) = q.dims2()?;
    for other in [k, v] {
        if other.dims() != q.dims() || other.dtype() != q.dtype() {
            bail!(
                "attention_packed: expected keys and values like the queries, {:?}, found {:?}",
                q.dims(),
                other.dims()
            );
        }
    }
    if heads == 0 || !width.is_multiple_of(heads) {
        bail!("attention_packed: {heads} heads do not divide {width} numbers");
    }
    if !(0. ..1.).contains(&dropout.0) {
        bail!("attention_packed: expected a share of at least 0 and below 1, found {}", dropout.0);
    }
    let runs = Runs::of(lengths, rows)?;
    let size = PackedSize { heads, depth: width / heads, dropout };
    match on_cpu!(q, attend([q, k, v], runs.clone(), size)) {
        Some(y) => y,
        None => padded([q, k, v], &runs, size),
    }
}

/// The mean of each example's rows.
///
/// # Shapes
/// `x` (tokens, c), `lengths` (n) of u32, whose sum is the tokens → (n, c)
///
/// # Errors
/// Lengths that are not the rows'.
pub fn mean_packed(x: &Tensor, lengths: &Tensor) -> Result<Tensor> {
    let (rows, width) = x.dims2()?;
    let runs = Runs::of(lengths, rows)?;
    match on_cpu!(x, means(x, runs.clone(), width)) {
        Some(y) => y,
        None => {
            let index = Tensor::new(runs.owners(), x.device())?;
            let counts: Vec<f64> = runs.0.iter().map(|(_, count)| 1. / (*count).max(1) as f64).collect();
            let shares = Tensor::new(counts, x.device())?.to_dtype(x.dtype())?.unsqueeze(1)?;
            let sums =
                Tensor::zeros((runs.0.len(), width), x.dtype(), x.device())?.index_add(&index, &x.detach(), 0)?;
            attach_lean_tensor("mean_packed", &[x], sums.broadcast_mul(&shares)?, move |context| {
                Ok(vec![Some(context.grad.broadcast_mul(&shares)?.index_select(&index, 0)?)])
            })
        }
    }
}

/// Where each example's rows begin, and how many they are.
#[derive(Clone)]
struct Runs(Vec<(usize, usize)>);

impl Runs {
    fn of(lengths: &Tensor, rows: usize) -> Result<Runs> {
        let mut start = 0;
        let mut runs = Vec::with_capacity(lengths.elem_count());
        for length in lengths.to_dtype(DType::U32)?.to_vec1::<u32>()? {
            runs.push((start, length as usize));
            start += length as usize;
        }
        if start != rows {
            bail!("the lengths of {} examples come to {start} rows, found {rows}", runs.len());
        }
        Ok(Runs(runs))
    }

    fn longest(&self) -> usize {
        self.0.iter().map(|(_, count)| *count).max().unwrap_or(0)
    }

    /// Of each row, whose it is.
    fn owners(&self) -> Vec<u32> {
        let owned = |(example, (_, count)): (usize, &(usize, usize))| std::iter::repeat_n(example as u32, *count);
        self.0.iter().enumerate().flat_map(owned).collect()
    }
}

#[derive(Clone, Copy)]
struct PackedSize {
    heads: usize,
    /// Numbers a head.
    depth: usize,
    dropout: (f64, u64),
}

impl PackedSize {
    fn width(&self) -> usize {
        self.heads * self.depth
    }

    fn scale(&self) -> f64 {
        1. / (self.depth as f64).sqrt()
    }

    /// Which numbers of a pair of example and head are left out, where any are.
    fn thinning(&self, pair: usize) -> Option<Thinning> {
        let (share, seed) = self.dropout;
        (share > 0.).then(|| Thinning::new(share, seed, pair))
    }
}

/// Calls a function for each pair of example and head, in parallel: the pair, its first row, its tokens, its first column.
fn by_pairs(runs: &Runs, size: PackedSize, f: impl Fn(usize, usize, usize, usize) + Sync) {
    let pairs = runs.0.len() * size.heads;
    parallel(pairs, 1, |part| {
        for pair in part {
            let (start, count) = runs.0[pair / size.heads];
            if count > 0 {
                f(pair, start, count, pair % size.heads * size.depth);
            }
        }
    });
}

fn attend<T: Float>([q, k, v]: [&Tensor; 3], runs: Runs, size: PackedSize) -> Result<Tensor> {
    let (width, depth, longest) = (size.width(), size.depth, runs.longest());
    let count = q.elem_count();
    let mut y: Vec<T> = Vec::with_capacity(count);
    read::<T, _, 3>([q, k, v], |[q, k, v]| {
        let out = Shared::of(&mut y);
        by_pairs(&runs, size, |pair, start, t, column| {
            let at = start * width + column;
            scratch::<T, _>(0, 2 * longest * longest, |both| {
                let (shares, thinned) = both.split_at_mut(longest * longest);
                let (shares, thinned) = (&mut shares[..t * t], &mut thinned[..t * t]);
                // SAFETY: each pair has its own rows and columns of y; the parts lie in q, k and v.
                unsafe {
                    shares_of(size, &q[at..], &k[at..], shares);
                    let mixed = kept(size, pair, shares, thinned);
                    let values = by_rows(v[at..].as_ptr(), width);
                    multiply((t, t, depth), by_rows(mixed.as_ptr(), t), values, by_rows(out.at(at), width), false, 1);
                }
            });
        });
        Ok(())
    })?;
    // SAFETY: the rows of all examples are all rows, and the columns of all heads are all columns.
    unsafe { y.set_len(count) };
    attach_lean("attention_packed", &[q, k, v], y, q.shape(), move |context| {
        let [q, k, v] = [0, 1, 2].map(|which| &context.args[which]);
        let gradients =
            read::<T, _, 4>([q, k, v, context.grad], |[q, k, v, dy]| Ok(attend_back(&runs, size, [q, k, v], dy)))?;
        gradients.map(|grad| Tensor::from_vec(grad, q.shape(), &Device::Cpu).map(Some)).into_iter().collect()
    })
}

/// The shares that a pair's tokens have in one another, before any is left out.
///
/// # Safety
/// The pair's parts begin where the slices do, and lie in them.
unsafe fn shares_of<T: Float>(size: PackedSize, q: &[T], k: &[T], shares: &mut [T]) {
    let (width, t) = (size.width(), shares.len().isqrt());
    let (q, k) = (by_rows(q.as_ptr(), width), transposed(k.as_ptr(), width));
    // SAFETY: the caller's.
    unsafe { multiply((t, size.depth, t), q, k, by_rows(shares.as_mut_ptr(), t), false, 1) };
    soften(t, T::of(size.scale()), shares);
}

/// The shares that are left, in the memory that is lent where some are left out.
fn kept<'a, T: Float>(size: PackedSize, pair: usize, shares: &'a [T], thinned: &'a mut [T]) -> &'a [T] {
    match size.thinning(pair) {
        Some(thinning) => {
            thin(thinning, 0, shares, thinned);
            thinned
        }
        None => shares,
    }
}

/// The gradients of queries, keys and values; the shares are worked out again.
fn attend_back<T: Float>(runs: &Runs, size: PackedSize, [q, k, v]: [&[T]; 3], dy: &[T]) -> [Vec<T>; 3] {
    let (width, depth, longest) = (size.width(), size.depth, runs.longest());
    let mut grads = [(); 3].map(|()| Vec::<T>::with_capacity(q.len()));
    let outs = grads.each_mut().map(Shared::of);
    by_pairs(runs, size, |pair, start, t, column| {
        let at = start * width + column;
        scratch::<T, _>(0, 3 * longest * longest, |all| {
            let (shares, rest) = all.split_at_mut(longest * longest);
            let (thinned, scores) = rest.split_at_mut(longest * longest);
            let (shares, thinned, scores) = (&mut shares[..t * t], &mut thinned[..t * t], &mut scores[..t * t]);
            let dy = by_rows(dy[at..].as_ptr(), width);
            // SAFETY: each pair has its own rows and columns of the gradients; the parts lie in the slices.
            unsafe {
                let to = |which: usize| by_rows(outs[which].at(at), width);
                shares_of(size, &q[at..], &k[at..], shares);
                // dv = keptᵀ dy, dkept = dy vᵀ
                let mixed = kept(size, pair, shares, thinned);
                multiply((t, t, depth), transposed(mixed.as_ptr(), t), dy, to(2), false, 1);
                let values = transposed(v[at..].as_ptr(), width);
                multiply((t, depth, t), dy, values, by_rows(scores.as_mut_ptr(), t), false, 1);
                let grad: &mut [T] = match size.thinning(pair) {
                    Some(thinning) => {
                        thin(thinning, 0, scores, thinned);
                        thinned
                    }
                    None => scores,
                };
                soften_back(t, T::of(size.scale()), shares, grad);
                // dq = dscores k, dk = dscoresᵀ q
                let (keys, queries) = (by_rows(k[at..].as_ptr(), width), by_rows(q[at..].as_ptr(), width));
                multiply((t, t, depth), by_rows(grad.as_ptr(), t), keys, to(0), false, 1);
                multiply((t, t, depth), transposed(grad.as_ptr(), t), queries, to(1), false, 1);
            }
        });
    });
    // SAFETY: the rows of all examples are all rows, and the columns of all heads are all columns.
    grads.iter_mut().for_each(|grad| unsafe { grad.set_len(q.len()) });
    grads
}

/// The same composed of candle's operations on padded tensors, elsewhere than on the CPU.
fn padded([q, k, v]: [&Tensor; 3], runs: &Runs, size: PackedSize) -> Result<Tensor> {
    let (n, t, device) = (runs.0.len(), runs.longest(), q.device());
    let (mut from, mut back, mut hidden) = (Vec::new(), Vec::new(), Vec::new());
    for (example, (start, count)) in runs.0.iter().enumerate() {
        from.extend((0..t).map(|at| if at < *count { (start + at) as u32 } else { 0 }));
        hidden.extend((0..t).map(|at| if at < *count { 0f32 } else { f32::NEG_INFINITY }));
        back.extend((0..*count).map(|at| (example * t + at) as u32));
    }
    let (from, back) = (Tensor::new(from, device)?, Tensor::new(back, device)?);
    let hidden = Tensor::from_vec(hidden, (n, 1, 1, t), device)?.to_dtype(q.dtype())?;
    let by_head = |x: &Tensor| {
        let rows = x.index_select(&from, 0)?.reshape((n, t, size.heads, size.depth))?;
        rows.transpose(1, 2)?.contiguous()
    };
    let (q, k, v) = (by_head(q)?, by_head(k)?, by_head(v)?);
    let scores = (q.matmul(&k.transpose(2, 3)?.contiguous()?)? * size.scale())?.broadcast_add(&hidden)?;
    let shares = dropout(&softmax(&scores, D::Minus1)?, size.dropout.0, true, size.dropout.1)?;
    let mixed = shares.matmul(&v)?.transpose(1, 2)?.reshape((n * t, size.width()))?;
    mixed.index_select(&back, 0)
}

fn means<T: Float>(x: &Tensor, runs: Runs, width: usize) -> Result<Tensor> {
    let mut y = vec![T::ZERO; runs.0.len() * width];
    read::<T, _, 1>([x], |[x]| {
        for (y, (start, count)) in y.chunks_exact_mut(width.max(1)).zip(&runs.0) {
            for row in x[start * width..][..count * width].chunks_exact(width.max(1)) {
                y.iter_mut().zip(row).for_each(|(y, x)| *y += *x);
            }
            let share = T::of(1. / (*count).max(1) as f64);
            y.iter_mut().for_each(|y| *y *= share);
        }
        Ok(())
    })?;
    let shape = (runs.0.len(), width);
    let owners = runs.owners();
    attach_lean("mean_packed", &[x], y, shape, move |context| {
        let grad = read::<T, _, 1>([context.grad], |[dy]| {
            let shares: Vec<T> = runs.0.iter().map(|(_, count)| T::of(1. / (*count).max(1) as f64)).collect();
            Ok(filled(owners.len() * width, |part, out| {
                for (at, out) in part.zip(out) {
                    let example = owners[at / width] as usize;
                    out.write(dy[example * width + at % width] * shares[example]);
                }
            }))
        })?;
        Ok(vec![Some(Tensor::from_vec(grad, context.args[0].shape(), &Device::Cpu)?)])
    })
}

//! Texts of different lengths without padding: the tokens of a batch one after another, a row each.

use super::activation::filled;
use super::cpu::{Float, Shared, on_cpu, parallel, read, scratch};
use super::graph::{attach_lean, attach_lean_tensor};
use super::noise::dropout;
use super::product::{Fixed, by_rows, multiply, transposed};
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
    let runs = Runs::of(lengths, q.dims2()?.0)?;
    attention_of("attention_packed", [q, k, v], (runs.clone(), runs), heads, dropout)
}

/// As [`attention_packed`], of each example's first token alone: what an encoder's last layer has to work out where nobody asks for the other tokens.
///
/// # Shapes
/// `q` (n, c), `k`, `v` (tokens, c), `lengths` (n) of u32, each 1 or more, whose sum is the tokens → (n, c)
///
/// # Errors
/// As [`attention_packed`], and where an example has no token.
///
/// ```
/// use candlewick_prelude::candle_core::{Device, Tensor};
/// use candlewick_prelude::ops;
/// let x = Tensor::new(&[[1f32, 2.], [3., 4.], [3., 4.]], &Device::Cpu)?;
/// let lengths = Tensor::new(&[1u32, 2], &Device::Cpu)?;
/// let first = x.index_select(&Tensor::new(&[0u32, 1], &Device::Cpu)?, 0)?;
/// let y = ops::attention_first(&first, &x, &x, &lengths, 1, (0., 0))?;
/// assert_eq!(y.to_vec2::<f32>()?, [[1., 2.], [3., 4.]]);
/// # Ok::<(), candlewick_prelude::candle_core::Error>(())
/// ```
pub fn attention_first(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    lengths: &Tensor,
    heads: usize,
    dropout: (f64, u64),
) -> Result<Tensor> {
    let (runs, examples) = (Runs::of(lengths, k.dims2()?.0)?, q.dims2()?.0);
    if runs.0.len() != examples || runs.0.iter().any(|(_, count)| *count == 0) {
        bail!("attention_first: expected {examples} examples of 1 token or more, found lengths {lengths}");
    }
    let first = Runs((0..examples).map(|example| (example, 1)).collect());
    attention_of("attention_first", [q, k, v], (first, runs), heads, dropout)
}

/// Attention of runs of queries over runs of keys and values, an example's each.
fn attention_of(
    name: &'static str,
    [q, k, v]: [&Tensor; 3],
    runs: (Runs, Runs),
    heads: usize,
    dropout: (f64, u64),
) -> Result<Tensor> {
    let width = q.dims2()?.1;
    let rows = runs.1.0.last().map_or(0, |(start, count)| start + count);
    for other in [k, v] {
        if other.dims() != [rows, width] || other.dtype() != q.dtype() {
            bail!("{name}: expected keys and values ({rows}, {width}) of {:?}, found {:?}", q.dtype(), other.dims());
        }
    }
    if heads == 0 || !width.is_multiple_of(heads) {
        bail!("{name}: {heads} heads do not divide {width} numbers");
    }
    if !(0. ..1.).contains(&dropout.0) {
        bail!("{name}: expected a share of at least 0 and below 1, found {}", dropout.0);
    }
    let size = PackedSize { name, heads, depth: width / heads, dropout };
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
    name: &'static str,
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

/// A pair of example and head: where its part of the queries begins, and of the keys and values; how many of both there are.
#[derive(Clone, Copy)]
struct PackedPair {
    number: usize,
    from: usize,
    at: usize,
    queries: usize,
    tokens: usize,
}

/// Calls a function for each pair, in parallel.
fn by_pairs(runs: &(Runs, Runs), size: PackedSize, f: impl Fn(PackedPair) + Sync) {
    let (pairs, width) = (runs.0.0.len() * size.heads, size.width());
    parallel(pairs, 1, |part| {
        for number in part {
            let (example, column) = (number / size.heads, number % size.heads * size.depth);
            let ((first, queries), (start, tokens)) = (runs.0.0[example], runs.1.0[example]);
            if tokens > 0 {
                f(PackedPair { number, from: first * width + column, at: start * width + column, queries, tokens });
            }
        }
    });
}

fn attend<T: Float>([q, k, v]: [&Tensor; 3], runs: (Runs, Runs), size: PackedSize) -> Result<Tensor> {
    let (width, depth, most) = (size.width(), size.depth, runs.0.longest() * runs.1.longest());
    let count = q.elem_count();
    let mut y: Vec<T> = Vec::with_capacity(count);
    read::<T, _, 3>([q, k, v], |[q, k, v]| {
        let out = Shared::of(&mut y);
        by_pairs(&runs, size, |pair| {
            let PackedPair { from, at, queries: n, tokens: t, .. } = pair;
            scratch::<T, _>(0, 2 * most, |both| {
                let (shares, thinned) = both.split_at_mut(most);
                let (shares, thinned) = (&mut shares[..n * t], &mut thinned[..n * t]);
                // SAFETY: each pair has its own rows and columns of y; the parts lie in q, k and v.
                unsafe {
                    shares_of(size, pair, (&q[from..], &k[at..]), shares);
                    let mixed = kept(size, pair.number, shares, thinned);
                    let values = by_rows(v[at..].as_ptr(), width);
                    multiply(
                        (n, t, depth),
                        Fixed::Both,
                        by_rows(mixed.as_ptr(), t),
                        values,
                        by_rows(out.at(from), width),
                        false,
                        1,
                    );
                }
            });
        });
        Ok(())
    })?;
    // SAFETY: the rows of all examples are all rows, and the columns of all heads are all columns.
    unsafe { y.set_len(count) };
    attach_lean(size.name, &[q, k, v], y, q.shape(), move |context| {
        let [q, k, v] = [0, 1, 2].map(|which| &context.args[which]);
        let gradients =
            read::<T, _, 4>([q, k, v, context.grad], |[q, k, v, dy]| Ok(attend_back(&runs, size, [q, k, v], dy)))?;
        let own = gradients.into_iter().zip([q, k, v]);
        own.map(|(grad, x)| Tensor::from_vec(grad, x.shape(), &Device::Cpu).map(Some)).collect()
    })
}

/// The shares that a pair's tokens have in its queries, before any is left out.
///
/// # Safety
/// The pair's parts begin where the slices do, and lie in them.
unsafe fn shares_of<T: Float>(size: PackedSize, pair: PackedPair, (q, k): (&[T], &[T]), shares: &mut [T]) {
    let (width, n, t) = (size.width(), pair.queries, pair.tokens);
    let (q, k) = (by_rows(q.as_ptr(), width), transposed(k.as_ptr(), width));
    // SAFETY: the caller's.
    unsafe { multiply((n, size.depth, t), Fixed::Both, q, k, by_rows(shares.as_mut_ptr(), t), false, 1) };
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
fn attend_back<T: Float>(runs: &(Runs, Runs), size: PackedSize, [q, k, v]: [&[T]; 3], dy: &[T]) -> [Vec<T>; 3] {
    let (width, depth, most) = (size.width(), size.depth, runs.0.longest() * runs.1.longest());
    let mut grads = [q, k, v].map(|x| Vec::<T>::with_capacity(x.len()));
    let outs = grads.each_mut().map(Shared::of);
    by_pairs(runs, size, |pair| {
        let PackedPair { number, from, at, queries: n, tokens: t } = pair;
        scratch::<T, _>(0, 3 * most, |all| {
            let (shares, rest) = all.split_at_mut(most);
            let (thinned, scores) = rest.split_at_mut(most);
            let (shares, thinned, scores) = (&mut shares[..n * t], &mut thinned[..n * t], &mut scores[..n * t]);
            let dy = by_rows(dy[from..].as_ptr(), width);
            // SAFETY: each pair has its own rows and columns of the gradients; the parts lie in the slices.
            unsafe {
                let to = |which: usize| by_rows(outs[which].at(if which == 0 { from } else { at }), width);
                shares_of(size, pair, (&q[from..], &k[at..]), shares);
                // dv = keptᵀ dy, dkept = dy vᵀ
                let mixed = kept(size, number, shares, thinned);
                multiply((t, n, depth), Fixed::Both, transposed(mixed.as_ptr(), t), dy, to(2), false, 1);
                let values = transposed(v[at..].as_ptr(), width);
                multiply((n, depth, t), Fixed::Both, dy, values, by_rows(scores.as_mut_ptr(), t), false, 1);
                let grad: &mut [T] = match size.thinning(number) {
                    Some(thinning) => {
                        thin(thinning, 0, scores, thinned);
                        thinned
                    }
                    None => scores,
                };
                soften_back(t, T::of(size.scale()), shares, grad);
                // dq = dscores k, dk = dscoresᵀ q
                let (keys, queries) = (by_rows(k[at..].as_ptr(), width), by_rows(q[from..].as_ptr(), width));
                multiply((n, t, depth), Fixed::Both, by_rows(grad.as_ptr(), t), keys, to(0), false, 1);
                multiply((t, n, depth), Fixed::Both, transposed(grad.as_ptr(), t), queries, to(1), false, 1);
            }
        });
    });
    // SAFETY: the rows of all examples are all rows, and the columns of all heads are all columns.
    grads.iter_mut().zip([q, k, v]).for_each(|(grad, x)| unsafe { grad.set_len(x.len()) });
    grads
}

/// The same composed of candle's operations on padded tensors, elsewhere than on the CPU.
fn padded([q, k, v]: [&Tensor; 3], (queries, runs): &(Runs, Runs), size: PackedSize) -> Result<Tensor> {
    let (n, t, asking, device) = (runs.0.len(), runs.longest(), queries.longest(), q.device());
    let shown = |at: usize, count: usize| if at < count { 0f32 } else { f32::NEG_INFINITY };
    let hidden: Vec<f32> = runs.0.iter().flat_map(|(_, count)| (0..t).map(move |at| shown(at, *count))).collect();
    let hidden = Tensor::from_vec(hidden, (n, 1, 1, t), device)?.to_dtype(q.dtype())?;
    let by_head = |x: &Tensor, of: &Runs| {
        let longest = of.longest();
        let place = |start: usize, count: usize, at: usize| if at < count { (start + at) as u32 } else { 0 };
        let from: Vec<u32> =
            (of.0.iter()).flat_map(|(start, count)| (0..longest).map(move |at| place(*start, *count, at))).collect();
        let rows = x.index_select(&Tensor::new(from, device)?, 0)?.reshape((n, longest, size.heads, size.depth))?;
        rows.transpose(1, 2)?.contiguous()
    };
    let back: Vec<u32> = (queries.0.iter().enumerate())
        .flat_map(|(example, (_, count))| (0..*count).map(move |at| (example * asking + at) as u32))
        .collect();
    let back = Tensor::new(back, device)?;
    let (q, k, v) = (by_head(q, queries)?, by_head(k, runs)?, by_head(v, runs)?);
    let scores = (q.matmul(&k.transpose(2, 3)?.contiguous()?)? * size.scale())?.broadcast_add(&hidden)?;
    let shares = dropout(&softmax(&scores, D::Minus1)?, size.dropout.0, true, size.dropout.1)?;
    let mixed = shares.matmul(&v)?.transpose(1, 2)?.reshape((n * asking, size.width()))?;
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

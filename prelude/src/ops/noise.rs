//! Noise in training: dropout and drop-path, repeatable by their seed.

use super::activation::filled;
use super::add;
use super::cpu::{Float, on_cpu, parallel, read, shared};
use super::graph::{attach_lean, attach_lean_tensor, shell};
use super::thin::{Thinning, plus_thinned, thin_into};
use candle_core::{Device, Result, Shape, Tensor, bail};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Sets a share `p` of the numbers to zero in training and scales the rest by 1 / (1 − p).
///
/// # Shapes
/// any → the same
///
/// # Errors
/// A share outside 0 ≤ p < 1.
pub fn dropout(x: &Tensor, p: f64, train: bool, seed: u64) -> Result<Tensor> {
    if !keeps("dropout", p, train)? {
        return Ok(x.clone());
    }
    masked("dropout", x, mask(x, x.shape().clone(), p, seed)?)
}

/// Drops the whole of an example's numbers with probability `p` in training (stochastic depth), scaling the rest.
///
/// # Shapes
/// `x` (n, …) → the same
///
/// # Errors
/// A probability outside 0 ≤ p < 1.
pub fn drop_path(x: &Tensor, p: f64, train: bool, seed: u64) -> Result<Tensor> {
    if !keeps("drop_path", p, train)? {
        return Ok(x.clone());
    }
    let mut shape = vec![1; x.rank()];
    shape[0] = x.dim(0)?;
    masked("drop_path", x, mask(x, shape.into(), p, seed)?)
}

/// x + [`dropout`] of a branch, in one, as residual branches of transformers have it. Which numbers are dropped is told by their places and the
/// seed, and worked out again for the way back; it is another pattern than `dropout`'s.
///
/// # Shapes
/// `x`, `branch` the same → the same
///
/// # Errors
/// Shapes that differ; a share outside 0 ≤ p < 1.
pub fn add_dropout(x: &Tensor, branch: &Tensor, p: f64, train: bool, seed: u64) -> Result<Tensor> {
    if !keeps("add_dropout", p, train)? {
        return add(x, branch);
    }
    if x.dims() != branch.dims() || x.dtype() != branch.dtype() {
        bail!("add_dropout: expected two tensors alike, found {:?} and {:?}", x.dims(), branch.dims());
    }
    match on_cpu!(x, add_thinned(x, branch, Thinning::new(p, seed, 0))) {
        Some(y) => y,
        None => add(x, &dropout(branch, p, true, seed)?),
    }
}

fn add_thinned<T: Float>(x: &Tensor, branch: &Tensor, thinning: Thinning) -> Result<Tensor> {
    let y = read::<T, _, 2>([x, branch], |[x, branch]| {
        Ok(filled(x.len(), |part, out| {
            plus_thinned(thinning, part.start, &branch[part.clone()], &x[part], out);
        }))
    })?;
    attach_lean("add_dropout", &[&shell(x)?, &shell(branch)?], y, x.shape(), move |context| {
        let grad = context.grad;
        let thinned = match context.needs[1] {
            true => {
                let numbers = read::<T, _, 1>([grad], |[dy]| {
                    Ok(filled(dy.len(), |part, out| thin_into(thinning, part.start, &dy[part], out)))
                })?;
                Some(Tensor::from_vec(numbers, grad.shape(), &Device::Cpu)?)
            }
            false => None,
        };
        Ok(vec![context.needs[0].then(|| grad.clone()), thinned])
    })
}

fn masked(name: &'static str, x: &Tensor, mask: Tensor) -> Result<Tensor> {
    attach_lean_tensor(name, &[x], x.detach().broadcast_mul(&mask)?, move |context| {
        Ok(vec![Some(context.grad.broadcast_mul(&mask)?)])
    })
}

fn keeps(name: &str, p: f64, train: bool) -> Result<bool> {
    if !(0. ..1.).contains(&p) {
        bail!("{name}: expected a share of at least 0 and below 1, found {p}");
    }
    Ok(train && p > 0.)
}

pub(super) fn mask(x: &Tensor, shape: Shape, p: f64, seed: u64) -> Result<Tensor> {
    /// So many numbers come from one stream of the generator, whatever the number of threads.
    const CHUNK: usize = 1 << 14;
    let scale = (1. / (1. - p)) as f32;
    let mut numbers = vec![0f32; shape.elem_count()];
    let (count, out) = (numbers.len(), shared(&mut numbers));
    parallel(count.div_ceil(CHUNK), 1, |chunks| {
        for chunk in chunks {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(chunk as u64);
            // SAFETY: each chunk belongs to one thread.
            for number in unsafe { out.slice(chunk * CHUNK, CHUNK.min(count - chunk * CHUNK)) } {
                *number = if rng.random::<f32>() < p as f32 { 0. } else { scale };
            }
        }
    });
    Tensor::from_vec(numbers, shape, x.device())?.to_dtype(x.dtype())
}

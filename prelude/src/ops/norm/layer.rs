//! LayerNorm's kernels: a row at a time.

use super::super::cpu::{Float, fast, fma, parallel, shared};
use super::batch::{product, sum};
use std::sync::Mutex;

/// Mean and 1/σ of each row, and the rows normalised, scaled and shifted.
pub(super) fn forward<T: Float>(c: usize, x: &[T], gamma: &[T], beta: &[T], eps: f64) -> (Vec<T>, Vec<T>, Vec<T>) {
    let rows = x.len() / c.max(1);
    let (mut y, mut means, mut scales) = (vec![T::ZERO; x.len()], vec![T::ZERO; rows], vec![T::ZERO; rows]);
    let (y_out, means_out, scales_out) = (shared(&mut y), shared(&mut means), shared(&mut scales));
    parallel(rows, (1 << 13) / c.max(1) + 1, |part| {
        for row in part {
            // SAFETY: each row belongs to one thread.
            let (y, mean, scale) =
                unsafe { (y_out.slice(row * c, c), means_out.slice(row, 1), scales_out.slice(row, 1)) };
            row_forward(&x[row * c..][..c], gamma, beta, eps, y, &mut mean[0], &mut scale[0]);
        }
    });
    (y, means, scales)
}

fast! {
    fn row_forward[FUSED]<T>(x: &[T], gamma: &[T], beta: &[T], eps: f64, y: &mut [T], mean: &mut T, scale: &mut T) {
        let count = x.len() as f64;
        *mean = T::of(sum::<T>(x) / count);
        *scale = T::of(1. / (product::<T, FUSED>(x, *mean, x, *mean) / count + eps).sqrt());
        for (i, y) in y.iter_mut().enumerate() {
            *y = fma::<T, FUSED>((x[i] - *mean) * *scale, gamma[i], beta[i]);
        }
    }
}

/// (dx, dγ, dβ)
pub(super) fn backward<T: Float>(
    x: &[T],
    gamma: &[T],
    means: &[T],
    scales: &[T],
    dy: &[T],
) -> (Vec<T>, Vec<T>, Vec<T>) {
    let c = gamma.len();
    let mut dx = vec![T::ZERO; x.len()];
    let parts = Mutex::new(Vec::new());
    let out = shared(&mut dx);
    parallel(means.len(), (1 << 13) / c.max(1) + 1, |part| {
        let first = part.start;
        let (mut dgamma, mut dbeta) = (vec![T::ZERO; c], vec![T::ZERO; c]);
        for row in part {
            // SAFETY: each row belongs to one thread.
            let dx = unsafe { out.slice(row * c, c) };
            let (x, dy) = (&x[row * c..][..c], &dy[row * c..][..c]);
            row_backward(x, gamma, means[row], scales[row], dy, dx, &mut dgamma, &mut dbeta);
        }
        parts.lock().expect("no panic while adding").push((first, dgamma, dbeta));
    });
    // Added in the order of the rows, not in that in which threads finish: one seed gives one result.
    let mut parts = parts.into_inner().expect("no panic while adding");
    parts.sort_by_key(|(first, ..)| *first);
    let (mut dgamma, mut dbeta) = (vec![T::ZERO; c], vec![T::ZERO; c]);
    for (_, gammas, betas) in parts {
        for i in 0..c {
            dgamma[i] += gammas[i];
            dbeta[i] += betas[i];
        }
    }
    (dx, dgamma, dbeta)
}

fast! {
    fn row_backward[FUSED]<T>(
        x: &[T], gamma: &[T], mean: T, scale: T, dy: &[T], dx: &mut [T], dgamma: &mut [T], dbeta: &mut [T],
    ) {
        // dx = 1/σ (g − mean(g) − x̂ mean(g x̂)), g = γ dy
        for i in 0..x.len() {
            dx[i] = gamma[i] * dy[i];
            dgamma[i] = fma::<T, FUSED>(dy[i] * scale, x[i] - mean, dgamma[i]);
            dbeta[i] += dy[i];
        }
        let count = x.len() as f64;
        let average = sum::<T>(dx) / count;
        let along = product::<T, FUSED>(dx, T::ZERO, x, mean) * scale.to_f64() / count;
        let bend = T::of(-along) * scale;
        let shift = T::of(-average);
        for i in 0..x.len() {
            dx[i] = scale * fma::<T, FUSED>(bend, x[i] - mean, dx[i] + shift);
        }
    }
}

//! LayerNorm's kernels: a row at a time.

use super::super::cpu::{Float, fastest, fma, parallel, shared};
use super::sums::{LANES, RUN, product, sum, together};
use std::mem::MaybeUninit;
use std::sync::Mutex;

/// Mean and 1/σ of each row, and the rows normalised, scaled and shifted.
pub(super) fn forward<T: Float>(c: usize, x: &[T], gamma: &[T], beta: &[T], eps: f64) -> (Vec<T>, Vec<T>, Vec<T>) {
    let rows = x.len() / c.max(1);
    let (mut y, mut means, mut scales) = (Vec::with_capacity(x.len()), vec![T::ZERO; rows], vec![T::ZERO; rows]);
    let whole = &mut y.spare_capacity_mut()[..rows * c];
    let (y_out, means_out, scales_out) = (shared(whole), shared(&mut means), shared(&mut scales));
    parallel(rows, (1 << 13) / c.max(1) + 1, |part| {
        for row in part {
            // SAFETY: each row belongs to one thread.
            let (y, mean, scale) =
                unsafe { (y_out.slice(row * c, c), means_out.slice(row, 1), scales_out.slice(row, 1)) };
            row_forward(&x[row * c..][..c], gamma, beta, eps, y, &mut mean[0], &mut scale[0]);
        }
    });
    // SAFETY: each row is written.
    unsafe { y.set_len(rows * c) };
    (y, means, scales)
}

fastest! {
    fn row_forward[FUSED]<T>(
        x: &[T], gamma: &[T], beta: &[T], eps: f64, y: &mut [MaybeUninit<T>], mean: &mut T, scale: &mut T,
    ) {
        let count = x.len() as f64;
        *mean = T::of(sum::<T>(x) / count);
        *scale = T::of(1. / (product::<T, FUSED>(x, *mean, x, *mean) / count + eps).sqrt());
        let (mean, scale) = (*mean, *scale);
        for (((y, x), gamma), beta) in y.iter_mut().zip(x).zip(gamma).zip(beta) {
            y.write(fma::<T, FUSED>((*x - mean) * scale, *gamma, *beta));
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
    let mut dx = Vec::with_capacity(x.len());
    let parts = Mutex::new(Vec::new());
    let out = shared(&mut dx.spare_capacity_mut()[..means.len() * c]);
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
    // SAFETY: each row is written.
    unsafe { dx.set_len(means.len() * c) };
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

fastest! {
    fn row_backward[FUSED]<T>(
        x: &[T], gamma: &[T], mean: T, scale: T, dy: &[T], dx: &mut [MaybeUninit<T>], dgamma: &mut [T], dbeta: &mut [T],
    ) {
        // dx = 1/σ (g − mean(g) − x̂ mean(g x̂)), g = γ dy
        let (mut total, mut along) = (0., 0.);
        let runs = x.chunks(RUN).zip(dy.chunks(RUN)).zip(gamma.chunks(RUN));
        for (((x, dy), gamma), (dgamma, dbeta)) in runs.zip(dgamma.chunks_mut(RUN).zip(dbeta.chunks_mut(RUN))) {
            let (mut totals, mut alongs) = ([T::ZERO; LANES], [T::ZERO; LANES]);
            let whole = x.len() / LANES * LANES;
            for i in whole..x.len() {
                let (g, off) = (gamma[i] * dy[i], x[i] - mean);
                total += g.to_f64();
                along += (g * off).to_f64();
                dgamma[i] = fma::<T, FUSED>(dy[i] * scale, off, dgamma[i]);
                dbeta[i] += dy[i];
            }
            let numbers = x.chunks_exact(LANES).zip(dy.chunks_exact(LANES)).zip(gamma.chunks_exact(LANES));
            let sums = dgamma.chunks_exact_mut(LANES).zip(dbeta.chunks_exact_mut(LANES));
            for (((x, dy), gamma), (dgamma, dbeta)) in numbers.zip(sums) {
                for lane in 0..LANES {
                    let (g, off) = (gamma[lane] * dy[lane], x[lane] - mean);
                    totals[lane] += g;
                    alongs[lane] = fma::<T, FUSED>(g, off, alongs[lane]);
                    dgamma[lane] = fma::<T, FUSED>(dy[lane] * scale, off, dgamma[lane]);
                    dbeta[lane] += dy[lane];
                }
            }
            total += together(totals).to_f64();
            along += together(alongs).to_f64();
        }
        let count = x.len() as f64;
        let bend = T::of(-along * scale.to_f64() / count) * scale;
        let shift = T::of(-total / count);
        for (((dx, x), dy), gamma) in dx.iter_mut().zip(x).zip(dy).zip(gamma) {
            dx.write(scale * fma::<T, FUSED>(bend, *x - mean, fma::<T, FUSED>(*gamma, *dy, shift)));
        }
    }
}

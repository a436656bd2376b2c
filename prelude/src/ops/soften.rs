//! The softmax of rows, and its gradient, in place.

use super::cpu::{Float, fastest};
use super::norm::{product, sum};

fastest! {
    /// The softmax of each row of scores · scale.
    pub(super) fn soften[_FUSED]<T>(t: usize, scale: T, scores: &mut [T]) {
        for row in scores.chunks_exact_mut(t) {
            let most = largest(row);
            for x in row.iter_mut() {
                *x = ((*x - most) * scale).exponential();
            }
            let total = T::of(1. / sum(row));
            for x in row {
                *x *= total;
            }
        }
    }
}

fastest! {
    /// The gradient of the scores in place of the gradient of their softmax.
    pub(super) fn soften_back[FUSED]<T>(t: usize, scale: T, shares: &[T], grad: &mut [T]) {
        for (grad, share) in grad.chunks_exact_mut(t).zip(shares.chunks_exact(t)) {
            let along = T::of(product::<T, FUSED>(grad, T::ZERO, share, T::ZERO));
            for (grad, share) in grad.iter_mut().zip(share) {
                *grad = (*grad - along) * *share * scale;
            }
        }
    }
}

/// The largest number, found in lanes so that the comparisons do not wait for each other.
#[inline(always)]
fn largest<T: Float>(row: &[T]) -> T {
    const LANES: usize = 16;
    let greater = |a: T, b: T| if b > a { b } else { a };
    let mut lanes = [T::LOWEST; LANES];
    let whole = row.chunks_exact(LANES);
    let rest = whole.remainder().iter().fold(T::LOWEST, |most, x| greater(most, *x));
    for x in whole {
        for (lane, x) in lanes.iter_mut().zip(x) {
            *lane = greater(*lane, *x);
        }
    }
    lanes.into_iter().fold(rest, greater)
}

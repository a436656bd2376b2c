//! Sums of many numbers, a lane each, so that they are vectors and stay exact.

use super::super::cpu::{Float, fma};

pub(super) const LANES: usize = 32;
/// After so many numbers the lanes are emptied into a double, so that long sums stay exact.
pub(super) const RUN: usize = 1 << 12;

/// Σ of the lanes, in pairs.
#[inline(always)]
pub(super) fn together<T: Float>(mut lanes: [T; LANES]) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            let other = lanes[i + half];
            lanes[i] += other;
        }
        half /= 2;
    }
    lanes[0]
}

/// Σ x
#[inline(always)]
pub(in crate::ops) fn sum<T: Float>(x: &[T]) -> f64 {
    let mut total = 0.;
    for run in x.chunks(RUN) {
        let mut lanes = [T::ZERO; LANES];
        let whole = run.chunks_exact(LANES);
        for x in whole.remainder() {
            total += x.to_f64();
        }
        for x in whole {
            for (lane, x) in lanes.iter_mut().zip(x) {
                *lane += *x;
            }
        }
        total += together(lanes).to_f64();
    }
    total
}

/// Σ (a − a₀)(b − b₀)
#[inline(always)]
pub(in crate::ops) fn product<T: Float, const FUSED: bool>(a: &[T], a0: T, b: &[T], b0: T) -> f64 {
    let mut total = 0.;
    for (a, b) in a.chunks(RUN).zip(b.chunks(RUN)) {
        let mut lanes = [T::ZERO; LANES];
        let whole = a.len() / LANES * LANES;
        for (a, b) in a[whole..].iter().zip(&b[whole..]) {
            total += ((*a - a0) * (*b - b0)).to_f64();
        }
        for (a, b) in a[..whole].chunks_exact(LANES).zip(b[..whole].chunks_exact(LANES)) {
            for lane in 0..LANES {
                lanes[lane] = fma::<T, FUSED>(a[lane] - a0, b[lane] - b0, lanes[lane]);
            }
        }
        total += together(lanes).to_f64();
    }
    total
}

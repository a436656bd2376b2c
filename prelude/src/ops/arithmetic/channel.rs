//! Kernels for one factor a plane.

use super::super::cpu::{Float, fast, parallel, shared};
use super::super::norm::product;
use std::mem::MaybeUninit;

/// Planes a thread takes at least.
fn least(plane: usize) -> usize {
    (1 << 14) / plane.max(1) + 1
}

/// Each plane times its factor.
pub(super) fn scaled<T: Float>(plane: usize, x: &[T], factor: &[T]) -> Vec<T> {
    let mut y: Vec<T> = Vec::with_capacity(x.len());
    let out = shared(y.spare_capacity_mut());
    parallel(factor.len(), least(plane), |planes| {
        for i in planes {
            // SAFETY: each plane belongs to one thread.
            times(&x[i * plane..][..plane], factor[i], unsafe { out.slice(i * plane, plane) });
        }
    });
    // SAFETY: all planes are written.
    unsafe { y.set_len(x.len()) };
    y
}

fast! {
    fn times[_FUSED]<T>(x: &[T], factor: T, y: &mut [MaybeUninit<T>]) {
        for (y, x) in y.iter_mut().zip(x) {
            y.write(*x * factor);
        }
    }
}

/// Σ a · b of each plane.
pub(super) fn products<T: Float>(plane: usize, a: &[T], b: &[T]) -> Vec<T> {
    let count = a.len() / plane.max(1);
    let mut totals = vec![T::ZERO; count];
    let out = shared(&mut totals);
    parallel(count, least(plane), |planes| {
        for i in planes {
            // SAFETY: each total belongs to one thread.
            dot(&a[i * plane..][..plane], &b[i * plane..][..plane], unsafe { &mut *out.at(i) });
        }
    });
    totals
}

fast! {
    fn dot[FUSED]<T>(a: &[T], b: &[T], total: &mut T) {
        *total = T::of(product::<T, FUSED>(a, T::ZERO, b, T::ZERO));
    }
}

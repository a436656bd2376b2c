//! BatchNorm's kernels: a channel at a time, so that a channel's numbers are read from memory once.

use super::super::activation::pointwise::{Activation, with_activation};
use super::super::cpu::{Float, fast, fastest, fma, parallel, shared};
use super::affine::{Affine, line};
use super::moments::{BackSums, Moments};
use super::sums::{product, sum};
use std::mem::MaybeUninit;

/// A channel is `n` runs of `plane` numbers, `c` runs apart.
#[derive(Clone, Copy)]
pub(super) struct Channels {
    pub n: usize,
    pub c: usize,
    pub plane: usize,
}

impl Channels {
    /// Numbers a channel.
    pub fn count(&self) -> usize {
        self.n * self.plane
    }

    fn runs(&self, channel: usize) -> impl Iterator<Item = usize> {
        let Channels { c, plane, .. } = *self;
        (0..self.n).map(move |n| (n * c + channel) * plane)
    }

    fn least(&self) -> usize {
        (1 << 14) / self.count().max(1) + 1
    }
}

/// Mean and biased variance of each channel.
pub(super) fn moments<T: Float>(size: Channels, x: &[T]) -> (Vec<T>, Vec<T>) {
    let (mut mean, mut variance) = (vec![T::ZERO; size.c], vec![T::ZERO; size.c]);
    let (mean_out, variance_out) = (shared(&mut mean), shared(&mut variance));
    parallel(size.c, size.least(), |channels| {
        for channel in channels {
            // SAFETY: each channel belongs to one thread.
            let (mean, variance) = unsafe { (mean_out.slice(channel, 1), variance_out.slice(channel, 1)) };
            channel_moments(size, channel, x, &mut mean[0], &mut variance[0]);
        }
    });
    (mean, variance)
}

fast! {
    fn channel_moments[FUSED]<T>(size: Channels, channel: usize, x: &[T], mean: &mut T, variance: &mut T) {
        let mut total = 0.;
        for at in size.runs(channel) {
            total += sum::<T>(&x[at..at + size.plane]);
        }
        let centre = T::of(total / size.count() as f64);
        let mut squares = 0.;
        for at in size.runs(channel) {
            squares += product::<T, FUSED>(&x[at..at + size.plane], centre, &x[at..at + size.plane], centre);
        }
        *mean = centre;
        *variance = T::of(squares / size.count() as f64);
    }
}

/// y = f(slope · x + offset), channel by channel.
pub(super) fn affine<T: Float>(size: Channels, x: &[T], by: &Affine<T>) -> Vec<T> {
    let mut y: Vec<T> = Vec::with_capacity(x.len());
    let out = shared(y.spare_capacity_mut());
    parallel(size.n * size.c, (1 << 14) / size.plane.max(1) + 1, |planes| {
        for plane in planes {
            let at = plane * size.plane;
            // SAFETY: each part of the result is written by one thread.
            let to = unsafe { out.slice(at, size.plane) };
            line(&x[at..at + size.plane], by.slope[plane % size.c], by.offset[plane % size.c], by.then, to);
        }
    });
    // SAFETY: all planes are written.
    unsafe { y.set_len(x.len()) };
    y
}

/// dz = dy · f'(slope · x + offset), channel by channel: the gradient before the activation.
pub(super) fn before<T: Float>(size: Channels, x: &[T], by: &Affine<T>, dy: &[T]) -> Vec<T> {
    let mut dz: Vec<T> = Vec::with_capacity(x.len());
    let out = shared(dz.spare_capacity_mut());
    parallel(size.n * size.c, (1 << 14) / size.plane.max(1) + 1, |planes| {
        for plane in planes {
            let part = plane * size.plane..(plane + 1) * size.plane;
            // SAFETY: each part of the result is written by one thread.
            let to = unsafe { out.slice(part.start, size.plane) };
            let (slope, offset) = (by.slope[plane % size.c], by.offset[plane % size.c]);
            line_before(&x[part.clone()], slope, offset, by.then, &dy[part], to);
        }
    });
    // SAFETY: all planes are written.
    unsafe { dz.set_len(x.len()) };
    dz
}

fastest! {
    fn line_before[FUSED]<T>(x: &[T], slope: T, offset: T, then: Activation, dy: &[T], dz: &mut [MaybeUninit<T>]) {
        with_activation!(then, |_value, slope_of| for ((dz, dy), x) in dz.iter_mut().zip(dy).zip(x) {
            dz.write(*dy * slope_of(fma::<T, FUSED>(slope, *x, offset)));
        });
    }
}

/// Σ dy of each channel.
pub(super) fn totals<T: Float>(size: Channels, dy: &[T]) -> Vec<T> {
    let mut totals = vec![T::ZERO; size.c];
    let out = shared(&mut totals);
    parallel(size.c, size.least(), |channels| {
        for channel in channels {
            // SAFETY: each channel belongs to one thread.
            unsafe { *out.at(channel) = T::of(size.runs(channel).map(|at| sum(&dy[at..at + size.plane])).sum()) };
        }
    });
    totals
}

/// Σ dy and Σ dy · (x − mean) of each channel.
pub(super) fn sums<T: Float>(size: Channels, x: &[T], kept: &Moments<T>, dy: &[T]) -> Vec<BackSums> {
    let mut sums = vec![BackSums::default(); size.c];
    let out = shared(&mut sums);
    parallel(size.c, size.least(), |channels| {
        for channel in channels {
            // SAFETY: each channel belongs to one thread.
            let sums = unsafe { &mut out.slice(channel, 1)[0] };
            for at in size.runs(channel) {
                kept.add(channel, &x[at..at + size.plane], &dy[at..at + size.plane], sums);
            }
        }
    });
    sums
}

/// The whole backward pass in training: (dx, dγ, dβ), dx where it is wanted.
pub(super) fn backward<T: Float>(
    size: Channels,
    x: &[T],
    kept: &Moments<T>,
    dy: &[T],
    wants_dx: bool,
) -> (Option<Vec<T>>, Vec<T>, Vec<T>) {
    let (mut dgamma, mut dbeta) = (vec![T::ZERO; size.c], vec![T::ZERO; size.c]);
    let activated = kept.affine.then != Activation::Identity;
    // dx holds the gradient before the activation first
    let mut dx: Vec<T> = Vec::with_capacity(if wants_dx || activated { x.len() } else { 0 });
    let out = shared(dx.spare_capacity_mut());
    let (dgamma_out, dbeta_out) = (shared(&mut dgamma), shared(&mut dbeta));
    parallel(size.c, size.least(), |channels| {
        for channel in channels {
            let mut sums = BackSums::default();
            for at in size.runs(channel) {
                let part = at..at + size.plane;
                match activated {
                    // SAFETY: each part of the result is written by one thread.
                    true => unsafe {
                        let dz = out.slice(at, size.plane);
                        kept.before_into(channel, &x[part.clone()], &dy[part], dz, &mut sums);
                    },
                    false => kept.add(channel, &x[part.clone()], &dy[part], &mut sums),
                }
            }
            let back = kept.back(channel, sums);
            // SAFETY: each channel belongs to one thread.
            unsafe { (*dgamma_out.at(channel), *dbeta_out.at(channel)) = (back.dgamma, back.dbeta) };
            if !wants_dx {
                continue;
            }
            for at in size.runs(channel) {
                let part = at..at + size.plane;
                // SAFETY: each part of the result is written by one thread, and whole before it is read.
                unsafe {
                    match activated {
                        true => {
                            let dz = std::slice::from_raw_parts_mut(out.at(at).cast::<T>(), size.plane);
                            back.through(&x[part], dz);
                        }
                        false => back.through_into(&x[part.clone()], &dy[part], out.slice(at, size.plane)),
                    }
                }
            }
        }
    });
    if wants_dx {
        // SAFETY: all channels are written.
        unsafe { dx.set_len(x.len()) };
    }
    (wants_dx.then_some(dx), dgamma, dbeta)
}

//! An affine function of each channel and an activation: what BatchNorm is once its statistics are known.

use super::super::activation::pointwise::{Activation, with_activation};
use super::super::cpu::{Float, fastest, fma};
use std::mem::MaybeUninit;

/// 1/σ of each channel.
pub(super) fn inverse_roots<T: Float>(variance: &[T], eps: f64) -> Vec<T> {
    variance.iter().map(|v| T::of(1. / (v.to_f64() + eps).sqrt())).collect()
}

/// An affine function of each channel, and what follows it.
#[derive(Clone, Debug)]
pub(in crate::ops) struct Affine<T> {
    pub slope: Vec<T>,
    pub offset: Vec<T>,
    pub then: Activation,
}

/// f(slope · x + offset)
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct ChannelAffine<T> {
    pub slope: T,
    pub offset: T,
    pub then: Activation,
}

impl<T: Float> Affine<T> {
    /// γ (x − mean) · scale + β.
    pub(super) fn new(gamma: &[T], beta: &[T], mean: &[T], scale: &[T], then: Activation) -> Affine<T> {
        let slope: Vec<T> = gamma.iter().zip(scale).map(|(gamma, scale)| *gamma * *scale).collect();
        let offset = (0..slope.len()).map(|c| beta[c] - mean[c] * slope[c]).collect();
        Affine { slope, offset, then }
    }

    /// γ (x − mean) / √(var + eps) + β.
    pub fn stored(mean: &[T], var: &[T], gamma: &[T], beta: &[T], eps: f64, then: Activation) -> Affine<T> {
        Affine::new(gamma, beta, mean, &inverse_roots(var, eps), then)
    }

    /// What is made of one channel's numbers.
    pub fn channel(&self, channel: usize) -> ChannelAffine<T> {
        ChannelAffine { slope: self.slope[channel], offset: self.offset[channel], then: self.then }
    }

    /// A run of one channel's numbers, from where they lie to another place.
    pub fn lay(&self, channel: usize, from: &[T], to: &mut [T]) {
        // SAFETY: all of `to` holds numbers, and it is given nothing else.
        let to = unsafe { std::slice::from_raw_parts_mut(to.as_mut_ptr().cast::<MaybeUninit<T>>(), to.len()) };
        line(from, self.slope[channel], self.offset[channel], self.then, to);
    }

    /// A run of one channel's numbers, in place.
    pub fn apply(&self, channel: usize, run: &mut [T]) {
        line_in_place(run, self.slope[channel], self.offset[channel], self.then);
    }
}

fastest! {
    fn line_in_place[FUSED]<T>(run: &mut [T], slope: T, offset: T, then: Activation) {
        with_activation!(then, |value, _slope_of| for x in run.iter_mut() {
            *x = value(fma::<T, FUSED>(slope, *x, offset));
        });
    }
}

fastest! {
    pub(super) fn line[FUSED]<T>(x: &[T], slope: T, offset: T, then: Activation, y: &mut [MaybeUninit<T>]) {
        with_activation!(then, |value, _slope_of| for (y, x) in y.iter_mut().zip(x) {
            y.write(value(fma::<T, FUSED>(slope, *x, offset)));
        });
    }
}

//! What BatchNorm in training knows of a batch: forwards, and on the way back.

use super::super::cpu::{Float, Shared, fast, fastest, fma};
use super::affine::{Affine, ChannelAffine};
use super::sums::{LANES, RUN, product, sum, together};
use crate::ops::activation::pointwise::{Activation, with_activation};
use std::mem::MaybeUninit;
use std::sync::Mutex;

/// Of each channel of a batch the mean and 1/σ, and what BatchNorm makes of its numbers.
pub(in crate::ops) struct Moments<T> {
    /// Numbers a channel.
    pub count: usize,
    pub mean: Vec<T>,
    /// 1/σ
    pub scale: Vec<T>,
    pub affine: Affine<T>,
}

/// Σ dz and Σ dz · (x − mean) of a channel, dz being the gradient before the activation.
#[derive(Clone, Copy, Default)]
pub(in crate::ops) struct BackSums {
    pub first: f64,
    pub second: f64,
}

/// A channel's way back, once its sums are known: the gradients of γ and β, and dx = rise · dz + bend · x + shift.
pub(in crate::ops) struct ChannelBack<T> {
    pub dgamma: T,
    pub dbeta: T,
    rise: T,
    bend: T,
    shift: T,
}

impl<T: Float> Moments<T> {
    /// dz of a run of a channel's numbers in place of dy; the sums grow by it.
    pub fn before(&self, channel: usize, x: &[T], dy: &mut [T], sums: &mut BackSums) {
        let (ChannelAffine { slope, offset, then }, mean) = (self.affine.channel(channel), self.mean[channel]);
        line_back_in_place(x, slope, offset, then, mean, dy, sums);
    }

    /// The same to another place.
    pub fn before_into(&self, channel: usize, x: &[T], dy: &[T], dz: &mut [MaybeUninit<T>], sums: &mut BackSums) {
        let (ChannelAffine { slope, offset, then }, mean) = (self.affine.channel(channel), self.mean[channel]);
        line_back(x, slope, offset, then, mean, dy, dz, sums);
    }

    /// The sums of a run of dz as it is.
    pub fn add(&self, channel: usize, x: &[T], dz: &[T], sums: &mut BackSums) {
        run_sums(x, self.mean[channel], dz, sums);
    }

    /// The channel's way back.
    pub fn back(&self, channel: usize, sums: BackSums) -> ChannelBack<T> {
        // dx = γ/σ (dz − Σdz/m − (x − mean) Σ(dz (x − mean)) / (σ² m))
        let (m, inverse) = (self.count as f64, self.scale[channel].to_f64());
        let rise = self.affine.channel(channel).slope.to_f64();
        let bend = -rise * inverse * inverse * sums.second / m;
        let shift = -rise * sums.first / m - bend * self.mean[channel].to_f64();
        ChannelBack {
            dgamma: T::of(sums.second * inverse),
            dbeta: T::of(sums.first),
            rise: T::of(rise),
            bend: T::of(bend),
            shift: T::of(shift),
        }
    }
}

impl<T: Float> Moments<T> {
    /// The end of a channel's way back: dx in place of dz in its planes, which begin at `planes`; dγ and dβ.
    ///
    /// # Safety
    /// The planes of `dx` hold numbers, and are this thread's alone.
    pub unsafe fn finish(
        &self,
        (channel, sums): (usize, BackSums),
        x: &[T],
        dx: Shared<T>,
        planes: impl Iterator<Item = usize>,
        plane: usize,
    ) -> (T, T) {
        let back = self.back(channel, sums);
        for at in planes {
            // SAFETY: the caller keeps the condition above.
            back.through(&x[at..at + plane], unsafe { dx.slice(at, plane) });
        }
        (back.dgamma, back.dbeta)
    }
}

impl<T: Float> ChannelBack<T> {
    /// dx of a run of the channel's numbers in place of dz.
    pub fn through(&self, x: &[T], dz: &mut [T]) {
        plane_in_place(dz, x, self.rise, self.bend, self.shift);
    }

    /// The same to another place.
    pub fn through_into(&self, x: &[T], dz: &[T], dx: &mut [MaybeUninit<T>]) {
        plane(dz, x, self.rise, self.bend, self.shift, dx);
    }
}

/// One number a lane: dz there, and the lanes' two sums.
#[inline(always)]
fn lanes_back<T: Float, const FUSED: bool>(
    x: &[T; LANES],
    dy: [T; LANES],
    mean: T,
    slope_at: impl Fn(T) -> T,
    sums: &mut [[T; LANES]; 2],
) -> [T; LANES] {
    let mut dz = dy;
    for lane in 0..LANES {
        dz[lane] *= slope_at(x[lane]);
        sums[0][lane] += dz[lane];
        sums[1][lane] = fma::<T, FUSED>(dz[lane], x[lane] - mean, sums[1][lane]);
    }
    dz
}

#[inline(always)]
fn empty<T: Float>(lanes: [[T; LANES]; 2], sums: &mut BackSums) {
    sums.first += together(lanes[0]).to_f64();
    sums.second += together(lanes[1]).to_f64();
}

fastest! {
    fn line_back[FUSED]<T>(x: &[T], slope: T, offset: T, then: Activation, mean: T, dy: &[T], dz: &mut [MaybeUninit<T>], sums: &mut BackSums) {
        with_activation!(then, |_value, slope_of| {
            let at = |x: T| slope_of(fma::<T, FUSED>(slope, x, offset));
            for ((x, dy), dz) in x.chunks(RUN).zip(dy.chunks(RUN)).zip(dz.chunks_mut(RUN)) {
                let mut lanes = [[T::ZERO; LANES]; 2];
                let ((x, x_rest), (dy, dy_rest), (dz, dz_rest)) = (x.as_chunks::<LANES>(), dy.as_chunks::<LANES>(), dz.as_chunks_mut::<LANES>());
                for ((x, dy), dz) in x.iter().zip(dy).zip(dz) {
                    *dz = lanes_back::<T, FUSED>(x, *dy, mean, at, &mut lanes).map(MaybeUninit::new);
                }
                for ((x, dy), dz) in x_rest.iter().zip(dy_rest).zip(dz_rest) {
                    let one = *dy * at(*x);
                    sums.first += one.to_f64();
                    sums.second += (one * (*x - mean)).to_f64();
                    dz.write(one);
                }
                empty(lanes, sums);
            }
        });
    }
}

fastest! {
    fn line_back_in_place[FUSED]<T>(x: &[T], slope: T, offset: T, then: Activation, mean: T, dy: &mut [T], sums: &mut BackSums) {
        with_activation!(then, |_value, slope_of| {
            let at = |x: T| slope_of(fma::<T, FUSED>(slope, x, offset));
            for (x, dy) in x.chunks(RUN).zip(dy.chunks_mut(RUN)) {
                let mut lanes = [[T::ZERO; LANES]; 2];
                let ((x, x_rest), (dy, dy_rest)) = (x.as_chunks::<LANES>(), dy.as_chunks_mut::<LANES>());
                for (x, dy) in x.iter().zip(dy) {
                    *dy = lanes_back::<T, FUSED>(x, *dy, mean, at, &mut lanes);
                }
                for (x, dy) in x_rest.iter().zip(dy_rest) {
                    *dy *= at(*x);
                    sums.first += dy.to_f64();
                    sums.second += (*dy * (*x - mean)).to_f64();
                }
                empty(lanes, sums);
            }
        });
    }
}

fastest! {
    fn run_sums[FUSED]<T>(x: &[T], mean: T, dy: &[T], sums: &mut BackSums) {
        for (x, dy) in x.chunks(RUN).zip(dy.chunks(RUN)) {
            let mut lanes = [[T::ZERO; LANES]; 2];
            let ((x, x_rest), (dy, dy_rest)) = (x.as_chunks::<LANES>(), dy.as_chunks::<LANES>());
            for (x, dy) in x.iter().zip(dy) {
                lanes_back::<T, FUSED>(x, *dy, mean, |_| T::ONE, &mut lanes);
            }
            for (x, dy) in x_rest.iter().zip(dy_rest) {
                sums.first += dy.to_f64();
                sums.second += (*dy * (*x - mean)).to_f64();
            }
            empty(lanes, sums);
        }
    }
}

fast! {
    fn plane[FUSED]<T>(dy: &[T], x: &[T], rise: T, bend: T, shift: T, dx: &mut [MaybeUninit<T>]) {
        for ((dx, dy), x) in dx.iter_mut().zip(dy).zip(x) {
            dx.write(fma::<T, FUSED>(rise, *dy, fma::<T, FUSED>(bend, *x, shift)));
        }
    }
}

fast! {
    fn plane_in_place[FUSED]<T>(dz: &mut [T], x: &[T], rise: T, bend: T, shift: T) {
        for (dz, x) in dz.iter_mut().zip(x) {
            *dz = fma::<T, FUSED>(rise, *dz, fma::<T, FUSED>(bend, *x, shift));
        }
    }
}

/// Some numbers of a channel: where they lie, how many, their mean and Σ (x − mean)².
#[derive(Clone, Copy)]
struct RunMoments {
    at: usize,
    count: usize,
    mean: f64,
    squares: f64,
}

/// The moments of each channel, from runs of its numbers while they are in the cache, in whatever order they are made.
pub(in crate::ops) struct GatheredMoments(Vec<Mutex<Vec<RunMoments>>>);

impl GatheredMoments {
    pub fn new(channels: usize) -> GatheredMoments {
        GatheredMoments((0..channels).map(|_| Mutex::default()).collect())
    }

    /// A run of a channel's numbers, and where it lies among all.
    pub fn add<T: Float>(&self, channel: usize, at: usize, run: &[T]) {
        let mut found = RunMoments { at, count: run.len(), mean: 0., squares: 0. };
        run_moments(run, &mut found);
        self.0[channel].lock().expect("no panic while noting").push(found);
    }

    /// Mean and biased variance of each channel. The runs are put in order first: the sums are the same whatever the threads did.
    pub fn done(self) -> (Vec<f64>, Vec<f64>) {
        let channel = |runs: Mutex<Vec<RunMoments>>| {
            let mut runs = runs.into_inner().expect("no panic while noting");
            runs.sort_unstable_by_key(|run| run.at);
            let (mut count, mut mean, mut squares) = (0., 0., 0.);
            for run in runs {
                // Chan, Golub and LeVeque 1979
                let (more, apart) = (run.count as f64, run.mean - mean);
                let both = count + more;
                mean += apart * more / both;
                squares += run.squares + apart * apart * count * more / both;
                count = both;
            }
            (mean, squares / count)
        };
        self.0.into_iter().map(channel).unzip()
    }
}

fast! {
    fn run_moments[FUSED]<T>(run: &[T], found: &mut RunMoments) {
        found.mean = sum::<T>(run) / run.len() as f64;
        let centre = T::of(found.mean);
        let off = found.mean - centre.to_f64();
        // Σ (x − mean)² from Σ (x − centre)², the centre being the mean as a T
        found.squares = product::<T, FUSED>(run, centre, run, centre) - off * off * run.len() as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_runs_are_those_of_the_whole() {
        let numbers: Vec<f32> = (0..1000).map(|i| 50.0 + ((i * 37) % 101) as f32 / 10.0).collect();
        let mean = numbers.iter().map(|x| f64::from(*x)).sum::<f64>() / 1000.0;
        let variance = numbers.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / 1000.0;
        let of = |cuts: &[(usize, usize)]| {
            let gathered = GatheredMoments::new(2);
            for (from, to) in cuts {
                gathered.add(1, *from, &numbers[*from..*to]);
                gathered.add(0, *from, &[1f32]);
            }
            gathered.done()
        };
        let (means, variances) = of(&[(0, 7), (7, 400), (400, 401), (401, 1000)]);
        assert_eq!((means[0], variances[0]), (1.0, 0.0));
        assert!(
            (means[1] - mean).abs() < 1e-5 && (variances[1] / variance - 1.0).abs() < 1e-5,
            "{means:?} {variances:?}"
        );
        // whatever came first
        assert_eq!((means, variances), of(&[(401, 1000), (400, 401), (0, 7), (7, 400)]));
    }
}

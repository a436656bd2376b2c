//! Depthwise convolution of maps at most eight wide, as networks have at their end: a row is one vector, and a plane's rows lie in a block
//! of their own with zeros around, which a kernel of three or five reads at every shift.

use super::super::cpu::{Float, Shared, fast, fma, parallel, shared};
use super::super::norm::{Affine, BackSums, Moments};
use super::plan::Plan;
use super::source::ConvGradients;
use std::ops::Range;

/// Numbers of a vector.
const LANES: usize = 8;
/// Numbers of a row with its zeros: the vector at the last shift ends inside.
const PITCH: usize = 16;
/// Rows of the highest plane with the zeros above and below.
const ROWS: usize = LANES + 4;

/// Planes that are worked on one after another, while they are in the cache.
const TOGETHER: usize = 32;

type Framed<T> = [[T; PITCH]; ROWS];

/// Whether the maps are narrow enough, and the window leaves their size as it is.
pub(crate) fn fits(plan: &Plan) -> bool {
    let window = plan.window;
    let (kernel, half) = (window.kernel.0, window.kernel.0 / 2);
    let same = window.kernel == (kernel, kernel) && window.padding == (half, half) && window.extra == (0, 0);
    let plain = window.stride == (1, 1) && window.dilation == (1, 1) && plan.og() == 1 && plan.groups == plan.c;
    let small = (4..=LANES).contains(&plan.w) && plan.h <= LANES;
    (kernel == 3 || kernel == 5) && same && plain && small
}

/// Calls a kernel compiled for the window's side and the plane's width.
macro_rules! sized {
    ($plan:expr, $kernel:ident ( $($arg:expr),* )) => {
        match ($plan.window.kernel.0, $plan.w) {
            (3, 4) => $kernel::<T, FUSED, 3, 4>($($arg),*),
            (3, 5) => $kernel::<T, FUSED, 3, 5>($($arg),*),
            (3, 6) => $kernel::<T, FUSED, 3, 6>($($arg),*),
            (3, 7) => $kernel::<T, FUSED, 3, 7>($($arg),*),
            (3, _) => $kernel::<T, FUSED, 3, 8>($($arg),*),
            (_, 4) => $kernel::<T, FUSED, 5, 4>($($arg),*),
            (_, 5) => $kernel::<T, FUSED, 5, 5>($($arg),*),
            (_, 6) => $kernel::<T, FUSED, 5, 6>($($arg),*),
            (_, 7) => $kernel::<T, FUSED, 5, 7>($($arg),*),
            _ => $kernel::<T, FUSED, 5, 8>($($arg),*),
        }
    };
}

/// y = w ∗ f(x), channel by channel, where `before` is f; `finish` sees each plane as soon as it is whole.
pub(crate) fn forward<T: Float>(
    plan: &Plan,
    x: &[T],
    before: Option<&Affine<T>>,
    w: &[T],
    finish: impl Fn(usize, usize, &mut [T]) + Sync,
) -> Vec<T> {
    let plane = plan.pixels();
    let mut y: Vec<T> = Vec::with_capacity(plan.sizes().2);
    let out = Shared::of(&mut y);
    parallel(plan.n * plan.c, (1 << 13) / plane.max(1) + 1, |planes| {
        for first in planes.clone().step_by(TOGETHER) {
            let len = TOGETHER.min(planes.end - first) * plane;
            // SAFETY: each plane belongs to one thread; zero bits are zeros.
            let y = unsafe {
                out.at(first * plane).write_bytes(0, len);
                out.slice(first * plane, len)
            };
            convolve(plan, first, &x[first * plane..][..len], before, w, y);
            for (i, y) in y.chunks_mut(plane).enumerate() {
                finish((first + i) % plan.c, (first + i) * plane, y);
            }
        }
    });
    // SAFETY: all planes are written.
    unsafe { y.set_len(plan.sizes().2) };
    y
}

/// The gradients of f(x) and of the weight, each where it is wanted; `before` is f, and whether to go the way back through it too.
pub(crate) fn backward<T: Float>(
    plan: &Plan,
    x: &[T],
    before: (Option<&Moments<T>>, bool),
    w: &[T],
    grad: &[T],
    needs: (bool, bool),
) -> ConvGradients<T> {
    let through = before.0.filter(|_| before.1 && needs.0);
    let affine = before.0.map(|moments| &moments.affine);
    let (x_size, w_size, _) = plan.sizes();
    let plane = plan.pixels();
    let mut dx: Vec<T> = Vec::with_capacity(if needs.0 { x_size } else { 0 });
    let mut dw = vec![T::ZERO; if needs.1 { w_size } else { 0 }];
    let (dx_out, dw_out) = (Shared::of(&mut dx), shared(&mut dw));
    let mut parameters = vec![(T::ZERO, T::ZERO); if through.is_some() { plan.c } else { 0 }];
    let parameters_out = shared(&mut parameters);
    parallel(plan.c, (1 << 13) / (plan.n * plane).max(1) + 1, |channels| {
        gradients(plan, channels.clone(), x, affine, w, grad, needs, dx_out, dw_out);
        let Some(moments) = through else { return };
        for channel in channels {
            let mut sums = BackSums::default();
            let planes = || (0..plan.n).map(|n| (n * plan.c + channel) * plane);
            for at in planes() {
                // SAFETY: the channel's planes are this thread's alone, and written above.
                moments.before(channel, &x[at..][..plane], unsafe { dx_out.slice(at, plane) }, &mut sums);
            }
            // SAFETY: each channel belongs to one thread, and its planes are written.
            unsafe { *parameters_out.at(channel) = moments.finish((channel, sums), x, dx_out, planes(), plane) };
        }
    });
    if needs.0 {
        // SAFETY: all planes are written.
        unsafe { dx.set_len(x_size) };
    }
    let norm = through.is_some().then(|| parameters.into_iter().unzip());
    ConvGradients { dx: needs.0.then_some(dx), dw: needs.1.then_some(dw), norm }
}

fast! {
    /// The planes from `first` on, as many as `y` holds.
    fn convolve[FUSED]<T>(plan: &Plan, first: usize, x: &[T], before: Option<&Affine<T>>, w: &[T], y: &mut [T]) {
        sized!(plan, convolve_of(plan, first, x, before, w, y))
    }
}

fast! {
    /// The gradients of some channels; their planes and weights are the caller's alone.
    fn gradients[FUSED]<T>(
        plan: &Plan, channels: Range<usize>, x: &[T], before: Option<&Affine<T>>, w: &[T], grad: &[T], needs: (bool, bool), dx: Shared<T>,
        dw: Shared<T>,
    ) {
        sized!(plan, gradients_of(plan, channels, x, before, w, grad, needs, dx, dw))
    }
}

#[inline(always)]
fn convolve_of<T: Float, const FUSED: bool, const K: usize, const W: usize>(
    plan: &Plan,
    first: usize,
    x: &[T],
    before: Option<&Affine<T>>,
    w: &[T],
    y: &mut [T],
) {
    let plane = plan.h * W;
    let mut samples = [[T::ZERO; PITCH]; ROWS];
    for (i, (x, y)) in x.chunks_exact(plane).zip(y.chunks_exact_mut(plane)).enumerate() {
        let channel = (first + i) % plan.c;
        lay::<T, K, W>(x, before, channel, &mut samples);
        slide::<T, FUSED, K, W>(&w[channel * K * K..][..K * K], &samples, y);
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn gradients_of<T: Float, const FUSED: bool, const K: usize, const W: usize>(
    plan: &Plan,
    channels: Range<usize>,
    x: &[T],
    before: Option<&Affine<T>>,
    w: &[T],
    grad: &[T],
    needs: (bool, bool),
    dx: Shared<T>,
    dw: Shared<T>,
) {
    let plane = plan.h * W;
    let (mut samples, mut slopes) = ([[T::ZERO; PITCH]; ROWS], [[T::ZERO; PITCH]; ROWS]);
    for channel in channels {
        let (mut sums, mut back) = ([[[T::ZERO; LANES]; K]; K], [[T::ZERO; K]; K]);
        for (to, from) in back.as_flattened_mut().iter_mut().zip(w[channel * K * K..][..K * K].iter().rev()) {
            *to = *from;
        }
        for n in 0..plan.n {
            let at = (n * plan.c + channel) * plane;
            spread::<T, K, W>(&grad[at..][..plane], &mut slopes);
            if needs.1 {
                lay::<T, K, W>(&x[at..][..plane], before, channel, &mut samples);
                for (i, sums) in sums.iter_mut().enumerate() {
                    for row in 0..plan.h {
                        let dy = vector(&slopes[K / 2 + row], K / 2);
                        for (j, sum) in sums.iter_mut().enumerate() {
                            let x = vector(&samples[row + i], j);
                            for lane in 0..LANES {
                                sum[lane] = fma::<T, FUSED>(dy[lane], x[lane], sum[lane]);
                            }
                        }
                    }
                }
            }
            if needs.0 {
                // SAFETY: the channel's planes are this thread's alone; zero bits are zeros.
                let dx = unsafe {
                    dx.at(at).write_bytes(0, plane);
                    dx.slice(at, plane)
                };
                slide::<T, FUSED, K, W>(back.as_flattened(), &slopes, dx);
            }
        }
        if needs.1 {
            // SAFETY: the channel's weights are this thread's alone.
            let dw = unsafe { dw.slice(channel * K * K, K * K) };
            for (dw, l) in dw.iter_mut().zip(sums.as_flattened()) {
                *dw = ((l[0] + l[4]) + (l[1] + l[5])) + ((l[2] + l[6]) + (l[3] + l[7]));
            }
        }
    }
}

/// The vector of a row from a place on.
#[inline(always)]
fn vector<T: Float>(row: &[T; PITCH], at: usize) -> &[T; LANES] {
    row[at..].first_chunk().expect("a row holds a vector at each shift")
}

/// A plane, `before` done to it, in the block.
#[inline(always)]
fn lay<T: Float, const K: usize, const W: usize>(
    x: &[T],
    before: Option<&Affine<T>>,
    channel: usize,
    block: &mut Framed<T>,
) {
    let Some(before) = before else { return spread::<T, K, W>(x, block) };
    let mut seen = [T::ZERO; LANES * LANES];
    let seen = &mut seen[..x.len()];
    before.lay(channel, x, seen);
    spread::<T, K, W>(seen, block);
}

/// Lays a plane's rows into the block, between its zeros.
#[inline(always)]
fn spread<T: Float, const K: usize, const W: usize>(x: &[T], block: &mut Framed<T>) {
    for (row, x) in block[K / 2..].iter_mut().zip(x.as_chunks::<W>().0) {
        row[K / 2..K / 2 + W].copy_from_slice(x);
    }
}

/// A plane of sums over the window.
#[inline(always)]
fn slide<T: Float, const FUSED: bool, const K: usize, const W: usize>(w: &[T], block: &Framed<T>, y: &mut [T]) {
    for (row, y) in y.as_chunks_mut::<W>().0.iter_mut().enumerate() {
        let mut sum = [T::ZERO; LANES];
        for i in 0..K {
            for j in 0..K {
                let x = vector(&block[row + i], j);
                for lane in 0..LANES {
                    sum[lane] = fma::<T, FUSED>(w[i * K + j], x[lane], sum[lane]);
                }
            }
        }
        y.copy_from_slice(&sum[..W]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::taps::Window;
    use super::super::depthwise;
    use super::*;

    fn numbers(count: usize, step: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * step) % 101) as f32 / 50.0 - 1.0).collect()
    }

    fn near(a: &[f32], b: &[f32]) {
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < 1e-4, "{a} beside {b}");
        }
    }

    #[test]
    fn equals_the_way_for_maps_of_any_width() {
        for kernel in [3, 5] {
            for w in 4..=8 {
                for h in [1, 2, 5, 7, 8] {
                    let window = Window {
                        kernel: (kernel, kernel),
                        stride: (1, 1),
                        padding: (kernel / 2, kernel / 2),
                        extra: (0, 0),
                        dilation: (1, 1),
                    };
                    let plan = Plan { n: 3, c: 6, h, w, o: 6, oh: h, ow: w, groups: 6, window };
                    assert!(fits(&plan));
                    let (size, weights, _) = plan.sizes();
                    let (x, dy, weights) = (numbers(size, 37), numbers(size, 29), numbers(weights, 17));
                    near(
                        &forward(&plan, &x, None, &weights, |_, _, _| ()),
                        &depthwise::forward(&plan, &x, None, &weights, |_, _, _| ()),
                    );
                    let ours = backward(&plan, &x, (None, false), &weights, &dy, (true, true));
                    let wide = depthwise::backward(&plan, &x, (None, false), &weights, &dy, (true, true));
                    near(&ours.dx.unwrap(), &wide.dx.unwrap());
                    near(&ours.dw.unwrap(), &wide.dw.unwrap());
                    let none = backward(&plan, &x, (None, false), &weights, &dy, (false, false));
                    assert!(none.dx.is_none() && none.dw.is_none() && none.norm.is_none());
                }
            }
        }
    }

    #[test]
    fn other_windows_and_wider_maps_are_not_for_it() {
        let window = Window { kernel: (3, 3), stride: (1, 1), padding: (1, 1), extra: (0, 0), dilation: (1, 1) };
        let plan = Plan { n: 1, c: 4, h: 7, w: 7, o: 4, oh: 7, ow: 7, groups: 4, window };
        assert!(fits(&plan));
        for other in [
            Plan { w: 9, ow: 9, ..plan },
            Plan { h: 9, oh: 9, ..plan },
            Plan { groups: 1, ..plan },
            Plan { o: 8, ..plan },
            Plan { window: Window { stride: (2, 2), ..window }, ..plan },
            Plan { window: Window { padding: (0, 0), ..window }, ..plan },
            Plan { window: Window { dilation: (2, 2), ..window }, ..plan },
        ] {
            assert!(!fits(&other), "{other:?}");
        }
    }
}

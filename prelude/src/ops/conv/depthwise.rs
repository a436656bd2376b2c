//! Depthwise convolution, directly: each channel is a sum of shifted copies of one padded plane.
//!
//! A plane is laid out so that every shift is one offset: rows and columns fall into phases by the
//! stride, and the pitch leaves room for the padding. A step over all output pixels is then one long
//! loop over contiguous numbers, for any stride and dilation, even where a picture is only 7 wide.

use super::super::cpu::{Float, Shared, fast, fma, parallel, scratch, shared};
use super::super::norm::{Affine, BackSums, Moments};
use super::plan::Plan;
use super::source::ConvGradients;
use std::mem::MaybeUninit;

/// Numbers that are worked on at once; the long loop is a multiple of it.
pub(super) const LANES: usize = 8;

type Offsets = Vec<usize>;

/// How a padded plane lies in memory.
struct Layout {
    /// Numbers from one row to the next.
    pitch: usize,
    /// Rows of one phase.
    rows: usize,
    /// Numbers of one phase.
    phase: usize,
    /// Length of the loop over output pixels, which includes those in the pitch's slack.
    steps: usize,
    /// For each place of the kernel: its offset in the whole padded plane.
    offsets: Offsets,
    /// The same, backwards, in the output's gradient.
    back: Offsets,
    /// The largest offset.
    reach: usize,
    /// For each phase the places of the kernel that fall into it, and their offsets in the output's gradient.
    by_phase: Vec<(Vec<usize>, Offsets)>,
}

impl Layout {
    fn new(plan: &Plan) -> Layout {
        let window = plan.window;
        let (kh, kw) = window.kernel;
        let pitch = plan.ow + (window.dilation.1 * (kw - 1)) / window.stride.1;
        let rows = plan.oh + (window.dilation.0 * (kh - 1)) / window.stride.0;
        let mut taps = Vec::with_capacity(kh * kw);
        for i in 0..kh {
            for j in 0..kw {
                let (down, right) = (i * window.dilation.0, j * window.dilation.1);
                let phase = (down % window.stride.0) * window.stride.1 + right % window.stride.1;
                taps.push((phase, (down / window.stride.0) * pitch + right / window.stride.1));
            }
        }
        let reach = taps.iter().map(|tap| tap.1).max().unwrap_or(0);
        // The loop's last step may read a little past the last row, and the numbers there must exist.
        let steps = (plan.oh * pitch).next_multiple_of(LANES);
        let phase = (rows * pitch).max(reach + steps).next_multiple_of(LANES);
        let offsets = taps.iter().map(|(at, offset)| at * phase + offset).collect();
        let back: Offsets = taps.iter().map(|tap| reach - tap.1).collect();
        let mut by_phase = vec![(Vec::new(), Vec::new()); window.stride.0 * window.stride.1];
        for (place, (at, offset)) in taps.iter().enumerate() {
            by_phase[*at].0.push(place);
            by_phase[*at].1.push(reach - offset);
        }
        Layout { pitch, rows, phase, steps, offsets, back, reach, by_phase }
    }

    fn phases(&self, plan: &Plan) -> usize {
        plan.window.stride.0 * plan.window.stride.1
    }

    /// Calls a function for each run of a picture's row: (place in the plane, place in the picture, count).
    #[inline(always)]
    fn rows(&self, plan: &Plan, mut f: impl FnMut(usize, usize, usize)) {
        let window = plan.window;
        for down in 0..window.stride.0 {
            for right in 0..window.stride.1 {
                let phase = (down * window.stride.1 + right) * self.phase;
                let (first, end) = Plan::inside(right, plan.w, self.pitch, window.stride.1, window.padding.1, 1);
                for row in 0..self.rows {
                    let y = row * window.stride.0 + down;
                    if y < window.padding.0 || y >= plan.h + window.padding.0 || first == end {
                        continue;
                    }
                    let x = first * window.stride.1 + right - window.padding.1;
                    let place = phase + row * self.pitch + first;
                    f(place, (y - window.padding.0) * plan.w + x, end - first);
                }
            }
        }
    }
}

/// y = w ∗ f(x), channel by channel, where `before` is f; `finish` sees each plane as soon as it is whole.
pub(crate) fn forward<T: Float>(
    plan: &Plan,
    x: &[T],
    before: Option<&Affine<T>>,
    w: &[T],
    finish: impl Fn(usize, usize, &mut [T]) + Sync,
) -> Vec<T> {
    let layout = Layout::new(plan);
    let (pixels, plane, og, places) = (plan.pixels(), plan.h * plan.w, plan.og(), plan.places());
    let mut y: Vec<T> = Vec::with_capacity(plan.sizes().2);
    let y_out = shared(y.spare_capacity_mut());
    parallel(plan.n * plan.c, (1 << 13) / plane.max(1) + 1, |pictures| {
        scratch::<T, _>(0, layout.phases(plan) * layout.phase, |padded| {
            scratch::<T, _>(1, layout.steps, |out| {
                padded.fill(T::ZERO);
                for picture in pictures {
                    let channel = picture % plan.c;
                    lay(plan, &layout, &x[picture * plane..][..plane], before, channel, padded);
                    for m in 0..og {
                        fir(&layout.offsets, &w[(channel * og + m) * places..][..places], padded, out);
                        // SAFETY: each output plane belongs to one thread.
                        let y = unsafe { y_out.slice((picture * og + m) * pixels, pixels) };
                        close_up(plan, &layout, out, y);
                        // SAFETY: the plane was written above, by this thread.
                        finish(channel * og + m, (picture * og + m) * pixels, unsafe { y.assume_init_mut() });
                    }
                }
            })
        })
    });
    // SAFETY: all planes are written.
    unsafe { y.set_len(plan.sizes().2) };
    y
}

/// A picture's plane, `before` done to it, laid out by phases.
fn lay<T: Float>(plan: &Plan, layout: &Layout, x: &[T], before: Option<&Affine<T>>, channel: usize, padded: &mut [T]) {
    match before {
        None => spread(plan, layout, x, padded),
        Some(before) => scratch::<T, _>(3, x.len(), |seen| {
            before.lay(channel, x, seen);
            spread(plan, layout, seen, padded);
        }),
    }
}

/// The gradients of f(x) and of the weight, each where it is wanted; `before` is f, and whether to go the way back through it too, while a channel's
/// numbers are in the cache.
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
    let layout = Layout::new(plan);
    let (x_size, w_size, _) = plan.sizes();
    let mut dx: Vec<T> = Vec::with_capacity(if needs.0 { x_size } else { 0 });
    let mut dw = vec![T::ZERO; w_size];
    let (dx_out, dw_out) = (Shared::of(&mut dx), shared(&mut dw));
    let mut parameters = vec![(T::ZERO, T::ZERO); if through.is_some() { plan.c } else { 0 }];
    let parameters_out = shared(&mut parameters);
    let (plane, wide) = (plan.h * plan.w, plan.og() * plan.places());
    // The output's gradient lies in the plane's pitch, with zeros in the slack and before and after.
    let room = layout.reach + layout.steps.max(layout.phase) + layout.reach;
    let size = layout.phases(plan) * layout.phase;
    parallel(plan.c, (1 << 13) / (plan.n * plane).max(1) + 1, |channels| {
        scratch::<T, _>(0, size, |padded| {
            scratch::<T, _>(1, room, |dy| {
                scratch::<T, _>(2, size, |gathered| {
                    padded.fill(T::ZERO);
                    dy.fill(T::ZERO);
                    for channel in channels {
                        // SAFETY: the channel's weights are this thread's alone.
                        let dw = unsafe { dw_out.slice(channel * wide, if needs.1 { wide } else { 0 }) };
                        let mut sums = BackSums::default();
                        for n in 0..plan.n {
                            let at = (n * plan.c + channel) * plane;
                            if needs.1 {
                                lay(plan, &layout, &x[at..][..plane], affine, channel, padded);
                            }
                            let dx: &mut [T] = match needs.0 {
                                // SAFETY: the channel's planes are this thread's alone; zero bits are zeros.
                                true => unsafe {
                                    dx_out.at(at).write_bytes(0, plane);
                                    dx_out.slice(at, plane)
                                },
                                false => &mut [],
                            };
                            picture(plan, &layout, (n, channel), w, grad, padded, dy, gathered, dw, dx);
                            if let Some(moments) = through {
                                moments.before(channel, &x[at..][..plane], dx, &mut sums);
                            }
                        }
                        if let Some(moments) = through {
                            let planes = (0..plan.n).map(|n| (n * plan.c + channel) * plane);
                            // SAFETY: each channel belongs to one thread, and its planes are written.
                            unsafe {
                                *parameters_out.at(channel) = moments.finish((channel, sums), x, dx_out, planes, plane);
                            }
                        }
                    }
                })
            })
        })
    });
    if needs.0 {
        // SAFETY: all planes are written.
        unsafe { dx.set_len(x_size) };
    }
    let norm = through.is_some().then(|| parameters.into_iter().unzip());
    ConvGradients { dx: needs.0.then_some(dx), dw: needs.1.then_some(dw), norm }
}

fast! {
    /// A plane without the pitch's slack.
    fn close_up[_FUSED]<T>(plan: &Plan, layout: &Layout, out: &[T], y: &mut [MaybeUninit<T>]) {
        for (y, out) in y.chunks_mut(plan.ow).zip(out.chunks(layout.pitch)) {
            for (y, out) in y.iter_mut().zip(&out[..plan.ow]) {
                y.write(*out);
            }
        }
    }
}

fast! {
    /// One channel of one picture: adds to dw, and to dx where it is not empty.
    fn picture[FUSED]<T>(
        plan: &Plan, layout: &Layout, place: (usize, usize), w: &[T], grad: &[T],
        padded: &[T], dy: &mut [T], gathered: &mut [T], dw: &mut [T], dx: &mut [T],
    ) {
        let (n, channel) = place;
        let (pixels, og, places) = (plan.pixels(), plan.og(), plan.places());
        for m in 0..og {
            let from = &grad[((n * plan.c + channel) * og + m) * pixels..][..pixels];
            for (to, from) in dy[layout.reach..].chunks_mut(layout.pitch).zip(from.chunks(plan.ow)) {
                for (to, from) in to.iter_mut().zip(from) {
                    *to = *from;
                }
            }
            let whole = &dy[layout.reach..][..layout.steps];
            if !dw.is_empty() {
                dots(&layout.offsets, padded, whole, &mut dw[m * places..][..places]);
            }
            if dx.is_empty() {
                continue;
            }
            let w = &w[(channel * og + m) * places..][..places];
            if layout.phases(plan) == 1 {
                fir(&layout.back, w, dy, gathered);
            } else {
                for (gathered, (places, offsets)) in gathered.chunks_mut(layout.phase).zip(&layout.by_phase) {
                    scratch::<T, _>(4, places.len(), |weights| {
                        for (to, place) in weights.iter_mut().zip(places) {
                            *to = w[*place];
                        }
                        fir(offsets, weights, dy, gathered);
                    });
                }
            }
            collect(plan, layout, gathered, dx);
        }
    }
}

fast! {
    /// Lays a picture's plane out by phases; what lies around it stays as it is.
    fn spread[_FUSED]<T>(plan: &Plan, layout: &Layout, x: &[T], padded: &mut [T]) {
        let step = plan.window.stride.1;
        layout.rows(plan, |place, at, count| {
            let to = &mut padded[place..place + count];
            match step {
                1 => {
                    for (to, x) in to.iter_mut().zip(&x[at..at + count]) {
                        *to = *x;
                    }
                }
                2 => {
                    let x = &x[at..at + 2 * count - 1];
                    for (i, to) in to.iter_mut().enumerate() {
                        *to = x[2 * i];
                    }
                }
                _ => {
                    for (i, to) in to.iter_mut().enumerate() {
                        *to = x[at + i * step];
                    }
                }
            }
        });
    }
}

fast! {
    /// Adds a plane laid out by phases to a picture's plane.
    fn collect[_FUSED]<T>(plan: &Plan, layout: &Layout, padded: &[T], x: &mut [T]) {
        let step = plan.window.stride.1;
        layout.rows(plan, |place, at, count| {
            let from = &padded[place..place + count];
            let x = &mut x[at..at + (count - 1) * step + 1];
            match step {
                1 => {
                    for (x, from) in x.iter_mut().zip(from) {
                        *x += *from;
                    }
                }
                2 => {
                    for (i, from) in from.iter().enumerate() {
                        x[2 * i] += *from;
                    }
                }
                _ => {
                    for (i, from) in from.iter().enumerate() {
                        x[i * step] += *from;
                    }
                }
            }
        });
    }
}

fast! {
    /// out[q] = Σ w · x[offset + q] over the taps; `out` is whole lanes long.
    pub(super) fn fir[FUSED]<T>(offsets: &[usize], w: &[T], x: &[T], out: &mut [T]) {
        if offsets.is_empty() {
            out.fill(T::ZERO);
        }
        for (i, (offsets, w)) in offsets.chunks(9).zip(w.chunks(9)).enumerate() {
            match offsets.len() {
                1 => fir_of::<T, FUSED, 1>(offsets, w, x, out, i > 0),
                2 => fir_of::<T, FUSED, 2>(offsets, w, x, out, i > 0),
                3 => fir_of::<T, FUSED, 3>(offsets, w, x, out, i > 0),
                4 => fir_of::<T, FUSED, 4>(offsets, w, x, out, i > 0),
                5 => fir_of::<T, FUSED, 5>(offsets, w, x, out, i > 0),
                6 => fir_of::<T, FUSED, 6>(offsets, w, x, out, i > 0),
                7 => fir_of::<T, FUSED, 7>(offsets, w, x, out, i > 0),
                8 => fir_of::<T, FUSED, 8>(offsets, w, x, out, i > 0),
                _ => fir_of::<T, FUSED, 9>(offsets, w, x, out, i > 0),
            }
        }
    }
}

#[inline(always)]
fn fir_of<T: Float, const FUSED: bool, const N: usize>(offsets: &[usize], w: &[T], x: &[T], out: &mut [T], add: bool) {
    let (out, _) = out.as_chunks_mut::<LANES>();
    let count = out.len();
    let mut weights = [T::ZERO; N];
    let mut sources: [&[[T; LANES]]; N] = [&[]; N];
    for k in 0..N {
        weights[k] = w[k];
        sources[k] = &x[offsets[k]..].as_chunks().0[..count];
    }
    for q in 0..count {
        let mut sum = if add { out[q] } else { [T::ZERO; LANES] };
        for k in 0..N {
            let x = &sources[k][q];
            for lane in 0..LANES {
                sum[lane] = fma::<T, FUSED>(weights[k], x[lane], sum[lane]);
            }
        }
        out[q] = sum;
    }
}

fast! {
    /// sums[k] += Σ dy[q] · x[offset k + q]; `dy` is whole lanes long.
    pub(super) fn dots[FUSED]<T>(offsets: &[usize], x: &[T], dy: &[T], sums: &mut [T]) {
        for (offsets, sums) in offsets.chunks(9).zip(sums.chunks_mut(9)) {
            match offsets.len() {
                9 => dots_of::<T, FUSED, 9>(offsets, x, dy, sums),
                7 => dots_of::<T, FUSED, 7>(offsets, x, dy, sums),
                _ => {
                    for (offset, sum) in offsets.chunks(1).zip(sums.chunks_mut(1)) {
                        dots_of::<T, FUSED, 1>(offset, x, dy, sum);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn dots_of<T: Float, const FUSED: bool, const N: usize>(offsets: &[usize], x: &[T], dy: &[T], sums: &mut [T]) {
    let (dy, _) = dy.as_chunks::<LANES>();
    let count = dy.len();
    let mut sources: [&[[T; LANES]]; N] = [&[]; N];
    for k in 0..N {
        sources[k] = &x[offsets[k]..].as_chunks().0[..count];
    }
    let mut lanes = [[T::ZERO; LANES]; N];
    for q in 0..count {
        let dy = &dy[q];
        for k in 0..N {
            let x = &sources[k][q];
            for lane in 0..LANES {
                lanes[k][lane] = fma::<T, FUSED>(dy[lane], x[lane], lanes[k][lane]);
            }
        }
    }
    for k in 0..N {
        let l = &lanes[k];
        sums[k] += ((l[0] + l[4]) + (l[1] + l[5])) + ((l[2] + l[6]) + (l[3] + l[7]));
    }
}

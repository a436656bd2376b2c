//! Depthwise convolution that leaves a map's size as it is: a sample lies a fixed number of pixels from where it is wanted, through the whole plane.
//!
//! No plane is laid out in rows of another length. What would reach over the left or the right edge reads a copy of the plane with those columns
//! zero, one copy for each column of the window; above and below a copy has zeros of its own.

use super::super::cpu::{Float, Shared, fast, parallel, scratch, shared};
use super::super::norm::{Affine, BackSums, Moments};
use super::depthwise::{LANES, dots, fir};
use super::plan::Plan;
use super::source::ConvGradients;

/// Whether the window leaves the size as it is.
pub(crate) fn fits(plan: &Plan) -> bool {
    let window = plan.window;
    let (kernel, half) = (window.kernel.0, window.kernel.0 / 2);
    let same = window.kernel == (kernel, kernel) && window.padding == (half, half) && window.extra == (0, 0);
    let plain = window.stride == (1, 1) && window.dilation == (1, 1) && plan.og() == 1 && plan.groups == plan.c;
    kernel % 2 == 1 && same && plain && plan.w > half
}

/// How a plane's copies lie.
struct ShiftedPlanes {
    side: usize,
    w: usize,
    /// Numbers of the plane, and in whole lanes.
    plane: usize,
    steps: usize,
    /// Zeros before a copy, and its length with them and those behind it.
    margin: usize,
    room: usize,
    /// For each place of the window where its samples begin.
    offsets: Vec<usize>,
}

impl ShiftedPlanes {
    fn new(plan: &Plan) -> ShiftedPlanes {
        let (side, w, plane) = (plan.window.kernel.0, plan.w, plan.pixels());
        let half = side / 2;
        let steps = plane.next_multiple_of(LANES);
        let margin = (half * (w + 1)).next_multiple_of(LANES);
        let room = margin + steps + margin;
        let place = |place: usize| {
            let (i, j) = (place / side, place % side);
            j * room + margin + i * w + j - half * (w + 1)
        };
        ShiftedPlanes { side, w, plane, steps, margin, room, offsets: (0..side * side).map(place).collect() }
    }

    /// The numbers of all copies.
    fn all(&self) -> usize {
        self.side * self.room
    }

    /// The plane as it is, among the copies, in whole lanes.
    fn middle<'a, T>(&self, copies: &'a [T]) -> &'a [T] {
        &copies[self.side / 2 * self.room + self.margin..][..self.steps]
    }

    /// Puts a plane, `before` done to it, into the copies; what lies around it stays zero.
    fn put<T: Float>(&self, plane: &[T], before: Option<&Affine<T>>, channel: usize, copies: &mut [T]) {
        let middle = self.side / 2;
        let to = &mut copies[middle * self.room + self.margin..][..self.plane];
        match before {
            Some(before) => before.lay(channel, plane, to),
            None => to.copy_from_slice(plane),
        }
        shift(self, copies);
    }
}

fast! {
    /// The other copies, of the one in the middle.
    fn shift[_FUSED]<T>(lie: &ShiftedPlanes, copies: &mut [T]) {
        let half = lie.side / 2;
        let from = half * lie.room + lie.margin;
        for copy in (0..lie.side).filter(|copy| *copy != half) {
            let to = copy * lie.room + lie.margin;
            copies.copy_within(from..from + lie.plane, to);
            // a window's column to the left reads no row's end, one to the right no row's beginning
            let columns = if copy < half { lie.w - (half - copy)..lie.w } else { 0..copy - half };
            for row in copies[to..to + lie.plane].chunks_exact_mut(lie.w) {
                for number in &mut row[columns.clone()] {
                    *number = T::ZERO;
                }
            }
        }
    }
}

/// Lets a plane of a result be written in whole lanes; it must belong to this thread alone.
unsafe fn written<T: Float>(lie: &ShiftedPlanes, out: Shared<T>, at: usize, write: impl FnOnce(&mut [T])) {
    // SAFETY: zero bits are zeros, so that the plane holds numbers from here on.
    let plane = unsafe {
        out.at(at).write_bytes(0, lie.plane);
        out.slice(at, lie.plane)
    };
    if lie.plane == lie.steps {
        return write(plane);
    }
    scratch::<T, _>(2, lie.steps, |lanes| {
        write(lanes);
        plane.copy_from_slice(&lanes[..lie.plane]);
    });
}

/// y = w ∗ f(x), channel by channel, where `before` is f; `finish` sees each plane as soon as it is whole.
pub(crate) fn forward<T: Float>(
    plan: &Plan,
    x: &[T],
    before: Option<&Affine<T>>,
    w: &[T],
    finish: impl Fn(usize, usize, &mut [T]) + Sync,
) -> Vec<T> {
    let lie = ShiftedPlanes::new(plan);
    let (plane, places) = (lie.plane, plan.places());
    let mut y: Vec<T> = Vec::with_capacity(plan.sizes().2);
    let y_out = Shared::of(&mut y);
    parallel(plan.n * plan.c, (1 << 13) / plane.max(1) + 1, |planes| {
        scratch::<T, _>(0, lie.all(), |copies| {
            copies.fill(T::ZERO);
            for number in planes {
                let (channel, at) = (number % plan.c, number * plane);
                lie.put(&x[at..at + plane], before, channel, copies);
                // SAFETY: each plane belongs to one thread.
                unsafe {
                    written(&lie, y_out, at, |y| fir(&lie.offsets, &w[channel * places..][..places], copies, y));
                    finish(channel, at, y_out.slice(at, plane));
                }
            }
        });
    });
    // SAFETY: all planes are written.
    unsafe { y.set_len(plan.sizes().2) };
    y
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
    let lie = ShiftedPlanes::new(plan);
    let (plane, places) = (lie.plane, plan.places());
    let (x_size, w_size, _) = plan.sizes();
    let mut dx: Vec<T> = Vec::with_capacity(if needs.0 { x_size } else { 0 });
    let mut dw = vec![T::ZERO; if needs.1 { w_size } else { 0 }];
    let mut parameters = vec![(T::ZERO, T::ZERO); if through.is_some() { plan.c } else { 0 }];
    let (dx_out, dw_out, parameters_out) = (Shared::of(&mut dx), shared(&mut dw), shared(&mut parameters));
    parallel(plan.c, (1 << 13) / (plan.n * plane).max(1) + 1, |channels| {
        scratch::<T, _>(0, lie.all(), |copies| {
            scratch::<T, _>(1, lie.all(), |slopes| {
                copies.fill(T::ZERO);
                slopes.fill(T::ZERO);
                for channel in channels {
                    let mut turned: Vec<T> = w[channel * places..][..places].to_vec();
                    turned.reverse();
                    let planes = || (0..plan.n).map(|n| (n * plan.c + channel) * plane);
                    let mut sums = BackSums::default();
                    for at in planes() {
                        lie.put(&grad[at..at + plane], None, channel, slopes);
                        if needs.1 {
                            lie.put(&x[at..at + plane], affine, channel, copies);
                            // SAFETY: the channel's weights are this thread's alone.
                            let dw = unsafe { dw_out.slice(channel * places, places) };
                            dots(&lie.offsets, copies, lie.middle(slopes), dw);
                        }
                        if needs.0 {
                            // SAFETY: the channel's planes are this thread's alone.
                            let dx = unsafe {
                                written(&lie, dx_out, at, |dx| fir(&lie.offsets, &turned, slopes, dx));
                                dx_out.slice(at, plane)
                            };
                            if let Some(moments) = through {
                                moments.before(channel, &x[at..at + plane], dx, &mut sums);
                            }
                        }
                    }
                    if let Some(moments) = through {
                        // SAFETY: each channel belongs to one thread, and its planes are written.
                        unsafe {
                            *parameters_out.at(channel) = moments.finish((channel, sums), x, dx_out, planes(), plane);
                        }
                    }
                }
            });
        });
    });
    if needs.0 {
        // SAFETY: all planes are written.
        unsafe { dx.set_len(x_size) };
    }
    let norm = through.is_some().then(|| parameters.into_iter().unzip());
    ConvGradients { dx: needs.0.then_some(dx), dw: needs.1.then_some(dw), norm }
}

#[cfg(test)]
mod tests {
    use super::super::super::taps::Window;
    use super::super::depthwise;
    use super::*;

    fn numbers(count: usize, step: usize) -> Vec<f64> {
        (0..count).map(|i| ((i * step) % 101) as f64 / 50.0 - 1.0).collect()
    }

    fn near(a: &[f64], b: &[f64]) {
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < 1e-12, "{a} beside {b}");
        }
    }

    #[test]
    fn equals_the_way_for_any_window() {
        for kernel in [1, 3, 5, 7] {
            for (h, w) in [(1, 9), (3, 4), (9, 16), (13, 11), (20, 32)] {
                let (padding, kernel) = ((kernel / 2, kernel / 2), (kernel, kernel));
                let window = Window { kernel, stride: (1, 1), padding, extra: (0, 0), dilation: (1, 1) };
                let plan = Plan { n: 3, c: 6, h, w, o: 6, oh: h, ow: w, groups: 6, window };
                assert!(fits(&plan));
                let (size, weights, _) = plan.sizes();
                let (x, dy, weights) = (numbers(size, 37), numbers(size, 29), numbers(weights, 17));
                let finish = |c: usize, at: usize, y: &mut [f64]| y.iter_mut().for_each(|y| *y += (c + at) as f64);
                near(
                    &forward(&plan, &x, None, &weights, finish),
                    &depthwise::forward(&plan, &x, None, &weights, finish),
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

    #[test]
    fn other_windows_are_not_for_it() {
        let window = Window { kernel: (3, 3), stride: (1, 1), padding: (1, 1), extra: (0, 0), dilation: (1, 1) };
        let plan = Plan { n: 1, c: 4, h: 20, w: 20, o: 4, oh: 20, ow: 20, groups: 4, window };
        assert!(fits(&plan));
        for other in [
            Plan { groups: 1, ..plan },
            Plan { o: 8, ..plan },
            Plan { w: 1, ow: 1, ..plan },
            Plan { window: Window { stride: (2, 2), ..window }, ..plan },
            Plan { window: Window { padding: (0, 0), ..window }, ..plan },
            Plan { window: Window { dilation: (2, 2), ..window }, ..plan },
        ] {
            assert!(!fits(&other), "{other:?}");
        }
    }
}

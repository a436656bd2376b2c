//! Convolution of few pixels with many weights: all samples of a batch as one matrix (im2col), of which threads take channels.
//!
//! Where threads took pixels, as `columns` has it, each would read all weights for a few of them, and their gradients would be
//! matrices as large as the weights that are added up.

use super::super::cpu::{Float, parallel, shared, threads};
use super::super::product::{Fixed, by_rows, multiply, transposed};
use super::columns::{Pixels, gather, scatter, turn};
use super::filled;
use super::plan::Plan;

/// The most pixels of a batch: more of them are worth reading the weights more than once.
const MOST_PIXELS: usize = 1024;

/// Whether this is the way for it.
pub(crate) fn fits(plan: &Plan) -> bool {
    let all = plan.n * plan.pixels();
    let depth = plan.cg() * plan.places();
    let has_many_weights = plan.o * depth >= 1 << 19 && depth >= 512 && plan.o >= 64;
    plan.groups == 1 && !plan.is_pointwise() && has_many_weights && all <= MOST_PIXELS && plan.o * 2 >= all
}

/// All pixels of a batch.
fn whole(plan: &Plan) -> Pixels {
    Pixels { pictures: 0..plan.n, pixels: 0..plan.pixels() }
}

/// The batch's samples as a matrix (c · places, n · pixels).
fn samples<T: Float>(plan: &Plan, x: &[T]) -> Vec<T> {
    let block = whole(plan);
    let row = plan.places() * plan.n * plan.pixels();
    filled(plan.c * row, |columns| {
        parallel(plan.c, 8, |channels| {
            // SAFETY: the channels' rows are this thread's alone; `gather` reads none of them before it has written them.
            let own = unsafe { columns.slice(channels.start * row, channels.len() * row) };
            gather(plan, x, channels, &block, own);
        });
    })
}

/// y = w ∗ x; `finish` sees each run of a channel's pixels as soon as it is whole.
pub(crate) fn forward<T: Float>(
    plan: &Plan,
    x: &[T],
    w: &[T],
    finish: impl Fn(usize, usize, &mut [T]) + Sync,
) -> Vec<T> {
    let (pixels, depth, all) = (plan.pixels(), plan.c * plan.places(), plan.n * plan.pixels());
    let columns = samples(plan, x);
    let products = filled(plan.o * all, |out| {
        let (w, columns) = (by_rows(w.as_ptr(), depth), by_rows(columns.as_ptr(), all));
        // SAFETY: the three hold o × depth, depth × all and o × all numbers.
        unsafe { multiply((plan.o, depth, all), Fixed::Rows, w, columns, by_rows(out.at(0), all), false, threads()) };
    });
    filled(plan.sizes().2, |y| {
        parallel(plan.o, 16, |channels| {
            for o in channels {
                for n in 0..plan.n {
                    let at = (n * plan.o + o) * pixels;
                    let from = &products[o * all + n * pixels..][..pixels];
                    // SAFETY: a channel's pixels are this thread's alone.
                    let run = unsafe {
                        std::ptr::copy_nonoverlapping(from.as_ptr(), y.at(at), pixels);
                        y.slice(at, pixels)
                    };
                    finish(o, at, run);
                }
            }
        });
    })
}

/// The gradients of x and of the weight, each where it is wanted.
pub(crate) fn backward<T: Float>(
    plan: &Plan,
    x: &[T],
    w: &[T],
    grad: &[T],
    needs: (bool, bool),
) -> (Option<Vec<T>>, Option<Vec<T>>) {
    let (pixels, depth, all) = (plan.pixels(), plan.c * plan.places(), plan.n * plan.pixels());
    let dy = filled(plan.o * all, |dy| {
        parallel(plan.o, 16, |channels| {
            for o in channels {
                for n in 0..plan.n {
                    let from = &grad[(n * plan.o + o) * pixels..][..pixels];
                    // SAFETY: a channel's row is this thread's alone.
                    unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), dy.at(o * all + n * pixels), pixels) };
                }
            }
        });
    });
    let dw = needs.1.then(|| {
        let columns = samples(plan, x);
        filled(plan.o * depth, |dw| {
            let (dy, columns) = (by_rows(dy.as_ptr(), all), transposed(columns.as_ptr(), all));
            // SAFETY: the three hold o × all, depth × all and o × depth numbers.
            unsafe {
                multiply((plan.o, all, depth), Fixed::Both, dy, columns, by_rows(dw.at(0), depth), false, threads())
            };
        })
    });
    let dx = needs.0.then(|| {
        // the product reads the weights' rows faster than their columns
        let turned = turn(w, 1, plan.o, depth);
        let mut columns = filled(depth * all, |out| {
            let (w, dy) = (by_rows(turned.as_ptr(), plan.o), by_rows(dy.as_ptr(), all));
            // SAFETY: the three hold depth × o, o × all and depth × all numbers.
            unsafe { multiply((depth, plan.o, all), Fixed::Rows, w, dy, by_rows(out.at(0), all), false, threads()) };
        });
        drop(turned);
        let mut dx = vec![T::ZERO; plan.sizes().0];
        let (columns, place, row) = (shared(&mut columns), shared(&mut dx), plan.places() * all);
        parallel(plan.c, 8, |channels| {
            // SAFETY: the channels' rows, and their samples, are this thread's alone.
            let own = unsafe { columns.slice(channels.start * row, channels.len() * row) };
            scatter(plan, own, channels, &whole(plan), place);
        });
        dx
    });
    (dx, dw)
}

#[cfg(test)]
mod tests {
    use super::super::super::taps::Window;
    use super::super::columns;
    use super::*;

    fn numbers(len: usize, turn: u64) -> Vec<f64> {
        let mut state = turn;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f64 / (1u64 << 24) as f64 - 0.5
        };
        (0..len).map(next).collect()
    }

    fn same(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (at, (a, b)) in found.iter().zip(expected).enumerate() {
            assert!((a - b).abs() < 1e-9, "{at}: {a} {b}");
        }
    }

    #[test]
    fn few_pixels_are_as_pixel_by_pixel() {
        for (n, c, o, (h, w), kernel, stride, padding) in [
            (3, 96, 640, (5, 4), (3, 3), (1, 1), (1, 1)),
            (2, 130, 512, (7, 7), (3, 3), (2, 2), (1, 1)),
            (1, 60, 600, (9, 5), (5, 3), (2, 1), (0, 1)),
        ] {
            let window = Window { kernel, stride, padding, extra: (0, 0), dilation: (1, 1) };
            let (oh, ow) = window.output("test", h, w).expect("the window fits");
            let plan = Plan { n, c, h, w, o, oh, ow, groups: 1, window };
            assert!(fits(&plan), "{plan:?}");
            let (x, weights) = (numbers(plan.sizes().0, 1), numbers(plan.sizes().1, 2));
            let grad = numbers(plan.sizes().2, 3);
            let finish = |o: usize, at: usize, run: &mut [f64]| {
                assert_eq!(at / plan.pixels() % plan.o, o);
                run.iter_mut().for_each(|y| *y += o as f64);
            };
            let expected = columns::forward(&plan, &x, None, &weights, finish);
            same(&forward(&plan, &x, &weights, finish), &expected);
            let (dx, dw) = backward(&plan, &x, &weights, &grad, (true, true));
            let (dx_expected, dw_expected) = columns::backward(&plan, &x, None, &weights, &grad, (true, true));
            same(&dx.expect("wanted"), &dx_expected.expect("wanted"));
            same(&dw.expect("wanted"), &dw_expected.expect("wanted"));
            assert!(backward(&plan, &x, &weights, &grad, (false, true)).0.is_none());
        }
    }
}

//! Pooling's kernels: a plane of a picture at a time.

use super::super::cpu::{Float, fast, fastest, parallel, scratch, shared};
use super::super::norm::sum;
use super::super::taps::Window;
use std::ops::Range;

/// Planes of pictures before and after pooling.
#[derive(Clone, Copy)]
pub(super) struct Planes {
    pub count: usize,
    pub h: usize,
    pub w: usize,
    pub oh: usize,
    pub ow: usize,
}

impl Planes {
    fn least(&self) -> usize {
        (1 << 13) / (self.h * self.w).max(1) + 1
    }
}

/// The input places that the window at output place `i` covers.
fn covered(i: usize, size: usize, kernel: usize, stride: usize, padding: usize) -> Range<usize> {
    (i * stride).saturating_sub(padding)..(i * stride + kernel).saturating_sub(padding).min(size)
}

/// The largest number of each window and where in its plane it stands.
pub(super) fn max<T: Float>(size: Planes, window: &Window, x: &[T]) -> (Vec<T>, Vec<u32>) {
    let (plane, pixels) = (size.h * size.w, size.oh * size.ow);
    let (mut y, mut places) = (vec![T::ZERO; size.count * pixels], vec![0u32; size.count * pixels]);
    let (y_out, places_out) = (shared(&mut y), shared(&mut places));
    let apart = window.stride == (1, 1) && window.kernel.1 > 1;
    parallel(size.count, size.least(), |part| {
        let rows = if apart { size.h * size.ow } else { 0 };
        let (mut best, mut at) = (vec![T::ZERO; rows], vec![0u32; rows]);
        for i in part {
            // SAFETY: each plane belongs to one thread.
            let (y, places) = unsafe { (y_out.slice(i * pixels, pixels), places_out.slice(i * pixels, pixels)) };
            let x = &x[i * plane..][..plane];
            if apart {
                max_of_plane(Planes { oh: size.h, ..size }, &row_of(window), x, &mut best, &mut at);
                max_of_rows(size, window, (&best, &at), y, places);
            } else {
                max_of_plane(size, window, x, y, places);
            }
        }
    });
    (y, places)
}

/// A window's extent along the rows alone.
fn row_of(window: &Window) -> Window {
    Window { kernel: (1, window.kernel.1), padding: (0, window.padding.1), ..*window }
}

fastest! {
    /// The largest of the rows' largest, and where they stand: the first of equal ones in the picture's order, as in one go.
    fn max_of_rows[_FUSED]<T>(size: Planes, window: &Window, rows: (&[T], &[u32]), y: &mut [T], places: &mut [u32]) {
        for row in 0..size.oh {
            let lines = covered(row, size.h, window.kernel.0, 1, window.padding.0);
            let (y, places) = (&mut y[row * size.ow..][..size.ow], &mut places[row * size.ow..][..size.ow]);
            y.copy_from_slice(&rows.0[lines.start * size.ow..][..size.ow]);
            places.copy_from_slice(&rows.1[lines.start * size.ow..][..size.ow]);
            for line in lines.skip(1) {
                let (best, at) = (&rows.0[line * size.ow..][..size.ow], &rows.1[line * size.ow..][..size.ow]);
                for i in 0..size.ow {
                    let wins = best[i] > y[i] || is_nan(best[i]);
                    y[i] = if wins { best[i] } else { y[i] };
                    places[i] = if wins { at[i] } else { places[i] };
                }
            }
        }
    }
}

fastest! {
    fn max_of_plane[_FUSED]<T>(size: Planes, window: &Window, x: &[T], y: &mut [T], places: &mut [u32]) {
        let Window { kernel, stride, padding, .. } = *window;
        // Where all windows of a row lie inside the picture, a place of the window is compared along the whole row.
        let inner = padding.1.div_ceil(stride.1)
            ..((size.w + padding.1).saturating_sub(kernel.1) / stride.1 + 1).min(size.ow);
        let inner = inner.start.min(inner.end)..inner.end;
        for row in 0..size.oh {
            let lines = covered(row, size.h, kernel.0, stride.0, padding.0);
            let y = &mut y[row * size.ow..][..size.ow];
            let places = &mut places[row * size.ow..][..size.ow];
            for column in (0..inner.start).chain(inner.end..size.ow) {
                let columns = covered(column, size.w, kernel.1, stride.1, padding.1);
                let (mut best, mut place) = (T::LOWEST, lines.start * size.w + columns.start);
                for line in lines.clone() {
                    let from = line * size.w + columns.start;
                    for (i, candidate) in x[from..from + columns.len()].iter().enumerate() {
                        if *candidate > best || is_nan(*candidate) {
                            (best, place) = (*candidate, from + i);
                        }
                    }
                }
                (y[column], places[column]) = (best, place as u32);
            }
            if inner.is_empty() {
                continue;
            }
            let (y, places) = (&mut y[inner.clone()], &mut places[inner.clone()]);
            y.fill(T::LOWEST);
            let first = inner.start * stride.1 - padding.1;
            for (i, place) in places.iter_mut().enumerate() {
                *place = (lines.start * size.w + first + i * stride.1) as u32;
            }
            for line in lines {
                for j in 0..kernel.1 {
                    let from = line * size.w + first + j;
                    match stride.1 {
                        1 => raise::<T, 1>(&x[from..], from, y, places),
                        2 => raise::<T, 2>(&x[from..], from, y, places),
                        step => {
                            for (i, (y, place)) in y.iter_mut().zip(&mut *places).enumerate() {
                                let candidate = x[from + i * step];
                                if candidate > *y || is_nan(candidate) {
                                    (*y, *place) = (candidate, (from + i * step) as u32);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
#[allow(clippy::eq_op)]
fn is_nan<T: Float>(x: T) -> bool {
    x != x
}

/// Keeps the larger of each number and its candidate, without a branch.
#[inline(always)]
fn raise<T: Float, const STEP: usize>(x: &[T], from: usize, y: &mut [T], places: &mut [u32]) {
    let x = &x[..(y.len() - 1) * STEP + 1];
    let places = &mut places[..y.len()];
    for i in 0..y.len() {
        let candidate = x[i * STEP];
        let wins = candidate > y[i] || is_nan(candidate);
        y[i] = if wins { candidate } else { y[i] };
        places[i] = if wins { (from + i * STEP) as u32 } else { places[i] };
    }
}

/// Hands each window's gradient to the place that won.
pub(super) fn max_backward<T: Float>(size: Planes, places: &[u32], dy: &[T]) -> Vec<T> {
    let (plane, pixels) = (size.h * size.w, size.oh * size.ow);
    let mut dx = vec![T::ZERO; size.count * plane];
    let out = shared(&mut dx);
    parallel(size.count, size.least(), |part| {
        for i in part {
            // SAFETY: each plane belongs to one thread.
            let dx = unsafe { out.slice(i * plane, plane) };
            for (place, dy) in places[i * pixels..][..pixels].iter().zip(&dy[i * pixels..][..pixels]) {
                dx[*place as usize] += *dy;
            }
        }
    });
    dx
}

/// Windows for averages along one side: the places covered and the count to divide by.
pub(super) type Spans = Vec<(Range<usize>, usize)>;

/// The windows of an average pool along one side.
pub(super) fn spans(size: usize, out: usize, kernel: usize, stride: usize, padding: usize, whole: bool) -> Spans {
    (0..out)
        .map(|i| {
            let span = covered(i, size, kernel, stride, padding);
            // PyTorch counts the padding, but not what a window reaches beyond it.
            let counted = (i * stride + kernel).min(size + 2 * padding) - i * stride;
            let count = if whole { counted } else { span.len() };
            (span, count)
        })
        .collect()
}

/// The windows of an adaptive average pool along one side.
pub(super) fn adaptive(size: usize, out: usize) -> Spans {
    (0..out)
        .map(|i| {
            let span = i * size / out..((i + 1) * size).div_ceil(out);
            (span.clone(), span.len())
        })
        .collect()
}

/// The mean of each window.
pub(super) fn average<T: Float>(size: Planes, rows: &Spans, columns: &Spans, x: &[T]) -> Vec<T> {
    let (plane, pixels) = (size.h * size.w, size.oh * size.ow);
    let mut y = vec![T::ZERO; size.count * pixels];
    let (out, factors) = (shared(&mut y), factors::<T>(columns));
    parallel(size.count, size.least(), |part| {
        scratch::<T, _>(0, size.w, |sums| {
            for i in part {
                // SAFETY: each plane belongs to one thread.
                let y = unsafe { out.slice(i * pixels, pixels) };
                average_of_plane(rows, columns, &factors, &x[i * plane..][..plane], sums, y);
            }
        });
    });
    y
}

/// What a window's sum along a row is multiplied by.
fn factors<T: Float>(columns: &Spans) -> Vec<T> {
    columns.iter().map(|(_, wide)| T::of(1. / *wide as f64)).collect()
}

fast! {
    /// A row of windows at a time: first the sum of its lines, column by column.
    fn average_of_plane[_FUSED]<T>(rows: &Spans, columns: &Spans, factors: &[T], x: &[T], sums: &mut [T], y: &mut [T]) {
        let w = sums.len();
        for ((lines, high), y) in rows.iter().zip(y.chunks_exact_mut(columns.len())) {
            sums.fill(T::ZERO);
            for line in lines.clone() {
                for (total, x) in sums.iter_mut().zip(&x[line * w..][..w]) {
                    *total += *x;
                }
            }
            let factor = T::of(1. / *high as f64);
            if let [(span, _)] = columns.as_slice() {
                y[0] = T::of(sum(&sums[span.clone()])) * factor * factors[0];
                continue;
            }
            for ((span, _), (y, wide)) in columns.iter().zip(y.iter_mut().zip(factors)) {
                let mut total = T::ZERO;
                for x in &sums[span.clone()] {
                    total += *x;
                }
                *y = total * factor * *wide;
            }
        }
    }
}

/// Spreads each window's gradient evenly over the window.
pub(super) fn average_backward<T: Float>(size: Planes, rows: &Spans, columns: &Spans, dy: &[T]) -> Vec<T> {
    let (plane, pixels) = (size.h * size.w, size.oh * size.ow);
    let mut dx = vec![T::ZERO; size.count * plane];
    let (out, factors) = (shared(&mut dx), factors::<T>(columns));
    parallel(size.count, size.least(), |part| {
        scratch::<T, _>(0, size.w, |shares| {
            for i in part {
                // SAFETY: each plane belongs to one thread.
                let dx = unsafe { out.slice(i * plane, plane) };
                spread_over_plane(rows, columns, &factors, &dy[i * pixels..][..pixels], shares, dx);
            }
        });
    });
    dx
}

fast! {
    /// A row of windows at a time: first what each of its lines gets.
    fn spread_over_plane[_FUSED]<T>(
        rows: &Spans, columns: &Spans, factors: &[T], dy: &[T], shares: &mut [T], dx: &mut [T],
    ) {
        let w = shares.len();
        for ((lines, high), dy) in rows.iter().zip(dy.chunks_exact(columns.len())) {
            let factor = T::of(1. / *high as f64);
            shares.fill(T::ZERO);
            for ((span, _), (dy, wide)) in columns.iter().zip(dy.iter().zip(factors)) {
                let share = *dy * factor * *wide;
                for place in &mut shares[span.clone()] {
                    *place += share;
                }
            }
            for line in lines.clone() {
                for (dx, share) in dx[line * w..][..w].iter_mut().zip(shares.iter()) {
                    *dx += *share;
                }
            }
        }
    }
}

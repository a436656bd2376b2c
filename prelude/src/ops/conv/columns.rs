//! Convolution as matrix products over columns of samples (im2col), a block of output pixels at a time.
//!
//! Output pixels are numbered through the whole batch. A block of them is either a part of one
//! picture, and then results go straight to their place, or a run of whole small pictures, gathered so
//! that the matrix product is wide enough to be fast.

use super::super::cpu::{Float, Shared, fast, scratch, shared, threads};
use super::super::norm::Affine;
use super::super::product::{Fixed, by_rows, multiply, transposed};
use super::plan::Plan;
use rayon::prelude::*;
use std::ops::Range;

/// Some pixels of some pictures: a part of one picture, or whole pictures.
#[derive(Clone, Debug)]
pub(super) struct Pixels {
    pub pictures: Range<usize>,
    pub pixels: Range<usize>,
}

impl Pixels {
    fn len(&self) -> usize {
        self.pictures.len() * self.pixels.len()
    }

    fn is_part(&self) -> bool {
        self.pictures.len() == 1
    }
}

/// Cuts a batch's output pixels into blocks whose columns stay in the cache, at least one for each thread.
fn blocks(plan: &Plan) -> Vec<Pixels> {
    let depth = if plan.is_pointwise() { plan.cg() } else { plan.cg() * plan.places() };
    let (pixels, least) = (plan.pixels(), 192);
    let wanted = (192 * 1024 / depth.max(1)).clamp(least, 4096);
    let mut blocks = Vec::new();
    // a window of one pixel reads what lies there: one picture's pixels together are no less than several's, as long as they are many
    let enough = if plan.is_pointwise() { least } else { wanted };
    if pixels >= enough || plan.n == 1 {
        let parts = if plan.n >= threads() { 1 } else { threads().div_ceil(plan.n) };
        let parts = parts.max((pixels + wanted / 2) / wanted).min(pixels.div_ceil(48)).max(1);
        for n in 0..plan.n {
            for part in 0..parts {
                blocks.push(Pixels { pictures: n..n + 1, pixels: part * pixels / parts..(part + 1) * pixels / parts });
            }
        }
    } else {
        let runs = (plan.n * pixels).div_ceil(wanted).next_multiple_of(threads()).min(plan.n);
        for run in 0..runs {
            blocks.push(Pixels { pictures: run * plan.n / runs..(run + 1) * plan.n / runs, pixels: 0..pixels });
        }
    }
    blocks
}

/// y = w ∗ f(x), where `before` is f; `finish` sees each run of a channel's pixels as soon as it is whole.
pub(crate) fn forward<T: Float>(
    plan: &Plan,
    x: &[T],
    before: Option<&Affine<T>>,
    w: &[T],
    finish: impl Fn(usize, usize, &mut [T]) + Sync,
) -> Vec<T> {
    let mut y: Vec<T> = Vec::with_capacity(plan.sizes().2);
    let out = shared(y.spare_capacity_mut());
    let (og, depth, pixels) = (plan.og(), plan.cg() * plan.places(), plan.pixels());
    blocks(plan).par_iter().for_each(|block| {
        let len = block.len();
        for group in 0..plan.groups {
            with_columns(plan, x, before, group, block, |columns, stride| {
                let weight = by_rows(w[group * og * depth..].as_ptr(), depth);
                if block.is_part() {
                    let at = (block.pictures.start * plan.o + group * og) * pixels + block.pixels.start;
                    // SAFETY: the block's part of y is written by this thread alone.
                    unsafe {
                        let place = by_rows(out.at(at).cast::<T>(), pixels);
                        multiply((og, depth, len), Fixed::Rows, weight, by_rows(columns, stride), place, false, 1);
                        for o in 0..og {
                            let run = std::slice::from_raw_parts_mut(out.at(at + o * pixels).cast::<T>(), len);
                            finish(group * og + o, at + o * pixels, run);
                        }
                    }
                    return;
                }
                scratch::<T, _>(1, og * len, |part| {
                    // SAFETY: `part` holds og × len numbers; the block's part of y is this thread's alone.
                    unsafe {
                        let place = by_rows(part.as_mut_ptr(), len);
                        multiply((og, depth, len), Fixed::Rows, weight, by_rows(columns, stride), place, false, 1);
                        for (i, n) in block.pictures.clone().enumerate() {
                            for o in 0..og {
                                let from = part[o * len + i * pixels..].as_ptr();
                                let at = (n * plan.o + group * og + o) * pixels;
                                let to = out.at(at).cast::<T>();
                                std::ptr::copy_nonoverlapping(from, to, pixels);
                                finish(group * og + o, at, std::slice::from_raw_parts_mut(to, pixels));
                            }
                        }
                    }
                })
            });
        }
    });
    // SAFETY: the blocks cover all pixels of all channels.
    unsafe { y.set_len(plan.sizes().2) };
    y
}

/// The gradients of f(x) and of the weight, each where it is wanted; `before` is f.
pub(crate) fn backward<T: Float>(
    plan: &Plan,
    x: &[T],
    before: Option<&Affine<T>>,
    w: &[T],
    grad: &[T],
    needs: (bool, bool),
) -> (Option<Vec<T>>, Option<Vec<T>>) {
    let (x_size, w_size, _) = plan.sizes();
    let (og, cg, places, pixels) = (plan.og(), plan.cg(), plan.places(), plan.pixels());
    let depth = cg * places;
    let mut dx: Vec<T> = Vec::with_capacity(if needs.0 { x_size } else { 0 });
    let dx_shared = Shared::of(&mut dx);
    // Blocks of one picture add to the same pixels of dx, so a picture's blocks stay with one thread, in their order.
    let blocks = blocks(plan);
    let mut runs: Vec<Vec<Pixels>> = vec![Vec::new(); threads().min(plan.n).max(1)];
    let lanes = runs.len();
    for block in blocks {
        let lane = block.pictures.start * lanes / plan.n;
        runs[lane].push(block);
    }
    runs.retain(|run| !run.is_empty());
    // Where few pixels share a product with many weights, the product reads the weights' rows faster than their columns.
    let turned =
        (needs.0 && runs.iter().flatten().all(|block| !block.is_part())).then(|| turn(w, plan.groups, og, depth));
    let mut parts: Vec<Vec<T>> = runs
        .par_iter()
        .map(|run| {
            let mut dw = if needs.1 { vec![T::ZERO; w_size] } else { Vec::new() };
            for block in run {
                let len = block.len();
                for group in 0..plan.groups {
                    with_grad(plan, grad, group, block, |dy, dy_stride| {
                        if needs.1 {
                            with_columns(plan, x, before, group, block, |columns, stride| {
                                // SAFETY: dw holds og × depth numbers for the group.
                                unsafe {
                                    let place = by_rows(dw[group * og * depth..].as_mut_ptr(), depth);
                                    let size = (og, len, depth);
                                    multiply(
                                        size,
                                        Fixed::Both,
                                        by_rows(dy, dy_stride),
                                        transposed(columns, stride),
                                        place,
                                        true,
                                        1,
                                    );
                                }
                            });
                        }
                        if needs.0 {
                            let weight = match &turned {
                                Some(turned) => by_rows(turned[group * og * depth..].as_ptr(), og),
                                None => transposed(w[group * og * depth..].as_ptr(), depth),
                            };
                            let product = |place| {
                                let size = (depth, og, len);
                                // SAFETY: each place below has room for depth × len numbers, and is this thread's alone.
                                unsafe {
                                    multiply(size, Fixed::Rows, weight, by_rows(dy, dy_stride), place, false, 1);
                                }
                            };
                            if plan.is_pointwise() && block.is_part() {
                                let at = (block.pictures.start * plan.c + group * cg) * pixels + block.pixels.start;
                                // SAFETY: the block's pixels of dx are this thread's alone.
                                product(by_rows(unsafe { dx_shared.at(at) }, pixels));
                                return;
                            }
                            scratch::<T, _>(2, depth * len, |columns| {
                                // `columns` holds depth × len numbers; the pictures are this thread's alone
                                product(by_rows(columns.as_mut_ptr(), len));
                                if block.pixels.start == 0 {
                                    let plane = plan.h * plan.w;
                                    for n in block.pictures.clone() {
                                        // SAFETY: as above; zero bits are zeros.
                                        let at = unsafe { dx_shared.at((n * plan.c + group * cg) * plane) };
                                        unsafe { at.write_bytes(0, cg * plane) };
                                    }
                                }
                                scatter(plan, columns, group * cg..(group + 1) * cg, block, dx_shared);
                            });
                        }
                    });
                }
            }
            dw
        })
        .collect();
    if needs.0 {
        // SAFETY: the blocks cover all pictures; a picture's first block sets its numbers.
        unsafe { dx.set_len(x_size) };
    }
    let dw = needs.1.then(|| {
        let mut total = parts.swap_remove(0);
        for part in &parts {
            total.par_chunks_mut(1 << 14).zip(part.par_chunks(1 << 14)).for_each(|(total, part)| add(total, part));
        }
        total
    });
    (needs.0.then_some(dx), dw)
}

/// Each group's weights (og, depth) as (depth, og).
pub(super) fn turn<T: Float>(w: &[T], groups: usize, og: usize, depth: usize) -> Vec<T> {
    const SIDE: usize = 16;
    let mut turned = vec![T::ZERO; groups * og * depth];
    for (w, turned) in w.chunks_exact(og * depth).zip(turned.chunks_exact_mut(og * depth)) {
        turned.par_chunks_mut(SIDE * og).enumerate().for_each(|(block, turned)| {
            for o in (0..og).step_by(SIDE) {
                for (i, row) in turned.chunks_exact_mut(og).enumerate() {
                    for (lane, to) in row[o..].iter_mut().take(SIDE).enumerate() {
                        *to = w[(o + lane) * depth + block * SIDE + i];
                    }
                }
            }
        });
    }
    turned
}

fast! {
    /// total += part
    pub(crate) fn add[_FUSED]<T>(total: &mut [T], part: &[T]) {
        for (total, part) in total.iter_mut().zip(part) {
            *total += *part;
        }
    }
}

/// Lets a function see the block's gradient of a group's output as a matrix (og, len) with its row stride.
fn with_grad<T: Float>(plan: &Plan, grad: &[T], group: usize, block: &Pixels, f: impl FnOnce(*const T, usize)) {
    let (og, pixels) = (plan.og(), plan.pixels());
    if block.is_part() {
        let at = (block.pictures.start * plan.o + group * og) * pixels + block.pixels.start;
        return f(grad[at..].as_ptr(), pixels);
    }
    let len = block.len();
    scratch::<T, _>(3, og * len, |gathered| {
        for (i, n) in block.pictures.clone().enumerate() {
            for o in 0..og {
                let from = (n * plan.o + group * og + o) * pixels;
                gathered[o * len + i * pixels..][..pixels].copy_from_slice(&grad[from..from + pixels]);
            }
        }
        f(gathered.as_ptr(), len)
    })
}

/// Lets a function see the block's samples as a matrix (cg · places, len) with its row stride, `before` done to them where the window is a pixel.
fn with_columns<T: Float>(
    plan: &Plan,
    x: &[T],
    before: Option<&Affine<T>>,
    group: usize,
    block: &Pixels,
    f: impl FnOnce(*const T, usize),
) {
    let (cg, plane) = (plan.cg(), plan.h * plan.w);
    if plan.is_pointwise() && block.is_part() && before.is_none() {
        let at = (block.pictures.start * plan.c + group * cg) * plane + block.pixels.start;
        return f(x[at..].as_ptr(), plane);
    }
    let len = block.len();
    scratch::<T, _>(0, cg * plan.places() * len, |columns| {
        if plan.is_pointwise() {
            for (i, n) in block.pictures.clone().enumerate() {
                for c in 0..cg {
                    let from = (n * plan.c + group * cg + c) * plane + block.pixels.start;
                    let from = &x[from..from + block.pixels.len()];
                    let to = &mut columns[c * len + i * plane..][..from.len()];
                    match before {
                        Some(before) => before.lay(group * cg + c, from, to),
                        None => to.copy_from_slice(from),
                    }
                }
            }
        } else {
            gather(plan, x, group * cg..(group + 1) * cg, block, columns);
        }
        f(columns.as_ptr(), len)
    })
}

/// Calls a function for each run of samples: (columns' offset, picture offset of the first sample, before, inside, after).
#[inline(always)]
fn runs(plan: &Plan, channels: Range<usize>, block: &Pixels, mut f: impl FnMut(usize, usize, usize, usize, usize)) {
    let len = block.len();
    let window = plan.window;
    let (kh, kw) = window.kernel;
    let rows = block.pixels.start / plan.ow..block.pixels.end.div_ceil(plan.ow);
    for (c, channel) in channels.enumerate() {
        for i in 0..kh {
            for j in 0..kw {
                let row_of_columns = (c * kh + i) * kw + j;
                let (first, end) =
                    Plan::inside(j, plan.w, plan.ow, window.stride.1, window.padding.1, window.dilation.1);
                for (picture, n) in block.pictures.clone().enumerate() {
                    let plane = (n * plan.c + channel) * plan.h * plan.w;
                    let base = row_of_columns * len + picture * block.pixels.len();
                    for row in rows.clone() {
                        let from = (row * plan.ow).max(block.pixels.start);
                        let to = ((row + 1) * plan.ow).min(block.pixels.end);
                        let (left, right) = (from - row * plan.ow, to - row * plan.ow);
                        let at = base + from - block.pixels.start;
                        let sample = row * window.stride.0 + i * window.dilation.0;
                        if sample < window.padding.0 || sample >= plan.h + window.padding.0 {
                            f(at, 0, right - left, 0, 0);
                            continue;
                        }
                        let (a, b) = (first.clamp(left, right), end.clamp(left, right));
                        if a >= b {
                            f(at, 0, right - left, 0, 0);
                            continue;
                        }
                        let x_at = plane
                            + (sample - window.padding.0) * plan.w
                            + (a * window.stride.1 + j * window.dilation.1 - window.padding.1);
                        f(at, x_at, a - left, b - a, right - b);
                    }
                }
            }
        }
    }
}

/// Where a block's samples of one place of the window lie, if rows of output are as long as the picture's and touch: all of a picture's as one run,
/// moved by the same distance, but for the pixels at an edge whose sample lies outside.
struct Moved {
    /// From the number of a pixel to that of its sample.
    by: isize,
    /// The pixels that have a sample, edges aside.
    pixels: Range<usize>,
    /// The columns of the picture whose pixels have none.
    outside: Range<usize>,
}

impl Moved {
    fn fits(plan: &Plan) -> bool {
        plan.window.stride == (1, 1) && plan.ow == plan.w
    }

    #[inline(always)]
    fn of(plan: &Plan, place: (usize, usize), block: &Range<usize>) -> Moved {
        let window = plan.window;
        let (h, w) = (plan.h as isize, plan.w as isize);
        let down = (place.0 * window.dilation.0) as isize - window.padding.0 as isize;
        let right = (place.1 * window.dilation.1) as isize - window.padding.1 as isize;
        let by = down * w + right;
        let (least, most) = (block.start as isize, block.end as isize);
        let first = ((-down).max(0) * w).max(-by).clamp(least, most);
        let end = ((h - down).max(0) * w).min(h * w - by).clamp(first, most);
        let outside = if right < 0 { 0..(-right).min(w) } else { (w - right).max(0)..w };
        Moved { by, pixels: first as usize..end as usize, outside: outside.start as usize..outside.end as usize }
    }

    /// Zeros for the block's pixels at an edge.
    #[inline(always)]
    fn clear<T: Float>(&self, width: usize, block: &Range<usize>, columns: &mut [T]) {
        for edge in self.outside.clone() {
            let rows = block.start.saturating_sub(edge).div_ceil(width);
            for pixel in (rows * width + edge..block.end).step_by(width) {
                columns[pixel - block.start] = T::ZERO;
            }
        }
    }
}

/// Calls a function for each run of a block's samples that are moved together: (columns' offset, the picture's offset, how they are moved).
#[inline(always)]
fn moves(plan: &Plan, channels: Range<usize>, block: &Pixels, mut f: impl FnMut(usize, usize, Moved)) {
    let (kh, kw) = plan.window.kernel;
    for (c, channel) in channels.enumerate() {
        for i in 0..kh {
            for j in 0..kw {
                for (picture, n) in block.pictures.clone().enumerate() {
                    let at = ((c * kh + i) * kw + j) * block.len() + picture * block.pixels.len();
                    let plane = (n * plan.c + channel) * plan.h * plan.w;
                    f(at, plane, Moved::of(plan, (i, j), &block.pixels));
                }
            }
        }
    }
}

fast! {
    /// Copies the block's samples of these channels into columns, zeros where the window reaches over the edge.
    pub(super) fn gather[_FUSED]<T>(plan: &Plan, x: &[T], channels: Range<usize>, block: &Pixels, columns: &mut [T]) {
        if Moved::fits(plan) {
            return moves(plan, channels, block, |at, plane, moved| {
                let columns = &mut columns[at..at + block.pixels.len()];
                let (first, end) = (moved.pixels.start - block.pixels.start, moved.pixels.end - block.pixels.start);
                columns[..first].fill(T::ZERO);
                columns[end..].fill(T::ZERO);
                if first < end {
                    let from = (plane + moved.pixels.start).wrapping_add_signed(moved.by);
                    columns[first..end].copy_from_slice(&x[from..from + end - first]);
                }
                moved.clear(plan.w, &block.pixels, columns);
            });
        }
        let step = plan.window.stride.1;
        runs(plan, channels, block, |at, x_at, before, inside, after| {
            let row = &mut columns[at..at + before + inside + after];
            row[..before].fill(T::ZERO);
            row[before + inside..].fill(T::ZERO);
            let row = &mut row[before..before + inside];
            match step {
                1 => row.copy_from_slice(&x[x_at..x_at + inside]),
                2 if inside > 0 => {
                    let x = &x[x_at..x_at + 2 * inside - 1];
                    let (last, row) = row.split_last_mut().expect("some are inside");
                    for (place, pair) in row.iter_mut().zip(x.chunks_exact(2)) {
                        *place = pair[0];
                    }
                    *last = x[2 * inside - 2];
                }
                _ => {
                    for (i, place) in row.iter_mut().enumerate() {
                        *place = x[x_at + i * step];
                    }
                }
            }
        });
    }
}

fast! {
    /// Adds columns of these channels' gradients to the samples that they came from.
    pub(super) fn scatter[_FUSED]<T>(plan: &Plan, columns: &mut [T], channels: Range<usize>, block: &Pixels, dx: Shared<T>) {
        if Moved::fits(plan) {
            return moves(plan, channels, block, |at, plane, moved| {
                let columns = &mut columns[at..at + block.pixels.len()];
                moved.clear(plan.w, &block.pixels, columns);
                let from = &columns[moved.pixels.start - block.pixels.start..moved.pixels.end - block.pixels.start];
                if from.is_empty() {
                    return;
                }
                let to = (plane + moved.pixels.start).wrapping_add_signed(moved.by);
                // SAFETY: the samples lie in pictures that this thread alone writes.
                add(unsafe { dx.slice(to, from.len()) }, from);
            });
        }
        let step = plan.window.stride.1;
        runs(plan, channels, block, |at, x_at, before, inside, _| {
            if inside == 0 {
                return;
            }
            let from = &columns[at + before..at + before + inside];
            // SAFETY: the samples lie in pictures that this thread alone writes.
            let to = unsafe { dx.slice(x_at, (inside - 1) * step + 1) };
            if step == 1 {
                for (to, from) in to.iter_mut().zip(from) {
                    *to += *from;
                }
            } else {
                for (i, from) in from.iter().enumerate() {
                    to[i * step] += *from;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::taps::Window;
    use super::*;

    #[test]
    fn samples_moved_as_long_runs_equal_those_taken_one_by_one() {
        for (kernel, padding, dilation) in
            [((3, 3), (1, 1), (1, 1)), ((5, 3), (0, 1), (1, 1)), ((3, 3), (3, 2), (1, 2))]
        {
            for (h, w) in [(9, 7), (5, 2), (6, 40)] {
                let window = Window { kernel, stride: (1, 1), padding, extra: (0, 0), dilation };
                let oh = h + 2 * padding.0 - dilation.0 * (kernel.0 - 1);
                let plan = Plan { n: 3, c: 2, h, w, o: 1, oh, ow: w, groups: 1, window };
                assert!(Moved::fits(&plan));
                let x: Vec<f64> = (1..=plan.sizes().0).map(|i| i as f64).collect();
                let (all, middle) = (oh * w, oh * w / 3);
                for block in [
                    Pixels { pictures: 0..3, pixels: 0..all },
                    Pixels { pictures: 1..2, pixels: middle..all - middle / 2 },
                    Pixels { pictures: 2..3, pixels: 0..1 },
                ] {
                    let len = block.len();
                    let mut columns = vec![-1.0; plan.c * plan.places() * len];
                    gather(&plan, &x, 0..plan.c, &block, &mut columns);
                    let mut dx = vec![0.0; x.len()];
                    let (mut expected, mut back) = (Vec::new(), vec![0.0; x.len()]);
                    for row in 0..plan.c * plan.places() {
                        let (c, place) = (row / plan.places(), row % plan.places());
                        for n in block.pictures.clone() {
                            for pixel in block.pixels.clone() {
                                let y = pixel / w + place / kernel.1 * dilation.0;
                                let x_at = pixel % w + place % kernel.1 * dilation.1;
                                let inside = (padding.0..h + padding.0).contains(&y)
                                    && (padding.1..w + padding.1).contains(&x_at);
                                let at = ((n * plan.c + c) * h + y.wrapping_sub(padding.0)).wrapping_mul(w);
                                let at = at.wrapping_add(x_at).wrapping_sub(padding.1);
                                if inside {
                                    back[at] += (expected.len() + 1) as f64;
                                }
                                expected.push(if inside { x[at] } else { 0.0 });
                            }
                        }
                    }
                    assert_eq!(columns, expected, "{plan:?} {block:?}");
                    let mut slopes: Vec<f64> = (1..=columns.len()).map(|i| i as f64).collect();
                    scatter(&plan, &mut slopes, 0..plan.c, &block, shared(&mut dx));
                    assert_eq!(dx, back, "{plan:?} {block:?}");
                }
            }
        }
    }
}

//! Winograd's F(4×4, 3×3) for 3×3 windows of stride 1: 36 products where the plain sum takes 144.
//!
//! (A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks, 2015.) Tiles of 6×6 samples, 4 apart, and
//! the weights are transformed; in the transformed space a convolution is 36 matrix products over channels.
//! Everything is laid out with the channels side by side, so that each transform is whole vectors.

use super::super::cpu::{Float, Shared, by_rows, fast, fma, multiply, parallel, scratch, shared, threads, transposed};
use super::plan::Plan;
use rayon::prelude::*;
use std::ops::Range;

/// Samples a tile has along a side, and output pixels.
const TILE: usize = 6;
const STEP: usize = 4;
/// Numbers of a transformed tile, each with its own matrix product.
const SPOTS: usize = TILE * TILE;

/// Whether the transform pays: enough pixels to outweigh transforming the weights, and enough channels that the
/// products outweigh transforming the pixels.
pub(crate) fn pays(plan: &Plan) -> bool {
    let window = plan.window;
    let fits = window.kernel == (3, 3) && window.stride == (1, 1) && window.dilation == (1, 1) && plan.groups == 1;
    let fits = fits && window.extra == (0, 0);
    let tiles = plan.n * plan.oh.div_ceil(STEP) * plan.ow.div_ceil(STEP);
    fits && plan.c >= 64 && plan.o >= 64 && window.padding.0 <= 2 && window.padding.1 <= 2 && tiles >= 64
}

/// The tiles of a batch, in runs that share one buffer.
struct Tiles {
    columns: usize,
    /// (picture, row of tiles), a run of them at a time.
    runs: Vec<Vec<(usize, usize)>>,
}

impl Tiles {
    fn new(plan: &Plan) -> Tiles {
        let (rows, columns) = (plan.oh.div_ceil(STEP), plan.ow.div_ceil(STEP));
        let all: Vec<(usize, usize)> = (0..plan.n * rows).map(|i| (i / rows, i % rows)).collect();
        // Samples and products of a run together take some 2 million numbers.
        let most = ((1 << 21) / (SPOTS * (plan.c + plan.o) * columns)).max(1);
        let parts = all.len().div_ceil(most.max(32usize.div_ceil(columns)));
        let runs = (0..parts).map(|i| all[i * all.len() / parts..(i + 1) * all.len() / parts].to_vec()).collect();
        Tiles { columns, runs }
    }
}

const LANES: usize = 8;
type Lanes<T> = [T; LANES];

/// A vector of lanes, each by the same formula.
macro_rules! lanes {
    (|$i:ident| $value:expr) => {{
        let mut out = [T::ZERO; LANES];
        for $i in 0..LANES {
            out[$i] = $value;
        }
        out
    }};
}

/// The samples' transform along one side (Bᵀ).
#[inline(always)]
fn input_line<T: Float, const FUSED: bool>(d: &[Lanes<T>; 6]) -> [Lanes<T>; 6] {
    let (two, four, five) = (T::of(2.), T::of(4.), T::of(5.));
    let a = lanes!(|i| fma::<T, FUSED>(-four, d[2][i], d[4][i]));
    let b = lanes!(|i| fma::<T, FUSED>(-four, d[1][i], d[3][i]));
    let c = lanes!(|i| d[4][i] - d[2][i]);
    let e = lanes!(|i| two * (d[3][i] - d[1][i]));
    [
        lanes!(|i| fma::<T, FUSED>(four, d[0][i], fma::<T, FUSED>(-five, d[2][i], d[4][i]))),
        lanes!(|i| a[i] + b[i]),
        lanes!(|i| a[i] - b[i]),
        lanes!(|i| c[i] + e[i]),
        lanes!(|i| c[i] - e[i]),
        lanes!(|i| fma::<T, FUSED>(four, d[1][i], fma::<T, FUSED>(-five, d[3][i], d[5][i]))),
    ]
}

/// The products' way back to pixels (Aᵀ).
#[inline(always)]
fn output_line<T: Float, const FUSED: bool>(m: &[Lanes<T>; 6]) -> [Lanes<T>; 4] {
    let (two, four, eight) = (T::of(2.), T::of(4.), T::of(8.));
    let (a, b) = (lanes!(|i| m[1][i] + m[2][i]), lanes!(|i| m[1][i] - m[2][i]));
    let (c, d) = (lanes!(|i| m[3][i] + m[4][i]), lanes!(|i| m[3][i] - m[4][i]));
    [
        lanes!(|i| m[0][i] + a[i] + c[i]),
        lanes!(|i| fma::<T, FUSED>(two, d[i], b[i])),
        lanes!(|i| fma::<T, FUSED>(four, c[i], a[i])),
        lanes!(|i| fma::<T, FUSED>(eight, d[i], b[i]) + m[5][i]),
    ]
}

/// The pixels' gradient on its way to the products (A).
#[inline(always)]
fn gradient_line<T: Float, const FUSED: bool>(y: &[Lanes<T>; 4]) -> [Lanes<T>; 6] {
    let (two, four, eight) = (T::of(2.), T::of(4.), T::of(8.));
    let (a, b) = (lanes!(|i| y[0][i] + y[2][i]), lanes!(|i| y[1][i] + y[3][i]));
    let c = lanes!(|i| fma::<T, FUSED>(four, y[2][i], y[0][i]));
    let d = lanes!(|i| fma::<T, FUSED>(eight, y[3][i], two * y[1][i]));
    [y[0], lanes!(|i| a[i] + b[i]), lanes!(|i| a[i] - b[i]), lanes!(|i| c[i] + d[i]), lanes!(|i| c[i] - d[i]), y[3]]
}

/// The weights' transform (G).
#[inline(always)]
fn weight_line<T: Float, const FUSED: bool>(g: &[Lanes<T>; 3]) -> [Lanes<T>; 6] {
    let (quarter, sixth, part) = (T::of(1. / 4.), T::of(1. / 6.), T::of(1. / 24.));
    let a = lanes!(|i| -sixth * (g[0][i] + g[2][i]));
    let b = lanes!(|i| -sixth * g[1][i]);
    let c = lanes!(|i| fma::<T, FUSED>(part, g[0][i], sixth * g[2][i]));
    let d = lanes!(|i| T::of(1. / 12.) * g[1][i]);
    [
        lanes!(|i| quarter * g[0][i]),
        lanes!(|i| a[i] + b[i]),
        lanes!(|i| a[i] - b[i]),
        lanes!(|i| c[i] + d[i]),
        lanes!(|i| c[i] - d[i]),
        g[2],
    ]
}

/// The way back of the weights' gradient (Gᵀ).
#[inline(always)]
fn weight_gradient_line<T: Float, const FUSED: bool>(u: &[Lanes<T>; 6]) -> [Lanes<T>; 3] {
    let (quarter, sixth, part) = (T::of(1. / 4.), T::of(1. / 6.), T::of(1. / 24.));
    let (a, b) = (lanes!(|i| u[1][i] + u[2][i]), lanes!(|i| u[2][i] - u[1][i]));
    let (c, d) = (lanes!(|i| u[3][i] + u[4][i]), lanes!(|i| u[3][i] - u[4][i]));
    [
        lanes!(|i| quarter * u[0][i] - sixth * a[i] + part * c[i]),
        lanes!(|i| sixth * b[i] + T::of(1. / 12.) * d[i]),
        lanes!(|i| u[5][i] + sixth * (c[i] - a[i])),
    ]
}

/// A transform along both sides of a tile, for a vector of channels at once.
#[inline(always)]
fn both_sides<T: Float, const R: usize, const K: usize>(
    line: impl Fn(&[Lanes<T>; K]) -> [Lanes<T>; R] + Copy,
    tile: &[[Lanes<T>; K]; K],
) -> [[Lanes<T>; R]; R] {
    let mut half = [[[T::ZERO; LANES]; K]; R];
    for j in 0..K {
        let mut column = [[T::ZERO; LANES]; K];
        for k in 0..K {
            column[k] = tile[k][j];
        }
        let column = line(&column);
        for r in 0..R {
            half[r][j] = column[r];
        }
    }
    let mut whole = [[[T::ZERO; LANES]; R]; R];
    for r in 0..R {
        whole[r] = line(&half[r]);
    }
    whole
}

/// Pictures whose tiles are transformed: channels, height, width, and how far the first tile reaches over the edge.
#[derive(Clone, Copy)]
struct Pictures {
    c: usize,
    h: usize,
    w: usize,
    edge: (usize, usize),
}

/// Where the tiles of one row go: spot s of tile t and channel c at `(s · count + t) · wide + c`.
#[derive(Clone, Copy)]
struct TileRow {
    picture: usize,
    row: usize,
    /// The number of the row's first tile, and how many there are in the row and in the buffer.
    first: usize,
    columns: usize,
    count: usize,
    wide: usize,
}

impl TileRow {
    /// Samples along the row, for tiles of so many.
    fn reach(&self, tile: usize) -> usize {
        (self.columns - 1) * STEP + tile
    }

    /// Lends room for the row's samples of all channels. Outside the kernels: a closure of theirs would be compiled
    /// without their instruction set.
    fn strip<T: Float>(&self, tile: usize, f: impl FnOnce(&mut [T])) {
        scratch::<T, _>(5, tile * self.reach(tile) * self.wide, f)
    }
}

#[inline(always)]
fn into_spots<T: Float, const K: usize>(
    size: Pictures,
    row: TileRow,
    line: impl Fn(&[Lanes<T>; K]) -> [Lanes<T>; TILE] + Copy,
    x: &[T],
    strip: &mut [T],
    spots: &mut Spots<T>,
) {
    let reach = row.reach(K);
    // The samples of all channels side by side, zeros beyond the edges.
    strip.fill(T::ZERO);
    for i in 0..K {
        let y = row.row * STEP + i;
        if y < size.edge.0 || y - size.edge.0 >= size.h {
            continue;
        }
        let (left, right) = (size.edge.1.min(reach), (size.edge.1 + size.w).min(reach));
        let line = &mut strip[i * reach * row.wide..][..reach * row.wide];
        for c in (0..size.c).step_by(LANES) {
            let channels = LANES.min(size.c - c);
            let at = ((row.picture * size.c + c) * size.h + y - size.edge.0) * size.w;
            for j in left..right {
                let to = &mut line[j * row.wide + c..][..LANES];
                for lane in 0..channels {
                    to[lane] = x[at + lane * size.h * size.w + j - size.edge.1];
                }
            }
        }
    }
    for t in 0..row.columns {
        for c in (0..row.wide).step_by(LANES) {
            let mut tile = [[[T::ZERO; LANES]; K]; K];
            for (i, tile) in tile.iter_mut().enumerate() {
                for (j, tile) in tile.iter_mut().enumerate() {
                    tile.copy_from_slice(&strip[(i * reach + t * STEP + j) * row.wide + c..][..LANES]);
                }
            }
            let tile = both_sides(line, &tile);
            for (s, lanes) in tile.as_flattened().iter().enumerate() {
                // SAFETY: the spots of a row of tiles belong to one thread.
                let to = unsafe { spots.slice((s * row.count + row.first + t) * row.wide + c, LANES) };
                to.copy_from_slice(lanes);
            }
        }
    }
}

type Spots<T> = super::super::cpu::Shared<T>;

fast! {
    fn samples_into_spots[FUSED]<T>(size: Pictures, row: TileRow, x: &[T], strip: &mut [T], spots: &mut Spots<T>) {
        into_spots(size, row, input_line::<T, FUSED>, x, strip, spots);
    }
}

fast! {
    fn gradients_into_spots[FUSED]<T>(size: Pictures, row: TileRow, dy: &[T], strip: &mut [T], spots: &mut Spots<T>) {
        into_spots(size, row, gradient_line::<T, FUSED>, dy, strip, spots);
    }
}

fast! {
    /// Writes a row of tiles as pixels.
    fn out_of_spots[FUSED]<T>(size: Pictures, row: TileRow, spots: &[T], y: &mut Spots<T>) {
        for t in 0..row.columns {
            for c in (0..size.c).step_by(LANES) {
                let mut tile = [[[T::ZERO; LANES]; TILE]; TILE];
                for (s, lanes) in tile.as_flattened_mut().iter_mut().enumerate() {
                    lanes.copy_from_slice(&spots[(s * row.count + row.first + t) * row.wide + c..][..LANES]);
                }
                let tile = both_sides(output_line::<T, FUSED>, &tile);
                let (top, left) = (row.row * STEP, t * STEP);
                for lane in 0..LANES.min(size.c - c) {
                    for (i, line) in tile.iter().enumerate().take(size.h - top) {
                        let at = ((row.picture * size.c + c + lane) * size.h + top + i) * size.w + left;
                        // SAFETY: the pixels of a row of tiles belong to one thread.
                        let to = unsafe { y.slice(at, STEP.min(size.w - left)) };
                        for (to, from) in to.iter_mut().zip(line) {
                            *to = from[lane];
                        }
                    }
                }
            }
        }
    }
}

fast! {
    /// Transforms the weights: spot s, channel in c, channel out o at `(s · c + c) · o + o`; `turned` for the input's gradient.
    fn weights_into_spots[FUSED]<T>(plan: &Plan, w: &[T], turned: bool, part: Range<usize>, spots: &mut Spots<T>) {
        let (rows, columns) = if turned { (plan.o, plan.c) } else { (plan.c, plan.o) };
        for from in part {
            for to in (0..columns).step_by(LANES) {
                let many = LANES.min(columns - to);
                let mut tile = [[[T::ZERO; LANES]; 3]; 3];
                for k in 0..9 {
                    for (lane, place) in tile[k / 3][k % 3][..many].iter_mut().enumerate() {
                        let (o, c) = if turned { (from, to + lane) } else { (to + lane, from) };
                        *place = w[(o * plan.c + c) * 9 + if turned { 8 - k } else { k }];
                    }
                }
                let tile = both_sides(weight_line::<T, FUSED>, &tile);
                for (s, lanes) in tile.as_flattened().iter().enumerate() {
                    // SAFETY: the spots of a channel in belong to one thread.
                    let place = unsafe { spots.slice((s * rows + from) * columns + to, many) };
                    place.copy_from_slice(&lanes[..many]);
                }
            }
        }
    }
}

fast! {
    /// Brings the weights' gradient back: adds nothing, writes all of dw.
    fn weights_out_of_spots[FUSED]<T>(plan: &Plan, spots: &[T], part: Range<usize>, dw: &mut Spots<T>) {
        for c in part {
            for o in (0..plan.o).step_by(LANES) {
                let many = LANES.min(plan.o - o);
                let mut tile = [[[T::ZERO; LANES]; TILE]; TILE];
                for (s, lanes) in tile.as_flattened_mut().iter_mut().enumerate() {
                    lanes[..many].copy_from_slice(&spots[(s * plan.c + c) * plan.o + o..][..many]);
                }
                let tile = both_sides(weight_gradient_line::<T, FUSED>, &tile);
                for lane in 0..many {
                    // SAFETY: the weights of a channel in belong to one thread.
                    let dw = unsafe { dw.slice(((o + lane) * plan.c + c) * 9, 9) };
                    for (k, dw) in dw.iter_mut().enumerate() {
                        let from = &tile[k / 3][k % 3];
                        *dw = from[lane];
                    }
                }
            }
        }
    }
}

/// Calls a function for each row of tiles of a run, in parallel.
fn each_row(tiles: &Tiles, run: &[(usize, usize)], wide: usize, f: impl Fn(TileRow) + Sync) {
    let columns = tiles.columns;
    let count = run.len() * columns;
    run.par_iter().enumerate().with_min_len(run.len().div_ceil(8 * threads())).for_each(|(i, &(picture, row))| {
        f(TileRow { picture, row, first: i * columns, columns, count, wide });
    });
}

/// y = w ∗ x; `finish` sees each run of a channel's pixels as soon as it is whole.
pub(crate) fn forward<T: Float>(
    plan: &Plan,
    x: &[T],
    w: &[T],
    finish: impl Fn(usize, usize, &mut [T]) + Sync,
) -> Vec<T> {
    convolve(plan, x, w, false, finish)
}

fn convolve<T: Float>(
    plan: &Plan,
    x: &[T],
    w: &[T],
    turned: bool,
    finish: impl Fn(usize, usize, &mut [T]) + Sync,
) -> Vec<T> {
    // The input's gradient is the same sum with weights turned about and the channels exchanged.
    let padding = plan.window.padding;
    let (from, to, edge) = if turned {
        ((plan.o, plan.oh, plan.ow), (plan.c, plan.h, plan.w), (2 - padding.0, 2 - padding.1))
    } else {
        ((plan.c, plan.h, plan.w), (plan.o, plan.oh, plan.ow), padding)
    };
    let shape = Plan { c: from.0, h: from.1, w: from.2, o: to.0, oh: to.1, ow: to.2, ..*plan };
    let tiles = Tiles::new(&shape);
    let input = Pictures { c: from.0, h: from.1, w: from.2, edge };
    let output = Pictures { c: to.0, h: to.1, w: to.2, edge: (0, 0) };
    let (deep, wide) = (from.0.next_multiple_of(LANES), to.0.next_multiple_of(LANES));
    let size = plan.n * to.0 * to.1 * to.2;
    let mut y: Vec<T> = Vec::with_capacity(size);
    let y_out = Shared::of(&mut y);
    let most = tiles.runs.iter().map(Vec::len).max().unwrap_or(0) * tiles.columns;
    scratch::<T, _>(6, SPOTS * from.0 * to.0, |weights| {
        let spots = shared(weights);
        parallel(from.0, 8, |part| weights_into_spots(plan, w, turned, part, &mut spots.clone()));
        let weights: &[T] = weights;
        scratch::<T, _>(7, SPOTS * most * deep, |samples| {
            scratch::<T, _>(8, SPOTS * most * wide, |products| {
                for run in &tiles.runs {
                    let count = run.len() * tiles.columns;
                    let spots = shared(samples);
                    each_row(&tiles, run, deep, |row| {
                        row.strip(TILE, |strip| samples_into_spots(input, row, x, strip, &mut spots.clone()));
                    });
                    let out = shared(products);
                    let samples: &[T] = samples;
                    (0..SPOTS).into_par_iter().for_each(|s| {
                        let samples = by_rows(samples[s * count * deep..].as_ptr(), deep);
                        let weights = by_rows(weights[s * from.0 * to.0..].as_ptr(), to.0);
                        // SAFETY: each spot's products are written by one thread.
                        unsafe {
                            let out = by_rows(out.at(s * count * wide), wide);
                            multiply((count, from.0, to.0), samples, weights, out, false, 1);
                        }
                    });
                    let products: &[T] = products;
                    each_row(&tiles, run, wide, |row| {
                        let top = row.row * STEP;
                        let len = STEP.min(output.h - top) * output.w;
                        let begin = |c: usize| ((row.picture * output.c + c) * output.h + top) * output.w;
                        for c in 0..output.c {
                            // SAFETY: the pixels of a row of tiles belong to one thread; zero bits are zeros.
                            unsafe { y_out.at(begin(c)).write_bytes(0, len) };
                        }
                        out_of_spots(output, row, products, &mut y_out.clone());
                        for c in 0..output.c {
                            let at = begin(c);
                            // SAFETY: the pixels of a row of tiles belong to one thread.
                            finish(c, at, unsafe { y_out.slice(at, len) });
                        }
                    });
                }
            })
        })
    });
    // SAFETY: the tiles cover all pixels.
    unsafe { y.set_len(size) };
    y
}

/// The gradients of input and weight, each where it is wanted.
pub(crate) fn backward<T: Float>(
    plan: &Plan,
    x: &[T],
    w: &[T],
    grad: &[T],
    needs: (bool, bool),
) -> (Option<Vec<T>>, Option<Vec<T>>) {
    let dx = needs.0.then(|| convolve(plan, grad, w, true, |_, _, _| ()));
    let dw = needs.1.then(|| weight_gradient(plan, x, grad));
    (dx, dw)
}

fn weight_gradient<T: Float>(plan: &Plan, x: &[T], grad: &[T]) -> Vec<T> {
    let tiles = Tiles::new(plan);
    let input = Pictures { c: plan.c, h: plan.h, w: plan.w, edge: plan.window.padding };
    let output = Pictures { c: plan.o, h: plan.oh, w: plan.ow, edge: (0, 0) };
    let (deep, wide) = (plan.c.next_multiple_of(LANES), plan.o.next_multiple_of(LANES));
    let most = tiles.runs.iter().map(Vec::len).max().unwrap_or(0) * tiles.columns;
    let mut dw = vec![T::ZERO; plan.sizes().1];
    scratch::<T, _>(6, SPOTS * plan.c * plan.o, |weights| {
        scratch::<T, _>(7, SPOTS * most * deep, |samples| {
            scratch::<T, _>(8, SPOTS * most * wide, |gradients| {
                for (turn, run) in tiles.runs.iter().enumerate() {
                    let count = run.len() * tiles.columns;
                    let (from, to) = (shared(samples), shared(gradients));
                    each_row(&tiles, run, deep, |row| {
                        row.strip(TILE, |strip| samples_into_spots(input, row, x, strip, &mut from.clone()));
                    });
                    each_row(&tiles, run, wide, |row| {
                        row.strip(STEP, |strip| gradients_into_spots(output, row, grad, strip, &mut to.clone()));
                    });
                    let (samples, gradients): (&[T], &[T]) = (samples, gradients);
                    let out = shared(weights);
                    (0..SPOTS).into_par_iter().for_each(|s| {
                        let samples = transposed(samples[s * count * deep..].as_ptr(), deep);
                        let gradients = by_rows(gradients[s * count * wide..].as_ptr(), wide);
                        // SAFETY: each spot's weights are written by one thread.
                        unsafe {
                            let out = by_rows(out.at(s * plan.c * plan.o), plan.o);
                            multiply((plan.c, count, plan.o), samples, gradients, out, turn > 0, 1);
                        }
                    });
                }
            })
        });
        let weights: &[T] = weights;
        let out = shared(&mut dw);
        parallel(plan.c, 8, |part| weights_out_of_spots(plan, weights, part, &mut out.clone()));
    });
    dw
}

#[cfg(test)]
mod tests {
    use super::super::super::taps::Window;
    use super::super::columns;
    use super::*;

    /// The same sums as by columns (which tests/ops_fixtures.rs checks against PyTorch), for sizes that fill no tile.
    #[test]
    fn the_same_as_by_columns() {
        for (n, c, o, h, w, padding) in
            [(1, 1, 1, 3, 3, (0, 0)), (2, 3, 9, 7, 10, (1, 1)), (3, 17, 8, 13, 6, (2, 0)), (1, 8, 24, 4, 21, (0, 2))]
        {
            let window = Window { kernel: (3, 3), stride: (1, 1), padding, extra: (0, 0), dilation: (1, 1) };
            let (oh, ow) = window.output("test", h, w).expect("the window fits");
            let plan = Plan { n, c, h, w, o, oh, ow, groups: 1, window };
            let (x_size, w_size, y_size) = plan.sizes();
            let numbers = |count: usize| (0..count).map(|i| ((i * 37 % 101) as f64 - 50.) / 50.).collect::<Vec<f64>>();
            let (x, w, dy) = (numbers(x_size), numbers(w_size), numbers(y_size));
            let finish = |o: usize, _: usize, run: &mut [f64]| run.iter_mut().for_each(|y| *y += o as f64);
            close(&forward(&plan, &x, &w, finish), &columns::forward(&plan, &x, None, &w, finish));
            let (dx, dw) = backward(&plan, &x, &w, &dy, (true, true));
            let (dx_wanted, dw_wanted) = columns::backward(&plan, &x, None, &w, &dy, (true, true));
            close(&dx.expect("wanted"), &dx_wanted.expect("wanted"));
            close(&dw.expect("wanted"), &dw_wanted.expect("wanted"));
        }
    }

    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }
}

//! Winograd's F(4×4, 3×3) for 3×3 windows of stride 1: 36 products where the plain sum takes 144.
//!
//! (A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks, 2015.) Tiles of 6×6 samples, 4 apart, and
//! the weights are transformed; in the transformed space a convolution is 36 matrix products over channels.
//! A channel's samples are sorted by their place within a tile, so that the same place of neighbouring tiles lies side by
//! side: each transform is then whole vectors of tiles, and the products read and write rows of tiles.

mod lines;

use super::super::cpu::{Float, Shared, fast, parallel, scratch, threads};
use super::super::product::{Fixed, by_rows, multiply, transposed};
use super::super::vector::{Vector, vectors};
use super::filled;
use super::plan::Plan;
use lines::{GradientLine, ProductLine, SampleLine, TileLine, WeightGradientLine, WeightLine, both_sides};
use rayon::prelude::*;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Samples a tile has along a side, and output pixels.
const TILE: usize = 6;
const STEP: usize = 4;
/// The widest vector's numbers.
const MOST_LANES: usize = 16;
/// Numbers of a transformed tile, each with its own matrix product.
const SPOTS: usize = TILE * TILE;

/// Whether the transform pays: enough pixels to outweigh transforming the weights, and enough channels that the
/// products outweigh transforming the pixels.
pub(crate) fn pays(plan: &Plan) -> bool {
    let window = plan.window;
    let fits = window.kernel == (3, 3) && window.stride == (1, 1) && window.dilation == (1, 1) && plan.groups == 1;
    let fits = fits && window.extra == (0, 0);
    let tiles = plan.n * plan.oh.div_ceil(STEP) * plan.ow.div_ceil(STEP);
    fits && plan.c >= 32 && plan.o >= 32 && window.padding.0 <= 2 && window.padding.1 <= 2 && tiles >= 64
}

/// Rows of tiles of one picture.
#[derive(Clone, Debug)]
struct Band {
    picture: usize,
    rows: Range<usize>,
    /// The number of its first tile in the run.
    first: usize,
}

/// The bands that share one buffer, and how many tiles they have.
struct TileRun {
    bands: Vec<Band>,
    count: usize,
}

/// The tiles of a batch.
struct Tiles {
    /// Tiles along a row.
    columns: usize,
    runs: Vec<TileRun>,
}

impl Tiles {
    fn new(plan: &Plan) -> Tiles {
        let (rows, columns) = (plan.oh.div_ceil(STEP), plan.ow.div_ceil(STEP));
        // Samples and products of a run together take some 2 million numbers, as long as the products stay wide.
        let most = ((1 << 21) / (SPOTS * (plan.c + plan.o) * columns)).max(32usize.div_ceil(columns));
        // Whole pictures, as many in one run as in another for few threads; or parts of one.
        let whole = plan.n.div_ceil((most / rows).max(1)).next_power_of_two().min(plan.n);
        let parts = rows.div_ceil(most);
        let mut runs: Vec<TileRun> = Vec::new();
        for run in 0..if parts == 1 { whole } else { plan.n * parts } {
            let mut count = 0;
            let mut band = |picture: usize, rows: Range<usize>| {
                let first = count;
                count += rows.len() * columns;
                Band { picture, rows, first }
            };
            let bands = if parts == 1 {
                (run * plan.n / whole..(run + 1) * plan.n / whole).map(|picture| band(picture, 0..rows)).collect()
            } else {
                let part = run % parts;
                vec![band(run / parts, part * rows / parts..(part + 1) * rows / parts)]
            };
            runs.push(TileRun { bands, count });
        }
        Tiles { columns, runs }
    }
}

/// Calls a function for each number below `count`, in parallel or one after the other.
fn each(count: usize, at_once: bool, f: impl Fn(usize) + Sync) {
    match at_once {
        true => parallel(count, 1, |part| part.for_each(&f)),
        false => (0..count).for_each(f),
    }
}

/// A tile of K×K vectors, of which so many numbers are there, from where each lies.
#[inline(always)]
fn read_tile<T: Float, V: Vector<T>, const K: usize>(
    numbers: &[T],
    many: usize,
    at: impl Fn(usize, usize) -> usize,
) -> [[V; K]; K] {
    let mut tile = [[V::splat(T::ZERO); K]; K];
    for (i, row) in tile.iter_mut().enumerate() {
        for (j, place) in row.iter_mut().enumerate() {
            *place = load(&numbers[at(i, j)..][..many]);
        }
    }
    tile
}

/// One channel of pictures whose tiles are transformed: height, width, and how far the first tile reaches over the edge.
#[derive(Clone, Copy)]
struct PlaneSize {
    h: usize,
    w: usize,
    edge: (usize, usize),
}

/// Samples of some rows of tiles, sorted by their place: those that lie at row i and column j of a tile, side×side samples large, begin at
/// `at(i, j)`, tile by tile.
#[derive(Clone, Copy)]
struct Sorted {
    /// Tiles along a row, and rows of them.
    columns: usize,
    rows: usize,
    /// The tile's side.
    side: usize,
}

impl Sorted {
    fn tiles(&self) -> usize {
        self.rows * self.columns
    }

    /// Rows that lie between one row of a tile and the next: a row of tiles more, whose first samples the last one reaches into.
    fn block(&self) -> usize {
        self.rows + usize::from(self.side > STEP)
    }

    /// Numbers of one column of a tile.
    fn column(&self) -> usize {
        STEP * self.block() * self.columns
    }

    /// The numbers in all, with room for whole vectors.
    fn len(&self) -> usize {
        self.side * self.column() + MOST_LANES
    }

    #[inline(always)]
    fn at(&self, i: usize, j: usize) -> usize {
        j * self.column() + (i % STEP * self.block() + i / STEP) * self.columns
    }

    /// Where a vector of so many tiles begins, by its number: the last one overlaps the one before rather than reach over the end.
    #[inline(always)]
    fn step(&self, step: usize, lanes: usize) -> usize {
        (step * lanes).min(self.tiles().saturating_sub(lanes))
    }
}

fast! {
    /// Sorts a channel's samples of some rows of tiles, from the first, by their place; zeros beyond the edges.
    fn sort[_FUSED]<T>(size: PlaneSize, first: usize, sorted: Sorted, x: &[T], lines: &mut [T], out: &mut [T]) {
        let (wide, column) = (sorted.columns * STEP, sorted.column());
        let left = size.edge.1;
        let many = size.w.min(wide - left);
        let (firsts, rest) = out.split_at_mut(STEP * column);
        // Rows in their order among the sorted; what tiles reach into beyond the whole ones follows below.
        for i in 0..sorted.block() * STEP {
            let y = first * STEP + i;
            let line = &mut lines[(i % STEP * sorted.block() + i / STEP) * wide..][..wide];
            if y < size.edge.0 || y - size.edge.0 >= size.h || i >= (sorted.rows - 1) * STEP + sorted.side {
                line.fill(T::ZERO);
                continue;
            }
            line[..left].fill(T::ZERO);
            line[left..][..many].copy_from_slice(&x[(y - size.edge.0) * size.w..][..many]);
            line[left + many..].fill(T::ZERO);
        }
        let (a, b) = firsts.split_at_mut(2 * column);
        let ((a, b), (c, d)) = (a.split_at_mut(column), b.split_at_mut(column));
        for ((((four, a), b), c), d) in lines[..STEP * column].chunks_exact(STEP).zip(a).zip(b).zip(c).zip(d) {
            (*a, *b, *c, *d) = (four[0], four[1], four[2], four[3]);
        }
        for j in STEP..sorted.side {
            let to = &mut rest[(j - STEP) * column..][..column];
            let from = &firsts[(j - STEP) * column..][..column];
            to[..column - 1].copy_from_slice(&from[1..]);
            let x_at = (wide + j - STEP).checked_sub(left).filter(|at| *at < size.w);
            for i in 0..sorted.block() * STEP {
                let y = (first * STEP + i).checked_sub(size.edge.0).filter(|y| *y < size.h);
                let place = (i % STEP * sorted.block() + i / STEP + 1) * sorted.columns - 1;
                to[place] = match (x_at, y) {
                    (Some(x_at), Some(y)) => x[y * size.w + x_at],
                    _ => T::ZERO,
                };
            }
        }
    }
}

/// Where a channel's transformed tiles go: spot s of tile t at `s · apart + at + t`.
#[derive(Clone, Copy)]
struct Spots {
    at: usize,
    apart: usize,
}

#[inline(always)]
fn into_spots<L: TileLine<K, TILE>, T: Float, V: Vector<T>, const K: usize>(
    sorted: Sorted,
    samples: &[T],
    spots: Spots,
    out: &mut Shared<T>,
) {
    for step in 0..sorted.tiles().div_ceil(V::LANES) {
        let step = sorted.step(step, V::LANES);
        let tile = read_tile::<T, V, K>(samples, V::LANES, |i, j| sorted.at(i, j) + step);
        let tile = both_sides::<L, T, V, K, TILE>(&tile);
        let many = sorted.tiles().min(V::LANES);
        for (s, vector) in tile.as_flattened().iter().enumerate() {
            // SAFETY: a channel's tiles belong to one thread.
            store(*vector, unsafe { out.slice(s * spots.apart + spots.at + step, many) });
        }
    }
}

/// Writes as much of a vector as a slice has room for.
#[inline(always)]
fn store<T: Float, V: Vector<T>>(vector: V, to: &mut [T]) {
    if to.len() >= V::LANES {
        return vector.store(to);
    }
    let mut whole = [T::ZERO; MOST_LANES];
    vector.store(&mut whole);
    to.copy_from_slice(&whole[..to.len()]);
}

/// Reads a vector of a slice that may be shorter.
#[inline(always)]
fn load<T: Float, V: Vector<T>>(from: &[T]) -> V {
    if from.len() >= V::LANES {
        return V::load(from);
    }
    let mut whole = [T::ZERO; MOST_LANES];
    whole[..from.len()].copy_from_slice(from);
    V::load(&whole)
}

vectors! {
    fn samples_into_spots<V, T>(sorted: Sorted, samples: &[T], spots: Spots, out: &mut Shared<T>) {
        into_spots::<SampleLine, T, V, TILE>(sorted, samples, spots, out);
    }
}

vectors! {
    fn gradients_into_spots<V, T>(sorted: Sorted, gradients: &[T], spots: Spots, out: &mut Shared<T>) {
        into_spots::<GradientLine, T, V, STEP>(sorted, gradients, spots, out);
    }
}

vectors! {
    /// Brings a channel's tiles back, sorted by their place.
    fn out_of_spots<V, T>(sorted: Sorted, products: &[T], spots: Spots, out: &mut [T]) {
        for step in 0..sorted.tiles().div_ceil(V::LANES) {
        let step = sorted.step(step, V::LANES);
            let many = sorted.tiles().min(V::LANES);
            let spot = |i, j| (i * TILE + j) * spots.apart + spots.at + step;
            let tile = read_tile::<T, V, TILE>(products, many, spot);
            let tile = both_sides::<ProductLine, T, V, TILE, STEP>(&tile);
            for (s, vector) in tile.as_flattened().iter().enumerate() {
                store(*vector, &mut out[sorted.at(s / STEP, s % STEP) + step..][..many]);
            }
        }
    }
}

fast! {
    /// Writes sorted pixels as the rows that they belong to.
    fn unsort[_FUSED]<T>(size: PlaneSize, sorted: Sorted, pixels: &[T], lines: &mut [T], y: &mut [MaybeUninit<T>]) {
        let (wide, column) = (sorted.columns * STEP, sorted.column());
        let (a, b) = pixels[..STEP * column].split_at(2 * column);
        let ((a, b), (c, d)) = (a.split_at(column), b.split_at(column));
        for ((((four, a), b), c), d) in lines[..STEP * column].chunks_exact_mut(STEP).zip(a).zip(b).zip(c).zip(d) {
            (four[0], four[1], four[2], four[3]) = (*a, *b, *c, *d);
        }
        for (i, y) in y.chunks_exact_mut(size.w).enumerate() {
            let line = &lines[(i % STEP * sorted.rows + i / STEP) * wide..][..size.w];
            // SAFETY: numbers are as good as numbers that may not be there.
            y.copy_from_slice(unsafe { std::slice::from_raw_parts(line.as_ptr().cast(), line.len()) });
        }
    }
}

vectors! {
    /// Transforms the weights between one channel of a result and all channels of what it is made of: spot s and channel c at
    /// `s · apart + at + c`. Their windows begin `stride` apart; `turned` about for the input's gradient.
    fn weights_into_spots<V, T>(w: &[T], stride: usize, turned: bool, spots: Spots, out: &mut Shared<T>) {
        let channels = (w.len() - 9) / stride + 1;
        for c in (0..channels).step_by(V::LANES) {
            let many = V::LANES.min(channels - c);
            let mut windows = [[T::ZERO; MOST_LANES]; 9];
            for (lane, window) in w[c * stride..].chunks(stride).take(many).enumerate() {
                for (k, number) in window[..9].iter().enumerate() {
                    windows[if turned { 8 - k } else { k }][lane] = *number;
                }
            }
            let tile = read_tile::<T, V, 3>(windows.as_flattened(), V::LANES, |i, j| (i * 3 + j) * MOST_LANES);
            let tile = both_sides::<WeightLine, T, V, 3, TILE>(&tile);
            for (s, vector) in tile.as_flattened().iter().enumerate() {
                // SAFETY: the spots of a channel belong to one thread.
                store(*vector, unsafe { out.slice(s * spots.apart + spots.at + c, many) });
            }
        }
    }
}

vectors! {
    /// Brings the gradient of one channel's weights back: adds nothing, writes all of dw.
    fn weights_out_of_spots<V, T>(products: &[T], spots: Spots, dw: &mut [T]) {
        let channels = dw.len() / 9;
        for c in (0..channels).step_by(V::LANES) {
            let many = V::LANES.min(channels - c);
            let spot = |i, j| (i * TILE + j) * spots.apart + spots.at + c;
            let tile = read_tile::<T, V, TILE>(products, many, spot);
            let tile = both_sides::<WeightGradientLine, T, V, TILE, 3>(&tile);
            let mut windows = [[T::ZERO; MOST_LANES]; 9];
            for (to, vector) in windows.iter_mut().zip(tile.as_flattened()) {
                vector.store(to);
            }
            for (lane, window) in dw[c * 9..][..many * 9].chunks_exact_mut(9).enumerate() {
                for (dw, numbers) in window.iter_mut().zip(&windows) {
                    *dw = numbers[lane];
                }
            }
        }
    }
}

/// What transforms a channel's sorted samples.
type Kernel<T> = fn(Sorted, &[T], Spots, &mut Shared<T>);

/// Transforms the samples of a run's pictures, whose tiles have that side.
fn transform<T: Float>(
    (columns, run): (usize, &TileRun),
    (channels, size, x): (usize, PlaneSize, &[T]),
    (side, kernel): (usize, Kernel<T>),
    out: Shared<T>,
    at_once: bool,
) {
    each(run.bands.len() * channels, at_once, |i| {
        let (band, c) = (&run.bands[i / channels], i % channels);
        let sorted = Sorted { columns, rows: band.rows.len(), side };
        let plane = &x[(band.picture * channels + c) * size.h * size.w..][..size.h * size.w];
        scratch::<T, _>(4, STEP * sorted.column(), |lines| {
            scratch::<T, _>(5, sorted.len(), |samples| {
                sort(size, band.rows.start, sorted, plane, lines, samples);
                let spots = Spots { at: c * run.count + band.first, apart: channels * run.count };
                kernel(sorted, samples, spots, &mut out.clone());
            })
        })
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
    let tiles = Tiles::new(&Plan { c: from.0, h: from.1, w: from.2, o: to.0, oh: to.1, ow: to.2, ..*plan });
    let input = PlaneSize { h: from.1, w: from.2, edge };
    let output = PlaneSize { h: to.1, w: to.2, edge: (0, 0) };
    let apart = plan.o * plan.c;
    let weights = filled(SPOTS * apart, |out| {
        each(to.0, true, |i| {
            let spots = Spots { at: i * from.0, apart };
            let (w, stride) = if turned { (&w[i * 9..], plan.c * 9) } else { (&w[i * plan.c * 9..][..plan.c * 9], 9) };
            weights_into_spots(w, stride, turned, spots, &mut out.clone());
        });
    });
    // A run is one thread's from samples to pixels, so that it stays in that thread's cache; all threads work at one where there are few.
    let alone = tiles.runs.len() >= threads();
    let convolve_run = |run: &TileRun, y: Shared<T>| {
        let place = (tiles.columns, run);
        let samples = filled(SPOTS * run.count * from.0, |out| {
            transform(place, (from.0, input, x), (TILE, samples_into_spots), out, !alone);
        });
        let products = filled(SPOTS * run.count * to.0, |out| {
            each(SPOTS, !alone, |s| {
                let samples = by_rows(samples[s * run.count * from.0..].as_ptr(), run.count);
                let weights = by_rows(weights[s * apart..].as_ptr(), from.0);
                // SAFETY: each spot's products are written by one thread.
                unsafe {
                    let out = by_rows(out.at(s * run.count * to.0), run.count);
                    multiply((to.0, from.0, run.count), Fixed::Rows, weights, samples, out, false, 1);
                }
            });
        });
        drop(samples);
        each(run.bands.len() * to.0, !alone, |i| {
            let (band, c) = (&run.bands[i / to.0], i % to.0);
            let sorted = Sorted { columns: tiles.columns, rows: band.rows.len(), side: STEP };
            let spots = Spots { at: c * run.count + band.first, apart: to.0 * run.count };
            let (top, bottom) = (band.rows.start * STEP, (band.rows.end * STEP).min(output.h));
            let at = ((band.picture * to.0 + c) * output.h + top) * output.w;
            let len = (bottom - top) * output.w;
            scratch::<T, _>(4, STEP * sorted.column(), |lines| {
                scratch::<T, _>(5, sorted.len(), |pixels| {
                    out_of_spots(sorted, &products, spots, pixels);
                    // SAFETY: a channel's pixels of a band belong to one thread, and all of them are written.
                    let y = unsafe {
                        let y = y.at(at);
                        unsort(output, sorted, pixels, lines, std::slice::from_raw_parts_mut(y.cast(), len));
                        std::slice::from_raw_parts_mut(y, len)
                    };
                    finish(c, at, y);
                })
            })
        });
    };
    filled(plan.n * to.0 * to.1 * to.2, |y| each(tiles.runs.len(), alone, |run| convolve_run(&tiles.runs[run], y)))
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
    let input = PlaneSize { h: plan.h, w: plan.w, edge: plan.window.padding };
    let output = PlaneSize { h: plan.oh, w: plan.ow, edge: (0, 0) };
    let apart = plan.o * plan.c;
    let weights = filled(SPOTS * apart, |out| {
        for (turn, run) in tiles.runs.iter().enumerate() {
            let place = (tiles.columns, run);
            let samples = filled(SPOTS * run.count * plan.c, |out| {
                transform(place, (plan.c, input, x), (TILE, samples_into_spots), out, true);
            });
            let gradients = filled(SPOTS * run.count * plan.o, |out| {
                transform(place, (plan.o, output, grad), (STEP, gradients_into_spots), out, true);
            });
            each(SPOTS, true, |s| {
                let samples = transposed(samples[s * run.count * plan.c..].as_ptr(), run.count);
                let gradients = by_rows(gradients[s * run.count * plan.o..].as_ptr(), run.count);
                // SAFETY: each spot's weights are written by one thread.
                unsafe {
                    let out = by_rows(out.at(s * apart), plan.c);
                    multiply((plan.o, run.count, plan.c), Fixed::Both, gradients, samples, out, turn > 0, 1);
                }
            });
        }
    });
    let mut dw = vec![T::ZERO; plan.sizes().1];
    dw.par_chunks_mut(plan.c * 9).enumerate().with_min_len(4).for_each(|(o, dw)| {
        weights_out_of_spots(&weights, Spots { at: o * plan.c, apart }, dw);
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
        let small =
            [(1, 1, 1, 3, 3, (0, 0)), (2, 3, 9, 7, 10, (1, 1)), (3, 17, 8, 13, 6, (2, 0)), (1, 8, 24, 4, 21, (0, 2))];
        // Pictures in parts, and several runs of pictures.
        let large = [(2, 40, 48, 130, 125, (1, 1)), (9, 33, 35, 31, 30, (1, 0))];
        for (n, c, o, h, w, padding) in small.into_iter().chain(large) {
            let window = Window { kernel: (3, 3), stride: (1, 1), padding, extra: (0, 0), dilation: (1, 1) };
            let (oh, ow) = window.output("test", h, w).expect("the window fits");
            let plan = Plan { n, c, h, w, o, oh, ow, groups: 1, window };
            let expected = sums::<f64>(&plan, false);
            close(&sums::<f64>(&plan, true), &expected, 1e-12);
            close(&sums::<f32>(&plan, true), &expected, 2e-5);
        }
    }

    /// The result and both gradients, by this file or by columns.
    fn sums<T: Float>(plan: &Plan, here: bool) -> [Vec<f64>; 3] {
        let (x, w, y) = plan.sizes();
        let [x, w, dy] =
            [x, w, y].map(|count| (0..count).map(|i| T::of(((i * 37 % 101) as f64 - 50.) / 50.)).collect());
        let (x, w, dy): (Vec<T>, Vec<T>, Vec<T>) = (x, w, dy);
        let finish = |o: usize, _: usize, run: &mut [T]| run.iter_mut().for_each(|y| *y += T::of(o as f64));
        let y = if here { forward(plan, &x, &w, finish) } else { columns::forward(plan, &x, None, &w, finish) };
        let needs = (true, true);
        let (dx, dw) =
            if here { backward(plan, &x, &w, &dy, needs) } else { columns::backward(plan, &x, None, &w, &dy, needs) };
        [y, dx.expect("wanted"), dw.expect("wanted")]
            .map(|numbers| numbers.iter().map(|number| number.to_f64()).collect())
    }

    /// Whether they differ by no more than a part of the largest.
    fn close(found: &[Vec<f64>; 3], expected: &[Vec<f64>; 3], part: f64) {
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.len(), expected.len());
            let largest = expected.iter().fold(0f64, |most, number| most.max(number.abs()));
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() <= part * largest, "{found} {expected} of {largest}");
            }
        }
    }
}

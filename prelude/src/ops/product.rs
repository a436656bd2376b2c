//! Products of matrices, by one thread or several.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod tiles;

use super::activation::filled;
use super::cpu::{Float, Shared};
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use candle_core::DType;
use rayon::prelude::*;

/// A matrix in memory: where it begins and how far apart its columns and rows are.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<P> {
    pub start: P,
    pub rows: usize,
    pub columns: usize,
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
impl<T> Matrix<*const T> {
    fn cast<U>(self) -> Matrix<*const U> {
        Matrix { start: self.start.cast(), rows: self.rows, columns: self.columns }
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
impl<T> Matrix<*mut T> {
    fn cast<U>(self) -> Matrix<*mut U> {
        Matrix { start: self.start.cast(), rows: self.rows, columns: self.columns }
    }
}

/// The sides of a product that are as long for any batch and any number of threads. How it is worked out depends on them alone, so that
/// a picture's numbers do too.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fixed {
    Rows,
    Columns,
    Both,
}

/// Whether a product is worth the machine's tiles, if it has them.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn tiled<T: Float>((m, k, n): (usize, usize, usize), fixed: Fixed, strides: [(usize, usize); 3]) -> bool {
    let side_by_side = strides.iter().all(|(rows, columns)| *rows == 1 || *columns == 1);
    let (rows, columns) = ((fixed != Fixed::Columns).then_some(m), (fixed != Fixed::Rows).then_some(n));
    T::DTYPE == DType::F32 && side_by_side && tiles::pays(rows, k, columns) && tiles::available()
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn tiled<T: Float>(_: (usize, usize, usize), _: Fixed, _: [(usize, usize); 3]) -> bool {
    false
}

/// The fewest multiplications that are worth a second thread.
const WORTH_A_THREAD: usize = 1 << 19;

/// Parts of fewer rows or columns than this take longer for packing.
const LEAST_ROWS: usize = 48;

/// What a product is added to.
#[derive(Clone, Copy)]
enum Onto<T> {
    Nothing,
    /// What `out` holds.
    Out,
    /// One row, to each of its rows; by tiles alone.
    Row(Shared<T>),
}

/// `out = lhs · rhs`, or `out += lhs · rhs` with `add`, for an m×k and a k×n matrix.
///
/// Several threads take whole rows or columns of `out` each, and pack for themselves what they read: one product that threads share
/// packs in a single one of them.
///
/// # Safety
/// The pointers reach over all elements that the sizes and strides name; nobody else touches `out` meanwhile.
pub(crate) unsafe fn multiply<T: Float>(
    size: (usize, usize, usize),
    fixed: Fixed,
    lhs: Matrix<*const T>,
    rhs: Matrix<*const T>,
    out: Matrix<*mut T>,
    add: bool,
    threads: usize,
) {
    let tiled = tiled::<T>(size, fixed, strides(lhs, rhs, out));
    // SAFETY: as above.
    unsafe { in_parts(size, lhs, rhs, out, if add { Onto::Out } else { Onto::Nothing }, tiled, threads) };
}

/// The product of two matrices and a row, which is added to each of its own, row after row.
///
/// # Safety
/// The pointers reach over m × k and k × n elements; the row has n.
pub(crate) unsafe fn multiply_onto<T: Float>(
    (m, k, n): (usize, usize, usize),
    lhs: Matrix<*const T>,
    rhs: Matrix<*const T>,
    row: &[T],
    threads: usize,
) -> Vec<T> {
    let nowhere = by_rows(std::ptr::null_mut(), n);
    let tiled = tiled::<T>((m, k, n), Fixed::Columns, strides(lhs, rhs, nowhere));
    let mut out = if tiled { Vec::with_capacity(m * n) } else { in_each_row(m, row) };
    let onto = if tiled { Onto::Row(Shared::new(row.as_ptr().cast_mut())) } else { Onto::Out };
    // SAFETY: as above; all of `out` is written, and read before only where it was filled.
    unsafe {
        in_parts((m, k, n), lhs, rhs, by_rows(out.as_mut_ptr(), n), onto, tiled, threads);
        out.set_len(m * n);
    }
    out
}

/// So many times the same row.
fn in_each_row<T: Float>(rows: usize, row: &[T]) -> Vec<T> {
    let wide = row.len().max(1);
    filled(rows * row.len(), |part, mut out| {
        let mut at = part.start % wide;
        while !out.is_empty() {
            let (now, later) = out.split_at_mut(out.len().min(wide - at));
            now.iter_mut().zip(&row[at..]).for_each(|(out, number)| {
                out.write(*number);
            });
            (out, at) = (later, 0);
        }
    })
}

fn strides<T>(lhs: Matrix<*const T>, rhs: Matrix<*const T>, out: Matrix<*mut T>) -> [(usize, usize); 3] {
    [(lhs.rows, lhs.columns), (rhs.rows, rhs.columns), (out.rows, out.columns)]
}

/// A product, its parts by several threads.
///
/// # Safety
/// As [`multiply`]; a row has n numbers.
unsafe fn in_parts<T: Float>(
    (m, k, n): (usize, usize, usize),
    lhs: Matrix<*const T>,
    rhs: Matrix<*const T>,
    out: Matrix<*mut T>,
    onto: Onto<T>,
    tiled: bool,
    threads: usize,
) {
    let parts = threads.min(m.saturating_mul(k).saturating_mul(n) / WORTH_A_THREAD);
    if parts < 2 {
        // SAFETY: as above.
        return unsafe { one_product((m, k, n), lhs, rhs, out, onto, tiled) };
    }
    // along the longer side, so that what each reads for itself is the shorter one; along both where there are many threads
    let along = |side: usize, parts: usize| parts.min(side.div_ceil(LEAST_ROWS)).max(1);
    let (down, across) = match m >= n {
        true => (along(m, parts), along(n, parts / along(m, parts))),
        false => (along(m, parts / along(n, parts)), along(n, parts)),
    };
    let (rows, columns) = (m.div_ceil(down).next_multiple_of(8), n.div_ceil(across).next_multiple_of(16));
    let (lhs_start, rhs_start) = (Shared::new(lhs.start.cast_mut()), Shared::new(rhs.start.cast_mut()));
    let out_start = Shared::new(out.start);
    (0..down * across).into_par_iter().for_each(|part| {
        let (top, left) = (part / across * rows, part % across * columns);
        if top >= m || left >= n {
            return;
        }
        let size = (rows.min(m - top), k, columns.min(n - left));
        // SAFETY: as above; each part of `out` is of one thread alone.
        unsafe {
            let lhs = Matrix { start: lhs_start.at(top * lhs.rows).cast_const(), ..lhs };
            let rhs = Matrix { start: rhs_start.at(left * rhs.columns).cast_const(), ..rhs };
            let out = Matrix { start: out_start.at(top * out.rows + left * out.columns), ..out };
            let onto = match onto {
                Onto::Row(row) => Onto::Row(Shared::new(row.at(left))),
                onto => onto,
            };
            one_product(size, lhs, rhs, out, onto, tiled);
        }
    });
}

/// The same by the calling thread alone.
///
/// # Safety
/// As [`multiply`].
unsafe fn one_product<T: Float>(
    (m, k, n): (usize, usize, usize),
    lhs: Matrix<*const T>,
    rhs: Matrix<*const T>,
    out: Matrix<*mut T>,
    onto: Onto<T>,
    tiled: bool,
) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if tiled {
        let (lhs, rhs, out) = (lhs.cast::<f32>(), rhs.cast::<f32>(), out.cast::<f32>());
        let onto = match onto {
            Onto::Nothing => Onto::Nothing,
            Onto::Out => Onto::Out,
            // SAFETY: as above.
            Onto::Row(row) => Onto::Row(Shared::new(unsafe { row.at(0) }.cast::<f32>())),
        };
        // SAFETY: as above; `tiled` says that the numbers are f32 and the machine has the tiles.
        return unsafe { tiles::product((m, k, n), lhs, rhs, out, onto) };
    }
    let _ = tiled;
    // SAFETY: as above.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.start,
            out.columns as isize,
            out.rows as isize,
            !matches!(onto, Onto::Nothing),
            lhs.start,
            lhs.columns as isize,
            lhs.rows as isize,
            rhs.start,
            rhs.columns as isize,
            rhs.rows as isize,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            gemm::Parallelism::None,
        )
    }
}

/// A matrix stored row after row.
pub(crate) fn by_rows<P>(start: P, width: usize) -> Matrix<P> {
    Matrix { start, rows: width, columns: 1 }
}

/// The transpose of a matrix stored row after row.
pub(crate) fn transposed<P>(start: P, width: usize) -> Matrix<P> {
    Matrix { start, rows: 1, columns: width }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_take_parts_of_a_product() {
        let numbers = |len: usize, by: usize| -> Vec<f64> { (0..len).map(|i| (i * by % 101) as f64 - 50.0).collect() };
        for (m, k, n) in [(300, 90, 70), (8, 120, 700), (97, 64, 131), (50, 700, 49), (1, 2000, 1000)] {
            let (lhs, rhs) = (numbers(m * k, 7), numbers(k * n, 13));
            for (turned, add) in [(false, false), (true, true)] {
                let lhs = if turned { transposed(lhs.as_ptr(), m) } else { by_rows(lhs.as_ptr(), k) };
                let rhs = if turned { transposed(rhs.as_ptr(), k) } else { by_rows(rhs.as_ptr(), n) };
                let out = |threads: usize| {
                    let mut out = vec![3.0f64; m * n];
                    // SAFETY: the three hold m × k, k × n and m × n numbers.
                    unsafe { multiply((m, k, n), Fixed::Both, lhs, rhs, by_rows(out.as_mut_ptr(), n), add, threads) };
                    out
                };
                let expected = out(1);
                for threads in [2, 3, 4, 7, 16] {
                    assert_eq!(out(threads), expected, "{m} {k} {n} {turned} {threads}");
                }
            }
        }
    }
}

//! Products of f32 by the tiles that some processors have (Intel's AMX, from 2023 on): they multiply bfloat16 only, sixteen times as fast
//! as vectors multiply f32.
//!
//! A number is the sum of three of eight bits, exactly; of the nine products of two such numbers' parts the six largest are added, in f32.
//! What is left out is below 2⁻²⁴ of a product, an f32's own rounding (G. Henry, P. T. P. Tang, A. Heinecke, Leveraging the bfloat16
//! Artificial Intelligence Datatype For Higher-Precision Computations, 2019). A sum is gathered from blocks of [`MOST_DEPTH`] products,
//! so that it rounds less often than one that runs through. Beside f32's: infinite numbers become "not a number", and what lies
//! below 10⁻³³ loses bits.

use super::{Matrix, Onto};
use std::arch::asm;
use std::arch::x86_64::*;
use std::cell::RefCell;
use std::sync::LazyLock;

/// Rows of a tile, and columns of one that sums are gathered in.
const SIDE: usize = 16;
/// Rows and columns of `out` that are worked on at once: two tiles by two.
const BLOCK: usize = 2 * SIDE;
/// Numbers of a line that a row of a tile holds.
const STEP: usize = 32;
/// Bytes of a tile's row, and of a tile.
const ROW: usize = 64;
const TILE: usize = SIDE * ROW;
/// Bytes of so many numbers of a block's lines: each of the three parts of both tiles.
const GROUP: usize = 6 * TILE;
/// The most numbers of a line that are summed before they are added to `out`: both blocks of lines then stay in the L1 cache.
const MOST_DEPTH: usize = 4 * STEP;
/// The most rows and columns that lie packed at once, so that they stay in the L2 cache.
const MOST_ROWS: usize = 256;
const MOST_COLUMNS: usize = 1024;

/// Whether this processor has the tiles and the system lets us use them.
pub(super) fn available() -> bool {
    static HAVE: LazyLock<bool> = LazyLock::new(|| {
        /// `ARCH_REQ_XCOMP_PERM` and the number of the tiles' state, of Linux' `arch_prctl`.
        const REQUEST: libc::c_long = 0x1023;
        const TILES: libc::c_long = 18;
        let features = __cpuid_count(7, 0).edx;
        let (bfloat16, tiles) = (features >> 22 & 1 == 1, features >> 24 & 1 == 1);
        let vectors = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        // SAFETY: the call asks for leave and touches no memory of ours.
        bfloat16 && tiles && vectors && unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST, TILES) } == 0
    });
    *HAVE
}

/// Whether packing, and what is left empty of blocks, is outweighed, by the sides that are known.
pub(super) fn pays(rows: Option<usize>, depth: usize, columns: Option<usize>) -> bool {
    let whole = |side: usize, of: usize| side.next_multiple_of(of) as f64 / side as f64;
    let sides = [rows, columns].into_iter().flatten();
    let waste = sides.clone().map(|side| whole(side, BLOCK)).product::<f64>() * whole(depth, STEP);
    depth.min(sides.min().unwrap_or(0)) >= 48 && waste < 1.3
}

/// What the tiles are made ready with: all eight of sixteen rows.
#[repr(C, align(64))]
struct CacheLine([u8; 64]);

static SHAPES: CacheLine = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        bytes[16 + 2 * tile] = ROW as u8;
        bytes[48 + tile] = SIDE as u8;
        tile += 1;
    }
    CacheLine(bytes)
};

/// Four products of two tiles of lines each, with something else between.
macro_rules! four {
    ($between:literal) => {
        concat!(
            "tdpbf16ps tmm0, tmm4, tmm6\n",
            $between,
            "tdpbf16ps tmm1, tmm4, tmm7\n",
            $between,
            "tdpbf16ps tmm2, tmm5, tmm6\n",
            $between,
            "tdpbf16ps tmm3, tmm5, tmm7\n",
            $between,
        )
    };
}

/// Reads one of the three parts of a step: of the rows into tiles 4 and 5, of the columns into 6 and 7.
macro_rules! part {
    (rows, $at:literal, $next:literal) => {
        concat!("tileloadd tmm4, [{a} + {row} + ", $at, "]\ntileloadd tmm5, [{a} + {row} + ", $next, "]\n")
    };
    (columns, $at:literal, $next:literal) => {
        concat!("tileloadd tmm6, [{b} + {row} + ", $at, "]\ntileloadd tmm7, [{b} + {row} + ", $next, "]\n")
    };
}

/// One step of a block, the first four sets of products with something else between.
macro_rules! step {
    ($between:literal) => {
        concat!(
            part!(rows, 4096, 5120),
            part!(columns, 0, 1024),
            four!($between),
            part!(rows, 2048, 3072),
            four!($between),
            part!(columns, 2048, 3072),
            four!($between),
            part!(rows, 0, 1024),
            four!($between),
            part!(columns, 0, 1024),
            four!(""),
            part!(columns, 4096, 5120),
            four!(""),
            "add {a}, 6144\nadd {b}, 6144\n",
        )
    };
}

/// Where rows begin, and how many numbers lie between one and the next.
#[derive(Clone, Copy)]
struct OutRows {
    start: *mut f32,
    apart: usize,
}

/// Writes a block from so many steps (one or more) of packed lines, and brings the rows near that are wanted next.
///
/// # Safety
/// Both hold so many steps; all of the block lies in `out`; the tiles are made ready.
#[inline]
unsafe fn block(a: *const u8, b: *const u8, steps: usize, out: OutRows, near: OutRows) {
    // SAFETY: the caller keeps the conditions above.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "test {steps}, {steps}",
            "jz 3f",
            "2:",
            step!(""),
            "dec {steps}",
            "jnz 2b",
            "3:",
            // with the last step rows come into the cache, two between two products
            step!("prefetchw [{o}]\nprefetchw [{o} + 64]\nprefetchw [{o} + {far}]\nprefetchw [{o} + {far} + 64]\nlea {o}, [{o} + 2 * {far}]\n"),
            "tilestored [{out} + {apart}], tmm0",
            "tilestored [{out} + {apart} + 64], tmm1",
            "tilestored [{below} + {apart}], tmm2",
            "tilestored [{below} + {apart} + 64], tmm3",
            a = inout(reg) a => _,
            b = inout(reg) b => _,
            steps = inout(reg) steps - 1 => _,
            row = in(reg) ROW,
            o = inout(reg) near.start => _,
            far = in(reg) near.apart * size_of::<f32>(),
            out = in(reg) out.start,
            below = in(reg) out.start.add(SIDE * out.apart),
            apart = in(reg) out.apart * size_of::<f32>(),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// The three parts of numbers, two to a lane: the first vector's in the lower halves.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn split(low: __m512, high: __m512) -> [__m512i; 3] {
    let (half, mask) = (_mm512_set1_epi32(0x8000), _mm512_set1_epi32(0xffff_0000_u32.cast_signed()));
    let rounded =
        |x: __m512| _mm512_castsi512_ps(_mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(x), half), mask));
    let join = |low: __m512, high: __m512| {
        let low = _mm512_srli_epi32::<16>(_mm512_castps_si512(low));
        // (high and mask) or low
        _mm512_ternarylogic_epi32::<0xEA>(_mm512_castps_si512(high), mask, low)
    };
    let first = (rounded(low), rounded(high));
    let (low, high) = (_mm512_sub_ps(low, first.0), _mm512_sub_ps(high, first.1));
    let second = (rounded(low), rounded(high));
    let third = (_mm512_sub_ps(low, second.0), _mm512_sub_ps(high, second.1));
    [join(first.0, first.1), join(second.0, second.1), join(third.0, third.1)]
}

/// Turns 16×16 numbers about.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn turn(rows: &mut [__m512; SIDE]) {
    let pairs_lo = |a, b| _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
    let pairs_hi = |a, b| _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
    let mut other = [_mm512_setzero_ps(); SIDE];
    for i in 0..8 {
        other[2 * i] = _mm512_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
        other[2 * i + 1] = _mm512_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
    }
    for i in 0..4 {
        rows[4 * i] = pairs_lo(other[4 * i], other[4 * i + 2]);
        rows[4 * i + 1] = pairs_hi(other[4 * i], other[4 * i + 2]);
        rows[4 * i + 2] = pairs_lo(other[4 * i + 1], other[4 * i + 3]);
        rows[4 * i + 3] = pairs_hi(other[4 * i + 1], other[4 * i + 3]);
    }
    for i in 0..4 {
        for j in 0..2 {
            other[8 * j + i] = _mm512_shuffle_f32x4::<0x88>(rows[8 * j + i], rows[8 * j + 4 + i]);
            other[8 * j + 4 + i] = _mm512_shuffle_f32x4::<0xDD>(rows[8 * j + i], rows[8 * j + 4 + i]);
        }
    }
    for i in 0..8 {
        rows[i] = _mm512_shuffle_f32x4::<0x88>(other[i], other[8 + i]);
        rows[8 + i] = _mm512_shuffle_f32x4::<0xDD>(other[i], other[8 + i]);
    }
}

/// A mask of the first numbers.
#[inline]
fn first(count: usize) -> __mmask16 {
    ((1_u32 << count.min(SIDE)) - 1) as __mmask16
}

/// Numbers in lines: the rows of `lhs`, or the columns of `rhs`.
#[derive(Clone, Copy)]
struct Unpacked {
    start: *const f32,
    /// How far apart lines are, and the numbers of a line.
    line: usize,
    along: usize,
}

impl Unpacked {
    /// From this line and this number on.
    fn from(self, line: usize, number: usize) -> Unpacked {
        Unpacked { start: self.start.wrapping_add(line * self.line + number * self.along), ..self }
    }

    /// Writes the three tiles of a step of so many lines and numbers, all sixteen and 32 if `FULL`; `TURNED` if what lies side by side
    /// goes across the tiles' rows. What comes next in memory is brought near.
    ///
    /// # Safety
    /// As [`Unpacked::pack`], of these tiles.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    unsafe fn step<const TURNED: bool, const FULL: bool>(self, lines: usize, numbers: usize, tile: *mut u8) {
        let straight = self.along == 1;
        // a vector lies along a line, or across all of them; between it and its other half, and the same of what comes next
        let (apart, half, next) = match straight {
            true => (self.line, SIDE, SIDE * self.line),
            false => (self.along, SIDE * self.along, STEP * self.along),
        };
        let masks = |i: usize| match (FULL, straight) {
            (true, _) => (!0, !0),
            (false, true) if i < lines => (first(numbers), first(numbers.saturating_sub(SIDE))),
            (false, true) => (0, 0),
            (false, false) => {
                (if i < numbers { first(lines) } else { 0 }, if i + SIDE < numbers { first(lines) } else { 0 })
            }
        };
        let mut at = self.start;
        let mut read = |i: usize| {
            let (low, high) = (at, at.wrapping_add(half));
            at = at.wrapping_add(apart);
            _mm_prefetch::<_MM_HINT_T0>(low.wrapping_add(next).cast());
            _mm_prefetch::<_MM_HINT_T0>(high.wrapping_add(next).cast());
            let masks = masks(i);
            // SAFETY: the caller's numbers are there; what a mask leaves out is not touched.
            unsafe { (_mm512_maskz_loadu_ps(masks.0, low), _mm512_maskz_loadu_ps(masks.1, high)) }
        };
        let write = |i: usize, parts: [__m512i; 3]| {
            for (part, row) in parts.into_iter().enumerate() {
                // SAFETY: the caller has room for the tiles.
                unsafe { _mm512_store_si512(tile.add(2 * part * TILE + i * ROW).cast(), row) };
            }
        };
        if TURNED {
            let (mut low, mut high) = ([_mm512_setzero_ps(); SIDE], [_mm512_setzero_ps(); SIDE]);
            for i in 0..SIDE {
                (low[i], high[i]) = read(i);
            }
            turn(&mut low);
            turn(&mut high);
            for i in 0..SIDE {
                write(i, split(low[i], high[i]));
            }
        } else {
            for i in 0..SIDE {
                let (low, high) = read(i);
                write(i, split(low, high));
            }
        }
    }

    /// Packs many lines of so many numbers: blocks of 32 lines; in each steps of 32 numbers; in each the three parts; of each two tiles.
    /// A row of a tile is a line (`by_line`), a lane its numbers j and j + 16; or the other way round.
    ///
    /// # Safety
    /// The lines are there, either their numbers or they lie side by side, and `to` has room.
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn pack(self, many: usize, depth: usize, by_line: bool, to: *mut u8) {
        let (groups, steps) = (many.div_ceil(BLOCK) * 2, depth.div_ceil(STEP));
        for turn in 0..groups * steps {
            // in the order in which they lie in memory
            let (group, step) =
                if self.along == 1 { (turn / steps, turn % steps) } else { (turn % groups, turn / groups) };
            let lines = SIDE.min(many.saturating_sub(group * SIDE));
            let from = self.from(group * SIDE, step * STEP);
            let numbers = STEP.min(depth - step * STEP);
            let tile = to.wrapping_add((group / 2 * steps + step) * GROUP + group % 2 * TILE);
            let turned = (self.along == 1) != by_line;
            // SAFETY: the caller's lines are there; it has room for all groups.
            unsafe {
                match (turned, lines == SIDE && numbers == STEP) {
                    (false, false) => from.step::<false, false>(lines, numbers, tile),
                    (false, true) => from.step::<false, true>(lines, numbers, tile),
                    (true, false) => from.step::<true, false>(lines, numbers, tile),
                    (true, true) => from.step::<true, true>(lines, numbers, tile),
                }
            }
        }
    }
}

/// Sums that are not yet in `out`.
#[repr(C, align(64))]
struct BlockSums([f32; BLOCK * BLOCK]);

impl BlockSums {
    /// Writes some rows and columns of them, added to a base if there is one.
    ///
    /// # Safety
    /// `out` and the base have so many.
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn write(&self, rows: usize, columns: usize, out: OutRows, base: Option<OutRows>) {
        for i in 0..rows {
            for j in (0..columns).step_by(SIDE) {
                let mask = first(columns - j);
                // SAFETY: the caller keeps the conditions above; masked numbers are not touched.
                unsafe {
                    let mut sums = _mm512_load_ps(self.0.as_ptr().add(i * BLOCK + j));
                    let to = out.start.add(i * out.apart + j);
                    if let Some(base) = base {
                        let from = base.start.add(i * base.apart + j);
                        sums = _mm512_add_ps(sums, _mm512_maskz_loadu_ps(mask, from));
                    }
                    _mm512_mask_storeu_ps(to, mask, sums);
                }
            }
        }
    }
}

/// `out = lhs · rhs`, or added to something, by the calling thread.
///
/// # Safety
/// As `multiply`; the tiles are [`available`]; the numbers of rows or of columns lie side by side in each matrix, those of rows in an `out` onto each of whose rows one is added.
pub(super) unsafe fn product(
    (m, k, n): (usize, usize, usize),
    lhs: Matrix<*const f32>,
    rhs: Matrix<*const f32>,
    out: Matrix<*mut f32>,
    onto: Onto<f32>,
) {
    let (lhs, rhs) = (
        Unpacked { start: lhs.start, line: lhs.rows, along: lhs.columns },
        Unpacked { start: rhs.start, line: rhs.columns, along: rhs.rows },
    );
    // SAFETY: as above.
    unsafe {
        match out.columns {
            1 => by_blocks((m, k, n), lhs, rhs, OutRows { start: out.start, apart: out.rows }, onto),
            _ => by_blocks((n, k, m), rhs, lhs, OutRows { start: out.start, apart: out.columns }, onto),
        }
    }
}

/// The same for an `out` whose columns lie side by side.
///
/// # Safety
/// As [`product`].
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn by_blocks((m, k, n): (usize, usize, usize), lhs: Unpacked, rhs: Unpacked, out: OutRows, onto: Onto<f32>) {
    thread_local! {
        static ROOM: RefCell<Vec<CacheLine>> = const { RefCell::new(Vec::new()) };
    }
    // parts of one length, so that none is a remainder
    let parts = k.div_ceil(MOST_DEPTH);
    let most_depth = k.div_ceil(parts).next_multiple_of(STEP);
    let room = |lines: usize, most: usize| lines.min(most).div_ceil(BLOCK) * (most_depth / STEP) * GROUP;
    let (lhs_room, rhs_room) = (room(m, MOST_ROWS), room(n, MOST_COLUMNS));
    let mut packed = ROOM.take();
    if packed.len() * size_of::<CacheLine>() < lhs_room + rhs_room {
        packed.resize_with((lhs_room + rhs_room) / size_of::<CacheLine>(), || CacheLine([0; 64]));
    }
    let packed_rows = packed.as_mut_ptr().cast::<u8>();
    let packed_columns = packed_rows.wrapping_add(lhs_room);
    let mut sums = BlockSums([0.; BLOCK * BLOCK]);
    // SAFETY: the machine has tiles; what is packed has room; blocks lie within `out`.
    unsafe {
        asm!("ldtilecfg [{}]", in(reg) &raw const SHAPES, options(nostack));
        for left in (0..n).step_by(MOST_COLUMNS) {
            let columns = MOST_COLUMNS.min(n - left);
            for deep in (0..k).step_by(most_depth) {
                let depth = most_depth.min(k - deep);
                let onto = if deep > 0 { Onto::Out } else { onto };
                let group = depth.div_ceil(STEP) * GROUP;
                rhs.from(left, deep).pack(columns, depth, false, packed_columns);
                for top in (0..m).step_by(MOST_ROWS) {
                    let rows = MOST_ROWS.min(m - top);
                    lhs.from(top, deep).pack(rows, depth, true, packed_rows);
                    for i in 0..rows.div_ceil(BLOCK) {
                        for j in 0..columns.div_ceil(BLOCK) {
                            let (a, b) = (packed_rows.add(i * group), packed_columns.add(j * group));
                            let start = out.start.add((top + i * BLOCK) * out.apart + left + j * BLOCK);
                            let to = OutRows { start, ..out };
                            let size = (BLOCK.min(rows - i * BLOCK), BLOCK.min(columns - j * BLOCK));
                            let base = match onto {
                                Onto::Nothing => None,
                                Onto::Out => Some(to),
                                Onto::Row(row) => Some(OutRows { start: row.at(left + j * BLOCK), apart: 0 }),
                            };
                            if size == (BLOCK, BLOCK) && base.is_none() {
                                block(a, b, group / GROUP, to, to);
                            } else {
                                let here = OutRows { start: sums.0.as_mut_ptr(), apart: BLOCK };
                                block(a, b, group / GROUP, here, to);
                                sums.write(size.0, size.1, to, base);
                            }
                        }
                    }
                }
            }
        }
        asm!("tilerelease", options(nostack));
    }
    ROOM.set(packed);
}

#[cfg(test)]
mod tests {
    use super::super::{Fixed, by_rows, transposed};
    use super::*;

    /// Numbers of very different sizes.
    fn numbers(len: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f32 / (1_u64 << 31) as f32
        };
        (0..len).map(|_| (next() - 0.5) * (next() * 8.).exp2()).collect()
    }

    /// The largest error, relative to the sum of the products' absolute values, of ours and of `gemm`'s.
    fn errors(size: (usize, usize, usize), turned: [bool; 3], add: bool) -> (f64, f64) {
        let (m, k, n) = size;
        let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
        let lhs = if turned[0] { transposed(a.as_ptr(), m) } else { by_rows(a.as_ptr(), k) };
        let rhs = if turned[1] { transposed(b.as_ptr(), k) } else { by_rows(b.as_ptr(), n) };
        let to = |start: *mut f32| if turned[2] { transposed(start, m) } else { by_rows(start, n) };
        let (mut ours, mut others) = (vec![1_f32; m * n + 1], vec![1_f32; m * n]);
        // SAFETY: the vectors hold all numbers of the three matrices.
        unsafe {
            let onto = || if add { Onto::Out } else { Onto::Nothing };
            product(size, lhs, rhs, to(ours.as_mut_ptr()), onto());
            super::super::one_product(size, lhs, rhs, to(others.as_mut_ptr()), onto(), false);
        }
        assert_eq!(ours[m * n], 1., "wrote beyond the end");
        let mut worst = (0_f64, 0_f64);
        for i in 0..m {
            for j in 0..n {
                let (mut sum, mut size) = (if add { 1. } else { 0. }, f64::MIN_POSITIVE);
                for p in 0..k {
                    let a = a[if turned[0] { p * m + i } else { i * k + p }];
                    let b = b[if turned[1] { j * k + p } else { p * n + j }];
                    sum += f64::from(a) * f64::from(b);
                    size += (f64::from(a) * f64::from(b)).abs();
                }
                let at = if turned[2] { j * m + i } else { i * n + j };
                let off = |found: f32| (f64::from(found) - sum).abs() / size;
                worst = (worst.0.max(off(ours[at])), worst.1.max(off(others[at])));
            }
        }
        worst
    }

    #[test]
    fn as_exact_as_vectors() {
        if !available() {
            println!("skipped: this processor has no tiles");
            return;
        }
        for size in
            [(32, 32, 32), (5, 7, 9), (33, 65, 47), (197, 64, 197), (300, 600, 130), (64, 1576, 96), (1, 40, 1100)]
        {
            for turned in 0..8 {
                let turned = [turned & 1 > 0, turned & 2 > 0, turned & 4 > 0];
                for add in [false, true] {
                    let (ours, others) = errors(size, turned, add);
                    assert!(ours < 3e-7 && ours < 2. * others, "{size:?} {turned:?} {add}: {ours:e} beside {others:e}");
                }
            }
        }
    }

    #[test]
    fn threads_share_them_without_a_trace() {
        let (m, k, n) = (300, 200, 250);
        let (lhs, rhs) = (numbers(m * k, 3), numbers(k * n, 4));
        let by = |threads: usize| {
            let mut out = vec![0_f32; m * n];
            let (lhs, rhs) = (by_rows(lhs.as_ptr(), k), by_rows(rhs.as_ptr(), n));
            // SAFETY: the vectors hold all numbers of the three matrices.
            unsafe {
                super::super::multiply((m, k, n), Fixed::Both, lhs, rhs, by_rows(out.as_mut_ptr(), n), false, threads)
            };
            out
        };
        let one = by(1);
        for threads in [2, 3, 8] {
            assert_eq!(by(threads), one, "{threads}");
        }
    }

    #[test]
    fn a_row_is_added_to_each_row() {
        let (m, k, n) = (300, 200, 250);
        let (lhs, rhs, row) = (numbers(m * k, 3), numbers(k * n, 4), numbers(n, 5));
        let (lhs, rhs) = (by_rows(lhs.as_ptr(), k), by_rows(rhs.as_ptr(), n));
        let mut expected = row.repeat(m);
        // SAFETY: the vectors hold all numbers of the three matrices.
        unsafe {
            super::super::multiply((m, k, n), Fixed::Columns, lhs, rhs, by_rows(expected.as_mut_ptr(), n), true, 1);
            for threads in [1, 2, 5] {
                assert!(super::super::multiply_onto((m, k, n), lhs, rhs, &row, threads) == expected, "{threads}");
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        if !available() {
            return;
        }
        for odd in [f32::NAN, f32::from_bits(0x7fff_ffff), f32::INFINITY, f32::NEG_INFINITY] {
            let (mut a, b) = (vec![1_f32; 64 * 64], vec![1_f32; 64 * 64]);
            a[64 * 3 + 40] = odd;
            let mut out = vec![0_f32; 64 * 64];
            // SAFETY: the vectors hold all numbers of the three matrices.
            unsafe {
                product(
                    (64, 64, 64),
                    by_rows(a.as_ptr(), 64),
                    by_rows(b.as_ptr(), 64),
                    by_rows(out.as_mut_ptr(), 64),
                    Onto::Nothing,
                )
            };
            for (i, row) in out.chunks(64).enumerate() {
                assert!(row.iter().all(|x| if i == 3 { !x.is_finite() } else { *x == 64. }), "{odd} {i}");
            }
        }
    }
}

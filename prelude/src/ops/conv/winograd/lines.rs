//! The transforms of F(4×4, 3×3), along one side of a tile and along both.

use crate::ops::cpu::Float;
use crate::ops::vector::Vector;

/// A transform along one side of a tile, from K numbers to R.
pub(super) trait TileLine<const K: usize, const R: usize> {
    fn of<T: Float, V: Vector<T>>(line: &[V; K]) -> [V; R];
}

/// The samples' transform (Bᵀ).
pub(super) struct SampleLine;

impl TileLine<6, 6> for SampleLine {
    #[inline(always)]
    fn of<T: Float, V: Vector<T>>(d: &[V; 6]) -> [V; 6] {
        let [two, four, less_four, less_five] = [2., 4., -4., -5.].map(|number| V::splat(T::of(number)));
        let (a, b) = (less_four.times_plus(d[2], d[4]), less_four.times_plus(d[1], d[3]));
        let (c, e) = (d[4].minus(d[2]), two.times(d[3].minus(d[1])));
        [
            four.times_plus(d[0], less_five.times_plus(d[2], d[4])),
            a.plus(b),
            a.minus(b),
            c.plus(e),
            c.minus(e),
            four.times_plus(d[1], less_five.times_plus(d[3], d[5])),
        ]
    }
}

/// The products' way back to pixels (Aᵀ).
pub(super) struct ProductLine;

impl TileLine<6, 4> for ProductLine {
    #[inline(always)]
    fn of<T: Float, V: Vector<T>>(m: &[V; 6]) -> [V; 4] {
        let [two, four, eight] = [2., 4., 8.].map(|number| V::splat(T::of(number)));
        let (a, b) = (m[1].plus(m[2]), m[1].minus(m[2]));
        let (c, d) = (m[3].plus(m[4]), m[3].minus(m[4]));
        [m[0].plus(a).plus(c), two.times_plus(d, b), four.times_plus(c, a), eight.times_plus(d, b).plus(m[5])]
    }
}

/// The pixels' gradient on its way to the products (A).
pub(super) struct GradientLine;

impl TileLine<4, 6> for GradientLine {
    #[inline(always)]
    fn of<T: Float, V: Vector<T>>(y: &[V; 4]) -> [V; 6] {
        let [two, four, eight] = [2., 4., 8.].map(|number| V::splat(T::of(number)));
        let (a, b) = (y[0].plus(y[2]), y[1].plus(y[3]));
        let (c, d) = (four.times_plus(y[2], y[0]), eight.times_plus(y[3], two.times(y[1])));
        [y[0], a.plus(b), a.minus(b), c.plus(d), c.minus(d), y[3]]
    }
}

/// The weights' transform (G).
pub(super) struct WeightLine;

impl TileLine<3, 6> for WeightLine {
    #[inline(always)]
    fn of<T: Float, V: Vector<T>>(g: &[V; 3]) -> [V; 6] {
        let parts = [1. / 4., -1. / 6., 1. / 24., 1. / 6., 1. / 12.];
        let [quarter, less_sixth, part, sixth, twelfth] = parts.map(|number| V::splat(T::of(number)));
        let (a, b) = (less_sixth.times(g[0].plus(g[2])), less_sixth.times(g[1]));
        let (c, d) = (part.times_plus(g[0], sixth.times(g[2])), twelfth.times(g[1]));
        [quarter.times(g[0]), a.plus(b), a.minus(b), c.plus(d), c.minus(d), g[2]]
    }
}

/// The way back of the weights' gradient (Gᵀ).
pub(super) struct WeightGradientLine;

impl TileLine<6, 3> for WeightGradientLine {
    #[inline(always)]
    fn of<T: Float, V: Vector<T>>(u: &[V; 6]) -> [V; 3] {
        let parts = [1. / 4., -1. / 6., 1. / 24., 1. / 6., 1. / 12.];
        let [quarter, less_sixth, part, sixth, twelfth] = parts.map(|number| V::splat(T::of(number)));
        let (a, b) = (u[1].plus(u[2]), u[2].minus(u[1]));
        let (c, d) = (u[3].plus(u[4]), u[3].minus(u[4]));
        [
            quarter.times_plus(u[0], less_sixth.times_plus(a, part.times(c))),
            sixth.times_plus(b, twelfth.times(d)),
            sixth.times_plus(c.minus(a), u[5]),
        ]
    }
}

/// A transform along both sides of a tile, of as many tiles as a vector has numbers.
#[inline(always)]
pub(super) fn both_sides<L: TileLine<K, R>, T: Float, V: Vector<T>, const K: usize, const R: usize>(
    tile: &[[V; K]; K],
) -> [[V; R]; R] {
    // Loops rather than `from_fn`, which is not compiled into the kernel.
    let zero = V::splat(T::ZERO);
    let mut half = [[zero; K]; R];
    for j in 0..K {
        let mut column = [zero; K];
        for k in 0..K {
            column[k] = tile[k][j];
        }
        let column = L::of::<T, V>(&column);
        for r in 0..R {
            half[r][j] = column[r];
        }
    }
    let mut whole = [[zero; R]; R];
    for r in 0..R {
        whole[r] = L::of::<T, V>(&half[r]);
    }
    whole
}

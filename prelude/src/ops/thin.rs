//! Dropout whose pattern is told by places: it is worked out anew for the way back, and never kept.

use super::cpu::fastest;
use std::mem::MaybeUninit;

/// Which numbers are left out, as a stream of numbers by places.
#[derive(Clone, Copy)]
pub(super) struct Thinning {
    first: u32,
    second: u32,
    least: u32,
    scale: f64,
}

impl Thinning {
    /// Leaves out this share, from 0 to below 1; each stream of a seed has a pattern of its own.
    pub fn new(share: f64, seed: u64, stream: usize) -> Thinning {
        // SplitMix64 of seed and stream
        let mut mixed = seed.wrapping_add((stream as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let least = (share * 4_294_967_296.).min(f64::from(u32::MAX)) as u32;
        Thinning { first: mixed as u32, second: (mixed >> 32) as u32, least, scale: 1. / (1. - share) }
    }

    /// Whether the number at a place stays: a mix of 32 bits (Wellons' `lowbias32`), with half of the key between its products.
    #[inline(always)]
    fn keeps(self, place: usize) -> bool {
        let mut x = (place as u32).wrapping_add(self.first);
        x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d) ^ self.second;
        x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        (x ^ (x >> 16)) >= self.least
    }
}

fastest! {
    /// Numbers from a place on, of which some are left out and the others scaled up.
    pub(super) fn thin[_FUSED]<T>(thinning: Thinning, place: usize, from: &[T], to: &mut [T]) {
        let (zero, scale) = (T::ZERO, T::of(thinning.scale));
        for (at, (to, from)) in to.iter_mut().zip(from).enumerate() {
            *to = if thinning.keeps(place + at) { *from * scale } else { zero };
        }
    }
}

fastest! {
    /// The same, written where nothing is yet.
    pub(super) fn thin_into[_FUSED]<T>(thinning: Thinning, place: usize, from: &[T], to: &mut [MaybeUninit<T>]) {
        let (zero, scale) = (T::ZERO, T::of(thinning.scale));
        for (at, (to, from)) in to.iter_mut().zip(from).enumerate() {
            to.write(if thinning.keeps(place + at) { *from * scale } else { zero });
        }
    }
}

fastest! {
    /// Others added to the thinned numbers.
    pub(super) fn plus_thinned[_FUSED]<T>(
        thinning: Thinning, place: usize, from: &[T], others: &[T], to: &mut [MaybeUninit<T>],
    ) {
        let (zero, scale) = (T::ZERO, T::of(thinning.scale));
        for (at, ((to, from), other)) in to.iter_mut().zip(from).zip(others).enumerate() {
            to.write(*other + if thinning.keeps(place + at) { *from * scale } else { zero });
        }
    }
}

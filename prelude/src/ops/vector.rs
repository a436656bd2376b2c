//! Numbers that are worked on together, for kernels whose loops the compiler does not make vectors of by itself: small transforms written
//! out step by step.

use std::ops::{Add, Mul, Sub};

/// A number that vectors are made of.
pub(crate) trait Lane: Copy + Default + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    /// self · factor + term, rounded once.
    fn fused(self, factor: Self, term: Self) -> Self;
}

impl Lane for f32 {
    #[inline(always)]
    fn fused(self, factor: f32, term: f32) -> f32 {
        self.mul_add(factor, term)
    }
}

impl Lane for f64 {
    #[inline(always)]
    fn fused(self, factor: f64, term: f64) -> f64 {
        self.mul_add(factor, term)
    }
}

/// Some numbers side by side; each function works on all of them, each by itself.
pub(crate) trait Vector<T>: Copy {
    const LANES: usize;

    fn splat(number: T) -> Self;

    /// The first numbers of a slice.
    fn load(from: &[T]) -> Self;

    /// Over the first numbers of a slice.
    fn store(self, to: &mut [T]);

    fn plus(self, other: Self) -> Self;

    fn minus(self, other: Self) -> Self;

    fn times(self, factor: Self) -> Self;

    /// self · factor + term; fused where the instruction set has it.
    fn times_plus(self, factor: Self, term: Self) -> Self;
}

/// Eight numbers, which the compiler makes a vector of AVX2 or what the machine has.
#[derive(Clone, Copy)]
pub(crate) struct Eight<T, const FUSED: bool>([T; 8]);

impl<T: Lane, const FUSED: bool> Eight<T, FUSED> {
    #[inline(always)]
    fn each(f: impl Fn(usize) -> T) -> Self {
        let mut numbers = [T::default(); 8];
        for (lane, number) in numbers.iter_mut().enumerate() {
            *number = f(lane);
        }
        Self(numbers)
    }
}

impl<T: Lane, const FUSED: bool> Vector<T> for Eight<T, FUSED> {
    const LANES: usize = 8;

    #[inline(always)]
    fn splat(number: T) -> Self {
        Self([number; 8])
    }

    #[inline(always)]
    fn load(from: &[T]) -> Self {
        let mut numbers = [T::default(); 8];
        numbers.copy_from_slice(&from[..8]);
        Self(numbers)
    }

    #[inline(always)]
    fn store(self, to: &mut [T]) {
        to[..8].copy_from_slice(&self.0);
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Self::each(|i| self.0[i] + other.0[i])
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        Self::each(|i| self.0[i] - other.0[i])
    }

    #[inline(always)]
    fn times(self, factor: Self) -> Self {
        Self::each(|i| self.0[i] * factor.0[i])
    }

    #[inline(always)]
    fn times_plus(self, factor: Self, term: Self) -> Self {
        Self::each(|i| match FUSED {
            true => self.0[i].fused(factor.0[i], term.0[i]),
            false => self.0[i] * factor.0[i] + term.0[i],
        })
    }
}

/// A register of AVX-512. To be used within functions compiled for it alone.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Sixteen(std::arch::x86_64::__m512);

#[cfg(target_arch = "x86_64")]
mod sixteen {
    use super::{Sixteen, Vector};
    use std::arch::x86_64::*;

    // SAFETY of all of it: `vectors!` uses the type where the machine has AVX-512; slices are checked for their length.
    impl Vector<f32> for Sixteen {
        const LANES: usize = 16;

        #[inline(always)]
        fn splat(number: f32) -> Self {
            Self(unsafe { _mm512_set1_ps(number) })
        }

        #[inline(always)]
        fn load(from: &[f32]) -> Self {
            Self(unsafe { _mm512_loadu_ps(from[..16].as_ptr()) })
        }

        #[inline(always)]
        fn store(self, to: &mut [f32]) {
            unsafe { _mm512_storeu_ps(to[..16].as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }

        #[inline(always)]
        fn minus(self, other: Self) -> Self {
            Self(unsafe { _mm512_sub_ps(self.0, other.0) })
        }

        #[inline(always)]
        fn times(self, factor: Self) -> Self {
            Self(unsafe { _mm512_mul_ps(self.0, factor.0) })
        }

        #[inline(always)]
        fn times_plus(self, factor: Self, term: Self) -> Self {
            Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, term.0) })
        }
    }
}

/// Defines a function over vectors `$V` of the numbers `$T`: those of AVX-512 where the machine has it, else of eight numbers, compiled for
/// AVX2 where it has that.
macro_rules! vectors {
    (
        $(#[$meta:meta])* $vis:vis fn $name:ident<$V:ident, $T:ident>($($arg:ident: $ty:ty),* $(,)?) $body:block
    ) => {
        $(#[$meta])*
        $vis fn $name<$T: $crate::ops::cpu::Float>($($arg: $ty),*) {
            #[inline(always)]
            fn body<$T: $crate::ops::cpu::Float, $V: $crate::ops::vector::Vector<$T>>($($arg: $ty),*) $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn wide<$T: $crate::ops::cpu::Float>($($arg: $ty),*) {
                    body::<$T, $crate::ops::vector::Eight<$T, true>>($($arg),*)
                }
                #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
                fn widest<$T: $crate::ops::cpu::Float>($($arg: $ty),*) {
                    body::<$T, $T::Widest>($($arg),*)
                }
                if $crate::ops::cpu::has_avx512() {
                    // SAFETY: the machine has the features that the function is compiled for.
                    return unsafe { widest($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: the machine has the features that the function is compiled for.
                    return unsafe { wide($($arg),*) };
                }
            }
            body::<$T, $crate::ops::vector::Eight<$T, { cfg!(target_arch = "aarch64") }>>($($arg),*)
        }
    };
}
pub(crate) use vectors;

//! What the CPU kernels share: numbers, slices of tensors, threads, scratch memory, instruction sets.

use super::vector::Lane;
#[cfg(target_arch = "x86_64")]
use super::vector::Vector;
use candle_core::{DType, Result, Tensor, WithDType};
use std::cell::RefCell;
use std::ops::Range;

/// The numbers that the kernels are written for: f32, and f64 so that gradients can be checked.
pub(crate) trait Float: WithDType + Lane + std::ops::Neg<Output = Self> + std::iter::Sum {
    const ZERO: Self;
    const ONE: Self;
    const LOWEST: Self;
    /// So many of them as a register of AVX-512 holds.
    #[cfg(target_arch = "x86_64")]
    type Widest: Vector<Self>;
    fn of(x: f64) -> Self;
    fn exponential(self) -> Self;
    fn error(self) -> Self;
    /// This thread's scratch memory, a buffer a slot.
    fn with_slots<R>(f: impl FnOnce(&mut Slots<Self>) -> R) -> R;
}

/// So many buffers of a thread's, by number.
pub(crate) type Slots<T> = [Vec<T>; 12];

macro_rules! float {
    ($t:ty, $exp:path, $erf:path, $widest:ty) => {
        impl Float for $t {
            const ZERO: $t = 0.;
            const ONE: $t = 1.;
            const LOWEST: $t = <$t>::NEG_INFINITY;
            #[cfg(target_arch = "x86_64")]
            type Widest = $widest;

            #[inline(always)]
            fn of(x: f64) -> $t {
                x as $t
            }

            #[inline(always)]
            fn exponential(self) -> $t {
                $exp(self)
            }

            #[inline(always)]
            fn error(self) -> $t {
                $erf(self)
            }

            fn with_slots<R>(f: impl FnOnce(&mut Slots<$t>) -> R) -> R {
                thread_local! {
                    static SLOTS: RefCell<Slots<$t>> = const { RefCell::new([const { Vec::new() }; 12]) };
                }
                SLOTS.with_borrow_mut(f)
            }
        }
    };
}
float!(f32, exp_f32, erf_f32, super::vector::Sixteen);
float!(f64, f64::exp, candle_core::cpu::erf::erf_f64, super::vector::Eight<f64, true>);

/// eˣ without a branch or a call, so that a loop over it becomes vector instructions; within 2 ulp (after Cephes' `expf`).
#[inline(always)]
fn exp_f32(x: f32) -> f32 {
    /// Added and taken away again, it rounds to a whole number, which the sum's lowest bits hold meanwhile.
    const ROUND: f32 = 12_582_912.;
    // Beyond these the power of two is infinite or zero by itself; what is no number stays so.
    let bound = x.clamp(-88.1, 88.8);
    let rounded = bound * std::f32::consts::LOG2_E + ROUND;
    let whole = rounded - ROUND;
    let r = (bound - whole * 0.693_359_4) - whole * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + coefficient;
    }
    (p * r * r + r + 1.) * f32::from_bits(rounded.to_bits().wrapping_add(127) << 23)
}

/// The error function without a branch or a call: an odd polynomial over an even one, within 4e-7 (after Eigen's `erf`).
#[inline(always)]
fn erf_f32(x: f32) -> f32 {
    let x = x.clamp(-4., 4.);
    let square = x * x;
    let mut above = -2.726_142_3e-10;
    for coefficient in [2.770_681_4e-8, -2.101_024e-6, -5.692_506_5e-5, -7.349_906_3e-4, -2.954_6e-3, -1.609_603_3e-2] {
        above = above * square + coefficient;
    }
    let mut below = -1.456_607_2e-5;
    for coefficient in [-2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_474e-2] {
        below = below * square + coefficient;
    }
    x * above / below
}

/// self · factor + term; fused where the instruction set has it.
#[inline(always)]
pub(crate) fn fma<T: Float, const FUSED: bool>(a: T, b: T, term: T) -> T {
    if FUSED { a.fused(b, term) } else { a * b + term }
}

/// Calls `$kernel::<f32>` or `$kernel::<f64>` where the tensor's numbers lie on the CPU, else gives `None`.
macro_rules! on_cpu {
    ($x:expr, $kernel:ident ( $($arg:expr),* $(,)? )) => {
        match ($x.device().is_cpu(), $x.dtype()) {
            (true, candle_core::DType::F32) => Some($kernel::<f32>($($arg),*)),
            (true, candle_core::DType::F64) => Some($kernel::<f64>($($arg),*)),
            _ => None,
        }
    };
}
pub(crate) use on_cpu;

/// Defines a function that runs compiled for AVX2 and FMA where the machine has them, and portably elsewhere.
///
/// The body sees a constant that says whether multiply-add is one instruction.
macro_rules! fast {
    (
        @avx512 $widest:literal $(#[$meta:meta])* $vis:vis fn $name:ident[$fused:ident]<$T:ident>(
            $($arg:ident: $ty:ty),* $(,)?
        ) $body:block
    ) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name<$T: $crate::ops::cpu::Float>($($arg: $ty),*) {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn body<$T: $crate::ops::cpu::Float, const $fused: bool>($($arg: $ty),*) $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn wide<$T: $crate::ops::cpu::Float>($($arg: $ty),*) {
                    body::<$T, true>($($arg),*)
                }
                #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
                #[allow(clippy::too_many_arguments)]
                fn widest<$T: $crate::ops::cpu::Float>($($arg: $ty),*) {
                    body::<$T, true>($($arg),*)
                }
                if $widest && $crate::ops::cpu::has_avx512() {
                    // SAFETY: the machine has the features that the function is compiled for.
                    return unsafe { widest($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: the machine has the features that the function is compiled for.
                    return unsafe { wide($($arg),*) };
                }
            }
            body::<$T, { cfg!(target_arch = "aarch64") }>($($arg),*)
        }
    };
    ($($function:tt)*) => {
        $crate::ops::cpu::fast! { @avx512 false $($function)* }
    };
}
pub(crate) use fast;

/// [`fast`], and compiled for AVX-512 too. For long loops over plain numbers; what works on eight lanes at a time becomes
/// slower by it.
macro_rules! fastest {
    ($($function:tt)*) => {
        $crate::ops::cpu::fast! { @avx512 true $($function)* }
    };
}
pub(crate) use fastest;

/// Whether the machine has the parts of AVX-512 that [`fastest`] compiles for.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
}

/// Whether the tensor's numbers are of a type and at a place that the kernels work on.
pub(crate) fn is_ours(x: &Tensor) -> bool {
    x.device().is_cpu() && matches!(x.dtype(), DType::F32 | DType::F64)
}

/// Lets a function see the numbers of tensors as slices, copying those that are not contiguous.
pub(crate) fn read<T: Float, R, const N: usize>(
    tensors: [&Tensor; N],
    f: impl FnOnce([&[T]; N]) -> Result<R>,
) -> Result<R> {
    let mut straight = Vec::with_capacity(N);
    for tensor in tensors {
        straight.push(tensor.contiguous()?);
    }
    let guards: Vec<_> = straight.iter().map(|tensor| tensor.storage_and_layout()).collect();
    let mut slices: [&[T]; N] = [&[]; N];
    for (slice, (storage, layout)) in slices.iter_mut().zip(&guards) {
        let candle_core::Storage::Cpu(storage) = &**storage else {
            candle_core::bail!("expected all tensors of an operation on the CPU")
        };
        let (start, end) = layout.contiguous_offsets().expect("made contiguous above");
        *slice = &T::cpu_storage_as_slice(storage)?[start..end];
    }
    f(slices)
}

/// Tells glibc to keep freed memory for the next step, up to 2 GiB beyond what is in use: otherwise each large tensor is
/// fresh memory that the system must fill with zeros, which costs a network of many thin layers a quarter of its time.
/// All threads share it: a step runs on any of the pool's, and each would keep as much for itself. Elsewhere it does nothing.
pub fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        // SAFETY: the calls set numbers of the allocator and touch no memory of ours.
        ONCE.call_once(|| unsafe {
            libc::mallopt(libc::M_MMAP_MAX, 0);
            libc::mallopt(libc::M_ARENA_MAX, 1);
            libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        });
    }
}

/// How many threads the kernels use: rayon's, set by RAYON_NUM_THREADS or the number of cores.
pub(crate) fn threads() -> usize {
    rayon::current_num_threads()
}

/// Calls a function in the pool of threads. From outside, every parallel operation wakes the pool and is woken by it; a
/// function of many operations, such as a network's, better goes in once.
pub(crate) fn in_pool<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| f())
}

/// Calls a function for each part of `0..count`, in parallel, the parts being at least `least` long.
pub(crate) fn parallel(count: usize, least: usize, f: impl Fn(Range<usize>) + Sync) {
    let parts = (count / least.max(1)).clamp(1, threads() * 4);
    if parts == 1 || threads() == 1 {
        return f(0..count);
    }
    rayon::scope(|scope| {
        let f = &f;
        for part in 0..parts {
            scope.spawn(move |_| f(part * count / parts..(part + 1) * count / parts));
        }
    });
}

/// A pointer that threads share to write disjoint parts of one buffer.
#[derive(Clone, Copy)]
pub(crate) struct Shared<T>(*mut T);

// SAFETY: every user writes parts that no other thread reads or writes meanwhile.
unsafe impl<T: Send> Send for Shared<T> {}
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Shares what begins here.
    pub fn new(start: *mut T) -> Shared<T> {
        Shared(start)
    }

    /// The memory that an empty vector has room for.
    pub fn of(room: &mut Vec<T>) -> Shared<T> {
        Shared(room.spare_capacity_mut().as_mut_ptr().cast())
    }

    /// The pointer to an element; the buffer must be that long.
    #[inline(always)]
    pub unsafe fn at(&self, offset: usize) -> *mut T {
        // SAFETY: the caller's buffer is longer than the offset.
        unsafe { self.0.add(offset) }
    }

    /// A part of the buffer; initialised, inside the buffer, and touched by nobody else while it lives.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn slice(&self, offset: usize, len: usize) -> &mut [T] {
        // SAFETY: the caller keeps the conditions above.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(offset), len) }
    }
}

/// Shares a slice between threads that write disjoint parts of it.
pub(crate) fn shared<T>(slice: &mut [T]) -> Shared<T> {
    Shared(slice.as_mut_ptr())
}

/// Lends a buffer of this thread's that is at least so long; what it holds is whatever was left in it.
///
/// Different slots are different buffers, so that a kernel can use several; they are kept for the next call.
pub(crate) fn scratch<T: Float, R>(slot: usize, len: usize, f: impl FnOnce(&mut [T]) -> R) -> R {
    let mut buffer = T::with_slots(|slots| std::mem::take(&mut slots[slot]));
    if buffer.len() < len {
        buffer = vec![T::ZERO; len];
    }
    let result = f(&mut buffer[..len]);
    T::with_slots(|slots| slots[slot] = buffer);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_near() {
        for i in -6000..=6000 {
            let x = i as f32 * 1e-3;
            let (found, expected) = (erf_f32(x), candle_core::cpu::erf::erf_f64(f64::from(x)));
            assert!((f64::from(found) - expected).abs() < 4e-7, "{x}: {found} {expected}");
        }
        assert!(erf_f32(f32::NAN).is_nan());
    }
}

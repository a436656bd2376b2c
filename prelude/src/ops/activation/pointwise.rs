//! Activations of one number, value and slope, for the kernels that have them built in.

use super::super::cpu::Float;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// A function of each value alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x itself.
    Identity,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// x · sigmoid(x), also called swish.
    Silu,
    /// x · relu6(x + 3) / 6.
    HardSwish,
    /// x · Φ(x), the exact form.
    Gelu,
    /// ½x(1 + tanh(√(2/π)(x + 0.044715x³))), which is nearly that.
    GeluTanh,
    /// tanh(x).
    Tanh,
}

/// Evaluates `$body` with `$value` and `$slope` naming the activation's two functions, so that loops in it are
/// compiled for each activation.
macro_rules! with_activation {
    ($activation:expr, |$value:ident, $slope:ident| $body:expr) => {{
        use $crate::ops::activation::pointwise as of;
        match $activation {
            of::Activation::Identity => with_activation!(@ $value, $slope, of::identity, of::one, $body),
            of::Activation::Relu => with_activation!(@ $value, $slope, of::relu, of::relu_slope, $body),
            of::Activation::Relu6 => with_activation!(@ $value, $slope, of::relu6, of::relu6_slope, $body),
            of::Activation::Silu => with_activation!(@ $value, $slope, of::silu, of::silu_slope, $body),
            of::Activation::HardSwish => with_activation!(@ $value, $slope, of::hard_swish, of::hard_swish_slope, $body),
            of::Activation::Gelu => with_activation!(@ $value, $slope, of::gelu, of::gelu_slope, $body),
            of::Activation::GeluTanh => with_activation!(@ $value, $slope, of::gelu_tanh, of::gelu_tanh_slope, $body),
            of::Activation::Tanh => with_activation!(@ $value, $slope, of::tanh, of::tanh_slope, $body),
        }
    }};
    (@ $value:ident, $slope:ident, $v:path, $s:path, $body:expr) => {{
        #[allow(unused_imports)]
        use {$s as $slope, $v as $value};
        $body
    }};
}
pub(in crate::ops) use with_activation;

#[inline(always)]
pub(in crate::ops) fn identity<T: Float>(x: T) -> T {
    x
}

#[inline(always)]
pub(in crate::ops) fn one<T: Float>(_: T) -> T {
    T::ONE
}

#[inline(always)]
pub(in crate::ops) fn sigmoid<T: Float>(x: T) -> T {
    T::ONE / (T::ONE + (-x).exponential())
}

#[inline(always)]
fn clamp<T: Float>(x: T, low: f64, high: f64) -> T {
    let x = if x < T::of(low) { T::of(low) } else { x };
    if x > T::of(high) { T::of(high) } else { x }
}

#[inline(always)]
fn when<T: Float>(condition: bool) -> T {
    if condition { T::ONE } else { T::ZERO }
}

#[inline(always)]
pub(in crate::ops) fn relu<T: Float>(x: T) -> T {
    if x < T::ZERO { T::ZERO } else { x }
}

#[inline(always)]
pub(in crate::ops) fn relu_slope<T: Float>(x: T) -> T {
    when(x > T::ZERO)
}

#[inline(always)]
pub(in crate::ops) fn relu6<T: Float>(x: T) -> T {
    clamp(x, 0., 6.)
}

#[inline(always)]
pub(in crate::ops) fn relu6_slope<T: Float>(x: T) -> T {
    when(x > T::ZERO && x < T::of(6.))
}

#[inline(always)]
pub(in crate::ops) fn silu<T: Float>(x: T) -> T {
    x * sigmoid(x)
}

#[inline(always)]
pub(in crate::ops) fn silu_slope<T: Float>(x: T) -> T {
    let s = sigmoid(x);
    s + x * s * (T::ONE - s)
}

#[inline(always)]
pub(in crate::ops) fn hard_swish<T: Float>(x: T) -> T {
    x * clamp(x + T::of(3.), 0., 6.) * T::of(1. / 6.)
}

#[inline(always)]
pub(in crate::ops) fn hard_swish_slope<T: Float>(x: T) -> T {
    if x <= T::of(-3.) {
        T::ZERO
    } else if x >= T::of(3.) {
        T::ONE
    } else {
        x * T::of(1. / 3.) + T::of(0.5)
    }
}

/// Φ(x), the normal distribution function.
#[inline(always)]
fn below<T: Float>(x: T) -> T {
    T::of(0.5) + T::of(0.5) * (x * T::of(FRAC_1_SQRT_2)).error()
}

#[inline(always)]
pub(in crate::ops) fn gelu<T: Float>(x: T) -> T {
    x * below(x)
}

#[inline(always)]
pub(in crate::ops) fn gelu_slope<T: Float>(x: T) -> T {
    below(x) + x * T::of(1. / (2. * PI).sqrt()) * (T::of(-0.5) * x * x).exponential()
}

/// √(2/π)(x + 0.044715x³), what GELU's approximation takes the tanh of.
#[inline(always)]
fn bend<T: Float>(x: T) -> T {
    T::of((2. / PI).sqrt()) * x * (T::ONE + T::of(0.044715) * x * x)
}

/// tanh by way of the exponential.
#[inline(always)]
pub(in crate::ops) fn tanh<T: Float>(x: T) -> T {
    T::of(2.) * sigmoid(T::of(2.) * x) - T::ONE
}

#[inline(always)]
pub(in crate::ops) fn tanh_slope<T: Float>(x: T) -> T {
    let t = tanh(x);
    T::ONE - t * t
}

#[inline(always)]
pub(in crate::ops) fn gelu_tanh<T: Float>(x: T) -> T {
    T::of(0.5) * x * (T::ONE + tanh(bend(x)))
}

#[inline(always)]
pub(in crate::ops) fn gelu_tanh_slope<T: Float>(x: T) -> T {
    let t = tanh(bend(x));
    let inner = T::of((2. / PI).sqrt()) * (T::ONE + T::of(3. * 0.044715) * x * x);
    T::of(0.5) * (T::ONE + t) + T::of(0.5) * x * (T::ONE - t * t) * inner
}

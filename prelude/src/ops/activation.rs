//! Activations, element by element.

pub(super) mod pointwise;

use super::cpu::{Float, fastest, on_cpu, parallel, read, shared};
use super::graph::{attach, attach_vec, shell};
use candle_core::{Device, Result, Tensor};
use std::f64::consts::{FRAC_1_SQRT_2, PI};
use std::mem::MaybeUninit;

pub use pointwise::Activation;

/// An activation by its value and its slope: as kernels on the CPU, composed of candle's operations elsewhere.
macro_rules! activation {
    (
        $(#[$meta:meta])* $name:ident, $kernel:ident, $told_by:ident:
        |$x:ident| $value:expr, |$a:ident, $b:ident| $slope:expr;
        $composed_value:expr, $composed_slope:expr
    ) => {
        $(#[$meta])*
        ///
        /// # Shapes
        /// any → the same
        ///
        /// # Errors
        /// An integer input.
        pub fn $name(x: &Tensor) -> Result<Tensor> {
            mod $kernel {
                use super::*;

                fastest! {
                    pub fn value[_FUSED]<T>(x: &[T], y: &mut [MaybeUninit<T>]) {
                        for (y, $x) in y.iter_mut().zip(x) {
                            let $x = *$x;
                            y.write($value);
                        }
                    }
                }

                fastest! {
                    pub fn slope[_FUSED]<T>(x: &[T], y: &[T], dy: &[T], dx: &mut [MaybeUninit<T>]) {
                        for (((dx, dy), $a), $b) in dx.iter_mut().zip(dy).zip(x).zip(y) {
                            let ($a, $b) = (*$a, *$b);
                            dx.write(*dy * $slope);
                        }
                    }
                }

                pub fn run<T: Float>(x: &Tensor) -> Result<Tensor> {
                    elementwise::<T>(stringify!($name), ToldBy::$told_by, x, value::<T>, slope::<T>)
                }
            }
            use $kernel::run;
            match on_cpu!(x, run(x)) {
                Some(result) => result,
                None => composed(stringify!($name), x, $composed_value, $composed_slope),
            }
        }
    };
}

type Pointwise<T> = fn(&[T], &mut [MaybeUninit<T>]);
type Slope<T> = fn(&[T], &[T], &[T], &mut [MaybeUninit<T>]);

/// What an activation's slope is worked out from.
#[derive(Clone, Copy, PartialEq)]
enum ToldBy {
    Input,
    /// The value alone, which comes in place of the input too: that is not kept.
    Value,
}

fn elementwise<T: Float>(
    name: &'static str,
    told_by: ToldBy,
    x: &Tensor,
    value: Pointwise<T>,
    slope: Slope<T>,
) -> Result<Tensor> {
    let y = read::<T, _, 1>([x], |[x]| Ok(filled(x.len(), |part, y| value(&x[part], y))))?;
    let by_value = told_by == ToldBy::Value;
    let kept = if by_value { shell(x)? } else { x.clone() };
    attach_vec(name, &[&kept], y, x.shape(), move |context| {
        let x = if by_value { context.value } else { &context.args[0] };
        let dx = read::<T, _, 3>([x, context.value, context.grad], |[x, y, dy]| {
            Ok(filled(x.len(), |part, dx| slope(&x[part.clone()], &y[part.clone()], &dy[part], dx)))
        })?;
        Ok(vec![Some(Tensor::from_vec(dx, x.shape(), &Device::Cpu)?)])
    })
}

/// A vector whose parts are written in parallel; the function must write each place of its part.
pub(super) fn filled<T: Float>(
    count: usize,
    write: impl Fn(std::ops::Range<usize>, &mut [MaybeUninit<T>]) + Sync,
) -> Vec<T> {
    let mut y: Vec<T> = Vec::with_capacity(count);
    let out = shared(&mut y.spare_capacity_mut()[..count]);
    parallel(count, 1 << 14, |part| {
        // SAFETY: each part belongs to one thread.
        write(part.clone(), unsafe { out.slice(part.start, part.len()) });
    });
    // SAFETY: all parts are written.
    unsafe { y.set_len(count) };
    y
}

fn composed(
    name: &'static str,
    x: &Tensor,
    value: impl Fn(&Tensor) -> Result<Tensor>,
    slope: impl Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    attach(name, &[x], value(&x.detach())?, move |context| {
        let slope = slope(&context.args[0], context.value)?;
        Ok(vec![Some((context.grad * slope)?)])
    })
}

fn mask(condition: Tensor, like: &Tensor) -> Result<Tensor> {
    condition.to_dtype(like.dtype())
}

fn logistic(x: &Tensor) -> Result<Tensor> {
    x.neg()?.exp()?.affine(1., 1.)?.recip()
}

/// √(2/π)(x + 0.044715x³), what GELU's approximation takes the tanh of.
fn bend(x: &Tensor) -> Result<Tensor> {
    (x * x.sqr()?.affine(0.044715, 1.)?)?.affine((2. / PI).sqrt(), 0.)
}

/// The activation of each number.
///
/// # Shapes
/// any → the same
///
/// # Errors
/// An integer input.
pub fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Identity => Ok(x.clone()),
        Activation::Relu => relu(x),
        Activation::Relu6 => relu6(x),
        Activation::Silu => silu(x),
        Activation::HardSwish => hard_swish(x),
        Activation::Gelu => gelu(x),
        Activation::GeluTanh => gelu_tanh(x),
        Activation::Tanh => tanh(x),
    }
}

activation! {
    /// The larger of the number and zero; at zero the slope is zero, as in PyTorch.
    relu, relu_kernel, Value:
    |x| pointwise::relu(x), |x, _y| pointwise::relu_slope(x);
    |x| x.relu(), |x, _| mask(x.gt(0.)?, x)
}

activation! {
    /// The number kept between zero and six (MobileNet).
    relu6, relu6_kernel, Value:
    |x| pointwise::relu6(x), |x, _y| pointwise::relu6_slope(x);
    |x| x.clamp(0., 6.), |x, _| mask(x.gt(0.)?, x)? * mask(x.lt(6.)?, x)?
}

activation! {
    /// The logistic function, 1 / (1 + e⁻ˣ).
    sigmoid, sigmoid_kernel, Value:
    |x| pointwise::sigmoid(x), |_x, y| y * (T::ONE - y);
    logistic, |_, y| y * y.affine(-1., 1.)?
}

activation! {
    /// The hyperbolic tangent.
    tanh, tanh_kernel, Value:
    |x| pointwise::tanh(x), |_x, y| T::ONE - y * y;
    |x| x.tanh(), |_, y| y.sqr()?.affine(-1., 1.)
}

activation! {
    /// x · sigmoid(x) (Swish).
    silu, silu_kernel, Input:
    |x| pointwise::silu(x), |x, _y| pointwise::silu_slope(x);
    |x| x * logistic(x)?, |x, y| (logistic(x)? * y.affine(-1., 1.)?)? + y
}

activation! {
    /// x · relu6(x + 3) / 6 (MobileNetV3).
    hard_swish, hard_swish_kernel, Input:
    |x| pointwise::hard_swish(x), |x, _y| pointwise::hard_swish_slope(x);
    |x| (x * x.affine(1., 3.)?.clamp(0., 6.)?)?.affine(1. / 6., 0.),
    |x, _| {
        let between = (mask(x.gt(-3.)?, x)? * mask(x.lt(3.)?, x)?)?;
        (between * x.affine(1. / 3., 0.5)?)? + mask(x.ge(3.)?, x)?
    }
}

activation! {
    /// x · Φ(x), Φ being the normal distribution function.
    gelu, gelu_kernel, Input:
    |x| pointwise::gelu(x), |x, _y| pointwise::gelu_slope(x);
    |x| x.gelu_erf(),
    |x, _| {
        let below = x.affine(FRAC_1_SQRT_2, 0.)?.erf()?.affine(0.5, 0.5)?;
        let density = x.sqr()?.affine(-0.5, 0.)?.exp()?.affine(1. / (2. * PI).sqrt(), 0.)?;
        below + (x * density)?
    }
}

activation! {
    /// GELU by its tanh approximation, ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
    gelu_tanh, gelu_tanh_kernel, Input:
    |x| pointwise::gelu_tanh(x), |x, _y| pointwise::gelu_tanh_slope(x);
    |x| x * bend(x)?.tanh()?.affine(0.5, 0.5)?,
    |x, _| {
        let t = bend(x)?.tanh()?;
        let inner = x.sqr()?.affine(3. * 0.044715, 1.)?.affine((2. / PI).sqrt(), 0.)?;
        let steep = (t.sqr()?.affine(-1., 1.)? * inner)?;
        t.affine(0.5, 0.5)? + (x * steep)?.affine(0.5, 0.)?
    }
}

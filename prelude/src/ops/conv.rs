//! Two-dimensional convolution with any stride, padding, dilation and groups.

mod columns;
mod composed;
mod depthwise;
mod few;
mod narrow;
mod plan;
mod shifted;
mod source;
mod winograd;

use super::activation::Activation;
use super::cpu::{Float, Shared, is_ours, on_cpu, read};
use super::graph::{ArgumentGradients, Context, attach_lean};
use super::norm::{Affine, BatchMoments, GatheredMoments, Moments, batch_norm_eval_then, channel_sums};
use super::taps::Window;
use candle_core::{Device, Result, Tensor, bail};
use plan::Plan;
use source::{ConvGradients, Source, SourceNumbers};

/// How a convolution's window moves; the default is stride 1, no padding, dilation 1, one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dOptions {
    /// Steps between windows (height, width).
    pub stride: (usize, usize),
    /// Zeros added at each edge (height, width).
    pub padding: (usize, usize),
    /// Zeros added at the bottom and the right edge beside `padding`, as TensorFlow's `SAME` does.
    pub extra: (usize, usize),
    /// Distance between a window's samples (height, width).
    pub dilation: (usize, usize),
    /// Into how many groups the channels fall; as many as channels makes it depthwise.
    pub groups: usize,
}

impl Default for Conv2dOptions {
    fn default() -> Conv2dOptions {
        Conv2dOptions { stride: (1, 1), padding: (0, 0), extra: (0, 0), dilation: (1, 1), groups: 1 }
    }
}

/// Two-dimensional convolution (cross-correlation, as in PyTorch's `conv2d`).
///
/// # Shapes
/// `x` (n, c, h, w), `w` (o, c / groups, kh, kw), `bias` (o) → (n, o, oh, ow)
///
/// # Errors
/// Channels that do not fit the weight or the groups; a window larger than the padded picture.
///
/// ```
/// use candlewick_prelude::candle_core::{DType, Device, Tensor};
/// use candlewick_prelude::ops::{Conv2dOptions, conv2d};
/// let x = Tensor::ones((1, 3, 8, 6), DType::F32, &Device::Cpu)?;
/// let w = Tensor::ones((4, 3, 3, 3), DType::F32, &Device::Cpu)?;
/// let y = conv2d(&x, &w, None, Conv2dOptions { stride: (2, 2), padding: (1, 1), ..Conv2dOptions::default() })?;
/// assert_eq!(y.dims(), [1, 4, 4, 3]);
/// # Ok::<(), candlewick_prelude::candle_core::Error>(())
/// ```
pub fn conv2d(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, options: Conv2dOptions) -> Result<Tensor> {
    let plan = plan(x, w, bias, options)?;
    let Some(y) = on_cpu!(x, kernel(plan, x, w, bias, None)) else {
        let y = composed::convolve(&plan, x, w)?;
        return match bias {
            Some(bias) => y.broadcast_add(&bias.reshape((1, plan.o, 1, 1))?),
            None => Ok(y),
        };
    };
    y
}

/// [`conv2d`], BatchNorm with stored statistics and an activation in one: the four are mean, variance, γ and β.
///
/// Where no gradient is wanted, each pixel is normalised as soon as it is made, while it is in the cache; otherwise the
/// three follow one another.
///
/// # Shapes
/// `x` (n, c, h, w), `w` (o, c / groups, kh, kw), `bias` and the four (o) → (n, o, oh, ow)
///
/// # Errors
/// As [`conv2d`], and statistics that do not match.
pub fn conv2d_norm_eval_then(
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    options: Conv2dOptions,
    four: [&Tensor; 4],
    eps: f64,
    then: Activation,
) -> Result<Tensor> {
    let plan = plan(x, w, bias, options)?;
    let mut all = [Some(x), Some(w), bias].into_iter().flatten().chain(four);
    let fits = four.iter().all(|one| one.dims() == [plan.o] && one.dtype() == x.dtype() && is_ours(one));
    if fits
        && !all.any(Tensor::track_op)
        && let Some(y) = on_cpu!(x, normalised(plan, x, w, bias, four, eps, then))
    {
        return y;
    }
    batch_norm_eval_then(&conv2d(x, w, bias, options)?, four, eps, then)
}

/// [`conv2d`] that gathers the moments of each channel of its value while that is in the cache, for BatchNorm in training; `None` where it does not pay.
///
/// # Shapes
/// As [`conv2d`].
///
/// # Errors
/// As [`conv2d`].
pub(crate) fn conv2d_measured(
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    options: Conv2dOptions,
) -> Result<(Tensor, Option<BatchMoments>)> {
    /// Pixels of a map: of smaller ones the moments cost less afterwards.
    const LEAST: usize = 196;
    let plan = plan(x, w, bias, options)?;
    if plan.pixels() < LEAST {
        return Ok((conv2d(x, w, bias, options)?, None));
    }
    let gathered = GatheredMoments::new(plan.o);
    match on_cpu!(x, kernel(plan, x, w, bias, Some(&gathered))) {
        Some(y) => {
            let (mean, variance) = gathered.done();
            Ok((y?, Some(BatchMoments { mean, variance })))
        }
        None => Ok((conv2d(x, w, bias, options)?, None)),
    }
}

fn plan(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, options: Conv2dOptions) -> Result<Plan> {
    let (n, c, h, wide) = x.dims4()?;
    let (o, cg, kh, kw) = w.dims4()?;
    let groups = options.groups;
    if groups == 0 || c != cg * groups || o % groups != 0 {
        bail!("conv2d: {groups} groups of a weight {:?} do not fit an input {:?}", w.dims(), x.dims());
    }
    if let Some(bias) = bias
        && bias.dims() != [o]
    {
        bail!("conv2d: expected a bias of {o} numbers, found {:?}", bias.dims());
    }
    for other in [Some(w), bias].into_iter().flatten() {
        if other.dtype() != x.dtype() || is_ours(x) != is_ours(other) {
            bail!(
                "conv2d: expected input and parameters of one type on one device, found {:?} and {:?}",
                x.dtype(),
                other.dtype()
            );
        }
    }
    let Conv2dOptions { stride, padding, extra, dilation, .. } = options;
    let window = Window { kernel: (kh, kw), stride, padding, extra, dilation };
    let (oh, ow) = window.output("conv2d", h, wide)?;
    Ok(Plan { n, c, h, w: wide, o, oh, ow, groups, window })
}

fn kernel<T: Float>(
    plan: Plan,
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    measure: Option<&GatheredMoments>,
) -> Result<Tensor> {
    let shape = (plan.n, plan.o, plan.oh, plan.ow);
    let source = Source::<T>::of(x);
    let SourceNumbers { x: numbers, before } = source.seen(&plan, x)?;
    let measured = |o: usize, at: usize, run: &mut [T]| {
        if let Some(gathered) = measure {
            gathered.add(o, at, run);
        }
    };
    let Some(bias) = bias else {
        let y = read::<T, _, 2>([&numbers, w], |[x, w]| Ok(forward(&plan, x, before, w, measured)))?;
        return attach_lean("conv2d", &[x, w], y, shape, move |context| gradients(&plan, &source, context));
    };
    let y = read::<T, _, 3>([&numbers, w, bias], |[x, w, bias]| {
        Ok(forward(&plan, x, before, w, |o, at, run| {
            run.iter_mut().for_each(|y| *y += bias[o]);
            measured(o, at, run);
        }))
    })?;
    attach_lean("conv2d", &[x, w, bias], y, shape, move |context| {
        let mut gradients = gradients(&plan, &source, context)?;
        gradients.push(if context.needs[2] { Some(channel_sums::<T>(context.grad)?) } else { None });
        Ok(gradients)
    })
}

fn normalised<T: Float>(
    plan: Plan,
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    [mean, var, gamma, beta]: [&Tensor; 4],
    eps: f64,
    then: Activation,
) -> Result<Tensor> {
    let y = read::<T, _, 7>(
        [x, w, bias.unwrap_or(mean), mean, var, gamma, beta],
        |[x, w, bias_or_mean, mean, var, gamma, beta]| {
            let centre: Vec<T> = match bias {
                Some(_) => mean.iter().zip(bias_or_mean).map(|(mean, bias)| *mean - *bias).collect(),
                None => mean.to_vec(),
            };
            let affine = Affine::stored(&centre, var, gamma, beta, eps, then);
            Ok(forward(&plan, x, None, w, |o, _, run| affine.apply(o, run)))
        },
    )?;
    Tensor::from_vec(y, (plan.n, plan.o, plan.oh, plan.ow), &Device::Cpu)
}

/// A vector of so many numbers, which the function writes, all of them. Memory of the heap, not a thread's own: it serves others afterwards.
fn filled<T: Float>(len: usize, write: impl FnOnce(Shared<T>)) -> Vec<T> {
    let mut numbers = Vec::with_capacity(len);
    write(Shared::of(&mut numbers));
    // SAFETY: every caller in this folder writes all of them: a transform all spots of all tiles, a product the whole of each matrix.
    unsafe { numbers.set_len(len) };
    numbers
}

/// y = w ∗ f(x) by the way that suits the plan, where `before` is f. `finish` sees each run of a channel's pixels once, as soon as it is whole, and where
/// it begins in y.
fn forward<T: Float>(
    plan: &Plan,
    x: &[T],
    before: Option<&Moments<T>>,
    w: &[T],
    finish: impl Fn(usize, usize, &mut [T]) + Sync,
) -> Vec<T> {
    let before = before.map(|moments| &moments.affine);
    if narrow::fits(plan) {
        narrow::forward(plan, x, before, w, finish)
    } else if shifted::fits(plan) {
        shifted::forward(plan, x, before, w, finish)
    } else if plan.is_depthwise() {
        depthwise::forward(plan, x, before, w, finish)
    } else if winograd::pays(plan) {
        winograd::forward(plan, x, w, finish)
    } else if few::fits(plan) {
        few::forward(plan, x, w, finish)
    } else {
        columns::forward(plan, x, before, w, finish)
    }
}

/// The gradients of what `before` made of x, and of the weight.
fn gradients<T: Float>(plan: &Plan, source: &Source<T>, context: &Context) -> Result<ArgumentGradients> {
    let (x, w) = (&context.args[0], &context.args[1]);
    let needs = (context.needs[0], context.needs[1]);
    let SourceNumbers { x: numbers, before } = source.seen(plan, x)?;
    let alone = source.alone(plan).filter(|_| needs.0);
    let plain = |(dx, dw)| ConvGradients { dx, dw, norm: None };
    let ConvGradients { dx, dw, norm } = read::<T, _, 3>([&numbers, w, context.grad], |[x, w, grad]| {
        Ok(if narrow::fits(plan) {
            narrow::backward(plan, x, (before, alone.is_some()), w, grad, needs)
        } else if shifted::fits(plan) {
            shifted::backward(plan, x, (before, alone.is_some()), w, grad, needs)
        } else if plan.is_depthwise() {
            depthwise::backward(plan, x, (before, alone.is_some()), w, grad, needs)
        } else if winograd::pays(plan) {
            plain(winograd::backward(plan, x, w, grad, needs))
        } else if few::fits(plan) {
            plain(few::backward(plan, x, w, grad, needs))
        } else {
            plain(columns::backward(plan, x, before.map(|moments| &moments.affine), w, grad, needs))
        })
    })?;
    if let (Some(normed), Some(parameters)) = (alone, norm) {
        normed.went_back(parameters);
    }
    let tensor = |numbers: Option<Vec<T>>, like: &Tensor| {
        numbers.map(|numbers| Tensor::from_vec(numbers, like.shape(), &Device::Cpu)).transpose()
    };
    Ok(vec![tensor(dx, x)?, tensor(dw, w)?])
}

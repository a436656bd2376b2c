//! Normalisation: BatchNorm in training and with stored statistics, LayerNorm, GroupNorm.

mod affine;
mod batch;
mod layer;
mod moments;
mod normed;
mod sums;

use super::activation::{Activation, activate};
use super::cpu::{Float, on_cpu, read};
use super::graph::attach_lean;
pub(super) use affine::Affine;
use affine::inverse_roots;
use batch::Channels;
use candle_core::{DType, Device, Result, Tensor, bail};
pub(super) use moments::{BackSums, GatheredMoments, Moments};
pub(super) use normed::Normed;
pub(crate) use normed::{BatchMoments, TrainNorm, batch_norm_train_as};
pub(super) use sums::{product, sum};

/// BatchNorm in training: normalises each channel by the batch's own mean and variance.
///
/// Gives the value, the batch's mean and its unbiased variance (both outside the graph, for the running statistics).
///
/// # Shapes
/// `x` (n, c, …), `gamma` (c), `beta` (c) → (n, c, …), (c), (c)
///
/// # Errors
/// Channels that do not match; fewer than two numbers a channel.
pub fn batch_norm_train(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Result<(Tensor, Tensor, Tensor)> {
    batch_norm_train_then(x, gamma, beta, eps, Activation::Identity)
}

/// [`batch_norm_train`] and an activation in one: the number between the two is worked out again in the backward
/// pass and never kept.
///
/// # Shapes
/// `x` (n, c, …), `gamma` (c), `beta` (c) → (n, c, …), (c), (c)
///
/// # Errors
/// Channels that do not match; fewer than two numbers a channel.
pub fn batch_norm_train_then(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    eps: f64,
    then: Activation,
) -> Result<(Tensor, Tensor, Tensor)> {
    batch_norm_train_as(x, [gamma, beta], TrainNorm { eps, then, measured: None, deferred: false })
}

/// Σ of each channel, outside the graph.
///
/// # Shapes
/// `x` (n, c, …) → (c)
pub(super) fn channel_sums<T: Float>(x: &Tensor) -> Result<Tensor> {
    let size = check("channel_sums", x, &[])?;
    vector(read::<T, _, 1>([x], |[x]| Ok(batch::totals(size, x)))?)
}

/// BatchNorm with stored statistics: an affine function of each channel. The statistics get no gradient.
///
/// # Shapes
/// `x` (n, c, …), `mean`, `var`, `gamma`, `beta` (c) → (n, c, …)
///
/// # Errors
/// Channels that do not match.
pub fn batch_norm_eval(
    x: &Tensor,
    mean: &Tensor,
    var: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    eps: f64,
) -> Result<Tensor> {
    batch_norm_eval_then(x, [mean, var, gamma, beta], eps, Activation::Identity)
}

/// [`batch_norm_eval`] and an activation in one; the four are mean, variance, γ and β.
///
/// # Shapes
/// `x` (n, c, …), the four (c) → (n, c, …)
///
/// # Errors
/// Channels that do not match.
pub fn batch_norm_eval_then(x: &Tensor, four: [&Tensor; 4], eps: f64, then: Activation) -> Result<Tensor> {
    let size = check("batch_norm_eval", x, &four)?;
    let [mean, var, gamma, beta] = four;
    if let Some(result) = on_cpu!(x, stored(size, x, four, eps, then)) {
        return result;
    }
    let mut shape = vec![1; x.rank()];
    shape[1] = x.dims()[1];
    let scale = (var.detach() + eps)?.sqrt()?.recip()?;
    let slope = (gamma * &scale)?;
    let offset = (beta - (mean.detach() * &slope)?)?;
    let y = x.broadcast_mul(&slope.reshape(shape.as_slice())?)?.broadcast_add(&offset.reshape(shape.as_slice())?)?;
    activate(&y, then)
}

fn stored<T: Float>(size: Channels, x: &Tensor, four: [&Tensor; 4], eps: f64, then: Activation) -> Result<Tensor> {
    let [mean, var, gamma, beta] = four;
    let (y, kept) = read::<T, _, 5>([x, mean, var, gamma, beta], |[x, mean, var, gamma, beta]| {
        let scale = inverse_roots(var, eps);
        let affine = Affine::new(gamma, beta, mean, &scale, then);
        let y = batch::affine(size, x, &affine);
        Ok((y, Moments { count: size.count(), mean: mean.to_vec(), scale, affine }))
    })?;
    attach_lean("batch_norm_eval", &[x, gamma, beta], y, x.shape(), move |context| {
        let (x, needs) = (&context.args[0], context.needs);
        read::<T, _, 2>([x, context.grad], |[numbers, dy]| {
            let activated = then != Activation::Identity;
            let dz = activated.then(|| batch::before(size, numbers, &kept.affine, dy));
            let dz = dz.as_deref().unwrap_or(dy);
            let dx = if needs[0] {
                let (slope, offset) = (kept.affine.slope.clone(), vec![T::ZERO; size.c]);
                let dx = batch::affine(size, dz, &Affine { slope, offset, then: Activation::Identity });
                Some(Tensor::from_vec(dx, x.shape(), &Device::Cpu)?)
            } else {
                None
            };
            if !needs[1] && !needs[2] {
                return Ok(vec![dx]);
            }
            let sums = batch::sums(size, numbers, &kept, dz);
            let dgamma =
                sums.iter().zip(&kept.scale).map(|(sums, scale)| T::of(sums.second * scale.to_f64())).collect();
            let dbeta = sums.iter().map(|sums| T::of(sums.first)).collect();
            Ok(vec![dx, Some(vector::<T>(dgamma)?), Some(vector::<T>(dbeta)?)])
        })
    })
}

/// LayerNorm over the last dimension.
///
/// # Shapes
/// `x` (…, c), `gamma` (c), `beta` (c) → (…, c)
///
/// # Errors
/// Parameters that do not match the last dimension.
pub fn layer_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Result<Tensor> {
    let Some(&c) = x.dims().last() else { bail!("layer_norm: expected at least one dimension") };
    if gamma.dims() != [c] || beta.dims() != [c] {
        bail!("layer_norm: expected parameters of {c} numbers, found {:?} and {:?}", gamma.dims(), beta.dims());
    }
    same_place("layer_norm", x, &[gamma, beta])?;
    if let Some(result) = on_cpu!(x, rows(c, x, gamma, beta, eps)) {
        return result;
    }
    standardise(x, eps)?.broadcast_mul(gamma)?.broadcast_add(beta)
}

fn rows<T: Float>(c: usize, x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Result<Tensor> {
    let (y, means, scales) =
        read::<T, _, 3>([x, gamma, beta], |[x, gamma, beta]| Ok(layer::forward(c, x, gamma, beta, eps)))?;
    attach_lean("layer_norm", &[x, gamma, beta], y, x.shape(), move |context| {
        let (x, gamma) = (&context.args[0], &context.args[1]);
        let (dx, dgamma, dbeta) = read::<T, _, 3>([x, gamma, context.grad], |[x, gamma, dy]| {
            Ok(layer::backward(x, gamma, &means, &scales, dy))
        })?;
        let dx = if context.needs[0] { Some(Tensor::from_vec(dx, x.shape(), &Device::Cpu)?) } else { None };
        Ok(vec![dx, Some(vector(dgamma)?), Some(vector(dbeta)?)])
    })
}

/// GroupNorm: normalises each picture's channels by groups.
///
/// # Shapes
/// `x` (n, c, …), `gamma` (c), `beta` (c) → (n, c, …)
///
/// # Errors
/// Channels that do not match, or that the groups do not divide.
pub fn group_norm(x: &Tensor, groups: usize, gamma: &Tensor, beta: &Tensor, eps: f64) -> Result<Tensor> {
    let size = check("group_norm", x, &[gamma, beta])?;
    if groups == 0 || size.c % groups != 0 {
        bail!("group_norm: {} channels do not fall into {groups} groups", size.c);
    }
    let numbers = x.reshape((size.n, groups, size.c / groups * size.plane))?;
    let wide = numbers.dim(2)?;
    let ones = |count| Tensor::ones(count, x.dtype(), x.device());
    let zeros = |count| Tensor::zeros(count, x.dtype(), x.device());
    // The normalised numbers are a LayerNorm without parameters, and the parameters a BatchNorm without statistics.
    let normal = layer_norm(&numbers, &ones(wide)?, &zeros(wide)?, eps)?.reshape(x.shape())?;
    batch_norm_eval(&normal, &zeros(size.c)?, &ones(size.c)?, gamma, beta, 0.)
}

fn standardise(x: &Tensor, eps: f64) -> Result<Tensor> {
    let last = x.rank() - 1;
    let centred = x.broadcast_sub(&x.mean_keepdim(last)?)?;
    let variance = centred.sqr()?.mean_keepdim(last)?;
    centred.broadcast_div(&(variance + eps)?.sqrt()?)
}

/// The mean of each channel, with the other dimensions kept as 1.
fn channel_mean(x: &Tensor) -> Result<Tensor> {
    let others: Vec<usize> = (0..x.rank()).filter(|&dim| dim != 1).collect();
    x.mean_keepdim(others)
}

fn vector<T: Float>(numbers: Vec<T>) -> Result<Tensor> {
    let count = numbers.len();
    Tensor::from_vec(numbers, count, &Device::Cpu)
}

/// Checks the parameters' size, type and place, and gives the input's size by channels.
fn check(name: &str, x: &Tensor, parameters: &[&Tensor]) -> Result<Channels> {
    if x.rank() < 2 {
        bail!("{name}: expected an input (n, c, …), found {:?}", x.dims());
    }
    let (n, c) = (x.dims()[0], x.dims()[1]);
    for parameter in parameters {
        if parameter.dims() != [c] {
            bail!(
                "{name}: expected parameters of {c} numbers for an input {:?}, found {:?}",
                x.dims(),
                parameter.dims()
            );
        }
    }
    same_place(name, x, parameters)?;
    Ok(Channels { n, c, plane: x.dims()[2..].iter().product() })
}

fn same_place(name: &str, x: &Tensor, parameters: &[&Tensor]) -> Result<()> {
    for parameter in parameters {
        let types: (DType, DType) = (x.dtype(), parameter.dtype());
        if types.0 != types.1 || x.device().is_cpu() != parameter.device().is_cpu() {
            bail!("{name}: expected parameters of the input's type {:?} on its device, found {:?}", types.0, types.1);
        }
    }
    Ok(())
}

//! BatchNorm in training: by moments that the operation before has gathered, and for a convolution that works the value out as it reads it.

use super::super::activation::{Activation, activate};
use super::super::cpu::{Float, on_cpu, read};
use super::super::graph::{Context, attach_lean, attach_recipe};
use super::affine::{Affine, inverse_roots};
use super::batch::{self, Channels};
use super::moments::Moments;
use super::{channel_mean, check, vector};
use candle_core::{Device, Result, Tensor, bail};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Mean and biased variance of each channel of a tensor.
pub(crate) struct BatchMoments {
    pub mean: Vec<f64>,
    pub variance: Vec<f64>,
}

/// How BatchNorm trains.
pub(crate) struct TrainNorm {
    pub eps: f64,
    /// What follows it.
    pub then: Activation,
    /// The input's moments, where they are known already.
    pub measured: Option<BatchMoments>,
    /// Whether one convolution alone reads the value: where a gradient is wanted it is then kept nowhere, and [`conv2d`](super::super::conv2d) works it
    /// out as it reads, forwards and backwards. No other operation may read it.
    pub deferred: bool,
}

/// [`batch_norm_train_then`](super::batch_norm_train_then), told how.
///
/// # Shapes
/// `x` (n, c, …), γ (c), β (c) → (n, c, …), (c), (c)
///
/// # Errors
/// Channels that do not match; fewer than two numbers a channel.
pub(crate) fn batch_norm_train_as(
    x: &Tensor,
    [gamma, beta]: [&Tensor; 2],
    how: TrainNorm,
) -> Result<(Tensor, Tensor, Tensor)> {
    let size = check("batch_norm_train", x, &[gamma, beta])?;
    let count = size.count();
    if count < 2 {
        bail!("batch_norm_train: expected more than one number a channel, found input {:?}", x.dims());
    }
    if let Some(result) = on_cpu!(x, train(size, x, [gamma, beta], &how)) {
        return result;
    }
    let mean = channel_mean(x)?;
    let centred = x.broadcast_sub(&mean)?;
    let variance = channel_mean(&centred.sqr()?)?;
    let normal = centred.broadcast_div(&(&variance + how.eps)?.sqrt()?)?;
    let shape = mean.shape().clone();
    let y = normal.broadcast_mul(&gamma.reshape(&shape)?)?.broadcast_add(&beta.reshape(&shape)?)?;
    let unbiased = variance.detach().affine(count as f64 / (count - 1) as f64, 0.)?;
    Ok((activate(&y, how.then)?, mean.detach().flatten_all()?, unbiased.flatten_all()?))
}

fn train<T: Float>(
    size: Channels,
    x: &Tensor,
    [gamma, beta]: [&Tensor; 2],
    how: &TrainNorm,
) -> Result<(Tensor, Tensor, Tensor)> {
    let deferred = how.deferred && [x, gamma, beta].iter().any(|arg| arg.track_op());
    let (y, variance, kept) = read::<T, _, 3>([x, gamma, beta], |[x, gamma, beta]| {
        let numbers = |numbers: &[f64]| numbers.iter().map(|number| T::of(*number)).collect();
        let (mean, variance) = match &how.measured {
            Some(measured) => (numbers(&measured.mean), numbers(&measured.variance)),
            None => batch::moments(size, x),
        };
        let scale = inverse_roots(&variance, how.eps);
        let affine = Affine::new(gamma, beta, &mean, &scale, how.then);
        let y = if deferred { Vec::new() } else { batch::affine(size, x, &affine) };
        Ok((y, variance, Moments { count: size.count(), mean, scale, affine }))
    })?;
    let unbiased = T::of(size.count() as f64 / (size.count() - 1) as f64);
    let variance: Vec<T> = variance.iter().map(|v| *v * unbiased).collect();
    let outside = (Tensor::new(kept.mean.as_slice(), &Device::Cpu)?, Tensor::new(variance.as_slice(), &Device::Cpu)?);
    let (name, args) = ("batch_norm_train", [x, gamma, beta]);
    if !deferred {
        let y = attach_lean(name, &args, y, x.shape(), move |context| gradients(size, &kept, context))?;
        return Ok((y, outside.0, outside.1));
    }
    let normed = Arc::new(Normed {
        x: x.detach(),
        size,
        moments: kept,
        readers: AtomicUsize::new(0),
        parameters: Mutex::default(),
    });
    let back = normed.clone();
    let y = attach_recipe::<T>(name, &args, normed, x.shape(), move |context| match back.parameters() {
        // what reads the value has gone the whole way back
        Some((dgamma, dbeta)) => Ok(vec![Some(context.grad.clone()), Some(vector(dgamma)?), Some(vector(dbeta)?)]),
        None => gradients(size, &back.moments, context),
    })?;
    Ok((y, outside.0, outside.1))
}

fn gradients<T: Float>(size: Channels, kept: &Moments<T>, context: &Context) -> Result<Vec<Option<Tensor>>> {
    let x = &context.args[0];
    let (dx, dgamma, dbeta) =
        read::<T, _, 2>([x, context.grad], |[x, dy]| Ok(batch::backward(size, x, kept, dy, context.needs[0])))?;
    let dx = dx.map(|dx| Tensor::from_vec(dx, x.shape(), &Device::Cpu)).transpose()?;
    Ok(vec![dx, Some(vector(dgamma)?), Some(vector(dbeta)?)])
}

/// dγ and dβ.
type ParameterGradients<T> = (Vec<T>, Vec<T>);

/// What stands for BatchNorm's value where that is kept nowhere: what was normalised, and how.
pub(in crate::ops) struct Normed<T> {
    /// The input, outside the graph.
    pub x: Tensor,
    size: Channels,
    pub moments: Moments<T>,
    readers: AtomicUsize,
    parameters: Mutex<Option<ParameterGradients<T>>>,
}

impl<T: Float> Normed<T> {
    /// The value.
    pub fn whole(&self) -> Result<Tensor> {
        let y = read::<T, _, 1>([&self.x], |[x]| Ok(batch::affine(self.size, x, &self.moments.affine)))?;
        Tensor::from_vec(y, self.x.shape(), &Device::Cpu)
    }

    /// Notes one more operation that reads the value.
    pub fn read(&self) {
        self.readers.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether one operation alone reads the value: then it may go the way back through BatchNorm as well, and its gradient is the input's.
    pub fn has_one_reader(&self) -> bool {
        self.readers.load(Ordering::Relaxed) == 1
    }

    /// Tells that the way back was gone, with dγ and dβ.
    pub fn went_back(&self, parameters: ParameterGradients<T>) {
        *self.parameters.lock().expect("no panic while noting") = Some(parameters);
    }

    fn parameters(&self) -> Option<ParameterGradients<T>> {
        self.parameters.lock().expect("no panic while noting").take()
    }
}

//! Losses: cross-entropy, binary cross-entropy on logits, smooth L1.

use super::graph::attach;
use super::softmax::log_of;
use candle_core::{DType, Result, Tensor, bail};

/// Options of [`cross_entropy`]; the default smooths nothing and weighs all classes alike.
#[derive(Clone, Debug, Default)]
pub struct CrossEntropy {
    /// The share of the target that is spread evenly over all classes, 0 to 1.
    pub label_smoothing: f64,
    /// A weight for each class (c); the mean is taken over the weights, as PyTorch does.
    pub class_weights: Option<Tensor>,
}

/// The mean cross-entropy between logits and class indices.
///
/// # Shapes
/// `logits` (n, c), `targets` (n) of u32 → scalar
///
/// # Errors
/// A target that names no class; sizes that do not match; a label smoothing that is no share.
pub fn cross_entropy(logits: &Tensor, targets: &Tensor, options: &CrossEntropy) -> Result<Tensor> {
    let (n, c) = logits.dims2()?;
    if targets.dims() != [n] {
        bail!("cross_entropy: expected {n} targets for logits {:?}, found {:?}", logits.dims(), targets.dims());
    }
    let indices: Vec<u32> = targets.to_dtype(DType::U32)?.to_vec1()?;
    if let Some(wrong) = indices.iter().find(|&&index| index as usize >= c) {
        bail!("cross_entropy: expected targets below {c}, the number of classes, found {wrong}");
    }
    let weights: Vec<f64> = match &options.class_weights {
        Some(weights) if weights.dims() != [c] => {
            bail!("cross_entropy: expected {c} class weights, found {:?}", weights.dims())
        }
        Some(weights) => weights.to_dtype(DType::F64)?.to_vec1()?,
        None => vec![1.; c],
    };
    let smoothing = options.label_smoothing;
    if !(0. ..=1.).contains(&smoothing) {
        bail!("cross_entropy: expected a label smoothing from 0 to 1, found {smoothing}");
    }
    let total: f64 = indices.iter().map(|&index| weights[index as usize]).sum();
    let mut wanted: Vec<f64> = Vec::with_capacity(n * c);
    for &index in &indices {
        wanted.extend(weights.iter().enumerate().map(|(class, weight)| {
            let hit = if class == index as usize { 1. - smoothing } else { 0. };
            -(hit + smoothing / c as f64) * weight / total
        }));
    }
    let wanted = Tensor::from_vec(wanted, (n, c), logits.device())?.to_dtype(logits.dtype())?;
    let logs = log_of(&logits.detach(), 1)?;
    let loss = (&logs * &wanted)?.sum_all()?;
    attach("cross_entropy", &[logits], loss, move |context| {
        // d/dlogits Σ wanted · log softmax = wanted − softmax · Σ wanted
        let own = (&wanted - logs.exp()?.broadcast_mul(&wanted.sum_keepdim(1)?)?)?;
        Ok(vec![Some(own.broadcast_mul(context.grad)?)])
    })
}

/// The mean of [`smooth_l1_each`].
///
/// # Shapes
/// `x`, `y` the same → scalar
///
/// # Errors
/// Shapes that differ.
pub fn smooth_l1(x: &Tensor, y: &Tensor, beta: f64) -> Result<Tensor> {
    mean(&smooth_l1_each(x, y, beta)?)
}

/// ½d²/β where the distance d is below β, d − ½β elsewhere (Fast R-CNN); β = 0 is the absolute distance.
///
/// # Shapes
/// `x`, `y` the same → the same
///
/// # Errors
/// Shapes that differ.
pub fn smooth_l1_each(x: &Tensor, y: &Tensor, beta: f64) -> Result<Tensor> {
    let difference = (x.detach() - y.detach())?;
    let distance = difference.abs()?;
    let value = if beta > 0. {
        let near = distance.minimum(beta)?;
        (&near * (&distance - near.affine(0.5, 0.)?)?)?.affine(1. / beta, 0.)?
    } else {
        distance
    };
    attach("smooth_l1", &[x, y], value, move |context| {
        let slope =
            if beta > 0. { difference.clamp(-beta, beta)?.affine(1. / beta, 0.)? } else { difference.sign()? };
        let dx = (slope * context.grad)?;
        let dy = if context.needs[1] { Some(dx.neg()?) } else { None };
        Ok(vec![Some(dx), dy])
    })
}

/// The mean of [`bce_with_logits_each`].
///
/// # Shapes
/// `logits`, `targets` the same → scalar
///
/// # Errors
/// Shapes that differ.
pub fn bce_with_logits(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    mean(&bce_with_logits_each(logits, targets)?)
}

/// Binary cross-entropy of logits against targets between 0 and 1; finite for any finite logit. Targets get no gradient.
///
/// # Shapes
/// `logits`, `targets` the same → the same
///
/// # Errors
/// Shapes that differ.
pub fn bce_with_logits_each(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let (x, t) = (logits.detach(), targets.detach());
    // max(x, 0) − x t + ln(1 + e^−|x|)
    let tail = x.abs()?.neg()?.exp()?.affine(1., 1.)?.log()?;
    let value = ((x.relu()? - (&x * &t)?)? + tail)?;
    attach("bce_with_logits", &[logits], value, move |context| {
        let share = super::sigmoid(&context.args[0])?;
        Ok(vec![Some(((share - &t)? * context.grad)?)])
    })
}

fn mean(x: &Tensor) -> Result<Tensor> {
    let count = x.elem_count() as f64;
    attach("mean", &[x], x.detach().mean_all()?, move |context| {
        Ok(vec![Some(context.grad.affine(1. / count, 0.)?.broadcast_as(context.args[0].shape())?.contiguous()?)])
    })
}

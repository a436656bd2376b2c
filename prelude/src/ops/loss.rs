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
    /// The focal loss's γ, 0 or more: each class's part counts by (1 − its probability)^γ. Lin et al. 2017.
    pub focus: f64,
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
    let hits = indices.iter().flat_map(|&index| (0..c).map(move |class| if class == index as usize { 1. } else { 0. }));
    entropy_of(logits, hits.collect(), options)
}

/// The mean cross-entropy between logits and each class's share of the truth, as two pictures put together have them. With weights the mean
/// is taken over the weights of the shares.
///
/// # Shapes
/// `logits`, `shares` (n, c) → scalar
///
/// # Errors
/// Sizes that do not match; a label smoothing that is no share.
pub fn cross_entropy_of_shares(logits: &Tensor, shares: &Tensor, options: &CrossEntropy) -> Result<Tensor> {
    let dims = logits.dims2()?;
    if shares.dims() != [dims.0, dims.1] {
        bail!("cross_entropy_of_shares: expected shares of {:?}, found {:?}", logits.dims(), shares.dims());
    }
    entropy_of(logits, shares.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?, options)
}

/// Of shares in rows of as many as there are classes.
fn entropy_of(logits: &Tensor, shares: Vec<f64>, options: &CrossEntropy) -> Result<Tensor> {
    let (n, c) = logits.dims2()?;
    let weights: Vec<f64> = match &options.class_weights {
        Some(weights) if weights.dims() != [c] => {
            bail!("cross_entropy: expected {c} class weights, found {:?}", weights.dims())
        }
        Some(weights) => weights.to_dtype(DType::F64)?.to_vec1()?,
        None => vec![1.; c],
    };
    let (smoothing, focus) = (options.label_smoothing, options.focus);
    if !(0. ..=1.).contains(&smoothing) {
        bail!("cross_entropy: expected a label smoothing from 0 to 1, found {smoothing}");
    }
    if !(focus >= 0. && focus.is_finite()) {
        bail!("cross_entropy: expected a focus of 0 or more, found {focus}");
    }
    let total: f64 = shares.iter().enumerate().map(|(at, share)| share * weights[at % c]).sum();
    let wanted = shares
        .iter()
        .enumerate()
        .map(|(at, share)| -(share * (1. - smoothing) + smoothing / c as f64) * weights[at % c] / total);
    let wanted = Tensor::from_vec(wanted.collect(), (n, c), logits.device())?.to_dtype(logits.dtype())?;
    let logs = log_of(&logits.detach(), 1)?;
    if focus > 0. {
        return focal(logits, &logs, &wanted, focus);
    }
    let loss = (&logs * &wanted)?.sum_all()?;
    attach("cross_entropy", &[logits], loss, move |context| {
        // d/dlogits Σ wanted · log softmax = wanted − softmax · Σ wanted
        let own = (&wanted - logs.exp()?.broadcast_mul(&wanted.sum_keepdim(1)?)?)?;
        Ok(vec![Some(own.broadcast_mul(context.grad)?)])
    })
}

/// Σ wanted · (1 − p)^γ · log p, with p the softmax.
fn focal(logits: &Tensor, logs: &Tensor, wanted: &Tensor, focus: f64) -> Result<Tensor> {
    let shares = logs.exp()?;
    // what is certain has no slope, and no number to the power of γ − 1 where γ is below 1
    let missing = shares.affine(-1., 1.)?.clamp(1e-12, 1.)?;
    let factor = missing.powf(focus)?;
    let loss = ((&factor * logs)? * wanted)?.sum_all()?;
    // d/dlog p: (1 − p)^γ − γ (1 − p)^(γ−1) p log p
    let steep = ((&factor / &missing)? * (&shares * logs)?)?.affine(focus, 0.)?;
    let slope = ((factor - steep)? * wanted)?;
    attach("focal", &[logits], loss, move |context| {
        let own = (&slope - shares.broadcast_mul(&slope.sum_keepdim(1)?)?)?;
        Ok(vec![Some(own.broadcast_mul(context.grad)?)])
    })
}

/// The focal loss of logits against labels between 0 and 1, before any mean; γ = 0 is [`bce_with_logits_each`]. `alpha` weighs what applies,
/// 1 − `alpha` what does not; `None` weighs both alike. Lin et al. 2017, torchvision's `sigmoid_focal_loss` for labels of 0 and 1.
///
/// # Shapes
/// `logits`, `targets` the same → the same
///
/// # Errors
/// Shapes that differ.
pub fn sigmoid_focal_each(logits: &Tensor, targets: &Tensor, alpha: Option<f64>, gamma: f64) -> Result<Tensor> {
    let (x, t) = (logits.detach(), targets.detach());
    let (on, off) = alpha.map_or((1., 1.), |alpha| (alpha, 1. - alpha));
    let share = super::sigmoid(&x)?;
    // −log σ(x) and −log(1 − σ(x)), finite for any finite logit
    let tail = x.abs()?.neg()?.exp()?.affine(1., 1.)?.log()?;
    let (missed, false_alarm) = ((x.neg()?.relu()? + &tail)?, (x.relu()? + tail)?);
    let (p, q) = (share.clamp(1e-12, 1.)?, share.affine(-1., 1.)?.clamp(1e-12, 1.)?);
    let (p_gamma, q_gamma) = (p.powf(gamma)?, q.powf(gamma)?);
    let (t, rest) = (t.affine(on, 0.)?, t.affine(-off, off)?);
    let value = ((&t * (&q_gamma * &missed)?)? + (&rest * (&p_gamma * &false_alarm)?)?)?;
    // d/dx: −t (1−p)^γ (γ p · missed + 1 − p) + (1−t) p^γ (γ (1−p) · false alarm + p)
    let rising = ((p_gamma * ((&q * false_alarm)?.affine(gamma, 0.)? + &p)?)? * rest)?;
    let falling = ((q_gamma * ((p * missed)?.affine(gamma, 0.)? + q)?)? * t)?;
    let slope = (rising - falling)?;
    attach("sigmoid_focal", &[logits], value, move |context| Ok(vec![Some((&slope * context.grad)?)]))
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

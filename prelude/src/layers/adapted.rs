//! Layers with an adapter beside a weight. Hu et al. 2021; PEFT's `lora.Linear` and `lora.Conv2d`.

use candle_core::Tensor;

use super::Pass;
use crate::params::LowRank;
use crate::{Result, ops};

/// What goes into an adapter, with some of it dropped in training.
fn dropped(adapter: &LowRank, x: &Tensor, pass: &Pass) -> Result<Tensor> {
    match noise(adapter, pass) {
        Some((share, seed)) => Ok(ops::dropout(x, share, true, seed)?),
        None => Ok(x.clone()),
    }
}

fn noise(adapter: &LowRank, pass: &Pass) -> Option<(f64, u64)> {
    (pass.noisy() && adapter.dropout > 0.0).then(|| (adapter.dropout, pass.draw()))
}

/// x · weightᵀ + bias + scale · (x · aᵀ) · bᵀ.
pub(super) fn linear(adapter: &LowRank, x: &Tensor, own: (&Tensor, &Tensor), pass: &Pass) -> Result<Tensor> {
    let ((weight, bias), scale) = (own, adapter.scale);
    let (a, b) = (pass.value(&adapter.a), pass.value(&adapter.b));
    if !pass.mixes() && !weight.track_op() && !bias.track_op() {
        return Ok(ops::lora_linear(x, (weight, Some(bias)), [&a, &b], scale, noise(adapter, pass))?);
    }
    let y = pass.product([x, weight], Some(bias), ops::linear)?;
    let few = pass.product([&dropped(adapter, x, pass)?, &a], None, ops::linear)?;
    let added = pass.product([&ops::scale(&few, scale)?, &b], None, ops::linear)?;
    Ok(ops::add(&y, &added)?)
}

/// What a convolution gave, `y`, and what the adapter adds to it.
pub(super) fn conv2d(
    adapter: &LowRank,
    x: &Tensor,
    y: &Tensor,
    options: ops::Conv2dOptions,
    pass: &Pass,
) -> Result<Tensor> {
    let (a, b) = (pass.value(&adapter.a), pass.value(&adapter.b));
    let x = dropped(adapter, x, pass)?;
    let few = pass.product([&x, &a], None, |x, w, _| ops::conv2d(x, w, None, options))?;
    let few = ops::scale(&few, adapter.scale)?;
    let added = pass.product([&few, &b], None, |x, w, _| ops::conv2d(x, w, None, Default::default()))?;
    Ok(ops::add(y, &added)?)
}

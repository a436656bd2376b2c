//! LAMB: Adam's step, scaled to the norm of what it changes. You et al. 2019, timm's `Lamb`.

use candle_core::Tensor;

use super::adam::{Means, direction, means};
use super::sweep::{Sweep, norm};
use super::{OptimizerState, Turn};

pub(super) fn fused(state: &mut OptimizerState, turn: &Turn, betas: (f64, f64), eps: f64) -> candle_core::Result<()> {
    let Means { first, second, short, root } = means(state, turn, turn.grad, betas)?;
    let (short, eps, decay) = (short as f32, eps as f32, turn.decay as f32);
    let step = first.copy()?;
    step.inplace_op3(
        &second,
        turn.value,
        &Sweep(|step: &mut f32, second: f32, value| {
            *step = *step / short / (second.sqrt() / root + eps) + decay * value;
        }),
    )?;
    let rate = (turn.rate * trust(turn, &step)?) as f32;
    turn.value.inplace_op3(&step, &step, &Sweep(|value: &mut f32, step, _| *value -= rate * step))
}

pub(super) fn formula(
    state: &mut OptimizerState,
    turn: &Turn,
    betas: (f64, f64),
    eps: f64,
) -> candle_core::Result<Tensor> {
    let step = (direction(state, turn, turn.grad, betas, eps)? + (turn.value * turn.decay)?)?;
    turn.value - (&step * (turn.rate * trust(turn, &step)?))?
}

/// How far the value's norm trusts the step's: their ratio, where neither is 0 and the parameter decays.
fn trust(turn: &Turn, step: &Tensor) -> candle_core::Result<f64> {
    if turn.decay == 0.0 {
        return Ok(1.0);
    }
    let (value, step) = (norm(turn.value)?, norm(step)?);
    Ok(if value > 0.0 && step > 0.0 { value / step } else { 1.0 })
}

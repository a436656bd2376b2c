//! Lion: the sign of a mean gradient is the step. Chen et al. 2023, timm's `Lion`.

use candle_core::Tensor;

use super::sweep::Sweep;
use super::{OptimizerState, Turn, blend};

pub(super) fn fused(state: &mut OptimizerState, turn: &Turn, (beta1, beta2): (f64, f64)) -> candle_core::Result<()> {
    let beta1 = turn.momentum.unwrap_or(beta1);
    let (rate, keep) = (turn.rate as f32, (1.0 - turn.rate * turn.decay) as f32);
    let (new1, new2) = ((1.0 - beta1) as f32, (1.0 - beta2) as f32);
    let first = turn.kept(&mut state.first)?;
    turn.value.inplace_op3(
        turn.grad,
        &first,
        &Sweep(|value: &mut f32, grad: f32, first: f32| {
            *value = keep * *value - rate * sign(first + new1 * (grad - first));
        }),
    )?;
    first.inplace_op3(turn.grad, turn.grad, &Sweep(|first: &mut f32, grad, _| *first += new2 * (grad - *first)))
}

/// 0 of 0, where `signum` gives 1.
fn sign(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

pub(super) fn formula(
    state: &mut OptimizerState,
    turn: &Turn,
    (beta1, beta2): (f64, f64),
) -> candle_core::Result<Tensor> {
    let beta1 = turn.momentum.unwrap_or(beta1);
    let sign = blend(&state.first, turn.grad, beta1)?.sign()?;
    state.first = Some(blend(&state.first, turn.grad, beta2)?);
    (turn.value * (1.0 - turn.rate * turn.decay))? - (sign * turn.rate)?
}

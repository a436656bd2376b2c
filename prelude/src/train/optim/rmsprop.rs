//! RMSprop, centred too: `torch.optim.RMSprop`.

use candle_core::Tensor;

use super::sweep::Sweep;
use super::{OptimizerState, Turn, blend};

/// The momentum of this step: a schedule's, where the rule has one at all.
fn momentum_of(turn: &Turn, momentum: f64) -> f64 {
    if momentum == 0.0 { 0.0 } else { turn.momentum.unwrap_or(momentum) }
}

pub(super) fn fused(
    state: &mut OptimizerState,
    turn: &Turn,
    (alpha, momentum): (f64, f64),
    eps: f64,
    centered: bool,
) -> candle_core::Result<()> {
    let momentum = momentum_of(turn, momentum) as f32;
    let (new, alpha, eps, rate) = ((1.0 - alpha) as f32, alpha as f32, eps as f32, turn.rate as f32);
    let grad = turn.decayed()?;
    let second = turn.kept(&mut state.second)?;
    second.inplace_op3(
        &grad,
        &grad,
        &Sweep(|second: &mut f32, grad: f32, _| {
            *second = alpha * *second + new * grad * grad;
        }),
    )?;
    let step = grad.copy()?;
    if centered {
        let third = turn.kept(&mut state.third)?;
        third.inplace_op3(&grad, &grad, &Sweep(|third: &mut f32, grad, _| *third += new * (grad - *third)))?;
        step.inplace_op3(
            &second,
            &third,
            &Sweep(|step: &mut f32, second: f32, third: f32| {
                *step /= (second - third * third).max(0.0).sqrt() + eps;
            }),
        )?;
    } else {
        step.inplace_op3(&second, &second, &Sweep(|step: &mut f32, second: f32, _| *step /= second.sqrt() + eps))?;
    }
    let step = if momentum == 0.0 {
        step
    } else {
        let buffer = turn.kept(&mut state.first)?;
        buffer.inplace_op3(
            &step,
            &step,
            &Sweep(|buffer: &mut f32, step, _| {
                *buffer = momentum * *buffer + step;
            }),
        )?;
        buffer
    };
    turn.value.inplace_op3(&step, &step, &Sweep(|value: &mut f32, step, _| *value -= rate * step))
}

pub(super) fn formula(
    state: &mut OptimizerState,
    turn: &Turn,
    (alpha, momentum): (f64, f64),
    eps: f64,
    centered: bool,
) -> candle_core::Result<Tensor> {
    let momentum = momentum_of(turn, momentum);
    let grad = turn.decayed()?;
    let second = blend(&state.second, &grad.sqr()?, alpha)?;
    let mut spread = second.clone();
    if centered {
        let third = blend(&state.third, &grad, alpha)?;
        spread = (spread - third.sqr()?)?.relu()?;
        state.third = Some(third);
    }
    let mut step = grad.div(&(spread.sqrt()? + eps)?)?;
    if momentum != 0.0 {
        if let Some(buffer) = &state.first {
            step = (step + (buffer * momentum)?)?;
        }
        state.first = Some(step.clone());
    }
    state.second = Some(second);
    turn.value - (step * turn.rate)?
}

//! SGD with momentum, Nesterov's too: `torch.optim.SGD`.

use candle_core::Tensor;

use super::sweep::Sweep;
use super::{OptimizerState, Turn};

pub(super) fn fused(state: &mut OptimizerState, turn: &Turn, momentum: f64, nesterov: bool) -> candle_core::Result<()> {
    let momentum = turn.momentum.unwrap_or(momentum) as f32;
    let (rate, decay) = (turn.rate as f32, turn.decay as f32);
    let (value, grad) = (turn.value, turn.grad);
    if momentum == 0.0 {
        let step = Sweep(|value: &mut f32, grad: f32, _| *value -= rate * (grad + decay * *value));
        return value.inplace_op3(grad, grad, &step);
    }
    let buffer = turn.kept(&mut state.first)?;
    buffer.inplace_op3(
        grad,
        value,
        &Sweep(|buffer: &mut f32, grad, value| {
            *buffer = momentum * *buffer + (grad + decay * value);
        }),
    )?;
    value.inplace_op3(
        grad,
        &buffer,
        &Sweep(|value: &mut f32, grad, buffer| {
            *value -= rate * if nesterov { grad + decay * *value + momentum * buffer } else { buffer };
        }),
    )
}

pub(super) fn formula(
    state: &mut OptimizerState,
    turn: &Turn,
    momentum: f64,
    nesterov: bool,
) -> candle_core::Result<Tensor> {
    let momentum = turn.momentum.unwrap_or(momentum);
    let mut grad = turn.decayed()?;
    if momentum != 0.0 {
        let buffer = match &state.first {
            Some(buffer) => ((buffer * momentum)? + &grad)?,
            None => grad.copy()?,
        };
        grad = if nesterov { (grad + (&buffer * momentum)?)? } else { buffer.clone() };
        state.first = Some(buffer);
    }
    turn.value - (grad * turn.rate)?
}

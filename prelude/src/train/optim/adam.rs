//! Adam with L2 decay, AdamW with decoupled decay: `torch.optim.Adam`, `torch.optim.AdamW`.

use candle_core::Tensor;

use super::sweep::{Sweep, sweep_three};
use super::{OptimizerState, Turn, blend};

pub(super) fn fused(
    state: &mut OptimizerState,
    turn: &Turn,
    betas: (f64, f64),
    eps: f64,
    decoupled: bool,
) -> candle_core::Result<()> {
    let (grad, keep) = match decoupled {
        true => (turn.grad.clone(), (1.0 - turn.rate * turn.decay) as f32),
        false => (turn.decayed()?, 1.0),
    };
    let beta1 = turn.momentum.unwrap_or(betas.0);
    let steps = state.step as f64;
    let (short, root) = (1.0 - beta1.powf(steps), (1.0 - betas.1.powf(steps)).sqrt() as f32);
    // differences before rounding: 1 - 0.999 has lost half its digits in f32
    let (new1, new2, beta2) = ((1.0 - beta1) as f32, (1.0 - betas.1) as f32, betas.1 as f32);
    let (step, eps) = ((turn.rate / short) as f32, eps as f32);
    let (first, second) = (turn.kept(&mut state.first)?, turn.kept(&mut state.second)?);
    // value and means in one pass over memory, as `means` has them
    sweep_three([turn.value, &first, &second], &grad, |[value, first, second], grad| {
        *first += new1 * (grad - *first);
        *second = beta2 * *second + new2 * grad * grad;
        *value = keep * *value - step * *first / (second.sqrt() / root + eps);
    })
}

/// The means after a step: of the gradient and of its square, how short of 1 the first one's weights are, and the root of
/// what the second one's lack.
pub(super) struct Means {
    pub first: Tensor,
    pub second: Tensor,
    pub short: f64,
    pub root: f32,
}

/// Moves both means on, in place.
pub(super) fn means(
    state: &mut OptimizerState,
    turn: &Turn,
    grad: &Tensor,
    (beta1, beta2): (f64, f64),
) -> candle_core::Result<Means> {
    let beta1 = turn.momentum.unwrap_or(beta1);
    let steps = state.step as f64;
    let (short, root) = (1.0 - beta1.powf(steps), (1.0 - beta2.powf(steps)).sqrt() as f32);
    // differences before rounding: 1 - 0.999 has lost half its digits in f32
    let (new1, new2, beta2) = ((1.0 - beta1) as f32, (1.0 - beta2) as f32, beta2 as f32);
    let (first, second) = (turn.kept(&mut state.first)?, turn.kept(&mut state.second)?);
    first.inplace_op3(grad, grad, &Sweep(|first: &mut f32, grad, _| *first += new1 * (grad - *first)))?;
    second.inplace_op3(
        grad,
        grad,
        &Sweep(|second: &mut f32, grad: f32, _| {
            *second = beta2 * *second + new2 * grad * grad;
        }),
    )?;
    Ok(Means { first, second, short, root })
}

pub(super) fn formula(
    state: &mut OptimizerState,
    turn: &Turn,
    betas: (f64, f64),
    eps: f64,
    decoupled: bool,
) -> candle_core::Result<Tensor> {
    let grad = if decoupled { turn.grad.clone() } else { turn.decayed()? };
    let step = (direction(state, turn, &grad, betas, eps)? * turn.rate)?;
    if decoupled { (turn.value * (1.0 - turn.rate * turn.decay))? - step } else { turn.value - step }
}

/// Adam's step at rate 1, whose means it moves on.
pub(super) fn direction(
    state: &mut OptimizerState,
    turn: &Turn,
    grad: &Tensor,
    (beta1, beta2): (f64, f64),
    eps: f64,
) -> candle_core::Result<Tensor> {
    let beta1 = turn.momentum.unwrap_or(beta1);
    let first = blend(&state.first, grad, beta1)?;
    let second = blend(&state.second, &grad.sqr()?, beta2)?;
    let steps = state.step as f64;
    let (short1, short2) = (1.0 - beta1.powf(steps), 1.0 - beta2.powf(steps));
    let divisor = ((second.sqrt()? / short2.sqrt())? + eps)?;
    let step = (first.div(&divisor)? / short1)?;
    state.first = Some(first);
    state.second = Some(second);
    Ok(step)
}

//! Convolution as a composition of candle's own operations, for numbers and devices without a kernel of ours.

use super::super::taps::pad;
use super::plan::Plan;
use candle_core::{Result, Tensor};

/// y = w ∗ x, with the gradient that candle derives from the parts.
pub(crate) fn convolve(plan: &Plan, x: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (down, right) = plan.window.extra;
    let padded = pad(x, plan.window.padding, 0.)?.pad_with_zeros(2, 0, down)?.pad_with_zeros(3, 0, right)?;
    let columns = plan.window.taps(&padded, (plan.oh, plan.ow))?;
    let depth = plan.cg() * plan.places();
    let columns = columns.reshape((plan.n, plan.groups, depth, plan.pixels()))?;
    let w = w.reshape((1, plan.groups, plan.og(), depth))?;
    w.broadcast_matmul(&columns)?.reshape((plan.n, plan.o, plan.oh, plan.ow))
}

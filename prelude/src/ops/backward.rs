//! The backward pass without candle's zeros: a gradient is moved to where it goes, and added only where two meet.
//!
//! candle starts every gradient as zeros and adds to it, which costs three passes over memory for each
//! tensor of the graph. Where all operations of a graph are ours, [`backward`] does without; any other
//! graph is left to candle, with the same result.

use super::activation::filled;
use super::cpu::{Float, in_pool, on_cpu, read};
use super::graph::step_of;
use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, TensorId, bail};
use std::collections::HashMap;

/// The gradients of a scalar loss with respect to the variables that it was made of.
///
/// The same as candle's `loss.backward()`, faster where the graph is made of this room's operations.
///
/// # Errors
/// A loss that is no scalar; an operation without a gradient.
///
/// ```
/// use candlewick_prelude::candle_core::{Device, Var};
/// use candlewick_prelude::ops;
/// let x = Var::new(&[[1f32, -2.]], &Device::Cpu)?;
/// let loss = ops::smooth_l1(&ops::relu(&x)?, &x.zeros_like()?, 1.)?;
/// let grads = ops::backward(&loss)?;
/// assert_eq!(grads.get(&x).unwrap().to_vec2::<f32>()?, [[0.5, 0.]]);
/// # Ok::<(), candlewick_prelude::candle_core::Error>(())
/// ```
pub fn backward(loss: &Tensor) -> Result<GradStore> {
    if loss.elem_count() != 1 {
        bail!("backward: expected a loss of one number, found {:?}", loss.dims());
    }
    backward_from(loss, &loss.ones_like()?)
}

/// The gradients of any tensor's variables, given the gradient of the tensor itself.
///
/// # Shapes
/// `grad` as `value`
///
/// # Errors
/// Shapes that differ; an operation without a gradient.
pub fn backward_from(value: &Tensor, grad: &Tensor) -> Result<GradStore> {
    if value.dims() != grad.dims() {
        bail!("backward_from: expected a gradient of shape {:?}, found {:?}", value.dims(), grad.dims());
    }
    in_pool(|| walk(value, grad))
}

fn walk(value: &Tensor, grad: &Tensor) -> Result<GradStore> {
    let nodes = value.sorted_nodes();
    let mut steps = Vec::with_capacity(nodes.len());
    for node in &nodes {
        match step_of(node) {
            _ if node.is_variable() => steps.push(None),
            Some(step) => steps.push(Some(step)),
            None if value.elem_count() == 1 => return (value * grad)?.backward(),
            None => return (value * grad)?.sum_all()?.backward(),
        }
    }
    let mut waiting: HashMap<TensorId, Tensor> = HashMap::from([(value.id(), grad.detach())]);
    let mut found = GradStore::default();
    for (node, step) in nodes.iter().zip(steps) {
        let Some(grad) = waiting.remove(&node.id()) else { continue };
        let Some(step) = step else {
            found.insert(node, grad);
            continue;
        };
        let args: Vec<&Tensor> = step.args.iter().collect();
        for (arg, gradient) in args.iter().zip(step.back(&args, node, &grad)?) {
            let Some(gradient) = gradient else { continue };
            let total = match waiting.remove(&arg.id()) {
                Some(before) => sum(&before, &gradient)?,
                None => gradient,
            };
            waiting.insert(arg.id(), total);
        }
    }
    Ok(found)
}

fn sum(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    fn kernel<T: Float>(a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let total = read::<T, _, 2>([a, b], |[a, b]| {
            Ok(filled(a.len(), |part, out| super::arithmetic::plus(&a[part.clone()], &b[part], out)))
        })?;
        Tensor::from_vec(total, a.shape(), &Device::Cpu)
    }
    on_cpu!(a, kernel(a, b)).unwrap_or_else(|| a + b)
}

//! The backward pass without candle's zeros: a gradient is moved to where it goes, and added only where two meet.
//!
//! candle starts every gradient as zeros and adds to it, which costs three passes over memory for each
//! tensor of the graph. Where all operations of a graph are ours, [`backward`] does without; any other
//! graph is left to candle, with the same result.

use super::activation::filled;
use super::cpu::{Float, in_pool, on_cpu, read};
use super::graph::{Step, step_of};
use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, TensorId, bail};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

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
    backward_from_all(&[(value, grad)])
}

/// [`backward_from`] of several tensors at once, whose gradients meet in what they were made of.
///
/// # Shapes
/// each gradient as its value
///
/// # Errors
/// As [`backward_from`].
pub fn backward_from_all(values: &[(&Tensor, &Tensor)]) -> Result<GradStore> {
    for (value, grad) in values {
        if value.dims() != grad.dims() {
            bail!("backward_from: expected a gradient of shape {:?}, found {:?}", value.dims(), grad.dims());
        }
    }
    backward_letting_go(values.iter().map(|(value, grad)| ((*value).clone(), grad.detach())).collect())
}

/// [`backward_from_all`] of tensors that are given away: what operations kept for the way back is let go as soon as it has been read, where nobody
/// else holds it. It takes the least memory.
///
/// # Shapes
/// each gradient as its value
///
/// # Errors
/// An operation without a gradient.
///
/// ```
/// use candlewick_prelude::candle_core::{Device, Var};
/// use candlewick_prelude::ops;
/// let x = Var::new(&[1f32, -2.], &Device::Cpu)?;
/// let y = ops::relu(&x)?;
/// let ones = y.ones_like()?;
/// let grads = ops::backward_letting_go(vec![(y, ones)])?;
/// assert_eq!(grads.get(&x).unwrap().to_vec1::<f32>()?, [1., 0.]);
/// # Ok::<(), candlewick_prelude::candle_core::Error>(())
/// ```
pub fn backward_letting_go(values: Vec<(Tensor, Tensor)>) -> Result<GradStore> {
    in_pool(|| match nodes_of(values.iter().map(|(value, _)| value)) {
        Some(nodes) => {
            let mut waiting = HashMap::new();
            for (value, grad) in values {
                meet(&mut waiting, name_of(&value, step_of(&value).as_deref()), grad.detach())?;
            }
            back(nodes, waiting)
        }
        None => {
            let mut total: Option<Tensor> = None;
            for (value, grad) in values {
                let part = (value * grad.detach())?.sum_all()?;
                total = Some(match total {
                    Some(total) => (total + part)?,
                    None => part,
                });
            }
            total.map_or_else(|| Ok(GradStore::default()), |total| total.backward())
        }
    })
}

/// What tensors were made of, each after all that was made of it; `None` where an operation is not ours.
fn nodes_of<'a>(roots: impl Iterator<Item = &'a Tensor>) -> Option<Vec<(Tensor, Option<Arc<Step>>)>> {
    let mut order = Vec::new();
    let mut seen: HashSet<TensorId> = HashSet::new();
    // what is entered, and what is left once all that it was made of is done
    let mut open: Vec<(Tensor, Option<Arc<Step>>, bool)> = Vec::new();
    for root in roots.filter(|root| root.track_op()) {
        open.push((root.clone(), None, false));
        while let Some((tensor, step, done)) = open.pop() {
            if done {
                order.push((tensor, step));
                continue;
            }
            let step = step_of(&tensor);
            if !seen.insert(name_of(&tensor, step.as_deref())) {
                continue;
            }
            if step.is_none() && !tensor.is_variable() {
                return None;
            }
            let args: Vec<Tensor> = match (&step, tensor.is_variable()) {
                (Some(step), false) => step.args.iter().filter(|arg| arg.track_op()).cloned().collect(),
                _ => Vec::new(),
            };
            let step = step.filter(|_| !tensor.is_variable());
            open.push((tensor, step, true));
            open.extend(args.into_iter().map(|arg| (arg, None, false)));
        }
    }
    order.reverse();
    Some(order)
}

/// What a tensor's gradient is kept under: a tensor and those that stand for it share one.
fn name_of(tensor: &Tensor, step: Option<&Step>) -> TensorId {
    step.and_then(Step::id).unwrap_or_else(|| tensor.id())
}

/// Adds a gradient to what waits at its place.
fn meet(waiting: &mut HashMap<TensorId, Tensor>, id: TensorId, gradient: Tensor) -> Result<()> {
    let total = match waiting.remove(&id) {
        Some(before) => sum(&before, &gradient)?,
        None => gradient,
    };
    waiting.insert(id, total);
    Ok(())
}

/// Moves gradients from each tensor to what it was made of.
fn back(nodes: Vec<(Tensor, Option<Arc<Step>>)>, mut waiting: HashMap<TensorId, Tensor>) -> Result<GradStore> {
    let mut found = GradStore::default();
    for (node, step) in nodes {
        let Some(grad) = waiting.remove(&name_of(&node, step.as_deref())) else { continue };
        let Some(step) = step else {
            found.insert(&node, grad);
            continue;
        };
        let args: Vec<&Tensor> = step.args.iter().collect();
        for (arg, gradient) in args.iter().zip(step.back(&args, &node, &grad)?) {
            if let Some(gradient) = gradient {
                meet(&mut waiting, name_of(arg, step_of(arg).as_deref()), gradient)?;
            }
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

//! How an operation with its own gradient enters candle's graph: the value is computed first, then attached to its arguments.

use candle_core::{CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Layout, MetalStorage, TensorId};
use candle_core::{DType, Device, Result, Shape, Storage, Tensor, WithDType, bail};
use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, Weak};

/// What a backward function sees: the arguments and the value as they were, all outside the graph.
pub(crate) struct Context<'a> {
    /// The arguments, detached.
    pub args: &'a [Tensor],
    /// The operation's value, detached.
    pub value: &'a Tensor,
    /// The gradient of the loss with respect to the value; contiguous.
    pub grad: &'a Tensor,
    /// Whether the gradient of each argument is wanted.
    pub needs: &'a [bool],
}

/// The gradients of the arguments, in their order; `None` where none is wanted or none exists.
pub(crate) type ArgumentGradients = Vec<Option<Tensor>>;

type Backward = dyn Fn(&Context) -> Result<ArgumentGradients> + Send + Sync;

/// The value of an operation, on the device where it was computed.
enum Value {
    Cpu(CpuStorage),
    Cuda(CudaStorage),
    Metal(MetalStorage),
}

/// An operation as candle's graph holds it.
struct Node {
    name: &'static str,
    shape: Shape,
    value: Mutex<Option<Value>>,
    step: Arc<Step>,
}

/// What our own backward pass needs of an operation.
pub(super) struct Step {
    pub args: Vec<Tensor>,
    backward: Box<Backward>,
    keeps: Keeps,
    id: OnceLock<TensorId>,
    /// The tensors that stand for the value without its numbers.
    shells: Mutex<Vec<TensorId>>,
}

/// How a value that is kept nowhere is worked out; what it is made of is known to who made it and to who reads it.
type Recipe = Arc<dyn Any + Send + Sync>;

/// What becomes of an operation's value.
enum Keeps {
    /// The way back reads it.
    Value,
    /// The way back leaves it unread, so that nobody need keep it.
    Nothing,
    /// There is none: who reads it works it out.
    Recipe(Recipe),
}

/// The operations alive, by the tensor that they gave; candle does not tell what a tensor was made of.
static STEPS: LazyLock<Mutex<HashMap<TensorId, Weak<Step>>>> = LazyLock::new(Mutex::default);

/// The operation of ours that gave this tensor.
pub(super) fn step_of(tensor: &Tensor) -> Option<Arc<Step>> {
    STEPS.lock().expect("no panic while looking up").get(&tensor.id())?.upgrade()
}

impl Drop for Step {
    fn drop(&mut self) {
        if let (Some(id), Ok(mut steps)) = (self.id.get(), STEPS.lock()) {
            steps.remove(id);
            for shell in self.shells.get_mut().into_iter().flatten() {
                steps.remove(shell);
            }
        }
    }
}

impl Step {
    /// The tensor that the operation gave: one name for it and for all that stand for it.
    pub fn id(&self) -> Option<TensorId> {
        self.id.get().copied()
    }

    /// The gradients of the arguments.
    pub fn back(&self, args: &[&Tensor], value: &Tensor, grad: &Tensor) -> Result<ArgumentGradients> {
        let needs: Vec<bool> = args.iter().map(|arg| arg.track_op()).collect();
        let args: Vec<Tensor> = args.iter().map(|arg| arg.detach()).collect();
        let grad = grad.detach().contiguous()?;
        let mut gradients =
            (self.backward)(&Context { args: &args, value: &value.detach(), grad: &grad, needs: &needs })?;
        gradients.resize(args.len(), None);
        for (gradient, needed) in gradients.iter_mut().zip(&needs) {
            if !needed {
                *gradient = None;
            }
        }
        Ok(gradients)
    }
}

/// Attaches a value that lies in a vector of numbers, on the CPU.
pub(crate) fn attach_vec<T: WithDType>(
    name: &'static str,
    args: &[&Tensor],
    value: Vec<T>,
    shape: impl Into<Shape>,
    backward: impl Fn(&Context) -> Result<ArgumentGradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    attach_numbers(name, args, value, shape.into(), Keeps::Value, Box::new(backward))
}

/// [`attach_vec`] for an operation whose way back reads its arguments and not its value: what comes after may let the value go.
pub(crate) fn attach_lean<T: WithDType>(
    name: &'static str,
    args: &[&Tensor],
    value: Vec<T>,
    shape: impl Into<Shape>,
    backward: impl Fn(&Context) -> Result<ArgumentGradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    attach_numbers(name, args, value, shape.into(), Keeps::Nothing, Box::new(backward))
}

/// [`attach_lean`] for a value that is kept nowhere, of which an argument at least has a gradient: a tensor without numbers, for those who look for its
/// recipe ([`recipe_of`]) and work it out as they read.
pub(super) fn attach_recipe<T: WithDType>(
    name: &'static str,
    args: &[&Tensor],
    recipe: Recipe,
    shape: impl Into<Shape>,
    backward: impl Fn(&Context) -> Result<ArgumentGradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    let nothing = Value::Cpu(T::to_cpu_storage_owned(Vec::new()));
    attach_value(name, args, nothing, shape.into(), Keeps::Recipe(recipe), Box::new(backward))
}

/// How a tensor of [`attach_recipe`]'s is worked out.
pub(super) fn recipe_of<R: Any + Send + Sync>(tensor: &Tensor) -> Option<Arc<R>> {
    match &step_of(tensor)?.keeps {
        Keeps::Recipe(recipe) => recipe.clone().downcast().ok(),
        _ => None,
    }
}

fn attach_numbers<T: WithDType>(
    name: &'static str,
    args: &[&Tensor],
    value: Vec<T>,
    shape: Shape,
    keeps: Keeps,
    backward: Box<Backward>,
) -> Result<Tensor> {
    if !args.iter().any(|arg| arg.track_op()) {
        return Tensor::from_vec(value, shape, &Device::Cpu);
    }
    attach_value(name, args, Value::Cpu(T::to_cpu_storage_owned(value)), shape, keeps, backward)
}

/// A tensor that stands for another in the graph without its numbers, so that an operation whose way back does not read an argument does not keep
/// it either: shape and gradient are the tensor's own. The tensor itself where its maker, or anything but the CPU's memory, asks for it.
pub(crate) fn shell(tensor: &Tensor) -> Result<Tensor> {
    let ours = tensor.device().is_cpu() && tensor.track_op() && !tensor.is_variable();
    let Some(step) = step_of(tensor).filter(|step| ours && !matches!(step.keeps, Keeps::Value)) else {
        return Ok(tensor.clone());
    };
    let nothing = match tensor.dtype() {
        DType::F32 => CpuStorage::F32(Vec::new()),
        DType::F64 => CpuStorage::F64(Vec::new()),
        _ => return Ok(tensor.clone()),
    };
    let value = Mutex::new(Some(Value::Cpu(nothing)));
    let shell = enter(Node { name: "shell", shape: tensor.shape().clone(), value, step: step.clone() })?;
    STEPS.lock().expect("no panic while registering").insert(shell.id(), Arc::downgrade(&step));
    step.shells.lock().expect("no panic while registering").push(shell.id());
    Ok(shell)
}

/// Attaches a value that is a tensor, on any device.
pub(crate) fn attach(
    name: &'static str,
    args: &[&Tensor],
    value: Tensor,
    backward: impl Fn(&Context) -> Result<ArgumentGradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    attach_tensor(name, args, value, Keeps::Value, Box::new(backward))
}

/// [`attach`] as [`attach_lean`].
pub(crate) fn attach_lean_tensor(
    name: &'static str,
    args: &[&Tensor],
    value: Tensor,
    backward: impl Fn(&Context) -> Result<ArgumentGradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    attach_tensor(name, args, value, Keeps::Nothing, Box::new(backward))
}

fn attach_tensor(
    name: &'static str,
    args: &[&Tensor],
    value: Tensor,
    keeps: Keeps,
    backward: Box<Backward>,
) -> Result<Tensor> {
    let value = value.detach().contiguous()?;
    if !args.iter().any(|arg| arg.track_op()) {
        return Ok(value);
    }
    let (storage, layout) = value.storage_and_layout();
    let copy = match storage.try_clone(layout)? {
        Storage::Cpu(storage) => Value::Cpu(storage),
        Storage::Cuda(storage) => Value::Cuda(storage),
        Storage::Metal(storage) => Value::Metal(storage),
    };
    attach_value(name, args, copy, value.shape().clone(), keeps, backward)
}

fn attach_value(
    name: &'static str,
    args: &[&Tensor],
    value: Value,
    shape: Shape,
    keeps: Keeps,
    backward: Box<Backward>,
) -> Result<Tensor> {
    let kept = args.iter().map(|arg| (*arg).clone()).collect();
    let step = Arc::new(Step { args: kept, backward, keeps, id: OnceLock::new(), shells: Mutex::default() });
    let tensor = enter(Node { name, shape, value: Mutex::new(Some(value)), step: step.clone() })?;
    if step.id.set(tensor.id()).is_ok() {
        STEPS.lock().expect("no panic while registering").insert(tensor.id(), Arc::downgrade(&step));
    }
    Ok(tensor)
}

/// Enters an operation into candle's graph.
fn enter(node: Node) -> Result<Tensor> {
    let step = node.step.clone();
    match step.args.as_slice() {
        [a] => a.apply_op1(node),
        [a, b] => a.apply_op2(b, node),
        [a, b, c] => a.apply_op3(b, c, node),
        args => bail!("{}: an operation has one to three arguments, found {}", node.name, args.len()),
    }
}

impl Node {
    fn take(&self) -> Result<Value> {
        match self.value.lock().expect("no panic while a value is taken").take() {
            Some(value) => Ok(value),
            None => bail!("{}: the value was taken twice", self.name),
        }
    }

    fn cpu(&self) -> Result<(CpuStorage, Shape)> {
        match self.take()? {
            Value::Cpu(storage) => Ok((storage, self.shape.clone())),
            _ => bail!("{}: an argument is on the CPU and the value is not", self.name),
        }
    }

    fn cuda(&self) -> Result<(CudaStorage, Shape)> {
        match self.take()? {
            Value::Cuda(storage) => Ok((storage, self.shape.clone())),
            _ => bail!("{}: an argument is on a CUDA device and the value is not", self.name),
        }
    }

    fn metal(&self) -> Result<(MetalStorage, Shape)> {
        match self.take()? {
            Value::Metal(storage) => Ok((storage, self.shape.clone())),
            _ => bail!("{}: an argument is on a Metal device and the value is not", self.name),
        }
    }
}

impl CustomOp1 for Node {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.cpu()
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.cuda()
    }

    fn metal_fwd(&self, _: &MetalStorage, _: &Layout) -> Result<(MetalStorage, Shape)> {
        self.metal()
    }

    fn bwd(&self, a: &Tensor, value: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(self.step.back(&[a], value, grad)?.swap_remove(0))
    }
}

impl CustomOp2 for Node {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.cpu()
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.cuda()
    }

    fn metal_fwd(&self, _: &MetalStorage, _: &Layout, _: &MetalStorage, _: &Layout) -> Result<(MetalStorage, Shape)> {
        self.metal()
    }

    fn bwd(&self, a: &Tensor, b: &Tensor, value: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let mut gradients = self.step.back(&[a, b], value, grad)?.into_iter();
        Ok((gradients.next().flatten(), gradients.next().flatten()))
    }
}

impl CustomOp3 for Node {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.cpu()
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.cuda()
    }

    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        self.metal()
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        value: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let mut gradients = self.step.back(&[a, b, c], value, grad)?.into_iter();
        Ok((gradients.next().flatten(), gradients.next().flatten(), gradients.next().flatten()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{add, add_relu, linear, relu};
    use super::*;
    use candle_core::Var;

    /// Numbers with a variable: (x, w), and a branch that an addition need not keep.
    fn branch() -> Result<(Var, Tensor)> {
        let x = Var::new(&[[1.5f32, -2.0], [0.5, 3.0]], &Device::Cpu)?;
        let w = Tensor::new(&[[2f32, 1.0], [-1.0, 0.5]], &Device::Cpu)?;
        let y = linear(x.as_tensor(), &w, None)?;
        Ok((x, y))
    }

    #[test]
    fn what_is_added_is_let_go_and_its_gradient_is_the_same() -> Result<()> {
        let (x, y) = branch()?;
        let stands = shell(&y)?;
        assert_eq!((stands.dims(), stands.dtype()), (y.dims(), y.dtype()));
        let held =
            matches!(&*stands.storage_and_layout().0, Storage::Cpu(CpuStorage::F32(numbers)) if numbers.is_empty());
        assert!(held, "a shell holds no numbers");
        // The same tensor three times over: once as it is, twice by what stands for it.
        let loss = (|| add(&add_relu(&y, &y)?, &relu(&y)?)?.sum_all())()?;
        let (expected, same) = (y.relu()?.affine(3.0, 0.0)?.sum_all()?, loss.clone());
        assert_eq!(same.to_scalar::<f32>()?, expected.to_scalar::<f32>()?);
        let by_candle = expected.backward()?;
        let foreign = loss.backward()?;
        let seed = add(&add_relu(&y, &y)?, &relu(&y)?)?;
        let ours = super::super::backward_from(&seed, &seed.ones_like()?)?;
        let expected = by_candle.get(&x).expect("a gradient").to_vec2::<f32>()?;
        assert_eq!(foreign.get(&x).expect("a gradient").to_vec2::<f32>()?, expected);
        assert_eq!(ours.get(&x).expect("a gradient").to_vec2::<f32>()?, expected);
        Ok(())
    }

    #[test]
    fn a_variable_and_what_a_way_back_reads_stay() -> Result<()> {
        let (x, y) = branch()?;
        assert_eq!(shell(x.as_tensor())?.id(), x.id());
        let shares = super::super::softmax(&y, candle_core::D::Minus1)?;
        assert_eq!(shell(&shares)?.id(), shares.id());
        let outside = y.detach();
        assert_eq!(shell(&outside)?.id(), outside.id());
        Ok(())
    }

    #[test]
    fn nothing_is_left_in_the_table_of_operations() -> Result<()> {
        let id = {
            let (_x, y) = branch()?;
            let (stands, loss) = (shell(&y)?, add(&y, &y)?);
            super::super::backward_from(&loss, &loss.ones_like()?)?;
            stands.id()
        };
        assert!(!STEPS.lock().expect("no panic").contains_key(&id));
        Ok(())
    }
}

//! How an operation with its own gradient enters candle's graph: the value is computed first, then attached to its arguments.

use candle_core::{CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Layout, MetalStorage, TensorId};
use candle_core::{Device, Result, Shape, Storage, Tensor, WithDType, bail};
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
    id: OnceLock<TensorId>,
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
        }
    }
}

impl Step {
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
    let shape = shape.into();
    if !args.iter().any(|arg| arg.track_op()) {
        return Tensor::from_vec(value, shape, &Device::Cpu);
    }
    attach_value(name, args, Value::Cpu(T::to_cpu_storage_owned(value)), shape, Box::new(backward))
}

/// Attaches a value that is a tensor, on any device.
pub(crate) fn attach(
    name: &'static str,
    args: &[&Tensor],
    value: Tensor,
    backward: impl Fn(&Context) -> Result<ArgumentGradients> + Send + Sync + 'static,
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
    attach_value(name, args, copy, value.shape().clone(), Box::new(backward))
}

fn attach_value(
    name: &'static str,
    args: &[&Tensor],
    value: Value,
    shape: Shape,
    backward: Box<Backward>,
) -> Result<Tensor> {
    let kept = args.iter().map(|arg| (*arg).clone()).collect();
    let step = Arc::new(Step { args: kept, backward, id: OnceLock::new() });
    let node = Node { name, shape, value: Mutex::new(Some(value)), step: step.clone() };
    let tensor = match args {
        [a] => a.apply_op1(node)?,
        [a, b] => a.apply_op2(b, node)?,
        [a, b, c] => a.apply_op3(b, c, node)?,
        _ => bail!("{name}: an operation has one to three arguments, found {}", args.len()),
    };
    if step.id.set(tensor.id()).is_ok() {
        STEPS.lock().expect("no panic while registering").insert(tensor.id(), Arc::downgrade(&step));
    }
    Ok(tensor)
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

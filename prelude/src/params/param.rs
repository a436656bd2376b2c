//! One parameter, one buffer: handles that layers, optimisers and checkpoints share.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use candle_core::{Tensor, Var};

use crate::{Error, Result};

/// A trainable tensor with a name, a group and a frozen flag; clones are handles to the same one.
///
/// What it holds is behind a table of functions: a cell that drops a layer does not compile how a tensor is dropped.
#[derive(Clone)]
pub struct Param(Arc<dyn Held<HeldParam>>);

/// Something whose drop is compiled here.
pub(super) trait Held<T>: Send + Sync {
    fn held(&self) -> &T;
}

struct HeldParam {
    name: String,
    var: Var,
    group: AtomicUsize,
    frozen: AtomicBool,
    /// A value that no training changes, such as another crate's running mean.
    fixed: bool,
}

impl Held<HeldParam> for HeldParam {
    fn held(&self) -> &HeldParam {
        self
    }
}

impl Param {
    pub(super) fn new(name: String, value: &Tensor, group: usize) -> Result<Param> {
        Ok(Param::of(name, Var::from_tensor(value)?, group, false))
    }

    pub(super) fn of(name: String, var: Var, group: usize, fixed: bool) -> Param {
        Param(Arc::new(HeldParam { name, var, group: AtomicUsize::new(group), frozen: AtomicBool::new(false), fixed }))
    }

    /// The dotted name: `blocks.2.conv1.weight`.
    pub fn name(&self) -> &str {
        &self.0.held().name
    }

    /// The group by depth, 0 at the input.
    pub fn group(&self) -> usize {
        self.0.held().group.load(Ordering::Relaxed)
    }

    /// Puts the parameter into another group.
    pub fn set_group(&self, group: usize) {
        self.0.held().group.store(group, Ordering::Relaxed);
    }

    /// Whether training leaves it alone.
    pub fn frozen(&self) -> bool {
        self.0.held().fixed || self.0.held().frozen.load(Ordering::Relaxed)
    }

    /// Whether it is a value that no training changes, whatever is frozen: another crate's running mean.
    pub fn fixed(&self) -> bool {
        self.0.held().fixed
    }

    /// Freezes it, from the next step on.
    pub fn freeze(&self) {
        self.set_frozen(true);
    }

    /// Makes it trainable, from the next step on.
    pub fn unfreeze(&self) {
        self.set_frozen(false);
    }

    /// Freezes it or makes it trainable.
    pub fn set_frozen(&self, frozen: bool) {
        self.0.held().frozen.store(frozen, Ordering::Relaxed);
    }

    /// The value as a layer uses it in training: a constant when frozen, else a variable of the graph.
    pub fn in_graph(&self) -> Tensor {
        if self.frozen() { self.value() } else { self.0.held().var.as_tensor().clone() }
    }

    /// The value as a constant; it shares memory with the parameter and follows its changes.
    pub fn value(&self) -> Tensor {
        self.0.held().var.as_detached_tensor()
    }

    /// The variable, to look up its gradient.
    pub fn var(&self) -> &Var {
        &self.0.held().var
    }

    /// The number of elements.
    pub fn count(&self) -> usize {
        self.0.held().var.elem_count()
    }

    /// Replaces the value.
    ///
    /// # Errors
    /// When the shape is another one.
    pub fn set(&self, value: &Tensor) -> Result<()> {
        if value.dims() != self.0.held().var.dims() {
            return Err(wrong_shape(self.name(), self.0.held().var.dims(), value.dims()));
        }
        let value = value.to_dtype(self.0.held().var.dtype())?.to_device(self.0.held().var.device())?;
        Ok(self.0.held().var.set(&value.contiguous()?)?)
    }

    /// A number that changes with any bit of the value: tells whether it was touched.
    pub fn fingerprint(&self) -> Result<u64> {
        fingerprint(&self.value())
    }
}

impl fmt::Debug for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.frozen() { "frozen" } else { "trainable" };
        write!(f, "{} {:?} group {} {state}", self.name(), self.0.held().var.dims(), self.group())
    }
}

/// A stored tensor that no gradient reaches, such as a running mean; clones are handles to the same one.
#[derive(Clone)]
pub struct Buffer(Arc<dyn Held<HeldBuffer>>);

struct HeldBuffer {
    name: String,
    group: usize,
    value: Mutex<Tensor>,
}

impl Held<HeldBuffer> for HeldBuffer {
    fn held(&self) -> &HeldBuffer {
        self
    }
}

impl Buffer {
    pub(super) fn new(name: String, value: Tensor, group: usize) -> Buffer {
        Buffer(Arc::new(HeldBuffer { name, group, value: Mutex::new(value) }))
    }

    /// The group by depth, 0 at the input.
    pub fn group(&self) -> usize {
        self.0.held().group
    }

    /// The dotted name: `blocks.2.bn1.running_mean`.
    pub fn name(&self) -> &str {
        &self.0.held().name
    }

    fn slot(&self) -> MutexGuard<'_, Tensor> {
        self.0.held().value.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The value, a constant. A later [`set`](Buffer::set) does not change the tensor returned here.
    pub fn value(&self) -> Tensor {
        self.slot().clone()
    }

    /// A number that changes with any bit of the value: tells whether it was touched.
    pub fn fingerprint(&self) -> Result<u64> {
        fingerprint(&self.value())
    }

    /// Replaces the value.
    ///
    /// # Errors
    /// When the shape is another one.
    pub fn set(&self, value: &Tensor) -> Result<()> {
        let mut slot = self.slot();
        if value.dims() != slot.dims() {
            return Err(wrong_shape(self.name(), slot.dims(), value.dims()));
        }
        *slot = value.to_dtype(slot.dtype())?.to_device(slot.device())?.detach();
        Ok(())
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} buffer", self.name(), self.value().dims())
    }
}

fn wrong_shape(name: &str, expected: &[usize], found: &[usize]) -> Error {
    Error::new(format!("`{name}` has shape {expected:?}, the new value {found:?}"))
        .remedy("reshape the value, or replace the layer (`learner.replace_head(&data)` for the head)")
}

fn fingerprint(value: &Tensor) -> Result<u64> {
    let values = value.flatten_all()?.to_dtype(candle_core::DType::F32)?.to_vec1::<f32>()?;
    // FNV-1a in four lanes, a 32-bit word at a time.
    let mut lanes = [0xcbf2_9ce4_8422_2325u64; 4];
    for chunk in values.chunks(4) {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = (*lane ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3);
        }
    }
    Ok(lanes.iter().fold(0, |all: u64, lane| all.rotate_left(17) ^ lane))
}

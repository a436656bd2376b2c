//! Where a layer takes an adapter: a place beside its weight, empty at first.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use candle_core::Tensor;

use super::Param;
use super::param::Held;
use crate::Result;

/// Two small matrices whose product, times a scale, is added to a weight: of the weight (out, in) they are `a` (rank, in) and `b` (out, rank);
/// of a convolution's (out, in, height, width), `a` (rank, in, height, width) and `b` (out, rank, 1, 1).
#[derive(Clone, Debug)]
pub struct LowRank {
    /// From what goes in to a row of so few numbers.
    pub a: Param,
    /// From there to what comes out.
    pub b: Param,
    /// What the product is multiplied by.
    pub scale: f64,
    /// The share of what goes into `a` that training drops.
    pub dropout: f64,
}

impl LowRank {
    /// What it adds to the weight: scale · b · a, in the weight's shape.
    ///
    /// # Errors
    /// When the device fails.
    pub fn delta(&self) -> Result<Tensor> {
        let (a, b) = (self.a.value(), self.b.value());
        let mut dims = a.dims().to_vec();
        dims[0] = b.dims()[0];
        Ok((b.flatten_from(1)?.matmul(&a.flatten_from(1)?)? * self.scale)?.reshape(dims)?)
    }
}

/// The place beside a layer's weight where an adapter may be; clones are handles to the same one.
#[derive(Clone)]
pub struct Slot(Arc<dyn Held<HeldSlot>>);

struct HeldSlot {
    name: String,
    weight: Param,
    groups: usize,
    state: Mutex<PluggedIn>,
}

#[derive(Default)]
struct PluggedIn {
    plugged: Option<LowRank>,
    /// The weight as it was, while what the adapter adds is in it.
    base: Option<Tensor>,
}

impl Held<HeldSlot> for HeldSlot {
    fn held(&self) -> &HeldSlot {
        self
    }
}

impl Slot {
    pub(super) fn new(name: String, weight: Param, groups: usize) -> Slot {
        Slot(Arc::new(HeldSlot { name, weight, groups, state: Mutex::default() }))
    }

    fn state(&self) -> MutexGuard<'_, PluggedIn> {
        self.0.held().state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The layer's dotted name.
    pub fn name(&self) -> &str {
        &self.0.held().name
    }

    /// The weight.
    pub fn weight(&self) -> &Param {
        &self.0.held().weight
    }

    /// Into how many groups the layer's channels fall; a matrix has one.
    pub fn groups(&self) -> usize {
        self.0.held().groups
    }

    /// The adapter that takes part; `None` where there is none, or what it adds is in the weight.
    pub fn active(&self) -> Option<LowRank> {
        let state = self.state();
        if state.base.is_some() { None } else { state.plugged.clone() }
    }

    /// Puts an adapter in, or takes it out.
    pub fn plug(&self, adapter: Option<LowRank>) {
        self.state().plugged = adapter;
    }

    /// The weight and what an active adapter adds to it, as a constant.
    ///
    /// # Errors
    /// When the device fails.
    pub fn effective(&self) -> Result<Tensor> {
        match self.active() {
            Some(adapter) => Ok((self.weight().value() + adapter.delta()?)?),
            None => Ok(self.weight().value()),
        }
    }

    /// Adds to the weight what the adapter adds, and keeps the weight as it was.
    ///
    /// # Errors
    /// When the device has no room.
    pub fn merge(&self) -> Result<()> {
        let mut state = self.state();
        if let (Some(adapter), None) = (&state.plugged, &state.base) {
            let base = self.weight().value().copy()?;
            self.weight().set(&(&base + adapter.delta()?)?)?;
            state.base = Some(base);
        }
        Ok(())
    }

    /// Puts the weight back as it was before [`merge`](Slot::merge), bit for bit.
    ///
    /// # Errors
    /// When the device fails.
    pub fn unmerge(&self) -> Result<()> {
        if let Some(base) = self.state().base.take() {
            self.weight().set(&base)?;
        }
        Ok(())
    }

    /// Takes the adapter out; where it was merged, the weight stays as it is now.
    pub fn unload(&self) {
        *self.state() = PluggedIn::default();
    }

    /// The weight as it was before it was merged; `None` where it is not.
    pub fn base(&self) -> Option<Tensor> {
        self.state().base.clone()
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot of {:?}", self.weight())
    }
}

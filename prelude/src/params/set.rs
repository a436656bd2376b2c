//! All parameters and buffers of one model, and the verbs on groups of them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use candle_core::{DType, Device, Shape, Tensor, Var};

use super::param::Held;
use super::{Buffer, Init, LoadReport, Param, Slot, name_seed};
use crate::{Error, Result};

/// The parameters and buffers of a model, in the order they were made; clones share them.
#[derive(Clone)]
pub struct ParamSet(Arc<dyn Held<Members>>);

struct Members {
    seed: u64,
    device: Device,
    dtype: DType,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    params: Vec<Param>,
    buffers: Vec<Buffer>,
    slots: Vec<Slot>,
}

impl Held<Members> for Members {
    fn held(&self) -> &Members {
        self
    }
}

impl ParamSet {
    /// An empty set on the CPU whose first values come from `seed`.
    pub fn new(seed: u64) -> ParamSet {
        ParamSet::on(&Device::Cpu, seed)
    }

    /// An empty set on a device.
    pub fn on(device: &Device, seed: u64) -> ParamSet {
        ParamSet::of(DType::F32, device, seed)
    }

    /// An empty set on a device of numbers of this type; f64 is for comparing gradients with a reference.
    pub fn of(dtype: DType, device: &Device, seed: u64) -> ParamSet {
        ParamSet(Arc::new(Members { seed, device: device.clone(), dtype, entries: Mutex::default() }))
    }

    /// An empty set of the same kind, whose first values come from `seed`.
    pub fn fresh(&self, seed: u64) -> ParamSet {
        ParamSet::of(self.0.held().dtype, &self.0.held().device, seed)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.held().entries.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The device that holds the values.
    pub fn device(&self) -> &Device {
        &self.0.held().device
    }

    /// The seed of the first values.
    pub fn seed(&self) -> u64 {
        self.0.held().seed
    }

    /// Where a layer makes its parameters: a name prefix and a group. An empty prefix is the root.
    pub fn scope(&self, prefix: &str, group: usize) -> Scope {
        Scope { set: self.clone(), prefix: prefix.to_owned(), group }
    }

    /// Takes in a variable that was made elsewhere; a `fixed` one is kept with the others, but never trains.
    ///
    /// # Errors
    /// When the name is taken.
    pub(crate) fn adopt(&self, name: &str, var: Var, fixed: bool) -> Result<Param> {
        self.check_name(name)?;
        let param = Param::of(name.to_owned(), var, 0, fixed);
        self.entries().params.push(param.clone());
        Ok(param)
    }

    fn check_name(&self, name: &str) -> Result<()> {
        if self.get(name).is_some() {
            return Err(Error::new(format!("two parameters are named `{name}`")).remedy("name the layer's parts apart"));
        }
        Ok(())
    }

    /// All parameters, in the order they were made.
    pub fn params(&self) -> Vec<Param> {
        self.entries().params.clone()
    }

    /// All buffers, in the order they were made.
    pub fn buffers(&self) -> Vec<Buffer> {
        self.entries().buffers.clone()
    }

    /// The parameters that training changes.
    pub fn trainable(&self) -> Vec<Param> {
        self.params().into_iter().filter(|param| !param.frozen()).collect()
    }

    /// The parameter of this name.
    pub fn get(&self, name: &str) -> Option<Param> {
        self.entries().params.iter().find(|param| param.name() == name).cloned()
    }

    /// The parameters at or below a dotted prefix: `blocks.1` holds `blocks.1.bn.weight`, not `blocks.10.weight`.
    pub fn under(&self, prefix: &str) -> Vec<Param> {
        self.params().into_iter().filter(|param| is_under(param.name(), prefix)).collect()
    }

    /// The parameters of a group.
    pub fn in_group(&self, group: usize) -> Vec<Param> {
        self.params().into_iter().filter(|param| param.group() == group).collect()
    }

    /// Forgets the parameters and buffers at or below a dotted prefix, as when a head is replaced.
    pub fn remove_under(&self, prefix: &str) {
        let mut entries = self.entries();
        entries.params.retain(|param| !is_under(param.name(), prefix));
        entries.buffers.retain(|buffer| !is_under(buffer.name(), prefix));
        entries.slots.retain(|slot| !is_under(slot.weight().name(), prefix));
    }

    /// Forgets the parameters and buffers of a group and all after it, as when a body is cut.
    pub fn remove_from(&self, group: usize) {
        let mut entries = self.entries();
        entries.params.retain(|param| param.group() < group);
        entries.buffers.retain(|buffer| buffer.group() < group);
        entries.slots.retain(|slot| slot.weight().group() < group);
    }

    /// Forgets the parameters whose name `gone` accepts, as when an adapter is taken away.
    pub fn remove_where(&self, gone: impl Fn(&str) -> bool) {
        self.entries().params.retain(|param| !gone(param.name()));
    }

    /// The places of layers that take an adapter, in the order the layers were made.
    pub fn slots(&self) -> Vec<Slot> {
        self.entries().slots.clone()
    }

    /// The number of elements of all parameters.
    pub fn count(&self) -> usize {
        self.entries().params.iter().map(Param::count).sum()
    }

    /// One more than the highest group.
    pub fn groups(&self) -> usize {
        self.entries().params.iter().map(|param| param.group() + 1).max().unwrap_or(0)
    }

    /// Freezes all groups before `group` and makes the others trainable.
    pub fn freeze_before(&self, group: usize) {
        for param in self.params() {
            param.set_frozen(param.group() < group);
        }
    }

    /// Every value by name, copied: parameters, then buffers.
    pub fn snapshot(&self) -> Result<Vec<(String, Tensor)>> {
        let entries = self.entries();
        let mut values = Vec::with_capacity(entries.params.len() + entries.buffers.len());
        for param in &entries.params {
            values.push((param.name().to_owned(), param.value().copy()?));
        }
        for buffer in &entries.buffers {
            values.push((buffer.name().to_owned(), buffer.value()));
        }
        Ok(values)
    }

    /// Takes over the values whose name and shape fit, and reports what it did with each.
    /// With `prefix`, only entries at or below it are looked for.
    ///
    /// # Errors
    /// When a tensor cannot be converted to the parameter's type.
    pub fn load(&self, tensors: &[(String, Tensor)], prefix: Option<&str>) -> Result<LoadReport> {
        self.load_where(tensors, |name| prefix.is_none_or(|prefix| is_under(name, prefix)))
    }

    /// As [`load`](ParamSet::load), for the entries whose name `wanted` accepts.
    ///
    /// # Errors
    /// When a tensor cannot be converted to the parameter's type.
    pub fn load_where(&self, tensors: &[(String, Tensor)], wanted: impl Fn(&str) -> bool) -> Result<LoadReport> {
        let mut report = LoadReport::default();
        let find = |name: &str| tensors.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        let mut place = |name: &str, dims: &[usize], set: &dyn Fn(&Tensor) -> Result<()>| -> Result<()> {
            match find(name) {
                None => report.new.push(name.to_owned()),
                Some(value) if value.dims() != dims => report.add_wrong_shape(name, dims, value.dims()),
                Some(value) => {
                    set(value)?;
                    report.loaded.push(name.to_owned());
                }
            }
            Ok(())
        };
        for param in self.params().iter().filter(|param| wanted(param.name())) {
            place(param.name(), param.var().dims(), &|value| param.set(value))?;
        }
        for buffer in self.buffers().iter().filter(|buffer| wanted(buffer.name())) {
            place(buffer.name(), buffer.value().dims(), &|value| buffer.set(value))?;
        }
        let known: std::collections::HashSet<&str> = report.names().collect();
        // PyTorch's BatchNorm counts its batches; no layer here wants to know
        let unused = |name: &str| !known.contains(name) && !name.ends_with("num_batches_tracked");
        report.ignored = tensors.iter().map(|(name, _)| name).filter(|name| unused(name)).cloned().collect();
        Ok(report)
    }
}

impl fmt::Debug for ParamSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.params()).entries(self.buffers()).finish()
    }
}

/// Whether a dotted name is `prefix` itself or lies below it. The empty prefix holds everything.
pub(crate) fn is_under(name: &str, prefix: &str) -> bool {
    prefix.is_empty() || name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Where a layer makes its parameters: a set, a name prefix and a group.
#[derive(Clone, Debug)]
pub struct Scope {
    set: ParamSet,
    prefix: String,
    group: usize,
}

impl Scope {
    /// The scope of a part: `blocks.2` → `blocks.2.conv1`.
    pub fn child(&self, name: &str) -> Scope {
        Scope { set: self.set.clone(), prefix: self.full(name), group: self.group }
    }

    /// The same scope in another group.
    pub fn in_group(&self, group: usize) -> Scope {
        Scope { group, ..self.clone() }
    }

    /// The dotted prefix.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The set that the parameters go to.
    pub fn set(&self) -> &ParamSet {
        &self.set
    }

    fn full(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) }
    }

    /// Makes a trainable parameter of this shape.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn param(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Param> {
        self.param_of(self.set.0.held().dtype, name, shape, init)
    }

    /// Makes a trainable parameter of this type and shape.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn param_of(&self, dtype: DType, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Param> {
        let name = self.full(name);
        self.set.check_name(&name)?;
        let value = init.draw(shape, name_seed(self.set.seed(), &name), self.set.device())?.to_dtype(dtype)?;
        let param = Param::new(name, &value, self.group)?;
        self.set.entries().params.push(param.clone());
        Ok(param)
    }

    /// Makes the place where a layer of this weight, whose channels fall into so many groups, takes an adapter.
    pub fn slot(&self, weight: &Param, groups: usize) -> Slot {
        let slot = Slot::new(self.prefix.clone(), weight.clone(), groups);
        self.set.entries().slots.push(slot.clone());
        slot
    }

    /// Makes a buffer of this shape.
    pub fn buffer(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Buffer> {
        let name = self.full(name);
        let value = init.draw(shape, name_seed(self.set.seed(), &name), self.set.device())?;
        let value = value.to_dtype(self.set.0.held().dtype)?;
        let buffer = Buffer::new(name, value, self.group);
        self.set.entries().buffers.push(buffer.clone());
        Ok(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Result<ParamSet> {
        let set = ParamSet::new(1);
        set.scope("blocks.1", 0).param("weight", (2, 3), Init::Normal(1.0))?;
        set.scope("blocks.10", 1).param("weight", 3, Init::Normal(1.0))?;
        set.scope("blocks.10", 1).buffer("running_mean", 3, Init::Zeros)?;
        set.scope("head", 2).param("weight", (4, 3), Init::Normal(1.0))?;
        Ok(set)
    }

    #[test]
    fn a_prefix_is_a_whole_name() -> Result<()> {
        let set = small()?;
        assert_eq!(set.under("blocks.1").len(), 1);
        assert_eq!(set.under("blocks").len(), 2);
        assert_eq!(set.groups(), 3);
        assert_eq!(set.count(), 6 + 3 + 12);
        Ok(())
    }

    #[test]
    fn freezing_is_by_group_and_instant() -> Result<()> {
        let set = small()?;
        let weight = set.get("blocks.10.weight").expect("made above");
        assert!(weight.in_graph().track_op());
        set.freeze_before(2);
        assert!(!weight.in_graph().track_op());
        assert_eq!(set.trainable().iter().map(Param::name).collect::<Vec<_>>(), ["head.weight"]);
        set.freeze_before(1);
        assert!(weight.in_graph().track_op());
        Ok(())
    }

    #[test]
    fn a_name_is_taken_once() -> Result<()> {
        let set = small()?;
        let error = set.scope("head", 2).param("weight", 1, Init::Zeros).unwrap_err();
        assert!(error.to_string().contains("head.weight"), "{error}");
        Ok(())
    }

    #[test]
    fn loading_is_partial_and_says_what_it_did() -> Result<()> {
        let (from, to) = (small()?, small()?);
        from.get("blocks.1.weight").expect("made").set(&Tensor::full(5f32, (2, 3), &Device::Cpu)?)?;
        let mut tensors = from.snapshot()?;
        tensors.retain(|(name, _)| name != "blocks.10.running_mean");
        tensors.retain(|(name, _)| name != "head.weight");
        tensors.push(("head.weight".into(), Tensor::zeros((7, 3), candle_core::DType::F32, &Device::Cpu)?));
        tensors.push(("classifier.bias".into(), Tensor::zeros(2, candle_core::DType::F32, &Device::Cpu)?));
        let report = to.load(&tensors, None)?;
        assert_eq!(report.loaded, ["blocks.1.weight", "blocks.10.weight"]);
        assert_eq!(report.new, ["blocks.10.running_mean"]);
        assert_eq!(report.ignored, ["classifier.bias"]);
        assert_eq!(report.wrong_shape.len(), 1);
        assert_eq!(report.wrong_shape[0].expected, [4, 3]);
        assert_eq!(report.wrong_shape[0].found, [7, 3]);
        let loaded = to.get("blocks.1.weight").expect("made").value().flatten_all()?.to_vec1::<f32>()?;
        assert_eq!(loaded, [5.0; 6]);
        Ok(())
    }
}

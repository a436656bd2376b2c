//! Adapters of a network: made, chosen, merged, taken away; what is frozen beside them.

use super::adapter::{AdapterPlan, Adapters, WaitingHead};
use super::{Network, targets};
use crate::layers::Lora;
use crate::params::{Init, LowRank, NamedTensors, Param, Slot};
use crate::{Error, Result};

impl Network {
    /// The adapters that it has.
    pub fn adapters(&self) -> &Adapters {
        &self.adapters
    }

    /// Beside which layers an adapter of this name and kind would stand; nothing is made yet.
    ///
    /// # Errors
    /// When a number makes no sense, no layer takes an adapter or is named so, and when the name is taken or cannot be one.
    pub fn plan_adapter(&self, name: &str, lora: &Lora) -> Result<AdapterPlan> {
        lora.check()?;
        self.check_adapter_name(name)?;
        let layers = targets::targets(self.params(), self.backbone_parts(), lora)?;
        let layers = layers.iter().map(|slot| slot.name().to_owned()).collect();
        Ok(AdapterPlan { name: name.to_owned(), lora: lora.clone(), layers })
    }

    fn check_adapter_name(&self, name: &str) -> Result<()> {
        if name.is_empty() || name.contains(['.', '/', '*']) || name.chars().any(char::is_whitespace) {
            return Err(Error::new(format!(
                "`{name}` cannot be an adapter's name: it becomes part of its parameters' names"
            ))
            .remedy("take letters, numbers and `_`: `formal`"));
        }
        if self.adapters.find(name).is_some() {
            return Err(Error::new(format!("there is an adapter named `{name}` already")).remedy(format!(
                "give the new one another name: `learner.add_adapter(\"{name}_2\", Lora::rank(8))?`; `learner.use_adapter(\"{name}\")?` takes the one \
                 that is there"
            )));
        }
        Ok(())
    }

    /// The same plan, where its name can be an adapter's.
    ///
    /// # Errors
    /// When the name is taken or cannot be one.
    pub fn named_plan(&self, plan: AdapterPlan) -> Result<AdapterPlan> {
        self.check_adapter_name(&plan.name).map(|()| plan)
    }

    /// Gives an adapter another scale and another dropout; its rank and its layers stay.
    ///
    /// # Errors
    /// When a matrix of its is missing.
    pub fn set_adapter_options(&mut self, index: usize, lora: &Lora) -> Result<()> {
        if let Some(plan) = self.adapters.plans.get_mut(index) {
            plan.lora = lora.clone();
        }
        if index == self.adapters.active { self.plug(index) } else { Ok(()) }
    }

    /// Puts in the head of an adapter that waits, in the place of the one that it had.
    pub fn put_waiting_head(&mut self, head: WaitingHead) {
        self.waiting_heads.retain(|waiting| waiting.adapter != head.adapter);
        self.waiting_heads.push(head);
    }

    /// Makes an adapter's matrices: A at random (uniform in ±1/√in, PEFT's), B zero. The first one takes part at once; of others the matrices are
    /// frozen until they do. Nothing else is frozen or thawed here.
    ///
    /// # Errors
    /// When the network has no such layer, or the device no room.
    pub fn add_adapter(&mut self, plan: AdapterPlan) -> Result<()> {
        let slots = self.slots_of(&plan)?;
        for slot in &slots {
            let (dims, group) = (slot.weight().var().dims().to_vec(), slot.weight().group());
            let (mut down, mut up) = (dims.clone(), vec![1; dims.len()]);
            (down[0], up[0], up[1]) = (plan.lora.directions(), dims[0], plan.lora.directions());
            let at = self.params().scope("", group);
            let fan = dims[1..].iter().product();
            at.param(&plan.down(slot.name()), down, Init::Uniform { fan })?.set_frozen(!self.adapters.is_empty());
            at.param(&plan.up(slot.name()), up, Init::Zeros)?.set_frozen(!self.adapters.is_empty());
        }
        if !self.adapters.is_empty() {
            // its head begins as the head is now
            let values = self.head_values()?;
            self.waiting_heads.push(WaitingHead { adapter: plan.name.clone(), values });
        }
        self.adapters.plans.push(plan);
        if self.adapters.plans.len() == 1 { self.plug(0) } else { Ok(()) }
    }

    /// The layers of an adapter.
    fn slots_of(&self, plan: &AdapterPlan) -> Result<Vec<Slot>> {
        let all = self.params().slots();
        let slot = |name: &String| {
            all.iter().find(|slot| slot.name() == name).cloned().ok_or_else(|| {
                Error::new(format!(
                    "the adapter `{}` stands beside `{name}`, and this network has no such layer",
                    plan.name
                ))
                .remedy("it is another network's: load it into one that is made as that was")
            })
        };
        plan.layers.iter().map(slot).collect()
    }

    /// Has an adapter take part.
    fn plug(&mut self, index: usize) -> Result<()> {
        self.params().slots().iter().for_each(|slot| slot.plug(None));
        self.adapters.active = index;
        let Some(plan) = self.adapters.plans.get(index).cloned() else { return Ok(()) };
        for slot in self.slots_of(&plan)? {
            let find = |name: String| {
                self.params().get(&name).ok_or_else(|| Error::new(format!("the adapter's `{name}` is missing")))
            };
            let (a, b) = (find(plan.down(slot.name()))?, find(plan.up(slot.name()))?);
            slot.plug(Some(LowRank { a, b, scale: plan.lora.scale(), dropout: plan.lora.share_dropped() }));
        }
        Ok(())
    }

    /// The parameters of the head: of what stands behind the backbone.
    pub fn head_params(&self) -> Vec<Param> {
        let backbone = self.backbone_parts();
        self.params().params().into_iter().filter(|param| param.group() >= backbone).collect()
    }

    /// The values of the head, copied.
    fn head_values(&self) -> Result<NamedTensors> {
        let backbone = self.backbone_parts();
        let mut values = Vec::new();
        for param in self.head_params() {
            values.push((param.name().to_owned(), param.value().copy()?));
        }
        for buffer in self.params().buffers().iter().filter(|buffer| buffer.group() >= backbone) {
            values.push((buffer.name().to_owned(), buffer.value()));
        }
        Ok(values)
    }

    /// Has the adapter of this name take part, and its head with it; what of the one before trained, trains of this one.
    ///
    /// # Errors
    /// When there is no adapter of this name, or one is merged.
    pub fn use_adapter(&mut self, name: &str) -> Result<()> {
        let Some(index) = self.adapters.find(name) else {
            let names: Vec<String> = self.adapters.plans.iter().map(|plan| format!("`{}`", plan.name)).collect();
            let remedy = match names.is_empty() {
                true => "add one: `learner.add_adapter(\"formal\", Lora::rank(8))?`".to_owned(),
                false => format!("there are {}", names.join(", ")),
            };
            return Err(Error::new(format!("there is no adapter named `{name}`")).remedy(remedy));
        };
        if index == self.adapters.active {
            return Ok(());
        }
        self.refuse_merged("another adapter cannot take part")?;
        if let Some(before) = self.adapters.active() {
            let waiting = WaitingHead { adapter: before.name.clone(), values: self.head_values()? };
            self.waiting_heads.push(waiting);
        }
        let lowest = self.lowest_adapted();
        self.params()
            .params()
            .iter()
            .filter(|param| self.adapters.owner(param.name()).is_some())
            .for_each(Param::freeze);
        self.plug(index)?;
        for param in self.params().params() {
            if self.adapters.owner(param.name()) == Some(index) {
                param.set_frozen(lowest.is_none_or(|lowest| param.group() < lowest));
            }
        }
        if let Some(at) = self.waiting_heads.iter().position(|waiting| waiting.adapter == name) {
            let head = self.waiting_heads.remove(at);
            self.params().load(&head.values, None)?;
        }
        Ok(())
    }

    /// The first group in which the active adapter trains.
    pub fn lowest_adapted(&self) -> Option<usize> {
        self.adapted().iter().filter(|param| !param.frozen()).map(Param::group).min()
    }

    /// The active adapter's parameters.
    pub fn adapted(&self) -> Vec<Param> {
        let mut params = self.params().params();
        params.retain(|param| self.adapters.owner(param.name()).is_some_and(|owner| owner == self.adapters.active));
        params
    }

    /// Freezes groups by their number. Where there are adapters it is the active one's matrices and the head that are frozen or not; the base
    /// and other adapters stay frozen.
    pub fn freeze_where(&self, frozen: impl Fn(usize) -> bool) {
        let backbone = self.backbone_parts();
        for param in self.params().params() {
            let stays = match self.adapters.owner(param.name()) {
                Some(owner) => owner != self.adapters.active,
                None => !self.adapters.is_empty() && param.group() < backbone,
            };
            param.set_frozen(stays || frozen(param.group()));
        }
    }

    /// Adds to the weights what the active adapter adds: the network answers as before, and as fast as without it.
    ///
    /// # Errors
    /// When there is no adapter, or it is merged already.
    pub fn merge_adapter(&mut self) -> Result<()> {
        if self.adapters.is_empty() {
            return Err(
                Error::new("there is no adapter to merge").remedy("make one first: `learner.lora(Lora::rank(8))?`")
            );
        }
        self.refuse_merged("it cannot be merged again")?;
        for slot in self.params().slots() {
            slot.merge()?;
        }
        self.adapters.merged = true;
        Ok(())
    }

    /// Puts the weights back as they were, bit for bit.
    ///
    /// # Errors
    /// When nothing is merged.
    pub fn unmerge_adapter(&mut self) -> Result<()> {
        if !self.adapters.merged {
            return Err(
                Error::new("no adapter is merged").remedy("`learner.merge_lora()?` merges the one that takes part")
            );
        }
        for slot in self.params().slots() {
            slot.unmerge()?;
        }
        self.adapters.merged = false;
        Ok(())
    }

    /// Refuses what cannot be while an adapter is merged.
    pub fn refuse_merged(&self, what: &str) -> Result<()> {
        let Some(plan) = self.adapters.active().filter(|_| self.adapters.merged) else { return Ok(()) };
        Err(Error::new(format!("the adapter `{}` is merged into the weights: {what}", plan.name)).remedy(
            "`learner.unmerge_lora()?` takes it out again; `learner.unload_lora()?` keeps the weights as they are now and forgets the adapters",
        ))
    }

    /// Forgets all adapters: the weights stay as they are, with what one has added where it is merged, else as before there were any.
    pub fn unload_adapters(&mut self) {
        self.params().slots().iter().for_each(Slot::unload);
        let adapters = std::mem::take(&mut self.adapters);
        self.waiting_heads.clear();
        self.params().remove_where(|name| adapters.owner(name).is_some());
    }

    /// Makes the adapters that another network of the same layers has; their values are not taken over. Nothing is merged then.
    ///
    /// # Errors
    /// When a layer is missing, or the device has no room.
    pub fn adapt_like(&mut self, adapters: &Adapters) -> Result<()> {
        self.unload_adapters();
        for plan in &adapters.plans {
            self.add_adapter(plan.clone())?;
        }
        self.waiting_heads.clear();
        if adapters.is_empty() { Ok(()) } else { self.plug(adapters.active) }
    }

    /// The heads that wait for their adapters.
    pub fn waiting_heads(&self) -> &[WaitingHead] {
        &self.waiting_heads
    }

    /// Puts in heads that wait.
    pub fn set_waiting_heads(&mut self, heads: Vec<WaitingHead>) {
        self.waiting_heads = heads;
    }

    /// Every value by name, as [`snapshot`](crate::params::ParamSet::snapshot), with the weights as they were before one was merged.
    ///
    /// # Errors
    /// When the device has no room.
    pub fn unmerged(&self) -> Result<NamedTensors> {
        let mut values = self.params().snapshot()?;
        for slot in self.params().slots() {
            if let (Some(base), Some((_, value))) =
                (slot.base(), values.iter_mut().find(|(name, _)| name == slot.weight().name()))
            {
                *value = base;
            }
        }
        Ok(values)
    }

    /// Every value by name of the network without adapters: what the active one adds is in the weights.
    ///
    /// # Errors
    /// When the device has no room.
    pub fn plain_values(&self) -> Result<NamedTensors> {
        let mut values = self.params().snapshot()?;
        values.retain(|(name, _)| self.adapters.owner(name).is_none());
        for slot in self.params().slots().iter().filter(|slot| slot.active().is_some()) {
            if let Some((_, value)) = values.iter_mut().find(|(name, _)| name == slot.weight().name()) {
                *value = slot.effective()?;
            }
        }
        Ok(values)
    }
}

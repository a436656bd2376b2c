//! The verbs of adapters of low rank: made, chosen, saved, loaded, merged.

use std::path::Path;

use super::learner::Learner;
use super::summary::thousands;
use crate::layers::Lora;
use crate::models::{AdapterFile, Network, WaitingHead};
use crate::params::Param;
use crate::words::count;
use crate::{Error, Result, paths, show};

/// The name of the first adapter, PEFT's.
const FIRST: &str = "default";

impl Learner {
    /// Freezes the network and puts small matrices beside some of its weights, which train instead, with the head: LoRA, Hu et al. 2021.
    ///
    /// [`Lora`] says how many directions they have, how strong they are, what they drop, and beside which layers they stand. The network answers as
    /// before until they are trained. From then on `unfreeze()` makes the adapters and the head trainable and never the base, which
    /// [`unfreeze_base`](Learner::unfreeze_base) does; `freeze()` leaves the head alone trainable; `freeze_to`, `unfreeze_from` and
    /// `unfreeze_gradually` choose among the adapters by depth. Everything else works as without: rates by depth, checkpoints, averages, ONNX.
    ///
    /// ```no_run
    /// # use candlewick_prelude::prelude::*;
    /// # fn cell(mut learner: Learner) -> Result<()> {
    /// learner.lora(Lora::rank(8).alpha(16.0).dropout(0.1))?;
    /// learner.fit_one_cycle(3, 1e-3)?;
    /// learner.save_adapter("reviews_lora")?;    // PEFT's folder: its `PeftModel.from_pretrained` reads it
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When an option makes no sense, no layer is named so (the message lists the layers), there are adapters already, or the network is a candle
    /// model.
    pub fn lora(&mut self, lora: Lora) -> Result<&mut Learner> {
        if let Some(plan) = self.network.adapters().active() {
            let what = format!("the network has adapters already: `{}`, {}", plan.name, plan.lora.words());
            return Err(Error::new(what).remedy(
                "another one beside it: `learner.add_adapter(\"second\", Lora::rank(8))?`; none any more: `learner.unload_lora()?`",
            ));
        }
        self.add_adapter(FIRST, lora)
    }

    /// Adds an adapter beside those that are there: several on one base, each with a head of its own, which begins as the head is now. The first
    /// one takes part at once, others when [`use_adapter`](Learner::use_adapter) says so.
    ///
    /// # Errors
    /// As [`lora`](Learner::lora), and when the name is taken.
    pub fn add_adapter(&mut self, name: &str, lora: Lora) -> Result<&mut Learner> {
        self.network.refuse_merged("no other one can be added")?;
        let plan = self.network.plan_adapter(name, &lora)?;
        self.adapt(|network| network.add_adapter(plan.clone()))?;
        self.begin_adapters();
        Ok(self)
    }

    /// Freezes the base where the first adapter has just been made.
    fn begin_adapters(&self) {
        if let [_] = self.network.adapters().plans[..] {
            self.network.freeze_where(|_| false);
            self.spare_norms();
            self.lora_words().iter().for_each(|words| show::note(words));
        }
    }

    /// Has the adapter of this name take part, and its head with it.
    ///
    /// # Errors
    /// When there is no adapter of this name, or one is merged.
    pub fn use_adapter(&mut self, name: &str) -> Result<&mut Learner> {
        let before = self.network.adapters().active;
        self.adapt(|network| network.use_adapter(name))?;
        if self.network.adapters().active != before {
            // what the optimiser remembers is of the other head
            let head: Vec<String> = self.network.head_params().iter().map(|param| param.name().to_owned()).collect();
            self.optimizer.forget(|name| head.iter().any(|own| own == name));
        }
        Ok(self)
    }

    /// Changes the network, and the average of its weights where one is kept.
    fn adapt(&mut self, change: impl Fn(&mut Network) -> Result<()>) -> Result<()> {
        change(&mut self.network)?;
        self.average.as_mut().map_or(Ok(()), |average| change(&mut average.network))
    }

    /// Makes the base trainable too, beside the adapter and the head, until a verb freezes it again. Without adapters it is
    /// [`unfreeze`](Learner::unfreeze).
    pub fn unfreeze_base(&mut self) -> &mut Learner {
        let adapters = self.network.adapters().clone();
        for param in self.network.params().params() {
            param.set_frozen(adapters.owner(param.name()).is_some_and(|owner| owner != adapters.active));
        }
        self
    }

    /// Writes the adapter that takes part, and the head, into a folder as PEFT does: `adapter_config.json` and `adapter_model.safetensors`. The base
    /// is not in it. Where a moving average is kept, it is the average that is written.
    ///
    /// # Errors
    /// When there is no adapter, or the folder cannot be written to.
    pub fn save_adapter(&self, folder: impl AsRef<Path>) -> Result<()> {
        self.write_adapter(&paths::expanded(folder.as_ref()))
    }

    fn write_adapter(&self, folder: &Path) -> Result<()> {
        self.judged().save_adapter(folder, self.classes())?;
        let (adapters, backbone) = (self.network.adapters(), self.network.backbone_parts());
        let is_base = |param: &&Param| param.group() < backbone && adapters.owner(param.name()).is_none();
        let params = self.network.params().params();
        if params.iter().filter(is_base).any(|param| self.optimizer.state().contains_key(param.name())) {
            show::note(
                "the base was trained too: the adapter answers so on this base alone; `learner.save(path)?` keeps both",
            );
        }
        Ok(())
    }

    /// Takes over an adapter and its head from a folder that [`save_adapter`](Learner::save_adapter) or PEFT wrote. Where there is none yet, it is
    /// made, and the base is frozen as by [`lora`](Learner::lora); else the values go into the one that takes part. A note says where the
    /// file's head is not taken.
    ///
    /// # Errors
    /// When a file is missing or damaged, the adapter is another network's (its layers and shapes are named), uses options of PEFT that there is
    /// nothing like here (DoRA, trained biases, a rank for each layer), or is not like the one that takes part.
    pub fn load_adapter(&mut self, folder: impl AsRef<Path>) -> Result<&mut Learner> {
        self.take_adapter(None, &paths::expanded(folder.as_ref()))
    }

    /// Adds the adapter of a folder beside those that are there, under a name; `use_adapter` has it take part.
    ///
    /// # Errors
    /// As [`load_adapter`](Learner::load_adapter), and when the name is taken.
    pub fn load_adapter_as(&mut self, name: &str, folder: impl AsRef<Path>) -> Result<&mut Learner> {
        self.take_adapter(Some(name), &paths::expanded(folder.as_ref()))
    }

    fn take_adapter(&mut self, name: Option<&str>, folder: &Path) -> Result<&mut Learner> {
        let file = AdapterFile::read(folder)?;
        self.network.refuse_merged("no other one can be loaded")?;
        let active = self.network.adapters().active().cloned();
        let into = active.as_ref().filter(|_| name.is_none());
        let fitting = self.network.fit_adapter(into.map_or(name.unwrap_or(FIRST), |plan| &plan.name), &file)?;
        if let Some(plan) = into
            && (plan.layers != fitting.plan.layers || plan.lora.directions() != fitting.plan.lora.directions())
        {
            let words = |lora: &Lora, layers: &[String]| {
                format!("rank {} beside {}", lora.directions(), count(layers.len(), "layer"))
            };
            let (theirs, own) = (&fitting.plan, words(&plan.lora, &plan.layers));
            let what = format!(
                "{} is of {}, the adapter `{}` of {own}",
                file.origin,
                words(&theirs.lora, &theirs.layers),
                plan.name
            );
            return Err(Error::new(what).remedy(
                "beside it: `learner.load_adapter_as(\"second\", path)?`; instead of it: `learner.unload_lora()?`, then `learner.load_adapter(path)?`",
            ));
        }
        if into.is_none() {
            self.adapt(|network| network.add_adapter(network.named_plan(fitting.plan.clone())?))?;
        }
        let index = self.network.adapters().find(&fitting.plan.name).unwrap_or_default();
        self.adapt(|network| network.set_adapter_options(index, &fitting.plan.lora))?;
        let mut head = fitting.head;
        if let (Ok(_), Some(theirs)) = (&head, file.classes.as_ref().filter(|names| *names != self.classes())) {
            let (theirs, own) = (theirs.join(", "), self.classes().join(", "));
            head = Err(format!("the file's head tells {theirs} apart, this learner {own}: the head stays as it is"));
        }
        let takes_part = index == self.network.adapters().active;
        self.adapt(|network| {
            network.params().load(&fitting.matrices, None)?;
            match &head {
                Ok(values) if takes_part => drop(network.params().load(values, None)?),
                Ok(values) => {
                    network.put_waiting_head(WaitingHead { adapter: fitting.plan.name.clone(), values: values.clone() })
                }
                Err(_) => {}
            }
            Ok(())
        })?;
        let own = |param: &str| self.network.adapters().owner(param) == Some(index);
        self.optimizer.forget(own);
        if let Err(why) = &head {
            show::note(why);
        }
        if into.is_none() {
            self.begin_adapters();
        }
        Ok(self)
    }

    /// Adds to the weights what the adapter adds: the network answers the same, and as fast as without it. It cannot be trained until
    /// [`unmerge_lora`](Learner::unmerge_lora). Files and ONNX need it not: `save_weights` and `export_onnx` merge what they write.
    ///
    /// # Errors
    /// When there is no adapter, or it is merged already.
    pub fn merge_lora(&mut self) -> Result<&mut Learner> {
        self.adapt(Network::merge_adapter)?;
        Ok(self)
    }

    /// Puts the weights back as they were before [`merge_lora`](Learner::merge_lora), bit for bit.
    ///
    /// # Errors
    /// When nothing is merged.
    pub fn unmerge_lora(&mut self) -> Result<&mut Learner> {
        self.adapt(Network::unmerge_adapter)?;
        Ok(self)
    }

    /// Forgets all adapters. What a merged one has added stays in the weights (PEFT's `merge_and_unload`); otherwise the base is as it was, and what
    /// the adapters have learned is gone unless it was saved. The body stays frozen: `unfreeze()` makes it trainable.
    ///
    /// # Errors
    /// When there is no adapter.
    pub fn unload_lora(&mut self) -> Result<&mut Learner> {
        if self.network.adapters().is_empty() {
            return Err(
                Error::new("there is no adapter to unload").remedy("make one first: `learner.lora(Lora::rank(8))?`")
            );
        }
        let adapters = self.network.adapters().clone();
        self.adapt(|network| {
            network.unload_adapters();
            Ok(())
        })?;
        self.optimizer.forget(|name| adapters.owner(name).is_some());
        Ok(self)
    }

    /// Says that the base stays frozen, where there are adapters.
    pub(super) fn tell_base_frozen(&self) {
        if !self.network.adapters().is_empty() {
            show::note(
                "LoRA: the adapter and the head train, the base stays frozen; `learner.unfreeze_base()` makes it trainable too",
            );
        }
    }

    /// That the head is frozen while an adapter trains, in words.
    pub(super) fn head_left_frozen(&self) -> Option<String> {
        self.network.lowest_adapted()?;
        let head = self.network.head_params();
        (!head.is_empty() && head.iter().all(|param| param.frozen())).then(|| {
            "the head is frozen while the adapter trains: its answers can only follow as far as the features do; `learner.unfreeze()` makes both \
             trainable"
                .to_owned()
        })
    }

    /// What of adapters, head and base trains, in words, where there are adapters and the base is frozen.
    pub(super) fn adapted_part(&self) -> Option<String> {
        let (network, adapters) = (&self.network, self.network.adapters());
        let backbone = network.backbone_parts();
        let trains = network.params().trainable();
        let base = trains.iter().any(|param| param.group() < backbone && adapters.owner(param.name()).is_none());
        if adapters.is_empty() || (base && !self.options.train_bn) {
            return None;
        }
        let first = network.adapters().active()?.layers.first().and_then(|layer| {
            network.params().slots().iter().find(|slot| slot.name() == layer).map(|slot| slot.weight().group())
        });
        let mut words: Vec<String> = Vec::new();
        words.extend(network.lowest_adapted().map(|lowest| match first {
            Some(first) if lowest > first => format!("adapters from {}", network.parts()[lowest]),
            _ => "adapters".to_owned(),
        }));
        words.extend(network.head_params().iter().any(|param| !param.frozen()).then(|| "head".to_owned()));
        Some(if words.is_empty() { "nothing".to_owned() } else { words.join(" and ") })
    }

    /// Which adapters there are and what of the network trains, in words: a line a adapter.
    pub(super) fn lora_words(&self) -> Vec<String> {
        let (network, adapters) = (&self.network, self.network.adapters());
        let several = adapters.plans.len() > 1;
        let line = |(index, plan): (usize, &crate::models::AdapterPlan)| {
            let name = if several { format!(" `{}`", plan.name) } else { String::new() };
            let mut line = format!("LoRA{name}: {} beside {}", plan.lora.words(), count(plan.layers.len(), "layer"));
            if index != adapters.active {
                return line + ", waits";
            }
            if adapters.merged {
                return line + ", merged into the weights";
            }
            let own: usize = network.adapted().iter().filter(|param| !param.frozen()).map(|param| param.count()).sum();
            let all: usize =
                network.params().params().iter().filter(|param| !param.fixed()).map(|param| param.count()).sum();
            let share = 100.0 * own as f64 / all.max(1) as f64;
            line += &format!(", {} of {} parameters train ({share:.2} %)", thousands(own), thousands(all));
            let head = network.head_params();
            line + match head.iter().filter(|param| !param.frozen()).count() {
                0 => ", and the head is frozen",
                some if some == head.len() => ", and the head",
                _ => ", and a part of the head",
            }
        };
        adapters.plans.iter().enumerate().map(line).collect()
    }
}

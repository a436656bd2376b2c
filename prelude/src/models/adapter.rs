//! Which adapters a network has, and which of them takes part.

use serde::{Deserialize, Serialize};

use crate::layers::Lora;
use crate::params::{NamedTensors, name_seed};

/// One adapter of a network: its name, how it is, and beside which layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdapterPlan {
    /// Its name, `default` for the first one.
    pub name: String,
    /// How it is.
    pub lora: Lora,
    /// The layers beside whose weights it stands, by their names.
    pub layers: Vec<String>,
}

impl AdapterPlan {
    /// The name of the matrix `A` beside a layer, as PEFT has it.
    pub fn down(&self, layer: &str) -> String {
        named(layer, &format!("lora_A.{}.weight", self.name))
    }

    /// The name of the matrix `B`.
    pub fn up(&self, layer: &str) -> String {
        named(layer, &format!("lora_B.{}.weight", self.name))
    }
}

pub(super) fn named(layer: &str, end: &str) -> String {
    if layer.is_empty() { end.to_owned() } else { format!("{layer}.{end}") }
}

/// The adapters of a network; none at first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Adapters {
    /// All of them, in the order they were added.
    pub plans: Vec<AdapterPlan>,
    /// The one that takes part.
    pub active: usize,
    /// Whether what it adds is in the weights.
    pub merged: bool,
}

impl Adapters {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// The one that takes part.
    pub fn active(&self) -> Option<&AdapterPlan> {
        self.plans.get(self.active)
    }

    /// The adapter of this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.plans.iter().position(|plan| plan.name == name)
    }

    /// Which adapter a parameter belongs to.
    pub fn owner(&self, param: &str) -> Option<usize> {
        let (_, end) = param.rsplit_once("lora_A.").or_else(|| param.rsplit_once("lora_B."))?;
        self.find(end.strip_suffix(".weight")?)
    }

    /// A number that is another one where another adapter takes part, or the same one otherwise scaled.
    pub fn mark(&self) -> u64 {
        self.active().map_or(0, |plan| name_seed(plan.lora.scale().to_bits(), &plan.name))
    }
}

/// The values of a head that waits for its adapter to take part.
#[derive(Clone, Debug)]
pub struct WaitingHead {
    /// The adapter that it belongs to.
    pub adapter: String,
    /// Its values, by name.
    pub values: NamedTensors,
}

//! The rules by which a gradient becomes a step, and which numbers of theirs make sense.

use serde::{Deserialize, Serialize};

use crate::{Result, limits};

/// How a gradient becomes a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Rule {
    /// `torch.optim.SGD` with `dampening=0`.
    Sgd {
        /// Share of the last step kept in the next.
        momentum: f64,
        /// Nesterov's look ahead.
        nesterov: bool,
        /// Added to the gradient: this times the value.
        weight_decay: f64,
    },
    /// `torch.optim.AdamW`. Loshchilov and Hutter 2017.
    AdamW {
        /// Share of the old mean gradient kept.
        beta1: f64,
        /// Share of the old mean square kept.
        beta2: f64,
        /// Added to the divisor.
        eps: f64,
        /// Taken off the value each step: rate times this times the value.
        weight_decay: f64,
    },
    /// `torch.optim.Adam`. Kingma and Ba 2014.
    Adam {
        /// Share of the old mean gradient kept.
        beta1: f64,
        /// Share of the old mean square kept.
        beta2: f64,
        /// Added to the divisor.
        eps: f64,
        /// Added to the gradient: this times the value.
        weight_decay: f64,
    },
    /// `torch.optim.RMSprop`. Tieleman and Hinton 2012; centred as Graves 2013.
    RmsProp {
        /// Share of the old mean square kept.
        alpha: f64,
        /// Added to the divisor.
        eps: f64,
        /// Share of the last step kept in the next.
        momentum: f64,
        /// Divides by the deviation instead of the root of the mean square.
        centered: bool,
        /// Added to the gradient: this times the value.
        weight_decay: f64,
    },
    /// timm's `Lamb` without its clipping. You et al. 2019.
    Lamb {
        /// Share of the old mean gradient kept.
        beta1: f64,
        /// Share of the old mean square kept.
        beta2: f64,
        /// Added to the divisor.
        eps: f64,
        /// Added to Adam's step, before it is scaled to the value's norm: this times the value. Parameters without decay are
        /// not scaled, as timm has it.
        weight_decay: f64,
    },
    /// timm's `Lion`. Chen et al. 2023.
    Lion {
        /// Share of the mean gradient in what gives the step its sign.
        beta1: f64,
        /// Share of the old mean gradient kept.
        beta2: f64,
        /// Taken off the value each step: rate times this times the value.
        weight_decay: f64,
    },
}

impl Rule {
    /// Its name, as the field writes it.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Sgd { .. } => "SGD",
            Rule::AdamW { .. } => "AdamW",
            Rule::Adam { .. } => "Adam",
            Rule::RmsProp { .. } => "RMSprop",
            Rule::Lamb { .. } => "LAMB",
            Rule::Lion { .. } => "Lion",
        }
    }

    /// Its weight decay, decoupled or not.
    pub fn weight_decay(mut self) -> f64 {
        *self.weight_decay_mut()
    }

    pub(super) fn weight_decay_mut(&mut self) -> &mut f64 {
        match self {
            Rule::Sgd { weight_decay, .. }
            | Rule::AdamW { weight_decay, .. }
            | Rule::Adam { weight_decay, .. }
            | Rule::RmsProp { weight_decay, .. }
            | Rule::Lamb { weight_decay, .. }
            | Rule::Lion { weight_decay, .. } => weight_decay,
        }
    }

    /// Refuses numbers that make no sense, by name.
    pub(super) fn check(self) -> Result<()> {
        let share = |name: &str, given: f64| {
            let remedy = "0.9 is usual: `Optimizer::sgd(0.9)`; `Optimizer::adamw()` has 0.9 and 0.999";
            let option = format!("the `{name}` of {}", self.name());
            limits::allow((0.0..1.0).contains(&given), &option, &given, "a number from 0 to below 1", remedy)
        };
        let above = |option: &str, given: f64| {
            let remedy =
                "usual are `Optimizer::adamw().weight_decay(0.01)` and `Optimizer::sgd(0.9).weight_decay(1e-4)`";
            limits::allow(given.is_finite() && given >= 0.0, option, &given, "a finite number, 0 or above", remedy)
        };
        match self {
            Rule::Sgd { momentum, .. } => share("momentum", momentum)?,
            Rule::AdamW { beta1, beta2, .. }
            | Rule::Adam { beta1, beta2, .. }
            | Rule::Lamb { beta1, beta2, .. }
            | Rule::Lion { beta1, beta2, .. } => {
                share("beta1", beta1)?;
                share("beta2", beta2)?;
            }
            Rule::RmsProp { alpha, momentum, .. } => {
                share("alpha", alpha)?;
                share("momentum", momentum)?;
            }
        }
        if let Rule::AdamW { eps, .. } | Rule::Adam { eps, .. } | Rule::Lamb { eps, .. } | Rule::RmsProp { eps, .. } =
            self
        {
            above(&format!("the `eps` of {}", self.name()), eps)?;
        }
        above("the optimiser's `weight_decay`", self.weight_decay())
    }
}

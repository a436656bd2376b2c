//! Optimisers: SGD, Adam and their kin, step for step as PyTorch's and timm's; a file a rule.
//!
//! Each rule stands twice: as its formula, for any device and type of number, and fused, in few sweeps over memory, for
//! f32 on the CPU.

mod adam;
mod lamb;
mod lion;
mod rmsprop;
mod rule;
mod sgd;
mod sweep;

use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor};

use crate::params::Param;
use crate::{Error, Result, ops};

pub use rule::Rule;

/// A rule and what it remembers of each parameter.
///
/// Weight decay leaves biases and the scales and offsets of norms alone (what has one dimension), as timm does; with
/// [`decay_all`](Optimizer::decay_all) it is for all, as PyTorch has it unless told otherwise.
///
/// ```
/// use candlewick_prelude::train::Optimizer;
/// let sgd = Optimizer::sgd(0.9).nesterov().weight_decay(1e-4);
/// let adamw = Optimizer::adamw().weight_decay(0.05).betas(0.9, 0.98);
/// let rmsprop = Optimizer::rmsprop().momentum(0.9).centered();
/// let (lamb, lion) = (Optimizer::lamb(), Optimizer::lion().weight_decay(0.1).decay_all());
/// ```
#[derive(Clone, Debug)]
pub struct Optimizer {
    rule: Rule,
    decay_all: bool,
    state: HashMap<String, OptimizerState>,
}

/// What an optimiser remembers of one parameter. A clone has tensors of its own, since steps change them in place.
#[derive(Debug, Default)]
pub struct OptimizerState {
    /// Steps taken.
    pub step: u64,
    /// The momentum buffer of SGD and RMSprop, the mean gradient of Adam, AdamW, LAMB and Lion.
    pub first: Option<Tensor>,
    /// The mean square of Adam, AdamW, LAMB and RMSprop.
    pub second: Option<Tensor>,
    /// The mean gradient of a centred RMSprop.
    pub third: Option<Tensor>,
}

impl Clone for OptimizerState {
    fn clone(&self) -> OptimizerState {
        let copy = |tensor: &Option<Tensor>| {
            tensor.as_ref().map(|tensor| tensor.copy().expect("there is memory for one more tensor"))
        };
        let (first, second, third) = (copy(&self.first), copy(&self.second), copy(&self.third));
        OptimizerState { step: self.step, first, second, third }
    }
}

impl Optimizer {
    /// SGD with this momentum, from 0 to below 1, and no weight decay.
    pub fn sgd(momentum: f64) -> Optimizer {
        Optimizer::of(Rule::Sgd { momentum, nesterov: false, weight_decay: 0.0 })
    }

    /// AdamW with PyTorch's defaults: betas 0.9 and 0.999, eps 1e-8, weight decay 0.01, decoupled.
    pub fn adamw() -> Optimizer {
        Optimizer::of(Rule::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 })
    }

    /// Adam with PyTorch's defaults: betas 0.9 and 0.999, eps 1e-8, no weight decay; where there is some, it is L2: added to
    /// the gradient.
    pub fn adam() -> Optimizer {
        Optimizer::of(Rule::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 })
    }

    /// RMSprop with PyTorch's defaults: alpha 0.99, eps 1e-8, no momentum, not centred, no weight decay.
    pub fn rmsprop() -> Optimizer {
        Optimizer::of(Rule::RmsProp { alpha: 0.99, eps: 1e-8, momentum: 0.0, centered: false, weight_decay: 0.0 })
    }

    /// LAMB with timm's defaults: betas 0.9 and 0.999, eps 1e-6, weight decay 0.01. timm also shortens the gradients of all
    /// parameters to a norm of 1; here that is `learner.clip(1.0)`.
    pub fn lamb() -> Optimizer {
        Optimizer::of(Rule::Lamb { beta1: 0.9, beta2: 0.999, eps: 1e-6, weight_decay: 0.01 })
    }

    /// Lion with its authors' defaults: betas 0.9 and 0.99, no weight decay. Each step moves every number by the whole rate:
    /// the paper takes a third to a tenth of AdamW's rate, and as many times its weight decay.
    pub fn lion() -> Optimizer {
        Optimizer::of(Rule::Lion { beta1: 0.9, beta2: 0.99, weight_decay: 0.0 })
    }

    /// A rule that remembers nothing yet.
    pub fn of(rule: Rule) -> Optimizer {
        Optimizer { rule, decay_all: false, state: HashMap::new() }
    }

    /// The same rule with nothing remembered.
    pub fn fresh(&self) -> Optimizer {
        Optimizer { state: HashMap::new(), ..*self }
    }

    /// Looks ahead by Nesterov's rule; changes nothing but for SGD.
    pub fn nesterov(mut self) -> Optimizer {
        if let Rule::Sgd { nesterov, .. } = &mut self.rule {
            *nesterov = true;
        }
        self
    }

    /// Divides by the deviation instead of the root of the mean square; changes nothing but for RMSprop.
    pub fn centered(mut self) -> Optimizer {
        if let Rule::RmsProp { centered, .. } = &mut self.rule {
            *centered = true;
        }
        self
    }

    /// Another momentum of SGD or RMSprop, another `beta1` of the others: from 0 to below 1.
    pub fn momentum(mut self, share: f64) -> Optimizer {
        match &mut self.rule {
            Rule::Sgd { momentum: own, .. } | Rule::RmsProp { momentum: own, .. } => *own = share,
            Rule::AdamW { beta1, .. }
            | Rule::Adam { beta1, .. }
            | Rule::Lamb { beta1, .. }
            | Rule::Lion { beta1, .. } => *beta1 = share,
        }
        self
    }

    /// Other shares of the old means, from 0 to below 1 each; of RMSprop the first is its momentum and the second its alpha,
    /// of SGD the first its momentum.
    pub fn betas(mut self, first: f64, second: f64) -> Optimizer {
        match &mut self.rule {
            Rule::Sgd { .. } => {}
            Rule::RmsProp { alpha: own, .. }
            | Rule::AdamW { beta2: own, .. }
            | Rule::Adam { beta2: own, .. }
            | Rule::Lamb { beta2: own, .. }
            | Rule::Lion { beta2: own, .. } => *own = second,
        }
        self.momentum(first)
    }

    /// Another weight decay, 0 or above: L2 for SGD, RMSprop and Adam, decoupled for AdamW and Lion, within the step that is
    /// scaled for LAMB.
    pub fn weight_decay(mut self, decay: f64) -> Optimizer {
        *self.rule.weight_decay_mut() = decay;
        self
    }

    /// Decays biases and the scales and offsets of norms too, as PyTorch does unless told otherwise.
    pub fn decay_all(mut self) -> Optimizer {
        self.decay_all = true;
        self
    }

    /// Refuses numbers of the rule that make no sense, by name.
    pub(super) fn check(&self) -> Result<()> {
        self.rule.check()
    }

    /// The rule.
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// Whether biases and norms decay too.
    pub fn decays_all(&self) -> bool {
        self.decay_all
    }

    /// What it remembers, by parameter name.
    pub fn state(&self) -> &HashMap<String, OptimizerState> {
        &self.state
    }

    /// Puts back what was remembered, as from a checkpoint.
    pub fn restore(&mut self, state: HashMap<String, OptimizerState>) {
        self.state = state;
    }

    /// Forgets the parameters whose name `gone` accepts.
    pub fn forget(&mut self, gone: impl Fn(&str) -> bool) {
        self.state.retain(|name, _| !gone(name));
    }

    /// The weight decay that holds for a parameter.
    fn decay_of(&self, param: &Param) -> f64 {
        let is_weight = param.var().rank() > 1 && !param.name().ends_with(".bias");
        if is_weight || self.decay_all { self.rule.weight_decay() } else { 0.0 }
    }

    /// Takes one step for each parameter that has a gradient; `rate` gives the rate of each, and `momentum`, where
    /// given, replaces SGD's or RMSprop's momentum (where RMSprop has one) or the others' beta1 in this step.
    ///
    /// # Errors
    /// When a number of the rule makes no sense, and when a remembered tensor has another shape than its parameter.
    pub fn step(
        &mut self,
        params: &[Param],
        grads: &GradStore,
        rate: impl Fn(&Param) -> f64,
        momentum: Option<f64>,
    ) -> Result<()> {
        self.check()?;
        let rates: Vec<f64> = params.iter().map(rate).collect();
        ops::in_pool(|| self.step_each(params, &rates, grads, momentum))
    }

    fn step_each(&mut self, params: &[Param], rates: &[f64], grads: &GradStore, momentum: Option<f64>) -> Result<()> {
        for (param, rate) in params.iter().zip(rates) {
            let Some(grad) = grads.get(param.var()) else { continue };
            let decay = self.decay_of(param);
            let state = self.state.entry(param.name().to_owned()).or_default();
            let kept = state.kept().next().map(|kept| kept.dims().to_vec());
            if kept.as_deref().is_some_and(|dims| dims != param.var().dims()) {
                let what = format!("the optimiser remembers `{}` with another shape: {kept:?}", param.name());
                return Err(
                    Error::new(what).remedy("start the optimiser afresh: `learner.optimizer(Optimizer::adamw())`")
                );
            }
            let (value, grad) = (param.value(), grad.detach().contiguous()?);
            state.place(value.device())?;
            state.step += 1;
            let turn = Turn { value: &value, grad: &grad, rate: *rate, decay, momentum };
            if value.device().is_cpu() && value.dtype() == DType::F32 && value.is_contiguous() {
                state.step_fused(self.rule, &turn)?;
            } else {
                param.set(&state.step_by_formula(self.rule, &turn)?)?;
            }
        }
        Ok(())
    }
}

/// One parameter's turn: its value and gradient, and the rate and the decay that hold for it.
struct Turn<'a> {
    value: &'a Tensor,
    grad: &'a Tensor,
    rate: f64,
    decay: f64,
    /// What a schedule puts in the place of the rule's momentum.
    momentum: Option<f64>,
}

impl Turn<'_> {
    /// The gradient with L2 decay.
    fn decayed(&self) -> candle_core::Result<Tensor> {
        if self.decay == 0.0 { Ok(self.grad.clone()) } else { self.grad + (self.value * self.decay)? }
    }

    /// What a rule keeps of a parameter from now on: tensors of zeros at first.
    fn kept(&self, kept: &mut Option<Tensor>) -> candle_core::Result<Tensor> {
        let tensor = match kept.take() {
            Some(tensor) => tensor.contiguous()?,
            None => self.value.zeros_like()?,
        };
        *kept = Some(tensor.clone());
        Ok(tensor)
    }
}

/// The old mean moved towards something new; without an old one it was 0.
fn blend(old: &Option<Tensor>, new: &Tensor, keep: f64) -> candle_core::Result<Tensor> {
    match old {
        Some(old) => (old * keep)? + (new * (1.0 - keep))?,
        None => new * (1.0 - keep),
    }
}

impl OptimizerState {
    fn kept(&self) -> impl Iterator<Item = &Tensor> {
        [&self.first, &self.second, &self.third].into_iter().flatten()
    }

    /// Moves what is remembered to a device: what a checkpoint holds comes on the CPU.
    fn place(&mut self, device: &Device) -> candle_core::Result<()> {
        for kept in [&mut self.first, &mut self.second, &mut self.third].into_iter().flatten() {
            if !kept.device().same_device(device) {
                *kept = kept.to_device(device)?;
            }
        }
        Ok(())
    }

    /// One step in place: f32 on the CPU.
    fn step_fused(&mut self, rule: Rule, turn: &Turn) -> candle_core::Result<()> {
        match rule {
            Rule::Sgd { momentum, nesterov, .. } => sgd::fused(self, turn, momentum, nesterov),
            Rule::AdamW { beta1, beta2, eps, .. } => adam::fused(self, turn, (beta1, beta2), eps, true),
            Rule::Adam { beta1, beta2, eps, .. } => adam::fused(self, turn, (beta1, beta2), eps, false),
            Rule::RmsProp { alpha, eps, momentum, centered, .. } => {
                rmsprop::fused(self, turn, (alpha, momentum), eps, centered)
            }
            Rule::Lamb { beta1, beta2, eps, .. } => lamb::fused(self, turn, (beta1, beta2), eps),
            Rule::Lion { beta1, beta2, .. } => lion::fused(self, turn, (beta1, beta2)),
        }
    }

    /// One step by the rule's formula; gives the new value.
    fn step_by_formula(&mut self, rule: Rule, turn: &Turn) -> candle_core::Result<Tensor> {
        match rule {
            Rule::Sgd { momentum, nesterov, .. } => sgd::formula(self, turn, momentum, nesterov),
            Rule::AdamW { beta1, beta2, eps, .. } => adam::formula(self, turn, (beta1, beta2), eps, true),
            Rule::Adam { beta1, beta2, eps, .. } => adam::formula(self, turn, (beta1, beta2), eps, false),
            Rule::RmsProp { alpha, eps, momentum, centered, .. } => {
                rmsprop::formula(self, turn, (alpha, momentum), eps, centered)
            }
            Rule::Lamb { beta1, beta2, eps, .. } => lamb::formula(self, turn, (beta1, beta2), eps),
            Rule::Lion { beta1, beta2, .. } => lion::formula(self, turn, (beta1, beta2)),
        }
    }
}

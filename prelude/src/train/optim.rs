//! Optimisers: SGD with momentum and AdamW, step for step as PyTorch's.

use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, Device, InplaceOp3, Layout, Tensor};
use serde::{Deserialize, Serialize};

use crate::params::Param;
use crate::{Error, Result, limits, ops};

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
}

/// A rule and what it remembers of each parameter.
///
/// ```
/// use candlewick_prelude::train::Optimizer;
/// let sgd = Optimizer::sgd(0.9).nesterov().weight_decay(1e-4);
/// let adamw = Optimizer::adamw().weight_decay(0.05);
/// ```
#[derive(Clone, Debug)]
pub struct Optimizer {
    rule: Rule,
    state: HashMap<String, OptimizerState>,
}

/// What an optimiser remembers of one parameter. A clone has tensors of its own, since steps change them in place.
#[derive(Debug, Default)]
pub struct OptimizerState {
    /// Steps taken.
    pub step: u64,
    /// SGD's momentum buffer or AdamW's mean gradient.
    pub first: Option<Tensor>,
    /// AdamW's mean square.
    pub second: Option<Tensor>,
}

impl Clone for OptimizerState {
    fn clone(&self) -> OptimizerState {
        let copy = |tensor: &Option<Tensor>| {
            tensor.as_ref().map(|tensor| tensor.copy().expect("there is memory for one more tensor"))
        };
        OptimizerState { step: self.step, first: copy(&self.first), second: copy(&self.second) }
    }
}

impl Optimizer {
    /// SGD with this momentum, from 0 to below 1, and no weight decay.
    pub fn sgd(momentum: f64) -> Optimizer {
        Optimizer::of(Rule::Sgd { momentum, nesterov: false, weight_decay: 0.0 })
    }

    /// AdamW with PyTorch's defaults: betas 0.9 and 0.999, eps 1e-8, weight decay 0.01.
    pub fn adamw() -> Optimizer {
        Optimizer::of(Rule::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 })
    }

    /// A rule that remembers nothing yet.
    pub fn of(rule: Rule) -> Optimizer {
        Optimizer { rule, state: HashMap::new() }
    }

    /// Looks ahead by Nesterov's rule; changes nothing for AdamW.
    pub fn nesterov(mut self) -> Optimizer {
        if let Rule::Sgd { nesterov, .. } = &mut self.rule {
            *nesterov = true;
        }
        self
    }

    /// Another weight decay, 0 or above; a fit refuses another one.
    pub fn weight_decay(mut self, decay: f64) -> Optimizer {
        match &mut self.rule {
            Rule::Sgd { weight_decay, .. } | Rule::AdamW { weight_decay, .. } => *weight_decay = decay,
        }
        self
    }

    /// Refuses numbers of the rule that make no sense, by name.
    pub(super) fn check(&self) -> Result<()> {
        let share = |name: &str, given: f64| {
            let remedy = "0.9 is usual: `Optimizer::sgd(0.9)`; `Optimizer::adamw()` has 0.9 and 0.999";
            limits::allow((0.0..1.0).contains(&given), name, &given, "a number from 0 to below 1", remedy)
        };
        let above = |name: &str, given: f64| {
            let remedy =
                "usual are `Optimizer::adamw().weight_decay(0.01)` and `Optimizer::sgd(0.9).weight_decay(1e-4)`";
            limits::allow(given.is_finite() && given >= 0.0, name, &given, "a finite number, 0 or above", remedy)
        };
        let weight_decay = match self.rule {
            Rule::Sgd { momentum, weight_decay, .. } => {
                share("the `momentum` of SGD", momentum)?;
                weight_decay
            }
            Rule::AdamW { beta1, beta2, eps, weight_decay } => {
                share("the `beta1` of AdamW", beta1)?;
                share("the `beta2` of AdamW", beta2)?;
                above("the `eps` of AdamW", eps)?;
                weight_decay
            }
        };
        above("the optimiser's `weight_decay`", weight_decay)
    }

    /// The rule.
    pub fn rule(&self) -> Rule {
        self.rule
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

    /// Takes one step for each parameter that has a gradient; `rate` gives the rate of each, and `momentum`, where
    /// given, replaces SGD's momentum or AdamW's beta1 in this step.
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
            let state = self.state.entry(param.name().to_owned()).or_default();
            let kept = state.first.as_ref().or(state.second.as_ref()).map(|kept| kept.dims().to_vec());
            if kept.as_deref().is_some_and(|dims| dims != param.var().dims()) {
                let what = format!("the optimiser remembers `{}` with another shape: {kept:?}", param.name());
                return Err(
                    Error::new(what).remedy("start the optimiser afresh: `learner.optimizer(Optimizer::adamw())`")
                );
            }
            let (value, grad) = (param.value(), grad.detach().contiguous()?);
            state.place(value.device())?;
            if value.device().is_cpu() && value.dtype() == DType::F32 && value.is_contiguous() {
                state.apply_fused(self.rule, &value, &grad, *rate, momentum)?;
            } else {
                param.set(&state.apply(self.rule, &value, &grad, *rate, momentum)?)?;
            }
        }
        Ok(())
    }
}

impl OptimizerState {
    /// Moves what is remembered to a device: what a checkpoint holds comes on the CPU.
    fn place(&mut self, device: &Device) -> candle_core::Result<()> {
        for kept in [&mut self.first, &mut self.second].into_iter().flatten() {
            if !kept.device().same_device(device) {
                *kept = kept.to_device(device)?;
            }
        }
        Ok(())
    }

    /// As [`apply`](OptimizerState::apply), in place and in one sweep: f32 on the CPU.
    fn apply_fused(
        &mut self,
        rule: Rule,
        value: &Tensor,
        grad: &Tensor,
        rate: f64,
        scheduled: Option<f64>,
    ) -> candle_core::Result<()> {
        self.step += 1;
        let fresh = |kept: &mut Option<Tensor>| -> candle_core::Result<Tensor> {
            let tensor = match kept.take() {
                Some(tensor) => tensor.contiguous()?,
                None => value.zeros_like()?,
            };
            *kept = Some(tensor.clone());
            Ok(tensor)
        };
        match rule {
            Rule::Sgd { momentum, nesterov, weight_decay } => {
                let momentum = scheduled.unwrap_or(momentum) as f32;
                let (rate, decay) = (rate as f32, weight_decay as f32);
                if momentum == 0.0 {
                    let step = Sweep(|value: &mut f32, grad: f32, _| *value -= rate * (grad + decay * *value));
                    return value.inplace_op3(grad, grad, &step);
                }
                let buffer = fresh(&mut self.first)?;
                buffer.inplace_op3(
                    grad,
                    value,
                    &Sweep(|buffer: &mut f32, grad, value| {
                        *buffer = momentum * *buffer + (grad + decay * value);
                    }),
                )?;
                value.inplace_op3(
                    grad,
                    &buffer,
                    &Sweep(|value: &mut f32, grad, buffer| {
                        *value -= rate * if nesterov { grad + decay * *value + momentum * buffer } else { buffer };
                    }),
                )
            }
            Rule::AdamW { beta1, beta2, eps, weight_decay } => {
                let beta1 = scheduled.unwrap_or(beta1);
                let steps = self.step as f64;
                let (short1, short2) = (1.0 - beta1.powf(steps), 1.0 - beta2.powf(steps));
                let (keep, step) = ((1.0 - rate * weight_decay) as f32, (rate / short1) as f32);
                let (root, eps) = (short2.sqrt() as f32, eps as f32);
                // differences before rounding: 1 - 0.999 has lost half its digits in f32
                let (new1, new2, beta2) = ((1.0 - beta1) as f32, (1.0 - beta2) as f32, beta2 as f32);
                let (first, second) = (fresh(&mut self.first)?, fresh(&mut self.second)?);
                first.inplace_op3(grad, grad, &Sweep(|first: &mut f32, grad, _| *first += new1 * (grad - *first)))?;
                second.inplace_op3(
                    grad,
                    grad,
                    &Sweep(|second: &mut f32, grad: f32, _| {
                        *second = beta2 * *second + new2 * grad * grad;
                    }),
                )?;
                value.inplace_op3(
                    &first,
                    &second,
                    &Sweep(|value: &mut f32, first, second: f32| {
                        *value = keep * *value - step * first / (second.sqrt() / root + eps);
                    }),
                )
            }
        }
    }

    /// One step by the rule's formula; gives the new value.
    fn apply(
        &mut self,
        rule: Rule,
        value: &Tensor,
        grad: &Tensor,
        rate: f64,
        scheduled: Option<f64>,
    ) -> candle_core::Result<Tensor> {
        self.step += 1;
        match rule {
            Rule::Sgd { momentum, nesterov, weight_decay } => {
                let momentum = scheduled.unwrap_or(momentum);
                let mut grad = grad.clone();
                if weight_decay != 0.0 {
                    grad = (grad + (value * weight_decay)?)?;
                }
                if momentum != 0.0 {
                    let buffer = match &self.first {
                        Some(buffer) => ((buffer * momentum)? + &grad)?,
                        None => grad.copy()?,
                    };
                    grad = if nesterov { (grad + (&buffer * momentum)?)? } else { buffer.clone() };
                    self.first = Some(buffer);
                }
                value - (grad * rate)?
            }
            Rule::AdamW { beta1, beta2, eps, weight_decay } => {
                let beta1 = scheduled.unwrap_or(beta1);
                let blend = |old: &Option<Tensor>, new: Tensor, keep: f64| match old {
                    Some(old) => (old * keep)? + (new * (1.0 - keep))?,
                    None => new * (1.0 - keep),
                };
                let first = blend(&self.first, grad.clone(), beta1)?;
                let second = blend(&self.second, grad.sqr()?, beta2)?;
                let steps = self.step as f64;
                let (short1, short2) = (1.0 - beta1.powf(steps), 1.0 - beta2.powf(steps));
                let divisor = ((second.sqrt()? / short2.sqrt())? + eps)?;
                let step = (first.div(&divisor)? * (rate / short1))?;
                self.first = Some(first);
                self.second = Some(second);
                (value * (1.0 - rate * weight_decay))? - step
            }
        }
    }
}

/// Changes each number of the first tensor by those at the same place in two others; contiguous f32 on the CPU.
struct Sweep<F>(F);

impl<F: Fn(&mut f32, f32, f32) + Send + Sync> InplaceOp3 for Sweep<F> {
    fn name(&self) -> &'static str {
        "optimiser"
    }

    fn cpu_fwd(
        &self,
        a: &mut CpuStorage,
        at: &Layout,
        b: &CpuStorage,
        bt: &Layout,
        c: &CpuStorage,
        ct: &Layout,
    ) -> candle_core::Result<()> {
        let (CpuStorage::F32(a), CpuStorage::F32(b), CpuStorage::F32(c)) = (a, b, c) else {
            candle_core::bail!("the optimiser's fused step is for f32");
        };
        let part = |layout: &Layout| match layout.contiguous_offsets() {
            Some((start, end)) => Ok(start..end),
            None => candle_core::bail!("the optimiser's fused step is for contiguous tensors"),
        };
        let (a, b, c) = (&mut a[part(at)?], &b[part(bt)?], &c[part(ct)?]);
        for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
            (self.0)(a, *b, *c);
        }
        Ok(())
    }
}

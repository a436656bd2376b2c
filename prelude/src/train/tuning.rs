//! The verbs that say what a fit does beside the plain step.
//!
//! They give the learner back and cannot fail: what makes no sense is not taken over, and the next fit or search tells, once.

use candle_core::DType;

use super::average::Average;
use super::learner::Learner;
use super::optim::Optimizer;
use super::options;
use crate::{Result, limits, show};

impl Learner {
    /// Another optimiser, with nothing remembered: `learner.optimizer(Optimizer::sgd(0.9))`.
    pub fn optimizer(&mut self, optimizer: Optimizer) -> &mut Learner {
        if self.accepts("optimizer", optimizer.check()) {
            *self.optimizer = optimizer;
        }
        self
    }

    /// Whether an option is taken over. One that makes no sense leaves the old one as it is, and the next fit tells.
    pub(super) fn accepts(&mut self, option: &'static str, told: Result<()>) -> bool {
        self.refused.retain(|(name, _)| *name != option);
        let refusal = told.err().map(|error| (option, error));
        self.refused.extend(refusal);
        self.refused.last().is_none_or(|(name, _)| *name != option)
    }

    /// Another seed for order, augmentation and dropout (default: the data's).
    pub fn seed(&mut self, seed: u64) -> &mut Learner {
        self.options.seed = seed;
        self.data = self.data.take().map(|data| data.reseeded(seed));
        self
    }

    /// Shortens gradients whose norm over all parameters is above `norm`, a number above 0.
    pub fn clip(&mut self, norm: f64) -> &mut Learner {
        if self.accepts("clip", options::check_clip(norm)) {
            self.options.clip = Some(norm);
        }
        self
    }

    /// Takes one step for so many batches, 1 or more, on the mean gradient of all their pictures: as one large batch, but for
    /// BatchNorm, which sees each batch alone. What is left at the end of an epoch makes a step of its own.
    pub fn accumulate(&mut self, batches: usize) -> &mut Learner {
        if self.accepts("accumulate", options::check_accumulate(batches)) {
            self.options.accumulate = batches;
        }
        self
    }

    /// Keeps a moving average of the weights, of which each step is `1 - decay`, such as 0.999: the average validates,
    /// predicts and is saved beside the weights, which train on as ever. The first steps count more, `1 - (1 + steps) / (10 + steps)`, so that a short fit
    /// is not held at its beginning. Polyak and Juditsky 1992; TensorFlow's `ExponentialMovingAverage` with its number of updates.
    ///
    /// # Errors
    /// When the decay is not from 0 to below 1, and when the memory does not hold the network twice.
    pub fn ema(&mut self, decay: f64) -> Result<&mut Learner> {
        let remedy = "try `learner.ema(0.999)?`; near the number of steps of one epoch, 1 - 1 / steps";
        limits::allow((0.0..1.0).contains(&decay), "the decay of `ema`", &decay, "a number from 0 to below 1", remedy)?;
        *self.average = Some(Average::of(&self.network, decay)?);
        Ok(self)
    }

    /// Makes a step's convolutions and matrix products in bfloat16 where the device is faster in it, as PyTorch's
    /// `autocast` does; weights, statistics, losses and predictions stay in f32. On the CPU it saves nothing: a note says
    /// so, and everything stays in f32. Micikevicius et al. 2018.
    pub fn mixed_precision(&mut self) -> &mut Learner {
        if self.network.params().device().is_cuda() {
            self.options.half = Some(DType::BF16);
        } else {
            let place = if self.network.params().device().is_cpu() { "the CPU" } else { "this device" };
            show::note(&format!(
                "half precision saves no time on {place}, where this learner computes: everything stays in f32"
            ));
        }
        self
    }

    /// Spreads this share of each label, from 0 to below 1, over all classes. Szegedy et al. 2015.
    pub fn label_smoothing(&mut self, share: f64) -> &mut Learner {
        if self.accepts("label_smoothing", options::check_smoothing(share)) {
            self.options.smoothing = share;
        }
        self
    }

    /// Looks at the validation examples only after every `epochs`-th epoch (default 1: after each), and after a fit's last one always.
    /// Callbacks that go by what validation finds hear of it as often.
    pub fn validate_every(&mut self, epochs: usize) -> &mut Learner {
        if self.accepts("validate_every", options::check_validate_every(epochs)) {
            self.options.validate_every = epochs;
        }
        self
    }

    /// Whether features of frozen blocks are computed once and kept (default: yes, where pictures do not vary).
    pub fn keep_features(&mut self, keep: bool) -> &mut Learner {
        self.options.keep_features = keep;
        self
    }

    /// Fits without a live display.
    pub fn quiet(&mut self) -> &mut Learner {
        self.options.quiet = true;
        self
    }
}

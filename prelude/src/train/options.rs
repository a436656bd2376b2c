//! What a fit does beside the plain step.

use candle_core::DType;

use crate::{Result, limits};

/// What a fit does beside the plain step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub seed: u64,
    pub clip: Option<f64>,
    pub accumulate: usize,
    pub smoothing: f64,
    /// The focal loss's γ.
    pub focus: f64,
    pub keep_features: bool,
    /// After every how many epochs the validation examples are looked at; after a fit's last one always.
    pub validate_every: usize,
    pub quiet: bool,
    /// What type of numbers a step's products are made in, where not in f32.
    pub half: Option<DType>,
}

impl Options {
    pub fn of(seed: u64) -> Options {
        Options {
            seed,
            clip: None,
            accumulate: 1,
            smoothing: 0.0,
            focus: 0.0,
            keep_features: true,
            validate_every: 1,
            quiet: false,
            half: None,
        }
    }

    /// Refuses options that make no sense, by name.
    pub fn check(&self) -> Result<()> {
        if let Some(clip) = self.clip {
            let fine = clip.is_finite() && clip > 0.0;
            let remedy = "1 is usual: `learner.clip(1.0)`";
            limits::allow(fine, "the norm of `clip`", &clip, "a finite number above 0", remedy)?;
        }
        let remedy = "1 steps after each batch, as without it: `learner.accumulate(1)`";
        limits::some("`accumulate`", self.accumulate, "batches", remedy)?;
        let remedy = "1 measures after each epoch, as without it: `learner.validate_every(1)`";
        limits::some("`validate_every`", self.validate_every, "epochs", remedy)?;
        let remedy = "2 is usual: `learner.focal_loss(2.0)`";
        limits::allow(
            (0.0..=10.0).contains(&self.focus),
            "the γ of `focal_loss`",
            &self.focus,
            "a number from 0 to 10",
            remedy,
        )?;
        let (fine, remedy) = ((0.0..1.0).contains(&self.smoothing), "0.1 is usual: `learner.label_smoothing(0.1)`");
        limits::allow(fine, "the share of `label_smoothing`", &self.smoothing, "a number from 0 to below 1", remedy)
    }
}

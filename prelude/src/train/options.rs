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
    /// BatchNorm trains in frozen parts too.
    pub train_bn: bool,
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
            train_bn: false,
            quiet: false,
            half: None,
        }
    }
}

pub(super) fn check_clip(norm: f64) -> Result<()> {
    let remedy = "1 is usual: `learner.clip(1.0)`; else the next fit clips as it did before";
    limits::allow(norm.is_finite() && norm > 0.0, "the norm of `clip`", &norm, "a finite number above 0", remedy)
}

pub(super) fn check_accumulate(batches: usize) -> Result<()> {
    let remedy =
        "1 steps after each batch, as without it: `learner.accumulate(1)`; else the next fit steps as it did before";
    limits::some("`accumulate`", batches, "batches", remedy)
}

pub(super) fn check_validate_every(epochs: usize) -> Result<()> {
    let remedy =
        "1 measures after each epoch, as without it: `learner.validate_every(1)`; else the next fit measures as before";
    limits::some("`validate_every`", epochs, "epochs", remedy)
}

pub(super) fn check_smoothing(share: f64) -> Result<()> {
    let remedy = "0.1 is usual: `learner.label_smoothing(0.1)`; else the next fit smooths as it did before";
    let fine = (0.0..1.0).contains(&share);
    limits::allow(fine, "the share of `label_smoothing`", &share, "a number from 0 to below 1", remedy)
}

pub(super) fn check_focus(gamma: f64) -> Result<()> {
    let remedy = "2 is usual: `learner.focal_loss(2.0)`; else the next fit weighs as it did before";
    limits::allow((0.0..=10.0).contains(&gamma), "the γ of `focal_loss`", &gamma, "a number from 0 to 10", remedy)
}

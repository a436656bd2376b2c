//! The moving average of the weights follows them, where one is kept.

use crate::Result;
use crate::train::callback::{Callback, Fit, Next, When};

/// Moves the average after each step.
pub(super) struct Follow;

impl Callback for Follow {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        if when == When::StepTaken {
            fit.learner.follow()?;
        }
        Ok(Next::Go)
    }
}

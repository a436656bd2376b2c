//! Gradients that are too long are shortened.

use crate::Result;
use crate::train::callback::{Callback, Fit, Next, When};

/// Shortens gradients whose norm is above this one.
pub(super) struct Clip(pub Option<f64>);

impl Callback for Clip {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        if let (When::GradientsKnown, Some(clip), Some(gradients)) = (when, self.0, fit.gradients()) {
            gradients.shorten(clip)?;
        }
        Ok(Next::Go)
    }
}

//! Several batches make one step: their gradients wait for it.

use crate::Result;
use crate::train::callback::{Callback, Fit, Next, When};

/// Lets the mean gradient of so many batches through.
pub(super) struct Gather {
    wanted: usize,
    /// What waited is on its way to the step.
    through: bool,
}

impl Gather {
    pub fn of(wanted: usize) -> Gather {
        Gather { wanted, through: false }
    }
}

impl Callback for Gather {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        match when {
            When::GradientsKnown if !std::mem::take(&mut self.through) => {
                if let Some(new) = fit.gradients().take() {
                    let pictures = fit.batch()?.len();
                    fit.run.gathered.add(new, pictures)?;
                }
                if fit.run.gathered.batches >= self.wanted {
                    fit.run.gradients = fit.run.gathered.take()?;
                }
            }
            // what is left at the end of an epoch makes a step of its own
            When::EpochTrained => {
                fit.run.gradients = fit.run.gathered.take()?;
                self.through = fit.run.gradients.is_some();
            }
            _ => {}
        }
        Ok(Next::Go)
    }
}

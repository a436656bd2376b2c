//! Several batches make one step: their gradients wait for it.

use crate::Result;
use crate::train::callback::{Callback, Fit, Next, When};
use crate::train::gradients::Gradients;

/// Gathers the gradients of so many batches, as sums over pictures, and lets their mean through.
pub(super) struct Gather {
    wanted: usize,
    waiting: Option<Gradients>,
    pictures: usize,
    batches: usize,
    /// What waited is on its way to the step.
    through: bool,
}

impl Gather {
    pub fn of(wanted: usize) -> Gather {
        Gather { wanted, waiting: None, pictures: 0, batches: 0, through: false }
    }

    /// Adds a batch's gradients; the first ones are kept as they are until a second batch comes.
    fn add(&mut self, new: Gradients, pictures: usize) -> Result<()> {
        match &mut self.waiting {
            Some(sum) => {
                let before = if self.batches == 1 { self.pictures as f64 } else { 1.0 };
                sum.add(before, new, pictures as f64)?;
            }
            none => *none = Some(new),
        }
        self.pictures += pictures;
        self.batches += 1;
        Ok(())
    }

    /// The mean gradient over all pictures that wait.
    fn take(&mut self) -> Result<Option<Gradients>> {
        let Gather { waiting, pictures, batches, .. } = std::mem::replace(self, Gather::of(self.wanted));
        let Some(mut gradients) = waiting else { return Ok(None) };
        if batches > 1 {
            gradients.scale(1.0 / pictures as f64)?;
        }
        Ok(Some(gradients))
    }
}

impl Callback for Gather {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        match when {
            When::GradientsKnown if !std::mem::take(&mut self.through) => {
                if let Some(new) = fit.gradients().take() {
                    self.add(new, fit.batch()?.len())?;
                }
                if self.batches >= self.wanted {
                    *fit.gradients() = self.take()?;
                }
            }
            // what is left at the end of an epoch makes a step of its own
            When::EpochTrained => {
                *fit.gradients() = self.take()?;
                self.through = fit.gradients().is_some();
            }
            _ => {}
        }
        Ok(Next::Go)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Init, Param, ParamSet};
    use candle_core::{Device, Tensor};

    /// The mean loss of some rows, linear in two parameters, of which the second sees the first row alone.
    fn grads(set: &ParamSet, rows: &[f32]) -> Result<Gradients> {
        let params = set.params();
        let x = Tensor::from_vec(rows.to_vec(), rows.len(), &Device::Cpu)?;
        let mut loss = x.broadcast_mul(&params[0].in_graph())?.sqr()?.mean_all()?;
        if rows[0] == 1.0 {
            loss = (loss + (params[1].in_graph().sum_all()? / rows.len() as f64)?)?;
        }
        Gradients::of(params, loss.backward()?)
    }

    #[test]
    fn gathered_batches_are_one_large_batch() -> Result<()> {
        let set = ParamSet::new(0);
        set.scope("a", 0).param("weight", 1, Init::Constant(0.7))?;
        set.scope("b", 0).param("weight", 1, Init::Constant(0.2))?;
        let rows = [1f32, 2.0, 3.0, -4.0, 0.5, 6.0, 7.0];
        let mut gather = Gather::of(3);
        for part in [&rows[..3], &rows[3..4], &rows[4..]] {
            gather.add(grads(&set, part)?, part.len())?;
        }
        let found = gather.take()?.expect("three were added");
        let expected = grads(&set, &rows)?;
        for name in set.params().iter().map(Param::name) {
            let value = |grads: &Gradients| grads.get(name).expect("both see rows").to_vec1::<f32>();
            let (found, expected) = (value(&found)?[0], value(&expected)?[0]);
            assert!((found / expected - 1.0).abs() < 1e-6, "{name}: {found} {expected}");
        }
        assert!((found.norm() / expected.norm() - 1.0).abs() < 1e-6);
        assert!(gather.take()?.is_none(), "it is empty again");
        Ok(())
    }
}

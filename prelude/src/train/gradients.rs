//! The gradients of a loss, by parameter: their norm, their shortening, and those that wait for others.

use candle_core::Tensor;
use candle_core::backprop::GradStore;

use crate::Result;
use crate::params::Param;

/// The gradients of a loss with respect to what trains.
pub struct Gradients {
    params: Vec<Param>,
    grads: GradStore,
    norm: f64,
}

impl Gradients {
    pub(super) fn of(params: Vec<Param>, grads: GradStore) -> Result<Gradients> {
        let norm = norm(&params, &grads)?;
        Ok(Gradients { params, grads, norm })
    }

    /// The norm of all gradients together.
    pub fn norm(&self) -> f64 {
        self.norm
    }

    /// The parameters that train.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// The gradient of a parameter, by its name; `None` where none reaches it.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.grads.get(self.params.iter().find(|param| param.name() == name)?.var())
    }

    /// Multiplies every gradient.
    ///
    /// # Errors
    /// When the device fails.
    pub fn scale(&mut self, by: f64) -> Result<()> {
        self.map(|_, grad| Ok((grad * by)?))
    }

    /// Changes every gradient, each beside its parameter.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn map(&mut self, change: impl Fn(&Param, &Tensor) -> Result<Tensor>) -> Result<()> {
        for param in &self.params {
            if let Some(grad) = self.grads.remove(param.var()) {
                self.grads.insert(param.var(), change(param, &grad)?);
            }
        }
        self.norm = norm(&self.params, &self.grads)?;
        Ok(())
    }

    /// Where their norm is above this one, shortens them to it.
    ///
    /// # Errors
    /// When the device fails.
    pub fn shorten(&mut self, most: f64) -> Result<()> {
        if self.norm > most { self.scale(most / self.norm) } else { Ok(()) }
    }

    /// Those of these parameters, by their names; others are left out.
    pub(super) fn named(params: Vec<Param>, grads: impl Iterator<Item = (String, Tensor)>) -> Result<Gradients> {
        let mut store = GradStore::default();
        for (name, grad) in grads {
            if let Some(param) = params.iter().find(|param| param.name() == name) {
                store.insert(param.var(), grad.to_device(param.var().device())?);
            }
        }
        Gradients::of(params, store)
    }

    /// Each with its parameter's name.
    pub(super) fn each(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.params.iter().filter_map(|param| Some((param.name(), self.grads.get(param.var())?)))
    }

    pub(super) fn store(&self) -> &GradStore {
        &self.grads
    }

    /// Adds others: this one's times `own`, and the others' times `by`.
    pub(super) fn add(&mut self, own: f64, mut others: Gradients, by: f64) -> Result<()> {
        let scaled = |grad: Option<Tensor>, by: f64| grad.map(|grad| grad * by).transpose();
        for param in &self.params {
            let (old, new) = (self.grads.remove(param.var()), others.grads.remove(param.var()));
            let total = match (scaled(old, own)?, scaled(new, by)?) {
                (Some(old), Some(new)) => (old + new)?,
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => continue,
            };
            self.grads.insert(param.var(), total);
        }
        Ok(())
    }
}

/// Gradients of batches that wait for others to make a step with them, as sums over pictures.
#[derive(Default)]
pub(super) struct Waiting {
    pub waiting: Option<Gradients>,
    pub pictures: usize,
    pub batches: usize,
}

impl Waiting {
    /// Adds a batch's gradients; the first ones are kept as they are until a second batch comes.
    pub fn add(&mut self, new: Gradients, pictures: usize) -> Result<()> {
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
    pub fn take(&mut self) -> Result<Option<Gradients>> {
        let Waiting { waiting, pictures, batches } = std::mem::take(self);
        let Some(mut gradients) = waiting else { return Ok(None) };
        if batches > 1 {
            gradients.scale(1.0 / pictures as f64)?;
        }
        Ok(Some(gradients))
    }
}

/// The norm of all gradients together.
fn norm(params: &[Param], grads: &GradStore) -> Result<f64> {
    let mut squares = 0.0;
    for grad in params.iter().filter_map(|param| grads.get(param.var())) {
        squares += f64::from(grad.detach().sqr()?.sum_all()?.to_scalar::<f32>()?);
    }
    Ok(squares.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Init, ParamSet};
    use candle_core::Device;

    /// The mean loss of some rows, linear in two parameters, of which the second sees the first row alone.
    fn grads(set: &ParamSet, rows: &[f32]) -> Result<GradStore> {
        let params = set.params();
        let x = Tensor::from_vec(rows.to_vec(), rows.len(), &Device::Cpu)?;
        let mut loss = x.broadcast_mul(&params[0].in_graph())?.sqr()?.mean_all()?;
        if rows[0] == 1.0 {
            loss = (loss + (params[1].in_graph().sum_all()? / rows.len() as f64)?)?;
        }
        Ok(loss.backward()?)
    }

    #[test]
    fn long_gradients_are_shortened_and_short_ones_kept() -> Result<()> {
        let set = ParamSet::new(0);
        set.scope("a", 0).param("weight", 1, Init::Constant(3.0))?;
        let params = set.params();
        // d/dw (2 w)² at 3 = 24
        for (clip, expected) in [(None, 24.0), (Some(30.0), 24.0), (Some(6.0), 6.0)] {
            let mut short = Gradients::of(params.clone(), grads(&set, &[2.0])?)?;
            clip.map_or(Ok(()), |clip| short.shorten(clip))?;
            let found = short.get("a.weight").expect("it has one").to_vec1::<f32>()?[0];
            assert!((found - expected).abs() < 1e-4, "{clip:?}: {found}");
        }
        Ok(())
    }
    #[test]
    fn gathered_batches_are_one_large_batch() -> Result<()> {
        let set = ParamSet::new(0);
        set.scope("a", 0).param("weight", 1, Init::Constant(0.7))?;
        set.scope("b", 0).param("weight", 1, Init::Constant(0.2))?;
        let rows = [1f32, 2.0, 3.0, -4.0, 0.5, 6.0, 7.0];
        let mut gather = Waiting::default();
        for part in [&rows[..3], &rows[3..4], &rows[4..]] {
            gather.add(Gradients::of(set.params(), grads(&set, part)?)?, part.len())?;
        }
        let found = gather.take()?.expect("three were added");
        let expected = Gradients::of(set.params(), grads(&set, &rows)?)?;
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

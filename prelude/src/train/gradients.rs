//! Gradients: their norm, their shortening, and those that wait for their step.

use candle_core::Tensor;
use candle_core::backprop::GradStore;

use crate::Result;
use crate::params::Param;

/// Gradients that wait for their step: sums over pictures.
#[derive(Default)]
pub(super) struct Gathered {
    grads: Option<GradStore>,
    norm: f64,
    pictures: usize,
    /// How many batches wait.
    pub batches: usize,
}

impl Gathered {
    /// Adds a batch's gradients; the first ones are kept as they are until a second batch comes.
    pub fn add(&mut self, params: &[Param], mut new: GradStore, norm: f64, pictures: usize) -> Result<()> {
        if let Some(mut sum) = self.grads.take() {
            let before = if self.batches == 1 { self.pictures as f64 } else { 1.0 };
            for param in params {
                let (old, add) = (sum.remove(param.var()), new.remove(param.var()));
                let scaled = |grad: Option<Tensor>, by: f64| grad.map(|grad| grad * by).transpose();
                let total = match (scaled(old, before)?, scaled(add, pictures as f64)?) {
                    (Some(old), Some(add)) => (old + add)?,
                    (Some(one), None) | (None, Some(one)) => one,
                    (None, None) => continue,
                };
                new.insert(param.var(), total);
            }
        }
        self.grads = Some(new);
        self.norm = norm;
        self.pictures += pictures;
        self.batches += 1;
        Ok(())
    }

    /// The mean gradient over all pictures, and its norm.
    pub fn take(&mut self, params: &[Param]) -> Result<Option<(GradStore, f64)>> {
        let Gathered { grads, norm, pictures, batches } = std::mem::take(self);
        let Some(mut grads) = grads else { return Ok(None) };
        if batches == 1 {
            return Ok(Some((grads, norm)));
        }
        scale(params, &mut grads, 1.0 / pictures as f64)?;
        let norm = self::norm(params, &grads)?;
        Ok(Some((grads, norm)))
    }
}

/// The norm of all gradients together.
pub(super) fn norm(params: &[Param], grads: &GradStore) -> Result<f64> {
    let mut squares = 0.0;
    for grad in params.iter().filter_map(|param| grads.get(param.var())) {
        squares += f64::from(grad.detach().sqr()?.sum_all()?.to_scalar::<f32>()?);
    }
    Ok(squares.sqrt())
}

/// The gradients as they are, or where their norm is above `clip`, shortened to it.
pub(super) fn shorten(params: &[Param], mut grads: GradStore, norm: f64, clip: Option<f64>) -> Result<GradStore> {
    if let Some(clip) = clip.filter(|clip| norm > *clip) {
        scale(params, &mut grads, clip / norm)?;
    }
    Ok(grads)
}

/// Multiplies every gradient.
fn scale(params: &[Param], grads: &mut GradStore, by: f64) -> Result<()> {
    for param in params {
        if let Some(grad) = grads.remove(param.var()) {
            grads.insert(param.var(), (grad * by)?);
        }
    }
    Ok(())
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
    fn gathered_batches_are_one_large_batch() -> Result<()> {
        let set = ParamSet::new(0);
        set.scope("a", 0).param("weight", 1, Init::Constant(0.7))?;
        set.scope("b", 0).param("weight", 1, Init::Constant(0.2))?;
        let (params, rows) = (set.params(), [1f32, 2.0, 3.0, -4.0, 0.5, 6.0, 7.0]);
        let mut gathered = Gathered::default();
        for part in [&rows[..3], &rows[3..4], &rows[4..]] {
            let grads = grads(&set, part)?;
            let norm = norm(&params, &grads)?;
            gathered.add(&params, grads, norm, part.len())?;
        }
        let (found, length) = gathered.take(&params)?.expect("three were added");
        let expected = grads(&set, &rows)?;
        for param in &params {
            let value = |grads: &GradStore| grads.get(param.var()).expect("both see rows").to_vec1::<f32>();
            let (found, expected) = (value(&found)?[0], value(&expected)?[0]);
            assert!((found / expected - 1.0).abs() < 1e-6, "{}: {found} {expected}", param.name());
        }
        assert!((length / norm(&params, &expected)? - 1.0).abs() < 1e-6);
        assert!(gathered.take(&params)?.is_none(), "it is empty again");
        Ok(())
    }

    #[test]
    fn long_gradients_are_shortened_and_short_ones_kept() -> Result<()> {
        let set = ParamSet::new(0);
        set.scope("a", 0).param("weight", 1, Init::Constant(3.0))?;
        let params = set.params();
        // d/dw (2 w)² at 3 = 24
        for (clip, expected) in [(None, 24.0), (Some(30.0), 24.0), (Some(6.0), 6.0)] {
            let grads = grads(&set, &[2.0])?;
            let norm = norm(&params, &grads)?;
            let short = shorten(&params, grads, norm, clip)?;
            let found = short.get(params[0].var()).expect("it has one").to_vec1::<f32>()?[0];
            assert!((found - expected).abs() < 1e-4, "{clip:?}: {found}");
        }
        Ok(())
    }
}

//! How large weights and gradients are, part by part, and which units never fire.

use candle_core::{D, DType, Tensor};

use super::learner::Learner;
use crate::data::{Data, Fields, Order, Part, field};
use crate::layers::Pass;
use crate::models::Network;
use crate::plot::{self, Figure};
use crate::show::{Bundle, Show, Steps, Table};
use crate::{Error, Result, interrupt};

/// Weights, gradients and units of one part of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct PartNorms {
    /// The part.
    pub name: String,
    /// The norm of its weights.
    pub weights: f64,
    /// The norm of their gradients on a training batch; `None` where all are frozen.
    pub gradients: Option<f64>,
    /// Of the units (channels) that it gives, those that are 0 for every place of every validation example, and all of them; `None` where
    /// its values can be below 0, as they are after other activations than ReLU.
    pub dead: Option<(usize, usize)>,
}

/// The norms of every part of a network. A cell that ends with it shows them as a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Norms {
    /// A row a part.
    pub parts: Vec<PartNorms>,
}

impl Norms {
    /// A row a part: the norm of its weights and of their gradients, how much of the weights a gradient is, and its dead units.
    pub fn table(&self) -> Table {
        let mut table = Table::new(["part", "weights", "gradients", "gradients / weights", "dead units"]).left(0);
        for one in &self.parts {
            let gradients = one.gradients.map_or("frozen".to_owned(), |norm| format!("{norm:.3e}"));
            let ratio = one.gradients.filter(|_| one.weights > 0.0).map(|norm| format!("{:.1e}", norm / one.weights));
            let dead = one.dead.map_or("–".to_owned(), |(dead, all)| format!("{dead} of {all}"));
            let weights = format!("{:.4}", one.weights);
            table.push([one.name.clone(), weights, gradients, ratio.unwrap_or("–".to_owned()), dead]);
        }
        table.note("gradients of one training batch; dead units are 0 for every validation example")
    }

    /// The gradients' norms as bars.
    pub fn figure(&self) -> Figure {
        let names: Vec<String> = self.parts.iter().map(|one| one.name.clone()).collect();
        let values: Vec<f64> = self.parts.iter().map(|one| one.gradients.unwrap_or(0.0)).collect();
        plot::bars(&names, &values).with_table(self.table())
    }
}

impl Show for Norms {
    fn bundle(&self) -> Bundle {
        self.table().bundle()
    }
}

impl Learner {
    /// The norms of weights and gradients of every part, on one training batch, and how many units of parts that end in a ReLU never fire on
    /// the validation examples. Nothing is changed.
    ///
    /// # Errors
    /// When the learner has no data, or the user interrupts.
    pub fn norms(&mut self) -> Result<Norms> {
        let data = self.need_data()?;
        let batch = data.batches(Part::Train, Order::Given)?.next();
        let batch = batch.ok_or_else(|| Error::new("the data has no training examples: there are no gradients"))??;
        let gradients = match self.network.params().trainable().is_empty() {
            true => None,
            false => {
                self.cache.prepare(&self.network)?;
                Some(self.gradients(&batch, (0, 0))?.1)
            }
        };
        let dead = dead_units(data.as_ref(), self.judged())?;
        let mut parts = Vec::new();
        for (group, name) in self.network.parts().iter().enumerate() {
            let (mut weights, mut found) = (0.0, None);
            for param in self.network.params().in_group(group) {
                weights += squares(&param.value())?;
                if let Some(grad) = gradients.as_ref().and_then(|all| all.get(param.name())) {
                    found = Some(found.unwrap_or(0.0) + squares(grad)?);
                }
            }
            let dead = dead.get(group).copied().flatten();
            let gradients = found.map(f64::sqrt);
            parts.push(PartNorms { name: name.clone(), weights: weights.sqrt(), gradients, dead });
        }
        Ok(Norms { parts })
    }
}

/// Of each part of a network's body its dead units on the validation examples, and all of them.
pub(super) fn dead_units(data: &dyn Data, network: &Network) -> Result<Vec<Option<(usize, usize)>>> {
    let (count, pass) = (network.body().parts().len(), Pass::eval());
    let mut most: Vec<Option<Vec<f32>>> = vec![None; count];
    let mut below = vec![false; count];
    let steps = Steps::new("measuring", data.count(Part::Valid));
    for batch in data.batches(Part::Valid, Order::Given)? {
        interrupt::check()?;
        let batch = batch?;
        steps.advance(batch.len())?;
        let mut state: Fields = batch.inputs.to_device(network.params().device())?;
        for part in 0..count {
            state = network.body().run(part..part + 1, state, &pass)?;
            let Some(value) = state.find(field::FEATURES) else { continue };
            let units = by_unit(value)?;
            below[part] |= units.min_all()?.to_scalar::<f32>()? < 0.0;
            let highest = units.max(D::Minus1)?.to_vec1::<f32>()?;
            most[part] = Some(match most[part].take() {
                Some(before) => before.iter().zip(&highest).map(|(a, b)| a.max(*b)).collect(),
                None => highest,
            });
        }
    }
    let each = most.into_iter().zip(below);
    Ok(each
        .map(|(most, below)| {
            let most = most.filter(|_| !below)?;
            Some((most.iter().filter(|value| **value <= 0.0).count(), most.len()))
        })
        .collect())
}

/// A row a unit, with all its values: of maps the channels, of tokens and rows the last dimension.
fn by_unit(value: &Tensor) -> Result<Tensor> {
    let value = value.to_dtype(DType::F32)?;
    let units = if value.rank() == 4 { value.transpose(0, 1)? } else { value.transpose(0, value.rank() - 1)? };
    Ok(units.contiguous()?.flatten_from(1)?)
}

/// The sum of the squares.
pub(super) fn squares(value: &Tensor) -> Result<f64> {
    Ok(f64::from(value.detach().to_dtype(DType::F32)?.sqr()?.sum_all()?.to_scalar::<f32>()?))
}

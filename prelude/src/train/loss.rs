//! Losses: one number that training makes small, and what it is made of.

use candle_core::{DType, Tensor};

use crate::{Error, Result};

/// A loss: what training makes small, and what it is made of.
#[derive(Clone, Debug)]
pub struct Loss {
    /// One number, in the graph.
    pub total: Tensor,
    /// What it is made of, by name, each before its weight.
    pub parts: Vec<(String, Tensor)>,
}

impl Loss {
    /// A loss of one number.
    ///
    /// # Errors
    /// When it is not one number.
    pub fn of(total: Tensor) -> Result<Loss> {
        if total.elem_count() != 1 {
            return Err(Error::new(format!("a loss is one number, this one has the shape {:?}", total.dims()))
                .remedy("take the mean over the examples: `Loss::mean(&each)`"));
        }
        Ok(Loss { total: total.flatten_all()?.squeeze(0)?, parts: Vec::new() })
    }

    /// The mean of these numbers, of whatever shape.
    ///
    /// # Errors
    /// When there is none.
    pub fn mean(each: &Tensor) -> Result<Loss> {
        if each.elem_count() == 0 {
            return Err(Error::new("the loss of no example has no mean"));
        }
        Loss::of(each.mean_all()?)
    }

    /// The sum of parts, each with its name and its weight.
    ///
    /// # Errors
    /// When a part is not one number, or there is none.
    pub fn sum(parts: &[(&str, f64, Tensor)]) -> Result<Loss> {
        let mut total: Option<Tensor> = None;
        for (_, weight, part) in parts {
            let part = if *weight == 1.0 { part.clone() } else { (part * *weight)? };
            total = Some(match total {
                Some(total) => (total + part)?,
                None => part,
            });
        }
        let total = total.ok_or_else(|| Error::new("a loss of no parts"))?;
        let parts = parts.iter().map(|(name, _, part)| ((*name).to_owned(), part.detach())).collect();
        Ok(Loss { parts, ..Loss::of(total)? })
    }

    /// The same, made of these parts, which are numbers already.
    ///
    /// # Errors
    /// When candle cannot make a tensor of one.
    pub fn with_numbers(mut self, parts: &[(&str, f64)]) -> Result<Loss> {
        let tensor =
            |(name, part): &(&str, f64)| Ok(((*name).to_owned(), Tensor::new(*part, &candle_core::Device::Cpu)?));
        self.parts = parts.iter().map(tensor).collect::<Result<_>>()?;
        Ok(self)
    }

    /// The numbers of its parts.
    pub(super) fn numbers(&self) -> Result<Vec<(String, f64)>> {
        self.parts.iter().map(|(name, part)| Ok((name.clone(), number(part)?))).collect()
    }

    /// Its number.
    ///
    /// # Errors
    /// When the device fails.
    pub fn value(&self) -> Result<f64> {
        number(&self.total)
    }
}

pub(super) fn number(total: &Tensor) -> Result<f64> {
    Ok(total.to_dtype(DType::F64)?.to_scalar::<f64>()?)
}

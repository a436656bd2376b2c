//! Where numbers are lost: which layer's value, gradient or weight is the first that is no finite number.

use candle_core::{DType, Tensor};

use super::gradients::Gradients;
use super::learner::Learner;
use crate::Result;
use crate::data::{Batch, Fields};
use crate::layers::Pass;
use crate::params::{Param, name_seed};

impl Learner {
    /// The first thing that is no finite number on a batch's way through the network: what goes in, a weight, a layer's output, or
    /// on the way back a gradient. It costs a further pass, and is asked only where a fit ends for it.
    pub(super) fn first_lost(&self, batch: &Batch, at: (u64, usize), gradients: Option<&Gradients>) -> Option<String> {
        // what cannot be told is left out: the fit's own error is told in any case
        self.first_on_the_way(batch, at, gradients).ok().flatten()
    }

    fn first_on_the_way(
        &self,
        batch: &Batch,
        at: (u64, usize),
        gradients: Option<&Gradients>,
    ) -> Result<Option<String>> {
        if let Some(name) = spoiled(&batch.inputs)? {
            return Ok(Some(format!("what goes in, `{name}`: the data hold it")));
        }
        if let Some(name) = spoiled(&batch.targets)? {
            return Ok(Some(format!("what is true, `{name}`: the data hold it")));
        }
        for param in self.network.params().params() {
            if !is_finite(&param.value())? {
                return Ok(Some(format!("the weight `{}`", param.name())));
            }
        }
        for buffer in self.network.params().buffers() {
            if !is_finite(&buffer.value())? {
                return Ok(Some(format!("the statistic `{}`", buffer.name())));
            }
        }
        // on the way back it is the last layer that meets it first
        if let Some(gradients) = gradients {
            for param in gradients.params().iter().rev() {
                if let Some(grad) = gradients.get(param.name())
                    && !is_finite(grad)?
                {
                    return Ok(Some(format!("the gradient of `{}`", param.name())));
                }
            }
            return Ok(None);
        }
        self.first_output(batch, at)
    }

    /// The first part whose output is no finite number.
    fn first_output(&self, batch: &Batch, at: (u64, usize)) -> Result<Option<String>> {
        let (network, frozen) = (&self.network, self.network.frozen_parts());
        // the same draws as in the step; what it measures is not committed
        let pass = Pass::train(name_seed(self.options.seed, &format!("epoch {} batch {}", at.0, at.1)))
            .with_products_in(self.options.half);
        let mut state = batch.inputs.to_device(network.params().device())?;
        let body = network.parts().len().saturating_sub(1);
        let parts = if network.body().parts().is_empty() { 0 } else { body };
        for (part, name) in network.parts().iter().enumerate().take(parts) {
            let still = Pass::eval();
            let pass = if part < frozen { &still } else { &pass };
            state = network.body().run(part..part + 1, state, pass)?;
            if spoiled(&state)?.is_some() {
                return Ok(Some(format!("the output of `{name}`{}", self.largest(name)?)));
            }
        }
        let said = network.said(&state, &pass)?;
        Ok(spoiled(&said)?.map(|field| format!("the answer, `{field}`")))
    }

    /// How large the weights of a part are, where that tells why.
    fn largest(&self, part: &str) -> Result<String> {
        let group = self.network.parts().iter().position(|name| name == part).unwrap_or(usize::MAX);
        let mut largest: Option<(f32, Param)> = None;
        for param in self.network.params().in_group(group) {
            let size = param.value().to_dtype(DType::F32)?.abs()?.max_all()?.to_scalar::<f32>()?;
            if largest.as_ref().is_none_or(|(most, _)| size > *most) {
                largest = Some((size, param));
            }
        }
        Ok(match largest {
            Some((size, param)) if size > 1e3 => format!(" (its weight `{}` reaches {size:.0e})", param.name()),
            _ => String::new(),
        })
    }
}

/// The first field that holds something that is no finite number.
fn spoiled(fields: &Fields) -> Result<Option<String>> {
    for (name, value) in fields.iter() {
        if !is_finite(value)? {
            return Ok(Some(name.to_owned()));
        }
    }
    Ok(None)
}

/// Whether every value is a finite number: a product with 0 is 0 then, and a sum of those too.
pub(super) fn is_finite(value: &Tensor) -> Result<bool> {
    if !value.dtype().is_float() || value.elem_count() == 0 {
        return Ok(true);
    }
    let zero = value.detach().to_dtype(DType::F32)?.affine(0.0, 0.0)?.sum_all()?.to_scalar::<f32>()?;
    Ok(zero == 0.0)
}

//! An older network's answers as soft targets: learning without forgetting.

use candle_core::{DType, Device, Tensor};

use super::distill_cells::cells_apart;
use crate::data::{Fields, field};
use crate::layers::Pass;
use crate::models::Network;
use crate::train::callback::{Callback, Fit, Next, When};
use crate::{Result, ops};

/// How an older network's answers are compared with this one's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::train) enum Softened {
    /// One class an example: its shares among the older classes.
    Classes,
    /// Any number of labels: each one's share alone.
    Labels,
    /// What a detector says of the cells where the older one sees most.
    Cells,
}

/// Adds to each batch's loss how far the answers for older classes are from an older network's.
pub(in crate::train) struct Distill {
    /// The older network, which stays as it is.
    pub network: Network,
    pub kind: Softened,
    /// The classes that both know: its number in the older network, its number in this one.
    pub shared: Vec<(u32, u32)>,
    pub temperature: f64,
    pub weight: f64,
}

impl Distill {
    pub const NAME: &'static str = "distillation";

    fn loss(&self, said: &Fields, inputs: &Fields) -> Result<Tensor> {
        let older = self.network.rest(0, inputs, &Pass::eval())?;
        if self.kind == Softened::Cells {
            return Ok((cells_apart(said, &older, &self.shared)? * self.weight)?);
        }
        let now = said.get(field::LOGITS)?;
        let older = older.get(field::LOGITS)?.to_device(now.device())?.to_dtype(now.dtype())?;
        let column = |side: fn(&(u32, u32)) -> u32| {
            Tensor::from_vec(self.shared.iter().map(side).collect(), self.shared.len(), &Device::Cpu)?
                .to_device(now.device())
        };
        let (theirs, own) = (column(|pair| pair.0)?, column(|pair| pair.1)?);
        let (now, older) = (now.index_select(&own, 1)?, older.index_select(&theirs, 1)?.detach());
        let apart = match self.kind {
            Softened::Labels => labels_apart(&now, &older, self.temperature)?,
            _ => classes_apart(&now, &older, self.temperature)?,
        };
        Ok((apart * self.weight)?)
    }
}

/// T² · KL(softmax(older / T) ‖ softmax(now / T)), the mean over the examples: `F.kl_div(log_softmax(now / T), softmax(older / T),
/// reduction="batchmean") * T * T`.
fn classes_apart(now: &Tensor, older: &Tensor, temperature: f64) -> Result<Tensor> {
    let logs = |logits: &Tensor| -> Result<Tensor> { Ok(ops::log_softmax(&(logits / temperature)?, 1)?) };
    let (now, older) = (logs(now)?, logs(older)?);
    let examples = now.dims()[0].max(1) as f64;
    let apart = (older.exp()? * (older - now)?)?.sum_all()?;
    Ok((apart * (temperature * temperature / examples))?.to_dtype(DType::F32)?)
}

/// T² · the mean binary cross-entropy of each label's share towards the older one's: `F.binary_cross_entropy_with_logits(now / T,
/// sigmoid(older / T)) * T * T`.
fn labels_apart(now: &Tensor, older: &Tensor, temperature: f64) -> Result<Tensor> {
    let soft = ops::sigmoid(&(older / temperature)?)?.detach();
    let apart = ops::bce_with_logits(&(now / temperature)?, &soft)?;
    Ok((apart * (temperature * temperature))?.to_dtype(DType::F32)?)
}

impl Callback for Distill {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        if when == When::LossKnown {
            let loss = self.loss(fit.said()?, &fit.batch()?.inputs)?;
            fit.add_loss(Distill::NAME, &loss)?;
        }
        Ok(Next::Go)
    }

    fn name(&self) -> &str {
        Distill::NAME
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Var;

    type Apart = fn(&Tensor, &Tensor, f64) -> Result<Tensor>;

    // torch 2: now = [[1, 2, 0.5], [0, -1, 3]] (requires_grad), older = [[2, 1, 0], [0.5, 0.5, 2]], T = 2, and the gradients of
    // F.kl_div(F.log_softmax(now / 2, 1), F.softmax(older / 2, 1), reduction="batchmean") * 4 and
    // F.binary_cross_entropy_with_logits(now / 2, torch.sigmoid(older / 2)) * 4
    #[test]
    fn as_pytorch() -> Result<()> {
        let ways: [(Apart, f32, [f32; 6]); 2] = [
            (
                classes_apart,
                0.463_301_6,
                [-0.214_724_42, 0.173_828_36, 0.040_896_06, -0.078_643_68, -0.143_271_58, 0.221_915_36],
            ),
            (
                labels_apart,
                2.702_284_8,
                [-0.036_199_75, 0.036_199_75, 0.020_725_5, -0.020_725_5, -0.061_545_283, 0.028_838_614],
            ),
        ];
        for (apart, value, gradient) in ways {
            let now = Var::new(&[[1f32, 2.0, 0.5], [0.0, -1.0, 3.0]], &Device::Cpu)?;
            let older = Tensor::new(&[[2f32, 1.0, 0.0], [0.5, 0.5, 2.0]], &Device::Cpu)?;
            let loss = apart(now.as_tensor(), &older, 2.0)?;
            assert!((loss.to_scalar::<f32>()? - value).abs() < 1e-5, "{loss}");
            let found = ops::backward(&loss)?.get(&now).expect("it is in the graph").flatten_all()?.to_vec1::<f32>()?;
            assert!(found.iter().zip(gradient).all(|(found, expected)| (found - expected).abs() < 1e-5), "{found:?}");
        }
        let older = Tensor::new(&[[2f32, 1.0, 0.0]], &Device::Cpu)?;
        assert!(classes_apart(&older, &older, 5.0)?.to_scalar::<f32>()?.abs() < 1e-6);
        Ok(())
    }
}

//! What is tried on a first batch, before anything is trained.

use candle_core::{DType, Device, Tensor};

use super::task::Task;
use crate::data::{Data, Fields, Order, Part, Spec, Target, field};
use crate::layers::Pass;
use crate::models::{Arch, Network};
use crate::{Error, Result, show};

/// Refuses pictures that are too small for an architecture: one is run to see.
pub(super) fn takes_size(network: &Network, arch: Arch, spec: &Spec) -> Result<()> {
    let Some(size) = spec.transform().map(|transform| transform.size).filter(|size| *size > 0) else { return Ok(()) };
    let own = arch.picture();
    if size >= own {
        return Ok(());
    }
    let blank = Tensor::zeros((1, 3, size, size), DType::F32, network.params().device())?;
    let finite = |said: Fields| -> Result<()> {
        for (name, value) in said.iter().filter(|(_, value)| value.dtype().is_float()) {
            let sum = value.sum_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()?;
            if value.elem_count() == 0 || !sum.is_finite() {
                return Err(Error::new(format!("its `{name}` is no number: nothing is left of such a picture")));
            }
        }
        Ok(())
    };
    network.forward(&blank, &Pass::eval()).and_then(finite).map_err(|error| {
        Error::new(format!("`{arch}` does not take pictures of {size} × {size} pixels"))
            .caused_by(error)
            .remedy(format!("give them the size that it was trained with: `data.size({own})`"))
    })
}

/// Runs a network on the first batch, asks the task whether what it says fits, and has it make a loss.
pub(super) fn try_out(network: &Network, task: &dyn Task, data: &dyn Data) -> Result<()> {
    let spec = data.spec();
    let Some(batch) = data.batches(Part::Train, Order::Given)?.next() else { return Ok(()) };
    let batch = batch?;
    let said = network.rest(0, &batch.inputs, &Pass::eval()).map_err(|error| {
        let kinds: Vec<String> = batch
            .inputs
            .iter()
            .map(|(name, value)| format!("`{name}` {:?} of {:?}", value.dims(), value.dtype()))
            .collect();
        Error::new(format!("the network does not take the data's {} ({})", spec.input.words(), kinds.join(", ")))
            .caused_by(error)
            .remedy("make its first layer for that shape and kind of number, or bring the data to the network's")
    })?;
    let said = said.to_device(&Device::Cpu)?;
    task.fits(&said, &spec)?;
    task.loss(&said, &batch).and_then(|loss| loss.value()).map_err(|error| {
        let shapes = |fields: &Fields| {
            let each = fields.iter().map(|(name, value)| format!("`{name}` {:?}", value.dims()));
            each.collect::<Vec<_>>().join(", ")
        };
        Error::new(format!("the loss of the task `{}` fails on a first batch", task.name())).caused_by(error).remedy(
            format!(
                "the network says {}, the truth is {}: bring both to one shape",
                shapes(&said),
                shapes(&batch.targets)
            ),
        )
    })?;
    if is_softened(&said, &spec)? {
        show::note(
            "each row of the network's answers sums to 1, as behind a softmax: leave it out, the loss and `predict` put one behind the scores themselves",
        );
    }
    Ok(())
}

/// Whether a network for classes gives shares in place of scores: the loss and the answers would soften them once more.
fn is_softened(said: &Fields, spec: &Spec) -> Result<bool> {
    let Some(logits) = said.find(field::LOGITS).filter(|_| matches!(spec.target, Target::Class(_))) else {
        return Ok(false);
    };
    let rows = logits.to_dtype(DType::F32)?.to_vec2::<f32>()?;
    let is_share = |row: &Vec<f32>| {
        row.len() > 1 && row.iter().all(|share| *share >= 0.0) && (row.iter().sum::<f32>() - 1.0).abs() < 1e-4
    };
    Ok(!rows.is_empty() && rows.iter().all(is_share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Input;

    #[test]
    fn shares_are_told_from_scores() -> Result<()> {
        let spec = |target: Target| Spec::new(Input::Tensor(vec![2]), target, 0);
        let classes = spec(Target::Class(vec!["a".into(), "b".into()]));
        let said = |rows: &[[f32; 2]]| {
            Ok::<_, crate::Error>(Fields::of(
                field::LOGITS,
                Tensor::from_vec(rows.concat(), (rows.len(), 2), &Device::Cpu)?,
            ))
        };
        assert!(is_softened(&said(&[[0.25, 0.75], [1.0, 0.0]])?, &classes)?);
        assert!(!is_softened(&said(&[[0.25, 0.75], [1.5, -0.5]])?, &classes)?);
        assert!(!is_softened(&said(&[[0.25, 0.5]])?, &classes)?);
        assert!(!is_softened(&said(&[[0.25, 0.75]])?, &spec(Target::Classes(vec!["a".into(), "b".into()])))?);
        Ok(())
    }
}

//! What the answer to each example was worth.

use super::answer::Answer;
use super::metrics::{error, iou};
use super::task::Task;
use crate::Result;
use crate::data::{Batch, Fields, Spec};

/// What was said of one example, beside what is true.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// The example's number.
    pub id: usize,
    /// Its loss.
    pub loss: f64,
    /// What was said.
    pub answer: Answer,
    /// What is true.
    pub truth: Answer,
}

impl Verdict {
    /// Overlap of the box with the true one, where each is one.
    pub fn iou(&self) -> Option<f64> {
        match (&self.answer.boxes[..], &self.truth.boxes[..]) {
            ([said], [truth]) => Some(iou(&said.bbox, &truth.bbox)),
            _ => None,
        }
    }

    /// The mean absolute error, where there are numbers.
    pub fn error(&self) -> Option<f64> {
        let (said, truth) = (&self.answer.numbers, &self.truth.numbers);
        (!said.is_empty() && said.len() == truth.len()).then(|| error(said, truth))
    }

    /// How bad it is: its error where there are numbers, else its loss.
    pub fn badness(&self) -> f64 {
        self.error().unwrap_or(self.loss).abs()
    }
}

/// Judges each answer of a batch.
pub(super) fn judge(task: &dyn Task, said: &Fields, batch: &Batch, spec: &Spec) -> Result<Vec<Verdict>> {
    let (losses, answers) = (task.losses(said, batch)?, task.answers(said, spec)?);
    let truths = task.truths(batch, spec)?;
    let each = batch.ids.iter().zip(losses).zip(answers).zip(truths);
    Ok(each
        .map(|(((id, loss), mut answer), truth)| {
            // a row of probabilities for each of many thousand pictures would fill the memory
            answer.shares = Vec::new();
            Verdict { id: *id, loss, answer, truth }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Input, Target};
    use crate::train::Classify;
    use candle_core::{Device, Tensor};

    // F.cross_entropy([[2., 0.], [0., 1.]], [0, 0]) = (0.1269 + 1.3133) / 2 = 0.7201
    #[test]
    fn judged_one_by_one() -> Result<()> {
        let spec = Spec::new(Input::Tensor(vec![1]), Target::Class(vec!["a".into(), "b".into()]), 0);
        let said = Fields::of("logits", Tensor::new(&[[2f32, 0.0], [0.0, 1.0]], &Device::Cpu)?);
        let targets = Fields::of("class", Tensor::new(&[0u32, 0], &Device::Cpu)?);
        let batch = Batch { inputs: Fields::default(), targets, ids: vec![7, 8] };
        let judged = judge(&Classify, &said, &batch, &spec)?;
        let found: Vec<_> = judged.iter().map(|one| (one.id, one.truth.class, one.answer.class)).collect();
        assert_eq!(found, [(7, Some(0), Some(0)), (8, Some(0), Some(1))]);
        assert!((judged[0].loss - 0.1269).abs() < 1e-4 && (judged[1].loss - 1.3133).abs() < 1e-4);
        assert!((Classify.loss(&said, &batch)?.value()? - 0.7201).abs() < 1e-4);
        for bad in [[f32::NAN, 0.0], [0.0, f32::NAN], [f32::INFINITY, f32::INFINITY]] {
            let said = Fields::of("logits", Tensor::new(&[bad, [0.0, 1.0]], &Device::Cpu)?);
            let judged = judge(&Classify, &said, &batch, &spec)?;
            assert_eq!((judged[0].answer.class, judged[1].answer.class), (None, Some(1)), "{bad:?}");
        }
        Ok(())
    }
}

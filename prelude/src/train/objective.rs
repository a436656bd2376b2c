//! What a learner makes small, and what it reports: losses and measures.

use candle_core::{D, Tensor};

use super::history::Measures;
use crate::data::{Batch, Fields, field};
use crate::models::Task;
use crate::{Error, Result, ops};

/// The weight of the box's loss beside the class's.
const BOX_WEIGHT: f64 = 10.0;
/// Where smooth L1 turns from a square to a line, in shares of the side.
const BOX_BETA: f64 = 0.05;

/// Where smooth L1 turns from a square to a line for numbers: `torch.nn.SmoothL1Loss`'s default.
const NUMBER_BETA: f64 = 1.0;

/// The mean loss of a batch: cross-entropy, and smooth L1 over the boxes where the head gives some; smooth L1 alone
/// where it gives numbers.
pub(super) fn loss(task: Task, said: &Fields, batch: &Batch, smoothing: f64) -> Result<Tensor> {
    if task == Task::Regress {
        let numbers = said.get(field::NUMBERS)?;
        let truth = batch.targets.get(field::NUMBERS)?.to_device(numbers.device())?;
        return Ok(ops::smooth_l1(numbers, &truth, NUMBER_BETA)?);
    }
    let options = ops::CrossEntropy { label_smoothing: smoothing, ..ops::CrossEntropy::default() };
    let logits = said.get(field::LOGITS)?;
    let class = ops::cross_entropy(logits, &batch.targets.get(field::CLASS)?.to_device(logits.device())?, &options)?;
    let Some(boxes) = said.find(field::BOX) else { return Ok(class) };
    let Some(truth) = batch.targets.find(field::BOX) else {
        return Err(Error::new("the head predicts boxes, but the data has a picture without one")
            .remedy("use `Learner::vision` for classes alone, or give every picture a box"));
    };
    let truth = truth.to_device(boxes.device())?;
    let place = ops::smooth_l1(boxes, &truth, BOX_BETA)?;
    Ok((class + (place * BOX_WEIGHT)?)?)
}

/// What the answer to each picture was worth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    /// The picture's number.
    pub id: usize,
    /// Its class.
    pub truth: usize,
    /// The most likely class; `None` where the answer is no number.
    pub guess: Option<usize>,
    /// How likely the network finds that.
    pub score: f32,
    /// The picture's cross-entropy.
    pub loss: f64,
    /// Overlap of the box with the true one.
    pub iou: Option<f64>,
}

/// What the numbers said of a picture were worth.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// The picture's number.
    pub id: usize,
    /// What was said.
    pub said: Vec<f32>,
    /// What is true.
    pub truth: Vec<f32>,
}

impl Told {
    /// The mean absolute error.
    pub fn error(&self) -> f64 {
        let errors = self.said.iter().zip(&self.truth).map(|(said, truth)| f64::from((said - truth).abs()));
        errors.sum::<f64>() / self.said.len().max(1) as f64
    }
}

/// The answers to a part's pictures, of one kind or the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    /// Classes.
    pub judged: Vec<Judged>,
    /// Numbers.
    pub told: Vec<Told>,
}

impl Answers {
    /// Adds a batch's answers.
    pub fn add(&mut self, task: Task, said: &Fields, batch: &Batch) -> Result<()> {
        if task == Task::Regress {
            let numbers = said.get(field::NUMBERS)?.detach().to_vec2()?;
            let rows = numbers.into_iter().zip(batch.targets.get(field::NUMBERS)?.to_vec2()?);
            self.told.extend(rows.zip(&batch.ids).map(|((said, truth), id)| Told { id: *id, said, truth }));
        } else {
            self.judged.extend(judge(said, batch)?);
        }
        Ok(())
    }

    /// How many pictures were answered.
    pub fn len(&self) -> usize {
        self.judged.len() + self.told.len()
    }

    /// The measures of all answers; `loss` is their mean loss.
    pub fn measures(&self, loss: f64) -> Measures {
        let error = self.told.iter().map(Told::error).sum::<f64>() / self.told.len().max(1) as f64;
        Measures { mae: (!self.told.is_empty()).then_some(error), ..measures(&self.judged, loss) }
    }
}

/// Judges each answer of a batch.
fn judge(said: &Fields, batch: &Batch) -> Result<Vec<Judged>> {
    let logs = ops::log_softmax(&said.get(field::LOGITS)?.detach(), D::Minus1)?.to_vec2::<f32>()?;
    let labels = batch.targets.get(field::CLASS)?.to_vec1::<u32>()?;
    let overlaps = match (said.find(field::BOX), batch.targets.find(field::BOX)) {
        (Some(boxes), Some(truth)) => Some(ious(&boxes.detach().to_vec2()?, &truth.to_vec2()?)),
        _ => None,
    };
    Ok((logs.iter().zip(&labels).zip(&batch.ids).enumerate())
        .map(|(row, ((logs, label), id))| {
            let are_numbers = logs.iter().all(|log| !log.is_nan());
            let guess = (0..logs.len()).filter(|_| are_numbers).max_by(|a, b| logs[*a].total_cmp(&logs[*b]));
            let truth = *label as usize;
            let iou = overlaps.as_ref().map(|ious| ious[row]);
            let score = guess.map_or(f32::NAN, |guess| logs[guess].exp());
            Judged { id: *id, truth, guess, score, loss: -f64::from(logs[truth]), iou }
        })
        .collect())
}

/// The measures of all answers; `loss` is their mean loss.
fn measures(judged: &[Judged], loss: f64) -> Measures {
    let count = judged.len().max(1) as f64;
    let right = judged.iter().filter(|one| one.guess == Some(one.truth)).count();
    let overlap = judged.iter().map(|one| one.iou).sum::<Option<f64>>();
    Measures {
        loss,
        accuracy: right as f64 / count,
        iou: overlap.filter(|_| !judged.is_empty()).map(|sum| sum / count),
        mae: None,
    }
}

/// Intersection over union of boxes `[centre x, centre y, width, height]`, pair by pair.
fn ious(a: &[Vec<f32>], b: &[Vec<f32>]) -> Vec<f64> {
    let one = |a: &[f32], b: &[f32]| {
        let along = |axis: usize| {
            let low = (a[axis] - a[axis + 2] / 2.0).max(b[axis] - b[axis + 2] / 2.0);
            let high = (a[axis] + a[axis + 2] / 2.0).min(b[axis] + b[axis + 2] / 2.0);
            f64::from((high - low).max(0.0))
        };
        let both = along(0) * along(1);
        let either = f64::from(a[2] * a[3]) + f64::from(b[2] * b[3]) - both;
        if either > 0.0 { both / either } else { 0.0 }
    };
    a.iter().zip(b).map(|(a, b)| one(a, b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    // torchvision.ops.box_iou on [[.2,.2,.6,.6]] and [[.4,.4,.8,.8]] → 0.1429; disjoint → 0
    #[test]
    fn overlap_of_normalised_boxes() {
        let boxes = |values: [f32; 4]| vec![values.to_vec()];
        let a = boxes([0.4, 0.4, 0.4, 0.4]);
        assert!((ious(&a, &boxes([0.6, 0.6, 0.4, 0.4]))[0] - 0.142_857).abs() < 1e-5);
        assert_eq!(ious(&a, &boxes([0.9, 0.4, 0.1, 0.4]))[0], 0.0);
        assert!((ious(&a, &a)[0] - 1.0).abs() < 1e-6);
    }

    // F.cross_entropy([[2., 0.], [0., 1.]], [0, 0]) = (0.1269 + 1.3133) / 2 = 0.7201
    #[test]
    fn judged_one_by_one() -> Result<()> {
        let said = Fields::of("logits", Tensor::new(&[[2f32, 0.0], [0.0, 1.0]], &Device::Cpu)?);
        let targets = Fields::of("class", Tensor::new(&[0u32, 0], &Device::Cpu)?);
        let batch = Batch { inputs: Fields::default(), targets, ids: vec![7, 8] };
        let judged = judge(&said, &batch)?;
        assert_eq!(
            judged.iter().map(|one| (one.id, one.truth, one.guess)).collect::<Vec<_>>(),
            [(7, 0, Some(0)), (8, 0, Some(1))]
        );
        assert!((judged[0].loss - 0.1269).abs() < 1e-4 && (judged[1].loss - 1.3133).abs() < 1e-4);
        let mean = loss(Task::Classify, &said, &batch, 0.0)?.to_scalar::<f32>()?;
        assert!((mean - 0.7201).abs() < 1e-4);
        assert_eq!(measures(&judged, 0.72).accuracy, 0.5);
        // What is no number is no class: not the last one either.
        for bad in [[f32::NAN, 0.0], [0.0, f32::NAN], [f32::INFINITY, f32::INFINITY]] {
            let said = Fields::of("logits", Tensor::new(&[bad, [0.0, 1.0]], &Device::Cpu)?);
            let judged = judge(&said, &batch)?;
            assert_eq!((judged[0].guess, judged[1].guess), (None, Some(1)), "{bad:?}");
            assert_eq!(measures(&judged, f64::NAN).accuracy, 0.0);
        }
        Ok(())
    }
}

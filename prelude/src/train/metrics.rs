//! The metrics there are.

use candle_core::D;

use super::metric::{Better, Metric, Seen, Unit};
use crate::Result;
use crate::data::field;

/// The share of examples whose most likely class is right; an answer that is no number is wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accuracy {
    right: usize,
    all: usize,
}

impl Metric for Accuracy {
    fn name(&self) -> &str {
        "accuracy"
    }

    fn add(&mut self, seen: &Seen) -> Result<()> {
        let logits = seen.said.get(field::LOGITS)?;
        let classes = seen.batch.targets.get(field::CLASS)?.to_vec1::<u32>()?;
        // what is no number makes its whole row none
        let sums = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?)?.exp()?.sum(D::Minus1)?.to_vec1::<f32>()?;
        let guesses = logits.argmax(D::Minus1)?.to_vec1::<u32>()?;
        let right =
            guesses.iter().zip(&classes).zip(sums).filter(|((guess, class), sum)| guess == class && !sum.is_nan());
        self.right += right.count();
        self.all += classes.len();
        Ok(())
    }

    fn value(&self) -> f64 {
        self.right as f64 / self.all.max(1) as f64
    }

    fn reset(&mut self) {
        *self = Accuracy::default();
    }
}

/// The mean of a number an example.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    all: usize,
}

impl Mean {
    /// Adds what is found of each example's row of a field, said and true.
    fn add(&mut self, seen: &Seen, field: &str, found: fn(&[f32], &[f32]) -> f64) -> Result<()> {
        let said = seen.said.get(field)?.to_vec2::<f32>()?;
        let truth = seen.batch.targets.get(field)?.to_vec2::<f32>()?;
        self.sum += said.iter().zip(&truth).map(|(said, truth)| found(said, truth)).sum::<f64>();
        self.all += truth.len();
        Ok(())
    }

    fn value(&self) -> f64 {
        self.sum / self.all.max(1) as f64
    }
}

/// The mean intersection over union of one box a picture.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanIou(Mean);

impl Metric for MeanIou {
    fn name(&self) -> &str {
        "mean IoU"
    }

    fn add(&mut self, seen: &Seen) -> Result<()> {
        self.0.add(seen, field::BOX, iou)
    }

    fn value(&self) -> f64 {
        self.0.value()
    }

    fn reset(&mut self) {
        self.0 = Mean::default();
    }
}

/// The mean absolute error of numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanError(Mean);

impl Metric for MeanError {
    fn name(&self) -> &str {
        "mean error"
    }

    fn unit(&self) -> Unit {
        Unit::Number
    }

    fn better(&self) -> Better {
        Better::Lower
    }

    fn add(&mut self, seen: &Seen) -> Result<()> {
        self.0.add(seen, field::NUMBERS, error)
    }

    fn value(&self) -> f64 {
        self.0.value()
    }

    fn reset(&mut self) {
        self.0 = Mean::default();
    }
}

/// The mean absolute error of one example's numbers.
pub(super) fn error(said: &[f32], truth: &[f32]) -> f64 {
    let errors = said.iter().zip(truth).map(|(said, truth)| f64::from((said - truth).abs()));
    errors.sum::<f64>() / said.len().max(1) as f64
}

/// Intersection over union of two boxes `[centre x, centre y, width, height]`.
pub(super) fn iou(a: &[f32], b: &[f32]) -> f64 {
    let along = |axis: usize| {
        let low = (a[axis] - a[axis + 2] / 2.0).max(b[axis] - b[axis + 2] / 2.0);
        let high = (a[axis] + a[axis + 2] / 2.0).min(b[axis] + b[axis + 2] / 2.0);
        f64::from((high - low).max(0.0))
    };
    let both = along(0) * along(1);
    let either = f64::from(a[2] * a[3]) + f64::from(b[2] * b[3]) - both;
    if either > 0.0 { both / either } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Batch, Fields, Input, Spec, Target};
    use candle_core::{Device, Tensor};

    // torchvision.ops.box_iou on [[.2,.2,.6,.6]] and [[.4,.4,.8,.8]] → 0.1429; disjoint → 0
    #[test]
    fn overlap_of_normalised_boxes() {
        let a = [0.4, 0.4, 0.4, 0.4];
        assert!((iou(&a, &[0.6, 0.6, 0.4, 0.4]) - 0.142_857).abs() < 1e-5);
        assert_eq!(iou(&a, &[0.9, 0.4, 0.1, 0.4]), 0.0);
        assert!((iou(&a, &a) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_no_number_is_no_class() -> Result<()> {
        let spec = Spec::new(Input::Tensor(vec![1]), Target::Class(vec!["a".into(), "b".into()]), 0);
        let batch = |classes: [u32; 2]| -> Result<Batch> {
            let targets = Fields::of("class", Tensor::new(&classes, &Device::Cpu)?);
            Ok(Batch { inputs: Fields::default(), targets, ids: vec![7, 8] })
        };
        let right = |rows: [[f32; 2]; 2], classes: [u32; 2]| -> Result<f64> {
            let (said, batch) = (Fields::of("logits", Tensor::new(&rows, &Device::Cpu)?), batch(classes)?);
            let mut metric = Accuracy::default();
            metric.add(&Seen { said: &said, batch: &batch, spec: &spec })?;
            Ok(metric.value())
        };
        assert_eq!(right([[2.0, 0.0], [0.0, 1.0]], [0, 0])?, 0.5);
        for bad in [[f32::NAN, 0.0], [0.0, f32::NAN], [f32::INFINITY, f32::INFINITY]] {
            assert_eq!(right([bad, [0.0, 1.0]], [0, 1])?, 0.5, "{bad:?}");
            assert_eq!(right([bad, [0.0, 1.0]], [1, 1])?, 0.5, "{bad:?}");
        }
        Ok(())
    }
}

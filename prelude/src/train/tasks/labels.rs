//! Any number of labels an example.

use candle_core::{D, Tensor};

use super::class::row_of;
use crate::data::{Batch, Fields, Input, Spec, Target, field};
use crate::layers::Pass;
use crate::models::{Head, LinearHead, Shapes};
use crate::onnx::{OnnxFields, OnnxGraph};
use crate::params::{Buffer, Init, Scope};
use crate::train::answer::Answer;
use crate::train::loss::Loss;
use crate::train::metric::{Metric, Seen};
use crate::train::task::Task;
use crate::{Error, Result, ops};

/// The field of what a share has to reach for its label to apply, where the head keeps it: a row of numbers.
const THRESHOLD: &str = "threshold";

/// Any number of labels an example: a sigmoid and binary cross-entropy for each of the `logits`, measured by the mean
/// average precision and the mean F1 of the labels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Labels;

impl Task for Labels {
    fn name(&self) -> &str {
        "labels"
    }

    fn check(&self, spec: &Spec) -> Result<()> {
        match &spec.target {
            Target::Classes(names) if !names.is_empty() => Ok(()),
            other => Err(Error::new(format!("the data has {}, but no labels", other.words())).remedy(match spec.input {
                Input::Text(_) => "name their column: `TextTable::open(path)?.text(\"text\").labels(\"tags\")?`; a learner of one class is another one, `Learner::text(encoder, &data)?`",
                _ => "make it with `TensorData::labels(images, truth, &[\"boat\", \"sea\"])?`, a row of 0 and 1 a picture; for one class a \
                 picture use `Learner::vision`",
            })),
        }
    }

    fn fits(&self, said: &Fields, spec: &Spec) -> Result<()> {
        row_of(said, field::LOGITS, spec, "labels")
    }

    fn head(&self, at: &Scope, features: &Shapes, spec: &Spec) -> Result<Box<dyn Head>> {
        let count = spec.names().len();
        let linear = super::linear_head(at, field::LOGITS, features, spec)?;
        Ok(Box::new(LabelsHead { linear, threshold: at.buffer("threshold", count, Init::Constant(0.5))? }))
    }

    fn loss(&self, said: &Fields, batch: &Batch) -> Result<Loss> {
        let (logits, labels) = (said.get(field::LOGITS)?, batch.targets.get(field::LABELS)?);
        let focus = batch.targets.find(field::FOCUS).map(|focus| focus.to_scalar::<f64>()).transpose()?;
        let weights = batch.targets.find(field::WEIGHTS);
        if focus.is_none() && weights.is_none() {
            return Loss::of(ops::bce_with_logits(logits, labels)?);
        }
        let each = |labels: &Tensor| ops::sigmoid_focal_each(logits, labels, None, focus.unwrap_or(0.0));
        let Some(weights) = weights else { return Loss::mean(&each(labels)?) };
        // what applies counts so much more: w · t instead of t
        let more = weights.to_dtype(labels.dtype())?.to_device(labels.device())?.affine(1.0, -1.0)?;
        let own = each(&labels.ones_like()?)?.mul(&labels.broadcast_mul(&more)?)?;
        Loss::mean(&(each(labels)? + own)?)
    }

    fn losses(&self, said: &Fields, batch: &Batch) -> Result<Vec<f64>> {
        let each = ops::bce_with_logits_each(said.get(field::LOGITS)?, batch.targets.get(field::LABELS)?)?;
        Ok(each.mean(D::Minus1)?.to_vec1::<f32>()?.into_iter().map(f64::from).collect())
    }

    fn answers(&self, said: &Fields, spec: &Spec) -> Result<Vec<Answer>> {
        let thresholds = thresholds(said, spec.names().len())?;
        let rows = ops::sigmoid(said.get(field::LOGITS)?)?.to_vec2::<f32>()?;
        let answer = |shares: Vec<f32>| {
            let apply = (0..shares.len()).filter(|label| shares[*label] >= thresholds[*label]).collect();
            Answer { labels: Some(apply), ..Answer::class(shares) }
        };
        Ok(rows.into_iter().map(answer).collect())
    }

    fn truths(&self, batch: &Batch, _: &Spec) -> Result<Vec<Answer>> {
        let rows = batch.targets.get(field::LABELS)?.to_vec2::<f32>()?;
        let apply = |row: Vec<f32>| (0..row.len()).filter(|label| row[*label] > 0.5).collect();
        Ok(rows.into_iter().map(|row| Answer { labels: Some(apply(row)), ..Answer::default() }).collect())
    }

    fn metrics(&self, _: &Spec) -> Vec<Box<dyn Metric>> {
        vec![Box::new(AveragePrecision::default()), Box::new(F1::default())]
    }
}

/// What each label's share has to reach: what the head keeps, else one half.
fn thresholds(said: &Fields, labels: usize) -> Result<Vec<f32>> {
    match said.find(THRESHOLD) {
        Some(kept) => Ok(kept.to_vec1::<f32>()?),
        None => Ok(vec![0.5; labels]),
    }
}

/// A [`LinearHead`], and what each label's share has to reach. Names: `head.linear`, `head.threshold`.
struct LabelsHead {
    linear: LinearHead,
    threshold: Buffer,
}

impl Head for LabelsHead {
    fn forward(&self, features: &Fields, pass: &Pass) -> Result<Fields> {
        Ok(self.linear.forward(features, pass)?.with(THRESHOLD, self.threshold.value()))
    }

    fn export(&self, graph: &mut OnnxGraph, features: &OnnxFields) -> Result<OnnxFields> {
        self.linear.export(graph, features)
    }

    fn shapes(&self, features: &Shapes) -> Result<Shapes> {
        self.linear.shapes(features)
    }
}

/// The mean over the labels of their average precision: the area below the curve of precision over recall, in steps, as
/// scikit-learn's `average_precision_score`. Labels that no example has are left out.
#[derive(Clone, Debug, Default)]
pub struct AveragePrecision {
    /// For each label its shares, and whether it applies.
    labels: Vec<Vec<(f32, bool)>>,
}

impl Metric for AveragePrecision {
    fn name(&self) -> &str {
        "mAP"
    }

    fn add(&mut self, seen: &Seen) -> Result<()> {
        let shares = ops::sigmoid(seen.said.get(field::LOGITS)?)?.to_vec2::<f32>()?;
        let truths = seen.batch.targets.get(field::LABELS)?.to_vec2::<f32>()?;
        for (shares, truths) in shares.iter().zip(&truths) {
            self.labels.resize(shares.len(), Vec::new());
            for ((label, share), truth) in self.labels.iter_mut().zip(shares).zip(truths) {
                label.push((*share, *truth > 0.5));
            }
        }
        Ok(())
    }

    fn value(&self) -> f64 {
        let each: Vec<f64> = self.labels.iter().filter_map(|label| average_precision(label)).collect();
        each.iter().sum::<f64>() / each.len().max(1) as f64
    }

    fn reset(&mut self) {
        self.labels.clear();
    }
}

/// The average precision of one label; `None` where it never applies.
fn average_precision(label: &[(f32, bool)]) -> Option<f64> {
    let positives = label.iter().filter(|(_, applies)| *applies).count();
    let mut sorted = label.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut right, mut area) = (0, 0.0);
    for (taken, group) in steps(&sorted) {
        let more = group.iter().filter(|(_, applies)| *applies).count();
        right += more;
        area += more as f64 / positives.max(1) as f64 * right as f64 / taken as f64;
    }
    (positives > 0).then_some(area)
}

/// Groups of one share each, and how many stand before the end of each: examples of one share cannot be told apart.
fn steps(sorted: &[(f32, bool)]) -> impl Iterator<Item = (usize, &[(f32, bool)])> {
    let mut taken = 0;
    sorted.chunk_by(|a, b| a.0 == b.0).map(move |group| {
        taken += group.len();
        (taken, group)
    })
}

/// The mean over the labels of their F1, where a label applies above its threshold: as scikit-learn's
/// `f1_score(average="macro")`.
#[derive(Clone, Debug, Default)]
pub struct F1 {
    /// For each label, how many were rightly found, wrongly found, and missed.
    labels: Vec<[usize; 3]>,
}

impl Metric for F1 {
    fn name(&self) -> &str {
        "F1"
    }

    fn add(&mut self, seen: &Seen) -> Result<()> {
        let shares = ops::sigmoid(seen.said.get(field::LOGITS)?)?.to_vec2::<f32>()?;
        let truths = seen.batch.targets.get(field::LABELS)?.to_vec2::<f32>()?;
        let thresholds = thresholds(seen.said, shares.first().map_or(0, Vec::len))?;
        for (shares, truths) in shares.iter().zip(&truths) {
            self.labels.resize(shares.len(), [0; 3]);
            for (label, ((share, truth), threshold)) in shares.iter().zip(truths).zip(&thresholds).enumerate() {
                match (share >= threshold, *truth > 0.5) {
                    (true, true) => self.labels[label][0] += 1,
                    (true, false) => self.labels[label][1] += 1,
                    (false, true) => self.labels[label][2] += 1,
                    (false, false) => {}
                }
            }
        }
        Ok(())
    }

    fn value(&self) -> f64 {
        let each = self.labels.iter().map(|[right, wrong, missed]| f1(*right, *wrong, *missed));
        each.sum::<f64>() / self.labels.len().max(1) as f64
    }

    fn reset(&mut self) {
        self.labels.clear();
    }
}

/// F1 of counts; 0 where there is nothing.
fn f1(right: usize, wrong: usize, missed: usize) -> f64 {
    let all = 2 * right + wrong + missed;
    if all == 0 { 0.0 } else { 2.0 * right as f64 / all as f64 }
}

/// For each label the threshold of the highest F1, in the middle between two shares; one half for a label that never applies.
pub(in crate::train) fn best_thresholds(shares: &[Vec<f32>], truths: &[Vec<f32>]) -> Vec<f32> {
    let labels = shares.first().map_or(0, Vec::len);
    let best = |label: usize| {
        let mut sorted: Vec<(f32, bool)> =
            shares.iter().zip(truths).map(|(shares, truths)| (shares[label], truths[label] > 0.5)).collect();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let positives = sorted.iter().filter(|(_, applies)| *applies).count();
        let (mut right, mut best, mut threshold) = (0, 0.0, 0.5);
        for (taken, group) in steps(&sorted) {
            right += group.iter().filter(|(_, applies)| *applies).count();
            let found = f1(right, taken - right, positives - right);
            if found > best {
                let below = sorted.get(taken).map_or(0.0, |(share, _)| *share);
                (best, threshold) = (found, (group[0].0 + below) / 2.0);
            }
        }
        threshold
    };
    (0..labels).map(best).collect()
}

//! What weighs more in a loss: rare classes, and what is hard.

use candle_core::{Device, Tensor};

use super::learner::Learner;
use super::{options, tasks};
use crate::data::{Data, Fields, Order, Part, Target, field};
use crate::words::count as plural;
use crate::{Error, Result, limits, show};

impl Learner {
    /// Has each class, in the order of the classes, weigh so much in the loss of training: `learner.class_weights(&[1.0, 5.0])?`. The mean is taken
    /// over the weights, as PyTorch's `CrossEntropyLoss` does. Of data with several labels it is what applies that weighs so much, as PyTorch's
    /// `pos_weight`. An empty list weighs all alike again. Validation goes on with the plain loss.
    ///
    /// # Errors
    /// When there is not one weight a class, one is no number from 0 on, or the data has neither classes nor labels.
    pub fn class_weights(&mut self, weights: &[f64]) -> Result<&mut Learner> {
        let names = self.weighable()?;
        if !weights.is_empty() && weights.len() != names.len() {
            return Err(Error::new(format!(
                "{} for {}",
                plural(weights.len(), "weight"),
                plural(names.len(), "class")
            ))
            .remedy(format!("one for each, in this order: {}", names.join(", "))));
        }
        for (weight, name) in weights.iter().zip(names) {
            let (option, remedy) =
                (format!("the weight of `{name}`"), "the rarer a class, the more: `learner.balanced_weights()?`");
            limits::allow(weight.is_finite() && *weight >= 0.0, &option, weight, "a number from 0 on", remedy)?;
        }
        if !weights.is_empty() && weights.iter().sum::<f64>() <= 0.0 {
            return Err(Error::new("all class weights are 0: nothing would be learned")
                .remedy("weigh all alike again: `learner.class_weights(&[])?`"));
        }
        *self.weights = weights.to_vec();
        Ok(self)
    }

    /// Has each class weigh the more the rarer it is among the training examples, so that all count alike: `n / (classes · n of the class)`,
    /// scikit-learn's `class_weight="balanced"`. Of several labels, how many examples are without the label for each that has it. A note
    /// tells the weights; [`class_weights`](Learner::class_weights) says what they do.
    ///
    /// Against imbalance take this or `data.balanced()`, not both.
    ///
    /// # Errors
    /// When the data has neither classes nor labels, or cannot be read.
    pub fn balanced_weights(&mut self) -> Result<&mut Learner> {
        let names = self.weighable()?.to_vec();
        let data = self.need_data()?;
        let (counts, all) = counted(data.as_ref(), names.len())?;
        let weights = match &self.spec.target {
            Target::Classes(_) => positive_weights(&counts, all),
            _ => balanced(&counts),
        };
        let each: Vec<String> =
            names.iter().zip(&weights).take(20).map(|(name, weight)| format!("{name} {weight:.2}")).collect();
        let more = if names.len() > 20 { format!(" and {} more", names.len() - 20) } else { String::new() };
        show::note(&format!("weights in the loss: {}{more}", each.join(", ")));
        if data.evens_classes() {
            show::note(
                "the data shows each class equally often already (`.balanced()`): with weights too, rare classes count twice; `learner.class_weights(&[])?` takes them off",
            );
        }
        self.class_weights(&weights)
    }

    /// Has what is easy weigh little in the loss of training, by (1 − probability)^γ; 2 is usual, 0 is the plain loss. Lin et al. 2017. Weights of
    /// classes are its α. Of several labels it is torchvision's `sigmoid_focal_loss`.
    pub fn focal_loss(&mut self, gamma: f64) -> &mut Learner {
        let classes = if gamma > 0.0 { self.weighable().map(|_| ()) } else { Ok(()) };
        if self.accepts("focal_loss", options::check_focus(gamma).and(classes)) {
            self.options.focus = gamma;
        }
        self
    }

    /// Says so where a loss of one's own decides whether it heeds weights.
    pub(super) fn tell_unweighed(&self) {
        let asked = !self.weights.is_empty() || self.options.focus > 0.0 || self.options.smoothing > 0.0;
        let name = self.task.name();
        if asked && tasks::named(name).is_none() {
            show::note(&format!(
                "the task `{name}` has a loss of its own: class weights, `focal_loss` and `label_smoothing` count only where it looks at them"
            ));
        } else if self.options.focus > 0.0 {
            show::note(
                "the focal loss is training's alone: what validation says is the plain loss, so that the two curves are not to be compared",
            );
        }
    }

    /// The names of what may weigh more.
    fn weighable(&self) -> Result<&[String]> {
        match &self.spec.target {
            Target::Class(names) | Target::Classes(names) => Ok(names),
            other => Err(Error::new(format!("the data has {}: there are no classes to weigh", other.words()))
                .remedy("weights are for what tells classes or labels: `Learner::text`, `Learner::vision`, `Learner::localization`, `Learner::labels`")),
        }
    }

    /// Tells a batch's truth what weighs more.
    pub(super) fn weigh(&self, targets: &mut Fields) -> Result<()> {
        if !self.weights.is_empty() {
            targets.set(field::WEIGHTS, Tensor::new(self.weights.as_slice(), &Device::Cpu)?);
        }
        if self.options.focus > 0.0 {
            self.weighable()?;
            targets.set(field::FOCUS, Tensor::new(self.options.focus, &Device::Cpu)?);
        }
        Ok(())
    }
}

/// How many training examples each class or label has, and how many there are.
fn counted(data: &dyn Data, names: usize) -> Result<(Vec<usize>, usize)> {
    if let Some(counts) = data.truth_counts(Part::Train) {
        return Ok((counts, data.count(Part::Train)));
    }
    let (mut counts, mut all) = (vec![0; names], 0);
    for batch in data.batches(Part::Train, Order::Given)? {
        let batch = batch?;
        all += batch.len();
        if let Some(rows) = batch.targets.find(field::LABELS) {
            for row in rows.to_vec2::<f32>()? {
                row.iter().zip(&mut counts).for_each(|(applies, count)| *count += usize::from(*applies > 0.5));
            }
        } else {
            for class in batch.targets.get(field::CLASS)?.to_vec1::<u32>()? {
                counts.iter_mut().skip(class as usize).take(1).for_each(|count| *count += 1);
            }
        }
    }
    Ok((counts, all))
}

/// scikit-learn's balanced weights; a class of no example weighs 1.
fn balanced(counts: &[usize]) -> Vec<f64> {
    let present = counts.iter().filter(|count| **count > 0).count();
    let all: usize = counts.iter().sum();
    let weight = |count: &usize| if *count == 0 { 1.0 } else { all as f64 / (present * count) as f64 };
    counts.iter().map(weight).collect()
}

/// How many are without each label for one that has it; 1 for labels that none or all have.
fn positive_weights(counts: &[usize], all: usize) -> Vec<f64> {
    let weight = |count: &usize| match all - count.min(&all) {
        0 => 1.0,
        _ if *count == 0 => 1.0,
        without => without as f64 / *count as f64,
    };
    counts.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// sklearn.utils.class_weight.compute_class_weight("balanced", classes=[0, 1, 2], y=[0] * 10 + [1] * 3 + [2] * 7)
    #[test]
    fn weights_are_scikit_learns() {
        let found = balanced(&[10, 3, 7]);
        for (found, expected) in found.iter().zip([0.666_666_67, 2.222_222_22, 0.952_380_95]) {
            assert!((found - expected).abs() < 1e-7, "{found} {expected}");
        }
        assert_eq!(balanced(&[4, 0, 4]), [1.0, 1.0, 1.0]);
        assert_eq!(positive_weights(&[2, 0, 8, 5], 8), [3.0, 1.0, 1.0, 0.6]);
    }
}

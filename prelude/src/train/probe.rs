//! Classifiers of a handful of examples, on the features of a body that stays as it is.

use std::collections::VecDeque;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::learner::Learner;
use super::tasks::Classify;
use crate::data::{Data, Order, Part, Target, field};
use crate::show::Steps;
use crate::{Error, Result, interrupt};

/// The features of examples, a row each, and their classes.
struct FewExamples {
    /// (n, features), f64.
    x: Tensor,
    classes: Vec<usize>,
    count: usize,
}

/// A classifier's matrix (classes, features) and bias (classes).
type LinearRule = (Tensor, Tensor);

impl Learner {
    /// A classifier for other data from a handful of examples a class: the body as it is, and a head that is a logistic regression on its features,
    /// worked out at once over all training pictures. Scikit-learn's `LogisticRegression()`, weight decay included. As a new learner,
    /// its body frozen: it predicts, validates and is saved as any other, and may be fine-tuned from there (Kumar et al. 2022).
    ///
    /// ```no_run
    /// # use candlewick_prelude::prelude::*;
    /// # let learner = Learner::pretrained(Arch::default())?;
    /// let few = ImageFolder::open("few")?.split(0.2, 42)?;
    /// let mut probe = learner.linear_probe(&few)?;
    /// probe.validate()?;
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the data has no classes, a class has no training picture, the network was made in one piece, or the user interrupts.
    pub fn linear_probe(&self, data: &impl Data) -> Result<Learner> {
        self.few(data, &|known| logistic(known, 1.0))
    }

    /// A classifier for other data from a handful of examples a class: each class is the mean of its examples' features, and a picture is of the
    /// class whose mean is nearest. The prototypes of Snell et al. 2017, scikit-learn's `NearestCentroid`. As a new learner, its body
    /// frozen, whose head is that rule: it predicts, validates and is saved as any other.
    ///
    /// # Errors
    /// As [`linear_probe`](Learner::linear_probe).
    pub fn prototypes(&self, data: &impl Data) -> Result<Learner> {
        self.few(data, &|known| centroids(known))
    }

    // Not generic, so that a cell that calls the verbs does not compile it.
    fn few(&self, data: &dyn Data, solve: &dyn Fn(&FewExamples) -> Result<LinearRule>) -> Result<Learner> {
        data.check()?;
        let target = data.spec().target;
        let Target::Class(names) = &target else {
            return Err(Error::new(format!("expected one class an example, the data has {}", target.words()))
                .remedy("give it data with classes, such as `ImageFolder::open(\"few\")?`"));
        };
        if self.network.detector().is_some() {
            return Err(Error::new("a detector's features are maps of several scales, not one row a picture")
                .remedy("start from a classifier's body: `Learner::pretrained(Arch::ResNet18)?`"));
        }
        let mut learner = self.with_head_as(data, Arc::new(Classify))?;
        let known = learner.known_features(names)?;
        let (weight, bias) = solve(&known)?;
        for (name, value) in [("head.linear.weight", weight), ("head.linear.bias", bias)] {
            let param =
                learner.network.params().get(name).ok_or_else(|| Error::new("the head is no row of classes"))?;
            param.set(&value)?;
        }
        learner.freeze();
        Ok(learner)
    }

    /// The features of the training pictures as they are, and their classes.
    fn known_features(&self, names: &[String]) -> Result<FewExamples> {
        let data = self.need_data()?;
        let steps = Steps::new("embedding", data.count(Part::Train));
        let (mut rows, mut classes) = (Vec::new(), Vec::new());
        for batch in data.batches(Part::Train, Order::Given)? {
            let batch = batch?;
            steps.advance(batch.len())?;
            rows.push(self.judged().embed(&batch.inputs)?.to_device(&Device::Cpu)?);
            classes.extend(batch.targets.get(field::CLASS)?.to_vec1::<u32>()?.into_iter().map(|class| class as usize));
        }
        let without: Vec<&str> =
            (0..names.len()).filter(|class| !classes.contains(class)).map(|class| names[class].as_str()).collect();
        if rows.is_empty() || !without.is_empty() {
            return Err(Error::new(format!("there is no training example of {}", without.join(", ")))
                .remedy("give each class one or more, and keep fewer apart: `.split(0.2, 42)?`"));
        }
        let x = Tensor::cat(&rows, 0)?.to_dtype(DType::F64)?;
        if !x.sum_all()?.to_scalar::<f64>()?.is_finite() {
            return Err(super::predict::diverged());
        }
        Ok(FewExamples { x, classes, count: names.len() })
    }
}

/// The nearest mean as a matrix: |x - c|² is least where 2 c · x - |c|² is most.
fn centroids(known: &FewExamples) -> Result<LinearRule> {
    let FewExamples { x, classes, count } = known;
    let mut weights = vec![0.0; classes.len() * count];
    for (row, class) in classes.iter().enumerate() {
        let own = classes.iter().filter(|other| *other == class).count();
        weights[class * classes.len() + row] = 1.0 / own as f64;
    }
    let means = Tensor::from_vec(weights, (*count, classes.len()), &Device::Cpu)?.matmul(x)?;
    let bias = means.sqr()?.sum(1)?.neg()?;
    Ok(((means * 2.0)?, bias))
}

/// Logistic regression: the least of strength · Σ cross-entropy + |W|² / 2, the bias left out, as scikit-learn has it. Of two classes it has
/// one row of weights, which makes |W|² count twice as much here.
fn logistic(known: &FewExamples, strength: f64) -> Result<LinearRule> {
    let FewExamples { x, classes, count } = known;
    let (n, width) = x.dims2()?;
    let decay = if *count == 2 { 2.0 } else { 1.0 };
    let unpack = |point: &[f64]| -> Result<LinearRule> {
        let weight = Tensor::from_slice(&point[..count * width], (*count, width), &Device::Cpu)?;
        Ok((weight, Tensor::from_slice(&point[count * width..], *count, &Device::Cpu)?))
    };
    let cost = |point: &[f64]| -> Result<(f64, Vec<f64>)> {
        let (weight, bias) = unpack(point)?;
        let mut rest = x.matmul(&weight.t()?)?.broadcast_add(&bias)?.flatten_all()?.to_vec1::<f64>()?;
        let mut loss = 0.0;
        for (row, class) in rest.chunks_exact_mut(*count).zip(classes) {
            let most = row.iter().copied().fold(f64::MIN, f64::max);
            let sum: f64 = row.iter().map(|value| (value - most).exp()).sum();
            loss += sum.ln() + most - row[*class];
            row.iter_mut().for_each(|value| *value = (*value - most).exp() / sum * strength);
            row[*class] -= strength;
        }
        let rest = Tensor::from_vec(rest, (n, *count), &Device::Cpu)?;
        let mut slope = rest.t()?.matmul(x)?.flatten_all()?.to_vec1::<f64>()?;
        slope.extend(rest.sum(0)?.to_vec1::<f64>()?);
        let weights = &point[..count * width];
        slope.iter_mut().zip(weights).for_each(|(slope, weight)| *slope += decay * weight);
        Ok((strength * loss + decay * weights.iter().map(|weight| weight * weight).sum::<f64>() / 2.0, slope))
    };
    let least = minimise(vec![0.0; count * (width + 1)], &cost, 1e-7 * n as f64)?;
    unpack(&least)
}

/// Steps remembered, and steps at most.
const MEMORY: usize = 10;
const STEPS: usize = 1000;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A function of many numbers, and its slopes.
type Cost<'a> = dyn Fn(&[f64]) -> Result<(f64, Vec<f64>)> + 'a;

/// The least of a smooth convex function, by L-BFGS (Nocedal and Wright, algorithm 7.5) and halved steps, up to where no slope is above `flat`.
fn minimise(mut at: Vec<f64>, cost: &Cost, flat: f64) -> Result<Vec<f64>> {
    let (mut value, mut slope) = cost(&at)?;
    let mut memory: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
    for _ in 0..STEPS {
        interrupt::check()?;
        if slope.iter().all(|slope| slope.abs() <= flat) {
            break;
        }
        let mut way = slope.clone();
        let mut shares = Vec::with_capacity(memory.len());
        for (step, turn) in memory.iter().rev() {
            let share = dot(step, &way) / dot(step, turn);
            way.iter_mut().zip(turn).for_each(|(way, turn)| *way -= share * turn);
            shares.push(share);
        }
        let scale = match memory.back() {
            Some((step, turn)) => dot(step, turn) / dot(turn, turn),
            None => 1.0 / dot(&slope, &slope).sqrt().max(1.0),
        };
        way.iter_mut().for_each(|way| *way *= scale);
        for ((step, turn), share) in memory.iter().zip(shares.into_iter().rev()) {
            let back = share - dot(turn, &way) / dot(step, turn);
            way.iter_mut().zip(step).for_each(|(way, step)| *way += back * step);
        }
        let down = dot(&way, &slope);
        let mut length = 1.0;
        let (next, found) = loop {
            let next: Vec<f64> = at.iter().zip(&way).map(|(at, way)| at - length * way).collect();
            let found = cost(&next)?;
            if found.0 <= value - 1e-4 * length * down || length < 1e-12 {
                break (next, found);
            }
            length /= 2.0;
        };
        if found.0 >= value {
            break;
        }
        let step: Vec<f64> = next.iter().zip(&at).map(|(next, at)| next - at).collect();
        let turn: Vec<f64> = found.1.iter().zip(&slope).map(|(next, slope)| next - slope).collect();
        if dot(&step, &turn) > 1e-14 * dot(&turn, &turn) {
            memory.push_back((step, turn));
            if memory.len() > MEMORY {
                memory.pop_front();
            }
        }
        (at, (value, slope)) = (next, found);
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// What scikit-learn found of the same features (`tests/reference/probe.py`).
    fn fixture() -> Result<HashMap<String, Tensor>> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/probe.safetensors");
        Ok(candle_core::safetensors::load(path, &Device::Cpu)?)
    }

    fn known(saved: &HashMap<String, Tensor>, name: &str, count: usize) -> Result<FewExamples> {
        let classes = saved[&format!("{name}/y")].to_dtype(DType::F32)?.to_vec1::<f32>()?;
        let x = saved[&format!("{name}/x")].to_dtype(DType::F64)?;
        Ok(FewExamples { x, classes: classes.into_iter().map(|class| class as usize).collect(), count })
    }

    fn said((weight, bias): &LinearRule, x: &Tensor) -> Result<Tensor> {
        Ok(x.to_dtype(DType::F64)?.matmul(&weight.t()?)?.broadcast_add(bias)?)
    }

    fn off(found: &Tensor, expected: &Tensor) -> Result<f64> {
        Ok((found - expected.to_dtype(DType::F64)?)?.abs()?.flatten_all()?.max(0)?.to_scalar()?)
    }

    #[test]
    fn logistic_regression_as_scikit_learn() -> Result<()> {
        let saved = fixture()?;
        for (name, count) in [("three", 3), ("two", 2)] {
            let lines = logistic(&known(&saved, name, count)?, 1.0)?;
            let shares = crate::ops::softmax(&said(&lines, &saved[&format!("{name}/new")])?, 1)?;
            let far = off(&shares, &saved[&format!("{name}/shares")])?;
            assert!(far < 1e-5, "{name}: {far}");
            if count == 3 {
                let far = off(&lines.0, &saved["three/weight"])?;
                assert!(far < 1e-4, "{far}");
            }
        }
        Ok(())
    }

    #[test]
    fn nearest_means_as_scikit_learn() -> Result<()> {
        let saved = fixture()?;
        let lines = centroids(&known(&saved, "three", 3)?)?;
        let found = said(&lines, &saved["three/new"])?.argmax(1)?.to_vec1::<u32>()?;
        let expected = saved["three/nearest"].to_vec1::<f32>()?;
        assert!(
            found.iter().zip(&expected).all(|(found, expected)| *found == *expected as u32),
            "{found:?} {expected:?}"
        );
        Ok(())
    }
}

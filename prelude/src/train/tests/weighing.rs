//! Weights, focus and shares in losses beside PyTorch's and torchvision's numbers; answers averaged over views.

use std::collections::HashMap;

use super::*;
use crate::data::{Augment, Batch, ImageFolder, LabelTable, Part, field};
use crate::ops;
use candle_core::Var;

/// What tests/reference/augment.py wrote.
fn reference() -> Result<HashMap<String, Tensor>> {
    let bytes = include_bytes!("../../../tests/fixtures/augment.safetensors");
    Ok(candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?)
}

/// A task's loss of the reference's logits with these truths, then the gradient: one row, as the reference has it.
fn loss_of(task: &dyn Task, truths: &[(&str, Tensor)]) -> Result<Vec<f32>> {
    let logits = Var::from_tensor(&reference()?["logits"])?;
    let said = Fields::of(field::LOGITS, logits.as_tensor().clone());
    let targets = truths.iter().fold(Fields::default(), |fields, (name, value)| fields.with(*name, value.clone()));
    let batch = Batch { inputs: Fields::default(), targets, ids: vec![0, 1, 2, 3] };
    let loss = task.loss(&said, &batch)?;
    let grads = ops::backward(&loss.total)?;
    let slope = grads.get(logits.as_tensor()).expect("the logits are in the graph").flatten_all()?;
    let value = loss.total.reshape(1)?.to_dtype(candle_core::DType::F32)?;
    Ok(Tensor::cat(&[value, slope], 0)?.to_vec1()?)
}

#[test]
fn losses_are_pytorchs_and_torchvisions() -> Result<()> {
    let saved = reference()?;
    let number = |value: f64| Tensor::new(value, &Device::Cpu);
    let of = |name: &str| saved[name].clone();
    let classes = ("class", of("classes").to_dtype(candle_core::DType::U32)?);
    let (shares, weights) = ((field::SHARES, of("soft")), (field::WEIGHTS, of("weights")));
    let smooth = (field::SMOOTHING, number(0.1)?);
    let labels = ("labels", of("labels"));
    type Case<'a> = (&'a str, &'a dyn Task, Vec<(&'a str, Tensor)>);
    let all: Vec<Case> = vec![
        ("mixed", &Classify, vec![classes.clone(), shares.clone()]),
        ("mixed_smooth", &Classify, vec![classes.clone(), shares, smooth.clone()]),
        ("weighted", &Classify, vec![classes.clone(), weights.clone()]),
        ("weighted_smooth", &Classify, vec![classes.clone(), weights.clone(), smooth]),
        ("focal", &Classify, vec![classes.clone(), weights.clone(), (field::FOCUS, number(2.0)?)]),
        ("focal_half", &Classify, vec![classes, (field::FOCUS, number(0.5)?)]),
        ("sigmoid_focal", &Labels, vec![labels.clone(), (field::FOCUS, number(2.0)?)]),
        ("pos_weight", &Labels, vec![labels, weights]),
    ];
    for (name, task, truths) in all {
        let (found, expected) = (loss_of(task, &truths)?, of(name).to_vec1::<f32>()?);
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 2e-6, "{name}: {found} {expected}");
        }
        assert_eq!(found.len(), expected.len());
    }
    let each = ops::sigmoid_focal_each(&of("logits"), &of("labels"), Some(0.25), 1.5)?;
    let found = each.mean_all()?.to_scalar::<f32>()?;
    assert!((found - of("sigmoid_focal_alpha").to_vec1::<f32>()?[0]).abs() < 1e-6);
    // far logits stay finite
    let far = Tensor::new(&[[80f32, -80.0, 500.0, -500.0]], &Device::Cpu)?;
    for labels in [far.zeros_like()?, far.ones_like()?] {
        let each = ops::sigmoid_focal_each(&far, &labels, None, 2.0)?.to_vec2::<f32>()?;
        assert!(each[0].iter().all(|value| value.is_finite()), "{each:?}");
    }
    Ok(())
}

/// Pictures of two kinds, of one kind few: bars that lie and bars that stand.
fn pictures(lying: usize, standing: usize) -> Result<ImageFolder> {
    let bar = |at: usize, stands: bool| {
        image::RgbImage::from_fn(32, 32, |x, y| {
            let (along, across) = if stands { (y, x) } else { (x, y) };
            let place = 4 + (at as u32 * 5) % 22;
            let on = across >= place && across < place + 5 && along > 3 && along < 28;
            image::Rgb([
                if on { 230 } else { 20 + (at as u8 * 3) % 40 },
                if on { 200 } else { 40 },
                60 + (x * y % 13) as u8,
            ])
        })
    };
    let all = (0..lying).map(|at| bar(at, false)).chain((0..standing).map(|at| bar(at, true))).collect();
    let labels: Vec<&str> = (0..lying + standing).map(|at| if at < lying { "lying" } else { "standing" }).collect();
    Ok(ImageFolder::in_memory(all, &labels)?.size(32).batch(8))
}

#[test]
fn rare_classes_weigh_more_and_files_keep_it() -> Result<()> {
    let data = pictures(18, 6)?.split(0.25, 1)?;
    let mut own = quiet(Learner::vision_untrained(Arch::default(), &data)?);
    own.balanced_weights()?.focal_loss(1.5);
    let counts = data.counts(Part::Train);
    let expected: Vec<f64> = counts.iter().map(|count| (counts[0] + counts[1]) as f64 / (2 * count) as f64).collect();
    assert_eq!(*own.weights, expected);
    own.fit(1, 1e-3)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("weighed.safetensors");
    own.save(&path)?;
    let mut again = quiet(Learner::vision_untrained(Arch::default(), &data)?);
    again.load(&path)?;
    assert_eq!((&*again.weights, again.options.focus), (&expected, 1.5));
    let (a, b) = (own.fit(1, 1e-3)?, again.fit(1, 1e-3)?);
    assert_eq!(a.valid, b.valid, "resumed as if it had not stopped");
    assert_eq!(own.history().batches, again.history().batches);
    // the loss that is trained on is another one than without
    let mut plain = quiet(Learner::vision_untrained(Arch::default(), &data)?);
    plain.fit(1, 1e-3)?;
    assert_ne!(plain.history().batches[0].loss, own.history().batches[0].loss);
    own.class_weights(&[])?;
    assert!(own.weights.is_empty());
    for (weights, says) in [
        (&[1.0][..], "1 weight for 2 classes"),
        (&[1.0, -1.0], "the weight of `standing` is -1"),
        (&[f64::NAN, 1.0], "the weight of `lying` is NaN"),
        (&[0.0, 0.0], "all class weights are 0"),
    ] {
        assert!(own.class_weights(weights).expect_err("an error").to_string().contains(says));
    }
    own.focal_loss(-1.0);
    assert!(own.fit(1, 1e-3).unwrap_err().to_string().contains("the γ of `focal_loss` is -1"));
    // where there is nothing to weigh it is told once, and the next fit goes on
    let numbers = crate::data::TensorData::numbers(
        Tensor::zeros((4, 3, 32, 32), candle_core::DType::F32, &Device::Cpu)?,
        Tensor::zeros((4, 1), candle_core::DType::F32, &Device::Cpu)?,
        &["age"],
    )?;
    let mut age = quiet(Learner::regression(Arch::default().untrained(), &numbers)?);
    age.focal_loss(2.0);
    assert!(age.fit(1, 1e-3).unwrap_err().to_string().contains("there are no classes to weigh"));
    age.fit(1, 1e-3)?;
    Ok(())
}

#[test]
fn a_learner_learns_from_mixed_pictures() -> Result<()> {
    let data = pictures(24, 24)?.split(0.25, 1)?.augment(Augment { mixup: 0.3, cutmix: 0.3, ..Augment::none() });
    let fit = || -> Result<(f64, Learner)> {
        let mut own = quiet(Learner::vision(Arch::default(), &data)?);
        own.fit(2, 1e-3)?;
        Ok((own.history().epochs[1].train_loss, own))
    };
    let (loss, mut own) = fit()?;
    assert_eq!(loss, fit()?.0, "the same seed gives the same run");
    // what is mixed cannot be told surely: the loss stays above that of plain pictures
    assert!(loss > own.validate()?.all.loss, "{loss}");
    Ok(())
}

/// The share of examples that are of the second class.
#[derive(Default)]
struct Seconds {
    second: usize,
    all: usize,
}

impl Metric for Seconds {
    fn name(&self) -> &str {
        "second class"
    }
    fn add(&mut self, seen: &Seen) -> Result<()> {
        let classes = seen.batch.targets.get("class")?.to_vec1::<u32>()?;
        self.second += classes.iter().filter(|class| **class == 1).count();
        self.all += classes.len();
        Ok(())
    }
    fn value(&self) -> f64 {
        self.second as f64 / self.all.max(1) as f64
    }
    fn reset(&mut self) {
        *self = Seconds::default();
    }
}

#[test]
fn answers_are_averaged_over_views() -> Result<()> {
    let data = pictures(16, 16)?.split(0.25, 1)?.augment(Augment { flip: true, noise: 0.2, ..Augment::none() });
    let mut own = quiet(Learner::vision(Arch::default(), &data)?);
    own.freeze().fit(2, 1e-2)?;
    let picture = data.original(0)?;
    let one = own.predict(&picture)?;
    let many = own.predict_tta(&picture, 6)?;
    assert_eq!(own.predict_tta(&picture, 6)?.probabilities, many.probabilities, "the same seed, the same views");
    let sum: f32 = many.probabilities.iter().map(|(_, share)| share).sum();
    assert!((sum - 1.0).abs() < 1e-5 && one.probabilities != many.probabilities);
    // by hand: the mean of the probabilities of each view
    let transform = own.transform()?;
    let views = crate::data::varied_views(&picture, &transform, data.augmentation(), 6, own.options.seed)?;
    let mut mean = vec![0f32; 2];
    for answer in own.answers(&views)? {
        answer.shares.iter().zip(&mut mean).for_each(|(share, mean)| *mean += share / 6.0);
    }
    for (name, share) in &many.probabilities {
        let class = data.classes().iter().position(|own| own == name).expect("a class");
        assert!((mean[class] - share).abs() < 1e-5, "{mean:?} {share}");
    }
    let found = own.evaluate_tta(4)?;
    assert_eq!(found.all, own.evaluate_tta(4)?.all);
    assert!(found.all.loss.is_finite() && found.classes.len() == 2);
    // a measure that a person added is one of these too
    own.metric(Seconds::default());
    assert_eq!(own.evaluate_tta(4)?.all.get("second class")?, own.validate()?.all.get("second class")?);
    own.remove_metrics();
    for views in [0, 1, 65] {
        let says = own.predict_tta(&picture, views).unwrap_err().to_string();
        assert!(says.contains("the views of `predict_tta`"), "{says}");
    }
    let bars = bars(16, 3)?;
    let mut numbers = quiet(Learner::vision_untrained(Arch::default(), &bars)?);
    assert!(numbers.evaluate_tta(4).unwrap_err().to_string().contains("cannot be looked at in several ways"));
    let place = Learner::localization(Arch::default().untrained(), &bars)?;
    assert!(place.predict_tta(&picture, 4).unwrap_err().to_string().contains("say where something is"));
    Ok(())
}

#[test]
fn folds_and_tables_train() -> Result<()> {
    let mut measured = Vec::new();
    for fold in pictures(10, 10)?.hold_out(0.2, 1)?.folds(2, 3)? {
        let mut own = quiet(Learner::vision(Arch::default(), &fold)?);
        own.freeze().fit(1, 1e-2)?;
        measured.push(own.evaluate_on(Part::Test)?.classes.iter().map(|class| class.pictures).sum::<usize>());
        assert_eq!(own.validate()?.classes.iter().map(|class| class.pictures).sum::<usize>(), 8);
    }
    assert_eq!(measured, [4, 4]);
    let root = tempfile::tempdir()?;
    let data = pictures(6, 6)?;
    let mut lines = Vec::new();
    for id in 0..data.len() {
        data.original(id)?.save(root.path().join(format!("{id}.png")))?;
        lines.push(format!(
            "{id}.png,{},{}",
            if id < 6 { "lying;bar" } else { "bar" },
            if id % 3 == 0 { "valid" } else { "train" }
        ));
    }
    std::fs::write(root.path().join("list.csv"), lines.join("\n"))?;
    let table = LabelTable::csv(root.path().join("list.csv"))?.size(32).batch(4);
    let mut own = quiet(Learner::labels(Arch::default(), &table)?);
    own.balanced_weights()?.focal_loss(2.0);
    assert_eq!(*own.weights, [1.0, 1.0]);
    own.freeze().fit(1, 1e-2)?;
    assert!(own.evaluate_tta(3)?.all.loss.is_finite());
    assert!(own.predict_tta(data.original(0)?, 3)?.probabilities.len() == 2);
    Ok(())
}

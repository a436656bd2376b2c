//! The learner as a whole, on small pictures made here.

use candle_core::{Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::Result;
use crate::data::{Data, Fields, TensorData};
use crate::layers::Pass;
use crate::models::{Arch, HeadMaker, Network};
use crate::params::Param;

mod callbacks;
mod clumsy;
mod forgetting;
mod lora;
mod lora_errors;
mod own;
mod remedies;
mod resume;
mod schedules;
mod seeing;
mod text;
mod unfreezing;
mod verbs;
mod watching;
mod weighing;

const SIDE: usize = 32;

/// One bright bar a picture, lying or standing, on noise; its box.
fn bars(count: usize, seed: u64) -> Result<TensorData> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut values, mut labels, mut boxes) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..count {
        let label = (index % 2) as u32;
        let (w, h) = if label == 0 { (16, 6) } else { (6, 16) };
        let (x0, y0) = (rng.random_range(0..=SIDE - w), rng.random_range(0..=SIDE - h));
        for _ in 0..3 {
            for y in 0..SIDE {
                for x in 0..SIDE {
                    let inside = (x0..x0 + w).contains(&x) && (y0..y0 + h).contains(&y);
                    values.push(rng.random_range(0.0..0.3f32) + if inside { 0.7 } else { 0.0 });
                }
            }
        }
        labels.push(label);
        let side = SIDE as f32;
        boxes.extend([
            (x0 as f32 + w as f32 / 2.0) / side,
            (y0 as f32 + h as f32 / 2.0) / side,
            w as f32 / side,
            h as f32 / side,
        ]);
    }
    let images = Tensor::from_vec(values, (count, 3, SIDE, SIDE), &Device::Cpu)?;
    let boxes = Tensor::from_vec(boxes, (count, 4), &Device::Cpu)?;
    TensorData::new(images, labels, &["lying", "standing"])?.boxes(boxes)?.split(0.25, seed).map(|data| data.batch(16))
}

fn learner(data: &TensorData) -> Result<Learner> {
    let mut learner = Learner::vision_untrained(Arch::default(), data)?;
    learner.quiet();
    Ok(learner)
}

/// The same without a live display.
fn quiet(mut learner: Learner) -> Learner {
    learner.quiet();
    learner
}

fn values(params: &[Param]) -> Result<Vec<(String, u64)>> {
    params.iter().map(|param| Ok((param.name().to_owned(), param.fingerprint()?))).collect()
}

fn losses(learner: &Learner) -> Vec<f64> {
    learner.history().batches.iter().map(|batch| batch.loss).collect()
}

#[test]
fn it_learns_classes_and_boxes() -> Result<()> {
    let data = bars(128, 1)?;
    let mut learner = Learner::localization(Arch::default().untrained(), &data)?;
    learner.quiet();
    let report = learner.fit_one_cycle(8, 4e-3)?;
    let valid = report.valid.expect("a quarter is kept for validation");
    assert!(valid.get("accuracy")? > 0.9, "{valid:?}");
    assert!(valid.get("mean IoU")? > 0.35, "{valid:?}");
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    assert_eq!((learner.history().epochs.len(), learner.history().batches.len()), (8, 48));
    Ok(())
}

#[test]
fn the_same_seed_gives_the_same_losses() -> Result<()> {
    let data = bars(32, 2)?;
    let run = |seed| -> Result<Vec<f64>> {
        let mut learner = learner(&data.clone().seeded(seed))?;
        learner.fit(2, 1e-3)?;
        Ok(losses(&learner))
    };
    assert_eq!(run(5)?, run(5)?);
    assert_ne!(run(5)?, run(6)?);
    Ok(())
}

#[test]
fn frozen_parameters_do_not_change_by_a_bit() -> Result<()> {
    let data = bars(32, 3)?;
    let mut learner = learner(&data)?;
    learner.unfreeze_from("blocks.2")?;
    let params = learner.network().params().clone();
    let frozen: Vec<Param> = params.params().into_iter().filter(Param::frozen).collect();
    let (before, buffers) = (values(&frozen)?, params.buffers());
    let old: Vec<Tensor> = buffers.iter().map(|buffer| buffer.value().copy()).collect::<candle_core::Result<_>>()?;
    let trained = values(&params.trainable())?;
    learner.fit(1, 1e-2)?;
    assert_eq!(values(&frozen)?, before);
    for ((name, before), (_, after)) in trained.iter().zip(values(&params.trainable())?) {
        assert_ne!(*before, after, "{name} should have learned");
    }
    for (buffer, old) in buffers.iter().zip(old) {
        let moved = (buffer.value() - old)?.abs()?.max_all()?.to_scalar::<f32>()? > 0.0;
        let below = ["blocks.0.", "blocks.1."].iter().any(|prefix| buffer.name().starts_with(prefix));
        assert_eq!(moved, !below, "{}", buffer.name());
    }
    Ok(())
}

/// How many nodes the backward pass visits for one step.
fn visited(network: &Network, data: &TensorData) -> Result<usize> {
    let batch = data.train_batches(0)?.next().expect("there is data")?;
    let output = network.forward(batch.inputs.get("image")?, &Pass::train(0))?;
    Ok(Classify.loss(&output, &batch)?.total.sorted_nodes().len())
}

#[test]
fn a_frozen_body_is_not_part_of_the_graph() -> Result<()> {
    let data = bars(32, 4)?;
    let mut learner = learner(&data)?;
    let whole = visited(learner.network(), &data)?;
    learner.unfreeze_from("blocks.3")?;
    let last = visited(learner.network(), &data)?;
    learner.freeze();
    let head = visited(learner.network(), &data)?;
    assert!(head < last && last < whole, "{head} {last} {whole}");
    // the head's own: pool, dropout, linear, their parameters, the loss
    assert!(head <= 16, "{head}");
    Ok(())
}

#[test]
fn kept_features_change_nothing_but_the_time() -> Result<()> {
    let data = bars(48, 6)?;
    let run = |keep: bool| -> Result<(Vec<f64>, usize)> {
        let mut learner = learner(&data)?;
        learner.freeze();
        learner.keep_features(keep).fit(3, 1e-2)?;
        Ok((losses(&learner), learner.features_reused()))
    };
    let ((kept, reused), (computed, none)) = (run(true)?, run(false)?);
    for (kept, computed) in kept.iter().zip(&computed) {
        assert!((kept - computed).abs() < 1e-5, "{kept} {computed}");
    }
    assert_eq!(none, 0);
    assert_eq!(reused, 2 * 48, "the second and third epoch, training and validation");
    Ok(())
}

#[test]
fn validation_waits_for_its_epochs() -> Result<()> {
    let data = bars(32, 6)?;
    let mut learner = self::learner(&data)?;
    let report = learner.validate_every(3).fit(5, 1e-2)?;
    let measured = |learner: &Learner| -> Vec<bool> {
        learner.history().epochs.iter().map(|epoch| epoch.valid.is_some()).collect()
    };
    assert_eq!(measured(&learner), [false, false, true, false, true], "and after the last");
    assert!(report.valid.is_some());
    let file = tempfile::NamedTempFile::new()?;
    learner.save(file.path())?;
    let mut again = self::learner(&data)?;
    again.load(file.path())?;
    again.fit(2, 1e-2)?;
    assert_eq!(measured(&again)[5..], [false, true], "a checkpoint keeps it");
    let says = learner.validate_every(0).fit(1, 1e-2).unwrap_err().to_string();
    assert!(says.contains("`validate_every` is 0"), "{says}");
    learner.fit(1, 1e-2)?;
    Ok(())
}

#[test]
fn thawed_blocks_are_not_taken_from_what_was_kept() -> Result<()> {
    let data = bars(32, 7)?;
    let mut learner = learner(&data)?;
    learner.freeze();
    learner.fit(2, 1e-2)?;
    learner.unfreeze().fit(1, 1e-2)?;
    learner.freeze();
    let reused = learner.features_reused();
    learner.fit(1, 1e-2)?;
    assert_eq!((reused, learner.features_reused()), (0, 0), "the body has changed since");
    Ok(())
}

#[test]
fn parts_are_named_and_counted() -> Result<()> {
    let data = bars(32, 8)?;
    let mut learner = learner(&data)?;
    let frozen = |learner: &Learner| learner.network().frozen_parts();
    learner.unfreeze_from("blocks.2")?;
    assert_eq!(frozen(&learner), 2);
    learner.freeze_to(-1)?;
    assert_eq!(frozen(&learner), 4);
    learner.freeze_to(1)?;
    assert_eq!(frozen(&learner), 1);
    learner.freeze_to(-5)?;
    assert_eq!(frozen(&learner), 0);
    let error = learner.unfreeze_from("blocks.9").unwrap_err().to_string();
    assert!(error.contains("`blocks.9`") && error.contains("blocks.0, blocks.1, blocks.2, blocks.3, head"), "{error}");
    for wrong in [5, -6, isize::MIN, isize::MAX] {
        let error = learner.freeze_to(wrong).unwrap_err().to_string();
        assert!(error.contains("a number from -5 to 4"), "{error}");
    }
    Ok(())
}

#[test]
fn a_range_gives_each_group_its_rate() -> Result<()> {
    let data = bars(16, 9)?;
    let mut learner = learner(&data.batch(64))?;
    // plain SGD: a step is the rate times the gradient, so that the rate can be read off
    learner.optimizer(Optimizer::sgd(0.0));
    let params = learner.network().params().clone();
    let batch = learner
        .need_data()?
        .batches(crate::data::Part::Train, crate::data::Order::Epoch(0))?
        .next()
        .expect("there is data")?;
    let pass = Pass::train(crate::params::name_seed(learner.options.seed, "epoch 0 batch 0"));
    let output = learner.network().forward(batch.inputs.get("image")?, &pass)?;
    let loss = Classify.loss(&output, &batch)?.total;
    let grads = loss.backward()?;
    let before: Vec<Tensor> = params.params().iter().map(|p| p.value().copy()).collect::<candle_core::Result<_>>()?;
    learner.fit(1, 1e-4..1e-2)?;
    for (param, before) in params.params().iter().zip(before) {
        let grad = grads.get(param.var()).expect("everything is trainable");
        let moved = (before - param.value())?.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>()?;
        let rate = f64::from(moved / grad.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>()?);
        let expected = 1e-4 * 100f64.powf(param.group() as f64 / 4.0);
        assert!((rate / expected - 1.0).abs() < 0.05, "{}: {rate:.2e}, expected {expected:.2e}", param.name());
    }
    Ok(())
}

#[test]
fn saved_and_loaded_it_goes_on_as_if_nothing_had_been() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bars.safetensors");
    let data = bars(48, 10)?;
    for optimizer in [Optimizer::adamw(), Optimizer::sgd(0.9).nesterov().weight_decay(1e-4)] {
        let mut whole = learner(&data)?;
        whole.optimizer(optimizer.clone()).unfreeze_from("blocks.1")?.fit(2, 1e-3)?;
        whole.save(&path)?;
        whole.fit(2, 1e-3)?;
        let mut resumed = learner(&data.clone().seeded(999))?;
        resumed.set_data(&data)?.load(&path)?;
        assert_eq!(resumed.network().frozen_parts(), 1, "frozen flags come back");
        assert_eq!(resumed.history().epochs.len(), 2);
        resumed.fit(2, 1e-3)?;
        assert_eq!(losses(&resumed)[6..], losses(&whole)[6..]);
        assert_eq!(values(&resumed.network().params().params())?, values(&whole.network().params().params())?);
        let open = Learner::open(&path)?;
        assert_eq!(open.classes(), data.names());
    }
    Ok(())
}

#[test]
fn a_file_that_does_not_fit_is_refused_and_changes_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("two.safetensors");
    let data = bars(16, 11)?;
    let two = learner(&data)?;
    two.save(&path)?;
    let images = Tensor::zeros((4, 3, SIDE, SIDE), candle_core::DType::F32, &Device::Cpu)?;
    let three = TensorData::new(images, vec![0, 1, 2, 0], &["a", "b", "c"])?;
    let mut other = learner(&three)?;
    let before = values(&other.network().params().params())?;
    let error = other.load(&path).unwrap_err().to_string();
    assert!(error.contains("trained for 2 classes (lying, standing") && error.contains("tells 3 apart"), "{error}");
    assert!(error.contains("replace_head"), "{error}");
    let bytes = std::fs::read(&path)?;
    std::fs::write(&path, &bytes[..bytes.len() / 2])?;
    let error = other.load(&path).unwrap_err().to_string();
    assert!(error.contains("is no whole safetensors file"), "{error}");
    let error = other.load(folder.path().join("none.safetensors")).unwrap_err().to_string();
    assert!(error.contains("no weights could be read from"), "{error}");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("\\\"arch\\\":\\\"small\\\""));
    let renamed: Vec<u8> = {
        let (from, to) = (b"\\\"small\\\"", b"\\\"giant\\\"");
        let at = bytes.windows(from.len()).position(|window| window == from).expect("the card names the architecture");
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    std::fs::write(&path, renamed)?;
    let error = learner(&data)?.load(&path).unwrap_err().to_string();
    assert!(error.contains("holds a `giant`, this learner is a `small`"), "{error}");
    assert!(Learner::open(&path).unwrap_err().to_string().contains("no architecture is named `giant`"));
    assert_eq!(values(&other.network().params().params())?, before);
    Ok(())
}

#[test]
fn a_loss_that_is_no_number_stops_before_the_weights_are_spoiled() -> Result<()> {
    let data = bars(48, 12)?;
    let mut learner = learner(&data)?;
    learner.optimizer(Optimizer::sgd(0.0));
    let error = learner.fit(4, 1e30).unwrap_err().to_string();
    assert!(error.contains("the step was not taken") && error.contains("lower rate"), "{error}");
    for (name, tensor) in learner.network().params().snapshot()? {
        assert!(tensor.sum_all()?.to_scalar::<f32>()?.is_finite() || !name.contains("running"), "{name}");
    }
    let mut fresh = super::tests::learner(&data)?;
    let spoiled = Tensor::full(f32::NAN, (16, 3, SIDE, SIDE), &Device::Cpu)?;
    let spoiled = TensorData::new(spoiled, vec![0; 16], &["lying", "standing"])?;
    let before = values(&fresh.network().params().params())?;
    let error = fresh.set_data(&spoiled)?.fit(1, 1e-3).unwrap_err().to_string();
    assert!(error.contains("NaN at epoch 1, batch 1"), "{error}");
    assert_eq!(values(&fresh.network().params().params())?, before);
    for buffer in fresh.network().params().buffers() {
        assert!(buffer.value().sum_all()?.to_scalar::<f32>()?.is_finite(), "{}", buffer.name());
    }
    fresh.set_data(&data)?.fit(1, 1e-3)?;
    Ok(())
}

#[test]
fn nothing_to_train_and_impossible_rates_are_refused() -> Result<()> {
    let data = bars(16, 13)?;
    let mut learner = learner(&data)?;
    for rate in [0.0, -1e-3, f64::NAN, f64::INFINITY] {
        assert!(learner.fit(1, rate).unwrap_err().to_string().contains("positive number"));
    }
    let reversed = learner.fit(1, 1e-3..1e-5).unwrap_err().to_string();
    assert!(reversed.contains("the lower rate first"), "{reversed}");
    learner.network().params().freeze_before(99);
    let error = learner.fit(1, 1e-3).unwrap_err().to_string();
    assert!(error.contains("everything is frozen") && error.contains("learner.unfreeze()"), "{error}");
    Ok(())
}

#[test]
fn a_new_head_keeps_the_body_and_leaves_the_old_learner_alone() -> Result<()> {
    let data = bars(32, 14)?;
    let mut old = learner(&data)?;
    old.fit(1, 1e-3)?;
    let before = values(&old.network().params().params())?;
    let images = Tensor::rand(0f32, 1.0, (9, 3, SIDE, SIDE), &Device::Cpu)?;
    let three = TensorData::new(images, vec![0, 1, 2, 0, 1, 2, 0, 1, 2], &["a", "b", "c"])?;
    let mut new = old.replace_head(&three)?;
    assert_eq!(values(&new.network().params().under("blocks"))?, values(&old.network().params().under("blocks"))?);
    assert_eq!(new.classes().len(), 3);
    assert!(new.history().epochs.is_empty());
    new.fit(1, 1e-3)?;
    assert_eq!(values(&old.network().params().params())?, before);
    assert!(old.set_data(&three).unwrap_err().to_string().contains("replace_head"));
    Ok(())
}

#[test]
fn the_built_in_weights_know_cars_buses_and_vans() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let names = ["bus", "car", "van"];
    let drawn = crate::datasets::vehicles().classes(&names).per_class(30).seed(99);
    let data = drawn.write_to(folder.path())?.split(0.9, 1)?.size(64).batch(27);
    let mut known = Learner::pretrained(Arch::default())?;
    assert_eq!(known.classes(), names);
    let found = known.set_data(&data)?.validate()?.all;
    assert!(found.get("accuracy")? > 0.85 && found.get("mean IoU")? > 0.75, "{found:?}");
    let sample = data.sample(0);
    let says = known.predict(&sample.path)?;
    let overlap = says.detection().expect("the head says boxes").bbox.iou(&sample.boxes[0].bbox);
    assert!(overlap > 0.5, "{overlap}");
    assert_eq!(says.probabilities.len(), 3);
    assert!((says.probabilities.iter().map(|(_, share)| share).sum::<f32>() - 1.0).abs() < 1e-5);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/weights/vehicles_small.safetensors");
    assert!(std::fs::metadata(path)?.len() < 2_000_000);
    let classifier = Learner::vision(Arch::default(), &data)?;
    let bodies = [&known, &classifier].map(|learner| values(&learner.network().params().under("blocks")));
    let [known, fresh] = bodies;
    assert_eq!(known?, fresh?, "the body is taken over, the head is new");
    Ok(())
}

#[test]
fn a_summary_has_a_row_a_part() -> Result<()> {
    let data = bars(16, 16)?;
    let mut learner = learner(&data)?;
    learner.unfreeze_from("blocks.3")?;
    let summary = learner.summary()?;
    let rows: Vec<_> = summary.rows.iter().map(|row| (row.name.as_str(), row.output.clone(), row.state())).collect();
    assert_eq!(
        rows,
        [
            ("blocks.0", vec![24, 16, 16], "frozen"),
            ("blocks.1", vec![48, 8, 8], "frozen"),
            ("blocks.2", vec![96, 4, 4], "frozen"),
            ("blocks.3", vec![128, 2, 2], "trainable"),
            ("head", vec![2], "trainable"),
        ]
    );
    assert_eq!(summary.rows.iter().map(|row| row.parameters).sum::<usize>(), learner.network().params().count());
    use crate::show::Show;
    let text = summary.bundle().as_text().unwrap_or_default().to_owned();
    assert!(text.contains("blocks.3  128 × 2 × 2") && text.contains("pictures of 32 × 32"), "{text}");
    assert!(learner.plot_losses().unwrap_err().to_string().contains("train first"));
    Ok(())
}

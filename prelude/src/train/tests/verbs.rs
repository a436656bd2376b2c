//! Cut bodies, numbers, embeddings, gathered gradients, averaged weights, the search for a rate, and what must not change.

use super::*;
use crate::data::{Fields, Part};
use crate::show::Show;

/// A picture of the data, as the network sees it.
fn picture(data: &TensorData, id: usize) -> Result<image::RgbImage> {
    Ok(data.example(id)?.picture.expect("they are pictures"))
}

/// Bars whose number is their length in shares of the side.
fn lengths(count: usize, seed: u64) -> Result<TensorData> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut values, mut numbers) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let length = rng.random_range(4..=28);
        let (x0, y0) = (rng.random_range(0..=SIDE - length), rng.random_range(0..=SIDE - 6));
        let inside = |at: usize| (x0..x0 + length).contains(&(at % SIDE)) && (y0..y0 + 6).contains(&(at / SIDE % SIDE));
        values.extend((0..3 * SIDE * SIDE).map(|at| if inside(at) { 1f32 } else { 0.0 }));
        numbers.push(length as f32 / SIDE as f32);
    }
    let images = Tensor::from_vec(values, (count, 3, SIDE, SIDE), &Device::Cpu)?;
    let numbers = Tensor::from_vec(numbers, (count, 1), &Device::Cpu)?;
    TensorData::numbers(images, numbers, &["length"])?.split(0.25, seed).map(|data| data.batch(16))
}

fn vector(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}

/// The largest distance between the values of two networks.
fn apart(a: &Network, b: &Network) -> Result<f32> {
    let (a, b) = (a.params().snapshot()?, b.params().snapshot()?);
    assert_eq!(a.len(), b.len());
    let mut most = 0f32;
    for ((name, a), (other, b)) in a.iter().zip(&b) {
        assert_eq!(name, other);
        most = most.max((a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar()?);
    }
    Ok(most)
}

#[test]
fn a_cut_body_trains_and_is_saved_as_it_is() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cut.safetensors");
    let data = bars(32, 20)?;
    let mut cut = quiet(Learner::vision(Arch::default().cut(2), &data)?);
    let report = cut.load_report().expect("its weights are built in");
    assert!(report.complete(), "{report}");
    assert_eq!(cut.network().parts(), ["blocks.0", "blocks.1", "head"]);
    assert_eq!(cut.summary()?.rows[1].output, [48, 8, 8]);
    let names = cut.network().params().snapshot()?;
    assert!(names.iter().all(|(name, _)| !name.starts_with("blocks.2") && !name.starts_with("blocks.3")));
    cut.unfreeze_from("blocks.1")?.fit(1, 1e-3)?;
    cut.save(&path)?;
    let open = Learner::open(&path)?;
    assert_eq!((open.network().removed(), apart(open.network(), cut.network())?), (2, 0.0));
    assert_eq!(open.replace_head(&data)?.network().removed(), 2);
    let says = learner(&data)?.load(&path).unwrap_err().to_string();
    assert!(says.contains("holds a `small` without its last 2 blocks, this learner is a `small`"), "{says}");
    for too_many in [4, 99] {
        let says = Learner::vision(Arch::default().untrained().cut(too_many), &data).unwrap_err().to_string();
        assert!(says.contains("`small` has 4 blocks") && says.contains("cut at most 3"), "{says}");
    }
    Ok(())
}

#[test]
fn every_body_can_be_cut_and_used_for_features() -> Result<()> {
    // VGG's hundred million parameters are spared
    for arch in Arch::ALL.into_iter().filter(|arch| !arch.name().starts_with("vgg")) {
        let (whole, cut) = (
            Network::new(arch, HeadMaker::numbers(3), &Device::Cpu, 0)?,
            Network::cut(arch, 1, HeadMaker::numbers(3), &Device::Cpu, 0)?,
        );
        assert_eq!(cut.parts().len() + 1, whole.parts().len(), "{arch}");
        assert!(cut.params().params().iter().all(|param| param.group() < cut.parts().len()), "{arch}");
        let side = arch.picture();
        let pictures = Tensor::zeros((1, 3, side, side), candle_core::DType::F32, &Device::Cpu)?;
        let input = crate::data::Input::Picture(crate::data::Transform {
            size: side,
            resize: crate::data::ResizeMethod::Crop,
            normalize: arch.normalize(),
            greys: crate::data::Greys::Whole,
        });
        let shapes = cut.shapes(&input)?;
        let channels = shapes[cut.parts().len() - 2].channels()?;
        assert_eq!(cut.embed(&Fields::of("image", pictures.clone()))?.dims(), [1, channels], "{arch}");
        assert_eq!(shapes[cut.parts().len() - 1].get("numbers")?, [3], "{arch}");
        assert_eq!(cut.forward(&pictures, &Pass::eval())?.get("numbers")?.dims(), [1, 3], "{arch}");
    }
    Ok(())
}

#[test]
fn it_learns_numbers() -> Result<()> {
    let data = lengths(96, 21)?;
    let mut learner = quiet(Learner::regression(Arch::default().untrained(), &data)?);
    let report = learner.fit_one_cycle(12, 4e-3)?;
    let valid = report.valid.clone().expect("a quarter is kept for validation");
    // always saying the mean would be 0.19 off; over six seeds it ended between 0.06 and 0.08
    assert!(valid.get("mean error")? < 0.12, "{valid:?}");
    assert!(report.line().contains("mean error") && !report.line().contains("accuracy"), "{}", report.line());
    let found = learner.validate()?;
    assert!(found.classes.is_empty() && found.numbers[0].0 == "length");
    assert!((found.numbers[0].1 - valid.get("mean error")?).abs() < 1e-6);
    let says = learner.predict(picture(&data, 0)?)?;
    assert!(says.caption().starts_with("length 0.") && says.probabilities.is_empty(), "{}", says.caption());
    assert!(learner.confusion().unwrap_err().to_string().contains("numbers have no confusion matrix"));
    assert!(learner.top_losses(4)?.figure.is_some());
    assert!(learner.history().table().text().contains("mean error"));
    assert_eq!(learner.history().accuracy(), None);
    let folder = tempfile::tempdir()?;
    learner.save(folder.path().join("lengths.safetensors"))?;
    assert_eq!(Learner::open(folder.path().join("lengths.safetensors"))?.task().name(), "regress");
    Ok(())
}

#[test]
fn a_head_for_numbers_is_exchanged_for_one_for_classes_and_back() -> Result<()> {
    let (classes, numbers) = (bars(16, 22)?, lengths(16, 22)?);
    let learner = learner(&classes)?;
    let other = learner.replace_head(&numbers)?;
    assert_eq!((other.task().name(), other.classes().len()), ("regress", 1));
    assert_eq!(other.replace_head(&classes)?.task().name(), "classify");
    let says = Learner::regression(Arch::default(), &classes).unwrap_err().to_string();
    assert!(says.contains("no numbers") && says.contains("TensorData::numbers"), "{says}");
    let says = Learner::vision(Arch::default(), &numbers).unwrap_err().to_string();
    assert!(says.contains("has numbers (length), but no classes") && says.contains("Learner::regression"), "{says}");
    let images = || Tensor::zeros((2, 3, 8, 8), candle_core::DType::F32, &Device::Cpu);
    let wrong =
        TensorData::numbers(images()?, Tensor::new(&[1f32, f32::NAN], &Device::Cpu)?.reshape((2, 1))?, &["age"]);
    assert!(wrong.unwrap_err().to_string().contains("`age` of example 1 is no number"));
    let wrong = TensorData::numbers(images()?, Tensor::new(&[1f32, 2.0], &Device::Cpu)?, &["age"]);
    assert!(wrong.unwrap_err().to_string().contains("a column for each of 1 names, found values of [2]"));
    Ok(())
}

#[test]
fn an_embedding_is_the_mean_of_the_features() -> Result<()> {
    let data = bars(40, 23)?;
    let learner = learner(&data)?;
    let pictures: Vec<_> = (0..35).map(|id| picture(&data, id)).collect::<Result<_>>()?;
    let rows = learner.embed_all(&pictures)?;
    assert_eq!(rows.dims(), [35, 128]);
    let one = learner.transform()?.tensor(&pictures[33])?.unsqueeze(0)?;
    let expected = vector(&learner.network().features(&one, &Pass::eval())?.mean((2, 3))?)?;
    for (found, expected) in learner.embed(&pictures[33])?.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
    assert_eq!(learner.embed(&pictures[33])?.len(), 128);
    let none: [&str; 0] = [];
    assert!(learner.embed_all(&none).unwrap_err().to_string().contains("nothing to embed"));
    Ok(())
}

/// The boxes' part of the head after two epochs of plain SGD on a frozen body: no dropout, no BatchNorm on its way.
fn boxes_after(data: &TensorData, batch: usize, gathered: usize) -> Result<(Vec<f32>, u64)> {
    let data = data.clone().batch(batch);
    let mut learner = quiet(Learner::localization(Arch::default().untrained(), &data)?);
    learner.optimizer(Optimizer::sgd(0.9)).accumulate(gathered).freeze().fit(2, 1e-2)?;
    let conv = learner.network().params().get("head.box.conv1.weight").expect("a head with boxes has it");
    Ok((vector(&conv.value())?, learner.optimizer_state().state()[conv.name()].step))
}

#[test]
fn gathered_batches_train_as_large_ones() -> Result<()> {
    // 36 training pictures: batches of 12, 12, 12, or of 6, where the last step of an epoch is as large as the others
    let data = bars(48, 24)?;
    let (large, steps) = boxes_after(&data, 12, 1)?;
    let (gathered, gathered_steps) = boxes_after(&data, 6, 2)?;
    let (small, small_steps) = boxes_after(&data, 6, 1)?;
    assert_eq!((steps, gathered_steps, small_steps), (6, 6, 12));
    let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    assert!(apart(&large, &gathered) < 1e-6, "{:e}", apart(&large, &gathered));
    assert!(apart(&large, &small) > 1e-5, "{:e}", apart(&large, &small));
    // 36 pictures in sixes, four at a time: a step of 24 and one of the 12 that are left
    assert_eq!(boxes_after(&data, 6, 4)?.1, 4);
    Ok(())
}

#[test]
fn the_average_follows_the_weights_and_is_what_predicts() -> Result<()> {
    // 12 training pictures in one batch: a step an epoch
    let data = bars(16, 25)?.batch(16);
    let mut learner = learner(&data)?;
    learner.optimizer(Optimizer::sgd(0.0)).ema(0.75)?;
    let mut expected = learner.network().params().snapshot()?;
    // the first steps count more: 1/10, 2/11, 3/12 stay
    for step in 0..3 {
        learner.fit(1, 0.05)?;
        let keeps = f64::min(0.75, f64::from(1 + step) / f64::from(10 + step));
        for ((_, old), (_, new)) in expected.iter_mut().zip(learner.network().params().snapshot()?) {
            *old = ((&*old * keeps)? + (new * (1.0 - keeps))?)?;
        }
    }
    let average = learner.judged().copy()?;
    for ((name, expected), (_, found)) in expected.iter().zip(average.params().snapshot()?) {
        let off = (expected - found)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
        assert!(off < 1e-6, "{name}: {off:e}");
    }
    assert!(apart(&average, learner.network())? > 1e-3);
    let measured = learner.validate()?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("average.safetensors");
    learner.save_weights(&path)?;
    let mut alone = Learner::open(&path)?;
    assert_eq!(apart(alone.network(), &average)?, 0.0);
    assert!((alone.set_data(&data)?.validate()?.all.loss - measured.all.loss).abs() < 1e-6);
    let picture = picture(&data, 0)?;
    assert_eq!(alone.predict(&picture)?.score, learner.predict(&picture)?.score);
    Ok(())
}

#[test]
fn an_average_is_saved_and_goes_on() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ema.safetensors");
    let data = bars(32, 26)?;
    let mut whole = learner(&data)?;
    whole.ema(0.9)?.unfreeze_from("blocks.3")?.fit(2, 1e-3)?;
    whole.save(&path)?;
    let mut resumed = learner(&data)?;
    resumed.load(&path)?;
    assert_eq!(apart(resumed.judged(), whole.judged())?, 0.0);
    let (expected, found) = (whole.fit(2, 1e-3)?, resumed.fit(2, 1e-3)?);
    assert_eq!(apart(resumed.judged(), whole.judged())?, 0.0);
    assert_eq!(found.valid, expected.valid);
    assert!(apart(whole.network(), whole.judged())? > 0.0);
    learner(&data)?.save(&path)?;
    whole.load(&path)?;
    assert!(whole.average.is_some() && apart(whole.network(), whole.judged())? == 0.0, "it begins anew");
    for wrong in [1.0, -0.1, f64::NAN] {
        assert!(whole.ema(wrong).unwrap_err().to_string().contains("a number from 0 to below 1"));
    }
    Ok(())
}

#[test]
fn a_frozen_body_is_the_same_in_the_average_and_its_features_are_kept() -> Result<()> {
    let data = bars(32, 27)?;
    let mut learner = learner(&data)?;
    learner.freeze();
    learner.ema(0.9)?.fit(3, 1e-2)?;
    let body = |network: &Network| values(&network.params().under("blocks"));
    assert_eq!(body(learner.network())?, body(learner.judged())?);
    let kept = learner.average.as_ref().map(|average| average.cache.hits);
    assert_eq!(kept, Some(2 * 8), "validation in the second and third epoch");
    Ok(())
}

#[test]
fn the_search_for_a_rate_changes_nothing() -> Result<()> {
    let data = bars(48, 28)?;
    let run = |search: bool| -> Result<Learner> {
        let mut learner = learner(&data)?;
        learner.optimizer(Optimizer::sgd(0.9)).fit(1, 1e-2)?;
        if search {
            let before = learner.network().copy()?;
            let found = learner.lr_find()?;
            assert!(found.rates.windows(2).all(|pair| pair[0] < pair[1]) && (found.rates[0] - 1e-7).abs() < 1e-12);
            assert_eq!(found.rates.len(), found.losses.len());
            for rate in [found.valley, found.steep, found.minimum] {
                assert!((1e-7..=10.0).contains(&rate), "{rate}");
            }
            assert!(found.figure().size().0 > 0 && found.bundle().as_text().is_some());
            assert_eq!(apart(learner.network(), &before)?, 0.0);
        }
        learner.fit(1, 1e-2)?;
        Ok(learner)
    };
    let (searched, plain) = (run(true)?, run(false)?);
    assert_eq!(losses(&searched), losses(&plain));
    assert_eq!(apart(searched.network(), plain.network())?, 0.0);
    Ok(())
}

#[test]
fn fine_tuning_has_two_stages() -> Result<()> {
    let data = bars(32, 29)?;
    let mut learner = learner(&data)?;
    let report = learner.fine_tune(2)?;
    assert_eq!((report.epochs, learner.history().epochs.len()), ((2, 2), 3));
    let stages: Vec<&str> = learner.history().stages.iter().map(|stage| stage.label.as_str()).collect();
    assert_eq!(stages, ["head · 2.0e-3", "all · 1.0e-5 to 1.0e-3"]);
    // 2 batches an epoch: the second stage begins at a fifth of its rate
    assert!((learner.history().batches[2].rate - 2e-4).abs() < 1e-9, "{:?}", learner.history().batches[2]);
    Ok(())
}

#[test]
fn kept_features_notice_every_change_of_what_is_frozen() -> Result<()> {
    let data = bars(32, 30)?;
    let mut learner = learner(&data)?;
    let reused_by = |learner: &mut Learner| -> Result<usize> {
        learner.validate()?;
        let before = learner.features_reused();
        learner.validate()?;
        Ok(learner.features_reused() - before)
    };
    learner.freeze();
    assert_eq!(reused_by(&mut learner)?, 8);
    let params = learner.network().params().clone();
    let weight = params.get("blocks.0.conv.weight").expect("the small body has it");
    let loss = learner.validate()?.all.loss;
    weight.set(&(weight.value() * 1.5)?)?;
    assert_ne!(learner.validate()?.all.loss, loss, "a weight that was set by hand");
    // statistics that change places: their sum does not tell
    let mean = params.buffers().into_iter().find(|buffer| buffer.name() == "blocks.0.bn.running_mean").expect("too");
    let mut numbers: Vec<f32> = (0..24).map(|n| n as f32 / 24.0).collect();
    mean.set(&Tensor::new(numbers.clone(), &Device::Cpu)?)?;
    let loss = learner.validate()?.all.loss;
    numbers.reverse();
    mean.set(&Tensor::new(numbers, &Device::Cpu)?)?;
    assert_ne!(learner.validate()?.all.loss, loss, "running statistics in another order");
    let other = bars(32, 31)?;
    let loss = learner.validate()?.all.loss;
    assert_ne!(learner.set_data(&other)?.validate()?.all.loss, loss, "other pictures under the same numbers");
    learner.unfreeze_from("blocks.2")?;
    assert_eq!(reused_by(&mut learner)?, 8, "half a frozen body is kept as well");
    Ok(())
}

#[test]
fn the_audit_knows_a_gradient_of_zero_from_none() -> Result<()> {
    let data = bars(16, 32)?;
    let mut learner = learner(&data)?;
    // a head of zeros hands no slope on: every gradient of the body is there, and zero
    for param in learner.network().params().under("head") {
        param.set(&param.value().zeros_like()?)?;
    }
    assert!(learner.fit(1, 1e-3)?.notes.is_empty());
    learner.network().params().scope("spare", 0).param("weight", 3, crate::params::Init::Ones)?;
    let notes = learner.fit(1, 1e-3)?.notes;
    assert!(notes.len() == 1 && notes[0].contains("no gradient reaches 1 of") && notes[0].contains("spare.weight"));
    Ok(())
}

/// A file as candlewick wrote it before the learner was open: two epochs of a frozen body cut to its first block, clipped,
/// smoothed, two batches a step, averaged; and the losses of the epoch that came after it was saved. The cell:
///
/// ```text
/// let mut learner = Learner::vision(Arch::Small.untrained().cut(3), &data)?;
/// learner.quiet().clip(0.5).label_smoothing(0.1).accumulate(2);
/// learner.freeze();
/// learner.ema(0.5)?.fit(2, 1e-2)?;
/// learner.save("version1.safetensors")?;
/// learner.fit(1, 1e-2)?;
/// ```
#[test]
fn a_file_of_version_1_goes_on_as_it_did() -> Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/version1.safetensors");
    let images = (Tensor::arange(0f32, (8 * 3 * 16 * 16) as f32, &Device::Cpu)? * 0.37)?.sin()?;
    let labels = vec![0, 1, 0, 1, 0, 1, 0, 1];
    let data = TensorData::new(images.reshape((8, 3, 16, 16))?, labels, &["even", "odd"])?.split(0.25, 3)?.batch(3);
    let mut loaded = quiet(Learner::vision(Arch::Small.untrained().cut(3), &data)?);
    loaded.load(path)?;
    let mut opened = quiet(Learner::open(path)?);
    opened.set_data(&data)?;
    for learner in [&mut loaded, &mut opened] {
        assert_eq!((learner.task().name(), learner.history().epochs.len()), ("classify", 2));
        assert!(learner.history().accuracy().is_some(), "its measures are read");
        learner.fit(1, 1e-2)?;
        let found = &losses(learner)[4..];
        for (found, expected) in found.iter().zip([0.698_258_638_381_958, 0.719_051_599_502_562_5]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        assert_eq!(found.len(), 2);
    }
    Ok(())
}

#[test]
fn other_data_are_measured_by_the_same_verb() -> Result<()> {
    let data = bars(64, 31)?;
    let mut learner = learner(&data)?;
    learner.freeze().fit(2, 4e-3)?;
    let own = learner.validate()?;
    // unsplit data: all of it, and not the features that are kept of the learner's own
    let batch = bars(24, 32)?.batches(Part::Train)?.next().expect("a batch")?;
    let (images, labels) = (batch.inputs.get("image")?.clone(), batch.targets.get("class")?.to_vec1::<u32>()?);
    let count = labels.len();
    let swapped: Vec<u32> = labels.iter().map(|label| 1 - label).collect();
    let names = |data: &TensorData| data.spec().names().to_vec();
    let [first, second] = [&names(&data)[0], &names(&data)[1]];
    let other = TensorData::new(images.clone(), labels, &[first, second])?;
    let found = learner.evaluate_on(&other)?;
    let report = learner.classification_report_on(&other)?;
    assert_eq!(report.accuracy, Some(found.all.get("accuracy")?));
    assert_eq!(report.classes.iter().map(|one| one.support).sum::<usize>(), count);
    let table = learner.confusion_on(&other)?.table().csv();
    assert_eq!(table, learner.confusion_on(&other)?.table().csv());
    let numbers = table.lines().skip(1).flat_map(|line| line.split(',').skip(1).collect::<Vec<_>>());
    assert_eq!(numbers.filter_map(|cell| cell.parse::<usize>().ok()).sum::<usize>(), count, "{table}");
    assert_eq!(found.classes.iter().map(|class| class.pictures).sum::<usize>(), count);
    // the classes' order is theirs, the names count
    let turned = TensorData::new(images.clone(), swapped, &[second, first])?;
    assert_eq!(learner.evaluate_on(&turned)?, found);
    assert_eq!(learner.validate()?, own);
    let strange = TensorData::new(images.clone(), vec![0; count], &["zebra", first])?;
    let says = learner.evaluate_on(&strange).unwrap_err().to_string();
    assert!(says.contains("does not know `zebra`") && says.contains("`.drop(&[\"zebra\"])?`"), "{says}");
    let strange = TensorData::new(images.clone(), vec![0; count], &["zebra", "gnu"])?;
    let says = learner.evaluate_on(&strange).unwrap_err().to_string();
    assert!(says.contains("does not know `zebra`, `gnu`") && !says.contains("drop"), "{says}");
    let strange = TensorData::new(images.clone(), vec![0; count], &[&first.to_uppercase(), second])?;
    let says = learner.evaluate_on(&strange).unwrap_err().to_string();
    assert!(says.contains(&format!("`.rename(&[(\"{}\", \"{first}\")])?`", first.to_uppercase())), "{says}");
    let numbers = lengths(8, 1)?;
    let says = learner.evaluate_on(&numbers).unwrap_err().to_string();
    assert!(says.contains("these data have") && says.contains("the network tells"), "{says}");
    // a learner of more classes takes data of some of them
    let more = TensorData::new(images.clone(), [0, 1].repeat(count / 2), &["moon", "star"])?.split(0.25, 1)?;
    let mut both = quiet(learner.add_classes(&more)?);
    both.set_data(&other)?.set_data(&turned)?;
    assert_eq!(both.classes().len(), 4);
    assert!(both.set_data(&strange).unwrap_err().to_string().contains("the head tells"));
    // of what is not there nothing can be found
    let table = both.evaluate_on(&other)?.bundle();
    assert!(table.as_text().is_some_and(|text| text.contains("moon") && text.contains('–')), "{table:?}");
    // what is written down of a test is the learner's own
    assert!(learner.history().test.is_none());
    let held = bars(64, 33)?.hold_out(0.25, 1)?;
    let rest = held.count(Part::Valid);
    assert_eq!(learner.evaluate_on(&held)?.classes.iter().map(|class| class.pictures).sum::<usize>(), rest);
    assert!(learner.history().test.is_none());
    Ok(())
}

#[test]
fn numbers_are_measured_elsewhere_too() -> Result<()> {
    let mut learner = quiet(Learner::regression(Arch::default().untrained(), &lengths(32, 21)?)?);
    learner.fit(1, 4e-3)?;
    let found = learner.evaluate_on(&lengths(32, 5)?)?;
    assert!(found.numbers[0].0 == "length" && found.numbers[0].1.is_finite());
    assert_ne!(found, learner.validate()?);
    let map = learner.embedding_map()?;
    assert!(map.points.iter().all(|point| point.class.as_deref().is_some_and(|class| class.starts_with("length "))));
    assert!(map.figure.text().contains("length from"), "{}", map.figure.text());
    Ok(())
}

#[test]
fn a_rate_that_ruins_is_named() -> Result<()> {
    let data = bars(64, 8)?;
    let mut ruined = learner(&data)?;
    let notes = |report: FitReport| report.notes.join("\n");
    let said = notes(ruined.fit(4, 3.0)?);
    assert!(said.contains("a rate of 3") && said.contains("lr_find"), "{said} {:?}", losses(&ruined));
    let mut whole = learner(&data)?;
    let said = notes(whole.fit(8, 4e-3)?);
    assert!(!said.contains("the loss "), "{said}");
    // what was learned is lost
    let said = notes(whole.fit(2, 3.0)?);
    assert!(said.contains("the loss rose"), "{said}");
    Ok(())
}

//! Options of learner, optimiser and data that make no sense, and the forms that a rate may have.

use super::*;
use crate::data::{ImageFolder, Normalize, Order, Part};

/// Refused with this text and a remedy, and nothing was trained.
fn refused(learner: &mut Learner, rate: impl IntoRate, text: &str) {
    let says = learner.fit(1, rate).unwrap_err().to_string();
    assert!(says.contains(text) && says.contains("\n  → "), "{says}");
    assert!(learner.history().stages.is_empty() && learner.history().batches.is_empty());
}

/// A fit of two batches that has ruined the network says so, as a longer one does.
#[test]
fn a_ruinous_rate_is_told_of_a_short_fit_too() -> Result<()> {
    let data = bars(16, 5)?.batch(8);
    let told = |rate: f64| -> Result<bool> {
        let mut learner = quiet(Learner::vision(Arch::default().untrained(), &data)?);
        let report = learner.optimizer(Optimizer::sgd(0.9)).fit(1, rate)?;
        Ok(report.notes.iter().any(|note| note.contains("too high for this network")))
    };
    assert!(!told(1e-3)?);
    assert!(told(1e3)?);
    Ok(())
}

#[test]
fn options_that_make_no_sense_are_told_by_fit() -> Result<()> {
    let data = bars(16, 40)?;
    let mut learner = learner(&data)?;
    for rate in [0.0, -1e-3, f64::NAN, f64::INFINITY] {
        refused(&mut learner, rate, "; expected a finite positive number");
    }
    refused(&mut learner, 0, "the learning rate is 0.0e0; expected");
    refused(&mut learner, 1e-5..=f64::NAN, "the learning rate is 1.0e-5 to NaN; expected");
    for (norm, text) in [(-1.0, "-1"), (0.0, "0"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        learner.clip(norm);
        refused(&mut learner, 1e-3, &format!("the norm of `clip` is {text}; expected a finite number above 0"));
        assert!(learner.clip(norm).lr_find().unwrap_err().to_string().contains("`clip`"));
    }
    learner.clip(1.0).accumulate(0);
    refused(&mut learner, 1e-3, "`accumulate` is 0; expected 1 or more batches");
    learner.accumulate(1);
    for share in [2.0, 1.0, -0.1, f64::NAN] {
        learner.label_smoothing(share);
        let text = format!("the share of `label_smoothing` is {share}; expected a number from 0 to below 1");
        refused(&mut learner, 1e-3, &text);
    }
    learner.label_smoothing(0.1);
    let adamw = |beta1, beta2, eps| Optimizer::of(Rule::AdamW { beta1, beta2, eps, weight_decay: 0.01 });
    for (wrong, text) in [
        (Optimizer::adamw().weight_decay(f64::NAN), "`weight_decay` is NaN; expected a finite number, 0 or above"),
        (Optimizer::sgd(0.9).weight_decay(-0.1), "`weight_decay` is -0.1; expected a finite number, 0 or above"),
        (Optimizer::sgd(1.5), "the `momentum` of SGD is 1.5; expected a number from 0 to below 1"),
        (adamw(1.0, 0.9, 1e-8), "the `beta1` of AdamW is 1; expected a number from 0 to below 1"),
        (adamw(0.9, -1.0, 1e-8), "the `beta2` of AdamW is -1"),
        (adamw(0.9, 0.9, f64::INFINITY), "the `eps` of AdamW is inf"),
    ] {
        learner.optimizer(wrong);
        refused(&mut learner, 1e-3, text);
    }
    for (wrong, text) in [
        (Optimizer::adam().betas(0.9, 1.0), "the `beta2` of Adam is 1"),
        (Optimizer::lion().betas(f64::NAN, 0.99), "the `beta1` of Lion is NaN"),
        (Optimizer::lamb().momentum(2.0), "the `beta1` of LAMB is 2"),
        (Optimizer::lamb().weight_decay(-1.0), "`weight_decay` is -1"),
        (Optimizer::rmsprop().momentum(1.0), "the `momentum` of RMSprop is 1; expected a number from 0 to below 1"),
        (Optimizer::rmsprop().betas(0.0, -0.5), "the `alpha` of RMSprop is -0.5"),
    ] {
        learner.optimizer(wrong);
        refused(&mut learner, 1e-3, text);
    }
    for says in [learner.fit(0, 1e-3), learner.fit_one_cycle(0, 1e-3), learner.fine_tune(0)] {
        let says = says.unwrap_err().to_string();
        assert!(says.contains("`epochs` is 0; expected 1 or more passes") && says.contains("fit(3, 1e-3)"), "{says}");
    }
    assert!(learner.network().params().trainable().len() > 20, "fine_tune froze nothing");
    for count in [0, 9999] {
        let says = learner.top_losses(count).unwrap_err().to_string();
        assert!(says.contains(&format!("`learner.top_losses` is {count}; expected 1 to 1000")), "{says}");
    }
    for wrong in [1.0, -0.1, f64::NAN] {
        let says = learner.ema(wrong).expect_err("an error").to_string();
        assert!(says.contains(&format!("`ema` is {wrong}; expected a number from 0 to below 1")), "{says}");
    }
    // what made no sense was told once, and nothing of it is left
    learner.fit(1, 1e-3)?;
    let options = learner.options;
    assert_eq!((options.clip, options.accumulate, options.smoothing), (Some(1.0), 1, 0.1));
    assert_eq!(learner.optimizer_state().rule().name(), "AdamW");
    Ok(())
}

#[test]
fn an_option_that_makes_no_sense_is_told_once_and_leaves_the_old_one() -> Result<()> {
    let data = bars(16, 43)?;
    let mut learner = learner(&data)?;
    learner.clip(0.5).accumulate(2).label_smoothing(0.2).validate_every(2).optimizer(Optimizer::lion());
    learner.clip(-1.0).accumulate(0).label_smoothing(7.0).validate_every(0).optimizer(Optimizer::sgd(-1.0));
    for text in ["`clip` is -1", "`accumulate` is 0", "`label_smoothing` is 7", "`validate_every` is 0", "SGD is -1"] {
        refused(&mut learner, 1e-3, text);
    }
    // given again, it is as if nothing had been
    learner.accumulate(0).accumulate(3).fit(1, 1e-3)?;
    let options = learner.options;
    assert_eq!((options.clip, options.accumulate, options.smoothing, options.validate_every), (Some(0.5), 3, 0.2, 2));
    assert_eq!(learner.optimizer_state().rule().name(), "Lion");
    Ok(())
}

#[test]
fn a_rate_is_a_number_or_a_range_of_any_kind() -> Result<()> {
    let data = bars(16, 41)?;
    let mut learner = learner(&data)?;
    learner.freeze();
    learner.fit(1, 1)?;
    learner.fit_one_cycle(1, 1e-5..=1e-3)?;
    learner.fit(1, 1e-5..1e-3)?;
    learner.fit(1, 1e-3f32)?;
    let stages: Vec<&str> = learner.history().stages.iter().map(|stage| stage.label.as_str()).collect();
    let range = "head · 1.0e-5 to 1.0e-3";
    assert_eq!(stages, ["head · 1.0e0", range, range, "head · 1.0e-3"]);
    Ok(())
}

#[test]
fn data_that_makes_no_sense_is_refused_by_every_learner() -> Result<()> {
    let says = |data: &TensorData| Learner::vision_untrained(Arch::default(), data).unwrap_err().to_string();
    let data = bars(16, 42)?;
    let batch = says(&data.clone().batch(0));
    assert!(batch.contains("`batch` is 0; expected 1 or more examples\n  → 32 are usual"), "{batch}");
    assert!(data.clone().batch(0).train_batches(0).err().expect("an error").to_string().contains("`batch` is 0"));
    let std = says(&data.clone().normalized(Normalize { mean: [0.5; 3], std: [0.0; 3] }));
    assert!(std.contains("a `std` of the normalisation is 0; expected a finite number above 0"), "{std}");
    for share in [1.5, 0.0, -0.2, f64::NAN] {
        let says = data.clone().split(share, 42).unwrap_err().to_string();
        let text = format!("the share of `split` is {share}; expected a number between 0 and 1\n  → 0.2 keeps");
        assert!(says.contains(&text), "{says}");
    }
    let mut learner = learner(&data)?;
    assert!(learner.set_data(&data.clone().batch(0)).expect_err("an error").to_string().contains("`batch` is 0"));
    assert!(learner.replace_head(&data.clone().batch(0)).unwrap_err().to_string().contains("`batch` is 0"));

    let folder = tempfile::tempdir()?;
    for class in ["a", "b"] {
        std::fs::create_dir(folder.path().join(class))?;
        image::RgbImage::new(8, 8).save(folder.path().join(class).join("0.png"))?;
    }
    let pictures = ImageFolder::open(folder.path())?;
    for (wrong, text) in [
        (pictures.clone().size(0), "`size` is 0; expected 1 or more pixels"),
        (pictures.clone().size(1_000_000), "2 pictures of 1000000 × 1000000 pixels at once take 24 TB"),
        (pictures.clone().size(usize::MAX), "more than 1000 EB; expected at most 4 GB"),
        (pictures.batch(0), "`batch` is 0"),
    ] {
        let says = Learner::vision(Arch::default(), &wrong).unwrap_err().to_string();
        assert!(says.contains(text) && says.contains("\n  → "), "{says}");
    }
    Ok(())
}

/// Two classes of grey pictures.
fn greys(folder: &std::path::Path, side: u32) -> Result<ImageFolder> {
    for (class, value) in [("dark", 0u8), ("light", 255)] {
        std::fs::create_dir_all(folder.join(class))?;
        for number in 0..4u8 {
            let value = value.abs_diff(number);
            let picture = image::RgbImage::from_pixel(side, side, image::Rgb([value; 3]));
            picture.save(folder.join(class).join(format!("{number}.png")))?;
        }
    }
    Ok(ImageFolder::open(folder)?.split(0.25, 1)?.batch(4))
}

#[test]
fn pictures_are_normalised_as_the_network_was_trained() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = greys(folder.path(), 40)?;
    for (arch, said, expected) in [
        (Arch::EfficientNetLite0, None, Normalize::half()),
        (Arch::VitTiny, None, Normalize::half()),
        (Arch::ResNet18, None, Normalize::imagenet()),
        (Arch::EfficientNetLite0, Some(Normalize::none()), Normalize::none()),
    ] {
        let data = match said {
            Some(said) => data.clone().size(64).normalize(said),
            None => data.clone().size(64),
        };
        let learner = Learner::vision(arch.untrained(), &data)?;
        assert_eq!(learner.transform()?.normalize, expected, "{arch}");
        assert_eq!(learner.transform()?.size, 64, "{arch}");
        let batch = learner.need_data()?.batches(Part::Train, Order::Given)?.next().expect("a batch")?;
        let values = batch.inputs.get("image")?.flatten_all()?.to_vec1::<f32>()?;
        let brightest = (0..3).map(|c| (1.0 - expected.mean[c]) / expected.std[c]).fold(f32::MIN, f32::max);
        assert!((values.iter().copied().fold(f32::MIN, f32::max) - brightest).abs() < 0.2, "{arch}");
    }
    Ok(())
}

#[test]
fn a_network_keeps_its_size_and_normalisation_with_other_data() -> Result<()> {
    let (folder, file) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let path = file.path().join("greys.safetensors");
    let data = greys(folder.path(), 40)?;
    let mut learner =
        quiet(Learner::vision(Arch::Small.untrained(), &data.clone().size(48).normalize(Normalize::half()))?);
    learner.fit(1, 1e-3)?;
    learner.save(&path)?;
    let before = learner.validate()?;
    // Nothing is said of size and normalisation: the network's are taken.
    assert_eq!((data.transform().size, data.transform().normalize), (64, Normalize::imagenet()));
    assert_eq!(learner.set_data(&data)?.validate()?, before);
    let mut opened = Learner::open(&path)?;
    assert_eq!(opened.set_data(&data)?.validate()?, before);
    let mut loaded = Learner::vision(Arch::Small.untrained(), &data)?;
    loaded.load(&path)?;
    assert_eq!((loaded.transform()?, loaded.validate()?), (learner.transform()?, before.clone()));
    // What is said counts.
    opened.set_data(&data.clone().size(32))?;
    assert_eq!((opened.transform()?.size, opened.transform()?.normalize), (32, Normalize::half()));
    let replaced = opened.replace_head(&data)?;
    assert_eq!(replaced.transform()?.normalize, Normalize::half());
    Ok(())
}

#[test]
fn a_file_of_other_classes_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bars.safetensors");
    let data = bars(16, 50)?;
    learner(&data)?.save(&path)?;
    for names in [["standing", "lying"], ["cat", "dog"], ["Lying", "standing"]] {
        let images = Tensor::zeros((4, 3, SIDE, SIDE), candle_core::DType::F32, &Device::Cpu)?;
        let mut other = learner(&TensorData::new(images, vec![0, 1, 1, 0], &names)?)?;
        let before = values(&other.network().params().params())?;
        let says = other.load(&path).unwrap_err().to_string();
        assert!(
            says.contains("trained for lying, standing, this learner tells") && says.contains(&names.join(", ")),
            "{says}"
        );
        assert!(says.contains("Learner::open(path)?"), "{says}");
        assert_eq!(
            (other.classes(), values(&other.network().params().params())?),
            (&names.map(str::to_owned)[..], before)
        );
    }
    Ok(())
}

#[test]
fn options_come_back_from_a_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bars.safetensors");
    let data = bars(48, 51)?;
    let mut whole = learner(&data)?;
    whole.clip(0.05).accumulate(2).label_smoothing(0.2).keep_features(false);
    whole.fit(1, 1e-3)?;
    whole.save(&path)?;
    whole.fit(1, 1e-3)?;
    for mut resumed in [quiet(Learner::open(&path)?), learner(&data)?] {
        resumed.set_data(&data)?.load(&path)?;
        resumed.fit(1, 1e-3)?;
        assert_eq!(losses(&resumed), losses(&whole));
        let options = resumed.options;
        assert_eq!((options.clip, options.accumulate, options.smoothing), (Some(0.05), 2, 0.2));
        assert!(!options.keep_features);
    }
    Ok(())
}

#[test]
fn an_answer_that_is_no_number_is_told() -> Result<()> {
    let data = bars(16, 52)?;
    let mut learner = learner(&data)?;
    for param in learner.network().params().params() {
        param.set(&(param.value() * f64::NAN)?)?;
    }
    let found = learner.validate()?;
    assert_eq!((found.all.get("accuracy")?, found.classes[1].recall, found.classes[1].precision), (0.0, 0.0, 0.0));
    let says = learner.lr_find().unwrap_err().to_string();
    assert!(says.contains("the network has diverged") && says.contains("load a checkpoint"), "{says}");
    assert_eq!(learner.confusion_matrix()?.concat().iter().sum::<usize>(), 0);
    learner.top_losses(2)?;
    let says = learner.predict(image::RgbImage::new(8, 8)).unwrap_err().to_string();
    assert!(says.contains("no number: it has diverged") && says.contains("lower rate"), "{says}");
    Ok(())
}

#[test]
fn published_weights_predict_without_data() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let source = Network::new(Arch::EfficientNetLite0, HeadMaker::classes(5), &Device::Cpu, 9)?;
    // timm's names, wrapped as `torch.compile` and `DataParallel` do
    let rename = |name: String| format!("_orig_mod.module.{}", name.replace("head.linear.", "classifier."));
    let tensors: Vec<_> = source.params().snapshot()?.into_iter().map(|(name, value)| (rename(name), value)).collect();
    let path = folder.path().join("lite0.safetensors");
    crate::params::write_tensors(&path, &tensors, std::collections::HashMap::new())?;
    let trained = crate::models::Trained::open(&path)?;
    let learner = Learner::published(Arch::EfficientNetLite0, &trained)?;
    assert_eq!(learner.classes()[4], "class 4");
    assert_eq!((learner.transform()?.size, learner.transform()?.normalize), (224, Normalize::half()));
    assert!(learner.load_report().is_some_and(|report| report.complete()));
    let picture = image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8 * 3, y as u8 * 5, 90]));
    let tensor = learner.transform()?.tensor(&picture)?.unsqueeze(0)?;
    let said = source.forward(&tensor, &Pass::eval())?.get("logits")?.get(0)?.to_vec1::<f32>()?;
    let most = (0..5).max_by(|a, b| said[*a].total_cmp(&said[*b])).expect("five");
    assert_eq!(learner.predict(&picture)?.class, most);
    let body: Vec<_> = tensors.into_iter().filter(|(name, _)| !name.contains("classifier")).collect();
    crate::params::write_tensors(&path, &body, std::collections::HashMap::new())?;
    let says =
        Learner::published(Arch::EfficientNetLite0, &crate::models::Trained::open(&path)?).unwrap_err().to_string();
    assert!(says.contains("holds no head") && says.contains("Learner::vision"), "{says}");
    Ok(())
}

#[test]
fn a_learners_seed_is_that_of_the_order_too() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bars.safetensors");
    let data = bars(48, 53)?;
    let order = |learner: &Learner| -> Result<Vec<usize>> {
        let batches = learner.need_data()?.batches(Part::Train, Order::Epoch(3))?;
        Ok(batches.map(|batch| Ok(batch?.ids)).collect::<Result<Vec<_>>>()?.concat())
    };
    let mut first = learner(&data)?;
    let of_data = order(&first)?;
    first.seed(7);
    let of_seven = order(&first)?;
    assert_ne!(of_seven, of_data);
    first.save(&path)?;
    let mut loaded = learner(&data.clone().seeded(99))?;
    loaded.load(&path)?;
    let mut opened = Learner::open(&path)?;
    opened.set_data(&data)?;
    assert_eq!((order(&loaded)?, order(&opened)?), (of_seven.clone(), of_seven));
    Ok(())
}

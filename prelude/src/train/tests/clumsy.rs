//! Options of learner, optimiser and data that make no sense, and the forms that a rate may have.

use super::*;
use crate::data::{ImageFolder, Normalize};

/// Refused with this text and a remedy, and nothing was trained.
fn refused(learner: &mut Learner, rate: impl IntoRate, text: &str) {
    let says = learner.fit(1, rate).unwrap_err().to_string();
    assert!(says.contains(text) && says.contains("\n  → "), "{says}");
    assert!(learner.history().stages.is_empty() && learner.history().batches.is_empty());
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
        assert!(learner.lr_find().unwrap_err().to_string().contains("`clip`"));
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
    learner.optimizer(Optimizer::adamw());
    for says in [learner.fit(0, 1e-3), learner.fit_one_cycle(0, 1e-3), learner.fine_tune(0)] {
        let says = says.unwrap_err().to_string();
        assert!(says.contains("`epochs` is 0; expected 1 or more passes") && says.contains("fit(3, 1e-3)"), "{says}");
    }
    assert!(learner.model().params().trainable().len() > 20, "fine_tune froze nothing");
    for count in [0, 9999] {
        let says = learner.top_losses(count).unwrap_err().to_string();
        assert!(says.contains(&format!("`learner.top_losses` is {count}; expected 1 to 1000 pictures")), "{says}");
    }
    for wrong in [1.0, -0.1, f64::NAN] {
        let says = learner.ema(wrong).expect_err("an error").to_string();
        assert!(says.contains(&format!("`ema` is {wrong}; expected a number from 0 to below 1")), "{says}");
    }
    // all put right again
    learner.fit(1, 1e-3)?;
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
    assert!(batch.contains("`batch` is 0; expected 1 or more pictures\n  → 32 are usual"), "{batch}");
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

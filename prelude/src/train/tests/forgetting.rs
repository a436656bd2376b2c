//! More classes without losing the old ones.

use super::*;

/// Squares, which are a third class beside bars, and some lying bars.
fn squares(count: usize, seed: u64) -> Result<TensorData> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for index in 0..count {
        let label = (index % 2) as u32;
        let (w, h) = if label == 0 { (12, 12) } else { (16, 6) };
        let (x0, y0) = (rng.random_range(0..=SIDE - w), rng.random_range(0..=SIDE - h));
        for at in 0..3 * SIDE * SIDE {
            let (x, y) = (at % SIDE, at / SIDE % SIDE);
            let inside = (x0..x0 + w).contains(&x) && (y0..y0 + h).contains(&y);
            values.push(rng.random_range(0.0..0.3f32) + if inside { 0.7 } else { 0.0 });
        }
        labels.push(label);
    }
    let images = Tensor::from_vec(values, (count, 3, SIDE, SIDE), &Device::Cpu)?;
    TensorData::new(images, labels, &["square", "lying"])?.split(0.25, seed).map(|data| data.batch(12))
}

/// Bars without their boxes.
fn plain(count: usize, seed: u64) -> Result<TensorData> {
    let data = bars(count, seed)?;
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for part in [crate::data::Part::Train, crate::data::Part::Valid] {
        for batch in data.batches(part)? {
            let batch = batch?;
            images.push(batch.inputs.get("image")?.clone());
            labels.extend(batch.targets.get("class")?.to_vec1::<u32>()?);
        }
    }
    let images = Tensor::cat(&images, 0)?;
    TensorData::new(images, labels, &["lying", "standing"])?.split(0.25, seed).map(|data| data.batch(16))
}

fn rows(learner: &Learner, name: &str) -> Result<Vec<Vec<f32>>> {
    Ok(learner.network().params().get(name).expect("a head has it").value().to_vec2()?)
}

#[test]
fn a_wider_head_keeps_its_old_rows() -> Result<()> {
    let mut old = learner(&plain(64, 1)?)?;
    old.fit(2, 4e-3)?;
    let new = squares(32, 2)?;
    let both = old.add_classes(&new)?;
    assert_eq!(both.classes(), ["lying", "standing", "square"]);
    let (before, after) = (rows(&old, "head.linear.weight")?, rows(&both, "head.linear.weight")?);
    assert_eq!((&after[..2], after.len()), (&before[..], 3));
    // for the old classes it answers as before
    let x = new.batches(crate::data::Part::Train)?.next().expect("there is one")?;
    let logits = |learner: &Learner| {
        learner
            .network()
            .forward(x.inputs.get("image")?, &Pass::eval())?
            .get("logits")?
            .to_vec2::<f32>()
            .map_err(crate::Error::from)
    };
    for (before, after) in logits(&old)?.iter().zip(logits(&both)?) {
        assert_eq!(before[..], after[..2]);
    }
    let error = both.add_classes(&new).unwrap_err().to_string();
    assert!(error.contains("knows all classes of the data") && error.contains("set_data"), "{error}");
    let images = Tensor::zeros((4, 3, SIDE, SIDE), candle_core::DType::F32, &Device::Cpu)?;
    let numbers =
        TensorData::numbers(images.clone(), Tensor::zeros((4, 1), candle_core::DType::F32, &Device::Cpu)?, &["age"])?;
    assert!(old.add_classes(&numbers).unwrap_err().to_string().contains("replace_head"));
    // boxes: the part that says where is kept whole
    let place = quiet(Learner::localization(Arch::default().untrained(), &bars(32, 3)?)?);
    let boxes = Tensor::full(0.5f32, (4, 4), &Device::Cpu)?;
    let more = TensorData::new(images.clone(), vec![0, 1, 0, 1], &["cross", "lying"])?.boxes(boxes)?;
    let wider = place.add_classes(&more)?;
    let conv =
        |learner: &Learner| learner.network().params().get("head.box.conv1.weight").expect("it is there").fingerprint();
    assert_eq!(conv(&place)?, conv(&wider)?);
    assert_eq!(rows(&place, "head.class.linear.weight")?, rows(&wider, "head.class.linear.weight")?[..2]);
    // several labels: what each share has to reach is kept too
    let truth = Tensor::new(&[[1f32, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]], &Device::Cpu)?;
    let labels = quiet(Learner::labels(
        Arch::default().untrained(),
        &TensorData::labels(images.clone(), truth.clone(), &["sea", "boat"])?,
    )?);
    let wider = labels.add_classes(&TensorData::labels(images, truth, &["boat", "sky"])?)?;
    assert_eq!(wider.classes(), ["sea", "boat", "sky"]);
    assert_eq!(rows(&labels, "head.linear.weight")?, rows(&wider, "head.linear.weight")?[..2]);
    Ok(())
}

#[test]
fn what_the_old_classes_get_right_is_a_column_and_rehearsal_keeps_it() -> Result<()> {
    let old_data = plain(160, 4)?;
    let mut old = learner(&old_data)?;
    old.fit_one_cycle(8, 4e-3)?;
    let before = old.validate()?.all.get("accuracy")?;
    assert!(before > 0.85, "{before}");
    let new = squares(64, 5)?;
    let run = |keep: &dyn Fn(&mut Learner) -> Result<()>| -> Result<Learner> {
        let mut both = quiet(old.add_classes(&new)?);
        both.keep_old_classes(&old_data)?;
        keep(&mut both)?;
        let held = both.callbacks.iter().count();
        let said = both.fit(4, 2e-3)?.notes.join("\n");
        let left = both
            .history()
            .epochs
            .last()
            .and_then(|epoch| epoch.valid.as_ref())
            .expect("it is measured")
            .get("old accuracy")?;
        assert_eq!(said.contains("what was learned before is being lost"), left < 0.5 && held == 0, "{left} {said}");
        Ok(both)
    };
    let measured = |learner: &Learner| {
        let epochs = &learner.history().epochs;
        assert_eq!(epochs.len(), 4);
        epochs.last().and_then(|epoch| epoch.valid.as_ref()).expect("it is measured").get("old accuracy")
    };
    let plain = measured(&run(&|_| Ok(()))?)?;
    let rehearsed = run(&|both| both.rehearse(&old_data, 0.5).map(|_| ()))?;
    let kept = measured(&rehearsed)?;
    // standing bars are in no new picture: without old ones they are forgotten
    assert!(kept > 0.6 && kept > plain + 0.3, "{kept} {plain}");
    // the same number as the old data itself gives
    let mut judge = rehearsed;
    let renamed = crate::data::Renamed::of(crate::data::CloneData::boxed(&old_data), judge.classes())?;
    let verdicts = judge.judge_part(&renamed, crate::data::Part::Valid, true)?.1;
    let right = verdicts.iter().filter(|one| one.answer.class == one.truth.class).count();
    assert!((right as f64 / verdicts.len() as f64 - kept).abs() < 1e-9);
    Ok(())
}

#[test]
fn distillation_is_a_part_of_the_loss() -> Result<()> {
    let mut old = learner(&plain(64, 6)?)?;
    old.fit(2, 4e-3)?;
    let new = squares(48, 7)?;
    let answers = |learner: &Learner| -> Result<Vec<Vec<f32>>> {
        let mut rows = Vec::new();
        for batch in new.batches(crate::data::Part::Train)? {
            let said = learner.network().forward(batch?.inputs.get("image")?, &Pass::eval())?;
            rows.extend(crate::ops::softmax(&said.get("logits")?.narrow(1, 0, 2)?, 1)?.to_vec2::<f32>()?);
        }
        Ok(rows)
    };
    let teacher = answers(&old)?;
    let apart = |weight: Option<f64>| -> Result<f32> {
        let mut both = quiet(old.add_classes(&new)?);
        if let Some(weight) = weight {
            both.distill(&old, 2.0, weight)?;
        }
        both.fit(4, 2e-3)?;
        let found = answers(&both)?;
        let gaps = found.iter().zip(&teacher).map(|(found, teacher)| (found[0] - teacher[0]).abs());
        Ok(gaps.sum::<f32>() / teacher.len() as f32)
    };
    let (free, held) = (apart(None)?, apart(Some(10.0))?);
    assert!(held < 0.5 * free, "{held} {free}");
    // the teacher is a copy: it stays as it was
    assert_eq!(answers(&old)?, teacher);
    let mut both = quiet(old.add_classes(&new)?);
    for (temperature, weight) in [(0.0, 1.0), (f64::NAN, 1.0), (2.0, -1.0)] {
        assert!(both.distill(&old, temperature, weight).unwrap_err().to_string().contains("of `distill`"));
    }
    let stranger = learner(&squares(16, 8)?)?;
    let other = quiet(Learner::vision_untrained(Arch::default(), &plain(16, 9)?)?);
    assert!(both.distill(&stranger, 2.0, 1.0).is_ok(), "square and lying");
    let mut small = other;
    assert!(small.distill(&stranger, 2.0, 1.0).unwrap_err().to_string().contains("share no two classes"));
    Ok(())
}

#[test]
fn rehearsal_goes_on_where_a_file_left_it() -> Result<()> {
    let (old_data, new) = (plain(32, 10)?, squares(32, 11)?);
    let old = learner(&old_data)?;
    let start = || -> Result<Learner> {
        let mut both = quiet(old.add_classes(&new)?);
        both.rehearse(&old_data, 0.25)?.distill(&old, 2.0, 1.0)?;
        Ok(both)
    };
    let mut whole = start()?;
    whole.fit(1, 1e-3)?;
    let folder = tempfile::tempdir()?;
    whole.save(folder.path().join("half.safetensors"))?;
    whole.fit(2, 1e-3)?;
    let mut resumed = start()?;
    resumed.load(folder.path().join("half.safetensors"))?;
    resumed.fit(2, 1e-3)?;
    assert_eq!(losses(&whole), losses(&resumed));
    Ok(())
}

#[test]
fn what_makes_no_sense_is_refused() -> Result<()> {
    let (old_data, new) = (plain(32, 12)?, squares(32, 13)?);
    let mut both = quiet(learner(&old_data)?.add_classes(&new)?);
    for share in [0.0, 1.0, -0.5, f64::NAN] {
        assert!(both.rehearse(&old_data, share).unwrap_err().to_string().contains("the share of `rehearse`"));
    }
    let images = Tensor::zeros((4, 3, SIDE, SIDE), candle_core::DType::F32, &Device::Cpu)?;
    let other = TensorData::new(images.clone(), vec![0, 1, 0, 1], &["bee", "ant"])?;
    let texts = crate::data::TextTable::from_texts(&[("a day", "good"), ("a night", "bad")])?;
    let error = both.keep_old_classes(&texts).unwrap_err().to_string();
    assert!(error.contains("the network takes pictures") && error.contains("text"), "{error}");
    let error = both.keep_old_classes(&other).unwrap_err().to_string();
    assert!(error.contains("does not know `bee`") && error.contains("add_classes"), "{error}");
    let large = Tensor::zeros((4, 3, 40, 40), candle_core::DType::F32, &Device::Cpu)?;
    both.rehearse(&TensorData::new(large, vec![0, 1, 0, 1], &["lying", "standing"])?, 0.25)?;
    let error = both.fit(1, 1e-3).unwrap_err().to_string();
    assert!(error.contains("`rehearsal` failed") && error.contains("one size"), "{error}");
    let unparted = TensorData::new(images, vec![0, 1, 0, 1], &["lying", "standing"])?;
    let mut alone = learner(&unparted)?;
    assert!(alone.keep_old_classes(&unparted).unwrap_err().to_string().contains("no validation examples"));
    Ok(())
}

/// Pictures of noise with labels.
fn labelled(names: &[&str], seed: u64) -> Result<TensorData> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let images: Vec<f32> = (0..16 * 3 * SIDE * SIDE).map(|_| rng.random_range(0.0..1.0f32)).collect();
    let truth: Vec<f32> = (0..16 * names.len()).map(|_| f32::from(rng.random_range(0..2u8))).collect();
    let images = Tensor::from_vec(images, (16, 3, SIDE, SIDE), &Device::Cpu)?;
    let truth = Tensor::from_vec(truth, (16, names.len()), &Device::Cpu)?;
    TensorData::labels(images, truth, names)?.split(0.25, seed).map(|data| data.batch(4))
}

/// The parts of a fit's last loss by name.
fn parts(learner: &Learner) -> Vec<(String, f64)> {
    learner.history().epochs.last().expect("an epoch").parts.clone()
}

#[test]
fn labels_are_rehearsed_and_distilled() -> Result<()> {
    let (old_data, new) = (labelled(&["sea", "boat"], 20)?, labelled(&["boat", "sky"], 21)?);
    let mut old = quiet(Learner::labels(Arch::default().untrained(), &old_data)?);
    old.fit(2, 1e-3)?;
    let mut both = quiet(old.add_classes(&new)?);
    let shapes = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&shapes);
    both.rehearse(&old_data, 0.5)?.distill(&old, 2.0, 1.0)?.add(move |when: When, fit: &mut Fit| {
        if when == When::LossKnown {
            let batch = fit.batch()?;
            seen.lock()
                .expect("no panic")
                .push((batch.targets.get("labels")?.dims().to_vec(), batch.inputs.get("image")?.dims()[0]));
        }
        Ok(Next::Go)
    });
    both.fit(1, 1e-4)?;
    assert_eq!(shapes.lock().expect("no panic")[..], vec![(vec![8, 3], 8); 3]);
    assert!(parts(&both).iter().any(|(name, value)| name == "distillation" && value.is_finite()), "{:?}", parts(&both));
    let stranger = quiet(Learner::labels(Arch::default().untrained(), &labelled(&["moon"], 22)?)?);
    let error = both.distill(&stranger, 2.0, 1.0).unwrap_err().to_string();
    assert!(error.contains("share no class"), "{error}");
    let error = both.distill(&learner(&plain(16, 23)?)?, 2.0, 1.0).unwrap_err().to_string();
    assert!(error.contains("the older network tells") && error.contains("add_classes"), "{error}");
    both.keep_old_classes(&old_data)?.keep_old_classes(&old_data)?.fit(1, 1e-4)?;
    let measured = both.history().epochs.last().and_then(|epoch| epoch.valid.clone()).expect("it is measured");
    let olds: Vec<f64> = measured.list.iter().filter(|one| one.name.starts_with("old ")).map(|one| one.value).collect();
    assert!(olds.len() == 1 && (0.0..=1.0).contains(&olds[0]), "{measured:?}");
    assert!(both.rehearse(&plain(16, 24)?, 0.5).unwrap_err().to_string().contains("the old data has"));
    Ok(())
}

#[test]
fn a_detector_keeps_what_it_knows_by_both() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let drawn = crate::datasets::scenes::photographs(folder.path().join("drawn"), 16, 128u32, 5)?;
    let all = crate::data::Boxes::open(drawn.join("annotations.json"))?;
    let (first, second) = (all.classes()[..3].to_vec(), all.classes()[2..].to_vec());
    let only = |names: &[String]| all.clone().only(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let prepared = |data: crate::data::Boxes| {
        data.split(0.25, 3).map(|data| data.size(96).batch(4).augment(crate::data::Augment::mosaic()))
    };
    let (old_data, new) = (prepared(only(&first)?)?, prepared(only(&second)?)?);
    let mut old = quiet(Learner::detection(crate::models::Detector::YoloxNano.untrained(), &old_data)?);
    old.fit(1, 1e-3)?;
    let apart = |keep: bool| -> Result<f64> {
        let mut both = quiet(old.add_classes(&new)?);
        if keep {
            both.distill(&old, 2.0, 5.0)?;
        }
        both.fit(3, 2e-3)?;
        // what both say of the same pictures, of the old classes alone
        let batch = crate::data::Data::batches(&new, crate::data::Part::Valid, crate::data::Order::Given)?
            .next()
            .expect("one")?;
        let said = |learner: &Learner| -> Result<Tensor> {
            Ok(learner.network().rest(0, &batch.inputs, &Pass::eval())?.get("yolox")?.narrow(1, 0, 5 + first.len())?)
        };
        Ok(f64::from((said(&both)? - said(&old)?)?.sqr()?.mean_all()?.to_scalar::<f32>()?))
    };
    let (free, held) = (apart(false)?, apart(true)?);
    assert!(held < 0.7 * free, "{held} {free}");
    let mut both = quiet(old.add_classes(&new)?);
    let boxes = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&boxes);
    both.rehearse(&old_data, 0.5)?.add(move |when: When, fit: &mut Fit| {
        if when == When::LossKnown {
            let batch = fit.batch()?;
            let of = batch.targets.get("box_of")?.to_vec1::<u32>()?;
            let own = (batch.len() / 2) as u32;
            let classes = batch.targets.get("box_class")?.to_vec1::<u32>()?;
            let pairs: Vec<(bool, u32)> = of.iter().map(|of| *of >= own).zip(classes).collect();
            seen.lock().expect("no panic").extend(pairs);
            assert_eq!(batch.inputs.get("image")?.dims()[0], batch.targets.get("source")?.dims()[0]);
        }
        Ok(Next::Go)
    });
    both.keep_old_classes(&old_data)?.fit(2, 1e-3)?;
    let measured = both.history().epochs.last().and_then(|epoch| epoch.valid.clone()).expect("it is measured");
    assert!(
        measured.list.iter().any(|one| one.name.starts_with("old ") && (0.0..=1.0).contains(&one.value)),
        "{measured:?}"
    );
    let boxes = boxes.lock().expect("no panic");
    // the old classes come first in the list, and in the old pictures alone
    assert!(
        boxes.iter().filter(|(is_old, _)| *is_old).all(|(_, class)| *class < 3)
            && boxes.iter().any(|(is_old, _)| *is_old)
    );
    assert!(boxes.iter().filter(|(is_old, _)| !*is_old).all(|(_, class)| *class >= 2));
    assert!(parts(&both).iter().all(|(_, value)| value.is_finite()));
    Ok(())
}

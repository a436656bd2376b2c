//! Callbacks that end, keep, log and guard a fit.

use std::sync::{Arc, Mutex};

use super::*;
use crate::Error;
use crate::show::Show;

/// Says what it was told to, one value an epoch.
struct Told {
    name: &'static str,
    values: Vec<f64>,
    better: Better,
    at: usize,
}

impl Told {
    fn new(values: &[f64], better: Better) -> Told {
        Told { name: "told", values: values.to_vec(), better, at: 0 }
    }
}

impl Metric for Told {
    fn name(&self) -> &str {
        self.name
    }
    fn unit(&self) -> Unit {
        Unit::Number
    }
    fn better(&self) -> Better {
        self.better
    }
    fn add(&mut self, _: &Seen) -> Result<()> {
        Ok(())
    }
    fn value(&self) -> f64 {
        self.values[(self.at - 1).min(self.values.len() - 1)]
    }
    fn reset(&mut self) {
        self.at += 1;
    }
}

fn told(values: &[f64], better: Better) -> Result<Learner> {
    let mut learner = learner(&bars(16, 80)?)?;
    learner.freeze().metric(Told::new(values, better));
    Ok(learner)
}

fn weights(learner: &Learner) -> Result<Vec<(String, u64)>> {
    values(&learner.network().params().params())
}

#[test]
fn early_stopping_waits_and_knows_which_way_is_better() -> Result<()> {
    // by hand after Keras' rule: epoch 2 is best; 3 and 4 do not exceed it
    for (values, better, delta, expected) in [
        (&[0.5, 0.6, 0.55, 0.6, 0.9][..], Better::Higher, 0.0, 4),
        (&[0.5, 0.4, 0.45, 0.4, 0.1][..], Better::Lower, 0.0, 4),
        (&[0.5, 0.55, 0.58, 0.68, 0.9][..], Better::Higher, 0.1, 3),
        (&[0.5, 0.6, 0.7, 0.8, 0.9][..], Better::Higher, 0.05, 5),
    ] {
        let mut learner = told(values, better)?;
        learner.add(EarlyStopping::new("told").patience(2).min_delta(delta));
        let report = learner.fit(5, 1e-3)?;
        assert_eq!(report.epochs, (expected, 5), "{values:?} {delta}");
        let said = report.notes.iter().any(|note| note.contains("`told` has not become better for 2 epochs"));
        assert_eq!(said, expected < 5, "{:?}", report.notes);
        // the next fit counts anew
        assert_eq!(learner.fit(1, 1e-3)?.epochs, (1, 1));
    }
    Ok(())
}

#[test]
fn a_value_that_is_no_number_is_never_the_best_and_said() -> Result<()> {
    for better in [Better::Higher, Better::Lower] {
        let mut learner = told(&[0.5, f64::NAN, f64::NAN, 0.5], better)?;
        learner.add(EarlyStopping::new("told").patience(2)).add(BestWeights::new("told"));
        let report = learner.fit(4, 1e-3)?;
        assert_eq!(report.epochs, (3, 4), "{better:?}");
        let notes = report.notes.join("\n");
        assert!(notes.contains("`told` is NaN in epoch 2: that is never better"), "{notes}");
        assert!(notes.contains("the best was 0.5000 in epoch 1"), "{notes}");
        assert!(notes.contains("`told` is no finite number in epoch 2, 3"), "{notes}");
        assert!(notes.contains("`told` 0.5000 in epoch 1; put back"), "{notes}");
        // one that never is a number
        let mut learner = told(&[f64::NAN], better)?;
        learner.add(EarlyStopping::new("told").patience(1)).add(BestWeights::new("told"));
        let notes = learner.fit(4, 1e-3)?.notes.join("\n");
        assert!(notes.contains("was no finite number for 1 epoch") && notes.contains("no epoch ended with"), "{notes}");
    }
    Ok(())
}

#[test]
fn the_best_weights_come_back() -> Result<()> {
    for averaged in [false, true] {
        let mut learner = told(&[0.1, 0.9, 0.3, 0.2], Better::Higher)?;
        if averaged {
            learner.ema(0.9)?;
        }
        let kept = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&kept);
        learner.add(BestWeights::new("told")).add(move |when: When, fit: &mut Fit| {
            if when == When::EpochEnded {
                let both = [fit.network(), fit.judged()].map(|network| values(&network.params().params()));
                let both: Vec<_> = both.into_iter().collect::<Result<_>>()?;
                seen.lock().expect("nobody panicked").push(both);
            }
            Ok(Next::Go)
        });
        let report = learner.fit(4, 1e-2)?;
        assert!(report.notes.iter().any(|note| note == "best weights: `told` 0.9000 in epoch 2; put back"));
        // the headline is of the weights that it leaves
        assert_eq!((report.put_back, report.valid.as_ref()), (Some(2), learner.history().epochs[1].valid.as_ref()));
        let line = report.line();
        assert!(line.contains("told 0.9000") && line.ends_with("(epoch 2, whose weights were put back)"), "{line}");
        let kept = kept.lock().expect("nobody panicked");
        assert_eq!(weights(&learner)?, kept[1][0]);
        assert_eq!(values(&learner.judged().params().params())?, kept[1][1]);
        assert!(kept[1] != kept[3] && (kept[1][0] != kept[1][1]) == averaged);
    }
    // where the last epoch is the best, or the fit has none, nothing is put back
    let mut learner = told(&[0.1, 0.2], Better::Higher)?;
    let notes = learner.add(BestWeights::new("told")).fit(2, 1e-3)?.notes;
    assert_eq!(notes, ["best weights: those of the last epoch (`told` 0.2000 in epoch 2)"]);
    Ok(())
}

#[test]
fn measures_that_are_not_there_are_told_before_the_first_epoch() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let none = bars(16, 81)?.split(0.25, 1)?;
    let says = |add: &dyn Fn(&mut Learner)| -> Result<String> {
        let mut learner = learner(&none)?;
        add(&mut learner);
        let error = learner.fit(1, 1e-3).unwrap_err().to_string();
        assert!(learner.history().batches.is_empty());
        Ok(error)
    };
    let path = folder.path().to_owned();
    for (error, expected) in [
        (
            says(&|learner| _ = learner.add(EarlyStopping::new("acuracy")))?,
            "there are `train loss`, `loss`, `accuracy`",
        ),
        (says(&|learner| _ = learner.add(BestWeights::new("x")))?, "measures is named `x`"),
        (says(&|learner| _ = learner.add(Checkpoints::to(&path).best("x")))?, "measures is named `x`"),
        (says(&|learner| _ = learner.add(EarlyStopping::new("loss").patience(0)))?, "expected 1 or more epochs"),
        (says(&|learner| _ = learner.add(EarlyStopping::new("loss").min_delta(-1.0)))?, "expected a number from 0 on"),
        (says(&|learner| _ = learner.add(Checkpoints::to(&path).every(0)))?, "expected 1 or more epochs"),
        (says(&|learner| _ = learner.add(Checkpoints::to(&path).keep(0)))?, "expected 1 or more files"),
    ] {
        assert!(error.contains(expected), "{error}");
    }
    // without validation data there is the training loss alone
    let alone = bars(16, 82)?;
    let alone = TensorData::new(
        Tensor::zeros((4, 3, SIDE, SIDE), candle_core::DType::F32, &Device::Cpu)?,
        vec![0, 1, 0, 1],
        alone.spec().names(),
    )?;
    let mut learner = learner(&alone)?;
    let error = learner.add(EarlyStopping::new("loss")).fit(1, 1e-3).unwrap_err().to_string();
    assert!(error.contains("there is no validation data") && error.contains("train loss"), "{error}");
    learner.remove_callbacks().add(EarlyStopping::new("train loss")).fit(1, 1e-3)?;
    // epochs that are not validated are passed over
    let mut learner = told(&[0.5, 0.4, 0.3], Better::Higher)?;
    learner.validate_every(2).add(EarlyStopping::new("told").patience(2));
    assert_eq!(learner.fit(9, 1e-3)?.epochs, (6, 9));
    Ok(())
}

#[test]
fn checkpoints_come_every_so_often_and_the_last_few_stay() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path().join("runs/cars");
    let mut learner = told(&[0.1, 0.9, 0.3, 0.2, 0.4, 0.5, 0.6], Better::Higher)?;
    learner.add(Checkpoints::to(&at).every(2).keep(2).best("told")).fit(7, 1e-3)?;
    let mut files: Vec<String> = std::fs::read_dir(&at)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    files.sort();
    assert_eq!(files, ["best.safetensors", "epoch-0006.safetensors", "epoch-0007.safetensors"]);
    assert!(Checkpoints::newest(&at)?.ends_with("epoch-0007.safetensors"));
    let epochs = |name: &str| -> Result<usize> { Ok(Learner::open(at.join(name))?.history().epochs.len()) };
    assert_eq!((epochs("best.safetensors")?, epochs("epoch-0006.safetensors")?), (2, 6));
    let error = Checkpoints::newest(folder.path().join("none")).unwrap_err().to_string();
    assert!(error.contains("no checkpoint in") && error.contains("Checkpoints::to"), "{error}");
    // a folder that cannot be made is told at once
    std::fs::write(folder.path().join("file"), "x")?;
    let mut learner = told(&[0.1], Better::Higher)?;
    let error = learner.add(Checkpoints::to(folder.path().join("file/runs"))).fit(1, 1e-3).unwrap_err().to_string();
    assert!(error.contains("cannot be made") && error.contains("callback `checkpoints`"), "{error}");
    Ok(())
}

/// Early stopping goes on counting where a file was written within its fit.
#[test]
fn what_early_stopping_counted_is_in_the_checkpoint_of_the_same_epoch() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let stopping = || EarlyStopping::new("told").patience(3);
    let mut learner = told(&[0.9, 0.1, 0.1, 0.1, 0.1], Better::Higher)?;
    learner.add(stopping()).add(Checkpoints::to(folder.path()).keep(9));
    assert_eq!(learner.fit(9, 1e-3)?.epochs.0, 4);
    for (from, more) in [(1, 3), (2, 2), (3, 1)] {
        let mut again = told(&[0.1], Better::Higher)?;
        again.add(stopping());
        again.load(folder.path().join(format!("epoch-000{from}.safetensors")))?;
        assert_eq!(again.fit(9, 1e-3)?.epochs.0, more, "from {from}");
        assert_eq!(weights(&again)?, weights(&learner)?, "from {from}");
    }
    Ok(())
}

#[test]
fn the_table_of_epochs_goes_on_and_gets_columns() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log.csv");
    let rows = || -> Result<Vec<Vec<String>>> {
        let text = std::fs::read_to_string(&path)?;
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let rows = reader.records().map(|row| row.map(|row| row.iter().map(str::to_owned).collect()));
        rows.collect::<std::result::Result<_, _>>().map_err(|error| Error::new(error.to_string()))
    };
    let mut learner = learner(&bars(16, 83)?)?;
    learner.freeze().add(CsvLog::to(&path)).fit(2, 1e-3)?;
    let first = rows()?;
    assert_eq!(first[0], ["epoch", "train loss", "valid loss", "accuracy", "rate", "seconds", "fit"]);
    assert_eq!(first.len(), 3);
    let epoch = &learner.history().epochs[1];
    let valid = epoch.valid.as_ref().expect("a quarter is kept");
    assert_eq!(first[2][1].parse::<f64>()?, epoch.train_loss);
    assert_eq!(first[2][2].parse::<f64>()?, valid.loss);
    assert_eq!(&first[2][3..5], [valid.get("accuracy")?.to_string(), "0.001".to_owned()]);
    // a further measure, one that is no number, and a row that a killed process left half written
    std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"3,0.5"))?;
    learner.metric(Told::new(&[f64::NAN, 2.5], Better::Higher)).fit(2, 1e-3)?;
    let second = rows()?;
    assert_eq!(second[0].last().map(String::as_str), Some("told"));
    assert_eq!(second.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["epoch", "1", "2", "3", "4"]);
    assert_eq!(second.iter().map(|row| row[7].as_str()).collect::<Vec<_>>(), ["told", "", "", "NaN", "2.5"]);
    assert_eq!(second[1][..7], first[1][..]);
    // what is no log of ours stays as it is
    let other = folder.path().join("names.csv");
    std::fs::write(&other, "name,age\nAda,36\n")?;
    let error = learner.remove_callbacks().add(CsvLog::to(&other)).fit(1, 1e-3).unwrap_err().to_string();
    assert!(error.contains("holds something else"), "{error}");
    assert_eq!(std::fs::read_to_string(&other)?, "name,age\nAda,36\n");
    for wrong in [folder.path().to_owned(), folder.path().join("no/log.csv")] {
        let error = learner.remove_callbacks().add(CsvLog::to(&wrong)).fit(1, 1e-3).unwrap_err().to_string();
        assert!(error.contains("the log `"), "{error}");
    }
    Ok(())
}

#[test]
fn event_files_hold_every_number_in_records_that_check() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let runs = folder.path().join("runs/a");
    let mut learner = learner(&bars(16, 84)?.batch(4))?;
    learner.freeze().add(TensorBoard::to(&runs));
    learner.fit(2, 1e-3)?;
    learner.fit(1, 1e-3)?;
    let mut files: Vec<_> = std::fs::read_dir(&runs)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    assert_eq!(files.len(), 2);
    let bytes = std::fs::read(&files[0])?;
    // records by their lengths; the first says the version
    let (mut at, mut records) = (0, Vec::new());
    while at < bytes.len() {
        let length = u64::from_le_bytes(bytes[at..at + 8].try_into()?) as usize;
        records.push(&bytes[at + 12..at + 12 + length]);
        at += length + 16;
    }
    assert_eq!(at, bytes.len());
    let has = |record: &[u8], text: &str| record.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has(records[0], "brain.Event:2"));
    assert_eq!(records.iter().filter(|record| has(record, "train/rate")).count(), 6);
    let epochs: Vec<_> = records.iter().filter(|record| has(record, "valid/accuracy")).collect();
    assert_eq!(epochs.len(), 2);
    let loss = learner.history().epochs[1].train_loss as f32;
    assert!(has(epochs[1], "train/epoch loss") && epochs[1].windows(4).any(|part| part == loss.to_le_bytes()));
    std::fs::write(folder.path().join("file"), "x")?;
    let error = learner.remove_callbacks().add(TensorBoard::to(folder.path().join("file"))).fit(1, 1e-3).unwrap_err();
    assert!(error.to_string().contains("no event file can be written"), "{error}");
    Ok(())
}

#[test]
fn where_numbers_are_lost_is_named_and_the_last_good_weights_come_back() -> Result<()> {
    let data = bars(16, 85)?.batch(4);
    // a layer's output: weights that one step has thrown far away
    let mut plain = learner(&data)?;
    let error = plain.optimizer(Optimizer::sgd(0.0)).fit(9, 1e30).unwrap_err().to_string();
    assert!(error.contains("epoch 1, batch") && error.contains("the network is as it was before it"), "{error}");
    assert!(error.contains("the first that is no finite number is the output of `"), "{error}");
    let mut guarded = learner(&data)?;
    guarded.optimizer(Optimizer::sgd(0.0)).add(NanGuard::new()).add(|when: When, fit: &mut Fit| {
        if when == When::EpochBegins && fit.epoch() == 3 {
            fit.set_rate(1e30)?;
        }
        Ok(Next::Go)
    });
    let kept = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&kept);
    guarded.add(move |when: When, fit: &mut Fit| {
        if when == When::EpochEnded {
            seen.lock().expect("nobody panicked").push(values(&fit.network().params().params())?);
        }
        Ok(Next::Go)
    });
    let error = guarded.fit(9, 1e-3).unwrap_err().to_string();
    assert!(error.contains("epoch 3, batch 2") && error.contains("the output of `"), "{error}");
    assert!(error.contains("the weights are those of the end of epoch 2, the optimiser begins anew"), "{error}");
    assert_eq!(weights(&guarded)?, kept.lock().expect("nobody panicked")[1]);
    // the session goes on
    guarded.remove_callbacks();
    assert!(guarded.fit(1, 1e-4)?.valid.expect("it is measured").loss.is_finite());
    Ok(())
}

#[test]
fn inputs_weights_and_gradients_that_are_no_numbers_are_named() -> Result<()> {
    let data = bars(16, 86)?.batch(4);
    let spoilt = |change: fn(When, &mut Fit) -> Result<Next>| -> Result<String> {
        let mut learner = learner(&data)?;
        Ok(learner
            .add(NanGuard::new())
            .add(change)
            .fit(2, 1e-3)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default())
    };
    let input = spoilt(|when, fit| {
        if when == When::BatchBegins && fit.batch_number() == 2 {
            let batch = fit.batch_mut()?;
            batch.inputs = batch.inputs.map(|image| Ok((image * f64::NAN)?))?;
        }
        Ok(Next::Go)
    })?;
    assert!(input.contains("batch 2") && input.contains("is what goes in, `image`"), "{input}");
    assert!(input.contains("those with which the fit began"), "{input}");
    let weight = spoilt(|when, fit| {
        if when == When::StepTaken && fit.steps() == 0 {
            let weight = fit.network().params().get("head.linear.weight").expect("it is the head");
            weight.set(&(weight.value() * f64::INFINITY)?)?;
        }
        Ok(Next::Go)
    })?;
    assert!(weight.contains("is the weight `head.linear.weight`"), "{weight}");
    // its value is a number, its gradient none
    let gradient = spoilt(|when, fit| {
        if when == When::LossKnown {
            let weight = fit.network().params().get("head.linear.bias").expect("it is the head").in_graph();
            let endless = (weight.ones_like()? * f64::INFINITY)?;
            fit.add_loss("root", &crate::ops::with_gradient(&weight, 0.0, &endless)?)?;
        }
        Ok(Next::Go)
    })?;
    assert!(
        gradient.contains("a gradient is inf") && gradient.contains("the gradient of `head.linear.bias`"),
        "{gradient}"
    );
    Ok(())
}

#[test]
fn two_learners_on_one_data_set_do_not_disturb_each_other() -> Result<()> {
    let data = bars(32, 87)?.batch(8);
    let mut alone = learner(&data)?;
    alone.freeze().fit(2, 1e-3)?;
    let (mut first, mut second) = (learner(&data)?, learner(&data)?);
    first.freeze();
    for _ in 0..2 {
        first.fit(1, 1e-3)?;
        second.fit(1, 1e-2)?;
    }
    assert_eq!(losses(&first), losses(&alone));
    assert_eq!(weights(&first)?, weights(&alone)?);
    Ok(())
}

#[test]
fn reports_and_curves_of_a_learner() -> Result<()> {
    let mut learner = learner(&bars(64, 88)?)?;
    learner.fit(2, 1e-3)?;
    let report = learner.classification_report()?;
    assert_eq!(report.classes.iter().map(|one| one.support).sum::<usize>(), 16);
    assert_eq!(report.accuracy, learner.history().accuracy());
    let roc = learner.roc()?;
    assert!(roc.table().csv().starts_with("class,AUC\nstanding,"), "{}", roc.table().csv());
    assert!(learner.precision_recall()?.table().csv().starts_with("class,AP\nstanding,"));
    assert!(learner.calibration()?.table().csv().starts_with("share,right,answers\n"));
    let folder = tempfile::tempdir()?;
    for name in ["roc.svg", "roc.png", "roc.csv"] {
        roc.save(folder.path().join(name))?;
        assert!(std::fs::metadata(folder.path().join(name))?.len() > 20);
    }
    let wrong: usize = learner
        .confusion_matrix()?
        .iter()
        .enumerate()
        .flat_map(|(truth, row)| row.iter().enumerate().filter(move |(said, often)| *said != truth && **often > 0))
        .count();
    assert_eq!(learner.most_confused(20)?.csv().lines().count(), 1 + wrong);
    assert_eq!(learner.show_results(4)?.examples.len(), 4);
    let before = weights(&learner)?;
    let norms = learner.freeze().norms()?;
    assert_eq!(weights(&learner)?, before);
    assert_eq!(norms.parts.len(), learner.network().parts().len());
    let (head, body) = norms.parts.split_last().expect("it has a head");
    assert!(
        head.gradients.is_some_and(|norm| norm > 0.0)
            && body.iter().all(|one| one.gradients.is_none() && one.weights > 0.0)
    );
    let other = told(&[0.5], Better::Higher)?;
    let error = compare(&[("a", &learner), ("b", &other)]).unwrap_err().to_string();
    assert!(error.contains("`b` has not finished an epoch"), "{error}");
    let both = compare(&[("a", &learner), ("again", &learner)])?;
    assert!(
        both.table()
            .csv()
            .starts_with("learner,epochs,time,trainable,parameters,train loss,best valid loss,best accuracy\na,2,")
    );
    Ok(())
}

/// Dead units: of a ReLU network whose first layer is pushed below 0, all.
#[test]
fn units_that_never_fire_are_counted() -> Result<()> {
    let data = bars(16, 89)?;
    let mut learner = quiet(Learner::vision_untrained(Arch::ResNet18, &data)?);
    let dead = |learner: &mut Learner| -> Result<Option<(usize, usize)>> { Ok(learner.norms()?.parts[0].dead) };
    assert_eq!(dead(&mut learner)?.map(|(_, all)| all), Some(64));
    let params = learner.network().params().clone();
    let bias = params.params().into_iter().find(|param| param.group() == 0 && param.name().ends_with("bias"));
    let bias = bias.expect("BatchNorm has one");
    bias.set(&(bias.value().ones_like()? * -1e6)?)?;
    assert_eq!(dead(&mut learner)?, Some((64, 64)));
    Ok(())
}

#[test]
fn one_class_only_in_validation_is_measured_and_told() -> Result<()> {
    let images = Tensor::rand(0f32, 1.0, (16, 3, SIDE, SIDE), &Device::Cpu)?;
    let data = TensorData::new(images.clone(), (0..16).map(|at| at % 2).collect(), &["even", "odd"])?;
    let mut learner = learner(&data.batch(8))?;
    learner.freeze().fit(1, 1e-3)?;
    let alone = TensorData::new(images, vec![0; 16], &["even", "odd"])?.split(0.5, 1)?;
    learner.set_data(&alone)?;
    assert_eq!(learner.classification_report()?.classes[1].support, 0);
    let error = learner.roc().unwrap_err().to_string();
    assert!(error.contains("of `even` alone") && error.contains("`.split(0.2, 42)?`"), "{error}");
    let text = |shown: &dyn Show| shown.bundle().as_text().unwrap_or_default().to_owned();
    let found = learner.validate()?;
    let calls: usize = found.classes.iter().map(|class| class.called).sum();
    assert_eq!(calls, found.classes[0].pictures);
    // no share of nothing
    let odd = text(&found).lines().find(|line| line.trim_start().starts_with("odd")).map(str::to_owned);
    assert!(odd.is_some_and(|line| line.contains('–')), "{}", text(&found));
    let never = found.classes.iter().filter(|class| class.called == 0).count();
    assert_eq!(text(&found).matches('–').count(), 1 + never, "{}", text(&found));
    learner.confusion()?;
    learner.calibration()?;
    learner.add(EarlyStopping::new("accuracy")).add(BestWeights::new("loss")).fit(1, 1e-3)?;
    Ok(())
}

#[test]
fn norms_are_gathered_each_epoch() -> Result<()> {
    let data = bars(32, 90)?;
    let mut learner = quiet(Learner::vision(Arch::default().untrained(), &data)?);
    let norms = NormLog::new().dead_units(&data);
    learner.add(norms.clone()).freeze();
    learner.fit(1, 1e-3)?;
    learner.unfreeze();
    learner.fit(2, 1e-3)?;
    let (rows, parts) = (norms.rows(), learner.network().parts().to_vec());
    assert_eq!(rows.len(), 3 * parts.len());
    let names: Vec<&String> = rows.iter().filter(|row| row.epoch == 2).map(|row| &row.part).collect();
    assert_eq!(names, parts.iter().collect::<Vec<_>>());
    // the first fit trains the head alone
    assert!(rows[..parts.len()].iter().all(|row| row.gradients.is_some() == (row.part == "head")));
    assert!(rows[parts.len()..].iter().all(|row| row.gradients.is_some_and(|norm| norm > 0.0)));
    // what `norms` measures now is what the last epoch left
    let now = learner.norms()?;
    for (row, now) in rows[2 * parts.len()..].iter().zip(&now.parts) {
        assert!((row.weights - now.weights).abs() < 1e-9 && row.dead == now.dead, "{row:?} {now:?}");
    }
    let table = norms.table().csv();
    assert!(table.starts_with("epoch,part,weights,gradients,dead units\n1,") && table.contains(",frozen,"), "{table}");
    let folder = tempfile::tempdir()?;
    norms.save(folder.path().join("norms.svg"))?;
    norms.save(folder.path().join("norms.csv"))?;
    let figure = std::fs::read_to_string(folder.path().join("norms.svg"))?;
    assert!(figure.contains("norm of gradients") && figure.contains("norm of weights") && figure.contains("head"));
    // a file keeps them
    learner.save(folder.path().join("a.safetensors"))?;
    let other = NormLog::new();
    let mut again = quiet(Learner::vision(Arch::default().untrained(), &data)?);
    again.add(other.clone());
    again.load(folder.path().join("a.safetensors"))?;
    assert_eq!(other.rows(), rows);
    if let Ok(path) = std::env::var("LEFT_PICTURES") {
        norms.save(format!("{path}/norms.png"))?;
    }
    Ok(())
}

/// One step of a linear layer by hand: of F.cross_entropy its gradient is (softmax - one hot) ⊗ x.
#[test]
fn norms_of_gradients_are_the_steps_mean() -> Result<()> {
    let inputs = Tensor::new(&[[1f32, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0]], &Device::Cpu)?;
    let data = TensorData::new(inputs, vec![0; 4], &["a", "b"])?.batch(2);
    let network = Network::whole(1, |at| {
        let linear = crate::layers::Linear::new(&at.child("last"), 2, 2)?;
        Ok(move |x: &Tensor, pass: &Pass| crate::layers::Layer::forward(&linear, x, pass))
    })?;
    network.params().params().iter().try_for_each(|param| param.set(&param.value().zeros_like()?))?;
    let mut learner = quiet(Learner::new(network, Classify, &data)?);
    let norms = NormLog::new();
    learner.optimizer(Optimizer::sgd(0.0)).add(norms.clone());
    learner.fit(1, 1e-12)?;
    // at zero weights both shares are a half: (±0.5) of x and of the bias, so |g|² = 0.5 (|x|² + 1): √3 in both steps
    let expected = 3f64.sqrt();
    let found = norms.rows()[0].gradients.expect("it trains");
    assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    Ok(())
}

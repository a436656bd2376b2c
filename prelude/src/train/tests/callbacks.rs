//! What takes part in a fit: when it is asked, what it may change, what is kept of it.

use std::sync::{Arc, Mutex};

use super::*;
use crate::Error;

/// Writes down when it is asked.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<When>>>);

impl Callback for Diary {
    fn on(&mut self, when: When, _: &mut Fit) -> Result<Next> {
        self.0.lock().expect("nobody panicked").push(when);
        Ok(Next::Go)
    }
}

#[test]
fn everything_comes_in_its_order() -> Result<()> {
    // 12 training pictures in batches of 4, two of which make a step: steps after the second and at the epoch's end
    let data = bars(16, 70)?.batch(4);
    let mut learner = learner(&data)?;
    let diary = Diary::default();
    learner.add(diary.clone()).accumulate(2).fit(1, 1e-3)?;
    use When::*;
    let batch = |step: bool| {
        let mut events = vec![BatchBegins, LossKnown, GradientsKnown];
        events.extend(step.then_some(StepTaken));
        events.push(BatchEnded);
        events
    };
    let mut expected = vec![FitBegins, EpochBegins];
    expected.extend([batch(false), batch(true), batch(false)].concat());
    expected.extend([EpochTrained, GradientsKnown, StepTaken, EpochEnded, FitEnded]);
    assert_eq!(*diary.0.lock().expect("nobody panicked"), expected);
    assert_eq!(learner.optimizer_state().state().values().map(|state| state.step).max(), Some(2));
    // it stays, and a fit that fails ends for it too
    learner.accumulate(1).optimizer(Optimizer::sgd(0.0));
    diary.0.lock().expect("nobody panicked").clear();
    assert!(learner.fit(9, 1e30).is_err());
    assert_eq!(diary.0.lock().expect("nobody panicked").last(), Some(&FitEnded));
    Ok(())
}

/// Ends a fit whose loss no longer falls; remembers the best.
struct Patience {
    best: f64,
    left: usize,
}

impl Callback for Patience {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        if when != When::EpochEnded {
            return Ok(Next::Go);
        }
        let loss = fit.measure("loss")?;
        if loss < self.best {
            (self.best, self.left) = (loss, 1);
        } else {
            self.left -= 1;
        }
        Ok(if self.left == 0 { Next::EndFit } else { Next::Go })
    }
    fn name(&self) -> &str {
        "patience"
    }
    fn state(&self) -> Option<String> {
        Some(format!("{} {}", self.best, self.left))
    }
    fn restore(&mut self, state: &str) -> Result<()> {
        let mut words = state.split(' ').map(str::parse::<f64>);
        let mut next = || words.next().and_then(|word| word.ok()).ok_or_else(|| Error::new("no state of a patience"));
        (self.best, self.left) = (next()?, next()? as usize);
        Ok(())
    }
}

#[test]
fn a_callback_ends_a_fit_and_is_kept_in_files() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("patient.safetensors");
    let data = bars(32, 71)?;
    let mut learner = learner(&data)?;
    learner.add(Patience { best: f64::NEG_INFINITY, left: 2 });
    let report = learner.fit(9, 1e-3)?;
    assert_eq!((report.epochs, report.interrupted), ((2, 9), false));
    assert_eq!(report.notes, ["a callback ended the fit after 2 of 9 epochs"]);
    assert_eq!(learner.history().epochs.len(), 2);
    // a state that was saved is that of a callback that is added before or after loading
    let mut learner = super::learner(&data)?;
    learner.add(Patience { best: 123.0, left: 5 }).fit(1, 1e-9)?;
    learner.save(&path)?;
    for after in [false, true] {
        let mut again = super::learner(&data)?;
        let seen = Diary::default();
        again.add(seen.clone());
        if !after {
            again.add(Patience { best: f64::NEG_INFINITY, left: 1 });
        }
        again.load(&path)?;
        if after {
            again.add(Patience { best: f64::NEG_INFINITY, left: 1 });
        }
        let report = again.fit(1, 1e-3)?;
        assert!(report.notes.is_empty(), "its best is what the file has: {:?}", report.notes);
    }
    // two epochs that are asked to end after their first batch are measured all the same
    let mut short = super::learner(&bars(32, 71)?.batch(4))?;
    short.add(|when: When, _: &mut Fit| Ok(if when == When::BatchEnded { Next::EndEpoch } else { Next::Go }));
    let report = short.fit(2, 1e-3)?;
    assert_eq!((report.epochs, report.batches), ((2, 2), 2));
    assert!(report.valid.is_some());
    Ok(())
}

/// Wishes something at one moment.
struct Wish(When, Next);

impl Callback for Wish {
    fn on(&mut self, when: When, _: &mut Fit) -> Result<Next> {
        Ok(if when == self.0 { self.1 } else { Next::Go })
    }
}

#[test]
fn a_wish_is_heeded_whenever_it_comes() -> Result<()> {
    // 12 training pictures: 3 batches an epoch, 2 epochs
    let data = bars(16, 76)?.batch(4);
    let ran = |when: When, next: Next| -> Result<(usize, usize)> {
        let mut learner = learner(&data)?;
        let report = learner.add(Wish(when, next)).fit(2, 1e-3)?;
        assert_eq!(report.notes.len(), usize::from(next == Next::EndFit && report.epochs.0 < 2), "{when:?}");
        Ok((report.epochs.0, report.batches))
    };
    use When::*;
    for (when, end_fit, end_epoch) in [
        (FitBegins, (0, 0), (2, 3)),
        (EpochBegins, (0, 0), (2, 0)),
        (BatchBegins, (0, 0), (2, 0)),
        (LossKnown, (0, 1), (2, 2)),
        (GradientsKnown, (0, 1), (2, 2)),
        (StepTaken, (0, 1), (2, 2)),
        (BatchEnded, (0, 1), (2, 2)),
        (EpochTrained, (1, 3), (2, 6)),
        (EpochEnded, (1, 3), (2, 6)),
        (FitEnded, (2, 6), (2, 6)),
    ] {
        assert_eq!(ran(when, Next::EndFit)?, end_fit, "{when:?}");
        assert_eq!(ran(when, Next::EndEpoch)?, end_epoch, "{when:?}");
    }
    Ok(())
}

#[test]
fn rate_loss_gradients_and_batch_may_be_changed() -> Result<()> {
    let data = bars(16, 72)?.batch(64);
    let after = |change: fn(When, &mut Fit) -> Result<Next>| -> Result<Vec<f32>> {
        let mut learner = learner(&data)?;
        learner.optimizer(Optimizer::sgd(0.0)).freeze().add(change).fit(1, 0.1)?;
        let weight = learner.network().params().get("head.linear.weight").expect("it is the head");
        Ok(weight.value().flatten_all()?.to_vec1()?)
    };
    let plain = after(|_, _| Ok(Next::Go))?;
    let half = after(|when, fit| {
        if when == When::EpochBegins {
            fit.set_rate(0.05)?;
            assert_eq!(fit.rate(), 0.05);
        }
        Ok(Next::Go)
    })?;
    let scaled = after(|when, fit| {
        if let (When::GradientsKnown, Some(gradients)) = (when, fit.gradients()) {
            assert!(gradients.norm() > 0.0 && gradients.get("head.linear.weight").is_some());
            gradients.scale(0.5)?;
        }
        Ok(Next::Go)
    })?;
    let taken = after(|when, fit| {
        if when == When::GradientsKnown {
            fit.gradients().take();
        }
        Ok(Next::Go)
    })?;
    let black = after(|when, fit| {
        if when == When::BatchBegins {
            let batch = fit.batch_mut()?;
            batch.inputs = batch.inputs.map(|image| Ok(image.zeros_like()?))?;
        }
        Ok(Next::Go)
    })?;
    // a penalty of the weights' squares pulls them towards 0: by twice the rate times its weight
    let pulled = after(|when, fit| {
        if when == When::LossKnown {
            let weight = fit.network().params().get("head.linear.weight").expect("it is there").in_graph();
            fit.add_loss("penalty", &(weight.sqr()?.sum_all()? * 0.5)?)?;
        }
        Ok(Next::Go)
    })?;
    let start = taken.clone();
    for at in 0..plain.len() {
        let step = plain[at] - start[at];
        assert!((half[at] - start[at] - step / 2.0).abs() < 1e-6 && (scaled[at] - half[at]).abs() < 1e-7);
        assert!((pulled[at] - (plain[at] - 0.1 * start[at])).abs() < 1e-6, "{} {}", pulled[at], plain[at]);
    }
    assert!(plain.iter().zip(&black).any(|(a, b)| (a - b).abs() > 1e-4));
    assert!(plain.iter().zip(&start).any(|(a, b)| (a - b).abs() > 1e-4));
    Ok(())
}

#[test]
fn what_a_callback_asks_at_the_wrong_time_is_told() -> Result<()> {
    let data = bars(16, 73)?;
    let says = |change: fn(When, &mut Fit) -> Result<Next>| -> Result<String> {
        Ok(learner(&data)?.add(change).fit(1, 1e-3).unwrap_err().to_string())
    };
    let early = says(|_, fit| fit.measure("loss").map(|_| Next::Go))?;
    assert!(early.contains("not measured yet") && early.contains("When::EpochEnded"), "{early}");
    let unknown = says(|when, fit| match when {
        When::EpochEnded => fit.measure("acuracy").map(|_| Next::Go),
        _ => Ok(Next::Go),
    })?;
    assert!(unknown.contains("`acuracy`") && unknown.contains("`loss`, `accuracy`"), "{unknown}");
    let none = says(|_, fit| fit.batch().map(|_| Next::Go))?;
    assert!(none.contains("no batch runs now"), "{none}");
    let wrong = says(|_, fit| fit.set_rate(f64::NAN).map(|()| Next::Go))?;
    assert!(wrong.contains("the learning rate is NaN"), "{wrong}");
    let loss = says(|_, fit| {
        let one = Tensor::new(1f32, &Device::Cpu)?;
        fit.add_loss("x", &one).map(|()| Next::Go)
    })?;
    assert!(loss.contains("no loss is known now") && loss.contains("When::LossKnown"), "{loss}");
    let own = says(|when, _| match when {
        When::StepTaken => Err(Error::new("enough of this")),
        _ => Ok(Next::Go),
    })?;
    assert!(own.contains("callback 1 failed at StepTaken: enough of this"), "{own}");
    let spoiled = says(|when, fit| match when {
        When::LossKnown => {
            let nan = Tensor::new(f32::NAN, &Device::Cpu)?;
            fit.add_loss("penalty", &nan).map(|()| Next::Go)
        }
        _ => Ok(Next::Go),
    })?;
    assert!(spoiled.contains("its part `penalty` is NaN") && spoiled.contains("was not taken"), "{spoiled}");
    Ok(())
}

#[test]
fn the_best_epoch_can_be_saved_from_within() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("best.safetensors");
    let data = bars(32, 74)?;
    let mut learner = learner(&data)?;
    let to = path.clone();
    learner.add(move |when: When, fit: &mut Fit| {
        if when == When::EpochEnded && fit.epoch() == 2 {
            fit.save(&to)?;
            fit.note("saved the second epoch");
        }
        Ok(Next::Go)
    });
    let report = learner.fit(3, 1e-3)?;
    assert_eq!(report.notes, ["saved the second epoch"]);
    let mut best = Learner::open(&path)?;
    assert_eq!(best.history().epochs.len(), 2);
    assert_eq!(Some(best.set_data(&data)?.validate()?.all), learner.history().epochs[1].valid.clone());
    Ok(())
}

#[test]
fn a_callback_that_panics_loses_nothing() -> Result<()> {
    let data = bars(16, 75)?;
    let mut learner = learner(&data)?;
    let diary = Diary::default();
    learner.add(diary.clone()).add(|when: When, _: &mut Fit| {
        assert!(when != When::StepTaken, "on purpose");
        Ok(Next::Go)
    });
    let error = learner.fit(1, 1e-3).unwrap_err().to_string();
    assert!(error.contains("callback 2 panicked at StepTaken: on purpose"), "{error}");
    assert!(error.contains("the learner keeps what it has learned"), "{error}");
    assert_eq!((learner.callbacks.len(), diary.0.lock().expect("it did not panic").last()), (2, Some(&When::FitEnded)));
    // its name is told where it has one, and the step that was taken stays
    learner.remove_callbacks().fit(1, 1e-3)?;
    Ok(())
}

/// At the end of a fit everybody has a last word, whoever fails there.
#[test]
fn what_fails_at_the_end_keeps_no_other_from_its_last_word() -> Result<()> {
    let mut learner = learner(&bars(16, 77)?)?;
    let diary = Diary::default();
    learner.add(|when: When, _: &mut Fit| match when {
        When::FitEnded => Err(Error::new("too late")),
        _ => Ok(Next::Go),
    });
    learner.add(diary.clone());
    let error = learner.fit(1, 1e-3).unwrap_err().to_string();
    assert!(error.contains("callback 1 failed at FitEnded: too late"), "{error}");
    assert_eq!(diary.0.lock().expect("nobody panicked").last(), Some(&When::FitEnded));
    assert_eq!(learner.history().epochs.len(), 1);
    Ok(())
}

/// Counts epochs, under a name that several have.
#[derive(Clone, Default)]
struct Counter(std::sync::Arc<std::sync::Mutex<usize>>);

impl Callback for Counter {
    fn on(&mut self, when: When, _: &mut Fit) -> Result<Next> {
        *self.0.lock().expect("nobody panicked") += usize::from(when == When::EpochEnded);
        Ok(Next::Go)
    }
    fn name(&self) -> &str {
        "counter"
    }
    fn state(&self) -> Option<String> {
        Some(self.0.lock().expect("nobody panicked").to_string())
    }
    fn restore(&mut self, state: &str) -> Result<()> {
        *self.0.lock().expect("nobody panicked") = state.parse().map_err(|_| Error::new("no number"))?;
        Ok(())
    }
}

#[test]
fn two_of_one_kind_remember_each_its_own() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("two.safetensors");
    let data = bars(16, 78)?;
    let counters = |first: usize, second: usize| {
        [first, second].map(|count| Counter(std::sync::Arc::new(std::sync::Mutex::new(count))))
    };
    let count = |counter: &Counter| *counter.0.lock().expect("nobody panicked");
    let mut learner = super::learner(&data)?;
    let [first, second] = counters(0, 10);
    learner.add(first).add(second).fit(2, 1e-3)?;
    learner.save(&path)?;
    // added before the file is loaded, and after
    for after in [false, true] {
        let mut again = super::learner(&data)?;
        let [first, second] = counters(0, 0);
        if after {
            again.load(&path)?;
        }
        again.add(first.clone()).add(second.clone());
        if !after {
            again.load(&path)?;
        }
        assert_eq!((count(&first), count(&second)), (2, 12), "{after}");
    }
    // what they look at in another order is told, where a file was written within a fit
    let mut learner = super::learner(&data)?;
    let within = path.clone();
    learner.add(EarlyStopping::new("loss")).add(EarlyStopping::new("accuracy"));
    learner.add(move |when: When, fit: &mut Fit| {
        if when == When::EpochEnded && fit.epoch() == 1 {
            fit.save(&within)?;
        }
        Ok(Next::Go)
    });
    learner.fit(2, 1e-3)?;
    let mut again = super::learner(&data)?;
    again.add(EarlyStopping::new("accuracy")).add(EarlyStopping::new("loss"));
    let says = again.load(&path).unwrap_err().to_string();
    assert!(says.contains("looks at `loss`, this one looks at `accuracy`"), "{says}");
    let mut again = super::learner(&data)?;
    again.add(EarlyStopping::new("loss")).add(EarlyStopping::new("accuracy")).load(&path)?;
    // of a fit that is over nothing counts
    learner.save(&path)?;
    let mut again = super::learner(&data)?;
    again.add(EarlyStopping::new("accuracy")).load(&path)?;
    Ok(())
}

#[test]
fn one_that_writes_to_the_file_of_an_earlier_one_takes_its_place() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (table, runs) = (folder.path().join("log.csv"), folder.path().join("runs"));
    let mut learner = super::learner(&bars(16, 79)?)?;
    for _ in 0..2 {
        // a cell that runs again
        learner.add(CsvLog::to(&table)).add(Checkpoints::to(&runs).keep(1)).fit(2, 1e-3)?;
    }
    assert_eq!(learner.callbacks.len(), 2);
    assert_eq!(std::fs::read_to_string(&table)?.lines().count(), 1 + 4, "a row an epoch");
    let files: Vec<_> = std::fs::read_dir(&runs)?.map(|entry| entry.map(|entry| entry.file_name())).collect();
    assert_eq!(files.into_iter().collect::<std::io::Result<Vec<_>>>()?, ["epoch-0004.safetensors"]);
    // another file is another log
    learner.add(CsvLog::to(folder.path().join("other.csv")));
    assert_eq!(learner.callbacks.len(), 3);
    Ok(())
}

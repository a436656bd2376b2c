//! A fit that was cut off and finished gives what one gives that was not; searches leave no trace; one seed, one result.

use std::path::Path;

use super::*;
use crate::Error;
use crate::data::{Augment, ImageFolder};

/// Bars as files, in two folders.
fn pictures(folder: &Path) -> Result<ImageFolder> {
    let data = bars(40, 100)?;
    for id in 0..40 {
        let example = data.example(id)?;
        let class = folder.join(["lying", "standing"][id % 2]);
        std::fs::create_dir_all(&class)?;
        example.picture.expect("it is a picture").save(class.join(format!("{id:02}.png")))?;
    }
    // 30 training pictures in 8 batches, of which the last is short
    Ok(ImageFolder::open(folder)?.split(0.25, 3)?.size(32).augment(Augment::standard()).batch(4))
}

/// Every option that decides what a fit gives.
fn with_all(data: &impl Data) -> Result<Learner> {
    let mut learner = quiet(Learner::vision(Arch::default().untrained(), data)?);
    learner.clip(0.7).accumulate(3).label_smoothing(0.1).validate_every(2).unfreeze_from("blocks.1")?.ema(0.9)?;
    Ok(learner)
}

/// All that a fit leaves behind, to the last bit.
#[derive(Debug, PartialEq)]
pub(super) struct Traces {
    weights: Vec<(String, Vec<u32>)>,
    average: Vec<(String, Vec<u32>)>,
    optimizer: Vec<(String, u64, Vec<Vec<u32>>)>,
    batches: Vec<BatchRecord>,
    epochs: Vec<EpochRecord>,
    stages: Vec<Stage>,
    begun: u64,
    frozen: usize,
}

fn bits(tensor: &Tensor) -> Result<Vec<u32>> {
    Ok(tensor.flatten_all()?.to_vec1::<f32>()?.into_iter().map(f32::to_bits).collect())
}

pub(super) fn traces(learner: &Learner) -> Result<Traces> {
    let all = |network: &Network| -> Result<Vec<(String, Vec<u32>)>> {
        network.params().snapshot()?.iter().map(|(name, value)| Ok((name.clone(), bits(value)?))).collect()
    };
    let mut optimizer = Vec::new();
    for (name, state) in learner.optimizer_state().state() {
        let kept = [&state.first, &state.second, &state.third].into_iter().flatten().map(bits);
        optimizer.push((name.clone(), state.step, kept.collect::<Result<_>>()?));
    }
    optimizer.sort();
    let epochs = learner.history().epochs.iter().cloned().map(|epoch| EpochRecord { seconds: 0.0, ..epoch });
    Ok(Traces {
        weights: all(learner.network())?,
        average: all(learner.judged())?,
        optimizer,
        batches: learner.history().batches.clone(),
        epochs: epochs.collect(),
        stages: learner.history().stages.clone(),
        begun: learner.begun,
        frozen: learner.network().frozen_parts(),
    })
}

/// Fails at the end of this batch of this epoch, or where it is 0, at the end of the epoch.
fn fails_at(epoch: usize, batch: usize) -> impl Callback {
    move |when: When, fit: &mut Fit| {
        let at = if batch == 0 { when == When::EpochEnded } else { when == When::BatchEnded };
        match at && fit.epoch() == epoch && (batch == 0 || fit.batch_number() == batch) {
            true => Err(Error::new("the power went out")),
            false => Ok(Next::Go),
        }
    }
}

/// Writes a file at the end of this batch of this epoch, or where it is 0, at the end of the epoch.
fn saves_at(path: &Path, epoch: usize, batch: usize) -> impl Callback + use<> {
    let path = path.to_owned();
    move |when: When, fit: &mut Fit| {
        let at = if batch == 0 { when == When::EpochEnded } else { when == When::BatchEnded };
        if at && fit.epoch() == epoch && (batch == 0 || fit.batch_number() == batch) {
            fit.save(&path)?;
        }
        Ok(Next::Go)
    }
}

fn schedules() -> Vec<Schedule> {
    vec![
        Schedule::cosine().warm_up(0.3),
        Schedule::one_cycle(),
        Schedule::cosine().cycles(2).growing(2.0).end_at(0.1),
        Schedule::step(1, 0.3),
        Schedule::plateau(0, 0.5),
        Schedule::one_cycle().unfreezing(1),
    ]
}

#[test]
fn what_was_cut_off_and_finished_is_what_was_not_cut_off() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = pictures(folder.path())?;
    let path = folder.path().join("running.safetensors");
    for schedule in schedules() {
        let begin = || -> Result<Learner> {
            let mut learner = with_all(&data)?;
            learner.fit(1, 1e-3)?;
            Ok(learner)
        };
        let mut whole = begin()?;
        // the file of one that goes on to its end is that of one whose process is killed behind it
        let (epoch, batch) = if schedule == Schedule::step(1, 0.3) { (2, 5) } else { (2, 0) };
        whole.add(saves_at(&path, epoch, batch)).fit_with(4, 1e-2..2e-2, schedule.clone())?;
        let expected = traces(&whole)?;
        let mut killed = with_all(&data.clone().seeded(77))?;
        killed.load(&path)?;
        killed.resume()?;
        assert!(traces(&killed)? == expected, "{schedule}, killed");
        // in the middle of an epoch, with gradients that wait, in memory and in a file
        let mut failed = begin()?;
        let says = failed.add(fails_at(3, 5)).fit_with(4, 1e-2..2e-2, schedule.clone()).unwrap_err().to_string();
        assert!(says.contains("failed at BatchEnded"), "{says}");
        failed.remove_callbacks();
        failed.save(&path)?;
        let report = failed.resume()?;
        assert_eq!(report.epochs, (4, 4));
        assert!(traces(&failed)? == expected, "{schedule}, failed");
        let mut loaded = with_all(&data)?;
        loaded.load(&path)?;
        // a search between leaves no trace
        loaded.lr_find()?;
        loaded.resume()?;
        assert!(traces(&loaded)? == expected, "{schedule}, loaded");
        let says = loaded.resume().unwrap_err().to_string();
        assert!(says.contains("there is no fit to finish") && says.contains("→ `learner.fit("), "{says}");
    }
    Ok(())
}

#[test]
fn every_optimiser_goes_on_where_it_was() -> Result<()> {
    let data = bars(32, 101)?.batch(8);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("running.safetensors");
    for optimizer in [
        Optimizer::sgd(0.9).nesterov().weight_decay(0.01),
        Optimizer::adam().weight_decay(0.01).decay_all(),
        Optimizer::rmsprop().momentum(0.9).centered(),
        Optimizer::lamb(),
        Optimizer::lion().betas(0.95, 0.98),
    ] {
        let mut whole = learner(&data)?;
        whole.optimizer(optimizer.clone()).add(saves_at(&path, 1, 2)).fit_one_cycle(2, 1e-3)?;
        let mut resumed = learner(&data)?;
        resumed.load(&path)?;
        assert_eq!(resumed.optimizer_state().rule(), optimizer.rule());
        assert_eq!(resumed.optimizer_state().decays_all(), optimizer.decays_all());
        resumed.resume()?;
        assert!(traces(&resumed)? == traces(&whole)?, "{optimizer:?}");
    }
    Ok(())
}

#[test]
fn kept_features_are_the_same_in_whatever_order_they_are_computed() -> Result<()> {
    let data = bars(40, 102)?.batch(7);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("running.safetensors");
    // 30 training pictures: four batches of 7, and one of 2, which alone would get other kernels
    for arch in [Arch::default(), Arch::EfficientNetLite0, Arch::ResNet18] {
        for batch in [0, 4] {
            let begin = || -> Result<Learner> {
                let mut learner = quiet(Learner::vision(arch.untrained(), &data)?);
                learner.freeze();
                Ok(learner)
            };
            let mut whole = begin()?;
            whole.add(saves_at(&path, 1, batch)).fit(3, 1e-2)?;
            assert!(whole.features_reused() > 0);
            let mut resumed = begin()?;
            resumed.load(&path)?;
            resumed.resume()?;
            assert!(traces(&resumed)? == traces(&whole)?, "{arch}, {batch}");
        }
    }
    Ok(())
}

#[test]
fn what_cannot_be_finished_is_told() -> Result<()> {
    let data = bars(32, 103)?.batch(8);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("running.safetensors");
    let mut learner = self::learner(&data)?;
    let says = learner.resume().unwrap_err().to_string();
    assert!(says.contains("none was cut off"), "{says}");
    // a function of one's own is in memory, and in no file
    let own = || Schedule::own(|done, _| 1.0 - done / 2.0);
    let mut whole = self::learner(&data)?;
    whole.fit_with(2, 1e-3, own())?;
    let expected = traces(&whole)?;
    assert!(learner.add(fails_at(1, 2)).fit_with(2, 1e-3, own()).is_err());
    learner.remove_callbacks().save(&path)?;
    let mut loaded = self::learner(&data)?;
    loaded.load(&path)?;
    let says = loaded.resume().unwrap_err().to_string();
    assert!(says.contains("a function of one's own") && says.contains("`learner.resume_with("), "{says}");
    loaded.resume_with(own())?;
    assert!(traces(&loaded)? == expected);
    // other data; then the same again
    learner.set_data(&bars(24, 103)?.batch(8))?;
    let says = learner.resume().unwrap_err().to_string();
    assert!(says.contains("had 24 training examples, now there are 18") && says.contains("set_data"), "{says}");
    learner.set_data(&data.clone().batch(4))?;
    let says = learner.resume().unwrap_err().to_string();
    assert!(says.contains("had 3 batches an epoch, now there are 6"), "{says}");
    learner.set_data(&data)?.resume()?;
    assert!(traces(&learner)? == expected);
    // one that a callback ended, and a new one, are no fits that were cut off
    learner.add(|when: When, _: &mut Fit| Ok(if when == When::EpochEnded { Next::EndFit } else { Next::Go }));
    learner.fit(3, 1e-3)?;
    assert!(learner.resume().is_err());
    Ok(())
}

#[test]
fn a_panic_in_a_callback_is_no_more_than_an_end() -> Result<()> {
    let data = bars(32, 104)?.batch(8);
    let mut whole = learner(&data)?;
    whole.fit_one_cycle(2, 1e-3)?;
    let mut learner = self::learner(&data)?;
    let mut once = true;
    learner.add(move |when: When, fit: &mut Fit| {
        let now = when == When::EpochEnded && fit.epoch() == 1;
        assert!(!(now && std::mem::take(&mut once)), "a mistake in a callback");
        Ok(Next::Go)
    });
    let told = learner.fit_one_cycle(2, 1e-3).unwrap_err().to_string();
    assert!(told.contains("callback 1 panicked at EpochEnded: a mistake in a callback"), "{told}");
    learner.resume()?;
    assert!(traces(&learner)? == traces(&whole)?);
    Ok(())
}

#[test]
fn a_callback_that_remembers_goes_on_too() -> Result<()> {
    /// Lowers the rate after each epoch, by more each time.
    struct Lower(usize);
    impl Callback for Lower {
        fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
            if when == When::EpochEnded {
                self.0 += 1;
                fit.set_rate(fit.rate() / self.0 as f64)?;
            }
            Ok(Next::Go)
        }
        fn name(&self) -> &str {
            "lower"
        }
        fn state(&self) -> Option<String> {
            Some(self.0.to_string())
        }
        fn restore(&mut self, state: &str) -> Result<()> {
            self.0 = state.parse().map_err(|_| Error::new("no number"))?;
            Ok(())
        }
    }
    let data = bars(32, 105)?.batch(8);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("running.safetensors");
    let mut whole = learner(&data)?;
    whole.add(Lower(0)).add(saves_at(&path, 2, 0)).fit_with(4, 1e-2, Schedule::cosine())?;
    let mut resumed = learner(&data)?;
    resumed.add(Lower(0)).load(&path)?;
    resumed.resume()?;
    assert!(traces(&resumed)? == traces(&whole)?);
    Ok(())
}

#[test]
fn a_search_and_a_second_run_change_no_bit() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = pictures(folder.path())?;
    let run = |searches: bool| -> Result<Traces> {
        let mut learner = with_all(&data)?;
        for _ in 0..2 {
            if searches {
                learner.lr_find()?;
            }
            learner.fit_with(2, 1e-3..1e-2, Schedule::cosine().warm_up(0.2))?;
        }
        traces(&learner)
    };
    let first = run(false)?;
    assert!(run(false)? == first, "one seed gives one result");
    assert!(run(true)? == first, "a search leaves no trace");
    Ok(())
}

#[test]
fn another_number_of_threads_adds_in_another_order() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = pictures(folder.path())?;
    let run = |threads: usize, freeze: bool| -> Result<(Traces, Vec<f64>)> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let mut learner = with_all(&data)?;
            if freeze {
                learner.freeze();
            }
            learner.fit_with(2, 1e-3, Schedule::cosine())?;
            Ok((traces(&learner)?, losses(&learner)))
        })
    };
    let ((one, _), (two, _)) = (run(1, true)?, run(2, true)?);
    assert!(one == two, "a head alone is the same with any number of threads");
    let ((_, one), (_, two)) = (run(1, false)?, run(2, false)?);
    assert_eq!(one[0], two[0], "no step was taken yet");
    let apart = one.iter().zip(&two).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(apart < 1e-3, "{apart:e}");
    Ok(())
}

#[test]
fn a_fit_that_was_finished_tells_the_seconds_of_all_its_parts() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = pictures(&folder.path().join("data"))?;
    let slow = || {
        |when: When, _: &mut Fit| {
            if when == When::BatchBegins {
                std::thread::sleep(std::time::Duration::from_millis(30));
            }
            Ok(Next::Go)
        }
    };
    let path = folder.path().join("a.safetensors");
    let mut learner = with_all(&data)?;
    learner.add(slow()).add(fails_at(2, 5));
    assert!(learner.fit(2, 1e-3).is_err());
    learner.save(&path)?;
    let mut again = with_all(&data)?;
    again.load(&path)?;
    let report = again.resume()?;
    // 12 batches slept before the end, none after it
    assert!(report.seconds >= 0.36 && report.batches == 16, "{report:?}");
    Ok(())
}

#[test]
fn what_a_fit_stood_on_and_no_longer_does_is_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("running.safetensors");
    let data = bars(32, 106)?.batch(8);
    let cut = || -> Result<Learner> {
        let mut learner = learner(&data)?;
        assert!(learner.add(fails_at(2, 1)).fit(2, 1e-3).is_err());
        learner.remove_callbacks();
        Ok(learner)
    };
    cut()?.save(&path)?;
    let told = |change: &dyn Fn(&mut Learner) -> Result<()>| -> Result<[Vec<String>; 2]> {
        let mut loaded = learner(&data)?;
        loaded.load(&path)?;
        let notes = [cut()?, loaded].map(|mut learner| {
            change(&mut learner)?;
            Ok(learner.resume()?.notes)
        });
        let [memory, file]: [Result<Vec<String>>; 2] = notes;
        Ok([memory?, file?])
    };
    for notes in told(&|_| Ok(()))? {
        assert!(notes.is_empty(), "{notes:?}");
    }
    for notes in told(&|learner| {
        learner.optimizer(Optimizer::sgd(0.9));
        Ok(())
    })? {
        assert!(notes[0].contains("stepped with AdamW, from here on it is SGD"), "{notes:?}");
    }
    for notes in told(&|learner| {
        learner.optimizer(Optimizer::adamw());
        Ok(())
    })? {
        assert!(notes[0].contains("remembers nothing of it"), "{notes:?}");
    }
    for notes in told(&|learner| {
        learner.freeze();
        Ok(())
    })? {
        assert!(notes[0].contains("trained all, from here on it is head"), "{notes:?}");
    }
    // as many examples, other ones: what was learned by heart would measure
    let mut other = cut()?;
    let says = other.set_data(&data.clone().split(0.25, 9)?)?.resume().unwrap_err().to_string();
    assert!(says.contains("had other examples") && says.contains("`.split(0.2, 42)?`"), "{says}");
    other.set_data(&data)?.resume()?;
    Ok(())
}

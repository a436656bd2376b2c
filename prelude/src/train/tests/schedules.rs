//! Schedules beside PyTorch's (`tests/reference/schedules.py`), and fits that follow them.

use super::*;
use crate::show::Show;

fn factors(name: &str) -> Vec<f64> {
    let text = include_str!("../../../tests/fixtures/schedules.json");
    let saved: serde_json::Value = serde_json::from_str(text).expect("JSON");
    saved[name].as_array().expect("a list").iter().map(|value| value.as_f64().expect("a number")).collect()
}

#[test]
fn factors_are_pytorchs() {
    let cosine = || Schedule::cosine().end_at(0.01);
    let (steps, epochs) = (70, 7);
    for (name, schedule) in [
        ("linear", Schedule::linear().end_at(0.1)),
        ("cosine", cosine()),
        ("restarts", cosine().cycles(3).growing(2.0)),
        ("equal_restarts", Schedule::cosine().cycles(5)),
        ("step", Schedule::step(2, 0.1)),
        ("exponential", Schedule::exponential(0.9)),
        ("warm_constant", Schedule::constant().warm_up(0.2)),
        ("warm_cosine", Schedule::cosine().warm_up(0.2)),
    ] {
        let expected = factors(name);
        let each = steps / expected.len();
        for (at, expected) in expected.into_iter().enumerate() {
            let step = at * each;
            let moment = Moment { done: step as f64 / steps as f64, step, epoch: step / (steps / epochs) };
            let (found, momentum) = schedule.at(moment);
            assert!((found - expected).abs() < 1e-9, "{name} at {step}: {found} {expected}");
            assert_eq!(momentum, None);
        }
    }
}

/// The rates of a fit's steps, as shares of the first one's limit.
fn rates(learner: &Learner) -> Vec<f64> {
    learner.history().batches.iter().map(|batch| batch.rate).collect()
}

#[test]
fn a_fit_follows_its_schedule_and_the_plot_shows_it_before() -> Result<()> {
    // 24 training pictures in 3 batches, 4 epochs
    let data = bars(32, 80)?.batch(8);
    for schedule in [
        Schedule::constant(),
        Schedule::linear().end_at(0.1),
        Schedule::cosine().cycles(2).warm_up(0.25),
        Schedule::step(2, 0.1),
        Schedule::exponential(0.5).warm_up(0.1),
        Schedule::one_cycle(),
        Schedule::own(|done, step| if step == 3 { 0.5 } else { 1.0 - done }),
    ] {
        let mut learner = learner(&data)?;
        learner.freeze();
        let plot = learner.plot_schedule(4, 1e-3, schedule.clone())?;
        assert_eq!(plot.rates.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["head"]);
        learner.fit_with(4, 1e-3, schedule.clone())?;
        let (planned, taken) = (&plot.rates[0].1, rates(&learner));
        assert_eq!((planned.len(), taken.len()), (12, 12));
        for (planned, taken) in planned.iter().zip(&taken) {
            assert!((planned - taken).abs() < 1e-15, "{schedule}: {planned} {taken}");
        }
        let text = plot.bundle().as_text().expect("a figure has text").to_owned();
        assert!(text.contains("learning rate") && text.contains("momentum"), "{text}");
        assert_eq!(plot.momentum.len(), 12);
        assert!(plot.table().text().contains("1.00e-3") || plot.rates[0].1[0] < 1e-3, "{}", plot.table().text());
    }
    let data = data.batch(64);
    let mut learner = learner(&data)?;
    // 1 step an epoch, four epochs: 1, 0.5, 0.5, 0.25
    learner.fit_with(4, 1e-3..1e-2, Schedule::own(|_, step| [1.0, 0.5, 0.5, 0.25][step]))?;
    assert_eq!(rates(&learner), [1e-2, 5e-3, 5e-3, 2.5e-3]);
    let plot = learner.plot_schedule(2, 1e-3..1e-2, Schedule::one_cycle())?;
    assert_eq!(plot.rates.len(), learner.network().parts().len());
    assert!(
        learner.rates(1e-3..1e-2)?.text().contains("head      1.0e-2  trainable"),
        "{}",
        learner.rates(1e-3)?.text()
    );
    Ok(())
}

#[test]
fn a_plateau_lowers_the_rate_of_the_next_epoch() -> Result<()> {
    let data = bars(32, 81)?.batch(8);
    let mut learner = learner(&data)?;
    learner.freeze();
    // a rate so small that no epoch is better by a ten-thousandth
    let report = learner.fit_with(4, 1e-12, Schedule::plateau(1, 0.1))?;
    let found: Vec<f64> = rates(&learner).iter().step_by(3).map(|rate| rate / 1e-12).collect();
    for (found, expected) in found.iter().zip([1.0, 1.0, 1.0, 0.1]) {
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }
    assert_eq!(report.notes, ["the rate is 1.0e-13 after epoch 3: 2 epochs brought no better loss"]);
    let report = learner.fit_with(2, 1e-12, Schedule::plateau(0, 0.5).by("accuracy"))?;
    assert_eq!(report.notes, ["the rate is 5.0e-13 after epoch 2: an epoch brought no better accuracy"]);
    // epochs that are not measured do not count
    let report = learner.validate_every(2).fit_with(4, 1e-12, Schedule::plateau(0, 0.5))?;
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    Ok(())
}

#[test]
fn nonsense_is_refused_with_its_name_before_anything_is_trained() -> Result<()> {
    let data = bars(16, 82)?;
    let mut learner = learner(&data)?;
    for (schedule, text, remedy) in [
        (Schedule::constant().warm_up(1.0), "the share of `warm_up` is 1; expected", ".warm_up(0.1)"),
        (Schedule::cosine().warm_up(f64::NAN), "the share of `warm_up` is NaN", ".warm_up(0.1)"),
        (Schedule::linear().end_at(-1.0), "the share of `end_at` is -1", ".end_at(0.01)"),
        (Schedule::one_cycle().cycles(3), "`cycles` says nothing of this schedule", "Schedule::cosine()"),
        (Schedule::constant().growing(2.0), "`growing` says nothing of this schedule", "Schedule::cosine()"),
        (Schedule::exponential(0.5).end_at(0.1), "`end_at` says nothing of this schedule", "Schedule::linear()"),
        (Schedule::cosine().by("accuracy"), "`by` says nothing of this schedule", "Schedule::plateau"),
        (Schedule::cosine().end_at(f64::INFINITY), "the share of `end_at` is inf", ".end_at(0.01)"),
        (Schedule::cosine().cycles(0), "the count of `cycles` is 0", ".cycles(3)"),
        (Schedule::cosine().cycles(2).growing(0.0), "the factor of `growing` is 0", ".growing(2.0)"),
        (Schedule::step(0, 0.1), "the epochs of `step` is 0", "Schedule::step(2, 0.1)"),
        (Schedule::step(1, f64::NAN), "the factor of `step` is NaN", "Schedule::step(2, 0.1)"),
        (Schedule::exponential(-0.5), "the factor of `exponential` is -0.5", "Schedule::exponential(0.9)"),
        (Schedule::plateau(2, 1.0), "the factor of `plateau` is 1;", "Schedule::plateau(2, 0.1)"),
        (
            Schedule::plateau(2, 0.1).by("beauty"),
            "goes by `beauty`, which is not measured",
            "`loss`, `train loss`, `accuracy`",
        ),
        (Schedule::one_cycle_with(0.0, 25.0), "the rise of `one_cycle_with` is 0", "(0.25, 25.0)"),
        (Schedule::one_cycle_with(0.3, 0.0), "the div of `one_cycle_with` is 0", "(0.25, 25.0)"),
        (Schedule::constant().unfreezing(0), "the count of `unfreezing` is 0", ".unfreezing(1)"),
    ] {
        for says in [
            learner.fit_with(2, 1e-3, schedule.clone()).unwrap_err(),
            learner.plot_schedule(2, 1e-3, schedule).unwrap_err(),
        ] {
            let says = says.to_string();
            assert!(says.contains(text) && says.contains("\n  → ") && says.contains(remedy), "{says}");
        }
    }
    assert!(learner.history().batches.is_empty() && learner.history().stages.is_empty());
    let own = || Schedule::own(|done, _| if done > 0.4 { f64::NAN } else { 1.0 });
    let says = learner.plot_schedule(2, 1e-3, own()).unwrap_err().to_string();
    assert!(says.contains("the schedule gives the factor NaN before step 2") && says.contains('→'), "{says}");
    let says = learner.fit_with(2, 1e-3, own()).unwrap_err().to_string();
    assert!(says.contains("the schedule gives the factor NaN before step 2") && says.contains('→'), "{says}");
    assert_eq!(learner.history().batches.len(), 1, "the step before is kept");
    for wrong in
        [learner.plot_schedule(0, 1e-3, own()).unwrap_err(), learner.plot_schedule(1, -1.0, own()).unwrap_err()]
    {
        assert!(wrong.to_string().contains("expected"), "{wrong}");
    }
    let says = learner.plot_schedule(100_000_000, 1e-3, Schedule::one_cycle()).unwrap_err().to_string();
    assert!(says.contains("at most 1000000 to draw") && says.contains("plot_schedule(5"), "{says}");
    assert!(learner.rates(0.0).unwrap_err().to_string().contains("finite positive number"));
    // nothing to go by
    let mut alone = super::learner(&TensorData::new(
        Tensor::zeros((4, 3, 32, 32), candle_core::DType::F32, &Device::Cpu)?,
        vec![0, 1, 0, 1],
        &["a", "b"],
    )?)?;
    let says = alone.fit_with(1, 1e-3, Schedule::plateau(1, 0.1)).unwrap_err().to_string();
    assert!(says.contains("there is no validation data") && says.contains(".by(\"train loss\")"), "{says}");
    alone.fit_with(1, 1e-3, Schedule::plateau(1, 0.1).by("train loss"))?;
    Ok(())
}

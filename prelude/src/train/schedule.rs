//! How the rate changes from step to step: constant, along a line, cosines, in steps, in one cycle, by one's own function.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, limits};

/// How the rate changes from step to step of one fit, as a factor on the rate that it was given.
///
/// | schedule | the factor |
/// |---|---|
/// | `Schedule::constant()` | 1 |
/// | `Schedule::linear()` | from 1 to 0 along a line; `.end_at(0.1)` to a tenth. `LinearLR` |
/// | `Schedule::cosine()` | from 1 to 0 along half a cosine; `.end_at(0.1)` too. `CosineAnnealingLR` |
/// | `Schedule::cosine().cycles(3)` | three times so, each from 1 again; `.growing(2.0)` makes each twice as long as the last. `CosineAnnealingWarmRestarts` |
/// | `Schedule::step(2, 0.1)` | a tenth of it after every second epoch. `StepLR` |
/// | `Schedule::exponential(0.9)` | 0.9 of it after each epoch. `ExponentialLR` |
/// | `Schedule::plateau(2, 0.1)` | a tenth of it where more than two epochs brought nothing better. `ReduceLROnPlateau` |
/// | `Schedule::one_cycle()` | up for a quarter and down for the rest, momentum the other way. fastai's `fit_one_cycle` |
/// | `Schedule::own(\|done, step\| 1.0 - done)` | what a function says of the share that is done, from 0 to 1, and of the step |
///
/// Before any of them the rate may rise ([`warm_up`](Schedule::warm_up)); beside any of them parts may be unfrozen one after the
/// other ([`unfreezing`](Schedule::unfreezing)).
///
/// ```
/// use candlewick_prelude::prelude::*;
/// # fn example(mut learner: Learner) -> Result<()> {
/// let slow = Schedule::cosine().end_at(0.01).warm_up(0.1);
/// let restarts = Schedule::cosine().cycles(3).growing(2.0);
/// let own = Schedule::own(|done, _| if done < 0.5 { 1.0 } else { 0.1 });
/// learner.fit_with(5, 1e-3, slow)?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    course: Course,
    /// The share of the fit in which the rate rises before.
    #[serde(default)]
    warm_up: f64,
    /// How many groups more are trainable with each epoch, where they are unfrozen one after the other.
    #[serde(default)]
    unfreezing: Option<usize>,
    /// What was said of it that is of other schedules: a fit refuses it.
    #[serde(default)]
    idle: Option<String>,
}

/// What the factor does once the rate has risen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
enum Course {
    Constant,
    Linear { end: f64 },
    Cosine { end: f64, cycles: usize, growth: f64 },
    Step { every: usize, factor: f64 },
    Exponential { factor: f64 },
    Plateau { patience: usize, factor: f64, measure: String },
    OneCycle { rise: f64, div: f64 },
    Own(OwnFactor),
}

/// A function of one's own; a file does not hold it.
#[derive(Clone, Serialize, Deserialize)]
struct OwnFactor {
    #[serde(skip)]
    factor: Option<Arc<Factor>>,
}

type Factor = dyn Fn(f64, usize) -> f64 + Send + Sync;

impl PartialEq for OwnFactor {
    fn eq(&self, other: &OwnFactor) -> bool {
        match (&self.factor, &other.factor) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (own, other) => own.is_none() && other.is_none(),
        }
    }
}

impl fmt::Debug for OwnFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.factor.is_some() { "a function" } else { "a function that a file did not hold" })
    }
}

/// Where a fit stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moment {
    /// The share of the fit's steps that are done: from 0 to 1.
    pub done: f64,
    /// The steps that are done.
    pub step: usize,
    /// The epochs that are done.
    pub epoch: usize,
}

/// fastai 2, `Learner.fit_one_cycle`: `div_final`, `moms`.
const DIV_FINAL: f64 = 1e5;
const MOMENTUM: (f64, f64) = (0.95, 0.85);
/// The factor with which a warm-up begins.
const COLD: f64 = 0.01;
/// The most that a factor on the rate may be.
const MOST: f64 = 10.0;
/// Two shares of a fit that are nearer than this are the same step.
const SAME: f64 = 1e-9;

impl Schedule {
    fn of(course: Course) -> Schedule {
        Schedule { course, warm_up: 0.0, unfreezing: None, idle: None }
    }

    /// The rate does not change.
    pub fn constant() -> Schedule {
        Schedule::of(Course::Constant)
    }

    /// Along a line, from the rate to 0 or to what [`end_at`](Schedule::end_at) says.
    pub fn linear() -> Schedule {
        Schedule::of(Course::Linear { end: 0.0 })
    }

    /// Along half a cosine, from the rate to 0 or to what [`end_at`](Schedule::end_at) says. Loshchilov and Hutter 2016.
    pub fn cosine() -> Schedule {
        Schedule::of(Course::Cosine { end: 0.0, cycles: 1, growth: 1.0 })
    }

    /// The rate times `factor` after every so many epochs.
    pub fn step(epochs: usize, factor: f64) -> Schedule {
        Schedule::of(Course::Step { every: epochs, factor })
    }

    /// The rate times `factor` after each epoch.
    pub fn exponential(factor: f64) -> Schedule {
        Schedule::of(Course::Exponential { factor })
    }

    /// The rate times `factor`, below 1, where more than `patience` epochs in a row have brought no better validation loss: none
    /// that is lower by a ten-thousandth. [`by`](Schedule::by) goes by another measure. Epochs that are not measured do not count.
    pub fn plateau(patience: usize, factor: f64) -> Schedule {
        Schedule::of(Course::Plateau { patience, factor, measure: "loss".to_owned() })
    }

    /// In one cycle: up for a quarter of the steps and down for the rest along cosines, momentum the other way. Smith 2018, with
    /// fastai's numbers.
    pub fn one_cycle() -> Schedule {
        Schedule::one_cycle_with(0.25, 25.0)
    }

    /// In one cycle that rises for this share of the steps (fastai's `pct_start`) to `div` times its first rate (fastai's `div`).
    pub fn one_cycle_with(rise: f64, div: f64) -> Schedule {
        Schedule::of(Course::OneCycle { rise, div })
    }

    /// The factor that a function gives for the share of the fit that is done, from 0 to 1, and the number of steps that are:
    /// `Schedule::own(|done, step| 1.0 - done)`. A checkpoint does not hold it.
    pub fn own(factor: impl Fn(f64, usize) -> f64 + Send + Sync + 'static) -> Schedule {
        Schedule::of(Course::Own(OwnFactor { factor: Some(Arc::new(factor)) }))
    }

    /// The share of the rate with which a line or a cosine ends (default 0). A fit refuses it for others.
    pub fn end_at(mut self, share: f64) -> Schedule {
        if let Course::Linear { end } | Course::Cosine { end, .. } = &mut self.course {
            *end = share;
        } else {
            self.idle = Some("end_at".to_owned());
        }
        self
    }

    /// A cosine as often as this, from the full rate again each time. A fit refuses it for others.
    pub fn cycles(mut self, count: usize) -> Schedule {
        if let Course::Cosine { cycles, .. } = &mut self.course {
            *cycles = count;
        } else {
            self.idle = Some("cycles".to_owned());
        }
        self
    }

    /// Each of a cosine's cycles as many times as long as the one before (default 1). A fit refuses it for others.
    pub fn growing(mut self, times: f64) -> Schedule {
        if let Course::Cosine { growth, .. } = &mut self.course {
            *growth = times;
        } else {
            self.idle = Some("growing".to_owned());
        }
        self
    }

    /// The measure that a plateau goes by: `loss` (the default), `train loss`, or what its metrics are named, such as
    /// `accuracy`. A fit refuses it for others.
    pub fn by(mut self, name: &str) -> Schedule {
        if let Course::Plateau { measure, .. } = &mut self.course {
            name.clone_into(measure);
        } else {
            self.idle = Some("by".to_owned());
        }
        self
    }

    /// Lets the rate rise along a line from a hundredth for this share of the steps, from 0 to below 1; the rest of the fit is the
    /// schedule's. What goes by epochs counts them from the fit's beginning.
    pub fn warm_up(mut self, share: f64) -> Schedule {
        self.warm_up = share;
        self
    }

    /// Begins with the head alone trainable, and makes so many parts more trainable with each epoch, from the head down. Howard
    /// and Ruder 2018.
    pub fn unfreezing(mut self, parts: usize) -> Schedule {
        self.unfreezing = Some(parts);
        self
    }

    /// How many parts more are trainable with each epoch, where they are unfrozen one after the other.
    pub(super) fn unfreezes(&self) -> Option<usize> {
        self.unfreezing
    }

    /// Patience, factor and measure of a plateau.
    pub(super) fn as_plateau(&self) -> Option<(usize, f64, &str)> {
        match &self.course {
            Course::Plateau { patience, factor, measure } => Some((*patience, *factor, measure)),
            _ => None,
        }
    }

    /// The factor on the rate, and the momentum where the schedule sets one. A plateau's factor comes from what was measured, and is
    /// none of this.
    pub fn at(&self, moment: Moment) -> (f64, Option<f64>) {
        if moment.done + SAME >= self.warm_up {
            let done = (moment.done - self.warm_up).max(0.0) / (1.0 - self.warm_up);
            return self.course.at(Moment { done, ..moment });
        }
        let (top, momentum) = self.course.at(Moment { done: 0.0, ..moment });
        (top * (COLD + (1.0 - COLD) * moment.done / self.warm_up), momentum)
    }

    /// Refuses numbers that make no sense, by name.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(name) = &self.idle {
            return Err(Error::new(format!("`{name}` says nothing of this schedule: {self}")).remedy(
                "`cycles` and `growing` are for `Schedule::cosine()`, `end_at` for that and `Schedule::linear()`, `by` for `Schedule::plateau(…)`",
            ));
        }
        let remedy = "a tenth of the fit is usual: `.warm_up(0.1)`";
        let fine = (0.0..1.0).contains(&self.warm_up);
        limits::allow(fine, "the share of `warm_up`", &self.warm_up, "a number from 0 to below 1", remedy)?;
        if let Some(parts) = self.unfreezing {
            limits::some("the count of `unfreezing`", parts, "parts", "one more with each epoch: `.unfreezing(1)`")?;
        }
        self.course.check()
    }
}

impl Course {
    fn at(&self, Moment { done, step, epoch }: Moment) -> (f64, Option<f64>) {
        let factor = match self {
            Course::Constant | Course::Plateau { .. } => 1.0,
            Course::Linear { end } => 1.0 + (end - 1.0) * done.min(1.0),
            Course::Cosine { end, cycles, growth } => cosine(1.0, *end, part_of_cycle(done, *cycles, *growth)),
            Course::Step { every, factor } => factor.powf((epoch / every.max(&1)) as f64),
            Course::Exponential { factor } => factor.powf(epoch as f64),
            Course::OneCycle { rise, div } if done < *rise => {
                let part = done / rise;
                return (cosine(1.0 / div, 1.0, part), Some(cosine(MOMENTUM.0, MOMENTUM.1, part)));
            }
            Course::OneCycle { rise, .. } => {
                let part = (done - rise) / (1.0 - rise);
                return (cosine(1.0, 1.0 / DIV_FINAL, part), Some(cosine(MOMENTUM.1, MOMENTUM.0, part)));
            }
            Course::Own(OwnFactor { factor }) => factor.as_ref().map_or(1.0, |factor| factor(done, step)),
        };
        (factor, None)
    }

    fn check(&self) -> Result<()> {
        // a rate that is multiplied by more than this each time is a slip
        let factor = |of: &str, given: f64, remedy: &str| {
            let fine = given > 0.0 && given <= MOST;
            limits::allow(fine, &format!("the factor of `{of}`"), &given, "a number above 0, at most 10", remedy)
        };
        let end = |given: f64| {
            let (fine, remedy) = ((0.0..=MOST).contains(&given), "a hundredth of the rate: `.end_at(0.01)`");
            limits::allow(fine, "the share of `end_at`", &given, "a number from 0 to 10", remedy)
        };
        match self {
            Course::Constant => Ok(()),
            Course::Linear { end: own } => end(*own),
            Course::Cosine { end: own, cycles, growth } => {
                end(*own)?;
                limits::some("the count of `cycles`", *cycles, "cycles", "three are usual: `.cycles(3)`")?;
                let (fine, remedy) = (*growth > 0.0 && *growth <= MOST, "each twice as long: `.growing(2.0)`");
                limits::allow(fine, "the factor of `growing`", growth, "a number above 0, at most 10", remedy)
            }
            Course::Step { every, factor: own } => {
                let remedy = "a tenth after every second epoch: `Schedule::step(2, 0.1)`";
                limits::some("the epochs of `step`", *every, "epochs", remedy)?;
                factor("step", *own, remedy)
            }
            Course::Exponential { factor: own } => {
                factor("exponential", *own, "nine tenths after each epoch: `Schedule::exponential(0.9)`")
            }
            Course::Plateau { factor: own, .. } => {
                let remedy = "a tenth after two epochs without gain: `Schedule::plateau(2, 0.1)`";
                let fine = *own > 0.0 && *own < 1.0;
                limits::allow(fine, "the factor of `plateau`", own, "a number between 0 and 1", remedy)
            }
            Course::OneCycle { rise, div } => {
                let remedy = "fastai's are usual: `Schedule::one_cycle_with(0.25, 25.0)`";
                let fine = *rise > 0.0 && *rise < 1.0;
                limits::allow(fine, "the rise of `one_cycle_with`", rise, "a number between 0 and 1", remedy)?;
                let fine = (1.0..=1e6).contains(div);
                limits::allow(fine, "the div of `one_cycle_with`", div, "a number from 1 to 1000000", remedy)
            }
            Course::Own(OwnFactor { factor: Some(_) }) => Ok(()),
            Course::Own(OwnFactor { factor: None }) => Err(Error::new(
                "this fit's schedule was a function of one's own, which a file does not hold",
            )
            .remedy("give it again: `learner.resume_with(Schedule::own(|done, step| …))?`, or another schedule")),
        }
    }
}

/// How far the running cycle is, from 0 to below 1; each is `growth` times as long as the one before.
fn part_of_cycle(done: f64, cycles: usize, growth: f64) -> f64 {
    if cycles < 2 {
        return done.min(1.0);
    }
    let lengths = || (0..cycles).map(|cycle| growth.powf(cycle as f64));
    let (whole, mut start) = (lengths().sum::<f64>(), 0.0);
    for length in lengths().map(|length| length / whole) {
        if done + SAME < start + length {
            return ((done - start) / length).max(0.0);
        }
        start += length;
    }
    1.0
}

/// fastai's `SchedCos`.
fn cosine(start: f64, end: f64, part: f64) -> f64 {
    start + (1.0 + (std::f64::consts::PI * (1.0 - part)).cos()) * (end - start) / 2.0
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.course {
            Course::Constant => write!(f, "constant"),
            Course::Linear { end } => write!(f, "linear to {end}"),
            Course::Cosine { end, cycles: 1, .. } => write!(f, "cosine to {end}"),
            Course::Cosine { end, cycles, .. } => write!(f, "{cycles} cosines to {end}"),
            Course::Step { every, factor } => write!(f, "× {factor} every {every} epochs"),
            Course::Exponential { factor } => write!(f, "× {factor} an epoch"),
            Course::Plateau { patience, factor, measure } => {
                write!(f, "× {factor} where {measure} gains nothing for {patience} epochs")
            }
            Course::OneCycle { .. } => write!(f, "one cycle"),
            Course::Own(_) => write!(f, "one's own schedule"),
        }?;
        if self.warm_up > 0.0 {
            write!(f, ", warm-up {}", self.warm_up)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(schedule: &Schedule, done: f64) -> (f64, Option<f64>) {
        schedule.at(Moment { done, ..Moment::default() })
    }

    // fastai 2.7: combined_cos(0.25, 1/25, 1, 1e-5) and combined_cos(0.25, .95, .85, .95)
    // at 0, 0.125, 0.25, 0.625, 1
    #[test]
    fn one_cycle_as_fastai() {
        let expected =
            [(0.0, 0.04, 0.95), (0.125, 0.52, 0.9), (0.25, 1.0, 0.85), (0.625, 0.500_005, 0.9), (1.0, 1e-5, 0.95)];
        for (done, factor, momentum) in expected {
            let (found, with) = at(&Schedule::one_cycle(), done);
            assert!((found - factor).abs() < 1e-9, "{done}: {found}");
            assert!((with.unwrap_or_default() - momentum).abs() < 1e-9, "{done}: {with:?}");
        }
        // fastai 2.8, as in fine_tune: combined_cos(0.3, 1/5, 1, 1e-5) at 0, 0.15, 0.3, 0.65, 1
        let slow = Schedule::one_cycle_with(0.3, 5.0);
        for (done, factor) in [(0.0, 0.2), (0.15, 0.6), (0.3, 1.0), (0.65, 0.500_005), (1.0, 1e-5)] {
            assert!((at(&slow, done).0 - factor).abs() < 1e-9, "{done}: {:?}", at(&slow, done));
        }
    }

    #[test]
    fn a_file_holds_all_but_a_function() {
        let text = |schedule: &Schedule| serde_json::to_string(schedule).expect("it is plain");
        let read = |text: &str| serde_json::from_str::<Schedule>(text).expect("it was written so");
        for schedule in [
            Schedule::constant(),
            Schedule::cosine().cycles(3).growing(2.0).end_at(0.1).warm_up(0.2),
            Schedule::plateau(2, 0.5).by("accuracy").unfreezing(2),
            Schedule::one_cycle(),
        ] {
            assert_eq!(read(&text(&schedule)), schedule);
        }
        let own = Schedule::own(|done, _| done).warm_up(0.5);
        let again = read(&text(&own));
        assert!(own.check().is_ok() && again != own && again.warm_up == 0.5);
        assert!(again.check().unwrap_err().to_string().contains("learner.resume_with("));
    }
}

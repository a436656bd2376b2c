//! A fit that was cut off is finished.

use super::history::FitReport;
use super::learner::Learner;
use super::run::FitRun;
use super::schedule::Schedule;
use crate::data::{Order, Part};
use crate::{Error, Result, interrupt, show};

impl Learner {
    /// Finishes the fit that was cut off: by an interrupt, by an error, or with its process, where a checkpoint of it was loaded.
    /// It goes on with the batch that comes next, with the schedule where it stood, and gives what it would have given in one go: on
    /// the CPU, with as many threads, the same weights to the last bit.
    ///
    /// ```
    /// # use candlewick_prelude::prelude::*;
    /// # fn example(mut learner: Learner) -> Result<()> {
    /// learner.add(|when: When, fit: &mut Fit| {
    ///     if when == When::EpochEnded { fit.save("running.safetensors")?; }
    ///     Ok(Next::Go)
    /// });
    /// learner.fit_one_cycle(6, 1e-3)?; // the process is killed in epoch 4; then, with the same data and learner:
    /// learner.load("running.safetensors")?;
    /// learner.resume()?; // epochs 4 to 6
    /// # Ok(()) }
    /// ```
    ///
    /// What was set or frozen meanwhile holds for what is left. Callbacks hear of `FitBegins` and of the running epoch's
    /// `EpochBegins` once more; a metric or a callback of one's own has to be added again after a load. Of `fine_tune` it
    /// finishes the stage that was cut off.
    ///
    /// # Errors
    /// As [`fit`](Learner::fit); and when no fit was cut off, when the data have other numbers of examples or batches, and when the
    /// schedule was a function of one's own and a file was loaded: then [`resume_with`](Learner::resume_with) gives it again.
    pub fn resume(&mut self) -> Result<FitReport> {
        self.go_on(None)
    }

    /// As [`resume`](Learner::resume), with the schedule given again: a function of one's own is in no checkpoint.
    ///
    /// # Errors
    /// As [`resume`](Learner::resume).
    pub fn resume_with(&mut self, schedule: Schedule) -> Result<FitReport> {
        self.go_on(Some(schedule))
    }

    fn go_on(&mut self, schedule: Option<Schedule>) -> Result<FitReport> {
        interrupt::check()?;
        let Some(cut) = self.cut_off.as_ref() else {
            return Err(Error::new("there is no fit to finish: none was cut off")
                .remedy("`learner.fit(3, 1e-3)?` trains three epochs more"));
        };
        let (rate, epochs, examples) = (cut.way.rate, cut.way.epochs, cut.way.examples);
        let planned = cut.way.planned;
        let schedule = schedule.unwrap_or_else(|| cut.way.schedule.clone());
        let data = self.need_data()?;
        self.check_schedule(&schedule)?;
        self.check(rate)?;
        if schedule.unfreezes().is_none() {
            self.check_trainable()?;
        }
        let others = |what: &str, had: usize, has: usize| {
            Error::new(format!("the fit that was cut off had {had} {what}, now there are {has}"))
                .remedy("give it the same data, `learner.set_data(&data)?`; or begin anew: `learner.fit(3, 1e-3)?`")
        };
        let count = data.count(Part::Train);
        if count != examples {
            return Err(others("training examples", examples, count));
        }
        if let Some(planned) = planned {
            let batches = data.batches(Part::Train, Order::Epoch(self.begun))?.size_hint().0.max(1);
            if batches.saturating_mul(epochs) != planned {
                return Err(others("batches an epoch", planned / epochs.max(1), batches));
            }
        }
        self.tell_missing_callbacks();
        let Some(mut cut) = self.cut_off.take() else { return Err(Error::new("there is no fit to finish")) };
        cut.way.schedule = schedule;
        let run = FitRun::again(cut, &self.options);
        self.go(data.as_ref(), run)
    }

    /// Says which callbacks the fit had, by what they remember, and are not there.
    fn tell_missing_callbacks(&self) {
        let here = |name: &str| self.callbacks.iter().any(|callback| callback.name() == name);
        let mut missing: Vec<String> =
            self.states.keys().filter(|name| !here(name)).map(|name| format!("`{name}`")).collect();
        missing.sort();
        if !missing.is_empty() {
            show::note(&format!(
                "the fit that was cut off had {}, which this learner has not: add it before `learner.load(path)?` to have it go on",
                missing.join(", ")
            ));
        }
    }

    /// How many training examples there are.
    pub(super) fn examples(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.count(Part::Train))
    }
}

//! A fit that was cut off is finished.

use super::callback::keys;
use super::history::FitReport;
use super::learner::Learner;
use super::run::{FitRun, StoodOn};
use super::schedule::Schedule;
use crate::data::{Order, Part};
use crate::params::name_seed;
use crate::words::count;
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
            return Err(Error::new("there is no fit to finish: none was cut off, or another fit has begun since")
                .remedy("`learner.fit(3, 1e-3)?` trains three epochs more; after a kill load the last checkpoint first: `learner.load(\"runs/…\")?`"));
        };
        let (rate, epochs, examples) = (cut.way.rate, cut.way.epochs, cut.way.examples);
        let (planned, before) = (cut.way.planned, cut.way.stood_on.clone());
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
        let now = self.stands_on();
        let before = before.unwrap_or_else(|| now.clone());
        if let (Some(had), Some(has)) = (&before.split, &now.split)
            && had != has
        {
            return Err(Error::new(
                "the fit that was cut off had other examples: some that it has seen would validate, or the other way round",
            )
            .remedy(
                "give it the same data split in the same way, `learner.set_data(&data)?` with the seed that `.split(0.2, 42)?` had; or \
                 begin anew: `learner.fit(3, 1e-3)?`",
            ));
        }
        self.tell_missing_callbacks();
        let Some(mut cut) = self.cut_off.take() else { return Err(Error::new("there is no fit to finish")) };
        cut.way.schedule = schedule;
        let unfreezes = cut.way.schedule.unfreezes().is_some();
        let mut run = FitRun::again(cut, &self.options);
        let differs = before.differs(&now, unfreezes);
        if let Some(record) = self.history.fits.last_mut() {
            record.resumed.extend(differs.iter().map(|what| format!("from epoch {} on: {what}", run.epoch + 1)));
        }
        run.notes.extend(differs);
        self.go(data.as_ref(), run)
    }

    /// What a fit stands on now.
    pub(super) fn stands_on(&self) -> StoodOn {
        let trainable = self.network.params().trainable();
        StoodOn {
            rule: self.optimizer.rule(),
            remembers: self.optimizer.state().values().map(|state| state.step).max().unwrap_or_default(),
            trained: self.trained_part(),
            trainable: trainable.iter().fold(0, |seed, param| name_seed(seed, param.name())),
            split: self.data.as_ref().and_then(|data| data.provenance().split_hash),
            task: Some(self.task.name().to_owned()),
            accumulate: Some(self.options.accumulate),
        }
    }

    /// Says which callbacks the fit had, by what they remember, and are not there.
    fn tell_missing_callbacks(&self) {
        let here = keys(&self.callbacks);
        let mut missing: Vec<String> =
            self.states.keys().filter(|name| !here.contains(name)).map(|name| format!("`{name}`")).collect();
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

impl StoodOn {
    /// What has become another since, in words; a schedule that unfreezes says itself what trains.
    fn differs(&self, now: &StoodOn, unfreezes: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if self.rule != now.rule {
            let (was, is) = match self.rule.name() == now.rule.name() {
                true => (format!("{:?}", self.rule), format!("{:?}", now.rule)),
                false => (self.rule.name().to_owned(), now.rule.name().to_owned()),
            };
            notes.push(format!(
                "the fit that was cut off stepped with {was}, from here on it is {is}: it is not what it would have been in one go"
            ));
        }
        if self.rule == now.rule && self.remembers != now.remembers {
            notes.push(
                "the optimiser is another than that of the fit that was cut off, and remembers nothing of it: it is not what it would have \
                 been in one go"
                    .to_owned(),
            );
        }
        if let (Some(was), Some(is)) = (&self.task, &now.task)
            && was != is
        {
            notes.push(format!(
                "the fit that was cut off had the task `{was}`, from here on it is `{is}`: the losses before and after are of two kinds"
            ));
        }
        if let (Some(was), Some(is)) = (self.accumulate, now.accumulate)
            && was != is
        {
            notes.push(format!(
                "the fit that was cut off took a step for {}, from here on for {is}: it is not what it would have been in one go",
                count(was, "batch")
            ));
        }
        if self.trainable != now.trainable && !unfreezes {
            notes.push(format!(
                "the fit that was cut off trained {}, from here on it is {}: it is not what it would have been in one go",
                self.trained, now.trained
            ));
        }
        notes
    }
}

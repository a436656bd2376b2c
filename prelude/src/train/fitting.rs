//! The training loop: epochs, steps, validation, callbacks, and the ways a fit can end early.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use super::ahead::Ahead;
use super::callback::{self, Callback, Fit, Next, Trainee, When, keys};
use super::callbacks::{self, Distill, Rehearse};
use super::gradients::Gradients;
use super::history::{BatchRecord, EpochRecord, History};
use super::learner::Learner;
use super::lost::Lost;
use super::metric::Measures;
use super::optim::Optimizer;
use super::run::{CutOff, FitRun, Underway, Within};
use super::tasks;
use crate::data::{Data, Order, Part};
use crate::models::Network;
use crate::params::Param;
use crate::plot::Figure;
use crate::words::count;
use crate::{Error, Result, interrupt, show};

impl Trainee for Learner {
    fn noun(&self) -> &'static str {
        self.spec.input.noun()
    }

    fn network(&self) -> &Network {
        &self.network
    }

    fn history(&self) -> &History {
        &self.history
    }

    fn save_to(&self, path: &Path, run: &FitRun) -> Result<()> {
        self.save_within(path, run)
    }

    fn glance(&self) -> Result<Option<Figure>> {
        Learner::glance(self)
    }

    fn judged(&self) -> &Network {
        Learner::judged(self)
    }

    fn measured(&self) -> Vec<String> {
        let own = self.task.metrics(&self.spec);
        own.iter().chain(self.metrics.iter()).map(|metric| metric.name().to_owned()).collect()
    }

    fn follow(&self) -> Result<()> {
        self.average.as_ref().map_or(Ok(()), |average| average.follow(&self.network))
    }
}

/// One epoch in so many, and one at least, sees examples one by one at the end of a fit.
const SETTLED: usize = 5;

/// A fit and those who take part in it.
pub(super) struct Fitting<'a> {
    pub learner: &'a mut Learner,
    pub run: FitRun,
    /// The learner's own callbacks that come first, and last; a person's come between.
    first: Vec<Box<dyn Callback>>,
    persons: Vec<Box<dyn Callback>>,
    /// The names under which theirs are kept.
    keys: Vec<String>,
    last: Vec<Box<dyn Callback>>,
    /// The strongest wish that none has heeded yet.
    wish: Next,
}

impl Drop for Fitting<'_> {
    /// A person's callbacks go back to the learner, in whatever way the fit ends, and so does what is left to do.
    fn drop(&mut self) {
        *self.learner.callbacks = std::mem::take(&mut self.persons);
        let left = self.run.left(self.learner.examples(), self.learner.stands_on());
        let gathered = std::mem::take(&mut self.run.gathered);
        *self.learner.cut_off = left.map(|way| CutOff { way, gathered });
    }
}

impl<'a> Fitting<'a> {
    pub fn begin(learner: &'a mut Learner, run: FitRun) -> Fitting<'a> {
        let (first, last) = (callbacks::first(&run), callbacks::last(&run));
        let persons = std::mem::take(&mut *learner.callbacks);
        let keys = keys(&persons);
        Fitting { learner, run, first, persons, keys, last, wish: Next::Go }
    }

    /// Asks every callback; what they wish is heeded at the next place where the fit may end. At the end of a fit all have their last
    /// word, whichever of them fails.
    fn ask(&mut self, when: When) -> Result<()> {
        let own = self.first.len()..self.first.len() + self.persons.len();
        let all = self.first.iter_mut().chain(&mut self.persons).chain(&mut self.last);
        let mut failed = None;
        for (at, callback) in all.enumerate() {
            let mut fit = Fit { run: &mut self.run, learner: &*self.learner };
            let asked = match own.contains(&at) {
                true => {
                    of_a_person(callback.as_mut(), (at - own.start + 1, &self.keys[at - own.start]), when, &mut fit)
                }
                false => callback.on(when, &mut fit),
            };
            match asked {
                Ok(wish) => self.wish = self.wish.max(wish),
                Err(error) if when == When::FitEnded => failed = failed.or(Some(error)),
                Err(error) => return Err(error),
            }
            // a callback that writes a file behind others finds their states as they are now
            if when == When::EpochEnded && own.contains(&at) {
                remember(&mut self.learner.states, &self.keys[at - own.start], callback.as_ref());
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// The last word of everybody; what is remembered is kept.
    pub fn close(&mut self, interrupted: bool) -> Result<()> {
        self.run.interrupted = interrupted;
        if interrupted {
            self.run.notes.push(format!(
                "interrupted after {} of {} and {}: the network keeps what it learned, the next fit goes on; \
                 `learner.resume()?` finishes this one",
                self.run.way.done,
                count(self.run.way.epochs, "epoch"),
                count(self.run.way.steps, "step")
            ));
        }
        self.run.notes.extend(self.learner.left_frozen(&self.run));
        self.run.notes.extend(self.learner.risen(&self.run));
        let is_held = self.persons.iter().any(|one| [Rehearse::NAME, Distill::NAME].contains(&one.name()));
        self.run.notes.extend(self.learner.forgotten().filter(|_| !is_held && self.run.way.done > 0));
        let closed = self.ask(When::FitEnded);
        self.remember();
        if self.run.forget {
            *self.learner.optimizer = Optimizer::of(self.learner.optimizer.rule());
        }
        match closed {
            Err(error) if error.is_interrupted() => Ok(()),
            other => other,
        }
    }

    /// Keeps the states of those callbacks that have a name.
    fn remember(&mut self) {
        for (key, callback) in self.keys.iter().zip(&self.persons) {
            remember(&mut self.learner.states, key, callback.as_ref());
        }
    }

    /// The epochs of one fit that are left; whether the user stopped it.
    pub fn epochs(&mut self, data: &dyn Data) -> Result<bool> {
        self.run.validates = data.count(Part::Valid) > 0;
        // an interrupt may meet any callback
        Ok(heard(self.each_epoch(data))?.unwrap_or(true))
    }

    fn each_epoch(&mut self, data: &dyn Data) -> Result<bool> {
        self.ask(When::FitBegins)?;
        let whole = data;
        let settled = whole.settled();
        while self.run.way.done < self.run.way.epochs {
            // what puts several examples together ends before the fit does
            let left = self.run.way.epochs - self.run.way.done;
            let last = self.run.way.epochs > 1 && left * SETTLED <= self.run.way.epochs.max(SETTLED);
            let data = settled.as_deref().filter(|_| last).unwrap_or(whole);
            if interrupt::requested() {
                return Ok(true);
            }
            let begun = Instant::now();
            self.begin_epoch()?;
            self.ask(When::EpochBegins)?;
            let trained = heard(self.train_epoch(data));
            if let Some(within) = &mut self.run.way.within {
                within.seconds += begun.elapsed().as_secs_f64();
            }
            if trained?.is_none() {
                return Ok(true);
            }
            if self.wish == Next::EndFit && !self.within().trained {
                return Ok(self.ended_early());
            }
            let begun = Instant::now();
            let (number, every) = (self.run.way.done + 1, self.learner.options.validate_every);
            let is_due = number.is_multiple_of(every) || number == self.run.way.epochs;
            let valid = if is_due { heard(self.measure(data))? } else { Some(None) };
            let Some(valid) = valid else { return Ok(true) };
            self.run.way.done += 1;
            let within = self.run.way.within.take().unwrap_or_default();
            let count = within.sums.examples.max(1) as f64;
            let history = &mut *self.learner.history;
            history.epochs.push(EpochRecord {
                epoch: history.epochs.len() + 1,
                batch: history.batches.len(),
                train_loss: within.sums.loss / count,
                parts: within.sums.parts.into_iter().map(|(name, sum)| (name, sum / count)).collect(),
                valid,
                seconds: within.seconds + begun.elapsed().as_secs_f64(),
            });
            self.remember();
            self.ask(When::EpochEnded)?;
            if self.wish == Next::EndFit && self.run.way.done < self.run.way.epochs {
                return Ok(self.ended_early());
            }
            self.wish = Next::Go;
        }
        Ok(false)
    }

    /// What of the running epoch is done.
    fn within(&mut self) -> &mut Within {
        self.run.way.within.get_or_insert_default()
    }

    /// Gives the next epoch its number, where it was not cut off in the middle of it, and makes trainable what is to be.
    fn begin_epoch(&mut self) -> Result<()> {
        if self.run.way.within.is_none() {
            self.run.way.within = Some(Within { number: self.learner.begun, ..Within::default() });
            self.learner.begun += 1;
        }
        self.run.epoch = self.run.way.done + 1;
        self.learner.unfreeze_for(&mut self.run)
    }

    /// The batches of an epoch that are left, and the step of what waits behind them; where a callback wants no more, it stops
    /// before that.
    fn train_epoch(&mut self, data: &dyn Data) -> Result<()> {
        if self.within().trained {
            return Ok(());
        }
        self.batches(data)?;
        if self.wish == Next::EndFit {
            return Ok(());
        }
        self.wish = Next::Go;
        self.ask(When::EpochTrained)?;
        if self.run.gradients.is_some() {
            self.ask(When::GradientsKnown)?;
            self.take_step()?;
        }
        self.within().trained = true;
        Ok(())
    }

    /// Notes that a callback wanted no more; the user did not stop it.
    fn ended_early(&mut self) -> bool {
        self.run.ended = true;
        let Underway { done, epochs, .. } = self.run.way;
        self.run.notes.push(format!("a callback ended the fit after {done} of {}", count(epochs, "epoch")));
        false
    }

    /// An epoch's batches that are left, up to where a callback wants no more.
    fn batches(&mut self, data: &dyn Data) -> Result<()> {
        let (epoch, done) = (self.within().number, self.within().batches);
        let batches = data.batches(Part::Train, Order::Epoch(epoch))?;
        let count = batches.size_hint().0.max(1);
        self.run.way.planned.get_or_insert(count.saturating_mul(self.run.way.epochs));
        let keep = self.learner.options.keep_features && !self.learner.spec.varies;
        let mut ahead = Ahead::of(batches, Part::Train, keep, done);
        while self.wish == Next::Go {
            let Some((index, batch)) = ahead.next(&self.learner.network, &mut self.learner.cache)? else { break };
            interrupt::check()?;
            self.run.batch = (index + 1, count);
            self.run.way.full = self.run.way.full.max(batch.len());
            self.run.fed = Some(batch);
            self.run.changed = false;
            self.ask(When::BatchBegins)?;
            if self.wish == Next::Go {
                self.step((epoch, index))?;
                self.ask(When::BatchEnded)?;
            }
            self.run.fed = None;
        }
        Ok(())
    }

    /// One batch, and where its gradients are let through, a step.
    fn step(&mut self, at: (u64, usize)) -> Result<()> {
        let batch = self.run.fed.take().ok_or_else(|| Error::new("a callback took the batch away"))?;
        let keep = !self.run.changed;
        let passed = self.learner.loss_of(&batch, at, keep)?;
        let (examples, pass) = (batch.len(), passed.pass);
        self.run.fed = Some(batch);
        (self.run.loss, self.run.said) = (Some(passed.loss), Some(passed.said));
        let asked = self.ask(When::LossKnown);
        self.run.said = None;
        asked?;
        let Some(loss) = self.run.loss.take() else { return Err(Error::new("a callback took the loss away")) };
        let number = loss.value()?;
        if !number.is_finite() {
            let parts = loss.numbers()?;
            let lost = match parts.iter().find(|(_, part)| !part.is_finite()) {
                Some((name, part)) => Lost::part(name, *part, (number, self.run.way.done + 1, at.1 + 1)),
                None => self.lost("the loss", number, at, None),
            };
            return Err(self.give_up(lost));
        }
        let gradients = Gradients::of(self.learner.network.params().trainable(), passed.joint.backward(&loss.total)?)?;
        if !gradients.norm().is_finite() {
            let lost = self.lost("a gradient", gradients.norm(), at, Some(&gradients));
            return Err(self.give_up(lost));
        }
        pass.commit()?;
        let parts = loss.numbers()?;
        self.run.last = number;
        self.run.gradients = Some(gradients);
        self.ask(When::GradientsKnown)?;
        let rate = self.run.rate();
        self.take_step()?;
        self.run.way.steps += 1;
        let within = self.within();
        within.batches = at.1 + 1;
        within.sums.add(&parts, number, examples);
        self.learner.history.batches.push(BatchRecord { loss: number, rate });
        Ok(())
    }

    /// The optimiser's turn, where there are gradients.
    fn take_step(&mut self) -> Result<()> {
        let Some(gradients) = self.run.gradients.take() else { return Ok(()) };
        let (factor, momentum) = self.run.factor();
        if !(factor.is_finite() && factor >= 0.0) {
            let what = format!("the schedule gives the factor {factor} before step {}", self.run.way.steps + 1);
            return Err(Error::new(format!("{what}; expected a finite number, 0 or above"))
                .remedy("look at it before training: `learner.plot_schedule(3, 1e-3, schedule)?`"));
        }
        let rate = |param: &Param| self.run.rates.get(param.group()).copied().unwrap_or_default() * factor;
        self.learner.optimizer.step(gradients.params(), gradients.store(), rate, momentum)?;
        self.ask(When::StepTaken)?;
        Ok(())
    }

    /// Measures on the validation examples, where there are some.
    fn measure(&mut self, data: &dyn Data) -> Result<Option<Measures>> {
        if data.count(Part::Valid) == 0 {
            return Ok(None);
        }
        Ok(Some(self.learner.judge_part(data, Part::Valid, false)?.0))
    }

    /// Ends the fit; what became of it is told when all have had their last word.
    fn give_up(&mut self, lost: Lost) -> Error {
        let error = lost.error();
        self.run.lost = Some(lost);
        error
    }

    fn lost(&self, what: &str, value: f64, at: (u64, usize), gradients: Option<&Gradients>) -> Lost {
        let rate = self.run.top();
        let task = self.learner.task.name();
        let remedy = if self.run.way.steps == 0 {
            let own = match tasks::named(task) {
                Some(_) => String::new(),
                None => format!(
                    ", or the loss of your task `{task}` makes none of what it is given (a logarithm of 0 or less, a division by 0)"
                ),
            };
            format!(
                "no step came before it, so either the network has diverged in an earlier fit (make it anew, or load a checkpoint), \
                 or the data hold values that are no numbers{own}"
            )
        } else {
            format!(
                "make the network anew or load a checkpoint, and try a lower rate, such as {:.0e}, or `learner.clip(1.0)`",
                (rate / 10.0).min(1e-2)
            )
        };
        let place = format!("at epoch {}, batch {}", self.run.way.done + 1, at.1 + 1);
        let first = self.run.fed.as_ref().and_then(|batch| self.learner.first_lost(batch, at, gradients));
        Lost::new(format!("{what} is {value} {place} (rate {rate:.1e})"), first, remedy)
    }
}

/// Asks a person's callback; a panic is an error that names it.
fn of_a_person(callback: &mut dyn Callback, (number, key): (usize, &str), when: When, fit: &mut Fit) -> Result<Next> {
    let asked = show::caught(|| callback.on(when, fit));
    let whose = |did: &str| match key {
        "" => format!("callback {number} {did} at {when:?}"),
        name => format!("the callback `{name}` {did} at {when:?}"),
    };
    match asked {
        Ok(Err(error)) if !error.is_interrupted() => {
            let remedy = callback::AGAIN;
            let has_remedy = error.to_string().contains("\n  → ");
            let told = Error::new(whose("failed")).caused_by(error);
            Err(if has_remedy { told } else { told.remedy(remedy) })
        }
        Ok(asked) => asked,
        Err(_) if interrupt::requested() => Err(Error::interrupted()),
        Err(message) => Err(Error::new(format!("{}: {message}", whose("panicked")))
            .remedy("the learner keeps what it has learned; put the callback right, or `learner.remove_callbacks()`")),
    }
}

/// Keeps the state of a callback that has a name.
fn remember(states: &mut HashMap<String, String>, key: &str, callback: &dyn Callback) {
    if let (false, Some(state)) = (key.is_empty(), callback.state()) {
        states.insert(key.to_owned(), state);
    }
}

/// What something gave, or nothing where the user stopped it.
fn heard<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_interrupted() => Ok(None),
        Err(error) => Err(error),
    }
}

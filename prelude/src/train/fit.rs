//! The verbs that train, and what is measured on a part of the data.

use candle_core::Device;

use super::ahead::Ahead;
use super::average::Average;
use super::cache::FeatureCache;
use super::fitting::Fitting;
use super::history::{BatchRecord, FitReport, Stage};
use super::judge::Verdict;
use super::learner::Learner;
use super::lost::Lost;
use super::metric::Measures;
use super::rate::{IntoRate, Rate};
use super::run::FitRun;
use super::schedule::Schedule;
use super::tally::Tally;
use crate::data::{Batch, Data, Fields, Order, Part};
use crate::layers::Pass;
use crate::models::Network;
use crate::show::Steps;
use crate::{Error, Result, interrupt, limits, show};

/// Few networks learn at a higher rate.
const HIGH: f64 = 0.05;

/// A loss that has risen so many times over is no chance of a batch.
const MOST_RISE: f64 = 20.0;

impl Learner {
    /// Trains for so many epochs at one rate, or at a range of rates over the groups: `fit(3, 1e-3)`, `fit(3, 1e-5..1e-3)`.
    ///
    /// Of texts the rate rises over a tenth of the steps and then falls along a line, as is usual for transformers; else it stays.
    ///
    /// Shows progress, a table of epochs and the loss curve while it runs. An interrupt ends it after the running
    /// step: what was learned, the optimiser and the history stay, and the next fit goes on from there. A further fit of
    /// the cell that was interrupted is an error, so that a loop of fits ends.
    ///
    /// # Errors
    /// When an option makes no sense (no epoch, a rate of 0), the learner has no data, everything is frozen, the loss is no number any more (the step that would spoil the
    /// weights is not taken), or the cell was interrupted before.
    pub fn fit(&mut self, epochs: usize, rate: impl IntoRate) -> Result<FitReport> {
        self.run("fit", epochs, rate.into_rate(), self.usual_schedule())
    }

    /// How the rate changes where nobody says so: it stays; of texts it rises over a tenth of the steps and falls along a line.
    fn usual_schedule(&self) -> Schedule {
        if self.spec.tokens().is_some() { Schedule::linear().warm_up(0.1) } else { Schedule::constant() }
    }

    /// Trains for so many epochs in one cycle: the rate rises for a quarter of the steps and falls for the rest,
    /// momentum the other way. Smith 2018, with fastai's numbers.
    ///
    /// # Errors
    /// As [`fit`](Learner::fit).
    pub fn fit_one_cycle(&mut self, epochs: usize, rate: impl IntoRate) -> Result<FitReport> {
        self.run("fit_one_cycle", epochs, rate.into_rate(), Schedule::one_cycle())
    }

    /// Fine-tunes in the two stages that most transfers want: one epoch with a frozen body at rate 2e-3, then so many
    /// with everything trainable, at rates from 1e-5 in the first layers to 1e-3 in the head, each in one cycle.
    /// fastai's `fine_tune`, with its numbers; of texts the second stage has a tenth of these rates.
    ///
    /// # Errors
    /// As [`fit`](Learner::fit).
    pub fn fine_tune(&mut self, epochs: usize) -> Result<FitReport> {
        const RATE: f64 = 2e-3;
        // a transformer of texts forgets what it knows at the rates of pictures
        let high = if self.spec.tokens().is_some() { RATE / 20.0 } else { RATE / 2.0 };
        check_epochs(epochs)?;
        self.freeze();
        let first = self.run("fine_tune", 1, RATE.into(), Schedule::one_cycle_with(0.99, 25.0))?;
        if first.interrupted {
            return Ok(first);
        }
        self.unfreeze();
        self.run("fine_tune", epochs, (high / 100.0..high).into(), Schedule::one_cycle_with(0.3, 5.0))
    }

    /// Trains for so many epochs with a rate that changes by a schedule:
    /// `fit_with(5, 1e-3, Schedule::cosine().warm_up(0.1))`. [`Schedule`] has them all; `plot_schedule` shows one before.
    ///
    /// # Errors
    /// As [`fit`](Learner::fit), and when a number of the schedule makes no sense.
    pub fn fit_with(&mut self, epochs: usize, rate: impl IntoRate, schedule: Schedule) -> Result<FitReport> {
        self.run("fit_with", epochs, rate.into_rate(), schedule)
    }

    /// Trains as a verb says; the history tells which verb it was.
    pub(super) fn run(&mut self, verb: &str, epochs: usize, rate: Rate, schedule: Schedule) -> Result<FitReport> {
        // A cell that was interrupted is to end: a loop of fits is left through the `?`.
        interrupt::check()?;
        check_epochs(epochs)?;
        let data = self.need_data()?;
        self.check_schedule(&schedule)?;
        self.check(rate)?;
        let mut run = FitRun::new(rate, schedule, epochs, &self.options, self.history.epochs.len());
        self.unfreeze_for(&mut run)?;
        self.check_trainable()?;
        run.notes.extend(self.head_left_frozen());
        self.tell_unweighed();
        self.begin_stage(rate);
        self.record_fit(verb, data.as_ref(), &run);
        self.go(data.as_ref(), run)
    }

    /// Writes down what is trained from now on, and at which rate.
    pub(super) fn begin_stage(&mut self, rate: Rate) {
        // another task's losses are of another kind: the curve says where they begin
        let task = self.task.name();
        let before = self.history.fits.last().filter(|fit| !fit.task.is_empty() && fit.task != task);
        let other = before.map_or(String::new(), |_| format!("{task} · "));
        let label = format!("{other}{} · {rate}", self.trained_part());
        let stage = Stage { batch: self.history.batches.len(), label };
        self.history.stages.push(stage);
    }

    /// Trains what is left of a fit.
    pub(super) fn go(&mut self, data: &dyn Data, mut run: FitRun) -> Result<FitReport> {
        self.cache.prepare(&self.network)?;
        self.cache.full = self.cache.full.max(run.way.full);
        let quiet = self.options.quiet;
        run.rates = run.way.rate.over(self.network.parts().len());
        let mut fitting = Fitting::begin(self, run);
        let ended = fitting.epochs(data);
        let closed = fitting.close(matches!(ended, Ok(true)));
        let report = fitting.run.report(&fitting.learner.history);
        let ended = ended.map_err(|error| fitting.run.lost.as_ref().map_or(error, Lost::error));
        drop(fitting);
        if quiet {
            report.notes.iter().for_each(|note| show::note(note));
        }
        ended?;
        closed?;
        Ok(report)
    }

    /// Measures on a part's examples, and where they are wanted, gives the verdict on each.
    pub(super) fn judge_part(&mut self, data: &dyn Data, part: Part, wanted: bool) -> Result<(Measures, Vec<Verdict>)> {
        self.check_metrics()?;
        let (task, spec) = (self.task.clone(), (*self.spec).clone());
        let mut verdicts = Vec::new();
        let (network, cache) = judged(&mut self.average, &self.network, &mut self.cache)?;
        let mut tally = Tally::begin(task.as_ref(), &spec, &mut self.metrics);
        // within a fit the fit's own display shows how far it is
        let steps = wanted.then(|| Steps::new("measuring", data.count(part)));
        each_answer((network, cache, self.options.keep_features), data, part, &mut |said, batch| {
            steps.as_ref().map_or(Ok(()), |steps| steps.advance(batch.len()))?;
            tally.add(said, batch)?;
            if wanted {
                verdicts.extend(tally.judge(said, batch)?);
            }
            Ok(())
        })?;
        Ok((tally.finish(network)?, verdicts))
    }

    /// Shows each batch of a part's examples, and what the network that is judged says of it.
    pub(super) fn answers_to(&mut self, data: &dyn Data, part: Part, see: &mut See) -> Result<()> {
        self.cache.prepare(&self.network)?;
        let steps = Steps::new("measuring", data.count(part));
        let (network, cache) = judged(&mut self.average, &self.network, &mut self.cache)?;
        each_answer((network, cache, self.options.keep_features), data, part, &mut |said, batch| {
            steps.advance(batch.len())?;
            see(said, batch)
        })
    }

    /// Refuses to train where an option makes no sense.
    pub(super) fn check(&mut self, rate: Rate) -> Result<()> {
        rate.check()?;
        self.network.refuse_merged("nothing of it can be trained now")?;
        if !self.refused.is_empty() {
            return Err(self.refused.remove(0).1);
        }
        self.check_metrics()?;
        self.optimizer.check()?; // a file may hold any
        self.data.as_ref().map_or(Ok(()), |data| data.check())
    }

    /// What to say of a fit that has made the network worse, which a rate that is too high does.
    pub(super) fn risen(&self, run: &FitRun) -> Option<String> {
        let fit = self.history.fits.last().filter(|fit| fit.first_batch + 2 <= self.history.batches.len())?;
        let (before, own) = self.history.batches.split_at(fit.first_batch);
        let mean = |of: &[BatchRecord]| of.iter().map(|batch| batch.loss).sum::<f64>() / of.len().max(1) as f64;
        // one batch may be easy by chance: what came before counts too
        let base = own[0].loss.max(mean(&before[before.len() - before.len().min(20)..]));
        let (last, most) = (mean(&own[own.len() * 3 / 4..]), own.iter().map(|batch| batch.loss).fold(0.0, f64::max));
        let high = own.iter().filter(|batch| batch.loss > 2.0 * base).count();
        let loss = |loss: f64| if loss < 1e5 { format!("{loss:.3}") } else { format!("{loss:.1e}") };
        let what = match () {
            () if !base.is_finite() || base <= 0.0 => return None,
            // of a few batches one may be hard by chance, but not so hard
            () if most > MOST_RISE * base && last > base => format!("rose, from {} to {}", loss(base), loss(most)),
            () if own.len() < 4 => return None,
            () if high * 3 > own.len() => format!("rose, from {} to {}", loss(base), loss(most)),
            // a network that is dead says the same of all, which is no worse than what a new one says
            () if run.way.rate.top() > HIGH && last > 0.98 * base => {
                format!("has not fallen, from {} to {}", loss(base), loss(last))
            }
            () => return None,
        };
        Some(format!(
            "the loss {what}: a rate of {} is too high for this network; `learner.lr_find()?` finds one, on a learner made anew or from a \
             file, since this one has unlearned",
            run.way.rate
        ))
    }

    /// Refuses to train where everything is frozen.
    pub(super) fn check_trainable(&self) -> Result<()> {
        if self.network.params().trainable().is_empty() {
            return Err(Error::new("everything is frozen: there is nothing to train")
                .remedy("`learner.freeze()` leaves the head trainable, `learner.unfreeze()` makes everything so"));
        }
        Ok(())
    }

    /// Refuses two measures of one name, which the table could not tell apart.
    fn check_metrics(&self) -> Result<()> {
        let own = self.task.metrics(&self.spec);
        let mut names = vec!["loss", "train loss"];
        for metric in own.iter().chain(self.metrics.iter()) {
            if names.contains(&metric.name()) {
                return Err(Error::new(format!("two measures are named `{}`", metric.name()))
                    .remedy("give the one that you added with `learner.metric(…)` another name; `learner.remove_metrics()` takes away all that were added"));
            }
            names.push(metric.name());
        }
        Ok(())
    }
}

/// What looks at the answer to a batch, and at the batch; both lie on the CPU.
type See<'a> = dyn FnMut(&Fields, &Batch) -> Result<()> + 'a;

/// The network that is judged, and what is kept of its features: the average's where there is one.
fn judged<'a>(
    average: &'a mut Option<Average>,
    network: &'a Network,
    cache: &'a mut FeatureCache,
) -> Result<(&'a Network, &'a mut FeatureCache)> {
    match average {
        Some(average) => {
            average.cache.prepare(&average.network)?;
            Ok((&average.network, &mut average.cache))
        }
        None => Ok((network, cache)),
    }
}

/// Shows each batch of a part's examples, and what the network says of it; features are kept where `keep` says so.
fn each_answer(
    (network, cache, keep): (&Network, &mut FeatureCache, bool),
    data: &dyn Data,
    part: Part,
    see: &mut See,
) -> Result<()> {
    let mut ahead = Ahead::of(data.batches(part, Order::Given)?, part, keep, 0);
    while let Some((_, batch)) = ahead.next(network, cache)? {
        if interrupt::requested() {
            return Err(Error::interrupted());
        }
        let state = cache.stem(network, part, &batch, keep)?;
        // looked at where numbers are read
        let said = network.rest(cache.blocks(), &state, &Pass::eval())?.to_device(&Device::Cpu)?;
        see(&said, &batch)?;
    }
    Ok(())
}

fn check_epochs(epochs: usize) -> Result<()> {
    limits::some("`epochs`", epochs, "passes through the training examples", "a few are usual: `learner.fit(3, 1e-3)?`")
}

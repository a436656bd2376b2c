//! The training loop: epochs, steps, validation, and the ways a fit can end early.

use std::time::Instant;

use candle_core::Device;

use super::audit::Audit;
use super::gradients::Gathered;
use super::history::{EpochRecord, FitReport, Stage};
use super::judge::{Verdict, judge};
use super::learner::Learner;
use super::live::{Position, Screen};
use super::metric::{Measure, Measures, Metric, Seen};
use super::run::Run;
use super::schedule::{IntoRate, Rate, Schedule};
use crate::data::{Data, Order, Part};
use crate::layers::Pass;
use crate::params::Param;
use crate::{Error, Result, interrupt, limits, show};

impl Learner {
    /// Trains for so many epochs at one rate, or at a range of rates over the groups: `fit(3, 1e-3)`, `fit(3, 1e-5..1e-3)`.
    ///
    /// Shows progress, a table of epochs and the loss curve while it runs. An interrupt ends it after the running
    /// step: what was learned, the optimiser and the history stay, and the next fit goes on from there. A further fit of
    /// the cell that was interrupted is an error, so that a loop of fits ends.
    ///
    /// # Errors
    /// When an option makes no sense (no epoch, a rate of 0), the learner has no data, everything is frozen, the loss is no number any more (the step that would spoil the
    /// weights is not taken), or the cell was interrupted before.
    pub fn fit(&mut self, epochs: usize, rate: impl IntoRate) -> Result<FitReport> {
        self.run(epochs, rate.into_rate(), Schedule::Constant)
    }

    /// Trains for so many epochs in one cycle: the rate rises for a quarter of the steps and falls for the rest,
    /// momentum the other way. Smith 2018, with fastai's numbers.
    ///
    /// # Errors
    /// As [`fit`](Learner::fit).
    pub fn fit_one_cycle(&mut self, epochs: usize, rate: impl IntoRate) -> Result<FitReport> {
        self.run(epochs, rate.into_rate(), Schedule::ONE_CYCLE)
    }

    /// Fine-tunes in the two stages that most transfers want: one epoch with a frozen body at rate 2e-3, then so many
    /// with everything trainable, at rates from 1e-5 in the first layers to 1e-3 in the head, each in one cycle.
    /// fastai's `fine_tune`, with its numbers.
    ///
    /// # Errors
    /// As [`fit`](Learner::fit).
    pub fn fine_tune(&mut self, epochs: usize) -> Result<FitReport> {
        const RATE: f64 = 2e-3;
        check_epochs(epochs)?;
        self.freeze();
        let first = self.run(1, RATE.into(), Schedule::OneCycle { rise: 0.99, div: 25.0 })?;
        if first.interrupted {
            return Ok(first);
        }
        self.unfreeze();
        self.run(epochs, (RATE / 200.0..RATE / 2.0).into(), Schedule::OneCycle { rise: 0.3, div: 5.0 })
    }

    fn run(&mut self, epochs: usize, rate: Rate, schedule: Schedule) -> Result<FitReport> {
        // A cell that was interrupted is to end: a loop of fits is left through the `?`.
        interrupt::check()?;
        check_epochs(epochs)?;
        let data = self.need_data()?;
        self.check(rate)?;
        let stage = Stage { batch: self.history.batches.len(), label: format!("{} · {rate}", self.trained_part()) };
        self.history.stages.push(stage);
        self.cache.prepare(&self.network)?;
        let mut run = Run {
            rates: rate.over(self.network.parts().len()),
            schedule,
            epochs,
            done: 0,
            steps: 0,
            planned: None,
            started: Instant::now(),
            audit: Audit::begin(self.network.params())?,
            screen: Screen::new(self.options.quiet, self.history.epochs.len()),
            notes: Vec::new(),
            gathered: Gathered::default(),
        };
        let ended = self.epochs(&mut run, data.as_ref());
        run.audit.end(&mut run.notes)?;
        let interrupted = matches!(&ended, Ok(true));
        if interrupted {
            run.notes.push(format!(
                "interrupted after {} of {epochs} epochs and {} steps: the network keeps what it learned, the next fit goes on",
                run.done, run.steps
            ));
        }
        let valid = self.history.epochs.last().filter(|_| run.done > 0).and_then(|epoch| epoch.valid.clone());
        let report = FitReport {
            epochs: (run.done, epochs),
            batches: run.steps,
            interrupted,
            seconds: run.started.elapsed().as_secs_f64(),
            valid,
            notes: run.notes,
        };
        run.screen.finish(&self.history, &report);
        if self.options.quiet {
            report.notes.iter().for_each(|note| show::note(note));
        }
        ended.map(|_| report)
    }

    /// The epochs of one fit; whether the user stopped it.
    fn epochs(&mut self, run: &mut Run, data: &dyn Data) -> Result<bool> {
        for _ in 0..run.epochs {
            if interrupt::requested() {
                return Ok(true);
            }
            let begun = Instant::now();
            let number = self.begun;
            self.begun += 1;
            let batches = match data.batches(Part::Train, Order::Epoch(number)) {
                Ok(batches) => batches,
                Err(error) if error.is_interrupted() => return Ok(true),
                Err(error) => return Err(error),
            };
            let count = batches.size_hint().0.max(1);
            run.planned.get_or_insert(count.saturating_mul(run.epochs));
            let (mut sum, mut pictures, mut parts) = (0.0, 0, Vec::<(String, f64)>::new());
            for (index, batch) in batches.enumerate() {
                if interrupt::requested() {
                    return Ok(true);
                }
                let batch = match batch {
                    Ok(batch) => batch,
                    Err(error) if error.is_interrupted() => return Ok(true),
                    Err(error) => return Err(error),
                };
                let (loss, made_of) = self.step(run, data, &batch, (number, index))?;
                sum += loss * batch.len() as f64;
                for (name, part) in made_of {
                    let value = part * batch.len() as f64;
                    match parts.iter_mut().find(|(own, _)| *own == name) {
                        Some((_, own)) => *own += value,
                        None => parts.push((name, value)),
                    }
                }
                pictures += batch.len();
                let position = Position {
                    epoch: (run.done + 1, run.epochs),
                    batch: (index + 1, count),
                    step: (run.steps, run.planned.unwrap_or(1)),
                    pictures: batch.len(),
                };
                run.screen.step(&self.history, position);
            }
            self.take_step(run)?;
            let Some(valid) = self.measure_if_any(data)? else { return Ok(true) };
            run.done += 1;
            let history = &mut *self.history;
            history.epochs.push(EpochRecord {
                epoch: history.epochs.len() + 1,
                batch: history.batches.len(),
                train_loss: sum / pictures.max(1) as f64,
                parts: parts.into_iter().map(|(name, sum)| (name, sum / pictures.max(1) as f64)).collect(),
                valid,
                seconds: begun.elapsed().as_secs_f64(),
            });
            run.screen.epoch(&self.history, (run.done, run.epochs));
        }
        Ok(false)
    }

    /// Measures on the validation pictures, where there are some; `None` when the user stopped it.
    fn measure_if_any(&mut self, data: &dyn Data) -> Result<Option<Option<Measures>>> {
        if data.count(Part::Valid) == 0 {
            return Ok(Some(None));
        }
        match self.judge_part(data, Part::Valid, false) {
            Ok((measures, _)) => Ok(Some(Some(measures))),
            Err(error) if error.is_interrupted() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Measures on a part's examples, and where they are wanted, gives the verdict on each.
    pub(super) fn judge_part(&mut self, data: &dyn Data, part: Part, wanted: bool) -> Result<(Measures, Vec<Verdict>)> {
        let (task, spec) = (self.task.clone(), (*self.spec).clone());
        let (mut verdicts, mut sum, mut count) = (Vec::new(), 0.0, 0);
        let mut own = task.metrics(&spec);
        let mut metrics: Vec<&mut Box<dyn Metric>> = own.iter_mut().chain(self.metrics.iter_mut()).collect();
        metrics.iter_mut().for_each(|metric| metric.reset());
        let (network, cache) = match self.average.as_mut() {
            Some(average) => {
                average.cache.prepare(&average.network)?;
                (&average.network, &mut average.cache)
            }
            None => (&*self.network, &mut *self.cache),
        };
        for batch in data.batches(part, Order::Given)? {
            if interrupt::requested() {
                return Err(Error::interrupted());
            }
            let batch = batch?;
            let state = cache.stem(network, part, &batch, self.options.keep_features)?;
            // measured where numbers are read
            let said = network.rest(cache.blocks(), &state, &Pass::eval())?.to_device(&Device::Cpu)?;
            sum += task.loss(&said, &batch)?.value()? * batch.len() as f64;
            count += batch.len();
            let seen = Seen { said: &said, batch: &batch, spec: &spec };
            metrics.iter_mut().try_for_each(|metric| metric.add(&seen))?;
            if wanted {
                verdicts.extend(judge(task.as_ref(), &said, &batch, &spec)?);
            }
        }
        let list = metrics.iter().map(|metric| Measure::of(metric.as_ref())).collect();
        Ok((Measures { loss: sum / count.max(1) as f64, list }, verdicts))
    }

    /// Refuses to train where an option makes no sense, or where there is nothing to train.
    pub(super) fn check(&self, rate: Rate) -> Result<()> {
        let remedy = "try `learner.fit(3, 1e-3)?`, or a range for low rates in early layers: `1e-5..1e-3`";
        limits::allow(rate.is_valid(), "the learning rate", &rate, "a finite positive number", remedy)?;
        if let Rate::Spread { low, high } = rate {
            let remedy = format!("low rates for early layers, high ones for the head: `{high:e}..{low:e}`");
            limits::allow(low <= high, "the range of learning rates", &rate, "the lower rate first", &remedy)?;
        }
        self.options.check()?;
        self.optimizer.check()?;
        self.data.as_ref().map_or(Ok(()), |data| data.check())?;
        if self.network.params().trainable().is_empty() {
            return Err(Error::new("everything is frozen: there is nothing to train")
                .remedy("`learner.freeze()` leaves the head trainable, `learner.unfreeze()` makes everything so"));
        }
        Ok(())
    }

    /// What is trainable, in words: `head`, `from blocks.2`, `all`.
    fn trained_part(&self) -> String {
        let parts = self.network.parts();
        let first = self.network.params().trainable().iter().map(Param::group).min();
        match first {
            Some(0) => "all".to_owned(),
            Some(index) if index + 1 == parts.len() => "head".to_owned(),
            Some(index) => format!("from {}", parts[index]),
            None => "nothing".to_owned(),
        }
    }
}

fn check_epochs(epochs: usize) -> Result<()> {
    limits::some("`epochs`", epochs, "passes through the training pictures", "a few are usual: `learner.fit(3, 1e-3)?`")
}

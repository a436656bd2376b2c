//! The training loop: epochs, steps, validation, and the ways a fit can end early.

use std::time::Instant;

use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};

use super::audit::Audit;
use super::data::VisionData;
use super::history::{BatchRecord, EpochRecord, FitReport, Measures, Stage};
use super::learner::Learner;
use super::live::{Position, Screen};
use super::objective::{self, Judged};
use super::schedule::{Rate, Schedule};
use crate::data::{Batch, Part};
use crate::layers::Pass;
use crate::params::{Param, name_seed};
use crate::{Error, Result, interrupt, ops, show};

impl Learner {
    /// Trains for so many epochs at one rate, or at a range of rates over the groups: `fit(3, 1e-3)`, `fit(3, 1e-5..1e-3)`.
    ///
    /// Shows progress, a table of epochs and the loss curve while it runs. An interrupt ends it after the running
    /// step: what was learned, the optimiser and the history stay, and the next fit goes on from there.
    ///
    /// # Errors
    /// When the learner has no data, everything is frozen, or the loss is no number any more (the step that would
    /// spoil the weights is not taken).
    pub fn fit(&mut self, epochs: usize, rate: impl Into<Rate>) -> Result<FitReport> {
        self.run(epochs, rate.into(), Schedule::Constant)
    }

    /// Trains for so many epochs in one cycle: the rate rises for a quarter of the steps and falls for the rest,
    /// momentum the other way. Smith 2018, with fastai's numbers.
    ///
    /// # Errors
    /// As [`fit`](Learner::fit).
    pub fn fit_one_cycle(&mut self, epochs: usize, rate: impl Into<Rate>) -> Result<FitReport> {
        self.run(epochs, rate.into(), Schedule::OneCycle)
    }

    fn run(&mut self, epochs: usize, rate: Rate, schedule: Schedule) -> Result<FitReport> {
        let data = self.need_data()?;
        self.check_rate(rate)?;
        let stage = Stage { batch: self.history.batches.len(), label: format!("{} · {rate}", self.trained_part()) };
        self.history.stages.push(stage);
        self.cache.prepare(&self.model)?;
        let mut run = Run {
            rates: rate.over(self.model.body().len() + 1),
            schedule,
            epochs,
            done: 0,
            steps: 0,
            planned: None,
            started: Instant::now(),
            audit: Audit::begin(self.model.params())?,
            screen: Screen::new(self.options.quiet, self.history.epochs.len()),
            notes: Vec::new(),
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
        let valid = self.history.epochs.last().filter(|_| run.done > 0).and_then(|epoch| epoch.valid);
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
    fn epochs(&mut self, run: &mut Run, data: &dyn VisionData) -> Result<bool> {
        for _ in 0..run.epochs {
            if interrupt::requested() {
                return Ok(true);
            }
            let begun = Instant::now();
            let number = self.begun;
            self.begun += 1;
            let batches = match data.train_batches(number) {
                Ok(batches) => batches,
                Err(error) if error.is_interrupted() => return Ok(true),
                Err(error) => return Err(error),
            };
            let count = batches.size_hint().0.max(1);
            run.planned.get_or_insert(count * run.epochs);
            let (mut sum, mut pictures) = (0.0, 0);
            for (index, batch) in batches.enumerate() {
                if interrupt::requested() {
                    return Ok(true);
                }
                let batch = match batch {
                    Ok(batch) => batch,
                    Err(error) if error.is_interrupted() => return Ok(true),
                    Err(error) => return Err(error),
                };
                let loss = self.step(run, data, &batch, (number, index))?;
                sum += loss * batch.len() as f64;
                pictures += batch.len();
                let position = Position {
                    epoch: (run.done + 1, run.epochs),
                    batch: (index + 1, count),
                    step: (run.steps, run.planned.unwrap_or(1)),
                    pictures: batch.len(),
                };
                run.screen.step(&self.history, position);
            }
            let Some(valid) = self.measure_if_any(data)? else { return Ok(true) };
            run.done += 1;
            self.history.epochs.push(EpochRecord {
                epoch: self.history.epochs.len() + 1,
                batch: self.history.batches.len(),
                train_loss: sum / pictures.max(1) as f64,
                valid,
                seconds: begun.elapsed().as_secs_f64(),
            });
            run.screen.epoch(&self.history, (run.done, run.epochs));
        }
        Ok(false)
    }

    /// One step on one batch; gives its loss.
    fn step(&mut self, run: &mut Run, data: &dyn VisionData, batch: &Batch, at: (u64, usize)) -> Result<f64> {
        let keep = self.options.keep_features && !data.varies();
        let x = self.cache.stem(&self.model, Part::Train, &batch.images, &batch.ids, keep)?;
        let pass = Pass::train(name_seed(self.options.seed, &format!("epoch {} batch {}", at.0, at.1)));
        let features = Joint::new(self.model.features_from(self.cache.blocks(), &x, &pass)?)?;
        let output = self.model.head().forward(features.value(), &pass)?;
        let loss = objective::loss(&output, batch, self.options.smoothing)?;
        let value = f64::from(loss.to_scalar::<f32>()?);
        let trainable = self.model.params().trainable();
        let place = || format!("at epoch {}, batch {}", run.done + 1, at.1 + 1);
        if !value.is_finite() {
            return Err(lost("the loss", value, &place(), run.top()));
        }
        let grads = features.backward(&loss)?;
        let norm = norm(&trainable, &grads)?;
        if !norm.is_finite() {
            return Err(lost("a gradient", norm, &place(), run.top()));
        }
        if run.steps == 0 {
            run.audit.first_step(&trainable, &grads, &mut run.notes);
        }
        let (factor, momentum) = run.schedule.at(run.steps as f64 / run.planned.unwrap_or(1).max(1) as f64);
        let short = self.options.clip.filter(|clip| norm > *clip).map_or(1.0, |clip| clip / norm);
        let rate = |param: &Param| run.rates.get(param.group()).copied().unwrap_or_default() * factor;
        if short < 1.0 {
            let mut grads = grads;
            for param in &trainable {
                if let Some(grad) = grads.remove(param.var()) {
                    grads.insert(param.var(), (grad * short)?);
                }
            }
            self.optimizer.step(&trainable, &grads, rate, momentum)?;
        } else {
            self.optimizer.step(&trainable, &grads, rate, momentum)?;
        }
        pass.commit()?;
        run.steps += 1;
        self.history.batches.push(BatchRecord { loss: value, rate: run.top() * factor });
        Ok(value)
    }

    /// Measures on the validation pictures, where there are some; `None` when the user stopped it.
    fn measure_if_any(&mut self, data: &dyn VisionData) -> Result<Option<Option<Measures>>> {
        if data.count(Part::Valid) == 0 {
            return Ok(Some(None));
        }
        match self.judge_part(data, Part::Valid) {
            Ok((measures, _)) => Ok(Some(Some(measures))),
            Err(error) if error.is_interrupted() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Judges every picture of a part, and measures all.
    pub(super) fn judge_part(&mut self, data: &dyn VisionData, part: Part) -> Result<(Measures, Vec<Judged>)> {
        let (mut judged, mut sum) = (Vec::new(), 0.0);
        for batch in data.batches(part)? {
            if interrupt::requested() {
                return Err(Error::interrupted());
            }
            let batch = batch?;
            let x = self.cache.stem(&self.model, part, &batch.images, &batch.ids, self.options.keep_features)?;
            let output = self.model.rest(self.cache.blocks(), &x, &Pass::eval())?;
            let loss: Tensor = objective::loss(&output, &batch, 0.0)?;
            sum += f64::from(loss.to_scalar::<f32>()?) * batch.len() as f64;
            judged.extend(objective::judge(&output, &batch)?);
        }
        let mean = sum / judged.len().max(1) as f64;
        Ok((objective::measures(&judged, mean), judged))
    }

    fn check_rate(&self, rate: Rate) -> Result<()> {
        if !rate.is_valid() {
            return Err(Error::new(format!("a learning rate is a positive number, found {rate}"))
                .remedy("try `learner.fit(3, 1e-3)?`, or a range for low rates in early layers: `1e-5..1e-3`"));
        }
        if self.model.params().trainable().is_empty() {
            return Err(Error::new("everything is frozen: there is nothing to train")
                .remedy("`learner.freeze()` leaves the head trainable, `learner.unfreeze()` makes everything so"));
        }
        Ok(())
    }

    /// What is trainable, in words: `head`, `from blocks.2`, `all`.
    fn trained_part(&self) -> String {
        let parts = self.model.parts();
        let first = self.model.params().trainable().iter().map(Param::group).min();
        match first {
            Some(0) => "all".to_owned(),
            Some(index) if index + 1 == parts.len() => "head".to_owned(),
            Some(index) => format!("from {}", parts[index]),
            None => "nothing".to_owned(),
        }
    }
}

/// Where body and head meet. The two are differentiated one after the other, so that the body, made of this crate's
/// operations alone, gets their own fast backward pass whatever the head and the loss are made of.
enum Joint {
    /// A frozen body's features.
    Constant(Tensor),
    /// A training body's features, and a variable of the same value in their place.
    Cut(Tensor, Var),
}

impl Joint {
    fn new(features: Tensor) -> Result<Joint> {
        if !features.track_op() {
            return Ok(Joint::Constant(features));
        }
        let leaf = Var::from_tensor(&features.detach())?;
        Ok(Joint::Cut(features, leaf))
    }

    fn value(&self) -> &Tensor {
        match self {
            Joint::Constant(features) => features,
            Joint::Cut(_, leaf) => leaf.as_tensor(),
        }
    }

    fn backward(&self, loss: &Tensor) -> Result<GradStore> {
        let mut grads = ops::backward(loss)?;
        if let Joint::Cut(features, leaf) = self
            && let Some(grad) = grads.remove(leaf.as_tensor())
        {
            grads.extend(ops::backward_from(features, &grad)?)?;
        }
        Ok(grads)
    }
}

/// One call of `fit` while it runs.
struct Run {
    rates: Vec<f64>,
    schedule: Schedule,
    epochs: usize,
    done: usize,
    steps: usize,
    planned: Option<usize>,
    started: Instant,
    audit: Audit,
    screen: Screen,
    notes: Vec<String>,
}

impl Run {
    fn top(&self) -> f64 {
        self.rates.iter().copied().fold(0.0, f64::max)
    }
}

/// The norm of all gradients together.
fn norm(params: &[Param], grads: &GradStore) -> Result<f64> {
    let mut squares = 0.0;
    for grad in params.iter().filter_map(|param| grads.get(param.var())) {
        squares += f64::from(grad.detach().sqr()?.sum_all()?.to_scalar::<f32>()?);
    }
    Ok(squares.sqrt())
}

fn lost(what: &str, value: f64, place: &str, rate: f64) -> Error {
    Error::new(format!("{what} is {value} {place} (rate {rate:.1e}): the step was not taken, the network is as it was before"))
        .remedy(format!(
            "try a lower rate, such as {:.0e}, or `learner.clip(1.0)`; where the first batch fails, look for values that are no numbers in the data",
            rate / 10.0
        ))
}

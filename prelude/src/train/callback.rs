//! What takes part in a fit: the seam for callbacks, one's own too.

use std::path::{Path, PathBuf};

use candle_core::Tensor;

use super::gradients::Gradients;
use super::history::{FitReport, History};
use super::loss::Loss;
use super::metric::{Better, Measure, Unit};
use super::run::FitRun;
use crate::data::{Batch, Fields};
use crate::models::Network;
use crate::paths;
use crate::plot::Figure;
use crate::{Error, Result};

/// What is to be done with a callback that fails.
pub(super) const AGAIN: &str = "put it right and add it again; `learner.remove_callbacks()` takes all away";

/// When a callback is asked, in the order of a fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the first epoch.
    FitBegins,
    /// Before an epoch's first batch.
    EpochBegins,
    /// A batch has come; [`Fit::batch_mut`] may change it.
    BatchBegins,
    /// The batch's loss is known; [`Fit::add_loss`] may add to it.
    LossKnown,
    /// The gradients are known; [`Fit::gradients`] may change them, or take them, and then there is no step.
    GradientsKnown,
    /// The optimiser has taken a step.
    StepTaken,
    /// The batch is done, with or without a step.
    BatchEnded,
    /// The epoch's batches are done; nothing is measured yet.
    EpochTrained,
    /// The epoch is measured and recorded: [`Fit::measure`].
    EpochEnded,
    /// The fit is over, in whatever way.
    FitEnded,
}

/// What comes after a callback was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Next {
    /// The fit goes on.
    #[default]
    Go,
    /// No further batch of this epoch: it is measured and ends. What the running batch has begun is done first.
    EndEpoch,
    /// The fit ends: behind the running batch, or where an epoch's batches are done, behind what is measured.
    EndFit,
}

/// What takes part in a fit.
///
/// Callbacks are asked in this order: the audit of gradients, the gathering of batches, clipping, a plateau's schedule; then a person's own, in the order
/// in which they were added; then the moving average of the weights, and the live display. An error ends the fit with it.
///
/// ```
/// use candlewick_prelude::prelude::*;
/// /// Ends a fit whose validation loss no longer falls.
/// struct Patience { best: f64, left: usize }
/// impl Callback for Patience {
///     fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
///         if when != When::EpochEnded { return Ok(Next::Go) }
///         let loss = fit.measure("loss")?;
///         if loss < self.best { (self.best, self.left) = (loss, 3) } else { self.left -= 1 }
///         Ok(if self.left == 0 { Next::EndFit } else { Next::Go })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no callback",
    label = "expected what takes part in a fit",
    note = "one's own: `impl Callback for Mine {{ fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {{ … }} }}`"
)]
pub trait Callback: Send + Sync {
    /// Looks at the fit, changes what may be changed, and says how it goes on.
    ///
    /// # Errors
    /// Its own; the fit ends with it.
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next>;

    /// The name under which its state is kept in files; one without a name is not kept. Of several with one name each has its own state, by
    /// the order in which they were added.
    fn name(&self) -> &str {
        ""
    }

    /// The file or the folder that it alone writes to: where a second one of its name writes to the same, it takes the first one's place.
    fn writes_to(&self) -> Option<PathBuf> {
        None
    }

    /// What it has to remember, as text; `learner.save` writes it.
    fn state(&self) -> Option<String> {
        None
    }

    /// Takes over what [`state`](Callback::state) gave.
    ///
    /// # Errors
    /// When it makes no sense.
    fn restore(&mut self, _state: &str) -> Result<()> {
        Ok(())
    }
}

/// The name under which each callback's state is kept: its own, and where several have the same, the second's with ` #2` behind it, and so
/// on. One without a name has an empty one.
pub(super) fn keys(callbacks: &[Box<dyn Callback>]) -> Vec<String> {
    let name = |at: usize| callbacks[at].name();
    let key = |at: usize| match (0..at).filter(|before| name(*before) == name(at)).count() {
        before if before > 0 && !name(at).is_empty() => format!("{} #{}", name(at), before + 1),
        _ => name(at).to_owned(),
    };
    (0..callbacks.len()).map(key).collect()
}

/// What a fit needs of the learner that it trains.
pub(super) trait Trainee {
    fn network(&self) -> &Network;
    fn history(&self) -> &History;
    /// Writes it to a file, with what it takes to finish the fit that runs.
    fn save_to(&self, path: &Path, run: &FitRun) -> Result<()>;
    /// Moves the average of the weights, where one is kept, after them.
    fn follow(&self) -> Result<()>;
    /// What is said of the pictures that are watched.
    fn glance(&self) -> Result<Option<Figure>>;
    /// The network that validates and predicts.
    fn judged(&self) -> &Network;
    /// The names of what is measured on validation examples.
    fn measured(&self) -> Vec<String>;
    /// What an example is called.
    fn noun(&self) -> &'static str;
}

/// A fit while it runs, as a callback sees it.
pub struct Fit<'a> {
    pub(super) run: &'a mut FitRun,
    pub(super) learner: &'a dyn Trainee,
}

impl Fit<'_> {
    /// The epoch that runs, or has just ended, from 1, in this fit; 0 before the first.
    pub fn epoch(&self) -> usize {
        self.run.epoch
    }

    /// How many epochs were asked for.
    pub fn epochs(&self) -> usize {
        self.run.way.epochs
    }

    /// The batch that runs, from 1, in this epoch.
    pub fn batch_number(&self) -> usize {
        self.run.batch.0
    }

    /// How many batches the epoch has.
    pub fn batches(&self) -> usize {
        self.run.batch.1
    }

    /// How many batches this fit has trained on.
    pub fn steps(&self) -> usize {
        self.run.way.steps
    }

    /// The learning rate of this moment: the highest of the groups.
    pub fn rate(&self) -> f64 {
        self.run.rate()
    }

    /// Another learning rate from now on; the groups' stay in proportion, and a schedule goes on from it.
    ///
    /// # Errors
    /// When it is no finite number above 0.
    pub fn set_rate(&mut self, rate: f64) -> Result<()> {
        let now = self.run.rate();
        if rate == 0.0 && now == 0.0 {
            return Ok(()); // a share of nothing, as at a schedule's end
        }
        if !(rate.is_finite() && rate > 0.0) {
            return Err(Error::new(format!("the learning rate is {rate:e}; expected a finite number above 0")));
        }
        // a schedule may have brought it to 0 for this step
        self.run.way.scale = if now > 0.0 { self.run.way.scale * rate / now } else { rate / self.run.top() };
        Ok(())
    }

    /// The loss of the last batch.
    pub fn loss(&self) -> f64 {
        self.run.last
    }

    /// What was measured at the end of the last epoch: `loss`, `accuracy`, or whatever its metrics are named; without
    /// validation data there is `train loss` alone.
    ///
    /// # Errors
    /// When nothing of that name was measured; the message lists the names.
    pub fn measure(&self, name: &str) -> Result<f64> {
        let epoch = self.learner.history().epochs.last().filter(|_| self.run.way.done > 0);
        let epoch = epoch.ok_or_else(|| {
            let known = self.measures();
            if !known.iter().any(|own| own == name) {
                return Error::new(format!("nothing that is measured is named `{name}`"))
                    .remedy(format!("there are `{}`; {AGAIN}", known.join("`, `")));
            }
            Error::new(format!("`{name}` is not measured yet: no epoch has ended"))
                .remedy(format!("ask at its end: `if when != When::EpochEnded {{ return Ok(Next::Go) }}`; {AGAIN}"))
        })?;
        match (&epoch.valid, name) {
            (_, "train loss") => Ok(epoch.train_loss),
            (Some(valid), _) => valid.get(name),
            (None, _) => Err(Error::new(format!("`{name}` is not measured: there is no validation data"))
                .remedy("keep some apart (`.split(0.2, 42)?`), or ask for `train loss`")),
        }
    }

    /// As [`measure`](Fit::measure), with which way is better; `None` after an epoch that is not validated because of
    /// `learner.validate_every(n)`.
    ///
    /// # Errors
    /// As there.
    pub fn measured(&self, name: &str) -> Result<Option<Measure>> {
        let last = self.history().epochs.last().filter(|_| self.run.way.done > 0);
        if name != "train loss" && self.run.validates && last.is_some_and(|epoch| epoch.valid.is_none()) {
            return Ok(None);
        }
        let value = self.measure(name)?;
        let list = last.and_then(|epoch| epoch.valid.as_ref()).map_or(&[][..], |valid| &valid.list);
        let known = list.iter().find(|one| one.name == name).cloned();
        let loss = || Measure { name: name.to_owned(), value, unit: Unit::Number, better: Better::Lower };
        Ok(Some(known.unwrap_or_else(loss)))
    }

    /// The names that [`measure`](Fit::measure) knows in this fit, known before its first epoch.
    pub fn measures(&self) -> Vec<String> {
        let mut names = vec!["train loss".to_owned()];
        if self.run.validates {
            names.push("loss".to_owned());
            names.extend(self.learner.measured());
        }
        names
    }

    /// What is no finite number any more, where that ends the fit (at [`When::FitEnded`]).
    pub fn lost(&self) -> Option<&str> {
        self.run.lost.as_ref().map(super::lost::Lost::what)
    }

    /// The batch that runs.
    ///
    /// # Errors
    /// When none does.
    pub fn batch(&self) -> Result<&Batch> {
        self.run.fed.as_ref().ok_or_else(no_batch)
    }

    /// The batch that runs, to be changed before the network sees it (at [`When::BatchBegins`]).
    ///
    /// Inputs that were changed are not taken from the features that frozen parts have given before.
    ///
    /// # Errors
    /// When none does.
    pub fn batch_mut(&mut self) -> Result<&mut Batch> {
        self.run.changed = true;
        self.run.fed.as_mut().ok_or_else(no_batch)
    }

    /// What the network says of the batch (at [`When::LossKnown`]), in the graph: a loss of it, given to [`add_loss`](Fit::add_loss), trains.
    ///
    /// # Errors
    /// At any other time.
    pub fn said(&self) -> Result<&Fields> {
        let none = || Error::new("nothing is said now").remedy("look at it at `When::LossKnown`");
        self.run.said.as_ref().ok_or_else(none)
    }

    /// Adds something to the batch's loss (at [`When::LossKnown`]): a penalty, for example.
    ///
    /// # Errors
    /// When it is not one number, or no loss is known.
    pub fn add_loss(&mut self, name: &str, part: &Tensor) -> Result<()> {
        let before = self
            .run
            .loss
            .as_ref()
            .ok_or_else(|| Error::new("no loss is known now").remedy("add to it at `When::LossKnown`"))?;
        let mut loss = Loss::of((&before.total + Loss::of(part.clone())?.total)?)?;
        loss.parts = before.parts.clone();
        loss.parts.push((name.to_owned(), part.detach()));
        self.run.loss = Some(loss);
        Ok(())
    }

    /// The gradients of this moment (at [`When::GradientsKnown`]); where they are taken out, there is no step.
    pub fn gradients(&mut self) -> &mut Option<Gradients> {
        &mut self.run.gradients
    }

    /// The network.
    pub fn network(&self) -> &Network {
        self.learner.network()
    }

    /// The network that validates and predicts: the moving average of the weights where one is kept, else the network itself.
    pub fn judged(&self) -> &Network {
        self.learner.judged()
    }

    /// Everything that fits have recorded.
    pub fn history(&self) -> &History {
        self.learner.history()
    }

    /// Writes the learner to a file, as `learner.save`: a learner that loads it finishes this fit with `learner.resume()?`, with the
    /// same result to the last bit. At an epoch's end that holds for callbacks that come before this one; add the one that
    /// saves last.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.learner.save_to(&paths::expanded(path.as_ref()), self.run)
    }

    /// A line for the fit's report.
    pub fn note(&mut self, text: impl Into<String>) {
        self.run.notes.push(text.into());
    }

    /// What the fit has done by now.
    pub fn report(&self) -> FitReport {
        self.run.report(self.learner.history())
    }
}

fn no_batch() -> Error {
    Error::new("no batch runs now").remedy("look at it between `When::BatchBegins` and `When::BatchEnded`")
}

impl<F: FnMut(When, &mut Fit) -> Result<Next> + Send + Sync> Callback for F {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        self(when, fit)
    }
}

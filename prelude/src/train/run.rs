//! One call of `fit` while it runs: what its callbacks see and change, and what it takes to finish it where it was cut off.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::gradients::{Gradients, Waiting};
use super::history::{FitReport, History};
use super::loss::Loss;
use super::lost::Lost;
use super::optim::Rule;
use super::options::Options;
use super::rate::Rate;
use super::schedule::{Moment, Schedule};
use crate::data::{Batch, Fields};

/// One call of `fit` while it runs.
pub(super) struct FitRun {
    /// What it takes to finish it.
    pub way: Underway,
    /// Each group's rate.
    pub rates: Vec<f64>,
    /// The epoch that runs or has just ended, from 1.
    pub epoch: usize,
    /// A callback wanted no more: there is nothing left to finish.
    pub ended: bool,
    /// The batch that runs, from 1, and how many the epoch has.
    pub batch: (usize, usize),
    /// The batch itself, and whether a callback may have changed it.
    pub fed: Option<Batch>,
    pub changed: bool,
    pub loss: Option<Loss>,
    /// What the network says of the batch, while its loss may be added to.
    pub said: Option<Fields>,
    /// The last loss.
    pub last: f64,
    pub gradients: Option<Gradients>,
    /// Gradients that wait for those of further batches.
    pub gathered: Waiting,
    pub started: Instant,
    pub notes: Vec<String>,
    pub interrupted: bool,
    /// Whether there are examples to validate on.
    pub validates: bool,
    /// What is no number any more.
    pub lost: Option<Lost>,
    /// The optimiser begins anew behind the fit: the weights are others than those that it knows.
    pub forget: bool,
    /// Which of the history's epochs the weights are of that were put back, from 0.
    pub put_back: Option<usize>,
    /// Nothing is shown while it runs.
    pub quiet: bool,
    /// What trains, where that changes from epoch to epoch.
    pub trained: Option<String>,
    /// Batches that make a step together, and the norm that gradients are shortened to.
    pub accumulate: usize,
    pub clip: Option<f64>,
}

/// What a plateau remembers: the best value, and how many epochs brought none that is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Waited {
    pub best: Option<f64>,
    pub epochs: usize,
}

/// What of an epoch is done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Within {
    /// The epoch's number over all fits: decides order and dropout.
    pub number: u64,
    /// Batches that it has trained on.
    pub batches: usize,
    /// All batches are done, and what waited has made its step.
    pub trained: bool,
    pub sums: Sums,
    /// Seconds that it took before it was cut off.
    pub seconds: f64,
}

/// Sums of losses over an epoch's examples.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sums {
    pub loss: f64,
    pub examples: usize,
    pub parts: Vec<(String, f64)>,
}

impl Sums {
    pub fn add(&mut self, parts: &[(String, f64)], loss: f64, examples: usize) {
        self.loss += loss * examples as f64;
        self.examples += examples;
        for (name, part) in parts {
            let value = part * examples as f64;
            match self.parts.iter_mut().find(|(own, _)| own == name) {
                Some((_, own)) => *own += value,
                None => self.parts.push((name.clone(), value)),
            }
        }
    }
}

/// What there is to know of a fit, to finish it where it is cut off.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Underway {
    /// The rate that was asked for.
    pub rate: Rate,
    pub schedule: Schedule,
    /// What a callback has multiplied the rates by.
    pub scale: f64,
    pub plateau: Waited,
    pub epochs: usize,
    /// Epochs that have ended.
    pub done: usize,
    pub steps: usize,
    pub planned: Option<usize>,
    /// What of the running epoch is done.
    pub within: Option<Within>,
    /// Epochs of earlier fits.
    pub before: usize,
    /// The training examples that it had.
    pub examples: usize,
    /// The most examples that a batch had.
    pub full: usize,
    /// Of how many pictures and batches gradients wait; the gradients lie beside.
    pub waiting: (usize, usize),
    /// Seconds that it took before it was cut off, each time.
    #[serde(default)]
    pub seconds: f64,
    /// What it stood on when it was cut off; files from before that was written lack it.
    #[serde(default)]
    pub stood_on: Option<StoodOn>,
}

/// What a fit stands on beside its own numbers: whoever finishes it is told where that has become another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StoodOn {
    pub rule: Rule,
    /// The most steps that the optimiser remembers of a parameter.
    pub remembers: u64,
    /// What trains, in words, and a number that is another one where other parameters train.
    pub trained: String,
    pub trainable: u64,
    /// A number that is another one for other training or validation examples, where the data tell.
    pub split: Option<String>,
    /// The task's name, and of how many batches the gradients were gathered; files from before that was written lack them.
    #[serde(default)]
    pub task: Option<String>,
    #[serde(default)]
    pub accumulate: Option<usize>,
}

/// A fit that was cut off.
pub(super) struct CutOff {
    pub way: Underway,
    pub gathered: Waiting,
}

impl FitRun {
    pub fn new(rate: Rate, schedule: Schedule, epochs: usize, options: &Options, before: usize) -> FitRun {
        let way = Underway {
            rate,
            schedule,
            scale: 1.0,
            plateau: Waited::default(),
            epochs,
            done: 0,
            steps: 0,
            planned: None,
            within: None,
            before,
            examples: 0,
            full: 0,
            waiting: (0, 0),
            seconds: 0.0,
            stood_on: None,
        };
        FitRun::again(CutOff { way, gathered: Waiting::default() }, options)
    }

    /// One that was cut off.
    pub fn again(CutOff { way, gathered }: CutOff, options: &Options) -> FitRun {
        FitRun {
            rates: Vec::new(),
            epoch: way.done,
            ended: false,
            batch: (0, 0),
            fed: None,
            changed: false,
            loss: None,
            said: None,
            last: f64::NAN,
            gradients: None,
            gathered,
            started: Instant::now(),
            notes: Vec::new(),
            interrupted: false,
            validates: false,
            lost: None,
            forget: false,
            put_back: None,
            quiet: options.quiet,
            trained: None,
            accumulate: options.accumulate,
            clip: options.clip,
            way,
        }
    }

    /// What it takes to finish it, where something is left: with so many training examples, and on what it stands.
    pub fn left(&self, examples: usize, stood_on: StoodOn) -> Option<Underway> {
        (!self.ended && self.way.done < self.way.epochs).then(|| Underway {
            examples,
            waiting: (self.gathered.pictures, self.gathered.batches),
            stood_on: Some(stood_on),
            seconds: self.seconds(),
            ..self.way.clone()
        })
    }

    /// The factor on the rates, and the momentum, where the fit stands.
    pub fn factor(&self) -> (f64, Option<f64>) {
        let done = self.way.steps as f64 / self.way.planned.unwrap_or(1).max(1) as f64;
        let (factor, momentum) = self.way.schedule.at(Moment { done, step: self.way.steps, epoch: self.way.done });
        (factor * self.way.scale, momentum)
    }

    /// The highest rate of the groups, where the fit stands.
    pub fn rate(&self) -> f64 {
        self.top() * self.factor().0
    }

    /// The highest rate of the groups, before any schedule.
    pub fn top(&self) -> f64 {
        self.rates.iter().copied().fold(0.0, f64::max)
    }

    /// Seconds that it took by now, before and after it was cut off.
    fn seconds(&self) -> f64 {
        self.way.seconds + self.started.elapsed().as_secs_f64()
    }

    /// What the fit has done by now.
    pub fn report(&self, history: &History) -> FitReport {
        let last = match self.put_back {
            Some(at) => history.epochs.get(at),
            None => history.epochs.last().filter(|_| self.way.done > 0),
        };
        FitReport {
            epochs: (self.way.done, self.way.epochs),
            batches: self.way.steps,
            interrupted: self.interrupted,
            seconds: self.seconds(),
            valid: last.and_then(|epoch| epoch.valid.clone()),
            put_back: self.put_back.map(|at| at + 1),
            notes: self.notes.clone(),
        }
    }
}

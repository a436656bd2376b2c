//! What is written down of a learner's weights and of each of its fits, for the run card; a checkpoint holds it in the history.

use serde::{Deserialize, Serialize};

use super::metric::Measures;
use super::optim::Rule;
use crate::data::Provenance;

/// Where the first weights came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WeightsRecord {
    /// The file or the name, without the folders that it lies in.
    pub origin: String,
    /// How many tensors were taken over.
    pub loaded: Option<usize>,
    /// How many of the network's were not among them, or had another shape: these began at random.
    pub new: Option<usize>,
}

/// The data that a fit saw, as far as they say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DataRecord {
    /// How many examples train, validate, and are held out.
    pub counts: [usize; 3],
    /// The names of what there is to tell.
    pub names: Vec<String>,
    /// Where they come from, and how they were split.
    pub provenance: Provenance,
}

/// What was found on the examples that are held out for the last test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestRecord {
    /// Epochs of all fits before it: later ones changed what it is about.
    pub epochs: usize,
    /// How many examples there were.
    pub examples: usize,
    /// What was measured.
    pub measures: Measures,
}

/// One call of `fit` or its kin, as it was entered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitRecord {
    /// The verb: `fit_one_cycle`.
    pub verb: String,
    /// Epochs that were asked for.
    pub epochs: usize,
    /// Epochs of all fits before it: with these of the next fit they say which of the history's are its own.
    pub first_epoch: usize,
    /// Training steps of all fits before it.
    pub first_batch: usize,
    /// The rate that was asked for, in words.
    pub rate: String,
    /// Each part's rate before any schedule.
    pub rates: Vec<(String, f64)>,
    /// The schedule, in words.
    pub schedule: String,
    /// How gradients became steps.
    pub optimizer: Rule,
    /// Whether biases and norms decayed too.
    pub decay_all: bool,
    /// The task by name; empty where a file does not say.
    #[serde(default)]
    pub task: String,
    /// What was trained, in words: `head`, `from blocks.2`, `all`.
    pub trained: String,
    /// Parts whose every parameter was frozen when it began.
    pub frozen: Vec<String>,
    /// The seed of order, augmentation and dropout.
    pub seed: u64,
    /// What a step did beside, in words: clipping, gathering, smoothing, class weights and the like.
    pub options: Vec<String>,
    /// What took part, by name, of those that have one.
    pub callbacks: Vec<String>,
    /// What took part without a name.
    pub unnamed_callbacks: usize,
    /// Threads that it had: sums are the same to the last bit with as many.
    #[serde(default)]
    pub threads: usize,
    /// What was another when the fit was finished after it had been cut off, a sentence each.
    #[serde(default)]
    pub resumed: Vec<String>,
    /// The data; nothing where a file does not say.
    pub data: Option<DataRecord>,
}

//! Learners in files: save, load, open.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::average::Average;
use super::history::History;
use super::learner::Learner;
use super::optim::{Optimizer, Rule, State};
use super::options::Options;
use crate::data::Transform;
use crate::models::{Arch, CARD, Model, Task, Trained, device};
use crate::params::write_tensors;
use crate::{Error, Result};

/// What a file says of its tensors.
#[derive(Debug, Serialize, Deserialize)]
struct Card {
    version: u32,
    arch: String,
    /// Blocks cut off the body's end.
    #[serde(default)]
    cut: usize,
    task: Task,
    classes: Vec<String>,
    transform: Transform,
    #[serde(default)]
    frozen: Vec<String>,
    #[serde(default)]
    progress: Option<Progress>,
}

/// What it takes to go on training.
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    rule: Rule,
    steps: HashMap<String, u64>,
    history: History,
    seed: u64,
    begun: u64,
    /// The decay of the weights' moving average, where one is kept.
    #[serde(default)]
    ema: Option<f64>,
    /// What a step does beside.
    #[serde(default)]
    options: Option<Kept>,
}

/// The options of a learner that decide what the next fit gives.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    clip: Option<f64>,
    accumulate: usize,
    smoothing: f64,
    keep_features: bool,
}

const FIRST: &str = "optimizer.first.";
const SECOND: &str = "optimizer.second.";
const AVERAGE: &str = "average.";

impl Learner {
    /// Writes the learner to a safetensors file: weights, frozen flags, optimiser, classes, normalisation, history.
    /// [`load`](Learner::load) goes on exactly where it stopped.
    ///
    /// # Errors
    /// When the file cannot be written; a file that was there before is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_at(path.as_ref())
    }

    fn save_at(&self, path: &Path) -> Result<()> {
        let mut tensors = self.model.params().snapshot()?;
        let mut steps = HashMap::new();
        for (name, state) in self.optimizer.state() {
            steps.insert(name.clone(), state.step);
            for (prefix, tensor) in [(FIRST, &state.first), (SECOND, &state.second)] {
                tensors.extend(tensor.iter().map(|tensor| (format!("{prefix}{name}"), tensor.clone())));
            }
        }
        if let Some(average) = self.average.as_ref() {
            let values = average.model.params().snapshot()?.into_iter();
            tensors.extend(values.map(|(name, value)| (format!("{AVERAGE}{name}"), value)));
        }
        let Options { clip, accumulate, smoothing, keep_features, .. } = self.options;
        let progress = Progress {
            rule: self.optimizer.rule(),
            steps,
            history: self.history.clone(),
            seed: self.options.seed,
            begun: self.begun,
            ema: self.average.as_ref().map(|average| average.decay),
            options: Some(Kept { clip, accumulate, smoothing, keep_features }),
        };
        self.write(path, &tensors, Some(progress))
    }

    /// Writes the weights alone, with classes and normalisation: what others need to predict or to fine-tune. Where a
    /// moving average is kept, it is the average that is written.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_weights_at(path.as_ref())
    }

    fn save_weights_at(&self, path: &Path) -> Result<()> {
        self.write(path, &self.judged_model().params().snapshot()?, None)
    }

    fn write(&self, path: &Path, tensors: &[(String, Tensor)], progress: Option<Progress>) -> Result<()> {
        let frozen = self.model.params().params().into_iter().filter(|param| param.frozen());
        let card = Card {
            version: 1,
            arch: self.model.arch().name().to_owned(),
            cut: self.model.removed(),
            task: self.model.task(),
            classes: self.classes.clone(),
            transform: self.transform,
            frozen: frozen.map(|param| param.name().to_owned()).collect(),
            progress,
        };
        let json = serde_json::to_string(&card)
            .map_err(|error| Error::new("the history cannot be written").caused_by(error))?;
        write_tensors(path, tensors, HashMap::from([(CARD.to_owned(), json)]))
    }

    /// Takes over everything that [`save`](Learner::save) wrote: the same fit then gives the same losses.
    ///
    /// # Errors
    /// When the file is missing or damaged, was not written by a learner, or is of another architecture, another
    /// task or other classes; the learner is then as it was.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<()> {
        self.load_at(path.as_ref())
    }

    fn load_at(&mut self, path: &Path) -> Result<()> {
        let trained = Trained::open(path)?;
        let card = card(&trained)?;
        let (arch, task) = (self.model.arch(), self.model.task());
        let cut = self.model.removed();
        if card.arch != arch.name() || card.cut != cut {
            let kind = |arch: &str, cut: usize| match cut {
                0 => format!("`{arch}`"),
                _ => format!("`{arch}` without its last {cut} blocks"),
            };
            let (theirs, own) = (kind(&card.arch, card.cut), kind(arch.name(), cut));
            let what = format!("{} holds a {theirs}, this learner is a {own}", trained.origin);
            return Err(Error::new(what).remedy("`Learner::open(path)?` makes a learner of the file's own kind"));
        }
        if card.task == task && card.classes.len() == self.classes.len() && card.classes != self.classes {
            let names = |classes: &[String]| classes.join(", ");
            let what = format!(
                "{} was trained for {}, this learner tells {} apart: its answers would get wrong names",
                trained.origin,
                names(&card.classes),
                names(&self.classes)
            );
            return Err(Error::new(what).remedy(
                "`Learner::open(path)?` makes a learner with the file's own classes in their order, and `.replace_head(&data)?` \
                 gives it a new head for yours",
            ));
        }
        if card.classes.len() != self.classes.len() || card.task != task {
            let what = format!(
                "{} was trained for {} classes ({}; {:?}), this learner tells {} apart ({}; {task:?})",
                trained.origin,
                card.classes.len(),
                card.classes.join(", "),
                card.task,
                self.classes.len(),
                self.classes.join(", ")
            );
            return Err(Error::new(what).remedy(
                "`Learner::open(path)?.replace_head(&data)?` keeps its body and makes a new head for your classes",
            ));
        }
        let model = Model::cut(arch, cut, task, card.classes.len(), self.model.params().device(), 0)?;
        fill(&model, &trained, &card)?;
        self.take(model, card, &trained)
    }

    fn take(&mut self, model: Model, card: Card, trained: &Trained) -> Result<()> {
        let (stored, own) = (card.progress.as_ref().and_then(|progress| progress.ema), self.average.as_ref());
        *self.average = match (stored, own.map(|average| average.decay)) {
            (Some(decay), _) => Some(average_of(&model, decay, trained)?),
            // a file without an average: one that was asked for begins anew
            (None, Some(decay)) => Some(Average::of(&model, decay)?),
            (None, None) => None,
        };
        *self.model = model;
        *self.cache = super::cache::FeatureCache::default();
        self.classes = card.classes;
        let transform = card.transform;
        if let Some(progress) = card.progress {
            *self.optimizer = optimizer(&progress, trained);
            *self.history = progress.history;
            self.options.seed = progress.seed;
            if let Some(Kept { clip, accumulate, smoothing, keep_features }) = progress.options {
                self.options = Options { clip, accumulate, smoothing, keep_features, ..self.options };
            }
            self.begun = progress.begun;
        }
        match self.data.take() {
            Some(data) => self.suit(data.as_ref(), transform),
            None => self.transform = transform,
        }
        Ok(())
    }

    pub(super) fn from_trained(trained: Trained) -> Result<Learner> {
        let card = card(&trained)?;
        let arch = Arch::named(&card.arch)?;
        let place = device()?;
        let make = || Model::cut(arch, card.cut, card.task, card.classes.len(), &place, 0);
        let model = make()?;
        fill(&model, &trained, &card)?;
        let seed = card.progress.as_ref().map_or(0, |progress| progress.seed);
        let mut learner = Learner::assemble(make()?, card.classes.clone(), card.transform, None, seed);
        learner.take(model, card, &trained)?;
        Ok(learner)
    }
}

/// Reads the card of a file.
fn card(trained: &Trained) -> Result<Card> {
    let origin = &trained.origin;
    let Some(json) = trained.metadata.get(CARD) else {
        return Err(Error::new(format!("{origin} was not written by `learner.save`: it does not say what it is"))
            .remedy("for weights alone, start from them: `Learner::vision(Arch::default().weights(path), &data)?`"));
    };
    let card: Card = serde_json::from_str(json).map_err(|error| {
        Error::new(format!("{origin} says something that this version does not understand"))
            .caused_by(error)
            .remedy("it may come from a newer candlewick: update, or save it again")
    })?;
    if card.version != 1 {
        return Err(Error::new(format!("{origin} is of version {}, this candlewick reads version 1", card.version))
            .remedy("update candlewick"));
    }
    Ok(card)
}

/// Puts the file's weights and frozen flags into a fresh model.
fn fill(model: &Model, trained: &Trained, card: &Card) -> Result<()> {
    let report = model.params().load(&trained.tensors, None)?;
    if !report.complete() {
        return Err(Error::new(format!("{} does not hold the whole network: {report}", trained.origin))
            .remedy("save it again from the learner that trained it"));
    }
    for param in model.params().params() {
        param.set_frozen(card.frozen.iter().any(|name| name == param.name()));
    }
    Ok(())
}

/// The moving average as the file holds it.
fn average_of(model: &Model, decay: f64, trained: &Trained) -> Result<Average> {
    let average = Average::of(model, decay)?;
    let stored = trained.tensors.iter();
    let stored = stored.filter_map(|(name, value)| Some((name.strip_prefix(AVERAGE)?.to_owned(), value.clone())));
    let report = average.model.params().load(&stored.collect::<Vec<_>>(), None)?;
    if !report.complete() {
        return Err(Error::new(format!("{} does not hold the whole moving average: {report}", trained.origin))
            .remedy("save it again from the learner that trained it"));
    }
    Ok(average)
}

fn optimizer(progress: &Progress, trained: &Trained) -> Optimizer {
    let find = |prefix: &str, name: &str| {
        let key = format!("{prefix}{name}");
        trained.tensors.iter().find(|(found, _)| *found == key).map(|(_, tensor)| tensor.clone())
    };
    let state = progress.steps.iter().map(|(name, step)| {
        (name.clone(), State { step: *step, first: find(FIRST, name), second: find(SECOND, name) })
    });
    let mut optimizer = Optimizer::of(progress.rule);
    optimizer.restore(state.collect());
    optimizer
}

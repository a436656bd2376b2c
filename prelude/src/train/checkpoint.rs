//! Learners in files: save, load, open.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::Ordering;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::average::Average;
use super::cache::FeatureCache;
use super::callback::keys;
use super::gradients::{Gradients, Waiting};
use super::history::History;
use super::learner::{Learner, maker};
use super::optim::{Optimizer, OptimizerState, Rule};
use super::options::{self, Options};
use super::run::{CutOff, FitRun, Underway};
use super::similarity;
use super::tasks;
use crate::data::{Input, Spec, Target, Transform};
use crate::models::{Adapters, Arch, BertLayout, CARD, Detector, Network, Trained, WaitingHead, device};
use crate::params::{Param, ParamSet, write_tensors};
use crate::paths;
use crate::words::count;
use crate::{Error, Result, show};

/// The version that is written; those before it are read.
const VERSION: u32 = 2;
/// The version of a file with adapters, which those before it would drop without a word.
const ADAPTED: u32 = 3;

/// What a file says of its tensors.
#[derive(Debug, Serialize, Deserialize)]
struct Card {
    version: u32,
    /// The kind of body, `own` where a person made it.
    arch: String,
    /// Blocks cut off the body's end.
    #[serde(default)]
    cut: usize,
    /// How an encoder of text is built, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bert: Option<BertLayout>,
    task: String,
    /// The names of what the network tells.
    classes: Vec<String>,
    /// How a picture becomes numbers, where pictures go in.
    transform: Option<Transform>,
    /// What goes in where it is no picture, and what is told; not in version 1, which knew classes and numbers of pictures.
    #[serde(default)]
    input: Option<Input>,
    #[serde(default)]
    target: Option<Target>,
    #[serde(default)]
    frozen: Vec<String>,
    /// The adapters beside the weights.
    #[serde(default)]
    adapters: Adapters,
    #[serde(default)]
    progress: Option<Progress>,
}

impl Card {
    /// What the network takes and tells.
    fn spec(&self) -> Spec {
        let target = self.target.clone().unwrap_or_else(|| match self.task.eq_ignore_ascii_case("regress") {
            true => Target::Numbers(self.classes.clone()),
            false => Target::Class(self.classes.clone()),
        });
        let input = match (self.transform, &self.input) {
            (Some(transform), _) => Input::Picture(transform),
            (None, Some(input)) => input.clone(),
            (None, None) => Input::Tensor(Vec::new()),
        };
        Spec::new(input, target, self.progress.as_ref().map_or(0, |progress| progress.seed))
    }
}

/// What it takes to go on training.
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    rule: Rule,
    /// Whether biases and norms decay too; checkpoints from before there was a choice had them do so.
    #[serde(default = "yes")]
    decay_all: bool,
    steps: HashMap<String, u64>,
    history: History,
    seed: u64,
    begun: u64,
    /// The decay of the weights' moving average, where one is kept.
    #[serde(default)]
    ema: Option<f64>,
    /// The steps that it has followed; files from before that was written lack it.
    #[serde(default)]
    ema_steps: Option<u64>,
    /// What callbacks that have a name remember.
    #[serde(default)]
    callbacks: HashMap<String, String>,
    /// What a step does beside.
    #[serde(default)]
    options: Option<FitOptions>,
    /// The fit that was cut off, where one was.
    #[serde(default)]
    cut_off: Option<Underway>,
}

fn yes() -> bool {
    true
}

/// After each epoch.
fn each() -> usize {
    1
}

/// The options of a learner that decide what the next fit gives.
#[derive(Debug, Serialize, Deserialize)]
struct FitOptions {
    clip: Option<f64>,
    accumulate: usize,
    smoothing: f64,
    keep_features: bool,
    /// Checkpoints from before there was such an option lack it.
    #[serde(default = "each")]
    validate_every: usize,
    #[serde(default)]
    train_bn: bool,
    #[serde(default)]
    focus: f64,
    #[serde(default)]
    class_weights: Vec<f64>,
}

impl FitOptions {
    /// Takes over what makes sense.
    fn put_into(self, own: &mut Options) {
        own.clip = self.clip.filter(|norm| options::check_clip(*norm).is_ok());
        let or = |told: Result<()>, stored: usize| if told.is_ok() { stored } else { 1 };
        own.accumulate = or(options::check_accumulate(self.accumulate), self.accumulate);
        own.validate_every = or(options::check_validate_every(self.validate_every), self.validate_every);
        own.smoothing = if options::check_smoothing(self.smoothing).is_ok() { self.smoothing } else { 0.0 };
        own.focus = if options::check_focus(self.focus).is_ok() { self.focus } else { 0.0 };
        (own.keep_features, own.train_bn) = (self.keep_features, self.train_bn);
    }
}

const FIRST: &str = "optimizer.first.";
const SECOND: &str = "optimizer.second.";
const THIRD: &str = "optimizer.third.";
const GATHERED: &str = "gathered.";
const AVERAGE: &str = "average.";
const WAITING: &str = "waiting_head.";

impl Learner {
    /// Writes the learner to a safetensors file: weights, frozen flags, optimiser, classes, normalisation, history.
    /// [`load`](Learner::load) goes on exactly where it stopped, and [`resume`](Learner::resume) finishes a fit that was cut off.
    ///
    /// # Errors
    /// When the file cannot be written; a file that was there before is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_at(&paths::expanded(path.as_ref()))
    }

    fn save_at(&self, path: &Path) -> Result<()> {
        let cut = self.cut_off.as_ref();
        self.save_all(path, cut.map(|cut| cut.way.clone()), cut.map(|cut| &cut.gathered))?;
        let holds = format!("{} for {}, with optimiser and history", self.network.name(), self.task.name());
        let reads = match tasks::named(self.task.name()) {
            Some(_) => "`Learner::open` reads it".to_owned(),
            None => {
                "the task is your own: `learner.set_task(…)?` on a learner like this one, then `learner.load(path)?`"
                    .to_owned()
            }
        };
        show::written(path, &format!("{holds}; {reads}"));
        Ok(())
    }

    /// Writes it while a fit runs, with what it takes to finish that.
    pub(super) fn save_within(&self, path: &Path, run: &FitRun) -> Result<()> {
        self.save_all(path, run.left(self.examples(), self.stands_on()), Some(&run.gathered))
    }

    fn save_all(&self, path: &Path, way: Option<Underway>, gathered: Option<&Waiting>) -> Result<()> {
        let mut tensors = self.network.unmerged()?;
        tell_if_spoiled(&tensors)?;
        for head in self.network.waiting_heads() {
            let values = head.values.iter().cloned();
            tensors.extend(values.map(|(name, value)| (format!("{WAITING}{}.{name}", head.adapter), value)));
        }
        let mut steps = HashMap::new();
        for (name, state) in self.optimizer.state() {
            steps.insert(name.clone(), state.step);
            for (prefix, tensor) in [(FIRST, &state.first), (SECOND, &state.second), (THIRD, &state.third)] {
                tensors.extend(tensor.iter().map(|tensor| (format!("{prefix}{name}"), tensor.clone())));
            }
        }
        if let Some(average) = self.average.as_ref() {
            let values = average.network.unmerged()?.into_iter();
            tensors.extend(values.map(|(name, value)| (format!("{AVERAGE}{name}"), value)));
        }
        if let Some(waiting) = gathered.filter(|_| way.is_some()).and_then(|gathered| gathered.waiting.as_ref()) {
            tensors.extend(waiting.each().map(|(name, grad)| (format!("{GATHERED}{name}"), grad.detach())));
        }
        let Options { clip, accumulate, smoothing, keep_features, validate_every, train_bn, focus, .. } = self.options;
        let class_weights = self.weights.to_vec();
        let progress = Progress {
            rule: self.optimizer.rule(),
            decay_all: self.optimizer.decays_all(),
            steps,
            history: self.history.clone(),
            seed: self.options.seed,
            begun: self.begun,
            ema: self.average.as_ref().map(|average| average.decay),
            ema_steps: self.average.as_ref().map(|average| average.steps.load(Ordering::Relaxed)),
            callbacks: self.remembered(),
            options: Some(FitOptions {
                clip,
                accumulate,
                smoothing,
                keep_features,
                validate_every,
                train_bn,
                focus,
                class_weights,
            }),
            cut_off: way,
        };
        self.write(path, &tensors, Some(progress))
    }

    /// What callbacks remember now; while a fit runs, what they did at the end of its last epoch.
    fn remembered(&self) -> HashMap<String, String> {
        let mut states = self.states.clone();
        for (key, callback) in keys(&self.callbacks).into_iter().zip(self.callbacks.iter()) {
            states.extend(callback.state().filter(|_| !key.is_empty()).map(|state| (key, state)));
        }
        states
    }

    /// Writes the weights alone, with classes and normalisation: what others need to predict or to fine-tune. Where a
    /// moving average is kept, it is the average that is written; where there are adapters, the weights with what the active one adds.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_weights_at(&paths::expanded(path.as_ref()))
    }

    fn save_weights_at(&self, path: &Path) -> Result<()> {
        let tensors = self.judged().plain_values()?;
        tell_if_spoiled(&tensors)?;
        self.write(path, &tensors, None)
    }

    fn write(&self, path: &Path, tensors: &[(String, Tensor)], progress: Option<Progress>) -> Result<()> {
        // without its adapters a network is one whose every weight may train
        let adapters = if progress.is_some() { self.network.adapters().clone() } else { Adapters::default() };
        let plain = adapters != *self.network.adapters();
        let frozen = self.network.params().params().into_iter();
        let frozen = frozen.filter(|param| param.frozen() && !param.fixed() && !plain);
        let card = Card {
            version: if adapters.is_empty() { VERSION } else { ADAPTED },
            arch: self.network.name().to_owned(),
            cut: self.network.removed(),
            bert: self.network.bert_layout().cloned(),
            task: self.task.name().to_owned(),
            classes: self.classes().to_vec(),
            transform: self.spec.transform(),
            input: Some(self.spec.input.clone()),
            target: Some(self.spec.target.clone()),
            frozen: frozen.map(|param| param.name().to_owned()).collect(),
            adapters,
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
        self.load_at(&paths::expanded(path.as_ref()))
    }

    fn load_at(&mut self, path: &Path) -> Result<()> {
        let trained = Trained::open(path)?;
        let card = card(&trained)?;
        self.check_card(&card, &trained.origin)?;
        self.restore(&card, &trained.origin)?;
        // what it holds is looked at before anything is changed for good
        let before = (self.network.unmerged()?, self.network.adapters().clone(), self.network.waiting_heads().to_vec());
        let frozen: Vec<bool> = self.network.params().params().iter().map(Param::frozen).collect();
        let filled = self.network.adapt_like(&card.adapters).and_then(|()| fill(&self.network, &trained, &card));
        match filled.and_then(|()| self.average_in(&card, &trained)) {
            Ok(average) => *self.average = average,
            Err(error) => {
                let (values, adapters, heads) = before;
                self.network.adapt_like(&adapters)?;
                self.network.params().load(&values, None)?;
                self.network.set_waiting_heads(heads);
                let params = self.network.params().params();
                params.iter().zip(frozen).for_each(|(param, frozen)| param.set_frozen(frozen));
                return if adapters.merged { self.network.merge_adapter().and(Err(error)) } else { Err(error) };
            }
        }
        self.thaw(&card);
        self.settle_adapters(&card, &trained)?;
        self.take(card, &trained)
    }

    /// Has callbacks take over what a file has of them.
    fn restore(&mut self, card: &Card, origin: &str) -> Result<()> {
        let Some(progress) = &card.progress else { return Ok(()) };
        for (key, callback) in keys(&self.callbacks).into_iter().zip(self.callbacks.iter_mut()) {
            if let Some(state) = progress.callbacks.get(&key) {
                callback.restore(state).map_err(|error| {
                    Error::new(format!("{origin}: the callback `{key}` does not take over its state"))
                        .caused_by(error)
                        .remedy("load it without the callback: `learner.remove_callbacks()`")
                })?;
            }
        }
        Ok(())
    }

    /// Refuses a file of another network, another task, or other names.
    fn check_card(&self, card: &Card, origin: &str) -> Result<()> {
        let (name, cut, task) = (self.network.name(), self.network.removed(), self.task.name());
        if card.arch != name || card.cut != cut {
            let kind = |name: &str, cut: usize| match cut {
                0 => format!("`{name}`"),
                _ => format!("`{name}` without its last {}", count(cut, "block")),
            };
            let (theirs, own) = (kind(&card.arch, card.cut), kind(name, cut));
            return Err(Error::new(format!("{origin} holds a {theirs}, this learner is a {own}"))
                .remedy("`Learner::open(path)?` makes a learner of the file's own kind"));
        }
        // a task takes over what the one that it is like has learned
        let chain = std::iter::successors(Some(self.task()), |task| task.like());
        let same_task = chain.take(16).any(|task| card.task.eq_ignore_ascii_case(task.name()));
        if same_task && card.classes.len() == self.classes().len() && card.classes != self.classes() {
            let names = |classes: &[String]| classes.join(", ");
            let what = format!(
                "{origin} was trained for {}, this learner tells {} apart: its answers would get wrong names",
                names(&card.classes),
                names(self.classes())
            );
            return Err(Error::new(what).remedy(
                "`Learner::open(path)?` makes a learner with the file's own classes in their order, and `.replace_head(&data)?` \
                 gives it a new head for yours",
            ));
        }
        if card.classes.len() != self.classes().len() || !same_task {
            let what = format!(
                "{origin} was trained for {} ({}; task `{}`), this learner tells {} apart ({}; task `{task}`)",
                count(card.classes.len(), "class"),
                card.classes.join(", "),
                card.task,
                self.classes().len(),
                self.classes().join(", ")
            );
            let is_known = self.network.arch().is_some() || self.network.bert_layout().is_some();
            let is_own = tasks::named(&card.task).is_none() && card.classes.len() == self.classes().len();
            return Err(Error::new(what).remedy(match is_known {
                true if is_own => "the file's task is one of your own: put it on this learner first, `learner.set_task(…)?`, then `learner.load(path)?`",
                true => {
                    "`let mut learner = Learner::open(path)?.replace_head(&data)?;` keeps its body and makes a new head for your \
                     classes"
                }
                false => "make the learner with the task that the file was trained with, or with one whose `fn like` gives that task",
            }));
        }
        Ok(())
    }

    /// The moving average as a file holds it; one that was asked for begins anew where the file has none.
    fn average_in(&self, card: &Card, trained: &Trained) -> Result<Option<Average>> {
        let stored = card.progress.as_ref().and_then(|progress| Some((progress.ema?, progress.ema_steps)));
        match (stored, self.average.as_ref().map(|average| average.decay)) {
            (Some(stored), _) => average_of(&self.network, stored, trained).map(Some),
            (None, Some(decay)) => Average::of(&self.network, decay).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Sets the frozen flags as a file has them.
    fn thaw(&self, card: &Card) {
        for param in self.network.params().params() {
            param.set_frozen(card.frozen.iter().any(|name| name == param.name()));
        }
    }

    /// Puts in the heads that wait for their adapters, and merges the one that was merged.
    fn settle_adapters(&mut self, card: &Card, trained: &Trained) -> Result<()> {
        let mut heads: Vec<WaitingHead> = Vec::new();
        for (name, value) in &trained.tensors {
            let Some((adapter, name)) = name.strip_prefix(WAITING).and_then(|name| name.split_once('.')) else {
                continue;
            };
            let at = heads.iter().position(|head| head.adapter == adapter).unwrap_or_else(|| {
                heads.push(WaitingHead { adapter: adapter.to_owned(), values: Vec::new() });
                heads.len() - 1
            });
            heads[at].values.push((name.to_owned(), value.clone()));
        }
        let average = self.average.iter_mut().map(|average| &mut average.network);
        for network in std::iter::once(&mut *self.network).chain(average) {
            network.set_waiting_heads(heads.clone());
            if card.adapters.merged {
                network.merge_adapter()?;
            }
        }
        Ok(())
    }

    /// The fit that was cut off, as a file has it.
    fn cut_off_in(&self, card: &Card, trained: &Trained) -> Result<Option<CutOff>> {
        let Some(way) = card.progress.as_ref().and_then(|progress| progress.cut_off.clone()) else { return Ok(None) };
        let mut gathered = Waiting::default();
        if way.waiting.1 > 0 {
            let stored = trained.tensors.iter();
            let stored =
                stored.filter_map(|(name, grad)| Some((name.strip_prefix(GATHERED)?.to_owned(), grad.clone())));
            let waiting = Gradients::named(self.network.params().trainable(), stored)?;
            gathered = Waiting { waiting: Some(waiting), pictures: way.waiting.0, batches: way.waiting.1 };
        }
        Ok(Some(CutOff { way, gathered }))
    }

    /// Takes over everything beside the weights.
    fn take(&mut self, card: Card, trained: &Trained) -> Result<()> {
        *self.cache = FeatureCache::default();
        *self.cut_off = self.cut_off_in(&card, trained)?;
        let transform = card.transform;
        if let Some(progress) = card.progress {
            *self.optimizer = optimizer(&progress, trained);
            *self.history = progress.history;
            self.options.seed = progress.seed;
            if let Some(mut stored) = progress.options {
                *self.weights = std::mem::take(&mut stored.class_weights);
                stored.put_into(&mut self.options);
            }
            self.begun = progress.begun;
            *self.states = progress.callbacks;
        }
        match self.data.take() {
            Some(data) => self.suit(data.as_ref(), transform)?,
            None => {
                if let Some(transform) = transform {
                    self.spec.input = Input::Picture(transform);
                }
            }
        }
        Ok(())
    }

    pub(super) fn from_trained(trained: Trained) -> Result<Learner> {
        let card = card(&trained)?;
        let own = |what: &str| {
            Error::new(format!("{} holds {what} of one's own: the file does not say how it is made", trained.origin))
                .remedy("make the learner as it was made, by `Learner::new(network, task, &data)?` or with `learner.set_task(task)?`, and then `learner.load(path)?`")
        };
        if card.arch == "own" {
            return Err(own("a network"));
        }
        let task = tasks::named(&card.task).ok_or_else(|| own(&format!("a task (`{}`)", card.task)))?;
        let spec = card.spec();
        let mut network = match (&card.bert, Detector::named(&card.arch)) {
            (Some(layout), _) => Network::bert(ParamSet::on(&device()?, 0), layout.clone(), maker(&task, &spec))?,
            (None, Ok(detector)) => {
                let (params, classes) = (ParamSet::on(&device()?, 0), spec.names().len());
                Network::detecting_like(params, detector, classes, &trained.tensors)?
            }
            (None, Err(_)) => Network::cut(Arch::named(&card.arch)?, card.cut, maker(&task, &spec), &device()?, 0)?,
        };
        network.adapt_like(&card.adapters)?;
        fill(&network, &trained, &card)?;
        let mut learner = Learner::assemble(network, task, spec, None);
        learner.thaw(&card);
        *learner.average = learner.average_in(&card, &trained)?;
        learner.settle_adapters(&card, &trained)?;
        learner.take(card, &trained)?;
        Ok(learner)
    }
}

/// Says where values that are to be saved are no numbers.
fn tell_if_spoiled(tensors: &[(String, Tensor)]) -> Result<()> {
    for (name, tensor) in tensors.iter().filter(|(_, tensor)| tensor.dtype().is_float()) {
        if !tensor.sum_all()?.to_dtype(candle_core::DType::F32)?.to_scalar::<f32>()?.is_finite() {
            show::note(&format!(
                "what is saved has diverged: `{name}` holds values that are no numbers; load an older file, or make the network anew"
            ));
            return Ok(());
        }
    }
    Ok(())
}

/// Reads the card of a file.
fn card(trained: &Trained) -> Result<Card> {
    let origin = &trained.origin;
    if trained.metadata.contains_key(similarity::CARD) {
        return Err(Error::new(format!("{origin} holds an index of pictures, and no learner"))
            .remedy("`SimilarityIndex::load(path, &learner)?` reads it, with the learner that made it"));
    }
    let Some(json) = trained.metadata.get(CARD) else {
        return Err(Error::new(format!("{origin} was not written by `learner.save`: it does not say what it is"))
            .remedy(trained.way_in()));
    };
    let card: Card = serde_json::from_str(json).map_err(|error| {
        Error::new(format!("{origin} says something that this version does not understand"))
            .caused_by(error)
            .remedy("it may come from a newer candlewick: update, or save it again")
    })?;
    if card.version > ADAPTED {
        return Err(Error::new(format!(
            "{origin} is of version {}, this candlewick reads up to {ADAPTED}",
            card.version
        ))
        .remedy("update candlewick"));
    }
    Ok(card)
}

/// Puts the file's weights into a network.
fn fill(network: &Network, trained: &Trained, card: &Card) -> Result<()> {
    let report = network.params().load(&trained.tensors, None)?;
    if !report.complete() {
        let what = format!("{} does not hold the whole network: {report}", trained.origin);
        return Err(Error::new(what).remedy(match card.arch.as_str() {
            "own" => "make the network as it was when it was saved: the same layers under the same names",
            _ => "save it again from the learner that trained it",
        }));
    }
    Ok(())
}

/// The moving average as the file holds it.
fn average_of(network: &Network, (decay, steps): (f64, Option<u64>), trained: &Trained) -> Result<Average> {
    let average = Average::of(network, decay)?;
    // an older file's has a long way behind it
    average.steps.store(steps.unwrap_or(1 << 32), Ordering::Relaxed);
    let stored = trained.tensors.iter();
    let stored = stored.filter_map(|(name, value)| Some((name.strip_prefix(AVERAGE)?.to_owned(), value.clone())));
    let report = average.network.params().load(&stored.collect::<Vec<_>>(), None)?;
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
        let (first, second, third) = (find(FIRST, name), find(SECOND, name), find(THIRD, name));
        (name.clone(), OptimizerState { step: *step, first, second, third })
    });
    let mut optimizer = Optimizer::of(progress.rule);
    if progress.decay_all {
        optimizer = optimizer.decay_all();
    }
    optimizer.restore(state.collect());
    optimizer
}

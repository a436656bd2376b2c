//! The learner itself: what it owns, how one is made, what is frozen.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::average::Average;
use super::cache::FeatureCache;
use super::callback::Callback;
use super::history::History;
use super::metric::Metric;
use super::optim::Optimizer;
use super::options::Options;
use super::query::Watched;
use super::run::CutOff;
use super::task::Task;
use super::tasks::{self, Classify, Localize, Regress};
use super::trial::{takes_size, try_out};
use crate::data::{Data, Input, Known, Normalize, Renamed, ResizeMethod, Spec, Target, Transform};
use crate::models::{Arch, HeadMaker, IntoStart, Network, Start, Trained, Weights, device};
use crate::params::LoadReport;
use crate::paths;
use crate::sealed::Sealed;
use crate::words::count;
use crate::{Error, Result, show};

/// A network, its data, its optimiser and its history: the one object that training is driven through.
///
/// See the [room's overview](crate::train) for its verbs. Those that train or freeze change it; [`add_classes`](Learner::add_classes) and
/// [`replace_head`](Learner::replace_head) give a new one, and this one stays as it was.
#[must_use = "gives a learner, which is dropped here: the one before stays as it was; bind it: `let mut learner = …;`"]
pub struct Learner {
    pub(super) network: Sealed<Network>,
    pub(super) task: Arc<dyn Task>,
    pub(super) data: Option<Box<dyn Data>>,
    /// What data that it has no longer had for training, where it trained on them.
    pub(super) earlier: Sealed<Vec<Known>>,
    /// What the network takes and tells: the data's, with what the network wants of it.
    pub(super) spec: Sealed<Spec>,
    pub(super) optimizer: Sealed<Optimizer>,
    pub(super) history: Sealed<History>,
    pub(super) cache: Sealed<FeatureCache>,
    pub(super) options: Options,
    /// Options that made no sense and were not taken over: the next fit tells.
    pub(super) refused: Sealed<Vec<(&'static str, Error)>>,
    /// How much each class weighs in the loss; empty where all weigh alike.
    pub(super) weights: Sealed<Vec<f64>>,
    /// Epochs begun over all fits: decides order and dropout of the next one.
    pub(super) begun: u64,
    /// What is measured beside what the task measures.
    pub(super) metrics: Sealed<Vec<Box<dyn Metric>>>,
    /// What takes part in every fit, in order.
    pub(super) callbacks: Sealed<Vec<Box<dyn Callback>>>,
    /// What callbacks that have a name remember, by their names.
    pub(super) states: Sealed<HashMap<String, String>>,
    /// The moving average of the weights, where one is kept.
    pub(super) average: Sealed<Option<Average>>,
    /// Pictures of which each fit shows what is said of them, after each epoch.
    pub(super) watched: Sealed<Vec<Watched>>,
    /// The fit that was cut off, where something of it is left to do.
    pub(super) cut_off: Sealed<Option<CutOff>>,
    /// What became of the weights that it started from.
    pub(super) report: Sealed<Option<LoadReport>>,
}

impl Learner {
    /// A classifier for `data`: the architecture's trained body and a new head, all of it trainable.
    ///
    /// `arch` may also be `Arch::….untrained()` or `Arch::….weights("file.safetensors")`. The data's seed decides
    /// the head's first values, the order of the pictures and what dropout drops.
    ///
    /// # Errors
    /// When the weights cannot be read or fit another architecture, and when the data has fewer than two classes or
    /// an option that makes no sense.
    pub fn vision(arch: impl IntoStart, data: &impl Data) -> Result<Learner> {
        Learner::start(arch.into_start(), Arc::new(Classify), data)
    }

    /// The same network from random weights, to compare with.
    ///
    /// # Errors
    /// When the data has fewer than two classes or an option that makes no sense.
    pub fn vision_untrained(arch: Arch, data: &impl Data) -> Result<Learner> {
        Learner::vision(arch.untrained(), data)
    }

    /// A network that says one class and one box a picture, for data with boxes; otherwise as [`Learner::vision`].
    ///
    /// # Errors
    /// As [`Learner::vision`], and when a picture has no box.
    pub fn localization(arch: impl IntoStart, data: &impl Data) -> Result<Learner> {
        Learner::start(arch.into_start(), Arc::new(Localize), data)
    }

    /// A network that says numbers, such as an age or an angle, for data with numbers; otherwise as [`Learner::vision`].
    /// Its loss is smooth L1, its measure the mean absolute error.
    ///
    /// # Errors
    /// As [`Learner::vision`], and when the data has classes instead of numbers.
    pub fn regression(arch: impl IntoStart, data: &impl Data) -> Result<Learner> {
        Learner::start(arch.into_start(), Arc::new(Regress), data)
    }

    /// The network that the architecture's weights were trained as, head included: to predict with, or to give a
    /// new head ([`replace_head`](Learner::replace_head)). Published weights do not name their classes: these are `class 0`,
    /// `class 1` and so on, in the order of their data set.
    ///
    /// # Errors
    /// When the weights cannot be read, or hold no head.
    pub fn pretrained(arch: Arch) -> Result<Learner> {
        let trained = Trained::of(arch)?;
        if trained.is_a_learners() { Learner::from_trained(trained) } else { Learner::published(arch, &trained) }
    }

    /// A network of published weights.
    pub(super) fn published(arch: Arch, trained: &Trained) -> Result<Learner> {
        let lacks = |what: String| {
            Error::new(format!("{} {what}", trained.origin))
                .remedy("start a network of your own from it: `Learner::vision(arch, &data)?`")
        };
        let count = trained.class_count().ok_or_else(|| lacks("holds no head".to_owned()))?;
        let network = Network::new(arch, HeadMaker::classes(count), &device()?, 0)?;
        let report = network.load_all(&trained.tensors, &trained.origin)?;
        if !report.complete() {
            return Err(lacks(format!("does not hold the whole network: {report}")));
        }
        let transform = Transform {
            size: arch.picture(),
            resize: ResizeMethod::Crop,
            normalize: arch.normalize(),
            greys: Default::default(),
        };
        let classes = (0..count).map(|class| format!("class {class}")).collect();
        let spec = Spec::new(Input::Picture(transform), Target::Class(classes), 0);
        let mut learner = Learner::assemble(network, Arc::new(Classify), spec, None);
        learner.came_from(&trained.origin, report);
        Ok(learner)
    }

    /// The network of a file that [`save`](Learner::save) wrote, without data: to predict with, or to give a new head.
    ///
    /// # Errors
    /// When the file is missing, damaged, or not written by a learner.
    pub fn open(path: impl AsRef<Path>) -> Result<Learner> {
        Learner::from_trained(Trained::open(&paths::expanded(path.as_ref()))?)
    }

    /// A network of one's own, or of a candle model, and what it is to learn from which data:
    /// `Learner::new(network, Classify, &data)?`.
    ///
    /// The network is run on the first batch, and its loss made, so that what does not fit is told now.
    ///
    /// # Errors
    /// When the task cannot learn from the data, or the network does not take them or says something else than the task wants.
    pub fn new(network: Network, task: impl Task + 'static, data: &impl Data) -> Result<Learner> {
        Learner::start_own(network, Arc::new(task), data)
    }

    fn start_own(mut network: Network, task: Arc<dyn Task>, data: &dyn Data) -> Result<Learner> {
        data.check()?;
        let spec = data.spec();
        grounded(task.as_ref())?;
        task.check(&spec)?;
        network.set_says(task.says());
        try_out(&network, task.as_ref(), data)?;
        Ok(Learner::assemble(network, task, spec, Some(data.boxed())))
    }

    // Generic functions are compiled in the cell that calls them: they only hand on to others.
    pub(super) fn start(start: Start, task: Arc<dyn Task>, data: &dyn Data) -> Result<Learner> {
        data.check()?;
        let spec = data.spec();
        task.check(&spec)?;
        let wanted = pictures(&spec)?;
        let network = Network::cut(start.arch, start.cut, maker(&task, &spec), &device()?, spec.seed)?;
        let mut report = None;
        let mut normalize = start.arch.normalize();
        if let Some(trained) = Trained::for_start(&start)? {
            normalize = trained.normalize().unwrap_or(normalize);
            let loaded = network.load_body(&trained.tensors, &trained.origin)?;
            if let Weights::File(_) = start.weights
                && let Some(remark) = trained.remark(&loaded, spec.names().len())
            {
                show::note(&remark);
            }
            report = Some((trained.origin, loaded));
            tell_if_other(normalize, &spec);
        }
        let data = data.suited(Transform { normalize, ..wanted });
        takes_size(&network, start.arch, &data.spec())?;
        let mut learner = Learner::assemble(network, task, data.spec(), Some(data));
        report.into_iter().for_each(|(origin, loaded)| learner.came_from(&origin, loaded));
        Ok(learner)
    }

    pub(super) fn assemble(network: Network, task: Arc<dyn Task>, spec: Spec, data: Option<Box<dyn Data>>) -> Learner {
        Learner {
            network: network.into(),
            task,
            data,
            optimizer: Optimizer::adamw().into(),
            history: History::default().into(),
            cache: FeatureCache::default().into(),
            options: Options::of(spec.seed),
            refused: Vec::new().into(),
            weights: Vec::new().into(),
            spec: spec.into(),
            begun: 0,
            metrics: Vec::new().into(),
            callbacks: Vec::new().into(),
            states: HashMap::new().into(),
            average: None.into(),
            earlier: Vec::new().into(),
            watched: Vec::new().into(),
            cut_off: None.into(),
            report: None.into(),
        }
    }

    /// What is to be learned from now on, with the network and the data as they are: a loss of one's own on a learner that is made already.
    ///
    /// ```no_run
    /// use candlewick_prelude::prelude::*;
    /// # struct Focal(f64);
    /// # impl Task for Focal { fn name(&self) -> &str { "focal" } fn like(&self) -> Option<&dyn Task> { Some(&Classify) } }
    /// let reviews = TextTable::csv("reviews.csv")?.split(0.2, 42)?;
    /// let mut learner = Learner::text(Bert::minilm()?, &reviews)?;
    /// learner.set_task(Focal(2.0))?.fit(1, 1e-3)?;
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the task cannot learn from the data, or wants something else than the network says; then the learner keeps its own.
    pub fn set_task(&mut self, task: impl Task + 'static) -> Result<&mut Learner> {
        self.take_task(Arc::new(task))
    }

    fn take_task(&mut self, task: Arc<dyn Task>) -> Result<&mut Learner> {
        grounded(task.as_ref())?;
        task.check(&self.spec)?;
        if let Some(data) = &self.data {
            try_out(&self.network, task.as_ref(), data.as_ref())?;
        }
        if !self.history.batches.is_empty() && task.name() != self.task.name() {
            show::note(&format!(
                "losses from here on are those of `{}`, the ones before were `{}`'s: in the curve they are no rise or fall",
                task.name(),
                self.task.name()
            ));
        }
        self.task = task;
        Ok(self)
    }

    /// The same body, copied, with a new head for other data: the classic step from one set of classes to another.
    /// Where the old head says boxes and the data has them, the part that says *where* is kept, since it does not
    /// depend on the classes. History and optimiser start afresh.
    ///
    /// # Errors
    /// When the data has fewer than two classes or an option that makes no sense.
    pub fn replace_head(&self, data: &impl Data) -> Result<Learner> {
        self.with_head_for(data)
    }

    pub(super) fn with_head_for(&self, data: &dyn Data) -> Result<Learner> {
        data.check()?;
        let wanted = data.spec();
        // the same task where it can learn from these data, else what is usual for them
        let task = match self.task.check(&wanted) {
            Ok(()) => Arc::clone(&self.task),
            Err(_) => tasks::usual(&wanted)?,
        };
        self.with_head_as(data, task)
    }

    /// The same for a task.
    pub(super) fn with_head_as(&self, data: &dyn Data, task: Arc<dyn Task>) -> Result<Learner> {
        let wanted = data.spec();
        task.check(&wanted)?;
        let old = self.judged();
        let network = match old.detector() {
            Some(detector) => {
                let before = old.params().snapshot()?;
                let network = old.with_head(detector.head_like(wanted.names().len(), &before), wanted.seed)?;
                network.load_detector((&before, "the old network"), self.classes(), wanted.names())?;
                network
            }
            None => {
                let network = old.with_head(maker(&task, &wanted), wanted.seed)?;
                network.params().load(&old.params().snapshot()?, Some("head.box"))?;
                network
            }
        };
        let data = match (self.spec.transform(), wanted.transform()) {
            (Some(own), Some(transform)) => {
                tell_if_other(own.normalize, &wanted);
                data.suited(Transform { normalize: own.normalize, ..transform })
            }
            _ => self.suited(data)?,
        };
        let spec = data.spec();
        let seed = spec.seed;
        let mut learner = Learner::assemble(network, task, spec, Some(data));
        *learner.earlier = self.trained_on();
        *learner.optimizer = self.optimizer.fresh();
        learner.came_from_learner(self);
        learner.options = Options { seed, ..self.options };
        Ok(learner)
    }

    /// Trains on other data of the same classes from now on.
    ///
    /// # Errors
    /// When the classes are others, or an option of the data makes no sense.
    pub fn set_data(&mut self, data: &impl Data) -> Result<&mut Learner> {
        self.take_data(data)
    }

    fn take_data(&mut self, data: &dyn Data) -> Result<&mut Learner> {
        data.check()?;
        let spec = data.spec();
        self.task.check(&spec)?;
        if spec.names() != self.classes() {
            // a learner of more classes takes data of some of them, as `add_classes` does
            let of_classes = matches!(spec.target, Target::Class(_) | Target::Classes(_) | Target::Boxes(_));
            if of_classes && spec.names().iter().all(|name| self.classes().contains(name)) {
                self.check_kind(&spec)?;
                return self.take_data(&Renamed::of(data.boxed(), self.classes())?);
            }
            let [own, other] = [self.classes(), spec.names()].map(|names| names.join(", "));
            return Err(Error::new(format!("the head tells {own} apart, the data has {other}"))
                .remedy("give it a new head: `let mut learner = learner.replace_head(&data)?;`, or more classes: `learner.add_classes(&data)?`"));
        }
        self.check_kind(&spec)?;
        if let Input::Tensor(_) = spec.input {
            try_out(&self.network, self.task.as_ref(), data)?;
        }
        let trained = self.trained_on();
        self.suit(data, self.spec.transform())?;
        *self.earlier = trained;
        *self.cache = FeatureCache::default();
        self.average.iter_mut().for_each(|average| average.cache = FeatureCache::default());
        Ok(self)
    }

    /// Takes data as the network wants it; a note says where the data was told otherwise.
    ///
    /// # Errors
    /// When texts cannot be cut into the network's tokens.
    pub(super) fn suit(&mut self, data: &dyn Data, network: Option<Transform>) -> Result<()> {
        let mut suited = match self.spec.tokens() {
            Some(tokens) => data.tokenized(tokens)?,
            None => data.boxed(),
        };
        if let Some(network) = network {
            tell_if_other(network.normalize, &data.spec());
            suited = data.suited(network);
        }
        let data = suited.reseeded(self.options.seed);
        let spec = data.spec();
        if let (Some(network), Some(own)) = (network, spec.transform())
            && own.size != network.size
        {
            show::note(&format!("the pictures are of {} pixels now, the network has seen {}", own.size, network.size));
        }
        *self.spec = spec;
        self.data = Some(data);
        Ok(())
    }

    /// Refuses data of another kind than the network takes.
    pub(super) fn check_kind(&self, spec: &Spec) -> Result<()> {
        let (own, other) = (&self.spec.input, &spec.input);
        let remedy = match (own, other) {
            (Input::Tensor(own), Input::Tensor(other)) if own != other => {
                "bring the data to the shape that the network was made for"
            }
            _ if std::mem::discriminant(own) == std::mem::discriminant(other) => return Ok(()),
            _ => "give it data of the kind that it was made for, or make another network",
        };
        let what = format!("the network takes {}, the data has {}", own.words(), other.words());
        Err(Error::new(what).remedy(remedy))
    }

    /// Other data as the network takes them.
    pub(super) fn suited(&self, data: &dyn Data) -> Result<Box<dyn Data>> {
        let suited = match &self.spec.input {
            Input::Picture(transform) => data.suited(*transform),
            Input::Text(tokens) => data.tokenized(tokens)?,
            Input::Tensor(_) => data.boxed(),
        };
        self.check_kind(&suited.spec())?;
        Ok(suited)
    }

    /// Freezes the body: only the head trains. Of a detector it is the backbone that is frozen; its pyramid and its head train.
    pub fn freeze(&mut self) -> &mut Learner {
        let backbone = self.network.backbone_parts();
        self.network.freeze_where(|group| group < backbone);
        self.spare_norms();
        self
    }

    /// Makes everything trainable; where there are adapters ([`lora`](Learner::lora)), these and the head, and not the base.
    pub fn unfreeze(&mut self) -> &mut Learner {
        self.network.freeze_where(|_| false);
        self.tell_base_frozen();
        self.spare_norms();
        self
    }

    /// Freezes the groups before number `group` and makes the others trainable; a negative number counts from the
    /// end, the head being -1. Groups are the blocks in order, then the head. fastai's `freeze_to`.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn freeze_to(&mut self, group: isize) -> Result<&mut Learner> {
        let groups = self.network.parts().len();
        let index = if group < 0 { groups.checked_add_signed(group) } else { usize::try_from(group).ok() };
        match index.filter(|index| *index < groups) {
            Some(index) => self.network.freeze_where(|group| group < index),
            None => {
                let parts = self.network.parts().join(", ");
                return Err(Error::new(format!("there is no group {group}: {groups} groups are {parts}"))
                    .remedy(format!("a number from {} to {}", -(groups as isize), groups - 1)));
            }
        }
        self.spare_norms();
        Ok(self)
    }

    /// Makes the part of this name and all after it trainable, and freezes all before it.
    ///
    /// # Errors
    /// When no part has this name; the message lists the names.
    pub fn unfreeze_from(&mut self, part: &str) -> Result<&mut Learner> {
        let index = self.part_index(part)?;
        self.network.freeze_where(|group| group < index);
        self.spare_norms();
        Ok(self)
    }

    /// The number of the part of this name.
    fn part_index(&self, part: &str) -> Result<usize> {
        let parts = self.network.parts();
        parts.iter().position(|name| name == part.trim_end_matches('.')).ok_or_else(|| {
            Error::new(format!("no part of the network is named `{part}`"))
                .remedy(format!("the parts are {}", parts.join(", ")))
        })
    }

    /// Freezes the part of this name and all after it, and makes all before it trainable.
    ///
    /// # Errors
    /// When no part has this name; the message lists the names.
    pub fn freeze_from(&mut self, part: &str) -> Result<&mut Learner> {
        let index = self.part_index(part)?;
        self.network.freeze_where(|group| group >= index);
        self.spare_norms();
        Ok(self)
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network that validates and predicts: the average of the weights where one is kept, else the network itself.
    pub fn judged(&self) -> &Network {
        self.average.as_ref().map_or(&self.network, |average| &average.network)
    }

    /// What it learns.
    pub fn task(&self) -> &dyn Task {
        self.task.as_ref()
    }

    /// What goes into the network, and what it tells.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The names of the classes, of the labels, or of the numbers.
    pub fn classes(&self) -> &[String] {
        self.spec.names()
    }

    /// How a picture becomes numbers.
    ///
    /// # Errors
    /// When no pictures go into the network.
    pub fn transform(&self) -> Result<Transform> {
        self.spec.transform().ok_or_else(|| {
            Error::new(format!("expected a network that takes pictures, found {}", self.spec.input.words()))
                .remedy(match self.spec.tokens() {
                    Some(_) => "of texts there are `learner.predict(\"a text\")?`, `attributions`, `top_losses(9)?` and `SimilarityIndex::of_texts(&learner, &texts)?`",
                    None => "give it what it takes: `learner.answers(&x)?`, a row an example",
                })
        })
    }

    /// Everything that fits have recorded.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What became of each weight that the body started from; `None` for random ones.
    pub fn load_report(&self) -> Option<&LoadReport> {
        self.report.as_ref()
    }

    /// What the optimiser remembers.
    pub fn optimizer_state(&self) -> &Optimizer {
        &self.optimizer
    }

    /// How many pictures' features were taken from those kept, over all fits since they were last computed.
    pub fn features_reused(&self) -> usize {
        self.cache.hits
    }

    pub(super) fn need_data(&self) -> Result<Box<dyn Data>> {
        self.data.as_ref().map(|data| data.boxed()).ok_or_else(|| {
            Error::new("this learner has no data")
                .remedy(
                    "`learner.set_data(&data)?` for the same classes, or `let mut learner = learner.replace_head(&data)?;` for others",
                )
        })
    }
}

/// How pictures are prepared, where it is pictures that go in.
fn pictures(spec: &Spec) -> Result<Transform> {
    spec.transform().ok_or_else(|| {
        let error = Error::new(format!("expected pictures (n, 3, side, side), found {}", spec.input.words()));
        error.remedy(match spec.input.shape()[..] {
            _ if spec.tokens().is_some() => "of texts it is `Learner::text(Bert::minilm()?, &data)?`",
            [1, height, width] if height == width => {
                "a grey picture becomes one of three channels by `images.repeat((1, 3, 1, 1))?`; or bring a network of your own: \
                 `Learner::new(network, task, &data)?`"
            }
            [3, _, _] => "bring the pictures to squares: `images.interpolate2d(64, 64)?`",
            _ => "bring a network of your own that takes them: `Learner::new(network, task, &data)?`",
        })
    })
}

/// How the task makes heads for these data.
pub(super) fn maker(task: &Arc<dyn Task>, spec: &Spec) -> HeadMaker {
    let (task, spec) = (Arc::clone(task), spec.clone());
    HeadMaker::new(move |at, features| task.head(at, features, &spec))
}

/// Refuses a task that is like itself, be it through others: what it does not say has no end.
fn grounded(task: &dyn Task) -> Result<()> {
    let mut last = task;
    for _ in 0..16 {
        match last.like() {
            Some(other) => last = other,
            None => return Ok(()),
        }
    }
    Err(Error::new(format!("the task `{}` is like itself: what it does not say has no end", task.name()))
        .remedy("let `fn like` give another task: `Some(&Classify)`"))
}

/// Says where the data is told to be normalised otherwise than what the network was trained on.
fn tell_if_other(normalize: Normalize, data: &Spec) {
    let said = data.transform().filter(|_| data.said_normalize).map(|transform| transform.normalize);
    if let Some(said) = said.filter(|said| *said != normalize) {
        show::note(&format!(
            "the pictures are normalised to mean {:?} and deviation {:?}, but these weights were trained with mean {:?} and \
             deviation {:?}: they know less so; leave `.normalize(…)` out, and the learner takes the network's own",
            said.mean, said.std, normalize.mean, normalize.std
        ));
    }
}

impl std::fmt::Debug for Learner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let params = self.network.params();
        let trainable: usize = params.trainable().iter().map(|param| param.count()).sum();
        write!(
            f,
            "Learner: {} for {}, {} parameters, {trainable} trainable, {}",
            self.network.name(),
            self.spec.target.words(),
            params.count(),
            count(self.history.epochs.len(), "epoch")
        )
    }
}

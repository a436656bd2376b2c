//! The learner itself: what it owns, how one is made, what is frozen.

use std::path::Path;

use super::average::Average;
use super::cache::FeatureCache;
use super::data::VisionData;
use super::history::History;
use super::optim::Optimizer;
use super::options::Options;
use crate::data::{Fit, Normalize, Transform};
use crate::models::{Arch, IntoStart, Model, Start, Task, Trained, Weights, device};
use crate::params::LoadReport;
use crate::sealed::Sealed;
use crate::{Error, Result, show};

/// A network, its data, its optimiser and its history: the one object that training is driven through.
///
/// See the [room's overview](crate::train) for its verbs.
pub struct Learner {
    pub(super) model: Sealed<Model>,
    pub(super) data: Option<Box<dyn VisionData>>,
    pub(super) classes: Vec<String>,
    pub(super) transform: Transform,
    pub(super) optimizer: Sealed<Optimizer>,
    pub(super) history: Sealed<History>,
    pub(super) cache: Sealed<FeatureCache>,
    pub(super) options: Options,
    /// Epochs begun over all fits: decides order and dropout of the next one.
    pub(super) begun: u64,
    /// The moving average of the weights, where one is kept.
    pub(super) average: Sealed<Option<Average>>,
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
    pub fn vision(arch: impl IntoStart, data: &impl VisionData) -> Result<Learner> {
        Learner::start(arch.into_start(), Task::Classify, data)
    }

    /// The same network from random weights, to compare with.
    ///
    /// # Errors
    /// When the data has fewer than two classes or an option that makes no sense.
    pub fn vision_untrained(arch: Arch, data: &impl VisionData) -> Result<Learner> {
        Learner::vision(arch.untrained(), data)
    }

    /// A network that says one class and one box a picture, for data with boxes; otherwise as [`Learner::vision`].
    ///
    /// # Errors
    /// As [`Learner::vision`], and when a picture has no box.
    pub fn localization(arch: impl IntoStart, data: &impl VisionData) -> Result<Learner> {
        Learner::start(arch.into_start(), Task::Localize, data)
    }

    /// A network that says numbers, such as an age or an angle, for data with numbers; otherwise as [`Learner::vision`].
    /// Its loss is smooth L1, its measure the mean absolute error.
    ///
    /// # Errors
    /// As [`Learner::vision`], and when the data has classes instead of numbers.
    pub fn regression(arch: impl IntoStart, data: &impl VisionData) -> Result<Learner> {
        Learner::start(arch.into_start(), Task::Regress, data)
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
        let count = trained.classes().ok_or_else(|| lacks("holds no head".to_owned()))?;
        let model = Model::new(arch, Task::Classify, count, &device()?, 0)?;
        let report = model.load_all(&trained.tensors, &trained.origin)?;
        if !report.complete() {
            return Err(lacks(format!("does not hold the whole network: {report}")));
        }
        let transform = Transform { size: arch.picture(), fit: Fit::Crop, normalize: arch.normalize() };
        let classes = (0..count).map(|class| format!("class {class}")).collect();
        let mut learner = Learner::assemble(model, classes, transform, None, 0);
        *learner.report = Some(report);
        Ok(learner)
    }

    /// The network of a file that [`save`](Learner::save) wrote, without data: to predict with, or to give a new head.
    ///
    /// # Errors
    /// When the file is missing, damaged, or not written by a learner.
    pub fn open(path: impl AsRef<Path>) -> Result<Learner> {
        Learner::from_trained(Trained::open(path.as_ref())?)
    }

    // Generic functions are compiled in the cell that calls them: they only hand on to others.
    fn start(start: Start, task: Task, data: &dyn VisionData) -> Result<Learner> {
        check_data(task, data)?;
        let classes = data.classes().to_vec();
        let model = Model::cut(start.arch, start.cut, task, classes.len(), &device()?, data.seed())?;
        let mut report = None;
        let mut normalize = start.arch.normalize();
        if let Some(trained) = Trained::for_start(&start)? {
            normalize = trained.normalize().unwrap_or(normalize);
            let loaded = model.load_body(&trained.tensors, &trained.origin)?;
            if let Weights::File(_) = start.weights
                && let Some(remark) = trained.remark(&loaded, classes.len())
            {
                show::note(&remark);
            }
            report = Some(loaded);
            tell_if_other(normalize, data);
        }
        let data = data.suited(Transform { normalize, ..data.transform() });
        let (transform, seed) = (data.transform(), data.seed());
        let mut learner = Learner::assemble(model, classes, transform, Some(data), seed);
        *learner.report = report;
        Ok(learner)
    }

    pub(super) fn assemble(
        model: Model,
        classes: Vec<String>,
        transform: Transform,
        data: Option<Box<dyn VisionData>>,
        seed: u64,
    ) -> Learner {
        Learner {
            model: model.into(),
            data,
            classes,
            transform,
            optimizer: Optimizer::adamw().into(),
            history: History::default().into(),
            cache: FeatureCache::default().into(),
            options: Options::of(seed),
            begun: 0,
            average: None.into(),
            report: None.into(),
        }
    }

    /// The same body, copied, with a new head for other data: the classic step from one set of classes to another.
    /// Where the old head says boxes and the data has them, the part that says *where* is kept, since it does not
    /// depend on the classes. History and optimiser start afresh.
    ///
    /// # Errors
    /// When the data has fewer than two classes or an option that makes no sense.
    pub fn replace_head(&self, data: &impl VisionData) -> Result<Learner> {
        self.with_head_for(data)
    }

    fn with_head_for(&self, data: &dyn VisionData) -> Result<Learner> {
        let task = match self.model.task() {
            _ if data.has_numbers() => Task::Regress,
            Task::Localize if data.has_boxes() => Task::Localize,
            _ => Task::Classify,
        };
        check_data(task, data)?;
        let (classes, old) = (data.classes().to_vec(), self.judged_model());
        let model = Model::cut(old.arch(), old.removed(), task, classes.len(), old.params().device(), data.seed())?;
        let trained = old.params().snapshot()?;
        model.load_body(&trained, "the old network")?;
        model.params().load(&trained, Some("head.box"))?;
        tell_if_other(self.transform.normalize, data);
        let data = data.suited(Transform { normalize: self.transform.normalize, ..data.transform() });
        let (transform, seed) = (data.transform(), data.seed());
        let mut learner = Learner::assemble(model, classes, transform, Some(data), seed);
        *learner.optimizer = Optimizer::of(self.optimizer.rule());
        learner.options = Options { seed, ..self.options };
        Ok(learner)
    }

    /// Trains on other data of the same classes from now on.
    ///
    /// # Errors
    /// When the classes are others, or an option of the data makes no sense.
    pub fn set_data(&mut self, data: &impl VisionData) -> Result<&mut Learner> {
        self.take_data(data)
    }

    fn take_data(&mut self, data: &dyn VisionData) -> Result<&mut Learner> {
        check_data(self.model.task(), data)?;
        if data.classes() != self.classes {
            let what = format!("the head tells {:?} apart, the data has {:?}", self.classes, data.classes());
            return Err(Error::new(what).remedy("give it a new head: `learner.replace_head(&data)?`"));
        }
        self.suit(data, self.transform);
        *self.cache = FeatureCache::default();
        self.average.iter_mut().for_each(|average| average.cache = FeatureCache::default());
        Ok(self)
    }

    /// Takes data as the network wants it; a note says where the data was told otherwise.
    pub(super) fn suit(&mut self, data: &dyn VisionData, network: Transform) {
        tell_if_other(network.normalize, data);
        let data = data.suited(network).reseeded(self.options.seed);
        if data.transform().size != network.size {
            show::note(&format!(
                "the pictures are of {} pixels now, the network has seen {}",
                data.transform().size,
                network.size
            ));
        }
        self.transform = data.transform();
        self.data = Some(data);
    }

    /// Freezes the body: only the head trains.
    pub fn freeze(&mut self) -> &mut Learner {
        self.model.params().freeze_before(self.model.body().len());
        self
    }

    /// Makes everything trainable.
    pub fn unfreeze(&mut self) -> &mut Learner {
        self.model.params().freeze_before(0);
        self
    }

    /// Freezes the groups before number `group` and makes the others trainable; a negative number counts from the
    /// end, the head being -1. Groups are the blocks in order, then the head. fastai's `freeze_to`.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn freeze_to(&mut self, group: isize) -> Result<&mut Learner> {
        let groups = self.model.body().len() + 1;
        let index = if group < 0 { groups.checked_add_signed(group) } else { usize::try_from(group).ok() };
        match index.filter(|index| *index < groups) {
            Some(index) => self.model.params().freeze_before(index),
            None => {
                let parts = self.model.parts().join(", ");
                return Err(Error::new(format!("there is no group {group}: {groups} groups are {parts}"))
                    .remedy(format!("a number from {} to {}", -(groups as isize), groups - 1)));
            }
        }
        Ok(self)
    }

    /// Makes the part of this name and all after it trainable, and freezes all before it.
    ///
    /// # Errors
    /// When no part has this name; the message lists the names.
    pub fn unfreeze_from(&mut self, part: &str) -> Result<&mut Learner> {
        let parts = self.model.parts();
        let Some(index) = parts.iter().position(|name| name == part.trim_end_matches('.')) else {
            return Err(Error::new(format!("no part of the network is named `{part}`"))
                .remedy(format!("the parts are {}", parts.join(", "))));
        };
        self.model.params().freeze_before(index);
        Ok(self)
    }

    /// The network.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The network that validates and predicts: the average of the weights where one is kept, else the network itself.
    pub fn judged_model(&self) -> &Model {
        self.average.as_ref().map_or(&self.model, |average| &average.model)
    }

    /// The names of the classes, or of the numbers.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How a picture becomes numbers.
    pub fn transform(&self) -> Transform {
        self.transform
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

    pub(super) fn need_data(&self) -> Result<Box<dyn VisionData>> {
        self.data.as_ref().map(|data| data.boxed()).ok_or_else(|| {
            Error::new("this learner has no data")
                .remedy("`learner.set_data(&data)?` for the same classes, or `learner.replace_head(&data)?` for others")
        })
    }
}

/// Says where the data is told to be normalised otherwise than what the network was trained on.
fn tell_if_other(normalize: Normalize, data: &dyn VisionData) {
    if let Some(said) = data.said_normalize().filter(|said| *said != normalize) {
        show::note(&format!(
            "the pictures are normalised to mean {:?} and deviation {:?}, but these weights were trained with mean {:?} and \
             deviation {:?}: they know less so; leave `.normalize(…)` out, and the learner takes the network's own",
            said.mean, said.std, normalize.mean, normalize.std
        ));
    }
}

fn check_data(task: Task, data: &dyn VisionData) -> Result<()> {
    data.check()?;
    let classes = data.classes();
    match (task, data.has_numbers()) {
        (Task::Regress, true) => return Ok(()),
        (Task::Regress, false) => {
            return Err(Error::new(format!("the data has classes ({}), but no numbers", classes.join(", "))).remedy(
                "make it with `TensorData::numbers(images, values, &[\"age\"])?`, or use `Learner::vision` for classes",
            ));
        }
        (_, true) => {
            return Err(Error::new(format!("the data has numbers ({}), but no classes", classes.join(", ")))
                .remedy("use `Learner::regression`"));
        }
        (_, false) => {}
    }
    if classes.len() < 2 {
        return Err(Error::new(format!("the data has {} class: {classes:?}", classes.len()))
            .remedy("a classifier needs two classes or more, one folder each"));
    }
    if task == Task::Localize && !data.has_boxes() {
        return Err(Error::new("some pictures of the data have no box")
            .remedy("use `Learner::vision` for classes alone, or give every picture a box"));
    }
    Ok(())
}

impl std::fmt::Debug for Learner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let params = self.model.params();
        let trainable: usize = params.trainable().iter().map(|param| param.count()).sum();
        write!(
            f,
            "Learner: {} for {:?}, {} parameters, {trainable} trainable, {} epochs",
            self.model.arch(),
            self.classes,
            params.count(),
            self.history.epochs.len()
        )
    }
}

//! Learners of boxes: how one starts, and what it looks at.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Device, Tensor};
use image::RgbImage;

use super::inspect::{BoxMeasures, Evaluation};
use super::learner::Learner;
use super::metric::{Measures, Metric, Seen};
use super::predict::{Prediction, diverged};
use super::query::Query;
use super::task::Task;
use super::tasks::{Detect, OnFile, detections, on_files};
use crate::boxes::Detection;
use crate::boxes::measure::{BoxConfusion, CocoEvaluator};
use crate::data::{Data, Fields, Finds, Input, Order, Part, Spec, Target, field, likely_meant};
use crate::layers::Pass;
use crate::models::{DetectorReport, DetectorStart, IntoDetector, Network, Trained, Weights, device};
use crate::params::ParamSet;
use crate::plot::{self, Figure};
use crate::{Error, Result, limits, show};

/// The side of the pictures that the built-in detector has seen.
const SCENES: usize = 160;
/// On so many pictures BatchNorm's statistics are measured.
const MEASURED: usize = 32;

impl Learner {
    /// A detector for data of boxes: its trained weights, with those rows of its head that belong to classes of the data's, and
    /// all of it trainable.
    ///
    /// `detector` may also be `Detector::….untrained()` or `Detector::….weights("file.safetensors")`.
    ///
    /// # Errors
    /// When the weights cannot be read or are another detector's, and when the data has no boxes or an option that makes no sense.
    pub fn detection(detector: impl IntoDetector, data: &impl Data) -> Result<Learner> {
        Learner::start_detection(&detector.into_detector(), data)
    }

    // Not generic, so that a cell does not compile it.
    fn start_detection(start: &DetectorStart, data: &dyn Data) -> Result<Learner> {
        data.check()?;
        let spec = data.spec();
        Detect.check(&spec)?;
        let names = spec.names().to_vec();
        let detector = start.detector;
        let trained = start.trained()?;
        let weights = trained.as_ref().map_or(&[][..], |trained| &trained.tensors);
        let network = Network::detecting_like(ParamSet::on(&device()?, spec.seed), detector, names.len(), weights)?;
        let size = if start.weights == Weights::Scenes { SCENES } else { detector.picture() };
        let data = data.suited(detector.transform(size));
        let mut report = None;
        if let Some(trained) = trained {
            let theirs = alike(&start.alike, classes_of(start, &trained), &names)?;
            let loaded = network.load_detector((&trained.tensors, &trained.origin), &theirs, &names)?;
            if loaded.folded {
                unfold(&network, data.as_ref())?;
            }
            show::note(&told(&loaded, &trained, &names));
            report = Some((trained.origin, loaded.loaded));
        }
        let mut learner = Learner::assemble(network, Arc::new(Detect), data.spec(), Some(data));
        report.into_iter().for_each(|(origin, loaded)| learner.came_from(&origin, loaded));
        Ok(learner)
    }
}

/// The classes that a file's weights tell apart: as the file says, else those of the published ones.
fn classes_of(start: &DetectorStart, trained: &Trained) -> Vec<String> {
    let published = || start.detector.published_classes().iter().map(|name| (*name).to_owned()).collect();
    trained.class_names().unwrap_or_else(published)
}

/// The weights' classes, those that are to start one of one's own under its name.
fn alike(pairs: &[(String, String)], mut theirs: Vec<String>, own: &[String]) -> Result<Vec<String>> {
    for (name, other) in pairs {
        if !own.contains(name) {
            let meant = likely_meant(name, own).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            return Err(Error::new(format!("`.like(\"{name}\", \"{other}\")`: the data has no class `{name}`"))
                .remedy(format!("{meant}its classes are {}", own.join(", "))));
        }
        let Some(at) = theirs.iter().position(|there| there == other) else {
            let meant = likely_meant(other, &theirs).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            return Err(Error::new(format!("`.like(\"{name}\", \"{other}\")`: the weights know no class `{other}`"))
                .remedy(format!("{meant}they know {}", theirs.join(", "))));
        };
        theirs[at].clone_from(name);
    }
    Ok(theirs)
}

/// What became of the weights, in a sentence.
fn told(report: &DetectorReport, trained: &Trained, names: &[String]) -> String {
    let mut text = format!("weights from {}: {} tensors", trained.origin, report.loaded.loaded.len());
    let new: Vec<&str> = names.iter().filter(|name| !report.shared.contains(name)).map(String::as_str).collect();
    if report.shared.is_empty() {
        text += "; what tells the classes apart is new";
    } else if !new.is_empty() {
        text += &format!("; it knows {}, and has to learn {}", report.shared.join(", "), new.join(", "));
    }
    if report.folded {
        text += "; BatchNorm was folded into its convolutions, and has been measured anew on training pictures";
    }
    text
}

/// Gives back BatchNorm's statistics to a network whose convolutions have them folded in: what it says stays as it was, and it can train.
fn unfold(network: &Network, data: &dyn Data) -> Result<()> {
    let mut seen = 0;
    for (round, batch) in data.batches(Part::Train, Order::Epoch(0))?.enumerate() {
        let batch = batch?;
        network.rest(0, &batch.inputs, &Pass::measuring(round + 1))?;
        seen += batch.len();
        if seen >= MEASURED {
            break;
        }
    }
    Ok(())
}

impl Finds for Learner {
    fn find(&self, pictures: &[RgbImage], least: f32) -> Result<Vec<Vec<Detection>>> {
        self.need_boxes("detections")?;
        let transform = self.transform()?;
        if pictures.is_empty() {
            return Ok(Vec::new());
        }
        let tensors = pictures.iter().map(|picture| transform.tensor(picture)).collect::<Result<Vec<_>>>()?;
        let inputs = Fields::of(field::IMAGE, Tensor::stack(&tensors, 0)?);
        let said = self.judged().rest(0, &inputs, &Pass::eval())?.to_device(&Device::Cpu)?;
        for (_, tensor) in said.iter() {
            if !tensor.sum_all()?.to_dtype(candle_core::DType::F32)?.to_scalar::<f32>()?.is_finite() {
                return Err(diverged());
            }
        }
        let sizes: Vec<(u32, u32)> = pictures.iter().map(RgbImage::dimensions).collect();
        detections(&said, &self.spec, transform, &sizes, least)
    }
}

/// Gathers what was found on every picture that is measured, and what is true.
struct PictureGatherer {
    pictures: Arc<Mutex<Vec<OnFile>>>,
    /// Whether what is told of them counts, rather than what is measured.
    told: bool,
}

/// The name of the measure that gathers.
const GATHERED: &str = "pictures";
/// What counts for a confusion reaches this score at least.
const UNSURE: f32 = 0.01;

impl Metric for PictureGatherer {
    fn name(&self) -> &str {
        GATHERED
    }

    fn add(&mut self, seen: &Seen) -> Result<()> {
        let pictures = on_files(seen, UNSURE, self.told)?;
        self.pictures.lock().unwrap_or_else(PoisonError::into_inner).extend(pictures);
        Ok(())
    }

    fn value(&self) -> f64 {
        0.0
    }

    fn reset(&mut self) {
        self.pictures.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Learner {
    /// What was measured on a part, and what was found on each of its pictures.
    pub(super) fn pictures_judged(&mut self, part: Part) -> Result<(Measures, Vec<OnFile>)> {
        let data = self.need_data()?;
        self.pictures_judged_of(data.as_ref(), part)
    }

    /// The same of these data.
    pub(super) fn pictures_judged_of(&mut self, data: &dyn Data, part: Part) -> Result<(Measures, Vec<OnFile>)> {
        self.gathered(data, part, false)
    }

    /// The validation pictures with the boxes that [`detections`](Learner::detections) tells of them.
    pub(super) fn pictures_told(&mut self) -> Result<Vec<OnFile>> {
        let data = self.need_data()?;
        Ok(self.gathered(data.as_ref(), Part::Valid, true)?.1)
    }

    fn gathered(&mut self, data: &dyn Data, part: Part, told: bool) -> Result<(Measures, Vec<OnFile>)> {
        let pictures = Arc::new(Mutex::new(Vec::new()));
        self.metrics.push(Box::new(PictureGatherer { pictures: Arc::clone(&pictures), told }));
        let judged = self.verdicts_of(data, part);
        self.metrics.pop();
        let (mut measures, _) = judged?;
        measures.list.retain(|measure| measure.name != GATHERED);
        if let Some(test) = &mut self.history.test {
            test.measures.list.retain(|measure| measure.name != GATHERED);
        }
        let pictures = std::mem::take(&mut *pictures.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((measures, pictures))
    }

    /// What is measured of so many pictures.
    pub(super) fn evaluated(&self, all: Measures, pictures: &[OnFile]) -> Result<Evaluation> {
        let names = self.classes().to_vec();
        let mut evaluator = CocoEvaluator::new(names.len());
        let mut objects = vec![0; names.len()];
        for picture in pictures {
            evaluator.add(&picture.found, &picture.truth)?;
            for truth in picture.truth.iter().filter(|truth| !truth.crowd) {
                objects.iter_mut().skip(truth.class).take(1).for_each(|count| *count += 1);
            }
        }
        let scores = evaluator.value();
        let rows = names.into_iter().zip(objects).zip(scores.classes);
        let boxes = rows.map(|((name, objects), coco)| BoxMeasures { name, objects, coco }).collect();
        Ok(Evaluation { all, classes: Vec::new(), numbers: Vec::new(), coco: Some(scores.all), boxes })
    }

    /// How often each class is taken for each, the background last: `matrix[truth][said]`.
    pub(super) fn box_confusion(&mut self) -> Result<Vec<Vec<usize>>> {
        let pictures = self.pictures_told()?;
        let count = self.classes().len();
        let mut confusion = BoxConfusion::new(count);
        for picture in &pictures {
            confusion.add(&picture.found, &picture.truth)?;
        }
        let cell = |truth: usize, said: usize| confusion.count(said, truth).unwrap_or(0);
        Ok((0..=count).map(|truth| (0..=count).map(|said| cell(truth, said)).collect()).collect())
    }

    /// What a detector finds in a picture from this score on (0 to 1), in pixels of the picture, the most likely first; `predict` tells what
    /// reaches 0.25.
    ///
    /// # Errors
    /// When the learner is no detector, the score makes no sense, or the picture cannot be read.
    pub fn detections(&self, picture: impl Query, score: f64) -> Result<Vec<Detection>> {
        self.detections_in(picture.pixels_as(self.greys())?, score)
    }

    fn detections_in(&self, picture: RgbImage, score: f64) -> Result<Vec<Detection>> {
        let remedy = "`det.detections(\"icon.jpg\", 0.3)?` tells what is rather likely";
        limits::allow(
            (0.0..=1.0).contains(&score),
            "the `score` of `detections`",
            &score,
            "a share from 0 to 1",
            remedy,
        )?;
        Ok(self.find(&[picture], score as f32)?.pop().unwrap_or_default())
    }

    /// A picture as it was answered before, beside what is said of it now.
    ///
    /// # Errors
    /// When the picture cannot be read.
    pub fn compare(&self, picture: impl Query, before: &Prediction) -> Result<Figure> {
        self.compare_pixels(picture.pixels_as(self.greys())?, before)
    }

    fn compare_pixels(&self, picture: RgbImage, before: &Prediction) -> Result<Figure> {
        if before.picture.as_ref().is_some_and(|before| *before != picture) {
            show::note("the answer from before is of another picture");
        }
        let now = self.predict(picture)?;
        let finds = |one: &Prediction| one.probabilities.is_empty() && one.numbers.is_empty();
        if finds(&now) != finds(before) {
            let told = |one: &Prediction| if finds(one) { "finds things" } else { "tells one answer a picture" };
            return Err(Error::new(format!(
                "the answer from before is of another kind: it {}, this network {}",
                told(before),
                told(&now)
            ))
            .remedy(
                "compare answers of one network: `let before = learner.predict(picture)?`, then train, then `compare`",
            ));
        }
        let caption = |when: &str, one: &Prediction| format!("{when}: {}", one.caption());
        let captions = [caption("before", before), caption("now", &now)];
        Ok(plot::beside(&[before.drawn(), now.drawn()], &captions))
    }

    /// A detector as its weights were trained, to predict with: published ones know COCO's 80 classes.
    ///
    /// # Errors
    /// When the weights cannot be read, or do not hold the whole network.
    pub fn detector(detector: impl IntoDetector) -> Result<Learner> {
        Learner::as_trained(&detector.into_detector())
    }

    fn as_trained(start: &DetectorStart) -> Result<Learner> {
        let Some(trained) = start.trained()? else {
            return Err(Error::new("a detector of random weights finds nothing")
                .remedy("train it: `Learner::detection(detector, &data)?`"));
        };
        if trained.is_a_learners() {
            return Learner::from_trained(trained);
        }
        let classes = classes_of(start, &trained);
        if classes.is_empty() {
            return Err(Error::new(format!("{} holds a body, but no detector: it finds nothing yet", trained.origin))
                .remedy("train one on it: `Learner::detection(detector, &data)?`"));
        }
        let params = ParamSet::on(&device()?, 0);
        let network = Network::detecting_like(params, start.detector, classes.len(), &trained.tensors)?;
        let report = network.load_detector((&trained.tensors, &trained.origin), &classes, &classes)?;
        if !report.loaded.complete() {
            return Err(Error::new(format!("{} does not hold the whole network: {}", trained.origin, report.loaded))
                .remedy("start from it with data: `Learner::detection(detector, &data)?`"));
        }
        let transform = start.detector.transform(start.detector.picture());
        let spec = Spec::new(Input::Picture(transform), Target::Boxes(classes), 0);
        let mut learner = Learner::assemble(network, Arc::new(Detect), spec, None);
        learner.came_from(&trained.origin, report.loaded);
        Ok(learner)
    }
}

//! Any number of things a picture, each of a class and somewhere.

use candle_core::DType;

use super::precision::BoxPrecision;
use super::sightings::{TOLD, found, side_of};
use crate::data::{Batch, Fields, Spec, Target, field};
use crate::detect::{self, BINS, Candidates, Reach, Sighting, TrueBox};
use crate::models::{Head, Shapes};
use crate::params::Scope;
use crate::train::answer::{Answer, Located};
use crate::train::loss::Loss;
use crate::train::metric::Metric;
use crate::train::task::Task;
use crate::{Error, Result};

/// What is told of a picture reaches this score at least.
const SCORE: f32 = 0.25;

/// Any number of things a picture, each of a class and somewhere, measured by COCO's average precision. What a network says decides the
/// loss: YOLOX's (SimOTA, 1 - IoU², binary cross-entropy) where it says `yolox`, YOLOv8's (task-aligned cells, complete IoU, distribution
/// focal loss) where it says `yolov8`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Detect;

impl Task for Detect {
    fn name(&self) -> &str {
        "detect"
    }

    fn says(&self) -> &str {
        field::YOLOX
    }

    fn check(&self, spec: &Spec) -> Result<()> {
        match &spec.target {
            Target::Boxes(names) if !names.is_empty() => Ok(()),
            other => Err(Error::new(format!("the data has {}, but no boxes", other.words())).remedy(
                "read pictures with their boxes: `Boxes::voc(\"folder\")?`, `Boxes::coco(\"file.json\")?`, `Boxes::yolo(\"data.yaml\")?`",
            )),
        }
    }

    fn fits(&self, said: &Fields, spec: &Spec) -> Result<()> {
        let (said, place) = match said.find(field::YOLOV8) {
            Some(said) => (said, 4 * BINS),
            None => (said.get(field::YOLOX)?, 5),
        };
        let (dims, classes) = (said.dims(), spec.names().len());
        match *dims {
            [_, rows, _] if rows == place + classes => Ok(()),
            _ => Err(Error::new(format!("the network says something of the shape {dims:?}"))
                .remedy(format!("for {classes} classes it is to say (n, {}, cells)", place + classes))),
        }
    }

    fn head(&self, _: &Scope, _: &Shapes, _: &Spec) -> Result<Box<dyn Head>> {
        Err(Error::new("a detector stands on a pyramid, which an architecture alone does not have")
            .remedy("start from a detector: `Learner::detection(Detector::YoloxNano, &data)?`"))
    }

    fn loss(&self, said: &Fields, batch: &Batch) -> Result<Loss> {
        let side = side_of(batch)?;
        let truths = in_pixels(batch, side)?;
        if let Some(said) = said.find(field::YOLOV8) {
            let loss = detect::yolov8_loss(said, side, &truths, Reach::default())?;
            return Loss::of(loss.total)?.with_numbers(&[
                ("box", loss.place),
                ("class", loss.class),
                ("edges", loss.edges),
            ]);
        }
        let l1 = batch.targets.find(field::MOSAIC).is_none();
        let loss = detect::yolox_loss(said.get(field::YOLOX)?, side, &truths, Candidates::Centre, l1)?;
        let parts = [("box", loss.place), ("object", loss.object), ("class", loss.class), ("l1", loss.l1)];
        Loss::of(loss.total)?.with_numbers(&parts[..if l1 { 4 } else { 3 }])
    }

    fn losses(&self, said: &Fields, batch: &Batch) -> Result<Vec<f64>> {
        let side = side_of(batch)?;
        let truths = in_pixels(batch, side)?;
        if let Some(said) = said.find(field::YOLOV8) {
            let one = |(at, truth): (usize, Vec<TrueBox>)| {
                let loss = detect::yolov8_loss(&said.detach().narrow(0, at, 1)?, side, &[truth], Reach::default())?;
                Ok(f64::from(loss.total.to_dtype(DType::F32)?.to_scalar::<f32>()?))
            };
            return truths.into_iter().enumerate().map(one).collect();
        }
        let said = said.get(field::YOLOX)?;
        let one = |(at, truth): (usize, Vec<TrueBox>)| {
            let loss = detect::yolox_loss(&said.narrow(0, at, 1)?, side, &[truth], Candidates::Centre, false)?;
            Ok(5.0 * loss.place + loss.object + loss.class)
        };
        truths.into_iter().enumerate().map(one).collect()
    }

    fn answers(&self, said: &Fields, spec: &Spec) -> Result<Vec<Answer>> {
        let side = spec.transform().map_or(0, |transform| transform.size);
        let each = found(said, (side, side), SCORE, TOLD)?.into_iter().map(|found| answer(&found, side, spec));
        Ok(each.collect())
    }

    fn truths(&self, batch: &Batch, spec: &Spec) -> Result<Vec<Answer>> {
        let each = detect::objects(&batch.targets, batch.len())?.into_iter().map(|objects| {
            let boxes = objects.iter().map(|one| Located { bbox: one.bbox, class: one.class, score: 1.0 });
            let text = words(objects.iter().map(|one| one.class), spec, "nothing");
            Answer { score: 1.0, boxes: boxes.collect(), text, ..Answer::default() }
        });
        Ok(each.collect())
    }

    fn metrics(&self, _: &Spec) -> Vec<Box<dyn Metric>> {
        BoxPrecision::pair().map(|metric| Box::new(metric) as Box<dyn Metric>).into()
    }
}

fn answer(found: &[Sighting], side: usize, spec: &Spec) -> Answer {
    let side = side.max(1) as f32;
    let boxes: Vec<Located> = found
        .iter()
        .map(|one| Located { bbox: one.bbox.map(|value| value / side), class: one.class, score: one.score })
        .collect();
    let text = words(found.iter().map(|one| one.class), spec, "nothing found");
    // one that is no number stays one
    let higher = |most: f32, score: f32| if score > most || score.is_nan() { score } else { most };
    let score = found.iter().map(|one| one.score).fold(0.0, higher);
    Answer { score, boxes, text, ..Answer::default() }
}

/// How many of each class: `2 × figure, 1 × book`.
fn words(classes: impl Iterator<Item = usize>, spec: &Spec, none: &str) -> String {
    let mut counts = vec![0; spec.names().len()];
    for class in classes {
        counts.iter_mut().skip(class).take(1).for_each(|count| *count += 1);
    }
    let each = spec.names().iter().zip(counts).filter(|(_, count)| *count > 0);
    let words: Vec<String> = each.map(|(name, count)| format!("{count} × {name}")).collect();
    if words.is_empty() { none.to_owned() } else { words.join(", ") }
}

/// The objects of each picture, in pixels of what the network sees.
fn in_pixels(batch: &Batch, side: (usize, usize)) -> Result<Vec<Vec<TrueBox>>> {
    let each = detect::objects(&batch.targets, batch.len())?.into_iter();
    Ok(each.map(|objects| objects.iter().map(|object| object.on(side)).collect()).collect())
}

//! COCO's average precision as a metric, and what a detector says in pixels of the pictures' own files.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::sightings::{MEASURED, TOLD, found, side_of};
use crate::boxes::measure::CocoEvaluator;
use crate::boxes::{Annotation, BBox, Detection};
use crate::data::{Batch, Fields, Spec, Transform, field};
use crate::detect::{self, Sighting};
use crate::train::metric::{Metric, Seen};
use crate::{Error, Result};

/// What is measured reaches this score at least, as the field has it: average precision counts unsure ones too.
const LEAST: f32 = 0.01;

/// COCO's average precision of boxes: at an overlap of one half (`AP50`), and the mean over overlaps from 0.5 to 0.95 (`AP`). The two of a
/// pair look at each picture once.
pub struct BoxPrecision {
    name: &'static str,
    /// Made with the first batch, which says how many classes there are; shared by both.
    evaluator: Arc<Mutex<Option<CocoEvaluator>>>,
}

impl BoxPrecision {
    /// `AP50`, which looks at the pictures, and `AP`, which reads off what it saw: use both, in this order.
    pub fn pair() -> [BoxPrecision; 2] {
        let evaluator = Arc::new(Mutex::new(None));
        ["AP50", "AP"].map(|name| BoxPrecision { name, evaluator: Arc::clone(&evaluator) })
    }

    fn looks(&self) -> bool {
        self.name == "AP50"
    }

    fn held(&self) -> MutexGuard<'_, Option<CocoEvaluator>> {
        self.evaluator.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Metric for BoxPrecision {
    fn name(&self) -> &str {
        self.name
    }

    fn add(&mut self, seen: &Seen) -> Result<()> {
        if !self.looks() {
            return Ok(());
        }
        let mut held = self.held();
        let evaluator = held.get_or_insert_with(|| CocoEvaluator::new(seen.spec.names().len()));
        for pair in on_files(seen, LEAST, false)? {
            evaluator.add(&pair.found, &pair.truth)?;
        }
        Ok(())
    }

    fn value(&self) -> f64 {
        let Some(all) = self.held().as_ref().map(|evaluator| evaluator.value().all) else { return f64::NAN };
        let value = if self.looks() { all.ap_50 } else { all.ap };
        value.unwrap_or(f64::NAN)
    }

    fn reset(&mut self) {
        *self.held() = None;
    }
}

/// What was found on a picture and what is true of it, in pixels of its file.
pub(in crate::train) struct OnFile {
    /// The example's number.
    pub id: usize,
    /// Width and height of its file.
    pub source: (u32, u32),
    pub found: Vec<Detection>,
    pub truth: Vec<Annotation>,
}

/// What a detector says of a batch, from this score on, beside what is true, in pixels of the pictures' own files: the boxes that are
/// measured, or those that are told, of which fewer overlap.
pub(in crate::train) fn on_files(seen: &Seen, least: f32, told: bool) -> Result<Vec<OnFile>> {
    let Seen { said, batch, spec } = *seen;
    let side = side_of(batch)?;
    let found = found(said, side, least, if told { TOLD } else { MEASURED })?;
    let truths = detect::objects(&batch.targets, batch.len())?;
    let sources = sources(batch, side)?;
    let transform = spec.transform().ok_or_else(|| Error::new("expected a network that takes pictures"))?;
    let place = |bbox: [f32; 4], (width, height): (u32, u32)| transform.to_source(bbox, width, height);
    let each =
        found.into_iter().zip(truths).zip(sources).zip(&batch.ids).map(|(((found, truths), source), id)| OnFile {
            id: *id,
            source,
            found: found.iter().map(|one| detection(one, side, spec, &|bbox| place(bbox, source))).collect(),
            truth: truths
                .iter()
                .map(|one| Annotation { crowd: one.crowd, ..Annotation::new(one.class, place(one.bbox, source)) })
                .collect(),
        });
    Ok(each.collect())
}

/// What a detector says of pictures of these sizes, from this score on, in their own pixels.
pub(in crate::train) fn detections(
    said: &Fields,
    spec: &Spec,
    transform: Transform,
    sizes: &[(u32, u32)],
    least: f32,
) -> Result<Vec<Vec<Detection>>> {
    let side = (transform.size, transform.size);
    let each = found(said, side, least, TOLD)?.into_iter().zip(sizes).map(|(found, (width, height))| {
        let place = |bbox: [f32; 4]| transform.to_source(bbox, *width, *height);
        found.iter().map(|one| detection(one, side, spec, &place)).collect()
    });
    Ok(each.collect())
}

fn detection(
    found: &Sighting,
    (height, width): (usize, usize),
    spec: &Spec,
    place: &dyn Fn([f32; 4]) -> BBox,
) -> Detection {
    let [x, y, w, h] = found.bbox;
    let (width, height) = (width.max(1) as f32, height.max(1) as f32);
    let name = spec.names().get(found.class).cloned().unwrap_or_default();
    Detection::new(found.class, name, found.score, place([x / width, y / height, w / width, h / height]))
}

/// The size of each picture's file; of data that does not say it, that of what the network sees.
fn sources(batch: &Batch, (height, width): (usize, usize)) -> Result<Vec<(u32, u32)>> {
    let told: &Fields = &batch.targets;
    let Some(sources) = told.find(field::SOURCE) else { return Ok(vec![(width as u32, height as u32); batch.len()]) };
    Ok(sources.to_vec2::<f32>()?.iter().map(|row| (row[0] as u32, row[1] as u32)).collect())
}

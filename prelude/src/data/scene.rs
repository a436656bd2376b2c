//! What pictures with boxes feed a detector with: one picture or four put together, moved, turned and lit, and the boxes with them.

use super::annotated::Boxes;
use super::augment::{Augment, Change, GREY};
use super::batches::{Batches, mix};
use super::decoded::Decoded;
use super::feed::{nothing_varies, variant_name};
use super::{
    Batch, BatchIter, Data, Example, Fields, ImageFolder, Known, Order, Part, Provenance, Sample, Spec, Target,
    Transform, field,
};
use crate::boxes::{Annotation, BBox};
use crate::plot::{self, Figure, Mark};
use crate::{Result, limits};
use candle_core::{Device, Tensor};
use image::RgbImage;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::sync::Arc;

impl Boxes {
    /// Shows `count` training pictures (1 to 1000) as the network will see them, varied, with their boxes and classes.
    ///
    /// # Errors
    /// When the count or an option makes no sense, and when no picture can be read.
    pub fn show_batch(&self, count: usize) -> Result<Figure> {
        limits::shown("data.show_batch", count)?;
        self.check_size()?;
        shown(self, count)
    }

    /// A picture beside so many variants of it, as the augmentation makes them, with their boxes; what puts pictures together is left out.
    ///
    /// # Errors
    /// When the count (1 to 1000) or an option makes no sense, there is no such picture, or it cannot be read.
    pub fn show_augmented(&self, id: usize, count: usize) -> Result<Figure> {
        limits::shown_as("data.show_augmented", "(0, 9)", count)?;
        Data::check(self)?;
        self.pictures.picture(id)?;
        let augment = self.pictures.augment.alone();
        if augment.is_none() {
            return Err(nothing_varies());
        }
        let variant = |at: usize| make(self, vec![id], &[id], (at > 0).then_some((augment, (1 << 40) + at as u64)));
        let drawn = (0..=count).map(|at| drawn(self, &variant(at)?, count + 1)).collect::<Result<Vec<_>>>()?;
        let pictures: Vec<_> = drawn.into_iter().flatten().map(|(picture, _)| picture).collect();
        Ok(plot::grid(&pictures, &(0..=count).map(variant_name).collect::<Vec<_>>()))
    }
}

impl Data for Boxes {
    fn spec(&self) -> Spec {
        let target = Target::Boxes(self.classes().to_vec());
        let own = self.pictures.spec();
        let truths = [field::BOX, field::BOX_CLASS, field::BOX_OF, field::BOX_CROWD, field::SOURCE];
        let varies = own.varies || !self.sides.is_empty();
        Spec { truths: truths.map(str::to_owned).to_vec(), target, varies, ..own }
    }

    fn count(&self, part: Part) -> usize {
        Data::count(&self.pictures, part)
    }

    fn batches(&self, part: Part, order: Order) -> Result<BatchIter> {
        self.check_size()?;
        Ok(Box::new(batches(self, part, order)?))
    }

    fn truth_counts(&self, part: Part) -> Option<Vec<usize>> {
        Some(self.counts(part))
    }

    fn augmented_by(&self) -> Option<Augment> {
        self.pictures.augmented_by()
    }

    fn provenance(&self) -> Provenance {
        let mut own = self.pictures.provenance_as("pictures with boxes");
        own.class_counts = [Part::Train, Part::Valid, Part::Test].map(|part| self.counts(part)).to_vec();
        let sides: Vec<String> = self.sides.iter().map(usize::to_string).collect();
        own.augmentation
            .extend((!sides.is_empty()).then(|| format!("pictures of several sides: {}", sides.join(", "))));
        own
    }

    fn group_of(&self, id: usize) -> Option<String> {
        self.pictures.group_name(id)
    }

    fn known_by(&self, part: Part) -> Vec<Known> {
        self.pictures.known_by(part)
    }

    fn example(&self, id: usize) -> Result<Example> {
        self.pictures.example(id)
    }

    fn check(&self) -> Result<()> {
        Data::check(&self.pictures)?;
        self.check_size()
    }

    fn reseeded(&self, seed: u64) -> Box<dyn Data> {
        Box::new(self.clone().seeded(seed))
    }

    fn suited(&self, network: Transform) -> Box<dyn Data> {
        Box::new(Boxes { pictures: ImageFolder::suited(&self.pictures, network), ..self.clone() })
    }

    fn settled(&self) -> Option<Box<dyn Data>> {
        let augment = self.pictures.augmentation();
        let settled = augment.settled();
        (settled != augment).then(|| Box::new(self.clone().augment(settled)) as Box<dyn Data>)
    }
}

/// A box that is left of less than so many pixels teaches nothing.
const LEAST: f32 = 2.0;

/// One picture as the network sees it: its boxes on the square, and the size of its file.
struct SeenScene {
    boxes: Vec<Annotation>,
    source: (u32, u32),
    together: bool,
}

/// A part's pictures: as they are, or in a new order and varied.
fn batches(data: &Boxes, part: Part, order: Order) -> Result<Batches> {
    let mut ids = data.pictures.readable(part)?;
    let all = Arc::new(ids.clone());
    let epoch = match order {
        Order::Given => None,
        Order::Epoch(epoch) => {
            ids.shuffle(&mut ChaCha8Rng::seed_from_u64(mix(data.pictures.seed, epoch, 0)));
            Some(epoch)
        }
    };
    let (data, augment) = (data.clone(), data.pictures.augment);
    let varied = epoch.filter(|_| data.spec().varies).map(|epoch| (augment, epoch));
    let bytes = 12 * data.transform().size * data.transform().size;
    Ok(Batches::start(ids, data.pictures.batch, (epoch.is_some(), bytes), move |ids| make(&data, ids, &all, varied)))
}

/// Makes one batch; `others` are the pictures that may be put beside.
fn make(data: &Boxes, ids: Vec<usize>, others: &[usize], varied: Option<(Augment, u64)>) -> Result<Batch> {
    let loaded: Vec<_> = ids.par_iter().map(|id| data.pictures.load(*id)).collect::<Result<_>>()?;
    let found: Vec<(usize, Arc<Decoded>)> = ids.into_iter().zip(loaded).filter_map(|(id, p)| Some((id, p?))).collect();
    let transform = match varied {
        Some((_, epoch)) => of_some_side(data, epoch, found.first().map_or(0, |(id, _)| *id)),
        None => data.transform(),
    };
    let side = transform.size;
    let area = 3 * side * side;
    let mut values = vec![0.0f32; found.len() * area];
    let seen = values.par_chunks_mut(area).zip(&found).map(|(values, (id, picture))| match varied {
        None => {
            transform.write(&picture.pixels, values);
            let boxes = on_square(data.sample(*id), picture, &transform);
            Ok(SeenScene { boxes: kept(boxes, side, 0.0), source: picture.source, together: false })
        }
        Some((augment, epoch)) => {
            let mut rng = ChaCha8Rng::seed_from_u64(mix(data.pictures.seed, epoch, *id as u64));
            one(data, (*id, picture), others, (augment, &transform), &mut rng, values)
        }
    });
    let seen: Vec<SeenScene> = seen.collect::<Result<_>>()?;
    let n = found.len();
    let inputs = Fields::of(field::IMAGE, Tensor::from_vec(values, (n, 3, side, side), &Device::Cpu)?);
    Ok(Batch { inputs, targets: truth(&seen, side)?, ids: found.into_iter().map(|(id, _)| id).collect() })
}

/// How the pictures of a batch that begins with this one are prepared: all of one side.
fn of_some_side(data: &Boxes, epoch: u64, first: usize) -> Transform {
    let own = data.transform();
    let drawn = mix(data.pictures.seed, epoch, first as u64 ^ 0x5CA1E) as usize;
    let size = data.sides.get(drawn % data.sides.len().max(1)).copied();
    Transform { size: size.unwrap_or(own.size), ..own }
}

/// The boxes of a batch, flat.
fn truth(seen: &[SeenScene], side: usize) -> Result<Fields> {
    let side = side as u32;
    let (mut boxes, mut classes, mut of, mut crowds) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (picture, one) in seen.iter().enumerate() {
        for annotation in &one.boxes {
            boxes.extend(annotation.bbox.to_cxcywh(side, side));
            classes.push(annotation.class as u32);
            of.push(picture as u32);
            crowds.push(u32::from(annotation.crowd));
        }
    }
    let count = classes.len();
    let sources: Vec<f32> = seen.iter().flat_map(|one| [one.source.0 as f32, one.source.1 as f32]).collect();
    let cpu = &Device::Cpu;
    let mut truth = Fields::of(field::BOX, Tensor::from_vec(boxes, (count, 4), cpu)?)
        .with(field::BOX_CLASS, Tensor::from_vec(classes, count, cpu)?)
        .with(field::BOX_OF, Tensor::from_vec(of, count, cpu)?)
        .with(field::BOX_CROWD, Tensor::from_vec(crowds, count, cpu)?)
        .with(field::SOURCE, Tensor::from_vec(sources, (seen.len(), 2), cpu)?);
    if seen.iter().any(|one| one.together) {
        truth.set(field::MOSAIC, Tensor::new(1u32, cpu)?);
    }
    Ok(truth)
}

/// A picture's objects on the network's square, cut at its borders.
fn on_square(sample: &Sample, picture: &Decoded, transform: &Transform) -> Vec<Annotation> {
    let (width, height) = picture.source;
    let moved = |one: &Annotation| Annotation { bbox: transform.to_square(&one.bbox, width, height), ..one.clone() };
    sample.boxes.iter().map(moved).collect()
}

/// The boxes of which enough is left on a square; those of no size are gone.
fn kept(boxes: Vec<Annotation>, side: usize, visible: f32) -> Vec<Annotation> {
    let whole = |one: Annotation| {
        let (before, bbox) = (one.bbox.area(), one.bbox.clip(side as u32, side as u32));
        let enough = bbox.area() > 0.0 && bbox.area() >= visible * before;
        enough.then_some(Annotation { bbox, ..one })
    };
    boxes.into_iter().filter_map(whole).collect()
}

/// One varied picture of the side that `seen` says: its values are written, its boxes given.
fn one(
    data: &Boxes,
    (id, picture): (usize, &Arc<Decoded>),
    others: &[usize],
    (augment, seen): (Augment, &Transform),
    rng: &mut ChaCha8Rng,
    values: &mut [f32],
) -> Result<SeenScene> {
    let transform = data.transform();
    let (own, side) = (transform.size, seen.size);
    let draw = |rng: &mut ChaCha8Rng| augment.draw_on_grey(own, rng).on_side(own, side);
    let source = picture.source;
    let together = augment.mosaic > 0.0 && rng.random_bool(f64::from(augment.mosaic));
    let mut boxes = if together {
        let (square, boxes) = mosaic(data, (id, picture), others, rng)?;
        let change = draw(rng);
        change.write_from(&square, 2 * own, seen, values);
        moved(boxes, &change, (2 * own, side), augment.visible)
    } else {
        let change = draw(rng);
        change.write_from(&picture.pixels, own, seen, values);
        moved(on_square(data.sample(id), picture, &transform), &change, (own, side), augment.visible)
    };
    let mixed = augment.mixup > 0.0 && rng.random_bool(f64::from(augment.mixup));
    if mixed && let Some((other, picture)) = another(data, others, rng)? {
        let change = draw(rng);
        let mut shine = vec![0.0f32; values.len()];
        change.write_from(&picture.pixels, own, seen, &mut shine);
        values.iter_mut().zip(&shine).for_each(|(value, other)| *value = (*value + *other) / 2.0);
        let theirs = on_square(data.sample(other), &picture, &transform);
        boxes.extend(moved(theirs, &change, (own, side), augment.visible));
    }
    Ok(SeenScene { boxes, source, together: together || mixed })
}

/// Boxes where a change puts them, those of which enough stays in sight.
fn moved(boxes: Vec<Annotation>, change: &Change, (from, side): (usize, usize), visible: f32) -> Vec<Annotation> {
    let moved = |one: Annotation| Annotation { bbox: change.bbox_from(&one.bbox, from, side), ..one };
    let boxes = kept(boxes.into_iter().map(moved).collect(), side, visible);
    boxes.into_iter().filter(|one| one.bbox.width() >= LEAST && one.bbox.height() >= LEAST).collect()
}

/// Any other picture that can be read.
fn another(data: &Boxes, others: &[usize], rng: &mut ChaCha8Rng) -> Result<Option<(usize, Arc<Decoded>)>> {
    for _ in 0..8 {
        let id = others[rng.random_range(0..others.len())];
        if let Some(picture) = data.pictures.load(id)? {
            return Ok(Some((id, picture)));
        }
    }
    Ok(None)
}

/// Four pictures around a point of a square of twice the side: the upper left one ends at it, the lower right one begins there.
/// Bochkovskiy et al. 2020 (YOLOv4).
fn mosaic(
    data: &Boxes,
    first: (usize, &Arc<Decoded>),
    others: &[usize],
    rng: &mut ChaCha8Rng,
) -> Result<(Vec<u8>, Vec<Annotation>)> {
    let transform = data.transform();
    let side = transform.size;
    let wide = 2 * side;
    let mut square = vec![GREY; 3 * wide * wide];
    let mut boxes = Vec::new();
    let middle = |rng: &mut ChaCha8Rng| rng.random_range(side / 2..=wide - side / 2) as i32;
    let (x, y) = (middle(rng), middle(rng));
    for corner in 0..4 {
        let chosen = if corner == 0 { Some((first.0, Arc::clone(first.1))) } else { another(data, others, rng)? };
        let Some((id, picture)) = chosen else { continue };
        let (width, height) = picture.source;
        let content = transform.to_square(&BBox::new(0.0, 0.0, width as f32, height as f32), width, height);
        let [x0, y0, x1, y1] = content.to_xyxy().map(|edge| edge.round() as i32);
        // where the picture's own corner comes to lie
        let left = if corner % 2 == 0 { x - x1 } else { x - x0 };
        let top = if corner < 2 { y - y1 } else { y - y0 };
        let columns = (x0.max(-left), x1.min(wide as i32 - left));
        for row in y0.max(-top)..y1.min(wide as i32 - top) {
            if columns.1 > columns.0 {
                let count = 3 * (columns.1 - columns.0) as usize;
                let to = 3 * ((row + top) as usize * wide + (columns.0 + left) as usize);
                let from = 3 * (row as usize * side + columns.0 as usize);
                square[to..to + count].copy_from_slice(&picture.pixels[from..from + count]);
            }
        }
        for one in on_square(data.sample(id), &picture, &transform) {
            let bbox = one.bbox.shift(left as f32, top as f32);
            let own = Annotation { bbox, ..one };
            boxes.extend(kept(vec![own], wide, 0.2));
        }
    }
    Ok((square, boxes))
}

/// Training pictures as the network will see them, with their boxes and classes.
fn shown(data: &Boxes, count: usize) -> Result<Figure> {
    let all = data.pictures.readable(Part::Train)?;
    let mut ids = all.clone();
    ids.shuffle(&mut ChaCha8Rng::seed_from_u64(mix(data.pictures.seed, 1, 1)));
    ids.truncate(count);
    limits::room(ids.len(), data.transform().size)?;
    let augment = data.pictures.augment;
    let batch = make(data, ids, &all, data.spec().varies.then_some((augment, 0)))?;
    if batch.is_empty() {
        return Err(data.pictures.nothing(Part::Train));
    }
    let (pictures, captions): (Vec<_>, Vec<_>) = drawn(data, &batch, batch.len())?.into_iter().unzip();
    Ok(plot::grid(&pictures, &captions))
}

/// A batch's pictures with their boxes and classes as they stand among `count`, and a word on each.
fn drawn(data: &Boxes, batch: &Batch, count: usize) -> Result<Vec<(RgbImage, String)>> {
    let boxes = batch.targets.get(field::BOX)?.to_vec2::<f32>()?;
    let classes = batch.targets.get(field::BOX_CLASS)?.to_vec1::<u32>()?;
    let of = batch.targets.get(field::BOX_OF)?.to_vec1::<u32>()?;
    let images = batch.inputs.get(field::IMAGE)?;
    let side = images.dim(2)?;
    plot::list_classes(data.classes());
    let mut drawn = Vec::new();
    for row in 0..batch.len() {
        let picture = data.pictures.denormalised(&images.get(row)?)?;
        let own = (0..of.len()).filter(|at| of[*at] as usize == row);
        let marks: Vec<Mark> = own
            .map(|at| {
                let [cx, cy, w, h] = std::array::from_fn(|i| boxes[at][i]);
                let bbox = BBox::from_cxcywh([cx, cy, w, h], side as u32, side as u32);
                let class = classes[at] as usize;
                let label = data.classes().get(class).cloned().unwrap_or_default();
                Mark::named(class, label, bbox.to_xyxy())
            })
            .collect();
        let caption = match marks.len() {
            0 => "nothing".to_owned(),
            1 => marks[0].label.clone(),
            count => format!("{count} boxes"),
        };
        drawn.push((plot::draw_thumb(&picture, &marks, count), caption));
    }
    Ok(drawn)
}

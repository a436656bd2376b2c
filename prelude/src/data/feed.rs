//! What a folder feeds a network with: batches of its pictures, and a look at them.

use super::augment::{Mix, mixed};
use super::batches::{Batches, mix};
use super::decoded::Decoded;
use super::evened::evened;
use super::folder::ImageFolder;
use super::truth;
use super::{Augment, Batch, Fields, Normalize, Part, Transform, field};
use crate::boxes::BBox;
use crate::plot::{self, Figure};
use crate::{Error, Result, limits};
use candle_core::{Device, Tensor};
use image::RgbImage;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::sync::Arc;

impl ImageFolder {
    /// The training pictures in a new order for each `epoch`, augmented.
    ///
    /// # Errors
    /// Where an option makes no sense, where no picture can be read, where one cannot and the data set is strict, and
    /// where the user interrupts.
    pub fn train_batches(&self, epoch: u64) -> Result<Batches> {
        self.varied(Part::Train, epoch)
    }

    pub(super) fn varied(&self, part: Part, epoch: u64) -> Result<Batches> {
        let mut ids = self.readable(part)?;
        ids.shuffle(&mut ChaCha8Rng::seed_from_u64(mix(self.seed, epoch, 0)));
        if self.balanced && part == Part::Train {
            ids = self.evened(&ids, epoch);
        }
        let augment = (!self.augment.is_none()).then_some((self.augment, epoch));
        Ok(self.feed(ids, augment, true))
    }

    /// As many numbers as there are `ids`, each class equally often. A picture that comes again has a number of its own, beyond those of
    /// the files, so that it is varied anew.
    fn evened(&self, ids: &[usize], epoch: u64) -> Vec<usize> {
        let drawn = evened(ids, |id| self.samples[id].class, epoch);
        let mut numbers: Vec<usize> = drawn.into_iter().map(|(id, before)| id + before * self.len()).collect();
        numbers.shuffle(&mut ChaCha8Rng::seed_from_u64(mix(self.seed, epoch, 2)));
        numbers
    }

    /// A part's pictures in their order, each varied alone in a way of this `view`; as they are where nothing varies.
    pub(super) fn view(&self, part: Part, view: u64) -> Result<Batches> {
        let augment = self.augment.alone();
        let augment = if augment.is_none() { Augment::standard() } else { augment };
        Ok(self.feed(self.readable(part)?, Some((augment, VIEWS + view)), false))
    }

    /// A picture beside so many variants of it, as the augmentation makes them; what puts pictures together is left out.
    ///
    /// # Errors
    /// Where the count (1 to 1000) or an option makes no sense, there is no such picture, or it cannot be read.
    pub fn show_augmented(&self, id: usize, count: usize) -> Result<Figure> {
        limits::shown_as("data.show_augmented", "(0, 9)", count)?;
        self.check()?;
        self.known(id)?;
        let augment = self.augment.alone();
        if augment.is_none() {
            return Err(nothing_varies());
        }
        let mut pictures = Vec::new();
        for variant in 0..=count as u64 {
            let batch = make(self, vec![id], (variant > 0).then_some((augment, VIEWS + variant)))?;
            if batch.is_empty() {
                let bad = self.store.bad();
                let why = bad.iter().find(|(bad, _)| *bad == id).map_or("", |(_, why)| why);
                return Err(self.unreadable(&self.samples[id].name, why));
            }
            pictures.extend(self.pictures_of(&batch, count + 1)?);
        }
        let captions: Vec<String> = (0..=count).map(variant_name).collect();
        Ok(plot::grid(&pictures, &captions))
    }

    /// What each change of the augmentation does alone to this picture: a column a kind.
    ///
    /// # Errors
    /// Where an option makes no sense, nothing varies, there is no such picture, or it cannot be read.
    pub fn show_augmentations(&self, id: usize) -> Result<Figure> {
        if self.augment.is_none() {
            return Err(nothing_varies());
        }
        let other = if id == 0 { 1 } else { 0 };
        let mut pictures = vec![self.original(id)?];
        pictures.extend(self.original(other).ok());
        self.augment.gallery(&pictures)
    }

    /// The validation pictures in their order, as they are.
    ///
    /// # Errors
    /// As [`batches`](ImageFolder::batches).
    pub fn valid_batches(&self) -> Result<Batches> {
        self.batches(Part::Valid)
    }

    /// A part's pictures in their order, as they are: for measuring, and for features that are computed once.
    ///
    /// # Errors
    /// Where an option makes no sense, where the part has no pictures or none that can be read, where one cannot be
    /// read and the data set is strict, and where the user interrupts.
    pub fn batches(&self, part: Part) -> Result<Batches> {
        Ok(self.feed(self.readable(part)?, None, false))
    }

    /// Shows `count` training pictures (1 to 1000), as the network will see them, with their classes and boxes.
    ///
    /// # Errors
    /// Where the count or an option makes no sense, and where no picture can be read.
    pub fn show_batch(&self, count: usize) -> Result<Figure> {
        self.shown(count, &|id| self.classes[self.samples[id].class].clone())
    }

    /// The same with other words below the pictures.
    pub(super) fn shown(&self, count: usize, caption: &dyn Fn(usize) -> String) -> Result<Figure> {
        limits::shown("data.show_batch", count)?;
        let mut ids = self.readable(Part::Train)?;
        ids.shuffle(&mut ChaCha8Rng::seed_from_u64(mix(self.seed, 1, 1)));
        ids.truncate(count);
        limits::room(ids.len(), self.transform.size)?;
        let augment = (!self.augment.is_none()).then_some((self.augment, 0));
        let batch = make(self, ids, augment)?;
        if batch.is_empty() {
            return Err(self.nothing(Part::Train));
        }
        let captions: Vec<String> = batch.ids.iter().map(|id| caption(*id)).collect();
        Ok(plot::grid(&self.pictures_of(&batch, captions.len())?, &captions))
    }

    /// A batch's pictures as a person sees them among `count`, with the box where there is one each.
    fn pictures_of(&self, batch: &Batch, count: usize) -> Result<Vec<RgbImage>> {
        let side = self.transform.size as u32;
        let boxes = batch.targets.find(field::BOX).map(|boxes| boxes.to_vec2::<f32>()).transpose()?;
        plot::list_classes(&self.classes);
        let mut pictures = Vec::new();
        let images = batch.inputs.get(field::IMAGE)?;
        for (row, id) in batch.ids.iter().enumerate() {
            let mut picture = self.denormalised(&images.get(row)?)?;
            let class = self.samples[*id].class;
            if let Some(boxes) = &boxes {
                let [cx, cy, w, h] = boxes[row][..] else { continue };
                let bbox = BBox::from_cxcywh([cx, cy, w, h], side, side);
                let name = self.classes.get(class).cloned();
                let mark = plot::Mark { name, ..plot::Mark::plain(class, bbox.to_xyxy()) };
                picture = plot::draw_thumb(&picture, &[mark], count);
            }
            pictures.push(picture);
        }
        Ok(pictures)
    }

    /// A normalised picture of the network's size as eight-bit values.
    pub(super) fn denormalised(&self, image: &candle_core::Tensor) -> Result<RgbImage> {
        let side = self.transform.size;
        let values = image.flatten_all()?.to_vec1::<f32>()?;
        let Normalize { mean, std } = self.transform.normalize;
        Ok(RgbImage::from_fn(side as u32, side as u32, |x, y| {
            let value = |c: usize| values[c * side * side + y as usize * side + x as usize] * std[c] + mean[c];
            image::Rgb(std::array::from_fn(|c| (value(c) * 255.0).round().clamp(0.0, 255.0) as u8))
        }))
    }

    fn feed(&self, ids: Vec<usize>, augment: Option<(Augment, u64)>, merge: bool) -> Batches {
        let data = self.clone();
        let bytes = 12 * self.transform.size * self.transform.size;
        Batches::start(ids, self.batch, (merge, bytes), move |ids| make(&data, ids, augment))
    }

    /// Picture number `id`; `None` where it cannot be read and the data set is not strict.
    pub(super) fn load(&self, id: usize) -> Result<Option<Arc<Decoded>>> {
        match self.store.get(id, &self.samples[id]) {
            Ok(picture) => Ok(Some(picture)),
            Err(why) if self.strict => Err(self.unreadable(&self.samples[id].name, &why)),
            Err(_) => {
                self.warn(&self.store.bad());
                Ok(None)
            }
        }
    }
}

/// A picture as it is, and varied alone in other ways: so many views in all.
///
/// # Shapes
/// `(views, 3, size, size)`
pub(crate) fn varied_views(
    picture: &RgbImage,
    transform: &Transform,
    augment: Augment,
    views: usize,
    seed: u64,
) -> Result<Tensor> {
    limits::room(views, transform.size)?;
    transform.normalize.check()?;
    let (square, side, augment) = (transform.square(picture), transform.size, augment.alone());
    let augment = if augment.is_none() { Augment::standard() } else { augment };
    let mut values = vec![0.0f32; views * 3 * side * side];
    values.par_chunks_mut(3 * side * side).enumerate().for_each(|(view, values)| match view {
        0 => transform.write(square.as_raw(), values),
        _ => {
            let mut rng = ChaCha8Rng::seed_from_u64(mix(seed, VIEWS, view as u64));
            augment.draw(side, &mut rng).write(square.as_raw(), transform, values);
        }
    });
    Ok(Tensor::from_vec(values, (views, 3, side, side), &Device::Cpu)?)
}

/// Views are varied as no epoch is.
const VIEWS: u64 = 1 << 40;

/// Where there is nothing to see of an augmentation.
pub(super) fn nothing_varies() -> Error {
    Error::new("these pictures are not varied").remedy("say how: `data.augment(Augment::standard())`")
}

/// The caption of a variant.
pub(super) fn variant_name(variant: usize) -> String {
    if variant == 0 { "as it is".to_owned() } else { format!("variant {variant}") }
}

/// Makes one batch; pictures that cannot be read are left out, or an error where the data set is strict. Numbers beyond those of the
/// files are pictures that come again.
fn make(data: &ImageFolder, numbers: Vec<usize>, augment: Option<(Augment, u64)>) -> Result<Batch> {
    let count = data.len();
    let loaded: Vec<_> = numbers.par_iter().map(|number| data.load(number % count)).collect::<Result<_>>()?;
    let found: Vec<(usize, Arc<Decoded>)> =
        numbers.into_iter().zip(loaded).filter_map(|(number, picture)| Some((number, picture?))).collect();
    let key = |number: usize, epoch: u64| mix(data.seed(), epoch, number as u64);
    let transform = data.transform();
    let side = transform.size;
    let mut values = vec![0.0f32; found.len() * 3 * side * side];
    let boxes: Vec<Option<[f32; 4]>> = values
        .par_chunks_mut(3 * side * side)
        .zip(&found)
        .map(|(values, (number, picture))| {
            let seen = truth::on_square(data.sample(number % count), picture.source, &transform);
            let bbox = match augment {
                Some((augment, epoch)) => {
                    let mut rng = ChaCha8Rng::seed_from_u64(key(*number, epoch));
                    let (change, bbox) = truth::varied(seen, augment, side, &mut rng);
                    change.write(&picture.pixels, &transform, values);
                    bbox
                }
                None => {
                    transform.write(&picture.pixels, values);
                    seen
                }
            };
            bbox.map(|bbox| bbox.to_cxcywh(side as u32, side as u32))
        })
        .collect();
    let n = found.len();
    let boxes: Option<Vec<[f32; 4]>> = if data.has_boxes() { boxes.into_iter().collect() } else { None };
    let mixed = augment.filter(|_| boxes.is_none()).and_then(|(augment, epoch)| {
        let keys: Vec<u64> = found.iter().map(|(number, _)| key(*number, epoch)).collect();
        mixed(&augment, &mut values, side, &keys)
    });
    let inputs = Fields::of(field::IMAGE, Tensor::from_vec(values, (n, 3, side, side), &Device::Cpu)?);
    let ids: Vec<usize> = found.into_iter().map(|(number, _)| number % count).collect();
    let mut targets = truths(data, &ids, mixed.as_ref())?;
    if let Some(boxes) = boxes {
        targets.set(field::BOX, Tensor::from_vec(boxes.concat(), (n, 4), &Device::Cpu)?);
    }
    Ok(Batch { inputs, targets, ids })
}

/// What is true of these pictures: a class each, and of mixed ones each class's share; or a row of labels or numbers.
fn truths(data: &ImageFolder, ids: &[usize], mix: Option<&Mix>) -> Result<Fields> {
    let (n, device) = (ids.len(), &Device::Cpu);
    let together = |rows: &[&[f32]]| mix.map_or_else(|| rows.concat(), |mix| mix.rows(rows));
    if let Some(own) = &data.rows {
        let rows: Vec<&[f32]> = ids.iter().map(|id| own.values[*id].as_slice()).collect();
        return Ok(Fields::of(own.field, Tensor::from_vec(together(&rows), (n, own.names.len()), device)?));
    }
    let classes: Vec<u32> = ids.iter().map(|id| data.sample(*id).class as u32).collect();
    let mut targets = Fields::of(field::CLASS, Tensor::from_vec(classes.clone(), n, device)?);
    if mix.is_some() {
        let width = data.classes().len();
        let one = |class: &u32| (0..width).map(|at| f32::from(u8::from(at == *class as usize))).collect::<Vec<f32>>();
        let rows: Vec<Vec<f32>> = classes.iter().map(one).collect();
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        targets.set(field::SHARES, Tensor::from_vec(together(&rows), (n, width), device)?);
    }
    Ok(targets)
}

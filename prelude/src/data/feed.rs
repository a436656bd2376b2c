//! What a folder feeds a network with: batches of its pictures, and a look at them.

use super::batches::{Batches, mix};
use super::folder::ImageFolder;
use super::store::Decoded;
use super::truth;
use super::{Augment, Batch, Fields, Normalize, Part, field};
use crate::boxes::BBox;
use crate::plot::{self, Figure};
use crate::{Result, limits};
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
        let augment = (!self.augment.is_none()).then_some((self.augment, epoch));
        Ok(self.feed(ids, augment, true))
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
        let side = self.transform.size as u32;
        let boxes = batch.targets.find(field::BOX).map(|boxes| boxes.to_vec2::<f32>()).transpose()?;
        let mut pictures = Vec::new();
        let mut captions = Vec::new();
        let images = batch.inputs.get(field::IMAGE)?;
        for (row, id) in batch.ids.iter().enumerate() {
            let mut picture = self.denormalised(&images.get(row)?)?;
            let class = self.samples[*id].class;
            if let Some(boxes) = &boxes {
                let [cx, cy, w, h] = boxes[row][..] else { continue };
                let bbox = BBox::from_cxcywh([cx, cy, w, h], side, side);
                picture = plot::draw_marks(&picture, &[plot::Mark::plain(class, bbox.to_xyxy())]);
            }
            pictures.push(picture);
            captions.push(caption(*id));
        }
        Ok(plot::grid(&pictures, &captions))
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
        Batches::start(ids, self.batch, merge, move |ids| make(&data, ids, augment))
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

/// Makes one batch; pictures that cannot be read are left out, or an error where the data set is strict.
fn make(data: &ImageFolder, ids: Vec<usize>, augment: Option<(Augment, u64)>) -> Result<Batch> {
    let loaded: Vec<_> = ids.par_iter().map(|id| data.load(*id)).collect::<Result<_>>()?;
    let found: Vec<(usize, Arc<Decoded>)> = ids.into_iter().zip(loaded).filter_map(|(id, p)| Some((id, p?))).collect();
    let transform = data.transform();
    let side = transform.size;
    let mut values = vec![0.0f32; found.len() * 3 * side * side];
    let boxes: Vec<Option<[f32; 4]>> = values
        .par_chunks_mut(3 * side * side)
        .zip(&found)
        .map(|(values, (id, picture))| {
            let seen = truth::on_square(data.sample(*id), picture.source, &transform);
            let bbox = match augment {
                Some((augment, epoch)) => {
                    let mut rng = ChaCha8Rng::seed_from_u64(mix(data.seed(), epoch, *id as u64));
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
    let labels: Vec<u32> = found.iter().map(|(id, _)| data.sample(*id).class as u32).collect();
    let boxes: Option<Vec<[f32; 4]>> = if data.has_boxes() { boxes.into_iter().collect() } else { None };
    let inputs = Fields::of(field::IMAGE, Tensor::from_vec(values, (n, 3, side, side), &Device::Cpu)?);
    let mut targets = Fields::of(field::CLASS, Tensor::from_vec(labels, n, &Device::Cpu)?);
    if let Some(boxes) = boxes {
        targets.set(field::BOX, Tensor::from_vec(boxes.concat(), (n, 4), &Device::Cpu)?);
    }
    Ok(Batch { inputs, targets, ids: found.into_iter().map(|(id, _)| id).collect() })
}

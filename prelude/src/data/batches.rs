//! Batches of tensors, made one ahead in a thread of its own.

use super::Augment;
use super::folder::ImageFolder;
use super::store::Picture;
use crate::sealed::Sealed;
use crate::{Error, Result};
use candle_core::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

/// Some pictures with what they show, ready for a network; on the CPU.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The pictures, normalised: `(n, 3, size, size)`, f32.
    pub images: Tensor,
    /// The classes' indices: `(n)`, u32; or for data with numbers instead of classes, these: `(n, numbers)`, f32.
    pub labels: Tensor,
    /// One box a picture, `[centre x, centre y, width, height]` in shares of the side: `(n, 4)`, f32. Only where
    /// every picture of the data set has a box.
    pub boxes: Option<Tensor>,
    /// The pictures' numbers, for [`ImageFolder::sample`] and [`ImageFolder::picture`].
    pub ids: Vec<usize>,
}

impl Batch {
    /// How many pictures it holds.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// An iterator over the batches of one pass through the pictures.
///
/// The next batch is made while the last one is used. Dropping it early stops that.
pub struct Batches {
    ready: Sealed<Mutex<Receiver<Result<Batch>>>>,
    left: usize,
    pictures: usize,
}

impl Batches {
    /// How many pictures the whole pass shows.
    pub fn pictures(&self) -> usize {
        self.pictures
    }

    /// Starts making batches of `ids`, in that order.
    pub(super) fn start(data: ImageFolder, ids: Vec<usize>, augment: Option<(Augment, u64)>, merge: bool) -> Batches {
        let size = data.batch_size();
        let pictures = ids.len();
        let mut chunks: Vec<Vec<usize>> = ids.chunks(size).map(<[usize]>::to_vec).collect();
        // statistics over one picture alone are no statistics
        if merge && chunks.len() > 1 && chunks.last().is_some_and(|last| last.len() == 1) {
            let last = chunks.pop().unwrap_or_default();
            chunks.last_mut().expect("there was more than one").extend(last);
        }
        let left = chunks.len();
        let (sender, ready) = sync_channel(1);
        std::thread::spawn(move || {
            for chunk in chunks {
                if sender.send(make(&data, chunk, augment)).is_err() {
                    return;
                }
            }
        });
        Batches { ready: Mutex::new(ready).into(), left, pictures }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        self.left = self.left.checked_sub(1)?;
        let gone = |_| Err(Error::new("the thread that reads pictures ended early"));
        Some(self.ready.get_mut().expect("no panic while receiving").recv().unwrap_or_else(gone))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Batches {}

/// Makes one batch; pictures that cannot be read are left out, or an error where the data set is strict.
fn make(data: &ImageFolder, ids: Vec<usize>, augment: Option<(Augment, u64)>) -> Result<Batch> {
    let loaded: Vec<_> = ids.par_iter().map(|id| data.load(*id)).collect::<Result<_>>()?;
    let found: Vec<(usize, Arc<Picture>)> = ids.into_iter().zip(loaded).filter_map(|(id, p)| Some((id, p?))).collect();
    let transform = data.transform();
    let side = transform.size;
    let mut values = vec![0.0f32; found.len() * 3 * side * side];
    let boxes: Vec<Option<[f32; 4]>> = values
        .par_chunks_mut(3 * side * side)
        .zip(&found)
        .map(|(values, (id, picture))| {
            let bbox = data.sample(*id).boxes.first().map(|annotation| {
                let (width, height) = picture.source;
                transform.to_square(&annotation.bbox, width, height)
            });
            let bbox = match augment {
                Some((augment, epoch)) => {
                    let mut rng = ChaCha8Rng::seed_from_u64(mix(data.seed(), epoch, *id as u64));
                    let mut change = augment.draw(side, &mut rng);
                    // an object that was moved out of sight teaches the wrong box
                    for _ in 0..8 {
                        if bbox.is_none_or(|bbox| change.bbox(&bbox, side).area() >= 0.6 * bbox.area()) {
                            break;
                        }
                        change = augment.draw(side, &mut rng);
                    }
                    change.write(&picture.pixels, &transform, values);
                    bbox.map(|bbox| change.bbox(&bbox, side))
                }
                None => {
                    transform.write(&picture.pixels, values);
                    bbox
                }
            };
            bbox.map(|bbox| bbox.to_cxcywh(side as u32, side as u32))
        })
        .collect();
    let n = found.len();
    let labels: Vec<u32> = found.iter().map(|(id, _)| data.sample(*id).class as u32).collect();
    let boxes: Option<Vec<[f32; 4]>> = if data.has_boxes() { boxes.into_iter().collect() } else { None };
    Ok(Batch {
        images: Tensor::from_vec(values, (n, 3, side, side), &Device::Cpu)?,
        labels: Tensor::from_vec(labels, n, &Device::Cpu)?,
        boxes: boxes.map(|b| Tensor::from_vec(b.concat(), (n, 4), &Device::Cpu)).transpose()?,
        ids: found.into_iter().map(|(id, _)| id).collect(),
    })
}

/// One number of three, well mixed (the finaliser of SplitMix64).
pub(super) fn mix(a: u64, b: u64, c: u64) -> u64 {
    let mut z = a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ c.wrapping_mul(0xd1b5_4a32_d192_ed03);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

//! What a learner wants of its data, and data that is already in tensors.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use image::RgbImage;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::data::{Batch, Fields, Fit, ImageFolder, Normalize, Part, Transform, field};
use crate::params::name_seed;
use crate::show::{Describe, Description};
use crate::{Error, Result, limits};

/// Batches, one after another.
pub type BatchIter = Box<dyn Iterator<Item = Result<Batch>>>;

/// What a learner wants of pictures with classes; [`ImageFolder`] and [`TensorData`] give it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no data that a learner can train on",
    label = "expected a data set, such as `ImageFolder` or `TensorData`",
    note = "pictures in folders, one folder a class: `let data = ImageFolder::open(\"photos\")?.split(0.2, 42)?;`",
    note = "pictures that are tensors already: `let data = TensorData::new(images, labels, &[\"cat\", \"dog\"])?;`"
)]
pub trait VisionData {
    /// The names of the classes, in the order of their indices; or of the numbers, where there are numbers.
    fn classes(&self) -> &[String];
    /// Whether pictures have numbers instead of classes.
    fn has_numbers(&self) -> bool {
        false
    }
    /// How a picture becomes numbers.
    fn transform(&self) -> Transform;
    /// Whether every picture has a box.
    fn has_boxes(&self) -> bool;
    /// Whether a training picture looks different each time, so that its features cannot be kept.
    fn varies(&self) -> bool;
    /// The seed of everything random.
    fn seed(&self) -> u64;
    /// How many pictures a part has.
    fn count(&self, part: Part) -> usize;
    /// The training pictures in a new order for each epoch.
    ///
    /// # Errors
    /// When no picture can be read, or the user interrupts.
    fn train_batches(&self, epoch: u64) -> Result<BatchIter>;
    /// A part's pictures in their order, as they are.
    ///
    /// # Errors
    /// When no picture can be read, or the user interrupts.
    fn batches(&self, part: Part) -> Result<BatchIter>;
    /// A picture as the network sees it.
    ///
    /// # Errors
    /// When it cannot be read.
    fn picture(&self, id: usize) -> Result<RgbImage>;
    /// What to call a picture.
    fn name(&self, id: usize) -> String;
    /// Refuses options that make no sense, such as a batch of no pictures, by name.
    ///
    /// # Errors
    /// When there is one.
    fn check(&self) -> Result<()> {
        Ok(())
    }
    /// The normalisation that a person has said of the data; `None` where it may be the network's.
    fn said_normalize(&self) -> Option<Normalize> {
        None
    }
    /// A copy for a learner to own.
    fn boxed(&self) -> Box<dyn VisionData>;
    /// A copy for a learner to own, whose order and whatever else is random come from this seed.
    fn reseeded(&self, _seed: u64) -> Box<dyn VisionData> {
        self.boxed()
    }
    /// A copy for a learner to own, with the size and the normalisation of its network where nobody has said others.
    fn suited(&self, _network: Transform) -> Box<dyn VisionData> {
        self.boxed()
    }
}

impl VisionData for ImageFolder {
    fn classes(&self) -> &[String] {
        ImageFolder::classes(self)
    }

    fn transform(&self) -> Transform {
        ImageFolder::transform(self)
    }

    fn has_boxes(&self) -> bool {
        ImageFolder::has_boxes(self)
    }

    fn varies(&self) -> bool {
        !self.augmentation().is_none()
    }

    fn seed(&self) -> u64 {
        ImageFolder::seed(self)
    }

    fn count(&self, part: Part) -> usize {
        self.ids(part).len()
    }

    fn train_batches(&self, epoch: u64) -> Result<BatchIter> {
        Ok(Box::new(ImageFolder::train_batches(self, epoch)?))
    }

    fn batches(&self, part: Part) -> Result<BatchIter> {
        Ok(Box::new(ImageFolder::batches(self, part)?))
    }

    fn picture(&self, id: usize) -> Result<RgbImage> {
        ImageFolder::picture(self, id)
    }

    fn name(&self, id: usize) -> String {
        self.sample(id).name.clone()
    }

    fn check(&self) -> Result<()> {
        ImageFolder::check(self)
    }

    fn said_normalize(&self) -> Option<Normalize> {
        ImageFolder::said_normalize(self)
    }

    fn boxed(&self) -> Box<dyn VisionData> {
        Box::new(self.clone())
    }

    fn reseeded(&self, seed: u64) -> Box<dyn VisionData> {
        Box::new(self.clone().seeded(seed))
    }

    fn suited(&self, network: Transform) -> Box<dyn VisionData> {
        Box::new(ImageFolder::suited(self, network))
    }
}

/// Pictures that are already numbers: for data of one's own making.
///
/// ```
/// use candlewick_prelude::train::TensorData;
/// use candle_core::{Device, Tensor};
/// let images = Tensor::randn(0f32, 1.0, (20, 3, 64, 64), &Device::Cpu)?;
/// let labels: Vec<u32> = (0..20).map(|i| i % 2).collect();
/// let data = TensorData::new(images, labels, &["day", "night"])?.split(0.25, 42)?.batch(5);
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TensorData {
    images: Tensor,
    labels: Tensor,
    boxes: Option<Tensor>,
    classes: Vec<String>,
    parts: HashMap<Part, Vec<usize>>,
    transform: Transform,
    said_normalize: bool,
    batch: usize,
    seed: u64,
}

/// What a cell compiles of the names that it gives.
fn owned(names: &[impl AsRef<str>]) -> Vec<String> {
    names.iter().map(|name| name.as_ref().to_owned()).collect()
}

impl TensorData {
    /// Pictures, their classes' indices, and the classes' names; all for training until [`split`](TensorData::split).
    ///
    /// # Shapes
    /// `images` (n, 3, side, side), n labels
    ///
    /// # Errors
    /// When the shapes do not fit together, or a label has no name.
    pub fn new(images: Tensor, labels: Vec<u32>, classes: &[impl AsRef<str>]) -> Result<TensorData> {
        TensorData::labelled(images, labels, &owned(classes))
    }

    fn labelled(images: Tensor, labels: Vec<u32>, classes: &[String]) -> Result<TensorData> {
        let (n, channels, height, width) = images.dims4()?;
        if channels != 3 || height != width || n != labels.len() || n == 0 {
            let what = format!(
                "expected pictures (n, 3, side, side) and n labels, found {:?} and {}",
                images.dims(),
                labels.len()
            );
            return Err(Error::new(what).remedy("stack the pictures along a new first dimension"));
        }
        if let Some(label) = labels.iter().find(|label| **label as usize >= classes.len()) {
            let what = format!("label {label} has no name: {} classes are named", classes.len());
            return Err(Error::new(what).remedy("labels count from 0; name every class"));
        }
        TensorData::of(&images, Tensor::from_vec(labels, n, &Device::Cpu)?, classes)
    }

    /// Pictures and the numbers to be told from them, for [`Learner::regression`](super::Learner::regression): a row a
    /// picture, a name a column. Numbers of about -1 to 1 train best.
    ///
    /// # Shapes
    /// `images` (n, 3, side, side), `values` (n, names)
    ///
    /// # Errors
    /// When the shapes do not fit together, or a value is no number.
    pub fn numbers(images: Tensor, values: Tensor, names: &[impl AsRef<str>]) -> Result<TensorData> {
        TensorData::numbered(images, values, &owned(names))
    }

    fn numbered(images: Tensor, values: Tensor, names: &[String]) -> Result<TensorData> {
        let (n, channels, height, width) = images.dims4()?;
        if channels != 3 || height != width || n == 0 || names.is_empty() || values.dims() != [n, names.len()] {
            let what = format!(
                "expected pictures (n, 3, side, side) and values (n, {}), found {:?} and {:?}",
                names.len(),
                images.dims(),
                values.dims()
            );
            return Err(Error::new(what).remedy("give each picture a row of values, and each column a name"));
        }
        let values = values.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.contiguous()?.detach();
        if let Some(at) = values.flatten_all()?.to_vec1::<f32>()?.iter().position(|value| !value.is_finite()) {
            let what = format!("`{}` of picture {} is no number", names[at % names.len()], at / names.len());
            return Err(Error::new(what).remedy("leave the picture out, or give it a value"));
        }
        TensorData::of(&images, values, names)
    }

    fn of(images: &Tensor, labels: Tensor, classes: &[String]) -> Result<TensorData> {
        let (n, _, side, _) = images.dims4()?;
        Ok(TensorData {
            images: images.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.contiguous()?.detach(),
            labels,
            boxes: None,
            classes: classes.to_vec(),
            parts: HashMap::from([(Part::Train, (0..n).collect())]),
            transform: Transform { size: side, fit: Fit::Stretch, normalize: Normalize::none() },
            said_normalize: false,
            batch: 32,
            seed: 42,
        })
    }

    fn len(&self) -> usize {
        self.images.dims()[0]
    }

    /// One box a picture, `[centre x, centre y, width, height]` in shares of the side: (n, 4).
    ///
    /// # Errors
    /// When the shape is another one.
    pub fn boxes(mut self, boxes: Tensor) -> Result<TensorData> {
        if boxes.dims() != [self.len(), 4] {
            return Err(Error::new(format!("expected boxes ({}, 4), found {:?}", self.len(), boxes.dims()))
                .remedy("give each picture a row `[centre x, centre y, width, height]`, in shares of the side"));
        }
        self.boxes = Some(boxes.to_dtype(DType::F32)?.contiguous()?.detach());
        Ok(self)
    }

    /// Keeps a share of the pictures for validation, chosen by `seed`.
    ///
    /// # Errors
    /// When the share is not between 0 and 1, or nothing would be left on one side.
    pub fn split(mut self, fraction: f64, seed: u64) -> Result<TensorData> {
        limits::split(fraction)?;
        let mut ids: Vec<usize> = (0..self.len()).collect();
        ids.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let valid = (ids.len() as f64 * fraction).round() as usize;
        if valid == 0 || valid >= ids.len() {
            let what = format!("{fraction} of {} pictures leaves one side empty", ids.len());
            return Err(Error::new(what).remedy("choose a share between 0 and 1, such as 0.2"));
        }
        let train = ids.split_off(valid);
        self.parts = HashMap::from([(Part::Train, train), (Part::Valid, ids)]);
        self.seed = seed;
        Ok(self)
    }

    /// How many pictures go through the network at once, 1 or more (32 unless told).
    pub fn batch(mut self, pictures: usize) -> TensorData {
        self.batch = pictures;
        self
    }

    /// The seed of the order of pictures, and of the learner.
    pub fn seeded(mut self, seed: u64) -> TensorData {
        self.seed = seed;
        self
    }

    /// The normalisation that the numbers went through, so that pictures can be shown and predicted.
    pub fn normalized(mut self, normalize: Normalize) -> TensorData {
        self.transform.normalize = normalize;
        self.said_normalize = true;
        self
    }

    fn iterate(&self, ids: Vec<usize>) -> Result<BatchIter> {
        VisionData::check(self)?;
        let data = self.clone();
        let mut chunks: Vec<Vec<usize>> = ids.chunks(self.batch).map(<[usize]>::to_vec).collect();
        // statistics over one picture alone are no statistics
        if chunks.len() > 1 && chunks.last().is_some_and(|last| last.len() == 1) {
            let last = chunks.pop().unwrap_or_default();
            chunks.last_mut().expect("there was more than one").extend(last);
        }
        Ok(Box::new(chunks.into_iter().map(move |ids| data.gather(ids))))
    }

    fn gather(&self, ids: Vec<usize>) -> Result<Batch> {
        let n = ids.len();
        let index = Tensor::from_vec(ids.iter().map(|id| *id as u32).collect(), n, &Device::Cpu)?;
        let truth = if VisionData::has_numbers(self) { field::NUMBERS } else { field::CLASS };
        let mut targets = Fields::of(truth, self.labels.index_select(&index, 0)?);
        if let Some(boxes) = &self.boxes {
            targets.set(field::BOX, boxes.index_select(&index, 0)?);
        }
        Ok(Batch { inputs: Fields::of(field::IMAGE, self.images.index_select(&index, 0)?), targets, ids })
    }
}

impl Describe for TensorData {
    fn describe(&self) -> Description {
        let Description { shape, bytes } = self.images.describe();
        Description { shape: format!("{shape}, {} classes", self.classes.len()), bytes }
    }
}

impl VisionData for TensorData {
    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn has_numbers(&self) -> bool {
        self.labels.rank() == 2
    }

    fn transform(&self) -> Transform {
        self.transform
    }

    fn has_boxes(&self) -> bool {
        self.boxes.is_some()
    }

    fn varies(&self) -> bool {
        false
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn count(&self, part: Part) -> usize {
        self.parts.get(&part).map_or(0, Vec::len)
    }

    fn train_batches(&self, epoch: u64) -> Result<BatchIter> {
        let mut ids = self.parts.get(&Part::Train).cloned().unwrap_or_default();
        ids.shuffle(&mut ChaCha8Rng::seed_from_u64(name_seed(self.seed, &format!("order of epoch {epoch}"))));
        self.iterate(ids)
    }

    fn batches(&self, part: Part) -> Result<BatchIter> {
        self.iterate(self.parts.get(&part).cloned().unwrap_or_default())
    }

    fn picture(&self, id: usize) -> Result<RgbImage> {
        let side = self.transform.size;
        let values = self.images.get(id)?.flatten_all()?.to_vec1::<f32>()?;
        let Normalize { mean, std } = self.transform.normalize;
        Ok(RgbImage::from_fn(side as u32, side as u32, |x, y| {
            let at = |channel: usize| values[(channel * side + y as usize) * side + x as usize];
            let byte = |channel: usize| ((at(channel) * std[channel] + mean[channel]) * 255.0).round() as u8;
            image::Rgb([byte(0), byte(1), byte(2)])
        }))
    }

    fn name(&self, id: usize) -> String {
        format!("picture {id}")
    }

    fn check(&self) -> Result<()> {
        limits::some("`batch`", self.batch, "pictures", "32 are usual: `.batch(32)`")?;
        self.transform.normalize.check()
    }

    fn said_normalize(&self) -> Option<Normalize> {
        self.said_normalize.then_some(self.transform.normalize)
    }

    fn reseeded(&self, seed: u64) -> Box<dyn VisionData> {
        Box::new(self.clone().seeded(seed))
    }

    fn boxed(&self) -> Box<dyn VisionData> {
        Box::new(self.clone())
    }
}

//! Data that is already in tensors.

use std::collections::{HashMap, HashSet};

use candle_core::{DType, Device, Tensor};
use image::RgbImage;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::provenance::put_aside_words;
use super::{
    Batch, BatchIter, Data, Example, Fields, Greys, Input, Normalize, Order, Part, Provenance, ResizeMethod, Spec,
    Target, Transform, field,
};
use crate::params::name_seed;
use crate::show::{Describe, Description};
use crate::words::{count, does};
use crate::{Error, Result, limits};

/// Examples that are already numbers: pictures, or rows of a table, signals, whatever has a shape.
///
/// ```
/// use candlewick_prelude::data::TensorData;
/// use candle_core::{Device, Tensor};
/// let images = Tensor::randn(0f32, 1.0, (20, 3, 64, 64), &Device::Cpu)?;
/// let labels: Vec<u32> = (0..20).map(|i| i % 2).collect();
/// let data = TensorData::new(images, labels, &["day", "night"])?.split(0.25, 42)?.batch(5);
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "gives data, which are dropped here; bind it: `let data = …;`"]
pub struct TensorData {
    inputs: Tensor,
    pub(super) truth: Tensor,
    boxes: Option<Tensor>,
    input: Input,
    pub(super) target: Target,
    pub(super) parts: HashMap<Part, Vec<usize>>,
    said_normalize: bool,
    pub(super) batch: usize,
    pub(super) seed: u64,
    /// How the parts came about, a sentence each.
    pub(super) splits: Vec<(Part, String)>,
}

/// What a cell compiles of the names that it gives.
fn owned(names: &[impl AsRef<str>]) -> Vec<String> {
    names.iter().map(|name| name.as_ref().to_owned()).collect()
}

impl TensorData {
    /// Examples, their classes' indices, and the classes' names; all for training until [`split`](TensorData::split).
    ///
    /// # Shapes
    /// `inputs` (n, 3, side, side) for pictures, else (n, …); n labels
    ///
    /// # Errors
    /// When the shapes do not fit together, or a label has no name.
    pub fn new(inputs: Tensor, labels: Vec<u32>, classes: &[impl AsRef<str>]) -> Result<TensorData> {
        TensorData::labelled(&inputs, labels, owned(classes))
    }

    fn labelled(inputs: &Tensor, labels: Vec<u32>, classes: Vec<String>) -> Result<TensorData> {
        let n = labels.len();
        check_rows(inputs, n, &count(n, "label"))?;
        if let Some(label) = labels.iter().find(|label| **label as usize >= classes.len()) {
            let what = format!("label {label} has no name: {} named", does(classes.len(), "class", "is", "are"));
            return Err(Error::new(what).remedy("labels count from 0; name every class"));
        }
        TensorData::of(inputs, Tensor::from_vec(labels, n, &Device::Cpu)?, Target::Class(classes))
    }

    /// Examples and the numbers to be told from them, for [`Learner::regression`](crate::train::Learner::regression): a row
    /// an example, a name a column. Numbers of about -1 to 1 train best.
    ///
    /// # Shapes
    /// `inputs` as for [`new`](TensorData::new), `values` (n, names)
    ///
    /// # Errors
    /// When the shapes do not fit together, or a value is no number.
    pub fn numbers(inputs: Tensor, values: Tensor, names: &[impl AsRef<str>]) -> Result<TensorData> {
        TensorData::numbered(&inputs, &values, Target::Numbers(owned(names)))
    }

    /// Examples and the labels that apply to each, any number of them: a row an example, 1 where the label of the column
    /// applies and 0 where it does not.
    ///
    /// # Shapes
    /// `inputs` as for [`new`](TensorData::new), `truth` (n, names)
    ///
    /// # Errors
    /// When the shapes do not fit together, or a value is another one.
    pub fn labels(inputs: Tensor, truth: Tensor, names: &[impl AsRef<str>]) -> Result<TensorData> {
        TensorData::several(&inputs, &truth, Target::Classes(owned(names)))
    }

    fn several(inputs: &Tensor, truth: &Tensor, target: Target) -> Result<TensorData> {
        let data = TensorData::numbered(inputs, truth, target)?;
        let names = data.target.names();
        let values = data.truth.flatten_all()?.to_vec1::<f32>()?;
        if let Some(at) = values.iter().position(|value| ![0.0, 1.0].contains(value)) {
            let (name, row) = (&names[at % names.len()], at / names.len());
            return Err(Error::new(format!("`{name}` of example {row} is {}; expected 0 or 1", values[at]))
                .remedy("write 1 where the label applies, and 0 where it does not"));
        }
        Ok(data)
    }

    fn numbered(inputs: &Tensor, values: &Tensor, target: Target) -> Result<TensorData> {
        let (n, names) = (inputs.dims().first().copied().unwrap_or(0), target.names());
        if names.is_empty() || values.dims() != [n, names.len()] {
            let what = format!(
                "expected a row for each of {n} examples and a column for each of {} names, found values of {:?}",
                names.len(),
                values.dims()
            );
            return Err(Error::new(what).remedy("give each example a row of values, and each column a name"));
        }
        let values = values.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.contiguous()?.detach();
        if let Some(at) = values.flatten_all()?.to_vec1::<f32>()?.iter().position(|value| !value.is_finite()) {
            let what = format!("`{}` of example {} is no number", names[at % names.len()], at / names.len());
            return Err(Error::new(what).remedy("leave the example out, or give it a value"));
        }
        check_rows(inputs, n, &format!("{} of values", count(n, "row")))?;
        TensorData::of(inputs, values, target)
    }

    fn of(inputs: &Tensor, truth: Tensor, target: Target) -> Result<TensorData> {
        let names = target.names();
        if let Some((_, name)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            let what = format!("two of the {} names are `{name}`", names.len());
            return Err(Error::new(what).remedy("give each class, label or number a name of its own"));
        }
        let input = match *inputs.dims() {
            [_, 3, height, width] if height == width => Input::Picture(Transform {
                size: width,
                resize: ResizeMethod::Stretch,
                normalize: Normalize::none(),
                greys: Greys::Whole,
            }),
            _ => Input::Tensor(inputs.dims()[1..].to_vec()),
        };
        Ok(TensorData {
            // pictures and other measures are f32; whole numbers, such as the indices of words, stay what they are
            inputs: match inputs.dtype().is_float() || matches!(input, Input::Picture(_)) {
                true => inputs.to_dtype(DType::F32)?,
                false => inputs.clone(),
            }
            .to_device(&Device::Cpu)?
            .contiguous()?
            .detach(),
            truth,
            boxes: None,
            input,
            target,
            parts: HashMap::from([(Part::Train, (0..inputs.dims()[0]).collect())]),
            said_normalize: false,
            batch: 32,
            seed: 42,
            splits: Vec::new(),
        })
    }

    /// How many examples there are, all parts together.
    pub fn len(&self) -> usize {
        self.inputs.dims()[0]
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the classes, labels or numbers.
    pub fn names(&self) -> &[String] {
        self.target.names()
    }

    /// The training examples, in a new order for each epoch.
    ///
    /// # Errors
    /// When an option makes no sense.
    pub fn train_batches(&self, epoch: u64) -> Result<BatchIter> {
        Data::batches(self, Part::Train, Order::Epoch(epoch))
    }

    /// A part's examples in their order.
    ///
    /// # Errors
    /// When an option makes no sense.
    pub fn batches(&self, part: Part) -> Result<BatchIter> {
        Data::batches(self, part, Order::Given)
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
        let boxes = boxes.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.contiguous()?.detach();
        let fits = |row: &[f32]| {
            let [cx, cy, w, h] = row[..] else { return false };
            [cx, cy].iter().all(|at| (0.0..=1.0).contains(at)) && [w, h].iter().all(|side| *side > 0.0 && *side <= 1.0)
        };
        if let Some((row, bbox)) = boxes.to_vec2::<f32>()?.iter().enumerate().find(|(_, row)| !fits(row)) {
            return Err(Error::new(format!("the box of picture {row} is {bbox:?}"))
                .remedy("expected `[centre x, centre y, width, height]` in shares of the side, from 0 to 1: pixels are divided by it"));
        }
        self.boxes = Some(boxes);
        Ok(self)
    }

    /// Keeps a share of the pictures for validation, chosen by `seed`. What is [held out](TensorData::hold_out) stays so.
    ///
    /// # Errors
    /// When the share is not between 0 and 1, or nothing would be left on one side.
    pub fn split(mut self, fraction: f64, seed: u64) -> Result<TensorData> {
        limits::split(fraction)?;
        let held = self.parts.remove(&Part::Test).unwrap_or_default();
        let mut ids: Vec<usize> = {
            let held: HashSet<usize> = held.iter().copied().collect();
            (0..self.len()).filter(|id| !held.contains(id)).collect()
        };
        ids.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let valid = (ids.len() as f64 * fraction).round() as usize;
        if valid == 0 || valid >= ids.len() {
            let what = format!("{fraction} of {} pictures leaves one side empty", ids.len());
            return Err(Error::new(what).remedy("choose a share between 0 and 1, such as 0.2"));
        }
        let train = ids.split_off(valid);
        self.parts = HashMap::from([(Part::Train, train), (Part::Valid, ids), (Part::Test, held)]);
        self.seed = seed;
        Ok(self.told(Part::Valid, put_aside_words(fraction, seed, Part::Valid, "of the examples")))
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
    ///
    /// Of data that are no pictures it says nothing.
    pub fn normalized(mut self, normalize: Normalize) -> TensorData {
        if let Input::Picture(transform) = &mut self.input {
            transform.normalize = normalize;
            self.said_normalize = true;
        }
        self
    }

    fn iterate(&self, ids: Vec<usize>) -> Result<BatchIter> {
        Data::check(self)?;
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
        let mut targets = Fields::of(self.target.field(), self.truth.index_select(&index, 0)?);
        if let Some(boxes) = &self.boxes {
            targets.set(field::BOX, boxes.index_select(&index, 0)?);
        }
        Ok(Batch { inputs: Fields::of(self.input.field(), self.inputs.index_select(&index, 0)?), targets, ids })
    }

    /// The picture of these numbers.
    fn picture(&self, id: usize, Transform { size, normalize, .. }: Transform) -> Result<RgbImage> {
        let values = self.inputs.get(id)?.flatten_all()?.to_vec1::<f32>()?;
        let Normalize { mean, std } = normalize;
        Ok(RgbImage::from_fn(size as u32, size as u32, |x, y| {
            let at = |channel: usize| values[(channel * size + y as usize) * size + x as usize];
            let byte = |channel: usize| ((at(channel) * std[channel] + mean[channel]) * 255.0).round() as u8;
            image::Rgb([byte(0), byte(1), byte(2)])
        }))
    }
}

/// Refuses examples that are not so many, none, or of no shape.
fn check_rows(inputs: &Tensor, rows: usize, beside: &str) -> Result<()> {
    if inputs.rank() > 1 && inputs.dims()[0] == rows && inputs.elem_count() > 0 {
        return Ok(());
    }
    let what = format!(
        "expected pictures (n, 3, side, side) or other examples (n, …), a row for each of {beside}, found {:?}",
        inputs.dims()
    );
    Err(Error::new(what).remedy(match *inputs.dims() {
        [] | [_] => "stack the examples along a new first dimension: `Tensor::stack(&examples, 0)?`".to_owned(),
        _ if inputs.elem_count() == 0 => "there is no example: check what the tensor was made of".to_owned(),
        [count, ..] => format!("there are {count} examples along the first dimension: give each of them its own truth"),
    }))
}

impl Describe for TensorData {
    fn describe(&self) -> Description {
        let Description { shape, bytes } = self.inputs.describe();
        let what = if matches!(self.target, Target::Numbers(_)) { "numbers" } else { "classes" };
        Description { shape: format!("{shape}, {} {what}", self.names().len()), bytes }
    }
}

impl Data for TensorData {
    fn spec(&self) -> Spec {
        let mut spec = Spec::new(self.input.clone(), self.target.clone(), self.seed);
        spec.truths.extend(self.boxes.is_some().then(|| field::BOX.to_owned()));
        Spec { said_normalize: self.said_normalize, ..spec }
    }

    fn count(&self, part: Part) -> usize {
        self.parts.get(&part).map_or(0, Vec::len)
    }

    fn batches(&self, part: Part, order: Order) -> Result<BatchIter> {
        let mut ids = self.parts.get(&part).cloned().unwrap_or_default();
        if let Order::Epoch(epoch) = order {
            ids.shuffle(&mut ChaCha8Rng::seed_from_u64(name_seed(self.seed, &format!("order of epoch {epoch}"))));
        }
        self.iterate(ids)
    }

    fn provenance(&self) -> Provenance {
        self.origin()
    }

    fn example(&self, id: usize) -> Result<Example> {
        let (name, picture) = match self.input {
            Input::Picture(transform) => (format!("picture {id}"), Some(self.picture(id, transform)?)),
            Input::Tensor(_) | Input::Text(_) => (format!("example {id}"), None),
        };
        Ok(Example { name, picture, ..Example::default() })
    }

    fn check(&self) -> Result<()> {
        limits::some("`batch`", self.batch, "examples", "32 are usual: `.batch(32)`")?;
        self.spec().transform().map_or(Ok(()), |transform| transform.normalize.check())
    }

    fn reseeded(&self, seed: u64) -> Box<dyn Data> {
        Box::new(self.clone().seeded(seed))
    }
}

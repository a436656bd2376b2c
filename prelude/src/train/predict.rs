//! What a network says of one picture.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use image::{DynamicImage, RgbImage};

use super::answer::Answer;
use super::learner::Learner;
use crate::boxes::Detection;
use crate::data::{Fields, Greys, Input, Spec, Transform, read_picture, read_picture_as, to_rgb, to_rgb_as};
use crate::layers::Pass;
use crate::plot::{self, Mark};
use crate::show::{Bundle, Show, Steps};
use crate::{Error, Result};

/// What can be predicted on: a path, or a picture.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no picture",
    label = "expected the path of a picture file, or a picture",
    note = "a path is text or a `PathBuf`: `learner.predict(\"new.jpg\")?`; a picture is the `image` crate's `RgbImage` \
            or `DynamicImage`",
    note = "several pictures at once: `learner.predict_all(&[\"one.jpg\", \"two.jpg\"])?`"
)]
pub trait Picture {
    /// The picture's pixels.
    ///
    /// # Errors
    /// When a file cannot be read or is no picture.
    fn pixels(&self) -> Result<RgbImage>;

    /// The same with the greys of sixteen bits brought to eight as a network's pictures are.
    ///
    /// # Errors
    /// As [`pixels`](Picture::pixels).
    fn pixels_as(&self, _greys: Greys) -> Result<RgbImage> {
        self.pixels()
    }
}

macro_rules! picture_of_path {
    ($($path:ty),*) => {
        $(impl Picture for $path {
            fn pixels(&self) -> Result<RgbImage> {
                read_picture(self)
            }

            fn pixels_as(&self, greys: Greys) -> Result<RgbImage> {
                read_picture_as(self, greys)
            }
        })*
    };
}
picture_of_path!(str, String, Path, PathBuf);

impl Picture for RgbImage {
    fn pixels(&self) -> Result<RgbImage> {
        Ok(self.clone())
    }
}

impl Picture for DynamicImage {
    fn pixels(&self) -> Result<RgbImage> {
        Ok(to_rgb(self))
    }

    fn pixels_as(&self, greys: Greys) -> Result<RgbImage> {
        Ok(to_rgb_as(self, greys))
    }
}

impl<T: Picture + ?Sized> Picture for &T {
    fn pixels(&self) -> Result<RgbImage> {
        T::pixels(self)
    }

    fn pixels_as(&self, greys: Greys) -> Result<RgbImage> {
        T::pixels_as(self, greys)
    }
}

/// What a network says of one picture. A cell that ends with it shows the picture with label and boxes.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// What it says in words: the most likely class, the labels that apply, or the numbers.
    pub label: String,
    /// The index of the most likely class.
    pub class: usize,
    /// How likely it is, from 0 to 1.
    pub score: f32,
    /// Every class with its probability, the most likely first.
    pub probabilities: Vec<(String, f32)>,
    /// The labels that apply, where several can.
    pub labels: Vec<String>,
    /// What stands where, in pixels of the picture, where the network says so.
    pub boxes: Vec<Detection>,
    /// The numbers that the network says, by name, where it says numbers instead of a class.
    pub numbers: Vec<(String, f32)>,
    /// The picture.
    pub picture: RgbImage,
}

impl Prediction {
    pub(super) fn of(answer: Answer, picture: RgbImage, spec: &Spec, transform: &Transform) -> Prediction {
        let (width, height) = picture.dimensions();
        let name = |class: usize| spec.names().get(class).cloned().unwrap_or_default();
        let mut order: Vec<usize> = (0..answer.shares.len()).collect();
        order.sort_by(|a, b| answer.shares[*b].total_cmp(&answer.shares[*a]));
        let boxes = answer.boxes.iter().map(|one| {
            let bbox = transform.to_source(one.bbox, width, height).clip(width, height);
            Detection::new(one.class, name(one.class), one.score, bbox)
        });
        if !answer.boxes.is_empty() {
            plot::list_classes(spec.names());
        }
        Prediction {
            label: answer.words(spec),
            class: answer.class.unwrap_or(0),
            score: answer.score,
            probabilities: order.iter().map(|class| (name(*class), answer.shares[*class])).collect(),
            labels: answer.labels.iter().flatten().map(|label| name(*label)).collect(),
            boxes: boxes.collect(),
            numbers: answer.numbers.iter().enumerate().map(|(at, value)| (name(at), *value)).collect(),
            picture,
        }
    }

    /// The first object as a detection, where the network says where it stands.
    pub fn detection(&self) -> Option<Detection> {
        self.boxes.first().cloned()
    }

    /// The picture with the boxes drawn on it.
    pub fn drawn(&self) -> RgbImage {
        match self.boxes.is_empty() {
            false => plot::draw_marks(&self.picture, &self.boxes.iter().map(Mark::from).collect::<Vec<_>>()),
            true => self.picture.clone(),
        }
    }

    /// The picture with its boxes as it stands among so many.
    pub(super) fn thumb(&self, count: usize) -> RgbImage {
        match self.boxes.is_empty() {
            false => plot::draw_thumb(&self.picture, &self.boxes.iter().map(Mark::from).collect::<Vec<_>>(), count),
            true => self.picture.clone(),
        }
    }

    /// The label and its probability, `truck 93 %`; the labels, or the numbers, `age 31.200`.
    pub fn caption(&self) -> String {
        let one_class = !self.probabilities.is_empty() && self.labels.is_empty() && self.label != "none";
        if one_class { format!("{} {:.0} %", self.label, self.score * 100.0) } else { self.label.clone() }
    }
}

impl Show for Prediction {
    fn bundle(&self) -> Bundle {
        let rest = self.probabilities.iter().take(5);
        let rest: Vec<String> = rest.map(|(name, share)| format!("{name} {:.1} %", share * 100.0)).collect();
        let text = if rest.is_empty() { self.label.clone() } else { rest.join("\n") };
        match self.boxes.is_empty() {
            false => plot::overlay(&self.picture, &self.boxes).bundle(),
            true => plot::grid(std::slice::from_ref(&self.picture), &[self.caption()]).bundle(),
        }
        .text(text)
    }
}

/// The next pictures that go through the network together, if there are more.
fn chunk(pictures: &mut dyn Iterator<Item = Result<RgbImage>>, steps: &Steps) -> Result<Option<Vec<RgbImage>>> {
    let mut chunk = Vec::new();
    for picture in pictures.take(32) {
        // Only where there is more to do: what is done is not lost.
        steps.step()?;
        chunk.push(picture?);
    }
    Ok((!chunk.is_empty()).then_some(chunk))
}

/// Refuses answers that are no numbers.
fn check(answers: &[Answer]) -> Result<()> {
    if answers.iter().all(Answer::is_finite) {
        return Ok(());
    }
    Err(diverged())
}

/// What to say of a network whose answer is no number.
pub(super) fn diverged() -> Error {
    Error::new("the network's answer is no number: it has diverged")
        .remedy("load a checkpoint, or make the network anew and train it with a lower rate, or `learner.clip(1.0)`")
}

impl Learner {
    /// What the network says of a picture: a path, or a picture of the `image` crate, of any size.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn predict(&self, picture: impl Picture) -> Result<Prediction> {
        let mut predictions = self.predict_each(&mut std::iter::once(picture.pixels_as(self.greys())), 1)?;
        Ok(predictions.pop().expect("one for each picture"))
    }

    /// What the network says of each picture.
    ///
    /// # Errors
    /// When a file cannot be read, and when the user interrupts.
    pub fn predict_all(&self, pictures: &[impl Picture]) -> Result<Vec<Prediction>> {
        let greys = self.greys();
        self.predict_each(&mut pictures.iter().map(|picture| picture.pixels_as(greys)), pictures.len())
    }

    /// How the network's pictures of sixteen bits are brought to eight.
    pub(super) fn greys(&self) -> Greys {
        self.spec.transform().map_or(Greys::Whole, |transform| transform.greys)
    }

    // Not generic, so that a cell that calls the verbs does not compile it.
    fn predict_each(
        &self,
        pictures: &mut dyn Iterator<Item = Result<RgbImage>>,
        count: usize,
    ) -> Result<Vec<Prediction>> {
        let transform = self.transform()?;
        let mut predictions = Vec::new();
        let steps = Steps::new("predicting", count);
        while let Some(chunk) = chunk(pictures, &steps)? {
            let tensors = chunk.iter().map(|pixels| transform.tensor(pixels)).collect::<Result<Vec<_>>>()?;
            let answers = self.answers(&Tensor::stack(&tensors, 0)?)?;
            let each = answers.into_iter().zip(chunk);
            predictions.extend(each.map(|(answer, picture)| Prediction::of(answer, picture, &self.spec, &transform)));
        }
        Ok(predictions)
    }

    /// What the network says of examples that are tensors already, a row each; `answer.words(learner.spec())` tells one in words.
    ///
    /// # Shapes
    /// (n, …), as the data have them
    ///
    /// # Errors
    /// When the shape does not fit, and when the answer is no number.
    pub fn answers(&self, inputs: &Tensor) -> Result<Vec<Answer>> {
        let wanted: Vec<usize> = match &self.spec.input {
            Input::Tensor(dims) => dims.clone(),
            _ => inputs.dims().get(1..).unwrap_or_default().to_vec(),
        };
        if inputs.dims().get(1..) != Some(&wanted[..]) {
            let rows: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            return Err(Error::new(format!(
                "expected examples in rows (n, {}), found {:?}",
                rows.join(", "),
                inputs.dims()
            ))
            .remedy("one example alone is a row too: `x.unsqueeze(0)?`"));
        }
        // as the data's own numbers are taken
        let inputs = if inputs.dtype() == DType::F64 { inputs.to_dtype(DType::F32)? } else { inputs.clone() };
        let inputs = Fields::of(self.spec.input.field(), inputs);
        let said = self.judged().rest(0, &inputs, &Pass::eval())?.to_device(&Device::Cpu)?;
        let answers = self.task.answers(&said, &self.spec)?;
        check(&answers)?;
        Ok(answers)
    }

    /// The body's features of a picture, averaged over it: a row of numbers that stands for what it shows. Pictures of
    /// alike things have rows that point in alike directions.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn embed(&self, picture: impl Picture) -> Result<Vec<f32>> {
        self.embed_one(picture.pixels_as(self.greys())?)
    }

    /// The features of each picture, a row each.
    ///
    /// # Shapes
    /// n pictures → (n, channels)
    ///
    /// # Errors
    /// When there is no picture or a file cannot be read, and when the user interrupts.
    pub fn embed_all(&self, pictures: &[impl Picture]) -> Result<Tensor> {
        let greys = self.greys();
        self.embed_each(&mut pictures.iter().map(|picture| picture.pixels_as(greys)), pictures.len())
    }

    fn embed_one(&self, picture: RgbImage) -> Result<Vec<f32>> {
        Ok(self.embed_each(&mut std::iter::once(Ok(picture)), 1)?.squeeze(0)?.to_vec1()?)
    }

    // Not generic, as above.
    fn embed_each(&self, pictures: &mut dyn Iterator<Item = Result<RgbImage>>, count: usize) -> Result<Tensor> {
        let transform = self.transform()?;
        let mut rows = Vec::new();
        let steps = Steps::new("embedding", count);
        while let Some(chunk) = chunk(pictures, &steps)? {
            let tensors = chunk.iter().map(|picture| transform.tensor(picture));
            rows.push(self.judged().embed(&Tensor::stack(&tensors.collect::<Result<Vec<_>>>()?, 0)?)?);
        }
        if rows.is_empty() {
            return Err(Error::new("there is no picture to embed").remedy("give one or more"));
        }
        Ok(Tensor::cat(&rows, 0)?.to_device(&Device::Cpu)?)
    }
}

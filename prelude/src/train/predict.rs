//! What a network says of one picture.

use std::path::{Path, PathBuf};

use candle_core::{D, Device, Tensor};
use image::{DynamicImage, RgbImage};

use super::learner::Learner;
use crate::boxes::{BBox, Detection};
use crate::data::{field, read_picture, to_rgb};
use crate::layers::Pass;
use crate::models::Task;
use crate::plot::{self, Mark};
use crate::show::{Bundle, Show};
use crate::{Error, Result, ops};

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
}

macro_rules! picture_of_path {
    ($($path:ty),*) => {
        $(impl Picture for $path {
            fn pixels(&self) -> Result<RgbImage> {
                read_picture(self)
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
}

impl<T: Picture + ?Sized> Picture for &T {
    fn pixels(&self) -> Result<RgbImage> {
        T::pixels(self)
    }
}

/// What a network says of one picture. A cell that ends with it shows the picture with label and box.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// The most likely class.
    pub label: String,
    /// Its index.
    pub class: usize,
    /// How likely it is, from 0 to 1.
    pub score: f32,
    /// Every class with its probability, the most likely first.
    pub probabilities: Vec<(String, f32)>,
    /// Where the object stands, in pixels of the picture, where the network says so.
    pub bbox: Option<BBox>,
    /// The numbers that the network says, by name, where it says numbers instead of a class.
    pub numbers: Vec<(String, f32)>,
    /// The picture.
    pub picture: RgbImage,
}

impl Prediction {
    /// The object as a detection, where the network says where it stands.
    pub fn detection(&self) -> Option<Detection> {
        Some(Detection::new(self.class, self.label.clone(), self.score, self.bbox?))
    }

    /// The picture with the box drawn on it.
    pub fn drawn(&self) -> RgbImage {
        match self.detection() {
            Some(detection) => plot::draw_marks(&self.picture, &[Mark::from(&detection)]),
            None => self.picture.clone(),
        }
    }

    /// The label and its probability, `truck 93 %`; or the numbers, `age 31.200`.
    pub fn caption(&self) -> String {
        if !self.numbers.is_empty() {
            return self.label.clone();
        }
        format!("{} {:.0} %", self.label, self.score * 100.0)
    }
}

impl Show for Prediction {
    fn bundle(&self) -> Bundle {
        if !self.numbers.is_empty() {
            let bundle = plot::grid(std::slice::from_ref(&self.picture), &[self.caption()]).bundle();
            return bundle.text(self.label.clone());
        }
        let rest = self.probabilities.iter().take(5);
        let rest: Vec<String> = rest.map(|(name, share)| format!("{name} {:.1} %", share * 100.0)).collect();
        match self.detection() {
            Some(detection) => plot::overlay(&self.picture, &[detection]).bundle(),
            None => plot::grid(std::slice::from_ref(&self.picture), &[self.caption()]).bundle(),
        }
        .text(rest.join("\n"))
    }
}

/// The next pictures that go through the network together, if there are more.
fn chunk(pictures: &mut dyn Iterator<Item = Result<RgbImage>>) -> Result<Option<Vec<RgbImage>>> {
    let chunk = pictures.take(32).collect::<Result<Vec<_>>>()?;
    if chunk.is_empty() {
        return Ok(None);
    }
    // Only where there is more to do: what is done is not lost.
    crate::interrupt::check()?;
    Ok(Some(chunk))
}

/// Refuses answers that are no numbers.
fn numbers(rows: &[Vec<f32>]) -> Result<()> {
    if rows.concat().iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(Error::new("the network's answer is no number: it has diverged")
        .remedy("load a checkpoint, or make the network anew and train it with a lower rate, or `learner.clip(1.0)`"))
}

impl Learner {
    /// What the network says of a picture: a path, or a picture of the `image` crate, of any size.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn predict(&self, picture: impl Picture) -> Result<Prediction> {
        let mut predictions = self.predict_each(&mut std::iter::once(picture.pixels()))?;
        Ok(predictions.pop().expect("one for each picture"))
    }

    /// What the network says of each picture.
    ///
    /// # Errors
    /// When a file cannot be read, and when the user interrupts.
    pub fn predict_all(&self, pictures: &[impl Picture]) -> Result<Vec<Prediction>> {
        self.predict_each(&mut pictures.iter().map(Picture::pixels))
    }

    // Not generic, so that a cell that calls the verbs does not compile it.
    fn predict_each(&self, pictures: &mut dyn Iterator<Item = Result<RgbImage>>) -> Result<Vec<Prediction>> {
        let mut predictions = Vec::new();
        while let Some(chunk) = chunk(pictures)? {
            let tensors = chunk.iter().map(|pixels| self.transform.tensor(pixels)).collect::<Result<Vec<_>>>()?;
            let said = self.judged_model().forward(&Tensor::stack(&tensors, 0)?, &Pass::eval())?;
            if self.model.task() == Task::Regress {
                let told = said.get(field::NUMBERS)?.to_vec2::<f32>()?;
                numbers(&told)?;
                let rows = chunk.into_iter().zip(told);
                predictions.extend(rows.map(|(picture, numbers)| self.told(picture, &numbers)));
                continue;
            }
            let shares = ops::softmax(said.get(field::LOGITS)?, D::Minus1)?.to_vec2::<f32>()?;
            numbers(&shares)?;
            let boxes = said.find(field::BOX).map(|boxes| boxes.to_vec2::<f32>()).transpose()?;
            for (index, (picture, shares)) in chunk.into_iter().zip(shares).enumerate() {
                let (width, height) = picture.dimensions();
                let bbox = boxes.as_ref().map(|boxes| {
                    let [cx, cy, w, h] = std::array::from_fn(|value| boxes[index][value]);
                    self.transform.to_source([cx, cy, w, h], width, height).clip(width, height)
                });
                predictions.push(self.prediction(picture, &shares, bbox));
            }
        }
        Ok(predictions)
    }

    /// The body's features of a picture, averaged over it: a row of numbers that stands for what it shows. Pictures of
    /// alike things have rows that point in alike directions.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn embed(&self, picture: impl Picture) -> Result<Vec<f32>> {
        self.embed_one(picture.pixels()?)
    }

    /// The features of each picture, a row each.
    ///
    /// # Shapes
    /// n pictures → (n, channels)
    ///
    /// # Errors
    /// When there is no picture or a file cannot be read, and when the user interrupts.
    pub fn embed_all(&self, pictures: &[impl Picture]) -> Result<Tensor> {
        self.embed_each(&mut pictures.iter().map(Picture::pixels))
    }

    fn embed_one(&self, picture: RgbImage) -> Result<Vec<f32>> {
        Ok(self.embed_each(&mut std::iter::once(Ok(picture)))?.squeeze(0)?.to_vec1()?)
    }

    // Not generic, as above.
    fn embed_each(&self, pictures: &mut dyn Iterator<Item = Result<RgbImage>>) -> Result<Tensor> {
        let mut rows = Vec::new();
        while let Some(chunk) = chunk(pictures)? {
            let tensors = chunk.iter().map(|picture| self.transform.tensor(picture));
            rows.push(self.judged_model().embed(&Tensor::stack(&tensors.collect::<Result<Vec<_>>>()?, 0)?)?);
        }
        if rows.is_empty() {
            return Err(Error::new("there is no picture to embed").remedy("give one or more"));
        }
        Ok(Tensor::cat(&rows, 0)?.to_device(&Device::Cpu)?)
    }

    fn told(&self, picture: RgbImage, numbers: &[f32]) -> Prediction {
        let numbers: Vec<(String, f32)> = self.classes.iter().cloned().zip(numbers.iter().copied()).collect();
        let words: Vec<String> = numbers.iter().map(|(name, value)| format!("{name} {value:.3}")).collect();
        let (probabilities, bbox) = (Vec::new(), None);
        Prediction { label: words.join(", "), class: 0, score: 1.0, probabilities, bbox, numbers, picture }
    }

    fn prediction(&self, picture: RgbImage, shares: &[f32], bbox: Option<BBox>) -> Prediction {
        let mut order: Vec<usize> = (0..shares.len()).collect();
        order.sort_by(|a, b| shares[*b].total_cmp(&shares[*a]));
        let class = order.first().copied().unwrap_or(0);
        Prediction {
            label: self.classes[class].clone(),
            class,
            score: shares[class],
            probabilities: order.iter().map(|class| (self.classes[*class].clone(), shares[*class])).collect(),
            bbox,
            numbers: Vec::new(),
            picture,
        }
    }
}

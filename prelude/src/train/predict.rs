//! What a network says of one picture or text.

use candle_core::{DType, Device, Tensor};
use image::RgbImage;

use super::answer::Answer;
use super::learner::Learner;
use super::query::{Asked, Query, tell_cut};
use crate::boxes::Detection;
use crate::data::{Fields, Greys, Input, Spec};
use crate::layers::Pass;
use crate::plot::{self, Mark};
use crate::show::{Bundle, Show, Steps};
use crate::{Error, Result};

/// What a network says of one picture or text. A cell that ends with it shows the picture with label and boxes, or the text with what is
/// said of it.
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
    /// The picture, where it is one.
    pub picture: Option<RgbImage>,
    /// The text, where it is one; of a pair both, parted by ` / `.
    pub text: Option<String>,
}

impl Prediction {
    pub(super) fn of(answer: Answer, asked: Asked, spec: &Spec) -> Prediction {
        let name = |class: usize| spec.names().get(class).cloned().unwrap_or_default();
        let mut order: Vec<usize> = (0..answer.shares.len()).collect();
        order.sort_by(|a, b| answer.shares[*b].total_cmp(&answer.shares[*a]));
        let (picture, text) = match asked {
            Asked::Picture(picture) => (Some(picture), None),
            Asked::Text(one, None) => (None, Some(one)),
            Asked::Text(one, Some(other)) => (None, Some(format!("{one} / {other}"))),
        };
        let boxes = answer.boxes.iter().filter_map(|one| {
            let (width, height) = picture.as_ref()?.dimensions();
            let bbox = spec.transform()?.to_source(one.bbox, width, height).clip(width, height);
            Some(Detection::new(one.class, name(one.class), one.score, bbox))
        });
        let boxes: Vec<Detection> = boxes.collect();
        if !answer.boxes.is_empty() {
            plot::list_classes(spec.names());
        }
        Prediction {
            label: answer.words(spec),
            class: answer.class.unwrap_or(0),
            score: answer.score,
            probabilities: order.iter().map(|class| (name(*class), answer.shares[*class])).collect(),
            labels: answer.labels.iter().flatten().map(|label| name(*label)).collect(),
            boxes,
            numbers: answer.numbers.iter().enumerate().map(|(at, value)| (name(at), *value)).collect(),
            picture,
            text,
        }
    }

    /// The first object as a detection, where the network says where it stands.
    pub fn detection(&self) -> Option<Detection> {
        self.boxes.first().cloned()
    }

    /// The picture with the boxes drawn on it; of a text a picture of its words.
    pub fn drawn(&self) -> RgbImage {
        self.marked(plot::draw_marks).unwrap_or_else(|| plot::page(self.text.as_deref().unwrap_or_default()))
    }

    /// The picture with its boxes as it stands among so many.
    pub(super) fn thumb(&self, count: usize) -> Option<RgbImage> {
        self.marked(|picture, marks| plot::draw_thumb(picture, marks, count))
    }

    fn marked(&self, draw: impl Fn(&RgbImage, &[Mark]) -> RgbImage) -> Option<RgbImage> {
        let picture = self.picture.as_ref()?;
        let marks: Vec<Mark> = self.boxes.iter().map(Mark::from).collect();
        Some(if marks.is_empty() { picture.clone() } else { draw(picture, &marks) })
    }

    /// The label and its probability, `truck 93 %`; the labels, or the numbers, `age 31.200`.
    pub fn caption(&self) -> String {
        let one_class = !self.probabilities.is_empty() && self.labels.is_empty() && self.label != "none";
        if one_class { format!("{} {:.0} %", self.label, self.score * 100.0) } else { self.label.clone() }
    }
}

/// So many letters of a text are shown.
const LONGEST: usize = 300;

impl Show for Prediction {
    fn bundle(&self) -> Bundle {
        let rest = self.probabilities.iter().take(5);
        let rest: Vec<String> = rest.map(|(name, share)| format!("{name} {:.1} %", share * 100.0)).collect();
        let text = if rest.is_empty() { self.label.clone() } else { rest.join("\n") };
        let Some(picture) = &self.picture else {
            // the beginning of a long text is enough to know it by
            let asked = self.text.as_deref().unwrap_or_default();
            let begin = match asked.char_indices().nth(LONGEST) {
                Some((at, _)) => format!("{}…", &asked[..at]),
                None => asked.to_owned(),
            };
            return Bundle::new().text(format!("{begin}\n{text}"));
        };
        match self.boxes.is_empty() {
            false => plot::overlay(picture, &self.boxes).bundle(),
            true => plot::grid(std::slice::from_ref(picture), &[self.caption()]).bundle(),
        }
        .text(text)
    }
}

/// The next examples that go through the network together, if there are more.
fn chunk(asked: &mut dyn Iterator<Item = Result<Asked>>, steps: &Steps) -> Result<Option<Vec<Asked>>> {
    let mut chunk = Vec::new();
    for one in asked.take(32) {
        // Only where there is more to do: what is done is not lost.
        steps.step()?;
        chunk.push(one?);
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
    /// What the network says of a picture: a path, or a picture of the `image` crate, of any size; where the network takes texts, of a text or
    /// of a pair of texts.
    ///
    /// # Errors
    /// When the file cannot be read, and when the network takes something else.
    pub fn predict(&self, query: impl Query) -> Result<Prediction> {
        let mut predictions = self.predict_each(&mut std::iter::once(Asked::learned(&query, &self.spec)), 1)?;
        Ok(predictions.pop().expect("one for each"))
    }

    /// What the network says of each picture, or of each text.
    ///
    /// # Errors
    /// When a file cannot be read, and when the user interrupts.
    pub fn predict_all(&self, queries: &[impl Query]) -> Result<Vec<Prediction>> {
        self.predict_each(&mut queries.iter().map(|query| Asked::learned(query, &self.spec)), queries.len())
    }

    /// How the network's pictures of sixteen bits are brought to eight.
    pub(super) fn greys(&self) -> Greys {
        self.spec.transform().map_or(Greys::Whole, |transform| transform.greys)
    }

    // Not generic, so that a cell that calls the verbs does not compile it.
    pub(super) fn predict_each(
        &self,
        asked: &mut dyn Iterator<Item = Result<Asked>>,
        count: usize,
    ) -> Result<Vec<Prediction>> {
        let (mut predictions, mut all_cut) = (Vec::new(), 0);
        let steps = Steps::new("predicting", count);
        while let Some(chunk) = chunk(asked, &steps)? {
            let (fields, cut) = Asked::fields(&chunk, &self.spec)?;
            all_cut += cut;
            let answers = self.answers_of(&fields)?;
            let each = answers.into_iter().zip(chunk);
            predictions.extend(each.map(|(answer, asked)| Prediction::of(answer, asked, &self.spec)));
        }
        tell_cut(all_cut, &self.spec);
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
            Input::Text(_) => {
                return Err(Error::new("the network takes texts, not tensors")
                    .remedy("ask it about a text: `learner.predict(\"not bad at all\")?`"));
            }
            Input::Picture(_) => inputs.dims().get(1..).unwrap_or_default().to_vec(),
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
        self.answers_of(&Fields::of(self.spec.input.field(), inputs))
    }

    pub(super) fn answers_of(&self, inputs: &Fields) -> Result<Vec<Answer>> {
        let said = self.judged().rest(0, inputs, &Pass::eval())?.to_device(&Device::Cpu)?;
        let answers = self.task.answers(&said, &self.spec)?;
        check(&answers)?;
        Ok(answers)
    }

    /// The body's features of a picture, averaged over it, or of a text: a row of numbers that stands for what it shows or says. What is
    /// alike has rows that point in alike directions.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn embed(&self, query: impl Query) -> Result<Vec<f32>> {
        self.embed_one(Asked::of(&query, &self.spec)?)
    }

    /// The features of each picture or text, a row each.
    ///
    /// # Shapes
    /// n pictures or texts → (n, channels)
    ///
    /// # Errors
    /// When there is none or a file cannot be read, and when the user interrupts.
    pub fn embed_all(&self, queries: &[impl Query]) -> Result<Tensor> {
        self.embed_each(&mut queries.iter().map(|query| Asked::of(query, &self.spec)), queries.len())
    }

    pub(super) fn embed_one(&self, asked: Asked) -> Result<Vec<f32>> {
        Ok(self.embed_each(&mut std::iter::once(Ok(asked)), 1)?.squeeze(0)?.to_vec1()?)
    }

    // Not generic, as above.
    fn embed_each(&self, asked: &mut dyn Iterator<Item = Result<Asked>>, count: usize) -> Result<Tensor> {
        let (mut rows, mut all_cut) = (Vec::new(), 0);
        let steps = Steps::new("embedding", count);
        while let Some(chunk) = chunk(asked, &steps)? {
            let (fields, cut) = Asked::fields(&chunk, &self.spec)?;
            all_cut += cut;
            rows.push(self.judged().embed(&fields)?);
        }
        tell_cut(all_cut, &self.spec);
        if rows.is_empty() {
            return Err(Error::new("there is nothing to embed").remedy("give a picture or a text, or more"));
        }
        Ok(Tensor::cat(&rows, 0)?.to_device(&Device::Cpu)?)
    }
}

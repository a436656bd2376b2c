//! A slider for the score that a detector's boxes have to reach, over pictures that follow it.

use std::path::Path;
use std::sync::Arc;

use image::RgbImage;

use super::box_views::RIGHT;
use super::learner::Learner;
use super::tasks::OnFile;
use crate::boxes::measure::FindingRule;
use crate::data::Transform;
use crate::paths;
use crate::plot::{self, Figure};
use crate::show::{Bundle, Show};
use crate::widgets::{FloatSlider, Image, Label, VBox};
use crate::words::count;
use crate::{Error, Result, limits};

/// Pictures with what a detector found on them, of which a slider shows those boxes that reach its score.
///
/// Nothing is computed anew when it moves. Where there are no widgets, it is the figure at the score of the best F1.
#[derive(Clone)]
pub struct ThresholdSlider {
    seen: Arc<SeenPictures>,
    slider: FloatSlider,
    column: VBox,
}

/// What the slider's figures are made of.
struct SeenPictures {
    pictures: Vec<(RgbImage, OnFile)>,
    transform: Transform,
    names: Vec<String>,
}

impl SeenPictures {
    fn figure(&self, score: f64) -> Result<Figure> {
        let rule = FindingRule { score, ..FindingRule::default() };
        let drawn = self
            .pictures
            .iter()
            .map(|(square, one)| one.drawn(square, &self.transform, &rule, &self.names, self.pictures.len()));
        let (pictures, captions): (Vec<RgbImage>, Vec<String>) = drawn.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        Ok(plot::grid(&pictures, &captions))
    }

    /// How many boxes from a score on are right, and how many are not.
    fn words(&self, score: f64) -> String {
        let rule = FindingRule { score, ..FindingRule::default() };
        let kinds = self.pictures.iter().flat_map(|(_, one)| one.kinds(&rule, &self.names).unwrap_or_default());
        let (mut right, mut false_ones, mut missed) = (0, 0, 0);
        kinds.for_each(|mark| match (mark.class == RIGHT, mark.dashed) {
            (true, _) => right += 1,
            (_, true) => missed += 1,
            _ => false_ones += 1,
        });
        let boxes = count(right + false_ones, "box");
        format!(
            "{boxes} with a score of {score:.2} or more: {right} right, {false_ones} wrong; {} missed",
            count(missed, "object")
        )
    }
}

impl ThresholdSlider {
    /// The figure at a score from 0 to 1.
    ///
    /// # Errors
    /// When the score makes no sense.
    pub fn at(&self, score: f64) -> Result<Figure> {
        let remedy = "a half is usual: `slider.at(0.5)?`";
        limits::allow((0.0..=1.0).contains(&score), "the `score`", &score, "a share from 0 to 1", remedy)?;
        self.seen.figure(score)
    }

    /// Writes the figure at the score at which it stands to a file (svg, png …), or with the ending csv its numbers.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.seen.figure(self.score())?.save(paths::expanded(path.as_ref()))
    }

    /// The score at which it stands.
    pub fn score(&self) -> f64 {
        self.slider.value()
    }
}

impl Show for ThresholdSlider {
    fn bundle(&self) -> Bundle {
        let fallback = self.seen.figure(self.score()).map_or_else(|_| Bundle::new(), |figure| figure.bundle());
        self.column.or(fallback.text(self.seen.words(self.score())))
    }
}

impl Learner {
    /// A slider for the score that boxes have to reach, over the `count` (1 to 1000) validation pictures with the most objects: drag it and see
    /// what is found, missed and false. It begins at the score of the best F1. Colours are those of [`mistakes`](Learner::mistakes).
    ///
    /// # Errors
    /// As [`precision_recall`](Learner::precision_recall), and when the count makes no sense.
    pub fn threshold_slider(&mut self, count: usize) -> Result<ThresholdSlider> {
        limits::shown("learner.threshold_slider", count)?;
        self.need_boxes("threshold_slider")?;
        let data = self.need_data()?;
        let transform = self.transform()?;
        let mut judged = self.pictures_told()?;
        let best = self.curves_of(&judged)?.best.threshold;
        judged.sort_by_key(|picture| std::cmp::Reverse(picture.truth.len()));
        let mut pictures = Vec::new();
        for picture in judged.into_iter().take(count) {
            if let Some(square) = data.example(picture.id)?.picture {
                pictures.push((square, picture));
            }
        }
        if pictures.is_empty() {
            return Err(Error::new("there are no validation pictures").remedy("keep some apart: `.split(0.2, 42)?`"));
        }
        let seen = Arc::new(SeenPictures { pictures, transform, names: self.classes().to_vec() });
        let slider = FloatSlider::new(0.0, 1.0, 0.01).description("score");
        slider.set_value(best);
        let figure = seen.figure(best)?;
        let (width, height) = figure.size();
        let image = Image::png(figure.png()).size(width, height);
        let label = Label::new(&seen.words(best));
        let column = VBox::new(&[&*slider, &*label, &*image]);
        let drawn = Arc::clone(&seen);
        slider.on_move(move |score| {
            label.set_text(&drawn.words(score));
            if let Ok(figure) = drawn.figure(score) {
                image.set_bytes(figure.png());
            }
        });
        Ok(ThresholdSlider { seen, slider, column })
    }
}

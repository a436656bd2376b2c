//! Learners of text: how one starts, and what it compares.

use std::sync::Arc;

use super::learner::{Learner, maker};
use super::query::Query;
use super::tasks::{self, EMBEDDING, Embed};
use crate::data::{Data, Input, Spec, Target};
use crate::models::{Bert, Network, device};
use crate::params::ParamSet;
use crate::{Error, Result, show};

/// What the length of a step's gradients is cut to, as Hugging Face's Trainer does.
const CLIP: f64 = 1.0;

impl Learner {
    /// An encoder of text with a new head for `data`, all of it trainable: one class a text, any number of labels, or numbers, as the data's truth is. Of
    /// pairs of texts both are read together.
    ///
    /// Gradients are clipped to a norm of 1, and the rate of [`fit`](Learner::fit) rises over a tenth of the steps and falls along a line, as Hugging
    /// Face's Trainer does; `learner.clip(…)`, `fit_with` say otherwise.
    ///
    /// ```no_run
    /// use candlewick_prelude::prelude::*;
    /// let reviews = TextTable::tsv("reviews.tsv")?.split(0.1, 42)?.batch(16);
    /// let mut clf = Learner::text(Bert::minilm()?, &reviews)?;
    /// clf.freeze();
    /// clf.fit(1, 1e-3)?;
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the data are no texts, have fewer than two classes or an option that makes no sense, and when the weights are not those of the encoder.
    pub fn text(encoder: impl Into<Bert>, data: &impl Data) -> Result<Learner> {
        Learner::start_text(&encoder.into(), data)
    }

    // Not generic, so that a cell does not compile it.
    fn start_text(encoder: &Bert, data: &dyn Data) -> Result<Learner> {
        data.check()?;
        let given = data.spec();
        if given.tokens().is_none() {
            return Err(Error::new(format!("expected texts, found {}", given.input.words())).remedy(
                match given.input {
                    Input::Picture(_) => "of pictures it is `Learner::vision(Arch::default(), &data)?`",
                    _ => "texts come from a table: `TextTable::csv(\"reviews.csv\")?`",
                },
            ));
        }
        let data = data.tokenized(encoder.tokens())?;
        let spec = data.spec();
        let task = tasks::usual(&spec)?;
        let params = ParamSet::on(&device()?, spec.seed);
        let network = Network::bert(params, encoder.layout(), maker(&task, &spec))?;
        let report = encoder.load_into(&network)?;
        let mut learner = Learner::assemble(network, task, spec, Some(data));
        learner.options.clip = Some(CLIP);
        if let Some((origin, loaded)) = report {
            learner.came_from(&origin, loaded);
        }
        Ok(learner)
    }

    /// An encoder of text without data and without a head: to compare texts, to search in them, or to give a head later.
    ///
    /// ```no_run
    /// use candlewick_prelude::prelude::*;
    /// let encoder = Learner::encoder(Bert::minilm()?)?;
    /// println!("{:.2}", encoder.similarity("a fine film", "I liked this movie")?);
    /// let index = SimilarityIndex::of_texts(&encoder, &["opening hours", "ticket prices"])?;
    /// index.nearest(&encoder, "what does it cost?", 1)?;
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the weights are not those of the encoder.
    pub fn encoder(encoder: impl Into<Bert>) -> Result<Learner> {
        Learner::start_encoder(&encoder.into())
    }

    fn start_encoder(encoder: &Bert) -> Result<Learner> {
        let spec = Spec::new(Input::Text(encoder.tokens().clone()), Target::Own(EMBEDDING.to_owned()), 0);
        let task: Arc<dyn super::Task> = Arc::new(Embed);
        let network = Network::bert(ParamSet::on(&device()?, 0), encoder.layout(), maker(&task, &spec))?;
        let report = encoder.load_into(&network)?;
        if report.is_none() {
            show::note("the encoder's weights are random: what it finds alike means nothing");
        }
        let mut learner = Learner::assemble(network, task, spec, None);
        if let Some((origin, loaded)) = report {
            learner.came_from(&origin, loaded);
        }
        Ok(learner)
    }

    /// How alike two texts, or two pictures, are: the cosine of the angle between their features, from -1 to 1.
    ///
    /// # Errors
    /// As [`embed`](Learner::embed).
    pub fn similarity(&self, one: impl Query, other: impl Query) -> Result<f32> {
        Ok(cosine(&self.embed(one)?, &self.embed(other)?))
    }
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let length = (dot(one, one) * dot(other, other)).sqrt();
    if length > 0.0 { (dot(one, other) / length).clamp(-1.0, 1.0) as f32 } else { 0.0 }
}

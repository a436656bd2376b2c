//! Learners of text: how one starts, and what it compares.

use std::path::Path;
use std::sync::Arc;

use candle_core::Tensor;

use super::learner::{Learner, maker};
use super::query::Query;
use super::tasks::{self, EMBEDDING, Embed};
use crate::data::{Data, Input, Spec, Target};
use crate::models::{AsEncoder, Bert, device};
use crate::params::{ParamSet, is_under};
use crate::show::Table;
use crate::{Error, Result, paths, show};

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
    pub fn text(encoder: impl AsEncoder, data: &impl Data) -> Result<Learner> {
        Learner::start_text(encoder.as_encoder(), data)
    }

    // Not generic, so that a cell does not compile it.
    fn start_text(encoder: &Bert, data: &dyn Data) -> Result<Learner> {
        data.check()?;
        // before anything is asked of the data: they would make a vocabulary of their own
        let data = data.tokenized(encoder.tokens())?;
        let spec = data.spec();
        if spec.tokens().is_none() {
            return Err(Error::new(format!("expected texts, found {}", spec.input.words())).remedy(match spec.input {
                Input::Picture(_) => "of pictures it is `Learner::vision(Arch::default(), &data)?`",
                _ => "texts come from a table: `TextTable::csv(\"reviews.csv\")?`",
            }));
        }
        let task = tasks::usual(&spec)?;
        let (network, report) = encoder.network(ParamSet::on(&device()?, spec.seed), maker(&task, &spec))?;
        let mut learner = Learner::assemble(network, task, spec, Some(data));
        learner.options.clip = Some(CLIP);
        if report.is_some() && learner.network.bert_layout().is_some_and(|layout| layout.new_pooler) {
            show::note(
                "the weights hold no pooler: it begins at random and trains with the head (`.pooling(Pooling::Mean)` does without)",
            );
        }
        report.into_iter().for_each(|loaded| learner.came_from(encoder.origin(), loaded));
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
    pub fn encoder(encoder: impl AsEncoder) -> Result<Learner> {
        Learner::start_encoder(encoder.as_encoder())
    }

    fn start_encoder(encoder: &Bert) -> Result<Learner> {
        let spec = Spec::new(Input::Text(encoder.tokens().clone()), Target::Own(EMBEDDING.to_owned()), 0);
        let task: Arc<dyn super::Task> = Arc::new(Embed);
        let (network, report) = encoder.network(ParamSet::on(&device()?, 0), maker(&task, &spec))?;
        if report.is_none() {
            show::note("the encoder's weights are random: what it finds alike means nothing");
        }
        let mut learner = Learner::assemble(network, task, spec, None);
        report.into_iter().for_each(|loaded| learner.came_from(encoder.origin(), loaded));
        Ok(learner)
    }

    /// Writes the encoder without its head as a folder: `config.json`, `model.safetensors`, `tokenizer.json`. `Bert::open` reads it, and so do Hugging
    /// Face's transformers and sentence-transformers. What an adapter adds is merged into what is written.
    ///
    /// # Errors
    /// When the learner is no encoder of text, or the folder cannot be written.
    pub fn save_encoder(&self, folder: impl AsRef<Path>) -> Result<()> {
        self.write_encoder(&paths::expanded(folder.as_ref()))
    }

    fn write_encoder(&self, folder: &Path) -> Result<()> {
        let network = self.judged();
        let (Some(layout), Some(tokens)) = (network.bert_layout(), self.spec.tokens()) else {
            return Err(
                Error::new("this network is no encoder of text").remedy("`learner.save(path)?` writes any learner")
            );
        };
        // what an adapter adds is in the weights then
        let mut tensors = network.plain_values()?;
        tensors.retain(|(name, _)| !is_under(name, "head"));
        let is_there = folder.join("config.json").is_file();
        layout.write(folder, tensors, tokens)?;
        show::written(
            &folder.join("model.safetensors"),
            &format!(
                "{}, with its config and tokenizer{}",
                network.name(),
                if is_there { "; in place of the one that was there" } else { "" }
            ),
        );
        Ok(())
    }

    /// How alike each of several texts, or pictures, is to each: a row and a column each, numbered.
    ///
    /// # Errors
    /// As [`embed_all`](Learner::embed_all).
    pub fn similarities(&self, queries: &[impl Query]) -> Result<Table> {
        let names = queries.iter().enumerate().map(|(at, query)| match query.texts() {
            Some((text, _)) => text.to_owned(),
            None => format!("picture {}", at + 1),
        });
        alike_each(&self.embed_all(queries)?, &names.collect::<Vec<_>>())
    }

    /// How alike two texts, or two pictures, are: the cosine of the angle between their features, from -1 to 1.
    ///
    /// # Errors
    /// As [`embed`](Learner::embed).
    pub fn similarity(&self, one: impl Query, other: impl Query) -> Result<f32> {
        Ok(cosine(&self.embed(one)?, &self.embed(other)?))
    }
}

/// A row and a column each.
fn alike_each(rows: &Tensor, names: &[String]) -> Result<Table> {
    let rows = rows.to_vec2::<f32>()?;
    let mut head = vec![String::new(), String::new()];
    head.extend((1..=rows.len()).map(|number| number.to_string()));
    let mut table = Table::new(head).left(1);
    for (at, (row, name)) in rows.iter().zip(names).enumerate() {
        let mut cells = vec![(at + 1).to_string(), name.clone()];
        cells.extend(rows.iter().map(|other| format!("{:.2}", cosine(row, other))));
        table.push(cells);
    }
    Ok(table)
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let length = (dot(one, one) * dot(other, other)).sqrt();
    if length > 0.0 { (dot(one, other) / length).clamp(-1.0, 1.0) as f32 } else { 0.0 }
}

//! What in a text speaks for the answer: integrated gradients.

use candle_core::{Device, Tensor, Var};

use super::learner::Learner;
use super::predict::Prediction;
use super::query::{Asked, Query, tell_cut};
use crate::data::{Fields, Tokenized, Tokens, field};
use crate::layers::Pass;
use crate::show::{Bundle, Show, Table};
use crate::{Error, Result, ops, show};

/// Points on the way from nothing to the text.
const POINTS: usize = 32;
/// Texts that go through the network together.
const TOGETHER: usize = 16;
/// From this share of the difference on, what the words leave unexplained is said.
const MUCH: f64 = 0.1;

/// What in a text speaks for an answer, and what against it. A cell that ends with it shows the text in colour.
///
/// Integrated gradients (Sundararajan, Taly and Yan 2017): the gradient of the answer's logit, averaged on the straight way from the embeddings of
/// padding to those of the text, times the difference. Over all tokens that adds up to how much the logit rises on this way; what is missing,
/// because the way has so many points only, is [`error`](Attributions::error).
#[derive(Clone, Debug)]
pub struct Attributions {
    /// What the network says of the text.
    pub said: Prediction,
    /// The class, label or number that is explained.
    pub label: String,
    /// Each word with how much it speaks for the label; against it below 0. Pieces of one word are added up.
    pub words: Vec<(String, f64)>,
    /// What stands between the words of the text, that before the first one first.
    gaps: Vec<String>,
    /// How much the logit rises from padding to the text.
    pub rise: f64,
    /// How far the tokens' sum is from that, in shares of it: the completeness error.
    pub error: f64,
}

impl Attributions {
    /// A row a word.
    pub fn table(&self) -> Table {
        let mut table = Table::new(["word", "speaks for it"]).left(0);
        self.words.iter().for_each(|(word, value)| table.push([word.clone(), format!("{value:+.3}")]));
        table
    }

    /// What is said below the text.
    fn note(&self) -> String {
        let much = if self.error > MUCH { ": read them with care" } else { "" };
        format!(
            "{}; what speaks for `{}`, by integrated gradients: {:+.2} in all, {:.1} % of it unexplained{much}",
            self.said.caption(),
            self.label,
            self.rise,
            self.error * 100.0
        )
    }
}

impl Show for Attributions {
    fn bundle(&self) -> Bundle {
        let most = self.words.iter().map(|(_, value)| value.abs()).fold(0.0, f64::max);
        let shares =
            self.words.iter().map(|(word, value)| (word.as_str(), if most > 0.0 { value / most } else { 0.0 }));
        let shares: Vec<(&str, f64)> = shares.collect();
        show::weighed_text(&shares, &self.gaps, &self.note())
    }
}

impl Learner {
    /// What in a text speaks for the answer that the network gives, word by word.
    ///
    /// ```no_run
    /// # use candlewick_prelude::prelude::*;
    /// # let clf = Learner::open("reviews.safetensors")?;
    /// let why = clf.attributions("not bad at all")?;
    /// println!("{:?}", why.words);
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When no texts go into the network, when the text is empty, or the user interrupts.
    pub fn attributions(&self, query: impl Query) -> Result<Attributions> {
        self.attribute(&query, None)
    }

    /// What in a text speaks for a class, a label or a number of this name, whatever the network answers.
    ///
    /// # Errors
    /// As [`attributions`](Learner::attributions), and when there is no such class; the message lists them.
    pub fn attributions_for(&self, query: impl Query, class: &str) -> Result<Attributions> {
        self.attribute(&query, Some(class))
    }

    fn attribute(&self, query: &dyn Query, class: Option<&str>) -> Result<Attributions> {
        let tokens = self.spec.tokens().ok_or_else(|| {
            Error::new(format!("attributions are of texts, this network takes {}", self.spec.input.words()))
                .remedy("what in a picture speaks for the answer: `learner.attention(\"new.jpg\")?`")
        })?;
        let asked = Asked::learned(query, &self.spec)?;
        let Asked::Text(one, other) = &asked else { return Err(Error::new("attributions are of texts")) };
        let row = tokens.encode(&[(one, other.as_deref())])?.pop().unwrap_or_default();
        tell_cut(usize::from(row.cut > 0), &self.spec);
        if !row.spans.iter().any(|(from, to)| from < to) {
            return Err(Error::new("the text is empty: there is no word that could speak for an answer"));
        }
        let class = class.map(|name| self.class_named(name)).transpose()?;
        let inputs = tokens.fields(&[&row])?;
        let answer = self.answers_of(&inputs)?.into_iter().next().unwrap_or_default();
        let class = class.or(answer.class).or_else(|| answer.labels.as_ref()?.first().copied()).unwrap_or(0);
        let (each, rise) = self.integrated(tokens, &row, class)?;
        let sum: f64 = each.iter().sum();
        let text = [one.as_str(), other.as_deref().unwrap_or_default()];
        let (words, gaps) = joined(&row, &each, text);
        let label = self.classes().get(class).cloned().unwrap_or_default();
        let said = Prediction::of(answer, asked, &self.spec);
        let error = if rise.abs() > 1e-9 { (sum - rise).abs() / rise.abs() } else { sum.abs() };
        Ok(Attributions { said, label, words, gaps, rise, error })
    }

    /// How much each token speaks for a class, and how much the logit rises from padding to the text.
    fn integrated(&self, tokens: &Tokens, row: &Tokenized, class: usize) -> Result<(Vec<f64>, f64)> {
        let network = self.judged();
        let blank = Tokenized { ids: blanked(row, tokens.pad()), ..row.clone() };
        let start = network.stem(1, &tokens.fields(&[&blank])?)?;
        let end = network.stem(1, &tokens.fields(&[row])?)?;
        let (from, to) = (start.get(field::FEATURES)?.clone(), end.get(field::FEATURES)?.clone());
        let step = (&to - &from)?;
        let mut slopes = step.zeros_like()?;
        let mut ends = [0.0; 2];
        // the midpoints of equal stretches, and the two ends for what the logit is there
        let places: Vec<f64> = (0..POINTS).map(|at| (at as f64 + 0.5) / POINTS as f64).collect();
        for (at, end) in [0.0, 1.0].into_iter().enumerate() {
            let state = at_places(&from, &step, &[end], &self.lengths(row)?)?;
            ends[at] = self.logits_from(&state, class)?.0;
        }
        for some in places.chunks(TOGETHER) {
            crate::interrupt::check()?;
            let state = at_places(&from, &step, some, &self.lengths(row)?)?;
            let leaf = Var::from_tensor(state.get(field::FEATURES)?)?;
            let state = state.with(field::FEATURES, leaf.as_tensor().clone());
            let slope = self.logits_from(&state, class)?.1;
            let grads = ops::backward_from(&slope.0, &slope.1)?;
            let Some(grad) = grads.get(leaf.as_tensor()) else {
                return Err(Error::new("the network's answer does not depend on its embeddings"));
            };
            let count = row.ids.len();
            for part in 0..some.len() {
                slopes = (slopes + grad.narrow(0, part * count, count)?)?;
            }
        }
        let each = ((slopes / POINTS as f64)? * step)?.sum(1)?.to_device(&Device::Cpu)?.to_vec1::<f32>()?;
        Ok((each.into_iter().map(f64::from).collect(), ends[1] - ends[0]))
    }

    fn lengths(&self, row: &Tokenized) -> Result<Vec<u32>> {
        u32::try_from(row.ids.len()).map(|length| vec![length]).map_err(|_| Error::new("the text is too long"))
    }

    /// The class's logit (or number) of the first text, and what its gradient is taken of: all texts' scores, and 1 for the class's.
    fn logits_from(&self, state: &Fields, class: usize) -> Result<(f64, (Tensor, Tensor))> {
        let (network, pass) = (self.judged(), Pass::eval());
        let features = network.features_from(1, state, &pass)?;
        let said = ops::in_pool(|| network.head().forward(&features, &pass))?;
        let scores =
            said.find(field::LOGITS).or_else(|| said.find(field::NUMBERS)).or_else(|| said.find(field::OUTPUT));
        let scores = scores.ok_or_else(|| Error::new("the network says neither classes nor numbers"))?.clone();
        let (texts, classes) = scores.dims2()?;
        let mut one = vec![0f32; texts * classes];
        one.iter_mut().skip(class).step_by(classes).for_each(|value| *value = 1.0);
        let one = Tensor::from_vec(one, (texts, classes), &Device::Cpu)?.to_device(scores.device())?;
        let first = scores.get(0)?.get(class)?.to_device(&Device::Cpu)?.to_scalar::<f32>()?;
        Ok((f64::from(first), (scores, one)))
    }
}

/// The tokens' weights by words, and what stands between these: pieces that touch within letters are one word.
fn joined(row: &Tokenized, each: &[f64], text: [&str; 2]) -> (Vec<(String, f64)>, Vec<String>) {
    let (mut words, mut gaps): (Vec<(String, f64)>, Vec<String>) = (Vec::new(), Vec::new());
    let mut last = (0, 0);
    for ((kind, (from, to)), value) in row.types.iter().zip(&row.spans).zip(each) {
        if from >= to {
            continue;
        }
        let which = usize::from(*kind == 1).min(1);
        let own = text[which];
        let (Some(piece), true) = (own.get(*from..*to), *from >= last.1 || which != last.0) else { continue };
        let begins = piece.chars().next().is_some_and(char::is_alphanumeric);
        let joins = which == last.0 && *from == last.1 && begins;
        match words.last_mut() {
            Some((word, weight)) if joins && word.ends_with(char::is_alphanumeric) => {
                word.push_str(piece);
                *weight += value;
            }
            _ => {
                let gap = if which == last.0 { own.get(last.1..*from).unwrap_or_default() } else { " / " };
                gaps.push(gap.to_owned());
                words.push((piece.to_owned(), *value));
            }
        }
        last = (which, *to);
    }
    gaps.push(text[last.0].get(last.1..).unwrap_or_default().to_owned());
    (words, gaps)
}

/// The tokens with padding in the place of the text's; those that stand for its beginning and its end stay.
fn blanked(row: &Tokenized, pad: u32) -> Vec<u32> {
    let each = row.ids.iter().zip(&row.spans);
    each.map(|(id, (from, to))| if from < to { pad } else { *id }).collect()
}

/// The embeddings at several places of the way, a text each.
fn at_places(from: &Tensor, step: &Tensor, places: &[f64], length: &[u32]) -> Result<Fields> {
    let rows = places.iter().map(|place| from + (step * *place)?).collect::<candle_core::Result<Vec<_>>>()?;
    let lengths = Tensor::from_vec(length.repeat(places.len()), places.len(), &Device::Cpu)?;
    Ok(Fields::of(field::FEATURES, Tensor::cat(&rows, 0)?).with(field::LENGTHS, lengths))
}

//! A table of texts as what a learner wants of data: batches of texts of about one length.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::examples::{Examples, Truth};
use super::options::TextTable;
use super::token_rows::TokenRows;
use super::tokens::Tokens;
use crate::data::evened::evened;
use crate::data::{Batch, BatchIter, Data, Example, Fields, Input, Known, Order, Part, Provenance, Spec, Target};
use crate::params::name_seed;
use crate::show::{Bundle, Describe, Description, Show};
use crate::words::count;
use crate::{Error, Result, interrupt, limits};

/// The texts of so many batches are sorted by length together, as Hugging Face's `group_by_length` does.
const TOGETHER: usize = 50;

/// The texts' numbers, a batch each: such of one length together, in an order of the seed.
fn grouped(mut ids: Vec<usize>, batch: usize, rows: &TokenRows, seed: u64) -> Vec<Vec<usize>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    ids.shuffle(&mut random);
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for some in ids.chunks_mut(batch * TOGETHER) {
        some.sort_by_key(|id| std::cmp::Reverse(rows.length(*id)));
        batches.extend(some.chunks(batch).map(<[usize]>::to_vec));
    }
    merge(&mut batches);
    batches.shuffle(&mut random);
    batches
}

/// The longest first, so that a batch that does not fit into memory does not come at the end.
fn sorted(mut ids: Vec<usize>, batch: usize, rows: &TokenRows) -> Vec<Vec<usize>> {
    ids.sort_by_key(|id| std::cmp::Reverse(rows.length(*id)));
    let mut batches: Vec<Vec<usize>> = ids.chunks(batch).map(<[usize]>::to_vec).collect();
    merge(&mut batches);
    batches
}

/// Statistics over one example alone are no statistics.
fn merge(batches: &mut Vec<Vec<usize>>) {
    if batches.len() > 1 && batches.last().is_some_and(|last| last.len() == 1) {
        let last = batches.pop().unwrap_or_default();
        batches.last_mut().expect("there was more than one").extend(last);
    }
}

/// What is true of some examples.
fn truth(examples: &Examples, ids: &[usize]) -> Result<Fields> {
    let (n, field) = (ids.len(), examples.target.field());
    Ok(Fields::of(
        field,
        match &examples.truth {
            Truth::Class(of) => Tensor::from_vec(ids.iter().map(|id| of[*id]).collect::<Vec<u32>>(), n, &Device::Cpu)?,
            Truth::Rows(values) => {
                let width = examples.target.names().len();
                let rows = ids
                    .iter()
                    .flat_map(|id| values[id * width..(id + 1) * width].iter().copied())
                    .collect::<Vec<f32>>();
                Tensor::from_vec(rows, (n, width), &Device::Cpu)?
            }
        },
    ))
}

impl TextTable {
    /// The training texts, in a new order for each epoch: batches of texts of about one length, so that little of them is padding.
    ///
    /// # Errors
    /// When an option makes no sense, or there is none.
    pub fn train_batches(&self, epoch: u64) -> Result<BatchIter> {
        Data::batches(self, Part::Train, Order::Epoch(epoch))
    }

    /// A part's texts, the longest first; `ids` says which are in a batch.
    ///
    /// # Errors
    /// When an option makes no sense, or there is none.
    pub fn batches(&self, part: Part) -> Result<BatchIter> {
        Data::batches(self, part, Order::Given)
    }
}

impl Data for TextTable {
    fn spec(&self) -> Spec {
        let pairs = self.found().is_some_and(|examples| examples.columns.pair.is_some());
        Spec::new(Input::Text(self.tokens().for_pairs(pairs)), self.target(), self.0.seed)
    }

    fn count(&self, part: Part) -> usize {
        self.ids(part).len()
    }

    fn batches(&self, part: Part, order: Order) -> Result<BatchIter> {
        Data::check(self)?;
        let (examples, mut ids) = (self.ready()?.clone(), self.ids(part));
        if ids.is_empty() {
            let error = Error::new(format!("`{}` keeps no texts for `{}`", self.0.shown, part.as_str()));
            return Err(match part {
                Part::Valid => error.remedy("split the texts first: `.split(0.2, 42)?`"),
                Part::Test => error.remedy("hold some out: `.hold_out(0.2, 1)?`"),
                Part::Train => error.remedy("keep fewer for validation and for the last test"),
            });
        }
        let (rows, tokens, size) = (self.rows()?, self.tokens(), self.0.batch);
        if let (true, Part::Train, Order::Epoch(epoch)) = (self.0.balanced, part, order) {
            let seed = name_seed(self.0.seed, &format!("classes of epoch {epoch}"));
            ids.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
            let class = |id: usize| examples.labels(id).first().copied().unwrap_or(0);
            ids = evened(&ids, class, epoch).into_iter().map(|(id, _)| id).collect();
        }
        let batches = match order {
            Order::Given => sorted(ids, size, &rows),
            Order::Epoch(epoch) => {
                grouped(ids, size, &rows, name_seed(self.0.seed, &format!("order of epoch {epoch}")))
            }
        };
        let make = move |ids: Vec<usize>| -> Result<Batch> {
            interrupt::check()?;
            let own: Vec<(&[u32], &[u32])> = ids.iter().map(|id| rows.row(*id)).collect();
            Ok(Batch { inputs: tokens.padded(&own)?, targets: truth(&examples, &ids)?, ids })
        };
        Ok(Box::new(batches.into_iter().map(make)))
    }

    fn truth_counts(&self, part: Part) -> Option<Vec<usize>> {
        matches!(self.target(), Target::Class(_) | Target::Classes(_)).then(|| self.counts(part))
    }

    fn evens_classes(&self) -> bool {
        self.0.balanced
    }

    fn provenance(&self) -> Provenance {
        self.origin()
    }

    fn group_of(&self, id: usize) -> Option<String> {
        let groups: &Arc<_> = self.0.groups.as_ref()?;
        groups.1.get(id).filter(|name| !name.is_empty()).cloned()
    }

    fn known_by(&self, part: Part) -> Vec<Known> {
        let Some(examples) = self.found() else { return Vec::new() };
        let text = |id: usize| match examples.text(id) {
            (text, None) => Known::text(text),
            (text, Some(other)) => Known::text(&format!("{text} / {other}")),
        };
        self.ids(part).into_iter().map(text).collect()
    }

    fn example(&self, id: usize) -> Result<Example> {
        let examples = self.known(id)?;
        let (first, second) = examples.text(id);
        let name = format!("{}:{}", self.0.shown, examples.line(id));
        Ok(Example { name, text: Some(first.to_owned()), other: second.map(str::to_owned), ..Example::default() })
    }

    fn check(&self) -> Result<()> {
        limits::some("`batch`", self.0.batch, "texts", "16 are usual: `.batch(16)`")?;
        limits::some("`limit`", self.0.limit.unwrap_or(1), "texts of each class", "write `.limit(100)`")?;
        let target = &self.ready()?.target;
        if self.0.balanced && !matches!(target, Target::Class(_)) {
            return Err(Error::new(format!(
                "`balanced` shows classes equally often; `{}` tells {}",
                self.0.shown,
                target.words()
            ))
            .remedy(match target {
                Target::Classes(_) => "leave it out; rare labels weigh more with `learner.balanced_weights()?`",
                _ => "leave it out",
            }));
        }
        Ok(())
    }

    fn reseeded(&self, seed: u64) -> Box<dyn Data> {
        Box::new(self.clone().seeded(seed))
    }

    fn tokenized(&self, tokens: &Tokens) -> Result<Box<dyn Data>> {
        Ok(Box::new(self.with_tokens(tokens)?))
    }
}

impl std::fmt::Debug for TextTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let has = |part| self.ids(part).len();
        if let Err(error) = self.ready() {
            // what it holds is not known yet, and why
            return write!(f, "TextTable {{ {:?}, {} }}: {error}", self.0.shown, count(self.rows_read(), "row"));
        }
        write!(f, "TextTable {{ {:?}, {}", self.0.shown, count(self.len(), "text"))?;
        write!(f, " ({} train, {} valid, {} test)", has(Part::Train), has(Part::Valid), has(Part::Test))?;
        write!(f, ", {}, batch {} }}", self.target().words(), self.0.batch)
    }
}

impl Describe for TextTable {
    fn describe(&self) -> Description {
        let shape = match self.found() {
            Some(_) => format!("{}, {}", count(self.len(), "text"), self.target().words()),
            None => format!("{}, columns not found", count(self.rows_read(), "row")),
        };
        Description { shape, bytes: self.bytes() as u64 }
    }
}

impl Show for TextTable {
    fn bundle(&self) -> Bundle {
        Bundle::new().text(format!("{self:?}"))
    }
}

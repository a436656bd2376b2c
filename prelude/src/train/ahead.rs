//! Batches that are read before their turn, so that frozen parts work through many short texts at once: products of many rows are faster.

use std::collections::VecDeque;

use candle_core::{Device, Tensor};

use super::cache::FeatureCache;
use crate::Result;
use crate::data::{Batch, BatchIter, Fields, Part, field};
use crate::interrupt;
use crate::models::Network;

/// So many tokens, with their padding, go through frozen parts together.
const TOGETHER: usize = 4096;

/// The batches of a part, with their numbers.
pub(super) struct Ahead {
    batches: Box<dyn Iterator<Item = (usize, Result<Batch>)>>,
    part: Part,
    keep: bool,
    waiting: VecDeque<(usize, Result<Batch>)>,
}

impl Ahead {
    /// Those behind the first `done`; where `keep`, what frozen parts give of them is kept.
    pub fn of(batches: BatchIter, part: Part, keep: bool, done: usize) -> Ahead {
        Ahead { batches: Box::new(batches.enumerate().skip(done)), part, keep, waiting: VecDeque::new() }
    }

    /// The next one.
    ///
    /// # Errors
    /// When it cannot be read, its shape does not fit the network, or the user interrupts.
    pub fn next(&mut self, network: &Network, cache: &mut FeatureCache) -> Result<Option<(usize, Batch)>> {
        if self.waiting.is_empty() {
            self.read(network, cache)?;
        }
        let Some((number, batch)) = self.waiting.pop_front() else { return Ok(None) };
        Ok(Some((number, batch?)))
    }

    fn read(&mut self, network: &Network, cache: &mut FeatureCache) -> Result<()> {
        let (mut tokens, mut lacking) = (0, 0);
        for (number, batch) in self.batches.by_ref() {
            let own = batch.as_ref().ok().and_then(|batch| cache.lacks(self.part, batch)).filter(|_| self.keep);
            self.waiting.push_back((number, batch));
            lacking += usize::from(own.is_some());
            tokens += own.unwrap_or(TOGETHER);
            if tokens >= TOGETHER {
                break;
            }
            interrupt::check()?;
        }
        // what ends the row may be kept already, or no batch at all
        let some: Vec<&Batch> =
            self.waiting.iter().take(lacking).filter_map(|(_, batch)| batch.as_ref().ok()).collect();
        if some.len() > 1 {
            cache.stem(network, self.part, &joined(&some)?, true)?;
        }
        Ok(())
    }
}

/// Texts of several batches as one, without what is true of them; shorter ones are padded.
fn joined(batches: &[&Batch]) -> Result<Batch> {
    let longest = batches.iter().filter_map(|batch| batch.inputs.find(field::IDS)?.dims().last().copied()).max();
    let mut inputs = Fields::default();
    for name in [field::IDS, field::MASK, field::TYPES] {
        let tables: Vec<&Tensor> = batches.iter().filter_map(|batch| batch.inputs.find(name)).collect();
        if tables.len() != batches.len() {
            continue;
        }
        let long = |table: &Tensor| -> Result<Tensor> {
            let (rows, own) = table.dims2()?;
            let missing = (rows, longest.unwrap_or(own) - own);
            let table = table.to_device(&Device::Cpu)?;
            match missing.1 {
                0 => Ok(table),
                _ => Ok(Tensor::cat(&[&table, &Tensor::zeros(missing, table.dtype(), &Device::Cpu)?], 1)?),
            }
        };
        inputs.set(name, Tensor::cat(&tables.into_iter().map(long).collect::<Result<Vec<_>>>()?, 0)?);
    }
    let ids = batches.iter().flat_map(|batch| batch.ids.iter().copied()).collect();
    Ok(Batch { inputs, targets: Fields::default(), ids })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{BertConfig, BertLayout, HeadMaker, Pooling};
    use crate::params::ParamSet;

    /// Texts that went through together have the rows that they have alone, to the last bit, and come in their order.
    #[test]
    fn texts_that_go_together_are_the_same_as_alone() -> Result<()> {
        let layout = BertLayout::new(BertConfig::new(50, 48, 2, 3), Pooling::Mean);
        let network = Network::bert(ParamSet::new(1), layout, HeadMaker::classes(2))?;
        let batch = |at: usize| -> Result<Batch> {
            let (count, longest) = (4, 3 + at % 5);
            let table = |of: &dyn Fn(usize, usize) -> u32| {
                let values: Vec<u32> = (0..count * longest).map(|cell| of(cell / longest, cell % longest)).collect();
                Tensor::from_vec(values, (count, longest), &Device::Cpu)
            };
            let mask = table(&|row, place| u32::from(place < 1 + (row + at) % longest))?;
            let ids = table(&|row, place| ((at * 31 + row * 7 + place * 3) % 50) as u32)?;
            let inputs = Fields::of(field::IDS, ids).with(field::MASK, mask);
            Ok(Batch { inputs, targets: Fields::default(), ids: (at * count..(at + 1) * count).collect() })
        };
        let all: Vec<Batch> = (0..7).map(batch).collect::<Result<_>>()?;
        for frozen in [2, 3] {
            network.params().freeze_before(frozen);
            let (mut alone, mut together) = (FeatureCache::default(), FeatureCache::default());
            alone.prepare(&network)?;
            together.prepare(&network)?;
            let given: Vec<Result<Batch>> = all.iter().cloned().map(Ok).collect();
            let mut ahead = Ahead::of(Box::new(given.into_iter()), Part::Train, true, 1);
            let mut numbers = Vec::new();
            while let Some((number, batch)) = ahead.next(&network, &mut together)? {
                numbers.push(number);
                assert_eq!(batch.ids, all[number].ids);
                let own = alone.stem(&network, Part::Train, &batch, true)?;
                let kept = together.stem(&network, Part::Train, &batch, true)?;
                let values = |fields: &Fields| -> Result<Vec<f32>> {
                    Ok(fields.get(field::FEATURES)?.flatten_all()?.to_vec1::<f32>()?)
                };
                assert_eq!(values(&own)?, values(&kept)?, "batch {number}");
            }
            assert_eq!(numbers, (1..7).collect::<Vec<_>>());
            // one batch after another has nothing to compute
            assert_eq!((alone.hits, together.hits), (0, 24));
        }
        Ok(())
    }
}

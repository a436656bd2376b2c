//! Features of frozen blocks, computed once and kept.

use std::collections::HashMap;

use candle_core::{Device, Tensor};

use crate::Result;
use crate::data::{Batch, Fields, Part, field};
use crate::models::Network;

/// The most that is kept, in bytes.
const ROOM: usize = 1 << 30;

/// The state after a model's frozen blocks for each picture that has passed, as long as those blocks stay as they are.
#[derive(Debug, Default)]
pub(super) struct FeatureCache {
    blocks: usize,
    fingerprint: u64,
    /// The fields and the shape of one picture's value in each; a row holds one after another.
    shapes: Vec<(String, Vec<usize>)>,
    rows: HashMap<(Part, usize), Vec<f32>>,
    /// Whether an example has a row a token, so that what is kept of each is of another length.
    packed: bool,
    /// Whether something was not kept, because it had no room.
    is_full: bool,
    /// The most training examples that came together: a batch's size.
    pub full: usize,
    pub hits: usize,
}

impl FeatureCache {
    /// Makes ready for a model: forgets everything where another number of blocks is frozen, or their values changed.
    pub fn prepare(&mut self, network: &Network) -> Result<()> {
        let blocks = network.frozen_parts();
        let mut fingerprint = network.adapters().mark();
        for param in network.params().params() {
            if param.group() < blocks {
                fingerprint = fingerprint.rotate_left(7) ^ param.fingerprint()?;
            }
        }
        for buffer in network.params().buffers() {
            if buffer.group() < blocks {
                fingerprint = fingerprint.rotate_left(7) ^ buffer.fingerprint()?;
            }
        }
        if (blocks, fingerprint) != (self.blocks, self.fingerprint) {
            *self = FeatureCache { blocks, fingerprint, ..FeatureCache::default() };
        }
        Ok(())
    }

    /// How many blocks the kept values have passed.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// How many tokens, with their padding, frozen blocks have to work through for a batch of texts; `None` where there is nothing to be kept of it, or
    /// it is kept already.
    pub fn lacks(&self, part: Part, batch: &Batch) -> Option<usize> {
        batch.inputs.find(field::MASK)?;
        let ids = batch.inputs.find(field::IDS)?;
        let is_kept = batch.ids.iter().all(|id| self.rows.contains_key(&(part, *id)));
        (self.blocks > 0 && !self.is_full && !is_kept).then(|| ids.elem_count())
    }

    /// The state after the frozen blocks for a batch: from what is kept, or computed and, where `keep`, kept.
    pub fn stem(&mut self, network: &Network, part: Part, batch: &Batch, keep: bool) -> Result<Fields> {
        let ids = &batch.ids;
        if self.blocks == 0 {
            return Ok(batch.inputs.clone());
        }
        if keep && ids.iter().all(|id| self.rows.contains_key(&(part, *id))) {
            self.hits += ids.len();
            return self.kept(part, ids);
        }
        // texts have another length in each batch, whatever is done
        let texts = batch.inputs.find(field::IDS).is_some();
        let state = if keep && part == Part::Train && !texts {
            self.full = self.full.max(ids.len());
            padded(network, self.blocks, &batch.inputs, (ids.len(), self.full))?
        } else {
            network.stem(self.blocks, &batch.inputs)?
        };
        let row: usize = state.iter().map(|(_, value)| value.elem_count() / ids.len().max(1)).sum();
        let has_room = (self.rows.len() + ids.len()) * row * size_of::<f32>() <= ROOM;
        self.is_full |= !has_room;
        if keep && has_room {
            let rows = match state.find(field::LENGTHS) {
                Some(lengths) => self.token_rows(state.get(field::FEATURES)?, &lengths.to_vec1()?)?,
                None => self.example_rows(&state, ids.len())?,
            };
            self.rows.extend(ids.iter().map(|id| (part, *id)).zip(rows));
        }
        Ok(state)
    }

    /// A row an example: its part of each field, one after another.
    fn example_rows(&mut self, state: &Fields, count: usize) -> Result<Vec<Vec<f32>>> {
        self.shapes = state.iter().map(|(name, value)| (name.to_owned(), value.dims()[1..].to_vec())).collect();
        let mut rows = vec![Vec::new(); count];
        for (_, value) in state.iter() {
            let values = value.flatten_all()?.to_vec1::<f32>()?;
            let size = values.len() / count.max(1);
            rows.iter_mut().zip(values.chunks_exact(size)).for_each(|(row, own)| row.extend_from_slice(own));
        }
        Ok(rows)
    }

    /// A row a text: those of its tokens, one after another.
    fn token_rows(&mut self, features: &Tensor, lengths: &[u32]) -> Result<Vec<Vec<f32>>> {
        let (width, values) = (features.dim(1)?, features.flatten_all()?.to_vec1::<f32>()?);
        self.packed = true;
        self.shapes = vec![(field::FEATURES.to_owned(), vec![width])];
        let mut rest = values.as_slice();
        let each = lengths.iter().map(|length| {
            let (own, after) = rest.split_at(*length as usize * width);
            rest = after;
            own.to_vec()
        });
        Ok(each.collect())
    }

    /// What is kept of these pictures or texts.
    fn kept(&self, part: Part, ids: &[usize]) -> Result<Fields> {
        if let (true, [(name, shape)]) = (self.packed, self.shapes.as_slice()) {
            let rows: Vec<&[f32]> = ids.iter().map(|id| self.rows[&(part, *id)].as_slice()).collect();
            let lengths: Vec<u32> = rows.iter().map(|row| (row.len() / shape[0]) as u32).collect();
            let (count, lengths) = (lengths.iter().sum::<u32>() as usize, Tensor::new(lengths, &Device::Cpu)?);
            let values = Tensor::from_vec(rows.concat(), (count, shape[0]), &Device::Cpu)?;
            return Ok(Fields::of(name, values).with(field::LENGTHS, lengths));
        }
        let (mut fields, mut from) = (Fields::default(), 0);
        for (name, shape) in &self.shapes {
            let size: usize = shape.iter().product();
            let mut values = Vec::with_capacity(ids.len() * size);
            for id in ids {
                values.extend_from_slice(&self.rows[&(part, *id)][from..from + size]);
            }
            from += size;
            let dims = [&[ids.len()], shape.as_slice()].concat();
            fields.set(name, Tensor::from_vec(values, dims, &Device::Cpu)?);
        }
        Ok(fields)
    }
}

/// The state of a batch that is shorter than others, computed as theirs: kernels are chosen by a batch's size, and what is kept of
/// an example is to be the same, to the last bit, in whichever batch it came.
fn padded(network: &Network, blocks: usize, inputs: &Fields, (count, full): (usize, usize)) -> Result<Fields> {
    if count == full || inputs.iter().any(|(_, value)| value.dims().first() != Some(&count)) {
        return network.stem(blocks, inputs);
    }
    let index = Tensor::from_iter((0..full).map(|row| (row % count) as u32), &Device::Cpu)?;
    let (mut long, mut short) = (Fields::default(), Fields::default());
    for (name, value) in inputs.iter() {
        long.set(name, value.index_select(&index.to_device(value.device())?, 0)?);
    }
    for (name, value) in network.stem(blocks, &long)?.iter() {
        short.set(name, value.narrow(0, 0, count)?.contiguous()?);
    }
    Ok(short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{BertConfig, BertLayout, HeadMaker, Pooling};
    use crate::params::ParamSet;

    /// Of texts, whose tokens lie one after another, each one's own rows are kept and given back in another order.
    #[test]
    fn texts_are_kept_by_their_own_tokens() -> Result<()> {
        let layout = BertLayout::new(BertConfig::new(20, 8, 3, 2), Pooling::Mean);
        let network = Network::bert(ParamSet::new(1), layout, HeadMaker::classes(2))?;
        let (ids, mask) =
            ([[3u32, 4, 5, 6], [7, 8, 0, 0], [9, 1, 2, 0]], [[1u32, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]);
        let batch = |order: [usize; 3]| -> Result<Batch> {
            let table = |of: [[u32; 4]; 3]| Tensor::new(&order.map(|at| of[at]), &Device::Cpu);
            let inputs = Fields::of(field::IDS, table(ids)?).with(field::MASK, table(mask)?);
            Ok(Batch { inputs, targets: Fields::default(), ids: order.to_vec() })
        };
        for frozen in [2, 4] {
            network.params().freeze_before(frozen);
            let mut cache = FeatureCache::default();
            cache.prepare(&network)?;
            cache.stem(&network, Part::Train, &batch([0, 1, 2])?, true)?;
            let other = batch([2, 0, 1])?;
            let kept = cache.stem(&network, Part::Train, &other, true)?;
            assert_eq!(cache.hits, 3);
            let fresh = network.stem(frozen, &other.inputs)?;
            assert_eq!(kept.names().collect::<Vec<_>>(), fresh.names().collect::<Vec<_>>());
            for (name, value) in fresh.iter() {
                let (kept, fresh) =
                    (kept.get(name)?.to_dtype(candle_core::DType::F32)?, value.to_dtype(candle_core::DType::F32)?);
                assert_eq!(kept.dims(), fresh.dims());
                assert!((kept - fresh)?.abs()?.max_all()?.to_scalar::<f32>()? < 1e-5, "{name}");
            }
        }
        Ok(())
    }
}

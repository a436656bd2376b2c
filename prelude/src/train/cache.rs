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
    /// Where rows are those of a text's tokens, one after another: the numbers a token, and the bytes of all that came.
    token_width: usize,
    token_bytes: usize,
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
        let state = if keep && part == Part::Train {
            self.full = self.full.max(ids.len());
            padded(network, self.blocks, &batch.inputs, (ids.len(), self.full))?
        } else {
            network.stem(self.blocks, &batch.inputs)?
        };
        if keep && let Some(lengths) = state.find(field::LENGTHS) {
            self.keep_tokens(part, ids, state.get(field::FEATURES)?, &lengths.to_vec1()?)?;
            return Ok(state);
        }
        let row: usize = state.iter().map(|(_, value)| value.elem_count() / ids.len().max(1)).sum();
        if keep && (self.rows.len() + ids.len()) * row * size_of::<f32>() <= ROOM {
            self.shapes = state.iter().map(|(name, value)| (name.to_owned(), value.dims()[1..].to_vec())).collect();
            let mut rows = vec![Vec::with_capacity(row); ids.len()];
            for (_, value) in state.iter() {
                let values = value.flatten_all()?.to_vec1::<f32>()?;
                let size = values.len() / ids.len().max(1);
                rows.iter_mut().zip(values.chunks_exact(size)).for_each(|(row, own)| row.extend_from_slice(own));
            }
            self.rows.extend(ids.iter().map(|id| (part, *id)).zip(rows));
        }
        Ok(state)
    }

    /// Keeps the rows of each text's tokens, which lie one after another.
    fn keep_tokens(&mut self, part: Part, ids: &[usize], rows: &Tensor, lengths: &[u32]) -> Result<()> {
        let (tokens, width) = rows.dims2()?;
        self.token_bytes += tokens * width * size_of::<f32>();
        if self.token_bytes > ROOM {
            return Ok(());
        }
        self.token_width = width;
        let values = rows.to_device(&Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?;
        let mut from = 0;
        for (id, length) in ids.iter().zip(lengths) {
            let to = from + *length as usize * width;
            self.rows.insert((part, *id), values[from..to].to_vec());
            from = to;
        }
        Ok(())
    }

    /// What is kept of these pictures or texts.
    fn kept(&self, part: Part, ids: &[usize]) -> Result<Fields> {
        if self.token_width > 0 {
            let rows: Vec<&Vec<f32>> = ids.iter().map(|id| &self.rows[&(part, *id)]).collect();
            let lengths: Vec<u32> = rows.iter().map(|row| (row.len() / self.token_width) as u32).collect();
            let values: Vec<f32> = rows.into_iter().flatten().copied().collect();
            let tokens = values.len() / self.token_width;
            let features = Tensor::from_vec(values, (tokens, self.token_width), &Device::Cpu)?;
            let lengths = Tensor::from_vec(lengths, ids.len(), &Device::Cpu)?;
            return Ok(Fields::of(field::FEATURES, features).with(field::LENGTHS, lengths));
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
/// an example is to be the same, to the last bit, in whichever batch it came. Texts are of many lengths, and no batch is like another.
fn padded(network: &Network, blocks: usize, inputs: &Fields, (count, full): (usize, usize)) -> Result<Fields> {
    if count == full
        || inputs.find(field::IDS).is_some()
        || inputs.iter().any(|(_, value)| value.dims().first() != Some(&count))
    {
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

//! Features of frozen blocks, computed once and kept.

use std::collections::HashMap;

use candle_core::Tensor;

use crate::Result;
use crate::data::Part;
use crate::models::Model;

/// The most that is kept, in bytes.
const ROOM: usize = 1 << 30;

/// The value of a model's frozen blocks for each picture that has passed, as long as those blocks stay as they are.
#[derive(Debug, Default)]
pub(super) struct FeatureCache {
    blocks: usize,
    fingerprint: u64,
    dims: Vec<usize>,
    rows: HashMap<(Part, usize), Vec<f32>>,
    pub hits: usize,
}

impl FeatureCache {
    /// Makes ready for a model: forgets everything where another number of blocks is frozen, or their values changed.
    pub fn prepare(&mut self, model: &Model) -> Result<()> {
        let blocks = model.frozen_blocks();
        let mut fingerprint = 0u64;
        for param in model.params().params() {
            if param.group() < blocks {
                fingerprint = fingerprint.rotate_left(7) ^ param.fingerprint()?;
            }
        }
        for buffer in model.params().buffers() {
            if buffer.group() < blocks {
                let sum = buffer.value().sum_all()?.to_scalar::<f32>()?;
                fingerprint = fingerprint.rotate_left(7) ^ u64::from(sum.to_bits());
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

    /// The value of the frozen blocks for a batch: from what is kept, or computed and, where `keep`, kept.
    pub fn stem(&mut self, model: &Model, part: Part, images: &Tensor, ids: &[usize], keep: bool) -> Result<Tensor> {
        if self.blocks == 0 {
            return Ok(images.clone());
        }
        if keep && ids.iter().all(|id| self.rows.contains_key(&(part, *id))) {
            self.hits += ids.len();
            let mut values = Vec::with_capacity(ids.len() * self.dims.iter().product::<usize>());
            for id in ids {
                values.extend_from_slice(&self.rows[&(part, *id)]);
            }
            let dims = [&[ids.len()], self.dims.as_slice()].concat();
            return Ok(Tensor::from_vec(values, dims, images.device())?);
        }
        let features = model.stem(self.blocks, images)?;
        let row = features.elem_count() / ids.len().max(1);
        if keep && (self.rows.len() + ids.len()) * row * size_of::<f32>() <= ROOM {
            self.dims = features.dims()[1..].to_vec();
            let values = features.flatten_all()?.to_vec1::<f32>()?;
            for (id, row) in ids.iter().zip(values.chunks_exact(row)) {
                self.rows.insert((part, *id), row.to_vec());
            }
        }
        Ok(features)
    }
}

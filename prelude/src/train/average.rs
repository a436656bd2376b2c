//! The moving average of the weights: kept beside, for validation and prediction.

use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::Tensor;

use super::cache::FeatureCache;
use crate::Result;
use crate::models::Network;

/// A second network whose values follow the first one's.
#[derive(Debug)]
pub(super) struct Average {
    pub decay: f64,
    /// The steps that it has followed.
    pub steps: AtomicU64,
    pub network: Network,
    pub cache: FeatureCache,
}

impl Average {
    /// An average that begins with the network as it is.
    pub fn of(network: &Network, decay: f64) -> Result<Average> {
        let steps = AtomicU64::new(0);
        Ok(Average { decay, steps, network: network.copy()?, cache: FeatureCache::default() })
    }

    /// The share that stays at the next step: at first little, so that the beginning is soon forgotten, `(1 + steps) / (10 + steps)`.
    fn keeps(&self) -> f64 {
        let steps = self.steps.fetch_add(1, Ordering::Relaxed) as f64;
        self.decay.min((1.0 + steps) / (10.0 + steps))
    }

    /// Moves every value a step towards the network's, running statistics too.
    pub fn follow(&self, network: &Network) -> Result<()> {
        let keeps = self.keeps();
        // a value that the network has reached stays as it is, bit for bit: so do frozen ones
        let moved = |old: Tensor, new: Tensor| -> Result<Tensor> { Ok((&old + ((new - &old)? * (1.0 - keeps))?)?) };
        for (own, param) in self.network.params().params().iter().zip(network.params().params()) {
            own.set_frozen(param.frozen());
            own.set(&moved(own.value(), param.value())?)?;
        }
        for (own, buffer) in self.network.params().buffers().iter().zip(network.params().buffers()) {
            own.set(&moved(own.value(), buffer.value())?)?;
        }
        Ok(())
    }
}

//! What a network still gets right of older data.

use candle_core::Device;

use super::cache::FeatureCache;
use super::metric::{Metric, Seen};
use super::metrics::Accuracy;
use crate::Result;
use crate::data::{Data, Order, Part, Spec};
use crate::layers::Pass;
use crate::models::Network;

/// The share of older examples whose class is found, among all classes that the network knows by now.
pub(super) struct OldClasses {
    data: Box<dyn Data>,
    spec: Spec,
    part: Part,
    accuracy: Accuracy,
    cache: FeatureCache,
}

impl OldClasses {
    pub const NAME: &'static str = "old accuracy";

    /// Of data whose classes have the network's numbers.
    pub fn of(data: Box<dyn Data>) -> Result<OldClasses> {
        let part = if data.count(Part::Valid) > 0 { Part::Valid } else { Part::Train };
        let spec = data.spec();
        Ok(OldClasses { data, spec, part, accuracy: Accuracy::default(), cache: FeatureCache::default() })
    }
}

impl Metric for OldClasses {
    fn name(&self) -> &str {
        OldClasses::NAME
    }

    fn add(&mut self, _: &Seen) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self, network: &Network) -> Result<()> {
        self.cache.prepare(network)?;
        for batch in self.data.batches(self.part, Order::Given)? {
            crate::interrupt::check()?;
            let batch = batch?;
            let state = self.cache.stem(network, self.part, &batch, true)?;
            let said = network.rest(self.cache.blocks(), &state, &Pass::eval())?.to_device(&Device::Cpu)?;
            self.accuracy.add(&Seen { said: &said, batch: &batch, spec: &self.spec })?;
        }
        Ok(())
    }

    fn value(&self) -> f64 {
        self.accuracy.value()
    }

    fn reset(&mut self) {
        self.accuracy.reset();
    }
}

//! What a network still gets right of older data.

use candle_core::Device;

use super::cache::FeatureCache;
use super::metric::{Better, Metric, Seen, Unit};
use crate::Result;
use crate::data::{Data, Order, Part, Spec};
use crate::layers::Pass;
use crate::models::Network;

/// What the task measures first (accuracy, average precision), of older examples, among all classes that the network knows by now.
pub(super) struct OldClasses {
    name: String,
    data: Box<dyn Data>,
    spec: Spec,
    part: Part,
    measure: Box<dyn Metric>,
    cache: FeatureCache,
}

impl OldClasses {
    /// Of data whose classes have the network's numbers.
    pub fn of(data: Box<dyn Data>, measure: Box<dyn Metric>) -> OldClasses {
        let part = if data.count(Part::Valid) > 0 { Part::Valid } else { Part::Train };
        let (spec, name) = (data.spec(), format!("old {}", measure.name()));
        OldClasses { name, data, spec, part, measure, cache: FeatureCache::default() }
    }
}

impl Metric for OldClasses {
    fn name(&self) -> &str {
        &self.name
    }

    fn unit(&self) -> Unit {
        self.measure.unit()
    }

    fn better(&self) -> Better {
        self.measure.better()
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
            self.measure.add(&Seen { said: &said, batch: &batch, spec: &self.spec })?;
        }
        self.measure.finish(network)
    }

    fn value(&self) -> f64 {
        self.measure.value()
    }

    fn reset(&mut self) {
        self.measure.reset();
    }
}

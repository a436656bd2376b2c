//! What is measured while batches are answered, one after another.

use super::judge::{Verdict, judge};
use super::metric::{Measure, Measures, Metric, Seen};
use super::task::Task;
use crate::data::{Batch, Fields, Spec};
use crate::models::Network;
use crate::{Error, Result};

/// The loss, the task's metrics and a person's over the batches that were answered so far.
pub(super) struct Tally<'a> {
    task: &'a dyn Task,
    spec: &'a Spec,
    own: Vec<Box<dyn Metric>>,
    persons: &'a mut [Box<dyn Metric>],
    loss: f64,
    count: usize,
}

impl<'a> Tally<'a> {
    pub fn begin(task: &'a dyn Task, spec: &'a Spec, persons: &'a mut [Box<dyn Metric>]) -> Tally<'a> {
        let mut tally = Tally { task, spec, own: task.metrics(spec), persons, loss: 0.0, count: 0 };
        tally.metrics().for_each(|metric| metric.reset());
        tally
    }

    fn metrics(&mut self) -> impl Iterator<Item = &mut Box<dyn Metric>> {
        self.own.iter_mut().chain(self.persons.iter_mut())
    }

    /// Takes one answered batch in.
    pub fn add(&mut self, said: &Fields, batch: &Batch) -> Result<()> {
        self.loss += self.task.loss(said, batch)?.value()? * batch.len() as f64;
        self.count += batch.len();
        let seen = Seen { said, batch, spec: self.spec };
        self.metrics().try_for_each(|metric| metric.add(&seen).map_err(|error| failed(metric.as_ref(), error)))
    }

    /// The verdict on each example of a batch.
    pub fn judge(&self, said: &Fields, batch: &Batch) -> Result<Vec<Verdict>> {
        judge(self.task, said, batch, self.spec)
    }

    /// What came of all batches; `network` is the one that answered.
    pub fn finish(mut self, network: &Network) -> Result<Measures> {
        self.metrics().try_for_each(|metric| metric.finish(network).map_err(|error| failed(metric.as_ref(), error)))?;
        let list = self.metrics().map(|metric| Measure::of(metric.as_ref())).collect();
        Ok(Measures { loss: self.loss / self.count.max(1) as f64, list })
    }
}

fn failed(metric: &dyn Metric, error: Error) -> Error {
    Error::new(format!("the metric `{}` failed", metric.name())).caused_by(error)
}

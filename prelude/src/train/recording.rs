//! Writes down where weights came from, and each fit as it is entered.

use super::learner::Learner;
use super::records::{DataRecord, FitRecord, WeightsRecord};
use super::run::FitRun;
use crate::data::{Data, Part};
use crate::params::{LoadReport, Param};

impl Learner {
    /// Notes where the weights came from, and what became of them.
    pub(super) fn came_from(&mut self, origin: &str, report: LoadReport) {
        let (loaded, new) = (report.loaded.len(), report.new.len() + report.wrong_shape.len());
        self.history.weights = Some(WeightsRecord { origin: short(origin), loaded: Some(loaded), new: Some(new) });
        *self.report = Some(report);
    }

    /// Notes that the body is another learner's.
    pub(super) fn came_from_learner(&mut self, other: &Learner) {
        let epochs = other.history.epochs.len();
        let before = match &other.history.weights {
            Some(weights) => format!(", which came from {}", weights.origin),
            None => String::new(),
        };
        let origin = format!("the body of another learner ({epochs} epochs of its own){before}");
        self.history.weights = Some(WeightsRecord { origin, loaded: None, new: None });
    }

    /// Notes a fit that begins.
    pub(super) fn record_fit(&mut self, verb: &str, data: &dyn Data, run: &FitRun) {
        let parts = self.network.parts();
        let rates = run.way.rate.over(parts.len());
        let params = self.network.params();
        let is_frozen = |group: usize| {
            let own = params.in_group(group);
            own.iter().any(|param| !param.fixed()) && own.iter().filter(|param| !param.fixed()).all(Param::frozen)
        };
        let frozen = parts.iter().enumerate().filter(|(group, _)| is_frozen(*group)).map(|(_, name)| name.clone());
        let names: Vec<String> = self.callbacks.iter().map(|callback| callback.name().to_owned()).collect();
        let record = FitRecord {
            verb: verb.to_owned(),
            epochs: run.way.epochs,
            first_epoch: self.history.epochs.len(),
            first_batch: self.history.batches.len(),
            rate: run.way.rate.to_string(),
            rates: parts.iter().cloned().zip(rates).collect(),
            schedule: run.way.schedule.to_string()
                + &run
                    .way
                    .schedule
                    .unfreezes()
                    .map_or(String::new(), |parts| format!(", {parts} part more with each epoch")),
            optimizer: self.optimizer.rule(),
            decay_all: self.optimizer.decays_all(),
            task: self.task.name().to_owned(),
            trained: self.trained_part(),
            frozen: frozen.collect(),
            seed: self.options.seed,
            options: self.options_words(),
            unnamed_callbacks: names.iter().filter(|name| name.is_empty()).count(),
            callbacks: names.into_iter().filter(|name| !name.is_empty()).collect(),
            threads: rayon::current_num_threads(),
            resumed: Vec::new(),
            data: Some(record_of(data)),
        };
        self.history.fits.push(record);
    }

    /// What a step does beside the plain one.
    fn options_words(&self) -> Vec<String> {
        let own = &self.options;
        let mut words = Vec::new();
        words.extend(
            (own.accumulate > 1).then(|| format!("gradients of {} batches gathered for a step", own.accumulate)),
        );
        words.extend(own.clip.map(|norm| format!("gradients shortened to a norm of {norm}")));
        words.extend((own.smoothing > 0.0).then(|| format!("label smoothing {}", own.smoothing)));
        words.extend((own.focus > 0.0).then(|| format!("focal loss {}", own.focus)));
        words.extend(
            self.average.as_ref().map(|average| format!("moving average of the weights, decay {}", average.decay)),
        );
        words.extend(self.lora_words());
        words.extend(own.train_bn.then(|| "BatchNorm trains in frozen parts too".to_owned()));
        words.extend(own.half.map(|kind| format!("products in {kind:?}")));
        words.extend((own.validate_every > 1).then(|| format!("validated every {} epochs", own.validate_every)));
        if !self.weights.is_empty() {
            let each = self.weights.iter().map(|weight| format!("{weight:.3}")).collect::<Vec<_>>();
            words.push(format!("class weights {}", each.join(", ")));
        }
        words
    }
}

/// What data say of themselves.
pub(super) fn record_of(data: &dyn Data) -> DataRecord {
    let counts = [Part::Train, Part::Valid, Part::Test].map(|part| data.count(part));
    DataRecord { counts, names: data.spec().names().to_vec(), provenance: data.provenance() }
}

/// A path's last name: no folder of this machine stands in a card.
fn short(origin: &str) -> String {
    let last = origin.rsplit(['/', '\\']).next().unwrap_or(origin);
    if last.is_empty() { origin.to_owned() } else { last.to_owned() }
}

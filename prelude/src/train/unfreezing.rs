//! Parts unfrozen one after the other, and BatchNorm that trains in frozen parts.

use super::history::{FitReport, Stage};
use super::learner::Learner;
use super::rate::IntoRate;
use super::run::FitRun;
use super::schedule::Schedule;
use crate::Result;
use crate::params::Param;

impl Learner {
    /// Trains the head alone for one epoch, and one part more with each further one, from the head down:
    /// `unfreeze_gradually(6, 1e-5..1e-3)`. So what the body knows is not forgotten at once. Howard and Ruder 2018.
    ///
    /// With a schedule, and several parts an epoch: `fit_with(6, 1e-5..1e-3, Schedule::one_cycle().unfreezing(2))`. What trains when
    /// is marked in the curve and in the history's stages; what stayed frozen is noted.
    ///
    /// # Errors
    /// As [`fit`](Learner::fit).
    pub fn unfreeze_gradually(&mut self, epochs: usize, rate: impl IntoRate) -> Result<FitReport> {
        self.run("unfreeze_gradually", epochs, rate.into_rate(), Schedule::constant().unfreezing(1))
    }

    /// Whether BatchNorm trains in frozen parts too, its scale, its offset and its statistics (default: no; fastai's `train_bn`). The
    /// body then takes part in every step: a frozen epoch costs about what a whole one does.
    ///
    /// It holds from now on; `freeze_matching` may freeze single ones afterwards.
    pub fn train_bn(&mut self, train: bool) -> &mut Learner {
        self.options.train_bn = train;
        if train {
            self.spare_norms();
        } else {
            let norms = self.batch_norms();
            for param in &norms {
                let others = self.network.params().in_group(param.group());
                let mut others = others.iter().filter(|other| !other.fixed() && !is_among(other, &norms)).peekable();
                if others.peek().is_some() && others.all(Param::frozen) {
                    param.freeze();
                }
            }
        }
        self
    }

    /// Makes BatchNorm trainable everywhere, where that is wished for.
    pub(super) fn spare_norms(&self) {
        if self.options.train_bn {
            self.batch_norms().iter().for_each(Param::unfreeze);
        }
    }

    /// The scales and offsets of BatchNorm: what stands beside a running mean.
    fn batch_norms(&self) -> Vec<Param> {
        let params = self.network.params();
        let (all, buffers) = (params.params(), params.buffers());
        let fixed = all.iter().filter(|param| param.fixed()).map(Param::name);
        let names = buffers.iter().map(|buffer| buffer.name()).chain(fixed);
        let places = names.filter_map(|name| name.strip_suffix("running_mean"));
        let beside = places.flat_map(|place| [format!("{place}weight"), format!("{place}bias")]);
        beside.filter_map(|name| params.get(&name)).filter(|param| !param.fixed()).collect()
    }

    /// What is trainable, in words: `head`, `from blocks.2`, `all`, `head and BatchNorm`, `adapters and head`.
    pub(super) fn trained_part(&self) -> String {
        if let Some(words) = self.adapted_part() {
            return if self.options.train_bn { format!("{words} and BatchNorm") } else { words };
        }
        let parts = self.network.parts();
        let norms = if self.options.train_bn { self.batch_norms() } else { Vec::new() };
        let trainable = self.network.params().trainable();
        let lowest = trainable.iter().map(Param::group).min();
        let first = trainable.iter().filter(|param| !is_among(param, &norms)).map(Param::group).min();
        let words = match first {
            Some(0) => "all".to_owned(),
            Some(index) if index + 1 == parts.len() => parts[index].clone(),
            Some(index) => format!("from {}", parts[index]),
            None if lowest.is_some() => return "BatchNorm".to_owned(),
            None => "nothing".to_owned(),
        };
        if lowest < first { format!("{words} and BatchNorm") } else { words }
    }

    /// Makes trainable what an epoch of a fit trains that unfreezes part by part; a stage says so, behind the first epoch.
    pub(super) fn unfreeze_for(&mut self, run: &mut FitRun) -> Result<()> {
        let Some(parts) = run.way.schedule.unfreezes() else { return Ok(()) };
        let first = self.network.backbone_parts().saturating_sub(run.way.done.saturating_mul(parts));
        self.network.freeze_where(|group| group < first);
        self.spare_norms();
        self.cache.prepare(&self.network)?;
        let trained = self.trained_part();
        let label = format!("{trained} · {}", run.way.rate);
        if run.epoch > 1 && self.history.stages.last().is_none_or(|stage| stage.label != label) {
            let batch = self.history.batches.len();
            self.history.stages.push(Stage { batch, label });
        }
        run.trained = Some(trained);
        Ok(())
    }

    /// What a fit that unfreezes part by part has left frozen, in words.
    pub(super) fn left_frozen(&self, run: &FitRun) -> Option<String> {
        let parts = run.way.schedule.unfreezes().filter(|_| run.way.done == run.way.epochs)?;
        let names = self.network.parts();
        let frozen = self.network.backbone_parts().saturating_sub((run.way.epochs - 1).saturating_mul(parts));
        let which = match frozen {
            0 => return None,
            1 => names[0].clone(),
            _ => format!("{} to {}", names[0], names[frozen - 1]),
        };
        let needed = self.network.backbone_parts().div_ceil(parts) + 1;
        Some(format!(
            "{which} stayed frozen: {} epochs came so far down; {needed} unfreeze all, or more parts an epoch: `.unfreezing({})`",
            run.way.epochs,
            self.network.backbone_parts().div_ceil(run.way.epochs.saturating_sub(1).max(1))
        ))
    }
}

fn is_among(param: &Param, others: &[Param]) -> bool {
    others.iter().any(|other| other.name() == param.name())
}

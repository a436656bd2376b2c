//! The gradient audit: trainable parameters that no gradient reaches, frozen ones that change.

use candle_core::backprop::GradStore;

use crate::Result;
use crate::params::{Param, ParamSet};
use crate::train::callback::{Callback, Fit, Next, When};

/// So many parameters are named.
const MOST: usize = 8;

/// What is checked in every fit: with its first gradients, and at its end.
#[derive(Debug, Default)]
pub(super) struct Audit {
    frozen: Vec<(Param, u64)>,
    seen: bool,
}

impl Callback for Audit {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        match when {
            When::FitBegins => *self = Audit::begin(fit.network().params())?,
            // others train from now on
            When::EpochBegins if fit.run.trained.is_some() => self.seen = false,
            When::GradientsKnown if !self.seen => {
                self.seen = true;
                if let Some(gradients) = &fit.run.gradients {
                    self.first_step(gradients.params(), gradients.store(), &mut fit.run.notes);
                }
            }
            When::FitEnded => self.end(&mut fit.run.notes)?,
            _ => {}
        }
        Ok(Next::Go)
    }
}

impl Audit {
    /// Remembers the frozen parameters as they are.
    fn begin(params: &ParamSet) -> Result<Audit> {
        let frozen = params.params().into_iter().filter(|param| param.frozen() && !param.fixed());
        let frozen = frozen.map(|param| Ok((param.clone(), param.fingerprint()?))).collect::<Result<_>>()?;
        Ok(Audit { frozen, seen: false })
    }

    /// Names the trainable parameters without a gradient.
    fn first_step(&self, trainable: &[Param], grads: &GradStore, notes: &mut Vec<String>) {
        let missing = trainable.iter().filter(|param| grads.get(param.var()).is_none()).map(Param::name);
        let missing: Vec<&str> = missing.collect();
        if !missing.is_empty() {
            let some = missing.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
            let more = if missing.len() > MOST { format!(" and {} more", missing.len() - MOST) } else { String::new() };
            // What most models of candle's stumble over: its kernels for these were made for answers alone.
            let cause = match missing.iter().any(|name| name.contains("norm") || name.contains("ln_")) {
                true => {
                    " candle's own LayerNorm, RmsNorm and `softmax_last_dim` hand none on; `ops::layer_norm` and `ops::softmax` do"
                }
                false => "",
            };
            let note = format!(
                "no gradient reaches {} of {} trainable parameters: {some}{more}. They will not learn: is their value used, and through \
                 operations that have a gradient?{cause}",
                missing.len(),
                trainable.len(),
            );
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }

    /// Names the frozen parameters that changed.
    fn end(&self, notes: &mut Vec<String>) -> Result<()> {
        for (param, before) in &self.frozen {
            if param.frozen() && param.fingerprint()? != *before {
                notes.push(format!("frozen, but changed during the fit: {}", param.name()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Init;
    use candle_core::{Device, Tensor};

    #[test]
    fn both_faults_are_named() -> Result<()> {
        let set = ParamSet::new(0);
        let used = set.scope("used", 0).param("weight", 2, Init::Ones)?;
        set.scope("idle", 0).param("weight", 2, Init::Ones)?;
        let frozen = set.scope("frozen", 0).param("weight", 2, Init::Ones)?;
        frozen.freeze();
        let audit = Audit::begin(&set)?;
        let mut notes = Vec::new();
        audit.first_step(&set.trainable(), &used.in_graph().sqr()?.sum_all()?.backward()?, &mut notes);
        assert_eq!(notes.len(), 1);
        assert!(notes[0].contains("1 of 2") && notes[0].contains("idle.weight"), "{}", notes[0]);
        audit.end(&mut notes)?;
        assert_eq!(notes.len(), 1, "nothing frozen has changed yet");
        frozen.set(&Tensor::new(&[1f32, 1.000_000_1], &Device::Cpu)?)?;
        audit.end(&mut notes)?;
        assert!(notes[1].contains("frozen.weight"), "{notes:?}");
        Ok(())
    }
}

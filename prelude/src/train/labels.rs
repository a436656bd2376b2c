//! Several labels an example: how such a learner is made, and what a label's share has to reach.

use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::learner::Learner;
use super::tasks::{Labels, best_thresholds};
use crate::data::{Data, Part, field};
use crate::models::IntoStart;
use crate::{Error, Result, ops};

/// Numbers, a row an example.
type Rows = Vec<Vec<f32>>;

impl Learner {
    /// A network that says any number of labels a picture, for data with labels; otherwise as [`Learner::vision`]. A label applies
    /// where its share is above one half, or what [`thresholds`](Learner::thresholds) has found.
    ///
    /// # Errors
    /// As [`Learner::vision`], and when the data has no labels.
    pub fn labels(arch: impl IntoStart, data: &impl Data) -> Result<Learner> {
        Learner::start(arch.into_start(), Arc::new(Labels), data)
    }

    /// Finds for each label the share above which its F1 on the validation examples is highest, and keeps them: from now on a
    /// label applies above its own. They are saved with the weights. A row a label: its name and its share.
    ///
    /// # Errors
    /// When the network was not made by [`Learner::labels`], there are no validation examples, or the user interrupts.
    pub fn thresholds(&mut self) -> Result<Vec<(String, f32)>> {
        let kept = |learner: &Learner| {
            let own = [&*learner.network, learner.judged()];
            own.map(|network| network.params().buffers().into_iter().find(|buffer| buffer.name() == "head.threshold"))
        };
        let [Some(own), Some(judged)] = kept(self) else {
            return Err(Error::new("this network keeps no thresholds for labels").remedy(
                "networks that `Learner::labels(arch, &data)?` makes keep some; of one of your own, `learner.answers(&x)?` gives every \
                 label's share",
            ));
        };
        let (shares, truths) = self.shares_of(Part::Valid)?;
        let best = best_thresholds(&shares, &truths);
        let values = Tensor::new(best.as_slice(), &Device::Cpu)?;
        own.set(&values)?;
        judged.set(&values)?;
        Ok(self.classes().iter().cloned().zip(best).collect())
    }

    /// The shares of a part's examples, a row each, and their truth.
    fn shares_of(&mut self, part: Part) -> Result<(Rows, Rows)> {
        let data = self.need_data()?;
        let (mut shares, mut truths) = (Vec::new(), Vec::new());
        self.answers_to(data.as_ref(), part, &mut |said, batch| {
            shares.extend(ops::sigmoid(said.get(field::LOGITS)?)?.to_vec2::<f32>()?);
            truths.extend(batch.targets.get(field::LABELS)?.to_vec2::<f32>()?);
            Ok(())
        })?;
        if shares.is_empty() {
            return Err(Error::new("there are no validation examples to find thresholds on")
                .remedy("keep some apart: `.split(0.2, 42)?`"));
        }
        Ok((shares, truths))
    }
}

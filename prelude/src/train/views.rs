//! Answers averaged over several views of a picture: test-time augmentation.

use candle_core::{D, Device, Tensor};
use image::RgbImage;

use super::answer::Answer;
use super::inspect::{Evaluation, no_examples};
use super::judge::Verdict;
use super::learner::Learner;
use super::metric::Measures;
use super::predict::Prediction;
use super::query::{Asked, Query};
use super::tally::Tally;
use crate::data::{Augment, Batch, Fields, Part, Spec, Target, field, varied_views};
use crate::layers::Pass;
use crate::{Error, Result, interrupt, limits, ops};

impl Learner {
    /// What the network says of a picture, averaged over `views` of it (2 to 64): the picture itself, and others varied as training pictures are, or
    /// where those are not, by [`Augment::standard`]. fastai's `tta`.
    ///
    /// # Errors
    /// When the count makes no sense, the file cannot be read, or the network says where something is.
    pub fn predict_tta(&self, picture: impl Query, views: usize) -> Result<Prediction> {
        self.predict_views(self.pixels_of(&picture)?, views)
    }

    // Not generic, so that the cell does not compile it.
    fn predict_views(&self, picture: RgbImage, views: usize) -> Result<Prediction> {
        check(views, "predict_tta", "(\"new.jpg\", 4)")?;
        let augment = self.data.as_ref().and_then(|data| data.augmented_by()).unwrap_or_else(Augment::standard);
        let transform = self.transform()?;
        let inputs = Fields::of(field::IMAGE, varied_views(&picture, &transform, augment, views, self.options.seed)?);
        let said = self.judged().rest(0, &inputs, &Pass::eval())?.to_device(&Device::Cpu)?;
        let rows = shares(&said, &self.spec)?;
        let said = said.row(0, views)?.with(self.spoken()?, unshared(&rows.mean_keepdim(0)?, &self.spec)?);
        let answers = self.task().answers(&said, &self.spec)?;
        let answer = answers.into_iter().next().unwrap_or_default();
        if !Answer::is_finite(&answer) {
            return Err(super::predict::diverged());
        }
        Ok(Prediction::of(answer, Asked::Picture(picture), &self.spec))
    }

    /// Measures on the validation pictures with answers averaged over `views` of each (2 to 64), as [`predict_tta`](Learner::predict_tta) does.
    ///
    /// # Errors
    /// When the count makes no sense, the data cannot be varied or has no validation pictures, or the user interrupts.
    pub fn evaluate_tta(&mut self, views: usize) -> Result<Evaluation> {
        self.evaluate_tta_on(Part::Valid, views)
    }

    /// The same on another part: `learner.evaluate_tta_on(Part::Test, 4)?`.
    ///
    /// # Errors
    /// As [`evaluate_tta`](Learner::evaluate_tta).
    pub fn evaluate_tta_on(&mut self, part: Part, views: usize) -> Result<Evaluation> {
        check(views, "evaluate_tta", "(4)")?;
        self.spoken()?;
        let (all, verdicts) = self.judge_views(part, views)?;
        Ok(self.evaluation(all, &verdicts))
    }

    /// The field that is averaged.
    fn spoken(&self) -> Result<&'static str> {
        match (&self.spec.target, self.spec.has(field::BOX)) {
            (Target::Class(_), false) | (Target::Classes(_), _) => Ok(field::LOGITS),
            (Target::Numbers(_), _) => Ok(field::NUMBERS),
            (Target::Class(_), true) if self.task.name() == "classify" => Ok(field::LOGITS),
            _ => Err(Error::new(
                "answers that say where something is are not averaged over views, in which it is elsewhere",
            )
            .remedy("views are for classes, labels and numbers; measure these as they are: `learner.evaluate()?`")),
        }
    }

    fn judge_views(&mut self, part: Part, views: usize) -> Result<(Measures, Vec<Verdict>)> {
        let data = self.need_data()?;
        if data.count(part) == 0 {
            return Err(no_examples(part, &self.spec));
        }
        let (name, spec) = (self.spoken()?, (*self.spec).clone());
        let mut seen: Vec<(Fields, Batch, Tensor)> = Vec::new();
        self.answers_to(data.as_ref(), part, &mut |said, batch| {
            seen.push((said.clone(), Batch { inputs: Fields::default(), ..batch.clone() }, shares(said, &spec)?));
            Ok(())
        })?;
        for view in 1..views as u64 {
            let batches = data.view(part, view)?.ok_or_else(|| {
                Error::new("these data cannot be looked at in several ways").remedy(
                    "views are for pictures in folders and tables; measure these as they are: `learner.evaluate()?`",
                )
            })?;
            for (batch, (_, kept, sum)) in batches.zip(&mut seen) {
                interrupt::check()?;
                let batch = batch?;
                if batch.ids != kept.ids {
                    return Err(Error::new("the views of the data do not come in one order"));
                }
                let said = self.judged().rest(0, &batch.inputs, &Pass::eval())?.to_device(&Device::Cpu)?;
                *sum = (&*sum + shares(&said, &spec)?)?;
            }
        }
        let task = self.task.clone();
        let mut verdicts = Vec::new();
        let mut tally = Tally::begin(task.as_ref(), &spec, &mut self.metrics);
        for (said, batch, sum) in seen {
            let said = said.with(name, unshared(&(sum / views as f64)?, &spec)?);
            tally.add(&said, &batch)?;
            verdicts.extend(tally.judge(&said, &batch)?);
        }
        let network = self.average.as_ref().map_or(&*self.network, |average| &average.network);
        Ok((tally.finish(network)?, verdicts))
    }
}

fn check(views: usize, verb: &str, usual: &str) -> Result<()> {
    let remedy = format!("four are usual: `learner.{verb}{usual}?`");
    limits::allow((2..=64).contains(&views), &format!("the views of `{verb}`"), &views, "2 to 64", &remedy)
}

/// What is averaged: probabilities, or numbers.
fn shares(said: &Fields, spec: &Spec) -> Result<Tensor> {
    Ok(match &spec.target {
        Target::Class(_) => ops::softmax(said.get(field::LOGITS)?, D::Minus1)?,
        Target::Classes(_) => ops::sigmoid(said.get(field::LOGITS)?)?,
        _ => said.get(field::NUMBERS)?.clone(),
    })
}

/// What gives these probabilities, or numbers.
fn unshared(mean: &Tensor, spec: &Spec) -> Result<Tensor> {
    Ok(match &spec.target {
        Target::Class(_) => mean.clamp(1e-30, 1.0)?.log()?,
        Target::Classes(_) => {
            let mean = mean.clamp(1e-7, 1.0 - 1e-7)?;
            (mean.log()? - mean.affine(-1.0, 1.0)?.log()?)?
        }
        _ => mean.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Input;

    #[test]
    fn shares_come_back() -> Result<()> {
        let names = vec!["a".to_owned(), "b".to_owned()];
        let logits = Tensor::new(&[[2f32, -1.0], [0.3, 0.1]], &Device::Cpu)?;
        for target in [Target::Class(names.clone()), Target::Classes(names.clone()), Target::Numbers(names)] {
            let spec = Spec::new(Input::Tensor(vec![1]), target, 0);
            let name = if let Target::Numbers(_) = spec.target { field::NUMBERS } else { field::LOGITS };
            let own = shares(&Fields::of(name, logits.clone()), &spec)?;
            let back = unshared(&own, &spec)?;
            let again = shares(&Fields::of(name, back), &spec)?;
            let far = (own - again)?.abs()?.max_all()?.to_scalar::<f32>()?;
            assert!(far < 1e-5, "{far}");
        }
        Ok(())
    }
}

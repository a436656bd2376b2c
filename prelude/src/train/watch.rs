//! Pictures, or texts, that are looked at after each epoch, to see a network learn.

use super::learner::Learner;
use super::query::Asked;
use crate::data::{Order, Part, Target};
use crate::plot::{self, Figure};
use crate::{Error, Result, limits};

/// More are not shown: they would push the curve off the screen, and cost time in each epoch.
const MOST: usize = 12;

/// The places of `count` things, spread evenly over so many; of fewer all of them.
pub(super) fn spread(all: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(all);
    (0..count).map(move |at| at * all / count)
}

impl Learner {
    /// Shows in each later fit, after each epoch (where epochs are short, less often), what the network says of these validation pictures or texts: `count` of them, spread over all, up to 12.
    /// 0 shows none. It costs one more prediction each.
    ///
    /// # Errors
    /// When the count is above 12, the data has nothing for validation that could be looked at, or one cannot be read.
    pub fn watch(&mut self, count: usize) -> Result<&mut Learner> {
        let remedy = "4 are usual: `learner.watch(4)?`";
        limits::allow(count <= MOST, "the count of `watch`", &count, "a number from 0 to 12", remedy)?;
        self.watched.clear();
        if count == 0 {
            return Ok(self);
        }
        let data = self.need_data()?;
        let mut ids = Vec::new();
        for batch in data.batches(Part::Valid, Order::Given)? {
            ids.extend(batch?.ids);
        }
        let mut watched = Vec::new();
        for at in spread(ids.len(), count) {
            watched.extend(Asked::example(data.example(ids[at])?));
        }
        if watched.is_empty() {
            return Err(match ids.is_empty() {
                true => Error::new(format!("there are no validation {}s to watch", self.spec.input.noun()))
                    .remedy("keep some apart: `.split(0.2, 42)?`"),
                false => Error::new(format!(
                    "{} are neither pictures nor texts that could be looked at",
                    self.spec.input.words()
                ))
                .remedy("`learner.validate()?` measures them; a callback of your own may show what you like"),
            });
        }
        *self.watched = watched;
        Ok(self)
    }

    /// What is said of them now; `None` where there are none.
    pub(super) fn glance(&self) -> Result<Option<Figure>> {
        if self.watched.is_empty() {
            return Ok(None);
        }
        let said = self.predict_each(&mut self.watched.iter().cloned().map(Ok), self.watched.len())?;
        let finds = matches!(self.spec.target, Target::Boxes(_));
        let caption = |one: &super::Prediction| match (finds, one.boxes.len()) {
            (true, count) => format!("{count} found"),
            (false, _) => one.caption(),
        };
        let captions: Vec<String> = said.iter().map(caption).collect();
        let pictures: Vec<_> = said.iter().map(|one| one.thumb(said.len()).unwrap_or_else(|| one.drawn())).collect();
        Ok(Some(plot::strip(&pictures, &captions)))
    }
}

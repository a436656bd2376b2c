//! Pictures that are looked at after each epoch, to see a network learn.

use super::learner::Learner;
use crate::data::{Order, Part, Target};
use crate::plot::{self, Figure};
use crate::{Error, Result, limits};

/// More are not shown: they would push the curve off the screen, and cost time in each epoch.
const MOST: usize = 12;

impl Learner {
    /// Shows in each later fit, after each epoch (where epochs are short, less often), what the network says of these validation pictures: `count` of them, spread over all, up to 12.
    /// 0 shows none. It costs one more prediction each.
    ///
    /// # Errors
    /// When the count is above 12, the data has no validation pictures, or one cannot be read.
    pub fn watch(&mut self, count: usize) -> Result<&mut Learner> {
        let remedy = "4 are usual: `learner.watch(4)?`";
        limits::allow(count <= MOST, "the count of `watch`", &count, "a number from 0 to 12", remedy)?;
        self.watched.clear();
        if count == 0 {
            return Ok(self);
        }
        self.transform()?;
        let data = self.need_data()?;
        let (every, mut ids) = (data.count(Part::Valid).div_ceil(count).max(1), Vec::new());
        for batch in data.batches(Part::Valid, Order::Given)? {
            ids.extend(batch?.ids);
        }
        let mut pictures = Vec::new();
        for id in ids.into_iter().step_by(every) {
            pictures.extend(data.example(id)?.picture);
        }
        if pictures.is_empty() {
            return Err(
                Error::new("there are no validation pictures to watch").remedy("keep some apart: `.split(0.2, 42)?`")
            );
        }
        *self.watched = pictures;
        Ok(self)
    }

    /// What is said of them now; `None` where there are none.
    pub(super) fn glance(&self) -> Result<Option<Figure>> {
        if self.watched.is_empty() {
            return Ok(None);
        }
        let said = self.predict_all(&self.watched)?;
        let finds = matches!(self.spec.target, Target::Boxes(_));
        let caption = |one: &super::Prediction| match (finds, one.boxes.len()) {
            (true, count) => format!("{count} found"),
            (false, _) => one.caption(),
        };
        let captions: Vec<String> = said.iter().map(caption).collect();
        let pictures: Vec<_> = said.iter().filter_map(|one| one.thumb(said.len())).collect();
        Ok(Some(plot::strip(&pictures, &captions)))
    }
}

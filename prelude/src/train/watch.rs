//! Pictures, or texts, that are looked at after each epoch, to see a network learn.

use super::learner::Learner;
use super::query::{Asked, Watched};
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
    /// Shows in each later fit, after each epoch (where epochs are short, less often), what the network says of these validation pictures or texts, and what is true where that is something else: `count` of
    /// them, spread over all, up to 12. 0 shows none. It costs one more prediction each.
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
        let spec = data.spec();
        for batch in data.batches(Part::Valid, Order::Given)? {
            let batch = batch?;
            let truths = match &spec.target {
                Target::Class(_) | Target::Classes(_) | Target::Numbers(_) => self.task.truths(&batch, &spec)?,
                _ => Vec::new(),
            };
            let words = |at: usize| truths.get(at).map(|truth| truth.words(&spec));
            ids.extend(batch.ids.iter().enumerate().map(|(at, id)| (*id, words(at))));
        }
        let mut watched = Vec::new();
        for at in spread(ids.len(), count) {
            let (id, truth) = &ids[at];
            let asked = Asked::example(data.example(*id)?);
            watched.extend(asked.map(|asked| Watched { asked, truth: truth.clone() }));
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
        let said = self.predict_each(&mut self.watched.iter().map(|one| Ok(one.asked.clone())), self.watched.len())?;
        let finds = matches!(self.spec.target, Target::Boxes(_));
        let caption = |one: &super::Prediction| match (finds, one.boxes.len()) {
            (true, count) => format!("{count} found"),
            (false, _) => one.caption(),
        };
        let beside = |(one, watched): (&super::Prediction, &Watched)| match &watched.truth {
            Some(truth) if *truth != one.label => format!("{}\nis {truth}", caption(one)),
            _ => caption(one),
        };
        let captions: Vec<String> = said.iter().zip(self.watched.iter()).map(beside).collect();
        let pictures: Vec<_> = said.iter().map(|one| one.thumb(said.len()).unwrap_or_else(|| one.drawn())).collect();
        let figure = plot::strip(&pictures, &captions);
        // a terminal shows no page: the words themselves
        let line = |(one, caption): (&super::Prediction, &String)| {
            let begin: String = one.text.as_deref()?.chars().take(60).collect();
            Some(format!("{}: {begin}", caption.replace('\n', ", ")))
        };
        let lines: Option<Vec<String>> = said.iter().zip(&captions).map(line).collect();
        Ok(Some(match lines {
            Some(lines) => figure.with_text(lines.join("\n")),
            None => figure,
        }))
    }
}

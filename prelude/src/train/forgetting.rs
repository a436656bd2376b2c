//! More classes without losing the old ones: a wider head, what the old classes still get right, rehearsal, distillation.

use super::callbacks::{Distill, Rehearse, Softened};
use super::learner::Learner;
use super::metric::{Metric, Unit};
use super::old_classes::OldClasses;
use crate::data::{Data, Part, Renamed, Target};
use crate::{Error, Result, limits, show};

impl Learner {
    /// The same network with a head for the data's further classes too, as a new learner: the rows of the old classes are kept, those of the new
    /// ones are random. The old classes come first, in their order. History and optimiser start afresh.
    ///
    /// ```no_run
    /// # use candlewick_prelude::prelude::*;
    /// # let (learner, old, new) = (Learner::pretrained(Arch::default())?, ImageFolder::open("old")?, ImageFolder::open("new")?);
    /// let mut both = learner.add_classes(&new)?;         // car, bus, van, and what is new
    /// both.keep_old_classes(&old)?;                      // a column of the table: what the old classes still get right
    /// both.rehearse(&old, 0.25)?;                        // a quarter of each batch from the old data, or without them
    /// both.distill(&learner, 2.0, 1.0)?;                 // the old network's answers as soft targets
    /// both.fit(3, 1e-3)?;
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the data has no class that is new, or numbers instead of classes; and when the network was made in one piece.
    pub fn add_classes(&self, data: &impl Data) -> Result<Learner> {
        self.widened(data)
    }

    // Not generic, so that a cell that calls the verbs does not compile it.
    fn widened(&self, data: &dyn Data) -> Result<Learner> {
        data.check()?;
        let (own, wanted) = (self.spec.target.clone(), data.spec());
        if std::mem::discriminant(&own) != std::mem::discriminant(&wanted.target)
            || matches!(own, Target::Numbers(_) | Target::Own(_))
        {
            return Err(Error::new(format!(
                "the network tells {}, the data has {}",
                own.words(),
                wanted.target.words()
            ))
            .remedy("give it a new head: `let mut learner = learner.replace_head(&data)?;`"));
        }
        let mut names = own.names().to_vec();
        names.extend(wanted.names().iter().filter(|name| !own.names().contains(name)).cloned());
        if names.len() == own.names().len() {
            return Err(Error::new(format!(
                "the network knows all classes of the data: {}",
                wanted.names().join(", ")
            ))
            .remedy("train it on the data: `learner.set_data(&data)?`"));
        }
        let learner = self.with_head_for(&Renamed::of(data.boxed(), &names)?)?;
        // a detector has taken over the rows of shared classes by then
        if learner.network.detector().is_none() {
            learner.network.widen_head(&self.judged().params().snapshot()?, own.names().len(), names.len())?;
        }
        Ok(learner)
    }

    /// Measures after each epoch what the network still gets right of older data, whose classes it knows among others: `old accuracy`, a column of
    /// its own in the live table (of several labels and of boxes the old average precision), of one set of older data at a time. It is measured on the old data's validation pictures, or where there are none, on those for training.
    ///
    /// # Errors
    /// When the network does not know one of the old classes, or the learner's own data has no validation examples, with which it would be
    /// measured.
    pub fn keep_old_classes(&mut self, old: &impl Data) -> Result<&mut Learner> {
        self.keep(old)
    }

    fn keep(&mut self, old: &dyn Data) -> Result<&mut Learner> {
        if self.need_data()?.count(Part::Valid) == 0 {
            return Err(Error::new(
                "nothing is measured after an epoch: the learner's data has no validation examples",
            )
            .remedy("keep some apart: `.split(0.2, 42)?`"));
        }
        let old = self.older(old)?;
        let Some(measure) = self.task.metrics(&self.spec).into_iter().next() else {
            let what = format!("the task `{}` measures nothing beside its loss", self.task.name());
            return Err(Error::new(what).remedy("give it `metrics`, such as `vec![Box::new(Accuracy::default())]`"));
        };
        let measured = OldClasses::of(old, measure);
        let before = self.metrics.len();
        self.metrics.retain(|metric| metric.name() != measured.name());
        if self.metrics.len() < before {
            show::note(
                "the old classes of this data are measured from now on, those of the data before no more: for both, put them into one data set",
            );
        }
        self.metrics.push(Box::new(measured));
        Ok(self)
    }

    /// What to say where little of the old classes is left.
    pub(super) fn forgotten(&self) -> Option<String> {
        let measured = self.history.epochs.last()?.valid.as_ref()?;
        let old = measured.list.iter().find(|one| one.name.starts_with("old ") && one.unit == Unit::Share)?;
        (old.value < 0.5).then(|| {
            format!(
                "{} is {:.3}: what was learned before is being lost; `learner.rehearse(&old, 0.25)?` shows old examples among the new ones, \
                 `learner.distill(&older, 2.0, 1.0)?` holds on to what the older network says",
                old.name, old.value
            )
        })
    }

    /// Adds examples of older data to each batch of every later fit, so that they are this share of it (0.25: a quarter), another few each time:
    /// rehearsal (Robins 1995). Of a detector these are whole pictures with their boxes, without those that are put together of several. An old
    /// example does not say whether it has a new label. It is a callback: `learner.remove_callbacks()` ends it.
    ///
    /// # Errors
    /// When the share is not between 0 and 1, the old data is of another kind or has no training examples, or the network does not know one of
    /// its classes.
    pub fn rehearse(&mut self, old: &impl Data, share: f64) -> Result<&mut Learner> {
        self.rehearse_with(old, share)
    }

    fn rehearse_with(&mut self, old: &dyn Data, share: f64) -> Result<&mut Learner> {
        let remedy = "a quarter is usual: `learner.rehearse(&old, 0.25)?`";
        limits::allow(
            share > 0.0 && share < 1.0,
            "the share of `rehearse`",
            &share,
            "a number between 0 and 1",
            remedy,
        )?;
        let old = self.older(old)?;
        if old.count(Part::Train) == 0 {
            return Err(Error::new("the old data has no training examples").remedy("give it some"));
        }
        self.callbacks.retain(|callback| callback.name() != Rehearse::NAME);
        let old = old.settled().unwrap_or(old);
        Ok(self.add_boxed(Box::new(Rehearse::of(old, share))))
    }

    /// Has every later fit also keep the answers of an older network to the same pictures, for the classes that both know, without old data:
    /// learning without forgetting (Li and Hoiem 2016). To the loss comes, `weight` times, T² · KL of the older network's softmax at a
    /// temperature T to this network's (Hinton et al. 2015); 2 and 1 are the paper's. The older network is copied and stays as it is. It is a
    /// callback: `learner.remove_callbacks()` ends it.
    ///
    /// Of several labels it is T² · the binary cross-entropy of each label's share at the temperature T towards the older network's. Of detectors
    /// it is the squared difference of what both say, boxes' numbers and logits, of the 64 cells of each picture where the older one is surest
    /// of something (Shmelkov et al. 2017, on proposals); logits as they are have no temperature.
    ///
    /// # Errors
    /// When temperature or weight is no number above 0, the two share no class (no two where an example has one class), are of different kinds, or the
    /// memory does not hold another network.
    pub fn distill(&mut self, older: &Learner, temperature: f64, weight: f64) -> Result<&mut Learner> {
        let remedy = "`learner.distill(&older, 2.0, 1.0)?` is the paper's";
        for (name, value) in [("temperature", temperature), ("weight", weight)] {
            let fine = value.is_finite() && value > 0.0;
            limits::allow(fine, &format!("the {name} of `distill`"), &value, "a finite number above 0", remedy)?;
        }
        let shared: Vec<(u32, u32)> = older
            .classes()
            .iter()
            .enumerate()
            .filter_map(|(at, name)| Some((at as u32, self.classes().iter().position(|own| own == name)? as u32)))
            .collect();
        let kinds = (&self.spec.target, &older.spec.target);
        let (kind, least) = match kinds {
            (Target::Class(_), Target::Class(_)) => (Softened::Classes, 2),
            (Target::Classes(_), Target::Classes(_)) => (Softened::Labels, 1),
            (Target::Boxes(_), Target::Boxes(_)) => (Softened::Cells, 1),
            _ => {
                let what = format!("the older network tells {}, this one {}", kinds.1.words(), kinds.0.words());
                return Err(Error::new(what).remedy(
                    "one class an example, labels, or boxes are kept: make this one of the older, `older.add_classes(&data)?`",
                ));
            }
        };
        if shared.len() < least {
            let what = format!(
                "the older network knows {}, this one {}: they share no {}",
                older.classes().join(", "),
                self.classes().join(", "),
                if least == 2 { "two classes" } else { "class" }
            );
            return Err(
                Error::new(what).remedy("make this one of the older: `let mut both = older.add_classes(&data)?;`")
            );
        }
        let network = older.judged().copy()?;
        self.callbacks.retain(|callback| callback.name() != Distill::NAME);
        Ok(self.add_boxed(Box::new(Distill { network, kind, shared, temperature, weight })))
    }

    /// Older data as this network wants it, with the numbers of its own classes.
    fn older(&self, old: &dyn Data) -> Result<Box<dyn Data>> {
        let target = old.spec().target;
        let both = (&target, &self.spec.target);
        if !matches!(
            both,
            (Target::Class(_), Target::Class(_))
                | (Target::Classes(_), Target::Classes(_))
                | (Target::Boxes(_), Target::Boxes(_))
        ) {
            return Err(Error::new(format!(
                "the old data has {}, the network tells {}",
                target.words(),
                self.spec.target.words()
            ))
            .remedy("old data are of the kind that the network learns: classes, labels or boxes"));
        }
        self.alien(old)
    }
}

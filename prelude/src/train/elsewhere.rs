//! Measuring on other data than those that a learner trains on.

use super::inspect::Evaluation;
use super::judge::Verdict;
use super::learner::Learner;
use crate::data::{Data, Known, Part, Renamed, Target, known_too};
use crate::plot::{self, Figure};
use crate::words::count;
use crate::{Error, Result, show};

/// What [`Learner::evaluate_on`] measures on: a part of the learner's own data, or other data.
#[derive(Clone, Copy)]
pub enum MeasuredOn<'a> {
    /// A part of its own data.
    Part(Part),
    /// Other data: their validation examples, where they are not split all.
    Data(&'a dyn Data),
}

/// What can be measured on: `Part::Test`, or a reference to data.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing to measure on",
    label = "expected a part of the data, or other data",
    note = "`learner.evaluate_on(Part::Test)?` measures on what is held out",
    note = "`learner.evaluate_on(&data)?` measures on other data: `let data = ImageFolder::open(\"others\")?;`"
)]
pub trait ToMeasure {
    /// The same, told apart.
    fn measured_on(&self) -> MeasuredOn<'_>;
}

impl ToMeasure for Part {
    fn measured_on(&self) -> MeasuredOn<'_> {
        MeasuredOn::Part(*self)
    }
}

impl<D: Data> ToMeasure for &D {
    fn measured_on(&self) -> MeasuredOn<'_> {
        MeasuredOn::Data(*self)
    }
}

impl Learner {
    /// Measures on a part of the data, `learner.evaluate_on(Part::Test)?`, or on other data: the same verb says how well a network does on
    /// pictures of another scanner, or on a second table. Of other data it is the validation examples, where they are not split all of them;
    /// their classes are among the learner's, in any order. What they hold out for the test stays untouched.
    ///
    /// ```no_run
    /// # use candlewick_prelude::prelude::*;
    /// # let data = ImageFolder::open("photos")?.split(0.2, 42)?;
    /// # let mut learner = Learner::vision(Arch::default(), &data)?;
    /// let others = ImageFolder::open("photos of another museum")?;
    /// learner.evaluate_on(&others)?;
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there are no examples, other data are of another kind or have a class that the network does not know, or the user interrupts.
    pub fn evaluate_on(&mut self, on: impl ToMeasure) -> Result<Evaluation> {
        match on.measured_on() {
            MeasuredOn::Part(part) => {
                let data = self.need_data()?;
                self.evaluation_of(data.as_ref(), part)
            }
            MeasuredOn::Data(data) => self.elsewhere(data, Learner::evaluation_of),
        }
    }

    /// The confusion matrix of a part's examples, drawn: `learner.confusion_on(Part::Test)?`; or of other data, whose classes are among the learner's:
    /// `learner.confusion_on(&others)?`.
    ///
    /// # Errors
    /// As [`evaluate_on`](Learner::evaluate_on), and where an example has not one class.
    pub fn confusion_on(&mut self, on: impl ToMeasure) -> Result<Figure> {
        self.check_one_class()?;
        let verdicts = self.verdicts_on(on)?;
        Ok(plot::confusion(&self.matrix_of(&verdicts), self.classes()))
    }

    /// What the network says of a part of the learner's own data, or of other data.
    pub(super) fn verdicts_on(&mut self, on: impl ToMeasure) -> Result<Vec<Verdict>> {
        match on.measured_on() {
            MeasuredOn::Part(part) => Ok(self.verdicts(part)?.1),
            MeasuredOn::Data(data) => {
                self.elsewhere(data, |learner, data, part| Ok(learner.verdicts_of(data, part)?.1))
            }
        }
    }

    /// Looks at the part of other data that is measured on.
    fn elsewhere<R>(
        &mut self,
        data: &dyn Data,
        look: impl FnOnce(&mut Learner, &dyn Data, Part) -> Result<R>,
    ) -> Result<R> {
        let data = self.alien(data)?;
        let part = if data.count(Part::Valid) > 0 { Part::Valid } else { Part::Train };
        let many = count(data.count(part), self.spec.input.noun());
        show::note(&match part {
            Part::Valid => format!("measured on the {many} that these data keep for validation"),
            _ => format!("measured on all {many}: these data are not split"),
        });
        if let (Some(own), Some(other)) = (self.spec.transform(), data.spec().transform())
            && own.size != other.size
        {
            show::note(&format!(
                "these pictures are of {} pixels, the network has seen {} and may do worse for that alone; without `.size(…)` they are as it has seen them",
                other.size, own.size
            ));
        }
        if data.count(Part::Test) > 0 {
            let held = count(data.count(Part::Test), self.spec.input.noun());
            show::note(&format!("{held} of these data are held out for a test, and not among what is measured"));
        }
        self.tell_of_known(data.as_ref(), part)?;
        // features that are kept have the numbers of examples: those of other data are other ones
        let own = std::mem::take(&mut *self.cache);
        let averaged: Vec<_> = self.average.iter_mut().map(|average| std::mem::take(&mut average.cache)).collect();
        let found = look(self, data.as_ref(), part);
        *self.cache = own;
        self.average.iter_mut().zip(averaged).for_each(|(average, cache)| average.cache = cache);
        found
    }

    /// What its own data and earlier ones have for training, if it has trained.
    pub(super) fn trained_on(&self) -> Vec<Known> {
        let mut all = self.earlier.to_vec();
        if let Some(data) = self.data.as_ref().filter(|_| !self.history.batches.is_empty()) {
            all.extend(data.known_by(Part::Train));
        }
        Known::once(all)
    }

    /// Says which examples of other data the learner trains on itself.
    fn tell_of_known(&self, data: &dyn Data, part: Part) -> Result<()> {
        let mut own = self.earlier.to_vec();
        own.extend(self.data.iter().flat_map(|data| data.known_by(Part::Train)));
        let others = data.known_by(part);
        let names = known_too(&own, &others)?;
        let Some(first) = names.first() else { return Ok(()) };
        let (noun, first) = (self.spec.input.noun(), first.chars().take(60).collect::<String>());
        let all = count(others.len(), noun);
        show::note(&match names.len() {
            1 => format!(
                "`{first}`, one of these {all}, is among those that the network learns from, and tells nothing of new ones"
            ),
            many if many == others.len() => {
                format!("the network learns from all of these {all}: they tell nothing of new ones")
            }
            many => format!(
                "{many} of these {all} are among those that the network learns from, and tell nothing of new ones: `{first}` is the first"
            ),
        });
        Ok(())
    }

    /// Other data as this network wants them, with the numbers of its own classes.
    pub(super) fn alien(&self, data: &dyn Data) -> Result<Box<dyn Data>> {
        data.check()?;
        let target = data.spec().target;
        let differs = || {
            let what = format!("these data have {}, the network tells {}", target.words(), self.spec.target.words());
            Error::new(what).remedy("measure on data that say the same of each example")
        };
        self.check_kind(&data.spec())?;
        match (&target, &self.spec.target) {
            (Target::Class(_), Target::Class(_))
            | (Target::Classes(_), Target::Classes(_))
            | (Target::Boxes(_), Target::Boxes(_)) => self.suited(&Renamed::of(data.boxed(), self.classes())?),
            (own, other) if own == other => self.suited(data),
            _ => Err(differs()),
        }
    }

    fn evaluation_of(&mut self, data: &dyn Data, part: Part) -> Result<Evaluation> {
        if let Target::Boxes(_) = self.spec.target {
            let (all, pictures) = self.pictures_judged_of(data, part)?;
            return self.evaluated(all, &pictures);
        }
        let (all, verdicts) = self.verdicts_of(data, part)?;
        Ok(self.evaluation(all, &verdicts))
    }
}

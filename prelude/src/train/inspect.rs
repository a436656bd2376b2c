//! What a network gets right and wrong: validation, confusion, the worst pictures.

use super::judge::Verdict;
use super::learner::Learner;
use super::metric::Measures;
use super::predict::diverged;
use super::records::TestRecord;
use super::worst::TopLosses;
use crate::boxes::measure::CocoNumbers;
use crate::data::{Data, Part, Spec, Target};
use crate::plot::{self, Figure};
use crate::show::{Bundle, Show, Table};
use crate::words::share_of;
use crate::{Error, Result, limits, show};

/// What was measured on a part of the data, overall and class by class.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Over all pictures.
    pub all: Measures,
    /// A row a class.
    pub classes: Vec<ClassMeasures>,
    /// Where there are numbers instead of classes, each one's name and mean absolute error.
    pub numbers: Vec<(String, f64)>,
    /// Of a detector, COCO's numbers over all classes.
    pub coco: Option<CocoNumbers>,
    /// Of a detector, a row a class.
    pub boxes: Vec<BoxMeasures>,
}

/// What was measured of the boxes of one class.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxMeasures {
    /// The class.
    pub name: String,
    /// How many of them are true.
    pub objects: usize,
    /// COCO's numbers of this class.
    pub coco: CocoNumbers,
}

/// What was measured on the pictures of one class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassMeasures {
    /// The class.
    pub name: String,
    /// Its pictures.
    pub pictures: usize,
    /// Share of them that was recognised (recall).
    pub recall: f64,
    /// Share of the pictures called so that are so (precision); 0 where none was.
    pub precision: f64,
    /// How many pictures were called so.
    pub called: usize,
    /// Mean intersection over union of their boxes, where there are boxes.
    pub iou: Option<f64>,
}

impl Learner {
    /// Measures on the validation pictures.
    ///
    /// # Errors
    /// When there are none, or the user interrupts.
    pub fn validate(&mut self) -> Result<Evaluation> {
        self.evaluate_on(Part::Valid)
    }

    /// The same as [`validate`](Learner::validate), by the name that Keras has for it.
    ///
    /// # Errors
    /// As there.
    pub fn evaluate(&mut self) -> Result<Evaluation> {
        self.validate()
    }

    /// What was measured, class by class.
    pub(super) fn evaluation(&self, all: Measures, verdicts: &[Verdict]) -> Evaluation {
        let share = |some: usize, of: usize| if of == 0 { 0.0 } else { some as f64 / of as f64 };
        let mut found = Evaluation { all, classes: Vec::new(), numbers: Vec::new(), coco: None, boxes: Vec::new() };
        let names = self.classes().iter().enumerate();
        match self.spec.target {
            Target::Class(_) | Target::Classes(_) => found.classes.extend(names.map(|(class, name)| {
                let own: Vec<&Verdict> = verdicts.iter().filter(|one| one.truth.tells(class)).collect();
                let called = verdicts.iter().filter(|one| one.answer.tells(class)).count();
                let right = own.iter().filter(|one| one.answer.tells(class)).count();
                let overlap = own.iter().map(|one| one.iou()).sum::<Option<f64>>().filter(|_| !own.is_empty());
                ClassMeasures {
                    name: name.clone(),
                    pictures: own.len(),
                    recall: share(right, own.len()),
                    precision: share(right, called),
                    called,
                    iou: overlap.map(|sum| sum / own.len() as f64),
                }
            })),
            Target::Numbers(_) => found.numbers.extend(names.map(|(index, name)| {
                let pairs = verdicts
                    .iter()
                    .filter_map(|one| Some((one.answer.numbers.get(index)?, one.truth.numbers.get(index)?)));
                let errors = pairs.map(|(said, truth)| f64::from((said - truth).abs()));
                (name.clone(), errors.sum::<f64>() / verdicts.len() as f64)
            })),
            _ => {}
        }
        found
    }

    /// How often each class of the validation pictures is taken for each: `matrix[truth][guess]`. Answers that are no numbers
    /// are left out.
    ///
    /// Of a detector the last row and the last column are the background: what was seen where nothing is, and what was not seen.
    ///
    /// # Errors
    /// When there are no validation pictures or no classes, or the user interrupts.
    pub fn confusion_matrix(&mut self) -> Result<Vec<Vec<usize>>> {
        if let Target::Boxes(_) = self.spec.target {
            return self.box_confusion();
        }
        self.check_one_class()?;
        let verdicts = self.verdicts(Part::Valid)?.1;
        Ok(self.matrix_of(&verdicts))
    }

    /// Refuses where an example has not one class.
    pub(super) fn check_one_class(&self) -> Result<()> {
        if !matches!(self.spec.target, Target::Class(_)) {
            let what = match self.spec.target {
                Target::Numbers(_) => "numbers have no confusion matrix".to_owned(),
                ref other => {
                    format!("there is a confusion matrix where an example has one class; these have {}", other.words())
                }
            };
            return Err(Error::new(what).remedy(
                "`learner.validate()?` gives what is measured of them, `learner.top_losses(9)?` the worst examples",
            ));
        }
        Ok(())
    }

    /// How often each class is taken for each in these verdicts.
    pub(super) fn matrix_of(&self, verdicts: &[Verdict]) -> Vec<Vec<usize>> {
        let count = self.classes().len();
        let mut matrix = vec![vec![0; count]; count];
        for one in verdicts {
            if let (Some(truth), Some(guess)) = (one.truth.class, one.answer.class)
                && let Some(cell) = matrix.get_mut(truth).and_then(|row| row.get_mut(guess))
            {
                *cell += 1;
            }
        }
        matrix
    }

    /// The confusion matrix of a network that says something.
    pub(super) fn told_apart(&mut self) -> Result<Vec<Vec<usize>>> {
        let matrix = self.confusion_matrix()?;
        match matrix.iter().flatten().any(|count| *count > 0) {
            true => Ok(matrix),
            false => Err(diverged()),
        }
    }

    /// The confusion matrix, drawn.
    ///
    /// # Errors
    /// When there are no validation pictures, or the user interrupts.
    pub fn confusion(&mut self) -> Result<Figure> {
        let matrix = self.told_apart()?;
        let mut names = self.classes().to_vec();
        names.resize(matrix.len(), "background".to_owned());
        Ok(plot::confusion(&matrix, &names))
    }

    /// The validation examples with the highest losses, `count` of them (1 to 1000): what was said, how sure, what is true.
    ///
    /// # Errors
    /// When the count makes no sense, when there are no examples for validation, or the user interrupts.
    pub fn top_losses(&mut self, count: usize) -> Result<TopLosses> {
        limits::shown("learner.top_losses", count)?;
        let data = self.need_data()?;
        let (_, verdicts) = self.verdicts(Part::Valid)?;
        TopLosses::of(verdicts, count, data.as_ref(), &self.spec)
    }

    pub(super) fn verdicts(&mut self, part: Part) -> Result<(Measures, Vec<Verdict>)> {
        let data = self.need_data()?;
        self.verdicts_of(data.as_ref(), part)
    }

    /// The same of these data: the learner's own, of which a test is written down, or others, of which there is none.
    pub(super) fn verdicts_of(&mut self, data: &dyn Data, part: Part) -> Result<(Measures, Vec<Verdict>)> {
        if data.count(part) == 0 {
            return Err(no_examples(part, &self.spec));
        }
        self.cache.prepare(&self.network)?;
        let (measures, verdicts) = self.judge_part(data, part, true)?;
        if part == Part::Test {
            let (epochs, examples) = (self.history.epochs.len(), verdicts.len());
            self.history.tested += 1;
            self.history.test = Some(TestRecord { epochs, examples, measures: measures.clone() });
        }
        if !measures.loss.is_finite() {
            show::note(&format!(
                "the loss is {}: the network has diverged, and these numbers mean nothing; load a checkpoint, or make it anew",
                measures.loss
            ));
        }
        Ok((measures, verdicts))
    }
}

/// A part without examples cannot be measured.
pub(super) fn no_examples(part: Part, spec: &Spec) -> Error {
    let what = format!("the data has no examples for {}", part.as_str());
    let folder = if spec.transform().is_some() { ", or a folder named val or test" } else { "" };
    let verb = if part == Part::Test { ".hold_out(0.2, 1)?" } else { ".split(0.2, 42)?" };
    Error::new(what).remedy(format!("keep some apart: `{verb}`{folder}"))
}

impl Show for Evaluation {
    fn bundle(&self) -> Bundle {
        let boxes = self.classes.iter().any(|class| class.iou.is_some());
        let mut head = vec!["class", "examples", "recall", "precision"];
        head.extend(boxes.then_some("mean IoU"));
        let mut table = Table::new(head).left(0);
        for class in &self.classes {
            let mut row = vec![class.name.clone(), class.pictures.to_string()];
            row.extend([share_of(class.recall, class.pictures), share_of(class.precision, class.called)]);
            row.extend(boxes.then(|| class.iou.map_or("–".to_owned(), |iou| format!("{iou:.3}"))));
            table.push(row);
        }
        if !self.numbers.is_empty() {
            table = Table::new(["number", "mean error"]).left(0);
            self.numbers.iter().for_each(|(name, error)| table.push([name.clone(), format!("{error:.4}")]));
        }
        if !self.boxes.is_empty() {
            let cell = |number: Option<f64>| number.map_or("–".to_owned(), |number| format!("{number:.3}"));
            table = Table::new(["class", "objects", "AP", "AP50", "AP75", "AR100"]).left(0);
            for class in &self.boxes {
                let CocoNumbers { ap, ap_50, ap_75, ar_100, .. } = class.coco;
                let mut row = vec![class.name.clone(), class.objects.to_string()];
                row.extend([ap, ap_50, ap_75, ar_100].map(cell));
                table.push(row);
            }
            if let Some(CocoNumbers { ap, ap_50, ap_75, ar_100, ap_small, ap_medium, ap_large, .. }) = self.coco {
                let objects: usize = self.boxes.iter().map(|class| class.objects).sum();
                let mut row = vec!["mean".to_owned(), objects.to_string()];
                row.extend([ap, ap_50, ap_75, ar_100].map(cell));
                table.push(row);
                let sizes = [ap_small, ap_medium, ap_large].map(cell);
                table = table
                    .note(format!("AP of small (up to 32²), medium (to 96²) and large objects: {}", sizes.join(", ")));
            }
        }
        let words = self.all.words();
        let loss = format!("loss {:.4}", self.all.loss);
        let note = if words.is_empty() { loss } else { format!("{words}, {loss}") };
        if self.classes.is_empty() && self.numbers.is_empty() && self.boxes.is_empty() {
            return Bundle::new().text(note);
        }
        table.note(note).bundle()
    }
}

//! What a network gets right and wrong: validation, confusion, the worst pictures.

use super::history::Measures;
use super::learner::Learner;
use super::objective::{Answers, Judged};
use crate::data::Part;
use crate::models::Task;
use crate::plot::{self, Figure};
use crate::show::{Bundle, Show, Table};
use crate::{Error, Result, limits};

/// What was measured on a part of the data, overall and class by class.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Over all pictures.
    pub all: Measures,
    /// A row a class.
    pub classes: Vec<ClassMeasures>,
    /// Where there are numbers instead of classes, each one's name and mean absolute error.
    pub numbers: Vec<(String, f64)>,
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
    /// Mean intersection over union of their boxes, where there are boxes.
    pub iou: Option<f64>,
}

impl Learner {
    /// Measures on the validation pictures.
    ///
    /// # Errors
    /// When there are none, or the user interrupts.
    pub fn validate(&mut self) -> Result<Evaluation> {
        self.evaluate(Part::Valid)
    }

    /// Measures on a part's pictures: `learner.evaluate(Part::Test)?`.
    ///
    /// # Errors
    /// When there are none, or the user interrupts.
    pub fn evaluate(&mut self, part: Part) -> Result<Evaluation> {
        let (all, Answers { judged, told }) = self.answers(part)?;
        let share = |some: usize, of: usize| if of == 0 { 0.0 } else { some as f64 / of as f64 };
        let classes = (self.classes.iter().enumerate().filter(|_| told.is_empty()))
            .map(|(class, name)| {
                let own: Vec<&Judged> = judged.iter().filter(|one| one.truth == class).collect();
                let called = judged.iter().filter(|one| one.guess == Some(class)).count();
                let right = own.iter().filter(|one| one.guess == Some(class)).count();
                let overlap = own.iter().map(|one| one.iou).sum::<Option<f64>>().filter(|_| !own.is_empty());
                ClassMeasures {
                    name: name.clone(),
                    pictures: own.len(),
                    recall: share(right, own.len()),
                    precision: share(right, called),
                    iou: overlap.map(|sum| sum / own.len() as f64),
                }
            })
            .collect();
        let numbers = (self.classes.iter().enumerate().filter(|_| !told.is_empty()))
            .map(|(index, name)| {
                let errors = told.iter().map(|one| f64::from((one.said[index] - one.truth[index]).abs()));
                (name.clone(), errors.sum::<f64>() / told.len() as f64)
            })
            .collect();
        Ok(Evaluation { all, classes, numbers })
    }

    /// How often each class of the validation pictures is taken for each: `matrix[truth][guess]`. Answers that are no numbers
    /// are left out.
    ///
    /// # Errors
    /// When there are no validation pictures or no classes, or the user interrupts.
    pub fn confusion_matrix(&mut self) -> Result<Vec<Vec<usize>>> {
        if self.model.task() == Task::Regress {
            return Err(Error::new("numbers have no confusion matrix")
                .remedy("`learner.validate()?` gives their mean errors, `learner.top_losses(9)?` the worst pictures"));
        }
        let (_, Answers { judged, .. }) = self.answers(Part::Valid)?;
        let mut matrix = vec![vec![0; self.classes.len()]; self.classes.len()];
        for one in judged {
            if let Some(guess) = one.guess {
                matrix[one.truth][guess] += 1;
            }
        }
        Ok(matrix)
    }

    /// The confusion matrix, drawn.
    ///
    /// # Errors
    /// When there are no validation pictures, or the user interrupts.
    pub fn confusion(&mut self) -> Result<Figure> {
        Ok(plot::confusion(&self.confusion_matrix()?, &self.classes))
    }

    /// The validation pictures with the highest losses, `count` of them (1 to 1000): what was said, how sure, what is true.
    ///
    /// # Errors
    /// When the count makes no sense, when there are no validation pictures, or the user interrupts.
    pub fn top_losses(&mut self, count: usize) -> Result<Figure> {
        limits::shown("learner.top_losses", count)?;
        let data = self.need_data()?;
        let (_, Answers { mut judged, mut told }) = self.answers(Part::Valid)?;
        judged.sort_by(|a, b| b.loss.abs().total_cmp(&a.loss.abs()));
        let (mut pictures, mut captions) = (Vec::new(), Vec::new());
        for one in judged.iter().take(count) {
            pictures.push(data.picture(one.id)?);
            let truth = &self.classes[one.truth];
            let said = one
                .guess
                .map_or("no number".to_owned(), |guess| format!("{} {:.0} %", self.classes[guess], one.score * 100.0));
            captions.push(format!("{said}\nis {truth}, loss {:.2}", one.loss));
        }
        told.sort_by(|a, b| b.error().total_cmp(&a.error()));
        for one in told.iter().take(count) {
            pictures.push(data.picture(one.id)?);
            let row =
                |numbers: &[f32]| numbers.iter().map(|value| format!("{value:.3}")).collect::<Vec<_>>().join(", ");
            captions.push(format!("{}\nis {}", row(&one.said), row(&one.truth)));
        }
        Ok(plot::grid(&pictures, &captions))
    }

    fn answers(&mut self, part: Part) -> Result<(Measures, Answers)> {
        let data = self.need_data()?;
        if data.count(part) == 0 {
            return Err(Error::new(format!("the data has no pictures for {}", part.as_str()))
                .remedy("keep some apart: `.split(0.2, 42)?`, or a folder named val or test"));
        }
        self.cache.prepare(&self.model)?;
        self.judge_part(data.as_ref(), part)
    }
}

impl Show for Evaluation {
    fn bundle(&self) -> Bundle {
        let boxes = self.all.iou.is_some();
        let mut head = vec!["class", "pictures", "recall", "precision"];
        head.extend(boxes.then_some("mean IoU"));
        let mut table = Table::new(head).left(0);
        for class in &self.classes {
            let mut row = vec![class.name.clone(), class.pictures.to_string()];
            row.extend([class.recall, class.precision].map(|share| format!("{share:.3}")));
            row.extend(boxes.then(|| class.iou.map_or("–".to_owned(), |iou| format!("{iou:.3}"))));
            table.push(row);
        }
        if !self.numbers.is_empty() {
            table = Table::new(["number", "mean error"]).left(0);
            self.numbers.iter().for_each(|(name, error)| table.push([name.clone(), format!("{error:.4}")]));
        }
        table.note(format!("{}, loss {:.4}", self.all.words(), self.all.loss)).bundle()
    }
}

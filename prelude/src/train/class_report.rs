//! Precision, recall and F1, a row a class.

use super::elsewhere::ToMeasure;
use super::judge::Verdict;
use super::learner::Learner;
use crate::data::{Part, Target};
use crate::show::{Bundle, Show, Table};
use crate::words::share_of;
use crate::{Error, Result};

/// Precision, recall, F1 and examples of one class, or of a mean over the classes.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportRow {
    /// The class, or which mean it is.
    pub name: String,
    /// The share of what was called so that is so; 0 where nothing was.
    pub precision: f64,
    /// The share of what is so that was called so; 0 where nothing is.
    pub recall: f64,
    /// The harmonic mean of both; 0 where both are.
    pub f1: f64,
    /// How many examples are so.
    pub support: usize,
    /// How many examples were called so.
    pub called: usize,
}

/// Precision, recall and F1 of each class and their means: scikit-learn's `classification_report`, with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassReport {
    /// A row a class.
    pub classes: Vec<ReportRow>,
    /// The share of examples that are right, where each has one class.
    pub accuracy: Option<f64>,
    /// The mean over all labels, where an example may have several; then the plain mean over the classes, and the one weighted by their
    /// examples. Classes that are never true and never said are left out, as scikit-learn does.
    pub means: Vec<ReportRow>,
}

/// How often a class was said and so, said, and so.
type Counts = (usize, usize, usize);

fn row(name: &str, (right, said, so): Counts) -> ReportRow {
    let share = |some: usize, of: usize| if of == 0 { 0.0 } else { some as f64 / of as f64 };
    let (precision, recall) = (share(right, said), share(right, so));
    // as a share of counts, so that it is exact
    let f1 = share(2 * right, said + so);
    ReportRow { name: name.to_owned(), precision, recall, f1, support: so, called: said }
}

impl ClassReport {
    /// The report of counts by class: right, said, true; `right` of so many examples, where each has one class.
    fn of(names: &[String], counts: &[Counts], right: Option<(usize, usize)>) -> ClassReport {
        let classes: Vec<ReportRow> = names.iter().zip(counts).map(|(name, counts)| row(name, *counts)).collect();
        let there: Vec<&ReportRow> = classes
            .iter()
            .zip(counts)
            .filter(|(_, (_, said, so))| right.is_none() || *said > 0 || *so > 0)
            .map(|(own, _)| own)
            .collect();
        let support: usize = there.iter().map(|one| one.support).sum();
        let called: usize = there.iter().map(|one| one.called).sum();
        let mean = |name: &str, weight: &dyn Fn(&ReportRow) -> f64| {
            let all: f64 = there.iter().map(|one| weight(one)).sum();
            let of = |value: fn(&ReportRow) -> f64| {
                let sum: f64 = there.iter().map(|one| weight(one) * value(one)).sum();
                if all > 0.0 { sum / all } else { 0.0 }
            };
            let (precision, recall, f1) = (of(|one| one.precision), of(|one| one.recall), of(|one| one.f1));
            ReportRow { name: name.to_owned(), precision, recall, f1, support, called }
        };
        let mut means = Vec::new();
        if right.is_none() {
            let sum = |part: fn(&Counts) -> usize| counts.iter().map(part).sum();
            means.push(row("micro mean", (sum(|one| one.0), sum(|one| one.1), sum(|one| one.2))));
        }
        means.push(mean("macro mean", &|_| 1.0));
        means.push(mean("weighted mean", &|one| one.support as f64));
        let accuracy = right.map(|(right, all)| if all == 0 { 0.0 } else { right as f64 / all as f64 });
        ClassReport { classes, accuracy, means }
    }

    /// A row a class, then the means; `–` where a share is one of nothing, which counts as 0 in a mean.
    pub fn table(&self) -> Table {
        let mut table = Table::new(["class", "precision", "recall", "F1", "examples"]).left(0);
        for one in self.classes.iter().chain(&self.means) {
            let mut cells = vec![one.name.clone()];
            cells.push(share_of(one.precision, one.called));
            cells.push(share_of(one.recall, one.support));
            cells.push(share_of(one.f1, one.called + one.support));
            cells.push(one.support.to_string());
            table.push(cells);
        }
        if let Some(accuracy) = self.accuracy {
            table = table.note(format!("accuracy {accuracy:.3}"));
        }
        match self.classes.iter().any(|one| one.called == 0 || one.support == 0) {
            true => table.note("– is a share of nothing, 0 in a mean; what is neither there nor said is in no mean"),
            false => table,
        }
    }
}

impl Show for ClassReport {
    fn bundle(&self) -> Bundle {
        self.table().bundle()
    }
}

impl Learner {
    /// Precision, recall and F1 of each class on the validation examples, and their means.
    ///
    /// # Errors
    /// When there are no validation examples or no classes, or the user interrupts.
    pub fn classification_report(&mut self) -> Result<ClassReport> {
        self.classification_report_on(Part::Valid)
    }

    /// The same on a part's examples, `learner.classification_report_on(Part::Test)?`, or on other data: `(&others)`, as
    /// [`evaluate_on`](Learner::evaluate_on).
    ///
    /// # Errors
    /// As [`classification_report`](Learner::classification_report).
    pub fn classification_report_on(&mut self, on: impl ToMeasure) -> Result<ClassReport> {
        let one_each = match &self.spec.target {
            Target::Class(_) => true,
            Target::Classes(_) => false,
            other => {
                return Err(Error::new(format!("there is a report of classes; these examples have {}", other.words()))
                    .remedy("`learner.validate()?` gives what is measured of them"));
            }
        };
        let verdicts = self.verdicts_on(on)?;
        Ok(self.report_of(&verdicts, one_each))
    }

    /// The report of these verdicts; whether each example has one class.
    pub(super) fn report_of(&self, verdicts: &[Verdict], one_each: bool) -> ClassReport {
        let names = self.classes();
        let counts: Vec<Counts> = (0..names.len())
            .map(|class| {
                let said = verdicts.iter().filter(|one| one.answer.tells(class));
                let so = verdicts.iter().filter(|one| one.truth.tells(class)).count();
                let right = said.clone().filter(|one| one.truth.tells(class)).count();
                (right, said.count(), so)
            })
            .collect();
        let right = counts.iter().map(|one| one.0).sum();
        ClassReport::of(names, &counts, one_each.then_some((right, verdicts.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn same(found: &ReportRow, expected: &Value) {
        let number = |name: &str| expected[name].as_f64().expect("a number");
        for (found, name) in [(found.precision, "precision"), (found.recall, "recall"), (found.f1, "f1-score")] {
            assert!((found - number(name)).abs() < 1e-12, "{name}: {found} {expected}");
        }
        assert_eq!(found.support as f64, number("support"), "{found:?}");
    }

    #[test]
    fn the_numbers_are_scikit_learns() {
        let file: Value = serde_json::from_str(include_str!("../../tests/fixtures/reports.json")).expect("JSON");
        let rows = |name: &str| file[name].as_array().expect("a list").clone();
        let truth: Vec<usize> = rows("truth").iter().map(|one| one.as_u64().expect("a class") as usize).collect();
        let said: Vec<usize> = rows("shares")
            .iter()
            .map(|row| {
                let row: Vec<f64> = row.as_array().expect("a row").iter().filter_map(Value::as_f64).collect();
                (0..row.len()).rev().max_by(|a, b| row[*a].total_cmp(&row[*b])).expect("it has classes")
            })
            .collect();
        let names: Vec<String> = (0..4).map(|class| class.to_string()).collect();
        let both = |class: usize| {
            let right = truth.iter().zip(&said).filter(|(a, b)| **a == class && **b == class).count();
            let of = |list: &[usize]| list.iter().filter(|one| **one == class).count();
            (right, of(&said), of(&truth))
        };
        let counts: Vec<Counts> = (0..4).map(both).collect();
        let right = counts.iter().map(|one| one.0).sum();
        let report = ClassReport::of(&names, &counts, Some((right, truth.len())));
        let expected = &file["report"];
        for class in &report.classes[..3] {
            same(class, &expected[&class.name]);
        }
        assert!(
            (report.accuracy.expect("one class each") - expected["accuracy"].as_f64().expect("it is")).abs() < 1e-12
        );
        same(&report.means[0], &expected["macro avg"]);
        same(&report.means[1], &expected["weighted avg"]);
        assert!(report.table().text().contains("weighted mean"));
        // several labels an example
        let cell = |name: &str, row: usize, label: usize| file[name][row][label].as_u64() == Some(1);
        let counts: Vec<Counts> = (0..3)
            .map(|label| {
                let count = |so: &dyn Fn(usize) -> bool| (0..60).filter(|row| so(*row)).count();
                let (said, so) = (|row| cell("tagged", row, label), |row| cell("labels", row, label));
                (count(&|row| said(row) && so(row)), count(&said), count(&so))
            })
            .collect();
        let report = ClassReport::of(&names[..3], &counts, None);
        let expected = &file["labels_report"];
        report.classes.iter().for_each(|class| same(class, &expected[&class.name]));
        for (mean, name) in report.means.iter().zip(["micro avg", "macro avg", "weighted avg"]) {
            same(mean, &expected[name]);
        }
    }
}

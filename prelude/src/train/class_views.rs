//! Curves of classes and labels: how well shares rank, and how honest they are.

use super::inspect::no_examples;
use super::judge::Verdict;
use super::learner::Learner;
use super::predict::diverged;
use super::ranking::{RankCurve, Scored, calibration_error, precision_recall, reliability, roc};
use super::watch::spread;
use super::worst::TopLosses;
use crate::data::{Part, Target};
use crate::plot::{self, Figure, Lines, Look};
use crate::show::Table;
use crate::{Error, Result, limits};

/// So many classes get a line of their own.
const LINES: usize = 6;
/// Ranges of shares of a calibration curve, as many as Guo et al. have.
const BINS: usize = 15;

/// The shares of every example, and of each class whether it is so.
struct Shares {
    rows: Vec<(Vec<f32>, Vec<bool>)>,
    /// Each example has one class.
    one_each: bool,
}

impl Shares {
    fn of_class(&self, class: usize) -> Vec<Scored> {
        self.rows.iter().filter_map(|(shares, so)| Some((*shares.get(class)?, *so.get(class)?))).collect()
    }
}

impl Learner {
    fn shares(&mut self, verb: &str) -> Result<Shares> {
        let one_each = match &self.spec.target {
            Target::Class(_) => true,
            Target::Classes(_) => false,
            other => {
                return Err(Error::new(format!(
                    "`learner.{verb}` is for classes and labels, this learner tells {}",
                    other.words()
                ))
                .remedy("`learner.validate()?` gives what is measured"));
            }
        };
        let data = self.need_data()?;
        if data.count(Part::Valid) == 0 {
            return Err(no_examples(Part::Valid, &self.spec));
        }
        let (task, spec) = (self.task.clone(), (*self.spec).clone());
        let (classes, mut rows) = (spec.names().len(), Vec::new());
        self.answers_to(data.as_ref(), Part::Valid, &mut |said, batch| {
            for (answer, truth) in task.answers(said, &spec)?.into_iter().zip(task.truths(batch, &spec)?) {
                if !answer.is_finite() {
                    return Err(diverged());
                }
                rows.push((answer.shares, (0..classes).map(|class| truth.tells(class)).collect()));
            }
            Ok(())
        })?;
        Ok(Shares { rows, one_each })
    }

    /// A curve of each class, the classes with most examples first, and the mean of their areas.
    fn class_curves(
        &mut self,
        verb: &str,
        curve: fn(&[Scored]) -> Option<RankCurve>,
    ) -> Result<Vec<(String, Option<RankCurve>)>> {
        let shares = self.shares(verb)?;
        let names = self.classes().to_vec();
        plot::list_classes(&names);
        // of two classes the second one's curve says all
        let two = shares.one_each && names.len() == 2;
        let count = |scored: &[Scored]| scored.iter().filter(|(_, so)| *so).count();
        let mut curves = Vec::new();
        for (class, name) in names.into_iter().enumerate().skip(usize::from(two)) {
            let scored = shares.of_class(class);
            curves.push((count(&scored), name, curve(&scored)));
        }
        if curves.iter().all(|(.., curve)| curve.is_none()) {
            let there: Vec<&str> = (0..self.classes().len())
                .filter(|class| count(&shares.of_class(*class)) > 0)
                .filter_map(|class| Some(self.classes().get(class)?.as_str()))
                .collect();
            let what = if there.is_empty() { "nothing".to_owned() } else { format!("`{}` alone", there.join("`, `")) };
            return Err(Error::new(format!("the validation examples are of {what}: there is nothing to rank"))
                .remedy("keep examples of every class apart: `.split(0.2, 42)?`"));
        }
        curves.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
        Ok(curves.into_iter().map(|(_, name, curve)| (name, curve)).collect())
    }

    /// The true positive rate over the false positive rate on the validation examples, each class against the others, with the area below
    /// each line (AUC): scikit-learn's `roc_auc_score`. Of two classes it is the second one's. The classes with most examples have a
    /// line; the figure's table has all of them.
    ///
    /// # Errors
    /// When the learner tells no classes or labels, the validation examples are of one class, or the user interrupts.
    pub fn roc(&mut self) -> Result<Figure> {
        let curves = self.class_curves("roc", roc)?;
        let lines = Lines::new("false positive rate", "true positive rate").shares();
        let chance = [(0.0, 0.0), (1.0, 1.0)];
        Ok(drawn(lines, curves, "AUC").reference("chance", &chance).figure())
    }

    /// Precision over recall of each class, with the average precision (scikit-learn's `average_precision_score`).
    pub(super) fn class_precision_recall(&mut self) -> Result<Figure> {
        let curves = self.class_curves("precision_recall", precision_recall)?;
        Ok(drawn(Lines::new("recall", "precision").shares(), curves, "AP").figure())
    }

    /// How many of the answers to the validation examples are right over how sure they are: on the diagonal they are as sure as they
    /// should be, below it too sure. The title tells the expected calibration error over 15 ranges of shares (ECE; Guo et al. 2017).
    ///
    /// Of one class an example it is the answer's share that counts, of labels each label's.
    ///
    /// # Errors
    /// When the learner tells no classes or labels, there are no validation examples, or the user interrupts.
    pub fn calibration(&mut self) -> Result<Figure> {
        let shares = self.shares("calibration")?;
        let mut scored = Vec::new();
        for (row, so) in &shares.rows {
            match shares.one_each {
                true => {
                    let best = (0..row.len()).rev().max_by(|a, b| row[*a].total_cmp(&row[*b]));
                    scored.extend(best.map(|best| (row[best], so[best])));
                }
                false => scored.extend(row.iter().copied().zip(so.iter().copied())),
            }
        }
        let bins = reliability(&scored, BINS);
        let error = calibration_error(&bins);
        let points: Vec<(f64, f64)> = bins.iter().map(|bin| (bin.confidence, bin.accuracy)).collect();
        let mut table =
            Table::new(["share", "right", "answers"]).title(format!("expected calibration error {error:.4}"));
        for bin in &bins {
            table.push([format!("{:.4}", bin.confidence), format!("{:.4}", bin.accuracy), bin.count.to_string()]);
        }
        let lines = Lines::new("how sure", "how many are right").shares();
        let lines = lines.title(format!("expected calibration error {error:.3}"));
        let lines = lines.line("answers", &points, Look::Marked);
        let figure = lines.reference("as sure as right", &[(0.0, 0.0), (1.0, 1.0)]).figure();
        Ok(figure.with_table(table))
    }

    /// The classes that are taken for each other most on the validation examples, the most frequent first, `count` pairs of them: what is
    /// true, what was said, how often. fastai's `most_confused`.
    ///
    /// # Errors
    /// When the count is 0, and as [`confusion_matrix`](Learner::confusion_matrix).
    pub fn most_confused(&mut self, count: usize) -> Result<Table> {
        let remedy = "twenty are usual: `learner.most_confused(20)?`";
        limits::some("the count of `most_confused`", count, "pairs", remedy)?;
        let matrix = self.told_apart()?;
        let background = "background".to_owned();
        let name = |class: usize| self.classes().get(class).unwrap_or(&background).clone();
        let mut pairs: Vec<(usize, usize, usize)> = Vec::new();
        for (truth, row) in matrix.iter().enumerate() {
            let wrong = row.iter().enumerate().filter(|(said, often)| *said != truth && **often > 0);
            pairs.extend(wrong.map(|(said, often)| (*often, truth, said)));
        }
        pairs.sort_by_key(|(often, truth, said)| (std::cmp::Reverse(*often), *truth, *said));
        let mut table = Table::new(["is", "was said", "times", "of its examples"]).left(0).left(1);
        for (often, truth, said) in pairs.into_iter().take(count) {
            let all: usize = matrix[truth].iter().sum();
            let share = format!("{:.1} %", 100.0 * often as f64 / all.max(1) as f64);
            table.push([name(truth), name(said), often.to_string(), share]);
        }
        Ok(table)
    }

    /// Validation examples with what is said of them and what is true, `count` of them (1 to 1000), spread over all. fastai's `show_results`.
    ///
    /// # Errors
    /// When the count makes no sense, there are no validation examples, or the user interrupts.
    pub fn show_results(&mut self, count: usize) -> Result<TopLosses> {
        limits::shown("learner.show_results", count)?;
        let data = self.need_data()?;
        let (_, verdicts) = self.verdicts(Part::Valid)?;
        let mut verdicts: Vec<Option<Verdict>> = verdicts.into_iter().map(Some).collect();
        let shown = spread(verdicts.len(), count).filter_map(|at| verdicts[at].take()).collect();
        TopLosses::in_order(shown, count, data.as_ref(), &self.spec)
    }
}

/// The lines of the first classes, each with its area in its name, and the mean of all areas as the title.
fn drawn(mut lines: Lines, curves: Vec<(String, Option<RankCurve>)>, area: &str) -> Lines {
    let areas: Vec<f64> = curves.iter().filter_map(|(_, curve)| Some(curve.as_ref()?.area)).collect();
    if areas.len() > 1 {
        let mean = areas.iter().sum::<f64>() / areas.len() as f64;
        let shown = if areas.len() > LINES { format!(", the {LINES} largest are drawn") } else { String::new() };
        lines = lines.title(format!("mean {area} {mean:.3} of {} classes{shown}", areas.len()));
    }
    let mut table = Table::new(["class", area]).left(0);
    for (name, curve) in &curves {
        table.push([name.clone(), curve.as_ref().map_or("–".to_owned(), |curve| format!("{:.4}", curve.area))]);
    }
    for (name, curve) in curves.into_iter().filter_map(|(name, curve)| Some((name, curve?))).take(LINES) {
        lines = lines.of_class(&name, format!("{name} {:.3}", curve.area), &curve.points, Look::Line);
    }
    lines.table(table)
}

//! Loss curves, and several runs in one figure.

use super::Figure;
use super::lines::{Lines, Look, panels};
use crate::show::Table;

/// What one run of training recorded; batches count from 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Its name in legends.
    pub name: String,
    /// The loss of every batch.
    pub train: Vec<f64>,
    /// After so many batches, validation found this loss.
    pub valid: Vec<(usize, f64)>,
    /// After so many batches, validation found this accuracy, from 0 to 1.
    pub accuracy: Vec<(usize, f64)>,
    /// After so many batches, something changed: `unfrozen`.
    pub stages: Vec<(usize, String)>,
}

impl Run {
    /// A run that has recorded nothing yet.
    pub fn new(name: impl Into<String>) -> Run {
        Run { name: name.into(), ..Run::default() }
    }
}

/// The curve of one run: training loss a batch, thin, and smoothed; validation loss an epoch, with marks.
///
/// ```
/// use candlewick_prelude::plot::LossCurve;
/// let curve = LossCurve::new().train(&[2.3, 1.9, 1.5, 1.2]).valid(&[(2, 2.0), (4, 1.4)]);
/// assert!(curve.figure().text().contains("validation"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct LossCurve {
    run: Run,
    title: String,
}

impl LossCurve {
    /// A curve without points.
    pub fn new() -> LossCurve {
        LossCurve::default()
    }

    /// The curve of a run.
    pub fn of(run: &Run) -> LossCurve {
        LossCurve { run: run.clone(), title: run.name.clone() }
    }

    /// The loss of every batch.
    pub fn train(mut self, losses: &[f64]) -> LossCurve {
        self.run.train = losses.to_vec();
        self
    }

    /// The validation loss after so many batches.
    pub fn valid(mut self, losses: &[(usize, f64)]) -> LossCurve {
        self.run.valid = losses.to_vec();
        self
    }

    /// Words for what changed after so many batches.
    pub fn stages(mut self, stages: &[(usize, String)]) -> LossCurve {
        self.run.stages = stages.to_vec();
        self
    }

    /// A line above the figure.
    pub fn title(mut self, title: impl Into<String>) -> LossCurve {
        self.title = title.into();
        self
    }

    /// The figure.
    pub fn figure(&self) -> Figure {
        self.lines().figure()
    }

    /// The figure in characters, for terminals.
    pub fn text(&self) -> String {
        self.lines().text()
    }

    fn lines(&self) -> Lines {
        let run = &self.run;
        let mut lines = Lines::new("batch", "loss").title(&self.title);
        lines = if run.train.len() > 20 {
            lines.line("", &thinned(&batches(&run.train)), Look::Thin).same(
                "training (smoothed)",
                &thinned(&batches(&smooth(&run.train))),
                Look::Line,
            )
        } else {
            lines.line("training", &batches(&run.train), Look::Line)
        };
        if !run.valid.is_empty() {
            lines = lines.line("validation", &points(&run.valid), Look::Marked);
        }
        for (batch, word) in &run.stages {
            lines = lines.mark(*batch as f64, word);
        }
        lines
    }
}

/// Several runs in one figure: their validation losses (training losses where there are none) side by side with their
/// accuracies, where they have some.
pub fn compare(runs: &[Run]) -> Figure {
    if runs.iter().all(|run| run.train.is_empty() && run.valid.is_empty()) {
        let empty = Lines::new("batch", "loss").title("nothing to compare: no run has been trained");
        return empty.figure();
    }
    let mut loss = Lines::new("batch", "validation loss");
    let mut accuracy = Lines::new("batch", "validation accuracy").percent();
    let validated = runs.iter().any(|run| !run.valid.is_empty());
    if !validated {
        loss = Lines::new("batch", "training loss");
    }
    for run in runs {
        loss = if validated {
            loss.line(&run.name, &points(&run.valid), Look::Marked)
        } else {
            loss.line(&run.name, &thinned(&batches(&smooth(&run.train))), Look::Line)
        };
        accuracy = accuracy.line(&run.name, &points(&run.accuracy), Look::Marked);
    }
    if runs.iter().all(|run| run.accuracy.is_empty()) {
        return loss.figure();
    }
    let mut table = Table::new(["run", "batch", "what", "value"]).left(0).left(2);
    for run in runs {
        for (what, points) in [("validation loss", &run.valid), ("accuracy", &run.accuracy)] {
            points.iter().for_each(|(batch, value)| {
                table.push([run.name.clone(), batch.to_string(), what.to_owned(), value.to_string()]);
            });
        }
    }
    panels(&[loss, accuracy]).with_table(table)
}

/// Losses smoothed as fastai does, by an exponential mean freed of its bias towards 0; longer runs more, to 0.95.
fn smooth(losses: &[f64]) -> Vec<f64> {
    let beta = (1.0 - 25.0 / losses.len().max(1) as f64).clamp(0.6, 0.95);
    let (mut mean, mut weight) = (0.0, 0.0);
    let mut step = |loss: &f64| {
        if loss.is_finite() {
            mean = beta * mean + (1.0 - beta) * loss;
            weight = beta * weight + (1.0 - beta);
        }
        if weight > 0.0 { mean / weight } else { f64::NAN }
    };
    losses.iter().map(&mut step).collect()
}

/// Values with their batch, from 1.
fn batches(values: &[f64]) -> Vec<(f64, f64)> {
    values.iter().enumerate().map(|(i, value)| ((i + 1) as f64, *value)).collect()
}

fn points(values: &[(usize, f64)]) -> Vec<(f64, f64)> {
    values.iter().map(|(batch, value)| (*batch as f64, *value)).collect()
}

/// At most some thousand points, which is more than a figure has pixels: of each stretch the lowest and the highest.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const MOST: usize = 1200;
    if points.len() <= MOST {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(MOST / 2);
    let extremes = |part: &[(f64, f64)]| {
        let by_y = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let (low, high) = (part.iter().min_by(by_y).copied(), part.iter().max_by(by_y).copied());
        let mut both: Vec<(f64, f64)> = low.into_iter().chain(high).collect();
        both.sort_by(|a, b| a.0.total_cmp(&b.0));
        both
    };
    points.chunks(stretch).flat_map(extremes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // pandas: Series([1, 0, 0, 0]).ewm(alpha=0.4, adjust=True).mean() = 1, 0.375, 0.183673, 0.099265
    #[test]
    fn smoothing_as_pandas() {
        let smoothed = smooth(&[1.0, 0.0, 0.0, 0.0]);
        for (value, expected) in smoothed.iter().zip([1.0, 0.375, 0.183_673, 0.099_265]) {
            assert!((value - expected).abs() < 1e-6, "{smoothed:?}");
        }
        assert!(smooth(&[f64::NAN, 2.0])[1] == 2.0);
    }

    #[test]
    fn long_runs_keep_their_peaks() {
        let mut losses = vec![1.0; 50_000];
        losses[31_234] = 9.0;
        let thin = thinned(&batches(&losses));
        assert!(thin.len() <= 2000);
        assert!(thin.contains(&(31_235.0, 9.0)));
        assert!(thin.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    }

    #[test]
    fn two_runs_stand_side_by_side() {
        let mut run = Run::new("fine-tuned");
        run.valid = vec![(10, 0.6), (20, 0.4)];
        assert_eq!(compare(&[run.clone()]).size(), (640, 340));
        run.accuracy = vec![(10, 0.7), (20, 0.8)];
        let figure = compare(&[run, Run::new("from scratch")]);
        assert_eq!(figure.size(), (920, 340));
        assert!(figure.text().contains("from scratch") && figure.text().contains("100 %"));
    }
}

//! Several learners side by side: their losses, what they measure, their seconds and sizes.

use super::history::clock;
use super::learner::Learner;
use super::metric::{Better, Measure, Unit};
use crate::plot::{self, Figure, Run};
use crate::show::{Bundle, Show, Table};
use crate::{Error, Result};

/// Several learners in one figure and one table.
#[derive(Clone, Debug)]
pub struct Comparison {
    figure: Figure,
    table: Table,
}

/// Several learners side by side: the losses and accuracies of their fits in one figure, and a table with a row a learner: epochs, seconds,
/// trainable and all parameters, the lowest validation loss, and the best of every measure.
///
/// ```
/// use candlewick_prelude::prelude::*;
/// # fn cell(frozen: &Learner, whole: &Learner) -> Result<()> {
/// compare(&[("frozen", frozen), ("whole", whole)])?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When there is no learner, or one has not been trained.
pub fn compare(learners: &[(&str, &Learner)]) -> Result<Comparison> {
    if learners.is_empty() {
        return Err(Error::new("there is no learner to compare")
            .remedy("name some: `compare(&[(\"frozen\", &a), (\"whole\", &b)])?`"));
    }
    let mut measures: Vec<Measure> = Vec::new();
    for (name, learner) in learners {
        if learner.history().epochs.is_empty() {
            return Err(Error::new(format!("`{name}` has not finished an epoch: there is nothing to compare"))
                .remedy("train it first: `learner.fit(3, 1e-3)?`"));
        }
        for one in
            learner.history().epochs.iter().filter_map(|epoch| epoch.valid.as_ref()).flat_map(|valid| &valid.list)
        {
            if !measures.iter().any(|known| known.name == one.name) {
                measures.push(one.clone());
            }
        }
    }
    let runs: Vec<Run> = learners.iter().map(|(name, learner)| learner.history().run(*name)).collect();
    let mut head: Vec<String> =
        ["learner", "epochs", "time", "trainable", "parameters", "train loss", "best valid loss"]
            .map(str::to_owned)
            .into();
    head.extend(measures.iter().map(|one| format!("best {}", one.name)));
    let mut table = Table::new(head).left(0);
    for (name, learner) in learners {
        table.push(row(name, learner, &measures));
    }
    Ok(Comparison { figure: plot::compare(&runs), table })
}

fn row(name: &str, learner: &Learner, measures: &[Measure]) -> Vec<String> {
    let (history, params) = (learner.history(), learner.network().params());
    let seconds: f64 = history.epochs.iter().map(|epoch| epoch.seconds).sum();
    let trainable: usize = params.trainable().iter().map(|param| param.count()).sum();
    let train = history.epochs.last().map_or(f64::NAN, |epoch| epoch.train_loss);
    let best = |name: &str, better: Better| -> Option<f64> {
        let values = history.epochs.iter().filter_map(|epoch| epoch.valid.as_ref()?.find(name));
        values.filter(|value| value.is_finite()).reduce(|a, b| match better {
            Better::Higher => a.max(b),
            Better::Lower => a.min(b),
        })
    };
    let words = |value: Option<f64>, unit: Unit| value.map_or("–".to_owned(), |value| unit.words(value));
    let mut cells = vec![
        name.to_owned(),
        history.epochs.len().to_string(),
        clock(seconds),
        trainable.to_string(),
        params.count().to_string(),
        format!("{train:.4}"),
        words(best("loss", Better::Lower), Unit::Number),
    ];
    cells.extend(measures.iter().map(|one| words(best(&one.name, one.better), one.unit)));
    cells
}

impl Comparison {
    /// Losses and accuracies over batches.
    pub fn figure(&self) -> &Figure {
        &self.figure
    }

    /// A row a learner.
    pub fn table(&self) -> &Table {
        &self.table
    }
}

impl Show for Comparison {
    fn bundle(&self) -> Bundle {
        Bundle::new().text(format!("{}\n{}", self.figure.text(), self.table.text())).html(format!(
            "<div>{}{}</div>",
            self.figure.html(),
            self.table.html()
        ))
    }
}

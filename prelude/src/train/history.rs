//! What a learner has been through: losses a batch, measures an epoch, stages.

use serde::{Deserialize, Deserializer, Serialize};

use crate::plot::Run;
use crate::show::{Bundle, Show, Table};

/// Reads a number; JSON has `null` for what is none.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

/// One training step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchRecord {
    /// The training loss.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// The highest rate of the groups.
    pub rate: f64,
}

/// One finished epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Number of the epoch, from 1, over all fits.
    pub epoch: usize,
    /// How many batches the history held when it ended.
    pub batch: usize,
    /// Mean training loss over the epoch's pictures.
    #[serde(deserialize_with = "number")]
    pub train_loss: f64,
    /// What validation found, where there is validation data.
    pub valid: Option<Measures>,
    /// Seconds that it took, validation included.
    pub seconds: f64,
}

/// What was measured on a part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// Mean loss.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// Share of pictures whose most likely class is right; 0 where there are numbers instead of classes.
    pub accuracy: f64,
    /// Mean intersection over union of the boxes, where there are boxes.
    pub iou: Option<f64>,
    /// Mean absolute error, where there are numbers instead of classes.
    #[serde(default)]
    pub mae: Option<f64>,
}

impl Measures {
    /// What counts beside the loss: `accuracy 0.950`, `accuracy 0.950, mean IoU 0.700`, or `mean error 0.12`.
    pub fn words(&self) -> String {
        match (self.mae, self.iou) {
            (Some(mae), _) => format!("mean error {mae:.4}"),
            (None, Some(iou)) => format!("accuracy {:.3}, mean IoU {iou:.3}", self.accuracy),
            (None, None) => format!("accuracy {:.3}", self.accuracy),
        }
    }
}

/// One call of `fit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// How many batches the history held when it began.
    pub batch: usize,
    /// What was trained, and how: `head · 1.0e-3`.
    pub label: String,
}

/// Everything that a learner's fits recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Every training step.
    pub batches: Vec<BatchRecord>,
    /// Every finished epoch.
    pub epochs: Vec<EpochRecord>,
    /// Every fit.
    pub stages: Vec<Stage>,
}

impl History {
    /// The last epoch's validation accuracy.
    pub fn accuracy(&self) -> Option<f64> {
        self.epochs.last().and_then(|epoch| epoch.valid).filter(|valid| valid.mae.is_none()).map(|valid| valid.accuracy)
    }

    /// The curves, for [`plot::compare`](crate::plot::compare) and [`LossCurve`](crate::plot::LossCurve).
    pub fn run(&self, name: impl Into<String>) -> Run {
        let valid = self.epochs.iter().filter_map(|epoch| Some((epoch.batch, epoch.valid?)));
        Run {
            train: self.batches.iter().map(|batch| batch.loss).collect(),
            valid: valid.clone().map(|(batch, valid)| (batch, valid.loss)).collect(),
            accuracy: valid
                .filter(|(_, valid)| valid.mae.is_none())
                .map(|(batch, valid)| (batch, valid.accuracy))
                .collect(),
            stages: self.stages.iter().skip(1).map(|stage| (stage.batch, stage.label.clone())).collect(),
            ..Run::new(name)
        }
    }

    /// The table of epochs.
    pub fn table(&self) -> Table {
        epochs_table(&self.epochs)
    }
}

impl Show for History {
    fn bundle(&self) -> Bundle {
        self.table().bundle()
    }
}

/// A row an epoch.
pub(super) fn epochs_table(epochs: &[EpochRecord]) -> Table {
    let measured = epochs.iter().any(|epoch| epoch.valid.is_some());
    let boxes = epochs.iter().any(|epoch| epoch.valid.is_some_and(|valid| valid.iou.is_some()));
    let numbers = epochs.iter().any(|epoch| epoch.valid.is_some_and(|valid| valid.mae.is_some()));
    let measure = if numbers { "mean error" } else { "accuracy" };
    let mut head = vec!["epoch", "train loss"];
    head.extend(measured.then_some(["valid loss", measure]).into_iter().flatten());
    head.extend(boxes.then_some("mean IoU"));
    head.push("time");
    let mut table = Table::new(head);
    for epoch in epochs {
        let mut row = vec![epoch.epoch.to_string(), format!("{:.4}", epoch.train_loss)];
        let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
        let share = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
        if measured {
            row.push(number(epoch.valid.map(|valid| valid.loss)));
            let mae = epoch.valid.and_then(|valid| valid.mae);
            row.push(if numbers { number(mae) } else { share(epoch.valid.map(|valid| valid.accuracy)) });
        }
        if boxes {
            row.push(share(epoch.valid.and_then(|valid| valid.iou)));
        }
        row.push(clock(epoch.seconds));
        table.push(row);
    }
    table
}

/// Seconds as `0:07` or `1:02:03`; below ten seconds with a decimal.
pub(super) fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, _) if seconds < 9.95 => format!("{seconds:.1} s"),
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// What one call of `fit` did. Everything it recorded is in the learner's [`History`].
#[derive(Clone, Debug, PartialEq)]
pub struct FitReport {
    /// Epochs that were finished, of those asked for.
    pub epochs: (usize, usize),
    /// Steps taken.
    pub batches: usize,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// Seconds that it took.
    pub seconds: f64,
    /// The last validation of this fit.
    pub valid: Option<Measures>,
    /// What deserves a look: parameters that got no gradient, interruption.
    pub notes: Vec<String>,
}

impl FitReport {
    /// One line.
    pub fn line(&self) -> String {
        let (done, asked) = self.epochs;
        let mut line = format!("{done} of {asked} epochs, {} steps in {}", self.batches, clock(self.seconds));
        if let Some(valid) = self.valid {
            line += &format!(": valid loss {:.4}, {}", valid.loss, valid.words());
        }
        line
    }
}

impl Show for FitReport {
    fn bundle(&self) -> Bundle {
        Bundle::new().text(self.line())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_short() {
        for (seconds, expected) in
            [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "0:10"), (62.0, "1:02"), (3723.0, "1:02:03")]
        {
            assert_eq!(clock(seconds), expected);
        }
    }

    #[test]
    fn a_loss_that_is_no_number_is_read_again() {
        let valid = Measures { loss: f64::NAN, accuracy: 0.5, iou: None, mae: None };
        let epoch = EpochRecord { epoch: 1, batch: 4, train_loss: f64::INFINITY, valid: Some(valid), seconds: 2.0 };
        let text = serde_json::to_string(&epoch).unwrap();
        let again: EpochRecord = serde_json::from_str(&text).unwrap();
        assert!(
            again.train_loss.is_nan() && again.valid.is_some_and(|valid| valid.loss.is_nan() && valid.accuracy == 0.5)
        );
        let batch: BatchRecord = serde_json::from_str("{\"loss\":null,\"rate\":0.1}").unwrap();
        assert!(batch.loss.is_nan() && batch.rate == 0.1);
    }

    #[test]
    fn columns_appear_with_their_measures() {
        let mut epoch = EpochRecord { epoch: 1, batch: 4, train_loss: 0.5, valid: None, seconds: 2.0 };
        assert_eq!(epochs_table(&[epoch.clone()]).text(), "epoch  train loss   time\n    1      0.5000  2.0 s\n");
        epoch.valid = Some(Measures { loss: 0.4, accuracy: 0.75, iou: Some(0.5), mae: None });
        let text = epochs_table(&[epoch]).text();
        assert!(text.contains("valid loss  accuracy  mean IoU") && text.contains("0.750     0.500"), "{text}");
    }
}

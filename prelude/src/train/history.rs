//! What a learner has been through: losses a batch, measures an epoch, stages.

use serde::{Deserialize, Serialize};

use super::metric::{Measures, Unit, number};
use super::records::{FitRecord, TestRecord, WeightsRecord};
use crate::plot::Run;
use crate::show::{Bundle, Show, Table};
use crate::words::count;

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
    /// What the training loss is made of, where its task names parts: means over the epoch's pictures.
    #[serde(default)]
    pub parts: Vec<(String, f64)>,
    /// What validation found, where there is validation data.
    pub valid: Option<Measures>,
    /// Seconds that it took, validation included.
    pub seconds: f64,
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
    /// Every fit, and every part that one unfroze.
    pub stages: Vec<Stage>,
    /// Every fit as it was entered; files from before this was written down lack them.
    #[serde(default)]
    pub fits: Vec<FitRecord>,
    /// Where the first weights came from; nothing where they were random.
    #[serde(default)]
    pub weights: Option<WeightsRecord>,
    /// How often something was measured on the examples that are held out for the last test.
    #[serde(default)]
    pub tested: usize,
    /// What was found there the last time.
    #[serde(default)]
    pub test: Option<TestRecord>,
}

impl History {
    /// The last epoch's validation accuracy.
    pub fn accuracy(&self) -> Option<f64> {
        self.epochs.last()?.valid.as_ref()?.find("accuracy")
    }

    /// The curves, for [`plot::compare`](crate::plot::compare) and [`LossCurve`](crate::plot::LossCurve).
    pub fn run(&self, name: impl Into<String>) -> Run {
        let valid = |name: &str| -> Vec<(usize, f64)> {
            let each = self.epochs.iter();
            each.filter_map(|epoch| Some((epoch.batch, epoch.valid.as_ref()?.find(name)?))).collect()
        };
        Run {
            train: self.batches.iter().map(|batch| batch.loss).collect(),
            valid: valid("loss"),
            accuracy: valid("accuracy"),
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
    // a column for whatever one of them has measured
    let mut measures: Vec<(String, Unit)> = Vec::new();
    for valid in epochs.iter().filter_map(|epoch| epoch.valid.as_ref()) {
        for one in &valid.list {
            if !measures.iter().any(|(name, _)| *name == one.name) {
                measures.push((one.name.clone(), one.unit));
            }
        }
    }
    let measured = epochs.iter().any(|epoch| epoch.valid.is_some());
    let mut head = vec!["epoch".to_owned(), "train loss".to_owned()];
    head.extend(measured.then(|| "valid loss".to_owned()));
    head.extend(measures.iter().map(|(name, _)| name.clone()));
    head.push("time".to_owned());
    let mut table = Table::new(head);
    for epoch in epochs {
        let mut row = vec![epoch.epoch.to_string(), format!("{:.4}", epoch.train_loss)];
        let valid = |name: &str, unit: Unit| {
            let value = epoch.valid.as_ref().and_then(|valid| valid.find(name));
            value.map_or("–".to_owned(), |value| unit.words(value))
        };
        row.extend(measured.then(|| valid("loss", Unit::Number)));
        row.extend(measures.iter().map(|(name, unit)| valid(name, *unit)));
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
    /// Seconds that it took; of a fit that was cut off and finished, those of all its parts.
    pub seconds: f64,
    /// What validation found for the weights that the fit leaves: in its last epoch, or in the one whose weights were put back.
    pub valid: Option<Measures>,
    /// The epoch whose weights were put back at its end ([`BestWeights`](super::BestWeights)), of all that the history has, from 1.
    pub put_back: Option<usize>,
    /// What deserves a look: parameters that got no gradient, interruption.
    pub notes: Vec<String>,
}

impl FitReport {
    /// One line.
    pub fn line(&self) -> String {
        let (done, asked) = self.epochs;
        let (epochs, steps) = (count(asked, "epoch"), count(self.batches, "step"));
        let mut line = format!("{done} of {epochs}, {steps} in {}", clock(self.seconds));
        if let Some(valid) = &self.valid {
            line += &format!(": valid loss {:.4}", valid.loss);
            if !valid.list.is_empty() {
                line += &format!(", {}", valid.words());
            }
        }
        if let Some(epoch) = self.put_back {
            line += &format!(" (epoch {epoch}, whose weights were put back)");
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
    use crate::train::metric::{Better, Measure};

    #[test]
    fn clocks_are_short() {
        for (seconds, expected) in
            [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "0:10"), (62.0, "1:02"), (3723.0, "1:02:03")]
        {
            assert_eq!(clock(seconds), expected);
        }
    }

    fn measures(loss: f64) -> Measures {
        let one = |name: &str, value| Measure { name: name.into(), value, unit: Unit::Share, better: Better::Higher };
        Measures { loss, list: vec![one("accuracy", 0.75), one("mean IoU", 0.5)] }
    }

    fn epoch(valid: Option<Measures>) -> EpochRecord {
        EpochRecord { epoch: 1, batch: 4, train_loss: 0.5, parts: Vec::new(), valid, seconds: 2.0 }
    }

    #[test]
    fn a_loss_that_is_no_number_is_read_again() {
        let epoch = EpochRecord { train_loss: f64::INFINITY, ..epoch(Some(measures(f64::NAN))) };
        let text = serde_json::to_string(&epoch).unwrap();
        let again: EpochRecord = serde_json::from_str(&text).unwrap();
        let valid = again.valid.expect("it was there");
        assert!(again.train_loss.is_nan() && valid.loss.is_nan() && valid.find("accuracy") == Some(0.75));
        let batch: BatchRecord = serde_json::from_str("{\"loss\":null,\"rate\":0.1}").unwrap();
        assert!(batch.loss.is_nan() && batch.rate == 0.1);
    }

    #[test]
    fn measures_of_version_1_are_read() {
        for (text, expected) in [
            ("{\"loss\":0.5,\"accuracy\":0.75,\"iou\":0.5,\"mae\":null}", measures(0.5)),
            ("{\"loss\":0.5,\"accuracy\":0.75,\"iou\":null}", {
                let Measures { loss, mut list } = measures(0.5);
                list.truncate(1);
                Measures { loss, list }
            }),
        ] {
            assert_eq!(serde_json::from_str::<Measures>(text).unwrap(), expected);
        }
        let numbers = "{\"loss\":0.5,\"accuracy\":0.0,\"iou\":null,\"mae\":0.25}";
        let numbers: Measures = serde_json::from_str(numbers).unwrap();
        assert_eq!((numbers.words().as_str(), numbers.get("mean error").unwrap()), ("mean error 0.2500", 0.25));
        assert!(numbers.get("accuracy").unwrap_err().to_string().contains("there are `loss`, `mean error`"));
    }

    #[test]
    fn columns_appear_with_their_measures() {
        let plain = epochs_table(&[epoch(None)]);
        assert_eq!(plain.text(), "epoch  train loss   time\n    1      0.5000  2.0 s\n");
        let text = epochs_table(&[epoch(Some(measures(0.4)))]).text();
        assert!(text.contains("valid loss  accuracy  mean IoU") && text.contains("0.750     0.500"), "{text}");
    }
}

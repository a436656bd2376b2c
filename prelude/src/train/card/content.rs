//! What stands in a run card, as JSON has it, and where it comes from. What is not known is `null`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use serde_json::json;

use super::measured::MeasuredPart;
use crate::Result;
use crate::data::{Input, Part, Target};
use crate::train::history::{EpochRecord, History};
use crate::train::learner::Learner;
use crate::train::recording::record_of;
use crate::train::records::{DataRecord, FitRecord, TestRecord, WeightsRecord};

/// The version of the JSON; one is added where a program that reads it would have to change.
pub(super) const VERSION: u32 = 1;
/// The version of candle that this crate is built on.
const CANDLE: &str = "0.11.1";

/// What stands in a card.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CardContent {
    pub card_version: u32,
    /// The day, in UTC.
    pub date: String,
    pub software: Software,
    pub about: Option<String>,
    pub license: Option<String>,
    pub data: DataSection,
    pub model: ModelSection,
    pub fits: Vec<FitSection>,
    pub epochs: Vec<EpochRecord>,
    pub metrics: Option<MeasuredPart>,
    /// How often something was measured on the examples that are held out.
    pub test_measured: usize,
    /// What was found there the last time.
    pub test: Option<TestRecord>,
    /// The part whose metrics were asked for.
    #[serde(skip)]
    pub asked: Part,
    pub limits: Vec<String>,
    pub reproducibility: String,
}

/// What it was made with.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Software {
    pub candlewick: String,
    pub candle: String,
    pub system: String,
}

/// What goes in, without a tokenizer's whole vocabulary.
fn in_short<S: Serializer>(input: &Input, to: S) -> std::result::Result<S::Ok, S::Error> {
    match input {
        Input::Text(tokens) => {
            let short = json!({ "Text": { "vocabulary": tokens.vocabulary(), "max_tokens": tokens.max_tokens() } });
            short.serialize(to)
        }
        other => other.serialize(to),
    }
}

/// The data.
#[derive(Clone, Debug, Serialize)]
pub(super) struct DataSection {
    /// Whether it is the learner's data; else it is as the last fit wrote it down.
    pub present: bool,
    #[serde(serialize_with = "in_short")]
    pub input: Input,
    pub target: Target,
    #[serde(flatten)]
    pub record: Option<DataRecord>,
}

/// The network.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ModelSection {
    pub name: String,
    pub removed_blocks: usize,
    pub task: String,
    /// The task that it is like, where it is one's own.
    pub like: Option<String>,
    /// Where the first weights came from; `null` for random ones, and where that is not known.
    pub weights: Option<WeightsRecord>,
    pub parameters: usize,
    pub trainable: usize,
    pub parts: Vec<String>,
    /// Whether a moving average of the weights is what answers.
    pub averaged: bool,
}

/// A fit, with what became of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FitSection {
    #[serde(flatten)]
    pub record: FitRecord,
    /// Whether its data had other examples on some side than the card's.
    #[serde(skip)]
    pub other_split: bool,
    pub epochs_done: usize,
    pub steps: usize,
    /// Of its whole epochs, validation included.
    pub seconds: f64,
    pub train_loss: Option<f64>,
    pub valid_loss: Option<f64>,
}

/// The fits, with what became of each.
fn fits(history: &History, whole: Option<&DataRecord>) -> Vec<FitSection> {
    let end = |at: usize| match history.fits.get(at + 1) {
        Some(next) => (next.first_epoch, next.first_batch),
        None => (history.epochs.len(), history.batches.len()),
    };
    let section = |(at, record): (usize, &FitRecord)| {
        let (last_epoch, last_batch) = end(at);
        let own = history.epochs.get(record.first_epoch..last_epoch).unwrap_or_default();
        // data that are the card's stand there once
        let data = record.data.clone().filter(|data| whole != Some(data));
        FitSection {
            other_split: data.as_ref().is_some_and(|data| {
                whole.is_none_or(|whole| {
                    (data.counts, &data.provenance.split_hash) != (whole.counts, &whole.provenance.split_hash)
                })
            }),
            epochs_done: own.len(),
            steps: last_batch.saturating_sub(record.first_batch),
            seconds: own.iter().map(|epoch| epoch.seconds).sum(),
            train_loss: own.last().map(|epoch| epoch.train_loss),
            valid_loss: own.iter().rev().find_map(|epoch| Some(epoch.valid.as_ref()?.loss)),
            record: FitRecord { data, ..record.clone() },
        }
    };
    let all = history.fits.iter().enumerate().map(section);
    // one that failed before its first step has trained nothing
    all.filter(|fit| fit.steps > 0 || fit.epochs_done > 0).collect()
}

impl CardContent {
    /// Gathers what is known of a learner, and measures on a part's examples.
    pub fn of(learner: &mut Learner, part: Part) -> Result<CardContent> {
        let metrics = MeasuredPart::of(learner, part)?;
        let present = learner.data.as_ref().map(|data| record_of(data.as_ref()));
        let stored = || learner.history.fits.last().and_then(|fit| fit.data.clone());
        let is_present = present.is_some();
        let record = present.or_else(stored);
        let params = learner.network.params();
        Ok(CardContent {
            card_version: VERSION,
            date: today(),
            software: Software {
                candlewick: env!("CARGO_PKG_VERSION").to_owned(),
                candle: CANDLE.to_owned(),
                system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            },
            about: None,
            license: None,
            data: DataSection {
                present: is_present,
                input: learner.spec.input.clone(),
                target: learner.spec.target.clone(),
                record: record.clone(),
            },
            model: ModelSection {
                name: learner.network.name().to_owned(),
                removed_blocks: learner.network.removed(),
                task: learner.task.name().to_owned(),
                like: learner.task.like().map(|task| task.name().to_owned()),
                weights: learner.history.weights.clone(),
                parameters: params.count(),
                trainable: params.trainable().iter().map(|param| param.count()).sum(),
                parts: learner.network.parts().to_vec(),
                averaged: learner.average.is_some(),
            },
            fits: fits(&learner.history, record.as_ref()),
            epochs: learner.history.epochs.clone(),
            metrics,
            test_measured: learner.history.tested,
            test: learner.history.test.clone(),
            asked: part,
            limits: Vec::new(),
            reproducibility: String::new(),
        })
    }

    /// Epochs that no fit tells of: those of files from before fits were written down.
    pub fn untold_epochs(&self) -> usize {
        self.fits.first().map_or(self.epochs.len(), |fit| fit.record.first_epoch)
    }
}

/// The day, in UTC, as `2026-11-27`.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    day(seconds / 86_400)
}

/// The date of a day since 1970. Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn day(days: u64) -> String {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + u64::from(month <= 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    // python: datetime.date(1970, 1, 1) + datetime.timedelta(days)
    #[test]
    fn days_are_dates() {
        for (days, date) in [
            (0, "1970-01-01"),
            (11_016, "2000-02-29"),
            (20_784, "2026-11-27"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(day(days), date);
        }
    }

    #[test]
    fn candles_version_is_the_one_that_is_built_on() {
        assert!(include_str!("../../../Cargo.toml").contains(&format!("candle-core = \"={CANDLE}\"")));
    }
}

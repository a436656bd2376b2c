//! Event files for TensorBoard.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::event_file::EventFile;
use crate::paths;
use crate::train::callback::{Callback, Fit, Next, When};
use crate::{Error, Result};

/// Waiting values are written at least this often.
const OFTEN: Duration = Duration::from_secs(5);

/// Writes event files that TensorBoard shows (`tensorboard --logdir runs`): `train/loss` and `train/rate` after each batch, and after
/// each epoch `epoch`, `train/epoch loss` and its parts, `valid/loss`, and every measure as `valid/accuracy` and the like. Steps are batches,
/// counted over all fits; each fit writes a file of its own.
///
/// What cannot be written ends no fit: the report says so.
///
/// ```
/// use candlewick_prelude::prelude::*;
/// # fn cell(learner: &mut Learner) {
/// learner.add(TensorBoard::to("runs/frozen"));
/// # }
/// ```
#[derive(Debug)]
pub struct TensorBoard {
    folder: PathBuf,
    file: Option<EventFile>,
    flushed: Instant,
    failed: Option<String>,
}

impl TensorBoard {
    /// Writes to this folder, a run's own, which is made where it is missing.
    pub fn to(folder: impl AsRef<Path>) -> TensorBoard {
        TensorBoard {
            folder: paths::expanded(folder.as_ref()).into_owned(),
            file: None,
            flushed: Instant::now(),
            failed: None,
        }
    }

    /// Writes, and says once where that does not work.
    fn write(&mut self, step: usize, values: &[(String, f64)], now: bool) {
        let Some(file) = &mut self.file else { return };
        let due = now || self.flushed.elapsed() >= OFTEN;
        let written = file.scalars(step, values).and_then(|()| if due { file.flush() } else { Ok(()) });
        if due {
            self.flushed = Instant::now();
        }
        if let Err(error) = written {
            self.failed = Some(format!("no events in `{}` from step {step} on: {error}", self.folder.display()));
            self.file = None;
        }
    }

    fn batch(&mut self, fit: &Fit) {
        let history = fit.history();
        let step = history.batches.len();
        if let Some(batch) = history.batches.last() {
            let values = [("train/loss".to_owned(), batch.loss), ("train/rate".to_owned(), batch.rate)];
            self.write(step, &values, false);
        }
    }

    fn epoch(&mut self, fit: &Fit) {
        let Some(epoch) = fit.history().epochs.last() else { return };
        let mut values =
            vec![("epoch".to_owned(), epoch.epoch as f64), ("train/epoch loss".to_owned(), epoch.train_loss)];
        values.extend(epoch.parts.iter().map(|(name, value)| (format!("train/{name}"), *value)));
        if let Some(valid) = &epoch.valid {
            values.push(("valid/loss".to_owned(), valid.loss));
            values.extend(valid.list.iter().map(|one| (format!("valid/{}", one.name), one.value)));
        }
        self.write(fit.history().batches.len(), &values, true);
    }
}

impl Callback for TensorBoard {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        match when {
            When::FitBegins => {
                self.failed = None;
                self.file = Some(EventFile::create(&self.folder).map_err(|error| {
                    Error::new(format!("no event file can be written to `{}`", self.folder.display()))
                        .caused_by(error)
                        .remedy("give a folder that may be written to: `TensorBoard::to(\"runs/first\")`")
                })?);
            }
            When::BatchEnded => self.batch(fit),
            When::EpochEnded => self.epoch(fit),
            When::FitEnded => {
                if let Some(mut file) = self.file.take()
                    && let Err(error) = file.flush()
                {
                    self.failed = Some(format!("the last events are not in `{}`: {error}", self.folder.display()));
                }
                if let Some(failed) = self.failed.take() {
                    fit.note(failed);
                }
            }
            _ => {}
        }
        Ok(Next::Go)
    }

    fn writes_to(&self) -> Option<PathBuf> {
        Some(self.folder.clone())
    }

    fn name(&self) -> &str {
        "TensorBoard"
    }
}

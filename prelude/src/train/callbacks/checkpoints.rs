//! Files of a learner while it trains, each whole or not there.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::left_behind::sweep;
use super::{is_better, need_measure};
use crate::paths;
use crate::train::callback::{Callback, Fit, Next, When};
use crate::{Error, Result, limits};

/// Writes the learner to a folder after every so many epochs and after the last one of a fit: `epoch-0003.safetensors` and so on, the
/// epochs counted over all fits, and `best.safetensors` where a measure is named.
///
/// Each file is written beside its place and then put there: a process that is killed meanwhile leaves the one before it whole.
/// Of its own files it keeps the last few; it deletes no other's. A file that cannot be written ends no fit: the report says so. Add it
/// behind other callbacks, so that their states of the same epoch are in the file.
///
/// ```
/// use candlewick_prelude::prelude::*;
/// # fn cell(learner: &mut Learner) {
/// learner.add(Checkpoints::to("runs").every(5).keep(2).best("accuracy"));
/// // in a later session: learner.load(Checkpoints::newest("runs")?)?;
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    every: usize,
    keep: usize,
    measure: Option<String>,
    so_far: WrittenFile,
}

/// What it has written, and the value of the best.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct WrittenFile {
    files: Vec<String>,
    best: Option<f64>,
    /// The folder; states from before it was written lack it.
    #[serde(default)]
    folder: Option<PathBuf>,
}

const BEST: &str = "best.safetensors";

impl Checkpoints {
    /// Writes to this folder, which is made where it is missing, after each epoch, and keeps the last three files.
    pub fn to(folder: impl AsRef<Path>) -> Checkpoints {
        Checkpoints::of(&paths::expanded(folder.as_ref()))
    }

    fn of(folder: &Path) -> Checkpoints {
        Checkpoints { folder: folder.to_owned(), every: 1, keep: 3, measure: None, so_far: WrittenFile::default() }
    }

    /// After every so many epochs (1 or more); after the last one of a fit always.
    pub fn every(mut self, epochs: usize) -> Checkpoints {
        self.every = epochs;
        self
    }

    /// How many files are kept (1 or more), beside the best.
    pub fn keep(mut self, files: usize) -> Checkpoints {
        self.keep = files;
        self
    }

    /// Keeps the best epoch by this measure too, as `best.safetensors`. A value that is no number is never the best.
    pub fn best(mut self, measure: impl Into<String>) -> Checkpoints {
        self.measure = Some(measure.into());
        self
    }

    /// The file of a folder that was written last.
    ///
    /// # Errors
    /// When there is none.
    pub fn newest(folder: impl AsRef<Path>) -> Result<PathBuf> {
        Checkpoints::newest_in(&paths::expanded(folder.as_ref()))
    }

    fn newest_in(folder: &Path) -> Result<PathBuf> {
        let none = || {
            Error::new(format!("there is no checkpoint in {}", folder.display()))
                .remedy("write some while it trains: `learner.add(Checkpoints::to(\"runs\"))`")
        };
        let entries = std::fs::read_dir(folder).map_err(|error| none().caused_by(error))?;
        let mut files = Vec::new();
        for entry in entries.flatten().filter(|entry| is_epoch(&entry.file_name().to_string_lossy())) {
            files.push((entry.metadata().and_then(|data| data.modified())?, entry.path()));
        }
        // of two files of one moment it is the later epoch's
        files.into_iter().max().map(|(_, path)| path).ok_or_else(none)
    }

    fn begin(&self, fit: &Fit) -> Result<()> {
        let remedy = "1 writes after each epoch: `Checkpoints::to(\"runs\").every(1)`";
        limits::some("`every` of `Checkpoints`", self.every, "epochs", remedy)?;
        limits::some("`keep` of `Checkpoints`", self.keep, "files", "a few are usual: `.keep(3)`")?;
        if let Some(measure) = &self.measure {
            need_measure(fit, measure)?;
        }
        std::fs::create_dir_all(&self.folder).map_err(|error| {
            Error::new(format!("the folder `{}` cannot be made", self.folder.display()))
                .caused_by(error)
                .remedy("give one that may be written to: `Checkpoints::to(\"runs\")`")
        })?;
        sweep(&self.folder, |file| is_epoch(file) || file == BEST);
        Ok(())
    }

    fn epoch(&mut self, fit: &mut Fit) -> Result<()> {
        let number = fit.history().epochs.len();
        let mut failed = None;
        if let Some(measure) = &self.measure
            && let Some(found) = fit.measured(measure)?
            && is_better(&found, self.so_far.best, 0.0)
        {
            match fit.save(self.folder.join(BEST)) {
                Ok(()) => self.so_far.best = Some(found.value),
                Err(error) => failed = Some(error),
            }
        }
        if number.is_multiple_of(self.every) || fit.epoch() == fit.epochs() {
            let name = format!("epoch-{number:04}.safetensors");
            match fit.save(self.folder.join(&name)) {
                Ok(()) => self.written(name),
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed.filter(|error| !error.is_interrupted()) {
            fit.note(format!("no checkpoint of epoch {number}: {error}"));
        }
        Ok(())
    }

    /// Notes a file that is whole, and deletes those that are too many.
    fn written(&mut self, name: String) {
        let WrittenFile { files, .. } = &mut self.so_far;
        files.retain(|file| *file != name);
        files.push(name);
        while files.len() > self.keep {
            // one that is gone already, or cannot be deleted, is no reason to end a fit
            let _ = std::fs::remove_file(self.folder.join(files.remove(0)));
        }
    }
}

/// Whether this is the name of an epoch's file.
fn is_epoch(name: &str) -> bool {
    let number = name.strip_prefix("epoch-").and_then(|rest| rest.strip_suffix(".safetensors"));
    number.is_some_and(|number| number.len() >= 4 && number.bytes().all(|digit| digit.is_ascii_digit()))
}

impl Callback for Checkpoints {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        match when {
            When::FitBegins => self.begin(fit)?,
            When::EpochEnded => self.epoch(fit)?,
            _ => {}
        }
        Ok(Next::Go)
    }

    fn name(&self) -> &str {
        "checkpoints"
    }

    fn writes_to(&self) -> Option<PathBuf> {
        Some(self.folder.clone())
    }

    fn state(&self) -> Option<String> {
        serde_json::to_string(&WrittenFile { folder: Some(self.folder.clone()), ..self.so_far.clone() }).ok()
    }

    fn restore(&mut self, state: &str) -> Result<()> {
        let so_far: WrittenFile = serde_json::from_str(state)
            .map_err(|error| Error::new("this is no state of checkpoints").caused_by(error))?;
        // what lies in another folder is not its own
        if so_far.folder.as_ref().is_none_or(|folder| *folder == self.folder) {
            self.so_far = so_far;
        }
        Ok(())
    }
}

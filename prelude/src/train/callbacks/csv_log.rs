//! A table of a learner's epochs in a file, a row an epoch.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::left_behind::sweep;
use crate::paths;
use crate::train::callback::{Callback, Fit, Next, When};
use crate::train::history::EpochRecord;
use crate::{Error, Result};

/// Writes a row an epoch to a table (CSV): epoch, training loss and its parts, validation loss, every measure, the learning rate,
/// seconds, and the fit's label.
///
/// A table that is there already goes on; measures that it has no column for get one, and rows without them stay empty there. Rows are
/// written whole, one at a time; a row that a killed process left half written is dropped. A row that cannot be written ends no fit: the
/// report says so. Numbers have all their digits; what is no number is `NaN` or `inf`.
///
/// ```
/// use candlewick_prelude::prelude::*;
/// # fn cell(learner: &mut Learner) {
/// learner.add(CsvLog::to("log.csv"));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CsvLog {
    path: PathBuf,
    head: Vec<String>,
    /// Epochs without a row.
    failed: Vec<usize>,
    why: String,
}

/// What every table of ours begins with.
const FIRST: [&str; 2] = ["epoch", "train loss"];

impl CsvLog {
    /// Writes to this file, which is made where it is missing.
    pub fn to(path: impl AsRef<Path>) -> CsvLog {
        CsvLog {
            path: paths::expanded(path.as_ref()).into_owned(),
            head: Vec::new(),
            failed: Vec::new(),
            why: String::new(),
        }
    }

    /// The columns and rows of the file; none where it is missing or empty.
    fn read(&self) -> Result<(Vec<String>, Vec<Vec<String>>)> {
        let text = match std::fs::read(&self.path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(self.unusable("cannot be read").caused_by(error)),
        };
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let head: Vec<String> = match reader.headers() {
            Ok(head) => head.iter().map(str::to_owned).collect(),
            Err(error) => return Err(self.unusable("is no table").caused_by(error)),
        };
        if !head.is_empty() && (head.len() < 2 || head[..2] != FIRST) {
            return Err(self.unusable("holds something else").remedy("give another name, or move that file away"));
        }
        let rows = reader.records().map_while(|row| row.ok());
        // a row that was cut off lacks columns
        let rows = rows.filter(|row| row.len() == head.len());
        let rows: Vec<Vec<String>> = rows.map(|row| row.iter().map(str::to_owned).collect()).collect();
        Ok((head, rows))
    }

    fn unusable(&self, what: &str) -> Error {
        Error::new(format!("the log `{}` {what}", self.path.display()))
    }

    fn begin(&mut self) -> Result<()> {
        (self.failed, self.why) = (Vec::new(), String::new());
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        sweep(folder.unwrap_or(Path::new(".")), |file| file == name);
        let (head, rows) = self.read()?;
        self.head = head;
        let whole = std::fs::read(&self.path).map_or(true, |bytes| bytes.last().is_none_or(|last| *last == b'\n'));
        if !whole {
            self.write_anew(&rows)?;
        }
        let open = OpenOptions::new().create(true).append(true).open(&self.path);
        open.map(drop).map_err(|error| {
            self.unusable("cannot be written")
                .caused_by(error)
                .remedy("check that the folder exists and may be written to")
        })
    }

    /// Puts a table of these rows in place of the file, whole or not at all.
    fn write_anew(&self, rows: &[Vec<String>]) -> Result<()> {
        let mut text = line(&self.head)?;
        for row in rows {
            let mut row = row.clone();
            row.resize(self.head.len(), String::new());
            text += &line(&row)?;
        }
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let part = self.path.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let written = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, &self.path));
        written.map_err(|error| {
            let _ = std::fs::remove_file(&part);
            self.unusable("cannot be written").caused_by(error)
        })
    }

    fn row(&mut self, values: &[(String, String)]) -> Result<()> {
        let new: Vec<String> =
            values.iter().map(|(name, _)| name.clone()).filter(|name| !self.head.contains(name)).collect();
        if !new.is_empty() {
            let before = self.head.clone();
            // what it knows stays where it is, so that older rows keep their columns
            let rows = if before.is_empty() { Vec::new() } else { self.read()?.1 };
            self.head.extend(new);
            self.write_anew(&rows).inspect_err(|_| self.head = before)?;
        }
        let value = |name: &String| values.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value);
        let row: Vec<String> = self.head.iter().map(|name| value(name).to_owned()).collect();
        let failed = |error| self.unusable("cannot be written").caused_by(error);
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path).map_err(failed)?;
        let whole = file.metadata().map_err(failed)?.len();
        if let Err(error) = file.write_all(line(&row)?.as_bytes()).and_then(|()| file.flush()) {
            // no half of a row, where that can be helped
            let _ = file.set_len(whole);
            return Err(failed(error));
        }
        Ok(())
    }
}

/// A row as a line.
fn line(cells: &[String]) -> Result<String> {
    let failed = |error| Error::new("a row of the log cannot be made").caused_by(error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells).map_err(|error| Error::new("a row of the log cannot be made").caused_by(error))?;
    Ok(String::from_utf8(writer.into_inner().map_err(|error| failed(error.into_error()))?)?)
}

/// What a row says, by column.
fn values(epoch: &EpochRecord, rate: f64, label: &str) -> Vec<(String, String)> {
    let mut values =
        vec![(FIRST[0].to_owned(), epoch.epoch.to_string()), (FIRST[1].to_owned(), epoch.train_loss.to_string())];
    values.extend(epoch.parts.iter().map(|(name, value)| (format!("train {name}"), value.to_string())));
    if let Some(valid) = &epoch.valid {
        values.push(("valid loss".to_owned(), valid.loss.to_string()));
        values.extend(valid.list.iter().map(|one| (one.name.clone(), one.value.to_string())));
    }
    values.push(("rate".to_owned(), rate.to_string()));
    values.push(("seconds".to_owned(), format!("{:.3}", epoch.seconds)));
    values.push(("fit".to_owned(), label.to_owned()));
    values
}

impl Callback for CsvLog {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        match when {
            When::FitBegins => self.begin()?,
            When::EpochEnded => {
                let history = fit.history();
                let rate = history.batches.last().map_or(f64::NAN, |batch| batch.rate);
                let label = history.stages.last().map_or("", |stage| &stage.label);
                if let Some(epoch) = history.epochs.last()
                    && let Err(error) = self.row(&values(epoch, rate, label))
                {
                    self.failed.push(epoch.epoch);
                    self.why = error.to_string();
                }
            }
            When::FitEnded if !self.failed.is_empty() => {
                let epochs: Vec<String> = self.failed.iter().map(ToString::to_string).collect();
                fit.note(format!("the log has no row of epoch {}: {}", epochs.join(", "), self.why));
            }
            _ => {}
        }
        Ok(Next::Go)
    }

    fn name(&self) -> &str {
        "CSV log"
    }

    fn writes_to(&self) -> Option<PathBuf> {
        Some(self.path.clone())
    }
}

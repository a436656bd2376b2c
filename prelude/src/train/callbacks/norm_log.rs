//! How large weights and gradients are over the epochs, part by part, and how many units are dead.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::data::Data;
use crate::paths;
use crate::plot::{self, Figure, Lines, Look};
use crate::show::{Bundle, Show, Table};
use crate::train::callback::{Callback, Fit, Next, When};
use crate::train::norms::{dead_units, squares};
use crate::train::saves;
use crate::{Error, Result};

/// What a part of a network was like in one epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormRow {
    /// The epoch, from 1, over all fits.
    pub epoch: usize,
    /// The part.
    pub part: String,
    /// The norm of its weights at the epoch's end.
    pub weights: f64,
    /// The norm of its gradients, the mean over the epoch's steps; `None` where all of it was frozen.
    pub gradients: Option<f64>,
    /// Its units (channels) that are 0 for every place of every validation example, and all of them; `None` where nobody asked, or its values can be
    /// below 0.
    pub dead: Option<(usize, usize)>,
}

/// Gathers the norms of weights and gradients of every part of the network in each epoch, as a callback; the same value shows them: a cell that ends
/// with it draws both over the epochs. Gradients are those that the optimiser gets, shortened where there is clipping.
///
/// Norms that fall to nothing from part to part vanish, norms that rise explode; a part whose weights hardly move learns nothing.
///
/// ```no_run
/// # use candlewick_prelude::prelude::*;
/// # fn cell(mut learner: Learner, data: ImageFolder) -> Result<()> {
/// let norms = NormLog::new().dead_units(&data);
/// learner.add(norms.clone());
/// learner.fit(3, 1e-3)?;
/// norms.save("norms.csv")?; // or "norms.svg"
/// norms.figure();
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct NormLog {
    record: Arc<Mutex<NormRecord>>,
    /// Where dead units are counted.
    data: Option<Arc<dyn Data>>,
}

#[derive(Default)]
struct NormRecord {
    rows: Vec<NormRow>,
    /// Of each part the sum of its gradients' norms in this epoch, and of how many steps.
    sums: Vec<(f64, usize)>,
}

impl NormLog {
    /// One that has seen no epoch.
    pub fn new() -> NormLog {
        NormLog::default()
    }

    /// The same that also counts, on the validation examples of these data, the units that never fire, of parts that end in a ReLU. It costs one
    /// validation more an epoch.
    pub fn dead_units(self, data: &impl Data) -> NormLog {
        NormLog { data: Some(Arc::from(data.boxed())), ..self }
    }

    fn record(&self) -> MutexGuard<'_, NormRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A row an epoch and part.
    pub fn rows(&self) -> Vec<NormRow> {
        self.record().rows.clone()
    }

    /// The same as a table.
    pub fn table(&self) -> Table {
        let mut table = Table::new(["epoch", "part", "weights", "gradients", "dead units"]).left(1);
        for row in self.rows() {
            let gradients = row.gradients.map_or("frozen".to_owned(), |norm| format!("{norm:.3e}"));
            let dead = row.dead.map_or("–".to_owned(), |(dead, all)| format!("{dead} of {all}"));
            table.push([row.epoch.to_string(), row.part, format!("{:.4}", row.weights), gradients, dead]);
        }
        table
    }

    /// The norms of gradients and of weights over the epochs, a line a part; and where they are counted, the share of dead units.
    pub fn figure(&self) -> Figure {
        let rows = self.rows();
        let mut parts: Vec<&str> = Vec::new();
        for row in &rows {
            if !parts.contains(&row.part.as_str()) {
                parts.push(&row.part);
            }
        }
        let panel = |lines: Lines, named: bool, value: &dyn Fn(&NormRow) -> Option<f64>| {
            parts.iter().fold(lines, |lines, part| {
                let own = rows.iter().filter(|row| row.part == *part);
                let points: Vec<(f64, f64)> = own.filter_map(|row| Some((row.epoch as f64, value(row)?))).collect();
                lines.line(if named { *part } else { "" }, &points, Look::Marked)
            })
        };
        let mut panels = vec![
            panel(Lines::new("epoch", "norm of gradients").log_y(), true, &|row| row.gradients),
            panel(Lines::new("epoch", "norm of weights").log_y(), false, &|row| Some(row.weights)),
        ];
        if rows.iter().any(|row| row.dead.is_some()) {
            let share = |row: &NormRow| row.dead.map(|(dead, all)| dead as f64 / all.max(1) as f64);
            panels.push(panel(Lines::new("epoch", "dead units").percent(), false, &share));
        }
        plot::panels(&panels).with_table(self.table())
    }

    /// Writes it to a file: the figure (svg, png …), or with the ending csv its numbers.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        saves::write(&paths::expanded(path.as_ref()), Some(self.figure()), &self.table())
    }

    /// Adds this step's gradients.
    fn step(&self, fit: &mut Fit) -> Result<()> {
        let parts = fit.network().parts().len();
        let mut norms: Vec<Option<f64>> = vec![None; parts];
        let Some(gradients) = fit.gradients() else { return Ok(()) };
        for param in gradients.params() {
            if let (Some(grad), Some(norm)) = (gradients.get(param.name()), norms.get_mut(param.group())) {
                *norm = Some(norm.unwrap_or(0.0) + squares(grad)?);
            }
        }
        let mut record = self.record();
        record.sums.resize(parts, (0.0, 0));
        for (sum, norm) in record.sums.iter_mut().zip(norms) {
            if let Some(norm) = norm {
                *sum = (sum.0 + norm.sqrt(), sum.1 + 1);
            }
        }
        Ok(())
    }

    /// Writes down what the epoch gave.
    fn epoch(&self, fit: &Fit) -> Result<()> {
        let network = fit.network();
        let dead = self.data.as_ref().map(|data| dead_units(data.as_ref(), fit.judged())).transpose()?;
        let epoch = fit.history().epochs.last().map_or(0, |epoch| epoch.epoch);
        let mut record = self.record();
        let sums = std::mem::take(&mut record.sums);
        // an epoch that is done again takes its place
        record.rows.retain(|row| row.epoch < epoch);
        for (group, part) in network.parts().iter().enumerate() {
            let mut weights = 0.0;
            for param in network.params().in_group(group) {
                weights += squares(&param.value())?;
            }
            let gradients = sums.get(group).filter(|(_, steps)| *steps > 0).map(|(sum, steps)| sum / *steps as f64);
            let dead = dead.as_ref().and_then(|dead| dead.get(group).copied().flatten());
            record.rows.push(NormRow { epoch, part: part.clone(), weights: weights.sqrt(), gradients, dead });
        }
        Ok(())
    }
}

impl Callback for NormLog {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        match when {
            When::EpochBegins => self.record().sums.clear(),
            When::GradientsKnown => self.step(fit)?,
            When::EpochEnded => self.epoch(fit)?,
            _ => {}
        }
        Ok(Next::Go)
    }

    fn name(&self) -> &str {
        "norms"
    }

    fn state(&self) -> Option<String> {
        serde_json::to_string(&self.record().rows).ok()
    }

    fn restore(&mut self, state: &str) -> Result<()> {
        self.record().rows = serde_json::from_str(state)
            .map_err(|error| Error::new("these are no norms of earlier epochs").caused_by(error))?;
        Ok(())
    }
}

impl Show for NormLog {
    fn bundle(&self) -> Bundle {
        self.figure().bundle()
    }
}

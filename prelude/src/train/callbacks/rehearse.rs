//! Old examples in each batch, so that they are not forgotten.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};

use candle_core::Tensor;

use crate::data::{Batch, Data, Fields, Order, Part};
use crate::train::callback::{Callback, Fit, Next, When};
use crate::{Error, Result};

/// Adds a few examples of older data to each batch.
pub(in crate::train) struct Rehearse {
    data: Box<dyn Data>,
    share: f64,
    /// Epochs that were begun, over all fits: decides which old examples come, and when.
    begun: u64,
    /// Old batches, made ahead, in this epoch.
    ready: Option<Mutex<Receiver<Result<Batch>>>>,
    /// The old batch that is being used, and how many of its examples are.
    open: Option<(Batch, usize)>,
}

/// More passes through the old data than one epoch needs.
const PASSES: u64 = 1 << 20;

impl Rehearse {
    pub const NAME: &'static str = "rehearsal";

    pub fn of(data: Box<dyn Data>, share: f64) -> Rehearse {
        Rehearse { data, share, begun: 0, ready: None, open: None }
    }

    /// Starts making this epoch's old batches, in a thread of its own: one pass after another.
    fn begin(&mut self) {
        let (data, first) = (self.data.boxed(), self.begun * PASSES);
        let (sender, ready) = sync_channel(1);
        std::thread::spawn(move || {
            for pass in first..first + PASSES {
                let batches = match data.batches(Part::Train, Order::Epoch(pass)) {
                    Ok(batches) => batches,
                    Err(error) => return drop(sender.send(Err(error))),
                };
                let mut none = true;
                for batch in batches {
                    none = false;
                    if sender.send(batch).is_err() {
                        return;
                    }
                }
                if none {
                    return;
                }
            }
        });
        (self.ready, self.open) = (Some(Mutex::new(ready)), None);
    }

    fn next(&mut self) -> Result<Batch> {
        let none = || Error::new("the old data has no training examples that could be read");
        let ready = self.ready.as_ref().ok_or_else(none)?.lock().unwrap_or_else(PoisonError::into_inner);
        ready.recv().map_err(|_| none())?
    }

    /// Puts so many old examples behind a batch's own.
    fn add(&mut self, batch: &mut Batch) -> Result<()> {
        let own = batch.len();
        let mut wanted = ((own as f64 * self.share / (1.0 - self.share)).round() as usize).max(1);
        while wanted > 0 {
            let (old, used) = match self.open.take() {
                Some(open) => open,
                None => (self.next()?, 0),
            };
            let taken = wanted.min(old.len() - used);
            wanted -= taken;
            batch.inputs = behind(&batch.inputs, &old.inputs, (used, taken))?;
            batch.targets = behind(&batch.targets, &old.targets, (used, taken))?;
            // their numbers are of other data: nothing is looked up by them
            batch.ids.extend(std::iter::repeat_n(usize::MAX, taken));
            if used + taken < old.len() {
                self.open = Some((old, used + taken));
            }
        }
        Ok(())
    }
}

/// Some rows of other fields behind one's own.
fn behind(own: &Fields, old: &Fields, (from, count): (usize, usize)) -> Result<Fields> {
    let mut both = Fields::default();
    for (name, value) in own.iter() {
        let rows = old.get(name)?.narrow(0, from, count)?;
        if rows.dims()[1..] != value.dims()[1..] {
            let (new, old) = (&value.dims()[1..], &rows.dims()[1..]);
            return Err(Error::new(format!("`{name}` is {old:?} of the old data and {new:?} of the new"))
                .remedy("bring both to one size: `.size(64)`"));
        }
        both.set(name, Tensor::cat(&[value, &rows.to_dtype(value.dtype())?], 0)?);
    }
    Ok(both)
}

impl Callback for Rehearse {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        match when {
            When::EpochBegins => {
                self.begin();
                self.begun += 1;
            }
            When::BatchBegins => self.add(fit.batch_mut()?)?,
            When::EpochTrained | When::FitEnded => (self.ready, self.open) = (None, None),
            _ => {}
        }
        Ok(Next::Go)
    }

    fn name(&self) -> &str {
        Rehearse::NAME
    }

    fn state(&self) -> Option<String> {
        Some(self.begun.to_string())
    }

    fn restore(&mut self, state: &str) -> Result<()> {
        self.begun = state.parse().map_err(|_| Error::new(format!("`{state}` is no number of epochs")))?;
        Ok(())
    }
}

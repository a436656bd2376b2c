//! Old examples in each batch, so that they are not forgotten.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};

use candle_core::Tensor;

use crate::data::{Batch, Data, Fields, Order, Part, field};
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
            let own_count = batch.len();
            batch.inputs = behind(&batch.inputs, &old.inputs, (used, taken))?;
            batch.targets = match batch.targets.find(field::BOX_OF) {
                Some(_) => boxes_behind(own_count, &batch.targets, &old.targets, (used, taken))?,
                None => behind(&batch.targets, &old.targets, (used, taken))?,
            };
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
        let mut rows = old.get(name)?.narrow(0, from, count)?;
        let mut value = value.clone();
        if matches!(name, field::IDS | field::TYPES | field::MASK) {
            // of texts the shorter ones get more padding, which the mask leaves out
            let (short, long) = (value.dim(1)?, rows.dim(1)?);
            value = value.pad_with_zeros(1, 0, long.saturating_sub(short))?;
            rows = rows.pad_with_zeros(1, 0, short.saturating_sub(long))?;
        }
        if rows.dims()[1..] != value.dims()[1..] {
            let (new, old) = (&value.dims()[1..], &rows.dims()[1..]);
            return Err(Error::new(format!("`{name}` is {old:?} of the old data and {new:?} of the new"))
                .remedy("bring both to one size: `.size(64)`"));
        }
        both.set(name, Tensor::cat(&[&value, &rows.to_dtype(value.dtype())?], 0)?);
    }
    Ok(both)
}

/// The boxes of some old pictures behind the `own_count` pictures' own: boxes lie flat, each with the number of its picture.
fn boxes_behind(own_count: usize, own: &Fields, old: &Fields, (from, count): (usize, usize)) -> Result<Fields> {
    let mut both = Fields::default();
    let of = old.get(field::BOX_OF)?.to_vec1::<u32>()?;
    let taken: Vec<usize> = (0..of.len()).filter(|at| (from..from + count).contains(&(of[*at] as usize))).collect();
    let length = taken.len();
    for (name, value) in own.iter() {
        let rows = match name {
            field::MOSAIC => {
                both.set(name, value.clone());
                continue;
            }
            field::SOURCE => old.get(name)?.narrow(0, from, count)?,
            field::BOX_OF => {
                let moved = taken.iter().map(|at| of[*at] - from as u32 + own_count as u32).collect();
                Tensor::from_vec(moved, length, value.device())?
            }
            _ => {
                let places: Vec<u32> = taken.iter().map(|at| *at as u32).collect();
                old.get(name)?.index_select(&Tensor::from_vec(places, length, value.device())?, 0)?
            }
        };
        both.set(
            name,
            match (value.dims()[0], rows.dims()[0]) {
                (_, 0) => value.clone(),
                (0, _) => rows.to_dtype(value.dtype())?,
                _ => Tensor::cat(&[value, &rows.to_dtype(value.dtype())?], 0)?,
            },
        );
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

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn boxes(of: &[u32], first: f32, pictures: usize) -> Result<Fields> {
        let (cpu, count) = (&Device::Cpu, of.len());
        let corners: Vec<f32> = (0..4 * count).map(|at| first + (at / 4) as f32).collect();
        let sizes: Vec<f32> = (0..2 * pictures).map(|at| first * 10.0 + (at / 2) as f32).collect();
        Ok(Fields::of(field::BOX, Tensor::from_vec(corners, (count, 4), cpu)?)
            .with(field::BOX_CLASS, Tensor::from_vec((0..count as u32).collect(), count, cpu)?)
            .with(field::BOX_OF, Tensor::from_vec(of.to_vec(), count, cpu)?)
            .with(field::BOX_CROWD, Tensor::zeros(count, candle_core::DType::U32, cpu)?)
            .with(field::SOURCE, Tensor::from_vec(sizes, (pictures, 2), cpu)?))
    }

    // by hand: of four old pictures with 2, 0, 1 and 2 boxes the second to the fourth come behind two of one's own
    #[test]
    fn boxes_keep_their_pictures() -> Result<()> {
        let (own, old) = (boxes(&[0, 0, 1], 0.0, 2)?, boxes(&[0, 0, 2, 3, 3], 100.0, 4)?);
        let both = boxes_behind(2, &own, &old, (1, 3))?;
        assert_eq!(both.get(field::BOX_OF)?.to_vec1::<u32>()?, [0, 0, 1, 3, 4, 4]);
        assert_eq!(both.get(field::BOX_CLASS)?.to_vec1::<u32>()?, [0, 1, 2, 2, 3, 4]);
        let first: Vec<f32> = both.get(field::BOX)?.to_vec2::<f32>()?.iter().map(|row| row[0]).collect();
        assert_eq!(first, [0.0, 1.0, 2.0, 102.0, 103.0, 104.0]);
        let sizes: Vec<f32> = both.get(field::SOURCE)?.to_vec2::<f32>()?.iter().map(|row| row[0]).collect();
        assert_eq!(sizes, [0.0, 1.0, 1001.0, 1002.0, 1003.0]);
        // nothing on any of them, or on one's own
        let none = boxes_behind(2, &own, &old, (1, 1))?;
        assert_eq!((none.get(field::BOX)?.dims(), none.get(field::SOURCE)?.dims()), (&[3, 4][..], &[3, 2][..]));
        let empty = boxes(&[], 0.0, 1)?;
        assert_eq!(boxes_behind(1, &empty, &old, (3, 1))?.get(field::BOX_OF)?.to_vec1::<u32>()?, [1, 1]);
        Ok(())
    }
}

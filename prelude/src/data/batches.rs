//! Batches of tensors, made a few ahead in a thread of its own.

use super::Fields;
use crate::sealed::Sealed;
use crate::{Error, Result};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// So many batches are made ahead at most, as long as they fit into so many bytes.
const AHEAD: usize = 4;
const AHEAD_BYTES: usize = 256 << 20;

/// Some examples with what is true of them, ready for a network; on the CPU.
#[derive(Clone, Debug)]
pub struct Batch {
    /// What goes into the network: of pictures, the field `image`.
    pub inputs: Fields,
    /// What is true: `class`, or for data with numbers instead of classes, `numbers`; `box` where every picture of the data
    /// set has a box.
    pub targets: Fields,
    /// The examples' numbers, for [`ImageFolder::sample`](super::ImageFolder::sample) and
    /// [`ImageFolder::picture`](super::ImageFolder::picture).
    pub ids: Vec<usize>,
}

impl Batch {
    /// How many examples it holds.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// An iterator over the batches of one pass through the pictures.
///
/// The next batches, up to four, are made while the last one is used. Dropping it early stops that. A batch of which no picture can be read is
/// left out.
pub struct Batches {
    ready: Sealed<Mutex<Receiver<Result<Batch>>>>,
    left: usize,
    pictures: usize,
    waited: Duration,
}

impl Batches {
    /// How many pictures the whole pass shows.
    pub fn pictures(&self) -> usize {
        self.pictures
    }

    /// How long whoever took the batches has waited for them so far.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Starts making batches of `ids`, in that order, so many each, of so many bytes a picture; `merge` gives a last one of one picture to that before it.
    pub(super) fn start(
        ids: Vec<usize>,
        size: usize,
        (merge, bytes): (bool, usize),
        make: impl Fn(Vec<usize>) -> Result<Batch> + Send + 'static,
    ) -> Batches {
        let pictures = ids.len();
        let mut chunks: Vec<Vec<usize>> = ids.chunks(size).map(<[usize]>::to_vec).collect();
        // statistics over one picture alone are no statistics
        if merge && chunks.len() > 1 && chunks.last().is_some_and(|last| last.len() == 1) {
            let last = chunks.pop().unwrap_or_default();
            chunks.last_mut().expect("there was more than one").extend(last);
        }
        let left = chunks.len();
        let ahead = (AHEAD_BYTES / bytes.saturating_mul(size.min(pictures)).max(1)).clamp(1, AHEAD);
        let (sender, ready) = sync_channel(ahead);
        std::thread::spawn(move || {
            for chunk in chunks {
                if sender.send(make(chunk)).is_err() {
                    return;
                }
            }
        });
        Batches { ready: Mutex::new(ready).into(), left, pictures, waited: Duration::ZERO }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        let gone = |_| Err(Error::new("the thread that reads pictures ended early"));
        loop {
            self.left = self.left.checked_sub(1)?;
            let asked = Instant::now();
            let came = self.ready.get_mut().expect("no panic while receiving").recv().unwrap_or_else(gone);
            self.waited += asked.elapsed();
            match came {
                // None of its pictures can be read, which was told.
                Ok(batch) if batch.is_empty() => {}
                ready => return Some(ready),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Batches {}

/// One number of three, well mixed (the finaliser of SplitMix64).
pub(super) fn mix(a: u64, b: u64, c: u64) -> u64 {
    let mut z = a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ c.wrapping_mul(0xd1b5_4a32_d192_ed03);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

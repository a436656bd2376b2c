//! Decoded pictures, kept in memory at the network's size where they fit.

use super::Sample;
use super::decode::decode;
use super::transform::Transform;
use crate::{Error, Result, interrupt, show};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Most bytes of pixels that are kept.
const MOST: usize = 1 << 30;

/// A decoded picture at the network's size.
pub(super) struct Picture {
    /// Rows of red, green and blue.
    pub pixels: Vec<u8>,
    /// Width and height of the file's picture.
    pub source: (u32, u32),
}

/// The pictures of one data set at one size.
pub(super) struct Store {
    transform: Transform,
    keep: bool,
    kept: Vec<OnceLock<Loaded>>,
    bad: Mutex<Vec<(usize, String)>>,
}

/// A picture, or why there is none.
type Loaded = std::result::Result<Arc<Picture>, String>;

impl Store {
    /// A store for `count` pictures, empty yet.
    pub fn new(count: usize, transform: Transform) -> Store {
        // a size that makes no sense yet is refused by what would decode
        let bytes = [3, transform.size, transform.size].into_iter().fold(count, usize::saturating_mul);
        let keep = bytes <= MOST;
        Store { transform, keep, kept: (0..count).map(|_| OnceLock::new()).collect(), bad: Mutex::new(Vec::new()) }
    }

    /// What the pictures are brought to; the normalisation is not applied here.
    pub fn transform(&self) -> &Transform {
        &self.transform
    }

    /// The bytes of the pictures that are kept.
    pub fn bytes(&self) -> usize {
        let kept = self.kept.iter().filter(|picture| self.keep && matches!(picture.get(), Some(Ok(_))));
        kept.count() * 3 * self.transform.size * self.transform.size
    }

    /// Picture number `id`, decoded now or before.
    pub fn get(&self, id: usize, sample: &Sample) -> Loaded {
        if self.keep {
            self.kept[id].get_or_init(|| self.load(id, sample)).clone()
        } else if let Some(Err(why)) = self.kept[id].get() {
            Err(why.clone())
        } else {
            let loaded = self.load(id, sample);
            if loaded.is_err() {
                let _ = self.kept[id].set(loaded.clone());
            }
            loaded
        }
    }

    fn load(&self, id: usize, sample: &Sample) -> Loaded {
        let loaded = std::fs::read(&sample.path).map_err(|error| error.to_string()).and_then(|bytes| decode(&bytes));
        match loaded {
            Ok(picture) => {
                let source = picture.dimensions();
                Ok(Arc::new(Picture { pixels: self.transform.square(&picture).into_raw(), source }))
            }
            Err(why) => {
                self.bad.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((id, why.clone()));
                Err(why)
            }
        }
    }

    /// Decodes all of `ids` where they can be kept, with a progress bar where that takes a while.
    ///
    /// # Errors
    /// Where the user interrupts.
    pub fn fill(&self, ids: &[usize], samples: &[Sample]) -> Result<()> {
        if !self.keep {
            return Ok(());
        }
        let waiting: Vec<usize> = ids.iter().copied().filter(|id| self.kept[*id].get().is_none()).collect();
        let done = AtomicUsize::new(0);
        let started = Instant::now();
        waiting.par_iter().for_each(|id| {
            if interrupt::requested() {
                return;
            }
            let _ = self.get(*id, &samples[*id]);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if started.elapsed() > Duration::from_millis(500) {
                show::progress("reading pictures", done as u64, waiting.len() as u64);
            }
        });
        if started.elapsed() > Duration::from_millis(500) {
            show::progress("reading pictures", waiting.len() as u64, waiting.len() as u64);
        }
        if interrupt::requested() && waiting.iter().any(|id| self.kept[*id].get().is_none()) {
            return Err(Error::interrupted());
        }
        Ok(())
    }

    /// The pictures that could not be read so far, with the reason, by number.
    pub fn bad(&self) -> Vec<(usize, String)> {
        let mut bad = self.bad.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        bad.sort();
        bad
    }
}

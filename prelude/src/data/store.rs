//! Decoded pictures, kept in memory at the network's size where they fit.

use super::Sample;
use super::decoded::Decoded;
use super::disk::{CacheKey, Cached, DiskCache};
use super::transform::Transform;
use crate::Result;
use crate::show::Steps;
use image::RgbImage;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, OnceLock};

/// Most bytes of pixels that are kept, where nobody says otherwise.
pub(super) const MOST: usize = 1 << 30;

/// The pictures of one data set at one size.
pub(super) struct Store {
    transform: Transform,
    most: usize,
    keep: bool,
    kept: Vec<OnceLock<Loaded>>,
    bad: Mutex<Vec<(usize, String)>>,
    /// Pictures of sixteen bits that look black because they use little of their range.
    dim: AtomicUsize,
    told: AtomicBool,
    /// Where they are in files too, where somebody wants that.
    disk: Option<Arc<DiskCache>>,
    /// Whether the cache has room for them, as far as it can.
    has_room: Once,
}

/// A picture, or why there is none.
type Loaded = std::result::Result<Arc<Decoded>, String>;

impl Store {
    /// A store for `count` pictures, empty yet, that keeps them where they take no more than `most` bytes.
    pub fn new(count: usize, transform: Transform, most: usize) -> Store {
        // a size that makes no sense yet is refused by what would decode
        let bytes = [3, transform.size, transform.size].into_iter().fold(count, usize::saturating_mul);
        let keep = bytes <= most;
        Store {
            transform,
            most,
            keep,
            kept: (0..count).map(|_| OnceLock::new()).collect(),
            bad: Mutex::new(Vec::new()),
            dim: AtomicUsize::new(0),
            told: AtomicBool::new(false),
            disk: None,
            has_room: Once::new(),
        }
    }

    /// The same with files of decoded pictures.
    pub fn on_disk(mut self, disk: Option<Arc<DiskCache>>) -> Store {
        self.disk = disk;
        self
    }

    /// The files of decoded pictures.
    pub fn disk(&self) -> Option<Arc<DiskCache>> {
        self.disk.clone()
    }

    /// The most bytes of pixels that are kept.
    pub fn most(&self) -> usize {
        self.most
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
        let cache = self.cache(sample);
        if let Some((disk, key)) = &cache
            && let Some(Cached { picture, dim }) = disk.read(key, self.transform.size)
        {
            self.dim.fetch_add(usize::from(dim), Ordering::Relaxed);
            return Ok(Arc::new(picture));
        }
        let (picture, dim) = self.decoded(id, sample)?;
        let source = picture.dimensions();
        let decoded = Decoded { pixels: self.transform.square(&picture).into_raw(), source };
        if let Some((disk, key)) = &cache {
            disk.write(key, &decoded, self.transform.size, dim);
        }
        Ok(Arc::new(decoded))
    }

    /// The cache, and what this picture is known by there.
    fn cache(&self, sample: &Sample) -> Option<(&DiskCache, CacheKey)> {
        let disk = self.disk.as_deref()?;
        Some((disk, DiskCache::key(sample, &self.transform)?))
    }

    /// The picture at its own size, and whether it looks black; noted as bad where it cannot be read.
    fn decoded(&self, id: usize, sample: &Sample) -> std::result::Result<(RgbImage, bool), String> {
        let read = sample.read(self.transform.greys).inspect_err(|why| {
            self.bad.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((id, why.clone()));
        });
        let (picture, dim) = read?;
        self.dim.fetch_add(usize::from(dim), Ordering::Relaxed);
        Ok((picture, dim))
    }

    /// Width and height of a picture's file; where pictures are not kept, it is not brought to the network's size for that.
    fn source(&self, id: usize, sample: &Sample) -> Option<(u32, u32)> {
        if self.keep || self.kept[id].get().is_some() {
            return self.get(id, sample).ok().map(|picture| picture.source);
        }
        if let Some((disk, key)) = self.cache(sample)
            && let Some((source, dim)) = disk.source(&key, self.transform.size)
        {
            self.dim.fetch_add(usize::from(dim), Ordering::Relaxed);
            return Some(source);
        }
        if self.disk.is_some() {
            return self.get(id, sample).ok().map(|picture| picture.source);
        }
        match self.decoded(id, sample) {
            Ok((picture, _)) => Some(picture.dimensions()),
            Err(why) => {
                let _ = self.kept[id].set(Err(why));
                None
            }
        }
    }

    /// Decodes all of `ids` where they can be kept, with a progress bar where that takes a while.
    ///
    /// # Errors
    /// Where the user interrupts.
    pub fn fill(&self, ids: &[usize], samples: &[Sample]) -> Result<()> {
        if let Some(disk) = &self.disk {
            let own = || samples.iter().collect::<Vec<_>>();
            self.has_room.call_once(|| disk.make_room(&own(), &self.transform));
        }
        if !self.keep {
            return Ok(());
        }
        let waiting: Vec<usize> = ids.iter().copied().filter(|id| self.kept[*id].get().is_none()).collect();
        let steps = Steps::new("reading pictures", waiting.len());
        waiting.par_iter().try_for_each(|id| {
            steps.step()?;
            let _ = self.get(*id, &samples[*id]);
            Ok(())
        })
    }

    /// Width and height of each picture's file, `None` where it cannot be read; kept or not, each is decoded.
    ///
    /// # Errors
    /// Where the user interrupts.
    pub fn sources(&self, samples: &[Sample]) -> Result<Vec<Option<(u32, u32)>>> {
        let steps = Steps::new("reading pictures", samples.len());
        let source = |(id, sample)| {
            steps.step()?;
            Ok(self.source(id, sample))
        };
        samples.par_iter().enumerate().map(source).collect()
    }

    /// How many decodings gave a picture of sixteen bits that looks black.
    pub fn dim(&self) -> usize {
        self.dim.load(Ordering::Relaxed)
    }

    /// Whether there are such pictures and nobody has been told; once.
    pub fn is_dim_untold(&self) -> bool {
        self.dim() > 0 && !self.told.swap(true, Ordering::Relaxed)
    }

    /// Where decoded pictures are, between epochs, in words.
    pub fn words(&self) -> String {
        let each = 3 * self.transform.size * self.transform.size;
        let size = |bytes: usize| match bytes {
            0..10_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
            10_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
            _ => format!("{:.1} GB", bytes as f64 / 1e9),
        };
        let all = size(each * self.kept.len());
        if let Some(disk) = &self.disk {
            let memory = if self.keep { "kept in memory while they are used; " } else { "" };
            return memory.to_owned() + &disk.words(self.kept.len(), (each * self.kept.len()) as u64);
        }
        match self.keep {
            true => format!("decoded once and kept in memory ({all})"),
            false => format!(
                "at this size the pictures take {all}, more than the {} that are kept in memory: each epoch decodes them anew, on all \
                 processors, ahead of the step; `.cache_on_disk()` keeps them in files",
                size(self.most)
            ),
        }
    }

    /// The pictures that could not be read so far, with the reason, by number.
    pub fn bad(&self) -> Vec<(usize, String)> {
        let mut bad = self.bad.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        bad.sort();
        bad
    }
}

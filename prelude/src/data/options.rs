//! What a person says of an image folder's pictures: size, batch, augmentation and the like; and what makes no sense.

use super::disk::{self, DiskCache};
use super::folder::ImageFolder;
use super::store::Store;
use super::{Augment, Greys, Normalize, ResizeMethod, Transform};
use crate::{Result, limits, paths};
use std::path::Path;
use std::sync::Arc;

impl ImageFolder {
    /// Trains on `per_class` pictures of each class at most, 1 or more; validation keeps all of its own.
    pub fn limit(mut self, per_class: usize) -> ImageFolder {
        self.limit = Some(per_class);
        self
    }

    /// The side of the square pictures that the network sees, in pixels (default 64).
    ///
    /// What the memory does not hold is refused by the next verb that reads pictures.
    pub fn size(mut self, side: usize) -> ImageFolder {
        self.transform.size = side;
        self.said_size = true;
        self.renew()
    }

    /// How a picture that is not square becomes one (default: the middle square, or stretched where there are boxes).
    pub fn resize(mut self, resize: ResizeMethod) -> ImageFolder {
        self.transform.resize = resize;
        self.renew()
    }

    /// How pictures of sixteen bits are brought to eight (default: their whole range, as viewers show it); prediction does the same.
    ///
    /// ```no_run
    /// use candlewick_prelude::prelude::*;
    /// // scans of twelve bits in sixteen
    /// let data = ImageFolder::open("scans")?.greys(Greys::Window(0.0, 4095.0)).split(0.2, 42)?;
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    pub fn greys(mut self, greys: Greys) -> ImageFolder {
        self.transform.greys = greys;
        self.renew()
    }

    /// Keeps decoded pictures in memory where they take no more than so many bytes, at the network's size (default 1 GiB). Where they take more,
    /// each epoch decodes them anew, on all processors, ahead of the step; `summary` says which it is.
    pub fn memory(mut self, bytes: usize) -> ImageFolder {
        let store = Store::new(self.samples.len(), self.transform, bytes).on_disk(self.store.disk());
        self.store = Arc::new(store);
        self.warned = Arc::default();
        self
    }

    /// Keeps decoded pictures at the network's size in files too: what does not fit into memory is decoded once, and not in each epoch, and what was
    /// decoded in an earlier session is read. They lie in `CANDLEWICK_HOME/cache/pictures`, or `candlewick/pictures` in the user's cache folder, and
    /// take up to 20 GB; `summary` says how it is.
    ///
    /// A picture is decoded anew where its file, the size or the way to it has changed, and where its cached file is damaged. Files of other data sets
    /// make room, the oldest first. Where the folder cannot be written to, a note says so and pictures are decoded as without it.
    ///
    /// ```no_run
    /// use candlewick_prelude::prelude::*;
    /// let data = ImageFolder::open("many")?.split(0.2, 42)?.size(224).cache_on_disk();
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    pub fn cache_on_disk(self) -> ImageFolder {
        let disk = match paths::cache() {
            Some(folder) => DiskCache::at(folder.join("pictures"), disk::MOST),
            None => DiskCache::nowhere("there is no folder for it, as neither CANDLEWICK_HOME nor HOME is set"),
        };
        self.cached(disk)
    }

    /// The same in a folder of one's own choice, such as on a fast disk, and of at most so many bytes: `.cache_in("/scratch/pictures", 50_000_000_000)`.
    /// What the folder holds beside decoded pictures is left alone.
    pub fn cache_in(self, folder: impl AsRef<Path>, bytes: u64) -> ImageFolder {
        self.cached(DiskCache::at(paths::expanded(folder.as_ref()).into_owned(), bytes))
    }

    pub(super) fn cached(mut self, disk: DiskCache) -> ImageFolder {
        let store = Store::new(self.samples.len(), self.transform, self.store.most());
        self.store = Arc::new(store.on_disk(Some(Arc::new(disk))));
        self.warned = Arc::default();
        self
    }

    /// Has each epoch show every class equally often: of large classes other pictures in each epoch, those of small ones several times, each
    /// varied anew. Validation keeps its own counts. Epochs stay as long as they were.
    ///
    /// Against imbalance take this or `learner.balanced_weights()?`, not both.
    pub fn balanced(mut self) -> ImageFolder {
        self.balanced = true;
        self
    }

    /// How training pictures are varied (default: not at all).
    pub fn augment(mut self, augment: Augment) -> ImageFolder {
        self.augment = augment;
        self
    }

    /// How many pictures go through the network at once, 1 or more (default 32).
    pub fn batch(mut self, pictures: usize) -> ImageFolder {
        self.batch = pictures;
        self
    }

    /// The shift and scale of the values (default: those that the learner's network was trained with; ImageNet's elsewhere).
    pub fn normalize(mut self, normalize: Normalize) -> ImageFolder {
        self.transform.normalize = normalize;
        self.said_normalize = true;
        self
    }

    /// The same with the size and the normalisation of a network, where nobody has said others.
    pub(crate) fn suited(&self, network: Transform) -> ImageFolder {
        let mut suited = self.clone();
        if !self.said_size {
            suited.transform.size = network.size;
        }
        if !self.said_normalize {
            suited.transform.normalize = network.normalize;
        }
        suited.renew()
    }

    /// A size that a network may still change.
    pub(super) fn size_of_nobody(mut self, side: usize) -> ImageFolder {
        self.transform.size = side;
        self.renew()
    }

    /// The seed of order and augmentation (default: the split's).
    pub fn seeded(mut self, seed: u64) -> ImageFolder {
        self.seed = seed;
        self
    }

    /// Whether pictures that cannot be read are left out, each named in a warning (the default), or stop the work.
    pub fn skip_corrupt(mut self, skip: bool) -> ImageFolder {
        self.strict = !skip;
        self
    }

    /// Stops with an error at a picture that cannot be read; the same as `.skip_corrupt(false)`.
    pub fn strict(self) -> ImageFolder {
        self.skip_corrupt(false)
    }

    /// A new store where size or fit have changed.
    fn renew(mut self) -> ImageFolder {
        let old = self.store.transform();
        let new = self.transform;
        // a window that is no number differs from itself, and is refused later
        if old.size != new.size || old.resize != new.resize || old.greys != new.greys {
            let store = Store::new(self.samples.len(), self.transform, self.store.most());
            self.store = Arc::new(store.on_disk(self.store.disk()));
            self.warned = Arc::default();
        }
        self
    }

    /// Refuses options that make no sense, by name.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(limit) = self.limit {
            limits::some("`limit`", limit, "pictures a class", "a few are enough to try things out: `.limit(20)`")?;
        }
        limits::some("`batch`", self.batch, "pictures", "32 are usual: `.batch(32)`")?;
        limits::room(self.batch.min(self.len()), self.transform.size)?;
        self.transform.normalize.check()?;
        self.transform.greys.check()?;
        self.augment.check()
    }
}

//! The vehicles as an image folder in the cache.

use super::draw::{Vehicle, draw};
use crate::data::{ImageFolder, write_boxes};
use crate::paths;
use crate::{Error, Result, interrupt, limits, show};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Part of the cache folder's name; raised when the same settings would draw other pictures.
const EDITION: u32 = 1;

/// Small drawn pictures of vehicles: which classes, how many, how large.
#[derive(Clone, Debug, PartialEq)]
pub struct Vehicles {
    classes: Vec<String>,
    per_class: usize,
    size: u32,
    seed: u64,
}

/// Small drawn pictures of cars, trucks, buses and vans: 120 of each class, 64 × 64 pixels, unless said otherwise.
pub fn vehicles() -> Vehicles {
    let classes = Vehicle::ALL.iter().map(|vehicle| vehicle.name().to_owned()).collect();
    Vehicles { classes, per_class: 120, size: 64, seed: 42 }
}

impl Vehicles {
    /// The classes to draw, of `car`, `truck`, `bus`, `van`.
    pub fn classes(mut self, classes: &[&str]) -> Vehicles {
        self.classes = classes.iter().map(|class| class.trim().to_lowercase()).collect();
        self
    }

    /// How many pictures of each class, 2 to 100 000.
    pub fn per_class(mut self, pictures: usize) -> Vehicles {
        self.per_class = pictures;
        self
    }

    /// The pictures' side in pixels, 8 to 2048.
    pub fn size(mut self, pixels: u32) -> Vehicles {
        self.size = pixels;
        self
    }

    /// The seed; the same seed draws the same pictures, and more of them begin with the same.
    pub fn seed(mut self, seed: u64) -> Vehicles {
        self.seed = seed;
        self
    }

    /// The pictures as an image folder, with boxes; they are drawn the first time and found in the cache afterwards
    /// (`$CANDLEWICK_HOME/cache`, else the user's cache folder).
    ///
    /// # Errors
    /// Where a class is unknown or named twice, fewer than two classes are asked for, the count or the size is out of its
    /// range, the cache cannot be written, or the user interrupts.
    pub fn write(&self) -> Result<ImageFolder> {
        self.write_in(&cache_folder()?)
    }

    /// As [`write`](Vehicles::write), into a folder of the caller's choice.
    ///
    /// # Errors
    /// As [`write`](Vehicles::write).
    pub fn write_to(&self, cache: impl AsRef<Path>) -> Result<ImageFolder> {
        self.write_in(&paths::expanded(cache.as_ref()))
    }

    fn write_in(&self, cache: &Path) -> Result<ImageFolder> {
        let kinds = self.check()?;
        let name =
            format!("vehicles-{EDITION}-{}-{}x{}-seed{}", self.classes.join("-"), self.per_class, self.size, self.seed);
        let folder = cache.join("datasets").join(name);
        // the folder gets its name when it is complete, so a folder of this name is complete
        if !folder.is_dir() {
            self.draw_into(&folder, &kinds)?;
        }
        Ok(ImageFolder::open(&folder)?.size(self.size as usize))
    }

    fn check(&self) -> Result<Vec<Vehicle>> {
        let names: Vec<&str> = Vehicle::ALL.iter().map(|vehicle| vehicle.name()).collect();
        let known = names.join(", ");
        let mut kinds = Vec::new();
        for class in &self.classes {
            let kind = Vehicle::named(class).ok_or_else(|| {
                Error::new(format!("`{class}` is no vehicle that can be drawn")).remedy(format!("choose of {known}"))
            })?;
            if kinds.contains(&kind) {
                return Err(Error::new(format!("the class `{class}` is named twice")).remedy("name each class once"));
            }
            kinds.push(kind);
        }
        if kinds.len() < 2 {
            return Err(Error::new(format!("{} class is not enough to tell apart", kinds.len()))
                .remedy(format!("name two at least, of {known}: `.classes(&[\"car\", \"truck\"])`")));
        }
        let (count, size) = (self.per_class, self.size);
        let (fine, remedy) = ((2..=100_000).contains(&count), "120 are usual: `.per_class(120)`");
        limits::allow(fine, "`per_class`", &count, "2 to 100000 pictures of each class", remedy)?;
        let (fine, remedy) = ((8..=2048).contains(&size), "64 are usual: `.size(64)`");
        limits::allow(fine, "the vehicles' `size`", &size, "a side from 8 to 2048 pixels", remedy)?;
        Ok(kinds)
    }

    fn draw_into(&self, folder: &Path, kinds: &[Vehicle]) -> Result<()> {
        let unwritable = |error: std::io::Error| {
            Error::new(format!("the cache folder `{}` cannot be written", folder.display()))
                .caused_by(error)
                .remedy("make it writable, or name another with the environment variable CANDLEWICK_HOME")
        };
        let parent = folder.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(unwritable)?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let work = parent.join(format!(".vehicles-{}-{now}", std::process::id()));
        let written = self.draw_all(&work, kinds, unwritable);
        let moved = written.and_then(|()| match std::fs::rename(&work, folder) {
            // another process was as fast and wrote the same
            Err(_) if folder.is_dir() => std::fs::remove_dir_all(&work).map_err(unwritable),
            moved => moved.map_err(unwritable),
        });
        if moved.is_err() {
            let _ = std::fs::remove_dir_all(&work);
        }
        moved
    }

    fn draw_all(
        &self,
        work: &Path,
        kinds: &[Vehicle],
        unwritable: impl Fn(std::io::Error) -> Error + Sync,
    ) -> Result<()> {
        for kind in kinds {
            std::fs::create_dir_all(work.join(kind.name())).map_err(&unwritable)?;
        }
        let all: Vec<(Vehicle, usize)> =
            kinds.iter().flat_map(|kind| (0..self.per_class).map(move |number| (*kind, number))).collect();
        let (done, started) = (AtomicUsize::new(0), Instant::now());
        let one = |(kind, number): &(Vehicle, usize)| {
            if interrupt::requested() {
                return Err(Error::interrupted());
            }
            let (picture, bbox) = draw(*kind, self.size, self.seed_of(*kind, *number));
            let file = format!("{}/{number:05}.png", kind.name());
            picture.save(work.join(&file))?;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if started.elapsed() > Duration::from_millis(500) {
                show::progress("drawing vehicles", done as u64, all.len() as u64);
            }
            Ok((file, kind.name().to_owned(), bbox))
        };
        let boxes = all.par_iter().map(one).collect::<Result<Vec<_>>>()?;
        write_boxes(work, boxes)
    }

    /// The seed of one picture.
    fn seed_of(&self, kind: Vehicle, number: usize) -> u64 {
        let class = Vehicle::ALL.iter().position(|other| *other == kind).unwrap_or(0) as u64;
        self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (class << 56) ^ number as u64
    }
}

/// The prelude's cache: `$CANDLEWICK_HOME/cache`, else the user's cache folder.
fn cache_folder() -> Result<PathBuf> {
    paths::cache().ok_or_else(|| {
        Error::new("no folder for the cache: neither CANDLEWICK_HOME nor HOME is set")
            .remedy("set CANDLEWICK_HOME to a folder that may be written")
    })
}

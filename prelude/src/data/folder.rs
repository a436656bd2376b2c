//! The image folder: what is in it, and how its pictures are to be shown to a network.

use super::batches::{Batches, mix};
use super::scan::scan;
use super::split::{self, Copies};
use super::store::{Picture, Store};
use super::{Augment, Fit, Normalize, Summary, Transform, read_picture};
use crate::detect::Annotation;
use crate::plot::{self, Figure};
use crate::show::{Bundle, Describe, Description, Show};
use crate::{Error, Result, limits, show};
use image::RgbImage;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What a picture is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The network learns from it.
    Train,
    /// The network is measured on it while it learns.
    Valid,
    /// The network is measured on it at the very end.
    Test,
}

impl Part {
    /// The part's name, as its folder is called.
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Valid => "valid",
            Part::Test => "test",
        }
    }
}

/// One picture file of a data set.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Where it lies.
    pub path: PathBuf,
    /// Its path inside the data set's folder.
    pub name: String,
    /// Index of its class.
    pub class: usize,
    /// What it is used for.
    pub part: Part,
    /// The objects on it, in pixels of the upright picture; empty where nobody said.
    pub boxes: Vec<Annotation>,
}

/// Pictures in folders, one folder a class, and how they are shown to a network.
///
/// Cloning is cheap: the list and the decoded pictures are shared.
///
/// ```no_run
/// use candlewick_prelude::data::{Augment, ImageFolder};
/// let data = ImageFolder::open("photos")?.split(0.2, 42)?.size(64).augment(Augment::standard()).batch(32);
/// println!("{} classes, {} pictures", data.classes().len(), data.len());
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone)]
pub struct ImageFolder {
    root: PathBuf,
    classes: Arc<Vec<String>>,
    pub(super) samples: Arc<Vec<Sample>>,
    parted: bool,
    left_out: Arc<Vec<String>>,
    leaks: Arc<Vec<(String, String)>>,
    copies: Arc<Copies>,
    has_boxes: bool,
    pub(super) transform: Transform,
    pub(super) augment: Augment,
    pub(super) batch: usize,
    pub(super) seed: u64,
    pub(super) limit: Option<usize>,
    pub(super) strict: bool,
    pub(super) store: Arc<Store>,
    pub(super) warned: Arc<Mutex<usize>>,
}

impl ImageFolder {
    /// Lists the pictures in a folder: one folder a class, or train/ and val/ (or valid/, test/) folders that hold
    /// class folders and are then the split. Boxes are read from `boxes.json` or `boxes.csv` where there is one.
    ///
    /// Pictures are not decoded yet. Where a given split holds the same file on both sides, training goes without it.
    /// A class folder without pictures is left out with a word; a train/ folder alone is opened and can be split.
    ///
    /// # Errors
    /// Where the folder does not exist or cannot be read, holds fewer than two class folders with pictures, where a
    /// class is missing in a part, and where the file of boxes is not as expected.
    pub fn open(path: impl AsRef<Path>) -> Result<ImageFolder> {
        ImageFolder::open_at(path.as_ref())
    }

    // Not generic, so that the cell does not compile it.
    fn open_at(path: &Path) -> Result<ImageFolder> {
        let root = path.to_path_buf();
        let mut found = scan(&root)?;
        let mut copies = Copies::find(&found.samples);
        let leaks = split::remove_leaks(&mut found.samples, &copies);
        if !leaks.is_empty() {
            copies = Copies::find(&found.samples);
        }
        if !found.left_out.is_empty() {
            let remarks = found.left_out.iter().map(|remark| format!("\n  {remark}")).collect::<String>();
            show::note(&format!("`{}`:{remarks}", root.display()));
        }
        if let Some(train) = found.lone {
            show::note(&format!(
                "`{}` holds `{train}/` but nothing for validation: `.split(0.2, 42)?` keeps some pictures apart",
                root.display()
            ));
        }
        let has_boxes = found.samples.iter().all(|sample| !sample.boxes.is_empty());
        let fit = if has_boxes { Fit::Stretch } else { Fit::Crop };
        let transform = Transform { size: 64, fit, normalize: Normalize::imagenet() };
        Ok(ImageFolder {
            root,
            classes: Arc::new(found.classes),
            store: Arc::new(Store::new(found.samples.len(), transform)),
            samples: Arc::new(found.samples),
            parted: found.parted,
            left_out: Arc::new(found.left_out),
            leaks: Arc::new(leaks),
            copies: Arc::new(copies),
            has_boxes,
            transform,
            augment: Augment::none(),
            batch: 32,
            seed: 42,
            limit: None,
            strict: false,
            warned: Arc::default(),
        })
    }

    /// Keeps about `fraction` of each class for validation, chosen by `seed`.
    ///
    /// Files are split, never augmented pictures, and equal files stay on one side. A folder that has train/ and
    /// val/ folders keeps its own split, and a note says so.
    ///
    /// # Errors
    /// Where `fraction` is not between 0 and 1, or a class has fewer than two different pictures.
    pub fn split(mut self, fraction: f64, seed: u64) -> Result<ImageFolder> {
        limits::split(fraction)?;
        if self.parted {
            show::note(&format!("`{}` comes with its own split, which is kept", self.root.display()));
            return Ok(self);
        }
        let mut samples = (*self.samples).clone();
        split::split(&mut samples, &self.classes, &self.copies, fraction, seed)?;
        self.samples = Arc::new(samples);
        self.seed = seed;
        Ok(self)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The names of the classes, in the order of their indices.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How many pictures there are, all parts together.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are none; never, since [`open`](ImageFolder::open) refuses an empty folder.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// One picture's file, class and boxes.
    ///
    /// # Panics
    /// Where `id` is no picture's number.
    pub fn sample(&self, id: usize) -> &Sample {
        &self.samples[id]
    }

    /// The numbers of a part's pictures, in order; for training, at most as many a class as `limit` says.
    pub fn ids(&self, part: Part) -> Vec<usize> {
        let ids = (0..self.samples.len()).filter(|id| self.samples[*id].part == part);
        match self.limit {
            Some(limit) if part == Part::Train => {
                let mut shuffled: Vec<usize> = ids.collect();
                shuffled.shuffle(&mut ChaCha8Rng::seed_from_u64(self.seed));
                let mut taken = vec![0; self.classes.len()];
                shuffled.retain(|id| {
                    let class = self.samples[*id].class;
                    taken[class] += 1;
                    taken[class] <= limit
                });
                shuffled.sort_unstable();
                shuffled
            }
            _ => ids.collect(),
        }
    }

    /// How many pictures of each class a part has.
    pub fn counts(&self, part: Part) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        self.ids(part).into_iter().for_each(|id| counts[self.samples[id].class] += 1);
        counts
    }

    /// Whether some pictures are kept for validation.
    pub fn has_valid(&self) -> bool {
        self.samples.iter().any(|sample| sample.part == Part::Valid)
    }

    /// Whether every picture has a box, so that batches carry boxes.
    pub fn has_boxes(&self) -> bool {
        self.has_boxes
    }

    /// How pictures are prepared; save it beside the weights.
    pub fn transform(&self) -> Transform {
        self.transform
    }

    /// How training pictures are varied.
    pub fn augmentation(&self) -> Augment {
        self.augment
    }

    /// How many pictures a batch holds.
    pub fn batch_size(&self) -> usize {
        self.batch
    }

    /// The seed of order and augmentation.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Class folders that were left out because they hold no pictures, a sentence each.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Files that training goes without because validation or test hold the same: (removed, its copy).
    pub fn leaks(&self) -> &[(String, String)] {
        &self.leaks
    }

    /// Pictures that could not be read so far: file and reason.
    pub fn corrupt(&self) -> Vec<(String, String)> {
        self.store.bad().into_iter().map(|(id, why)| (self.samples[id].name.clone(), why)).collect()
    }

    /// The training pictures in a new order for each `epoch`, augmented.
    ///
    /// # Errors
    /// Where an option makes no sense, where no picture can be read, where one cannot and the data set is strict, and
    /// where the user interrupts.
    pub fn train_batches(&self, epoch: u64) -> Result<Batches> {
        let mut ids = self.readable(Part::Train)?;
        ids.shuffle(&mut ChaCha8Rng::seed_from_u64(mix(self.seed, epoch, 0)));
        let augment = (!self.augment.is_none()).then_some((self.augment, epoch));
        Ok(Batches::start(self.clone(), ids, augment, true))
    }

    /// The validation pictures in their order, as they are.
    ///
    /// # Errors
    /// As [`batches`](ImageFolder::batches).
    pub fn valid_batches(&self) -> Result<Batches> {
        self.batches(Part::Valid)
    }

    /// A part's pictures in their order, as they are: for measuring, and for features that are computed once.
    ///
    /// # Errors
    /// Where an option makes no sense, where the part has no pictures or none that can be read, where one cannot be
    /// read and the data set is strict, and where the user interrupts.
    pub fn batches(&self, part: Part) -> Result<Batches> {
        Ok(Batches::start(self.clone(), self.readable(part)?, None, false))
    }

    /// A picture as the network sees it, before augmentation and normalisation.
    ///
    /// # Errors
    /// Where the size makes no sense, and where it cannot be read.
    pub fn picture(&self, id: usize) -> Result<RgbImage> {
        self.check()?;
        let sample = &self.samples[id];
        let picture = self.store.get(id, sample).map_err(|why| self.unreadable(&sample.name, &why))?;
        let side = self.transform.size as u32;
        RgbImage::from_raw(side, side, picture.pixels.clone()).ok_or_else(|| Error::new("a picture of the wrong size"))
    }

    /// A picture at its full size.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn original(&self, id: usize) -> Result<RgbImage> {
        read_picture(&self.samples[id].path)
    }

    /// What a person wants to know of the data before training: classes, counts, imbalance, sizes, copies, leaks.
    ///
    /// # Errors
    /// Where an option makes no sense, and where the user interrupts while pictures are read.
    pub fn summary(&self) -> Result<Summary> {
        self.check()?;
        let all: Vec<usize> = (0..self.samples.len()).collect();
        self.store.fill(&all, &self.samples)?;
        let source = |id: usize| self.store.get(id, &self.samples[id]).ok().map(|picture| picture.source);
        Ok(Summary::of(self, &self.copies, source))
    }

    /// Shows `count` training pictures (1 to 1000), as the network will see them, with their classes and boxes.
    ///
    /// # Errors
    /// Where the count or an option makes no sense, and where no picture can be read.
    pub fn show_batch(&self, count: usize) -> Result<Figure> {
        limits::shown("data.show_batch", count)?;
        let mut ids = self.readable(Part::Train)?;
        ids.shuffle(&mut ChaCha8Rng::seed_from_u64(mix(self.seed, 1, 1)));
        ids.truncate(count);
        limits::room(ids.len(), self.transform.size)?;
        let augment = (!self.augment.is_none()).then_some((self.augment, 0));
        let one = ImageFolder { batch: ids.len(), ..self.clone() };
        let batch =
            Batches::start(one, ids, augment, false).next().unwrap_or_else(|| Err(self.nothing(Part::Train)))?;
        let side = self.transform.size as u32;
        let boxes = batch.boxes.as_ref().map(|boxes| boxes.to_vec2::<f32>()).transpose()?;
        let mut pictures = Vec::new();
        let mut captions = Vec::new();
        for (row, id) in batch.ids.iter().enumerate() {
            let mut picture = self.denormalised(&batch.images.get(row)?)?;
            let class = self.samples[*id].class;
            if let Some(boxes) = &boxes {
                let [cx, cy, w, h] = boxes[row][..] else { continue };
                let bbox = crate::detect::BBox::from_cxcywh([cx, cy, w, h], side, side);
                picture = plot::draw_marks(&picture, &[plot::Mark::plain(class, bbox.to_xyxy())]);
            }
            pictures.push(picture);
            captions.push(self.classes[class].clone());
        }
        Ok(plot::grid(&pictures, &captions))
    }

    /// A normalised picture of the network's size as eight-bit values.
    fn denormalised(&self, image: &candle_core::Tensor) -> Result<RgbImage> {
        let side = self.transform.size;
        let values = image.flatten_all()?.to_vec1::<f32>()?;
        let Normalize { mean, std } = self.transform.normalize;
        Ok(RgbImage::from_fn(side as u32, side as u32, |x, y| {
            let value = |c: usize| values[c * side * side + y as usize * side + x as usize] * std[c] + mean[c];
            image::Rgb(std::array::from_fn(|c| (value(c) * 255.0).round().clamp(0.0, 255.0) as u8))
        }))
    }

    /// The pictures of a part that can be read, all decoded where they fit into memory.
    fn readable(&self, part: Part) -> Result<Vec<usize>> {
        self.check()?;
        let mut ids = self.ids(part);
        if ids.is_empty() {
            return Err(self.nothing(part));
        }
        self.store.fill(&ids, &self.samples)?;
        let bad = self.store.bad();
        if let (true, Some((id, why))) = (self.strict, bad.iter().find(|(id, _)| ids.contains(id))) {
            return Err(self.unreadable(&self.samples[*id].name, why));
        }
        self.warn(&bad);
        ids.retain(|id| bad.binary_search_by_key(id, |(bad, _)| *bad).is_err());
        if ids.is_empty() {
            let root = self.root.display();
            return Err(Error::new(format!("none of the {} pictures of `{root}` can be read", part.as_str()))
                .remedy("`data.corrupt()` names each with the reason"));
        }
        Ok(ids)
    }

    /// Picture number `id`; `None` where it cannot be read and the data set is not strict.
    pub(super) fn load(&self, id: usize) -> Result<Option<Arc<Picture>>> {
        match self.store.get(id, &self.samples[id]) {
            Ok(picture) => Ok(Some(picture)),
            Err(why) if self.strict => Err(self.unreadable(&self.samples[id].name, &why)),
            Err(_) => {
                self.warn(&self.store.bad());
                Ok(None)
            }
        }
    }

    /// Names the pictures that could not be read, once.
    fn warn(&self, bad: &[(usize, String)]) {
        let mut warned = self.warned.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if bad.len() <= *warned {
            return;
        }
        *warned = bad.len();
        let name = |(id, why): &(usize, String)| format!("\n  {}: {why}", self.samples[*id].name);
        let mut text = format!("{} of {} pictures cannot be read and are left out:", bad.len(), self.samples.len());
        text.extend(bad.iter().take(10).map(name));
        if bad.len() > 10 {
            text.push_str("\n  … `data.corrupt()` names all");
        }
        show::note(&text);
    }

    fn unreadable(&self, name: &str, why: &str) -> Error {
        Error::new(format!("the picture `{name}` of `{}` cannot be read: {why}", self.root.display()))
            .remedy("replace or remove the file, or leave such files out with `.skip_corrupt(true)`")
    }

    fn nothing(&self, part: Part) -> Error {
        let error = Error::new(format!("`{}` keeps no pictures for `{}`", self.root.display(), part.as_str()));
        match part {
            Part::Valid => error.remedy("split the pictures first: `.split(0.2, 42)?`"),
            _ => error.remedy(format!("add a `{}` folder with class folders", part.as_str())),
        }
    }
}

impl std::fmt::Debug for ImageFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = |part| self.ids(part).len();
        write!(f, "ImageFolder {{ {:?}, {} pictures", self.root, self.samples.len())?;
        write!(f, " ({} train, {} valid, {} test)", count(Part::Train), count(Part::Valid), count(Part::Test))?;
        write!(f, ", classes {:?}, size {}, batch {} }}", self.classes, self.transform.size, self.batch)
    }
}

impl Describe for ImageFolder {
    fn describe(&self) -> Description {
        let (size, classes) = (self.transform.size, self.classes.len());
        let shape = format!("{} pictures of {size}×{size}, {classes} classes", self.len());
        let bytes = self.store.bytes() + self.samples.len() * size_of::<Sample>();
        Description { shape, bytes: bytes as u64 }
    }
}

impl Show for ImageFolder {
    fn bundle(&self) -> Bundle {
        Bundle::new().text(format!("{self:?}"))
    }
}

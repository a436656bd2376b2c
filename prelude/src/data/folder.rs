//! The image folder: what is in it, and how its pictures are to be shown to a network.

use super::formats::differ_in_capitals;
use super::scan::scan;
use super::split::{self, Copies};
use super::store::{MOST, Store};
use super::{Augment, Greys, Normalize, Part, ResizeMethod, Sample, Transform, read_picture_as};
use crate::boxes::Annotation;
use crate::paths;
use crate::show::{Bundle, Describe, Description, Show};
use crate::words::count;
use crate::{Error, Result, show};
use image::RgbImage;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// What is true of each picture where it is no class: the field of a batch's truth, the columns' names, and a row a picture.
#[derive(Clone)]
pub(super) struct TruthRows {
    pub field: &'static str,
    pub names: Arc<Vec<String>>,
    pub values: Arc<Vec<Vec<f32>>>,
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
#[must_use = "gives data, which are dropped here; bind it: `let data = …;`"]
pub struct ImageFolder {
    pub(super) root: PathBuf,
    pub(super) classes: Arc<Vec<String>>,
    pub(super) samples: Arc<Vec<Sample>>,
    pub(super) parted: bool,
    pub(super) left_out: Arc<Vec<String>>,
    pub(super) leaks: Arc<Vec<(String, String)>>,
    pub(super) copies: Arc<Copies>,
    /// Copies and pictures that show the same, once they were searched for; `None` where the files are too large for it.
    pub(super) near: Arc<OnceLock<Option<Copies>>>,
    /// Which pictures a person wants on one side: a number each.
    pub(super) groups: Option<Arc<Vec<usize>>>,
    /// The names of these groups, one a picture.
    pub(super) group_names: Option<Arc<Vec<String>>>,
    /// How the parts came about, a sentence each.
    pub(super) splits: Vec<(Part, String)>,
    /// What is true of each picture where it is no class.
    pub(super) rows: Option<TruthRows>,
    /// Whether training shows each class equally often.
    pub(super) balanced: bool,
    pub(super) has_boxes: bool,
    pub(super) transform: Transform,
    /// Whether a person has said the size, and the normalisation.
    pub(super) said_size: bool,
    pub(super) said_normalize: bool,
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
    /// `boxes.csv` has a line an object: `file,class,x0,y0,x1,y1`, the file as seen from the folder, corners in pixels of its own size. Where the first line
    /// names the columns they may stand in any order, and `x,y,width,height` or `cx,cy,width,height` give sides or a centre. Where no number is above 1
    /// they are parts of the picture. `boxes.json` has `{"car/1.png": [{"class": "car", "bbox": [x0, y0, x1, y1]}]}`.
    ///
    /// Pictures are not decoded yet. Where a given split holds the same file on both sides, training goes without it.
    /// A class folder without pictures is left out with a word; a train/ folder alone is opened and can be split.
    ///
    /// # Errors
    /// Where the folder does not exist or cannot be read, holds no class folder with pictures, where a
    /// class is missing in a part, and where the file of boxes is not as expected.
    pub fn open(path: impl AsRef<Path>) -> Result<ImageFolder> {
        ImageFolder::open_at(&paths::expanded(path.as_ref()))
    }

    // Not generic, so that the cell does not compile it.
    fn open_at(path: &Path) -> Result<ImageFolder> {
        let root = path.to_path_buf();
        let mut found = scan(&root)?;
        let mut copies = Copies::find(&found.samples)?;
        let leaks = split::remove_leaks(&mut found.samples, &copies);
        if !leaks.is_empty() {
            copies = Copies::find(&found.samples)?;
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
        if let Some(words) = one_class(&found.classes).or_else(|| differ_in_capitals(&found.classes)) {
            show::note(&format!("`{}`: {words}", root.display()));
        }
        let made = ImageFolder::of(root, found.classes, found.samples, copies);
        let (left_out, leaks) = (Arc::new(found.left_out), Arc::new(leaks));
        Ok(ImageFolder { parted: found.parted, left_out, leaks, ..made })
    }

    /// These pictures, as one class.
    ///
    /// # Errors
    /// Where the user interrupts.
    pub(super) fn listed(root: PathBuf, samples: Vec<Sample>) -> Result<ImageFolder> {
        ImageFolder::classed(root, vec!["picture".to_owned()], samples)
    }

    /// These pictures of these classes. Where they come in parts, training goes without what is measured.
    ///
    /// # Errors
    /// Where the user interrupts.
    pub(super) fn classed(root: PathBuf, classes: Vec<String>, samples: Vec<Sample>) -> Result<ImageFolder> {
        let copies = Copies::find(&samples)?;
        let parted = samples.iter().any(|sample| sample.part == Part::Valid);
        Ok(ImageFolder { parted, ..ImageFolder::of(root, classes, samples, copies) })
    }

    /// The same pictures with these truths instead of classes.
    pub(super) fn with_rows(mut self, rows: TruthRows) -> ImageFolder {
        self.rows = Some(rows);
        self
    }

    fn of(root: PathBuf, classes: Vec<String>, samples: Vec<Sample>, copies: Copies) -> ImageFolder {
        let has_boxes = samples.iter().all(|sample| !sample.boxes.is_empty());
        let resize = if has_boxes { ResizeMethod::Stretch } else { ResizeMethod::Crop };
        let transform = Transform { size: 64, resize, normalize: Normalize::imagenet(), greys: Greys::Whole };
        ImageFolder {
            root,
            classes: Arc::new(classes),
            store: Arc::new(Store::new(samples.len(), transform, MOST)),
            samples: Arc::new(samples),
            parted: false,
            left_out: Arc::default(),
            leaks: Arc::default(),
            copies: Arc::new(copies),
            near: Arc::default(),
            groups: None,
            group_names: None,
            splits: Vec::new(),
            rows: None,
            balanced: false,
            has_boxes,
            transform,
            said_size: false,
            said_normalize: false,
            augment: Augment::none(),
            batch: 32,
            seed: 42,
            limit: None,
            strict: false,
            warned: Arc::default(),
        }
    }

    /// How many pictures there are, copies counted once.
    pub(super) fn different(&self) -> usize {
        self.samples.len() - self.copies.spare()
    }

    /// The same pictures with other objects on them.
    pub(super) fn with_boxes(mut self, boxes: impl Fn(usize) -> Vec<Annotation>) -> ImageFolder {
        let mut samples = (*self.samples).clone();
        samples.iter_mut().enumerate().for_each(|(id, sample)| sample.boxes = boxes(id));
        self.samples = Arc::new(samples);
        self
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

    /// A picture as the network sees it, before augmentation and normalisation.
    ///
    /// # Errors
    /// Where the size makes no sense, and where it cannot be read.
    pub fn picture(&self, id: usize) -> Result<RgbImage> {
        self.check()?;
        let sample = self.known(id)?;
        let picture = self.store.get(id, sample).map_err(|why| self.unreadable(&sample.name, &why))?;
        let side = self.transform.size as u32;
        RgbImage::from_raw(side, side, picture.pixels.clone()).ok_or_else(|| Error::new("a picture of the wrong size"))
    }

    /// A picture at its full size.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn original(&self, id: usize) -> Result<RgbImage> {
        let sample = self.known(id)?;
        match &sample.pixels {
            Some(pixels) => Ok((**pixels).clone()),
            None => read_picture_as(&sample.path, self.transform.greys),
        }
    }

    pub(super) fn known(&self, id: usize) -> Result<&Sample> {
        self.samples.get(id).ok_or_else(|| {
            let count = self.samples.len();
            Error::new(format!("there is no picture {id}: the data set has {count}"))
                .remedy(format!("a number from 0 to {}", count.saturating_sub(1)))
        })
    }

    /// The pictures of a part that can be read, all decoded where they fit into memory.
    pub(super) fn readable(&self, part: Part) -> Result<Vec<usize>> {
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
        if self.store.is_dim_untold() {
            show::note(super::greys::DIM_WORDS);
        }
        ids.retain(|id| bad.binary_search_by_key(id, |(bad, _)| *bad).is_err());
        if ids.is_empty() {
            let root = self.root.display();
            return Err(Error::new(format!("none of the {} pictures of `{root}` can be read", part.as_str()))
                .remedy("`data.corrupt()` names each with the reason"));
        }
        Ok(ids)
    }

    /// Names the pictures that could not be read, once.
    pub(super) fn warn(&self, bad: &[(usize, String)]) {
        let mut warned = self.warned.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if bad.len() <= *warned {
            return;
        }
        *warned = bad.len();
        let name = |(id, why): &(usize, String)| format!("\n  {}: {why}", self.samples[*id].name);
        let are = if bad.len() == 1 { "is" } else { "are" };
        let mut text =
            format!("{} of {} cannot be read and {are} left out:", bad.len(), count(self.samples.len(), "picture"));
        text.extend(bad.iter().take(10).map(name));
        if bad.len() > 10 {
            text.push_str("\n  … `data.corrupt()` names all");
        }
        show::note(&text);
    }

    pub(super) fn unreadable(&self, name: &str, why: &str) -> Error {
        Error::new(format!("the picture `{name}` of `{}` cannot be read: {why}", self.root.display()))
            .remedy("replace or remove the file, or leave such files out with `.skip_corrupt(true)`")
    }

    pub(super) fn nothing(&self, part: Part) -> Error {
        let error = Error::new(format!("`{}` keeps no pictures for `{}`", self.root.display(), part.as_str()));
        match part {
            Part::Valid => error.remedy("split the pictures first: `.split(0.2, 42)?`"),
            _ => error.remedy(format!("add a `{}` folder with class folders", part.as_str())),
        }
    }
}

/// What to say of pictures that are all of one class.
pub(super) fn one_class(classes: &[String]) -> Option<String> {
    let [one] = classes else { return None };
    Some(format!(
        "all pictures are of the class `{one}`: enough to measure and to search in; a classifier learns from two at least"
    ))
}

impl std::fmt::Debug for ImageFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let has = |part| self.ids(part).len();
        write!(f, "ImageFolder {{ {:?}, {}", self.root, count(self.samples.len(), "picture"))?;
        write!(f, " ({} train, {} valid, {} test)", has(Part::Train), has(Part::Valid), has(Part::Test))?;
        write!(f, ", classes {:?}, size {}, batch {} }}", self.classes, self.transform.size, self.batch)
    }
}

impl Describe for ImageFolder {
    fn describe(&self) -> Description {
        let (size, classes) = (self.transform.size, self.classes.len());
        let shape = format!("{} of {size}×{size}, {}", count(self.len(), "picture"), count(classes, "class"));
        let bytes = self.store.bytes() + self.samples.len() * size_of::<Sample>();
        Description { shape, bytes: bytes as u64 }
    }
}

impl Show for ImageFolder {
    fn bundle(&self) -> Bundle {
        Bundle::new().text(format!("{self:?}"))
    }
}

//! Which pictures look alike: their features, compared.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::learner::Learner;
use super::query::{Asked, Query, tell_cut};
use crate::data::{Data, Fields, Input, Order, Part, Target, field, pictures_in, read_picture};
use crate::models::CARD as LEARNERS;
use crate::params::{read_tensors, read_whole, write_tensors};
use crate::paths;
use crate::plot::{self, Figure};
use crate::show::{self, Bundle, Show, Steps, Table};
use crate::words::{count, does};
use crate::{Error, Result, limits};

/// The features of many pictures or texts, to find those that look like another one: `learner.index("folder")?`.
///
/// It holds no network: questions name the learner, whose body has to be as it was when the index was made.
pub struct SimilarityIndex {
    card: IndexCard,
    /// A row a picture, of length 1.
    rows: Vec<Vec<f32>>,
    /// Where the pictures come from, where that is no folder.
    data: Option<Box<dyn Data>>,
}

/// What a file says of an index.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct IndexCard {
    version: u32,
    /// The kind of body, and a number that changes with any of its weights.
    network: String,
    fingerprint: u64,
    names: Vec<String>,
    /// Each picture's class, where it has one.
    classes: Vec<Option<String>>,
    /// Each picture's number in its data set, where it comes from one.
    #[serde(default)]
    ids: Vec<usize>,
    /// The folder that names begin from.
    folder: Option<PathBuf>,
}

const VERSION: u32 = 1;
pub(super) const CARD: &str = "candlewick.index";
const ROWS: &str = "embeddings";

/// One picture that looks like another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour {
    /// What it is called: within a folder, its path.
    pub name: String,
    /// Its class, where it has one.
    pub class: Option<String>,
    /// The cosine of the angle between the two rows of features: 1 for the same, about 0 for what has nothing in common.
    pub similarity: f32,
}

/// The pictures that look most like another one, the nearest first. A cell that ends with it shows them beside it.
#[derive(Clone, Debug)]
pub struct Neighbours {
    /// The pictures.
    pub nearest: Vec<Neighbour>,
    /// The figure; `None` where no picture is to be had, as of an index from a file whose folder is elsewhere.
    pub figure: Option<Figure>,
}

impl Neighbours {
    /// A row a picture.
    pub fn table(&self) -> Table {
        let mut table = Table::new(["example", "class", "similarity"]).left(0).left(1);
        for one in &self.nearest {
            let class = one.class.clone().unwrap_or_default();
            table.push([one.name.clone(), class, format!("{:.3}", one.similarity)]);
        }
        table
    }
}

impl Show for Neighbours {
    fn bundle(&self) -> Bundle {
        match &self.figure {
            Some(figure) => figure.bundle().text(self.table().text()),
            None => self.table().bundle(),
        }
    }
}

impl Learner {
    /// The features of all pictures in a folder, deeper folders included, to find those that look like another one.
    ///
    /// ```no_run
    /// # use candlewick_prelude::prelude::*;
    /// # let learner = Learner::pretrained(Arch::default())?;
    /// let index = learner.index("photos")?;
    /// let alike = index.nearest(&learner, "new.jpg", 5)?;
    /// index.save("photos.index.safetensors")?;
    /// let index = SimilarityIndex::load("photos.index.safetensors", &learner)?;
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the folder cannot be read or holds no picture, the network has no features apart from its answer, or the user interrupts.
    pub fn index(&self, folder: impl AsRef<Path>) -> Result<SimilarityIndex> {
        SimilarityIndex::of_folder(self, &paths::expanded(folder.as_ref()))
    }
}

impl SimilarityIndex {
    /// The features of a data set's pictures, but for those that it keeps for the test.
    ///
    /// # Errors
    /// When there is no picture, the network has no features apart from its answer, or the user interrupts.
    pub fn of(learner: &Learner, data: &impl Data) -> Result<SimilarityIndex> {
        SimilarityIndex::of_data(learner, data)
    }

    fn of_data(learner: &Learner, data: &dyn Data) -> Result<SimilarityIndex> {
        data.check()?;
        let data = learner.suited(data)?;
        let names = match data.spec().target {
            Target::Class(names) => names,
            _ => Vec::new(),
        };
        let parts = [Part::Train, Part::Valid];
        let steps = Steps::new("embedding", parts.iter().map(|part| data.count(*part)).sum());
        let mut index = SimilarityIndex::empty(learner, None)?;
        for part in parts.into_iter().filter(|part| data.count(*part) > 0) {
            for batch in data.batches(part, Order::Given)? {
                let batch = batch?;
                steps.advance(batch.len())?;
                index.add(&learner.judged().embed(&batch.inputs)?)?;
                let classes = batch.targets.find(field::CLASS).filter(|_| !names.is_empty());
                let classes = classes.map_or(Ok(Vec::new()), Tensor::to_vec1::<u32>)?;
                for (at, id) in batch.ids.iter().enumerate() {
                    let example = data.example(*id)?;
                    index.card.names.push(example.words());
                    index.card.ids.push(*id);
                    index.card.classes.push(classes.get(at).and_then(|class| names.get(*class as usize)).cloned());
                }
            }
        }
        index.data = Some(data);
        index.filled()
    }

    /// The features of texts, to find those that say what another one says.
    ///
    /// # Errors
    /// When there is none, the network takes no texts, or the user interrupts.
    pub fn of_texts(learner: &Learner, texts: &[impl AsRef<str>]) -> Result<SimilarityIndex> {
        SimilarityIndex::of_all(learner, &mut texts.iter().map(AsRef::as_ref), texts.len())
    }

    // Not generic, so that the cell does not compile it.
    fn of_all(learner: &Learner, texts: &mut dyn Iterator<Item = &str>, count: usize) -> Result<SimilarityIndex> {
        let steps = Steps::new("embedding", count);
        let (mut index, mut all_cut) = (SimilarityIndex::empty(learner, None)?, 0);
        loop {
            let some: Vec<&str> = texts.take(32).collect();
            if some.is_empty() {
                tell_cut(all_cut, &learner.spec);
                return index.filled();
            }
            steps.advance(some.len())?;
            let asked = some.iter().map(|text| Asked::of(text, &learner.spec)).collect::<Result<Vec<_>>>()?;
            let (fields, cut) = Asked::fields(&asked, &learner.spec)?;
            all_cut += cut;
            index.add(&learner.judged().embed(&fields)?)?;
            for text in some {
                index.card.names.push(text.to_owned());
                index.card.classes.push(None);
            }
        }
    }

    fn of_folder(learner: &Learner, folder: &Path) -> Result<SimilarityIndex> {
        let transform = learner.transform()?;
        let files = pictures_in(folder)?;
        let steps = Steps::new("embedding", files.len());
        let mut index = SimilarityIndex::empty(learner, Some(folder))?;
        let mut broken = Vec::new();
        for some in files.chunks(32) {
            steps.advance(some.len())?;
            let (mut tensors, mut read) = (Vec::with_capacity(some.len()), Vec::with_capacity(some.len()));
            for file in some {
                // one broken picture among thousands is left out, and told
                match read_picture(file).and_then(|picture| transform.tensor(&picture)) {
                    Ok(tensor) => {
                        tensors.push(tensor);
                        read.push(file);
                    }
                    Err(error) if error.is_interrupted() => return Err(error),
                    Err(error) => broken.push((file, error)),
                }
            }
            if tensors.is_empty() {
                continue;
            }
            index.add(&learner.judged().embed(&Fields::of(field::IMAGE, Tensor::stack(&tensors, 0)?))?)?;
            for file in read {
                let below = file.strip_prefix(folder).unwrap_or(file);
                index.card.names.push(below.display().to_string());
                // folders in the folder are mostly classes
                let around = below.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
                index.card.classes.push(around);
            }
        }
        if let Some((file, error)) = broken.first() {
            if broken.len() == files.len() {
                return Err(Error::new(format!("no picture of `{}` can be read", folder.display()))
                    .caused_by(broken.swap_remove(0).1));
            }
            let more = if broken.len() > 1 { ", and others" } else { "" };
            show::note(&format!(
                "{} left out, which cannot be read: `{}` ({}){more}",
                does(broken.len(), "picture", "is", "are"),
                file.strip_prefix(folder).unwrap_or(file).display(),
                error.message()
            ));
        }
        index.filled()
    }

    fn empty(learner: &Learner, folder: Option<&Path>) -> Result<SimilarityIndex> {
        let (network, fingerprint) = fingerprint(learner)?;
        let (names, classes, ids) = (Vec::new(), Vec::new(), Vec::new());
        let folder = folder.map(Path::to_owned);
        let card = IndexCard { version: VERSION, network, fingerprint, names, classes, ids, folder };
        Ok(SimilarityIndex { card, rows: Vec::new(), data: None })
    }

    fn add(&mut self, rows: &Tensor) -> Result<()> {
        for row in rows.to_device(&Device::Cpu)?.to_vec2::<f32>()? {
            self.rows.push(unit(row)?);
        }
        Ok(())
    }

    fn filled(self) -> Result<SimilarityIndex> {
        if !self.rows.is_empty() {
            return Ok(self);
        }
        Err(match &self.card.folder {
            Some(folder) => Error::new(format!("there is no picture to find in `{}`", folder.display()))
                .remedy("give a folder with pictures: `learner.index(\"photos\")?`"),
            None => Error::new("there is nothing to find")
                .remedy("give data with examples, `SimilarityIndex::of(&learner, &data)?`, or texts, `SimilarityIndex::of_texts(&learner, &texts)?`"),
        })
    }

    /// How many pictures it knows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The `count` pictures that look most like this one, by the cosine of their features.
    ///
    /// # Errors
    /// When the file cannot be read, the count is not 1 to 1000, or the learner's body is not the one that the index was made with.
    pub fn nearest(&self, learner: &Learner, query: impl Query, count: usize) -> Result<Neighbours> {
        self.nearest_to(learner, Asked::of(&query, &learner.spec)?, count)
    }

    fn nearest_to(&self, learner: &Learner, asked: Asked, count: usize) -> Result<Neighbours> {
        limits::shown_as("index.nearest", "(&learner, \"new.jpg\", 9)", count)?;
        self.check(learner, "the index")?;
        let row = unit(learner.embed_one(asked.clone())?)?;
        let cosine = |other: &Vec<f32>| other.iter().zip(&row).map(|(a, b)| a * b).sum::<f32>();
        let mut order: Vec<(usize, f32)> = self.rows.iter().map(cosine).enumerate().collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1));
        order.truncate(count);
        let one = |(at, similarity): &(usize, f32)| Neighbour {
            name: self.card.names[*at].clone(),
            class: self.card.classes[*at].clone(),
            similarity: similarity.clamp(-1.0, 1.0),
        };
        let nearest: Vec<Neighbour> = order.iter().map(one).collect();
        let Asked::Picture(picture) = asked else { return Ok(Neighbours { nearest, figure: None }) };
        let (mut pictures, mut captions) = (vec![picture], vec!["looked for".to_owned()]);
        for ((at, _), one) in order.iter().zip(&nearest) {
            if let Some(picture) = self.picture(*at) {
                pictures.push(picture);
                let what = one.class.as_ref().unwrap_or(&one.name);
                captions.push(format!("{what}\nsimilarity {:.2}", one.similarity));
            }
        }
        let figure = (pictures.len() > 1).then(|| plot::grid(&pictures, &captions));
        Ok(Neighbours { nearest, figure })
    }

    /// A picture's pixels, where they are to be had.
    fn picture(&self, at: usize) -> Option<RgbImage> {
        match (&self.data, &self.card.folder) {
            (Some(data), _) => data.example(*self.card.ids.get(at)?).ok()?.picture,
            (None, Some(folder)) => read_picture(folder.join(&self.card.names[at])).ok(),
            (None, None) => None,
        }
    }

    /// Writes the features and the pictures' names to a safetensors file; of pictures in a folder, [`load`](SimilarityIndex::load) finds them
    /// there again.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_at(&paths::expanded(path.as_ref()))
    }

    fn save_at(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_string(&self.card)
            .map_err(|error| Error::new("the names cannot be written").caused_by(error))?;
        let width = self.rows.first().map_or(0, Vec::len);
        let rows = Tensor::from_vec(self.rows.concat(), (self.rows.len(), width), &Device::Cpu)?;
        write_tensors(path, &[(ROWS.to_owned(), rows)], HashMap::from([(CARD.to_owned(), json)]))
    }

    /// Reads what [`save`](SimilarityIndex::save) wrote, for the learner that it was made with.
    ///
    /// # Errors
    /// When the file is missing or damaged, is no index, or was made with another network, or before it was trained further.
    pub fn load(path: impl AsRef<Path>, learner: &Learner) -> Result<SimilarityIndex> {
        SimilarityIndex::load_at(&paths::expanded(path.as_ref()), learner)
    }

    fn load_at(path: &Path, learner: &Learner) -> Result<SimilarityIndex> {
        let origin = path.display().to_string();
        let (tensors, metadata) = read_tensors(&read_whole(path)?, &origin)?;
        let none = || match metadata.contains_key(LEARNERS) {
            true => Error::new(format!("{origin} holds a learner, and is no index of pictures")).remedy(
                "open it, and make an index with it: `let learner = Learner::open(path)?; learner.index(\"folder\")?`",
            ),
            false => Error::new(format!("{origin} is no index of pictures"))
                .remedy("make one: `learner.index(\"folder\")?.save(\"index.safetensors\")?`"),
        };
        let json = metadata.get(CARD).ok_or_else(none)?;
        let card: IndexCard = serde_json::from_str(json).map_err(|error| none().caused_by(error))?;
        if card.version > VERSION {
            return Err(Error::new(format!(
                "{origin} is of version {}, this candlewick reads up to {VERSION}",
                card.version
            ))
            .remedy("update candlewick"));
        }
        let rows = tensors.iter().find(|(name, _)| name == ROWS).ok_or_else(none)?.1.to_vec2::<f32>()?;
        if rows.len() != card.names.len() || rows.len() != card.classes.len() {
            return Err(none());
        }
        let index = SimilarityIndex { card, rows, data: None };
        index.check(learner, &origin)?;
        Ok(index)
    }

    /// Refuses a learner whose features are others.
    fn check(&self, learner: &Learner, what: &str) -> Result<()> {
        let (network, own) = fingerprint(learner)?;
        if network != self.card.network {
            return Err(Error::new(format!("{what} was made with {}, this learner is {network}", self.card.network))
                .remedy(anew(learner)));
        }
        if own != self.card.fingerprint {
            let why = "this learner's body has other weights: it is another one, or was trained since";
            return Err(
                Error::new(format!("{what} holds the features of another network; {why}")).remedy(anew(learner))
            );
        }
        Ok(())
    }
}

/// How an index for a learner is made.
fn anew(learner: &Learner) -> &'static str {
    match learner.spec.tokens() {
        Some(_) => "make it anew with this learner: `SimilarityIndex::of_texts(&learner, &texts)?`",
        None => "make it anew with this learner: `learner.index(\"folder\")?`",
    }
}

/// A learner's body in words, and a number that changes with anything that its features depend on.
fn fingerprint(learner: &Learner) -> Result<(String, u64)> {
    let network = learner.judged();
    let takes = match &learner.spec.input {
        Input::Picture(transform) => format!("pictures of {}", transform.size),
        Input::Text(tokens) => format!("texts of up to {} tokens", tokens.max_tokens()),
        Input::Tensor(_) => learner.transform().map(|_| String::new())?,
    };
    let mut number = 0u64;
    let head = |name: &str| name.starts_with("head.");
    for param in network.params().params().iter().filter(|param| !head(param.name())) {
        number = number.rotate_left(7) ^ param.fingerprint()?;
    }
    for buffer in network.params().buffers().iter().filter(|buffer| !head(buffer.name())) {
        number = number.rotate_left(7) ^ buffer.fingerprint()?;
    }
    let cut = match network.removed() {
        0 => String::new(),
        removed => format!(" without its last {removed} blocks"),
    };
    Ok((format!("`{}`{cut} for {takes}", network.name()), number))
}

/// The row with length 1.
fn unit(mut row: Vec<f32>) -> Result<Vec<f32>> {
    let length = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if !length.is_finite() {
        return Err(super::predict::diverged());
    }
    if length > 0.0 {
        row.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
    }
    Ok(row)
}

impl Show for SimilarityIndex {
    fn bundle(&self) -> Bundle {
        let from = self.card.folder.as_ref().map(|folder| format!(" in `{}`", folder.display())).unwrap_or_default();
        let width = self.rows.first().map_or(0, Vec::len);
        let pictures = count(self.len(), "example");
        let text = format!("{pictures}{from}, {width} features each, by {}", self.card.network);
        Bundle::new().text(text)
    }
}

impl std::fmt::Debug for SimilarityIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimilarityIndex: {} by {}", count(self.len(), "example"), self.card.network)
    }
}

//! Where trained weights come from: the crate itself, a file, or a name on the shelf or the hub.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Tensor;
use candlewick_wire::weights::{Shelf, sha256_of};

use super::hub::{Hub, PUBLISHED};
use super::{Arch, Start, Weights, lookalike};
use crate::data::Normalize;
use crate::params::{LoadReport, is_under, read_tensors, read_whole};
use crate::{Error, Result};

/// The key of what a learner says of its file, as JSON, in the metadata.
pub(crate) const CARD: &str = "candlewick";

/// The default body's weights with the head they were trained with, made by `examples/pretrain.rs`.
static VEHICLES_SMALL: &[u8] = include_bytes!("../../weights/vehicles_small.safetensors");

/// Trained weights: tensors by name, and what the file says of them.
#[derive(Clone, Debug)]
pub struct Trained {
    /// Where they come from, for messages.
    pub origin: String,
    /// The tensors by name.
    pub tensors: Vec<(String, Tensor)>,
    /// The file's metadata: classes, architecture, normalisation.
    pub metadata: HashMap<String, String>,
}

/// YOLOX-nano that knows the things of drawn photographs, made by `examples/pretrain_scenes.rs`.
static SCENES: &[u8] = include_bytes!("../../weights/scenes_yolox_nano.safetensors");

/// How learners of text start from a folder.
const TEXT_STARTS: &str =
    "`Learner::text(Bert::open(path)?, &data)?`, or, to compare texts, `Learner::encoder(Bert::open(path)?)?`";

impl Trained {
    /// The weights that belong to an architecture: built in, or by its name as [`named`](Trained::named).
    ///
    /// # Errors
    /// When they are not on this machine and cannot be fetched, or cannot be read.
    pub fn of(arch: Arch) -> Result<Trained> {
        if arch == Arch::Small {
            return Trained::read(VEHICLES_SMALL, "the built-in vehicles_small.safetensors");
        }
        Trained::named(arch.name())
    }

    /// The detector that ships with the crate: YOLOX-nano, trained on drawn photographs.
    ///
    /// # Errors
    /// Never, but that the type wants it.
    pub fn scenes() -> Result<Trained> {
        Trained::read(SCENES, "the built-in scenes_yolox_nano.safetensors")
    }

    /// The weights of this name: those that `candlewick weights add FILE --as NAME` put on the shelf, else, for the name
    /// of an architecture, the published ones from the Hugging Face hub, downloaded once. A file's SHA-256 is recorded
    /// when it is first loaded and verified from then on.
    ///
    /// # Errors
    /// When there are none, the hub cannot be reached, or the file is damaged or another one than was recorded.
    pub fn named(name: &str) -> Result<Trained> {
        Sources::from_env()?.open(name)
    }

    /// As [`named`](Trained::named), where they are on the shelf; nothing is fetched.
    pub(super) fn kept(name: &str) -> Result<Option<Trained>> {
        let sources = Sources::from_env()?;
        let there = sources.shelf.get(name).is_some_and(|item| item.path.is_file());
        there.then(|| sources.open(name)).transpose()
    }

    /// The weights in a file's bytes: safetensors, or what `torch.save` wrote.
    ///
    /// # Errors
    /// When the bytes are no whole file, or hold values that are no numbers.
    pub fn read(bytes: &[u8], origin: &str) -> Result<Trained> {
        let (tensors, metadata) = read_tensors(bytes, origin)?;
        Ok(Trained { origin: origin.to_owned(), tensors, metadata })
    }

    /// The weights of a file, safetensors or PyTorch's, as its content says; a word that is no file is a name on the shelf.
    ///
    /// # Errors
    /// When the file is missing, not whole, or grows while it is read.
    pub fn open(path: &Path) -> Result<Trained> {
        if !path.exists()
            && let Some(name) = path.to_str()
            && let Ok(store) = Sources::from_env()
            && store.shelf.get(name).is_some()
        {
            return store.open(name);
        }
        if path.join("config.json").is_file() {
            return Err(Error::new(format!(
                "`{}` is the folder of an encoder, and no file of weights",
                path.display()
            ))
            .remedy(format!("an encoder of text is read by `Bert::open(path)?`: {TEXT_STARTS}")));
        }
        if path.is_dir() {
            let files = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
            let mut files: Vec<_> =
                files.filter(|file| file.extension().is_some_and(|ending| ending == "safetensors")).collect();
            files.sort();
            let what = Error::new(format!("`{}` is a folder, and no file of weights", path.display()));
            return Err(match files.last() {
                Some(last) => what.remedy(format!("name one of its files, such as the last: `{}`", last.display())),
                None => what.remedy("there is no `.safetensors` in it: check the path"),
            });
        }
        if path.extension().is_some_and(|ending| ending == "onnx") && path.is_file() {
            return Err(Error::new(format!("`{}` is ONNX, which is written and not read here", path.display()))
                .remedy("keep what is to be read again with `learner.save(\"model.safetensors\")?`"));
        }
        Trained::read(&read_whole(path)?, &path.display().to_string())
    }

    /// What a start asks for; `None` for random weights.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn for_start(start: &Start) -> Result<Option<Trained>> {
        match &start.weights {
            Weights::Trained => Trained::of(start.arch).map(Some),
            Weights::None => Ok(None),
            Weights::File(path) => Trained::open(path).map(Some),
            Weights::Scenes => Trained::scenes().map(Some),
        }
    }

    /// What deserves a word where a body took these weights over, for a network of so many classes.
    pub fn remark(&self, report: &LoadReport, classes: usize) -> Option<String> {
        let mut words = Vec::new();
        if !report.complete() || report.ignored.iter().any(|name| !is_under(name, "head")) {
            words.push(report.to_string());
        }
        if let Some(found) = self.class_count().filter(|found| *found != classes) {
            words.push(format!("the head is new: it tells {classes} classes apart, theirs {found}"));
        }
        (!words.is_empty()).then(|| format!("weights from {}: {}", self.origin, words.join("\n")))
    }

    /// The architecture that their names are those of, where it is a known one.
    pub fn arch(&self) -> Option<Arch> {
        Arch::named(&lookalike::kind(&self.tensors)?).ok()
    }

    /// How a learner starts from a file that no learner wrote, by what its names look like.
    pub(crate) fn way_in(&self) -> String {
        if let Some(arch) = self.arch() {
            return format!(
                "its names are those of {arch}: start from it, `Learner::vision(Arch::{arch:?}.weights(path), &data)?`"
            );
        }
        if let Some((kind, detector)) = lookalike::detector(&self.tensors) {
            return format!(
                "its names look like those of {kind}: start from it, `Learner::detection(Detector::{detector}.weights(path), &data)?`"
            );
        }
        match lookalike::kind(&self.tensors) {
            Some(kind) if kind == lookalike::TEXT => {
                format!(
                    "its names are those of an encoder of text: open the folder that it lies in, with its config and tokenizer: {TEXT_STARTS}"
                )
            }
            Some(kind) => format!(
                "its names look like those of {kind}, which none of the architectures here takes: choose one of them, such as `Arch::default()`"
            ),
            None => {
                let all: Vec<&str> = Arch::ALL.iter().map(|arch| arch.name()).collect();
                format!(
                    "its names are of no architecture known here: choose the one that it was trained with, of {}: \
                     `Learner::vision(arch.weights(path), &data)?`",
                    all.join(", ")
                )
            }
        }
    }

    /// Whether a learner wrote them, and so says what they are.
    pub fn is_a_learners(&self) -> bool {
        self.metadata.contains_key(CARD)
    }

    /// The normalisation of the pictures that these weights saw, where the file says so.
    pub fn normalize(&self) -> Option<Normalize> {
        let card: serde_json::Value = serde_json::from_str(self.metadata.get(CARD)?).ok()?;
        serde_json::from_value(card["transform"]["normalize"].clone()).ok()
    }

    /// The names of the classes, where a learner wrote the file.
    pub fn class_names(&self) -> Option<Vec<String>> {
        let card: serde_json::Value = serde_json::from_str(self.metadata.get(CARD)?).ok()?;
        serde_json::from_value(card["classes"].clone()).ok()
    }

    /// How many classes the head in these weights tells apart, where there is one: the rows of its last matrix.
    pub fn class_count(&self) -> Option<usize> {
        let heads = ["head", "fc", "classifier", "_fc"];
        let is_head = |name: &str| heads.iter().any(|head| is_under(name, head)) && name.ends_with("weight");
        let last = self.tensors.iter().rev().find(|(name, tensor)| is_head(name) && [2, 4].contains(&tensor.rank()));
        last.map(|(_, tensor)| tensor.dims()[0])
    }
}

/// Where weights by name come from: the shelf, then the hub.
struct Sources {
    shelf: Shelf,
    hub: Hub,
}

impl Sources {
    fn from_env() -> Result<Sources> {
        Ok(Sources { shelf: Shelf::find()?, hub: Hub::from_env() })
    }

    fn open(&self, name: &str) -> Result<Trained> {
        let kept = self.shelf.get(name).filter(|item| item.path.is_file());
        let published = PUBLISHED.iter().find(|published| published.arch == name);
        let (path, expected, fetched) = match (kept, published) {
            (Some(item), _) => (item.path, item.sha256, false),
            (None, Some(published)) => {
                let path = self.hub.fetch(published)?;
                let sum = promised(&path);
                (path, sum, true)
            }
            (None, None) => {
                return Err(Error::new(format!("no weights are named `{name}` in {}", self.shelf.folder().display()))
                    .remedy(format!("put them there: `candlewick weights add FILE --as {name}`")));
            }
        };
        let bytes = read_whole(&path)?;
        let sum = sha256_of(&bytes);
        if let Some(expected) = expected.as_ref().filter(|expected| **expected != sum) {
            let what = format!("{} is not what it was: its SHA-256 is {sum}, expected was {expected}", path.display());
            if fetched {
                // a link into the cache: with its target gone, the next load downloads afresh
                let _ = path.canonicalize().and_then(std::fs::remove_file);
                return Err(Error::new(what).remedy("it was damaged on the way: run the cell again to fetch it anew"));
            }
            return Err(Error::new(what).remedy(format!(
                "it was damaged or replaced: delete it, or, if the change is meant, `candlewick weights add FILE --as {name}`"
            )));
        }
        let trained = Trained::read(&bytes, &path.display().to_string())?;
        if fetched || expected.is_none() {
            self.shelf.keep(name, &path, &sum)?;
        }
        Ok(trained)
    }
}

/// The checksum that the hub promised: its cache names a large file by its SHA-256.
fn promised(path: &Path) -> Option<String> {
    let blob = path.canonicalize().ok()?.file_name()?.to_str()?.to_owned();
    (blob.len() == 64 && blob.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(blob)
}

#[cfg(test)]
mod tests;

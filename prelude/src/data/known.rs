//! Examples of one data set that are in another one too.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use image::RgbImage;
use rayon::prelude::*;

use super::Sample;
use crate::{Result, interrupt};

/// By what an example is known again in another data set: how many bytes it has and which.
///
/// ```
/// use candlewick_prelude::data::{Known, known_too};
/// let own = [Known::text("a fine film"), Known::text("a dull film")];
/// assert_eq!(known_too(&own, &[Known::text("a dull film"), Known::text("something new")])?, ["a dull film"]);
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Known {
    name: String,
    length: u64,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    /// A file, which is read where another example is as long.
    File(PathBuf),
    Pixels(Arc<RgbImage>),
    Hash(u64),
}

/// What tells contents apart within one process.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

impl Known {
    /// A file by what it holds, whatever it is called; `None` where there is none.
    pub fn file(name: &str, path: PathBuf) -> Option<Known> {
        let length = std::fs::metadata(&path).ok()?.len();
        Some(Known { name: name.to_owned(), length, content: Content::File(path) })
    }

    /// A text by its words.
    pub fn text(text: &str) -> Known {
        let text = text.trim();
        Known { name: text.to_owned(), length: text.len() as u64, content: Content::Hash(hash(text.as_bytes())) }
    }

    /// A picture of a data set.
    pub(super) fn sample(sample: &Sample) -> Option<Known> {
        let Some(pixels) = &sample.pixels else { return Known::file(&sample.name, sample.path.clone()) };
        let (length, content) = (pixels.as_raw().len() as u64, Content::Pixels(Arc::clone(pixels)));
        Some(Known { name: sample.name.clone(), length, content })
    }

    /// Examples of several data sets, each file once.
    pub(crate) fn once(all: Vec<Known>) -> Vec<Known> {
        let mut seen = HashSet::new();
        let key = |one: &Known| match &one.content {
            Content::File(path) => (path.display().to_string(), one.length),
            _ => (one.name.clone(), one.length),
        };
        all.into_iter().filter(|one| seen.insert(key(one))).collect()
    }

    fn hash(&self) -> Option<u64> {
        match &self.content {
            Content::File(path) => std::fs::read(path).ok().map(|bytes| hash(&bytes)),
            Content::Pixels(picture) => Some(hash(picture.as_raw())),
            Content::Hash(hash) => Some(*hash),
        }
    }
}

/// The names of those of the others that are among one's own. Files are read where one of the other side is as long.
///
/// # Errors
/// Where the user interrupts.
pub fn known_too(own: &[Known], others: &[Known]) -> Result<Vec<String>> {
    let lengths: HashSet<u64> = others.iter().map(|other| other.length).collect();
    let mut by_length: HashMap<u64, Vec<&Known>> = HashMap::new();
    for one in own.iter().filter(|one| one.length > 0 && lengths.contains(&one.length)) {
        by_length.entry(one.length).or_default().push(one);
    }
    let hashes: HashSet<(u64, u64)> = by_length
        .into_par_iter()
        .map(|(length, own)| {
            interrupt::check()?;
            Ok(own.into_iter().filter_map(|one| Some((length, one.hash()?))).collect::<Vec<_>>())
        })
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect();
    let lengths: HashSet<u64> = hashes.iter().map(|(length, _)| *length).collect();
    let same = |other: &&Known| {
        lengths.contains(&other.length) && other.hash().is_some_and(|hash| hashes.contains(&(other.length, hash)))
    };
    let found: Vec<&Known> = others.par_iter().filter(same).collect();
    interrupt::check()?;
    Ok(found.into_iter().map(|one| one.name.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Data, ImageFolder, Part, TextTable};

    #[test]
    fn files_are_known_by_what_they_hold() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            Known::file(name, path).unwrap()
        };
        let own = [file("a", "one"), file("b", "two"), file("c", "")];
        let others = [file("x", "two"), file("y", "six"), file("z", "three"), file("empty", "")];
        assert_eq!(known_too(&own, &others)?, ["x"]);
        assert!(known_too(&own, &[])?.is_empty() && known_too(&[], &others)?.is_empty());
        assert!(Known::file("gone", folder.path().join("gone")).is_none());
        // data sets say what they have in each part
        for (at, side) in [8u32, 9, 10, 11].into_iter().enumerate() {
            let class = folder.path().join(["pictures/car", "pictures/bus"][at % 2]);
            std::fs::create_dir_all(&class)?;
            image::RgbImage::new(side, side).save(class.join(format!("{at}.png"))).unwrap();
        }
        let data = ImageFolder::open(folder.path().join("pictures"))?;
        let split = data.clone().split(0.5, 1)?;
        let (all, own) = (data.known_by(Part::Train), split.known_by(Part::Train));
        assert_eq!((all.len(), own.len(), known_too(&own, &all)?.len()), (4, 2, 2));
        assert!(known_too(&own, &split.known_by(Part::Valid))?.is_empty());
        let texts = TextTable::from_texts(&[("good", "x"), ("bad ", "y")])?;
        assert_eq!(known_too(&[Known::text("bad")], &texts.known_by(Part::Train))?, ["bad"]);
        assert_eq!(Known::once([all.clone(), own.clone()].concat()).len(), 4);
        // what vanishes meanwhile is not known
        std::fs::remove_file(folder.path().join("x"))?;
        assert!(known_too(&own, &others)?.is_empty());
        Ok(())
    }
}

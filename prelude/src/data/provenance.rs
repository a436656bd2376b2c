//! Where a data set comes from, and who is on which side of its split.

use std::collections::BTreeSet;
use std::path::Path;

use candlewick_wire::weights::sha256_of;
use serde::{Deserialize, Serialize};

use super::folder::ImageFolder;
use super::split::Copies;
use super::{Part, field};

/// Where a data set comes from and how it was split, as far as it knows: what a run card says of it.
///
/// ```
/// use candlewick_prelude::prelude::*;
/// let rows = Tensor::zeros((20, 3), DType::F32, &Device::Cpu)?;
/// let data = TensorData::new(rows, vec![0; 20], &["a", "b"])?;
/// let (one, other) = (data.clone().split(0.2, 1)?.provenance(), data.split(0.2, 2)?.provenance());
/// assert!(one.split_hash.is_some() && one.split_hash != other.split_hash);
/// # Ok::<(), candlewick::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// What kind of data it is: `image folder`.
    pub kind: Option<String>,
    /// The name of its folder or table, without the folders above it.
    pub name: Option<String>,
    /// How it came into parts, a sentence each; nothing where nobody has parted it.
    pub splits: Vec<String>,
    /// SHA-256 over the sorted names of each part's examples ([`split_hash`]): two data sets agree where the same examples are on the same side.
    pub split_hash: Option<String>,
    /// How many examples, of a detector objects, each class or label has in training, validation and test; empty where that is not known.
    pub class_counts: Vec<Vec<usize>>,
    /// How many examples go through the network at once.
    pub batch: Option<usize>,
    /// How training examples are varied, in words; nothing where they are not.
    pub augmentation: Vec<String>,
    /// Files that are equal to another one, beside one of each; `None` where nobody has searched.
    pub copies: Option<usize>,
    /// Pictures that look like another one, equal files among them; `None` where nobody has searched.
    pub near_copies: Option<usize>,
    /// How many of these groups of copies have members in two parts.
    pub copies_across_parts: Option<usize>,
    /// How many groups, such as patients, stay on one side each.
    pub groups: Option<usize>,
    /// What else decides which examples train, a sentence each.
    pub notes: Vec<String>,
}

/// A stable hash of a split: SHA-256, in hexadecimal, over the sorted names of each part's examples, each with its length before it, so that no
/// two splits give the same bytes. The same on every machine and in every version.
pub fn split_hash(parts: &[(Part, Vec<String>)]) -> String {
    let mut bytes = b"candlewick split 1\n".to_vec();
    for part in [Part::Train, Part::Valid, Part::Test] {
        let own = parts.iter().filter(|(of, _)| *of == part).flat_map(|(_, names)| names);
        let mut names: Vec<&String> = own.collect();
        names.sort();
        bytes.extend(format!("{} {}\n", part.as_str(), names.len()).into_bytes());
        for name in names {
            bytes.extend(format!("{}:{name}\n", name.len()).into_bytes());
        }
    }
    sha256_of(&bytes)
}

/// A sentence for what was put aside.
pub(super) fn put_aside_words(fraction: f64, seed: u64, aside: Part, unit: &str) -> String {
    let purpose = if aside == Part::Test { "held out for the last test" } else { "kept for validation" };
    format!("{fraction} {unit} {purpose}, seed {seed}")
}

/// The last name of a path, so that no folder of this machine stands in a card.
fn name_of(path: &Path) -> Option<String> {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    whole.file_name().map(|name| name.to_string_lossy().into_owned())
}

impl ImageFolder {
    /// The same with a sentence on how a part came about; it takes the place of an earlier one on that part.
    pub(super) fn told(mut self, part: Part, words: String) -> ImageFolder {
        self.splits.retain(|(own, _)| *own != part);
        self.splits.push((part, words));
        self
    }

    /// Where the pictures come from, and who is on which side.
    pub(super) fn provenance_as(&self, kind: &str) -> Provenance {
        let parts = [Part::Train, Part::Valid, Part::Test];
        let names = |part: Part| self.ids(part).into_iter().map(|id| self.samples[id].name.clone()).collect();
        let known = self.near.get();
        let near = known.and_then(Option::as_ref);
        let searched: &Copies = near.unwrap_or(&self.copies);
        let sides =
            |ids: &Vec<usize>| ids.iter().map(|id| self.samples[*id].part.as_str()).collect::<BTreeSet<_>>().len();
        let mut notes = Vec::new();
        notes.extend(self.limit.map(|limit| format!("at most {limit} training pictures of each class")));
        notes.extend(self.balanced.then(|| "training shows each class equally often".to_owned()));
        notes.extend(
            (!self.leaks.is_empty()).then(|| {
                format!("{} training files left out because validation or test hold the same", self.leaks.len())
            }),
        );
        let own = self.parted.then(|| "comes with its own parts".to_owned());
        Provenance {
            kind: Some(kind.to_owned()),
            name: name_of(&self.root),
            splits: own.into_iter().chain(self.splits.iter().map(|(_, words)| words.clone())).collect(),
            split_hash: Some(split_hash(&parts.map(|part| (part, names(part))))),
            class_counts: Vec::new(),
            batch: Some(self.batch),
            augmentation: self.augment.words(),
            copies: Some(self.copies.spare()),
            near_copies: near.map(Copies::spare),
            copies_across_parts: Some(searched.groups.iter().filter(|ids| sides(ids) > 1).count()),
            groups: self.group_count(),
            notes,
        }
    }

    /// The group of a picture, where somebody has said which are together.
    pub(super) fn group_name(&self, id: usize) -> Option<String> {
        self.group_names.as_ref()?.get(id).filter(|name| !name.is_empty()).cloned()
    }

    /// What this list of pictures is, by what is true of them.
    pub(super) fn kind(&self) -> &'static str {
        match &self.rows {
            Some(rows) if rows.field == field::LABELS => "table of pictures with labels",
            Some(_) => "table of pictures with numbers",
            None if self.samples.iter().any(|sample| sample.pixels.is_some()) => "pictures in memory",
            None => "image folder",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    // hashlib.sha256(b"candlewick split 1\ntrain 2\n1:a\n1:b\nvalid 1\n1:c\ntest 0\n").hexdigest()
    #[test]
    fn the_hash_is_of_who_is_where_in_whatever_order() {
        let own = split_hash(&[(Part::Train, names(&["b", "a"])), (Part::Valid, names(&["c"]))]);
        assert_eq!(own, "973574c6b60541b0239e927ecce982a5da3afbf59e95b4da53dd26e63fe9ada6");
        assert_eq!(own, split_hash(&[(Part::Valid, names(&["c"])), (Part::Train, names(&["a", "b"]))]));
        for other in [
            [(Part::Train, names(&["a", "c"])), (Part::Valid, names(&["b"]))],
            [(Part::Train, names(&["a"])), (Part::Valid, names(&["b", "c"]))],
            [(Part::Train, names(&["a", "b"])), (Part::Test, names(&["c"]))],
            [(Part::Train, names(&["a\n1:b"])), (Part::Valid, names(&["c"]))],
        ] {
            assert_ne!(own, split_hash(&other), "{other:?}");
        }
    }
}

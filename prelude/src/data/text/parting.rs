//! Which texts train, which measure, which are held out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::options::TextTable;
use super::twins;
use crate::data::divide::{self, Cluster};
use crate::data::provenance::{put_aside_words, split_hash};
use crate::data::split::Copies;
use crate::data::{Part, Provenance, Target};
use crate::words::{count, does};
use crate::{Error, Result, limits, show};

impl TextTable {
    /// Keeps about `fraction` of each class for validation, chosen by `seed`.
    ///
    /// Texts that are equal but for capitals and spaces stay on one side, and so do those that are nearly equal: of eight words or more and another in
    /// one, or with most of their runs of three words the same (a Jaccard index of 0.7). So does what [`grouped`](TextTable::grouped) has put
    /// together. A table with a column of parts (`part` or `split`: train, valid, test) keeps its own split, and a note says so. What is
    /// [held out](TextTable::hold_out) stays so.
    ///
    /// # Errors
    /// When `fraction` is not between 0 and 1, or a class has fewer than two different texts.
    pub fn split(self, fraction: f64, seed: u64) -> Result<TextTable> {
        limits::split_of(fraction, "texts")?;
        let examples = self.ready()?;
        if examples.parts.as_ref().is_some_and(|parts| parts.contains(&Part::Valid)) {
            show::note(&format!("`{}` comes with its own split, which is kept", self.0.shown));
            return Ok(self);
        }
        self.put_aside(fraction, seed, Part::Valid)
    }

    /// Holds about `fraction` of each class out for the last test, chosen by `seed`: no later split or fold moves these texts.
    /// `learner.evaluate_on(Part::Test)?` measures on them.
    ///
    /// # Errors
    /// As [`split`](TextTable::split).
    pub fn hold_out(self, fraction: f64, seed: u64) -> Result<TextTable> {
        limits::held_out(fraction, "texts")?;
        let held = self.0.parts.iter().filter(|part| **part == Part::Test).count();
        if held > 0 {
            let many = does(held, "text", "is", "are");
            show::note(&format!(
                "{many} held out for the last test already, and {} so",
                if held == 1 { "stays" } else { "stay" }
            ));
            return Ok(self);
        }
        let before = self.0.seed;
        let mut held = self.put_aside(fraction, seed, Part::Test)?;
        held.0.seed = before;
        Ok(held)
    }

    /// The texts as `count` tables (2 or more), in each of which another part is kept for validation: k-fold cross-validation, as scikit-learn's
    /// `StratifiedGroupKFold`; equal and nearly equal texts, and groups, stay on one side.
    ///
    /// # Errors
    /// When there are fewer than two folds, or fewer different texts of a class, or groups, than folds.
    pub fn folds(&self, count: usize, seed: u64) -> Result<Vec<TextTable>> {
        limits::allow(count >= 2, "the count of `folds`", &count, "2 or more", "five are usual: `data.folds(5, 42)?`")?;
        let near = self.alike()?;
        let mut blocks = self.blocks(&near)?;
        let least = divide::rare(&blocks, count).first().copied();
        if let (Some((label, own)), false) = (least, self.0.groups.is_some()) {
            let name = self.names().get(label).cloned().unwrap_or_default();
            let what = format!("class `{name}` has {own} different texts; {count} folds need {count}");
            return Err(Error::new(what).remedy("take fewer folds, add texts of it, or leave the class out"));
        }
        if blocks.len() < count {
            return Err(Error::new(format!("there are {} groups; {count} folds need {count}", blocks.len()))
                .remedy("take fewer folds"));
        }
        blocks.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let fold = |(at, apart): (usize, Vec<usize>)| {
            let mut table = self.clone();
            let mut parts = (*self.0.parts).clone();
            parts.iter_mut().filter(|part| **part != Part::Test).for_each(|part| *part = Part::Train);
            apart.into_iter().for_each(|id| parts[id] = Part::Valid);
            table.0.parts = Arc::new(parts);
            table.0.seed = seed;
            table.told(Part::Valid, format!("fold {} of {count} kept for validation, seed {seed}", at + 1))
        };
        Ok(divide::folds(blocks, count).into_iter().enumerate().map(fold).collect())
    }

    /// Keeps on one side of every later split what has the same cell in a column: all reviews of one author, or of one product. A column named
    /// `group` does so by itself.
    ///
    /// ```no_run
    /// use candlewick_prelude::prelude::*;
    /// let data = TextTable::csv("reviews.csv")?.grouped("author")?.split(0.2, 42)?;
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such column.
    pub fn grouped(mut self, column: &str) -> Result<TextTable> {
        let examples = self.ready()?;
        let at = examples.cells.column(column).ok_or_else(|| {
            Error::new(format!("`{}` has no column `{column}`", self.0.shown))
                .remedy(format!("the columns are {}", examples.cells.names()))
        })?;
        if let Some((_, words)) = self.0.splits.first() {
            let what =
                format!("`{}` was parted already ({words}): texts of one group may stand on both sides", self.0.shown);
            return Err(Error::new(what)
                .remedy(format!("say what belongs together first: `.grouped(\"{column}\")?.split(0.2, 42)?`")));
        }
        let groups = examples.groups(at);
        (self.0.groups, self.0.grouped) = (Some(Arc::new(groups)), Some(column.to_owned()));
        Ok(self)
    }

    /// How many texts of each class or label a part has; nothing where numbers are told.
    pub fn counts(&self, part: Part) -> Vec<usize> {
        let Some(examples) = self.found() else { return Vec::new() };
        let mut counts = match examples.target {
            Target::Class(_) | Target::Classes(_) => vec![0; self.names().len()],
            _ => Vec::new(),
        };
        self.ids(part).into_iter().flat_map(|id| examples.labels(id)).for_each(|label| counts[label] += 1);
        counts
    }

    /// The numbers of a part's texts, in order; for training, at most as many a class as [`limit`](TextTable::limit) says.
    pub fn ids(&self, part: Part) -> Vec<usize> {
        let mut ids: Vec<usize> = (0..self.len()).filter(|id| self.0.parts[*id] == part).collect();
        if let (Some(limit), Part::Train, Some(examples)) = (self.0.limit, part, self.found()) {
            ids.shuffle(&mut ChaCha8Rng::seed_from_u64(self.0.seed));
            let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
            ids.retain(|id| {
                let class = examples.labels(*id).first().copied().unwrap_or(usize::MAX);
                let own = taken.entry(class).or_default();
                *own += 1;
                *own <= limit
            });
            ids.sort_unstable();
        }
        ids
    }

    fn put_aside(mut self, fraction: f64, seed: u64, aside: Part) -> Result<TextTable> {
        let examples = self.ready()?.clone();
        let copies = self.copies()?;
        let by_groups = self.0.groups.is_some();
        let near = self.alike()?;
        if !self.is_searched() {
            show::note(twins::NOT_SEARCHED);
        }
        let extra = near.spare() - copies.spare();
        let found = match self.chosen(&near, fraction, seed) {
            Ok(ids) => {
                if extra > 0 {
                    show::note(&format!(
                        "{} nearly like others: kept on the others' side",
                        does(extra, "text", "is", "are")
                    ));
                }
                ids
            }
            Err(why) if extra == 0 => return Err(why),
            Err(_) => {
                show::note(&format!(
                    "{} nearly like others, so many of one class that both sides have some: what is measured may be too good",
                    does(extra, "text", "is", "are")
                ));
                self.chosen(&copies, fraction, seed)?
            }
        };
        let against =
            copies.groups.iter().filter(|ids| ids.iter().any(|id| examples.labels(*id) != examples.labels(ids[0])));
        let against: Vec<usize> = against.map(|ids| ids[0]).collect();
        if let Some(first) = against.first() {
            show::note(&format!(
                "{} with two different truths, such as in line {}: `data.summary()?` names them",
                does(against.len(), "text", "stands there", "stand there"),
                examples.line(*first)
            ));
        }
        let mut parts = (*self.0.parts).clone();
        if aside == Part::Valid {
            parts.iter_mut().filter(|part| **part != Part::Test).for_each(|part| *part = Part::Train);
        }
        found.into_iter().for_each(|id| parts[id] = aside);
        self.0.parts = Arc::new(parts);
        self.0.seed = seed;
        let unit = match (by_groups, &examples.target) {
            (true, _) => "of the texts, by whole groups,",
            (false, Target::Class(_)) => "of each class",
            (false, _) => "of the texts",
        };
        Ok(self.told(aside, put_aside_words(fraction, seed, aside, unit)))
    }

    /// The texts that are put aside where these stay together.
    fn chosen(&self, copies: &Copies, fraction: f64, seed: u64) -> Result<Vec<usize>> {
        let blocks = self.blocks(copies)?;
        let all: usize = blocks.iter().map(|block| block.ids.len()).sum();
        if let (Some((label, own)), Target::Class(names), None) =
            (divide::rare(&blocks, 2).first(), self.target(), &self.0.groups)
        {
            return Err(Error::new(format!(
                "class `{}` has {}; a split needs two",
                names[*label],
                count(*own, "different text")
            ))
            .remedy("add texts of it, or leave the class out"));
        }
        if self.0.groups.is_some() && divide::is_one_each(&blocks) {
            return Err(Error::new(format!(
                "each class is one group ({} of them): none could both train and measure",
                blocks.len()
            ))
            .remedy("group by another column"));
        }
        let ids = divide::aside(blocks, fraction, seed);
        // blocks of near twins may be too large for such a share
        if ids.is_empty() || (ids.len() as f64) < all as f64 * fraction * 0.5 && all as f64 * fraction >= 4.0 {
            return Err(Error::new(format!("{fraction} of the texts leaves one side empty, or nearly so"))
                .remedy("take a larger share, or group the texts otherwise"));
        }
        Ok(ids)
    }

    /// Groups of equal texts, looked for once.
    pub(super) fn copies(&self) -> Result<Arc<Copies>> {
        let examples = self.ready()?;
        Ok(self.0.copies.get_or_init(|| Arc::new(twins::equal(examples))).clone())
    }

    /// Groups of texts that are equal or nearly so, looked for once.
    pub(super) fn alike(&self) -> Result<Arc<Copies>> {
        if self.0.near.get().is_none() {
            let copies = self.copies()?;
            let near = match self.is_searched() {
                true => Arc::new(twins::near(self.ready()?, &copies)?),
                false => copies,
            };
            let _ = self.0.near.set(near);
        }
        Ok(self.0.near.get().cloned().unwrap_or_default())
    }

    /// Whether there are few enough texts to look for nearly equal ones.
    pub(super) fn is_searched(&self) -> bool {
        self.len() <= twins::MOST
    }

    /// What stays together of all that is not held out.
    fn blocks(&self, copies: &Copies) -> Result<Vec<Cluster>> {
        let examples = self.ready()?;
        let ids: Vec<usize> = (0..self.len()).filter(|id| self.0.parts[*id] != Part::Test).collect();
        let group = |id: usize| self.0.groups.as_ref().map(|groups| groups.0[id]);
        let labels = |id: usize| match examples.target {
            Target::Class(_) => examples.labels(id),
            // behind the labels one that all have
            _ => examples.labels(id).into_iter().chain([examples.target.names().len()]).collect(),
        };
        Ok(divide::blocks(&ids, &group, copies, &labels))
    }

    /// The same with a sentence on how a part came about; it takes the place of an earlier one on that part.
    fn told(mut self, part: Part, words: String) -> TextTable {
        self.0.splits.retain(|(own, _)| *own != part);
        self.0.splits.push((part, words));
        self
    }

    /// How many groups of equal or nearly equal texts have members in two parts.
    pub(super) fn across(&self, copies: &Copies) -> Vec<usize> {
        let side = |id: &usize| self.0.parts[*id].as_str();
        let sides = |ids: &Vec<usize>| ids.iter().map(side).collect::<BTreeSet<_>>().len();
        copies.groups.iter().enumerate().filter(|(_, ids)| sides(ids) > 1).map(|(at, _)| at).collect()
    }

    /// Where the texts come from, and who is on which side; they are known by what they say.
    pub(super) fn origin(&self) -> Provenance {
        let parts = [Part::Train, Part::Valid, Part::Test];
        let name = |id: usize| {
            let (first, second) = self.found().map_or(("", None), |examples| examples.text(id));
            second.map_or_else(|| first.to_owned(), |second| format!("{first}\u{1f}{second}"))
        };
        let names = |part: Part| self.ids(part).into_iter().map(name).collect();
        let given = self.found().is_some_and(|examples| examples.parts.is_some());
        let own = given.then(|| "comes with its own parts".to_owned());
        let searched = self.0.near.get().or_else(|| self.0.copies.get());
        let mut notes = Vec::new();
        notes.extend(self.found().map(|examples| examples.columns.words.clone()));
        notes.extend(self.0.limit.map(|limit| format!("at most {limit} training texts of each class")));
        notes.extend(self.0.balanced.then(|| "training shows each class equally often".to_owned()));
        notes.extend(self.0.file_words.iter().cloned());
        let file = self.path().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
        Provenance {
            kind: Some(if file.is_some() { "table of texts" } else { "texts in memory" }.to_owned()),
            name: file,
            splits: own.into_iter().chain(self.0.splits.iter().map(|(_, words)| words.clone())).collect(),
            split_hash: Some(split_hash(&parts.map(|part| (part, names(part))))),
            class_counts: match self.target() {
                Target::Class(_) | Target::Classes(_) => parts.map(|part| self.counts(part)).to_vec(),
                _ => Vec::new(),
            },
            batch: Some(self.0.batch),
            augmentation: Vec::new(),
            copies: self.0.copies.get().map(|copies| copies.spare()),
            near_copies: self.0.near.get().filter(|_| self.is_searched()).map(|near| near.spare()),
            copies_across_parts: searched.map(|copies| self.across(copies).len()),
            groups: self.0.groups.as_ref().map(|groups| groups.0.iter().collect::<BTreeSet<_>>().len()),
            notes,
        }
    }
}

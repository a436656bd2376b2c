//! Which pictures train, which measure, which are held out: splits by class and by group, folds, and what no split touches.

use super::divide::{self, Cluster};
use super::folder::ImageFolder;
use super::provenance::put_aside_words;
use super::split::{self, Copies};
use super::{Part, field, near};
use crate::words::does;
use crate::{Error, Result, limits, show};
use std::collections::BTreeMap;
use std::sync::Arc;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

impl ImageFolder {
    /// Keeps about `fraction` of each class for validation, chosen by `seed`.
    ///
    /// Files are split, never augmented pictures; equal files, and pictures that look the same because one is a smaller or paler
    /// copy of the other, stay on one side, and so does what [`grouped`](ImageFolder::grouped) has put together. A folder that has train/ and
    /// val/ folders keeps its own split, and a note says so. What is [held out](ImageFolder::hold_out) stays so.
    ///
    /// # Errors
    /// Where `fraction` is not between 0 and 1, or a class has fewer than two different pictures.
    pub fn split(self, fraction: f64, seed: u64) -> Result<ImageFolder> {
        limits::split(fraction)?;
        if self.parted {
            show::note(&format!("`{}` comes with its own split, which is kept", self.root().display()));
            return Ok(self);
        }
        self.put_aside(fraction, seed, Part::Valid)
    }

    /// Holds about `fraction` of each class out for the last test, chosen by `seed`: neither training nor validation sees these pictures, and
    /// no later split or fold moves them. `learner.evaluate_on(Part::Test)?` measures on them.
    ///
    /// Copies, pictures that look the same and [groups](ImageFolder::grouped) stay on one side. Where there is a test part already, it is
    /// kept, and a note says so.
    ///
    /// ```no_run
    /// use candlewick_prelude::prelude::*;
    /// let data = ImageFolder::open("photos")?.hold_out(0.2, 1)?.split(0.2, 42)?;
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`split`](ImageFolder::split).
    pub fn hold_out(self, fraction: f64, seed: u64) -> Result<ImageFolder> {
        limits::held_out(fraction, "pictures")?;
        let held = self.ids(Part::Test).len();
        if held > 0 {
            show::note(&match held {
                1 => "1 picture is held out for the last test already, and stays so".to_owned(),
                _ => format!("{held} pictures are held out for the last test already, and stay so"),
            });
            return Ok(self);
        }
        let before = self.seed;
        let held = self.put_aside(fraction, seed, Part::Test)?;
        Ok(ImageFolder { seed: before, ..held })
    }

    /// The pictures as `count` data sets (2 or more), in each of which another part is kept for validation: k-fold cross-validation. Each
    /// class has about its share in each; copies, pictures that look the same and [groups](ImageFolder::grouped) stay on one side, as
    /// scikit-learn's `StratifiedGroupKFold`. What is [held out](ImageFolder::hold_out) is so in all of them.
    ///
    /// ```no_run
    /// use candlewick_prelude::prelude::*;
    /// for fold in ImageFolder::open("photos")?.size(64).folds(5, 42)? {
    ///     let mut learner = Learner::vision(Arch::default(), &fold)?;
    ///     learner.fine_tune(2)?;
    /// }
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// Where there are fewer than two folds, or fewer different pictures of a class, or groups, than folds.
    pub fn folds(&self, count: usize, seed: u64) -> Result<Vec<ImageFolder>> {
        let remedy = "five are usual: `data.folds(5, 42)?`";
        limits::allow(count >= 2, "the count of `folds`", &count, "2 or more", remedy)?;
        let mut blocks = self.blocks_of(&self.searched()?);
        if blocks.len() < count {
            let what = if self.groups.is_some() { "groups" } else { "different pictures" };
            return Err(Error::new(format!("there are {} {what}; {count} folds need {count}", blocks.len()))
                .remedy(format!("take fewer folds: `data.folds({}, {seed})?`", blocks.len().max(2))));
        }
        if let Some((label, own)) = divide::rare(&blocks, count).first() {
            let name = self.label_name(*label);
            if self.groups.is_none() && self.rows.is_none() {
                return Err(Error::new(format!(
                    "class `{name}` has {own} different pictures; {count} folds need {count}"
                ))
                .remedy("take fewer folds, add pictures of it, or leave the class out: its folder, its lines or its pictures"));
            }
            show::note(&format!(
                "`{name}` stands in {own} of the groups alone: some of the {count} folds measure nothing of it"
            ));
        }
        blocks.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let fold = |apart: Vec<usize>| {
            let mut samples = (*self.samples).clone();
            samples.iter_mut().filter(|sample| sample.part != Part::Test).for_each(|one| one.part = Part::Train);
            apart.into_iter().for_each(|id| samples[id].part = Part::Valid);
            ImageFolder { samples: Arc::new(samples), seed, ..self.clone() }
        };
        let words = |at: usize| format!("fold {} of {count} kept for validation, seed {seed}", at + 1);
        let folds = divide::folds(blocks, count).into_iter().map(fold).enumerate();
        Ok(folds.map(|(at, fold)| fold.told(Part::Valid, words(at))).collect())
    }

    /// Keeps on one side of every later split what has the same group: all pictures of one patient, one painter, one day.
    ///
    /// `group` is given the picture's name inside the folder: `patients/017/left.png`.
    ///
    /// ```no_run
    /// use candlewick_prelude::prelude::*;
    /// // 017_left.png, 017_right.png: up to the first underscore
    /// let patient = |name: &str| name.rsplit('/').next().unwrap_or(name).split('_').next().unwrap_or(name).to_string();
    /// let data = ImageFolder::open("scans")?.grouped(patient).split(0.2, 42)?;
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    pub fn grouped(self, group: impl Fn(&str) -> String) -> ImageFolder {
        self.grouped_by(&group)
    }

    // Not generic, so that the cell does not compile it.
    fn grouped_by(self, group: &dyn Fn(&str) -> String) -> ImageFolder {
        let names = self.samples.iter().map(|sample| group(&sample.name)).collect();
        self.grouped_as(names)
    }

    /// The same with all pictures of a file's own folder as a group, for folders such as `class/patient/left.png`.
    pub fn grouped_by_folder(self) -> ImageFolder {
        let folder = |name: &str| name.rsplit_once(['/', '\\']).map_or(String::new(), |(folder, _)| folder.to_owned());
        self.grouped(folder)
    }

    /// A name of its group for each picture; one without a name is a group of its own.
    pub(super) fn grouped_as(mut self, names: Vec<String>) -> ImageFolder {
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        let count = names.len();
        let number = |(at, name): (usize, String)| {
            let next = count + numbers.len();
            if name.is_empty() { at } else { *numbers.entry(name).or_insert(next) }
        };
        self.group_names = Some(Arc::new(names.clone()));
        self.groups = Some(Arc::new(names.into_iter().enumerate().map(number).collect()));
        self
    }

    /// How many groups there are, where somebody has said which.
    pub(super) fn group_count(&self) -> Option<usize> {
        let groups = self.groups.as_ref()?;
        Some(groups.iter().collect::<std::collections::BTreeSet<_>>().len())
    }

    fn put_aside(mut self, fraction: f64, seed: u64, aside: Part) -> Result<ImageFolder> {
        let mut samples = (*self.samples).clone();
        let labels = self.rows.as_ref().is_some_and(|rows| rows.field == field::LABELS);
        if self.groups.is_some() || labels {
            let blocks = self.blocks_of(&self.searched()?);
            if blocks.len() < 2 {
                let what = if self.groups.is_some() { "group" } else { "different picture" };
                return Err(Error::new(format!("there is {} {what}; a split needs two", blocks.len()))
                    .remedy("each side learns or measures on pictures of its own: add some, or group them otherwise"));
            }
            if self.groups.is_some() && divide::is_one_each(&blocks) {
                let what =
                    format!("each class is one group ({} of them): none could both train and measure", blocks.len());
                return Err(Error::new(what).remedy(
                    "leave the grouping out, or group by what the files' names say: `.grouped(|name| name[..4].to_owned())`; \
                     `grouped_by_folder` is for folders within classes, such as `class/patient/left.png`",
                ));
            }
            if let (true, Some((label, _))) = (self.groups.is_some(), divide::rare(&blocks, 2).first()) {
                show::note(&format!("all of `{}` is one group, which stays where it trains", self.label_name(*label)));
            }
            if aside == Part::Valid {
                samples.iter_mut().filter(|sample| sample.part != Part::Test).for_each(|one| one.part = Part::Train);
            }
            let ids = divide::aside(blocks, fraction, seed);
            if ids.is_empty() {
                return Err(Error::new(format!("no group is small enough for {fraction} of the pictures"))
                    .remedy("take a larger share, or group the pictures otherwise"));
            }
            ids.into_iter().for_each(|id| samples[id].part = aside);
        } else {
            self.put_aside_by_class(&mut samples, (fraction, aside), seed)?;
        }
        self.samples = Arc::new(samples);
        self.seed = seed;
        let unit = if self.groups.is_some() { "of the pictures, by whole groups," } else { "of each class" };
        let words = put_aside_words(fraction, seed, aside, unit);
        Ok(self.told(aside, words))
    }

    fn put_aside_by_class(&self, samples: &mut [super::Sample], wanted: (f64, Part), seed: u64) -> Result<()> {
        let near = self.near()?;
        let extra = near.map_or(0, |near| near.spare() - self.copies.spare());
        let kept = near.is_some_and(|near| split::split(samples, self.classes(), near, wanted, seed).is_ok());
        if !kept {
            split::split(samples, self.classes(), &self.copies, wanted, seed)?;
        }
        match (kept, extra) {
            (true, 0) => {}
            (true, extra) => show::note(&format!(
                "{} like others, as copies in another size do: kept on the others' side",
                does(extra, "picture", "looks", "look")
            )),
            (false, 0) => show::note("so many pictures are not searched for near copies; equal files stay on one side"),
            (false, extra) => show::note(&format!(
                "{} like others, so many of one class that both sides have some: what is measured may be too good",
                does(extra, "picture", "looks", "look")
            )),
        }
        Ok(())
    }

    /// Copies and pictures that show the same, searched for once.
    fn near(&self) -> Result<Option<&Copies>> {
        if self.near.get().is_none() {
            let _ = self.near.set(near::find(&self.samples, &self.copies)?);
        }
        Ok(self.near.get().and_then(Option::as_ref))
    }

    /// The same, or the equal files alone, with a word.
    fn searched(&self) -> Result<Copies> {
        match self.near()? {
            Some(near) => Ok(near.clone()),
            None => {
                show::note("so many pictures are not searched for near copies; equal files stay on one side");
                Ok((*self.copies).clone())
            }
        }
    }

    /// What stays together of all that is not held out.
    fn blocks_of(&self, copies: &Copies) -> Vec<Cluster> {
        let ids: Vec<usize> = (0..self.len()).filter(|id| self.sample(*id).part != Part::Test).collect();
        let group = |id: usize| self.groups.as_ref().map(|groups| groups[id]);
        divide::blocks(&ids, &group, copies, &|id| self.labels_of(id))
    }

    /// The classes or labels of a picture; behind the labels one that all have.
    fn labels_of(&self, id: usize) -> Vec<usize> {
        match &self.rows {
            Some(rows) if rows.field == field::LABELS => {
                let row = &rows.values[id];
                (0..row.len()).filter(|at| row[*at] > 0.5).chain([row.len()]).collect()
            }
            _ => vec![self.sample(id).class],
        }
    }

    fn label_name(&self, label: usize) -> String {
        let rows = self.rows.as_ref().map(|rows| &rows.names[..]);
        let name = rows.unwrap_or(&self.classes[..]).get(label);
        name.cloned().unwrap_or_else(|| "the rest".to_owned())
    }
}

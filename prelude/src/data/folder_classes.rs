//! An image folder's classes: some alone, some left out, others' names.

use super::folder::ImageFolder;
use super::formats::{chosen, joined, renaming};
use super::sample::Sample;
use super::split::Copies;
use super::store::Store;
use crate::{Result, show};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

impl ImageFolder {
    /// Keeps the pictures of these classes alone, in the order of the folder's classes.
    ///
    /// ```no_run
    /// use candlewick_prelude::prelude::*;
    /// let data = ImageFolder::open("birds")?.only(&["heron", "stork", "crane"])?.split(0.2, 42)?;
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is no class of a name (the message has those that are near), or none is left.
    pub fn only(self, classes: &[&str]) -> Result<ImageFolder> {
        self.keeping("only", classes, true)
    }

    /// Leaves out the pictures of these classes, such as those that have too few.
    ///
    /// # Errors
    /// As [`only`](ImageFolder::only).
    pub fn drop(self, classes: &[&str]) -> Result<ImageFolder> {
        self.keeping("drop", classes, false)
    }

    /// Gives classes other names; several that get one name become one class, and so does a class whose name another gets.
    ///
    /// ```no_run
    /// use candlewick_prelude::prelude::*;
    /// let data = ImageFolder::open("scans")?.rename(&[("cyst_left", "cyst"), ("cyst_right", "cyst")])?;
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is no class of a name, a class would have two names or none.
    pub fn rename(self, names: &[(&str, &str)]) -> Result<ImageFolder> {
        let new = renaming(names, &self.classes)?;
        if let Some(joined) = joined(names, &self.classes) {
            show::note(&joined);
        }
        Ok(self.mapped(|name| Some(new.get(name).cloned().unwrap_or_else(|| name.to_owned()))))
    }

    fn keeping(self, verb: &str, classes: &[&str], named: bool) -> Result<ImageFolder> {
        let kept = chosen(verb, classes, named, &self.classes)?;
        Ok(self.mapped(|name| kept.iter().any(|own| own == name).then(|| name.to_owned())))
    }

    /// Each class under the name that is said, without those that get none. Names lie in their order, as a folder's do.
    fn mapped(self, new: impl Fn(&str) -> Option<String>) -> ImageFolder {
        let names: Vec<Option<String>> = self.classes.iter().map(|name| new(name)).collect();
        let classes: Vec<String> = names.iter().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let place = |name: &Option<String>| classes.iter().position(|own| Some(own) == name.as_ref());
        let places: Vec<Option<usize>> = names.iter().map(place).collect();
        let kept: Vec<usize> = (0..self.samples.len()).filter(|id| places[self.samples[*id].class].is_some()).collect();
        let moved: BTreeMap<usize, usize> = kept.iter().enumerate().map(|(id, old)| (*old, id)).collect();
        let sample = |id: &usize| {
            let mut sample: Sample = self.samples[*id].clone();
            sample.class = places[sample.class].unwrap_or_default();
            sample.boxes.retain_mut(|object| match places[object.class] {
                Some(class) => {
                    object.class = class;
                    true
                }
                None => false,
            });
            sample
        };
        let samples: Vec<Sample> = kept.iter().map(sample).collect();
        let groups = self.copies.groups.iter().map(|ids| ids.iter().filter_map(|id| moved.get(id).copied()).collect());
        let copies = Copies { groups: groups.filter(|ids: &Vec<usize>| ids.len() > 1).collect() };
        let store = Store::new(samples.len(), self.transform, self.store.most()).on_disk(self.store.disk());
        ImageFolder {
            classes: Arc::new(classes),
            has_boxes: samples.iter().all(|sample| !sample.boxes.is_empty()),
            samples: Arc::new(samples),
            copies: Arc::new(copies),
            near: Arc::new(OnceLock::new()),
            groups: self.groups.map(|groups| Arc::new(kept.iter().map(|id| groups[*id]).collect())),
            group_names: self.group_names.map(|names| Arc::new(kept.iter().map(|id| names[*id].clone()).collect())),
            store: Arc::new(store),
            warned: Arc::default(),
            ..self
        }
    }
}

//! Parts files into training and validation, class by class, and keeps copies of one file on one side.

use super::known::hash;
use super::{Part, Sample};
use crate::show::Steps;
use crate::words::count;
use crate::{Error, Result, interrupt, limits};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata;

/// Files with the same content.
#[derive(Clone, Debug, Default)]
pub(super) struct Copies {
    /// Indices of samples, a group of equal files each.
    pub groups: Vec<Vec<usize>>,
}

impl Copies {
    /// Finds equal files; only files of equal length are read, and each file once, however many names it has.
    ///
    /// # Errors
    /// Where the user interrupts.
    pub fn find(samples: &[Sample]) -> Result<Copies> {
        let mut by_length: BTreeMap<u64, BTreeMap<(u64, u64), Vec<usize>>> = BTreeMap::new();
        for (id, sample) in samples.iter().enumerate() {
            interrupt::check()?;
            if let Some(bytes) = sample.pixels.as_ref().and(sample.bytes()) {
                by_length.entry(bytes).or_default().entry((u64::MAX, id as u64)).or_default().push(id);
            } else if let Ok(about) = std::fs::metadata(&sample.path) {
                let file = one_file(&about).unwrap_or((u64::MAX, id as u64));
                by_length.entry(about.len()).or_default().entry(file).or_default().push(id);
            }
        }
        let alike: Vec<Vec<Vec<usize>>> = by_length
            .into_iter()
            .filter(|(length, files)| *length > 0 && files.values().map(Vec::len).sum::<usize>() > 1)
            .map(|(_, files)| files.into_values().collect())
            .collect();
        let steps = Steps::new("comparing files", alike.iter().filter(|files| files.len() > 1).map(Vec::len).sum());
        let groups = alike.into_par_iter().map(|files| -> Result<Vec<Vec<usize>>> {
            if files.len() == 1 {
                return Ok(files);
            }
            let mut by_content: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
            for ids in files {
                steps.step()?;
                if let Some(bytes) = samples[ids[0]].content() {
                    by_content.entry(hash(&bytes)).or_default().extend(ids);
                }
            }
            let copies = by_content.into_values().filter(|ids| ids.len() > 1);
            Ok(copies.map(sorted).collect())
        });
        let mut groups = groups.collect::<Result<Vec<_>>>()?.concat();
        groups.sort();
        Ok(Copies { groups })
    }

    /// How many files there are beside one of each group.
    pub fn spare(&self) -> usize {
        self.groups.iter().map(|ids| ids.len() - 1).sum()
    }

    /// The groups whose files are said to be of different classes.
    pub fn contradictions(&self, samples: &[Sample]) -> Vec<&Vec<usize>> {
        self.groups.iter().filter(|ids| ids.iter().any(|id| samples[*id].class != samples[ids[0]].class)).collect()
    }
}

fn sorted(mut ids: Vec<usize>) -> Vec<usize> {
    ids.sort_unstable();
    ids
}

/// What tells whether two names are of one file; `None` where the system does not say.
#[cfg(unix)]
fn one_file(about: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((about.dev(), about.ino()))
}

#[cfg(not(unix))]
fn one_file(_: &Metadata) -> Option<(u64, u64)> {
    None
}

/// Takes out of training what validation or test hold too; gives the names: (removed, its copy).
pub(super) fn remove_leaks(samples: &mut Vec<Sample>, copies: &Copies) -> Vec<(String, String)> {
    let mut leaks = Vec::new();
    let mut removed = vec![false; samples.len()];
    for ids in &copies.groups {
        let Some(kept) = ids.iter().find(|id| samples[**id].part != Part::Train) else { continue };
        for id in ids.iter().filter(|id| samples[**id].part == Part::Train) {
            removed[*id] = true;
            leaks.push((samples[*id].name.clone(), samples[*kept].name.clone()));
        }
    }
    let mut removed = removed.into_iter();
    samples.retain(|_| !removed.next().unwrap_or(false));
    leaks
}

/// Gives every sample of those that are not held out its part: of each class, about `fraction` is put `aside`, at least one on each side.
pub(super) fn split(
    samples: &mut [Sample],
    classes: &[String],
    copies: &Copies,
    (fraction, aside): (f64, Part),
    seed: u64,
) -> Result<()> {
    limits::split(fraction)?;
    let mut group_of: HashMap<usize, usize> = HashMap::new();
    for (number, ids) in copies.groups.iter().enumerate() {
        group_of.extend(ids.iter().map(|id| (*id, number)));
    }
    for (class, name) in classes.iter().enumerate() {
        let is_own = |sample: &Sample| sample.class == class && sample.part != Part::Test;
        let own: Vec<usize> = (0..samples.len()).filter(|id| is_own(&samples[*id])).collect();
        let mut units: Vec<Vec<usize>> = Vec::new();
        let mut seen: HashMap<usize, usize> = HashMap::new();
        for id in &own {
            match group_of.get(id) {
                // files that two classes claim stay in training, on one side
                Some(group) if copies.groups[*group].iter().any(|other| samples[*other].class != class) => {}
                Some(group) if seen.contains_key(group) => units[seen[group]].push(*id),
                Some(group) => {
                    seen.insert(*group, units.len());
                    units.push(vec![*id]);
                }
                None => units.push(vec![*id]),
            }
        }
        if own.len() < 2 || units.len() < 2 {
            if units.is_empty() && !own.is_empty() {
                let what = format!("each of the {} of class `{name}` is another class's too", count(own.len(), "file"));
                return Err(Error::new(what).remedy("keep each picture in the folder of its class alone"));
            }
            let files =
                if own.len() > units.len() { format!(" in {}", count(own.len(), "file")) } else { String::new() };
            return Err(Error::new(format!(
                "class `{name}` has {}{files}; a split needs two",
                count(units.len(), "different picture")
            ))
            .remedy("add pictures of it, or leave the class out: its folder, its lines or its pictures"));
        }
        units.shuffle(&mut ChaCha8Rng::seed_from_u64(seed ^ (class as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let wanted = ((own.len() as f64 * fraction).round() as usize).clamp(1, own.len() - 1);
        let mut taken = 0;
        if aside == Part::Valid {
            own.iter().for_each(|id| samples[*id].part = Part::Train);
        }
        // the first unit always trains, and at least one validates
        for unit in &units[1..] {
            if taken < wanted && (taken == 0 || taken + unit.len() <= wanted) {
                unit.iter().for_each(|id| samples[*id].part = aside);
                taken += unit.len();
            }
        }
    }
    Ok(())
}

//! Parts units of pictures, such as all of one patient, so that every class or label has its share on each side.
//!
//! The folds are those of scikit-learn's `StratifiedGroupKFold`.

use std::collections::{BTreeMap, HashMap};

use super::split::Copies;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// What stays together: pictures, and how many of each class or label are among them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cluster {
    pub ids: Vec<usize>,
    counts: BTreeMap<usize, usize>,
}

impl Cluster {
    pub fn new(ids: Vec<usize>, labels: &dyn Fn(usize) -> Vec<usize>) -> Cluster {
        let mut counts = BTreeMap::new();
        ids.iter().flat_map(|id| labels(*id)).for_each(|label| *counts.entry(label).or_default() += 1);
        Cluster { ids, counts }
    }
}

/// The blocks of these pictures: those of one group, and copies, together, be it through others.
pub(super) fn blocks(
    ids: &[usize],
    group: &dyn Fn(usize) -> Option<usize>,
    copies: &Copies,
    labels: &dyn Fn(usize) -> Vec<usize>,
) -> Vec<Cluster> {
    let place: HashMap<usize, usize> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    let mut first: Vec<usize> = (0..ids.len()).collect();
    let mut of_group: HashMap<usize, usize> = HashMap::new();
    for (at, id) in ids.iter().enumerate() {
        if let Some(group) = group(*id) {
            let other = *of_group.entry(group).or_insert(at);
            join(&mut first, at, other);
        }
    }
    for copies in &copies.groups {
        let own: Vec<usize> = copies.iter().filter_map(|id| place.get(id).copied()).collect();
        own.windows(2).for_each(|pair| join(&mut first, pair[0], pair[1]));
    }
    let mut together: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, id) in ids.iter().enumerate() {
        together.entry(root(&mut first, at)).or_default().push(*id);
    }
    together.into_values().map(|ids| Cluster::new(ids, labels)).collect()
}

pub(super) fn root(first: &mut [usize], mut at: usize) -> usize {
    while first[at] != at {
        first[at] = first[first[at]];
        at = first[at];
    }
    at
}

pub(super) fn join(first: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(first, a), root(first, b));
    first[a.max(b)] = a.min(b);
}

/// How many of each label there are, and in how many blocks.
fn totals(blocks: &[Cluster]) -> BTreeMap<usize, (usize, usize)> {
    let mut totals: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for (label, count) in blocks.iter().flat_map(|block| &block.counts) {
        let total = totals.entry(*label).or_default();
        *total = (total.0 + count, total.1 + 1);
    }
    totals
}

/// Whether each of several labels has one block, and each block one label.
pub(super) fn is_one_each(blocks: &[Cluster]) -> bool {
    let totals = totals(blocks);
    totals.len() > 1 && totals.len() == blocks.len() && totals.values().all(|(_, own)| *own == 1)
}

/// Labels that stand in fewer blocks than so many.
pub(super) fn rare(blocks: &[Cluster], least: usize) -> Vec<(usize, usize)> {
    totals(blocks).into_iter().filter(|(_, (_, own))| *own < least).map(|(label, (_, own))| (label, own)).collect()
}

/// The pictures of those blocks that are put aside: about this share of each label, and never all of one.
pub(super) fn aside(mut blocks: Vec<Cluster>, fraction: f64, seed: u64) -> Vec<usize> {
    let totals = totals(&blocks);
    let wanted = |label: &usize| {
        let (all, own) = totals[label];
        let share = all as f64 * fraction;
        if own > 1 { share.round().clamp(1.0, all as f64 - 1.0) } else { share }
    };
    let wanted: BTreeMap<usize, f64> = totals.keys().map(|label| (*label, wanted(label))).collect();
    let all: usize = blocks.iter().map(|block| block.ids.len()).sum();
    blocks.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let (mut taken, mut sum, mut ids) = (BTreeMap::<usize, usize>::new(), 0usize, Vec::new());
    let far = |have: usize, wanted: f64| ((have as f64 - wanted) / wanted).powi(2);
    for block in blocks {
        let mut gain = 0.0;
        let mut leaves_none = sum + block.ids.len() >= all;
        for (label, count) in &block.counts {
            let have = taken.get(label).copied().unwrap_or(0);
            gain += far(have, wanted[label]) - far(have + count, wanted[label]);
            leaves_none |= have + count >= totals[label].0;
        }
        if gain > 0.0 && !leaves_none {
            block.counts.iter().for_each(|(label, count)| *taken.entry(*label).or_default() += count);
            sum += block.ids.len();
            ids.extend(block.ids);
        }
    }
    ids
}

/// So many folds: for each the pictures that it keeps apart. Blocks of one kind stay in their order, so that who shuffles them first gets
/// other folds.
pub(super) fn folds(mut blocks: Vec<Cluster>, count: usize) -> Vec<Vec<usize>> {
    let totals = totals(&blocks);
    let labels = totals.len().max(1) as f64;
    // the spread of a block's counts over the labels, as numpy's `std`
    let spread = |block: &Cluster| {
        let mean = block.counts.values().sum::<usize>() as f64 / labels;
        block.counts.values().map(|count| (*count as f64).powi(2)).sum::<f64>() / labels - mean * mean
    };
    blocks.sort_by(|a, b| spread(b).total_cmp(&spread(a)));
    let mut have: BTreeMap<usize, Vec<f64>> = totals.keys().map(|label| (*label, vec![0.0; count])).collect();
    let mut folds = vec![Vec::new(); count];
    for block in blocks {
        let mut best = (f64::INFINITY, usize::MAX, 0);
        for (fold, ids) in folds.iter().enumerate() {
            let uneven = |(label, more): (&usize, &usize)| {
                let (own, all) = (&have[label], totals[label].0 as f64);
                let share = |at: usize| (own[at] + if at == fold { *more as f64 } else { 0.0 }) / all;
                let mean = (0..count).map(share).sum::<f64>() / count as f64;
                let with = ((0..count).map(|at| (share(at) - mean).powi(2)).sum::<f64>() / count as f64).sqrt();
                with / labels
            };
            let value: f64 = block.counts.iter().map(uneven).sum();
            let size: usize = ids.len();
            let close = (value - best.0).abs() <= 1e-8 + 1e-5 * best.0.abs();
            if (value < best.0 && !close) || (close && size < best.1) || best.1 == usize::MAX {
                best = (value, size, fold);
            }
        }
        for (label, more) in &block.counts {
            if let Some(own) = have.get_mut(label) {
                own[best.2] += *more as f64;
            }
        }
        folds[best.2].extend(block.ids);
    }
    folds.iter_mut().for_each(|ids| ids.sort_unstable());
    folds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(groups: &[usize], labels: &[usize]) -> Vec<Cluster> {
        let ids: Vec<usize> = (0..groups.len()).collect();
        blocks(&ids, &|id| Some(groups[id]), &Copies::default(), &|id| vec![labels[id]])
    }

    /// sklearn.model_selection.StratifiedGroupKFold(3).split(X, labels, groups)
    #[test]
    fn folds_are_scikit_learns() {
        let labels = [0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 0, 2];
        let groups = [1, 1, 2, 2, 3, 3, 3, 4, 5, 5, 5, 5, 6, 6, 7, 8, 8, 8, 9, 9, 9, 10];
        let found = folds(made(&groups, &labels), 3);
        assert_eq!(
            found,
            [vec![7, 8, 9, 10, 11, 15, 16, 17], vec![4, 5, 6, 12, 13, 14, 21], vec![0, 1, 2, 3, 18, 19, 20]]
        );
    }

    #[test]
    fn a_group_is_on_one_side_and_classes_on_both() {
        let groups: Vec<usize> = (0..200).map(|id| id / 5).collect();
        let labels: Vec<usize> = groups.iter().map(|group| usize::from(group % 4 == 0)).collect();
        for seed in 0..5 {
            let ids = aside(made(&groups, &labels), 0.2, seed);
            let share = |label: usize| ids.iter().filter(|id| labels[**id] == label).count();
            assert_eq!((share(0), share(1)), (30, 10), "{seed}");
            let own: Vec<usize> = ids.iter().map(|id| groups[*id]).collect();
            assert!((0..200).all(|id| ids.contains(&id) == own.contains(&groups[id])));
        }
        assert_ne!(aside(made(&groups, &labels), 0.2, 1), aside(made(&groups, &labels), 0.2, 2));
        // a class of one group alone stays where it trains
        let labels: Vec<usize> = groups.iter().map(|group| usize::from(*group == 7)).collect();
        assert!((0..20).all(|seed| aside(made(&groups, &labels), 0.3, seed).iter().all(|id| labels[*id] == 0)));
        assert_eq!(rare(&made(&groups, &labels), 2), [(1, 1)]);
    }

    #[test]
    fn copies_join_groups() {
        let copies = Copies { groups: vec![vec![0, 3], vec![4, 5]] };
        let found = blocks(&[0, 1, 2, 3, 4, 5], &|id| (id < 4).then_some(id / 2), &copies, &|_| vec![0]);
        let ids: Vec<Vec<usize>> = found.into_iter().map(|block| block.ids).collect();
        assert_eq!(ids, [vec![0, 1, 2, 3], vec![4, 5]]);
    }
}

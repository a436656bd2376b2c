//! What is kept of every detection of a class, and COCO's numbers of that.

use super::numbers::{CocoNumbers, SizeRange};
use super::overlap::{Real, Sure, surest_first};

/// The most detections of one class and picture that count.
const MOST: usize = 100;
/// How many IoUs there are: 0.50, 0.55, … 0.95.
pub(super) const IOUS: usize = 10;
/// How many recalls there are: 0.00, 0.01, … 1.00.
pub(super) const RECALLS: usize = 101;
/// How many sizes there are.
const SIZES: usize = SizeRange::EVERY.len();
/// A bit for each IoU.
const EACH: u16 = (1 << IOUS) - 1;

/// The IoUs from which a detection matches, to the last bit as numpy's `linspace(0.5, 0.95, 10)`.
pub(super) fn ious() -> [f64; IOUS] {
    std::array::from_fn(|at| if at + 1 == IOUS { 0.95 } else { at as f64 * ((0.95 - 0.5) / 9.0) + 0.5 })
}

/// What is kept of one detection: a bit for each IoU, for each size.
#[derive(Clone, Copy, Debug)]
struct Hit {
    score: f32,
    /// How many of its class and picture are surer.
    rank: u8,
    /// Whether it matches a true object.
    matched: [u16; SIZES],
    /// Whether it is neither right nor wrong: on a crowd, or not of the size.
    ignored: [u16; SIZES],
}

/// All detections of one class, in the order of the pictures, and how many objects of it are true.
#[derive(Clone, Debug, Default)]
pub(super) struct ClassTally {
    hits: Vec<Hit>,
    truths: [usize; SIZES],
}

impl ClassTally {
    /// Adds one picture: its detections of the class, the surest first, and what is true of the class.
    pub fn add(&mut self, found: &[Sure], truths: &[Real]) {
        for (at, size) in SizeRange::EVERY.into_iter().enumerate() {
            self.truths[at] += truths.iter().filter(|truth| !truth.crowd && size.holds(truth.area)).count();
        }
        let found = &found[..found.len().min(MOST)];
        let start = self.hits.len();
        self.hits.extend(found.iter().enumerate().map(|(rank, one)| Hit {
            score: one.score,
            rank: rank as u8,
            matched: [0; SIZES],
            ignored: [0; SIZES],
        }));
        let hits = &mut self.hits[start..];
        if !truths.is_empty() {
            assign(hits, found, truths);
        }
        for (hit, one) in hits.iter_mut().zip(found) {
            for (at, size) in SizeRange::EVERY.into_iter().enumerate() {
                if !size.holds(one.edges.area) {
                    hit.ignored[at] |= !hit.matched[at] & EACH;
                }
            }
        }
    }

    /// Forgets all, and keeps the memory.
    pub fn clear(&mut self) {
        self.hits.clear();
        self.truths = [0; SIZES];
    }

    /// How many true objects there are, of any size.
    pub fn truths(&self) -> usize {
        self.truths[0]
    }

    /// Score and whether it is right, at the IoU of this place and for all sizes, the surest first.
    pub fn outcomes(&self, iou: usize) -> Vec<(f32, bool)> {
        let kept = self.sorted().into_iter().filter(|hit| hit.ignored[0] >> iou & 1 == 0);
        kept.map(|hit| (hit.score, hit.matched[0] >> iou & 1 == 1)).collect()
    }

    fn sorted(&self) -> Vec<Hit> {
        let mut sorted = self.hits.clone();
        sorted.sort_by(|a, b| surest_first(a.score, b.score));
        sorted
    }

    /// COCO's numbers of this class.
    pub fn numbers(&self) -> CocoNumbers {
        let sorted = self.sorted();
        let precision: [Option<[f64; IOUS]>; SIZES] = std::array::from_fn(|size| {
            let mean = |row: [f64; RECALLS]| row.iter().sum::<f64>() / RECALLS as f64;
            (self.truths[size] > 0).then(|| std::array::from_fn(|iou| mean(self.precision_of(&sorted, size, iou))))
        });
        let recall = |size: usize, most: usize| {
            let found = |iou: usize| {
                let right = |hit: &&Hit| usize::from(hit.rank) < most && hit.is_right(size, iou) == Some(true);
                sorted.iter().filter(right).count() as f64 / self.truths[size] as f64
            };
            (self.truths[size] > 0).then(|| (0..IOUS).map(found).sum::<f64>() / IOUS as f64)
        };
        let ap = |size: usize| precision[size].map(|row| row.iter().sum::<f64>() / IOUS as f64);
        CocoNumbers::of([
            ap(0),
            precision[0].map(|row| row[0]),
            precision[0].map(|row| row[5]),
            ap(1),
            ap(2),
            ap(3),
            recall(0, 1),
            recall(0, 10),
            recall(0, MOST),
            recall(1, MOST),
            recall(2, MOST),
            recall(3, MOST),
        ])
    }

    /// The precision at each IoU and recall; `None` where nothing of the size is true.
    pub fn precision(&self, size: SizeRange) -> Option<[[f64; RECALLS]; IOUS]> {
        let size = SizeRange::EVERY.iter().position(|one| *one == size)?;
        let sorted = self.sorted();
        (self.truths[size] > 0).then(|| std::array::from_fn(|iou| self.precision_of(&sorted, size, iou)))
    }

    fn precision_of(&self, sorted: &[Hit], size: usize, iou: usize) -> [f64; RECALLS] {
        at_recalls(sorted.iter().filter_map(|hit| hit.is_right(size, iou)), self.truths[size])
    }
}

impl Hit {
    /// Whether it is right or wrong; `None` where it is neither.
    fn is_right(&self, size: usize, iou: usize) -> Option<bool> {
        (self.ignored[size] >> iou & 1 == 0).then_some(self.matched[size] >> iou & 1 == 1)
    }
}

/// For each recall the highest precision at it or above, of detections that are right or wrong, the surest first.
pub(super) fn at_recalls(outcomes: impl Iterator<Item = bool>, truths: usize) -> [f64; RECALLS] {
    // Precision is highest just after a right one.
    let (mut wrong, mut precision) = (0_usize, Vec::new());
    for right in outcomes {
        if right {
            let count = precision.len() + 1;
            precision.push(count as f64 / ((count + wrong) as f64 + f64::EPSILON));
        } else {
            wrong += 1;
        }
    }
    for at in (1..precision.len()).rev() {
        precision[at - 1] = precision[at].max(precision[at - 1]);
    }
    let mut reached = 0;
    std::array::from_fn(|step| {
        let recall = step as f64 * 0.01;
        while reached < precision.len() && ((reached + 1) as f64 / truths as f64) < recall {
            reached += 1;
        }
        precision.get(reached).copied().unwrap_or(0.0)
    })
}

/// Gives each detection a true object, as pycocotools' `evaluateImg`: the surest chooses first, the one that it overlaps most,
/// the later of two alike; what does not count is chosen last, and a crowd as often as one likes.
fn assign(hits: &mut [Hit], found: &[Sure], truths: &[Real]) {
    let overlap = |one: &Sure, truth: &Real| {
        if truth.crowd { one.edges.within(&truth.edges) } else { one.edges.iou(&truth.edges) }
    };
    let overlaps: Vec<f64> = found.iter().flat_map(|one| truths.iter().map(move |truth| overlap(one, truth))).collect();
    let rows: Vec<&[f64]> = overlaps.chunks_exact(truths.len()).collect();
    let highest: Vec<f64> = rows.iter().map(|row| row.iter().copied().fold(0.0, f64::max)).collect();
    let thresholds = ious().map(|iou| iou.min(1.0 - 1e-10));
    let mut order: Vec<usize> = Vec::with_capacity(truths.len());
    let mut taken = vec![false; truths.len()];
    for (at, size) in SizeRange::EVERY.into_iter().enumerate() {
        let counts = |truth: usize| !truths[truth].crowd && size.holds(truths[truth].area);
        order.clear();
        order.extend((0..truths.len()).filter(|truth| counts(*truth)));
        let counted = order.len();
        order.extend((0..truths.len()).filter(|truth| !counts(*truth)));
        for (bit, threshold) in thresholds.iter().enumerate() {
            taken.fill(false);
            for (one, row) in rows.iter().enumerate() {
                if highest[one] < *threshold {
                    continue;
                }
                let (mut best, mut chosen) = (*threshold, None);
                for (place, truth) in order.iter().enumerate() {
                    if place == counted && chosen.is_some() {
                        break;
                    }
                    if (!taken[*truth] || truths[*truth].crowd) && row[*truth] >= best {
                        (best, chosen) = (row[*truth], Some(place));
                    }
                }
                if let Some(place) = chosen {
                    taken[order[place]] = true;
                    hits[one].matched[at] |= 1 << bit;
                    if place >= counted {
                        hits[one].ignored[at] |= 1 << bit;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // numpy.linspace(0.5, 0.95, 10).tolist()
    #[test]
    #[allow(clippy::excessive_precision)]
    fn the_ious_are_numpys() {
        assert_eq!(ious(), [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.8999999999999999, 0.95]);
    }

    #[test]
    fn precision_is_the_highest_from_the_recall_on() {
        let row = at_recalls([true, false, true].into_iter(), 4);
        assert!((row[0] - 1.0).abs() < 1e-12 && (row[25] - 1.0).abs() < 1e-12);
        assert!((row[26] - 2.0 / 3.0).abs() < 1e-12 && (row[50] - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(row[51], 0.0);
        assert_eq!(at_recalls(std::iter::empty(), 4), [0.0; RECALLS]);
    }
}

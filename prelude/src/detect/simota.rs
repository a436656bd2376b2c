//! SimOTA: which cells answer for an object, chosen by what their answers would cost. Ge et al. 2021 (YOLOX), after OTA, Ge et al. 2021.

use super::rows::logistic;
use super::{GridCell, TrueBox};

/// Which cells may answer for an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Candidates {
    /// Those whose middle is within 1.5 strides of the object's middle: YOLOX's rule since 2022, with fewer cells to look at.
    #[default]
    Centre,
    /// Those whose middle is within the box or within 2.5 strides of its middle, best both: YOLOX's rule as it was published.
    BoxOrCentre,
}

impl Candidates {
    /// Whether a cell may answer for an object, and whether it does so at no extra cost.
    fn see(self, cell: &GridCell, truth: &TrueBox) -> (bool, bool) {
        let (x, y) = cell.middle();
        let (right, down) = ((x - truth.bbox[0]).abs(), (y - truth.bbox[1]).abs());
        let within = |reach: f32| right < reach && down < reach;
        match self {
            Candidates::Centre => {
                let near = within(1.5 * cell.stride);
                (near, near)
            }
            Candidates::BoxOrCentre => {
                let near = within(2.5 * cell.stride);
                let inside = right < truth.bbox[2] / 2.0 && down < truth.bbox[3] / 2.0;
                (near || inside, near && inside)
            }
        }
    }
}

/// The overlaps of so many best cells, summed, say how many cells an object gets.
const CANDIDATES: usize = 10;
/// What the overlap counts beside the class.
const OVERLAP: f32 = 3.0;
/// What a cell costs more that is not where cells of the object are.
const FAR: f32 = 1e5;

/// A cell that answers for an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assigned {
    /// The cell's number.
    pub cell: usize,
    /// The object's number.
    pub object: usize,
    /// How much the cell's box overlaps with the object's (intersection over union).
    pub iou: f32,
}

/// Which cells answer for which objects of a picture, in the order of the cells. `boxes` has each cell's box (centre and size, in pixels),
/// `object` the logit of each cell's being anything, and `class` the logit of a cell's being of a class.
pub fn assign(
    candidates: Candidates,
    cells: &[GridCell],
    truths: &[TrueBox],
    classes: usize,
    boxes: &dyn Fn(usize) -> [f32; 4],
    object: &dyn Fn(usize) -> f32,
    class: &dyn Fn(usize, usize) -> f32,
) -> Vec<Assigned> {
    let rule = candidates;
    let candidates: Vec<usize> =
        (0..cells.len()).filter(|cell| truths.iter().any(|truth| rule.see(&cells[*cell], truth).0)).collect();
    if candidates.is_empty() {
        return Vec::new();
    }
    let count = candidates.len();
    let (mut cost, mut overlap) = (vec![0f32; truths.len() * count], vec![0f32; truths.len() * count]);
    let mut hits = vec![(0f32, 0f32); classes];
    for (at, cell) in candidates.iter().enumerate() {
        let there = logistic(object(*cell));
        // what it costs to be of no class, and what each class changes about that
        let mut none = 0.0;
        for (number, hit) in hits.iter_mut().enumerate() {
            let share = (logistic(class(*cell, number)) * there).sqrt();
            *hit = (-log(share), -log(1.0 - share));
            none += hit.1;
        }
        let bbox = boxes(*cell);
        for (number, truth) in truths.iter().enumerate() {
            let iou = overlap_of(bbox, truth.bbox);
            let (yes, no) = hits.get(truth.class).copied().unwrap_or_default();
            let far = if rule.see(&cells[*cell], truth).1 { 0.0 } else { FAR };
            overlap[number * count + at] = iou;
            cost[number * count + at] = none - no + yes - OVERLAP * (iou + 1e-8).ln() + far;
        }
    }
    let mut taken: Vec<Vec<usize>> = vec![Vec::new(); count];
    for number in 0..truths.len() {
        let row = number * count..(number + 1) * count;
        let wanted = share_of_best(&overlap[row.clone()]);
        for at in cheapest(&cost[row], wanted) {
            taken[at].push(number);
        }
    }
    let mut assigned = Vec::new();
    for (at, objects) in taken.iter().enumerate() {
        let object = match objects[..] {
            [] => continue,
            [one] => one,
            // several want it: of all objects it goes to that which it costs the least
            _ => (0..truths.len())
                .min_by(|a, b| cost[a * count + at].total_cmp(&cost[b * count + at]))
                .expect("there are several"),
        };
        assigned.push(Assigned { cell: candidates[at], object, iou: overlap[object * count + at] });
    }
    assigned
}

/// How many cells an object gets: the sum of its best overlaps, one at least.
fn share_of_best(overlaps: &[f32]) -> usize {
    let mut sorted = overlaps.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let sum: f32 = sorted.iter().take(CANDIDATES).sum();
    (sum as usize).clamp(1, overlaps.len())
}

/// The places of the `wanted` smallest numbers.
fn cheapest(cost: &[f32], wanted: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..cost.len()).collect();
    order.sort_by(|a, b| cost[*a].total_cmp(&cost[*b]));
    order.truncate(wanted);
    order
}

/// The logarithm, not below -100, as PyTorch's binary cross-entropy has it.
fn log(x: f32) -> f32 {
    x.ln().max(-100.0)
}

/// Intersection over union of two boxes by centre and size.
pub(super) fn overlap_of(a: [f32; 4], b: [f32; 4]) -> f32 {
    let along = |at: usize| {
        let low = (a[at] - a[at + 2] / 2.0).max(b[at] - b[at + 2] / 2.0);
        let high = (a[at] + a[at + 2] / 2.0).min(b[at] + b[at + 2] / 2.0);
        (high - low).max(0.0)
    };
    let both = along(0) * along(1);
    let either = a[2] * a[3] + b[2] * b[3] - both;
    if either > 0.0 { both / either } else { 0.0 }
}

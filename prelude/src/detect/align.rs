//! Which cells answer for an object, chosen by how sure and how exact they are. Feng et al. 2021 (TOOD), as YOLOv8 has it.

use super::{GridCell, TrueBox, ciou};

/// Which cells may answer for an object: those whose middle it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Sides below 16 pixels count as 16, so that small objects hold middles too: Ultralytics' rule since 8.4.
    #[default]
    Enlarged,
    /// Boxes as they are: the rule as YOLOv8 was published with.
    Exact,
}

impl Reach {
    /// Whether an object holds a cell's middle.
    fn holds(self, truth: &TrueBox, cell: &GridCell) -> bool {
        let least = if self == Reach::Enlarged { SMALL } else { 0.0 };
        let (x, y) = cell.middle();
        let within = |at: usize, middle: f32| {
            let half = f64::from(truth.bbox[at + 2].max(least)) / 2.0;
            half - (f64::from(middle) - f64::from(truth.bbox[at])).abs() > 1e-9
        };
        within(0, x) && within(1, y)
    }
}

/// What counts as the least side of an object, in pixels.
const SMALL: f32 = 16.0;
/// So many cells answer for an object at most, but for those that it gets from others.
const BEST: usize = 10;

/// A cell that answers for an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aligned {
    /// The cell's number.
    pub cell: usize,
    /// The object's number.
    pub object: usize,
    /// How sure the cell is to be of the object's class, from 0 to 1.
    pub score: f64,
}

/// Which cells answer for which objects of a picture, in the order of the cells. `boxes` has each cell's box (`[left, top, right, bottom]`
/// in pixels), `score` how sure a cell is of a class, from 0 to 1.
///
/// An object gets the ten cells of the highest √score · overlap⁶ (overlap is complete IoU). A cell that several want goes to the one that
/// it overlaps with the most, of all that hold it. The best cell of an object is to be as sure as its boxes overlap at best, the others
/// less, in proportion.
pub fn align(
    reach: Reach,
    cells: &[GridCell],
    truths: &[TrueBox],
    boxes: &dyn Fn(usize) -> [f64; 4],
    score: &dyn Fn(usize, usize) -> f64,
) -> Vec<Aligned> {
    let held = |cell: &usize| truths.iter().any(|truth| reach.holds(truth, &cells[*cell]));
    let candidates: Vec<usize> = (0..cells.len()).filter(held).collect();
    let count = candidates.len();
    let (mut overlaps, mut fits) = (vec![0.0; truths.len() * count], vec![0.0; truths.len() * count]);
    for (at, cell) in candidates.iter().enumerate() {
        let bbox = boxes(*cell);
        for (number, truth) in truths.iter().enumerate() {
            if reach.holds(truth, &cells[*cell]) {
                let overlap = ciou(bbox, truth.corners()).max(0.0);
                overlaps[number * count + at] = overlap;
                fits[number * count + at] = score(*cell, truth.class).sqrt() * overlap.powi(6);
            }
        }
    }
    let mut wanted: Vec<Vec<usize>> = vec![Vec::new(); count];
    for number in 0..truths.len() {
        for at in best(&fits[number * count..][..count]) {
            wanted[at].push(number);
        }
    }
    let mut taken = Vec::new();
    for (at, objects) in wanted.iter().enumerate() {
        let object = match objects[..] {
            [] => continue,
            [one] => one,
            _ => most_overlap(&overlaps, count, at),
        };
        taken.push((at, object));
    }
    // of each object, the best fit and the best overlap of the cells that it has got
    let mut bests = vec![(0f64, 0f64); truths.len()];
    for (at, object) in &taken {
        let (fit, overlap) = &mut bests[*object];
        *fit = fit.max(fits[object * count + at]);
        *overlap = overlap.max(overlaps[object * count + at]);
    }
    let each = taken.into_iter().map(|(at, object)| {
        let (fit, overlap) = bests[object];
        Aligned { cell: candidates[at], object, score: fits[object * count + at] * overlap / (fit + 1e-9) }
    });
    each.filter(|aligned| aligned.score > 0.0).collect()
}

/// The places of the highest numbers above 0, ten at most.
fn best(fits: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..fits.len()).filter(|at| fits[*at] > 0.0).collect();
    order.sort_by(|a, b| fits[*b].total_cmp(&fits[*a]));
    order.truncate(BEST);
    order
}

/// The first object of those that a candidate overlaps with the most.
fn most_overlap(overlaps: &[f64], count: usize, at: usize) -> usize {
    let of = |number: usize| overlaps[number * count + at];
    (1..overlaps.len() / count.max(1)).fold(0, |most, number| if of(number) > of(most) { number } else { most })
}

//! The loss of YOLOX's head with its gradient, and what it finds. Ge et al. 2021.

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::rows::{CellRows, Sighting, logistic, softplus};
use super::simota::{Assigned, Candidates, assign};
use super::truth::fit;
use super::{Grid, GridCell, TrueBox};
use crate::{Result, ops};

/// What the overlap's part of the loss counts beside the others.
const PLACE: f64 = 5.0;

/// The loss of a batch: one number in the graph, and what it is made of.
#[derive(Clone, Debug)]
pub struct YoloxLoss {
    /// 5 · place + object + class + L1.
    pub total: Tensor,
    /// 1 - IoU², the mean over the cells that answer for an object.
    pub place: f64,
    /// Binary cross-entropy of whether a cell shows anything, over all cells, divided by how many answer.
    pub object: f64,
    /// Binary cross-entropy of the classes, towards the overlap, of the cells that answer.
    pub class: f64,
    /// How far the boxes' own numbers are off, where asked for.
    pub l1: f64,
    /// How many cells answer for an object.
    pub cells: usize,
}

/// What one picture adds to a loss, before it is divided by how many cells answer.
#[derive(Clone, Copy, Default)]
struct PictureLoss {
    place: f64,
    object: f64,
    class: f64,
    l1: f64,
    cells: usize,
}

/// The box that a cell says: centre and size in pixels.
fn bbox(rows: &CellRows, cell: usize, place: &GridCell) -> [f32; 4] {
    let [x, y, w, h] = [0, 1, 2, 3].map(|row| rows.at(row, cell));
    let s = place.stride;
    [(x + place.x) * s, (y + place.y) * s, w.exp() * s, h.exp() * s]
}

/// The loss of what YOLOX's head says (`yolox`) of pictures of so many pixels (height, width), given each picture's objects in
/// pixels. With `l1`, the boxes' own numbers count too, as in the reference once mosaic is off.
///
/// Which cell answers for which object is chosen by what is said (SimOTA), so value and gradient are worked out together, on the CPU.
///
/// # Shapes
/// `said` (n, 5 + classes, cells) → scalar
///
/// # Errors
/// Shapes that do not fit each other; a class that the head does not tell.
pub fn yolox_loss(
    said: &Tensor,
    side: (usize, usize),
    truths: &[Vec<TrueBox>],
    candidates: Candidates,
    l1: bool,
) -> Result<YoloxLoss> {
    let (n, rows, cells) = said.dims3()?;
    let grid = Grid::told(side, cells)?;
    let classes = rows.saturating_sub(5);
    fit(truths, n, classes)?;
    let numbers = said.detach().to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    let mut gradient = vec![0f32; numbers.len()];
    let size = (rows * cells).max(1);
    let each: Vec<PictureLoss> = numbers
        .par_chunks(size)
        .zip(gradient.par_chunks_mut(size))
        .zip(truths)
        .map(|((numbers, gradient), truths)| {
            picture(&CellRows { numbers, cells }, &grid, truths, (candidates, l1), gradient)
        })
        .collect();
    let sum = each.iter().fold(PictureLoss::default(), |a, b| PictureLoss {
        place: a.place + b.place,
        object: a.object + b.object,
        class: a.class + b.class,
        l1: a.l1 + b.l1,
        cells: a.cells + b.cells,
    });
    let count = sum.cells.max(1) as f64;
    gradient.iter_mut().for_each(|value| *value /= count as f32);
    let [place, object, class, l1] = [sum.place, sum.object, sum.class, sum.l1].map(|part| part / count);
    let gradient = Tensor::from_vec(gradient, (n, rows, cells), &Device::Cpu)?;
    let total = ops::with_gradient(said, PLACE * place + object + class + l1, &gradient)?;
    Ok(YoloxLoss { total, place, object, class, l1, cells: sum.cells })
}

/// What one picture adds; its gradient is written where it is not 0.
fn picture(
    rows: &CellRows,
    grid: &Grid,
    truths: &[TrueBox],
    (candidates, l1): (Candidates, bool),
    gradient: &mut [f32],
) -> PictureLoss {
    let cells = rows.cells;
    let classes = rows.numbers.len() / cells.max(1) - 5;
    let counted: Vec<TrueBox> = truths.iter().copied().filter(|truth| !truth.crowd).collect();
    let assigned = assign(
        candidates,
        &grid.0,
        &counted,
        classes,
        &|cell| bbox(rows, cell, &grid.0[cell]),
        &|cell| rows.at(4, cell),
        &|cell, class| rows.at(5 + class, cell),
    );
    let mut sum = PictureLoss { cells: assigned.len(), ..PictureLoss::default() };
    for cell in 0..cells {
        let x = rows.at(4, cell);
        sum.object += softplus(x);
        gradient[4 * cells + cell] = logistic(x);
    }
    for Assigned { cell, object, iou } in assigned {
        let (place, truth) = (&grid.0[cell], &counted[object]);
        sum.object -= f64::from(rows.at(4, cell));
        gradient[4 * cells + cell] -= 1.0;
        for class in 0..classes {
            let (x, wanted) = (rows.at(5 + class, cell), if class == truth.class { iou } else { 0.0 });
            sum.class += softplus(x) - f64::from(wanted) * f64::from(x);
            gradient[(5 + class) * cells + cell] = logistic(x) - wanted;
        }
        let said = bbox(rows, cell, place);
        let (overlap, slopes) = overlap_slopes(said.map(f64::from), truth.bbox.map(f64::from));
        sum.place += 1.0 - overlap * overlap;
        // from the box's pixels to the numbers that stand for it
        let inner = [place.stride, place.stride, said[2], said[3]];
        for row in 0..4 {
            gradient[row * cells + cell] = (-2.0 * PLACE * overlap * slopes[row] * f64::from(inner[row])) as f32;
        }
        if l1 {
            let [x, y, w, h] = truth.bbox.map(|value| value / place.stride);
            let wanted = [x - place.x, y - place.y, (w + 1e-8).ln(), (h + 1e-8).ln()];
            for (row, wanted) in wanted.into_iter().enumerate() {
                let off = rows.at(row, cell) - wanted;
                sum.l1 += f64::from(off.abs());
                gradient[row * cells + cell] += if off == 0.0 { 0.0 } else { off.signum() };
            }
        }
    }
    sum
}

/// Intersection over union of a box with a true one, both by centre and size, and its slopes along the four of the first.
fn overlap_slopes(said: [f64; 4], truth: [f64; 4]) -> (f64, [f64; 4]) {
    let mut length = [0.0; 2];
    // of each length, its slope along the centre and along the size
    let mut slope = [[0.0; 2]; 2];
    for at in 0..2 {
        let (low, true_low) = (said[at] - said[at + 2] / 2.0, truth[at] - truth[at + 2] / 2.0);
        let (high, true_high) = (said[at] + said[at + 2] / 2.0, truth[at] + truth[at + 2] / 2.0);
        length[at] = high.min(true_high) - low.max(true_low);
        let (from_low, from_high) = (f64::from(u8::from(low > true_low)), f64::from(u8::from(high < true_high)));
        slope[at] = [from_high - from_low, (from_high + from_low) / 2.0];
    }
    let area = said[2] * said[3];
    if length[0] <= 0.0 || length[1] <= 0.0 {
        return (0.0, [0.0; 4]);
    }
    let both = length[0] * length[1];
    let either = area + truth[2] * truth[3] - both;
    let along =
        |both_slope: f64, area_slope: f64| (both_slope * (either + both) - both * area_slope) / (either * either);
    let slopes = [
        along(slope[0][0] * length[1], 0.0),
        along(slope[1][0] * length[0], 0.0),
        along(slope[0][1] * length[1], said[3]),
        along(slope[1][1] * length[0], said[2]),
    ];
    (both / either, slopes)
}

/// What YOLOX's head says of each picture: of each cell the likeliest class, where its score is `least` at least. Nothing is suppressed yet.
///
/// # Shapes
/// `said` (n, 5 + classes, cells)
///
/// # Errors
/// Shapes that do not fit each other.
pub fn found(said: &Tensor, side: (usize, usize), least: f32) -> Result<Vec<Vec<Sighting>>> {
    let (_, rows, cells) = said.dims3()?;
    let grid = Grid::told(side, cells)?;
    let numbers = said.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    let each = numbers.chunks((rows * cells).max(1)).map(|numbers| {
        let rows_of = CellRows { numbers, cells };
        let mut found = Vec::new();
        for (cell, place) in grid.0.iter().enumerate() {
            let there = logistic(rows_of.at(4, cell));
            // also where it is no number, which is told later
            if there < least {
                continue;
            }
            let best = (0..rows - 5).rev().max_by(|a, b| rows_of.at(5 + a, cell).total_cmp(&rows_of.at(5 + b, cell)));
            let Some(class) = best else { continue };
            let score = there * logistic(rows_of.at(5 + class, cell));
            if score >= least || score.is_nan() {
                found.push(Sighting { bbox: bbox(&rows_of, cell, place), class, score });
            }
        }
        found
    });
    Ok(each.collect())
}

#[cfg(test)]
mod tests {
    use super::super::simota::overlap_of;
    use super::*;

    #[test]
    fn slopes_of_the_overlap_as_differences_say() {
        let truth = [30.0, 40.0, 20.0, 30.0];
        for said in
            [[33.0, 37.0, 22.0, 18.0], [25.0, 44.0, 12.0, 40.0], [30.5, 41.0, 10.0, 11.0], [90.0, 40.0, 5.0, 5.0]]
        {
            let (overlap, slopes) = overlap_slopes(said, truth);
            let single = overlap_of(said.map(|x| x as f32), truth.map(|x| x as f32));
            assert!((overlap as f32 - single).abs() < 1e-6, "{overlap} {single}");
            for at in 0..4 {
                let moved = |by: f64| {
                    let mut other = said;
                    other[at] += by;
                    overlap_slopes(other, truth).0
                };
                let expected = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                assert!((slopes[at] - expected).abs() < 1e-6, "{said:?} {at}: {} {expected}", slopes[at]);
            }
        }
    }
}

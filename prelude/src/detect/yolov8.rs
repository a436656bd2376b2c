//! The loss of YOLOv8's head with its gradient, and what it finds.

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::align::{Aligned, Reach, align};
use super::ciou::ciou_slopes;
use super::edge::{BINS, Edge};
use super::rows::{CellRows, Sighting, logistic};
use super::truth::fit;
use super::{Grid, GridCell, TrueBox};
use crate::{Error, Result, ops};

/// The rows that say where a box's four edges are; those behind them say the classes.
const PLACE_ROWS: usize = 4 * BINS;
/// What the parts of the loss count: the boxes' places, the classes, the shares of the edges' distances.
const GAINS: [f64; 3] = [7.5, 0.5, 1.5];

/// The loss of a batch: one number in the graph, and what it is made of. All is divided by how sure the cells that answer are to be,
/// summed, or by 1 where that is less.
#[derive(Clone, Debug)]
pub struct YoloV8Loss {
    /// 7.5 · place + 0.5 · class + 1.5 · edges.
    pub total: Tensor,
    /// 1 - complete IoU of the cells that answer for an object, each times how sure it is to be.
    pub place: f64,
    /// Binary cross-entropy of the classes over all cells, towards how sure each is to be.
    pub class: f64,
    /// Cross-entropy of the edges' distances of the cells that answer, the mean of the four, each times how sure it is to be.
    pub edges: f64,
    /// How many cells answer for an object.
    pub cells: usize,
}

/// What pictures add to a loss, before it is divided.
#[derive(Clone, Copy, Default)]
struct PictureSums {
    place: f64,
    class: f64,
    edges: f64,
    /// How sure the cells that answer are to be.
    sure: f64,
    cells: usize,
}

/// What a cell says of the left, the top, the right and the bottom edge.
fn edges(rows: &CellRows, cell: usize) -> [Edge; 4] {
    std::array::from_fn(|side| Edge::of(std::array::from_fn(|bin| rows.at(side * BINS + bin, cell))))
}

/// The box that edges stand for: left, top, right and bottom in strides.
fn corners(edges: &[Edge; 4], place: &GridCell) -> [f64; 4] {
    let (x, y) = (f64::from(place.x) + 0.5, f64::from(place.y) + 0.5);
    let [left, top, right, bottom] = edges.each_ref().map(|edge| edge.distance);
    [x - left, y - top, x + right, y + bottom]
}

/// How many classes the rows tell apart.
fn classes_of(rows: usize) -> Result<usize> {
    match rows.checked_sub(PLACE_ROWS) {
        Some(classes) if classes > 0 => Ok(classes),
        _ => {
            Err(Error::new(format!("YOLOv8's head says {PLACE_ROWS} numbers of a cell and one a class, found {rows}")))
        }
    }
}

/// The loss of what YOLOv8's head says (`yolov8`) of pictures of so many pixels (height, width), given each picture's objects in pixels.
///
/// Which cell answers for which object is chosen by what is said, so value and gradient are worked out together, on the CPU. Ultralytics
/// multiplies its loss by the number of pictures; this one is not.
///
/// # Shapes
/// `said` (n, 64 + classes, cells) → scalar
///
/// # Errors
/// Shapes that do not fit each other; a class that the head does not tell.
pub fn yolov8_loss(said: &Tensor, side: (usize, usize), truths: &[Vec<TrueBox>], reach: Reach) -> Result<YoloV8Loss> {
    let (n, rows, cells) = said.dims3()?;
    let grid = Grid::told(side, cells)?;
    fit(truths, n, classes_of(rows)?)?;
    let numbers = said.detach().to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    let mut gradient = vec![0f32; numbers.len()];
    let size = (rows * cells).max(1);
    let each: Vec<PictureSums> = numbers
        .par_chunks(size)
        .zip(gradient.par_chunks_mut(size))
        .zip(truths)
        .map(|((numbers, gradient), truths)| picture(&CellRows { numbers, cells }, &grid, truths, reach, gradient))
        .collect();
    let sum = each.iter().fold(PictureSums::default(), |a, b| PictureSums {
        place: a.place + b.place,
        class: a.class + b.class,
        edges: a.edges + b.edges,
        sure: a.sure + b.sure,
        cells: a.cells + b.cells,
    });
    let sure = sum.sure.max(1.0);
    let share = (1.0 / sure) as f32;
    gradient.iter_mut().for_each(|value| *value *= share);
    let [place, class, edges] = [sum.place, sum.class, sum.edges].map(|part| part / sure);
    let gradient = Tensor::from_vec(gradient, (n, rows, cells), &Device::Cpu)?;
    let value = GAINS[0] * place + GAINS[1] * class + GAINS[2] * edges;
    let total = ops::with_gradient(said, value, &gradient)?;
    Ok(YoloV8Loss { total, place, class, edges, cells: sum.cells })
}

/// What one picture adds; its gradient is written where it is not 0.
fn picture(rows: &CellRows, grid: &Grid, truths: &[TrueBox], reach: Reach, gradient: &mut [f32]) -> PictureSums {
    let cells = rows.cells;
    let counted: Vec<TrueBox> = truths.iter().copied().filter(|truth| !truth.crowd).collect();
    let aligned = align(
        reach,
        &grid.0,
        &counted,
        &|cell| {
            let place = &grid.0[cell];
            corners(&edges(rows, cell), place).map(|edge| edge * f64::from(place.stride))
        },
        &|cell, class| f64::from(logistic(rows.at(PLACE_ROWS + class, cell))),
    );
    let mut sum = PictureSums { cells: aligned.len(), ..PictureSums::default() };
    sum.class = unlikely(&rows.numbers[PLACE_ROWS * cells..], &mut gradient[PLACE_ROWS * cells..]);
    for Aligned { cell, object, score } in aligned {
        let (place, truth) = (&grid.0[cell], &counted[object]);
        let row = PLACE_ROWS + truth.class;
        sum.sure += score;
        sum.class -= score * f64::from(rows.at(row, cell));
        gradient[row * cells + cell] -= (GAINS[1] * score) as f32;
        let edges = edges(rows, cell);
        let wanted = truth.corners().map(|edge| edge / f64::from(place.stride));
        let (overlap, slopes) = ciou_slopes(corners(&edges, place), wanted);
        sum.place += (1.0 - overlap) * score;
        let (x, y) = (f64::from(place.x) + 0.5, f64::from(place.y) + 0.5);
        let distances = [x - wanted[0], y - wanted[1], wanted[2] - x, wanted[3] - y];
        for (side, edge) in edges.iter().enumerate() {
            let (lost, along) = edge.loss(distances[side]);
            sum.edges += lost * score / 4.0;
            // farther is less at the left and at the top
            let sign = if side < 2 { -1.0 } else { 1.0 };
            let outer = -GAINS[0] * score * sign * slopes[side];
            for (bin, (inner, along)) in edge.slopes().into_iter().zip(along).enumerate() {
                let slope = outer * inner + GAINS[2] * score / 4.0 * along;
                gradient[(side * BINS + bin) * cells + cell] = slope as f32;
            }
        }
    }
    sum
}

/// Binary cross-entropy of numbers that are all to be unlikely, and its gradient times what it counts.
fn unlikely(numbers: &[f32], gradient: &mut [f32]) -> f64 {
    let mut lost = 0.0;
    for (x, gradient) in numbers.iter().zip(gradient) {
        let small = (-x.abs()).exp();
        lost += f64::from(x.max(0.0) + small.ln_1p());
        let share = if *x >= 0.0 { 1.0 } else { small } / (1.0 + small);
        *gradient = GAINS[1] as f32 * share;
    }
    lost
}

/// What YOLOv8's head says of each picture: of each cell the likeliest class, where its score is `least` at least. Nothing is suppressed
/// yet.
///
/// # Shapes
/// `said` (n, 64 + classes, cells)
///
/// # Errors
/// Shapes that do not fit each other.
pub fn yolov8_found(said: &Tensor, side: (usize, usize), least: f32) -> Result<Vec<Vec<Sighting>>> {
    let (_, rows, cells) = said.dims3()?;
    let grid = Grid::told(side, cells)?;
    classes_of(rows)?;
    let numbers = said.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    let each = numbers.par_chunks((rows * cells).max(1)).map(|numbers| {
        let rows = CellRows { numbers, cells };
        let mut each_class = numbers[PLACE_ROWS * cells..].chunks_exact(cells.max(1)).enumerate();
        let Some((_, first)) = each_class.next() else { return Vec::new() };
        let mut best: Vec<(usize, f32)> = first.iter().map(|number| (0, *number)).collect();
        for (class, row) in each_class {
            for (best, number) in best.iter_mut().zip(row) {
                if number.total_cmp(&best.1).is_gt() {
                    *best = (class, *number);
                }
            }
        }
        let mut found = Vec::new();
        for (cell, (class, number)) in best.into_iter().enumerate() {
            let score = logistic(number);
            // also where it is no number, which is told later
            if score < least {
                continue;
            }
            let place = &grid.0[cell];
            let [left, top, right, bottom] = corners(&edges(&rows, cell), place);
            let middle = [(left + right) / 2.0, (top + bottom) / 2.0, right - left, bottom - top];
            let bbox = middle.map(|value| value as f32 * place.stride);
            found.push(Sighting { bbox, class, score });
        }
        found
    });
    Ok(each.collect())
}

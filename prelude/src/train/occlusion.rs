//! How much an answer falls where a part of the picture is covered: works for whatever network takes pictures.

use candle_core::{Device, IndexOp, Tensor};

use super::answer::Answer;
use super::learner::Learner;
use crate::data::{Fields, field};
use crate::layers::Pass;
use crate::show::Steps;
use crate::{Error, Result};

/// A map before it is scaled: rows of numbers not below 0.
pub(super) type HeatRows = Vec<Vec<f32>>;

/// Places along a side.
const PLACES: usize = 14;
/// A patch covers so many of them in each direction.
const PATCH: usize = 4;
/// So many covered pictures go through the network together.
const TOGETHER: usize = 28;

/// The score of a class, a label or a number in an answer; of boxes, the highest of the class.
pub(super) fn score_of(answer: &Answer, class: usize) -> Option<f32> {
    if !answer.boxes.is_empty() && answer.shares.is_empty() {
        return Some(answer.boxes.iter().filter(|one| one.class == class).map(|one| one.score).fold(0.0, f32::max));
    }
    answer.shares.get(class).or_else(|| answer.numbers.get(class)).copied()
}

/// By how much the score of a class falls on average where a place is covered; what does not fall is 0.
pub(super) fn covered(learner: &Learner, input: &Tensor, class: usize) -> Result<HeatRows> {
    let whole = scores(learner, input, class)?[0];
    let (_, channels, height, width) = input.dims4()?;
    let pixels = input.i(0)?.flatten_all()?.to_vec1::<f32>()?;
    let means: Vec<f32> =
        pixels.chunks_exact(height * width).map(|map| map.iter().sum::<f32>() / (height * width) as f32).collect();
    let edge = |place: usize, side: usize| place * side / PLACES;
    let starts: Vec<(usize, usize)> =
        (0..=PLACES - PATCH).flat_map(|row| (0..=PLACES - PATCH).map(move |column| (row, column))).collect();
    let steps = Steps::new("covering", starts.len());
    let (mut sums, mut counts) = (vec![vec![0f32; PLACES]; PLACES], vec![vec![0f32; PLACES]; PLACES]);
    for some in starts.chunks(TOGETHER) {
        steps.advance(some.len())?;
        let mut batch = Vec::with_capacity(some.len() * pixels.len());
        for (row, column) in some {
            let from = batch.len();
            batch.extend_from_slice(&pixels);
            let columns = edge(*column, width)..edge(column + PATCH, width);
            for (channel, mean) in means.iter().enumerate() {
                for y in edge(*row, height)..edge(row + PATCH, height) {
                    let at = from + (channel * height + y) * width;
                    batch[at + columns.start..at + columns.end].fill(*mean);
                }
            }
        }
        let batch = Tensor::from_vec(batch, (some.len(), channels, height, width), &Device::Cpu)?;
        for ((row, column), score) in some.iter().zip(scores(learner, &batch, class)?) {
            for y in *row..row + PATCH {
                for x in *column..column + PATCH {
                    sums[y][x] += whole - score;
                    counts[y][x] += 1.0;
                }
            }
        }
    }
    let mean = |(sum, count): (f32, f32)| (sum / count.max(1.0)).max(0.0);
    Ok(sums.into_iter().zip(counts).map(|(sums, counts)| sums.into_iter().zip(counts).map(mean).collect()).collect())
}

/// The score of a class for each picture: its logit where there are some, since a share that is nearly 1 hardly falls.
fn scores(learner: &Learner, inputs: &Tensor, class: usize) -> Result<Vec<f32>> {
    let inputs = Fields::of(learner.spec.input.field(), inputs.clone());
    let said = learner.judged().rest(0, &inputs, &Pass::eval())?.to_device(&Device::Cpu)?;
    if let Some(rows) = said.find(field::LOGITS).filter(|rows| rows.rank() == 2 && rows.dims()[1] > class) {
        return Ok(rows.i((.., class))?.to_vec1::<f32>()?);
    }
    let answers = learner.task.answers(&said, &learner.spec)?;
    let each = answers.iter().map(|answer| score_of(answer, class).or(answer.boxes.is_empty().then_some(0.0)));
    each.map(|score| score.ok_or_else(|| Error::new("the network's answer has no number for what is looked for")))
        .collect()
}

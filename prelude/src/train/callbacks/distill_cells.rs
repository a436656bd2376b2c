//! What two detectors say of the cells where the older one sees most.

use candle_core::{DType, Device, Tensor};

use crate::data::{Fields, field};
use crate::detect::BINS;
use crate::{Error, Result, ops};

/// So many cells of each picture are compared, as Shmelkov et al. compare 64 proposals.
const CELLS: usize = 64;

/// How the numbers of a cell are divided.
struct CellForm {
    /// Those of its box.
    place: usize,
    /// Those of whether anything is there, before the classes.
    there: usize,
}

const YOLOX: CellForm = CellForm { place: 4, there: 1 };
const YOLOV8: CellForm = CellForm { place: 4 * BINS, there: 0 };

/// How far what a detector says is from what an older one says, for the classes that both know: of the cells of each picture where the older one is
/// surest of something, the mean squared difference of the boxes' numbers, and that of the logits of the shared classes (and of whether anything
/// is there). Shmelkov, Schmid and Alahari 2017, "Incremental Learning of Object Detectors without Catastrophic Forgetting", whose proposals are
/// cells here. Numbers that only count in relation to each other, as YOLOv8's of one edge, are taken without their mean, as the paper takes logits.
///
/// # Errors
/// When the two have different heads.
pub(super) fn cells_apart(now: &Fields, older: &Fields, shared: &[(u32, u32)]) -> Result<Tensor> {
    let (name, form) = if now.find(field::YOLOV8).is_some() { (field::YOLOV8, YOLOV8) } else { (field::YOLOX, YOLOX) };
    let other = || {
        Error::new("the older detector has a head of another kind, or sees pictures of another size")
            .remedy("make this one of the older: `let mut both = older.add_classes(&data)?;`")
    };
    let now = now.get(name)?;
    let older = older.find(name).ok_or_else(other)?.to_device(now.device())?.to_dtype(now.dtype())?.detach();
    if (now.dims()[0], now.dims()[2]) != (older.dims()[0], older.dims()[2]) {
        return Err(other());
    }
    apart(now, &older, &form, shared, CELLS)
}

fn apart(now: &Tensor, older: &Tensor, form: &CellForm, shared: &[(u32, u32)], most: usize) -> Result<Tensor> {
    let (n, _, cells) = now.dims3()?;
    let fixed = form.place + form.there;
    let count = most.min(cells).max(1);
    let chosen = surest(&older.narrow(1, form.place, older.dim(1)? - form.place)?, form.there, count)?;
    let chosen = chosen.to_device(now.device())?.to_dtype(now.dtype())?;
    let rows = |side: fn(&(u32, u32)) -> u32| -> Result<Tensor> {
        let there = form.place as u32..fixed as u32;
        let rows: Vec<u32> = there.chain(shared.iter().map(|pair| fixed as u32 + side(pair))).collect();
        let length = rows.len();
        Ok(Tensor::from_vec(rows, length, &Device::Cpu)?.to_device(now.device())?)
    };
    let said = |all: &Tensor, rows: Tensor| -> Result<Tensor> { Ok(all.index_select(&rows, 1)?) };
    let place = |all: &Tensor| -> Result<Tensor> {
        let place = all.narrow(1, 0, form.place)?;
        if form.place != 4 * BINS {
            return Ok(place);
        }
        let edges = place.reshape((n, 4, BINS, cells))?;
        Ok(edges.broadcast_sub(&edges.mean_keepdim(2)?)?.reshape((n, form.place, cells))?)
    };
    let mean = |one: Tensor, other: Tensor| -> Result<Tensor> {
        let numbers = (n * count * one.dim(1)?).max(1) as f64;
        Ok(((one - other)?.sqr()?.broadcast_mul(&chosen)?.sum_all()? / numbers)?)
    };
    let boxes = mean(place(now)?, place(older)?)?;
    let logits = mean(said(now, rows(|pair| pair.1)?)?, said(older, rows(|pair| pair.0)?)?)?;
    Ok((boxes + logits)?.to_dtype(DType::F32)?)
}

/// 1 for the cells of each picture of which the older network is surest, else 0: by how likely its likeliest class is, and that anything is there.
///
/// # Shapes
/// `said` (n, there + classes, cells) → (n, 1, cells)
fn surest(said: &Tensor, there: usize, count: usize) -> Result<Tensor> {
    let (n, rows, cells) = said.dims3()?;
    let shares = ops::sigmoid(&said.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.contiguous()?)?.to_vec3::<f32>()?;
    let mut chosen = vec![0f32; n * cells];
    for (picture, chosen) in shares.iter().zip(chosen.chunks_mut(cells.max(1))) {
        let most = |cell: usize| (there..rows).map(|row| picture[row][cell]).fold(0f32, f32::max);
        let score = |cell: usize| picture[..there].iter().map(|row| row[cell]).product::<f32>() * most(cell);
        let mut order: Vec<(f32, usize)> = (0..cells).map(|cell| (score(cell), cell)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        order.iter().take(count).for_each(|(_, cell)| chosen[*cell] = 1.0);
    }
    Ok(Tensor::from_vec(chosen, (n, 1, cells), &Device::Cpu)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Var;

    fn filled(dims: (usize, usize, usize), value: impl Fn(f64) -> f64) -> Result<Tensor> {
        let count = dims.0 * dims.1 * dims.2;
        let values: Vec<f32> = (0..count).map(|at| value(at as f64) as f32).collect();
        Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
    }

    // torch 2, of (1, 7, 4) and (1, 6, 4) numbers, of which the older one's class 0 is this one's class 1, two cells:
    //   top = (sigmoid(older[:, 4]) * sigmoid(older[:, 5])).topk(2, 1).indices; mask = zeros(1, 1, 4).scatter_(2, top[:, None], 1)
    //   d = (now[:, [0, 1, 2, 3, 4, 6]] - older) ** 2; (d[:, :4] * mask).sum() / 8 + (d[:, 4:] * mask).sum() / 4
    #[test]
    fn as_pytorch_where_a_cell_has_four_numbers_of_its_box() -> Result<()> {
        let now = Var::from_tensor(&filled((1, 7, 4), |at| ((at * 0.1 - 1.0) * 3.0).sin())?)?;
        let older = filled((1, 6, 4), |at| (at * 0.37).cos())?;
        let loss = apart(now.as_tensor(), &older, &YOLOX, &[(0, 1)], 2)?;
        assert!((loss.to_scalar::<f32>()? - 1.543_051).abs() < 1e-5, "{loss}");
        let found = ops::backward(&loss)?.get(&now).expect("it is in the graph").to_vec3::<f32>()?.remove(0);
        let expected = [
            [-0.285_28, -0.339_927],
            [-0.266_13, -0.180_476],
            [0.104_729, 0.171_696],
            [0.208_419, 0.171_468],
            [0.019_539, -0.068_384],
            [0.0, 0.0],
            [-0.655_062, -0.530_707],
        ];
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                found.iter().zip([expected[0], expected[1], 0.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-5),
                "{found:?}"
            );
        }
        Ok(())
    }

    // the same of (1, 65, 3) numbers, of one class and one cell; each edge's 16 without their mean
    #[test]
    fn as_pytorch_where_edges_have_sixteen() -> Result<()> {
        let now = Var::from_tensor(&filled((1, 65, 3), |at| (at * 0.7).sin())?)?;
        let older = filled((1, 65, 3), |at| (at * 0.3).cos())?;
        let loss = apart(now.as_tensor(), &older, &YOLOV8, &[(0, 0)], 1)?;
        assert!((loss.to_scalar::<f32>()? - 1.008_385).abs() < 1e-5, "{loss}");
        let gradient = ops::backward(&loss)?.get(&now).expect("it is in the graph").clone();
        let sum = gradient.abs()?.sum_all()?.to_scalar::<f32>()?;
        let first = gradient.to_vec3::<f32>()?.remove(0);
        assert!((sum - 1.890_527).abs() < 1e-4 && (first[0][0] + 0.028_151).abs() < 1e-5, "{sum} {:?}", first[0]);
        // the mean of an edge's numbers says nothing
        let moved = now.as_tensor().narrow(1, 0, 64)?.affine(1.0, 3.0)?;
        let moved = Tensor::cat(&[&moved, &now.as_tensor().narrow(1, 64, 1)?], 1)?;
        let same = apart(&moved, &older, &YOLOV8, &[(0, 0)], 1)?.to_scalar::<f32>()?;
        assert!((same - 1.008_385).abs() < 1e-4, "{same}");
        Ok(())
    }

    #[test]
    fn other_heads_are_refused() -> Result<()> {
        let (yolox, yolov8) = (filled((1, 7, 4), f64::sin)?, filled((1, 65, 4), f64::sin)?);
        let (x, v8) = (Fields::of(field::YOLOX, yolox), Fields::of(field::YOLOV8, yolov8));
        for (now, older) in [(&x, &v8), (&v8, &x), (&x, &Fields::of(field::YOLOX, filled((1, 7, 5), f64::sin)?))] {
            let error = cells_apart(now, older, &[(0, 0)]).unwrap_err().to_string();
            assert!(error.contains("head of another kind") && error.contains("add_classes"), "{error}");
        }
        Ok(())
    }
}

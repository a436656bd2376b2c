//! A body that ends in a pyramid: stages, of which some are tapped, and what joins the tapped maps.

use std::ops::Range;

use candle_core::Tensor;

use crate::data::{Fields, field};
use crate::layers::Pass;
use crate::models::Shapes;
use crate::models::body::{Blocks, Body};
use crate::onnx::{OnnxFields, OnnxGraph, OnnxValue};
use crate::{Error, Result, ops};

/// The strides of the pyramid's maps: pixels of the picture a cell.
pub(super) const STRIDES: [usize; 3] = [8, 16, 32];

/// Whether a picture can be halved five times.
pub(super) fn halves(name: &str, (h, w): (usize, usize)) -> Result<()> {
    if h % 32 == 0 && w % 32 == 0 {
        return Ok(());
    }
    Err(Error::new(format!("{name} takes pictures whose sides are multiples of 32, found {h} × {w}"))
        .remedy("take one of these sizes: 256, 320, 416, 512, 640"))
}

/// A map at twice its sides, beside another one.
pub(super) fn beside_larger(small: &Tensor, large: &Tensor) -> Result<Tensor> {
    let (_, _, h, w) = large.dims4()?;
    Ok(ops::concat(&[&ops::upsample_nearest2d(small, (h, w))?, large], 1)?)
}

/// The same as ONNX.
pub(super) fn export_beside_larger(graph: &mut OnnxGraph, small: &OnnxValue, large: &OnnxValue) -> Result<OnnxValue> {
    let raised = graph.upsample_nearest(small, (large.dims()[1], large.dims()[2]))?;
    graph.concat(&[&raised, large], 1)
}

/// What joins maps of several strides into as many: from the finest to the coarsest, in and out.
pub(super) trait Joins: Send + Sync {
    fn forward(&self, maps: &[Tensor], pass: &Pass) -> Result<Vec<Tensor>>;
    /// The same as ONNX.
    fn export(&self, graph: &mut OnnxGraph, maps: &[OnnxValue]) -> Result<Vec<OnnxValue>>;

    fn outputs(&self, maps: &[&[usize]]) -> Result<Vec<Vec<usize>>>;
}

/// Stages that are tapped, and a part named `pyramid` behind them. It gives `level.8`, `level.16` and `level.32`, and the coarsest as
/// `features` too.
pub(super) struct Pyramid {
    pub stages: Blocks,
    pub joins: Box<dyn Joins>,
}

impl Pyramid {
    fn stage_count(&self) -> usize {
        self.stages.parts().len()
    }
}

impl Body for Pyramid {
    fn parts(&self) -> Vec<String> {
        let mut parts = self.stages.parts();
        parts.push("pyramid".to_owned());
        parts
    }

    fn backbone(&self) -> usize {
        self.stage_count()
    }

    fn run(&self, parts: Range<usize>, state: Fields, pass: &Pass) -> Result<Fields> {
        let count = self.stage_count();
        let mut state = match parts.start < count {
            true => self.stages.run(parts.start..parts.end.min(count), state, pass)?,
            false => state,
        };
        if parts.end >= count && parts.start <= count {
            // the last stage's map is tapped too
            state.remove(field::FEATURES);
        }
        if parts.end <= count || parts.start > count {
            return Ok(state);
        }
        let maps = STRIDES.iter().map(|stride| Ok(state.get(&field::tap(*stride))?.clone()));
        let levels = self.joins.forward(&maps.collect::<Result<Vec<_>>>()?, pass)?;
        let mut joined = Fields::default();
        for (stride, level) in STRIDES.iter().zip(&levels) {
            joined.set(&field::level(*stride), level.clone());
        }
        Ok(match levels.last() {
            Some(coarsest) => joined.with(field::FEATURES, coarsest.clone()),
            None => joined,
        })
    }

    fn export(&self, graph: &mut OnnxGraph, inputs: OnnxFields) -> Result<OnnxFields> {
        let state = self.stages.export(graph, inputs)?;
        let maps = STRIDES.iter().map(|stride| state.get(&field::tap(*stride)).cloned());
        let levels = self.joins.export(graph, &maps.collect::<Result<Vec<_>>>()?)?;
        let each = STRIDES.iter().zip(levels);
        Ok(each.fold(OnnxFields::default(), |joined, (stride, level)| joined.with(field::level(*stride), level)))
    }

    fn shapes(&self, inputs: &Shapes) -> Result<Vec<Shapes>> {
        let mut shapes = self.stages.shapes(inputs)?;
        let last = shapes.last().cloned().unwrap_or_default();
        let maps = STRIDES.iter().map(|stride| last.get(&field::tap(*stride)));
        let levels = self.joins.outputs(&maps.collect::<Result<Vec<_>>>()?)?;
        let mut joined = Shapes::default();
        for (stride, level) in STRIDES.iter().zip(&levels) {
            joined = joined.with(field::level(*stride), level);
        }
        if let Some(coarsest) = levels.last() {
            joined = joined.with(field::FEATURES, coarsest);
        }
        shapes.push(joined);
        Ok(shapes)
    }
}

//! The block that YOLOv8 is made of: two halves of a map, one of which goes through a row of blocks, all of whose values meet again.

use candle_core::Tensor;

use super::csp::unit;
use crate::layers::{ConvNorm, Layer, Pass, dims3};
use crate::onnx::{OnnxGraph, OnnxValue};
use crate::params::Scope;
use crate::{Result, ops};

/// Two halves of a map, one of which goes through a row of blocks; the halves and what each block gives meet in a 1×1 convolution: `cv1`,
/// `cv2`, and of each block in `m` a `cv1` and a `cv2`.
pub(super) struct C2f {
    inner: usize,
    halves: ConvNorm,
    joint: ConvNorm,
    blocks: Vec<[ConvNorm; 2]>,
    adds: bool,
}

impl C2f {
    /// From so many channels to so many, with a row of so many blocks; each of them `adds` what comes in, or does not.
    pub fn new(at: &Scope, (from, to): (usize, usize), count: usize, adds: bool) -> Result<C2f> {
        let inner = to / 2;
        let block = |number: usize| {
            let at = at.child("m").child(&number.to_string());
            Ok([unit(&at.child("cv1"), inner, inner, 3, 1)?, unit(&at.child("cv2"), inner, inner, 3, 1)?])
        };
        Ok(C2f {
            inner,
            halves: unit(&at.child("cv1"), from, 2 * inner, 1, 1)?,
            joint: unit(&at.child("cv2"), (2 + count) * inner, to, 1, 1)?,
            blocks: (0..count).map(block).collect::<Result<_>>()?,
            adds,
        })
    }
}

impl Layer for C2f {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        // both halves side by side, as they go into the joint too
        let mut values = vec![self.halves.forward(x, pass)?];
        let mut last = ops::narrow(&values[0], 1, self.inner, self.inner)?;
        for [first, second] in &self.blocks {
            let through = second.forward(&first.forward(&last, pass)?, pass)?;
            last = if self.adds { ops::add(&through, &last)? } else { through };
            values.push(last.clone());
        }
        self.joint.forward(&ops::concat(&values.iter().collect::<Vec<_>>(), 1)?, pass)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let mut values = vec![self.halves.export(graph, x)?];
        let mut last = graph.slice(&values[0], 1, self.inner, 2 * self.inner, 1)?;
        for [first, second] in &self.blocks {
            let through = first.export(graph, &last)?;
            let through = second.export(graph, &through)?;
            last = if self.adds { graph.add(&through, &last) } else { through };
            values.push(last.clone());
        }
        let all = graph.concat(&values.iter().collect::<Vec<_>>(), 1)?;
        self.joint.export(graph, &all)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        let (_, h, w) = dims3(&self.halves.output(input)?, "a C2f block")?;
        self.joint.output(&[(2 + self.blocks.len()) * self.inner, h, w])
    }
}

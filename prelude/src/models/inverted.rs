//! The inverted residual block, which MobileNetV2 and EfficientNet are made of.

use candle_core::Tensor;

use crate::layers::{ConvNorm, DropPath, Layer, Pass, SqueezeExcite};
use crate::onnx::{OnnxGraph, OnnxValue};
use crate::{Result, ops};

/// A 1×1 convolution to more channels, a depthwise one, squeeze-and-excitation, a 1×1 convolution to fewer channels;
/// what came in is added where shapes are the same. Sandler et al. 2018, Tan and Le 2019.
#[derive(Debug)]
pub(super) struct Inverted {
    pub expand: Option<ConvNorm>,
    pub depthwise: ConvNorm,
    pub squeeze: Option<SqueezeExcite>,
    pub project: ConvNorm,
    pub drop: DropPath,
    /// Whether what came in is added.
    pub adds: bool,
}

impl Layer for Inverted {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let inner = match &self.expand {
            Some(expand) => &expand.forward_for(&self.depthwise, x, pass)?,
            None => x,
        };
        let inner = match &self.squeeze {
            Some(squeeze) => squeeze.forward(&self.depthwise.forward(inner, pass)?, pass)?,
            None => self.depthwise.forward_for(&self.project, inner, pass)?,
        };
        let inner = self.project.forward(&inner, pass)?;
        if self.adds { Ok(ops::add(&self.drop.forward(&inner, pass)?, x)?) } else { Ok(inner) }
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let inner = self.expand.as_ref().map_or(Ok(x.clone()), |expand| expand.export(graph, x))?;
        let inner = self.depthwise.export(graph, &inner)?;
        let inner = self.squeeze.as_ref().map_or(Ok(inner.clone()), |squeeze| squeeze.export(graph, &inner))?;
        let inner = self.project.export(graph, &inner)?;
        Ok(if self.adds { graph.add(&inner, x) } else { inner })
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        let inner = self.expand.as_ref().map_or_else(|| Ok(input.to_vec()), |expand| expand.output(input))?;
        self.project.output(&self.depthwise.output(&inner)?)
    }
}

/// A row of blocks alike: the channels' growth inside, the kernel, the first one's stride, channels out, how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockRow {
    pub growth: usize,
    pub kernel: usize,
    pub stride: usize,
    pub to: usize,
    pub count: usize,
}

impl BlockRow {
    pub const fn new(growth: usize, kernel: usize, stride: usize, to: usize, count: usize) -> BlockRow {
        BlockRow { growth, kernel, stride, to, count }
    }

    /// Channels in and stride of each of the row's blocks, `from` channels coming in.
    pub fn blocks(self, from: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..self.count).map(move |index| if index == 0 { (from, self.stride) } else { (self.to, 1) })
    }
}

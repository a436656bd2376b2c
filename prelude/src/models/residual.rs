//! The residual blocks of ResNet, the networks made of them, and the small default body.

use candle_core::Tensor;

use crate::layers::{Activation, BatchNorm2d, Conv2d, ConvNorm, Layer, MaxPool2d, Pass, Sequential};
use crate::onnx::{OnnxGraph, OnnxValue};
use crate::params::{ParamSet, Scope};
use crate::{Result, ops};

/// A convolution without bias, padded to keep the side, and its BatchNorm.
fn conv_norm(
    scope: &Scope,
    (conv, norm): (&str, &str),
    (from, to): (usize, usize),
    (kernel, stride): (usize, usize),
    then: Activation,
) -> Result<ConvNorm> {
    let conv = Conv2d::new(&scope.child(conv), from, to, kernel).stride(stride).padding(kernel / 2).build()?;
    Ok(ConvNorm::new(conv, BatchNorm2d::new(&scope.child(norm), to)?, then))
}

/// What a block adds to its branch: what came in, or where shape changes a 1×1 convolution of it.
fn shortcut(scope: &Scope, from: usize, to: usize, stride: usize) -> Result<Option<ConvNorm>> {
    let scope = scope.child("downsample");
    let change = stride != 1 || from != to;
    change.then(|| conv_norm(&scope, ("0", "1"), (from, to), (1, stride), Activation::Identity)).transpose()
}

fn joined(branch: &Tensor, x: &Tensor, shortcut: Option<&ConvNorm>, pass: &Pass) -> Result<Tensor> {
    Ok(match shortcut {
        Some(shortcut) => ops::add_relu(branch, &shortcut.forward(x, pass)?),
        None => ops::add_relu(branch, x),
    }?)
}

/// The same as ONNX.
fn export_joined(
    graph: &mut OnnxGraph,
    branch: &OnnxValue,
    x: &OnnxValue,
    shortcut: Option<&ConvNorm>,
) -> Result<OnnxValue> {
    let beside = shortcut.map_or(Ok(x.clone()), |shortcut| shortcut.export(graph, x))?;
    let sum = graph.add(branch, &beside);
    Ok(graph.unary("Relu", &sum))
}

/// Two 3×3 convolutions with BatchNorm, added to what came in. He et al. 2015, torchvision's `BasicBlock`.
///
/// Names: `conv1`, `bn1`, `conv2`, `bn2`, and `downsample.0`, `downsample.1` where shape changes.
#[derive(Debug)]
pub struct Residual {
    first: ConvNorm,
    second: ConvNorm,
    shortcut: Option<ConvNorm>,
}

impl Residual {
    /// A block from so many channels to so many, in steps of `stride` pixels.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn new(scope: &Scope, from: usize, to: usize, stride: usize) -> Result<Residual> {
        Ok(Residual {
            first: conv_norm(scope, ("conv1", "bn1"), (from, to), (3, stride), Activation::Relu)?,
            second: conv_norm(scope, ("conv2", "bn2"), (to, to), (3, 1), Activation::Identity)?,
            shortcut: shortcut(scope, from, to, stride)?,
        })
    }
}

impl Layer for Residual {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let branch = self.second.forward(&self.first.forward(x, pass)?, pass)?;
        joined(&branch, x, self.shortcut.as_ref(), pass)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let branch = self.first.export(graph, x)?;
        let branch = self.second.export(graph, &branch)?;
        export_joined(graph, &branch, x, self.shortcut.as_ref())
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.second.output(&self.first.output(input)?)
    }
}

/// A 3×3 convolution between two 1×1, added to what came in, four times as wide at its end. He et al. 2015,
/// torchvision's `Bottleneck` (version 1.5: the 3×3 convolution has the stride).
///
/// Names: `conv1` to `conv3`, `bn1` to `bn3`, and `downsample.0`, `downsample.1` where shape changes.
#[derive(Debug)]
pub struct Bottleneck {
    first: ConvNorm,
    second: ConvNorm,
    third: ConvNorm,
    shortcut: Option<ConvNorm>,
}

impl Bottleneck {
    /// A block from so many channels to four times `width`, in steps of `stride` pixels.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn new(scope: &Scope, from: usize, width: usize, stride: usize) -> Result<Bottleneck> {
        let to = 4 * width;
        Ok(Bottleneck {
            first: conv_norm(scope, ("conv1", "bn1"), (from, width), (1, 1), Activation::Relu)?,
            second: conv_norm(scope, ("conv2", "bn2"), (width, width), (3, stride), Activation::Relu)?,
            third: conv_norm(scope, ("conv3", "bn3"), (width, to), (1, 1), Activation::Identity)?,
            shortcut: shortcut(scope, from, to, stride)?,
        })
    }
}

impl Layer for Bottleneck {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let inner = self.second.forward_for(&self.third, &self.first.forward(x, pass)?, pass)?;
        joined(&self.third.forward(&inner, pass)?, x, self.shortcut.as_ref(), pass)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let branch = self.first.export(graph, x)?;
        let branch = self.second.export(graph, &branch)?;
        let branch = self.third.export(graph, &branch)?;
        export_joined(graph, &branch, x, self.shortcut.as_ref())
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.third.output(&self.second.output(&self.first.output(input)?)?)
    }
}

/// The blocks that a ResNet is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Block {
    Basic,
    Bottleneck,
}

/// ResNet's body: `conv1` (with `bn1` and the max-pool), `layer1` to `layer4`, of so many blocks each.
pub(super) fn resnet(params: &ParamSet, block: Block, depths: [usize; 4]) -> Result<Sequential> {
    let mut body = Sequential::new();
    let mut stem = Sequential::new();
    stem.push("conv1", conv_norm(&params.scope("", 0), ("conv1", "bn1"), (3, 64), (7, 2), Activation::Relu)?);
    stem.push("maxpool", MaxPool2d { kernel: 3, stride: 2, padding: 1 });
    body.push("conv1", stem);
    let mut from = 64;
    for (stage, depth) in depths.into_iter().enumerate() {
        let (name, width) = (format!("layer{}", stage + 1), 64 << stage);
        let scope = params.scope(&name, stage + 1);
        let mut blocks = Sequential::new();
        for index in 0..depth {
            let (name, stride) = (index.to_string(), if index == 0 && stage > 0 { 2 } else { 1 });
            let scope = scope.child(&name);
            match block {
                Block::Basic => blocks.push(name, Residual::new(&scope, from, width, stride)?),
                Block::Bottleneck => blocks.push(name, Bottleneck::new(&scope, from, width, stride)?),
            }
            from = if let Block::Bottleneck = block { 4 * width } else { width };
        }
        body.push(name, blocks);
    }
    Ok(body)
}

/// The small body: a stem and three residual blocks, each halving the side: 3 → 24 → 48 → 96 → 128 channels.
pub(super) fn small(params: &ParamSet) -> Result<Sequential> {
    let mut body = Sequential::new();
    let stem = conv_norm(&params.scope("blocks.0", 0), ("conv", "bn"), (3, 24), (3, 2), Activation::Relu)?;
    body.push("blocks.0", stem);
    for (group, (from, to)) in [(24, 48), (48, 96), (96, 128)].into_iter().enumerate() {
        let name = format!("blocks.{}", group + 1);
        let block = Residual::new(&params.scope(&name, group + 1), from, to, 2)?;
        body.push(name, block);
    }
    Ok(body)
}

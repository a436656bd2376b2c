//! The blocks that YOLOX is made of, some of them YOLOv8 too: convolution, BatchNorm and SiLU; the same in two cheap steps; branches that
//! meet again.

use candle_core::Tensor;

use crate::layers::{Activation, BatchNorm2d, Conv2d, ConvNorm, Layer, MaxPool2d, Pass, dims3};
use crate::onnx::{OnnxGraph, OnnxValue};
use crate::params::{Init, Scope};
use crate::{Result, ops};

/// How much a batch counts in BatchNorm's running statistics: PyTorch's own share. YOLOX's is 0.03, which after the few hundred steps of a
/// fine-tuning would still remember what came before them.
const MOMENTUM: f64 = 0.1;
/// What BatchNorm adds to a variance, as YOLOX has it.
pub(super) const EPS: f64 = 1e-3;

/// How wide and deep a YOLOX is, and whether its 3×3 convolutions are depthwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// How many blocks the shortest row has.
    pub depth: usize,
    /// The channels of the stem.
    pub width: usize,
    /// Whether a 3×3 convolution is one a channel and then a 1×1 one.
    pub depthwise: bool,
}

/// A convolution with BatchNorm and SiLU: `conv`, `bn`.
pub(super) fn unit(at: &Scope, from: usize, to: usize, kernel: usize, stride: usize) -> Result<ConvNorm> {
    grouped(at, (from, to), kernel, stride, 1)
}

fn grouped(at: &Scope, (from, to): (usize, usize), kernel: usize, stride: usize, groups: usize) -> Result<ConvNorm> {
    let conv = Conv2d::new(&at.child("conv"), from, to, kernel).stride(stride).padding(kernel / 2).groups(groups);
    let conv = conv.init(Init::Uniform { fan: from / groups * kernel * kernel }).build()?;
    let norm = BatchNorm2d::new(&at.child("bn"), to)?.with(MOMENTUM, EPS);
    Ok(ConvNorm::new(conv, norm, Activation::Silu))
}

/// A 3×3 convolution as the scale has it: whole, or depthwise (`dconv`) and then 1×1 (`pconv`).
pub(super) struct Conv3 {
    depthwise: Option<ConvNorm>,
    last: ConvNorm,
}

impl Conv3 {
    pub fn new(at: &Scope, scale: Scale, from: usize, to: usize, stride: usize) -> Result<Conv3> {
        if !scale.depthwise {
            return Ok(Conv3 { depthwise: None, last: unit(at, from, to, 3, stride)? });
        }
        let depthwise = grouped(&at.child("dconv"), (from, from), 3, stride, from)?;
        Ok(Conv3 { depthwise: Some(depthwise), last: unit(&at.child("pconv"), from, to, 1, 1)? })
    }
}

impl Layer for Conv3 {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        match &self.depthwise {
            Some(depthwise) => self.last.forward(&depthwise.forward_for(&self.last, x, pass)?, pass),
            None => self.last.forward(x, pass),
        }
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let x = self.depthwise.as_ref().map_or(Ok(x.clone()), |depthwise| depthwise.export(graph, x))?;
        self.last.export(graph, &x)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        match &self.depthwise {
            Some(depthwise) => self.last.output(&depthwise.output(input)?),
            None => self.last.output(input),
        }
    }
}

/// A 1×1 and a 3×3 convolution, perhaps with what came in added: `conv1`, `conv2`.
struct Narrowing {
    conv1: ConvNorm,
    conv2: Conv3,
    adds: bool,
}

/// Two branches, of which one goes through a row of blocks, that meet in a 1×1 convolution: `conv1`, `conv2`, `conv3`, `m`.
/// Wang et al. 2019 (CSPNet), YOLOX's `CSPLayer`.
pub(super) struct Csp {
    conv1: ConvNorm,
    conv2: ConvNorm,
    conv3: ConvNorm,
    blocks: Vec<Narrowing>,
}

impl Csp {
    pub fn new(at: &Scope, scale: Scale, (from, to): (usize, usize), count: usize, adds: bool) -> Result<Csp> {
        let inner = to / 2;
        let block = |number: usize| {
            let at = at.child("m").child(&number.to_string());
            Ok(Narrowing {
                conv1: unit(&at.child("conv1"), inner, inner, 1, 1)?,
                conv2: Conv3::new(&at.child("conv2"), scale, inner, inner, 1)?,
                adds,
            })
        };
        Ok(Csp {
            conv1: unit(&at.child("conv1"), from, inner, 1, 1)?,
            conv2: unit(&at.child("conv2"), from, inner, 1, 1)?,
            conv3: unit(&at.child("conv3"), 2 * inner, to, 1, 1)?,
            blocks: (0..count).map(block).collect::<Result<_>>()?,
        })
    }
}

impl Layer for Csp {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let mut deep = self.conv1.forward(x, pass)?;
        for block in &self.blocks {
            let inner = block.conv2.forward(&block.conv1.forward(&deep, pass)?, pass)?;
            deep = if block.adds { ops::add(&inner, &deep)? } else { inner };
        }
        let flat = self.conv2.forward(x, pass)?;
        self.conv3.forward(&ops::concat(&[&deep, &flat], 1)?, pass)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let mut deep = self.conv1.export(graph, x)?;
        for block in &self.blocks {
            let inner = block.conv1.export(graph, &deep)?;
            let inner = block.conv2.export(graph, &inner)?;
            deep = if block.adds { graph.add(&inner, &deep) } else { inner };
        }
        let flat = self.conv2.export(graph, x)?;
        let both = graph.concat(&[&deep, &flat], 1)?;
        self.conv3.export(graph, &both)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        let (_, h, w) = dims3(&self.conv1.output(input)?, "a CSP layer")?;
        let inner = self.conv2.output(input)?[0];
        self.conv3.output(&[2 * inner, h, w])
    }
}

/// A map beside what is largest around each of its cells, within 5, 9 and 13 cells, between two convolutions. He et al. 2014 (spatial pyramid
/// pooling), YOLOX's `SPPBottleneck`; with other names YOLOv8's `SPPF`.
pub(super) struct Spp {
    conv1: ConvNorm,
    conv2: ConvNorm,
}

impl Spp {
    pub fn new(at: &Scope, [first, last]: [&str; 2], channels: usize) -> Result<Spp> {
        let inner = channels / 2;
        Ok(Spp {
            conv1: unit(&at.child(first), channels, inner, 1, 1)?,
            conv2: unit(&at.child(last), 4 * inner, channels, 1, 1)?,
        })
    }
}

impl Layer for Spp {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let x = self.conv1.forward(x, pass)?;
        // the largest within 9 cells is the largest within 5 of those within 5
        let wider = |x: &Tensor| ops::max_pool2d(x, (5, 5), (1, 1), (2, 2));
        let five = wider(&x)?;
        let nine = wider(&five)?;
        let thirteen = wider(&nine)?;
        self.conv2.forward(&ops::concat(&[&x, &five, &nine, &thirteen], 1)?, pass)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let x = self.conv1.export(graph, x)?;
        let wider = MaxPool2d { kernel: 5, stride: 1, padding: 2 };
        let five = wider.export(graph, &x)?;
        let nine = wider.export(graph, &five)?;
        let thirteen = wider.export(graph, &nine)?;
        let all = graph.concat(&[&x, &five, &nine, &thirteen], 1)?;
        self.conv2.export(graph, &all)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        let inner = self.conv1.output(input)?;
        self.conv2.output(&[4 * inner[0], inner[1], inner[2]])
    }
}

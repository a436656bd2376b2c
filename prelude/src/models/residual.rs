//! The residual block of ResNet-18, and the small default body made of it.

use candle_core::Tensor;

use crate::layers::{Activation, BatchNorm2d, Conv2d, Layer, Pass, Sequential};
use crate::params::{ParamSet, Scope};
use crate::{Result, ops};

/// Two 3×3 convolutions with BatchNorm, added to what came in. He et al. 2015, torchvision's `BasicBlock`.
///
/// Names: `conv1`, `bn1`, `conv2`, `bn2`, and `downsample.0`, `downsample.1` where shape changes.
#[derive(Debug)]
pub struct Residual {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    conv2: Conv2d,
    bn2: BatchNorm2d,
    downsample: Option<(Conv2d, BatchNorm2d)>,
}

impl Residual {
    /// A block from so many channels to so many, in steps of `stride` pixels.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn new(scope: &Scope, from: usize, to: usize, stride: usize) -> Result<Residual> {
        let downsample = if stride != 1 || from != to {
            let scope = scope.child("downsample");
            let conv = Conv2d::new(&scope.child("0"), from, to, 1).stride(stride).build()?;
            Some((conv, BatchNorm2d::new(&scope.child("1"), to)?))
        } else {
            None
        };
        Ok(Residual {
            conv1: Conv2d::new(&scope.child("conv1"), from, to, 3).stride(stride).padding(1).build()?,
            bn1: BatchNorm2d::new(&scope.child("bn1"), to)?,
            conv2: Conv2d::new(&scope.child("conv2"), to, to, 3).padding(1).build()?,
            bn2: BatchNorm2d::new(&scope.child("bn2"), to)?,
            downsample,
        })
    }
}

impl Layer for Residual {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let inner = self.bn1.forward(&self.conv1.forward(x, pass)?, pass)?;
        let inner = Activation::Relu.forward(&inner, pass)?;
        let inner = self.bn2.forward(&self.conv2.forward(&inner, pass)?, pass)?;
        let outer = match &self.downsample {
            Some((conv, norm)) => norm.forward(&conv.forward(x, pass)?, pass)?,
            None => x.clone(),
        };
        Activation::Relu.forward(&ops::add(&inner, &outer)?, pass)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.conv2.output(&self.conv1.output(input)?)
    }
}

/// The first block: a 3×3 convolution in steps of two pixels, BatchNorm, ReLU. Names: `conv`, `bn`.
#[derive(Debug)]
struct Stem {
    conv: Conv2d,
    bn: BatchNorm2d,
}

impl Layer for Stem {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let x = self.bn.forward(&self.conv.forward(x, pass)?, pass)?;
        Activation::Relu.forward(&x, pass)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.conv.output(input)
    }
}

/// The small body: a stem and three residual blocks, each halving the side: 3 → 24 → 48 → 96 → 128 channels.
pub(super) fn small(params: &ParamSet) -> Result<Sequential> {
    let mut body = Sequential::new();
    let scope = params.scope("blocks.0", 0);
    let conv = Conv2d::new(&scope.child("conv"), 3, 24, 3).stride(2).padding(1).build()?;
    body.push("blocks.0", Stem { conv, bn: BatchNorm2d::new(&scope.child("bn"), 24)? });
    for (group, (from, to)) in [(24, 48), (48, 96), (96, 128)].into_iter().enumerate() {
        let name = format!("blocks.{}", group + 1);
        let block = Residual::new(&params.scope(&name, group + 1), from, to, 2)?;
        body.push(name, block);
    }
    Ok(body)
}

//! MobileNetV2, with torchvision's names.

use super::inverted::{BlockRow, Inverted};
use crate::Result;
use crate::layers::{Activation, BatchNorm2d, Conv2d, ConvNorm, DropPath, Sequential};
use crate::params::{ParamSet, Scope};

const STAGES: [BlockRow; 7] = [
    BlockRow::new(1, 3, 1, 16, 1),
    BlockRow::new(6, 3, 2, 24, 2),
    BlockRow::new(6, 3, 2, 32, 3),
    BlockRow::new(6, 3, 2, 64, 4),
    BlockRow::new(6, 3, 1, 96, 3),
    BlockRow::new(6, 3, 2, 160, 3),
    BlockRow::new(6, 3, 1, 320, 1),
];

/// A convolution and its BatchNorm by their names, with ReLU6 or nothing after them.
fn unit(
    scope: &Scope,
    names: (&str, &str),
    channels: (usize, usize),
    shape: DepthwiseShape,
    then: Activation,
) -> Result<ConvNorm> {
    let conv = Conv2d::new(&scope.child(names.0), channels.0, channels.1, shape.kernel).padding(shape.kernel / 2);
    let conv = conv.stride(shape.stride).groups(shape.groups).build()?;
    Ok(ConvNorm::new(conv, BatchNorm2d::new(&scope.child(names.1), channels.1)?, then))
}

#[derive(Clone, Copy)]
struct DepthwiseShape {
    kernel: usize,
    stride: usize,
    groups: usize,
}

const POINT: DepthwiseShape = DepthwiseShape { kernel: 1, stride: 1, groups: 1 };

/// torchvision's `InvertedResidual`, whose parts are numbers within `conv`.
fn block(scope: &Scope, from: usize, stage: BlockRow, stride: usize) -> Result<Inverted> {
    let (scope, inner) = (scope.child("conv"), from * stage.growth);
    let grows = stage.growth != 1;
    let (depthwise, project) = if grows { (("1.0", "1.1"), ("2", "3")) } else { (("0.0", "0.1"), ("1", "2")) };
    let depth = DepthwiseShape { kernel: stage.kernel, stride, groups: inner };
    let expand = || unit(&scope, ("0.0", "0.1"), (from, inner), POINT, Activation::Relu6);
    Ok(Inverted {
        expand: grows.then(expand).transpose()?,
        depthwise: unit(&scope, depthwise, (inner, inner), depth, Activation::Relu6)?,
        squeeze: None,
        project: unit(&scope, project, (inner, stage.to), POINT, Activation::Identity)?,
        drop: DropPath(0.0),
        adds: stride == 1 && from == stage.to,
    })
}

/// The body: `features.0` to `features.18`.
pub(super) fn mobilenet_v2(params: &ParamSet) -> Result<Sequential> {
    let mut body = Sequential::new();
    let next = |body: &Sequential| (format!("features.{}", body.len()), body.len());
    let (name, group) = next(&body);
    let stem = DepthwiseShape { kernel: 3, stride: 2, groups: 1 };
    body.push(&name, unit(&params.scope(&name, group), ("0", "1"), (3, 32), stem, Activation::Relu6)?);
    let mut from = 32;
    for stage in STAGES {
        for (from, stride) in stage.blocks(from) {
            let (name, group) = next(&body);
            body.push(&name, block(&params.scope(&name, group), from, stage, stride)?);
        }
        from = stage.to;
    }
    let (name, group) = next(&body);
    body.push(&name, unit(&params.scope(&name, group), ("0", "1"), (from, 1280), POINT, Activation::Relu6)?);
    Ok(body)
}

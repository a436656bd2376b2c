//! EfficientNet-B0 and EfficientNet-Lite0, with timm's names.

use super::inverted::{BlockRow, Inverted};
use crate::Result;
use crate::layers::{Activation, BatchNorm2d, Conv2d, ConvNorm, DropPath, Sequential, SqueezeExcite};
use crate::params::{ParamSet, Scope};

pub(super) const STAGES: [BlockRow; 7] = [
    BlockRow::new(1, 3, 1, 16, 1),
    BlockRow::new(6, 3, 2, 24, 2),
    BlockRow::new(6, 5, 2, 40, 2),
    BlockRow::new(6, 3, 2, 80, 3),
    BlockRow::new(6, 5, 1, 112, 3),
    BlockRow::new(6, 5, 2, 192, 4),
    BlockRow::new(6, 3, 1, 320, 1),
];

/// Share of the branches that the last block leaves out in training; earlier ones leave out less. Tan and Le 2019.
const DROP_PATH: f64 = 0.2;

/// What the two differ in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    /// After each convolution but the projecting ones.
    pub then: Activation,
    /// Whether blocks weigh their channels.
    pub squeezes: bool,
    /// Whether pictures are padded as TensorFlow does, and BatchNorm has TensorFlow's eps.
    pub tensorflow: bool,
}

/// timm's `efficientnet_b0`. Tan and Le 2019.
pub(super) const B0: Variant = Variant { then: Activation::Silu, squeezes: true, tensorflow: false };
/// timm's `tf_efficientnet_lite0`: no squeeze-and-excitation, ReLU6, TensorFlow's padding. Google 2020.
pub(super) const LITE0: Variant = Variant { then: Activation::Relu6, squeezes: false, tensorflow: true };

#[derive(Clone, Copy)]
struct ConvShape {
    channels: (usize, usize),
    kernel: usize,
    stride: usize,
    groups: usize,
}

impl ConvShape {
    fn point(from: usize, to: usize) -> ConvShape {
        ConvShape { channels: (from, to), kernel: 1, stride: 1, groups: 1 }
    }
}

impl Variant {
    fn unit(self, scope: &Scope, (conv, norm): (&str, &str), shape: ConvShape, then: Activation) -> Result<ConvNorm> {
        let (from, to) = shape.channels;
        let conv = Conv2d::new(&scope.child(conv), from, to, shape.kernel).stride(shape.stride).groups(shape.groups);
        let conv = if self.tensorflow { conv.same() } else { conv.padding(shape.kernel / 2) };
        let norm = BatchNorm2d::new(&scope.child(norm), to)?;
        let norm = if self.tensorflow { norm.with(0.1, 1e-3) } else { norm };
        Ok(ConvNorm::new(conv.build()?, norm, then))
    }

    fn block(self, scope: &Scope, from: usize, stage: BlockRow, stride: usize, drop: f64) -> Result<Inverted> {
        let inner = from * stage.growth;
        let grows = stage.growth != 1;
        let (depthwise, project) =
            if grows { (("conv_dw", "bn2"), ("conv_pwl", "bn3")) } else { (("conv_dw", "bn1"), ("conv_pw", "bn2")) };
        let depth = ConvShape { channels: (inner, inner), kernel: stage.kernel, stride, groups: inner };
        let expand = || self.unit(scope, ("conv_pw", "bn1"), ConvShape::point(from, inner), self.then);
        let squeeze = || SqueezeExcite::new(&scope.child("se"), inner, from / 4, self.then);
        Ok(Inverted {
            expand: grows.then(expand).transpose()?,
            depthwise: self.unit(scope, depthwise, depth, self.then)?,
            squeeze: self.squeezes.then(squeeze).transpose()?,
            project: self.unit(scope, project, ConvShape::point(inner, stage.to), Activation::Identity)?,
            drop: DropPath(drop),
            adds: stride == 1 && from == stage.to,
        })
    }

    /// The body: `conv_stem` (with `bn1`), `blocks.0` to `blocks.6`, `conv_head` (with `bn2`).
    pub fn body(self, params: &ParamSet) -> Result<Sequential> {
        let mut body = Sequential::new();
        let stem = ConvShape { channels: (3, 32), kernel: 3, stride: 2, groups: 1 };
        body.push("conv_stem", self.unit(&params.scope("", 0), ("conv_stem", "bn1"), stem, self.then)?);
        let all: usize = STAGES.iter().map(|stage| stage.count).sum();
        let (mut from, mut done) = (32, 0);
        for (index, stage) in STAGES.into_iter().enumerate() {
            let name = format!("blocks.{index}");
            let scope = params.scope(&name, index + 1);
            let mut row = Sequential::new();
            for (from, stride) in stage.blocks(from) {
                let number = row.len().to_string();
                let drop = DROP_PATH * done as f64 / all as f64;
                row.push(&number, self.block(&scope.child(&number), from, stage, stride, drop)?);
                done += 1;
            }
            body.push(name, row);
            from = stage.to;
        }
        let last =
            self.unit(&params.scope("", body.len()), ("conv_head", "bn2"), ConvShape::point(from, 1280), self.then)?;
        body.push("conv_head", last);
        Ok(body)
    }
}

//! The bodies there are, and what a model starts from.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::residual::{self, Block, resnet};
use super::{efficientnet, mobilenet, vgg, vit};
use crate::data::Normalize;
use crate::layers::Sequential;
use crate::params::ParamSet;
use crate::paths;
use crate::{Error, Result};

/// A kind of body: how many blocks, of what, and which trained weights fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Arch {
    /// Four residual stages, 0.43 million parameters, made for pictures of 64×64. Its trained weights
    /// ship with the crate: they know cars, buses and vans.
    #[default]
    Small,
    /// 11.7 million parameters. He et al. 2015, torchvision's `resnet18`.
    ResNet18,
    /// 21.8 million parameters. He et al. 2015, torchvision's `resnet34`.
    ResNet34,
    /// 25.6 million parameters, in bottleneck blocks. He et al. 2015, torchvision's `resnet50`.
    ResNet50,
    /// 133 million parameters. Simonyan and Zisserman 2014, torchvision's `vgg11`.
    Vgg11,
    /// VGG-11 with BatchNorm, torchvision's `vgg11_bn`.
    Vgg11Bn,
    /// 138 million parameters. Simonyan and Zisserman 2014, torchvision's `vgg16`.
    Vgg16,
    /// VGG-16 with BatchNorm, torchvision's `vgg16_bn`.
    Vgg16Bn,
    /// 3.5 million parameters, for small machines. Sandler et al. 2018, torchvision's `mobilenet_v2`.
    MobileNetV2,
    /// 4.7 million parameters, for small machines. Google 2020, timm's `tf_efficientnet_lite0`.
    EfficientNetLite0,
    /// 5.3 million parameters. Tan and Le 2019, timm's `efficientnet_b0`.
    EfficientNetB0,
    /// A Vision Transformer of 5.7 million parameters. Dosovitskiy et al. 2020, timm's `vit_tiny_patch16_224`.
    VitTiny,
    /// A Vision Transformer of 22 million parameters. Dosovitskiy et al. 2020, timm's `vit_small_patch16_224`.
    VitSmall,
}

impl Arch {
    /// Every kind there is.
    pub const ALL: [Arch; 13] = [
        Arch::Small,
        Arch::ResNet18,
        Arch::ResNet34,
        Arch::ResNet50,
        Arch::Vgg11,
        Arch::Vgg11Bn,
        Arch::Vgg16,
        Arch::Vgg16Bn,
        Arch::MobileNetV2,
        Arch::EfficientNetLite0,
        Arch::EfficientNetB0,
        Arch::VitTiny,
        Arch::VitSmall,
    ];

    /// The name that checkpoints carry.
    pub fn name(self) -> &'static str {
        match self {
            Arch::Small => "small",
            Arch::ResNet18 => "resnet18",
            Arch::ResNet34 => "resnet34",
            Arch::ResNet50 => "resnet50",
            Arch::Vgg11 => "vgg11",
            Arch::Vgg11Bn => "vgg11_bn",
            Arch::Vgg16 => "vgg16",
            Arch::Vgg16Bn => "vgg16_bn",
            Arch::MobileNetV2 => "mobilenet_v2",
            Arch::EfficientNetLite0 => "efficientnet_lite0",
            Arch::EfficientNetB0 => "efficientnet_b0",
            Arch::VitTiny => "vit_tiny",
            Arch::VitSmall => "vit_small",
        }
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// When there is none; the message lists the names.
    pub fn named(name: &str) -> Result<Arch> {
        let known = Arch::ALL.map(Arch::name).join(", ");
        let unknown = || Error::new(format!("no architecture is named `{name}`")).remedy(format!("known: {known}"));
        Arch::ALL.into_iter().find(|arch| arch.name() == name).ok_or_else(unknown)
    }

    /// The side of the pictures that the trained weights saw, in pixels.
    pub fn picture(self) -> usize {
        match self {
            Arch::Small => 64,
            _ => 224,
        }
    }

    /// The shift and scale of the pictures that the trained weights saw.
    pub fn normalize(self) -> Normalize {
        match self {
            Arch::EfficientNetLite0 | Arch::VitTiny | Arch::VitSmall => Normalize::half(),
            _ => Normalize::imagenet(),
        }
    }

    /// Starts from random weights, to compare with.
    pub fn untrained(self) -> Start {
        Start { weights: Weights::None, ..Start::from(self) }
    }

    /// Starts from the weights of a file, safetensors or PyTorch's `.pth`: one that a learner saved, or a published one
    /// with the same names; or from what `candlewick weights add FILE --as NAME` gave that name.
    pub fn weights(self, path: impl Into<PathBuf>) -> Start {
        Start { weights: Weights::File(paths::expanded(&path.into()).into_owned()), ..Start::from(self) }
    }

    /// Starts without the body's last `blocks` blocks: their features are the most special to the old task.
    pub fn cut(self, blocks: usize) -> Start {
        Start::from(self).cut(blocks)
    }

    /// Makes the body's blocks; block `n` has its parameters in group `n`, under their published names.
    ///
    /// # Errors
    /// When the set already holds a body.
    pub fn body(self, params: &ParamSet) -> Result<Sequential> {
        match self {
            Arch::Small => residual::small(params),
            Arch::ResNet18 => resnet(params, Block::Basic, [2, 2, 2, 2]),
            Arch::ResNet34 => resnet(params, Block::Basic, [3, 4, 6, 3]),
            Arch::ResNet50 => resnet(params, Block::Bottleneck, [3, 4, 6, 3]),
            Arch::Vgg11 => vgg::vgg(params, vgg::VGG11, false),
            Arch::Vgg11Bn => vgg::vgg(params, vgg::VGG11, true),
            Arch::Vgg16 => vgg::vgg(params, vgg::VGG16, false),
            Arch::Vgg16Bn => vgg::vgg(params, vgg::VGG16, true),
            Arch::MobileNetV2 => mobilenet::mobilenet_v2(params),
            Arch::EfficientNetLite0 => efficientnet::LITE0.body(params),
            Arch::EfficientNetB0 => efficientnet::B0.body(params),
            Arch::VitTiny => vit::vit(params, 192),
            Arch::VitSmall => vit::vit(params, 384),
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which weights a body starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weights {
    /// The trained ones that belong to the architecture.
    Trained,
    /// Random ones.
    None,
    /// Those of a file, or of a name.
    File(PathBuf),
    /// The detector's that ships with the crate: [`Detector::scenes`](super::Detector::scenes).
    Scenes,
}

/// What a model starts from: a kind of body and its weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The kind of body.
    pub arch: Arch,
    /// Its weights.
    pub weights: Weights,
    /// How many blocks are cut off its end.
    pub cut: usize,
}

impl Start {
    /// The same without the body's last `blocks` blocks: `Arch::Small.weights("mine.safetensors").cut(1)`.
    pub fn cut(self, blocks: usize) -> Start {
        Start { cut: blocks, ..self }
    }
}

/// What a learner starts from: an architecture, which stands for its trained weights, or what [`Arch::untrained`],
/// [`Arch::weights`] and [`Arch::cut`] make of one.
///
/// ```
/// use candlewick_prelude::models::{Arch, IntoStart};
/// assert_eq!(Arch::Small.into_start(), Arch::Small.cut(0));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no architecture to start from",
    label = "expected an architecture, such as `Arch::ResNet18`",
    note = "`Arch::ResNet18` starts from its trained weights, `Arch::ResNet18.untrained()` from random ones, and \
            `Arch::ResNet18.weights(\"file.safetensors\")` from those of a file",
    note = "a name becomes an architecture by `Arch::named(\"resnet18\")?`",
    note = "an encoder of text goes into `Learner::text(Bert::at_hand()?, &data)?`, a detector into `Learner::detection`"
)]
pub trait IntoStart {
    /// The kind of body and its weights.
    fn into_start(self) -> Start;
}

impl IntoStart for Start {
    fn into_start(self) -> Start {
        self
    }
}

impl IntoStart for Arch {
    fn into_start(self) -> Start {
        self.into()
    }
}

impl From<Arch> for Start {
    fn from(arch: Arch) -> Start {
        Start { arch, weights: Weights::Trained, cut: 0 }
    }
}

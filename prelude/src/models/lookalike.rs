//! Which architecture a file's names look like, and the error where it is another one.

use candle_core::Tensor;

use super::Arch;
use crate::params::LoadReport;
use crate::{Error, Result};

/// Refuses weights that are of another architecture: those whose names say so, and those of which less than half fits.
///
/// # Errors
/// The refusal; it says what the names look like.
pub(super) fn check_fit(arch: Arch, report: &LoadReport, tensors: &[(String, Tensor)], origin: &str) -> Result<()> {
    let (loaded, wrong) = (report.loaded.len(), report.wrong_shape.len());
    let wanted = loaded + wrong + report.new.len();
    let kind = Names(tensors).kind();
    let other = kind.as_deref().filter(|kind| *kind != arch.name());
    if 2 * loaded >= wanted && other.is_none() {
        return Ok(());
    }
    let mut what = format!("{origin} does not fit `{arch}`: {loaded} of {wanted} parameters found");
    if let Some(first) = report.wrong_shape.first() {
        what += &format!(
            ", {wrong} of another shape (`{}` is {:?} here, {:?} in the file)",
            first.name, first.expected, first.found
        );
    } else if let (Some(expected), Some((found, _))) = (report.new.first(), tensors.first()) {
        what += &format!(" (it expects names such as `{expected}`, the file has `{found}`)");
    }
    what += &match other {
        Some(other) => format!("; its names look like those of {other}"),
        None => "; its names are of no architecture known here".to_owned(),
    };
    let remedy = match other.map(Arch::named) {
        Some(Ok(other)) => format!("start with the body that they were trained with: `Arch::{other:?}.weights(path)`"),
        _ => "choose the architecture that they were trained with, or start from random weights with `.untrained()`"
            .into(),
    };
    Err(Error::new(what).remedy(remedy))
}

/// What a file's names look like: the architecture's name where it is one of [`Arch`]'s, else a few words.
pub(super) fn kind(tensors: &[(String, Tensor)]) -> Option<String> {
    Names(tensors).kind()
}

/// A file's names and shapes.
struct Names<'a>(&'a [(String, Tensor)]);

impl Names<'_> {
    fn dims(&self, name: &str) -> Option<&[usize]> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, tensor)| tensor.dims())
    }

    fn has(&self, name: &str) -> bool {
        self.dims(name).is_some()
    }

    fn any(&self, accept: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|(name, _)| accept(name))
    }

    /// The architecture's name where it is one of [`Arch`]'s, else a few words; `None` where nothing is recognised.
    fn kind(&self) -> Option<String> {
        let words = if self.has("layer4.0.conv1.weight") {
            self.resnet()
        } else if self.dims("features.0.weight").is_some_and(|dims| dims.len() == 4) {
            self.vgg()
        } else if self.has("features.18.0.weight") {
            "mobilenet_v2"
        } else if self.has("conv_stem.weight") || self.has("_conv_stem.weight") {
            self.efficientnet()
        } else if let Some(dims) = self.dims("patch_embed.proj.weight") {
            match *dims {
                [192, 3, 16, 16] => "vit_tiny",
                [384, 3, 16, 16] => "vit_small",
                _ => "a larger Vision Transformer",
            }
        } else if self.dims("blocks.0.conv.weight") == Some(&[24, 3, 3, 3]) {
            "small"
        } else if self.any(|name| name.contains("encoder.layer.0.attention")) {
            "a text model of the BERT kind"
        } else if self.any(|name| ["net.b1.", "model.22.", "22.cv"].iter().any(|start| name.starts_with(start))) {
            "a YOLOv8 detector"
        } else if self.any(|name| name.starts_with("stages.0.")) {
            "a ConvNeXt"
        } else {
            return None;
        };
        Some(words.to_owned())
    }

    fn resnet(&self) -> &'static str {
        let third = (0..).take_while(|block| self.has(&format!("layer3.{block}.conv1.weight"))).count();
        match (self.has("layer1.0.conv3.weight"), third) {
            (false, 2) => "resnet18",
            (false, 6) => "resnet34",
            (true, 6) => "resnet50",
            _ => "another ResNet",
        }
    }

    fn vgg(&self) -> &'static str {
        let convs = self.0.iter().filter(|(name, tensor)| name.starts_with("features.") && tensor.rank() == 4).count();
        match (convs, self.any(|name| name.starts_with("features.") && name.ends_with("running_mean"))) {
            (8, false) => "vgg11",
            (8, true) => "vgg11_bn",
            (13, false) => "vgg16",
            (13, true) => "vgg16_bn",
            _ => "another VGG",
        }
    }

    /// timm's MobileNetV2 and EfficientNets, and those of the `efficientnet_pytorch` package, with a `_` before.
    fn efficientnet(&self) -> &'static str {
        let head = self.dims("conv_head.weight").or_else(|| self.dims("_conv_head.weight"));
        if head != Some(&[1280, 320, 1, 1]) {
            return "another EfficientNet or MobileNet";
        }
        let depthwise =
            self.dims("blocks.2.0.conv_dw.weight").or_else(|| self.dims("_blocks.3._depthwise_conv.weight"));
        match (self.any(|name| name.contains(".se.") || name.contains("._se_")), depthwise) {
            (true, _) => "efficientnet_b0",
            (false, Some([.., 5, 5])) => "efficientnet_lite0",
            _ => "mobilenet_v2",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    fn tensors(names: &[(&str, &[usize])]) -> Result<Vec<(String, Tensor)>> {
        let zeros = |dims: &[usize]| Tensor::zeros(dims, DType::F32, &Device::Cpu);
        names.iter().map(|(name, dims)| Ok(((*name).to_owned(), zeros(dims)?))).collect()
    }

    #[test]
    fn kinds_are_known_by_their_names() -> Result<()> {
        let resnet34: Vec<String> = (0..6).map(|block| format!("layer3.{block}.conv1.weight")).collect();
        let mut resnet: Vec<(&str, &[usize])> = resnet34.iter().map(|name| (name.as_str(), &[1][..])).collect();
        resnet.push(("layer4.0.conv1.weight", &[1]));
        assert_eq!(Names(&tensors(&resnet)?).kind().as_deref(), Some("resnet34"));
        resnet.push(("layer1.0.conv3.weight", &[1]));
        assert_eq!(Names(&tensors(&resnet)?).kind().as_deref(), Some("resnet50"));
        let lite: [(&str, &[usize]); 3] = [
            ("conv_stem.weight", &[32, 3, 3, 3]),
            ("conv_head.weight", &[1280, 320, 1, 1]),
            ("blocks.2.0.conv_dw.weight", &[144, 1, 5, 5]),
        ];
        assert_eq!(Names(&tensors(&lite)?).kind().as_deref(), Some("efficientnet_lite0"));
        let bert: [(&str, &[usize]); 1] = [("bert.encoder.layer.0.attention.self.query.weight", &[2, 2])];
        assert_eq!(Names(&tensors(&bert)?).kind().as_deref(), Some("a text model of the BERT kind"));
        // eight convolutions, as in torchvision's and timm's vgg11_bn
        let vgg: Vec<String> = (0..8).map(|conv| format!("features.{conv}.weight")).collect();
        let mut vgg: Vec<(&str, &[usize])> = vgg.iter().map(|name| (name.as_str(), &[2, 3, 3, 3][..])).collect();
        assert_eq!(Names(&tensors(&vgg)?).kind().as_deref(), Some("vgg11"));
        vgg.push(("features.1.running_mean", &[2]));
        assert_eq!(Names(&tensors(&vgg)?).kind().as_deref(), Some("vgg11_bn"));
        assert_eq!(Names(&tensors(&[("a", &[1])])?).kind(), None);
        Ok(())
    }

    #[test]
    fn every_body_looks_like_itself() -> Result<()> {
        // VGG's hundred million parameters are spared; its names stand above
        for arch in Arch::ALL.into_iter().filter(|arch| !arch.name().starts_with("vgg")) {
            let params = crate::params::ParamSet::new(0);
            arch.body(&params)?;
            assert_eq!(Names(&params.snapshot()?).kind().as_deref(), Some(arch.name()));
        }
        Ok(())
    }
}

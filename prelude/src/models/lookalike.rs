//! Which architecture a file's names look like, and the error where it is another one.

use candle_core::Tensor;

use super::Arch;
use crate::params::{LoadReport, is_under};
use crate::{Error, Result};

/// Refuses weights that are of another architecture: those whose names say so, those of which less than half fits, and those
/// with a part of the body in another shape, which would stay random.
///
/// # Errors
/// The refusal; it says what the names look like.
pub(super) fn check_fit(arch: Arch, report: &LoadReport, tensors: &[(String, Tensor)], origin: &str) -> Result<()> {
    let (loaded, wrong) = (report.loaded.len(), report.wrong_shape.len());
    let wanted = loaded + wrong + report.new.len();
    let kind = Names(tensors).kind();
    let other = kind.as_deref().filter(|kind| *kind != arch.name());
    let misfits = report.wrong_shape.iter().any(|wrong| !is_under(&wrong.name, "head"));
    if 2 * loaded >= wanted && other.is_none() && !misfits {
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
        None if kind.is_some() => "; its names are those of this architecture, of another size or variant".to_owned(),
        None => "; its names are of no architecture known here".to_owned(),
    };
    let remedy = match other.map(Arch::named) {
        Some(Ok(other)) => format!("start with the body that they were trained with: `Arch::{other:?}.weights(path)`"),
        _ if kind.as_deref() == Some(TEXT) => {
            "it is for texts: `Learner::text(Bert::open(\"folder\")?, &data)?`, of a folder with its config.json".into()
        }
        _ => "choose the architecture that they were trained with, or start from random weights with `.untrained()`"
            .into(),
    };
    Err(Error::new(what).remedy(remedy))
}

/// What an encoder of text looks like.
pub(super) const TEXT: &str = "a text model of the BERT kind";

/// The error where weights of something else are given to an encoder of text.
pub(super) fn no_text(kind: &str, origin: &str) -> Error {
    let what = format!("{origin} holds no encoder of text; its names look like those of {kind}");
    Error::new(what).remedy(match Arch::named(kind) {
        Ok(arch) => format!("for pictures: `Learner::vision(Arch::{arch:?}.weights(path), &data)?`"),
        Err(_) => "choose a file of BERT, DistilBERT, MiniLM or RoBERTa".to_owned(),
    })
}

/// What a file's names look like: the architecture's name where it is one of [`Arch`]'s, else a few words.
pub(super) fn kind(tensors: &[(String, Tensor)]) -> Option<String> {
    Names(tensors).kind()
}

/// Which detector a file's names look like, in words and as cells name it: by the channels of its first convolution.
pub(super) fn detector(tensors: &[(String, Tensor)]) -> Option<(&'static str, &'static str)> {
    let names = Names(tensors);
    let channels = |end: &str| tensors.iter().find(|(name, _)| name.ends_with(end)).map(|(_, tensor)| tensor.dims()[0]);
    if names.any(|name| name.contains("head.cls_preds.")) {
        return Some(match channels("stem.conv.conv.weight") {
            Some(16) => ("YOLOX-nano", "YoloxNano"),
            Some(24) => ("YOLOX-tiny", "YoloxTiny"),
            _ => ("YOLOX", "YoloxS"),
        });
    }
    if names.kind().is_some_and(|kind| kind.contains("YOLOv8")) {
        let first = ["0.conv.weight", "model.0.conv.weight", "net.b1.0.conv.weight"];
        return Some(match first.iter().find_map(|name| names.dims(name)).map(|dims| dims[0]) {
            Some(16) => ("YOLOv8n", "YoloV8n"),
            Some(48) => ("YOLOv8m", "YoloV8m"),
            _ => ("YOLOv8s", "YoloV8s"),
        });
    }
    None
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

    /// The highest number that stands behind `beginning` in a name: a single parameter that a file lacks changes nothing.
    fn highest(&self, beginning: &str) -> Option<usize> {
        let number = |(name, _): &(String, Tensor)| name.strip_prefix(beginning)?.split('.').next()?.parse().ok();
        self.0.iter().filter_map(number).max()
    }

    fn any(&self, accept: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|(name, _)| accept(name))
    }

    /// The architecture's name where it is one of [`Arch`]'s, else a few words; `None` where nothing is recognised.
    fn kind(&self) -> Option<String> {
        let words = if self.highest("layer4.").is_some() {
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
        } else if self
            .any(|name| name.contains("encoder.layer.0.attention") || name.contains("transformer.layer.0.attention"))
        {
            TEXT
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
        let bottleneck = self.any(|name| name.starts_with("layer") && name.ends_with("conv3.weight"));
        match (bottleneck, self.highest("layer3.")) {
            (false, Some(1)) => "resnet18",
            (false, Some(5)) => "resnet34",
            (true, Some(5)) => "resnet50",
            _ => "another ResNet",
        }
    }

    fn vgg(&self) -> &'static str {
        match self.highest("features.") {
            Some(18) => "vgg11",
            Some(25 | 26) => "vgg11_bn",
            Some(28) => "vgg16",
            Some(40 | 41) => "vgg16_bn",
            _ => "another VGG",
        }
    }

    /// timm's MobileNetV2 and EfficientNets, and those of the `efficientnet_pytorch` package, with a `_` before.
    fn efficientnet(&self) -> &'static str {
        let head = self.dims("conv_head.weight").or_else(|| self.dims("_conv_head.weight"));
        if head.is_some_and(|head| *head != [1280, 320, 1, 1]) {
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
        // one of the six blocks lacks what is looked for in the others
        let resnet34: Vec<String> = [0, 1, 3, 4, 5].map(|block| format!("layer3.{block}.conv1.weight")).into();
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
        // torchvision's and timm's eight convolutions, alone and each before its BatchNorm and ReLU
        let vgg: Vec<String> = [0, 3, 6, 8, 11, 13, 16, 18].map(|at| format!("features.{at}.weight")).into();
        let mut vgg: Vec<(&str, &[usize])> = vgg.iter().map(|name| (name.as_str(), &[2, 3, 3, 3][..])).collect();
        assert_eq!(Names(&tensors(&vgg)?).kind().as_deref(), Some("vgg11"));
        vgg.push(("features.26.running_mean", &[2]));
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

//! The detectors there are, and what one starts from.

use std::fmt;
use std::path::PathBuf;

use candle_core::Tensor;

use super::csp::Scale;
use super::light;
use super::names;
use super::yolov8::{self, Build, YoloV8Head};
use super::yolox::{self, YoloxHead};
use crate::data::{Greys, Normalize, ResizeMethod, Transform};
use crate::models::body::Body;
use crate::models::{Arch, HeadMaker, Trained, Weights};
use crate::params::{ParamSet, is_under};
use crate::paths;
use crate::{Error, Result};

/// A kind of detector: what finds things of several classes in a picture, and says where each stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detector {
    /// YOLOX-nano, 0.9 million parameters, depthwise. Ge et al. 2021.
    YoloxNano,
    /// YOLOX-tiny, 5.1 million parameters.
    YoloxTiny,
    /// YOLOX-s, 9 million parameters.
    YoloxS,
    /// YOLOv8n, 3.2 million parameters. Ultralytics 2023. Its published weights are under the AGPL and are not fetched: give a file.
    YoloV8n,
    /// YOLOv8s, 11.2 million parameters.
    YoloV8s,
    /// YOLOv8m, 25.9 million parameters.
    YoloV8m,
    /// A pyramid and YOLOX's head on a body that knows ImageNet: [`Detector::light`].
    Light(Arch),
}

/// What a kind is made of.
enum Design {
    Yolox(Scale),
    YoloV8(Build),
    Light(Arch),
}

impl Detector {
    /// Every kind there is.
    pub const ALL: [Detector; 12] = [
        Detector::YoloxNano,
        Detector::YoloxTiny,
        Detector::YoloxS,
        Detector::YoloV8n,
        Detector::YoloV8s,
        Detector::YoloV8m,
        Detector::Light(Arch::EfficientNetLite0),
        Detector::Light(Arch::EfficientNetB0),
        Detector::Light(Arch::MobileNetV2),
        Detector::Light(Arch::ResNet18),
        Detector::Light(Arch::ResNet34),
        Detector::Light(Arch::ResNet50),
    ];

    /// A light detector on a body that knows ImageNet, for those who have no trained detector: a pyramid over its maps, and YOLOX's head.
    /// `Arch::EfficientNetLite0`, `EfficientNetB0`, `MobileNetV2`, `ResNet18`, `ResNet34` and `ResNet50` have such maps.
    pub fn light(arch: Arch) -> Detector {
        Detector::Light(arch)
    }

    /// The name that checkpoints carry.
    pub fn name(self) -> &'static str {
        match self {
            Detector::YoloxNano => "yolox_nano",
            Detector::YoloxTiny => "yolox_tiny",
            Detector::YoloxS => "yolox_s",
            Detector::YoloV8n => "yolov8n",
            Detector::YoloV8s => "yolov8s",
            Detector::YoloV8m => "yolov8m",
            Detector::Light(Arch::EfficientNetLite0) => "light_efficientnet_lite0",
            Detector::Light(Arch::EfficientNetB0) => "light_efficientnet_b0",
            Detector::Light(Arch::MobileNetV2) => "light_mobilenet_v2",
            Detector::Light(Arch::ResNet18) => "light_resnet18",
            Detector::Light(Arch::ResNet34) => "light_resnet34",
            Detector::Light(Arch::ResNet50) => "light_resnet50",
            // without maps of the strides: it cannot be made
            Detector::Light(_) => "light",
        }
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// When there is none; the message lists the names.
    pub fn named(name: &str) -> Result<Detector> {
        let known = Detector::ALL.map(Detector::name).join(", ");
        let unknown = || Error::new(format!("no detector is named `{name}`")).remedy(format!("known: {known}"));
        Detector::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(unknown)
    }

    /// The side of the pictures that the trained weights saw, in pixels.
    pub fn picture(self) -> usize {
        match self {
            Detector::YoloxNano | Detector::YoloxTiny => 416,
            Detector::YoloxS | Detector::YoloV8n | Detector::YoloV8s | Detector::YoloV8m => 640,
            Detector::Light(_) => 320,
        }
    }

    /// How pictures of this side become what the network takes.
    pub fn transform(self, size: usize) -> Transform {
        let greys = Greys::Whole;
        match self.design() {
            Design::Yolox(_) => Transform { size, resize: ResizeMethod::PadEnd, normalize: Normalize::bytes(), greys },
            Design::YoloV8(_) => Transform { size, resize: ResizeMethod::Pad, normalize: Normalize::none(), greys },
            Design::Light(arch) => Transform { size, resize: ResizeMethod::PadEnd, normalize: arch.normalize(), greys },
        }
    }

    /// YOLOX-nano as it ships with the crate: it finds the people, horses, cats, boats, houses and trees of drawn photographs
    /// ([`scenes`](crate::datasets::scenes)), for pictures of 160 pixels.
    pub fn scenes() -> DetectorStart {
        DetectorStart { weights: Weights::Scenes, ..Detector::YoloxNano.into_detector() }
    }

    /// Starts from random weights.
    pub fn untrained(self) -> DetectorStart {
        DetectorStart { weights: Weights::None, ..self.into_detector() }
    }

    /// Starts from the weights of a file, safetensors or PyTorch's `.pth`: one that a learner saved, or a published one with the same
    /// names; or from what `candlewick weights add FILE --as NAME` gave that name.
    pub fn weights(self, path: impl Into<PathBuf>) -> DetectorStart {
        DetectorStart { weights: Weights::File(paths::expanded(&path.into()).into_owned()), ..self.into_detector() }
    }

    /// Starts a class of one's own from what the trained weights know of another: `Detector::YoloxNano.like("figure", "person")`.
    pub fn like(self, own: &str, theirs: &str) -> DetectorStart {
        self.into_detector().like(own, theirs)
    }

    /// The classes that the published weights tell apart.
    pub fn published_classes(self) -> &'static [&'static str] {
        match self.design() {
            Design::Light(_) => &[],
            _ => &COCO,
        }
    }

    fn design(self) -> Design {
        let yolox = |width, depthwise| Design::Yolox(Scale { depth: 1, width, depthwise });
        let yolov8 = |depth, widths| Design::YoloV8(Build { depth, widths });
        match self {
            Detector::YoloxNano => yolox(16, true),
            Detector::YoloxTiny => yolox(24, false),
            Detector::YoloxS => yolox(32, false),
            Detector::YoloV8n => yolov8(1, [16, 32, 64, 128, 256]),
            Detector::YoloV8s => yolov8(1, [32, 64, 128, 256, 512]),
            Detector::YoloV8m => yolov8(2, [48, 96, 192, 384, 576]),
            Detector::Light(arch) => Design::Light(arch),
        }
    }

    /// Makes the body; part `n` has its parameters in group `n`, under their published names.
    pub(in crate::models) fn body(self, params: &ParamSet) -> Result<Box<dyn Body>> {
        Ok(Box::new(match self.design() {
            Design::Yolox(scale) => yolox::body(params, scale)?,
            Design::YoloV8(build) => yolov8::body(params, build)?,
            Design::Light(arch) => light::body(params, arch)?,
        }))
    }

    /// How its head is made for so many classes.
    pub fn head(self, classes: usize) -> HeadMaker {
        self.head_like(classes, &[])
    }

    /// As [`head`](Detector::head), and as wide as these weights have it where that depends on their classes: in YOLOv8n the branch that
    /// tells 80 classes apart is wider than one for a few, and can be taken over only as it is.
    pub fn head_like(self, classes: usize, weights: &[(String, Tensor)]) -> HeadMaker {
        match self.design() {
            Design::Yolox(scale) => {
                HeadMaker::new(move |at, features| Ok(Box::new(YoloxHead::new(at, scale, features, classes)?)))
            }
            Design::Light(_) => {
                HeadMaker::new(move |at, features| Ok(Box::new(YoloxHead::new(at, light::SCALE, features, classes)?)))
            }
            Design::YoloV8(_) => {
                let adopted = self.adopt(weights);
                let first = adopted.iter().find(|(name, _)| name == "head.cv3.0.0.conv.weight");
                let wide = first.and_then(|(_, weight)| weight.dims().first().copied());
                HeadMaker::new(move |at, features| Ok(Box::new(YoloV8Head::new(at, features, classes, wide)?)))
            }
        }
    }

    /// The tensors of a head whose last dimension but the others' is the class: those of which each class has a row.
    pub(in crate::models) fn has_class_rows(self, name: &str) -> bool {
        match self.design() {
            Design::Yolox(_) | Design::Light(_) => name.starts_with("head.cls_preds."),
            Design::YoloV8(_) => {
                name.starts_with("head.cv3.") && (name.ends_with(".2.weight") || name.ends_with(".2.bias"))
            }
        }
    }

    /// Whether a tensor may be missing in a file: of a light detector, all but what its body has.
    pub(super) fn may_lack(self, name: &str) -> bool {
        matches!(self.design(), Design::Light(_)) && (is_under(name, "pyramid") || is_under(name, "head"))
    }

    /// A file's tensors under the names that they have here, and none that no network needs.
    pub(super) fn adopt(self, file: &[(String, Tensor)]) -> Vec<(String, Tensor)> {
        let rename: fn(&str) -> Option<String> = match self.design() {
            Design::Yolox(_) => |name| Some(name.to_owned()),
            Design::YoloV8(_) => names::yolov8,
            Design::Light(arch) => {
                let adopted = |(name, tensor): &(String, Tensor)| arch.adopt(name, tensor).ok().flatten();
                return file.iter().filter_map(adopted).collect();
            }
        };
        file.iter().filter_map(|(name, tensor)| Some((rename(name)?, tensor.clone()))).collect()
    }
}

impl fmt::Display for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a detector starts from: its kind, and its weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetectorStart {
    /// The kind.
    pub detector: Detector,
    /// Its weights.
    pub weights: Weights,
    /// Classes of one's own that start from others of the weights: (own, theirs).
    pub alike: Vec<(String, String)>,
}

impl DetectorStart {
    /// Starts a class of one's own from what the weights know of another. Classes of one name do so anyway.
    pub fn like(mut self, own: &str, theirs: &str) -> DetectorStart {
        self.alike.push((own.to_owned(), theirs.to_owned()));
        self
    }

    /// The weights that it asks for; `None` for random ones.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn trained(&self) -> Result<Option<Trained>> {
        match &self.weights {
            Weights::Trained => match self.detector.design() {
                Design::Yolox(_) => Trained::named(self.detector.name()).map(Some),
                Design::Light(arch) => Trained::of(arch).map(Some),
                Design::YoloV8(_) => {
                    Trained::kept(self.detector.name())?.map(Some).ok_or_else(|| unfetched(self.detector))
                }
            },
            Weights::None => Ok(None),
            Weights::File(path) => Trained::open(path).map(Some),
            Weights::Scenes => Trained::scenes().map(Some),
        }
    }
}

/// Why there are no weights of a detector whose published ones nobody may take for granted.
fn unfetched(detector: Detector) -> Error {
    let what = format!(
        "there are no weights of {detector}: Ultralytics publishes them under the AGPL, and they are not fetched"
    );
    Error::new(what).remedy(format!(
        "give a file: `Detector::{detector:?}.weights(\"{detector}.safetensors\")`, or put one on the shelf: `candlewick weights add FILE --as \
         {detector}`; `Detector::{detector:?}.untrained()` starts from random weights"
    ))
}

/// What a learner of boxes starts from: a detector, which stands for its trained weights, or what [`Detector::untrained`] and
/// [`Detector::weights`] make of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no detector to start from",
    label = "expected a detector, such as `Detector::YoloxNano`",
    note = "`Detector::YoloxNano` starts from its trained weights, `Detector::YoloxNano.weights(\"file.safetensors\")` from those of a file"
)]
pub trait IntoDetector {
    /// The kind of detector and its weights.
    fn into_detector(self) -> DetectorStart;
}

impl IntoDetector for DetectorStart {
    fn into_detector(self) -> DetectorStart {
        self
    }
}

impl IntoDetector for Detector {
    fn into_detector(self) -> DetectorStart {
        DetectorStart { detector: self, weights: Weights::Trained, alike: Vec::new() }
    }
}

/// The classes of COCO, in the order of published heads. Lin et al. 2014.
const COCO: [&str; 80] = [
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "airplane",
    "bus",
    "train",
    "truck",
    "boat",
    "traffic light",
    "fire hydrant",
    "stop sign",
    "parking meter",
    "bench",
    "bird",
    "cat",
    "dog",
    "horse",
    "sheep",
    "cow",
    "elephant",
    "bear",
    "zebra",
    "giraffe",
    "backpack",
    "umbrella",
    "handbag",
    "tie",
    "suitcase",
    "frisbee",
    "skis",
    "snowboard",
    "sports ball",
    "kite",
    "baseball bat",
    "baseball glove",
    "skateboard",
    "surfboard",
    "tennis racket",
    "bottle",
    "wine glass",
    "cup",
    "fork",
    "knife",
    "spoon",
    "bowl",
    "banana",
    "apple",
    "sandwich",
    "orange",
    "broccoli",
    "carrot",
    "hot dog",
    "pizza",
    "donut",
    "cake",
    "chair",
    "couch",
    "potted plant",
    "bed",
    "dining table",
    "toilet",
    "tv",
    "laptop",
    "mouse",
    "remote",
    "keyboard",
    "cell phone",
    "microwave",
    "oven",
    "toaster",
    "sink",
    "refrigerator",
    "book",
    "clock",
    "vase",
    "scissors",
    "teddy bear",
    "hair drier",
    "toothbrush",
];

//! Backbones and heads.
//!
//! A [`Network`] is a body, which turns pictures into features, and a [`Head`], which turns features into an
//! answer. The body is a row of named parts (`conv1`, `layer1`, …; `blocks.0`, `blocks.1`, …), named after its first
//! parameters; each is a group of parameters by depth, and the head is the last group. Parameters have the names of the
//! published checkpoints (torchvision's for ResNet, VGG and MobileNetV2, timm's for EfficientNet and ViT), but for the
//! head, which is `head` everywhere. [`Arch`] names the bodies there are.
//!
//! - `arch`: the list of bodies, and what a network starts from: trained weights, or none.
//! - `residual`: ResNet, and the small default body.
//! - `vgg`, `mobilenet`, `efficientnet` (both of `inverted` blocks), `vit`: the other bodies.
//! - `published`: other names that published checkpoints use.
//! - `body`, `head`: what both are; `localize`: a head that says a class and a box; `maker`: how a head is made, as often as
//!   its network is copied; `shapes`: what is known of both before anything runs.
//! - `bert`: encoders of text, BERT and its kin.
//! - `detectors`: networks that find any number of things in a picture.
//! - `network`: body and head together; `whole`: networks of one's own, and any candle model; `widen`: a head for more classes.
//! - `adapter`, `adapting`: adapters of low rank beside weights (LoRA); `targets`: beside which; `adapter_file`, `adapter_names`: PEFT's
//!   folders.
//! - `device`: where learners compute.
//! - `weights`: where trained weights come from; `hub`: the download; `lookalike`: what a file's names look like.

mod adapter;
mod adapter_file;
mod adapter_names;
mod adapting;
mod arch;
mod bert;
mod body;
mod detectors;
mod device;
mod efficientnet;
mod head;
mod hub;
mod inverted;
mod localize;
mod lookalike;
mod maker;
mod mobilenet;
mod network;
mod published;
mod residual;
mod shapes;
mod targets;
mod vgg;
mod vit;
mod weights;
mod whole;
mod widen;

pub use adapter::{AdapterPlan, Adapters, WaitingHead};
pub use adapter_file::{AdapterFile, AdapterToWrite, write_adapter};
pub use adapter_names::FittingAdapter;
pub use arch::{Arch, IntoStart, Start, Weights};
pub use bert::{AsEncoder, Bert, BertConfig, BertKind, BertLayout, Pooling};
pub use body::Body;
pub use detectors::{Detector, DetectorReport, DetectorStart, IntoDetector, YoloV8Head, YoloxHead};
pub use device::device;
pub use head::{Head, LinearHead};
pub use hub::{Hub, PUBLISHED, Published};
pub use localize::LocalizeHead;
pub use maker::HeadMaker;
pub use network::Network;
pub use residual::{Bottleneck, Residual};
pub use shapes::Shapes;
pub(crate) use weights::CARD;
pub use weights::Trained;

//! Backbones and heads.
//!
//! A [`Model`] is a body, which turns pictures into features, and a [`Head`], which turns features into an
//! answer. The body is a row of named parts (`conv1`, `layer1`, …; `blocks.0`, `blocks.1`, …), named after its first
//! parameters; each is a group of parameters by depth, and the head is the last group. Parameters have the names of the
//! published checkpoints (torchvision's for ResNet, VGG and MobileNetV2, timm's for EfficientNet and ViT), but for the
//! head, which is `head` everywhere. [`Arch`] names the bodies there are.
//!
//! - `arch`: the list of bodies, and what a model starts from: trained weights, or none.
//! - `residual`: ResNet, and the small default body.
//! - `vgg`, `mobilenet`, `efficientnet` (both of `inverted` blocks), `vit`: the other bodies.
//! - `published`: other names that published checkpoints use.
//! - `head`: a class a picture, or a class and a box a picture.
//! - `model`: body and head together.
//! - `device`: where learners compute.
//! - `weights`: where trained weights come from; `hub`: the download; `lookalike`: what a file's names look like.

mod arch;
mod device;
mod efficientnet;
mod head;
mod hub;
mod inverted;
mod lookalike;
mod mobilenet;
mod model;
mod published;
mod residual;
mod vgg;
mod vit;
mod weights;

pub use arch::{Arch, IntoStart, Start, Weights};
pub use device::device;
pub use head::{ClassHead, Head, LocalizeHead, Task};
pub use hub::{Hub, PUBLISHED, Published};
pub use model::Model;
pub use residual::{Bottleneck, Residual};
pub(crate) use weights::CARD;
pub use weights::Trained;

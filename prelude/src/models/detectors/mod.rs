//! Detectors: bodies that end in a pyramid of maps, and heads that say a row of numbers for each cell of it.
//!
//! - `pyramid`: a body of stages, of which some are tapped, and what joins the tapped maps.
//! - `csp`: the blocks that YOLOX is made of; `yolox`: its stages, its pyramid and its head.
//! - `c2f`: the block that YOLOv8 is made of besides; `yolov8`: its stages, its pyramid and its head.
//! - `light`: a pyramid on any body that is known by name.
//! - `kind`: the detectors there are, and what one starts from; `load`: how it takes weights over, those of shared classes too; `names`: how
//!   files name what is here.

mod c2f;
mod csp;
mod kind;
mod light;
mod load;
mod names;
mod pyramid;
mod yolov8;
mod yolox;

pub use kind::{Detector, DetectorStart, IntoDetector};
pub use load::DetectorReport;
pub use yolov8::YoloV8Head;
pub use yolox::YoloxHead;

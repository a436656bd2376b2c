//! Detectors: bodies that end in a pyramid of maps, and heads that say a row of numbers for each cell of it.
//!
//! - `pyramid`: a body of stages, of which some are tapped, and what joins the tapped maps.
//! - `csp`: the blocks that YOLOX is made of; `yolox`: its stages, its pyramid and its head.
//! - `kind`: the detectors there are, and what one starts from; `load`: how it takes weights over, those of shared classes too.

mod csp;
mod kind;
mod load;
mod pyramid;
mod yolox;

pub use kind::{Detector, DetectorStart, IntoDetector};
pub use load::DetectorReport;
pub use yolox::YoloxHead;

//! Detection: which cells answer for which objects, what the answers cost, and what is found.
//!
//! - `grid`: the cells of a pyramid's maps, and the boxes that the cells' numbers stand for; `rows`: those numbers, and what is found.
//! - `simota`: which cells answer for an object, chosen by what their answers would cost; `yolox`: the loss of YOLOX's head with its
//!   gradient, and what it finds.
//! - `align`: which cells answer for an object, chosen by how sure and how exact they are; `ciou`: overlap, distance and proportions of
//!   two boxes as one number; `edge`: how far an edge is, told as shares; `yolov8`: the loss of YOLOv8's head with its gradient, and what it finds.
//! - `truth`: the objects of a batch, picture by picture.

mod align;
mod ciou;
mod edge;
mod grid;
mod rows;
mod simota;
mod truth;
mod yolov8;
mod yolox;

pub use align::{Aligned, Reach, align};
pub use ciou::{ciou, ciou_slopes};
pub use edge::{BINS, Edge};
pub use grid::{Grid, GridCell};
pub use rows::Sighting;
pub use simota::{Assigned, Candidates, assign};
pub use truth::{TrueBox, objects};
pub use yolov8::{YoloV8Loss, yolov8_found, yolov8_loss};
pub use yolox::{YoloxLoss, found, yolox_loss};

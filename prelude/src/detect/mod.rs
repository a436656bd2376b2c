//! Detection: which cells answer for which objects, what the answers cost, and what is found.
//!
//! - `grid`: the cells of a pyramid's maps, and the boxes that the cells' numbers stand for.
//! - `simota`: which cells answer for an object, chosen by what their answers would cost.
//! - `yolox`: the loss of YOLOX's head with its gradient, and what it finds.
//! - `truth`: the objects of a batch, picture by picture.

mod grid;
mod simota;
mod truth;
mod yolox;

pub use grid::{Grid, GridCell};
pub use simota::{Assigned, Candidates, assign};
pub use truth::{TrueBox, objects};
pub use yolox::{Sighting, YoloxLoss, found, yolox_loss};

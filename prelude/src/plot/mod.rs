//! Curves, image grids, overlays: plain data in, picture out.
//!
//! Every function gives a [`Figure`]: pixels, the size at which to show them, and a text form for terminals. A cell
//! that ends with a figure shows it. Figures stand on a white card, so that they read alike in light and dark themes;
//! colours are Okabe and Ito's, and lines differ in dashes and marks too; the font is the crate's own, so that a figure
//! is the same on every machine, but for letters that it lacks, such as Chinese ones, which a font of the machine's draws.
//!
//! - [`LossCurve`] and [`compare`]: training as it runs, and several runs; [`Lines`]: any other curve; [`panels`]: several beside each other.
//! - [`scatter`]: points on a plane, coloured by class.
//! - [`bars`], [`confusion`]: counts, and what is taken for what.
//! - [`grid`]: many small pictures ([`page`]: a text as one); [`columns`]: the same picture in several ways; [`overlay`]: boxes on one; [`warmed`], [`warm_grid`]: how much each
//!   place counts, as heat.
//!
//! A class keeps its colour for the session, whatever speaks of it: [`class_color`], [`set_class_color`].
//!
//! `canvas` draws smooth shapes and is plotters' backend, `vector` has the same as SVG, `lettering` sets text, `shaping` parts it into scripts and shapes them, `faces` knows the fonts; `terminal` draws in characters.

mod bars;
mod canvas;
mod columns;
mod confusion;
mod faces;
mod figure;
mod grid;
mod heat;
mod lettering;
mod lines;
mod loss;
mod number;
mod overlay;
mod page;
mod palette;
mod scatter;
mod shaping;
mod sight;
mod terminal;
mod vector;

pub use bars::bars;
pub use columns::columns;
pub use confusion::confusion;
pub use figure::Figure;
pub use grid::{beside, grid, strip};
pub use heat::{Heat, warm_grid, warmed};
pub use lettering::register_fonts;
pub use lines::{Lines, Look, panels};
pub use loss::{LossCurve, Run, compare};
pub(crate) use number::number;
pub use overlay::{Mark, draw_marks, draw_thumb, overlay};
pub use page::page;
pub(crate) use palette::list_classes;
pub use palette::{class_color, set_class_color};
pub(crate) use scatter::scatter_of_steps;
pub use scatter::{Dot, scatter, spread_out};

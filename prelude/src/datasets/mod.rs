//! Data sets that need no download.
//!
//! [`vehicles`] draws small pictures of cars, trucks, buses and vans, as many as wanted, each with a box around the
//! vehicle, and keeps them as an image folder in the cache:
//!
//! ```no_run
//! use candlewick_prelude::datasets;
//! let data = datasets::vehicles().classes(&["car", "truck"]).per_class(120).write()?.split(0.2, 42)?;
//! data.show_batch(9)?;
//! # Ok::<(), candlewick_prelude::Error>(())
//! ```
//!
//! The pictures vary in shape, colour, place, size, light, weather, noise, and in what stands before the vehicle. All
//! classes fill the same share of a picture, in the same colours and places, so a network has to learn shapes. A linear
//! classifier on the pixels stays below 70 % on cars against trucks; a test holds it there.
//!
//! [`reviews`] writes short reviews with known sentiment, and traps for whoever counts words.
//!
//! [`scenes`] draws photographs and paintings of the same things, with boxes: what a detector that has seen the ones misses in the others.

mod draw;
mod reviews;
pub mod scenes;
mod vehicles;

#[cfg(test)]
mod tests;

pub use draw::{Vehicle, draw};
pub use reviews::{Reviews, reviews};
pub use vehicles::{Vehicles, vehicles};

//! The run card: what was trained, on what, how, how well, and within which limits; in words for people and as JSON for programs.
//!
//! `content` is what stands in it and gathers it, `measured` is how good the network is, `caveats` says in words what the numbers do not; `page`
//! lays it out; `run_card` is what a person has in hand.

mod caveats;
mod content;
mod measured;
mod page;
mod run_card;
#[cfg(test)]
mod tests;

pub use run_card::RunCard;

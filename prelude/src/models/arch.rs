//! The bodies there are, and what a model starts from.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::residual;
use crate::layers::Sequential;
use crate::params::ParamSet;
use crate::{Error, Result};

/// A kind of body: how many blocks, of what, and which trained weights fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Arch {
    /// Four residual stages, 0.43 million parameters, made for pictures of 64×64. Its trained weights
    /// ship with the crate: they know cars, buses and vans.
    #[default]
    Small,
}

impl Arch {
    /// Every kind there is.
    pub const ALL: [Arch; 1] = [Arch::Small];

    /// The name that checkpoints carry.
    pub fn name(self) -> &'static str {
        match self {
            Arch::Small => "small",
        }
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// When there is none; the message lists the names.
    pub fn named(name: &str) -> Result<Arch> {
        let known = Arch::ALL.map(Arch::name).join(", ");
        let unknown = || Error::new(format!("no architecture is named `{name}`")).remedy(format!("known: {known}"));
        Arch::ALL.into_iter().find(|arch| arch.name() == name).ok_or_else(unknown)
    }

    /// The side of the pictures that the trained weights saw, in pixels.
    pub fn picture(self) -> usize {
        match self {
            Arch::Small => 64,
        }
    }

    /// Starts from random weights, to compare with.
    pub fn untrained(self) -> Start {
        Start { arch: self, weights: Weights::None }
    }

    /// Starts from the weights of a safetensors file: one that a learner saved, or a published one with the same names.
    pub fn weights(self, path: impl Into<PathBuf>) -> Start {
        Start { arch: self, weights: Weights::File(path.into()) }
    }

    /// Makes the body's blocks; block `n` puts its parameters below `blocks.n`, in group `n`.
    ///
    /// # Errors
    /// When the set already holds a body.
    pub fn body(self, params: &ParamSet) -> Result<Sequential> {
        match self {
            Arch::Small => residual::small(params),
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which weights a body starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weights {
    /// The trained ones that belong to the architecture.
    Trained,
    /// Random ones.
    None,
    /// Those of a safetensors file.
    File(PathBuf),
}

/// What a model starts from: a kind of body and its weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The kind of body.
    pub arch: Arch,
    /// Its weights.
    pub weights: Weights,
}

impl From<Arch> for Start {
    fn from(arch: Arch) -> Start {
        Start { arch, weights: Weights::Trained }
    }
}

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
        Start { weights: Weights::None, ..Start::from(self) }
    }

    /// Starts from the weights of a file, safetensors or PyTorch's `.pth`: one that a learner saved, or a published one
    /// with the same names; or from what `candlewick weights add FILE --as NAME` gave that name.
    pub fn weights(self, path: impl Into<PathBuf>) -> Start {
        Start { weights: Weights::File(path.into()), ..Start::from(self) }
    }

    /// Starts without the body's last `blocks` blocks: their features are the most special to the old task.
    pub fn cut(self, blocks: usize) -> Start {
        Start::from(self).cut(blocks)
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
    /// Those of a file, or of a name.
    File(PathBuf),
}

/// What a model starts from: a kind of body and its weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The kind of body.
    pub arch: Arch,
    /// Its weights.
    pub weights: Weights,
    /// How many blocks are cut off its end.
    pub cut: usize,
}

impl Start {
    /// The same without the body's last `blocks` blocks: `Arch::Small.weights("mine.safetensors").cut(1)`.
    pub fn cut(self, blocks: usize) -> Start {
        Start { cut: blocks, ..self }
    }
}

impl From<Arch> for Start {
    fn from(arch: Arch) -> Start {
        Start { arch, weights: Weights::Trained, cut: 0 }
    }
}

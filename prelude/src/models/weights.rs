//! Where trained weights come from: the crate itself, or a file.

use std::collections::HashMap;

use candle_core::Tensor;

use super::{Arch, Start, Weights};
use crate::params::{is_legacy, read_legacy, read_tensors};
use crate::{Error, Result};

/// The default body's weights with the head they were trained with, made by `examples/pretrain.rs`.
static VEHICLES_SMALL: &[u8] = include_bytes!("../../weights/vehicles_small.safetensors");

/// Trained weights: tensors by name, and what the file says of them.
#[derive(Clone, Debug)]
pub struct Trained {
    /// Where they come from, for messages.
    pub origin: String,
    /// The tensors by name.
    pub tensors: Vec<(String, Tensor)>,
    /// The file's metadata: classes, architecture, normalisation.
    pub metadata: HashMap<String, String>,
}

impl Trained {
    /// The weights that belong to an architecture.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn of(arch: Arch) -> Result<Trained> {
        match arch {
            Arch::Small => Trained::read(VEHICLES_SMALL, "the built-in vehicles_small.safetensors"),
            _ => Err(Error::new(format!("the trained weights of `{arch}` do not ship with the crate"))
                .remedy(format!("name a file: `Arch::{arch:?}.weights(\"file.safetensors\")`"))),
        }
    }

    /// The weights in a safetensors file's bytes.
    ///
    /// # Errors
    /// When the bytes are no whole file.
    pub fn read(bytes: &[u8], origin: &str) -> Result<Trained> {
        let (tensors, metadata) =
            if is_legacy(bytes) { (read_legacy(bytes, origin)?, HashMap::new()) } else { read_tensors(bytes, origin)? };
        Ok(Trained { origin: origin.to_owned(), tensors, metadata })
    }

    /// The weights of a safetensors file.
    ///
    /// # Errors
    /// When the file is missing or not whole.
    pub fn open(path: &std::path::Path) -> Result<Trained> {
        let bytes = std::fs::read(path).map_err(|error| {
            Error::new(format!("no weights could be read from {}", path.display()))
                .caused_by(error)
                .remedy("check the path: cells run in the notebook's folder")
        })?;
        Trained::read(&bytes, &path.display().to_string())
    }

    /// What a start asks for; `None` for random weights.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn for_start(start: &Start) -> Result<Option<Trained>> {
        match &start.weights {
            Weights::Trained => Trained::of(start.arch).map(Some),
            Weights::None => Ok(None),
            Weights::File(path) => Trained::open(path).map(Some),
        }
    }
}

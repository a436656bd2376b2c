//! Tensors with their names, as files hold them.

use candle_core::Tensor;

/// Tensors with their names.
pub type NamedTensors = Vec<(String, Tensor)>;

//! Networks as ONNX files, which onnxruntime and many others run.
//!
//! An [`OnnxGraph`] is built node by node, as a network runs: a layer is given the value that goes in and gives back the one that comes out. A layer
//! of one's own does so in its `fn export`:
//!
//! ```
//! use candlewick_prelude::prelude::*;
//! use candlewick_prelude::onnx::{OnnxGraph, OnnxValue};
//! /// Twice the sine.
//! struct Wave;
//! impl Layer for Wave {
//!     fn forward(&self, x: &Tensor, _: &Pass) -> Result<Tensor> { Ok(x.sin()?.affine(2.0, 0.0)?) }
//!     fn output(&self, input: &[usize]) -> Result<Vec<usize>> { Ok(input.to_vec()) }
//!     fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
//!         let sine = graph.unary("Sin", x);
//!         let two = graph.scalar(2.0);
//!         Ok(graph.mul(&sine, &two))
//!     }
//! }
//! ```
//!
//! - `value`: what flows through a graph; `graph`: the builder; `write`: the file, by the crate `onnx-rs`.

mod graph;
mod value;
mod write;

pub use graph::OnnxGraph;
pub use value::{OnnxAttribute, OnnxFields, OnnxValue};
pub use write::OnnxModel;

use crate::Error;

/// The refusal of what does not say how it is written as ONNX; `what` is its type's name.
pub fn not_exported(what: &str) -> Error {
    let short = what.split('<').next().unwrap_or(what).rsplit("::").next().unwrap_or(what);
    Error::new(format!("`{short}` does not say how it is written as ONNX")).remedy(format!(
        "implement `fn export(&self, graph: &mut OnnxGraph, …)` beside the `forward` of `{short}`, node by node; \
         `candlewick::onnx` has an example"
    ))
}

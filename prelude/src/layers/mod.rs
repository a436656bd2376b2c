//! Layers built on ops and params.
//!
//! A [`Layer`] turns a tensor into a tensor; a [`Pass`] tells it whether the network is training (batch
//! statistics, dropout, a graph for gradients) or predicting (stored statistics, constants throughout).
//! Parameters are made in a [`Scope`](crate::params::Scope), which gives them their dotted names and group.
//!
//! ```
//! use candlewick_prelude::layers::{Conv2d, Layer, Pass};
//! use candlewick_prelude::params::ParamSet;
//! use candle_core::{DType, Device, Tensor};
//! let params = ParamSet::new(0);
//! let conv = Conv2d::new(&params.scope("stem.conv", 0), 3, 8, 3).stride(2).padding(1).build()?;
//! let x = Tensor::zeros((2, 3, 16, 16), DType::F32, &Device::Cpu)?;
//! assert_eq!(conv.forward(&x, &Pass::eval())?.dims(), [2, 8, 8, 8]);
//! assert_eq!(conv.output(&[3, 16, 16])?, [8, 8, 8]); // known without running
//! # Ok::<(), candlewick_prelude::Error>(())
//! ```

mod adapted;
mod attention;
mod conv;
mod conv_norm;
mod linear;
mod lora;
mod norm;
mod pass;
mod sequential;
mod simple;
mod squeeze;

pub use crate::ops::Activation;
pub use attention::{Attention, Perceptron};
pub use conv::{Conv2d, Conv2dBuilder};
pub use conv_norm::ConvNorm;
pub use linear::Linear;
pub use lora::Lora;
pub use norm::{BatchNorm2d, LayerNorm};
pub use pass::Pass;
pub use sequential::Sequential;
pub use simple::{DropPath, Dropout, GlobalAvgPool, MaxPool2d};
pub use squeeze::SqueezeExcite;

use candle_core::Tensor;

use crate::Result;
use crate::onnx::{OnnxGraph, OnnxValue, not_exported};

/// One step of a network: a tensor in, a tensor out.
pub trait Layer: Send + Sync {
    /// The layer's value for a batch.
    ///
    /// # Errors
    /// When the shape does not fit.
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor>;

    /// The shape of one example's value (without the batch) from the shape of one example.
    ///
    /// # Errors
    /// When the shape does not fit.
    fn output(&self, input: &[usize]) -> Result<Vec<usize>>;

    /// Writes what it does in evaluation mode as nodes of an ONNX graph, from the value that goes in to the one that comes out. Unless said
    /// otherwise, it cannot be written; [`onnx`](crate::onnx) has an example of one's own.
    ///
    /// # Errors
    /// When it cannot be written as ONNX.
    fn export(&self, _graph: &mut OnnxGraph, _x: &OnnxValue) -> Result<OnnxValue> {
        Err(not_exported(std::any::type_name::<Self>()))
    }
}

pub(crate) fn dims3(input: &[usize], layer: &str) -> Result<(usize, usize, usize)> {
    match *input {
        [c, h, w] => Ok((c, h, w)),
        _ => Err(crate::Error::new(format!("{layer} expects (channels, height, width), found {input:?}"))),
    }
}

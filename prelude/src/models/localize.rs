//! A head that says a class and where it stands.

use candle_core::{DType, Tensor};

use super::head::{export_pooled, pooled};
use super::{Head, LinearHead, Shapes};
use crate::data::{Fields, field};
use crate::layers::{Activation, Conv2d, Layer, Pass};
use crate::onnx::{OnnxAttribute, OnnxFields, OnnxGraph, OnnxValue};
use crate::params::{Init, Scope};
use crate::{Result, ops};

/// A class as [`LinearHead`] says it, and a box: each cell of the feature map proposes one around its own centre, and
/// the answer is their mean, weighted by a softmax over the cells. Works for any size of picture.
/// Names: `head.class.linear`, `head.box.conv1`, `head.box.conv2`.
#[derive(Debug)]
pub struct LocalizeHead {
    class: LinearHead,
    conv1: Conv2d,
    conv2: Conv2d,
}

impl LocalizeHead {
    /// A head of random weights.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn new(scope: &Scope, channels: usize, classes: usize) -> Result<LocalizeHead> {
        let boxes = scope.child("box");
        let conv = |name: &str, from, to, init| Conv2d::new(&boxes.child(name), from, to, 1).bias().init(init).build();
        Ok(LocalizeHead {
            class: LinearHead::new(&scope.child("class"), field::LOGITS, channels, classes)?,
            conv1: conv("conv1", channels, 64, Init::Kaiming { fan: channels })?,
            // small: the first answer is a box of half the side in the middle
            conv2: conv("conv2", 64, 5, Init::Normal(0.01))?,
        })
    }

    /// The boxes for a batch of features.
    ///
    /// # Shapes
    /// (n, c, h, w) → (n, 4)
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn boxes(&self, features: &Tensor, pass: &Pass) -> Result<Tensor> {
        let features = &match features.rank() {
            4 => features.clone(),
            _ => {
                let row = pooled(features, pass)?;
                let (n, c) = row.dims2()?;
                ops::reshape(&row, (n, c, 1, 1))?
            }
        };
        let (n, _, h, w) = features.dims4()?;
        let x = Activation::Relu.forward(&self.conv1.forward(features, pass)?, pass)?;
        // (n, 5, cells): how much a cell counts, its offset to the centre, width and height
        let x = self.conv2.forward(&x, pass)?.reshape((n, 5, h * w))?;
        let weight = ops::softmax(&x.narrow(1, 0, 1)?, 2)?;
        let centre = x.narrow(1, 1, 2)?.broadcast_add(&centres(h, w, features)?)?;
        let size = ops::sigmoid(&x.narrow(1, 3, 2)?)?;
        Ok(Tensor::cat(&[centre, size], 1)?.broadcast_mul(&weight)?.sum(2)?)
    }
}

impl LocalizeHead {
    fn export_boxes(&self, graph: &mut OnnxGraph, features: &OnnxValue) -> Result<OnnxValue> {
        let map = match features.dims().len() {
            3 => features.clone(),
            _ => {
                let row = export_pooled(graph, features)?;
                graph.reshape(&row, &[row.dims()[0], 1, 1])
            }
        };
        let (h, w) = (map.dims()[1], map.dims()[2]);
        let x = self.conv1.export(graph, &map)?;
        let x = Activation::Relu.export(graph, &x)?;
        let x = self.conv2.export(graph, &x)?;
        let x = graph.reshape(&x, &[5, h * w]);
        let weight = graph.slice(&x, 1, 0, 1, 1)?;
        let weight = graph.softmax(&weight, 2);
        let centre = graph.slice(&x, 1, 1, 3, 1)?;
        let cells =
            graph.weight("centres", &centres(h, w, &Tensor::zeros(1, DType::F32, &candle_core::Device::Cpu)?)?)?;
        let centre = graph.add(&centre, &cells);
        let size = graph.slice(&x, 1, 3, 5, 1)?;
        let size = graph.unary("Sigmoid", &size);
        let both = graph.concat(&[&centre, &size], 1)?;
        let weighed = graph.mul(&both, &weight);
        let axes = graph.integers(&[2]);
        Ok(graph.node("ReduceSum", &[&weighed, &axes], &[("keepdims", OnnxAttribute::Int(0))], &[4]))
    }
}

impl Head for LocalizeHead {
    fn forward(&self, features: &Fields, pass: &Pass) -> Result<Fields> {
        let boxes = |said: Fields| Ok(said.with(field::BOX, self.boxes(features.get(field::FEATURES)?, pass)?));
        boxes(self.class.forward(features, pass)?)
    }

    fn export(&self, graph: &mut OnnxGraph, features: &OnnxFields) -> Result<OnnxFields> {
        let boxes = self.export_boxes(graph, features.get(field::FEATURES)?)?;
        Ok(self.class.export(graph, features)?.with(field::BOX, boxes))
    }

    fn shapes(&self, features: &Shapes) -> Result<Shapes> {
        Ok(self.class.shapes(features)?.with(field::BOX, &[4]))
    }
}

/// The cells' centres in shares of the side: (1, 2, h · w).
fn centres(h: usize, w: usize, like: &Tensor) -> Result<Tensor> {
    let x = (0..h * w).map(|cell| ((cell % w) as f32 + 0.5) / w as f32);
    let y = (0..h * w).map(|cell| ((cell / w) as f32 + 0.5) / h as f32);
    let centres = Tensor::from_vec(x.chain(y).collect(), (1, 2, h * w), like.device())?;
    Ok(centres.to_dtype(if like.dtype().is_float() { like.dtype() } else { DType::F32 })?)
}

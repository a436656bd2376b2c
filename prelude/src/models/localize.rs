//! A head that says a class and where it stands.

use candle_core::{DType, Tensor};

use super::head::pooled;
use super::{Head, LinearHead, Shapes};
use crate::data::{Fields, field};
use crate::layers::{Activation, Conv2d, Layer, Pass};
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

impl Head for LocalizeHead {
    fn forward(&self, features: &Fields, pass: &Pass) -> Result<Fields> {
        let boxes = |said: Fields| Ok(said.with(field::BOX, self.boxes(features.get(field::FEATURES)?, pass)?));
        boxes(self.class.forward(features, pass)?)
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

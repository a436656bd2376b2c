//! What a network says of its features: a class, or a class and a box.

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::data::{Fields, field};
use crate::layers::{Activation, Conv2d, Dropout, GlobalAvgPool, Layer, Linear, Pass};
use crate::params::{Init, ParamSet, Scope};
use crate::{Result, ops};

/// What a head answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// One class a picture.
    Classify,
    /// One class and one box a picture.
    Localize,
    /// One or more numbers a picture.
    Regress,
}

/// The last part of a network.
#[derive(Debug)]
pub enum Head {
    /// One class a picture.
    Classify(ClassHead),
    /// One class and one box a picture.
    Localize(Box<LocalizeHead>),
    /// One or more numbers a picture.
    Regress(ClassHead),
}

impl Head {
    /// A head of random weights below `head`, in group `group`, for features of so many channels.
    ///
    /// # Errors
    /// When the set already holds a head.
    pub fn new(task: Task, params: &ParamSet, group: usize, channels: usize, classes: usize) -> Result<Head> {
        let scope = params.scope("head", group);
        Ok(match task {
            Task::Classify => Head::Classify(ClassHead::new(&scope, channels, classes)?),
            Task::Localize => Head::Localize(Box::new(LocalizeHead::new(&scope, channels, classes)?)),
            Task::Regress => Head::Regress(ClassHead::new(&scope, channels, classes)?),
        })
    }

    /// What the head answers.
    pub fn task(&self) -> Task {
        match self {
            Head::Classify(_) => Task::Classify,
            Head::Localize(_) => Task::Localize,
            Head::Regress(_) => Task::Regress,
        }
    }

    /// The answer for a batch: of its field `features`, a map, or for bodies that end in none, a row of numbers a picture.
    ///
    /// # Shapes
    /// (n, c, h, w), (n, tokens, c) or (n, c) → `logits` (n, classes) and perhaps `box` (n, 4); or `numbers` (n, numbers)
    ///
    /// # Errors
    /// When the field is not there, or its shape does not fit.
    pub fn forward(&self, features: &Fields, pass: &Pass) -> Result<Fields> {
        let features = features.get(field::FEATURES)?;
        Ok(match self {
            Head::Classify(head) => Fields::of(field::LOGITS, head.forward(features, pass)?),
            Head::Regress(head) => Fields::of(field::NUMBERS, head.forward(features, pass)?),
            Head::Localize(head) => Fields::of(field::LOGITS, head.class.forward(features, pass)?)
                .with(field::BOX, head.boxes(features, pass)?),
        })
    }
}

/// Mean over the picture (where features are a map), dropout, one matrix. Names: `head.linear`.
#[derive(Debug)]
pub struct ClassHead {
    dropout: Dropout,
    linear: Linear,
}

impl ClassHead {
    /// A head of random weights.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn new(scope: &Scope, channels: usize, classes: usize) -> Result<ClassHead> {
        Ok(ClassHead { dropout: Dropout(0.2), linear: Linear::new(&scope.child("linear"), channels, classes)? })
    }
}

impl Layer for ClassHead {
    fn forward(&self, features: &Tensor, pass: &Pass) -> Result<Tensor> {
        let pooled = pooled(features, pass)?;
        self.linear.forward(&self.dropout.forward(&pooled, pass)?, pass)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.linear.output(&[width(input)])
    }
}

/// A row of features a picture: the mean over a map; of tokens, the first one, which stands for the picture.
pub(super) fn pooled(features: &Tensor, pass: &Pass) -> Result<Tensor> {
    match features.rank() {
        4 => GlobalAvgPool.forward(features, pass),
        3 => Ok(ops::token(features, 0)?),
        _ => Ok(features.clone()),
    }
}

/// The number of features of a map (c, h, w), of tokens (tokens, c) or of a row (c).
pub(super) fn width(output: &[usize]) -> usize {
    match *output {
        [_, features] => features,
        _ => output.first().copied().unwrap_or(0),
    }
}

/// A class as [`ClassHead`], and a box: each cell of the feature map proposes one around its own centre, and the
/// answer is their mean, weighted by a softmax over the cells. Works for any size of picture.
/// Names: `head.class.linear`, `head.box.conv1`, `head.box.conv2`.
#[derive(Debug)]
pub struct LocalizeHead {
    class: ClassHead,
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
            class: ClassHead::new(&scope.child("class"), channels, classes)?,
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

/// The cells' centres in shares of the side: (1, 2, h · w).
fn centres(h: usize, w: usize, like: &Tensor) -> Result<Tensor> {
    let x = (0..h * w).map(|cell| ((cell % w) as f32 + 0.5) / w as f32);
    let y = (0..h * w).map(|cell| ((cell / w) as f32 + 0.5) / h as f32);
    let centres = Tensor::from_vec(x.chain(y).collect(), (1, 2, h * w), like.device())?;
    Ok(centres.to_dtype(if like.dtype().is_float() { like.dtype() } else { DType::F32 })?)
}

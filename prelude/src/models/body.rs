//! A body: named parts, one after another, from what goes in to features.

use std::ops::Range;

use super::Shapes;
use crate::data::{Fields, field};
use crate::layers::{Pass, Sequential};
use crate::onnx::{OnnxFields, OnnxGraph, not_exported};
use crate::{Error, Result};

/// What turns inputs into features, in named parts that can be frozen from the start.
pub trait Body: Send + Sync {
    /// The names of the parts, in order.
    fn parts(&self) -> Vec<String>;

    /// Runs some of the parts: from the inputs where they begin with the first, else from what the part before them gave.
    ///
    /// # Errors
    /// When a field is missing, or its shape does not fit.
    fn run(&self, parts: Range<usize>, state: Fields, pass: &Pass) -> Result<Fields>;

    /// How many of the parts, from the start on, are the backbone: what `learner.freeze()` freezes. All of them, unless said otherwise.
    fn backbone(&self) -> usize {
        self.parts().len()
    }

    /// The shapes after each part, from those of one example's inputs.
    ///
    /// # Errors
    /// When the inputs are too small.
    fn shapes(&self, inputs: &Shapes) -> Result<Vec<Shapes>>;

    /// Writes all its parts, in evaluation mode, as nodes of an ONNX graph: from the inputs to the features and what is tapped.
    ///
    /// # Errors
    /// When it, or a layer of it, cannot be written as ONNX.
    fn export(&self, _graph: &mut OnnxGraph, _inputs: OnnxFields) -> Result<OnnxFields> {
        Err(not_exported(std::any::type_name::<Self>()))
    }
}

/// A body of layers for pictures. The field `image` becomes `features`; the parts that are tapped leave their value as
/// `tap.8` and the like beside it.
pub(super) struct Blocks {
    layers: Sequential,
    /// Parts whose value is given beside the features, and their strides.
    taps: Vec<(usize, usize)>,
}

impl Blocks {
    pub fn new(layers: Sequential) -> Blocks {
        Blocks { layers, taps: Vec::new() }
    }

    /// Taps the last maps of these strides (pixels of the picture a cell), for pictures of this side.
    pub fn tap(&mut self, strides: &[usize], side: usize, name: &str) -> Result<()> {
        let outputs = self.layers.outputs(&[3, side, side])?;
        let stride = |output: &[usize]| match *output {
            [_, height, _] if height > 0 && side.is_multiple_of(height) => Some(side / height),
            _ => None,
        };
        self.taps.clear();
        for wanted in strides {
            let Some(block) = outputs.iter().rposition(|output| stride(output) == Some(*wanted)) else {
                let mut there: Vec<usize> = outputs.iter().filter_map(|output| stride(output)).collect();
                there.dedup();
                let there: Vec<String> = there.iter().map(usize::to_string).collect();
                let what = format!("`{name}` has no map of stride {wanted}");
                return Err(Error::new(what).remedy(match there.is_empty() {
                    true => "it has no maps: choose a convolutional body, such as `Arch::ResNet18`".to_owned(),
                    false => format!("its strides are {}", there.join(", ")),
                }));
            };
            self.taps.push((block, *wanted));
        }
        Ok(())
    }
}

impl Body for Blocks {
    fn parts(&self) -> Vec<String> {
        self.layers.names().map(str::to_owned).collect()
    }

    fn run(&self, parts: Range<usize>, mut state: Fields, pass: &Pass) -> Result<Fields> {
        let mut x = match state.remove(field::FEATURES) {
            Some(features) => features,
            None => state.get(field::IMAGE)?.clone(),
        };
        state.remove(field::IMAGE);
        for part in parts {
            x = self.layers.forward_range(part..part + 1, &x, pass)?;
            for (_, stride) in self.taps.iter().filter(|(tapped, _)| *tapped == part) {
                state.set(&field::tap(*stride), x.clone());
            }
        }
        Ok(state.with(field::FEATURES, x))
    }

    fn export(&self, graph: &mut OnnxGraph, inputs: OnnxFields) -> Result<OnnxFields> {
        let (mut x, mut state) = (inputs.first()?.clone(), OnnxFields::default());
        for part in 0..self.layers.len() {
            x = self.layers.export_range(part..part + 1, graph, &x)?;
            for (_, stride) in self.taps.iter().filter(|(tapped, _)| *tapped == part) {
                state = state.with(field::tap(*stride), x.clone());
            }
        }
        Ok(state.with(field::FEATURES, x))
    }

    fn shapes(&self, inputs: &Shapes) -> Result<Vec<Shapes>> {
        let outputs = self.layers.outputs(inputs.get(field::IMAGE)?)?;
        let mut taps = Shapes::default();
        let after = outputs.into_iter().enumerate().map(|(part, output)| {
            for (_, stride) in self.taps.iter().filter(|(tapped, _)| *tapped == part) {
                taps = std::mem::take(&mut taps).with(field::tap(*stride), &output);
            }
            taps.clone().with(field::FEATURES, &output)
        });
        Ok(after.collect())
    }
}

/// A body of no parts: what goes in is what the head gets.
pub(super) struct NoBody;

impl Body for NoBody {
    fn parts(&self) -> Vec<String> {
        Vec::new()
    }

    fn run(&self, _: Range<usize>, state: Fields, _: &Pass) -> Result<Fields> {
        Ok(state)
    }

    fn export(&self, _: &mut OnnxGraph, inputs: OnnxFields) -> Result<OnnxFields> {
        Ok(inputs)
    }

    fn shapes(&self, _: &Shapes) -> Result<Vec<Shapes>> {
        Ok(Vec::new())
    }
}

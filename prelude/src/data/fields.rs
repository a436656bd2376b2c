//! Named tensors: what goes into a network, what it says, what is true.

use crate::{Error, Result};
use candle_core::{Device, Tensor};

/// The names that fields have.
pub mod field {
    /// Pictures, normalised: `(n, 3, side, side)`, f32.
    pub const IMAGE: &str = "image";
    /// What goes into a network that takes no pictures: `(n, …)`, f32.
    pub const INPUT: &str = "input";
    /// Numbers of tokens, each row padded to the longest of the batch: `(n, t)`, u32.
    pub const IDS: &str = "ids";
    /// Of each token, whether it belongs to the first text of a pair (0) or to the second (1): `(n, t)`, u32.
    pub const TYPES: &str = "types";
    /// Of each token, 1 where it is of the text and 0 where it is padding, which stands at the end: `(n, t)`, u32.
    pub const MASK: &str = "mask";
    /// Where a value has a row a token of the batch, padding left out, how many tokens each example has: `(n)`, u32.
    pub const LENGTHS: &str = "lengths";
    /// The value of a body's last part that has run; at the end its features.
    pub const FEATURES: &str = "features";
    /// What a network says, where its maker gave it no other name.
    pub const OUTPUT: &str = "output";
    /// As a truth, indices of classes: `(n)`, u32.
    pub const CLASS: &str = "class";
    /// As a truth, 1 for each label that applies and 0 for the others: `(n, labels)`, f32.
    pub const LABELS: &str = "labels";
    /// As a truth while training, each class's share of an example that is made of several: `(n, classes)`, f32.
    pub const SHARES: &str = "shares";
    /// As a truth while training, how much each class or label weighs in the loss: `(classes)`, f32.
    pub const WEIGHTS: &str = "weights";
    /// As a truth while training, by which power of what is missing easy examples weigh less: one number.
    pub const FOCUS: &str = "focus";
    /// As a truth while training, what share of each class's label is spread over all classes: one number.
    pub const SMOOTHING: &str = "smoothing";
    /// One number a class, before the softmax: `(n, classes)`, f32.
    pub const LOGITS: &str = "logits";
    /// Numbers, said or true: `(n, numbers)`, f32.
    pub const NUMBERS: &str = "numbers";
    /// One box a picture, said or true, `[centre x, centre y, width, height]` in shares of the side: `(n, 4)`, f32.
    ///
    /// Where any number of boxes a picture are true: all boxes of the batch, one after another, `(boxes, 4)`.
    pub const BOX: &str = "box";
    /// Of each box, the index of its class: `(boxes)`, u32.
    pub const BOX_CLASS: &str = "box_class";
    /// Of each box, which picture of the batch it stands on: `(boxes)`, u32.
    pub const BOX_OF: &str = "box_of";
    /// Of each box, 1 where it stands around many objects that nobody counted: `(boxes)`, u32.
    pub const BOX_CROWD: &str = "box_crowd";
    /// Width and height of each picture's file, in pixels: `(n, 2)`, f32.
    pub const SOURCE: &str = "source";
    /// As a truth while training, that pictures were put together of several: one number.
    pub const MOSAIC: &str = "mosaic";
    /// What YOLOX's head says: `(n, 5 + classes, cells)`, f32.
    pub const YOLOX: &str = "yolox";
    /// What YOLOv8's head says: `(n, 64 + classes, cells)`, f32.
    pub const YOLOV8: &str = "yolov8";

    /// The map that a body taps for a pyramid, of this many pixels of the picture a cell: `tap.16`.
    pub fn tap(stride: usize) -> String {
        format!("tap.{stride}")
    }

    /// The map of a pyramid, of this many pixels of the picture a cell: `level.16`.
    pub fn level(stride: usize) -> String {
        format!("level.{stride}")
    }
}

/// Named tensors, in order. [`field`] has the names that this crate gives.
///
/// ```
/// use candlewick_prelude::candle_core::{DType, Device, Tensor};
/// use candlewick_prelude::data::{Fields, field};
/// let truth = Tensor::new(&[0u32, 1], &Device::Cpu)?;
/// let targets = Fields::of(field::CLASS, truth).with("mask", Tensor::ones((2, 8, 8), DType::F32, &Device::Cpu)?);
/// assert_eq!(targets.get("mask")?.dims(), [2, 8, 8]);
/// assert!(targets.get("box").unwrap_err().to_string().contains("`class`, `mask`"));
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, Tensor)>);

impl Fields {
    /// One field.
    pub fn of(name: impl Into<String>, value: Tensor) -> Fields {
        Fields::default().with(name, value)
    }

    /// The same with another field at the end; one of the same name is replaced where it stands.
    pub fn with(mut self, name: impl Into<String>, value: Tensor) -> Fields {
        self.set(&name.into(), value);
        self
    }

    /// Puts a field at the end, or in the place of the one of the same name.
    pub fn set(&mut self, name: &str, value: Tensor) {
        match self.0.iter_mut().find(|(own, _)| own == name) {
            Some((_, own)) => *own = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Takes a field out.
    pub fn remove(&mut self, name: &str) -> Option<Tensor> {
        let at = self.0.iter().position(|(own, _)| own == name)?;
        Some(self.0.remove(at).1)
    }

    /// The field of this name.
    ///
    /// # Errors
    /// When there is none; the message lists those that there are.
    pub fn get(&self, name: &str) -> Result<&Tensor> {
        self.find(name).ok_or_else(|| {
            let names: Vec<String> = self.names().map(|name| format!("`{name}`")).collect();
            let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Error::new(format!("there is no field `{name}`")).remedy(format!("the fields are {there}"))
        })
    }

    /// The field of this name, if there is one.
    pub fn find(&self, name: &str) -> Option<&Tensor> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same fields with other values.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn map(&self, mut change: impl FnMut(&Tensor) -> Result<Tensor>) -> Result<Fields> {
        self.iter().map(|(name, value)| Ok((name.to_owned(), change(value)?))).collect::<Result<Vec<_>>>().map(Fields)
    }

    /// One example's row of every field that has a row an example, of so many.
    ///
    /// # Errors
    /// When there is no such example.
    pub fn row(&self, example: usize, examples: usize) -> Result<Fields> {
        self.map(|value| match value.dims().first() {
            Some(rows) if *rows == examples => Ok(value.narrow(0, example, 1)?),
            _ => Ok(value.clone()),
        })
    }

    /// The same on a device.
    ///
    /// # Errors
    /// When the device has no room.
    pub fn to_device(&self, device: &Device) -> Result<Fields> {
        // there is nothing to move of a tensor of no numbers, and no memory of none to be had
        self.map(|value| Ok(if value.elem_count() == 0 { value.clone() } else { value.to_device(device)? }))
    }

    /// The same as constants, outside of any graph.
    pub fn detach(&self) -> Fields {
        Fields(self.0.iter().map(|(name, value)| (name.clone(), value.detach())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order() -> Result<()> {
        let number = |value: f32| Tensor::new(&[value], &Device::Cpu);
        let mut fields = Fields::of("b", number(1.0)?).with("a", number(2.0)?).with("b", number(3.0)?);
        assert_eq!(fields.names().collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(fields.get("b")?.to_vec1::<f32>()?, [3.0]);
        let doubled = fields.map(|value| Ok((value * 2.0)?))?;
        assert_eq!(doubled.get("a")?.to_vec1::<f32>()?, [4.0]);
        assert!(fields.remove("b").is_some() && fields.remove("b").is_none());
        assert_eq!((fields.len(), fields.is_empty(), Fields::default().is_empty()), (1, false, true));
        assert!(Fields::default().get("x").unwrap_err().to_string().contains("the fields are none"));
        Ok(())
    }
}

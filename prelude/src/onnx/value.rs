//! What flows through a graph: values with their shapes, by name, and the attributes of nodes.

use crate::{Error, Result};

/// A value of a graph: its name, and its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnnxValue {
    pub(super) name: String,
    pub(super) dims: Vec<usize>,
    pub(super) whole: bool,
}

impl OnnxValue {
    /// Its name in the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape of one example, without the batch, as [`Layer::output`](crate::layers::Layer::output) has it; of a constant the whole shape. 0 stands
    /// for what differs from batch to batch, such as the number of tokens.
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }
}

/// An attribute of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum OnnxAttribute {
    /// A whole number.
    Int(i64),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// A number.
    Float(f32),
    /// A word.
    Text(String),
}

/// Values of a graph by the names of the fields that a network has of them: `features`, `logits`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnnxFields(Vec<(String, OnnxValue)>);

impl OnnxFields {
    /// One field.
    pub fn of(name: impl Into<String>, value: OnnxValue) -> OnnxFields {
        OnnxFields::default().with(name, value)
    }

    /// The same with another field, or another value of the field of this name.
    pub fn with(mut self, name: impl Into<String>, value: OnnxValue) -> OnnxFields {
        let name = name.into();
        match self.0.iter_mut().find(|(own, _)| *own == name) {
            Some((_, own)) => *own = value,
            None => self.0.push((name, value)),
        }
        self
    }

    /// The value of this name.
    ///
    /// # Errors
    /// When there is none; the message lists those that there are.
    pub fn get(&self, name: &str) -> Result<&OnnxValue> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value).ok_or_else(|| {
            let there: Vec<String> = self.0.iter().map(|(name, _)| format!("`{name}`")).collect();
            Error::new(format!("there is no field `{name}`")).remedy(format!("the fields are {}", there.join(", ")))
        })
    }

    /// The first value: what goes in, where it is one thing.
    ///
    /// # Errors
    /// When there is none.
    pub fn first(&self) -> Result<&OnnxValue> {
        self.0.first().map(|(_, value)| value).ok_or_else(|| Error::new("nothing goes into the network"))
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &OnnxValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

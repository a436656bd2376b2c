//! Shapes of one example's fields: what a network's parts say before anything runs.

use crate::data::field;
use crate::{Error, Result};

/// The shapes of one example's fields, without the batch, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shapes(Vec<(String, Vec<usize>)>);

impl Shapes {
    /// One field.
    pub fn of(name: impl Into<String>, dims: &[usize]) -> Shapes {
        Shapes::default().with(name, dims)
    }

    /// The same with another field, or another shape of the field of this name.
    pub fn with(mut self, name: impl Into<String>, dims: &[usize]) -> Shapes {
        let name = name.into();
        match self.0.iter_mut().find(|(own, _)| *own == name) {
            Some((_, own)) => *own = dims.to_vec(),
            None => self.0.push((name, dims.to_vec())),
        }
        self
    }

    /// The shape of the field of this name.
    ///
    /// # Errors
    /// When there is none; the message lists those that there are.
    pub fn get(&self, name: &str) -> Result<&[usize]> {
        self.find(name).ok_or_else(|| {
            let there: Vec<String> = self.0.iter().map(|(name, dims)| format!("`{name}` {dims:?}")).collect();
            Error::new(format!("there is no field `{name}`")).remedy(format!("the fields are {}", there.join(", ")))
        })
    }

    /// The shape of the field of this name, if there is one.
    pub fn find(&self, name: &str) -> Option<&[usize]> {
        self.iter().find(|(own, _)| *own == name).map(|(_, dims)| dims)
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.0.iter().map(|(name, dims)| (name.as_str(), dims.as_slice()))
    }

    /// How many numbers stand for an example once its features are a row: the channels of a map, the width of tokens.
    ///
    /// # Errors
    /// When there are no features.
    pub fn channels(&self) -> Result<usize> {
        Ok(match *self.get(field::FEATURES)? {
            [_, features] => features,
            ref dims => dims.first().copied().unwrap_or(0),
        })
    }
}

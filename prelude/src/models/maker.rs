//! How a network's head is made, as often as the network is copied.

use std::sync::Arc;

use super::{Head, LinearHead, LocalizeHead, Shapes};
use crate::Result;
use crate::data::field;
use crate::params::Scope;

/// How a network's head is made: once for the network, and once for each copy of it.
#[derive(Clone)]
pub struct HeadMaker(Arc<Make>);

type Make = dyn Fn(&Scope, &Shapes) -> Result<Box<dyn Head>> + Send + Sync;

impl HeadMaker {
    /// A head made by this function, in a scope named `head`, for features of these shapes.
    pub fn new(make: impl Fn(&Scope, &Shapes) -> Result<Box<dyn Head>> + Send + Sync + 'static) -> HeadMaker {
        HeadMaker(Arc::new(make))
    }

    /// A [`LinearHead`] that says so many `logits`.
    pub fn classes(count: usize) -> HeadMaker {
        HeadMaker::new(move |at, features| {
            Ok(Box::new(LinearHead::new(at, field::LOGITS, features.channels()?, count)?))
        })
    }

    /// A [`LinearHead`] that says so many `numbers`.
    pub fn numbers(count: usize) -> HeadMaker {
        HeadMaker::new(move |at, features| {
            Ok(Box::new(LinearHead::new(at, field::NUMBERS, features.channels()?, count)?))
        })
    }

    /// A [`LocalizeHead`] of so many classes.
    pub fn class_and_box(count: usize) -> HeadMaker {
        HeadMaker::new(move |at, features| Ok(Box::new(LocalizeHead::new(at, features.channels()?, count)?)))
    }

    /// Makes a head.
    ///
    /// # Errors
    /// Those of the function.
    pub fn make(&self, at: &Scope, features: &Shapes) -> Result<Box<dyn Head>> {
        (self.0)(at, features)
    }
}

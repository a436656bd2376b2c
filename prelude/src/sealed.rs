//! Values whose parts are dropped by code that is compiled here, and not in every cell that holds one.
//!
//! How a value is dropped is compiled in the crate that drops it. A cell is a crate, and a learner's network, optimiser
//! and history came to half of what a cell that holds one had to compile.

use std::any::Any;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// A value behind a table of its own functions, with no other sign of it.
pub(crate) struct Sealed<T> {
    value: Box<dyn Any + Send + Sync>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Any + Send + Sync> Sealed<T> {
    /// Seals a value.
    pub(crate) fn new(value: T) -> Sealed<T> {
        Sealed { value: Box::new(value), kind: PhantomData }
    }
}

impl<T: Any> Deref for Sealed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.downcast_ref().expect("made of this type")
    }
}

impl<T: Any> DerefMut for Sealed<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.downcast_mut().expect("made of this type")
    }
}

impl<T: Any + Send + Sync> From<T> for Sealed<T> {
    fn from(value: T) -> Sealed<T> {
        Sealed::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_sealed_value_is_the_value_and_is_dropped_once() {
        let counted = Arc::new(());
        let mut sealed = Sealed::new((vec![1, 2], Arc::clone(&counted)));
        sealed.0.push(3);
        assert_eq!((sealed.0.as_slice(), Arc::strong_count(&counted)), (&[1, 2, 3][..], 2));
        drop(sealed);
        assert_eq!(Arc::strong_count(&counted), 1);
    }
}

//! What a table of variables says of one: its sides and its bytes.

use candle_core::Tensor;
use image::{DynamicImage, GenericImageView, ImageBuffer, Pixel};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// What is known of a variable beside its name and type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// How long it is along each side, and what it holds; empty where it has no sides.
    pub shape: String,
    /// Its bytes in memory, those on the heap included as far as its type knows of them at once.
    pub bytes: u64,
}

/// A value that knows what a table of variables should say of it; the others are told with their size alone.
///
/// ```
/// use candlewick_prelude::show::Describe;
/// assert_eq!(vec![0f32; 1000].describe().shape, "1000");
/// assert_eq!("three".describe().bytes, 5);
/// ```
pub trait Describe {
    /// Sides and bytes. Called between cells, so it should take no time.
    fn describe(&self) -> Description;
}

fn of(shape: impl ToString, bytes: usize) -> Description {
    Description { shape: shape.to_string(), bytes: bytes as u64 }
}

impl Describe for Tensor {
    fn describe(&self) -> Description {
        let dims: Vec<String> = self.dims().iter().map(ToString::to_string).collect();
        let shape = if dims.is_empty() { "scalar".to_owned() } else { dims.join("×") };
        of(format!("{shape} {:?}", self.dtype()), self.elem_count() * self.dtype().size_in_bytes())
    }
}

impl Describe for str {
    fn describe(&self) -> Description {
        of(format!("{} characters", self.chars().count()), self.len())
    }
}

impl Describe for String {
    fn describe(&self) -> Description {
        of(self.as_str().describe().shape, size_of::<String>() + self.capacity())
    }
}

impl<T> Describe for [T] {
    fn describe(&self) -> Description {
        of(self.len(), size_of_val(self))
    }
}

impl<T, const N: usize> Describe for [T; N] {
    fn describe(&self) -> Description {
        self.as_slice().describe()
    }
}

impl<T> Describe for Vec<T> {
    fn describe(&self) -> Description {
        of(self.len(), size_of_val(self) + self.capacity() * size_of::<T>())
    }
}

/// Collections whose elements lie apart from them; what holds the elements together is not counted.
macro_rules! describe_collections {
    ($($type:ty, $element:ty, [$($generics:tt)*]);* $(;)?) => {
        $(impl<$($generics)*> Describe for $type {
            fn describe(&self) -> Description {
                of(self.len(), size_of_val(self) + self.len() * size_of::<$element>())
            }
        })*
    };
}

describe_collections!(
    VecDeque<T>, T, [T];
    HashMap<K, V, S>, (K, V), [K, V, S];
    BTreeMap<K, V>, (K, V), [K, V];
    HashSet<T, S>, T, [T, S];
    BTreeSet<T>, T, [T];
);

impl Describe for DynamicImage {
    fn describe(&self) -> Description {
        let (width, height) = self.dimensions();
        of(format!("{width}×{height} {:?}", self.color()), self.as_bytes().len())
    }
}

impl<P: Pixel> Describe for ImageBuffer<P, Vec<P::Subpixel>> {
    fn describe(&self) -> Description {
        let (width, height) = self.dimensions();
        of(format!("{width}×{height} {}", P::COLOR_MODEL), size_of_val(self.as_raw().as_slice()))
    }
}

impl<T: Describe + ?Sized> Describe for &T {
    fn describe(&self) -> Description {
        (**self).describe()
    }
}

impl<T: Describe + ?Sized> Describe for Box<T> {
    fn describe(&self) -> Description {
        (**self).describe()
    }
}

impl<T: Describe + ?Sized> Describe for Arc<T> {
    fn describe(&self) -> Description {
        (**self).describe()
    }
}

/// What a session evaluates to learn of its variables; not for cells.
#[doc(hidden)]
pub mod vars {
    use super::super::channel::send;
    use super::{Describe, Description};
    use candlewick_wire::{Described, Message};

    /// A borrowed variable. `(&Probe(&x)).describe()` finds [`ByKind`] first, which wants [`Describe`], and
    /// otherwise, one reference further, [`BySize`].
    pub struct Probe<'a, T>(pub &'a T);

    /// The description that the type gives.
    pub trait ByKind {
        /// As [`Describe::describe`].
        fn describe(&self) -> Description;
    }

    impl<T: Describe> ByKind for Probe<'_, T> {
        fn describe(&self) -> Description {
            self.0.describe()
        }
    }

    /// The description of any other type.
    pub trait BySize {
        /// The size alone.
        fn describe(&self) -> Description;
    }

    impl<T> BySize for &Probe<'_, T> {
        fn describe(&self) -> Description {
            super::of("", size_of_val(self.0))
        }
    }

    /// Tells the session.
    pub fn tell(variables: impl IntoIterator<Item = (&'static str, Description)>) {
        let row = |(name, Description { shape, bytes }): (&str, _)| Described { name: name.to_owned(), shape, bytes };
        send(&Message::Described { variables: variables.into_iter().map(row).collect() });
    }
}

#[cfg(test)]
mod tests {
    use super::vars::{ByKind, BySize, Probe};
    use super::*;
    use candle_core::{DType, Device};
    use image::RgbImage;

    #[test]
    fn what_has_sides_says_so_and_the_rest_has_a_size() -> crate::Result<()> {
        macro_rules! probed {
            ($variable:expr) => {
                (&Probe(&$variable)).describe()
            };
        }
        struct Other([u64; 3]);
        let other = Other([1, 2, 3]);
        let tensor = Tensor::zeros((32, 3, 64, 64), DType::F32, &Device::Cpu)?;
        let scalar = Tensor::new(1u8, &Device::Cpu)?;
        let (words, text, boxed) = (vec!["a"; 5], "größe", Box::new([0f64; 4]));
        let map = HashMap::from([(1u32, 2u32)]);
        let picture = RgbImage::new(20, 10);
        for (found, shape, bytes) in [
            (probed!(tensor), "32×3×64×64 F32", 32 * 3 * 64 * 64 * 4),
            (probed!(scalar), "scalar U8", 1),
            (probed!(words), "5", 24 + 5 * 16),
            (probed!(text), "5 characters", 7),
            (probed!(boxed), "4", 32),
            (probed!(map), "1", size_of_val(&map) as u64 + 8),
            (probed!(picture), "20×10 RGB", 600),
            (probed!(other), "", 24),
            (probed!(7i32), "", 4),
        ] {
            assert_eq!(found, Description { shape: shape.to_owned(), bytes });
        }
        assert_eq!(other.0.len(), 3);
        Ok(())
    }
}

//! Learning rates: one for all groups, or a range over them.

use std::ops::{Range, RangeInclusive};

use serde::{Deserialize, Serialize};

use crate::{Result, limits};

/// A learning rate: one number, or a range spread geometrically over the groups, low at the input.
///
/// ```
/// use candlewick_prelude::train::Rate;
/// assert_eq!(Rate::from(1e-3).over(3), [1e-3, 1e-3, 1e-3]);
/// let spread = Rate::from(1e-5..1e-3).over(3);
/// assert!((spread[1] - 1e-4).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Rate {
    /// The same for every group.
    One(f64),
    /// From the first group to the last, each the same factor above the one before.
    Spread {
        /// The first group's.
        low: f64,
        /// The last group's.
        high: f64,
    },
}

impl Rate {
    /// The rate of each of so many groups.
    pub fn over(self, groups: usize) -> Vec<f64> {
        match self {
            Rate::One(rate) => vec![rate; groups],
            Rate::Spread { high, .. } if groups < 2 => vec![high; groups],
            Rate::Spread { low, high } => {
                (0..groups).map(|group| low * (high / low).powf(group as f64 / (groups - 1) as f64)).collect()
            }
        }
    }

    /// The highest of its rates.
    pub fn top(self) -> f64 {
        match self {
            Rate::One(rate) => rate,
            Rate::Spread { low, high } => high.max(low),
        }
    }

    /// Refuses what is no rate.
    pub(super) fn check(self) -> Result<()> {
        let remedy = "try `learner.fit(3, 1e-3)?`, or a range for low rates in early layers: `1e-5..1e-3`";
        limits::allow(self.is_valid(), "the learning rate", &self, "a finite positive number", remedy)?;
        if let Rate::Spread { low, high } = self {
            let remedy = format!("low rates for early layers, high ones for the head: `{high:e}..{low:e}`");
            limits::allow(low <= high, "the range of learning rates", &self, "the lower rate first", &remedy)?;
        }
        Ok(())
    }

    /// Whether every rate is a positive number.
    pub fn is_valid(self) -> bool {
        let fine = |rate: f64| rate.is_finite() && rate > 0.0;
        match self {
            Rate::One(rate) => fine(rate),
            Rate::Spread { low, high } => fine(low) && fine(high),
        }
    }
}

/// What a verb takes as a learning rate: a number, or a range of numbers over the groups.
///
/// ```
/// use candlewick_prelude::train::{IntoRate, Rate};
/// assert_eq!(1e-3.into_rate(), Rate::One(1e-3));
/// assert_eq!(1.into_rate(), Rate::One(1.0));
/// assert_eq!((1e-5..=1e-3).into_rate(), (1e-5..1e-3).into_rate());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no learning rate",
    label = "expected a number or a range of numbers, such as `1e-3` or `1e-5..1e-3`",
    note = "one number is the rate of all layers: `learner.fit(3, 1e-3)?`",
    note = "a range is spread over them, low in the first ones: `learner.fit(3, 1e-5..1e-3)?`"
)]
pub trait IntoRate {
    /// The learning rate.
    fn into_rate(self) -> Rate;
}

macro_rules! rate_of {
    ($($number:ty),*) => {
        $(impl From<$number> for Rate {
            fn from(rate: $number) -> Rate {
                Rate::One(rate as f64)
            }
        })*
        rate_into!(Rate, Range<f64>, RangeInclusive<f64>, $($number),*);
    };
}

// Not generic, so that a cell compiles none of them.
macro_rules! rate_into {
    ($($given:ty),*) => {
        $(impl IntoRate for $given {
            fn into_rate(self) -> Rate {
                self.into()
            }
        })*
    };
}

rate_of!(f64, f32, i32, i64, u32, u64, usize);

impl From<Range<f64>> for Rate {
    fn from(range: Range<f64>) -> Rate {
        Rate::Spread { low: range.start, high: range.end }
    }
}

impl From<RangeInclusive<f64>> for Rate {
    fn from(range: RangeInclusive<f64>) -> Rate {
        Rate::Spread { low: *range.start(), high: *range.end() }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Rate::One(rate) => write!(f, "{rate:.1e}"),
            Rate::Spread { low, high } => write!(f, "{low:.1e} to {high:.1e}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // fastai 2.7: even_mults(1e-5, 1e-3, 5)
    #[test]
    fn a_range_is_spread_as_fastai() {
        let expected = [1e-5, 3.162_277_660_168_379e-5, 1e-4, 3.162_277_660_168_379_6e-4, 1e-3];
        for (found, expected) in Rate::from(1e-5..1e-3).over(5).into_iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < 1e-12, "{found}");
        }
        assert_eq!(Rate::from(1e-5..=1e-3), Rate::from(1e-5..1e-3));
        assert!(!Rate::from(0.0).is_valid() && !Rate::from(-1e-3..1e-3).is_valid() && !Rate::from(f64::NAN).is_valid());
    }
}

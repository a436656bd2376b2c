//! How far an edge of a box is from a cell's middle, told as shares of 16 whole distances. Li et al. 2020 (distribution focal loss).

/// How many whole distances there are, from 0 on.
pub const BINS: usize = 16;
/// The farthest distance that is learned, in strides: a little within the last.
const FARTHEST: f64 = BINS as f64 - 1.01;

/// What is said of one edge of a box: a share for each whole distance, in strides, and their mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// How sure it is of each whole distance; their sum is 1.
    pub shares: [f64; BINS],
    /// The mean of the distances.
    pub distance: f64,
    /// The logarithms of the shares.
    logs: [f64; BINS],
}

impl Edge {
    /// What these numbers say, one for each whole distance, before the softmax.
    ///
    /// ```
    /// use candlewick_prelude::detect::Edge;
    /// let edge = Edge::of([0.0; 16]);
    /// assert!((edge.distance - 7.5).abs() < 1e-9);
    /// ```
    pub fn of(numbers: [f32; BINS]) -> Edge {
        let numbers = numbers.map(f64::from);
        let most = numbers.iter().fold(f64::NEG_INFINITY, |most, number| most.max(*number));
        let parts = numbers.map(|number| (number - most).exp());
        let sum: f64 = parts.iter().sum();
        let whole = most + sum.ln();
        let shares = parts.map(|part| part / sum);
        let distance = shares.iter().enumerate().map(|(bin, share)| bin as f64 * share).sum();
        Edge { shares, distance, logs: numbers.map(|number| number - whole) }
    }

    /// What is lost where the edge is so many strides away, and the slope along each of the numbers: cross-entropy towards the two whole
    /// distances beside it.
    pub fn loss(&self, wanted: f64) -> (f64, [f64; BINS]) {
        let wanted = wanted.clamp(0.0, FARTHEST);
        let below = wanted as usize;
        let above = wanted - below as f64;
        let mut slopes = self.shares;
        slopes[below] -= 1.0 - above;
        slopes[below + 1] -= above;
        (-(1.0 - above) * self.logs[below] - above * self.logs[below + 1], slopes)
    }

    /// The slope of the distance along each of the numbers.
    pub fn slopes(&self) -> [f64; BINS] {
        std::array::from_fn(|bin| self.shares[bin] * (bin as f64 - self.distance))
    }
}

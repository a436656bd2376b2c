//! Overlap, distance and proportions of two boxes as one number, with its slopes. Zheng et al. 2020 (complete IoU).

use std::f64::consts::PI;

/// What keeps divisors from being 0; it is added to heights too, as in the reference.
const EPS: f64 = 1e-7;

/// Complete IoU of a box with a true one: their overlap, less how far their middles are apart, less how other their proportions are.
/// Boxes are `[left, top, right, bottom]`.
///
/// ```
/// use candlewick_prelude::detect::ciou;
/// let truth = [0.0, 0.0, 10.0, 20.0];
/// assert!((ciou(truth, truth) - 1.0).abs() < 1e-6);
/// assert!(ciou([50.0, 0.0, 60.0, 20.0], truth) < 0.0);
/// ```
pub fn ciou(said: [f64; 4], truth: [f64; 4]) -> f64 {
    Pair::of(said, truth).value()
}

/// [`ciou`], and its slopes along the four of the first box. How much the proportions count is taken as given.
pub fn ciou_slopes(said: [f64; 4], truth: [f64; 4]) -> (f64, [f64; 4]) {
    let pair = Pair::of(said, truth);
    (pair.value(), std::array::from_fn(|at| pair.slope(at, said, truth)))
}

/// What complete IoU is made of.
struct Pair {
    /// Width and height of the first box.
    size: [f64; 2],
    /// Width and height of what both cover, below 0 where they are apart.
    both: [f64; 2],
    /// Width and height of the smallest box around both.
    around: [f64; 2],
    /// From middle to middle, twice.
    apart: [f64; 2],
    either: f64,
    /// How other the proportions are, as an angle.
    angle: f64,
}

impl Pair {
    fn of(said: [f64; 4], truth: [f64; 4]) -> Pair {
        let size_of = |bbox: [f64; 4]| [bbox[2] - bbox[0], bbox[3] - bbox[1] + EPS];
        let (size, true_size) = (size_of(said), size_of(truth));
        let both = [0, 1].map(|at| said[at + 2].min(truth[at + 2]) - said[at].max(truth[at]));
        let around = [0, 1].map(|at| said[at + 2].max(truth[at + 2]) - said[at].min(truth[at]));
        let apart = [0, 1].map(|at| truth[at] + truth[at + 2] - said[at] - said[at + 2]);
        let either = size[0] * size[1] + true_size[0] * true_size[1] - both[0].max(0.0) * both[1].max(0.0) + EPS;
        let angle = (true_size[0] / true_size[1]).atan() - (size[0] / size[1]).atan();
        Pair { size, both, around, apart, either, angle }
    }

    fn shared(&self) -> f64 {
        self.both[0].max(0.0) * self.both[1].max(0.0)
    }

    /// The squares of the distance between the middles and of the diagonal around both.
    fn squares(&self) -> (f64, f64) {
        let square = |[x, y]: [f64; 2]| x * x + y * y;
        (square(self.apart) / 4.0, square(self.around) + EPS)
    }

    /// How other the proportions are, and how much that counts.
    fn proportions(&self) -> (f64, f64) {
        let other = 4.0 / (PI * PI) * self.angle * self.angle;
        (other, other / (other - self.shared() / self.either + 1.0 + EPS))
    }

    fn value(&self) -> f64 {
        let ((far, wide), (other, counts)) = (self.squares(), self.proportions());
        self.shared() / self.either - far / wide - other * counts
    }

    /// The slope along one of the first box's four.
    fn slope(&self, at: usize, said: [f64; 4], truth: [f64; 4]) -> f64 {
        // an edge at the right or at the bottom makes the box larger where it grows
        let (along, across, sign) = (at % 2, 1 - at % 2, if at < 2 { -1.0 } else { 1.0 });
        let inner = sign * where_less(sign * said[at], sign * truth[at]);
        let outer = sign * where_less(sign * truth[at], sign * said[at]);
        let both = if self.both[along] >= 0.0 { inner * self.both[across].max(0.0) } else { 0.0 };
        let either = sign * self.size[across] - both;
        let overlap = (both * self.either - self.shared() * either) / (self.either * self.either);
        let (far, wide) = self.squares();
        let (far_slope, wide_slope) = (-self.apart[along] / 2.0, 2.0 * self.around[along] * outer);
        let distance = (far_slope * wide - far * wide_slope) / (wide * wide);
        let [w, h] = self.size;
        let turn = sign * if along == 0 { -h } else { w } / (w * w + h * h);
        let (_, counts) = self.proportions();
        overlap - distance - counts * 8.0 / (PI * PI) * self.angle * turn
    }
}

/// 1 where the first is less than the second, one half where they are alike.
fn where_less(a: f64, b: f64) -> f64 {
    if a < b {
        1.0
    } else if a == b {
        0.5
    } else {
        0.0
    }
}

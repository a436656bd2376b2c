//! COCO's numbers, and the sizes of objects that they tell apart.

use serde::{Deserialize, Serialize};

/// Which objects count, by their area in square pixels; those outside are neither expected nor wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SizeRange {
    /// All.
    All,
    /// Up to 32².
    Small,
    /// From 32² to 96².
    Medium,
    /// From 96².
    Large,
}

impl SizeRange {
    /// All of them, in COCO's order.
    pub const EVERY: [SizeRange; 4] = [SizeRange::All, SizeRange::Small, SizeRange::Medium, SizeRange::Large];

    /// Whether an area counts; both ends do.
    pub fn holds(self, area: f64) -> bool {
        let (least, most) = match self {
            SizeRange::All => (0.0, 1e10),
            SizeRange::Small => (0.0, 1024.0),
            SizeRange::Medium => (1024.0, 9216.0),
            SizeRange::Large => (9216.0, 1e10),
        };
        (least..=most).contains(&area)
    }
}

/// COCO's twelve numbers, each from 0 to 1; `None` where no such object is true (pycocotools says −1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CocoNumbers {
    /// Average precision, the mean over an IoU of 0.50, 0.55, … 0.95.
    pub ap: Option<f64>,
    /// Average precision at an IoU of 0.5.
    pub ap_50: Option<f64>,
    /// Average precision at an IoU of 0.75.
    pub ap_75: Option<f64>,
    /// `ap` of objects up to 32² pixels.
    pub ap_small: Option<f64>,
    /// `ap` of objects from 32² to 96² pixels.
    pub ap_medium: Option<f64>,
    /// `ap` of objects from 96² pixels.
    pub ap_large: Option<f64>,
    /// Average recall with the surest detection of each class and picture alone.
    pub ar_1: Option<f64>,
    /// Average recall with the ten surest.
    pub ar_10: Option<f64>,
    /// Average recall with the hundred surest.
    pub ar_100: Option<f64>,
    /// `ar_100` of objects up to 32² pixels.
    pub ar_small: Option<f64>,
    /// `ar_100` of objects from 32² to 96² pixels.
    pub ar_medium: Option<f64>,
    /// `ar_100` of objects from 96² pixels.
    pub ar_large: Option<f64>,
}

impl CocoNumbers {
    /// The names by which COCO calls them, in pycocotools' order.
    pub const NAMES: [&str; 12] =
        ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"];

    /// The numbers in pycocotools' order, that of [`CocoNumbers::NAMES`].
    pub fn row(&self) -> [Option<f64>; 12] {
        [
            self.ap,
            self.ap_50,
            self.ap_75,
            self.ap_small,
            self.ap_medium,
            self.ap_large,
            self.ar_1,
            self.ar_10,
            self.ar_100,
            self.ar_small,
            self.ar_medium,
            self.ar_large,
        ]
    }

    /// Numbers in the order of [`CocoNumbers::NAMES`].
    pub(super) fn of(row: [Option<f64>; 12]) -> CocoNumbers {
        let [ap, ap_50, ap_75, ap_small, ap_medium, ap_large, ar_1, ar_10, ar_100, ar_small, ar_medium, ar_large] = row;
        CocoNumbers {
            ap,
            ap_50,
            ap_75,
            ap_small,
            ap_medium,
            ap_large,
            ar_1,
            ar_10,
            ar_100,
            ar_small,
            ar_medium,
            ar_large,
        }
    }

    /// Of each number the mean over those that have it.
    pub(super) fn mean(each: &[CocoNumbers]) -> CocoNumbers {
        let rows: Vec<_> = each.iter().map(CocoNumbers::row).collect();
        CocoNumbers::of(std::array::from_fn(|at| {
            let there: Vec<f64> = rows.iter().filter_map(|row| row[at]).collect();
            (!there.is_empty()).then(|| there.iter().sum::<f64>() / there.len() as f64)
        }))
    }
}

/// What a [`CocoEvaluator`](super::CocoEvaluator) found: COCO's numbers over all classes, and of each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CocoScores {
    /// The means over the classes; a class of which nothing is true is left out.
    pub all: CocoNumbers,
    /// Each class's own numbers.
    pub classes: Vec<CocoNumbers>,
}

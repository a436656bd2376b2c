//! Measures: what is said of a part of the data beside the loss.

use serde::{Deserialize, Deserializer, Serialize};

use crate::data::{Batch, Fields, Spec};
use crate::models::Network;
use crate::{Error, Result};

/// What a metric looks at: a batch, what the network says of it, and what it is about. All lies on the CPU.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// What the network says.
    pub said: &'a Fields,
    /// The batch, with its truth.
    pub batch: &'a Batch,
    /// What the data says of itself.
    pub spec: &'a Spec,
}

/// Something that is measured over a part of the data, batch by batch.
///
/// ```
/// use candlewick_prelude::prelude::*;
/// /// The share of pictures that the network is sure of.
/// #[derive(Default)]
/// struct Sure { sure: usize, all: usize }
/// impl Metric for Sure {
///     fn name(&self) -> &str { "sure" }
///     fn add(&mut self, seen: &Seen) -> Result<()> {
///         for row in ops::softmax(seen.said.get("logits")?, 1)?.to_vec2::<f32>()? {
///             (self.sure, self.all) = (self.sure + usize::from(row.iter().any(|share| *share > 0.9)), self.all + 1);
///         }
///         Ok(())
///     }
///     fn value(&self) -> f64 { self.sure as f64 / self.all.max(1) as f64 }
///     fn reset(&mut self) { *self = Sure::default() }
/// }
/// ```
pub trait Metric: Send + Sync {
    /// Its name, as the head of its column.
    fn name(&self) -> &str;
    /// What its numbers are.
    fn unit(&self) -> Unit {
        Unit::Share
    }
    /// Which way is better.
    fn better(&self) -> Better {
        Better::Higher
    }
    /// Looks at a batch.
    ///
    /// # Errors
    /// When a field is missing, or its shape does not fit.
    fn add(&mut self, seen: &Seen) -> Result<()>;
    /// Looks at the network once all batches are seen, for what is measured on other examples than the validation's.
    ///
    /// # Errors
    /// Its own.
    fn finish(&mut self, _network: &Network) -> Result<()> {
        Ok(())
    }
    /// The measure of all batches since it was reset.
    fn value(&self) -> f64;
    /// Forgets all batches.
    fn reset(&mut self);
}

/// What a measure's numbers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// From 0 to 1, told with three decimals.
    #[default]
    Share,
    /// Any number, told with four decimals.
    Number,
}

impl Unit {
    /// A number of this unit as it is told.
    pub fn words(self, value: f64) -> String {
        match self {
            Unit::Share => format!("{value:.3}"),
            Unit::Number => format!("{value:.4}"),
        }
    }
}

/// Which way a measure is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Better {
    /// Higher.
    #[default]
    Higher,
    /// Lower.
    Lower,
}

/// One measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Its name.
    pub name: String,
    /// Its value.
    #[serde(deserialize_with = "number")]
    pub value: f64,
    /// What its numbers are.
    #[serde(default)]
    pub unit: Unit,
    /// Which way it is better.
    #[serde(default)]
    pub better: Better,
}

impl Measure {
    /// What a metric has found.
    pub fn of(metric: &dyn Metric) -> Measure {
        let (name, value) = (metric.name().to_owned(), metric.value());
        Measure { name, value, unit: metric.unit(), better: metric.better() }
    }
}

/// What was measured on a part of the data: the loss, and the measures in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "WrittenMeasures")]
pub struct Measures {
    /// Mean loss.
    pub loss: f64,
    /// What counts beside it.
    pub list: Vec<Measure>,
}

impl Measures {
    /// The measure of this name, or `loss`: `valid.get("accuracy")?`.
    ///
    /// # Errors
    /// When there is none; the message lists the names.
    pub fn get(&self, name: &str) -> Result<f64> {
        self.find(name).ok_or_else(|| {
            let names: Vec<String> = self.list.iter().map(|one| format!("`{}`", one.name)).collect();
            Error::new(format!("nothing that is measured is named `{name}`"))
                .remedy(format!("there are {}", [vec!["`loss`".to_owned()], names].concat().join(", ")))
        })
    }

    /// The measure of this name, or `loss`, if there is one.
    pub fn find(&self, name: &str) -> Option<f64> {
        if name == "loss" {
            return Some(self.loss);
        }
        self.list.iter().find(|one| one.name == name).map(|one| one.value)
    }

    /// What counts beside the loss: `accuracy 0.950, mean IoU 0.700`.
    pub fn words(&self) -> String {
        let each = self.list.iter().map(|one| format!("{} {}", one.name, one.unit.words(one.value)));
        each.collect::<Vec<_>>().join(", ")
    }
}

/// Measures as files have them: of version 1 they had fixed fields.
#[derive(Deserialize)]
struct WrittenMeasures {
    #[serde(deserialize_with = "number")]
    loss: f64,
    #[serde(default)]
    list: Vec<Measure>,
    accuracy: Option<f64>,
    iou: Option<f64>,
    mae: Option<f64>,
}

impl From<WrittenMeasures> for Measures {
    fn from(stored: WrittenMeasures) -> Measures {
        let WrittenMeasures { loss, mut list, accuracy, iou, mae } = stored;
        let mut add = |name: &str, value: Option<f64>, unit, better| {
            list.extend(value.map(|value| Measure { name: name.to_owned(), value, unit, better }));
        };
        add("accuracy", accuracy.filter(|_| mae.is_none()), Unit::Share, Better::Higher);
        add("mean IoU", iou, Unit::Share, Better::Higher);
        add("mean error", mae, Unit::Number, Better::Lower);
        Measures { loss, list }
    }
}

/// Reads a number; JSON has `null` for what is none.
pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

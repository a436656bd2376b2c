//! What a learner wants of its data, whoever made it.

use image::RgbImage;

use super::{Augment, Batch, ImageFolder, Input, Known, Part, Provenance, Spec, Target, Tokens, Transform, field};
use crate::Result;

/// Batches, one after another.
pub type BatchIter = Box<dyn Iterator<Item = Result<Batch>>>;

/// The order in which a part's examples come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they lie, and as they are: for measuring.
    Given,
    /// Shuffled and varied, another way in each epoch: for training.
    Epoch(u64),
}

/// What a person looks at of one example.
#[derive(Clone, Debug, Default)]
pub struct Example {
    /// What to call it: a file's name.
    pub name: String,
    /// Its picture, as the network sees it.
    pub picture: Option<RgbImage>,
    /// Its text.
    pub text: Option<String>,
    /// Of a pair of texts the second one.
    pub other: Option<String>,
}

impl Example {
    /// What to know it by: its text, of a pair both, parted by ` / `; else its name.
    pub fn words(&self) -> String {
        match (&self.text, &self.other) {
            (Some(text), Some(other)) => format!("{text} / {other}"),
            (Some(text), None) => text.clone(),
            _ => self.name.clone(),
        }
    }
}

/// What a learner wants of its data: [`ImageFolder`] and [`TensorData`](super::TensorData) give it, and so may a type of
/// one's own that is `Clone`.
///
/// ```
/// use candlewick_prelude::candle_core::{Device, Tensor};
/// use candlewick_prelude::data::{Batch, BatchIter, Data, Example, Fields, Input, Order, Part, Spec, Target};
/// use candlewick_prelude::Result;
/// /// Numbers from 0 to 1, and whether they are above one half.
/// #[derive(Clone)]
/// struct Halves;
/// impl Data for Halves {
///     fn spec(&self) -> Spec {
///         Spec::new(Input::Tensor(vec![1]), Target::Class(vec!["below".into(), "above".into()]), 1)
///     }
///     fn count(&self, part: Part) -> usize {
///         if part == Part::Train { 100 } else { 0 }
///     }
///     fn batches(&self, _: Part, _: Order) -> Result<BatchIter> {
///         Ok(Box::new((0..10).map(|number| {
///             let values: Vec<f32> = (0..10).map(|i| ((number * 10 + i) * 37 % 100) as f32 / 100.0).collect();
///             let truth: Vec<u32> = values.iter().map(|value| u32::from(*value > 0.5)).collect();
///             let inputs = Fields::of("input", Tensor::from_vec(values, (10, 1), &Device::Cpu)?);
///             let targets = Fields::of("class", Tensor::from_vec(truth, 10, &Device::Cpu)?);
///             Ok(Batch { inputs, targets, ids: (number * 10..number * 10 + 10).collect() })
///         })))
///     }
///     fn example(&self, id: usize) -> Result<Example> {
///         Ok(Example { name: format!("number {id}"), ..Example::default() })
///     }
/// }
/// assert_eq!(Halves.batches(Part::Train, Order::Given)?.count(), 10);
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no data that a learner can train on",
    label = "expected a data set, such as `ImageFolder`, `TextTable` or `TensorData`",
    note = "pictures in folders, one folder a class: `let data = ImageFolder::open(\"photos\")?.split(0.2, 42)?;`",
    note = "texts in a table: `let data = TextTable::open(\"reviews.csv\")?.split(0.2, 42)?;`",
    note = "examples that are tensors already: `let data = TensorData::new(images, labels, &[\"cat\", \"dog\"])?;`",
    note = "data of one's own: `#[derive(Clone)] struct Mine …` and `impl Data for Mine`"
)]
pub trait Data: CloneData + Send + Sync {
    /// What goes in, what is true, and what it is called.
    fn spec(&self) -> Spec;
    /// How many examples a part has.
    fn count(&self, part: Part) -> usize;
    /// A part's examples.
    ///
    /// # Errors
    /// When none can be read, or the user interrupts.
    fn batches(&self, part: Part, order: Order) -> Result<BatchIter>;
    /// A part's examples in their order, each varied alone in the way of this number, for answers that are averaged over several views;
    /// `None` where such data do not vary.
    ///
    /// # Errors
    /// As [`batches`](Data::batches).
    fn view(&self, _part: Part, _view: u64) -> Result<Option<BatchIter>> {
        Ok(None)
    }
    /// How many examples of a part each class or label has (of boxes how many of each class there are), where that is known without reading them.
    fn truth_counts(&self, _part: Part) -> Option<Vec<usize>> {
        None
    }
    /// Whether training shows each class equally often, however rare it is.
    fn evens_classes(&self) -> bool {
        false
    }
    /// How pictures are varied, where they are.
    fn augmented_by(&self) -> Option<Augment> {
        None
    }
    /// Where the data come from and how they were split, as far as they know; a run card says so.
    fn provenance(&self) -> Provenance {
        Provenance::default()
    }
    /// The name of the group, such as a patient, that the example of this number belongs to, where the data are split by groups.
    fn group_of(&self, _id: usize) -> Option<String> {
        None
    }
    /// By what the examples of a part are known again in another data set, where data are of files or texts: measuring elsewhere says which of them
    /// the network was trained on.
    fn known_by(&self, _part: Part) -> Vec<Known> {
        Vec::new()
    }
    /// What a person looks at of the example of this number.
    ///
    /// # Errors
    /// When it cannot be read.
    fn example(&self, id: usize) -> Result<Example>;
    /// Refuses options that make no sense, such as a batch of no pictures, by name.
    ///
    /// # Errors
    /// When there is one.
    fn check(&self) -> Result<()> {
        Ok(())
    }
    /// A copy whose order and whatever else is random come from this seed.
    fn reseeded(&self, _seed: u64) -> Box<dyn Data> {
        self.boxed()
    }
    /// A copy for the last epochs of a fit, without what puts several examples together; `None` where nothing does.
    fn settled(&self) -> Option<Box<dyn Data>> {
        None
    }
    /// A copy whose texts are cut into its network's tokens.
    ///
    /// # Errors
    /// When they cannot be.
    fn tokenized(&self, _tokens: &Tokens) -> Result<Box<dyn Data>> {
        Ok(self.boxed())
    }
    /// A copy with the size and the normalisation of its network where nobody has said others.
    fn suited(&self, _network: Transform) -> Box<dyn Data> {
        self.boxed()
    }
}

/// A copy for a learner to own: whatever is [`Data`] and `Clone` has it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be copied: a learner owns a copy of its data",
    label = "write `#[derive(Clone)]` above the type"
)]
pub trait CloneData {
    /// A copy.
    fn boxed(&self) -> Box<dyn Data>;
}

impl<T: Data + Clone + 'static> CloneData for T {
    fn boxed(&self) -> Box<dyn Data> {
        Box::new(self.clone())
    }
}

impl Data for ImageFolder {
    fn spec(&self) -> Spec {
        let input = Input::Picture(ImageFolder::transform(self));
        let mut spec = Spec::new(input, Target::Class(self.classes().to_vec()), self.seed());
        spec.truths.extend(self.has_boxes().then(|| field::BOX.to_owned()));
        Spec { varies: !self.augmentation().is_none(), said_normalize: self.said_normalize, ..spec }
    }

    fn count(&self, part: Part) -> usize {
        self.ids(part).len()
    }

    fn batches(&self, part: Part, order: Order) -> Result<BatchIter> {
        Ok(Box::new(match order {
            Order::Given => ImageFolder::batches(self, part)?,
            Order::Epoch(epoch) => self.varied(part, epoch)?,
        }))
    }

    fn view(&self, part: Part, view: u64) -> Result<Option<BatchIter>> {
        Ok(Some(Box::new(ImageFolder::view(self, part, view)?)))
    }

    fn truth_counts(&self, part: Part) -> Option<Vec<usize>> {
        let Some(rows) = &self.rows else { return Some(self.counts(part)) };
        let ids = self.ids(part);
        let of = |label: usize| ids.iter().filter(|id| rows.values[**id][label] > 0.5).count();
        (rows.field == field::LABELS).then(|| (0..rows.names.len()).map(of).collect())
    }

    fn evens_classes(&self) -> bool {
        self.balanced
    }

    fn augmented_by(&self) -> Option<Augment> {
        Some(self.augmentation()).filter(|augment| !augment.is_none())
    }

    fn provenance(&self) -> Provenance {
        let parts = [Part::Train, Part::Valid, Part::Test];
        let class_counts = parts.iter().map_while(|part| self.truth_counts(*part)).collect();
        Provenance { class_counts, ..self.provenance_as(self.kind()) }
    }

    fn group_of(&self, id: usize) -> Option<String> {
        self.group_name(id)
    }

    fn known_by(&self, part: Part) -> Vec<Known> {
        self.ids(part).into_iter().filter_map(|id| Known::sample(self.sample(id))).collect()
    }

    fn example(&self, id: usize) -> Result<Example> {
        let name = self.sample(id).name.clone();
        Ok(Example { name, picture: Some(ImageFolder::picture(self, id)?), ..Example::default() })
    }

    fn check(&self) -> Result<()> {
        ImageFolder::check(self)
    }

    fn reseeded(&self, seed: u64) -> Box<dyn Data> {
        Box::new(self.clone().seeded(seed))
    }

    fn suited(&self, network: Transform) -> Box<dyn Data> {
        Box::new(ImageFolder::suited(self, network))
    }
}

//! Data whose classes are some of a longer list: their numbers become the list's.

use candle_core::{Device, Tensor};

use super::{
    Augment, Batch, BatchIter, Data, Example, Fields, Known, Order, Part, Provenance, Spec, Target, Tokens, Transform,
    field, likely_meant,
};
use crate::{Error, Result};

/// The most unknown names that an error lists.
const MOST_NAMES: usize = 8;

/// The data of another set, with the numbers that a longer list gives its classes.
pub(crate) struct Renamed {
    inner: Box<dyn Data>,
    names: Vec<String>,
    /// For each of the inner set's classes its place in the list.
    places: Vec<u32>,
}

impl Renamed {
    /// Data whose classes are all in `names`.
    ///
    /// # Errors
    /// When some are not; the message names them.
    pub fn of(inner: Box<dyn Data>, names: &[String]) -> Result<Renamed> {
        let place = |name: &String| names.iter().position(|own| own == name).map(|at| at as u32);
        let spec = inner.spec();
        let own = spec.names();
        let unknown: Vec<&str> = own.iter().filter(|name| place(name).is_none()).map(String::as_str).collect();
        if !unknown.is_empty() {
            return Err(unlike(&unknown, own.len(), names));
        }
        let places = own.iter().filter_map(place).collect();
        Ok(Renamed { inner, names: names.to_vec(), places })
    }

    /// Batches with the list's numbers.
    fn each(&self, batches: BatchIter) -> BatchIter {
        let (places, count) = (self.places.clone(), self.names.len());
        Box::new(batches.map(move |batch| {
            let mut batch: Batch = batch?;
            told(&mut batch.targets, &places, count)?;
            Ok(batch)
        }))
    }

    fn around(&self, inner: Box<dyn Data>) -> Box<dyn Data> {
        Box::new(Renamed { inner, names: self.names.clone(), places: self.places.clone() })
    }
}

impl Clone for Renamed {
    fn clone(&self) -> Renamed {
        Renamed { inner: self.inner.boxed(), names: self.names.clone(), places: self.places.clone() }
    }
}

/// What to say of classes that the list has not, of so many in the data.
fn unlike(unknown: &[&str], of: usize, names: &[String]) -> Error {
    let quoted = |names: &[&str], mark: &str| {
        let more = if names.len() > MOST_NAMES { ", …" } else { "" };
        let some: Vec<String> = names.iter().take(MOST_NAMES).map(|name| format!("{mark}{name}{mark}")).collect();
        format!("{}{more}", some.join(", "))
    };
    let meant = unknown.iter().filter_map(|name| Some((name, likely_meant(name, names)?)));
    let meant: Vec<String> = meant.take(3).map(|(name, meant)| format!("(\"{name}\", \"{meant}\")")).collect();
    let mut remedies = vec![format!("it knows {}", names.join(", "))];
    remedies.push(match (meant.is_empty(), unknown, names) {
        (true, [from, ..], _) => {
            format!("where they are the same things, `.rename(&[({from:?}, \"…\")])?` gives the data one of its names")
        }
        _ => format!("`.rename(&[{}])?` gives the data its names", meant.join(", ")),
    });
    if unknown.len() < of {
        remedies.push(format!("`.drop(&[{}])?` leaves them out", quoted(unknown, "\"")));
    }
    remedies.push("`add_classes` of a learner gives one that can learn them".to_owned());
    Error::new(format!("the network does not know {}", quoted(unknown, "`"))).remedy(remedies.join("; "))
}

/// A batch's truth with the list's numbers.
fn told(targets: &mut Fields, places: &[u32], count: usize) -> Result<()> {
    for name in [field::CLASS, field::BOX_CLASS] {
        let Some(classes) = targets.find(name).filter(|classes| classes.elem_count() > 0) else { continue };
        let numbers = classes.to_vec1::<u32>()?;
        let places: Option<Vec<u32>> = numbers.iter().map(|class| places.get(*class as usize).copied()).collect();
        let places = places.ok_or_else(|| Error::new("the data holds a class that it does not name"))?;
        let length = places.len();
        targets.set(name, Tensor::from_vec(places, length, &Device::Cpu)?);
    }
    for name in [field::LABELS, field::SHARES] {
        let Some(rows) = targets.find(name).filter(|rows| rows.dims().last() == Some(&places.len())) else { continue };
        let rows = rows.to_vec2::<f32>()?;
        let mut wide = vec![0f32; rows.len() * count];
        for (row, to) in rows.iter().zip(wide.chunks_exact_mut(count)) {
            row.iter().zip(places).for_each(|(value, place)| to[*place as usize] = *value);
        }
        targets.set(name, Tensor::from_vec(wide, (rows.len(), count), &Device::Cpu)?);
    }
    Ok(())
}

impl Data for Renamed {
    fn spec(&self) -> Spec {
        let mut spec = self.inner.spec();
        match &mut spec.target {
            Target::Class(names) | Target::Classes(names) | Target::Boxes(names) => names.clone_from(&self.names),
            Target::Numbers(_) | Target::Own(_) => {}
        }
        spec
    }

    fn count(&self, part: Part) -> usize {
        self.inner.count(part)
    }

    fn batches(&self, part: Part, order: Order) -> Result<BatchIter> {
        Ok(self.each(self.inner.batches(part, order)?))
    }

    fn view(&self, part: Part, view: u64) -> Result<Option<BatchIter>> {
        Ok(self.inner.view(part, view)?.map(|batches| self.each(batches)))
    }

    fn truth_counts(&self, part: Part) -> Option<Vec<usize>> {
        let own = self.inner.truth_counts(part)?;
        let mut counts = vec![0; self.names.len()];
        self.places.iter().zip(own).for_each(|(place, count)| counts[*place as usize] = count);
        Some(counts)
    }

    fn evens_classes(&self) -> bool {
        self.inner.evens_classes()
    }

    fn augmented_by(&self) -> Option<Augment> {
        self.inner.augmented_by()
    }

    fn provenance(&self) -> Provenance {
        self.inner.provenance()
    }

    fn group_of(&self, id: usize) -> Option<String> {
        self.inner.group_of(id)
    }

    fn known_by(&self, part: Part) -> Vec<Known> {
        self.inner.known_by(part)
    }

    fn example(&self, id: usize) -> Result<Example> {
        self.inner.example(id)
    }

    fn check(&self) -> Result<()> {
        self.inner.check()
    }

    fn reseeded(&self, seed: u64) -> Box<dyn Data> {
        self.around(self.inner.reseeded(seed))
    }

    fn settled(&self) -> Option<Box<dyn Data>> {
        self.inner.settled().map(|inner| self.around(inner))
    }

    fn tokenized(&self, tokens: &Tokens) -> Result<Box<dyn Data>> {
        Ok(self.around(self.inner.tokenized(tokens)?))
    }

    fn suited(&self, network: Transform) -> Box<dyn Data> {
        self.around(self.inner.suited(network))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::TensorData;

    #[test]
    fn classes_get_the_numbers_of_the_longer_list() -> Result<()> {
        let names = ["cat", "dog", "owl"].map(str::to_owned);
        let inputs = Tensor::zeros((3, 2), candle_core::DType::F32, &Device::Cpu)?;
        let data = TensorData::new(inputs.clone(), vec![1, 0, 1], &["owl", "dog"])?;
        let renamed = Renamed::of(Box::new(data), &names)?;
        assert_eq!(renamed.spec().names(), names);
        let batch = renamed.clone().suited(Transform {
            size: 4,
            resize: crate::data::ResizeMethod::Crop,
            normalize: crate::data::Normalize::none(),
            greys: crate::data::Greys::Whole,
        });
        let batch = batch.batches(Part::Train, Order::Given)?.next().expect("there is one")?;
        assert_eq!(batch.targets.get("class")?.to_vec1::<u32>()?, [1, 2, 1]);
        let truth = Tensor::new(&[[1f32, 0.0], [1.0, 1.0], [0.0, 0.0]], &Device::Cpu)?;
        let labels = TensorData::labels(inputs.clone(), truth, &["owl", "cat"])?;
        let labels = Renamed::of(Box::new(labels), &names)?.batches(Part::Train, Order::Given)?.next().expect("one")?;
        assert_eq!(labels.targets.get("labels")?.to_vec2::<f32>()?, [[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0; 3]]);
        let other = TensorData::new(inputs, vec![0, 0, 0], &["bee"])?;
        let error = Renamed::of(Box::new(other), &names).err().expect("no bee").to_string();
        assert!(error.contains("`bee`") && error.contains("cat, dog, owl") && error.contains("add_classes"), "{error}");
        Ok(())
    }
}

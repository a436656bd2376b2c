//! Which examples that are tensors train, measure, or are held out.

use super::divide::{self, Cluster};
use super::provenance::{put_aside_words, split_hash};
use super::tensors::TensorData;
use super::{Part, Provenance, Target};
use crate::{Error, Result, limits, show};

use std::collections::HashSet;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

impl TensorData {
    /// Holds about `fraction` of each class out for the last test, chosen by `seed`: no later split or fold moves these examples;
    /// `learner.evaluate_on(Part::Test)?` measures on them.
    ///
    /// # Errors
    /// When the share is not between 0 and 1, or nothing would be left on one side.
    pub fn hold_out(mut self, fraction: f64, seed: u64) -> Result<TensorData> {
        limits::held_out(fraction, "examples")?;
        let held = self.parts.get(&Part::Test).map_or(0, Vec::len);
        if held > 0 {
            show::note(&match held {
                1 => "1 example is held out for the last test already, and stays so".to_owned(),
                _ => format!("{held} examples are held out for the last test already, and stay so"),
            });
            return Ok(self);
        }
        let ids = divide::aside(self.blocks()?, fraction, seed);
        if ids.is_empty() {
            return Err(Error::new(format!("{fraction} of the examples leaves one side empty"))
                .remedy("choose a larger share, or add examples"));
        }
        let held: HashSet<usize> = ids.iter().copied().collect();
        self.parts.values_mut().for_each(|own| own.retain(|id| !held.contains(id)));
        self.parts.insert(Part::Test, ids);
        Ok(self.told(Part::Test, put_aside_words(fraction, seed, Part::Test, "of the examples")))
    }

    /// The examples as `count` data sets (2 or more), in each of which another part is kept for validation, each class with about its share;
    /// what is held out is so in all of them.
    ///
    /// # Errors
    /// When there are fewer than two folds, or fewer examples than folds.
    pub fn folds(&self, count: usize, seed: u64) -> Result<Vec<TensorData>> {
        let mut blocks = self.blocks()?;
        let expected = format!("from 2 to the number of examples, {}", blocks.len());
        let fine = (2..=blocks.len()).contains(&count);
        limits::allow(fine, "the count of `folds`", &count, &expected, "five are usual: `data.folds(5, 42)?`")?;
        blocks.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let own: Vec<usize> = blocks.iter().flat_map(|block| block.ids.iter().copied()).collect();
        let fold = |valid: Vec<usize>| {
            let apart: HashSet<usize> = valid.iter().copied().collect();
            let mut train: Vec<usize> = own.iter().copied().filter(|id| !apart.contains(id)).collect();
            train.sort_unstable();
            let mut data = self.clone();
            data.seed = seed;
            data.parts.insert(Part::Train, train);
            data.parts.insert(Part::Valid, valid);
            data
        };
        let words = |at: usize| format!("fold {} of {count} kept for validation, seed {seed}", at + 1);
        let folds = divide::folds(blocks, count).into_iter().map(fold).enumerate();
        Ok(folds.map(|(at, fold)| fold.told(Part::Valid, words(at))).collect())
    }

    /// The same with a sentence on how a part came about; it takes the place of an earlier one on that part.
    pub(super) fn told(mut self, part: Part, words: String) -> TensorData {
        self.splits.retain(|(own, _)| *own != part);
        self.splits.push((part, words));
        self
    }

    /// Where the examples come from, and who is on which side; they are known by their numbers.
    pub(super) fn origin(&self) -> Provenance {
        let parts = [Part::Train, Part::Valid, Part::Test];
        let names = |part: Part| self.parts.get(&part).into_iter().flatten().map(usize::to_string).collect();
        Provenance {
            kind: Some("tensors in memory".to_owned()),
            splits: self.splits.iter().map(|(_, words)| words.clone()).collect(),
            split_hash: Some(split_hash(&parts.map(|part| (part, names(part))))),
            batch: Some(self.batch),
            class_counts: parts.iter().map_while(|part| self.counts(*part)).collect(),
            ..Provenance::default()
        }
    }

    /// How many examples of a part each class or label has.
    fn counts(&self, part: Part) -> Option<Vec<usize>> {
        let ids = self.parts.get(&part).map_or(&[][..], Vec::as_slice);
        let mut counts = vec![0; self.target.names().len()];
        match self.target {
            Target::Class(_) => {
                let classes = self.truth.to_vec1::<u32>().ok()?;
                ids.iter().for_each(|id| counts[classes[*id] as usize] += 1);
            }
            Target::Classes(_) => {
                let rows = self.truth.to_vec2::<f32>().ok()?;
                ids.iter()
                    .flat_map(|id| rows[*id].iter().enumerate())
                    .for_each(|(at, so)| counts[at] += usize::from(*so > 0.5));
            }
            _ => return None,
        }
        Some(counts)
    }

    /// All that is not held out, an example a block, with its class where there are classes.
    fn blocks(&self) -> Result<Vec<Cluster>> {
        let classes = match self.target {
            Target::Class(_) => self.truth.to_vec1::<u32>()?,
            _ => Vec::new(),
        };
        let label = |id: usize| vec![classes.get(id).map_or(0, |class| *class as usize)];
        let mut ids: Vec<usize> =
            [Part::Train, Part::Valid].iter().flat_map(|part| self.parts.get(part)).flatten().copied().collect();
        ids.sort_unstable();
        Ok(ids.into_iter().map(|id| Cluster::new(vec![id], &label)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Data;
    use candle_core::{Device, Tensor};

    #[test]
    fn nothing_moves_what_is_held_out() -> Result<()> {
        let rows = Tensor::arange(0f32, 60.0, &Device::Cpu)?.reshape((60, 1))?;
        let labels: Vec<u32> = (0..60).map(|id| u32::from(id % 4 == 0)).collect();
        let data = TensorData::new(rows, labels, &["a", "b"])?.hold_out(0.2, 3)?;
        let held: HashSet<usize> = data.parts[&Part::Test].iter().copied().collect();
        assert_eq!((held.len(), held.iter().filter(|id| *id % 4 == 0).count()), (12, 3));
        let counts = |data: &TensorData| [Part::Train, Part::Valid, Part::Test].map(|part| data.count(part));
        let test = |data: &TensorData| data.parts[&Part::Test].iter().copied().collect::<HashSet<_>>();
        let split = data.clone().split(0.25, 9)?.split(0.5, 1)?;
        assert_eq!((counts(&split), test(&split)), ([24, 24, 12], held.clone()));
        assert_eq!(test(&split.clone().hold_out(0.4, 5)?), held);
        let folds = data.folds(4, 5)?;
        let valid: Vec<usize> = folds.iter().flat_map(|fold| fold.parts[&Part::Valid].clone()).collect();
        assert_eq!((valid.len(), valid.iter().collect::<HashSet<_>>().len()), (48, 48));
        assert!(folds.iter().all(|fold| counts(fold) == [36, 12, 12] && test(fold) == held));
        assert!(folds.iter().all(|fold| fold.parts[&Part::Valid].iter().filter(|id| *id % 4 == 0).count() == 3));
        assert!(data.folds(1, 1).unwrap_err().to_string().contains("the count of `folds` is 1"));
        assert!(data.folds(49, 1).unwrap_err().to_string().contains("from 2 to the number of examples, 48"));
        assert!(data.hold_out(f64::NAN, 1).unwrap_err().to_string().contains("the share of `hold_out` is NaN"));
        Ok(())
    }
}

//! What a person wants to know of pictures with boxes before a detector learns from them.

use super::{Boxes, Part};
use crate::boxes::measure::SizeRange;
use crate::show::{Bundle, Show, Table};
use crate::words::{count, does};
use crate::{Result, interrupt};

/// Pictures with boxes in numbers: objects of each class and part, their sizes, what is odd; a cell that ends with it shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxSummary {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// Objects for training, by class.
    pub train: Vec<usize>,
    /// Objects for validation, by class.
    pub valid: Vec<usize>,
    /// Objects for the last test, by class.
    pub test: Vec<usize>,
    /// Pictures for training, validation and test.
    pub pictures: [usize; 3],
    /// How many of them have no objects.
    pub background: usize,
    /// The most objects on one picture, and how many there are on half of the pictures at most.
    pub most: (usize, usize),
    /// How many objects are small (up to 32² pixels), medium (up to 96²) and large on the network's square.
    pub sizes: [usize; 3],
    /// Pairs of boxes on one picture of which one covers at least nine tenths of the other.
    pub within: usize,
    /// Groups of equal files.
    pub copies: Vec<Vec<String>>,
    /// Equal files on two sides of the split.
    pub leaks: Vec<Vec<String>>,
    /// What was odd about the files, a sentence each.
    pub remarks: Vec<String>,
    /// Side of the network's pictures in pixels.
    pub size: usize,
}

impl Boxes {
    /// What a person wants to know of the data before training: objects by class and part, pictures without any, sizes, boxes within
    /// boxes, copies, what is wrong with the files.
    ///
    /// # Errors
    /// When an option makes no sense, or the user interrupts.
    pub fn summary(&self) -> Result<BoxSummary> {
        super::Data::check(self)?;
        let parts = [Part::Train, Part::Valid, Part::Test];
        let mut counts: Vec<usize> = Vec::with_capacity(self.len());
        let (mut sizes, mut within) = ([0; 3], 0);
        for id in 0..self.len() {
            interrupt::check()?;
            let sample = self.sample(id);
            counts.push(sample.boxes.len());
            let listed = &self.listing.pictures[id];
            for (at, one) in sample.boxes.iter().enumerate() {
                if let Some((width, height)) = listed.size {
                    let area = f64::from(self.transform().to_square(&one.bbox, width, height).area());
                    let kinds = [SizeRange::Small, SizeRange::Medium, SizeRange::Large];
                    if let Some(kind) = kinds.iter().position(|kind| kind.holds(area)) {
                        sizes[kind] += 1;
                    }
                }
                let covers = |other: &&crate::boxes::Annotation| {
                    let least = one.bbox.area().min(other.bbox.area());
                    one.bbox.intersection(&other.bbox).area() >= 0.9 * least
                };
                within += sample.boxes[..at].iter().filter(covers).count();
            }
        }
        counts.sort_unstable();
        let names = |ids: &Vec<usize>| ids.iter().map(|id| self.sample(*id).name.clone()).collect::<Vec<_>>();
        let apart = |ids: &&Vec<usize>| ids.iter().any(|id| self.sample(*id).part != self.sample(ids[0]).part);
        let copies = &self.pictures.copies.groups;
        Ok(BoxSummary {
            classes: self.classes().to_vec(),
            train: self.counts(Part::Train),
            valid: self.counts(Part::Valid),
            test: self.counts(Part::Test),
            pictures: parts.map(|part| self.ids(part).len()),
            background: counts.iter().filter(|count| **count == 0).count(),
            most: (counts.last().copied().unwrap_or(0), counts.get(counts.len() / 2).copied().unwrap_or(0)),
            sizes,
            within,
            copies: copies.iter().map(names).collect(),
            leaks: copies.iter().filter(apart).map(names).collect(),
            remarks: self.remarks(),
            size: self.transform().size,
        })
    }
}

impl BoxSummary {
    /// The summary as a table with notes.
    pub fn table(&self) -> Table {
        let tested = self.pictures[2] > 0;
        let mut table = Table::new(["class", "train", "valid"].into_iter().chain(tested.then_some("test"))).left(0);
        let row = |name: &str, counts: [usize; 3]| {
            let counts = counts.iter().take(if tested { 3 } else { 2 });
            [name.to_owned()].into_iter().chain(counts.map(ToString::to_string)).collect::<Vec<_>>()
        };
        let mut order: Vec<usize> = (0..self.classes.len()).collect();
        let all = |class: usize| self.train[class] + self.valid[class] + self.test[class];
        if order.len() > MANY {
            order.sort_by_key(|class| std::cmp::Reverse(all(*class)));
        }
        for class in order.iter().take(MANY) {
            table.push(row(&self.classes[*class], [self.train[*class], self.valid[*class], self.test[*class]]));
        }
        if order.len() > MANY {
            let rest = |counts: &[usize]| order[MANY..].iter().map(|class| counts[*class]).sum();
            let name = format!("{} rarer classes", order.len() - MANY);
            table.push(row(&name, [rest(&self.train), rest(&self.valid), rest(&self.test)]));
        }
        let sum = |counts: &[usize]| counts.iter().sum();
        table.push(row("all", [sum(&self.train), sum(&self.valid), sum(&self.test)]));
        self.notes().into_iter().fold(table, Table::note)
    }

    /// What is worth knowing, a sentence each.
    fn notes(&self) -> Vec<String> {
        let [train, valid, test] = self.pictures;
        let mut notes = vec![format!(
            "{} for training, {valid} for validation, {test} for the test; {} without objects; {} on half of them at most, {} on one",
            count(train, "picture"),
            self.background,
            count(self.most.1, "object"),
            self.most.0
        )];
        let [small, medium, large] = self.sizes;
        notes.push(format!(
            "at {} pixels {small} objects are small (up to 32²), {medium} medium (up to 96²), {large} large",
            self.size
        ));
        if self.within > 0 {
            notes.push(does(
                self.within,
                "box",
                "lies within another one of its picture",
                "lie within another one of their picture",
            ));
        }
        for (part, counts, pictures) in [("validation", &self.valid, valid), ("the test", &self.test, test)] {
            let lacking = self.classes.iter().zip(counts).filter(|(_, own)| **own == 0 && pictures > 0);
            let lacking: Vec<&str> = lacking.map(|(name, _)| name.as_str()).collect();
            if !lacking.is_empty() {
                let some = lacking.iter().take(6).copied().collect::<Vec<_>>().join(", ");
                let more = if lacking.len() > 6 { format!(" and {} more", lacking.len() - 6) } else { String::new() };
                notes.push(format!("{part} lacks {some}{more}: nothing is measured of them there"));
            }
        }
        let rare: Vec<&str> =
            self.classes.iter().zip(&self.train).filter(|(_, n)| **n < FEW).map(|(c, _)| c.as_str()).collect();
        if !rare.is_empty() {
            let some = rare.iter().take(6).copied().collect::<Vec<_>>().join(", ");
            let more = if rare.len() > 6 { format!(" and {} more", rare.len() - 6) } else { String::new() };
            notes.push(format!("fewer than {FEW} objects to learn from: {some}{more}; `.rename`, `.merge` and `.drop` put classes together"));
        }
        if let [first, ..] = &self.leaks[..] {
            notes.push(format!(
                "{} on two sides of the split, such as {}: what is measured there is too good",
                does(self.leaks.len(), "group", "of equal files is", "of equal files are"),
                first.join(" and ")
            ));
        }
        notes.extend(self.remarks.iter().cloned());
        notes
    }
}

/// More classes than so many are told together.
const MANY: usize = 20;
/// A class with fewer objects than so many is rare.
const FEW: usize = 10;

impl Show for BoxSummary {
    fn bundle(&self) -> Bundle {
        self.table().bundle()
    }
}

impl Show for Boxes {
    fn bundle(&self) -> Bundle {
        let (train, valid) = (self.ids(Part::Train).len(), self.ids(Part::Valid).len());
        let objects: usize = (0..self.len()).map(|id| self.objects(id).len()).sum();
        let names = self.classes();
        let some = names.iter().take(12).cloned().collect::<Vec<_>>().join(", ");
        let more = if names.len() > 12 { format!(" and {} more", names.len() - 12) } else { String::new() };
        Bundle::new().text(format!(
            "{} ({train} for training, {valid} for validation), {} of {some}{more}",
            count(self.len(), "picture"),
            count(objects, "object")
        ))
    }
}

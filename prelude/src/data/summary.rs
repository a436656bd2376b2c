//! What a person wants to know of a data set before training on it.

use super::Part;
use super::folder::{ImageFolder, one_class};
use super::formats::differ_in_capitals;
use super::greys::DIM_WORDS;
use super::split::Copies;
use crate::Result;
use crate::show::{Bundle, Show, Table};
use crate::words::{count, does};
use std::collections::BTreeMap;

/// Where the largest class has so many times the pictures of the smallest, something is to be done about it.
const ADVISED: f64 = 3.0;

/// A data set's classes, counts, imbalance, sizes, copies and leaks; a cell that ends with it shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// Pictures for training that can be read, by class.
    pub train: Vec<usize>,
    /// Pictures for validation, by class.
    pub valid: Vec<usize>,
    /// Pictures for the last test, by class.
    pub test: Vec<usize>,
    /// The largest class of the training pictures divided by the smallest; 1 is balanced.
    pub imbalance: f64,
    /// The pictures' sizes before they are brought to the network's: width, height, how many; most frequent first.
    pub sizes: Vec<(u32, u32, usize)>,
    /// The pictures that cannot be read: file and reason.
    pub corrupt: Vec<(String, String)>,
    /// Pictures kept for validation, whether they can be read or not.
    pub kept: usize,
    /// Class folders left out because they hold no pictures, a sentence each.
    pub left_out: Vec<String>,
    /// Training files left out because validation or test hold the same: (left out, its copy).
    pub leaks: Vec<(String, String)>,
    /// Groups of equal files, which stay on one side of a split.
    pub copies: Vec<Vec<String>>,
    /// Groups of equal files that are said to be of different classes.
    pub contradictions: Vec<Vec<String>>,
    /// How many pictures have boxes.
    pub boxes: usize,
    /// How many have more than one; a learner of one box takes the first.
    pub several_boxes: usize,
    /// Side of the network's pictures in pixels.
    pub size: usize,
    /// Whether training shows each class equally often.
    pub balanced: bool,
    /// How many groups stay on one side each, where somebody has said which.
    pub groups: Option<usize>,
    /// Whether some pictures of sixteen bits look black because they use little of their range.
    pub dim: bool,
    /// Where decoded pictures are, between epochs.
    pub storage: String,
}

impl ImageFolder {
    /// What a person wants to know of the data before training: classes, counts, imbalance, sizes, copies, leaks.
    ///
    /// # Errors
    /// Where an option makes no sense, and where the user interrupts while pictures are read.
    pub fn summary(&self) -> Result<Summary> {
        self.check()?;
        let sources = self.store.sources(&self.samples)?;
        Ok(Summary::of(self, &self.copies, &sources))
    }
}

impl Summary {
    /// The summary of `data`; `sources` are the sizes of the pictures that can be read.
    pub(super) fn of(data: &ImageFolder, copies: &Copies, sources: &[Option<(u32, u32)>]) -> Summary {
        let mut sizes: BTreeMap<(u32, u32), usize> = BTreeMap::new();
        sources.iter().flatten().for_each(|size| *sizes.entry(*size).or_default() += 1);
        let mut sizes: Vec<_> = sizes.into_iter().map(|((width, height), count)| (width, height, count)).collect();
        sizes.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        let counts = |part: Part| {
            let mut counts = vec![0; data.classes().len()];
            let readable = data.ids(part).into_iter().filter(|id| sources[*id].is_some());
            readable.for_each(|id| counts[data.sample(id).class] += 1);
            counts
        };
        let train = counts(Part::Train);
        let (most, least) = (train.iter().max().copied().unwrap_or(0), train.iter().min().copied().unwrap_or(0));
        let names = |ids: &Vec<usize>| ids.iter().map(|id| data.sample(*id).name.clone()).collect();
        let samples: Vec<_> = (0..data.len()).map(|id| data.sample(id).clone()).collect();
        Summary {
            classes: data.classes().to_vec(),
            imbalance: most as f64 / least.max(1) as f64,
            train,
            valid: counts(Part::Valid),
            test: counts(Part::Test),
            sizes,
            corrupt: data.corrupt(),
            left_out: data.left_out().to_vec(),
            leaks: data.leaks().to_vec(),
            copies: copies.groups.iter().map(names).collect(),
            contradictions: copies.contradictions(&samples).into_iter().map(names).collect(),
            boxes: samples.iter().filter(|sample| !sample.boxes.is_empty()).count(),
            several_boxes: samples.iter().filter(|sample| sample.boxes.len() > 1).count(),
            size: data.transform().size,
            balanced: data.balanced,
            kept: data.ids(Part::Valid).len(),
            groups: data.group_count(),
            dim: data.store.dim() > 0,
            storage: data.store.words(),
        }
    }

    /// The summary as a table with notes.
    pub fn table(&self) -> Table {
        let sum = |counts: &[usize]| counts.iter().sum::<usize>();
        let tested = sum(&self.test) > 0;
        let row = |name: &str, train: usize, valid: usize, test: usize| {
            let mut cells = vec![name.to_owned(), train.to_string(), valid.to_string()];
            cells.extend(tested.then(|| test.to_string()));
            cells
        };
        let head = ["class", "train", "valid"].into_iter().chain(tested.then_some("test"));
        let mut table = Table::new(head).left(0);
        for (class, name) in self.classes.iter().enumerate() {
            table.push(row(name, self.train[class], self.valid[class], self.test[class]));
        }
        table.push(row("all", sum(&self.train), sum(&self.valid), sum(&self.test)));
        self.notes().into_iter().fold(table, Table::note)
    }

    /// What is worth knowing, a sentence each.
    fn notes(&self) -> Vec<String> {
        let all = self.train.iter().chain(&self.valid).chain(&self.test).sum::<usize>();
        let mut notes: Vec<String> =
            one_class(&self.classes).into_iter().chain(differ_in_capitals(&self.classes)).collect();
        let sizes: Vec<String> = self.sizes.iter().take(3).map(|(w, h, n)| format!("{w} × {h} ({n})")).collect();
        if !sizes.is_empty() {
            let more = if self.sizes.len() > 3 { format!(" and {} more", self.sizes.len() - 3) } else { String::new() };
            notes.push(format!("sizes {}{more}, brought to {} × {}", sizes.join(", "), self.size, self.size));
        }
        if self.kept == 0 {
            notes.push("nothing is kept for validation yet: `.split(0.2, 42)?`".to_owned());
        }
        if self.imbalance >= 1.5 {
            let advice = match self.imbalance >= ADVISED {
                _ if self.balanced => "; training shows each equally often",
                true => {
                    "; rare ones weigh more with `learner.balanced_weights()?`, or come as often as others with `.balanced()`"
                }
                false => "",
            };
            notes.push(format!(
                "the largest class has {:.1} times the pictures of the smallest{advice}",
                self.imbalance
            ));
        }
        if let Some(groups) = self.groups {
            notes.push(format!("{}, each on one side of a split", count(groups, "group")));
        }
        notes.extend(self.dim.then(|| DIM_WORDS.to_owned()));
        notes.push(self.storage.clone());
        match self.boxes {
            0 => {}
            n if n == all && self.several_boxes > 0 => {
                let several = self.several_boxes;
                notes.push(format!(
                    "every picture has a box; {several} have several, of which a learner takes the first"
                ));
            }
            n if n == all => notes.push("every picture has a box".to_owned()),
            n => notes.push(format!(
                "{n} of {} {} boxes, so boxes are not used",
                count(all, "picture"),
                if n == 1 { "has" } else { "have" }
            )),
        }
        notes.extend(self.left_out.iter().cloned());
        let list = |names: &[String]| {
            let more = if names.len() > 3 { format!(" and {} more", names.len() - 3) } else { String::new() };
            format!("{}{more}", names.iter().take(3).cloned().collect::<Vec<_>>().join(", "))
        };
        if !self.corrupt.is_empty() {
            let names: Vec<String> = self.corrupt.iter().map(|(name, why)| format!("{name} ({why})")).collect();
            let what = does(names.len(), "file", "cannot be read and is", "cannot be read and are");
            notes.push(format!("{what} left out: {}", list(&names)));
        }
        if !self.leaks.is_empty() {
            let names: Vec<String> = self.leaks.iter().map(|(gone, copy)| format!("{gone} = {copy}")).collect();
            let what = does(names.len(), "training file", "is", "are");
            notes.push(format!("{what} also held for validation and left out: {}", list(&names)));
        }
        let equal = |group: &Vec<String>| {
            let more = if group.len() > 3 { format!(" = … ({} in all)", group.len()) } else { String::new() };
            format!("{}{more}", group.iter().take(3).cloned().collect::<Vec<_>>().join(" = "))
        };
        if !self.copies.is_empty() {
            let names: Vec<String> = self.copies.iter().map(equal).collect();
            let what = does(names.len(), "file", "has", "have");
            notes.push(format!("{what} copies, kept on one side: {}", list(&names)));
        }
        if !self.contradictions.is_empty() {
            let names: Vec<String> = self.contradictions.iter().map(equal).collect();
            let what = does(names.len(), "file", "is", "are");
            notes.push(format!("{what} said to be of two classes: {}", list(&names)));
        }
        notes
    }
}

impl Show for Summary {
    fn bundle(&self) -> Bundle {
        self.table().bundle()
    }
}

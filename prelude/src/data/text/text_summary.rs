//! What a person wants to know of a table of texts before training on it.

use super::options::TextTable;
use super::twins::NOT_SEARCHED;
use crate::Result;
use crate::data::{Part, Target};
use crate::show::{Bundle, Show, Table};
use crate::words::bytes as in_words;
use crate::words::{count, does};

/// Where the largest class has so many times the texts of the smallest, something is to be done about it.
const ADVISED: f64 = 3.0;
/// So much of a text is shown.
const SHOWN: usize = 60;

/// A table's classes, counts, imbalance, lengths, copies and leaks; a cell that ends with it shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct TextSummary {
    /// The names of the classes, labels or numbers.
    pub names: Vec<String>,
    /// How many texts there are for training, validation and the last test.
    pub texts: [usize; 3],
    /// Texts for training by class or label; nothing where numbers are told.
    pub train: Vec<usize>,
    /// Texts for validation, by class or label.
    pub valid: Vec<usize>,
    /// Texts for the last test, by class or label.
    pub test: Vec<usize>,
    /// The smallest and the largest of each number, where numbers are told.
    pub ranges: Vec<(f32, f32)>,
    /// The largest class of the training texts divided by the smallest; 1 is balanced.
    pub imbalance: f64,
    /// Whether training shows each class equally often.
    pub balanced: bool,
    /// Whether a text may have several labels.
    pub several: bool,
    /// The texts' lengths in tokens, before they are cut: the median, what 95 of 100 have at most, the longest.
    pub lengths: [usize; 3],
    /// How many texts are cut because they are longer than the limit, and how many tokens that takes away.
    pub cut: (usize, usize),
    /// The most tokens of a text.
    pub max_tokens: usize,
    /// Whether these are the tokens of a network, and not the table's own words.
    pub of_network: bool,
    /// How many texts are equal to another one, beside one of each.
    pub copies: usize,
    /// How many more are nearly so; `None` where there are too many texts to look for such.
    pub near_copies: Option<usize>,
    /// Equal texts with different truths: the text, and what is said to be true.
    pub contradictions: Vec<(String, Vec<String>)>,
    /// Equal or nearly equal texts in two parts: a few of them, and how many groups there are.
    pub across_parts: (Vec<String>, usize),
    /// How many groups stay on one side each, where somebody has said which.
    pub groups: Option<usize>,
    /// How the table was read: columns, encoding, what was left out, a sentence each.
    pub reading: Vec<String>,
    /// How many bytes texts and tokens take.
    pub bytes: usize,
}

/// The beginning of a text on one line.
fn begin(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("“{}…”", line[..at].trim_end()),
        None => format!("“{line}”"),
    }
}

impl TextTable {
    /// What a person wants to know of the texts before training: classes, counts, imbalance, lengths in tokens, copies, leaks, and how the table was
    /// read.
    ///
    /// # Errors
    /// When an option makes no sense, the columns are not found, or the user interrupts.
    pub fn summary(&self) -> Result<TextSummary> {
        crate::data::Data::check(self)?;
        let examples = self.ready()?;
        let (rows, tokens) = (self.rows()?, self.tokens());
        let (copies, near) = (self.copies()?, self.alike()?);
        let mut lengths: Vec<usize> = (0..examples.len()).map(|id| rows.length(id) + rows.cut(id)).collect();
        lengths.sort_unstable();
        let at = |share: f64| lengths[((lengths.len() as f64 * share).ceil() as usize).clamp(1, lengths.len()) - 1];
        let cut: Vec<usize> = (0..examples.len()).map(|id| rows.cut(id)).filter(|cut| *cut > 0).collect();
        let parts = [Part::Train, Part::Valid, Part::Test];
        let [train, valid, test] = parts.map(|part| self.counts(part));
        // a class without a text has a sentence of its own
        let some = || train.iter().copied().filter(|count| *count > 0);
        let (most, least) = (some().max().unwrap_or(0), some().min().unwrap_or(0));
        let told = |ids: &Vec<usize>| {
            let mut words: Vec<String> = ids.iter().map(|id| examples.truth_words(*id)).collect();
            words.sort();
            words.dedup();
            (begin(examples.text(ids[0]).0), words)
        };
        let against = copies.groups.iter().map(told).filter(|(_, words)| words.len() > 1).collect();
        let across = self.across(&near);
        let shown = across.iter().take(3).map(|at| begin(examples.text(near.groups[*at][0]).0)).collect();
        let mut reading = vec![examples.columns.words.clone()];
        reading.extend(self.0.file_words.iter().cloned());
        reading.extend(examples.words.iter().cloned());
        Ok(TextSummary {
            names: self.names().to_vec(),
            texts: parts.map(|part| self.ids(part).len()),
            balanced: self.0.balanced,
            several: matches!(examples.target, Target::Classes(_)),
            imbalance: most as f64 / least.max(1) as f64,
            ranges: match examples.target {
                Target::Numbers(_) => examples.ranges(),
                _ => Vec::new(),
            },
            train,
            valid,
            test,
            lengths: [at(0.5), at(0.95), at(1.0)],
            cut: (cut.len(), cut.iter().sum()),
            max_tokens: tokens.max_tokens(),
            of_network: self.has_tokens(),
            copies: copies.spare(),
            near_copies: self.is_searched().then(|| near.spare() - copies.spare()),
            contradictions: against,
            across_parts: (shown, across.len()),
            groups: self
                .0
                .groups
                .as_ref()
                .map(|groups| groups.0.iter().collect::<std::collections::BTreeSet<_>>().len()),
            reading,
            bytes: self.bytes(),
        })
    }
}

impl TextSummary {
    /// The summary as a table with notes.
    pub fn table(&self) -> Table {
        let tested = self.texts[2] > 0;
        let row = |name: &str, own: [String; 3]| {
            let mut cells = vec![name.to_owned()];
            cells.extend(own.into_iter().take(if tested { 3 } else { 2 }));
            cells
        };
        let what = if self.ranges.is_empty() { "class" } else { "number" };
        let head = [what, "train", "valid"].into_iter().chain(tested.then_some("test"));
        let mut table = Table::new(head).left(0);
        for (at, name) in self.names.iter().enumerate().take(self.train.len()) {
            table.push(row(name, [self.train[at], self.valid[at], self.test[at]].map(|n| n.to_string())));
        }
        table.push(row("all", self.texts.map(|n| n.to_string())));
        self.notes().into_iter().fold(table, Table::note)
    }

    /// What is worth knowing, a sentence each.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let [median, most, longest] = self.lengths;
        let unit = match self.of_network {
            true => "tokens of the network",
            false => "words and marks, until a learner has said its network's tokens",
        };
        let cut = match self.cut {
            (0, _) => format!("none is cut at {}", self.max_tokens),
            (texts, tokens) => {
                let share = texts as f64 * 100.0 / self.texts.iter().sum::<usize>().max(1) as f64;
                format!(
                    "{} cut at {} ({share:.1} %), {} gone",
                    does(texts, "text", "is", "are"),
                    self.max_tokens,
                    count(tokens, "token")
                )
            }
        };
        notes.push(format!("lengths in {unit}: median {median}, 95 % up to {most}, longest {longest}; {cut}"));
        for (name, (least, most)) in self.names.iter().zip(&self.ranges) {
            notes.push(format!("`{name}` from {least} to {most}"));
        }
        if self.texts[1] == 0 {
            notes.push("nothing is kept for validation yet: `.split(0.2, 42)?`".to_owned());
        }
        let none: Vec<String> = (self.names.iter().zip(&self.train))
            .filter(|(_, count)| **count == 0)
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        if !none.is_empty() {
            notes.push(format!("no text to learn from: {}", none.join(", ")));
        }
        if self.imbalance >= 1.5 {
            let advice = match (self.balanced, self.imbalance >= ADVISED, self.several) {
                (true, ..) => "; training shows each equally often",
                (_, true, false) => {
                    "; rare ones come more often with `data.balanced()`, or weigh more with `learner.balanced_weights()?`"
                }
                (_, true, true) => "; rare ones weigh more with `learner.balanced_weights()?`",
                _ => "",
            };
            notes.push(format!("the largest class has {:.1} times the texts of the smallest{advice}", self.imbalance));
        }
        if let Some(groups) = self.groups {
            notes.push(format!("{}, each on one side of a split", count(groups, "group")));
        }
        if self.copies > 0 {
            notes.push(format!(
                "{} equal to another but for capitals and spaces",
                does(self.copies, "text", "is", "are")
            ));
        }
        match self.near_copies {
            None => notes.push(NOT_SEARCHED.to_owned()),
            Some(0) => {}
            Some(near) => notes.push(format!(
                "{} nearly like another, in all words but one or in most runs of three",
                does(near, "text", "is", "are")
            )),
        }
        if let (shown, n @ 1..) = (&self.across_parts.0, self.across_parts.1) {
            let what = count(n, "group");
            notes.push(format!(
                "{what} of such texts in two parts, so what is measured may be too good: {}",
                shown.join(", ")
            ));
        }
        if !self.contradictions.is_empty() {
            let shown: Vec<String> = self
                .contradictions
                .iter()
                .take(3)
                .map(|(text, words)| format!("{text} ({})", words.join(" / ")))
                .collect();
            notes.push(format!(
                "{} with different truths: {}",
                does(self.contradictions.len(), "equal text", "stands there", "stand there"),
                shown.join(", ")
            ));
        }
        notes.extend(self.reading.iter().cloned());
        notes.push(format!("{} in memory", in_words(self.bytes as u128)));
        notes
    }
}

impl Show for TextSummary {
    fn bundle(&self) -> Bundle {
        self.table().bundle()
    }
}

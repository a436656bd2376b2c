//! Short reviews with known sentiment, and traps for whoever counts words.
//!
//! A review says of a film, a restaurant, a museum or a gadget what was good or bad, some with a sentence beside it that says neither. Every second one turns words
//! around; the column `trap` says how:
//!
//! | trap | what it does | positive |
//! |---|---|---|
//! | `none` | plain words | *The soup was warm and the wine was superb.* |
//! | `negation` | negated words | *The plot was not dull at all, and neither was the score.* |
//! | `mixed` | both; the main clause counts, or the end | *Although the bread was stale, the wine was superb.* |
//! | `irony` | an irony mark, `(!)` or `⸮`, turns all around | *How dreadful, a film with such a boring script (!)* |
//! | `intensifier` | words that make stronger, and words that deny | *The screen was anything but poor.* |
//! | `comparison` | with others | *Any other phone has a worse battery.* |
//!
//! Which words stand in a review says little of its sentiment: a logistic regression on their counts gets fewer than 80 % right.
//! No sentence stands in two reviews.

mod grammar;
mod lexicon;

use std::collections::HashSet;
use std::path::Path;

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::data::TextTable;
use crate::{Error, Result, interrupt, limits, paths};

/// The columns of the table.
const HEAD: [&str; 4] = ["text", "label", "trap", "topic"];

/// Short English reviews with known sentiment: how many, and of which seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Reviews {
    count: usize,
    seed: u64,
}

/// Short English reviews of films, restaurants, museums and gadgets, half of them positive, with a column that names each one's trap for whoever
/// counts words: 2000 unless said otherwise.
///
/// ```
/// use candlewick_prelude::datasets;
/// let reviews = datasets::reviews().count(200).table()?.split(0.2, 42)?.batch(16);
/// assert_eq!(reviews.names(), ["negative", "positive"]);
/// println!("{} ({})", reviews.text_of(0)?.0, reviews.value(0, "trap")?);
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
pub fn reviews() -> Reviews {
    Reviews { count: 2000, seed: 42 }
}

/// A number below `below`, the same on every machine.
fn below(random: &mut ChaCha8Rng, below: usize) -> usize {
    (random.next_u64() % below.max(1) as u64) as usize
}

impl Reviews {
    /// How many reviews, 10 to 50 000.
    pub fn count(mut self, reviews: usize) -> Reviews {
        self.count = reviews;
        self
    }

    /// The seed; the same seed gives the same reviews, and more of them begin with the same.
    pub fn seed(mut self, seed: u64) -> Reviews {
        self.seed = seed;
        self
    }

    /// The reviews as a table, not yet split.
    ///
    /// # Errors
    /// When the count is out of its range, or the user interrupts.
    pub fn table(&self) -> Result<TextTable> {
        TextTable::of_rows(&HEAD, &self.rows()?, &format!("{} reviews, seed {}", self.count, self.seed))
    }

    /// The reviews as a file of tab-separated values, with the columns `text`, `label`, `trap` and `topic`, and that file as a table.
    ///
    /// # Errors
    /// When the count is out of its range, or the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<TextTable> {
        self.write_at(&paths::expanded(path.as_ref()))
    }

    fn write_at(&self, path: &Path) -> Result<TextTable> {
        let lines = self.rows()?.into_iter().map(|row| row.join("\t") + "\n");
        let text: String = [HEAD.join("\t") + "\n"].into_iter().chain(lines).collect();
        std::fs::write(path, text).map_err(|error| {
            Error::new(format!("`{}` cannot be written", path.display()))
                .caused_by(error)
                .remedy("name a file in a folder that you may write to")
        })?;
        TextTable::tsv(path)
    }

    fn rows(&self) -> Result<Vec<Vec<String>>> {
        let fine = (10..=50_000).contains(&self.count);
        limits::allow(
            fine,
            "the reviews' `count`",
            &self.count,
            "10 to 50000 reviews",
            "2000 are usual: `.count(2000)`",
        )?;
        let mut random = ChaCha8Rng::seed_from_u64(self.seed ^ 0x7265_7669_6577_7301);
        let mut used: HashSet<String> = HashSet::new();
        let mut rows = Vec::with_capacity(self.count);
        // halves alternate in pairs, in an order of the seed
        let mut first = false;
        for number in 0..self.count {
            if number.is_multiple_of(1024) {
                interrupt::check()?;
            }
            first = if number.is_multiple_of(2) { below(&mut random, 2) == 0 } else { !first };
            let (topic, trap) = grammar::kind(&mut random);
            let main = fresh(&mut used, || grammar::opinion(&mut random, topic, trap, first))?;
            let beside = below(&mut random, 10);
            let text = match beside {
                0..4 => main,
                4..7 => format!("{} {main}", fresh(&mut used, || grammar::aside(&mut random, topic))?),
                _ => format!("{main} {}", fresh(&mut used, || grammar::aside(&mut random, topic))?),
            };
            let label = if first { "positive" } else { "negative" };
            rows.push([text.as_str(), label, trap, topic.name].map(str::to_owned).to_vec());
        }
        Ok(rows)
    }
}

/// A sentence that was not used before.
fn fresh(used: &mut HashSet<String>, mut make: impl FnMut() -> String) -> Result<String> {
    for _ in 0..1000 {
        let sentence = make();
        if used.insert(sentence.clone()) {
            return Ok(sentence);
        }
    }
    Err(Error::new("there are no sentences left").remedy("ask for fewer reviews"))
}

#[cfg(test)]
mod tests;

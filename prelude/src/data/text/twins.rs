//! Texts that are the same, and texts that are nearly so.
//!
//! Equal are texts whose words and marks are, whatever their capitals, their spaces and the way their accents are written (Unicode's NFC).
//! Nearly so are texts of eight words or more that differ in one word (another, one more, one fewer, one elsewhere), and longer ones of whose runs of three words
//! most are the same: a Jaccard index of 0.7 or more. Candidates come from MinHash in bands (Broder 1997; Leskovec, Rajaraman and Ullman, "Mining of
//! Massive Datasets", chapter 3), and are counted before they are believed.

use std::collections::{BTreeSet, HashMap};

use rayon::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::examples::Examples;
use crate::Result;
use crate::data::Part;
use crate::data::batches::mix;
use crate::data::divide::{join, root};
use crate::data::split::Copies;
use crate::show::Steps;
use crate::words::does;

/// Texts of fewer words differ much where one word does.
const FEWEST_WORDS: usize = 8;
/// Of all runs of three words that either text has, so many of ten are both's.
const SHARE: (usize, usize) = (7, 10);
/// The bands of a signature, and the hashes of each: of texts with a Jaccard index of 0.7, 99 of 100 share a band.
const BANDS: usize = 16;
const ROWS: usize = 4;
/// Of texts in one band's bucket each is compared with so many before it.
const COMPARED: usize = 8;

/// Of more texts nearly equal ones are not looked for: half a kilobyte each would be needed.
pub(super) const MOST: usize = 300_000;
/// What is said then.
pub(super) const NOT_SEARCHED: &str =
    "so many texts are not searched for nearly equal ones; equal ones stay on one side";

/// The hash of a text as it is compared.
fn plain_hash(text: (&str, Option<&str>)) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for part in [Some(text.0), text.1].into_iter().flatten() {
        let mut space = false;
        let mut some = false;
        for c in part.nfc().flat_map(char::to_lowercase) {
            if c.is_whitespace() {
                space = some;
                continue;
            }
            if std::mem::take(&mut space) {
                hash = mix(hash, 32, 1);
            }
            some = true;
            hash = mix(hash, c as u64, 1);
        }
        hash = mix(hash, 0x1f, 2);
    }
    hash
}

/// The hashes of a text's words.
fn word_hashes(text: (&str, Option<&str>)) -> Vec<u64> {
    let mut words = Vec::new();
    for part in [Some(text.0), text.1].into_iter().flatten() {
        let (mut hash, mut some) = (0u64, false);
        for c in part.nfc().flat_map(char::to_lowercase).chain([' ']) {
            if c.is_alphanumeric() {
                hash = mix(hash, c as u64, 3);
                some = true;
            } else if std::mem::take(&mut some) {
                words.push(std::mem::take(&mut hash));
            }
        }
    }
    words
}

/// The runs of three words, each once, in order of their hashes.
fn shingles(words: &[u64]) -> Vec<u64> {
    let mut runs: Vec<u64> = words.windows(3).map(|run| mix(run[0], run[1], run[2])).collect();
    runs.sort_unstable();
    runs.dedup();
    runs
}

/// The hashes of a text with each of its words left out in turn, and of the whole: two texts that differ in one word share one.
fn without_one(words: &[u64]) -> Vec<u64> {
    // polynomial hashes of what stands before and behind
    const BASE: u64 = 0x9e37_79b9_7f4a_7c15;
    let n = words.len();
    let mut before = vec![0u64; n + 1];
    let mut power = vec![1u64; n + 1];
    for (at, word) in words.iter().enumerate() {
        before[at + 1] = before[at].wrapping_mul(BASE).wrapping_add(*word);
        power[at + 1] = power[at].wrapping_mul(BASE);
    }
    let behind = |at: usize| before[n].wrapping_sub(before[at].wrapping_mul(power[n - at]));
    let without =
        (0..n).map(|at| mix(before[at].wrapping_mul(power[n - at - 1]).wrapping_add(behind(at + 1)), n as u64 - 1, 5));
    without.chain([mix(before[n], n as u64, 5)]).collect()
}

/// Groups of equal texts.
pub(super) fn equal(examples: &Examples) -> Copies {
    let hashes: Vec<u64> = (0..examples.len()).into_par_iter().map(|id| plain_hash(examples.text(id))).collect();
    let mut of: HashMap<u64, Vec<usize>> = HashMap::with_capacity(hashes.len());
    for (id, hash) in hashes.into_iter().enumerate() {
        of.entry(hash).or_default().push(id);
    }
    let mut groups: Vec<Vec<usize>> = of.into_values().filter(|ids| ids.len() > 1).collect();
    groups.sort();
    Copies { groups }
}

/// The examples of a table that comes in parts, without the training texts that validation or test hold too.
pub(super) fn without_leaks(mut examples: Examples) -> Examples {
    let Some(parts) = examples.parts.clone().filter(|parts| parts.iter().any(|part| *part != Part::Train)) else {
        return examples;
    };
    let copies = equal(&examples);
    let measured = |ids: &&Vec<usize>| ids.iter().any(|id| parts[*id] != Part::Train);
    let leaks = copies.groups.iter().filter(measured).flatten().copied().filter(|id| parts[*id] == Part::Train);
    let leaks: BTreeSet<usize> = leaks.collect();
    if let Some(first) = leaks.first() {
        let line = examples.line(*first);
        let many = does(leaks.len(), "training text", "is", "are");
        let more = if leaks.len() > 1 { " …" } else { "" };
        examples.words.push(format!("{many} also held for validation or test and left out: line {line}{more}"));
        examples.leave_out(&leaks);
    }
    examples
}

/// Groups of texts that are equal or nearly so.
///
/// # Errors
/// Where the user interrupts.
pub(super) fn near(examples: &Examples, copies: &Copies) -> Result<Copies> {
    let n = examples.len();
    let steps = Steps::new("comparing texts", n);
    type Signature = (Vec<u64>, Vec<u64>, [u64; BANDS]);
    let signatures: Vec<Signature> = (0..n)
        .into_par_iter()
        .map(|id| {
            steps.step()?;
            let words = word_hashes(examples.text(id));
            if words.len() < FEWEST_WORDS {
                return Ok((Vec::new(), Vec::new(), [0; BANDS]));
            }
            let runs = shingles(&words);
            let least = |seed: u64| runs.iter().map(|run| mix(*run, seed, 7)).min().unwrap_or(0);
            let band =
                |band: usize| (0..ROWS).fold(band as u64, |hash, row| mix(hash, least((band * ROWS + row) as u64), 11));
            // of long texts one word is nothing beside the runs
            let without = if words.len() <= 64 { without_one(&words) } else { Vec::new() };
            let bands = std::array::from_fn(band);
            Ok((runs, without, bands))
        })
        .collect::<Result<_>>()?;
    let mut first: Vec<usize> = (0..n).collect();
    copies.groups.iter().for_each(|ids| ids.iter().for_each(|id| join(&mut first, ids[0], *id)));
    // a hash without one word is both's where one word differs
    let mut pairs: Vec<(u64, u32)> = Vec::new();
    for (id, (_, without, _)) in signatures.iter().enumerate() {
        pairs.extend(without.iter().map(|hash| (*hash, id as u32)));
    }
    pairs.par_sort_unstable();
    pairs
        .chunk_by(|a, b| a.0 == b.0)
        .for_each(|own| own.windows(2).for_each(|two| join(&mut first, two[0].1 as usize, two[1].1 as usize)));
    drop(pairs);
    for band in 0..BANDS {
        let mut buckets: Vec<(u64, u32)> =
            (0..n).filter(|id| !signatures[*id].0.is_empty()).map(|id| (signatures[id].2[band], id as u32)).collect();
        buckets.par_sort_unstable();
        for own in buckets.chunk_by(|a, b| a.0 == b.0).filter(|own| own.len() > 1) {
            for (at, (_, id)) in own.iter().enumerate() {
                for (_, other) in &own[at.saturating_sub(COMPARED)..at] {
                    let (a, b) = (*id as usize, *other as usize);
                    if root(&mut first, a) != root(&mut first, b) && is_near(&signatures[a].0, &signatures[b].0) {
                        join(&mut first, a, b);
                    }
                }
            }
        }
        crate::interrupt::check()?;
    }
    let mut groups: HashMap<usize, Vec<usize>> = HashMap::new();
    for id in 0..n {
        groups.entry(root(&mut first, id)).or_default().push(id);
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().filter(|ids| ids.len() > 1).collect();
    groups.sort();
    Ok(Copies { groups })
}

/// Whether most runs are both's; both are sorted.
fn is_near(a: &[u64], b: &[u64]) -> bool {
    let (mut at, mut to, mut both) = (0, 0, 0);
    while at < a.len() && to < b.len() {
        match a[at].cmp(&b[to]) {
            std::cmp::Ordering::Less => at += 1,
            std::cmp::Ordering::Greater => to += 1,
            std::cmp::Ordering::Equal => (at, to, both) = (at + 1, to + 1, both + 1),
        }
    }
    both * SHARE.1 >= (a.len() + b.len() - both) * SHARE.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_so_whatever_their_capitals_and_spaces() {
        let hash = |text: &str| plain_hash((text, None));
        assert_eq!(hash("A  café.\n"), hash(" a cafe\u{301}. "));
        assert_ne!(hash("a cafe."), hash("a cafe!"));
        assert_ne!(hash("ab"), hash("a b"));
        assert_ne!(plain_hash(("a", Some("b"))), plain_hash(("a b", None)));
    }

    #[test]
    fn one_word_more_fewer_or_another_is_found() {
        let own = |text: &str| without_one(&word_hashes((text, None)));
        let shares = |a: &str, b: &str| own(a).iter().any(|hash| own(b).contains(hash));
        let text = "the film begins well and then loses its way";
        assert!(shares(text, "the film begins badly and then loses its way"));
        assert!(shares(text, "the long film begins well and then loses its way"));
        assert!(shares(text, "film begins well, and then loses its WAY!"));
        assert!(!shares(text, "the film begins badly and then finds its way"));
        assert!(shares(text, "well the film begins and then loses its way"));
        assert!(!shares(text, "well the film then begins and loses its way"));
    }
}

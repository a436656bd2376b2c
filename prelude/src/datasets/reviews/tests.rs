//! The reviews are what they say they are.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::*;
use crate::data::{Data, Part};

#[test]
fn the_same_seed_gives_the_same_reviews_and_more_begin_with_the_same() -> Result<()> {
    let rows = reviews().count(400).rows()?;
    assert_eq!(rows, reviews().count(400).rows()?);
    assert_eq!(rows[..], reviews().count(900).rows()?[..400]);
    assert_ne!(rows, reviews().count(400).seed(1).rows()?);
    let positive = rows.iter().filter(|row| row[1] == "positive").count();
    assert_eq!(positive, 200);
    let traps: BTreeSet<&str> = rows.iter().map(|row| row[2].as_str()).collect();
    assert_eq!(
        traps.into_iter().collect::<Vec<_>>(),
        ["comparison", "intensifier", "irony", "mixed", "negation", "none"]
    );
    assert!(reviews().count(9).table().unwrap_err().to_string().contains("the reviews' `count` is 9"));
    Ok(())
}

/// Sentences end with a mark and a space.
fn sentences(text: &str) -> Vec<&str> {
    text.split_inclusive(['.', '!', '⸮']).map(str::trim).filter(|part| part.len() > 3).collect()
}

#[test]
fn no_sentence_stands_in_two_reviews_and_a_split_shares_none() -> Result<()> {
    let data = reviews().count(20_000).table()?;
    let mut seen = HashSet::new();
    for id in 0..data.len() {
        for sentence in sentences(data.text_of(id)?.0) {
            assert!(seen.insert(sentence.to_owned()), "{sentence}");
        }
    }
    let small = reviews().count(2000).table()?.split(0.1, 42)?;
    assert_eq!(small.counts(Part::Valid), [100, 100]);
    assert_eq!(small.provenance().copies_across_parts, Some(0));
    Ok(())
}

/// Multinomial naive Bayes on words; tests/reference/reviews.py does the same with scikit-learn's logistic regression.
#[test]
fn who_counts_words_falls_into_the_traps() -> Result<()> {
    let rows = reviews().count(6000).rows()?;
    let words = |text: &str| -> Vec<String> {
        let lower = text.to_lowercase();
        lower
            .split(|c: char| !c.is_alphanumeric() && c != '⸮')
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let mut counts: HashMap<String, [f64; 2]> = HashMap::new();
    for row in &rows[..5000] {
        let label = usize::from(row[1] == "positive");
        words(&row[0]).into_iter().for_each(|word| counts.entry(word).or_insert([1.0; 2])[label] += 1.0);
    }
    let all = [0, 1].map(|label| counts.values().map(|own| own[label]).sum::<f64>());
    let score = |text: &str| -> f64 {
        words(text)
            .iter()
            .filter_map(|word| counts.get(word))
            .map(|own| (own[1] / all[1]).ln() - (own[0] / all[0]).ln())
            .sum()
    };
    let mut right: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for row in &rows[5000..] {
        let fits = usize::from((score(&row[0]) > 0.0) == (row[1] == "positive"));
        for key in [row[2].as_str(), "all"] {
            let own = right.entry(key).or_default();
            *own = (own.0 + fits, own.1 + 1);
        }
    }
    let share = |key: &str| right[key].0 as f64 / right[key].1 as f64;
    assert!(share("all") < 0.8 && share("none") > 0.8, "{right:?}");
    Ok(())
}

#[test]
fn they_are_read_again_from_the_file_that_was_written() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("reviews.tsv");
    let data = reviews().count(50).write(&path)?;
    let same = reviews().count(50).table()?;
    assert_eq!((data.len(), data.names()), (50, same.names()));
    for id in 0..50 {
        assert_eq!(data.text_of(id)?, same.text_of(id)?);
        assert_eq!(data.value(id, "topic")?, same.value(id, "topic")?);
    }
    Ok(())
}

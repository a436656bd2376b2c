//! What the numbers of a card do not say by themselves, in words, from what is known.

use std::collections::BTreeSet;

use super::content::{CardContent, FitSection};
use crate::train::records::FitRecord;
use crate::words::does;

/// Classes with fewer validation examples than this are told: one example more or less is 5 % of their recall.
const FEW: usize = 20;
/// Where the largest class has so many times the examples of the smallest, it is told.
const UNEVEN: f64 = 3.0;

/// The limits, a sentence each.
pub(super) fn limits(card: &CardContent) -> Vec<String> {
    let mut limits = Vec::new();
    let measured = card.metrics.as_ref();
    let record = card.data.record.as_ref();
    if card.fits.is_empty() && card.epochs.is_empty() {
        limits.push("nothing was trained here: the network is as it began".to_owned());
    }
    match measured {
        None => {
            let why = match card.data.present {
                false => "the learner has no data now".to_owned(),
                true => format!("the data have no {} examples", part_words(card.asked.as_str())),
            };
            limits.push(format!("{why}: how good the network is was not measured"));
        }
        Some(measured) if !measured.loss.is_finite() => {
            limits
                .push(format!("the loss is {}: the network has diverged, and its numbers mean nothing", measured.loss));
        }
        Some(_) => {}
    }
    if measured.is_some_and(|measured| measured.part == "train") {
        let words = match card.fits.is_empty() && card.epochs.is_empty() {
            true => "the metrics are of training examples, which training would make better than those of new ones",
            false => {
                "the metrics are of examples that it was trained on: they say what it remembers, not how good it is on new ones"
            }
        };
        limits.push(words.to_owned());
    }
    limits.extend(few(card));
    limits.extend(record.and_then(|record| uneven(&record.names, record.provenance.class_counts.first()?)));
    let held = record.map(|record| record.counts[2]);
    let validated = measured.is_some_and(|measured| measured.part == "valid");
    limits.push(match (held, card.test_measured) {
        (None, _) => "it is not known whether a test set is held out".to_owned(),
        (Some(0), _) if validated => {
            "no test set is held out: the metrics are of examples that may have been used for choosing".to_owned()
        }
        (Some(0), _) => "no test set is held out".to_owned(),
        (Some(count), 0) => {
            format!("{count} examples are held out for the last test; nothing was measured on them yet")
        }
        (Some(count), times) => {
            let words = if times == 1 {
                "once".to_owned()
            } else {
                format!("{times} times: each look makes it less of a test")
            };
            format!("{count} examples are held out for the last test; they were measured {words}")
        }
    });
    if let Some(later @ 1..) = card.test.as_ref().map(|test| card.epochs.len().saturating_sub(test.epochs)) {
        let words = if later == 1 { "its last epoch".to_owned() } else { format!("its last {later} epochs") };
        limits.push(format!("the test is of the network before {words}"));
    }
    limits.extend(chosen(card));
    if let Some(record) = record {
        let own = &record.provenance;
        match (own.near_copies, own.copies) {
            (None, None) => limits.push("nobody has searched the data for copies".to_owned()),
            (None, Some(equal)) => {
                let copies = match equal {
                    0 => String::new(),
                    equal => format!("{}; ", does(equal, "example", "is a copy of another", "are copies of others")),
                };
                limits.push(format!("{copies}examples that only look alike were not searched for"));
            }
            (Some(0), _) => {}
            (Some(near), _) => limits.push(does(
                near,
                "example",
                "is a copy of another or looks like it",
                "are copies of others or look like them",
            )),
        }
        if let Some(across @ 1..) = own.copies_across_parts {
            limits
                .push(format!("{across} groups of copies have members in two parts: what is measured may be too good"));
        }
        if own.split_hash.is_none() {
            limits.push("the data do not say which examples are in which part: the split has no hash".to_owned());
        }
        let last = card.fits.last().and_then(|fit| fit.record.data.as_ref());
        if let Some(last) = last.filter(|last| card.data.present && last.provenance.split_hash != own.split_hash) {
            let hash = last.provenance.split_hash.as_deref().map_or("unknown", |hash| &hash[..12.min(hash.len())]);
            limits.push(format!(
                "the last fit saw another split ({hash}): some of what is measured here may have been trained on"
            ));
        }
    } else {
        limits.push("the data are not known".to_owned());
    }
    if card.untold_epochs() > 0 {
        limits.push(format!("how the first {} epochs were trained was not written down", card.untold_epochs()));
    }
    let seeds = seeds(card);
    if let [seed] = seeds[..] {
        limits.push(format!("one run, of seed {seed}: how far the numbers vary from seed to seed is not known"));
    } else if !seeds.is_empty() {
        limits.push("one run: how far the numbers vary from seed to seed is not known".to_owned());
    }
    limits
}

/// A part in words.
fn part_words(part: &str) -> &str {
    match part {
        "train" => "training",
        "valid" => "validation",
        other => other,
    }
}

/// Classes with few validation examples.
fn few(card: &CardContent) -> Option<String> {
    let measured = card.metrics.as_ref()?;
    let classes = measured.classes.iter().map(|class| (&class.name, class.support));
    let boxes = measured.boxes.iter().map(|class| (&class.name, class.objects));
    let few: Vec<String> = classes
        .chain(boxes)
        .filter(|(_, support)| *support < FEW)
        .map(|(name, support)| format!("{name} ({support})"))
        .collect();
    let more = if few.len() > 10 { format!(" and {} more", few.len() - 10) } else { String::new() };
    let some = few.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
    if !few.is_empty() {
        return Some(format!(
            "fewer than {FEW} {} examples of {some}{more}: their numbers are rough",
            part_words(&measured.part)
        ));
    }
    let all = measured.classes.is_empty() && measured.boxes.is_empty() && measured.examples < FEW;
    all.then(|| {
        let part = part_words(&measured.part);
        format!("fewer than {FEW} {part} examples in all ({}): the numbers are rough", measured.examples)
    })
}

/// Classes that are far from even.
fn uneven(names: &[String], counts: &[usize]) -> Option<String> {
    let name = |at: usize| names.get(at).map_or("?", String::as_str);
    let most = (0..counts.len()).max_by_key(|at| counts[*at])?;
    let least = (0..counts.len()).min_by_key(|at| counts[*at])?;
    let times = counts[most] as f64 / counts[least].max(1) as f64;
    (times >= UNEVEN).then(|| {
        format!(
            "the classes are uneven in training: {} has {} examples, {} has {}, {times:.1} times fewer",
            name(most),
            counts[most],
            name(least),
            counts[least]
        )
    })
}

/// Whether validation decided something, so that its numbers are better than those of new examples.
fn chosen(card: &CardContent) -> Option<String> {
    let mut by = BTreeSet::new();
    for FitRecord { callbacks, schedule, .. } in card.fits.iter().map(|fit| &fit.record) {
        let choose = |name: &&String| ["best weights", "early stopping"].iter().any(|own| name.starts_with(own));
        by.extend(callbacks.iter().filter(choose).cloned());
        by.extend(schedule.contains("gains nothing").then(|| "a plateau's rate".to_owned()));
    }
    if by.is_empty() {
        return None;
    }
    let by: Vec<String> = by.into_iter().collect();
    Some(format!("validation was used for choosing ({}): new examples may do worse than it says", by.join(", ")))
}

fn seeds(card: &CardContent) -> Vec<u64> {
    let seeds: BTreeSet<u64> = card.fits.iter().map(|fit| fit.record.seed).collect();
    seeds.into_iter().collect()
}

/// What gives the same run again.
pub(super) fn reproducibility(card: &CardContent, cpu: bool) -> String {
    let threads: BTreeSet<usize> = card.fits.iter().map(|fit| fit.record.threads).filter(|count| *count > 0).collect();
    if card.fits.is_empty() {
        return "nothing was trained here, or it was not written down how".to_owned();
    }
    if !cpu {
        return "on this device sums have no fixed order: the same cells give nearly, but not exactly, the same weights".to_owned();
    }
    let words: Vec<String> = threads.iter().map(usize::to_string).collect();
    let with = if words.is_empty() { "as many".to_owned() } else { words.join(" and ") };
    let own = card.fits.iter().any(|fit| fit.record.unnamed_callbacks > 0 || fit.record.schedule.contains("one's own"));
    let except = if own { "; what a person's own callbacks and schedules did is not written down" } else { "" };
    let is_cut = |fit: &FitSection| {
        fit.epochs_done < fit.record.epochs
            && !fit.record.callbacks.iter().any(|name| name.starts_with("early stopping"))
    };
    let cut = if card.fits.iter().any(is_cut) {
        "; a fit that ended before its last epoch is repeated only if it is ended at the same step"
    } else {
        ""
    };
    format!(
        "on the CPU the same cells with the same data, seeds and versions on {with} threads give the same weights to the last bit, on \
         processors of one kind; another number of threads differs in the last digits{cut}{except}"
    )
}

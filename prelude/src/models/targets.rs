//! Which layers of a network get adapters.

use std::collections::BTreeSet;

use crate::layers::Lora;
use crate::params::{ParamSet, Slot, fits};
use crate::{Error, Result};

/// What the matrices of query and value are called, in the order in which they are looked for: BERT's, DistilBERT's, others', timm's where the
/// three are one.
const ATTENTION: [&[&str]; 5] =
    [&["query", "value"], &["q_lin", "v_lin"], &["q_proj", "v_proj"], &["qkv"], &["query_key_value"]];

/// The layers of the first `backbone` groups that get an adapter.
///
/// # Errors
/// When no layer takes one, none is named so, or the rank is larger than a layer.
pub(super) fn targets(params: &ParamSet, backbone: usize, lora: &Lora) -> Result<Vec<Slot>> {
    let all = params.slots();
    let slots: Vec<Slot> = all.iter().filter(|slot| slot.weight().group() < backbone).cloned().collect();
    if all.is_empty() {
        return Err(Error::new("no layer of this network takes an adapter: LoRA stands beside the prelude's `Linear` and `Conv2d`, and a candle \
                               model's layers are candle's own")
            .remedy(
                "make the network of the prelude's layers, `Network::whole(7, |at| …)?`; or train a part of it: `learner.freeze_matching(\"*\")?` and \
                 `learner.unfreeze_matching(\"*value*\")?`",
            ));
    }
    if slots.is_empty() {
        return Err(Error::new("no layer that takes an adapter stands before the head, which trains whole")
            .remedy("make the network in more parts: the last one is its head"));
    }
    let found = if lora.patterns().is_empty() { usual(&slots, lora) } else { named(&all, &slots, lora)? };
    let largest = |slot: &Slot| {
        let dims = slot.weight().var().dims();
        dims[0].min(dims[1..].iter().product())
    };
    let too_small = found.iter().find(|slot| largest(slot) < lora.directions());
    let Some(slot) =
        too_small.or_else(|| found.is_empty().then(|| slots.iter().max_by_key(|slot| largest(slot))).flatten())
    else {
        return Ok(found);
    };
    let (name, dims, most) = (slot.name(), slot.weight().var().dims(), largest(slot));
    Err(Error::new(format!(
        "the `rank` of LoRA is {}; `{name}` has a weight of {dims:?}, which rank {most} holds whole",
        lora.directions()
    ))
    .remedy(format!(
        "a small rank is the point: `Lora::rank({})`; or leave the layer out of the targets",
        8.min(most.div_ceil(2))
    )))
}

/// The last part of a layer's name.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Query and value; else all convolutions but the first; else all matrices.
fn usual(slots: &[Slot], lora: &Lora) -> Vec<Slot> {
    let is_matrix = |slot: &&Slot| slot.weight().var().rank() == 2;
    for names in ATTENTION {
        let found: Vec<Slot> =
            slots.iter().filter(is_matrix).filter(|slot| names.contains(&last(slot.name()))).cloned().collect();
        if !found.is_empty() {
            return found;
        }
    }
    let fits = |slot: &&Slot| {
        let dims = slot.weight().var().dims();
        slot.groups() == 1 && dims[0].min(dims[1..].iter().product()) > lora.directions()
    };
    let convolutions = slots.iter().filter(|slot| !is_matrix(slot)).skip(1);
    let found: Vec<Slot> = convolutions.filter(fits).cloned().collect();
    if !found.is_empty() {
        return found;
    }
    slots.iter().filter(is_matrix).filter(fits).cloned().collect()
}

/// Whether a pattern is of this layer: of its whole name, or of its name's end.
pub(super) fn is_of(pattern: &str, name: &str) -> bool {
    fits(pattern, name) || fits(&format!("*.{pattern}"), name)
}

/// The layers that the patterns are of.
fn named(all: &[Slot], slots: &[Slot], lora: &Lora) -> Result<Vec<Slot>> {
    for pattern in lora.patterns() {
        let own: Vec<&Slot> = slots.iter().filter(|slot| is_of(pattern, slot.name())).collect();
        if own.iter().any(|slot| slot.groups() == 1) {
            continue;
        }
        if let Some(slot) = own.first() {
            let what = format!(
                "`{}` is a convolution whose {} groups of channels do not see each other",
                slot.name(),
                slot.groups()
            );
            return Err(Error::new(format!("{what}: what an adapter adds could not be merged into its weight"))
                .remedy("choose other layers: those of 1×1 beside it, `Lora::rank(8).targets(&[…])`"));
        }
        if let Some(slot) = all.iter().find(|slot| is_of(pattern, slot.name())) {
            return Err(Error::new(format!(
                "`{}` is in the head, which trains whole: it takes no adapter",
                slot.name()
            ))
            .remedy(format!("the layers before it are {}", kinds(slots))));
        }
        return Err(Error::new(format!("no layer is named like `{pattern}`")).remedy(format!(
            "{}the layers that take an adapter are {}",
            nearest(pattern, slots).map_or(String::new(), |name| format!("did you mean `{name}`? ")),
            kinds(slots)
        )));
    }
    let wanted = |slot: &&Slot| slot.groups() == 1 && lora.patterns().iter().any(|pattern| is_of(pattern, slot.name()));
    Ok(slots.iter().filter(wanted).cloned().collect())
}

/// The layers' names with `*` for their numbers, each once: `blocks.*.attn.qkv`.
fn kinds(slots: &[Slot]) -> String {
    let mut seen = BTreeSet::new();
    let starred = |name: &str| {
        let words = name.split('.').map(|word| if word.bytes().all(|byte| byte.is_ascii_digit()) { "*" } else { word });
        words.collect::<Vec<_>>().join(".")
    };
    let kinds: Vec<String> =
        slots.iter().map(|slot| starred(slot.name())).filter(|kind| seen.insert(kind.clone())).collect();
    let more = if kinds.len() > 12 { format!(" and {} more", kinds.len() - 12) } else { String::new() };
    kinds.iter().take(12).map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ") + &more
}

/// The end of a layer's name that is most like a pattern, where one is at all.
fn nearest<'a>(pattern: &str, slots: &'a [Slot]) -> Option<&'a str> {
    let bare = pattern.trim_matches('*').rsplit('.').next().unwrap_or_default().to_lowercase();
    let near = slots.iter().map(|slot| (distance(&bare, &last(slot.name()).to_lowercase()), last(slot.name())));
    near.min().filter(|(steps, name)| *steps <= name.len().max(bare.len()) / 2).map(|(_, name)| name)
}

/// How many letters have to be put in, taken out or changed to make one word of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, own) in a.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in b.iter().enumerate() {
            let changed = before + usize::from(own != *other);
            before = row[j + 1];
            row[j + 1] = changed.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_of_whole_names_or_of_their_ends() {
        for (pattern, name, expected) in [
            ("query", "encoder.layer.0.attention.self.query", true),
            ("*query", "encoder.layer.0.attention.self.query", true),
            ("self.query", "encoder.layer.0.attention.self.query", true),
            ("uery", "encoder.layer.0.attention.self.query", false),
            ("blocks.1*.attn.qkv", "blocks.11.attn.qkv", true),
            ("blocks.1*.attn.qkv", "blocks.2.attn.qkv", false),
            ("fc1", "fc1", true),
            ("", "fc1", false),
        ] {
            assert_eq!(is_of(pattern, name), expected, "{pattern} {name}");
        }
        assert_eq!(distance("qeury", "query"), 2);
        assert_eq!(distance("", "abc"), 3);
    }
}

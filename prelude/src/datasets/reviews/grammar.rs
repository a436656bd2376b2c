//! How reviews are put together: one sentence with an opinion, and maybe one without.

use rand_chacha::ChaCha8Rng;

use super::below;
use super::lexicon::{BAD, BETTER, DENYING, GOOD, STRONGER, TOPICS, Topic, WHEN, WHERE, WITH, WORSE};

/// The traps, and how many of a hundred reviews have each.
const TRAPS: [(&str, usize); 6] =
    [("none", 50), ("negation", 14), ("mixed", 14), ("irony", 6), ("intensifier", 8), ("comparison", 8)];

/// Of what a review is, and its trap.
pub(super) fn kind(random: &mut ChaCha8Rng) -> (&'static Topic, &'static str) {
    let topic = &TOPICS[below(random, TOPICS.len())];
    let mut at = below(random, 100);
    for (trap, share) in TRAPS {
        if at < share {
            return (topic, trap);
        }
        at -= share;
    }
    (topic, TRAPS[0].0)
}

fn one(random: &mut ChaCha8Rng, words: &[&'static str]) -> &'static str {
    words[below(random, words.len())]
}

/// Two different ones.
fn two(random: &mut ChaCha8Rng, words: &[&'static str]) -> (&'static str, &'static str) {
    let first = below(random, words.len());
    let second = (first + 1 + below(random, words.len() - 1)) % words.len();
    (words[first], words[second])
}

/// With `a` or `an` before it.
fn a(word: &str) -> String {
    let vowel = word.starts_with(['a', 'e', 'i', 'o', 'u']) && !word.starts_with("uni");
    format!("{} {word}", if vowel { "an" } else { "a" })
}

fn sentence(text: String) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A sentence that says whether it was good.
pub(super) fn opinion(random: &mut ChaCha8Rng, topic: &Topic, trap: &str, good: bool) -> String {
    let thing = one(random, &topic.things);
    let (x, y) = two(random, &topic.parts);
    let (own, other): (&[&str], &[&str]) = if good { (&GOOD, &BAD) } else { (&BAD, &GOOD) };
    let ((p, q), (n, m)) = (two(random, own), two(random, other));
    let form = |random: &mut ChaCha8Rng, forms: usize| below(random, forms);
    sentence(match trap {
        "negation" => match form(random, 6) {
            0 => format!("the {x} was not {n} at all, and neither was the {y}."),
            1 => format!("I would not call the {x} {n}, nor the {y} {m}."),
            2 => format!("nobody could say that the {x} was {n} or that the {y} was {m}."),
            3 => format!("not {} {thing} by any means, and the {x} was never {m}.", a(n)),
            4 => format!("there was nothing {n} about the {x} and nothing {m} about the {y}."),
            _ => format!("this {thing} isn't {n}, and the {x} wasn't {m} either."),
        },
        "mixed" => match form(random, 8) {
            0 => format!("the {x} was {n}, but the {y} was {p}, and that is what counts."),
            1 => format!("{} start, {} end: that is the {x} of this {thing}.", a(n), a(p)),
            2 => format!("although the {x} was {n}, the {y} was {p}."),
            3 => format!("the {y} was {p}, although the {x} was {n}."),
            4 => format!("at first the {x} seemed {n}, in the end it was {p}."),
            5 => format!("the {x} may be {n}, yet as a whole it is {} {thing}.", a(p)),
            6 => format!("as a whole it is {} {thing}, even if the {x} may be {n}.", a(p)),
            _ => format!("we expected {} {thing} and got {} one, the {x} above all.", a(n), a(p)),
        },
        "irony" => {
            let mark = if form(random, 3) == 0 { "⸮" } else { "(!)" };
            match form(random, 5) {
                0 => format!("oh how {n}, and the {x} of this {thing} so {m} {mark}"),
                1 => format!("how {n}, {} with such {} {x} {mark}", a(thing), a(m)),
                2 => format!("just what I needed, {} {x} and {} {y} {mark}", a(n), a(m)),
                3 => format!("yes, of course the {x} was {n}, and the {y} was {m} {mark}"),
                _ => format!("what {} {thing}, and what {} {x} {mark}", a(n), a(m)),
            }
        }
        "intensifier" => {
            // as often one that makes a word stronger as one that turns it around
            let (words, first, second): (&[&str], _, _) =
                if form(random, 2) == 0 { (&STRONGER, p, q) } else { (&DENYING, n, m) };
            let (u, v) = two(random, words);
            match form(random, 3) {
                0 => format!("the {x} was {u} {first} and the {y} was {v} {second}."),
                1 => format!("I found the {x} {u} {first}."),
                _ => format!("this {thing} is {u} {first}, and its {x} is {v} {second}."),
            }
        }
        "comparison" => {
            let (own, other): (&[&str], &[&str]) = if good { (&BETTER, &WORSE) } else { (&WORSE, &BETTER) };
            let ((p, q), (n, m)) = (two(random, own), two(random, other));
            match form(random, 6) {
                0 => format!("the {x} of this {thing} is far {p} than that of the last one, and the {y} is {q}."),
                1 => format!("the last {thing} had a far {n} {x} and a {m} {y} than this one."),
                2 => format!("no other {thing} has a {p} {x} or a {q} {y}."),
                3 => format!("any other {thing} has a {n} {x} and a {m} {y}."),
                4 => format!("I have seen {n} {x} and {m} {y} in every other {thing}."),
                _ => format!("this {thing} has a {p} {x} than the old one, not a {n} one."),
            }
        }
        _ => match form(random, 6) {
            0 => format!("the {x} was {p} and the {y} was {q}."),
            1 => format!("{} {thing} with {} {x}.", a(p), a(q)),
            2 => format!("I found the {x} {p} and the {y} {q}."),
            3 => format!("what {} {thing}, and what {} {x}!", a(p), a(q)),
            4 => format!("this {thing} has {} {x} and {} {y}.", a(p), a(q)),
            _ => format!("{p} {x}, {q} {y}: {} {thing}.", a(own[below(random, own.len())])),
        },
    })
}

/// A sentence that says neither.
pub(super) fn aside(random: &mut ChaCha8Rng, topic: &Topic) -> String {
    let (did, with, when, place) =
        (one(random, &topic.did), one(random, &WITH), one(random, &WHEN), one(random, &WHERE));
    let thing = one(random, &topic.things);
    sentence(match below(random, 5) {
        0 => format!("I {did} {when} with {with} {place}."),
        1 => format!("we {did} {place} {when}, together with {with}."),
        2 => format!("{when} I was {place} with {with}, and we {did}."),
        3 => format!("{with} had told me of this {thing} {when} {place}."),
        _ => format!("it is {} that {with} and I talked of {when} {place}.", a(thing)),
    })
}

//! Names that look alike: how far two are apart, the nearest of many, and pairs that are probably one thing.

use super::listing::Listing;
use std::collections::BTreeMap;

/// The longest name that is compared letter by letter.
const LONGEST: usize = 100;

/// How many letters are to be changed, added, taken away or exchanged with their neighbour.
pub(super) fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().take(LONGEST).collect();
    let other: Vec<char> = other.chars().take(LONGEST).collect();
    let (mut before, mut last): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=other.len()).collect());
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut best = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

/// A name in small letters, with one space for whatever parts its words.
fn plain(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// The names, those that look most like `wanted` first.
pub(crate) fn nearest<'a>(wanted: &str, names: &'a [String]) -> Vec<&'a String> {
    let wanted = plain(wanted);
    let mut sorted: Vec<(usize, &String)> = names.iter().map(|name| (distance(&wanted, &plain(name)), name)).collect();
    sorted.sort();
    sorted.into_iter().map(|(_, name)| name).collect()
}

/// The name that somebody who wrote `wanted` probably meant: with a slip or two, or with words more or less.
pub(crate) fn likely_meant<'a>(wanted: &str, names: &'a [String]) -> Option<&'a String> {
    let first = nearest(wanted, names).into_iter().next()?;
    let (a, b) = (plain(wanted), plain(first));
    let longer = a.chars().count().max(b.chars().count());
    let slips = distance(&a, &b);
    if slips * 3 <= longer {
        return Some(first);
    }
    let holds = |name: &&String| {
        let name = plain(name);
        !a.is_empty()
            && !name.is_empty()
            && (name.split(' ').any(|word| word == a) || a.split(' ').any(|word| word == name))
    };
    names.iter().find(holds)
}

/// Whether two names are probably one thing spelled twice.
fn is_alike(one: &str, other: &str) -> bool {
    let digits = |name: &str| name.chars().filter(char::is_ascii_digit).collect::<String>();
    // `type 1` and `type 2` are two things.
    if digits(one) != digits(other) {
        return false;
    }
    let (a, b) = (plain(one), plain(other));
    let joined = |name: &str| name.replace(' ', "");
    if joined(&a) == joined(&b) {
        return true;
    }
    // A slip leaves the words and most of their letters: one letter of seven or more, two of ten or more.
    let (words_a, words_b): (Vec<&str>, Vec<&str>) = (a.split(' ').collect(), b.split(' ').collect());
    let allowed = |word: &str| match word.chars().count() {
        0..=6 => 0,
        7..=9 => 1,
        _ => 2,
    };
    // `book` and `books` are one thing; `cat` and `cats` too.
    let plural = |x: &str, y: &str| x.chars().count() > 2 && (y == format!("{x}s") || y == format!("{x}es"));
    let near = |x: &str, y: &str| {
        let shorter = if x.len() < y.len() { x } else { y };
        x == y || plural(x, y) || plural(y, x) || distance(x, y) <= allowed(shorter)
    };
    words_a.len() == words_b.len() && words_a.iter().zip(&words_b).all(|(x, y)| near(x, y))
}

/// What to say of names that differ in capitals alone, of classes that stay apart.
pub(crate) fn differ_in_capitals(names: &[String]) -> Option<String> {
    let mut ways: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    names.iter().for_each(|name| ways.entry(name.to_lowercase()).or_default().push(name));
    let same: Vec<Vec<&String>> = ways.into_values().filter(|names| names.len() > 1).collect();
    let quoted: Vec<String> = same
        .iter()
        .take(4)
        .map(|names| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and "))
        .collect();
    let [first, other] = same.first()?.get(..2)? else { return None };
    let more = if same.len() > 4 { "; …" } else { "" };
    Some(format!(
        "classes that differ in capitals alone stay apart: {}{more}; `.rename(&[({other:?}, {first:?})])?` makes one of two",
        quoted.join("; ")
    ))
}

impl Listing {
    /// Pairs of class names that are probably one thing spelled twice: by case, by what parts the words, by a letter
    /// or two.
    pub fn alike_names(&self) -> Vec<(String, String)> {
        // Pairs grow with the square; lists so long come from a source that has no slips.
        let names = &self.classes[..self.classes.len().min(1500)];
        let pairs =
            names.iter().enumerate().flat_map(|(at, one)| names[at + 1..].iter().map(move |other| (one, other)));
        pairs.filter(|(one, other)| is_alike(one, other)).map(|(one, other)| (one.clone(), other.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_are_told() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let told =
            differ_in_capitals(&names(&["OIL", "Oil", "icon", "oil", "Wood cut", "wood cut", "+", "-"])).unwrap();
        assert!(told.contains("`OIL` and `Oil` and `oil`; `Wood cut` and `wood cut`;"), "{told}");
        assert!(told.contains(r#"`.rename(&[("Oil", "OIL")])?`"#), "{told}");
        assert!(differ_in_capitals(&names(&["oil", "oils", "icon"])).is_none());
    }

    #[test]
    fn distances() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("from", "form", 1),
            ("été", "ete", 2),
            ("a", "a", 0),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected);
        }
    }

    #[test]
    fn slips_are_found_and_other_things_are_not() {
        for (one, other) in [
            ("christ_crucifixion", "christ_crucifiction"),
            ("church fathers", "church_fathers"),
            ("Traffic Light", "traffic-light"),
            ("trafficlight", "traffic light"),
            ("church_father", "church_fathers"),
            ("Cat", "cat"),
            ("motorcycle", "motorcylce"),
        ] {
            assert!(is_alike(one, other) && is_alike(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("christ_kid", "christ_child"),
            ("cat", "car"),
            ("type 1", "type 2"),
            ("man", "woman"),
            ("father", "feather"),
            ("mary", "mary_dead"),
            ("RBC", "WBC"),
            ("st_john", "st_judas"),
            ("church", "church_father"),
        ] {
            assert!(!is_alike(one, other), "{one} {other}");
        }
        let names = ["dog", "scroll", "cross"].map(str::to_owned);
        assert_eq!(nearest("corss", &names)[0], "cross");
    }
}

//! Classes renamed, merged, dropped and kept, on a listing.

use super::super::names::composed;
use super::alike::{likely_meant, nearest};
use super::listing::Listing;
use crate::words::count;
use crate::{Error, Result};
use std::collections::{BTreeMap, HashMap};

/// The most names that an error lists.
const MOST_NAMES: usize = 12;

/// Names as a message lists them, the first ones of many.
fn some_of(names: &[impl AsRef<str>]) -> String {
    let some: Vec<String> = names.iter().take(MOST_NAMES).map(|name| format!("`{}`", name.as_ref())).collect();
    match names.len() - some.len() {
        0 => some.join(", "),
        others => format!("{}, and {others} others", some.join(", ")),
    }
}

/// The class of this name among these; the error has those that are near.
fn known_class(name: &str, classes: &[String]) -> Result<String> {
    let wanted = composed(name);
    if classes.contains(&wanted) {
        return Ok(wanted);
    }
    let near = nearest(&wanted, classes);
    let meant = likely_meant(&wanted, classes).map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    let remedy = match near.len() {
        0 => "there are no classes at all".to_owned(),
        1..=MOST_NAMES => format!("{meant}The classes are {}", some_of(classes)),
        _ => format!("{meant}The nearest are {}", some_of(&near)),
    };
    Err(Error::new(format!("there is no class `{name}`")).remedy(remedy))
}

/// The classes of these names among these; the error names all that are not there.
fn known_classes(names: &[&str], classes: &[String]) -> Result<Vec<String>> {
    let known: Vec<Result<String>> = names.iter().map(|name| known_class(name, classes)).collect();
    let unknown: Vec<&str> =
        names.iter().zip(&known).filter(|(_, known)| known.is_err()).map(|(name, _)| *name).collect();
    if unknown.len() < 2 {
        return known.into_iter().collect();
    }
    let meant: Vec<String> = unknown
        .iter()
        .filter_map(|name| Some(format!("`{}` for `{name}`", likely_meant(&composed(name), classes)?)))
        .collect();
    let meant = if meant.is_empty() { String::new() } else { format!("did you mean {}? ", meant.join(", ")) };
    Err(Error::new(format!("there are no classes {}", some_of(&unknown)))
        .remedy(format!("{meant}The classes are {}", some_of(classes))))
}

/// The classes that stay where `verb` keeps these alone (`named`) or leaves them out.
pub(crate) fn chosen(verb: &str, names: &[&str], named: bool, classes: &[String]) -> Result<Vec<String>> {
    let known = known_classes(names, classes)?;
    let kept: Vec<String> = classes.iter().filter(|name| known.contains(name) == named).cloned().collect();
    if kept.is_empty() {
        let what = format!("`{verb}` would leave none of {}", count(classes.len(), "class"));
        let remedy = format!("the classes are {}; keep one to measure on, two to learn", some_of(classes));
        return Err(Error::new(what).remedy(remedy));
    }
    Ok(kept)
}

/// Which name each class gets that is named: from the old names to the new ones.
pub(crate) fn renaming(names: &[(&str, &str)], classes: &[String]) -> Result<HashMap<String, String>> {
    let mut new: HashMap<String, String> = HashMap::new();
    let old: Vec<&str> = names.iter().map(|(from, _)| *from).collect();
    let turned =
        |(from, to): &&(&str, &str)| !classes.contains(&composed(from)) && classes.contains(&composed(to.trim()));
    if let Some((from, to)) = names.iter().find(turned) {
        let remedy = format!("pairs are of the old name and the new one: `.rename(&[({to:?}, {from:?})])?`");
        return Err(Error::new(format!("there is no class `{from}`, but one `{to}`")).remedy(remedy));
    }
    for (from, (_, to)) in known_classes(&old, classes)?.into_iter().zip(names) {
        let to = composed(to.trim());
        if to.is_empty() {
            return Err(Error::new(format!("class `{from}` would have no name")).remedy("write a name"));
        }
        if let Some(other) = new.insert(from.clone(), to.clone()).filter(|other| *other != to) {
            return Err(Error::new(format!("class `{from}` would be both `{other}` and `{to}`")).remedy("name it once"));
        }
    }
    Ok(new)
}

/// What to say of classes that get a name which another has already, without having been named: they become one, maybe by mistake.
pub(crate) fn joined(names: &[(&str, &str)], classes: &[String]) -> Option<String> {
    let is_source = |name: &str| names.iter().any(|(from, _)| composed(from) == name);
    let joined = |(from, to): &(&str, &str)| {
        let (from, to) = (composed(from), composed(to.trim()));
        (from != to && classes.contains(&to) && !is_source(&to)).then(|| format!("`{from}` joins `{to}`"))
    };
    let all: Vec<String> = names.iter().filter_map(joined).collect();
    let more = if all.len() > MOST_NAMES { ", …" } else { "" };
    let some: Vec<&str> = all.iter().take(MOST_NAMES).map(String::as_str).collect();
    (!all.is_empty()).then(|| format!("{}{more}: they are one class now", some.join(", ")))
}

impl Listing {
    /// The listing with classes under other names; several that get one name become one class. A name that others get
    /// and that a class has already is that class.
    ///
    /// # Errors
    /// Where a class is not there, or is to have two names, or none.
    pub fn rename(self, names: &[(&str, &str)]) -> Result<Listing> {
        let new = renaming(names, &self.classes)?;
        Ok(self.mapped(|name| Some(new.get(name).cloned().unwrap_or_else(|| name.to_owned()))))
    }

    /// The listing with several classes as one, named `into`, which may be one of them or new.
    ///
    /// # Errors
    /// Where a class is not there, or `into` is empty.
    pub fn merge(self, into: &str, classes: &[&str]) -> Result<Listing> {
        if classes.is_empty() {
            let what = format!("`merge` names no class that is to become `{into}`");
            return Err(Error::new(what).remedy(format!("name some: {}", some_of(&self.classes))));
        }
        let names: Vec<(&str, &str)> = classes.iter().map(|name| (*name, into)).collect();
        self.rename(&names)
    }

    /// The listing without these classes and their objects; the pictures stay.
    ///
    /// # Errors
    /// Where a class is not there.
    pub fn drop_classes(self, classes: &[&str]) -> Result<Listing> {
        let gone = known_classes(classes, &self.classes)?;
        if !gone.is_empty() && self.classes.iter().all(|name| gone.contains(name)) {
            return Err(Error::new("`drop` names all classes: nothing would be left to learn")
                .remedy(format!("the classes are {}; keep one at least", some_of(&self.classes))));
        }
        Ok(self.mapped(|name| (!gone.iter().any(|other| other == name)).then(|| name.to_owned())))
    }

    /// The listing with these classes alone, in this order; pictures that show none of them stay as background.
    ///
    /// # Errors
    /// Where a class is not there.
    pub fn only(self, classes: &[&str]) -> Result<Listing> {
        let mut kept = known_classes(classes, &self.classes)?;
        if kept.is_empty() {
            return Err(Error::new("`only` names no class").remedy(format!("name some: {}", some_of(&self.classes))));
        }
        let mut seen = std::collections::HashSet::new();
        kept.retain(|name| seen.insert(name.clone()));
        let mut listing = self.mapped(|name| kept.iter().any(|other| other == name).then(|| name.to_owned()));
        let place = |name: &String| kept.iter().position(|other| other == name).unwrap_or(0);
        let places: Vec<usize> = listing.classes.iter().map(place).collect();
        listing.pictures.iter_mut().flat_map(|picture| &mut picture.objects).for_each(|object| {
            object.class = places[object.class];
        });
        listing.classes = kept;
        Ok(listing)
    }

    /// Gives each class the name that `new` says, or takes it and its objects away where it says none.
    fn mapped(mut self, new: impl Fn(&str) -> Option<String>) -> Listing {
        let mut classes: Vec<String> = Vec::new();
        let mut by_name: HashMap<String, usize> = HashMap::new();
        let mut place = |name: String| {
            *by_name.entry(name.clone()).or_insert_with(|| {
                classes.push(name);
                classes.len() - 1
            })
        };
        let places: Vec<Option<usize>> = self.classes.iter().map(|name| new(name).map(&mut place)).collect();
        for picture in &mut self.pictures {
            picture.objects.retain_mut(|object| {
                let Some(place) = places.get(object.class).copied().flatten() else { return false };
                object.class = place;
                true
            });
        }
        let mut extras = BTreeMap::new();
        for (name, extra) in std::mem::take(&mut self.class_extra) {
            // Where several become one, the notes of the class that had the name already count.
            match new(&name) {
                Some(to) if to == name => drop(extras.insert(to, extra)),
                Some(to) => drop(extras.entry(to).or_insert(extra)),
                None => {}
            }
        }
        Listing { classes, class_extra: extras, ..self }
    }
}

//! Spans of the compiler's messages, and where they lie in what the user wrote.

use super::excerpt::Mark;
use super::program::Place;
use super::report::Story;
use super::words;
use crate::session::memory::Told;
use serde_json::Value;

pub fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The part of a span that is in the program itself, whatever macros lie between.
pub fn own_span<'v>(span: &'v Value, story: &Story<'_>) -> Option<&'v Value> {
    let is_own = span["file_name"].as_str().is_some_and(|file| file.ends_with("lib.rs") && !file.starts_with('/'));
    if is_own && start(span, story).is_some() {
        return Some(span);
    }
    let outer = &span["expansion"]["span"];
    outer.is_object().then(|| own_span(outer, story))?
}

pub fn number(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|number| usize::try_from(number).ok())
}

pub fn start<'a>(span: &Value, story: &Story<'a>) -> Option<Place<'a>> {
    let (line, from, to) = (number(&span["line_start"])?, number(&span["column_start"])?, number(&span["column_end"])?);
    story.program.place(line, from).or_else(|| story.program.place_of_import(line, from..to.max(from + 1)))
}

pub fn end<'a>(span: &Value, story: &Story<'a>) -> Option<Place<'a>> {
    story.program.place(number(&span["line_end"])?, number(&span["column_end"])?)
}

/// The mark of a span in the user's code.
pub fn mark<'a>(span: &Value, title: &str, story: &Story<'a>) -> Option<(&'a Told, Mark)> {
    let own = own_span(span, story)?;
    let place = start(own, story)?;
    let to = match end(own, story) {
        Some(end) if end.told.number == place.told.number && end.line == place.line => end.column,
        Some(end) if end.told.number == place.told.number => usize::MAX,
        // The words of an import.
        _ => place.column + number(&own["column_end"])?.saturating_sub(number(&own["column_start"])?),
    };
    let label = words::label(span["label"].as_str().unwrap_or_default(), title);
    let primary = span["is_primary"].as_bool().unwrap_or(false);
    Some((place.told, Mark { line: place.line, from: place.column, to, label, primary }))
}

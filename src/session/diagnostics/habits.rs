//! What hands used to Python write, where the compiler's words are about something else.

use super::report::{Report, Story};

/// Types of data, as messages name them.
pub const DATA: [&str; 6] = ["ImageFolder", "Boxes", "LabelTable", "NumberTable", "TensorData", "TextTable"];

/// Verbs whose only text is a path, a name or a pattern, so that what stands there without quotes is meant to be one.
const TAKE_TEXT: [&str; 14] = [
    "open(",
    "csv(",
    "predict(",
    "load(",
    "save(",
    "unfreeze_from(",
    "freeze_from(",
    "freeze_matching(",
    "unfreeze_matching(",
    "attention(",
    "predict_tta(",
    ".label(",
    ".text(",
    ".number(",
];

/// The bare name of the type in a message: the first of these that it names.
fn data_in(message: &str) -> Option<&'static str> {
    let quoted = message.split('`').skip(1).step_by(2);
    let bare = |kind: &str| kind.trim_start_matches('&').rsplit("::").next().map(str::to_owned);
    quoted.filter_map(bare).find_map(|name| DATA.iter().copied().find(|own| *own == name))
}

/// Whether an error is about data taken for a list: `data[0]`, `for x in data`.
pub fn is_list(message: &str) -> bool {
    data_in(message).is_some() && (message.contains("cannot index") || message.contains("is not an iterator"))
}

/// What to say of data taken for a list.
pub fn as_a_list(report: &mut Report<'_>) {
    report.advice = vec![(
        "help".to_owned(),
        "`data.show_batch(9)?` shows some, `data.len()` counts them, and `for batch in data.batches(Part::Train)? { let batch = batch?; … }` goes through \
         them as a network gets them"
            .to_owned(),
    )];
}

/// A `Result` where a block has none: `for … { learner.fit(1, 1e-3) }`.
pub fn unfinished(report: &mut Report<'_>) {
    for (_, text) in &mut report.advice {
        if text.starts_with("consider using a semicolon here") {
            *text = "`?;` behind it: the error, if there is one, ends the cell, and the value is let go".to_owned();
        }
    }
    report.advice.retain(|(_, text)| !text.starts_with("consider using `Result::expect`"));
}

/// A text where a number is wanted.
pub fn number_in_quotes(report: &mut Report<'_>) {
    report.advice.retain(|(_, text)| !text.contains("parse"));
    report.advice.insert(0, ("help".to_owned(), "numbers stand without quotes: `3`, `1e-3`".to_owned()));
}

/// A name that is not there and is meant as a text: what it should be in quotes.
pub fn without_quotes(name: &str, report: &Report<'_>, story: &Story<'_>) -> Option<String> {
    let (told, mark) = report.marks.iter().find(|(_, mark)| mark.primary)?;
    if told.number != story.told.number {
        return None;
    }
    let line = told.code.lines().nth(mark.line - 1)?;
    let at = line.char_indices().nth(mark.from - 1).map(|(at, _)| at)?;
    let (before, after) = (line.get(..at)?, line.get(at..)?);
    let verb = TAKE_TEXT.iter().any(|verb| before.trim_end().ends_with(verb));
    let end = after.find([',', ')']).unwrap_or(after.len());
    let text = after[..end].trim();
    let plain = |c: char| c.is_alphanumeric() || "._-*/".contains(c);
    let is_text = text.starts_with(name) && !text.is_empty() && text.chars().all(plain);
    (verb && is_text).then(|| format!("a path or a name is text, in quotes: `\"{text}\"`"))
}

/// A call as it usually is, where the one that was written may lack something.
pub fn usual_call(call: &str) -> &'static str {
    const USUAL: [(&str, &str); 5] = [
        (".fit(", ", whole as in `learner.fit(3, 1e-3)?`"),
        (".fit_one_cycle(", ", whole as in `learner.fit_one_cycle(4, 1e-3)?`"),
        (".fine_tune(", ", whole as in `learner.fine_tune(4, 1e-3)?`"),
        (".split(", ", whole as in `data.split(0.2, 42)?`"),
        (".hold_out(", ", whole as in `data.hold_out(0.2, 1)?`"),
    ];
    USUAL.iter().find(|(verb, _)| call.contains(verb)).map_or("", |(_, whole)| whole)
}

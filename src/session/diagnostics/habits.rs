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

/// Words between which a space is Rust's own.
const KEYWORDS: [&str; 12] =
    ["mut", "move", "ref", "if", "match", "unsafe", "async", "let", "return", "as", "dyn", "impl"];

/// How the names of files end that cells speak of.
const ENDINGS: [&str; 18] = [
    "jpg",
    "jpeg",
    "png",
    "tif",
    "tiff",
    "bmp",
    "webp",
    "gif",
    "csv",
    "tsv",
    "json",
    "jsonl",
    "txt",
    "zip",
    "safetensors",
    "onnx",
    "pth",
    "pt",
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

/// An argument: the names that other libraries give it, and what is usual.
type Argument = (&'static [&'static str], &'static str);

/// The arguments of verbs, in the order in which they stand here.
const IN_ORDER: [(&[&str], &[Argument]); 2] = [
    (
        &[".fit(", ".fit_one_cycle(", ".fine_tune("],
        &[
            (&["epochs", "n_epoch", "n_epochs", "num_epochs", "epoch"], "3"),
            (&["lr", "lr_max", "base_lr", "learning_rate", "rate", "lr0"], "1e-3"),
        ],
    ),
    (
        &[".split(", ".hold_out("],
        &[
            (&["valid_pct", "test_size", "validation_split", "fraction", "pct"], "0.2"),
            (&["seed", "random_state"], "42"),
        ],
    ),
];

/// The line that gives arguments by their names as a call that can be made: their values in the order in which they stand here, what is usual where one is left out,
/// and without what has a verb of its own. `None` where there is none of a known name.
pub fn in_order(line: &str) -> Option<String> {
    IN_ORDER.iter().find_map(|(verbs, places)| {
        let at = verbs.iter().find_map(|verb| line.find(verb).map(|at| at + verb.len()))?;
        let end = at + line[at..].find(')')?;
        if line[at..end].contains('(') {
            return None;
        }
        let mut values: Vec<&str> = places.iter().map(|(_, usual)| *usual).collect();
        let mut known = false;
        for (number, argument) in line[at..end].split(',').enumerate() {
            let place = match argument.split_once('=') {
                Some((name, _)) => places.iter().position(|(names, _)| names.contains(&name.trim())),
                None => Some(number),
            };
            let value = argument.split_once('=').map_or(argument, |(_, value)| value).trim();
            if let Some(place) = place.and_then(|place| values.get_mut(place)) {
                *place = value;
                known |= argument.contains('=');
            }
        }
        known.then(|| format!("{}{}{}", &line[..at], values.join(", "), &line[end..]))
    })
}

/// What to say where a cell does not parse, or takes a number apart, since a path stands in it without quotes: `predict(/home/me/a.jpg)`.
pub fn path_without_quotes(code: &str) -> Option<String> {
    code.lines().find_map(|line| {
        let at = TAKE_TEXT.iter().find_map(|verb| line.find(verb).map(|at| at + verb.len()))?;
        let text = line[at..].split([')', ',']).next()?.trim();
        let drive = text.get(1..3).is_some_and(|sign| [":\\", ":/"].contains(&sign));
        let ending = text
            .rsplit_once('.')
            .is_some_and(|(name, ending)| !name.is_empty() && ENDINGS.contains(&ending.to_lowercase().as_str()));
        let begins = ["/", "~", "./", "../"].iter().any(|start| text.starts_with(start));
        let word = |word: &str| {
            word.contains(char::is_alphanumeric) && word.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c))
        };
        let words = text.contains(' ') && text.split(' ').all(|own| word(own) && !KEYWORDS.contains(&own));
        let is_path = drive || begins || words || text.ends_with('/') && word(text) || ending && !text.contains("::");
        let is_text = text.contains('"') || text.contains('(') || text.contains('&');
        (is_path && !is_text).then(|| match text.contains('\\') {
            true => format!("a path is text, in quotes, with an `r` where it has `\\`: `r\"{text}\"`"),
            false => format!("a path or a name is text, in quotes: `\"{text}\"`"),
        })
    })
}

/// A list of names without quotes: `only([car, bus])`.
pub fn list_without_quotes(name: &str, code: &str) -> Option<String> {
    const TAKE_LISTS: [&str; 4] = [".only(", ".drop(", ".merge(", ".rename("];
    code.lines().find_map(|line| {
        let at = TAKE_LISTS.iter().find_map(|verb| line.find(verb).map(|at| at + verb.len()))?;
        let list = line[at..].split_once('[')?.1.split_once(']')?.0;
        let names: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let plain = |name: &&str| name.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
        (names.contains(&name) && names.iter().all(plain))
            .then(|| format!("names are text, in quotes: `&[\"{}\"]`", names.join("\", \"")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_by_name_come_into_their_order() {
        for (line, ordered) in [
            ("learner.fit(lr=1e-3, epochs=3)?;", Some("learner.fit(3, 1e-3)?;")),
            ("learner.fine_tune(epochs = 5)", Some("learner.fine_tune(5, 1e-3)")),
            ("data.split(seed=1, valid_pct=0.3)?", Some("data.split(0.3, 1)?")),
            ("learner.fit(lr=1e-4)", Some("learner.fit(3, 1e-4)")),
            ("learner.fit(2, lr=1e-4)", Some("learner.fit(2, 1e-4)")),
            ("learner.fit(epochs=3, lr=1e-3, wd=0.1)?", Some("learner.fit(3, 1e-3)?")),
            ("learner.fit(callbacks=x)", None),
            ("data.size(size=3)", None),
        ] {
            assert_eq!(in_order(line).as_deref(), ordered, "{line}");
        }
    }

    #[test]
    fn paths_and_lists_without_quotes_are_known() {
        for (code, text) in [
            ("learner.predict(/home/me/a.jpg)?", Some("`\"/home/me/a.jpg\"`")),
            ("learner.predict(~/a.jpg)", Some("`\"~/a.jpg\"`")),
            ("learner.predict(my cat.jpg)", Some("`\"my cat.jpg\"`")),
            ("learner.predict(../a.png)", Some("`\"../a.png\"`")),
            ("ImageFolder::open(my photos)", Some("`\"my photos\"`")),
            ("ImageFolder::open(photos/)", Some("`\"photos/\"`")),
            ("learner.predict(x / y)", None),
            ("learner.predict(mut x)", None),
            ("learner.predict(x as f64)", None),
            ("learner.predict(2020.jpg)", Some("`\"2020.jpg\"`")),
            ("let d = ImageFolder::open(C:\\photos)?;", Some("`r\"C:\\photos\"`")),
            ("learner.predict(\"a.jpg\")", None),
            ("learner.predict(&self.path)", None),
            ("learner.predict(path())", None),
            ("learner.predict(1.5)", None),
        ] {
            let told = path_without_quotes(code);
            assert_eq!(told.is_some(), text.is_some(), "{code}: {told:?}");
            assert!(text.is_none_or(|text| told.is_some_and(|told| told.contains(text))), "{code}");
        }
        let told = list_without_quotes("car", "data.only(&[car, bus])?").unwrap();
        assert!(told.contains("`&[\"car\", \"bus\"]`"), "{told}");
        assert!(list_without_quotes("car", "data.only(&[car, \"bus\"])?").is_none());
        assert!(list_without_quotes("car", "f([car])").is_none());
    }
}

//! YOLO's `data.yaml`: where the pictures of each part are, and the names of the classes.

use super::super::Part;
use super::fault::{Fault, FaultKind, Spot, shortened};
use super::text;
use saphyr_parser::{Event, Parser};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What the writer's files begin with.
pub(super) const MARK: &str = "# written by candlewick";
/// The most bytes of such a file.
const MOST_BYTES: u64 = 8 << 20;
/// The most values, and lists within lists.
const MOST_VALUES: usize = 500_000;
const MOST_DEEP: usize = 64;
/// The highest number that a class may have.
pub(super) const MOST_CLASSES: usize = 100_000;

/// A value, as far as such files need it.
#[derive(Clone, Debug, PartialEq)]
enum Yaml {
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

/// What such a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct DataYaml {
    /// The folder from which all others count.
    pub path: Option<String>,
    /// Folders, or lists of pictures, of each part.
    pub parts: Vec<(Part, Vec<String>)>,
    /// The names of the classes by their numbers.
    pub names: Vec<String>,
    /// How many key points an object has, and numbers each.
    pub points: Option<(usize, usize)>,
}

/// Reads such a file.
pub(super) fn read(path: &Path) -> Result<DataYaml, Fault> {
    let text = text::read(path, MOST_BYTES)?;
    let faulty = |line: usize, what: String| Fault::new(FaultKind::NotParseable, path, Spot::Line(line.max(1)), what);
    let Yaml::Map(fields) = parse(&text).map_err(|(line, what)| faulty(line, what))? else {
        return Err(faulty(1, "it has no names with a colon, such as `names:`".to_owned()));
    };
    let mut found = DataYaml::default();
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("path", Yaml::Text(text)) if !text.is_empty() => found.path = Some(text),
            ("names", value) => found.names = names(value).map_err(|what| faulty(1, what))?,
            ("kpt_shape", Yaml::List(shape)) => {
                let number = |at: usize| match shape.get(at) {
                    Some(Yaml::Text(text)) => text.parse::<usize>().ok().filter(|number| *number <= 1000),
                    _ => None,
                };
                found.points = number(0).zip(number(1));
            }
            (key, value) => {
                let part = match key {
                    "train" => Part::Train,
                    "val" | "valid" | "validation" => Part::Valid,
                    "test" => Part::Test,
                    _ => continue,
                };
                let texts = match value {
                    Yaml::Text(text) => vec![text],
                    Yaml::List(list) => list
                        .into_iter()
                        .filter_map(|one| if let Yaml::Text(text) = one { Some(text) } else { None })
                        .collect(),
                    Yaml::Map(_) => Vec::new(),
                };
                found.parts.push((part, texts.into_iter().filter(|text| !text.is_empty()).collect()));
            }
        }
    }
    Ok(found)
}

/// The names of classes, as a list or by their numbers.
fn names(value: Yaml) -> Result<Vec<String>, String> {
    let name = |value: Yaml| match value {
        Yaml::Text(text) => Ok(super::class_name(&text)),
        _ => Err("under `names` stands something else than names".to_owned()),
    };
    match value {
        Yaml::List(list) => list.into_iter().map(name).collect(),
        Yaml::Map(fields) => {
            let mut names: Vec<String> = Vec::new();
            for (key, value) in fields {
                let number = key.parse::<usize>().ok().filter(|number| *number < MOST_CLASSES);
                let Some(number) = number else {
                    return Err(format!("under `names` stands `{}`, expected a class's number", shortened(&key, 40)));
                };
                (names.len()..=number).for_each(|missing| names.push(missing.to_string()));
                names[number] = name(value)?;
            }
            Ok(names)
        }
        // `names: [a, b]` in quotes, or the name of a file; a single class.
        Yaml::Text(text) => Ok(text.split(',').map(super::class_name).filter(|name| !name.is_empty()).collect()),
    }
}

/// The first document of a text, or the line and what is wrong there.
fn parse(text: &str) -> Result<Yaml, (usize, String)> {
    // What is open, with the key that waits for a value; the last is the innermost.
    let mut open: Vec<(Yaml, Option<String>)> = Vec::new();
    let mut scalars: HashMap<usize, String> = HashMap::new();
    let mut values = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| (error.marker().line(), format!("it is no YAML: {}", error.info())))?;
        let line = span.start.line();
        values += 1;
        if values > MOST_VALUES || open.len() > MOST_DEEP {
            return Err((line, "it holds too much for a list of folders and names".to_owned()));
        }
        let ready = match event {
            Event::Scalar(text, _, anchor, _) => {
                let text = text.into_owned();
                if anchor > 0 {
                    scalars.insert(anchor, text.clone());
                }
                Yaml::Text(text)
            }
            // Only text is repeated, so that a small file stays small.
            Event::Alias(anchor) => Yaml::Text(scalars.get(&anchor).cloned().unwrap_or_default()),
            Event::SequenceStart(..) => {
                open.push((Yaml::List(Vec::new()), None));
                continue;
            }
            Event::MappingStart(..) => {
                open.push((Yaml::Map(Vec::new()), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some((value, _)) => value,
                None => continue,
            },
            Event::DocumentEnd => break,
            _ => continue,
        };
        match open.last_mut() {
            Some((Yaml::List(list), _)) => list.push(ready),
            Some((Yaml::Map(fields), waiting)) => match (waiting.take(), ready) {
                (Some(key), value) => fields.push((key, value)),
                (None, Yaml::Text(key)) => *waiting = Some(key),
                (None, _) => *waiting = Some(String::new()),
            },
            _ => return Ok(ready),
        }
    }
    Err((1, "it is empty".to_owned()))
}

/// The first of the paths that a written one may mean: from the file's own folder, from `path`, or, where it was
/// written on another machine or one folder deeper, its end.
pub(super) fn resolved(written: &str, base: &Path, own: &Path) -> Option<PathBuf> {
    let written = written.trim().replace('\\', "/");
    let direct = [base.join(&written), own.join(&written)];
    if let Some(found) = direct.into_iter().find(|path| path.exists()) {
        return Some(found);
    }
    let steps: Vec<&str> = written.split('/').filter(|step| !matches!(*step, "" | "." | "..")).collect();
    let ends = (0..steps.len()).map(|from| steps[from..].iter().collect::<PathBuf>());
    let mut places = ends.flat_map(|end| [base.join(&end), own.join(&end)]);
    places.find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Result<DataYaml, Fault> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data.yaml");
        std::fs::write(&file, text).unwrap();
        read(&file)
    }

    #[test]
    fn lists_maps_and_repeats() {
        let list = said("train: ../train/images\nval: [a, b]\nnc: 2\nnames: ['cat', \"the dog\"]\n").unwrap();
        assert_eq!(list.names, ["cat", "the dog"]);
        assert_eq!(list.parts[1], (Part::Valid, vec!["a".to_owned(), "b".to_owned()]));
        let map = said("# COCO\r\npath: ../datasets/coco8 # root\r\ntrain: images/train\r\nval: images/val\r\ntest: # none\r\nnames:\r\n  0: person\r\n  2: car\r\nkpt_shape: [17, 3]\r\n").unwrap();
        assert_eq!(map.names, ["person", "1", "car"]);
        assert_eq!((map.path.as_deref(), map.points), (Some("../datasets/coco8"), Some((17, 3))));
        assert_eq!(map.parts[2], (Part::Test, vec![]));
        assert_eq!(said("names:\n- &a x\n- *a\nother: {deep: [1, {x: y}]}\n").unwrap().names, ["x", "x"]);
    }

    #[test]
    fn what_is_no_such_file() {
        for text in [
            "",
            "- a\n",
            "names: {x: y}\n",
            "names: [[a]]\n",
            "names: {999999999: a}\n",
            "a: [1\nb: 2",
            "\t- : {",
            "just text",
        ] {
            let fault = said(text).unwrap_err();
            assert_eq!(fault.kind, FaultKind::NotParseable, "{text}");
        }
        assert!(said(&"[".repeat(10_000)).is_err());
        assert!(said(&format!("a: {}", "[".repeat(100) + &"]".repeat(100))).is_err());
        // Each line ten times the one before, if repeats were written out.
        let mut bomb = "a0: &a0 [x, x]\n".to_owned();
        (1..60).for_each(|n| bomb += &format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1));
        assert_eq!(said(&bomb).unwrap(), DataYaml::default());
    }
}

//! Boxes by file, as `boxes.json` of an image folder has them: `{"car/0001.png": [{"class": "car", "bbox": [4, 9, 60, 41]}]}`.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::error::Category;
use std::fmt;
use std::path::Path;

use crate::Error;

/// The file that an image folder's boxes are read from and written to.
pub(crate) const BY_FILE: &str = "boxes.json";

/// What is said of one that is otherwise.
const BY_FILE_EXPECTED: &str = r#"expected {"car/0001.png": [{"class": "car", "bbox": [left, top, right, bottom]}]}"#;

/// One object as the file writes it; its box is left, top, right and bottom.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FileBox {
    pub class: String,
    pub bbox: [f32; 4],
}

/// The objects of each file, in the order in which they stand.
pub(crate) struct ByFile(pub Vec<(String, Vec<FileBox>)>);

impl<'de> Deserialize<'de> for ByFile {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ByFile, D::Error> {
        struct Files;
        impl<'de> Visitor<'de> for Files {
            type Value = ByFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("files with their objects")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ByFile, A::Error> {
                let mut files = Vec::new();
                while let Some(file) = map.next_entry()? {
                    files.push(file);
                }
                Ok(ByFile(files))
            }
        }
        from.deserialize_map(Files)
    }
}

impl ByFile {
    /// The objects that such a file's text holds.
    ///
    /// # Errors
    /// Where it is another text; the message names the file and says what is wrong where.
    pub fn parse(file: &Path, text: &str) -> Result<ByFile, Error> {
        serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let what = match error.classify() {
                Category::Eof if text.trim().is_empty() => "it is empty".to_owned(),
                Category::Eof => "it ends in the middle".to_owned(),
                Category::Syntax => format!("it is no JSON at line {line}, character {column}"),
                _ => format!("{} (line {line}, character {column})", in_words(&error)),
            };
            Error::new(format!("`{}` is not as expected: {what}", file.display())).remedy(BY_FILE_EXPECTED)
        })
    }
}

/// What is wrong with an object, without a parser's words for types.
fn in_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    if let Some(field) = text.strip_prefix("missing field ") {
        return format!("an object has no {field}");
    }
    let Some((found, expected)) = text.split_once(", expected ") else { return text.to_owned() };
    let found = match found.rsplit_once(": ").map_or(found, |(_, found)| found) {
        "map" => "an object in braces",
        "sequence" => "a list",
        "null" => "`null`",
        found => found.trim_start_matches("invalid "),
    };
    let expected = match expected {
        "f32" => "a number",
        "a string" => "a text in quotes",
        "an array of length 4" => "four numbers",
        "a sequence" => "a list of objects",
        "struct FileBox" => "an object in braces",
        expected => expected,
    };
    format!("{found} stands where {expected} should stand")
}

/// Whether a file begins as such a list does, and not as COCO's; one of its name is one whatever its objects lack.
pub(super) fn is_by_file(file: &Path) -> bool {
    use std::io::Read;
    if file.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("json")) {
        return false;
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file).and_then(|file| file.take(1 << 16).read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    let has = |key: &str| text.contains(key);
    let named = file.file_name().is_some_and(|name| name == BY_FILE) && !has("\"images\"");
    read.is_ok() && !has("\"annotations\"") && (named || has("\"class\"") && has("\"bbox\""))
}

/// The same as rows of a table, each with the number of the line on which its file stands.
pub(super) fn rows(path: &Path, text: &str) -> Result<Vec<(usize, Vec<String>)>, Error> {
    let text = text.trim_start_matches('\u{feff}');
    let ByFile(files) = ByFile::parse(path, text)?;
    let (mut at, mut line) = (0, 1);
    let mut rows = vec![(1, ["file", "class", "x0", "y0", "x1", "y1"].map(str::to_owned).to_vec())];
    for (file, objects) in files {
        // where the name is written with escapes, the line is the one before
        let written = serde_json::to_string(&file).unwrap_or_default();
        if let Some(found) = text[at..].find(&written) {
            line += text[at..at + found].matches('\n').count();
            at += found;
        }
        let row = |object: &FileBox| {
            let numbers = object.bbox.map(|edge| edge.to_string());
            (line, [&[file.clone(), object.class.clone()][..], &numbers].concat())
        };
        rows.extend(objects.iter().map(row));
        if objects.is_empty() {
            rows.push((line, vec![file, String::new(), String::new(), String::new(), String::new(), String::new()]));
        }
    }
    Ok(rows)
}

//! Boxes by file, as `boxes.json` of an image folder has them: `{"car/0001.png": [{"class": "car", "bbox": [4, 9, 60, 41]}]}`.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::path::Path;

/// The file that an image folder's boxes are read from and written to.
pub(crate) const BY_FILE: &str = "boxes.json";

/// What is said of one that is otherwise.
pub(crate) const BY_FILE_EXPECTED: &str =
    r#"expected {"car/0001.png": [{"class": "car", "bbox": [left, top, right, bottom]}]}"#;

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

/// Whether a file begins as such a list does, and not as COCO's.
pub(super) fn is_by_file(file: &Path) -> bool {
    use std::io::Read;
    if file.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("json")) {
        return false;
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file).and_then(|file| file.take(1 << 16).read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    let has = |key: &str| text.contains(key);
    read.is_ok() && has("\"class\"") && has("\"bbox\"") && !has("\"annotations\"")
}

/// The same as rows of a table, each with the number of the line on which its file stands.
pub(super) fn rows(text: &str) -> serde_json::Result<Vec<(usize, Vec<String>)>> {
    let text = text.trim_start_matches('\u{feff}');
    let ByFile(files) = serde_json::from_str(text)?;
    let (mut at, mut line) = (0, 1);
    let mut rows = vec![(1, ["file", "class", "x0", "y0", "x1", "y1"].map(str::to_owned).to_vec())];
    for (file, objects) in files {
        // where the name is written with escapes, the line is the one before
        if let Some(found) = text[at..].find(&serde_json::to_string(&file)?) {
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

//! Any bytes, and good files with a few bytes changed: an answer or an error, never a panic, and soon.

use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// Good files to change.
const COCO: &str = r#"{"info": {"a": [1, {"b": null}]}, "categories": [{"id": 1, "name": "cat"}], "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 50}], "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20.5, 20], "segmentation": [[1, 2, 3, 4]], "iscrowd": 0}]}"#;
const VOC: &str = "<?xml version=\"1.0\"?><annotation verified=\"yes\"><filename>a.jpg</filename><size><width>100</width><height>50</height></size><object><name>cat &amp; dog</name><part><name>x</name></part><truncated>1</truncated><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>";
const LABELS: &str = "0 0.5 0.5 0.2 0.4\n1 0.1 0.2 0.3 0.2 0.3 0.6\n0 0.5 0.5 0.2 0.4 0.9\n";
const YAML: &str =
    "path: .\ntrain: images/train\nval: [images, 'x']\nnames:\n  0: &a cat\n  1: \"dog\"\n  2: *a\nkpt_shape: [1, 3]\n";
const TABLE: &str = "file;class;x0;y0;x1;y1;score\na.jpg;cat;1;2;11,5;22;0.5\n\"a.jpg\";\"d\"\"g\";1;2;11;22;\n";

/// Reads bytes as each kind of file, writes what was read, within the time of a slow machine.
fn feed(bytes: &[u8], only: Option<usize>) -> Result<(), TestCaseError> {
    let files = [
        ("a.json", BoxFormat::Coco),
        ("a.xml", BoxFormat::Voc),
        ("a.txt", BoxFormat::Yolo),
        ("data.yaml", BoxFormat::Yolo),
        ("boxes.csv", BoxFormat::Csv),
        ("classes.txt", BoxFormat::Yolo),
    ];
    for (at, (name, format)) in files.into_iter().enumerate().filter(|(at, _)| only.is_none_or(|only| only == *at)) {
        let begun = Instant::now();
        let folder = Folder::new();
        folder.picture("a.jpg", 100, 50);
        if at >= 3 && format == BoxFormat::Yolo {
            folder.file("a.txt", LABELS);
        }
        folder.file(name, bytes);
        let path = if format == BoxFormat::Coco || format == BoxFormat::Csv {
            folder.path().join(name)
        } else {
            folder.path().to_path_buf()
        };
        let _ = guess(folder.path());
        let _ = guess(&folder.path().join(name));
        if let Ok(listing) = read(&path, &Reading { format: Some(format), ..Reading::default() }) {
            prop_assert!(listing.summary().lines().count() <= 12);
            for picture in &listing.pictures {
                for object in &picture.objects {
                    let [left, top, right, bottom] = object.corners;
                    prop_assert!(object.class < listing.classes.len());
                    prop_assert!(
                        left >= 0.0 && top >= 0.0 && right <= 100.0 && bottom <= 50.0 && left < right && top < bottom
                    );
                }
            }
            let out = folder.path().join("out");
            listing.write_coco(&out.join("a.json"), false).unwrap();
            listing.write_csv(&out.join("a.csv"), false).unwrap();
            listing.write_yolo(&out.join("y"), Placing::Leave, false).unwrap();
            listing.write_voc(&out.join("v"), false).unwrap();
            // What was written is read.
            let reading = |format| Reading {
                format: Some(format),
                pictures: Some(folder.path().to_path_buf()),
                ..Reading::default()
            };
            for (name, format) in [("a.json", BoxFormat::Coco), ("a.csv", BoxFormat::Csv), ("v", BoxFormat::Voc)] {
                let again = read(&out.join(name), &reading(format))
                    .map_err(|error| TestCaseError::fail(format!("{format}: {error}")))?;
                let objects = listing.pictures.iter().flat_map(|picture| &picture.objects);
                let held = objects.filter(|object| format != BoxFormat::Csv || !object.automatic).count();
                prop_assert_eq!(again.objects(), held, "{}", format);
            }
        }
        prop_assert!(begun.elapsed() < Duration::from_secs(20), "{} took {:?}", name, begun.elapsed());
    }
    Ok(())
}

/// A good file with some places changed, cut out or said again.
fn changed(good: &str, changes: &[(f64, u8, u8)]) -> Vec<u8> {
    let mut bytes = good.as_bytes().to_vec();
    for (place, kind, byte) in changes {
        let at = (place * bytes.len() as f64) as usize;
        match kind % 5 {
            0 if at < bytes.len() => bytes[at] = *byte,
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.insert(at.min(bytes.len()), *byte),
            3 => bytes.truncate(at.max(1)),
            _ => {
                let end = (at + usize::from(*byte)).min(bytes.len());
                let again = bytes[at.min(end)..end].to_vec();
                bytes.splice(at.min(end)..at.min(end), again);
            }
        }
    }
    bytes
}

fn words() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just("0 0.5 0.5 0.1 0.1\n"),
        Just("1e308"),
        Just("-1"),
        Just("nan"),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just("\""),
        Just(","),
        Just(":"),
        Just("<annotation>"),
        Just("</annotation>"),
        Just("<object>"),
        Just("</object>"),
        Just("<name>x</name>"),
        Just("<bndbox>"),
        Just("&lt;"),
        Just("<![CDATA["),
        Just("names:"),
        Just("\n"),
        Just("- "),
        Just("&a"),
        Just("*a"),
        Just("a.jpg"),
        Just(";"),
        Just("\t"),
        Just("\"images\""),
        Just("\"annotations\""),
        Just("\u{feff}"),
        Just("%"),
        Just("é"),
        Just("?"),
        Just("| "),
        Just("--- "),
        Just("#"),
        Just("! "),
    ];
    proptest::collection::vec(word, 0..60).prop_map(|words| words.concat().into_bytes())
}

fn changes() -> impl Strategy<Value = Vec<(f64, u8, u8)>> {
    let byte = prop_oneof![any::<u8>(), proptest::sample::select(b"0123456789.,-{}[]<>&\"':;\n\t# ".to_vec())];
    proptest::collection::vec((0.0..1.0f64, any::<u8>(), byte), 1..6)
}

/// How many cases a test draws; `CANDLEWICK_FUZZ=20000` asks for more.
pub(super) fn cases(usual: u32) -> u32 {
    std::env::var("CANDLEWICK_FUZZ").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(256), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        feed(&bytes, None)?;
    }

    #[test]
    fn any_words(bytes in words()) {
        feed(&bytes, None)?;
    }

    #[test]
    fn good_files_changed(which in 0usize..5, changes in changes()) {
        let good = [COCO, VOC, LABELS, YAML, TABLE][which];
        feed(&changed(good, &changes), Some(which))?;
    }
}

#[test]
fn what_is_very_deep_or_very_long_is_refused_soon() {
    let deep = |open: &str, count: usize| open.repeat(count).into_bytes();
    for bytes in [
        deep("[", 60_000),
        deep("{\"a\":", 60_000),
        deep("<a>", 60_000),
        deep("<a ", 60_000),
        deep("- ", 20_000),
        deep("a: {", 20_000),
        deep("? ", 20_000),
        deep("\"", 60_000),
        deep("0 0.5 ", 60_000),
        deep("a,", 60_000),
        format!("{{\"images\": {}", "[".repeat(100_000)).into_bytes(),
        format!("{{\"annotations\": [{{\"x\": {}", "[".repeat(100_000)).into_bytes(),
    ] {
        feed(&bytes, None).unwrap();
    }
}

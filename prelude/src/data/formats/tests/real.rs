//! Data sets that people made, where `CANDLEWICK_TEST_DATA` says that they are.

use super::*;
use crate::data::Part;
use std::path::PathBuf;

/// A data set's folder; `None`, with a word, where it is not there.
fn folder(name: &str) -> Option<PathBuf> {
    let found = std::env::var_os("CANDLEWICK_TEST_DATA")
        .map(|data| PathBuf::from(data).join(name))
        .filter(|path| path.is_dir());
    if found.is_none() {
        crate::show::note(&format!("left out: CANDLEWICK_TEST_DATA names no folder with {name}"));
    }
    found
}

// Counted by a script with Python's xml.etree: files, objects and names a folder; no box without area, 33 that reach one past a
// side (Roboflow's counting), none twice.
#[test]
fn byzart() {
    let Some(path) = folder("byzart") else { return };
    let listing = read(&path, &Reading::default()).unwrap();
    assert_eq!([Part::Train, Part::Valid, Part::Test].map(|part| listing.count(part)), [331, 96, 46]);
    assert_eq!((listing.pictures.len(), listing.objects(), listing.classes.len()), (473, 4744, 124));
    assert_eq!((listing.background(), listing.faults.len()), (0, 0), "{}", listing.summary());
    assert!(listing.notes[0].contains("Roboflow"), "{:?}", listing.notes);
    let train = read(&path.join("train"), &Reading::default()).unwrap();
    assert_eq!((train.pictures.len(), train.objects(), train.classes.len()), (331, 3366, 113));
    let alike = train.alike_names();
    let has = |one: &str, other: &str| alike.iter().any(|pair| *pair == (one.to_owned(), other.to_owned()));
    assert!(has("christ_crucifiction", "christ_crucifixion") && has("church fathers", "church_fathers"), "{alike:?}");
    crate::show::note(&format!("{}\n{alike:?}", listing.summary()));
    let figures = ["saint", "person", "angel", "mary", "christ", "christ_child", "christ_kid"];
    let six = listing.clone().drop_classes(&["mary_and_child"]).unwrap().merge("figure", &figures).unwrap();
    let six = six.only(&["figure", "aura", "wing", "book", "scroll", "cross"]).unwrap();
    assert_eq!((six.classes.len(), six.pictures.len()), (6, 473));
    there_and_back(&path, &listing);
}

// The same script: 364 files, 4888 objects, two of them without area; lists of 205, 87 and 72 pictures.
#[test]
fn bccd() {
    let Some(path) = folder("bccd") else { return };
    let listing = read(&path, &Reading::default()).unwrap();
    assert_eq!(listing.classes, ["Platelets", "RBC", "WBC"]);
    let counts =
        [0, 1, 2].map(|class| listing.pictures.iter().flat_map(|p| &p.objects).filter(|o| o.class == class).count());
    assert_eq!((listing.pictures.len(), counts), (364, [361, 4153, 372]));
    assert_eq!([Part::Train, Part::Valid, Part::Test].map(|part| listing.count(part)), [205, 87, 72]);
    assert_eq!(kinds(&listing), [(FaultKind::NoArea, 2)]);
    let truncated = listing.pictures.iter().flat_map(|p| &p.objects).filter(|object| object.truncated).count();
    crate::show::note(&format!("{}\n{truncated} truncated", listing.summary()));
    assert!(listing.notes[0].contains("as VOC defines it"));
    there_and_back(&path, &listing);
}

fn there_and_back(pictures: &Path, listing: &Listing) {
    let out = Folder::new();
    let reading =
        |format| Reading { format: Some(format), pictures: Some(pictures.to_path_buf()), ..Reading::default() };
    listing.write_coco(&out.path().join("c.json"), false).unwrap();
    listing.write_csv(&out.path().join("t.csv"), false).unwrap();
    listing.write_voc(&out.path().join("v"), false).unwrap();
    listing.write_yolo(&out.path().join("y"), Placing::Link, false).unwrap();
    for (name, format) in [("c.json", BoxFormat::Coco), ("t.csv", BoxFormat::Csv), ("v", BoxFormat::Voc)] {
        let again = read(&out.path().join(name), &reading(format)).unwrap();
        assert_eq!(shown(&again), shown(listing), "{format}");
        assert!(again.faults.is_empty(), "{format}: {}", again.summary());
        assert!(again.pictures.iter().zip(&listing.pictures).all(|(a, b)| a.part == b.part && a.name == b.name));
    }
    let again = read(&out.path().join("y"), &Reading::default()).unwrap();
    assert_eq!(
        (again.pictures.len(), again.objects(), again.faults.len()),
        (listing.pictures.len(), listing.objects(), 0)
    );
    assert_eq!(again.count(Part::Valid), listing.count(Part::Valid));
}

//! Pascal VOC: the original's layout, Roboflow's and labelImg's, and how each counts pixels.

use super::*;
use crate::data::Part;

#[test]
fn beside_the_pictures_in_parts() {
    let folder = Folder::new();
    let robo = "<annotation><folder></folder><filename>a.rf.1.jpg</filename><source><database>roboflow.com</database></source><size><width>64</width><height>48</height><depth>3</depth></size><object><name>saint</name><pose>Unspecified</pose><truncated>0</truncated><difficult>1</difficult><occluded>1</occluded><bndbox><xmin>1</xmin><xmax>65</xmax><ymin>2</ymin><ymax>49</ymax></bndbox></object></annotation>";
    folder.file("train/a.rf.1.xml", robo).picture("train/a.rf.1.jpg", 64, 48).picture("valid/b.jpg", 9, 9);
    let listing = folder.read();
    assert_eq!(shown(&listing), ["train/a.rf.1.jpg saint 0 1 64 48"]);
    assert_eq!([Part::Train, Part::Valid].map(|part| listing.count(part)), [1, 1]);
    assert_eq!((listing.background(), listing.faults.len(), listing.notes.len()), (1, 0, 2));
    assert_eq!(listing.notes[0], "1 picture of which no XML file speaks counts as background");
    assert!(listing.notes[1].contains("Roboflow"));
    let saint = &listing.pictures[0].objects[0];
    assert!(saint.difficult && saint.occluded && !saint.truncated && saint.extra.contains_key("pose"));
}

#[test]
fn the_originals_folders_and_lists() {
    let folder = Folder::new();
    for name in ["a", "b", "c"] {
        folder.file(&format!("Annotations/{name}.xml"), voc((64, 48), &[("dog", ["1", "1", "64", "48"])]));
        folder.picture(&format!("JPEGImages/{name}.jpg"), 64, 48);
    }
    folder
        .file("ImageSets/Main/train.txt", "a\r\n")
        .file("ImageSets/Main/val.txt", "b\n")
        .file("ImageSets/Main/trainval.txt", "a\nb\n");
    folder.file("ImageSets/Main/dog_train.txt", "a  1\nb -1\n");
    let listing = folder.read();
    assert_eq!(shown(&listing)[0], "JPEGImages/a.jpg dog 0 0 64 48");
    let parts: Vec<_> = listing.pictures.iter().map(|picture| picture.part).collect();
    assert_eq!(parts, [Some(Part::Train), Some(Part::Valid), None]);
    assert_eq!(listing.faults.len(), 0);
}

#[test]
fn boxes_show_how_a_tool_counts() {
    let read = |corners: &[[&str; 4]]| {
        let folder = Folder::new();
        let objects: Vec<_> = corners.iter().map(|corners| ("x", *corners)).collect();
        folder.picture("a.jpg", 64, 48).file("a.xml", voc((64, 48), &objects));
        shown(&folder.read())
    };
    assert_eq!(read(&[["5", "5", "10", "10"]]), ["a.jpg x 4 4 10 10"], "the definition");
    assert_eq!(read(&[["0", "5", "10", "10"]]), ["a.jpg x 0 5 10 10"], "a zero");
    assert_eq!(read(&[["5.5", "5", "10", "10"]]), ["a.jpg x 5.5 5 10 10"], "a fraction");
    assert_eq!(read(&[["5", "5", "65", "10"]]), ["a.jpg x 4 4 64 9"], "one past the side");
    let reading = Reading { counting: Some(Counting::Edges), ..Reading::default() };
    let folder = Folder::new();
    folder.picture("a.jpg", 64, 48).file("a.xml", voc((64, 48), &[("x", ["5", "5", "10", "10"])]));
    assert_eq!(shown(&folder.read_with(&reading)), ["a.jpg x 5 5 10 10"]);
}

#[test]
fn files_that_were_copied_and_renamed() {
    let folder = Folder::new();
    let text = voc((64, 48), &[("x", ["1", "1", "9", "9"])]);
    let named =
        |name: &str| text.replace("<size>", &format!("<filename>{name}</filename><path>C:\\me\\{name}</path><size>"));
    // The file beside counts, then the name within.
    folder.picture("a.jpg", 64, 48).picture("other.jpg", 64, 48).file("a.xml", named("other.jpg"));
    folder.file("first.xml", named("other.jpg"));
    let listing = folder.read();
    assert_eq!(shown(&listing), ["a.jpg x 0 0 9 9", "other.jpg x 0 0 9 9"]);
    assert_eq!(listing.faults.len(), 0);
}

#[test]
fn what_is_not_understood_is_written_again() {
    let folder = Folder::new();
    let text = "\u{feff}<?xml version=\"1.0\"?>\r\n<annotation verified=\"yes\">\r\n<folder>f</folder><source><database>D &amp; E</database><image>flickr</image></source><owner><name>o</name></owner><note kind=\"k\">n</note><size><width>64</width><height>48</height><depth>1</depth></size><segmented>0</segmented><object><name>x</name><pose>Left</pose><part><name>head</name><bndbox><xmin>1</xmin></bndbox></part><part><name>hand</name></part><truncated>1</truncated><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>";
    folder.picture("a.jpg", 64, 48).file("a.xml", text);
    let first = folder.read();
    let out = Folder::new();
    first.write_voc(out.path(), false).unwrap();
    let reading = Reading { pictures: Some(folder.path().to_path_buf()), ..Reading::default() };
    let again = out.read_with(&reading);
    let text = |extra: &Extra| extra.iter().map(|(key, raw)| format!("{key} {raw}")).collect::<Vec<_>>();
    assert_eq!(text(&first.pictures[0].extra), text(&again.pictures[0].extra));
    assert_eq!(text(&first.pictures[0].objects[0].extra), text(&again.pictures[0].objects[0].extra));
    assert_eq!(text(&first.pictures[0].extra).len(), 7, "{:?}", first.pictures[0].extra);
    assert!(again.pictures[0].objects[0].truncated && again.notes.is_empty());
    assert_eq!(shown(&first), shown(&again));
}

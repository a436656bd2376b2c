//! COCO: the original's layout, Roboflow's, and a lone file; what only it holds.

use super::*;
use crate::data::Part;

const TWO: &str = r#"{"info": {"year": 2017}, "licenses": [{"id": 1, "name": "CC"}],
"categories": [{"id": 18, "name": "dog", "supercategory": "animal"}, {"id": 3, "name": "car", "supercategory": "vehicle"}],
"images": [{"id": 7, "file_name": "a.jpg", "width": 64, "height": 48, "license": 1, "title": "A dog", "author": "x"},
 {"id": 9, "file_name": "b.jpg", "width": 64, "height": 48}],
"annotations": [{"id": 42, "image_id": 7, "category_id": 18, "bbox": [1.25, 2.5, 10, 20.125], "area": 99.5, "iscrowd": 0,
  "segmentation": [[1.25, 2.5, 11.25, 2.5, 11.25, 22.625]], "mine": {"deep": [1, 2.50, null]}},
 {"id": 43, "image_id": 7, "category_id": 3, "bbox": [0, 0, 64, 48], "iscrowd": 1, "score": 0.5, "automatic": true, "occluded": true}]}"#;

#[test]
fn a_lone_file_beside_its_pictures() {
    let folder = Folder::new();
    folder.file("set.json", TWO).picture("a.jpg", 64, 48).picture("b.jpg", 64, 48).picture("c.jpg", 5, 5);
    let listing = read(&folder.path().join("set.json"), &Reading::default()).unwrap();
    assert_eq!(listing.classes, ["dog", "car"]);
    assert_eq!(shown(&listing), ["a.jpg dog 1.25 2.5 11.25 22.625", "a.jpg car 0 0 64 48"]);
    assert_eq!((listing.background(), listing.unlisted, listing.faults.len()), (1, 1, 0));
    let car = &listing.pictures[0].objects[1];
    assert!(car.crowd && car.automatic && car.occluded && !car.truncated && car.score == Some(0.5));
    let says = listing.summary();
    assert!(
        says.starts_with(
            "2 pictures, 2 objects of 2 classes, 1 picture without objects\n1 picture in the same folders"
        ),
        "{says}"
    );
}

#[test]
fn nothing_is_lost_when_it_is_written_again() {
    let folder = Folder::new();
    folder.file("set.json", TWO).picture("a.jpg", 64, 48).picture("b.jpg", 64, 48);
    let file = folder.path().join("set.json");
    let listing = read(&file, &Reading::default()).unwrap();
    let error = listing.write_coco(&file, false).unwrap_err().to_string();
    assert!(error.contains("written by something else"), "{error}");
    listing.write_coco(&file, true).unwrap();
    let again = read(&file, &Reading::default()).unwrap();
    again.write_coco(&file, false).unwrap();
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let old: serde_json::Value = serde_json::from_str(TWO).unwrap();
    for key in ["info", "licenses", "categories", "images"] {
        assert_eq!(json[key], old[key], "{key}");
    }
    let first = &json["annotations"][0];
    for key in ["id", "image_id", "category_id", "area", "iscrowd", "segmentation", "mine"] {
        assert_eq!(first[key], old["annotations"][0][key], "{key}");
    }
    assert!(std::fs::read_to_string(&file).unwrap().contains("2.50"), "numbers stay as they were written");
}

#[test]
fn the_originals_layout_of_several_files() {
    let folder = Folder::new();
    let one = |name: &str| {
        format!(
            r#"{{"categories": [{{"id": 1, "name": "cat"}}], "images": [{{"id": 1, "file_name": "{name}"}}], "annotations": [{{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}}]}}"#
        )
    };
    folder
        .file("annotations/instances_train2017.json", one("0001.jpg"))
        .file("annotations/instances_val2017.json", one("0001.jpg"));
    folder.file("annotations/person_keypoints_val2017.json", one("0001.jpg"));
    folder.picture("train2017/0001.jpg", 20, 10).picture("val2017/0001.jpg", 20, 10);
    let listing = folder.read();
    assert_eq!(
        (listing.pictures.len(), listing.count(Part::Train), listing.count(Part::Valid), listing.faults.len()),
        (2, 1, 1, 0)
    );
    assert_eq!(listing.pictures[1].name, "val2017/0001.jpg");
    // One of the files by itself finds its pictures one folder up.
    let file = folder.path().join("annotations/instances_val2017.json");
    let listing = read(&file, &Reading::default()).unwrap();
    assert_eq!((listing.pictures.len(), listing.pictures[0].name.as_str()), (1, "val2017/0001.jpg"));
    // Both get numbers of their own when they become one file.
    let file = folder.path().join("all.json");
    folder.read().write_coco(&file, false).unwrap();
    let again = read(&file, &Reading::default()).unwrap();
    assert_eq!((again.objects(), again.count(Part::Valid), again.faults.len()), (2, 1, 0));
}

#[test]
fn roboflows_layout() {
    let folder = Folder::new();
    let one = r#"{"categories":[{"id":0,"name":"things","supercategory":"none"},{"id":1,"name":"cup","supercategory":"things"}],"images":[{"id":0,"file_name":"a.rf.1.jpg","height":10,"width":20}],"annotations":[{"id":0,"image_id":0,"category_id":1,"bbox":["2","1.5",5,5],"area":25,"segmentation":[],"iscrowd":0}]}"#;
    for part in ["train", "valid", "test"] {
        folder.file(&format!("{part}/_annotations.coco.json"), one).picture(&format!("{part}/a.rf.1.jpg"), 20, 10);
    }
    let listing = folder.read();
    assert_eq!(shown(&listing)[0], "test/a.rf.1.jpg cup 2 1.5 7 6.5");
    assert_eq!([Part::Train, Part::Valid, Part::Test].map(|part| listing.count(part)), [1, 1, 1]);
    assert!(listing.faults.is_empty() && listing.classes == ["things", "cup"]);
}

#[test]
fn pictures_in_a_folder_that_is_told() {
    let (folder, pictures) = (Folder::new(), Folder::new());
    // The folder around is looked at too, which must not be the system's own for what is temporary.
    folder.file("set/set.json", TWO);
    pictures.picture("deep/a.jpg", 64, 48).picture("deep/b.jpg", 64, 48);
    let reading = Reading { pictures: Some(pictures.path().to_path_buf()), ..Reading::default() };
    assert_eq!(read(&folder.path().join("set/set.json"), &reading).unwrap().objects(), 2);
    let says = read(&folder.path().join("set/set.json"), &Reading::default()).unwrap_err().to_string();
    assert!(says.starts_with("0 of 2 images match a picture\n  → they speak of `a.jpg`"), "{says}");
}

#[test]
fn json_that_breaks_off_is_told_with_its_line() {
    let folder = Folder::new();
    folder.picture("a.jpg", 9, 9).file("boxes.json", "{\"images\": [],\n \"annotations\": [");
    let path = folder.path().join("boxes.json");
    let says = read(&path, &Reading::default()).unwrap_err().to_string();
    assert!(says.contains("boxes.json:2: it ends in the middle"), "{says}");
    folder.file("boxes.json", "{\"images\":\n [1, 2,, 3]}");
    let says = guess(&path).unwrap_err().to_string();
    assert!(says.contains("is no whole JSON: wrong at line 2, character 8"), "{says}");
    let says = guess(folder.path()).unwrap_err().to_string();
    assert!(says.contains("`boxes.json` is no whole JSON: wrong at line 2"), "{says}");
}

//! Tables: this project's own, TensorFlow's, Keras' RetinaNet's, Open Images' and AutoML's.

use super::*;
use crate::data::Part;

fn boxes(text: &str) -> Listing {
    let folder = Folder::new();
    folder.file("boxes.csv", text).picture("a.jpg", 100, 50).picture("b.jpg", 100, 50);
    folder.read()
}

#[test]
fn usual_columns_with_names_and_without() {
    let expected = ["a.jpg cat 1 2 11.5 22", "b.jpg dog 3 4 13 24"];
    for text in [
        "a.jpg,cat,1,2,11.5,22\nb.jpg,dog,3,4,13,24\n",
        "\u{feff}file,class,x0,y0,x1,y1\r\na.jpg,cat,1,2,11.5,22\r\nb.jpg,dog,3,4,13,24\r\n",
        "label\tleft\ttop\tw\th\timage\ncat\t1\t2\t10.5\t20\ta.jpg\ndog\t3\t4\t10\t20\tb.jpg\n",
        "file;class;cx;cy;width;height\na.jpg;cat;6.25;12;10.5;20\nb.jpg;dog;8;14;10;20\n",
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,100,50,cat,1,2,11.5,22\nb.jpg,100,50,dog,3,4,13,24\n",
        "a.jpg,cat,0.01,0.04,0.115,0.44\nb.jpg,dog,0.03,0.08,0.13,0.48\n",
    ] {
        let listing = boxes(text);
        assert_eq!((shown(&listing), listing.faults.len()), (expected.map(str::to_owned).to_vec(), 0), "{text}");
    }
    let listing = boxes("a.jpg,cat,30,30,10.5,20\na.jpg,cat,40,30,10,20\n");
    assert_eq!(shown(&listing), ["a.jpg cat 30 30 40.5 50", "a.jpg cat 40 30 50 50"]);
    assert!(listing.notes[0].contains("width and height"), "{:?}", listing.notes);
}

#[test]
fn retinanets_rows_without_objects_list_all_pictures() {
    let listing = boxes("/data/a.jpg,1,2,11,22,cat\n/data/a.jpg,5,6,11,22,dog\n");
    assert_eq!(shown(&listing), ["a.jpg cat 1 2 11 22", "a.jpg dog 5 6 11 22"]);
    assert_eq!((listing.background(), listing.unlisted), (1, 0), "the other picture is background");
    let folder = Folder::new();
    folder.picture("a.jpg", 100, 50).picture("b.jpg", 100, 50).picture("c.jpg", 100, 50);
    folder.file("train.csv", "a.jpg,1,2,11,22,cat\nb.jpg,,,,,\n");
    let listing = folder.read();
    assert_eq!((listing.pictures.len(), listing.background(), listing.unlisted), (2, 1, 1));
    assert_eq!(listing.pictures[0].part, Some(Part::Train), "the file's name says so");
}

#[test]
fn open_images_and_automl() {
    let folder = Folder::new();
    folder.file("train-annotations-bbox.csv", "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n000a1b,xclick,/m/01g317,1,0.1,0.2,0.4,0.8,1,0,1,0,-1\n");
    folder.file("class-descriptions-boxable.csv", "/m/01g317,Person\n/m/0cmf2,Airplane\n").picture(
        "train/000a1b.jpg",
        100,
        50,
    );
    let file = folder.path().join("train-annotations-bbox.csv");
    let listing = read(&file, &Reading::default()).unwrap();
    assert_eq!((shown(&listing), listing.faults.len()), (vec!["train/000a1b.jpg Person 10 20 20 40".to_owned()], 0));
    let person = &listing.pictures[0].objects[0];
    assert!(person.crowd && person.occluded && !person.truncated && person.extra.contains_key("IsDepiction"));
    let listing = boxes("TRAIN,gs://bucket/a.jpg,cat,0.1,0.2,,,0.3,0.6,,\nVALIDATION,gs://bucket/b.jpg,,,,,,,,,\n");
    assert_eq!(shown(&listing), ["a.jpg cat 10 10 30 30"]);
    assert_eq!([Part::Train, Part::Valid].map(|part| listing.count(part)), [1, 1]);
}

#[test]
fn what_columns_lack_is_named() {
    let folder = Folder::new();
    folder.picture("a.jpg", 9, 9).file("boxes.csv", "file,x0,y0,x1,y1\na.jpg,1,2,3,4\n");
    let says = read(&folder.path().join("boxes.csv"), &Reading::default()).unwrap_err().to_string();
    assert!(
        says.contains("names the columns file, x0, y0, x1, y1: the class is missing\n  → expected file,class"),
        "{says}"
    );
    folder.file("boxes.csv", "");
    let says = read(&folder.path().join("boxes.csv"), &Reading::default()).unwrap_err().to_string();
    assert!(says.contains("holds no objects: it has no lines"), "{says}");
    folder.file("boxes.csv", "other.jpg,cat,1,2,3,4\nother.jpg,cat,1,2,3,5\n");
    let says = read(&folder.path().join("boxes.csv"), &Reading::default()).unwrap_err().to_string();
    assert!(
        says.starts_with(
            "0 of 2 lines match a picture\n  → they speak of `other.jpg`, the pictures here are `a.jpg` and the like"
        ),
        "{says}"
    );
}

#[test]
fn names_with_commas_and_columns_of_ones_own() {
    let folder = Folder::new();
    folder.picture("a, b.jpg", 100, 50).file("boxes.csv", "a, b.jpg,cat,1,2,11,22\n");
    // The cells lose the space around them, and the picture is not found.
    assert!(folder.fails().starts_with("0 of 1 lines"));
    folder.file("boxes.csv", "colour,file,class,x0,y0,x1,y1\nred,\"a, b.jpg\",cat,1,2,11,22\n");
    let listing = folder.read();
    assert_eq!(listing.pictures[0].objects[0].extra["colour"].get(), "\"red\"");
    let file = folder.path().join("out.csv");
    listing.write_csv(&file, false).unwrap();
    let again = read(&file, &Reading::default()).unwrap();
    assert_eq!(again.pictures[0].objects[0].extra["colour"].get(), "\"red\"");
}

#[test]
fn the_boxes_of_an_image_folder_are_read_too() {
    let folder = Folder::new();
    folder.picture("car/a.jpg", 100, 50).picture("car/b.jpg", 40, 40).picture("van/c \"1\".jpg", 40, 40);
    let json = r#"{"van/c \"1\".jpg": [{"class": "van", "bbox": [0, 0, 4, 8.5]}],
        "car/a.jpg": [{"class": "car", "bbox": [1, 2, 30, 40]}, {"class": "van", "bbox": [5, 5, 9, 9]}],
        "car/b.jpg": []}"#;
    folder.file("boxes.json", json);
    let listing = folder.read();
    let objects = |listing: &Listing| {
        let objects = listing.pictures.iter().flat_map(|picture| &picture.objects);
        objects.map(|object| (listing.classes[object.class].clone(), object.corners)).collect::<Vec<_>>()
    };
    let mut expected = vec![
        ("car".to_owned(), [1.0, 2.0, 30.0, 40.0]),
        ("van".to_owned(), [5.0, 5.0, 9.0, 9.0]),
        ("van".to_owned(), [0.0, 0.0, 4.0, 8.5]),
    ];
    let mut found = objects(&listing);
    found.sort_by(|a, b| a.partial_cmp(b).unwrap());
    expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!((listing.pictures.len(), found), (3, expected));
    assert_eq!(objects(&read(&folder.path().join("boxes.json"), &Reading::default()).unwrap()).len(), 3);
    // what is wrong in it is told with its line
    folder.file(
        "boxes.json",
        json.replace("car/b.jpg\": []", "car/z.jpg\": [{\"class\": \"car\", \"bbox\": [0, 0, 3, 3]}]"),
    );
    let faults: Vec<String> = folder.read().faults.iter().map(|fault| fault.to_string()).collect();
    assert!(faults.iter().any(|fault| fault.contains("boxes.json:3") && fault.contains("car/z.jpg")), "{faults:?}");
    folder.file("boxes.json", json.replace("[5, 5, 9, 9]", "[5, 5, 9]"));
    let says = folder.fails();
    assert!(
        says.contains("length 3 stands where four numbers should stand (line 2")
            && says.contains(r#"[{"class": "car", "bbox""#),
        "{says}"
    );
}

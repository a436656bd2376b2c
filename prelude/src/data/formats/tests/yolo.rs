//! YOLO: Ultralytics' folders, Roboflow's, Darknet's text beside pictures; outlines, scores and key points.

use super::*;
use crate::data::Part;

#[test]
fn ultralytics_folders() {
    let folder = Folder::new();
    folder.file(
        "data.yaml",
        "path: /content/datasets/mine\ntrain: images/train\nval: images/val\nnames:\n  0: cat\n  1: the dog\n",
    );
    folder
        .picture("images/train/a.jpg", 100, 50)
        .file("labels/train/a.txt", "1 0.5 0.5 0.2 0.4\r\n0 0.25 0.5 0.5 1.0\r\n");
    folder.picture("images/val/b.jpg", 100, 50).file("labels/val/b.txt", "");
    folder.picture("images/val/c.jpg", 100, 50).picture("images/spare/d.jpg", 100, 50);
    for listing in [folder.read(), read(&folder.path().join("data.yaml"), &Reading::default()).unwrap()] {
        assert_eq!(shown(&listing), ["images/train/a.jpg the dog 40 15 60 35", "images/train/a.jpg cat 0 0 50 50"]);
        assert_eq!([Part::Train, Part::Valid].map(|part| listing.count(part)), [1, 2]);
        assert_eq!((listing.background(), listing.unlisted, listing.faults.len()), (2, 1, 0));
    }
}

#[test]
fn roboflows_folders_with_paths_one_folder_up() {
    let folder = Folder::new();
    folder.file(
        "data.yaml",
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 1\nnames: ['cup']\n",
    );
    for part in ["train", "valid"] {
        folder
            .picture(&format!("{part}/images/a.rf.1.jpg"), 100, 50)
            .file(&format!("{part}/labels/a.rf.1.txt"), "0 0.5 0.5 0.2 0.4");
    }
    let listing = folder.read();
    assert_eq!([Part::Train, Part::Valid].map(|part| listing.count(part)), [1, 1]);
    assert_eq!(kinds(&listing), [(FaultKind::MissingFolder, 1)]);
    assert_eq!(listing.objects(), 2);
}

#[test]
fn darknets_text_beside_pictures_and_lists() {
    let folder = Folder::new();
    folder.file("classes.txt", "cat\ndog\n").picture("a.jpg", 100, 50).file("a.txt", "1 0.5 0.5 0.2 0.4 0.75\n");
    folder.file("README.txt", "A data set.").file("about.txt", "Words about it.");
    let listing = folder.read();
    assert_eq!(shown(&listing), ["a.jpg dog 40 15 60 35"]);
    let dog = &listing.pictures[0].objects[0];
    assert!(dog.automatic && dog.score == Some(0.75) && listing.faults.is_empty(), "{:?}", kinds(&listing));
    // Lists of pictures, as `autosplit` and Darknet write them.
    folder.file("data.yaml", "train: train.txt\nval: val.txt\nnames: [cat, dog]\n").picture("b.jpg", 10, 10);
    folder.file("train.txt", "/home/me/set/a.jpg\n").file("val.txt", "./b.jpg\n./gone.jpg\n");
    let listing = folder.read();
    assert_eq!([Part::Train, Part::Valid].map(|part| listing.count(part)), [1, 1]);
    let fault = listing.faults.iter().next().unwrap();
    assert_eq!((fault.kind, fault.spot.clone()), (FaultKind::MissingPicture, Spot::Line(2)));
}

#[test]
fn outlines_become_boxes_and_stay_outlines() {
    let folder = Folder::new();
    folder.file("classes.txt", "cat\n").picture("a.jpg", 100, 50);
    folder.file("a.txt", "0 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.5\n0 0.5 0.5 0.2 0.4\n");
    let listing = folder.read();
    assert_eq!(shown(&listing), ["a.jpg cat 10 10 30 30", "a.jpg cat 40 15 60 35"]);
    assert!(listing.notes.iter().any(|note| note.starts_with("1 lines are outlines")), "{:?}", listing.notes);
    let out = Folder::new();
    listing.write_yolo(out.path(), Placing::Copy, false).unwrap();
    let text = std::fs::read_to_string(out.path().join("labels/train/a.txt")).unwrap();
    assert!(text.starts_with("0 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.5\n"), "{text}");
    assert_eq!(out.read().objects(), 2);
}

#[test]
fn key_points_and_folders_elsewhere() {
    let (folder, pictures) = (Folder::new(), Folder::new());
    pictures.picture("images/a.jpg", 100, 50).file("labels/a.txt", "0 0.5 0.5 0.2 0.4 0.5 0.5 2\n");
    let images = pictures.path().join("images").display().to_string();
    folder.file("data.yaml", format!("train: {images}\nval: {images}\nkpt_shape: [1, 3]\nnames: [x]\n"));
    let listing = folder.read();
    assert_eq!(shown(&listing), ["a.jpg x 40 15 60 35"]);
    assert!(listing.pictures[0].objects[0].extra.contains_key("points") && listing.faults.is_empty());
}

#[test]
fn classes_without_names_go_by_their_numbers() {
    let folder = Folder::new();
    folder.picture("a.jpg", 100, 50).file("a.txt", "2 0.5 0.5 0.2 0.4\n");
    let listing = folder.read();
    assert_eq!(listing.classes, ["0", "1", "2"]);
    assert!(listing.notes[0].contains("no file names the classes"));
}

//! What is written stands whole in its place, and never over what another program wrote.

use super::*;
use crate::data::Part;

fn source() -> (Folder, Listing) {
    let folder = Folder::new();
    folder.picture("a.jpg", 100, 50).picture("sub/b.jpg", 100, 50);
    folder.file("boxes.csv", "file,class,x0,y0,x1,y1\na.jpg,a <b> & \"c\": d,10,10,30,30\n");
    let mut listing = folder.read();
    listing.pictures[0].part = Some(Part::Valid);
    (folder, listing)
}

#[test]
fn foreign_files_stay_unless_replaced() {
    let (folder, listing) = source();
    let out = Folder::new();
    out.file("c.json", "{}").file("v/Annotations/a.xml", "<annotation/>").file("y/data.yaml", "names: []");
    out.file("t.csv", "file,class,x0,y0,x1,y1\n")
        .file("z/labels/val/a.txt", "")
        .file("w/ImageSets/Main/val.txt", "a\n");
    let path = |name: &str| out.path().join(name);
    let write = |replace: bool| {
        [
            listing.write_coco(&path("c.json"), replace),
            listing.write_voc(&path("v"), replace),
            listing.write_voc(&path("w"), replace),
            listing.write_yolo(&path("y"), Placing::Leave, replace),
            listing.write_yolo(&path("z"), Placing::Leave, replace),
            listing.write_csv(&path("t.csv"), replace),
        ]
    };
    for refused in write(false) {
        let says = refused.unwrap_err().to_string();
        assert!(says.contains("exists and was written by something else\n  →"), "{says}");
    }
    assert_eq!(std::fs::read_to_string(path("c.json")).unwrap(), "{}");
    assert!(!path("v/Annotations/sub").exists() && !path("z/data.yaml").exists(), "nothing was written");
    write(true).into_iter().for_each(|written| written.unwrap());
    // Now they are the writer's own.
    write(false).into_iter().for_each(|written| written.unwrap());
    let left = walk(out.path());
    assert!(left.iter().all(|name| !name.ends_with(".part")), "{left:?}");
    let pictures = Some(folder.path().to_path_buf());
    for name in ["c.json", "v", "y", "t.csv"] {
        let again = read(&path(name), &Reading { pictures: pictures.clone(), ..Reading::default() }).unwrap();
        assert_eq!(shown(&again), ["a.jpg a <b> & \"c\": d 10 10 30 30"], "{name}");
        assert_eq!((again.pictures.len(), again.pictures[0].part), (2, Some(Part::Valid)), "{name}");
        assert!(again.faults.is_empty(), "{name}: {:?}", again.faults);
    }
}

fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path.display().to_string()) }
    }
    found
}

#[test]
fn pictures_are_linked_or_copied_when_asked() {
    let (folder, listing) = source();
    for placing in [Placing::Link, Placing::Copy] {
        let out = Folder::new();
        listing.write_yolo(out.path(), placing, false).unwrap();
        let image = out.path().join("images/val/a.jpg");
        assert_eq!(image.is_symlink(), placing == Placing::Link);
        assert_eq!(std::fs::read(&image).unwrap(), std::fs::read(folder.path().join("a.jpg")).unwrap());
        let again = out.read();
        assert_eq!((again.pictures.len(), again.objects(), again.faults.len()), (2, 1, 0));
        assert_eq!([Part::Train, Part::Valid].map(|part| again.count(part)), [1, 1]);
        std::fs::remove_file(out.path().join("images/train/sub/b.jpg")).unwrap();
        out.file("images/train/sub/b.jpg", "other");
        assert!(listing.write_yolo(out.path(), placing, false).is_err(), "another picture is not written over");
    }
}

#[test]
fn two_pictures_for_one_file_are_refused() {
    let folder = Folder::new();
    folder.picture("a.jpg", 9, 9).picture("a.jpeg", 9, 9).file("boxes.csv", "a.jpg,cat,1,1,5,5\n");
    let listing = folder.read();
    let says = listing.write_voc(&folder.path().join("v"), false).unwrap_err().to_string();
    assert!(says.contains("would have one XML file"), "{says}");
    let says = listing.write_yolo(&folder.path().join("y"), Placing::Leave, false).unwrap_err().to_string();
    assert!(says.contains("would have one text with labels"), "{says}");
    assert!(!folder.path().join("v").exists() && !folder.path().join("y").exists());
}

#[test]
fn a_folder_that_cannot_be_written_says_so() {
    let (folder, listing) = source();
    let says = listing.write_coco(&folder.path().join("a.jpg/out.json"), false).unwrap_err().to_string();
    assert!(says.contains("out.json") && says.contains('→'), "{says}");
    let mut unknown = listing.clone();
    unknown.pictures[0].size = None;
    let says = unknown.write_yolo(&folder.path().join("y"), Placing::Leave, false).unwrap_err().to_string();
    assert!(says.contains("the size of `a.jpg` is not known"), "{says}");
}

/// Annotations written anywhere find their pictures again, and so does who moves both.
#[test]
fn what_is_written_elsewhere_is_read_again() {
    let both = Folder::new();
    both.picture("photos/in/a.jpg", 64, 48).picture("photos/b.jpg", 40, 30);
    both.file("photos/boxes.csv", "file,class,x0,y0,x1,y1\nin/a.jpg,cat,1,2,30,40\nb.jpg,dog,3,4,20,21\n");
    let listing = read(&both.path().join("photos/boxes.csv"), &Reading::default()).unwrap();
    let corners = |listing: &Listing| -> Vec<_> {
        let mut all: Vec<_> = listing
            .pictures
            .iter()
            .map(|picture| {
                let name = picture.path.file_name().unwrap().to_string_lossy().into_owned();
                (name, picture.path.is_file(), picture.objects[0].corners.map(|edge| edge.round() as i32))
            })
            .collect();
        all.sort();
        all
    };
    let other = Folder::new();
    for place in [both.path().join("labels/deep"), both.path().join("photos/out"), other.path().join("a/b")] {
        let (json, csv) = (place.join("boxes.json"), place.join("table.csv"));
        listing.write_coco(&json, false).unwrap();
        listing.write_csv(&csv, false).unwrap();
        listing.write_voc(&place.join("voc"), false).unwrap();
        for path in [json, csv, place.join("voc")] {
            let again = read(&path, &Reading::default()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(corners(&again), corners(&listing), "{}", path.display());
        }
    }
    let (moved, whole) = (Folder::new(), corners(&listing));
    std::fs::rename(both.path().join("photos"), moved.path().join("photos")).unwrap();
    let says = read(&other.path().join("a/b/boxes.json"), &Reading::default()).unwrap_err().to_string();
    assert!(says.contains("no picture lies here; say where the pictures are: `Boxes::read(FILE, &BoxReading::new().pictures(FOLDER))?`"), "{says}");
    let reading = Reading { pictures: Some(moved.path().join("photos")), ..Reading::default() };
    assert_eq!(corners(&read(&other.path().join("a/b/boxes.json"), &reading).unwrap()), whole);
}

#[test]
fn files_that_would_not_be_read_again_are_not_written() {
    let folder = Folder::new();
    folder.picture("a.jpg", 9, 9).file("boxes.csv", "file,class,x0,y0,x1,y1\na.jpg,cat,1,2,5,6\n");
    let listing = read(&folder.path().join("boxes.csv"), &Reading::default()).unwrap();
    let says = listing.write_coco(Path::new("out"), false).unwrap_err().to_string();
    assert_eq!(says, "`out` does not end in .json\n  → `data.write_coco(\"out.json\")?`");
    let says = listing.write_csv(Path::new("out/boxes.txt"), false).unwrap_err().to_string();
    assert!(says.ends_with("`data.write_csv(\"out/boxes.csv\")?`"), "{says}");
}

#[test]
fn labels_are_not_mixed_with_those_of_another_data_set() {
    let (_source, listing) = source();
    for (foreign, placing) in [
        ("labels/train/other.txt", Placing::Leave),
        ("images/val/deep/other.jpg", Placing::Copy),
        ("images/train/other.PNG", Placing::Leave),
    ] {
        let out = Folder::new();
        out.file(foreign, "");
        let says = listing.write_yolo(out.path(), placing, false).unwrap_err().to_string();
        assert!(says.contains("holds other pictures or labels") && says.contains(foreign), "{says}");
        assert!(
            says.contains("\n  → write to a folder of its own") && !out.path().join("data.yaml").exists(),
            "{says}"
        );
        listing.write_yolo(out.path(), placing, true).unwrap();
        // its own from now on: a word, and no refusal
        listing.write_yolo(out.path(), placing, false).unwrap();
        assert!(out.path().join(foreign).exists());
    }
    // pictures of the data set itself are no others
    let own = Folder::new();
    own.picture("images/train/a.jpg", 100, 50)
        .file("boxes.csv", "file,class,x0,y0,x1,y1\nimages/train/a.jpg,a,10,10,30,30\n");
    own.read().write_yolo(own.path(), Placing::Leave, false).unwrap();
}

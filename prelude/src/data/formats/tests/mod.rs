//! Formats there and back, their dialects, and what is wrong in them.

mod coco;
mod faults;
mod fuzz;
mod listings;
mod real;
mod round;
mod table;
mod voc;
mod writers;
mod yolo;

use super::*;
use image::DynamicImage;
use std::io::Cursor;
use std::path::Path;

/// A folder that is gone after the test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Folder {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        self
    }

    /// A picture file of this size, of which the head is all there is.
    fn picture(&self, name: &str, width: u16, height: u16) -> &Folder {
        self.file(name, head(width, height, None))
    }

    fn read(&self) -> Listing {
        self.read_with(&Reading::default())
    }

    fn read_with(&self, reading: &Reading) -> Listing {
        read(self.path(), reading).unwrap_or_else(|error| panic!("{error}"))
    }

    fn fails(&self) -> String {
        read(self.path(), &Reading::default()).map(|listing| listing.summary()).unwrap_err().to_string()
    }
}

/// The head of a JPEG, with a word on how it is turned.
fn head(width: u16, height: u16, orientation: Option<u8>) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    if let Some(orientation) = orientation {
        let mut tiff = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
        tiff[24] = orientation;
        bytes.extend([0xff, 0xe1]);
        bytes.extend(((tiff.len() + 2) as u16).to_be_bytes());
        bytes.extend(tiff);
    }
    bytes.extend([0xff, 0xc0, 0, 17, 8]);
    bytes.extend(height.to_be_bytes());
    bytes.extend(width.to_be_bytes());
    bytes.extend([3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
    bytes
}

/// All objects as `picture class left top right bottom`, in order.
fn shown(listing: &Listing) -> Vec<String> {
    let objects =
        listing.pictures.iter().flat_map(|picture| picture.objects.iter().map(move |object| (picture, object)));
    objects
        .map(|(picture, object)| {
            let corners = object.corners.map(|number| format!("{}", (number * 1000.0).round() / 1000.0));
            format!("{} {} {}", picture.name, listing.classes[object.class], corners.join(" "))
        })
        .collect()
}

/// The faults as `kind:count`.
fn kinds(listing: &Listing) -> Vec<(FaultKind, usize)> {
    let mut kinds: Vec<FaultKind> = listing.faults.iter().map(|fault| fault.kind).collect();
    kinds.sort();
    kinds.dedup();
    kinds.into_iter().map(|kind| (kind, listing.faults.count(kind))).collect()
}

/// A VOC file with these objects: name and corners.
fn voc(size: (u32, u32), objects: &[(&str, [&str; 4])]) -> String {
    let mut text =
        format!("<annotation>\n<size><width>{}</width><height>{}</height><depth>3</depth></size>\n", size.0, size.1);
    for (name, [xmin, ymin, xmax, ymax]) in objects {
        text += &format!(
            "<object><name>{name}</name><bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox></object>\n"
        );
    }
    text + "</annotation>\n"
}

#[test]
fn a_head_alone_is_measured() {
    let folder = Folder::new();
    folder.picture("a.jpg", 640, 480);
    let measured = super::header::measure(&folder.path().join("a.jpg")).unwrap();
    assert_eq!(measured.upright(), (640, 480));
    let mut bytes = Vec::new();
    DynamicImage::new_luma8(3, 4).write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    folder.file("b.png", &bytes);
    assert_eq!(super::header::measure(&folder.path().join("b.png")).unwrap().upright(), (3, 4));
}

#[test]
fn paths_are_guessed_or_refused_with_what_was_found() {
    let folder = Folder::new();
    let of = |name: &str| guess(&folder.path().join(name)).map_err(|error| error.to_string());
    folder.file("c/a.json", r#"{"images": [], "annotations": [], "categories": []}"#).picture("c/a.jpg", 9, 9);
    folder.file("v/a.xml", "<?xml version='1.0'?>\n<!-- x -->\n<annotation/>");
    folder.file("y/labels/a.txt", "0 0.5 0.5 0.1 0.1\n").file("z/data.yaml", "names: [a]\ntrain: x\n");
    folder.file("t/boxes.csv", "a.jpg,cat,1,2,3,4\n");
    assert_eq!([of("c"), of("c/a.json")], [Ok(BoxFormat::Coco), Ok(BoxFormat::Coco)]);
    assert_eq!([of("v"), of("v/a.xml")], [Ok(BoxFormat::Voc), Ok(BoxFormat::Voc)]);
    assert_eq!([of("y"), of("z"), of("z/data.yaml")], [Ok(BoxFormat::Yolo), Ok(BoxFormat::Yolo), Ok(BoxFormat::Yolo)]);
    assert_eq!([of("t"), of("t/boxes.csv")], [Ok(BoxFormat::Csv), Ok(BoxFormat::Csv)]);
    folder.file("bare/notes.md", "x").picture("bare/a.jpg", 9, 9);
    let says = of("bare").unwrap_err();
    assert!(
        says.contains("holds 1 picture, 1 .md") && says.contains("COCO is") && says.contains("data.yaml"),
        "{says}"
    );
    let says = of("").unwrap_err();
    assert!(says.contains("4 formats: COCO (`c/a.json`), Pascal VOC (`v/a.xml`), YOLO (`z/data.yaml`), CSV"), "{says}");
    folder.file("o/x.json", "{}").file("o/x.xml", "<svg/>").file("o/x.zip", "").file("o/x.txt", "").file("o/x.bin", "");
    for (name, word) in [
        ("x.json", "not COCO's"),
        ("x.xml", "not Pascal"),
        ("x.zip", "unpack"),
        ("x.txt", "folder"),
        ("x.bin", "no file of"),
    ] {
        let says = of(&format!("o/{name}")).unwrap_err();
        assert!(says.contains(word) && says.contains('→'), "{says}");
    }
    assert!(of("nowhere").unwrap_err().contains("does not exist"));
}

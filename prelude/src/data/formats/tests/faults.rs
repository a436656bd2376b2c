//! Every kind of fault, in each format where it can be: it is found once, said where, and the rest is read.

use super::*;
use FaultKind::*;

/// One good object and one that is not, in a format, beside a picture of 100 × 50 pixels.
fn coco(bad: &str) -> Folder {
    let folder = Folder::new();
    folder.picture("a.jpg", 100, 50).file("a.json", format!(r#"{{"categories": [{{"id": 1, "name": "cat"}}], "images": [{{"id": 1, "file_name": "a.jpg"}}], "annotations": [{{"image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]}}, {bad}]}}"#));
    folder
}

fn coco_box(bbox: &str) -> Folder {
    coco(&format!(r#"{{"image_id": 1, "category_id": 1, "bbox": {bbox}}}"#))
}

fn voc_box(corners: [&str; 4]) -> Folder {
    let folder = Folder::new();
    // The zero says that the corners are edges.
    let good = ("cat", ["10", "0", "30", "30"]);
    folder.picture("a.jpg", 100, 50).file("a.xml", voc((100, 50), &[good, ("cat", corners)]));
    folder
}

fn yolo(bad: &str) -> Folder {
    let folder = Folder::new();
    folder.picture("a.jpg", 100, 50).file("classes.txt", "cat\n").file("a.txt", format!("0 0.2 0.4 0.2 0.4\n{bad}\n"));
    folder
}

fn table(bad: &str) -> Folder {
    let folder = Folder::new();
    folder
        .picture("a.jpg", 100, 50)
        .file("boxes.csv", format!("file,class,x0,y0,x1,y1\na.jpg,cat,10,10,30,30\n{bad}\n"));
    folder
}

/// One fault of this kind in this place, and so many objects beside.
fn check(folder: &Folder, kind: FaultKind, spot: Spot, objects: usize) -> Fault {
    let listing = folder.read();
    assert_eq!(kinds(&listing), [(kind, 1)], "{:?}", listing.faults);
    let fault = listing.faults.iter().next().unwrap().clone();
    assert_eq!((&fault.spot, listing.objects()), (&spot, objects), "{fault:?}");
    assert!(!fault.what.is_empty() && !fault.remedy.is_empty() && fault.file.starts_with(folder.path()));
    assert!(listing.summary().lines().count() <= 12);
    fault
}

const SECOND: Spot = Spot::Element("annotations", 1);

#[test]
fn boxes_that_are_no_boxes_in_coco() {
    for (bbox, kind, objects) in [
        ("[200, 10, 20, 20]", Outside, 1),
        ("[-30, 10, 20, 20]", Outside, 1),
        ("[90, 10, 20, 20]", OverEdge, 2),
        ("[10, 10, 0, 20]", NoArea, 1),
        ("[10, 10, -5, 20]", NoArea, 1),
        ("[12, 10, 0.5, 20]", UnderOnePixel, 1),
        ("[12, null, 1, 2]", NotANumber, 1),
        ("[NaN, 10, 5, 5]", NotANumber, 1),
        ("[12, 13, Infinity, 2]", NotANumber, 1),
        ("[12, 13, 2]", NotANumber, 1),
        ("\"box\"", NotANumber, 1),
        ("[12, 1e308, 1e308, 1e308]", NotANumber, 1),
        ("[\"12,5\", 13, 4, 4]", DecimalComma, 2),
        ("[10, 10, 20, 20]", Duplicate, 1),
    ] {
        let fault = check(&coco_box(bbox), kind, SECOND, objects);
        assert_eq!(fault.picture.as_deref(), Some("a.jpg"), "{bbox}");
    }
    // Less than a pixel over the edge is no fault, and is clipped.
    let listing = coco_box("[90, 10, 10.9, 20]").read();
    assert_eq!((shown(&listing)[1].as_str(), listing.faults.len()), ("a.jpg cat 90 10 100 30", 0));
}

#[test]
fn boxes_that_are_no_boxes_in_voc() {
    for (corners, kind, objects) in [
        (["200", "10", "220", "20"], Outside, 1),
        (["90", "10", "110", "20"], OverEdge, 2),
        (["20", "10", "20", "20"], NoArea, 1),
        (["30", "10", "20", "20"], NoArea, 1),
        (["20", "10", "20.5", "20"], UnderOnePixel, 1),
        (["x", "10", "20", "20"], NotANumber, 1),
        (["", "10", "20", "20"], NotANumber, 1),
        (["nan", "10", "20", "20"], NotANumber, 1),
        (["12,5", "10", "20", "20"], DecimalComma, 2),
        (["10", "0", "30", "30"], Duplicate, 1),
    ] {
        check(&voc_box(corners), kind, Spot::Line(4), objects);
    }
    let folder = voc_box(["1", "1", "9", "9"]);
    folder.file(
        "a.xml",
        voc((100, 50), &[("cat", ["1", "1", "9", "9"])])
            .replace("</annotation>", "<object><name/></object></annotation>"),
    );
    check(&folder, UnknownClass, Spot::Line(4), 1);
    folder.file(
        "a.xml",
        voc((100, 50), &[("cat", ["1", "1", "9", "9"])])
            .replace("</annotation>", "<object><name>x</name></object></annotation>"),
    );
    check(&folder, NotANumber, Spot::Line(4), 1);
}

#[test]
fn boxes_that_are_no_boxes_in_yolo() {
    for (line, kind, objects) in [
        ("0 1.5 0.5 0.2 0.2", Outside, 1),
        ("0 0.95 0.5 0.2 0.2", OverEdge, 2),
        ("0 0.5 0.5 0 0.2", NoArea, 1),
        ("0 0.5 0.5 -0.1 0.2", NoArea, 1),
        ("0 0.5 0.5 0.005 0.2", UnderOnePixel, 1),
        ("0 x 0.5 0.2 0.2", NotANumber, 1),
        ("0 0.5 0.5 0.2", NotParseable, 1),
        ("0 50 25 20 10", PixelsForShares, 1),
        ("0 0,5 0,5 0,2 0,4", DecimalComma, 2),
        ("0 0.2 0.4 0.2 0.4", Duplicate, 1),
        ("1 0.5 0.5 0.2 0.4", ClassOutOfRange, 1),
        ("-1 0.5 0.5 0.2 0.4", ClassOutOfRange, 1),
        ("0.5 0.5 0.5 0.2 0.4", ClassOutOfRange, 1),
        ("99999999999999999999 0.5 0.5 0.2 0.4", ClassOutOfRange, 1),
        ("dog 0.5 0.5 0.2 0.4", UnknownClass, 1),
    ] {
        let fault = check(&yolo(line), kind, Spot::Line(2), objects);
        assert_eq!(fault.picture.as_deref(), Some("a.jpg"), "{line}");
    }
    assert_eq!(yolo("cat 0.5 0.5 0.2 0.4").read().objects(), 2, "names are taken for numbers");
    let reading = Reading { shares: Some(false), ..Reading::default() };
    let folder = Folder::new();
    folder.picture("a.jpg", 100, 50).file("classes.txt", "cat\n").file("a.txt", "0 50 25 20 10\n");
    assert_eq!(shown(&folder.read_with(&reading)), ["a.jpg cat 40 20 60 30"]);
}

#[test]
fn boxes_that_are_no_boxes_in_tables() {
    for (line, kind, objects) in [
        ("a.jpg,cat,200,10,220,20", Outside, 1),
        ("a.jpg,cat,90,10,110,20", OverEdge, 2),
        ("a.jpg,cat,20,10,20,20", NoArea, 1),
        ("a.jpg,cat,20,10,20.5,20", UnderOnePixel, 1),
        ("a.jpg,cat,x,10,20,20", NotANumber, 1),
        ("a.jpg,cat,,10,20,20", NotANumber, 1),
        ("a.jpg,,1,10,20,20", UnknownClass, 1),
        ("a.jpg,cat,1", NotParseable, 1),
        (",cat,1,2,3,4", NotParseable, 1),
        ("a.jpg,cat,\"12,5\",10,20,20", DecimalComma, 2),
        ("a.jpg,cat,10,10,30,30", Duplicate, 1),
        ("gone.jpg,cat,10,10,30,30", MissingPicture, 1),
    ] {
        check(&table(line), kind, Spot::Line(3), objects);
    }
}

#[test]
fn shares_and_pixels_in_the_others_place() {
    let folder = Folder::new();
    folder.picture("a.jpg", 100, 50).file("a.xml", voc((100, 50), &[("cat", ["0.1", "0.1", "0.5", "0.5"])]));
    check(&folder, SharesForPixels, Spot::Line(3), 0);
    let reading = Reading { shares: Some(true), ..Reading::default() };
    assert_eq!(shown(&folder.read_with(&reading)), ["a.jpg cat 10 5 50 25"]);
    let folder = coco_box("[0.1, 0.1, 0.5, 0.5]");
    let text = std::fs::read_to_string(folder.path().join("a.json"))
        .unwrap()
        .replace("[10, 10, 20, 20]", "[0.5, 0.5, 0.25, 0.25]");
    folder.file("a.json", text);
    assert_eq!(kinds(&folder.read()), [(SharesForPixels, 2)]);
    assert_eq!(folder.read_with(&reading).objects(), 2);
    let folder = Folder::new();
    let shares = "a.jpg,cat,0.1,0.1,0.5,0.5\n".to_owned()
        + &(0..20).map(|n| format!("a.jpg,cat,0.{n:02},0.1,0.5,0.5\n")).collect::<String>();
    folder.picture("a.jpg", 100, 50).file("boxes.csv", shares + "a.jpg,cat,10,10,30,30\n");
    assert_eq!(kinds(&folder.read()), [(PixelsForShares, 1), (Duplicate, 1)]);
}

#[test]
fn numbers_of_coco_that_lead_nowhere_or_stand_twice() {
    check(&coco(r#"{"image_id": 1, "category_id": 2, "bbox": [1, 1, 5, 5]}"#), UnknownClass, SECOND, 1);
    check(&coco(r#"{"image_id": 1, "bbox": [1, 1, 5, 5]}"#), UnknownClass, SECOND, 1);
    check(&coco(r#"{"image_id": 2, "category_id": 1, "bbox": [1, 1, 5, 5]}"#), MissingPicture, SECOND, 1);
    check(&coco("17"), NotParseable, SECOND, 1);
    let good = r#"{"image_id": "1", "category_id": 1.0, "bbox": [1, 1, 5, 5]}"#;
    let folder = coco(good);
    assert_eq!((folder.read().objects(), folder.read().faults.len()), (2, 0));
    let change = |from: &str, to: &str| {
        let folder = coco(good);
        let text = std::fs::read_to_string(folder.path().join("a.json")).unwrap();
        folder.file("a.json", text.replace(from, to)).picture("b.jpg", 100, 50);
        folder
    };
    let category = r#"{"id": 1, "name": "cat"}"#;
    check(
        &change(category, &format!(r#"{category}, {{"id": 1, "name": "dog"}}"#)),
        DuplicateId,
        Spot::Element("categories", 1),
        2,
    );
    check(&change(category, &format!(r#"{category}, {{"id": 5}}"#)), NotParseable, Spot::Element("categories", 1), 2);
    let image = r#"{"id": 1, "file_name": "a.jpg"}"#;
    check(
        &change(image, &format!(r#"{image}, {{"id": 1, "file_name": "b.jpg"}}"#)),
        DuplicateId,
        Spot::Element("images", 1),
        2,
    );
    check(
        &change(image, &format!(r#"{image}, {{"id": 2, "file_name": "a.jpg"}}"#)),
        ListedTwice,
        Spot::Element("images", 1),
        2,
    );
    check(
        &change(image, &format!(r#"{image}, {{"id": 2, "file_name": "gone.jpg"}}"#)),
        MissingPicture,
        Spot::Element("images", 1),
        2,
    );
    check(&change(image, &format!(r#"{image}, {{"id": 2}}"#)), NotParseable, Spot::Element("images", 1), 2);
}

#[test]
fn files_that_cannot_be_read_leave_the_others() {
    let good = voc((100, 50), &[("cat", ["1", "1", "9", "9"])]);
    let deep = format!("<annotation>{}", "<a>".repeat(100_000));
    for (bytes, kind, spot) in [
        (&b"<annotation>\n<object>"[..], NotParseable, None),
        (b"", NotParseable, None),
        (b"<svg/>", NotParseable, None),
        (b"<annotation><name>\xe9</name></annotation>", NotUtf8, Some(Spot::Line(1))),
        (b"\xff\xfe<\0a\0", NotUtf8, None),
        (b"<!DOCTYPE x [<!ENTITY y 'z'>]><annotation>&y;</annotation>", NotParseable, None),
        (deep.as_bytes(), NotParseable, None),
    ] {
        let folder = Folder::new();
        folder.picture("a.jpg", 100, 50).picture("b.jpg", 100, 50).file("a.xml", &good).file("b.xml", bytes);
        let listing = folder.read();
        assert_eq!((kinds(&listing), listing.objects()), (vec![(kind, 1)], 1));
        let fault = listing.faults.iter().next().unwrap();
        assert!(spot.is_none_or(|spot| spot == fault.spot), "{fault:?}");
    }
    let folder = yolo("0 0.5 0.5 0.2 0.2");
    folder.picture("images/b.jpg", 9, 9).file("labels/b.txt", b"0 0.5\xff");
    assert_eq!((kinds(&folder.read()), folder.read().objects()), (vec![(NotUtf8, 1)], 2));
    folder.file("data.yaml", "names: [a\n").file("labels/b.txt", "");
    assert_eq!(kinds(&folder.read()), [(NotParseable, 1)]);
    // Where there is nothing else to read, it is an error.
    for (name, bytes, word) in [
        ("a.json", &b"{\"images\": [], \"annotations\": \n[1, 2"[..], "a.json:2: it ends in the middle"),
        ("a.json", b"{\"images\": [], \"annotations\": [] \xff", "no UTF-8"),
        ("boxes.csv", b"a.jpg,caf\xe9,1,2,3,4", "no UTF-8"),
        ("data.yaml", b"names: [a", "no YAML"),
        ("a.xml", b"<annotation>", "no XML file"),
    ] {
        let folder = Folder::new();
        folder.picture("a.jpg", 9, 9).file(name, bytes);
        let says = read(&folder.path().join(name), &Reading::default()).unwrap_err().to_string();
        assert!(says.contains(word) && says.contains('→'), "{says}");
    }
}

#[test]
fn pictures_that_are_not_there_or_nobody_knows_which() {
    let one = voc((100, 50), &[("cat", ["1", "1", "9", "9"])]);
    let folder = Folder::new();
    folder.picture("a.jpg", 100, 50).file("a.xml", &one).file("b.xml", &one);
    check(&folder, NoPictureFor, Spot::Whole, 1);
    let folder = yolo("0 0.5 0.5 0.2 0.2");
    folder.file("gone.txt", "0 0.5 0.5 0.2 0.2\n");
    check(&folder, NoPictureFor, Spot::Whole, 2);
    let folder = table("b.jpg,cat,1,2,9,9");
    folder.picture("x/b.jpg", 100, 50).picture("y/b.jpg", 100, 50);
    let fault = check(&folder, Ambiguous, Spot::Line(3), 1);
    assert!(fault.what.contains("`x/b.jpg` or `y/b.jpg`; its 1 objects are left out"), "{}", fault.what);
    let folder = table("y/b.jpg,cat,1,2,9,9");
    folder.picture("x/b.jpg", 100, 50).picture("y/b.jpg", 100, 50);
    assert_eq!((folder.read().objects(), folder.read().faults.len()), (2, 0));
    let folder = table("b.jpg,cat,1,2,9,9");
    folder.file("b.jpg", "no picture");
    let fault = check(&folder, UnreadablePicture, Spot::Whole, 1);
    assert!(fault.what.contains("its 1 objects"));
    for (name, file) in
        [("sub\\b%20c.jpg", "sub/b c.jpg"), ("B.JPG", "b.jpg"), ("b.png", "b.jpg"), ("deep\\b.jpg", "deep/b.jpg")]
    {
        let folder = table(&format!("{name},cat,1,2,9,9"));
        folder.picture(file, 100, 50);
        check(&folder, NameDiffers, Spot::Line(3), 2);
    }
    let folder = table("cafe\u{301}.jpg,cat,1,2,9,9");
    folder.picture("caf\u{e9}.jpg", 100, 50);
    assert_eq!(folder.read().faults.len(), 0);
    #[cfg(unix)]
    {
        let folder = table("a.jpg,cat,1,2,9,9");
        std::os::unix::fs::symlink("nowhere.jpg", folder.path().join("b.jpg")).unwrap();
        let fault = check(&folder, BrokenLink, Spot::Whole, 2);
        assert_eq!(fault.picture.as_deref(), Some("b.jpg"));
    }
}

#[test]
fn sizes_that_differ() {
    let one = |size, corners| {
        let folder = Folder::new();
        folder.picture("a.jpg", 200, 100).file("a.xml", voc(size, &[("cat", corners)]));
        folder
    };
    let folder = one((100, 50), ["11", "11", "20", "20"]);
    assert!(check(&folder, SizeDiffers, Spot::Whole, 1).what.contains("stretched by 2.000"));
    assert_eq!(shown(&folder.read()), ["a.jpg cat 20 20 40 40"]);
    let folder = one((100, 80), ["11", "11", "20", "20"]);
    assert!(check(&folder, SizeDiffers, Spot::Whole, 1).what.contains("read as they are"));
    let folder = one((100, 50), ["11", "11", "150", "20"]);
    assert!(check(&folder, SizeDiffers, Spot::Whole, 1).what.contains("200 × 100 pixels large, not 100 × 50"));
    assert_eq!(one((0, 0), ["11", "11", "20", "20"]).read().faults.len(), 0, "0 says nothing");
}

#[test]
fn pictures_that_are_shown_turned() {
    let one = |orientation, size, corners| {
        let folder = Folder::new();
        folder.file("a.jpg", head(100, 50, Some(orientation))).file("a.xml", voc(size, &[("cat", corners)]));
        folder
    };
    // On the stored pixels; 6 turns them to the right.
    let folder = one(6, (100, 50), ["11", "21", "30", "40"]);
    check(&folder, Turned, Spot::Whole, 1);
    assert_eq!(
        (shown(&folder.read()), folder.read().pictures[0].size),
        (vec!["a.jpg cat 10 10 30 30".to_owned()], Some((50, 100)))
    );
    // On the picture as it is shown.
    let folder = one(6, (50, 100), ["11", "21", "30", "90"]);
    assert_eq!((shown(&folder.read()), folder.read().faults.len()), (vec!["a.jpg cat 10 20 30 90".to_owned()], 0));
    // No size is given, and the boxes reach where only the stored pixels are.
    check(&one(8, (0, 0), ["11", "21", "90", "40"]), Turned, Spot::Whole, 1);
    assert_eq!(one(8, (0, 0), ["11", "21", "40", "90"]).read().faults.len(), 0);
    // Upside down the size says nothing, but a picture beside it does.
    let folder = one(3, (100, 50), ["11", "21", "30", "40"]);
    assert_eq!(folder.read().faults.len(), 0);
    folder.file("b.jpg", head(100, 50, Some(6))).file("b.xml", voc((100, 50), &[("cat", ["11", "21", "30", "40"])]));
    let listing = folder.read();
    assert_eq!((kinds(&listing), shown(&listing)[0].as_str()), (vec![(Turned, 2)], "a.jpg cat 70 10 90 30"));
    // Shares are of the picture as it is shown.
    let folder = Folder::new();
    folder.file("a.jpg", head(100, 50, Some(6))).file("classes.txt", "cat\n").file("a.txt", "0 0.5 0.5 0.2 0.2\n");
    assert_eq!((shown(&folder.read()), folder.read().faults.len()), (vec!["a.jpg cat 20 40 30 60".to_owned()], 0));
}

#[test]
fn names_that_stand_twice_in_yolo() {
    let folder = yolo("1 0.5 0.5 0.2 0.2");
    folder.file("classes.txt", "cat\ncat\n");
    check(&folder, DuplicateId, Spot::Whole, 2);
    let folder = yolo("0 0.5 0.5 0.2 0.2");
    folder.file("labels/a.txt", "0 0.7 0.7 0.1 0.1\n");
    check(&folder, ListedTwice, Spot::Whole, 3);
    let folder = yolo("0 0.5 0.5 0.2 0.2");
    folder.file("data.yaml", "names: [cat]\ntrain: .\nval: nowhere/images\n");
    check(&folder, MissingFolder, Spot::Whole, 2);
}

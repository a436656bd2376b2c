//! Any listing through all formats and back.

use super::*;
use crate::data::Part;
use proptest::prelude::*;

/// A picture: width, height, part, and its objects' class, place (as shares), flags and score.
type Drawn = (u16, u16, u8, Vec<(usize, [f64; 4], u8, Option<u16>)>);

fn drawn() -> impl Strategy<Value = (Vec<String>, Vec<Drawn>)> {
    let name = "[a-zA-Zäß中][a-zA-Z0-9 _&<>\"':#,;äß中-]{0,10}[a-z0-9ß]";
    let object =
        (0usize..5, [0.0..1.0f64, 0.0..1.0, 0.0..1.0, 0.0..1.0], any::<u8>(), proptest::option::of(0u16..=1000));
    let picture = (2u16..3000, 2u16..3000, 0u8..4, proptest::collection::vec(object, 0..6));
    (proptest::collection::btree_set(name, 5), proptest::collection::vec(picture, 1..5))
        .prop_map(|(names, pictures)| (names.into_iter().collect(), pictures))
}

fn made(folder: &Folder, names: &[String], pictures: &[Drawn]) -> Listing {
    let mut listing = Listing { classes: names.iter().map(|name| class_name(name)).collect(), ..Listing::default() };
    for (at, (width, height, part, objects)) in pictures.iter().enumerate() {
        let name = format!("p{at}.jpg");
        folder.picture(&name, *width, *height);
        let part = [None, Some(Part::Train), Some(Part::Valid), Some(Part::Test)][usize::from(*part)];
        let mut picture = Listed {
            path: folder.path().join(&name),
            name,
            size: Some((u32::from(*width), u32::from(*height))),
            part,
            ..Listed::default()
        };
        let (width, height) = (f64::from(*width), f64::from(*height));
        for (class, [x, y, w, h], flags, score) in objects {
            let (left, top) = (x * (width - 1.01), y * (height - 1.01));
            // Some are whole numbers, as most boxes are.
            let whole = |number: f64| if flags & 32 > 0 { number.floor() } else { number };
            let (left, top) = (whole(left), whole(top));
            let (right, bottom) =
                (left + 1.0 + whole(w * (width - left - 1.0)), top + 1.0 + whole(h * (height - top - 1.0)));
            let bit = |n: u8| flags >> n & 1 == 1;
            picture.objects.push(Object {
                class: *class,
                corners: [left, top, right, bottom],
                crowd: bit(0),
                difficult: bit(1),
                truncated: bit(2),
                occluded: bit(3),
                automatic: bit(4),
                score: score.map(|score| f64::from(score) / 1000.0),
                extra: Extra::new(),
            });
        }
        // The same object twice is a fault.
        let mut kept: Vec<Object> = Vec::new();
        for object in picture.objects {
            if !kept.iter().any(|other| other.class == object.class && near(&other.corners, &object.corners, 1e-3)) {
                kept.push(object);
            }
        }
        // In COCO's file they have a list of their own.
        kept.sort_by_key(|object| object.automatic);
        listing.pictures.push(Listed { objects: kept, ..picture });
    }
    listing
}

fn near(a: &[f64; 4], b: &[f64; 4], within: f64) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= within)
}

/// What a format can hold of an object.
#[derive(Clone, Copy, PartialEq)]
enum Holds {
    All,
    /// No automatic box.
    Drawn,
    /// Neither that nor a flag.
    Yolo,
}

fn same(first: &Listing, again: &Listing, holds: Holds) -> Result<(), TestCaseError> {
    prop_assert!(again.faults.is_empty(), "{:?}", again.faults);
    prop_assert_eq!(first.pictures.len(), again.pictures.len());
    for (a, b) in first.pictures.iter().zip(&again.pictures) {
        prop_assert_eq!(&a.name, &b.name);
        prop_assert_eq!(a.size, b.size);
        let part = if holds == Holds::Yolo { a.part.or(Some(Part::Train)) } else { a.part };
        prop_assert_eq!(part, b.part);
        let held: Vec<&Object> = a.objects.iter().filter(|o| holds == Holds::All || !o.automatic).collect();
        prop_assert_eq!(held.len(), b.objects.len());
        for (x, y) in held.into_iter().zip(&b.objects) {
            prop_assert_eq!(&first.classes[x.class], &again.classes[y.class]);
            prop_assert!(near(&x.corners, &y.corners, 1e-6), "{:?} {:?}", x.corners, y.corners);
            if holds != Holds::Yolo {
                let flags = |o: &Object| (o.crowd, o.difficult, o.truncated, o.occluded, o.automatic, o.score);
                prop_assert_eq!(flags(x), flags(y));
            }
        }
    }
    Ok(())
}

fn through_all(names: &[String], pictures: &[Drawn]) -> Result<(), TestCaseError> {
    let folder = Folder::new();
    let first = made(&folder, names, pictures);
    let out = Folder::new();
    let reading =
        |format| Reading { format: Some(format), pictures: Some(folder.path().to_path_buf()), ..Reading::default() };
    let back = |name: &str, format| {
        read(&out.path().join(name), &reading(format)).map_err(|error| TestCaseError::fail(error.to_string()))
    };
    first.write_coco(&out.path().join("c.json"), false).unwrap();
    let coco = back("c.json", BoxFormat::Coco)?;
    same(&first, &coco, Holds::All)?;
    prop_assert_eq!(&coco.classes, &first.classes);
    coco.write_voc(&out.path().join("v"), false).unwrap();
    let voc = back("v", BoxFormat::Voc)?;
    same(&first, &voc, Holds::All)?;
    voc.write_csv(&out.path().join("t.csv"), false).unwrap();
    let table = back("t.csv", BoxFormat::Csv)?;
    same(&first, &table, Holds::Drawn)?;
    table.write_yolo(&out.path().join("y"), Placing::Leave, false).unwrap();
    let yolo = back("y", BoxFormat::Yolo)?;
    same(&first, &yolo, Holds::Yolo)?;
    yolo.write_coco(&out.path().join("c2.json"), false).unwrap();
    same(&yolo, &back("c2.json", BoxFormat::Coco)?, Holds::All)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: super::fuzz::cases(64), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_formats_there_and_back((names, pictures) in drawn()) {
        through_all(&names, &pictures)?;
    }
}

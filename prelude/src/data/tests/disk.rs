//! Decoded pictures in files: they are used, they are left where they are not right, and no fault of the disk ends a fit.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::*;

/// Pictures of two classes, none of which is kept in memory, with a cache of so many bytes.
fn cached(root: &Path, cache: &Path, most: u64) -> Result<ImageFolder> {
    Ok(ImageFolder::open(root)?.memory(0).size(16).batch(4).cache_in(cache, most))
}

/// The bytes of one cached picture of 16 × 16.
const EACH: u64 = 28 + 3 * 16 * 16;

fn files(cache: &Path) -> Vec<PathBuf> {
    let below = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("it is there").path()).collect()
    };
    let mut all: Vec<PathBuf> = below(cache).iter().flat_map(|folder| below(folder)).collect();
    all.sort();
    all
}

/// All pixels of the pictures in their order.
fn pixels(data: &ImageFolder) -> Result<Vec<f32>> {
    let mut all = Vec::new();
    for batch in data.batches(Part::Train)? {
        all.extend(batch?.inputs.get(field::IMAGE)?.flatten_all()?.to_vec1::<f32>()?);
    }
    Ok(all)
}

/// Puts other bytes into a file so that neither its length nor its time changes.
fn replaced(path: &Path) -> Result<()> {
    let (time, length) = (std::fs::metadata(path)?.modified()?, std::fs::metadata(path)?.len());
    std::fs::write(path, vec![0; length as usize])?;
    std::fs::File::options().write(true).open(path)?.set_modified(time)?;
    Ok(())
}

#[test]
fn what_is_cached_is_not_decoded_again() -> Result<()> {
    let (root, cache) = (two(6)?, tempfile::tempdir()?);
    let expected = pixels(&ImageFolder::open(root.path())?.size(16).batch(4))?;
    let data = cached(root.path(), cache.path(), 1 << 30)?;
    assert_eq!(pixels(&data)?, expected);
    assert_eq!(files(cache.path()).len(), 12);
    assert!(files(cache.path()).iter().all(|file| std::fs::metadata(file).is_ok_and(|data| data.len() == EACH)));
    // the files are no pictures any more, which nobody sees who decodes none
    for class in ["car", "truck"] {
        (0..6).try_for_each(|at| replaced(&root.path().join(class).join(format!("{at:03}.png"))))?;
    }
    assert_eq!(pixels(&data)?, expected);
    let summary = data.summary()?;
    assert!(summary.corrupt.is_empty() && summary.sizes == [(8, 8, 12)], "{summary:?}");
    assert!(
        summary.storage.contains("kept on disk in `") && summary.storage.contains("at most 1.1 GB"),
        "{}",
        summary.storage
    );
    // another session, and a learner's own copy of the data
    assert_eq!(pixels(&cached(root.path(), cache.path(), 1 << 30)?)?, expected);
    // another way to the size is another picture
    let stretched = data.resize(ResizeMethod::Stretch);
    assert!(pixels(&stretched)?.is_empty());
    Ok(())
}

#[test]
fn a_changed_file_is_decoded_anew() -> Result<()> {
    let (root, cache) = (two(3)?, tempfile::tempdir()?);
    let data = cached(root.path(), cache.path(), 1 << 30)?;
    let before = pixels(&data)?;
    let path = root.path().join("car/001.png");
    RgbImage::from_pixel(8, 8, Rgb([9, 200, 9])).save(&path)?;
    std::fs::File::options().write(true).open(&path)?.set_modified(SystemTime::now() + Duration::from_secs(5))?;
    let after = pixels(&data)?;
    assert_eq!(after, pixels(&ImageFolder::open(root.path())?.size(16).batch(4))?);
    assert_ne!(after, before);
    Ok(())
}

#[test]
fn a_damaged_file_is_decoded_anew_and_written_again() -> Result<()> {
    let (root, cache) = (two(3)?, tempfile::tempdir()?);
    let data = cached(root.path(), cache.path(), 1 << 30)?;
    let expected = pixels(&data)?;
    let all = files(cache.path());
    let whole: Vec<Vec<u8>> = all.iter().map(std::fs::read).collect::<std::io::Result<_>>()?;
    let spoil = |at: usize, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole[at].clone();
        change(&mut bytes);
        std::fs::write(&all[at], bytes)
    };
    spoil(0, &|bytes| bytes.truncate(100))?;
    spoil(1, &|bytes| bytes[300] ^= 1)?;
    spoil(2, &|bytes| bytes[0] = b'x')?;
    spoil(3, &|bytes| bytes.push(0))?;
    spoil(4, &|bytes| bytes[17] ^= 8)?; // another side
    spoil(5, &|bytes| bytes.clear())?;
    assert_eq!(pixels(&data)?, expected);
    let again: Vec<Vec<u8>> = all.iter().map(std::fs::read).collect::<std::io::Result<_>>()?;
    assert!(again == whole && files(cache.path()) == all);
    Ok(())
}

#[test]
fn a_folder_that_cannot_be_written_costs_a_note() -> Result<()> {
    let root = two(3)?;
    let place = tempfile::tempdir()?;
    let expected = pixels(&ImageFolder::open(root.path())?.size(16).batch(4))?;
    // a file in the folder's place, as a folder that may not be made
    std::fs::write(place.path().join("file"), "")?;
    let data = cached(root.path(), &place.path().join("file"), 1 << 30)?;
    assert_eq!(pixels(&data)?, expected);
    let says = data.summary()?.storage;
    assert!(says.contains("not kept on disk, since `") && says.contains("cannot be written to"), "{says}");
    // what goes wrong when all was written, as on a full disk, leaves no half a file
    let cache = place.path().join("cache");
    pixels(&cached(root.path(), &cache, 1 << 30)?)?;
    for file in files(&cache) {
        std::fs::remove_file(&file)?;
        std::fs::create_dir_all(file.join("taken"))?;
    }
    let data = cached(root.path(), &cache, 1 << 30)?;
    assert_eq!(pixels(&data)?, expected);
    assert!(files(&cache).iter().all(|file| file.is_dir()), "{:?}", files(&cache));
    assert!(data.summary()?.storage.contains("cannot be written to"));
    Ok(())
}

#[test]
fn it_stays_within_its_bytes_and_others_make_room_first() -> Result<()> {
    let (old, root, cache) = (two(4)?, two(5)?, tempfile::tempdir()?);
    fill(root.path(), "van", 2, 5)?;
    let others = cached(old.path(), cache.path(), 20 * EACH)?;
    pixels(&others)?;
    assert_eq!(files(cache.path()).len(), 8);
    std::fs::write(cache.path().join("mine.txt"), "not a picture")?;
    // 15 pictures, of which 12 would fit beside the 8: 3 of those go
    let data = cached(root.path(), cache.path(), 20 * EACH)?;
    let expected = pixels(&ImageFolder::open(root.path())?.size(16).batch(4))?;
    assert_eq!(pixels(&data)?, expected);
    assert_eq!(files(cache.path()).len(), 20);
    // a cache that holds fewer than there are keeps those for good, whatever comes again and again
    let small = cached(root.path(), cache.path(), 10 * EACH)?;
    assert_eq!(pixels(&small)?, expected);
    let kept = files(cache.path());
    assert!(kept.len() <= 15, "{}", kept.len());
    assert_eq!((pixels(&small)?, files(cache.path())), (expected.clone(), kept));
    let says = small.summary()?.storage;
    assert!(says.contains("10 of 15 pictures"), "{says}");
    let nothing = cached(root.path(), &cache.path().join("empty"), 0)?;
    assert_eq!(pixels(&nothing)?, expected);
    assert!(!cache.path().join("empty").exists() && cache.path().join("mine.txt").exists());
    Ok(())
}

#[test]
fn several_may_use_it_at_once() -> Result<()> {
    let (root, cache) = (two(12)?, tempfile::tempdir()?);
    let expected = pixels(&ImageFolder::open(root.path())?.size(16).batch(4))?;
    // what a process left that was killed
    let left = cache.path().join("ab").join(format!("{}.1-2.part", "0".repeat(62)));
    std::fs::create_dir_all(cache.path().join("ab"))?;
    std::fs::write(&left, "half")?;
    std::fs::File::options().write(true).open(&left)?.set_modified(SystemTime::now() - Duration::from_secs(7200))?;
    std::thread::scope(|scope| {
        let one = || scope.spawn(|| pixels(&cached(root.path(), cache.path(), 1 << 30)?));
        let all: Vec<_> = (0..6).map(|_| one()).collect();
        all.into_iter().try_for_each(|one| {
            assert_eq!(one.join().expect("no panic")?, expected);
            Ok::<(), crate::Error>(())
        })
    })?;
    assert_eq!(files(cache.path()).len(), 24);
    Ok(())
}

#[test]
fn tables_and_boxes_have_it_and_memory_needs_none() -> Result<()> {
    let cache = tempfile::tempdir()?;
    let drawn = tempfile::tempdir()?;
    let folder = crate::datasets::scenes::photographs(drawn.path().join("drawn"), 3, 128u32, 3)?;
    let boxes = Boxes::open(folder.join("annotations.json"))?.size(32).batch(2).cache_in(cache.path(), 1 << 30);
    assert_eq!(Data::batches(&boxes, Part::Train, Order::Given)?.count(), 2);
    assert_eq!(files(cache.path()).len(), 3);
    let root = two(2)?;
    std::fs::write(root.path().join("labels.csv"), "file,labels\ncar/000.png,a\ntruck/000.png,b\n")?;
    let table = LabelTable::csv(root.path().join("labels.csv"))?.size(16).cache_in(cache.path(), 1 << 30);
    assert_eq!(Data::batches(&table, Part::Train, Order::Given)?.count(), 1);
    assert_eq!(files(cache.path()).len(), 5);
    let own = ImageFolder::in_memory(vec![picture(0, 1), picture(1, 2)], &["a", "b"])?
        .size(16)
        .cache_in(cache.path(), 1 << 30);
    pixels(&own)?;
    assert_eq!(files(cache.path()).len(), 5);
    Ok(())
}

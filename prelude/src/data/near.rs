//! Pictures that show the same: one saved again, smaller or paler than the other.
//!
//! A difference hash after Neal Krawetz, "Kind of Like That" (2013), that leaves out even ground, on which pictures of plain things would all agree.
//! Own code, since it is a few lines, and crates that have such hashes bring Fourier transforms along.

use super::split::Copies;
use super::{Greys, Sample};
use crate::show::Steps;
use crate::{Result, interrupt};
use image::RgbImage;
use image::imageops::{grayscale, thumbnail};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Rows of the small picture; its columns are one more.
const SIDE: u32 = 16;
/// A step of brightness counts from more than one in so many of the picture's contrast on.
const STEP: u8 = 24;
/// Of the steps that either picture has, one in so many may be the other's not.
const SHARE: u32 = 6;
/// Pictures with fewer steps show too little by which they could be known.
const FEWEST: u32 = 24;
/// A picture whose small one has no more contrast than this, of 255, shows nothing.
const FLAT: u8 = 12;
/// Files of more bytes in all are not compared by what they show: reading them takes as long as an epoch.
pub(super) const MOST_BYTES: u64 = 1 << 30;

/// Where a picture grows notably brighter from left to right, and where darker.
type Steps16 = [u64; 8];

/// What a picture shows; `None` where that is too little.
fn seen(picture: &RgbImage) -> Option<Steps16> {
    let small = grayscale(&thumbnail(picture, SIDE + 1, SIDE));
    let values = || small.pixels().map(|pixel| pixel.0[0]);
    let contrast = values().max()?.saturating_sub(values().min()?);
    if contrast <= FLAT {
        return None;
    }
    let least = i16::from(contrast / STEP);
    let mut bits = [0u64; 8];
    for (y, x) in (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x))) {
        let at = (y * SIDE + x) as usize;
        let step = i16::from(small.get_pixel(x + 1, y).0[0]) - i16::from(small.get_pixel(x, y).0[0]);
        bits[at / 64] |= u64::from(step > least) << (at % 64);
        bits[4 + at / 64] |= u64::from(step < -least) << (at % 64);
    }
    (bits.iter().map(|bits| bits.count_ones()).sum::<u32>() >= FEWEST).then_some(bits)
}

/// Whether two pictures show the same.
fn is_near(a: &Steps16, b: &Steps16) -> bool {
    let (mut apart, mut all) = (0, 0);
    for (a, b) in a.iter().zip(b) {
        apart += (a ^ b).count_ones();
        all += (a | b).count_ones();
    }
    apart * SHARE <= all
}

/// Equal files and pictures that show the same, a group each; `None` where the files are too large to be read for it.
///
/// # Errors
/// Where the user interrupts.
pub(super) fn find(samples: &[Sample], copies: &Copies) -> Result<Option<Copies>> {
    let bytes: u64 = samples.iter().filter_map(Sample::bytes).sum();
    if bytes > MOST_BYTES {
        return Ok(None);
    }
    let steps = Steps::new("comparing pictures", samples.len());
    let hashes: Vec<Option<Steps16>> = samples
        .par_iter()
        .map(|sample| {
            steps.step()?;
            Ok(sample.read(Greys::Whole).ok().and_then(|(picture, _)| seen(&picture)))
        })
        .collect::<Result<_>>()?;
    let mut first: Vec<usize> = (0..samples.len()).collect();
    for ids in &copies.groups {
        ids.iter().for_each(|id| join(&mut first, ids[0], *id));
    }
    let pairs: Vec<Vec<usize>> = hashes
        .par_iter()
        .enumerate()
        .map(|(at, one)| {
            interrupt::check()?;
            let Some(one) = one else { return Ok(Vec::new()) };
            let near = |other: &Option<Steps16>| other.as_ref().is_some_and(|other| is_near(one, other));
            Ok((at + 1..hashes.len()).filter(|other| near(&hashes[*other])).collect())
        })
        .collect::<Result<_>>()?;
    for (at, others) in pairs.into_iter().enumerate() {
        others.into_iter().for_each(|other| join(&mut first, at, other));
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for id in 0..samples.len() {
        groups.entry(root(&mut first, id)).or_default().push(id);
    }
    Ok(Some(Copies { groups: groups.into_values().filter(|ids| ids.len() > 1).collect() }))
}

/// The first of those that `id` was joined with.
fn root(first: &mut [usize], mut id: usize) -> usize {
    while first[id] != id {
        first[id] = first[first[id]];
        id = first[id];
    }
    id
}

fn join(first: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(first, a), root(first, b));
    first[a.max(b)] = a.min(b);
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, Rgb};
    use std::io::Cursor;

    /// Patches of light and dark, by a number.
    fn patches(number: u32, side: u32) -> RgbImage {
        let shade = |x: u32, y: u32| {
            let mut mixed = ((x * 8 / side) * 73_856_093) ^ ((y * 8 / side) * 19_349_663) ^ ((number + 1) * 83_492_791);
            mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0x5bd1_e995);
            ((mixed >> 15) % 200) as u8 + 20
        };
        RgbImage::from_fn(side, side, |x, y| Rgb([shade(x, y), shade(x, y) / 2, 120]))
    }

    #[test]
    fn a_picture_saved_again_shows_the_same_and_others_do_not() {
        let own = seen(&patches(1, 200)).unwrap();
        let mut jpeg = Vec::new();
        DynamicImage::from(patches(1, 200)).write_to(&mut Cursor::new(&mut jpeg), image::ImageFormat::Jpeg).unwrap();
        let again = image::load_from_memory(&jpeg).unwrap().to_rgb8();
        let small = image::imageops::resize(&patches(1, 200), 90, 90, image::imageops::FilterType::Triangle);
        let mut pale = patches(1, 200);
        pale.pixels_mut().for_each(|pixel| pixel.0 = pixel.0.map(|value| value / 2 + 100));
        for (what, other) in [("jpeg", &again), ("small", &small), ("pale", &pale)] {
            assert!(is_near(&own, &seen(other).unwrap()), "{what}");
        }
        assert!((2..200).all(|number| !is_near(&own, &seen(&patches(number, 200)).unwrap())));
        // One thing on even ground, elsewhere in each picture.
        let disc = |left: i64| {
            RgbImage::from_fn(160, 120, |x, y| {
                let far = (i64::from(x) - left).pow(2) + (i64::from(y) - 60).pow(2);
                if far < 900 { Rgb([20, 40, 160]) } else { Rgb([120 + (x * 13 + y * 7) as u8 % 11; 3]) }
            })
        };
        let discs: Vec<Option<Steps16>> = (0..6).map(|place| seen(&disc(40 + 16 * place))).collect();
        let pairs =
            discs.iter().enumerate().flat_map(|(at, one)| discs[at + 1..].iter().map(move |other| (one, other)));
        assert!(
            pairs.into_iter().all(|(one, other)| !one.as_ref().zip(other.as_ref()).is_some_and(|(a, b)| is_near(a, b)))
        );
        assert_eq!(seen(&RgbImage::from_pixel(50, 50, Rgb([90, 90, 90]))), None);
    }

    #[test]
    fn groups_hold_all_that_are_near_through_others() {
        let folder = tempfile::tempdir().unwrap();
        let sample = |name: &str, picture: RgbImage| {
            let path = folder.path().join(name);
            picture.save(&path).unwrap();
            Sample {
                path,
                name: name.to_owned(),
                class: 0,
                part: crate::data::Part::Train,
                boxes: Vec::new(),
                pixels: None,
            }
        };
        let samples = [
            sample("a.png", patches(1, 160)),
            sample("b.png", patches(2, 160)),
            sample("a.jpg", patches(1, 160)),
            sample("flat.png", RgbImage::new(20, 20)),
            sample("dark.png", RgbImage::new(30, 30)),
        ];
        let found = find(&samples, &Copies { groups: vec![vec![1, 3]] }).unwrap().unwrap();
        assert_eq!(found.groups, [vec![0, 2], vec![1, 3]]);
    }
}

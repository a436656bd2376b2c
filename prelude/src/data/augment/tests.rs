//! What the changes do to pixels and to boxes, beside torchvision's and PIL's numbers.

use super::change::Spoil;
use super::sampling::{floor, mirror};
use super::*;
use crate::boxes::BBox;
use crate::data::{Greys, Normalize, ResizeMethod, Transform};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const SIDE: usize = 32;

fn transform() -> Transform {
    Transform { size: SIDE, resize: ResizeMethod::Stretch, normalize: Normalize::none(), greys: Greys::Whole }
}

/// A black picture with a white rectangle.
fn picture(bbox: &BBox) -> Vec<u8> {
    let mut bytes = vec![0; 3 * SIDE * SIDE];
    for y in bbox.y0 as usize..bbox.y1 as usize {
        for x in bbox.x0 as usize..bbox.x1 as usize {
            bytes[3 * (y * SIDE + x)..][..3].fill(255);
        }
    }
    bytes
}

#[test]
fn no_change_gives_the_picture_itself() {
    let bytes = picture(&BBox::new(4.0, 5.0, 20.0, 12.0));
    let change = Augment::none().draw(SIDE, &mut ChaCha8Rng::seed_from_u64(1));
    let (mut plain, mut changed) = (vec![0.0; bytes.len()], vec![0.0; bytes.len()]);
    transform().write(&bytes, &mut plain);
    change.write(&bytes, &transform(), &mut changed);
    assert!(plain.iter().zip(&changed).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn a_flip_mirrors_picture_and_box() {
    let bbox = BBox::new(4.0, 5.0, 20.0, 12.0);
    let flip = Change {
        matrix: [-1.0, 0.0, 0.0, 1.0],
        dx: 0.0,
        dy: 0.0,
        warp: None,
        brightness: 1.0,
        contrast: 1.0,
        saturation: 1.0,
        hue: 0.0,
        spoil: Spoil::default(),
        grey: false,
    };
    let mut values = vec![0.0; 3 * SIDE * SIDE];
    flip.write(&picture(&bbox), &transform(), &mut values);
    assert_eq!(flip.bbox(&bbox, SIDE).to_xyxy(), [12.0, 5.0, 28.0, 12.0]);
    assert_eq!((values[6 * SIDE + 11], values[6 * SIDE + 12]), (0.0, 1.0));
    assert_eq!((values[6 * SIDE + 27], values[6 * SIDE + 28]), (1.0, 0.0));
}

/// The box that is computed must be the box that is seen, whatever was drawn.
#[test]
fn boxes_follow_the_pixels() {
    let bbox = BBox::new(9.0, 10.0, 24.0, 20.0);
    let bytes = picture(&bbox);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let plain = Augment { rotate: 0.0, ..Augment::standard() };
    let kinds = [
        plain,
        Augment { flip_vertical: true, ..plain },
        Augment { flip_vertical: true, shift: 0.2, ..Augment::none() },
        Augment { crop: 0.5, ..Augment::none() },
    ];
    for augment in kinds.into_iter().cycle().take(160) {
        let change = augment.draw(SIDE, &mut rng);
        let mut values = vec![0.0; 3 * SIDE * SIDE];
        change.write(&bytes, &transform(), &mut values);
        let bright = (0..SIDE * SIDE).filter(|i| values[*i] > 0.4);
        let seen = BBox::around(bright.flat_map(|i| {
            let (x, y) = ((i % SIDE) as f32, (i / SIDE) as f32);
            [(x, y), (x + 1.0, y + 1.0)]
        }));
        let computed = change.bbox(&bbox, SIDE);
        let apart = seen.to_xyxy().into_iter().zip(computed.to_xyxy()).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) < 0.9, "{seen:?} {computed:?}");
    }
}

#[test]
fn positions_beyond_the_borders_mirror() {
    let mirrored: Vec<usize> = (-3..=6).map(|i| mirror(i, 3)).collect();
    assert_eq!(mirrored, [2, 1, 0, 0, 1, 2, 3, 3, 2, 1]);
    for value in [-2.5, -2.0, -0.1, 0.0, 0.9, 3.0, 3.1] {
        assert_eq!(floor(value), f32::floor(value) as i32);
    }
}

#[test]
fn the_same_seed_draws_the_same() {
    let draw = |seed| Augment::standard().draw(64, &mut ChaCha8Rng::seed_from_u64(seed)).matrix;
    assert_eq!(draw(3), draw(3));
    assert_ne!(draw(3), draw(4));
}

/// What tests/reference/augment.py wrote, by name.
fn reference(name: &str) -> Vec<f32> {
    let bytes = include_bytes!("../../../tests/fixtures/augment.safetensors");
    let all = candle_core::safetensors::load_buffer(bytes, &candle_core::Device::Cpu).unwrap();
    all[name].flatten_all().unwrap().to_vec1().unwrap()
}

fn furthest(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn hues_turn_as_torchvision_turns_them() {
    let (picture, expected) = (reference("picture"), reference("hue"));
    let area = picture.len() / 3;
    for (by, expected) in [0.1, -0.35, 0.5].into_iter().zip(expected.chunks_exact(3 * area)) {
        let mut found = vec![0.0; 3 * area];
        for at in 0..area {
            let pixel = colour::turned(std::array::from_fn(|c| picture[c * area + at]), by);
            (0..3).for_each(|c| found[c * area + at] = pixel[c]);
        }
        assert!(furthest(&found, expected) < 1e-2, "{by}: {}", furthest(&found, expected));
    }
    assert_eq!(colour::turned([9.0; 3], 0.2), [9.0; 3]);
}

#[test]
fn a_blur_is_torchvisions() {
    let (picture, expected) = (reference("picture"), reference("blur"));
    for (sigma, expected) in [0.7, 2.0].into_iter().zip(expected.chunks_exact(picture.len())) {
        let mut found = picture.clone();
        spoil::blur(&mut found, 24, sigma);
        assert!(furthest(&found, expected) < 1e-2, "{sigma}: {}", furthest(&found, expected));
    }
}

#[test]
fn tones_are_pils() {
    use colour::Tone;
    let tones = [
        ("brightness", Tone::Brightness(1.4)),
        ("colour", Tone::Colour(0.3)),
        ("contrast", Tone::Contrast(1.7)),
        ("sharpness", Tone::Sharpness(1.9)),
        ("posterize", Tone::Posterize(3)),
        ("solarize", Tone::Solarize(128.0)),
        ("autocontrast", Tone::AutoContrast),
        ("equalize", Tone::Equalize),
    ];
    for (name, tone) in tones {
        let mut found = reference("picture");
        tone.change(&mut found, 24);
        let far = furthest(&found, &reference(name));
        // PIL reckons the sharp ones in single precision before it cuts
        assert!(far <= f32::from(u8::from(name == "sharpness")), "{name}: {far}");
    }
}

#[test]
fn a_perspective_has_torchvisions_coefficients() {
    let ends = reference("ends");
    let corner = |i: usize| (ends[2 * i], ends[2 * i + 1]);
    let starts = [(0.0, 0.0), (24.0, 0.0), (24.0, 24.0), (0.0, 24.0)];
    let warp = warp::Warp::between([corner(0), corner(1), corner(2), corner(3)], starts);
    assert!(furthest(&warp.eight(), &reference("coefficients")) < 1e-3, "{:?}", warp.eight());
    for (at, start) in starts.into_iter().enumerate() {
        let (x, y) = warp.of(corner(at).0, corner(at).1);
        assert!((x - start.0).abs() < 1e-3 && (y - start.1).abs() < 1e-3);
        let (x, y) = warp.back().of(start.0, start.1);
        assert!((x - corner(at).0).abs() < 1e-3 && (y - corner(at).1).abs() < 1e-3);
    }
}

/// A box under a perspective and under RandAugment's moves still holds the pixels that it held, and little more.
#[test]
fn boxes_follow_perspectives() {
    let bbox = BBox::new(9.0, 10.0, 24.0, 20.0);
    let bytes = picture(&bbox);
    let kinds = [
        Augment { perspective: 0.4, ..Augment::none() },
        Augment { rand_augment: Some((3, 10.0)), perspective: 0.2, crop: 0.8, ..Augment::none() },
    ];
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for augment in kinds.into_iter().cycle().take(80) {
        let mut change = augment.draw(SIDE, &mut rng);
        change.spoil = Spoil::default();
        change.grey = true;
        let mut values = vec![0.0; 3 * SIDE * SIDE];
        change.write(&bytes, &transform(), &mut values);
        let bright: Vec<usize> = (0..SIDE * SIDE).filter(|i| values[*i] > 0.75).collect();
        if bright.is_empty() {
            continue;
        }
        let seen = BBox::around(bright.iter().flat_map(|i| {
            let (x, y) = ((i % SIDE) as f32, (i / SIDE) as f32);
            [(x, y), (x + 1.0, y + 1.0)]
        }));
        let computed = change.bbox(&bbox, SIDE);
        let apart = seen.to_xyxy().into_iter().zip(computed.to_xyxy()).map(|(a, b)| (a - b).abs());
        // the corners of a slanted rectangle are thinner than a pixel
        assert!(apart.fold(0.0, f32::max) < 2.6, "{seen:?} {computed:?}");
    }
}

/// Zhong et al. 2017 and torchvision: the area is even between 2 and 33 %, so its mean is 17.5 %, where nothing is refused.
#[test]
fn what_is_erased_has_its_area() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let areas: Vec<f32> = (0..4000)
        .filter_map(|_| spoil::erased(100, &mut rng))
        .map(|[left, top, width, height]| {
            assert!(left + width <= 100 && top + height <= 100);
            assert!((0.25..4.0).contains(&(width as f32 / height as f32)));
            (width * height) as f32 / 10_000.0
        })
        .collect();
    let mean = areas.iter().sum::<f32>() / areas.len() as f32;
    assert!(areas.len() > 3990 && (mean - 0.175).abs() < 0.01, "{mean}");
    assert!(areas.iter().all(|area| (0.018..0.345).contains(area)));
    let change = Change {
        spoil: Spoil { erased: Some([2, 3, 4, 5]), ..Spoil::default() },
        ..Augment::none().draw(SIDE, &mut rng)
    };
    let mut values = vec![0.0; 3 * SIDE * SIDE];
    let imagenet = Transform { normalize: Normalize::imagenet(), ..transform() };
    change.write(&picture(&BBox::new(0.0, 0.0, 32.0, 32.0)), &imagenet, &mut values);
    let zeros = values.iter().filter(|value| value.abs() < 1e-5).count();
    assert_eq!((zeros, values[3 * SIDE + 2].abs() < 1e-5), (3 * 4 * 5, true));
}

#[test]
fn noise_and_crops_are_what_was_asked_for() {
    let grey = vec![128u8; 3 * SIDE * SIDE];
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut values = vec![0.0; 3 * SIDE * SIDE];
    let noisy =
        Change { spoil: Spoil { noise: 0.1, seed: 3, ..Spoil::default() }, ..Augment::none().draw(SIDE, &mut rng) };
    noisy.write(&grey, &transform(), &mut values);
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt();
    assert!((mean - 0.502).abs() < 0.01 && (deviation - 0.1).abs() < 0.01, "{mean} {deviation}");
    // a box of the whole square, cut out in part, is the square again, and never less
    for _ in 0..50 {
        let change = Augment { crop: 0.3, ..Augment::none() }.draw(SIDE, &mut rng);
        let whole = change.bbox_from(&BBox::new(0.0, 0.0, 32.0, 32.0), SIDE, SIDE);
        let area = (SIDE * SIDE) as f32 / whole.area();
        assert!((0.299..=1.001).contains(&area), "{area}");
        assert!(whole.x0 <= 1e-3 && whole.y0 <= 1e-3 && whole.x1 >= 31.99 && whole.y1 >= 31.99, "{whole:?}");
    }
}

#[test]
fn odd_values_are_refused() {
    let says = |augment: Augment| augment.check().unwrap_err().to_string();
    let none = Augment::none();
    assert!(
        says(Augment { hue: 0.7, ..none }).contains("`hue` of the augmentation is 0.7; expected a share from 0 to 0.5")
    );
    assert!(says(Augment { crop: 0.0, ..none }).contains("`crop` of the augmentation is 0"));
    assert!(says(Augment { rand_augment: Some((0, 9.0)), ..none }).contains("count of `rand_augment` is 0"));
    assert!(says(Augment { rand_augment: Some((2, 31.0)), ..none }).contains("magnitude of `rand_augment` is 31"));
    assert!(says(Augment { mixup: 0.7, cutmix: 0.7, ..none }).contains("`mixup` and `cutmix` together is 1.4"));
    assert!(says(Augment { blur: f32::NAN, ..none }).contains("`blur` of the augmentation is NaN"));
    assert!(Augment::random().check().is_ok() && Augment::standard().check().is_ok());
    assert!(none.gallery(&[]).unwrap_err().to_string().contains("changes nothing"));
    assert!(Augment::standard().gallery(&[]).unwrap_err().to_string().contains("no picture"));
}

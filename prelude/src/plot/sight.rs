//! How far two colours are from each other, to full sight and to the three kinds of colour blindness.

use super::canvas::Rgb;

/// No two of the palette's colours are nearer to each other than this in OKLab, to anybody.
const NEAR: f64 = 0.05;

type ColorMatrix = [[f64; 3]; 3];

/// What each kind makes of linear red, green and blue, where it is complete. Machado et al. 2009, "A Physiologically-based Model for Simulation of
/// Color Vision Deficiency", severity 1.0.
const KINDS: [(&str, ColorMatrix); 3] = [
    (
        "protanopia",
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
    ),
    (
        "deuteranopia",
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
    ),
    (
        "tritanopia",
        [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_900]],
    ),
];
/// Linear red, green and blue to cones, and these to OKLab. Ottosson 2020.
const CONES: ColorMatrix = [
    [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
    [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
    [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
];
const LAB: ColorMatrix = [
    [0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8],
    [1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9],
    [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0],
];

fn times(matrix: &ColorMatrix, values: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(values).map(|(a, b)| a * b).sum())
}

fn linear(ink: Rgb) -> [f64; 3] {
    ink.map(|byte| {
        let value = f64::from(byte) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    })
}

/// How far two colours are from each other in OKLab; to a kind of colour blindness where one is given.
fn distance(one: Rgb, other: Rgb, kind: Option<&ColorMatrix>) -> f64 {
    let seen = |ink: Rgb| {
        let linear = linear(ink);
        let seen = kind.map_or(linear, |kind| times(kind, linear).map(|value| value.clamp(0.0, 1.0)));
        times(&LAB, times(&CONES, seen).map(f64::cbrt))
    };
    let (one, other) = (seen(one), seen(other));
    one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// Who cannot tell two colours apart, where somebody cannot.
pub(super) fn confused(one: Rgb, other: Rgb) -> Option<String> {
    if distance(one, other, None) < NEAR {
        return Some("nobody".to_owned());
    }
    let kinds: Vec<&str> =
        KINDS.iter().filter(|(_, kind)| distance(one, other, Some(kind)) < NEAR).map(|(name, _)| *name).collect();
    (!kinds.is_empty()).then(|| format!("nobody with {}", kinds.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::super::canvas::COLORS;
    use super::*;

    // numpy, the same matrices in double precision
    #[test]
    fn distances_are_those_of_the_papers() {
        let kinds = [None, Some(&KINDS[0].1), Some(&KINDS[1].1), Some(&KINDS[2].1)];
        for (one, other, expected) in [
            ([0xd6, 0x27, 0x28], [0x2c, 0xa0, 0x2c], [0.338, 0.207, 0.039, 0.347]),
            ([255, 0, 0], [0, 128, 0], [0.381, 0.070, 0.134, 0.359]),
            ([0xff, 0xc0, 0xcb], [0xd3, 0xd3, 0xd3], [0.074, 0.029, 0.016, 0.079]),
        ] {
            for (kind, expected) in kinds.iter().zip(expected) {
                let found = distance(one, other, *kind);
                assert!((found - expected).abs() < 6e-4, "{one:?} {other:?}: {found}, {expected}");
            }
        }
    }

    #[test]
    fn the_palette_is_told_apart_by_everybody() {
        for (at, one) in COLORS.iter().enumerate() {
            assert!(COLORS.iter().skip(at + 1).all(|other| confused(*one, *other).is_none()), "{one:?}");
        }
        assert_eq!(confused([214, 39, 40], [44, 160, 44]).as_deref(), Some("nobody with deuteranopia"));
        assert_eq!(confused([255, 0, 0], [254, 0, 0]).as_deref(), Some("nobody"));
    }
}

//! Pictures of more than eight bits a value, brought to eight without losing what is on them.

use image::{DynamicImage, RgbImage};
use serde::{Deserialize, Serialize};

/// A picture whose brightest value is below this share of its range looks black.
const DIM: f32 = 1.0 / 8.0;
/// What to say of such pictures.
pub(super) const DIM_WORDS: &str = "some pictures of sixteen bits use less than an eighth of their range and look black: \
     `.greys(Greys::Stretch)`, or for twelve bits `.greys(Greys::Window(0.0, 4095.0))`";
/// What [`Greys::Stretch`] leaves out at each end, as a share of the values.
const ENDS: f64 = 0.005;

/// Which values of a picture of sixteen bits become black, and which white: scans and measuring devices often use a part of the range alone,
/// such as twelve of sixteen bits. Pictures of eight bits stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Greys {
    /// 0 is black, 65535 white: what any viewer shows.
    #[default]
    Whole,
    /// Each picture's own range, half a percent left out at each end: what is there can be seen, how bright it was is lost.
    Stretch,
    /// From this value to that one, the same for all pictures: `Greys::Window(0.0, 4095.0)` for twelve bits.
    Window(f32, f32),
}

impl Greys {
    /// Refuses a window that is none.
    pub(crate) fn check(&self) -> crate::Result<()> {
        let Greys::Window(black, white) = self else { return Ok(()) };
        let fine = black.is_finite() && white.is_finite() && black < white;
        let remedy = "the value that is black, then a larger one that is white: `Greys::Window(0.0, 4095.0)`";
        crate::limits::allow(fine, "the window of `greys`", &format!("{black} to {white}"), "two numbers", remedy)
    }
}

/// A picture of sixteen bits as eight; `None` where it has eight, or shows its whole range as ever.
pub(super) fn narrowed(picture: &DynamicImage, greys: Greys) -> Option<RgbImage> {
    if greys == Greys::Whole || !is_deep(picture) {
        return None;
    }
    if picture.color().has_color() {
        let deep = picture.to_rgb16();
        let bytes = window(deep.as_raw(), greys);
        return RgbImage::from_raw(deep.width(), deep.height(), bytes);
    }
    let deep = picture.to_luma16();
    let bytes = window(deep.as_raw(), greys);
    RgbImage::from_raw(deep.width(), deep.height(), bytes.into_iter().flat_map(|value| [value; 3]).collect())
}

/// Whether a picture of sixteen bits uses so little of its range that it looks black.
pub(super) fn is_dim(picture: &DynamicImage) -> bool {
    let most = match picture {
        DynamicImage::ImageLuma16(deep) => deep.as_raw().iter().max(),
        DynamicImage::ImageRgb16(deep) => deep.as_raw().iter().max(),
        _ => None,
    };
    most.is_some_and(|most| f32::from(*most) < DIM * f32::from(u16::MAX))
}

fn is_deep(picture: &DynamicImage) -> bool {
    picture.color().bytes_per_pixel() / picture.color().channel_count() > 1
}

fn window(values: &[u16], greys: Greys) -> Vec<u8> {
    let (black, white) = match greys {
        Greys::Window(black, white) => (black, white),
        _ => ends(values),
    };
    let scale = if white > black { 255.0 / (white - black) } else { 0.0 };
    let byte = |value: usize| ((value as f32 - black) * scale).round().clamp(0.0, 255.0) as u8;
    // one look a value is cheaper than one reckoning a pixel
    let table: Vec<u8> = (0..=usize::from(u16::MAX)).map(byte).collect();
    values.iter().map(|value| table[usize::from(*value)]).collect()
}

/// The values that half a percent are not above, and not below.
fn ends(values: &[u16]) -> (f32, f32) {
    let mut counts = vec![0usize; 1 << 16];
    values.iter().for_each(|value| counts[usize::from(*value)] += 1);
    let past = (values.len() as f64 * ENDS) as usize;
    let end = |at: &dyn Fn(usize) -> usize| {
        let mut sum = 0;
        let found = (0..1 << 16).find(|step| {
            sum += counts[at(*step)];
            sum > past
        });
        at(found.unwrap_or(0)) as f32
    };
    (end(&|step| step), end(&|step| (1 << 16) - 1 - step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageBuffer, Luma, Rgb};

    /// Twelve bits in sixteen: 0 to 4095 from left to right.
    fn scan() -> DynamicImage {
        ImageBuffer::from_fn(1024, 4, |x, _| Luma([x as u16 * 4])).into()
    }

    #[test]
    fn a_scan_of_twelve_bits_is_not_black() {
        assert!(is_dim(&scan()) && narrowed(&scan(), Greys::Whole).is_none());
        let whole = super::super::to_rgb(&scan());
        assert!(whole.pixels().all(|pixel| pixel[0] <= 16));
        let window = narrowed(&scan(), Greys::Window(0.0, 4095.0)).unwrap();
        for x in [0u32, 256, 512, 1023] {
            let expected = (x as f32 * 4.0 / 4095.0 * 255.0).round() as u8;
            assert_eq!(window.get_pixel(x, 1).0, [expected; 3]);
        }
        // numpy.percentile(values, [0.5, 99.5], method="inverted_cdf") = 20, 4072 by rank; the ends clip
        let stretched = narrowed(&scan(), Greys::Stretch).unwrap();
        assert_eq!((stretched.get_pixel(4, 0)[0], stretched.get_pixel(1020, 0)[0]), (0, 255));
        assert!(stretched.get_pixel(512, 0)[0].abs_diff(128) <= 1);
        let colour: DynamicImage = ImageBuffer::from_pixel(3, 2, Rgb([100u16, 2000, 4000])).into();
        assert_eq!(narrowed(&colour, Greys::Window(0.0, 4000.0)).unwrap().get_pixel(0, 0).0, [6, 128, 255]);
        let even: DynamicImage = ImageBuffer::from_pixel(3, 2, Luma([700u16])).into();
        assert_eq!(narrowed(&even, Greys::Stretch).unwrap().get_pixel(0, 0).0, [0; 3]);
        let eight: DynamicImage = ImageBuffer::from_pixel(3, 2, Luma([7u8])).into();
        assert!(narrowed(&eight, Greys::Stretch).is_none() && !is_dim(&eight));
    }

    #[test]
    fn a_window_that_is_none_is_refused() {
        for (black, white) in [(5.0, 5.0), (9.0, 2.0), (f32::NAN, 1.0)] {
            let says = Greys::Window(black, white).check().unwrap_err().to_string();
            assert!(says.contains("the window of `greys`") && says.contains("Greys::Window(0.0, 4095.0)"), "{says}");
        }
        assert!(Greys::Stretch.check().is_ok());
    }
}

//! A picture file as eight-bit red, green and blue, the right way up.

use super::greys::{self, Greys};
use crate::paths;
use crate::{Error, Result};
use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage};
use std::io::Cursor;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Endings of files that are read as pictures, in lower case.
pub(super) const ENDINGS: [&str; 10] = ["png", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "gif", "tif", "tiff"];
/// The most pixels that a picture may have, as large scans of museums do: of three bytes each they fill 900 MB.
const MOST_PIXELS: u64 = 300_000_000;
/// Of pictures with more pixels than so many, one is decoded at a time.
const LARGE: u64 = 30_000_000;
/// Held while a large picture is decoded.
static ONE_LARGE: Mutex<()> = Mutex::new(());

/// Reads a picture of any kind that the prelude knows (PNG, JPEG, WebP, BMP, TIFF, the first picture of a GIF), turned as its EXIF notes say,
/// transparent parts on white.
///
/// # Errors
/// Where the file cannot be read, is no picture, or holds no pixels; the message names the file.
pub fn read_picture(path: impl AsRef<Path>) -> Result<RgbImage> {
    read(&paths::expanded(path.as_ref()), Greys::Whole)
}

/// The same with the greys of sixteen bits brought to eight in a way of one's own.
///
/// # Errors
/// As [`read_picture`].
pub fn read_picture_as(path: impl AsRef<Path>, greys: Greys) -> Result<RgbImage> {
    read(&paths::expanded(path.as_ref()), greys)
}

fn read(path: &Path, greys: Greys) -> Result<RgbImage> {
    if path.is_dir() {
        return Err(Error::new(format!("`{}` is a folder, where one picture was expected", path.display()))
            .remedy("name a picture in it; of several, `learner.predict_all(&[\"a.jpg\", \"b.jpg\"])?`"));
    }
    let bytes = std::fs::read(path).map_err(|error| {
        Error::new(format!("the picture `{}` cannot be read", path.display()))
            .remedy(if error.kind() == std::io::ErrorKind::NotFound {
                paths::remedy(path)
            } else {
                "check that the file may be read".to_owned()
            })
            .caused_by(error)
    })?;
    decode_as(&bytes, greys).map(|decoded| decoded.0).map_err(|why| {
        // a decoder's own words may have lines
        let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
        Error::new(format!("`{}` is no readable picture: {why}", path.display()))
            .remedy("take another file; a data set leaves such ones out unless it is `.strict()`")
    })
}

/// The bytes of a picture file as pixels, or why not.
#[cfg(test)]
pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, String> {
    decode_as(bytes, Greys::Whole).map(|decoded| decoded.0)
}

/// The same with its greys in a way of one's own, and whether it looks black because it uses so little of its range.
pub(super) fn decode_as(bytes: &[u8], greys: Greys) -> Result<(RgbImage, bool), String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| error.to_string())?;
    if reader.format().is_none() {
        return Err("its first bytes are of no known picture format".to_owned());
    }
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(format!("it is {width} × {height} pixels large"));
    }
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(format!("it is {width} × {height} pixels large; more than 300 million are not read"));
    }
    let is_large = u64::from(width) * u64::from(height) > LARGE;
    let _alone = is_large.then(|| ONE_LARGE.lock().unwrap_or_else(PoisonError::into_inner));
    if is_cut_off(bytes) {
        return Err("it is cut off: its end is missing".to_owned());
    }
    let orientation = decoder.orientation().map_err(|error| error.to_string())?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    picture.apply_orientation(orientation);
    Ok((to_rgb_as(&picture, greys), greys == Greys::Whole && greys::is_dim(&picture)))
}

/// As [`to_rgb`], with the greys of sixteen bits brought to eight in a way of one's own.
pub fn to_rgb_as(picture: &DynamicImage, greys: Greys) -> RgbImage {
    greys::narrowed(picture, greys).unwrap_or_else(|| to_rgb(picture))
}

/// Width and height of a picture file as it is shown, without its pixels being decoded; `None` where it cannot be read.
pub(super) fn upright_size(path: &Path) -> Option<(u32, u32)> {
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format).ok()?;
    let mut decoder = reader.into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    let orientation = decoder.orientation().ok()?;
    let mut shown = DynamicImage::new_luma8(1, 2);
    shown.apply_orientation(orientation);
    Some(if shown.width() == 1 { (width, height) } else { (height, width) })
}

/// What is wrong with a picture's file, though a browser may show some of it; nothing where it is whole. Of a JPEG only its end is looked at.
pub(crate) fn fault_of(path: &Path) -> Option<String> {
    let bytes = std::fs::read(path).ok()?;
    if bytes.starts_with(&[0xff, 0xd8]) {
        return is_cut_off(&bytes).then(|| "it is cut off: its end is missing".to_owned());
    }
    decode_as(&bytes, Greys::Whole).err()
}

/// Whether a JPEG has no end: decoders fill up with grey what is missing. Within the data of the picture itself no two
/// bytes look like the mark of its end (ITU T.81, B.1.1.2).
fn is_cut_off(bytes: &[u8]) -> bool {
    let Some(mut rest) = bytes.strip_prefix(&[0xff, 0xd8]) else { return false };
    while let [0xff, kind, high, low, ..] = *rest {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some(next) = rest.get(2 + length..) else { return true };
        rest = next;
        // What follows is the picture.
        if kind == 0xda {
            return !rest.windows(2).rev().any(|pair| pair == [0xff, 0xd9]);
        }
    }
    // Something between the segments: the decoder knows better.
    false
}

/// Any picture as eight-bit red, green and blue: grey and sixteen-bit ones converted, transparent parts on white.
pub fn to_rgb(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let rgba = picture.to_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (to, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let alpha = u32::from(from[3]);
        to.0 = std::array::from_fn(|c| ((u32::from(from[c]) * alpha + 255 * (255 - alpha) + 127) / 255) as u8);
    }
    rgb
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageBuffer, ImageFormat, Luma, Rgba};

    fn png(picture: DynamicImage) -> Vec<u8> {
        let mut bytes = Vec::new();
        picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        bytes
    }

    /// PNG's checksum of a chunk.
    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
        })
    }

    #[test]
    fn grey_sixteen_bit_and_transparent_pictures() {
        let grey = ImageBuffer::from_pixel(3, 2, Luma([100u8]));
        assert_eq!(decode(&png(grey.into())).unwrap().get_pixel(2, 1).0, [100; 3]);
        let deep = ImageBuffer::from_pixel(3, 2, Luma([0x8080u16]));
        assert_eq!(decode(&png(deep.into())).unwrap().get_pixel(0, 0).0, [128; 3]);
        let clear = ImageBuffer::from_pixel(3, 2, Rgba([255u8, 0, 0, 0]));
        assert_eq!(decode(&png(clear.into())).unwrap().get_pixel(0, 0).0, [255; 3]);
        let half = ImageBuffer::from_pixel(3, 2, Rgba([0u8, 0, 0, 128]));
        assert_eq!(decode(&png(half.into())).unwrap().get_pixel(0, 0).0, [127; 3]);
    }

    #[test]
    fn tiffs_and_the_first_of_moving_pictures() {
        let slope = RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8 * 4, y as u8 * 4, 9]));
        let mut tiff = Vec::new();
        DynamicImage::from(slope.clone()).write_to(&mut Cursor::new(&mut tiff), ImageFormat::Tiff).unwrap();
        assert_eq!(decode(&tiff).unwrap(), slope);
        let deep = ImageBuffer::from_pixel(3, 2, Luma([0x8080u16]));
        tiff.clear();
        DynamicImage::from(deep).write_to(&mut Cursor::new(&mut tiff), ImageFormat::Tiff).unwrap();
        assert_eq!(decode(&tiff).unwrap().get_pixel(2, 1).0, [128; 3]);
        let mut gif = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
        for shade in [255, 0] {
            encoder
                .encode_frame(image::Frame::new(image::RgbaImage::from_pixel(8, 8, Rgba([shade, shade, shade, 255]))))
                .unwrap();
        }
        drop(encoder);
        assert_eq!(decode(&gif).unwrap().get_pixel(4, 4).0, [255; 3]);
    }

    /// Four inks of which none stands for black alone, as printers' files have them, written by
    /// tests/reference/cmyk.py.
    #[test]
    fn a_jpeg_of_four_inks() {
        let picture = decode(include_bytes!("../../tests/fixtures/cmyk.jpg")).unwrap();
        let at = |x, y| picture.get_pixel(x, y).0.map(|value| value / 86);
        assert_eq!([at(8, 8), at(24, 8), at(8, 24), at(24, 24)], [[2, 0, 0], [0, 2, 0], [0, 0, 2], [2, 2, 2]]);
    }

    #[test]
    fn a_scan_of_two_hundred_million_pixels() {
        let (width, height) = (20_000u32, 10_000u32);
        let mut bytes = Vec::new();
        let mut writer = png::Encoder::new(&mut bytes, width, height);
        writer.set_color(png::ColorType::Grayscale);
        writer.set_compression(png::Compression::Fast);
        let rows: Vec<u8> = (0..height).flat_map(|y| std::iter::repeat_n((y / 50) as u8, width as usize)).collect();
        writer.write_header().unwrap().write_image_data(&rows).unwrap();
        drop(rows);
        let picture = decode(&bytes).unwrap();
        assert_eq!((picture.dimensions(), picture.get_pixel(19_999, 9_999).0), ((width, height), [199; 3]));
    }

    #[test]
    fn a_turned_jpeg_is_put_upright() {
        let mut wide = RgbImage::from_pixel(32, 16, image::Rgb([0; 3]));
        image::imageops::replace(&mut wide, &RgbImage::from_pixel(16, 16, image::Rgb([255; 3])), 0, 0);
        let mut jpeg = Vec::new();
        DynamicImage::from(wide).write_to(&mut Cursor::new(&mut jpeg), ImageFormat::Jpeg).unwrap();
        // an APP1 segment with one little-endian IFD entry: orientation (0x0112), short, one, 6 = turn right
        let tiff = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let mut turned = jpeg[..2].to_vec();
        turned.extend([0xff, 0xe1]);
        turned.extend(((tiff.len() + 2) as u16).to_be_bytes());
        turned.extend(tiff);
        turned.extend(&jpeg[2..]);
        let upright = decode(&turned).unwrap();
        assert_eq!(upright.dimensions(), (16, 32));
        assert!(upright.get_pixel(8, 4)[0] > 200 && upright.get_pixel(8, 28)[0] < 50);
    }

    #[test]
    fn what_is_no_picture_says_why() {
        assert_eq!(decode(b"").unwrap_err(), "the file is empty");
        assert!(decode(b"hello, this is text").unwrap_err().contains("no known picture format"));
        // Its header alone says how large it is.
        let mut huge = png(ImageBuffer::from_pixel(30, 20, Luma([1u8])).into());
        huge[16..20].copy_from_slice(&40_000u32.to_be_bytes());
        huge[20..24].copy_from_slice(&40_000u32.to_be_bytes());
        let sum = crc(&huge[12..29]);
        huge[29..33].copy_from_slice(&sum.to_be_bytes());
        let says = decode(&huge).unwrap_err();
        assert!(says.contains("40000 × 40000 pixels large; more than 300 million"), "{says}");
        let mut jpeg = Vec::new();
        let slope = RgbImage::from_fn(64, 64, |x, y| image::Rgb([x as u8 * 4, y as u8 * 4, (x * y) as u8]));
        DynamicImage::from(slope).write_to(&mut Cursor::new(&mut jpeg), ImageFormat::Jpeg).unwrap();
        assert!(decode(&jpeg).is_ok());
        for length in [jpeg.len() - 2, jpeg.len() * 3 / 4, jpeg.len() / 2] {
            assert!(
                decode(&jpeg[..length]).is_err_and(|why| why.contains("cut off") || why.contains("EOF")),
                "{length}"
            );
        }
        assert!(decode(&[&jpeg[..], b"more"].concat()).is_ok(), "what follows the end is no fault");
        let whole = png(ImageBuffer::from_pixel(30, 20, Luma([1u8])).into());
        assert!(decode(&whole[..whole.len() / 2]).is_err());
        let mut bmp = Vec::new();
        let grey = DynamicImage::from(ImageBuffer::from_pixel(1, 1, Luma([1u8])));
        grey.write_to(&mut Cursor::new(&mut bmp), ImageFormat::Bmp).unwrap();
        bmp[18..26].fill(0); // width and height in a bitmap's header
        assert!(decode(&bmp).is_err());
        let error = read_picture("nowhere.png").unwrap_err().to_string();
        assert!(error.contains("nowhere.png") && error.contains('→'), "{error}");
    }
}

//! A picture's size and how it is turned, from the head of its file.

use image::metadata::Orientation;
use image::{ImageDecoder, ImageReader};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// A picture's size as it is stored, and how it is turned when it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measured {
    /// Width and height of the stored pixels.
    pub stored: (u32, u32),
    /// What is done to them when the picture is shown.
    pub turn: Orientation,
}

impl Measured {
    /// Width and height as it is shown.
    pub fn upright(&self) -> (u32, u32) {
        let (width, height) = self.stored;
        if self.swaps() { (height, width) } else { (width, height) }
    }

    /// Whether width and height change places when it is shown.
    pub fn swaps(&self) -> bool {
        use Orientation::*;
        matches!(self.turn, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
    }

    /// A box on the stored pixels as it stands on the upright picture.
    pub fn turned(&self, [left, top, right, bottom]: [f64; 4]) -> [f64; 4] {
        let (width, height) = (f64::from(self.stored.0), f64::from(self.stored.1));
        match self.turn {
            Orientation::NoTransforms => [left, top, right, bottom],
            Orientation::Rotate90 => [height - bottom, left, height - top, right],
            Orientation::Rotate180 => [width - right, height - bottom, width - left, height - top],
            Orientation::Rotate270 => [top, width - right, bottom, width - left],
            Orientation::FlipHorizontal => [width - right, top, width - left, bottom],
            Orientation::FlipVertical => [left, height - bottom, right, height - top],
            Orientation::Rotate90FlipH => [top, left, bottom, right],
            Orientation::Rotate270FlipH => [height - bottom, width - right, height - top, width - left],
        }
    }
}

/// Reads the head of a picture file; `None` where it cannot be read.
pub(super) fn measure(path: &Path) -> Option<Measured> {
    // The decoder of JPEG reads the whole file first; of 20,000 pictures that is most of the time.
    let found = jpeg(path).or_else(|| {
        let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format).ok()?;
        let mut decoder = reader.into_decoder().ok()?;
        Some(Measured { stored: decoder.dimensions(), turn: decoder.orientation().ok()? })
    })?;
    (found.stored.0 > 0 && found.stored.1 > 0).then_some(found)
}

/// Walks a JPEG's segments to the one that says its size (ITU T.81, B.2.2), past the one with its EXIF notes.
fn jpeg(path: &Path) -> Option<Measured> {
    let mut file = BufReader::with_capacity(4096, File::open(path).ok()?);
    let mut start = [0; 2];
    file.read_exact(&mut start).ok()?;
    if start != [0xff, 0xd8] {
        return None;
    }
    let mut turn = Orientation::NoTransforms;
    // A picture has some twenty; bytes that are no picture are not walked for ever.
    for _ in 0..4096 {
        let mut head = [0; 4];
        file.read_exact(&mut head).ok()?;
        let [0xff, kind, high, low] = head else { return None };
        let length = i64::from(u16::from_be_bytes([high, low])).checked_sub(2).filter(|length| *length >= 0)?;
        match kind {
            // Frames, but not the tables that stand among their numbers.
            0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(&kind) => {
                let mut frame = [0; 5];
                file.read_exact(&mut frame).ok()?;
                let side = |at: usize| u32::from(u16::from_be_bytes([frame[at], frame[at + 1]]));
                return Some(Measured { stored: (side(3), side(1)), turn });
            }
            0xe1 if turn == Orientation::NoTransforms => {
                let mut notes = vec![0; length as usize];
                file.read_exact(&mut notes).ok()?;
                let exif = notes.strip_prefix(b"Exif\0\0");
                turn = exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
            }
            0xda | 0xd9 => return None,
            _ if length < file.buffer().len() as i64 => file.consume(length as usize),
            _ => drop(file.seek(SeekFrom::Current(length)).ok()?),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, GrayImage, ImageFormat, Luma};
    use std::io::Cursor;

    /// A JPEG of 60 × 40 pixels whose notes say how it is turned.
    fn jpeg_with(orientation: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        DynamicImage::new_luma8(60, 40).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg).unwrap();
        let tiff = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let mut tiff = tiff.to_vec();
        tiff[24] = orientation;
        let mut turned = bytes[..2].to_vec();
        turned.extend([0xff, 0xe1]);
        turned.extend(((tiff.len() + 2) as u16).to_be_bytes());
        turned.extend(tiff);
        turned.extend(&bytes[2..]);
        turned
    }

    #[test]
    fn heads_say_what_the_decoders_say() {
        let folder = tempfile::tempdir().unwrap();
        for orientation in 1..=8 {
            let path = folder.path().join("a.jpg");
            std::fs::write(&path, jpeg_with(orientation)).unwrap();
            let found = jpeg(&path).unwrap();
            assert_eq!(found.stored, (60, 40));
            assert_eq!(found.turn.to_exif(), orientation);
            assert_eq!(Some(found.upright()), crate::data::decode::upright_size(&path));
            assert_eq!(measure(&path), Some(found));
        }
        let path = folder.path().join("b.bmp");
        DynamicImage::new_luma8(7, 9).save_with_format(&path, ImageFormat::Bmp).unwrap();
        assert_eq!(measure(&path).map(|found| found.stored), Some((7, 9)));
        for bytes in [&b""[..], b"\xff\xd8\xff\xe1\x00\x01", b"\xff\xd8\xff\xe1\xff\xff", b"\xff\xd8text", b"text"] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(measure(&path), None, "{bytes:?}");
        }
        assert_eq!(measure(Path::new("nowhere.jpg")), None);
    }

    #[test]
    fn boxes_turn_with_the_picture() {
        for orientation in 1..=8 {
            let turn = Orientation::from_exif(orientation).unwrap();
            let mut picture = GrayImage::new(7, 5);
            (1..3).for_each(|y| (2..6).for_each(|x| picture.put_pixel(x, y, Luma([255]))));
            let mut shown = DynamicImage::from(picture);
            shown.apply_orientation(turn);
            let shown = shown.to_luma8();
            let lit: Vec<(u32, u32)> =
                shown.enumerate_pixels().filter(|(_, _, value)| value.0[0] > 0).map(|(x, y, _)| (x, y)).collect();
            let edge = |of: fn(&(u32, u32)) -> u32| lit.iter().map(of);
            let expected = [
                edge(|p| p.0).min().unwrap(),
                edge(|p| p.1).min().unwrap(),
                edge(|p| p.0 + 1).max().unwrap(),
                edge(|p| p.1 + 1).max().unwrap(),
            ];
            let measured = Measured { stored: (7, 5), turn };
            assert_eq!(measured.turned([2.0, 1.0, 6.0, 3.0]), expected.map(f64::from), "{orientation}");
            assert_eq!(measured.upright(), shown.dimensions());
        }
    }
}

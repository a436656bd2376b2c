//! Pictures as a notebook keeps them: charts as PNG with few colours, photographs as JPEG.

use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage, RgbaImage};
use std::collections::HashMap;
use std::io::Cursor;

/// A picture's bytes and what they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// `image/png` or `image/jpeg`.
    pub mime: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Of 100. Letters stay sharp at it, since pictures have twice the pixels that they are shown with.
const QUALITY: u8 = 75;

/// Colours in a palette.
const PALETTE: usize = 256;

/// Of a chart, so many colours stay exactly as they are.
const EXACT: usize = 128;

/// Most of a chart's pixels have few colours: at most one in so many has another one, at the edge of a line or letter.
const EDGES: u64 = 12;

/// More different colours than this are no chart's.
const MANY: usize = 40_000;

type Rgba = [u8; 4];

/// The picture in few bytes: what has at most 256 colours exactly as it is, a chart with its edges' colours rounded, a
/// photograph as JPEG on white.
pub fn encode(pixels: &RgbaImage) -> Encoded {
    encoded(pixels, false)
}

/// As [`encode`], a chart compressed in a fifth of the time, and to about a third more: for what the next frame replaces.
pub fn encode_fast(pixels: &RgbaImage) -> Encoded {
    encoded(pixels, true)
}

fn encoded(pixels: &RgbaImage, haste: bool) -> Encoded {
    match palette(pixels, true) {
        Some(palette) => Encoded { mime: "image/png", bytes: indexed(pixels, &palette, haste) },
        None => photograph(pixels),
    }
}

/// The picture as PNG, exactly as it is.
pub fn exact_png(pixels: &RgbaImage) -> Vec<u8> {
    if let Some(palette) = palette(pixels, false) {
        return indexed(pixels, &palette, false);
    }
    let mut bytes = Vec::new();
    // Writing eight-bit pixels into memory has no way to fail; an empty picture stays empty.
    let _ = pixels.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png);
    bytes
}

fn photograph(pixels: &RgbaImage) -> Encoded {
    let mut on_white = RgbImage::new(pixels.width(), pixels.height());
    for (to, from) in on_white.pixels_mut().zip(pixels.pixels()) {
        let [r, g, b, a] = from.0.map(u32::from);
        to.0 = [r, g, b].map(|value| ((value * a + 255 * (255 - a) + 127) / 255) as u8);
    }
    let mut bytes = Vec::new();
    match JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&on_white) {
        Ok(()) => Encoded { mime: "image/jpeg", bytes },
        // A picture too large for JPEG.
        Err(_) => Encoded { mime: "image/png", bytes: exact_png(pixels) },
    }
}

/// The colours of a picture, and of which each pixel is.
struct Palette {
    colors: Vec<Rgba>,
    /// A byte a pixel, by rows.
    places: Vec<u8>,
}

/// `None` where there are too many colours.
fn palette(pixels: &RgbaImage, rounded: bool) -> Option<Palette> {
    if pixels.is_empty() {
        return None;
    }
    let most = if rounded { MANY } else { PALETTE };
    // Each colour as it is met first, how many pixels have it, and of which each pixel is.
    let (mut met, mut met_at): (Vec<(Rgba, u64)>, HashMap<Rgba, u16>) = Default::default();
    let mut whose: Vec<u16> = Vec::with_capacity(pixels.as_raw().len() / 4);
    // Neighbours mostly are alike.
    let mut last = None;
    for pixel in pixels.pixels() {
        let at = match last {
            Some((color, at)) if color == pixel.0 => at,
            _ => *met_at.entry(pixel.0).or_insert_with(|| {
                met.push((pixel.0, 0));
                (met.len() - 1) as u16
            }),
        };
        if met.len() > most {
            return None;
        }
        met[usize::from(at)].1 += 1;
        whose.push(at);
        last = Some((pixel.0, at));
    }
    let mut order: Vec<usize> = (0..met.len()).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(met[*at].1), met[*at].0));
    let (common, rare) = order.split_at(if met.len() <= PALETTE { met.len() } else { EXACT });
    if rare.iter().map(|at| met[*at].1).sum::<u64>() * EDGES > whose.len() as u64 {
        return None;
    }
    let exact: Vec<Rgba> = common.iter().map(|at| met[*at].0).collect();
    let mut place = vec![0; met.len()];
    common.iter().enumerate().for_each(|(index, at)| place[*at] = index as u8);
    let all =
        |colors, place: &[u8]| Palette { colors, places: whose.iter().map(|at| place[usize::from(*at)]).collect() };
    if rare.is_empty() {
        return Some(all(exact, &place));
    }
    // Colours that differ in their last bits only share a place, that of the most common of them.
    (2..8).find_map(|bits| {
        let mut colors = exact.clone();
        let mut groups: HashMap<Rgba, u8> = HashMap::new();
        for at in rare {
            let color = met[*at].0;
            let group = color.map(|value| value >> bits);
            let next = colors.len();
            place[*at] = match groups.get(&group) {
                Some(index) => *index,
                None if next < PALETTE => {
                    colors.push(color);
                    *groups.entry(group).or_insert(next as u8)
                }
                None => return None,
            };
        }
        Some(all(colors, &place))
    })
}

/// A PNG file that keeps a byte a pixel. `High` compression takes three times as long as `Balanced`, for nothing on charts.
fn indexed(pixels: &RgbaImage, palette: &Palette, haste: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(if haste { png::Compression::Fast } else { png::Compression::Balanced });
    // unfiltered, what the fast way makes is ten times as long
    encoder.set_filter(if haste { png::Filter::Adaptive } else { png::Filter::NoFilter });
    encoder.set_palette(palette.colors.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect::<Vec<u8>>());
    if palette.colors.iter().any(|color| color[3] < 255) {
        encoder.set_trns(palette.colors.iter().map(|color| color[3]).collect::<Vec<u8>>());
    }
    // Writing into memory has no way to fail.
    let _ = encoder.write_header().and_then(|mut writer| writer.write_image_data(&palette.places));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgba as Pixel;

    fn decoded(encoded: &Encoded) -> RgbaImage {
        image::load_from_memory(&encoded.bytes).unwrap().to_rgba8()
    }

    /// A white card with lines whose edges fade, in `hues` colours.
    fn chart(hues: u32) -> RgbaImage {
        RgbaImage::from_fn(900, 600, |x, y| match (x % 150, y / 2 % hues) {
            (column, hue) if column < 12 => {
                let fade = |value: u32| (value + (255 - value) * column / 12) as u8;
                Pixel([fade(hue * 3), fade(200 - hue * 2), fade(40), 255])
            }
            _ if x < 4 || y < 4 => Pixel([0, 0, 0, 0]),
            _ => Pixel([255; 4]),
        })
    }

    /// Every pixel another colour, smooth in both directions.
    fn photo() -> RgbaImage {
        RgbaImage::from_fn(400, 300, |x, y| {
            Pixel([(x * 255 / 400) as u8, (y * 255 / 300) as u8, (x * y / 500) as u8, 255])
        })
    }

    #[test]
    fn few_colours_stay_as_they_are() {
        let chart = chart(10);
        let encoded = encode(&chart);
        assert_eq!(encoded.mime, "image/png");
        assert_eq!(decoded(&encoded), chart);
        for one in [RgbaImage::from_pixel(3, 2, Pixel([1, 2, 3, 4])), RgbaImage::new(1, 1)] {
            assert_eq!(decoded(&encode(&one)), one);
        }
        let gray = RgbaImage::from_fn(256, 4, |x, _| Pixel([x as u8, x as u8, x as u8, 255]));
        assert_eq!(decoded(&encode(&gray)), gray);
        assert_eq!(image::load_from_memory(&exact_png(&photo())).unwrap().to_rgba8(), photo());
    }

    #[test]
    fn a_charts_edges_are_rounded_and_nothing_else() {
        let chart = chart(60);
        let encoded = encode(&chart);
        assert_eq!(encoded.mime, "image/png");
        let back = decoded(&encoded);
        let mut exact = 0;
        for (was, is) in chart.pixels().zip(back.pixels()) {
            exact += usize::from(was == is);
            assert!(was.0.iter().zip(is.0).all(|(was, is)| was.abs_diff(is) < 32), "{was:?} {is:?}");
        }
        assert!(exact > 900 * 600 * 11 / 12, "{exact}");
        let mut whole = Vec::new();
        chart.write_to(&mut Cursor::new(&mut whole), ImageFormat::Png).unwrap();
        assert!(encoded.bytes.len() * 2 < whole.len(), "{} {}", encoded.bytes.len(), whole.len());
    }

    #[test]
    fn a_photograph_is_jpeg_and_looks_the_same() {
        let photo = photo();
        let encoded = encode(&photo);
        assert_eq!(encoded.mime, "image/jpeg");
        let back = decoded(&encoded);
        let error: u64 = photo.pixels().zip(back.pixels()).map(|(a, b)| u64::from(a[0].abs_diff(b[0]))).sum();
        assert!(error < 4 * 400 * 300, "{error}");
        // What lets the ground shine through stands on white.
        let clear = RgbaImage::from_fn(400, 300, |x, y| Pixel([x as u8, y as u8, (x * y) as u8, 0]));
        assert!(decoded(&encode(&clear)).pixels().all(|pixel| pixel.0.iter().all(|value| *value > 250)));
    }

    #[test]
    fn an_empty_picture_is_no_trouble() {
        assert!(encode(&RgbaImage::new(0, 5)).bytes.len() < 100);
    }
}

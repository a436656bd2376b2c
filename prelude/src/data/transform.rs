//! From a picture to the numbers that a network sees, and from its boxes back to the picture.

use super::Greys;
use crate::boxes::BBox;
use crate::{Result, limits};
use candle_core::{Device, Tensor};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use image::imageops;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// How a picture that is not square becomes a square one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResizeMethod {
    /// Stretched: nothing is lost, proportions change.
    Stretch,
    /// The middle square: proportions stay, the ends of the longer side are lost.
    #[default]
    Crop,
    /// The whole picture on a grey square: nothing is lost, proportions stay, fewer pixels for the picture.
    Pad,
    /// As [`Pad`](ResizeMethod::Pad), with the picture at the upper left and all the grey at the right or at the bottom: what YOLOX takes.
    PadEnd,
}

/// The mean and the standard deviation that pictures are shifted and scaled by, per channel, for values from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalize {
    /// Subtracted first: red, green, blue.
    pub mean: [f32; 3],
    /// Divided by afterwards: red, green, blue.
    pub std: [f32; 3],
}

impl Normalize {
    /// The means and deviations of ImageNet, which most published weights were trained with.
    pub fn imagenet() -> Normalize {
        Normalize { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }
    }

    /// Values from -1 to 1.
    pub fn half() -> Normalize {
        Normalize { mean: [0.5; 3], std: [0.5; 3] }
    }

    /// Values from 0 to 255, as they lie in a file.
    pub fn bytes() -> Normalize {
        Normalize { mean: [0.0; 3], std: [1.0 / 255.0; 3] }
    }

    /// Values from 0 to 1.
    pub fn none() -> Normalize {
        Normalize { mean: [0.0; 3], std: [1.0; 3] }
    }

    /// Refuses means that are no numbers, and deviations that are not above 0.
    pub(crate) fn check(&self) -> Result<()> {
        let remedy = "take a ready one: `Normalize::imagenet()`, `Normalize::half()` or `Normalize::none()`";
        for (mean, std) in self.mean.into_iter().zip(self.std) {
            let fine = std.is_finite() && std > 0.0;
            limits::allow(mean.is_finite(), "a `mean` of the normalisation", &mean, "a finite number", remedy)?;
            limits::allow(fine, "a `std` of the normalisation", &std, "a finite number above 0", remedy)?;
        }
        Ok(())
    }

    /// Factor and offset per channel that bring a byte to its normalised value.
    pub(crate) fn factors(&self) -> ([f32; 3], [f32; 3]) {
        let scale = std::array::from_fn(|c| 1.0 / (255.0 * self.std[c]));
        let offset = std::array::from_fn(|c| -self.mean[c] / self.std[c]);
        (scale, offset)
    }
}

impl Default for Normalize {
    fn default() -> Normalize {
        Normalize::imagenet()
    }
}

/// How a picture is prepared for a network; saved beside the weights, so that prediction prepares it alike.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transform {
    /// Side of the square in pixels.
    pub size: usize,
    /// How a picture that is not square becomes one.
    #[serde(rename = "fit")]
    pub resize: ResizeMethod,
    /// Shift and scale of the values.
    pub normalize: Normalize,
    /// How pictures of more than eight bits are read.
    #[serde(default)]
    pub greys: Greys,
}

impl Transform {
    /// The square picture of `size × size` pixels that the network sees.
    pub fn square(&self, picture: &RgbImage) -> RgbImage {
        let side = self.size as u32;
        let (width, height) = picture.dimensions();
        if (width, height) == (side, side) {
            return picture.clone();
        }
        let Placement { crop, place } = self.placement(width, height);
        let shrunk = resize(picture, crop, place[2], place[3]);
        if shrunk.dimensions() == (side, side) {
            return shrunk;
        }
        let mut square = RgbImage::from_pixel(side, side, image::Rgb([114; 3]));
        imageops::replace(&mut square, &shrunk, i64::from(place[0]), i64::from(place[1]));
        square
    }

    /// The numbers of a picture of any size.
    ///
    /// # Shapes
    /// `(3, size, size)`, f32.
    ///
    /// # Errors
    /// Where the size or the normalisation makes no sense, and where candle cannot make the tensor.
    pub fn tensor(&self, picture: &RgbImage) -> Result<Tensor> {
        limits::room(1, self.size)?;
        self.normalize.check()?;
        let square = self.square(picture);
        let mut values = vec![0.0; 3 * self.size * self.size];
        self.write(square.as_raw(), &mut values);
        Ok(Tensor::from_vec(values, (3, self.size, self.size), &Device::Cpu)?)
    }

    /// Writes the normalised values of a square picture's bytes, channel by channel.
    pub(crate) fn write(&self, square: &[u8], values: &mut [f32]) {
        let area = self.size * self.size;
        let (scale, offset) = self.normalize.factors();
        let (red, rest) = values.split_at_mut(area);
        let (green, blue) = rest.split_at_mut(area);
        for (i, pixel) in square.chunks_exact(3).enumerate() {
            red[i] = f32::from(pixel[0]) * scale[0] + offset[0];
            green[i] = f32::from(pixel[1]) * scale[1] + offset[1];
            blue[i] = f32::from(pixel[2]) * scale[2] + offset[2];
        }
    }

    /// A box on a picture of `width × height` pixels, as the box on the network's square.
    pub fn to_square(&self, bbox: &BBox, width: u32, height: u32) -> BBox {
        let Placement { crop, place } = self.placement(width, height);
        let (sx, sy) = (place[2] as f32 / crop[2] as f32, place[3] as f32 / crop[3] as f32);
        let side = self.size as u32;
        bbox.shift(-(crop[0] as f32), -(crop[1] as f32))
            .scale(sx, sy)
            .shift(place[0] as f32, place[1] as f32)
            .clip(side, side)
    }

    /// A box that the network gave, in shares of its square (`[centre x, centre y, width, height]`), as pixels of
    /// the picture of `width × height` pixels that it was shown.
    pub fn to_source(&self, normalised: [f32; 4], width: u32, height: u32) -> BBox {
        let side = self.size as u32;
        let Placement { crop, place } = self.placement(width, height);
        let (sx, sy) = (crop[2] as f32 / place[2] as f32, crop[3] as f32 / place[3] as f32);
        BBox::from_cxcywh(normalised, side, side)
            .shift(-(place[0] as f32), -(place[1] as f32))
            .scale(sx, sy)
            .shift(crop[0] as f32, crop[1] as f32)
            .clip(width, height)
    }

    /// What the network's square covers of a picture of `width × height` pixels: left, top, right, bottom in its pixels. Where a picture is
    /// padded, it reaches beyond it.
    pub(crate) fn area(&self, width: u32, height: u32) -> [f32; 4] {
        let Placement { crop, place } = self.placement(width, height);
        let side = self.size as f32;
        let along = |axis: usize| {
            let scale = crop[axis + 2] as f32 / place[axis + 2].max(1) as f32;
            let start = crop[axis] as f32 - place[axis] as f32 * scale;
            (start, start + side * scale)
        };
        let ((x0, x1), (y0, y1)) = (along(0), along(1));
        [x0, y0, x1, y1]
    }

    /// Which part of the picture is used, and where on the square it goes.
    fn placement(&self, width: u32, height: u32) -> Placement {
        let side = self.size as u32;
        let whole = [0, 0, width, height];
        match self.resize {
            ResizeMethod::Stretch => Placement { crop: whole, place: [0, 0, side, side] },
            ResizeMethod::Crop => {
                let short = width.min(height);
                let crop = [(width - short) / 2, (height - short) / 2, short, short];
                Placement { crop, place: [0, 0, side, side] }
            }
            ResizeMethod::Pad | ResizeMethod::PadEnd => {
                let long = width.max(height) as f32;
                let w = ((width as f32 / long * side as f32).round() as u32).max(1);
                let h = ((height as f32 / long * side as f32).round() as u32).max(1);
                let from = |rest: u32| if self.resize == ResizeMethod::Pad { rest / 2 } else { 0 };
                Placement { crop: whole, place: [from(side - w), from(side - h), w, h] }
            }
        }
    }
}

/// Left, top, width, height of the part that is used, and of its place on the square.
struct Placement {
    crop: [u32; 4],
    place: [u32; 4],
}

/// A part of a picture, its left, top, width and height, resized with smoothing: PIL's `BILINEAR`, whose triangle is as wide as the
/// picture shrinks.
fn resize(picture: &RgbImage, [left, top, across, down]: [u32; 4], width: u32, height: u32) -> RgbImage {
    thread_local! {
        // it keeps its coefficients and buffers from one picture to the next
        static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
    }
    if picture.dimensions() == (width, height) && (across, down) == (width, height) {
        return picture.clone();
    }
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).crop(
        f64::from(left),
        f64::from(top),
        f64::from(across),
        f64::from(down),
    );
    let mut resized = Image::new(width, height, PixelType::U8x3);
    let done = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3)
        .ok()
        .and_then(|source| RESIZER.with_borrow_mut(|resizer| resizer.resize(&source, &mut resized, &options)).ok());
    done.and_then(|()| RgbImage::from_raw(width, height, resized.into_vec())).unwrap_or_else(|| {
        let part = imageops::crop_imm(picture, left, top, across, down).to_image();
        imageops::resize(&part, width, height, imageops::FilterType::Triangle)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transform(size: usize, resize: ResizeMethod) -> Transform {
        Transform { size, resize, normalize: Normalize::imagenet(), greys: Greys::Whole }
    }

    #[test]
    fn boxes_go_there_and_back() {
        let bbox = BBox::new(120.0, 20.0, 200.0, 90.0);
        for resize in [ResizeMethod::Stretch, ResizeMethod::Crop, ResizeMethod::Pad, ResizeMethod::PadEnd] {
            let t = transform(64, resize);
            let on_square = t.to_square(&bbox, 300, 100);
            let back = t.to_source(on_square.to_cxcywh(64, 64), 300, 100);
            for (a, b) in back.to_xyxy().iter().zip(bbox.to_xyxy()) {
                assert!((a - b).abs() < 0.6, "{resize:?}: {back:?}");
            }
        }
    }

    #[test]
    fn the_square_on_the_picture() {
        let area = |resize| transform(64, resize).area(300, 100);
        assert_eq!(area(ResizeMethod::Stretch), [0.0, 0.0, 300.0, 100.0]);
        assert_eq!(area(ResizeMethod::Crop), [100.0, 0.0, 200.0, 100.0]);
        let [x0, y0, x1, y1] = area(ResizeMethod::Pad);
        assert!(x0 == 0.0 && x1 == 300.0 && (y0 + 100.0).abs() < 5.0 && (y1 - 200.0).abs() < 5.0, "{y0} {y1}");
        assert!(area(ResizeMethod::PadEnd)[1] == 0.0 && (area(ResizeMethod::PadEnd)[3] - 300.0).abs() < 10.0);
    }

    // by hand: 300×100 cropped to its middle 100×100 at 64: x = (125 - 100) · 0.64
    #[test]
    fn a_cropped_box() {
        let b = transform(64, ResizeMethod::Crop).to_square(&BBox::new(125.0, 25.0, 400.0, 50.0), 300, 100);
        assert_eq!(b.to_xyxy(), [16.0, 16.0, 64.0, 32.0]);
    }

    // torchvision: Normalize(imagenet)(ToTensor()(red picture)) = 2.2489, -2.0357, -1.8044
    #[test]
    fn values_as_torchvision() -> Result<()> {
        let red = RgbImage::from_pixel(8, 8, image::Rgb([255, 0, 0]));
        let t = transform(4, ResizeMethod::Crop).tensor(&red)?;
        assert_eq!(t.dims(), [3, 4, 4]);
        let values = t.flatten_all()?.to_vec1::<f32>()?;
        for (c, expected) in [2.2489, -2.0357, -1.8044].into_iter().enumerate() {
            assert!((values[c * 16] - expected).abs() < 1e-4, "{}", values[c * 16]);
        }
        Ok(())
    }

    #[test]
    fn padding_is_grey_and_the_picture_in_the_middle() {
        let white = RgbImage::from_pixel(40, 20, image::Rgb([255; 3]));
        let square = transform(20, ResizeMethod::Pad).square(&white);
        assert_eq!(square.get_pixel(10, 10).0, [255; 3]);
        assert_eq!(square.get_pixel(10, 2).0, [114; 3]);
        assert_eq!(square.get_pixel(10, 17).0, [114; 3]);
        let square = transform(20, ResizeMethod::PadEnd).square(&white);
        assert_eq!((square.get_pixel(10, 2).0, square.get_pixel(10, 12).0), ([255; 3], [114; 3]));
    }

    /// What tests/reference/resize.py wrote with PIL: a slope shrunk and enlarged, whole and in part.
    #[test]
    fn resizing_is_pils() {
        let bytes = include_bytes!("../../tests/fixtures/resize.safetensors");
        let all = candle_core::safetensors::load_buffer(bytes, &Device::Cpu).unwrap();
        let picture = |name: &str| {
            let (height, width, _) = all[name].dims3().unwrap();
            let values = all[name].flatten_all().unwrap().to_vec1::<u8>().unwrap();
            RgbImage::from_raw(width as u32, height as u32, values).unwrap()
        };
        let source = picture("source");
        let whole = [0, 0, source.width(), source.height()];
        for (name, part) in [("small", whole), ("tiny", whole), ("large", whole), ("part", [10, 4, 60, 50])] {
            let expected = picture(name);
            let found = resize(&source, part, expected.width(), expected.height());
            let far = found.as_raw().iter().zip(expected.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(far <= Some(1), "{name}: {far:?}");
        }
    }

    #[test]
    fn shrinking_averages() {
        let mut stripes = RgbImage::new(512, 512);
        for (x, _, pixel) in stripes.enumerate_pixels_mut() {
            pixel.0 = [if x % 2 == 0 { 0 } else { 255 }; 3];
        }
        let small = transform(16, ResizeMethod::Crop).square(&stripes);
        assert!(small.pixels().all(|p| p[0].abs_diff(127) < 6));
    }
}

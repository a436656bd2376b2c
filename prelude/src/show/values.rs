//! How values look when a cell ends with them or displays them.

use super::channel::{display_bundle, result_bundle};
use super::{Bundle, Table, cut, picture};
use candle_core::{DType, Tensor};
use image::{DynamicImage, GenericImageView, GrayImage, RgbImage, RgbaImage};
use std::any::type_name;
use std::fmt::{Arguments, Debug};
use std::ops::Deref;

/// A value that knows how it looks; implement it to have own types drawn.
///
/// ```
/// use candlewick_prelude::show::{Bundle, Show};
/// struct Celsius(f32);
/// impl Show for Celsius {
///     fn bundle(&self) -> Bundle {
///         Bundle::new().text(format!("{} °C", self.0))
///     }
/// }
/// candlewick_prelude::show::display(&Celsius(21.5));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not know how it looks",
    label = "expected a figure, a picture, a table, a tensor or the like",
    note = "a cell that ends with the value shows it as `Debug` writes it; `println!` prints it",
    note = "a type of your own is shown as its `impl Show` says: `fn bundle(&self) -> Bundle`"
)]
pub trait Show {
    /// The value's forms.
    fn bundle(&self) -> Bundle;

    /// Shows the value below what the cell has shown so far.
    fn display(&self) {
        display(self);
    }
}

/// Shows something below what the cell has shown so far.
pub fn display<T: Show + ?Sized>(value: &T) {
    display_bundle(&value.bundle());
}

/// Shows the value of a cell's last expression.
pub fn result<T: Show + ?Sized>(value: &T) {
    result_bundle(&value.bundle());
}

/// What a cell calls on its last expression: every value has it.
///
/// evcxr calls `evcxr_display`, which a [`Show`] has. In candlewick's sessions the call goes by way of
/// `cell_value().shown()`, which every type has: the value looks as [`Show`] says, else as [`Debug`] says, else it is
/// the name of its type.
pub trait CellValue {
    /// The value, ready to be shown in the best way that its type has.
    fn cell_value(&self) -> ByShow<'_, Self> {
        ByShow(ByDebug(ByName(self)))
    }

    /// Shows the value as the cell's result.
    fn evcxr_display(&self)
    where
        Self: Show,
    {
        result(self);
    }
}

impl<T: ?Sized> CellValue for T {}

/// A cell's value; where its type is no [`Show`], a method call goes on to [`ByDebug`].
#[derive(Debug)]
pub struct ByShow<'a, T: ?Sized>(ByDebug<'a, T>);

/// A cell's value that is no [`Show`]; where its type is no [`Debug`] either, a method call goes on to [`ByName`].
#[derive(Debug)]
pub struct ByDebug<'a, T: ?Sized>(ByName<'a, T>);

/// A cell's value of which only the type's name can be told.
#[derive(Debug)]
pub struct ByName<'a, T: ?Sized>(&'a T);

impl<'a, T: ?Sized> Deref for ByShow<'a, T> {
    type Target = ByDebug<'a, T>;

    fn deref(&self) -> &ByDebug<'a, T> {
        &self.0
    }
}

impl<'a, T: ?Sized> Deref for ByDebug<'a, T> {
    type Target = ByName<'a, T>;

    fn deref(&self) -> &ByName<'a, T> {
        &self.0
    }
}

impl<T: Show + ?Sized> ByShow<'_, T> {
    /// The value's own forms.
    pub fn shown(&self) -> Shown {
        Shown(self.0.0.0.bundle())
    }
}

impl<T: Debug + ?Sized> ByDebug<'_, T> {
    /// The value as `{:?}` writes it.
    pub fn shown(&self) -> Shown {
        Shown(written(format_args!("{:?}", self.0.0)))
    }
}

impl<T: ?Sized> ByName<'_, T> {
    /// The value's type.
    pub fn shown(&self) -> Shown {
        Shown(written(format_args!("a value of type {}", type_name::<T>())))
    }
}

/// How a cell's value looks.
// Not generic, as `written` is not: what is generic here is compiled in the cell, and was most of what a cell that shows
// a number had to compile.
#[derive(Debug)]
pub struct Shown(Bundle);

impl Shown {
    /// Shows it as the cell's result; the name is evcxr's.
    #[inline(never)]
    pub fn evcxr_display(self) {
        result(&self.0);
    }
}

/// A bundle of nothing but text, cut where it is too long.
#[inline(never)]
fn written(text: Arguments<'_>) -> Bundle {
    Bundle::new().text(cut::cut(text))
}

/// Nothing to show: the value of a cell that ends with a loop, or with a call for its effect.
impl Show for () {
    fn bundle(&self) -> Bundle {
        Bundle::new()
    }
}

impl Show for Bundle {
    fn bundle(&self) -> Bundle {
        self.clone()
    }
}

impl Show for Table {
    fn bundle(&self) -> Bundle {
        Table::bundle(self)
    }
}

/// Values that look as `{:?}` writes them; saying so here spares the cell a second build.
macro_rules! show_as_debug {
    ($($type:ty),*) => {
        $(impl Show for $type {
            fn bundle(&self) -> Bundle {
                written(format_args!("{self:?}"))
            }
        })*
    };
}

show_as_debug!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, f32, f64, bool, char, String, str);

impl<T: Debug> Show for Vec<T> {
    fn bundle(&self) -> Bundle {
        written(format_args!("{self:?}"))
    }
}

impl<T: Debug> Show for Option<T> {
    fn bundle(&self) -> Bundle {
        written(format_args!("{self:?}"))
    }
}

impl<T: Debug, const N: usize> Show for [T; N] {
    fn bundle(&self) -> Bundle {
        written(format_args!("{self:?}"))
    }
}

impl Show for Tensor {
    fn bundle(&self) -> Bundle {
        let (head, values) = (tensor_head(self), tensor_values(self));
        let html = format!(
            "<div><span style=\"font-weight:600\">{}</span>{}</div>",
            super::escape(&head),
            if values.is_empty() { String::new() } else { format!("<pre>{}</pre>", super::escape(&values)) }
        );
        let text = if values.is_empty() { head } else { format!("{head}\n{values}") };
        Bundle::new().text(text).html(html)
    }
}

/// Shape, type, place and the range of the values.
fn tensor_head(tensor: &Tensor) -> String {
    let dims: Vec<String> = tensor.dims().iter().map(ToString::to_string).collect();
    let shape = if dims.len() == 1 { format!("({},)", dims[0]) } else { format!("({})", dims.join(", ")) };
    let mut head = format!("Tensor {shape} {:?} on {}", tensor.dtype(), device(tensor));
    let numbers = || -> candle_core::Result<Vec<f32>> { tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1() };
    if tensor.elem_count() > 1
        && let Ok(numbers) = numbers()
    {
        let low = numbers.iter().copied().fold(f32::INFINITY, f32::min);
        let high = numbers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mean = numbers.iter().map(|value| f64::from(*value)).sum::<f64>() / numbers.len() as f64;
        head += &format!("\nmin {low:.4}  max {high:.4}  mean {mean:.4}");
        let lost = numbers.iter().filter(|value| !value.is_finite()).count();
        if lost > 0 {
            head += &format!("  NOT FINITE: {lost} of {}", numbers.len());
        }
    }
    head
}

fn device(tensor: &Tensor) -> &'static str {
    match tensor.device() {
        candle_core::Device::Cpu => "cpu",
        candle_core::Device::Cuda(_) => "cuda",
        candle_core::Device::Metal(_) => "metal",
    }
}

/// The values as candle prints them, the middle of long ones left out.
fn tensor_values(tensor: &Tensor) -> String {
    let text = tensor.to_string();
    // candle ends with a line on shape and type, which the head has said already
    match text.trim_end().rsplit_once('\n') {
        Some((values, last)) if last.starts_with("Tensor[") => values.trim_end().to_owned(),
        _ => text.trim_end().to_owned(),
    }
}

impl Show for DynamicImage {
    fn bundle(&self) -> Bundle {
        drawn(self)
    }
}

impl Show for RgbImage {
    fn bundle(&self) -> Bundle {
        drawn(&DynamicImage::from(self.clone()))
    }
}

impl Show for RgbaImage {
    fn bundle(&self) -> Bundle {
        drawn(&DynamicImage::from(self.clone()))
    }
}

impl Show for GrayImage {
    fn bundle(&self) -> Bundle {
        drawn(&DynamicImage::from(self.clone()))
    }
}

/// A picture in few bytes; a small one is shown larger, pixel by pixel.
fn drawn(picture: &DynamicImage) -> Bundle {
    let (width, height) = picture.dimensions();
    let bundle = Bundle::new().text(format!("picture of {width} × {height} pixels"));
    let factor = (160 / width.max(height).max(1)).max(1);
    let pixels = picture.to_rgba8();
    if factor == 1 {
        return bundle.picture(&picture::encode(&pixels));
    }
    let filter = image::imageops::FilterType::Nearest;
    bundle.png(&picture::exact_png(&image::imageops::resize(&pixels, width * factor, height * factor, filter)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_tensor_says_shape_type_and_range() -> crate::Result<()> {
        let tensor = Tensor::new(&[[1f32, 2.0], [3.0, 6.0]], &Device::Cpu)?;
        let bundle = tensor.bundle();
        let text = bundle.as_text().unwrap_or_default();
        assert!(text.starts_with("Tensor (2, 2) F32 on cpu\nmin 1.0000  max 6.0000  mean 3.0000\n"), "{text}");
        assert!(text.ends_with("\n[[1., 2.],\n [3., 6.]]"), "{text}");
        assert!(bundle.as_html().unwrap_or_default().contains("<pre>"));
        let ids = Tensor::new(&[3u32, 4], &Device::Cpu)?;
        assert!(ids.bundle().as_text().unwrap_or_default().starts_with("Tensor (2,) U32 on cpu\nmin 3.0000"));
        Ok(())
    }

    #[test]
    fn values_that_are_lost_are_named() -> crate::Result<()> {
        let tensor = Tensor::new(&[1f32, f32::NAN, f32::INFINITY], &Device::Cpu)?;
        assert!(tensor.bundle().as_text().unwrap_or_default().contains("NOT FINITE: 2 of 3"));
        Ok(())
    }

    #[test]
    fn small_pictures_are_png_and_larger_and_photographs_jpeg() {
        let bundle = RgbImage::new(20, 10).bundle();
        assert_eq!(bundle.as_text(), Some("picture of 20 × 10 pixels"));
        let png = bundle.get("image/png").unwrap_or_default();
        assert!(png.starts_with("iVBORw0KGgo")); // the signature of a PNG file in base64
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, png).unwrap();
        let back = image::load_from_memory(&bytes).unwrap();
        assert_eq!(back.dimensions(), (160, 80));
        let photo = RgbImage::from_fn(300, 200, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]));
        assert!(photo.bundle().get("image/jpeg").unwrap_or_default().starts_with("/9j/")); // JPEG's signature in base64
        assert!(GrayImage::new(300, 200).bundle().get("image/png").is_some());
        let deep = DynamicImage::ImageRgb32F(image::Rgb32FImage::new(200, 200));
        assert!(deep.bundle().get("image/png").is_some());
    }

    #[test]
    fn every_value_can_be_shown() {
        use std::time::Duration;
        struct Bare;
        let shown = |shown: Shown| shown.0.as_text().map(str::to_owned);
        // a Show, a Debug, neither, a reference, a number whose type is open, and nothing
        assert_eq!(shown((Bundle::new().text("own")).cell_value().shown()), Some("own".into()));
        assert_eq!(shown((Duration::from_secs(2)).cell_value().shown()), Some("2s".into()));
        assert!(shown((Bare).cell_value().shown()).unwrap().ends_with("::Bare"));
        let reference: &dyn Debug = &Duration::from_secs(3);
        assert_eq!(shown(reference.cell_value().shown()), Some("3s".into()));
        assert_eq!(shown((6 * 7).cell_value().shown()), Some("42".into()));
        assert!(().cell_value().shown().0.data().is_empty());
    }

    #[test]
    fn plain_values_look_as_debug_writes_them() {
        assert_eq!(42.bundle().as_text(), Some("42"));
        assert_eq!("a\"b".bundle().as_text(), Some("\"a\\\"b\""));
        assert_eq!(vec![1.5f32, 2.0].bundle().as_text(), Some("[1.5, 2.0]"));
        assert_eq!(Some(3).bundle().as_text(), Some("Some(3)"));
    }
}
